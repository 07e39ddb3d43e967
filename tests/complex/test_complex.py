from __future__ import annotations

import contextlib
import xml.etree.ElementTree as ElementTree
from fractions import Fraction

import numpy as np
import pytest
import shapely
from mlps import mlp

import regions
from regions import Box, ConvexPolygon, Network, RegionComplex
from regions.errors import FileFormatError, InvalidNetworkError


@pytest.fixture(scope="module")
def complex() -> RegionComplex:
    return regions.enumerate_regions(mlp(2, 8, 8, 2), Box(-2, -1, 3, 2))


def test_shapes_and_dtypes(complex: RegionComplex) -> None:
    r, v, e = complex.n_regions, len(complex.vertices), len(complex.edges)
    assert len(complex) == r > 20
    assert complex.vertices.shape == (v, 2)
    assert complex.edges.shape == complex.edge_faces.shape == (e, 2)
    assert complex.patterns.shape == (r, 16)
    assert complex.patterns.dtype == bool
    assert complex.gradients.shape == (r, 2, 2)
    assert complex.offsets.shape == (r, 2)
    assert complex.polygons.shape == complex.areas.shape == (r,)
    assert v - e + r == 1


def test_it_is_frozen(complex: RegionComplex) -> None:
    with pytest.raises(AttributeError):
        complex.vertices = 0  # type: ignore[misc]
    cached = (complex.patterns, complex.polygons, complex.neighbors, complex.neighbor_neurons, complex.areas)
    for array in (complex.vertices, complex.rings, complex.gradients, *cached):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_polygons_tile_the_domain(complex: RegionComplex) -> None:
    assert shapely.coverage_is_valid(complex.polygons)
    union = shapely.coverage_union_all(complex.polygons)
    assert union.symmetric_difference(shapely.box(-2, -1, 3, 2)).area < 1e-12
    np.testing.assert_allclose(shapely.area(complex.polygons), complex.areas, rtol=1e-9, atol=1e-13)
    assert all(polygon.exterior.is_ccw for polygon in complex.polygons)


def test_neighbors_share_an_edge_and_differ_in_its_neuron(complex: RegionComplex) -> None:
    for (i, j), neuron in zip(complex.neighbors, complex.neighbor_neurons, strict=True):
        layers = complex.network.neuron_units[:, 0]
        differ = np.flatnonzero(complex.patterns[i] != complex.patterns[j])
        assert neuron in differ
        assert layers[differ].min() == layers[neuron]
        assert complex.polygons[i].intersection(complex.polygons[j]).length > 0


def test_regions_are_views(complex: RegionComplex) -> None:
    region = complex.region(3)
    np.testing.assert_array_equal(region.pattern, complex.patterns[3])
    assert region.polygon.equals(complex.polygons[3])
    assert sorted(region.neighbors) == sorted({*complex.neighbors[(complex.neighbors == 3).any(1)].ravel()} - {3})
    assert complex.region(-1).index == len(complex) - 1
    assert "Region 3" in repr(region)
    with pytest.raises(IndexError, match=f"there are {len(complex)}"):
        complex.region(len(complex))


def test_locate_is_exact(complex: RegionComplex) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform((-3, -2), (4, 3), size=(2000, 2))
    found = complex.locate(points)
    tree = shapely.STRtree(complex.polygons)
    where, which = tree.query(shapely.points(points), predicate="within")
    np.testing.assert_array_equal(found[where], which)
    inside = (points >= (-2, -1)).all(1) & (points <= (3, 2)).all(1)
    np.testing.assert_array_equal(found >= 0, inside)


def test_locate_on_borders_gives_the_smallest_index() -> None:
    grid = regions.enumerate_regions(Network.from_arrays([np.eye(2), np.ones((1, 2))]), 1)
    around = grid.locate([[0.5, 0.5], [-0.5, 0.5], [0.5, -0.5], [-0.5, -0.5]])
    assert sorted(around) == [0, 1, 2, 3]
    assert grid.locate([[0, 0]]) == 0
    assert grid.locate([[0.0, 0.5]]) == min(around[:2])
    assert grid.locate([[0.0, -1.0]]) == min(around[2:])
    assert grid.locate([[np.nextafter(1.0, 2), 0.0]]) == -1
    with pytest.raises(ValueError, match=r"\(P, 2\)"):
        grid.locate([0, 0])
    with pytest.raises(ValueError, match="finite"):
        grid.locate([[np.nan, 0]])


def test_locate_in_a_triangle() -> None:
    triangle = ConvexPolygon([(0, 0), (1, 0), (0, 1)])
    complex = regions.enumerate_regions(mlp(2, 1), triangle)
    assert complex.n_regions == 1
    assert complex.locate([[0.5, 0.5], [0.5, np.nextafter(0.5, 1)], [0.1, 0.1], [-0.1, 0]]).tolist() == [0, -1, 0, -1]


def test_exact_vertices_round_to_the_vertices(complex: RegionComplex) -> None:
    exact = complex.exact_vertices()
    assert all(isinstance(x, Fraction) for x, _ in exact)
    np.testing.assert_allclose(np.array(exact, dtype=float), complex.vertices, rtol=0, atol=1e-12)


def test_extent_is_that_of_the_inner_vertices(complex: RegionComplex) -> None:
    minx, miny, maxx, maxy = complex.extent
    assert -2 < minx < maxx < 3
    assert -1 < miny < maxy < 2
    assert regions.enumerate_regions(mlp(2, 1, 1), 1).extent is None


