"""Operators that only move numbers: views, slices, concatenations, paddings.

Torch itself moves the numbers' addresses: integers that say which point and which entry stands where. Zero is no
address, so that an operator that fills in zeros fills in the constant 0; negative ones are those of constants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.errors import UnsupportedOperationError
from regions.frontends.layers.pieces import constant
from regions.frontends.layers.refusals import not_finite, words
from regions.frontends.torch.values import Cell, Dependent, Operation, as_float64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regions.frontends.torch.reader import Reader

__all__ = ["MOVES", "addresses", "broadcast", "gather", "local_windows", "mask", "mixed", "move", "pad", "where"]

_JOINS = words("cat concat concatenate stack hstack vstack dstack column_stack")
# They move numbers too, but torch has them for floats alone, which hold the addresses as well.
_FLOAT_MOVES = words("""
    reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
    _upsample_nearest_exact3d _pad_circular im2col
""")
MOVES = _JOINS | _FLOAT_MOVES | words("""
    _reshape_alias _unsafe_view atleast_1d atleast_2d atleast_3d block_diag broadcast_tensors broadcast_to
    channel_shuffle chunk diag diag_embed diagonal expand expand_as flatten flip fliplr flipud index
    index_select mT matrix_H moveaxis movedim narrow native_channel_shuffle numpy_T permute pixel_shuffle
    pixel_unshuffle ravel repeat repeat_interleave reshape roll rot90 select select_scatter slice slice_copy
    slice_scatter split split_with_sizes squeeze swapaxes swapdims t take take_along_dim tensor_split tile
    transpose tril triu unbind unflatten unfold unsafe_chunk unsafe_split unsqueeze view view_as
""")  # fmt: skip


def addresses(reader: Reader, source: Dependent, start: int = 0) -> torch.Tensor:
    """Return an integer tensor of the source's shape that says which point and which entry is where."""
    ids = torch.arange(reader.points)[:, None] * 2**32 + torch.arange(source.value.size) + (start + 1)
    return ids.reshape(source.shape)


def mixed(operation: Operation) -> UnsupportedOperationError:
    """Return the error for what joins points of a batch."""
    return UnsupportedOperationError(
        f"The model mixes different points of the batch ({operation.name} at {operation.place}); allowed "
        "are functions of one point at a time, with the batch as first dimension. Rewrite this part."
    )


def _rows(reader: Reader, operation: Operation, moved: torch.Tensor, constants: Any) -> Any:
    """Return the addresses within one point, the same for all of them."""
    points, place = reader.points, moved.detach().cpu().numpy().astype(np.int64)
    if place.size % points or not place.size:
        raise mixed(operation)
    rows = place.reshape(points, -1)
    local = np.where(rows > 0, rows - np.arange(points)[:, None] * 2**32, rows)
    differ = local != local[0]
    # Constants may stand at different addresses and be equal.
    if differ.any() and len(constants):
        both = (local < 0) & (local[0] < 0)
        differ &= ~(both & (constants[-1 - np.minimum(local, -1)] == constants[-1 - np.minimum(local[0], -1)]))
    if differ.any() or (local[0] >= 2**32).any():
        raise mixed(operation)
    return local[0]


def gather(
    reader: Reader, operation: Operation, sources: list[Dependent], moved: torch.Tensor, constants: Any = ()
) -> Dependent:
    """Return the tensor of the entries at these addresses; at -1 - i is the i-th of the constants."""
    row = _rows(reader, operation, moved, constants)
    starts = np.cumsum([0, *(s.value.size for s in sources)])
    filled = row <= 0
    which = np.searchsorted(starts, row - 1, side="right") - 1
    entry = row - 1 - starts[which]
    dtype = sources[0].dtype
    meta = operation.node.meta.get("val")
    if isinstance(meta, torch.Tensor):
        dtype = meta.dtype
    if len(sources) == 1 and np.array_equal(row, np.arange(1, sources[0].value.size + 1)):
        return Dependent(sources[0].cell, tuple(moved.shape), dtype)
    values = [s.value for s in sources]
    if filled.any():
        numbers = np.concatenate([[0.0], constants])
        if not np.isfinite(numbers[-row[filled]]).all():
            raise not_finite(f"A constant of {operation.name} at {operation.place}", "not finite")
        which = np.where(filled, len(values), which)
        entry = np.where(filled, -row, entry)
        values.append(constant(np.where(np.isfinite(numbers), numbers, 0.0)))
    found = reader.assembly.rows(values, np.column_stack([which, entry]))
    return Dependent(Cell(found), tuple(moved.shape), dtype)


