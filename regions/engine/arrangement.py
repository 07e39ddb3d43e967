"""Compiled kernels, part two: the small arrangement of chords inside every face, and the faces that it makes.

Nothing here looks at a coordinate to decide: chords cross where their ends interleave on the rim of a convex face,
rays around a node have the order of the rim places that they lead to, and the order along a chord comes proven.
"""

from __future__ import annotations

import numpy as np

from regions.engine.chords import meet
from regions.engine.compiling import kernel
from regions.engine.filter import certify, crossing, value

__all__ = ["build", "cross_chords", "make_nodes", "place_ends"]


@kernel
def _order_by(keys, n, order):
    """Indices that sort ``keys[:n]``, into ``order[:n]``."""
    if n > 32:
        order[:n] = np.argsort(keys[:n])
        return
    for i in range(n):
        key = keys[i]
        j = i - 1
        while j >= 0 and keys[order[j]] > key:
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = i


@kernel
def place_ends(
    ring_offsets,
    rings,
    ring_edges,
    edge_faces,
    chord_offsets,
    chord_units,
    ends,
    arcs,
    offsets,
    chords,
    ranks,
    counts,
    n_points,
):
    """Lay out the rim of every face with its new points, and the chords' ends on it; join chords that coincide.

    Returns
    -------
    rim_offsets : (F + 1,) int64
    rim_points : int64
        Vertices around face f, new ones included.
    rim_edges : int64
        New edge after each of them, seen in its own direction or against it.
    class_offsets : (F + 1,) int64
    classes : (C, 2) int64
        First and last rim place of every distinct chord of a face.
    member_offsets : (C + 1,) int64
    members : (Q,) int64
        The chords that coincide in it; the first one stands for all.
    arcs_out : (Q,) int8
        Sign on the rim from the first place to the last.
    bad : int
        A face whose rim contradicts its neighbours', or -1.
    """
    n_faces = ring_offsets.shape[0] - 1
    n_chords = ends.shape[0]
    rim_offsets = np.zeros(n_faces + 1, np.int64)
    for f in range(n_faces):
        size = ring_offsets[f + 1] - ring_offsets[f]
        for p in range(ring_offsets[f], ring_offsets[f + 1]):
            e = ring_edges[p]
            size += counts[e + 1] - counts[e]
        rim_offsets[f + 1] = rim_offsets[f] + size
    rim_points = np.empty(rim_offsets[n_faces], np.int64)
    rim_edges = np.empty(rim_offsets[n_faces], np.int64)
    class_offsets = np.zeros(n_faces + 1, np.int64)
    classes = np.empty((n_chords, 2), np.int64)
    member_offsets = np.zeros(n_chords + 1, np.int64)
    members = np.empty(n_chords, np.int64)
    arcs_out = arcs.copy()
    n_classes = 0
    longest = 0
    busiest = 0
    for f in range(n_faces):
        longest = max(longest, ring_offsets[f + 1] - ring_offsets[f])
        busiest = max(busiest, chord_offsets[f + 1] - chord_offsets[f])
    place_of = np.empty(longest, np.int64)
    keys = np.empty(busiest, np.int64)
    order = np.empty(busiest, np.int64)
    for f in range(n_faces):
        first = ring_offsets[f]
        length = ring_offsets[f + 1] - first
        at = rim_offsets[f]
        for p in range(length):
            e = ring_edges[first + p]
            here = counts[e]
            n_new = counts[e + 1] - here
            place_of[p] = at - rim_offsets[f]
            rim_points[at] = rings[first + p]
            if edge_faces[e, 0] == f:
                for i in range(n_new + 1):
                    if i:
                        rim_points[at] = n_points + here + i - 1
                    rim_edges[at] = e + here + i
                    at += 1
            else:
                for i in range(n_new + 1):
                    if i:
                        rim_points[at] = n_points + here + n_new - i
                    rim_edges[at] = e + here + n_new - i
                    at += 1
        low = chord_offsets[f]
        n_here = chord_offsets[f + 1] - low
        if n_here == 0:
            if at - rim_offsets[f] != length:
                return (
                    rim_offsets,
                    rim_points,
                    rim_edges,
                    class_offsets,
                    classes,
                    member_offsets,
                    members,
                    arcs_out,
                    f,
                )
            class_offsets[f + 1] = n_classes
            continue
        size = at - rim_offsets[f]
        for i in range(n_here):
            q = low + i
            first_place = 0
            last_place = 0
            for end in range(2):
                p = ends[q, end] >> 1
                place = place_of[p]
                if ends[q, end] & 1:
                    e = ring_edges[first + p]
                    n_new = counts[e + 1] - counts[e]
                    forward = edge_faces[e, 0] == f
                    rank = -1
                    for j in range(offsets[e], offsets[e + 1]):
                        # The face on the other side knows the same crossing under a chord of its own.
                        if chords[j] == q if forward else chord_units[chords[j]] == chord_units[q]:
                            rank = ranks[j]
                            break
                    if rank < 0:
                        return (
                            rim_offsets, rim_points, rim_edges, class_offsets, classes, member_offsets, members,
                            arcs_out, f,
                        )  # fmt: skip
                    place += 1 + (rank if forward else n_new - 1 - rank)
                if end == 0:
                    first_place = place
                else:
                    last_place = place
            if first_place > last_place:
                first_place, last_place = last_place, first_place
                arcs_out[q] = -arcs_out[q]
            keys[i] = first_place * size + last_place
        _order_by(keys, n_here, order)
        for i in range(n_here):
            key = keys[order[i]]
            if i == 0 or key != keys[order[i - 1]]:
                classes[n_classes, 0] = key // size
                classes[n_classes, 1] = key % size
                member_offsets[n_classes] = low + i
                n_classes += 1
            members[low + i] = low + order[i]
        class_offsets[f + 1] = n_classes
    member_offsets[n_classes] = n_chords
    return (
        rim_offsets,
        rim_points,
        rim_edges,
        class_offsets,
        classes[:n_classes].copy(),
        member_offsets[: n_classes + 1].copy(),
        members,
        arcs_out,
        -1,
    )


