"""Real processes: forked and spawned children, interruptions, and compiled kernels that cannot be kept."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regions
from regions.engine.blocks import hilbert_keys
from regions.engine.compiling import _Cache, _Files, kernel

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


@pytest.mark.parametrize(
    ("method", "meanwhile"),
    [("fork", "idle"), ("fork", "busy"), ("spawn", "idle"), pytest.param("spawn", "busy", marks=pytest.mark.slow)],
)
def test_children_of_a_process_that_has_counted_count_the_same(method: str, meanwhile: str, script: Any) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    status, output, errors = run(sys.executable, script(FORKED), method, meanwhile, "1" if method == "spawn" else "3")
    assert (status, output) == (0, "all the same\n"), errors


ANSWERS = """
import regions
network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, -1.0]], [[1.0, 1.0]]])
print(int(regions.count_regions(network, 1)), regions.enumerate_regions(network, 1).n_regions)
"""
# What numba calls when there is no kernel to be found or kept: every module's import once failed on it.
SMALLEST = """
import numpy as np
import regions.enumeration.count
from regions.engine import blocks
from regions.engine.maps import folded as fast
from regions.engine import cut as loop
print(blocks.hilbert_keys(np.array([0, 40000]), np.array([1, 50000])).tolist())
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Another installation of the package, with the kernels that this one has compiled."""
    here = Path(regions.__file__).parent
    shutil.copytree(here, tmp_path / "regions")
    return tmp_path


def from_installation(folder: Path, script: str, **environment: str) -> tuple[int, str, str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), **environment}
    return run(sys.executable, "-c", script, cwd=str(folder), env=environment)


NOWHERE = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"), "/dev/null/nowhere")


@pytest.mark.skipif(os.name == "nt", reason="the folders are those of POSIX")
@pytest.mark.parametrize("script", [SMALLEST, pytest.param(ANSWERS, marks=pytest.mark.slow)], ids=["one", "all"])
def test_nowhere_to_keep_the_kernels(installed: Path, script: str) -> None:
    kept = installed / "regions" / "engine" / "__pycache__"
    shutil.rmtree(kept)
    # For root, too, a file is no folder.
    kept.write_text("")
    status, output, errors = from_installation(installed, script, **NOWHERE)
    assert status == 0, errors
    if script is ANSWERS:
        assert output == "5 5\n"
        assert "there is no folder to keep them in" in errors
    else:
        assert output == f"{hilbert_keys(np.array([0, 40000]), np.array([1, 50000])).tolist()}\n"
    assert kept.is_file()


def test_numba_cache_dir_is_where_kernels_are_kept(installed: Path) -> None:
    environment = {"NUMBA_CACHE_DIR": str(installed / "kernels")}
    before = set(installed.rglob("*.nb?"))
    for _ in range(2):
        status, _, errors = from_installation(installed, SMALLEST, **environment)
        assert status == 0, errors
        assert {path.suffix for path in set(installed.rglob("*.nb?")) - before} == {".nbi", ".nbc"}


def damage(path: Path, kind: str) -> None:
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(
        {
            "empty": b"",
            "short": data[:middle],
            "flipped": data[:middle] + bytes([data[middle] ^ 16]) + data[middle + 1 :],
            "garbage": b"\x80\x04garbage" * 100,
        }[kind]
    )


@pytest.mark.parametrize("kind", ["empty", "short", "flipped", "garbage"])
@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_damaged_kernels_are_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, kind: str
) -> None:
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))

    def hits() -> int:
        compiled = kernel(double)
        assert compiled(21) == 42
        return sum(compiled.stats.cache_hits.values())

    assert [hits(), hits()] == [0, 1]
    for path in tmp_path.rglob(f"*.{suffix}"):
        damage(path, kind)
    assert [hits(), hits()] == [0, 1]
    # Sources of another version.
    monkeypatch.setattr(_Cache, "stamp", "another")
    assert [hits(), hits()] == [0, 1]


def test_a_full_disk_keeps_no_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(_Files, "_open_for_write", full)
    assert kernel(double)(21) == 42
    assert list(tmp_path.rglob("*.nb?")) == []


def double(number: int) -> int:
    return 2 * number


def test_an_installation_with_damaged_kernels_computes(installed: Path) -> None:
    folder = installed / "regions" / "engine" / "__pycache__"
    # Small ones, which take no time to compile again.
    names = ("kernels.rank_edges", "maps.activate", "arrange.make_nodes", "blocks.hilbert_keys")
    for kind, name in zip(("empty", "short", "flipped", "garbage"), names, strict=True):
        for path in folder.glob(f"{name}*.nb?"):
            damage(path, kind)
    for _ in range(2):
        status, output, errors = from_installation(installed, ANSWERS)
        assert (status, output) == (0, "5 5\n"), errors


SLOW_LOADING = f"""
import time
import numba.core.caching
load = numba.core.caching.Cache.load_overload
def slowly(*arguments):
    time.sleep(0.4)
    return load(*arguments)
numba.core.caching.Cache.load_overload = slowly
{ANSWERS}
"""


def test_nothing_is_said_of_compiling_where_nothing_is_compiled() -> None:
    run(sys.executable, "-c", ANSWERS)
    assert run(sys.executable, "-c", SLOW_LOADING) == (0, "5 5\n", "")


INTERRUPTED = """
import itertools, os, signal, sys, threading, time
import numpy as np
import regions
# A shell that runs this in the background has the signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
pairs = list(itertools.pairwise((2, 48, 48, 48, 1)))
network = regions.Network.from_arrays([rng.normal(scale=m ** -0.5, size=(n, m)) for m, n in pairs],
                                      [rng.normal(size=n) for _, n in pairs])
