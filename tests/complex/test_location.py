"""The region of a point, by hand: inside, on borders, outside, and in polygons with slits."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from mlps import shallow
from planar_domains import unbounded

import regions
from regions import Network, Polygon, WholePlane
from regions.complex.location import locate
from regions.domain.rings import in_rings
from regions.testing import networks, polygons

CROSS = shallow([(1, 0), (0, 1)], [0, 0])
SQUARE = [(0, 0), (4, 0), (4, 4), (0, 4)]
# The square again, with a slit from the middle of its top to its centre.
SLIT = [(0, 0), (4, 0), (4, 4), (2, 4), (2, 2), (2, 4), (0, 4)]


def walk(corners: list[tuple[int, int]]) -> list[tuple[Fraction, Fraction]]:
    return [(Fraction(x), Fraction(y)) for x, y in corners]


def number(complex: Any, *pattern: bool) -> int:
    return complex.patterns.tolist().index(list(pattern))


@pytest.mark.parametrize("domain", [2, WholePlane()], ids=str)
def test_points_in_quadrants(domain: Any) -> None:
    complex = regions.enumerate_regions(CROSS, domain)
    expected = [number(complex, x > 0, y > 0) for x, y in ((1, 1), (-1, 1), (-1, -1), (1, -1))]
    assert locate(complex, [[1, 1], [-1, 1], [-1, -1], [1, -1]]).tolist() == expected
    # As near to the border as floats get.
    assert locate(complex, [[5e-324, -5e-324]]).tolist() == [number(complex, True, False)]
    # On a border it is the first of the regions beside it.
    right = number(complex, True, True), number(complex, True, False)
    assert locate(complex, [[1, 0], [0, 0]]).tolist() == [min(right), 0]


def test_points_beside_the_domain() -> None:
    complex = regions.enumerate_regions(CROSS, 2)
    outside = [[2.1, 0], [0, np.nextafter(-2, -3)], [1e300, 1e300]]
    assert locate(complex, outside).tolist() == [-1, -1, -1]
    assert (locate(complex, [[2, 2], [-2, 0.5]]) >= 0).all()
    assert locate(complex, np.empty((0, 2))).shape == (0,)


def test_a_network_without_neurons_has_one_region() -> None:
    complex = regions.enumerate_regions(Network.from_arrays([[[1.0, 2.0]]]), 1)
    assert locate(complex, [[0, 0], [3, 0]]).tolist() == [0, -1]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([1.0, 2.0], r"shape \(2,\)"),
        ([[1.0]], r"shape \(1, 1\)"),
        ([[np.nan, 0]], "not finite"),
        ([["a", "b"]], "dtype"),
    ],
)
def test_what_is_no_point_is_refused(points: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        locate(regions.enumerate_regions(CROSS, 1), points)


def test_regions_of_one_pattern_are_told_apart() -> None:
    # A U whose arms are cut off by y = 1: two regions with the neuron on.
    u = Polygon([(0, 0), (5, 0), (5, 3), (4, 3), (4, 0.5), (1, 0.5), (1, 3), (0, 3)])
    complex = regions.enumerate_regions(shallow([(0, 1)], [-1]), u)
    left, right, below = locate(complex, [[0.5, 2], [4.5, 2], [2.5, 0.25]]).tolist()
    assert {left, right, below} == {0, 1, 2}
    assert complex.patterns[[left, right, below], 0].tolist() == [True, True, False]
    assert locate(complex, [[2.5, 2]]).tolist() == [-1]
    assert locate(complex, [[0.5, 1], [4.5, 1]]).tolist() == [min(left, below), min(right, below)]


def test_walks_around_and_through_points() -> None:
    for corners in (SQUARE, SLIT):
        assert in_rings((Fraction(1), Fraction(3)), [walk(corners)])
        assert in_rings((Fraction(2), Fraction(3)), [walk(corners)])
        assert in_rings((Fraction(4), Fraction(1, 3)), [walk(corners)])
        assert in_rings((Fraction(0), Fraction(0)), [walk(corners)])
        assert not in_rings((Fraction(5), Fraction(2)), [walk(corners)])
        assert not in_rings((Fraction(-1), Fraction(4)), [walk(corners)])


@settings(max_examples=100)
@given(polygons(max_holes=0), st.integers(-20, 20), st.integers(-20, 20))
def test_a_ring_holds_what_shapely_says(domain: Polygon, x: int, y: int) -> None:
    ring = [(Fraction(a), Fraction(b)) for a, b in domain.rings[0].tolist()]
    shape = shapely.Polygon(domain.rings[0])
    point = shapely.Point(x / 4, y / 4)
    # Corners and points are small dyadic numbers, with which shapely makes no error.
    assert in_rings((Fraction(x, 4), Fraction(y, 4)), [ring]) == shape.covers(point)


@settings(max_examples=30)
@given(networks(max_hidden_layers=2, max_width=4), st.one_of(polygons(), unbounded))
def test_a_located_point_has_its_regions_pattern(network: Network, domain: Any) -> None:
    try:
        complex = regions.enumerate_regions(network, domain)
    except regions.errors.DomainError:
        return
    points = np.random.default_rng(0).integers(-9, 10, (30, 2)) / 3
    for (x, y), region in zip(points.tolist(), locate(complex, points).tolist(), strict=True):
        if region < 0:
            continue
        signs = network.evaluate_exact([Fraction(x), Fraction(y)])[1]
        # On a border a neuron is off, whatever it is in the region.
        assert all(there or not here for here, there in zip(signs, complex.patterns[region].tolist(), strict=True))
