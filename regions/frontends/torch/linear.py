"""How linear maps of torch act on exact affine values: matrices, convolutions, means, normalisation, interpolation."""

from __future__ import annotations

import math
import string
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.frontends.layers import pieces, refusals, windows
from regions.frontends.torch.constants import numbers, product
from regions.frontends.torch.rearranging import addresses, local_windows, mixed
from regions.frontends.torch.values import Dependent, Operation, as_float64
from regions.frontends.torch.vocabulary import EVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regions.frontends.torch.reader import Reader

__all__ = ["HANDLERS", "dimensions", "pool_axes", "reduced_windows", "spatial_part"]


def spatial_part(operation: Operation, source: Dependent, n: int) -> tuple[tuple[int, ...], int]:
    """Return the last `n` axes of a tensor's shape, and how many such parts one point has."""
    one = source.shape[-n:] if n else ()
    if len(one) < n or source.value.size % math.prod(one):
        raise mixed(operation)
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


def reduced_windows(reader: Reader, operation: Operation, source: Dependent, dims: Any) -> Any:
    """Return the entries that a reduction over these axes joins, for every entry of its result: shape (n, k)."""
    rank = len(source.shape)
    dims = list(range(rank)) if dims is None or dims == [] else [dims] if isinstance(dims, int) else list(dims)
    dims = [d % rank for d in dims] if rank else []
    kept = [d for d in range(rank) if d not in dims]
    moved = addresses(reader, source).permute(*kept, *dims)
    return local_windows(reader, operation, moved.reshape(*(source.shape[d] for d in kept), -1))


def _affine(reader: Reader, operation: Operation, source: Any, weight: Any, bias: Any = None) -> Any:
    """Read ``source @ weight.T + bias`` with a constant weight of shape (out, in) or (in,)."""
    if isinstance(bias, Dependent):
        return NotImplemented
    if not isinstance(source, Dependent) or isinstance(weight, Dependent):
        return product(reader, operation)
    matrix = as_float64(weight)
    matrix = matrix[None] if matrix.ndim == 1 else matrix
    _, parts = spatial_part(operation, source, 1)
    if matrix.ndim != 2 or matrix.shape[1] != source.shape[-1]:
        return NotImplemented
    offset = np.zeros(len(matrix)) if bias is None else as_float64(bias)
    if offset.ndim > 1 and len(offset) > 1:
        return NotImplemented
    offset = np.array(np.broadcast_to(offset.reshape(-1), (len(matrix),)))
    return reader.mapped(operation, source, windows.repeated(matrix, parts), np.tile(offset, parts))


def _linear(reader: Reader, operation: Operation) -> Any:
    return _affine(reader, operation, operation.input, operation.weight, operation.bias)


def _addmm(reader: Reader, operation: Operation) -> Any:
    if operation.beta != 1 or operation.alpha != 1:
        return NotImplemented
    if isinstance(operation.mat2, Dependent):
        return product(reader, operation)
    return _affine(reader, operation, operation.mat1, operation.mat2.t(), operation.self)


def _matmul(reader: Reader, operation: Operation) -> Any:
    left = operation.self if "self" in operation.arguments else operation.input
    right = next(operation.arguments[k] for k in ("other", "mat2", "vec", "tensor") if k in operation.arguments)
    if isinstance(left, Dependent) and isinstance(right, torch.Tensor) and right.ndim <= 2:
        if operation.name == "inner":
            right = right.t()
        return _affine(reader, operation, left, right.t())
    if isinstance(right, Dependent) and isinstance(left, torch.Tensor) and len(right.shape) == 1 and left.ndim <= 2:
        return _affine(reader, operation, right, left)
    if isinstance(left, Dependent) == isinstance(right, Dependent) or operation.name == "inner":
        return product(reader, operation)
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
    return _contraction(reader, operation, axes, result, sides)


def _spread(operation: Operation, side: Any, lead: tuple[int, ...]) -> Any:
    """Return one side of a product with its leading axes spread; None for a dependent one that would have to be."""
    own = tuple(side.shape)[:-2]
    wanted = lead[len(lead) - len(own) :]
    if own == wanted:
        return side
    return None if isinstance(side, Dependent) else side.expand(*wanted, *side.shape[-2:])


def _einsum(reader: Reader, operation: Operation) -> Any:
    equation, sides = operation.equation.replace(" ", ""), list(operation.tensors)
    given, arrow, result = equation.partition("->")
    axes = given.split(",")
    if len(sides) == 2 and all(isinstance(s, Dependent) for s in sides):
        return product(reader, operation)
    if not arrow:
        letters = sorted(given.replace(",", ""))
        result = "".join(c for c in letters if letters.count(c) == 1)
    if "." in equation or len(sides) > 2 or any(len(set(a)) < len(a) for a in axes):
        return NotImplemented
    if len(sides) == 1:
        axes, sides = [*axes, ""], [*sides, torch.ones((), dtype=torch.float64)]
    return _contraction(reader, operation, axes, result, sides)


def _contraction(reader: Reader, operation: Operation, axes: Sequence[str], result: str, sides: Sequence[Any]) -> Any:
    """Read a sum of products of a value's entries with a constant's, axes by letters as in einsum."""
    first = 0 if isinstance(sides[0], Dependent) else 1
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
    index = local_windows(reader, operation, spread(addresses(reader, source), mine).reshape(shape))
    factors = as_float64(spread(weight, theirs).reshape(shape)).reshape(reader.points, -1, k)
    if (factors != factors[0]).any():
        return NotImplemented
    return reader.mapped(operation, source, windows.weighted_windows(index, factors[0], source.value.size))


