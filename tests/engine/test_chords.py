"""The kernels that find chords, and order them along edges: by hand on a square, and against rationals."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from rational_lines import CORNERS, SQUARE, crosses, lines, meeting, values

from regions import Box
from regions.engine.cells import domain_cells
from regions.engine.chords import UNKNOWN, classify, cross_edges, edge_points, find_chords, rank_edges

UNIT = Box(-1, -1, 1, 1)


def classified(domain: Box, found: list, kinked: list[bool]) -> tuple:
    """`classify` of one face with exact coefficients, and the bits it set."""
    cells = domain_cells(domain)
    n = len(found)
    coefficients = np.ascontiguousarray(np.array(found, dtype=float).T)[None]
    zeros, bits = np.zeros(n), np.zeros((1, -(-n // 64)), dtype=np.uint64)
    result = classify(
        cells.ring_offsets, cells.rings, cells.points, coefficients, zeros, zeros, np.zeros(1), np.zeros(1), 0.0,
        np.array(kinked), bits, np.empty((0, 2, 0)),
    )  # fmt: skip
    return cells, bits, result


def test_signs_on_a_square() -> None:
    found = [(1, 0, 0), (0, 1, 0), (1, 1, -4), (1, 1, 4), (0, 0, 0), (1, 1, -2), (1, 0, 0)]
    _, bits, (faces, units, starts, signs, at, vertices, unknown, proven) = classified(
        UNIT, found, [True] * 6 + [False]
    )
    # Never zero inside: units 2 and 3; zero everywhere: unit 4; without a kink: unit 6.
    assert units.tolist() == [0, 1, 5]
    assert faces.tolist() == [0, 0, 0]
    assert starts.tolist() == [0, 4, 8]
    assert signs.tolist() == [-1, 1, 1, -1, -1, -1, 1, 1, -1, -1, UNKNOWN, -1]
    # x + y = 2 goes through the corner (1, 1), which no bound can prove.
    assert (at.tolist(), vertices.tolist(), unknown.tolist()) == ([10], [2], [5])
    assert bits.tolist() == [[1 << 3]]
    assert proven == 2 + 1 + 4 + 4 + 3


@settings(max_examples=60)
@given(lines)
def test_signs_that_are_proven_are_true(found: list) -> None:
    _, bits, (_, units, starts, signs, *_) = classified(SQUARE, found, [True] * len(found))
    for unit, start in zip(units.tolist(), starts.tolist(), strict=True):
        for sign, value in zip(signs[start : start + 4].tolist(), values(found[unit], CORNERS), strict=True):
            assert sign == UNKNOWN or sign == (value > 0) - (value < 0)
    for unit in set(range(len(found))) - set(units.tolist()):
        at = values(found[unit], CORNERS)
        assert min(at) >= 0 or max(at) <= 0
        assert bool(int(bits[0, 0]) >> unit & 1) == (max(at) > 0)


def chords_of(signs: list[int]) -> tuple:
    n = len(signs) // 4
    bits = np.zeros((1, 1), dtype=np.uint64)
    found = find_chords(
        np.array([0, 4]), np.zeros(n, dtype=np.int64), np.arange(n), 4 * np.arange(n), np.array(signs, np.int8), bits
    )
    return *found, int(bits[0, 0])


def test_chords_from_signs() -> None:
    faces, units, ends, arcs, bad, bits = chords_of([-1, 1, 1, -1, 0, 1, 0, -1, 0, 1, 1, 0, 0, -1, -1, -1, 0, -1, 1, 1])
    # Through two sides; through two corners; along a side; touching a corner; through a corner and a side.
    assert units.tolist() == [0, 1, 4]
    assert faces.tolist() == [0, 0, 0]
    assert ends.tolist() == [[1, 5], [0, 4], [0, 3]]
    assert arcs.tolist() == [1, 1, -1]
    assert bad == -1
    # Only what touches the rim from inside is active all over the face.
    assert bits == 1 << 2


def test_a_chord_has_two_ends() -> None:
    assert chords_of([1, -1, 1, -1])[4] == 0
    # Zeros side by side with both signs beyond them.
    assert chords_of([0, 0, 1, -1])[4] == 0


def on_edges(domain: Box, found: list) -> tuple:
    """The chords of lines, whose signs at the corners are taken from rationals, along the domain's edges."""
    cells = domain_cells(domain)
    corners = [(Fraction(x), Fraction(y)) for x, y in domain.corners.tolist()]
    signs = [(v > 0) - (v < 0) for line in found for v in values(line, corners)]
    _, units, ends, arcs, bad, _ = chords_of(signs)
    assert bad == -1
    rows = np.zeros((len(units), 5))
    rows[:, :3] = np.array(found, dtype=float)[units]
    offsets, chords, positions, runs = cross_edges(
        cells.ring_offsets, cells.rings, cells.ring_edges, cells.edges, cells.edge_faces, cells.points,
        np.zeros(len(units), dtype=np.int64), ends, arcs, rows,
    )  # fmt: skip
    return cells, units, rows, offsets, chords, positions, runs


