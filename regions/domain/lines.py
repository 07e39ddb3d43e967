"""The lines of a domain's sides, in integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.integers import cross, scaled_integers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.arithmetic.integers import Triple
    from regions.domain.domain import Domain

__all__ = ["corner_lines", "domain_sides"]


def corner_lines(domain: Domain) -> tuple[list[Triple], list[Triple]]:
    """A domain's outer corners and sides as integer homogeneous triples; side i runs from corner i to corner i + 1."""
    return _ring_lines(domain.rings[0])


def _ring_lines(ring: NDArray[np.float64]) -> tuple[list[Triple], list[Triple]]:
    (flat,), shift = scaled_integers(ring)
    corners = [(x, y, 1 << shift) for x, y in zip(flat[::2], flat[1::2], strict=True)]
    sides = [cross(p, q) for p, q in zip(corners, corners[1:] + corners[:1], strict=True)]
    return corners, sides


def domain_sides(domain: Domain) -> list[Triple]:
    """The sides of a domain, or its half-planes, as integer triples that are >= 0 inside; then its diagonals."""
    (flat,), _ = scaled_integers(np.column_stack([-domain.normals, domain.offsets]))
    half_planes = [(flat[i], flat[i + 1], flat[i + 2]) for i in range(0, len(flat), 3)]
    sides = [side for ring in domain.rings for side in _ring_lines(ring)[1]]
    return half_planes + sides + [_ring_lines(np.array(diagonal))[1][0] for diagonal in domain.diagonals]
