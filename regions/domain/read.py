"""Reads what a user gives as a domain."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from regions.domain.convex import Box, ConvexPolygon, as_domain, is_four_numbers
from regions.domain.polygon import Polygon
from regions.domain.polyhedron import Polyhedron, WholePlane
from regions.errors import DomainError

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Domain", "as_planar_domain"]

Domain = Box | ConvexPolygon | Polygon | Polyhedron | WholePlane
_ALLOWED = (
    "Allowed are a number b for the square [-b, b]², a regions.Box(minx, miny, maxx, maxy) or the four numbers of "
    "one, a regions.ConvexPolygon, a regions.Polygon or shapely Polygon of any shape, with holes or without, a "
    "regions.Polyhedron and regions.WholePlane()."
)


def as_planar_domain(domain: Any) -> Domain:
    """Read any domain that regions can be enumerated over.

    Parameters
    ----------
    domain : float, Box, (minx, miny, maxx, maxy), ConvexPolygon, Polygon, shapely.Polygon, Polyhedron or WholePlane

    Returns
    -------
    Box, ConvexPolygon, Polygon, Polyhedron or WholePlane
        A polygon that is convex and has no holes becomes a ConvexPolygon.

    Raises
    ------
    DomainError
        When it is none of these, empty, not finite, or crosses itself.

    Examples
    --------
    >>> import shapely
    >>> as_planar_domain(shapely.box(0, 0, 1, 1))
    <ConvexPolygon of 4 corners in [0, 1] × [0, 1]>
    >>> as_planar_domain(shapely.Polygon([(0, 0), (2, 0), (1, 0.5), (2, 1), (0, 1)]))
    <Polygon of 5 corners in [0, 2] × [0, 1]>
    """
    if isinstance(domain, Polygon):
        return domain.simplest()
    if isinstance(domain, Polyhedron | WholePlane):
        return domain
    geometry_type = getattr(domain, "geom_type", None)
    if geometry_type == "Polygon" and not domain.is_empty:
        return Polygon.from_shapely(domain).simplest()
    if geometry_type is not None:
        what = "an empty" if domain.is_empty else "a"
        raise DomainError(f"{what} shapely {geometry_type} was given; a domain needs an interior. {_ALLOWED}")
    number = isinstance(domain, Real | np.integer | np.floating) and not isinstance(domain, bool)
    if number or isinstance(domain, Box | ConvexPolygon) or is_four_numbers(domain):
        return as_domain(domain)
    shape = f" and shape {np.shape(domain)}" if isinstance(domain, np.ndarray) else ""
    length = f" and length {len(domain)}" if isinstance(domain, tuple | list) else ""
    raise DomainError(f"a domain of type {type(domain).__name__}{shape}{length} was given. {_ALLOWED}")
