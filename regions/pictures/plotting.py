"""Drawing: exact regions, output and gradient images, level lines of log-sum-exp and images of softargmax.

Every function draws on the axes that it is given, or on a new figure, and returns the axes; none of them calls
`show`, saves a file, or changes matplotlib's settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from regions.domain.read import as_domain
from regions.network.output import output_index

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from regions.complex.complex import RegionComplex

__all__ = ["axes_of", "draw_components", "draw_image", "label_axes", "plot_lines", "plot_regions"]

_MANY = 5000
_COLOR_SEED = 0
# By the names of the axes.
DERIVATIVES = ("∂f/∂x₁", "∂f/∂x₂")


def axes_of(ax: Any, **options: Any) -> Any:
    """The axes that were given, or new ones."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained", **options)[1]


def plain_text(text: str) -> str:
    """A name that matplotlib is to show as it is: two dollar signs would make a formula of it."""
    return text.replace("$", r"\$")


def label_axes(ax: Any, title: str) -> None:
    """Name the plane's two coordinates, and the picture."""
    ax.set_xlabel("$x_1$")
    ax.set_ylabel("$x_2$")
    ax.set_title(title)


def draw_image(
    values: NDArray[Any],
    extent: tuple[float, float, float, float],
    ax: Any = None,
    *,
    title: str = "",
    cmap: Any = "viridis",
    vmin: float | None = None,
    vmax: float | None = None,
    colorbar: bool = False,
) -> Any:
    """Draw values on a regular grid, the first row at the bottom.

    Parameters
    ----------
    values : ndarray, shape (N, N)
        Row j, column i: value at (x[i], y[j]).
    extent : (left, right, bottom, top)
        Outer edges of the outermost pixels.
    ax : matplotlib Axes, optional
        A new figure is made where left out.
    title : str
    cmap : str or Colormap
    vmin, vmax : float, optional
        Range of the colour scale.
    colorbar : bool
    """
    ax = axes_of(ax)
    # Nearest: interpolated colours of a cyclic map like prism would show gradients that nobody computed.
    drawn = ax.imshow(
        values,
        origin="lower",
        extent=extent,
        cmap=cmap,
        vmin=vmin,
        vmax=vmax,
        interpolation="nearest",
        aspect="auto" if _oblong(extent) else "equal",
    )
    label_axes(ax, title)
    if colorbar:
        ax.figure.colorbar(drawn, ax=ax)
    return ax


def _oblong(extent: tuple[float, float, float, float]) -> bool:
    width, height = extent[1] - extent[0], extent[3] - extent[2]
    return max(width, height) > 5 * min(width, height)


def draw_components(ax: Any, component: str, draw: Callable[[Any, str], Any]) -> Any:
    """Draw one component on one axes, or both on two.

    Parameters
    ----------
    ax : matplotlib Axes, or a pair of them for both, optional
    component : {"both", "x", "y"}
    draw : callable
        Takes an axes and "x" or "y".

    Raises
    ------
    ValueError
        When `component` is "both" and `ax` is not a pair.
    """
    if component != "both":
        return draw(axes_of(ax), component)
    if ax is None:
        ax = axes_of(None, ncols=2, figsize=(10, 4.6), sharex=True, sharey=True)
    pair = np.asarray(ax, dtype=object).ravel()
    if pair.shape != (2,):
        raise ValueError(
            f"{pair.size} axes were given; two are needed for both components, e.g. plt.subplots(ncols=2)."
        )
    for one_ax, name in zip(pair, "xy", strict=True):
        draw(one_ax, name)
    return pair


def _region_colors(complex: RegionComplex, color: Any, component: str, output: int) -> tuple[NDArray[Any], str]:
    n = complex.n_regions
    counted = f"{n} activation region{'' if n == 1 else 's'}"
    if not isinstance(color, str):
        values = np.asarray(color, dtype=np.float64)
        if values.shape != (n,):
            raise ValueError(f"colours of shape {values.shape} were given; one number a region is needed: ({n},).")
        return values, counted
    if color == "gradient":
        if component not in ("x", "y"):
            raise ValueError(f"component {component!r} was given; allowed are 'x' and 'y'.")
        output = output_index(complex.network, output)
        axis = "xy".index(component)
        several = f" of output {output}" if complex.network.n_outputs > 1 else ""
        title = f"exact {DERIVATIVES[axis]}{several}: {counted}"
        return complex.gradients[:, output, axis], title
    if color == "pattern":
        return complex.patterns.sum(axis=1), f"number of active neurons: {counted}"
    if color == "area":
        # An unbounded region has no colour, nor has one whose area is rounded to 0.
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithms = np.log10(complex.areas)
        return logarithms, f"log₁₀ of the area: {counted}"
    if color == "random":
        return np.random.default_rng(_COLOR_SEED).permutation(n), counted
    raise ValueError(
        f"color {color!r} was given; allowed are 'area', 'gradient', 'pattern', 'random' and one number a region."
    )


