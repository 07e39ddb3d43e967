"""A network modulo primes: what is 0 and what is equal, for many patterns and points at once.

:mod:`regions.arithmetic.residues` says why neither answer rests on chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from flint import fmpz

from regions.arithmetic.matrices import is_sparse, stored
from regions.arithmetic.residues import Modular, extent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from regions.network.network import Network

    Floats = NDArray[np.float64]

__all__ = ["ResidueNetwork", "block_size", "integers_are_faster", "primes", "sizes"]

_ENTRIES = 1 << 22


def _bits(network: Network) -> int:
    """The largest number of bits of residues whose products with the weights stay below 2**53."""
    widest = max(layer.n_in for layer in network.layers) + 1
    return min(26, (52 - widest.bit_length()) // 3 * 2)


def primes(network: Network) -> Iterator[int]:
    """Primes fit for a network, from the largest on."""
    for k in range((1 << _bits(network)) - 1, 2, -2):
        if fmpz(k).is_prime():
            yield k


class ResidueNetwork:
    """A network modulo a prime.

    Parameters
    ----------
    network : Network
    prime : int
        One of :func:`primes`.
    start : callable, optional
        Given the arithmetic, residues of the first map, shape (D, k), whose last column is the constants'. Left out,
        the plane's own: coefficients of x, of y and of 1.
    """

    def __init__(self, network: Network, prime: int, start: Callable[[Modular], Floats] | None = None) -> None:
        self.modular = Modular(prime)
        self.start = np.eye(3)[:2] if start is None else start(self.modular)
        self._network = network
        half = float(1 << _bits(network) // 2)
        self._half = half
        self._layers = []
        for layer in network.layers:
            high, low = np.divmod(self.modular.of_floats(stored(layer.weight)), half)
            parts = [self._matrix(layer.weight, part) for part in (high, low)]
            slopes = self.modular.of_floats(np.stack([layer.below, layer.above]))
            self._layers.append((parts, self.modular.of_floats(layer.bias), slopes))

    @staticmethod
    def _matrix(weight: Any, values: Floats) -> Any:
        if not is_sparse(weight):
            return values.reshape(weight.shape)
        return type(weight)((values, weight.indices, weight.indptr), shape=weight.shape)

    def walk(self, start: Floats, ones: Floats, patterns: NDArray[np.bool_]) -> Iterator[Floats]:
        """Go through the layers with many columns for each of B patterns of shape (B, H).

        `start` holds residues, shape (D, B, k); `ones`, shape (B, k), is what a bias is multiplied by. Yields residues
        of each layer's pre-activations, shape (n, B, k), then of the outputs.
        """
        values, done = start, 0
        for layer, ((high, low), bias, (below, above)) in zip(self._network.layers, self._layers, strict=True):
            columns = values.reshape(len(values), -1)
            z = self.modular.reduce(high @ columns) * self._half + low @ columns
            z = self.modular.reduce(z).reshape(layer.n_out, *ones.shape)
            used = np.flatnonzero(bias)
            z[used] = self.modular.reduce(z[used] + self.modular.times(bias[used, None, None], ones))
            yield z
            kinked = layer.kinked
            count = int(kinked.sum())
            slopes = np.repeat(above[:, None], len(patterns), axis=1)
            slopes[kinked] = np.where(patterns[:, done : done + count].T, above[kinked, None], below[kinked, None])
            done += count
            values = self.modular.times(z, slopes[:, :, None])
        yield values

    def maps(self, patterns: NDArray[np.bool_]) -> Iterator[Floats]:
        """The affine maps on regions of patterns (B, H), layer by layer: see :meth:`walk`."""
        start = np.repeat(self.start[:, None], len(patterns), axis=1)
        ones = np.zeros(start.shape[1:])
        ones[:, -1] = 1
        return self.walk(start, ones, patterns)

    def outputs(self, patterns: NDArray[np.bool_]) -> Floats:
        """The outputs' affine maps on regions: shape (B, O * k)."""
        for last in self.maps(patterns):
            found = last
        return np.moveaxis(found, 1, 0).reshape(len(patterns), -1)

    def rows(self, patterns: NDArray[np.bool_], which: NDArray[np.int64], neurons: NDArray[np.int64]) -> Floats:
        """Pre-activations, shape (n, k): row i is neuron ``neurons[i]``'s where the pattern is ``which[i]``."""
        found = np.empty((len(which), self.start.shape[1]))
        layers, units = self._network.neuron_units[neurons].T
        deepest = int(layers.max(initial=-1))
        for depth, z in enumerate(self.maps(patterns)):
            here = np.flatnonzero(layers == depth)
            found[here] = z[units[here], which[here]]
            if depth >= deepest:
                break
        return found

    def zeros(self, points: Floats, patterns: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where the neurons' pre-activations are 0 modulo the prime, shape (B, H).

        The points are residues of homogeneous coordinates, shape (B, k), the last of which belongs to the constants;
        the patterns, shape (B, H), those of regions whose closures contain them.
        """
        terms = [self.modular.times(self.start[:, None, j], points[:, j]) for j in range(points.shape[1])]
        start = self.modular.reduce(np.sum(terms, axis=0))
        found = np.empty(patterns.shape, dtype=bool)
        done = 0
        walk = self.walk(start[:, :, None], points[:, -1:], patterns)
        for layer, z in zip(self._network.layers, walk, strict=False):
            units = np.flatnonzero(layer.kinked)
            found[:, done : done + len(units)] = (z[units, :, 0] == 0).T
            done += len(units)
        return found


def block_size(network: Network, columns: int = 3) -> int:
    """How many patterns to take at once."""
    return max(1, _ENTRIES // (columns * max(network.widths)))


def integers_are_faster(network: Network, count: int, bits: int) -> bool:
    """Whether so many maps are sooner compared as integers than modulo primes whose product has so many bits.

    Every prime goes through all weights once, which takes long where exponents are far apart; integers go through all
    weights once for every map, without BLAS. Both in tenths of a microsecond.
    """
    n_layers = len(network.layers)
    entries = sum(layer.weight.size for layer in network.layers)
    n_primes = bits // (_bits(network) - 1) + 1
    modular = n_primes * (1000 * n_layers + entries + count * sum(network.widths))
    return modular > count * (750 * n_layers + 7 * entries)


def sizes(network: Network, start: tuple[int, int] = (1, 0)) -> tuple[int, int]:
    """How many bits the scaled integers have that stand for the coefficients of neurons' and of outputs' affine maps.

    The first map's coefficients are below ``2**start[0]`` in magnitude and multiples of ``2**-start[1]``. Every
    coefficient, times a power of two that is the same for the whole layer, is an integer below 2**bits.
    """
    top, scale = start
    neurons = 0
    for layer in network.layers:
        weight, weight_scale = extent(stored(layer.weight))
        bias, bias_scale = extent(layer.bias)
        top = (layer.n_in + 1).bit_length() + max(weight + top, bias)
        scale += max(weight_scale, bias_scale)
        neurons = max(neurons, top + scale)
        slope, slope_scale = extent(layer.below, layer.above)
        top += slope
        scale += slope_scale
    return neurons, max(0, top + scale)
