"""Level sets and decision boundaries, against exact arithmetic on the faces of the reference."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from planar_domains import twin_spikes
from reference import reference_of

import regions
from regions import Box, Network
from regions.measures import decision_boundary, level_set, predicted_classes, regions_per_class
from regions.study.models import DeepMLP
from regions.testing import domains, networks, polygons, polyhedra

BOX = Box(-2, -2, 2, 2)
values = st.one_of(st.integers(-2, 2).map(float), st.floats(-2, 2))


def exact_level_set(network: Network, value: float, output: int) -> tuple[float, int, set[Any]]:
    """Length of the lines, number of whole faces, and the points outside both, by the reference's faces."""
    segments: set[Any] = set()
    points: set[Any] = set()
    areas = []
    for face in reference_of(network, BOX):
        a, b, c = face.maps[output]
        at = [a * x + b * y + c - Fraction(value) for x, y in face.vertices]
        if not any(at):
            areas.append(face.vertices)
            continue
        found = [p for p, z in zip(face.vertices, at, strict=True) if z == 0]
        for i, (q, v) in enumerate(zip(face.vertices, at, strict=True)):
            p, u = face.vertices[i - 1], at[i - 1]
            if u * v < 0:
                t = u / (u - v)
                found.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])))
        if len(set(found)) > 1:
            segments.add((min(found), max(found)))
        points |= set(found)

    def on(p: Any, segment: Any) -> bool:
        (ax, ay), (bx, by) = segment
        return (bx - ax) * (p[1] - ay) == (by - ay) * (p[0] - ax) and segment[0] <= p <= segment[1]

    sides = [tuple(sorted(pair)) for area in areas for pair in zip(area, area[1:] + area[:1], strict=True)]
    # The rims of areas are theirs.
    lines = [s for s in segments if not any(on(s[0], side) and on(s[1], side) for side in sides)]
    # A segment seen from two faces may be the longer one on one side.
    whole = [s for s in lines if not any(s != o and on(s[0], o) and on(s[1], o) for o in lines)]
    alone = {p for p in points if not any(on(p, s) for s in (*segments, *sides))}
    return sum(math.dist(*(map(float, p) for p in s)) for s in whole), len(areas), alone


@settings(max_examples=60)
@given(networks(), values, st.data())
def test_level_sets_are_those_of_the_exact_reference(network: Network, value: float, data: Any) -> None:
    output = data.draw(st.integers(0, network.n_outputs - 1))
    complex = regions.enumerate_regions(network, BOX)
    found = level_set(complex, value, output)
    length, n_areas, alone = exact_level_set(network, value, output)
    assert (found.signs == 0).sum() == n_areas
    assert len(found.points) == len(alone)
    assert found.lines.length == pytest.approx(length, rel=1e-6, abs=1e-6)
    assert math.isclose(np.linalg.norm(found.segments[:, 1] - found.segments[:, 0], axis=1).sum(), found.lines.length)


@settings(max_examples=40)
@given(networks(), st.one_of(domains(), polyhedra(), polygons(), st.just(regions.WholePlane())), values)
def test_the_complex_is_divided_by_the_level_set(network: Network, domain: Any, value: float) -> None:
    try:
        complex = regions.enumerate_regions(network, domain)
    except regions.errors.DomainError:
        # Half-planes without a common interior.
        assume(False)
    found = level_set(complex, value, 0)
    assert np.unique(found.parents).tolist() == list(range(len(complex)))
    h = network.n_neurons
    np.testing.assert_array_equal(found.complex.patterns[:, :h], complex.patterns[found.parents])
    np.testing.assert_array_equal(found.complex.gradients.shape[1:], complex.gradients.shape[1:])
    # Where the point inside has its region's pattern, as all but those of thin regions have.
    whole = found.complex.patterns.tolist()
    for region, point in enumerate(found.complex.interior_points.tolist()):
        outputs, pattern = found.complex.network.evaluate_exact(point)
        if pattern == whole[region]:
            z = outputs[0] - Fraction(value)
            assert found.signs[region] == (z > 0) - (z < 0)
    mirrored = Network.from_saved_arrays(network.to_arrays(), "a test")
    last = mirrored.layers[-1]
    minus = regions.Layer(-np.eye(last.n_out), np.zeros(last.n_out), np.ones(last.n_out), np.ones(last.n_out))
    other = level_set(regions.enumerate_regions(Network((*mirrored.layers, minus)), domain), -value, 0)
    assert other.complex.n_regions == found.complex.n_regions
    assert sorted(other.signs.tolist()) == sorted((-found.signs).tolist())
    assert len(other.segments) == len(found.segments)
    assert len(other.points) == len(found.points)


