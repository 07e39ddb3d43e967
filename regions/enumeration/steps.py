"""A count's steps, side by side: on the cores of this machine, or as tasks in other processes."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from hashlib import sha256
from threading import Lock
from typing import Any

import numpy as np

from regions._interrupts import interruptible
from regions._threads import in_forked_children, single_threaded, thread_pool
from regions.arithmetic.underflow import require_gradual_underflow
from regions.domain.convex import ConvexPolygon
from regions.engine.count import Plan
from regions.engine.whole import WholePlan
from regions.enumeration.executors import Executor, run_tasks
from regions.enumeration.parts import Part
from regions.errors import WorkerError
from regions.network.network import Network

__all__ = ["count_remotely", "payload", "run_locally", "run_on"]

# A task for another process shall take about so long: hundreds of times what it takes to ship.
_TASK_SECONDS = 0.5
_LOCAL_SECONDS = 0.02

# How many steps, what they found, decisions proven and decided exactly.
Outcome = tuple[int, Any, int, int]


def _run_steps(plan: Plan | WholePlan, first: int, stop: int) -> Outcome:
    found, proven, decided = plan.step(first)
    for i in range(first + 1, stop):
        more, sure, exactly = plan.step(i)
        found += more  # type: ignore[operator, assignment]
        proven, decided = proven + sure, decided + exactly
    return stop - first, found, proven, decided


def run_locally(plan: Plan | WholePlan, workers: int) -> Iterator[Outcome]:
    """Run a plan's steps on threads of this process."""
    n = len(plan)
    if workers == 1 or n < 2:
        for i in range(n):
            yield _run_steps(plan, i, i + 1)
        return
    pool = thread_pool("regions", workers)
    waiting: deque[Any] = deque()
    at, done, size = 0, 0, max(1, min(8, n // (4 * workers)))
    started = time.perf_counter()
    try:
        while at < n or waiting:
            while at < n and len(waiting) < 2 * workers:
                stop = min(at + size, n)
                waiting.append(pool.submit(_run_steps, plan, at, stop))
                at = stop
            outcome = waiting.popleft().result()
            done += outcome[0]
            yield outcome
            # Steps may be tiny: several are then worth one task.
            pace = (time.perf_counter() - started) / max(1, done)
            size = int(np.clip(_LOCAL_SECONDS / max(pace, 1e-9) / workers, 1, max(1, n // (8 * workers))))
    finally:
        # Left early, by an error or Ctrl-C: what runs ends within a step, what waits never starts.
        for future in waiting:
            future.cancel()


def payload(part: Part, limit: int, plan: Plan) -> dict[str, Any]:
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


def _plan_of(sent: dict[str, Any]) -> Plan:
    """The plan of a payload, kept for the tasks that follow."""
    arrays = sent["arrays"]
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
            if plan is None or plan.fingerprint() != sent["fingerprint"]:
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
    """Run some steps of a plan in another process: how many, what they found, decisions proven and decided exactly."""
    require_gradual_underflow()
    with single_threaded():
        return _run_steps(_plan_of(payload), first, stop)


def run_on(executor: Executor, plan: Plan, sent: dict[str, Any]) -> Iterator[Outcome]:
    """Run a plan's steps as tasks of an executor, which is sent the plan's payload with each."""
    n, at = len(plan), 0
    # A few steps here first: they give results, and tell how many steps are worth a task.
    started = time.perf_counter()
    while at < n and time.perf_counter() - started < _TASK_SECONDS / 4:
        yield _run_steps(plan, at, at + 1)
        at += 1
    pace = (time.perf_counter() - started) / max(at, 1)
    size = int(np.clip(_TASK_SECONDS / max(pace, 1e-9), 1, max(1, (n - at) // 8)))
    tasks = ((sent, i, min(i + size, n)) for i in range(at, n, size))
    for _, outcome in run_tasks(executor, count_remotely, tasks, _is_outcome):
        yield outcome


def _is_outcome(arguments: tuple[Any, ...], result: Any) -> bool:
    _, first, stop = arguments
    if not (isinstance(result, tuple | list) and len(result) == 4 and isinstance(result[1], Counter)):
        return False
    n_steps, found, *decisions = result
    numbers = [n_steps, *found, *found.values(), *decisions]
    return n_steps == stop - first and all(isinstance(n, int | np.integer) and n >= 0 for n in numbers)
