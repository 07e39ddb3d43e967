"""Steepness: the norms of the regions' gradients, and the largest of them, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from regions.arithmetic.floats import U, rounded_sqrt
from regions.network.integers import ExactLines
from regions.network.rounding import map_bounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex

    Floats = NDArray[np.float64]

__all__ = ["LipschitzConstant", "gradient_norms", "lipschitz_constant"]

_NORMS = (1, 2, np.inf, "fro")

Norm = Literal["fro"] | float


def _check_norm(norm: Any) -> None:
    if norm not in _NORMS:
        raise ValueError(f"norm={norm!r} was given; allowed are 1, 2, numpy.inf and 'fro'.")


def gradient_norms(complex: RegionComplex, norm: Norm = 2) -> Floats:
    """Norm of every region's gradient: the network's Lipschitz constant on the region.

    Parameters
    ----------
    complex : RegionComplex
    norm : {2, 1, numpy.inf, "fro"}
        Which norm measures inputs and outputs. 2 gives the spectral norm of the matrix of partial derivatives, for one
        output the gradient's length; 1 the largest sum of a column's magnitudes; infinity the largest sum of a row's.
        "fro" is the Frobenius norm of the matrix, an upper bound of the spectral norm, and equal to it for one output.

    Returns
    -------
    ndarray, shape (R,), float64
        Computed from ``complex.gradients``, in float64.

    Raises
    ------
    ValueError
        When the norm is none of these.

    Notes
    -----
    Novak et al. (2018, "Sensitivity and generalization in neural networks", arXiv 1802.08760) relate the Frobenius
    norm, averaged over data, to generalisation.

    Examples
    --------
    >>> import numpy as np, regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[3.0, 4.0]]])
    >>> complex = regions.enumerate_regions(network, 1)
    >>> gradient_norms(complex)
    array([0., 3., 5., 4.])
    >>> gradient_norms(complex, np.inf)
    array([0., 3., 7., 4.])
    """
    _check_norm(norm)
    jacobians = np.abs(complex.gradients)
    with np.errstate(over="ignore", invalid="ignore"):
        if norm in (1, np.inf):
            return jacobians.sum(axis=1 if norm == 1 else 2).max(axis=1)
        size = np.maximum(jacobians.max(axis=(1, 2)), np.finfo(float).tiny)
        scaled = complex.gradients / size[:, None, None]
        xx, yy = (scaled**2).sum(axis=1).T
        if norm == "fro":
            return np.sqrt(xx + yy) * size
        # The largest eigenvalue of the 2 × 2 matrix of the columns' products.
        xy = (scaled[..., 0] * scaled[..., 1]).sum(axis=1)
        return np.sqrt((xx + yy + np.hypot(xx - yy, 2 * xy)) / 2) * size


@dataclass(frozen=True, slots=True)
class LipschitzConstant:
    """The smallest Lipschitz constant of a network over a complex's domain.

    Made by :func:`lipschitz_constant`.

    Parameters
    ----------
    value : float
        The exact constant, rounded once.
    region : int
        The first region on which it is attained, decided exactly.
    norm : {2, 1, inf, "fro"}
    squared : Fraction or None
        The exact square where that is rational: for the norms 1, infinity and "fro" always, for the norm 2 of one
        output always, of several outputs sometimes.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> lipschitz_constant(regions.enumerate_regions(network, 1))
    LipschitzConstant(value=2.23606797749979, region=2, norm=2, squared=Fraction(5, 1))
    """

    value: float
    region: int
    norm: Norm
    squared: Fraction | None

    @property
    def exact(self) -> Fraction | None:
        """The constant as a rational, where it is one."""
        return None if self.squared is None else _rational_root(self.squared)


def lipschitz_constant(complex: RegionComplex, norm: Norm = 2) -> LipschitzConstant:
    """The smallest Lipschitz constant of the network over the domain: the largest norm of a region's gradient.

    Parameters
    ----------
    complex : RegionComplex
    norm : {2, 1, numpy.inf, "fro"}
        As for :func:`gradient_norms`.

    Returns
    -------
    LipschitzConstant

    Raises
    ------
    ValueError
        When the norm is none of these.

    Notes
    -----
    A segment inside the domain runs through finitely many regions and is stretched in each by no more than the region's
    norm, and inside the steepest region the bound is attained. That makes it the smallest constant over convex
    domains; over others it is the smallest with respect to the length of paths inside the domain. (With "fro" it is
    the largest Frobenius norm, which for several outputs is an upper bound.) In any dimension it is the supremum over
    the gradients, as Jordan & Dimakis (2020, "Exactly computing the local Lipschitz constant of ReLU networks", arXiv
    2003.01219) prove, who find it by mixed-integer programs; here all regions are there.

    Regions that cannot attain it by a proven bound on the gradients' rounding errors are left out; of the others the
    gradients are products of integers, and norms are compared exactly. The norm 2 of several outputs has the
    square (T + √D)/2 with rational T and D; two of these are compared by squaring.

    Examples
    --------
    >>> import numpy as np, regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0], [0.0, 1.0]]])
    >>> complex = regions.enumerate_regions(network, 1)
    >>> lipschitz_constant(complex, np.inf).exact
    Fraction(3, 1)
    >>> lipschitz_constant(complex).value, lipschitz_constant(complex).squared
    (2.414213562373095, None)
    """
    norms = gradient_norms(complex, norm)
    with np.errstate(over="ignore", invalid="ignore"):
        # Every norm here is at most the sum of all magnitudes.
        off = map_bounds(complex.network)[1][:, :2].sum()
        roundings = 8 * (complex.network.n_outputs + 8) * U
        low, high = (norms - off) * (1 - roundings), (norms + off) * (1 + roundings)
        # A norm that is not finite proves nothing about the others.
        candidates = np.flatnonzero(~(high < np.max(low, where=np.isfinite(low), initial=-np.inf)))
    lines = ExactLines(complex.network, complex.patterns)
    best, region = None, -1
    seen: set[Any] = set()
    for i in candidates.tolist():
        rows = tuple((a, b) for a, b, _ in lines.output(i))
        if rows in seen:
            continue
        seen.add(rows)
        found = _squared_norm(rows, norm)
        if best is None or _larger(found, best):
            best, region = found, i
    assert best is not None
    trace, discriminant = best
    root = _rational_root(discriminant)
    if root is not None:
        squared = (trace + root) / 2
        return LipschitzConstant(rounded_sqrt(squared), region, norm, squared)
    return LipschitzConstant(_rounded(trace, discriminant), region, norm, None)


def _squared_norm(rows: tuple[tuple[Fraction, Fraction], ...], norm: Norm) -> tuple[Fraction, Fraction]:
    """T and D such that the norm's square is (T + √D) / 2."""
    if norm == 1:
        value = max(sum((abs(row[k]) for row in rows), Fraction(0)) for k in range(2))
        return 2 * value * value, Fraction(0)
    if norm == np.inf:
        value = max(abs(a) + abs(b) for a, b in rows)
        return 2 * value * value, Fraction(0)
    xx, yy, xy = (sum((row[i] * row[j] for row in rows), Fraction(0)) for i, j in ((0, 0), (1, 1), (0, 1)))
    if norm == "fro":
        return 2 * (xx + yy), Fraction(0)
    return xx + yy, (xx - yy) ** 2 + 4 * xy * xy


