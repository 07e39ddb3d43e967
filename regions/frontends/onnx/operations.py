"""How each ONNX operator that is read acts on exact affine values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper
from scipy import sparse

from regions.errors import CaptureError, InvalidNetworkError, NotPiecewiseLinearError
from regions.frontends.layers import pieces
from regions.frontends.layers.assembly import Value
from regions.frontends.onnx import ml
from regions.frontends.onnx import windows as of_windows
from regions.frontends.onnx.recurrence import check_recurrence, recurrence
from regions.frontends.onnx.values import Operators, Traced, as_float64
from regions.frontends.onnx.vocabulary import ML

if TYPE_CHECKING:
    from regions.frontends.onnx.reader import Reader
    from regions.frontends.onnx.values import Step

__all__ = ["ARGUMENTS", "CHECKS", "HANDLERS", "OPERATORS", "handler_of"]

_MOVES = (
    *("DepthToSpace", "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "Reshape", "Slice", "SpaceToDepth"),
    *("Split", "Squeeze", "Tile", "Transpose", "Trilu", "Unsqueeze"),
)
_FLOATS = ("FLOAT16", "FLOAT", "DOUBLE", "BFLOAT16")


def _named(value: Value, step: Step) -> Value:
    """Return an affine value, called by its node where it has no name yet."""
    return value if value.block is not None or value.name else Value(value.terms, value.bias, step.label)


def _same(reader: Reader, step: Step) -> Any:
    return step.input(0)


def _dropout(reader: Reader, step: Step) -> Any:
    _check_dropout(step)
    return [step.input(0)]


def _check_dropout(step: Step) -> None:
    mode = step.constant(2, "its mode")
    if (mode is not None and np.any(mode)) or step.attribute("is_test", 1) == 0:
        raise CaptureError(
            f"The model is in training mode and drops values at random (Dropout) at {step.place}; allowed is a model "
            "that gives the same output every time. Export the model in inference mode."
        )


def _cast(reader: Reader, step: Step) -> Any:
    _check_cast(step)
    return step.input(0)


def _check_cast(step: Step) -> None:
    if step.kind == "CastLike":
        like = step.input(1)
        if like is None:
            return
        to = "FLOAT" if isinstance(like, Traced) else helper.np_dtype_to_tensor_dtype(np.asarray(like).dtype)
    else:
        to = step.attribute("to")
    name = to if isinstance(to, str) else onnx.TensorProto.DataType.Name(to)
    if name not in _FLOATS:
        raise NotPiecewiseLinearError(
            f"The model rounds to {name} ({step.kind}) at {step.place}; that jumps, so it is not continuous and "
            "piecewise linear. Allowed are floating-point values. Replace the rounding."
        )


def _kinked(reader: Reader, step: Step, below: Any, above: Any = 1.0, kind: str = "leaky_relu") -> Traced:
    source: Traced = step.input(0)
    shape = reader.point_shape(source.shape)
    value = pieces.kinked(reader.assembly, source.value, below, above, name=step.label, kind=kind, shape=shape)
    return Traced(value, source.shape)


def _relu(reader: Reader, step: Step) -> Traced:
    return _kinked(reader, step, 0.0, kind="relu")


def _abs(reader: Reader, step: Step) -> Traced:
    return _kinked(reader, step, -1.0, kind="abs")


def _leaky_relu(reader: Reader, step: Step) -> Traced:
    return _kinked(reader, step, step.attribute("alpha", float(np.float32(0.01))))


def _prelu(reader: Reader, step: Step) -> Any:
    slopes = step.numbers(1, "the slope")
    return _kinked(reader, step, np.broadcast_to(slopes, step.input(0).shape), kind="prelu")


def _check_threshold(step: Step) -> None:
    if step.attribute("alpha", 1.0) == 0:
        return
    raise NotPiecewiseLinearError(
        f"The model uses ThresholdedRelu at {step.place}; with a threshold other than zero it jumps, so it is not "
        "continuous and piecewise linear. Allowed is alpha=0. Replace it."
    )


def _shrink(reader: Reader, step: Step) -> Any:
    source: Traced = step.input(0)
    shape, width = reader.point_shape(source.shape), step.attribute("lambd", 0.5)
    return Traced(pieces.soft_shrink(reader.assembly, source.value, width, name=step.label, shape=shape), source.shape)


def _check_shrink(step: Step) -> None:
    width, bias = step.attribute("lambd", 0.5), step.attribute("bias", 0.0)
    if width != bias or width < 0:
        raise NotPiecewiseLinearError(
            f"The model uses Shrink with lambd={width:g} and bias={bias:g} at {step.place}; where they differ it "
            "jumps, so it is not continuous and piecewise linear. Allowed are equal ones. Replace it."
        )


def _clipped(reader: Reader, step: Step, source: Traced, low: Any, high: Any, kind: str) -> Traced:
    shape = reader.point_shape(source.shape)
    low, high = (None if b is None else np.broadcast_to(b, source.shape) for b in (low, high))
    value = pieces.clip(reader.assembly, source.value, low, high, name=step.label, kind=kind, shape=shape)
    return Traced(value, source.shape)


def _bound(step: Step, index: int, name: str) -> Any:
    """A bound of a clip, None where it bounds nothing."""
    found = step.attribute(name)
    if found is None:
        found = step.constant(index, f"a bound ({name})")
    if found is None:
        return None
    numbers = np.asarray(found).astype(np.float64)
    if np.isnan(numbers).any():
        raise step.unsupported(f"with a bound ({name}) that is not a number")
    # The largest float32 is how exporters write "no bound".
    return None if (np.abs(numbers) >= float(np.finfo(np.float32).max)).all() else numbers


def _clip(reader: Reader, step: Step) -> Any:
    low, high = _bound(step, 1, "min"), _bound(step, 2, "max")
    if low is not None and high is None and not low.any():
        return _relu(reader, step)
    return _clipped(reader, step, step.input(0), low, high, "clip")


def _hard_sigmoid(reader: Reader, step: Step) -> Traced:
    source: Traced = step.input(0)
    alpha, beta = step.attribute("alpha", float(np.float32(0.2))), step.attribute("beta", 0.5)
    line = Traced(pieces.affine(reader.assembly, source.value, alpha, beta, step.label), source.shape)
    return _clipped(reader, step, line, 0.0, 1.0, "hardsigmoid")


def _extremum(reader: Reader, step: Step) -> Any:
    """Read the maximum or minimum of any number of values and constants."""
    largest = step.kind == "Max"
    traced = [i for i in step.inputs if isinstance(i, Traced)]
    numbers: list[Any] = [
        as_float64(i, f"An argument of {step.kind} at {step.place}") for i in step.inputs if not isinstance(i, Traced)
    ]
    shape = np.broadcast_shapes(*(i.shape for i in (*traced, *numbers)))
    wide = [reader.broadcast(t, shape) for t in traced]
    found, name, places = wide[0].value, step.label, reader.point_shape(shape)
    for other in wide[1:]:
        # The units are active where the argument on the left is the larger one.
        decide = pieces.maximum if largest else pieces.minimum
        found = decide(reader.assembly, found, other.value, name=name, shape=places)
    if not numbers:
        return Traced(found, shape)
    bound = numbers[0]
    for other in numbers[1:]:
        bound = np.maximum(bound, other) if largest else np.minimum(bound, other)
    low, high = (bound, None) if largest else (None, bound)
    kind = "relu" if largest and not bound.any() else "clip"
    return _clipped(reader, step, Traced(found, shape), low, high, kind)


def _sum_of(reader: Reader, step: Step, operands: list[Any]) -> Traced:
    shape = np.broadcast_shapes(*(o.shape for o in operands))
    wide = [reader.broadcast(o, shape) for o in operands if isinstance(o, Traced)]
    found = wide[0].value
    for other in wide[1:]:
        found = reader.assembly.add(found, other.value)
    for other in operands:
        if not isinstance(other, Traced):
            numbers = as_float64(other, f"An argument of {step.kind} at {step.place}")
            found = reader.assembly.shift(found, np.array(np.broadcast_to(numbers, shape)).ravel())
    return Traced(_named(found, step), shape)


def _add(reader: Reader, step: Step) -> Traced:
    return _sum_of(reader, step, step.inputs)


def _times(reader: Reader, step: Step, source: Traced, factor: Any) -> Traced:
    factors = np.array(np.broadcast_to(factor, source.shape), dtype=np.float64).ravel()
    return Traced(_named(reader.assembly.scale(source.value, factors), step), source.shape)


def _neg(reader: Reader, step: Step) -> Traced:
    return _times(reader, step, step.input(0), -1.0)


def _sub(reader: Reader, step: Step) -> Traced:
    left, right = step.inputs
    if isinstance(right, Traced):
        return _sum_of(reader, step, [left, _times(reader, step, right, -1.0)])
    numbers = as_float64(right, f"An argument of {step.kind} at {step.place}")
    return _sum_of(reader, step, [left, -numbers])


def _mean(reader: Reader, step: Step) -> Traced:
    return _times(reader, step, _add(reader, step), pieces.reciprocals(len(step.inputs)))


def _check_product(step: Step) -> None:
    if not all(isinstance(i, Traced) for i in step.inputs[:2]):
        return
    raise NotPiecewiseLinearError(
        f"The model multiplies two values that both depend on its input ({step.kind}) at {step.place}; such a product "
        "is not piecewise linear, so the model has no linear regions by any definition. "
        "Allowed are multiples by constants. Replace the product."
    )


def _mul(reader: Reader, step: Step) -> Traced:
    left, right = step.inputs
    source, other = (left, right) if isinstance(left, Traced) else (right, left)
    factor = as_float64(other, f"A factor of {step.kind} at {step.place}")
    source = reader.broadcast(source, np.broadcast_shapes(source.shape, factor.shape))
    return _times(reader, step, source, factor)


def _check_quotient(step: Step) -> None:
    if isinstance(step.input(1), Traced):
        raise NotPiecewiseLinearError(
            f"The model divides by a value that depends on its input (Div) at {step.place}; that is not piecewise "
            "linear, so the model has no linear regions by any definition. "
            "Allowed are multiples by constants. Replace the quotient."
        )


def _div(reader: Reader, step: Step) -> Traced:
    left, right = step.inputs
    divisor = as_float64(right, f"The divisor of {step.kind} at {step.place}")
    with np.errstate(all="ignore"):
        factor = pieces.reciprocals(divisor)
    if not np.isfinite(factor).all():
        at = divisor[~np.isfinite(factor)].flat[0]
        raise InvalidNetworkError(
            f"The model divides by {at} (Div) at {step.place}; allowed are divisors whose reciprocal is finite. "
            "Leave out inputs that never change, or give them a range of 1."
        )
    left = reader.broadcast(left, np.broadcast_shapes(left.shape, divisor.shape))
    return _times(reader, step, left, factor)


def _transposed(reader: Reader, operand: Any) -> Any:
    if not isinstance(operand, Traced):
        return np.swapaxes(operand, -1, -2)
    ids = np.arange(operand.value.size).reshape(operand.shape)
    return reader.gather([operand.value], np.swapaxes(ids, -1, -2))


def _multiplied(reader: Reader, step: Step, left: Any, right: Any, bias: Any = None) -> Traced:
    """Read ``left @ right``, one of them a constant, by numpy's rules; and a bias of the output's shape."""
    first = isinstance(left, Traced)
    source = left if first else right
    constant = as_float64(right if first else left, f"The matrix of {step.kind} at {step.place}")
    # Vectors are matrices with one row or one column, which the result does without.
    a = (1, *left.shape) if len(left.shape) == 1 else tuple(left.shape)
    b = (*right.shape, 1) if len(right.shape) == 1 else tuple(right.shape)
    lead, rows, columns = np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1]
    reader.hold(int(np.prod(lead)) * rows * a[-1] * columns, step)
    wide = reader.broadcast(Traced(source.value, a if first else b), (*lead, *(a if first else b)[-2:]))
    matrix = _block_diagonal(constant.reshape(b if first else a), lead, first, columns if not first else rows)
    shape = (*lead, *((rows,) if len(left.shape) > 1 else ()), *((columns,) if len(right.shape) > 1 else ()))
    offset = np.zeros(matrix.shape[0]) if bias is None else np.array(np.broadcast_to(bias, shape)).ravel()
    return Traced(reader.assembly.linear(wide.value, matrix, offset, step.label), shape)


def _block_diagonal(matrices: Any, lead: tuple[int, ...], from_right: bool, n: int) -> Any:
    """The matrix of a product with constant matrices on flattened tensors: one block for each leading index.

    With the constants on the right, `n` is the number of rows of the tensors; on the left, that of their columns.
    """

    def block(matrix: Any) -> Any:
        if from_right:
            return pieces.repeated(matrix.T, n)
        return matrix if n == 1 else sparse.kron(matrix, sparse.eye_array(n), format="csr")

    count, sizes = int(np.prod(lead)), matrices.shape[-2:]
    if matrices.size == np.prod(sizes):
        found = pieces.repeated(block(matrices.reshape(sizes)), count)
    else:
        each = np.broadcast_to(matrices, (*lead, *sizes)).reshape(count, *sizes)
        found = sparse.block_diag([sparse.csr_array(block(m)) for m in each], format="csr")
    if not isinstance(found, np.ndarray):
        found.eliminate_zeros()
        found.sort_indices()
    return found


def _matmul(reader: Reader, step: Step) -> Traced:
    return _multiplied(reader, step, *step.inputs[:2])


def _gemm(reader: Reader, step: Step) -> Traced:
    left, right = step.inputs[:2]
    left = _transposed(reader, left) if step.attribute("transA", 0) else left
    right = _transposed(reader, right) if step.attribute("transB", 0) else right
    alpha, beta = step.attribute("alpha", 1.0), step.attribute("beta", 1.0)
    offset = step.input(2)
    plain = alpha == 1 and beta == 1 and not isinstance(offset, Traced)
    if plain or offset is None:
        bias = None if offset is None else as_float64(offset, f"The bias of {step.kind} at {step.place}")
        found = _multiplied(reader, step, left, right, bias)
        return found if alpha == 1 else _times(reader, step, found, alpha)
    found = _multiplied(reader, step, left, right)
    found = found if alpha == 1 else _times(reader, step, found, alpha)
    if not isinstance(offset, Traced):
        numbers = as_float64(offset, f"The bias of {step.kind} at {step.place}")
        offset = Traced(pieces.constant(numbers), numbers.shape)
    offset = offset if beta == 1 else _times(reader, step, offset, beta)
    total = reader.assembly.add(found.value, reader.broadcast(offset, found.shape).value)
    return Traced(Value(total.terms, total.bias, step.label), found.shape)


def _batch_normalization(reader: Reader, step: Step) -> Any:
    source = step.input(0)
    weight, bias, mean, variance = (
        step.numbers(i, what) for i, what in enumerate(("the scale", "the bias", "the mean", "the variance"), 1)
    )
    if step.attribute("spatial", 1) == 0 and len(source.shape) > 2:
        raise step.unsupported("with statistics for every pixel (spatial=0)")
    epsilon = step.attribute("epsilon", float(np.float32(1e-5)))
    scale, shift = pieces.normalisation(mean, variance, epsilon, weight, bias)
    if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
        raise InvalidNetworkError(
            f"The statistics of {step.kind} at {step.place} give a factor that is not finite (variance + epsilon must "
            "be positive). Check the model for a diverged training step."
        )
    channel = (-1, *(1,) * (len(source.shape) - 2)) if len(source.shape) > 1 else (1,)
    factors, offsets = (np.broadcast_to(a.reshape(channel), source.shape).ravel() for a in (scale, shift))
    return Traced(pieces.affine(reader.assembly, source.value, factors, offsets, step.label), source.shape)


def _check_statistics(step: Step) -> None:
    if step.attribute("training_mode", 0) or len([n for n in step.proto.output if n]) > 1:
        raise CaptureError(
            f"The model is in training mode and normalises with the batch's own mean (BatchNormalization) at "
            f"{step.place}; allowed is a model whose output at a point depends on that point alone. "
            "Export the model in inference mode."
        )


def _reduced(step: Step, shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """Return the flat entries that each output sees, shape (n, k), and the output's shape."""
    rank = len(shape)
    axes = step.axes(1, rank)
    if not axes:
        axes = () if step.attribute("noop_with_empty_axes", 0) else tuple(range(rank))
    ids = np.arange(int(np.prod(shape))).reshape(shape)
    rest = [a for a in range(rank) if a not in axes]
    index = ids.transpose(*rest, *sorted(axes)).reshape(int(np.prod([shape[a] for a in rest])), -1)
    keep = step.attribute("keepdims", 1)
    return index, tuple(1 if a in axes else n for a, n in enumerate(shape) if keep or a not in axes)


