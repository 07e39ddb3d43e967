"""The picture against the exact regions: true complexes pass, broken ones do not, and the proofs hold."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from regions import Box, Network, RegionComplex, enumerate_regions
from regions.errors import OptionError
from regions.network.rounding import value_bounds
from regions.pictures.cross_check import cross_check
from regions.pictures.patches import find_patches
from regions.pictures.raster import rasterize
from regions.pictures.visibility import certain_spacing, sufficient_resolution


def random_network(widths: tuple[int, ...], seed: int, *, biases: bool = True, activation: Any = "relu") -> Network:
    generator = np.random.default_rng(seed)
    pairs = list(pairwise(widths))
    weights = [generator.uniform(-1, 1, (o, i)) / np.sqrt(i) for i, o in pairs]
    offsets = [generator.uniform(-1, 1, o) / np.sqrt(i) if biases else np.zeros(o) for i, o in pairs]
    return Network.from_arrays(weights, offsets, activation)


def grid_network(lines_x: list[float], lines_y: list[float]) -> Network:
    n, m = len(lines_x), len(lines_y)
    weight = [[1.0, 0.0]] * n + [[0.0, 1.0]] * m
    out = [[float(2**k) for k in range(n)] + [float(3**k) for k in range(m)]]
    return Network.from_arrays([weight, out], [[-v for v in lines_x + lines_y], [0.0]])


@pytest.mark.parametrize("bound", [1.0, 10.0, 1000.0])
@pytest.mark.parametrize("widths", [(2, 20, 1), (2, 5, 5, 5, 5, 1), (2, 16, 16, 1)])
@pytest.mark.parametrize("activation", ["relu", "abs", (0.1, 1.0)])
def test_generic_networks_pass(widths: tuple[int, ...], bound: float, activation: Any) -> None:
    complex = enumerate_regions(random_network(widths, 5, activation=activation), bound)
    result = cross_check(complex, 200)
    assert result.passed, result.summary()
    assert result.patches_found == result.patches_predicted > 0
    # In generic position every visible region has an affine map of its own; only behind dead layers may they share.
    if activation != "relu" or len(widths) == 3:
        assert result.n_accidental == 0
    distinct = {(*complex.gradients[i].ravel(), *complex.offsets[i]) for i in result.visible}
    assert result.maps_found == len(distinct)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_degenerate_networks_pass(data: st.DataObject) -> None:
    small = st.integers(-2, 2).map(float)
    widths = data.draw(st.sampled_from([(2, 3, 1), (2, 6, 1), (2, 3, 3, 1), (2, 4, 3, 2)]))
    matrices, vectors = [], []
    for n_in, n_out in pairwise(widths):
        matrices.append([data.draw(st.lists(small, min_size=n_in, max_size=n_in)) for _ in range(n_out)])
        vectors.append(data.draw(st.lists(small, min_size=n_out, max_size=n_out)))
    activation = data.draw(st.sampled_from(["relu", "abs", (0.25, 1.0)]))
    network = Network.from_arrays(matrices, vectors, activation)
    domain = data.draw(st.sampled_from([2, 3.0, Box(-1, -2, 3, 1), shapely.Polygon([(-2, -2), (3, -1), (0, 3)])]))
    result = cross_check(enumerate_regions(network, domain), data.draw(st.sampled_from([3, 16, 17, 33, 41])))
    # On a coarse grid there may be nothing to compare; then that, and nothing else, is the failure.
    assert result.passed == (result.n_compared > 0), result.summary()
    assert len(result.failures) == (result.n_compared == 0), result.summary()


def test_zero_biases_show_their_forty_wedges() -> None:
    complex = enumerate_regions(random_network((2, 20, 1), 0, biases=False), 10)
    result = cross_check(complex)
    assert result.passed, result.summary()
    assert result.n_regions == result.maps_found == len(result.visible) == 40


def test_lines_through_grid_points_count_on_both_sides() -> None:
    # The lines x = 0 and y = 0 pass through grid points of an odd resolution, so that arms of stencils end on them.
    complex = enumerate_regions(grid_network([0.0], [0.0]), 1)
    result = cross_check(complex, 5)
    assert result.passed, result.summary()
    assert (result.patches_found, result.maps_found, result.n_compared) == (4, 4, 16)


def test_a_strip_as_wide_as_one_stencil_is_seen() -> None:
    # On the grid -1, -0.5, 0, 0.5, 1 the strip [-0.5, 0.5] holds just one column of whole stencils, arms on its rims.
    complex = enumerate_regions(grid_network([-0.5, 0.5], []), 1)
    result = cross_check(complex, 5)
    assert result.passed, result.summary()
    middle = int(complex.locate([[0.1, 0.1]])[0])
    assert middle in result.visible
    assert len(cross_check(complex, 4).visible) == 0


def test_a_comparison_of_nothing_is_no_pass() -> None:
    complex = enumerate_regions(random_network((2, 20, 1), 0), 10)
    result = cross_check(complex, 3)
    assert result.n_compared == 0
    assert not result.passed
    assert result.summary().startswith("INCONCLUSIVE: ")
    assert "  Inconclusive: nothing was compared: with 3 grid points a side" in result.summary()
    assert "take a finer resolution, such as 12" in result.summary()
    assert "Disagreement" not in result.summary()
    assert "inconclusive at 3 × 3" in repr(result)
    assert result.to_dict()["inconclusive"] == list(result.inconclusive) == list(result.failures)


def test_bends_that_cancel_are_flat_by_accident_and_no_disagreement() -> None:
    # relu(x + 1/4) - relu(x - 1/4) - 1/4 is odd: at x = 0 the slopes to both sides agree, in a stencil of 3 regions.
    network = Network.from_arrays([[[1.0, 0.0], [1.0, 0.0]], [[1.0, -1.0]]], [[0.25, -0.25], [-0.25]])
    result = cross_check(enumerate_regions(network, 1), 5)
    assert result.passed, result.summary()
    assert result.n_accidental == 3


def test_a_neuron_without_effect_joins_regions_in_the_picture() -> None:
    network = Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0]]])
    complex = enumerate_regions(network, 1)
    result = cross_check(complex, 20)
    assert result.passed, result.summary()
    assert (result.n_regions, len(result.visible), result.maps_found) == (4, 4, 2)
    assert result.n_accidental > 0


def test_every_output_has_its_own_picture() -> None:
    complex = enumerate_regions(random_network((2, 8, 3), 1), 4)
    for output in range(3):
        result = cross_check(complex, 60, output=output)
        assert result.passed, result.summary()
        assert result.to_dict()["output"] == output


def test_a_domain_far_from_the_origin_is_judged_by_its_own_rounding() -> None:
    network = grid_network([1e6 + 0.3], [-1e6 + 0.4])
    result = cross_check(enumerate_regions(network, Box(1e6, -1e6, 1e6 + 1, -1e6 + 1)), 50)
    assert result.largest_tolerance > 1e-8
    assert result.patches_found == 4
    assert result.passed, result.summary()


def test_a_picture_drowned_in_rounding_does_not_pass() -> None:
    network = grid_network([1e9 + 0.3], [0.4])
    result = cross_check(enumerate_regions(network, Box(1e9, 0, 1e9 + 1, 1)), 500)
    assert not result.passed
    assert "rounding" in result.failures[-1]
    assert "coarser resolution" in result.inconclusive[-1]


def test_a_resolution_beyond_all_memory_is_refused() -> None:
    complex = enumerate_regions(grid_network([0.0], []), 1)
    with pytest.raises(ValueError, match=r"372,529.0 GiB; allowed are 8 GiB, a resolution up to 4634"):
        cross_check(complex, 10**6)
    assert cross_check(complex, np.int64(10)).passed


def test_a_disagreement_is_no_less_one_where_the_picture_is_inconclusive() -> None:
    result = cross_check(enumerate_regions(random_network((2, 20, 1), 0), 10), 3)
    broken = dataclasses.replace(result, n_wrong_values=7)
    assert broken.verdict == "FAIL"
    assert "Disagreement: at 7 grid points" in broken.summary()
    assert "Inconclusive: nothing was compared" in broken.summary()


def _truth() -> RegionComplex:
    return enumerate_regions(random_network((2, 12, 1), 3), 5)


def _change(complex: RegionComplex, **arrays: Any) -> RegionComplex:
    return dataclasses.replace(complex, **arrays)


def _largest(complex: RegionComplex) -> int:
    return int(complex.areas.argmax())


def wrong_gradient(c: RegionComplex) -> RegionComplex:
    gradients = c.gradients.copy()
    gradients[_largest(c), 0, 1] += 1e-8
    return _change(c, gradients=gradients)


def wrong_offset(c: RegionComplex) -> RegionComplex:
    offsets = c.offsets.copy()
    offsets[_largest(c)] += 1e-9
    return _change(c, offsets=offsets)


def exchanged_maps(c: RegionComplex) -> RegionComplex:
    order = np.arange(c.n_regions)
    order[[0, 1]] = [1, 0]
    return _change(c, gradients=c.gradients[order], offsets=c.offsets[order])


def missing_region(c: RegionComplex) -> RegionComplex:
    gone = _largest(c)
    keep = np.arange(c.n_regions) != gone
    counts = np.diff(c.ring_offsets)
    return _change(
        c,
        rings=c.rings[np.repeat(keep, counts)],
        ring_offsets=np.concatenate([[0], np.cumsum(counts[keep])]),
        gradients=c.gradients[keep],
        offsets=c.offsets[keep],
        packed_patterns=c.packed_patterns[keep],
    )


def doubled_region(c: RegionComplex) -> RegionComplex:
    i = _largest(c)
    ring = c.rings[c.ring_offsets[i] : c.ring_offsets[i + 1]]
    return _change(
        c,
        rings=np.concatenate([c.rings, ring]),
        ring_offsets=np.append(c.ring_offsets, len(c.rings) + len(ring)),
        gradients=np.concatenate([c.gradients, c.gradients[i : i + 1]]),
        offsets=np.concatenate([c.offsets, c.offsets[i : i + 1]]),
        packed_patterns=np.concatenate([c.packed_patterns, c.packed_patterns[i : i + 1]]),
    )


def turned_ring(c: RegionComplex) -> RegionComplex:
    i = _largest(c)
    rings = c.rings.copy()
    rings[c.ring_offsets[i] : c.ring_offsets[i + 1]] = rings[c.ring_offsets[i] : c.ring_offsets[i + 1]][::-1]
    return _change(c, rings=rings)


def shifted_by_half_a_pixel(c: RegionComplex) -> RegionComplex:
    rim = c.edges[(c.edge_faces < 0).any(axis=1)].ravel()
    vertices = c.vertices.copy()
    inner = np.setdiff1d(np.arange(len(vertices)), rim)
    vertices[inner, 0] += 5 / 199
    return _change(c, vertices=vertices)


def one_moved_vertex(c: RegionComplex) -> RegionComplex:
    rim = c.edges[(c.edge_faces < 0).any(axis=1)].ravel()
    inner = np.setdiff1d(np.arange(len(c.vertices)), rim)
    vertices = c.vertices.copy()
    nearest = inner[np.linalg.norm(vertices[inner], axis=1).argmin()]
    vertices[nearest] += 0.1
    return _change(c, vertices=vertices)


def merged_across_a_forgotten_neuron(c: RegionComplex) -> RegionComplex:
    first, last = c.network.layers
    less = Network.from_arrays([first.weight[1:], last.weight[:, 1:]], [first.bias[1:], last.bias])
    return _change(enumerate_regions(less, c.domain), network=c.network)


def split_by_an_invented_neuron(c: RegionComplex) -> RegionComplex:
    first, last = c.network.layers
    more = Network.from_arrays(
        [np.vstack([first.weight, [[1.0, 1.0]]]), np.hstack([last.weight, [[1e-6]]])],
        [np.append(first.bias, 0.5), last.bias],
    )
    return _change(enumerate_regions(more, c.domain), network=c.network)


def another_network(c: RegionComplex) -> RegionComplex:
    return _change(c, network=random_network((2, 12, 1), 4))


BROKEN = [
    wrong_gradient,
    wrong_offset,
    exchanged_maps,
    missing_region,
    doubled_region,
    turned_ring,
    shifted_by_half_a_pixel,
    one_moved_vertex,
    merged_across_a_forgotten_neuron,
    split_by_an_invented_neuron,
    another_network,
]


@pytest.mark.parametrize("breaking", BROKEN, ids=lambda f: f.__name__)
def test_a_broken_complex_fails(breaking: Callable[[RegionComplex], RegionComplex]) -> None:
    truth = _truth()
    assert cross_check(truth, 200).passed
    result = cross_check(breaking(truth), 200)
    assert not result.passed
    assert result.failures
    assert repr(result).startswith("<CrossCheck FAILED")
    assert result.summary().startswith("FAIL")
    assert "Disagreement" in result.summary()


def test_each_figure_names_its_own_kind_of_damage() -> None:
    truth = _truth()
    assert cross_check(wrong_gradient(truth), 200).n_wrong_gradients > 0
    assert cross_check(wrong_offset(truth), 200).n_wrong_values > 0
    assert cross_check(missing_region(truth), 200).n_uncovered > 1000
    assert cross_check(turned_ring(truth), 200).n_uncovered > 500
    assert cross_check(doubled_region(truth), 200).n_overlapping > 1000
    merged = cross_check(merged_across_a_forgotten_neuron(truth), 200)
    assert merged.maps_predicted < merged.maps_found
    split = cross_check(split_by_an_invented_neuron(truth), 200)
    assert split.maps_predicted > split.maps_found


@pytest.mark.parametrize("widths", [(2, 12, 1), (2, 5, 5, 1)])
def test_labels_agree_with_point_location_by_pattern(widths: tuple[int, ...]) -> None:
    complex = enumerate_regions(random_network(widths, 8), Box(-3, -2, 1, 4))
    x, y = np.linspace(-3, 1, 83), np.linspace(-2, 4, 83)
    raster = rasterize(complex, x, y, 1e-9)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    np.testing.assert_array_equal(raster.labels.ravel(), complex.locate(points))
    assert raster.n_uncovered == raster.n_overlapping == 0


def test_the_value_bound_holds_against_exact_values() -> None:
    network = random_network((2, 9, 9, 9, 1), 0)
    x, y = np.linspace(-7, 7, 9), np.linspace(-3, 5, 9)
    bound = value_bounds(network, x, y, 0)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    exact = [network.evaluate_exact(p)[0][0] for p in points]
    errors = [abs(Fraction(float(v)) - e) for v, e in zip(network(points)[:, 0], exact, strict=True)]
    assert all(error <= Fraction(float(b)) for error, b in zip(errors, bound.ravel(), strict=True))
    assert max(errors) > 0
    assert bound.max() < 1e-11


def flood_fill(flat: np.ndarray, same: Callable[[tuple[int, int], tuple[int, int]], bool]) -> int:
    todo, count = {tuple(p) for p in np.argwhere(flat).tolist()}, 0
    while todo:
        stack, count = [todo.pop()], count + 1
        while stack:
            j, i = stack.pop()
            for q in [(j + a, i + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]:
                if q in todo and same((j, i), q):
                    todo.remove(q)
                    stack.append(q)
    return count


@given(st.integers(0, 10**6), st.floats(0.2, 0.9))
@settings(max_examples=30, deadline=None)
def test_patches_are_what_a_flood_fill_finds(seed: int, density: float) -> None:
    generator = np.random.default_rng(seed)
    flat, color = generator.random((12, 12)) < density, generator.integers(0, 2, (12, 12))
    links = (
        color[:, :-1] == color[:, 1:],
        color[:-1] == color[1:],
        color[:-1, :-1] == color[1:, 1:],
        color[:-1, 1:] == color[1:, :-1],
    )
    assert len(find_patches(flat, links)) == flood_fill(flat, lambda p, q: color[p] == color[q])


def test_the_certain_spacing_is_the_optimum_of_its_linear_program() -> None:
    complex = enumerate_regions(random_network((2, 6, 6, 1), 2), Box(-3, -1, 5, 3))
    spacing = certain_spacing(complex)
    for i in range(complex.n_regions):
        p = (complex.region(i).vertices - (-3, -1)) / (8, 4)
        side = np.roll(p, -1, axis=0) - p
        normal = np.column_stack([side[:, 1], -side[:, 0]]) / np.hypot(*side.T)[:, None]
        support = np.abs(normal).sum(axis=1) / 2 + np.abs(normal).max(axis=1)
        solved = scipy.optimize.linprog(
            [0, 0, -1],
            A_ub=np.column_stack([normal, support]),
            b_ub=(normal * p).sum(axis=1),
            bounds=[(None, None), (None, None), (0, None)],
        )
        assert spacing[i] == pytest.approx(max(-solved.fun - 16 * 2.0**-36, 0), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_sufficient_resolution_and_finer_ones_show_all(seed: int) -> None:
    network = random_network((2, 3, 3, 1), seed)
    complex = enumerate_regions(network, Box(-3, -2, 2, 2))
    needed = cross_check(complex, 20).sufficient_resolution
    assert needed is not None
    assert needed < 1500
    for resolution in (needed, needed + 1, needed + 17):
        result = cross_check(complex, resolution)
        assert len(result.hidden) == 0, result.summary()
        assert result.passed, result.summary()


def test_a_needle_needs_more_than_any_resolution() -> None:
    complex = enumerate_regions(grid_network([0.0, 1e-9], []), 1)
    result = cross_check(complex, 50)
    assert result.sufficient_resolution is None
    assert result.thinnest == complex.locate([[5e-10, 0.0]])[0]
    assert f"region {result.thinnest} is too thin" in result.summary()
    assert result.thinnest in result.hidden
    assert result.passed, result.summary()


def test_the_resolution_for_a_spacing() -> None:
    assert sufficient_resolution(0.5, 1000) == 3
    assert sufficient_resolution(2.0, 1000) == 3
    assert sufficient_resolution(0.3, 1000) == 5
    assert sufficient_resolution(0.0, 1000) is None
    assert sufficient_resolution(1 / 999, 1000) == 1000
    assert sufficient_resolution(1 / 1000.5, 1000) is None


def test_the_verdict_is_json_and_complete() -> None:
    result = cross_check(_truth(), 100)
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert document["passed"] is True
    assert document["failures"] == []
    assert document["n_visible"] + len(document["hidden"]) == document["n_regions"]
    assert document["patches_predicted"] == result.patches_predicted
    assert document["resolution"] == 100


def test_wrong_arguments_are_refused() -> None:
    complex = _truth()
    with pytest.raises(ValueError, match=">= 3"):
        cross_check(complex, 2)
    with pytest.raises(OptionError, match="outputs 0 to 0"):
        cross_check(complex, 10, output=1)


def test_the_public_functions_are_not_hidden_by_the_modules_of_the_same_name() -> None:
    # Importing a submodule binds it to its name in the package, over a function that is looked up lazily.
    code = "import regions, regions.pictures.cross_check, regions.pictures.gradient_image"
    code += "; assert callable(regions.cross_check); assert callable(regions.gradient_image)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
