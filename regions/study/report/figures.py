"""The report's pictures, as PNG files in memory; drawn without pyplot, so no window and no global state is touched."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.bounds.rules import shown as shown_number
from regions.pictures.plotting import DERIVATIVES, plain_text, plot_regions
from regions.study.comparison import plot_bounds, plot_distribution, plot_growth
from regions.study.report.result import SOFTWARE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from regions.complex.complex import RegionComplex
    from regions.pictures.gradient_image import GradientImage
    from regions.study.comparison.table import Comparison, Summary

__all__ = ["Drawn", "draw_bounds", "draw_counterparts", "draw_counts", "draw_growth", "draw_regions"]

_COLORS = {"shallow": "#1f6fb4", "deep": "#c8501e"}
_MARKERS = {"shallow": "o", "deep": "s"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture and what it shows.

    Parameters
    ----------
    file : str
        Path below the report's folder.
    png : bytes
    alt : str
        What the picture shows, for readers who do not see it.
    note : str
        A sentence to stand below the picture; may be empty.
    network : str or None
        Name of the network; None for a picture of all.
    seed : int or None
    bound : float or None
    section : {"counts", "bounds", "counterparts", "growth", "pictures"}
        Of the report, where it stands.
    """

    file: str
    png: bytes
    alt: str
    note: str = ""
    network: str | None = None
    seed: int | None = None
    bound: float | None = None
    section: str = "pictures"

    def described(self) -> dict[str, Any]:
        """All but the picture itself, for the document."""
        return {name: getattr(self, name) for name in ("file", "alt", "note", "network", "seed", "bound", "section")}


