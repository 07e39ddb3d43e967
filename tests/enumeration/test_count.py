"""Counting in steps: limits, progress, certificates, and executors that lose their workers."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlps import mlp
from threadpoolctl import threadpool_info

import regions
from regions import Network, Polygon, Polyhedron, WholePlane
from regions.domain.convex import Box
from regions.enumeration import steps
from regions.enumeration.count import RegionCount
from regions.enumeration.enumerate import count_sweep
from regions.enumeration.parts import decompose, with_narrow_first_layer
from regions.enumeration.run import Progress
from regions.errors import InvalidNetworkError, MemoryLimitError, TooManyRegionsError, WorkerError
from regions.study.models import DeepMLP, ShallowMLP
from regions.testing import degenerate_mlps

COURTYARD = Polygon([(-3, -3), (3, -3), (3, 3), (-3, 3)], holes=[[(-1, -1), (1, -1), (0, 1)]])


class Lossy:
    """An executor in this process that loses every task a number of times."""

    def __init__(self, losses: int, error: Exception | None = None) -> None:
        self.losses = losses
        self.error = error or ConnectionError("the worker is gone")
        self.seen: dict[Any, int] = {}
        self.submitted = 0

    def submit(self, function: Any, /, *arguments: Any) -> Future[Any]:
        self.submitted += 1
        future: Future[Any] = Future()
        key = arguments[1:] if isinstance(arguments[1], int) else id(arguments[0])
        self.seen[key] = self.seen.get(key, 0) + 1
        if self.seen[key] <= self.losses:
            future.set_exception(self.error)
        else:
            # As over the wire.
            function, arguments = pickle.loads(pickle.dumps((function, arguments)))
            try:
                future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
            except Exception as error:
                future.set_exception(error)
        return future


class Refusing:
    """An executor that takes no more tasks after the first few."""

    def __init__(self, taken: int) -> None:
        self.left = taken
        self.pool = ThreadPoolExecutor(1)

    def submit(self, function: Any, /, *arguments: Any) -> Any:
        if self.left == 0:
            raise RuntimeError("cannot schedule new futures")
        self.left -= 1
        return self.pool.submit(function, *arguments)


@pytest.fixture
def many_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks of one step each, all of them on the executor."""
    monkeypatch.setattr(steps, "_TASK_SECONDS", 0.0)


@pytest.mark.parametrize("domain", [4.0, WholePlane(), Polyhedron([[1, 1]], [0.5]), COURTYARD], ids=str)
@pytest.mark.parametrize("widths", [(2, 40, 1), (2, 12, 12, 12, 1)])
@pytest.mark.usefixtures("many_tasks")
def test_an_executor_counts_the_same(domain: Any, widths: tuple[int, ...]) -> None:
    network = mlp(*widths)
    here = regions.count_regions(network, domain, threads=1)
    for executor in (Lossy(0), Lossy(2)):
        there = regions.count_regions(network, domain, executor=executor)
        assert there == here
        assert there.certificate == here.certificate
        assert executor.submitted > 0
    assert here == len(regions.enumerate_regions(network, domain))


@pytest.mark.usefixtures("many_tasks")
def test_a_task_that_always_fails_is_given_up() -> None:
    with pytest.raises(WorkerError, match="failed 3 times on the executor, at last with ConnectionError: the worker"):
        regions.count_regions(mlp(2, 12, 12, 1), 4, executor=Lossy(3))


@pytest.mark.usefixtures("many_tasks")
def test_errors_of_the_package_are_not_sent_again() -> None:
    executor = Lossy(1, InvalidNetworkError("no"))
    with pytest.raises(InvalidNetworkError, match="no"):
        regions.count_regions(mlp(2, 12, 12, 1), 4, executor=executor)
    assert max(executor.seen.values()) == 1


