"""The engine is the reference, without tolerance, and keeps the laws that hold for every network."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import halves, reference_of

import regions
from regions import Box, ConvexPolygon, Layer, Network, RegionComplex
from regions.testing import (
    KINDS,
    assert_same_complex,
    assert_valid_complex,
    degenerate_mlps,
    domains,
    networks,
    relu_mlps,
)

Point = tuple[Fraction, Fraction]
Faces = dict[tuple[bool, ...], frozenset[Point]]

shifts = st.integers(-8, 8).map(lambda k: 2.0**k)


def faces_of(complex: RegionComplex) -> Faces:
    points = complex.exact_vertices()
    rings = np.split(complex.rings, complex.ring_offsets[1:-1])
    faces = {
        tuple(pattern): frozenset(points[v] for v in ring)
        for pattern, ring in zip(complex.patterns.tolist(), rings, strict=True)
    }
    assert len(faces) == len(complex)
    return faces


def enumerated(network: Network, domain: Any) -> Faces:
    return faces_of(regions.enumerate_regions(network, domain))


def assert_equals_reference(network: Network, domain: Box | ConvexPolygon) -> None:
    expected = reference_of(network, domain)
    found = enumerated(network, domain)
    assert found == {face.pattern: frozenset(face.vertices) for face in expected}
    assert len(found) == len(expected)
    assert regions.count_regions(network, domain) == len(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_engine_equals_reference(kind: str) -> None:
    @settings(max_examples=150)
    @given(networks(kinds=[kind]), domains())
    def check(network: Network, domain: Box | ConvexPolygon) -> None:
        assert_equals_reference(network, domain)

    check()


@settings(max_examples=50)
@given(relu_mlps(min_hidden_layers=2, max_hidden_layers=4, max_width=8), domains(kinds=["square", "polygon"]))
def test_engine_equals_reference_on_larger_generic_networks(network: Network, domain: Box | ConvexPolygon) -> None:
    assert_equals_reference(network, domain)


@settings(max_examples=80)
@given(degenerate_mlps(min_hidden_layers=2, max_hidden_layers=4, max_width=7), domains(kinds=["square", "integer_box"]))
def test_engine_equals_reference_on_larger_degenerate_networks(network: Network, domain: Box | ConvexPolygon) -> None:
    assert_equals_reference(network, domain)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_engine_equals_reference_on_many_networks(kind: str) -> None:
    @settings(max_examples=20_000 // len(KINDS) + 1)
    @given(networks(kinds=[kind], max_width=6), domains())
    def check(network: Network, domain: Box | ConvexPolygon) -> None:
        assert_equals_reference(network, domain)

    check()


@settings(max_examples=200)
@given(networks(), domains())
def test_complexes_are_valid(network: Network, domain: Box | ConvexPolygon) -> None:
    assert_valid_complex(regions.enumerate_regions(network, domain))


def changed(layer: Layer, weight: Any = None, bias: Any = None) -> Layer:
    weight = layer.weight if weight is None else weight
    return Layer(weight, layer.bias if bias is None else bias, layer.below, layer.above)


def moved(faces: Faces, x: Any, y: Any) -> Faces:
    return {pattern: frozenset((x(*p), y(*p)) for p in points) for pattern, points in faces.items()}


def corners_of(domain: Box | ConvexPolygon) -> list[Point]:
    return [(Fraction(x), Fraction(y)) for x, y in domain.corners.tolist()]


def exact_floats(points: list[Point]) -> np.ndarray:
    """The points as floats; the example is dropped where they are not."""
    array = np.array([(float(x), float(y)) for x, y in points])
    assume([(Fraction(x), Fraction(y)) for x, y in array.tolist()] == points)
    return array


@settings(max_examples=100)
@given(networks(), domains(), shifts)
def test_scaling_biases_and_domain_scales_everything(network: Network, domain: Any, factor: float) -> None:
    for layer in network.layers:
        assume((layer.bias * factor / factor == layer.bias).all())
    scaled = Network(tuple(changed(layer, bias=layer.bias * factor) for layer in network.layers))
    larger = enumerated(scaled, ConvexPolygon(domain.corners * factor))
    f = Fraction(factor)
    assert larger == moved(enumerated(network, domain), lambda x, y: f * x, lambda x, y: f * y)


@settings(max_examples=100)
@given(networks(), domains(), st.data())
def test_permuting_neurons_permutes_patterns(network: Network, domain: Any, data: Any) -> None:
    layers, orders = list(network.layers), []
    for i in range(len(layers) - 1):
        layer = layers[i]
        order = np.array(data.draw(st.permutations(range(layer.n_out))))
        orders.append(order)
        layers[i] = Layer(layer.weight[order], layer.bias[order], layer.below[order], layer.above[order])
        layers[i + 1] = changed(layers[i + 1], weight=layers[i + 1].weight[:, order])
    permuted = Network(tuple(layers))
    # Where each neuron of the new network stands in the old one's patterns.
    place = {(int(a), int(b)): k for k, (a, b) in enumerate(network.neuron_units)}
    source = [place[int(a), int(orders[a][b])] for a, b in permuted.neuron_units]
    expected = {tuple(p[k] for k in source): v for p, v in enumerated(network, domain).items()}
    assert enumerated(permuted, domain) == expected


@settings(max_examples=100)
@given(networks(), domains(), st.data())
def test_rescaling_a_neuron_changes_nothing(network: Network, domain: Any, data: Any) -> None:
    layers = list(network.layers)
    i = data.draw(st.integers(0, len(layers) - 2))
    factors = np.array(data.draw(st.lists(shifts, min_size=layers[i].n_out, max_size=layers[i].n_out)))
    layers[i] = changed(layers[i], layers[i].weight * factors[:, None], layers[i].bias * factors)
    layers[i + 1] = changed(layers[i + 1], weight=layers[i + 1].weight / factors)
    assume((layers[i].weight / factors[:, None] == network.layers[i].weight).all())
    assume((layers[i].bias / factors == network.layers[i].bias).all())
    assume((layers[i + 1].weight * factors == network.layers[i + 1].weight).all())
    rescaled = regions.enumerate_regions(Network(tuple(layers)), domain)
    assert_same_complex(rescaled, regions.enumerate_regions(network, domain))


@settings(max_examples=100)
@given(networks(), domains(kinds=["square", "integer_box", "triangle"]), st.integers(-20, 20), st.integers(-20, 20))
def test_translating(network: Network, domain: Any, dx: int, dy: int) -> None:
    s, t = Fraction(dx, 4), Fraction(dy, 4)
    there = ConvexPolygon(exact_floats([(x + s, y + t) for x, y in corners_of(domain)]))
    back = Layer(np.eye(2), [-dx / 4, -dy / 4], [1, 1], [1, 1])
    translated = enumerated(Network((back, *network.layers)), there)
    assert translated == moved(enumerated(network, domain), lambda x, y: x + s, lambda x, y: y + t)


@settings(max_examples=100)
@given(networks(kinds=["integer", "sparse", "zero_bias", "concurrent"]), st.integers(-20, 20), st.integers(-20, 20))
def test_translating_by_the_biases(network: Network, dx: int, dy: int) -> None:
    first = network.layers[0]
    s, t = Fraction(dx, 4), Fraction(dy, 4)
    bias = [
        Fraction(b) - Fraction(u) * s - Fraction(v) * t
        for (u, v), b in zip(first.weight.tolist(), first.bias.tolist(), strict=True)
    ]
    assume(all(Fraction(float(b)) == b for b in bias))
    translated = Network((changed(first, bias=[float(b) for b in bias]), *network.layers[1:]))
    here, there = Box(-3, -2, 4, 3), Box(-3 + dx / 4, -2 + dy / 4, 4 + dx / 4, 3 + dy / 4)
    expected = moved(enumerated(network, here), lambda x, y: x + s, lambda x, y: y + t)
    assert enumerated(translated, there) == expected


@settings(max_examples=100)
@given(networks(), domains(kinds=["square", "integer_box", "triangle"]), st.integers(-3, 3), st.integers(-3, 3))
def test_shearing_and_turning(network: Network, domain: Any, a: int, b: int) -> None:
    # (x, y) -> (u, v) = (x + a y, -(b x + (a b + 1) y)): integers with determinant -1, so a reflection too.
    assume(max(abs(a), abs(b)) > 0)
    u, v = (lambda x, y: x + a * y), (lambda x, y: -(b * x + (a * b + 1) * y))
    there = ConvexPolygon(exact_floats([(u(x, y), v(x, y)) for x, y in corners_of(domain)]))
    back = Layer([[a * b + 1, a], [-b, -1]], [0, 0], [1, 1], [1, 1])
    assert enumerated(Network((back, *network.layers)), there) == moved(enumerated(network, domain), u, v)


def clip(points: frozenset[Point], x: Fraction, side: int, axis: int) -> frozenset[Point]:
    """The part of a convex polygon, given by its corners, where side * (coordinate - x) >= 0."""
    centre = [sum(p[k] for p in points) / Fraction(len(points)) for k in range(2)]

    def around(p: Point) -> Any:
        dx, dy = p[0] - centre[0], p[1] - centre[1]
        # Sorted by angle without an angle: by half-plane, then by slope.
        return (dy < 0 or (dy == 0 and dx < 0), -dx / dy if dy else -(10**400))

    ring = []
    for p in sorted(points, key=around):
        w = lcm(p[0].denominator, p[1].denominator)
        ring.append((int(p[0] * w), int(p[1] * w), w))
    row = [0, 0, -side * x.numerator]
    row[axis] = side * x.denominator
    kept = halves(ring, (row[0], row[1], row[2]))[0]
    return frozenset((Fraction(p[0], p[2]), Fraction(p[1], p[2])) for p in kept)


def restricted(faces: Faces, box: Box) -> Faces:
    """What of the faces lies in the box, where that has an interior."""
    minx, miny, maxx, maxy = map(Fraction, box.bounds)
    result = {}
    for pattern, points in faces.items():
        for x, side, axis in ((minx, 1, 0), (maxx, -1, 0), (miny, 1, 1), (maxy, -1, 1)):
            if points:
                points = clip(points, x, side, axis)
        if len(points) > 2:
            result[pattern] = points
    return result


@settings(max_examples=150)
@given(networks(), st.integers(-3, 2), st.integers(-3, 2), st.integers(1, 6), st.integers(1, 6))
def test_restricting_the_domain(network: Network, x: int, y: int, width: int, height: int) -> None:
    large = Box(-3, -3, 3, 3)
    small = Box(x, y, min(x + width, 3), min(y + height / 2, 3))
    assert enumerated(network, small) == restricted(enumerated(network, large), small)


@settings(max_examples=100)
@given(networks(), st.integers(-11, 11))
def test_halves_of_the_domain_join(network: Network, cut: int) -> None:
    x = cut / 4
    left, right = enumerated(network, Box(-3, -2, x, 5)), enumerated(network, Box(x, -2, 3, 5))
    whole = enumerated(network, Box(-3, -2, 3, 5))
    assert whole.keys() == left.keys() | right.keys()
    for pattern, points in whole.items():
        parts = left.get(pattern, frozenset()) | right.get(pattern, frozenset())
        # The parts bring no corner but on the cut, and lose none.
        assert points <= parts
        assert all(p[0] == x for p in parts - points)


@settings(max_examples=50)
@given(networks(), domains(), st.floats(-100, 100))
def test_the_output_bias_moves_no_region(network: Network, domain: Any, bias: float) -> None:
    last = network.layers[-1]
    other = Network((*network.layers[:-1], changed(last, bias=np.full(last.n_out, bias))))
    first, second = regions.enumerate_regions(network, domain), regions.enumerate_regions(other, domain)
    assert_same_complex(first, second)
    order = [{p: i for i, p in enumerate(map(tuple, c.patterns.tolist()))} for c in (first, second)]
    assert [first.gradients[i].tolist() for i in order[0].values()] == [
        second.gradients[order[1][p]].tolist() for p in order[0]
    ]
