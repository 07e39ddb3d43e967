"""The whole complex, block by block: every block is cut on its own, and all are put together along their rims.

An edge between two blocks is cut in the same points from both sides, in the same order, so the parts of an edge match
one by one. Regions are numbered by the face behind the first layer that they lie in, then as that face is divided;
vertices and edges as the regions' rings come upon them. So the numbering says nothing of the blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from regions.arithmetic.floats import TINY, U, rounded_quotient
from regions.arithmetic.integers import cross
from regions.engine.blocks import split
from regions.engine.compiling import kernel
from regions.engine.maps.folded import TOO_LARGE, cut_block
from regions.engine.maps.packed import pack
from regions.engine.maps.sparse import WideMaps
from regions.network.integers import ExactLines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.engine.cells import Result
    from regions.engine.cut import Enumeration
    from regions.engine.decide import ExactStage
    from regions.network.network import Network

    Ints = NDArray[np.int64]

__all__ = ["Block", "Plane", "WholePlan", "neuron_index"]

# Faces that a block starts with: few where it is cut further, many where it is only told its maps.
_FIRST_FACES = 24
_LAST_FACES = 512
_BLOCK_BYTES = 1 << 26

Found = tuple[list[tuple["Ints", "Block"]], int, int]


class Block(NamedTuple):
    """Some faces of the complex behind the first layer that has neurons, cut by all others.

    The arrays of the cells are those of :class:`regions.engine.cells.Cells`.
    """

    ring_offsets: Ints
    rings: Ints
    ring_edges: Ints
    edges: Ints
    edge_faces: Ints
    edge_lines: Ints
    points: NDArray[np.float64]
    lines: NDArray[np.float64]
    # (N,): the neuron on whose line every line lies, or -1 minus the side of the domain.
    origins: Ints
    # What the first vertices are called in the complex that the block is a part of.
    points_of: Ints
    # Where the parts of every edge that the block started with start; they follow one another, in order along it.
    edge_starts: Ints
    # (F,): the face of the block, as it started, that every face lies in.
    ancestors: Ints
    # (F, ceil(H / 8)) uint8, as `numpy.packbits` packs them.
    patterns: NDArray[np.uint8]
    # (F, 3, O): coefficients of x, y and 1.
    maps: NDArray[np.float64]


@dataclass(eq=False)
class Plane:
    """The complex of a whole domain, or of a part of one.

    `points` is (V, 5): x, y, 1 and bounds on the distance to the true vertex in x and in y; `origins` says for every
    edge the neuron on whose line it lies, or -1 minus the side of the domain; `corners` are the vertices at the
    domain's corners, where the first layers cut nothing off; `names` are the exact stage's own names of the vertices,
    where all was cut as a whole. The rest is as in :class:`Block`.
    """

    network: Network
    exact: ExactStage
    points: NDArray[np.float64]
    edges: Ints
    edge_faces: Ints
    origins: Ints
    ring_offsets: Ints
    rings: Ints
    ring_edges: Ints
    patterns: NDArray[np.uint8]
    maps: NDArray[np.float64]
    corners: Ints
    names: Ints | None

    @property
    def n_faces(self) -> int:
        """Number of faces."""
        return len(self.ring_offsets) - 1

    def exact_points(self, vertices: Ints) -> dict[int, Any]:
        """Vertices as integer triples (X, Y, W), W > 0: where two lines through them meet."""
        if self.names is not None:
            # Layers of thousands of units are multiplied out for single units only, which the exact stage knows to do.
            return {v: self.exact.point(int(self.names[v])) for v in vertices.tolist()}
        wanted = np.zeros(len(self.points), dtype=bool)
        wanted[vertices] = True
        near = np.flatnonzero(wanted[self.edges].any(axis=1))
        faces, rows = np.unique(self.edge_faces[near].max(axis=1), return_inverse=True)
        patterns = np.unpackbits(self.patterns[faces], axis=1, count=self.network.n_neurons)
        lines = ExactLines(self.network, patterns.view(np.bool_))
        first: dict[int, Any] = {}
        found: dict[int, Any] = {}
        for edge, row in zip(near.tolist(), rows.tolist(), strict=True):
            name = int(self.origins[edge])
            line = lines.line(row, name) if name >= 0 else self.exact.side(-1 - name)
            for vertex in self.edges[edge].tolist():
                if not wanted[vertex] or vertex in found:
                    continue
                triple = cross(first.setdefault(vertex, line), line)
                if triple[2] != 0:
                    found[vertex] = triple if triple[2] > 0 else tuple(-x for x in triple)
        return found

    def sharpen(self, limit: float) -> None:
        """Round vertices that lie badly, between nearly parallel lines, from their exact coordinates."""
        errors = self.points[:, 3] + self.points[:, 4]
        # The limit itself may overflow.
        doubtful = np.flatnonzero(~((errors <= limit) & (errors < np.inf)))
        if len(doubtful):
            for vertex, triple in self.exact_points(doubtful).items():
                x, y = (rounded_quotient(int(k), int(triple[2])) for k in triple[:2])
                self.points[vertex] = (x, y, 1.0, abs(x) * 2 * U + TINY, abs(y) * 2 * U + TINY)


def neuron_index(network: Network) -> Ints:
    """The row of `network.neurons` of every unit of every layer, (L, units); -1 for units without a kink."""
    index = np.full((len(network.layers), max(layer.n_out for layer in network.layers)), -1)
    index[network.neuron_units[:, 0], network.neuron_units[:, 1]] = np.arange(network.n_neurons)
    return index


class WholePlan:
    """An enumeration, taken apart into steps that can be run in any order, side by side.

    Parameters
    ----------
    start : Enumeration
        Of a complex on whose faces the next layer that has neurons is the same affine map.
    limit : int
        Bytes that one step may work with.
    size : int, optional
        About how many faces a block starts with.

    Attributes
    ----------
    proven, decided : int
        Decisions taken before the first step.
    """

    def __init__(self, start: Enumeration, limit: int = _BLOCK_BYTES, size: int | None = None) -> None:
        self._start = start
        self._limit = limit
        self._index = neuron_index(start.network)
        self._blocks: list[Ints] = []
        self.proven = self.decided = 0
        if isinstance(start.maps, WideMaps) or not any(x.kinked.any() for x in start.network.layers[start.level :]):
            # Cut as a whole; or there is nothing to cut.
            return
        self._packed = pack(start.network)
        start.skip_linear()
        self._first = start.level
        layers = start.network.layers
        self._first_neuron = sum(int(layer.kinked.sum()) for layer in layers[: self._first])
        units = np.arange(layers[self._first].n_out)
        self._lines = start.maps.lines(np.zeros(len(units), dtype=np.int64), units)
        self._parents, self._bits = start.cut()
        self._origins = self._names(start.exact.lines)
        deeper = self._packed.last > self._first
        self._blocks = split(start, size or (_FIRST_FACES if deeper else _LAST_FACES))
        self.proven, self.decided = start.proven, start.decided

    def __len__(self) -> int:
        """Number of steps."""
        return max(1, len(self._blocks))

    def _names(self, lines: Ints) -> Ints:
        """The neuron on whose line each of the exact stage's lines lies, or -1 minus the side of the domain."""
        layers, _, units = lines.T
        on_rim = layers < 0
        return np.where(on_rim, -1 - units, self._index[np.where(on_rim, 0, layers), np.where(on_rim, 0, units)])

    def step(self, i: int) -> Found:
        """Run one step: blocks with the faces that they started from, and decisions proven and decided exactly."""
        if self._blocks:
            return self._cut(self._blocks[i])
        start = self._start
        n_points, n_edges = len(start.cells.points), len(start.cells.edges)
        start.points_of, start.edge_starts = np.arange(n_points), np.arange(n_edges + 1)
        result = start.run()
        faces = np.arange(result.cells.n_faces)
        return [(faces, self._block(result, start, faces))], result.proven, result.decided

    def _cut(self, faces: Ints) -> Found:
        cells = self._start.cells
        found, proven, block = cut_block(
            cells.ring_offsets, cells.rings, cells.ring_edges, cells.edges, cells.edge_faces, cells.edge_lines,
            cells.points, cells.lines, faces, self._bits, self._lines, self._first, self._limit, True, self._origins,
            -(-self._start.network.n_neurons // 8), self._first_neuron, *self._packed,
        )  # fmt: skip
        if found >= 0:
            return [(faces, Block(*block))], proven, 0
        if found == TOO_LARGE and len(faces) > 1:
            one, other = (self._cut(half) for half in np.array_split(faces, 2))
            return one[0] + other[0], one[1] + other[1], one[2] + other[2]
        part = self._start.part(faces, self._parents, self._bits)
        result = part.run()
        ancestors = np.arange(result.cells.n_faces)
        for parents, _ in reversed(part.exact.levels[self._start.level :]):
            if parents is not None:
                ancestors = parents[ancestors]
        return [(faces, self._block(result, part, ancestors))], result.proven, result.decided

    def _block(self, result: Result, part: Enumeration, ancestors: Ints) -> Block:
        cells = result.cells
        return Block(
            cells.ring_offsets, cells.rings, cells.ring_edges, cells.edges, cells.edge_faces, cells.edge_lines,
            cells.points, cells.lines, self._names(result.line_origins), part.points_of, part.edge_starts, ancestors,
            result.packed_patterns, result.maps,
        )  # fmt: skip

    def join(self, found: list[tuple[Ints, Block]]) -> Plane:
        """Put the blocks of all steps together.

        Raises
        ------
        EngineError
            When they do not fit.
        """
        start = self._start
        blocks = [block for _, block in found]
        v0 = np.cumsum([0, *(len(b.points) for b in blocks)])
        e0 = np.cumsum([0, *(len(b.edges) for b in blocks)])
        same_point, same_edge = np.arange(v0[-1]), np.arange(e0[-1])
        leader = np.full(max(int(b.points_of.max()) for b in blocks) + 1, -1)
        for b, v in zip(blocks, v0.tolist(), strict=False):
            fresh = leader[b.points_of] < 0
            leader[b.points_of[fresh]] = v + np.flatnonzero(fresh)
            same_point[v : v + len(b.points_of)] = leader[b.points_of]
        if len(blocks) > 1:
            self._match(blocks, v0, e0, same_point, same_edge)
        ancestors = np.concatenate([faces[b.ancestors] for faces, b in found])
        order = np.argsort(ancestors, kind="stable")
        sizes = np.concatenate([np.diff(b.ring_offsets) for b in blocks])
        starts = np.cumsum(sizes) - sizes
        offsets = np.concatenate([[0], np.cumsum(sizes[order])])
        rings = np.concatenate([b.rings + v for b, v in zip(blocks, v0, strict=False)])
        ring_edges = np.concatenate([b.ring_edges + e for b, e in zip(blocks, e0, strict=False)])
        origins = np.concatenate([b.origins[b.edge_lines] for b in blocks])
        rings, ring_edges, edges, edge_faces, edge_names, point_names, bad = number(
            offsets, starts[order], rings, ring_edges, same_point, same_edge
        )
        if bad >= 0 or len(point_names) - len(edges) + len(order) != start.euler:
            raise start.fail(f"V - E + F is not {start.euler} when the blocks are put together.")
        points = np.concatenate([b.points for b in blocks])[point_names]
        new_names = np.full(len(same_point), -1)
        new_names[point_names] = np.arange(len(point_names))
        corners = new_names[leader[: len(start.domain.corners)]]
        patterns = np.concatenate([b.patterns for b in blocks])[order]
        maps = np.concatenate([b.maps for b in blocks])[order]
        plane = Plane(
            start.network, start.exact, points, edges, edge_faces, origins[edge_names], offsets, rings, ring_edges,
            patterns, maps, corners, None if self._blocks else point_names,
        )  # fmt: skip
        if self._blocks:
            minx, miny, maxx, maxy = start.domain.bounds
            plane.sharpen(2.0**-16 * max(maxx - minx, maxy - miny))
        return plane

    def _match(self, blocks: list[Block], v0: Ints, e0: Ints, same_point: Ints, same_edge: Ints) -> None:
        """Give the parts of edges between two blocks, and the points that divide these edges, one name."""
        n = len(self._start.cells.points)
        keys, chains = [], []
        for b, e in zip(blocks, e0.tolist(), strict=False):
            names = b.points_of
            begin, end = b.edge_starts[:-1], b.edge_starts[1:]
            rim = b.edge_faces[begin, 1] < 0
            begin, end = begin[rim], end[rim]
            tails, heads = names[b.edges[begin, 0]], names[b.edges[end - 1, 1]]
            keys.append(np.minimum(tails, heads) * n + np.maximum(tails, heads))
            chains.append(np.stack([begin + e, end + e], axis=1))
        edges = np.concatenate([b.edges + v for b, v in zip(blocks, v0, strict=False)])
        key, chain = np.concatenate(keys), np.concatenate(chains)
        # Nothing is behind the rim of all blocks.
        cells = self._start.cells
        rim_edges = np.sort(cells.edges[cells.edge_faces.min(axis=1) < 0], axis=1)
        inner = ~np.isin(key, rim_edges[:, 0] * n + rim_edges[:, 1])
        key, chain = key[inner], chain[inner]
        order = np.argsort(key, kind="stable")
        odd = bool(len(order) % 2)
        if (
            odd
            or (key[order[::2]] != key[order[1::2]]).any()
            or match(chain[order].reshape(-1, 4), edges, same_point, same_edge)
        ):
            raise self._start.fail("Two blocks are cut differently along an edge that they share.")


@kernel
def match(pairs, edges, same_point, same_edge):  # type: ignore[no-untyped-def]
    """Give the parts of an edge, and the points between them, one name on both its sides; whether they do not fit."""
    for i in range(pairs.shape[0]):
        a, a_end, b, b_end = pairs[i]
        n = a_end - a
        if b_end - b != n:
            return True
        for p in range(n):
            same_edge[b_end - 1 - p] = a + p
            if p:
                same_point[edges[b_end - 1 - p, 1]] = edges[a + p, 0]
    return False


@kernel
def number(offsets, starts, rings, ring_edges, same_point, same_edge):  # type: ignore[no-untyped-def]
    """Number vertices and edges as the rings come upon them; the first face that has an edge walks along it.

    Returns
    -------
    rings, ring_edges, edges, edge_faces
        In the new names.
    edge_names, point_names : int64
        The old names.
    bad : int
        A face with an edge that two others have, or -1.
    """
    n_faces = starts.shape[0]
    point = np.full(same_point.shape[0], -1, np.int64)
    edge = np.full(same_edge.shape[0], -1, np.int64)
    out_rings = np.empty(offsets[n_faces], np.int64)
    out_ring_edges = np.empty(offsets[n_faces], np.int64)
    out_edges = np.empty((edge.shape[0], 2), np.int64)
    out_faces = np.empty((edge.shape[0], 2), np.int64)
    edge_names = np.empty(edge.shape[0], np.int64)
    point_names = np.empty(point.shape[0], np.int64)
    n_points = 0
    n_edges = 0
    for f in range(n_faces):
        size = offsets[f + 1] - offsets[f]
        for p in range(size):
            v = same_point[rings[starts[f] + p]]
            if point[v] < 0:
                point[v] = n_points
                point_names[n_points] = v
                n_points += 1
            out_rings[offsets[f] + p] = point[v]
        for p in range(size):
            e = same_edge[ring_edges[starts[f] + p]]
            if edge[e] < 0:
                edge[e] = n_edges
                edge_names[n_edges] = e
                out_edges[n_edges, 0] = out_rings[offsets[f] + p]
                out_edges[n_edges, 1] = out_rings[offsets[f] + (p + 1 if p + 1 < size else 0)]
                out_faces[n_edges, 0] = f
                out_faces[n_edges, 1] = -1
                n_edges += 1
            elif out_faces[edge[e], 1] < 0:
                out_faces[edge[e], 1] = f
            else:
                return out_rings, out_ring_edges, out_edges, out_faces, edge_names, point_names, f
            out_ring_edges[offsets[f] + p] = edge[e]
    return (
        out_rings,
        out_ring_edges,
        out_edges[:n_edges].copy(),
        out_faces[:n_edges].copy(),
        edge_names[:n_edges].copy(),
        point_names[:n_points].copy(),
        -1,
    )