@kernel
def cross_chords(rim_offsets, rim_points, points, class_offsets, classes, member_offsets, members, arcs, lines):
    """For every distinct chord, the chords of its face that cross it, ordered from its first end to its last.

    Returns
    -------
    offsets : (C + 1,) int64
    others : int64
        Of class i of a face: the face's classes that cross it, counted from the face's first class.
    positions : float64
        Estimates of t along the chord.
    runs : (K, 3) int64
        Class, start and stop of the runs in `others` whose order must be decided exactly.
    """
    n_faces = rim_offsets.shape[0] - 1
    n_classes = classes.shape[0]
    offsets = np.zeros(n_classes + 1, np.int64)
    for f in range(n_faces):
        low = class_offsets[f]
        high = class_offsets[f + 1]
        for i in range(low, high):
            # Sorted by first place: only the classes that begin inside (a_i, b_i) can cross i from behind.
            for j in range(i + 1, high):
                if classes[j, 0] >= classes[i, 1]:
                    break
                if classes[j, 0] > classes[i, 0] and classes[j, 1] > classes[i, 1]:
                    offsets[i + 1] += 1
                    offsets[j + 1] += 1
    for i in range(n_classes):
        offsets[i + 1] += offsets[i]
    total = offsets[n_classes]
    others = np.empty(total, np.int64)
    positions = np.empty(total)
    lows = np.empty(total)
    highs = np.empty(total)
    fill = offsets[:-1].copy()
    for f in range(n_faces):
        low = class_offsets[f]
        high = class_offsets[f + 1]
        base = rim_offsets[f]
        for i in range(low, high):
            u = rim_points[base + classes[i, 0]]
            v = rim_points[base + classes[i, 1]]
            qi = members[member_offsets[i]]
            for j in range(i + 1, high):
                if classes[j, 0] >= classes[i, 1]:
                    break
                if not (classes[j, 0] > classes[i, 0] and classes[j, 1] > classes[i, 1]):
                    continue
                qj = members[member_offsets[j]]
                # u lies before j's first place, v between j's two places; j's first place lies inside i's arc.
                a, b, c, eg, ec = lines[qj, 0], lines[qj, 1], lines[qj, 2], lines[qj, 3], lines[qj, 4]
                su, bu = value(a, b, c, eg, ec, points[u, 0], points[u, 1], points[u, 2], points[u, 3], points[u, 4])
                sv, bv = value(a, b, c, eg, ec, points[v, 0], points[v, 1], points[v, 2], points[v, 3], points[v, 4])
                at = fill[i]
                positions[at], lows[at], highs[at] = crossing(-arcs[qj] * su, bu, arcs[qj] * sv, bv)
                others[at] = j - low
                fill[i] += 1
                r = rim_points[base + classes[j, 0]]
                s = rim_points[base + classes[j, 1]]
                a, b, c, eg, ec = lines[qi, 0], lines[qi, 1], lines[qi, 2], lines[qi, 3], lines[qi, 4]
                su, bu = value(a, b, c, eg, ec, points[r, 0], points[r, 1], points[r, 2], points[r, 3], points[r, 4])
                sv, bv = value(a, b, c, eg, ec, points[s, 0], points[s, 1], points[s, 2], points[s, 3], points[s, 4])
                at = fill[j]
                positions[at], lows[at], highs[at] = crossing(arcs[qi] * su, bu, -arcs[qi] * sv, bv)
                others[at] = i - low
                fill[j] += 1
    runs = np.empty((16, 3), np.int64)
    n_runs = 0
    for i in range(n_classes):
        runs, n_runs = certify(positions, lows, highs, others, offsets[i], offsets[i + 1], runs, n_runs, i)
    return offsets, others, positions, runs[:n_runs].copy()


