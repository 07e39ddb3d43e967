"""Other tools on the same networks and the same square, each call in a process of its own.

The counts are compared and recorded, not asserted: `regions` is exact, and what another tool answers is its own affair.
"""

from __future__ import annotations

import functools
import subprocess
from importlib.metadata import PackageNotFoundError, version

import child
import nets
import pytest

import regions

LIMIT = 150.0
PEERS = ("regioncam", "affinitree", "relucent")
# From few regions to many: a tool that runs out of time is not asked again.
BY_REGIONS = ("2-20-1", "2-32x3-1", "2-100-1", "2-64x4-1", "2-128x4-1", "2-500-1", "2-256x4-1")
out_of_time: dict[str, str] = {}


class ChildsClock:
    """The clock of pytest-benchmark, moved on by the seconds that the child process measured."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


clock = ChildsClock()
pytestmark = [pytest.mark.benchmark(timer=clock), pytest.mark.usefixtures("compiled")]


@functools.cache
def exact_count(name: str) -> int:
    return regions.count_regions(nets.network(nets.TABLE[name]), nets.BOUND)


@pytest.mark.parametrize(
    ("name", "tool"), [(n, t) for n in BY_REGIONS for t in ("enumerate_regions", "count_regions", *PEERS)]
)
def test_side_by_side(benchmark, name: str, tool: str) -> None:
    if tool in PEERS:
        try:
            release = version(tool)
        except PackageNotFoundError:
            pytest.skip(f"{tool} is not installed: python -m pip install -c constraints.txt -e '.[benchmark]'")
    else:
        release = regions.__version__
    if tool in out_of_time:
        pytest.skip(f"{tool} already took more than {LIMIT:g} s on {out_of_time[tool]}, which has fewer regions")
    try:
        measured = child.run(tool, name, LIMIT if tool in PEERS else None)
    except subprocess.TimeoutExpired:
        out_of_time[tool] = name
        pytest.skip(f"{tool} takes more than {LIMIT:g} s on {name}")
    except RuntimeError as error:
        if tool not in PEERS:
            raise
        pytest.skip(f"{tool} cannot do {name}: {error}")

    def passed() -> None:
        clock.now += measured["seconds"]

    benchmark.pedantic(passed)
    exact = exact_count(name)
    benchmark.extra_info |= {
        "net": name,
        "tool": tool,
        "version": release,
        "exact": exact,
        "same": measured["regions"] == exact,
        **measured,
    }
