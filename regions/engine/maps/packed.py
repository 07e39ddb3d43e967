"""A network in flat arrays, as the kernels that fold its layers take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from regions.engine.maps.dense import norm_bound, spectral_bound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network.network import Network

__all__ = ["PackedNetwork", "pack"]


class PackedNetwork(NamedTuple):
    """A network in flat arrays, with the norms that the error bounds need.

    `sizes` is (L, 2) int64: outputs and inputs of every layer; weights follow one another in `weights`, the others too.
    """

    sizes: NDArray[np.int64]
    weights: NDArray[np.float64]
    biases: NDArray[np.float64]
    below: NDArray[np.float64]
    above: NDArray[np.float64]
    row_norms: NDArray[np.float64]
    spectral: NDArray[np.float64]
    frobenius: NDArray[np.float64]
    bias_norms: NDArray[np.float64]
    last: int


_packed: WeakKeyDictionary[Network, PackedNetwork] = WeakKeyDictionary()


def pack(network: Network) -> PackedNetwork:
    """Flatten a network; what was made for it is kept as long as the network."""
    if network in _packed:
        return _packed[network]
    layers = network.layers
    last = max((i for i, layer in enumerate(layers) if layer.kinked.any()), default=-1)
    _packed[network] = PackedNetwork(
        sizes=np.array([layer.weight.shape for layer in layers], dtype=np.int64),
        weights=np.concatenate([layer.weight.ravel() for layer in layers]),
        biases=np.concatenate([layer.bias for layer in layers]),
        below=np.concatenate([layer.below for layer in layers]),
        above=np.concatenate([layer.above for layer in layers]),
        row_norms=np.concatenate([norm_bound(layer.weight) for layer in layers]),
        # Neither the first layer's errors nor the last one's are passed on.
        spectral=np.array([spectral_bound(x.weight) if 0 < i < last else 0.0 for i, x in enumerate(layers)]),
        frobenius=np.array([float(norm_bound(layer.weight.reshape(1, -1))[0]) for layer in layers]),
        bias_norms=np.array([float(norm_bound(layer.bias.reshape(1, -1))[0]) for layer in layers]),
        last=last,
    )
    return _packed[network]
