"""A count of faces, taken apart into steps that can be run in any order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from regions.engine.blocks import split
from regions.engine.maps.folded import TOO_LARGE, cut_block
from regions.engine.maps.packed import pack
from regions.engine.maps.sparse import WideMaps
from regions.engine.tally import Chords

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.engine.cut import Enumeration

__all__ = ["Plan"]

_SMALLEST = 128
_FIRST_FACES = 24
_DEFAULT_BYTES = 1 << 26


def _count(enumeration: Enumeration, last: int, limit: int) -> NDArray[np.int64]:
    """Count by the exact loop, in blocks of bounded memory: regions, decisions proven and decided exactly."""
    layers = enumeration.network.layers
    total = np.zeros(3, dtype=np.int64)
    while enumeration.level < last:
        parents, bits = enumeration.cut()
        layer = layers[enumeration.level]
        size = max(_SMALLEST, limit // (64 * layer.n_out))
        if enumeration.cells.n_faces > 2 * size:
            total += (0, enumeration.proven, enumeration.decided)
            for block in split(enumeration, size):
                total += _count(enumeration.part(block, parents, bits), last, limit)
            return total
        enumeration.maps = enumeration.maps.into(layer, layers[enumeration.level - 1], parents, bits)
    chords = Chords(enumeration, enumeration.placed())
    meetings: Counter[int] = Counter()
    for i in range(len(chords)):
        found, *decisions = chords.step(i)
        meetings += found
        total += (0, *decisions)
    total += (chords.faces(meetings), enumeration.proven, enumeration.decided)
    return total


class Plan:
    """A count, taken apart into steps that can be run in any order, side by side.

    It starts from a complex on whose faces the next layer that has neurons is the same affine map; a step may work with
    `limit` bytes; `proven` and `decided` are the decisions taken before the first one.
    """

    def __init__(self, start: Enumeration, limit: int | None = None) -> None:
        self._limit = limit or _DEFAULT_BYTES
        self._chords: Chords | None = None
        self._blocks: list[NDArray[np.int64]] = []
        self._start = start
        if isinstance(start.maps, WideMaps):
            self._go_through(start)
            self.proven, self.decided = start.proven, start.decided
            return
        self._packed = pack(start.network)
        if self._packed.last >= start.level:
            start.skip_linear()
            if self._packed.last == start.level:
                self._chords = Chords(start, start.placed())
            else:
                self._first = start.level
                units = np.arange(start.network.layers[self._first].n_out)
                self._lines = start.maps.lines(np.zeros(len(units), dtype=np.int64), units)
                self._parents, self._bits = start.cut()
                self._blocks = split(start, _FIRST_FACES)
        self.proven, self.decided = start.proven, start.decided

    def _go_through(self, start: Enumeration) -> None:
        """Cut by all layers but the last that has neurons: a wide network's maps take more room than its faces."""
        layers = start.network.layers
        last = max((i for i, layer in enumerate(layers) if layer.kinked.any()), default=-1)
        while start.level < last:
            before = layers[start.level]
            parents, bits = start.cut()
            start.maps = start.maps.into(layers[start.level], before, parents, bits)
        if last >= start.level:
            self._chords = Chords(start, start.placed())

    def __len__(self) -> int:
        """Number of steps."""
        return len(self._blocks) if self._chords is None else len(self._chords)

    def fingerprint(self) -> int:
        """A number that tells plans apart whose steps do not belong together."""
        cells = self._start.cells
        value = crc32(np.array([len(self), cells.n_faces, self._limit]).tobytes())
        for array in (cells.rings, *self._blocks):
            value = crc32(array.tobytes(), value)
        return value

    def step(self, i: int) -> tuple[Counter[int], int, int]:
        """Run one step: what it found, to be summed and given to :meth:`total`; decisions proven and decided."""
        if self._chords is not None:
            return self._chords.step(i)
        regions, proven, decided = self._count_block(self._blocks[i]).tolist()
        return Counter({1: regions}), proven, decided

    def _count_block(self, block: NDArray[np.int64]) -> NDArray[np.int64]:
        cells = self._start.cells
        found, proven, _ = cut_block(
            cells.ring_offsets, cells.rings, cells.ring_edges, cells.edges, cells.edge_faces, cells.edge_lines,
            cells.points, cells.lines, block, self._bits, self._lines, self._first, self._limit, False,
            cells.edge_lines, 0, 0, *self._packed,
        )  # fmt: skip
        if found >= 0:
            return np.array([found, proven, 0])
        if found == TOO_LARGE and len(block) > 1:
            return sum((self._count_block(half) for half in np.array_split(block, 2)), np.zeros(3, dtype=np.int64))
        return _count(self._start.part(block, self._parents, self._bits), self._packed.last, self._limit)

    def total(self, found: Counter[int], complete: bool = True) -> int:
        """The number of regions, from the sum over the steps; where some are left out it is at least so many."""
        if self._chords is not None:
            return self._chords.faces(found, complete)
        return found[1] if self._blocks else self._start.cells.n_faces
