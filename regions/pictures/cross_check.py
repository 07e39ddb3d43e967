"""The exact regions against the gradient picture: two ways to the same thing, and whether they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from regions.network.output import output_index
from regions.network.rounding import value_bounds
from regions.pictures.gradient_image import GradientImage, _check_resolution, gradient_image
from regions.pictures.patches import compare_patches
from regions.pictures.raster import rasterize
from regions.pictures.verdict import RESOLUTION_LIMIT, CrossCheck
from regions.pictures.visibility import certain_spacing, sufficient_resolution

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex

__all__ = ["cross_check"]

# Measured.
_BYTES_A_PIXEL = 400


def cross_check(complex: RegionComplex, resolution: int = 500, *, output: int = 0) -> CrossCheck:
    """Compare the exact regions with the picture that numerical differentiation gives.

    Parameters
    ----------
    complex : RegionComplex
        The picture is made of its network over its domain (over the bounding box, if the domain is a polygon; only
        pixels inside the polygon count).
    resolution : int
        `N`, the number of grid points a side, 3 or more. Time and memory grow with N²: about 0.4 kB a pixel, so at
        most 4634, for 8 GiB.
    output : int
        Which output to look at.

    Returns
    -------
    CrossCheck
        It never hides a disagreement: every one that was found is in `failures`, and `passed` is False. It is False
        as well where nothing disagrees but the picture is too coarse or too inexact to tell; `inconclusive` says why,
        and what to do.

    Raises
    ------
    DomainError, InvalidNetworkError, ValueError
        As :func:`regions.gradient_image`.

    Notes
    -----
    Three comparisons. The complex enters with its polygons, gradients and offsets, the picture with nothing but the
    network's values. Activation patterns cannot be read off a picture, so they are not compared;
    `regions.testing.assert_valid_complex` checks them.

    *Gradients.* Which region a grid point lies in is read from the polygons. A pixel's stencil is what
    `numpy.gradient` reads: the pixel itself and its neighbours left, right, below and above, as far as the grid has
    them. A pixel whose stencil lies in one region must show that region's gradient; and every grid point must have
    the value of its region's affine map.

    *Patches.* In the picture alone a pixel off the border is flat when the slopes to its left and right are equal,
    and those below and above; flat pixels that touch (by sides or corners) and have equal gradients make a patch.
    The prediction is the same count for the values that the region's affine maps give. Where the stencil lies in
    one region, the pixel is flat. Elsewhere the bends usually show; where they cancel, or where the maps on both
    sides are equal, the pixel is flat by accident, in prediction and picture alike. A region is usually one patch;
    a thin oblique one, whose grid points do not touch, is several. So the distinct affine maps among the patches
    are counted as well: in generic position, that is the number of visible regions.

    *Visibility.* A region can be seen if it owns a pixel off the border with its whole stencil (on the border the
    one-sided stencil cannot tell flat from bent). The sufficient resolution comes from the largest copy of the
    stencil, widened by a pixel, that fits into each region; see `regions.pictures.visibility`. It is proven to be
    enough, also for every finer grid; less may happen to be enough.

    *Tolerance.* With u = 2⁻⁵³, the float64 value at a grid point p differs from the exact one by at most e(p) = γ
    A(p), where A(p) is the network with absolute weights on the units active at p, and γ = K u / (1 - K u) with K
    the number of inputs of all layers and a constant; see `regions.network.rounding`. The same bounds the value that a
    region's map gives. So a value of the picture and of the prediction differ by at most b = 3 e, the roundings of
    one difference included; a slope over a spacing h by (b₁ + b₂)/h, a bend by (b₋ + 2 b + b₊)/h =: τ. A pixel is
    flat in the picture when its bend is at most 2 τ. So it must be found flat where the predicted bend is at most
    τ, and must not where it exceeds 3 τ; between, the picture is believed and the pixel counted as open. The same
    with the differences of gradients and of affine maps. A gradient is compared within 2 τ. This tolerance is about
    float pictures; which regions exist does not depend on it.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]], [[0.25, 0.5], [0.0]])
    >>> regions.cross_check(regions.enumerate_regions(network, 1), resolution=50)
    <CrossCheck passed at 50 × 50: 4 flat patches found, 4 predicted; 4 of 4 regions visible>
    """
    output = output_index(complex.network, output)
    _check_resolution(resolution, 3, _BYTES_A_PIXEL)
    image = gradient_image(complex.network, complex.domain, resolution, output=output)
    hx, hy = np.diff(image.x).min(), np.diff(image.y).min()
    slack = 2.0**-20 * float(min(hx, hy))
    raster = rasterize(complex, image.x, image.y, slack)
    bound = 3 * value_bounds(complex.network, image.x, image.y, output)

    known = raster.inside & (raster.labels >= 0)
    gradient, offset = complex.gradients[:, output], complex.offsets[:, output]
    predicted = (
        gradient[raster.labels, 0] * image.x + gradient[raster.labels, 1] * image.y[:, None] + offset[raster.labels]
    )
    predicted[~known] = np.nan
    with np.errstate(invalid="ignore"):
        n_wrong_values = int((known & ~(np.abs(image.values - predicted) <= bound)).sum())

    patches = compare_patches(image, predicted, bound, raster.inside)
    off_border = np.pad(np.ones((resolution - 2, resolution - 2), dtype=bool), 1)
    owned = _owned(complex, image, raster.labels, patches.flat | ~off_border, predicted, bound, slack)
    must_be_flat = patches.flat | (owned & off_border)
    wrong, deviation, tolerance = _compare_gradients(image, gradient, raster.labels, owned, bound)
    visible = np.unique(raster.labels[owned & off_border])
    spacing = certain_spacing(complex)
    return CrossCheck(
        image=image,
        n_regions=complex.n_regions,
        n_compared=int(owned.sum()),
        n_wrong_gradients=wrong,
        largest_deviation=deviation,
        largest_tolerance=tolerance,
        steepest=float(np.abs(gradient).max()),
        n_wrong_values=n_wrong_values,
        n_uncovered=raster.n_uncovered,
        n_overlapping=raster.n_overlapping,
        patches_predicted=patches.predicted,
        patches_found=patches.found,
        maps_predicted=patches.maps_predicted,
        maps_found=patches.maps_found,
        n_wrong_flatness=int((must_be_flat != patches.found_flat).sum()),
        n_accidental=int((patches.flat & ~owned).sum()),
        n_open=patches.n_open,
        visible=visible,
        hidden=np.setdiff1d(np.arange(complex.n_regions), visible),
        sufficient_resolution=sufficient_resolution(float(spacing.min()), RESOLUTION_LIMIT),
        thinnest=int(spacing.argmin()),
    )


_ARMS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def _arm(row_step: int, column_step: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of the pixels that have a neighbour there, and of these neighbours."""
    here = {0: slice(None), 1: slice(None, -1), -1: slice(1, None)}
    there = {0: slice(None), 1: slice(1, None), -1: slice(None, -1)}
    return (here[row_step], here[column_step]), (there[row_step], there[column_step])


