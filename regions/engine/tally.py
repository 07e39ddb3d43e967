"""Counting the faces of an arrangement without making them, chord by chord: memory of one chord at a time."""

from __future__ import annotations

import numpy as np

from regions.engine.chords import certify
from regions.engine.compiling import kernel
from regions.engine.filter import crossing, value

__all__ = ["tally"]


@kernel
def tally(
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
