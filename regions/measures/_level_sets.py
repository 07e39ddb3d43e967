"""Where an output has a value, by way of two neurons more."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from regions.complex.clip import clip
from regions.complex.lines import EdgeLines
from regions.measures._divided import beside, divided, joined, segments, window_of
from regions.network.composed import with_rounds
from regions.network.output import output_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex

__all__ = ["LevelSet", "level_set"]


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
        When the value is not finite; an OptionError when there is no such output.

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
    output = output_index(complex.network, output)
    weight = np.zeros((2, complex.network.n_outputs))
    weight[:, output] = 1.0, -1.0
    extended = with_rounds(complex.network, [(weight, np.array([-number, number]), 2, "level")])
    refined, parents = divided(complex, extended)
    above, below = refined.patterns[:, -2], refined.patterns[:, -1]
    signs = above.astype(np.int8) - below
    edges, vertices = _zeros(refined, signs, output, number)
    pieces, names, edges = segments(refined, edges, box)
    shapes = clip(refined, window_of(refined, box))[signs == 0] if (signs == 0).any() else []
    return LevelSet(
        value=number,
        output=output,
        lines=joined(pieces, names),
        areas=_polygons(shapes),
        points=refined.vertices[vertices],
        segments=pieces,
        regions=beside(parents, refined, edges),
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
        self._lines, self._output, self._value = EdgeLines(refined), output, Fraction(value)
        self._maps: dict[int, Any] = {}
        self._home = np.empty(len(refined.vertices) + len(refined.directions), dtype=np.int64)
        self._home[refined.rings] = refined.ring_owners

    def _map(self, region: int) -> Any:
        if region not in self._maps:
            self._maps[region] = self._lines.neurons.output(region)[self._output]
        return self._maps[region]

    def _holds(self, region: int, x: Fraction, y: Fraction) -> bool:
        a, b, c = self._map(region)
        return bool(a * x + b * y + c == self._value)

    def vertex(self, vertex: int) -> bool:
        """Whether the output has the value at a vertex."""
        return self._holds(int(self._home[vertex]), *self._lines.vertex(vertex))

    def ray(self, edge: int) -> bool:
        """Whether the output has the value on all of an unbounded edge, given that it has it at the ends."""
        face = int(self._lines.complex.edge_faces[edge].max())
        p, q, _ = self._lines.exact(edge)
        a, b, _ = self._map(face)
        # For lines without an end: the one nearest to the origin.
        x, y, w = self._lines.foot(edge)
        return bool(a * q == b * p) and self._holds(face, Fraction(x, w), Fraction(y, w))


def _polygons(shapes: Any) -> Any:
    parts = [part for shape in shapes for part in shapely.get_parts(shape)]
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon" and not part.is_empty])
