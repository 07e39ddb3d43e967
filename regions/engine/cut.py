"""The loop: cut the domain by one layer after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import TINY, U
from regions.engine import arrangement
from regions.engine.cells import Arrangement, Cells, Placed, Result, Rims, domain_cells, restrict
from regions.engine.chords import cross_edges, edge_points, find_chords, rank_edges
from regions.engine.decide import ExactStage
from regions.engine.decide_sparse import ConeStage
from regions.engine.maps.dense import FaceMaps, first_maps
from regions.engine.maps.sparse import WideMaps, WideNetwork, is_wide
from regions.engine.resources import Resources
from regions.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.domain.convex import Box, ConvexPolygon
    from regions.network.network import Network

__all__ = ["Enumeration"]

_PATTERN_BYTES = 1 << 26


class Enumeration:
    """One enumeration in progress: a complex, and how far it has been cut.

    A network, of two inputs, with sparse layers, or with a device among its resources, goes through piece by piece.

    Attributes
    ----------
    level : int
        The layer that is to be cut next.
    euler : int
        V - E + F of the faces that it started from: 1 for the whole domain.
    proven, decided : int
        Decisions taken by float bounds, and in integers.
    points_of : ndarray, int64
        What the vertices that it started with are called where it is a part of.
    edge_starts : ndarray, int64
        Where the parts of every edge that it started with start: they follow one another, in order along it.
    """

    def __init__(self, network: Network, domain: Box | ConvexPolygon, resources: Resources | None = None) -> None:
        self.network = network
        self.domain = domain
        self.proven = self.decided = 0
        self.level = 0
        resources = resources or Resources()
        wide = is_wide(network) or resources.device is not None
        self.exact = ConeStage(network, domain) if wide else ExactStage(network, domain)
        self.cells = domain_cells(domain)
        self.euler = 1
        self.points_of = np.arange(len(self.cells.points))
        self.edge_starts = np.arange(len(self.cells.edges) + 1)
        self.maps: FaceMaps | WideMaps
        if wide:
            self.maps = WideMaps.first(WideNetwork(network, resources.memory(network), resources.device), 1)
        else:
            self.maps = first_maps(network.layers[0], 1)
        n = len(domain.corners)
        self.exact.lines = np.stack([np.full(n, -1), np.zeros(n, dtype=np.int64), np.arange(n)], axis=1)
        self.exact.vertex_lines = np.stack([-1 - np.arange(n)] * 2, axis=1)

    def run(self) -> Result:
        """Cut by all layers that are left."""
        layers = self.network.layers
        while True:
            layer = layers[self.level]
            parents, bits = self.cut()
            if self.level == len(layers):
                break
            self.maps = self.maps.into(layers[self.level], layer, parents, bits)
        values = self.maps.outputs(layer, parents, bits)
        return Result(self.cells, self._packed_patterns(), values, self.exact.lines, self.proven, self.decided)

    def cut(self) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Cut by the next layer; return the new faces' parents and the layer's active units on them."""
        parents, bits = self._cut(self.level, self.maps)
        self.level += 1
        return parents, bits

    def skip_linear(self) -> None:
        """Pass the layers in front of the first one that has a neuron; they cut nothing. The last one stays."""
        layers = self.network.layers
        while self.level + 1 < len(layers) and not layers[self.level].kinked.any():
            before = layers[self.level]
            parents, bits = self.cut()
            self.maps = self.maps.into(layers[self.level], before, parents, bits)

    def part(self, faces: NDArray[np.int64], parents: NDArray[np.int64], bits: NDArray[np.uint64]) -> Enumeration:
        """The same enumeration on some of the faces that :meth:`cut` just made, with what it returned."""
        cells = self.cells
        *made, points, lines = restrict(
            cells.ring_offsets, cells.rings, cells.ring_edges, cells.edges, cells.edge_faces, cells.edge_lines,
            len(cells.points), len(cells.lines), faces,
        )  # fmt: skip
        new = Enumeration.__new__(Enumeration)
        new.network, new.domain, new.level = self.network, self.domain, self.level
        new.proven = new.decided = 0
        new.cells = Cells(cells.points[points], cells.lines[lines], *made)
        new.euler = len(points) - len(new.cells.edges) + len(faces)
        new.points_of, new.edge_starts = points, np.arange(len(new.cells.edges) + 1)
        new.exact = self.exact.restricted(self.level, faces, lines, points)
        layers = self.network.layers
        new.maps = self.maps.into(layers[self.level], layers[self.level - 1], parents[faces], bits[faces])
        return new

    def fail(self, message: str) -> EngineError:
        """The error that says what does not fit."""
        return EngineError(message, self.network, self.domain)

    def _chords(self, layer: int, maps: FaceMaps | WideMaps):  # type: ignore[no-untyped-def]
        """Which neurons cut which faces, all signs decided."""
        cells = self.cells
        units = self.network.layers[layer]
        bits = np.zeros((cells.n_faces, -(-units.n_out // 64)), dtype=np.uint64)
        faces, neurons, starts, signs, at, vertices, doubtful, proven = maps.classify(cells, units.kinked, bits)
        self.proven += proven
        if len(at):
            signs[at] = self.exact.signs(layer, vertices, doubtful)
            self.decided += len(at)
        chord_faces, chord_units, ends, arcs, bad = find_chords(cells.ring_offsets, faces, neurons, starts, signs, bits)
        if bad >= 0:
            raise self.fail(f"Layer {layer}: a chord of face {bad} does not have exactly two ends.")
        return bits, chord_faces, chord_units, ends, arcs

    def _on_edges(self, layer, chord_faces, chord_units, ends, arcs, lines):  # type: ignore[no-untyped-def]
        """The chords' ends, ordered along every edge."""
        cells = self.cells
        offsets, chords, positions, runs = cross_edges(
            cells.ring_offsets, cells.rings, cells.ring_edges, cells.edges, cells.edge_faces, cells.points,
            chord_faces, ends, arcs, lines,
        )  # fmt: skip
        tied = np.zeros(len(chords), dtype=bool)
        self.proven += len(chords)
        for edge, start, stop in runs.tolist():
            here = chords[start:stop].copy()
            u, v = (int(i) for i in cells.edges[edge])
            order, ties, decided = self.exact.order_run(layer, (u, v), chord_units[here].tolist())
            self.decided += decided
            chords[start:stop] = here[order]
            positions[start:stop] = positions[start:stop][order]
            tied[start:stop] = ties
        ranks, counts = rank_edges(offsets, tied)
        return offsets, chords, positions, ranks, counts

    def _place(self, layer: int, maps: FaceMaps | WideMaps) -> Placed:
        """The layer's chords, and where they end on the faces' rims."""
        cells, exact = self.cells, self.exact
        bits, chord_faces, chord_units, ends, arcs = self._chords(layer, maps)
        lines = maps.lines(chord_faces, chord_units)
        line_start = len(cells.lines)
        cells.lines = np.concatenate([cells.lines, lines])
        exact.lines = np.concatenate(
            [exact.lines, np.stack([np.full(len(chord_faces), layer), chord_faces, chord_units], axis=1)]
        )
        offsets, chords, positions, ranks, counts = self._on_edges(layer, chord_faces, chord_units, ends, arcs, lines)
        n_points = len(cells.points)
        new_points, new_lines = edge_points(
            cells.points, cells.edges, cells.edge_lines, cells.lines, line_start, offsets, chords, positions, ranks,
            counts,
        )  # fmt: skip
        exact.vertex_lines = np.concatenate([exact.vertex_lines, new_lines])
        cells.points = np.concatenate([cells.points, new_points])
        self._sharpen(n_points)
        chord_offsets = np.searchsorted(chord_faces, np.arange(cells.n_faces + 1))
        *placed, bad = arrangement.place_ends(
            cells.ring_offsets, cells.rings, cells.ring_edges, cells.edge_faces, chord_offsets, chord_units, ends, arcs,
            offsets, chords, ranks, counts, n_points,
        )  # fmt: skip
        if bad >= 0:
            raise self.fail(f"Layer {layer}: the edges of face {bad} are cut differently from its two sides.")
        return Placed(bits, chord_units, Rims(*placed), counts, lines, line_start)

    def _arrange(self, layer: int, maps: FaceMaps | WideMaps) -> Arrangement:
        """All that a layer does to the faces, short of making the new ones."""
        placed = self._place(layer, maps)
        rims = placed.rims
        x_offsets, others, x_positions, runs = arrangement.cross_chords(
            rims.offsets, rims.points, self.cells.points, rims.class_offsets, rims.classes, rims.member_offsets,
            rims.members, rims.arcs, placed.lines,
        )  # fmt: skip
        tied = np.zeros(len(others), dtype=bool)
        self.proven += len(others)
        if len(runs):
            self._order_chords(layer, runs, others, x_positions, tied, rims, placed.chord_units)
        node_offsets, nodes, segments, bad = arrangement.make_nodes(rims.class_offsets, x_offsets, others, tied)
        if bad >= 0:
            raise self.fail(f"Layer {layer}: chords of face {bad} disagree about a point that they share.")
        return Arrangement(placed, x_offsets, others, x_positions, tied, node_offsets, nodes, segments)

    def _order_chords(
        self,
        layer: int,
        runs: NDArray[np.int64],
        others: NDArray[np.int64],
        positions: NDArray[np.float64],
        tied: NDArray[np.bool_],
        rims: Rims,
        chord_units: NDArray[np.int64],
    ) -> None:
        """Decide the doubtful orders along chords; points where many chords meet are found once for all of them."""
        faces = np.searchsorted(rims.class_offsets, runs[:, 0], side="right") - 1
        known: list[frozenset[int]] = []
        last_face = -1
        for (index, start, stop), face in zip(runs.tolist(), faces.tolist(), strict=True):
            if face != last_face:
                known, last_face = [], face
            here = others[start:stop].copy()
            order, ties, decided = self.order_run(layer, index, here, rims, chord_units, known)
            self.decided += decided
            others[start:stop] = here[order]
            positions[start:stop] = positions[start:stop][order]
            tied[start:stop] = ties

    def order_run(
        self,
        layer: int,
        index: int,
        here: NDArray[np.int64],
        rims: Rims,
        chord_units: NDArray[np.int64],
        known: list[frozenset[int]],
    ) -> tuple[list[int], list[bool], int]:
        """Order some chords along the chord `index`; add the sets that meet in one point to `known`.

        Steps of a count call this side by side, so what it decides is returned and counted nowhere else.
        """
        face = int(np.searchsorted(rims.class_offsets, index, side="right")) - 1
        low, base = int(rims.class_offsets[face]), int(rims.offsets[face])
        u, v = (int(rims.points[base + place]) for place in rims.classes[index])
        own = index - low
        units = chord_units[rims.members[rims.member_offsets[low + here]]].tolist()
        order, ties, decided = self.exact.order_run(layer, (u, v), units, known, [own, *here.tolist()])
        group = [own]
        for place, i in enumerate(order):
            if place and not ties[place]:
                group = [own]
            group.append(int(here[i]))
            last = place + 1 == len(order) or not ties[place + 1]
            if len(group) > 2 and last and not any(s.issuperset(group) for s in known):
                known.append(frozenset(group))
        return order, ties, decided

    def _sharpen(self, start: int) -> None:
        """Round vertices that lie badly, between nearly parallel lines, from their exact coordinates."""
        points = self.cells.points
        minx, miny, maxx, maxy = self.domain.bounds
        limit = 2.0**-16 * max(maxx - minx, maxy - miny)
        errors = points[start:, 3] + points[start:, 4]
        # The limit itself may overflow.
        doubtful = np.flatnonzero(~((errors <= limit) & (errors < np.inf))) + start
        for v in doubtful.tolist():
            x, y = self.exact.rounded(v)
            points[v] = (x, y, 1.0, abs(x) * 2 * U + TINY, abs(y) * 2 * U + TINY)

    def _cut(self, layer: int, maps: FaceMaps | WideMaps) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        cells, exact = self.cells, self.exact
        if not self.network.layers[layer].kinked.any():
            exact.levels.append((None, None))
            bits = np.zeros((cells.n_faces, -(-self.network.layers[layer].n_out // 64)), dtype=np.uint64)
            return np.arange(cells.n_faces), bits
        cut = self._arrange(layer, maps)
        bits, chord_units, rims, counts, _, line_start = cut.placed
        *made, node_points, node_lines, parents, new_bits, bad = arrangement.build(
            cells.ring_offsets, cells.edges, cells.edge_faces, rims.offsets, rims.points, rims.edges, chord_units,
            rims.class_offsets, rims.classes, rims.member_offsets, rims.members, rims.arcs, cut.x_offsets, cut.others,
            cut.positions, cut.tied, cut.node_offsets, cut.nodes, cut.segments, cells.points, line_start,
            cells.lines, cells.edge_lines, counts, bits,
        )  # fmt: skip
        if bad >= 0:
            raise self.fail(f"Layer {layer}: Euler's formula does not hold inside face {bad}.")
        n_points = len(cells.points)
        self.edge_starts = self.edge_starts + counts[self.edge_starts]
        exact.vertex_lines = np.concatenate([exact.vertex_lines, node_lines])
        maps.spread(new_bits)
        exact.levels.append((parents, new_bits))
        self.cells = Cells(np.concatenate([cells.points, node_points]), cells.lines, *made)
        self._sharpen(n_points)
        if len(self.cells.points) - len(self.cells.edges) + self.cells.n_faces != self.euler:
            raise self.fail(f"Layer {layer}: V - E + F is not {self.euler}.")
        return parents, new_bits

    def placed(self) -> Placed:
        """The chords of the next layer, with their ends on the faces' rims."""
        return self._place(self.level, self.maps)

    def _packed_patterns(self) -> NDArray[np.uint8]:
        """Patterns of the final faces as `numpy.packbits` packs them: (R, ceil(H / 8))."""
        n_faces, n_neurons = self.cells.n_faces, self.network.n_neurons
        out = np.empty((n_faces, -(-n_neurons // 8)), dtype=np.uint8)
        history = list(self.exact.history(np.arange(n_faces)))[::-1]
        size = max(1, _PATTERN_BYTES // max(1, n_neurons))
        for start in range(0, n_faces, size):
            stop = min(start + size, n_faces)
            flat = np.empty((stop - start, n_neurons), dtype=np.bool_)
            at = 0
            for layer, (ancestors, bits) in zip(self.network.layers, history, strict=True):
                if bits is None:
                    continue
                # Words are little-endian, so their bytes are in the order of the units.
                little = bits[ancestors[start:stop]].astype("<u8", copy=False).view(np.uint8)
                active = np.unpackbits(little, axis=1, count=layer.n_out, bitorder="little").view(np.bool_)
                kinked = np.flatnonzero(layer.kinked)
                flat[:, at : at + len(kinked)] = active[:, kinked]
                at += len(kinked)
            out[start:stop] = np.packbits(flat, axis=1)
        return out
