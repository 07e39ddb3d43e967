"""Operators that only move numbers: views, slices, concatenations, broadcasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.errors import UnsupportedOperationError
from regions.frontends._interpret import Cell, Operation, Traced, place_of

if TYPE_CHECKING:
    from regions.frontends._interpret import Interpreter

__all__ = ["broadcast", "move"]

_JOINS = frozenset(("cat", "concat", "concatenate", "stack", "hstack", "vstack", "column_stack"))
_MOVES = _JOINS | frozenset(
    (
        "_reshape_alias",
        "_unsafe_view",
        "broadcast_tensors",
        "broadcast_to",
        "channel_shuffle",
        "chunk",
        "diagonal",
        "expand",
        "expand_as",
        "flatten",
        "flip",
        "index_select",
        "movedim",
        "narrow",
        "permute",
        "pixel_shuffle",
        "repeat",
        "repeat_interleave",
        "reshape",
        "roll",
        "select",
        "slice",
        "split",
        "split_with_sizes",
        "squeeze",
        "swapaxes",
        "swapdims",
        "t",
        "tensor_split",
        "tile",
        "transpose",
        "unbind",
        "unflatten",
        "unsafe_chunk",
        "unsafe_split",
        "unsqueeze",
        "view",
        "view_as",
    )
)


def _ids(interpreter: Interpreter, source: Traced, start: int) -> torch.Tensor:
    """Return an integer tensor of the source's shape that says which point and which entry is where."""
    size = source.value.size
    ids = torch.arange(interpreter.points)[:, None] * 2**32 + torch.arange(size) + start
    return ids.reshape(source.shape)


def _gather(interpreter: Interpreter, operation: Operation, sources: list[Traced], moved: torch.Tensor) -> Traced:
    points = interpreter.points
    place = np.asarray(moved)
    rows = place.reshape(points, -1) if place.size % points == 0 and place.size else None
    if rows is None or (rows - np.arange(points)[:, None] * 2**32 != rows[0]).any():
        raise UnsupportedOperationError(
            f"The model mixes different points of the batch ({operation.name} at {place_of(operation.node)}); allowed "
            "are functions of one point at a time, with the batch as first dimension. Rewrite this part."
        )
    starts = np.cumsum([0, *(s.value.size for s in sources)])
    which = np.searchsorted(starts, rows[0], side="right") - 1
    picks = [(int(w), int(r - starts[w])) for w, r in zip(which, rows[0], strict=True)]
    whole = len(sources) == 1 and picks == [(0, i) for i in range(sources[0].value.size)]
    cell = sources[0].cell if whole else Cell(interpreter.assembly.rows([s.value for s in sources], picks))
    return Traced(cell, tuple(moved.shape), sources[0].dtype)


def broadcast(interpreter: Interpreter, operation: Operation, source: Traced) -> Traced:
    """Return the source spread to the shape of the operation's result."""
    meta = operation.node.meta["val"]
    if tuple(meta.shape) == source.shape:
        return source
    return _gather(interpreter, operation, [source], _ids(interpreter, source, 0).expand(meta.shape))


def move(interpreter: Interpreter, operation: Operation, target: Any, args: Any, kwargs: Any) -> Any:
    """Read an operator that only moves numbers, by letting torch move their addresses."""
    if operation.name not in _MOVES:
        return NotImplemented
    sources: list[Traced] = []

    def address(argument: Any) -> Any:
        if not isinstance(argument, Traced):
            return argument
        start = sum(s.value.size for s in sources)
        sources.append(argument)
        return _ids(interpreter, argument, start)

    leaves, spec = torch.utils._pytree.tree_flatten((args, kwargs))
    if operation.name in _JOINS:
        constants = [a for a in leaves if isinstance(a, torch.Tensor)]
        if constants:
            return NotImplemented
    args, kwargs = torch.utils._pytree.tree_unflatten([address(a) for a in leaves], spec)
    moved = target(*args, **kwargs)
    if isinstance(moved, torch.Tensor):
        result = _gather(interpreter, operation, sources, moved)
        return _aliased(target, sources, [result])[0]
    return _aliased(target, sources, [_gather(interpreter, operation, sources, m) for m in moved])


def _aliased(target: Any, sources: list[Traced], results: list[Traced]) -> list[Traced]:
    """Note which results share memory with their source."""
    views = any(r.alias_info is not None for r in target._schema.returns)
    for i, result in enumerate(results):
        shared = any(result.cell is s.cell for s in sources)
        if views and not shared:
            result.cell.partly_viewed = True
            for source in sources:
                source.cell.partly_viewed = True
        if not views and shared:
            results[i] = Traced(Cell(result.value), result.shape, result.dtype)
    return results
