"""Float coordinates of the vertices of a stitched complex, above all of one found in charts of the plane."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import U, nearest_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.enumeration.part_complex import PartComplex
    from regions.enumeration.stitch import Stitched

    Floats = NDArray[np.float64]

__all__ = ["plane_points", "rounded_points"]

# Lines that meet at a smaller sine are intersected in rationals.
_SLIM = 2.0**-20


def rounded_points(stitched: Stitched, complexes: list[PartComplex]) -> NDArray[np.float64]:
    """Coordinates of the vertices of bounded parts: (V, 2) float64."""
    points = np.empty((len(stitched.vertex_parts), 2))
    for i, complex in enumerate(complexes):
        here = stitched.vertex_parts == i
        points[here] = complex.plane.points[stitched.vertex_names[here], :2]
    return points


def plane_points(stitched: Stitched, complexes: list[PartComplex], edge_lines: Floats) -> tuple[Floats, Floats]:
    """Coordinates (V, 2) of vertices that were found in charts, and directions (K, 2), unit vectors, of the ideal ones.

    Every edge has a line a x + b y + c = 0, NaN at infinity. Vertices are intersections of two of the lines through
    them; slim ones, and those that may be outermost, are the exact points rounded once.
    """
    n = len(stitched.vertex_parts) - stitched.n_ideal
    low, high, directions = _from_charts(stitched, complexes)
    inner = np.ones(n, dtype=bool)
    rim = stitched.edges[(stitched.edge_faces < 0).any(axis=1)].ravel()
    inner[rim[rim < n]] = False
    points, sines = _intersections(stitched.edges, edge_lines, n)
    with np.errstate(invalid="ignore"):
        least, most = high[inner].min(axis=0, initial=np.inf), low[inner].max(axis=0, initial=-np.inf)
        outermost = inner[:, None] & ((high >= most) | (low <= least))
        uncertain = ~(sines > _SLIM) | ~np.isfinite(points).all(axis=1) | outermost.any(axis=1)
    # The proven bounds hold whatever the lines say, so no rounded vertex lies outside the outermost exact ones.
    points = np.clip(points, low, high)
    for v in np.flatnonzero(uncertain).tolist():
        points[v] = _exactly_rounded(complexes[stitched.vertex_parts[v]], int(stitched.vertex_names[v]))
    return points + 0.0, directions


def _from_charts(stitched: Stitched, complexes: list[PartComplex]) -> tuple[Floats, Floats, Floats]:
    """Proven bounds of the finite vertices' coordinates, and the ideal ones' directions."""
    n = len(stitched.vertex_parts) - stitched.n_ideal
    low, high = np.empty((n, 2)), np.empty((n, 2))
    directions = np.empty((stitched.n_ideal, 2))
    for i, complex in enumerate(complexes):
        here = stitched.vertex_parts == i
        frame = complex.part.frame
        assert frame is not None
        data = complex.plane.points[stitched.vertex_names[here]]
        uv, errors = data[:, :2], data[:, 3:5]
        finite = np.flatnonzero(here[:n])
        k = len(finite)
        ideal = uv[k:] @ frame.T
        directions[np.flatnonzero(here[n:])] = ideal / np.hypot(*ideal.T)[:, None]
        u_low, u_high = np.maximum(uv[:k] - errors[:k], 0.0), uv[:k] + errors[:k]
        w = 1.0 - uv[:k].sum(axis=1)
        slack = errors[:k].sum(axis=1) + 4 * U
        w_low, w_high = w - slack, w + slack
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            near = np.maximum(u_low / np.maximum(w_high, 0.0)[:, None], 0.0) * (1 - 8 * U)
            far = np.where(w_low[:, None] > 0, u_high / w_low[:, None], np.inf) * (1 + 8 * U)
            near = np.where(np.isfinite(near), near, 0.0)
        # A frame's columns are multiples of the axes' unit vectors.
        for axis in range(2):
            column = int(np.argmax(np.abs(frame[axis])))
            factor = frame[axis, column]
            ends = near[:, column] * factor, far[:, column] * factor
            low[finite, axis], high[finite, axis] = ends if factor > 0 else ends[::-1]
    return low, high, directions


def _intersections(edges: NDArray[np.int64], edge_lines: Floats, n: int) -> tuple[Floats, Floats]:
    """For every vertex, where two of its lines meet, those at the largest angle to the first; and the angle's sine."""
    with np.errstate(all="ignore"):
        # In two steps: subnormal coefficients have no reciprocal.
        unit = edge_lines / np.abs(edge_lines[:, :2]).max(axis=1)[:, None]
        unit /= np.hypot(unit[:, 0], unit[:, 1])[:, None]
    usable = np.flatnonzero(np.isfinite(unit).all(axis=1))
    if not len(usable):
        # Only lines so far away that no float64 holds them.
        return np.full((n, 2), np.nan), np.zeros(n)
    unit = unit[usable]
    vertices = edges[usable].ravel()
    rows = np.repeat(np.arange(len(usable)), 2)
    rows, vertices = rows[vertices < n], vertices[vertices < n]
    order = np.argsort(vertices, kind="stable")
    rows, vertices = rows[order], vertices[order]
    present, first = np.unique(vertices, return_index=True)
    reference = np.zeros(n, dtype=np.int64)
    reference[present] = rows[first]
    p = unit[reference[vertices]]
    q = unit[rows]
    sine = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    best = np.lexsort((np.abs(sine), vertices))
    last = np.searchsorted(vertices[best], present, side="right") - 1
    partner = np.zeros(n, dtype=np.int64)
    partner[present] = rows[best[last]]
    sines = np.zeros(n)
    sines[present] = np.abs(sine[best[last]])
    a, b = unit[reference], unit[partner]
    points = np.full((n, 2), np.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        determinant = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        points[:, 0] = (a[:, 1] * b[:, 2] - b[:, 1] * a[:, 2]) / determinant
        points[:, 1] = (b[:, 0] * a[:, 2] - a[:, 0] * b[:, 2]) / determinant
        # One step of Newton's method takes the rounding errors of the products out.
        residuals = [(line[:, :2] * points).sum(axis=1) + line[:, 2] for line in (a, b)]
        points[:, 0] -= (b[:, 1] * residuals[0] - a[:, 1] * residuals[1]) / determinant
        points[:, 1] -= (a[:, 0] * residuals[1] - b[:, 0] * residuals[0]) / determinant
    return points, sines


def _exactly_rounded(complex: PartComplex, vertex: int) -> tuple[float, float]:
    frame = complex.part.frame
    assert frame is not None
    u, v, t = (int(k) for k in complex.plane.exact_points(np.array([vertex]))[vertex])
    x, y = (Fraction(float(a)) * u + Fraction(float(b)) * v for a, b in frame.tolist())
    return nearest_finite(x / (t - u - v)), nearest_finite(y / (t - u - v))
