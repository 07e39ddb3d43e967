"""Measures of regions' sizes and shapes: laws that tie them to each other, and known values."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from planar_domains import unbounded

import regions
from regions import Box, ConvexPolygon, Network, Polygon, Polyhedron, RegionComplex, WholePlane, measures
from regions.arithmetic.floats import rounded_sqrt
from regions.complex.lines import EdgeLines
from regions.domain.rings import exact_area
from regions.errors import DomainError
from regions.network.layer import Layer
from regions.testing import domains, networks, polygons, relu_mlps

few = settings(max_examples=25)
nets = networks(max_hidden_layers=2, max_width=4)
AXES = Network.from_arrays([np.eye(2), [[1.0, 2.0]]])
PLANE = WholePlane()
STRIPS = Network.from_arrays([[[3.0, 4.0]] * 3, np.ones((1, 3))], [[0.0, 5.0, 20.0], [0.0]])
COURTYARD = Polygon([(0, 0), (3, 0), (3, 3), (0, 3)], holes=[[(1, 1), (2, 1), (2, 2), (1, 2)]])


def over(network: Network, domain: Any) -> RegionComplex:
    return regions.enumerate_regions(network, domain)


def scaled(network: Network, factor: float) -> Network:
    layers = (Layer(x.weight, factor * x.bias, x.below, x.above) for x in network.layers)
    return Network(tuple(layers))


def doubled(domain: Any) -> Any:
    if isinstance(domain, Box):
        return Box(*(2 * c for c in domain.bounds))
    return ConvexPolygon(2 * domain.corners)


def by_pattern(complex: RegionComplex, values: Any) -> dict[bytes, Any]:
    return {p.tobytes(): value for p, value in zip(complex.packed_patterns, values, strict=True)}


@given(nets, domains())
@few
def test_exact_areas_sum_to_the_domain(network: Network, domain: Any) -> None:
    found = over(network, domain)
    areas = measures.exact_areas(found)
    assert sum(areas) == exact_area(domain.corners)
    assert min(areas) > 0
    reach = max(map(abs, domain.bounds))
    np.testing.assert_allclose(found.areas, [float(a) for a in areas], rtol=0, atol=1e-12 * reach * reach)
    assert measures.area_distribution(found, exact=True).total == pytest.approx(domain.area, rel=1e-14)


@given(nets, polygons())
@few
def test_exact_areas_sum_to_the_polygon(network: Network, domain: Any) -> None:
    found = over(network, domain)
    assert sum(measures.exact_areas(found)) == sum(map(exact_area, getattr(domain, "rings", [found.domain.corners])))
    np.testing.assert_allclose(measures.perimeters(found), shapely.length(found.polygons), rtol=1e-9, atol=1e-100)
    assert (measures.convex_regions(found) == [is_convex(found, r) for r in range(len(found))]).all()


def is_convex(complex: RegionComplex, region: int) -> bool:
    """A polygon is convex if it has the area of its vertices' hull."""
    points = complex.exact_vertices()
    ring = [points[v] for v in complex.rings[slice(*complex.ring_offsets[region : region + 2])]]
    hull: list[Any] = []
    for sequence in (sorted(set(ring)), sorted(set(ring), reverse=True)):
        start = len(hull)
        for p in sequence:
            while len(hull) >= start + 2 and turn(hull[-2], hull[-1], p) <= 0:
                hull.pop()
            hull.append(p)
        hull.pop()
    return shoelace(hull) == shoelace(ring)


def turn(p: Any, q: Any, r: Any) -> Fraction:
    return (q[0] - p[0]) * (r[1] - q[1]) - (q[1] - p[1]) * (r[0] - q[0])


def shoelace(ring: list[Any]) -> Fraction:
    return sum((p[0] * q[1] - p[1] * q[0] for p, q in zip(ring, ring[1:] + ring[:1], strict=True)), Fraction(0))


@given(nets, st.one_of(domains(), polygons(), unbounded))
@few
def test_boundaries_are_counted_from_two_sides(network: Network, domain: Any) -> None:
    try:
        found = over(network, domain)
    except DomainError:
        return
    around = measures.perimeters(found)
    inner, both = measures.boundary_length(found), measures.boundary_length(found, rim=True)
    assert math.isinf(inner) or math.fsum(around) == pytest.approx(inner + both, rel=1e-12)
    assert (np.isinf(around) == (~found.bounded & (len(found.rings) > 0))).all() or np.isinf(found.areas).any()
    neurons = measures.neuron_boundary_lengths(found)
    assert neurons.sum() >= inner * (1 - 1e-12)
    exact = measures.edge_lengths(found, exact=True)
    reach = max(1.0, np.abs(found.vertices).max(initial=0.0))
    close = np.isclose(measures.edge_lengths(found), exact, rtol=1e-9, atol=1e-9 * reach)
    assert close.all() or not found.bounded.all()