def _larger(one: tuple[Fraction, Fraction], other: tuple[Fraction, Fraction]) -> bool:
    """Whether T + √D > T' + √D', exactly."""
    difference = one[0] - other[0]
    # Is √D + difference > √D'?
    d, e = one[1], other[1]
    if difference < 0:
        # √D > √D' - difference, both sides >= 0.
        rest = d - e - difference * difference
        return rest > 0 and rest * rest > 4 * difference * difference * e
    rest = e - d - difference * difference
    return rest < 0 or rest * rest < 4 * difference * difference * d


def _rational_root(square: Fraction) -> Fraction | None:
    n, d = isqrt(square.numerator), isqrt(square.denominator)
    return Fraction(n, d) if n * n == square.numerator and d * d == square.denominator else None


def _rounded(trace: Fraction, discriminant: Fraction) -> float:
    """√((T + √D) / 2), rounded once; D is no square, so the number is irrational and no tie."""
    bits = 128
    while True:
        size = discriminant.numerator.bit_length() - discriminant.denominator.bit_length()
        shift = max(0, bits - size // 2)
        root = isqrt((discriminant.numerator << (2 * shift)) // discriminant.denominator)
        ends = {rounded_sqrt((trace + Fraction(r, 1 << shift)) / 2) for r in (root, root + 1)}
        if len(ends) == 1:
            return ends.pop()
        bits *= 2
