"""Areas and lengths: of regions, of the boundaries between them, and of each neuron's share of these."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import SMALLEST, rounded, rounded_sqrt
from regions.complex.lines import EdgeLines, exact_areas
from regions.domain.rings import exact_area as exact_ring_area
from regions.measures._rings import at_infinity, slits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex

    Floats = NDArray[np.float64]

__all__ = [
    "AreaDistribution",
    "area_distribution",
    "boundary_density",
    "boundary_length",
    "edge_lengths",
    "neuron_boundary_lengths",
    "perimeters",
]

_BLOCK = 1 << 24


def total_of(values: Floats) -> float:
    """The sum, rounded once; inf beyond the range of float64."""
    try:
        return math.fsum(values.tolist())
    except OverflowError:
        return math.inf


@dataclass(frozen=True, slots=True, eq=False)
class AreaDistribution:
    """How the areas of a complex's regions are distributed.

    Made by :func:`area_distribution`; its arrays are read-only.

    Parameters
    ----------
    n_regions : int
    total, mean, median : float
        In the square of the input's unit.
    levels, quantiles : ndarray, shape (K,), float64
        The share ``levels[i]`` of the regions is no larger than ``quantiles[i]``.
    gini : float
        Gini's coefficient, from 0 (all areas are equal) to 1 - 1/R (one region has nearly all).
    effective_regions : float
        (Σ a)² / Σ a², from 1 to R: the number of equal regions of the same concentration. Divided by R it is the
        participation ratio.
    bin_edges : ndarray, shape (B + 1,), float64
        Of the histogram, evenly spaced on a logarithmic scale.
    counts : ndarray, shape (B,), int64
        Regions in every bin.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> area_distribution(regions.enumerate_regions(network, 1))
    <AreaDistribution of 4 regions: median 1, Gini 0, 4 effective regions>
    """

    n_regions: int
    total: float
    mean: float
    median: float
    levels: Floats
    quantiles: Floats
    gini: float
    effective_regions: float
    bin_edges: Floats
    counts: NDArray[np.int64]

    def __repr__(self) -> str:
        return (
            f"<AreaDistribution of {self.n_regions} region{'' if self.n_regions == 1 else 's'}: median "
            f"{self.median:.4g}, Gini {self.gini:.4g}, {self.effective_regions:.4g} effective regions>"
        )


def check_bounded(complex: RegionComplex, what: str) -> None:
    """Refuse where a region is unbounded."""
    n = int(np.count_nonzero(~complex.bounded))
    if n:
        raise ValueError(
            f"{what} was asked for, but {n} of the {complex.n_regions} region(s) {'is' if n == 1 else 'are'} "
            "unbounded; cut the complex off with regions.measures.within(complex, box), or enumerate over a bounded "
            "domain."
        )


def area_distribution(
    complex: RegionComplex,
    levels: Sequence[float] = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0),
    bins: int = 30,
    *,
    exact: bool = False,
) -> AreaDistribution:
    """Summarise the areas: quantiles, concentration, and a histogram on a logarithmic scale.

    Parameters
    ----------
    complex : RegionComplex
        All regions bounded; :func:`within` cuts others off.
    levels : sequence of float
        From 0 to 1, of the quantiles; between two areas they are interpolated linearly.
    bins : int
        Of the histogram, from the smallest area to the largest.
    exact : bool
        Whether to round each area once from the rational that it is, instead of computing it from the rounded vertices.

    Returns
    -------
    AreaDistribution

    Raises
    ------
    ValueError
        When a region is unbounded, or levels or bins are out of range.

    Notes
    -----
    Gini's coefficient (Gini 1912, "Variabilità e mutabilità") of areas a₁ <= … <= a_R is Σ (2i - R - 1) aᵢ / (R Σ aᵢ).
    The effective number of regions is Hill's number of order 2 (Hill 1973, "Diversity and evenness"). An area
    that rounded vertices make 0 or negative is replaced by the exact one.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[3.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]], [[1.0, 0.0], [0.0]])
    >>> distribution = area_distribution(regions.enumerate_regions(network, 1), levels=[0.5])
    >>> distribution.total, distribution.quantiles, round(distribution.gini, 6)
    (4.0, array([1.]), 0.166667)
    """
    check_bounded(complex, "a distribution of areas")
    wanted = np.array(levels, dtype=np.float64)
    if wanted.ndim != 1 or not ((wanted >= 0) & (wanted <= 1)).all():
        raise ValueError(f"levels={levels!r} was given; numbers from 0 to 1 are needed.")
    if bins < 1:
        raise ValueError(f"bins={bins} was given; an integer >= 1 is needed.")
    areas = np.array(complex.areas)
    doubtful = np.arange(len(areas)) if exact else np.flatnonzero(~(areas > 0))
    # No area is 0, though it may be below the range of float64.
    areas[doubtful] = [max(rounded(a), SMALLEST) for a in exact_areas(complex, doubtful.tolist())]
    # Beyond that range it is the largest number, as in `areas`.
    areas = np.sort(np.minimum(areas, sys.float_info.max))
    n, total = len(areas), total_of(areas)
    # The areas may be in the range of float64 though their sum is not.
    mean = total / n if math.isfinite(total) else total_of(areas / n)
    shares = areas / total if math.isfinite(total) else areas / n / mean
    with np.errstate(under="ignore", over="ignore"):
        counts, edges = np.histogram(np.log10(areas), bins)
        middle = areas[[(n - 1) // 2, n // 2]]
        arrays = (
            wanted,
            np.quantile(areas, wanted),
            np.minimum(10.0**edges, sys.float_info.max),
            counts.astype(np.int64),
        )
    for array in arrays:
        array.setflags(write=False)
    return AreaDistribution(
        n_regions=n,
        total=total,
        mean=mean,
        median=float(middle[0] + (middle[1] - middle[0]) / 2),
        levels=arrays[0],
        quantiles=arrays[1],
        gini=float(((2 * np.arange(1, n + 1) - n - 1) * shares).sum() / n),
        effective_regions=float(1 / (shares**2).sum()),
        bin_edges=arrays[2],
        counts=arrays[3],
    )


def edge_lengths(complex: RegionComplex, *, exact: bool = False) -> Floats:
    """Lengths of the edges.

    Parameters
    ----------
    complex : RegionComplex
    exact : bool
        Whether to round each length once, from its exact square; slow, as :func:`exact_areas`. Otherwise it comes from
        the rounded vertices, and is off by their rounding.

    Returns
    -------
    ndarray, shape (E,), float64
        Infinite for rays and lines, 0 for edges at infinity, which are no part of the plane.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> float(edge_lengths(regions.enumerate_regions(network, 1)).sum())
    12.0
    """
    v = len(complex.vertices)
    lengths = np.where(at_infinity(complex), 0.0, np.inf)
    finite = np.flatnonzero((complex.edges < v).all(axis=1))
    if not exact:
        with np.errstate(over="ignore"):
            step = complex.vertices[complex.edges[finite, 1]] - complex.vertices[complex.edges[finite, 0]]
            lengths[finite] = np.hypot(*step.T)
        return lengths
    lines = EdgeLines(complex)
    for edge in finite.tolist():
        lengths[edge] = rounded_sqrt(_squared_length(lines, edge))
    return lengths


def _squared_length(lines: EdgeLines, edge: int) -> Fraction:
    (px, py), (qx, qy) = (lines.vertex(end) for end in lines.complex.edges[edge].tolist())
    return (qx - px) ** 2 + (qy - py) ** 2


def perimeters(complex: RegionComplex, *, exact: bool = False) -> Floats:
    """Length of every region's whole boundary, around its holes and along the domain's rim too.

    Parameters
    ----------
    complex : RegionComplex
    exact : bool
        As for :func:`edge_lengths`.

    Returns
    -------
    ndarray, shape (R,), float64
        Infinite where a region is unbounded; 0 where it is the whole plane.

    Notes
    -----
    Together they are twice the length of the boundaries between regions, plus the length of the rim.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> perimeters(regions.enumerate_regions(network, 1))
    array([4., 4., 4., 4.])
    """
    lengths = edge_lengths(complex, exact=exact)
    sides = complex.edge_faces[~slits(complex)]
    owners, lengths = sides.ravel(), np.repeat(lengths[~slits(complex)], 2)
    # Whole numbers come back where there is no edge.
    found = np.bincount(owners[owners >= 0], lengths[owners >= 0], minlength=complex.n_regions)
    return found.astype(np.float64)


def boundary_length(complex: RegionComplex, *, rim: bool = False, exact: bool = False) -> float:
    """Total length of the boundaries between regions, each counted once.

    Parameters
    ----------
    complex : RegionComplex
    rim : bool
        Whether the domain's rim counts too.
    exact : bool
        As for :func:`edge_lengths`.

    Returns
    -------
    float
        Infinite where a boundary has no end. The lengths are added up without further rounding errors.

    Notes
    -----
    The boundary is where a neuron becomes active or inactive. Where that changes no gradient, as when the neuron's
    output is multiplied by 0 later on, it counts all the same; the set on which the gradient jumps may be smaller.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> complex = regions.enumerate_regions(network, 1)
    >>> boundary_length(complex), boundary_length(complex, rim=True)
    (4.0, 12.0)
    """
    counted = (complex.edge_neurons >= 0) | (rim & ~slits(complex))
    return total_of(edge_lengths(complex, exact=exact)[counted])


def boundary_density(complex: RegionComplex, *, exact: bool = False) -> float:
    """Length of the boundaries between regions for every unit of area.

    Parameters
    ----------
    complex : RegionComplex
        Over a bounded domain; :func:`within` cuts others off.
    exact : bool
        As for :func:`edge_lengths`.

    Returns
    -------
    float
        In 1 / unit of the input.

    Raises
    ------
    ValueError
        When a region is unbounded.

    Notes
    -----
    vol₁(B ∩ K) / vol₂(K) for the boundaries B and the domain K: the quantity of Hanin & Rolnick (2019, "Complexity of
    linear regions in deep networks", arXiv 1901.09021), who bound its mean for random networks by a constant times
    the number of neurons, however they are arranged in layers.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> boundary_density(regions.enumerate_regions(network, 1))
    1.0
    """
    check_bounded(complex, "a boundary density")
    if not complex.domain.is_bounded:
        total = math.nan if exact else total_of(complex.areas)
        area = Fraction(total) if 0 < total < sys.float_info.max else sum(exact_areas(complex), Fraction(0))
    else:
        area = sum(map(exact_ring_area, complex.domain.rings), Fraction(0))
    # Area and length may lie beyond the range of float64, their quotient hardly ever does.
    total = boundary_length(complex, exact=exact)
    if math.isfinite(total):
        return rounded(Fraction(total) / area)
    lines = EdgeLines(complex)
    squares = (_squared_length(lines, edge) for edge in np.flatnonzero(complex.edge_neurons >= 0).tolist())
    return rounded(sum((4 * Fraction(rounded_sqrt(square / 16)) for square in squares), Fraction(0)) / area)


def neuron_boundary_lengths(complex: RegionComplex, *, exact: bool = False) -> Floats:
    """Length of the boundary at which each neuron becomes active or inactive.

    Parameters
    ----------
    complex : RegionComplex
    exact : bool
        As for :func:`edge_lengths`.

    Returns
    -------
    ndarray, shape (H,), float64
        Infinite where it has no end; 0 for a neuron that is active everywhere or nowhere.

    Notes
    -----
    An edge counts for every neuron in which the patterns on its two sides differ. In generic position that is one, and
    the lengths sum to :func:`boundary_length`; where bent hyperplanes coincide they sum to more.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [2.0, 0.0], [0.0, 0.0]], [[1.0, 2.0, 1.0]]])
    >>> neuron_boundary_lengths(regions.enumerate_regions(network, 1))
    array([2., 2., 0.])
    """
    inner = complex._inner_edges
    lengths = edge_lengths(complex, exact=exact)[inner]
    found = np.zeros(complex.network.n_neurons)
    block = max(1, _BLOCK // max(1, 8 * len(found)))
    for start in range(0, len(inner), block):
        here = slice(start, start + block)
        first, second = complex.neighbors[here].T
        differ = complex.patterns[first] != complex.patterns[second]
        found += np.where(differ, lengths[here, None], 0.0).sum(axis=0)
    return found
