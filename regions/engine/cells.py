"""The engine's complex of convex faces in flat arrays, and what a layer's cut makes on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from regions.arithmetic.floats import TINY, U
from regions.engine.compiling import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.domain.convex import Box, ConvexPolygon

__all__ = ["Cells", "Result", "restrict"]


@dataclass(slots=True)
class Cells:
    """A planar complex of convex faces in flat arrays; the letters are those of the design.

    `rings` and `ring_edges` hold vertex and edge of every side of face f from ``ring_offsets[f]``; the face to the left
    of edge e is ``edge_faces[e, 0]``, and it walks e from ``edges[e, 0]`` to ``edges[e, 1]``. `points` is (V, 5): x, y,
    w = 1, and bounds on the distance to the true vertex in x and in y. `lines` is (N, 5): a, b, c and bounds on
    the errors of a and b, and of c.
    """

    points: NDArray[np.float64]
    lines: NDArray[np.float64]
    ring_offsets: NDArray[np.int64]
    rings: NDArray[np.int64]
    ring_edges: NDArray[np.int64]
    edges: NDArray[np.int64]
    edge_faces: NDArray[np.int64]
    edge_lines: NDArray[np.int64]

    @property
    def n_faces(self) -> int:
        """Number of faces."""
        return len(self.ring_offsets) - 1


class Rims(NamedTuple):
    """What :func:`regions.engine.arrangement.place_ends` returns: the faces' rims and the distinct chords on them."""

    offsets: NDArray[np.int64]
    points: NDArray[np.int64]
    edges: NDArray[np.int64]
    class_offsets: NDArray[np.int64]
    classes: NDArray[np.int64]
    member_offsets: NDArray[np.int64]
    members: NDArray[np.int64]
    arcs: NDArray[np.int8]


class Placed(NamedTuple):
    """The chords of one layer, with their ends on the rims of the faces."""

    bits: NDArray[np.uint64]
    chord_units: NDArray[np.int64]
    rims: Rims
    counts: NDArray[np.int64]
    lines: NDArray[np.float64]
    line_start: int


class Arrangement(NamedTuple):
    """What one layer does to the faces, before new faces are made of it."""

    placed: Placed
    x_offsets: NDArray[np.int64]
    others: NDArray[np.int64]
    positions: NDArray[np.float64]
    tied: NDArray[np.bool_]
    node_offsets: NDArray[np.int64]
    nodes: NDArray[np.int64]
    segments: NDArray[np.int64]


@dataclass(slots=True)
class Result:
    """The complex behind the last layer, and how it came about."""

    cells: Cells
    packed_patterns: NDArray[np.uint8]
    maps: NDArray[np.float64]
    line_origins: NDArray[np.int64]
    proven: int
    decided: int


def domain_cells(domain: Box | ConvexPolygon) -> Cells:
    """The domain as a complex of one face."""
    corners = domain.corners
    n = len(corners)
    p, q = corners, np.roll(corners, -1, axis=0)
    lines = np.empty((n, 5))
    with np.errstate(over="ignore", invalid="ignore"):
        lines[:, 0] = p[:, 1] - q[:, 1]
        lines[:, 1] = q[:, 0] - p[:, 0]
        left, right = p[:, 0] * q[:, 1], p[:, 1] * q[:, 0]
        lines[:, 2] = left - right
        lines[:, 3] = 2 * U * (np.abs(lines[:, 0]) + np.abs(lines[:, 1])) + TINY
        lines[:, 4] = 8 * U * (np.abs(left) + np.abs(right)) + TINY
    points = np.zeros((n, 5))
    points[:, :2] = corners
    points[:, 2] = 1.0
    ring = np.arange(n)
    edge_faces = np.stack([np.zeros(n, dtype=np.int64), np.full(n, -1)], axis=1)
    return Cells(
        points=points,
        ring_offsets=np.array([0, n]),
        rings=ring,
        ring_edges=ring.copy(),
        edges=np.stack([ring, np.roll(ring, -1)], axis=1),
        edge_faces=edge_faces,
        edge_lines=ring.copy(),
        lines=lines,
    )


@kernel
def restrict(ring_offsets, rings, ring_edges, edges, edge_faces, edge_lines, n_points, n_lines, faces):  # type: ignore[no-untyped-def]
    """The part of a complex that is made of some of its faces, with everything numbered anew.

    An edge whose left face is not in the part is turned around, so that there is always a face to the left.

    Returns
    -------
    ring_offsets, rings, ring_edges, edges, edge_faces, edge_lines
        As in :class:`regions.engine.cells.Cells`.
    points, lines : int64
        The old names of the part's vertices and lines.
    """
    new_face = np.full(ring_offsets.shape[0] - 1, -1, np.int64)
    offsets = np.empty(faces.shape[0] + 1, np.int64)
    offsets[0] = 0
    for i in range(faces.shape[0]):
        new_face[faces[i]] = i
        offsets[i + 1] = offsets[i] + ring_offsets[faces[i] + 1] - ring_offsets[faces[i]]
    total = offsets[-1]
    new_point = np.full(n_points, -1, np.int64)
    new_line = np.full(n_lines, -1, np.int64)
    new_edge = np.full(edges.shape[0], -1, np.int64)
    points = np.empty(total, np.int64)
    lines = np.empty(total, np.int64)
    out_rings = np.empty(total, np.int64)
    out_ring_edges = np.empty(total, np.int64)
    out_edges = np.empty((total, 2), np.int64)
    out_edge_faces = np.empty((total, 2), np.int64)
    out_edge_lines = np.empty(total, np.int64)
    counts = np.zeros(3, np.int64)
    for i in range(faces.shape[0]):
        start = ring_offsets[faces[i]]
        for p in range(offsets[i + 1] - offsets[i]):
            v = rings[start + p]
            if new_point[v] < 0:
                new_point[v] = counts[0]
                points[counts[0]] = v
                counts[0] += 1
            out_rings[offsets[i] + p] = new_point[v]
    for i in range(faces.shape[0]):
        start = ring_offsets[faces[i]]
        for p in range(offsets[i + 1] - offsets[i]):
            e = ring_edges[start + p]
            if new_edge[e] < 0:
                at = counts[1]
                new_edge[e] = at
                counts[1] += 1
                line = edge_lines[e]
                if new_line[line] < 0:
                    new_line[line] = counts[2]
                    lines[counts[2]] = line
                    counts[2] += 1
                out_edge_lines[at] = new_line[line]
                left = edge_faces[e, 0]
                right = edge_faces[e, 1]
                left = new_face[left] if left >= 0 else -1
                right = new_face[right] if right >= 0 else -1
                turned = 1 if left < 0 else 0
                out_edges[at, turned] = new_point[edges[e, 0]]
                out_edges[at, 1 - turned] = new_point[edges[e, 1]]
                out_edge_faces[at, turned] = left
                out_edge_faces[at, 1 - turned] = right
            out_ring_edges[offsets[i] + p] = new_edge[e]
    return (
        offsets,
        out_rings,
        out_ring_edges,
        out_edges[: counts[1]].copy(),
        out_edge_faces[: counts[1]].copy(),
        out_edge_lines[: counts[1]].copy(),
        points[: counts[0]].copy(),
        lines[: counts[2]].copy(),
    )