@settings(max_examples=40)
@given(networks(), st.data())
def test_classes_are_the_largest_outputs(network: Network, data: Any) -> None:
    # Any number of outputs, some of them the same.
    o = data.draw(st.integers(1, 6))
    weight = data.draw(
        st.lists(
            st.lists(st.integers(-2, 2), min_size=network.n_outputs, max_size=network.n_outputs), min_size=o, max_size=o
        )
    )
    bias = data.draw(st.lists(st.integers(-1, 1), min_size=o, max_size=o))
    ones = np.ones(o)
    classifier = Network(
        (*network.layers, regions.Layer(np.array(weight, dtype=float), np.array(bias, dtype=float), ones, ones))
    )
    complex = regions.enumerate_regions(classifier, BOX)
    found = decision_boundary(complex)
    for label, region in zip(found.predicted.tolist(), range(len(found.predicted)), strict=True):
        # Exactly, in the middle of the region.
        ring = found.complex.rings[found.complex.ring_offsets[region] : found.complex.ring_offsets[region + 1]]
        corners = [found.complex.exact_vertices()[v] for v in ring] if len(found.predicted) < 30 else None
        if corners is None:
            continue
        middle = [sum(p[k] for p in corners) / len(corners) for k in (0, 1)]
        outputs = classifier.evaluate_exact(middle)[0]
        expected = int(outputs[0] > 0) if o == 1 else outputs.index(max(outputs))
        assert label == expected
    assert (found.classes[:, 0] != found.classes[:, 1]).all()
    per_class = regions_per_class(complex)
    assert sum(per_class.values()) == len(complex)
    for region, label in enumerate(predicted_classes(complex).tolist()):
        parts = set(found.predicted[found.parents == region].tolist())
        assert parts == {label} if label >= 0 else len(parts) > 1


def exact_rings(complex: regions.RegionComplex) -> list[list[tuple[Fraction, Fraction]]]:
    corners = complex.exact_vertices()
    return [[corners[v] for v in ring] for ring in np.split(complex.rings, complex.ring_offsets[1:-1])]


def spans(ring: list[tuple[Fraction, Fraction]], height: Fraction) -> list[tuple[Fraction, Fraction]]:
    """Where a horizontal line that meets no vertex runs through a region."""
    found = sorted(
        p[0] + (height - p[1]) * (q[0] - p[0]) / (q[1] - p[1])
        for p, q in zip(ring, ring[1:] + ring[:1], strict=True)
        if (p[1] > height) != (q[1] > height)
    )
    return list(zip(found[::2], found[1::2], strict=True))


@pytest.mark.parametrize(("hole", "sliced"), [(False, False), (True, False), (True, True)])
def test_parents_are_those_of_the_same_spike(hole: bool, sliced: bool) -> None:
    rng = np.random.default_rng(1)
    tried = 0
    while tried < 30:
        domain = twin_spikes(rng, hole)
        if domain is None:
            continue
        weight, bias = rng.standard_normal((3, 2)), rng.standard_normal(3)
        # Divides both spikes from the rectangle below, so that both tips have one pattern.
        weight[0], bias[0] = (rng.standard_normal() / 10, 1), -1.75
        network = Network.from_arrays([weight, rng.standard_normal((2, 3))], [bias, [0.0, 0.0]])
        where = regions.Slice([0.0, 0.0], [1.0, 0.0], [0.0, 1.0], domain) if sliced else domain
        complex = regions.enumerate_regions(network, where)
        if len(np.unique(complex.packed_patterns, axis=0)) == len(complex):
            continue
        tried += 1
        tips = domain.corners[domain.corners[:, 1] == 3]
        value = float(network(tips.mean(axis=0)[None])[0, 0]) + float(rng.choice([0, 1e-3, 1e-2]))
        originals = exact_rings(complex)
        for found in (level_set(complex, value), decision_boundary(complex)):
            for ring, parent in zip(exact_rings(found.complex), found.parents.tolist(), strict=True):
                heights = sorted({y for _, y in ring})
                height = (heights[0] + heights[1]) / 2
                inside = spans(originals[parent], height)
                for low, high in spans(ring, height):
                    # Slits to the hole may differ.
                    assert low == high or any(left <= (low + high) / 2 <= right for left, right in inside)


