"""How activations, maxima and minima of torch act on exact affine values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.frontends.layers import refusals, windows
from regions.frontends.torch.constants import numbers, product
from regions.frontends.torch.linear import dimensions, pool_axes, reduced_windows, spatial_part
from regions.frontends.torch.rearranging import broadcast
from regions.frontends.torch.values import Cell, Dependent, Operation
from regions.frontends.torch.vocabulary import EVAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from regions.frontends.torch.reader import Reader

__all__ = ["HANDLERS"]


def _relu(reader: Reader, operation: Operation) -> Dependent:
    return reader.kinked(operation, operation.self, 0.0, kind="relu")


def _abs(reader: Reader, operation: Operation) -> Dependent:
    return reader.kinked(operation, operation.self, -1.0, kind="abs")


def _leaky_relu(reader: Reader, operation: Operation) -> Dependent:
    return reader.kinked(operation, operation.self, reader.scalar(operation.negative_slope, operation.self.dtype))


def _rrelu(reader: Reader, operation: Operation) -> Dependent:
    if operation.training:
        raise refusals.training(operation, "draws slopes at random (rrelu)", EVAL)
    slope = reader.scalar((operation.lower + operation.upper) / 2, operation.self.dtype)
    return reader.kinked(operation, operation.self, slope, kind="rrelu")


def _prelu(reader: Reader, operation: Operation) -> Any:
    source, weight = operation.self, operation.weight
    if not isinstance(source, Dependent) or isinstance(weight, Dependent):
        return product(reader, operation)
    if weight.numel() == 1:
        weight = weight.reshape(())
    elif operation.name == "prelu":
        # One slope a channel, the second axis.
        weight = weight.reshape(-1, *(1 for _ in source.shape[2:])) if len(source.shape) > 1 else weight
    slopes = numbers(reader, weight, source)
    return NotImplemented if slopes is None else reader.kinked(operation, operation.self, slopes, kind="prelu")


def _larger(reader: Reader, operation: Operation, left: Dependent, right: Dependent, smallest: bool) -> Dependent:
    left, right = (broadcast(reader, operation, side) for side in (left, right))
    return reader.result(operation, reader.larger(operation, left, right, smallest=smallest), left)


def _clipped(reader: Reader, operation: Operation, source: Dependent, low: Any, high: Any, kind: str = "") -> Any:
    """Keep a value between bounds: constants, None, or values that depend on the input themselves."""
    if isinstance(high, Dependent):
        source = _clipped(reader, operation, source, low, None, kind)
        if source is NotImplemented:
            return source
        return _larger(reader, operation, source, high, True)
    if isinstance(low, Dependent):
        source, low = _larger(reader, operation, source, low, False), None
    source = broadcast(reader, operation, source)
    bounds: list[Any] = []
    for bound, impossible in ((low, np.inf), (high, -np.inf)):
        given = np.full(source.value.size, -impossible) if bound is None else numbers(reader, bound, source)
        if given is None or (~(given != impossible) | np.isnan(given)).any():
            return NotImplemented
        bounds.append(given)
    is_relu = not bounds[0].any() and (bounds[1] == np.inf).all()
    return reader.clipped(operation, source, bounds[0], bounds[1], "relu" if is_relu else kind)


def _clamp(reader: Reader, operation: Operation) -> Any:
    source, low, high = (operation.arguments.get(k) for k in ("self", "min", "max"))
    if isinstance(source, Dependent):
        return _clipped(reader, operation, source, low, high, "clamp")
    # A constant between bounds that depend on the input.
    if isinstance(low, Dependent) and high is None:
        return _clipped(reader, operation, low, source, None, "clamp")
    if isinstance(high, Dependent) and low is None:
        return _clipped(reader, operation, high, None, source, "clamp")
    return NotImplemented


def _hardtanh(reader: Reader, operation: Operation) -> Any:
    low, high = (0.0, 6.0) if operation.name == "relu6" else (operation.min_val, operation.max_val)
    kind = "relu6" if (low, high) == (0, 6) else "hardtanh"
    return _clipped(reader, operation, operation.self, low, high, kind)


def _hardsigmoid(reader: Reader, operation: Operation) -> Dependent:
    """Read ``clamp(x + 3, 0, 6) / 6``; the factor 1 / 6 is rounded to float64 once."""
    source: Dependent = operation.self
    assembly, size = reader.assembly, source.value.size
    moved = reader.result(operation, assembly.shift(source.value, np.full(size, 3.0)), source)
    inner = reader.clipped(operation, moved, 0.0, 6.0, operation.name)
    return reader.result(operation, assembly.scale(inner.value, windows.reciprocals(np.full(size, 6.0))), source)


def _softshrink(reader: Reader, operation: Operation) -> Any:
    return reader.shrunk(operation, operation.self, reader.scalar(operation.lambd, operation.self.dtype))


def _threshold(reader: Reader, operation: Operation) -> Any:
    limit, fill = (reader.scalar(n, operation.self.dtype) for n in (operation.threshold, operation.value))
    if limit != fill:
        do = "Allowed are thresholds with value == threshold. Use F.threshold(x, t, t), or clamp."
        what = f"replaces values up to {limit} by {fill} (threshold)"
        raise refusals.jumping(what, operation.place, "that", do)
    return _clipped(reader, operation, operation.self, limit, None, "threshold")


def _pairwise(reader: Reader, operation: Operation) -> Any:
    """Read the maximum or minimum of two values, entry by entry."""
    left, right = operation.self, operation.other
    larger = operation.name in ("max", "maximum", "fmax")
    if isinstance(left, Dependent) and isinstance(right, Dependent):
        return _larger(reader, operation, left, right, not larger)
    source, bound = (left, right) if isinstance(left, Dependent) else (right, left)
    low, high = (bound, None) if larger else (None, bound)
    return _clipped(reader, operation, source, low, high, "max" if larger else "min")


def _extremum(reader: Reader, operation: Operation) -> Any:
    """Read a maximum or minimum of two values, or over axes."""
    if "other" in operation.arguments:
        return _pairwise(reader, operation)
    dims = operation.arguments.get("dim")
    found = _over_axes(reader, operation, operation.self, dims)
    if not isinstance(operation.node.meta.get("val"), torch.Tensor) and found is not NotImplemented:
        return found, reader.unread(operation, "the indices")
    return found


def _over_axes(reader: Reader, operation: Operation, source: Dependent, dims: Any) -> Any:
    index = reduced_windows(reader, operation, source, dims)
    smallest = operation.name in ("min", "amin")
    return _tournament(reader, operation, source, index, smallest)


def _tournament(reader: Reader, operation: Operation, source: Dependent, index: Any, smallest: bool = False) -> Any:
    meta = operation.node.meta["val"]
    meta = meta if isinstance(meta, torch.Tensor) else meta[0]
    if not (index >= 0).any(axis=1).all():
        return NotImplemented
    value = reader.largest(operation, source.value, index, meta.shape, smallest=smallest)
    return Dependent(Cell(value), tuple(meta.shape), meta.dtype)


def _pooled(reader: Reader, operation: Operation, index: Any) -> Any:
    found = _tournament(reader, operation, operation.self, index)
    if isinstance(operation.node.meta["val"], torch.Tensor) or found is NotImplemented:
        return found
    return found, reader.unread(operation, "the indices")


def _max_pool(reader: Reader, operation: Operation) -> Any:
    n = dimensions(operation)
    one, lead = spatial_part(operation, operation.self, n)
    kernel, stride, padding = pool_axes(operation, n)
    dilation = pool_axes(operation, n, "dilation")
    index, _ = windows.windows((lead, *one), kernel, stride, padding, dilation, operation.ceil_mode)
    return _pooled(reader, operation, index)


def _adaptive_max_pool(reader: Reader, operation: Operation) -> Any:
    n = dimensions(operation)
    one, lead = spatial_part(operation, operation.self, n)
    index, _ = windows.adaptive_windows((lead, *one), pool_axes(operation, n, "output_size"))
    return _pooled(reader, operation, index)


def _norm(reader: Reader, operation: Operation) -> Any:
    """Read a norm of order 1, the sum of absolute values, or of infinite order, the largest of them."""
    source: Dependent = operation.self
    dims = operation.arguments.get("dim") or ([0] if len(source.shape) == 1 else [])
    dims = [dims] if isinstance(dims, int) else list(dims)
    order = operation.arguments.get("ord", operation.arguments.get("p"))
    matrix = operation.name == "linalg_norm" and len(dims) > 1
    if order not in (1, np.inf, -np.inf) or not dims or operation.arguments.get("dtype") is not None or matrix:
        return NotImplemented
    index = reduced_windows(reader, operation, source, dims)
    absolute = Dependent(Cell(reader.absolute(operation, source)), source.shape, source.dtype)
    if order == 1:
        return reader.averaged(operation, absolute, index, mean=False)
    return _tournament(reader, operation, absolute, index, order < 0)


HANDLERS: dict[str, Callable[[Reader, Operation], Any]] = {
    **dict.fromkeys(("max", "maximum", "fmax", "min", "minimum", "fmin", "amax", "amin"), _extremum),
    **dict.fromkeys(("clamp", "clip", "clamp_min", "clamp_max"), _clamp),
    **dict.fromkeys(("prelu", "_prelu_kernel"), _prelu),
    **dict.fromkeys(("abs", "absolute"), _abs),
    **dict.fromkeys(("norm", "linalg_norm", "linalg_vector_norm"), _norm),
    **dict.fromkeys((f"max_pool{d}d{w}" for d in (1, 2, 3) for w in ("", "_with_indices")), _max_pool),
    **dict.fromkeys((f"adaptive_max_pool{d}d" for d in (1, 2, 3)), _adaptive_max_pool),
    **dict.fromkeys(("hardtanh", "relu6"), _hardtanh),
    "hardsigmoid": _hardsigmoid,
    "softshrink": _softshrink,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "rrelu": _rrelu,
    "threshold": _threshold,
}
