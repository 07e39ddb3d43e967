"""Regions cut off at a box: polygons by their corners, unbounded or far ones by the lines that bound them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from regions.complex.lines import EdgeLines
from regions.complex.polygons import LARGE, areal, polygons, repaired
from regions.network.maps import affine_maps

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from regions.complex.data import ComplexData
    from regions.complex.lines import Floats, Line

__all__ = ["clip"]

# So many boxes away.
_FAR = 2.0**20

# Smaller coefficients may have lost digits, or all of them.
_SMALL = 2.0**-900


def clip(complex: ComplexData, bounds: tuple[float, float, float, float]) -> NDArray[Any]:
    """See :meth:`regions.RegionComplex.clip`."""
    result = polygons(complex)
    minx, miny, maxx, maxy = bounds
    low = shapely.bounds(result)
    with np.errstate(invalid="ignore"):
        within = (low[:, 0] >= minx) & (low[:, 1] >= miny) & (low[:, 2] <= maxx) & (low[:, 3] <= maxy)
        apart = (low[:, 2] < minx) | (low[:, 3] < miny) | (low[:, 0] > maxx) | (low[:, 1] > maxy)
        far = np.abs(low).max(axis=1) > min(_FAR * max(map(abs, bounds)), LARGE)
    result[complex.bounded & apart] = shapely.Polygon()
    crossing = complex.bounded & ~within & ~apart
    by_lines = ~complex.bounded
    if complex.domain.is_convex:
        # Rounded vertices that lie far outside the box say little about where their edges run inside.
        by_lines |= crossing & (far | ~shapely.is_valid(result))
    cut = np.flatnonzero(crossing & ~by_lines)
    with np.errstate(all="ignore"):
        parts = shapely.intersection(repaired(result[cut]), shapely.box(*bounds))
    for region, shape in zip(cut.tolist(), parts, strict=True):
        result[region] = areal(shape)
    corners = np.array([(minx, miny), (maxx, miny), (maxx, maxy), (minx, maxy)])
    with np.errstate(all="ignore"):
        for region, lines in _half_planes(complex, np.flatnonzero(by_lines)).items():
            left = corners
            for line in lines:
                left = _cut_off(left, line)
            left = left[np.isfinite(left).all(axis=1)]
            result[region] = shapely.Polygon(left) if len(left) > 2 else shapely.Polygon()
    return result


def _half_planes(complex: ComplexData, wanted: NDArray[np.int64]) -> dict[int, list[Line]]:
    """Lines a x + b y + c >= 0 that bound some regions of a convex domain.

    Not from the vertices: rounded ones that lie close together say little about the direction of their edge, and
    nor do those that lie far away.
    """
    found: dict[int, list[Line]] = {r: [] for r in wanted.tolist()}
    if not found:
        return found
    numbers = np.full(complex.n_regions, -1)
    numbers[wanted] = np.arange(len(wanted))
    edges, sides = np.nonzero((complex.edge_faces >= 0) & (numbers[complex.edge_faces] >= 0))
    regions = complex.edge_faces[edges, sides]
    neurons = complex.edge_neurons[edges]
    inner = np.flatnonzero(neurons >= 0)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        _, lines = affine_maps(complex.network, complex.patterns[wanted], numbers[regions[inner]], neurons[inner])
        size = np.abs(lines[:, :2]).max(axis=1)
        known = np.isfinite(lines).all(axis=1) & (size > _SMALL)
        lines /= size[:, None]
    lines_of = EdgeLines(complex)
    for entry, line, good in zip(inner.tolist(), lines, known.tolist(), strict=True):
        region, neuron = int(regions[entry]), int(neurons[entry])
        if not good:
            line = np.array(lines_of.rounded(int(edges[entry])))
        a, b, c = (line if complex.patterns[region, neuron] else -line).tolist()
        found[region].append((a, b, c))
    for entry in np.flatnonzero(complex.edge_sides[edges] >= 0).tolist():
        found[int(regions[entry])].append(lines_of.rounded(int(edges[entry])))
    return found


def _cut_off(polygon: Floats, line: Line) -> Floats:
    """The part of a convex polygon where a line is >= 0 (Sutherland & Hodgman 1974)."""
    a, b, c = line
    kept = []
    for p, q in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        before, after = a * p[0] + b * p[1] + c, a * q[0] + b * q[1] + c
        if before >= 0:
            kept.append(p)
        if (before < 0 < after) or (after < 0 < before):
            t = before / (before - after)
            kept.append((1 - t) * p + t * q)
    return np.array(kept).reshape(-1, 2)
