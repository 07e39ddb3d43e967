"""Counting regions without storing them: in steps, on the cores of this machine or on other machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from regions._interrupts import interruptible
from regions._threads import cores, single_threaded
from regions.complex.data import Certificate
from regions.domain.arrays import read_domain
from regions.engine.count import Plan
from regions.engine.maps.sparse import WideMaps
from regions.engine.resources import Resources
from regions.enumeration.parts import decompose
from regions.enumeration.run import Progress, Run, reporting, step_bytes
from regions.enumeration.seams import surplus
from regions.enumeration.steps import payload, run_locally, run_on
from regions.errors import TooManyRegionsError
from regions.network.network import Network

if TYPE_CHECKING:
    from regions.enumeration.executors import Executor
    from regions.enumeration.parts import Decomposition

__all__ = ["RegionCount", "count_decomposition", "count_network_remotely"]


class RegionCount(int):
    """A number of regions, with the certificate that it rests on.

    Attributes
    ----------
    certificate : Certificate
        How many decisions floats with a proven bound took, and how many were taken in integers.

    Examples
    --------
    >>> import regions
    >>> count = regions.count_regions(regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]]), 1)
    >>> count + 1, count.certificate.decided_exactly
    (5, 0)
    """

    certificate: Certificate

    def __new__(cls, value: int, certificate: Certificate | None = None) -> RegionCount:
        """Make the number `value` with a certificate."""
        self = super().__new__(cls, value)
        self.certificate = certificate or Certificate(0, 0)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (int(self), self.certificate)


def count_decomposition(
    decomposition: Decomposition,
    resources: Resources | None = None,
    *,
    threads: int | None = None,
    executor: Executor | None = None,
    max_regions: int | None = None,
    progress: bool | Callable[[Progress], None] = False,
) -> RegionCount:
    """Count the regions of a decomposed domain; see :func:`regions.count_regions`."""
    less = surplus(decomposition)
    counted = 0
    with single_threaded(), reporting(progress) as report:
        run = Run(decomposition, resources, max_regions, report, less)
        for number, part, start, room in run.parts(narrow=True):
            limit, at_once = step_bytes(room)
            plan = Plan(start, limit)
            run.decide(plan.proven, plan.decided)
            # A wide network has gone through all layers but one already.
            if executor is None or isinstance(start.maps, WideMaps):
                outcomes = run_locally(plan, min(threads or cores(), at_once))
            else:
                outcomes = run_on(executor, plan, payload(part, limit, plan))
            found: Counter[int] = Counter()
            for more in run.follow(number, len(plan), outcomes, partial(plan.total, found, complete=False)):
                found += more
            counted += plan.total(found)
    if max_regions is not None and counted - less > max_regions:
        raise TooManyRegionsError(counted - less, max_regions)
    return RegionCount(counted - less, run.certificate)


@interruptible
def count_network_remotely(arrays: dict[str, Any], domain: dict[str, Any], max_memory: int | None) -> RegionCount:
    """Count the regions of one network over a domain, both in the arrays they are saved as; called elsewhere."""
    network = Network.from_saved_arrays(arrays, "a task's network")
    return count_decomposition(decompose(network, read_domain(domain)), Resources(max_memory), threads=1)
