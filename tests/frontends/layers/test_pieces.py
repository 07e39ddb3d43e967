"""The pieces that front ends are made of: index arrays, matrices, maxima and clips."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from regions.frontends.layers import pieces, windows
from regions.frontends.layers.assembly import Assembly


def draw_axes(draw, n):
    return {
        "kernel": [draw(st.integers(1, 3)) for _ in range(n)],
        "stride": [draw(st.integers(1, 3)) for _ in range(n)],
        "padding": [draw(st.integers(0, 2)) for _ in range(n)],
        "dilation": [draw(st.integers(1, 2)) for _ in range(n)],
        "spatial": [draw(st.integers(5, 7)) if n < 3 else 5 for _ in range(n)],
    }


def integers(shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-8, 9, shape, generator=generator).double()


def image_of(matrix, x):
    return torch.from_numpy(np.asarray(matrix @ x.reshape(len(x), -1).T.numpy()).T.copy())


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_convolutions_are_those_of_torch(data):
    n = data.draw(st.integers(1, 3))
    axes = draw_axes(data.draw, n)
    groups = data.draw(st.sampled_from([1, 2]))
    weight = integers((4, 2 if groups == 1 else 1, *axes["kernel"]))
    x = integers((3, 2, *axes["spatial"]), 1)
    given_ = axes["stride"], axes["padding"], axes["dilation"], groups
    expected = (F.conv1d, F.conv2d, F.conv3d)[n - 1](x, weight, None, *given_)
    matrix, shape = windows.convolution_matrix(weight.numpy(), x.shape[1:], *given_)
    assert shape == expected.shape[1:]
    assert matrix.has_canonical_format
    assert torch.equal(image_of(matrix, x).reshape(expected.shape), expected)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_transposed_convolutions_are_those_of_torch(data):
    n = data.draw(st.integers(1, 3))
    axes = draw_axes(data.draw, n)
    groups = data.draw(st.sampled_from([1, 2]))
    room = [max(s, d) - 1 for s, d in zip(axes["stride"], axes["dilation"], strict=True)]
    extra = [data.draw(st.integers(0, r)) for r in room]
    weight = integers((4, 3, *axes["kernel"]))
    x = integers((2, 4, *axes["spatial"]), 1)
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[n - 1]
    expected = function(x, weight, None, axes["stride"], axes["padding"], extra, groups, axes["dilation"])
    matrix, shape = windows.transposed_convolution_matrix(
        weight.numpy(), x.shape[1:], axes["stride"], axes["padding"], axes["dilation"], groups, extra
    )
    assert shape == expected.shape[1:]
    assert torch.equal(image_of(matrix, x).reshape(expected.shape), expected)


def test_a_padding_may_differ_before_and_after():
    weight, x = integers((3, 2, 3, 2)), integers((2, 2, 5, 4), 1)
    expected = F.conv2d(F.pad(x, (1, 0, 0, 2)), weight)
    matrix, shape = windows.convolution_matrix(weight.numpy(), (2, 5, 4), [1, 1], [(0, 2), (1, 0)], [1, 1])
    assert shape == expected.shape[1:]
    assert torch.equal(image_of(matrix, x).reshape(expected.shape), expected)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_average_pools_are_those_of_torch(data):
    n = data.draw(st.integers(1, 3))
    axes = draw_axes(data.draw, n)
    padding = [min(p, k // 2) for p, k in zip(axes["padding"], axes["kernel"], strict=True)]
    ceil, include = data.draw(st.booleans()), data.draw(st.booleans())
    override = data.draw(st.sampled_from([None, 3])) if n > 1 else None
    x = integers((2, 2, *axes["spatial"]))
    function = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[n - 1]
    more = (override,) if n > 1 else ()
    expected = function(x, axes["kernel"], axes["stride"], padding, ceil, include, *more)
    matrix, shape = windows.average_matrix(
        x.shape[1:], axes["kernel"], axes["stride"], padding, ceil, include, override
    )
    assert shape == expected.shape[1:]
    assert torch.allclose(image_of(matrix, x).reshape(expected.shape), expected, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_maximum_pools_and_their_winners_are_those_of_torch(data):
    axes = draw_axes(data.draw, 2)
    axes["spatial"] = [4, 5]
    padding = [min(p, k // 2) for p, k in zip(axes["padding"], axes["kernel"], strict=True)]
    arguments = axes["kernel"], axes["stride"], padding, axes["dilation"]
    ceil = data.draw(st.booleans())
    # No two entries are equal, so that there is one winner.
    order = np.random.default_rng(data.draw(st.integers(0, 9))).permuted(np.tile(np.arange(40.0), (5, 1)), axis=1)
    x = torch.from_numpy(order).reshape(5, 2, 4, 5)
    try:
        expected, place = F.max_pool2d(x, *arguments, ceil_mode=ceil, return_indices=True)
    except RuntimeError:
        return
    index, shape = windows.windows((2, 4, 5), *arguments, ceil)
    assert shape == expected.shape[1:]
    assembly = Assembly(40)
    network = assembly.network(pieces.maximum_of(assembly, assembly.input, index, name="pool", shape=shape))
    assert torch.equal(torch.from_numpy(network(order)).reshape(expected.shape), expected)
    found = network.winners(network.patterns(order)).get("pool", np.full((5, *shape), -1)).reshape(5, -1)
    several = (index >= 0).sum(axis=1) > 1
    assert (found[:, ~several] == -1).all()
    flat = index[np.flatnonzero(several), found[:, several]] - np.repeat([0, 20], len(index) // 2)[several]
    assert (flat == place.reshape(5, -1).numpy()[:, several]).all()
    assert network.n_neurons == np.maximum((index >= 0).sum(axis=1) - 1, 0).sum()
    assert all(n.kind == "max" and n.name == "pool" for n in network.neurons)


def test_adaptive_windows_are_those_of_torch():
    x = integers((3, 2, 7, 5))
    matrix, shape = windows.adaptive_average_matrix((2, 7, 5), (3, 2))
    expected = F.adaptive_avg_pool2d(x, (3, 2))
    assert shape == expected.shape[1:]
    assert torch.allclose(image_of(matrix, x).reshape(expected.shape), expected, atol=1e-12)


def number(floats):
    return [Fraction(x) for x in floats]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([-np.inf, -2.0, -0.5, 0.0, 1.0, 3.0]), min_size=3, max_size=3),
    st.lists(st.sampled_from([-2.0, -0.5, 0.0, 1.0, 3.0, np.inf]), min_size=3, max_size=3),
    st.lists(st.floats(-4, 4), min_size=3, max_size=3),
)
def test_clips_are_exact(low, high, point):
    assembly = Assembly(3)
    network = assembly.network(pieces.clip(assembly, assembly.input, low, high, name="c", kind="clamp", shape=(3,)))
    values = network.evaluate_exact(number(point))[0]
    expected = [
        min(max(Fraction(x), a) if a > -np.inf else Fraction(x), b) for x, a, b in zip(point, low, high, strict=True)
    ]
    assert values == expected
    kinks = sum((a > -np.inf) + (b < np.inf) for a, b in zip(low, high, strict=True) if a < b)
    assert network.n_neurons == kinks


def test_soft_shrinkage_is_exact():
    assembly = Assembly(1)
    network = assembly.network(pieces.soft_shrink(assembly, assembly.input, 0.1, name="s", shape=(1,)))
    for x in (-3.0, -0.1, 0.05, 0.1, 7.0):
        expected = max(Fraction(x) - Fraction(0.1), 0) + min(Fraction(x) + Fraction(0.1), 0)
        assert network.evaluate_exact(number([x]))[0] == [expected]


@pytest.mark.parametrize("which", ["maximum", "minimum"])
def test_extrema_of_two_values_are_exact(which):
    assembly = Assembly(4)
    rows = np.array([[0, 0], [0, 1]]), np.array([[0, 2], [0, 3]])
    left, right = (assembly.rows([assembly.input], r) for r in rows)
    network = assembly.network(getattr(pieces, which)(assembly, left, right, name="m", shape=(2,)))
    points = np.array([[0.1, 0.2, 0.3, -0.7], [1.0, -1.0, 1.0, 1.0]])
    extremum = max if which == "maximum" else min
    for point in points.tolist():
        pairs = zip(point[:2], point[2:], strict=True)
        assert network.evaluate_exact(number(point))[0] == number([extremum(*p) for p in pairs])
    assert network.winners(network.patterns(points))["m"].tolist() == (
        [[1, 0], [1, 1]] if which == "maximum" else [[0, 1], [1, 0]]
    )


def test_a_name_is_used_once_for_maxima():
    assembly = Assembly(4)
    index = np.array([[0, 1], [2, 3]])
    first = pieces.maximum_of(assembly, assembly.input, index, name="pool", shape=(2,))
    second = pieces.minimum_of(assembly, assembly.input, index, name="pool", shape=(2,))
    network = assembly.network(assembly.add(first, second))
    point = np.array([[1.0, 3.0, 9.0, -1.0]])
    found = network.winners(network.patterns(point))
    assert {name: a.tolist() for name, a in found.items()} == {"pool": [[1, 0]], "pool#2": [[0, 1]]}


def test_a_normalisation_is_rounded_once():
    mean, variance, weight, bias = np.random.default_rng(1).standard_normal((4, 50))
    variance **= 2
    scale, shift = pieces.normalisation(mean, variance, 1e-5, weight, bias)
    for m, v, w, b, a, c in zip(mean, variance, weight, bias, scale, shift, strict=True):
        # Between the neighbours' midpoints lies the true scale.
        square = Fraction(w) ** 2 / (Fraction(v) + Fraction(1e-5))
        down, up = (abs(Fraction(a) + Fraction(np.nextafter(a, t * np.inf))) / 2 for t in (-np.sign(a), np.sign(a)))
        assert down**2 <= square <= up**2
        assert np.sign(a) == np.sign(w)
        assert c == float(Fraction(b) - Fraction(m) * Fraction(a))