work = {
    "enumerate": lambda: regions.enumerate_regions(network, 3).n_regions,
    "count": lambda: int(regions.count_regions(network, 20, threads=2)),
    "level set": lambda: regions.measures.level_set(regions.enumerate_regions(network, 1), 0.0) is not None,
}[sys.argv[1]]
tries = int(sys.argv[2])
work()
started = time.perf_counter()
expected = work()
seconds = time.perf_counter() - started

def press(delay):
    time.sleep(delay)
    os.kill(os.getpid(), signal.SIGINT)

for i in range(tries):
    finger = threading.Thread(target=press, args=(seconds * i / tries,))
    try:
        finger.start()
        work()
        # It came too late.
        time.sleep(60)
        print("nothing came")
    except KeyboardInterrupt:
        pass
    finger.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print(work() == expected)
"""
TRIES = [2, pytest.param(40, marks=pytest.mark.slow)]


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("work", ["enumerate", "count", "level set"])
def test_ctrl_c_is_a_keyboard_interrupt(work: str, tries: int) -> None:
    status, output, errors = run(sys.executable, "-c", INTERRUPTED, work, str(tries))
    assert (status, output) == (0, "True\n"), errors
    assert "Traceback" not in errors


FIRST = """
import signal, sys
import regions
signal.signal(signal.SIGINT, signal.default_int_handler)
network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, -1.0]], [[1.0, 1.0]]])
work = {
    "enumerate": lambda: regions.enumerate_regions(network, 1).n_regions,
    "count": lambda: int(regions.count_regions(network, 1)),
}[sys.argv[1]]
try:
    print("ready", flush=True)
    work()
    sys.stdin.read()
except KeyboardInterrupt:
    pass
print(work())
"""


def pressed(delay: float, *command: str, **options: Any) -> tuple[int, str, str]:
    """As `run`, with Ctrl-C so long after the first line of output."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )
    try:
        line = process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return process.returncode, line + output, errors


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("work", ["enumerate", "count"])
def test_ctrl_c_while_the_engine_is_loaded(work: str, tries: int) -> None:
    for i in range(tries):
        status, output, errors = pressed(1.5 * i / tries, sys.executable, "-c", FIRST, work)
        assert status == 0, errors
        assert errors == ""
        assert output == "ready\n5\n"


# Says when the package has begun to be imported, and its first module is.
BEGUN = """
import sys
def told(event, arguments, seen=[]):
    if event == "import" and arguments[0] == "regions._version" and not seen:
        seen.append(True)
        print("begun", flush=True)
sys.addaudithook(told)
"""
SCRIPT = """
import sys
from regions.__main__ import main
if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
@pytest.mark.parametrize("tries", TRIES)
@pytest.mark.parametrize("command", ["-m", "script"])
@pytest.mark.parametrize("when", ["while it is imported", "while it works"])
def test_ctrl_c_at_the_command_line(tmp_path: Path, when: str, command: str, tries: int) -> None:
    (tmp_path / "sitecustomize.py").write_text(BEGUN)
    (tmp_path / "regions").write_text(SCRIPT)
    rng = np.random.default_rng(0)
    # To be counted in many minutes.
    shapes = ((400, 2), *[(400, 400)] * 6, (1, 400))
    weights = [rng.normal(scale=2 * n**-0.5, size=(m, n)) for m, n in shapes]
    regions.Network.from_arrays(weights, [rng.normal(size=m) for m, _ in shapes]).save(tmp_path / "model.npz")
    start = [sys.executable, *(["-m", "regions"] if command == "-m" else [str(tmp_path / "regions")])]
    arguments = [*start, "count", str(tmp_path / "model.npz"), "--bound", "30"]
    path = os.pathsep.join([str(tmp_path), str(Path(regions.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": path}
    first, last = (0.0, 0.6) if when == "while it is imported" else (0.6, 2.0)
    for i in range(tries):
        delay = first + (last - first) * i / tries
        status, output, errors = pressed(delay, *arguments, env=environment, preexec_fn=listening)
        assert (status, output, errors) == (130, "begun\n", "regions: interrupted.\n")


def listening() -> None:
    """As in a terminal: a process in the background has the signal ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


ALARM = """
import signal, threading, time
import numpy as np
import regions
rng = np.random.default_rng(0)
shapes = ((48, 2), (48, 48), (48, 48), (1, 48))
network = regions.Network.from_arrays([rng.normal(scale=n ** -0.5, size=(m, n)) for m, n in shapes],
                                      [rng.normal(size=m) for m, _ in shapes])

def late(number, frame):
    raise TimeoutError

signal.signal(signal.SIGALRM, late)
expected = regions.enumerate_regions(network, 3).n_regions
for i in range(12):
    signal.setitimer(signal.ITIMER_REAL, 0.003 + 0.005 * i)
    try:
        regions.enumerate_regions(network, 3)
        time.sleep(60)
    except TimeoutError:
        pass
    assert signal.getsignal(signal.SIGALRM) is late
# Off the main thread nothing is installed, and nothing comes.
found = []
thread = threading.Thread(target=lambda: found.append(regions.enumerate_regions(network, 3).n_regions))
thread.start()
assert signal.getsignal(signal.SIGALRM) is late
thread.join()
print(found == [expected])
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_handlers_of_others_are_heard() -> None:
    status, output, errors = run(sys.executable, "-c", ALARM)
    assert (status, output) == (0, "True\n"), errors
