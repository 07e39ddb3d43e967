"""Which region each grid point lies in, read from the polygons of a complex alone (not from the network)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from regions.domain.convex import Box
from regions.domain.read import as_domain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex
    from regions.domain.convex import ConvexPolygon

__all__ = ["Raster", "rasterize"]


@dataclass(frozen=True, slots=True)
class Raster:
    """The grid's points by region: row j, column i belong to (x[i], y[j]).

    Parameters
    ----------
    labels : ndarray, shape (N, N), int64
        Region of every grid point of the domain, -1 where there is none. A point on a border has one of the
        regions beside it.
    inside : ndarray, shape (N, N), bool
        Whether the point lies in the domain; for a polygon, clear of its rim.
    n_uncovered : int
        Points inside that no region covers; a complex without gaps has none.
    n_overlapping : int
        Points well inside two regions at once; a complex without overlaps has none.
    """

    labels: NDArray[np.int64]
    inside: NDArray[np.bool_]
    n_uncovered: int
    n_overlapping: int


def rasterize(complex: RegionComplex, x: NDArray[np.float64], y: NDArray[np.float64], slack: float) -> Raster:
    """Fill every region's polygon, row by row.

    Parameters
    ----------
    complex : RegionComplex
    x, y : ndarray, shape (N,), float64
        Ascending grid coordinates.
    slack : float
        Length, far below a pixel, by which a rounded polygon may miss a point that it should hold.

    Notes
    -----
    An edge's crossing with a row is computed from its lower to its upper end whichever region asks, so that the two
    regions beside it get the same number and leave neither gap nor overlap. A row belongs to an edge whose ends
    satisfy low <= row < high, a column to a region with left <= column < right; what lies on the upper and the
    right rim is left over by that rule, and is given to a polygon within `slack`.
    """
    n = len(x)
    points, owners = _fill(complex, x, y)
    labels = np.full(n * n, -1, dtype=np.int64)
    labels[points] = owners
    inside = _inside(as_domain(complex.domain, convex=True), x, y, slack)
    _adopt(complex, x, y, labels, inside.ravel(), slack)
    labels[~inside.ravel()] = -1
    n_uncovered = int((inside.ravel() & (labels < 0)).sum())
    n_overlapping = _overlaps(complex, x, y, points, owners, slack)
    return Raster(labels.reshape(n, n), inside, n_uncovered, n_overlapping)


def _fill(
    complex: RegionComplex, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flat indices of the grid points in each region, and the region beside each."""
    n = len(x)
    regions = complex.ring_owners
    start = complex.vertices[complex.rings]
    end = complex.vertices[complex.rings[complex._sides]]
    upward = end[:, 1] > start[:, 1]
    low, high = np.where(upward[:, None], start, end), np.where(upward[:, None], end, start)
    first = np.searchsorted(y, low[:, 1], side="left")
    rows_of_edge = np.searchsorted(y, high[:, 1], side="left") - first

    edge = np.repeat(np.arange(len(start)), rows_of_edge)
    within = np.arange(len(edge)) - np.repeat(np.cumsum(rows_of_edge) - rows_of_edge, rows_of_edge)
    row = first[edge] + within
    fraction = (y[row] - low[edge, 1]) / (high[edge, 1] - low[edge, 1])
    crossing = low[edge, 0] + fraction * (high[edge, 0] - low[edge, 0])

    # Counter-clockwise: edges that go up bound the region on its right, edges that go down on its left.
    key = regions[edge] * n + row
    spans = [_extreme(key[up], crossing[up], f) for up, f in ((~upward[edge], np.minimum), (upward[edge], np.maximum))]
    (left_keys, left), (right_keys, right) = spans
    keys, at_left, at_right = np.intersect1d(left_keys, right_keys, assume_unique=True, return_indices=True)
    begin = np.searchsorted(x, left[at_left], side="left")
    length = np.maximum(np.searchsorted(x, right[at_right], side="left") - begin, 0)
    span = np.repeat(np.arange(len(keys)), length)
    column = begin[span] + np.arange(len(span)) - np.repeat(np.cumsum(length) - length, length)
    return keys[span] % n * n + column, keys[span] // n


def _extreme(
    key: NDArray[np.int64], values: NDArray[np.float64], function: np.ufunc
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Least or greatest of the values of every key."""
    order = np.argsort(key, kind="stable")
    unique, starts = np.unique(key[order], return_index=True)
    return unique, function.reduceat(values[order], starts) if len(starts) else values[:0]


def _inside(
    domain: Box | ConvexPolygon, x: NDArray[np.float64], y: NDArray[np.float64], slack: float
) -> NDArray[np.bool_]:
    result = np.ones((len(y), len(x)), dtype=bool)
    if domain == Box(*domain.bounds):
        # The grid was laid over the box, so all its points belong to it, those on the rim too.
        return result
    for p, q in zip(domain.corners, np.roll(domain.corners, -1, axis=0), strict=True):
        normal = np.array([p[1] - q[1], q[0] - p[0]]) / np.hypot(*(q - p))
        result &= normal[0] * (x - p[0])[None, :] + normal[1] * (y - p[1])[:, None] > slack
    return result


def _adopt(
    complex: RegionComplex,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    labels: NDArray[np.int64],
    inside: NDArray[np.bool_],
    slack: float,
) -> None:
    """Give points that no polygon took to one that comes within `slack` of them."""
    orphans = np.flatnonzero(inside & (labels < 0))
    if len(orphans) == 0:
        return
    # When most of the grid is uncovered the complex is broken beyond rims; the count says so without a slow search.
    orphans = orphans[: 16 * len(x)]
    points = shapely.points(x[orphans % len(x)], y[orphans // len(x)])
    found, polygon = shapely.STRtree(complex.polygons).query(points, predicate="dwithin", distance=slack)
    labels[orphans[found]] = polygon


def _overlaps(
    complex: RegionComplex,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    points: NDArray[np.int64],
    owners: NDArray[np.int64],
    slack: float,
) -> int:
    taken = np.bincount(points, minlength=len(x) * len(y))
    several = np.flatnonzero(taken[points] > 1)
    if len(several) == 0:
        return 0
    where = shapely.points(x[points[several] % len(x)], y[points[several] // len(x)])
    depth = shapely.distance(shapely.boundary(complex.polygons[owners[several]]), where)
    deep = np.bincount(points[several][depth > slack], minlength=1)
    return int((deep > 1).sum())
