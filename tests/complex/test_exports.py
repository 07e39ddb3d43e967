"""Round trips through the libraries that read what is written."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import geopandas
import networkx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import regions
from regions import Network
from regions.complex import exports
from regions.study.models import DeepMLP
from regions.testing import domains, networks, polygons, polyhedra

ANNULUS = shapely.Polygon([(-3, -3), (3, -3), (3, 3), (-3, 3)], [[(-1, -1), (-1, 1), (1, 1), (1, -1)]])


def complexes() -> list[regions.RegionComplex]:
    return [regions.enumerate_regions(DeepMLP(seed=1), domain) for domain in (3, ANNULUS)]


@pytest.mark.parametrize("complex", complexes(), ids=["box", "annulus"])
def test_polygons_come_back_as_they_were(complex: regions.RegionComplex, tmp_path: Path) -> None:
    for shape, written in zip(complex.polygons, shapely.from_wkb(complex.to_wkb()), strict=True):
        assert shapely.equals_identical(shape, written)
    frame = complex.to_geodataframe()
    again = geopandas.GeoDataFrame(
        frame.drop(columns="geometry"), geometry=geopandas.GeoSeries.from_wkb(frame.geometry.to_wkb())
    )
    assert shapely.equals_identical(np.array(again.geometry), complex.polygons).all()
    complex.to_geojson(tmp_path / "regions.geojson")
    read = geopandas.read_file(tmp_path / "regions.geojson")
    assert len(read) == len(complex)
    np.testing.assert_array_equal(read["area"], complex.areas)
    assert [shape.wkb for shape in read.geometry] == [shape.wkb for shape in complex.polygons]
    assert read["pattern"].astype(str).str.len().eq(complex.network.n_neurons).all()


@settings(max_examples=30)
@given(networks(), st.one_of(domains(), polygons(), st.just(regions.WholePlane())))
def test_the_dual_graph_is_that_of_the_neighbors(network: Network, domain: Any) -> None:
    complex = regions.enumerate_regions(network, domain)
    graph = complex.to_networkx()
    assert networkx.is_connected(graph)
    assert {tuple(sorted(edge)) for edge in graph.edges} == set(map(tuple, complex.neighbors.tolist()))
    for f, g, data in graph.edges(data=True):
        differ = np.flatnonzero(complex.patterns[f] != complex.patterns[g])
        assert set(data["neurons"]) <= set(differ.tolist()) or not len(differ)
        assert data["length"] >= 0
    assert [graph.nodes[i]["area"] for i in graph] == complex.areas.tolist()
    frame = complex.to_dataframe()
    assert frame["neighbors"].tolist() == [graph.degree(i) for i in range(len(complex))]


def read_obj(path: Path) -> tuple[list[list[float]], list[list[int]]]:
    words = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    vertices = [[float(x) for x in w[1:]] for w in words if w[0] == "v"]
    return vertices, [[int(x) - 1 for x in w[1:]] for w in words if w[0] == "f"]


@pytest.mark.parametrize("complex", complexes(), ids=["box", "annulus"])
def test_the_surface_is_the_graph_of_the_function(complex: regions.RegionComplex, tmp_path: Path) -> None:
    complex.to_obj(tmp_path / "surface.obj")
    vertices, faces = read_obj(tmp_path / "surface.obj")
    points = np.array(vertices)
    np.testing.assert_array_equal(points[:, :2], complex.vertices)
    np.testing.assert_allclose(points[:, 2:], complex.network(complex.vertices), atol=1e-9)
    area = 0.0
    for face in faces:
        x, y = points[face, 0], points[face, 1]
        own = float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2
        # Counter-clockwise, so that all faces are seen from above.
        assert own > -1e-12
        area += own
    assert area == pytest.approx(complex.areas.sum())


def test_unbounded_regions_need_a_box() -> None:
    complex = regions.enumerate_regions(Network.from_arrays([[[1.0, 0.0]], [[1.0]]]), regions.WholePlane())
    for export in (
        complex.to_wkb,
        complex.to_geojson,
        complex.to_geodataframe,
        lambda: complex.to_obj("never.obj"),
    ):
        with pytest.raises(ValueError, match="unbounded"):
            export()
    assert sum(shapely.from_wkb(w).area for w in complex.to_wkb(box=2)) == 16
    text = json.dumps(complex.to_geojson(box=2), allow_nan=False)
    assert json.loads(text)["features"][0]["properties"]["area"] == "inf"
    away = [feature["geometry"] is None for feature in complex.to_geojson(box=(1, 1, 2, 2))["features"]]
    assert away == [bool(x < 0) for x in complex.interior_points[:, 0]]
    assert math.isinf(complex.to_networkx().nodes[0]["area"])
    assert math.isinf(complex.to_networkx().edges[0, 1]["length"])
    assert np.isinf(complex.to_geodataframe(box=1)["area"]).all()


@settings(max_examples=10)
@given(networks(), polyhedra())
def test_tables_have_a_row_a_region_over_any_domain(network: Network, domain: Any) -> None:
    try:
        complex = regions.enumerate_regions(network, domain)
    except regions.errors.DomainError:
        return
    columns = exports.to_columns(complex)
    assert {len(values) for values in columns.values()} == {len(complex)}


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "geopandas", None)
    with pytest.raises(regions.errors.MissingExtraError, match=r"linear-regions\[geo\]"):
        complexes()[0].to_geodataframe()


@pytest.mark.parametrize("output", [1, -1, 0.5, True])
def test_an_output_that_is_not_there_is_refused(output: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allowed are"):
        complexes()[0].to_obj(tmp_path / "never.obj", output)
