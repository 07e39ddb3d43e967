"""Compiled kernels, part one: which neurons cross which faces, and where on the faces' edges.

A *chord* is the part of a neuron's zero line inside a face. Signs are -1, 0, 1; `UNKNOWN` marks what the filter
could not prove and the caller must decide exactly before the next kernel runs.
"""

from __future__ import annotations

import math

import numpy as np

from regions.arithmetic.floats import TINY, U
from regions.engine.compiling import kernel
from regions.engine.filter import INFLATE, certify, crossing, value, vertex_error

__all__ = ["UNKNOWN", "classify", "cross_edges", "edge_points", "find_chords", "rank_edges"]

UNKNOWN = 2


@kernel
def _grown(array, needed):
    if needed <= array.shape[0]:
        return array
    bigger = np.empty(max(needed, 2 * array.shape[0]), array.dtype)
    bigger[: array.shape[0]] = array
    return bigger


@kernel(inline="always")
def _margin(a, b, c, eg, ec, mid_x, mid_y, reach_x, reach_y, far_x, far_y):
    """Value of a line in the middle of a box, and how far it is from vanishing anywhere in the box.

    The distance is proven where it is > 0 and finite: a value that overflowed proves nothing, not even its sign.
    """
    s = a * mid_x + b * mid_y + c
    bound = abs(a) * (reach_x + 8.0 * U * far_x) + abs(b) * (reach_y + 8.0 * U * far_y) + 8.0 * U * abs(c)
    bound += eg * (far_x + far_y) + ec
    return s, abs(s) - (bound * INFLATE + TINY)