class Answering:
    """An executor whose futures all have the same result, or pass what they are given through a function."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def submit(self, function: Any, /, *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        result = function(*arguments)
        future.set_result(self.answer(result) if callable(self.answer) else self.answer)
        return future


@pytest.mark.parametrize(
    "answer",
    [None, "hello", (1, 2, 3), lambda r: (r[0], {}, 0, 0), lambda r: (r[0] + 1, *r[1:]), lambda r: (*r[:2], -5, 0)],
)
def test_an_executor_that_answers_something_else_is_found_out(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_TASK_SECONDS", 0.0)
    network = DeepMLP(seed=0)
    with pytest.raises(WorkerError, match="not what count_remotely returns"):
        regions.count_regions(network, 10, executor=Answering(answer))
    with pytest.raises(WorkerError, match="not what count_network_remotely returns"):
        count_sweep([network], 10, executor=Answering(7 if callable(answer) else answer))


@pytest.mark.parametrize("executor", [5, "dask", ProcessPoolExecutor], ids=repr)
def test_what_is_no_executor_is_refused_before_anything_is_counted(executor: Any) -> None:
    with pytest.raises(TypeError, match="method `submit` is needed"):
        regions.count_regions(DeepMLP(seed=0), 1, executor=executor)
    with pytest.raises(TypeError, match="method `submit` is needed"):
        count_sweep([], 1, executor=executor)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(TypeError, match="progress of type str"):
        regions.count_regions(DeepMLP(seed=0), 1, progress="yes")
    with pytest.raises(TypeError, match="models of type DeepMLP"):
        count_sweep(DeepMLP(seed=0), 1)
    assert regions.count_regions(DeepMLP(seed=0), 1, max_memory=2**70) == regions.count_regions(DeepMLP(seed=0), 1)


@pytest.mark.usefixtures("many_tasks")
@pytest.mark.parametrize("taken", [0, 2])
def test_the_rest_is_counted_here_when_the_executor_takes_no_more(taken: int) -> None:
    network = mlp(2, 12, 12, 1)
    with pytest.warns(RuntimeWarning, match="takes no more tasks"):
        assert regions.count_regions(network, 4, executor=Refusing(taken)) == regions.count_regions(network, 4)


@pytest.mark.usefixtures("many_tasks")
def test_a_worker_with_other_libraries_is_found_out() -> None:
    class Changing(Lossy):
        def submit(self, function: Any, /, *arguments: Any) -> Future[Any]:
            payload = {**arguments[0], "fingerprint": arguments[0]["fingerprint"] + 1}
            payload["arrays"] = {**payload["arrays"], "corners": payload["arrays"]["corners"] * 1.0000001}
            return super().submit(function, payload, *arguments[1:])

    with pytest.raises(WorkerError, match="same versions"):
        regions.count_regions(mlp(2, 12, 12, 1, seed=5), 4, executor=Changing(0))


def test_process_pools_count_the_same() -> None:
    network = mlp(2, 30, 30, 30, 1)
    here = regions.count_regions(network, 5)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert regions.count_regions(network, 5, executor=pool) == here
        assert count_sweep([network, mlp(2, 9, 1)], 5, executor=pool) == [here, regions.count_regions(mlp(2, 9, 1), 5)]


@pytest.mark.usefixtures("many_tasks")
def test_a_process_pool_whose_process_was_killed_is_done_without() -> None:
    network = mlp(2, 40, 40, 40, 1)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        # Both processes are there by now: a pool that starts one while it breaks waits for that one for ever.
        list(pool.map(time.sleep, [0.5, 0.5]))
        victim = pool.submit(os.getpid).result()
        os.kill(victim, signal.SIGKILL)
        with pytest.warns(RuntimeWarning, match="takes no more tasks"):
            assert regions.count_regions(network, 5, executor=pool) == regions.count_regions(network, 5)


def test_sweeps_count_what_single_calls_do() -> None:
    models = [ShallowMLP(seed=0), DeepMLP(seed=0), DeepMLP(seed=1)]
    singly = [regions.count_regions(model, WholePlane()) for model in models]
    assert count_sweep(models, WholePlane(), progress=True) == singly
    assert count_sweep(models, WholePlane(), executor=Lossy(1)) == singly
    assert count_sweep([], 1) == []


def test_a_count_is_a_number_with_a_certificate() -> None:
    count = regions.count_regions(mlp(2, 8, 8, 1), 3)
    assert isinstance(count, RegionCount)
    assert repr(count) == str(int(count))
    assert count.certificate.proven_by_float > 0
    again = pickle.loads(pickle.dumps(count))
    assert (again, again.certificate) == (count, count.certificate)
    integers = regions.count_regions(
        Network.from_arrays([[[1, 0], [0, 1], [1, 1]], np.ones((3, 3)), np.ones((1, 3))]), 1
    )
    assert integers.certificate.decided_exactly > 0


def lattice() -> Network:
    """Lines of few directions, of which very many meet in one point."""
    lines = [(a, b) for a in range(-4, 5) for b in range(-4, 5) if (a, b) != (0, 0)]
    return Network.from_arrays([lines, np.ones((1, len(lines)))], [np.arange(len(lines)) % 3 - 1.0, [0.0]])


def test_certificates_do_not_depend_on_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    # Many steps, and many exact decisions in each.
    monkeypatch.setattr("regions.engine.tally._TALLY_WORK", 1 << 10)
    network = lattice()
    certificate = regions.count_regions(network, 3, threads=1).certificate
    assert certificate.decided_exactly > 1000
    for threads in (2, 3, 8, 8):
        assert regions.count_regions(network, 3, threads=threads).certificate == certificate
    with ThreadPoolExecutor(4) as executor:
        assert regions.count_regions(network, 3, executor=executor).certificate == certificate


def test_blocks_are_cut_in_two_in_the_same_places_whatever_the_threads() -> None:
    # Few faces behind the first layer, and thousands in each behind the second.
    network = mlp(2, 4, 300, 300, 1)
    one, many = (regions.count_regions(network, 5, threads=threads) for threads in (1, 16))
    assert (one, one.certificate) == (many, many.certificate)


def test_counts_side_by_side_leave_the_linear_algebra_as_it_was() -> None:
    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before = threads()
    with ThreadPoolExecutor(4) as executor:
        counts = [executor.submit(regions.count_regions, mlp(2, 16, 16, 1), 3, threads=1) for _ in range(40)]
        assert len({count.result() for count in counts}) == 1
    assert threads() == before


@pytest.mark.parametrize("widths", [(2, 60, 1), (2, 16, 16, 16, 1)])
@pytest.mark.parametrize("domain", [5.0, WholePlane(), COURTYARD], ids=str)
def test_too_many_regions_stop_the_count(widths: tuple[int, ...], domain: Any) -> None:
    network = mlp(*widths)
    count = regions.count_regions(network, domain)
    assert regions.count_regions(network, domain, max_regions=count) == count
    with pytest.raises(TooManyRegionsError, match="max_regions") as caught:
        regions.count_regions(network, domain, max_regions=count - 1)
    assert caught.value.count == count
    with pytest.raises(TooManyRegionsError) as caught:
        regions.count_regions(network, domain, max_regions=count // 2, threads=1)
    assert count // 2 < caught.value.count <= count
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.count, again.limit) == (caught.value.count, count // 2)


def test_progress_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    network = mlp(2, 24, 24, 1)
    told: list[Progress] = []
    count = regions.count_regions(network, WholePlane(), progress=told.append)
    assert [p.done for p in told] == sorted(p.done for p in told)
    assert told[-1].done == told[-1].total
    assert all(p.done <= p.total for p in told)
    assert told[-1].regions >= count
    assert [p.regions for p in told] == sorted(p.regions for p in told)
    regions.count_regions(network, WholePlane(), progress=True)
    assert f"{told[-1].regions} regions" in capsys.readouterr().err


@settings(max_examples=60)
@given(degenerate_mlps(min_hidden_layers=2, max_hidden_layers=3, max_width=7), st.integers(1, 5))
def test_a_first_layer_in_two_makes_the_same_regions(network: Network, width: int) -> None:
    part = decompose(network, Box(-3, -3, 3, 3)).parts[0]
    budget = (width + 1) ** 2 * 1000
    narrow = with_narrow_first_layer(part, budget).network
    assert regions.count_regions(narrow, 3) == regions.count_regions(network, 3)


def test_a_small_memory_gives_the_same_count() -> None:
    network = mlp(2, 300, 20, 1)
    assert with_narrow_first_layer(decompose(network, Box(-5, -5, 5, 5)).parts[0], 1 << 22).network != network
    counts = {regions.count_regions(network, 5, max_memory=m) for m in (None, 1 << 25, 1 << 27)}
    assert len(counts) == 1


@pytest.mark.parametrize(
    "call",
    [
        regions.enumerate_regions,
        regions.count_regions,
        lambda network, *rest, **options: count_sweep([network], *rest, **options),
    ],
    ids=["enumerate", "count", "sweep"],
)
@pytest.mark.parametrize("domain", [5, WholePlane()], ids=str)
def test_too_little_memory_is_told_by_one_error(call: Any, domain: Any) -> None:
    network = mlp(2, 300, 20, 1)
    with pytest.raises(MemoryLimitError, match="max_memory=1000 was given; this network needs at least"):
        call(network, domain, max_memory=1000)
    with pytest.raises(ValueError, match="max_memory=0 was given"):
        call(network, domain, max_memory=0)
    with pytest.raises(TypeError, match="max_memory of type float"):
        call(network, domain, max_memory=1e9)


@pytest.mark.parametrize("name", ["threads", "max_memory", "max_regions"])
def test_limits_are_positive_integers(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=0 was given"):
        regions.count_regions(mlp(2, 3, 1), 1, **{name: 0})
    with pytest.raises(TypeError, match=f"{name} of type float"):
        regions.count_regions(mlp(2, 3, 1), 1, **{name: 1.5})


INTERRUPTED = """
import os, signal, sys, threading
import numpy as np
import regions
# A shell that runs this in the background has the signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
net = regions.Network.from_arrays([rng.normal(size=s) for s in ((400, 2), (400, 400), (400, 400), (1, 400))],
                                  [rng.normal(size=n) for n in (400, 400, 400, 1)])
