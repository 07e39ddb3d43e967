"""Where to look: the convex polygons of the plane over which regions are enumerated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arithmetic.floats import nearest_finite
from regions.domain.domain import Domain
from regions.domain.rings import exact_area, orientation, read_corners
from regions.errors import DomainError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Box", "ConvexPolygon", "finite"]


@dataclass(frozen=True, slots=True)
class Box(Domain):
    """The axis-parallel rectangle [minx, maxx] × [miny, maxy].

    Parameters
    ----------
    minx, miny, maxx, maxy : float
        Finite, with minx < maxx and miny < maxy; the order of shapely's bounds.

    Raises
    ------
    DomainError
        When a bound is not finite, or the box is empty.

    Examples
    --------
    >>> Box(-1, -1, 1, 1).area
    4.0
    >>> Box(0, 0, 0, 1)
    Traceback (most recent call last):
    ...
    regions.errors.DomainError: Box(0.0, 0.0, 0.0, 1.0) is empty; minx < maxx and miny < maxy are needed.
    """

    kind = "box"

    minx: float
    miny: float
    maxx: float
    maxy: float

    def __post_init__(self) -> None:
        for name in ("minx", "miny", "maxx", "maxy"):
            object.__setattr__(self, name, finite(getattr(self, name), f"Box: {name}"))
        if not (self.minx < self.maxx and self.miny < self.maxy):
            raise DomainError(f"{self!r} is empty; minx < maxx and miny < maxy are needed.")

    @property
    def corners(self) -> NDArray[np.float64]:
        """The four corners, counter-clockwise: shape (4, 2)."""
        return np.array(
            [(self.minx, self.miny), (self.maxx, self.miny), (self.maxx, self.maxy), (self.minx, self.maxy)]
        )

    @property
    def rings(self) -> tuple[NDArray[np.float64], ...]:
        """The corners."""
        return (self.corners,)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(minx, miny, maxx, maxy)."""
        return (self.minx, self.miny, self.maxx, self.maxy)

    @property
    def area(self) -> float:
        """The area, rounded once."""
        return nearest_finite(exact_area(self.corners))

    def within(self, box: Domain) -> Box:
        """The part inside another box; see :meth:`regions.domain.domain.Domain.within`."""
        minx, miny, maxx, maxy = box.bounds
        return Box(max(minx, self.minx), max(miny, self.miny), min(maxx, self.maxx), min(maxy, self.maxy))

    def __repr__(self) -> str:
        return f"Box({self.minx}, {self.miny}, {self.maxx}, {self.maxy})"


@dataclass(frozen=True, eq=False, slots=True)
class ConvexPolygon(Domain):
    """A convex polygon, from its corners in either orientation.

    Parameters
    ----------
    corners : array_like, shape (C, 2)
        Three or more finite corners around the polygon; a closing copy of the first one is allowed, and
        corners on the straight line between their neighbours are dropped.

    Raises
    ------
    DomainError
        When a corner is not finite, or the polygon is empty, not convex or crosses itself. Decided in exact
        arithmetic, so a corner that is off by one unit in the last place counts.

    Examples
    --------
    >>> ConvexPolygon([(0, 0), (1, 0), (0, 1)]).area
    0.5
    """

    kind = "convex"

    corners: NDArray[np.float64]

    def __init__(self, corners: ArrayLike) -> None:
        object.__setattr__(self, "corners", _convex_corners(corners))

    @property
    def rings(self) -> tuple[NDArray[np.float64], ...]:
        """The corners."""
        return (self.corners,)

    @property
    def area(self) -> float:
        """The area, rounded once."""
        return nearest_finite(exact_area(self.corners))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConvexPolygon) and np.array_equal(self.corners, other.corners)

    def __hash__(self) -> int:
        return hash(self.corners.tobytes())

    def __repr__(self) -> str:
        minx, miny, maxx, maxy = self.bounds
        return f"<ConvexPolygon of {len(self.corners)} corners in [{minx:g}, {maxx:g}] × [{miny:g}, {maxy:g}]>"


def finite(value: Any, what: str) -> float:
    """A number that a user gave, as a finite float64."""
    if isinstance(value, bool) or not isinstance(value, Real | np.integer | np.floating):
        raise DomainError(f"{what} of type {type(value).__name__} was given; a finite number is needed.")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise DomainError(f"{what} = {value} was given; a finite number is needed.")
    return result


def _half_plane(dx: Fraction, dy: Fraction) -> int:
    return 0 if dy > 0 or (dy == 0 and dx > 0) else 1


def _convex_corners(corners: ArrayLike) -> NDArray[np.float64]:
    ring = read_corners(corners, "the polygon")
    area = exact_area(ring)
    if area == 0:
        raise DomainError("a polygon of area 0 was given; a domain needs an interior.")
    if area < 0:
        ring.reverse()
    ring = [p for i, p in enumerate(ring) if orientation(ring[i - 1], p, ring[(i + 1) % len(ring)]) != 0]
    turns = {orientation(ring[i - 1], p, ring[(i + 1) % len(ring)]) for i, p in enumerate(ring)}
    sides = [
        _half_plane(Fraction(q[0]) - Fraction(p[0]), Fraction(q[1]) - Fraction(p[1]))
        for p, q in zip(ring, ring[1:] + ring[:1], strict=True)
    ]
    # All left turns is not enough: a pentagram turns left at every corner, but goes round twice.
    rounds = sum(s != sides[i - 1] for i, s in enumerate(sides)) // 2
    if turns != {1} or rounds != 1:
        raise DomainError(
            "a polygon that is not convex was given; a domain must be convex. "
            "Enumerate over its convex hull (polygon.convex_hull), or over convex parts."
        )
    result = np.array(ring)
    result.setflags(write=False)
    return result
