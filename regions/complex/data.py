"""The arrays of a complex."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from regions.domain.domain import Domain
    from regions.domain.slice import Slice
    from regions.network.network import Network

__all__ = ["ARRAYS", "Certificate"]

ARRAYS = (
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
    "directions",
)


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """The array, which cannot be written to any more."""
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


@dataclass(frozen=True, eq=False)
class ComplexData:
    """Arrays, and what follows from them alone; :class:`regions.RegionComplex` says what each holds."""

    network: Network
    domain: Domain
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
    directions: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    slice: Slice | None = None

    def __post_init__(self) -> None:
        for name in ARRAYS:
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

    def ring(self, region: int) -> NDArray[np.int64]:
        """The vertices of one region, counter-clockwise, ideal ones included."""
        return self.rings[self.ring_offsets[region] : self.ring_offsets[region + 1]]

    @cached_property
    def ring_owners(self) -> NDArray[np.int64]:
        """The region of every entry of `rings`."""
        return np.repeat(np.arange(self.n_regions), np.diff(self.ring_offsets))

    @cached_property
    def _sides(self) -> NDArray[np.int64]:
        """For every entry of `rings`, the entry that follows it around the region."""
        following = np.arange(1, len(self.rings) + 1)
        following[self.ring_offsets[1:] - 1] = self.ring_offsets[:-1]
        return following

    @cached_property
    def bounded(self) -> NDArray[np.bool_]:
        """Which regions are bounded: shape (R,), bool."""
        bounded = np.diff(self.ring_offsets) > 0
        bounded[self.ring_owners[self.rings >= len(self.vertices)]] = False
        return read_only(bounded)

    @cached_property
    def _inner_edges(self) -> NDArray[np.int64]:
        f, g = self.edge_faces.T
        return np.flatnonzero((f >= 0) & (g >= 0) & (f != g))

    @cached_property
    def neighbors(self) -> NDArray[np.int64]:
        """Pairs of regions that share an edge, the smaller index first: shape (A, 2), int64."""
        return read_only(np.sort(self.edge_faces[self._inner_edges], axis=1))

    @cached_property
    def neighbor_neurons(self) -> NDArray[np.int64]:
        """The neuron on the edge that each pair of `neighbors` shares: shape (A,), int64."""
        return read_only(self.edge_neurons[self._inner_edges])

    @cached_property
    def extent(self) -> tuple[float, float, float, float] | None:
        """(minx, miny, maxx, maxy) of the finite vertices inside the domain; None where there is none.

        How far one must zoom out to see all the structure, if the domain is large enough to hold it. Over an unbounded
        domain each number is the exact one, rounded once.
        """
        rim = self.edges[(self.edge_faces < 0).any(axis=1)].ravel()
        inside = np.ones(len(self.vertices), dtype=bool)
        inside[rim[rim < len(self.vertices)]] = False
        if not inside.any():
            return None
        low, high = self.vertices[inside].min(axis=0), self.vertices[inside].max(axis=0)
        return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