def test_pieces_are_joined_to_closed_lines() -> None:
    network = Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]], activation="abs")
    complex = regions.enumerate_regions(network, 2)
    found = level_set(complex, 1)
    (line,) = found.lines.geoms
    assert line.is_closed
    assert line.length == pytest.approx(4 * math.sqrt(2))
    assert (found.regions[:, 0] == found.regions[:, 1]).all()
    # At 3 the diamond is cut off by the square: four open pieces.
    assert [line.is_closed for line in level_set(complex, 3).lines.geoms] == [False] * 4
    point = level_set(complex, 0)
    assert point.points.tolist() == [[0.0, 0.0]]
    assert not len(point.segments)
    assert repr(level_set(complex, 9)) == "<LevelSet 9 of output 0: nothing, 0 segments>"


def test_plateaus_are_areas_and_their_rims_are_no_lines() -> None:
    complex = regions.enumerate_regions(Network.from_arrays([[[1.0, 0.0]], [[1.0]]]), 1)
    found = level_set(complex, 0)
    assert found.areas.equals(shapely.box(-1, -1, 0, 1))
    assert not len(found.segments)
    assert not len(found.points)


def test_valleys_are_lines_although_nothing_changes_its_sign() -> None:
    network = Network.from_arrays([[[1.0, 0.0]], [[1.0]]], activation="abs")
    for domain in (1, regions.WholePlane()):
        found = level_set(regions.enumerate_regions(network, domain), 0, box=1)
        assert found.lines.equals(shapely.LineString([(0, -1), (0, 1)]))
        assert sorted(found.regions[0].tolist()) == [0, 1]


def test_unbounded_lines_are_cut_off_at_the_box() -> None:
    network = Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])
    found = decision_boundary(regions.enumerate_regions(network, regions.WholePlane()), box=3)
    # relu(y) > relu(x): above the diagonal, and above the ray to the left.
    expected = shapely.MultiLineString([[(-3, 0), (0, 0), (3, 3)]])
    assert found.lines.equals(expected)
    assert len(found.lines.geoms) == 1
    assert sorted(map(tuple, found.classes.tolist())) in ([(0, 1), (1, 0)], [(0, 1), (0, 1)], [(1, 0), (1, 0)])


def test_a_level_set_lies_where_matplotlib_draws_it() -> None:
    network = DeepMLP(seed=1)
    complex = regions.enumerate_regions(network, 3)
    axis = np.linspace(-3, 3, 301)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    heights = complex.network(grid).reshape(301, 301)
    value = float(np.median(heights))
    drawn = plt.contour(axis, axis, heights, levels=[value])
    points = np.concatenate([path.vertices for path in drawn.get_paths()])
    plt.close("all")
    found = level_set(complex, value)
    assert shapely.distance(shapely.points(points), found.lines).max() < 0.05


@pytest.mark.parametrize(
    ("value", "output"), [(np.nan, 0), (np.inf, 0), ("a", 0), (0, 1), (0, -1), (0, 0.5), (2**60 + 1, 0)]
)
def test_wrong_values_and_outputs_are_refused(value: Any, output: Any) -> None:
    complex = regions.enumerate_regions(Network.from_arrays([[[1.0, 0.0]]]), 1)
    with pytest.raises(ValueError, match="allowed are"):
        level_set(complex, value, output)
