"""How far affine maps in float64 may be from the true ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from regions.arithmetic.floats import U
from regions.network.network import Network

__all__ = ["SMALLEST", "map_error", "map_errors"]

# Whatever underflows on the way is less.
SMALLEST = 2.0**-1000


def map_error(network: Network, pattern: Any = None) -> Any:
    """Bound the rounding error of an affine map got in float64 by multiplying the layers out: (O, 3).

    For one pattern, or for all of them. A sum of n products errs by at most n u times the sum of the magnitudes (Higham
    2002, section 3.1), so the chain of layers by u times all roundings on the way times the product of the layers'
    magnitudes; four times that allows for any order and for a second product.
    """
    return map_errors(network, pattern)[1]


def map_errors(network: Network, pattern: Any = None) -> tuple[Any, ...]:
    """Bounds as of :func:`map_error` for all neurons' pre-activations, (H, 3), and for the outputs."""
    size = np.abs(np.eye(3)[:2])
    roundings, start, neurons = 0, 0, []
    # Beyond the range of float64 there is no bound: inf, or nan from 0 times inf.
    with np.errstate(over="ignore", invalid="ignore"):
        for layer in network.layers:
            kinked = np.flatnonzero(layer.kinked)
            slopes = np.maximum(np.abs(layer.below), np.abs(layer.above))
            if pattern is not None:
                active = pattern[start : start + len(kinked)]
                slopes[kinked] = np.abs(np.where(active, layer.above[kinked], layer.below[kinked]))
                start += len(kinked)
            # The smallest summand stands for what underflows, and is enlarged by the layers that follow.
            size = np.abs(layer.weight) @ size + SMALLEST
            size[:, 2] += np.abs(layer.bias)
            roundings += layer.n_in + 3
            neurons.append(4 * roundings * U * size[kinked])
            size *= slopes[:, None]
            size += SMALLEST
        outputs = 4 * roundings * U * size
    return tuple(np.where(np.isnan(a), np.inf, a) for a in (np.concatenate(neurons), outputs))
