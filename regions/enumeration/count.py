"""Counting regions without storing them: in steps, on the cores of this machine or on other machines."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from regions._interrupts import interruptible
from regions._threads import cores, in_forked_children, single_threaded, thread_pool
from regions.arithmetic.matrices import stored
from regions.arithmetic.underflow import require_gradual_underflow
from regions.complex.data import Certificate
from regions.domain.arrays import read_domain
from regions.domain.convex import ConvexPolygon
from regions.engine.count import Plan
from regions.engine.maps.sparse import WideMaps
from regions.engine.resources import Resources
from regions.enumeration.executors import Executor, run_tasks
from regions.enumeration.parts import Part, decompose, with_narrow_first_layer
from regions.enumeration.seams import surplus
from regions.errors import DomainError, MemoryLimitError, TooManyRegionsError, WorkerError
from regions.network.network import Network

if TYPE_CHECKING:
    from regions.enumeration.parts import Decomposition

__all__ = ["Progress", "RegionCount", "cores", "count_decomposition", "count_network_remotely", "count_remotely"]

# A task for another process shall take about so long: hundreds of times what it takes to ship.
_TASK_SECONDS = 0.5
_LOCAL_SECONDS = 0.02
_LEAST_BYTES = 1 << 24
_STEP_BYTES = 1 << 25
_DEFAULT_BYTES = 1 << 31
# More than any machine has, and still an int64 in every unit.
_MOST_BYTES = 1 << 48


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


@dataclass(slots=True)
class _Part:
    """One part's plan and what its steps have found."""

    plan: Plan
    payload: dict[str, Any]
    found: Counter[int] = field(default_factory=Counter)
    done: int = 0


def count_decomposition(
    decomposition: Decomposition,
    *,
    threads: int | None = None,
    executor: Executor | None = None,
    max_memory: int | None = None,
    max_regions: int | None = None,
    progress: bool | Callable[[Progress], None] = False,
    device: str | None = None,
) -> RegionCount:
    """Count the regions of a decomposed domain; see :func:`regions.count_regions`.

    Parameters
    ----------
    decomposition : Decomposition
    threads, executor, max_memory, max_regions, progress, device
        As in :func:`regions.count_regions`.

    Returns
    -------
    RegionCount
    """
    workers = threads or cores()
    budget = _DEFAULT_BYTES if max_memory is None else min(int(max_memory), _MOST_BYTES)
    counted, proven, decided, done = 0, 0, 0, 0
    with single_threaded(), _reporting(progress) as report:
        less = surplus(decomposition)
        empty = True
        for number, part in enumerate(decomposition.parts):
            part, limit, at_once = _within(part, budget)
            start = part.start(Resources(budget, device))
            if start is None:
                continue
            empty = False
            state = _Part(Plan(start, limit), {})
            proven, decided = proven + state.plan.proven, decided + state.plan.decided
            # A wide network has gone through all layers but one already.
            here = executor is None or isinstance(start.maps, WideMaps)
            if not here:
                state.payload = _payload(part, limit, state.plan)

            run = _run_locally(state, min(workers, at_once)) if here or executor is None else _run_on(executor, state)
            for n_steps, found, sure, exactly in run:
                state.found += found
                state.done += n_steps
                proven, decided = proven + sure, decided + exactly
                regions = counted + state.plan.total(state.found, complete=False)
                if max_regions is not None and regions - less > max_regions:
                    raise TooManyRegionsError(regions - less, max_regions)
                n, left = len(state.plan), len(decomposition.parts) - number - 1
                report(Progress(done + state.done, done + n + left * n, regions))
            done += len(state.plan)
            counted += state.plan.total(state.found)
    if empty:
        raise DomainError(
            f"{decomposition.domain!r} is empty or has no interior; a domain needs one. Check its half-planes."
        )
    if max_regions is not None and counted - less > max_regions:
        raise TooManyRegionsError(counted - less, max_regions)
    return RegionCount(counted - less, Certificate(proven, decided))


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


Outcome = tuple[int, Counter[int], int, int]


def _run_steps(plan: Plan, first: int, stop: int) -> Outcome:
    found: Counter[int] = Counter()
    proven = decided = 0
    for i in range(first, stop):
        more, sure, exactly = plan.step(i)
        found += more
        proven, decided = proven + sure, decided + exactly
    return stop - first, found, proven, decided


