"""Every script in examples/ runs, draws, and says something."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted((ROOT / "examples").glob("plot_*.py"))

# These train networks, or take seconds: CI runs them with the other slow tests, and the documentation runs them all.
SLOW = {
    "plot_along_a_line",
    "plot_compare",
    "plot_digits",
    "plot_exports",
    "plot_gradient_images",
    "plot_measures",
    "plot_shallow_and_deep",
    "plot_training",
    "plot_whole_plane",
    "plot_zoom_out",
}

# Figures are kept open by pyplot after a script has run, so they can be counted and rendered.
RUN = """
import runpy, sys, io
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
runpy.run_path(sys.argv[1], run_name="__main__")
numbers = plt.get_fignums()
for number in numbers:
    buffer = io.BytesIO()
    plt.figure(number).savefig(buffer, format="png", dpi=40)
    assert buffer.tell() > 1000
assert numbers, "no figure was drawn"
"""


# "same offsets: False" is the very point of the example that prints it.
FALSE_VERDICT = re.compile(r"\bFAIL|(?<!same offsets): False\b")


def test_there_are_examples() -> None:
    assert len(SCRIPTS) >= 8


@pytest.mark.parametrize(
    "script", [pytest.param(p, marks=[pytest.mark.slow] * (p.stem in SLOW), id=p.stem) for p in SCRIPTS]
)
def test_example_runs_without_a_warning(script: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "MPLCONFIGDIR": str(tmp_path / "mpl")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN, str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert [line for line in done.stdout.splitlines() if FALSE_VERDICT.search(line)] == []
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "mpl") == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_example_opens_with_a_title(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] in ('"""', 'r"""')
    assert lines[1]
    assert lines[2] == "=" * len(lines[1])
    assert any(line.startswith("# %%") for line in lines)
