"""Polygons of any shape as domains: with reflex corners and with holes, taken apart into convex pieces exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from regions.arithmetic.floats import nearest_finite
from regions.domain.convex import ConvexPolygon
from regions.domain.domain import Domain, Point
from regions.domain.rings import exact_area, on_segment, orientation, read_corners
from regions.errors import DomainError

if TYPE_CHECKING:
    import shapely
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Polygon", "convex_pieces"]

_NOT_EXACTLY = (
    "{!r} could not be taken apart exactly: some corners lie within rounding errors of its sides, or its coordinates "
    "are near the limits of float64. Round its coordinates (shapely.set_precision), simplify or scale it."
)


# Without the generated initialiser, for which what Domain answers would be defaults of the fields.
@dataclass(frozen=True, eq=False, slots=True, init=False)
class Polygon(Domain):
    """A polygon of any shape, with holes or without.

    Parameters
    ----------
    shell : array_like, shape (C, 2)
        Three or more finite corners around the polygon, in either orientation; a closing copy of the first one is
        allowed, and corners on the straight line between their neighbours are dropped.
    holes : sequence of array_like, each of shape (C', 2)
        Rings inside the shell that are left out.

    Raises
    ------
    DomainError
        When a corner is not finite, a ring crosses itself or another one, a hole lies outside the shell, or the
        interior falls apart.

    Notes
    -----
    Sides are counted ring after ring, the shell first, counter-clockwise around it and clockwise around the holes, so
    that the interior is always to the left. `pieces` are the convex polygons that it is taken apart into, and
    `diagonals` the segments between them (:func:`convex_pieces`).

    Examples
    --------
    >>> Polygon([(0, 0), (3, 0), (3, 3), (0, 3)], holes=[[(1, 1), (2, 1), (2, 2), (1, 2)]]).area
    8.0
    >>> Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    Traceback (most recent call last):
    ...
    regions.errors.DomainError: the polygon is not valid: Self-intersection[0.5 0.5]. Its rings must not cross ...
    """

    kind = "polygon"

    rings: tuple[NDArray[np.float64], ...]
    pieces: tuple[tuple[Point, ...], ...]
    diagonals: tuple[tuple[Point, Point], ...]

    def __init__(self, shell: ArrayLike, holes: Sequence[ArrayLike] = ()) -> None:
        if isinstance(holes, str) or not isinstance(holes, Iterable):
            raise DomainError(f"holes of type {type(holes).__name__} were given; a sequence of rings is needed.")
        rings = [_ring(shell, "the shell")]
        rings += [_ring(hole, f"hole {i}") for i, hole in enumerate(holes)]
        _check_valid(rings)
        turned = [_turned(rings[0], 1), *(_turned(ring, -1) for ring in rings[1:])]
        for ring in turned:
            ring.setflags(write=False)
        object.__setattr__(self, "rings", tuple(turned))
        pieces = convex_pieces(self)
        rim = {(p, q) for _, p, q in self.sides()}
        sides = {side for piece in pieces for side in zip(piece, piece[1:] + piece[:1], strict=True)}
        object.__setattr__(self, "pieces", tuple(map(tuple, pieces)))
        object.__setattr__(self, "diagonals", tuple(sorted((p, q) for p, q in sides - rim if p < q)))

    @classmethod
    def from_shapely(cls, polygon: shapely.Polygon) -> Polygon:
        """The same polygon; a third coordinate is dropped.

        Parameters
        ----------
        polygon : shapely.Polygon

        Returns
        -------
        Polygon

        Raises
        ------
        DomainError
            As the class itself.

        Examples
        --------
        >>> import shapely
        >>> Polygon.from_shapely(shapely.box(0, 0, 3, 3) - shapely.box(1, 1, 2, 2))
        <Polygon of 4 corners and 1 hole in [0, 3] × [0, 3]>
        """
        rings = [np.asarray(ring.coords)[:, :2] for ring in (polygon.exterior, *polygon.interiors)]
        return cls(rings[0], rings[1:])

    @property
    def corners(self) -> NDArray[np.float64]:
        """The shell's corners, counter-clockwise: shape (C, 2)."""
        return self.rings[0]

    @property
    def area(self) -> float:
        """The area, rounded once."""
        return nearest_finite(sum((exact_area(ring) for ring in self.rings), Fraction(0)))

    def to_shapely(self) -> shapely.Polygon:
        """The same polygon as a `shapely.Polygon`.

        Returns
        -------
        shapely.Polygon

        Examples
        --------
        >>> Polygon([(0, 0), (2, 0), (1, 0.5), (2, 1), (0, 1)]).to_shapely().area
        1.5
        """
        return shapely.Polygon(self.rings[0], self.rings[1:])

    def sides(self) -> list[tuple[int, Point, Point]]:
        """The sides with their numbers, divided where a corner of another ring lies on them.

        Returns
        -------
        list of (int, (float, float), (float, float))

        Examples
        --------
        >>> touching = Polygon([(0, 0), (2, 0), (0, 2)], holes=[[(1, 0), (1, 0.5), (0.5, 0.5)]])
        >>> touching.sides()[:2]
        [(0, (0.0, 0.0), (1.0, 0.0)), (0, (1.0, 0.0), (2.0, 0.0))]
        """
        found: list[tuple[int, Point, Point]] = []
        whole = Domain.sides(self)
        corners = {p for _, p, _ in whole}
        for number, p, q in whole:
            between = sorted((c for c in corners - {p, q} if on_segment(c, p, q)), reverse=p > q)
            found += [(number, a, b) for a, b in pairwise([p, *between, q])]
        return found

    def convex_parts(self) -> tuple[Domain, ...]:
        """The pieces as domains; see :meth:`regions.domain.domain.Domain.convex_parts`."""
        return tuple(map(ConvexPolygon, self.pieces)) if self.diagonals else (self.simplest(),)

    def simplest(self) -> Polygon | ConvexPolygon:
        """A ConvexPolygon where this polygon is convex and has no holes, otherwise the polygon itself.

        Returns
        -------
        Polygon or ConvexPolygon

        Examples
        --------
        >>> Polygon([(0, 0), (1, 0), (0, 1)]).simplest()
        <ConvexPolygon of 3 corners in [0, 1] × [0, 1]>
        """
        return ConvexPolygon(self.corners) if self.is_convex else self

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Polygon)
            and len(self.rings) == len(other.rings)
            and all(np.array_equal(a, b) for a, b in zip(self.rings, other.rings, strict=True))
        )

    def __hash__(self) -> int:
        return hash(tuple(ring.tobytes() for ring in self.rings))

    def __repr__(self) -> str:
        minx, miny, maxx, maxy = self.bounds
        n = len(self.holes)
        holes = f" and {n} hole{'' if n == 1 else 's'}" if n else ""
        return f"<Polygon of {len(self.rings[0])} corners{holes} in [{minx:g}, {maxx:g}] × [{miny:g}, {maxy:g}]>"


