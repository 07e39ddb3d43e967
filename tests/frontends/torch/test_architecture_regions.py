"""Random architectures of the pieces that are read: against torch, the exact reference, and the laws of complexes."""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference_regions
from torch import nn
from torch_architectures import Body

import regions
from regions import Network, from_torch
from regions.testing import assert_valid_complex


def changed(modules, shape):
    """The shape after some modules, or None where they do not run."""
    try:
        with torch.no_grad():
            return tuple(nn.Sequential(*modules).eval()(torch.zeros(1, *shape)).shape[1:])
    except (RuntimeError, ValueError):
        return None


def residual(inner):
    return Body(lambda m, x: x + m.inner(x), inner=inner)


def joined(inner):
    return Body(lambda m, x: torch.cat([x, m.inner(x)], 1), inner=inner)


@st.composite
def pieces(draw, shape):
    """One module that takes images of this shape."""
    c, h, w = shape
    kind = draw(st.sampled_from(list(KINDS)))
    return KINDS[kind](draw, c, h, w)


KINDS = {
    "conv": lambda draw, c, h, w: nn.Conv2d(
        c, draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(0, 1))
    ),
    "groups": lambda draw, c, h, w: nn.Conv2d(c, c, (3, 1), groups=c, padding=draw(st.sampled_from([0, "same"]))),
    "transposed": lambda draw, c, h, w: nn.ConvTranspose2d(c, 1, 2, draw(st.integers(1, 2)), padding=1),
    "batch_norm": lambda draw, c, h, w: nn.BatchNorm2d(c),
    "average": lambda draw, c, h, w: nn.AvgPool2d(2, draw(st.integers(1, 2)), ceil_mode=draw(st.booleans())),
    "adaptive": lambda draw, c, h, w: nn.AdaptiveAvgPool2d((min(h, 2), 1)),
    "max": lambda draw, c, h, w: nn.MaxPool2d(
        2, draw(st.integers(1, 2)), draw(st.integers(0, 1)), ceil_mode=draw(st.booleans())
    ),
    "adaptive max": lambda draw, c, h, w: nn.AdaptiveMaxPool2d((1, min(w, 2))),
    "relu": lambda draw, c, h, w: nn.ReLU(inplace=draw(st.booleans())),
    "leaky": lambda draw, c, h, w: nn.LeakyReLU(draw(st.sampled_from([-0.5, 0.1, 2.0]))),
    "prelu": lambda draw, c, h, w: nn.PReLU(c),
    "hardtanh": lambda draw, c, h, w: nn.Hardtanh(-0.5, draw(st.sampled_from([-0.25, 1.0]))),
    "softshrink": lambda draw, c, h, w: nn.Softshrink(draw(st.sampled_from([0.0, 0.25]))),
    "hardsigmoid": lambda draw, c, h, w: nn.Hardsigmoid(),
    "maximum": lambda draw, c, h, w: Body(lambda m, x: torch.maximum(x, x.flip(2))),
    "amin": lambda draw, c, h, w: Body(lambda m, x: x.amin(1, keepdim=True)),
    "pad": lambda draw, c, h, w: nn.ReplicationPad2d((1, 0, 0, 0)),
    "residual": lambda draw, c, h, w: residual(nn.Sequential(nn.Conv2d(c, c, 3, padding=1), nn.ReLU())),
    "joined": lambda draw, c, h, w: joined(nn.MaxPool2d((1, 3), 1, (0, 1))),
    "mean": lambda draw, c, h, w: Body(lambda m, x: x - x.mean((2, 3), keepdim=True)),
}


@st.composite
def models(draw):
    """A model from the plane to images to a few outputs, with at most about 30 neurons."""
    shape = draw(st.integers(1, 2)), draw(st.integers(2, 3)), draw(st.integers(2, 3))
    modules, size = [], shape
    for _ in range(draw(st.integers(1, 4))):
        piece = draw(pieces(size))
        after = changed([piece], size)
        if after is not None and np.prod(after) <= 18:
            modules.append(piece)
            size = after
    model = nn.Sequential(
        nn.Linear(2, int(np.prod(shape))),
        nn.Unflatten(1, shape),
        *modules,
        nn.Flatten(),
        nn.Linear(int(np.prod(size)), 2),
    )
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.randint(-4, 5, tensor.shape, generator=generator) / 4)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_var.abs_().add_(0.5)
    return model.eval()


