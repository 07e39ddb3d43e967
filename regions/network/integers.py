"""The network in integers: every float is a dyadic rational, so one power of two a layer clears all denominators."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import fmpz, fmpz_mat

from regions.arithmetic.floats import rounded
from regions.arithmetic.integers import SparseIntegers, scaled_integers
from regions.arithmetic.matrices import stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from regions.network.network import Network

    Map = tuple[Any, int]

__all__ = [
    "ExactLines",
    "IntegerNetwork",
    "along_line",
    "finite_maps",
    "layer_activity",
    "map_row",
    "plane",
    "point_map",
    "rational_rows",
]

_MAPS_KEPT = 64

# Maps of so many regions and layers are kept.
_KEPT = 1 << 14


class IntegerNetwork:
    """A network whose layers are scaled to integers once; all values carry a positive power of two as a factor.

    Parameters
    ----------
    network : Network

    Notes
    -----
    A *map* is an ``fmpz_mat`` of shape (n, k), n affine functions whose constants are in the last column, together
    with an exponent S: the true coefficients are ``map / 2**S``. Since the factor is positive, signs are those of the
    integers. The plane's maps have three columns, the coefficients of x, of y and of 1.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.weights, self.biases, self.shifts = [], [], []
        self.below, self.above, self.slope_shifts = [], [], []
        for layer in network.layers:
            (weight, bias), shift = scaled_integers(stored(layer.weight), layer.bias)
            (below, above), slope_shift = scaled_integers(layer.below, layer.above)
            sparse = layer.is_sparse
            self.weights.append(
                SparseIntegers(layer.weight, weight) if sparse else fmpz_mat(layer.n_out, layer.n_in, weight)
            )
            self.biases.append([fmpz(b) for b in bias])
            self.shifts.append(shift)
            self.below.append(below)
            self.above.append(above)
            self.slope_shifts.append(slope_shift)

    def weight_row(self, layer: int, unit: int) -> Any:
        """Row `unit` of a weight, as a matrix of one row."""
        weights = self.weights[layer]
        if isinstance(weights, SparseIntegers):
            return weights.row(unit)
        n = weights.ncols()
        return fmpz_mat(1, n, [weights[unit, j] for j in range(n)])

    def affine(self, layer: int, after: Map, weight: Any = 1) -> Map:
        """Pre-activations of `layer` from the activations before it; constants are multiples of `weight`."""
        values, scale = after
        columns = values.ncols()
        product = self.weights[layer] * values
        entries = product.entries()
        one = weight << scale
        for i, b in enumerate(self.biases[layer]):
            if b:
                entries[i * columns + columns - 1] += b * one
        return fmpz_mat(product.nrows(), columns, entries), scale + self.shifts[layer]

    def activate(self, layer: int, before: Map, active: Iterable[bool] | NDArray[np.bool_]) -> Map:
        """Activations of `layer` where its units are `active` or not."""
        values, scale = before
        columns = values.ncols()
        entries = values.entries()
        for i, on in enumerate(active):
            slope = self.above[layer][i] if on else self.below[layer][i]
            if slope != 1:
                for c in range(i * columns, (i + 1) * columns):
                    entries[c] = entries[c] * slope
        return fmpz_mat(values.nrows(), columns, entries), scale + self.slope_shifts[layer]

    def forward(
        self, start: Map, weight: Any = 1, is_active: Callable[[Any], bool] | None = None
    ) -> Iterator[list[Any]]:
        """Pre-activations layer by layer, a row for each unit; `is_active` tells from a row which side it is on."""
        values = start
        for i in range(len(self.weights)):
            values = self.affine(i, values, weight)
            rows = values[0].tolist()
            yield rows
            values = self.activate(i, values, (row[-1] > 0 if is_active is None else is_active(row) for row in rows))

    def signs(self, point: NDArray[np.float64]) -> list[int]:
        """Signs of all neurons' pre-activations at a point of shape (D,)."""
        (coordinates,), shift = scaled_integers(point)
        found = []
        for layer, rows in zip(self.network.layers, self.forward(point_map(coordinates), 1 << shift), strict=True):
            found += [(z > 0) - (z < 0) for (z,), kink in zip(rows, layer.kinked, strict=True) if kink]
        return found


def map_row(values: Map, unit: int) -> tuple[Any, ...]:
    """One row of a map, in integers."""
    matrix = values[0]
    return tuple(matrix[unit, column] for column in range(matrix.ncols()))


def rational_rows(values: Map) -> list[Any]:
    """The rows of a map, as tuples of the rationals that they are."""
    matrix, scale = values
    return [tuple(Fraction(int(x), 1 << scale) for x in row) for row in matrix.tolist()]


