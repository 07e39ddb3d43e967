"""A slow, plain, exact count by every definition, to hold `complex.counts()` against; it shares no code with it.

It takes the reference's pieces, whatever they are cut into, and asks of them what the definitions say: which maps they
carry, which share a segment, what the network does at their corners and in the middle of their sides, and where each
of them equals the map of another.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from regions.domain.convex import Box, ConvexPolygon
from regions.domain.polygon import Polygon
from regions.errors import DomainError
from regions.testing.reference import (
    Layers,
    Point,
    Row,
    halves,
    homogeneous,
    in_the_plane,
    integer_row,
    joined,
    line_through,
    overlap,
    pieces_of_polygon,
    reference_pieces,
)

__all__ = ["reference_counts"]

Piece = tuple[list[Point], tuple[bool, ...], tuple[Row, ...]]


def pattern_at(layers: Layers, point: tuple[Fraction, Fraction]) -> tuple[bool, ...]:
    """Which neurons are > 0 at a rational point."""
    values: list[Fraction] = list(point)
    pattern: list[bool] = []
    for weight, bias, below, above in layers:
        after = []
        for row, shift, low, high in zip(weight, bias, below, above, strict=True):
            z = sum((Fraction(w) * v for w, v in zip(row, values, strict=True)), Fraction(shift))
            if low != high:
                pattern.append(z > 0)
            after.append(Fraction(high) * z if z > 0 else Fraction(low) * z)
        values = after
    return tuple(pattern)


def where_equal(polygon: list[Point], maps: tuple[Row, ...], target: tuple[Row, ...]) -> list[Point]:
    """The corners of the part of a convex polygon where two maps are equal."""
    for row, other in zip(maps, target, strict=True):
        difference = integer_row((row[0] - other[0], row[1] - other[1], row[2] - other[2]))
        for sign in (1, -1):
            if polygon:
                polygon = halves(polygon, tuple(sign * x for x in difference))[0]  # type: ignore[arg-type]
    return polygon


def inside(points: list[Point], polygon: list[Point]) -> list[Point]:
    """The part of a convex set inside a convex polygon, whose corners run counter-clockwise."""
    for i, corner in enumerate(polygon):
        if points:
            points = halves(points, line_through(polygon[i - 1], corner))[0]
    return points


def closed_regions(pieces: list[Piece], target: tuple[Row, ...]) -> int:
    """Components, with an interior, of the set where the network equals one map."""
    polygons = [polygon for polygon, _, _ in pieces]
    equal = [where_equal(polygon, maps, target) for polygon, _, maps in pieces]
    some = [i for i, part in enumerate(equal) if part]
    # The part of j inside i is where both are equal: the network is continuous.
    root = joined(len(some), lambda a, b: bool(inside(equal[some[b]], polygons[some[a]])))
    return len({root[k] for k, i in enumerate(some) if pieces[i][2] == target})


def pieces_over(layers: Layers, domain: Any) -> list[Piece]:
    if not isinstance(domain, Box | ConvexPolygon | Polygon):
        raise DomainError(
            f"{domain!r} is not bounded; reference_counts takes a bound, Box, ConvexPolygon, Polygon, or a Slice "
            "with one of them. Take a box with everything in it that matters."
        )
    if isinstance(domain, Polygon):
        rings = [[tuple(p) for p in ring.tolist()] for ring in domain.rings]
        return reference_pieces(layers, pieces_of_polygon(rings))
    return reference_pieces(layers, [[homogeneous(*corner) for corner in domain.corners.tolist()]])


def reference_counts(model: Any, domain: Any) -> tuple[int, int, int, int, int]:
    """Count by five definitions, slowly and plainly, in rational arithmetic.

    Parameters
    ----------
    model : Network or torch.nn.Module
        With two inputs; any number if the domain is a slice.
    domain : float, Box, ConvexPolygon, Polygon or Slice
        In place of the whole plane take a box with everything in it that matters.

    Returns
    -------
    activation_patterns, activation_regions, open_linear_regions, closed_linear_regions, affine_pieces : int
        As :class:`regions.RegionCounts` has them.

    Raises
    ------
    InvalidNetworkError, CaptureError
        As :func:`regions.count_regions`.
    DomainError
        If the domain is not bounded, or not one at all.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [-1.0, 0.0]], [[1.0, -1.0]]])
    >>> reference_counts(network, 1)
    (3, 2, 1, 1, 1)
    """
    layers, where = in_the_plane(model, domain)
    pieces = pieces_over(layers, where)
    patterns = {pattern for _, pattern, _ in pieces}
    for polygon, _, _ in pieces:
        corners = [(Fraction(x, w), Fraction(y, w)) for x, y, w in polygon]
        for i, (px, py) in enumerate(corners):
            qx, qy = corners[i - 1]
            patterns.add(pattern_at(layers, (px, py)))
            patterns.add(pattern_at(layers, ((px + qx) / 2, (py + qy) / 2)))

    def adjoining(key: int) -> int:
        root = joined(
            len(pieces), lambda i, j: pieces[i][key] == pieces[j][key] and overlap(pieces[i][0], pieces[j][0])
        )
        return len(set(root))

    maps = {piece[2] for piece in pieces}
    closed = sum(closed_regions(pieces, target) for target in maps)
    return len(patterns), adjoining(1), adjoining(2), closed, len(maps)
