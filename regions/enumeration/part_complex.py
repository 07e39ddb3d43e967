"""What the engine found in one part of a domain, in the names of the whole network and domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regions.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.engine.cells import Cells, Result
    from regions.engine.cut import Enumeration
    from regions.enumeration.parts import Part
    from regions.network.network import Network

    Ints = NDArray[np.int64]

__all__ = ["INFINITY", "INNER", "SEAM", "SIDE", "PartComplex", "neuron_index", "part_complex"]

INNER, SIDE, INFINITY, SEAM = 0, 1, 2, 3


@dataclass(slots=True)
class PartComplex:
    """The complex of one part, in the names of the whole network and domain.

    Parameters
    ----------
    part : Part
    cells : Cells
    enumeration : Enumeration
        For its exact stage.
    patterns : ndarray, shape (F, H), bool
    kinds : ndarray, shape (E,), int64
        Whether an edge lies on a neuron (INNER), a SIDE of the domain, at INFINITY or on a SEAM.
    labels : ndarray, shape (E,), int64
        Which neuron, side or seam.
    """

    part: Part
    cells: Cells
    enumeration: Enumeration
    patterns: NDArray[np.bool_]
    kinds: Ints
    labels: Ints

    def chain(self, seam: int) -> list[int]:
        """The edges of a part on a seam, in the order in which its rim runs through them."""
        along = np.flatnonzero((self.kinds == SEAM) & (self.labels == seam)).tolist()
        edges = self.cells.edges
        after = {int(edges[e, 0]): e for e in along}
        ends = {int(edges[e, 1]) for e in along}
        chain = []
        vertex = next((v for v in after if v not in ends), None)
        while vertex in after:
            chain.append(after[vertex])
            vertex = int(edges[chain[-1], 1])
        if len(chain) != len(along):
            raise EngineError(f"The edges of one part along seam {seam} are not one chain.")
        return chain

    def ideal(self) -> NDArray[np.bool_]:
        """Which vertices of a part lie at infinity."""
        points = self.cells.points
        found = np.zeros(len(points), dtype=bool)
        if self.part.frame is not None:
            w, bound = 1.0 - points[:, 0] - points[:, 1], points[:, 3] + points[:, 4] + 2.0**-50
            for v in np.flatnonzero(~(w > bound)).tolist():
                x, y, t = self.enumeration.exact.point(v)
                found[v] = x + y == t
        return found


def neuron_index(network: Network) -> NDArray[np.int64]:
    """The row of `network.neurons` of every unit of every layer; -1 for units without a kink."""
    index = np.full((len(network.layers), max(layer.n_out for layer in network.layers)), -1)
    index[network.neuron_units[:, 0], network.neuron_units[:, 1]] = np.arange(network.n_neurons)
    return index


def part_complex(part: Part, enumeration: Enumeration, result: Result, neuron_index: Ints) -> PartComplex:
    """Name what running a part's enumeration found, by the neurons of the original network: (layers, units) int64."""
    layers, _, units = result.line_origins[result.cells.edge_lines].T
    on_polygon = layers < 0
    names = {"side": SIDE, "infinity": INFINITY, "seam": SEAM}
    sides = np.array([(names[kind], number) for kind, number in part.sides])
    kinds = np.full(len(layers), INNER)
    kinds[on_polygon] = sides[units[on_polygon], 0]
    labels = np.empty(len(layers), dtype=np.int64)
    labels[on_polygon] = sides[units[on_polygon], 1]
    cut_off = ~on_polygon & (layers < part.first)
    kinds[cut_off] = SIDE
    labels[cut_off] = units[cut_off]
    inner = kinds == INNER
    labels[inner] = neuron_index[layers[inner] - part.first, units[inner]]
    n_neurons = enumeration.network.n_neurons
    patterns = np.unpackbits(result.packed_patterns, axis=1, count=n_neurons).view(np.bool_)[:, part.n_half_planes :]
    return PartComplex(part, result.cells, enumeration, patterns, kinds, labels)
