"""Pictures of a comparison: the spread over seeds, growth with the size, exact counts beside bounds."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.bounds.rules import shown
from regions.errors import OptionError
from regions.pictures.plotting import axes_of, plain_text

if TYPE_CHECKING:
    from regions.study.comparison.table import ComparedNetwork, Comparison, Summary

__all__ = ["plot_bounds", "plot_distribution", "plot_growth"]

_COLORS = ("#1f6fb4", "#c8501e", "#3c8d40", "#8a4fa3", "#8c6d1f", "#2a9d9d", "#c23b77", "#5b6770")
_MARKERS = "osD^vP*X"
_COUNTED = "activation regions"
# Of a bound that is drawn: float64 ends at 10^308.
_HIGHEST = 10**300


def _on(ax: Any) -> Any:
    return axes_of(ax)


def _color(i: int) -> str:
    return _COLORS[i % len(_COLORS)]


def _label(comparison: Comparison, row: Summary) -> str:
    several = len(comparison.initialisations) > 1
    return plain_text(f"{row.architecture}\n{row.initialisation}" if several else row.architecture)


def _finish(ax: Any, comparison: Comparison) -> Any:
    ax.set_ylabel(_COUNTED)
    ax.set_title(f"over {comparison.domain}", fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _interval_lines(summary: Summary) -> Any:
    """How far the interval reaches below and above the mean, for `errorbar`; None for a single seed."""
    counts = summary.activation_regions
    if counts.interval is None:
        return None
    return [[counts.mean - counts.interval[0]], [counts.interval[1] - counts.mean]]


def plot_distribution(comparison: Comparison, ax: Any = None) -> Any:
    """Draw the count of every seed, the architectures beside each other, with mean and confidence interval.

    Parameters
    ----------
    comparison : Comparison
    ax : matplotlib Axes, optional
        A new figure is made where left out.

    Returns
    -------
    Axes

    Notes
    -----
    Points in a column stand in the order of the seeds, from left to right. The bar with caps is the mean's confidence
    interval, not the spread of the counts.

    Examples
    --------
    >>> import matplotlib, regions
    >>> matplotlib.use("Agg")
    >>> found = regions.compare([(2, 3, 1), (2, 2, 2, 1)], seeds=range(3))
    >>> plot_distribution(found).get_ylabel()
    'activation regions'
    """
    ax = _on(ax)
    summary = comparison.summary()
    names = comparison.architectures
    for x, row in enumerate(summary):
        counts = [found.activation_regions for found in comparison.select(row.architecture, row.initialisation)]
        color = _color(names.index(row.architecture))
        shift = np.linspace(-0.22, 0.1, len(counts)) if len(counts) > 1 else np.zeros(1)
        ax.plot(x + shift, counts, "o", color=color, alpha=0.65, ms=5, mew=0)
        if row.activation_regions.interval is not None:
            ax.errorbar(
                [x + 0.24],
                [row.activation_regions.mean],
                _interval_lines(row),
                fmt="_",
                color="black",
                ms=10,
                capsize=4,
            )
    ax.set_xticks(range(len(summary)), [_label(comparison, row) for row in summary])
    ax.set_xlim(-0.5, len(summary) - 0.5)
    ax.set_ylim(bottom=0)
    return _finish(ax, comparison)


_SIZES = {
    "neurons": "hidden neurons",
    "parameters": "parameters",
    "depth": "hidden layers",
    "width": "neurons of the widest hidden layer",
}


def _size(row: Summary | ComparedNetwork, by: str) -> int:
    if by == "width":
        return max(row.widths[1:-1], default=0)
    return int(getattr(row, by))


def plot_growth(comparison: Comparison, ax: Any = None, *, by: str = "neurons") -> Any:
    """Draw the mean count against the size of the networks, with its confidence interval.

    Parameters
    ----------
    comparison : Comparison
    ax : matplotlib Axes, optional
        A new figure is made where left out.
    by : {"neurons", "parameters", "depth", "width"}
        What the horizontal axis shows. Networks of equal depth are joined by a line; by depth, those of equal width.
        Width is that of the widest hidden layer.

    Returns
    -------
    Axes

    Raises
    ------
    OptionError
        When `by` is none of these.

    Notes
    -----
    Both axes are logarithmic: a power law is a straight line, its exponent the slope.

    Examples
    --------
    >>> import matplotlib, regions
    >>> matplotlib.use("Agg")
    >>> found = regions.compare([(2, n, 1) for n in (4, 8, 16)], seeds=range(3))
    >>> plot_growth(found, by="width").get_xlabel()
    'neurons of the widest hidden layer'
    """
    if by not in _SIZES:
        raise OptionError(f"by={by!r} was given; allowed are {', '.join(_SIZES)}.")

    ax = _on(ax)
    line = "width" if by == "depth" else "depth"
    summary = sorted(comparison.summary(), key=lambda row: (row.initialisation, _size(row, line), _size(row, by)))
    sizes = sorted({_size(row, line) for row in summary})
    several = len(comparison.initialisations) > 1
    for (initialisation, size), group in groupby(summary, lambda row: (row.initialisation, _size(row, line))):
        found = list(group)
        means = [row.activation_regions.mean for row in found]
        reach = [_interval_lines(row) or [[0.0], [0.0]] for row in found]
        noun = "hidden layer" if line == "depth" else "neuron"
        label = f"{size} {noun}{'' if size == 1 else 's'}{'' if line == 'depth' else ' wide'}"
        i = comparison.initialisations.index(initialisation)
        # Below the mean no farther than to 1: the axis is logarithmic, and there is no smaller count.
        low = [min(r[0][0], mean - 1) for r, mean in zip(reach, means, strict=True)]
        high = [r[1][0] for r in reach]
        ax.errorbar(
            [_size(row, by) for row in found],
            means,
            [low, high],
            fmt=_MARKERS[i % len(_MARKERS)] + ("-" if i == 0 else "--"),
            color=_color(sizes.index(size)),
            ms=5,
            capsize=3,
            label=plain_text(f"{label}, {initialisation}") if several else label,
        )
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ticks = sorted({_size(row, by) for row in summary})
    if len(ticks) <= 8:
        ax.set_xticks(ticks, list(map(str, ticks)))
        ax.minorticks_off()
    ax.set_xlabel(_SIZES[by])
    ax.legend(frameon=False, fontsize="small")
    return _finish(ax, comparison)


def plot_bounds(comparison: Comparison, ax: Any = None) -> Any:
    """Draw exact counts, what the picture method finds, and the theorems' bounds beside each other.

    Parameters
    ----------
    comparison : Comparison
    ax : matplotlib Axes, optional
        A new figure is made where left out.

    Returns
    -------
    Axes

    Notes
    -----
    The upper bound is one on these networks. The lower bound is one on the largest number that any network of the same
    widths has; counts of given networks may lie below it, and mostly do. Where both are equal, some network attains
    them. Bounds beyond 10^300 are not drawn.

    Examples
    --------
    >>> import matplotlib, regions
    >>> matplotlib.use("Agg")
    >>> found = regions.compare([(2, 20, 1), (2, 5, 5, 5, 5, 1)], seeds=range(3), resolution=60)
    >>> plot_bounds(found).get_yscale()
    'log'
    """
    ax = _on(ax)
    summary = comparison.summary()
    for x, row in enumerate(summary):
        rows = comparison.select(row.architecture, row.initialisation)
        pictures = [found.picture for found in rows if found.picture is not None]
        exact = [found.activation_regions for found in rows]
        first = x == 0
        shift = np.linspace(-0.09, 0.09, len(exact)) if len(exact) > 1 else np.zeros(1)
        ax.plot(
            x - 0.14 + shift, exact, "o", color=_COLORS[0], alpha=0.7, ms=5, mew=0, label="exact" if first else None
        )
        if pictures:
            label = "picture method" if first else None
            ax.plot(x + 0.14 + shift, pictures, "s", color=_COLORS[2], alpha=0.7, ms=4.5, mew=0, label=label)
        if row.upper_bound > _HIGHEST:
            continue
        ax.hlines(row.upper_bound, x - 0.32, x + 0.32, color=_COLORS[1], lw=2, label="upper bound" if first else None)
        attained = row.lower_bound == row.upper_bound
        _name(ax, x, f"{shown(row.upper_bound)} ({row.upper_theorem}){', attained' * attained}", row.upper_bound)
        if row.lower_bound is not None:
            ax.hlines(row.lower_bound, x - 0.32, x + 0.32, color=_COLORS[3], lw=2, ls=(0, (4, 2)))
            if not attained:
                _name(ax, x, f"{shown(row.lower_bound)} ({row.lower_theorem})", row.lower_bound)
    if any(row.lower_bound is not None for row in summary):
        ax.plot([], [], color=_COLORS[3], lw=2, ls=(0, (4, 2)), label="lower bound on the best network")
    ax.set_yscale("log")
    ax.margins(y=0.12)
    ax.set_xticks(range(len(summary)), [_label(comparison, row) for row in summary])
    ax.set_xlim(-0.5, len(summary) - 0.5)
    ax.legend(frameon=False, fontsize="small", loc="upper left")
    return _finish(ax, comparison)


def _name(ax: Any, x: float, text: str, value: int) -> None:
    offset = {"xytext": (0, 3), "textcoords": "offset points"}
    ax.annotate(text, (x, value), **offset, ha="center", va="bottom", fontsize="x-small")
