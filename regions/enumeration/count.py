"""Counting regions without storing them: in steps, on the cores of this machine or on other machines."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from regions._interrupts import interruptible
from regions._threads import cores, single_threaded
from regions.complex.data import Certificate
from regions.domain.arrays import read_domain
from regions.engine.count import Plan
from regions.engine.maps.sparse import WideMaps
from regions.engine.resources import Resources
from regions.enumeration.parts import decompose
from regions.enumeration.run import Run
from regions.enumeration.seams import surplus
from regions.enumeration.steps import payload, run_locally, run_on
from regions.errors import TooManyRegionsError
from regions.network.network import Network

if TYPE_CHECKING:
    from regions.enumeration.executors import Executor
    from regions.enumeration.parts import Decomposition

__all__ = ["Progress", "RegionCount", "count_decomposition", "count_network_remotely"]

_STEP_BYTES = 1 << 25


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


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a count has come.

    Parameters
    ----------
    done, total : int
        Steps; they take about the same time each. Where a domain is taken apart, the total is an estimate up to the
        last part.
    regions : int
        Found so far: in the end there are at least as many, less what a decomposed domain's parts share.
    """

    done: int
    total: int
    regions: int


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
    workers = threads or cores()
    run = Run(decomposition, resources)
    counted = done = total = 0
    with single_threaded(), _reporting(progress) as report:
        less = surplus(decomposition)
        for number, part, start, room in run.parts(narrow=True):
            limit, at_once = _step_bytes(room)
            plan = Plan(start, limit)
            run.decide(plan.proven, plan.decided)
            # A wide network has gone through all layers but one already.
            if executor is None or isinstance(start.maps, WideMaps):
                outcomes = run_locally(plan, min(workers, at_once))
            else:
                outcomes = run_on(executor, plan, payload(part, limit, plan))
            found: Counter[int] = Counter()
            n, left = len(plan), len(decomposition.parts) - number - 1
            for n_steps, more, proven, decided in outcomes:
                found += more
                done += n_steps
                run.decide(proven, decided)
                regions = counted + plan.total(found, complete=False)
                if max_regions is not None and regions - less > max_regions:
                    raise TooManyRegionsError(regions - less, max_regions)
                report(Progress(done, total + n + left * n, regions))
            total += n
            counted += plan.total(found)
    if max_regions is not None and counted - less > max_regions:
        raise TooManyRegionsError(counted - less, max_regions)
    return RegionCount(counted - less, run.certificate)


@contextmanager
def _reporting(progress: bool | Callable[[Progress], None]) -> Iterator[Callable[[Progress], None]]:
    if callable(progress):
        yield progress
    elif progress:
        with tqdm(desc="regions", unit="step", file=sys.stderr) as bar:

            def show(at: Progress) -> None:
                bar.total, bar.n = at.total, at.done
                bar.set_postfix_str(f"{at.regions} regions", refresh=False)
                bar.refresh()

            yield show
    else:
        yield lambda at: None


@interruptible
def count_network_remotely(arrays: dict[str, Any], domain: dict[str, Any], max_memory: int | None) -> RegionCount:
    """Count the regions of one network over a domain, both in the arrays they are saved as; called elsewhere."""
    network = Network.from_saved_arrays(arrays, "a task's network")
    return count_decomposition(decompose(network, read_domain(domain)), Resources(max_memory), threads=1)


def _step_bytes(room: int) -> tuple[int, int]:
    """How many bytes one step may take, and how many steps may run side by side.

    What a step may take says where blocks are cut in two, and so which decisions are taken twice: it does not depend
    on the threads.
    """
    limit = max(room // 32, min(room // 8, _STEP_BYTES))
    return limit, max(1, room // (2 * limit))
