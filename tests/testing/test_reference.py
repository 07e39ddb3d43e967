"""The reference is held against answers had without it: by hand, by sampling, by Euler and by areas."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from reference import Face, halves, reference_of, reference_regions

from regions import Box, Network
from regions.testing import domains, networks

SQUARE = [(-1, -1), (1, -1), (1, 1), (-1, 1)]


def relu(weight, bias):
    return (weight, bias, [0] * len(bias), [1] * len(bias))


def linear(weight, bias):
    return (weight, bias, [1] * len(bias), [1] * len(bias))


def area(face: Face) -> Fraction:
    points = face.vertices
    return (
        sum(
            (p[0] * q[1] - p[1] * q[0] for p, q in zip(points, points[1:] + points[:1], strict=True)),
            Fraction(0),
        )
        / 2
    )


def test_one_neuron() -> None:
    faces = reference_regions([relu([[1, 0]], [-0.5]), linear([[2]], [1])], SQUARE)
    half = Fraction(1, 2)
    by_pattern = {face.pattern: face for face in faces}
    assert set(by_pattern[True,].vertices) == {(half, -1), (1, -1), (1, 1), (half, 1)}
    assert set(by_pattern[False,].vertices) == {(half, -1), (-1, -1), (-1, 1), (half, 1)}
    assert by_pattern[True,].maps == ((2, 0, 0),)
    assert by_pattern[False,].maps == ((0, 0, 1),)


def test_two_layers_by_hand() -> None:
    # relu(relu(x) - y): the diagonal on the right, the axis on the left.
    faces = reference_regions([relu([[1, 0], [0, 1], [0, -1]], [0, 0, 0]), relu([[1, -1, 1]], [0])], SQUARE)
    by_pattern = {face.pattern: set(face.vertices) for face in faces}
    assert by_pattern == {
        (True, True, False, True): {(0, 0), (1, 0), (1, 1)},
        (True, True, False, False): {(0, 0), (1, 1), (0, 1)},
        (False, True, False, False): {(0, 0), (0, 1), (-1, 1), (-1, 0)},
        (False, False, True, True): {(0, 0), (-1, 0), (-1, -1), (0, -1)},
        (True, False, True, True): {(0, 0), (0, -1), (1, -1), (1, 0)},
    }


def test_a_line_through_corners_cuts_at_them() -> None:
    faces = reference_regions([relu([[1, -1]], [0])], SQUARE)
    assert sorted(len(face.vertices) for face in faces) == [3, 3]


@pytest.mark.parametrize("bias", [1, 2, -1, -2])
def test_a_line_along_a_side_or_outside_cuts_nothing(bias: int) -> None:
    (face,) = reference_regions([relu([[1, 0]], [bias])], SQUARE)
    assert face.pattern == (bias > 0,)
    assert set(face.vertices) == set(SQUARE)


def test_zero_on_a_whole_face_is_inactive() -> None:
    faces = reference_regions([relu([[1, 0]], [0]), relu([[1], [-1]], [0, 0])], SQUARE)
    assert {face.pattern for face in faces} == {(True, True, False), (False, False, False)}


def test_slopes() -> None:
    layer = ([[1, 0], [1, 0], [0, 1]], [0, 0, 0], [-1, 0.25, 3], [1, 1, 3])
    faces = reference_regions([layer], SQUARE)
    assert {face.pattern: face.maps for face in faces} == {
        (True, True): ((1, 0, 0), (1, 0, 0), (0, 3, 0)),
        (False, False): ((-1, 0, 0), (Fraction(1, 4), 0, 0), (0, 3, 0)),
    }


def test_halves_share_their_cut() -> None:
    above, below = halves([(0, 0, 1), (2, 0, 1), (0, 2, 1)], (3, 0, -1))
    assert {(1, 0, 3), (1, 5, 3)} == set(above) & set(below)


@settings(max_examples=100)
@given(networks(max_width=4, max_outputs=1), domains())
def test_it_tiles_the_domain_with_distinct_patterns(network: Network, domain) -> None:
    faces = reference_of(network, domain)
    corners = tuple((Fraction(x), Fraction(y)) for x, y in domain.corners.tolist())
    assert sum(map(area, faces)) == area(Face(corners, (), ()))
    assert min(map(area, faces)) > 0
    assert len({face.pattern for face in faces}) == len(faces)
    ends = [(p, q) for f in faces for p, q in zip(f.vertices, f.vertices[1:] + f.vertices[:1], strict=True)]
    vertices, edges = {p for p, _ in ends}, {frozenset(e) for e in ends}
    assert len(vertices) - len(edges) + len(faces) == 1


@settings(max_examples=100)
@given(networks(max_width=4), domains())
def test_it_is_the_network_at_inner_points(network: Network, domain) -> None:
    for face in reference_of(network, domain):
        x, y = (sum(p[k] for p in face.vertices) / Fraction(len(face.vertices)) for k in range(2))
        outputs, pattern = network.evaluate_exact([x, y])
        assert tuple(pattern) == face.pattern
        assert outputs == [a * x + b * y + c for a, b, c in face.maps]


def test_sampled_patterns_are_all_there() -> None:
    rng = np.random.default_rng(5)
    for widths in ((2, 6, 1), (2, 4, 4, 1), (2, 3, 3, 3, 1)):
        pairs = list(pairwise(widths))
        network = Network.from_arrays(
            [rng.normal(size=(o, i)) for i, o in pairs], [0.5 * rng.normal(size=o) for _, o in pairs]
        )
        faces = reference_of(network, Box(-2, -2, 2, 2))
        sampled = {tuple(p) for p in network.patterns(rng.uniform(-2, 2, (200_000, 2))).tolist()}
        assert sampled <= {face.pattern for face in faces}
        # A region of a thousandth of the square is met by some of 200 000 points.
        assert {face.pattern for face in faces if area(face) > Fraction(16, 1000)} <= sampled
