"""Domains that are not bounded, or thinner than floats can resolve."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from regions import Polygon, RegionsError, WholePlane
from regions.testing import polyhedra

unbounded = st.one_of(st.just(WholePlane()), polyhedra())


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
