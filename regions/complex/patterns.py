"""Activation patterns at single points: on the vertices and edges of a complex, at the breakpoints of a line.

In the closure of a region its active neurons are >= 0 and the others <= 0. So the pattern at a point is the region's,
without the active neurons that are 0 there; and an edge's is what is active at one of its ends, or at both.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.integers import cross
from regions.arithmetic.residues import extent
from regions.complex.lines import EdgeLines
from regions.network.integers import along_line
from regions.network.residues import ResidueNetwork, block_size, integers_are_faster, primes, sizes
from regions.network.rounding import doubtful

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from regions.arithmetic.residues import Modular
    from regions.complex.data import ComplexData
    from regions.network.network import Network

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Coordinates = Callable[[ResidueNetwork, Ints], Floats]

__all__ = ["Points", "distinct", "packed_patterns", "patterns_at"]


_PARALLEL = "all lines through vertex {} are parallel; enumerate the complex again."


def distinct(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The different rows of packed patterns."""
    if packed.shape[1] == 0:
        return packed[:1]
    rows = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    return np.unique(rows).view(np.uint8).reshape(-1, packed.shape[1])


def patterns_at(
    network: Network,
    patterns: Callable[[Ints], NDArray[np.bool_]],
    count: int,
    coordinates: Coordinates,
    known: tuple[Ints, Ints],
    bits: int,
    vanishes: Callable[[int, int], bool],
    start: SegmentStart | None = None,
) -> NDArray[np.uint8]:
    """The neurons that are > 0 at points, packed.

    `patterns` gives those of a region at each point, `known` pairs of points and neurons that are 0 there, sorted;
    the scaled integers of pre-activations at the points are below 2**bits. `vanishes` says of a point and a neuron, in
    integers, whether it is 0 there.
    """
    supply = primes(network)
    prime = next(supply)
    residues = ResidueNetwork(network, prime, start)
    found = np.empty((count, (network.n_neurons + 7) // 8), dtype=np.uint8)
    open_ = [np.empty((0, 2), dtype=np.int64)]
    size = block_size(network, 1)
    for first in range(0, count, size):
        points = np.arange(first, min(first + size, count))
        active = patterns(points)
        zero = residues.zeros(coordinates(residues, points), active)
        found[points] = np.packbits(active & ~zero, axis=1)
        here = slice(*np.searchsorted(known[0], [first, first + size]))
        zero[known[0][here] - first, known[1][here]] = False
        open_.append(np.argwhere(active & zero) + np.array([first, 0]))
    left = np.concatenate(open_)
    proven = prime.bit_length() - 1
    while len(left) and proven < bits:
        if integers_are_faster(network, len(left), bits - proven):
            for point, neuron in left.tolist():
                if not vanishes(point, neuron):
                    found[point, neuron // 8] |= 128 >> neuron % 8
            break
        prime = next(supply)
        residues = ResidueNetwork(network, prime, start)
        zero = np.empty(len(left), dtype=bool)
        points, which = np.unique(left[:, 0], return_inverse=True)
        for first in range(0, len(points), size):
            some = points[first : first + size]
            here = slice(*np.searchsorted(which, [first, first + size]))
            block = residues.zeros(coordinates(residues, some), patterns(some))
            zero[here] = block[which[here] - first, left[here, 1]]
        # Not 0 after all.
        for point, neuron in left[~zero].tolist():
            found[point, neuron // 8] |= 128 >> neuron % 8
        left = left[zero]
        proven += prime.bit_length() - 1
    return found


class Points:
    """The vertices of a complex, finite and ideal, and a point on each edge that is a whole line, as rationals.

    Each finite vertex is where two lines meet. V finite vertices, K ideal ones, Q whole lines; N = V + K + Q.

    Parameters
    ----------
    complex : RegionComplex

    Attributes
    ----------
    first, second : ndarray, shape (N,), int64
        Edges on whose lines the point lies, not parallel; `second` is -1 behind the finite vertices.
    faces : ndarray, shape (N,), int64
        A region whose closure contains the point.
    edges : ndarray, shape (E', 2), int64
        Points at the ends of those edges that are not at infinity; a whole line's is its ideal vertex and its own.
    real : ndarray, shape (E',), int64
        Which edges these are.
    lines : EdgeLines
    """

    def __init__(self, complex: ComplexData) -> None:
        self._complex = complex
        self.n_finite, n_ideal = len(complex.vertices), len(complex.directions)
        self.real = np.flatnonzero((complex.edge_neurons >= 0) | (complex.edge_sides >= 0))
        self.edges = complex.edges[self.real].copy()
        lines = np.flatnonzero((self.edges >= self.n_finite).all(axis=1))
        first_line = self.n_finite + n_ideal
        self.n_points = first_line + len(lines)
        self.edges[lines, 1] = first_line + np.arange(len(lines))
        # A whole line's other ideal vertex is known by one of its rays or lines too.
        ends = np.concatenate([self.edges.ravel(), complex.edges[self.real[lines], 1]])
        owners = np.concatenate([np.repeat(self.real, 2), self.real[lines]])
        order = np.argsort(ends, kind="stable")
        self._ends, self._owners = ends[order], owners[order]
        starts = np.searchsorted(self._ends, np.arange(self.n_points))
        self.first = self._owners[starts]
        self.faces = complex.edge_faces[self.first].max(axis=1)
        self.lines = EdgeLines(complex)
        self.second = self._second()

    def _second(self) -> Ints:
        """For each finite vertex an edge that is not parallel to the first one."""
        found = np.full(self.n_points, -1)
        network = self._complex.network
        finite = np.flatnonzero(self._ends < self.n_finite)
        crossing = finite[self.lines.cross(self.first[self._ends[finite]], self._owners[finite])]
        found[self._ends[crossing]] = self._owners[crossing]
        left = np.flatnonzero(found[: self.n_finite] < 0)
        known = 0
        for prime in primes(network):
            if not len(left):
                break
            if integers_are_faster(network, len(left), 2 * self.line_bits + 2 - known):
                self._second_by_integers(found, left)
                break
            if known > 2 * self.line_bits + 2:
                raise ValueError(_PARALLEL.format(left[0]))
            residues = ResidueNetwork(network, prime)
            some = np.flatnonzero(np.isin(self._ends, left))
            vertices, owners = self._ends[some], self._owners[some]
            p, q = self._line_residues(residues, self.first[vertices]), self._line_residues(residues, owners)
            crossing = np.flatnonzero(residues.modular.cross(p, q)[:, 2])
            where, place = np.unique(vertices[crossing], return_index=True)
            found[where] = owners[crossing[place]]
            left = np.flatnonzero(found[: self.n_finite] < 0)
            known += prime.bit_length() - 1
        return found

    def _second_by_integers(self, found: Ints, left: Ints) -> None:
        for vertex in left.tolist():
            owners = self._owners[slice(*np.searchsorted(self._ends, [vertex, vertex + 1]))].tolist()
            a, b, _ = self.lines.exact(int(self.first[vertex]))
            others = ((edge, self.lines.exact(edge)) for edge in owners)
            crossing = [edge for edge, (p, q, _) in others if a * q != b * p]
            if not crossing:
                raise ValueError(_PARALLEL.format(vertex))
            found[vertex] = crossing[0]

    @cached_property
    def line_bits(self) -> int:
        """The lines' coefficients, scaled to integers, are below 2**line_bits."""
        sides = max((int(x).bit_length() for side in self.lines.sides for x in side), default=0)
        return max(sizes(self._complex.network)[0], sides)

    @property
    def incidences(self) -> tuple[Ints, Ints]:
        """Points, ascending, and neurons on whose edges they lie."""
        neurons = self._complex.edge_neurons[self._owners]
        return self._ends[neurons >= 0], neurons[neurons >= 0]

    def _line_residues(self, residues: ResidueNetwork, edges: Ints) -> Floats:
        """Lines of edges: shape (n, 3)."""
        complex = self._complex
        wanted, where = np.unique(edges, return_inverse=True)
        found = np.empty((len(wanted), 3))
        neurons = complex.edge_neurons[wanted]
        rim = np.flatnonzero(neurons < 0)
        if len(rim):
            sides = residues.modular.of_integers([[int(x) for x in side] for side in self.lines.sides])
            found[rim] = sides[complex.edge_sides[wanted[rim]]]
        inner = np.flatnonzero(neurons >= 0)
        faces, which = np.unique(complex.edge_faces[wanted[inner]].max(axis=1), return_inverse=True)
        order = np.argsort(which, kind="stable")
        inner, which = inner[order], which[order]
        size = block_size(complex.network)
        for first in range(0, len(faces), size):
            here = slice(*np.searchsorted(which, [first, first + size]))
            patterns = self.patterns_of(faces[first : first + size])
            found[inner[here]] = residues.rows(patterns, which[here] - first, neurons[inner[here]])
        return found[where]

    def patterns_of(self, faces: Ints) -> NDArray[np.bool_]:
        """The patterns of some regions."""
        count = self._complex.network.n_neurons
        return np.unpackbits(self._complex.packed_patterns[faces], axis=1, count=count).view(np.bool_)

    def coordinates(self, residues: ResidueNetwork, points: Ints) -> Floats:
        """Homogeneous coordinates of points, up to their sign: shape (n, 3)."""
        modular = residues.modular
        finite = points < self.n_finite
        whole = points >= self.n_finite + len(self._complex.directions)
        lines = self._line_residues(residues, np.concatenate([self.first[points], self.second[points[finite]]]))
        p, q = lines[: len(points)], lines[len(points) :]
        found = np.column_stack([p[:, 1], modular.reduce(-p[:, 0]), np.zeros(len(p))])
        found[finite] = modular.cross(p[finite], q)
        # The line's point that is nearest to the origin.
        a, b, c = p[whole].T
        square = modular.reduce(modular.times(a, a) + modular.times(b, b))
        found[whole] = np.column_stack(
            [modular.reduce(-modular.times(a, c)), modular.reduce(-modular.times(b, c)), square]
        )
        return found

    def exact(self, point: int) -> Any:
        """Homogeneous coordinates of a point as integers, up to their sign."""
        edge = int(self.first[point])
        if point >= self.n_finite + len(self._complex.directions):
            return self.lines.foot(edge)
        line = self.lines.exact(edge)
        return (
            cross(line, self.lines.exact(int(self.second[point]))) if point < self.n_finite else (line[1], -line[0], 0)
        )

    def _vanishes(self, point: int, neuron: int) -> bool:
        """Whether a neuron is 0 at a point."""
        row = self.lines.neurons.line(int(self.faces[point]), neuron)
        return not sum(a * x for a, x in zip(row, self.exact(point), strict=True))

    def patterns(self) -> NDArray[np.uint8]:
        """Packed patterns at the points; at ideal ones the neurons that grow without end."""
        found, certain = self._by_floats()
        left = np.flatnonzero(~certain)
        points, neurons = self.incidences
        place = np.searchsorted(left, points)
        mine = place < len(left)
        mine[mine] = left[place[mine]] == points[mine]
        found[left] = patterns_at(
            self._complex.network,
            lambda some: self.patterns_of(self.faces[left[some]]),
            len(left),
            lambda residues, some: self.coordinates(residues, left[some]),
            (place[mine], neurons[mine]),
            3 * self.line_bits + 5,
            lambda point, neuron: self._vanishes(int(left[point]), neuron),
        )
        return found

    def _by_floats(self) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Packed patterns, and at which points they are proven by float64 values and bounds on their errors."""
        complex = self._complex
        found = np.zeros((self.n_points, complex.packed_patterns.shape[1]), dtype=np.uint8)
        certain = np.zeros(self.n_points, dtype=bool)
        errors = self.lines.vertex_errors
        points, neurons = self.incidences
        size = block_size(complex.network, 1)
        for first in range(0, self.n_finite, size):
            some = np.arange(first, min(first + size, self.n_finite))
            active = self.patterns_of(self.faces[some])
            here = slice(*np.searchsorted(points, [first, first + len(some)]))
            zero = np.zeros(active.shape, dtype=bool)
            zero[points[here] - first, neurons[here]] = True
            open_ = doubtful(complex.network, complex.vertices[some], errors[some], active)
            certain[some] = ~(open_ & active & ~zero).any(axis=1)
            found[some] = np.packbits(active & ~zero, axis=1)
        return found, certain


def packed_patterns(complex: ComplexData) -> NDArray[np.uint8]:
    """The patterns of all points of a complex's domain, each once, packed: (N, ceil(H / 8))."""
    if not len(complex.edges) or not complex.network.n_neurons:
        return distinct(complex.packed_patterns)
    points = Points(complex)
    at = points.patterns()
    p, q = points.edges.T
    sides = complex.packed_patterns[complex.edge_faces[points.real].max(axis=1)]
    return distinct(np.concatenate([complex.packed_patterns, sides & (at[p] | at[q]), at[: points.n_finite]]))


class SegmentStart:
    """The first map along a line: direction and point.

    Parameters
    ----------
    p, q : ndarray, shape (D,), float64
        The points of t = 0 and t = 1.
    """

    def __init__(self, p: Floats, q: Floats) -> None:
        self._p, self._q = p, q

    def __call__(self, modular: Modular) -> Floats:
        """Its residues, as :class:`regions.network.residues.ResidueNetwork` wants them."""
        p, q = modular.of_floats(self._p), modular.of_floats(self._q)
        return np.column_stack([modular.reduce(q - p), p])

    def integers(self) -> tuple[Any, int]:
        """As :class:`regions.network.integers.ExactLines` wants it."""
        return along_line(self._p, self._q)

    @property
    def extent(self) -> tuple[int, int]:
        """The sizes of direction and point, as :func:`regions.network.residues.sizes` wants them."""
        top, scale = extent(self._p, self._q)
        return top + 1, scale
