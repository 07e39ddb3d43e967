"""What the report says beyond single runs: statistics over seeds, bounds, counterparts of equal size, growth."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from regions.study.comparison import Comparison, Summary, compare, equal_neurons, equal_parameters
from regions.study.options import dashed

if TYPE_CHECKING:
    from regions.study.options import ReportOptions

__all__ = ["bound_entry", "counterparts", "growth", "ratio_entry", "square", "statistics_entry", "summary_entry"]

_LARGEST_COUNTERPART = 200
_WIDEST_THAT_GROWS = 20
_DEPTHS_THAT_GROW = (1, 2, 4, 8)
_SEEDS_THAT_GROW = 5


def printable(name: str) -> str:
    r"""A file's name with control characters, turns of direction and bytes that are no text written out.

    Examples
    --------
    >>> print(printable("two\nlines.npz"))
    two\nlines.npz
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def square(bound: float) -> str:
    """Name the square of a bound.

    Examples
    --------
    >>> square(10.0)
    '[-10, 10]²'
    """
    return f"[-{bound:g}, {bound:g}]²"


def statistics_entry(name: str, bound: float, summary: Summary) -> dict[str, Any]:
    """The document's statistics of one network at one bound.

    Parameters
    ----------
    name : str
        Of the network in the document.
    bound : float
    summary : Summary
        With pictures.
    """
    picture = summary.picture
    return {
        "network": name,
        "bound": bound,
        **_spread(summary),
        "picture": None
        if picture is None
        else {"mean": picture.mean, "minimum": picture.minimum, "maximum": picture.maximum},
    }


def summary_entry(summary: Summary) -> dict[str, Any]:
    """The document's entry on all seeds of an architecture."""
    return {
        "architecture": summary.architecture,
        "widths": list(summary.widths),
        "hidden_neurons": summary.neurons,
        "parameters": summary.parameters,
        **_spread(summary),
        "upper_bound": bound_entry(summary.upper_bound, summary.upper_theorem),
        "lower_bound": bound_entry(summary.lower_bound, summary.lower_theorem),
    }


def ratio_entry(bound: float, compared: Comparison) -> dict[str, Any]:
    """The document's entry on how many times as many regions the deep network has.

    Parameters
    ----------
    bound : float
    compared : Comparison
        Of the shallow network and the deep one.
    """
    shallow, deep = compared.architectures
    ratio = compared.ratio(deep, shallow)
    interval = None if ratio.interval is None else list(ratio.interval)
    return {"bound": bound, "estimate": ratio.estimate, "confidence_interval": interval}


def bound_entry(value: int | None, theorem: str | None) -> dict[str, Any] | None:
    """The document's entry on a bound; None where no theorem applies."""
    return None if value is None else {"value": value, "theorem": theorem}


def _spread(summary: Summary) -> dict[str, Any]:
    found = asdict(summary.activation_regions)
    interval = found.pop("interval")
    return {**found, "confidence_interval": None if interval is None else list(interval)}


def counterparts(options: ReportOptions, compared: Comparison) -> tuple[Comparison, dict[str, str]]:
    """The two networks beside those of equal neurons or parameters, over the largest bound.

    Parameters
    ----------
    options : ReportOptions
    compared : Comparison
        The two networks over that bound.

    Returns
    -------
    Comparison
        Of these and their counterparts; those of more than 200 neurons are left out.
    dict of str to str
        What each architecture is, in words.
    """
    shallow, deep = options.shallow_widths, options.deep_widths
    depth = len(deep) - 2
    names = dict(zip((shallow, deep), compared.architectures, strict=True))
    roles = dict(zip(compared.architectures, ("shallow", "deep"), strict=True))
    found = [(equal_neurons(deep, depth=1), "equal to deep in neurons")]
    if sum(shallow[1:-1]) >= depth:
        found.append((equal_neurons(shallow, depth=depth), "equal to shallow in neurons"))
    found += [
        (equal_parameters(deep, depth=1), "nearest to deep in parameters"),
        (equal_parameters(shallow, depth=depth), "nearest to shallow in parameters"),
    ]
    new = {}
    for widths, role in found:
        if widths not in names and sum(widths[1:-1]) <= _LARGEST_COUNTERPART:
            names[widths] = _titled(widths)
            roles[names[widths]] = role
            new[names[widths]] = widths
    if not new:
        return compared, roles
    more = compare(new, options.bounds[-1], seeds=options.seeds, activation=options.activation)
    return replace(compared, rows=(*compared.rows, *more.rows)), roles


def _titled(widths: tuple[int, ...]) -> str:
    return f"{'shallow' if len(widths) == 3 else 'deep'} {dashed(widths)}"


def growth(options: ReportOptions) -> Comparison:
    """Networks of a few widths and depths over the largest bound.

    Returns
    -------
    Comparison
        Depths 1, 2, 4 and 8; a quarter, a half and all of the shallow network's width, at most 20; five seeds.
    """
    widest = min(options.shallow_widths[1], _WIDEST_THAT_GROWS)
    widths = sorted({max(1, widest // 4), max(1, widest // 2), widest})
    n_outputs = options.shallow_widths[-1]
    architectures = [(2, *[width] * depth, n_outputs) for depth in _DEPTHS_THAT_GROW for width in widths]
    seeds = options.seeds[:_SEEDS_THAT_GROW]
    compared = compare(architectures, options.bounds[-1], seeds=seeds, activation=options.activation)
    return replace(compared, domain=square(options.bounds[-1]))
