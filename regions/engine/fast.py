"""The fast path: a block of faces goes through all further layers in one compiled call, by floats alone.

On a compact block most neurons have one sign. Only the few that change sign there (the *basis*) are kept by
name; every other one is folded into the affine part, so a layer's pre-activations are a small matrix K applied to
(x, y, 1) and to the basis neurons' activations. Any sign or order that the error bounds do not prove ends the call:
the block is then cut again by :class:`regions.engine.loop.Enumeration`, which decides it exactly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from regions.engine.arrange import build, cross_chords, make_nodes, place_ends
from regions.engine.kernels import classify, cross_edges, edge_points, find_chords, rank_edges, restrict
from regions.engine.maps import norm_bound, spectral_bound
from regions.engine.predicates import INFLATE, TINY, U

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network import Network

__all__ = ["PackedNetwork", "count_block", "pack"]

DOUBT = -1


class PackedNetwork(NamedTuple):
    """A network in flat arrays, with the norms that the error bounds need.

    `sizes` is (L, 2) int64: outputs and inputs of every layer; weights follow one another in `weights`, the others too.
    """

    sizes: NDArray[np.int64]
    weights: NDArray[np.float64]
    biases: NDArray[np.float64]
    below: NDArray[np.float64]
    above: NDArray[np.float64]
    row_norms: NDArray[np.float64]
    spectral: NDArray[np.float64]
    frobenius: NDArray[np.float64]
    bias_norms: NDArray[np.float64]
    last: int


def pack(network: Network) -> PackedNetwork:
    """Flatten a network for :func:`count_block`."""
    layers = network.layers
    last = max((i for i, layer in enumerate(layers) if layer.kinked.any()), default=-1)
    return PackedNetwork(
        sizes=np.array([layer.weight.shape for layer in layers], dtype=np.int64),
        weights=np.concatenate([layer.weight.ravel() for layer in layers]),
        biases=np.concatenate([layer.bias for layer in layers]),
        below=np.concatenate([layer.below for layer in layers]),
        above=np.concatenate([layer.above for layer in layers]),
        row_norms=np.concatenate([norm_bound(layer.weight) for layer in layers]),
        # Neither the first layer's errors nor the last one's are passed on.
        spectral=np.array([spectral_bound(x.weight) if 0 < i < last else 0.0 for i, x in enumerate(layers)]),
        frobenius=np.array([float(norm_bound(layer.weight.reshape(1, -1))[0]) for layer in layers]),
        bias_norms=np.array([float(norm_bound(layer.bias.reshape(1, -1))[0]) for layer in layers]),
        last=last,
    )


@njit(cache=True, nogil=True)
def _norm(values, stride):
    """Upper bound on the 2-norm of a vector; infinite where its squares overflow, never too small."""
    total = 0.0
    for i in range(0, values.shape[0], stride):
        total += values[i] * values[i]
    return math.sqrt(total) * (1.0 + (values.shape[0] + 8) * U) + values.shape[0] * 2.0**-500


@njit(cache=True, nogil=True)
def _times(weight, values):
    """Plain matrix product, four rows at a time; few columns, so the accumulators stay in the cache."""
    m, n = weight.shape
    columns = values.shape[1]
    out = np.zeros((m, columns))
    whole = n - n % 4
    for k in range(m):
        for j in range(0, whole, 4):
            w0 = weight[k, j]
            w1 = weight[k, j + 1]
            w2 = weight[k, j + 2]
            w3 = weight[k, j + 3]
            for c in range(columns):
                out[k, c] += w0 * values[j, c] + w1 * values[j + 1, c] + w2 * values[j + 2, c] + w3 * values[j + 3, c]
        for j in range(whole, n):
            w0 = weight[k, j]
            for c in range(columns):
                out[k, c] += w0 * values[j, c]
    return out


@njit(cache=True, nogil=True)
def _first_basis(bits, lines, below, above):
    """Basis, affine part and the basis' activations behind the first layer."""
    n_faces = bits.shape[0]
    n = lines.shape[0]
    varies = np.zeros(n, np.bool_)
    first = np.zeros(n, np.bool_)
    count = 0
    for k in range(n):
        if below[k] == above[k]:
            continue
        first[k] = (bits[0, k >> 6] >> np.uint64(k & 63)) & np.uint64(1) != 0
        for f in range(1, n_faces):
            if ((bits[f, k >> 6] >> np.uint64(k & 63)) & np.uint64(1) != 0) != first[k]:
                varies[k] = True
                count += 1
                break
    after = np.zeros((n, 3 + count))
    values = np.empty((n_faces, count, 3))
    squares = np.zeros((n_faces, 2))
    u = 0
    for k in range(n):
        if varies[k]:
            after[k, 3 + u] = 1.0
            for f in range(n_faces):
                on = (bits[f, k >> 6] >> np.uint64(k & 63)) & np.uint64(1) != 0
                slope = above[k] if on else below[k]
                for c in range(3):
                    values[f, u, c] = slope * lines[k, c]
                # The product with a slope is rounded once; 0 and ±1 are not, but this costs nothing.
                g = U * max(abs(values[f, u, 0]), abs(values[f, u, 1]))
                squares[f, 0] += g * g
                squares[f, 1] += (U * values[f, u, 2]) ** 2
            u += 1
        else:
            slope = above[k] if first[k] else below[k]
            for c in range(3):
                after[k, c] = slope * lines[k, c]
    return after, values, squares


