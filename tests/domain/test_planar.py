"""Unbounded domains, polygons of any shape and with holes: the counts are the reference's."""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from planar_domains import unbounded
from reference import plain, reference_polygon, reference_unbounded

import regions
from regions import Network, Polygon
from regions.arithmetic.floats import nearest_finite
from regions.domain.rings import exact_area
from regions.errors import DomainError
from regions.testing import assert_valid_complex, degenerate_mlps, networks, polygons

AXES = Network.from_arrays([np.eye(2), np.ones((1, 2))])


def half_planes(domain: Any) -> list[tuple[float, float, float]]:
    return [(*normal, offset) for normal, offset in zip(domain.normals.tolist(), domain.offsets.tolist(), strict=True)]


def rings(domain: Polygon) -> list[list[tuple[float, float]]]:
    return [[tuple(p) for p in ring.tolist()] for ring in domain.rings]


def assert_counts_unbounded(network: Network, domain: Any) -> None:
    expected = len(reference_unbounded(plain(network), half_planes(domain)))
    if expected == 0:
        with pytest.raises(DomainError, match="no interior"):
            regions.count_regions(network, domain)
    else:
        assert regions.count_regions(network, domain) == expected


@settings(max_examples=80)
@given(networks(), unbounded)
def test_counts_over_unbounded_domains(network: Network, domain: Any) -> None:
    assert_counts_unbounded(network, domain)


@settings(max_examples=40)
@given(degenerate_mlps(min_hidden_layers=2, max_hidden_layers=3, max_width=6), unbounded)
def test_counts_of_degenerate_networks_over_unbounded_domains(network: Network, domain: Any) -> None:
    assert_counts_unbounded(network, domain)


@settings(max_examples=60)
@given(networks(), polygons())
def test_counts_over_polygons(network: Network, domain: Polygon) -> None:
    assert regions.count_regions(network, domain) == len(reference_polygon(plain(network), rings(domain)))


@settings(max_examples=30)
@given(degenerate_mlps(max_width=5), polygons())
def test_counts_of_degenerate_networks_over_polygons(network: Network, domain: Polygon) -> None:
    assert regions.count_regions(network, domain) == len(reference_polygon(plain(network), rings(domain)))


def assert_complex_unbounded(network: Network, domain: Any) -> None:
    expected = reference_unbounded(plain(network), half_planes(domain))
    assume(expected)
    found = regions.enumerate_regions(network, domain)
    assert {tuple(row) for row in found.patterns.tolist()} == set(expected)
    assert len(found) == len(expected)
    assert_valid_complex(found)
    bounded = {tuple(p): b for p, b in zip(found.patterns.tolist(), found.bounded.tolist(), strict=True)}
    assert bounded == {p: all(w for piece in pieces for _, _, w in piece) for p, pieces in expected.items()}
    exact = found.exact_vertices()
    rings = np.split(found.rings, found.ring_offsets[1:-1])
    for pattern, ring in zip(map(tuple, found.patterns.tolist()), rings, strict=True):
        corners = {exact[v] for v in ring if v < len(exact)}
        pieces = [[(Fraction(x, w), Fraction(y, w)) for x, y, w in piece if w] for piece in expected[pattern]]
        assert corners <= {point for piece in pieces for point in piece}
    for point, true in zip(found.vertices.tolist(), exact, strict=True):
        for x, fx in zip(point, true, strict=True):
            assert abs(Fraction(x) - fx) <= Fraction(2.0**-24) * max(*map(abs, true), 1) or abs(x) == sys.float_info.max
    rim = set(found.edges[found.edge_sides >= 0].ravel().tolist())
    inner = [point for i, point in enumerate(exact) if i not in rim]
    if inner:
        xs, ys = ([p[k] for p in inner] for k in range(2))
        assert found.extent == tuple(map(nearest_finite, (min(xs), min(ys), max(xs), max(ys))))
    else:
        assert found.extent is None


@settings(max_examples=60)
@given(networks(), unbounded)
def test_complexes_over_unbounded_domains(network: Network, domain: Any) -> None:
    assert_complex_unbounded(network, domain)


@settings(max_examples=30)
@given(degenerate_mlps(min_hidden_layers=2, max_hidden_layers=3, max_width=6), unbounded)
def test_complexes_of_degenerate_networks_over_unbounded_domains(network: Network, domain: Any) -> None:
    assert_complex_unbounded(network, domain)


@pytest.mark.slow
@settings(max_examples=500)
@given(st.one_of(networks(), degenerate_mlps(max_width=5)), unbounded)
def test_many_complexes_over_unbounded_domains(network: Network, domain: Any) -> None:
    assert_complex_unbounded(network, domain)


