"""How each operator of torch that is read acts on exact affine values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.frontends.layers import refusals, windows
from regions.frontends.torch import activations, linear, recurrent
from regions.frontends.torch.constants import finite, numbers, product
from regions.frontends.torch.rearranging import broadcast, mask, pad, where
from regions.frontends.torch.values import Cell, Dependent, Operation
from regions.frontends.torch.vocabulary import dropping

if TYPE_CHECKING:
    from regions.frontends.layers.assembly import Value
    from regions.frontends.torch.reader import Reader

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


def _same(reader: Reader, operation: Operation) -> Dependent:
    source: Dependent = operation.input if "input" in operation.arguments else operation.self
    meta = operation.node.meta.get("val")
    dtype = meta.dtype if isinstance(meta, torch.Tensor) else source.dtype
    return Dependent(source.cell, source.shape, dtype)


def _copy(reader: Reader, operation: Operation) -> Dependent:
    same = _same(reader, operation)
    return Dependent(Cell(same.value), same.shape, same.dtype)


def _cast(reader: Reader, operation: Operation) -> Dependent:
    result = _same(reader, operation)
    if not result.dtype.is_floating_point:
        raise refusals.rounding(operation, result.dtype)
    changed = result.dtype != operation.arguments["self"].dtype
    return _copy(reader, operation) if changed else result


def _no_op(reader: Reader, operation: Operation) -> None:
    return None


def _dropout(reader: Reader, operation: Operation) -> Dependent:
    if operation.train and operation.p > 0:
        raise dropping(operation)
    return _same(reader, operation)


def _scaled(reader: Reader, operation: Operation, source: Dependent, factor: Any) -> Value | None:
    found = numbers(reader, factor, source)
    if found is None:
        return None
    return reader.assembly.scale(source.value, finite(operation, found))


def _mul(reader: Reader, operation: Operation) -> Any:
    left, right = operation.self, operation.other
    if isinstance(left, Dependent) and isinstance(right, Dependent):
        return product(reader, operation)
    source, factor = (left, right) if isinstance(left, Dependent) else (right, left)
    source = broadcast(reader, operation, source)
    value = _scaled(reader, operation, source, factor)
    return NotImplemented if value is None else reader.result(operation, value, source)


def _div(reader: Reader, operation: Operation) -> Any:
    left, right = operation.self, operation.other
    if isinstance(right, Dependent):
        raise refusals.quotient(operation)
    if operation.arguments.get("rounding_mode") is not None:
        do = "Allowed are multiples by constants. Leave rounding_mode out."
        raise refusals.jumping("rounds a quotient (div)", operation.place, "that", do)
    left = broadcast(reader, operation, left)
    found = numbers(reader, right, left)
    if found is None:
        return NotImplemented
    with np.errstate(divide="ignore"):
        factors = finite(operation, windows.reciprocals(found))
    return reader.result(operation, reader.assembly.scale(left.value, factors), left)


def _neg(reader: Reader, operation: Operation) -> Dependent:
    source = operation.self
    minus = np.full(source.value.size, -1.0)
    return reader.result(operation, reader.assembly.scale(source.value, minus), source)


def _sum(reader: Reader, operation: Operation, left: Any, right: Any) -> Any:
    """Read ``left + right``, where at least one depends on the input."""
    if isinstance(left, Dependent) and isinstance(right, Dependent):
        left, right = (broadcast(reader, operation, side) for side in (left, right))
        value = reader.assembly.add(left.value, right.value)
        return reader.result(operation, value, left)
    source, offset = (left, right) if isinstance(left, Dependent) else (right, left)
    source = broadcast(reader, operation, source)
    found = numbers(reader, offset, source)
    if found is None:
        return NotImplemented
    value = reader.assembly.shift(source.value, finite(operation, found))
    return reader.result(operation, value, source)


def _times(reader: Reader, operation: Operation, operand: Any, factor: Any) -> Any:
    """Return an operand of a sum times its Python factor, not broadcast yet."""
    if factor == 1:
        return operand
    if isinstance(operand, Dependent):
        value = _scaled(reader, operation, operand, factor)
        assert value is not None
        return Dependent(Cell(value), operand.shape, operand.dtype)
    return operand * factor


def _add(reader: Reader, operation: Operation) -> Any:
    other = _times(reader, operation, operation.other, operation.arguments.get("alpha", 1))
    return _sum(reader, operation, operation.self, other)


def _sub(reader: Reader, operation: Operation) -> Any:
    other = _times(reader, operation, operation.other, -operation.arguments.get("alpha", 1))
    return _sum(reader, operation, operation.self, other)


def _rsub(reader: Reader, operation: Operation) -> Any:
    minus = _times(reader, operation, operation.self, -operation.arguments.get("alpha", 1))
    return _sum(reader, operation, operation.other, minus)


def _like(reader: Reader, operation: Operation) -> torch.Tensor:
    source = operation.self
    size = tuple(operation.arguments.get("size", source.shape))
    fill = [operation.fill_value] if "fill_value" in operation.arguments else []
    dtype = operation.arguments.get("dtype") or source.dtype
    make: Any = LIKE[operation.name]
    constant: torch.Tensor = make(size, *fill, dtype=dtype, device=operation.node.meta["val"].device)
    return constant


def _filled(reader: Reader, operation: Operation) -> Any:
    """Read ``masked_fill`` with a constant mask."""
    return mask(reader, operation, operation.mask, operation.value, operation.self)


def _lerp(reader: Reader, operation: Operation) -> Any:
    """Read ``start + weight * (end - start)`` with a constant weight."""
    start, end, weight = operation.self, operation.end, operation.weight
    if isinstance(weight, Dependent):
        return product(reader, operation)
    sides: list[Any] = []
    for side, sign in ((end, 1.0), (start, -1.0)):
        if isinstance(side, Dependent):
            side = broadcast(reader, operation, side)
            sides.append(reader.assembly.scale(side.value, np.full(side.value.size, sign)))
        else:
            return NotImplemented
    start = broadcast(reader, operation, start)
    factors = numbers(reader, weight, start)
    if factors is None:
        return NotImplemented
    way = reader.assembly.scale(reader.assembly.add(*sides), finite(operation, factors))
    return reader.result(operation, reader.assembly.add(start.value, way), start)


HANDLERS: dict[str, Callable[[Reader, Operation], Any]] = {
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
