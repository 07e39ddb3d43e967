"""Networks and domains that aim at the ends of float64: what overflows or underflows there cancels in the domain.

Magnitudes drawn blindly find little: a product that overflows far from every line of the network decides nothing. So a
small network of integers comes first, in degenerate position or not, over a small box. Then everything is
multiplied by powers of two that leave its regions what they are, coordinates, units and slopes, and these are chosen
so that a quantity of the engine's own computations ends a few bits beside a limit of float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from regions.domain.convex import Box, ConvexPolygon
from regions.network.network import Layer, Network
from regions.testing.strategies import ACTIVATIONS, checked_count, checked_names, drawn_slopes
from regions.testing.weights import BUILDERS, Slopes

__all__ = ["AIMS", "extremes"]

Floats = NDArray[np.float64]

_TOP, _BOTTOM = 1023, -1074

# The exponents that quantities are aimed at: where they overflow or underflow themselves, where their squares and
# products of two do, and where their fourth powers do.
_TARGETS: dict[str, tuple[int, ...]] = {
    "overflow": (1024,),
    "underflow": (-1074,),
    "squares": (512, 460, -537, -480, -440),
    "fourth_powers": (256, -268, -240),
    "both_ends": (1024, -1074, 512, -537),
    "pairs": (1024, -1074, -960),
    "slopes": (1024, -1074, 0),
    "far_domain": (0, -180, -180, -500, 1024, -1074),
}

#: Names of what is aimed at, for the argument `aims` of :func:`extremes`.
AIMS: tuple[str, ...] = tuple(_TARGETS)

# Mostly lines that meet in points and run along each other: what cancels there decides.
_KINDS = (
    *("concurrent", "concurrent", "concurrent", "integer", "integer", "duplicate", "zero_bias", "parallel"),
    *("almost_concurrent", "generic", "sparse", "dead"),
)
# Squares are taken of norms, and norms decide where lines are in generic position: elsewhere integers do.
_GENERIC = (*_KINDS, "generic", "generic", "generic", "generic", "almost_concurrent", "almost_concurrent")
_GENERIC_AIMS = ("squares", "fourth_powers")
_SHIFTS = (0, 0, 1, 2**24, -(2**24), 2**40, 3)


class _Place(NamedTuple):
    """The skeleton's x is moved to ``2**scale * (x + shift)``, over a domain 2**stretch times as wide."""

    scale: int
    shift: int
    stretch: int


def extremes(
    *,
    aims: Sequence[str] | None = None,
    activations: Sequence[str] | None = None,
    max_hidden_layers: int = 3,
    max_width: int = 5,
    max_outputs: int = 2,
) -> st.SearchStrategy[tuple[Network, Box | ConvexPolygon]]:
    """Networks of two inputs, and a domain for each, whose products over- and underflow and cancel in the domain.

    Parameters
    ----------
    aims : sequence of str, optional
        What to aim at, of :data:`AIMS`; all where left out.
    activations : sequence of str, optional
        Which activations to draw, of :data:`ACTIVATIONS`; all where left out.
    max_hidden_layers : int
        The largest number of layers with an activation, from 1 to 8.
    max_width : int
        The largest number of units in a hidden layer, from 1 to 64.
    max_outputs : int
        The largest number of outputs, from 1 to 64.

    Returns
    -------
    SearchStrategy of tuple of Network and Box or ConvexPolygon
        All weights, biases, slopes and corners are finite.

    Raises
    ------
    hypothesis.errors.InvalidArgument
        At the call, not when an example is drawn.

    Notes
    -----
    A network of small integers over a small box is moved and rescaled by powers of two: its coordinates, and every unit
    with the weights behind it. Each power is chosen so that a weight, a bias, a product, or the product of two units'
    weights ends within some bits of where it, its square or its fourth power leaves float64. In some networks a weight
    or a corner is moved by one unit in the last place, or a zero by the smallest number.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, deadline=None, database=None)
    ... @given(extremes(aims=["overflow"], max_hidden_layers=1, max_width=3))
    ... def test_three_lines_make_seven_regions_at_most(example):
    ...     from regions import count_regions
    ...     assert count_regions(*example) <= 7
    >>> test_three_lines_make_seven_regions_at_most()
    """
    aims = checked_names("aims", aims, AIMS)
    activations = checked_names("activations", activations, ACTIVATIONS)
    hidden = checked_count("max_hidden_layers", max_hidden_layers, 1, 8)
    width = checked_count("max_width", max_width, 1, 64)
    outputs = checked_count("max_outputs", max_outputs, 1, 64)
    return _extremes(aims, activations, hidden, width, outputs)


