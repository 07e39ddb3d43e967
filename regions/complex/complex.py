"""The result: the polyhedral complex of a network's activation regions, and what is read straight off it."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.complex.clip import clip
from regions.complex.data import ComplexData, read_only
from regions.complex.definitions import affine_pieces, closed_linear_regions, count, open_linear_regions
from regions.complex.exports import svg, to_dataframe, to_geodataframe, to_geojson, to_networkx, to_obj, to_wkb
from regions.complex.file import load, save
from regions.complex.lines import exact_vertices
from regions.complex.location import locate
from regions.complex.polygons import areas, check_bounded, interior_points, polygon_of, polygons, view
from regions.domain.read import as_domain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.definitions import RegionCounts

__all__ = ["Region", "RegionComplex"]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A readable view of one activation region.

    Parameters
    ----------
    index : int
        Its place in the complex.
    vertices : ndarray, shape (k, 2), float64
        Counter-clockwise, not closed; of an unbounded region the finite ones.
    pattern : ndarray, shape (H,), bool
        True where the neuron's pre-activation is > 0 inside the region.
    gradient : ndarray, shape (O, 2), float64
    offset : ndarray, shape (O,), float64
        On the region the network is ``gradient @ x + offset``.
    area : float
        Infinite where the region is unbounded.
    neighbors : ndarray, shape (n,), int64
        The regions that share an edge with it.
    directions : ndarray, shape (j, 2), float64
        Unit vectors in which an unbounded region has no end, counter-clockwise.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> region = regions.enumerate_regions(network, 1).region(2)
    >>> region
    <Region 2: 4 sides, area 1, pattern 11>
    >>> region.gradient
    array([[1., 2.]])
    """

    index: int
    vertices: NDArray[np.float64]
    pattern: NDArray[np.bool_]
    gradient: NDArray[np.float64]
    offset: NDArray[np.float64]
    area: float
    neighbors: NDArray[np.int64]
    directions: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))

    @property
    def polygon(self) -> Any:
        """The region as a `shapely.Polygon`; a ValueError says what to do where it is unbounded."""
        check_bounded(np.isfinite([self.area]))
        return polygon_of(self.vertices)

    def __repr__(self) -> str:
        pattern = "".join("1" if p else "0" for p in self.pattern[:40]) + ("…" if len(self.pattern) > 40 else "")
        size = f"{len(self.vertices)} sides, area {self.area:.4g}" if np.isfinite(self.area) else "unbounded"
        return f"<Region {self.index}: {size}, pattern {pattern}>"


