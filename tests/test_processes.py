"""Real processes: forked and spawned children, interruptions, and compiled kernels that cannot be kept."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Nothing here takes a tenth of it, on a machine that does nothing else.
PATIENCE = 300

pytestmark = pytest.mark.usefixtures("compiled")


def run(*command: str, **options: Any) -> tuple[int, str, str]:
    """Exit status, output and errors of a process; when it hangs, it is ended together with its children."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **options
    )
    try:
        output, errors = process.communicate(timeout=PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return process.returncode, output, errors


FORKED = """
import itertools, multiprocessing, os, sys, threading
import numpy as np
from scipy import sparse
import regions

def mlp(*widths, seed=0):
    rng = np.random.default_rng(seed)
    pairs = list(itertools.pairwise(widths))
    return regions.Network.from_arrays([rng.normal(scale=m ** -0.5, size=(n, m)) for m, n in pairs],
                                       [rng.normal(size=n) for _, n in pairs])

def thinned(network):
    layers = []
    for layer in network.layers:
        weight = np.where(np.abs(layer.weight) > 0.3, layer.weight, 0.0) if layer.n_in > 2 else layer.weight
        layers.append(regions.Layer(sparse.csr_array(weight), layer.bias, layer.below, layer.above))
    return regions.Network(layers)

dense, wide = mlp(2, 24, 24, 24, 1), thinned(mlp(2, 40, 40, 1))

def answers(queue=None):
    found = (
        int(regions.count_regions(dense, 5, threads=2)),
        int(regions.count_regions(dense, regions.WholePlane(), threads=3)),
        regions.enumerate_regions(dense, 5).n_regions,
        int(regions.count_regions(wide, 5, threads=2)),
        regions.enumerate_regions(wide, 5).n_regions,
        int(regions.count_regions(dense, 1, device="cpu")),
        len(regions.enumerate_segment(dense, (-5, -4), (4, 5))),
    )
    if queue is not None:
        queue.put(found)
    return found

if __name__ == "__main__":
    here = answers()
    context = multiprocessing.get_context(sys.argv[1])
    stop = threading.Event()
    if sys.argv[2] == "busy":
        # Forks fall into the middle of another thread's counting.
        def count():
            while not stop.is_set():
                regions.count_regions(dense, 3, threads=2)
        threading.Thread(target=count, daemon=True).start()
    for _ in range(int(sys.argv[3])):
        queue = context.SimpleQueue()
        child = context.Process(target=answers, args=(queue,))
        child.start()
        child.join()
        assert child.exitcode == 0, child.exitcode
        assert queue.get() == here
    stop.set()
    print("all the same", flush=True)
"""


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """A file: spawned children import it again."""

    def write(text: str) -> str:
        path = tmp_path / "script.py"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("meanwhile", ["idle", "busy"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_a_process_that_has_counted_count_the_same(method: str, meanwhile: str, script: Any) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    status, output, errors = run(sys.executable, script(FORKED), method, meanwhile, "1" if method == "spawn" else "3")
    assert (status, output) == (0, "all the same\n"), errors
