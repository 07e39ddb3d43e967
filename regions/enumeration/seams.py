"""How many regions a decomposition has split: what is added or taken off when the parts' counts are summed.

The interior of a region that the parts divide is made of its pieces, of the intervals of seams inside it and of the
ends of seams inside it. By Euler's formula pieces - intervals + ends is 1 for a region without holes, and 1 less for
each hole of the domain inside it. So regions = faces - intervals + ends + holes.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import fmpz_mat

from regions._threads import single_threaded
from regions.arithmetic.integers import scaled_integers
from regions.domain.polygon import Polygon, on_segment
from regions.domain.polyhedron import Polyhedron, WholePlane
from regions.engine.line.intervals import ExactLine, cut_line
from regions.enumeration.segment import line_bounds
from regions.network.integers import IntegerNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.engine.line.intervals import Intervals
    from regions.enumeration.parts import Decomposition, Seam
    from regions.network.network import Network

__all__ = ["germ", "surplus"]

_ENDS = {"segment": (1, 1), "ray": (1, 0)}


def surplus(decomposition: Decomposition) -> int:
    """What the faces of all parts together are more than the regions that they make up.

    Parameters
    ----------
    decomposition : Decomposition

    Returns
    -------
    int
    """
    if not decomposition.seams:
        return 0

    along = decomposition.along()
    integers = _Later(along)
    intervals = sum(_joined_intervals(along, decomposition, seam, integers) for seam in decomposition.seams)
    domain = decomposition.domain
    own = IntegerNetwork(decomposition.network)
    if isinstance(domain, Polygon):
        return intervals - _enclosed(own, domain)
    assert isinstance(domain, Polyhedron | WholePlane)
    inside = bool((domain.offsets > 0).all()) and germ(own, (0.0, 0.0)) is not None
    return intervals - int(inside)


class _Later:
    """The integer layers of a network, made when they are first asked for."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._made: IntegerNetwork | None = None

    def __call__(self) -> IntegerNetwork:
        if self._made is None:
            self._made = IntegerNetwork(self._network)
        return self._made


def _joined_intervals(along: Network, decomposition: Decomposition, seam: Seam, integers: _Later) -> int:
    """How many intervals of a seam lie inside the domain with one pattern on both sides."""
    p, q = np.array(seam.p), np.array(seam.q)
    line = ExactLine(along, p, q, integers)
    with single_threaded():
        state = cut_line(along, line_bounds(along), line, p, q, _ENDS[seam.kind], maps=False)
    inside = np.ones(len(state.flat), dtype=bool)
    n = len(decomposition.domain.offsets) if isinstance(decomposition.domain, Polyhedron) else 0
    if n:
        inside &= state.active[0][:, -n:].all(axis=1)
    divided = [i for i in np.flatnonzero(inside & state.flat).tolist() if _divides(integers(), state, i, p, q)]
    return int(inside.sum()) - len(divided)


def _between(low: tuple[int, int], high: tuple[int, int]) -> Fraction:
    """A dyadic number between two rationals, the second of which may be 1 / 0."""
    first = Fraction(*low)
    if high[1] == 0:
        return Fraction(first.numerator // first.denominator + 1)
    gap = Fraction(*high) - first
    places = 1 + max(0, (gap.denominator // gap.numerator).bit_length())
    return Fraction((first.numerator << places) // first.denominator + 1, 1 << places)


def _divides(
    integers: IntegerNetwork, state: Intervals, interval: int, p: NDArray[np.float64], q: NDArray[np.float64]
) -> bool:
    """Whether the patterns on the two sides of an interval differ."""
    t = _between(state.exact_node(interval), state.exact_node(interval + 1))
    px, py, qx, qy = (Fraction(float(x)) for x in (*p, *q))
    x, y = px + t * (qx - px), py + t * (qy - py)
    dx, dy = py - qy, qx - px
    shift = max(v.denominator.bit_length() - 1 for v in (x, y, dx, dy))
    columns = [int(v * (1 << shift)) for v in (dx, x, dy, y)]
    return _one_sided(integers, columns, shift, 1) != _one_sided(integers, columns, shift, -1)


def _one_sided(integers: IntegerNetwork, columns: list[int], shift: int, side: int) -> list[bool]:
    """The pattern at a point plus a small multiple of a direction, the columns being direction and point."""
    dx, x, dy, y = columns
    start = fmpz_mat(2, 2, [side * dx, x, side * dy, y]), shift
    pattern = []
    walk = integers.forward(start, is_active=_positive)
    for layer, rows in zip(integers.network.layers, walk, strict=True):
        pattern += [_positive(row) for row, kink in zip(rows, layer.kinked, strict=True) if kink]
    return pattern


def _positive(row: Any) -> bool:
    """Whether an affine function of a small positive number is > 0."""
    direction, constant = row
    return bool(constant > 0 or (constant == 0 and direction > 0))


def germ(integers: IntegerNetwork, point: tuple[float, float]) -> list[bool] | None:
    """The activation pattern all around a point, or None where the point is not inside a region.

    Parameters
    ----------
    integers : IntegerNetwork
        With two inputs.
    point : (float, float)

    Returns
    -------
    list of bool, length H, or None
    """
    ((x, y),), shift = scaled_integers(np.array(point))
    one = 1 << shift
    pattern = []
    walk = integers.forward((fmpz_mat(2, 3, [one, 0, x, 0, one, y]), shift))
    for layer, rows in zip(integers.network.layers, walk, strict=True):
        for (a, b, c), kink in zip(rows, layer.kinked, strict=True):
            if kink and c == 0 and (a != 0 or b != 0):
                return None
            if kink:
                pattern.append(c > 0)
    return pattern


def _enclosed(integers: IntegerNetwork, domain: Polygon) -> int:
    """How many groups of touching holes lie inside one region."""
    groups = {i: {i} for i in range(len(domain.rings))}
    for i, first in enumerate(domain.rings):
        for j in range(i):
            if groups[i] is not groups[j] and _touch(first, domain.rings[j]):
                groups[i] |= groups[j]
                for k in groups[i]:
                    groups[k] = groups[i]
    found = 0
    for group in {id(g): g for g in groups.values()}.values():
        if 0 in group:
            continue
        # A region is convex where the domain does not end, so a hole is inside of it if its corners are.
        corners = {(x, y) for i in group for x, y in domain.rings[i].tolist()}
        patterns = [germ(integers, corner) for corner in corners]
        found += patterns[0] is not None and all(pattern == patterns[0] for pattern in patterns)
    return found


def _touch(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    """Whether two rings that do not cross have a point in common."""
    return any(
        on_segment(point, p, q)
        for ring, other in ((first, second), (second, first))
        for p, q in zip(ring.tolist(), np.roll(ring, -1, axis=0).tolist(), strict=True)
        for point in other.tolist()
    )