def local_windows(reader: Reader, operation: Operation, moved: torch.Tensor) -> Any:
    """Return, of addresses of shape (..., k), the entries' indices within one point: shape (n, k), 0 becomes -1."""
    row = _rows(reader, operation, moved, ())
    if len(row) % moved.shape[-1]:
        raise mixed(operation)
    return row.reshape(-1, moved.shape[-1]) - 1


def broadcast(reader: Reader, operation: Operation, source: Dependent, shape: Sequence[int] | None = None) -> Dependent:
    """Return the source spread to a shape, the one of the operation's result where left out."""
    wanted = tuple(operation.node.meta["val"].shape if shape is None else shape)
    if wanted == source.shape:
        return source
    return gather(reader, operation, [source], addresses(reader, source).expand(wanted))


def move(reader: Reader, operation: Operation, target: Any, args: Any, kwargs: Any) -> Any:
    """Read an operator that only moves numbers, by letting torch move their addresses."""
    if operation.name not in MOVES:
        return NotImplemented
    sources: list[Dependent] = []
    constants: list[np.ndarray[Any, Any]] = [np.zeros(0)]

    def address(argument: Any) -> Any:
        if isinstance(argument, Dependent):
            start = sum(s.value.size for s in sources)
            sources.append(argument)
            ids = addresses(reader, argument, start)
            return ids.double() if operation.name in _FLOAT_MOVES else ids
        data = operation.name in _JOINS or operation.name.endswith("_scatter") or operation.name == "block_diag"
        if isinstance(argument, torch.Tensor) and data:
            return _addressed(argument, constants)
        return argument

    leaves, spec = torch.utils._pytree.tree_flatten((args, kwargs))
    args, kwargs = torch.utils._pytree.tree_unflatten([address(a) for a in leaves], spec)
    moved = target(*args, **kwargs)
    numbers = np.concatenate(constants)
    if isinstance(moved, torch.Tensor):
        result = gather(reader, operation, sources, moved, numbers)
        return _aliased(target, sources, [result])[0]
    return _aliased(target, sources, [gather(reader, operation, sources, m, numbers) for m in moved])


def _addressed(tensor: torch.Tensor, constants: list[np.ndarray[Any, Any]]) -> torch.Tensor:
    """Note a constant's numbers, and return their addresses."""
    start = sum(map(len, constants))
    constants.append(as_float64(tensor).ravel())
    return -1 - start - torch.arange(tensor.numel()).reshape(tensor.shape)


def pad(reader: Reader, operation: Operation) -> Dependent:
    """Read a padding by moves, or by one number."""
    source, mode = operation.self, operation.arguments.get("mode", "constant")
    given = operation.arguments.get("value")
    number = reader.scalar(given or 0.0, source.dtype)
    ids = addresses(reader, source).double()
    moved = torch.nn.functional.pad(ids, list(operation.pad), mode, -1.0 if mode == "constant" else None)
    return gather(reader, operation, [source], moved, np.array([number]))


def where(reader: Reader, operation: Operation) -> Any:
    """Read a choice by a constant mask."""
    condition = operation.arguments.get("condition")
    return mask(reader, operation, condition, operation.self, operation.other)


def mask(reader: Reader, operation: Operation, condition: Any, yes: Any, no: Any) -> Any:
    """Return the one where the condition, a constant, holds, and the other elsewhere."""
    if not isinstance(condition, torch.Tensor):
        return NotImplemented
    sources = [a for a in (yes, no) if isinstance(a, Dependent)]
    constants: list[np.ndarray[Any, Any]] = []
    sides = []
    for side in (yes, no):
        if isinstance(side, Dependent):
            start = 0 if side is sources[0] else sources[0].value.size
            sides.append(addresses(reader, side, start))
        elif isinstance(side, torch.Tensor):
            sides.append(_addressed(side, constants))
        else:
            number = reader.scalar(side, sources[0].dtype)
            sides.append(_addressed(torch.tensor(number, dtype=torch.float64), constants))
    moved = torch.where(condition.cpu(), sides[0], sides[1])
    return gather(reader, operation, sources, moved, np.concatenate([np.zeros(0), *constants]))


def _aliased(target: Any, sources: list[Dependent], results: list[Dependent]) -> list[Dependent]:
    """Note which results share memory with their source."""
    views = any(r.alias_info is not None for r in target._schema.returns)
    for i, result in enumerate(results):
        shared = any(result.cell is s.cell for s in sources)
        if views and not shared:
            result.cell.partly_viewed = True
            for source in sources:
                source.cell.partly_viewed = True
        if not views and shared:
            results[i] = Dependent(Cell(result.value), result.shape, result.dtype)
    return results
