"""Counting on a real Dask cluster of worker processes, one of which is killed on the way."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from mlps import mlp

import regions
from regions import WholePlane
from regions.enumeration import steps
from regions.enumeration.enumerate import count_sweep
from regions.enumeration.run import Progress

distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")

# The cluster's own housekeeping warns when workers vanish.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as connected,
    ):
        yield connected


@pytest.mark.parametrize("domain", [5.0, WholePlane()], ids=str)
def test_a_cluster_counts_the_same(client: Any, domain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_TASK_SECONDS", 0.02)
    here = regions.count_regions(mlp(2, 40, 40, 40, 1), domain)
    there = regions.count_regions(mlp(2, 40, 40, 40, 1), domain, executor=client.get_executor())
    assert there == here
    assert there.certificate == here.certificate


def test_a_sweep_on_a_cluster_counts_the_same(client: Any) -> None:
    networks = [mlp(2, 8, 8, 8, 1, seed=seed) for seed in range(6)]
    expected = [regions.count_regions(network, 5) for network in networks]
    assert count_sweep(networks, 5, executor=client.get_executor()) == expected


def test_a_killed_worker_loses_nothing(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_TASK_SECONDS", 0.02)
    network = mlp(2, 64, 64, 64, 1)
    expected = regions.count_regions(network, 8)
    processes = list(client.run(os.getpid).values())
    assert len(processes) == 2
    killed = threading.Event()

    def kill(progress: Progress) -> None:
        # When a third is done: tasks are under way on both workers.
        if 3 * progress.done > progress.total and not killed.is_set():
            killed.set()
            with suppress(ProcessLookupError):
                os.kill(processes[0], signal.SIGKILL)

    assert regions.count_regions(network, 8, executor=client.get_executor(), progress=kill) == expected
    assert killed.is_set()
    # The cluster notices the loss, and starts another worker, in its own time.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        now = set(client.run(os.getpid, on_error="ignore").values())
        if len(now) == 2 and processes[0] not in now:
            break
        time.sleep(0.1)
    assert len(now) == 2
    assert processes[0] not in now