@dataclass(frozen=True, eq=False)
class RegionComplex(ComplexData):
    """The polyhedral complex of a network's activation regions over a domain.

    Made by :func:`regions.enumerate_regions`; its arrays are read-only. `R` regions, `V` vertices, `E` edges,
    `H` hidden neurons, `O` outputs.

    Parameters
    ----------
    network : Network
    domain : Box, ConvexPolygon, Polygon, Polyhedron or WholePlane
    vertices : ndarray, shape (V, 2), float64
        Coordinates in the input plane, rounded (beyond the range of float64 to its largest number): they lie on their
        lines up to rounding errors, so a vertex between
        two nearly parallel lines is less certain along them. :meth:`exact_vertices` gives the true ones.
    edges : ndarray, shape (E, 2), int64
        First and last vertex. From V on they are ideal: V + k is the point at infinity in direction k.
    edge_neurons : ndarray, shape (E,), int64
        The neuron (row of ``network.neurons``) on whose bent hyperplane the edge lies; -1 on the domain's rim.
    edge_sides : ndarray, shape (E,), int64
        The side of the domain on which the edge lies, counted from its first corner, or its half-plane; -1 inside and
        at infinity. Slits are counted on behind the sides, by the domain's diagonals that they lie on.
    edge_faces : ndarray, shape (E, 2), int64
        The regions to the left and to the right of the edge; -1 outside the domain.
    ring_offsets : ndarray, shape (R + 1,), int64
    rings : ndarray, shape (ring_offsets[-1],), int64
        Vertices of region i, counter-clockwise, ideal ones included: ``rings[ring_offsets[i]:ring_offsets[i + 1]]``.
    packed_patterns : ndarray, shape (R, ceil(H / 8)), uint8
        The patterns as `numpy.packbits` packs them.
    gradients : ndarray, shape (R, O, 2), float64
    offsets : ndarray, shape (R, O), float64
        The affine map of every region, multiplied out in float64; what overflowed there is the true number, rounded
        once, and infinite only where that is beyond the range of float64.
    certificate : Certificate
    directions : ndarray, shape (K, 2), float64
        Unit vectors to the ideal vertices; none where the domain is bounded.
    slice : Slice, optional
        The plane in a larger input space that the domain lies in; `network` takes its coordinates.

    Notes
    -----
    Activation regions are the full-dimensional sets on which the activation pattern is constant: the faces of
    the canonical polyhedral complex of Grigsby & Lindsey (2022, "On transversality of bent hyperplane
    arrangements and the topological expressiveness of ReLU neural networks").

    Over an unbounded domain the complex is closed at infinity: a ray ends in an ideal vertex, and an unbounded region
    has
    edges at infinity (``edge_neurons`` and ``edge_sides`` are -1), except between parallel rays, which end in the same
    point. So V + K - E + R = 1 there too. If the whole plane is one region, its ring is empty.

    Where holes of the domain lie inside a region, its ring runs through a slit to each of them and back; a slit's edges
    have the region on both sides. So V - E + R = 1 - (number of holes), whatever lies around them.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> complex = regions.enumerate_regions(network, 1)
    >>> len(complex), len(complex.vertices), len(complex.edges)
    (4, 9, 12)
    >>> complex.areas
    array([1., 1., 1., 1.])
    >>> complex.polygons[0].equals(complex.region(0).polygon)
    True
    """

    # Those that need no more than the arrays are functions of other modules, documented there.
    locate = locate
    exact_vertices = exact_vertices
    to_dataframe = to_dataframe
    to_geodataframe = to_geodataframe
    to_networkx = to_networkx
    to_geojson = to_geojson
    to_wkb = to_wkb
    to_obj = to_obj
    save = save
    _repr_svg_ = svg

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Areas, shape (R,), float64, in the square of the input's unit; infinite where a region is unbounded.

        Of the rounded vertices, so that of a sliver little may be right but its order of magnitude. Where they give no
        positive area, that of the exact vertices, rounded once; beyond the range of float64 its largest number.
        """
        return read_only(areas(self))

    @cached_property
    def polygons(self) -> NDArray[Any]:
        """The regions as shapely Polygons: object array of shape (R,), made in one vectorised call.

        A ValueError says so where one is unbounded; :meth:`clip` cuts them off at a box.
        """
        check_bounded(self.bounded)
        return read_only(polygons(self))

    def clip(self, box: Any) -> NDArray[Any]:
        """The parts of the regions inside a box, as shapely Polygons.

        Parameters
        ----------
        box : float, Box or (minx, miny, maxx, maxy)
            A number b means [-b, b]².

        Returns
        -------
        ndarray, shape (R,), object
            Empty polygons where a region does not reach into the box. In float64: to count what is inside the box
            exactly, enumerate over the box.

        Raises
        ------
        DomainError
            When the box is not one.

        Examples
        --------
        >>> import regions
        >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
        >>> plane = regions.enumerate_regions(network, regions.WholePlane())
        >>> [polygon.area for polygon in plane.clip(2)]
        [4.0, 4.0, 4.0, 4.0]
        """
        return read_only(clip(self, as_domain(box, convex=True).bounds))

    @cached_property
    def view(self) -> tuple[float, float, float, float]:
        """(minx, miny, maxx, maxy) to look at: the domain's bounds, or the vertices' with some room around them."""
        return view(self)

    @cached_property
    def interior_points(self) -> NDArray[np.float64]:
        """A point inside each region, shape (R, 2), float64.

        The mean of its vertices; of an unbounded region moved on in the directions that have no end. Rounded: in a
        region thinner than floats can resolve it may lie beside it.
        """
        return read_only(interior_points(self))

    def counts(self) -> RegionCounts:
        """Count the regions by five definitions, exactly.

        Returns
        -------
        RegionCounts
            Activation patterns (of edges and vertices too), activation regions, open and closed linear regions and
            affine pieces, within the closed domain. docs/definitions.md says what each is.

        Examples
        --------
        >>> import regions
        >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0]]])
        >>> regions.enumerate_regions(network, 1).counts()
        RegionCounts(activation_patterns=4, activation_regions=4, open_linear_regions=2, closed_linear_regions=2,
                     affine_pieces=2)
        """
        return count(self, self.affine_pieces, self.open_linear_regions, self.closed_linear_regions)

    @cached_property
    def affine_pieces(self) -> NDArray[np.int64]:
        """Number of the affine map on each region, shape (R,), int64: equal where the maps are exactly equal.

        Numbers are given from 0 in the order of the regions, here and for open and closed linear regions.
        """
        return read_only(affine_pieces(self))

    @cached_property
    def open_linear_regions(self) -> NDArray[np.int64]:
        """Number of the open linear region that each region is a part of, shape (R,), int64.

        A maximal connected open set on which the network is one affine map: regions joined across the edges they
        share.
        """
        return read_only(open_linear_regions(self, self.affine_pieces))

    @cached_property
    def closed_linear_regions(self) -> NDArray[np.int64]:
        """Number of the closed linear region that each region is a part of, shape (R,), int64.

        A maximal connected closed set with an interior on which the network is one affine map: open linear regions
        joined also through points and segments, within the domain, where the network equals that map.
        """
        return read_only(closed_linear_regions(self, self.affine_pieces, self.open_linear_regions))

    def region(self, index: int) -> Region:
        """One region, with all that belongs to it.

        Parameters
        ----------
        index : int
            From 0 to R - 1, or negative to count from the end.

        Returns
        -------
        Region

        Raises
        ------
        IndexError
            When there is no such region.
        TypeError
            When the index is not an integer.

        Examples
        --------
        >>> import regions
        >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
        >>> complex = regions.enumerate_regions(network, 1)
        >>> complex.region(-1)
        <Region 3: 4 sides, area 1, pattern 01>
        """
        index = operator.index(index)
        if not -self.n_regions <= index < self.n_regions:
            raise IndexError(f"region {index} was asked for; there are {self.n_regions} regions.")
        i = index % self.n_regions
        pairs = self.neighbors[(self.neighbors == i).any(axis=1)]
        ring = self.ring(i)
        v = len(self.vertices)
        return Region(
            index=i,
            vertices=self.vertices[ring[ring < v]],
            pattern=np.unpackbits(self.packed_patterns[i], count=self.network.n_neurons).astype(bool),
            gradient=self.gradients[i],
            offset=self.offsets[i],
            area=float(self.areas[i]),
            neighbors=np.unique(pairs.sum(axis=1) - i),
            directions=self.directions[ring[ring >= v] - v],
        )

    @classmethod
    def load(cls, path: str | Path) -> RegionComplex:
        """Read a complex that `save` wrote.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        RegionComplex

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        FileFormatError
            When the file is damaged, or not one that `save` wrote.

        Examples
        --------
        >>> RegionComplex.load("absent.npz")
        Traceback (most recent call last):
        ...
        FileNotFoundError: [Errno 2] No such file or directory: 'absent.npz'
        """
        return load(path, cls)

    def __repr__(self) -> str:
        h = self.network.n_neurons
        r = self.n_regions
        return (
            f"<RegionComplex of {r} activation region{'' if r == 1 else 's'}, {len(self.vertices)} vertices and "
            f"{len(self.edges)} edges, of {h} hidden neuron{'' if h == 1 else 's'} over {self.domain!r}>"
        )
