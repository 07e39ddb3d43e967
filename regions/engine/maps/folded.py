"""A block of faces goes through all further layers in one compiled call, by floats alone: to be counted, or whole.

On a compact block most neurons have one sign. Only the few that change sign there (the *basis*) are kept by
name; every other one is folded into the affine part, so a layer's pre-activations are a small matrix K applied to
(x, y, 1) and to the basis neurons' activations. Any sign or order that the error bounds do not prove ends the call:
the block is then cut again by :class:`regions.engine.cut.Enumeration`, which decides it exactly.
"""

from __future__ import annotations

import math

import numpy as np

from regions.arithmetic.floats import TINY, U
from regions.engine.arrangement import build, cross_chords, make_nodes, place_ends
from regions.engine.cells import restrict
from regions.engine.chords import classify, cross_edges, edge_points, find_chords, rank_edges
from regions.engine.compiling import kernel
from regions.engine.filter import INFLATE

__all__ = ["DOUBT", "TOO_LARGE", "cut_block"]

DOUBT = -1
TOO_LARGE = -2


@kernel
def _norm(values, stride):
    """Upper bound on the 2-norm of a vector; infinite where its squares overflow, never too small."""
    total = 0.0
    for i in range(0, values.shape[0], stride):
        total += values[i] * values[i]
    return math.sqrt(total) * (1.0 + (values.shape[0] + 8) * U) + values.shape[0] * 2.0**-500


@kernel
def _differences(bits):
    """Words of the bits that are not the same on all faces."""
    found = np.zeros(bits.shape[1], np.uint64)
    for f in range(1, bits.shape[0]):
        for word in range(bits.shape[1]):
            found[word] |= bits[f, word] ^ bits[0, word]
    return found


@kernel
def _first_basis(bits, lines, below, above):
    """Basis, affine part and the basis' activations behind the first layer, and the affine part's errors.

    `lines` is (M, 5) float64: coefficients a, b, c and bounds on the errors of a and b, and of c.
    """
    n_faces = bits.shape[0]
    n = lines.shape[0]
    varies = np.zeros(n, np.bool_)
    first = np.zeros(n, np.bool_)
    count = 0
    differ = _differences(bits)
    for k in range(n):
        if below[k] == above[k]:
            continue
        first[k] = (bits[0, k >> 6] >> np.uint64(k & 63)) & np.uint64(1) != 0
        varies[k] = (differ[k >> 6] >> np.uint64(k & 63)) & np.uint64(1) != 0
        count += varies[k]
    after = np.zeros((n, 3 + count))
    values = np.empty((n_faces, 3, count))
    squares = np.zeros((n_faces, 2))
    sums = np.zeros(2)
    inexact = False
    u = 0
    for k in range(n):
        if varies[k]:
            after[k, 3 + u] = 1.0
            for f in range(n_faces):
                on = (bits[f, k >> 6] >> np.uint64(k & 63)) & np.uint64(1) != 0
                slope = above[k] if on else below[k]
                for c in range(3):
                    values[f, c, u] = slope * lines[k, c]
                # The product with a slope is rounded once; 0 and ±1 are not, but this costs nothing.
                g = U * max(abs(values[f, 0, u]), abs(values[f, 1, u])) + abs(slope) * lines[k, 3]
                squares[f, 0] += g * g
                squares[f, 1] += (U * abs(values[f, 2, u]) + abs(slope) * lines[k, 4]) ** 2
            u += 1
        else:
            slope = above[k] if first[k] else below[k]
            for c in range(3):
                after[k, c] = slope * lines[k, c]
            inexact |= lines[k, 3] > 0.0 or lines[k, 4] > 0.0
            sums[0] += (slope * lines[k, 3]) ** 2
            sums[1] += (slope * lines[k, 4]) ** 2
    errors = np.zeros(3 + count)
    for c in range(3):
        own = math.sqrt(sums[0 if c < 2 else 1]) * (1.0 + (n + 8) * U)
        errors[c] = (U * _norm(np.ascontiguousarray(after[:, c]), 1) + own) * INFLATE
        if inexact:
            # Squares may have underflowed.
            errors[c] += n * 2.0**-500
    for f in range(n_faces):
        squares[f, 0] *= INFLATE
        squares[f, 1] *= INFLATE
    return after, values, squares, errors


