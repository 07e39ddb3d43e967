"""Areas, inner points and polygons of a complex's regions, bounded or not."""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from regions.arithmetic.floats import nearest_finite
from regions.complex.lines import EdgeLines, exact_areas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.data import ComplexData

    Floats = NDArray[np.float64]

__all__ = ["areas", "check_bounded", "edge_between", "interior_points", "polygon_of", "polygons", "view"]

_FARTHEST = 1e300
# Beyond it, products of coordinates may overflow.
LARGE = 1e150


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
    if not len(vertices) or np.abs(vertices).max() < LARGE:
        return vertices, None
    largest = np.maximum.reduceat(np.abs(vertices), starts)
    exponents = np.where(largest.max(axis=1)[:, None] < LARGE, 0, np.frexp(largest)[1])
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
    if not complex.domain.is_convex:
        # A region with reflex corners or holes need not hold the mean of its vertices.
        shapes = polygons(complex)
        outside = np.flatnonzero(~shapely.contains_xy(shapes, points))
        # Of a needle that rounding has crossed or emptied there may be none; then its vertices' mean stays.
        with np.errstate(all="ignore"):
            found = shapely.point_on_surface(repaired(shapes[outside]))
        coordinates, index = shapely.get_coordinates(found, return_index=True)
        good = np.isfinite(coordinates).all(axis=1)
        points[outside[index[good]]] = coordinates[good]
    return points


def _unbounded_point(complex: ComplexData, region: int, lines: Any) -> Floats:
    v = len(complex.vertices)
    ring = complex.ring(region).tolist()
    if not ring:
        return np.zeros(2)
    anchors = [complex.vertices[i] for i in ring if i < v]
    step = np.zeros(2)
    for i, j in zip(ring, ring[1:] + ring[:1], strict=True):
        step += complex.directions[i - v] if i >= v else 0.0
        if i >= v and j >= v:
            edge = edge_between(complex, region, i, j)
            foot = lines.rounded_foot(edge)
            if foot is None:
                # At infinity: from one direction round to the next, at most half a turn.
                p, q = complex.directions[[i - v, j - v]]
                between = p + q
                if np.hypot(*between) < 0.5:
                    between = between + np.array([-p[1], p[0]])
                step += between
            else:
                anchors.append(foot)
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
    if not complex.domain.is_convex:
        for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            if len(set(flat[start:end].tolist())) < end - start:
                made[i] = polygon_of(complex.vertices[flat[start:end]])
    result[complex.bounded] = made
    return result


def repaired(shapes: NDArray[Any]) -> NDArray[Any]:
    """The polygons, those that rounding has made cross themselves repaired."""
    crossed = ~shapely.is_valid(shapes)
    if crossed.any():
        shapes = shapes.copy()
        for i in np.flatnonzero(crossed).tolist():
            try:
                shapes[i] = areal(shapely.make_valid(shapes[i]))
            except shapely.errors.GEOSException:
                # Numbers too large or too small for it.
                shapes[i] = shapely.Polygon()
    return shapes


def areal(shape: Any) -> Any:
    """What is left of an intersection when points and lines are dropped."""
    if shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    parts = [part for part in getattr(shape, "geoms", ()) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def view(complex: ComplexData) -> tuple[float, float, float, float]:
    """See :attr:`regions.RegionComplex.view`."""
    if complex.domain.is_bounded:
        return complex.domain.bounds
    points = list(complex.vertices)
    ideal = (complex.edges >= len(complex.vertices)).all(axis=1)
    feet = map(EdgeLines(complex).rounded_foot, np.flatnonzero(ideal).tolist())
    points += [foot for foot in feet if foot is not None]
    if not points:
        return (-1.0, -1.0, 1.0, 1.0)
    # Room is left for differences.
    low, high = np.clip([np.min(points, axis=0), np.max(points, axis=0)], -_FARTHEST, _FARTHEST)
    room = 0.25 * max(*(high - low), 1e-9 * float(np.abs([low, high]).max()))
    room = room if room > 0 else 1.0
    return (float(low[0] - room), float(low[1] - room), float(high[0] + room), float(high[1] + room))
