"""Two complexes: which regions survive a change of the weights; and a complex cut off at a box."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arithmetic.floats import rounded
from regions.complex.lines import exact_areas
from regions.domain.convex import Box
from regions.domain.read import as_domain
from regions.domain.slice import Slice
from regions.enumeration.enumerate import enumerate_regions
from regions.errors import DomainError, InvalidNetworkError
from regions.measures._sizes import total_of
from regions.network.composed import side_by_side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex
    from regions.network.network import Network

__all__ = ["StableRegions", "stable_regions", "within"]


def within(complex: RegionComplex, box: Any) -> RegionComplex:
    """Enumerate the regions of the same network over the part of the domain that lies in a box, exactly.

    Parameters
    ----------
    complex : RegionComplex
        Over a box, or over an unbounded domain.
    box : float, Box or (minx, miny, maxx, maxy)
        A number b means [-b, b]². Over a slice in the coordinates (s, t).

    Returns
    -------
    RegionComplex
        Of bounded regions, so that all measures are finite.

    Raises
    ------
    DomainError
        When the box is not one, or has no interior in common with the domain; and for domains that are polygons.

    Notes
    -----
    The regions are those of the smaller domain, enumerated anew: a region that the box cuts has the rim as a new side,
    and one that it does not reach is missing.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> plane = regions.enumerate_regions(network, regions.WholePlane())
    >>> within(plane, (-1, -1, 2, 2)).areas.tolist()
    [1.0, 2.0, 4.0, 2.0]
    """
    frame = as_domain(box, convex=True)
    if frame != Box(*frame.bounds):
        raise DomainError(f"{frame!r} was given; a box is needed: a number, a regions.Box or four numbers.")
    domain = complex.domain.within(frame)
    found = enumerate_regions(complex.network, domain)
    if complex.slice is None:
        return found
    return replace(found, slice=Slice.from_saved_arrays(complex.slice.to_arrays(), domain))


@dataclass(frozen=True, slots=True, eq=False)
class StableRegions:
    """Which regions two networks have in common.

    Made by :func:`stable_regions`; its arrays are read-only.

    Parameters
    ----------
    surviving : ndarray, shape (S, 2), int64
        Regions of the first and of the second complex that have one pattern.
    lost : ndarray of int64
        Regions of the first whose patterns the second has not.
    gained : ndarray of int64
        Regions of the second whose patterns the first has not.
    shared_area : float
        Area of the points at which both networks have one pattern.
    area : float
        Of the domain.
    exact_shared_area : Fraction, float or None
        The rational, where it was asked for.

    Examples
    --------
    >>> import regions
    >>> weights = [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]]
    >>> first = regions.enumerate_regions(regions.Network.from_arrays(weights), 1)
    >>> second = regions.enumerate_regions(regions.Network.from_arrays(weights, [[0.5, 0.0], [0.0]]), 1)
    >>> stable_regions(first, second)
    <StableRegions: 4 survive, 0 are lost, 0 gained; one pattern on 75% of the area>
    """

    surviving: NDArray[np.int64]
    lost: NDArray[np.int64]
    gained: NDArray[np.int64]
    shared_area: float
    area: float
    exact_shared_area: Fraction | float | None = None

    @property
    def shared_fraction(self) -> float:
        """The part of the domain's area on which the patterns are equal; NaN where that is beyond float64's range."""
        return self.shared_area / self.area if 0 < self.area < sys.float_info.max else math.nan

    def __repr__(self) -> str:
        counts = f"{len(self.surviving)} survive, {len(self.lost)} are lost, {len(self.gained)} gained"
        if not math.isfinite(self.area):
            return f"<StableRegions: {counts}; one pattern on an area of {self.shared_area:.4g}>"
        return f"<StableRegions: {counts}; one pattern on {100 * self.shared_fraction:.4g}% of the area>"


def stable_regions(first: RegionComplex, second: RegionComplex, *, exact: bool = False) -> StableRegions:
    """Compare the regions of two networks of one architecture, as before and after a step of training.

    Parameters
    ----------
    first, second : RegionComplex
        Over the same domain.
    exact : bool
        Whether to give the shared area as a rational too; slow, as :func:`exact_areas`.

    Returns
    -------
    StableRegions

    Raises
    ------
    InvalidNetworkError
        When the networks do not have the same neurons.
    DomainError
        When the domains differ, or are slices along different planes.

    Notes
    -----
    A region survives if the other network has its pattern somewhere in the domain. How much of it stays where it was,
    `shared_area` says: both networks are run side by side as one, whose regions are the intersections of theirs, and
    those in which the two halves of the pattern agree are added up. Which regions these are is decided exactly. Over
    domains that are not convex a pattern may have several regions; then all pairs are listed.

    Examples
    --------
    >>> import regions
    >>> weights = [[[3.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]]
    >>> first = regions.enumerate_regions(regions.Network.from_arrays(weights), 1)
    >>> second = regions.enumerate_regions(regions.Network.from_arrays(weights, [[1.0, 4.0], [0.0]]), 1)
    >>> found = stable_regions(first, second, exact=True)
    >>> found.exact_shared_area, first.patterns[found.lost].tolist()
    (Fraction(5, 3), [[False, False], [True, False]])
    """
    _check_alike(first, second)
    ours, theirs = (by_pattern(complex) for complex in (first, second))
    pairs = [(i, j) for pattern, here in ours.items() for i in here for j in theirs.get(pattern, ())]
    surviving = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    lost = np.setdiff1d(np.arange(first.n_regions), surviving[:, 0])
    gained = np.setdiff1d(np.arange(second.n_regions), surviving[:, 1])

    both = enumerate_regions(side_by_side(first.network, second.network), first.domain)
    agree = np.flatnonzero(_halves_agree(both.patterns, first.network))
    total: Fraction | float | None = None
    if exact:
        parts = exact_areas(both, agree.tolist())
        total = math.inf if any(part == math.inf for part in parts) else sum(parts, Fraction(0))
    shared = total_of(both.areas[agree]) if total is None else rounded(total)
    for array in (surviving, lost, gained):
        array.setflags(write=False)
    area = float(getattr(first.domain, "area", total_of(first.areas)))
    return StableRegions(surviving, lost, gained, shared, area, total)


def _check_alike(first: RegionComplex, second: RegionComplex) -> None:
    one, two = first.network, second.network
    if one.widths != two.widths or not np.array_equal(one.neuron_units, two.neuron_units):
        raise InvalidNetworkError(f"{one!r} and {two!r} were given; two networks with the same neurons are needed.")
    if first.domain != second.domain:
        raise DomainError(f"complexes over {first.domain!r} and {second.domain!r} were given; one domain is needed.")
    if not _one_plane(first.slice, second.slice):
        raise DomainError("complexes over slices along different planes were given; one plane is needed.")


def _one_plane(first: Slice | None, second: Slice | None) -> bool:
    if first is None or second is None:
        return first is second
    one, two = first.to_arrays(), second.to_arrays()
    return one.keys() == two.keys() and all(np.array_equal(one[k], two[k]) for k in one.keys() - {"anchors"})


def by_pattern(complex: RegionComplex) -> dict[bytes, list[int]]:
    found: dict[bytes, list[int]] = {}
    for i, row in enumerate(complex.packed_patterns):
        found.setdefault(row.tobytes(), []).append(i)
    return found


def _halves_agree(patterns: NDArray[np.bool_], network: Network) -> NDArray[np.bool_]:
    """Where both networks have one pattern: layer by layer, the first's neurons and then the second's."""
    agree, start = np.ones(len(patterns), dtype=bool), 0
    for layer in network.layers:
        n = int(layer.kinked.sum())
        agree &= (patterns[:, start : start + n] == patterns[:, start + n : start + 2 * n]).all(axis=1)
        start += 2 * n
    return agree
