"""The lines on which a complex's edges lie: in float64 with proven bounds, and as the integers that they are."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import TINY, U, nearest_finite
from regions.arithmetic.integers import Triple, cross
from regions.domain.lines import domain_sides
from regions.domain.rings import exact_area as ring_area
from regions.network.integers import ExactLines
from regions.network.maps import affine_maps
from regions.network.rounding import map_bounds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from regions.complex.data import ComplexData

    Floats = NDArray[np.float64]
    Line = tuple[float, float, float]

__all__ = ["EdgeLines", "exact_areas", "exact_vertices"]


class EdgeLines:
    """For every edge a line a x + b y + c = 0, and for every vertex a bound on its rounding error.

    Of an inner edge the row is its neuron's pre-activation on either side, of an edge on the rim it is >= 0 inside.

    Parameters
    ----------
    complex : RegionComplex
    """

    def __init__(self, complex: ComplexData) -> None:
        self.complex = complex

    @property
    def values(self) -> Floats:
        """The coefficients, up to a positive factor: shape (E, 3); NaN at infinity."""
        return self._floats[0]

    @property
    def errors(self) -> Floats:
        """Bounds on the errors of `values`: shape (E, 3); infinite at infinity."""
        return self._floats[1]

    @cached_property
    def _floats(self) -> tuple[Floats, Floats]:
        complex = self.complex
        n = len(complex.edges)
        values, errors = np.full((n, 3), np.nan), np.full((n, 3), np.inf)
        inner = np.flatnonzero(complex.edge_neurons >= 0)
        neurons, faces = complex.edge_neurons[inner], complex.edge_faces[inner].max(axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            values[inner] = affine_maps(complex.network, complex.patterns, faces, neurons)[1]
        errors[inner] = map_bounds(complex.network)[0][neurons]
        rim = np.flatnonzero(complex.edge_sides >= 0)
        if len(rim):
            rows = np.array([_scaled(side) for side in self.sides])
            values[rim] = rows[complex.edge_sides[rim]]
            # A distance beyond the largest float is stored as that.
            held = np.abs(values[rim]) < sys.float_info.max
            errors[rim] = np.where(held, 2 * U * np.abs(values[rim]) + TINY, np.inf)
        return values, errors

    @cached_property
    def sides(self) -> list[Triple]:
        """The domain's sides or half-planes in integers, then its diagonals."""
        return domain_sides(self.complex.domain)

    @cached_property
    def neurons(self) -> ExactLines:
        """The neurons' lines in integers."""
        return ExactLines(self.complex.network, self.complex.patterns)

    def cross(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which pairs of edges are proven by floats to lie on lines that are not parallel."""
        with np.errstate(all="ignore"):
            length = np.hypot(self.values[:, 0], self.values[:, 1])
            unit = self.values[:, :2] / length[:, None]
            turn = (self.errors[:, 0] + self.errors[:, 1]) / length * (1 + 8 * U) + 16 * U
            p, q = unit[first], unit[second]
            sine = np.abs(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) * (1 - 8 * U) - 8 * U
            # Both normals are off by no more than `turn`, itself small.
            small = (turn[first] < 2.0**-10) & (turn[second] < 2.0**-10)
            return small & (sine > 3 * (turn[first] + turn[second]))

    def exact(self, edge: int) -> Triple:
        """The line as three integers, up to a positive factor."""
        neuron = int(self.complex.edge_neurons[edge])
        if neuron >= 0:
            a, b, c = self.neurons.line(int(self.complex.edge_faces[edge].max()), neuron)
        else:
            a, b, c = self.sides[int(self.complex.edge_sides[edge])]
        return int(a), int(b), int(c)

    def rounded(self, edge: int) -> Line:
        """The line with a normal of about 1, each coefficient rounded once."""
        return _scaled(self.exact(edge))

    def rounded_foot(self, edge: int) -> Floats | None:
        """The point of the rounded line that is nearest to the origin; None at infinity."""
        if self.complex.edge_neurons[edge] < 0 and self.complex.edge_sides[edge] < 0:
            return None
        a, b, c = self.rounded(edge)
        square = a * a + b * b
        return np.array([-a / square * c, -b / square * c])

    def foot(self, edge: int) -> Triple:
        """The point of the line that is nearest to the origin, in homogeneous coordinates."""
        a, b, c = self.exact(edge)
        return -a * c, -b * c, a * a + b * b

    @cached_property
    def _incidence(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Edges sorted by their finite ends, those ends, and where each vertex begins among them."""
        c = self.complex
        lines = np.flatnonzero((c.edge_neurons >= 0) | (c.edge_sides >= 0))
        ends = c.edges[lines].ravel()
        edges = np.repeat(lines, 2)[ends < len(c.vertices)]
        ends = ends[ends < len(c.vertices)]
        order = np.argsort(ends, kind="stable")
        edges, ends = edges[order], ends[order]
        return edges, ends, np.searchsorted(ends, np.arange(len(c.vertices) + 1))

    def vertex(self, vertex: int) -> tuple[Fraction, Fraction]:
        """A finite vertex as the rational point that it is."""
        if vertex not in self._points:
            edges, _, starts = self._incidence
            lines = (self.exact(int(e)) for e in edges[starts[vertex] : starts[vertex + 1]])
            first = next(lines)
            x, y, w = next(p for p in (cross(first, line) for line in lines) if p[2] != 0)
            self._points[vertex] = (Fraction(x, w), Fraction(y, w))
        return self._points[vertex]

    @cached_property
    def _points(self) -> dict[int, tuple[Fraction, Fraction]]:
        return {}

    @cached_property
    def vertex_errors(self) -> Floats:
        r"""How far the stored vertices may lie from the true ones: shape (V,), float64; inf where nothing is proven.

        The stored point p lies on the line n·x + c up to its residual r, so |n·(p - v)| <= r for the true vertex v. For
        two unit normals at the sine s these two bounds say \|p - v\| <= (r + r') / s.
        """
        v = self.complex.vertices
        edges, ends, starts = self._incidence
        found = np.full(len(v), np.inf)
        if not len(edges):
            return found
        with np.errstate(all="ignore"):
            length = np.hypot(self.values[edges, 0], self.values[edges, 1])
            unit = self.values[edges] / length[:, None]
            errors = self.errors[edges] / length[:, None] * (1 + 8 * U) + 8 * U * np.abs(unit)
            x, y = v[ends].T
            size = np.abs(unit[:, 0] * x) + np.abs(unit[:, 1] * y) + np.abs(unit[:, 2])
            residual = np.abs(unit[:, 0] * x + unit[:, 1] * y + unit[:, 2]) + 8 * U * size + TINY
            residual += errors[:, 0] * np.abs(x) + errors[:, 1] * np.abs(y) + errors[:, 2]
            turn = errors[:, 0] + errors[:, 1]
            first = np.repeat(starts[:-1], np.diff(starts))
            sine = np.abs(unit[first, 0] * unit[:, 1] - unit[first, 1] * unit[:, 0])
            # All three factors are of unit vectors that are off by no more than `turn`, itself small.
            sine = sine * (1 - 8 * U) - 2 * (turn[first] + turn) - 8 * U
            bound = 1.1 * (residual[first] + residual) / sine
        usable = (sine > 0) & (turn < 2.0**-10) & (turn[first] < 2.0**-10) & (bound >= 0)
        np.minimum.at(found, ends[usable], bound[usable])
        return found


def _scaled(row: Triple) -> Line:
    """An integer row with a largest entry of 1 in front, each entry rounded once."""
    largest = max(abs(row[0]), abs(row[1]))
    a, b, c = (nearest_finite(Fraction(k, largest)) for k in row)
    return a, b, c


def exact_areas(complex: ComplexData, regions: Iterable[int] | None = None) -> list[Fraction | float]:
    """The areas as the rationals that they are.

    Parameters
    ----------
    complex : RegionComplex
    regions : iterable of int, optional
        Which regions; all where left out.

    Returns
    -------
    list of Fraction
        `math.inf` where a region is unbounded.

    Notes
    -----
    Half the sum of the cross products around the region (Gauss's area formula), of vertices that are intersections of
    integer lines. Plain and slow, meant for some ten thousand regions; ``complex.areas`` has the areas in float64, off
    by the rounding of the vertices.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[3.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]], [[1.0, 0.0], [0.0]])
    >>> exact_areas(regions.enumerate_regions(network, 1))
    [Fraction(2, 3), Fraction(4, 3), Fraction(4, 3), Fraction(2, 3)]
    """
    lines = EdgeLines(complex)
    chosen = range(complex.n_regions) if regions is None else regions
    return [exact_area(lines, region) if complex.bounded[region] else math.inf for region in chosen]


def exact_area(lines: EdgeLines, region: int) -> Fraction:
    """The area of a bounded region."""
    return ring_area(lines.vertex(v) for v in lines.complex.ring(region).tolist())


def exact_vertices(complex: ComplexData) -> list[tuple[Fraction, Fraction]]:
    """The vertices as the rational points that they are.

    Notes
    -----
    Each is the intersection of two lines whose integer coefficients come from the network's own weights;
    plain and slow: meant for tests and for complexes of some thousand regions.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[3.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]], [[1.0, 0.0], [0.0]])
    >>> vertices = regions.enumerate_regions(network, 1).exact_vertices()
    >>> next((x, y) for x, y in vertices if -1 < x < 1 and -1 < y < 1)
    (Fraction(-1, 3), Fraction(0, 1))
    """
    lines = EdgeLines(complex)
    return [lines.vertex(v) for v in range(len(complex.vertices))]