def plane() -> Map:
    """The map x, y of the plane itself."""
    return fmpz_mat(2, 3, [1, 0, 0, 0, 1, 0]), 0


def point_map(coordinates: Sequence[Any]) -> Map:
    """The map of one column that stands for a point: its homogeneous coordinates without the last one, W > 0.

    The last one is the `weight` of :meth:`IntegerNetwork.affine`.
    """
    return fmpz_mat(len(coordinates), 1, list(coordinates)), 0


def along_line(p: NDArray[np.float64], q: NDArray[np.float64]) -> Map:
    """The map of a line p + t (q - p): columns of the coefficients of t and of 1, shape (D, 2)."""
    (start, end), shift = scaled_integers(p, q)
    return fmpz_mat(len(start), 2, [x for a, b in zip(start, end, strict=True) for x in (b - a, a)]), shift


def layer_activity(network: Network, pattern: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Split a pattern of shape (H,) into one array a layer over all its units; linear units count as active."""
    ends = np.cumsum([layer.kinked.sum() for layer in network.layers])
    active = []
    for layer, part in zip(network.layers, np.split(pattern, ends[:-1]), strict=True):
        units = np.ones(layer.n_out, dtype=bool)
        units[layer.kinked] = part
        active.append(units)
    return active


class ExactLines:
    """Exact lines of neurons on regions, with the maps of shared layers kept.

    Parameters
    ----------
    network : Network
    patterns : ndarray, shape (R, H), bool
    start : (fmpz_mat, int), optional
        The first map; left out, the plane's own.
    """

    def __init__(self, network: Network, patterns: NDArray[np.bool_], start: Map | None = None) -> None:
        self.integers = IntegerNetwork(network)
        self._start = plane() if start is None else start
        self._network, self._patterns = network, patterns
        self._ends = np.cumsum([0, *(int(layer.kinked.sum()) for layer in network.layers)])
        self._maps: dict[tuple[int, bytes], Map] = {}

    def map_on(self, region: int, layer: int) -> Map:
        """Pre-activation map of `layer` on a region."""
        key = (layer, self._patterns[region, : self._ends[layer]].tobytes())
        if key not in self._maps:
            found = self.integers.affine(layer, self._after(region, layer))
            if len(self._maps) >= _KEPT:
                self._maps.clear()
            self._maps[key] = found
        return self._maps[key]

    def _after(self, region: int, n_layers: int) -> Map:
        """The map of what the first layers give on a region."""
        if not n_layers:
            return self._start
        last = n_layers - 1
        kinked = self._network.layers[last].kinked
        active = np.ones(len(kinked), dtype=bool)
        active[kinked] = self._patterns[region, self._ends[last] : self._ends[n_layers]]
        return self.integers.activate(last, self.map_on(region, last), active.tolist())

    def forget(self) -> None:
        """Drop the maps that were kept."""
        self._maps.clear()

    def line(self, region: int, neuron: int) -> Any:
        """The integers of the neuron's pre-activation on the region, as a tuple."""
        layer, unit = (int(i) for i in self._network.neuron_units[neuron])
        return map_row(self.map_on(region, layer), unit)

    def outputs(self, region: int) -> Map:
        """The map of the outputs on a region; its exponent is the same on all."""
        return self._after(region, len(self._network.layers))

    def output(self, region: int) -> list[tuple[Fraction, Fraction, Fraction]]:
        """The affine maps of the outputs on the region: (gradient x, gradient y, offset) for each."""
        return rational_rows(self.outputs(region))


def finite_maps(network: Network, packed_patterns: NDArray[np.uint8], maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Affine maps with those multiplied out in integers that overflowed on the way in float64.

    Patterns of shape (R, ceil(H / 8)) and maps of shape (R, 3, O): coefficients of x, y and 1 of the outputs. What was
    not finite is the true coefficient, rounded once; infinite only where that is beyond the range of float64.
    """
    wrong = np.flatnonzero(~np.isfinite(maps).all(axis=(1, 2)))
    if not len(wrong):
        return maps
    maps = np.array(maps)
    patterns = np.unpackbits(packed_patterns[wrong], axis=1, count=network.n_neurons).astype(bool)
    lines = ExactLines(network, patterns)
    # In the order of their patterns: neighbours in it share layers' maps, and few are kept at a time.
    order = np.lexsort(packed_patterns[wrong].T[::-1]) if packed_patterns.shape[1] else np.arange(len(wrong))
    for n, i in enumerate(order.tolist()):
        if n % _MAPS_KEPT == 0:
            lines.forget()
        region = int(wrong[i])
        exact = np.array([[rounded(x) for x in row] for row in lines.output(i)]).T
        maps[region] = np.where(np.isfinite(maps[region]), maps[region], exact)
    return maps
