"""At the ends of float64: what overflows and underflows there, and cancels in the domain, on every way to an answer."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from typing import Any

import extreme_paths
import numpy as np
import pytest
from extreme_paths import PATHS, sparsely
from hypothesis import HealthCheck, Phase, given, seed, settings
from reference import reference_of

import regions
from regions import Box, Layer, Network
from regions.testing import AIMS, extremes, reference_count

CORNER = 2.0**24
AROUND = Box(CORNER - 1, CORNER - 1, CORNER + 1, CORNER + 1)

# The line z = 2**999 (2 x - y - 2**24) through the middle of a box whose products overflow.
OVERFLOWING = Network.from_arrays([[[2.0**1000, -(2.0**999)]], [[1.0]]], [[-(2.0**1023)], [0.0]])

# 2**900 y = 2**-180, x + 2**900 y = 2**-180 + 2**-181 and -x + 2**900 y = 2**-180 - 2**-181 meet in one point.
CONCURRENT = Network.from_arrays(
    [[[0.0, 2.0**900], [1.0, 2.0**900], [-1.0, 2.0**900]], np.ones((1, 3))],
    [[-(2.0**-180), -(2.0**-180) - 2.0**-181, -(2.0**-180) + 2.0**-181], [0.0]],
)
FLAT = Box(-(2.0**-178), -1.0, 2.0**-178, 1.0)

SMALLEST = Network.from_arrays([5e-324 * np.eye(2), [[0.25, -0.25]], [[1.0]]])


def in_every_way(network: Network, domain: Any) -> set[int]:
    return {
        regions.enumerate_regions(network, domain).n_regions,
        regions.enumerate_regions(sparsely(network), domain).n_regions,
        regions.enumerate_regions(network, domain, device="cpu").n_regions,
        *(regions.count_regions(network, domain, threads=threads) for threads in (1, 2)),
        regions.count_regions(sparsely(network), domain),
        regions.count_regions(network, domain, device="cpu"),
    }


def test_a_line_whose_products_overflow_divides_the_box() -> None:
    assert reference_count(OVERFLOWING, AROUND) == 2
    assert in_every_way(OVERFLOWING, AROUND) == {2}


def test_points_beside_a_line_whose_products_overflow_are_located() -> None:
    complex = regions.enumerate_regions(OVERFLOWING, AROUND)
    below, above = complex.locate([[CORNER + 0.5, CORNER - 0.5], [CORNER - 0.5, CORNER + 0.5]]).tolist()
    assert complex.patterns[[below, above]].tolist() == [[True], [False]]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_patterns_do_not_depend_on_the_order_of_equal_units(order: tuple[int, ...]) -> None:
    # z = 2**1000 x - 2**999 y - 2**999 y is 0 at the corner, where the sum may overflow on the way.
    first = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])[list(order)]
    second = np.array([[2.0**1000, -(2.0**999), -(2.0**999)]])[:, list(order)]
    network = Network.from_arrays([first, second, [[1.0]]])
    # It is > 0 where x > y alone: never in the first of the boxes, and everywhere but in a corner of the last.
    for domain, patterns in (
        (Box(CORNER, CORNER, CORNER + 1, CORNER + 1), 2),
        (Box(CORNER - 1, CORNER, CORNER, CORNER + 1), 1),
        (Box(CORNER, CORNER - 1, CORNER + 1, CORNER), 2),
    ):
        found = regions.enumerate_regions(network, domain).counts()
        assert found.activation_patterns == regions.testing.reference_counts(network, domain)[0] == patterns


def test_three_lines_that_meet_below_the_smallest_float() -> None:
    assert reference_count(CONCURRENT, FLAT) == 6
    assert in_every_way(CONCURRENT, FLAT) == {6}


def test_subnormal_weights_in_front_of_others() -> None:
    assert reference_count(SMALLEST, 1) == 5
    assert in_every_way(SMALLEST, 1) == {5}


def test_the_end_of_a_ray_where_slopes_overflow() -> None:
    # Found by aiming: the slope is a sum that overflows before it cancels, and its sign decides at infinity.
    layers = (
        Layer([[-1.0, 0.0], [2.0, 0.0]], [-16777213.0, 33554433.0], [1.0, 0.0], [0.1, 0.1]),
        Layer([[1.5 * 2.0**1021, 2.0**1020]], [-(2.0**1020)], [1.0], [0.0]),
        Layer([[0.0]], [0.0], [1.0], [1.0]),
    )
    network, p, q = Network(layers), [-16777215.0, 0.0], [0.0, 0.0]
    extreme_paths.agrees(regions.enumerate_segment(network, p, q, "ray"), p, q, "ray")


def test_maps_that_overflow_beside_a_slope_of_zero() -> None:
    # Found by aiming: a warning from the whole plane, and 0 times an overflow.
    network = Network((Layer([[0.0, 0.0]], [-(2.0**40)], [2.0**998], [0.0]), Layer([[0.0]], [0.0], [1.0], [1.0])))
    assert regions.enumerate_regions(network, regions.WholePlane()).n_regions == 1


def test_maps_that_overflow_without_neurons() -> None:
    network = Network((Layer([[0.0, 0.0]], [2.0**25], [1.0], [1.0]), Layer([[-(2.0**1023)]], [0.0], [1.0], [1.0])))
    assert regions.enumerate_regions(network, 1).n_regions == 1


def test_lines_longer_than_the_largest_float_divide_the_plane() -> None:
    network = Network.from_arrays([[[2.0**1023, -1.625e308]], [[1.0]]])
    assert regions.count_regions(network, regions.WholePlane()) == 2


def test_what_is_drawn_is_finite_and_lies_at_the_ends() -> None:
    largest, smallest = [], []

    @settings(max_examples=200, database=None, phases=[Phase.generate])
    @given(extremes())
    def check(example: tuple[Network, Any]) -> None:
        network, domain = example
        assert np.isfinite(domain.corners).all()
        for layer in network.layers:
            for values in (layer.weight, layer.bias, layer.below, layer.above):
                assert np.isfinite(values).all()
            sizes = np.abs(layer.weight[layer.weight != 0])
            largest.extend(sizes.max(initial=0.0, keepdims=True).ravel().tolist())
            smallest.extend(sizes.min(initial=1.0, keepdims=True).ravel().tolist())

    check()
    assert max(largest) >= 2.0**1020
    assert min(smallest) <= 2.0**-1070


def ways_agree(paths: list[str], examples: int, start: int, aim: str) -> Counter[str]:
    """Run some ways over drawn networks; say how many were tried, and in how many something cut."""
    tries: Counter[str] = Counter()

    @seed(start)
    @settings(
        max_examples=examples,
        database=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(extremes(aims=[aim]))
    def check(example: tuple[Network, Any]) -> None:
        network, domain = example
        faces = reference_of(network, domain)
        tries["networks"] += 1
        tries["divided"] += len(faces) > 1
        for path in paths:
            PATHS[path](network, domain, faces)

    check()
    return tries


@pytest.mark.parametrize("path", PATHS)
def test_every_way_is_that_of_the_reference(path: str) -> None:
    for aim in AIMS:
        tries = ways_agree([path], 4, 0, aim)
        assert tries["networks"] >= 4


# A network goes through the ways of one group; the slower ones see fewer networks.
GROUPS: dict[str, tuple[list[str], int]] = {
    "plain": (["enumerated", "counted"], 1500),
    "points": (["located", "counted_with_threads"], 300),
    "segments": (["segments"], 350),
    "sparse": (["sparse_layers"], 250),
    "device": (["on_a_device"], 60),
    "plane": (["whole_plane", "slices", "half_planes"], 100),
    "polygons": (["polygons"], 60),
    "outputs": (["level_sets", "classes"], 100),
    "checked": (["five_counts", "valid"], 60),
}


def test_more_than_20_000_networks_are_tried() -> None:
    assert len(AIMS) * sum(examples for _, examples in GROUPS.values()) >= 20_000


@pytest.mark.slow
@pytest.mark.parametrize("aim", AIMS)
@pytest.mark.parametrize("group", GROUPS)
def test_every_way_is_that_of_the_reference_on_many_networks(group: str, aim: str) -> None:
    paths, examples = GROUPS[group]
    tries = ways_agree(paths, examples, 1, aim)
    assert tries["networks"] >= examples
    assert tries["divided"] > examples // 2
