"""The report's sentences and tables on bounds, counterparts of equal size, and growth, made from the document alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from regions.study.report.comparisons import square
from regions.study.report.tables import Table, spread_text, statistic

__all__ = ["BOUNDS_NOTE", "COUNTERPARTS_NOTE", "GROWTH_NOTE", "bounds", "counterparts", "growth", "ratios"]

_LONG = 10**7
BOUNDS_NOTE = (
    "Only the exact count answers the question. The picture method tells regions apart by their gradient on a grid, "
    "and sees those that are large enough for it. An upper bound is one on these networks. A lower bound is a promise "
    "about the best network of the same widths: these networks may have fewer regions, and mostly do. The theorems are "
    "named as in regions.bounds, whose documentation has their papers."
)
COUNTERPARTS_NOTE = (
    "Whether a comparison is fair depends on what is held equal, the neurons or the parameters. Beside the two "
    "networks stand their counterparts of the other depth; parameters can be matched only as nearly as whole layers "
    "allow."
)
GROWTH_NOTE = "All hidden layers of a network are equally wide. Both axes of the picture are logarithmic."


def ratios(document: dict[str, Any]) -> list[str]:
    """How many times as many regions the deep network has, seed by seed.

    Returns
    -------
    list of str
        A sentence; none for one network or one seed.
    """
    found = [
        f"{row['estimate']:.2f} in {square(row['bound'])} ({row['confidence_interval'][0]:.2f} to "
        f"{row['confidence_interval'][1]:.2f})"
        for row in document["ratios"]
        if row["confidence_interval"] is not None
    ]
    if not found:
        return []
    *first, last = found
    listed = f"{', '.join(first)} and {last}" if first else last
    return [
        "Seed by seed, the deep network has so many times as many activation regions as the shallow one, as a "
        f"geometric mean with its {_percent(document)} confidence interval: {listed}."
    ]


def _percent(document: dict[str, Any]) -> str:
    return f"{100 * document['confidence']:g}%"


def _interval(row: dict[str, Any]) -> str:
    found = row["confidence_interval"]
    return "" if found is None else f"{found[0]:.1f} to {found[1]:.1f}"


def _bound(row: dict[str, Any] | None) -> str:
    return "" if row is None else f"{_value(row)} ({row['theorem']})"


def _value(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    value: int = row["value"]
    # Neither a float nor str() holds every integer.
    return str(value) if value < _LONG else f"{Decimal(value):.2e}"


def bounds(document: dict[str, Any]) -> Table:
    """Exact counts beside what the picture method finds and beside the bounds."""
    several = document["statistics"][0]["n"] > 1
    headers = ["network and domain", "exact, mean" if several else "exact"]
    headers += [f"{_percent(document)} interval"] * several
    headers += ["picture method, mean" if several else "picture method", "upper bound", "lower bound on the best"]
    rows = []
    for network in document["networks"]:
        for bound in document["options"]["bounds"]:
            row = statistic(document, network["name"], bound)
            cells = [f"{network['title']}, {square(bound)}", f"{row['mean']:.1f}" if several else str(row["minimum"])]
            cells += [_interval(row)] * several
            seen = row["picture"]
            cells.append(f"{seen['mean']:.1f}" if several else str(seen["minimum"]))
            rows.append((*cells, _bound(network["upper_bound"]), _bound(network["lower_bound"])))
    n = document["options"]["resolution"]
    caption = f"Exact activation regions, what a picture of {n} × {n} points shows of them, and the theorems' bounds"
    return Table(caption, tuple(headers), tuple(rows))


def counterparts(document: dict[str, Any]) -> Table:
    """The two networks beside those of equal neurons or parameters."""
    rows = tuple(
        (row["architecture"], row["role"], *_sized(row), *_summed(row), _value(row["upper_bound"]))
        for row in document["counterparts"]
    )
    headers = ("network", "what it is", "neurons", "parameters", *_summed_headers(document), "upper bound")
    return Table(f"Equal neurons, equal parameters: activation regions in {_last(document)}", headers, rows)


def growth(document: dict[str, Any]) -> Table:
    """Counts of networks of several widths and depths."""
    rows = tuple(
        (row["architecture"], *_sized(row), *_summed(row), _value(row["upper_bound"]), _value(row["lower_bound"]))
        for row in document["growth"]
    )
    headers = ("network", "neurons", "parameters", *_summed_headers(document), "upper bound", "lower bound on the best")
    n = document["growth"][0]["n"]
    seeds = f", {n} seeds" if n > 1 else ""
    return Table(f"Growth with width and depth: activation regions in {_last(document)}{seeds}", headers, rows)


def _last(document: dict[str, Any]) -> str:
    return square(document["options"]["bounds"][-1])


def _sized(row: dict[str, Any]) -> tuple[str, ...]:
    return str(row["hidden_neurons"]), str(row["parameters"])


def _summed_headers(document: dict[str, Any]) -> tuple[str, ...]:
    if document["statistics"][0]["n"] == 1:
        return ("regions",)
    return "regions", f"{_percent(document)} interval of the mean", "min to max"


def _summed(row: dict[str, Any]) -> tuple[str, ...]:
    if row["n"] == 1:
        return (spread_text(row),)
    return spread_text(row), _interval(row), f"{row['minimum']} to {row['maximum']}"