def on(progress):
    if progress.done > 3 and not on.sent:
        on.sent = True
        os.kill(os.getpid(), signal.SIGINT)
on.sent = False
try:
    regions.count_regions(net, 10, progress=on)
except KeyboardInterrupt:
    small = regions.Network.from_arrays([np.eye(2), np.eye(2), np.ones((1, 2))])
    print("stopped", regions.count_regions(small, 1), flush=True)
"""


def test_ctrl_c_leaves_cleanly() -> None:
    # The whole count would take minutes.
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "stopped 4\n"
    assert "Traceback" not in done.stderr


MEASURED = """
import sys
import numpy as np
import regions

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))

widths, bound, limit = eval(sys.argv[1])
rng = np.random.default_rng(0)
pairs = list(zip(widths[:-1], widths[1:]))
net = regions.Network.from_arrays([rng.normal(scale=m ** -0.5, size=(n, m)) for m, n in pairs],
                                  [rng.normal(size=n) for _, n in pairs])
for warm in ((2, 8, 1), (2, 8, 8, 1)):
    regions.count_regions(regions.Network.from_arrays([np.ones((n, m)) for m, n in zip(warm, warm[1:])]), 1)
before = peak()
count = regions.count_regions(net, regions.WholePlane() if bound is None else bound, max_memory=limit)
print(int(count), peak() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="peak memory is read from /proc")
@pytest.mark.parametrize(
    ("widths", "limit"),
    [((2, 1500, 1), 200 << 20), ((2, 600, 30, 1), 100 << 20), ((2, 64, 64, 64, 1), 64 << 20)],
    ids=str,
)
def test_memory_stays_within_the_limit(widths: tuple[int, ...], limit: int) -> None:
    argument = repr((widths, 10, limit))
    done = subprocess.run([sys.executable, "-c", MEASURED, argument], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, used = map(int, done.stdout.split())
    assert count > 1000
    assert used <= limit


def arrangement_count(network: Network, bound: float) -> int:
    """Faces of a square cut by lines in general position, from V - E + F = 1."""
    (a, b), c = network.layers[0].weight.T, network.layers[0].bias
    # A line crosses the square if its values at the corners have both signs.
    reach = (np.abs(a) + np.abs(b)) * bound
    crossing = np.abs(c) < reach
    a, b, c = a[crossing], b[crossing], c[crossing]
    inside = 0
    for i in range(len(a)):
        determinant = a[i] * b[i + 1 :] - b[i] * a[i + 1 :]
        x = (b[i] * c[i + 1 :] - c[i] * b[i + 1 :]) / determinant
        y = (c[i] * a[i + 1 :] - a[i] * c[i + 1 :]) / determinant
        inside += int(((np.abs(x) < bound) & (np.abs(y) < bound)).sum())
    # Each crossing cuts two lines, each end of a line cuts the rim.
    vertices = inside + 2 * len(a) + 4
    edges = (2 * inside + len(a)) + (2 * len(a) + 4)
    return 1 - vertices + edges


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="peak memory is read from /proc")
def test_ten_million_regions_in_a_few_hundred_megabytes() -> None:
    n, limit = 5000, 300 << 20
    rng = np.random.default_rng(0)
    network = Network.from_arrays(
        [rng.normal(scale=m**-0.5, size=(k, m)) for m, k in ((2, n), (n, 1))], [rng.normal(size=k) for k in (n, 1)]
    )
    for domain, expected in ((None, 1 + n + n * (n - 1) // 2), (10, arrangement_count(network, 10))):
        argument = repr(((2, n, 1), domain, limit))
        done = subprocess.run([sys.executable, "-c", MEASURED, argument], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        count, used = map(int, done.stdout.split())
        assert count == expected > 10**7
        assert used <= limit
