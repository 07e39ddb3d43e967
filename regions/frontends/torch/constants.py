"""Constants beside values that depend on the input, and what operators that take two such values have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.errors import InvalidNetworkError
from regions.frontends.torch.interpreter import product_refusal
from regions.frontends.torch.values import Operation, Traced, as_float64, place_of

if TYPE_CHECKING:
    from regions.frontends.layers.pieces import Floats
    from regions.frontends.torch.interpreter import Interpreter

__all__ = ["finite", "numbers", "product"]


def numbers(interpreter: Interpreter, operand: Any, like: Traced) -> Floats | None:
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


def finite(operation: Operation, values: Floats) -> Floats:
    """Return a copy of the numbers, all of which must be finite."""
    if not np.isfinite(values).all():
        raise InvalidNetworkError(
            f"A constant of {operation.name} at {place_of(operation.node)} is "
            f"{values[~np.isfinite(values)][0]}; all numbers must be finite. "
            "Check the model for a diverged training step or uninitialised weights."
        )
    return np.array(values)


def product(interpreter: Interpreter, operation: Operation) -> Any:
    """Raise where two values that depend on the input are multiplied; else the operator is not read."""
    traced = [a for a in operation.node.all_input_nodes if isinstance(interpreter.env[a], Traced)]
    repeated = sum(isinstance(a, Traced) for a in torch.utils._pytree.tree_leaves(dict(operation.arguments)))
    if len(traced) < 2 and repeated < 2:
        return NotImplemented
    raise product_refusal(operation)
