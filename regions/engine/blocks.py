"""Counting in blocks: groups of faces go through the rest of the network on their own, depth first.

Every final region lies in exactly one face of an earlier layer, so counts add up. That bounds the memory, keeps a
block's arrays in the cache, and feeds all cores.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import ThreadpoolController

from regions.engine.fast import count_block, pack
from regions.engine.loop import Enumeration
from regions.engine.maps import next_maps

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cores", "count", "split"]

_BLOCK_BYTES = 1 << 22
_SMALLEST = 128
_FIRST_FACES = 24


def hilbert_order(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order points along a Hilbert curve, so that neighbours in the order are neighbours in the plane."""

    def cells(values: NDArray[np.float64]) -> NDArray[np.int64]:
        rank = np.empty(len(values), dtype=np.int64)
        rank[np.argsort(values)] = np.arange(len(values))
        return rank * 65536 // len(values)

    # By rank and not by value: regions crowd together, and blocks shall be compact where they do.
    i, j = cells(x), cells(y)
    key = np.zeros(len(x), dtype=np.int64)
    side = 32768
    while side:
        right, up = (i & side) > 0, (j & side) > 0
        key += side * side * ((3 * right) ^ up)
        turn = ~up
        flip = turn & right
        i, j = np.where(flip, 65535 - i, i), np.where(flip, 65535 - j, j)
        i, j = np.where(turn, j, i), np.where(turn, i, j)
        side >>= 1
    return np.argsort(key, kind="stable")


def split(enumeration: Enumeration, size: int) -> list[NDArray[np.int64]]:
    """Group the faces of a complex into compact blocks of about `size`.

    Parameters
    ----------
    enumeration : Enumeration
    size : int

    Returns
    -------
    list of ndarray of int64
    """
    cells = enumeration.cells
    n_blocks = -(-cells.n_faces // size)
    if n_blocks < 2:
        return [np.arange(cells.n_faces)]
    first = cells.points[cells.rings[cells.ring_offsets[:-1]], :2]
    order = hilbert_order(first[:, 0], first[:, 1])
    return [np.sort(block) for block in np.array_split(order, n_blocks)]


def _count(enumeration: Enumeration, last: int) -> int:
    """Count by the exact loop, in blocks of bounded memory."""
    layers = enumeration.network.layers
    while enumeration.level < last:
        parents, bits = enumeration.cut()
        layer = layers[enumeration.level]
        size = max(_SMALLEST, _BLOCK_BYTES // (24 * layer.n_out))
        if enumeration.cells.n_faces > 2 * size:
            blocks = split(enumeration, size)
            return sum(_count(enumeration.part(block, parents, bits), last) for block in blocks)
        enumeration.maps = next_maps(layer, layers[enumeration.level - 1], enumeration.maps, parents, bits)
    return enumeration.count_last()


def count(start: Enumeration, threads: int | None = None) -> int:
    """Count the activation regions inside the faces of an enumeration.

    Parameters
    ----------
    start : Enumeration
        Of a complex on whose faces the next layer that has neurons is the same affine map.
    threads : int, optional
        How many blocks to cut at once; as many as there are cores where left out. The count does not depend on it.

    Returns
    -------
    int
    """
    packed = pack(start.network)
    if packed.last < start.level:
        return start.cells.n_faces
    start.skip_linear()
    threads = threads or cores()
    if packed.last == start.level:
        return start.count_last(map if threads == 1 else _pool(threads).map)
    first = start.level
    units = np.arange(start.network.layers[first].n_out)
    lines = start.maps.lines(np.zeros(len(units), dtype=np.int64), units)
    parents, bits = start.cut()
    cells = start.cells

    def one(block: NDArray[np.int64]) -> int:
        found, _ = count_block(
            cells.ring_offsets, cells.rings, cells.ring_edges, cells.edges, cells.edge_faces, cells.edge_lines,
            cells.points, cells.lines, block, bits, lines, first, *packed,
        )  # fmt: skip
        return found if found >= 0 else _count(start.part(block, parents, bits), packed.last)

    blocks = split(start, _FIRST_FACES)
    # One product at a time is too small for the threads of the linear algebra library: they would only get in the way.
    with _linear_algebra().limit(limits=1, user_api="blas"):
        if threads == 1 or len(blocks) < 2:
            return sum(map(one, blocks))
        return sum(_pool(threads).map(one, blocks))


@lru_cache(maxsize=1)
def _linear_algebra() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401  # Its library is the one that compiled products call.

    return ThreadpoolController()


def cores() -> int:
    """How many cores this process may use."""
    # Not every system tells which cores a process may use.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="regions")