@st.composite
def _extremes(
    draw: Any, aims: tuple[str, ...], activations: tuple[str, ...], hidden: int, width: int, outputs: int
) -> tuple[Network, Box | ConvexPolygon]:
    aim = draw(st.sampled_from(aims))
    widths = [2, *(width - draw(st.integers(0, width - 1)) for _ in range(draw(st.integers(1, hidden))))]
    widths.append(draw(st.integers(1, outputs)))
    activation = draw(st.sampled_from(activations))
    slopes: Slopes = [drawn_slopes(draw, activation, w) for w in widths[1:-1]]
    slopes.append((np.ones(widths[-1]), np.ones(widths[-1])))
    kind = draw(st.sampled_from(_GENERIC if aim in _GENERIC_AIMS else _KINDS))
    weights, biases = BUILDERS[kind](draw, widths, slopes)
    # Several ends in one network, or one.
    targets = _TARGETS[aim]
    if draw(st.booleans()):
        targets = (draw(st.sampled_from(targets)),)
    corners = _corners(draw)
    # The same for x and y, so that what they are multiplied by may cancel.
    common = draw(st.sampled_from((None, *(s for s in _SHIFTS if s or aim != "overflow"))))
    places = [_place(draw, aim, corners[:, axis], common) for axis in (0, 1)]
    shift = np.array([p.shift for p in places], dtype=np.float64)
    if common and draw(st.booleans()):
        weights[0][:, 1] = draw(st.sampled_from((0.0, 1.0, -1.0))) - weights[0][:, 0]
    spread = np.ldexp(corners, [p.stretch for p in places])
    moved = spread + shift
    # What the inputs are multiplied by, as powers of two, and logarithms of their sizes before that.
    powers = np.array([p.scale for p in places])
    sizes = np.log2(np.abs(moved).max(axis=0))
    values = np.vstack([spread, spread.mean(axis=0)])
    layers = []
    for i, (weight, bias, (below, above)) in enumerate(zip(weights, biases, slopes, strict=True)):
        there = bias if i else bias - weight @ shift
        rows = _row_powers(draw, aim, targets, weight, there, powers, sizes)
        turns = _slope_powers(draw, aim, below, above)
        scaled, shifted = _ldexp(weight, rows[:, None] - powers[None]), _ldexp(there, rows)
        layers.append((scaled, shifted, np.ldexp(below, turns), np.ldexp(above, turns)))
        values = values @ weight.T + bias
        values = np.clip(np.where(values > 0, above, below) * values, -1e300, 1e300)
        sizes, powers = _log2(np.abs(values).max(axis=0)), rows + turns
    ends = np.ldexp(moved, [p.scale for p in places])
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2)))):
        _nudge(draw, layers)
    network = Network(tuple(Layer(w, b, low, high) for w, b, low, high in layers))
    return network, _domain(ends)


def _ldexp(values: Floats, powers: Any) -> Floats:
    """Scaled in two steps, so that no factor of its own leaves float64; never infinite."""
    half = np.asarray(powers) // 2
    with np.errstate(over="ignore", under="ignore"):
        result = np.ldexp(np.ldexp(values, half), powers - half)
    return np.clip(result, -np.finfo(float).max, np.finfo(float).max)


