"""Roots to about twice the precision of float64, so that they can be rounded once.

A forward pass at the estimated roots, in pairs of floats: the matrices are cut into slices of so few bits that float64
products of slices are exact, whatever the order of summation (the scheme of Ozaki, Ogita, Oishi & Rump 2012). One
Newton step from there has an error far below half a unit in the last place; the bounds are derived in docs/segments.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import TINY, U, rounded_quotient
from regions.arithmetic.matrices import dense
from regions.engine.filter import INFLATE
from regions.engine.maps.dense import norm_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from regions.engine.line.intervals import Intervals
    from regions.engine.maps.dense import LayerBounds
    from regions.network.network import Layer, Network

    Floats = NDArray[np.float64]

__all__ = ["rounded_times", "sliced_product"]

_BITS = 84


def _sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rounded sum, and its rounding error exactly."""
    s = a + b
    part = s - a
    return s, (a - (s - part)) + (b - part)


def _halves(a: Floats) -> tuple[Floats, Floats]:
    shifted = a * 134217729.0
    high = shifted - (shifted - a)
    return high, a - high


def _product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rounded product, and its rounding error exactly unless something over- or underflows."""
    p = a * b
    (ah, al), (bh, bl) = _halves(a), _halves(b)
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


def _slices(values: Floats, bits: int, count: int) -> list[Floats]:
    """Numbers of at most 1 in absolute value as sums of `count` slices, up to 2**(-bits * count)."""
    slices = []
    for i in range(1, count + 1):
        grid = 2.0 ** (bits * i)
        piece = np.rint(values * grid) / grid
        slices.append(piece)
        values = values - piece
    return slices


def sliced_product(weight: Floats, high: Floats, low: Floats) -> tuple[Floats, Floats, Floats]:
    """``weight @ (high + low)`` as a sum of two floats, with a bound on its error.

    Parameters
    ----------
    weight : ndarray, shape (M, N), float64
    high, low : ndarray, shape (N, K), float64
        ``|low| <= 2**-52 |high|``.

    Returns
    -------
    high, low, error : ndarray, shape (M, K), float64

    Examples
    --------
    >>> third = np.full((1, 1), 1 / 3)
    >>> high, low, error = sliced_product(third, third, 0 * third)
    >>> from fractions import Fraction
    >>> difference = abs(Fraction(high[0, 0]) + Fraction(low[0, 0]) - Fraction(1 / 3) ** 2)
    >>> bool(difference <= error[0, 0] < 2.0**-80)
    True
    """
    n = weight.shape[1]
    count = 4
    while count * (bits := (53 - int(np.ceil(np.log2(n * count)))) // 2) < _BITS:
        count += 1
    rows = np.frexp(np.abs(weight).max(axis=1))[1][:, None]
    columns = np.frexp(np.abs(high).max(axis=0))[1][None, :]
    left = _slices(np.ldexp(weight, -rows), bits, count)
    right = [
        a + b
        for a, b in zip(
            _slices(np.ldexp(high, -columns), bits, count), _slices(np.ldexp(low, -columns), bits, count), strict=True
        )
    ]
    top = np.zeros((weight.shape[0], high.shape[1]))
    rest = np.zeros_like(top)
    for level in range(count - 1, -1, -1):
        # One product for all pairs of slices of the same weight: their sum still fits into 53 bits.
        exact = np.hstack(left[: level + 1]) @ np.vstack(right[level::-1])
        top, lost = _sum(exact, top)
        rest += lost
    top, rest = _sum(top, rest)
    error = n * ((4 * count + 6) * 2.0 ** (-bits * count) + 8 * count**2 * U**2)
    power = rows + columns
    return np.ldexp(top, power), np.ldexp(rest, power), np.ldexp(error, power) + TINY


def _affine(layer: Layer, high: Floats, low: Floats, bias: Floats) -> tuple[Floats, Floats, Floats]:
    """``weight @ x + bias`` in pairs of floats; `bias` is broadcast."""
    top, rest, error = sliced_product(dense(layer.weight), high, low)
    top, lost = _sum(top, bias + np.zeros_like(top))
    rest = rest + lost
    error = error + 8 * U**2 * (np.abs(top) + np.abs(bias)) + 4 * U * np.abs(rest) * U
    top, rest = _sum(top, rest)
    return top, rest, error


def _residuals(
    network: Network, bounds: Sequence[LayerBounds], state: Intervals, p: Floats, q: Floats, places: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Values of the vanishing units at the estimated times of the nodes at `places`, and bounds on their errors."""
    nodes, order = state.nodes, state.order
    t = nodes.times[order[places]]
    values, errors = np.zeros(len(places)), np.full(len(places), np.inf)
    here = np.arange(len(places))
    first = network.layers[0]
    d_high, d_low = _sum(q, -p)
    bias = np.stack([np.zeros(first.n_out), first.bias], axis=1)
    top, rest, error = _affine(first, np.stack([d_high, p], axis=1), np.stack([d_low, np.zeros_like(p)], axis=1), bias)
    high, low = _product(top[:, :1], t[None])
    high, lost = _sum(high, top[:, 1:] + np.zeros_like(high))
    high, low = _sum(high, low + rest[:, :1] * t + rest[:, 1:] + lost)
    local = (error[:, :1] * np.abs(t) + error[:, 1:]) * INFLATE
    local += 32 * U**2 * (np.abs(top[:, :1] * t) + np.abs(top[:, 1:])) + TINY
    carried = np.zeros(len(t))
    for i, (layer, bound) in enumerate(zip(network.layers, bounds, strict=True)):
        if i:
            high, low, local = _affine(layer, high, low, layer.bias[:, None])
        ending = nodes.layers[order[places[here]]] == i
        units = nodes.units[order[places[here[ending]]]]
        columns = np.flatnonzero(ending)
        values[here[ending]] = high[units, columns] + low[units, columns]
        errors[here[ending]] = (
            bound.row_norms[units] * carried[columns] * (i > 0)
            + local[units, columns]
            + 2 * U * np.abs(values[here[ending]])
        ) * INFLATE + TINY
        going = np.flatnonzero(~ending)
        here = here[going]
        if len(here) == 0:
            break
        high, low, local = high[:, going], low[:, going], local[:, going]
        carried = bound.spectral * carried[going] * (i > 0) + norm_bound(local.T)
        slopes = np.where(state.active[i][places[here] - 1], layer.above, layer.below).T
        steepest, rounds = bound.slopes
        if rounds:
            product, lost = _product(high, slopes)
            low = low * slopes + lost
            sizes = norm_bound(product.T)
            high, low = _sum(product, low)
            carried = carried + 16 * U**2 * sizes
        else:
            high, low = high * slopes, low * slopes
        carried = (steepest * carried + 16 * U**2 * norm_bound(high.T)) * INFLATE + layer.n_out * TINY
    return values, errors


