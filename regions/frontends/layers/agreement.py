"""How far two float64 evaluations of the same network may be apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import U

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network.network import Network

__all__ = ["allowed_difference"]

# More than a product can lose to underflow.
_SMALLEST = 2.0**-1074
# Room for steps that are merged here and not there. Even so, a weight that was rounded to float32 is found out.
_SLACK = 1024.0


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
