"""The picture method: the grid, the values on it, the numerical gradient and how it is drawn."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import torch
from matplotlib.figure import Figure

from regions import Box, Network, from_torch
from regions.errors import DomainError, InvalidNetworkError, OptionError
from regions.pictures.gradient_image import gradient_image
from regions.study.models import DeepMLP


def affine(gx: float, gy: float, c: float) -> Network:
    return Network.from_arrays([[[gx, gy]]], [[c]])


@pytest.mark.parametrize("bound", [1.0, 1000, Box(-1, 2, 3, 2.5), (5, 5, 6, 9), (1e6, -1e6, 1e6 + 1, -1e6 + 1)])
def test_an_affine_function_has_its_own_gradient_at_every_pixel(bound) -> None:
    image = gradient_image(affine(2.0, -3.0, 0.5), bound, 40)
    np.testing.assert_allclose(image.dx, 2.0, rtol=1e-7)
    np.testing.assert_allclose(image.dy, -3.0, rtol=1e-7)
    np.testing.assert_allclose(image.values, 2 * image.x[None, :] - 3 * image.y[:, None] + 0.5, rtol=1e-12, atol=1e-9)


def test_rows_are_y_and_the_grid_is_regular_and_reaches_the_rim() -> None:
    image = gradient_image(affine(1.0, 0.0, 0.0), Box(-1, 2, 3, 10), 9)
    assert image.values.shape == image.dx.shape == (9, 9)
    np.testing.assert_array_equal(image.x, np.linspace(-1, 3, 9))
    np.testing.assert_array_equal(image.y, np.linspace(2, 10, 9))
    np.testing.assert_array_equal(image.values, np.tile(image.x, (9, 1)))
    assert image.spacing == (0.5, 1.0)
    assert image.extent == (-1.25, 3.25, 1.5, 10.5)
    assert image.resolution == 9


def test_the_image_is_the_network_at_the_grid_points_and_numpys_gradient_of_it() -> None:
    model = DeepMLP(seed=0)
    image = gradient_image(model, 3, 31)
    for j, i in [(0, 0), (30, 0), (7, 21), (30, 30)]:
        expected = model.double()(torch.tensor([[image.x[i], image.y[j]]])).item()
        assert image.values[j, i] == pytest.approx(expected, rel=1e-12)
    central = (image.values[:, 2:] - image.values[:, :-2]) / (2 * image.spacing[0])
    np.testing.assert_allclose(image.dx[:, 1:-1], central, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(image.dy[0], (image.values[1] - image.values[0]) / image.spacing[1], atol=1e-12)


def test_blocks_make_no_difference() -> None:
    network = from_torch(DeepMLP(seed=2, dtype=torch.float64))
    image = gradient_image(network, 2, 300)
    x, y = np.meshgrid(image.x, image.y)
    np.testing.assert_allclose(
        image.values.ravel(), network(np.column_stack([x.ravel(), y.ravel()]))[:, 0], rtol=1e-12, atol=1e-14
    )


def test_float32_weights_are_evaluated_in_float64() -> None:
    image = gradient_image(DeepMLP(seed=0), 1, 500)
    # A float32 evaluation would leave jumps of 1e-7 / 0.002 between pixels of one region.
    inside = image.dx[100:110, 100:110]
    assert np.ptp(inside) < 1e-11


def test_one_of_several_outputs_is_chosen() -> None:
    network = Network.from_arrays([[[1.0, 0.0], [0.0, 5.0]]])
    image = gradient_image(network, 1, 5, output=1)
    np.testing.assert_allclose(image.dy, 5.0)
    assert "output 1" in repr(image)


def test_a_polygon_means_its_bounding_box() -> None:
    image = gradient_image(affine(1, 1, 0), shapely.Polygon([(0, 0), (4, 0), (0, 2)]), 3)
    assert (image.x[-1], image.y[-1]) == (4.0, 2.0)


def test_the_arrays_are_read_only() -> None:
    image = gradient_image(affine(1, 1, 0), 1, 3)
    with pytest.raises(ValueError, match="read-only"):
        image.values[0, 0] = 1.0


def test_wrong_arguments_are_refused() -> None:
    network = affine(1, 1, 0)
    for resolution in (1, 2.0, True, -5):
        with pytest.raises(ValueError, match="integer >= 2"):
            gradient_image(network, 1, resolution)
    with pytest.raises(ValueError, match=r"37,252.9 GiB; allowed are 8 GiB, a resolution up to 14654.*lower one"):
        gradient_image(network, 1, 10**6)
    for resolution in (14655, 2**40, np.int32(10**6)):
        with pytest.raises(ValueError, match="GiB"):
            gradient_image(network, 1, resolution)
    for output in (1, -1):
        with pytest.raises(OptionError, match="outputs 0 to 0"):
            gradient_image(network, 1, output=output)
    with pytest.raises(DomainError, match="bound of 3 numbers"):
        gradient_image(network, (1, 2, 3))
    with pytest.raises(DomainError, match="too narrow"):
        gradient_image(network, (1e9, 0, 1e9 + 1e-6, 1))
    with pytest.raises(DomainError, match="wider than float64"):
        gradient_image(network, 1.5e308)
    with pytest.raises(InvalidNetworkError, match="not finite in float64"):
        gradient_image(affine(1e300, 0, 0), 1e10)
    with pytest.raises(InvalidNetworkError, match="2"):
        gradient_image(Network.from_arrays([np.ones((1, 3))]), 1)


def test_the_drawing_has_the_values_the_extent_and_the_orientation() -> None:
    image = gradient_image(DeepMLP(seed=0), Box(-1, 0, 2, 2), 20)
    axes = image.plot(Figure().subplots(ncols=2))
    for ax, component, name in zip(axes, (image.dx, image.dy), ("x₁", "x₂"), strict=True):
        (drawn,) = ax.images
        np.testing.assert_array_equal(drawn.get_array(), component)
        assert drawn.origin == "lower"
        assert tuple(drawn.get_extent()) == image.extent
        assert drawn.get_cmap().name == "prism"
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_1$", "$x_2$")
        assert ax.get_title() == f"numerical ∂f/∂{name}"
    ax = Figure().subplots()
    assert image.plot(ax, "y", vmin=-1, vmax=1, colorbar=True) is ax
    assert ax.images[0].get_clim() == (-1, 1)
    assert len(ax.figure.axes) == 2


def test_a_drawing_of_what_is_not_there_is_refused() -> None:
    image = gradient_image(affine(1, 1, 0), 1, 3)
    with pytest.raises(ValueError, match="component 'z'"):
        image.plot(component="z")
    with pytest.raises(ValueError, match="two are needed"):
        image.plot(Figure().subplots())
