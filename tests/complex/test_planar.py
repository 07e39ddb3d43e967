"""What can be read off complexes over unbounded domains and polygons of any shape; files, polygons and pictures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import shapely
from matplotlib.figure import Figure

import regions
from regions import Box, Network, Polygon, Polyhedron, RegionComplex, WholePlane
from regions.errors import DomainError
from regions.pictures.plotting import plot_regions
from regions.study.models import DeepMLP, ShallowMLP
from regions.testing import assert_same_complex, assert_valid_complex

SQUARE = [(0, 0), (3, 0), (3, 3), (0, 3)]
COURTYARD = Polygon(SQUARE, holes=[[(1, 1), (2, 1), (2, 2), (1, 2)]])
HALF_PLANE = Polyhedron([[1.0, 0.5]], [0.25])
STRIP = Polyhedron([[1.0, 1.0], [-1.0, -1.0]], [1.0, 2.0])
CONE = Polyhedron([[-1.0, 0.0], [1.0, -2.0]], [0.0, 0.0])
DOMAINS = {"plane": WholePlane(), "half-plane": HALF_PLANE, "strip": STRIP, "cone": CONE, "courtyard": COURTYARD}
AXES = Network.from_arrays([np.eye(2), np.ones((1, 2))])
CONSTANT = Network.from_arrays([np.zeros((2, 2)), np.ones((1, 2))])


@pytest.fixture(params=DOMAINS)
def complex(request: Any) -> RegionComplex:
    return regions.enumerate_regions(DeepMLP(seed=1), DOMAINS[request.param])


def test_counts_agree_with_the_enumeration(complex: RegionComplex) -> None:
    assert regions.count_regions(complex.network, complex.domain) == len(complex)
    assert_valid_complex(complex)


def test_a_large_box_shows_the_whole_plane() -> None:
    plane = regions.enumerate_regions(ShallowMLP(seed=3), WholePlane())
    assert (plane.n_regions, len(plane.vertices), int((~plane.bounded).sum())) == (211, 190, 40)
    box = regions.enumerate_regions(ShallowMLP(seed=3), 2 * max(map(abs, plane.extent)))
    assert set(map(tuple, box.patterns)) == set(map(tuple, plane.patterns))
    inner = {tuple(p): a for p, a in zip(plane.patterns, plane.areas, strict=True) if np.isfinite(a)}
    areas = {tuple(p): a for p, a in zip(box.patterns, box.areas, strict=True)}
    assert all(areas[p] == pytest.approx(a, rel=1e-6, abs=1e-12) for p, a in inner.items())


def test_half_planes_that_make_a_box_are_the_box() -> None:
    sides = Polyhedron([[1, 0], [0, 1], [-1, 0], [0, -1]], [2, 1, 3, 1.5])
    as_polyhedron = regions.enumerate_regions(DeepMLP(seed=2), sides)
    assert len(as_polyhedron.directions) == 0
    assert as_polyhedron.areas.sum() == pytest.approx(12.5)
    assert_same_complex(as_polyhedron, regions.enumerate_regions(DeepMLP(seed=2), Box(-3, -1.5, 2, 1)))


def test_a_polygon_in_pieces_is_the_polygon() -> None:
    dented = Polygon([(-2, -2), (2, -2), (2, 2), (0, 1.5), (-2, 2)])
    found = regions.enumerate_regions(DeepMLP(seed=2), dented)
    hull = regions.enumerate_regions(DeepMLP(seed=2), Box(-2, -2, 2, 2))
    dent = regions.count_regions(DeepMLP(seed=2), shapely.Polygon([(2, 2), (-2, 2), (0, 1.5)]))
    assert len(found) <= len(hull) <= len(found) + dent
    for pattern, shape in zip(found.patterns, found.polygons, strict=True):
        home = np.flatnonzero((hull.patterns == pattern).all(axis=1))
        assert shape.difference(hull.polygons[home[0]].buffer(1e-9)).is_empty


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
def test_the_constant_network_has_one_region(domain: Any) -> None:
    found = regions.enumerate_regions(CONSTANT, domain)
    assert found.n_regions == regions.count_regions(CONSTANT, domain) == 1
    assert_valid_complex(found)
    assert found.extent is None
    assert len(found.neighbors) == 0
    assert found.locate(found.interior_points).tolist() == [0]


def test_coincident_lines_through_the_origin_and_along_an_axis() -> None:
    # The axes are where the plane is taken apart; a neuron's line there must stay.
    network = Network.from_arrays([[[1, 0], [2, 0], [0, -3], [1, 1]], np.ones((1, 4))])
    found = regions.enumerate_regions(network, WholePlane())
    assert (len(found), len(found.vertices), len(found.directions)) == (6, 1, 6)
    assert regions.count_regions(network, WholePlane()) == 6
    upper = Polyhedron([[0, -1]], [0])
    assert regions.count_regions(network, upper) == len(regions.enumerate_regions(network, upper)) == 3


def test_areas_are_infinite_where_regions_are_unbounded(complex: RegionComplex) -> None:
    assert np.isinf(complex.areas[~complex.bounded]).all()
    assert (complex.areas > 0).all()
    np.testing.assert_allclose(np.hypot(*complex.directions.T), 1.0)
    if complex.bounded.all():
        assert shapely.is_valid(complex.polygons).all()
        np.testing.assert_allclose(shapely.area(complex.polygons), complex.areas, rtol=1e-9)
    else:
        with pytest.raises(ValueError, match="unbounded"):
            _ = complex.polygons
        region = complex.region(int(np.argmin(complex.bounded)))
        assert "unbounded" in repr(region)
        assert len(region.directions) > 0
        with pytest.raises(ValueError, match="clip"):
            _ = region.polygon


def test_clipped_polygons_tile_the_box(complex: RegionComplex) -> None:
    if isinstance(complex.domain, WholePlane):
        shapes = complex.clip(50)
        assert shapely.area(shapes).sum() == pytest.approx(100**2)
        inside = regions.enumerate_regions(complex.network, 50)
        assert int((shapely.area(shapes) > 1e-9).sum()) == len(inside)
    shapes = complex.clip((0.5, 0.5, 1.5, 1.5))
    assert shapely.area(shapes).sum() <= 1 + 1e-12


def test_points_are_located(complex: RegionComplex) -> None:
    inner = complex.interior_points
    assert complex.locate(inner).tolist() == list(range(len(complex)))
    far = inner[~complex.bounded] * 1e3
    assert (complex.locate(far) >= -1).all()
    if isinstance(complex.domain, WholePlane):
        assert (complex.locate(np.random.default_rng(0).normal(scale=1e6, size=(50, 2))) >= 0).all()


def test_points_outside_are_in_no_region() -> None:
    courtyard = regions.enumerate_regions(AXES, COURTYARD)
    points = [[1.5, 1.5], [1.0, 1.5], [0.5, 0.5], [3.0, 3.0], [3.0, 3.1]]
    assert courtyard.locate(points).tolist() == [-1, 0, 0, 0, -1]
    cone = regions.enumerate_regions(AXES, CONE)
    assert (cone.locate([[1.0, 1.0], [1.0, 0.5], [1.0, 0.4], [-1.0, 5.0]]) >= 0).tolist() == [True, True, False, False]


def test_a_pattern_may_have_several_regions() -> None:
    roof = Network.from_arrays([[[1, 0], [1, 0]], [[1, 1]]], [[-1.25, -1.75], [0]])
    found = regions.enumerate_regions(roof, COURTYARD)
    assert len(found) == 4
    assert len({tuple(p) for p in found.patterns}) == 3
    above, below = found.locate([[1.5, 2.5], [1.5, 0.5]])
    assert above != below
    assert tuple(found.patterns[above]) == tuple(found.patterns[below])
    assert_valid_complex(found)


def test_a_hole_inside_a_region_makes_a_slit() -> None:
    found = regions.enumerate_regions(AXES, COURTYARD)
    assert len(found) == 1
    assert found.areas.tolist() == [8.0]
    assert len(found.polygons[0].interiors) == 1
    assert found.polygons[0].area == 8.0
    assert (found.edge_faces[:, 0] == found.edge_faces[:, 1]).any()
    assert len(found.vertices) - len(found.edges) + len(found) == 0


def test_saved_and_loaded_is_the_same(complex: RegionComplex, tmp_path: Path) -> None:
    complex.save(tmp_path / "c.npz")
    loaded = RegionComplex.load(tmp_path / "c.npz")
    assert loaded.domain == complex.domain
    for name in (
        "vertices",
        "directions",
        "edges",
        "edge_faces",
        "edge_sides",
        "rings",
        "packed_patterns",
        "gradients",
    ):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(complex, name))
    assert loaded.exact_vertices() == complex.exact_vertices()


def test_pictures(complex: RegionComplex) -> None:
    assert complex._repr_svg_().count("<path") > 0
    ax = plot_regions(complex, colorbar=True)
    minx, miny, maxx, maxy = complex.view
    assert ax.get_xlim() == (minx, maxx)
    assert ax.get_ylim() == (miny, maxy)
    plot_regions(complex, ax, color="area", box=5)
    assert ax.get_xlim() == (-5, 5)
    ax.figure.canvas.draw()
    plt.close(ax.figure)


def test_the_picture_method_needs_a_bounded_convex_domain() -> None:
    with pytest.raises(DomainError, match="WholePlane was given"):
        regions.cross_check(regions.enumerate_regions(AXES, WholePlane()))
    with pytest.raises(DomainError, match="Polygon was given"):
        regions.gradient_image(AXES, COURTYARD)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Polyhedron([[0, 0]], [1]), "normal of half-plane 0 is 0"),
        (lambda: Polyhedron([[1, 0, 0]], [1]), r"shape \(1, 3\)"),
        (lambda: Polyhedron([[1, 0]], [np.inf]), "finite"),
        (lambda: Polyhedron(np.empty((0, 2)), []), "WholePlane"),
        (lambda: Polyhedron("ab", [1]), "could not be read"),
        (lambda: Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "Self-intersection"),
        (lambda: Polygon([(0, 0), (1, 0)]), "at least 3"),
        (lambda: Polygon([(0, 0), (2, 0), (1, 0), (1, 1)]), "turns back"),
        (lambda: Polygon([(0, 0), (1, np.nan), (1, 1)]), "finite"),
        (lambda: Polygon(SQUARE, [[(5, 5), (6, 5), (6, 6)]]), "not valid"),
        (lambda: Polygon([0, 1, 2]), "shape"),
        (lambda: regions.count_regions(AXES, Polyhedron([[1, 0], [-1, 0]], [0, 0])), "no interior"),
        (lambda: regions.enumerate_regions(AXES, Polyhedron([[1, 0], [-1, 0]], [0, -1])), "no interior"),
        (lambda: regions.count_regions(AXES, WholePlane), "type type was given"),
        (lambda: regions.count_regions(AXES, shapely.Point(0, 0)), "Point was given"),
    ],
)
def test_bad_domains_are_refused(make: Any, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        make()


# Numbers far from 1, and polygons that rounding crosses


def _of(weights: Any, biases: Any) -> Network:
    return Network.from_arrays([*weights, np.ones((1, len(weights[-1])))], [*biases, [0.0]])


_TINY = _of([[[5e-324, -1e-308], [5e-324, 1e-310], [1.0, -1e-308]]], [[-1e-308, 0.0, 1e-310]])
_WEDGE = _of([[[1.0, 1.0], [1.0, -0.5], [0.5, 1.0]]], [[0.25, 0.5, -0.75]])


@pytest.mark.parametrize(
    "domain",
    [
        Box(-1e300, -1e300, 1e300, 1e300),
        Box(-1e308, 0.0, 1e308, 1.0),
        Box(0.0, 0.0, 5e-324, 5e-324),
        Box(-1e-300, -1e-300, 1e-300, 1e-300),
        regions.WholePlane(),
        regions.Polyhedron([[1.0, -1.0]], [-1.0]),
        regions.Polyhedron([[-1.0, 5e-324], [5e-324, -1.0]], [1.0, 0.0]),
        regions.Polyhedron([[5e-324, 1e-310], [-5e-324, -2e-310]], [-1.0, -1.0]),
        Polygon([(-3, -3), (3, -3), (3, 3), (-3, 3)], [[(-2, -1), (-1, -1), (-1, 0)], [(-1, 0), (0, 0), (0, 1)]]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("network", [_TINY, _WEDGE, CONSTANT], ids=["tiny weights", "usual weights", "constant"])
def test_huge_and_tiny_numbers_are_drawn_and_measured_without_a_warning(network: Network, domain: Any) -> None:
    complex = regions.enumerate_regions(network, domain)
    assert_valid_complex(complex)
    assert not np.isnan(complex.areas).any()
    assert np.array_equal(np.isfinite(complex.areas), complex.bounded)
    assert np.isfinite(complex.interior_points).all()
    assert "nan" not in complex._repr_svg_()
    assert len(complex.clip((-1.0, -1.0, 1.0, 1.0))) == len(complex)
    for color in ("area", "gradient"):
        plot_regions(complex, Figure().subplots(), color=color)


def test_areas_are_those_of_a_smaller_picture_scaled() -> None:
    small, large = (
        regions.enumerate_regions(_of([[[1.0, 1.0], [1.0, -0.5]]], [[0.25 * s, 0.5 * s]]), s) for s in (1.0, 2.0**511)
    )
    np.testing.assert_array_equal(large.areas, np.ldexp(small.areas, 1022))
    huge = regions.enumerate_regions(small.network, 1e300)
    assert huge.domain.area == sys.float_info.max
    assert np.isfinite(huge.areas).all()


def test_a_polygon_that_rounding_crosses_is_clipped() -> None:
    # Three lines that pass (-2, 2) within a few units in the last place, where a slit to a hole runs as well.
    weights = [
        [-1.6770324517399495, 2.553470047972566],
        [-0.19246011211495134, 0.758682625847294],
        [1.3157831273113283, 0.21771584686115247],
        [-0.7635095318940859, -1.34012667015947],
        [0.479118762332405, 0.04253150115612485],
    ]
    biases = [-8.461004999425032, -1.9022854759244905, 2.1961345609003518, 1.1532342765307684, 0.8731745223525603]
    square = [(-3, -3), (3, -3), (3, 3), (-3, 3)]
    holes = [[(-1, -1), (0, -1), (0, 0), (-1, 0)], [(0, 0), (1, 0), (1, 1), (0, 1)]]
    complex = regions.enumerate_regions(_of([weights], [biases]), Polygon(square, holes))
    assert not shapely.is_valid(complex.polygons).all()
    assert sum(shape.area for shape in complex.clip(2)) == pytest.approx(14.0)
    assert np.isfinite(complex.interior_points).all()


def test_a_zoom_shows_lines_where_they_are_however_far_their_ends_lie() -> None:
    # The slanted line's ends are rounded to whole numbers; in the box it runs through (0, 0.25) all the same.
    far = 1e16
    network = _of([[[-0.75, 1.0], [1.0, 0.0], [1.0, 0.0]]], [[-0.25, far, -far]])
    frame = Polyhedron([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], [2e16] * 4)
    areas = [shape.area for shape in regions.enumerate_regions(network, frame).clip(0.5)]
    assert sorted(area for area in areas if area > 0) == pytest.approx([25 / 96, 71 / 96])
