"""How many regions, by each of five definitions of the word.

The definitions are those that Stargalla, Hertrich & Reichman (2025, "The computational complexity of counting linear
regions in ReLU neural networks", arXiv 2505.16716) survey, within the closed domain.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from regions.arithmetic.underflow import require_gradual_underflow
from regions.complex.closed import ties
from regions.complex.patterns import packed_patterns
from regions.network.integers import ExactLines
from regions.network.maps import affine_maps
from regions.network.residues import ResidueNetwork, block_size, integers_are_faster, primes, sizes
from regions.network.rounding import map_bounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.data import ComplexData
    from regions.complex.patterns import SegmentStart
    from regions.network.network import Network

__all__ = [
    "RegionCounts",
    "activation_patterns",
    "affine_pieces",
    "closed_linear_regions",
    "components",
    "count",
    "equal_maps",
    "number_of",
    "open_linear_regions",
]


@dataclass(frozen=True, slots=True)
class RegionCounts:
    """The number of regions by five definitions, each at most the one before it.

    Made by :meth:`regions.RegionComplex.counts`; docs/definitions.md has worked examples.

    Parameters
    ----------
    activation_patterns : int
        Activation patterns of all points of the closed domain, those of edges and vertices included.
    activation_regions : int
        Activation regions: the faces of the complex.
    open_linear_regions : int
        Maximal connected open sets on which the network is one affine map.
    closed_linear_regions : int
        Maximal connected closed sets with an interior on which the network is one affine map.
    affine_pieces : int
        Different affine maps.

    Notes
    -----
    Over a domain that is not convex, one activation pattern may belong to several activation regions, and there may be
    fewer patterns than regions.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [-1.0, 0.0]], [[1.0, -1.0]]])
    >>> regions.enumerate_regions(network, regions.WholePlane()).counts()
    RegionCounts(activation_patterns=3, activation_regions=2, open_linear_regions=1, closed_linear_regions=1,
                 affine_pieces=1)
    """

    activation_patterns: int
    activation_regions: int
    open_linear_regions: int
    closed_linear_regions: int
    affine_pieces: int

    def to_dict(self) -> dict[str, int]:
        """The counts by name, in the order of the definitions.

        Returns
        -------
        dict of str to int

        Examples
        --------
        >>> RegionCounts(3, 2, 1, 1, 1).to_dict()["affine_pieces"]
        1
        """
        return asdict(self)


def count(
    complex: ComplexData, pieces: NDArray[np.int64], opens: NDArray[np.int64], closed: NDArray[np.int64]
) -> RegionCounts:
    """See :meth:`regions.RegionComplex.counts`; of the labels that the functions below give."""
    require_gradual_underflow()
    patterns = packed_patterns(complex)
    return RegionCounts(len(patterns), complex.n_regions, number_of(opens), number_of(closed), number_of(pieces))


def number_of(labels: NDArray[np.int64]) -> int:
    """How many labels there are, which go from 0 on."""
    return int(labels.max(initial=-1)) + 1


def _renumbered(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Labels 0, 1, 2, … in the order in which they first appear."""
    _, first, which = np.unique(labels, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return order[which]


def affine_pieces(complex: ComplexData) -> NDArray[np.int64]:
    """See :attr:`regions.RegionComplex.affine_pieces`."""
    return equal_maps(complex.network, complex.patterns, sizes(complex.network)[1])


def equal_maps(
    network: Network, patterns: NDArray[np.bool_], bits: int, start: SegmentStart | None = None
) -> NDArray[np.int64]:
    """Labels of the outputs' affine maps: modulo primes, until what is equal is proven to be, or as integers."""
    require_gradual_underflow()
    labels = _apart(network, patterns) if start is None else np.zeros(len(patterns), dtype=np.int64)
    known = 0
    size = block_size(network)
    for prime in primes(network):
        # Only regions that still share their label with others are of interest.
        shared = np.flatnonzero(np.bincount(labels)[labels] > 1)
        # A difference of two maps has one bit more.
        if not len(shared) or known > bits:
            break
        if integers_are_faster(network, len(shared), bits - known):
            lines = ExactLines(network, patterns, None if start is None else start.integers())
            numbers: dict[Any, int] = {}
            for region in shared.tolist():
                key = int(labels[region]), tuple(lines.outputs(region)[0].entries())
                labels[region] = len(patterns) + numbers.setdefault(key, len(numbers))
            return _renumbered(labels)
        residues = ResidueNetwork(network, prime, start)
        blocks = [shared[i : i + size] for i in range(0, len(shared), size)]
        outputs = np.concatenate([residues.outputs(patterns[block]) for block in blocks])
        keys = np.column_stack([labels[shared], outputs])
        labels[shared] = len(labels) + np.unique(keys, axis=0, return_inverse=True)[1].ravel()
        labels = _renumbered(labels)
        known += prime.bit_length() - 1
    return labels


def _apart(network: Network, patterns: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Labels, the same at least where the maps are: of chains of floats no farther apart than their errors allow."""
    none = np.empty(0, dtype=np.int64)
    with np.errstate(over="ignore", invalid="ignore"):
        maps = affine_maps(network, patterns, none, none)[0]
        bounds = map_bounds(network)[1]
        labels = np.zeros(len(patterns), dtype=np.int64)
        for output in range(network.n_outputs):
            for column in range(3):
                values = maps[:, column, output]
                order = np.lexsort([values, labels])
                gaps = np.diff(values[order]) > 2.1 * bounds[output, column]
                new = gaps | (np.diff(labels[order]) > 0)
                labels[order] = np.concatenate([[0], np.cumsum(new)])
    return labels


def components(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels of the connected components of a graph."""
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), pairs.T), shape=(count, count))
    return _renumbered(connected_components(graph, directed=False)[1])


def open_linear_regions(complex: ComplexData, pieces: NDArray[np.int64]) -> NDArray[np.int64]:
    """See :attr:`regions.RegionComplex.open_linear_regions`; `pieces` are the affine pieces."""
    pairs = complex.neighbors
    return components(complex.n_regions, pairs[pieces[pairs[:, 0]] == pieces[pairs[:, 1]]])


def closed_linear_regions(
    complex: ComplexData, pieces: NDArray[np.int64], opens: NDArray[np.int64]
) -> NDArray[np.int64]:
    """See :attr:`regions.RegionComplex.closed_linear_regions`; of affine pieces and open linear regions."""
    return _renumbered(components(number_of(opens), ties(complex, pieces, opens))[opens])


def activation_patterns(complex: ComplexData) -> NDArray[np.bool_]:
    """The activation patterns of all points of the closed domain, those of edges and vertices included.

    Parameters
    ----------
    complex : RegionComplex

    Returns
    -------
    ndarray, shape (N, H), bool
        Each pattern once, sorted: True where the neuron's pre-activation is > 0.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [-1.0, 0.0]], [[1.0, 1.0]]])
    >>> activation_patterns(regions.enumerate_regions(network, 1)).astype(int)
    array([[0, 0],
           [0, 1],
           [1, 0]])
    """
    require_gradual_underflow()
    packed = packed_patterns(complex)
    return np.unpackbits(packed, axis=1, count=complex.network.n_neurons).view(np.bool_)
