"""The five counts: worked examples, the slow exact reference, and what must hold between them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import regions
import regions.complex.patterns
from regions import Box, ConvexPolygon, Layer, Network, RegionCounts, WholePlane
from regions.complex.definitions import activation_patterns
from regions.errors import DomainError
from regions.network.residues import ResidueNetwork
from regions.testing import degenerate_mlps, domains, networks, polygons, reference_counts, relu_mlps

PLANE = WholePlane()
# Where all corners of small integers' lines lie, and where their maps cross on borders.
FAR = Box(-(2.0**40), -(2.0**40), 2.0**40, 2.0**40)


def counts_of(network: Network, domain: Any) -> tuple[int, ...]:
    return tuple(regions.enumerate_regions(network, domain).counts().to_dict().values())


# L1 = [x, y, -y], L2 = [a1 - a2 + a3, a1], out = b1 - b2.
# The lines are x = 0, y = 0 and, for x, y >= 0, y = x. For x < 0 < y the first unit of the second layer is < 0, for
# x, y < 0 it is -y > 0; so there are five regions. The outputs: 0 (x < 0 < y), -y (x, y < 0), -y (y < 0 < x, from
# x - y - x), -y (0 < y < x) and -x (0 < x < y). The three of -y are joined along x = 0 and y = 0: 3 by each of the last
# three definitions. Patterns of lower dimension: on y = 0 < x neither y nor -y is active, x and both units of L2 are, a
# sixth; on y = 0 >= x none is, a seventh; on x = 0 > y it is the one of x < 0.
EXAMPLE_A = Network.from_arrays([[[1.0, 0], [0, 1], [0, -1]], [[1.0, -1, 1], [1, 0, 0]], [[1.0, -1]]])

# clamp(y, -w, w) with w = relu(1 - |x|).
# For -1 < x < 0 and for 0 < x < 1 there are y < -w, -w < y < 0, 0 < y < w and w < y: 8 regions; for x < -1 and for
# x > 1, where w = 0, y < 0 and y > 0: 4. The output is y in the diamond, of 4 regions that are one; 1 + x, 1 - x,
# -1 - x and -1 + x on the 4 parts above and below it; 0 in the two half-planes |x| > 1: 1 + 4 + 2 = 7 open linear
# regions, of 6 maps. On the diamond's diagonal y = 0 the output is 0 too: it ties the two half-planes together, from
# (-1, 0) to (1, 0), so there are 6 closed ones. Patterns of lower dimension, beside the 12: on y = 0 those of
# 0 < |x| < 1 (2), of |x| >= 1 (2) and of the origin; on x = 0 those of 0 < |y| <= 1 (2) and of |y| > 1 (2).
EXAMPLE_C = Network.from_arrays(
    [
        [[1.0, 0], [-1, 0], [0, 1], [0, -1]],
        [[-1.0, -1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
        [[0.0, 1, 0], [-1, 1, 0], [0, 0, 1], [-1, 0, 1]],
        [[1.0, -1, -1, 1]],
    ],
    [[0.0] * 4, [1.0, 0, 0], [0.0] * 4, [0.0]],
)


def test_example_a() -> None:
    found = regions.enumerate_regions(EXAMPLE_A, PLANE)
    assert found.counts() == RegionCounts(7, 5, 3, 3, 3)
    assert reference_counts(EXAMPLE_A, FAR) == (7, 5, 3, 3, 3)
    # On x > 0 = y: x and both units of the second layer; on x <= 0 = y nothing.
    patterns = set(map(tuple, activation_patterns(found).astype(int).tolist()))
    assert {(1, 0, 0, 1, 1), (0, 0, 0, 0, 0)} <= patterns - set(map(tuple, found.patterns.astype(int).tolist()))


def test_example_c() -> None:
    found = regions.enumerate_regions(EXAMPLE_C, PLANE)
    assert found.counts() == RegionCounts(21, 12, 7, 6, 6)
    assert reference_counts(EXAMPLE_C, FAR) == (21, 12, 7, 6, 6)
    left, right, inside, above = found.locate([[-5.0, 1.0], [5.0, 1.0], [0.1, 0.1], [0.1, 3.0]])
    assert found.affine_pieces[left] == found.affine_pieces[right]
    assert found.open_linear_regions[left] != found.open_linear_regions[right]
    assert found.closed_linear_regions[left] == found.closed_linear_regions[right]
    assert len({found.closed_linear_regions[i] for i in (left, inside, above)}) == 3


def test_a_hole_on_the_tie_cuts_it() -> None:
    # The pattern of the origin goes with it.
    hole = [(-0.25, -0.125), (-0.25, 0.125), (0.25, 0.125), (0.25, -0.125)]
    ring = regions.Polygon([(-4, -4), (4, -4), (4, 4), (-4, 4)], [hole])
    assert counts_of(EXAMPLE_C, ring) == reference_counts(EXAMPLE_C, ring) == (20, 12, 7, 7, 6)
    # A hole that leaves the diagonal alone, or has a side on it, does not.
    for low in (0.0, 0.125):
        hole = [(-0.25, low), (-0.25, 0.25), (0.25, 0.25), (0.25, low)]
        ring = regions.Polygon([(-4, -4), (4, -4), (4, 4), (-4, 4)], [hole])
        assert counts_of(EXAMPLE_C, ring) == reference_counts(EXAMPLE_C, ring)
        assert counts_of(EXAMPLE_C, ring)[3] == 6


def test_the_line() -> None:
    network = Network.from_arrays([[[1.0], [-1.0]], [[1.0, -1.0]]])
    expected = RegionCounts(3, 2, 1, 1, 1)
    for kind, p, q in (
        ("line", [0.0], [1.0]),
        ("line", [3.0], [1.0]),
        ("segment", [-1.0], [2.0]),
        ("ray", [-1.0], [0.0]),
    ):
        assert regions.enumerate_segment(network, p, q, kind).counts() == expected
    assert regions.enumerate_segment(network, [0.0], [1.0]).counts() == RegionCounts(2, 1, 1, 1, 1)
    assert regions.enumerate_segment(network, [0.5], [1.0]).counts() == RegionCounts(1, 1, 1, 1, 1)


def test_tied_in_a_point() -> None:
    # |x| - |y| = 0 on two lines; relu of it is 0 above and below the origin, tied there.
    layers = [[[1.0, 0], [-1, 0], [0, 1], [0, -1]], [[1.0, 1, -1, -1]], [[1.0]]]
    network = Network.from_arrays(layers)
    assert counts_of(network, PLANE)[2:] == (6, 5, 5)
    assert counts_of(network, FAR) == reference_counts(network, FAR)


def test_several_outputs_are_equal_only_together() -> None:
    # Of relu(x) and relu(-x) alone each has 2 pieces; y tells nothing apart.
    both = Network.from_arrays([[[1.0, 0], [-1, 0], [0, 1]], [[1.0, -1, 0], [0, 0, 1]]])
    assert counts_of(both, 1) == (6, 4, 2, 2, 2)


def test_maps_that_floats_cannot_tell_apart() -> None:
    # relu(x) times 1 + 2**-60 and relu(-x) times -1: the outputs' floats agree, the maps do not.
    network = Network.from_arrays([[[1.0, 0], [-1, 0], [1.0, 0]], [[1.0, -1, 2.0**-60]]])
    assert counts_of(network, PLANE)[2:] == (2, 2, 2)
    far = Network.from_arrays([[[1.0, 0], [-1, 0], [1.0, 0]], [[2.0**900, -(2.0**900), 2.0**-900]]])
    assert counts_of(far, PLANE)[2:] == (2, 2, 2)
    same = Network.from_arrays([[[0.1, 0], [-0.1, 0]], [[3.0, -3.0]]])
    assert counts_of(same, PLANE) == (3, 2, 1, 1, 1)


def test_a_residue_of_zero_is_not_zero() -> None:
    # 2**26 - 5 is the largest prime below 2**26, which the first residues are taken of.
    prime = 2.0**26 - 5
    network = Network.from_arrays([[[1.0, 0], [-1, 0], [1.0, 0]], [[1.0, -1, prime]]])
    assert counts_of(network, PLANE) == (3, 2, 2, 2, 2)
    # The second neuron, relu(x) + prime, is active on x = 0 although it is 0 there modulo the prime.
    network = Network.from_arrays([[[1.0, 0], [-1.0, 0]], [[1.0, 1.0]], [[1.0]]], [[0.0, 0.0], [prime], [0.0]])
    found = regions.enumerate_regions(network, PLANE)
    assert found.counts().activation_patterns == 3
    assert activation_patterns(found)[:, 2].all()


def test_constants_and_linear_networks() -> None:
    constant = Network.from_arrays([[[0.0, 0.0]], [[1.0]]], [[1.0], [0.0]])
    assert counts_of(constant, PLANE) == counts_of(constant, 1) == (1, 1, 1, 1, 1)
    assert counts_of(Network.from_arrays([[[1.0, 2.0]]]), PLANE) == (1, 1, 1, 1, 1)


def test_labels_are_numbered_in_order() -> None:
    found = regions.enumerate_regions(EXAMPLE_C, 3)
    for labels in (found.affine_pieces, found.open_linear_regions, found.closed_linear_regions):
        assert labels.dtype == np.int64
        _, first = np.unique(labels, return_index=True)
        assert (np.diff(first) > 0).all()
        assert not labels.flags.writeable


def test_slices_and_wide_layers() -> None:
    rng = np.random.default_rng(0)
    network = Network.from_arrays([rng.integers(-2, 3, (4, 3)), rng.integers(-2, 3, (2, 4))])
    plane = regions.Slice([0, 0, 1], [1, 0, 0], [0, 1, 1], domain=2)
    assert counts_of(network, plane) == reference_counts(network, plane)
    # Sparse, as it is more than 80 % zeros: 40 lines, each twice, the second of which is taken away again.
    lines = rng.normal(size=(20, 2))
    weight = np.zeros((20, 60))
    weight[np.arange(20), np.arange(20)] = 1
    network = Network.from_arrays([np.concatenate([lines, lines, -lines]), weight, rng.normal(size=(1, 20))])
    assert counts_of(network, 2) == reference_counts(network, 2)


def far_apart(rng: np.random.Generator, depth: int) -> Network:
    """Powers of two and other weights from 2**-1000 to 2**1000, products of which overflow in floats."""
    widths = [2, *rng.integers(2, 4, depth - 1), 1]

    def numbers(*shape: int) -> Any:
        mantissas = rng.choice([-1.0, 1.0], shape) if rng.random() < 0.5 else rng.normal(size=shape)
        return np.ldexp(mantissas, rng.choice([-1000, -500, 0, 500, 1000], shape))

    pairs = list(pairwise(widths))
    return Network.from_arrays(
        [numbers(m, n) for n, m in pairs], [numbers(m) * (rng.random(m) < 0.5) for _, m in pairs]
    )


def test_weights_far_apart_are_compared_as_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    init = ResidueNetwork.__init__

    def counted(self: ResidueNetwork, network: Network, prime: int, *more: Any) -> None:
        made.append(prime)
        init(self, network, prime, *more)

    monkeypatch.setattr(ResidueNetwork, "__init__", counted)
    rng = np.random.default_rng(0)
    compared = 0
    for depth in np.resize(np.arange(13, 22), 18).tolist():
        network = far_apart(rng, depth)
        complex = regions.enumerate_regions(network, 1)
        made.clear()
        found = tuple(complex.counts().to_dict().values())
        # Modulo primes alone it takes thousands, and half a minute.
        assert len(made) < 30
        if len(complex) <= 8:
            assert found == reference_counts(network, 1)
            compared += 1
        line = regions.enumerate_segment(network, [-1.0, 0.5], [1.0, 0.25], "line")
        made.clear()
        line.counts()
        assert len(made) < 30
    assert compared > 2


@pytest.mark.parametrize("always", [False, True])
def test_integers_and_primes_give_one_answer(monkeypatch: pytest.MonkeyPatch, always: bool) -> None:
    for module in (regions.complex.definitions, regions.complex.patterns):
        monkeypatch.setattr(module, "integers_are_faster", lambda *_: always)
    for seed in range(40):
        network = integer_network(seed)
        for domain in (2, PLANE):
            complex = regions.enumerate_regions(network, domain)
            expected = reference_counts(network, FAR if domain is PLANE else domain)
            assert tuple(complex.counts().to_dict().values()) == expected
        line = regions.enumerate_segment(network, [-2.0, 1.0], [1.0, -1.0])
        assert line.counts() == regions.enumerate_segment(network, [1.0, -1.0], [-2.0, 1.0]).counts()
        assert len(line) == line.counts().activation_regions


small = st.one_of(
    relu_mlps(max_hidden_layers=2, max_width=3),
    degenerate_mlps(max_hidden_layers=3, max_width=3),
    networks(max_hidden_layers=2, max_width=3),
)


def integer_network(seed: int) -> Network:
    """Small integer weights, where lines meet, maps agree and parts touch."""
    rng = np.random.default_rng(seed)
    widths = [2, *rng.integers(1, 5, rng.integers(1, 4)), rng.integers(1, 3)]
    layers = []
    for i, (n, m) in enumerate(pairwise(widths)):
        last = i == len(widths) - 2
        below = np.ones(m) if last else rng.choice([0.0, 0.0, 0.0, -1.0], m)
        bias = rng.integers(-1, 2, m) * (rng.random() < 0.7)
        layers.append(Layer(rng.integers(-1, 2, (m, n)).astype(float), bias.astype(float), below, np.ones(m)))
    return Network(tuple(layers))


def assert_counts(network: Network, domain: Any) -> tuple[int, ...]:
    found = counts_of(network, domain)
    assert found == reference_counts(network, domain)
    return found


@settings(max_examples=60)
@given(small, domains())
def test_counts_are_the_references(network: Network, domain: Box | ConvexPolygon) -> None:
    found = assert_counts(network, domain)
    assert list(found) == sorted(found, reverse=True)


@settings(max_examples=80)
@given(st.integers(0, 10**9))
def test_counts_of_integer_networks(seed: int) -> None:
    assert_counts(integer_network(seed), Box(-3, -3, 3, 3))


@pytest.mark.slow
def test_counts_of_many_integer_networks() -> None:
    apart = 0
    for seed in range(1500):
        patterns, faces, opens, closed, pieces = assert_counts(integer_network(seed), Box(-3, -3, 3, 3))
        apart += patterns > faces > opens > closed > pieces
    # All five differ in some of them, so the test tells them apart.
    assert apart > 0


@settings(max_examples=25)
@given(st.integers(0, 10**9))
def test_the_whole_plane_counts_what_a_large_box_does(seed: int) -> None:
    network = integer_network(seed)
    assert counts_of(network, PLANE) == counts_of(network, FAR) == reference_counts(network, FAR)


@settings(max_examples=30)
@given(st.integers(0, 10**9), polygons())
def test_counts_over_polygons(seed: int, domain: regions.Polygon) -> None:
    assert_counts(integer_network(seed), domain)


@settings(max_examples=40)
@given(small, domains(), st.integers(-40, 40))
def test_the_last_layers_scale_changes_nothing(network: Network, domain: Any, exponent: int) -> None:
    last = network.layers[-1]
    scaled = Layer(np.ldexp(last.weight, exponent), np.ldexp(last.bias, exponent), last.below, last.above)
    assume((np.ldexp(scaled.weight, -exponent) == last.weight).all())
    assume((np.ldexp(scaled.bias, -exponent) == last.bias).all())
    changed = Network((*network.layers[:-1], scaled))
    assert counts_of(changed, domain) == counts_of(network, domain)


@settings(max_examples=40)
@given(small, domains())
def test_each_label_refines_the_next(network: Network, domain: Any) -> None:
    found = regions.enumerate_regions(network, domain)
    labels = [found.open_linear_regions, found.closed_linear_regions, found.affine_pieces]
    for fine, coarse in pairwise(labels):
        assert len(np.unique(np.column_stack([fine, coarse]), axis=0)) == fine.max() + 1
    # Equal maps have equal floats as far as they can be told.
    for label in range(found.affine_pieces.max() + 1):
        here = found.affine_pieces == label
        assert np.allclose(found.gradients[here], found.gradients[here][:1], rtol=1e-6, atol=1e-300)


@settings(max_examples=100)
@given(st.integers(0, 10**9))
def test_lines_count_like_the_plane(seed: int) -> None:
    """Along a segment there is what a network that does not depend on y has over a square."""
    network = integer_network(seed)
    p, q = np.random.default_rng(seed).integers(-3, 4, (2, 2)).astype(float)
    assume((p != q).any())
    first, *others = network.layers
    weight = first.weight @ np.column_stack([q - p, [0.0, 0.0]])
    flat = Network((Layer(weight, first.weight @ p + first.bias, first.below, first.above), *others))
    counts = regions.enumerate_segment(network, p, q).counts()
    assert tuple(counts.to_dict().values()) == reference_counts(flat, Box(0, 0, 1, 1))


def test_the_reference_refuses_what_is_not_bounded() -> None:
    with pytest.raises(DomainError, match="not bounded; reference_counts takes a bound, Box"):
        reference_counts(EXAMPLE_A, PLANE)
