"""What float64 says of a network: bounds on the errors of its values and maps, and the signs they prove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from regions.arithmetic.floats import SMALLEST, TINY, U
from regions.network.integers import IntegerNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from regions.network.layer import Layer
    from regions.network.network import Network

    Floats = NDArray[np.float64]

__all__ = ["Passed", "allowed_difference", "doubtful", "map_bounds", "running_errors", "signs", "value_bounds"]

# A sum of magnitudes so large may overflow when it is added up in another order.
_LARGE = 2.0**1000
_BLOCK_BYTES = 1 << 19
# Room for steps that are merged here and not there. Even so, a weight that was rounded to float32 is found out.
_SLACK = 1024.0


class Passed(NamedTuple):
    """What :func:`running_errors` says of a layer of n units at P points: arrays of shape (P, n), float64.

    `bounds` are those on the errors of the pre-activations `z`, infinite where nothing is known of these, and `errors`
    those of the activations `values`.
    """

    layer: Layer
    z: Floats
    bounds: Floats
    values: Floats
    errors: Floats


def running_errors(
    network: Network,
    points: Floats,
    errors: Floats,
    *,
    patterns: NDArray[np.bool_] | None = None,
    share: Any = None,
    margin: float = 1.0,
    unit: float = U,
) -> Iterator[Passed]:
    r"""Evaluate a network at points, layer by layer, with a bound on the error of every number on the way.

    Parameters
    ----------
    network : Network
    points, errors : ndarray, shape (P, D), float64
        Points, and how far they may lie from those that are meant.
    patterns : ndarray, shape (P, H), bool, optional
        Of regions whose closures hold the points that are meant; otherwise signs of the pre-activations decide.
    share : float or ndarray, shape (P, 1), optional
        `errors` are this multiple of magnitudes, and the bounds then the same multiple of the magnitudes behind the
        layers: for evaluations with so large an error in all, whatever their order, products of layers among them.
    margin : float
        A sign is taken for known where the pre-activation exceeds so many bounds; nowhere if that is infinite.
    unit : float
        Relative error of one operation of the evaluation that the bounds are for.

    Yields
    ------
    Passed

    Notes
    -----
    docs/exactness.md, "The error of a value", has the proof.
    """
    values, done = points, 0
    # Not errors of the points, but what underflows in their products with gamma, in front of the weights.
    errors = errors + np.where(points == 0, 0.0, SMALLEST)
    with np.errstate(all="ignore"):
        for layer in network.layers:
            magnitudes, bias = abs(layer.weight).T, np.abs(layer.bias)
            terms = int(np.diff(layer.weight.indptr).max(initial=0)) if layer.is_sparse else layer.n_in
            gamma = 1.01 * (terms + 4) * unit
            z = values @ layer.weight.T
            z += layer.bias
            bounds = (errors if share is not None else errors + gamma * np.abs(values)) @ magnitudes
            bounds += bias * (gamma if share is None else share)
            bounds *= 1 + 2 * gamma
            bounds += TINY
            if not (bounds.max(initial=0.0) < _LARGE and z.max(initial=0.0) < np.inf and z.min(initial=0.0) > -np.inf):
                # Beyond the largest float, a part of a sum says nothing about the rest.
                bounds = np.where((bounds < _LARGE) & np.isfinite(z), bounds, np.inf)
            if patterns is None:
                active = z > 0
            else:
                active = np.ones(z.shape, dtype=bool)
                active[:, layer.kinked] = patterns[:, done : done + int(layer.kinked.sum())]
                done += int(layer.kinked.sum())
            slopes = np.where(active, layer.above, layer.below)
            values, errors = slopes * z, np.abs(slopes, out=slopes)
            if patterns is None:
                steepest = np.maximum(np.abs(layer.below), np.abs(layer.above))
                np.copyto(errors, steepest, where=~(np.abs(z) > margin * bounds))
            errors *= bounds
            if share is None:
                # The product is rounded once, and where it is too small for that, to a multiple of the smallest float.
                errors += unit * np.abs(values)
            errors *= 1 + 4 * unit
            errors += TINY
            yield Passed(layer, z, bounds, values, errors)


def value_bounds(network: Network, x: Floats, y: Floats, output: int) -> Floats:
    r"""Bound how far float64 values of an output may lie from the exact ones, on a grid of x, y, shape (N,): (N, N).

    Row j, column i is for the point (x[i], y[j]). Let M bound the coordinates' size, and let A(p) be the network with
    |weights|, |biases| and |slopes| at (M, M), through the units only that may be active at p. A float evaluation of
    layer l, in whatever order it sums, adds errors of at most (n + 4) u times the layer's |weights| · A + |biases|,
    where n counts its inputs and u = 2⁻⁵³, and passes earlier ones on through the same matrices; so after all layers
    the error is at most γ A(p) with γ = K u / (1 - K u), K = Σ (n + 4). A unit whose sign is not certain by this very
    bound counts with its larger slope. The same γ A(p) bounds the error of g·p + c for a region's affine map (g, c), a
    product of the same matrices on the region's active units. A border that lies a few u M off moves a unit's zero line
    by less than its own uncertainty, for M and not \|p\| enters A; 64 is added to K for that, and for the few roundings
    of the differences that are formed from the values.
    """
    k = sum(layer.n_in + 4 for layer in network.layers) + 64
    gamma = k * U / (1 - k * U)
    reach = gamma * np.array([np.abs(x).max(), np.abs(y).max()])
    bounds = np.empty(len(x) * len(y))
    # A block's widest array stays in the cache: the passes over it, not the products, are what takes time.
    block = max(64, _BLOCK_BYTES // (8 * max(network.widths)))
    for start in range(0, len(bounds), block):
        rows, columns = np.divmod(np.arange(start, min(start + block, len(bounds))), len(x))
        points = np.column_stack([x[columns], y[rows]])
        *_, last = running_errors(network, points, np.broadcast_to(reach, points.shape), share=gamma)
        bounds[start : start + block] = last.errors[:, output]
    return _known(bounds).reshape(len(y), len(x))


def map_bounds(network: Network, pattern: NDArray[np.bool_] | None = None) -> tuple[Floats, Floats]:
    """Bound the rounding errors of affine maps that float64 products of the layers of a network of two inputs give.

    For the coefficients of x, of y and of 1 of the neurons' pre-activations, shape (H, 3), and of the outputs, shape
    (O, 3), on a region of a pattern of shape (H,), or whatever that is; infinite where the products leave the range of
    float64.

    A sum of n products errs by at most n u / (1 - n u) times the sum of their magnitudes, in whatever order it is
    formed (Higham 2002, section 3.1). So after some layers the error is at most K u times the product of the layers'
    magnitudes, the larger slope of every unit taken, where K counts the roundings on the way; four times that allows
    for terms of second order and for a second product. Every layer adds more than can underflow in it. Where a bound is
    finite, so are the products, in whatever order they are formed.
    """
    start, constant = np.eye(3)[:, :2], np.array([[0.0], [0.0], [1.0]])
    patterns = None if pattern is None else np.repeat(pattern[None], 3, axis=0)
    # Magnitudes alone: at the origin, with no sign taken for known.
    passed = list(running_errors(network, 0 * start, start, patterns=patterns, share=constant, margin=np.inf))
    factors = 4 * U * np.cumsum([layer.n_in + 3 for layer in network.layers])
    neurons = [
        factor * sizes[:, layer.kinked].T for factor, (layer, _, sizes, _, _) in zip(factors, passed, strict=True)
    ]
    return np.concatenate(neurons), _known(factors[-1] * passed[-1].errors.T)


def signs(network: Network, points: Floats) -> NDArray[np.int8]:
    """Signs of all neurons' pre-activations at points of shape (P, D), exactly: -1, 0 or 1, shape (P, H).

    Running errors of the float64 forward pass prove most signs; a point with one that they leave open is evaluated in
    integers.
    """
    blocks, open_ = [np.zeros((len(points), 0), dtype=np.int8)], np.zeros(len(points), dtype=bool)
    for layer, z, bounds, _, _ in running_errors(network, points, np.zeros_like(points)):
        open_ |= ~(np.abs(z) > bounds)[:, layer.kinked].all(axis=1)
        blocks.append(np.sign(z[:, layer.kinked]).astype(np.int8))
    found = np.concatenate(blocks, axis=1)
    where = np.flatnonzero(open_)
    if len(where):
        integers = IntegerNetwork(network)
        for i in where.tolist():
            found[i] = integers.signs(points[i])
    return found


def doubtful(network: Network, points: Floats, errors: Floats, patterns: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where the bounds on pre-activations allow for 0, shape (B, H), at points of shape (B, 2) in regions' closures.

    The points may lie `errors`, shape (B,), from those that are meant; the patterns have the shape (B, H).
    """
    passed = running_errors(network, points, np.repeat(errors[:, None], 2, axis=1), patterns=patterns)
    blocks = [~(np.abs(z) > bounds)[:, layer.kinked] for layer, z, bounds, _, _ in passed]
    return np.concatenate(blocks, axis=1)


def allowed_difference(network: Network, points: Floats, values: Floats) -> Floats:
    """Return what rounding in float64 explains, with room to spare, between two ways of evaluating a network.

    At points of shape (P, D) with outputs of shape (P, O); infinite where an intermediate value or bound overflows.
    """
    # No sign is taken for known, since the other evaluation may find another one.
    *_, last = running_errors(network, points, np.zeros_like(points), margin=np.inf)
    with np.errstate(all="ignore"):
        allowed = _SLACK * last.errors + 2.0**-46 * np.abs(values).max(initial=0.0)
    return _known(allowed)


def _known(bounds: Floats) -> Floats:
    """Infinite where 0 times an overflow is no number."""
    return np.where(np.isnan(bounds), np.inf, bounds)
