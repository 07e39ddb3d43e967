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
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from regions.network.network import Network

__all__ = ["ExactLines", "IntegerNetwork", "finite_maps", "layer_activity"]

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
    A *map* is an ``fmpz_mat`` of shape (n, 3) whose columns are the coefficients of x, of y and of 1, together
    with an exponent S: the true coefficients are ``map / 2**S``. Since the factor is positive, signs are those
    of the integers.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._mat = fmpz_mat
        self._fmpz = fmpz
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

    def identity_map(self) -> tuple[Any, int]:
        """The map x, y of the plane itself."""
        return self._mat(2, 3, [1, 0, 0, 0, 1, 0]), 0

    def weight_row(self, layer: int, unit: int) -> Any:
        """Row `unit` of a weight, as a matrix of one row."""
        weights = self.weights[layer]
        if isinstance(weights, SparseIntegers):
            return weights.row(unit)
        n = weights.ncols()
        return self._mat(1, n, [weights[unit, j] for j in range(n)])

    def affine(self, layer: int, after: tuple[Any, int]) -> tuple[Any, int]:
        """Pre-activation map of `layer` from the post-activation map before it."""
        values, scale = after
        columns = values.ncols()
        product = self.weights[layer] * values
        scale_out = scale + self.shifts[layer]
        entries = product.entries()
        for i, b in enumerate(self.biases[layer]):
            if b:
                entries[i * columns + columns - 1] += b << scale
        return self._mat(product.nrows(), columns, entries), scale_out

    def activate(
        self, layer: int, before: tuple[Any, int], active: Sequence[bool] | NDArray[np.bool_]
    ) -> tuple[Any, int]:
        """Post-activation map of `layer` where its units are `active` or not."""
        values, scale = before
        columns = values.ncols()
        entries = values.entries()
        for i, on in enumerate(active):
            slope = self.above[layer][i] if on else self.below[layer][i]
            if slope != 1:
                for c in range(i * columns, (i + 1) * columns):
                    entries[c] = entries[c] * slope
        return self._mat(values.nrows(), columns, entries), scale + self.slope_shifts[layer]

    def row(self, values: tuple[Any, int], unit: int) -> Any:
        """Row `unit` of a map, as a tuple of integers."""
        matrix = values[0]
        return tuple(matrix[unit, column] for column in range(matrix.ncols()))

    def map_on(self, active: Sequence[NDArray[np.bool_]], layer: int) -> tuple[Any, int]:
        """Pre-activation map of `layer` where the units of the layers before it are `active`."""
        values = self.affine(0, self.identity_map())
        for i in range(layer):
            values = self.affine(i + 1, self.activate(i, values, active[i]))
        return values

    def at_point(self, point: Any) -> tuple[Any, int, Any]:
        """Start a forward pass at the homogeneous integer point (X, Y, W), W > 0: a column, its exponent, W."""
        return self._mat(2, 1, [point[0], point[1]]), 0, point[2]

    def affine_at(self, layer: int, after: tuple[Any, int, Any]) -> tuple[Any, int, Any]:
        """Pre-activations of `layer` at a point, times W and a power of two."""
        values, scale, weight = after
        product = self.weights[layer] * values
        entries = product.entries()
        for i, b in enumerate(self.biases[layer]):
            if b:
                entries[i] += (b << scale) * weight
        return self._mat(product.nrows(), 1, entries), scale + self.shifts[layer], weight

    def activate_at(self, layer: int, before: tuple[Any, int, Any]) -> tuple[Any, int, Any]:
        """Activations of `layer` at a point."""
        values, scale, weight = before
        entries = values.entries()
        for i, z in enumerate(entries):
            entries[i] = z * (self.above[layer][i] if z > 0 else self.below[layer][i])
        return self._mat(values.nrows(), 1, entries), scale + self.slope_shifts[layer], weight


def layer_activity(network: Network, pattern: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Split a pattern of shape (H,) into one array a layer over all its units; linear units count as active."""
    active, start = [], 0
    for layer in network.layers:
        units = np.ones(layer.n_out, dtype=bool)
        kinked = layer.kinked
        units[kinked] = pattern[start : start + int(kinked.sum())]
        start += int(kinked.sum())
        active.append(units)
    return active


class ExactLines:
    """Exact lines of neurons on regions, with the maps of shared layers kept.

    Parameters
    ----------
    network : Network
    patterns : ndarray, shape (R, H), bool
    start : (fmpz_mat, int), optional
        The first map, with the constants in its last column; left out, the plane's own.
    """

    def __init__(self, network: Network, patterns: NDArray[np.bool_], start: tuple[Any, int] | None = None) -> None:
        self.integers = IntegerNetwork(network)
        self._start = self.integers.identity_map() if start is None else start
        self._network = network
        self._patterns = patterns
        self._kinked = [layer.kinked for layer in network.layers]
        self._ends = np.cumsum([0, *(int(kinked.sum()) for kinked in self._kinked)])
        self._maps: dict[tuple[int, bytes], tuple[Any, int]] = {}

    def map_on(self, region: int, layer: int) -> tuple[Any, int]:
        """Pre-activation map of `layer` on a region."""
        pattern = self._patterns[region]
        key = (layer, pattern[: self._ends[layer]].tobytes())
        if key in self._maps:
            return self._maps[key]
        if layer == 0:
            found = self.integers.affine(0, self._start)
        else:
            before = self.map_on(region, layer - 1)
            active = self._active(pattern, layer - 1)
            found = self.integers.affine(layer, self.integers.activate(layer - 1, before, active))
        if len(self._maps) >= _KEPT:
            self._maps.clear()
        self._maps[key] = found
        return found

    def _active(self, pattern: NDArray[np.bool_], layer: int) -> list[bool]:
        """Which units of a layer are active; linear ones count as active."""
        units = np.ones(len(self._kinked[layer]), dtype=bool)
        units[self._kinked[layer]] = pattern[self._ends[layer] : self._ends[layer + 1]]
        active: list[bool] = units.tolist()
        return active

    def forget(self) -> None:
        """Drop the maps that were kept."""
        self._maps.clear()

    def line(self, region: int, neuron: int) -> Any:
        """The integer triple of the neuron's pre-activation on the region."""
        layer, unit = (int(i) for i in self._network.neuron_units[neuron])
        return self.integers.row(self.map_on(region, layer), unit)

    def outputs(self, region: int) -> tuple[Any, int]:
        """The map of the outputs on a region; its exponent is the same on all."""
        last = len(self._network.layers) - 1
        active = self._active(self._patterns[region], last)
        return self.integers.activate(last, self.map_on(region, last), active)

    def output(self, region: int) -> list[tuple[Fraction, Fraction, Fraction]]:
        """The affine maps of the outputs on the region: (gradient x, gradient y, offset) for each."""
        matrix, scale = self.outputs(region)
        factor = 1 << scale
        rows = (self.integers.row((matrix, scale), i) for i in range(matrix.nrows()))
        return [(Fraction(int(a), factor), Fraction(int(b), factor), Fraction(int(c), factor)) for a, b, c in rows]


def finite_maps(network: Network, packed_patterns: NDArray[np.uint8], maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Affine maps with those multiplied out in integers that overflowed on the way in float64.

    Parameters
    ----------
    network : Network
        With two inputs.
    packed_patterns : ndarray, shape (R, ceil(H / 8)), uint8
    maps : ndarray, shape (R, 3, O), float64
        Coefficients of x, y and 1 of the outputs.

    Returns
    -------
    ndarray, shape (R, 3, O), float64
        What was not finite is the true coefficient, rounded once; infinite only where that is beyond the range of
        float64.
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