def test_save_and_load(complex: RegionComplex, tmp_path) -> None:
    complex.save(tmp_path / "complex.npz")
    loaded = RegionComplex.load(tmp_path / "complex.npz")
    assert loaded.domain == complex.domain
    assert loaded.certificate == complex.certificate
    for name in ("vertices", "edges", "rings", "patterns", "gradients", "edge_neurons", "edge_sides"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(complex, name))
    assert loaded.exact_vertices() == complex.exact_vertices()
    assert [p.name for p in tmp_path.iterdir()] == ["complex.npz"]
    triangle = regions.enumerate_regions(mlp(2, 3, 1), ConvexPolygon([(0, 0), (1, 0), (0, 1)]))
    triangle.save(tmp_path / "triangle")
    assert RegionComplex.load(tmp_path / "triangle.npz").domain == triangle.domain


def test_damaged_files(complex: RegionComplex, tmp_path) -> None:
    path = tmp_path / "complex.npz"
    complex.save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(FileFormatError, match="damaged"):
        RegionComplex.load(path)
    path.write_bytes(data)
    with np.load(path) as file:
        arrays = dict(file)
    for change, message in (
        ({"rings": arrays["rings"] + 1000}, "rings is out of range"),
        ({"vertices": arrays["vertices"][:, :1]}, "vertices has shape"),
        ({"ring_offsets": arrays["ring_offsets"][::-1]}, "ring_offsets do not fit"),
        ({"gradients": arrays["gradients"][1:]}, "gradients has shape"),
        ({"corners": np.zeros((4, 2))}, "do not fit"),
        ({"edges": arrays["edges"].astype(str)}, "edges is of dtype kind 'U'"),
        ({"rings": arrays["rings"].astype(float)}, "rings is of dtype kind 'f'"),
        ({"gradients": arrays["gradients"].astype(str)}, "gradients is of dtype kind"),
        ({"packed_patterns": arrays["packed_patterns"] * 1.0}, "packed_patterns is of dtype kind"),
        ({"edge_sides": arrays["edge_sides"] + 1000}, "edge_sides is out of range"),
        ({"vertices": arrays["vertices"] * np.nan}, "not finite"),
        ({"__version__": np.array("x")}, "is of version -1"),
        ({"__version__": np.ones(3)}, "is of version -1"),
    ):
        np.savez(path, **(arrays | change))
        with pytest.raises(FileFormatError, match=message):
            RegionComplex.load(path)
    del arrays["edges"]
    np.savez(path, **arrays)
    with pytest.raises(FileFormatError, match="'edges' is missing"):
        RegionComplex.load(path)
    Network.from_arrays([np.eye(2)]).save(path)
    with pytest.raises(FileFormatError, match="holds kind 'regions-network'"):
        RegionComplex.load(path)


def test_repr_and_svg(complex: RegionComplex) -> None:
    assert f"{len(complex)} activation regions" in repr(complex)
    svg = ElementTree.fromstring(complex._repr_svg_())
    assert len(svg.findall("{*}path")) == len(complex)
    many = regions.enumerate_regions(mlp(2, 120, 1), 5)
    assert f"{len(many)} activation regions" in many._repr_svg_()
    assert len(many._repr_svg_()) < 2000


def test_a_constant_network_is_one_region() -> None:
    constant = Network.from_arrays([np.zeros((1, 2))], [[3.0]])
    complex = regions.enumerate_regions(constant, 1)
    assert complex.patterns.shape == (1, 0)
    assert complex.locate([[0, 0], [2, 2]]).tolist() == [0, -1]
    assert complex.offsets.tolist() == [[3.0]]
    assert regions.count_regions(constant, 1) == 1


def test_wrong_input_dimension() -> None:
    with pytest.raises(InvalidNetworkError, match="3 input"):
        regions.enumerate_regions(mlp(3, 4, 1), 1)
    with pytest.raises(InvalidNetworkError, match="1 input"):
        regions.count_regions(mlp(1, 4, 1), 1)


@pytest.mark.parametrize("kind", [Network, RegionComplex])
def test_flipped_bytes_never_escape_as_foreign_errors(kind: type, tmp_path) -> None:
    path = tmp_path / "saved.npz"
    network = mlp(2, 3, 1)
    (network if kind is Network else regions.enumerate_regions(network, 1)).save(path)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = data.copy()
        for at in rng.integers(0, len(data), size=3):
            damaged[at] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        with contextlib.suppress(FileFormatError):
            kind.load(path)


@pytest.mark.parametrize("index", [1.5, "a", None])
def test_a_region_is_asked_for_by_an_integer(index: object) -> None:
    network = Network.from_arrays([np.eye(2), np.ones((1, 2))])
    with pytest.raises(TypeError, match="integer"):
        regions.enumerate_regions(network, 1).region(index)


def test_points_whose_values_overflow_are_located_all_the_same() -> None:
    # The first product overflows, the sum is negative.
    network = Network.from_arrays([[[1.5, -1.0]], [[1.0]]], [[-1.75e308], [0.0]])
    plane = regions.enumerate_regions(network, regions.WholePlane())
    (found,) = plane.locate([[1.5e308, 1.75e308]])
    assert not plane.patterns[found, 0]
