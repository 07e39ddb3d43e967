"""Which points lie in a domain, exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import TINY, U
from regions.domain.rings import in_rings, orientation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.domain.domain import Domain

__all__ = ["inside"]


def inside(domain: Domain, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points, (P, 2), lie in the closed domain, exactly: (P,)."""
    if not domain.is_convex:
        rings = [ring.tolist() for ring in domain.rings]
        return np.array([in_rings(point, rings) for point in points.tolist()], dtype=bool)
    result = np.ones(len(points), dtype=bool)
    for normal, offset in zip(domain.normals.tolist(), domain.offsets.tolist(), strict=True):
        result &= _in_half_plane(normal, offset, points)
    for _, p, q in domain.sides():
        with np.errstate(over="ignore", invalid="ignore"):
            left = (q[0] - p[0]) * (points[:, 1] - p[1])
            right = (q[1] - p[1]) * (points[:, 0] - p[0])
            turn = left - right
            bound = 8 * U * (np.abs(left) + np.abs(right)) + TINY
        result &= ~(turn < -bound)
        for i in np.flatnonzero(result & ~(np.abs(turn) > bound)):
            result[i] = orientation(p, q, points[i]) >= 0
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
