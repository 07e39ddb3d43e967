"""Areas, inner points and polygons of a complex's regions, bounded or not."""

from __future__ import annotations

import colorsys
import math
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from regions.arithmetic.floats import nearest_finite
from regions.complex.half_planes import EdgeLines, foot, half_planes
from regions.complex.lines import exact_areas
from regions.domain.polygon import Polygon
from regions.domain.polyhedron import Polyhedron, WholePlane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.data import ComplexData

    Floats = NDArray[np.float64]

__all__ = ["areas", "check_bounded", "clip", "edge_between", "interior_points", "polygon_of", "polygons", "svg", "view"]

_SVG_LIMIT = 4000
_SVG_SIZE = 300.0
_FARTHEST = 1e300
# Beyond it, products of coordinates may overflow.
_LARGE = 1e150
# So many boxes away.
_FAR = 2.0**20


def check_bounded(bounded: NDArray[np.bool_]) -> None:
    """Refuse where a region is unbounded."""
    n = int(np.count_nonzero(~bounded))
    if n:
        raise ValueError(
            f"{n} of the {len(bounded)} region(s) {'is' if n == 1 else 'are'} unbounded and no polygon; cut them off "
            f"at a "
            "box with complex.clip(box), or enumerate over a bounded domain."
        )


def areas(complex: ComplexData) -> Floats:
    """See :attr:`regions.RegionComplex.areas`."""
    result = np.full(complex.n_regions, np.inf)
    starts, owners = _bounded_entries(complex)
    if not len(owners):
        return result
    sides = complex._sides[owners]
    vertices, exponents = _moderate(complex, starts, owners)
    # The entry that follows, counted among the bounded regions' entries.
    following = sides if len(owners) == len(complex.rings) else np.searchsorted(owners, sides)
    # Relative to each region's first vertex: far from the origin the plain formula cancels.
    p = vertices - np.repeat(vertices[starts], np.diff(np.append(starts, len(owners))), axis=0)
    q = p[following]
    found = np.add.reduceat(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0], starts) / 2
    if exponents is not None:
        with np.errstate(over="ignore"):
            found = np.minimum(np.ldexp(found, exponents.sum(axis=1)), sys.float_info.max)
    slivers = np.flatnonzero(~(found > 0))
    if len(slivers):
        if complex.certificate.method == "engine":
            regions = np.flatnonzero(complex.bounded)[slivers].tolist()
            found[slivers] = [nearest_finite(Fraction(area)) for area in exact_areas(complex, regions)]
        found = np.maximum(found, 0.0)
    result[complex.bounded] = found
    return result


def _moderate(
    complex: ComplexData, starts: NDArray[np.int64], places: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.int64] | None]:
    """The vertices of bounded regions, entry by entry, over 2**k where their products would overflow.

    k by region and by axis: a region may be as thin along one as it is long along the other.
    """
    vertices = complex.vertices[complex.rings[places]]
    if not len(vertices) or np.abs(vertices).max() < _LARGE:
        return vertices, None
    largest = np.maximum.reduceat(np.abs(vertices), starts)
    exponents = np.where(largest.max(axis=1)[:, None] < _LARGE, 0, np.frexp(largest)[1])
    counts = np.diff(np.append(starts, len(vertices)))
    return np.ldexp(vertices, -np.repeat(exponents, counts, axis=0)), exponents


