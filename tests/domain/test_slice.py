"""Planes in larger input spaces: exact whatever the points are."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mlps import mlp
from reference import reference_regions

import regions
from regions import RegionsError, Slice
from regions.pictures.plotting import plot_regions
from regions.testing import assert_valid_complex

numbers = st.one_of(st.integers(-3, 3).map(float), st.floats(-10, 10), st.sampled_from([0.1, 1 / 3, 1e-12, 1e12]))


@settings(max_examples=50)
@given(st.lists(st.lists(numbers, min_size=4, max_size=4), min_size=3, max_size=3), st.integers(0, 100))
def test_a_slice_goes_through_its_points_exactly(points: Any, seed: int) -> None:
    network = mlp(4, 3, 2, seed=seed)
    try:
        plane = Slice.through(*points)
    except RegionsError:
        assume(False)
    composed = plane.compose(network)
    for corner, point in zip([(0, 0), (1, 0), (0, 1)], points, strict=True):
        assert composed.evaluate_exact(corner) == network.evaluate_exact(point)
    middle = [(Fraction(a) + Fraction(b) + Fraction(c)) / 3 for a, b, c in zip(*points, strict=True)]
    assert composed.evaluate_exact([Fraction(1, 3)] * 2) == network.evaluate_exact(middle)


@settings(max_examples=40)
@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=3, max_size=3), st.integers(0, 100))
def test_the_regions_of_a_slice_are_those_of_the_exact_reference(vectors: Any, seed: int) -> None:
    network = mlp(3, 4, 3, 1, seed=seed)
    try:
        plane = Slice(*vectors, domain=2)
    except RegionsError:
        assume(False)
    # The plane put in by hand, as rationals, with no layer of its own.
    first, *others = network.layers
    columns = [[Fraction(x) for x in vector] for vector in vectors]
    rows = [[Fraction(w) for w in row] for row in first.weight.tolist()]
    products = [[sum(w * x for w, x in zip(row, column, strict=True)) for column in columns] for row in rows]
    bias = [p[0] + Fraction(b) for p, b in zip(products, first.bias.tolist(), strict=True)]
    layers = [([p[1:] for p in products], bias, first.below.tolist(), first.above.tolist())]
    layers += [(x.weight.tolist(), x.bias.tolist(), x.below.tolist(), x.above.tolist()) for x in others]
    expected = reference_regions(layers, [(-2, -2), (2, -2), (2, 2), (-2, 2)])
    complex = regions.enumerate_regions(network, plane)
    assert sorted(map(tuple, complex.patterns.tolist())) == sorted(face.pattern for face in expected)
    assert regions.count_regions(network, plane) == len(expected)
    assert_valid_complex(complex)


def test_coordinates_go_back_and_forth() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(3, 2, 3, 4))
    plane = Slice.through(*images)
    assert plane.shape == (2, 3, 4)
    coordinates = rng.normal(size=(7, 2))
    points = plane.points(coordinates)
    assert points.shape == (7, 2, 3, 4)
    np.testing.assert_allclose(plane.coordinates(points), coordinates, atol=1e-12)
    np.testing.assert_array_equal(plane.points(plane.anchors), images)
    # What lies off the plane is projected onto it.
    normal = np.linalg.svd(np.stack([plane.u.ravel(), plane.v.ravel()]))[2][-1].reshape(plane.shape)
    np.testing.assert_allclose(plane.coordinates(points + normal), coordinates, atol=1e-12)


def convolutional() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(18, 3),
    ).double()


def test_a_slice_through_images_of_a_convolutional_network(tmp_path: Any) -> None:
    model = convolutional()
    images = np.random.default_rng(1).random((3, 1, 6, 6))
    # Background, as images have it: the same units over and over again.
    images[:, :, :2] = 0.0
    plane = Slice.through(*images)
    complex = regions.enumerate_regions(model, plane)
    assert complex.slice is plane
    assert len(complex) == regions.count_regions(model, plane) > 50
    assert_valid_complex(complex)
    inside = complex.interior_points
    outputs = (complex.gradients @ inside[:, :, None])[:, :, 0] + complex.offsets
    with torch.no_grad():
        np.testing.assert_allclose(model(torch.from_numpy(plane.points(inside))).numpy(), outputs, atol=1e-12)
    complex.save(tmp_path / "complex.npz")
    again = regions.RegionComplex.load(tmp_path / "complex.npz").slice
    assert again is not None
    np.testing.assert_array_equal(again.points(inside), plane.points(inside))
    assert again.shape == plane.shape


def test_anchors_are_marked() -> None:
    plane = Slice.through([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    axes = plot_regions(regions.enumerate_regions(mlp(3, 4, 1), plane))
    (marks,) = axes.lines
    np.testing.assert_array_equal(marks.get_xydata(), [[0, 0], [1, 0], [0, 1]])
    plt.close("all")


def test_a_slice_of_the_plane_itself_changes_nothing() -> None:
    network = mlp(2, 6, 5, 1)
    plane = Slice([0.0, 0.0], [1.0, 0.0], [0.0, 1.0], domain=regions.WholePlane())
    assert regions.count_regions(network, plane) == regions.count_regions(network, regions.WholePlane())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], [1.0, 0.0], [2.0, 0.0]), "parallel"),
        (([1.0, 2.0], [0.0, 0.0], [0.0, 1.0]), "parallel"),
        (([1.0, 2.0, 3.0], [1.0, 0.0], [0.0, 1.0]), "shapes"),
        (([1.0, np.nan], [1.0, 0.0], [0.0, 1.0]), "finite"),
        ((["a", "b"], [1.0, 0.0], [0.0, 1.0]), "origin"),
        ((1.0, 2.0, 3.0), "plane"),
        (([1.0, 2.0], [1.0, 0.0], [0.0, 1.0], -1.0), r"domain|bound"),
    ],
)
def test_wrong_slices_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(RegionsError, match=message):
        Slice(*arguments)


def test_points_on_a_line_and_other_networks_are_refused() -> None:
    with pytest.raises(RegionsError, match=r"line|parallel"):
        Slice.through([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [3.0, 3.0, 3.0])
    plane = Slice.through([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    with pytest.raises(RegionsError, match="4 inputs"):
        regions.count_regions(mlp(4, 3, 1), plane)
    with pytest.raises(RegionsError, match="Slice"):
        regions.count_regions(mlp(3, 3, 1), 1.0)
    with pytest.raises(ValueError, match="allowed is"):
        plane.points([1.0, 2.0])