@kernel
def _ranges(ring_offsets, rings, points, values, squares):
    """Middle, radius and largest absolute value of every basis neuron's activation over all faces: (basis, 3).

    It is affine on a face, so the face's vertices say everything; `squares` bound the errors of its coefficients.
    """
    n_basis = values.shape[2]
    least = np.full(n_basis, math.inf)
    most = np.full(n_basis, -math.inf)
    for f in range(values.shape[0]):
        error_g = math.sqrt(squares[f, 0]) + n_basis * 2.0**-500
        error_c = math.sqrt(squares[f, 1]) + n_basis * 2.0**-500
        for p in range(ring_offsets[f], ring_offsets[f + 1]):
            v = rings[p]
            x = points[v, 0]
            y = points[v, 1]
            dx = points[v, 3]
            dy = points[v, 4]
            around = error_g * (abs(x) + abs(y) + dx + dy) + error_c
            for u in range(n_basis):
                tx = values[f, 0, u]
                ty = values[f, 1, u]
                tc = values[f, 2, u]
                s = tx * x + ty * y + tc
                reach = abs(tx) * dx + abs(ty) * dy + around
                reach += 8.0 * U * (abs(tx * x) + abs(ty * y) + abs(tc)) + TINY
                reach *= INFLATE
                if not (abs(s) + reach < math.inf):
                    s = 0.0
                    reach = math.inf
                least[u] = min(least[u], s - reach)
                most[u] = max(most[u], s + reach)
    out = np.empty((n_basis, 3))
    for u in range(n_basis):
        out[u, 0] = 0.5 * least[u] + 0.5 * most[u]
        out[u, 1] = (0.5 * most[u] - 0.5 * least[u]) * INFLATE + 8.0 * U * (abs(least[u]) + abs(most[u])) + TINY
        out[u, 2] = abs(out[u, 0]) + out[u, 1]
    return out


@kernel
def _face_errors(values, starts_of, sizes_of, parents_of, n_levels, squares, column_errors, short_gamma):
    """Bounds on the errors of the lines on every face of the last level, level by level along its ancestors."""
    columns = column_errors.shape[0]
    sums = np.empty((1, 6))
    column = 3
    for level in range(n_levels):
        n_faces = sizes_of[level, 0]
        n_basis = sizes_of[level, 1]
        at = starts_of[level, 0]
        up = starts_of[level, 1]
        here = np.empty((n_faces, 6))
        for f in range(n_faces):
            if level:
                parent = parents_of[up + f]
                for i in range(6):
                    here[f, i] = sums[parent, i]
            else:
                for i in range(3):
                    here[f, i] = column_errors[i]
                    here[f, 3 + i] = 1.0
            for c in range(3):
                error = 0.0
                square = 0.0
                for u in range(n_basis):
                    t = abs(values[at + u])
                    error += column_errors[column + u] * t
                    square += t * t
                at += n_basis
                here[f, c] += error
                here[f, 3 + c] += square
        sums = here
        column += n_basis
    n_faces = sums.shape[0]
    g_errors = np.empty(n_faces)
    c_errors = np.empty(n_faces)
    slack = 1.0 + (4 * columns + 64) * U
    lost = columns * 2.0**-500
    for f in range(n_faces):
        ex = sums[f, 0]
        if not (ex < math.inf and sums[f, 1] < math.inf):
            # max() may drop a NaN, and a bound that is lost would prove what is not true.
            ex = math.inf
        root = math.sqrt(max(sums[f, 3], sums[f, 4]))
        g_errors[f] = (max(ex, sums[f, 1]) + math.sqrt(squares[f, 0]) + lost + short_gamma * root) * slack + TINY
        root = math.sqrt(sums[f, 5])
        c_errors[f] = (sums[f, 2] + math.sqrt(squares[f, 1]) + lost + short_gamma * root) * slack + TINY
    return g_errors, c_errors