def _bounded_entries(complex: ComplexData) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places in `rings` of all bounded regions, and where each region begins among them."""
    sizes = np.diff(complex.ring_offsets)
    places = np.flatnonzero(np.repeat(complex.bounded, sizes))
    ends = np.cumsum(sizes[complex.bounded])
    return ends - sizes[complex.bounded], places


def interior_points(complex: ComplexData) -> Floats:
    """See :attr:`regions.RegionComplex.interior_points`."""
    points = np.zeros((complex.n_regions, 2))
    starts, places = _bounded_entries(complex)
    if len(places):
        counts = np.diff(complex.ring_offsets)[complex.bounded]
        vertices, exponents = _moderate(complex, starts, places)
        means = np.add.reduceat(vertices, starts, axis=0) / counts[:, None]
        points[complex.bounded] = means if exponents is None else np.ldexp(means, exponents)
    unbounded = np.flatnonzero(~complex.bounded).tolist()
    lines = EdgeLines(complex) if unbounded else None
    for region in unbounded:
        points[region] = _unbounded_point(complex, region, lines)
    if isinstance(complex.domain, Polygon):
        # A region with reflex corners or holes need not hold the mean of its vertices.
        shapes = polygons(complex)
        outside = np.flatnonzero(~shapely.contains_xy(shapes, points))
        # Of a needle that rounding has crossed or emptied there may be none; then its vertices' mean stays.
        with np.errstate(all="ignore"):
            found = shapely.point_on_surface(_valid(shapes[outside]))
        coordinates, index = shapely.get_coordinates(found, return_index=True)
        good = np.isfinite(coordinates).all(axis=1)
        points[outside[index[good]]] = coordinates[good]
    return points


def _ring(complex: ComplexData, region: int) -> list[int]:
    start, stop = complex.ring_offsets[region : region + 2]
    ring: list[int] = complex.rings[start:stop].tolist()
    return ring


def _unbounded_point(complex: ComplexData, region: int, lines: Any) -> Floats:
    v = len(complex.vertices)
    ring = _ring(complex, region)
    if not ring:
        return np.zeros(2)
    anchors = [complex.vertices[i] for i in ring if i < v]
    step = np.zeros(2)
    for i, j in zip(ring, ring[1:] + ring[:1], strict=True):
        step += complex.directions[i - v] if i >= v else 0.0
        if i >= v and j >= v:
            edge = edge_between(complex, region, i, j)
            line = lines(edge)
            if line is None:
                # At infinity: from one direction round to the next, at most half a turn.
                p, q = complex.directions[[i - v, j - v]]
                between = p + q
                if np.hypot(*between) < 0.5:
                    between = between + np.array([-p[1], p[0]])
                step += between
            else:
                anchors.append(foot(line))
    # Room is left for a step.
    anchors = list(np.clip(anchors, -_FARTHEST, _FARTHEST)) if anchors else []
    size = max(1.0, float(np.abs(anchors).max()) if anchors else 1.0)
    mean = np.mean(anchors, axis=0) if anchors else np.zeros(2)
    return np.asarray(mean + size * step)


def edge_between(complex: ComplexData, region: int, i: int, j: int) -> int:
    """The edge along which a region's ring runs from one vertex to another."""
    forward = (complex.edges == (i, j)).all(axis=1) & (complex.edge_faces[:, 0] == region)
    backward = (complex.edges == (j, i)).all(axis=1) & (complex.edge_faces[:, 1] == region)
    return int(np.flatnonzero(forward | backward)[0])


def polygon_of(ring: Floats) -> Any:
    """A shapely Polygon from a closed walk, which may run through slits or touch itself: then it has holes."""
    walk: list[tuple[float, float]] = []
    loops: list[list[tuple[float, float]]] = []
    places: dict[tuple[float, float], int] = {}
    for x, y in ring.tolist():
        point = (x, y)
        if point in places:
            start = places[point]
            loops.append(walk[start:])
            for gone in walk[start:]:
                del places[gone]
            del walk[start:]
        places[point] = len(walk)
        walk.append(point)
    if not loops:
        return shapely.Polygon(walk)
    loops = [loop for loop in [*loops, walk] if len(loop) > 2]
    signed = [_signed_area(loop) for loop in loops]
    shells = [loop for loop, size in zip(loops, signed, strict=True) if size > 0]
    holes = [loop for loop, size in zip(loops, signed, strict=True) if size <= 0]
    if not shells:
        # Of a sliver that rounding has turned over.
        return shapely.Polygon(min(zip(signed, loops, strict=True))[1])
    return shapely.Polygon(max(shells, key=lambda loop: shapely.Polygon(loop).area), holes)


def _signed_area(loop: list[tuple[float, float]]) -> float:
    """Twice the area, positive counter-clockwise; relative to a corner, since far from the origin products cancel."""
    x, y = loop[0]
    at = [(p - x, q - y) for p, q in loop]
    return sum(p[0] * q[1] - p[1] * q[0] for p, q in zip(at, at[1:] + at[:1], strict=True))


def polygons(complex: ComplexData) -> NDArray[Any]:
    """The bounded regions as shapely Polygons; unbounded ones are empty."""
    result = np.empty(complex.n_regions, dtype=object)
    result[:] = shapely.Polygon()
    starts, places = _bounded_entries(complex)
    if not len(places):
        return result
    flat = complex.rings[places]
    ends = np.append(starts[1:], len(flat))
    closed = np.insert(flat, ends, flat[starts])
    owners = np.repeat(np.arange(len(starts)), ends - starts + 1)
    made = shapely.polygons(shapely.linearrings(complex.vertices[closed], indices=owners))
    if isinstance(complex.domain, Polygon):
        for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            if len(set(flat[start:end].tolist())) < end - start:
                made[i] = polygon_of(complex.vertices[flat[start:end]])
    result[complex.bounded] = made
    return result


