"""A bound on the rounding error of a network's float64 values, and of the affine maps of its regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import U

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network.network import Network

__all__ = ["map_bounds", "value_bounds"]

# More than all underflows together, and nothing beside any other error; so that no bound is 0.
_TINY = 2.0**-900
# A sum of magnitudes so large may overflow when it is added up in another order.
_LARGE = 2.0**1000
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
    gamma = k * U / (1 - k * U)
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
                # What underflows may be multiplied up again behind this layer.
                m = sizes @ np.abs(weight).T + np.abs(bias) + _TINY
                active = z > 0
                size_slopes = np.where(active, np.abs(above), np.abs(below))
                larger = np.maximum(np.abs(above), np.abs(below))
                np.copyto(size_slopes, larger, where=~(np.abs(z) > gamma * m))
                values = np.where(active, above, below) * z
                sizes = size_slopes * m
            bounds[start : start + block] = gamma * sizes[:, 0] + _TINY
    return np.where(np.isnan(bounds), np.inf, bounds).reshape(len(y), len(x))


def map_bounds(network: Network) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bound the rounding errors of affine maps that float64 products of the layers give, whatever the pattern.

    Parameters
    ----------
    network : Network
        With two inputs.

    Returns
    -------
    neurons : ndarray, shape (H, 3), float64
        For the coefficients of x, of y and of 1 of the neurons' pre-activations.
    outputs : ndarray, shape (O, 3), float64
        For those of the outputs. Infinite where the products leave the range of float64.

    Notes
    -----
    A sum of n products errs by at most n u / (1 - n u) times the sum of their magnitudes, in whatever order it is
    formed (Higham 2002, section 3.1). So after some layers the error is at most K u times the product of the layers'
    magnitudes, the larger slope of every unit taken, where K counts the roundings on the way; four times that allows
    for terms of second order and for a second product. Every layer adds more than can underflow in it. Where a bound
    is finite, so are the products, in whatever order they are formed.
    """
    size = np.eye(3)[:2]
    roundings, neurons = 0, []
    with np.errstate(over="ignore", invalid="ignore"):
        for layer in network.layers:
            size = abs(layer.weight) @ size + _TINY
            size[:, 2] += np.abs(layer.bias)
            size = np.where(size < _LARGE, size, np.inf)
            roundings += layer.n_in + 3
            neurons.append(4 * roundings * U * size[layer.kinked])
            size = size * np.maximum(np.abs(layer.below), np.abs(layer.above))[:, None] + _TINY
            size = np.where(size < _LARGE, size, np.inf)
        found = np.concatenate(neurons), 4 * roundings * U * size
    outer = [np.where(np.isnan(bounds), np.inf, bounds) for bounds in found]
    return outer[0], outer[1]