@kernel
def _coefficients(values, starts_of, sizes_of, parents_of, n_levels, narrow):
    """Pre-activations on all faces: each level's product is made once, on that level's faces, and handed down."""
    n_active = narrow.shape[1]
    total = np.empty((1, 3, n_active))
    column = 3
    for level in range(n_levels):
        n_faces = sizes_of[level, 0]
        n_basis = sizes_of[level, 1]
        at = starts_of[level, 0]
        up = starts_of[level, 1]
        if n_basis:
            block = values[at : at + 3 * n_faces * n_basis].reshape(3 * n_faces, n_basis)
            here = np.dot(block, narrow[column : column + n_basis]).reshape(n_faces, 3, n_active)
        else:
            here = np.zeros((n_faces, 3, n_active))
        if level:
            for f in range(n_faces):
                parent = parents_of[up + f]
                for c in range(3):
                    for i in range(n_active):
                        here[f, c, i] += total[parent, c, i]
        else:
            for f in range(n_faces):
                for c in range(3):
                    for i in range(n_active):
                        here[f, c, i] += narrow[c, i]
        total = here
        column += n_basis
    return total


@kernel
def _nothing():
    """What comes back where no face is wanted, or none was found."""
    return (
        np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 2), np.int64),
        np.empty((0, 2), np.int64), np.empty(0, np.int64), np.empty((0, 5)), np.empty((0, 5)),
        np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64),
        np.empty((0, 0), np.uint8), np.empty((0, 3, 0)),
    )  # fmt: skip


@kernel
def _first_patterns(bits, below, above, n_bytes, neuron):
    """Patterns of the faces behind the first layer, as `numpy.packbits` packs them, and the first neuron that is left.

    Neurons of earlier layers are the domain's half-planes, and active.
    """
    n_faces = bits.shape[0]
    differ = _differences(bits)
    same = np.zeros(n_bytes, np.uint8)
    varying = np.empty(below.shape[0], np.int64)
    neurons = np.empty(below.shape[0], np.int64)
    count = 0
    for k in range(neuron):
        same[k >> 3] |= np.uint8(128 >> (k & 7))
    for k in range(below.shape[0]):
        if below[k] == above[k]:
            continue
        if (differ[k >> 6] >> np.uint64(k & 63)) & np.uint64(1):
            varying[count] = k
            neurons[count] = neuron
            count += 1
        elif (bits[0, k >> 6] >> np.uint64(k & 63)) & np.uint64(1):
            same[neuron >> 3] |= np.uint8(128 >> (neuron & 7))
        neuron += 1
    out = np.empty((n_faces, n_bytes), np.uint8)
    for f in range(n_faces):
        for b in range(n_bytes):
            out[f, b] = same[b]
        for i in range(count):
            k = varying[i]
            if (bits[f, k >> 6] >> np.uint64(k & 63)) & np.uint64(1):
                out[f, neurons[i] >> 3] |= np.uint8(128 >> (neurons[i] & 7))
    return out, neuron


@kernel
def _next_patterns(patterns, parents, on, active, bits, neuron_of):
    """Patterns with a layer's units added: those of one sign on the whole block, and the active ones face by face."""
    n_bytes = patterns.shape[1]
    same = np.zeros(n_bytes, np.uint8)
    for k in range(on.shape[0]):
        if on[k] and neuron_of[k] >= 0:
            same[neuron_of[k] >> 3] |= np.uint8(128 >> (neuron_of[k] & 7))
    out = np.empty((parents.shape[0], n_bytes), np.uint8)
    for g in range(parents.shape[0]):
        f = parents[g]
        for b in range(n_bytes):
            out[g, b] = patterns[f, b] | same[b]
        for i in range(active.shape[0]):
            if (bits[g, i >> 6] >> np.uint64(i & 63)) & np.uint64(1):
                neuron = neuron_of[active[i]]
                out[g, neuron >> 3] |= np.uint8(128 >> (neuron & 7))
    return out