@kernel
def make_nodes(class_offsets, offsets, others, tied):
    """Join the crossings that are one point; count nodes and segments of every face.

    Returns
    -------
    node_offsets : (F + 1,) int64
    nodes : int64
        Aligned with `others`: node of the crossing, counted from the face's first.
    segments : (C,) int64
        Number of segments of every class.
    bad : int
        A face whose chords disagree about a common point, or -1.
    """
    n_faces = class_offsets.shape[0] - 1
    node_offsets = np.zeros(n_faces + 1, np.int64)
    nodes = np.empty(others.shape[0], np.int64)
    segments = np.ones(offsets.shape[0] - 1, np.int64)
    widest = 0
    for f in range(n_faces):
        widest = max(widest, class_offsets[f + 1] - class_offsets[f])
    table = np.empty(widest * widest, np.int32)
    for f in range(n_faces):
        low = class_offsets[f]
        n = class_offsets[f + 1] - low
        count = 0
        for i in range(n):
            start = offsets[low + i]
            stop = offsets[low + i + 1]
            while start < stop:
                end = start + 1
                while end < stop and tied[end]:
                    end += 1
                node = -1
                for x in range(start, end):
                    j = others[x]
                    if j < i:
                        if node == -1:
                            node = table[j * n + i]
                        elif node != table[j * n + i]:
                            return node_offsets, nodes, segments, f
                if node == -1:
                    node = count
                    count += 1
                for x in range(start, end):
                    table[i * n + others[x]] = node
                    nodes[x] = node
                segments[low + i] += 1
                start = end
        node_offsets[f + 1] = node_offsets[f] + count
    return node_offsets, nodes, segments, -1


