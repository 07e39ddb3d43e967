"""Numbers that bound nothing: what networks have on average, by a rule of thumb."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import factorial

from regions.bounds._arguments import count_of

__all__ = ["RuleOfThumb", "hanin_rolnick_2019", "shown"]

_DIGITS = 20


@dataclass(frozen=True, slots=True)
class RuleOfThumb:
    """A number to expect, which a network may well have more or fewer regions than.

    It is no number itself, so that it cannot be taken for a bound by mistake: `value` is.

    Parameters
    ----------
    value : Fraction
    text : str
        What rule it is.

    Examples
    --------
    >>> hanin_rolnick_2019(2, 20)
    <RuleOfThumb: about 200, N^2 / 2!; not a bound>
    """

    value: Fraction
    text: str

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        return f"<RuleOfThumb: about {shown(self.value)}, {self.text}; not a bound>"


def hanin_rolnick_2019(input_dimension: int, neurons: int) -> RuleOfThumb:
    """Hanin & Rolnick's rule of thumb for the regions of a network of N neurons: N^D / D!, whatever its depth.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    neurons : int
        `N`, at least 0.

    Returns
    -------
    RuleOfThumb
        N^D / D!, and 2^N where N < D. Not a bound.

    Raises
    ------
    TypeError, ValueError
        On an argument that is not such an integer.

    Notes
    -----
    *Theorem*: the expected number of activation regions that meet a cube, divided by the cube's volume, is at most (T
    N)^D / D! for random weights, if the cube is not too small; T depends on the distribution of biases and gradients,
    not on the depth. The rule takes T and the volume to be 1. Experiments of the paper find it about right at
    initialisation and, within a small factor, during training.

    *Holds for* nothing for certain. A given network, also one drawn at random, has more activation regions or fewer.

    *Paper*: Hanin & Rolnick (2019), "Deep ReLU networks have surprisingly few activation patterns".

    Examples
    --------
    >>> rule = hanin_rolnick_2019(2, 20)
    >>> rule.value
    Fraction(200, 1)
    >>> rule > 100
    Traceback (most recent call last):
    ...
    TypeError: '>' not supported between instances of 'RuleOfThumb' and 'int'
    """
    d, n = count_of("input_dimension", input_dimension, 1), count_of("neurons", neurons, 0)
    if n < d:
        return RuleOfThumb(Fraction(1 << n), "2^N")
    return RuleOfThumb(Fraction(n**d, factorial(d)), f"N^{d} / {d}!")


def shown(value: int | Fraction) -> str:
    """A number for people: all digits of an integer, but of a long one only the first, as of a fraction."""
    whole = round(value)
    if abs(whole) >= 10**_DIGITS:
        # Neither a float nor str() holds every integer.
        return f"{Decimal(whole):.5e}"
    return str(whole) if value == whole else f"{float(value):.6g}"