def _run_locally(state: _Part, workers: int) -> Iterator[Outcome]:
    n = len(state.plan)
    if workers == 1 or n < 2:
        for i in range(n):
            yield _run_steps(state.plan, i, i + 1)
        return
    pool = thread_pool("regions", workers)
    waiting: deque[Any] = deque()
    at, size = 0, max(1, min(8, n // (4 * workers)))
    started = time.perf_counter()
    try:
        while at < n or waiting:
            while at < n and len(waiting) < 2 * workers:
                stop = min(at + size, n)
                waiting.append(pool.submit(_run_steps, state.plan, at, stop))
                at = stop
            outcome = waiting.popleft().result()
            yield outcome
            # Steps may be tiny: several are then worth one task.
            pace = (time.perf_counter() - started) / max(1, state.done)
            size = int(np.clip(_LOCAL_SECONDS / max(pace, 1e-9) / workers, 1, max(1, n // (8 * workers))))
    finally:
        # Left early, by an error or Ctrl-C: what runs ends within a step, what waits never starts.
        for future in waiting:
            future.cancel()


def _payload(part: Part, limit: int, plan: Plan) -> dict[str, Any]:
    """All that another process needs to make the same plan: arrays and numbers."""
    arrays = part.network.to_arrays()
    arrays["corners"] = part.polygon.corners
    arrays["numbers"] = np.array([part.first, part.n_half_planes, limit])
    return {"arrays": arrays, "fingerprint": plan.fingerprint()}


_plans: dict[bytes, Plan] = {}
_plans_lock = Lock()
_KEPT_PLANS = 4


@in_forked_children
def _forget_plans() -> None:
    # Their own locks may be held as well.
    global _plans_lock
    _plans.clear()
    _plans_lock = Lock()


def _plan_of(payload: dict[str, Any]) -> Plan:
    """The plan of a payload, kept for the tasks that follow."""
    arrays = payload["arrays"]
    digest = sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    key = digest.digest()
    with _plans_lock:
        if key not in _plans:
            first, n_half_planes, limit = (int(n) for n in arrays["numbers"])
            network = Network.from_saved_arrays(arrays, "a task's network")
            part = Part(network, ConvexPolygon(arrays["corners"]), (), None, first, n_half_planes)
            start = part.start()
            plan = None if start is None else Plan(start, limit)
            if plan is None or plan.fingerprint() != payload["fingerprint"]:
                raise WorkerError(
                    "a worker took the domain apart differently from the process that counts. "
                    "Install the same versions of regions, numpy and numba on both."
                )
            while len(_plans) >= _KEPT_PLANS:
                del _plans[next(iter(_plans))]
            _plans[key] = plan
        return _plans[key]


@interruptible
def count_remotely(payload: dict[str, Any], first: int, stop: int) -> Outcome:
    """Run some steps of a plan; called in another process.

    Parameters
    ----------
    payload : dict
        Arrays that describe a part of a domain and its network, and the fingerprint of the plan.
    first, stop : int
        Which steps.

    Returns
    -------
    n_steps : int
    found : Counter
    proven, decided : int

    Raises
    ------
    WorkerError
        When this process makes another plan of the same arrays: its versions of the libraries differ.
    """
    require_gradual_underflow()
    with single_threaded():
        return _run_steps(_plan_of(payload), first, stop)


def _run_on(executor: Executor, state: _Part) -> Iterator[Outcome]:
    """Run a plan's steps as tasks of an executor."""
    n, at = len(state.plan), 0
    # A few steps here first: they give results, and tell how many steps are worth a task.
    started = time.perf_counter()
    while at < n and time.perf_counter() - started < _TASK_SECONDS / 4:
        yield _run_steps(state.plan, at, at + 1)
        at += 1
    pace = (time.perf_counter() - started) / max(at, 1)
    size = int(np.clip(_TASK_SECONDS / max(pace, 1e-9), 1, max(1, (n - at) // 8)))
    tasks = ((state.payload, i, min(i + size, n)) for i in range(at, n, size))
    for _, outcome in run_tasks(executor, count_remotely, tasks, _is_outcome):
        yield outcome


def _is_outcome(arguments: tuple[Any, ...], result: Any) -> bool:
    _, first, stop = arguments
    if not (isinstance(result, tuple | list) and len(result) == 4 and isinstance(result[1], Counter)):
        return False
    n_steps, found, *decisions = result
    numbers = [n_steps, *found, *found.values(), *decisions]
    return n_steps == stop - first and all(isinstance(n, int | np.integer) and n >= 0 for n in numbers)


@interruptible
def count_network_remotely(arrays: dict[str, Any], domain: dict[str, Any], max_memory: int | None) -> RegionCount:
    """Count the regions of one network; called in another process.

    Parameters
    ----------
    arrays : dict of str to ndarray
        As of :meth:`regions.Network.to_arrays`.
    domain : dict of str to ndarray
        As a saved complex has them.
    max_memory : int, optional

    Returns
    -------
    RegionCount
    """
    network = Network.from_saved_arrays(arrays, "a task's network")
    return count_decomposition(decompose(network, read_domain(domain)), threads=1, max_memory=max_memory)


def _within(part: Part, budget: int) -> tuple[Part, int, int]:
    """A part whose count keeps to a number of bytes, how many of them one step may take, and how many steps may run.

    What a step may take says where blocks are cut in two, and so which decisions are taken twice: it does not depend
    on the threads.
    """
    weights = 8 * sum(len(stored(layer.weight)) for layer in part.network.layers)
    # The packed network, the layers' working copies in each thread, and as much for the complex as for the steps.
    fixed = 4 * weights
    room = budget - fixed
    if room < _LEAST_BYTES:
        raise MemoryLimitError(
            f"max_memory={budget} was given; this network needs at least {fixed + _LEAST_BYTES} bytes."
        )
    limit = max(room // 32, min(room // 8, _STEP_BYTES))
    at_once = max(1, room // (2 * limit))
    if any(layer.is_sparse for layer in part.network.layers):
        return part, limit, at_once
    return with_narrow_first_layer(part, room // 2), limit, at_once
