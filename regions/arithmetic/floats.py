"""The rounding unit, the smallest numbers that bounds need, and rationals as the nearest float64."""

from __future__ import annotations

import math
import sys
from fractions import Fraction

__all__ = ["TINY", "U", "nearest_finite", "rounded", "rounded_sqrt"]

U = 2.0**-53
TINY = 2.0**-960


def nearest_finite(value: Fraction) -> float:
    """The finite float64 nearest to a rational: beyond the largest one, that one.

    Examples
    --------
    >>> nearest_finite(Fraction(1, 4)), nearest_finite(Fraction(-(10**400)))
    (0.25, -1.7976931348623157e+308)
    """
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return sys.float_info.max if value > 0 else -sys.float_info.max


def rounded(value: Fraction | float) -> float:
    """The nearest float64; infinite beyond the range.

    Examples
    --------
    >>> rounded(Fraction(1, 4)), rounded(Fraction(-(10**400)))
    (0.25, -inf)
    """
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def rounded_sqrt(square: Fraction) -> float:
    """The square root of a rational >= 0, rounded once; inf beyond the range of float64.

    Examples
    --------
    >>> rounded_sqrt(Fraction(2)), rounded_sqrt(Fraction(1, 9))
    (1.4142135623730951, 0.3333333333333333)
    """
    n, d = square.numerator, square.denominator
    if n == 0:
        return 0.0
    # At least 64 bits of the root, and one more that says whether any are missing: no rounding takes it for a tie.
    shift = max(0, 64 - (n.bit_length() - d.bit_length()) // 2)
    scaled = (n << (2 * shift)) // d
    root = math.isqrt(scaled)
    sticky = root * root * d != n << (2 * shift)
    try:
        return (2 * root + sticky) / (2 << shift)
    except OverflowError:
        return math.inf
