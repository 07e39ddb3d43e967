"""A straight line through the input space, cut into intervals layer by layer: the engine's scheme in one dimension.

On every interval all units are affine in the line's parameter t. Signs at the ends of an interval and the order of the
roots inside it are decided by float64 where a bound on the rounding errors proves them, and in integers where
it does not; the bounds are derived in docs/segments.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arithmetic.floats import TINY, U, rounded
from regions.engine.filter import INFLATE
from regions.engine.maps.dense import norm_bound
from regions.network.integers import IntegerNetwork, along_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from regions.engine.maps.dense import LayerBounds
    from regions.network.network import Network

    Floats = NDArray[np.float64]
    Lines = tuple[Floats, Floats, Floats, Floats]

__all__ = ["ExactLine", "Intervals", "Nodes", "cut_line"]

# A root that is known less well than this is replaced by its exact value, rounded once.
_WIDE = 2.0**-30


class ExactLine:
    """Exact affine functions of t of a network's units on the line ``p + t (q - p)``, with the maps of layers kept.

    `p` and `q` have the shape (D,); `integers` gives the IntegerNetwork, for lines that share it.
    """

    def __init__(self, network: Network, p: Floats, q: Floats, integers: Callable[[], Any] | None = None) -> None:
        self._network, self._p, self._q = network, p, q
        self._given = integers
        self._maps: dict[tuple[int, bytes], tuple[Any, int]] = {}
        self._rows: dict[tuple[int, int], Any] = {}

    @cached_property
    def integers(self) -> Any:
        """The network in integers, made when first needed."""
        return IntegerNetwork(self._network) if self._given is None else self._given()

    def after(self, active: Sequence[NDArray[np.bool_]]) -> tuple[Any, int]:
        """Activations after the layers whose units are `active` or not: integers (n, 2), over 2 to an exponent."""
        key = (len(active), b"".join(a.tobytes() for a in active))
        if key not in self._maps:
            if not active:
                self._maps[key] = along_line(self._p, self._q)
            else:
                layer = len(active) - 1
                before = self.integers.affine(layer, self.after(active[:-1]))
                self._maps[key] = self.integers.activate(layer, before, active[-1])
        return self._maps[key]

    def row(self, unit: int, active: Sequence[NDArray[np.bool_]]) -> tuple[Any, Any]:
        """A positive multiple of slope and intercept of a unit's pre-activation, behind layers that are `active`."""
        layer = len(active)
        values, scale = self.after(active)
        if (layer, unit) not in self._rows:
            self._rows[layer, unit] = self.integers.weight_row(layer, unit)
        product = self._rows[layer, unit] * values
        return product[0, 0], product[0, 1] + (self.integers.biases[layer][unit] << scale)

    def root(self, unit: int, active: Sequence[NDArray[np.bool_]]) -> Fraction:
        """Where a unit's pre-activation vanishes; its slope must not be 0."""
        slope, intercept = self.row(unit, active)
        return Fraction(-int(intercept), int(slope))


@dataclass(slots=True)
class Nodes:
    """Ends of intervals, in the order in which they were found; the first two are the ends of the line itself.

    Parameters
    ----------
    times, errors : ndarray, shape (N,), float64
        Estimate of t, and a bound on its error.
    layers, units : ndarray, shape (N,), int64
        The unit that vanishes there; -1 for the ends of the line.
    slopes, slope_errors : ndarray, shape (N,), float64
        Slope of that unit, and a bound on its error.
    exact : dict of int to (int, int)
        Numerator and denominator >= 0, where known; the denominator is 0 at infinity.
    """

    times: Floats
    errors: Floats
    layers: NDArray[np.int64]
    units: NDArray[np.int64]
    slopes: Floats
    slope_errors: Floats
    exact: dict[int, tuple[int, int]]


