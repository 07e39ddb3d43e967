"""The comparison of a network with what it was read from, on random points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["check_batch", "check_outputs", "random_points"]

# Of longer points and outputs a message shows the first numbers.
_SHOWN = 16


def random_points(dimension: int, scales: Sequence[float], count: int) -> Floats:
    """Points of several scales, `count` of each: shape (P, D)."""
    random = np.random.default_rng(20250517)
    return np.concatenate([scale * random.standard_normal((count, dimension)) for scale in scales])


def _difference(theirs: Floats, ours: Floats, allowed: Floats) -> int | None:
    """The first point, a row, where outputs differ by more than is allowed, which may be infinite; None for none."""
    if theirs.shape != ours.shape:
        return 0
    with np.errstate(all="ignore"):
        # Where a bound overflows, rounding explains anything.
        wrong = np.isfinite(allowed) & ~(np.abs(ours - theirs) <= allowed)
    return int(np.argwhere(wrong)[0][0]) if wrong.any() else None


def check_outputs(
    points: Floats, theirs: Floats, ours: Floats, allowed: Floats, *, of: str, explained: str = "", do: str
) -> None:
    """Refuse a network that differs from what it was read from, the model, the file or the estimator.

    Points have shape (P, D), outputs and how far they may lie apart (P, O). `explained` is the type whose rounding
    allows for that, `do` says what is allowed and what to look for.
    """
    row = _difference(theirs, ours, allowed)
    if row is not None:
        point, given, read = (_short(array[row]) for array in (points, theirs, ours))
        if explained and theirs.shape == ours.shape:
            explained = f" Rounding in {explained} explains {allowed[row].max():.3g} at most."
        raise CaptureError(
            f"The network that was read differs from the {of}: at the point {point} the {of} gives {given}, the "
            f"network {read}.{explained} {do}"
        )


def check_batch(points: Floats, theirs: Floats, ours: Floats, allowed: Floats, sizes: tuple[int, int], do: str) -> None:
    """Refuse a model whose outputs in a batch of one size are not those in a batch of the other."""
    row = _difference(theirs, ours, allowed)
    if row is not None:
        point, given, read = (_short(array[row]) for array in (points, theirs, ours))
        raise CaptureError(
            f"The model computes something else in a batch of {sizes[0]} than in a batch of {sizes[1]}: at the "
            f"point {point} it gives {given}, and {read} there. Allowed is a model whose output at a point depends "
            f"on that point alone. {do}"
        )


def _short(row: Any) -> str:
    shown = row[:_SHOWN].tolist()
    return str(shown) if len(row) <= _SHOWN else f"{str(shown)[:-1]}, ... {len(row)} numbers]"
