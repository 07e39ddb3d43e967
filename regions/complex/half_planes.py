"""The lines that bound regions, as float64 coefficients."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import LOSSY, nearest_finite
from regions.domain.lines import domain_sides
from regions.network.integers import ExactLines
from regions.network.maps import affine_maps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.data import ComplexData

    Line = tuple[float, float, float]

__all__ = ["EdgeLines", "foot", "half_planes"]


class EdgeLines:
    """The exact lines of a complex's edges, rounded once."""

    def __init__(self, complex: ComplexData) -> None:
        self._complex = complex
        self._lines = ExactLines(complex.network, complex.patterns)
        self._sides = domain_sides(complex.domain)

    def __call__(self, edge: int) -> Line | None:
        """The line a x + b y + c = 0 of an edge, scaled to a normal of about 1; None at infinity.

        A side's is positive inside the domain, a neuron's has the sign of its pre-activation.
        """
        side, neuron = int(self._complex.edge_sides[edge]), int(self._complex.edge_neurons[edge])
        if neuron >= 0:
            row = self._lines.line(int(self._complex.edge_faces[edge].max()), neuron)
        elif side >= 0:
            row = self._sides[side]
        else:
            return None
        largest = max(abs(int(row[0])), abs(int(row[1])))
        a, b, c = (nearest_finite(Fraction(int(k), largest)) for k in row)
        return a, b, c


def foot(line: Line) -> NDArray[np.float64]:
    """The point of a line that is nearest to the origin."""
    a, b, c = line
    square = a * a + b * b
    return np.array([-a / square * c, -b / square * c])


def half_planes(complex: ComplexData, wanted: NDArray[np.int64]) -> dict[int, list[Line]]:
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
        known = np.isfinite(lines).all(axis=1) & (size > LOSSY)
        lines /= size[:, None]
    exact = EdgeLines(complex)
    for entry, line, good in zip(inner.tolist(), lines, known.tolist(), strict=True):
        region, neuron = int(regions[entry]), int(neurons[entry])
        if not good:
            line = np.array(exact(int(edges[entry])))
        a, b, c = (line if complex.patterns[region, neuron] else -line).tolist()
        found[region].append((a, b, c))
    for entry in np.flatnonzero(complex.edge_sides[edges] >= 0).tolist():
        rim = exact(int(edges[entry]))
        assert rim is not None
        found[int(regions[entry])].append(rim)
    return found