@dataclass(slots=True)
class Intervals:
    """F intervals of a line and what is known on them.

    Parameters
    ----------
    nodes : Nodes
    order : ndarray, shape (F + 1,), int64
        The nodes at the ends of the intervals, in order.
    active : list of ndarray, each of shape (F, n), bool
        Activity of all units of every layer passed.
    maps : ndarray, shape (F, 2, n), float64
        Slopes and intercepts of the activations after the last layer passed.
    errors : ndarray, shape (F, 2), float64
        Bounds on the 2-norms of their errors.
    line : ExactLine
    proven, decided : int
        Decisions by float and in integers.
    flat : ndarray, shape (F,), bool
        Where a neuron vanishes on the whole interval: beside the line it may be active.
    """

    nodes: Nodes
    order: NDArray[np.int64]
    maps: Floats
    errors: Floats
    line: ExactLine
    active: list[NDArray[np.bool_]] = field(default_factory=list)
    proven: int = 0
    decided: int = 0
    flat: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(1, dtype=bool))

    def prefix(self, interval: int, n_layers: int) -> list[NDArray[np.bool_]]:
        """Activity of the first layers on one interval."""
        return [a[interval] for a in self.active[:n_layers]]

    def exact_node(self, i: int) -> tuple[int, int]:
        """The i-th end of the intervals as numerator and denominator."""
        node = int(self.order[i])
        if node not in self.nodes.exact:
            layer, unit = int(self.nodes.layers[node]), int(self.nodes.units[node])
            root = self.line.root(unit, self.prefix(i - 1, layer))
            self.nodes.exact[node] = root.numerator, root.denominator
        return self.nodes.exact[node]


def _signs_at(
    a: Floats,
    c: Floats,
    ea: Floats,
    ec: Floats,
    t: Floats,
    d: Floats,
    infinity: Floats,
) -> NDArray[np.int8]:
    """Proven signs of a t + c, 0 where nothing is proven; t of shape (F, 1), the lines (F, m)."""
    product = a * t
    value = product + c
    bound = 4.0 * U * (np.abs(product) + np.abs(c)) + (np.abs(a) + ea) * d + ea * np.abs(t) + ec
    far = infinity != 0
    if far.any():
        value = np.where(far, a * infinity, value)
        bound = np.where(far, ea, bound)
    bound = np.where(np.isfinite(value), bound * INFLATE + TINY, np.inf)
    return (value > bound).astype(np.int8) - (value < -bound).astype(np.int8)


def _node_signs(state: Intervals, units: NDArray[np.int64], lines: Lines) -> NDArray[np.int8]:
    """Signs of the units at all ends of intervals, 0 where they vanish: (F + 1, m)."""
    t = state.nodes.times[state.order][:, None]
    d = state.nodes.errors[state.order][:, None]
    infinity = np.zeros_like(t)
    for end in (0, -1):
        numerator, denominator = state.nodes.exact[int(state.order[end])]
        infinity[end] = numerator if denominator == 0 else 0.0
    signs = np.zeros((len(t), len(units)), dtype=np.int8)
    signs[:-1] = _signs_at(*lines, t[:-1], d[:-1], infinity[:-1])
    # A unit is continuous, so the interval on the left of a node may speak where the one on its right cannot.
    from_left = _signs_at(*lines, t[1:], d[1:], infinity[1:])
    np.copyto(signs[1:], from_left, where=signs[1:] == 0)
    open_nodes, open_units = np.nonzero(signs == 0)
    state.decided += len(open_nodes)
    state.proven += signs.size - len(open_nodes)
    layer = len(state.active)
    for i, j in zip(open_nodes.tolist(), open_units.tolist(), strict=True):
        slope, intercept = state.line.row(int(units[j]), state.prefix(min(i, len(t) - 2), layer))
        numerator, denominator = state.exact_node(i)
        value = slope * numerator + intercept * denominator
        if denominator == 0 and value == 0:
            value = intercept
        signs[i, j] = (value > 0) - (value < 0)
    return signs


@dataclass(slots=True)
class _Roots:
    """Crossings of intervals by units: all arrays of shape (C,)."""

    intervals: NDArray[np.int64]
    units: NDArray[np.int64]
    times: Floats
    errors: Floats
    slopes: Floats
    slope_errors: Floats


