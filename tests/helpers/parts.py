"""The complexes of a domain's parts, as stitching takes them."""

from __future__ import annotations

from typing import Any

from regions import Network
from regions.enumeration.part_complex import PartComplex, neuron_index, part_complex
from regions.enumeration.parts import Decomposition, decompose
from regions.enumeration.run import Run


def in_parts(network: Network, domain: Any) -> tuple[Decomposition, list[PartComplex]]:
    decomposition = decompose(network, domain)
    index = neuron_index(network)
    return decomposition, [
        part_complex(started.part, started.enumeration, started.enumeration.run(), index)
        for started in Run(decomposition).parts()
    ]
