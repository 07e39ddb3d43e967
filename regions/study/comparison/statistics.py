"""Spread of numbers over seeds, and what it says of their mean."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from regions.errors import OptionError

__all__ = ["Ratio", "Spread", "checked_confidence", "confidence_interval", "geometric_ratio", "spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Statistics of a sample.

    Parameters
    ----------
    n : int
        How many numbers.
    mean : float
    standard_deviation : float or None
        Of the sample, n - 1 below; None for one number.
    minimum : int
    median : float
    maximum : int
    interval : (float, float) or None
        Confidence interval of the mean; None for one number.
    """

    n: int
    mean: float
    standard_deviation: float | None
    minimum: int
    median: float
    maximum: int
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as many regions one architecture has as another, seed by seed.

    Parameters
    ----------
    estimate : float
        Geometric mean of the ratios.
    interval : (float, float) or None
        Its confidence interval; None for one seed.
    n : int
        Number of seeds.
    """

    estimate: float
    interval: tuple[float, float] | None
    n: int


def checked_confidence(value: float) -> float:
    """A confidence level above 0 and below 1.

    Raises
    ------
    OptionError
        When it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise OptionError(f"confidence {value!r} was given; a number above 0 and below 1 is needed, such as 0.95.")
    return float(value)


def confidence_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Confidence interval of the mean, by Student's t.

    Parameters
    ----------
    values : sequence of float
        Independent draws, such as the counts of several seeds.
    confidence : float
        Above 0 and below 1.

    Returns
    -------
    (float, float) or None
        None for fewer than two values.

    Raises
    ------
    OptionError
        On another confidence.

    Notes
    -----
    mean ± t s / √n, with the sample's standard deviation s and t the quantile of Student's distribution of n - 1
    degrees of freedom (Student 1908). It is exact for normal values and approximate for others, the better the more
    there are. Equal values have an interval of length zero.

    Examples
    --------
    >>> low, high = confidence_interval([1, 2, 3])
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    level, n = checked_confidence(confidence), len(values)
    if n < 2:
        return None
    mean = statistics.fmean(values)
    reach = float(stdtrit(n - 1, (1 + level) / 2)) * statistics.stdev(values) / math.sqrt(n)
    return mean - reach, mean + reach


def spread(values: Sequence[int], confidence: float = 0.95) -> Spread:
    """Statistics of a sample of counts.

    Parameters
    ----------
    values : sequence of int
        One or more.
    confidence : float
        Of the mean's interval, see :func:`confidence_interval`.

    Returns
    -------
    Spread

    Raises
    ------
    OptionError
        On a confidence that is not above 0 and below 1.

    Examples
    --------
    >>> spread([4])
    Spread(n=1, mean=4.0, standard_deviation=None, minimum=4, median=4.0, maximum=4, interval=None)
    """
    return Spread(
        len(values),
        statistics.fmean(values),
        statistics.stdev(values) if len(values) > 1 else None,
        min(values),
        float(statistics.median(values)),
        max(values),
        confidence_interval(values, confidence),
    )


def geometric_ratio(above: Sequence[int], below: Sequence[int], confidence: float = 0.95) -> Ratio:
    """Geometric mean of ratios, pair by pair, with its confidence interval.

    Parameters
    ----------
    above, below : sequence of int, of equal length
        At least 1 each.
    confidence : float
    """
    logs = [math.log(a / b) for a, b in zip(above, below, strict=True)]
    interval = confidence_interval(logs, confidence)
    return Ratio(
        math.exp(statistics.fmean(logs)),
        None if interval is None else (math.exp(interval[0]), math.exp(interval[1])),
        len(logs),
    )
