"""Hypothesis strategies for domains: convex ones, unbounded ones, and polygons of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from hypothesis import assume
from hypothesis import strategies as st

from regions.domain.convex import Box, ConvexPolygon
from regions.domain.polygon import Polygon
from regions.domain.polyhedron import Polyhedron
from regions.errors import RegionsError
from regions.testing.strategies import checked_count, checked_names

__all__ = ["DOMAINS", "domains", "polygons", "polyhedra"]

#: Names of the kinds of domains, for the argument `kinds` of :func:`domains`.
DOMAINS: tuple[str, ...] = ("square", "box", "integer_box", "tiny", "huge", "triangle", "polygon")

_SMALL = st.integers(-4, 4)
_NUMBERS = st.one_of(_SMALL.map(float), st.floats(-5, 5, width=32), st.sampled_from([0.1, -0.1, 1e-9, 1e6]))
# Of the corners of a star, around the origin.
_DIRECTIONS = [(3, 0), (2, 2), (0, 3), (-2, 2), (-3, 0), (-2, -2), (0, -3), (2, -2)]


def domains(*, kinds: Sequence[str] | None = None) -> st.SearchStrategy[Box | ConvexPolygon]:
    """Domains: boxes, small, huge and off-centre ones, and convex polygons.

    Parameters
    ----------
    kinds : sequence of str, optional
        Which to draw, of :data:`DOMAINS`; all where left out.

    Returns
    -------
    SearchStrategy of Box or ConvexPolygon

    Raises
    ------
    hypothesis.errors.InvalidArgument
        At the call, not when an example is drawn.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(domains(kinds=["integer_box"]), lambda domain: True)
    Box(0.0, 0.0, 1.0, 1.0)
    """
    return _domains(checked_names("kinds", kinds, DOMAINS))


@st.composite
def _domains(draw: Any, kinds: tuple[str, ...]) -> Box | ConvexPolygon:
    kind = draw(st.sampled_from(kinds))
    if kind == "square":
        bound = draw(st.sampled_from((1.0, 3.0, 10.0, 0.1)))
        return Box(-bound, -bound, bound, bound)
    if kind == "triangle":
        return _triangle(draw)
    if kind == "polygon":
        return _polygon(draw)
    # Corners on integers lie on the lines of integer networks.
    x, y = (draw(st.integers(-3, 3)) for _ in range(2))
    width, height = (draw(st.integers(1, 6)) for _ in range(2))
    if kind == "integer_box":
        return Box(x, y, x + width, y + height)
    size = {"tiny": 1e-9, "huge": 1e6, "box": 1.0}[kind]
    shift_x, shift_y, width, height = (draw(st.floats(0.1, 1)) * s for s in (1, 1, width, height))
    x0, y0 = (x + (shift_x - 1) * size, y + (shift_y - 1) * size) if kind == "tiny" else (x * size, y * size)
    return Box(x0 - shift_x * size, y0 - shift_y * size, x0 + width * size, y0 + height * size)


def _triangle(draw: Any) -> ConvexPolygon:
    x, y = (draw(st.integers(-3, 3)) for _ in range(2))
    a, b, d = (draw(st.integers(1, 6)) for _ in range(3))
    c = draw(st.integers(-3, 3))
    # Base (a, 0) and apex (c, d) with d > 0: never flat.
    return ConvexPolygon([(x, y), (x + a, y), (x + c, y + d) if b % 2 else (x + c, y - d)])


def _polygon(draw: Any) -> ConvexPolygon:
    corners = draw(st.integers(3, 9))
    radius = draw(st.sampled_from((0.5, 2.0, 30.0)))
    turn = draw(st.floats(0, 1))
    x, y = (draw(st.floats(-2, 2, allow_subnormal=False)) for _ in range(2))
    angles = (np.arange(corners) + turn) * (2 * np.pi / corners)
    return ConvexPolygon(np.column_stack([x + radius * np.cos(angles), y + 0.7 * radius * np.sin(angles)]))


def polyhedra(*, max_half_planes: int = 4) -> st.SearchStrategy[Polyhedron]:
    """Intersections of half-planes: half-planes, strips, cones, bounded ones, and some without an interior.

    Parameters
    ----------
    max_half_planes : int
        The largest number of half-planes, from 1 to 64.

    Returns
    -------
    SearchStrategy of Polyhedron
        Where one has no interior, enumerating raises a `DomainError`.

    Raises
    ------
    hypothesis.errors.InvalidArgument
        At the call, not when an example is drawn.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(polyhedra(max_half_planes=1), lambda domain: True)
    <Polyhedron of 1 half-plane>
    """
    return _polyhedra(checked_count("max_half_planes", max_half_planes, 1, 64))


@st.composite
def _polyhedra(draw: Any, most: int) -> Polyhedron:
    n = draw(st.integers(1, most))
    exact = st.one_of(_SMALL.map(float), _NUMBERS)
    normals = [draw(st.tuples(exact, exact).filter(any)) for _ in range(n)]
    return Polyhedron(normals, [draw(exact) for _ in range(n)])


def polygons(*, max_holes: int = 3) -> st.SearchStrategy[Polygon]:
    """Polygons that need not be convex: stars around the origin and unions of boxes, with boxes and triangles cut out.

    Parameters
    ----------
    max_holes : int
        The largest number of pieces cut out, from 0 to 8; those that reach the rim leave notches.

    Returns
    -------
    SearchStrategy of Polygon

    Raises
    ------
    hypothesis.errors.InvalidArgument
        At the call, not when an example is drawn.

    Examples
    --------
    >>> from hypothesis import find
    >>> len(find(polygons(), lambda domain: len(domain.holes) == 1).rings)
    2
    """
    return _polygons(checked_count("max_holes", max_holes, 0, 8))


@st.composite
def _polygons(draw: Any, most: int) -> Polygon:
    if draw(st.booleans()):
        directions = _DIRECTIONS[: draw(st.integers(4, 8))]
        lengths = [draw(st.sampled_from([0.25, 0.5, 1.0, 1.5])) for _ in directions]
        shape = shapely.Polygon([(x * r, y * r) for (x, y), r in zip(directions, lengths, strict=True)])
    else:
        shape = shapely.box(-3, -3, 3, 3)
        for _ in range(draw(st.integers(0, 2))):
            x, y = draw(_SMALL), draw(_SMALL)
            shape = shape.union(shapely.box(x, y, x + draw(st.integers(1, 3)), y + draw(st.integers(1, 3))))
    for _ in range(draw(st.integers(0, most))):
        x, y = draw(_SMALL) / 2, draw(_SMALL) / 2
        box, triangle = shapely.box(x, y, x + 0.5, y + 1), shapely.Polygon([(x, y), (x + 1, y), (x, y + 1)])
        assume(shape.is_valid)
        shape = shape.difference(draw(st.sampled_from([box, triangle])))
    assume(shape.geom_type == "Polygon" and not shape.is_empty and shape.is_valid)
    try:
        return Polygon.from_shapely(shape)
    except RegionsError:
        # Not every polygon can be taken apart exactly.
        assume(False)
        raise
