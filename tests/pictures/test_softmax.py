"""Log-sum-exp, softargmax, one-hot argmax and the sigmoid against 60-digit arithmetic, torch and each other."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from regions.pictures.softmax import (
    logsumexp,
    onehot_argmax,
    sigmoid,
    sigmoid_derivative,
    softargmax,
    tanh_from_sigmoid,
)

finite = st.floats(-1e3, 1e3)
lams = st.floats(1e-3, 1e3) | st.floats(-1e3, -1e-3)
vectors = hnp.arrays(np.float64, st.integers(1, 6), elements=finite)


def decimal_logsumexp(x: list[float], lam: float) -> float:
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = 60, 10**17, -(10**17)
        total = sum((Decimal(lam) * Decimal(v)).exp() for v in x)
        return float(total.ln() / Decimal(lam))


@given(vectors, lams)
def test_logsumexp_equals_the_plain_formula_in_60_digits(x: np.ndarray, lam: float) -> None:
    expected = decimal_logsumexp(x.tolist(), lam)
    size = np.abs(x).max() + math.log(len(x)) / abs(lam)
    assert abs(logsumexp(x, lam) - expected) <= 1e-14 * size + 1e-50


@given(vectors, st.floats(1e-3, 1e3))
def test_logsumexp_lies_between_max_and_max_plus_log_n_over_lam(x: np.ndarray, lam: float) -> None:
    value, slack = logsumexp(x, lam), 1e-12 * (1 + np.abs(x).max())
    assert x.max() - slack <= value <= x.max() + math.log(len(x)) / lam + slack
    assert logsumexp(-x, -lam) == -value


@given(vectors, lams)
def test_softargmax_is_the_gradient_by_autograd_and_by_differences(x: np.ndarray, lam: float) -> None:
    t = torch.tensor(x, requires_grad=True)
    (torch.logsumexp(lam * t, 0) / lam).backward()
    np.testing.assert_allclose(softargmax(x, lam), t.grad.numpy(), atol=1e-9 * (1 + abs(lam) * np.abs(x).max()))
    if abs(lam) <= 10:
        h = 1e-4
        steps = h * np.eye(len(x))
        differences = (logsumexp(x + steps, lam) - logsumexp(x - steps, lam)) / (2 * h)
        # Third derivatives are at most lam² in size; values of size |x| carry roundings of 1e-16 · |x|, divided by h.
        np.testing.assert_allclose(
            softargmax(x, lam), differences, atol=lam**2 * h**2 + 1e-11 * (np.abs(x).max() + 1 / abs(lam))
        )


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)), elements=finite), lams
)
def test_any_axis_agrees_with_flattening(x: np.ndarray, lam: float) -> None:
    for axis in (0, 1, 2, -1, (0, 1), (0, -1), (1, 2), None):
        axes = tuple(range(3)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(a % 3 for a in axes)
        rest = [a for a in range(3) if a not in axes]
        flat = x.transpose(*rest, *axes).reshape([x.shape[a] for a in rest] + [-1])
        np.testing.assert_allclose(logsumexp(x, lam, axis=axis), logsumexp(flat, lam), rtol=1e-12, atol=1e-9)
        shares = softargmax(x, lam, axis=axis)
        assert shares.shape == x.shape
        np.testing.assert_allclose(shares.sum(axis=axis), 1.0, rtol=1e-12)
        np.testing.assert_allclose(
            shares.transpose(*rest, *axes).reshape(flat.shape), softargmax(flat, lam), atol=1e-12
        )


@pytest.mark.parametrize("lam", [1e4, 1e300, math.inf, 10**400])
def test_large_lam_gives_maximum_and_one_hot(lam: float) -> None:
    x = np.array([[3.0, -1e300, 1e300], [0.5, 0.25, -2.0]])
    np.testing.assert_allclose(logsumexp(x, lam), x.max(axis=-1), rtol=1e-15)
    np.testing.assert_array_equal(softargmax(x, lam), onehot_argmax(x))


def test_the_limit_shares_ties_equally_where_one_hot_takes_the_first() -> None:
    x = [1.0, 2.0, 2.0]
    np.testing.assert_array_equal(softargmax(x, math.inf), [0.0, 0.5, 0.5])
    np.testing.assert_array_equal(softargmax(x, -math.inf), [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(onehot_argmax(x), [0.0, 1.0, 0.0])


def test_softargmax_converges_to_one_hot_at_the_rate_of_the_gap() -> None:
    x = np.array([0.3, 0.1, -0.2])
    for lam in (1.0, 10.0, 100.0, 1000.0):
        gap = np.abs(softargmax(x, lam) - onehot_argmax(x)).max()
        assert gap <= 2 * math.exp(-0.2 * lam) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("x", "lam", "expected"),
    [
        ([1e300, 1e300], 1e300, 1e300),
        ([1e308, -1e308], 2.0, 1e308),
        ([-1e308, 1e308], -2.0, -1e308),
        ([math.inf, 1.0], 1.0, math.inf),
        ([-math.inf, 1.0], 1.0, 1.0),
        ([-math.inf, -math.inf], 1.0, -math.inf),
        ([math.inf, 1.0], -1.0, 1.0),
        ([0.0, 0.0], 1e-300, math.log(2) / 1e-300),
        ([0.0, 0.0], 5e-324, math.inf),
        ([7.0], 1e-300, 7.0),
    ],
)
def test_extreme_arguments(x: list[float], lam: float, expected: float) -> None:
    assert logsumexp(x, lam) == pytest.approx(expected, rel=1e-15)
    assert softargmax(x, lam).sum() == 1.0


def test_infinite_entries_take_all_or_nothing() -> None:
    np.testing.assert_array_equal(softargmax([math.inf, 0.0, math.inf]), [0.5, 0.0, 0.5])
    np.testing.assert_array_equal(softargmax([-math.inf, 0.0]), [0.0, 1.0])
    np.testing.assert_array_equal(softargmax([-math.inf, -math.inf]), [0.5, 0.5])
    assert np.isnan(logsumexp([math.nan, 0.0]))
    assert np.isnan(softargmax([math.nan, 0.0])).all()


def test_lam_zero_is_uniform_and_has_no_logsumexp() -> None:
    np.testing.assert_array_equal(softargmax([5.0, -1e300, 2.0, 0.0], 0), [0.25] * 4)
    with pytest.raises(ValueError, match="pole"):
        logsumexp([1.0, 2.0], 0)
    with pytest.raises(ValueError, match="no value"):
        softargmax([math.inf, 0.0], 0.0)


@pytest.mark.parametrize("function", [logsumexp, softargmax])
def test_meaningless_input_is_refused(function) -> None:
    with pytest.raises(ValueError, match="lam = nan"):
        function([1.0], math.nan)
    with pytest.raises(TypeError, match="lam of type"):
        function([1.0], "1")
    with pytest.raises(TypeError, match="lam of type bool"):
        function([1.0], True)
    with pytest.raises(TypeError, match="real numbers"):
        function([1j])
    with pytest.raises(ValueError, match="nothing along axis"):
        function(np.zeros((2, 0)))
    with pytest.raises(np.exceptions.AxisError):
        function([1.0], axis=3)
    assert function([1, 2], Fraction(1, 2)).dtype == np.float64


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=st.sampled_from([-1.0, 0.0, 2.0]))
)
def test_onehot_argmax_marks_the_first_largest(x: np.ndarray) -> None:
    for axis in (0, 1, -1):
        result = onehot_argmax(x, axis)
        np.testing.assert_array_equal(result.sum(axis=axis), 1.0)
        np.testing.assert_array_equal((result * x).sum(axis=axis), x.max(axis=axis))
        before = np.cumsum(result, axis=axis) == 0
        largest = x == x.max(axis=axis, keepdims=True)
        assert not (before & largest).any()


def test_onehot_argmax_refuses_what_has_no_order() -> None:
    with pytest.raises(ValueError, match="NaN"):
        onehot_argmax([1.0, math.nan])
    with pytest.raises(ValueError, match="nothing along axis"):
        onehot_argmax(np.zeros((2, 0)))
    np.testing.assert_array_equal(onehot_argmax([-math.inf, math.inf]), [0.0, 1.0])


@given(st.floats(-700, 700))
def test_sigmoid_and_its_relations(x: float) -> None:
    assert sigmoid(x) == pytest.approx(softargmax([x, 0.0])[0], rel=1e-13)
    assert sigmoid(x) + sigmoid(-x) == pytest.approx(1.0, abs=3e-16)
    assert tanh_from_sigmoid(x) == pytest.approx(math.tanh(x), abs=5e-16)
    with localcontext() as context:
        context.prec = 700
        e = (-Decimal(x)).exp()
        assert sigmoid_derivative(x) == pytest.approx(float(e / (1 + e) ** 2), rel=1e-14)


def test_sigmoid_derivative_is_the_derivative() -> None:
    x = np.linspace(-8, 8, 161)
    t = torch.tensor(x, requires_grad=True)
    torch.sigmoid(t).sum().backward()
    np.testing.assert_allclose(sigmoid_derivative(x), t.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(sigmoid_derivative(x), (sigmoid(x + 1e-5) - sigmoid(x - 1e-5)) / 2e-5, atol=1e-10)
    np.testing.assert_array_equal(sigmoid([-math.inf, math.inf]), [0.0, 1.0])
    np.testing.assert_array_equal(tanh_from_sigmoid([-1e308, 1e308]), [-1.0, 1.0])
    with pytest.raises(TypeError, match="real numbers"):
        sigmoid("x")
