"""The kinds of weights that :func:`regions.testing.networks` draws: generic ones, and every degenerate one known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

__all__ = ["BUILDERS", "Arrays", "Slopes"]

Draw = Callable[[st.SearchStrategy[Any]], Any]
Slopes = list[tuple[NDArray[np.float64], NDArray[np.float64]]]
Arrays = tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]


def _rng(draw: Draw) -> np.random.Generator:
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1)))


def _array(draw: Draw, elements: st.SearchStrategy[Any], *shape: int) -> NDArray[np.float64]:
    size = int(np.prod(shape))
    return np.array(draw(st.lists(elements, min_size=size, max_size=size)), dtype=np.float64).reshape(shape)


def _drawn(draw: Draw, widths: Sequence[int], elements: st.SearchStrategy[Any]) -> Arrays:
    pairs = list(pairwise(widths))
    return [_array(draw, elements, o, i) for i, o in pairs], [_array(draw, elements, o) for _, o in pairs]


def generic(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """Normally distributed: in generic position with probability 1."""
    rng = _rng(draw)
    pairs = list(pairwise(widths))
    return [rng.normal(size=(o, i)) / np.sqrt(i) for i, o in pairs], [rng.normal(size=o) for _, o in pairs]


def float32(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """Generic, rounded to float32 as torch stores them."""
    weights, biases = generic(draw, widths, slopes)
    return [w.astype(np.float32).astype(float) for w in weights], [b.astype(np.float32).astype(float) for b in biases]


def floats(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """Whatever floats Hypothesis thinks of: round ones, repeated ones, nearly equal ones."""
    return _drawn(draw, widths, st.floats(-4, 4, allow_subnormal=False))


def integer(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """Small integers: lines meet in threes, coincide, are parallel."""
    return _drawn(draw, widths, st.integers(-3, 3))


def sparse(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """Mostly zeros, else -1 and 1: neurons that vanish on whole faces and follow earlier neurons' lines."""
    return _drawn(draw, widths, st.sampled_from((0, 0, 1, -1)))


def _either(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    return draw(st.sampled_from((integer, generic)))(draw, widths, slopes)


def zero_bias(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """No biases: all lines of all layers run through the origin or along rays from it."""
    weights, biases = _either(draw, widths, slopes)
    return weights, [np.zeros_like(b) for b in biases]


def duplicate(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """Neurons that are copies, multiples and negatives of another one in their layer."""
    weights, biases = _either(draw, widths, slopes)
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        for unit in range(1, len(weight)):
            factor = draw(st.sampled_from((0.0, 1.0, 1.0, -1.0, 2.0, -0.5)))
            if factor:
                other = draw(st.integers(0, unit - 1))
                weight[unit], bias[unit] = factor * weight[other], factor * bias[other]
    return weights, biases


def dead(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """Neurons without weights, with a bias of any sign, and neurons far from being active."""
    weights, biases = _either(draw, widths, slopes)
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        for unit in range(len(weight)):
            fate = draw(st.sampled_from((None, -1.0, 0.0, 1.0, "far")))
            if fate == "far":
                bias[unit] = -(2.0**40)
            elif fate is not None:
                weight[unit], bias[unit] = 0.0, fate
    return weights, biases


def constant(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """All weights of one layer are zero, so nothing after it cuts."""
    weights, biases = _either(draw, widths, slopes)
    weights[draw(st.integers(0, len(weights) - 1))][:] = 0.0
    return weights, biases


def _through(draw: Draw, weights: Any, biases: Any, slopes: Slopes, point: NDArray[np.float64]) -> None:
    """Choose biases so that neurons of every layer vanish at the point, as exactly as floats allow."""
    values = point
    for weight, bias, (below, above) in zip(weights, biases, slopes, strict=True):
        through = _array(draw, st.booleans(), len(bias)) > 0
        bias[through] = -(weight @ values)[through]
        z = weight @ values + bias
        values = np.where(z > 0, above, below) * z


def concurrent(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """Integer lines of all layers through one integer point: exactly concurrent, where the slopes are integers too."""
    weights, biases = integer(draw, widths, slopes)
    _through(draw, weights, biases, slopes, _array(draw, st.integers(-2, 2), 2))
    return weights, biases


def almost_concurrent(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """Lines that miss a common point by a rounding error, or by one unit in the last place of the bias."""
    weights, biases = generic(draw, widths, slopes)
    _through(draw, weights, biases, slopes, _array(draw, st.floats(-2, 2, allow_subnormal=False), 2))
    for i, bias in enumerate(biases[:-1]):
        nudges = _array(draw, st.sampled_from((0, 0, -1, 1)), len(bias))
        nudged = np.nextafter(bias, np.where(nudges > 0, 8.0, -8.0) * (1 + np.abs(bias)))
        biases[i] = np.where(nudges == 0, bias, nudged)
    return weights, biases


def parallel(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """All lines of a layer in one or two directions."""
    weights, biases = _either(draw, widths, slopes)
    for weight in weights[:-1]:
        for unit in range(2, len(weight)):
            factor = draw(st.sampled_from((1.0, -1.0, 0.5, 3.0)))
            weight[unit] = factor * weight[draw(st.integers(0, 1))]
    return weights, biases


def almost_parallel(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """Copies of a neuron whose weights or bias are off by one unit in the last place."""
    weights, biases = duplicate(draw, widths, slopes)
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        unit = draw(st.integers(0, len(weight) - 1))
        column = draw(st.integers(0, weight.shape[1]))
        if column < weight.shape[1]:
            weight[unit, column] += np.spacing(weight[unit, column]) if weight[unit, column] else 0.0
        else:
            bias[unit] += np.spacing(bias[unit]) if bias[unit] else 0.0
    return weights, biases


def scaled(draw: Draw, widths: Sequence[int], slopes: Slopes) -> Arrays:
    """Huge and tiny weights beside each other: units multiplied by powers of two from 2**-60 to 2**60."""
    weights, biases = _either(draw, widths, slopes)
    for weight, bias in zip(weights, biases, strict=True):
        factors = np.exp2(_array(draw, st.integers(-60, 60), len(bias)))
        weight *= factors[:, None]
        bias *= factors
    return weights, biases


BUILDERS: dict[str, Callable[[Draw, Sequence[int], Slopes], Arrays]] = {
    build.__name__: build
    for build in (
        generic,
        float32,
        floats,
        integer,
        sparse,
        zero_bias,
        duplicate,
        dead,
        constant,
        concurrent,
        almost_concurrent,
        parallel,
        almost_parallel,
        scaled,
    )
}
