"""Times of the engine; run with ``pytest tests/benchmarks -m benchmark``."""

from __future__ import annotations

import itertools

import pytest
import torch

import regions

pytestmark = pytest.mark.benchmark

NETS = {
    "2-20-1": (2, 20, 1),
    "2-5-5-5-5-1": (2, 5, 5, 5, 5, 1),
    "2-32x3-1": (2, 32, 32, 32, 1),
    "2-64x4-1": (2, 64, 64, 64, 64, 1),
    "2-500-1": (2, 500, 1),
}


def network(widths: tuple[int, ...]) -> regions.Network:
    """Torch's default initialisation, seed 0, float64: the nets that other tools are measured on."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [torch.nn.Linear(i, o, dtype=torch.float64) for i, o in itertools.pairwise(widths)]
    return regions.Network.from_arrays(
        [layer.weight.detach().numpy() for layer in layers], [layer.bias.detach().numpy() for layer in layers]
    )


@pytest.mark.parametrize("name", NETS)
def test_enumerate(benchmark, name: str) -> None:
    net = network(NETS[name])
    complex_ = benchmark(regions.enumerate_regions, net, 10)
    benchmark.extra_info["regions"] = complex_.n_regions


@pytest.mark.parametrize("name", NETS)
def test_count(benchmark, name: str) -> None:
    benchmark.extra_info["regions"] = benchmark(regions.count_regions, network(NETS[name]), 10)
