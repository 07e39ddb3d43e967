"""How linear maps of torch act on exact affine values: matrices, convolutions, means, normalisation, interpolation."""

from __future__ import annotations

import math
import string
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.errors import CaptureError, NotPiecewiseLinearError, UnsupportedOperationError
from regions.frontends.layers import pieces
from regions.frontends.torch.constants import numbers, product
from regions.frontends.torch.rearranging import addresses, local_windows
from regions.frontends.torch.values import Cell, Operation, Traced, as_float64, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regions.frontends.torch.interpreter import Interpreter

__all__ = ["HANDLERS", "pool_axes", "reduced_windows", "spatial_part"]


def spatial_part(operation: Operation, source: Traced, n: int) -> tuple[tuple[int, ...], int]:
    """Return the last `n` axes of a tensor's shape, and how many such parts one point has."""
    one = source.shape[-n:] if n else ()
    if len(one) < n or source.value.size % math.prod(one):
        raise UnsupportedOperationError(
            f"The model mixes different points of the batch ({operation.name} at {place_of(operation.node)}); allowed "
            "are functions of one point at a time, with the batch as first dimension. Rewrite this part."
        )
    return one, source.value.size // math.prod(one)


def _each(given: Any, n: int) -> list[int]:
    given = [given] if isinstance(given, int) else list(given)
    return [int(x) for x in (given * n if len(given) == 1 else given)]


def pool_axes(operation: Operation, n: int, which: str = "") -> Any:
    """Return an argument of a pool for each axis; kernel, stride and padding together where none is named."""
    if which:
        return _each(operation.arguments.get(which, 1), n)
    kernel = _each(operation.kernel_size, n)
    stride = operation.arguments.get("stride")
    return kernel, _each(stride, n) if stride not in (None, [], ()) else kernel, _each(operation.padding, n)


def reduced_windows(interpreter: Interpreter, operation: Operation, source: Traced, dims: Any) -> Any:
    """Return the entries that a reduction over these axes joins, for every entry of its result: shape (n, k)."""
    rank = len(source.shape)
    dims = list(range(rank)) if dims is None or dims == [] else [dims] if isinstance(dims, int) else list(dims)
    dims = [d % rank for d in dims] if rank else []
    kept = [d for d in range(rank) if d not in dims]
    moved = addresses(interpreter, source).permute(*kept, *dims)
    return local_windows(interpreter, operation, moved.reshape(*(source.shape[d] for d in kept), -1))


def _mapped(interpreter: Interpreter, operation: Operation, source: Traced, matrix: Any, offset: Any = None) -> Traced:
    offset = np.zeros(matrix.shape[0]) if offset is None else offset
    name = interpreter.linear_name(operation)
    return interpreter.traced(operation, interpreter.assembly.linear(source.value, matrix, offset, name), source)


def _affine(interpreter: Interpreter, operation: Operation, source: Any, weight: Any, bias: Any = None) -> Any:
    """Read ``source @ weight.T + bias`` with a constant weight of shape (out, in) or (in,)."""
    if isinstance(bias, Traced):
        return NotImplemented
    if not isinstance(source, Traced) or isinstance(weight, Traced):
        return product(interpreter, operation)
    matrix = as_float64(weight)
    matrix = matrix[None] if matrix.ndim == 1 else matrix
    _, parts = spatial_part(operation, source, 1)
    if matrix.ndim != 2 or matrix.shape[1] != source.shape[-1]:
        return NotImplemented
    offset = np.zeros(len(matrix)) if bias is None else as_float64(bias)
    if offset.ndim > 1 and len(offset) > 1:
        return NotImplemented
    offset = np.array(np.broadcast_to(offset.reshape(-1), (len(matrix),)))
    return _mapped(interpreter, operation, source, pieces.repeated(matrix, parts), np.tile(offset, parts))


def _linear(interpreter: Interpreter, operation: Operation) -> Any:
    return _affine(interpreter, operation, operation.input, operation.weight, operation.bias)


def _addmm(interpreter: Interpreter, operation: Operation) -> Any:
    if operation.beta != 1 or operation.alpha != 1:
        return NotImplemented
    if isinstance(operation.mat2, Traced):
        return product(interpreter, operation)
    return _affine(interpreter, operation, operation.mat1, operation.mat2.t(), operation.self)


