"""Layers of maxout units: the maximum of k affine functions each."""

from __future__ import annotations

from collections.abc import Sequence

from regions.bounds._arguments import count_of, counts_of
from regions.bounds.arrangements import parts

__all__ = ["montufar_2022_maxout", "serra_2018_maxout"]


def serra_2018_maxout(input_dimension: int, widths: Sequence[int], rank: int) -> int:
    """The upper bound of Serra, Tjandraatmadja & Ramalingam for deep maxout networks.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    widths : sequence of int
        Maxout units of each hidden layer, at least 1.
    rank : int
        `k`, the number of affine functions of each unit, at least 1.

    Returns
    -------
    int
        The product over the layers of the sum of C(k (k - 1) / 2 n_l, j) over j from 0 to min(D, n_1, ..., n_l).

    Raises
    ------
    TypeError, ValueError
        On arguments that are not such integers.

    Notes
    -----
    *Theorem*: the paper's theorem on maxout networks. Two of a unit's functions are equal on a hyperplane, so n units
    are linear on the parts that k (k - 1) / 2 n hyperplanes make.

    *Holds for* the activation regions of maxout units, i.e. the sets on which it is settled which function of each unit
    is the largest, over the whole space or a convex domain; so also for open and closed linear regions and affine
    pieces. In a :class:`regions.Network` a unit of k > 2 functions becomes rounds of pairwise maxima, which settle more
    than that: their activation regions are more, and this is no bound on them.

    *Paper*: Serra, Tjandraatmadja & Ramalingam (2018), "Bounding and counting linear regions of deep neural networks".

    Examples
    --------
    >>> serra_2018_maxout(2, (5, 5), 2)
    256
    >>> serra_2018_maxout(2, (5,), 3)
    121
    """
    d, n = count_of("input_dimension", input_dimension, 1), counts_of("widths", widths, 1)
    k = count_of("rank", rank, 1)
    found = 1
    for width in n:
        d = min(d, width)
        found *= parts(k * (k - 1) // 2 * width, d)
    return found


def montufar_2022_maxout(input_dimension: int, ranks: Sequence[int]) -> int:
    """The exact maximum of Montúfar, Ren & Zhang for one layer of maxout units.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    ranks : sequence of int
        For each unit the number of its affine functions, at least 1.

    Returns
    -------
    int
        The sum, over all sets of at most D units, of the product of k_i - 1 over the units of the set.

    Raises
    ------
    TypeError, ValueError
        On arguments that are not such integers.

    Notes
    -----
    *Theorem*: the sharp bound for shallow maxout networks with biases: the upper vertices of a Minkowski sum of one
    polytope for each unit. With ranks of 2 it is Zaslavsky's number, with one input 1 + the sum of k_i - 1.

    *Holds for* the activation regions of one layer of maxout units over the whole space, and is attained there; so it
    bounds open and closed linear regions and affine pieces too. A convex domain shows at most as many. About networks
    with k > 2 in canonical form see :func:`serra_2018_maxout`.

    *Paper*: Montúfar, Ren & Zhang (2022), "Sharp bounds for the number of regions of maxout networks and vertices of
    Minkowski sums".

    Examples
    --------
    >>> montufar_2022_maxout(2, [3, 3, 3])
    19
    >>> montufar_2022_maxout(2, [2] * 20)
    211
    """
    d, k = count_of("input_dimension", input_dimension, 1), counts_of("ranks", ranks, 1)
    # The elementary symmetric polynomials of k_i - 1, up to degree D.
    sums = [1] + [0] * d
    for rank in k:
        for j in range(d, 0, -1):
            sums[j] += (rank - 1) * sums[j - 1]
    return sum(sums)
