"""Constants beside values that depend on the input, and what operators that take two such values have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.frontends.layers import refusals
from regions.frontends.torch.values import Dependent, Operation, as_float64

if TYPE_CHECKING:
    from regions.frontends.layers.pieces import Floats
    from regions.frontends.torch.reader import Reader

__all__ = ["finite", "numbers", "product"]


def numbers(reader: Reader, operand: Any, like: Dependent) -> Floats | None:
    """Return a constant as one float64 for each entry of `like`, or None where it differs between points."""
    if not isinstance(operand, torch.Tensor):
        return np.full(like.value.size, reader.scalar(operand, like.dtype))
    if operand.is_complex():
        return None
    if operand.ndim == 0 and operand.dtype == torch.float64:
        operand = torch.tensor(reader.scalar(operand, like.dtype), dtype=torch.float64)
    try:
        wide = np.broadcast_to(as_float64(operand), like.shape).reshape(reader.points, -1)
    except ValueError:
        return None
    return wide[0] if (wide == wide[0]).all() or np.isnan(wide).any() else None


def finite(operation: Operation, values: Floats) -> Floats:
    """Return a copy of the numbers, all of which must be finite."""
    if not np.isfinite(values).all():
        raise refusals.not_finite(
            f"A constant of {operation.name} at {operation.place}", values[~np.isfinite(values)][0]
        )
    return np.array(values)


def product(reader: Reader, operation: Operation) -> Any:
    """Raise where two values that depend on the input are multiplied; else the operator is not read."""
    dependent = [a for a in operation.node.all_input_nodes if isinstance(reader.env[a], Dependent)]
    repeated = sum(isinstance(a, Dependent) for a in torch.utils._pytree.tree_leaves(dict(operation.arguments)))
    if len(dependent) < 2 and repeated < 2:
        return NotImplemented
    raise refusals.product(operation)