def _reduce(reader: Reader, step: Step) -> Any:
    source = step.input(0)
    index, shape = _reduced(step, source.shape)
    value, places = source.value, reader.point_shape(shape)
    if step.kind in ("ReduceMax", "ReduceMin"):
        decide = pieces.maximum_of if step.kind == "ReduceMax" else pieces.minimum_of
        return Traced(decide(reader.assembly, value, index, name=step.label, shape=places), shape)
    if step.kind == "ReduceL1":
        value = pieces.absolute(reader.assembly, value, name=step.label, shape=reader.point_shape(source.shape))
    factor = pieces.reciprocals(index.shape[1]) if step.kind == "ReduceMean" else np.ones(1)
    matrix = pieces.weighted_windows(index, factor.reshape(1, 1), value.size)
    return Traced(reader.assembly.linear(value, matrix, np.zeros(len(index)), step.label), shape)


def _moves(*data: int) -> Callable[[Reader, Step], Any]:
    def handler(reader: Reader, step: Step) -> Any:
        return reader.move(step, data)

    return handler


def _concat(reader: Reader, step: Step) -> Any:
    return reader.move(step, tuple(range(len(step.inputs))))


def _pad(reader: Reader, step: Step) -> Any:
    if step.attribute("mode", "constant") != "constant":
        return reader.move(step, (0, 2))
    source = step.input(0)
    pads = step.attribute("pads")
    moved = np.asarray(step.constant(1, "the widths") if pads is None else pads).reshape(2, -1).T
    around = step.constant(2, "the number around")
    number = np.asarray(step.attribute("value", 0.0) if around is None else around)
    axes = step.constant(3, "axes")
    widths = np.zeros((len(source.shape), 2), dtype=np.int64)
    widths[slice(None) if axes is None else np.asarray(axes)] = moved
    if (widths < 0).any():
        raise step.unsupported("with negative widths", "Cut off with Slice.")
    ids = np.pad(np.arange(1, source.value.size + 1).reshape(source.shape), widths)
    fill = pieces.constant(as_float64(number, f"The number around, of Pad at {step.place},").ravel()[:1])
    return reader.gather([fill, source.value], ids)


