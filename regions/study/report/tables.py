"""The report's sentences and tables, made from the document alone, for the terminal, Markdown and HTML alike."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from regions.study.report.comparisons import square

__all__ = [
    "CHECK_NOTE",
    "PICTURE_NOTE",
    "REACH_NOTE",
    "Table",
    "as_text",
    "checks",
    "compute_lines",
    "counts",
    "headline",
    "place",
    "reach",
    "seeds",
    "spread_text",
    "statistic",
    "verdict",
]

REACH_NOTE = (
    "How far must one zoom out to see all the structure? As far as the outermost vertex: beyond it the borders between "
    "regions only run on. It is found exactly, in the whole plane."
)
PICTURE_NOTE = (
    "On the left the exact activation regions, each filled with the colour of its exact gradient; on the right what "
    "np.gradient shows on a regular grid, in the same colours; above ∂f/∂x₁, below ∂f/∂x₂. The prism colormap repeats "
    "its colours many times: most neighbours differ, but about one pair in ten looks alike. The borders on the left "
    "are exact; colours do not count regions."
)
_OTHER_FAULTS = ("n_wrong_values", "n_wrong_flatness", "n_uncovered", "n_overlapping")
CHECK_NOTE = (
    "Every grid point whose stencil lies in one region must show that region's gradient, and the flat patches that "
    "the exact regions predict must be those found in the image. Other faults are grid points with a value that is not "
    "the region's, wrongly flat pixels, and grid points in no region or in two. Regions too small or thin "
    "for the grid cannot be seen in it; the last column is a number of grid points a side that is proven "
    "to show all of them."
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text; the first column names its row.

    Parameters
    ----------
    caption : str
    headers : tuple of str
    rows : tuple of tuples of str, as long as `headers`
    """

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def as_text(table: Table) -> str:
    """Lay a table out for the terminal, numbers to the right.

    Examples
    --------
    >>> print(as_text(Table("Counts", ("domain", "regions"), (("[-1, 1]²", "4"),))))
    Counts
      domain    regions
      --------  -------
      [-1, 1]²        4
    """
    widths = [max(map(len, column)) for column in zip(table.headers, *table.rows, strict=True)]

    def line(cells: tuple[str, ...]) -> str:
        first, *rest = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  " + "  ".join([first, *rest]).rstrip()

    rule = tuple("-" * width for width in widths)
    return "\n".join([table.caption, line(table.headers), line(rule), *map(line, table.rows)])


def spread_text(row: dict[str, Any]) -> str:
    """Mean and standard deviation, or the one count there is.

    Parameters
    ----------
    row : dict
        With the statistics of the document.
    """
    if row["standard_deviation"] is None:
        return str(row["minimum"])
    return f"{row['mean']:.1f} ± {row['standard_deviation']:.1f}"


def statistic(document: dict[str, Any], network: str, bound: float) -> dict[str, Any]:
    """The document's statistics of one network at one bound.

    Parameters
    ----------
    document : dict
    network : str
        Its name in the document.
    bound : float
    """
    return next(r for r in document["statistics"] if r["network"] == network and r["bound"] == bound)


def place(item: dict[str, Any]) -> str:
    """Name a run: its network, seed and bound.

    Parameters
    ----------
    item : dict
        Anything in the document with these three entries.

    Examples
    --------
    >>> place({"network": "deep", "seed": 3, "bound": 10.0})
    'deep, seed 3, bound 10'
    """
    seed = "" if item["seed"] is None else f", seed {item['seed']}"
    return f"{item['network']}{seed}, bound {item['bound']:g}"


def headline(document: dict[str, Any]) -> str:
    """The answer in two sentences."""
    bound = document["options"]["bounds"][-1]
    parts = []
    for network in document["networks"]:
        row = statistic(document, network["name"], bound)
        parts.append(f"the {network['title']} network has {spread_text(row)} activation regions")
    n = document["statistics"][0]["n"]
    whom = f"over {n} seeds (mean ± sample standard deviation), " if n > 1 else ""
    sentences = [f"In {square(bound)}, {whom}{' and '.join(parts)}."]
    if document["networks"][0]["name"] == "model":
        sentences = [
            f"In {square(bound)}, {document['networks'][0]['title']} has {spread_text(row)} activation regions."
        ]
    sentences += [
        f"No {network['title']} network can have more than {network['maximum']}."
        for network in document["networks"]
        if network["maximum"] is not None
    ]
    return " ".join(sentences)


def verdict(document: dict[str, Any]) -> str:
    """What the cross-check says of all complexes together."""
    check, resolution = document["cross_check"], document["options"]["resolution"]
    n = check["checked"]
    image = f"the {resolution} × {resolution} gradient image"
    if check["passed"]:
        agree = "the one complex agrees" if n == 1 else f"all {n} complexes agree"
        return f"Cross-check passed: {agree} with {image}."
    unsure = sum(_is_inconclusive(run["cross_check"]["figures"]) for run in document["runs"])
    failed = len(check["disagreements"]) - unsure
    if not failed:
        return (
            f"Cross-check INCONCLUSIVE: for {unsure} of {n} complexes {image} cannot tell; below is why and what to do."
        )
    others = f"; for {unsure} more it cannot tell" if unsure else ""
    return f"Cross-check FAILED: {failed} of {n} complexes disagree{'s' if failed == 1 else ''} with {image}{others}."


def _is_inconclusive(figures: dict[str, Any]) -> bool:
    return bool(figures["inconclusive"]) and figures["failures"] == figures["inconclusive"]


