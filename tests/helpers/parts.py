"""The complexes of a domain's parts, as stitching takes them."""

from __future__ import annotations

from typing import Any

from regions import Network
from regions.engine.whole import WholePlan
from regions.enumeration.part_complex import PartComplex, part_complex
from regions.enumeration.parts import Decomposition, decompose
from regions.enumeration.run import Run


def in_parts(network: Network, domain: Any) -> tuple[Decomposition, list[PartComplex]]:
    decomposition = decompose(network, domain)
    complexes = []
    for started in Run(decomposition).parts():
        plan = WholePlan(started.enumeration)
        found = [block for i in range(len(plan)) for block in plan.step(i)[0]]
        complexes.append(part_complex(started.part, plan.join(found)))
    return decomposition, complexes
