"""How many regions a decomposition has split: what is added or taken off when the parts' counts are summed.

The interior of a region that the parts divide is made of its pieces, of the intervals of seams inside it and of the
ends of seams inside it. By Euler's formula pieces - intervals + ends is 1 for a region without holes, and 1 less for
each hole of the domain inside it. So regions = faces - intervals + ends + holes.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import fmpz_mat

from regions._threads import single_threaded
from regions.arithmetic.integers import scaled_integers
from regions.complex.definitions import components
from regions.domain.rings import on_segment
from regions.engine.line.intervals import ExactLine, cut_line
from regions.enumeration.segment import line_bounds
from regions.network.integers import IntegerNetwork

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from regions.domain.domain import Domain
    from regions.engine.line.intervals import Intervals
    from regions.enumeration.parts import Decomposition, Seam
    from regions.network.network import Network

__all__ = ["germ", "surplus"]

_ENDS = {"segment": (1, 1), "ray": (1, 0)}


def surplus(decomposition: Decomposition) -> int:
    """What the faces of all parts together are more than the regions that they make up."""
    if not decomposition.seams:
        return 0

    along = decomposition.along()
    # Made when they are first asked for.
    integers = cache(partial(IntegerNetwork, along))
    intervals = sum(_joined_intervals(along, decomposition, seam, integers) for seam in decomposition.seams)
    domain = decomposition.domain
    own = IntegerNetwork(decomposition.network)
    if domain.is_bounded:
        return intervals - _enclosed(own, domain)
    inside = bool((domain.offsets > 0).all()) and germ(own, (0.0, 0.0)) is not None
    return intervals - int(inside)


def _joined_intervals(
    along: Network, decomposition: Decomposition, seam: Seam, integers: Callable[[], IntegerNetwork]
) -> int:
    """How many intervals of a seam lie inside the domain with one pattern on both sides."""
    p, q = np.array(seam.p), np.array(seam.q)
    line = ExactLine(along, p, q, integers)
    with single_threaded():
        state = cut_line(along, line_bounds(along), line, p, q, _ENDS[seam.kind], maps=False)
    inside = np.ones(len(state.flat), dtype=bool)
    n = len(decomposition.domain.offsets)
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
    """The activation pattern, of length H, all around a point of the plane; None where it is not inside a region."""
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


def _enclosed(integers: IntegerNetwork, domain: Domain) -> int:
    """How many groups of touching holes lie inside one region."""
    rings = domain.rings
    touching = [(i, j) for i, first in enumerate(rings) for j in range(i) if _touch(first, rings[j])]
    groups = components(len(rings), np.array(touching, dtype=np.int64).reshape(-1, 2))
    found = 0
    # The first group is the shell's.
    for group in range(1, groups.max() + 1):
        # A region is convex where the domain does not end, so a hole is inside of it if its corners are.
        corners = {(x, y) for i in np.flatnonzero(groups == group) for x, y in rings[i].tolist()}
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
