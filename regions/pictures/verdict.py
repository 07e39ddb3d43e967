"""What a cross-check found: the verdict with its figures, as text and as numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.pictures.gradient_image import GradientImage

__all__ = ["RESOLUTION_LIMIT", "CrossCheck"]

#: Grid points a side beyond which no resolution is named: finer grids would be at the mercy of rounding.
RESOLUTION_LIMIT = 1_000_000_000

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
        result: dict[str, Any] = {
            "passed": self.passed,
            "failures": list(self.failures),
            "inconclusive": list(self.inconclusive),
            "resolution": self.resolution,
            "output": self.image.output,
            "n_visible": len(self.visible),
            "hidden": self.hidden.tolist(),
        }
        for name in (field.name for field in fields(self) if field.name not in {"image", "visible", "hidden"}):
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
