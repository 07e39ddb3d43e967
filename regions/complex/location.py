"""Point location: the region of a point, found through its activation pattern."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.underflow import require_gradual_underflow
from regions.complex.lines import all_vertices
from regions.domain.inside import inside
from regions.domain.polygon import Polygon
from regions.network.rounding import signs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from regions.complex.data import ComplexData

__all__ = ["in_walk", "locate"]

_BLOCK = 65536


def locate(complex: ComplexData, points: ArrayLike) -> NDArray[np.int64]:
    """Find the region of every point; see :meth:`regions.RegionComplex.locate`."""
    require_gradual_underflow()
    given = np.asarray(points)
    if given.dtype.kind not in "fiu":
        raise ValueError(f"points of dtype {given.dtype} were given; real numbers are needed.")
    array = given.astype(np.float64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"points of shape {array.shape} were given; (P, 2) is needed.")
    if not np.isfinite(array).all():
        raise ValueError("a point that is not finite was given; all coordinates must be finite.")
    result = np.full(len(array), -1, dtype=np.int64)
    within = np.flatnonzero(inside(complex.domain, array))
    if isinstance(complex.domain, Polygon):
        return _locate_in_polygon(complex, array, within)
    if complex.network.n_neurons == 0:
        result[within] = 0
        return result
    index = {row.tobytes(): i for i, row in enumerate(complex.packed_patterns)}
    for start in range(0, len(within), _BLOCK):
        block = within[start : start + _BLOCK]
        found = signs(complex.network, array[block])
        packed = np.packbits(found > 0, axis=1)
        distinct, inverse = np.unique(packed, axis=0, return_inverse=True)
        lookup = np.array([index.get(row.tobytes(), -1) for row in distinct], dtype=np.int64)
        result[block] = lookup[inverse.ravel()]
        # On a border: every region whose pattern agrees wherever the sign is not 0 holds the point in its closure.
        border = np.flatnonzero((found == 0).any(axis=1))
        if len(border):
            patterns, groups = np.unique(found[border], axis=0, return_inverse=True)
            homes = np.array([_first_match(complex, row) for row in patterns], dtype=np.int64)
            result[block[border]] = homes[groups.ravel()]
    return result


def _first_match(complex: ComplexData, row: NDArray[np.int8]) -> int:
    sure = np.packbits(row != 0)
    active = np.packbits(row > 0)
    fits = ((complex.packed_patterns & sure) == (active & sure)).all(axis=1)
    return int(np.argmax(fits)) if fits.any() else -1


def _locate_in_polygon(
    complex: ComplexData, points: NDArray[np.float64], within: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Several regions may have one pattern: the one whose ring holds the point, in rationals."""
    result = np.full(len(points), -1, dtype=np.int64)
    vertices = all_vertices(complex)
    rings = [[vertices[v] for v in ring] for ring in np.split(complex.rings, complex.ring_offsets[1:-1])]
    found = signs(complex.network, points[within])
    for i, row in zip(within.tolist(), found, strict=True):
        sure = np.packbits(row != 0)
        fits = ((complex.packed_patterns & sure) == (np.packbits(row > 0) & sure)).all(axis=1)
        point = Fraction(float(points[i, 0])), Fraction(float(points[i, 1]))
        result[i] = next((r for r in np.flatnonzero(fits).tolist() if in_walk(rings[r], point)), -1)
    return result


def in_walk(walk: list[tuple[Fraction, Fraction]], point: tuple[Fraction, Fraction]) -> bool:
    """Whether a closed walk, which may run through slits, goes around a point or through it."""
    x, y = point
    odd = False
    for (px, py), (qx, qy) in zip(walk, walk[1:] + walk[:1], strict=True):
        turn = (qx - px) * (y - py) - (qy - py) * (x - px)
        if turn == 0 and min(px, qx) <= x <= max(px, qx) and min(py, qy) <= y <= max(py, qy):
            return True
        if (py > y) != (qy > y):
            odd ^= (turn > 0) == (qy > py)
    return odd
