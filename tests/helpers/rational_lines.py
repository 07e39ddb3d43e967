"""Lines across the square [-4, 4]², and where they meet, in rationals."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
from hypothesis import strategies as st

from regions import Box, Network

SQUARE = Box(-4, -4, 4, 4)
CORNERS = [(-4, -4), (4, -4), (4, 4), (-4, 4)]

# Small integers: lines that meet in threes, coincide, run along sides and through corners.
lines = st.lists(st.tuples(*[st.integers(-3, 3)] * 3).filter(lambda line: any(line[:2])), min_size=1, max_size=6)


def of_lines(found: list[Any]) -> Network:
    array = np.array(found, dtype=float)
    return Network.from_arrays([array[:, :2], np.ones((1, len(array)))], [array[:, 2], [0.0]])


def values(line: Any, points: list[Any]) -> list[Fraction]:
    a, b, c = map(Fraction, line)
    return [a * Fraction(x) + b * Fraction(y) + c for x, y in points]


def crosses(line: Any) -> bool:
    """Whether a line passes through the inside of the square."""
    at = values(line, CORNERS)
    return min(at) < 0 < max(at)


def meeting(first: Any, second: Any) -> tuple[Fraction, Fraction] | None:
    a, b, c = map(Fraction, first)
    d, e, f = map(Fraction, second)
    determinant = a * e - b * d
    return None if determinant == 0 else ((b * f - c * e) / determinant, (c * d - a * f) / determinant)


def distinct(found: list[Any]) -> list[Any]:
    """One of each set of lines that coincide, of those that pass through the inside of the square."""
    kept: list[Any] = []
    for line in filter(crosses, found):
        if not any(
            meeting(line, other) is None and line[2] * (other[0] or other[1]) == other[2] * (line[0] or line[1])
            for other in kept
        ):
            kept.append(line)
    return kept


def inner_points(found: list[Any]) -> dict[tuple[Fraction, Fraction], set[int]]:
    """The points inside the square where lines meet, and which of them meet there."""
    points: dict[tuple[Fraction, Fraction], set[int]] = {}
    for i, j in combinations(range(len(found)), 2):
        point = meeting(found[i], found[j])
        if point is not None and max(map(abs, point)) < 4:
            points.setdefault(point, set()).update((i, j))
    return points


def n_faces(found: list[Any]) -> int:
    """Faces of the square cut by lines: every line adds one, every point of m lines m - 1 more."""
    kept = distinct(found)
    return 1 + len(kept) + sum(len(meet) - 1 for meet in inner_points(kept).values())
