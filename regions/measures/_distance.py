"""Points and boundaries: the distance to the nearest one, and how many regions a disc meets."""

from __future__ import annotations

import sys
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from regions.arithmetic.floats import TINY, U, nearest_finite, rounded_sqrt
from regions.complex.lines import EdgeLines
from regions.measures._rings import at_infinity, ring_edges, slits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from regions.complex.complex import RegionComplex

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["boundary_distances", "local_complexity"]

_LARGEST = sys.float_info.max
_BLOCK = 1 << 18


def read_points(points: ArrayLike) -> Floats:
    """Points as an array of shape (P, 2)."""
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"points of shape {array.shape} were given; (P, 2) is needed.")
    if not np.isfinite(array).all():
        raise ValueError("a point that is not finite was given; all coordinates must be finite.")
    return array


class _Distances:
    """Distances of points to edges, with bounds on their errors, and their exact squares."""

    def __init__(self, complex: RegionComplex) -> None:
        self.complex = complex
        self.lines = EdgeLines(complex)
        self.finite: NDArray[np.bool_] = np.asarray((complex.edges < len(complex.vertices)).all(axis=1))

    def approximate(self, points: Floats, edges: Ints) -> tuple[Floats, Floats]:
        """Float distances, pair by pair, and bounds on their errors: infinite for lines."""
        if not len(self.complex.vertices):
            return np.full(len(edges), np.nan), np.full(len(edges), np.inf)
        n = len(self.complex.vertices)
        u, v = np.sort(self.complex.edges[edges], axis=1).T
        rays, directions, turns = self._rays
        with np.errstate(all="ignore"):
            found = _segment_distances(self.complex, points, edges, directions[rays[edges]])
            first, last = np.minimum(u, n - 1), np.where(v < n, v, np.minimum(u, n - 1))
            p, q = self.complex.vertices[first], self.complex.vertices[last]
            # The foot on the edge is off by roundings of products of these two lengths.
            size = np.hypot(*(points - p).T) + np.hypot(*(q - p).T)
            errors = np.maximum(self.lines.vertex_errors[first], self.lines.vertex_errors[last])
            errors += (32 * U + turns[rays[edges]]) * size + TINY
        return found, np.where(u < n, errors, np.inf)

    @cached_property
    def _rays(self) -> tuple[Ints, Floats, Floats]:
        """Which of the rays every edge is, their unit directions, and bounds on the errors of these.

        An edge that is no ray is number -1, the last one, whose direction is 0.
        """
        n = len(self.complex.vertices)
        rays = np.flatnonzero(((self.complex.edges >= n).sum(axis=1) == 1) & ~at_infinity(self.complex))
        names = np.full(len(self.complex.edges), -1)
        names[rays] = np.arange(len(rays))
        with np.errstate(all="ignore"):
            a, b, _ = self.lines.values[rays].T
            length = np.hypot(a, b)
            directions = np.column_stack([b, -a]) / length[:, None]
            rough = self.complex.directions[self.complex.edges[rays].max(axis=1) - n]
            directions *= np.where((directions * rough).sum(axis=1) < 0, -1.0, 1.0)[:, None]
            errors = 2 * self.lines.errors[rays, :2].sum(axis=1) / length + 8 * U
        errors = np.where(errors < 2.0**-10, errors, np.inf)
        return names, np.vstack([directions, np.zeros((1, 2))]), np.append(errors, 0.0)

    def squared(self, point: Floats, edge: int) -> Fraction:
        """The square of the distance to an edge, ray or line, exactly."""
        x, y = (Fraction(float(c)) for c in point)
        a, b, c = self.lines.exact(edge)
        v = len(self.complex.vertices)
        ends = self.complex.edges[edge].tolist()
        normal = a * a + b * b
        if min(ends) < v:
            px, py = self.lines.vertex(min(ends))
            # Towards the other end.
            dx, dy = self._direction(a, b, max(ends) - v) if max(ends) >= v else self._step(ends)
            along = (x - px) * dx + (y - py) * dy
            if along <= 0:
                return (x - px) ** 2 + (y - py) ** 2
            if max(ends) < v and along >= dx * dx + dy * dy:
                return (x - px - dx) ** 2 + (y - py - dy) ** 2
        return Fraction((a * x + b * y + c) ** 2 / normal)

    def _step(self, ends: list[int]) -> tuple[Fraction, Fraction]:
        (px, py), (qx, qy) = self.lines.vertex(min(ends)), self.lines.vertex(max(ends))
        return qx - px, qy - py

    def _direction(self, a: int, b: int, ideal: int) -> tuple[int, int]:
        x, y = (Fraction(float(k)) for k in self.complex.directions[ideal])
        return (b, -a) if x * b - y * a > 0 else (-b, a)