def clip(complex: ComplexData, bounds: tuple[float, float, float, float]) -> NDArray[Any]:
    """See :meth:`regions.RegionComplex.clip`."""
    result = polygons(complex)
    minx, miny, maxx, maxy = bounds
    low = shapely.bounds(result)
    with np.errstate(invalid="ignore"):
        within = (low[:, 0] >= minx) & (low[:, 1] >= miny) & (low[:, 2] <= maxx) & (low[:, 3] <= maxy)
        apart = (low[:, 2] < minx) | (low[:, 3] < miny) | (low[:, 0] > maxx) | (low[:, 1] > maxy)
        far = np.abs(low).max(axis=1) > min(_FAR * max(map(abs, bounds)), _LARGE)
    result[complex.bounded & apart] = shapely.Polygon()
    crossing = complex.bounded & ~within & ~apart
    by_lines = ~complex.bounded
    if not isinstance(complex.domain, Polygon):
        # Rounded vertices that lie far outside the box say little about where their edges run inside.
        by_lines |= crossing & (far | ~shapely.is_valid(result))
    cut = np.flatnonzero(crossing & ~by_lines)
    with np.errstate(all="ignore"):
        parts = shapely.intersection(_valid(result[cut]), shapely.box(*bounds))
    for region, shape in zip(cut.tolist(), parts, strict=True):
        result[region] = _areal(shape)
    corners = np.array([(minx, miny), (maxx, miny), (maxx, maxy), (minx, maxy)])
    with np.errstate(all="ignore"):
        for region, lines in half_planes(complex, np.flatnonzero(by_lines)).items():
            left = corners
            for line in lines:
                left = _cut_off(left, line)
            left = left[np.isfinite(left).all(axis=1)]
            result[region] = shapely.Polygon(left) if len(left) > 2 else shapely.Polygon()
    return result


def _valid(shapes: NDArray[Any]) -> NDArray[Any]:
    """The polygons, those that rounding has made cross themselves repaired."""
    crossed = ~shapely.is_valid(shapes)
    if crossed.any():
        shapes = shapes.copy()
        for i in np.flatnonzero(crossed).tolist():
            try:
                shapes[i] = _areal(shapely.make_valid(shapes[i]))
            except shapely.errors.GEOSException:
                # Numbers too large or too small for it.
                shapes[i] = shapely.Polygon()
    return shapes


def _areal(shape: Any) -> Any:
    """What is left of an intersection when points and lines are dropped."""
    if shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    parts = [part for part in getattr(shape, "geoms", ()) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def _cut_off(polygon: Floats, line: tuple[float, float, float]) -> Floats:
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


def view(complex: ComplexData) -> tuple[float, float, float, float]:
    """See :attr:`regions.RegionComplex.view`."""
    if not isinstance(complex.domain, Polyhedron | WholePlane):
        return complex.domain.bounds
    points = list(complex.vertices)
    ideal = (complex.edges >= len(complex.vertices)).all(axis=1)
    lines = map(EdgeLines(complex), np.flatnonzero(ideal).tolist())
    points += [foot(line) for line in lines if line is not None]
    if not points:
        return (-1.0, -1.0, 1.0, 1.0)
    # Room is left for differences.
    low, high = np.clip([np.min(points, axis=0), np.max(points, axis=0)], -_FARTHEST, _FARTHEST)
    room = 0.25 * max(*(high - low), 1e-9 * float(np.abs([low, high]).max()))
    room = room if room > 0 else 1.0
    return (float(low[0] - room), float(low[1] - room), float(high[0] + room), float(high[1] + room))


def svg(complex: ComplexData) -> str:
    """A picture of the regions, coloured by direction and length of the first output's gradient."""
    # Relative to the largest number in view, in case that pixels for it overflow or vanish.
    bounds = view(complex)
    exponent = math.frexp(max(map(abs, bounds)))[1]
    minx, miny, maxx, maxy = (math.ldexp(x, -exponent) for x in bounds)
    scale = _SVG_SIZE / max(maxx - minx, maxy - miny)
    width, height = (maxx - minx) * scale, (maxy - miny) * scale
    n = complex.n_regions
    body = []
    if n <= _SVG_LIMIT:
        for shape, (gx, gy) in zip(clip(complex, bounds), complex.gradients[:, 0], strict=True):
            hue = math.atan2(gy, gx) / (2 * math.pi) % 1.0
            light = 0.35 + 0.4 * (math.hypot(gx, gy) % 1.0)
            rgb = "#" + "".join(f"{round(255 * c):02x}" for c in colorsys.hls_to_rgb(hue, light, 0.6))
            path = "".join(_path(np.ldexp(ring.coords, -exponent), (minx, maxy), scale) for ring in _rings(shape))
            if path:
                body.append(f'<path d="{path}" fill="{rgb}" fill-rule="evenodd" stroke="#222" stroke-width="0.4"/>')
    else:
        body.append(
            f'<rect width="{width:.2f}" height="{height:.2f}" fill="#eee"/>'
            f'<text x="8" y="24" font-size="14">{n} activation regions</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.2f} {height:.2f}" role="img">'
        f"<title>{n} activation regions</title>{''.join(body)}</svg>"
    )


def _rings(shape: Any) -> list[Any]:
    return [ring for p in getattr(shape, "geoms", (shape,)) if not p.is_empty for ring in (p.exterior, *p.interiors)]


def _path(coordinates: Any, corner: tuple[float, float], scale: float) -> str:
    points = (np.asarray(coordinates)[:-1, :2] - corner) * (scale, -scale)
    return "M" + "L".join(f"{x:.2f},{y:.2f}" for x, y in points) + "Z"