def _owned(
    complex: RegionComplex,
    image: GradientImage,
    labels: NDArray[np.int64],
    maybe: NDArray[np.bool_],
    predicted: NDArray[np.float64],
    bound: NDArray[np.float64],
    slack: float,
) -> NDArray[np.bool_]:
    """Pixels whose stencil lies in the region of the pixel itself.

    An arm that ends on the region's border, and so may carry the label of the region beyond, counts as inside: it lies
    within `slack`, and the region's own map gives the value there. Only pixels in `maybe` can have such arms.
    """
    owned = labels >= 0
    for step in _ARMS:
        here, there = _arm(*step)
        owned[here] &= labels[here] == labels[there]
    doubtful = np.argwhere(maybe & (labels >= 0) & ~owned)
    home = labels[tuple(doubtful.T)]
    gradient, offset = complex.gradients[home, image.output], complex.offsets[home, image.output]
    fits = np.ones(len(doubtful), dtype=bool)
    for step in _ARMS:
        row, column = (doubtful + step).T
        on_grid = (row >= 0) & (row < len(labels)) & (column >= 0) & (column < len(labels))
        row, column = np.where(on_grid, row, 0), np.where(on_grid, column, 0)
        other = np.flatnonzero(fits & on_grid & (labels[row, column] != home))
        j, i = row[other], column[other]
        own_value = gradient[other, 0] * image.x[i] + gradient[other, 1] * image.y[j] + offset[other]
        points = shapely.points(image.x[i], image.y[j])
        with np.errstate(invalid="ignore"):
            fits[other] = (np.abs(own_value - predicted[j, i]) <= bound[j, i]) & (
                shapely.distance(complex.polygons[home[other]], points) <= slack
            )
    owned[tuple(doubtful[fits].T)] = True
    return owned


def _compare_gradients(
    image: GradientImage,
    gradient: NDArray[np.float64],
    labels: NDArray[np.int64],
    owned: NDArray[np.bool_],
    bound: NDArray[np.float64],
) -> tuple[int, float, float]:
    """Number of owned pixels with a wrong gradient, largest deviation, largest tolerance."""
    wrong = np.zeros(owned.shape, dtype=bool)
    deviation = tolerance = 0.0
    for axis, shown, h in ((0, image.dx, np.diff(image.x).min()), (1, image.dy, np.diff(image.y).min())):
        reach = 2 * bound
        for step in _ARMS[2 * axis : 2 * axis + 2]:
            here, there = _arm(*step)
            reach[here] += bound[there]
        allowed = 2 * reach / h
        difference = np.abs(shown - gradient[labels, axis])
        wrong |= owned & ~(difference <= allowed)
        if owned.any():
            deviation = max(deviation, float(difference[owned].max()))
            tolerance = max(tolerance, float(allowed[owned].max()))
    return int(wrong.sum()), deviation, tolerance
