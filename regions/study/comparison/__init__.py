"""Architectures compared by their exact activation regions, over many seeds: a table, its summary, its pictures.

It may import what studies may, never the report, which shows it.
"""

from __future__ import annotations

from regions.study.comparison.architectures import ACTIVATIONS, equal_neurons, equal_parameters, n_parameters
from regions.study.comparison.initialisations import INITIALISATIONS
from regions.study.comparison.plots import plot_bounds, plot_distribution, plot_growth
from regions.study.comparison.runs import compare
from regions.study.comparison.statistics import Ratio, Spread, confidence_interval, spread
from regions.study.comparison.table import ComparedNetwork, Comparison, Summary

__all__ = [
    "ACTIVATIONS",
    "INITIALISATIONS",
    "ComparedNetwork",
    "Comparison",
    "Ratio",
    "Spread",
    "Summary",
    "compare",
    "confidence_interval",
    "equal_neurons",
    "equal_parameters",
    "n_parameters",
    "plot_bounds",
    "plot_distribution",
    "plot_growth",
    "spread",
]
