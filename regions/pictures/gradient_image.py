"""The picture method: the network's output on a regular grid, and its numerical gradient as an image."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.domain.convex import Box
from regions.domain.read import as_domain
from regions.enumeration.enumerate import planar_network
from regions.errors import DomainError, InvalidNetworkError
from regions.network.output import output_index
from regions.pictures.plotting import DERIVATIVES, draw_components, draw_image

if TYPE_CHECKING:
    from numpy.typing import NDArray


__all__ = ["MEMORY_LIMIT", "GradientImage", "gradient_image", "plot_output"]

#: Bytes beyond which a resolution is refused: by mistake a number of points is soon given that exhausts the memory.
MEMORY_LIMIT = 2**33

_BLOCK_BYTES = 1 << 19
# Of the result's three arrays of float64, and of what `numpy.gradient` needs besides.
_BYTES_A_PIXEL = 40


@dataclass(frozen=True, slots=True, eq=False)
class GradientImage:
    """One output of a network on a regular grid, with its numerical gradient; made by :func:`gradient_image`.

    `N` grid points a side. Row j and column i belong to the point (x[i], y[j]): the first row is the lowest.

    Parameters
    ----------
    x, y : ndarray, shape (N,), float64
        The grid's coordinates, ascending, in the units of the input.
    values : ndarray, shape (N, N), float64
        The output at the grid points.
    dx, dy : ndarray, shape (N, N), float64
        Its derivatives by x and y as `numpy.gradient` gives them: central differences inside, one-sided ones on
        the border.
    output : int
        Which output of the network it is.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]], [[0.25, 0.5], [0.0]])
    >>> image = regions.gradient_image(network, 1, resolution=50)
    >>> image.values.shape, image.dx.max().round(6), image.dy.max().round(6)
    ((50, 50), np.float64(1.0), np.float64(2.0))
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    values: NDArray[np.float64]
    dx: NDArray[np.float64]
    dy: NDArray[np.float64]
    output: int = 0

    def __post_init__(self) -> None:
        for name in ("x", "y", "values", "dx", "dy"):
            getattr(self, name).setflags(write=False)

    @property
    def resolution(self) -> int:
        """`N`, the number of grid points a side."""
        return len(self.x)

    @property
    def spacing(self) -> tuple[float, float]:
        """Distance of neighbouring grid points along x and along y."""
        n = self.resolution - 1
        return (float(self.x[-1] - self.x[0]) / n, float(self.y[-1] - self.y[0]) / n)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """(left, right, bottom, top) for `imshow`: the grid points are the pixels' centres, so half a pixel more."""
        hx, hy = self.spacing
        x, y = self.x, self.y
        return (
            float(x[0]) - hx / 2,
            float(x[-1]) + hx / 2,
            float(y[0]) - hy / 2,
            float(y[-1]) + hy / 2,
        )

    def plot(
        self,
        ax: Any = None,
        component: str = "both",
        *,
        cmap: Any = "prism",
        vmin: float | None = None,
        vmax: float | None = None,
        colorbar: bool = False,
    ) -> Any:
        """Draw the numerical gradient.

        Parameters
        ----------
        ax : matplotlib Axes, or a pair of them for both components, optional
            A new figure is made where left out.
        component : {"both", "x", "y"}
        cmap : str or Colormap
            `prism` runs through its colours many times, so that most neighbouring regions differ, though not all.
        vmin, vmax : float, optional
            Range of the colour scale; the image's own where left out.
        colorbar : bool

        Returns
        -------
        Axes, or ndarray of two Axes for both components

        Raises
        ------
        ValueError
            When `component` is none of these, or `ax` does not fit it.

        Examples
        --------
        >>> import matplotlib, regions
        >>> matplotlib.use("Agg")
        >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
        >>> regions.gradient_image(network, 1, resolution=50).plot(component="x").get_title()
        'numerical ∂f/∂x₁'
        """
        images = {"x": self.dx, "y": self.dy}
        if component not in ("both", *images):
            raise ValueError(f"component {component!r} was given; allowed are 'both', 'x' and 'y'.")

        def draw(one_ax: Any, name: str) -> Any:
            return draw_image(
                images[name],
                self.extent,
                one_ax,
                title=f"numerical {DERIVATIVES['xy'.index(name)]}",
                cmap=cmap,
                vmin=vmin,
                vmax=vmax,
                colorbar=colorbar,
            )

        return draw_components(ax, component, draw)

    def __repr__(self) -> str:
        return (
            f"<GradientImage of output {self.output} on {self.resolution} × {self.resolution} points of "
            f"[{self.x[0]:g}, {self.x[-1]:g}] × [{self.y[0]:g}, {self.y[-1]:g}]>"
        )


def _as_box(bound: Any) -> Box:
    if isinstance(bound, tuple | list | np.ndarray):
        if len(bound) != 4:
            raise DomainError(
                f"a bound of {len(bound)} numbers was given; allowed are a number b for [-b, b]², a regions.Box and "
                "(minx, miny, maxx, maxy)."
            )
        return Box(*bound)
    return Box(*as_domain(bound, convex=True).bounds)


def _axis(low: float, high: float, resolution: int) -> NDArray[np.float64]:
    width = high - low
    if not np.isfinite(width):
        raise DomainError(f"[{low}, {high}] is wider than float64 can hold; give a smaller bound.")
    points = np.linspace(low, high, resolution)
    # Coarser than the spacing would be a few units in the last place: neighbouring points would coincide, or nearly so.
    if not (np.diff(points) > 16 * np.finfo(float).eps * max(abs(low), abs(high))).all():
        raise DomainError(
            f"[{low}, {high}] is too narrow for {resolution} grid points in float64; give fewer points, a larger box, "
            "or a box nearer to the origin."
        )
    return points


