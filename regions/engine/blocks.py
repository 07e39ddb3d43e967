"""Counting in blocks: groups of faces go through the rest of the network on their own, depth first.

Every final region lies in exactly one face of an earlier layer, so counts add up. That bounds the memory, keeps a
block's arrays in the cache, and feeds all cores, of one machine or of many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.engine.compiling import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.engine.cut import Enumeration

__all__ = ["split"]


@kernel
def hilbert_keys(x_ranks, y_ranks):  # type: ignore[no-untyped-def]
    """Places of points along a Hilbert curve through a square of 2^16 cells a side."""
    keys = np.empty(x_ranks.shape[0], np.int64)
    for p in range(x_ranks.shape[0]):
        i = x_ranks[p]
        j = y_ranks[p]
        key = 0
        side = 32768
        while side:
            right = 1 if i & side else 0
            up = 1 if j & side else 0
            key += side * side * ((3 * right) ^ up)
            if not up:
                if right:
                    i, j = 65535 - i, 65535 - j
                i, j = j, i
            side >>= 1
        keys[p] = key
    return keys


def hilbert_order(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order points along a Hilbert curve, so that neighbours in the order are neighbours in the plane."""

    def cells(values: NDArray[np.float64]) -> NDArray[np.int64]:
        rank = np.empty(len(values), dtype=np.int64)
        rank[np.argsort(values, kind="stable")] = np.arange(len(values))
        return rank * 65536 // len(values)

    # By rank and not by value: regions crowd together, and blocks shall be compact where they do.
    return np.argsort(hilbert_keys(cells(x), cells(y)), kind="stable")


def split(enumeration: Enumeration, size: int) -> list[NDArray[np.int64]]:
    """Group the faces of a complex into compact blocks of about `size`: arrays of int64."""
    cells = enumeration.cells
    n_blocks = -(-cells.n_faces // size)
    if n_blocks < 2:
        return [np.arange(cells.n_faces)]
    first = cells.points[cells.rings[cells.ring_offsets[:-1]], :2]
    order = hilbert_order(first[:, 0], first[:, 1])
    return [np.sort(block) for block in np.array_split(order, n_blocks)]
