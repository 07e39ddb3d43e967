"""How linear maps of ONNX act on exact affine values: multiples, matrices, normalisation, reductions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from regions.errors import InvalidNetworkError
from regions.frontends.layers import pieces, refusals, windows
from regions.frontends.layers.assembly import Value
from regions.frontends.onnx.values import Dependent
from regions.frontends.onnx.vocabulary import INFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from regions.frontends.onnx.reader import Reader
    from regions.frontends.onnx.values import Operation

__all__ = ["ARGUMENTS", "CHECKS", "HANDLERS", "check_product", "named", "times"]


def named(value: Value, operation: Operation) -> Value:
    """Return an affine value, called by its node where it has no name yet."""
    return value if value.block is not None or value.name else Value(value.terms, value.bias, operation.label)


def times(reader: Reader, operation: Operation, source: Dependent, factor: Any) -> Dependent:
    """Read a multiple by constants."""
    factors = np.array(np.broadcast_to(factor, source.shape), dtype=np.float64).ravel()
    return Dependent(named(reader.assembly.scale(source.value, factors), operation), source.shape)


def check_product(operation: Operation) -> None:
    """Refuse a product of two values that depend on the input."""
    if all(isinstance(i, Dependent) for i in operation.inputs[:2]):
        raise refusals.product(operation)


def _transposed(reader: Reader, operand: Any) -> Any:
    if not isinstance(operand, Dependent):
        return np.swapaxes(operand, -1, -2)
    ids = np.arange(operand.value.size).reshape(operand.shape)
    return reader.gather([operand.value], np.swapaxes(ids, -1, -2))


def _multiplied(reader: Reader, operation: Operation, left: Any, right: Any, bias: Any = None) -> Dependent:
    """Read ``left @ right``, one of them a constant, by numpy's rules; and a bias of the output's shape."""
    first = isinstance(left, Dependent)
    source = left if first else right
    constant = operation.float64(right if first else left, "the matrix")
    # Vectors are matrices with one row or one column, which the result does without.
    a = (1, *left.shape) if len(left.shape) == 1 else tuple(left.shape)
    b = (*right.shape, 1) if len(right.shape) == 1 else tuple(right.shape)
    lead, rows, columns = np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1]
    reader.hold(int(np.prod(lead)) * rows * a[-1] * columns, operation)
    wide = reader.broadcast(Dependent(source.value, a if first else b), (*lead, *(a if first else b)[-2:]))
    matrix = _block_diagonal(constant.reshape(b if first else a), lead, first, columns if not first else rows)
    shape = (*lead, *((rows,) if len(left.shape) > 1 else ()), *((columns,) if len(right.shape) > 1 else ()))
    offset = np.zeros(matrix.shape[0]) if bias is None else np.array(np.broadcast_to(bias, shape)).ravel()
    return reader.mapped(operation, wide, matrix, offset, shape)


def _block_diagonal(matrices: Any, lead: tuple[int, ...], from_right: bool, n: int) -> Any:
    """The matrix of a product with constant matrices on flattened tensors: one block for each leading index.

    With the constants on the right, `n` is the number of rows of the tensors; on the left, that of their columns.
    """

    def block(matrix: Any) -> Any:
        if from_right:
            return windows.repeated(matrix.T, n)
        return matrix if n == 1 else sparse.kron(matrix, sparse.eye_array(n), format="csr")

    count, sizes = int(np.prod(lead)), matrices.shape[-2:]
    if matrices.size == np.prod(sizes):
        found = windows.repeated(block(matrices.reshape(sizes)), count)
    else:
        each = np.broadcast_to(matrices, (*lead, *sizes)).reshape(count, *sizes)
        found = sparse.block_diag([sparse.csr_array(block(m)) for m in each], format="csr")
    if not isinstance(found, np.ndarray):
        found.eliminate_zeros()
        found.sort_indices()
    return found


def _matmul(reader: Reader, operation: Operation) -> Dependent:
    return _multiplied(reader, operation, *operation.inputs[:2])


def _gemm(reader: Reader, operation: Operation) -> Dependent:
    left, right = operation.inputs[:2]
    left = _transposed(reader, left) if operation.attribute("transA", 0) else left
    right = _transposed(reader, right) if operation.attribute("transB", 0) else right
    alpha, beta = operation.attribute("alpha", 1.0), operation.attribute("beta", 1.0)
    offset = operation.input(2)
    plain = alpha == 1 and beta == 1 and not isinstance(offset, Dependent)
    if plain or offset is None:
        bias = None if offset is None else operation.float64(offset, "the bias")
        found = _multiplied(reader, operation, left, right, bias)
        return found if alpha == 1 else times(reader, operation, found, alpha)
    found = _multiplied(reader, operation, left, right)
    found = found if alpha == 1 else times(reader, operation, found, alpha)
    if not isinstance(offset, Dependent):
        numbers = operation.float64(offset, "the bias")
        offset = Dependent(pieces.constant(numbers), numbers.shape)
    offset = offset if beta == 1 else times(reader, operation, offset, beta)
    total = reader.assembly.add(found.value, reader.broadcast(offset, found.shape).value)
    return Dependent(Value(total.terms, total.bias, operation.label), found.shape)


def _batch_normalization(reader: Reader, operation: Operation) -> Any:
    source = operation.input(0)
    weight, bias, mean, variance = (operation.numbers(i, what) for i, what in enumerate(_STATISTICS, 1))
    if operation.attribute("spatial", 1) == 0 and len(source.shape) > 2:
        raise operation.unsupported("with statistics for every pixel (spatial=0)")
    epsilon = operation.attribute("epsilon", float(np.float32(1e-5)))
    scale, shift = pieces.normalisation(mean, variance, epsilon, weight, bias)
    if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
        raise InvalidNetworkError(
            f"The statistics of {operation.name} at {operation.place} give a factor that is not finite (variance + "
            "epsilon must be positive). Check the model for a diverged training step."
        )
    channel = (-1, *(1,) * (len(source.shape) - 2)) if len(source.shape) > 1 else (1,)
    factors, offsets = (np.broadcast_to(a.reshape(channel), source.shape).ravel() for a in (scale, shift))
    return reader.normalised(operation, source, factors, offsets)


def _check_statistics(operation: Operation) -> None:
    if operation.attribute("training_mode", 0) or len([n for n in operation.proto.output if n]) > 1:
        raise refusals.batch_statistics(operation, INFERENCE)


def _reduced(operation: Operation, shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """Return the flat entries that each output sees, shape (n, k), and the output's shape."""
    rank = len(shape)
    axes = operation.axes(1, rank)
    if not axes:
        axes = () if operation.attribute("noop_with_empty_axes", 0) else tuple(range(rank))
    ids = np.arange(int(np.prod(shape))).reshape(shape)
    rest = [a for a in range(rank) if a not in axes]
    index = ids.transpose(*rest, *sorted(axes)).reshape(int(np.prod([shape[a] for a in rest])), -1)
    keep = operation.attribute("keepdims", 1)
    return index, tuple(1 if a in axes else n for a, n in enumerate(shape) if keep or a not in axes)


def _reduce(reader: Reader, operation: Operation) -> Any:
    source = operation.input(0)
    index, shape = _reduced(operation, source.shape)
    if operation.name in ("ReduceMax", "ReduceMin"):
        smallest = operation.name == "ReduceMin"
        return Dependent(reader.largest(operation, source.value, index, shape, smallest=smallest), shape)
    if operation.name == "ReduceL1":
        source = Dependent(reader.absolute(operation, source), source.shape)
    return reader.averaged(operation, source, index, shape, mean=operation.name == "ReduceMean")


_STATISTICS = ("the scale", "the bias", "the mean", "the variance")
_REDUCTIONS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1")
ARGUMENTS = {**{kind: {1: "axes"} for kind in _REDUCTIONS}, "BatchNormalization": dict(enumerate(_STATISTICS, 1))}
CHECKS: dict[str, Callable[[Operation], None]] = {
    **dict.fromkeys(("MatMul", "Gemm"), check_product),
    "BatchNormalization": _check_statistics,
}
HANDLERS: dict[str, Callable[[Reader, Operation], Any]] = {
    "MatMul": _matmul,
    "Gemm": _gemm,
    "BatchNormalization": _batch_normalization,
    **dict.fromkeys(_REDUCTIONS, _reduce),
}
