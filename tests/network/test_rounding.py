"""Running errors and integers against a network evaluated in rationals, at all magnitudes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regions import Layer, Network
from regions.network.integers import IntegerNetwork
from regions.network.rounding import running_errors, signs
from regions.testing import networks


def pre_activations(network: Network, point: Any) -> list[list[Fraction]]:
    found, values = [], [Fraction(x) for x in point]
    for layer in network.layers:
        weight = layer.weight.toarray() if layer.is_sparse else layer.weight
        rows = zip(weight.tolist(), layer.bias.tolist(), strict=True)
        z = [sum((Fraction(w) * x for w, x in zip(row, values, strict=True)), Fraction(b)) for row, b in rows]
        slopes = zip(layer.below.tolist(), layer.above.tolist(), strict=True)
        values = [x * Fraction(above if x > 0 else below) for x, (below, above) in zip(z, slopes, strict=True)]
        found.append(z)
    return [*found, values]


def scaled(network: Network, powers: list[int]) -> Network:
    """The network with the weights of every layer times a power of two."""
    return Network(
        tuple(
            Layer(np.ldexp(layer.weight, k), np.ldexp(layer.bias, k), layer.below, layer.above, layer.name)
            for layer, k in zip(network.layers, powers, strict=False)
        )
    )


@settings(max_examples=100)
@given(networks(), st.lists(st.sampled_from([-1000, -540, 0, 0, 0, 500, 900]), min_size=6, max_size=6), st.data())
def test_every_number_lies_within_its_bound(network: Network, powers: list[int], data: Any) -> None:
    if any(layer.is_sparse for layer in network.layers):
        return
    with np.errstate(over="ignore"):
        largest = [max(np.abs(layer.weight).max(), np.abs(layer.bias).max()) for layer in network.layers]
    if any(x and np.frexp(x)[1] + k > 1000 for x, k in zip(largest, powers, strict=False)):
        return
    network = scaled(network, powers)
    exponent = data.draw(st.sampled_from([-1070, -300, 0, 40]))
    point = np.ldexp(data.draw(st.tuples(*[st.floats(-4, 4)] * 2)), exponent)
    off = np.ldexp(data.draw(st.tuples(*[st.floats(-1, 1)] * 2)), exponent - 30)
    true = pre_activations(network, (point + off).tolist())
    pattern = np.array([[true[i][k] > 0 for i, k in network.neuron_units.tolist()]], dtype=bool)
    for patterns in (None, pattern):
        errors = np.abs(point + off - point) * (1 + 2.0**-50) + np.abs(off) * 2.0**-50
        errors = np.maximum(errors, np.where(off == 0, 0.0, 5e-324))[None]
        *_, last = passed = list(running_errors(network, point[None], errors, patterns=patterns))
        for (_, z, bounds, _, _), exact in zip(passed, true, strict=False):
            for found, bound, x in zip(z[0].tolist(), bounds[0].tolist(), exact, strict=True):
                assert bound == np.inf or abs(Fraction(found) - x) <= Fraction(bound)
        for found, bound, x in zip(last.values[0].tolist(), last.errors[0].tolist(), true[-1], strict=True):
            assert not bound < np.inf or abs(Fraction(found) - x) <= Fraction(bound)


@settings(max_examples=50)
@given(networks(), st.tuples(*[st.floats(-4, 4)] * 2))
def test_signs_of_floats_and_of_integers_are_those_of_rationals(network: Network, point: tuple[float, float]) -> None:
    true = pre_activations(network, point)
    expected = [int(true[i][k] > 0) - int(true[i][k] < 0) for i, k in network.neuron_units.tolist()]
    assert IntegerNetwork(network).signs(np.array(point)) == expected
    assert signs(network, np.array([point])).tolist() == [expected]


@pytest.mark.parametrize("margin", [1.0, np.inf])
def test_a_value_that_overflows_on_the_way_is_not_known(margin: float) -> None:
    # The partial sums may overflow in one order and not in another.
    network = Network.from_arrays([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], [[2.0**1000, -(2.0**999), -(2.0**999)]]])
    *_, last = running_errors(network, np.full((1, 2), 2.0**24), np.zeros((1, 2)), margin=margin)
    assert last.bounds.tolist() == [[np.inf]]