def _ordered(state: Intervals, roots: _Roots) -> tuple[NDArray[np.int64], NDArray[np.bool_], dict[int, Fraction]]:
    """Sort crossings; say which of them, in that order, begin a new node, and which are known exactly."""
    layer, n = len(state.active), len(roots.times)
    exact: dict[int, Fraction] = {}

    def settle(i: int) -> Fraction:
        if i not in exact:
            exact[i] = state.line.root(int(roots.units[i]), state.prefix(int(roots.intervals[i]), layer))
            roots.times[i] = rounded(exact[i])
            size = abs(roots.times[i])
            roots.errors[i] = size * U * INFLATE + TINY if size < np.inf else np.inf
        return exact[i]

    wide = ~(roots.errors <= _WIDE * (np.abs(roots.times) + 1.0))
    for i in np.flatnonzero(wide).tolist():
        settle(i)
    order = np.lexsort((roots.times, roots.intervals))
    t, d = roots.times[order], roots.errors[order]
    low = np.where(d < np.inf, np.nextafter(t - d, -np.inf), -np.inf)
    high = np.where(d < np.inf, np.nextafter(t + d, np.inf), np.inf)
    apart = np.maximum.accumulate(high)[:-1] < np.minimum.accumulate(low[::-1])[::-1][1:]
    apart |= np.diff(roots.intervals[order]) != 0
    begins = np.ones(n, dtype=bool)
    ends = np.flatnonzero(np.concatenate([apart, [True]])) + 1
    starts = np.concatenate([[0], ends[:-1]])
    state.proven += int(apart.sum())
    state.decided += int(n - 1 - apart.sum())
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start == 1:
            continue
        members = sorted(order[start:end].tolist(), key=settle)
        order[start:end] = members
        for i in range(1, end - start):
            begins[start + i] = exact[members[i]] != exact[members[i - 1]]
    return order, begins, exact


def _split(state: Intervals, kinked: NDArray[np.int64], n_units: int, lines: Lines) -> NDArray[np.int64]:
    """Split every interval at the roots inside it; return the interval that each of the new ones lies in."""
    layer, n_intervals = len(state.active), len(state.order) - 1
    signs = _node_signs(state, kinked, lines)
    left, right = signs[:-1], signs[1:]
    f, j = np.nonzero(left * right < 0)
    a, c, ea, ec = (np.broadcast_to(x, left.shape)[f, j] for x in lines)
    times = -c / a
    residual = np.abs(a * times + c) + 4.0 * U * (np.abs(a * times) + np.abs(c)) + ea * np.abs(times) + ec
    room = np.abs(a) - ea
    errors = np.where((room > 0) & (room < np.inf), (residual * INFLATE + TINY) / room * INFLATE + TINY, np.inf)
    roots = _Roots(f, kinked[j], times, errors, a, ea)
    state.flat = state.flat | ((left == 0) & (right == 0)).any(axis=1)
    active = np.ones((n_intervals, n_units), dtype=bool)
    active[:, kinked] = (left > 0) | (right > 0)
    if len(f) == 0:
        state.active.append(active)
        return np.arange(n_intervals)
    order, begins, exact = _ordered(state, roots)

    first_of_node = order[begins]
    hosts = f[first_of_node]
    children = 1 + np.bincount(hosts, minlength=n_intervals)
    first = np.cumsum(children) - children
    node = np.cumsum(begins) - 1
    # The k-th new node of all intervals up to and including `host` comes after host + 1 old nodes.
    places = np.arange(len(hosts)) + hosts + 1
    rank = (places[node] - first[f[order]])[np.argsort(order)]

    parents = np.repeat(np.arange(n_intervals), children)
    active = active[parents]
    lengths = children[f]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    rows = np.repeat(first[f], lengths) + within
    was = np.repeat(left[f, j] > 0, lengths)
    active[rows, np.repeat(kinked[j], lengths)] = (within < np.repeat(rank, lengths)) == was

    nodes, known = state.nodes, len(state.nodes.times)
    new_order = np.empty(len(parents) + 1, dtype=np.int64)
    new_order[np.append(first, len(parents))] = state.order
    new_order[places] = known + np.arange(len(hosts))
    state.order = new_order
    for number, root in enumerate(first_of_node.tolist()):
        if root in exact:
            nodes.exact[known + number] = exact[root].numerator, exact[root].denominator
    nodes.times = np.append(nodes.times, roots.times[first_of_node])
    nodes.errors = np.append(nodes.errors, roots.errors[first_of_node])
    nodes.layers = np.append(nodes.layers, np.full(len(hosts), layer))
    nodes.units = np.append(nodes.units, roots.units[first_of_node])
    nodes.slopes = np.append(nodes.slopes, a[first_of_node])
    nodes.slope_errors = np.append(nodes.slope_errors, ea[first_of_node])
    state.active = [before[parents] for before in state.active]
    state.active.append(active)
    state.flat = state.flat[parents]
    return parents