def _ring(corners: ArrayLike, what: str) -> NDArray[np.float64]:
    """Distinct corners in order, without those on the straight line between their neighbours."""
    ring = read_corners(corners, what)
    straight = [i for i in range(len(ring)) if orientation(ring[i - 1], ring[i], ring[(i + 1) % len(ring)]) == 0]
    for i in straight:
        p, q, r = ring[i - 1], ring[i], ring[(i + 1) % len(ring)]
        if sum((Fraction(q[k]) - Fraction(p[k])) * (Fraction(r[k]) - Fraction(q[k])) for k in range(2)) < 0:
            raise DomainError(f"{what} turns back on itself at {q}; leave the spike out.")
    ring = [p for i, p in enumerate(ring) if i not in set(straight)]
    if len(ring) < 3:
        raise DomainError(f"{what} has {len(ring)} corner(s) that are not on a straight line; at least 3 are needed.")
    return np.array(ring)


def _turned(ring: NDArray[np.float64], sign: int) -> NDArray[np.float64]:
    return ring if (exact_area(ring) > 0) == (sign > 0) else ring[::-1].copy()


def _check_valid(rings: list[NDArray[np.float64]]) -> None:
    polygon = shapely.Polygon(rings[0], rings[1:])
    with np.errstate(all="ignore"):
        valid = polygon.is_valid
    if not valid:
        raise DomainError(
            f"the polygon is not valid: {shapely.is_valid_reason(polygon)}. Its rings must not cross themselves or one "
            "another, holes lie inside the shell, and its interior hangs together. shapely.make_valid may repair it; "
            "enumerate over each of the parts that this gives."
        )


