"""What is read off a complex near the limits of float64, where a value that is not finite proves nothing."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

import regions
from regions import ConvexPolygon, Network, Polyhedron, from_torch, measures
from regions.network.rounding import allowed_difference, map_bounds, signs, value_bounds
from regions.testing import reference_counts


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_overflow_on_the_way_is_no_proof_at_a_vertex(order: tuple[int, ...]) -> None:
    # z = 2**1000 x - 2**999 y - 2**999 y is >= 0 on the triangle and 0 at its first corner, 2**24 times as far out as
    # floats reach; so there are two patterns.
    units = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])[list(order)]
    weights = np.array([2.0**1000, -(2.0**999), -(2.0**999)])[list(order)]
    network = Network.from_arrays([units, [weights], [[1.0]]])
    far = 2.0**24
    triangle = ConvexPolygon([(far, far), (far + 2, far), (far + 2, far + 1)])
    assert regions.enumerate_regions(network, triangle).counts().activation_patterns == 2
    assert reference_counts(network, triangle)[0] == 2


def test_a_vertex_beyond_the_largest_float_is_not_where_it_is_stored() -> None:
    # x <= 2**2000, y >= 0; the neuron 2**1000 - 2**-1000 x + y is 0 in the only corner.
    domain = Polyhedron([(2.0**-1000, 0.0), (0.0, -1.0)], [2.0**1000, 0.0])
    network = Network.from_arrays([[[-(2.0**-1000), 1.0]], [[1.0]]], [[2.0**1000], [0.0]])
    assert regions.enumerate_regions(network, domain).counts().activation_patterns == 2


def exact_signs(network: Network, point: Any) -> list[int]:
    (layer, *_) = network.layers
    rows = zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
    values = [sum((Fraction(w) * Fraction(x) for w, x in zip(row, point, strict=True)), Fraction(b)) for row, b in rows]
    return [(z > 0) - (z < 0) for z in values]


def test_roundings_of_subnormal_points_times_large_weights_are_seen() -> None:
    # Relative to the point they underflow, relative to the product they do not.
    rng = np.random.default_rng(0)
    for _ in range(200):
        k = float(rng.integers(2**52, 2**53))
        first = np.ldexp(k, 900)
        second = -3 * first
        point = np.array([3.0, 1.0]) * 5e-324
        # What the product 3 * first has lost.
        lost = Fraction(3) * Fraction(first) + Fraction(second)
        bias = -float(lost) / 2 * 2.0**-1074
        network = Network.from_arrays([[[first, second]], [[1.0]]], [[bias], [0.0]])
        assert signs(network, point[None]).tolist() == [exact_signs(network, point.tolist())]


def test_signs_are_those_of_rationals_at_all_scales() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        exponents = rng.choice([-1070, -540, -52, 0, 500, 970, 1020], 3)
        weight = np.ldexp(rng.choice([-1.0, 1.0], (3, 2)) * rng.integers(1, 8, (3, 2)), exponents[0])
        point = np.ldexp(rng.integers(-7, 8, 2).astype(float), int(rng.choice([-1072, -1000, 0, 900])))
        # Half of the biases cancel, or nearly.
        with np.errstate(all="ignore"):
            bias = np.nan_to_num(-weight @ point * rng.choice([1.0, 1.0 + 2.0**-52], 3), posinf=1.0, neginf=-1.0)
        network = Network.from_arrays([weight, [[1.0] * 3]], [bias, [0.0]])
        assert signs(network, point[None]).tolist() == [exact_signs(network, point.tolist())]


def test_a_bound_that_is_finite_says_that_the_products_are() -> None:
    large = 1.5 * 2.0**1023
    neurons, outputs = map_bounds(Network.from_arrays([[[large, 1.0]], [[1.0]]]))
    assert np.isinf(neurons[0, 0])
    assert np.isfinite(neurons[0, 1])
    assert np.isinf(outputs[0, 0])


def test_what_underflows_and_is_multiplied_up_again_is_in_the_bound() -> None:
    network = Network.from_arrays([[[2.0**-1000, 0.0]], [[2.0**1000]]])
    axis = np.array([2.0**-80, 2.0**-79])
    found = network(np.array([[x, y] for y in axis for x in axis])).reshape(2, 2)
    true = np.broadcast_to(axis, (2, 2))
    assert (np.abs(found - true) <= value_bounds(network, axis, axis, 0)).all()


def test_what_underflows_may_differ_between_two_evaluations() -> None:
    network = Network.from_arrays([[[1e-200, 0.0]], [[1e-200]]], activation="abs")
    points = np.array([[2.0**260, 0.0]])
    allowed = allowed_difference(network, points, network(points))
    assert abs(float(network(points)[0, 0]) - 1e-200 * (1e-200 * 2.0**260)) <= allowed[0, 0]
    assert allowed[0, 0] > 0
    # 0 times an infinite bound explains as much as the bound.
    crossed = Network.from_arrays([[[2.0**1000, -(2.0**1000)]], [[2.0**1000]], [[0.0]]])
    assert np.isinf(allowed_difference(crossed, np.array([[1.0, 1.0]]), np.zeros((1, 1)))).all()


def test_a_model_whose_bounds_overflow_is_not_refused_as_different() -> None:
    # The outputs are right at every point; it is the bound on their errors that is no number.
    steep = torch.tensor([[1.0, -1.0], [1.0, -1.0]], dtype=torch.float64) * 2.0**400
    layers = [torch.nn.Linear(2, 2, bias=False, dtype=torch.float64) for _ in range(4)]
    for layer, weight in zip(layers, [steep, steep, steep, torch.zeros(2, 2, dtype=torch.float64)], strict=True):
        layer.weight.data = weight
    model = torch.nn.Sequential(*itertools.chain.from_iterable((layer, torch.nn.ReLU()) for layer in layers))
    with pytest.raises(regions.errors.CaptureError, match="may overflow"):
        from_torch(model)


CROSS = Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])


@pytest.mark.parametrize("side", [1e-200, 1e-160, 1.0, 1e160, 8e307])
@pytest.mark.parametrize("exact", [False, True])
def test_measures_are_finite_where_they_can_be(side: float, exact: bool) -> None:
    found = regions.enumerate_regions(CROSS, side)
    np.testing.assert_allclose(measures.inradii(found, exact=exact), side / 2, rtol=1e-13)
    assert measures.boundary_density(found, exact=exact) == pytest.approx(1 / side, rel=1e-13)
    assert measures.boundary_length(found, exact=exact) == pytest.approx(4 * side, rel=1e-13)


def test_long_and_thin_regions_have_an_area() -> None:
    found = regions.enumerate_regions(CROSS, (-1e200, -1e-200, 1e200, 1e-200))
    np.testing.assert_allclose(found.areas, 1.0, rtol=1e-13)
    np.testing.assert_allclose(measures.inradii(found), 5e-201, rtol=1.0)
    assert measures.boundary_density(found) == pytest.approx(5e199, rel=1e-13)


def test_a_distribution_of_areas_whose_sum_overflows() -> None:
    found = measures.area_distribution(regions.enumerate_regions(CROSS, 1e154))
    assert found.total == pytest.approx(4e308) or found.total == np.inf
    assert found.mean == pytest.approx(1e308)
    assert found.median == pytest.approx(1e308)
    assert found.gini == pytest.approx(0.0, abs=1e-12)
    assert found.effective_regions == pytest.approx(4.0)
    assert np.isfinite(found.bin_edges).all()
    beyond = measures.area_distribution(regions.enumerate_regions(CROSS, 1e200), exact=True)
    assert beyond.effective_regions == pytest.approx(4.0)


def test_fractions_of_areas_beyond_the_range_are_no_numbers() -> None:
    for side in (1e-200, 1e200):
        found = regions.enumerate_regions(CROSS, side)
        assert np.isnan(measures.stable_regions(found, found).shared_fraction)
    assert measures.stable_regions(*[regions.enumerate_regions(CROSS, 1)] * 2).shared_fraction == 1


def test_ways_longer_than_the_largest_float() -> None:
    found = regions.enumerate_regions(CROSS, 1e308)
    way = measures.transitions(found, [[-1e308, -1e308], [1e308, 1e308], [-1e308, 1e308]])
    assert way.length == np.inf
    assert way.total == 2


def test_distances_across_differences_that_overflow() -> None:
    # The edge y = 0 is longer than floats reach.
    network = Network.from_arrays([[[0.0, 1.0]], [[1.0]]])
    found = regions.enumerate_regions(network, (-9e307, -1.0, 9.5e307, 1.0))
    points = [[9.5e307, 0.5], [0.0, 0.5], [-9e307, 0.5]]
    for exact in (False, True):
        assert measures.boundary_distances(found, points, exact=exact).tolist() == [0.5] * 3
    # Each step is a float, its length is none.
    diagonal = regions.enumerate_regions(Network.from_arrays([[[1.0, -1.0]], [[1.0]]]), 8e307)
    for exact in (False, True):
        assert measures.boundary_distances(diagonal, [[1e307, 1e307]], exact=exact).tolist() == [0.0]
