"""A bound on the rounding error of a network's float64 values, and of the affine maps of its regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network import Network

__all__ = ["value_bounds"]

_U = 2.0**-53
# More than all underflows together, and nothing beside any other error; so that no bound is 0.
_TINY = 2.0**-900
_BLOCK_BYTES = 1 << 19


def value_bounds(network: Network, x: NDArray[np.float64], y: NDArray[np.float64], output: int) -> NDArray[np.float64]:
    r"""Bound how far a float64 value may lie from the exact one, on a grid.

    Parameters
    ----------
    network : Network
    x, y : ndarray, shape (N,), float64
        Grid coordinates.
    output : int

    Returns
    -------
    ndarray, shape (N, N), float64
        Row j, column i: bound at the point (x[i], y[j]).

    Notes
    -----
    Let M bound the coordinates' size, and let A(p) be the network with |weights|, |biases| and |slopes| at (M, M),
    through the units only that may be active at p. A float evaluation of layer l, in whatever order it sums, adds
    errors of at most (n + 4) u times the layer's |weights| · A + |biases|, where n counts its inputs and u = 2⁻⁵³,
    and passes earlier ones on through the same matrices; so after all layers the error is at most γ A(p) with γ = K
    u / (1 - K u), K = Σ (n + 4). A unit whose sign is not certain by this very bound counts with its larger slope.
    The same γ A(p) bounds the error of g·p + c for a region's affine map (g, c), a product of the same matrices on
    the region's active units. A border that lies a few u M off moves a unit's zero line by less than its own
    uncertainty, for M and not \|p\| enters A; 64 is added to K for that, and for the few roundings of the
    differences that are formed from the values.
    """
    reach = np.array([np.abs(x).max(), np.abs(y).max()])
    k = sum(layer.n_in + 4 for layer in network.layers) + 64
    gamma = k * _U / (1 - k * _U)
    bounds = np.empty(len(x) * len(y))
    # A block's widest array stays in the cache: the passes over it, not the products, are what takes time.
    block = max(64, _BLOCK_BYTES // (8 * max(network.widths)))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(bounds), block):
            rows, columns = np.divmod(np.arange(start, min(start + block, len(bounds))), len(x))
            values = np.column_stack([x[columns], y[rows]])
            sizes = np.broadcast_to(reach, values.shape)
            for i, layer in enumerate(network.layers):
                units = slice(output, output + 1) if i == len(network.layers) - 1 else slice(None)
                weight, bias = layer.weight[units], layer.bias[units]
                below, above = layer.below[units], layer.above[units]
                z = values @ weight.T + bias
                m = sizes @ np.abs(weight).T + np.abs(bias)
                active = z > 0
                size_slopes = np.where(active, np.abs(above), np.abs(below))
                larger = np.maximum(np.abs(above), np.abs(below))
                np.copyto(size_slopes, larger, where=~(np.abs(z) > gamma * m))
                values = np.where(active, above, below) * z
                sizes = size_slopes * m
            bounds[start : start + block] = gamma * sizes[:, 0] + _TINY
    return np.where(np.isnan(bounds), np.inf, bounds).reshape(len(y), len(x))