def draw_regions(
    name: str, title: str, seed: int | None, bound: float, complex: RegionComplex, image: GradientImage
) -> Drawn:
    """Draw the exact regions beside the gradient image, both coloured by the two components of the gradient.

    Parameters
    ----------
    name, title : str
        The network's name in the document, and in words.
    seed : int or None
    bound : float
    complex : RegionComplex
    image : GradientImage
        Of the same network over the same square.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 10.4), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for row, (component, derivative) in enumerate(zip("xy", DERIVATIVES, strict=True)):
        exact = complex.gradients[:, image.output, row]
        # One scale for both panels, from the exact values: a colour means the same number on the left and on the right.
        low, high = float(exact.min()), float(exact.max())
        plot_regions(complex, axes[row, 0], component=component, vmin=low, vmax=high)
        axes[row, 0].set_title(f"exact {derivative}: {complex.n_regions} activation regions")
        image.plot(axes[row, 1], component, vmin=low, vmax=high)
        axes[row, 1].set_title(f"np.gradient, {derivative}: {image.resolution} × {image.resolution} points")
        for ax in axes[row]:
            ax.set_xlabel("x₁")
            ax.set_ylabel("x₂")
    whose = title if seed is None else f"{title}, seed {seed}"
    figure.suptitle(f"{plain_text(whose)}, on [-{bound:g}, {bound:g}]²")
    alt = (
        f"{whose}, on the square from -{bound:g} to {bound:g}: left, the {complex.n_regions} exact activation regions, "
        f"coloured by {DERIVATIVES[0]} (above) and {DERIVATIVES[1]} (below); right, the numerical gradient "
        f"on {image.resolution} by {image.resolution} grid points in the same colours."
    )
    return Drawn(f"figures/{name}-{bound:g}.png", _png(figure), alt, _note(complex, bound), name, seed, bound)


def _note(complex: RegionComplex, bound: float) -> str:
    """Why the structure sits in the middle, where it does."""
    inside = np.ones(len(complex.vertices), dtype=bool)
    inside[complex.edges[(complex.edge_faces < 0).any(axis=1)]] = False
    n = int(inside.sum())
    central = int((np.abs(complex.vertices[inside]).max(axis=1) <= bound / 10).sum()) if n else 0
    if 2 * central <= n:
        return ""
    return (
        "The structure sits in the middle because where borders meet depends on weights and biases, not on the bound: "
        f"{central} of the {n} inner vertices lie in [-{bound / 10:g}, {bound / 10:g}]², and farther out the borders "
        "mostly just run on."
    )


def draw_counts(document: dict[str, Any]) -> Drawn:
    """Draw the count of every seed, the networks beside each other, at every bound.

    Parameters
    ----------
    document : dict
        The report's document, with its runs.
    """
    from matplotlib.figure import Figure

    bounds = document["options"]["bounds"]
    networks = document["networks"]
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    ax = figure.subplots()
    for i, network in enumerate(networks):
        name = network["name"]
        for j, bound in enumerate(bounds):
            counts = [r["regions"] for r in document["runs"] if r["network"] == name and r["bound"] == bound]
            # Spread by seed, not at random, so that the same report draws the same picture.
            shift = np.linspace(-0.11, 0.11, len(counts)) if len(counts) > 1 else np.zeros(1)
            x = j + (i - (len(networks) - 1) / 2) * 0.36
            label = network["title"] if j == 0 else None
            ax.plot(x + shift, counts, _MARKERS[name], color=_COLORS[name], alpha=0.75, ms=5, mew=0, label=label)
            row = next(r for r in document["statistics"] if (r["network"], r["bound"]) == (name, bound))
            ax.hlines(row["mean"], x - 0.16, x + 0.16, color=_COLORS[name], lw=2)
            if row["confidence_interval"] is not None:
                low, high = row["confidence_interval"]
                reach = [[row["mean"] - low], [high - row["mean"]]]
                ax.errorbar([x], [row["mean"]], reach, fmt="none", ecolor="black", capsize=5, lw=1.2, zorder=3)
        if network["maximum"] is not None:
            label = f"maximum of any {network['title']}: {network['maximum']}"
            ax.axhline(network["maximum"], color=_COLORS[name], ls="--", lw=1, label=label)
    ax.set_xticks(range(len(bounds)), [f"[-{b:g}, {b:g}]²" for b in bounds])
    ax.set_xlim(-0.5, len(bounds) - 0.5)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("activation regions")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1.0), ncols=2 * len(networks))
    alt = (
        "Number of activation regions of every seed, by network and bound; a bar marks each mean, whiskers "
        "its confidence interval. "
        + "; ".join(
            f"{row['network']} at bound {row['bound']:g}: mean {row['mean']:.1f}, {row['minimum']} to {row['maximum']}"
            for row in document["statistics"]
        )
    )
    note = f"Exact counts of all seeds. Bars are the means, whiskers their {_percent(document)} confidence intervals."
    return Drawn("figures/counts.png", _png(figure), alt + ".", note, section="counts")


def _percent(document: dict[str, Any]) -> str:
    return f"{100 * document['confidence']:g}%"


def draw_bounds(over: list[Comparison]) -> Drawn:
    """Draw exact counts, what the picture method finds and the theorems' bounds, at up to three of the bounds.

    Parameters
    ----------
    over : list of Comparison
        One a bound, with pictures.
    """
    from matplotlib.figure import Figure

    shown = over if len(over) <= 3 else [over[0], over[len(over) // 2], over[-1]]
    figure = Figure(figsize=(3.5 * len(shown) + 0.6, 4.4), layout="constrained")
    axes = figure.subplots(ncols=len(shown), sharey=True, squeeze=False)[0]
    for ax, comparison in zip(axes, shown, strict=True):
        plot_bounds(comparison, ax)
        ax.set_title(comparison.domain)
        if ax is not axes[0]:
            ax.get_legend().remove()
            ax.set_ylabel("")
    alt = "Exact counts of every seed, what the picture method finds, and bounds. " + "; ".join(
        f"{row.architecture} on {comparison.domain}: exact mean {row.activation_regions.mean:.1f}, {_seen(row)}"
        f"upper bound {shown_number(row.upper_bound)}"
        for comparison in shown
        for row in comparison.summary()
    )
    return Drawn("figures/bounds.png", _png(figure), alt + ".", section="bounds")


def _seen(row: Summary) -> str:
    return "" if row.picture is None else f"picture method {row.picture.mean:.1f}, "


def draw_counterparts(pairs: Comparison) -> Drawn:
    """Draw the counts of the two networks and of their counterparts of equal size."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    ax = plot_distribution(pairs, figure.subplots())
    labels = [f"{row.architecture}\n{row.neurons} neurons, {row.parameters} parameters" for row in pairs.summary()]
    ax.set_xticks(range(len(labels)), labels, fontsize="small")
    ax.set_title(pairs.domain)
    return Drawn("figures/counterparts.png", _png(figure), _means(pairs), section="counterparts")


def draw_growth(sizes: Comparison) -> Drawn:
    """Draw how the count grows with the number of neurons, and with the depth."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.4), layout="constrained")
    axes = figure.subplots(ncols=2, sharey=True)
    for ax, by in zip(axes, ("neurons", "depth"), strict=True):
        plot_growth(sizes, ax, by=by)
        ax.set_title(sizes.domain)
    axes[1].set_ylabel("")
    return Drawn("figures/growth.png", _png(figure), _means(sizes), section="growth")


def _means(comparison: Comparison) -> str:
    means = (f"{row.architecture}: {row.activation_regions.mean:.1f}" for row in comparison.summary())
    return f"Mean number of activation regions on {comparison.domain} with confidence intervals. {'; '.join(means)}."


def _png(figure: Figure) -> bytes:
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(w_pad=0.1, h_pad=0.1)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": SOFTWARE})
    return buffer.getvalue()
