"""What the outputs say: level sets, decision boundaries, classes; all by way of a network with some neurons more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from regions.arithmetic.floats import nearest_finite
from regions.complex.clip import clip
from regions.complex.definitions import components
from regions.complex.lines import EdgeLines
from regions.domain.read import as_domain
from regions.domain.rings import in_rings
from regions.enumeration.assemble import assemble
from regions.enumeration.parts import decompose
from regions.network.layer import Layer, Units
from regions.network.network import Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex

__all__ = ["DecisionBoundary", "LevelSet", "decision_boundary", "level_set", "predicted_classes", "regions_per_class"]


@dataclass(frozen=True, slots=True, eq=False)
class LevelSet:
    """The points of the domain where an output has a value.

    Parameters
    ----------
    value : float
    output : int
    lines : shapely.MultiLineString
        The pieces that are curves, joined to polylines; rays are cut off at the box that was asked for.
    areas : shapely.MultiPolygon
        The regions on all of which the output has the value.
    points : ndarray, shape (n, 2), float64
        Single points.
    segments : ndarray, shape (S, 2, 2), float64
        The straight pieces of the lines, each within one region or on the border of two. Unbounded ones are cut off.
    regions : ndarray, shape (S, 2), int64
        The regions of the complex to the left and to the right of each segment: twice the same within a region, and
        -1 outside the domain.
    complex : RegionComplex
        The regions divided where the output passes the value.
    parents : ndarray, shape (R',), int64
        The region of the original complex that each region of `complex` is a part of.
    signs : ndarray, shape (R',), int8
        1 where the output is larger inside a region of `complex`, -1 where it is smaller, 0 where it is the value.
    """

    value: float
    output: int
    lines: Any
    areas: Any
    points: NDArray[np.float64]
    segments: NDArray[np.float64]
    regions: NDArray[np.int64]
    complex: RegionComplex
    parents: NDArray[np.int64]
    signs: NDArray[np.int8]

    def __repr__(self) -> str:
        parts = [(len(self.lines.geoms), "line"), (len(self.areas.geoms), "area"), (len(self.points), "single point")]
        made = " and ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in parts if n) or "nothing"
        return f"<LevelSet {self.value:g} of output {self.output}: {made}, {len(self.segments)} segments>"


@dataclass(frozen=True, slots=True, eq=False)
class DecisionBoundary:
    """Where the predicted class changes.

    Parameters
    ----------
    lines : shapely.MultiLineString
        Joined to polylines; rays are cut off at the box that was asked for.
    segments : ndarray, shape (S, 2, 2), float64
    classes : ndarray, shape (S, 2), int64
        The class to the left and to the right of each segment.
    regions : ndarray, shape (S, 2), int64
        The regions of the original complex to the left and to the right.
    complex : RegionComplex
        The regions divided by the comparisons of outputs: on each of its regions the class is one and the same.
    parents : ndarray, shape (R',), int64
        The region of the original complex that each region of `complex` is a part of.
    predicted : ndarray, shape (R',), int64
        The class on every region of `complex`.
    """

    lines: Any
    segments: NDArray[np.float64]
    classes: NDArray[np.int64]
    regions: NDArray[np.int64]
    complex: RegionComplex
    parents: NDArray[np.int64]
    predicted: NDArray[np.int64]

    def __repr__(self) -> str:
        n = len(np.unique(self.predicted))
        return f"<DecisionBoundary of {len(self.segments)} segments between {n} class{'' if n == 1 else 'es'}>"


def _extended(network: Network, rounds: list[tuple[Any, NDArray[np.float64], int, str]]) -> Network:
    """The network with layers behind it that hand its outputs on.

    Parameters
    ----------
    network : Network
    rounds : list of (weight, bias, n, name)
        Each takes the outputs and what the round before it made; its first n units are neurons, the others linear.
    """
    outputs = network.n_outputs
    layers = list(network.layers)
    for weight, bias, n_neurons, name in rounds:
        below = np.concatenate([np.ones(outputs), np.zeros(n_neurons), np.ones(len(bias) - n_neurons)])
        carry = np.hstack([np.eye(outputs), np.zeros((outputs, weight.shape[1] - outputs))])
        groups = [Units("output", "linear", (outputs,)), Units(name, "relu", (n_neurons,))]
        if len(bias) > n_neurons:
            groups.append(Units(name, "linear", (len(bias) - n_neurons,)))
        layers.append(
            Layer(
                np.vstack([carry, weight]),
                np.concatenate([np.zeros(outputs), bias]),
                below,
                np.ones(len(below)),
                name,
                tuple(groups),
            )
        )
    width = layers[-1].n_out
    select = np.hstack([np.eye(outputs), np.zeros((outputs, width - outputs))])
    layers.append(Layer(select, np.zeros(outputs), np.ones(outputs), np.ones(outputs), "output"))
    return Network(tuple(layers))


def _refined(complex: RegionComplex, network: Network) -> tuple[RegionComplex, NDArray[np.int64]]:
    """The complex of an extended network over the same domain, and the regions that its regions are parts of."""
    refined = assemble(decompose(network, complex.domain))
    if complex.slice is not None:
        refined = replace(refined, slice=complex.slice)
    h = complex.network.n_neurons
    number = {p.tobytes(): i for i, p in enumerate(complex.patterns)}
    parents = np.array([number[p.tobytes()] for p in np.ascontiguousarray(refined.patterns[:, :h])], dtype=np.int64)
    if len(number) < complex.n_regions:
        # Regions of one pattern lie apart, in a domain that is not convex.
        unique, counts = np.unique(complex.patterns, axis=0, return_counts=True)
        several = {p.tobytes() for p in unique[counts > 1]}
        at = [i for i, p in enumerate(np.ascontiguousarray(refined.patterns[:, :h])) if p.tobytes() in several]
        parents[at] = _connected(complex, refined, parents, np.array(at))
    return refined, parents


def _connected(
    complex: RegionComplex, refined: RegionComplex, parents: NDArray[np.int64], at: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Regions of the original for refined ones whose pattern is that of several: connected ones lie in the same.

    One region of each connected group is asked for a point inside, a rational one: a thin region may hold no float.
    """
    first, second = refined.neighbors.T
    same = parents[first] == parents[second]
    labels = components(refined.n_regions, refined.neighbors[same])
    # By pattern, of which `parents` has one region so far.
    alike: dict[bytes, list[int]] = {}
    for i, row in enumerate(complex.packed_patterns):
        alike.setdefault(row.tobytes(), []).append(i)
    rings = _Rings(complex), _Rings(refined)
    homes: dict[int, int] = {}
    for region in at.tolist():
        label = int(labels[region])
        if label not in homes:
            point = rings[1].middle(region)
            candidates = alike[complex.packed_patterns[parents[region]].tobytes()]
            homes[label] = next(i for i in candidates if rings[0].holds(i, point))
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


def level_set(complex: RegionComplex, value: float, output: int = 0, *, box: Any = None) -> LevelSet:
    """Where an output has a value, exactly: curves, whole regions, and single points.

    Parameters
    ----------
    complex : RegionComplex
    value : float
        Read as the rational it is.
    output : int
    box : float, Box or (minx, miny, maxx, maxy), optional
        Where unbounded pieces are cut off; :attr:`regions.RegionComplex.view` where left out.

    Returns
    -------
    LevelSet
        Its `complex` has the regions divided by the level set.

    Raises
    ------
    ValueError
        When the value is not finite, or there is no such output.

    Notes
    -----
    The network gets two neurons more, for the output above the value and below it, and the engine divides the
    regions by them. Where the output has the value without passing it, vertices are looked at in rationals.
    Pieces are joined by the vertices that they share. Coordinates are those of the divided complex, rounded.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]], activation="abs")
    >>> complex = regions.enumerate_regions(network, 2)
    >>> regions.measures.level_set(complex, 1)
    <LevelSet 1 of output 0: 1 line, 4 segments>
    >>> regions.measures.level_set(complex, 0)
    <LevelSet 0 of output 0: 1 single point, 0 segments>
    """
    number = _check_value(value)
    o = complex.network.n_outputs
    if isinstance(output, bool) or not isinstance(output, int | np.integer) or not 0 <= output < o:
        raise ValueError(f"output {output!r} was given; allowed are 0 to {o - 1}.")
    weight = np.zeros((2, o))
    weight[:, output] = 1.0, -1.0
    extended = _extended(complex.network, [(weight, np.array([-number, number]), 2, "level")])
    refined, parents = _refined(complex, extended)
    above, below = refined.patterns[:, -2], refined.patterns[:, -1]
    signs = above.astype(np.int8) - below
    edges, vertices = _zeros(refined, signs, output, number)
    segments, names, edges = _segments(refined, edges, box)
    shapes = clip(refined, _bounds(refined, box))[signs == 0] if (signs == 0).any() else []
    return LevelSet(
        value=number,
        output=int(output),
        lines=_joined(segments, names),
        areas=_polygons(shapes),
        points=refined.vertices[vertices],
        segments=segments,
        regions=_beside(parents, refined, edges),
        complex=refined,
        parents=parents,
        signs=signs,
    )


def _check_value(value: Any) -> float:
    if isinstance(value, Fraction):
        number = float(value) if float(value) == value else np.nan
    else:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = np.nan
        if isinstance(value, int) and np.isfinite(number) and int(number) != value:
            number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"value {value!r} was given; allowed are finite numbers that float64 holds.")
    return number


def _zeros(
    refined: RegionComplex, signs: NDArray[np.int8], output: int, value: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The edges and single vertices on which the output has the value, other than those of whole regions."""
    v = len(refined.vertices)
    sides = np.where(refined.edge_faces >= 0, signs[refined.edge_faces], 2)
    # At the corner of a region where it is larger and of one where it is smaller, the output has the value.
    seen = np.zeros((v + len(refined.directions), 3), dtype=bool)
    region = refined.ring_owners
    seen[refined.rings, signs[region] + 1] = True
    zero: NDArray[np.bool_] = np.array(seen[:, 1] | (seen[:, 0] & seen[:, 2]), ndmin=1)
    touching = _Touching(refined, output, value)
    for vertex in np.flatnonzero(~zero[:v]).tolist():
        zero[vertex] = touching.vertex(vertex)
    crossing = ((sides == 1).any(axis=1) & (sides == -1).any(axis=1)) | (sides == 0).any(axis=1)
    ideal = refined.edges >= v
    finite = ~ideal.any(axis=1)
    on = np.array(finite & zero[refined.edges].all(axis=1), dtype=bool, ndmin=1)
    for e in np.flatnonzero(~finite & ((refined.edge_neurons >= 0) | (refined.edge_sides >= 0))).tolist():
        ends = refined.edges[e][~ideal[e]]
        on[e] = crossing[e] or (all(zero[ends]) and touching.ray(e))
    of_area = (sides == 0).any(axis=1)
    used = np.zeros(len(zero), dtype=bool)
    used[refined.edges[on | of_area]] = True
    # Corners of areas alone, where no edge of theirs is listed, belong to them all the same.
    used |= seen[:, 1]
    return np.flatnonzero(on & ~of_area), np.flatnonzero(zero[:v] & ~used[:v])


class _Touching:
    """Exact answers where the output has the value without passing it: minima and maxima."""

    def __init__(self, refined: RegionComplex, output: int, value: float) -> None:
        self._refined, self._output, self._value = refined, output, Fraction(value)
        self._lines = EdgeLines(refined)
        self._maps: dict[int, Any] = {}
        order = np.argsort(refined.rings, kind="stable")
        self._order, self._sorted = order, refined.rings[order]

    def _map(self, region: int) -> Any:
        if region not in self._maps:
            self._maps[region] = self._lines.neurons.output(region)[self._output]
        return self._maps[region]

    def vertex(self, vertex: int) -> bool:
        """Whether the output has the value at a vertex."""
        at = int(np.searchsorted(self._sorted, vertex))
        a, b, c = self._map(int(self._refined.ring_owners[self._order[at]]))
        x, y = self._lines.vertex(vertex)
        return bool(a * x + b * y + c == self._value)

    def ray(self, edge: int) -> bool:
        """Whether the output has the value on all of an unbounded edge, given that it has it at the ends."""
        a, b, c = self._map(int(self._refined.edge_faces[edge].max()))
        p, q, _ = self._lines.exact(edge)
        x, y, w = self._lines.foot(edge)
        return bool(a * q - b * p == 0 and a * x + b * y + c * w == self._value * w)


def _bounds(refined: RegionComplex, box: Any) -> tuple[float, float, float, float]:
    return refined.view if box is None else as_domain(box, convex=True).bounds


def _segments(
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
    window = np.array(_bounds(refined, box)).reshape(2, 2)
    for i in np.flatnonzero(~finite).tolist():
        ends = refined.edges[edges[i]]
        first, last = (end < v for end in ends.tolist())
        base = refined.vertices[ends[0 if first else 1]] if first or last else _foot(refined, int(edges[i]))
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


def _foot(refined: RegionComplex, edge: int) -> NDArray[np.float64]:
    """The point of an edge's line that is nearest to the origin."""
    x, y, n = EdgeLines(refined).foot(edge)
    return np.array([nearest_finite(Fraction(x, n)), nearest_finite(Fraction(y, n))])


def _joined(segments: NDArray[np.float64], names: NDArray[np.int64]) -> Any:
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


def _polygons(shapes: Any) -> Any:
    parts = [part for shape in shapes for part in shapely.get_parts(shape)]
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon" and not part.is_empty])


def _beside(labels: NDArray[np.int64], refined: RegionComplex, edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """A label of the regions to the left and to the right of edges; -1 outside the domain."""
    faces = refined.edge_faces[edges]
    return np.where(faces >= 0, labels[faces], -1)


def decision_boundary(complex: RegionComplex, *, box: Any = None) -> DecisionBoundary:
    """Where the class changes that the outputs predict, exactly.

    The class is the index of the largest output, the first one of several, as in `numpy.argmax`. A single output
    is a logit: class 1 where it is > 0, and 0 elsewhere.

    Parameters
    ----------
    complex : RegionComplex
    box : float, Box or (minx, miny, maxx, maxy), optional
        Where unbounded pieces are cut off; :attr:`regions.RegionComplex.view` where left out.

    Returns
    -------
    DecisionBoundary
        Its `complex` has the regions divided by comparisons of the outputs, with a class for each.

    Notes
    -----
    A tournament of maxima behind the network, max(a, b) = a + relu(b - a), has the engine divide the regions so
    that each has one class; the boundary is made of the edges between two classes.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])
    >>> regions.measures.decision_boundary(regions.enumerate_regions(network, 2))
    <DecisionBoundary of 2 segments between 2 classes>
    """
    refined, parents, predicted = _by_class(complex)
    sides = _beside(predicted, refined, np.arange(len(refined.edges)))
    edges = np.flatnonzero((sides >= 0).all(axis=1) & (sides[:, 0] != sides[:, 1]))
    segments, names, edges = _segments(refined, edges, box)
    return DecisionBoundary(
        lines=_joined(segments, names),
        segments=segments,
        classes=sides[edges],
        regions=_beside(parents, refined, edges),
        complex=refined,
        parents=parents,
        predicted=predicted,
    )


def _by_class(complex: RegionComplex) -> tuple[RegionComplex, NDArray[np.int64], NDArray[np.int64]]:
    """The regions divided by class, their originals, and the class of each."""
    o = complex.network.n_outputs
    if o == 1:
        refined, parents = _refined(complex, _extended(complex.network, [(np.ones((1, 1)), np.zeros(1), 1, "class")]))
        return refined, parents, refined.patterns[:, -1].astype(np.int64)
    # A tournament of pairwise maxima: what is left of the outputs so far, as sums of kept numbers.
    rounds, plan = [], []
    kept_before = 0
    sums: list[dict[int, float]] = [{k: 1.0} for k in range(o)]
    while len(sums) > 1:
        pairs = [(i, i + 1) for i in range(0, len(sums) - 1, 2)]
        width = o + kept_before
        rows = np.zeros((len(pairs), width))
        carried = []
        for row, (i, j) in zip(rows, pairs, strict=True):
            for column, factor in sums[j].items():
                row[column] += factor
            for column, factor in sums[i].items():
                row[column] -= factor
        # Behind the outputs: the neurons of this round, then what the winners so far are made of.
        after: list[dict[int, float]] = []
        for n, (i, _) in enumerate(pairs):
            line = np.zeros(width)
            for column, factor in sums[i].items():
                line[column] += factor
            carried.append(line)
            after.append({o + n: 1.0, o + len(pairs) + n: 1.0})
        if len(sums) % 2:
            line = np.zeros(width)
            for column, factor in sums[-1].items():
                line[column] += factor
            carried.append(line)
            after.append({o + 2 * len(pairs): 1.0})
        weight = np.vstack([rows, *carried])
        rounds.append((weight, np.zeros(len(weight)), len(pairs), "class"))
        plan.append(len(pairs))
        kept_before, sums = len(weight), after
    refined, parents = _refined(complex, _extended(complex.network, rounds))
    bits = refined.patterns[:, complex.network.n_neurons :]
    winners = [np.full(refined.n_regions, k) for k in range(o)]
    start = 0
    for n in plan:
        last = [winners[-1]] if len(winners) % 2 else []
        # The second one wins only where it is larger: ties go to the first, as in `numpy.argmax`.
        winners = [np.where(bits[:, start + i], winners[2 * i + 1], winners[2 * i]) for i in range(n)] + last
        start += n
    return refined, parents, winners[0]


def predicted_classes(complex: RegionComplex) -> NDArray[np.int64]:
    """The class that each region's points have, shape (R,), int64; -1 where the decision boundary runs through."""
    _, parents, predicted = _by_class(complex)
    out = np.full(complex.n_regions, -2)
    for region, label in zip(parents.tolist(), predicted.tolist(), strict=True):
        out[region] = label if out[region] in (-2, label) else -1
    return out


def regions_per_class(complex: RegionComplex) -> dict[int, int]:
    """How many regions lie in each class.

    Parameters
    ----------
    complex : RegionComplex

    Returns
    -------
    dict of int to int
        Class to number of activation regions all of whose points have it; -1 to the number of those that the
        decision boundary divides.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])
    >>> regions.measures.regions_per_class(regions.enumerate_regions(network, 2))
    {-1: 1, 0: 2, 1: 1}
    """
    classes, counts = np.unique(predicted_classes(complex), return_counts=True)
    return dict(zip(classes.tolist(), counts.tolist(), strict=True))