def _matmul(interpreter: Interpreter, operation: Operation) -> Any:
    left = operation.self if "self" in operation.arguments else operation.input
    right = next(operation.arguments[k] for k in ("other", "mat2", "vec", "tensor") if k in operation.arguments)
    if isinstance(left, Traced) and isinstance(right, torch.Tensor) and right.ndim <= 2:
        if operation.name == "inner":
            right = right.t()
        return _affine(interpreter, operation, left, right.t())
    if isinstance(right, Traced) and isinstance(left, torch.Tensor) and len(right.shape) == 1 and left.ndim <= 2:
        return _affine(interpreter, operation, right, left)
    if isinstance(left, Traced) == isinstance(right, Traced) or operation.name == "inner":
        return product(interpreter, operation)
    ranks = len(left.shape), len(right.shape)
    lead = max(*ranks, 2) - 2
    axes = [string.ascii_letters[lead - max(r - 2, 0) : lead] + w for r, w in zip(ranks, ("YZ", "ZX"), strict=True)]
    axes = [a[:-2] + s if r == 1 else a for a, r, s in zip(axes, ranks, ("Z", "Z"), strict=True)]
    # Axes of length 1 that stand for any other are spread out first.
    out = tuple(operation.node.meta["val"].shape)[:lead]
    sides = [_spread(operation, side, out) for side in (left, right)]
    if any(s is None for s in sides):
        return NotImplemented
    result = string.ascii_letters[:lead] + "Y" * (ranks[0] > 1) + "X" * (ranks[1] > 1)
    return _contraction(interpreter, operation, axes, result, sides)


def _spread(operation: Operation, side: Any, lead: tuple[int, ...]) -> Any:
    """Return one side of a product with its leading axes spread; None for a traced one that would have to be."""
    own = tuple(side.shape)[:-2]
    wanted = lead[len(lead) - len(own) :]
    if own == wanted:
        return side
    return None if isinstance(side, Traced) else side.expand(*wanted, *side.shape[-2:])


def _einsum(interpreter: Interpreter, operation: Operation) -> Any:
    equation, sides = operation.equation.replace(" ", ""), list(operation.tensors)
    given, arrow, result = equation.partition("->")
    axes = given.split(",")
    if len(sides) == 2 and all(isinstance(s, Traced) for s in sides):
        return product(interpreter, operation)
    if not arrow:
        letters = sorted(given.replace(",", ""))
        result = "".join(c for c in letters if letters.count(c) == 1)
    if "." in equation or len(sides) > 2 or any(len(set(a)) < len(a) for a in axes):
        return NotImplemented
    if len(sides) == 1:
        axes, sides = [*axes, ""], [*sides, torch.ones((), dtype=torch.float64)]
    return _contraction(interpreter, operation, axes, result, sides)


def _contraction(
    interpreter: Interpreter, operation: Operation, axes: Sequence[str], result: str, sides: Sequence[Any]
) -> Any:
    """Read a sum of products of a value's entries with a constant's, axes by letters as in einsum."""
    first = 0 if isinstance(sides[0], Traced) else 1
    source, weight = sides[first], sides[1 - first]
    mine, theirs = axes[first], axes[1 - first]
    if set(theirs) - set(mine) - set(result) or len(mine) != len(source.shape):
        # The constant would be summed by itself, and so rounded.
        return NotImplemented
    summed = "".join(sorted((set(mine) | set(theirs)) - set(result)))
    sizes = dict(zip(mine, source.shape, strict=True)) | dict(zip(theirs, weight.shape, strict=True))
    if any(sizes[c] != n for c, n in zip(mine, source.shape, strict=True)):
        return NotImplemented
    order = result + summed
    full = tuple(sizes[c] for c in order)

    def spread(tensor: torch.Tensor, letters: str) -> torch.Tensor:
        kept = [c for c in order if c in letters]
        tensor = tensor.permute(*(letters.index(c) for c in kept))
        return tensor.reshape(*(sizes[c] if c in letters else 1 for c in order)).expand(full)

    k = math.prod(sizes[c] for c in summed)
    shape = (*(sizes[c] for c in result), k)
    index = local_windows(interpreter, operation, spread(addresses(interpreter, source), mine).reshape(shape))
    factors = as_float64(spread(weight, theirs).reshape(shape)).reshape(interpreter.points, -1, k)
    if (factors != factors[0]).any():
        return NotImplemented
    return _mapped(interpreter, operation, source, pieces.weighted_windows(index, factors[0], source.value.size))


