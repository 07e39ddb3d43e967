"""What every domain answers, so that nobody need ask of which kind it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from regions.errors import DomainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Domain", "Point"]

Point = tuple[float, float]


class Domain:
    """A part of the plane over which regions are enumerated: given by rings of corners, or by half-planes.

    The base of :class:`regions.Box`, :class:`regions.ConvexPolygon`, :class:`regions.Polygon`,
    :class:`regions.Polyhedron` and :class:`regions.WholePlane`.

    Examples
    --------
    >>> import regions
    >>> step = regions.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    >>> for domain in (regions.Box(0, 0, 1, 1), step, regions.WholePlane()):
    ...     print(domain.is_bounded, domain.is_convex, domain.n_sides, domain.bounds)
    True True 4 (0.0, 0.0, 1.0, 1.0)
    True False 6 (0.0, 0.0, 2.0, 2.0)
    False True 0 (-inf, -inf, inf, inf)
    """

    __slots__ = ()

    kind: ClassVar[str]
    """The name of the class in files."""

    @property
    def rings(self) -> tuple[NDArray[np.float64], ...]:
        """The corners, each of shape (C, 2), with the interior to the left: the shell, then the holes.

        None where the domain is given by half-planes.
        """
        return ()

    @property
    def normals(self) -> NDArray[np.float64]:
        """Outward normals of the half-planes ``normals @ x <= offsets``: shape (M, 2); M = 0 where it has corners."""
        return np.empty((0, 2))

    @property
    def offsets(self) -> NDArray[np.float64]:
        """Of the half-planes: shape (M,)."""
        return np.empty(0)

    @property
    def diagonals(self) -> tuple[tuple[Point, Point], ...]:
        """The segments between corners that take the domain apart into convex parts."""
        return ()

    @property
    def holes(self) -> tuple[NDArray[np.float64], ...]:
        """The holes' corners, clockwise: each of shape (C', 2)."""
        return self.rings[1:]

    @property
    def is_bounded(self) -> bool:
        """Whether it is given by its corners; half-planes may bound it too, which only enumerating shows."""
        return bool(self.rings)

    @property
    def is_convex(self) -> bool:
        """Whether it is convex."""
        return not self.diagonals

    @property
    def n_sides(self) -> int:
        """The number of its sides or half-planes."""
        return sum(map(len, self.rings)) + len(self.offsets)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(minx, miny, maxx, maxy) of its corners; infinite where it is given by half-planes."""
        if not self.rings:
            return (-math.inf, -math.inf, math.inf, math.inf)
        low, high = self.rings[0].min(axis=0), self.rings[0].max(axis=0)
        return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    def sides(self) -> list[tuple[int, Point, Point]]:
        """The sides between corners, (number, first corner, second corner), counted ring after ring."""
        corners = [[(x, y) for x, y in ring.tolist()] for ring in self.rings]
        ends = [pair for ring in corners for pair in zip(ring, ring[1:] + ring[:1], strict=True)]
        return [(i, p, q) for i, (p, q) in enumerate(ends)]

    def convex_parts(self) -> tuple[Domain, ...]:
        """The convex domains that it is taken apart into along its diagonals."""
        return (self,)

    def simplest(self) -> Domain:
        """The same domain of the simplest kind: a polygon that is convex as a ConvexPolygon."""
        return self

    def within(self, box: Domain) -> Domain:
        """The part inside a box; a DomainError where it has no interior, and for polygons."""
        raise DomainError(
            f"{self!r} was given, which is bounded as it is; to look at a part of it, enumerate over that part."
        )