def rounded_times(network: Network, bounds: Sequence[LayerBounds], state: Intervals, p: Floats, q: Floats) -> Floats:
    """Times of all nodes but the two ends, each the exact number rounded once: shape (F - 1,).

    The intervals are those after the last layer, of the line through p and q of shape (D,).
    """
    nodes, order = state.nodes, state.order
    times = nodes.times[order].copy()
    known = np.zeros(len(times), dtype=bool)
    known[[0, -1]] = True
    for i, node in enumerate(order.tolist()):
        if node in nodes.exact and not known[i]:
            times[i] = rounded_quotient(*nodes.exact[node])
            known[i] = True
    places = np.flatnonzero(~known)
    if len(places):
        with np.errstate(all="ignore"):
            values, errors = _residuals(network, bounds, state, p, q, places)
            slopes, slope_errors = nodes.slopes[order[places]], nodes.slope_errors[order[places]]
            step = -values / slopes
            room = np.abs(slopes) - slope_errors
            error = (errors + np.abs(values) * (slope_errors / np.abs(slopes))) / room + 4 * U * np.abs(step)
            error = error * INFLATE + TINY
            rounded, lost = _sum(times[places], step)
            up = (np.nextafter(rounded, np.inf) - rounded) / 2 * (1 - 8 * U)
            down = (rounded - np.nextafter(rounded, -np.inf)) / 2 * (1 - 8 * U)
            proven = (room > 0) & (room < np.inf) & (lost + error < up) & (error - lost < down) & np.isfinite(rounded)
        times[places] = rounded
        for i in places[~proven].tolist():
            times[i] = rounded_quotient(*state.exact_node(i))
    return times[1:-1]
