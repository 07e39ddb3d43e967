"""The command line, in process: answers, messages and exit status."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

import regions
from regions.cli import main
from regions.errors import EngineError
from regions.study.models import ShallowMLP

QUICK = ("--seeds", "2", "--bounds", "10", "--resolution", "60")


@pytest.fixture
def saved(tmp_path):
    network = regions.from_torch(ShallowMLP(6, seed=2))
    network.save(tmp_path / "model.npz")
    return tmp_path / "model.npz", network


def fails(capsys, *arguments):
    """The one line that a mistake is told in."""
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = stop.code
    output = capsys.readouterr()
    assert status == 2, output
    assert output.out == ""
    assert output.err.count("\n") == 1, output.err
    assert "Traceback" not in output.err
    return output.err


def test_report_writes_its_files_and_prints_its_table(tmp_path, capsys):
    assert main(["report", "-o", str(tmp_path / "out"), *QUICK]) == 0
    output = capsys.readouterr()
    document = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert document["cross_check"] == {"passed": True, "checked": 4, "disagreements": []}
    assert (tmp_path / "out" / "report.html").stat().st_size > 100_000
    assert (tmp_path / "out" / "report.md").stat().st_size > 1000
    for row in document["statistics"]:
        assert f"{row['mean']:.1f} ± {row['standard_deviation']:.1f}" in output.out
    assert str(tmp_path / "out" / "report.html") in output.out
    # No terminal, no progress bar.
    assert "%" not in output.err


def test_report_takes_its_options(tmp_path):
    arguments = ["--shallow-widths", "2,4,1", "--deep-widths", "2,2,2,1", "--activation", "abs", "--seeds", "5,"]
    status = main(
        ["report", "-o", str(tmp_path), *arguments, "--bounds", "3,0.5", "--resolution", "50", "--no-figures"]
    )
    assert status == 0
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert document["options"] == {
        "shallow_widths": [2, 4, 1],
        "deep_widths": [2, 2, 2, 1],
        "activation": "abs",
        "seeds": [5],
        "bounds": [0.5, 3.0],
        "resolution": 50,
        "model": None,
        "figures": False,
    }
    assert not (tmp_path / "figures").exists()


def test_report_on_a_saved_model(saved, tmp_path, capsys):
    path, network = saved
    assert (
        main(["report", "--model", str(path), "-o", str(tmp_path / "out"), "--bounds", "7", "--resolution", "60"]) == 0
    )
    assert re.search(rf"\[-7, 7\]² +{regions.count_regions(network, 7)}\n", capsys.readouterr().out)


def test_disagreement_is_status_1_and_the_report_is_written(tmp_path, capsys, monkeypatch):
    from regions.pictures.verdict import CrossCheck

    monkeypatch.setattr(CrossCheck, "failures", property(lambda self: ("the moon is full",)))
    assert main(["report", "-o", str(tmp_path), *QUICK, "--no-figures"]) == 1
    output = capsys.readouterr().out
    assert "Cross-check FAILED: 4 of 4 complexes disagree" in output
    assert "deep, seed 1, bound 10: FAIL" in output
    assert "the moon is full" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_count(saved, capsys):
    path, network = saved
    n = regions.count_regions(network, 10)
    assert main(["count", str(path), "--bound", "10"]) == 0
    assert capsys.readouterr().out == f"{n} activation regions in [-10, 10] × [-10, 10]\n"
    assert main(["count", str(path), "--domain", "-1", "-2", "3", "4.5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": "regions-count/1",
        "model": str(path),
        "widths": [2, 6, 1],
        "hidden_neurons": 6,
        "domain": [-1, -2, 3, 4.5],
        "counted": "activation regions",
        "regions": (count := regions.count_regions(network, regions.Box(-1, -2, 3, 4.5))),
        "proven_by_float": count.certificate.proven_by_float,
        "decided_exactly": count.certificate.decided_exactly,
    }
    assert main(["count", str(path), "--whole-plane"]) == 0
    n = regions.count_regions(network, regions.WholePlane())
    assert capsys.readouterr().out == f"{n} activation regions in the whole plane\n"
    assert main(["count", str(path), "--whole-plane", "--json", "--progress", "--max-memory", "200"]) == 0
    assert json.loads(capsys.readouterr().out)["domain"] is None


def test_count_within_limits(saved, capsys):
    path = str(saved[0])
    assert main(["count", path, "--bound", "10", "--max-regions", "2"]) == 2
    assert "more than max_regions=2" in capsys.readouterr().err
    assert main(["count", path, "--bound", "10", "--max-memory", "1"]) == 2
    assert "max_memory=1000000 was given" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["count", path, "--bound", "10", "--max-regions", "0"])
    assert "at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("PNG", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_plot(saved, tmp_path, suffix, start):
    picture = tmp_path / f"picture.{suffix}"
    assert main(["plot", str(saved[0]), "--bound", "10", "-o", str(picture), "--component", "y"]) == 0
    assert picture.read_bytes().startswith(start)
    assert main(["plot", str(saved[0]), "--whole-plane", "-o", str(picture)]) == 0
    assert picture.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "--shallow-widths", "2,x,1"], "'2,x,1' was given; integers"),
        (["report", "--shallow-widths", "2,3,3,1"], "exactly one hidden layer"),
        (["report", "--deep-widths", "3,3,1"], "the first must be 2"),
        (["report", "--activation", "gelu"], "invalid choice: 'gelu'"),
        (["report", "--seeds", "0"], "from 1 to 100000"),
        (["report", "--seeds", "many"], "'many' was given"),
        (["report", "--seeds", "3,3"], "each may appear once"),
        (["report", "--bounds", "0"], "bounds 0 were given"),
        (["report", "--bounds", "ten"], "'ten' was given; numbers"),
        (["report", "--bounds", "inf"], "finite"),
        (["report", "--resolution", "5"], "from 16 to 4000"),
        (["report", "--resolution", "1.5"], "'1.5' was given; an integer"),
        (["report", "--model", "m.npz", "--activation", "abs"], "--activation was given together with a model"),
        (["report", "--model", "m.npz", "--activation", "relu"], "--activation was given together with a model"),
        (["report", "--model", "m.npz", "--seeds", "3"], "--seeds was given together with a model"),
        (
            ["report", "--model", "m.npz", "--shallow-widths", "2,20,1", "--deep-widths", "2,3,3,1"],
            "--shallow-widths and --deep-widths was given",
        ),
        (["report", "--colour"], "unrecognized arguments: --colour"),
        (["count"], "required: MODEL"),
        (["count", "m.npz"], "--bound --domain"),
        (["count", "m.npz", "--bound", "1", "--domain", "0", "0", "1", "1"], "not allowed with"),
        (["count", "m.npz", "--bound", "-1"], "needs b > 0"),
        (["count", "m.npz", "--bound", "wide"], "'wide' was given"),
        (["count", "m.npz", "--domain", "0", "0", "0", "1"], "is empty"),
        (["plot", "m.npz", "--bound", "1", "-o", "m.bmp"], "ends in .png, .svg or .pdf"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        ([], "required: COMMAND"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in fails(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["count"], ["plot", "-o", "x.png"]])
def test_missing_and_foreign_models(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "nowhere.npz" in fails(capsys, *command, "nowhere.npz", "--bound", "1")
    (tmp_path / "foreign.npz").write_bytes(b"not a model")
    assert "foreign.npz" in fails(capsys, *command, "foreign.npz", "--bound", "1")
    assert "nowhere.npz" in fails(capsys, "report", "--model", "nowhere.npz")


@pytest.mark.parametrize("command", [["count"], ["plot", "-o", "x.png"]])
def test_a_saved_complex_is_told_from_a_model(command, capsys, tmp_path, saved):
    path = tmp_path / "complex.npz"
    regions.enumerate_regions(saved[1], 2).save(path)
    message = fails(capsys, *command, str(path), "--bound", "1")
    assert f"{path}: is a saved complex" in message
    assert "regions.RegionComplex.load(path).network.save('model.npz')" in message
    # What it advises works.
    regions.RegionComplex.load(path).network.save(tmp_path / "again.npz")
    assert main(["count", str(tmp_path / "again.npz"), "--bound", "1"]) == 0


def test_model_of_three_inputs_is_refused(capsys, tmp_path):
    path = tmp_path / "solid.npz"
    regions.Network.from_arrays([[[1.0, 2.0, 3.0]], [[1.0]]]).save(path)
    fails(capsys, "count", str(path), "--bound", "1")


def test_unusable_places_are_told(capsys, tmp_path, saved):
    file = tmp_path / "taken"
    file.write_text("")
    assert "taken" in fails(capsys, "report", "-o", str(file), *QUICK)
    missing = tmp_path / "no" / "picture.png"
    assert str(missing.parent) in fails(capsys, "plot", str(saved[0]), "--bound", "1", "-o", str(missing))


def test_a_foreign_page_is_told_before_the_work(tmp_path, capsys, monkeypatch):
    (tmp_path / "report.html").write_text("<title>My report</title>", encoding="utf-8")

    def never(*arguments, **options):
        raise AssertionError("the work comes later")

    with monkeypatch.context() as patch:
        patch.setattr("regions.study.report.make_report", never)
        message = fails(capsys, "report", "-o", str(tmp_path), *QUICK)
    assert "report.html: it belongs to no report; choose another folder with --output" in message
    assert "--force" in message
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "<title>My report</title>"
    assert main(["report", "-o", str(tmp_path), *QUICK, "--no-figures", "--force"]) == 0
    assert main(["report", "-o", str(tmp_path), *QUICK, "--no-figures"]) == 0


def test_interruption_is_status_130(tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("regions.study.report.make_report", interrupted)
    assert main(["report", "-o", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err == "regions: interrupted.\n"
    assert list((tmp_path / "out").iterdir()) == []


def test_engine_error_saves_what_reproduces_it(saved, tmp_path, capsys, monkeypatch):
    def broken(network, domain, **limits):
        raise EngineError("Euler's formula does not hold.", network, domain)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("regions.enumeration.enumerate.count_regions", broken)
    assert main(["count", str(saved[0]), "--bound", "2"]) == 3
    error = capsys.readouterr().err
    assert "Euler" in error
    assert "Box(-2.0, -2.0, 2.0, 2.0)" in error
    again = regions.Network.load(tmp_path / "regions-engine-error.npz")
    assert again.widths == saved[1].widths


@pytest.mark.parametrize("arguments", [[], ["report"], ["count"], ["plot"]])
def test_help_is_there(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "activation regions" in text
    assert "usage: regions" in text
    assert not arguments or ".pt2, with torch 2.8 or newer" in " ".join(text.split())


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"regions {regions.__version__}\n"


def test_module_is_the_command(saved):
    command = [sys.executable, "-m", "regions", "count", str(saved[0]), "--bound", "10"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.startswith(f"{regions.count_regions(saved[1], 10)} activation regions")


def test_reader_that_goes_away_is_no_error(saved, compiled):
    command = [sys.executable, "-m", "regions", "count", str(saved[0]), "--bound", "10"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        error = process.stderr.read()
    assert error == ""
    assert process.returncode == 141


def test_narrow_and_closed_terminals(tmp_path):
    import subprocess
    import sys

    import numpy as np

    from regions import Network

    Network.from_arrays([np.eye(2), np.ones((1, 2))]).save(tmp_path / "m.npz")
    command = [sys.executable, "-m", "regions", "count", str(tmp_path / "m.npz"), "--bound", "2"]
    narrow = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False)
    assert narrow.returncode == 0, narrow.stderr
    closed = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *command], capture_output=True, check=False)
    assert b"Traceback" not in closed.stderr
