"""Numbers read off a complex that floats alone would give as NaN, as infinite, or with the wrong sign."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import regions
from regions import Network, measures
from regions.complex.polygons import polygon_of
from regions.network.integers import ExactLines
from regions.testing import assert_valid_complex

DOMAINS = [
    regions.Box(-1, -1, 1, 1),
    regions.Polygon([(-1, -1), (1, -1), (1, 1), (0, 0), (-1, 1)]),
    regions.Polyhedron([[1.0, 0.0]], [1.0]),
    regions.WholePlane(),
]


def scaled(network: Network, exponents: list[int]) -> Network:
    """The same function, the activations behind each hidden layer times 2 to an exponent."""
    weights = [np.array(layer.weight) for layer in network.layers]
    biases = [np.array(layer.bias) for layer in network.layers]
    before = 0
    for i, e in enumerate([*exponents, 0]):
        weights[i] = np.ldexp(weights[i], e - before)
        biases[i] = np.ldexp(biases[i], e)
        before = e
    return Network.from_arrays(weights, biases)


def plain(seed: int, widths: tuple[int, ...]) -> Network:
    rng = np.random.default_rng(seed)
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    return Network.from_arrays(
        [rng.integers(-7, 8, s) / 4 for s in shapes], [rng.integers(-7, 8, s[0]) / 8 for s in shapes]
    )


# No weight underflows; from 2^1019 on sums straddle the end of the range, and cancel.
EXPONENTS = st.lists(st.one_of(st.integers(1019, 1022), st.integers(0, 1022)), min_size=2, max_size=2)


def near(found: float, exact: Fraction) -> bool:
    """Finite where the exact number is, and close to it relative to the sizes that occur here."""
    try:
        value = float(exact)
    except OverflowError:
        return found == (math.inf if exact > 0 else -math.inf)
    return math.isfinite(found) and abs(found - value) <= 1e-6 + 1e-9 * abs(value)


def assert_true_maps(complex: regions.RegionComplex) -> None:
    lines = ExactLines(complex.network, complex.patterns)
    for region in range(len(complex)):
        for k, (a, b, c) in enumerate(lines.output(region)):
            assert near(complex.gradients[region, k, 0], a)
            assert near(complex.gradients[region, k, 1], b)
            assert near(complex.offsets[region, k], c)


# Products of the second layer reach 2^1024; with two signs they are NaN.
OVERFLOWING = Network.from_arrays(
    [[[2.0**600, 0.0], [0.0, 2.0**600]], [[2.0**600, 0.0], [0.0, 2.0**600]], [[2.0**-700, -(2.0**-700)]]],
    [[2.0**598, 2.0**597], [0.0, 0.0], [1.0]],
)


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda d: type(d).__name__)
def test_gradients_are_finite_where_the_true_ones_are(domain: Any) -> None:
    complex = regions.enumerate_regions(OVERFLOWING, domain)
    assert not np.isnan(complex.gradients).any()
    # 2^500 times ±1 or 0, rounded once.
    assert set(np.unique(np.abs(complex.gradients))) == {0.0, 2.0**500}
    assert not np.isnan(complex.offsets).any()
    assert_true_maps(complex)


@settings(max_examples=60)
@given(
    st.integers(0, 10**6),
    EXPONENTS,
    st.sampled_from(DOMAINS),
    st.booleans(),
)
def test_scaled_layers_change_no_gradient(seed: int, exponents: list[int], domain: Any, wide: bool) -> None:
    network = plain(seed, (2, 5, 5, 2))
    other = scaled(network, exponents)
    if wide:
        layers = [
            regions.Layer(sparse.csr_array(layer.weight), layer.bias, layer.below, layer.above)
            for layer in other.layers
        ]
        other = Network(tuple(layers))
    found = regions.enumerate_regions(other, domain)
    assert len(found) == regions.count_regions(network, domain)
    assert_true_maps(found)


@settings(max_examples=60)
@given(
    st.integers(0, 10**6),
    EXPONENTS,
    st.sampled_from(["segment", "ray", "line"]),
)
def test_scaled_layers_change_no_piece(seed: int, exponents: list[int], kind: Any) -> None:
    network = scaled(plain(seed, (3, 4, 4, 2)), exponents)
    pieces = regions.enumerate_segment(network, [-2.0, 1.0, 0.5], [3.0, -1.0, 0.25], kind)
    for i, maps in enumerate(pieces.exact_maps()):
        for k, (slope, intercept) in enumerate(maps):
            assert near(pieces.slopes[i, k], slope)
            assert near(pieces.intercepts[i, k], intercept)


def test_what_is_beyond_the_range_is_infinite_and_no_nan() -> None:
    network = Network.from_arrays([[[2.0**1000, 0.0], [0.0, 2.0**1000]], [[2.0**1000, 2.0**1000]]])
    complex = regions.enumerate_regions(network, 1)
    assert set(np.unique(complex.gradients)) == {0.0, np.inf}
    pieces = regions.enumerate_segment(network, [1.0, 0.0], [0.0, 1.0])
    # 2^2000 t - 2^2000 t.
    assert (pieces.slopes.tolist(), pieces.intercepts.tolist()) == ([[0.0]], [[np.inf]])


def test_slices_have_true_gradients_too() -> None:
    plane = regions.Slice([0.0, 0.0], [1.0, 0.0], [0.0, 1.0], 1)
    assert_true_maps(regions.enumerate_regions(OVERFLOWING, plane))


def test_breakpoints_between_far_points_are_points() -> None:
    network = Network.from_arrays([[[1.0, 0.0]], [[1.0]]])
    pieces = regions.enumerate_segment(network, [-1e308, 1e308], [1e308, -1e308])
    assert pieces.points.tolist() == [[0.0, 0.0]]


def test_heights_of_the_surface_are_numbers(tmp_path: Path) -> None:
    network = Network.from_arrays([[[2.0**900, 0.0]], [[1.0]]], [[-(2.0**1023)], [0.0]])
    complex = regions.enumerate_regions(network, 2.0**124)
    complex.to_obj(tmp_path / "surface.obj")
    text = (tmp_path / "surface.obj").read_text(encoding="utf-8")
    heights = {float(line.split()[3]) for line in text.splitlines() if line.startswith("v ")}
    assert heights == {0.0, 2.0**1023}


def slivers(seed: int) -> tuple[Network, float]:
    """Lines of few directions, some nearly parallel, over a square so large that vertices are rounded by much."""
    rng = np.random.default_rng(seed)
    h = int(rng.integers(4, 12))
    weight = rng.integers(-5, 6, (h, 2)).astype(float)
    weight[~weight.any(axis=1)] = 1
    weight += (rng.random((h, 2)) < 0.3) * rng.integers(-3, 4, (h, 2)) * 2.0**-40
    bias = rng.integers(-9, 10, h).astype(float)
    return Network.from_arrays([weight, np.ones((1, h))], [bias, np.zeros(1)]), 10.0 ** rng.integers(13, 19)


def test_areas_of_slivers_are_positive() -> None:
    turned = 0
    for seed in range(150):
        network, bound = slivers(seed)
        complex = regions.enumerate_regions(network, bound)
        assert (complex.areas > 0).all()
        for region in range(len(complex)):
            ring = complex.region(region).vertices - complex.region(region).vertices[0]
            x, y = ring.T
            if (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() <= 0:
                turned += 1
                assert complex.areas[region] == float(measures.exact_areas(complex, [region])[0])
        if turned < 4:
            assert_valid_complex(complex)
    assert turned > 10


def test_a_polygon_that_rounding_has_turned_over_is_one() -> None:
    # Clockwise, and it touches itself.
    walk = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (-1.0, 0.0), (0.0, -1.0)]
    assert isinstance(polygon_of(np.array(walk)), shapely.Polygon)
    # Far from the origin, where products of coordinates cancel.
    far = 2.0**52
    hole = [(1.0, 1.0), (1.0, 2.0), (2.0, 1.0), (1.0, 1.0)]
    ring = [(0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 0.0), *hole]
    assert len(polygon_of(np.array(ring)[:-1] + far).interiors) <= 1
