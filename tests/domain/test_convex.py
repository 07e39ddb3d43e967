from __future__ import annotations

import math

import numpy as np
import pytest
import shapely

from regions import Box, ConvexPolygon
from regions.domain.read import as_domain
from regions.errors import DomainError


def test_a_number_is_a_square() -> None:
    assert as_domain(3) == Box(-3, -3, 3, 3)
    assert as_domain(np.float32(0.5)).bounds == (-0.5, -0.5, 0.5, 0.5)
    assert as_domain(np.int64(2)).area == 16.0


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, True, "10", None, [1, 2], 10**400])
def test_bad_numbers(bad: object) -> None:
    with pytest.raises(DomainError):
        as_domain(bad)


@pytest.mark.parametrize(
    "bounds", [(0, 0, 0, 1), (1, 0, 0, 1), (0, math.nan, 1, 1), (0, 0, math.inf, 1), ("0", 0, 1, 1)]
)
def test_bad_boxes(bounds: tuple) -> None:
    with pytest.raises(DomainError):
        Box(*bounds)


def test_polygon_orientation_closing_and_straight_corners_do_not_matter() -> None:
    square = [(0, 0), (1, 0), (1, 1), (0, 1)]
    for corners in (square, square[::-1], [*square, square[0]], [(0, 0), (0.5, 0), *square[1:]], [(0, 0), *square]):
        polygon = ConvexPolygon(corners)
        assert len(polygon.corners) == 4
        assert polygon.area == 1.0
        turns = polygon.corners[[1, 2, 3, 0]] - polygon.corners
        assert np.cross(np.c_[turns, np.zeros(4)], np.c_[np.roll(turns, -1, 0), np.zeros(4)])[:, 2].min() > 0


def test_shapely_polygons() -> None:
    assert as_domain(shapely.box(0, 0, 2, 1)).area == 2.0
    assert as_domain(shapely.Polygon([(0, 0, 5), (1, 0, 5), (0, 1, 5)])).area == 0.5


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        (shapely.Polygon(), "empty"),
        (shapely.Point(0, 0), "Point was given"),
        (shapely.MultiPolygon([shapely.box(0, 0, 1, 1)]), "MultiPolygon"),
        (shapely.box(0, 0, 3, 3).difference(shapely.box(1, 1, 2, 2)), "hole"),
        (shapely.Polygon([(0, 0), (2, 0), (1, 0.5), (1, 2)]), "not convex"),
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "area 0"),
        (shapely.Polygon([(0, 0), (1, 0), (2, 0)]), "area 0"),
        (
            shapely.Polygon([(math.cos(4 * math.pi * k / 5), math.sin(4 * math.pi * k / 5)) for k in range(5)]),
            "not convex",
        ),
    ],
)
def test_bad_geometries(geometry: shapely.Geometry, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        as_domain(geometry, convex=True)


@pytest.mark.parametrize("corners", [[(0, 0), (1, 0)], [(0, 0), (1, 0), (0, math.nan)], [0, 1, 2], [("a", 0)] * 3])
def test_bad_corners(corners: list) -> None:
    with pytest.raises(DomainError):
        ConvexPolygon(corners)


def test_convexity_is_decided_to_the_last_place() -> None:
    dent = np.nextafter(0.0, 1.0)
    with pytest.raises(DomainError, match="not convex"):
        ConvexPolygon([(0, 0), (0.5, dent), (1, 0), (0.5, 1)])
    assert len(ConvexPolygon([(0, 0), (0.5, -dent), (1, 0), (0.5, 1)]).corners) == 4


def test_reprs() -> None:
    assert repr(Box(0, 0, 1, 2)) == "Box(0.0, 0.0, 1.0, 2.0)"
    assert "3 corners" in repr(ConvexPolygon([(0, 0), (1, 0), (0, 1)]))
    assert ConvexPolygon([(0, 0), (1, 0), (0, 1)]) == ConvexPolygon([(0, 0), (1, 0), (0, 1)])
    assert len({ConvexPolygon([(0, 0), (1, 0), (0, 1)]), ConvexPolygon([(0, 0), (1, 0), (0, 1)])}) == 1
