"""Measures that look at points, at the function and at the dual graph."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planar_domains import unbounded
from scipy.sparse.csgraph import shortest_path

import regions
from regions import Box, ConvexPolygon, Network, Polygon, Polyhedron, RegionComplex, WholePlane, measures
from regions.domain.rings import exact_area
from regions.errors import DomainError, InvalidNetworkError
from regions.network.integers import ExactLines
from regions.testing import domains, networks, polygons, relu_mlps

few = settings(max_examples=25)
nets = networks(max_hidden_layers=2, max_width=4)
AXES = Network.from_arrays([np.eye(2), [[1.0, 2.0]]])
STRIPS = Network.from_arrays([[[3.0, 4.0]] * 3, np.ones((1, 3))], [[0.0, 5.0, 20.0], [0.0]])
COURTYARD = Polygon([(0, 0), (3, 0), (3, 3), (0, 3)], holes=[[(1, 1), (2, 1), (2, 2), (1, 2)]])
coordinates = st.one_of(st.integers(-4, 4).map(float), st.floats(-5, 5, width=32))
points = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=4).map(np.array)
radii = st.one_of(st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(5)]), st.fractions(Fraction(1, 100), 10))
norms = st.sampled_from([1, 2, np.inf, "fro"])


def over(network: Network, domain: Any) -> RegionComplex:
    return regions.enumerate_regions(network, domain)


def rational(point: Any) -> tuple[Fraction, Fraction]:
    return Fraction(float(point[0])), Fraction(float(point[1]))


def squared_distance(point: Any, p: Any, q: Any) -> Fraction:
    """From a point to a segment, in rationals."""
    (x, y), dx, dy = point, q[0] - p[0], q[1] - p[1]
    t = min(max(((x - p[0]) * dx + (y - p[1]) * dy) / (dx * dx + dy * dy), Fraction(0)), Fraction(1))
    return (x - p[0] - t * dx) ** 2 + (y - p[1] - t * dy) ** 2


def met_by_discs(complex: RegionComplex, where: Any, radius: Fraction) -> list[int]:
    """Region by region: does it hold the centre, or is its rim near enough?"""
    vertices = complex.exact_vertices()
    rings = [[vertices[v] for v in ring] for ring in np.split(complex.rings, complex.ring_offsets[1:-1])]
    found = []
    for point in map(rational, where):
        home = complex.locate([[float(c) for c in point]])[0]
        near = {
            i
            for i, ring in enumerate(rings)
            for p, q in zip(ring, ring[1:] + ring[:1], strict=True)
            if squared_distance(point, p, q) < radius * radius
        }
        found.append(len(near | {home} - {-1}))
    return found


@given(nets, st.one_of(domains(kinds=["square", "integer_box", "triangle"]), polygons()), points, radii)
@few
def test_discs_meet_the_regions_that_are_near(network: Network, domain: Any, where: Any, radius: Fraction) -> None:
    found = over(network, domain)
    assert measures.local_complexity(found, where, radius).tolist() == met_by_discs(found, where, radius)


@given(nets, st.one_of(domains(), polygons(), unbounded), points, radii)
@few
def test_larger_discs_meet_more(network: Network, domain: Any, where: Any, radius: Fraction) -> None:
    try:
        found = over(network, domain)
    except DomainError:
        return
    small, large = (measures.local_complexity(found, where, r) for r in (radius, 2 * radius))
    assert (small <= large).all()
    assert (small[found.locate(where) >= 0] >= 1).all()
    everything = measures.local_complexity(found, where, 10**400)
    assert (everything == len(found)).all()


@given(nets, unbounded, points, radii)
@few
def test_discs_in_unbounded_domains(network: Network, domain: Any, where: Any, radius: Fraction) -> None:
    # Nothing outside of a box around all discs matters.
    reach = 2 * float(np.abs(where).max() + radius)
    try:
        found = over(network, domain)
        cut = measures.within(found, reach)
    except DomainError:
        return
    assert (measures.local_complexity(found, where, radius) == measures.local_complexity(cut, where, radius)).all()


def test_touching_is_not_enough() -> None:
    found = over(AXES, 2)
    centre = [[0.25, 1.0]]
    counts = [measures.local_complexity(found, centre, r)[0] for r in (0.25, math.nextafter(0.25, 1), 1.0)]
    assert counts == [1, 2, 2]
    # Not 4: the vertex is at the distance √17/4.
    assert measures.local_complexity(found, centre, Fraction(103, 100))[0] == 3
    assert measures.local_complexity(found, centre, Fraction(104, 100))[0] == 4
    # The 3-4-5 triangle: the vertex is at the distance 5 exactly.
    far = over(Network.from_arrays([np.eye(2), [[1.0, 2.0]]], [[-3.0, -4.0], [0.0]]), 10)
    assert measures.local_complexity(far, [[0.0, 0.0]], 5).tolist() == [3]
    assert measures.local_complexity(far, [[0.0, 0.0]], math.nextafter(5.0, 6)).tolist() == [4]
    assert measures.local_complexity(over(AXES, WholePlane()), [[0.0, 0.0], [1.0, 2.0]], 1.5).tolist() == [4, 2]
    assert measures.local_complexity(over(STRIPS, WholePlane()), [[0.0, 0.0]], 1).tolist() == [2]
    assert measures.local_complexity(over(STRIPS, WholePlane()), [[0.0, 0.0]], 1.5).tolist() == [3]
    for radius in (0, -1.0, math.nan, math.inf, "x", None):
        with pytest.raises(ValueError, match="radius="):
            measures.local_complexity(found, centre, radius)


@given(nets, st.one_of(domains(), polygons(), unbounded), points, st.booleans())
@few
def test_distances_to_boundaries(network: Network, domain: Any, where: Any, rim: bool) -> None:
    try:
        found = over(network, domain)
    except DomainError:
        return
    homes = found.locate(where)
    near = measures.boundary_distances(found, where, rim=rim)
    exact = measures.boundary_distances(found, where, rim=rim, exact=True)
    assert (np.isnan(near) == (homes < 0)).all()
    reach = max(1.0, np.abs(found.vertices).max(initial=0.0))
    if found.bounded.all():
        np.testing.assert_allclose(near, exact, rtol=1e-9, atol=1e-9 * reach)
    for point, home, distance in zip(where, homes, exact, strict=True):
        if home < 0:
            continue
        # No disc smaller than the distance meets another region, every larger one does.
        if 0 < distance < np.inf and not rim:
            low, high = Fraction(distance) * (1 - Fraction(1, 2**50)), Fraction(distance) * (1 + Fraction(1, 2**50))
            if not isinstance(found.domain, Polygon):
                assert measures.local_complexity(found, [point], low)[0] == 1
            assert measures.local_complexity(found, [point], high)[0] > 1
        if rim and not isinstance(found.domain, Polygon):
            assert distance <= measures.inradii(found, [home], exact=True)[0] * (1 + 1e-9)


def test_known_distances() -> None:
    assert measures.boundary_distances(over(AXES, 1), [[0.75, 0.5], [0.0, 0.3]], exact=True).tolist() == [0.5, 0.0]
    plane = over(STRIPS, WholePlane())
    assert measures.boundary_distances(plane, [[0.0, 0.0], [3.0, 4.0], [-0.75, -1.0]]).tolist() == [0.0, 5.0, 0.25]
    assert measures.boundary_distances(plane, [[3.0, 4.0]], exact=True).tolist() == [5.0]
    assert measures.boundary_distances(over(AXES, WholePlane()), [[-3.0, 4.0]]).tolist() == [3.0]
    single = over(Network.from_arrays([np.zeros((1, 2))]), 1)
    assert measures.boundary_distances(single, [[0.5, 0.25]]).tolist() == [np.inf]
    assert measures.boundary_distances(single, [[0.5, 0.25]], rim=True).tolist() == [0.5]
    # In the other arm, between two other regions.
    arms = Polygon([(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)])
    cross = over(Network.from_arrays([np.eye(2), [[1.0, 2.0]]], [[-2.25, -1.25], [0.0]]), arms)
    for exact in (False, True):
        assert measures.boundary_distances(cross, [[1.0, 3.0]], exact=exact).tolist() == [1.25]
    # Straight across the hole.
    edge = over(Network.from_arrays([[[1.0, 0.0]], [[1.0]]], [[-2.5], [0.0]]), COURTYARD)
    for exact in (False, True):
        assert measures.boundary_distances(edge, [[0.5, 1.5]], exact=exact).tolist() == [2.0]
        assert measures.boundary_distances(edge, [[0.75, 1.5]], rim=True, exact=exact).tolist() == [0.25]
    with pytest.raises(ValueError, match=r"\(P, 2\)"):
        measures.boundary_distances(single, [0.0, 0.0])
    with pytest.raises(ValueError, match="finite"):
        measures.boundary_distances(single, [[np.nan, 0.0]])


def exact_maps(complex: RegionComplex) -> list[list[tuple[Fraction, Fraction]]]:
    lines = ExactLines(complex.network, complex.patterns)
    return [[(a, b) for a, b, _ in lines.output(i)] for i in range(len(complex))]


@given(nets, domains(), norms, st.randoms(use_true_random=False))
@few
def test_lipschitz_constant_bounds_differences_exactly(network: Network, domain: Any, norm: Any, random: Any) -> None:
    found = over(network, domain)
    constant = measures.lipschitz_constant(found, norm)
    upper = Fraction(math.nextafter(constant.value, math.inf))
    corners = [rational(c) for c in domain.corners]
    weights = [[Fraction(random.randint(0, 8)) + Fraction(1, 9) for _ in corners] for _ in range(8)]
    where = [
        tuple(sum(w * c[k] for w, c in zip(ws, corners, strict=True)) / sum(ws) for k in range(2)) for ws in weights
    ]
    values = [network.evaluate_exact(p)[0] for p in where]
    for (p, f), (q, g) in zip(zip(where, values, strict=True), zip(where[1:], values[1:], strict=False), strict=False):
        step, rise = [[abs(a - b) for a, b in zip(u, v, strict=True)] for u, v in ((p, q), (f, g))]
        if norm == 1:
            assert sum(rise) <= upper * sum(step)
        elif norm == np.inf:
            assert max(rise) <= upper * max(step)
        else:
            assert sum(r * r for r in rise) <= upper**2 * sum(s * s for s in step)


@given(nets, domains(), norms)
@few
def test_lipschitz_constant_is_attained(network: Network, domain: Any, norm: Any) -> None:
    found = over(network, domain)
    constant = measures.lipschitz_constant(found, norm)
    float_norms = measures.gradient_norms(found, norm)
    np.testing.assert_allclose(float_norms, np.linalg.norm(found.gradients, norm, axis=(1, 2)), rtol=1e-12, atol=1e-300)
    assert constant.value == pytest.approx(float_norms.max(), rel=1e-9)
    maps = exact_maps(found)
    if norm == "fro" or (norm == 2 and network.n_outputs == 1):
        squares = [sum((a * a + b * b for a, b in rows), Fraction(0)) for rows in maps]
    elif norm == 1:
        squares = [max(sum(abs(row[k]) for row in rows) for k in (0, 1)) ** 2 for rows in maps]
    elif norm == np.inf:
        squares = [max(abs(a) + abs(b) for a, b in rows) ** 2 for rows in maps]
    else:
        # The square is a root of x² - T x + det, and the larger one: no other region's polynomial is > 0 beyond it.
        assert constant.squared is None or constant.value**2 == pytest.approx(float(constant.squared), rel=1e-12)
        return
    assert constant.squared == max(squares)
    assert constant.region == squares.index(max(squares))
    assert constant.exact is None or constant.exact**2 == constant.squared


def test_spectral_norms_are_compared_exactly() -> None:
    # Rotations and reflections of one matrix: equal spectral norms, irrational, on all four quadrants.
    weights = [[[1.0, 0.0], [0.0, 1.0]], [[2.0, 1.0], [1.0, 1.0]]]
    found = over(Network.from_arrays(weights, activation="abs"), 1)
    constant = measures.lipschitz_constant(found)
    assert constant.region == 0
    assert constant.squared is constant.exact is None
    assert constant.value == float(Fraction((3 + math.isqrt(5 * 4**200) / Fraction(2) ** 200) / 2))
    # One unit in the last place more in one quadrant.
    weights = [[*np.eye(2), *-np.eye(2)], [[2.0, 1.0, -2.0, math.nextafter(-1.0, -2)], [1.0, 1.0, -1.0, -1.0]]]
    found = over(Network.from_arrays(weights), 1)
    steepest = measures.lipschitz_constant(found).region
    assert found.gradients[steepest].tolist() != found.gradients[0].tolist() or steepest == 0
    assert found.gradients[steepest, 0, 1] == math.nextafter(1.0, 2)
    with pytest.raises(ValueError, match="norm=3"):
        measures.lipschitz_constant(found, 3)


@pytest.mark.parametrize("turned", [1.0, -1.0])
def test_gradients_that_floats_take_for_one_are_told_apart(turned: float) -> None:
    # Slopes 3 · 0.1 and -(3 · 0.1 + 1e-18).
    weights = [[[turned * 0.1, 0.0], [turned * -0.1, 0.0], [turned * -1e-18, 0.0]], [[3.0, 3.0, 1.0]]]
    found = over(Network.from_arrays(weights), 1)
    norms = measures.gradient_norms(found)
    assert norms[0] == norms[1]
    constant = measures.lipschitz_constant(found)
    assert constant.exact == 3 * Fraction(0.1) + Fraction(1e-18)
    assert found.patterns[constant.region].tolist() == [False, True, True]


def test_norms_of_huge_and_tiny_gradients() -> None:
    for size in (1e200, 1e-200):
        found = over(Network.from_arrays([[[size, 0.0], [0.0, size]], [[3.0, 4.0]]]), 1)
        assert measures.gradient_norms(found).max() == pytest.approx(5 * size, rel=1e-15)
        assert measures.lipschitz_constant(found).value == pytest.approx(5 * size, rel=1e-15)
    constant = over(Network.from_arrays([np.zeros((3, 2))]), 1)
    assert measures.lipschitz_constant(constant).exact == 0


@given(nets, st.one_of(domains(), polygons(), unbounded))
@few
def test_dual_graph(network: Network, domain: Any) -> None:
    try:
        found = over(network, domain)
    except DomainError:
        return
    graph = measures.dual_graph(found)
    lengths = shortest_path(graph, method="D", unweighted=True)
    assert np.isfinite(lengths).all()
    assert (measures.eccentricities(found) == lengths.max(axis=1)).all()
    assert measures.diameter(found) == lengths.max()
    assert (measures.degrees(found) == graph.sum(axis=1)).all()
    hamming = (found.patterns[:, None] != found.patterns[None]).sum(axis=2)
    table = measures.hamming_by_distance(found)
    assert table.sum() == len(found) ** 2
    for d, h in np.argwhere(table > 0).tolist():
        assert table[d, h] == ((lengths == d) & (hamming == h)).sum()
    if len(found) > 2:
        part = [measures.hamming_by_distance(found, chosen) for chosen in ([0], range(1, len(found)))]
        assert all((one <= table[: len(one)]).all() for one in part)


@given(relu_mlps(max_hidden_layers=2, max_width=5), domains(kinds=["square", "box", "polygon"]))
@few
def test_paths_cross_at_least_the_neurons_that_differ(network: Network, domain: Any) -> None:
    found = over(network, domain)
    table = measures.hamming_by_distance(found)
    d, h = np.nonzero(table)
    assert (h <= d).all()
    assert ((d - h) % 2 == 0).all()
    if len(network.layers) == 2:
        assert (h == d).all()


@given(nets, domains())
@few
def test_states_of_neurons(network: Network, domain: Any) -> None:
    found = over(network, domain)
    states = measures.neuron_states(found)
    assert (states.active == found.patterns.sum(axis=0)).all()
    assert not (states.dead & states.always_on).any()
    for corner in domain.corners.tolist():
        assert not any(np.array(network.evaluate_exact(corner)[1], dtype=bool)[states.dead])
    assert (measures.neuron_boundary_lengths(found)[states.stable] == 0).all()


def test_occupancy() -> None:
    rng = np.random.default_rng(0)
    where = rng.uniform(-2, 2, size=(500, 2))
    found = over(AXES, Box(-1, -1, 2, 2))
    lie = measures.occupancy(found, where)
    assert (lie.counts == np.bincount(lie.regions[lie.regions >= 0], minlength=4)).all()
    assert lie.n_inside == ((where >= -1) & (where <= 2)).all(axis=1).sum()
    assert (lie.n_occupied, lie.regions_per_point) == (4, 4 / lie.n_inside)
    assert 1 <= lie.effective_regions <= 4
    assert "of 4 regions" in repr(lie)
    nobody = measures.occupancy(found, np.empty((0, 2)))
    assert nobody.n_occupied == 0
    assert math.isnan(nobody.regions_per_point)
    assert math.isnan(nobody.effective_regions)


@given(relu_mlps(max_hidden_layers=2, max_width=4), domains(kinds=["square"]), st.integers(0, 1000))
@few
def test_transitions_lead_from_region_to_region(network: Network, domain: Any, seed: int) -> None:
    found = over(network, domain)
    ends = np.random.default_rng(seed).uniform(domain.minx, domain.maxx, size=(2, 2))
    way = measures.transitions(found, ends)
    assert way.length == pytest.approx(math.dist(*ends), rel=1e-15)
    assert way.density == way.total / way.length
    # Regions are convex, so a segment visits each of them once.
    cuts = np.concatenate([[0.0], way.trajectory.transitions, [1.0]])
    middles = (cuts[1:] + cuts[:-1])[:, None] / 2 * (ends[1] - ends[0]) + ends[0]
    homes = found.locate(middles)
    assert len(set(homes.tolist())) == way.total + 1
    assert (found.patterns[homes] == way.trajectory.patterns).all()
    assert measures.transitions(found, ends, closed=True).total == 2 * way.total


def test_transitions_start_and_end_in_the_domain() -> None:
    found = over(AXES, 1)
    with pytest.raises(DomainError, match=r"point 1, \(2.0, 0.0\), lies outside Box"):
        measures.transitions(found, [[0.5, 0.5], [2.0, 0.0]])
    with pytest.raises(DomainError, match="must differ"):
        measures.transitions(found, [[0.5, 0.5], [0.5, 0.5]])
    square = [[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5], [0.5, 0.5]]
    assert measures.transitions(found, square).total == measures.transitions(found, square[:-1], closed=True).total == 4
    assert measures.transitions(found, square, closed=True).total == 4


def moved(network: Network, shift: float) -> Network:
    first, *others = network.layers
    return Network((type(first)(first.weight, first.bias + shift, first.below, first.above), *others))


@given(nets, domains(), st.sampled_from([0.0, 2.0**-30, 0.25, 100.0]))
@few
def test_stable_regions(network: Network, domain: Any, shift: float) -> None:
    first, second = over(network, domain), over(moved(network, shift), domain)
    there = measures.stable_regions(first, second, exact=True)
    back = measures.stable_regions(second, first, exact=True)
    assert there.exact_shared_area == back.exact_shared_area <= exact_area(domain.corners)
    assert (there.lost == back.gained).all()
    assert (there.gained == back.lost).all()
    assert len(there.surviving) + len(there.lost) == len(first)
    assert len(there.surviving) + len(there.gained) == len(second)
    for i, j in there.surviving.tolist():
        assert (first.patterns[i] == second.patterns[j]).all()
    if shift == 0:
        assert len(there.surviving) == len(first)
        assert there.exact_shared_area == exact_area(domain.corners)
    overlap = sum(first.polygons[i].intersection(second.polygons[j]).area for i, j in there.surviving.tolist())
    assert there.shared_area == pytest.approx(overlap, rel=1e-6, abs=1e-9 * max(map(abs, domain.bounds)) ** 2)


def test_stable_regions_over_other_domains() -> None:
    first, second = (
        over(Network.from_arrays([[[1.0, 0.0]], [[1.0]]], [[b], [0.0]]), COURTYARD) for b in (-1.25, -1.75)
    )
    found = measures.stable_regions(first, second)
    assert found.shared_area == 7.0
    assert found.shared_fraction == 7 / 8
    planes = [over(moved(AXES, b), WholePlane()) for b in (0.0, 1.0)]
    found = measures.stable_regions(*planes, exact=True)
    assert (found.shared_area, found.exact_shared_area) == (math.inf, math.inf)
    assert math.isnan(found.shared_fraction)
    assert "area of inf" in repr(found)
    with pytest.raises(InvalidNetworkError, match="the same neurons"):
        measures.stable_regions(first, over(AXES, COURTYARD))
    with pytest.raises(DomainError, match="one domain"):
        measures.stable_regions(first, over(first.network, 1))


def test_slices_are_measured_in_their_coordinates() -> None:
    rng = np.random.default_rng(0)
    deep = Network.from_arrays([rng.normal(size=(6, 5)), rng.normal(size=(6, 6)), rng.normal(size=(1, 6))])
    plane = regions.Slice(rng.normal(size=5), rng.normal(size=5), rng.normal(size=5), 2)
    found, flat = regions.enumerate_regions(deep, plane), over(plane.compose(deep), 2)
    assert measures.boundary_length(found) == measures.boundary_length(flat)
    assert measures.lipschitz_constant(found) == measures.lipschitz_constant(flat)
    inside = measures.within(found, 1)
    assert (inside.slice.points([[1.0, 2.0]]) == plane.points([[1.0, 2.0]])).all()
    assert inside.slice.domain == inside.domain == Box(-1, -1, 1, 1)
    assert measures.stable_regions(found, found).shared_area == pytest.approx(16.0)
    with pytest.raises(DomainError, match="one plane"):
        measures.stable_regions(
            found, regions.enumerate_regions(deep, regions.Slice(plane.origin, plane.v, plane.u, 2))
        )
    with pytest.raises(InvalidNetworkError, match="the same neurons"):
        measures.stable_regions(found, over(AXES, 2))


def test_measures_of_the_whole_plane_in_one_region() -> None:
    found = over(Network.from_arrays([np.zeros((2, 2)), np.ones((1, 2))]), WholePlane())
    assert measures.diameter(found) == 0
    assert measures.degrees(found).tolist() == [0]
    assert measures.hamming_by_distance(found).tolist() == [[1, 0, 0]]
    assert measures.boundary_distances(found, [[1.0, 2.0]]).tolist() == [np.inf]
    assert measures.local_complexity(found, [[1.0, 2.0]], 3).tolist() == [1]
    assert measures.neuron_states(found).dead.all()
    triangle = over(AXES, ConvexPolygon([(0, 0), (1, 0), (0, 1)]))
    assert measures.neuron_states(triangle).always_on.all()
    quarter = over(AXES, Polyhedron([[-1.0, 0.0], [0.0, -1.0]], [0.0, 0.0]))
    assert measures.boundary_distances(quarter, [[1.0, 2.0]], rim=True).tolist() == [1.0]
