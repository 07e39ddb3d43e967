from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from regions import Box, ConvexPolygon, Polygon, Polyhedron, WholePlane
from regions.domain.arrays import domain_arrays, read_domain
from regions.domain.domain import Domain
from regions.domain.inside import inside
from regions.domain.read import as_domain
from regions.domain.rings import in_rings
from regions.errors import DomainError

SQUARE = [(0.0, 0.0), (3.0, 0.0), (3.0, 3.0), (0.0, 3.0)]
HOLE = [(1.0, 1.0), (1.0, 2.0), (2.0, 2.0), (2.0, 1.0)]
DOMAINS = [
    Box(0, 0, 3, 3),
    ConvexPolygon(SQUARE),
    Polygon(SQUARE, [HOLE]),
    Polyhedron([[1, 0], [0, 1], [-1, 0], [0, -1]], [3, 3, 0, 0]),
    WholePlane(),
]
GRID = np.array([(x, y) for x in np.arange(-1, 4.5, 0.5) for y in np.arange(-1, 4.5, 0.5)])


@pytest.mark.parametrize(
    ("domain", "bounded", "convex", "sides", "parts"),
    list(zip(DOMAINS, (1, 1, 1, 0, 0), (1, 1, 0, 1, 1), (4, 4, 8, 4, 0), (1, 1, 4, 1, 1), strict=True)),
)
def test_every_domain_answers(domain: Domain, bounded: int, convex: int, sides: int, parts: int) -> None:
    assert (domain.is_bounded, domain.is_convex, domain.n_sides) == (bounded, convex, sides)
    assert len(domain.convex_parts()) == parts
    assert as_domain(domain) == read_domain(domain_arrays(domain)) == domain


def test_the_parts_of_the_plane_are_inside_as_one_sees_them() -> None:
    x, y = GRID.T
    square = (x >= 0) & (x <= 3) & (y >= 0) & (y <= 3)
    hole = (x > 1) & (x < 2) & (y > 1) & (y < 2)
    for domain, expected in zip(DOMAINS, (square, square, square & ~hole, square, x == x), strict=True):
        assert np.array_equal(inside(domain, GRID), expected)


@pytest.mark.parametrize("number", [float, Fraction])
def test_a_walk_through_a_slit_goes_around_what_its_rings_go_around(number: Any) -> None:
    points = [(number(x), number(y)) for x, y in GRID.tolist()]
    walk = [*SQUARE, SQUARE[0], *HOLE, HOLE[0]]
    slit = [(x == y) and 0 <= x <= 1 for x, y in points]
    for point, on_slit in zip(points, slit, strict=True):
        assert in_rings(point, [walk]) == (in_rings(point, [SQUARE, HOLE]) or on_slit)


def test_the_part_inside_a_box() -> None:
    box = Box(1, -1, 5, 2)
    found = [domain.within(box) for domain in (DOMAINS[0], DOMAINS[3], DOMAINS[4])]
    assert found == [
        Box(1, 0, 3, 2),
        Polyhedron([*DOMAINS[3].normals, *np.eye(2), *-np.eye(2)], [3, 3, 0, 0, 5, 2, -1, 1]),
        box,
    ]
    with pytest.raises(DomainError, match="bounded as it is"):
        DOMAINS[2].within(box)
