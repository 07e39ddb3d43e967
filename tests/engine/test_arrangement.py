"""The arrangement of chords inside a face, by hand on a square and against rationals."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from rational_lines import SQUARE, distinct, inner_points, lines, n_faces, of_lines, values

from regions.engine.arrangement import cross_chords, make_nodes
from regions.engine.cut import Enumeration
from regions.engine.tally import Chords, tally

# The rim of [-1, 1]² with the middles of its sides, from the lower left corner on.
RIM = [(-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0)]
POINTS = np.array([(x, y, 1.0, 0.0, 0.0) for x, y in RIM])
# y = x, x = 0, y = 0, y = -x and y = x - 1, each with its rim places.
ALL = {(0, 4): (1, -1, 0), (1, 5): (1, 0, 0), (3, 7): (0, 1, 0), (2, 6): (1, 1, 0), (1, 3): (1, -1, -1)}


def chords(*places: tuple[int, int]) -> dict[str, np.ndarray]:
    """Arguments of kernels for some chords of that face, of which none coincide."""
    places = tuple(sorted(places))
    arcs = []
    for first, last in places:
        inside = values(ALL[first, last], RIM[first + 1 : last])
        assert all(v > 0 for v in inside) or all(v < 0 for v in inside)
        arcs.append(1 if inside[0] > 0 else -1)
    n = len(places)
    return {
        "rim_offsets": np.array([0, 8]),
        "rim_points": np.arange(8),
        "points": POINTS,
        "class_offsets": np.array([0, n]),
        "classes": np.array(places),
        "member_offsets": np.arange(n + 1),
        "members": np.arange(n),
        "arcs": np.array(arcs, dtype=np.int8),
        "lines": np.array([(*ALL[p], 0.0, 0.0) for p in places]),
    }


def test_chords_cross_where_their_ends_interleave() -> None:
    offsets, others, positions, runs = cross_chords(**chords((1, 5), (3, 7)))
    assert offsets.tolist() == [0, 1, 2]
    assert others.tolist() == [1, 0]
    assert positions.tolist() == [0.5, 0.5]
    assert runs.tolist() == []
    # y = x - 1 begins where x = 0 does, and does not cross it; it ends where y = 0 begins.
    assert cross_chords(**chords((1, 5), (1, 3)))[0].tolist() == [0, 0, 0]
    assert cross_chords(**chords((3, 7), (1, 3)))[0].tolist() == [0, 0, 0]


def test_three_lines_through_one_point_are_left_to_the_exact_stage() -> None:
    offsets, others, _, runs = cross_chords(**chords((0, 4), (1, 5), (3, 7)))
    assert offsets.tolist() == [0, 2, 4, 6]
    assert [sorted(others[i : i + 2].tolist()) for i in (0, 2, 4)] == [[1, 2], [0, 2], [0, 1]]
    assert runs.tolist() == [[0, 0, 2], [1, 2, 4], [2, 4, 6]]


def tallied(**arguments: np.ndarray) -> tuple:
    order = (
        "class_offsets",
        "rim_offsets",
        "rim_points",
        "points",
        "classes",
        "member_offsets",
        "members",
        "arcs",
        "lines",
    )
    n = len(arguments["classes"])
    return tally(0, n, np.zeros(n, dtype=np.int64), *(arguments[name] for name in order))


def test_a_tally_counts_every_point_on_each_of_its_chords() -> None:
    simple, run_classes, run_offsets, run_others, proven = tallied(**chords((1, 5), (3, 7)))
    assert (simple, proven) == (2, 2)
    assert (run_classes.tolist(), run_offsets.tolist(), run_others.tolist()) == ([], [0], [])
    # y = -x crosses y = x - 1 alone in (1/2, -1/2), and y = x and x = 0 in the origin.
    simple, run_classes, run_offsets, run_others, proven = tallied(**chords((0, 4), (1, 3), (1, 5), (2, 6)))
    assert (simple, proven) == (2, 2)
    assert run_classes.tolist() == [0, 2, 3]
    assert [sorted(run_others[i : i + 2].tolist()) for i in (0, 2, 4)] == [[2, 3], [0, 3], [0, 2]]


def test_nodes_of_one_point_and_of_three() -> None:
    offsets, others = np.array([0, 2, 4, 6]), np.array([1, 2, 0, 2, 0, 1])
    classes = np.array([0, 3])
    node_offsets, nodes, segments, bad = make_nodes(classes, offsets, others, np.array([False, True] * 3))
    assert (node_offsets.tolist(), bad) == ([0, 1], -1)
    assert nodes.tolist() == [0] * 6
    assert segments.tolist() == [2, 2, 2]
    node_offsets, nodes, segments, bad = make_nodes(classes, offsets, others, np.zeros(6, dtype=bool))
    assert (node_offsets.tolist(), bad) == ([0, 3], -1)
    # Two chords name their common point alike.
    assert nodes.tolist() == [0, 1, 0, 2, 1, 2]
    assert segments.tolist() == [3, 3, 3]


def test_chords_that_disagree_about_a_point_are_found_out() -> None:
    offsets, others = np.array([0, 2, 4, 6]), np.array([1, 2, 0, 2, 0, 1])
    tied = np.array([False, False, False, False, False, True])
    assert make_nodes(np.array([0, 3]), offsets, others, tied)[3] == 0


def exact(run: Enumeration, vertex: int) -> tuple[Fraction, Fraction]:
    x, y, w = (int(k) for k in run.exact.point(vertex))
    return Fraction(x, w), Fraction(y, w)


@settings(max_examples=60)
@given(lines)
def test_lines_cut_a_square_into_the_faces_that_rationals_say(found: list) -> None:
    run = Enumeration(of_lines(found), SQUARE)
    parents, bits = run.cut()
    cells = run.cells
    assert cells.n_faces == len(parents) == n_faces(found)
    assert not parents.any()
    points = [exact(run, v) for v in range(len(cells.points))]
    assert {p for p in points if max(map(abs, p)) < 4} == set(inner_points(distinct(found)))
    # On which side of every line a face lies, from the middle of its corners, which is off all of them.
    for face in range(cells.n_faces):
        corners = [points[v] for v in cells.rings[cells.ring_offsets[face] : cells.ring_offsets[face + 1]].tolist()]
        middle = tuple(sum(p[k] for p in corners) / len(corners) for k in range(2))
        active = [value > 0 for line in found for value in values(line, [middle])]
        assert [bool(int(bits[face, 0]) >> k & 1) for k in range(len(found))] == active
        # Counter-clockwise and strictly convex.
        turns = [
            (q[0] - p[0]) * (r[1] - q[1]) - (q[1] - p[1]) * (r[0] - q[0])
            for p, q, r in zip(corners, corners[1:] + corners[:1], corners[2:] + corners[:2], strict=True)
        ]
        assert min(turns) > 0


@settings(max_examples=60)
@given(lines)
def test_a_tally_counts_the_faces_that_are_not_made(found: list) -> None:
    run = Enumeration(of_lines(found), SQUARE)
    steps = Chords(run, run.placed())
    meetings = sum((steps.step(i)[0] for i in range(len(steps))), start=Counter())
    assert steps.faces(meetings) == n_faces(found)
    by_size: dict[int, int] = {}
    for meet in inner_points(distinct(found)).values():
        by_size[len(meet)] = by_size.get(len(meet), 0) + len(meet)
    assert +meetings == by_size
