"""What the faces of a domain's parts are more than its regions, by hand and against what is stitched."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlps import shallow
from parts import in_parts
from planar_domains import unbounded

import regions
from regions import Box, Network, Polygon, WholePlane
from regions.enumeration.parts import decompose
from regions.enumeration.seams import _between, germ, surplus
from regions.network.integers import IntegerNetwork
from regions.testing import networks, polygons

COURTYARD = Polygon([(-3, -3), (3, -3), (3, 3), (-3, 3)], holes=[[(-1, -1), (1, -1), (0, 1)]])
L = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])


@pytest.mark.parametrize(
    ("network", "domain", "more"),
    [
        (shallow([(1, 0)], [-1]), Box(-2, -2, 2, 2), 0),
        # Four quadrants are one region.
        (Network.from_arrays([[[1.0, 2.0]]]), WholePlane(), 3),
        # x = 1 cuts two quadrants: six faces of two regions.
        (shallow([(1, 0)], [-1]), WholePlane(), 4),
        # x = 0 runs along seams: four faces of two regions.
        (shallow([(1, 0)], [0]), WholePlane(), 2),
        # A neuron that is zero everywhere divides nothing.
        (shallow([(0, 0)], [0]), WholePlane(), 3),
        # An L is cut in two pieces by one segment from its corner.
        (shallow([(1, 0)], [100]), L, 1),
    ],
)
def test_surplus_by_hand(network: Network, domain: Any, more: int) -> None:
    assert surplus(decompose(network, domain)) == more


def test_a_hole_inside_a_region_is_no_piece() -> None:
    decomposition = decompose(shallow([(1, 0)], [100]), COURTYARD)
    # All pieces are one region around the hole.
    assert surplus(decomposition) == len(decomposition.parts) - 1
    # A line through the hole leaves two regions, and one beside it two as well, of which one has the hole.
    for bias in (0, -2):
        decomposition, complexes = in_parts(shallow([(1, 0)], [bias]), COURTYARD)
        assert sum(complex.plane.n_faces for complex in complexes) - surplus(decomposition) == 2


@settings(max_examples=25)
@given(networks(max_hidden_layers=2, max_width=4), st.one_of(polygons(), unbounded))
def test_faces_less_the_surplus_are_the_regions(network: Network, domain: Any) -> None:
    try:
        decomposition, complexes = in_parts(network, domain)
    except regions.errors.DomainError:
        return
    faces = sum(complex.plane.n_faces for complex in complexes)
    assert faces - surplus(decomposition) == regions.enumerate_regions(network, domain).n_regions


def test_the_pattern_all_around_a_point() -> None:
    # x, y, and a copy of x behind the first layer; a unit that is zero everywhere is off.
    network = Network.from_arrays([[[1, 0], [0, 1], [0, 0]], [[1, 0, 0]], [[1.0]]])
    integers = IntegerNetwork(network)
    assert germ(integers, (1.0, 2.0)) == [True, True, False, True]
    assert germ(integers, (-1.0, 0.5)) == [False, True, False, False]
    assert germ(integers, (0.0, 1.0)) is None
    assert germ(integers, (5e-324, 5e-324)) == [True, True, False, True]


@given(st.fractions(0, 100), st.one_of(st.none(), st.fractions(0, 100)))
def test_a_dyadic_number_between_two(low: Fraction, high: Fraction | None) -> None:
    if high is not None and high <= low:
        return
    found = _between(low.as_integer_ratio(), (1, 0) if high is None else high.as_integer_ratio())
    assert low < found
    assert high is None or found < high
    assert found.denominator & (found.denominator - 1) == 0
