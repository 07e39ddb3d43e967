"""From the complexes of a decomposition's parts to the complex of the domain: seams that divide nothing are taken out.

Both parts beside a seam are cut there by the same neurons in the same points, so their edges along it match one by one.
An edge with one pattern on both sides is removed; vertices that then only lie on a straight edge are, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.complex.definitions import components
from regions.enumeration.part_complex import INNER, SEAM, SIDE
from regions.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.enumeration.part_complex import PartComplex
    from regions.enumeration.parts import Decomposition

    Ints = NDArray[np.int64]

__all__ = ["Stitched", "stitch"]


@dataclass(slots=True)
class Stitched:
    """The complex of the domain, without coordinates and maps.

    Parameters
    ----------
    edges, edge_faces : ndarray, shape (E, 2), int64
    edge_neurons, edge_sides : ndarray, shape (E,), int64
    ring_offsets, rings : ndarray, int64
    patterns : ndarray, shape (R, H), bool
    vertex_parts, vertex_names : ndarray, shape (V + K,), int64
        A part that every vertex belongs to, and what it is called there; the K ideal ones at the end.
    n_ideal : int
    """

    edges: Ints
    edge_faces: Ints
    edge_neurons: Ints
    edge_sides: Ints
    ring_offsets: Ints
    rings: Ints
    patterns: NDArray[np.bool_]
    vertex_parts: Ints
    vertex_names: Ints
    n_ideal: int


class _Stitching:
    """All parts side by side, in one numbering."""

    def __init__(self, decomposition: Decomposition, complexes: list[PartComplex]) -> None:
        self.decomposition = decomposition
        self.complexes = complexes
        cells = [c.plane for c in complexes]
        self.v0 = np.cumsum([0, *(len(c.points) for c in cells)])
        self.e0 = np.cumsum([0, *(len(c.edges) for c in cells)])
        self.f0 = np.cumsum([0, *(c.n_faces for c in cells)])
        self.edges = np.concatenate([c.edges + v for c, v in zip(cells, self.v0, strict=False)])
        self.edge_faces = np.concatenate(
            [np.where(c.edge_faces < 0, -1, c.edge_faces + f) for c, f in zip(cells, self.f0, strict=False)]
        )
        self.rings = np.concatenate([c.rings + v for c, v in zip(cells, self.v0, strict=False)])
        self.ring_edges = np.concatenate([c.ring_edges + e for c, e in zip(cells, self.e0, strict=False)])
        sizes = np.concatenate([np.diff(c.ring_offsets) for c in cells])
        self.ring_offsets = np.concatenate([[0], np.cumsum(sizes)])
        self.ring_faces = np.repeat(np.arange(len(sizes)), sizes)
        self.kinds = np.concatenate([c.kinds for c in complexes])
        self.labels = np.concatenate([c.labels for c in complexes])
        self.patterns = np.concatenate([c.patterns for c in complexes])
        self.parts = np.repeat(np.arange(len(complexes)), [len(c.points) for c in cells])
        self.ideal = np.concatenate([c.ideal() for c in complexes])
        # Edges that are no longer there: one of each matched pair, and those with one pattern on both sides.
        self.gone = np.zeros(len(self.edges), dtype=bool)
        self.same_edge = np.arange(len(self.edges))
        self.removed: list[int] = []

    def match(self) -> None:
        """Join the two sides of every seam."""
        pairs: list[tuple[int, int]] = []
        for number, seam in enumerate(self.decomposition.seams):
            chains = [
                [int(e + self.e0[i]) for e in complex.chain(number)]
                for i, complex in enumerate(self.complexes)
                if ("seam", number) in complex.part.sides
            ]
            chains = [chain for chain in chains if chain]
            if len(chains) == 1:
                self.kinds[chains[0]] = SIDE
                self.labels[chains[0]] = self._side_on(seam.q)
            elif len(chains) == 2:
                if len(chains[0]) != len(chains[1]):
                    raise EngineError(f"Two parts are cut differently along seam {number}.")
                pairs += zip(chains[0], reversed(chains[1]), strict=True)
        first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        n = len(self.parts)
        ends = np.concatenate([self.edges[first], self.edges[second][:, ::-1]]).reshape(2, -1)
        ends = np.concatenate([ends, self._equal_corners()], axis=1)
        group = components(n, ends.T)
        # The first vertex of every group stands for all.
        self.vertex = np.unique(group, return_index=True)[1][group]
        self.edges = self.vertex[self.edges]
        self.rings = self.vertex[self.rings]
        np.logical_or.at(self.ideal, self.vertex, self.ideal.copy())
        self.edge_faces[first, 1] = self.edge_faces[second, 0]
        self.gone[second] = True
        self.same_edge[second] = first
        self.ring_edges = self.same_edge[self.ring_edges]
        differ = self.patterns[self.edge_faces[first, 0]] != self.patterns[self.edge_faces[first, 1]]
        kept = differ.any(axis=1)
        self.kinds[first[kept]] = INNER
        if kept.any():
            self.labels[first[kept]] = np.argmax(differ[kept], axis=1)
        self.removed = first[~kept].tolist()
        self.gone[first[~kept]] = True

    def _equal_corners(self) -> Ints:
        """Pairs of corners of a polygon's parts that are one point: parts may meet in a corner alone."""
        known: dict[Any, int] = {}
        pairs = []
        if self.decomposition.domain.is_bounded:
            for start, complex in zip(self.v0.tolist(), self.complexes, strict=False):
                corners = complex.part.polygon.corners.tolist()
                for corner, vertex in zip(corners, (start + complex.plane.corners).tolist(), strict=True):
                    pairs.append((known.setdefault(tuple(corner), vertex), vertex))
        return np.array(pairs, dtype=np.int64).reshape(-1, 2).T

    def _side_on(self, direction: tuple[float, float]) -> int:
        """The half-plane on whose rim a ray from the origin runs."""
        domain = self.decomposition.domain
        x, y = direction
        for i, (a, b) in enumerate(domain.normals.tolist()):
            # One of the products is 0 since a ray runs along an axis.
            if a * x + b * y == 0 and domain.offsets[i] == 0:
                return i
        raise EngineError(f"A part has no neighbour along the ray to {direction}.")

    def join(self) -> None:
        """Number the regions, and walk around those that were divided."""
        self.region = components(len(self.patterns), self.edge_faces[self.removed].reshape(-1, 2))
        self.leaders = np.unique(self.region, return_index=True)[1]
        divided = np.flatnonzero(np.bincount(self.region, minlength=len(self.leaders)) > 1).tolist()
        self.divided: dict[int, list[tuple[int, int]]] = {}
        if not divided:
            return
        entries: dict[int, list[int]] = {region: [] for region in divided}
        for place in np.flatnonzero(np.isin(self.region[self.ring_faces], divided)).tolist():
            entries[int(self.region[self.ring_faces[place]])].append(place)
        beside: dict[int, list[int]] = {}
        for places in entries.values():
            for place in places:
                if self.gone[self.ring_edges[place]]:
                    beside.setdefault(int(self.ring_edges[place]), []).append(place)
        for region, places in entries.items():
            loops = self._loops(places, beside)
            while len(loops) > 1:
                self._bridge(loops, places)
                loops = self._loops(places, beside)
            self.divided[region] = loops[0]

    def _loops(self, places: list[int], beside: dict[int, list[int]]) -> list[list[tuple[int, int]]]:
        """The closed walks of (vertex, edge) around a region whose pieces have these ring entries."""
        seen: set[int] = set()
        loops = []
        for start in places:
            if start in seen or self.gone[self.ring_edges[start]]:
                continue
            loop, place = [], start
            while place not in seen:
                seen.add(place)
                loop.append((int(self.rings[place]), int(self.ring_edges[place])))
                place = self._next(place)
                while self.gone[edge := int(self.ring_edges[place])]:
                    one, other = beside[edge]
                    place = self._next(other if place == one else one)
            loops.append(loop)
        return loops

    def _next(self, place: int) -> int:
        face = self.ring_faces[place]
        return int(place + 1 if place + 1 < self.ring_offsets[face + 1] else self.ring_offsets[face])

    def _bridge(self, loops: list[list[tuple[int, int]]], places: list[int]) -> None:
        """Put removed edges back that connect the first loop to another, so that a region with holes is a disk."""
        removed = {int(self.ring_edges[place]) for place in places if self.gone[self.ring_edges[place]]}
        around: dict[int, list[tuple[int, int]]] = {}
        for edge in sorted(removed):
            u, v = self.edges[edge].tolist()
            around.setdefault(u, []).append((v, edge))
            around.setdefault(v, []).append((u, edge))
        others = {vertex for loop in loops[1:] for vertex, _ in loop}
        came: dict[int, tuple[int, int] | None] = {vertex: None for vertex, _ in loops[0]}
        queue = list(came)
        for vertex in queue:
            if vertex in others:
                while (step := came[vertex]) is not None:
                    vertex, edge = step
                    self.gone[edge] = False
                return
            for neighbor, edge in around.get(vertex, ()):
                if neighbor not in came:
                    came[neighbor] = (vertex, edge)
                    queue.append(neighbor)
        raise EngineError("The rims of a region with holes are not connected.")

    def straighten(self) -> None:
        """Join the two edges at every vertex that only a removed edge has made."""
        left = np.unique(self.edges[[e for e in self.removed if self.gone[e]]])
        kept = np.flatnonzero(~self.gone)
        at = np.isin(self.edges[kept], left)
        touching: dict[int, list[int]] = {int(v): [] for v in left}
        for i, end in zip(*np.nonzero(at), strict=True):
            touching[int(self.edges[kept[i], end])].append(int(kept[i]))
        self.dissolved: set[int] = set()
        for vertex, edges in touching.items():
            if not edges:
                self.dissolved.add(vertex)
            elif len(edges) == 2 and self._straight(edges[0], edges[1]):
                self.dissolved.add(vertex)
                self._merge(vertex, edges[0], edges[1], touching)

    def _sides_of(self, edge: int) -> tuple[int, ...]:
        return tuple(sorted(-1 if f < 0 else int(self.region[f]) for f in self.edge_faces[edge]))

    def _straight(self, first: int, second: int) -> bool:
        kinds = int(self.kinds[first]), int(self.kinds[second])
        if kinds[0] != kinds[1] or kinds[0] == SEAM or self._sides_of(first) != self._sides_of(second):
            return False
        return kinds[0] != SIDE or self.labels[first] == self.labels[second]

    def _merge(self, vertex: int, first: int, second: int, touching: dict[int, list[int]]) -> None:
        if first == second:
            # The last edge of a closed line: of the line at infinity around a plane that is one region.
            self.gone[first] = True
            return
        at = int(self.edges[first, 1] != vertex)
        far = self.edges[second]
        other = int(far[0] if far[1] == vertex else far[1])
        self.edges[first, 1 - at] = other
        if self.kinds[first] == INNER:
            self.labels[first] = min(self.labels[first], self.labels[second])
        self.gone[second] = True
        if other in touching:
            touching[other] = [first if e == second else e for e in touching[other]]

    def result(self) -> Stitched:
        """Number everything anew."""
        sizes = np.diff(self.ring_offsets)[self.leaders]
        walks = {r: [v for v, _ in loop] for r, loop in self.divided.items()}
        rings = []
        for region, leader in enumerate(self.leaders.tolist()):
            walk = walks.get(region)
            if walk is None:
                rings.append(self.rings[self.ring_offsets[leader] : self.ring_offsets[leader + 1]])
            else:
                rings.append(np.array(walk, dtype=np.int64))
        flat = np.concatenate(rings)
        keep = ~np.isin(flat, list(self.dissolved)) if self.dissolved else np.ones(len(flat), dtype=bool)
        owners = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])[keep]
        flat = flat[keep]
        sizes = np.bincount(owners, minlength=len(rings))
        kept = np.flatnonzero(~self.gone)
        used = np.unique(np.concatenate([flat, self.edges[kept].ravel()])).astype(np.int64)
        order = np.concatenate([used[~self.ideal[used]], used[self.ideal[used]]])
        name = np.full(len(self.parts), -1)
        name[order] = np.arange(len(order))
        faces = self.edge_faces[kept]
        kinds, labels = self.kinds[kept], self.labels[kept]
        # What is left of seams are slits.
        n_sides = self.decomposition.domain.n_sides
        return Stitched(
            edges=name[self.edges[kept]],
            edge_faces=np.where(faces < 0, -1, self.region[faces]),
            edge_neurons=np.where(kinds == INNER, labels, -1),
            edge_sides=np.where(kinds == SIDE, labels, np.where(kinds == SEAM, n_sides + labels, -1)),
            ring_offsets=np.concatenate([[0], np.cumsum(sizes)]),
            rings=name[flat],
            patterns=self.patterns[self.leaders],
            vertex_parts=self.parts[order],
            vertex_names=order - self.v0[self.parts[order]],
            n_ideal=int(self.ideal[used].sum()),
        )


def stitch(decomposition: Decomposition, complexes: list[PartComplex]) -> Stitched:
    """Join the complexes of all parts; raise EngineError when two do not fit together."""
    stitching = _Stitching(decomposition, complexes)
    stitching.match()
    stitching.join()
    stitching.straighten()
    return stitching.result()
