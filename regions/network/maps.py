"""The affine maps of a network's outputs and neurons on its regions, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from regions.network.network import Network

    Floats = NDArray[np.float64]

__all__ = ["affine_maps"]

_BLOCK_BYTES = 1 << 24


def affine_maps(
    network: Network, patterns: NDArray[np.bool_], faces: NDArray[np.int64], neurons: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Multiply the layers of a network of two inputs out on every region.

    Patterns of shape (R, H), and Q regions with a neuron each whose pre-activation there is wanted, give the
    coefficients of x, y and 1 of the outputs, (R, 3, O), and of these neurons, (Q, 3).
    """
    widest = max(layer.n_out for layer in network.layers)
    size = max(1, _BLOCK_BYTES // (24 * widest))
    maps = np.empty((len(patterns), 3, network.n_outputs))
    lines = np.empty((len(faces), 3))
    order = np.argsort(faces, kind="stable")
    bounds = np.searchsorted(faces[order], np.arange(0, len(patterns) + size, size))
    for i, start in enumerate(range(0, len(patterns), size)):
        here = patterns[start : start + size]
        wanted = order[bounds[i] : bounds[i + 1]]
        last = None
        for layer, units, before in _pre_activations(network, here):
            mine = wanted[network.neuron_units[neurons[wanted], 0] == layer]
            lines[mine] = before[faces[mine] - start, :, network.neuron_units[neurons[mine], 1]]
            last = units
        maps[start : start + size] = last
    return maps, lines


def _pre_activations(network: Network, patterns: NDArray[np.bool_]) -> Iterator[tuple[int, Floats, Floats]]:
    """Layer by layer: its number, its activations' maps and its pre-activations' maps, (R, 3, n) each."""
    values = np.broadcast_to(np.eye(3)[:, :2], (len(patterns), 3, 2))
    start = 0
    for i, layer in enumerate(network.layers):
        # What overflows is told by the caller, who knows what depends on it.
        with np.errstate(over="ignore", invalid="ignore"):
            z = (values.reshape(-1, layer.n_in) @ layer.weight.T).reshape(len(patterns), 3, layer.n_out)
            z[:, 2] += layer.bias
        kinked = np.flatnonzero(layer.kinked)
        slopes = np.broadcast_to(layer.above, (len(patterns), layer.n_out)).copy()
        active = patterns[:, start : start + len(kinked)]
        start += len(kinked)
        slopes[:, kinked] = np.where(active, layer.above[kinked], layer.below[kinked])
        with np.errstate(over="ignore", invalid="ignore"):
            values = z * slopes[:, None]
        yield i, values, z
