"""The result: the polyhedral complex of a network's activation regions, and what is read straight off it."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.domain import Box, ConvexPolygon
from regions.errors import FileFormatError
from regions.network import Network

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Certificate", "Region", "RegionComplex"]

_FORMAT = "regions-complex"
_VERSION = 1
_ARRAYS = (
    "vertices",
    "edges",
    "edge_neurons",
    "edge_sides",
    "edge_faces",
    "ring_offsets",
    "rings",
    "packed_patterns",
    "gradients",
    "offsets",
)
_SVG_LIMIT = 4000


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array


@dataclass(frozen=True, slots=True)
class Certificate:
    """How the decisions were taken that this complex rests on.

    Parameters
    ----------
    proven_by_float : int
        Signs and orders that a proven bound on the rounding error settled.
    decided_exactly : int
        Signs and orders that were decided in integer arithmetic.
    method : str
        "engine", or the name of a method that certifies nothing.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]], [[0.5, 0.25], [0.0]])
    >>> regions.enumerate_regions(network, 1).certificate
    Certificate(proven_by_float=14, decided_exactly=0, method='engine')
    """

    proven_by_float: int
    decided_exactly: int
    method: str = "engine"


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A readable view of one activation region.

    Parameters
    ----------
    index : int
        Its place in the complex.
    vertices : ndarray, shape (k, 2), float64
        Counter-clockwise, not closed.
    pattern : ndarray, shape (H,), bool
        True where the neuron's pre-activation is > 0 inside the region.
    gradient : ndarray, shape (O, 2), float64
    offset : ndarray, shape (O,), float64
        On the region the network is ``gradient @ x + offset``.
    area : float
    neighbors : ndarray, shape (n,), int64
        The regions that share an edge with it.

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

    @property
    def polygon(self) -> Any:
        """The region as a `shapely.Polygon`."""
        import shapely

        return shapely.Polygon(self.vertices)

    def __repr__(self) -> str:
        pattern = "".join("1" if p else "0" for p in self.pattern[:40]) + ("…" if len(self.pattern) > 40 else "")
        return f"<Region {self.index}: {len(self.vertices)} sides, area {self.area:.4g}, pattern {pattern}>"


@dataclass(frozen=True, eq=False)
class RegionComplex:
    """The polyhedral complex of a network's activation regions over a convex domain.

    Made by :func:`regions.enumerate_regions`; its arrays are read-only. `R` regions, `V` vertices, `E` edges,
    `H` hidden neurons, `O` outputs.

    Parameters
    ----------
    network : Network
    domain : Box or ConvexPolygon
    vertices : ndarray, shape (V, 2), float64
        Coordinates in the input plane, rounded: they lie on their lines up to rounding errors, so a vertex between
        two nearly parallel lines is less certain along them. :meth:`exact_vertices` gives the true ones.
    edges : ndarray, shape (E, 2), int64
        First and last vertex.
    edge_neurons : ndarray, shape (E,), int64
        The neuron (row of ``network.neurons``) on whose bent hyperplane the edge lies; -1 on the domain's rim.
    edge_sides : ndarray, shape (E,), int64
        The side of the domain on which the edge lies, counted from its first corner; -1 inside.
    edge_faces : ndarray, shape (E, 2), int64
        The regions to the left and to the right of the edge; -1 outside the domain.
    ring_offsets : ndarray, shape (R + 1,), int64
    rings : ndarray, shape (ring_offsets[-1],), int64
        Vertices of region i, counter-clockwise: ``rings[ring_offsets[i]:ring_offsets[i + 1]]``.
    packed_patterns : ndarray, shape (R, ceil(H / 8)), uint8
        The patterns as `numpy.packbits` packs them.
    gradients : ndarray, shape (R, O, 2), float64
    offsets : ndarray, shape (R, O), float64
        The affine map of every region.
    certificate : Certificate

    Notes
    -----
    Activation regions are the full-dimensional sets on which the activation pattern is constant: the faces of
    the canonical polyhedral complex of Grigsby & Lindsey (2022, "On transversality of bent hyperplane
    arrangements and the topological expressiveness of ReLU neural networks").

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

    network: Network
    domain: Box | ConvexPolygon
    vertices: NDArray[np.float64]
    edges: NDArray[np.int64]
    edge_neurons: NDArray[np.int64]
    edge_sides: NDArray[np.int64]
    edge_faces: NDArray[np.int64]
    ring_offsets: NDArray[np.int64]
    rings: NDArray[np.int64]
    packed_patterns: NDArray[np.uint8]
    gradients: NDArray[np.float64]
    offsets: NDArray[np.float64]
    certificate: Certificate = field(default_factory=lambda: Certificate(0, 0))

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            # A view, so that the caller's own array stays as it is.
            array = np.ascontiguousarray(getattr(self, name)).view()
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def n_regions(self) -> int:
        """`R`, the number of activation regions."""
        return len(self.ring_offsets) - 1

    def __len__(self) -> int:
        return self.n_regions

    @cached_property
    def patterns(self) -> NDArray[np.bool_]:
        """Activation patterns, shape (R, H), bool: True where the pre-activation is > 0 inside the region."""
        h = self.network.n_neurons
        patterns = np.unpackbits(self.packed_patterns, axis=1, count=h).view(np.bool_)
        patterns.setflags(write=False)
        return patterns

    @cached_property
    def _sides(self) -> NDArray[np.int64]:
        """For every entry of `rings`, the entry that follows it around the region."""
        following = np.arange(1, len(self.rings) + 1)
        following[self.ring_offsets[1:] - 1] = self.ring_offsets[:-1]
        return following

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Areas, shape (R,), float64, in the square of the input's unit."""
        starts = np.repeat(self.ring_offsets[:-1], np.diff(self.ring_offsets))
        # Relative to each region's first vertex: far from the origin the plain formula cancels.
        p = self.vertices[self.rings] - self.vertices[self.rings[starts]]
        q = p[self._sides]
        areas = np.add.reduceat(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0], self.ring_offsets[:-1]) / 2
        areas.setflags(write=False)
        return areas

    @cached_property
    def polygons(self) -> NDArray[Any]:
        """The regions as shapely Polygons: object array of shape (R,), made in one vectorised call."""
        import shapely

        counts = np.diff(self.ring_offsets)
        closed = np.insert(self.rings, self.ring_offsets[1:], self.rings[self.ring_offsets[:-1]])
        owners = np.repeat(np.arange(self.n_regions), counts + 1)
        return _read_only(shapely.polygons(shapely.linearrings(self.vertices[closed], indices=owners)))

    @cached_property
    def interior_points(self) -> NDArray[np.float64]:
        """The mean of each region's vertices, shape (R, 2), float64."""
        counts = np.diff(self.ring_offsets)[:, None]
        points = np.add.reduceat(self.vertices[self.rings], self.ring_offsets[:-1], axis=0) / counts
        points.setflags(write=False)
        return points

    @cached_property
    def _inner_edges(self) -> NDArray[np.int64]:
        return np.flatnonzero((self.edge_faces >= 0).all(axis=1))

    @cached_property
    def neighbors(self) -> NDArray[np.int64]:
        """Pairs of regions that share an edge, the smaller index first: shape (A, 2), int64."""
        return _read_only(np.sort(self.edge_faces[self._inner_edges], axis=1))

    @cached_property
    def neighbor_neurons(self) -> NDArray[np.int64]:
        """The neuron on the edge that each pair of `neighbors` shares: shape (A,), int64."""
        return _read_only(self.edge_neurons[self._inner_edges])

    @cached_property
    def extent(self) -> tuple[float, float, float, float] | None:
        """(minx, miny, maxx, maxy) of the vertices inside the domain; None where there is none.

        How far one must zoom out to see all the structure, if the domain is large enough to hold it.
        """
        inside = np.ones(len(self.vertices), dtype=bool)
        inside[self.edges[(self.edge_faces < 0).any(axis=1)].ravel()] = False
        if not inside.any():
            return None
        low, high = self.vertices[inside].min(axis=0), self.vertices[inside].max(axis=0)
        return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))

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

        Examples
        --------
        >>> import regions
        >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
        >>> complex = regions.enumerate_regions(network, 1)
        >>> complex.region(-1)
        <Region 3: 4 sides, area 1, pattern 01>
        """
        if not -self.n_regions <= index < self.n_regions:
            raise IndexError(f"region {index} was asked for; there are {self.n_regions} regions.")
        i = index % self.n_regions
        pairs = self.neighbors[(self.neighbors == i).any(axis=1)]
        return Region(
            index=i,
            vertices=self.vertices[self.rings[self.ring_offsets[i] : self.ring_offsets[i + 1]]],
            pattern=np.unpackbits(self.packed_patterns[i], count=self.network.n_neurons).astype(bool),
            gradient=self.gradients[i],
            offset=self.offsets[i],
            area=float(self.areas[i]),
            neighbors=np.sort(pairs.sum(axis=1) - i),
        )

    def locate(self, points: ArrayLike) -> NDArray[np.int64]:
        """Find the region of every point, exactly.

        Parameters
        ----------
        points : array_like, shape (P, 2)

        Returns
        -------
        ndarray, shape (P,), int64
            The region's index; -1 outside the domain. A point on the border of several regions belongs to the
            one with the smallest index.

        Raises
        ------
        ValueError
            When the points are not of shape (P, 2), or not finite.

        Examples
        --------
        >>> import regions
        >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
        >>> complex = regions.enumerate_regions(network, 1)
        >>> complex.locate([[0.5, 0.5], [0.0, 0.0], [2.0, 0.0]])
        array([ 2,  0, -1])
        """
        from regions.location import locate

        return locate(self, points)

    def exact_vertices(self) -> list[tuple[Fraction, Fraction]]:
        """The vertices as the rational points that they are.

        Returns
        -------
        list of (Fraction, Fraction), length V

        Notes
        -----
        Each is the intersection of two lines whose integer coefficients come from the network's own weights;
        plain and slow: meant for tests and for complexes of some thousand regions.

        Examples
        --------
        >>> import regions
        >>> network = regions.Network.from_arrays([[[3.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]], [[1.0, 0.0], [0.0]])
        >>> (regions.enumerate_regions(network, 1).exact_vertices())[-1]
        (Fraction(-1, 3), Fraction(0, 1))
        """
        from regions.exact import ExactLines, exact_vertices

        return exact_vertices(
            ExactLines(self.network, self.patterns),
            self.domain,
            len(self.vertices),
            self.edges,
            self.edge_faces,
            self.edge_neurons,
            self.edge_sides,
        )

    def save(self, path: str | Path) -> None:
        """Write the complex, its network and its domain to an `.npz` file, atomically.

        Parameters
        ----------
        path : str or Path
            `.npz` is added where it is missing.

        Examples
        --------
        >>> import regions, tempfile, pathlib
        >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "complex.npz"
        ...     regions.enumerate_regions(network, 1).save(path)
        ...     regions.RegionComplex.load(path).n_regions
        4
        """
        from regions._files import write_npz

        arrays = {name: np.asarray(getattr(self, name)) for name in _ARRAYS}
        arrays["corners"] = self.domain.corners
        arrays["is_box"] = np.array(isinstance(self.domain, Box))
        arrays["certificate"] = np.array([self.certificate.proven_by_float, self.certificate.decided_exactly])
        arrays["method"] = np.array(self.certificate.method)
        arrays |= self.network.to_arrays()
        write_npz(path, _FORMAT, _VERSION, arrays)

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
        from regions._files import read_npz

        arrays = read_npz(path, _FORMAT, _VERSION)
        network = Network.from_saved_arrays(arrays, path)
        try:
            corners = arrays["corners"]
            domain = Box(*corners[0], *corners[2]) if bool(arrays["is_box"]) else ConvexPolygon(corners)
            proven, exactly = (int(n) for n in arrays["certificate"])
            complex_ = cls(
                network=network,
                domain=domain,
                **{name: arrays[name] for name in _ARRAYS},
                certificate=Certificate(proven, exactly, str(arrays["method"])),
            )
        except KeyError as error:
            raise FileFormatError(
                f"{path}: the entry {error} is missing; the file is damaged. Save it again."
            ) from error
        except (TypeError, IndexError, ValueError) as error:
            raise FileFormatError(
                f"{path}: its arrays do not fit ({error}); the file is damaged. Save it again."
            ) from error
        complex_._check_shapes(path)
        return complex_

    def _check_shapes(self, path: str | Path) -> None:
        r, v, e = self.n_regions, len(self.vertices), len(self.edges)
        h, o = self.network.n_neurons, self.network.n_outputs
        for name in _ARRAYS:
            kind = getattr(self, name).dtype.kind
            wanted = "f" if name in ("vertices", "gradients", "offsets") else "u" if name == "packed_patterns" else "i"
            if kind != wanted:
                raise FileFormatError(
                    f"{path}: {name} is of dtype kind {kind!r}; {wanted!r} is needed. The file is damaged."
                )
            if kind == "f" and name == "vertices" and not np.isfinite(getattr(self, name)).all():
                raise FileFormatError(f"{path}: a vertex is not finite. The file is damaged.")
        expected = {
            "vertices": (v, 2),
            "edges": (e, 2),
            "edge_neurons": (e,),
            "edge_sides": (e,),
            "edge_faces": (e, 2),
            "packed_patterns": (r, -(-h // 8)),
            "gradients": (r, o, 2),
            "offsets": (r, o),
        }
        for name, shape in expected.items():
            found = getattr(self, name).shape
            if found != shape:
                raise FileFormatError(f"{path}: {name} has shape {found}; {shape} is needed. The file is damaged.")
        ordered = r > 0 and self.ring_offsets[0] == 0 and (np.diff(self.ring_offsets) >= 3).all()
        if not ordered or self.ring_offsets[-1] != len(self.rings):
            raise FileFormatError(f"{path}: ring_offsets do not fit rings. The file is damaged.")
        sides = len(self.domain.corners)
        ranges = {
            "rings": (0, v),
            "edges": (0, v),
            "edge_faces": (-1, r),
            "edge_neurons": (-1, h),
            "edge_sides": (-1, sides),
        }
        for name, (low, high) in ranges.items():
            array = getattr(self, name)
            if array.min() < low or array.max() >= high:
                raise FileFormatError(f"{path}: an index in {name} is out of range. The file is damaged.")
        inner = self.edge_neurons >= 0
        if (inner == (self.edge_sides >= 0)).any() or (inner != (self.edge_faces >= 0).all(axis=1)).any():
            raise FileFormatError(f"{path}: edges and what lies beside them do not fit. The file is damaged.")
        if v - e + r != 1:
            raise FileFormatError(f"{path}: V - E + F is {v - e + r}; 1 is needed. The file is damaged.")

    def __repr__(self) -> str:
        h = self.network.n_neurons
        r = self.n_regions
        return (
            f"<RegionComplex of {r} activation region{'' if r == 1 else 's'}, {len(self.vertices)} vertices and "
            f"{len(self.edges)} edges, of {h} hidden neuron{'' if h == 1 else 's'} over {self.domain!r}>"
        )

    def _repr_svg_(self) -> str:
        minx, miny, maxx, maxy = self.domain.bounds
        width = maxx - minx
        height = maxy - miny
        size = 300.0
        scale = size / max(width, height)
        body = []
        if self.n_regions <= _SVG_LIMIT:
            for i in range(self.n_regions):
                ring = self.rings[self.ring_offsets[i] : self.ring_offsets[i + 1]]
                xy = (self.vertices[ring] - (minx, maxy)) * (scale, -scale)
                gx, gy = self.gradients[i, 0]
                hue = math.atan2(gy, gx) / (2 * math.pi) % 1.0
                light = 0.35 + 0.4 * (math.hypot(gx, gy) % 1.0)
                rgb = "#" + "".join(f"{round(255 * c):02x}" for c in colorsys.hls_to_rgb(hue, light, 0.6))
                coordinates = " ".join(f"{x:.2f},{y:.2f}" for x, y in xy)
                body.append(f'<polygon points="{coordinates}" fill="{rgb}" stroke="#222" stroke-width="0.4"/>')
        else:
            body.append(
                f'<rect width="{width * scale:.2f}" height="{height * scale:.2f}" fill="#eee"/>'
                f'<text x="8" y="24" font-size="14">{self.n_regions} activation regions</text>'
            )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * scale:.0f}" height="{height * scale:.0f}" '
            f'viewBox="0 0 {width * scale:.2f} {height * scale:.2f}" role="img">'
            f"<title>{self.n_regions} activation regions</title>{''.join(body)}</svg>"
        )
