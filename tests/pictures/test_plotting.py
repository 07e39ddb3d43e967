"""Drawings: what is on the axes is the data, and nothing outside the axes is touched."""

from __future__ import annotations

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from regions import Box, Network, enumerate_regions
from regions.errors import OptionError
from regions.pictures.gradient_image import gradient_image, plot_output
from regions.pictures.plotting import plot_regions
from regions.pictures.softmax import logsumexp, onehot_argmax, plot_logsumexp, plot_softargmax, softargmax
from regions.study.models import DeepMLP, ShallowMLP


@pytest.fixture(autouse=True)
def _no_window_and_nothing_left_behind():
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def complex():
    return enumerate_regions(ShallowMLP(8, seed=0), Box(-3, -2, 3, 4))


def collection(ax) -> PolyCollection:
    (drawn,) = (c for c in ax.collections if isinstance(c, PolyCollection))
    return drawn


def test_every_region_is_drawn_with_its_corners(complex) -> None:
    drawn = collection(plot_regions(complex, Figure().subplots()))
    assert len(drawn.get_paths()) == complex.n_regions
    for i, path in enumerate(drawn.get_paths()):
        np.testing.assert_array_equal(path.vertices[:-1], complex.region(i).vertices)
    assert drawn.get_cmap().name == "prism"


@pytest.mark.parametrize("component", ["x", "y"])
def test_colours_are_the_gradients_on_the_scale_of_the_image(complex, component: str) -> None:
    ax = plot_regions(complex, Figure().subplots(), component=component, vmin=-1, vmax=1)
    drawn = collection(ax)
    np.testing.assert_array_equal(drawn.get_array(), complex.gradients[:, 0, "xy".index(component)])
    image = gradient_image(complex.network, complex.domain, 20).plot(Figure().subplots(), component, vmin=-1, vmax=1)
    assert drawn.get_clim() == image.images[0].get_clim()
    assert drawn.get_cmap() == image.images[0].get_cmap()


@pytest.mark.parametrize("color", ["gradient", "pattern", "area", "random"])
def test_each_colouring_renders(complex, color: str) -> None:
    figure = Figure()
    ax = plot_regions(complex, figure.subplots(), color=color, edges=False, colorbar=True)
    figure.savefig(io.BytesIO(), format="png")
    assert collection(ax).get_array().shape == (complex.n_regions,)
    assert len(figure.axes) == 2


def test_own_numbers_colour_the_regions(complex) -> None:
    numbers = np.arange(complex.n_regions)
    np.testing.assert_array_equal(
        collection(plot_regions(complex, Figure().subplots(), color=numbers)).get_array(), numbers
    )
    with pytest.raises(ValueError, match="one number a region"):
        plot_regions(complex, Figure().subplots(), color=numbers[1:])
    with pytest.raises(ValueError, match="'gradient'"):
        plot_regions(complex, Figure().subplots(), color="rainbow")
    with pytest.raises(ValueError, match="component 'z'"):
        plot_regions(complex, Figure().subplots(), component="z")


def test_titles_say_what_is_drawn_by_the_names_of_the_axes_and_which_regions_are_counted(complex) -> None:
    n = complex.n_regions
    for options, title in (
        ({"component": "x"}, "exact ∂f/∂x₁"),
        ({"component": "y"}, "exact ∂f/∂x₂"),
        ({"color": "pattern"}, "number of active neurons"),
        ({"color": "area"}, "log₁₀ of the area"),
    ):
        assert plot_regions(complex, Figure().subplots(), **options).get_title() == f"{title}: {n} activation regions"
    two = enumerate_regions(Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]]]), 1)
    title = plot_regions(two, Figure().subplots(), component="y", output=1).get_title()
    assert title == "exact ∂f/∂x₂ of output 1: 1 activation region"
    for output in (-1, 2):
        with pytest.raises(OptionError, match="outputs 0 to 1"):
            plot_regions(two, Figure().subplots(), output=output)


def test_random_colours_are_the_same_each_time(complex) -> None:
    first, second = (collection(plot_regions(complex, Figure().subplots(), color="random")).get_array() for _ in "12")
    np.testing.assert_array_equal(first, second)


def test_axes_are_the_domain_with_labels(complex) -> None:
    ax = plot_regions(complex, Figure().subplots())
    assert (*ax.get_xlim(), *ax.get_ylim()) == (-3, 3, -2, 4)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_1$", "$x_2$")


