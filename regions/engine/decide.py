"""The exact stage: signs and orders that the float filter could not prove, decided in integers.

A line of a neuron on a face is an integer triple, had by pushing three columns through the masked integer layers;
a vertex is the cross product of two lines; the sign of a neuron at a vertex is that of an exact forward pass.
"""

from __future__ import annotations

from functools import cmp_to_key
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arithmetic.floats import rounded_quotient
from regions.arithmetic.integers import cross
from regions.domain.lines import corner_lines
from regions.network.integers import IntegerNetwork, map_row, plane, point_map

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from regions.domain.convex import Box, ConvexPolygon
    from regions.network.network import Network

__all__ = ["ExactStage"]

_KEPT_MAPS = 4096


class ExactStage:
    """Exact answers about one enumeration in progress.

    The loop appends to `levels`, `lines` and `vertex_lines` as it cuts. Level l is the complex before layer l; line i
    is (layer, face of that level, unit), or (-1, 0, side) for a side of the domain; vertex v lies on the two lines
    ``vertex_lines[v]``, or is the domain's corner ``-1 - vertex_lines[v, 0]``.
    """

    def __init__(self, network: Network, domain: Box | ConvexPolygon) -> None:
        self._network = network
        self._domain = domain
        self._integers: IntegerNetwork | None = None
        self._lock = Lock()
        self._base: ExactStage | None = None
        self._start = 0
        self._base_faces = self._base_lines = self._base_points = np.empty(0, dtype=np.int64)
        self.levels: list[tuple[NDArray[np.int64] | None, NDArray[np.uint64] | None]] = []
        self.lines: NDArray[np.int64] = np.empty((0, 3), dtype=np.int64)
        self.vertex_lines: NDArray[np.int64] = np.empty((0, 2), dtype=np.int64)
        self._maps: dict[tuple[int, int], tuple[Any, int]] = {}
        self._points: dict[int, Any] = {}
        self._values: dict[int, tuple[int, tuple[Any, int]]] = {}

    def restricted(
        self, level: int, faces: NDArray[np.int64], lines: NDArray[np.int64], points: NDArray[np.int64]
    ) -> ExactStage:
        """The stage of a part, faces of one level, with its names here; it asks this one about what is older."""
        part = type(self)(self._network, self._domain)
        part._base, part._start = self, level
        part._base_faces, part._base_lines, part._base_points = faces, lines, points
        part.levels = list(self.levels[:level])
        part.lines = self.lines[lines]
        part.vertex_lines = np.zeros((len(points), 2), dtype=np.int64)
        return part

    def _prepare(self) -> None:
        """Make what `_corners` and `_sides` come with."""
        _ = self.integers

    def history(self, faces: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint64] | None]]:
        """Where faces of the last level come from, layer by layer backwards.

        Yields the face behind the layer that each of them lies in, and the layer's active units on all faces behind
        it; None in place of these for a layer without neurons.
        """
        stage: ExactStage = self
        for i in reversed(range(len(self.levels))):
            while stage._base is not None and i < stage._start:
                faces, stage = stage._base_faces[faces], stage._base
            parents, bits = stage.levels[i]
            yield faces, bits
            if parents is not None:
                faces = parents[faces]

    @property
    def integers(self) -> IntegerNetwork:
        """The integer layers, made when the first doubtful sign needs them."""
        if self._base is not None:
            return self._base.integers
        with self._lock:
            if self._integers is None:
                self._corners, self._sides = corner_lines(self._domain)
                self._integers = IntegerNetwork(self._network)
        return self._integers

    def _active(self, layer: int, face: int) -> list[bool]:
        """Which units of `layer` are active on a face of the level behind it."""
        bits = self.levels[layer][1]
        kinked = self._network.layers[layer].kinked
        if bits is None:
            return [True] * len(kinked)
        words = bits[face]
        return [bool(int(words[k >> 6]) >> (k & 63) & 1) or not kinked[k] for k in range(len(kinked))]

    def face_map(self, layer: int, face: int) -> tuple[Any, int]:
        """Integer pre-activation map of `layer` on a face of the level before it."""
        if self._base is not None and layer <= self._start:
            return self._base.face_map(layer, int(self._base_faces[face]) if layer == self._start else face)
        key = (layer, face)
        found = self._maps.get(key)
        if found is None:
            if layer == 0:
                found = self.integers.affine(0, plane())
            else:
                parents = self.levels[layer - 1][0]
                parent = face if parents is None else int(parents[face])
                before = self.face_map(layer - 1, parent if layer > 1 else 0)
                active = self._active(layer - 1, face)
                found = self.integers.affine(layer, self.integers.activate(layer - 1, before, active))
            if len(self._maps) >= _KEPT_MAPS:
                self._maps.clear()
            self._maps[key] = found
        return found

    def line(self, index: int) -> Any:
        """A line as an integer triple."""
        if index < len(self._base_lines) and self._base is not None:
            return self._base.line(int(self._base_lines[index]))
        layer, face, unit = (int(i) for i in self.lines[index])
        self._prepare()
        if layer < 0:
            return self._sides[unit]
        return self.face_row(layer, face if layer else 0, unit)

    def face_row(self, layer: int, face: int, unit: int) -> Any:
        """Integer pre-activation of a unit on a face of the level before its layer."""
        return map_row(self.face_map(layer, face), unit)

    def point(self, vertex: int) -> Any:
        """A vertex as an integer triple (X, Y, W), W > 0."""
        if vertex < len(self._base_points) and self._base is not None:
            return self._base.point(int(self._base_points[vertex]))
        found = self._points.get(vertex)
        if found is None:
            first, second = (int(i) for i in self.vertex_lines[vertex])
            if first < 0:
                self._prepare()
                found = self._corners[-1 - first]
            else:
                found = cross(self.line(first), self.line(second))
                if found[2] < 0:
                    found = (-found[0], -found[1], -found[2])
            self._points[vertex] = found
        return found

    def side(self, number: int) -> Any:
        """A side of the domain as an integer triple."""
        if self._base is not None:
            return self._base.side(number)
        self._prepare()
        return self._sides[number]

    def rounded(self, vertex: int) -> tuple[float, float]:
        """A vertex, each coordinate rounded once."""
        x, y, w = self.point(vertex)
        return rounded_quotient(int(x), int(w)), rounded_quotient(int(y), int(w))

    def values(self, layer: int, vertex: int) -> list[Any]:
        """Pre-activations of `layer` at a vertex, times a positive factor."""
        integers = self.integers
        *coordinates, weight = self.point(vertex)
        at, state = self._values.get(vertex, (-1, None))
        if at > layer or state is None:
            at, state = 0, integers.affine(0, point_map(coordinates), weight)
        while at < layer:
            active = [z > 0 for z in state[0].entries()]
            state = integers.affine(at + 1, integers.activate(at, state, active), weight)
            at += 1
        if len(self._values) >= _KEPT_MAPS:
            self._values.clear()
        self._values[vertex] = (layer, state)
        entries: list[Any] = state[0].entries()
        return entries

    def entries(self, layer: int, vertex: int, units: Sequence[int]) -> list[Any]:
        """Pre-activations of some units of a layer at a vertex, times the same positive factor."""
        values = self.values(layer, vertex)
        return [values[k] for k in units]

    def signs(self, layer: int, vertices: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.int8]:
        """Signs of pairs of a vertex and a unit."""
        out = np.empty(len(vertices), dtype=np.int8)
        order = np.argsort(vertices, kind="stable")
        starts = np.flatnonzero(np.diff(vertices[order], prepend=-1))
        for first, stop in pairwise([*starts.tolist(), len(order)]):
            here = order[first:stop]
            values = self.entries(layer, int(vertices[here[0]]), units[here].tolist())
            out[here] = [(z > 0) - (z < 0) for z in values]
        return out

    def order_run(
        self,
        layer: int,
        ends: tuple[int, int],
        units: list[int],
        known: list[frozenset[int]] | None = None,
        names: list[int] | None = None,
    ) -> tuple[list[int], list[bool], int]:
        """Order lines that cross the segment between two vertices, from the first to the last.

        Each of the `units` has values of opposite signs at the two ends. `known` are sets of chords already known to
        meet in one point, and `names` the chords' names: a run that lies in one of them needs no arithmetic. Returns
        the order of the units, whether each crosses in the same point as the one before it, and how many comparisons
        that took.
        """
        if known and names and any(s.issuperset(names) for s in known):
            return list(range(len(units))), [False] + [True] * (len(units) - 1), 0
        heads = [abs(z) for z in self.entries(layer, ends[0], units)]
        tails = [abs(z) for z in self.entries(layer, ends[1], units)]
        decided = 0

        def compare(i: int, j: int) -> int:
            nonlocal decided
            # t = head / (head + tail), so t_i < t_j where head_i / tail_i < head_j / tail_j.
            decided += 1
            left, right = heads[i] * tails[j], heads[j] * tails[i]
            return (left > right) - (left < right)

        order = sorted(range(len(units)), key=cmp_to_key(compare))
        tied = [False] + [compare(i, j) == 0 for i, j in pairwise(order)]
        return order, tied, decided