@given(relu_mlps(max_hidden_layers=2, max_width=4), domains())
@few
def test_in_generic_position_every_boundary_is_one_neurons(network: Network, domain: Any) -> None:
    found = over(network, domain)
    shares = measures.neuron_boundary_lengths(found)
    assert shares.sum() == pytest.approx(measures.boundary_length(found), rel=1e-12, abs=0)
    dead = measures.neuron_states(found).stable
    assert ((shares == 0) == dead).all()


@given(nets, domains())
@few
def test_sides_edges_and_neighbours(network: Network, domain: Any) -> None:
    found = over(network, domain)
    sides, inner = measures.side_counts(found), measures.side_counts(found, rim=False)
    degrees = measures.degrees(found)
    assert degrees.sum() == 2 * len(found.neighbors)
    assert (inner == degrees).all()
    rim = np.bincount(found.edge_faces[found.edge_neurons < 0].max(axis=1), minlength=len(found))
    assert (degrees + rim == np.diff(found.ring_offsets)).all()
    # Corners of the ring that are not on a straight line, in rationals.
    points = found.exact_vertices()
    for region in range(len(found)):
        ring = [points[v] for v in found.rings[slice(*found.ring_offsets[region : region + 2])]]
        assert sides[region] == sum(turn(ring[i - 2], ring[i - 1], ring[i]) != 0 for i in range(len(ring)))


@given(networks(max_hidden_layers=1, max_width=6), domains())
@few
def test_over_one_layer_sides_off_the_rim_are_neighbours(network: Network, domain: Any) -> None:
    found = over(network, domain)
    assert (measures.side_counts(found, rim=False) == measures.degrees(found)).all()


@given(nets, domains(kinds=["square", "box", "integer_box", "triangle"]))
@few
def test_everything_scales(network: Network, domain: Any) -> None:
    one, two = over(network, domain), over(scaled(network, 2.0), doubled(domain))
    for measure, factor in (
        (lambda c: c.areas, 4),
        (measures.perimeters, 2),
        (measures.inradii, 2),
        (measures.side_counts, 1),
        (measures.degrees, 1),
        (measures.gradient_norms, 1),
    ):
        before, after = by_pattern(one, measure(one)), by_pattern(two, measure(two))
        assert before.keys() == after.keys()
        np.testing.assert_allclose([after[p] for p in before], [factor * x for x in before.values()], rtol=1e-9)
    assert measures.boundary_length(two) == pytest.approx(2 * measures.boundary_length(one))
    assert measures.lipschitz_constant(one).value == measures.lipschitz_constant(two).value
    assert measures.diameter(one) == measures.diameter(two)
    points = np.array(one.interior_points)
    complexity = measures.local_complexity(one, points, Fraction(3, 7))
    assert (measures.local_complexity(two, 2 * points, Fraction(6, 7)) == complexity).all()


def brute_inradius(ring: list[tuple[Fraction, Fraction]]) -> float:
    """The best of all points at one distance from three sides."""
    corners = np.array([[float(c - d) for c, d in zip(p, ring[0], strict=True)] for p in ring])
    pairs = zip(ring, ring[1:] + ring[:1], strict=True)
    step = np.array([[float(d - c) for c, d in zip(p, q, strict=True)] for p, q in pairs])
    step = step / np.hypot(*step.T)[:, None]
    normals = np.column_stack([-step[:, 1], step[:, 0]])
    offsets = (normals * corners).sum(axis=1)
    best = 0.0
    for chosen in map(list, combinations(range(len(corners)), 3)):
        system = np.column_stack([normals[chosen], -np.ones(3)])
        if abs(np.linalg.det(system)) > 1e-12:
            x, y, _ = np.linalg.solve(system, offsets[chosen])
            best = max(best, float((normals @ (x, y) - offsets).min()))
    return best


