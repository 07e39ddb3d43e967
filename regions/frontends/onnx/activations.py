"""How activations, maxima and minima of ONNX act on exact affine values."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.frontends.layers import refusals
from regions.frontends.onnx.values import Dependent

if TYPE_CHECKING:
    from collections.abc import Callable

    from regions.frontends.onnx.reader import Reader
    from regions.frontends.onnx.values import Operation

__all__ = ["ARGUMENTS", "CHECKS", "HANDLERS"]


def _relu(reader: Reader, operation: Operation) -> Dependent:
    return reader.kinked(operation, operation.input(0), 0.0, kind="relu")


def _abs(reader: Reader, operation: Operation) -> Dependent:
    return reader.kinked(operation, operation.input(0), -1.0, kind="abs")


def _leaky_relu(reader: Reader, operation: Operation) -> Dependent:
    slope = operation.attribute("alpha", float(np.float32(0.01)))
    return reader.kinked(operation, operation.input(0), slope, kind="leaky_relu")


def _prelu(reader: Reader, operation: Operation) -> Dependent:
    source: Dependent = operation.input(0)
    return reader.kinked(
        operation, source, np.broadcast_to(operation.numbers(1, "the slope"), source.shape), kind="prelu"
    )


def _check_threshold(operation: Operation) -> None:
    if operation.attribute("alpha", 1.0) != 0:
        which = "with a threshold other than zero it"
        raise refusals.jumping("uses ThresholdedRelu", operation.place, which, "Allowed is alpha=0. Replace it.")


def _shrink(reader: Reader, operation: Operation) -> Dependent:
    return reader.shrunk(operation, operation.input(0), operation.attribute("lambd", 0.5))


def _check_shrink(operation: Operation) -> None:
    width, bias = operation.attribute("lambd", 0.5), operation.attribute("bias", 0.0)
    if width != bias or width < 0:
        what = f"uses Shrink with lambd={width:g} and bias={bias:g}"
        raise refusals.jumping(what, operation.place, "where they differ it", "Allowed are equal ones. Replace it.")


def _bound(operation: Operation, index: int, name: str) -> Any:
    """A bound of a clip, None where it bounds nothing."""
    found = operation.attribute(name)
    if found is None:
        found = operation.constant(index, f"a bound ({name})")
    if found is None:
        return None
    numbers = np.asarray(found).astype(np.float64)
    if np.isnan(numbers).any():
        raise operation.unsupported(f"with a bound ({name}) that is not a number")
    # The largest float32 is how exporters write "no bound".
    return None if (np.abs(numbers) >= float(np.finfo(np.float32).max)).all() else numbers


def _clip(reader: Reader, operation: Operation) -> Dependent:
    source: Dependent = operation.input(0)
    low, high = _bound(operation, 1, "min"), _bound(operation, 2, "max")
    if low is not None and high is None and not low.any():
        return _relu(reader, operation)
    return _clipped(reader, operation, source, low, high, "clip")


def _clipped(reader: Reader, operation: Operation, source: Dependent, low: Any, high: Any, kind: str) -> Dependent:
    low, high = (None if b is None else np.broadcast_to(b, source.shape) for b in (low, high))
    return reader.clipped(operation, source, low, high, kind)


def _hard_sigmoid(reader: Reader, operation: Operation) -> Dependent:
    alpha, beta = operation.attribute("alpha", float(np.float32(0.2))), operation.attribute("beta", 0.5)
    line = reader.normalised(operation, operation.input(0), alpha, beta)
    return reader.clipped(operation, line, 0.0, 1.0, "hardsigmoid")


def _extremum(reader: Reader, operation: Operation) -> Dependent:
    """Read the maximum or minimum of any number of values and constants."""
    largest = operation.name == "Max"
    given = [i if isinstance(i, Dependent) else operation.float64(i, "an argument") for i in operation.inputs]
    shape = np.broadcast_shapes(*(i.shape for i in given))
    found, *others = (reader.broadcast(i, shape) for i in given if isinstance(i, Dependent))
    for other in others:
        found = Dependent(reader.larger(operation, found, other, smallest=not largest), shape)
    numbers = [i for i in given if not isinstance(i, Dependent)]
    if not numbers:
        return found
    bound = reduce(np.maximum if largest else np.minimum, numbers)
    low, high = (bound, None) if largest else (None, bound)
    return _clipped(reader, operation, found, low, high, "relu" if largest and not bound.any() else "clip")


ARGUMENTS = {"Clip": {1: "a bound (min)", 2: "a bound (max)"}, "PRelu": {1: "the slope"}}
CHECKS: dict[str, Callable[[Operation], None]] = {"ThresholdedRelu": _check_threshold, "Shrink": _check_shrink}
HANDLERS: dict[str, Callable[[Reader, Operation], Any]] = {
    "Relu": _relu,
    "LeakyRelu": _leaky_relu,
    "PRelu": _prelu,
    "ThresholdedRelu": _relu,
    "Shrink": _shrink,
    "Abs": _abs,
    "Clip": _clip,
    "HardSigmoid": _hard_sigmoid,
    **dict.fromkeys(("Max", "Min"), _extremum),
}