def dense(matrix):
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


@settings(max_examples=12, deadline=None)
@given(models())
def test_random_architectures_have_the_regions_of_the_reference(model):
    check_against_the_reference(model)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(models())
def test_many_random_architectures_have_the_regions_of_the_reference(model):
    check_against_the_reference(model)


def check_against_the_reference(model):
    network = from_torch(model)
    points = torch.from_numpy(np.random.default_rng(0).uniform(-2, 2, (30, 2)))
    with torch.no_grad():
        expected = copy.deepcopy(model).double()(points).numpy()
    assert np.allclose(network(points.numpy()), expected, rtol=1e-6, atol=1e-6)
    patterns = network.patterns(points.numpy())
    assert all(place.shape[0] == 30 for place in network.winners(patterns).values())
    complex = regions.enumerate_regions(network, 2)
    assert_valid_complex(complex)
    layers = [tuple(a.tolist() for a in (dense(x.weight), x.bias, x.below, x.above)) for x in network.layers]
    faces = reference_regions(layers, [(-2, -2), (2, -2), (2, 2), (-2, 2)])
    assert complex.n_regions == len(faces)
    assert sorted(map(tuple, complex.patterns.tolist())) == sorted(face.pattern for face in faces)


def test_lenet_is_read_in_seconds():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 10),
    )
    network = from_torch(model, input_shape=(1, 28, 28))
    assert network.n_neurons == 6 * 784 + 3 * 6 * 196 + 16 * 100 + 3 * 16 * 25 + 120
    assert all(layer.is_sparse for layer in network.layers if layer.n_out > 1000)
    neuron = network.neurons[6 * 784 + 2 * 6 * 196]
    assert (neuron.name, neuron.kind, neuron.channel, neuron.pixel) == ("2", "max", 0, (0, 0))
    shapes = {name: a.shape for name, a in network.winners(np.zeros(network.n_neurons, bool)).items()}
    assert shapes == {"2": (6, 14, 14), "5": (16, 5, 5)}


def test_patterns_name_channel_and_pixel():
    model = nn.Sequential()
    model.add_module("conv", nn.Conv2d(1, 2, 2))
    model.add_module("act", nn.ReLU6())
    model.add_module("pool", nn.MaxPool2d(2))
    model.add_module("flat", nn.Flatten())
    network = from_torch(model, input_shape=(1, 3, 3))
    kinds = [(n.name, n.kind, n.index) for n in network.neurons]
    places = [(c, i, j) for c in range(2) for i in range(2) for j in range(2)]
    assert kinds[:8] == [("conv", "relu6.low", place) for place in places]
    assert kinds[8:16] == [("conv", "relu6.high", place) for place in places]
    assert kinds[16:] == [("pool", "max", (c, 0, 0)) for c in (0, 0, 1, 1, 0, 1)]


def test_a_saved_network_keeps_its_shape_and_its_winners(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4, 1))
    network = from_torch(model, input_shape=(1, 4, 4))
    network.save(tmp_path / "network.npz")
    loaded = Network.load(tmp_path / "network.npz")
    assert loaded.input_shape == (1, 4, 4)
    points = np.random.default_rng(0).standard_normal((10, 16))
    patterns = network.patterns(points)
    assert np.array_equal(loaded.winners(patterns)["0"], network.winners(patterns)["0"])
    assert loaded.neurons == network.neurons
    windows = points.reshape(10, 2, 2, 2, 2).transpose(0, 1, 3, 2, 4).reshape(10, 1, 2, 2, 4)
    assert np.array_equal(network.winners(patterns)["0"], windows.argmax(-1))
    assert all(a.n_out == b.n_in for a, b in pairwise(loaded.layers))
