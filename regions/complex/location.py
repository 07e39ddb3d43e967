"""Point location: the region of a point, found through its activation pattern."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.underflow import require_gradual_underflow
from regions.complex.lines import exact_vertices
from regions.domain.inside import inside
from regions.domain.rings import in_rings
from regions.network.rounding import signs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from regions.complex.data import ComplexData

__all__ = ["locate"]

_BLOCK = 65536


def locate(complex: ComplexData, points: ArrayLike) -> NDArray[np.int64]:
    """Find the region of every point, exactly.

    Parameters
    ----------
    points : array_like, shape (P, 2)

    Returns
    -------
    ndarray, shape (P,), int64
        The region's index; -1 outside the domain. A point on the border of several regions belongs to the
        one with the smallest index.

    Raises
    ------
    ValueError
        When the points are not of shape (P, 2), or not finite.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> complex = regions.enumerate_regions(network, 1)
    >>> complex.locate([[0.5, 0.5], [0.0, 0.0], [2.0, 0.0]])
    array([ 2,  0, -1])
    """
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
    if not complex.domain.is_convex:
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
    vertices = exact_vertices(complex)
    rings = [[vertices[v] for v in ring] for ring in np.split(complex.rings, complex.ring_offsets[1:-1])]
    found = signs(complex.network, points[within])
    for i, row in zip(within.tolist(), found, strict=True):
        sure = np.packbits(row != 0)
        fits = ((complex.packed_patterns & sure) == (np.packbits(row > 0) & sure)).all(axis=1)
        point = Fraction(float(points[i, 0])), Fraction(float(points[i, 1]))
        result[i] = next((r for r in np.flatnonzero(fits).tolist() if in_rings(point, [rings[r]])), -1)
    return result
