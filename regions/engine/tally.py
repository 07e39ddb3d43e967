"""Counting the faces of an arrangement without making them, chord by chord: memory of one chord at a time."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from regions.engine.compiling import kernel
from regions.engine.filter import certify, crossing, value

if TYPE_CHECKING:
    from regions.engine.cells import Placed
    from regions.engine.cut import Enumeration

__all__ = ["Chords", "tally"]


# Pairs of chords that one step of a tally looks at: some tens of milliseconds.
_TALLY_WORK = 1 << 21


@kernel
def tally(  # type: ignore[no-untyped-def]
    first,
    stop,
    class_faces,
    class_offsets,
    rim_offsets,
    rim_points,
    points,
    classes,
    member_offsets,
    members,
    arcs,
    lines,
):
    """Go along the distinct chords `first` to `stop` and count the points where others cross them.

    Returns
    -------
    simple : int
        Crossings proven to be points of their own, each counted on the chord that is gone along.
    run_classes : (K,) int64
    run_offsets : (K + 1,) int64
    run_others : int64
        Runs whose order is not proven: the chord, and the face's chords that cross it there, counted from the
        face's first.
    proven : int
        Number of orders proven.
    """
    widest = 1
    for f in range(class_offsets.shape[0] - 1):
        widest = max(widest, class_offsets[f + 1] - class_offsets[f])
    others = np.empty(widest, np.int64)
    positions = np.empty(widest)
    lows = np.empty(widest)
    highs = np.empty(widest)
    runs = np.empty((16, 3), np.int64)
    run_classes = np.empty(16, np.int64)
    run_offsets = np.zeros(17, np.int64)
    run_others = np.empty(64, np.int64)
    n_runs = 0
    simple = 0
    proven = 0
    for i in range(first, stop):
        f = class_faces[i]
        low = class_offsets[f]
        base = rim_offsets[f]
        a_i = classes[i, 0]
        b_i = classes[i, 1]
        u = rim_points[base + a_i]
        v = rim_points[base + b_i]
        count = 0
        for j in range(low, class_offsets[f + 1]):
            a_j = classes[j, 0]
            b_j = classes[j, 1]
            if a_j >= b_i:
                break
            later = a_i < a_j and b_i < b_j
            if not later and not (a_j < a_i and a_i < b_j and b_j < b_i):
                continue
            q = members[member_offsets[j]]
            a, b, c, eg, ec = lines[q, 0], lines[q, 1], lines[q, 2], lines[q, 3], lines[q, 4]
            su, bu = value(a, b, c, eg, ec, points[u, 0], points[u, 1], points[u, 2], points[u, 3], points[u, 4])
            sv, bv = value(a, b, c, eg, ec, points[v, 0], points[v, 1], points[v, 2], points[v, 3], points[v, 4])
            # The later chord begins on i's arc, so i begins before it; with the earlier one it is the other way round.
            sign = -arcs[q] if later else arcs[q]
            positions[count], lows[count], highs[count] = crossing(sign * su, bu, -sign * sv, bv)
            others[count] = j - low
            count += 1
        runs, found = certify(positions, lows, highs, others, 0, count, runs, 0, i)
        simple += count
        proven += count
        for r in range(found):
            size = runs[r, 2] - runs[r, 1]
            simple -= size
            proven -= size
            if n_runs == run_classes.shape[0]:
                wider = np.empty(2 * n_runs, np.int64)
                wider[:n_runs] = run_classes
                run_classes = wider
                wider = np.empty(2 * n_runs + 1, np.int64)
                wider[: n_runs + 1] = run_offsets[: n_runs + 1]
                run_offsets = wider
            start = run_offsets[n_runs]
            if start + size > run_others.shape[0]:
                wider = np.empty(2 * (start + size), np.int64)
                wider[:start] = run_others[:start]
                run_others = wider
            run_others[start : start + size] = others[runs[r, 1] : runs[r, 2]]
            run_classes[n_runs] = i
            n_runs += 1
            run_offsets[n_runs] = start + size
    return (
        simple,
        run_classes[:n_runs].copy(),
        run_offsets[: n_runs + 1].copy(),
        run_others[: run_offsets[n_runs]].copy(),
        proven,
    )


class Chords:
    """Counts the faces that a layer makes, chord by chord.

    A chord adds a face, and a point where m chords meet adds m - 1 more. Every point is met on each of its chords, so
    points with m chords are found m times. The enumeration stands in front of the layer whose chords are placed.
    """

    def __init__(self, enumeration: Enumeration, placed: Placed) -> None:
        self._enumeration = enumeration
        self._placed = placed
        sizes = np.diff(placed.rims.class_offsets)
        self._faces = np.repeat(np.arange(enumeration.cells.n_faces), sizes)
        # Steps of about equal work: a chord is held against all chords of its face.
        work = np.cumsum(sizes[self._faces])
        total = int(work[-1]) if len(work) else 0
        steps = max(1, -(-total // _TALLY_WORK))
        bounds = np.searchsorted(work, np.linspace(0, total, steps + 1)[1:-1]).tolist()
        self._steps = list(pairwise([0, *bounds, len(self._faces)]))

    def __len__(self) -> int:
        """Number of steps."""
        return len(self._steps)

    def step(self, i: int) -> tuple[Counter[int], int, int]:
        """Go along some of the chords: how many points with m chords are on them; decisions proven and decided."""
        enumeration, placed, rims = self._enumeration, self._placed, self._placed.rims
        simple, run_classes, run_offsets, run_others, proven = tally(
            *self._steps[i], self._faces, rims.class_offsets, rims.offsets, rims.points, enumeration.cells.points,
            rims.classes, rims.member_offsets, rims.members, rims.arcs, placed.lines,
        )  # fmt: skip
        meetings = Counter({2: int(simple)})
        decided = 0
        known: tuple[int, list[frozenset[int]]] = (-1, [])
        for i, (start, stop) in zip(run_classes.tolist(), pairwise(run_offsets.tolist()), strict=True):
            if self._faces[i] != known[0]:
                known = (self._faces[i], [])
            others = run_others[start:stop]
            _, ties, more = enumeration.order_run(enumeration.level, i, others, rims, placed.chord_units, known[1])
            decided += more
            size = 1
            for tie in [*ties[1:], False]:
                size += 1
                if not tie:
                    meetings[size] += 1
                    size = 1
        return meetings, int(proven), decided

    def faces(self, meetings: Counter[int], complete: bool = True) -> int:
        """The faces behind the layer, from the sum over the steps; where some are left out at least so many."""
        if complete and any(found % m for m, found in meetings.items()):
            raise self._enumeration.fail(f"Layer {self._enumeration.level}: chords disagree about shared points.")
        more = sum(found // m * (m - 1) for m, found in meetings.items())
        return int(self._enumeration.cells.n_faces + len(self._faces) + more)