@kernel
def classify(
    ring_offsets, rings, points, coefficients, row_norms, bias_errors, g_errors, c_errors, tiny, kinked, bits, errors
):
    """Signs of the neurons on the faces: whole faces where that is proven, vertex by vertex where it is not.

    Parameters
    ----------
    ring_offsets : (F + 1,) int64
    rings : (N,) int64
    points : (V, 5) float64
        x, y, w and the bounds dx, dy.
    coefficients : (F, 3, M) float64
        Pre-activation maps of the layer's M units on the faces.
    row_norms, bias_errors : (M,) float64
    g_errors, c_errors : (F,) float64
        The error of unit k's gradient on face f is at most ``row_norms[k] * g_errors[f] + tiny``, that of its
        offset at most ``row_norms[k] * c_errors[f] + bias_errors[k] + tiny``.
    kinked : (M,) bool
    bits : (F, words) uint64
        Set where a neuron is proven active on a whole face.
    errors : (F, 2, M) float64
        Bounds for every unit on every face instead of the four above; empty where those hold.

    Returns
    -------
    faces, units, starts : (C,) int64
        The candidates: pairs of a face and a unit whose sign is not proven constant.
    signs : int8
        Of candidate i at its face's vertices from ``starts[i]``.
    unknown_at, unknown_vertex, unknown_unit : (K,) int64
        Places in `signs` that are `UNKNOWN`.
    proven : int
        Number of signs proven.
    """
    n_faces = ring_offsets.shape[0] - 1
    n_units = row_norms.shape[0]
    own_errors = errors.shape[0] > 0
    faces = np.empty(64, np.int64)
    units = np.empty(64, np.int64)
    starts = np.empty(64, np.int64)
    signs = np.empty(256, np.int8)
    unknown_at = np.empty(16, np.int64)
    unknown_vertex = np.empty(16, np.int64)
    unknown_unit = np.empty(16, np.int64)
    n_candidates = 0
    n_signs = 0
    n_unknown = 0
    proven = 0
    centre_values = np.empty(n_units)
    margins = np.empty(n_units)
    open_units = np.empty(n_units + 1, np.int64)
    for f in range(n_faces):
        first = ring_offsets[f]
        length = ring_offsets[f + 1] - first
        low_x = math.inf
        low_y = math.inf
        high_x = -math.inf
        high_y = -math.inf
        finite = True
        for p in range(first, first + length):
            v = rings[p]
            finite &= points[v, 2] != 0.0
            low_x = min(low_x, points[v, 0] - points[v, 3])
            high_x = max(high_x, points[v, 0] + points[v, 3])
            low_y = min(low_y, points[v, 1] - points[v, 4])
            high_y = max(high_y, points[v, 1] + points[v, 4])
        mid_x = 0.5 * low_x + 0.5 * high_x
        mid_y = 0.5 * low_y + 0.5 * high_y
        reach_x = max(high_x - mid_x, mid_x - low_x) * INFLATE + 8.0 * U * (abs(low_x) + abs(high_x)) + TINY
        reach_y = max(high_y - mid_y, mid_y - low_y) * INFLATE + 8.0 * U * (abs(low_y) + abs(high_y)) + TINY
        far_x = abs(mid_x) + reach_x
        far_y = abs(mid_y) + reach_y
        if not finite:
            far_x = math.inf
        g_error = g_errors[f]
        c_error = c_errors[f]
        if own_errors:
            for k in range(n_units):
                centre_values[k], margins[k] = _margin(
                    coefficients[f, 0, k], coefficients[f, 1, k], coefficients[f, 2, k], errors[f, 0, k],
                    errors[f, 1, k], mid_x, mid_y, reach_x, reach_y, far_x, far_y,
                )  # fmt: skip
        else:
            for k in range(n_units):
                centre_values[k], margins[k] = _margin(
                    coefficients[f, 0, k], coefficients[f, 1, k], coefficients[f, 2, k], row_norms[k] * g_error + tiny,
                    row_norms[k] * c_error + bias_errors[k] + tiny, mid_x, mid_y, reach_x, reach_y, far_x, far_y,
                )  # fmt: skip
        # Without branches: which units are active is as good as random to the processor.
        n_open = 0
        for word in range(bits.shape[1]):
            found = np.uint64(0)
            for k in range(64 * word, min(64 * word + 64, n_units)):
                sure = kinked[k] & (margins[k] > 0.0) & (margins[k] < math.inf)
                proven += sure
                found |= np.uint64(sure & (centre_values[k] > 0.0)) << np.uint64(k & 63)
                open_units[n_open] = k
                n_open += kinked[k] & (not sure)
            bits[f, word] |= found
        for i in range(n_open):
            k = open_units[i]
            a = coefficients[f, 0, k]
            b = coefficients[f, 1, k]
            c = coefficients[f, 2, k]
            if own_errors:
                eg = errors[f, 0, k]
                ec = errors[f, 1, k]
                exact = eg == 0.0 and ec == 0.0
            else:
                eg = row_norms[k] * g_error + tiny
                ec = row_norms[k] * c_error + bias_errors[k] + tiny
                exact = row_norms[k] == 0.0 or (g_error == 0.0 and c_error == 0.0)
            if a == 0.0 and b == 0.0 and c == 0.0 and exact:
                # Products of exact zeros only: the neuron vanishes on the whole face.
                proven += 1
                continue
            if n_signs + length > signs.shape[0]:
                signs = _grown(signs, n_signs + length)
            plus = False
            minus = False
            open_ = 0
            for p in range(length):
                v = rings[first + p]
                s, bound = value(a, b, c, eg, ec, points[v, 0], points[v, 1], points[v, 2], points[v, 3], points[v, 4])
                if s > bound:
                    signs[n_signs + p] = 1
                    plus = True
                elif s < -bound:
                    signs[n_signs + p] = -1
                    minus = True
                else:
                    signs[n_signs + p] = UNKNOWN
                    open_ += 1
            proven += length - open_
            if open_ == 0 and not (plus and minus):
                if plus:
                    bits[f, k >> 6] |= np.uint64(1) << np.uint64(k & 63)
                continue
            if open_ > 0:
                if n_unknown + length > unknown_at.shape[0]:
                    unknown_at = _grown(unknown_at, n_unknown + length)
                    unknown_vertex = _grown(unknown_vertex, n_unknown + length)
                    unknown_unit = _grown(unknown_unit, n_unknown + length)
                for p in range(length):
                    if signs[n_signs + p] == UNKNOWN:
                        unknown_at[n_unknown] = n_signs + p
                        unknown_vertex[n_unknown] = rings[first + p]
                        unknown_unit[n_unknown] = k
                        n_unknown += 1
            if n_candidates == faces.shape[0]:
                faces = _grown(faces, n_candidates + 1)
                units = _grown(units, n_candidates + 1)
                starts = _grown(starts, n_candidates + 1)
            faces[n_candidates] = f
            units[n_candidates] = k
            starts[n_candidates] = n_signs
            n_candidates += 1
            n_signs += length
    return (
        faces[:n_candidates].copy(),
        units[:n_candidates].copy(),
        starts[:n_candidates].copy(),
        signs[:n_signs].copy(),
        unknown_at[:n_unknown].copy(),
        unknown_vertex[:n_unknown].copy(),
        unknown_unit[:n_unknown].copy(),
        proven,
    )