def _convolution(interpreter: Interpreter, operation: Operation) -> Any:
    source, weight, bias = operation.input, operation.weight, operation.bias
    if not isinstance(source, Traced) or isinstance(weight, Traced):
        return product(interpreter, operation)
    if isinstance(bias, Traced):
        return NotImplemented
    n = weight.ndim - 2
    transposed = operation.arguments.get("transposed", operation.name.startswith("conv_transpose"))
    one, images = spatial_part(operation, source, n + 1)
    stride, dilation = (_each(operation.arguments[k], n) for k in ("stride", "dilation"))
    padding: Any = operation.padding
    if padding == "same":
        # torch puts the odd one behind.
        total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        padding = [(t // 2, t - t // 2) for t in total]
    else:
        padding = [0] * n if padding == "valid" else _each(padding, n)
    arguments = (as_float64(weight), one, stride, padding, dilation, operation.groups)
    if transposed:
        extra = _each(operation.output_padding, n)
        matrix, shape = pieces.transposed_convolution_matrix(*arguments, extra)
    else:
        matrix, shape = pieces.convolution_matrix(*arguments)
    offset = np.zeros(shape[0]) if bias is None else as_float64(bias)
    offset = np.tile(np.repeat(offset, math.prod(shape[1:])), images)
    return _mapped(interpreter, operation, source, pieces.repeated(matrix, images), offset)


def _batch_norm(interpreter: Interpreter, operation: Operation) -> Any:
    """Read a normalisation by stored statistics; its scale and shift are rounded to float64 once."""
    arguments, source = operation.arguments, operation.input
    own = arguments.get("training", arguments.get("train", arguments.get("use_input_stats", False)))
    mean, variance = arguments.get("running_mean"), arguments.get("running_var")
    if own or not isinstance(mean, torch.Tensor) or not isinstance(variance, torch.Tensor):
        place = place_of(operation.node)
        if operation.name == "instance_norm":
            raise NotPiecewiseLinearError(
                f"The model uses instance_norm at {place}; it divides by the spread of its own input, which is not "
                "piecewise linear, so the model has no linear regions by any definition. "
                "Allowed is normalisation by stored statistics "
                "(track_running_stats=True, in eval mode). Replace it."
            )
        raise CaptureError(
            f"The model is in training mode, or tracks no statistics, and normalises with the batch's own mean "
            f"(batch_norm) at {place}; allowed is a model whose output at a point depends on that point alone. "
            "Call model.eval() before the capture; use track_running_stats=True."
        )
    if any(isinstance(arguments.get(k), Traced) for k in ("weight", "bias")):
        return product(interpreter, operation)
    given = [None if arguments.get(k) is None else as_float64(arguments[k]) for k in ("weight", "bias")]
    coefficients = pieces.normalisation(as_float64(mean), as_float64(variance), float(operation.eps), *given)
    scale, shift = (_per_channel(interpreter, source, c) for c in coefficients)
    if scale is None or shift is None:
        return NotImplemented
    name = interpreter.linear_name(operation)
    value = pieces.affine(interpreter.assembly, source.value, scale, shift, name)
    meta = operation.node.meta["val"]
    if isinstance(meta, torch.Tensor):
        return interpreter.traced(operation, value, source)
    statistics = interpreter.unread(operation, "the statistics")
    return (Traced(Cell(value), source.shape, source.dtype), *(statistics for _ in meta[1:]))


def _per_channel(interpreter: Interpreter, source: Traced, values: Any) -> Any:
    """Return one number a channel, the second axis, for each entry of a tensor."""
    tensor = torch.from_numpy(values).reshape(-1, *(1 for _ in source.shape[2:]))
    return numbers(interpreter, tensor, source)


def _dimensions(operation: Operation) -> int:
    return int(next(c for c in operation.name if c.isdigit()))


def _average_pool(interpreter: Interpreter, operation: Operation) -> Any:
    n = _dimensions(operation)
    one, lead = spatial_part(operation, operation.self, n)
    more = operation.ceil_mode, operation.count_include_pad, operation.arguments.get("divisor_override")
    kernel, stride, padding = pool_axes(operation, n)
    matrix, _ = pieces.average_matrix((lead, *one), kernel, stride, padding, *more)
    return _mapped(interpreter, operation, operation.self, matrix)


def _adaptive_average_pool(interpreter: Interpreter, operation: Operation) -> Any:
    n = _dimensions(operation)
    one, lead = spatial_part(operation, operation.self, n)
    out = tuple(operation.node.meta["val"].shape)[-n:]
    matrix, _ = pieces.adaptive_average_matrix((lead, *one), out)
    return _mapped(interpreter, operation, operation.self, matrix)


def _reduction(interpreter: Interpreter, operation: Operation) -> Any:
    """Read a sum or mean over axes; the mean's factor is rounded to float64 once."""
    if operation.arguments.get("dtype") is not None and not operation.dtype.is_floating_point:
        return NotImplemented
    source: Traced = operation.self
    index = reduced_windows(interpreter, operation, source, operation.arguments.get("dim"))
    factor = pieces.reciprocals(index.shape[1]) if operation.name == "mean" else np.ones(())
    return _mapped(interpreter, operation, source, pieces.weighted_windows(index, factor, source.value.size))


def _cumulative_sum(interpreter: Interpreter, operation: Operation) -> Any:
    source: Traced = operation.self
    if operation.arguments.get("dtype") is not None or not source.shape:
        return NotImplemented
    last = addresses(interpreter, source).movedim(operation.dim, -1)
    n = last.shape[-1]
    moved = torch.where(torch.ones(n, n, dtype=torch.bool).tril(), last[..., None, :], 0)
    index = local_windows(interpreter, operation, moved.movedim(-2, operation.dim % len(source.shape)))
    return _mapped(interpreter, operation, source, pieces.sum_matrix(index, source.value.size))


def _on_basis(interpreter: Interpreter, operation: Operation) -> Any:
    """Read a linear operator on each channel through its values on a basis, as torch computes them in float64."""
    source: Traced = operation.input if "input" in operation.arguments else operation.self
    is_fold = operation.name == "col2im"
    n = 2 if is_fold else _dimensions(operation)
    one, lead = spatial_part(operation, source, n)
    size = math.prod(one)
    target: Any = operation.node.target
    arguments = {k: v for k, v in operation.arguments.items() if k not in ("self", "input")}
    basis = torch.eye(size, dtype=torch.float64).reshape(size, *(() if is_fold else (1,)), *one)
    images = target(basis, **arguments)
    matrix = np.ascontiguousarray(images.reshape(size, -1).numpy().T)
    return _mapped(interpreter, operation, source, pieces.repeated(matrix, lead))


HANDLERS: dict[str, Callable[[Interpreter, Operation], Any]] = {
    **dict.fromkeys(("matmul", "mm", "mv", "dot", "inner", "bmm"), _matmul),
    "linear": _linear,
    "addmm": _addmm,
    "einsum": _einsum,
    **dict.fromkeys((f"conv{t}{d}d" for t in ("", "_transpose") for d in (1, 2, 3)), _convolution),
    "convolution": _convolution,
    **dict.fromkeys(
        (
            "batch_norm",
            "native_batch_norm",
            "cudnn_batch_norm",
            "instance_norm",
            "_native_batch_norm_legit_no_training",
            "_native_batch_norm_legit",
            "_batch_norm_no_update",
        ),
        _batch_norm,
    ),
    **dict.fromkeys((f"avg_pool{d}d" for d in (1, 2, 3)), _average_pool),
    **dict.fromkeys((f"{u}adaptive_avg_pool{d}d" for d in (1, 2, 3) for u in ("", "_")), _adaptive_average_pool),
    **dict.fromkeys(("sum", "mean"), _reduction),
    "cumsum": _cumulative_sum,
    **dict.fromkeys(
        ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d", "col2im"),
        _on_basis,
    ),
}
