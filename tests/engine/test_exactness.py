"""Attacks on the float filter: its bounds against exact arithmetic, and networks built to fool it."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mlps import mlp
from reference import reference_of

import regions
from regions import Box, Layer, Network
from regions.engine import count as count_module
from regions.engine.cut import Enumeration
from regions.engine.filter import crossing, value, vertex_error
from regions.engine.maps.dense import next_maps, norm_bound, spectral_bound
from regions.enumeration import assemble as assembling
from regions.enumeration import count as counting
from regions.network.integers import ExactLines

finite = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-6)
extreme = st.floats(allow_nan=False, allow_infinity=False)
small = st.floats(0, 1e-6)


def exactly(x: float) -> Fraction:
    return Fraction(float(x))


@given(st.tuples(*[extreme] * 5), st.tuples(*[small] * 4))
def test_the_bound_of_a_value_holds(numbers: tuple, errors: tuple) -> None:
    a, b, c, x, y = numbers
    eg, ec, dx, dy = errors
    s, bound = value(a, b, c, eg, ec, x, y, 1.0, dx, dy)
    assume(math.isfinite(s) and math.isfinite(bound))
    worst = abs(exactly(s) - (exactly(a) * exactly(x) + exactly(b) * exactly(y) + exactly(c)))
    # The errors at their worst, all with the same sign.
    worst += exactly(eg) * (abs(exactly(x)) + abs(exactly(y))) + exactly(ec)
    worst += (abs(exactly(a)) + exactly(eg)) * exactly(dx) + (abs(exactly(b)) + exactly(eg)) * exactly(dy)
    assert worst <= exactly(bound)


@given(st.tuples(*[finite] * 6), st.tuples(finite, finite))
def test_the_bound_of_a_vertex_holds(numbers: tuple, stored: tuple) -> None:
    a1, b1, c1, a2, b2, c2 = numbers
    dx, dy = vertex_error(*stored, a1, b1, c1, 0.0, 0.0, a2, b2, c2, 0.0, 0.0)
    assume(math.isfinite(dx))
    determinant = exactly(a1) * exactly(b2) - exactly(a2) * exactly(b1)
    assert determinant != 0
    x = (exactly(b1) * exactly(c2) - exactly(b2) * exactly(c1)) / determinant
    y = (exactly(a2) * exactly(c1) - exactly(a1) * exactly(c2)) / determinant
    assert abs(x - exactly(stored[0])) <= exactly(dx)
    assert abs(y - exactly(stored[1])) <= exactly(dy)


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9), st.floats(0, 1), st.floats(0, 1))
def test_the_bounds_of_a_crossing_hold(p: float, q: float, up: float, uq: float) -> None:
    bu, bv = p * up, q * uq
    t, low, high = crossing(p, bu, q, bv)
    assert low <= t <= high
    for su, sv in ((p - bu, q + bv), (p + bu, q - bv), (p, q)):
        su, sv = max(exactly(su), Fraction(0)), max(exactly(sv), Fraction(0))
        if su + sv > 0:
            true = su / (su + sv)
            slack = Fraction(1, 2**40) if (su, sv) != (exactly(p), exactly(q)) else 0
            assert exactly(low) - slack <= true <= exactly(high) + slack


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (20, 5), (5, 20), (64, 64), (600, 3)])
def test_norm_bounds_hold_and_are_close(shape: tuple[int, int]) -> None:
    weight = np.random.default_rng(0).normal(size=shape)
    true = np.linalg.norm(weight, 2)
    assert true * (1 - 1e-12) <= spectral_bound(weight) <= 1.3 * true
    norms = np.linalg.norm(weight, axis=1)
    assert (norms * (1 - 1e-15) <= norm_bound(weight)).all()
    for scale in (1e-300, 1e-170, 1e170, 1e300):
        assert spectral_bound(weight * scale) >= true * scale * (1 - 1e-12)
        assert (norm_bound(weight * scale) >= norms * scale * (1 - 1e-12)).all()
    assert spectral_bound(weight * 0) == 0.0


@pytest.mark.parametrize("slopes", [(0.0, 1.0), (0.1, 1.3)])
def test_the_bounds_of_lines_hold_after_several_layers(slopes: tuple[float, float]) -> None:
    network = mlp(2, 6, 7, 8, 5, 1, seed=3, activation=slopes)
    complex = regions.enumerate_regions(network, 2)
    exact = ExactLines(network, complex.patterns)
    run = Enumeration(network, Box(-2, -2, 2, 2))
    for i in range(4):
        parents, bits = run.cut()
        run.maps = next_maps(network.layers[i + 1], network.layers[i], run.maps, parents, bits)
        points = run.cells.points[run.cells.rings[run.cells.ring_offsets[:-1]], :2]
        middle = (
            np.add.reduceat(run.cells.points[run.cells.rings, :2], run.cells.ring_offsets[:-1])
            / (np.diff(run.cells.ring_offsets)[:, None])
        )
        assert len(points) == run.cells.n_faces
        homes = complex.locate(middle)
        faces = np.repeat(np.arange(run.cells.n_faces), network.layers[i + 1].n_out)
        units = np.tile(np.arange(network.layers[i + 1].n_out), run.cells.n_faces)
        lines = run.maps.lines(faces, units)
        largest = 0.0
        for f, k, line in zip(faces[::7], units[::7], lines[::7], strict=True):
            matrix, scale = exact.map_on(int(homes[f]), i + 1)
            for c in range(3):
                error = abs(exactly(line[c]) - Fraction(int(matrix[int(k), c]), 1 << scale))
                assert error <= exactly(line[3] if c < 2 else line[4])
                largest = max(largest, float(line[3]))
        assert largest < 1e-12


def three_lines(gap: float, at: tuple[float, float], turn: float) -> Network:
    """Three lines of which the third misses the meet of the other two by about `gap`."""
    directions = np.array([turn, turn + 1.0, turn + 2.2])
    weight = np.stack([np.cos(directions), np.sin(directions)], axis=1)
    bias = -(weight @ np.array(at))
    bias[2] += gap
    return Network.from_arrays([weight, np.ones((1, 3))], [bias, [0.0]])


@pytest.mark.parametrize("gap", [1e-9, 1e-12, 1e-15, 5e-17, 0.0, -1e-15])
@pytest.mark.parametrize("at", [(0.0, 0.0), (0.3, -0.2), (1e6 + 0.3, -1e6 + 0.1)])
@pytest.mark.parametrize("turn", [0.1, 0.77])
def test_near_misses(gap: float, at: tuple[float, float], turn: float) -> None:
    network = three_lines(gap, at, turn)
    domain = Box(at[0] - 1, at[1] - 1, at[0] + 1, at[1] + 1)
    expected = len(reference_of(network, domain))
    assert expected in (6, 7)
    assert regions.enumerate_regions(network, domain).n_regions == expected
    assert regions.count_regions(network, domain) == expected


@pytest.mark.parametrize("ulps", [-2, -1, 0, 1, 2])
def test_integer_lines_one_ulp_apart(ulps: int) -> None:
    bias = -2.0
    for _ in range(abs(ulps)):
        bias = np.nextafter(bias, math.copysign(10, ulps))
    network = Network.from_arrays([[[1, 0], [0, 1], [1, 1]], [[1, 1, 1]]], [[-1, -1, bias], [0]])
    assert regions.enumerate_regions(network, 3).n_regions == (6 if ulps == 0 else 7)


@pytest.mark.parametrize("gap", [1e-6, 1e-12, 2.0**-52])
def test_needles(gap: float) -> None:
    weight = [[1.0, 0.0], [1.0, gap], [0.3, 1.0]]
    network = Network.from_arrays(
        [weight, np.eye(3), np.ones((1, 3))], [[0.0, -gap / 3, 0.1], [-0.1, -0.1, -0.2], [0.0]]
    )
    assert regions.enumerate_regions(network, 1).n_regions == len(reference_of(network, Box(-1, -1, 1, 1)))


@pytest.mark.parametrize("scale", [1e-12, 1e12, 1e-300, 5e-324, 1e290])
def test_scaled_neurons_cut_alike(scale: float) -> None:
    base = np.round(np.random.default_rng(5).normal(size=(8, 2)) * 8) + 0.5
    bias = np.round(np.random.default_rng(6).normal(size=8) * 4)
    plain = Network.from_arrays([base, np.ones((1, 8))], [bias, [0.0]])
    factor = 2.0 ** round(math.log2(scale)) if scale > 1e-320 else 5e-324 * 2
    scaled = Network.from_arrays([base * factor, np.ones((1, 8))], [bias * factor, [0.0]])
    a, b = regions.enumerate_regions(plain, 5), regions.enumerate_regions(scaled, 5)
    assert {tuple(p) for p in a.patterns} == {tuple(p) for p in b.patterns}


@pytest.mark.parametrize("domain", [1e-300, 1e-9, 1.0, 1e9, 1e300])
def test_any_size_of_domain(domain: float) -> None:
    network = mlp(2, 6, 6, 1, seed=2)
    assert regions.count_regions(network, domain) == len(reference_of(network, Box(*[-domain] * 2, *[domain] * 2)))


def test_three_lines_through_one_point_in_the_second_layer() -> None:
    # On x, y > 0 the second layer has the lines x = 1, y = 1 and x = y, through one point.
    weights = [np.eye(2), [[1, 0], [0, 1], [1, -1]], np.ones((1, 3))]
    for bump, expected in ((0.0, 0), (2.0**-40, 1)):
        network = Network.from_arrays(weights, [[0, 0], [-1, -1, bump], [0]])
        count = regions.enumerate_regions(network, 2).n_regions
        assert count == len(reference_of(network, Box(-2, -2, 2, 2)))
        if expected:
            assert count > regions.count_regions(Network.from_arrays(weights, [[0, 0], [-1, -1, 0], [0]]), 2)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([1, 2, 7, 40]),
    st.sampled_from([1, 3, 10**6]),
    st.integers(1, 3),
    st.sampled_from([1, 5000, None]),
)
def test_counts_do_not_depend_on_blocks_or_threads(
    seed: int, first: int, smallest: int, threads: int, limit: int | None
) -> None:
    rng = np.random.default_rng(seed)
    network = mlp(2, *rng.integers(2, 12, size=rng.integers(1, 5)).tolist(), 1, seed=seed)
    if seed % 2:
        network = Network.from_arrays(
            [np.round(layer.weight * 2) for layer in network.layers], [np.round(layer.bias) for layer in network.layers]
        )
    domain = Box(-3, -3, 3, 3)
    expected = regions.enumerate_regions(network, domain).n_regions
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(count_module, "_FIRST_FACES", first)
        patch.setattr(count_module, "_SMALLEST", smallest)
        if limit is not None:
            # Too little for the fast path, or for all but small blocks.
            for module in (counting, assembling):
                patch.setattr(module, "step_bytes", lambda room: (limit, threads))
        assert regions.count_regions(network, domain, threads=threads) == expected
        assert regions.enumerate_regions(network, domain, threads=threads).n_regions == expected


def test_runs_repeat_bit_for_bit() -> None:
    network = mlp(2, 16, 16, 16, 1)
    a, b = (regions.enumerate_regions(network, 10) for _ in range(2))
    for name in ("vertices", "edges", "rings", "packed_patterns", "gradients", "offsets", "edge_faces"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.certificate == b.certificate


def test_the_certificate_counts_both_stages() -> None:
    generic = regions.enumerate_regions(mlp(2, 8, 8, 1), 3).certificate
    assert generic.proven_by_float > 100
    assert generic.decided_exactly == 0
    central = Network.from_arrays([np.random.default_rng(0).normal(size=(8, 2)), np.ones((1, 8))])
    assert regions.enumerate_regions(central, 3).certificate.decided_exactly > 0


@pytest.mark.parametrize("exponent", [150, 500, 900])
@pytest.mark.parametrize("seed", range(4))
def test_weights_of_any_magnitude(exponent: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    widths = [2, *rng.integers(2, 6, size=2).tolist(), 1]

    def draw(*shape: int) -> np.ndarray:
        return np.round(rng.normal(size=shape) * 4) * 2.0 ** rng.integers(-exponent, exponent, shape)

    network = Network.from_arrays([draw(o, i) for i, o in itertools.pairwise(widths)], [draw(o) for o in widths[1:]])
    expected = len(reference_of(network, Box(-1, -1, 1, 1)))
    assert regions.enumerate_regions(network, 1).n_regions == expected
    assert regions.count_regions(network, 1) == expected


def test_weights_whose_products_overflow() -> None:
    # Found by Hypothesis: the maps overflow, so every decision falls to the exact stage.
    big = 2.0**600
    weights = [[[big, 1], [1, 2]], [[1, big], [1, 1]], [[1, 1]]]
    network = Network.from_arrays(weights, [[1, 1], [-1, 1], [0]])
    assert regions.enumerate_regions(network, 1).n_regions == len(reference_of(network, Box(-1, -1, 1, 1)))


def test_slopes_that_underflow_are_no_exact_zeros() -> None:
    # Found by an attack: the first layer's activations underflow to 0, which is no proof that they vanish.
    tiny = Network((Layer([[1e-200, 0]], [0], [1e-200], [1e-200]), Layer([[1e300]], [0.0], [0], [1])))
    assert regions.enumerate_regions(tiny, 1).n_regions == regions.count_regions(tiny, 1) == 2
    layers = (
        Layer([[1e-300, 0], [0, 1e-300]], [0, 0], [1e-30] * 2, [1, 1]),
        Layer([[1, 1], [1, -1]], [0, 0], [0, 0], [1, 1]),
        Layer([[1, 1]], [0], [1], [1]),
    )
    network = Network(layers)
    assert len(reference_of(network, Box(-1, -1, 1, 1))) == 8
    assert regions.enumerate_regions(network, 1).n_regions == regions.count_regions(network, 1) == 8


def test_underflow_in_a_block_is_multiplied_by_a_far_domain() -> None:
    layers = (
        Layer([[2.0**-480, 0], [0, 2.0**-480]], [0, 0], [0.5, 0.5], [1, 1]),
        Layer([[-(2.0**-600), 0], [0, -(2.0**-600)]], [2.0**-900] * 2, [0, 0], [1, 1]),
        Layer([[1, 1]], [0], [1], [1]),
    )
    network, domain = Network(layers), Box(2.0**100, 2.0**100, 2.0**200, 2.0**200)
    assert len(reference_of(network, domain)) == 4
    assert regions.enumerate_regions(network, domain).n_regions == regions.count_regions(network, domain) == 4


@pytest.mark.parametrize("bound", [1e3, 1e8, 1e12, 1e16, 1e30])
def test_inner_vertices_stay_sharp_on_large_domains(bound: float) -> None:
    complex = regions.enumerate_regions(mlp(2, 20, 1), bound)
    rim = set(complex.edges[(complex.edge_faces < 0).any(axis=1)].ravel().tolist())
    for i, (x, y) in enumerate(complex.exact_vertices()):
        if i not in rim:
            error = max(abs(exactly(complex.vertices[i, 0]) - x), abs(exactly(complex.vertices[i, 1]) - y))
            assert error <= Fraction(1, 10**11) * max(abs(x), abs(y))


def test_the_largest_domain_of_all() -> None:
    network = mlp(2, 6, 1)
    assert regions.count_regions(network, 1.7e308) == len(reference_of(network, Box(*[-1.7e308] * 2, *[1.7e308] * 2)))
