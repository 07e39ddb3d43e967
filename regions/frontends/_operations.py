"""How each operator of torch that is read acts on exact affine values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.errors import (
    CaptureError,
    InvalidNetworkError,
    NotPiecewiseLinearError,
    UnsupportedOperationError,
)
from regions.frontends._interpret import Cell, Operation, Traced, as_float64, place_of
from regions.frontends._moves import broadcast

if TYPE_CHECKING:
    from regions.frontends._assembly import Value
    from regions.frontends._interpret import Interpreter

__all__ = ["HANDLERS"]

_LIKE = {
    "empty_like": torch.zeros,
    "zeros_like": torch.zeros,
    "ones_like": torch.ones,
    "new_zeros": torch.zeros,
    "new_ones": torch.ones,
    "full_like": torch.full,
    "new_full": torch.full,
}


def _numbers(interpreter: Interpreter, operand: Any, like: Traced) -> np.ndarray[Any, Any] | None:
    """Return a constant as one float64 for each entry of `like`, or None where it differs between points."""
    if not isinstance(operand, torch.Tensor):
        return np.full(like.value.size, interpreter.scalar(operand, like.dtype))
    if operand.is_complex():
        return None
    if operand.ndim == 0 and operand.dtype == torch.float64:
        operand = torch.tensor(interpreter.scalar(operand, like.dtype), dtype=torch.float64)
    try:
        wide = np.broadcast_to(as_float64(operand), like.shape).reshape(interpreter.points, -1)
    except ValueError:
        return None
    return wide[0] if (wide == wide[0]).all() or np.isnan(wide).any() else None


def _same(interpreter: Interpreter, operation: Operation) -> Traced:
    source: Traced = operation.input if "input" in operation.arguments else operation.self
    meta = operation.node.meta.get("val")
    dtype = meta.dtype if isinstance(meta, torch.Tensor) else source.dtype
    return Traced(source.cell, source.shape, dtype)


def _copy(interpreter: Interpreter, operation: Operation) -> Traced:
    same = _same(interpreter, operation)
    return Traced(Cell(same.value), same.shape, same.dtype)


def _cast(interpreter: Interpreter, operation: Operation) -> Traced:
    result = _same(interpreter, operation)
    if not result.dtype.is_floating_point:
        raise NotPiecewiseLinearError(
            f"The model rounds to {result.dtype} ({operation.name}) at {place_of(operation.node)}; that jumps, so "
            "it is not continuous and piecewise linear. Allowed are floating-point values. Replace the rounding."
        )
    changed = result.dtype != operation.arguments["self"].dtype
    return _copy(interpreter, operation) if changed else result


def _no_op(interpreter: Interpreter, operation: Operation) -> None:
    return None


def _dropout(interpreter: Interpreter, operation: Operation) -> Traced:
    if operation.train and operation.p > 0:
        raise CaptureError(
            f"The model is in training mode and drops values at random (dropout with p={operation.p}) at "
            f"{place_of(operation.node)}; allowed is a model that gives the same output every time. "
            "Call model.eval() before the capture."
        )
    return _same(interpreter, operation)


def _batch_norm(interpreter: Interpreter, operation: Operation) -> Any:
    if operation.arguments.get("training", operation.arguments.get("train")):
        raise CaptureError(
            f"The model is in training mode and normalises with the batch's own mean (batch_norm) at "
            f"{place_of(operation.node)}; allowed is a model whose output at a point depends on that point alone. "
            "Call model.eval() before the capture."
        )
    return NotImplemented


def _kinked(interpreter: Interpreter, operation: Operation, source: Traced, below: Any, above: Any = 1.0) -> Traced:
    size = source.value.size
    name = operation.label or operation.name
    below, above = (np.array(np.broadcast_to(s, (size,)), dtype=np.float64) for s in (below, above))
    return interpreter.traced(operation, interpreter.assembly.kink(source.value, below, above, name), source)


def _relu(interpreter: Interpreter, operation: Operation) -> Traced:
    return _kinked(interpreter, operation, operation.self, 0.0)


def _abs(interpreter: Interpreter, operation: Operation) -> Traced:
    return _kinked(interpreter, operation, operation.self, -1.0)


def _norm(interpreter: Interpreter, operation: Operation) -> Any:
    """Read a 1-norm of each point: the sum of absolute values."""
    source = operation.self
    dims = operation.arguments.get("dim") or ([0] if len(source.shape) == 1 else [])
    order = operation.arguments.get("ord", operation.arguments.get("p"))
    last = len(source.shape) - 1
    whole = source.shape[-1:] == (source.value.size,) and [d % (last + 1) for d in dims] == [last]
    if order != 1 or not whole or operation.arguments.get("dtype") is not None:
        return NotImplemented
    ones, name = np.ones(source.value.size), operation.label or operation.name
    absolute = interpreter.assembly.kink(source.value, -ones, ones, name)
    return interpreter.traced(operation, interpreter.assembly.linear(absolute, ones[None], np.zeros(1), name))


def _leaky_relu(interpreter: Interpreter, operation: Operation) -> Traced:
    slope = interpreter.scalar(operation.negative_slope, operation.self.dtype)
    return _kinked(interpreter, operation, operation.self, slope)


def _rrelu(interpreter: Interpreter, operation: Operation) -> Traced:
    if operation.training:
        raise CaptureError(
            f"The model is in training mode and draws slopes at random (rrelu) at {place_of(operation.node)}; "
            "allowed is a model that gives the same output every time. Call model.eval() before the capture."
        )
    slope = interpreter.scalar((operation.lower + operation.upper) / 2, operation.self.dtype)
    return _kinked(interpreter, operation, operation.self, slope)


def _prelu(interpreter: Interpreter, operation: Operation) -> Any:
    source, weight = operation.self, operation.weight
    if not isinstance(source, Traced) or isinstance(weight, Traced):
        return _product(interpreter, operation)
    if weight.numel() == 1:
        return _kinked(interpreter, operation, source, as_float64(weight).reshape(1))
    if len(source.shape) > 2 or weight.numel() != source.value.size:
        return NotImplemented
    return _kinked(interpreter, operation, source, as_float64(weight).reshape(-1))


def _zero(interpreter: Interpreter, bound: Any, like: Traced) -> bool:
    if isinstance(bound, Traced):
        return False
    numbers = _numbers(interpreter, bound, like)
    return numbers is not None and not numbers.any()


def _unless(interpreter: Interpreter, bound: Any, infinity: float, like: Traced) -> Any:
    """Return a bound of a clamp, None where it is the infinity that bounds nothing."""
    if bound is None or isinstance(bound, Traced):
        return bound
    numbers = _numbers(interpreter, bound, like)
    return None if numbers is not None and (numbers == infinity).all() else bound


def _clamp(interpreter: Interpreter, operation: Operation) -> Any:
    source = operation.self
    if not isinstance(source, Traced):
        return NotImplemented
    low = _unless(interpreter, operation.arguments.get("min"), -np.inf, source)
    high = _unless(interpreter, operation.arguments.get("max"), np.inf, source)
    if low is None and high is None:
        return _copy(interpreter, operation)
    if low is not None and high is not None:
        return NotImplemented
    if not _zero(interpreter, high if low is None else low, source):
        return NotImplemented
    slopes = (1.0, 0.0) if low is None else (0.0, 1.0)
    return _kinked(interpreter, operation, source, *slopes)


def _threshold(interpreter: Interpreter, operation: Operation) -> Any:
    if operation.threshold == 0 and operation.value == 0:
        return _relu(interpreter, operation)
    return NotImplemented


def _extremum(interpreter: Interpreter, operation: Operation) -> Any:
    """Read the maximum or minimum of a value and zero."""
    left, right = operation.self, operation.arguments.get("other")
    if right is None:
        return NotImplemented
    source, bound = (left, right) if isinstance(left, Traced) else (right, left)
    if not _zero(interpreter, bound, source):
        return NotImplemented
    slopes = (0.0, 1.0) if operation.name in ("max", "maximum", "fmax") else (1.0, 0.0)
    return _kinked(interpreter, operation, source, *slopes)


def _affine(interpreter: Interpreter, operation: Operation, source: Any, weight: Any, bias: Any = None) -> Any:
    """Read ``source @ weight.T + bias`` with a constant weight of shape (out, in) or (in,)."""
    if isinstance(bias, Traced):
        return NotImplemented
    if not isinstance(source, Traced) or isinstance(weight, Traced):
        return _product(interpreter, operation)
    value = source.value
    matrix = as_float64(weight)
    matrix = matrix[None] if matrix.ndim == 1 else matrix
    if matrix.ndim != 2 or value.size != source.shape[-1] or matrix.shape[1] != value.size:
        return NotImplemented
    offset = np.zeros(len(matrix)) if bias is None else as_float64(bias)
    if offset.ndim > 1 and len(offset) > 1:
        return NotImplemented
    offset = np.array(np.broadcast_to(offset.reshape(-1), (len(matrix),)))
    name = interpreter.linear_name(operation)
    return interpreter.traced(operation, interpreter.assembly.linear(value, matrix, offset, name))


def _linear(interpreter: Interpreter, operation: Operation) -> Any:
    return _affine(interpreter, operation, operation.input, operation.weight, operation.bias)


def _addmm(interpreter: Interpreter, operation: Operation) -> Any:
    if operation.beta != 1 or operation.alpha != 1:
        return NotImplemented
    if isinstance(operation.mat2, Traced):
        return _product(interpreter, operation)
    return _affine(interpreter, operation, operation.mat1, operation.mat2.t(), operation.self)


def _matmul(interpreter: Interpreter, operation: Operation) -> Any:
    left = operation.self
    right = next(operation.arguments[k] for k in ("other", "mat2", "vec", "tensor") if k in operation.arguments)
    if isinstance(left, Traced) and isinstance(right, torch.Tensor) and right.ndim <= 2:
        return _affine(interpreter, operation, left, right.t())
    if isinstance(right, Traced) and isinstance(left, torch.Tensor) and len(right.shape) == 1:
        return _affine(interpreter, operation, right, left) if left.ndim <= 2 else NotImplemented
    return _product(interpreter, operation)


def _product(interpreter: Interpreter, operation: Operation) -> Any:
    traced = [a for a in operation.node.all_input_nodes if isinstance(interpreter.env[a], Traced)]
    repeated = sum(isinstance(a, Traced) for a in operation.arguments.values())
    if len(traced) < 2 and repeated < 2:
        return NotImplemented
    raise NotPiecewiseLinearError(
        f"The model multiplies two values that both depend on its input ({operation.name}) at "
        f"{place_of(operation.node)}; such a product is not piecewise linear, so the model has no linear regions. "
        "Allowed are multiples by constants. Replace the product."
    )


def _finite(operation: Operation, numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not np.isfinite(numbers).all():
        raise InvalidNetworkError(
            f"A constant of {operation.name} at {place_of(operation.node)} is "
            f"{numbers[~np.isfinite(numbers)][0]}; all numbers must be finite. "
            "Check the model for a diverged training step or uninitialised weights."
        )
    return np.array(numbers)


def _scaled(interpreter: Interpreter, operation: Operation, source: Traced, factor: Any) -> Value | None:
    numbers = _numbers(interpreter, factor, source)
    if numbers is None:
        return None
    return interpreter.assembly.scale(source.value, _finite(operation, numbers))


def _mul(interpreter: Interpreter, operation: Operation) -> Any:
    left, right = operation.self, operation.other
    if isinstance(left, Traced) and isinstance(right, Traced):
        return _product(interpreter, operation)
    source, factor = (left, right) if isinstance(left, Traced) else (right, left)
    source = broadcast(interpreter, operation, source)
    value = _scaled(interpreter, operation, source, factor)
    return NotImplemented if value is None else interpreter.traced(operation, value, source)


def _div(interpreter: Interpreter, operation: Operation) -> Any:
    left, right = operation.self, operation.other
    place = place_of(operation.node)
    if isinstance(right, Traced):
        raise NotPiecewiseLinearError(
            f"The model divides by a value that depends on its input (div) at {place}; that is not piecewise linear, "
            "so the model has no linear regions. Allowed are multiples by constants. Replace the quotient."
        )
    if operation.arguments.get("rounding_mode") is not None:
        raise NotPiecewiseLinearError(
            f"The model rounds a quotient (div) at {place}; that jumps, so it is not continuous and piecewise linear. "
            "Allowed are multiples by constants. Leave rounding_mode out."
        )
    left = broadcast(interpreter, operation, left)
    numbers = _numbers(interpreter, right, left)
    if numbers is None:
        return NotImplemented
    if not (np.isfinite(numbers).all() and (np.abs(np.frexp(numbers)[0]) == 0.5).all()):
        raise UnsupportedOperationError(
            f"The model divides by {numbers[np.abs(np.frexp(numbers)[0]) != 0.5][0]} (div) at {place}; the factor that "
            "this stands for is no binary fraction, so it cannot be read exactly. Allowed are powers of two. "
            "Multiply by a constant instead, e.g. x * (1 / 3), which is the float nearest to one third."
        )
    return interpreter.traced(operation, interpreter.assembly.scale(left.value, 1.0 / numbers), left)


def _neg(interpreter: Interpreter, operation: Operation) -> Traced:
    source = operation.self
    minus = np.full(source.value.size, -1.0)
    return interpreter.traced(operation, interpreter.assembly.scale(source.value, minus), source)


def _sum(interpreter: Interpreter, operation: Operation, left: Any, right: Any) -> Any:
    """Read ``left + right``, where at least one depends on the input."""
    if isinstance(left, Traced) and isinstance(right, Traced):
        left, right = (broadcast(interpreter, operation, side) for side in (left, right))
        value = interpreter.assembly.add(left.value, right.value)
        return interpreter.traced(operation, value, left)
    source, offset = (left, right) if isinstance(left, Traced) else (right, left)
    source = broadcast(interpreter, operation, source)
    numbers = _numbers(interpreter, offset, source)
    if numbers is None:
        return NotImplemented
    value = interpreter.assembly.shift(source.value, _finite(operation, numbers))
    return interpreter.traced(operation, value, source)


def _times(interpreter: Interpreter, operation: Operation, operand: Any, factor: Any) -> Any:
    """Return an operand of a sum times its Python factor, not broadcast yet."""
    if factor == 1:
        return operand
    if isinstance(operand, Traced):
        value = _scaled(interpreter, operation, operand, factor)
        assert value is not None
        return Traced(Cell(value), operand.shape, operand.dtype)
    return operand * factor


def _add(interpreter: Interpreter, operation: Operation) -> Any:
    other = _times(interpreter, operation, operation.other, operation.arguments.get("alpha", 1))
    return _sum(interpreter, operation, operation.self, other)


def _sub(interpreter: Interpreter, operation: Operation) -> Any:
    other = _times(interpreter, operation, operation.other, -operation.arguments.get("alpha", 1))
    return _sum(interpreter, operation, operation.self, other)


def _rsub(interpreter: Interpreter, operation: Operation) -> Any:
    minus = _times(interpreter, operation, operation.self, -operation.arguments.get("alpha", 1))
    return _sum(interpreter, operation, operation.other, minus)


def _like(interpreter: Interpreter, operation: Operation) -> torch.Tensor:
    source = operation.self
    size = tuple(operation.arguments.get("size", source.shape))
    fill = [operation.fill_value] if "fill_value" in operation.arguments else []
    dtype = operation.arguments.get("dtype") or source.dtype
    make: Any = _LIKE[operation.name]
    constant: torch.Tensor = make(size, *fill, dtype=dtype, device=operation.node.meta["val"].device)
    return constant


HANDLERS: dict[str, Callable[[Interpreter, Operation], Any]] = {
    **dict.fromkeys(("alias", "contiguous", "detach", "positive", "lift_fresh"), _same),
    **dict.fromkeys(("clone", "lift_fresh_copy"), _copy),
    **dict.fromkeys(("to", "_to_copy", "type_as"), _cast),
    **dict.fromkeys(("_assert_tensor_metadata", "_assert_async", "sym_constrain_range"), _no_op),
    **dict.fromkeys(("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"), _dropout),
    **dict.fromkeys(("batch_norm", "native_batch_norm"), _batch_norm),
    **dict.fromkeys(("max", "maximum", "fmax", "min", "minimum", "fmin"), _extremum),
    **dict.fromkeys(("clamp", "clip", "clamp_min", "clamp_max"), _clamp),
    **dict.fromkeys(("prelu", "_prelu_kernel"), _prelu),
    **dict.fromkeys(("matmul", "mm", "mv", "dot", "inner", "bmm"), _matmul),
    **dict.fromkeys(("mul", "multiply"), _mul),
    **dict.fromkeys(("div", "divide", "true_divide"), _div),
    **dict.fromkeys(("neg", "negative"), _neg),
    **dict.fromkeys(("abs", "absolute"), _abs),
    **dict.fromkeys(("add", "_unsafe_add"), _add),
    **dict.fromkeys(("sub", "subtract"), _sub),
    **dict.fromkeys(_LIKE, _like),
    "rsub": _rsub,
    **dict.fromkeys(("norm", "linalg_norm", "linalg_vector_norm"), _norm),
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "rrelu": _rrelu,
    "threshold": _threshold,
    "linear": _linear,
    "addmm": _addmm,
}
