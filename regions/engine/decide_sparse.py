"""The exact stage of wide networks: single units, by way of the units that they depend on and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arithmetic.integers import dyadic, scaled_integers
from regions.arithmetic.matrices import row_entries
from regions.domain.lines import corner_lines
from regions.engine.decide import ExactStage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from regions.domain.convex import Box, ConvexPolygon
    from regions.network.network import Network

__all__ = ["ConeStage", "SparseLayers"]

_KEPT_VALUES = 1 << 16


class SparseLayers:
    """A network's weights as sparse rows of integers, made when they are asked for.

    All rows of a layer carry the same power of two as a factor, and all slopes of a layer another one.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._rows: list[dict[int, tuple[list[int], list[int], int]]] = [{} for _ in network.layers]
        self._parts: list[tuple[Any, ...] | None] = [None] * len(network.layers)
        self.columns = [
            (layer.weight.indptr, layer.weight.indices) if layer.is_sparse else _structure(layer.weight)
            for layer in network.layers
        ]
        self.slopes: list[tuple[list[int], list[int], int]] = []
        for layer in network.layers:
            (below, above), shift = scaled_integers(layer.below, layer.above)
            self.slopes.append((below, above, shift))

    def row(self, layer: int, unit: int) -> tuple[list[int], list[int], int]:
        """Columns, integer weights and integer bias of a unit, times ``2**shift(layer)``."""
        found = self._rows[layer].get(unit)
        if found is None:
            mantissas, places, biases, bias_places, low = self._integers(layer)
            indptr, indices = self.columns[layer]
            here = slice(int(indptr[unit]), int(indptr[unit + 1]))
            pairs = zip(mantissas[here].tolist(), places[here].tolist(), strict=True)
            bias = int(biases[unit]) << max(0, int(bias_places[unit]) - low)
            found = (indices[here].tolist(), [m << (e - low) for m, e in pairs], bias)
            self._rows[layer][unit] = found
        return found

    def shift(self, layer: int) -> int:
        """The exponent of a layer's factor."""
        return -int(self._integers(layer)[-1])

    def _integers(self, layer: int) -> tuple[Any, ...]:
        found = self._parts[layer]
        if found is None:
            weight = self.network.layers[layer].weight
            if self.network.layers[layer].is_sparse:
                values = weight.data
            else:
                values = np.concatenate([entries for _, entries in row_entries(weight)])
            mantissas, places = dyadic(values)
            biases, bias_places = dyadic(self.network.layers[layer].bias)
            low = min(0, *(int(p.min()) for p in (places, bias_places) if len(p)))
            found = mantissas, places, biases, bias_places, low
            self._parts[layer] = found
        return found


def _structure(weight: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows, columns = np.nonzero(weight)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(weight)))])
    return indptr, columns