def convex_pieces(polygon: Polygon) -> list[list[Point]]:
    """Take a polygon apart along segments between its corners, into strictly convex pieces, counter-clockwise.

    Each side of one is a side of the polygon or, turned round, a side of exactly one other. The triangles are shapely's
    constrained Delaunay triangulation, which computes in floats; that they tile the polygon is then checked in exact
    arithmetic, and a DomainError where they do not. Neighbours whose union is convex are joined (Hertel & Mehlhorn
    1983).
    """
    try:
        with np.errstate(all="ignore"):
            found = shapely.constrained_delaunay_triangles(_noded(polygon)).geoms
    except shapely.errors.GEOSException:
        raise DomainError(_NOT_EXACTLY.format(polygon)) from None
    triangles = [[tuple(p) for p in np.asarray(triangle.exterior.coords)[:-1, :2].tolist()] for triangle in found]
    pieces: dict[int, list[Any]] = {
        i: t if orientation(*t) > 0 else t[::-1] for i, t in enumerate(triangles) if orientation(*t) != 0
    }
    _check_tiling(polygon, list(pieces.values()))
    owner = {side: i for i, piece in pieces.items() for side in zip(piece, piece[1:] + piece[:1], strict=True)}
    for p, q in list(owner):
        i, j = owner.get((p, q), -1), owner.get((q, p), -1)
        if min(i, j) < 0:
            continue
        joined = _joined(pieces[i], pieces[j], p, q)
        if all(orientation(joined[k - 2], joined[k - 1], joined[k]) > 0 for k in range(len(joined))):
            pieces[i] = joined
            owner.update({side: i for side, k in owner.items() if k == j})
            del pieces[j], owner[p, q], owner[q, p]
    return list(pieces.values())


def _noded(polygon: Polygon) -> shapely.Polygon:
    """The polygon with corners wherever its rings touch."""
    rings: list[list[Point]] = []
    sides = iter(polygon.sides())
    for ring in polygon.rings:
        start = tuple(ring[0].tolist())
        points: list[Point] = []
        for _, p, q in sides:
            points.append(p)
            if q == start:
                break
        rings.append(points)
    return shapely.Polygon(rings[0], rings[1:])


def _joined(first: list[Point], second: list[Point], p: Point, q: Point) -> list[Point]:
    """The union of two polygons that share the side from p to q, seen from the first."""
    i, j = first.index(q), second.index(p)
    return first[i:] + first[:i] + (second[j:] + second[:j])[1:-1]


def _check_tiling(polygon: Polygon, triangles: list[list[Point]]) -> None:
    """Positively oriented triangles, matched side by side, whose unmatched sides are the rings: they tile it."""
    sides = [side for t in triangles for side in zip(t, t[1:] + t[:1], strict=True)]
    left = set(sides)
    unmatched = {(p, q) for p, q in left if (q, p) not in left}
    rim = {(p, q) for _, p, q in polygon.sides()}
    total = sum((exact_area(np.array(t)) for t in triangles), Fraction(0))
    expected = sum((exact_area(ring) for ring in polygon.rings), Fraction(0))
    if len(left) != len(sides) or unmatched != rim or total != expected:
        raise DomainError(_NOT_EXACTLY.format(polygon))