@kernel
def cut_block(
    ring_offsets, rings, ring_edges, edges, edge_faces, edge_lines, points, lines, faces, first_bits, first_lines,
    first, limit, whole, first_origins, n_bytes, first_neuron,
    sizes, weights, biases, below, above, row_norms, spectral, frobenius, bias_norms, last,
):  # fmt: skip
    """Cut some faces of the complex behind the first layer that has neurons, by all the others.

    Parameters
    ----------
    faces : (B,) int64
    first_bits : (F, words) uint64
        The active units of that layer, on all faces.
    first_lines : (M, 5) float64
        The pre-activations of its units, the same on all faces, with the bounds on their errors.
    first : int
        Which layer that is.
    limit : int
        Bytes that the block's largest arrays may take.
    whole : bool
        Whether the faces are wanted, or their number alone: then the last layer's faces are never made.
    first_origins : (N,) int64
        The neuron on whose line every line lies, or -1 minus the side of the domain.
    n_bytes : int
        Of a packed pattern.
    first_neuron : int
        How many neurons come before that layer's.

    Returns
    -------
    count : int
        `DOUBT` where a bound did not prove a decision, `TOO_LARGE` where the limit does not suffice.
    proven : int
        Number of decisions proven.
    block : tuple
        As :class:`regions.engine.blocks.Block`; empty where the number alone is wanted.
    """
    ring_offsets, rings, ring_edges, edges, edge_faces, edge_lines, which_points, which_lines = restrict(
        ring_offsets, rings, ring_edges, edges, edge_faces, edge_lines, points.shape[0], lines.shape[0], faces
    )
    points = points[which_points]
    lines = lines[which_lines]
    bits = first_bits[faces]
    origins = first_origins[which_lines]
    # Where the parts of every edge that was there start: they follow one another, in order along it.
    edge_starts = np.arange(edges.shape[0] + 1)
    ancestors = np.arange(faces.shape[0])
    at_weight = 0
    at_unit = 0
    for layer in range(first):
        at_weight += sizes[layer, 0] * sizes[layer, 1]
        at_unit += sizes[layer, 0]
    n_first = sizes[first, 0]
    # Rows of `after` are the units of the layer before, its columns x, y, 1 and the basis.
    after, first_values, squares, after_errors = _first_basis(
        bits, first_lines, below[at_unit : at_unit + n_first], above[at_unit : at_unit + n_first]
    )
    patterns = np.empty((0, 0), np.uint8)
    n_before = 0
    if whole:
        patterns, n_before = _first_patterns(
            bits, below[at_unit : at_unit + n_first], above[at_unit : at_unit + n_first], n_bytes, first_neuron
        )
    # A basis neuron's activation is stored once for each face behind its own layer, and looked up by later faces
    # through
    # their ancestors. Of every level: where its values and its faces' parents start, the number of faces and of
    # neurons.
    n_levels = 1
    values = first_values.ravel()
    starts_of = np.zeros((last - first + 1, 2), np.int64)
    sizes_of = np.zeros((last - first + 1, 2), np.int64)
    sizes_of[0, 0] = first_values.shape[0]
    sizes_of[0, 1] = first_values.shape[2]
    parents_of = np.empty(0, np.int64)
    ranges = _ranges(ring_offsets, rings, points, first_values, squares) if first < last else np.empty((0, 3))
    proven = 0
    at_weight += sizes[first, 0] * sizes[first, 1]
    at_unit += n_first
    for layer in range(first + 1, last + 1):
        m = sizes[layer, 0]
        n = sizes[layer, 1]
        weight = weights[at_weight : at_weight + m * n].reshape(m, n)
        bias = biases[at_unit : at_unit + m]
        low_slope = below[at_unit : at_unit + m]
        high_slope = above[at_unit : at_unit + m]
        norms = row_norms[at_unit : at_unit + m]
        at_weight += m * n
        at_unit += m
        n_faces = ring_offsets.shape[0] - 1
        columns = after.shape[1]
        n_basis = columns - 3
        gamma = (n + 4) * U * 1.0001
        tiny = (n + columns + 4) * TINY
        short_gamma = (columns + 4) * U * 1.0001

        matrix = np.dot(weight, after)
        for k in range(m):
            matrix[k, 2] += bias[k]
        column_norms = np.empty(columns)
        column_errors = np.empty(columns)
        for c in range(columns):
            column_norms[c] = _norm(np.ascontiguousarray(after[:, c]), 1)
            column_errors[c] = (after_errors[c] + gamma * column_norms[c]) * INFLATE

        # Errors of the lines on every face, in the form that `classify` takes.
        g_errors, c_errors = _face_errors(
            values, starts_of, sizes_of, parents_of, n_levels, squares, column_errors, short_gamma
        )

        # Which units keep one sign on the whole block: the affine part at the centre against all that varies.
        low_x = math.inf
        low_y = math.inf
        high_x = -math.inf
        high_y = -math.inf
        for v in range(points.shape[0]):
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
        middle = ranges[:, 0]
        radius = ranges[:, 1]
        largest = ranges[:, 2]
        from_columns = column_errors[0] * far_x + column_errors[1] * far_y + column_errors[2]
        for u in range(n_basis):
            from_columns += column_errors[3 + u] * largest[u]
        from_columns *= 1.0 + (2 * columns + 64) * U
        largest_sum = largest.sum()
        active = np.empty(m, np.int64)
        block_on = np.zeros(m, np.bool_)
        both_norms = np.empty(m)
        n_active = 0
        for k in range(m):
            if low_slope[k] == high_slope[k]:
                block_on[k] = True
                continue
            s = matrix[k, 0] * mid_x + matrix[k, 1] * mid_y + matrix[k, 2]
            spread = abs(matrix[k, 0]) * reach_x + abs(matrix[k, 1]) * reach_y
            size = abs(matrix[k, 0]) * far_x + abs(matrix[k, 1]) * far_y + abs(matrix[k, 2])
            square = matrix[k, 0] ** 2 + matrix[k, 1] ** 2 + matrix[k, 2] ** 2
            for u in range(n_basis):
                w = matrix[k, 3 + u]
                s += w * middle[u]
                spread += abs(w) * radius[u]
                size += abs(w) * largest[u]
                square += w * w
            both_norms[k] = max(norms[k], math.sqrt(square) * (1.0 + (columns + 8) * U) + 2.0**-500)
            bound = spread + norms[k] * from_columns + 2.0 * short_gamma * size + gamma * abs(bias[k])
            # The entries of the matrix may have lost `tiny` each to underflow, and are multiplied by all this.
            bound = bound * (1.0 + (4 * columns + 64) * U) + tiny * (1.0 + far_x + far_y + largest_sum)
            if abs(s) > bound:
                proven += 1
                block_on[k] = s > 0.0
                continue
            active[n_active] = k
            n_active += 1

        # Coefficients and values now, and again for the children while both are held.
        if n_faces * 3 * 8 * (2 * n_active + 3 * n_basis) + 600 * n_faces > limit:
            return TOO_LARGE, proven, _nothing()
        narrow = np.empty((columns, n_active))
        active_norms = np.empty(n_active)
        bias_errors = np.empty(n_active)
        kinked = np.ones(n_active, np.bool_)
        for i in range(n_active):
            k = active[i]
            active_norms[i] = both_norms[k]
            bias_errors[i] = gamma * abs(bias[k])
            for c in range(columns):
                narrow[c, i] = matrix[k, c]
        coefficients = _coefficients(values, starts_of, sizes_of, parents_of, n_levels, narrow)

        new_bits = np.zeros((n_faces, (n_active + 63) >> 6), np.uint64)
        candidate_faces, units, starts, signs, unknown, _v, _u, sure = classify(
            ring_offsets,
            rings,
            points,
            coefficients,
            active_norms,
            bias_errors,
            g_errors,
            c_errors,
            tiny,
            kinked,
            new_bits,
            np.empty((0, 2, 0)),
        )
        proven += sure
        if unknown.shape[0]:
            return DOUBT, proven, _nothing()
        chord_faces, chord_units, ends, arcs, bad = find_chords(
            ring_offsets, candidate_faces, units, starts, signs, new_bits
        )
        if bad >= 0:
            return DOUBT, proven, _nothing()
        n_chords = chord_faces.shape[0]
        chord_lines = np.empty((n_chords, 5))
        chord_offsets = np.zeros(n_faces + 1, np.int64)
        for q in range(n_chords):
            f = chord_faces[q]
            i = chord_units[q]
            for c in range(3):
                chord_lines[q, c] = coefficients[f, c, i]
            chord_lines[q, 3] = (active_norms[i] * g_errors[f] + tiny) * INFLATE
            chord_lines[q, 4] = (active_norms[i] * c_errors[f] + bias_errors[i] + tiny) * INFLATE
            chord_offsets[f + 1] += 1
        for f in range(n_faces):
            chord_offsets[f + 1] += chord_offsets[f]
        offsets, chords, positions, runs = cross_edges(
            ring_offsets, rings, ring_edges, edges, edge_faces, points, chord_faces, ends, arcs, chord_lines
        )
        if runs.shape[0]:
            return DOUBT, proven, _nothing()
        proven += chords.shape[0]
        ranks, counts = rank_edges(offsets, np.zeros(chords.shape[0], np.bool_))
        line_start = lines.shape[0]
        lines = np.concatenate((lines, chord_lines))
        new_points, _l = edge_points(
            points, edges, edge_lines, lines, line_start, offsets, chords, positions, ranks, counts
        )
        n_points = points.shape[0]
        points = np.concatenate((points, new_points))
        (
            rim_offsets, rim_points, rim_edges, class_offsets, classes, member_offsets, members, arcs, bad,
        ) = place_ends(
            ring_offsets, rings, ring_edges, edge_faces, chord_offsets, chord_units, ends, arcs, offsets, chords, ranks,
            counts, n_points,
        )  # fmt: skip
        if bad >= 0:
            return DOUBT, proven, _nothing()
        x_offsets, others, x_positions, runs = cross_chords(
            rim_offsets, rim_points, points, class_offsets, classes, member_offsets, members, arcs, chord_lines
        )
        if runs.shape[0]:
            return DOUBT, proven, _nothing()
        proven += others.shape[0]
        tied = np.zeros(others.shape[0], np.bool_)
        node_offsets, nodes, segments, bad = make_nodes(class_offsets, x_offsets, others, tied)
        if bad >= 0:
            return DOUBT, proven, _nothing()
        if layer == last and not whole:
            # A face is cut into one part more than it has pieces of chords, less one for every point where they meet.
            return n_faces + segments.sum() - node_offsets[n_faces], proven, _nothing()
        (
            ring_offsets, rings, ring_edges, edges, edge_faces, edge_lines, node_points, _n, parents, new_bits, bad,
        ) = build(
            ring_offsets, edges, edge_faces, rim_offsets, rim_points, rim_edges, chord_units, class_offsets, classes,
            member_offsets, members, arcs, x_offsets, others, x_positions, tied, node_offsets, nodes, segments, points,
            line_start, lines, edge_lines, counts, new_bits,
        )  # fmt: skip
        if bad >= 0:
            return DOUBT, proven, _nothing()
        points = np.concatenate((points, node_points))
        if whole:
            for e in range(edge_starts.shape[0]):
                edge_starts[e] += counts[edge_starts[e]]
            ancestors = ancestors[parents]
            neuron_of = np.full(m, -1, np.int64)
            for k in range(m):
                if low_slope[k] != high_slope[k]:
                    neuron_of[k] = n_before
                    n_before += 1
            patterns = _next_patterns(patterns, parents, block_on, active[:n_active], new_bits, neuron_of)
            chord_origins = np.empty(n_chords, np.int64)
            for q in range(n_chords):
                chord_origins[q] = neuron_of[active[chord_units[q]]]
            origins = np.concatenate((origins, chord_origins))

        # The next basis: what it was, and this layer's units that change sign inside the block.
        n_children = parents.shape[0]
        fresh = np.empty(n_active, np.int64)
        n_fresh = 0
        for word in range(new_bits.shape[1]):
            here = new_bits[0, word]
            differ = np.uint64(0)
            for f in range(1, n_children):
                differ |= new_bits[f, word] ^ here
            for i in range(64 * word, min(64 * word + 64, n_active)):
                block_on[active[i]] = (here >> np.uint64(i & 63)) & np.uint64(1) != 0
                if (differ >> np.uint64(i & 63)) & np.uint64(1):
                    fresh[n_fresh] = i
                    n_fresh += 1
        steepest = 0.0
        for k in range(m):
            steepest = max(steepest, abs(low_slope[k]), abs(high_slope[k]))
        after = np.zeros((m, columns + n_fresh))
        for k in range(m):
            slope = high_slope[k] if block_on[k] else low_slope[k]
            if slope != 0.0:
                for c in range(columns):
                    after[k, c] = slope * matrix[k, c]
        for j in range(n_fresh):
            k = active[fresh[j]]
            for c in range(columns):
                after[k, c] = 0.0
            after[k, columns + j] = 1.0
        wider_errors = np.zeros(columns + n_fresh)
        for c in range(columns):
            error = spectral[layer] * after_errors[c] + gamma * frobenius[layer] * column_norms[c] + m * tiny
            if c == 2:
                error += gamma * bias_norms[layer]
            wider_errors[c] = (steepest * error + U * _norm(np.ascontiguousarray(after[:, c]), 1)) * INFLATE
        after_errors = wider_errors
        fresh_values = np.empty((n_children, 3, n_fresh))
        fresh_squares = np.zeros((n_children, 2))
        wider_squares = np.empty((n_children, 2))
        for g in range(n_children):
            f = parents[g]
            sum_g = 0.0
            sum_c = 0.0
            for j in range(n_fresh):
                i = fresh[j]
                k = active[i]
                on = (new_bits[g, i >> 6] >> np.uint64(i & 63)) & np.uint64(1)
                slope = high_slope[k] if on else low_slope[k]
                for c in range(3):
                    fresh_values[g, c, j] = slope * coefficients[f, c, i] if slope != 0.0 else 0.0
                if slope != 0.0:
                    e = abs(slope) * (active_norms[i] * g_errors[f] + tiny)
                    e += U * max(abs(fresh_values[g, 0, j]), abs(fresh_values[g, 1, j]))
                    sum_g += (e * INFLATE) ** 2
                    e = abs(slope) * (active_norms[i] * c_errors[f] + bias_errors[i] + tiny)
                    e += U * abs(fresh_values[g, 2, j])
                    sum_c += (e * INFLATE) ** 2
            grow = 1.0 + (n_fresh + 8) * U
            fresh_squares[g, 0] = sum_g * grow
            fresh_squares[g, 1] = sum_c * grow
            wider_squares[g, 0] = (squares[f, 0] + sum_g) * grow
            wider_squares[g, 1] = (squares[f, 1] + sum_c) * grow
        squares = wider_squares
        ranges = np.concatenate((ranges, _ranges(ring_offsets, rings, points, fresh_values, fresh_squares)))
        starts_of[n_levels, 0] = values.shape[0]
        starts_of[n_levels, 1] = parents_of.shape[0]
        sizes_of[n_levels, 0] = n_children
        sizes_of[n_levels, 1] = n_fresh
        values = np.concatenate((values, fresh_values.ravel()))
        parents_of = np.concatenate((parents_of, parents))
        n_levels += 1
    if not whole:
        return DOUBT, proven, _nothing()
    # What is left are layers without neurons: the outputs are affine in x, y and the basis.
    for layer in range(last + 1, sizes.shape[0]):
        m = sizes[layer, 0]
        n = sizes[layer, 1]
        after = np.dot(weights[at_weight : at_weight + m * n].reshape(m, n), after)
        for k in range(m):
            after[k, 2] += biases[at_unit + k]
            slope = above[at_unit + k]
            for c in range(after.shape[1]):
                after[k, c] *= slope
        at_weight += m * n
        at_unit += m
    outputs = np.ascontiguousarray(after.T)
    maps = _coefficients(values, starts_of, sizes_of, parents_of, n_levels, outputs)
    return ring_offsets.shape[0] - 1, proven, (
        ring_offsets, rings, ring_edges, edges, edge_faces, edge_lines, points, lines, origins, which_points,
        edge_starts, ancestors, patterns, maps,
    )  # fmt: skip
