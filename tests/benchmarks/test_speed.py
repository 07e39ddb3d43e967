"""Times of the engine beside a forward pass of torch; run with ``pytest tests/benchmarks -m benchmark``."""

from __future__ import annotations

import functools

import child
import nets
import pytest

import regions

pytestmark = [pytest.mark.benchmark, pytest.mark.usefixtures("compiled")]

CALLS = {
    "enumerate_regions": lambda net: regions.enumerate_regions(net, nets.BOUND).n_regions,
    "count_regions": lambda net: regions.count_regions(net, nets.BOUND),
}


@pytest.mark.parametrize("name", nets.TABLE)
@pytest.mark.parametrize("function", CALLS)
def test_speed(benchmark, function: str, name: str) -> None:
    widths = nets.TABLE[name]
    call = functools.partial(CALLS[function], nets.network(widths))
    count = benchmark.pedantic(call, rounds=nets.rounds(nets.clocked(call)))
    seconds, forward = benchmark.stats.stats.min, nets.forward_seconds(widths)
    benchmark.extra_info |= {
        "function": function,
        "net": name,
        "regions": count,
        "regions_per_second": count / seconds,
        "forward_seconds": forward,
        "ratio": seconds / forward,
        "peak_bytes": child.run(function, name)["peak_bytes"],
    }
