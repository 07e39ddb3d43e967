"""What the engine found in one part of a domain, in the names of the whole network and domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regions.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.engine.whole import Plane
    from regions.enumeration.parts import Part

    Ints = NDArray[np.int64]

__all__ = ["INFINITY", "INNER", "SEAM", "SIDE", "PartComplex", "part_complex"]

INNER, SIDE, INFINITY, SEAM = 0, 1, 2, 3


@dataclass(slots=True)
class PartComplex:
    """The complex of one part, in the names of the whole network and domain.

    Parameters
    ----------
    part : Part
    plane : Plane
    patterns : ndarray, shape (F, H), bool
    kinds : ndarray, shape (E,), int64
        Whether an edge lies on a neuron (INNER), a SIDE of the domain, at INFINITY or on a SEAM.
    labels : ndarray, shape (E,), int64
        Which neuron, side or seam.
    """

    part: Part
    plane: Plane
    patterns: NDArray[np.bool_]
    kinds: Ints
    labels: Ints

    def chain(self, seam: int) -> list[int]:
        """The edges of a part on a seam, in the order in which its rim runs through them."""
        along = np.flatnonzero((self.kinds == SEAM) & (self.labels == seam)).tolist()
        edges = self.plane.edges
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
        points = self.plane.points
        found = np.zeros(len(points), dtype=bool)
        if self.part.frame is not None:
            w, bound = 1.0 - points[:, 0] - points[:, 1], points[:, 3] + points[:, 4] + 2.0**-50
            for v, (x, y, t) in self.plane.exact_points(np.flatnonzero(~(w > bound))).items():
                found[v] = x + y == t
        return found


def part_complex(part: Part, plane: Plane) -> PartComplex:
    """Name what the engine found in a part by the neurons and the sides of the original network and domain."""
    origins = plane.origins
    names = {"side": SIDE, "infinity": INFINITY, "seam": SEAM}
    sides = np.array([(names[kind], number) for kind, number in part.sides])
    kinds = np.where(origins < part.n_half_planes, SIDE, INNER)
    # The first neurons are the domain's half-planes.
    labels = np.where(kinds == SIDE, origins, origins - part.n_half_planes)
    on_polygon = origins < 0
    kinds[on_polygon], labels[on_polygon] = sides[-1 - origins[on_polygon]].T
    n_neurons = plane.network.n_neurons
    patterns = np.unpackbits(plane.patterns, axis=1, count=n_neurons).view(np.bool_)[:, part.n_half_planes :]
    return PartComplex(part, plane, patterns, kinds, labels)
