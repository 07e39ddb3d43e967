"""Measures of a network's regions, read off their complex.

Every function takes a :class:`regions.RegionComplex` first. A *boundary* is an edge between two regions; the domain's
rim counts only where that is said or asked for. Lengths and areas come in float64 from the rounded vertices, or with
``exact=True`` from the rationals that they are; counts and decisions are exact always. Over a slice everything is
measured in the slice's own coordinates.

It may import `regions.enumeration` and what stands below it, never bounds, pictures or studies.
"""

from __future__ import annotations

from regions.complex.lines import exact_areas
from regions.measures._compare import StableRegions, stable_regions, within
from regions.measures._data import Occupancy, Transitions, occupancy, transitions
from regions.measures._decisions import DecisionBoundary, decision_boundary, predicted_classes, regions_per_class
from regions.measures._distance import boundary_distances, local_complexity
from regions.measures._graph import degrees, diameter, dual_graph, eccentricities, hamming_by_distance
from regions.measures._level_sets import LevelSet, level_set
from regions.measures._lipschitz import LipschitzConstant, gradient_norms, lipschitz_constant
from regions.measures._neurons import NeuronStates, neuron_states
from regions.measures._shapes import convex_regions, inradii, side_counts
from regions.measures._sizes import (
    AreaDistribution,
    area_distribution,
    boundary_density,
    boundary_length,
    edge_lengths,
    neuron_boundary_lengths,
    perimeters,
)

__all__ = [
    "AreaDistribution",
    "DecisionBoundary",
    "LevelSet",
    "LipschitzConstant",
    "NeuronStates",
    "Occupancy",
    "StableRegions",
    "Transitions",
    "area_distribution",
    "boundary_density",
    "boundary_distances",
    "boundary_length",
    "convex_regions",
    "decision_boundary",
    "degrees",
    "diameter",
    "dual_graph",
    "eccentricities",
    "edge_lengths",
    "exact_areas",
    "gradient_norms",
    "hamming_by_distance",
    "inradii",
    "level_set",
    "lipschitz_constant",
    "local_complexity",
    "neuron_boundary_lengths",
    "neuron_states",
    "occupancy",
    "perimeters",
    "predicted_classes",
    "regions_per_class",
    "side_counts",
    "stable_regions",
    "transitions",
    "within",
]