@kernel
def find_chords(ring_offsets, faces, units, starts, signs, bits):
    """Turn candidates with decided signs into chords.

    Returns
    -------
    chord_faces, chord_units : (Q,) int64
    ends : (Q, 2) int64
        ``2 * p`` for the vertex at place p of the face's ring, ``2 * p + 1`` for a point inside the edge after it;
        the smaller one first.
    arcs : (Q,) int8
        Sign on the part of the rim between the first end and the second.
    bad : int
        A face with a chord that does not have exactly two ends, or -1.
    """
    n = faces.shape[0]
    chord_faces = np.empty(n, np.int64)
    chord_units = np.empty(n, np.int64)
    ends = np.empty((n, 2), np.int64)
    arcs = np.empty(n, np.int8)
    count = 0
    for i in range(n):
        f = faces[i]
        length = ring_offsets[f + 1] - ring_offsets[f]
        start = starts[i]
        plus = False
        minus = False
        for p in range(length):
            plus |= signs[start + p] > 0
            minus |= signs[start + p] < 0
        if not (plus and minus):
            if plus:
                k = units[i]
                bits[f, k >> 6] |= np.uint64(1) << np.uint64(k & 63)
            continue
        found = 0
        arc = 0
        for p in range(length):
            here = signs[start + p]
            after = signs[start + (p + 1 if p + 1 < length else 0)]
            end = -1
            if here == 0:
                end = 2 * p
            elif here * after < 0:
                end = 2 * p + 1
            if end >= 0:
                if found == 2:
                    return chord_faces[:0], chord_units[:0], ends[:0], arcs[:0], f
                ends[count, found] = end
                if found == 0:
                    arc = after
                found += 1
        if found != 2 or arc == 0:
            return chord_faces[:0], chord_units[:0], ends[:0], arcs[:0], f
        chord_faces[count] = f
        chord_units[count] = units[i]
        arcs[count] = arc
        count += 1
    return (
        chord_faces[:count].copy(),
        chord_units[:count].copy(),
        ends[:count].copy(),
        arcs[:count].copy(),
        -1,
    )


@kernel
def cross_edges(ring_offsets, rings, ring_edges, edges, edge_faces, points, chord_faces, ends, arcs, lines):
    """Order the chords that end inside each edge along that edge, seen from the face to its left.

    Parameters
    ----------
    lines : (Q, 5) float64
        Coefficients a, b, c and error bounds of the chords' lines.

    Returns
    -------
    offsets : (E + 1,) int64
    chords : int64
        The chords on edge e from its first vertex to its last: ``chords[offsets[e]:offsets[e + 1]]``.
    positions : float64
        Estimates of t along the edge.
    runs : (K, 3) int64
        Edge, start and stop of the runs in `chords` whose order must be decided exactly.
    """
    n_edges = edges.shape[0]
    offsets = np.zeros(n_edges + 1, np.int64)
    for q in range(chord_faces.shape[0]):
        f = chord_faces[q]
        for end in range(2):
            if ends[q, end] & 1:
                e = ring_edges[ring_offsets[f] + (ends[q, end] >> 1)]
                if edge_faces[e, 0] == f:
                    offsets[e + 1] += 1
    for e in range(n_edges):
        offsets[e + 1] += offsets[e]
    total = offsets[n_edges]
    fill = offsets[:-1].copy()
    chords = np.empty(total, np.int64)
    positions = np.empty(total)
    lows = np.empty(total)
    highs = np.empty(total)
    for q in range(chord_faces.shape[0]):
        f = chord_faces[q]
        for end in range(2):
            if not ends[q, end] & 1:
                continue
            e = ring_edges[ring_offsets[f] + (ends[q, end] >> 1)]
            if edge_faces[e, 0] != f:
                continue
            u = edges[e, 0]
            v = edges[e, 1]
            a, b, c, eg, ec = lines[q, 0], lines[q, 1], lines[q, 2], lines[q, 3], lines[q, 4]
            su, bu = value(a, b, c, eg, ec, points[u, 0], points[u, 1], points[u, 2], points[u, 3], points[u, 4])
            sv, bv = value(a, b, c, eg, ec, points[v, 0], points[v, 1], points[v, 2], points[v, 3], points[v, 4])
            # Behind the first end the sign is the arc's, before it the opposite one; at the second end the reverse.
            sign = -arcs[q] if end == 0 else arcs[q]
            i = fill[e]
            positions[i], lows[i], highs[i] = crossing(su * sign, bu, -sv * sign, bv)
            chords[i] = q
            fill[e] += 1
    runs = np.empty((16, 3), np.int64)
    n_runs = 0
    for e in range(n_edges):
        runs, n_runs = certify(positions, lows, highs, chords, offsets[e], offsets[e + 1], runs, n_runs, e)
    return offsets, chords, positions, runs[:n_runs].copy()