class ConeStage(ExactStage):
    """Exact answers about an enumeration of a wide network, unit by unit."""

    def __init__(self, network: Network, domain: Box | ConvexPolygon) -> None:
        super().__init__(network, domain)
        self._layers: SparseLayers | None = None
        self._corners, self._sides = corner_lines(domain)
        self._at: dict[int, list[dict[int, int]]] = {}
        self._on: dict[tuple[int, int], list[dict[int, tuple[int, int, int]]]] = {}

    def _prepare(self) -> None:
        _ = self.sparse

    @property
    def sparse(self) -> SparseLayers:
        """The integer layers."""
        if isinstance(self._base, ConeStage):
            return self._base.sparse
        with self._lock:
            if self._layers is None:
                self._layers = SparseLayers(self._network)
        return self._layers

    def face_row(self, layer: int, face: int, unit: int) -> Any:
        """Integer pre-activation of a unit on a face of the level before its layer."""
        if self._base is not None and layer <= self._start:
            return self._base.face_row(layer, int(self._base_faces[face]) if layer == self._start else face, unit)
        levels = self._on.get((layer, face))
        if levels is None:
            # Copied, because steps side by side add to it.
            if sum(len(rows) for on in list(self._on.values()) for rows in on) > _KEPT_VALUES:
                self._on.clear()
            levels = self._on[layer, face] = [{} for _ in range(layer + 1)]
        return self._row(layer, unit, self._activity(layer, face), levels)

    def _activity(self, layer: int, face: int) -> list[Any]:
        """For each layer in front the active units' bits on the face; None where the layer has no neurons."""
        words: list[Any] = [None] * layer
        stage: ExactStage = self
        for i in reversed(range(layer)):
            while stage._base is not None and i < stage._start:
                face, stage = int(stage._base_faces[face]), stage._base
            parents, bits = stage.levels[i]
            if bits is not None:
                words[i] = bits[face]
            if parents is not None:
                face = int(parents[face])
        return words

    def _row(
        self, layer: int, unit: int, words: list[Any], known: list[dict[int, tuple[int, int, int]]]
    ) -> tuple[int, int, int]:
        """Push the cone of one unit through the masked layers, from the plane's coordinates on."""
        sparse = self.sparse
        wanted = self._cone(layer, [unit], known, words)
        for i in range(layer + 1):
            values = known[i]
            slope_shift = sparse.slopes[i - 1][2] if i else 0
            scale = self._scale(i - 1) + slope_shift if i else 0
            for k in wanted[i]:
                columns, weights, bias = sparse.row(i, k)
                a, b, c = 0, 0, bias << scale
                for j, w in zip(columns, weights, strict=True):
                    if i:
                        slope = self._slope(i - 1, j, words[i - 1])
                        if slope:
                            x, y, z = known[i - 1][j]
                            w *= slope
                            a, b, c = a + w * x, b + w * y, c + w * z
                    elif j == 0:
                        a += w
                    else:
                        b += w
                values[k] = (a, b, c)
        return known[layer][unit]

    def _slope(self, layer: int, unit: int, words: Any) -> int:
        below, above, _ = self.sparse.slopes[layer]
        if words is None or below[unit] == above[unit]:
            return above[unit]
        return above[unit] if int(words[unit >> 6]) >> (unit & 63) & 1 else below[unit]

    def _scale(self, layer: int) -> int:
        """The exponent that pre-activations of a layer carry."""
        sparse = self.sparse
        return sum(sparse.shift(i) for i in range(layer + 1)) + sum(sparse.slopes[i][2] for i in range(layer))

    def _cone(
        self, layer: int, units: Sequence[int], known: Sequence[dict[int, Any]], words: list[Any] | None
    ) -> list[list[int]]:
        """The units of every layer up to `layer` that `units` depend on and whose values are not known yet."""
        wanted: list[list[int]] = [[] for _ in range(layer + 1)]
        wanted[layer] = [k for k in dict.fromkeys(units) if k not in known[layer]]
        for i in reversed(range(1, layer + 1)):
            indptr, indices = self.sparse.columns[i]
            if not wanted[i]:
                break
            found = np.unique(np.concatenate([indices[indptr[k] : indptr[k + 1]] for k in wanted[i]]))
            # What a slope of 0 multiplies need not be known; at a point it is not known yet which those are.
            wanted[i - 1] = [
                j
                for j in found.tolist()
                if j not in known[i - 1] and (words is None or self._slope(i - 1, j, words[i - 1]))
            ]
        return wanted

    def entries(self, layer: int, vertex: int, units: Sequence[int]) -> list[Any]:
        """Pre-activations of some units of a layer at a vertex, times the same positive factor."""
        sparse = self.sparse
        x, y, w = (int(k) for k in self.point(vertex))
        levels = self._at.get(vertex)
        if levels is None:
            # As above.
            if sum(len(values) for at in list(self._at.values()) for values in at) > _KEPT_VALUES:
                self._at.clear()
            levels = self._at[vertex] = []
        while len(levels) <= layer:
            levels.append({})
        wanted = self._cone(layer, units, levels, None)
        for i in range(layer + 1):
            scale = self._scale(i - 1) + sparse.slopes[i - 1][2] if i else 0
            below, above, _ = sparse.slopes[i - 1] if i else ([], [], 0)
            for k in wanted[i]:
                columns, weights, bias = sparse.row(i, k)
                total = (bias << scale) * w
                for j, weight in zip(columns, weights, strict=True):
                    if i:
                        z = levels[i - 1][j]
                        slope = above[j] if z > 0 else below[j]
                        if slope and z:
                            total += weight * slope * z
                    else:
                        total += weight * (x if j == 0 else y)
                levels[i][k] = total
        return [levels[layer][k] for k in units]