def _path(shape: Any) -> Any:
    """A shapely polygon of any shape as a matplotlib path."""
    from matplotlib.path import Path

    rings = shapely.get_rings(shape)
    if not len(rings):
        return Path(np.empty((0, 2)))
    return Path.make_compound_path(*(Path(np.asarray(ring.coords)[:, :2], closed=True) for ring in rings))


def plot_regions(
    complex: RegionComplex,
    ax: Any = None,
    *,
    color: str | ArrayLike = "gradient",
    component: str = "x",
    output: int = 0,
    cmap: Any = "prism",
    vmin: float | None = None,
    vmax: float | None = None,
    edges: bool = True,
    colorbar: bool = False,
    box: Any = None,
) -> Any:
    """Draw the exact regions as polygons.

    Parameters
    ----------
    complex : RegionComplex
    ax : matplotlib Axes, optional
        A new figure is made where left out.
    color : {"gradient", "pattern", "area", "random"} or array_like of shape (R,)
        "gradient" colours by one component of the gradient, "pattern" by the number of active neurons, "area" by
        the logarithm of the area, "random" at random, the same each time.
    component : {"x", "y"}
        Of the gradient.
    output : int
        Which output's gradient.
    cmap : str or Colormap
        `prism`, as in the gradient images, runs through its colours many times, so that most neighbours differ, though
        not all.
    vmin, vmax : float, optional
        Range of the colour scale; the values' own where left out.
    edges : bool
        Draw the borders of the regions.
    colorbar : bool
    box : float, Box or (minx, miny, maxx, maxy), optional
        What to show; regions are cut off there, and rays run to its rim. Where left out, ``complex.view``: the domain,
        or, where it is unbounded, all vertices with some room around them.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        When `color` or `component` is none of these, or there is no such output.
    DomainError
        When the box is not one.

    Notes
    -----
    Anchors of a slice are marked with rings. Beyond 5000 regions the polygons are drawn as pixels also in vector
    formats (PDF, SVG), which would otherwise grow
    by some hundred bytes a region.

    Examples
    --------
    >>> import matplotlib, regions
    >>> matplotlib.use("Agg")
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> plot_regions(regions.enumerate_regions(network, 1)).get_title()
    'exact ∂f/∂x₁: 4 activation regions'
    """
    from matplotlib.collections import PathCollection, PolyCollection

    values, title = _region_colors(complex, color, component, output)
    ax = axes_of(ax)
    minx, miny, maxx, maxy = complex.view if box is None else as_domain(box, convex=True).bounds
    # Without lines, neighbours' antialiased rims let the background shine through; a line in the face's own colour
    # closes the gap.
    many = complex.n_regions > _MANY
    options: dict[str, Any] = {
        "array": np.ma.masked_invalid(values.astype(np.float64)),
        "cmap": cmap,
        "edgecolors": "black" if edges else "face",
        "linewidths": (0.1 if many else 0.4) if edges else 0.2,
        "rasterized": many,
    }
    if complex.bounded.all() and complex.domain.is_convex:
        corners = np.split(complex.vertices[complex.rings], complex.ring_offsets[1:-1])
        drawn: Any = PolyCollection(corners, **options)
    else:
        shapes = complex.clip((minx, miny, maxx, maxy))
        drawn = PathCollection([_path(shape) for shape in shapes], **options)
    drawn.set_clim(vmin, vmax)
    # The limits are set, and far vertices are none.
    ax.add_collection(drawn, autolim=False)
    ax.set_xlim(minx, maxx)
    ax.set_ylim(miny, maxy)
    ax.set_aspect("auto" if _oblong((minx, maxx, miny, maxy)) else "equal")
    label_axes(ax, title)
    if complex.slice is not None and len(complex.slice.anchors):
        ax.plot(*complex.slice.anchors.T, "o", color="black", markerfacecolor="white", markersize=6, zorder=3)
    if colorbar:
        ax.figure.colorbar(drawn, ax=ax)
    return ax


def plot_lines(lines: Any, ax: Any = None, *, color: Any = "black", linewidth: float = 2.0, label: str = "") -> Any:
    """Draw lines, such as those of a level set or of a decision boundary, over what an axes shows.

    Parameters
    ----------
    lines : shapely geometry
        Lines, or areas, of which the rims are drawn.
    ax : matplotlib Axes, optional
        A new figure is made where left out.
    color : matplotlib color
    linewidth : float
    label : str
        For a legend.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import matplotlib, regions
    >>> matplotlib.use("Agg")
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]], activation="abs")
    >>> complex = regions.enumerate_regions(network, 2)
    >>> ax = plot_lines(regions.measures.level_set(complex, 1).lines, plot_regions(complex))
    >>> len(ax.collections)
    2
    """
    from matplotlib.collections import LineCollection

    ax = axes_of(ax)
    parts = shapely.get_parts(lines)
    curves = [curve for part in parts for curve in shapely.get_parts(part.boundary if part.area else part)]
    coordinates = [np.asarray(curve.coords)[:, :2] for curve in curves]
    ax.add_collection(LineCollection(coordinates, colors=[color], linewidths=linewidth, label=label, zorder=2.5))
    return ax
