"""The lines of a domain's sides, in integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.integers import cross, scaled_integers
from regions.domain.polygon import Polygon
from regions.domain.polyhedron import Polyhedron, WholePlane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.arithmetic.integers import Triple
    from regions.domain.convex import Box, ConvexPolygon
    from regions.domain.read import Domain

__all__ = ["corner_lines", "domain_sides"]


def corner_lines(domain: Box | ConvexPolygon) -> tuple[list[Triple], list[Triple]]:
    """The domain's corners and sides as integer homogeneous triples; side i runs from corner i to corner i + 1."""
    return _ring_lines(domain.corners)


def _ring_lines(ring: NDArray[np.float64]) -> tuple[list[Triple], list[Triple]]:
    (flat,), shift = scaled_integers(ring)
    corners = [(x, y, 1 << shift) for x, y in zip(flat[::2], flat[1::2], strict=True)]
    sides = [cross(p, q) for p, q in zip(corners, corners[1:] + corners[:1], strict=True)]
    return corners, sides


def domain_sides(domain: Domain) -> list[Triple]:
    """The sides of any domain, or its half-planes, as integer triples that are >= 0 inside; then its diagonals."""
    if isinstance(domain, Polyhedron | WholePlane):
        rows = np.column_stack([-domain.normals, domain.offsets])
        (flat,), _ = scaled_integers(rows)
        return [(flat[i], flat[i + 1], flat[i + 2]) for i in range(0, len(flat), 3)]
    if isinstance(domain, Polygon):
        sides = [side for ring in domain.rings for side in _ring_lines(ring)[1]]
        return sides + [_ring_lines(np.array(diagonal))[1][0] for diagonal in domain.diagonals]
    return corner_lines(domain)[1]
