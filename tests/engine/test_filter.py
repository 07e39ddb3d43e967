"""Every float filter of the engine at the ends of float64, against rationals.

The rule: a value that is not finite proves nothing, and a guard against underflow is the last thing added. Numbers are
drawn so that the exponents of products and quotients lie around those of the largest and the smallest floats.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import sparse

from regions import Network
from regions.engine import chords
from regions.engine.filter import crossing, value, vertex_error
from regions.engine.line import intervals
from regions.engine.maps.dense import activate, frobenius_bound, norm_bound, spectral_bound
from regions.engine.maps.sparse import WideMaps, WideNetwork

# Around the smallest subnormal, the roots of the smallest and the largest float, 1, and the largest float.
ENDS = (-1074, -1022, -537, -511, 0, 511, 512, 1000, 1023)


def floats(*exponents: int, spread: int = 24) -> st.SearchStrategy[float]:
    """Numbers of few bits or of many, whose exponents lie around some of these."""
    mantissas = st.one_of(
        st.sampled_from([1.0, 1.5, 1.0 + 2.0**-52, 2.0 - 2.0**-52]), st.floats(1.0, 2.0, exclude_max=True)
    )
    powers = st.sampled_from(exponents or ENDS).flatmap(lambda e: st.integers(e - spread, e + spread))
    found = st.builds(lambda m, e, s: s * _scaled(m, e), mantissas, powers, st.sampled_from([-1.0, 1.0]))
    return st.one_of(st.just(0.0), found, found, found)


def _scaled(mantissa: float, exponent: int) -> float:
    return float(np.clip(np.ldexp(mantissa, min(exponent, 1023)), -1.7e308, 1.7e308))


def exactly(x: float) -> Fraction:
    return Fraction(float(x))


bounds = st.one_of(st.just(0.0), floats().map(abs))


@settings(max_examples=300)
@given(st.tuples(*[floats()] * 5), st.tuples(*[bounds] * 4))
def test_a_value_proves_a_sign_only_where_it_has_it(numbers: tuple, errors: tuple) -> None:
    a, b, c, x, y = numbers
    eg, ec, dx, dy = errors
    s, bound = value(a, b, c, eg, ec, x, y, 1.0, dx, dy)
    if not abs(s) > bound:
        return
    assert math.isfinite(s)
    true = exactly(a) * exactly(x) + exactly(b) * exactly(y) + exactly(c)
    worst = exactly(eg) * (abs(exactly(x)) + abs(exactly(y))) + exactly(ec)
    worst += (abs(exactly(a)) + exactly(eg)) * exactly(dx) + (abs(exactly(b)) + exactly(eg)) * exactly(dy)
    assert abs(true) > worst
    assert (true > 0) == (s > 0)


@settings(max_examples=300)
@given(st.tuples(*[floats()] * 6), st.data())
# A quotient that underflows takes the guard in its numerator away.
@example((0.0, 2.0**900, -(2.0**-180), 1.0, 2.0**900, -(2.0**-180) - 2.0**-181), None)
def test_the_bound_of_a_vertex_holds(numbers: tuple, data: st.DataObject | None) -> None:
    a1, b1, c1, a2, b2, c2 = numbers
    determinant = exactly(a1) * exactly(b2) - exactly(a2) * exactly(b1)
    assume(determinant != 0)
    x = (exactly(b1) * exactly(c2) - exactly(b2) * exactly(c1)) / determinant
    y = (exactly(a2) * exactly(c1) - exactly(a1) * exactly(c2)) / determinant
    assume(max(abs(x), abs(y)) < 2**1000)
    at = float(x), float(y)
    if data is not None:
        at = tuple(data.draw(st.sampled_from([z, 0.0, math.nextafter(z, math.inf), 2 * z])) for z in at)
    dx, dy = vertex_error(*at, a1, b1, c1, 0.0, 0.0, a2, b2, c2, 0.0, 0.0)
    if dx < math.inf:
        assert abs(x - exactly(at[0])) <= exactly(dx)
        assert abs(y - exactly(at[1])) <= exactly(dy)


@settings(max_examples=300)
@given(floats().map(abs), floats().map(abs), bounds, bounds)
def test_the_bounds_of_a_crossing_hold(p: float, q: float, bu: float, bv: float) -> None:
    _, low, high = crossing(p, bu, q, bv)
    for su in (exactly(p) - exactly(bu), exactly(p), exactly(p) + exactly(bu)):
        for sv in (exactly(q) - exactly(bv), exactly(q), exactly(q) + exactly(bv)):
            if su > 0 and sv > 0:
                assert exactly(low) <= su / (su + sv) <= exactly(high)


@pytest.mark.parametrize("su", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("bu", [math.nan, math.inf, 0.0])
def test_what_overflowed_places_no_crossing(su: float, bu: float) -> None:
    assert crossing(su, bu, 1.0, 0.0)[1:] == (0.0, 1.0)
    assert crossing(1.0, 0.0, su, bu)[1:] == (0.0, 1.0)


@settings(max_examples=300)
@given(st.tuples(*[floats()] * 3), st.tuples(*[floats(-1074, -537, 0, 24, 511)] * 2), floats(-60, 0).map(abs))
# The value in the middle overflows, and no bound with it: half of the square lies on the other side.
@example((2.0**1000, -(2.0**999), -(2.0**1023)), (2.0**24, 2.0**24), 1.0)
def test_a_sign_on_a_whole_face_is_that_of_its_corners(line: tuple, middle: tuple, half: float) -> None:
    a, b, c = line
    corners = [(middle[0] - half, middle[1] - half), (middle[0] + half, middle[1] - half)]
    corners += [(middle[0] + half, middle[1] + half), (middle[0] - half, middle[1] + half)]
    points = np.array([(x, y, 1.0, 0.0, 0.0) for x, y in corners])
    zeros, ones = np.zeros(1), np.ones(1)
    bits = np.zeros((1, 1), dtype=np.uint64)
    found = chords.classify(
        np.array([0, 4]), np.arange(4), points, np.array([[[a], [b], [c]]]), ones, zeros, zeros, zeros, 0.0,
        np.ones(1, dtype=bool), bits, np.empty((0, 2, 0)),
    )  # fmt: skip
    true = [exactly(a) * exactly(x) + exactly(b) * exactly(y) + exactly(c) for x, y in corners]
    faces, signs = found[0], found[3]
    if len(faces):
        assert all(s in (chords.UNKNOWN, (t > 0) - (t < 0)) for s, t in zip(signs.tolist(), true, strict=True))
    elif bits[0, 0]:
        assert min(true) > 0
    else:
        assert max(true) < 0 or a == b == c == 0


@settings(max_examples=300)
@given(st.lists(floats(), min_size=1, max_size=4))
@example([5e-324, 5e-324])
@example([5e-324])
def test_norms_of_rows_are_bounded(row: list[float]) -> None:
    square = sum(exactly(x) ** 2 for x in row)
    matrix = np.array([row])
    found = [norm_bound(matrix)[0], frobenius_bound(matrix), spectral_bound(matrix), spectral_bound(matrix.T)]
    found.append(spectral_bound(sparse.csr_array(matrix)))
    # Twice the same row has sqrt(2) times its norm: the divisor is below sqrt(2).
    found.append(spectral_bound(np.vstack([matrix, matrix])) / 1.4142135623730947)
    for bound in found:
        assert bound == math.inf or exactly(bound) ** 2 >= square


def test_rows_that_overflowed_have_no_bound() -> None:
    with np.errstate(invalid="ignore"):
        assert norm_bound(np.array([[math.nan, 0.0], [math.inf, 1.0], [0.0, 0.0]])).tolist() == [math.inf, math.inf, 0]


def test_a_column_that_overflowed_has_no_bound() -> None:
    """A unit that is not a number beside zeros; one that is masked is an exact zero, whatever it was."""
    lines = np.array([[[math.nan, 0.0], [math.inf, 0.0], [math.nan, 1.0]]])
    parents, ones, zeros = np.zeros(1, dtype=np.int64), np.ones(2), np.zeros(2)
    maps, norms = activate(lines, parents, np.array([[3]], dtype=np.uint64), zeros, ones)
    assert norms.tolist() == [[math.inf, math.inf]]
    maps, norms = activate(lines, parents, np.array([[2]], dtype=np.uint64), zeros, ones)
    assert maps.tolist() == [[[0.0, 0.0], [0.0, 0.0], [0.0, 1.0]]]
    assert norms[0, 0] == 0.0
    assert 1.0 <= norms[0, 1] < 1.0 + 1e-12


@settings(max_examples=100)
@given(
    st.lists(floats(-1074, -1022, -60, 0, 511), min_size=4, max_size=4),
    st.lists(floats(-1074, -60, 0, 511), min_size=2, max_size=2),
    st.lists(floats(-1074, 0), min_size=3, max_size=3),
)
@example([5e-324, 0.0, 0.0, 5e-324], [0.25, -0.25], [0.0, 0.0, 0.0])
def test_bounds_of_wide_layers_hold(first: list[float], second: list[float], biases: list[float]) -> None:
    """Both units active, so the next unit's line is known: its bound holds, and is 0 for exact zeros only."""
    weights = [np.array(first).reshape(2, 2), np.array([second])]
    network = Network.from_arrays([*weights, [[1.0]]], [biases[:2], biases[2:], [0.0]])
    before = WideMaps.first(WideNetwork(network, 1 << 20), 1)
    layers = network.layers
    after = before.into(layers[1], layers[0], np.zeros(1, dtype=np.int64), np.array([[3]], dtype=np.uint64))
    maps, errors, _, _ = after.on(np.zeros(1, dtype=np.int64))
    columns = [*weights[0].T.tolist(), biases[:2]]
    true = [sum(exactly(w) * exactly(z) for w, z in zip(second, column, strict=True)) for column in columns]
    true[2] += exactly(biases[2])
    for c in range(3):
        bound = errors[0, 0 if c < 2 else 1, 0]
        if bound < math.inf and math.isfinite(maps[0, c, 0]):
            assert abs(exactly(maps[0, c, 0]) - true[c]) <= exactly(bound)


@settings(max_examples=300)
@given(st.tuples(*[floats()] * 3), st.tuples(*[bounds] * 3), st.sampled_from([0.0, 1.0, -1.0]))
@example((math.inf, 1.0, 0.5), (0.0, 0.0, 0.0), 1.0)
def test_signs_along_a_line_are_proven(numbers: tuple, errors: tuple, infinity: float) -> None:
    a, c, t = numbers
    with np.errstate(all="ignore"):
        arrays = [np.array([[z]]) for z in (a, c, errors[0], errors[1], t, errors[2], infinity)]
        sign = int(intervals._signs_at(*arrays)[0, 0])
    if not sign:
        return
    assert math.isfinite(a)
    ea, ec, d = (exactly(e) for e in errors)
    if infinity:
        true, worst = exactly(a) * exactly(infinity), ea
    else:
        true = exactly(a) * exactly(t) + exactly(c)
        worst = (abs(exactly(a)) + ea) * d + ea * abs(exactly(t)) + ec
    assert abs(true) > worst
    assert (true > 0) == (sign > 0)