def gradient_image(model: Any, bound: Any, resolution: int = 500, *, output: int = 0) -> GradientImage:
    """Evaluate a network on a regular grid and differentiate numerically: where it is affine, the picture is flat.

    Where the whole stencil of a pixel lies in one region, the picture shows that region's gradient; where it
    crosses a border, a mixture. :func:`regions.cross_check` compares it with the exact regions.

    Parameters
    ----------
    model : Network or torch.nn.Module
        With two inputs.
    bound : float, Box, (minx, miny, maxx, maxy) or a convex polygon
        A number b means [-b, b]²; of a polygon, its bounding box is taken.
    resolution : int
        `N`, the number of grid points a side, 2 or more; the outermost ones lie on the box's rim. At most 14654:
        beyond, the 40 bytes a pixel would exceed `MEMORY_LIMIT`, 8 GiB.
    output : int
        Which output to look at.

    Returns
    -------
    GradientImage

    Raises
    ------
    DomainError
        When the bound is no box, or so narrow that float64 cannot hold the grid.
    InvalidNetworkError
        When the network does not have two inputs, or overflows float64 on the grid.
    OptionError
        When there is no such output.
    ValueError
        When the resolution is not an integer >= 2, or would take too much memory.

    Notes
    -----
    The network is evaluated in float64, whatever the type of the model's weights: a difference of two neighbouring
    values divided by a spacing h carries an error of about (unit roundoff · value) / h, which in float32 (6e-8)
    would hide the gradients of a fine grid, and in float64 (1e-16) does not. Weights are read exactly, so this
    changes the rounding, not the function. Besides the result's three arrays of N² numbers, and two more while they are
    made, memory is bounded: points are evaluated in blocks.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> image = regions.gradient_image(network, 1, resolution=4)
    >>> image
    <GradientImage of output 0 on 4 × 4 points of [-1, 1] × [-1, 1]>
    >>> image.dy[:, 0].round(6)
    array([0. , 0.5, 1.5, 2. ])
    """
    network = planar_network(model)
    box = _as_box(bound)
    output = output_index(network, output)
    _check_resolution(resolution, 2, _BYTES_A_PIXEL)
    x, y = _axis(box.minx, box.maxx, resolution), _axis(box.miny, box.maxy, resolution)
    values = np.empty(resolution * resolution)
    # A block's widest array stays in the cache, which is faster as well as smaller than all points at once.
    block = max(64, _BLOCK_BYTES // (8 * max(network.widths)))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(values), block):
            rows, columns = np.divmod(np.arange(start, min(start + block, len(values))), resolution)
            values[start : start + block] = network(np.column_stack([x[columns], y[rows]]))[:, output]
    if not np.isfinite(values).all():
        raise InvalidNetworkError(
            f"the network's output is not finite in float64 on {box!r}; give a smaller bound or smaller weights."
        )
    image = values.reshape(resolution, resolution)
    # Coordinates, not one spacing: grid points are rounded, so far from the origin they are not evenly spaced, and the
    # formula for uneven spacing is exact on affine functions.
    dy, dx = np.gradient(image, y, x)
    return GradientImage(x, y, image, dx, dy, output)


def _check_resolution(resolution: Any, least: int, bytes_a_pixel: int) -> None:
    if isinstance(resolution, bool) or not isinstance(resolution, int | np.integer) or resolution < least:
        raise ValueError(f"resolution {resolution!r} was given; an integer >= {least} is needed.")
    # A Python integer: numpy's would overflow.
    needed = bytes_a_pixel * int(resolution) ** 2
    if needed > MEMORY_LIMIT:
        largest = isqrt(MEMORY_LIMIT // bytes_a_pixel)
        raise ValueError(
            f"resolution {resolution} was given, for which {resolution} × {resolution} pixels would take "
            f"{needed / 2**30:,.1f} GiB; allowed are {MEMORY_LIMIT / 2**30:g} GiB, a resolution up to {largest}. "
            "Give a lower one, or look at a smaller domain."
        )


def plot_output(
    model: Any,
    bound: Any,
    resolution: int = 300,
    ax: Any = None,
    *,
    output: int = 0,
    cmap: Any = "viridis",
    colorbar: bool = True,
) -> Any:
    """Draw one output of a network as an image, on a regular grid.

    Parameters
    ----------
    model : Network or torch.nn.Module
        With two inputs.
    bound : float, Box, (minx, miny, maxx, maxy) or a convex polygon
        A number b means [-b, b]².
    resolution : int
        Grid points a side.
    ax : matplotlib Axes, optional
        A new figure is made where left out.
    output : int
    cmap : str or Colormap
    colorbar : bool

    Returns
    -------
    Axes

    Raises
    ------
    DomainError, InvalidNetworkError, ValueError
        As :func:`regions.gradient_image`.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]], [[0.25, 0.5], [0.0]])
    >>> from regions.pictures.gradient_image import plot_output
    >>> plot_output(network, 1, resolution=50).get_xlabel() != ""
    True
    """
    image = gradient_image(model, bound, resolution, output=output)
    title = f"output on [{image.x[0]:g}, {image.x[-1]:g}] × [{image.y[0]:g}, {image.y[-1]:g}]"
    return draw_image(image.values, image.extent, ax, title=title, cmap=cmap, colorbar=colorbar)
