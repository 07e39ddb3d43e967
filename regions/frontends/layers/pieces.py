"""Piecewise-linear operations as kinks between exact affine values: maxima, minima, clips, folded normalisation."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from regions.frontends.layers.assembly import Assembly, Value
from regions.network.layer import Units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "absolute",
    "affine",
    "clip",
    "constant",
    "kinked",
    "maximum",
    "maximum_of",
    "minimum",
    "minimum_of",
    "normalisation",
    "soft_shrink",
]

# Digits enough that a float64, the square root of one and their quotient are off by far less than a rounding.
_DIGITS = Context(prec=1100)


def constant(numbers: Floats) -> Value:
    """A value that does not depend on the input."""
    return Value({}, np.array(numbers, dtype=np.float64).ravel())


def _full(numbers: ArrayLike, size: int) -> Floats:
    return np.array(np.broadcast_to(np.asarray(numbers, dtype=np.float64).ravel(), (size,)))


def kinked(
    assembly: Assembly, value: Value, below: ArrayLike, above: ArrayLike, *, name: str, kind: str, shape: Sequence[int]
) -> Value:
    """The value times `below` where it is negative, times `above` where it is positive; both broadcast to its size.

    `name` and `kind` are the activation's, `shape` that of the value's tensor; the units are called by the affine map
    whose outputs they bend, where it has a name.
    """
    units = Units(value.pending_name or name, kind, tuple(shape))
    return assembly.kink(value, _full(below, value.size), _full(above, value.size), name, units)


def absolute(assembly: Assembly, value: Value, *, name: str, shape: Sequence[int]) -> Value:
    """The absolute value."""
    return kinked(assembly, value, -1.0, 1.0, name=name, kind="abs", shape=shape)


def clip(
    assembly: Assembly,
    value: Value,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    *,
    name: str,
    kind: str,
    shape: Sequence[int],
) -> Value:
    """The value kept between two bounds, broadcast to its size: min(max(value, low), high).

    ``low + relu(value - low) - relu(value - high)``, both kinks in one layer. A bound may be infinite where it bounds
    nothing. Where low >= high the result is `high`, without a kink. The units are active where the value is beyond
    their bound; their kinds end in ".low" and ".high" where there are both.
    """
    size = value.size
    low = _full(-np.inf if low is None else low, size)
    high = _full(np.inf if high is None else high, size)
    has_low, has_high, fixed = low > -np.inf, high < np.inf, low >= high
    if not (has_low | has_high).any():
        return value
    both = has_low & has_high & ~fixed
    first = np.where(has_low & ~fixed, low, np.where(has_high, high, 0.0))
    below = np.where(has_low | fixed, 0.0, 1.0)
    above = np.where(fixed | (has_high & ~has_low), 0.0, 1.0)
    name_of = value.pending_name or name
    kinds = (f"{kind}.low", f"{kind}.high") if both.any() else (kind, kind)
    units = [Units(name_of, k, tuple(shape)) for k in kinds]
    result = assembly.kink(assembly.shift(value, -first), below, above, name, units[0])
    if both.any():
        second = np.where(both, high, 0.0)
        over = assembly.kink(assembly.shift(value, -second), np.zeros(size), both.astype(float), name, units[1])
        result = assembly.add(result, assembly.scale(over, np.full(size, -1.0)))
    return assembly.shift(result, first)


def soft_shrink(assembly: Assembly, value: Value, width: float, *, name: str, shape: Sequence[int]) -> Value:
    """The value moved towards zero by `width` >= 0, and zero within it: two kinks."""
    if width == 0:
        return value
    size = value.size
    name_of = value.pending_name or name
    parts = []
    for end, slopes, kind in ((width, (0.0, 1.0), "softshrink.high"), (-width, (1.0, 0.0), "softshrink.low")):
        moved = assembly.shift(value, np.full(size, -end))
        below, above = (np.full(size, s) for s in slopes)
        parts.append(assembly.kink(moved, below, above, name, Units(name_of, kind, tuple(shape))))
    return assembly.add(*parts)


def _deciding(
    assembly: Assembly, left: Value, right: Value, units: Units, *, at: NDArray[np.int64] | None = None
) -> Value:
    """Right, and at the places `at` the larger one of it and left."""
    picked = right if at is None else assembly.rows([right], np.column_stack([np.zeros_like(at), at]))
    difference = assembly.add(left, assembly.scale(picked, np.full(left.size, -1.0)))
    difference = Value(difference.terms, difference.bias, units.name)
    gain = assembly.kink(difference, np.zeros(left.size), np.ones(left.size), units.name, units)
    if at is not None:
        places = (at, np.arange(len(at)))
        gain = assembly.linear(
            gain, sparse.csr_array((np.ones(len(at)), places), shape=(right.size, len(at))), np.zeros(right.size), ""
        )
    total = assembly.add(right, gain)
    return Value(total.terms, total.bias)


def maximum(
    assembly: Assembly, left: Value, right: Value, *, name: str, shape: Sequence[int], kind: str = "max"
) -> Value:
    """The larger one of two values, entry by entry: ``right + relu(left - right)``.

    Its units are active where `left` is larger; where both are equal they are not.
    """
    n = left.size
    arguments = np.tile(np.array([[[0, 1], [1, 2]]]), (n, 1, 1))
    units = Units(assembly.unused(name), kind, tuple(shape), arguments, np.arange(n))
    return _deciding(assembly, left, right, units)


def minimum(assembly: Assembly, left: Value, right: Value, *, name: str, shape: Sequence[int]) -> Value:
    """The smaller one of two values, entry by entry; its units are active where `left` is smaller."""
    left, right = (assembly.scale(v, np.full(v.size, -1.0)) for v in (left, right))
    return assembly.scale(maximum(assembly, left, right, name=name, shape=shape, kind="min"), np.full(left.size, -1.0))


def maximum_of(
    assembly: Assembly,
    value: Value,
    index: NDArray[np.int64],
    *,
    name: str,
    shape: Sequence[int],
    kind: str = "max",
) -> Value:
    """The largest entry of every window: a tournament of pairwise maxima, a layer for every round.

    `index`, shape (n, k), has the flat indices of each window's entries, -1 for padding, which takes no part: a window
    of fewer entries has fewer units, and needs one at least. `shape` is that of the output's tensor, of n entries. A
    second maximum of the same name is called ``name#2``.
    """
    used = index >= 0
    if not used.any(axis=1).all():
        raise ValueError("a window of padding alone has no maximum")
    name = assembly.unused(name) if (used.sum(axis=1) > 1).any() else name
    if value.block is None:
        value = assembly.stored(value)
    # The contestants still in, window by window: the entry of `value`, its window, and its range of arguments.
    owner, start = np.nonzero(used)
    entry, end = index[used], start + 1
    while True:
        # An even place within its window, and another contestant of the window right behind.
        first = np.searchsorted(owner, owner)
        even = (np.arange(len(owner)) - first) % 2 == 0
        left = np.flatnonzero(even & np.append(owner[1:] == owner[:-1], False))
        if not len(left):
            break
        left_value = assembly.rows([value], np.column_stack([np.zeros_like(left), entry[left]]))
        # Those that go on: the right one of every pair, and who has no partner.
        stays = np.ones(len(owner), dtype=bool)
        stays[left] = False
        kept = np.flatnonzero(stays)
        right = assembly.rows([value], np.column_stack([np.zeros_like(kept), entry[kept]]))
        arguments = np.stack(
            [np.column_stack([start[left], end[left]]), np.column_stack([start[left + 1], end[left + 1]])], axis=1
        )
        units = Units(name, kind, tuple(shape), arguments, owner[left])
        value = _deciding(assembly, left_value, right, units, at=np.searchsorted(kept, left + 1))
        start[left + 1] = start[left]
        owner, start, end = owner[kept], start[kept], end[kept]
        entry = np.arange(len(kept))
    if np.array_equal(entry, np.arange(value.size)):
        return value
    return assembly.rows([value], np.column_stack([np.zeros_like(entry), entry]))


def minimum_of(assembly: Assembly, value: Value, index: NDArray[np.int64], *, name: str, shape: Sequence[int]) -> Value:
    """The smallest entry of every window; see `maximum_of`."""
    minus = assembly.scale(value, np.full(value.size, -1.0))
    found = maximum_of(assembly, minus, index, name=name, shape=shape, kind="min")
    return assembly.scale(found, np.full(found.size, -1.0))


def normalisation(
    mean: ArrayLike, variance: ArrayLike, epsilon: float, weight: ArrayLike | None = None, bias: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Scale and shift, shape (C,), of a normalisation by fixed statistics, one of each a channel.

    ``scale = weight / sqrt(variance + epsilon)`` is rounded to float64 once; ``shift = bias - mean * scale``, of that
    scale, is rounded once too. With these numbers the network is exact. Weights and biases are ones and zeros where
    left out.
    """
    means, variances = (np.asarray(a, dtype=np.float64).ravel() for a in (mean, variance))
    weights = np.ones(len(means)) if weight is None else np.asarray(weight, dtype=np.float64).ravel()
    biases = np.zeros(len(means)) if bias is None else np.asarray(bias, dtype=np.float64).ravel()
    scales, shifts = [], []
    for m, v, w, b in zip(means.tolist(), variances.tolist(), weights.tolist(), biases.tolist(), strict=True):
        if not (np.isfinite([m, v, w, b]).all() and v + epsilon > 0):
            # The assembly says what is wrong with it.
            scales.append(np.nan)
            shifts.append(np.nan)
            continue
        root = _DIGITS.sqrt(_DIGITS.add(Decimal(v), Decimal(epsilon)))
        scale = float(_DIGITS.divide(Decimal(w), root))
        scales.append(scale)
        shifts.append(float(Fraction(b) - Fraction(m) * Fraction(scale)) if np.isfinite(scale) else np.nan)
    return np.array(scales), np.array(shifts)


def affine(assembly: Assembly, value: Value, scale: ArrayLike, shift: ArrayLike, name: str = "") -> Value:
    """``scale * value + shift``, entry by entry, kept apart from the maps before and after it where not exact."""
    found = assembly.shift(assembly.scale(value, _full(scale, value.size)), _full(shift, value.size))
    return value if found is value else Value(found.terms, found.bias, found.pending_name or name)
