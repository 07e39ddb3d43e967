"""How each ONNX operator that is read acts on exact affine values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper

from regions.errors import InvalidNetworkError
from regions.frontends.layers import pieces, refusals
from regions.frontends.layers.windows import reciprocals
from regions.frontends.onnx import activations, linear, ml, windows
from regions.frontends.onnx.linear import check_product, named, times
from regions.frontends.onnx.recurrence import check_recurrence, recurrence
from regions.frontends.onnx.values import Dependent, Operators
from regions.frontends.onnx.vocabulary import INFERENCE, ML

if TYPE_CHECKING:
    from regions.frontends.onnx.reader import Reader
    from regions.frontends.onnx.values import Operation

__all__ = ["ARGUMENTS", "CHECKS", "HANDLERS", "OPERATORS", "handler_of"]

_MOVES = (
    *("DepthToSpace", "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "Reshape", "Slice", "SpaceToDepth"),
    *("Split", "Squeeze", "Tile", "Transpose", "Trilu", "Unsqueeze"),
)
_FLOATS = ("FLOAT16", "FLOAT", "DOUBLE", "BFLOAT16")


def _same(reader: Reader, operation: Operation) -> Any:
    return operation.input(0)


def _dropout(reader: Reader, operation: Operation) -> Any:
    _check_dropout(operation)
    return [operation.input(0)]


def _check_dropout(operation: Operation) -> None:
    mode = operation.constant(2, "its mode")
    if (mode is not None and np.any(mode)) or operation.attribute("is_test", 1) == 0:
        raise refusals.training(operation, "drops values at random (Dropout)", INFERENCE)


def _cast(reader: Reader, operation: Operation) -> Any:
    _check_cast(operation)
    return operation.input(0)


def _check_cast(operation: Operation) -> None:
    if operation.name == "CastLike":
        like = operation.input(1)
        if like is None:
            return
        to = "FLOAT" if isinstance(like, Dependent) else helper.np_dtype_to_tensor_dtype(np.asarray(like).dtype)
    else:
        to = operation.attribute("to")
    name = to if isinstance(to, str) else onnx.TensorProto.DataType.Name(to)
    if name not in _FLOATS:
        raise refusals.rounding(operation, name)


def _sum_of(reader: Reader, operation: Operation, operands: list[Any]) -> Dependent:
    shape = np.broadcast_shapes(*(o.shape for o in operands))
    wide = [reader.broadcast(o, shape) for o in operands if isinstance(o, Dependent)]
    found = wide[0].value
    for other in wide[1:]:
        found = reader.assembly.add(found, other.value)
    for other in operands:
        if not isinstance(other, Dependent):
            numbers = operation.float64(other, "an argument")
            found = reader.assembly.shift(found, np.array(np.broadcast_to(numbers, shape)).ravel())
    return Dependent(named(found, operation), shape)


def _add(reader: Reader, operation: Operation) -> Dependent:
    return _sum_of(reader, operation, operation.inputs)


def _neg(reader: Reader, operation: Operation) -> Dependent:
    return times(reader, operation, operation.input(0), -1.0)


def _sub(reader: Reader, operation: Operation) -> Dependent:
    left, right = operation.inputs
    if isinstance(right, Dependent):
        return _sum_of(reader, operation, [left, times(reader, operation, right, -1.0)])
    numbers = operation.float64(right, "an argument")
    return _sum_of(reader, operation, [left, -numbers])


def _mean(reader: Reader, operation: Operation) -> Dependent:
    return times(reader, operation, _add(reader, operation), reciprocals(len(operation.inputs)))


def _mul(reader: Reader, operation: Operation) -> Dependent:
    left, right = operation.inputs
    source, other = (left, right) if isinstance(left, Dependent) else (right, left)
    factor = operation.float64(other, "a factor")
    source = reader.broadcast(source, np.broadcast_shapes(source.shape, factor.shape))
    return times(reader, operation, source, factor)


def _check_quotient(operation: Operation) -> None:
    if isinstance(operation.input(1), Dependent):
        raise refusals.quotient(operation)


def _div(reader: Reader, operation: Operation) -> Dependent:
    left, right = operation.inputs
    divisor = operation.float64(right, "the divisor")
    with np.errstate(all="ignore"):
        factor = reciprocals(divisor)
    if not np.isfinite(factor).all():
        at = divisor[~np.isfinite(factor)].flat[0]
        raise InvalidNetworkError(
            f"The model divides by {at} (Div) at {operation.place}; allowed are divisors whose reciprocal is finite. "
            "Leave out inputs that never change, or give them a range of 1."
        )
    left = reader.broadcast(left, np.broadcast_shapes(left.shape, divisor.shape))
    return times(reader, operation, left, factor)


def _moves(*data: int) -> Callable[[Reader, Operation], Any]:
    def handler(reader: Reader, operation: Operation) -> Any:
        return reader.move(operation, data)

    return handler


def _concat(reader: Reader, operation: Operation) -> Any:
    return reader.move(operation, tuple(range(len(operation.inputs))))


def _pad(reader: Reader, operation: Operation) -> Any:
    if operation.attribute("mode", "constant") != "constant":
        return reader.move(operation, (0, 2))
    source = operation.input(0)
    pads = operation.attribute("pads")
    moved = np.asarray(operation.constant(1, "the widths") if pads is None else pads).reshape(2, -1).T
    around = operation.constant(2, "the number around")
    number = np.asarray(operation.attribute("value", 0.0) if around is None else around)
    axes = operation.constant(3, "axes")
    widths = np.zeros((len(source.shape), 2), dtype=np.int64)
    widths[slice(None) if axes is None else np.asarray(axes)] = moved
    if (widths < 0).any():
        raise operation.unsupported("with negative widths", "Cut off with Slice.")
    ids = np.pad(np.arange(1, source.value.size + 1).reshape(source.shape), widths)
    fill = pieces.constant(operation.float64(number, "the number around").ravel()[:1])
    return reader.gather([fill, source.value], ids)


# Inputs that must be constants, and what they are.
ARGUMENTS: dict[str, dict[int, str]] = {
    **windows.ARGUMENTS,
    **activations.ARGUMENTS,
    **linear.ARGUMENTS,
    **{kind: dict.fromkeys(range(1, 5), "an argument") for kind in (*_MOVES, "ArrayFeatureExtractor")},
    "Dropout": {2: "its mode"},
    "Pad": {1: "the widths", 2: "the number around", 3: "axes"},
    "RNN": {1: "weights", 2: "weights", 3: "a bias", 4: "the lengths"},
    "Where": {0: "a condition"},
}
# What is refused before any number is known.
CHECKS: dict[str, Callable[[Operation], None]] = {
    **windows.CHECKS,
    **activations.CHECKS,
    **linear.CHECKS,
    **ml.CHECKS,
    "Mul": check_product,
    "Div": _check_quotient,
    **dict.fromkeys(("Cast", "CastLike"), _check_cast),
    "Dropout": _check_dropout,
    "RNN": check_recurrence,
}
HANDLERS: dict[str, Callable[[Reader, Operation], Any]] = {
    **windows.HANDLERS,
    **activations.HANDLERS,
    **linear.HANDLERS,
    "Identity": _same,
    "Dropout": _dropout,
    **dict.fromkeys(("Cast", "CastLike"), _cast),
    **dict.fromkeys(("Add", "Sum"), _add),
    "Sub": _sub,
    "Mean": _mean,
    "Neg": _neg,
    "Mul": _mul,
    "Div": _div,
    **dict.fromkeys(_MOVES, _moves(0)),
    "Where": _moves(1, 2),
    "Concat": _concat,
    "Pad": _pad,
    "RNN": recurrence,
}


def handler_of(node: onnx.NodeProto) -> Callable[[Reader, Operation], Any] | None:
    """Return what reads a node whose inputs depend on the model's, if anything does."""
    return (ml.HANDLERS if node.domain == ML else HANDLERS).get(node.op_type)


OPERATORS = Operators(handler_of, ARGUMENTS, CHECKS)
