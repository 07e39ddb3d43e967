"""Domains as named plain arrays, for files and for tasks on other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.domain.convex import Box, ConvexPolygon
from regions.domain.polygon import Polygon
from regions.domain.polyhedron import Polyhedron, WholePlane

if TYPE_CHECKING:
    from typing import Any

    from regions.domain.read import Domain

__all__ = ["domain_arrays", "read_domain"]


def domain_arrays(domain: Domain) -> dict[str, Any]:
    """A domain as plain arrays."""
    if isinstance(domain, Polyhedron):
        return {"domain": np.array("polyhedron"), "normals": domain.normals, "rim_offsets": domain.offsets}
    if isinstance(domain, WholePlane):
        return {"domain": np.array("plane")}
    rings = domain.rings if isinstance(domain, Polygon) else (domain.corners,)
    kind = {Box: "box", ConvexPolygon: "convex", Polygon: "polygon"}[type(domain)]
    sizes = np.array([len(ring) for ring in rings])
    arrays = {"domain": np.array(kind), "corners": np.concatenate(rings), "corner_counts": sizes}
    if isinstance(domain, Polygon):
        arrays["diagonals"] = np.array(domain.diagonals).reshape(-1, 4)
    return arrays


def read_domain(arrays: dict[str, Any]) -> Domain:
    """The domain that :func:`domain_arrays` wrote."""
    if "domain" not in arrays:
        # Version 1.
        corners = arrays["corners"]
        return Box(*corners[0], *corners[2]) if bool(arrays["is_box"]) else ConvexPolygon(corners)
    kind = str(arrays["domain"])
    if kind == "plane":
        return WholePlane()
    if kind == "polyhedron":
        return Polyhedron(arrays["normals"], arrays["rim_offsets"])
    rings = np.split(arrays["corners"], np.cumsum(arrays["corner_counts"])[:-1])
    if kind == "box":
        return Box(*rings[0][0], *rings[0][2])
    if kind == "convex":
        return ConvexPolygon(rings[0])
    if kind == "polygon":
        polygon = Polygon(rings[0], rings[1:])
        # Another version of shapely may take it apart differently.
        diagonals = tuple(((a, b), (c, d)) for a, b, c, d in arrays["diagonals"].tolist())
        object.__setattr__(polygon, "diagonals", diagonals)
        return polygon
    raise ValueError(f"a domain of kind {kind!r} is not known")
