"""What some network of given widths has at least: lower bounds on the largest number of regions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from regions.bounds._arguments import count_of, counts_of
from regions.bounds.arrangements import parts

__all__ = ["arora_2018_lower", "montufar_2014_lower", "serra_2018_lower"]


def montufar_2014_lower(input_dimension: int, widths: Sequence[int]) -> int:
    """How many regions the best network has at least, by folding (Montúfar, Pascanu, Cho & Bengio).

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    widths : sequence of int
        Neurons of each hidden layer, at least D.

    Returns
    -------
    int
        The product of floor(n_l / D)^D over all layers but the last, times the sum of C(n_L, j) over j from 0 to D.

    Raises
    ------
    TypeError, ValueError
        On arguments that are not such integers.

    Notes
    -----
    *Theorem*: theorem 4. With p = floor(n_l / D) neurons for each coordinate a layer folds p^D cubes onto one; the last
    layer cuts the folded cube generically, and so every one of the cubes.

    *Holds for* the maximum over all weights of the number of activation regions, and of open and closed linear regions,
    of ReLU networks of these widths, over the whole space or any domain with an interior. It says nothing of one given
    network. :func:`montufar_folding` is a network that has so many in the unit cube.

    *Paper*: Montúfar, Pascanu, Cho & Bengio (2014), "On the number of linear regions of deep neural networks".

    Examples
    --------
    >>> montufar_2014_lower(2, (4, 4, 4))
    176
    """
    d = count_of("input_dimension", input_dimension, 1)
    n = _wide_enough(d, counts_of("widths", widths, 1), 1)
    return prod((width // d) ** d for width in n[:-1]) * parts(n[-1], d)


def serra_2018_lower(input_dimension: int, widths: Sequence[int]) -> int:
    """How many regions the best network has at least, by folding once more (Serra, Tjandraatmadja & Ramalingam).

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    widths : sequence of int
        Neurons of each hidden layer, at least 3 D.

    Returns
    -------
    int
        The product of (floor(n_l / D) + 1)^D over all layers but the last, times the sum of C(n_L, j) over j from 0 to
        D.

    Raises
    ------
    TypeError, ValueError
        On arguments that are not such integers.

    Notes
    -----
    *Theorem*: theorem 6. Of p >= 3 neurons for a coordinate one looks the other way; so they fold p + 1 intervals onto
    one, not p.

    *Holds for* the maximum over all weights, as :func:`montufar_2014_lower`. :func:`serra_folding` is a network that
    has so many regions in the unit cube.

    *Paper*: Serra, Tjandraatmadja & Ramalingam (2018), "Bounding and counting linear regions of deep neural networks".

    Examples
    --------
    >>> serra_2018_lower(2, (6, 6))
    352
    """
    d = count_of("input_dimension", input_dimension, 1)
    n = _wide_enough(d, counts_of("widths", widths, 1), 3)
    return prod((width // d + 1) ** d for width in n[:-1]) * parts(n[-1], d)


def arora_2018_lower(input_dimension: int, generators: int, width: int, layers: int) -> int:
    """How many pieces the zonotope networks of Arora, Basu, Mianjy & Mukherjee have at least.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    generators : int
        `m`, at least 1: the first layer has 2 m neurons.
    width : int
        `w`, at least 2: neurons of each further hidden layer.
    layers : int
        `k`, at least 1: how many of these there are.

    Returns
    -------
    int
        w^k times the sum of C(m - 1, j) over j from 0 to D - 1.

    Raises
    ------
    TypeError, ValueError
        On arguments that are not such integers.

    Notes
    -----
    *Theorem*: that on the family of functions ZONOTOPE. The first layer makes the support function of a zonotope of m
    generic segments, which is linear on cones; the others make a saw of w^k teeth of it.

    *Holds for* the maximum over all weights of the number of affine pieces, and so of linear and activation regions, of
    ReLU networks with hidden widths 2m, w, ..., w, or larger ones. :func:`arora_zonotope` is a network with twice as
    many regions: every cone has an opposite one.

    *Paper*: Arora, Basu, Mianjy & Mukherjee (2018), "Understanding deep neural networks with rectified linear units".

    Examples
    --------
    >>> arora_2018_lower(2, 3, 3, 2)
    27
    """
    d, m = count_of("input_dimension", input_dimension, 1), count_of("generators", generators, 1)
    w, k = count_of("width", width, 2), count_of("layers", layers, 1)
    return w**k * parts(m - 1, d - 1)


def _wide_enough(d: int, widths: tuple[int, ...], factor: int) -> tuple[int, ...]:
    least = factor * d
    for i, width in enumerate(widths):
        if width < least:
            what = "as many neurons as inputs" if factor == 1 else f"{factor} neurons for each input"
            raise ValueError(
                f"widths[{i}]={width} was given with {d} input(s); the theorem needs {what} in every layer, at least "
                f"{least}."
            )
    return widths