_REDUCTIONS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1")
# Inputs that must be constants, and what they are.
ARGUMENTS: dict[str, dict[int, str]] = {
    **of_windows.ARGUMENTS,
    **{kind: dict.fromkeys(range(1, 5), "an argument") for kind in (*_MOVES, "ArrayFeatureExtractor")},
    **{kind: {1: "axes"} for kind in _REDUCTIONS},
    "BatchNormalization": dict(enumerate(("the scale", "the bias", "the mean", "the variance"), 1)),
    "Clip": {1: "a bound (min)", 2: "a bound (max)"},
    "Dropout": {2: "its mode"},
    "PRelu": {1: "the slope"},
    "Pad": {1: "the widths", 2: "the number around", 3: "axes"},
    "RNN": {1: "weights", 2: "weights", 3: "a bias", 4: "the lengths"},
    "Where": {0: "a condition"},
}
# What is refused before any number is known.
CHECKS: dict[str, Callable[[Step], None]] = {
    **of_windows.CHECKS,
    **ml.CHECKS,
    **dict.fromkeys(("Mul", "MatMul", "Gemm"), _check_product),
    "Div": _check_quotient,
    **dict.fromkeys(("Cast", "CastLike"), _check_cast),
    "Dropout": _check_dropout,
    "ThresholdedRelu": _check_threshold,
    "Shrink": _check_shrink,
    "BatchNormalization": _check_statistics,
    "RNN": check_recurrence,
}
HANDLERS: dict[str, Callable[[Reader, Step], Any]] = {
    **of_windows.HANDLERS,
    "Identity": _same,
    "Dropout": _dropout,
    **dict.fromkeys(("Cast", "CastLike"), _cast),
    "Relu": _relu,
    "LeakyRelu": _leaky_relu,
    "PRelu": _prelu,
    "ThresholdedRelu": _relu,
    "Shrink": _shrink,
    "Abs": _abs,
    "Clip": _clip,
    "HardSigmoid": _hard_sigmoid,
    **dict.fromkeys(("Max", "Min"), _extremum),
    **dict.fromkeys(("Add", "Sum"), _add),
    "Sub": _sub,
    "Mean": _mean,
    "Neg": _neg,
    "Mul": _mul,
    "Div": _div,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "BatchNormalization": _batch_normalization,
    **dict.fromkeys(_REDUCTIONS, _reduce),
    **dict.fromkeys(_MOVES, _moves(0)),
    "Where": _moves(1, 2),
    "Concat": _concat,
    "Pad": _pad,
    "RNN": recurrence,
}


def handler_of(node: onnx.NodeProto) -> Callable[[Reader, Step], Any] | None:
    """Return what reads a node whose inputs depend on the model's, if anything does."""
    return (ml.HANDLERS if node.domain == ML else HANDLERS).get(node.op_type)


OPERATORS = Operators(handler_of, ARGUMENTS, CHECKS)