@njit(cache=True, nogil=True)
def count_block(
    ring_offsets, rings, ring_edges, edges, edge_faces, edge_lines, points, lines, faces, first_bits,
    sizes, weights, biases, below, above, row_norms, spectral, frobenius, bias_norms, last,
):  # fmt: skip
    """Count the regions inside some faces of the complex behind the first layer.

    Returns
    -------
    count : int
        `DOUBT` where a bound did not prove a decision.
    proven : int
        Number of decisions proven.
    """
    ring_offsets, rings, ring_edges, edges, edge_faces, edge_lines, which_points, which_lines = restrict(
        ring_offsets, rings, ring_edges, edges, edge_faces, edge_lines, points.shape[0], lines.shape[0], faces
    )
    points = points[which_points]
    lines = lines[which_lines]
    bits = first_bits[faces]
    n_first = sizes[0, 0]
    first_lines = np.empty((n_first, 3))
    for k in range(n_first):
        first_lines[k, 0] = weights[2 * k]
        first_lines[k, 1] = weights[2 * k + 1]
        first_lines[k, 2] = biases[k]
    # after: rows are the units of the layer before, columns x, y, 1 and the basis; after_errors bounds its columns' errors.
    after, values, squares = _first_basis(bits, first_lines, below[:n_first], above[:n_first])
    after_errors = np.zeros(after.shape[1])
    for c in range(3):
        after_errors[c] = U * _norm(np.ascontiguousarray(after[:, c]), 1)
    proven = 0
    at_weight = 2 * n_first
    at_unit = n_first
    for layer in range(1, last + 1):
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

        matrix = _times(weight, after)
        for k in range(m):
            matrix[k, 2] += bias[k]
        column_norms = np.empty(columns)
        column_errors = np.empty(columns)
        for c in range(columns):
            column_norms[c] = _norm(np.ascontiguousarray(after[:, c]), 1)
            column_errors[c] = (after_errors[c] + gamma * column_norms[c]) * INFLATE

        # Errors of the lines on every face, in the form that `classify` takes.
        g_errors = np.empty(n_faces)
        c_errors = np.empty(n_faces)
        largest = np.zeros(n_basis)
        for f in range(n_faces):
            for which in range(2):
                carried = 0.0
                size = 0.0
                if which == 0:
                    sx = 1.0
                    sy = 1.0
                    ex = column_errors[0]
                    ey = column_errors[1]
                    for u in range(n_basis):
                        ax = abs(values[f, u, 0])
                        ay = abs(values[f, u, 1])
                        ex += column_errors[3 + u] * ax
                        ey += column_errors[3 + u] * ay
                        sx += ax * ax
                        sy += ay * ay
                    carried = max(ex, ey)
                    size = math.sqrt(max(sx, sy))
                else:
                    carried = column_errors[2]
                    size = 1.0
                    for u in range(n_basis):
                        a = abs(values[f, u, 2])
                        carried += column_errors[3 + u] * a
                        size += a * a
                    size = math.sqrt(size)
                total = carried + math.sqrt(squares[f, which]) + n_basis * 2.0**-500 + short_gamma * size
                total = total * (1.0 + (4 * columns + 64) * U) + TINY
                if which == 0:
                    g_errors[f] = total
                else:
                    c_errors[f] = total

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
        reach_x = max(high_x - mid_x, mid_x - low_x) * INFLATE + 8.0 * U * (abs(low_x) + abs(high_x))
        reach_y = max(high_y - mid_y, mid_y - low_y) * INFLATE + 8.0 * U * (abs(low_y) + abs(high_y))
        far_x = abs(mid_x) + reach_x
        far_y = abs(mid_y) + reach_y
        least = np.full(n_basis, math.inf)
        most = np.full(n_basis, -math.inf)
        for f in range(n_faces):
            slack = math.sqrt(squares[f, 0]) * (far_x + far_y) + math.sqrt(squares[f, 1])
            for p in range(ring_offsets[f], ring_offsets[f + 1]):
                v = rings[p]
                x = points[v, 0]
                y = points[v, 1]
                for u in range(n_basis):
                    ax = values[f, u, 0] * x
                    ay = values[f, u, 1] * y
                    s = ax + ay + values[f, u, 2]
                    around = slack + 8.0 * U * (abs(ax) + abs(ay) + abs(values[f, u, 2]))
                    around += abs(values[f, u, 0]) * points[v, 3] + abs(values[f, u, 1]) * points[v, 4]
                    around = around * INFLATE + TINY
                    least[u] = min(least[u], s - around)
                    most[u] = max(most[u], s + around)
        middle = np.empty(n_basis)
        radius = np.empty(n_basis)
        from_columns = column_errors[0] * far_x + column_errors[1] * far_y + column_errors[2]
        for u in range(n_basis):
            middle[u] = 0.5 * least[u] + 0.5 * most[u]
            radius[u] = (0.5 * most[u] - 0.5 * least[u]) * INFLATE + 8.0 * U * (abs(least[u]) + abs(most[u]))
            largest[u] = abs(middle[u]) + radius[u]
            from_columns += column_errors[3 + u] * largest[u]
        from_columns *= 1.0 + (2 * columns + 64) * U
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
            bound = bound * (1.0 + (4 * columns + 64) * U) + tiny
            if abs(s) > bound:
                proven += 1
                block_on[k] = s > 0.0
                continue
            active[n_active] = k
            n_active += 1

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
        coefficients = np.empty((n_faces, 3, n_active))
        for f in range(n_faces):
            for c in range(3):
                for i in range(n_active):
                    coefficients[f, c, i] = narrow[c, i]
            for u in range(n_basis):
                tx = values[f, u, 0]
                ty = values[f, u, 1]
                tc = values[f, u, 2]
                if tx == 0.0 and ty == 0.0 and tc == 0.0:
                    continue
                for i in range(n_active):
                    w = narrow[3 + u, i]
                    coefficients[f, 0, i] += w * tx
                    coefficients[f, 1, i] += w * ty
                    coefficients[f, 2, i] += w * tc

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
        )
        proven += sure
        if unknown.shape[0]:
            return DOUBT, proven
        chord_faces, chord_units, ends, arcs, bad = find_chords(
            ring_offsets, candidate_faces, units, starts, signs, new_bits
        )
        if bad >= 0:
            return DOUBT, proven
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
            return DOUBT, proven
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
            return DOUBT, proven
        x_offsets, others, x_positions, runs = cross_chords(
            rim_offsets, rim_points, points, class_offsets, classes, member_offsets, members, arcs, chord_lines
        )
        if runs.shape[0]:
            return DOUBT, proven
        proven += others.shape[0]
        if layer == last:
            # No three chords meet in a point, so every chord and every crossing adds one face.
            return n_faces + classes.shape[0] + others.shape[0] // 2, proven
        tied = np.zeros(others.shape[0], np.bool_)
        node_offsets, nodes, segments, bad = make_nodes(class_offsets, x_offsets, others, tied)
        if bad >= 0:
            return DOUBT, proven
        (
            ring_offsets, rings, ring_edges, edges, edge_faces, edge_lines, node_points, _n, parents, new_bits, bad,
        ) = build(
            ring_offsets, edges, edge_faces, rim_offsets, rim_points, rim_edges, chord_units, class_offsets, classes,
            member_offsets, members, arcs, x_offsets, others, x_positions, tied, node_offsets, nodes, segments, points,
            line_start, lines, edge_lines, counts, new_bits,
        )  # fmt: skip
        if bad >= 0:
            return DOUBT, proven
        points = np.concatenate((points, node_points))

        # The next basis: what it was, and this layer's units that change sign inside the block.
        n_children = parents.shape[0]
        fresh = np.empty(n_active, np.int64)
        n_fresh = 0
        for i in range(n_active):
            on = (new_bits[0, i >> 6] >> np.uint64(i & 63)) & np.uint64(1)
            varies = False
            for f in range(1, n_children):
                if (new_bits[f, i >> 6] >> np.uint64(i & 63)) & np.uint64(1) != on:
                    varies = True
                    break
            block_on[active[i]] = on != 0
            if varies:
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
        wider = np.empty((n_children, n_basis + n_fresh, 3))
        wider_squares = np.empty((n_children, 2))
        for g in range(n_children):
            f = parents[g]
            for u in range(n_basis):
                for c in range(3):
                    wider[g, u, c] = values[f, u, c]
            sum_g = squares[f, 0]
            sum_c = squares[f, 1]
            for j in range(n_fresh):
                i = fresh[j]
                k = active[i]
                on = (new_bits[g, i >> 6] >> np.uint64(i & 63)) & np.uint64(1)
                slope = high_slope[k] if on else low_slope[k]
                for c in range(3):
                    wider[g, n_basis + j, c] = slope * coefficients[f, c, i] if slope != 0.0 else 0.0
                if slope != 0.0:
                    e = abs(slope) * (active_norms[i] * g_errors[f] + tiny)
                    e += U * max(abs(wider[g, n_basis + j, 0]), abs(wider[g, n_basis + j, 1]))
                    sum_g += (e * INFLATE) ** 2
                    e = abs(slope) * (active_norms[i] * c_errors[f] + bias_errors[i] + tiny)
                    e += U * abs(wider[g, n_basis + j, 2])
                    sum_c += (e * INFLATE) ** 2
            wider_squares[g, 0] = sum_g * (1.0 + (n_fresh + 8) * U)
            wider_squares[g, 1] = sum_c * (1.0 + (n_fresh + 8) * U)
        values = wider
        squares = wider_squares
    return DOUBT, proven
