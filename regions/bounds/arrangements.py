"""One hidden layer: how many parts hyperplanes make of space."""

from __future__ import annotations

from math import comb

from regions.bounds._arguments import count_of

__all__ = ["all_patterns", "zaslavsky", "zaslavsky_zero_bias"]


def zaslavsky(input_dimension: int, neurons: int) -> int:
    """The most regions of one hidden layer: those of hyperplanes in general position.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    neurons : int
        `n`, at least 0.

    Returns
    -------
    int
        The sum of C(n, j) over j from 0 to D.

    Raises
    ------
    TypeError, ValueError
        On an argument that is not such an integer.

    Notes
    -----
    *Theorem*: n hyperplanes cut R^D into at most so many parts, and into exactly so many if they are in general
    position: any k of them meet in a flat of dimension D - k, and no more than D in a point.

    *Holds for* the activation regions, over the whole space, of one layer of any activation with two slopes: ReLU,
    leaky ReLU, absolute value. So it bounds open and closed linear regions and affine pieces too. Of generic weights it
    is the exact number. A convex domain shows at most as many.

    *Papers*: Zaslavsky (1975), "Facing up to arrangements: face-count formulas for partitions of space by hyperplanes";
    in the plane Steiner (1826); with this formula Schläfli (1852, published 1901).

    Examples
    --------
    >>> zaslavsky(2, 20)
    211
    >>> zaslavsky(3, 5)
    26
    """
    d, n = count_of("input_dimension", input_dimension, 1), count_of("neurons", neurons, 0)
    return parts(n, d)


def zaslavsky_zero_bias(input_dimension: int, neurons: int) -> int:
    """The most regions of one hidden layer without biases: those of generic hyperplanes through one point.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    neurons : int
        `n`, at least 0.

    Returns
    -------
    int
        Twice the sum of C(n - 1, j) over j from 0 to D - 1; 1 where there is no neuron.

    Raises
    ------
    TypeError, ValueError
        On an argument that is not such an integer.

    Notes
    -----
    *Theorem*: n hyperplanes through a common point of R^D make at most so many cones, and exactly so many if any D of
    them meet in that point alone.

    *Holds for* the activation regions, over the whole space, of one layer of any activation with two slopes whose
    hyperplanes have a common point, as they do where all biases are 0; so also for open and closed linear regions and
    affine pieces.

    *Papers*: Schläfli (1852, published 1901); Cover (1965), "Geometrical and statistical properties of systems of
    linear inequalities with applications in pattern recognition", theorem 1; Zaslavsky (1975).

    Examples
    --------
    >>> zaslavsky_zero_bias(2, 20)
    40
    """
    d, n = count_of("input_dimension", input_dimension, 1), count_of("neurons", neurons, 0)
    return cones(n, d)


def all_patterns(neurons: int) -> int:
    """Number of all patterns: 2 to the number of neurons.

    Parameters
    ----------
    neurons : int
        The number `H` of neurons of the network, at least 0.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        On an argument that is not such an integer.

    Notes
    -----
    *Holds for* activation patterns, lower-dimensional ones included, and all that are fewer, of every network of
    neurons with two slopes, over any domain; for activation regions over convex ones, where no two of them have one
    pattern.

    *Paper*: Montúfar, Pascanu, Cho & Bengio (2014), "On the number of linear regions of deep neural networks".

    Examples
    --------
    >>> all_patterns(20)
    1048576
    """
    return 1 << count_of("neurons", neurons, 0)


def parts(n: int, d: int) -> int:
    """Parts of R^d, d >= 0, cut by n generic hyperplanes."""
    return 1 << n if d >= n else sum(comb(n, j) for j in range(d + 1))


def cones(n: int, d: int) -> int:
    """Parts of R^d, d >= 0, cut by n generic hyperplanes through the origin."""
    return 2 * parts(n - 1, d - 1) if n and d else 1
