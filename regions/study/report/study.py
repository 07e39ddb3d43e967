"""The study: every network of every seed over every bound, counted exactly and checked against its gradient image."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from regions._version import __version__
from regions.enumeration.enumerate import enumerate_regions, planar_network
from regions.enumeration.zoom import zoom_out
from regions.frontends.files import load
from regions.frontends.read import from_torch
from regions.pictures.cross_check import cross_check
from regions.study.comparison.runs import compared_network
from regions.study.comparison.table import Comparison
from regions.study.report.comparisons import (
    bound_entry,
    counterparts,
    growth,
    printable,
    ratio_entry,
    square,
    statistics_entry,
    summary_entry,
)
from regions.study.report.figures import draw_bounds, draw_counterparts, draw_counts, draw_growth, draw_regions
from regions.study.report.result import COUNTED, DEFINITION, SCHEMA, Report

if TYPE_CHECKING:
    from regions.complex.complex import RegionComplex
    from regions.network.network import Network
    from regions.pictures.gradient_image import GradientImage
    from regions.pictures.verdict import CrossCheck
    from regions.study.comparison.table import ComparedNetwork, Summary
    from regions.study.options import ReportOptions

__all__ = ["make_report"]

_LARGEST_IN_THE_WHOLE_PLANE = 100
_LIBRARIES = ("numpy", "numba", "python-flint", "scipy", "shapely", "torch", "matplotlib")


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the networks that are compared: all its seeds together."""

    name: str
    title: str
    activation: str
    networks: dict[int | None, Network]
    maximum: int | None

    def described(self, summary: Summary) -> dict[str, Any]:
        network = next(iter(self.networks.values()))
        return {
            "name": self.name,
            "title": self.title,
            "widths": list(network.widths),
            "activation": self.activation,
            "hidden_neurons": network.n_neurons,
            "parameters": network.n_parameters,
            "maximum": self.maximum,
            "upper_bound": bound_entry(summary.upper_bound, summary.upper_theorem),
            "lower_bound": bound_entry(summary.lower_bound, summary.lower_theorem),
        }


_Shown = tuple[_Kind, int | None, float, "RegionComplex", "GradientImage"]


def make_report(options: ReportOptions, *, progress: bool | None = False) -> Report:
    """Enumerate, cross-check and draw all that `options` asks for.

    Parameters
    ----------
    options : ReportOptions
    progress : bool, optional
        Whether to show a progress bar on stderr; None shows it where stderr is a terminal.

    Returns
    -------
    Report

    Raises
    ------
    RegionsError
        When the saved model cannot be read, or has other than two inputs.
    OSError
        When there is no such file.

    Examples
    --------
    >>> from regions.study.report import ReportOptions
    >>> report = make_report(ReportOptions(seeds=[0, 1], bounds=[10], resolution=60, figures=False))
    >>> report.passed
    True
    >>> [row["network"] for row in report.document["statistics"]]
    ['shallow', 'deep']
    """
    started = time.perf_counter()
    kinds = _kinds(options)
    runs: list[dict[str, Any]] = []
    rows: dict[float, list[ComparedNetwork]] = {bound: [] for bound in options.bounds}
    shown: list[_Shown] = []
    total = sum(len(kind.networks) for kind in kinds) * len(options.bounds)
    with tqdm(total=total, desc="regions", unit="complex", disable=None if progress is None else not progress) as bar:
        for kind, seed, bound, complex, seconds in _complexes(kinds, options.bounds):
            check = cross_check(complex, options.resolution)
            runs.append(_run(kind, seed, bound, complex, check))
            rows[bound].append(_row(kind, seed, complex, check, seconds))
            if options.figures and seed == next(iter(kind.networks)):
                shown.append((kind, seed, bound, complex, check.image))
            bar.update()
    over = {bound: Comparison(tuple(found), square(bound)) for bound, found in rows.items()}
    pairs = sizes = None
    roles: dict[str, str] = {}
    if options.model is None:
        pairs, roles = counterparts(options, over[options.bounds[-1]])
        sizes = growth(options)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "regions_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "counted": COUNTED,
        "definition": DEFINITION,
        "options": _options(options),
        "confidence": over[options.bounds[-1]].confidence,
        "networks": [
            kind.described(summary) for kind, summary in zip(kinds, over[options.bounds[-1]].summary(), strict=True)
        ],
        "statistics": [
            statistics_entry(kind.name, bound, summary)
            for bound, comparison in over.items()
            for kind, summary in zip(kinds, comparison.summary(), strict=True)
        ],
        "ratios": [] if pairs is None else [ratio_entry(bound, comparison) for bound, comparison in over.items()],
        "counterparts": None
        if pairs is None
        else [{**summary_entry(found), "role": roles[found.architecture]} for found in pairs.summary()],
        "growth": None if sizes is None else [summary_entry(found) for found in sizes.summary()],
        "whole_plane": [_whole_plane(kind.name, *item) for kind in kinds for item in kind.networks.items()],
        "cross_check": _verdict(runs),
        "runs": runs,
        "figures": [],
        "environment": _environment(),
    }
    figures = _draw(document, shown, list(over.values()), pairs, sizes) if options.figures else {}
    document["seconds"] = round(time.perf_counter() - started, 3)
    return Report(document, figures)


