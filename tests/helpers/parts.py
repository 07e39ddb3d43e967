"""The complexes of a domain's parts, as stitching takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from regions import Network
from regions.enumeration.part_complex import PartComplex, part_complex
from regions.enumeration.parts import Decomposition, decompose
from regions.enumeration.run import Run


def in_parts(network: Network, domain: Any) -> tuple[Decomposition, list[PartComplex]]:
    decomposition = decompose(network, domain)
    index = np.full((len(network.layers), max(layer.n_out for layer in network.layers)), -1)
    index[network.neuron_units[:, 0], network.neuron_units[:, 1]] = np.arange(network.n_neurons)
    return decomposition, [
        part_complex(started.part, started.enumeration, started.enumeration.run(), index)
        for started in Run(decomposition).parts()
    ]
