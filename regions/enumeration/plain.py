"""The plain method: shapely polygons, cut by one neuron's line after another. A reference to read, not to rely on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from regions.complex.complex import RegionComplex
from regions.complex.data import Certificate
from regions.complex.definitions import components
from regions.domain.convex import Box, ConvexPolygon
from regions.domain.read import as_domain
from regions.enumeration.enumerate import planar_network
from regions.errors import DegeneratePositionError
from regions.network.network import Layer, Network

__all__ = ["Piece", "enumerate_with_shapely", "split_domain"]

# Two computed vertices are taken for one and the same below this part of the domain's size.
_SAME = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A part of the domain on which the layers so far are affine.

    Parameters
    ----------
    polygon : shapely.Polygon
    pattern : tuple of bool
        Activity of the neurons so far.
    maps : ndarray, shape (units, 3), float64
        Each unit's output is ``maps @ (x, y, 1)``.
    """

    polygon: shapely.Polygon
    pattern: tuple[bool, ...]
    maps: NDArray[np.float64]


def enumerate_with_shapely(model: Any, domain: Any) -> RegionComplex:
    """Enumerate activation regions the plain way, in floats: for generic networks, and to be read.

    Parameters
    ----------
    model : Network or torch.nn.Module
        With two inputs.
    domain : float, Box, ConvexPolygon or shapely.Polygon
        A number b means the square [-b, b]².

    Returns
    -------
    RegionComplex
        Its certificate says method "shapely", with nothing proven.

    Raises
    ------
    InvalidNetworkError, CaptureError
        When the model is not a finite piecewise-linear network of two inputs.
    DomainError
        When the domain is not a non-empty convex polygon with finite corners.
    DegeneratePositionError
        When the pieces do not fit together.

    See Also
    --------
    regions.enumerate_regions : Exact in every position, and some hundred times faster.

    Notes
    -----
    Layer by layer, each polygon is split by each neuron's line of the polygon's own affine map
    (:func:`split_domain`); pieces whose area shapely gives as zero are dropped. Then vertices closer than 1e-9 of the
    domain's size are taken for one and the same, and sides with the same ends for an edge between two regions.

    All of it is float64 with that one tolerance, so in degenerate position it is wrong:

    - Three lines through one point are computed to miss each other by a rounding error, which opens a region
      that does not exist. Such a sliver mostly ends in a `DegeneratePositionError`, since its corners are one and
      the same vertex; :func:`split_domain` counts it.
    - A region thinner than the rounding error has area zero or is never cut: it is missing, without an error.
    - Lines that coincide, as those of neurons that are copies of each other through another layer, may be computed
      apart, which opens a needle along the whole line.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.5], [0.25, 1.0]], [[1.0, 1.0]]], [[0.1, 0.2], [0.0]])
    >>> regions.enumerate_with_shapely(network, 1).n_regions
    4
    """
    network, where = planar_network(model), as_domain(domain, convex=True)
    return _assemble(network, where, split_domain(network, where))


def split_domain(network: Network, domain: Box | ConvexPolygon) -> list[Piece]:
    """Cut the domain by the neurons' lines, layer by layer.

    Parameters
    ----------
    network : Network
        Of two inputs.
    domain : Box or ConvexPolygon

    Returns
    -------
    list of Piece
        One for each activation region, if the network is generic; in any order.

    Examples
    --------
    >>> network = Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> [piece.pattern for piece in split_domain(network, Box(-1, -1, 1, 2))]
    [(True, True), (True, False), (False, True), (False, False)]
    """
    pieces = [Piece(shapely.Polygon(domain.corners), (), np.eye(3)[:2])]
    for layer in network.layers:
        pieces = [part for piece in pieces for part in _split_by_layer(piece, layer)]
    return pieces


def _split_by_layer(piece: Piece, layer: Layer) -> Iterator[Piece]:
    """The parts of a piece on which the layer is affine, with its activations there."""
    before = layer.weight @ piece.maps
    before[:, 2] += layer.bias
    parts = [piece.polygon]
    for row in before[layer.kinked]:
        parts = [part for polygon in parts for part in _split_by_line(polygon, row)]
    for part in parts:
        active = before @ (*_inside(part), 1.0) > 0
        slopes = np.where(active, layer.above, layer.below)
        pattern = piece.pattern + tuple(active[layer.kinked].tolist())
        yield replace(piece, polygon=part, pattern=pattern, maps=slopes[:, None] * before)


def _inside(polygon: shapely.Polygon) -> tuple[float, float]:
    corners = shapely.get_coordinates(polygon)[:-1]
    x, y = corners.mean(axis=0).tolist()
    return x, y


