"""Shapes of regions: how many sides they have, whether they are convex, and the largest disc inside."""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import LOSSY, rounded, rounded_sqrt
from regions.complex.lines import EdgeLines, exact_area
from regions.measures._graph import chosen
from regions.measures._rings import at_infinity, inward, next_around, ring_edges, slits, turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex

    Floats = NDArray[np.float64]

__all__ = ["convex_regions", "inradii", "side_counts"]

_LARGE = 2.0**1000


def side_counts(complex: RegionComplex, *, rim: bool = True) -> NDArray[np.int64]:
    """Number of sides of every region: edges that follow each other on one straight line count once.

    Parameters
    ----------
    complex : RegionComplex
    rim : bool
        Whether sides on the domain's rim count too.

    Returns
    -------
    ndarray, shape (R,), int64
        Sides around holes count too; of an unbounded region rays and lines do, what lies at infinity does not.

    Notes
    -----
    Over a convex domain a region has as many sides as edges, and as many neighbours as sides off the rim: if a boundary
    ended in the middle of a side, its neuron would change its sign along the side there, and so cut this region as
    well. Over a polygon that is not convex a boundary may go on along the rim, and a slit may end on a side; there it
    is decided exactly which edges lie on one line.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0]], [[1.0]]], [[-1.0], [0.0]])
    >>> step = regions.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    >>> side_counts(regions.enumerate_regions(network, step))
    array([4, 4])
    """
    edges = ring_edges(complex)
    counted = ~(slits(complex) | at_infinity(complex))
    if not rim:
        counted &= complex.edge_neurons >= 0
    weights = counted[edges].astype(np.int64)
    if not complex.domain.is_convex:
        following = next_around(complex, edges)
        straight = turns(complex, EdgeLines(complex), edges, following) == 0
        # A straight place between two counted edges takes one of them off.
        weights -= straight & counted[edges] & counted[edges[following]]
    return np.bincount(complex.ring_owners, weights, minlength=complex.n_regions).astype(np.int64)


def convex_regions(complex: RegionComplex) -> NDArray[np.bool_]:
    """Which regions are convex, exactly.

    Parameters
    ----------
    complex : RegionComplex

    Returns
    -------
    ndarray, shape (R,), bool
        Over a convex domain all of them are; over any other, those without a hole and without a turn to the right.

    Examples
    --------
    >>> import regions
    >>> dented = regions.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    >>> network = regions.Network.from_arrays([[[1.0, 1.0]], [[1.0]]], [[-0.5], [0.0]])
    >>> convex_regions(regions.enumerate_regions(network, dented))
    array([False,  True])
    """
    found = np.ones(complex.n_regions, dtype=bool)
    if complex.domain.is_convex:
        return found
    edges = ring_edges(complex)
    owners = complex.ring_owners
    right = turns(complex, EdgeLines(complex), edges, next_around(complex, edges)) < 0
    found[owners[right | slits(complex)[edges]]] = False
    return found


def inradii(complex: RegionComplex, regions: Sequence[int] | None = None, *, exact: bool = False) -> Floats:
    """Radius of the largest disc inside every region.

    Parameters
    ----------
    complex : RegionComplex
    regions : sequence of int, optional
        Which regions; all where left out.
    exact : bool
        Whether to start from exact vertices; slow, as :func:`exact_areas`. Otherwise a radius is off by the rounding of
        the vertices.

    Returns
    -------
    ndarray, shape (R,), float64
        Beyond what `exact` says of the vertices, rounding errors are at most about 10⁻¹³ times the region's
        diameter, and never more than a factor of 2. Infinite where discs of any size fit; between parallel rays the
        radius is exact, rounded once.

    Raises
    ------
    ValueError
        When one of the regions is not convex.

    Notes
    -----
    Studied for the regions of trained networks by Zhang & Wu (2020, "Empirical studies on the properties of linear
    regions in deep neural networks", arXiv 2001.01072). The sides are moved inwards at one speed. A side whose
    neighbours meet vanishes, and the one that follows takes its place beside its neighbour; what is left at the
    end is the disc's centre. So no linear program is solved, and no side is forgotten. For area A and perimeter P
    the radius lies between A/P and 2A/P.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> inradii(regions.enumerate_regions(network, 1))
    array([0.5, 0.5, 0.5, 0.5])
    """
    wanted = chosen(complex, regions)
    bent = wanted[~convex_regions(complex)[wanted]]
    if len(bent):
        raise ValueError(
            f"the inradius was asked for, but {len(bent)} of the {len(wanted)} region(s) are not convex, region "
            f"{bent[0]} for one; pass regions=np.flatnonzero(regions.measures.convex_regions(complex)) for the others."
        )
    lines = EdgeLines(complex)
    found = np.full(complex.n_regions, np.inf)
    edges = ring_edges(complex)
    for region in wanted[~complex.bounded[wanted]].tolist():
        start, stop = complex.ring_offsets[[region, region + 1]]
        found[region] = _unbounded_inradius(complex, lines, edges[start:stop])
    inside = wanted[complex.bounded[wanted]]
    sizes = np.diff(complex.ring_offsets)[inside]
    for k in np.unique(sizes).tolist():
        group = inside[sizes == k]
        places = complex.ring_offsets[group][:, None] + np.arange(k)
        with np.errstate(all="ignore"):
            if exact:
                steps, exponents = _exact_steps(lines, complex.rings[places])
                areas = np.array([rounded(exact_area(lines, region)) for region in group.tolist()])
                directions = steps / np.hypot(*np.moveaxis(steps, 2, 0))[..., None]
            else:
                steps, exponents = _steps(complex, places)
                areas = complex.areas[group]
                # Not those of the steps: rounding may turn a short one round.
                directions = _directions(complex, lines, edges[places], group)
            lengths = np.hypot(*np.moveaxis(steps, 2, 0))
            around = lengths.sum(axis=1)
            # An area near the limits of float64 has lost its digits; those of the scaled steps have not.
            whole = (areas > LOSSY) & (areas < sys.float_info.max)
            scaled = np.ldexp(_step_areas(steps) / around, exponents)
            ratio = np.nan_to_num(np.where(whole, np.ldexp(areas / around, -exponents), scaled).clip(min=0.0))
            # Areas of slivers are exact, also where rounding leaves no side.
            ratio[around == 0.0] = 0.0
            # Rounding leaves nothing of a sliver; what its area says holds all the same.
            radii = np.ldexp(np.nan_to_num(_shrunk(lengths, directions)), exponents)
            found[group] = np.clip(radii, ratio, 2 * ratio)
    return found[wanted]


