"""The engine's complexes: the one of a domain, and the part of one that is made of some faces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rational_lines import SQUARE, lines, of_lines

from regions import Box, ConvexPolygon
from regions.engine.cells import domain_cells, restrict
from regions.engine.cut import Enumeration


@pytest.mark.parametrize("domain", [Box(0, 0, 2, 1), ConvexPolygon([(0, 0), (3, 0), (1, 2)])], ids=str)
def test_a_domain_is_one_face_with_its_sides_for_lines(domain: Box | ConvexPolygon) -> None:
    cells = domain_cells(domain)
    n = len(domain.corners)
    assert cells.n_faces == 1
    assert cells.rings.tolist() == cells.ring_edges.tolist() == list(range(n))
    assert cells.edges.tolist() == [[i, (i + 1) % n] for i in range(n)]
    assert cells.edge_faces.tolist() == [[0, -1]] * n
    assert cells.points[:, :3].tolist() == [[x, y, 1.0] for x, y in domain.corners.tolist()]
    values = cells.lines[:, :3] @ cells.points[:, :3].T
    for side, (at, (u, v)) in enumerate(zip(values, cells.edges.tolist(), strict=True)):
        # Zero on its own side, positive on the domain.
        assert at[u] == at[v] == 0, side
        assert (np.delete(at, [u, v]) > 0).all()


def test_the_bottom_of_a_box_is_two_y_equals_zero() -> None:
    assert domain_cells(Box(0, 0, 2, 1)).lines[0, :3].tolist() == [0, 2, 0]


# Two unit squares side by side; the left one has the edge between them on its left.
#   5 - 4 - 3
#   | 0 | 1 |
#   0 - 1 - 2
OFFSETS = np.array([0, 4, 8])
RINGS = np.array([0, 1, 4, 5, 1, 2, 3, 4])
RING_EDGES = np.array([0, 1, 2, 3, 4, 5, 6, 1])
EDGES = np.array([[0, 1], [1, 4], [4, 5], [5, 0], [1, 2], [2, 3], [3, 4]])
EDGE_FACES = np.array([[0, -1], [0, 1], [0, -1], [0, -1], [1, -1], [1, -1], [1, -1]])
EDGE_LINES = np.array([0, 1, 2, 3, 0, 5, 2])


def test_of_two_squares_the_right_one() -> None:
    offsets, rings, ring_edges, edges, faces, edge_lines, points, old_lines = restrict(
        OFFSETS, RINGS, RING_EDGES, EDGES, EDGE_FACES, EDGE_LINES, 6, 6, np.array([1])
    )
    assert offsets.tolist() == [0, 4]
    assert rings.tolist() == ring_edges.tolist() == [0, 1, 2, 3]
    # The edge that the two share is turned around, so that its only face is on the left.
    assert edges.tolist() == [[0, 1], [1, 2], [2, 3], [3, 0]]
    assert faces.tolist() == [[0, -1]] * 4
    assert points.tolist() == [1, 2, 3, 4]
    assert old_lines.tolist() == [0, 5, 2, 1]
    assert edge_lines.tolist() == [0, 1, 2, 3]


def test_both_squares_are_all_of_it() -> None:
    _, rings, _, edges, faces, _, points, _ = restrict(
        OFFSETS, RINGS, RING_EDGES, EDGES, EDGE_FACES, EDGE_LINES, 6, 6, np.array([0, 1])
    )
    assert points[rings].tolist() == RINGS.tolist()
    assert {(*points[e], *f) for e, f in zip(edges, faces.tolist(), strict=True)} == {
        (*e, *f) for e, f in zip(EDGES.tolist(), EDGE_FACES.tolist(), strict=True)
    }


@settings(max_examples=30)
@given(lines, st.data())
def test_a_part_has_the_rings_of_its_faces(found: list, data: st.DataObject) -> None:
    run = Enumeration(of_lines(found), SQUARE)
    run.cut()
    cells = run.cells
    chosen = np.array(sorted(data.draw(st.sets(st.integers(0, cells.n_faces - 1), min_size=1))))
    arrays = cells.ring_offsets, cells.rings, cells.ring_edges, cells.edges, cells.edge_faces, cells.edge_lines
    offsets, rings, ring_edges, edges, faces, edge_lines, points, old_lines = restrict(
        *arrays, len(cells.points), len(cells.lines), chosen
    )
    for i, face in enumerate(chosen.tolist()):
        here, there = slice(*offsets[i : i + 2]), slice(*cells.ring_offsets[face : face + 2])
        assert points[rings[here]].tolist() == cells.rings[there].tolist()
        assert old_lines[edge_lines[ring_edges[here]]].tolist() == cells.edge_lines[cells.ring_edges[there]].tolist()
        for edge, u, v in zip(ring_edges[here], rings[here], np.roll(rings[here], -1), strict=True):
            side = 0 if edges[edge, 0] == u else 1
            assert sorted(edges[edge].tolist()) == sorted((u, v))
            assert faces[edge, side] == i
    assert (faces[:, 0] >= 0).all()