def _split_by_line(polygon: shapely.Polygon, row: NDArray[np.float64]) -> list[shapely.Polygon]:
    """The parts of a convex polygon where ``row @ (x, y, 1)`` is positive and negative."""
    corners = shapely.get_coordinates(polygon)
    values = corners @ row[:2] + row[2]
    if values.min() >= 0 or values.max() <= 0:
        return [polygon]
    # From a point of the line near the polygon, far enough in both directions to leave it.
    normal = row[:2] / np.hypot(row[0], row[1])
    x, y = corners.mean(axis=0)
    foot = (x, y) - normal * (row[0] * x + row[1] * y + row[2]) / np.hypot(row[0], row[1])
    reach = 2 * polygon.length * np.array([-normal[1], normal[0]])
    cut = shapely.ops.split(polygon, shapely.LineString([foot - reach, foot + reach]))
    parts = [part for part in cut.geoms if part.area > 0]
    return sorted(parts, key=lambda part: -float(np.dot(row, (*_inside(part), 1.0))))


def _assemble(network: Network, domain: Box | ConvexPolygon, pieces: list[Piece]) -> RegionComplex:
    """Join pieces into a complex: common vertices, then common edges."""
    polygons = [shapely.orient_polygons(piece.polygon) for piece in pieces]
    corners = [shapely.get_coordinates(polygon)[:-1] for polygon in polygons]
    low, high = domain.corners.min(axis=0), domain.corners.max(axis=0)
    same = _SAME * float((high - low).max())
    vertices, index = _merge(np.concatenate([domain.corners, *corners]), same)
    rings = []
    start = len(domain.corners)
    for polygon, ring in zip(polygons, corners, strict=True):
        around = index[start : start + len(ring)]
        start += len(ring)
        around = around[around != np.roll(around, 1)]
        if len(np.unique(around)) < max(3, len(around)):
            raise _misfit(f"a piece of area {polygon.area:.3g} is thinner than that")
        rings.append(around)
    sides = {(int(u), int(v)): i for i, ring in enumerate(rings) for u, v in zip(ring, np.roll(ring, -1), strict=True)}
    edges = [(u, v) for u, v in sides if u < v or (v, u) not in sides]
    faces = np.array([(sides[u, v], sides.get((v, u), -1)) for u, v in edges])
    patterns = np.array([piece.pattern for piece in pieces], dtype=bool).reshape(len(pieces), network.n_neurons)
    neurons, rim = np.full(len(edges), -1), np.full(len(edges), -1)
    for e, (left, right) in enumerate(faces):
        if right < 0:
            rim[e] = _side(domain, vertices[list(edges[e])], same)
        else:
            neurons[e] = int(np.argmax(patterns[left] != patterns[right]))
    if len(vertices) - len(edges) + len(pieces) != 1 or len(sides) != sum(map(len, rings)):
        raise _misfit("two pieces overlap")
    maps = np.stack([piece.maps for piece in pieces])
    return RegionComplex(
        network=network,
        domain=domain,
        vertices=vertices,
        edges=np.array(edges),
        edge_neurons=neurons,
        edge_sides=rim,
        edge_faces=faces,
        ring_offsets=np.cumsum([0, *map(len, rings)]),
        rings=np.concatenate(rings),
        packed_patterns=np.packbits(patterns, axis=1),
        gradients=maps[:, :, :2],
        offsets=maps[:, :, 2],
        certificate=Certificate(0, 0, "shapely"),
    )


def _merge(points: NDArray[np.float64], same: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distinct points, and for each point the index of the one that it is taken for."""
    pairs = cKDTree(points).query_pairs(same, output_type="ndarray")
    group = components(len(points), pairs)
    # The first of each group stands for it: the domain's own corners come first, so they stay as they are.
    _, first = np.unique(group, return_index=True)
    return points[first], group


def _side(domain: Box | ConvexPolygon, ends: NDArray[np.float64], same: float) -> int:
    """The side of the domain on which an edge of one face lies."""
    p = domain.corners
    direction = np.roll(p, -1, axis=0) - p
    normal = np.column_stack([-direction[:, 1], direction[:, 0]]) / np.hypot(*direction.T)[:, None]
    distance = np.abs(((ends[None] - p[:, None]) * normal[:, None]).sum(axis=2)).max(axis=1)
    side = int(np.argmin(distance))
    if distance[side] > same:
        raise _misfit(f"near ({ends[0, 0]:.6g}, {ends[0, 1]:.6g}) a piece has no neighbour")
    return side


def _misfit(what: str) -> DegeneratePositionError:
    return DegeneratePositionError(
        f"The polygons that shapely cut do not fit together to {_SAME:g} of the domain's size: {what}. The network "
        "is in degenerate position over this domain, or nearly so; use regions.enumerate_regions, which is exact."
    )