def _steps(complex: RegionComplex, places: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """From every vertex of rings to the next one, over 2**e and below 1: shape (F, k, 2); and e, shape (F,)."""
    here, there = complex.vertices[complex.rings[places]], complex.vertices[complex.rings[complex._sides[places]]]
    # Room for the difference.
    room = 2 if max(np.abs(here).max(initial=0.0), np.abs(there).max(initial=0.0)) > _LARGE else 0
    steps = np.ldexp(there, -room) - np.ldexp(here, -room)
    exponents = np.frexp(np.abs(steps).max(axis=(1, 2)))[1].astype(np.int64)
    return np.ldexp(steps, -exponents[:, None, None]), exponents + room


def _step_areas(steps: Floats) -> Floats:
    """The areas of polygons from the steps around them."""
    places = np.cumsum(steps, axis=1) - steps
    return (places[..., 0] * steps[..., 1] - places[..., 1] * steps[..., 0]).sum(axis=1) / 2


def _exact_steps(lines: EdgeLines, rings: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """From every vertex of the rings to the next one, rounded once, as :func:`_steps`."""
    steps, exponents = np.empty((*rings.shape, 2)), np.empty(len(rings), dtype=np.int64)
    for row, ring in enumerate(rings.tolist()):
        points = [lines.vertex(v) for v in ring]
        found = [(q[0] - p[0], q[1] - p[1]) for p, q in zip(points, points[1:] + points[:1], strict=True)]
        largest = max(abs(x) for step in found for x in step)
        k = largest.numerator.bit_length() - largest.denominator.bit_length() + 1
        steps[row] = [[rounded(x / Fraction(2) ** k) for x in step] for step in found]
        exponents[row] = k
    return steps, exponents


def _directions(
    complex: RegionComplex, lines: EdgeLines, edges: NDArray[np.int64], regions: NDArray[np.int64]
) -> Floats:
    """Unit vectors along edges of shape (F, k), counter-clockwise around the region of each row: shape (F, k, 2)."""
    rows = lines.values[edges.ravel(), :2]
    rows = rows / np.abs(rows).max(axis=1)[:, None]
    rows *= (inward(complex, edges.ravel(), np.repeat(regions, edges.shape[1])) / np.hypot(*rows.T))[:, None]
    return np.column_stack([rows[:, 1], -rows[:, 0]]).reshape(*edges.shape, 2)


def _unbounded_inradius(complex: RegionComplex, lines: EdgeLines, edges: NDArray[np.int64]) -> float:
    """Half the distance of parallel rays; any disc fits where directions that have no end differ."""
    endless = edges[(complex.edges[edges] >= len(complex.vertices)).any(axis=1)]
    if not len(endless) or at_infinity(complex)[endless].any():
        return np.inf
    (a, b, c), *others = (lines.exact(edge) for edge in endless.tolist())
    # Some of the rays may be on one line.
    gaps = [Fraction(c) - Fraction(f * a, d) if a else Fraction(c) - Fraction(f * b, e) for d, e, f in others]
    return rounded_sqrt(max(gap * gap for gap in gaps) / (4 * (a * a + b * b)))


def _shrunk(lengths: Floats, directions: Floats) -> Floats:
    """How far the sides of convex polygons can be moved inwards: shapes (F, k) and (F, k, 2), counter-clockwise."""
    n, k = lengths.shape
    before = np.roll(directions, 1, axis=1)
    cross = before[..., 0] * directions[..., 1] - before[..., 1] * directions[..., 0]
    # Turns from the side before each.
    angles = np.clip(np.arctan2(cross, (before * directions).sum(axis=2)), 0.0, np.pi)
    moved, running = np.zeros(n), np.ones(n, dtype=bool)
    rows = np.arange(n)
    for m in range(k, 2, -1):
        # Each end of a side moves along it by the tangent of half the turn there.
        ends = np.tan(angles / 2)
        rates = ends + np.roll(ends, -1, axis=1)
        times = np.where(rates > 0, lengths / rates, np.inf)
        first = np.argmin(times, axis=1)
        step = np.where(running, times[rows, first], 0.0)
        moved += step
        lengths = np.maximum(lengths - step[:, None] * rates, 0.0)
        after = (first + 1) % m
        angles[rows, after] += angles[rows, first]
        # Neighbours that have turned by half a circle move towards each other: nothing is left between them.
        running &= angles[rows, after] < np.pi
        angles = np.where(running[:, None], angles, 0.0)
        kept = np.ones((n, m), dtype=bool)
        kept[rows, first] = False
        angles, lengths = (values[kept].reshape(n, m - 1) for values in (angles, lengths))
    return moved