def _log2(values: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log2(np.abs(values))


def _corners(draw: Any) -> Floats:
    """Of a box, or of a triangle: shape (C, 2), small integers."""
    x, y = (-draw(st.integers(0, 3)) for _ in range(2))
    right, top = (draw(st.integers(1, 3)) for _ in range(2))
    if draw(st.integers(0, 4)):
        return np.array([(x, y), (right, y), (right, top), (x, top)], dtype=np.float64)
    return np.array([(x, y), (right, y), (draw(st.integers(-1, 3)), top)], dtype=np.float64)


def _domain(corners: Floats) -> Box | ConvexPolygon:
    if len(corners) == 4:
        return Box(*corners[0].tolist(), *corners[2].tolist())
    return ConvexPolygon(corners)


def _place(draw: Any, aim: str, ends: Floats, common: int | None) -> _Place:
    shift = draw(st.sampled_from(_SHIFTS)) if common is None else common
    most = float(np.abs(ends).max())
    if aim == "far_domain":
        shift = 0
        scale = draw(st.sampled_from((0, -178, -537, -960, -1022, -1085, -1085, -1085)))
        scale += draw(st.integers(-10, 10))
        stretch = max(0, draw(st.sampled_from((scale, -178, -537, 0, 0, 900))) + draw(st.integers(-3, 3)) - scale)
    else:
        stretch = draw(st.sampled_from((0, 0, 0, 0, 3, 30)))
        scale = draw(st.sampled_from((0, 0, 0, 0, 1000, -1000, 500, -500, 250, -250)))
        if scale:
            scale += draw(st.integers(-30, 30))
        shift = 0 if stretch else shift
    stretch = min(stretch, 1000)
    top = int(np.ceil(np.log2(abs(shift) + most))) + stretch
    return _Place(max(_BOTTOM - stretch, min(scale, 1022 - top)), shift, stretch)


def _aimed(draw: Any, target: int) -> int:
    """A power a few bits beside the target; at the upper end rather above it, where weights are cut back to fit."""
    return target + draw(st.one_of(st.integers(-4, 4), st.integers(-60, 60) if target < _TOP else st.integers(0, 60)))


def _row_powers(
    draw: Any, aim: str, targets: tuple[int, ...], weight: Floats, bias: Floats, powers: Any, sizes: Floats
) -> NDArray[np.int64]:
    """What to multiply the units of a layer by: powers of two, shape (n,)."""
    logs, bias_log = _log2(weight), _log2(bias)
    entry = np.maximum((logs - powers).max(axis=1), bias_log)
    quantities = {
        "weight": (logs - powers).max(axis=1),
        "product": (logs + sizes).max(axis=1),
        "bias": bias_log,
        "value": np.maximum(logs.max(axis=1), bias_log),
    }
    equal = draw(st.booleans())
    # Down to where the smallest entry that is not 0, or only the largest, is left.
    entries = np.column_stack([logs - powers, bias_log])
    least = entry if draw(st.booleans()) else np.where(np.isfinite(entries), entries, np.inf).min(axis=1)
    out = np.zeros(len(bias), dtype=np.int64)
    for unit in range(len(bias)):
        if not np.isfinite(entry[unit]):
            continue
        if equal and unit and np.isfinite(entry[0]):
            power = int(out[0])
        else:
            way = draw(st.integers(0, 9))
            if way < 2:
                # As large as what comes in, or plainly as the skeleton has it.
                power = int(powers.max()) if way == 0 else 0
            elif aim == "pairs" and unit:
                known = float(out[unit - 1]) + quantities["weight"][unit - 1]
                known = known if np.isfinite(known) else 0.0
                power = _aimed(draw, draw(st.sampled_from(targets)) - int(known) - int(entry[unit]))
            else:
                names = [name for name, of in quantities.items() if np.isfinite(of[unit])]
                target = _aimed(draw, draw(st.sampled_from(targets)))
                power = target - int(np.floor(quantities[draw(st.sampled_from(names))][unit]))
        out[unit] = min(max(power, _BOTTOM - int(np.floor(least[unit]))), _TOP - int(np.floor(entry[unit])))
    return out


def _slope_powers(draw: Any, aim: str, below: Floats, above: Floats) -> NDArray[np.int64]:
    """What to multiply the slopes by."""
    out = np.zeros(len(below), dtype=np.int64)
    if aim != "slopes" or (below == above).all():
        return out
    for unit in range(len(below)):
        out[unit] = draw(st.sampled_from((0, -500, 500, -1000, 1000, -1060)))
    return out


def _nudge(draw: Any, layers: list[tuple[Floats, Floats, Floats, Floats]]) -> None:
    """Move a weight or a bias by one unit in the last place; a zero by the smallest number."""
    layer = layers[draw(st.integers(0, len(layers) - 1))]
    values = layer[draw(st.integers(0, 1))].reshape(-1)
    at = draw(st.integers(0, len(values) - 1))
    towards = draw(st.sampled_from((-1.0, 1.0))) * np.finfo(float).max
    values[at] = np.nextafter(values[at], towards)
