"""The rounding unit, the smallest numbers that bounds need, and rationals as the nearest float64."""

from __future__ import annotations

import math
import sys
from fractions import Fraction

__all__ = ["LOSSY", "SMALLEST", "TINY", "U", "nearest_finite", "rounded", "rounded_quotient", "rounded_sqrt"]

#: Half the distance from 1 to the next float64: what one operation errs by, relatively.
U = 2.0**-53
#: More than all that underflows in a bound or in what it bounds, and nothing beside any other error.
TINY = 2.0**-960
#: The smallest float64 > 0.
SMALLEST = 5e-324
#: Below it a sum of products may have lost digits to underflow.
LOSSY = 2.0**-900


def rounded_quotient(numerator: int, denominator: int, largest: float = math.inf) -> float:
    """The float64 nearest to a quotient of integers, the second of them > 0; beyond the range ±`largest`."""
    try:
        return numerator / denominator
    except OverflowError:
        return largest if numerator > 0 else -largest


def nearest_finite(value: Fraction) -> float:
    """The finite float64 nearest to a rational: beyond the largest one, that one.

    Examples
    --------
    >>> nearest_finite(Fraction(1, 4)), nearest_finite(Fraction(-(10**400)))
    (0.25, -1.7976931348623157e+308)
    """
    return rounded_quotient(value.numerator, value.denominator, sys.float_info.max)


def rounded(value: Fraction | float) -> float:
    """The nearest float64; infinite beyond the range.

    Examples
    --------
    >>> rounded(Fraction(1, 4)), rounded(Fraction(-(10**400)))
    (0.25, -inf)
    """
    return float(value) if isinstance(value, float) else rounded_quotient(value.numerator, value.denominator)


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
    return rounded_quotient(2 * root + sticky, 2 << shift)