def _draw(
    document: dict[str, Any],
    shown: list[_Shown],
    over: list[Comparison],
    pairs: Comparison | None,
    sizes: Comparison | None,
) -> dict[str, bytes]:
    drawn = [
        draw_regions(kind.name, kind.title, seed, bound, complex, image) for kind, seed, bound, complex, image in shown
    ]
    if any(row["n"] > 1 for row in document["statistics"]):
        summed = [draw_counts(document), draw_bounds(over)]
        summed += [draw_counterparts(pairs)] if pairs is not None else []
        summed += [draw_growth(sizes)] if sizes is not None else []
        drawn = [*summed, *drawn]
    document["figures"] = [figure.described() for figure in drawn]
    return {figure.file: figure.png for figure in drawn}


def _complexes(
    kinds: list[_Kind], bounds: tuple[float, ...]
) -> Iterator[tuple[_Kind, int | None, float, RegionComplex, float]]:
    for bound in bounds:
        for kind in kinds:
            for seed, network in kind.networks.items():
                started = time.perf_counter()
                complex = enumerate_regions(network, bound)
                yield kind, seed, bound, complex, time.perf_counter() - started


def _kinds(options: ReportOptions) -> list[_Kind]:
    if options.model is not None:
        network = planar_network(load(options.model, likely=2))
        title = f"{printable(options.model.name)} ({'-'.join(map(str, network.widths))})"
        return [_Kind("model", title, "as saved", {None: network}, None)]

    from torch import nn

    from regions.study.models import Abs, DeepMLP, ShallowMLP

    activations: dict[str, Callable[[], nn.Module]] = {"abs": Abs, "leaky_relu": nn.LeakyReLU, "relu": nn.ReLU}
    activation = activations[options.activation]
    _, width, n_outputs = options.shallow_widths
    shallow: dict[int | None, Network] = {
        seed: from_torch(ShallowMLP(width, activation, seed=seed, n_outputs=n_outputs)) for seed in options.seeds
    }
    _, *hidden, n_outputs = options.deep_widths
    deep: dict[int | None, Network] = {
        seed: from_torch(DeepMLP(hidden, activation, seed=seed, n_outputs=n_outputs)) for seed in options.seeds
    }
    maximum = 1 + width + math.comb(width, 2)
    return [
        _Kind("shallow", f"shallow {_dashed(options.shallow_widths)}", options.activation, shallow, maximum),
        _Kind("deep", f"deep {_dashed(options.deep_widths)}", options.activation, deep, None),
    ]


def _dashed(widths: tuple[int, ...]) -> str:
    return "-".join(map(str, widths))


def _run(kind: _Kind, seed: int | None, bound: float, complex: RegionComplex, check: CrossCheck) -> dict[str, Any]:
    extent = complex.extent
    return {
        "network": kind.name,
        "seed": seed,
        "bound": bound,
        "regions": complex.n_regions,
        "vertices": len(complex.vertices),
        "edges": len(complex.edges),
        "smallest_area": float(complex.areas.min()),
        "farthest_vertex": None if extent is None else max(map(abs, extent)),
        "proven_by_float": complex.certificate.proven_by_float,
        "decided_exactly": complex.certificate.decided_exactly,
        "cross_check": {"passed": bool(check.passed), "summary": str(check.summary()), "figures": check.to_dict()},
    }


def _row(kind: _Kind, seed: int | None, complex: RegionComplex, check: CrossCheck, seconds: float) -> ComparedNetwork:
    network = kind.networks[seed]
    return compared_network(
        complex,
        network,
        architecture=kind.title,
        initialisation="torch",
        seed=seed or 0,
        parameters=network.n_parameters,
        seconds=seconds,
        picture=check.maps_found,
    )


def _whole_plane(name: str, seed: int | None, network: Network) -> dict[str, Any]:
    found = zoom_out(network) if network.n_neurons <= _LARGEST_IN_THE_WHOLE_PLANE else None
    return {
        "network": name,
        "seed": seed,
        "regions": None if found is None else found.n_regions,
        "vertices": None if found is None else found.n_vertices,
        "farthest_vertex": None if found is None else found.farthest,
    }


def _verdict(runs: list[dict[str, Any]]) -> dict[str, Any]:
    failed = [run for run in runs if not run["cross_check"]["passed"]]
    return {
        "passed": not failed,
        "checked": len(runs),
        "disagreements": [
            {**{key: run[key] for key in ("network", "seed", "bound")}, "summary": run["cross_check"]["summary"]}
            for run in failed
        ],
    }


def _options(options: ReportOptions) -> dict[str, Any]:
    compared = options.model is None
    return {
        "shallow_widths": list(options.shallow_widths) if compared else None,
        "deep_widths": list(options.deep_widths) if compared else None,
        "activation": options.activation if compared else None,
        "seeds": list(options.seeds) if compared else None,
        "bounds": list(options.bounds),
        "resolution": options.resolution,
        "model": None if options.model is None else printable(options.model.name),
        "figures": options.figures,
    }


def _environment() -> dict[str, str]:
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "unknown"
    return found
