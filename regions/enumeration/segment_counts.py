"""How many regions a line has, by each of five definitions of the word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.complex.definitions import RegionCounts, equal_maps, number_of
from regions.complex.patterns import SegmentStart, distinct, patterns_at
from regions.network.integers import ExactLines
from regions.network.residues import sizes

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from regions.enumeration.segment_data import SegmentData
    from regions.network.residues import ResidueNetwork

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["count_segment", "segment_patterns"]


def segment_patterns(pieces: SegmentData) -> NDArray[np.uint8]:
    """The patterns of all points of a line, each once, packed: shape (N, ceil(H / 8))."""
    network, patterns = pieces.network, pieces.patterns
    ends = {"segment": [0, 1], "ray": [0], "line": []}[pieces.kind]
    n = len(pieces.breakpoints)
    neurons = pieces.neurons[pieces.neuron_offsets[:n]]
    faces = np.concatenate([np.arange(n), np.array([0, n])[ends]])

    def coordinates(residues: ResidueNetwork, points: Ints) -> Floats:
        found = np.column_stack([points - n, np.ones(len(points), dtype=np.int64)]).astype(np.float64)
        inner = np.flatnonzero(points < n)
        rows = residues.rows(patterns[points[inner]], np.arange(len(inner)), neurons[points[inner]])
        found[inner] = np.column_stack([residues.modular.reduce(-rows[:, 1]), rows[:, 0]])
        return found

    start = SegmentStart(pieces.p, pieces.q)
    lines = ExactLines(network, patterns, start.integers())

    def vanishes(point: int, neuron: int) -> bool:
        if point < n:
            slope, constant = lines.line(point, int(neurons[point]))
            place: Any = -constant, slope
        else:
            place = point - n, 1
        a, b = lines.line(int(faces[point]), neuron)
        return not a * place[0] + b * place[1]

    known = np.repeat(np.arange(n), np.diff(pieces.neuron_offsets)), pieces.neurons
    bits = 2 * sizes(network, start.extent)[0] + 3
    at = patterns_at(
        network, lambda points: patterns[faces[points]], len(faces), coordinates, known, bits, vanishes, start
    )
    return distinct(np.concatenate([np.packbits(patterns, axis=1), at]))


def count_segment(pieces: SegmentData) -> RegionCounts:
    """Count the regions along a line: see :meth:`regions.enumeration.segment.SegmentPieces.counts`.

    On a line, open and closed linear regions are the same in number: where two pieces of one map meet, it is affine.
    """
    network, start = pieces.network, SegmentStart(pieces.p, pieces.q)
    maps = equal_maps(network, pieces.patterns, sizes(network, start.extent)[1], start)
    linear = 1 + int(np.count_nonzero(maps[1:] != maps[:-1]))
    return RegionCounts(len(segment_patterns(pieces)), len(pieces), linear, linear, number_of(maps))
