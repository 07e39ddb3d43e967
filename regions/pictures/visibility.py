"""The largest stencil that fits into each region wherever the grid's points happen to fall."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from regions.domain.read import as_domain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex

__all__ = ["certain_spacing", "sufficient_resolution"]

# Edges shorter than this part of the box have a direction that rounding may have turned, so they are left out, and what
# that can add to a region is taken off its spacing again.
_SHORT = 2.0**-36
_CELLS = 1 << 21


def certain_spacing(complex: RegionComplex) -> NDArray[np.float64]:
    """Grid spacing at which each region is certain to hold a whole stencil, as a part of the box's sides.

    Returns
    -------
    ndarray, shape (R,), float64
        The largest t for which the region holds a copy of t·O, shrunk by a bound on rounding; 0 where none is left.
        See :func:`sufficient_resolution` for what O is.

    Notes
    -----
    With s(n) = (|nx| + |ny|)/2 + max(|nx|, |ny|), the support function of O, a copy at c fits exactly when
    n·c + t s(n) <= b for every edge n·p <= b: a linear program in (c, t), whose optimum is tight in three edges.
    All triples are tried. A candidate c is then judged against all edges, so that a rounding error in it costs
    size, but never makes the answer too large.
    """
    minx, miny, maxx, maxy = as_domain(complex.domain, convex=True).bounds
    scale = np.array([maxx - minx, maxy - miny])
    counts = np.diff(complex.ring_offsets)
    result = np.zeros(complex.n_regions)
    for k in np.unique(counts):
        regions = np.flatnonzero(counts == k)
        triples = np.array(list(combinations(range(int(k)), 3)))
        block = max(1, _CELLS // (len(triples) * int(k)))
        for start in range(0, len(regions), block):
            chosen = regions[start : start + block]
            entries = complex.ring_offsets[chosen][:, None] + np.arange(k)
            corners = complex.vertices[complex.rings[entries]]
            # Relative to a corner of the region itself: far from the origin, products of coordinates would cancel.
            result[chosen] = _largest((corners - corners[:, :1]) / scale, triples)
    return np.maximum(result * (1 - 1e-9) - 16 * _SHORT, 0.0)


def _largest(corners: NDArray[np.float64], triples: NDArray[np.int64]) -> NDArray[np.float64]:
    """Largest t for polygons with corners of shape (F, k, 2)."""
    side = np.roll(corners, -1, axis=1) - corners
    nx, ny = side[..., 1], -side[..., 0]
    s = (np.abs(nx) + np.abs(ny)) / 2 + np.maximum(np.abs(nx), np.abs(ny))
    usable = np.hypot(nx, ny) > _SHORT
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        nx, ny = nx / s, ny / s
        b = nx * corners[..., 0] + ny * corners[..., 1]
        # Three equations nx·cx + ny·cy + t = b; subtracting the first leaves two in c.
        first, second, third = (triples[:, a] for a in range(3))
        ax, ay, ab = (v[:, second] - v[:, first] for v in (nx, ny, b))
        cx, cy, cb = (v[:, third] - v[:, first] for v in (nx, ny, b))
        det = ax * cy - ay * cx
        px, py = (ab * cy - ay * cb) / det, (ax * cb - ab * cx) / det
        room = b[:, None] - nx[:, None] * px[..., None] - ny[:, None] * py[..., None]
    room = np.where(usable[:, None], room, np.inf).min(axis=2)
    # NaN comes from parallel edges or edges left out, infinity from a polygon of which fewer than three are left.
    room = np.where(np.isfinite(room), room, 0.0)
    return np.maximum(room.max(axis=1), 0.0)


def sufficient_resolution(spacing: float, limit: int) -> int | None:
    """Grid points a side that bring the spacing down to `spacing`; None beyond `limit`.

    Parameters
    ----------
    spacing : float
        As a part of the box's side.
    limit : int

    Notes
    -----
    Let O be the sum of the unit square around 0 and the diamond with corners (±1, 0), (0, ±1), in units of the box.
    If a region holds c + t·O and the spacing is h <= t, then the closed square of side h around c holds a grid
    point p, wherever the grid's points fall, and the stencil p ± h lies in c + h·O, a part of c + t·O (O is convex
    and holds 0). So p is a pixel off the border whose whole stencil lies in the region.

    Examples
    --------
    >>> sufficient_resolution(0.25, 1000)
    5
    """
    if spacing <= 0 or 1 / spacing > limit - 1:
        return None
    return max(3, math.ceil(1 / spacing) + 1)
