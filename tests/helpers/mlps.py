"""Small networks that many tests are about."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from regions import Layer, Network


def mlp(*widths: int, seed: int = 0, activation: Any = "relu") -> Network:
    """A network with normal weights, in generic position."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(o, i)) / np.sqrt(i) for i, o in pairwise(widths)]
    return Network.from_arrays(weights, [rng.normal(size=o) for o in widths[1:]], activation)


def shallow(weights: Any, biases: Any, activation: Any = "relu") -> Network:
    """The lines weights @ (x, y) + biases = 0, and the sum of their neurons."""
    return Network.from_arrays([np.array(weights, float), np.ones((1, len(weights)))], [biases, [0.0]], activation)


def sparsely(network: Network) -> Network:
    """The same network with sparse weights, which make the engine take it for a wide one."""
    return Network(tuple(Layer(sparse.csr_array(x.weight), x.bias, x.below, x.above, x.name) for x in network.layers))
