"""Domains as named plain arrays, for files and for tasks on other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.domain.convex import Box, ConvexPolygon
from regions.domain.polygon import Polygon
from regions.domain.polyhedron import Polyhedron, WholePlane

if TYPE_CHECKING:
    from typing import Any

    from regions.domain.domain import Domain

__all__ = ["domain_arrays", "read_domain"]


def domain_arrays(domain: Domain) -> dict[str, Any]:
    """A domain as plain arrays."""
    arrays: dict[str, Any] = {"domain": np.array(domain.kind)}
    if len(domain.offsets):
        arrays |= {"normals": domain.normals, "rim_offsets": domain.offsets}
    if domain.rings:
        arrays |= {"corners": np.concatenate(domain.rings), "corner_counts": np.array([len(r) for r in domain.rings])}
    if domain.diagonals:
        arrays["diagonals"] = np.array(domain.diagonals).reshape(-1, 4)
    return arrays


def read_domain(arrays: dict[str, Any]) -> Domain:
    """The domain that :func:`domain_arrays` wrote."""
    if "domain" not in arrays:
        # Version 1.
        corners = arrays["corners"]
        return Box(*corners[0], *corners[2]) if bool(arrays["is_box"]) else ConvexPolygon(corners)
    kind = str(arrays["domain"])
    if kind == WholePlane.kind:
        return WholePlane()
    if kind == Polyhedron.kind:
        return Polyhedron(arrays["normals"], arrays["rim_offsets"])
    rings = np.split(arrays["corners"], np.cumsum(arrays["corner_counts"])[:-1])
    if kind == Box.kind:
        return Box(*rings[0][0], *rings[0][2])
    if kind == ConvexPolygon.kind:
        return ConvexPolygon(rings[0])
    if kind == Polygon.kind:
        polygon = Polygon(rings[0], rings[1:])
        # Another version of shapely may take it apart differently.
        diagonals = tuple(((a, b), (c, d)) for a, b, c, d in arrays["diagonals"].tolist())
        object.__setattr__(polygon, "diagonals", diagonals)
        return polygon
    raise ValueError(f"a domain of kind {kind!r} is not known")
