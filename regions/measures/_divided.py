"""A complex whose regions are divided further by a larger network, and the curves that its edges make up."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from regions.arithmetic.floats import nearest_finite
from regions.complex.definitions import components
from regions.complex.lines import EdgeLines
from regions.domain.read import as_domain
from regions.domain.rings import in_rings
from regions.enumeration.assemble import assemble
from regions.enumeration.parts import decompose
from regions.measures._compare import by_pattern

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex
    from regions.network.network import Network

__all__ = ["beside", "divided", "joined", "segments", "window_of"]


def divided(complex: RegionComplex, network: Network) -> tuple[RegionComplex, NDArray[np.int64]]:
    """The complex of an extended network over the same domain, and the regions that its regions are parts of."""
    refined = assemble(decompose(network, complex.domain))
    if complex.slice is not None:
        refined = replace(refined, slice=complex.slice)
    packed = np.packbits(refined.patterns[:, : complex.network.n_neurons], axis=1)
    homes = by_pattern(complex)
    candidates = [homes[row.tobytes()] for row in packed]
    parents = np.array([found[0] for found in candidates], dtype=np.int64)
    # Regions of one pattern lie apart, in a domain that is not convex.
    at = np.array([i for i, found in enumerate(candidates) if len(found) > 1], dtype=np.int64)
    if len(at):
        parents[at] = _connected(complex, refined, parents, at, candidates)
    return refined, parents


def _connected(
    complex: RegionComplex,
    refined: RegionComplex,
    parents: NDArray[np.int64],
    at: NDArray[np.int64],
    candidates: list[list[int]],
) -> NDArray[np.int64]:
    """Regions of the original for refined ones whose pattern is that of several: connected ones lie in the same.

    One region of each connected group is asked for a point inside, a rational one: a thin region may hold no float.
    """
    first, second = refined.neighbors.T
    same = parents[first] == parents[second]
    labels = components(refined.n_regions, refined.neighbors[same])
    rings = _Rings(complex), _Rings(refined)
    homes: dict[int, int] = {}
    for region in at.tolist():
        label = int(labels[region])
        if label not in homes:
            point = rings[1].middle(region)
            homes[label] = next(i for i in candidates[region] if rings[0].holds(i, point))
    return np.array([homes[label] for label in labels[at].tolist()])


class _Rings:
    """The rings of bounded regions, in rationals."""

    def __init__(self, complex: RegionComplex) -> None:
        self._complex = complex
        self._lines = EdgeLines(complex)
        self._known: dict[int, tuple[list[tuple[Fraction, Fraction]], tuple[Fraction, ...]]] = {}

    def _ring(self, region: int) -> tuple[list[tuple[Fraction, Fraction]], tuple[Fraction, ...]]:
        if region not in self._known:
            walk = [self._lines.vertex(v) for v in self._complex.ring(region).tolist()]
            x, y = zip(*walk, strict=True)
            self._known[region] = walk, (min(x), min(y), max(x), max(y))
        return self._known[region]

    def holds(self, region: int, point: tuple[Fraction, Fraction]) -> bool:
        walk, (minx, miny, maxx, maxy) = self._ring(region)
        return minx <= point[0] <= maxx and miny <= point[1] <= maxy and in_rings(point, [walk])

    def middle(self, region: int) -> tuple[Fraction, Fraction]:
        """A point inside a region, which need not be convex: half way along its lowest stretch at a height."""
        walk, _ = self._ring(region)
        low, high = sorted({y for _, y in walk})[:2]
        y = (low + high) / 2
        crossings = sorted(
            px + (y - py) / (qy - py) * (qx - px)
            for (px, py), (qx, qy) in zip(walk, walk[1:] + walk[:1], strict=True)
            if (py > y) != (qy > y)
        )
        # A slit is crossed twice in one point; there the walk is inside on both sides, and the parity stays.
        left, right = next((p, q) for p, q in zip(crossings[::2], crossings[1::2], strict=True) if p < q)
        return (left + right) / 2, y


def window_of(refined: RegionComplex, box: Any) -> tuple[float, float, float, float]:
    return refined.view if box is None else as_domain(box, convex=True).bounds


def segments(
    refined: RegionComplex, edges: NDArray[np.int64], box: Any
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """The straight pieces, what their ends are called, and which edges they are.

    Ends have the numbers of vertices; where an unbounded edge is cut off, -1.
    """
    v = len(refined.vertices)
    names = refined.edges[edges].copy()
    names[names >= v] = -1
    out = np.empty((len(edges), 2, 2))
    kept = np.ones(len(edges), dtype=bool)
    finite = (names >= 0).all(axis=1)
    out[finite] = refined.vertices[names[finite]]
    if finite.all():
        return out, names, edges
    window = np.array(window_of(refined, box)).reshape(2, 2)
    lines = EdgeLines(refined)
    for i in np.flatnonzero(~finite).tolist():
        ends = refined.edges[edges[i]]
        first, last = (end < v for end in ends.tolist())
        if first or last:
            base = refined.vertices[ends[0 if first else 1]]
        else:
            x, y, w = lines.foot(int(edges[i]))
            base = np.array([nearest_finite(Fraction(x, w)), nearest_finite(Fraction(y, w))])
        direction = refined.directions[ends[1 if first or not last else 0] - v]
        stretch = _stretch(base, direction, 0.0 if first or last else -np.inf, window)
        if stretch is None:
            kept[i] = False
            continue
        points = np.clip(base + np.array(stretch)[:, None] * direction, *window)
        loose = stretch[0] > 0.0 or not (first or last)
        points[0] = points[0] if loose else base
        name = -1 if loose else int(ends[0 if first else 1])
        # The edge runs from its first end to its last.
        out[i], names[i] = (points, (name, -1)) if first or not last else (points[::-1], (-1, name))
    return out[kept], names[kept], edges[kept]


def _stretch(
    base: NDArray[np.float64], direction: NDArray[np.float64], low: float, window: NDArray[np.float64]
) -> tuple[float, float] | None:
    """From where to where a ray, or a line if `low` is infinite, runs through a box; None where it does not."""
    high = np.inf
    for x, d, (least, most) in zip(base.tolist(), direction.tolist(), window.T.tolist(), strict=True):
        if d == 0.0:
            if not least <= x <= most:
                return None
            continue
        s, t = sorted([(least - x) / d, (most - x) / d])
        low, high = max(low, s), min(high, t)
    return (low, high) if low < high < np.inf else None


def joined(segments: NDArray[np.float64], names: NDArray[np.int64]) -> Any:
    """Polylines of segments that share a vertex, by its number and not by its coordinates."""
    at: dict[int, list[int]] = {}
    for i, pair in enumerate(names.tolist()):
        for name in pair:
            if name >= 0:
                at.setdefault(name, []).append(i)
    left = set(range(len(segments)))

    def walk(i: int, end: int) -> list[Any]:
        # From segment i on through its end, as long as just two segments meet.
        points = [segments[i, 1 - end], segments[i, end]]
        left.discard(i)
        while True:
            name = int(names[i, end])
            onward = [j for j in at.get(name, []) if j in left] if len(at.get(name, [])) == 2 else []
            if not onward:
                return points
            i = onward[0]
            left.discard(i)
            end = 1 if names[i, 0] == name else 0
            points.append(segments[i, end])

    lines = []
    # Chains with an end first; what is left over are closed ones.
    for closed in (False, True):
        for i in range(len(segments)):
            for end in (0, 1):
                start = int(names[i, 1 - end])
                if i in left and (closed or len(at.get(start, [])) != 2):
                    lines.append(shapely.LineString(np.array(walk(i, end))))
    return shapely.MultiLineString(lines)


def beside(labels: NDArray[np.int64], refined: RegionComplex, edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """A label of the regions to the left and to the right of edges; -1 outside the domain."""
    faces = refined.edge_faces[edges]
    return np.where(faces >= 0, labels[faces], -1)
