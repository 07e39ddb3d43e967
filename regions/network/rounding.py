"""What float64 says of a network: bounds on the errors of its values and maps, and the signs they prove."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import TINY, U
from regions.arithmetic.integers import scaled_integers
from regions.network.integers import IntegerNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network.network import Network

    Floats = NDArray[np.float64]

__all__ = ["FloatLayers", "allowed_difference", "map_bounds", "signs", "value_bounds"]

# More than all underflows together, and nothing beside any other error; so that no bound is 0.
_TINY = 2.0**-900
# A sum of magnitudes so large may overflow when it is added up in another order.
_LARGE = 2.0**1000
_BLOCK_BYTES = 1 << 19


# More than a product can lose to underflow.
_SMALLEST = 2.0**-1074
# Room for steps that are merged here and not there. Even so, a weight that was rounded to float32 is found out.
_SLACK = 1024.0


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


def signs(network: Network, points: NDArray[np.float64]) -> NDArray[np.int8]:
    """Signs of all neurons' pre-activations at points, exactly: -1, 0 or 1.

    Parameters
    ----------
    network : Network
    points : ndarray, shape (P, 2), float64

    Returns
    -------
    ndarray, shape (P, H), int8

    Notes
    -----
    A running error analysis of the float64 forward pass proves most signs; a point with a sign that it leaves open is
    evaluated in integers.
    """
    values = points
    # Not errors of the points, but what underflows in their products with gamma, in front of the weights.
    errors = np.where(points == 0, 0.0, 2.0**-1074)
    blocks, open_ = [], np.zeros(len(points), dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        for layer in network.layers:
            gamma = (layer.n_in + 3) * U * 1.01
            magnitude = np.abs(layer.weight)
            z = values @ layer.weight.T + layer.bias
            bound = (errors + gamma * np.abs(values)) @ magnitude.T + gamma * np.abs(layer.bias)
            bound = bound * (1 + 1e-9) + layer.n_in * TINY
            # Beyond the largest float, a part of the sum says nothing about the rest.
            sure = (np.abs(z) > bound) & np.isfinite(z)
            kinked = layer.kinked
            open_ |= ~sure[:, kinked].all(axis=1)
            blocks.append(np.sign(z[:, kinked]).astype(np.int8))
            steepest = np.maximum(np.abs(layer.below), np.abs(layer.above))
            values = np.where(z > 0, layer.above, layer.below) * z
            # Where the sign is open, the kink may be on either side: its values differ by the slopes' difference.
            errors = (
                steepest * bound + U * np.abs(values) + np.where(sure, 0, np.abs(layer.above - layer.below) * bound)
            )
            errors = errors * (1 + 1e-9) + TINY
    result = np.concatenate(blocks, axis=1) if blocks else np.zeros((len(points), 0), dtype=np.int8)
    doubtful = np.flatnonzero(open_)
    if len(doubtful):
        integers = IntegerNetwork(network)
        for i in doubtful:
            (x, y), shift = scaled_integers(points[i])[0][0], scaled_integers(points[i])[1]
            state = integers.at_point((x, y, 1 << shift))
            exact = []
            for j, layer in enumerate(network.layers):
                state = integers.affine_at(j, state)
                entries = state[0].entries()
                exact += [(entries[k] > 0) - (entries[k] < 0) for k in np.flatnonzero(layer.kinked)]
                state = integers.activate_at(j, state)
            result[i] = exact
    return result


class FloatLayers:
    """A network in float64, to prove pre-activations different from 0 at rounded points.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network: Network) -> None:
        self._layers = [(layer, abs(layer.weight)) for layer in network.layers]

    def doubtful(self, points: Floats, errors: Floats, patterns: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where the pre-activations' bounds on regions' closures allow for 0.

        Parameters
        ----------
        points : ndarray, shape (B, 2), float64
        errors : ndarray, shape (B,), float64
            How far they may lie from the points that are meant.
        patterns : ndarray, shape (B, H), bool

        Returns
        -------
        ndarray, shape (B, H), bool

        Notes
        -----
        A sum of n products and a bias errs by at most g (|W| |x| + |b|) with g = (n + 4) u / (1 - (n + 4) u), in
        whatever order it is formed (Higham 2002, section 3.1), and an error e of x by |W| e more. The bounds are
        formed in float64 too; a hundredth more allows for that, and 2**-900 for whatever underflows. A value that is
        not finite proves nothing: beyond the largest float, a part of the sum says nothing about the rest.
        """
        found = np.empty(patterns.shape, dtype=bool)
        values, size = points.T, np.repeat(errors[None], 2, axis=0)
        done = 0
        with np.errstate(over="ignore", invalid="ignore"):
            for layer, magnitudes in self._layers:
                share = 1.01 * (layer.n_in + 4) * U
                z = layer.weight @ values + layer.bias[:, None]
                size = 1.01 * (magnitudes @ (size + share * np.abs(values))) + share * np.abs(layer.bias)[:, None]
                size += 2.0**-900
                kinked = layer.kinked
                units = np.flatnonzero(kinked)
                mine = slice(done, done + len(units))
                found[:, mine] = ~((np.abs(z[units]) > size[units]) & np.isfinite(z[units])).T
                done += len(units)
                slopes = np.repeat(layer.above[:, None], len(patterns), axis=1)
                slopes[units] = np.where(patterns[:, mine].T, layer.above[units, None], layer.below[units, None])
                values = slopes * z
                # One rounding, and where z is rounded up to a multiple of the smallest float.
                size = np.abs(slopes) * size + 2.0**-52 * np.abs(values) + 2.0**-900
        return found


def allowed_difference(
    network: Network, points: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what rounding in float64 explains, with room to spare, between two ways of evaluating a network.

    Parameters
    ----------
    network : Network
    points : ndarray, shape (P, D)
    values : ndarray, shape (P, O)
        The network's outputs.

    Returns
    -------
    ndarray, shape (P, O), float64
        Infinite where an intermediate value or bound overflows.

    Notes
    -----
    The usual running error bound of matrix products, layer by layer, and what underflows in them.
    """
    inputs, error = points, np.zeros_like(points)
    with np.errstate(all="ignore"):
        for layer in network.layers:
            size = abs(layer.weight).T
            growth = (layer.n_in + 2) * U
            reach = np.abs(inputs) @ size + np.abs(layer.bias)
            error = (error @ size) * (1 + growth) + growth * reach + layer.n_in * _SMALLEST
            z = inputs @ layer.weight.T + layer.bias
            steep = np.maximum(np.abs(layer.below), np.abs(layer.above))
            inputs = np.where(z > 0, layer.above, layer.below) * z
            error = steep * error * (1 + U) + U * np.abs(inputs) + _SMALLEST
        allowed = _SLACK * error + 2.0**-46 * np.abs(values).max(initial=0.0)
    return np.where(np.isnan(allowed), np.inf, allowed)
