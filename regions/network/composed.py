"""Networks made of networks: on a plane or in a chart, with more neurons, in narrower layers, side by side.

Every weight is a stored number of the original, or 0, or ±1, so nothing is rounded and nothing multiplied out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arithmetic.matrices import blocks, compact
from regions.network.layer import Layer, Units
from regions.network.network import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["along_half_planes", "in_chart", "on_plane", "side_by_side", "with_narrow_layer", "with_rounds"]


def _linear(weight: Any, bias: Floats, name: str, groups: tuple[Units, ...] = ()) -> Layer:
    """A layer without neurons."""
    ones = np.ones(len(bias))
    return Layer(weight, bias, ones, ones, name, groups)


def on_plane(
    network: Network, origin: Floats, u: Floats, v: Floats, shape: tuple[int, ...], corners: Floats | None = None
) -> Network:
    """A network on the plane origin + s u + t v of its inputs, or on that through three points, columns of corners."""
    groups = (Units("slice", "linear", shape),)
    if corners is None:
        return Network((_linear(np.stack([u, v], axis=1), origin, "slice", groups), *network.layers))
    # The weights of the three points, which differences of the points would have to be rounded for.
    weights = _linear(np.array([[-1.0, -1.0], [1.0, 0.0], [0.0, 1.0]]), np.array([1.0, 0.0, 0.0]), "slice")
    return Network((weights, _linear(corners, np.zeros(len(origin)), "slice", groups), *network.layers))


def side_by_side(first: Network, second: Network) -> Network:
    """Two networks of as many layers as one, on the same inputs."""
    layers = []
    for i, (a, b) in enumerate(zip(first.layers, second.layers, strict=True)):
        apart = [[a.weight, np.zeros((a.n_out, b.n_in))], [np.zeros((b.n_out, a.n_in)), b.weight]]
        weight = blocks(apart if i else [[a.weight], [b.weight]])
        bias, below, above = (np.concatenate([getattr(x, name) for x in (a, b)]) for name in ("bias", "below", "above"))
        layers.append(Layer(weight, bias, below, above, a.name))
    return Network(tuple(layers))


def with_rounds(network: Network, rounds: Sequence[tuple[Any, Floats, int, str]]) -> Network:
    """A network with layers behind it that hand its outputs on, and give them in the end.

    Each of the rounds (weight, bias, n, name) takes the outputs and what the round before it made; its first n units
    are neurons, the others linear.
    """
    outputs = network.n_outputs
    layers = list(network.layers)
    for weight, bias, n_neurons, name in rounds:
        n_linear = len(bias) - n_neurons
        groups = [Units("output", "linear", (outputs,)), Units(name, "relu", (n_neurons,))]
        if n_linear:
            groups.append(Units(name, "linear", (n_linear,)))
        below = np.concatenate([np.ones(outputs), np.zeros(n_neurons), np.ones(n_linear)])
        carry = np.eye(outputs, weight.shape[1])
        bias = np.concatenate([np.zeros(outputs), bias])
        layers.append(Layer(np.vstack([carry, weight]), bias, below, np.ones(len(below)), name, tuple(groups)))
    select = np.eye(outputs, layers[-1].n_out)
    return Network((*layers, _linear(select, np.zeros(outputs), "output")))


def with_narrow_layer(network: Network, place: int, width: int) -> Network:
    """A network with one layer as two: the first has `width` of the neurons and hands its inputs on to the others."""
    layer = network.layers[place]
    n, rest = layer.n_in, layer.n_out - width
    ones = np.ones
    narrow = Layer(
        np.vstack([layer.weight[:width], np.eye(n)]),
        np.concatenate([layer.bias[:width], np.zeros(n)]),
        np.concatenate([layer.below[:width], ones(n)]),
        np.concatenate([layer.above[:width], ones(n)]),
        layer.name,
    )
    others = Layer(
        np.vstack([np.eye(width, width + n), np.hstack([np.zeros((rest, width)), layer.weight[width:]])]),
        np.concatenate([np.zeros(width), layer.bias[width:]]),
        np.concatenate([ones(width), layer.below[width:]]),
        np.concatenate([ones(width), layer.above[width:]]),
        layer.name,
    )
    return Network((*network.layers[:place], narrow, others, *network.layers[place + 1 :]))


def along_half_planes(network: Network, normals: Floats, offsets: Floats) -> Network:
    """A network with half-planes normals · x <= offsets as additional neurons at the end of its first layer."""
    first, *others = network.layers
    n = len(offsets)
    layers = [
        Layer(
            compact(blocks([[first.weight], [-normals]])),
            np.concatenate([first.bias, offsets]),
            np.concatenate([first.below, np.zeros(n)]),
            np.concatenate([first.above, np.ones(n)]),
            first.name,
        )
    ]
    for i, layer in enumerate(others):
        weight = layer.weight if i else compact(blocks([[layer.weight, np.zeros((layer.n_out, n))]]))
        layers.append(Layer(weight, layer.bias, layer.below, layer.above, layer.name))
    return Network(tuple(layers))


def in_chart(network: Network, frame: Floats, normals: Floats, offsets: Floats) -> Network:
    """A network in a chart: w times its pre-activations, as functions of (u, v), behind half-planes as neurons.

    With w = 1 - u - v, (u, v) stands for the point F (u, v) / w, where F is the frame, shape (2, 2).
    """
    layers = [_linear(np.vstack([frame, [-1.0, -1.0]]), np.array([0.0, 0.0, 1.0]), "chart")]
    n = len(offsets)
    if n:
        weight = np.vstack([np.hstack([-normals, offsets[:, None]]), np.eye(3)])
        slopes = np.concatenate([np.zeros(n), np.ones(3)])
        layers.append(Layer(weight, np.zeros(n + 3), slopes, np.ones(n + 3), "half-planes"))
    for i, layer in enumerate(network.layers):
        front = [] if i or not n else [np.zeros((layer.n_out, n))]
        rows = [[*front, layer.weight, layer.bias[:, None]]]
        below, above = layer.below, layer.above
        if i + 1 < len(network.layers):
            rows.append([*(np.zeros((1, n)) for _ in front), np.zeros((1, layer.n_in)), np.ones((1, 1))])
            below, above = np.append(below, 1.0), np.append(above, 1.0)
        layers.append(Layer(compact(blocks(rows)), np.zeros(len(below)), below, above, layer.name))
    return Network(tuple(layers))