def test_many_regions_are_rasterised_and_few_are_not(complex) -> None:
    assert not collection(plot_regions(complex, Figure().subplots())).get_rasterized()
    generator = np.random.default_rng(0)
    network = Network.from_arrays(
        [generator.normal(size=(150, 2)), np.ones((1, 150))], [generator.normal(size=150), [0]]
    )
    large = enumerate_regions(network, 2)
    assert large.n_regions > 5000
    ax = plot_regions(large, Figure().subplots())
    assert collection(ax).get_rasterized()
    buffer = io.BytesIO()
    ax.figure.savefig(buffer, format="svg")
    assert buffer.tell() < 1_000_000


def test_a_region_of_one_colour_renders() -> None:
    constant = Network.from_arrays([[[0.0, 0.0]]])
    ax = plot_regions(enumerate_regions(constant, 1), Figure().subplots(), colorbar=True)
    ax.figure.savefig(io.BytesIO(), format="png")
    assert collection(ax).get_array().tolist() == [0.0]


def test_the_output_is_drawn_upright_on_a_regular_grid() -> None:
    model = ShallowMLP(seed=1)
    ax = plot_output(model, 5, 40, Figure().subplots())
    image = gradient_image(model, 5, 40)
    (drawn,) = ax.images
    np.testing.assert_array_equal(drawn.get_array(), image.values)
    assert (drawn.origin, tuple(drawn.get_extent())) == ("lower", image.extent)
    assert len(ax.figure.axes) == 2


@pytest.mark.parametrize("lam", [1.0, 10.0, 100.0])
def test_level_lines_of_lse_lie_where_lse_has_that_level(lam: float) -> None:
    ax = plot_logsumexp(lam, Figure().subplots(), resolution=401, levels=9)
    for drawn, function in zip(ax.collections, (lambda p: p.max(axis=-1), lambda p: logsumexp(p, lam)), strict=True):
        checked = 0
        for level, path in zip(drawn.levels, drawn.get_paths(), strict=True):
            points = path.vertices
            np.testing.assert_allclose(function(points), level, atol=0.01)
            checked += len(points)
        assert checked > 100


@pytest.mark.parametrize("lam", [1.0, 100.0, None])
@pytest.mark.parametrize("component", [0, 1])
def test_softargmax_images_show_the_function_at_the_pixels_centres(lam: float | None, component: int) -> None:
    ax = plot_softargmax(lam, Figure().subplots(), component=component, bound=1.0, resolution=5)
    (drawn,) = ax.images
    left, right, bottom, top = drawn.get_extent()
    for j in range(5):
        for i in range(5):
            point = np.array([left + (i + 0.5) * (right - left) / 5, bottom + (j + 0.5) * (top - bottom) / 5])
            point = point.round(9)
            expected = onehot_argmax(point) if lam is None else softargmax(point, lam)
            assert drawn.get_array()[j, i] == pytest.approx(expected[component], abs=1e-6)
    assert drawn.get_clim() == (0, 1)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="component 2"):
        plot_softargmax(1.0, component=2)
    with pytest.raises(ValueError, match="bound 0"):
        plot_softargmax(1.0, bound=0)
    with pytest.raises(ValueError, match="resolution 1"):
        plot_logsumexp(1.0, resolution=1)
    with pytest.raises(ValueError, match="pole"):
        plot_logsumexp(0.0, Figure().subplots())


def test_settings_stay_as_they_are_and_figures_are_made_only_when_asked(complex) -> None:
    before = dict(mpl.rcParams)
    image = gradient_image(complex.network, 2, 10)
    assert plt.get_fignums() == []
    for draw in (
        lambda ax: plot_regions(complex, ax),
        lambda ax: plot_output(complex.network, 2, 10, ax),
        lambda ax: plot_logsumexp(1.0, ax),
        lambda ax: plot_softargmax(1.0, ax),
        lambda ax: image.plot(ax, "x"),
    ):
        draw(Figure().subplots())
    assert plt.get_fignums() == []
    plot_regions(complex)
    image.plot()
    assert len(plt.get_fignums()) == 2
    assert dict(mpl.rcParams) == before


def test_most_neighbours_differ_in_colour_but_not_all() -> None:
    import matplotlib

    same = pairs = 0
    for seed in range(3):
        found = enumerate_regions(DeepMLP(seed=seed), 10)
        values = found.gradients[:, 0, 0]
        colors = matplotlib.colormaps["prism"]((values - values.min()) / np.ptp(values))
        f, g = found.neighbors.T
        same += int((np.abs(colors[f] - colors[g]).max(axis=1) < 1 / 255).sum())
        pairs += len(f)
    assert 0.02 < same / pairs < 0.15
