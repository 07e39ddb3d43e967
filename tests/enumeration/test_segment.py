from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import ENDS, agrees, reference

import regions
from regions import Network
from regions.engine.line.roots import sliced_product
from regions.enumeration.segment import enumerate_segment, enumerate_trajectory
from regions.errors import DomainError, InvalidNetworkError
from regions.testing import degenerate_mlps, networks


def tent(k: int) -> Network:
    """The tent map on [0, 1], iterated k times: 2x up to 1/2, then 2 - 2x."""
    fold = [[2.0, -4.0]]
    weights = [[[1.0], [1.0]]] + [[fold[0], fold[0]]] * (k - 1) + [fold]
    biases = [[0.0, -0.5]] * k + [[0.0]]
    return Network.from_arrays(weights, biases)


COORDINATES = st.one_of(
    st.integers(-3, 3).map(float), st.floats(-4, 4, allow_subnormal=False), st.sampled_from([2.0**40, 2.0**-40])
)
POINTS = st.tuples(COORDINATES, COORDINATES)
KINDS = st.sampled_from(sorted(ENDS))


@pytest.mark.parametrize("k", [1, 2, 5, 10])
def test_iterated_tents_have_two_to_the_k_pieces(k):
    pieces = enumerate_segment(tent(k), [0.0], [1.0])
    # At the inner zeros of the iterated tent, neurons touch zero and do not change.
    assert len(np.flatnonzero(np.diff(pieces.slopes[:, 0]))) == 2**k - 1
    assert set(np.abs(pieces.slopes[:, 0])) == {2.0**k}
    assert len(pieces) == 2**k
    assert pieces.exact_breakpoints() == [Fraction(i, 2**k) for i in range(1, 2**k)]


def test_neurons_that_break_together_make_one_breakpoint_with_all_their_names():
    pieces = enumerate_segment(Network.from_arrays([[[1.0], [-1.0]], [[1.0, -1.0]]]), [-1.0], [1.0])
    assert pieces.exact_breakpoints() == [Fraction(1, 2)]
    assert pieces.points.tolist() == [[0.0]]
    assert pieces.neurons_at(0).tolist() == pieces.neurons_at(-1).tolist() == [0, 1]
    assert pieces.slopes.tolist() == [[2.0], [2.0]]
    assert pieces.intercepts.tolist() == [[-1.0], [-1.0]]


@pytest.mark.parametrize(("kind", "expected"), [("segment", [0.5]), ("ray", [0.5, 3.0]), ("line", [-2.0, 0.5, 3.0])])
def test_segment_ray_and_line_see_their_part(kind, expected):
    network = Network.from_arrays([np.ones((3, 1)), np.ones((1, 3))], [[2.0, -0.5, -3.0], [0.0]])
    pieces = enumerate_segment(network, [0], [1], kind)
    assert pieces.breakpoints.tolist() == expected
    assert pieces.bounds[0, 0] == (-np.inf if kind == "line" else 0.0)
    assert pieces.bounds[-1, 1] == (1.0 if kind == "segment" else np.inf)
    agrees(pieces, [0], [1], kind)


def test_breakpoints_at_the_ends_are_not_inside():
    network = Network.from_arrays([[[1.0], [1.0], [-1.0]], np.ones((1, 3))], [[0.0, -1.0, 1.0], [0.0]])
    pieces = enumerate_segment(network, [0.0], [1.0])
    assert len(pieces.breakpoints) == 0
    assert pieces.patterns.tolist() == [[True, False, True]]
    assert enumerate_segment(network, [0.0], [1.0], "ray").breakpoints.tolist() == [1.0]


