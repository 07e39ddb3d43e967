"""How the time grows with the width of one layer, and with the depth."""

from __future__ import annotations

import dataclasses
import functools

import nets
import pytest

import regions

pytestmark = [pytest.mark.benchmark, pytest.mark.usefixtures("compiled")]

WIDTHS = (100, 200, 500, 1000, 2000, 4000)
FAR_APART = (13, 15, 17, 19, 21)
DEPTHS = (1, 2, 3, 4, 5, 6)
# A complex of 2-2000-1 takes minutes and more than 10 GB.
WIDEST_COMPLEX = 1000


CALLS = {
    "count_regions": lambda net: regions.count_regions(net, nets.BOUND),
    "enumerate_regions": lambda net: regions.enumerate_regions(net, nets.BOUND).n_regions,
}


def grow(benchmark, function: str, widths: tuple[int, ...], **about: int) -> None:
    call = functools.partial(CALLS[function], nets.network(widths))
    count = benchmark.pedantic(call, rounds=nets.rounds(nets.clocked(call)))
    benchmark.extra_info |= {"function": function, "regions": count, **about}


@pytest.mark.parametrize(
    ("function", "width"),
    [
        *(("count_regions", width) for width in WIDTHS),
        *(("enumerate_regions", width) for width in WIDTHS if width <= WIDEST_COMPLEX),
    ],
)
def test_width_of_one_layer(benchmark, function: str, width: int) -> None:
    grow(benchmark, function, (2, width, 1), width=width)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("function", CALLS)
def test_depth_at_width_64(benchmark, function: str, depth: int) -> None:
    grow(benchmark, function, (2, *[64] * depth, 1), depth=depth)


@pytest.mark.parametrize("depth", FAR_APART)
def test_counts_of_weights_far_apart(benchmark, depth: int) -> None:
    found = regions.enumerate_regions(nets.far_apart(depth), 1)
    # What is read off is kept, so every round has a complex of its own.
    counts = benchmark.pedantic(
        lambda complex: complex.counts(), setup=lambda: ((dataclasses.replace(found),), {}), rounds=3
    )
    benchmark.extra_info |= {"depth": depth, **counts.to_dict()}
