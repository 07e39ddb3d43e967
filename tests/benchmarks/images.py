"""Networks on images, cut on the plane through three random ones: ``python images.py NET MAX_MEMORY`` prints JSON.

A process of its own gives the peak of one call's memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from child import peak_bytes
from torch import nn

import regions


def lenet(pool: type[nn.Module]) -> nn.Module:
    """LeNet-5 of LeCun, Bottou, Bengio & Haffner (1998) with ReLU in place of tanh."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), pool(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), pool(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


class Block(nn.Module):
    """The basic block of He, Zhang, Ren & Sun (2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.skip = (
            nn.Identity()
            if (inputs, stride) == (outputs, 1)
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.skip(x))


def resnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        Block(8, 8, 1), Block(8, 16, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


# What it is, the shape of an image, the side of the window, in units of the way from image to image.
IMAGES = {
    "LeNet, maximum": (lambda: lenet(nn.MaxPool2d), (1, 28, 28), 0.075),
    "LeNet, average": (lambda: lenet(nn.AvgPool2d), (1, 28, 28), 0.12),
    "ResNet": (resnet, (3, 32, 32), 0.01),
}


def problem(name: str) -> tuple[regions.Network, regions.Slice, float]:
    """The network, the slice, and the seconds that reading the model took."""
    build, shape, extent = IMAGES[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build().double().eval()
        images = [torch.rand(shape, dtype=torch.float64).numpy() for _ in range(3)]
    start = time.perf_counter()
    network = regions.from_torch(model, input_shape=shape)
    return network, regions.Slice.through(*images, domain=(0, 0, extent, extent)), time.perf_counter() - start


def measure(name: str, max_memory: int | None) -> dict[str, Any]:
    network, plane, reading = problem(name)
    # Compiles what has not been.
    regions.enumerate_regions(network, regions.Slice(plane.origin, plane.u, plane.v, (0, 0, 1e-6, 1e-6)))
    before, start = peak_bytes(), time.perf_counter()
    found = regions.enumerate_regions(network, plane, max_memory=max_memory)
    seconds = time.perf_counter() - start
    return {
        "net": name,
        "max_memory": max_memory,
        "neurons": network.n_neurons,
        "reading_seconds": reading,
        "regions": found.n_regions,
        "seconds": seconds,
        "peak_bytes": peak_bytes(),
        "idle_peak_bytes": before,
        "certificate": repr(found.certificate),
    }


def run(name: str, max_memory: int | None) -> dict[str, Any]:
    """Measure in a fresh process."""
    command = [sys.executable, str(Path(__file__)), name, str(max_memory or 0)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"exit status {done.returncode}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    print("\n" + json.dumps(measure(sys.argv[1], int(sys.argv[2]) or None)))
