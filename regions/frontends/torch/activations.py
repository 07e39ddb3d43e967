"""How activations, maxima and minima of torch act on exact affine values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.errors import CaptureError, NotPiecewiseLinearError
from regions.frontends.layers import pieces
from regions.frontends.torch.constants import numbers, product
from regions.frontends.torch.linear import pool_axes, reduced_windows, spatial_part
from regions.frontends.torch.rearranging import broadcast
from regions.frontends.torch.values import Cell, Operation, Traced, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from regions.frontends.torch.interpreter import Interpreter

__all__ = ["HANDLERS"]


def _named(interpreter: Interpreter, operation: Operation, source: Traced, kind: str = "") -> dict[str, Any]:
    """What the units of an activation are called."""
    return {
        "name": operation.label or operation.name,
        "kind": kind or operation.name,
        "shape": interpreter.shape_of(source.shape, source.value.size),
    }


def _kinked(interpreter: Interpreter, operation: Operation, below: Any, above: Any = 1.0, kind: str = "") -> Traced:
    source: Traced = operation.self
    about = _named(interpreter, operation, source, kind)
    return interpreter.traced(
        operation, pieces.kinked(interpreter.assembly, source.value, below, above, **about), source
    )


def _relu(interpreter: Interpreter, operation: Operation) -> Traced:
    return _kinked(interpreter, operation, 0.0, kind="relu")


def _abs(interpreter: Interpreter, operation: Operation) -> Traced:
    return _kinked(interpreter, operation, -1.0, kind="abs")


def _leaky_relu(interpreter: Interpreter, operation: Operation) -> Traced:
    return _kinked(interpreter, operation, interpreter.scalar(operation.negative_slope, operation.self.dtype))


def _rrelu(interpreter: Interpreter, operation: Operation) -> Traced:
    if operation.training:
        raise CaptureError(
            f"The model is in training mode and draws slopes at random (rrelu) at {place_of(operation.node)}; "
            "allowed is a model that gives the same output every time. Call model.eval() before the capture."
        )
    slope = interpreter.scalar((operation.lower + operation.upper) / 2, operation.self.dtype)
    return _kinked(interpreter, operation, slope, kind="rrelu")


def _prelu(interpreter: Interpreter, operation: Operation) -> Any:
    source, weight = operation.self, operation.weight
    if not isinstance(source, Traced) or isinstance(weight, Traced):
        return product(interpreter, operation)
    if weight.numel() == 1:
        weight = weight.reshape(())
    elif operation.name == "prelu":
        # One slope a channel, the second axis.
        weight = weight.reshape(-1, *(1 for _ in source.shape[2:])) if len(source.shape) > 1 else weight
    slopes = numbers(interpreter, weight, source)
    return NotImplemented if slopes is None else _kinked(interpreter, operation, slopes, kind="prelu")


def _larger_or_smaller(
    interpreter: Interpreter, operation: Operation, pick: Callable[..., Any], left: Traced, right: Traced
) -> Traced:
    left, right = (broadcast(interpreter, operation, side) for side in (left, right))
    about = _named(interpreter, operation, left)
    del about["kind"]
    value = pick(interpreter.assembly, left.value, right.value, **about)
    return Traced(Cell(value), left.shape, left.dtype)


def _clipped(
    interpreter: Interpreter, operation: Operation, source: Traced, low: Any, high: Any, kind: str = ""
) -> Any:
    """Keep a value between bounds: constants, None, or values that depend on the input themselves."""
    if isinstance(high, Traced):
        source = _clipped(interpreter, operation, source, low, None, kind)
        if source is NotImplemented:
            return source
        found = _larger_or_smaller(interpreter, operation, pieces.minimum, source, high)
        return interpreter.traced(operation, found.value, found)
    if isinstance(low, Traced):
        source, low = _larger_or_smaller(interpreter, operation, pieces.maximum, source, low), None
    source = broadcast(interpreter, operation, source)
    bounds: list[Any] = []
    for bound, impossible in ((low, np.inf), (high, -np.inf)):
        given = np.full(source.value.size, -impossible) if bound is None else numbers(interpreter, bound, source)
        if given is None or (~(given != impossible) | np.isnan(given)).any():
            return NotImplemented
        bounds.append(given)
    is_relu = not bounds[0].any() and (bounds[1] == np.inf).all()
    about = _named(interpreter, operation, source, "relu" if is_relu else kind)
    value = pieces.clip(interpreter.assembly, source.value, *bounds, **about)
    return interpreter.traced(operation, value, source)


def _clamp(interpreter: Interpreter, operation: Operation) -> Any:
    source, low, high = (operation.arguments.get(k) for k in ("self", "min", "max"))
    if isinstance(source, Traced):
        return _clipped(interpreter, operation, source, low, high, "clamp")
    # A constant between bounds that depend on the input.
    if isinstance(low, Traced) and high is None:
        return _clipped(interpreter, operation, low, source, None, "clamp")
    if isinstance(high, Traced) and low is None:
        return _clipped(interpreter, operation, high, None, source, "clamp")
    return NotImplemented


def _hardtanh(interpreter: Interpreter, operation: Operation) -> Any:
    low, high = (0.0, 6.0) if operation.name == "relu6" else (operation.min_val, operation.max_val)
    kind = "relu6" if (low, high) == (0, 6) else "hardtanh"
    return _clipped(interpreter, operation, operation.self, low, high, kind)


def _hardsigmoid(interpreter: Interpreter, operation: Operation) -> Traced:
    """Read ``clamp(x + 3, 0, 6) / 6``; the factor 1 / 6 is rounded to float64 once."""
    source: Traced = operation.self
    assembly, size = interpreter.assembly, source.value.size
    about = _named(interpreter, operation, source)
    inner = pieces.clip(assembly, assembly.shift(source.value, np.full(size, 3.0)), 0.0, 6.0, **about)
    return interpreter.traced(operation, assembly.scale(inner, pieces.reciprocals(np.full(size, 6.0))), source)


def _softshrink(interpreter: Interpreter, operation: Operation) -> Any:
    source: Traced = operation.self
    about = _named(interpreter, operation, source)
    del about["kind"]
    width = interpreter.scalar(operation.lambd, source.dtype)
    return interpreter.traced(operation, pieces.soft_shrink(interpreter.assembly, source.value, width, **about), source)


def _threshold(interpreter: Interpreter, operation: Operation) -> Any:
    limit, fill = (interpreter.scalar(n, operation.self.dtype) for n in (operation.threshold, operation.value))
    if limit != fill:
        raise NotPiecewiseLinearError(
            f"The model replaces values up to {limit} by {fill} (threshold) at {place_of(operation.node)}; that jumps, "
            "so it is not continuous and piecewise linear. Allowed are thresholds with value == threshold. "
            "Use F.threshold(x, t, t), or clamp."
        )
    return _clipped(interpreter, operation, operation.self, limit, None, "threshold")


def _pairwise(interpreter: Interpreter, operation: Operation) -> Any:
    """Read the maximum or minimum of two values, entry by entry."""
    left, right = operation.self, operation.other
    larger = operation.name in ("max", "maximum", "fmax")
    if isinstance(left, Traced) and isinstance(right, Traced):
        pick = pieces.maximum if larger else pieces.minimum
        found = _larger_or_smaller(interpreter, operation, pick, left, right)
        return interpreter.traced(operation, found.value, found)
    source, bound = (left, right) if isinstance(left, Traced) else (right, left)
    low, high = (bound, None) if larger else (None, bound)
    return _clipped(interpreter, operation, source, low, high, "max" if larger else "min")


def _extremum(interpreter: Interpreter, operation: Operation) -> Any:
    """Read a maximum or minimum of two values, or over axes."""
    if "other" in operation.arguments:
        return _pairwise(interpreter, operation)
    dims = operation.arguments.get("dim")
    found = _over_axes(interpreter, operation, operation.self, dims)
    if not isinstance(operation.node.meta.get("val"), torch.Tensor) and found is not NotImplemented:
        return found, interpreter.unread(operation, "the indices")
    return found


def _over_axes(interpreter: Interpreter, operation: Operation, source: Traced, dims: Any) -> Any:
    index = reduced_windows(interpreter, operation, source, dims)
    smallest = operation.name in ("min", "amin")
    return _tournament(interpreter, operation, source, index, smallest)


def _tournament(
    interpreter: Interpreter, operation: Operation, source: Traced, index: Any, smallest: bool = False
) -> Any:
    meta = operation.node.meta["val"]
    meta = meta if isinstance(meta, torch.Tensor) else meta[0]
    shape = interpreter.shape_of(meta.shape, len(index))
    pick = pieces.minimum_of if smallest else pieces.maximum_of
    if not (index >= 0).any(axis=1).all():
        return NotImplemented
    name = operation.label or operation.name
    value = pick(interpreter.assembly, source.value, index, name=name, shape=shape)
    return Traced(Cell(value), tuple(meta.shape), meta.dtype)


def _pooled(interpreter: Interpreter, operation: Operation, index: Any) -> Any:
    found = _tournament(interpreter, operation, operation.self, index)
    if isinstance(operation.node.meta["val"], torch.Tensor) or found is NotImplemented:
        return found
    return found, interpreter.unread(operation, "the indices")


def _max_pool(interpreter: Interpreter, operation: Operation) -> Any:
    n = int(next(c for c in operation.name if c.isdigit()))
    one, lead = spatial_part(operation, operation.self, n)
    kernel, stride, padding = pool_axes(operation, n)
    dilation = pool_axes(operation, n, "dilation")
    index, _ = pieces.windows((lead, *one), kernel, stride, padding, dilation, operation.ceil_mode)
    return _pooled(interpreter, operation, index)


def _adaptive_max_pool(interpreter: Interpreter, operation: Operation) -> Any:
    n = int(next(c for c in operation.name if c.isdigit()))
    one, lead = spatial_part(operation, operation.self, n)
    index, _ = pieces.adaptive_windows((lead, *one), pool_axes(operation, n, "output_size"))
    return _pooled(interpreter, operation, index)


def _norm(interpreter: Interpreter, operation: Operation) -> Any:
    """Read a norm of order 1, the sum of absolute values, or of infinite order, the largest of them."""
    source: Traced = operation.self
    dims = operation.arguments.get("dim") or ([0] if len(source.shape) == 1 else [])
    dims = [dims] if isinstance(dims, int) else list(dims)
    order = operation.arguments.get("ord", operation.arguments.get("p"))
    matrix = operation.name == "linalg_norm" and len(dims) > 1
    if order not in (1, np.inf, -np.inf) or not dims or operation.arguments.get("dtype") is not None or matrix:
        return NotImplemented
    index = reduced_windows(interpreter, operation, source, dims)
    about = _named(interpreter, operation, source)
    del about["kind"]
    absolute = Traced(Cell(pieces.absolute(interpreter.assembly, source.value, **about)), source.shape, source.dtype)
    if order == 1:
        matrix, name = pieces.sum_matrix(index, source.value.size), interpreter.linear_name(operation)
        value = interpreter.assembly.linear(absolute.value, matrix, np.zeros(len(index)), name)
        return interpreter.traced(operation, value, source)
    return _tournament(interpreter, operation, absolute, index, order < 0)


HANDLERS: dict[str, Callable[[Interpreter, Operation], Any]] = {
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