def test_chords_along_edges() -> None:
    _, _, _, offsets, chords, positions, runs = on_edges(UNIT, [(1, 0, 0), (0, 1, 0), (2, 0, -1)])
    # Bottom to the right, right side up, top to the left, left side down.
    assert offsets.tolist() == [0, 2, 3, 5, 6]
    assert chords.tolist() == [0, 2, 1, 2, 0, 1]
    assert positions.tolist() == [0.5, 0.75, 0.5, 0.25, 0.5, 0.5]
    assert runs.tolist() == []


def test_lines_that_coincide_are_left_to_the_exact_stage() -> None:
    _, _, _, offsets, _, _, runs = on_edges(UNIT, [(1, 0, 0), (3, 0, 0)])
    assert offsets.tolist() == [0, 2, 2, 4, 4]
    assert runs.tolist() == [[0, 0, 2], [2, 2, 4]]


@settings(max_examples=60)
@given(lines)
def test_orders_along_edges_are_true(found: list) -> None:
    cells, units, rows, offsets, chords, positions, runs = on_edges(SQUARE, found)
    assert units.tolist() == [i for i, line in enumerate(found) if crosses(line)]
    doubtful = {i for _, start, stop in runs.tolist() for i in range(start, stop)}
    for edge, (u, v) in enumerate(cells.edges.tolist()):
        here = range(offsets[edge], offsets[edge + 1])
        true = []
        for i in here:
            head, tail = values(found[units[chords[i]]], [CORNERS[u], CORNERS[v]])
            true.append(head / (head - tail))
            assert abs(Fraction(float(positions[i])) - true[-1]) < Fraction(1, 10**12)
        for i, (one, other) in enumerate(pairwise(true), here.start):
            assert one < other or {i, i + 1} <= doubtful
    # With every order decided, the new vertices lie where the lines meet the sides.
    ranks, counts = rank_edges(offsets, np.zeros(len(chords), dtype=bool))
    everything = np.concatenate([cells.lines, rows])
    points, new_lines = edge_points(
        cells.points, cells.edges, cells.edge_lines, everything, len(cells.lines), offsets, chords, positions, ranks,
        counts,
    )  # fmt: skip
    sides = [(0, 1, 4), (1, 0, -4), (0, 1, -4), (1, 0, 4)]
    for point, (side, line) in zip(points.tolist(), new_lines.tolist(), strict=True):
        true = meeting(sides[side], found[units[line - 4]])
        assert true is not None
        for k in range(2):
            assert abs(Fraction(point[k]) - true[k]) <= Fraction(point[3 + k])


def test_ranks_of_tied_crossings() -> None:
    ranks, counts = rank_edges(np.array([0, 3, 3, 5]), np.array([False, True, False, False, False]))
    assert ranks.tolist() == [0, 0, 1, 0, 1]
    assert counts.tolist() == [0, 2, 2, 4]
