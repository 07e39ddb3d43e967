"""Bounds on the number of activation regions, each with its theorem, what it holds for and its paper.

Numbers of neurons go in, exact Python integers come out: :func:`serra_2018` and the others. :func:`for_network` makes
the table of all that apply to one network. :func:`montufar_folding` and its relatives are networks that attain the
lower bounds. Symbols: `D` inputs, `n` neurons of a layer, `n_1, ..., n_L` those of the hidden layers.

It may import what `regions.measures` may, never measures, pictures or studies.
"""

from __future__ import annotations

from regions.bounds.arrangements import all_patterns, zaslavsky, zaslavsky_zero_bias
from regions.bounds.constructions import arora_zonotope, montufar_folding, serra_folding
from regions.bounds.deep import (
    arora_2018_one_input,
    hinz_2019,
    histogram_2019,
    montufar_2017,
    serra_2018,
    serra_2018_one_input,
    zaslavsky_product,
)
from regions.bounds.lower import arora_2018_lower, montufar_2014_lower, serra_2018_lower
from regions.bounds.maxout import montufar_2022_maxout, serra_2018_maxout
from regions.bounds.rules import RuleOfThumb, hanin_rolnick_2019
from regions.bounds.table import Bound, BoundsTable, for_network
from regions.bounds.weights import from_weights

__all__ = [
    "Bound",
    "BoundsTable",
    "RuleOfThumb",
    "all_patterns",
    "arora_2018_lower",
    "arora_2018_one_input",
    "arora_zonotope",
    "for_network",
    "from_weights",
    "hanin_rolnick_2019",
    "hinz_2019",
    "histogram_2019",
    "montufar_2014_lower",
    "montufar_2017",
    "montufar_2022_maxout",
    "montufar_folding",
    "serra_2018",
    "serra_2018_lower",
    "serra_2018_maxout",
    "serra_2018_one_input",
    "serra_folding",
    "zaslavsky",
    "zaslavsky_product",
    "zaslavsky_zero_bias",
]
