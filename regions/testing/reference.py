"""A slow, plain, exact enumeration to hold an engine against; it shares no code with this package's.

A face is a convex polygon of homogeneous integer points (X, Y, W), W > 0. One neuron after another cuts every face
that it crosses; in between, the network's affine map on each face is carried along in rationals. No floats, no
tolerance, no special cases: a point on a line is on both sides of it, and a piece is kept if it has an interior.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import Any, NamedTuple

from regions.arithmetic.matrices import dense
from regions.domain.convex import Box, ConvexPolygon
from regions.domain.polygon import Polygon
from regions.domain.read import as_domain
from regions.domain.slice import Slice
from regions.enumeration.enumerate import planar_network
from regions.errors import DomainError
from regions.frontends.read import as_network

__all__ = [
    "Face",
    "plain",
    "reference_count",
    "reference_of",
    "reference_polygon",
    "reference_regions",
    "reference_unbounded",
]

Point = tuple[int, int, int]
Layers = Sequence[tuple[Any, Any, Any, Any]]
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


def reference_pieces(
    layers: Layers, starts: list[list[Point]]
) -> list[tuple[list[Point], tuple[bool, ...], tuple[Row, ...]]]:
    """The activation regions in each of some convex polygons: homogeneous vertices, pattern, the output's rows."""
    zero, one = Fraction(0), Fraction(1)
    identity: tuple[Row, ...] = ((one, zero, zero), (zero, one, zero))
    faces: list[tuple[list[Point], tuple[bool, ...], tuple[Row, ...]]] = [(start, (), identity) for start in starts]
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
    return faces


def homogeneous(x: Any, y: Any) -> Point:
    x, y = Fraction(x), Fraction(y)
    w = lcm(x.denominator, y.denominator)
    return int(x * w), int(y * w), w


def reference_regions(layers: Layers, corners: Any) -> list[Face]:
    """All activation regions of a network over a convex polygon.

    `layers` is a list of (weight, bias, below, above) of nested lists of numbers, as in `regions.Layer`;
    `corners` are (x, y) counter-clockwise.
    """
    return [
        Face(tuple((Fraction(x, w), Fraction(y, w)) for x, y, w in polygon), pattern, maps)
        for polygon, pattern, maps in reference_pieces(layers, [[homogeneous(*corner) for corner in corners]])
    ]


QUADRANTS: list[list[Point]] = [
    [(0, 0, 1), (1, 0, 0), (0, 1, 0)],
    [(0, 0, 1), (0, 1, 0), (-1, 0, 0)],
    [(0, 0, 1), (-1, 0, 0), (0, -1, 0)],
    [(0, 0, 1), (0, -1, 0), (1, 0, 0)],
]


def reference_unbounded(layers: Layers, half_planes: Any) -> dict[tuple[bool, ...], list[list[Point]]]:
    """Patterns of the regions of all points with a x + b y <= c, each with its pieces in the four quadrants.

    A region is convex there, so regions and patterns are the same in number.
    """
    starts = QUADRANTS
    for a, b, c in half_planes:
        row = integer_row((Fraction(-a), Fraction(-b), Fraction(c)))
        starts = [halves(p, row)[0] for p in starts if max(value(row, q) for q in p) > 0]
    found: dict[tuple[bool, ...], list[list[Point]]] = {}
    for polygon, pattern, _ in reference_pieces(layers, starts):
        found.setdefault(pattern, []).append(polygon)
    return found


def line_through(p: Point, q: Point) -> tuple[int, int, int]:
    return p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]


def inside_rings(point: tuple[Any, Any], rings: Any) -> bool:
    """Even-odd rule, for a point on none of the rings."""
    x, y = point
    odd = False
    for ring in rings:
        for (px, py), (qx, qy) in zip(ring, ring[1:] + ring[:1], strict=True):
            px, py, qx, qy = (Fraction(v) for v in (px, py, qx, qy))
            if (py > y) != (qy > y) and x < px + (y - py) * (qx - px) / (qy - py):
                odd = not odd
    return odd


def overlap(first: list[Point], second: list[Point]) -> bool:
    """Whether two convex polygons that do not overlap share a segment."""
    for i, p in enumerate(first):
        line = line_through(first[i - 1], p)
        for j, q in enumerate(second):
            if value(line, second[j - 1]) or value(line, q):
                continue
            ends = [
                [(Fraction(x, w), Fraction(y, w)) for x, y, w in pair]
                for pair in ((first[i - 1], p), (second[j - 1], q))
            ]
            low, high = max(min(pair) for pair in ends), min(max(pair) for pair in ends)
            if low < high:
                return True
    return False


