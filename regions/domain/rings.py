"""Closed rings of corners: read, measured, and what they go around; all of it exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from regions.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import ArrayLike

    from regions.domain.domain import Point

__all__ = ["exact_area", "in_rings", "on_segment", "orientation", "read_corners"]


def read_corners(corners: ArrayLike, what: str) -> list[Point]:
    """The distinct corners of a ring in their order, without a closing copy of the first."""
    try:
        array = np.asarray(corners, dtype=np.float64)
    except (OverflowError, TypeError, ValueError) as error:
        raise DomainError(f"{what}: corners could not be read as numbers ({error}); shape (C, 2) is needed.") from error
    if array.ndim != 2 or array.shape[1] != 2:
        raise DomainError(f"{what}: corners of shape {array.shape} were given; (C, 2) with C >= 3 is needed.")
    if not np.isfinite(array).all():
        raise DomainError(f"{what}: a corner that is not finite was given; all coordinates must be finite numbers.")
    points = [(x, y) for x, y in array.tolist()]
    ring = [p for i, p in enumerate(points) if p != points[i - 1]]
    if len(ring) < 3:
        raise DomainError(f"{what} has {len(ring)} distinct corner(s); at least 3 are needed.")
    return ring


def orientation(p: Any, q: Any, r: Any) -> int:
    """Sign of the turn p → q → r, exactly."""
    (px, py), (qx, qy), (rx, ry) = ((Fraction(x), Fraction(y)) for x, y in (p, q, r))
    turn = (qx - px) * (ry - qy) - (qy - py) * (rx - qx)
    return (turn > 0) - (turn < 0)


def exact_area(ring: Iterable[Any]) -> Fraction:
    """The area inside a ring, positive counter-clockwise (Gauss's area formula)."""
    points = [(Fraction(x), Fraction(y)) for x, y in ring]
    pairs = zip(points, points[1:] + points[:1], strict=True)
    return sum((p[0] * q[1] - p[1] * q[0] for p, q in pairs), Fraction(0)) / 2


def on_segment(point: Any, p: Any, q: Any) -> bool:
    """Whether a point lies on the closed segment between two others, exactly."""
    in_box = all(min(a, b) <= c <= max(a, b) for a, b, c in zip(p, q, point, strict=True))
    return in_box and orientation(p, q, point) == 0


def in_rings(point: Any, rings: Iterable[list[Any]]) -> bool:
    """Whether closed rings, which may run through slits, go around a point (by the even-odd rule) or through it."""
    odd = False
    for ring in rings:
        for p, q in zip(ring, ring[1:] + ring[:1], strict=True):
            if on_segment(point, p, q):
                return True
            # The side crosses the ray to the right if it passes the point's height and the point lies to its left.
            if (p[1] > point[1]) != (q[1] > point[1]):
                odd ^= orientation(p, q, point) == (1 if q[1] > p[1] else -1)
    return odd
