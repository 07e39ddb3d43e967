"""Data in the regions: how many points lie in each, and how often a way through the data changes its pattern."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regions.domain.inside import inside
from regions.enumeration.segment import enumerate_trajectory
from regions.errors import DomainError
from regions.measures._distance import read_points
from regions.measures._sizes import total_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from regions.complex.complex import RegionComplex
    from regions.enumeration.segment import Trajectory

__all__ = ["Occupancy", "Transitions", "occupancy", "transitions"]


@dataclass(frozen=True, slots=True, eq=False)
class Occupancy:
    """How many points lie in every region.

    Made by :func:`occupancy`; its arrays are read-only.

    Parameters
    ----------
    regions : ndarray, shape (P,), int64
        The region of every point, -1 outside the domain.
    counts : ndarray, shape (R,), int64
        Number of points in every region.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> occupancy(regions.enumerate_regions(network, 1), [[0.5, 0.5], [0.25, 0.5], [-0.5, 0.5], [3.0, 0.0]])
    <Occupancy of 2 of 4 regions by 3 points, 1 outside>
    """

    regions: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def n_inside(self) -> int:
        """Number of points inside the domain."""
        return int(self.counts.sum())

    @property
    def n_occupied(self) -> int:
        """Number of regions with a point in them."""
        return int(np.count_nonzero(self.counts))

    @property
    def regions_per_point(self) -> float:
        """Occupied regions for every point inside the domain: 1 where no two share one; NaN without points."""
        return self.n_occupied / self.n_inside if self.n_inside else math.nan

    @property
    def effective_regions(self) -> float:
        """n² / Σ nᵢ², Hill's number of order 2: how many equally filled regions are as concentrated."""
        return self.n_inside**2 / int((self.counts**2).sum()) if self.n_inside else math.nan

    def __repr__(self) -> str:
        n, outside = self.n_inside, len(self.regions) - self.n_inside
        return (
            f"<Occupancy of {self.n_occupied} of {len(self.counts)} region{'' if len(self.counts) == 1 else 's'} by "
            f"{n} point{'' if n == 1 else 's'}, {outside} outside>"
        )


def occupancy(complex: RegionComplex, points: ArrayLike) -> Occupancy:
    """Count the data points in every region, exactly.

    Parameters
    ----------
    complex : RegionComplex
    points : array_like, shape (P, 2)
        Read exactly.

    Returns
    -------
    Occupancy

    Raises
    ------
    ValueError
        When the points are not of shape (P, 2), or not finite.

    Notes
    -----
    Points on a border belong to the region with the smallest index, as in :meth:`regions.RegionComplex.locate`. Gamba
    et al. (2022, "Are all linear regions created equal?", arXiv 2202.11749) ask what the number of regions near data
    tells of a trained network.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> found = occupancy(regions.enumerate_regions(network, 1), [[0.5, 0.5], [0.25, 0.5], [-0.5, 0.5]])
    >>> found.counts, round(found.regions_per_point, 4), found.effective_regions
    (array([0, 0, 2, 1]), 0.6667, 1.8)
    """
    homes = complex.locate(read_points(points))
    counts = np.bincount(homes[homes >= 0], minlength=complex.n_regions)
    for array in (homes, counts):
        array.setflags(write=False)
    return Occupancy(homes, counts)


@dataclass(frozen=True, slots=True, eq=False)
class Transitions:
    """How often the pattern changes along a polyline.

    Made by :func:`transitions`.

    Parameters
    ----------
    trajectory : Trajectory
        Where it changes, and all patterns on the way.
    length : float
        Of the polyline.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> transitions(regions.enumerate_regions(network, 1), [[-0.5, -0.5], [0.25, 0.5]])
    <Transitions: 2 on a length of 1.25>
    """

    trajectory: Trajectory
    length: float

    @property
    def total(self) -> int:
        """Number of transitions."""
        return self.trajectory.n_transitions

    @property
    def density(self) -> float:
        """Transitions for every unit of length."""
        return self.total / self.length

    def __repr__(self) -> str:
        return f"<Transitions: {self.total} on a length of {self.length:.4g}>"


def _length(path: NDArray[np.float64]) -> float:
    with np.errstate(over="ignore"):
        return total_of(np.hypot(*np.diff(path, axis=0).T))


def transitions(complex: RegionComplex, points: ArrayLike, *, closed: bool = False) -> Transitions:
    """Count the changes of the activation pattern along the polyline through points, exactly.

    Parameters
    ----------
    complex : RegionComplex
    points : array_like, shape (P, 2)
        At least two, each different from the one before it, all inside the domain; read exactly.
    closed : bool
        Whether to go back to the first point in the end.

    Returns
    -------
    Transitions

    Raises
    ------
    DomainError
        When a point lies outside the domain, or the points are no polyline.
    ValueError
        When the points are not of shape (P, 2), or not finite.

    Notes
    -----
    Transitions along trajectories through data: Raghu et al. (2017, "On the expressive power of deep neural networks",
    arXiv 1606.05336) and Novak et al. (2018, "Sensitivity and generalization in neural networks", arXiv 1802.08760).
    What counts at a corner says :class:`regions.enumeration.segment.Trajectory`. Over a convex domain every transition
    leads from one region of the complex to another. A domain that is not convex may be left between two points; the
    patterns are followed there as well.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> complex = regions.enumerate_regions(network, 1)
    >>> triangle = [[-0.5, -0.5], [0.5, -0.5], [0.0, 0.75]]
    >>> transitions(complex, triangle).total, transitions(complex, triangle, closed=True).total
    (2, 4)
    """
    path = read_points(points)
    outside = np.flatnonzero(~inside(complex.domain, path))
    if len(outside):
        raise DomainError(
            f"point {outside[0]}, {tuple(path[outside[0]].tolist())}, lies outside {complex.domain!r}; leave it "
            "out, or enumerate over a larger domain."
        )
    if closed and len(path) > 1 and (path[0] != path[-1]).any():
        path = np.concatenate([path, path[:1]])
    trajectory = enumerate_trajectory(complex.network, path)
    return Transitions(trajectory, _length(path))
