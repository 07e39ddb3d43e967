"""Strategies for domains that are not bounded, not convex, or have holes."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from hypothesis import assume
from hypothesis import strategies as st

from regions import Polygon, Polyhedron, RegionsError, WholePlane

small = st.integers(-4, 4)
numbers = st.one_of(small.map(float), st.floats(-5, 5, width=32), st.sampled_from([0.1, -0.1, 1e-9, 1e6]))


@st.composite
def polyhedra(draw: Any) -> Polyhedron:
    n = draw(st.integers(1, 4))
    exact = st.one_of(small.map(float), numbers)
    normals = [draw(st.tuples(exact, exact).filter(any)) for _ in range(n)]
    return Polyhedron(normals, [draw(exact) for _ in range(n)])


unbounded = st.one_of(st.just(WholePlane()), polyhedra())


@st.composite
def polygons(draw: Any) -> Polygon:
    """A star around the origin or a union of boxes, with boxes cut out."""
    if draw(st.booleans()):
        n = draw(st.integers(4, 8))
        directions = [(3, 0), (2, 2), (0, 3), (-2, 2), (-3, 0), (-2, -2), (0, -3), (2, -2)][:n]
        lengths = [draw(st.sampled_from([0.25, 0.5, 1.0, 1.5])) for _ in directions]
        shape = shapely.Polygon([(x * r, y * r) for (x, y), r in zip(directions, lengths, strict=True)])
    else:
        shape = shapely.box(-3, -3, 3, 3)
        for _ in range(draw(st.integers(0, 2))):
            x, y = draw(small), draw(small)
            shape = shape.union(shapely.box(x, y, x + draw(st.integers(1, 3)), y + draw(st.integers(1, 3))))
    for _ in range(draw(st.integers(0, 3))):
        x, y = draw(small) / 2, draw(small) / 2
        hole = draw(
            st.sampled_from([shapely.box(x, y, x + 0.5, y + 1), shapely.Polygon([(x, y), (x + 1, y), (x, y + 1)])])
        )
        assume(shape.is_valid)
        shape = shape.difference(hole)
    assume(shape.geom_type == "Polygon" and not shape.is_empty and shape.is_valid)
    try:
        return Polygon.from_shapely(shape)
    except RegionsError:
        assume(False)
        raise


def twin_spikes(rng: np.random.Generator, hole: bool = False) -> Polygon | None:
    """A rectangle with two needles on top, side by side and thinner than floats can resolve; None if not a polygon."""
    width, gap = 2.0 ** -rng.integers(40, 53), 2.0 ** -rng.integers(40, 51)
    left = 1 + rng.random()
    x = [left, left + width, left + width + gap, left + 2 * width + gap]
    lean, other = rng.random(2) * 2 - 1
    tips = (x[0] + lean, 3), (x[2] + lean + other * width, 3)
    shell = [(0, 0), (4, 0), (4, 1), (x[3], 1), tips[1], (x[2], 1), (x[1], 1), tips[0], (x[0], 1), (0, 1)]
    try:
        return Polygon(shell, [[(0.25, 0.25), (0.5, 0.25), (0.5, 0.75)]] if hole else [])
    except RegionsError:
        return None