def counts(document: dict[str, Any]) -> Table:
    """Exact counts, the networks beside each other, a row for every bound."""
    networks = document["networks"]
    several = document["statistics"][0]["n"] > 1
    headers = ["domain"]
    for network in networks:
        headers.append(network["title"])
        if several:
            headers.append("min to max")
        if network["maximum"] is not None:
            headers.append("maximum")
    if len(networks) == 2:
        headers.append("deep / shallow")
    rows = []
    for bound in document["options"]["bounds"]:
        found = [statistic(document, network["name"], bound) for network in networks]
        cells = [square(bound)]
        for network, row in zip(networks, found, strict=True):
            cells.append(spread_text(row))
            if several:
                cells.append(f"{row['minimum']} to {row['maximum']}")
            if network["maximum"] is not None:
                cells.append(str(network["maximum"]))
        if len(found) == 2:
            cells.append(f"{found[1]['mean'] / found[0]['mean']:.2f}")
        rows.append(tuple(cells))
    n = document["statistics"][0]["n"]
    seeds = f": mean ± sample standard deviation over {n} seeds" if several else ""
    if several and len(networks) == 2:
        seeds += "; deep / shallow is the ratio of the means"
    return Table(f"Exact number of activation regions{seeds}", tuple(headers), tuple(rows))


def checks(document: dict[str, Any]) -> Table:
    """The cross-check's figures, all seeds of a network and bound together."""
    headers = (
        "network and domain",
        "verdict",
        "pixels compared",
        "wrong gradients",
        "largest deviation",
        "tolerance",
        "patches found / predicted",
        "other faults",
        "regions seen",
        "resolution for all",
    )
    rows = []
    for network in document["networks"]:
        for bound in document["options"]["bounds"]:
            found = [
                run["cross_check"]
                for run in document["runs"]
                if run["network"] == network["name"] and run["bound"] == bound
            ]
            figures = [check["figures"] for check in found]
            passed = sum(check["passed"] for check in found)
            unsure = sum(map(_is_inconclusive, figures))
            failed = len(found) - passed - unsure
            faults = [f"{failed} FAILED"] * (failed > 0) + [f"{unsure} inconclusive"] * (unsure > 0)
            seen, regions = _total(figures, "n_visible"), _total(figures, "n_regions")
            rows.append(
                (
                    f"{network['title']}, {square(bound)}",
                    ", ".join(faults) or f"{passed}/{len(found)} passed",
                    str(_total(figures, "n_compared")),
                    str(_total(figures, "n_wrong_gradients")),
                    _largest(figures, "largest_deviation"),
                    _largest(figures, "largest_tolerance"),
                    f"{_total(figures, 'patches_found')} / {_total(figures, 'patches_predicted')}",
                    str(sum(_total(figures, name) for name in _OTHER_FAULTS)),
                    f"{seen} of {regions}",
                    _largest(figures, "sufficient_resolution", "> 10⁹"),
                )
            )
    return Table("Exact regions against the gradient image, all seeds together", headers, tuple(rows))


def _total(figures: list[dict[str, Any]], name: str) -> int:
    return sum(figure[name] for figure in figures)


def _largest(figures: list[dict[str, Any]], name: str, unbounded: str = "not finite") -> str:
    values = [figure[name] for figure in figures]
    if None in values:
        return unbounded
    largest = max(values)
    return str(largest) if isinstance(largest, int) else f"{largest:.2g}"


def seeds(document: dict[str, Any]) -> Table:
    """The count of every seed, a column for every network and bound."""
    columns = [(n["name"], b) for b in document["options"]["bounds"] for n in document["networks"]]
    regions = {(run["network"], run["bound"], run["seed"]): str(run["regions"]) for run in document["runs"]}
    order = list(dict.fromkeys(run["seed"] for run in document["runs"]))
    headers = ("seed", *(f"{name}, {square(bound)}" for name, bound in columns))
    rows = ((_seed(seed), *(regions[name, bound, seed] for name, bound in columns)) for seed in order)
    return Table("Exact number of activation regions, seed by seed", headers, tuple(rows))


def _seed(seed: int | None) -> str:
    return "as saved" if seed is None else str(seed)


def reach(document: dict[str, Any]) -> Table:
    """How far the outermost vertex of the whole plane lies from the origin."""
    rows = []
    for network in document["networks"]:
        found = [
            row
            for row in document["whole_plane"]
            if row["network"] == network["name"] and row["farthest_vertex"] is not None
        ]
        if not found:
            rows.append((network["title"], "too large", "", "", ""))
            continue
        farthest = [row["farthest_vertex"] for row in found]
        mean = statistics.fmean(row["regions"] for row in found)
        values = (f"{value:.4g}" for value in (min(farthest), statistics.median(farthest), max(farthest)))
        rows.append((network["title"], f"{mean:.1f}", *values))
    caption = "The whole plane: activation regions, and the larger coordinate of the outermost vertex, over the seeds"
    return Table(caption, ("network", "regions, mean", "nearest", "median", "farthest"), tuple(rows))


def compute_lines(document: dict[str, Any]) -> list[str]:
    """How the decisions were taken and with which software, a sentence each."""
    proven = sum(run["proven_by_float"] for run in document["runs"])
    exactly = sum(run["decided_exactly"] for run in document["runs"])
    environment = ", ".join(f"{name} {found}" for name, found in document["environment"].items())
    return [
        f"{proven} decisions were proven in floating point by an error bound, {exactly} were taken in integer "
        "arithmetic; none rests on a tolerance.",
        f"Made {document['created']} by regions {document['regions_version']} in {document['seconds']:.1f} s "
        f"({environment}).",
    ]
