"""A slow, plain, exact enumeration to hold the engine against; it shares no code with it.

A face is a convex polygon of homogeneous integer points (X, Y, W), W > 0. One neuron after another cuts every face
that it crosses; in between, the network's affine map on each face is carried along in rationals. No floats, no
tolerance, no special cases: a point on a line is on both sides of it, and a piece is kept if it has an interior.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm
from typing import NamedTuple

Point = tuple[int, int, int]
Row = tuple[Fraction, Fraction, Fraction]


class Face(NamedTuple):
    """One activation region: exact vertices in order, the pattern of its neurons, the output's rows (a, b, c)."""

    vertices: tuple[tuple[Fraction, Fraction], ...]
    pattern: tuple[bool, ...]
    maps: tuple[Row, ...]


def value(row: tuple[int, int, int], point: Point) -> int:
    return row[0] * point[0] + row[1] * point[1] + row[2] * point[2]


def halves(polygon: list[Point], row: tuple[int, int, int]) -> tuple[list[Point], list[Point]]:
    """The parts of a convex polygon where the row is >= 0 and <= 0; they may be empty, points or segments."""
    values = [value(row, p) for p in polygon]
    above: list[Point] = []
    below: list[Point] = []
    for i, (q, v) in enumerate(zip(polygon, values, strict=True)):
        p, u = polygon[i - 1], values[i - 1]
        if (u > 0 > v) or (u < 0 < v):
            mixed = [abs(v) * a + abs(u) * b for a, b in zip(p, q, strict=True)]
            common = gcd(*mixed)
            cut = (mixed[0] // common, mixed[1] // common, mixed[2] // common)
            above.append(cut)
            below.append(cut)
        if v >= 0:
            above.append(q)
        if v <= 0:
            below.append(q)
    return above, below


def integer_row(row: Row) -> tuple[int, int, int]:
    """A positive multiple of a rational row, in integers."""
    scale = lcm(*(x.denominator for x in row))
    common = gcd(*(int(x * scale) for x in row)) or 1
    a, b, c = (int(x * scale) // common for x in row)
    return a, b, c


def combine(weights: list[Fraction], bias: Fraction, rows: tuple[Row, ...]) -> Row:
    """Sum of weight times row, plus the bias."""
    total = [Fraction(0), Fraction(0), bias]
    for weight, row in zip(weights, rows, strict=True):
        if weight:
            total = [t + weight * r for t, r in zip(total, row, strict=True)]
    return total[0], total[1], total[2]


def cut_by_layer(polygon: list[Point], rows: list[Row], kinked: list[bool]) -> list[tuple[list[Point], list[bool]]]:
    """Pieces of one face, each with the activity of every unit of the layer; units without a kink count as active."""
    pieces: list[tuple[list[Point], list[bool]]] = [(polygon, [])]
    for row, kink in zip(map(integer_row, rows), kinked, strict=True):
        after = []
        for piece, active in pieces:
            values = [value(row, p) for p in piece]
            # Zero on the whole face is neither: such a neuron is not > 0 anywhere inside, hence inactive.
            if not kink or min(values) >= 0 < max(values):
                after.append((piece, [*active, True]))
            elif max(values) <= 0:
                after.append((piece, [*active, False]))
            else:
                above, below = halves(piece, row)
                after += [(above, [*active, True]), (below, [*active, False])]
        pieces = after
    return pieces


def reference_regions(layers, corners) -> list[Face]:
    """All activation regions of a network over a convex polygon.

    `layers` is a list of (weight, bias, below, above) of nested lists of numbers, as in `regions.Layer`;
    `corners` are (x, y) counter-clockwise.
    """
    start: list[Point] = []
    for x, y in corners:
        x, y = Fraction(x), Fraction(y)
        w = lcm(x.denominator, y.denominator)
        start.append((int(x * w), int(y * w), w))
    zero, one = Fraction(0), Fraction(1)
    identity: tuple[Row, ...] = ((one, zero, zero), (zero, one, zero))
    faces: list[tuple[list[Point], tuple[bool, ...], tuple[Row, ...]]] = [(start, (), identity)]
    for weight, bias, below, above in layers:
        matrix = [[Fraction(x) for x in row] for row in weight]
        shift, low, high = ([Fraction(x) for x in column] for column in (bias, below, above))
        kinked = [a != b for a, b in zip(low, high, strict=True)]
        after = []
        for polygon, pattern, maps in faces:
            rows = [combine(w, b, maps) for w, b in zip(matrix, shift, strict=True)]
            for piece, active in cut_by_layer(polygon, rows, kinked):
                slopes = [h if on else s for on, s, h in zip(active, low, high, strict=True)]
                activated = tuple((s * a, s * b, s * c) for s, (a, b, c) in zip(slopes, rows, strict=True))
                seen = tuple(on for on, kink in zip(active, kinked, strict=True) if kink)
                after.append((piece, pattern + seen, activated))
        faces = after
    return [
        Face(tuple((Fraction(x, w), Fraction(y, w)) for x, y, w in polygon), pattern, maps)
        for polygon, pattern, maps in faces
    ]


def reference_of(network, domain) -> list[Face]:
    """`reference_regions` of a `regions.Network` over a `regions.Box` or `regions.ConvexPolygon`."""
    layers = [tuple(a.tolist() for a in (x.weight, x.bias, x.below, x.above)) for x in network.layers]
    return reference_regions(layers, domain.corners.tolist())
