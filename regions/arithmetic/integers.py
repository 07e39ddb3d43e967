"""Floats as the dyadic rationals that they are: integers and powers of two, and lines and points of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.underflow import require_gradual_underflow

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["SparseIntegers", "cross", "dyadic", "scaled_integers"]

Triple = tuple[int, int, int]


def dyadic(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return odd integers (or 0) and exponents, flat, with ``values == integers * 2.0**exponents`` exactly."""
    require_gradual_underflow()
    fraction, exponent = np.frexp(np.ascontiguousarray(values, dtype=np.float64).ravel())
    mantissa = (fraction * 2.0**53).astype(np.int64)
    used = mantissa != 0
    # Trailing zero bits are shifted out: weights such as 0.5 then stay one-digit integers.
    zeros = np.zeros(mantissa.shape, dtype=np.int64)
    zeros[used] = np.log2((mantissa[used] & -mantissa[used]).astype(np.float64)).astype(np.int64)
    mantissa >>= zeros
    return mantissa, np.where(used, exponent.astype(np.int64) - 53 + zeros, 0)


def scaled_integers(*arrays: NDArray[np.float64]) -> tuple[list[list[int]], int]:
    """Return integers and one exponent s >= 0 with ``array == integers / 2**s`` exactly, for all arrays at once.

    Examples
    --------
    >>> scaled_integers(np.array([0.5, 3.0]), np.array([0.25]))
    ([[2, 12], [1]], 2)
    """
    parts = [dyadic(array) for array in arrays]
    lowest = min((int(places.min()) for _, places in parts if len(places)), default=0)
    lowest = min(lowest, 0)
    return [
        [m << max(e - lowest, 0) for m, e in zip(ms.tolist(), es.tolist(), strict=True)] for ms, es in parts
    ], -lowest


class SparseIntegers:
    """A sparse integer matrix, which multiplies an ``fmpz_mat`` from the left.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array
        For its structure.
    values : list of int
        One for each entry that the matrix stores.
    """

    def __init__(self, matrix: Any, values: list[int]) -> None:
        self._shape = matrix.shape
        self._indptr, self._indices, self._values = matrix.indptr.tolist(), matrix.indices.tolist(), values

    def __mul__(self, other: Any) -> Any:
        """The product, an ``fmpz_mat``."""
        columns = other.ncols()
        entries = other.entries()
        out = []
        for i in range(self._shape[0]):
            here = range(self._indptr[i], self._indptr[i + 1])
            out += [
                sum((self._values[p] * entries[self._indices[p] * columns + c] for p in here), start=0)
                for c in range(columns)
            ]
        return type(other)(self._shape[0], columns, out)

    def row(self, i: int) -> SparseIntegers:
        """One row, as a matrix."""
        found = SparseIntegers.__new__(SparseIntegers)
        first, stop = self._indptr[i], self._indptr[i + 1]
        found._shape, found._indptr = (1, self._shape[1]), [0, stop - first]
        found._indices, found._values = self._indices[first:stop], self._values[first:stop]
        return found


def cross(p: Any, q: Any) -> Any:
    """Cross product of two 3-vectors: the line through two points, or the point on two lines."""
    return (p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0])
