"""From any domain to bounded convex parts, each with the network that the engine cuts it by.

A polygon is taken apart along segments between its corners. An unbounded domain is looked at quadrant by quadrant, each
in a projective chart (u, v) that makes a triangle of it: with w = 1 - u - v the point is x = F (u, v) / w, so that
w = 0 is the line at infinity, and w times every pre-activation is again a network's of (u, v). Its layers have the
original weights, the biases as weights of a linear unit that carries w along, so nothing is rounded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from regions.arithmetic.matrices import dense
from regions.arithmetic.underflow import require_gradual_underflow
from regions.domain.convex import Box, ConvexPolygon
from regions.engine.cut import Enumeration
from regions.network.composed import along_half_planes, in_chart, with_narrow_layer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.domain.domain import Domain
    from regions.engine.resources import Resources
    from regions.network.network import Network

__all__ = ["Decomposition", "Part", "Seam", "decompose", "with_narrow_first_layer"]


# What a face of a first layer's complex takes, with its share of edges and vertices and all copies made of them.
_FACE_BYTES = 900


@dataclass(frozen=True, slots=True, eq=False)
class Seam:
    """A segment with ends p and q, or ray from p through q, inside the domain along which two parts meet."""

    p: tuple[float, float]
    q: tuple[float, float]
    kind: Literal["segment", "ray"]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A bounded convex polygon, and the network that cuts it into the domain's regions.

    Parameters
    ----------
    network : Network
    polygon : Box or ConvexPolygon
    sides : tuple of (str, int)
        What every side of the polygon is: ("side", i) is side i of the domain, ("seam", i) is seam i, and
        ("infinity", 0) is the line at infinity.
    frame : ndarray, shape (2, 2), float64, or None
        Of a chart: the images of its axes.
    first : int
        How many layers of the network come before those of the original.
    n_half_planes : int
        How many neurons of layer 1 are half-planes; only where all of them are active the domain lies.
    """

    network: Network
    polygon: Box | ConvexPolygon
    sides: tuple[tuple[str, int], ...]
    frame: NDArray[np.float64] | None = None
    first: int = 0
    n_half_planes: int = 0

    def start(self, resources: Resources | None = None) -> Enumeration | None:
        """An enumeration of this part in front of the original's layers; None where the part is empty."""
        enumeration = Enumeration(self.network, self.polygon, resources)
        for level in range(self.first):
            if level == 0 or not self.n_half_planes:
                enumeration.skip_linear()
                continue
            parents, bits = enumeration.cut()
            units = np.arange(self.n_half_planes)
            active = bits[:, units >> 6] >> (units & 63).astype(np.uint64) & np.uint64(1)
            inside = np.flatnonzero(active.all(axis=1))
            if not len(inside):
                return None
            enumeration = enumeration.part(inside, parents, bits)
        return enumeration


@dataclass(frozen=True, slots=True, eq=False)
class Decomposition:
    """A domain in parts, and the original network."""

    network: Network
    domain: Domain
    parts: tuple[Part, ...]
    seams: tuple[Seam, ...] = ()

    def along(self) -> Network:
        """The network for looking along seams: the half-planes are additional neurons at the end of the first layer."""
        domain = self.domain
        if not len(domain.offsets):
            return self.network
        return along_half_planes(self.network, domain.normals, domain.offsets)


def decompose(network: Network, domain: Domain) -> Decomposition:
    """Take a domain apart for the engine; raise DomainError for a polygon that cannot be taken apart exactly.

    Examples
    --------
    >>> from regions import Network, WholePlane
    >>> network = Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> [len(decompose(network, where).parts) for where in (Box(0, 0, 1, 1), WholePlane())]
    [1, 4]
    """
    require_gradual_underflow()
    return _of_corners(network, domain) if domain.is_bounded else _of_half_planes(network, domain)


def with_narrow_first_layer(part: Part, budget: int) -> Part:
    """The same part with a first layer so narrow that the complex behind it takes no more than some bytes.

    The layer becomes two: the first has some of the neurons and hands its inputs on, the second has the others. No
    region changes, since the neurons stay the same.
    """
    layers = part.network.layers
    kinked = [i for i, layer in enumerate(layers) if i >= part.first and layer.kinked.any()]
    if len(kinked) < 2:
        # The last layer's complex is never made.
        return part
    first = kinked[0]
    layer = layers[first]
    width = 1
    while width < layer.n_out and (width + 1) ** 2 // 2 * (_FACE_BYTES + (width + 1) // 2) <= budget:
        width += 1
    if width >= layer.n_out:
        return part
    return replace(part, network=with_narrow_layer(part.network, first, width))


def _of_corners(network: Network, domain: Domain) -> Decomposition:
    polygons = cast("tuple[Box | ConvexPolygon, ...]", domain.convex_parts())
    if len(polygons) == 1:
        sides = [("side", i) for i in range(len(polygons[0].corners))]
        return Decomposition(network, domain, (Part(network, polygons[0], tuple(sides)),))
    number = {(p, q): i for i, p, q in domain.sides()}
    seams = tuple(Seam(p, q, "segment") for p, q in domain.diagonals)
    found = {ends: i for i, ends in enumerate(domain.diagonals)}
    parts = []
    for polygon in polygons:
        sides = []
        for _, p, q in polygon.sides():
            on_rim = (p, q) in number
            sides.append(("side", number[p, q]) if on_rim else ("seam", found[min(p, q), max(p, q)]))
        parts.append(Part(network, polygon, tuple(sides)))
    return Decomposition(network, domain, tuple(parts), seams)


_TRIANGLE = ConvexPolygon([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
_AXES = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))


def _of_half_planes(network: Network, domain: Domain) -> Decomposition:
    scale = _scale(network)
    # No negative zeros: they would show in coordinates.
    ends = [(scale * x + 0.0, scale * y + 0.0) for x, y in _AXES]
    n = len(domain.offsets)
    parts = []
    for i in range(4):
        frame = np.array([ends[i], ends[(i + 1) % 4]]).T
        sides = (("seam", i), ("infinity", 0), ("seam", (i + 1) % 4))
        chart = in_chart(network, frame, domain.normals, domain.offsets)
        parts.append(Part(chart, _TRIANGLE, sides, frame, 2 if n else 1, n))
    seams = tuple(Seam((0.0, 0.0), end, "ray") for end in ends)
    return Decomposition(network, domain, tuple(parts), seams)


def _scale(network: Network) -> float:
    """A power of two about as large as the first layer's lines are far from the origin."""
    for layer in network.layers:
        if layer.kinked.any() and layer.n_in == 2:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                lengths = np.hypot(*dense(layer.weight).T)
                distances = np.abs(layer.bias) / lengths
            usual = distances[np.isfinite(distances) & (distances > 0)]
            if len(usual):
                # A frame must leave room for the weights' own exponents.
                return 2.0 ** float(np.clip(math.frexp(float(np.median(usual)))[1], -256, 256))
            break
    return 1.0
