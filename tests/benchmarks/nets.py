"""The networks and the clocks that all benchmarks share."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable

import numpy as np
import torch

import regions

BOUND = 10.0
TABLE = {
    "2-20-1": (2, 20, 1),
    "2-100-1": (2, 100, 1),
    "2-500-1": (2, 500, 1),
    "2-32x3-1": (2, 32, 32, 32, 1),
    "2-64x4-1": (2, 64, 64, 64, 64, 1),
    "2-128x4-1": (2, 128, 128, 128, 128, 1),
    "2-256x4-1": (2, 256, 256, 256, 256, 1),
}


def model(widths: tuple[int, ...]) -> torch.nn.Sequential:
    """Torch's default initialisation, seed 0, float64: the nets that other tools are measured on."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [torch.nn.Linear(i, o, dtype=torch.float64) for i, o in itertools.pairwise(widths)]
    return torch.nn.Sequential(*[module for layer in layers for module in (layer, torch.nn.ReLU())][:-1])


def arrays(widths: tuple[int, ...]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The weights, each `(o, i) float64`, and the biases, each `(o,) float64`."""
    layers = [module for module in model(widths) if isinstance(module, torch.nn.Linear)]
    return [layer.weight.detach().numpy() for layer in layers], [layer.bias.detach().numpy() for layer in layers]


def network(widths: tuple[int, ...]) -> regions.Network:
    return regions.Network.from_arrays(*arrays(widths))


def far_apart(depth: int, seed: int = 0) -> regions.Network:
    """A deep network of powers of two from 2**-1000 to 2**1000: few regions, and integers of 40 000 bits."""
    rng = np.random.default_rng(seed)
    widths = [2, *rng.integers(2, 6, depth - 1), 1]

    def powers(*shape: int) -> np.ndarray:
        return rng.choice([-1.0, 1.0], shape) * np.ldexp(1.0, rng.choice([-1000, -500, 0, 500, 1000], shape))

    pairs = list(itertools.pairwise(widths))
    biases = [powers(m) * (rng.random(m) < 0.5) for _, m in pairs]
    return regions.Network.from_arrays([powers(m, n) for n, m in pairs], biases)


@functools.cache
def vertices(widths: tuple[int, ...]) -> np.ndarray:
    """The vertices of the final complex, `(V, 2) float64`."""
    return np.array(regions.enumerate_regions(network(widths), BOUND).vertices)


def rounds(seconds: float) -> int:
    """How often a call that takes so long is worth repeating."""
    return int(np.clip(2.0 / max(seconds, 1e-9), 1, 50))


def clocked(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def forward_seconds(widths: tuple[int, ...]) -> float:
    """Seconds of a float64 forward pass of torch on two threads over the vertices of the complex.

    The least of several: on a busy machine a pass on two threads may take many times as long.
    """
    net, points = model(widths), torch.from_numpy(vertices(widths))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with torch.inference_mode():
            warm = clocked(lambda: net(points))
            return min(warm, *(clocked(lambda: net(points)) for _ in range(rounds(warm))))
    finally:
        torch.set_num_threads(threads)
