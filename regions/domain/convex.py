"""Where to look: the convex polygons of the plane over which regions are enumerated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arithmetic.floats import nearest_finite
from regions.errors import DomainError

if TYPE_CHECKING:
    import shapely
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Box", "ConvexPolygon", "as_domain", "is_four_numbers"]

_ALLOWED = (
    "Allowed are a number b for the square [-b, b]², a regions.Box(minx, miny, maxx, maxy) or the four numbers of one, "
    "a regions.ConvexPolygon and a convex shapely Polygon without holes."
)


@dataclass(frozen=True, slots=True)
class Box:
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

    minx: float
    miny: float
    maxx: float
    maxy: float

    def __post_init__(self) -> None:
        for name in ("minx", "miny", "maxx", "maxy"):
            object.__setattr__(self, name, _finite(getattr(self, name), f"Box: {name}"))
        if not (self.minx < self.maxx and self.miny < self.maxy):
            raise DomainError(f"{self!r} is empty; minx < maxx and miny < maxy are needed.")

    @property
    def corners(self) -> NDArray[np.float64]:
        """The four corners, counter-clockwise: shape (4, 2)."""
        return np.array(
            [(self.minx, self.miny), (self.maxx, self.miny), (self.maxx, self.maxy), (self.minx, self.maxy)]
        )

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(minx, miny, maxx, maxy)."""
        return (self.minx, self.miny, self.maxx, self.maxy)

    @property
    def area(self) -> float:
        """The area, rounded once."""
        return nearest_finite(exact_area(self.corners))

    def __repr__(self) -> str:
        return f"Box({self.minx}, {self.miny}, {self.maxx}, {self.maxy})"


@dataclass(frozen=True, eq=False, slots=True)
class ConvexPolygon:
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

    corners: NDArray[np.float64]

    def __init__(self, corners: ArrayLike) -> None:
        object.__setattr__(self, "corners", _convex_corners(corners))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(minx, miny, maxx, maxy)."""
        low, high = self.corners.min(axis=0), self.corners.max(axis=0)
        return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))

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


def _finite(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real | np.integer | np.floating):
        raise DomainError(f"{what} of type {type(value).__name__} was given; a finite number is needed.")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise DomainError(f"{what} = {value} was given; a finite number is needed.")
    return result


def orientation(p: Any, q: Any, r: Any) -> int:
    """Sign of the turn p → q → r, exactly."""
    (px, py), (qx, qy), (rx, ry) = ((Fraction(float(x)), Fraction(float(y))) for x, y in (p, q, r))
    turn = (qx - px) * (ry - qy) - (qy - py) * (rx - qx)
    return (turn > 0) - (turn < 0)


def exact_area(corners: NDArray[np.float64]) -> Fraction:
    points = [(Fraction(float(x)), Fraction(float(y))) for x, y in corners]
    return (
        sum(
            (p[0] * q[1] - q[0] * p[1] for p, q in zip(points, points[1:] + points[:1], strict=True)),
            Fraction(0),
        )
        / 2
    )


def _half_plane(dx: Fraction, dy: Fraction) -> int:
    return 0 if dy > 0 or (dy == 0 and dx > 0) else 1


def _convex_corners(corners: ArrayLike) -> NDArray[np.float64]:
    try:
        array = np.asarray(corners, dtype=np.float64)
    except (OverflowError, TypeError, ValueError) as error:
        raise DomainError(f"corners could not be read as numbers ({error}); shape (C, 2) is needed.") from error
    if array.ndim != 2 or array.shape[1] != 2:
        raise DomainError(f"corners of shape {array.shape} were given; (C, 2) with C >= 3 is needed.")
    if not np.isfinite(array).all():
        raise DomainError("a corner that is not finite was given; all coordinates must be finite numbers.")
    points = [tuple(p) for p in array.tolist()]
    ring = [p for i, p in enumerate(points) if p != points[i - 1]]
    if len(ring) < 3:
        raise DomainError(f"a polygon of {len(ring)} distinct corners is empty; at least 3 are needed.")
    area = exact_area(np.array(ring))
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


def is_four_numbers(domain: Any) -> bool:
    """Whether a domain is given as (minx, miny, maxx, maxy)."""
    if isinstance(domain, np.ndarray):
        return domain.shape == (4,)
    return isinstance(domain, tuple | list) and len(domain) == 4 and not any(map(np.ndim, domain))


def as_domain(domain: Any) -> Box | ConvexPolygon:
    """Read a bounded convex domain: a number b means [-b, b]², a shapely polygon is checked for convexity.

    Parameters
    ----------
    domain : float, Box, (minx, miny, maxx, maxy), ConvexPolygon or shapely.Polygon

    Returns
    -------
    Box or ConvexPolygon

    Raises
    ------
    DomainError
        When it is none of these, empty, not convex, or not finite.

    Examples
    --------
    >>> as_domain(2)
    Box(-2.0, -2.0, 2.0, 2.0)
    """
    if isinstance(domain, Box | ConvexPolygon):
        return domain
    if isinstance(domain, Real | np.integer | np.floating) and not isinstance(domain, bool):
        bound = _finite(domain, "the bound b of the square [-b, b]²")
        if bound <= 0:
            raise DomainError(f"the bound {domain} was given; the square [-b, b]² needs b > 0.")
        return Box(-bound, -bound, bound, bound)
    if is_four_numbers(domain):
        return Box(*domain)
    geometry_type = getattr(domain, "geom_type", None)
    if geometry_type is None:
        raise DomainError(f"a domain of type {type(domain).__name__} was given. {_ALLOWED}")
    return _from_shapely(domain, geometry_type)


def _from_shapely(polygon: shapely.Geometry, geometry_type: str) -> ConvexPolygon:
    if geometry_type != "Polygon":
        raise DomainError(f"a shapely {geometry_type} was given. {_ALLOWED}")
    if polygon.is_empty:
        raise DomainError(f"an empty shapely Polygon was given; a domain needs an interior. {_ALLOWED}")
    if len(polygon.interiors):
        raise DomainError(f"a shapely Polygon with {len(polygon.interiors)} hole(s) was given. {_ALLOWED}")
    return ConvexPolygon(np.asarray(polygon.exterior.coords)[:, :2])
