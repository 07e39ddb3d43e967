"""One call of one tool in a process of its own: ``python child.py TOOL NET`` prints what it took, as JSON.

A process of its own gives the peak of that call's memory, and can be stopped when it takes too long.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nets

Widths = tuple[int, ...]


def ours_enumerate(widths: Widths) -> Callable[[], int]:
    import regions

    net = nets.network(widths)
    return lambda: regions.enumerate_regions(net, nets.BOUND).n_regions


def ours_count(widths: Widths) -> Callable[[], int]:
    import regions

    net = nets.network(widths)
    return lambda: regions.count_regions(net, nets.BOUND)


def regioncam(widths: Widths) -> Callable[[], int]:
    import numpy as np
    import regioncam

    # It multiplies from the left and takes float32 only.
    weights, biases = nets.arrays(widths)
    layers = [
        (np.ascontiguousarray(w.T, dtype=np.float32), b.astype(np.float32))
        for w, b in zip(weights, biases, strict=True)
    ]

    def run() -> int:
        plane = regioncam.Regioncam(size=nets.BOUND)
        for weight, bias in layers[:-1]:
            plane.linear(weight, bias)
            plane.relu()
        plane.linear(*layers[-1])
        return plane.num_faces

    return run


def affinitree(widths: Widths) -> Callable[[], int]:
    from affinitree import AffFunc, AffTree, Architecture, Polytope, builder

    weights, biases = nets.arrays(widths)

    def run() -> int:
        network = Architecture(2)
        for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            if index:
                network.relu()
            network.linear(AffFunc.from_mats(weight, bias))
        # Without the precondition it would count the regions of the whole plane.
        square = Polytope.hyperrectangle(2, [(-nets.BOUND, nets.BOUND)] * 2)
        inside = AffTree.from_poly(square, AffFunc.identity(2), None)
        return builder.from_layers(network, precondition=inside).num_terminals()

    return run


def relucent(widths: Widths) -> Callable[[], int]:
    import relucent

    relucent.config.update_settings(VERBOSE=0)
    model = nets.model(widths)

    def run() -> int:
        cells = relucent.Complex(model)
        # Its certification asks for all cells of the plane, hence verify=False.
        found = cells.bfs(cube_radius=nets.BOUND, cube_mode="intersect", verify=False)
        if not found.complete:
            print("relucent: the search did not end by itself", file=sys.stderr)
        return len(cells)

    return run


TOOLS = {
    "enumerate_regions": ours_enumerate,
    "count_regions": ours_count,
    "regioncam": regioncam,
    "affinitree": affinitree,
    "relucent": relucent,
}


def peak_bytes() -> int:
    """Peak resident memory of this process, or of its largest child where that is more."""
    import resource

    scale = 1 if sys.platform == "darwin" else 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * scale
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux ru_maxrss outlives exec: it would report the size of the process that started this one.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return max(int(line.split()[1]) * 1024, children)
    return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale, children)


def measure(tool: str, widths: Widths) -> dict[str, Any]:
    TOOLS[tool](nets.TABLE["2-20-1"])()
    TOOLS[tool]((2, 8, 8, 1))()
    call = TOOLS[tool](widths)
    before = peak_bytes()
    seconds = []
    while not seconds or (sum(seconds) < 1 and len(seconds) < 20):
        start = time.perf_counter()
        count = call()
        seconds.append(time.perf_counter() - start)
        if len(seconds) == 1:
            peak = peak_bytes()
    return {
        "regions": count,
        "seconds": statistics.median(seconds),
        "peak_bytes": peak,
        "idle_peak_bytes": before,
    }


def run(tool: str, net: str, limit: float | None = None) -> dict[str, Any]:
    """Measure in a fresh process.

    Raises
    ------
    subprocess.TimeoutExpired
        If it takes longer than `limit` seconds.
    RuntimeError
        If the tool fails; the message is the end of what it printed.
    """
    # A session of its own, because a tool's workers outlive it and would hold the pipes open.
    command = [sys.executable, __file__, tool, net]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            raise
    if process.returncode:
        raise RuntimeError(f"exit status {process.returncode}: {err.strip()[-300:]}")
    return json.loads(out.splitlines()[-1])


if __name__ == "__main__":
    print("\n" + json.dumps(measure(sys.argv[1], nets.TABLE[sys.argv[2]])))
