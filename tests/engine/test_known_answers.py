"""Counts that are known beforehand, each from the engine and from the reference."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from mlps import mlp, shallow
from reference import reference_of

import regions
from regions import Box, ConvexPolygon, Network
from regions.domain.read import as_domain
from regions.testing import assert_valid_complex


def assert_count(network: Network, domain: Any, expected: int) -> None:
    complex = regions.enumerate_regions(network, domain)
    assert complex.n_regions == expected
    assert regions.count_regions(network, domain) == expected
    assert len(reference_of(network, as_domain(domain))) == expected
    assert_valid_complex(complex)


@pytest.mark.parametrize("seed", range(3))
def test_lines_through_the_origin(seed: int) -> None:
    # n lines through an inner point make 2n sectors.
    weights = np.random.default_rng(seed).normal(size=(20, 2))
    assert_count(shallow(weights, np.zeros(20)), 10, 40)
    assert_count(shallow(weights, np.zeros(20)), Box(-1e-9, -2, 3, 1e9), 40)


@pytest.mark.parametrize("n", range(1, 9))
def test_generic_lines(n: int) -> None:
    # Schläfli: 1 + n + n (n - 1) / 2 faces of n lines in general position.
    assert_count(mlp(2, n, 1, seed=n), 1e6, 1 + n + n * (n - 1) // 2)


@pytest.mark.parametrize("seed", range(3))
def test_twenty_generic_lines(seed: int) -> None:
    assert_count(mlp(2, 20, 1, seed=seed), 1e5, 211)


@pytest.mark.parametrize(("n", "m"), [(0, 1), (1, 1), (3, 2), (9, 9)])
def test_grid(n: int, m: int) -> None:
    weights = [(1, 0)] * n + [(0, 1)] * m
    biases = [-i - 1 for i in range(n)] + [-j - 1 for j in range(m)]
    assert_count(shallow(weights, biases), Box(0, 0, n + 1, m + 1), (n + 1) * (m + 1))


@pytest.mark.parametrize("k", [1, 2, 3, 5, 7])
def test_tent_map(k: int) -> None:
    # t(x) = relu(2x) - relu(4x - 2); its k-th iterate has 2^k linear pieces on [0, 1] (Telgarsky 2015).
    weights = [np.array([[2.0, 0.0], [4.0, 0.0]])] + [np.array([[2.0, -2.0], [4.0, -4.0]])] * (k - 1)
    network = Network.from_arrays([*weights, np.array([[1.0, -1.0]])], [[0.0, -2.0]] * k + [[0.0]])
    assert_count(network, Box(0, 0, 1, 1), 2**k)
    assert sorted(set(regions.enumerate_regions(network, Box(0, 0, 1, 1)).vertices[:, 0])) == [
        i / 2**k for i in range(2**k + 1)
    ]


def test_duplicates_count_once() -> None:
    network = mlp(2, 10, 1, seed=4)
    weight, bias = network.layers[0].weight, network.layers[0].bias
    for factor in (1, 4, -1, -0.5):
        double = shallow(np.concatenate([weight, factor * weight]), np.concatenate([bias, factor * bias]))
        assert_count(double, 1e5, 56)


def test_multiples_by_three_count_once() -> None:
    assert_count(shallow([(1, 2), (3, 6), (-5, -10), (7, 14)], [0.25, 0.75, -1.25, 1.75]), 2, 2)


@pytest.mark.parametrize("bias", [-1.0, 0.0, 1.0])
def test_neurons_without_weights_do_not_count(bias: float) -> None:
    assert_count(shallow([(1, 2), (0, 0), (2, -1), (0, 0)], [0, bias, 0, bias]), 1, 4)


def test_neurons_far_away_do_not_count() -> None:
    assert_count(shallow([(1, 2), (1, 1), (2, -1)], [0, -(2.0**60), 0]), 1, 4)


@pytest.mark.parametrize("hidden", [(), (3,), (3, 4)])
def test_constant_networks(hidden: tuple[int, ...]) -> None:
    weights = [np.zeros((o, i)) for i, o in pairwise((2, *hidden, 1))]
    biases = [np.linspace(-1, 1, len(w)) for w in weights]
    assert_count(Network.from_arrays(weights, biases), 5, 1)


def test_three_lines_through_one_point() -> None:
    weights = [(1, 4), (-2, 3), (2, -4)]
    assert_count(shallow(weights, [-5, -1, 2]), 3, 6)
    # One unit in the last place further they form a triangle.
    assert_count(shallow(weights, [-5, -1, np.nextafter(2, 3)]), 3, 7)


def test_concurrent_lines_through_a_corner_and_a_side() -> None:
    weights, biases = [(1, 2), (2, 1), (1, -1)], [0, 0, 0]
    assert_count(shallow(weights, biases), Box(0, 0, 1, 1), 2)
    assert_count(shallow(weights, biases), Box(-1, 0, 1, 1), 4)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_parallel_lines(n: int) -> None:
    assert_count(shallow([(1, 3)] * n, -np.arange(n) / 8), 10, n + 1)
    assert_count(shallow([(0.1, 0.3)] * n, -np.arange(n) / 8), 10, n + 1)


def test_parallel_lines_the_smallest_number_apart() -> None:
    assert_count(shallow([(1, 0), (1, 0)], [0, 5e-324]), 1, 3)


def test_abs() -> None:
    assert_count(shallow([(1, 0), (0, 1)], [0, 0], "abs"), 1, 4)
    # ||x| - 1| kinks at -1, 0 and 1.
    nested = Network.from_arrays([[[1.0, 0.0]], [[1.0]], [[1.0]]], [[0.0], [-1.0], [0.0]], "abs")
    assert_count(nested, 2, 4)


def test_leaky_relu_of_a_leaky_relu_kinks_once() -> None:
    network = Network.from_arrays([[[1.0, 0.0]], [[1.0]], [[1.0]]], [[0.0], [0.0], [0.0]], (0.01, 1.0))
    assert_count(network, 2, 2)


def test_a_neuron_that_is_zero_on_a_face() -> None:
    # relu(x), then relu(relu(x)): zero, hence inactive, where x < 0.
    network = Network.from_arrays([[[1.0, 0.0]], [[1.0], [-1.0]], [[1.0, 1.0]]])
    assert_count(network, 1, 2)
    patterns = regions.enumerate_regions(network, 1).patterns.tolist()
    assert sorted(patterns) == [[False, False, False], [True, True, False]]


BENT = Network.from_arrays([[[1, 0], [0, 1], [0, -1]], [[1, -1, 1], [1, 0, 0]], [[1, -1]]])


@pytest.mark.parametrize("bound", [1, 100])
def test_bent_line(bound: float) -> None:
    # The quadrants, the first one cut by x = y; relu(relu(x)) cuts nothing.
    assert_count(BENT, bound, 5)


CLAMP = Network.from_arrays(
    [
        [[1, 0], [-1, 0], [0, 1], [0, -1]],
        [[-1, -1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
        [[0, 1, 0], [-1, 1, 0], [0, 0, 1], [-1, 0, 1]],
        [[1, -1, -1, 1]],
    ],
    [[0, 0, 0, 0], [1, 0, 0], [0, 0, 0, 0], [0]],
)


QUADRANT = ConvexPolygon([(0, 0), (9, 0), (0, 9)])


@pytest.mark.parametrize(("domain", "expected"), [(50, 12), (2, 12), (1, 8), (QUADRANT, 3)])
def test_clamp(domain: Any, expected: int) -> None:
    # min(|y|, w) with sign, w = relu(1 - |x|): x = -1, 0, 1 and y = 0 make 8 faces; |y| = 1 - |x| cuts the four
    # of them within |x| < 1. On the square of that size, or in one quadrant, fewer are left.
    assert_count(CLAMP, domain, expected)


def test_needles() -> None:
    # Lines that turn by one unit in the last place about a point inside: six needles, not two halves.
    slopes = [1.0, np.nextafter(1, 2), np.nextafter(1, 0)]
    assert_count(shallow([(s, -1) for s in slopes], [0, 0, 0]), 1, 6)