@kernel
def build(
    ring_offsets, edges, edge_faces, rim_offsets, rim_points, rim_edges, chord_units, class_offsets, classes,
    member_offsets, members, arcs, offsets, others, positions, tied, node_offsets, nodes, segments, points, lines_start,
    all_lines, edge_lines, counts, bits,
):  # fmt: skip
    """Cut every face along its chords.

    Returns
    -------
    ring_offsets, rings, ring_edges : int64
        The new faces, in the order of the faces that they come from.
    edges, edge_faces : (E', 2) int64
    edge_lines : (E',) int64
    node_points, node_lines
        The new vertices inside faces: (I, 5) float64 and (I, 2) int64.
    parents : (F',) int64
    bits : (F', words) uint64
    bad : int
        A face of which Euler's formula does not hold, or -1.
    """
    n_faces = ring_offsets.shape[0] - 1
    n_classes = classes.shape[0]
    n_old_points = points.shape[0]
    words = bits.shape[1]

    segment_offsets = np.zeros(n_classes + 1, np.int64)
    for i in range(n_classes):
        segment_offsets[i + 1] = segment_offsets[i] + segments[i]
    n_rim_edges = edges.shape[0] + counts[-1]
    n_edges = n_rim_edges + segment_offsets[n_classes]

    face_offsets = np.zeros(n_faces + 1, np.int64)
    entry_offsets = np.zeros(n_faces + 1, np.int64)
    widest = 0
    for f in range(n_faces):
        n_segments = segment_offsets[class_offsets[f + 1]] - segment_offsets[class_offsets[f]]
        n_nodes = node_offsets[f + 1] - node_offsets[f]
        face_offsets[f + 1] = face_offsets[f] + 1 + n_segments - n_nodes
        size = rim_offsets[f + 1] - rim_offsets[f] + 2 * n_segments
        entry_offsets[f + 1] = entry_offsets[f] + size
        widest = max(widest, size)
    n_new_faces = face_offsets[n_faces]
    out_offsets = np.empty(n_new_faces + 1, np.int64)
    out_offsets[n_new_faces] = entry_offsets[n_faces]
    out_rings = np.empty(entry_offsets[n_faces], np.int64)
    out_ring_edges = np.empty(entry_offsets[n_faces], np.int64)
    out_edges = np.empty((n_edges, 2), np.int64)
    out_edge_faces = np.full((n_edges, 2), -1, np.int64)
    out_edge_lines = np.empty(n_edges, np.int64)
    node_points = np.empty((node_offsets[n_faces], 5))
    node_lines = np.empty((node_offsets[n_faces], 2), np.int64)
    parents = np.empty(n_new_faces, np.int64)
    out_bits = np.empty((n_new_faces, words), np.uint64)

    for e in range(edges.shape[0]):
        n_new = counts[e + 1] - counts[e]
        for i in range(n_new + 1):
            at = e + counts[e] + i
            out_edges[at, 0] = edges[e, 0] if i == 0 else n_old_points - counts[-1] + counts[e] + i - 1
            out_edges[at, 1] = edges[e, 1] if i == n_new else n_old_points - counts[-1] + counts[e] + i
            out_edge_lines[at] = edge_lines[e]

    following = np.empty(widest, np.int64)
    tails = np.empty(widest, np.int64)
    half_edges = np.empty(widest, np.int64)
    owner = np.empty(widest, np.int64)
    half_class = np.empty(widest, np.int64)
    ray_keys = np.empty(widest, np.int64)
    order = np.empty(widest, np.int64)
    seen = np.empty(widest, np.int64)
    stack = np.empty(widest, np.int64)
    starts = np.empty(widest, np.int64)
    done = np.empty(widest, np.bool_)
    for f in range(n_faces):
        rim = rim_offsets[f]
        size = rim_offsets[f + 1] - rim
        low = class_offsets[f]
        n = class_offsets[f + 1] - low
        g = face_offsets[f]
        entry = entry_offsets[f]
        if n == 0:
            out_offsets[g] = entry
            parents[g] = f
            for word in range(words):
                out_bits[g, word] = bits[f, word]
            for b in range(size):
                out_rings[entry + b] = rim_points[rim + b]
                e = rim_edges[rim + b]
                out_ring_edges[entry + b] = e
                side = 0 if out_edges[e, 0] == rim_points[rim + b] else 1
                out_edge_faces[e, side] = g
            continue
        segment_start = segment_offsets[low]
        n_nodes = node_offsets[f + 1] - node_offsets[f]
        n_segments = segment_offsets[low + n] - segment_start
        n_half = size + 2 * n_segments
        # Half-edges: the rim's own 0 … size - 1, then two for every segment, along its chord and against it.
        for b in range(size):
            following[b] = b + 1 if b + 1 < size else 0
            tails[b] = rim_points[rim + b]
            half_edges[b] = rim_edges[rim + b]
            half_class[b] = -1
        for i in range(n):
            c = low + i
            q = members[member_offsets[c]]
            local = segment_offsets[c] - segment_start
            before = rim_points[rim + classes[c, 0]]
            x = offsets[c]
            for s in range(segments[c]):
                if s == segments[c] - 1:
                    after = rim_points[rim + classes[c, 1]]
                else:
                    node = node_offsets[f] + nodes[x]
                    after = n_old_points + node
                    j = others[x]
                    if i < j:
                        node_lines[node, 0] = lines_start + q
                        node_lines[node, 1] = lines_start + members[member_offsets[low + j]]
                        meet(
                            points, rim_points[rim + classes[c, 0]], rim_points[rim + classes[c, 1]], positions[x],
                            all_lines[lines_start + q], all_lines[node_lines[node, 1]], node_points, node,
                        )  # fmt: skip
                    x += 1
                    while x < offsets[c + 1] and tied[x]:
                        x += 1
                e = n_rim_edges + segment_offsets[c] + s
                out_edges[e, 0] = before
                out_edges[e, 1] = after
                out_edge_lines[e] = lines_start + q
                h = size + 2 * (local + s)
                tails[h] = before
                tails[h + 1] = after
                half_edges[h] = e
                half_edges[h + 1] = e
                half_class[h] = c
                half_class[h + 1] = c
                before = after

        # Around a rim point: the rim's edge onwards, then the chords by the place where they end, counted from here.
        n_rays = 2 * n
        for i in range(n):
            a = classes[low + i, 0]
            b = classes[low + i, 1]
            ray_keys[2 * i] = a * size + (b - a)
            ray_keys[2 * i + 1] = b * size + (a - b + size)
        _order_by(ray_keys, n_rays, order)
        at = 0
        while at < n_rays:
            place = ray_keys[order[at]] // size
            outgoing = place
            while at < n_rays and ray_keys[order[at]] // size == place:
                i = order[at] >> 1
                c = low + i
                h = size + 2 * (segment_offsets[c] - segment_start)
                if order[at] & 1:
                    h += 2 * (segments[c] - 1)
                    following[h] = outgoing
                    outgoing = h + 1
                else:
                    following[h + 1] = outgoing
                    outgoing = h
                at += 1
            following[place - 1 if place else size - 1] = outgoing

        # Around an inner node: rays have the cyclic order of the rim places that they lead to.
        if n_nodes:
            n_rays = 0
            for i in range(n):
                n_rays += 2 * (segments[low + i] - 1)
            if n_rays == 4 * n_nodes:
                # Simple crossings only: four rays a node, from two chords with a_i < a_j < b_i < b_j.
                for i in range(n_nodes):
                    seen[i] = -1
                for i in range(n):
                    c = low + i
                    h = size + 2 * (segment_offsets[c] - segment_start)
                    for s in range(segments[c] - 1):
                        node = nodes[offsets[c] + s]
                        if seen[node] < 0:
                            seen[node] = h + 2 * s
                        else:
                            # seen: the earlier class, whose first place comes first.
                            hi = seen[node]
                            hj = h + 2 * s
                            following[hi] = hj + 2
                            following[hj] = hi + 1
                            following[hi + 3] = hj + 1
                            following[hj + 3] = hi + 2
            else:
                keys = ray_keys
                arriving = np.empty(n_rays, np.int64)
                leaving = np.empty(n_rays, np.int64)
                r = 0
                for i in range(n):
                    c = low + i
                    h = size + 2 * (segment_offsets[c] - segment_start)
                    x = offsets[c]
                    for s in range(segments[c] - 1):
                        node = nodes[x]
                        keys[r] = node * size + classes[c, 0]
                        arriving[r] = h + 2 * s
                        leaving[r] = h + 2 * s + 1
                        keys[r + 1] = node * size + classes[c, 1]
                        arriving[r + 1] = h + 2 * s + 3
                        leaving[r + 1] = h + 2 * s + 2
                        r += 2
                        x += 1
                        while x < offsets[c + 1] and tied[x]:
                            x += 1
                _order_by(keys, n_rays, order)
                at = 0
                while at < n_rays:
                    end = at
                    node = keys[order[at]] // size
                    while end < n_rays and keys[order[end]] // size == node:
                        end += 1
                    for r in range(at, end):
                        following[arriving[order[r]]] = leaving[order[r - 1 if r > at else end - 1]]
                    at = end

        for h in range(n_half):
            owner[h] = -1
        fresh = g
        for h in range(n_half):
            if owner[h] >= 0:
                continue
            if fresh == face_offsets[f + 1]:
                return (
                    out_offsets, out_rings, out_ring_edges, out_edges, out_edge_faces, out_edge_lines, node_points,
                    node_lines, parents, out_bits, f,
                )  # fmt: skip
            out_offsets[fresh] = entry
            parents[fresh] = f
            walk = h
            while owner[walk] < 0:
                owner[walk] = fresh
                out_rings[entry] = tails[walk]
                e = half_edges[walk]
                out_ring_edges[entry] = e
                side = 0 if out_edges[e, 0] == tails[walk] else 1
                out_edge_faces[e, side] = fresh
                entry += 1
                walk = following[walk]
            fresh += 1
        if fresh != face_offsets[f + 1] or entry != entry_offsets[f + 1]:
            return (
                out_offsets, out_rings, out_ring_edges, out_edges, out_edge_faces, out_edge_lines, node_points,
                node_lines, parents, out_bits, f,
            )  # fmt: skip

        # The face behind the rim's first edge has known signs; every chord that is stepped over flips its neurons.
        first = owner[0]
        for word in range(words):
            out_bits[first, word] = bits[f, word]
        for i in range(n):
            c = low + i
            for m in range(member_offsets[c], member_offsets[c + 1]):
                q = members[m]
                if (arcs[q] > 0) == (classes[c, 0] == 0):
                    k = chord_units[q]
                    out_bits[first, k >> 6] |= np.uint64(1) << np.uint64(k & 63)
        for i in range(fresh - g):
            done[i] = False
        done[first - g] = True
        stack[0] = owner[0]
        depth = 1
        for h in range(n_half):
            starts[owner[h] - g] = h
        while depth:
            depth -= 1
            here = stack[depth]
            walk = starts[here - g]
            begin = walk
            while True:
                if half_class[walk] >= 0:
                    twin = size + ((walk - size) ^ 1)
                    there = owner[twin]
                    if not done[there - g]:
                        done[there - g] = True
                        for word in range(words):
                            out_bits[there, word] = out_bits[here, word]
                        c = half_class[walk]
                        for m in range(member_offsets[c], member_offsets[c + 1]):
                            k = chord_units[members[m]]
                            out_bits[there, k >> 6] ^= np.uint64(1) << np.uint64(k & 63)
                        stack[depth] = there
                        depth += 1
                walk = following[walk]
                if walk == begin:
                    break
    return (
        out_offsets, out_rings, out_ring_edges, out_edges, out_edge_faces, out_edge_lines, node_points, node_lines,
        parents, out_bits, -1,
    )  # fmt: skip
