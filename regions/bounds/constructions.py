"""Networks with as many regions as the lower bounds say, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb
from typing import NamedTuple

import numpy as np

from regions.bounds._arguments import count_of
from regions.network.network import Layer, Network

__all__ = ["arora_zonotope", "montufar_folding", "serra_folding"]


class _Fold(NamedTuple):
    """A saw on [0, 1] of one coordinate: offset + sum of coefficient * relu(slope * x + bias) over its neurons."""

    neurons: list[tuple[int, int]]
    coefficients: list[Fraction]
    offset: int


Rows = list[list[Fraction]]


def montufar_folding(*, input_dimension: int = 2, p: int = 2, layers: int = 1, final: int | None = None) -> Network:
    """Layers of ReLU that fold the unit cube p times along each coordinate, then generic hyperplanes.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    p : int
        How many slices are folded onto one, at least 1; a layer has p D neurons.
    layers : int
        How many layers fold, at least 1.
    final : int, optional
        How many neurons a last hidden layer has, at least 1, which cut the folded cube generically. Where left out, the
        network's outputs are the folded coordinates.

    Returns
    -------
    Network
        Over the open unit cube ]0, 1[^D it has exactly p^(D * layers) activation regions without `final`, and
        that many times Zaslavsky's number with it: in the plane over ``Box(0, 0, 1, 1)``.

    Raises
    ------
    TypeError, ValueError
        On arguments that are not such integers, or so large that the weights would not be exact in float64.

    Notes
    -----
    Along each coordinate p neurons make the saw p relu(x) - 2 relu(p x - 1) + 2 relu(p x - 2) - ..., which maps every
    interval [(i - 1) / p, i / p] onto [0, 1]. All weights are integers. The hyperplanes of the last layer have the
    normals (1, t, ..., t^(D-1)) in scaled coordinates, for different integers t: any D of them meet in one point, which
    is inside the cube, and no D + 1 do. So all their parts reach into the cube. From the construction of Montúfar,
    Pascanu, Cho & Bengio (2014), "On the number of linear regions of deep neural networks"; see
    :func:`montufar_2014_lower`.

    Examples
    --------
    >>> import regions
    >>> from regions.bounds import montufar_2014_lower
    >>> regions.count_regions(montufar_folding(p=3, layers=2), regions.Box(0, 0, 1, 1))
    81
    >>> network = montufar_folding(p=2, layers=2, final=4)
    >>> network
    <Network 2-4-4-4-1 with 12 hidden neurons and 57 parameters>
    >>> regions.count_regions(network, regions.Box(0, 0, 1, 1)), montufar_2014_lower(2, (4, 4, 4))
    (176, 176)
    """
    p = count_of("p", p, 1)
    return _folded(_saw(p), input_dimension, layers, final)


def serra_folding(*, input_dimension: int = 2, p: int = 3, layers: int = 1, final: int | None = None) -> Network:
    """Layers of ReLU that fold the unit cube p + 1 times along each coordinate, then generic hyperplanes.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    p : int
        Neurons for each coordinate in each layer that folds, at least 3.
    layers : int
        How many layers fold, at least 1.
    final : int, optional
        As of :func:`montufar_folding`.

    Returns
    -------
    Network
        Over the open unit cube ]0, 1[^D it has exactly (p + 1)^(D * layers) activation regions without `final`, and
        that many times Zaslavsky's number with it.

    Raises
    ------
    TypeError, ValueError
        As :func:`montufar_folding`.

    Notes
    -----
    Along each coordinate the breakpoints are the odd multiples of 1 / (2 p + 1) below 1. The first slope is 2 p + 1,
    the others are half of that, up and down in turn; each interval is mapped onto [0, 1]. To make the first slope
    without a neuron that is active everywhere, the third neuron looks the other way. From the construction of Serra,
    Tjandraatmadja & Ramalingam (2018), "Bounding and counting linear regions of deep neural networks"; see
    :func:`serra_2018_lower` and, for one input, :func:`serra_2018_one_input`.

    Examples
    --------
    >>> import regions
    >>> from regions.bounds import serra_2018_lower
    >>> network = serra_folding(p=3, layers=1, final=6)
    >>> regions.count_regions(network, regions.Box(0, 0, 1, 1)), serra_2018_lower(2, (6, 6))
    (352, 352)
    >>> len(regions.enumerate_segment(serra_folding(input_dimension=1, p=5, layers=3, final=5), [0], [1]))
    1296
    """
    p = count_of("p", p, 3)
    breaks = range(1, 2 * p, 2)
    neurons = [(2 * p + 1, -b) for b in breaks]
    neurons[2] = (-neurons[2][0], -neurons[2][1])
    coefficients = [Fraction(-3, 2), Fraction(1), Fraction(-1), *(Fraction((-1) ** (i + 1)) for i in range(3, p))]
    return _folded(_Fold(neurons, coefficients, breaks[2]), input_dimension, layers, final)


def arora_zonotope(*, input_dimension: int = 2, generators: int = 3, width: int = 3, layers: int = 1) -> Network:
    """A saw of the support function of a zonotope.

    Parameters
    ----------
    input_dimension : int
        `D`, at least 1.
    generators : int
        `m`, the zonotope's segments, at least 1: the first layer has 2 m neurons.
    width : int
        `w`, neurons of each further hidden layer, at least 2.
    layers : int
        `k`, how many of these there are, at least 1.

    Returns
    -------
    Network
        With one output. If `w` is odd, it has exactly 2 w^k times the sum of C(m - 1, j) over j from 0 to D - 1
        activation regions over the whole space; if it is even, those and more.

    Raises
    ------
    TypeError, ValueError
        As :func:`montufar_folding`.

    Notes
    -----
    The first layer has a neuron for b and one for -b for each of the vectors b = (1, t, ..., t^(D-1)); their sum is the
    support function, the sum of the absolute values of b x, linear on the cones of a central arrangement. From the
    construction of Arora, Basu, Mianjy & Mukherjee (2018), "Understanding deep neural networks with rectified linear
    units"; see :func:`arora_2018_lower`.

    Examples
    --------
    >>> import regions
    >>> network = arora_zonotope(generators=3, width=3, layers=2)
    >>> network
    <Network 2-6-3-3-1 with 12 hidden neurons and 55 parameters>
    >>> regions.count_regions(network, regions.WholePlane())
    54
    """
    d, m = count_of("input_dimension", input_dimension, 1), count_of("generators", generators, 1)
    w, k = count_of("width", width, 2), count_of("layers", layers, 1)
    vectors = [[Fraction(t**j) for j in range(d)] for t in _numbers(m)]
    rows = [[sign * x for x in vector] for vector in vectors for sign in (1, -1)]
    made = [(rows, [Fraction(0)] * len(rows))]
    fold, read, offset = _saw(w), [[Fraction(1)] * len(rows)], Fraction(0)
    for _ in range(k):
        made.append(_folding_layer(fold, read, offset))
        read, offset = [list(fold.coefficients)], Fraction(fold.offset)
    made.append((read, [offset]))
    return _network(made)


def _saw(p: int) -> _Fold:
    return _Fold([(p, -i) for i in range(p)], [Fraction(1), *(Fraction(2 * (-1) ** i) for i in range(1, p))], 0)


def _numbers(n: int) -> list[int]:
    """Distinct integers around 0."""
    return [i - (n - 1) // 2 for i in range(n)]


def _folding_layer(fold: _Fold, read: Rows, offset: Fraction) -> tuple[Rows, list[Fraction]]:
    """The neurons that fold each of the values ``read @ a + offset``."""
    weight = [[slope * x for x in row] for row in read for slope, _ in fold.neurons]
    return weight, [slope * offset + bias for _ in read for slope, bias in fold.neurons]


def _folded(fold: _Fold, input_dimension: int, layers: int, final: int | None) -> Network:
    d, n_layers = count_of("input_dimension", input_dimension, 1), count_of("layers", layers, 1)
    p = len(fold.neurons)
    # The coordinates, read from what the layer before gives.
    read, offset = [[Fraction(int(i == j)) for j in range(d)] for i in range(d)], Fraction(0)
    made = []
    for _ in range(n_layers):
        made.append(_folding_layer(fold, read, offset))
        read = [[fold.coefficients[j % p] if j // p == i else Fraction(0) for j in range(p * d)] for i in range(d)]
        offset = Fraction(fold.offset)
    if final is None:
        made.append((read, [offset] * d))
        return _network(made)
    weight, bias = [], []
    for normal, shift in _generic_hyperplanes(d, count_of("final", final, 1)):
        weight.append(
            [sum((a * row[j] for a, row in zip(normal, read, strict=True)), Fraction(0)) for j in range(p * d)]
        )
        bias.append(sum(normal, Fraction(0)) * offset + shift)
    made += [(weight, bias), ([[Fraction(1)] * len(weight)], [Fraction(0)])]
    return _network(made)


def _generic_hyperplanes(d: int, n: int) -> list[tuple[list[Fraction], Fraction]]:
    """Hyperplanes in general position, any d of which meet inside the unit cube: normals and offsets.

    In coordinates x they are x_0 + t x_1 + ... + t^(d-1) x_(d-1) = t^d. The d of them with numbers t_1, ..., t_d meet
    where the x_j are, up to sign, the coefficients of the polynomial with these roots, so at most C(d, j) T^(d - j)
    with T = max |t|; an affine map takes the cube with these sides to the unit cube.
    """
    numbers = _numbers(max(n, d))
    largest = max(map(abs, numbers))
    sides = [2 * (comb(d, j) * largest ** (d - j) + 1) for j in range(d)]
    found = []
    for t in numbers[:n]:
        normal = [Fraction(t**j * side) for j, side in enumerate(sides)]
        found.append((normal, -sum(normal, Fraction(0)) / 2 - t**d))
    return found


def _network(made: Sequence[tuple[Rows, list[Fraction]]]) -> Network:
    """ReLU layers and a linear one, if all numbers are float64 numbers."""
    layers = []
    for i, (weight, bias) in enumerate(made):
        arrays = np.array([[float(x) for x in row] for row in weight]), np.array([float(x) for x in bias])
        exact = all(
            Fraction(f) == x
            for row, xs in zip(arrays[0].tolist(), weight, strict=True)
            for f, x in zip(row, xs, strict=True)
        )
        if not exact or any(Fraction(f) != x for f, x in zip(arrays[1].tolist(), bias, strict=True)):
            raise ValueError(
                "the network's weights would be integers beyond 2**53, which float64 cannot hold exactly; ask for "
                "fewer neurons or inputs."
            )
        below = np.zeros(len(bias)) if i < len(made) - 1 else np.ones(len(bias))
        layers.append(Layer(*arrays, below, np.ones(len(bias)), name=f"layer {i}"))
    return Network(tuple(layers))