@kernel
def rank_edges(offsets, tied):
    """Number the distinct points on each edge: the place of every crossing among them, and how many there are."""
    n_edges = offsets.shape[0] - 1
    ranks = np.empty(tied.shape[0], np.int64)
    counts = np.zeros(n_edges + 1, np.int64)
    for e in range(n_edges):
        rank = -1
        for i in range(offsets[e], offsets[e + 1]):
            if not tied[i]:
                rank += 1
            ranks[i] = rank
        counts[e + 1] = counts[e] + rank + 1
    return ranks, counts


@kernel
def meet(points, u, v, t, line_1, line_2, out, out_at):
    """Store the point at t between two vertices, with the error bound that the two lines through it give."""
    x = (1.0 - t) * points[u, 0] + t * points[v, 0]
    y = (1.0 - t) * points[u, 1] + t * points[v, 1]
    x = min(max(x, min(points[u, 0], points[v, 0])), max(points[u, 0], points[v, 0]))
    y = min(max(y, min(points[u, 1], points[v, 1])), max(points[u, 1], points[v, 1]))
    a1, b1, c1, eg1, ec1 = line_1[0], line_1[1], line_1[2], line_1[3], line_1[4]
    a2, b2, c2, eg2, ec2 = line_2[0], line_2[1], line_2[2], line_2[3], line_2[4]
    dx, dy = vertex_error(x, y, a1, b1, c1, eg1, ec1, a2, b2, c2, eg2, ec2)
    for _ in range(3):
        if dx + dy <= 2.0**-48 * (abs(x) + abs(y)):
            break
        # On an edge much longer than the coordinates are large interpolation is coarse, and Newton's method is not.
        r1 = a1 * x + b1 * y + c1
        r2 = a2 * x + b2 * y + c2
        determinant = a1 * b2 - a2 * b1
        nearer_x = x - (b2 * r1 - b1 * r2) / determinant
        nearer_y = y - (a1 * r2 - a2 * r1) / determinant
        ex, ey = vertex_error(nearer_x, nearer_y, a1, b1, c1, eg1, ec1, a2, b2, c2, eg2, ec2)
        if not ex + ey < 0.5 * (dx + dy):
            break
        x, y, dx, dy = nearer_x, nearer_y, ex, ey
    out[out_at, 0] = x
    out[out_at, 1] = y
    out[out_at, 2] = 1.0
    out[out_at, 3] = dx
    out[out_at, 4] = dy


@kernel
def edge_points(points, edges, edge_lines, all_lines, line_start, offsets, chords, positions, ranks, counts):
    """The new vertices on the edges, each with the two lines through it."""
    total = counts[-1]
    new_points = np.empty((total, 5))
    new_lines = np.empty((total, 2), np.int64)
    for e in range(edges.shape[0]):
        for i in range(offsets[e], offsets[e + 1]):
            if i > offsets[e] and ranks[i] == ranks[i - 1]:
                continue
            at = counts[e] + ranks[i]
            line = line_start + chords[i]
            meet(
                points,
                edges[e, 0],
                edges[e, 1],
                positions[i],
                all_lines[edge_lines[e]],
                all_lines[line],
                new_points,
                at,
            )
            new_lines[at, 0] = edge_lines[e]
            new_lines[at, 1] = line
    return new_points, new_lines
