"""The exact regions against the gradient picture: two ways to the same thing, and whether they agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from regions.network.output import output_index
from regions.network.rounding import value_bounds
from regions.pictures.gradient_image import GradientImage, _check_resolution, gradient_image
from regions.pictures.patches import compare_patches
from regions.pictures.raster import rasterize
from regions.pictures.visibility import certain_spacing, sufficient_resolution

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex

__all__ = ["RESOLUTION_LIMIT", "CrossCheck", "cross_check"]

#: Grid points a side beyond which no resolution is named: finer grids would be at the mercy of rounding.
RESOLUTION_LIMIT = 1_000_000_000

# Measured.
_BYTES_A_PIXEL = 400
_STATES = {"PASS": "passed", "FAIL": "FAILED", "INCONCLUSIVE": "inconclusive"}


@dataclass(frozen=True, slots=True, eq=False)
class CrossCheck:
    """The verdict of :func:`cross_check`, with its figures.

    Parameters
    ----------
    image : GradientImage
        The picture.
    n_regions : int
        `R`, the number of regions of the complex.
    n_compared : int
        Pixels whose whole stencil lies in one region.
    n_wrong_gradients : int
        Of these, pixels that do not show their region's gradient.
    largest_deviation : float
        Largest difference between a compared pixel's gradient component and its region's.
    largest_tolerance : float
        Largest rounding bound by which such a difference was judged.
    steepest : float
        Largest gradient component in the complex: what the tolerance is small against.
    n_wrong_values : int
        Grid points at which the network's value is not that of the affine map of the region they lie in.
    n_uncovered, n_overlapping : int
        Grid points of the domain in no region, or well inside two.
    patches_predicted, patches_found : int
        Flat patches that the complex says the picture must show, and those found in the picture alone: connected
        sets of pixels.
    maps_predicted, maps_found : int
        Distinct affine maps among them: patches that continue each other count once.
    n_wrong_flatness : int
        Pixels that are flat in the picture but must not be by the complex, or the other way round.
    n_accidental : int
        Pixels flat by the complex whose stencil lies in no single region: the bends in it cancel, or are none
        because the maps on both sides of a border are equal.
    n_open : int
        Pixels and pairs of pixels where the predicted bend is within rounding, so that the picture was believed.
    visible, hidden : ndarray of int64
        The regions that own a pixel off the border, stencil and all; and those too small or thin to be seen.
    sufficient_resolution : int or None
        Grid points a side that are proven to be enough to show every region; None beyond `RESOLUTION_LIMIT`.
    thinnest : int
        The region that needs the finest grid.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]], [[0.25, 0.5], [0.0]])
    >>> check = regions.cross_check(regions.enumerate_regions(network, 1), resolution=50)
    >>> check.passed, check.patches_found, check.sufficient_resolution
    (True, 4, 14)
    """

    image: GradientImage
    n_regions: int
    n_compared: int
    n_wrong_gradients: int
    largest_deviation: float
    largest_tolerance: float
    steepest: float
    n_wrong_values: int
    n_uncovered: int
    n_overlapping: int
    patches_predicted: int
    patches_found: int
    maps_predicted: int
    maps_found: int
    n_wrong_flatness: int
    n_accidental: int
    n_open: int
    visible: NDArray[np.int64]
    hidden: NDArray[np.int64]
    sufficient_resolution: int | None
    thinnest: int

    @property
    def resolution(self) -> int:
        """Grid points a side."""
        return self.image.resolution

    @property
    def failures(self) -> tuple[str, ...]:
        """What disagrees, then what is `inconclusive`, a sentence each; empty when the check is passed."""
        found = []
        if self.n_wrong_gradients:
            found.append(
                f"{self.n_wrong_gradients} of {self.n_compared} pixels inside a region do not show its gradient "
                f"(largest deviation {self.largest_deviation:.3g}, largest tolerance {self.largest_tolerance:.3g})"
            )
        if self.n_wrong_values:
            found.append(f"at {self.n_wrong_values} grid points the network's value is not that of the region's map")
        if self.n_uncovered:
            found.append(f"{self.n_uncovered} grid points of the domain lie in no region")
        if self.n_overlapping:
            found.append(f"{self.n_overlapping} grid points lie inside more than one region")
        if self.patches_predicted != self.patches_found:
            found.append(f"{self.patches_predicted} flat patches are predicted, {self.patches_found} were found")
        if self.maps_predicted != self.maps_found:
            found.append(f"{self.maps_predicted} distinct affine maps are predicted, {self.maps_found} were found")
        if self.n_wrong_flatness:
            found.append(f"{self.n_wrong_flatness} pixels are flat in one of picture and prediction only")
        return (*found, *self.inconclusive)

    @property
    def inconclusive(self) -> tuple[str, ...]:
        """Why this picture cannot tell a right complex from a wrong one, and what to do; empty when it can."""
        found = []
        n = self.resolution
        if not self.n_compared:
            found.append(
                f"nothing was compared: with {n} grid points a side every pixel's stencil (the pixel and its "
                "neighbours left, right, below and above) reaches across a border, so the picture shows the gradient "
                f"of no region; take a finer resolution, such as {4 * n}, or a smaller domain"
            )
        if self.steepest > 0 and not self.largest_tolerance <= 1e-3 * self.steepest:
            found.append(
                f"the picture's rounding ({self.largest_tolerance:.3g}) is not small against the gradients "
                f"({self.steepest:.3g}), so a wrong gradient would look like a right one; take a coarser resolution, "
                "or a domain that is larger or nearer to the origin"
            )
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Whether picture and complex agree in everything that was compared, and enough was to tell."""
        return not self.failures

    @property
    def verdict(self) -> str:
        """One of PASS, FAIL (something disagrees) and INCONCLUSIVE (nothing does, but this picture could not tell)."""
        if self.passed:
            return "PASS"
        return "INCONCLUSIVE" if self.failures == self.inconclusive else "FAIL"

    def summary(self) -> str:
        """The verdict and its figures, in a few lines.

        Returns
        -------
        str

        Examples
        --------
        >>> import regions
        >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]], [[0.25, 0.5], [0.0]])
        >>> check = regions.cross_check(regions.enumerate_regions(network, 1), resolution=50)
        >>> print(check.summary().splitlines()[0])
        PASS: exact regions against the picture of 50 × 50 points.
        """
        n, right = self.resolution, self.n_compared - self.n_wrong_gradients
        lines = [f"{self.verdict}: exact regions against the picture of {n} × {n} points."]
        unsure = self.inconclusive
        lines += [f"  {'Inconclusive' if fault in unsure else 'Disagreement'}: {fault}." for fault in self.failures]
        lines.append(
            f"  Gradients: {right} of {self.n_compared} pixels inside one region show its gradient; largest deviation "
            f"{self.largest_deviation:.3g}, tolerance {self.largest_tolerance:.3g}."
        )
        lines.append(
            f"  Patches: {self.patches_predicted} flat patches of {self.maps_predicted} affine maps predicted, "
            f"{self.patches_found} of {self.maps_found} found; {self.n_accidental} accidentally flat pixels, "
            f"{self.n_open} left open by rounding."
        )
        lines.append(
            f"  Regions: {len(self.visible)} of {self.n_regions} can be seen, {len(self.hidden)} are too small or thin."
            f" {self._enough()}"
        )
        return "\n".join(lines)

    def _enough(self) -> str:
        if self.sufficient_resolution is None:
            return f"No resolution up to {RESOLUTION_LIMIT} is certain to show all: region {self.thinnest} is too thin."
        return f"A resolution of {self.sufficient_resolution} is sufficient to show all."

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain numbers, strings, lists and booleans, for JSON.

        Returns
        -------
        dict
            A key for every figure; ``hidden`` lists regions, ``visible`` is given as ``n_visible`` only.

        Examples
        --------
        >>> import regions
        >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]], [[0.25, 0.5], [0.0]])
        >>> check = regions.cross_check(regions.enumerate_regions(network, 1), resolution=50)
        >>> check.to_dict()["n_visible"]
        4
        """
        names = (
            "n_regions",
            "n_compared",
            "n_wrong_gradients",
            "largest_deviation",
            "largest_tolerance",
            "steepest",
            "n_wrong_values",
            "n_uncovered",
            "n_overlapping",
            "patches_predicted",
            "patches_found",
            "maps_predicted",
            "maps_found",
            "n_wrong_flatness",
            "n_accidental",
            "n_open",
            "sufficient_resolution",
            "thinnest",
        )
        result: dict[str, Any] = {
            "passed": self.passed,
            "failures": list(self.failures),
            "inconclusive": list(self.inconclusive),
            "resolution": self.resolution,
            "output": self.image.output,
            "n_visible": len(self.visible),
            "hidden": self.hidden.tolist(),
        }
        for name in names:
            value = getattr(self, name)
            # JSON has no infinity.
            result[name] = None if isinstance(value, float) and not np.isfinite(value) else value
        return result

    def __repr__(self) -> str:
        return (
            f"<CrossCheck {_STATES[self.verdict]} at {self.resolution} × {self.resolution}: "
            f"{self.patches_found} flat patches found, {self.patches_predicted} predicted; "
            f"{len(self.visible)} of {self.n_regions} regions visible>"
        )


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
