"""Files that are written: whole or not at all, with the right mode, by real processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import regions
from regions import RegionComplex
from regions._files import write_atomically
from regions.study.models import DeepMLP

posix = pytest.mark.skipif(os.name != "posix", reason="modes and limits of POSIX")


def run(code: str, *arguments: str, **options) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


@posix
def test_modes_are_those_that_open_gives(tmp_path, umask):
    write_atomically(tmp_path / "ours", b"1")
    (tmp_path / "plain").write_bytes(b"1")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode
    # A file that is there keeps its mode, as it does when it is written in place.
    (tmp_path / "plain").chmod(0o604)
    write_atomically(tmp_path / "plain", b"2")
    assert stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o604
    assert (tmp_path / "plain").read_bytes() == b"2"


@posix
def test_the_umask_of_other_threads_is_left_alone(tmp_path, umask, monkeypatch):
    def never(mask):
        raise AssertionError("the umask belongs to all threads")

    with monkeypatch.context() as patch:
        patch.setattr(os, "umask", never)
        write_atomically(tmp_path / "file", b"1")
    stop = threading.Event()
    wrong = []

    def others():
        count = 0
        while not stop.is_set():
            path = tmp_path / f"other-{count % 50}"
            path.unlink(missing_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o666))
            if stat.S_IMODE(path.stat().st_mode) != 0o640:
                wrong.append(path.name)
            count += 1

    thread = threading.Thread(target=others)
    thread.start()
    for i in range(200):
        write_atomically(tmp_path / "file", str(i).encode())
    stop.set()
    thread.join()
    assert wrong == []


@posix
def test_links_and_what_is_no_file(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    write_atomically(os.devnull, b"gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    (tmp_path / "folder").mkdir()
    for place in ("folder", "none/file"):
        with pytest.raises(OSError, match=place):
            write_atomically(tmp_path / place, b"")
    long = "x" * 255
    write_atomically(tmp_path / long, b"1")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "link", "real", long]


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_must_not_be_written_is_not_replaced(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(0o444)
    with pytest.raises(PermissionError, match="file"):
        write_atomically(tmp_path / "file", b"new")


WRITERS = """
    import sys
    from pathlib import Path
    import regions
    from regions.cli import main
    from regions.study.models import DeepMLP
    from regions.study.report import ReportOptions, make_report

    folder = Path(sys.argv[1])
    complex = regions.enumerate_regions(regions.from_torch(DeepMLP(seed=1)), 3)

    def plot(path):
        status = main(["plot", str(folder / "model.npz"), "--bound", "3", "-o", str(path)])
        if status:
            raise OSError(status)

    writers = {
        "complex.npz": complex.save,
        "network.npz": complex.network.save,
        "regions.geojson": complex.to_geojson,
        "surface.obj": complex.to_obj,
        "picture.svg": plot,
        "picture.png": plot,
    }
"""


@posix
def test_a_full_disk_leaves_the_old_files(tmp_path, compiled):
    regions.from_torch(DeepMLP(seed=1)).save(tmp_path / "model.npz")
    code = (
        WRITERS
        + """
    import resource
    for name, write in writers.items():
        write(folder / name)
    report = make_report(ReportOptions(seeds=[0, 1], bounds=[3], resolution=60))
    report.write(folder / "report")
    print("written", flush=True)
    sys.stdin.readline()
    # Python ignores SIGXFSZ: a write beyond the limit is an error, as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    for name, write in [*writers.items(), ("report", lambda path: report.write(path))]:
        try:
            write(folder / name)
        except OSError as error:
            print(name, "refused")
        else:
            print(name, "written")
    """
    )

    def found():
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    with run(code, tmp_path, stdin=subprocess.PIPE) as process:
        while "written" not in (line := process.stdout.readline()) and line:
            pass
        before = found()
        output, errors = process.communicate("\n", timeout=300)
    assert process.returncode == 0, errors
    names = ["complex.npz", "network.npz", "regions.geojson", "surface.obj", "picture.svg", "picture.png", "report"]
    assert output.split("\n")[: len(names)] == [f"{name} refused" for name in names]
    assert "picture.svg: File too large" in errors
    assert len(before) > 10
    assert all(len(content) > 1000 for path, content in before.items() if path.name != "model.npz")
    assert found() == before


def killed(tmp_path: Path, compiled: None, tries: int) -> None:
    regions.from_torch(DeepMLP(seed=1)).save(tmp_path / "model.npz")
    code = (
        WRITERS
        + """
    writers = {name: write for name, write in writers.items() if write is not plot}
    for count in range(10**9):
        for name, write in writers.items():
            write(folder / name)
        print(count, flush=True)
    """
    )
    rng = np.random.default_rng(0)
    want: dict[str, bytes] = {}
    for _ in range(tries):
        with run(code, tmp_path) as process:
            assert process.stdout.readline() == "0\n"
            time.sleep(rng.uniform(0, 0.1))
            process.kill()
        named = {path.name: path.read_bytes() for path in tmp_path.iterdir() if not path.name.startswith(".regions-")}
        assert set(named) == {"model.npz", "complex.npz", "network.npz", "regions.geojson", "surface.obj"}
        for path in tmp_path.glob("*.npz"):
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
        RegionComplex.load(tmp_path / "complex.npz")
        # Every run writes the same, but for the time in archives.
        texts = {name: content for name, content in named.items() if not name.endswith(".npz")}
        want = want or texts
        assert texts == want


@posix
def test_kill_9_while_saving(tmp_path, compiled):
    killed(tmp_path, compiled, 3)


@posix
@pytest.mark.slow
def test_kill_9_while_saving_forty_times(tmp_path, compiled):
    killed(tmp_path, compiled, 40)
