"""Arithmetic modulo primes: what is 0 and what is equal, without large integers.

All weights are dyadic rationals, and so is everything that is multiplied and added up from them. Modulo an odd prime a
dyadic rational is a well-defined number, and

- two that differ modulo one prime are different;
- two that agree modulo so many primes that their product exceeds the size of the scaled difference are equal: an
  integer N with ``|N| < 2**bits`` that primes of a product of ``2**bits`` or more divide is 0.

So neither answer rests on chance. Residues are whole float64 numbers below ``2**53``: the products are BLAS's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arithmetic.integers import dyadic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Modular", "extent"]


class Modular:
    """Arithmetic modulo a prime, on arrays of whole float64 numbers.

    Parameters
    ----------
    prime : int
        Odd, below 2**26.
    """

    def __init__(self, prime: int) -> None:
        self.prime = prime
        self._inverse = 1.0 / prime

    def reduce(self, values: Floats) -> Floats:
        """Residues in [0, prime) of whole numbers below 2**53 in magnitude."""
        found: Floats = np.floor(values * self._inverse)
        found *= -self.prime
        found += values
        # The quotient is off by 1 at most.
        found[found < 0] += self.prime
        found[found >= self.prime] -= self.prime
        return found

    def of_floats(self, values: Any) -> Floats:
        """Residues of any floats, read as the dyadic rationals they are."""
        array = np.asarray(values, dtype=np.float64)
        mantissas, exponents = dyadic(array)
        powers, which = np.unique(exponents, return_inverse=True)
        factors = np.array([pow(2, int(e), self.prime) for e in powers], dtype=np.int64)
        found = mantissas % self.prime * factors[which] % self.prime
        return found.astype(np.float64).reshape(array.shape)

    def of_integers(self, values: Any) -> Floats:
        """Residues of nested lists of Python integers."""
        return (np.array(values, dtype=object) % self.prime).astype(np.float64)

    def times(self, a: Any, b: Any) -> Floats:
        """Products of residues."""
        return self.reduce(np.multiply(a, b))

    def dot(self, a: Floats, b: Floats) -> Floats:
        """Inner products over the last axis, of length 3."""
        return self.reduce(self.times(a, b).sum(axis=-1))

    def cross(self, a: Floats, b: Floats) -> Floats:
        """Cross products over the last axis."""
        i, j = [1, 2, 0], [2, 0, 1]
        return self.reduce(self.times(a[..., i], b[..., j]) - self.times(a[..., j], b[..., i]))


def extent(*arrays: Any) -> tuple[int, int]:
    """Exponents t and s >= 0: all magnitudes are below 2**t, all numbers integer multiples of 2**-s."""
    values = np.concatenate([np.ravel(a) for a in arrays])
    values = values[values != 0]
    if not len(values):
        return 0, 0
    return int(np.frexp(values)[1].max()), max(0, -int(dyadic(values)[1].min()))
