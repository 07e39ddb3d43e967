"""Hypothesis strategies for networks, generic and degenerate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from numpy.typing import NDArray

from regions.network.network import Layer, Network
from regions.testing.weights import BUILDERS, Slopes

__all__ = ["ACTIVATIONS", "KINDS", "degenerate_mlps", "networks", "relu_mlps"]

#: Names of the kinds of weights, for the argument `kinds`.
KINDS: tuple[str, ...] = tuple(BUILDERS)

#: Names of the activations, for the argument `activations`; "general" draws both slopes of every unit.
ACTIVATIONS: tuple[str, ...] = ("relu", "leaky", "abs", "prelu", "general")

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
    >>> @settings(max_examples=5, deadline=None, database=None)
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
    >>> @settings(max_examples=5, deadline=None, database=None)
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
    >>> @settings(max_examples=5, deadline=None, database=None)
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
