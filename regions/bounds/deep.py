"""Several hidden layers: the most regions that their widths allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb, prod
from typing import Any

from regions.bounds._arguments import count_of, counts_of
from regions.bounds._recursion import Stage, regions_by_dimension
from regions.bounds.arrangements import parts

__all__ = [
    "arora_2018_one_input",
    "hinz_2019",
    "histogram_2019",
    "montufar_2017",
    "serra_2018",
    "serra_2018_one_input",
    "zaslavsky_product",
]

Histogram = Callable[[int, int], Sequence[int]]


def zaslavsky_product(input_dimension: int, widths: Sequence[int]) -> int:
    """Zaslavsky's number of every layer, as if each saw the whole input space.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    widths : sequence of int
        Neurons of each hidden layer, at least 1.

    Returns
    -------
    int
        The product over the layers of the sum of C(n_l, j) over j from 0 to D.

    Raises
    ------
    TypeError, ValueError
        On arguments that are not such integers.

    Notes
    -----
    *Theorem*: on every region of the layers before it, the neurons of a layer are affine, and so cut it as hyperplanes
    of R^D do. No bound that follows is larger.

    *Holds for* the activation regions, over the whole space or a convex domain, of networks of any activations with two
    slopes; so also for open and closed linear regions and affine pieces.

    *Paper*: Raghu, Poole, Kleinberg, Ganguli & Sohl-Dickstein (2017), "On the expressive power of deep neural
    networks", theorem 1, whose proof is this product.

    Examples
    --------
    >>> zaslavsky_product(2, (1, 5))
    32
    """
    d, n = count_of("input_dimension", input_dimension, 1), counts_of("widths", widths, 1)
    return prod(parts(width, d) for width in n)


def montufar_2017(input_dimension: int, widths: Sequence[int]) -> int:
    """Montúfar's upper bound: every layer cuts images no larger than the narrowest layer before it.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    widths : sequence of int
        Neurons of each hidden layer, at least 1.

    Returns
    -------
    int
        The product over the layers of the sum of C(n_l, j) over j from 0 to min(D, n_1, ..., n_(l-1)).

    Raises
    ------
    TypeError, ValueError
        On arguments that are not such integers.

    Notes
    -----
    *Theorem*: proposition 3. The image of a region under the layers before has at most that dimension.

    *Holds for* the activation regions, over the whole space or a convex domain, of fully connected networks of any
    activations with two slopes, not of ReLU alone; so also for open and closed linear regions and affine pieces.

    *Paper*: Montúfar (2017), "Notes on the number of linear regions of deep neural networks".

    Examples
    --------
    >>> montufar_2017(2, (5, 5, 5, 5)), montufar_2017(3, (5, 5, 5, 5))
    (65536, 456976)
    >>> montufar_2017(2, (3, 3)), montufar_2017(2, (1, 5))
    (49, 12)
    """
    d, n = count_of("input_dimension", input_dimension, 1), counts_of("widths", widths, 1)
    return regions_by_dimension(d, [Stage(width, 0, width, width, width) for width in n]).total()


def serra_2018(input_dimension: int, widths: Sequence[int], ranks: Sequence[int] | None = None) -> int:
    """The upper bound of Serra, Tjandraatmadja & Ramalingam: inactive neurons flatten what the next layer sees.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    widths : sequence of int
        Neurons of each hidden layer, at least 1.
    ranks : sequence of int, optional
        Of the layers' weight matrices, at least 0; as large as the shapes allow where left out.

    Returns
    -------
    int
        The sum over all (j_1, ..., j_L) of the product of C(n_l, j_l), with
        0 <= j_l <= min(D, n_1 - j_1, ..., n_(l-1) - j_(l-1), n_l); with ranks r_1, ..., r_l in the minimum too.

    Raises
    ------
    TypeError, ValueError
        On arguments that are not such integers.

    Notes
    -----
    *Theorem*: theorem 1; j_l is the number of inactive neurons of layer l. Where j of n are inactive, the image has
    dimension n - j at most, and there are at most C(n, j) such patterns. The ranks enter as the dimensions do: the
    hyperplanes of a layer have as many independent normals as its weights have, and no image is larger than that.

    *Holds for* the activation regions, over the whole space or a convex domain, of fully connected ReLU networks; so
    also for open and closed linear regions and affine pieces. It does not hold for leaky ReLU or the absolute value,
    which flatten nothing; :func:`montufar_2017` does.

    *Paper*: Serra, Tjandraatmadja & Ramalingam (2018), "Bounding and counting linear regions of deep neural networks".

    Examples
    --------
    >>> serra_2018(2, (5, 5, 5, 5)), serra_2018(3, (5, 5, 5, 5))
    (65536, 229376)
    >>> serra_2018(2, (3, 3)), serra_2018(2, (1, 5))
    (40, 7)
    >>> serra_2018(2, (3, 3), ranks=(1, 2))
    16
    """
    d, n = count_of("input_dimension", input_dimension, 1), counts_of("widths", widths, 1)
    r = n if ranks is None else counts_of("ranks", ranks, 0, length=len(n))
    stages = [Stage.of_relu(width, min(width, rank)) for width, rank in zip(n, r, strict=True)]
    return regions_by_dimension(d, stages).total()


def serra_2018_one_input(widths: Sequence[int]) -> int:
    """The exact maximum for networks of one input.

    Parameters
    ----------
    widths : sequence of int
        Neurons of each hidden layer: at least 3, of the last one at least 1.

    Returns
    -------
    int
        The product of n_l + 1.

    Raises
    ------
    TypeError, ValueError
        On arguments that are not such integers.

    Notes
    -----
    *Theorem*: theorem 5, for n_l >= 3. In the last layer nothing has to be folded, so any width will do. Narrower
    layers cannot fold so often, and the product is then an upper bound only: :func:`montufar_2017`.

    *Holds for* the activation regions, and also the affine pieces, of ReLU networks on the real line: some network of
    these widths has so many (:func:`serra_folding` makes it), none has more. As an upper bound it holds for any
    activation with two slopes.

    *Paper*: Serra, Tjandraatmadja & Ramalingam (2018), "Bounding and counting linear regions of deep neural networks".

    Examples
    --------
    >>> serra_2018_one_input((5, 5, 5, 5))
    1296
    """
    n = counts_of("widths", widths, 1)
    for i, width in enumerate(n[:-1]):
        if width < 3:
            raise ValueError(
                f"widths[{i}]={width} was given; the theorem needs at least 3 neurons in each layer before the last. "
                "montufar_2017(1, widths) is an upper bound for all widths."
            )
    return prod(width + 1 for width in n)


def arora_2018_one_input(widths: Sequence[int]) -> int:
    """The upper bound of Arora, Basu, Mianjy & Mukherjee for networks of one input.

    Parameters
    ----------
    widths : sequence of int
        Neurons of each of the k hidden layers, at least 1.

    Returns
    -------
    int
        2^(k - 1) (n_1 + 1) n_2 ... n_k.

    Raises
    ------
    TypeError, ValueError
        On arguments that are not such integers.

    Notes
    -----
    *Theorem*: a ReLU of a function with p pieces has at most 2p, so a layer of n of them makes at most 2np of p. Since
    n + 1 <= 2n, it is never smaller than the product of n_l + 1.

    *Holds for* the affine pieces, open and closed linear regions and activation regions of ReLU networks on the real
    line.

    *Paper*: Arora, Basu, Mianjy & Mukherjee (2018), "Understanding deep neural networks with rectified linear units",
    the lemma behind its gap between depths.

    Examples
    --------
    >>> arora_2018_one_input((5, 5, 5, 5))
    6000
    """
    n = counts_of("widths", widths, 1)
    return (n[0] + 1) * prod(2 * width for width in n[1:])


def hinz_2019(input_dimension: int, widths: Sequence[int], histogram: str | Histogram = "binomial") -> int:
    """The upper bound of Hinz & van de Geer: a histogram of image dimensions, pushed from layer to layer.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    widths : sequence of int
        Neurons of each hidden layer, at least 1.
    histogram : {"binomial", "zaslavsky", "naive"} or callable
        Which bound on one layer's activation histogram to use; see :func:`histogram_2019`. A function is given a
        dimension and a width n, and returns n + 1 integers.

    Returns
    -------
    int
        The sum of the last histogram.

    Raises
    ------
    TypeError, ValueError
        On arguments that are not such integers, an unknown name, or a function that does not give n + 1 integers >= 0.

    Notes
    -----
    *Theorem*: let h(d, n) be a vector whose entry k = 0, ..., n bounds, added up from k = n down to any k, the number
    of regions with so many active neurons or more that n hyperplanes make in R^d, and which grows with d in the same
    sense. Begin with one region of dimension D. A region of dimension d becomes h(min(d, n), n)[k] regions of dimension
    min(d, k). The sum after the last layer is an upper bound. Written as matrices, it is the 1-norm of B_L M_L ... B_1
    M_1 e, where M clips the dimensions at the width and the columns of B are the clipped h.

    With "binomial" it is :func:`serra_2018`, with "zaslavsky" :func:`montufar_2017`, with "naive" 2 to the number of
    neurons.

    *Holds for* the activation regions, over the whole space or a convex domain, of fully connected ReLU networks; so
    also for open and closed linear regions and affine pieces, which the paper speaks of.

    *Paper*: Hinz & van de Geer (2019), "A framework for the construction of upper bounds on the number of affine linear
    regions of ReLU feed-forward neural networks".

    Examples
    --------
    >>> hinz_2019(2, (3, 3)), hinz_2019(2, (3, 3), "zaslavsky"), hinz_2019(2, (3, 3), "naive")
    (40, 49, 64)
    """
    d, n = count_of("input_dimension", input_dimension, 1), counts_of("widths", widths, 1)
    # regions[i]: how many have an image of dimension i.
    regions = [0] * d + [1]
    for width in n:
        after = [0] * (d + 1)
        for dimension, found in enumerate(regions):
            if found:
                for active, number in enumerate(histogram_2019(min(dimension, width), width, histogram)):
                    after[min(dimension, active)] += found * number
        regions = after
    return sum(regions)


def histogram_2019(dimension: int, width: int, histogram: str | Histogram = "binomial") -> tuple[int, ...]:
    """A bound on how many regions of one layer have how many active neurons.

    Parameters
    ----------
    dimension : int
        `d`, at least 0.
    width : int
        `n`, at least 1.
    histogram : {"binomial", "zaslavsky", "naive"} or callable
        As of :func:`hinz_2019`.

    Returns
    -------
    tuple of int, length n + 1
        Entry k is for k active neurons. Only the sums from an entry to the last one bound anything.

    Raises
    ------
    TypeError, ValueError
        As :func:`hinz_2019`.

    Notes
    -----
    There are C(n, k) patterns with k active neurons: that is "naive". There are Z regions in all, where Z is
    Zaslavsky's number:
    "zaslavsky" gives all of them n active neurons. "binomial" has both: as many active neurons as C(n, k) patterns each
    allow, until there are Z, which is C(n, k) for k from n down to n - d.

    Examples
    --------
    >>> histogram_2019(2, 3)
    (0, 3, 3, 1)
    >>> histogram_2019(2, 3, "zaslavsky")
    (0, 0, 0, 7)
    """
    d, n = count_of("dimension", dimension, 0), count_of("width", width, 1)
    if histogram == "binomial":
        return tuple(comb(n, k) if n - k <= d else 0 for k in range(n + 1))
    if histogram == "zaslavsky":
        return (0,) * n + (parts(n, d),)
    if histogram == "naive":
        return tuple(comb(n, k) for k in range(n + 1))
    if not callable(histogram):
        raise ValueError(
            f"histogram={histogram!r} was given; allowed are 'binomial', 'zaslavsky', 'naive' and a function of a "
            "dimension and a width."
        )
    given: Any = histogram(d, n)
    return counts_of(f"histogram({d}, {n})", given, 0, length=n + 1)
