"""Which open linear regions of one affine map are tied together outside of them: through points and segments.

Let g be the map of two open linear regions or more. Inside a region with another map g' the network equals g on the
line g' = g, if at all, and on the closure of a convex region in a point or a segment: so all of the region's border
where the network equals g is connected through it. It is found from the regions of map g outwards, region by region.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.complex.patterns import Points
from regions.domain.rings import in_rings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.data import ComplexData

    Ints = NDArray[np.int64]

__all__ = ["ties"]


class _Groups:
    """What is at each of some places: ``groups[i]`` is the list of entries whose key is i."""

    def __init__(self, keys: Ints, entries: Ints, count: int) -> None:
        order = np.argsort(keys, kind="stable")
        self._entries = entries[order]
        self._starts = np.searchsorted(keys[order], np.arange(count + 1))

    def __getitem__(self, key: int) -> list[int]:
        found: list[int] = self._entries[self._starts[key] : self._starts[key + 1]].tolist()
        return found


class _Exact:
    """Maps, lines and vertices of a complex in integers."""

    def __init__(self, complex: ComplexData) -> None:
        self._complex = complex
        self._points = Points(complex)
        self.lines = self._points.lines
        self._vertices: dict[int, Any] = {}
        self.n_finite = self._points.n_finite

    def map(self, region: int) -> list[Any]:
        """The rows of the outputs on a region, times a factor that is the same everywhere."""
        return [tuple(row) for row in self.lines.neurons.outputs(region)[0].tolist()]

    def vertex(self, vertex: int) -> Any:
        """Homogeneous coordinates, the last one > 0, or 0 of ideal vertices, whose direction the others are then."""
        if vertex not in self._vertices:
            x, y, w = self._points.exact(vertex)
            if vertex < self.n_finite:
                forward = w > 0
            else:
                dx, dy = (Fraction(d) for d in self._complex.directions[vertex - self.n_finite].tolist())
                # The direction is rounded, but not by a right angle.
                forward = dx * int(x) + dy * int(y) > 0
            self._vertices[vertex] = (x, y, w) if forward else (-x, -y, -w)
        return self._vertices[vertex]


def _dot(row: Any, point: Any) -> Any:
    return row[0] * point[0] + row[1] * point[1] + row[2] * point[2]


def _crossing(rows: list[Any], p: Any, q: Any) -> Any:
    """The point strictly between two points where all rows are 0, if it is the only one; rows are not all 0 there."""
    at_p, at_q = [_dot(row, p) for row in rows], [_dot(row, q) for row in rows]
    first = next((i for i, (u, v) in enumerate(zip(at_p, at_q, strict=True)) if u or v), None)
    if first is None:
        return None
    u, v = at_p[first], at_q[first]
    if not ((u < 0 < v) or (v < 0 < u)):
        return None
    if any(s * v != t * u for s, t in zip(at_p, at_q, strict=True)):
        return None
    return tuple(abs(v) * a + abs(u) * b for a, b in zip(p, q, strict=True))


class _Ties:
    """The search, for one complex. Numbers: vertex v is v, the point inside edge e is V + K + e."""

    def __init__(self, complex: ComplexData, pieces: NDArray[np.int64], opens: NDArray[np.int64]) -> None:
        self._complex = complex
        self._maps, self._opens = pieces, opens
        self._exact = _Exact(complex)
        self._base = self._exact.n_finite + len(complex.directions)
        self._around = _Groups(complex.rings, complex.ring_owners, self._base)
        real = np.flatnonzero((complex.edge_neurons >= 0) | (complex.edge_sides >= 0))
        faces = complex.edge_faces[real]
        inside = faces.ravel() >= 0
        self._edges = _Groups(faces.ravel()[inside], np.repeat(real, 2)[inside], complex.n_regions)
        self._regions = _Groups(self._maps, np.arange(complex.n_regions), int(self._maps.max()) + 1)
        # Where regions are not convex, whether two points are tied inside one is asked of the domain.
        self._rings = () if complex.domain.is_convex else [ring.tolist() for ring in complex.domain.rings]

    def of_map(self, number: int) -> list[tuple[int, int]]:
        """Pairs of open linear regions of one map that hang together."""
        regions = self._regions[number]
        parent: dict[int, int] = {}

        def find(item: int) -> int:
            while parent.setdefault(item, item) != item:
                parent[item] = parent[parent[item]]
                item = parent[item]
            return item

        # Open linear regions are negative here.
        opens = {int(self._opens[region]) for region in regions}
        queue: list[int] = []
        for region in regions:
            home = -1 - int(self._opens[region])
            for vertex in self._complex.ring(region).tolist():
                if vertex < self._exact.n_finite:
                    queue.append(vertex)
                    parent[find(vertex)] = find(home)
        target = self._exact.map(regions[0])
        queue = list(dict.fromkeys(queue))
        seen, done = set(queue), set(regions)
        while queue and len({find(-1 - label) for label in opens}) > 1:
            following: list[int] = []
            for item in queue:
                beside = (
                    self._around[item]
                    if item < self._base
                    else [f for f in self._complex.edge_faces[item - self._base].tolist() if f >= 0]
                )
                for region in beside:
                    if region in done:
                        continue
                    done.add(region)
                    chains = self._chains(region, number, target)
                    for chain in chains:
                        following += [point for point in chain if point not in seen]
                        seen.update(chain)
                        for point in chain[1:]:
                            parent[find(point)] = find(chain[0])
            queue = following
        homes: dict[int, int] = {}
        return [(label, homes.setdefault(find(-1 - label), label)) for label in opens]

    def _chains(self, region: int, number: int, target: list[Any]) -> list[list[int]]:
        """Points of a region's border where the network equals the target, in groups that the region connects."""
        edges = self._edges[region]
        faces = self._complex.edge_faces
        if not self._rings and any(self._maps[f] == number for edge in edges for f in faces[edge].tolist() if f >= 0):
            # Equal on a side of a convex region is equal nowhere else in it, and that side's ends are known.
            return []
        rows = [
            tuple(a - b for a, b in zip(row, other, strict=True))
            for row, other in zip(self._exact.map(region), target, strict=True)
        ]
        rows = [row for row in rows if any(row)]
        found: dict[int, Any] = {}
        for vertex in set(self._complex.ring(region).tolist()):
            if vertex < self._exact.n_finite:
                point = self._exact.vertex(vertex)
                if not any(_dot(row, point) for row in rows):
                    found[vertex] = point
        for edge in edges:
            u, v = self._complex.edges[edge].tolist()
            if min(u, v) < self._exact.n_finite:
                point = _crossing(rows, self._exact.vertex(u), self._exact.vertex(v))
            else:
                point = self._on_line(rows, edge, u)
            if point is not None:
                found[self._base + edge] = point
        if not self._rings:
            return [list(found)]
        return self._divided(found)

    def _on_line(self, rows: list[Any], edge: int, end: int) -> Any:
        """The only point of a whole line where all rows are 0."""
        foot, direction = self._exact.lines.foot(edge), self._exact.vertex(end)
        pairs = [(_dot(row, foot), _dot(row, direction)) for row in rows]
        first = next(((s, t) for s, t in pairs if t), None)
        if first is None or any(s * first[1] != t * first[0] for s, t in pairs):
            return None
        return foot

    def _divided(self, found: dict[int, Any]) -> list[list[int]]:
        """Points on one line in groups, divided where the domain is interrupted."""
        points = {item: (Fraction(int(x), int(w)), Fraction(int(y), int(w))) for item, (x, y, w) in found.items()}
        order = sorted(points, key=lambda item: points[item])
        chains = [order[:1]]
        for item, after in pairwise(order):
            (px, py), (qx, qy) = points[item], points[after]
            if in_rings(((px + qx) / 2, (py + qy) / 2), self._rings):
                chains[-1].append(after)
            else:
                chains.append([after])
        return [chain for chain in chains if chain]


def ties(complex: ComplexData, pieces: NDArray[np.int64], opens: NDArray[np.int64]) -> Ints:
    """Pairs of open linear regions that belong to one closed one, enough to connect what belongs together: (n, 2).

    `pieces` and `opens` are the numbers of the affine map and of the open linear region of every region.
    """
    _, first = np.unique(opens, return_index=True)
    several = np.flatnonzero(np.bincount(pieces[first]) > 1).tolist()
    pairs: list[tuple[int, int]] = []
    if several:
        search = _Ties(complex, pieces, opens)
        for number in several:
            pairs += search.of_map(number)
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