@given(nets, domains(kinds=["square", "box", "integer_box", "triangle", "polygon"]), st.booleans())
@few
def test_inradius(network: Network, domain: Any, exact: bool) -> None:
    found = over(network, domain)
    radii = measures.inradii(found, exact=exact)
    assert (radii > 0).all() or not exact
    perimeters = measures.perimeters(found, exact=True)
    areas = np.array([float(a) for a in measures.exact_areas(found)])
    slack = 1e-12 * np.max(np.abs(domain.bounds))
    assert (radii <= 2 * areas / perimeters * (1 + 1e-9) + slack).all()
    assert (radii >= areas / perimeters * (1 - 1e-9) - slack).all()
    points = found.exact_vertices()
    for region, radius in enumerate(radii.tolist()):
        ring = found.rings[slice(*found.ring_offsets[region : region + 2])]
        off = 1e-12 * perimeters[region] if exact else slack
        assert radius == pytest.approx(brute_inradius([points[v] for v in ring]), rel=1e-6, abs=off)


def test_inradius_of_known_shapes() -> None:
    constant = Network.from_arrays([np.zeros((1, 2))])
    triangle = ConvexPolygon([(0, 0), (3, 0), (0, 4)])
    assert measures.inradii(over(constant, triangle))[0] == pytest.approx(1.0, rel=1e-14)
    assert measures.inradii(over(constant, Box(0, 0, 7, 3)))[0] == pytest.approx(1.5, rel=1e-14)
    for k in (5, 6, 17, 64):
        angles = 2 * np.pi * np.arange(k) / k
        polygon = ConvexPolygon(1e6 + np.column_stack([np.cos(angles), np.sin(angles)]))
        assert measures.inradii(over(constant, polygon))[0] == pytest.approx(np.cos(np.pi / k), rel=1e-8)
    needle = ConvexPolygon([(0, 0), (1, 0), (1, 2.0**-40)])
    assert measures.inradii(over(constant, needle))[0] == pytest.approx(2.0**-41, rel=1e-9)


def test_inradius_of_a_region_that_rounding_makes_a_point() -> None:
    # A triangle of size 2**-60 around (1, 1).
    size = 2.0**-60
    nearly = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    linear = Layer(np.eye(2), [-1.0, -1.0], [1.0, 1.0], [1.0, 1.0])
    network = Network(
        (
            linear,
            Layer(nearly, [size, size, -size], np.zeros(3), np.ones(3)),
            Layer([[1.0, 1.0, 1.0]], [0.0], [1.0], [1.0]),
        )
    )
    found = over(network, 2)
    (tiny,) = np.flatnonzero((found.patterns == [True, True, False]).all(axis=1))
    assert measures.inradii(found)[tiny] == 0
    # Legs of 3 · size: twice the area over the perimeter.
    assert measures.inradii(found, [tiny], exact=True)[0] == pytest.approx(3 * size / (2 + math.sqrt(2)), rel=1e-14)


def test_inradius_of_unbounded_regions() -> None:
    found = over(STRIPS, PLANE)
    assert sorted(measures.inradii(found)) == [0.5, 1.5, np.inf, np.inf]
    # A line across makes half-strips of the strips.
    crossed = Network.from_arrays([[*[[3.0, 4.0]] * 3, [1.0, 0.0]], np.ones((1, 4))], [[0.0, 5.0, 20.0, 1.0], [0.0]])
    assert sorted(measures.inradii(over(crossed, PLANE))) == [0.5, 0.5, 1.5, 1.5] + 4 * [np.inf]
    assert measures.inradii(over(AXES, Polyhedron([[0.0, 1.0], [0.0, -1.0]], [3.0, 1.0]))).tolist() == [
        1.5,
        1.5,
        0.5,
        0.5,
    ]
    assert measures.inradii(over(Network.from_arrays([np.zeros((1, 2))]), PLANE)).tolist() == [np.inf]


def test_regions_that_are_not_convex_have_no_inradius() -> None:
    found = over(AXES, COURTYARD)
    assert measures.convex_regions(found).tolist() == [False]
    assert measures.side_counts(found).tolist() == [8]
    assert measures.perimeters(found).tolist() == [16.0]
    assert measures.boundary_length(found) == 0.0
    assert measures.boundary_length(found, rim=True) == 16.0
    with pytest.raises(ValueError, match=r"1 of the 1 region\(s\) are not convex"):
        measures.inradii(found)
    roof = Network.from_arrays([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 1.0]]], [[-1.0, -2.0], [0.0]])
    found = over(roof, COURTYARD)
    assert measures.convex_regions(found).all()
    assert measures.inradii(found) == pytest.approx([0.5] * 4, rel=1e-14)
    assert sorted(measures.side_counts(found)) == [4] * 4
    cut = over(Network.from_arrays([[[1.0, 0.0]], [[1.0]]], [[-0.5], [0.0]]), COURTYARD)
    (whole,) = np.flatnonzero(measures.convex_regions(cut))
    assert measures.inradii(cut, [whole]) == pytest.approx([0.25], rel=1e-14)