def test_neurons_that_touch_zero_or_stay_on_it_make_no_breakpoint():
    # The second layer sees |x|, then 0, then a unit that is 0 left of 0 and x right of it.
    network = Network.from_arrays(
        [[[1.0], [-1.0]], [[1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [-1.0, -1.0]], np.ones((1, 4))]
    )
    pieces = enumerate_segment(network, [-1.0], [1.0], "line")
    assert pieces.exact_breakpoints() == [Fraction(1, 2)]
    assert pieces.patterns.tolist() == [
        [False, True, True, False, False, False],
        [True, False, True, False, True, False],
    ]
    assert pieces.neurons_at(0).tolist() == [0, 1, 4]


def test_a_segment_within_a_neuron_s_zero_set_leaves_it_inactive():
    network = Network.from_arrays([np.eye(2), np.ones((1, 2))])
    assert enumerate_segment(network, [0.0, -1.0], [0.0, 1.0]).patterns.tolist() == [[False, False], [False, True]]


def test_a_network_without_neurons_is_one_piece():
    pieces = enumerate_segment(Network.from_arrays([np.ones((2, 3))]), [0, 0, 0], [1, 2, 3], "line")
    assert (len(pieces), pieces.patterns.shape, pieces.slopes.tolist()) == (1, (1, 0), [[6.0, 6.0]])


@settings(max_examples=150)
@given(st.one_of(networks(max_width=4), degenerate_mlps(max_width=4)), POINTS, POINTS, KINDS)
def test_agrees_with_rationals(network, p, q, kind):
    if p == q:
        return
    agrees(enumerate_segment(network, p, q, kind), p, q, kind)


@settings(max_examples=60)
@given(degenerate_mlps(max_width=4), st.data())
def test_agrees_with_rationals_between_vertices_of_the_plane(network, data):
    complex = regions.enumerate_regions(network, 2)
    vertices = st.integers(0, len(complex.vertices) - 1)
    p, q = (complex.vertices[data.draw(vertices)].tolist() for _ in range(2))
    if p != q:
        agrees(enumerate_segment(network, p, q), p, q, "segment")


@settings(max_examples=40)
@given(networks(), st.integers(0, 2**32 - 1))
def test_meets_the_regions_of_the_plane(network, seed):
    p, q = np.random.default_rng(seed).uniform(-2, 2, size=(2, 2))
    complex = regions.enumerate_regions(network, 2)
    pieces = enumerate_segment(network, p, q)
    edges = [Fraction(0), *pieces.exact_breakpoints(), Fraction(1)]
    for pattern, low, high in zip(pieces.patterns, edges, edges[1:], strict=False):
        t = (low + high) / 2
        middle = [Fraction(a) + t * (Fraction(b) - Fraction(a)) for a, b in zip(p, q, strict=True)]
        exact = network.evaluate_exact(middle)[1]
        assert pattern.tolist() == exact
        # The float nearest to the middle of a piece that is not tiny lies in the same region.
        if high - low > Fraction(1, 2**20):
            index = complex.locate([[float(x) for x in middle]])[0]
            if network.evaluate_exact([float(x) for x in middle])[1] == exact:
                assert np.array_equal(complex.patterns[index], pattern)
    # Regions are convex where no two of them share a pattern; so every piece is in a region of its own.
    known = {row.tobytes() for row in complex.patterns}
    assert len({row.tobytes() for row in pieces.patterns}) == len(pieces)
    assert all(row.tobytes() in known for row in pieces.patterns)


@pytest.mark.parametrize("width", [1, 3, 8])
@pytest.mark.parametrize("dimension", [1, 3, 20])
def test_any_dimension(dimension, width):
    rng = np.random.default_rng([dimension, width])
    widths = [dimension, width, width, width, 2]
    pairs = list(pairwise(widths))
    network = Network.from_arrays(
        [rng.normal(size=(o, i)) for i, o in pairs], [rng.normal(size=o) for _, o in pairs], (0.3, 1.1)
    )
    p, q = rng.normal(size=(2, dimension)).tolist()
    for kind in ENDS:
        pieces = enumerate_segment(network, p, q, kind)
        agrees(pieces, p, q, kind)
        slopes, intercepts = (np.array([[float(m[i]) for m in row] for row in pieces.exact_maps()]) for i in (0, 1))
        np.testing.assert_allclose(pieces.slopes, slopes, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(pieces.intercepts, intercepts, rtol=1e-9, atol=1e-9)


def test_generic_position_needs_no_integers():
    rng = np.random.default_rng(5)
    widths = [3, 40, 40, 40, 1]
    pairs = list(pairwise(widths))
    network = Network.from_arrays(
        [rng.normal(size=(o, i)) / np.sqrt(i) for i, o in pairs], [rng.normal(size=o) for _, o in pairs]
    )
    pieces = enumerate_segment(network, -np.ones(3), np.ones(3), "line")
    assert pieces.certificate.decided_exactly == 0
    assert pieces.certificate.proven_by_float > 3 * 40 * 40
    assert pieces.breakpoints.tolist() == [float(t) for t in pieces.exact_breakpoints()]


@pytest.mark.parametrize("gap", [1e-9, 1e-12, 2.0**-52, 0.0])
@pytest.mark.parametrize("far", [1.0, 2.0**40])
def test_nearly_equal_breakpoints_are_told_apart(gap, far):
    network = Network.from_arrays([[[1.0], [1 + gap], [3.0]], np.eye(3), np.ones((1, 3))], [[-far] * 3, [0] * 3, [0]])
    pieces = enumerate_segment(network, [0.0], [1.0], "ray")
    assert len(pieces.breakpoints) == (3 if gap else 2)
    agrees(pieces, [0.0], [1.0], "ray")


@pytest.mark.parametrize("scale", [1e-300, 5e-324, 1e300])
def test_overflow_and_underflow_end_in_integers(scale):
    network = Network.from_arrays([[[scale], [scale]], [[1e300, -1e300]], [[1.0]]], [[-1.0, 1.0], [0.5], [0.0]])
    for kind in ENDS:
        agrees(enumerate_segment(network, [-3.0], [4.0], kind), [-3.0], [4.0], kind)
    agrees(enumerate_segment(network, [-1.7e308], [1.7e308]), [-1.7e308], [1.7e308], "segment")


@settings(max_examples=40)
@given(st.integers(1, 700), st.integers(0, 2**32 - 1), st.integers(-200, 200))
def test_sliced_products_keep_their_bound(n, seed, exponent):
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(2, n)) * 2.0 ** rng.integers(-60, 60, size=(2, n)) * 2.0**exponent
    high = rng.normal(size=(n, 2)) * 2.0 ** rng.integers(-60, 60, size=(n, 2))
    low = high * 2.0**-54 * rng.uniform(-1, 1, size=(n, 2))
    top, rest, error = sliced_product(weight, high, low)
    for i in range(2):
        for j in range(2):
            exact = sum(
                Fraction(w) * (Fraction(h) + Fraction(x))
                for w, h, x in zip(weight[i].tolist(), high[:, j].tolist(), low[:, j].tolist(), strict=True)
            )
            assert abs(Fraction(top[i, j]) + Fraction(rest[i, j]) - exact) <= Fraction(error[i, j])
    largest = np.abs(weight).max(axis=1)[:, None] * np.abs(high).max(axis=0)
    assert (error <= largest * n * 2.0**-76).all()


@given(degenerate_mlps(max_width=3), POINTS, POINTS)
def test_the_way_back_has_the_same_breakpoints(network, p, q):
    if p == q:
        return
    there, back = enumerate_segment(network, p, q), enumerate_segment(network, q, p)
    assert [1 - t for t in there.exact_breakpoints()][::-1] == back.exact_breakpoints()
    assert np.array_equal(there.patterns, back.patterns[::-1])


def test_a_corner_that_only_touches_a_breakpoint_is_no_transition():
    network = Network.from_arrays([np.eye(2), np.ones((1, 2))])
    touching = enumerate_trajectory(network, [[-1.0, -1.0], [0.0, -0.5], [-1.0, -0.25]])
    assert (touching.n_transitions, touching.n_pieces, len(touching)) == (0, 2, 2)
    crossing = enumerate_trajectory(network, [[-1.0, -1.0], [0.0, 0.0], [1.0, 0.5]])
    assert crossing.transitions.tolist() == [1.0]
    assert crossing.patterns.tolist() == [[False, False], [True, True]]


@given(degenerate_mlps(max_width=3), st.lists(POINTS, min_size=2, max_size=5))
def test_trajectories_are_their_legs(network, points):
    points = [a for i, a in enumerate(points) if i == 0 or a != points[i - 1]]
    if len(points) < 2:
        return
    trajectory = enumerate_trajectory(network, points)
    rows = []
    for a, b, leg in zip(points, points[1:], trajectory.legs, strict=False):
        expected = reference(network, a, b, "segment")
        assert leg.exact_breakpoints() == [piece.high for piece in expected[:-1]]
        rows += [list(piece.pattern) for piece in expected]
    kept = [row for i, row in enumerate(rows) if i == 0 or row != rows[i - 1]]
    assert trajectory.patterns.tolist() == kept
    assert trajectory.n_transitions == len(trajectory.transitions) == len(kept) - 1
    assert (np.diff(trajectory.transitions) >= 0).all()
    corners = sum(
        not np.array_equal(a.patterns[-1], b.patterns[0])
        for a, b in zip(trajectory.legs, trajectory.legs[1:], strict=False)
    )
    assert trajectory.n_transitions == corners + sum(len(leg.breakpoints) for leg in trajectory.legs)


def test_a_straight_polyline_has_the_transitions_of_its_segment():
    rng = np.random.default_rng(3)
    network = Network.from_arrays([rng.normal(size=(20, 4)), rng.normal(size=(1, 20))], [rng.normal(size=20), [0.0]])
    p, q = np.array([-2.0, 1.0, 0.5, -1.0]), np.array([2.0, 0.0, 1.5, 3.0])
    whole = enumerate_segment(network, p, q)
    quarters = enumerate_trajectory(network, [p + k / 4 * (q - p) for k in range(5)])
    assert quarters.n_transitions == len(whole.breakpoints)
    np.testing.assert_allclose(quarters.transitions, 4 * whole.breakpoints, rtol=1e-12)
    assert np.array_equal(quarters.patterns, whole.patterns)


def test_reprs_are_sentences():
    network = Network.from_arrays([np.ones((1, 4)), [[1.0]]])
    pieces = enumerate_segment(network, [0, 0, 0, 1], [1, 1, 1, 2], "ray")
    assert repr(pieces) == (
        "<SegmentPieces of 1 piece and 0 breakpoints, on the ray from [0.0, 0.0, 0.0, …] through [1.0, 1.0, 1.0, …]>"
    )
    assert repr(enumerate_trajectory(network, np.eye(4)[:2])) == (
        "<Trajectory of 1 leg and 1 piece, with 0 transitions>"
    )


def test_results_are_read_only():
    pieces = enumerate_segment(tent(2), [0.0], [1.0])
    for name in ("p", "q", "breakpoints", "patterns", "slopes", "intercepts", "neuron_offsets", "neurons"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(pieces, name)[...] = 0
    with pytest.raises(IndexError):
        pieces.neurons_at(3)


@pytest.mark.parametrize(
    ("p", "q", "kind", "message"),
    [
        ([0.0], [0.0, 1.0], "segment", r"p of shape \(1,\) was given; this network of 2 inputs needs shape \(2,\)"),
        ([0.0, 1.0], [[0.0, 1.0]], "segment", r"q of shape \(1, 2\) was given"),
        ([0.0, 1.0], [0.0, 1.0], "line", "p and q are both"),
        ([0.0, np.nan], [0.0, 1.0], "segment", r"p: entry \(1,\) is nan; all coordinates must be finite"),
        ([0.0, 1.0], [0.0, np.inf], "ray", "must be finite"),
        ([0.0, 1.0], [0.0, 2.0], "circle", "kind='circle' was given; allowed are 'segment', 'ray', 'line'"),
        (["a", "b"], [0.0, 2.0], "segment", "dtype"),
        ([[1.0], [1.0, 2.0]], [0.0, 2.0], "segment", "could not be read"),
        ([2**53 + 1, 0], [0.0, 2.0], "segment", "beyond"),
    ],
)
def test_wrong_lines_are_refused(p, q, kind, message):
    with pytest.raises(DomainError, match=message):
        enumerate_segment(Network.from_arrays([np.ones((1, 2))]), p, q, kind)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0.0, 1.0]], "1 point was given; a polyline needs at least two"),
        ([0.0, 1.0], r"needs shape \(P, 2\)"),
        ([[0.0, 1.0], [1.0, 1.0], [1.0, 1.0]], "points 1 and 2 are both"),
    ],
)
def test_wrong_polylines_are_refused(points, message):
    with pytest.raises(DomainError, match=message):
        enumerate_trajectory(Network.from_arrays([np.ones((1, 2))]), points)


def test_anything_but_a_network_is_refused():
    with pytest.raises(TypeError, match=r"regions\.Network"):
        enumerate_segment("model", [0.0], [1.0])
    with pytest.raises(InvalidNetworkError):
        Network.from_arrays([[[np.inf]]])
