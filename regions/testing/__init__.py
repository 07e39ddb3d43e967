"""For tests of code that uses `regions`: Hypothesis strategies and assertions about complexes.

Needs Hypothesis (``pip install linear-regions[test]``); `import regions` does not load it.

It may import every room; a room never imports it.
"""

from __future__ import annotations

from regions.testing.aims import AIMS, extremes
from regions.testing.definitions import reference_counts
from regions.testing.planar_domains import DOMAINS, domains, polygons, polyhedra
from regions.testing.reference import reference_count
from regions.testing.strategies import ACTIVATIONS, KINDS, degenerate_mlps, networks, relu_mlps
from regions.testing.validity import assert_same_complex, assert_valid_complex

__all__ = [
    "ACTIVATIONS",
    "AIMS",
    "DOMAINS",
    "KINDS",
    "assert_same_complex",
    "assert_valid_complex",
    "degenerate_mlps",
    "domains",
    "extremes",
    "networks",
    "polygons",
    "polyhedra",
    "reference_count",
    "reference_counts",
    "relu_mlps",
]