def test_straight_sides_across_a_slit_or_a_reflex_corner_count_once() -> None:
    # The neuron's line carries on along the step's vertical side.
    step = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    found = over(Network.from_arrays([[[1.0, 0.0]], [[1.0]]], [[-1.0], [0.0]]), step)
    assert measures.side_counts(found).tolist() == [4, 4]
    assert measures.side_counts(found, rim=False).tolist() == [1, 1]
    # A slit ends on the neuron's line.
    found = over(Network.from_arrays([[[1.0, 0.0]], [[1.0]]], [[-0.5], [0.0]]), COURTYARD)
    slit = found.edges[found.edge_faces[:, 0] == found.edge_faces[:, 1]]
    assert len(np.intersect1d(slit, found.edges[found.edge_neurons >= 0])) == 1
    assert sorted(measures.side_counts(found)) == [4, 8]
    assert sorted(measures.side_counts(found, rim=False)) == [1, 1]


def test_lines_that_floats_take_for_different_ones_are_one() -> None:
    # The line 7 x = 3 y, as 7 · 0.1 x - 3 · 0.1 y in floats, runs along a side and on from the reflex corner.
    linear = Layer([[0.1, 0.0], [0.0, 0.1]], [0.0, 0.0], [1.0, 1.0], [1.0, 1.0])
    network = Network((linear, Layer([[7.0, -3.0]], [0.0], [0.0], [1.0])))
    assert 7 * 0.1 / (3 * 0.1) != 7 / 3
    bent = Polygon([(0, 0), (3, 7), (-9, 7), (-9, -21), (9, -21), (9, 0)])
    found = over(network, bent)
    assert sorted(measures.side_counts(found)) == [3, 4]
    assert measures.side_counts(found, rim=False).tolist() == [1, 1]
    assert measures.convex_regions(found).all()


def test_neurons_on_one_line_share_its_boundary() -> None:
    network = Network.from_arrays([[[1.0, 0.0], [2.0, 0.0], [0.0, 0.0]], np.ones((1, 3))])
    found = over(network, 1)
    assert measures.neuron_boundary_lengths(found).tolist() == [2.0, 2.0, 0.0]
    assert measures.boundary_length(found) == 2.0


def test_unbounded_sizes() -> None:
    found = over(AXES, PLANE)
    assert np.isinf(measures.perimeters(found)).all()
    assert measures.boundary_length(found) == np.inf
    assert measures.neuron_boundary_lengths(found).tolist() == [np.inf, np.inf]
    assert measures.side_counts(found).tolist() == [2, 2, 2, 2]
    assert measures.exact_areas(found) == [math.inf] * 4
    for refused in (measures.area_distribution, measures.boundary_density):
        with pytest.raises(ValueError, match=r"4 of the 4 region\(s\) are unbounded; .*measures\.within"):
            refused(found)
    inside = measures.within(found, (-1, -2, 3, 4))
    assert inside.domain == Box(-1, -2, 3, 4)
    assert measures.boundary_density(inside) == (4 + 6) / 24
    single = over(Network.from_arrays([np.zeros((1, 2))]), PLANE)
    assert measures.perimeters(single).tolist() == [0.0]
    assert measures.side_counts(single).tolist() == [0]
    assert sorted(measures.side_counts(over(STRIPS, PLANE))) == [1, 1, 2, 2]


def test_sizes_beyond_the_range_of_floats() -> None:
    # A triangle with legs of 10**200.
    network = Network.from_arrays([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], np.ones((1, 3))], [[0.0, 0.0, -1e200], [0.0]])
    found = over(network, PLANE)
    (triangle,) = np.flatnonzero(found.bounded)
    assert measures.exact_areas(found, [triangle])[0] == Fraction(1e200) ** 2 / 2
    assert measures.perimeters(found)[triangle] == pytest.approx((2 + math.sqrt(2)) * 1e200)
    for exact in (False, True):
        assert measures.inradii(found, [triangle], exact=exact)[0] == pytest.approx(1e200 / (2 + math.sqrt(2)))
    assert measures.boundary_length(found) == np.inf


