"""How each operator of torch that is read acts on exact affine values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.errors import NotPiecewiseLinearError
from regions.frontends.layers import pieces
from regions.frontends.torch import activations, linear, recurrent
from regions.frontends.torch.constants import finite, numbers, product
from regions.frontends.torch.interpreter import dropout_refusal, quotient_refusal
from regions.frontends.torch.rearranging import broadcast, mask, pad, where
from regions.frontends.torch.values import Cell, Operation, Traced, place_of

if TYPE_CHECKING:
    from regions.frontends.layers.assembly import Value
    from regions.frontends.torch.interpreter import Interpreter

__all__ = ["HANDLERS", "LIKE"]

LIKE = {
    "empty_like": torch.zeros,
    "zeros_like": torch.zeros,
    "ones_like": torch.ones,
    "new_zeros": torch.zeros,
    "new_ones": torch.ones,
    "full_like": torch.full,
    "new_full": torch.full,
}


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
        raise dropout_refusal(operation)
    return _same(interpreter, operation)


def _scaled(interpreter: Interpreter, operation: Operation, source: Traced, factor: Any) -> Value | None:
    found = numbers(interpreter, factor, source)
    if found is None:
        return None
    return interpreter.assembly.scale(source.value, finite(operation, found))


def _mul(interpreter: Interpreter, operation: Operation) -> Any:
    left, right = operation.self, operation.other
    if isinstance(left, Traced) and isinstance(right, Traced):
        return product(interpreter, operation)
    source, factor = (left, right) if isinstance(left, Traced) else (right, left)
    source = broadcast(interpreter, operation, source)
    value = _scaled(interpreter, operation, source, factor)
    return NotImplemented if value is None else interpreter.traced(operation, value, source)


def _div(interpreter: Interpreter, operation: Operation) -> Any:
    left, right = operation.self, operation.other
    if isinstance(right, Traced):
        raise quotient_refusal(operation)
    if operation.arguments.get("rounding_mode") is not None:
        raise NotPiecewiseLinearError(
            f"The model rounds a quotient (div) at {place_of(operation.node)}; that jumps, so it is not continuous and "
            "piecewise linear. Allowed are multiples by constants. Leave rounding_mode out."
        )
    left = broadcast(interpreter, operation, left)
    found = numbers(interpreter, right, left)
    if found is None:
        return NotImplemented
    with np.errstate(divide="ignore"):
        factors = finite(operation, pieces.reciprocals(found))
    return interpreter.traced(operation, interpreter.assembly.scale(left.value, factors), left)


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
    found = numbers(interpreter, offset, source)
    if found is None:
        return NotImplemented
    value = interpreter.assembly.shift(source.value, finite(operation, found))
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
    make: Any = LIKE[operation.name]
    constant: torch.Tensor = make(size, *fill, dtype=dtype, device=operation.node.meta["val"].device)
    return constant


def _filled(interpreter: Interpreter, operation: Operation) -> Any:
    """Read ``masked_fill`` with a constant mask."""
    return mask(interpreter, operation, operation.mask, operation.value, operation.self)


def _lerp(interpreter: Interpreter, operation: Operation) -> Any:
    """Read ``start + weight * (end - start)`` with a constant weight."""
    start, end, weight = operation.self, operation.end, operation.weight
    if isinstance(weight, Traced):
        return product(interpreter, operation)
    sides: list[Any] = []
    for side, sign in ((end, 1.0), (start, -1.0)):
        if isinstance(side, Traced):
            side = broadcast(interpreter, operation, side)
            sides.append(interpreter.assembly.scale(side.value, np.full(side.value.size, sign)))
        else:
            return NotImplemented
    start = broadcast(interpreter, operation, start)
    factors = numbers(interpreter, weight, start)
    if factors is None:
        return NotImplemented
    way = interpreter.assembly.scale(interpreter.assembly.add(*sides), finite(operation, factors))
    return interpreter.traced(operation, interpreter.assembly.add(start.value, way), start)


HANDLERS: dict[str, Callable[[Interpreter, Operation], Any]] = {
    **linear.HANDLERS,
    **activations.HANDLERS,
    **recurrent.HANDLERS,
    **dict.fromkeys(("alias", "contiguous", "detach", "positive", "lift_fresh"), _same),
    **dict.fromkeys(("clone", "lift_fresh_copy"), _copy),
    **dict.fromkeys(("to", "_to_copy", "type_as"), _cast),
    **dict.fromkeys(("_assert_tensor_metadata", "_assert_async", "sym_constrain_range"), _no_op),
    **dict.fromkeys(("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"), _dropout),
    **dict.fromkeys(("mul", "multiply"), _mul),
    **dict.fromkeys(("div", "divide", "true_divide"), _div),
    **dict.fromkeys(("neg", "negative"), _neg),
    **dict.fromkeys(("add", "_unsafe_add"), _add),
    **dict.fromkeys(("sub", "subtract"), _sub),
    **dict.fromkeys(LIKE, _like),
    **dict.fromkeys(("pad", "constant_pad_nd"), pad),
    "rsub": _rsub,
    "where": where,
    "masked_fill": _filled,
    "lerp": _lerp,
}