def _convolution(reader: Reader, operation: Operation) -> Any:
    source, weight, bias = operation.input, operation.weight, operation.bias
    if not isinstance(source, Dependent) or isinstance(weight, Dependent):
        return product(reader, operation)
    if isinstance(bias, Dependent):
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
    extra = _each(operation.output_padding, n) if transposed else None
    matrix, offset, _ = windows.convolution(
        as_float64(weight),
        None if bias is None else as_float64(bias),
        one,
        images,
        (stride, padding, dilation, operation.groups),
        extra,
    )
    return reader.mapped(operation, source, matrix, offset)


def _batch_norm(reader: Reader, operation: Operation) -> Any:
    """Read a normalisation by stored statistics; its scale and shift are rounded to float64 once."""
    arguments, source = operation.arguments, operation.input
    own = arguments.get("training", arguments.get("train", arguments.get("use_input_stats", False)))
    mean, variance = arguments.get("running_mean"), arguments.get("running_var")
    if own or not isinstance(mean, torch.Tensor) or not isinstance(variance, torch.Tensor):
        do = "Allowed is normalisation by stored statistics (track_running_stats=True, in eval mode). Replace it."
        if operation.name == "instance_norm":
            raise refusals.curved(
                "uses instance_norm", operation.place, "it divides by the spread of its own input, which", do
            )
        raise refusals.batch_statistics(operation, f"{EVAL} Use track_running_stats=True.")
    if any(isinstance(arguments.get(k), Dependent) for k in ("weight", "bias")):
        return product(reader, operation)
    given = [None if arguments.get(k) is None else as_float64(arguments[k]) for k in ("weight", "bias")]
    coefficients = pieces.normalisation(as_float64(mean), as_float64(variance), float(operation.eps), *given)
    scale, shift = (_per_channel(reader, source, c) for c in coefficients)
    if scale is None or shift is None:
        return NotImplemented
    found = reader.normalised(operation, source, scale, shift)
    meta = operation.node.meta["val"]
    if isinstance(meta, torch.Tensor):
        return found
    statistics = reader.unread(operation, "the statistics")
    return (found, *(statistics for _ in meta[1:]))


def _per_channel(reader: Reader, source: Dependent, values: Any) -> Any:
    """Return one number a channel, the second axis, for each entry of a tensor."""
    tensor = torch.from_numpy(values).reshape(-1, *(1 for _ in source.shape[2:]))
    return numbers(reader, tensor, source)


def dimensions(operation: Operation) -> int:
    """Return how many axes of an image an operator works on, which its name says."""
    return int(next(c for c in operation.name if c.isdigit()))


def _average_pool(reader: Reader, operation: Operation) -> Any:
    n = dimensions(operation)
    one, lead = spatial_part(operation, operation.self, n)
    more = operation.ceil_mode, operation.count_include_pad, operation.arguments.get("divisor_override")
    kernel, stride, padding = pool_axes(operation, n)
    matrix, _ = windows.average_matrix((lead, *one), kernel, stride, padding, *more)
    return reader.mapped(operation, operation.self, matrix)


def _adaptive_average_pool(reader: Reader, operation: Operation) -> Any:
    n = dimensions(operation)
    one, lead = spatial_part(operation, operation.self, n)
    out = tuple(operation.node.meta["val"].shape)[-n:]
    matrix, _ = windows.adaptive_average_matrix((lead, *one), out)
    return reader.mapped(operation, operation.self, matrix)


def _reduction(reader: Reader, operation: Operation) -> Any:
    """Read a sum or mean over axes; the mean's factor is rounded to float64 once."""
    if operation.arguments.get("dtype") is not None and not operation.dtype.is_floating_point:
        return NotImplemented
    source: Dependent = operation.self
    index = reduced_windows(reader, operation, source, operation.arguments.get("dim"))
    return reader.averaged(operation, source, index, mean=operation.name == "mean")


def _cumulative_sum(reader: Reader, operation: Operation) -> Any:
    source: Dependent = operation.self
    if operation.arguments.get("dtype") is not None or not source.shape:
        return NotImplemented
    last = addresses(reader, source).movedim(operation.dim, -1)
    n = last.shape[-1]
    moved = torch.where(torch.ones(n, n, dtype=torch.bool).tril(), last[..., None, :], 0)
    index = local_windows(reader, operation, moved.movedim(-2, operation.dim % len(source.shape)))
    return reader.averaged(operation, source, index, mean=False)


def _on_basis(reader: Reader, operation: Operation) -> Any:
    """Read a linear operator on each channel through its values on a basis, as torch computes them in float64."""
    source: Dependent = operation.input if "input" in operation.arguments else operation.self
    is_fold = operation.name == "col2im"
    n = 2 if is_fold else dimensions(operation)
    one, lead = spatial_part(operation, source, n)
    size = math.prod(one)
    target: Any = operation.node.target
    arguments = {k: v for k, v in operation.arguments.items() if k not in ("self", "input")}
    basis = torch.eye(size, dtype=torch.float64).reshape(size, *(() if is_fold else (1,)), *one)
    images = target(basis, **arguments)
    matrix = np.ascontiguousarray(images.reshape(size, -1).numpy().T)
    return reader.mapped(operation, source, windows.repeated(matrix, lead))


HANDLERS: dict[str, Callable[[Reader, Operation], Any]] = {
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