def joined(count: int, together: Callable[[int, int], bool]) -> list[int]:
    """For each of some things the first one that it hangs together with."""
    root = list(range(count))

    def find(i: int) -> int:
        while root[i] != i:
            i = root[i]
        return i

    for i in range(count):
        for j in range(i):
            if find(i) != find(j) and together(i, j):
                low, high = sorted((find(i), find(j)))
                root[high] = low
    return [find(i) for i in range(count)]


def pieces_of_polygon(rings: Any) -> list[list[Point]]:
    """Convex pieces of a polygon: the lines through its sides cut its bounding box into cells inside and outside."""
    xs, ys = [x for x, _ in rings[0]], [y for _, y in rings[0]]
    box = [(min(xs), min(ys)), (max(xs), min(ys)), (max(xs), max(ys)), (min(xs), max(ys))]
    cells = [[homogeneous(*corner) for corner in box]]
    for ring in rings:
        for p, q in zip(ring, ring[1:] + ring[:1], strict=True):
            line = line_through(homogeneous(*p), homogeneous(*q))
            after: list[list[Point]] = []
            for cell in cells:
                values = [value(line, v) for v in cell]
                after += halves(cell, line) if min(values) < 0 < max(values) else [cell]
            cells = after
    inside = []
    for cell in cells:
        points = [(Fraction(x, w), Fraction(y, w)) for x, y, w in cell]
        middle = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
        if inside_rings(middle, rings):
            inside.append(cell)
    return inside


def reference_polygon(layers: Layers, rings: Any) -> list[tuple[bool, ...]]:
    """Patterns of all regions over a polygon of any shape, one for each connected one.

    What the network makes of each convex piece is joined again where two of one pattern share a segment.
    """
    pieces = reference_pieces(layers, pieces_of_polygon(rings))
    root = joined(len(pieces), lambda i, j: pieces[i][1] == pieces[j][1] and overlap(pieces[i][0], pieces[j][0]))
    return [pieces[i][1] for i in sorted(set(root))]


def plain(network: Any) -> Layers:
    """A network's layers as nested lists of numbers: weight, bias, slope below zero, slope above."""
    return [(dense(x.weight).tolist(), x.bias.tolist(), x.below.tolist(), x.above.tolist()) for x in network.layers]


def reference_of(network: Any, domain: Any) -> list[Face]:
    """`reference_regions` of a `regions.Network` over a `regions.Box` or `regions.ConvexPolygon`."""
    return reference_regions(plain(network), domain.corners.tolist())


def in_the_plane(model: Any, domain: Any) -> tuple[Layers, Any]:
    """The layers of a network of two inputs, and a domain in their plane."""
    if isinstance(domain, Slice):
        return plain(domain.compose(as_network(model, domain.shape))), domain.domain
    return plain(planar_network(model)), as_domain(domain)


def reference_count(model: Any, domain: Any) -> int:
    """Count the activation regions of a network over a domain, slowly and plainly, in rational arithmetic.

    Meant to hold other counters against: it shares no code with the engine, uses Python's integers and fractions
    only, and has no special cases. Some hundred regions take a second.

    Parameters
    ----------
    model : Network or torch.nn.Module
        With two inputs; any number if the domain is a slice.
    domain : float, Box, ConvexPolygon, Polygon, Polyhedron, WholePlane or Slice

    Returns
    -------
    int

    Raises
    ------
    InvalidNetworkError, CaptureError, DomainError
        As :func:`regions.count_regions`.

    Notes
    -----
    One neuron after another halves every face that it crosses; a piece with an interior is kept. Over a polygon of any
    shape, the lines through its sides cut its bounding box, and pieces of one pattern that share a segment are
    joined. Activation regions are those of Grigsby & Lindsey (2022).

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> reference_count(network, 1), reference_count(network, regions.WholePlane())
    (4, 4)
    """
    layers, where = in_the_plane(model, domain)
    if isinstance(where, Box | ConvexPolygon):
        return len(reference_regions(layers, where.corners.tolist()))
    if isinstance(where, Polygon):
        return len(reference_polygon(layers, [[tuple(p) for p in ring.tolist()] for ring in where.rings]))
    half_planes = [(a, b, c) for (a, b), c in zip(where.normals.tolist(), where.offsets.tolist(), strict=True)]
    found = reference_unbounded(layers, half_planes)
    if not found:
        raise DomainError(f"{where!r} is empty or has no interior; a domain needs one. Check its half-planes.")
    return len(found)
