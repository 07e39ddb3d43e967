"""Subnormal numbers: read and computed right, or an error where the hardware takes them for zero."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions import Network, from_torch
from regions.arithmetic.underflow import require_gradual_underflow, require_gradual_underflow_in_torch
from regions.enumeration.count import count_network_remotely
from regions.errors import FlushToZeroError
from regions.measures import decision_boundary, level_set
from regions.network.layer import Layer

TINY = [[[5e-324, 0.0], [0.0, 5e-324]], [[1.0, 1.0]]]


@pytest.fixture
def flushing():
    """Call a function while this thread flushes subnormal numbers."""

    def call(function):
        if not torch.set_flush_denormal(True):
            pytest.skip("this processor cannot flush subnormal numbers")
        try:
            return function()
        finally:
            torch.set_flush_denormal(False)

    return call


def module(dtype, weight):
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1)).to(dtype)
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(2, dtype=torch.float64) * weight)
        model[2].weight.fill_(1)
    return model


@pytest.mark.parametrize(("dtype", "weight"), [(torch.float64, 5e-324), (torch.float32, 1e-40)])
def test_subnormal_weights_count(flushing, dtype, weight):
    model = module(dtype, weight)
    assert regions.count_regions(model, 1) == 4
    assert regions.count_regions(Network.from_arrays(TINY), 1) == 4
    with pytest.raises(FlushToZeroError, match=r"flushes subnormal numbers.*torch\.set_flush_denormal\(False\)"):
        flushing(lambda: regions.count_regions(model, 1))
    with pytest.raises(FlushToZeroError):
        flushing(lambda: from_torch(model))


def test_nothing_is_read_or_decided_while_subnormals_are_flushed(flushing, tmp_path):
    network = Network.from_arrays(TINY)
    complex = regions.enumerate_regions(network, 1)
    pieces = regions.enumerate_segment(network, [-1.0, -0.5], [1.0, 1.0])
    network.save(tmp_path / "net.npz")
    arrays = network.to_arrays()
    from regions.domain.arrays import domain_arrays

    where = domain_arrays(complex.domain)
    plane = regions.Slice([0.0, 0.0], [1.0, 0.0], [0.0, 1.0])
    calls = {
        "layer": lambda: Layer([[1.0]], [0.0], [0.0], [1.0]),
        "arrays": lambda: Network.from_arrays(TINY),
        "load": lambda: Network.load(tmp_path / "net.npz"),
        "file": lambda: regions.load(tmp_path / "net.npz"),
        "network of layers": lambda: Network(network.layers),
        "evaluate": lambda: network.evaluate_exact([1.0, 1.0]),
        "enumerate": lambda: regions.enumerate_regions(network, 1),
        "count": lambda: regions.count_regions(network, 1),
        "whole plane": lambda: regions.count_regions(network, regions.WholePlane()),
        "polygon": lambda: regions.count_regions(network, regions.Polygon([(0, 0), (2, 0), (2, 2), (1, 1)])),
        "slice": lambda: regions.count_regions(network, plane),
        "points of a slice": lambda: regions.Slice([0.0, 0.0], [1.0, 0.0], [0.0, 1.0]),
        "worker": lambda: count_network_remotely(arrays, where, None),
        "segment": lambda: regions.enumerate_segment(network, [-1.0, -0.5], [1.0, 1.0]),
        "trajectory": lambda: regions.enumerate_trajectory(network, [[-1.0, -0.5], [1.0, 1.0]]),
        "exact breakpoints": pieces.exact_breakpoints,
        "counts": complex.counts,
        "counts along a line": pieces.counts,
        "level set": lambda: level_set(complex, 1e-323),
        "decision boundary": partial(decision_boundary, complex),
        "locate": lambda: complex.locate([[0.5, 0.5]]),
        "zoom out": lambda: regions.zoom_out(network),
        "bounds": lambda: regions.bounds.for_network(network),
    }
    for name, call in calls.items():
        with pytest.raises(FlushToZeroError):
            print(name, flushing(call))
        call()


def test_the_check_is_silent_otherwise():
    require_gradual_underflow()
    require_gradual_underflow_in_torch()
    assert issubclass(FlushToZeroError, regions.RegionsError)


def test_threads_of_torch_that_still_flush_are_found():
    script = """
import numpy as np, torch, regions
from regions.errors import FlushToZeroError
torch.set_num_threads(2)
if torch.set_flush_denormal(True):
    torch.ones(1 << 20).mul(2)
    torch.set_flush_denormal(False)
    network = regions.Network.from_arrays([np.eye(2), np.ones((1, 2))])
    regions.count_regions(network, 1)
    for call in (
        lambda: regions.count_regions(network, 1, device="cpu"),
        lambda: regions.count_regions(torch.nn.Linear(2, 1), 1),
    ):
        try:
            call()
        except FlushToZeroError as error:
            assert "set_num_threads(1)" in str(error)
        else:
            raise AssertionError("not noticed")
    torch.set_num_threads(1)
    assert regions.count_regions(network, 1, device="cpu") == 4
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)


def test_numbers_of_every_float_type_are_read_as_they_are():
    for dtype, smallest in ((np.float16, 6e-8), (np.float32, 1e-45), (np.float64, 5e-324)):
        weight = np.array([[smallest, 0.0], [0.0, smallest]], dtype=dtype)
        assert weight[0, 0] != 0
        assert regions.count_regions(Network.from_arrays([weight, np.ones((1, 2))]), 1) == 4