def test_within() -> None:
    half = over(AXES, Polyhedron([[1.0, 1.0]], [0.5]))
    found = measures.within(half, 1)
    assert sum(measures.exact_areas(found)) == 4 - Fraction(9, 8)
    assert measures.boundary_density(found) == measures.boundary_density(found, exact=True) == pytest.approx(3 / 2.875)
    assert measures.within(over(AXES, 2), (0, 0, 5, 1)).domain == Box(0, 0, 2, 1)
    with pytest.raises(DomainError, match="is bounded as it is"):
        measures.within(over(AXES, COURTYARD), 1)
    with pytest.raises(DomainError, match="a box is needed"):
        measures.within(half, ConvexPolygon([(0, 0), (1, 0), (0, 1)]))
    with pytest.raises(DomainError, match="empty"):
        measures.within(half, (5, 5, 6, 6))


def test_area_distribution() -> None:
    # Widths 1/2, 1/2, 1, 2 of a strip of height 1.
    network = Network.from_arrays([[[1.0, 0.0]] * 3, np.ones((1, 3))], [[-0.5, -1.0, -2.0], [0.0]])
    found = measures.area_distribution(over(network, Box(0, 0, 4, 1)), [0.0, 0.5, 1.0], bins=2)
    assert found.quantiles.tolist() == [0.5, 0.75, 2.0]
    assert (found.total, found.mean, found.median) == (4.0, 1.0, 0.75)
    assert found.gini == (-3 * 0.5 - 0.5 + 1 + 3 * 2) / 16
    assert found.effective_regions == pytest.approx(16 / 5.5)
    np.testing.assert_allclose(found.bin_edges, [0.5, 1.0, 2.0])
    assert found.counts.sum() == 4
    one = measures.area_distribution(over(Network.from_arrays([np.zeros((1, 2))]), 1))
    assert (one.gini, one.effective_regions, one.counts.sum()) == (0.0, 1.0, 1)
    with pytest.raises(ValueError, match="levels="):
        measures.area_distribution(over(network, 1), [1.5])
    with pytest.raises(ValueError, match="bins=0"):
        measures.area_distribution(over(network, 1), bins=0)


def test_areas_too_small_for_rounded_vertices_are_exact() -> None:
    tiny = 2.0**-53
    network = Network.from_arrays([[[1.0, 0.0]] * 2, np.ones((1, 2))], [[-1.0, -1.0 - 2 * tiny], [0.0]])
    sloped = Network.from_arrays([[[1.0, tiny], [1.0, -tiny]], np.ones((1, 2))], [[-1.0, -1.0], [0.0]])
    assert measures.exact_areas(over(network, 2))[1] == Fraction(1, 2**50)
    found = measures.area_distribution(over(sloped, 2))
    assert found.quantiles[0] > 0


@given(st.fractions(min_value=0), st.integers(-200, 200))
def test_square_roots_are_rounded_once(value: Fraction, exponent: int) -> None:
    square = value * Fraction(2) ** exponent
    root = rounded_sqrt(square)
    assert rounded_sqrt(Fraction(root) ** 2) == root
    low, high = math.nextafter(root, 0), math.nextafter(root, math.inf)
    assert ((Fraction(low) + Fraction(root)) / 2) ** 2 <= square <= ((Fraction(root) + Fraction(high)) / 2) ** 2


def test_square_roots_beside_a_tie() -> None:
    tie = 1 + Fraction(1, 2**53)
    assert rounded_sqrt(tie**2) == 1.0
    assert rounded_sqrt(tie**2 + Fraction(1, 2**400)) == 1 + 2.0**-52
    assert rounded_sqrt(Fraction(10**800)) == math.inf


@given(nets, st.one_of(domains(), polygons(), unbounded))
@few
def test_vertices_are_known_as_well_as_is_said(network: Network, domain: Any) -> None:
    try:
        found = over(network, domain)
    except DomainError:
        return
    lines = EdgeLines(found)
    exact = found.exact_vertices()
    assert [lines.vertex(v) for v in range(len(exact))] == exact
    for (x, y), stored, bound in zip(exact, found.vertices.tolist(), lines.vertex_errors.tolist(), strict=True):
        off = (x - Fraction(stored[0])) ** 2 + (y - Fraction(stored[1])) ** 2
        assert math.isinf(bound) or off <= Fraction(bound) ** 2


def test_errors_of_vertices_are_small() -> None:
    rng = np.random.default_rng(1)
    widths = [2, 5, 5, 5, 1]
    weights = [rng.normal(size=shape) for shape in zip(widths[1:], widths[:-1], strict=True)]
    lines = EdgeLines(over(Network.from_arrays(weights, [rng.normal(size=n) for n in widths[1:]]), 10))
    assert np.median(lines.vertex_errors) < 1e-12
    assert np.isfinite(lines.vertex_errors).all()
