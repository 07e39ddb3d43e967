"""The package as a whole: what an import brings, which names are public, and that the files about it agree."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import regions

ROOT = Path(__file__).parent.parent
# Reached as `regions.bounds` without an import of their own.
ROOMS = ("bounds", "errors", "measures", "pictures", "study", "testing")

HEAVY = {
    "flint",
    "hypothesis",
    "matplotlib",
    "numba",
    "onnx",
    "scipy",
    "shapely",
    "sklearn",
    "threadpoolctl",
    "torch",
    "tqdm",
}


def loaded_by(statement):
    script = f"import json, sys\n{statement}\nprint(json.dumps(sorted(m for m in sys.modules if '.' not in m)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    ["import regions", "from regions import *", "import regions.cli, regions.study.options"],
)
def test_import_brings_nothing_heavy(statement):
    if "*" in statement:
        # A star import asks for every name, and with it for the engine; what only some models need stays out.
        assert loaded_by(statement).isdisjoint({"hypothesis", "matplotlib", "onnx", "sklearn", "torch"})
    else:
        assert loaded_by(statement).isdisjoint(HEAVY)


def test_every_dependency_but_the_lightest_is_taken_for_heavy():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.match(r"[A-Za-z0-9_-]+", requirement)[0] for requirement in project["dependencies"]}
    assert {"flint" if name == "python-flint" else name for name in names} - {"lazy_loader", "numpy"} <= HEAVY


def test_loading_is_seen_by_this_test():
    assert "shapely" in loaded_by("import shapely")


def test_help_needs_nothing_heavy():
    statement = "from regions.cli import main\ntry:\n    main(['report', '--help'])\nexcept SystemExit:\n    pass"
    assert loaded_by(statement).isdisjoint(HEAVY)


def test_modules_need_no_import_of_their_own():
    statement = "import regions\nassert regions.bounds.zaslavsky(2, 20) == 211\nassert 'measures' in dir(regions)"
    assert "hypothesis" not in loaded_by(statement)
    for name in ROOMS:
        assert getattr(regions, name).__name__ == f"regions.{name}"
    with pytest.raises(AttributeError, match="nothing"):
        _ = regions.nothing


def test_public_names_are_sorted_and_there():
    assert list(regions.__all__) == sorted(set(regions.__all__))
    assert len(regions.__all__) <= 31
    for name in regions.__all__:
        assert getattr(regions, name) is not None
        # A module of the same name would take the function's place as soon as something imports it.
        assert not inspect.ismodule(getattr(regions, name)), name
    # The stub says where each name is loaded from; what stands beside the names are the rooms.
    assert {*regions.__all__, *ROOMS} == set(dir(regions))


def test_the_stub_and_the_door_agree():
    stub = ast.parse((ROOT / "regions" / "__init__.pyi").read_text(encoding="utf-8"))
    said = {}
    for statement in stub.body:
        assert isinstance(statement, ast.ImportFrom)
        assert statement.level == 1
        for name in statement.names:
            # Without `as` a stub does not hand a name on.
            assert name.asname == name.name
            assert name.name not in said
            said[name.name] = statement.module
    assert set(said) == {*regions.__all__, *ROOMS}
    for name, module in said.items():
        if module is None:
            assert getattr(regions, name) is importlib.import_module(f"regions.{name}")
        else:
            home = importlib.import_module(f"regions.{module}")
            assert getattr(regions, name) is getattr(home, name), name
            assert name in getattr(home, "__all__", ["__version__"]), name


def rooms():
    """The folders, by their dotted names, with what their docstrings say in one line."""
    for file in sorted((ROOT / "regions").rglob("*/__init__.py")):
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        yield ".".join(file.parent.relative_to(ROOT).parts), " ".join(text.split())


def test_every_folder_says_what_lives_there_and_what_it_may_import():
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(c for c in contract if c["type"] == "layers")["layers"]
    height = {name: -i for i, layer in enumerate(layers) for name in re.findall(r"\w+", layer)}
    checked = 0
    for room, text in rooms():
        what, may, rule = text.partition(" may import ")
        assert may, room
        assert "never" in rule, room
        assert len(what) > 30, room
        # What it says is what the contract says: rooms below it, or beside it.
        allowed = re.split(r"\bnever\b", rule)[0]
        for named in re.findall(r"`regions\.(\w+)", allowed):
            assert height[named] <= height[room.split(".")[1]], (room, named)
        checked += 1
    folders = [p for p in (ROOT / "regions").rglob("*") if p.is_dir() and list(p.glob("*.py"))]
    assert checked == len(folders)


def test_every_module_sorts_its_names_and_has_them():
    checked = 0
    for module in pkgutil.walk_packages(regions.__path__, "regions."):
        if module.name == "regions.__main__":
            continue
        loaded = importlib.import_module(module.name)
        names = getattr(loaded, "__all__", None)
        if names is not None:
            assert len(set(names)) == len(names), module.name
            assert all(hasattr(loaded, name) for name in names), module.name
            checked += 1
    assert checked > 10


def test_public_things_are_documented():
    for name in set(regions.__all__) - {"__version__"}:
        assert len(getattr(regions, name).__doc__ or "") > 20, name


def test_unknown_name_is_told():
    with pytest.raises(AttributeError, match="regio_complex"):
        _ = regions.regio_complex


def test_version_is_said_once():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in pyproject["project"]["dynamic"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", regions.__version__)
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {regions.__version__}\n" in citation
    try:
        installed = version("linear-regions")
    except PackageNotFoundError:
        pytest.skip("the package is run from its source tree")
    assert installed == regions.__version__


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md") if ">>>" in p.read_text("utf-8")),
    ],
)
def test_examples_of_the_documentation_run(page):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testfile(str(ROOT / page), module_relative=False, optionflags=flags, encoding="utf-8")
    assert result.attempted > 0
    assert result.failed == 0


def test_pages_link_to_files_that_are_there():
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(links) > 8
    missing = [link for link in links if not (ROOT / link).is_file()]
    assert missing == []


@pytest.mark.parametrize("marker", ["report", "test"])
def test_readme_has_the_commands_that_continuous_integration_runs(marker):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(rf"<!-- ci: {marker} -->\n```sh\n(.*)\n```", readme)
    assert command.startswith("python3 -m venv .venv && .venv/bin/python -m pip install -c constraints.txt ")


def test_constraints_pin_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    canonical = {re.sub(r"[-_.]+", "-", name).lower() for name in pins}
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    wanted = [requirement for requirement in wanted if not requirement.startswith(project["name"])]
    for requirement in wanted:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
        assert re.sub(r"[-_.]+", "-", name).lower() in canonical, requirement
    assert pins["torch"] == "2.13.0"
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", pin) for pin in pins.values())