@settings(max_examples=60)
@given(st.one_of(networks(), degenerate_mlps(max_width=5)), polygons())
def test_complexes_over_polygons(network: Network, domain: Polygon) -> None:
    assert_complex_over_polygon(network, domain)


@pytest.mark.slow
@settings(max_examples=500)
@given(st.one_of(networks(), degenerate_mlps(max_width=5)), polygons())
def test_many_complexes_over_polygons(network: Network, domain: Polygon) -> None:
    assert_complex_over_polygon(network, domain)


def test_a_triangle_whose_lengths_underflow_in_squares() -> None:
    weight = [
        [0.13368092827245662, -0.3696389678257356],
        [-0.2920800325933516, -1.7263781423104132],
        [1.2725852944734428, 0.809047446919744],
        [-0.23010869470220222, 0.5471638848019457],
    ]
    bias = [0.41050391297026284, 1.1203453215921078e-266, -5.250370703196704e-267, -3.5508587803459317e-267]
    network = Network.from_arrays([weight, np.ones((1, 4))], [bias, [0.0]])
    hole = [(0.5, 1.5), (0.5, 0.5), (0.0, 0.5), (0.0, 1.5)]
    assert_complex_over_polygon(network, Polygon([(-3, -3), (3, -3), (3, 3), (-3, 3)], [hole]))


def assert_complex_over_polygon(network: Network, domain: Polygon) -> None:
    found = regions.enumerate_regions(network, domain)
    expected = reference_polygon(plain(network), rings(domain))
    assert sorted(map(tuple, found.patterns.tolist())) == sorted(expected)
    assert_valid_complex(found)
    shapes = found.polygons
    # Rounding may turn needles inside out, so only sums of areas are compared.
    assert shapely.area(shapes).sum() == pytest.approx(domain.area, rel=1e-6)
    exact = found.exact_vertices()
    doubled = Fraction(0)
    for ring in np.split(found.rings, found.ring_offsets[1:-1]):
        points = [exact[v] for v in ring]
        doubled += sum(p[0] * q[1] - p[1] * q[0] for p, q in zip(points, points[1:] + points[:1], strict=True))
    assert doubled == 2 * sum(exact_area(np.array(ring)) for ring in rings(domain))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: regions.Polyhedron([[10**400, 0]], [1]), "too large"),
        (lambda: regions.Polyhedron([[float("nan"), 0]], [1]), "not finite"),
        (lambda: regions.ConvexPolygon([(0, 0), (10**400, 0), (0, 1)]), "too large"),
        (lambda: Polygon([(0, 0), (10**400, 0), (0, 1)]), "too large"),
        (lambda: Polygon([(0, 0), (3, 0), (0, 3)], None), "holes of type NoneType"),
        (lambda: Polygon([(0, 0), (3, 0), (0, 3)], 5), "holes of type int"),
        (lambda: regions.count_regions(AXES, [(0, 0), (1, 0), (0, 1)]), "list and length 3 .*WholePlane"),
        (lambda: regions.count_regions(AXES, [(0, 0), (1, 0), (1, 1), (0, 1)]), "list and length 4 .*WholePlane"),
        (lambda: regions.count_regions(AXES, np.zeros((3, 2))), r"ndarray and shape \(3, 2\) .*WholePlane"),
        (lambda: regions.count_regions(AXES, True), "type bool .*WholePlane"),
        (lambda: regions.count_regions(AXES, regions.WholePlane), "WholePlane"),
    ],
)
def test_wrong_domains_are_refused_with_what_is_allowed(make: Any, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        make()


@pytest.mark.parametrize("domain", [1, Fraction(1), np.array([-1.0, -1.0, 1.0, 1.0]), np.float32(1)])
def test_numbers_of_any_kind_are_read(domain: Any) -> None:
    assert regions.count_regions(AXES, domain) == 4


def test_polygons_at_the_limits_of_floats_are_taken_apart_or_refused_without_a_warning() -> None:
    for size in (1e100, 2.0**-300):
        shape = Polygon(size * np.array([(0, 0), (4, 0), (4, 4), (1, 1), (-2, 4)]))
        assert regions.count_regions(AXES, shape) == len(reference_polygon(plain(AXES), rings(shape))) == 2
    with pytest.raises(DomainError, match="limits of float64"):
        Polygon([(0, 0), (1e308, 0), (1e308, 1e308), (1e307, 1e307), (-1e308, 1e308)])
