"""Which points lie in a domain, exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import TINY, U
from regions.domain.convex import orientation
from regions.domain.polygon import Polygon, on_segment
from regions.domain.polyhedron import Polyhedron, WholePlane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.domain.read import Domain

__all__ = ["inside"]


def inside(domain: Domain, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points lie in the closed domain, exactly.

    Parameters
    ----------
    domain : Domain
    points : ndarray, shape (P, 2), float64

    Returns
    -------
    ndarray, shape (P,), bool
    """
    if isinstance(domain, Polygon):
        return _in_rings(domain, points)
    result = np.ones(len(points), dtype=bool)
    if isinstance(domain, Polyhedron | WholePlane):
        for normal, offset in zip(domain.normals.tolist(), domain.offsets.tolist(), strict=True):
            result &= _in_half_plane(normal, offset, points)
        return result
    for p, q in zip(domain.corners, np.roll(domain.corners, -1, axis=0), strict=True):
        with np.errstate(over="ignore", invalid="ignore"):
            left = (q[0] - p[0]) * (points[:, 1] - p[1])
            right = (q[1] - p[1]) * (points[:, 0] - p[0])
            turn = left - right
            bound = 8 * U * (np.abs(left) + np.abs(right)) + TINY
        result &= ~(turn < -bound)
        ax, ay, bx, by = (Fraction(float(c)) for c in (*p, *q))
        for i in np.flatnonzero(result & ~(np.abs(turn) > bound)):
            x, y = (Fraction(float(c)) for c in points[i])
            result[i] = (bx - ax) * (y - ay) >= (by - ay) * (x - ax)
    return result


def _in_half_plane(normal: list[float], offset: float, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where ``normal @ x <= offset``."""
    a, b = normal
    with np.errstate(over="ignore", invalid="ignore"):
        value = offset - a * points[:, 0] - b * points[:, 1]
        size = np.abs(a * points[:, 0]) + np.abs(b * points[:, 1]) + abs(offset)
        bound = 8 * U * size + TINY
    result = value > 0
    for i in np.flatnonzero(~(np.abs(value) > bound)):
        x, y = (Fraction(float(c)) for c in points[i])
        result[i] = Fraction(a) * x + Fraction(b) * y <= Fraction(offset)
    return result


def _in_rings(domain: Polygon, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Even-odd rule, with points on a ring counted as inside."""
    result = np.zeros(len(points), dtype=bool)
    sides = [
        (p, q) for ring in domain.rings for p, q in zip(ring.tolist(), np.roll(ring, -1, axis=0).tolist(), strict=True)
    ]
    for i, point in enumerate(points.tolist()):
        odd = False
        for p, q in sides:
            if on_segment(point, p, q):
                odd = True
                break
            # The side crosses the ray to the right if it passes the point's height and the point lies to its left.
            if (p[1] > point[1]) != (q[1] > point[1]):
                odd ^= orientation(p, q, point) == (1 if q[1] > p[1] else -1)
        result[i] = odd
    return result
