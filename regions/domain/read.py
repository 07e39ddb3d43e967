"""Reads what a user gives as a domain."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, overload

import numpy as np

from regions.domain.convex import Box, ConvexPolygon, finite
from regions.domain.domain import Domain
from regions.domain.polygon import Polygon
from regions.errors import DomainError

if TYPE_CHECKING:
    from typing import Any, Literal

__all__ = ["as_domain"]

_ALLOWED = {
    False: "Allowed are a number b for the square [-b, b]², a regions.Box(minx, miny, maxx, maxy) or the four numbers "
    "of one, a regions.ConvexPolygon, a regions.Polygon or shapely Polygon of any shape, with holes or without, a "
    "regions.Polyhedron and regions.WholePlane().",
    True: "Allowed are a number b for the square [-b, b]², a regions.Box(minx, miny, maxx, maxy) or the four numbers "
    "of one, a regions.ConvexPolygon and a convex shapely Polygon without holes.",
}


@overload
def as_domain(domain: Any) -> Domain: ...
@overload
def as_domain(domain: Any, *, convex: Literal[True]) -> Box | ConvexPolygon: ...
def as_domain(domain: Any, *, convex: bool = False) -> Domain:
    """Read a domain: a number b means [-b, b]², and a polygon that is convex becomes a ConvexPolygon.

    Parameters
    ----------
    domain : float, Box, (minx, miny, maxx, maxy), ConvexPolygon, Polygon, shapely.Polygon, Polyhedron or WholePlane
    convex : bool
        Whether only bounded convex domains are allowed.

    Raises
    ------
    DomainError
        When it is none of these, empty, not finite, or crosses itself.

    Examples
    --------
    >>> import shapely
    >>> as_domain(2)
    Box(-2.0, -2.0, 2.0, 2.0)
    >>> as_domain(shapely.box(0, 0, 1, 1))
    <ConvexPolygon of 4 corners in [0, 1] × [0, 1]>
    >>> as_domain(shapely.Polygon([(0, 0), (2, 0), (1, 0.5), (2, 1), (0, 1)]))
    <Polygon of 5 corners in [0, 2] × [0, 1]>
    """
    found = _read(domain, convex)
    if found is not None and (not convex or (found.is_bounded and found.is_convex)):
        return found
    shape = f" and shape {np.shape(domain)}" if isinstance(domain, np.ndarray) else ""
    length = f" and length {len(domain)}" if isinstance(domain, tuple | list) else ""
    raise DomainError(f"a domain of type {type(domain).__name__}{shape}{length} was given. {_ALLOWED[convex]}")


def _read(domain: Any, convex: bool) -> Domain | None:
    if isinstance(domain, Domain):
        return domain.simplest()
    if isinstance(domain, Real | np.integer | np.floating) and not isinstance(domain, bool):
        bound = finite(domain, "the bound b of the square [-b, b]²")
        if bound <= 0:
            raise DomainError(f"the bound {domain} was given; the square [-b, b]² needs b > 0.")
        return Box(-bound, -bound, bound, bound)
    sequence = isinstance(domain, tuple | list) and len(domain) == 4 and not any(map(np.ndim, domain))
    if sequence or (isinstance(domain, np.ndarray) and domain.shape == (4,)):
        return Box(*domain)
    geometry_type = getattr(domain, "geom_type", None)
    if geometry_type is None:
        return None
    if geometry_type != "Polygon" or domain.is_empty:
        what = "an empty" if domain.is_empty else "a"
        raise DomainError(f"{what} shapely {geometry_type} was given; a domain needs an interior. {_ALLOWED[convex]}")
    if convex and not len(domain.interiors):
        return ConvexPolygon(np.asarray(domain.exterior.coords)[:, :2])
    return Polygon.from_shapely(domain).simplest()
