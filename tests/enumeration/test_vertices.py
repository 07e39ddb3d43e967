"""Coordinates of what was found in charts of the plane: by hand, and against the exact points."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from mlps import shallow
from parts import in_parts
from rational_lines import lines, meeting, of_lines

from regions import Network, Polygon, WholePlane
from regions.arithmetic.floats import nearest_finite
from regions.enumeration.stitch import stitch
from regions.enumeration.vertices import plane_points, rounded_points

NAN = np.full(3, np.nan)


def in_the_plane(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and directions of a network of one layer over the whole plane."""
    decomposition, complexes = in_parts(network, WholePlane())
    stitched = stitch(decomposition, complexes)
    layer = network.layers[0]
    rows = np.column_stack([layer.weight, layer.bias])
    edge_lines = np.array([rows[n] if n >= 0 else NAN for n in stitched.edge_neurons]).reshape(-1, 3)
    return plane_points(stitched, complexes, edge_lines)


def test_two_lines_meet_in_a_point_and_end_in_four_directions() -> None:
    # x = 1 and y = 2.
    vertices, directions = in_the_plane(shallow([(1, 0), (0, 1)], [-1, -2]))
    assert vertices.tolist() == [[1.0, 2.0]]
    assert sorted(directions.tolist()) == [[-1.0, 0.0], [0.0, -1.0], [0.0, 1.0], [1.0, 0.0]]


def test_directions_are_unit_vectors_along_the_lines() -> None:
    # 3 x + 4 y = 5 runs along (4, -3) / 5.
    vertices, directions = in_the_plane(shallow([(3, 4)], [-5]))
    assert vertices.shape == (0, 2)
    np.testing.assert_allclose(sorted(directions.tolist()), [[-0.8, 0.6], [0.8, -0.6]], rtol=1e-15)


def test_nearly_parallel_lines_meet_in_the_exact_point_rounded_once() -> None:
    first, second = (1.0, 1.0, -1.0), (1.0, 1.0 + 2.0**-40, -1.5)
    vertices, _ = in_the_plane(of_lines([first, second]))
    point = meeting(first, second)
    assert point is not None
    assert vertices.tolist() == [[float(point[0]), float(point[1])]]


def test_points_of_a_polygon_are_those_of_its_parts() -> None:
    corners = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
    decomposition, complexes = in_parts(shallow([(1, 0)], [-0.5]), Polygon(corners))
    points = rounded_points(stitch(decomposition, complexes), complexes)
    assert sorted(points.tolist()) == sorted([[float(x), float(y)] for x, y in corners] + [[0.5, 0.0], [0.5, 2.0]])


@settings(max_examples=40)
@given(lines)
def test_every_vertex_is_where_two_lines_meet(found: list) -> None:
    vertices, directions = in_the_plane(of_lines(found))
    points = {p for i, one in enumerate(found) for other in found[:i] if (p := meeting(one, other)) is not None}
    assert len(vertices) == len(points)
    for x, y in vertices.tolist():
        # Far better than the distance between two of them.
        assert min(max(abs(Fraction(x) - p[0]), abs(Fraction(y) - p[1])) for p in points) < Fraction(1, 10**13)
    # The outermost ones are rounded once.
    for k in range(2 if points else 0):
        for outermost in (min, max):
            assert outermost(vertices[:, k].tolist()) == nearest_finite(outermost(p[k] for p in points))
    np.testing.assert_allclose(np.hypot(*directions.T), 1, rtol=1e-15)
    for dx, dy in directions.tolist():
        assert min(abs(a * dx + b * dy) / np.hypot(a, b) for a, b, _ in found) < 1e-15