def _segment_distances(complex: RegionComplex, points: Floats, edges: Ints, directions: Floats | None = None) -> Floats:
    """Float distances of points to edges and rays, pair by pair; NaN for lines and edges longer than floats reach.

    The rays' directions may be given, one for each pair.
    """
    n = len(complex.vertices)
    u, v = np.sort(complex.edges[edges], axis=1).T
    if not n:
        return np.full(len(edges), np.nan)
    p = complex.vertices[np.minimum(u, n - 1)]
    q = complex.vertices[np.minimum(v, n - 1)]
    ray = v >= n
    with np.errstate(all="ignore"):
        step = q - p
        step[ray] = complex.directions[v[ray] - n] if directions is None else directions[ray]
        away = points - p
        length = np.hypot(*step.T)
        unit = np.where(length[:, None] > 0, step / length[:, None], 0.0)
        along = np.clip((away * unit).sum(axis=1), 0.0, np.where(ray, np.inf, length))
        distances = np.hypot(*(away - along[:, None] * unit).T)
    return np.where((u >= n) | ~np.isfinite(length), np.nan, distances)


def boundary_distances(complex: RegionComplex, points: ArrayLike, *, rim: bool = False, exact: bool = False) -> Floats:
    """Distance from every point to the nearest boundary between regions.

    Parameters
    ----------
    complex : RegionComplex
    points : array_like, shape (P, 2)
        Read exactly.
    rim : bool
        Whether the domain's rim counts as a boundary too.
    exact : bool
        Whether to round each distance once, from its exact square, which takes about a millisecond a point.
        Otherwise it comes from the rounded vertices, and is off by their rounding.

    Returns
    -------
    ndarray, shape (P,), float64
        NaN for a point outside the domain; infinite where there is no boundary.

    Raises
    ------
    ValueError
        When the points are not of shape (P, 2), or not finite.

    Notes
    -----
    Hanin & Rolnick (2019, "Complexity of linear regions in deep networks", arXiv 1901.09021) show that its mean is at
    least of the order of 1 over the number of neurons, for networks at initialisation. Only boundaries inside the
    domain count, and the distance is that of the plane, straight across what a domain leaves out.

    In a convex domain the straight way to the nearest boundary leaves the point's own region first, so only that
    region's edges are looked at; which region it is, is decided exactly.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> complex = regions.enumerate_regions(network, 1)
    >>> boundary_distances(complex, [[0.5, 0.875], [0.0, 0.25], [2.0, 0.0]])
    array([0.5, 0. , nan])
    >>> boundary_distances(complex, [[0.5, 0.875]], rim=True)
    array([0.125])
    """
    where = read_points(points)
    homes = complex.locate(where)
    found = np.full(len(where), np.nan)
    found[homes >= 0] = np.inf
    counted = (complex.edge_neurons >= 0) | (rim & (complex.edge_sides >= 0) & ~slits(complex))
    if not counted.any():
        return found
    convex = complex.domain.is_convex
    around = np.split(ring_edges(complex), complex.ring_offsets[1:-1]) if convex else []
    everything = np.flatnonzero(counted)
    distances = _Distances(complex)
    inside = np.flatnonzero(homes >= 0)
    if not convex and not exact:
        found[inside] = _nearest(complex, where[inside], everything)
        for i in inside[~np.isfinite(found[inside])].tolist():
            found[i] = rounded_sqrt(min(distances.squared(where[i], e) for e in everything.tolist()))
        return found
    for region in np.unique(homes[inside]).tolist():
        mine = np.flatnonzero(homes == region)
        edges = around[region][counted[around[region]]] if convex else everything
        if not len(edges):
            continue
        for chunk in np.array_split(mine, max(1, len(mine) * len(edges) // _BLOCK)):
            rows, columns = np.repeat(chunk, len(edges)), np.tile(edges, len(chunk))
            if exact:
                near, errors = (a.reshape(len(chunk), len(edges)) for a in distances.approximate(where[rows], columns))
                with np.errstate(invalid="ignore"):
                    least = np.fmin.reduce(near + errors, axis=1)
                    candidates = ~(near - errors > least[:, None])
                for i, row in zip(chunk.tolist(), candidates, strict=True):
                    found[i] = rounded_sqrt(min(distances.squared(where[i], e) for e in edges[row].tolist()))
            else:
                near = _segment_distances(complex, where[rows], columns)
                whole = np.flatnonzero((complex.edges[columns] >= len(complex.vertices)).all(axis=1))
                if len(whole):
                    near[whole] = _line_distances(distances.lines.values[columns[whole]], where[rows[whole]])
                # Also where a difference has overflowed on the way.
                for i in np.flatnonzero(~np.isfinite(near)).tolist():
                    near[i] = rounded_sqrt(distances.squared(where[rows[i]], int(columns[i])))
                found[chunk] = near.reshape(len(chunk), len(edges)).min(axis=1)
    return found


def _line_distances(lines: Floats, points: Floats) -> Floats:
    with np.errstate(all="ignore"):
        unit = lines / np.hypot(lines[:, 0], lines[:, 1])[:, None]
        return np.abs((unit[:, :2] * points).sum(axis=1) + unit[:, 2])


def _nearest(complex: RegionComplex, points: Floats, edges: Ints) -> Floats:
    """Distances to the nearest of bounded edges."""
    tree = shapely.STRtree(shapely.linestrings(complex.vertices[complex.edges[edges]]))
    nearest = tree.nearest(shapely.points(points))
    return _segment_distances(complex, points, edges[nearest])


def local_complexity(complex: RegionComplex, points: ArrayLike, radius: Any) -> Ints:
    """Number of regions that a disc around every point reaches into, exactly.

    Parameters
    ----------
    complex : RegionComplex
    points : array_like, shape (P, 2)
        Centres of the discs, inside the domain or not; read exactly.
    radius : float, int or Fraction
        Larger than 0; read exactly.

    Returns
    -------
    ndarray, shape (P,), int64
        Only what lies in the domain counts; 0 where the disc does not reach it.

    Raises
    ------
    ValueError
        When the points are not of shape (P, 2) or not finite, or the radius is not a finite number > 0.

    Notes
    -----
    A disc reaches into a region if the region's distance from the centre is smaller than the radius; touching it is not
    enough. So around a point on a border the regions beside it count for any radius, and the number grows with
    the radius. Counting the regions, or neurons, that meet a small neighbourhood of data measures how complex a
    network is there: Humayun, Balestriero & Baraniuk (2024, "Deep networks always grok and here is why", arXiv
    2402.15555), who bound it for all dimensions; Patel & Montúfar (2024, "On the local complexity of linear regions in
    deep ReLU networks", arXiv 2412.18283).

    Squares of distances are rational. Where a proven bound on the rounding errors does not tell which of distance and
    radius is larger, their squares are compared as rationals.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> complex = regions.enumerate_regions(network, 1)
    >>> local_complexity(complex, [[0.5, 0.25], [0.0, 0.5], [0.0, 0.0], [2.0, 2.0]], 0.5)
    array([2, 2, 4, 0])
    """
    where = read_points(points)
    size = _read_radius(radius)
    rounded = nearest_finite(size)
    distances = _Distances(complex)
    homes = complex.locate(where)
    edges = np.flatnonzero(~(slits(complex) | at_infinity(complex)))
    centres, columns = _candidates(distances, where, edges, rounded)
    hit = np.zeros(len(centres), dtype=bool)
    for start in range(0, len(centres), _BLOCK):
        here = slice(start, start + _BLOCK)
        near, errors = distances.approximate(where[centres[here]], columns[here])
        errors = errors + 4 * U * rounded
        with np.errstate(invalid="ignore"):
            inside, outside = near + errors < rounded, near - errors > rounded
        for i in np.flatnonzero(~(inside | outside)).tolist():
            inside[i] = distances.squared(where[centres[start + i]], int(columns[start + i])) < size * size
        hit[here] = inside
    faces = complex.edge_faces[columns[hit]]
    owners = np.concatenate([np.repeat(centres[hit], 2), np.arange(len(where))])
    met = np.concatenate([faces.ravel(), homes])
    pairs = np.unique(np.column_stack([owners, met])[met >= 0], axis=0)
    return np.bincount(pairs[:, 0], minlength=len(where))


def _read_radius(radius: Any) -> Fraction:
    try:
        size = Fraction(radius.item() if isinstance(radius, np.generic) else radius)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"radius={radius!r} was given; a finite number > 0 is needed.") from error
    if size <= 0:
        raise ValueError(f"radius={radius} was given; a number > 0 is needed.")
    return size


def _candidates(distances: _Distances, points: Floats, edges: Ints, radius: float) -> tuple[Ints, Ints]:
    """Pairs of points and edges whose boxes come nearer than the radius: all that can be so near are among them."""
    complex = distances.complex
    low, high = np.full((len(edges), 2), -_LARGEST), np.full((len(edges), 2), _LARGEST)
    finite = np.flatnonzero(distances.finite[edges])
    ends = complex.edges[edges[finite]]
    with np.errstate(all="ignore"):
        slack = np.nan_to_num(distances.lines.vertex_errors[ends].max(axis=1), nan=_LARGEST, posinf=_LARGEST)[:, None]
        corners = complex.vertices[ends]
        grown = slack + 4 * U * (np.abs(corners).max(axis=1) + slack) + TINY
        low[finite] = np.maximum(corners.min(axis=1) - grown, -_LARGEST)
        high[finite] = np.minimum(corners.max(axis=1) + grown, _LARGEST)
        reach = radius * (1 + 4 * U) + 4 * U * np.abs(points) + TINY
        query = np.maximum(points - reach, -_LARGEST), np.minimum(points + reach, _LARGEST)
    tree = shapely.STRtree(shapely.box(*low.T, *high.T))
    centres, found = tree.query(shapely.box(*query[0].T, *query[1].T))
    return centres, edges[found]
