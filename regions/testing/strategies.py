"""Hypothesis strategies for networks, generic and degenerate, and for domains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from numpy.typing import NDArray

from regions.domain.convex import Box, ConvexPolygon
from regions.network.network import Layer, Network
from regions.testing.weights import BUILDERS, Slopes

__all__ = ["ACTIVATIONS", "DOMAINS", "KINDS", "degenerate_mlps", "domains", "networks", "relu_mlps"]

#: Names of the kinds of weights, for the argument `kinds`.
KINDS: tuple[str, ...] = tuple(BUILDERS)

#: Names of the activations, for the argument `activations`; "general" draws both slopes of every unit.
ACTIVATIONS: tuple[str, ...] = ("relu", "leaky", "abs", "prelu", "general")

#: Names of the kinds of domains, for the argument `kinds` of :func:`domains`.
DOMAINS: tuple[str, ...] = ("square", "box", "integer_box", "tiny", "huge", "triangle", "polygon")

_GENERIC = ("generic", "float32")
_MOST_UNITS = 64


def checked_count(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise InvalidArgument(f"{name}={value!r} was given; an integer from {low} to {high} is needed.")
    return int(value)


def checked_names(name: str, values: Any, allowed: Sequence[str]) -> tuple[str, ...]:
    if values is None:
        return tuple(allowed)
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise InvalidArgument(f"{name}={values!r} was given; a sequence of names is needed, of {', '.join(allowed)}.")
    unknown = [v for v in values if v not in allowed]
    if unknown or not values:
        what = f"unknown {unknown!r}" if unknown else "no name"
        raise InvalidArgument(f"{name}={values!r} was given, with {what}; allowed are {', '.join(allowed)}.")
    return tuple(values)


def networks(
    *,
    kinds: Sequence[str] | None = None,
    activations: Sequence[str] | None = None,
    min_hidden_layers: int = 1,
    max_hidden_layers: int = 3,
    max_width: int = 5,
    max_outputs: int = 2,
) -> st.SearchStrategy[Network]:
    """Networks of two inputs, generic and degenerate.

    Parameters
    ----------
    kinds : sequence of str, optional
        Which kinds of weights to draw, of :data:`KINDS`; all where left out.
    activations : sequence of str, optional
        Which activations to draw, of :data:`ACTIVATIONS`; all where left out.
    min_hidden_layers, max_hidden_layers : int
        Numbers of layers with an activation, from 0 to 8.
    max_width : int
        The largest number of units in a hidden layer, from 1 to 64. The exact checks of :mod:`regions.testing`
        take about a second for some hundred regions.
    max_outputs : int
        The largest number of outputs, from 1 to 64.

    Returns
    -------
    SearchStrategy of Network

    Raises
    ------
    hypothesis.errors.InvalidArgument
        At the call, not when an example is drawn.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(networks(kinds=["zero_bias"], activations=["relu"], max_hidden_layers=1))
    ... def at_most_two_regions_for_a_neuron(network):
    ...     from regions import count_regions
    ...     assert count_regions(network, 1) <= 2 * network.n_neurons
    >>> at_most_two_regions_for_a_neuron()
    """
    kinds = checked_names("kinds", kinds, KINDS)
    activations = checked_names("activations", activations, ACTIVATIONS)
    low = checked_count("min_hidden_layers", min_hidden_layers, 0, 8)
    high = checked_count("max_hidden_layers", max_hidden_layers, low, 8)
    width = checked_count("max_width", max_width, 1, _MOST_UNITS)
    outputs = checked_count("max_outputs", max_outputs, 1, _MOST_UNITS)
    return _networks(kinds, activations, low, high, width, outputs)


def relu_mlps(
    *, min_hidden_layers: int = 1, max_hidden_layers: int = 3, max_width: int = 5, max_outputs: int = 2
) -> st.SearchStrategy[Network]:
    """ReLU networks of two inputs in generic position, as training makes them.

    Parameters
    ----------
    min_hidden_layers, max_hidden_layers, max_width, max_outputs : int
        As for :func:`networks`.

    Returns
    -------
    SearchStrategy of Network

    Raises
    ------
    hypothesis.errors.InvalidArgument
        At the call, not when an example is drawn.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(relu_mlps(max_width=3))
    ... def test_all_slopes_are_those_of_relu(network):
    ...     assert all((layer.above == 1).all() for layer in network.layers)
    >>> test_all_slopes_are_those_of_relu()
    """
    return networks(
        kinds=_GENERIC,
        activations=("relu",),
        min_hidden_layers=min_hidden_layers,
        max_hidden_layers=max_hidden_layers,
        max_width=max_width,
        max_outputs=max_outputs,
    )


def degenerate_mlps(
    *, min_hidden_layers: int = 1, max_hidden_layers: int = 3, max_width: int = 5, max_outputs: int = 2
) -> st.SearchStrategy[Network]:
    """ReLU networks of two inputs in degenerate position.

    Zero biases, integer weights, duplicate, dead and constant neurons, parallel and concurrent lines, exactly or
    off by one unit in the last place: all :data:`KINDS` but the generic ones.

    Parameters
    ----------
    min_hidden_layers, max_hidden_layers, max_width, max_outputs : int
        As for :func:`networks`.

    Returns
    -------
    SearchStrategy of Network

    Raises
    ------
    hypothesis.errors.InvalidArgument
        At the call, not when an example is drawn.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5, database=None)
    ... @given(degenerate_mlps())
    ... def test_planar(network):
    ...     assert network.input_dimension == 2
    >>> test_planar()
    """
    return networks(
        kinds=[kind for kind in KINDS if kind not in _GENERIC],
        activations=("relu",),
        min_hidden_layers=min_hidden_layers,
        max_hidden_layers=max_hidden_layers,
        max_width=max_width,
        max_outputs=max_outputs,
    )


def drawn_slopes(draw: Callable[[Any], Any], activation: str, width: int) -> tuple[NDArray[Any], NDArray[Any]]:
    below, above = np.zeros(width), np.ones(width)
    if activation == "leaky":
        below[:] = draw(st.sampled_from((0.01, 0.25)))
    elif activation == "abs":
        below[:] = -1.0
    elif activation != "relu":
        # Both slopes equal makes a unit that never cuts; a slope above of 0 or less turns the neuron around.
        choices = (0.0, 0.25, -0.5, 1.0) if activation == "prelu" else (0.0, 1.0, -1.0, 0.1, 2.0)
        for unit in range(width):
            below[unit] = draw(st.sampled_from(choices))
            if activation == "general":
                above[unit] = draw(st.sampled_from(choices))
    return below, above


@st.composite
def _networks(
    draw: Any, kinds: tuple[str, ...], activations: tuple[str, ...], low: int, high: int, width: int, outputs: int
) -> Network:
    hidden = draw(st.integers(low, high))
    widths = [2, *(draw(st.integers(1, width)) for _ in range(hidden)), draw(st.integers(1, outputs))]
    activation = draw(st.sampled_from(activations))
    slopes: Slopes = [drawn_slopes(draw, activation, w) for w in widths[1:-1]]
    slopes.append((np.ones(widths[-1]), np.ones(widths[-1])))
    weights, biases = BUILDERS[draw(st.sampled_from(kinds))](draw, widths, slopes)
    return Network(tuple(Layer(w, b, *s) for w, b, s in zip(weights, biases, slopes, strict=True)))


def domains(*, kinds: Sequence[str] | None = None) -> st.SearchStrategy[Box | ConvexPolygon]:
    """Domains: boxes, small, huge and off-centre ones, and convex polygons.

    Parameters
    ----------
    kinds : sequence of str, optional
        Which to draw, of :data:`DOMAINS`; all where left out.

    Returns
    -------
    SearchStrategy of Box or ConvexPolygon

    Raises
    ------
    hypothesis.errors.InvalidArgument
        At the call, not when an example is drawn.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(domains(kinds=["integer_box"]), lambda domain: True)
    Box(0.0, 0.0, 1.0, 1.0)
    """
    return _domains(checked_names("kinds", kinds, DOMAINS))


@st.composite
def _domains(draw: Any, kinds: tuple[str, ...]) -> Box | ConvexPolygon:
    kind = draw(st.sampled_from(kinds))
    if kind == "square":
        bound = draw(st.sampled_from((1.0, 3.0, 10.0, 0.1)))
        return Box(-bound, -bound, bound, bound)
    if kind == "triangle":
        return _triangle(draw)
    if kind == "polygon":
        return _polygon(draw)
    # Corners on integers lie on the lines of integer networks.
    x, y = (draw(st.integers(-3, 3)) for _ in range(2))
    width, height = (draw(st.integers(1, 6)) for _ in range(2))
    if kind == "integer_box":
        return Box(x, y, x + width, y + height)
    size = {"tiny": 1e-9, "huge": 1e6, "box": 1.0}[kind]
    shift_x, shift_y, width, height = (draw(st.floats(0.1, 1)) * s for s in (1, 1, width, height))
    x0, y0 = (x + (shift_x - 1) * size, y + (shift_y - 1) * size) if kind == "tiny" else (x * size, y * size)
    return Box(x0 - shift_x * size, y0 - shift_y * size, x0 + width * size, y0 + height * size)


def _triangle(draw: Any) -> ConvexPolygon:
    x, y = (draw(st.integers(-3, 3)) for _ in range(2))
    a, b, d = (draw(st.integers(1, 6)) for _ in range(3))
    c = draw(st.integers(-3, 3))
    # Base (a, 0) and apex (c, d) with d > 0: never flat.
    return ConvexPolygon([(x, y), (x + a, y), (x + c, y + d) if b % 2 else (x + c, y - d)])


def _polygon(draw: Any) -> ConvexPolygon:
    corners = draw(st.integers(3, 9))
    radius = draw(st.sampled_from((0.5, 2.0, 30.0)))
    turn = draw(st.floats(0, 1))
    x, y = (draw(st.floats(-2, 2, allow_subnormal=False)) for _ in range(2))
    angles = (np.arange(corners) + turn) * (2 * np.pi / corners)
    return ConvexPolygon(np.column_stack([x + radius * np.cos(angles), y + 0.7 * radius * np.sin(angles)]))