def _start(line: ExactLine, p: Floats, q: Floats, ends: tuple[int, int]) -> Intervals:
    maps = np.stack([q - p, p])[None]
    # The difference is rounded once.
    errors = np.array([[U * norm_bound(maps[0, :1])[0] * INFLATE, 0.0]])
    minus_one, none = np.full(2, -1), np.zeros(2)
    # An infinite end has no float: whatever is computed with it proves nothing, and it is treated by itself.
    times = np.array([0.0 if ends[0] else -np.inf, 1.0 if ends[1] else np.inf])
    exact = {0: (0, 1) if ends[0] else (-1, 0), 1: (1, 1) if ends[1] else (1, 0)}
    nodes = Nodes(times, np.zeros(2), minus_one, minus_one, none, none, exact)
    return Intervals(nodes, np.array([0, 1]), maps, errors, line)


def cut_line(
    network: Network,
    bounds: Sequence[LayerBounds],
    line: ExactLine,
    p: Floats,
    q: Floats,
    ends: tuple[int, int],
    maps: bool = True,
) -> Intervals:
    """Cut a line into the intervals on which no neuron changes its activity.

    The line runs through points p and q of shape (D,), and may end at t = 0 and at t = 1. Without `maps` of the outputs
    the work ends behind the last layer that has neurons.
    """
    last = max((i for i, layer in enumerate(network.layers) if layer.kinked.any()), default=0)
    with np.errstate(all="ignore"):
        state = _start(line, p, q, ends)
        for i, (layer, bound) in enumerate(zip(network.layers, bounds, strict=True)):
            n = len(state.maps)
            z = (state.maps.reshape(2 * n, -1) @ layer.weight.T).reshape(n, 2, -1)
            z[:, 1] += layer.bias
            norms = norm_bound(state.maps) + TINY
            one_row = (state.errors + bound.gamma * norms)[:, :, None] * bound.row_norms
            one_row[:, 1] += bound.gamma * np.abs(layer.bias)
            one_row = one_row * INFLATE + bound.tiny
            errors = bound.spectral * state.errors + bound.gamma * bound.frobenius * norms
            errors[:, 1] += bound.gamma * bound.bias_norm
            errors = errors * INFLATE + layer.n_out * bound.tiny
            kinked = np.flatnonzero(layer.kinked)
            lines = (z[:, 0, kinked], z[:, 1, kinked], one_row[:, 0, kinked], one_row[:, 1, kinked])
            parents = _split(state, kinked, layer.n_out, lines)
            if i == last and not maps:
                break
            slopes = np.where(state.active[-1], layer.above, layer.below)
            # Zero times anything, an overflow too.
            state.maps = np.where(slopes[:, None] == 0.0, 0.0, z[parents] * slopes[:, None])
            after = norm_bound(state.maps) + TINY
            steepest, rounds = bound.slopes
            state.errors = (steepest * errors[parents] + rounds * after) * INFLATE
    return state
