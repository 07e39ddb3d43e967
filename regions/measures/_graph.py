"""The dual graph: regions as nodes, joined where they share an edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex

    Ints = NDArray[np.int64]

__all__ = ["degrees", "diameter", "dual_graph", "eccentricities", "hamming_by_distance"]

_BLOCK_BYTES = 1 << 26


def dual_graph(complex: RegionComplex) -> Any:
    """The dual graph as a sparse matrix.

    Parameters
    ----------
    complex : RegionComplex

    Returns
    -------
    scipy.sparse.csr_array, shape (R, R), float64
        1 where two regions share an edge, or several; symmetric. It is connected, since the domain is.

    Notes
    -----
    Around an inner vertex in general position there are four regions, so the bounded faces of the dual graph are
    squares.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> dual_graph(regions.enumerate_regions(network, 1)).toarray().astype(int)
    array([[0, 1, 0, 1],
           [1, 0, 1, 0],
           [0, 1, 0, 1],
           [1, 0, 1, 0]])
    """
    first, second = np.unique(complex.neighbors, axis=0).T
    rows, columns = np.concatenate([first, second]), np.concatenate([second, first])
    n = complex.n_regions
    return coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n)).tocsr()


def degrees(complex: RegionComplex) -> Ints:
    """Number of neighbours of every region: the degrees of the dual graph.

    Parameters
    ----------
    complex : RegionComplex

    Returns
    -------
    ndarray, shape (R,), int64
        They sum to twice the number of neighbouring pairs.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> degrees(regions.enumerate_regions(network, 1))
    array([2, 2, 2, 2])
    """
    pairs = np.unique(complex.neighbors, axis=0)
    return np.bincount(pairs.ravel(), minlength=complex.n_regions)


def _distances(graph: Any, source: int) -> Ints:
    """Path lengths from one region to all: shape (R,)."""
    order, came = breadth_first_order(graph, source)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    # Breadth first, the nodes' predecessors come in the nodes' own order.
    parents = place[came[order[1:]]]
    distances = np.zeros(len(order), dtype=np.int64)
    start, length = 1, 0
    while start < len(order):
        length += 1
        stop = 1 + int(np.searchsorted(parents, start))
        distances[order[start:stop]] = length
        start = stop
    return distances


def eccentricities(complex: RegionComplex, regions: Sequence[int] | None = None) -> Ints:
    """How many boundaries one must cross, from every region, to reach the region farthest away.

    Parameters
    ----------
    complex : RegionComplex
    regions : sequence of int, optional
        Which regions; all where left out. Each takes a breadth-first search, some milliseconds for 20 000 regions.

    Returns
    -------
    ndarray, shape (R,), int64

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> eccentricities(regions.enumerate_regions(network, 1))
    array([2, 2, 2, 2])
    """
    graph = dual_graph(complex)
    sources = chosen(complex, regions)
    return np.array([_distances(graph, source).max() for source in sources.tolist()], dtype=np.int64)


def diameter(complex: RegionComplex) -> int:
    """The longest of the shortest paths between two regions in the dual graph.

    Parameters
    ----------
    complex : RegionComplex

    Returns
    -------
    int
        0 for one region.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 2.0]]], [[0.25, -0.25], [0.0]])
    >>> diameter(regions.enumerate_regions(network, 1))
    2
    """
    return int(eccentricities(complex).max())


def hamming_by_distance(complex: RegionComplex, regions: Sequence[int] | None = None) -> Ints:
    """Hamming distances of patterns against path lengths in the dual graph.

    Parameters
    ----------
    complex : RegionComplex
    regions : sequence of int, optional
        The regions from which paths start; all where left out.

    Returns
    -------
    ndarray, shape (D + 1, H + 1), int64
        Entry (d, h): the number of pairs (start, end) at path length d whose patterns differ in h neurons; all ends
        count, the start itself too.

    Notes
    -----
    In generic position every step changes one neuron, so h <= d. For one layer of neurons over a convex domain the two
    are equal: between two cells of an arrangement a shortest path crosses each line that separates them once. In deeper
    networks h < d says that every way crosses some bent hyperplane twice. Where hyperplanes coincide, a step may change
    several neurons.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]])
    >>> hamming_by_distance(regions.enumerate_regions(network, 1))
    array([[4, 0, 0],
           [0, 8, 0],
           [0, 0, 4]])
    """
    graph = dual_graph(complex)
    sources = chosen(complex, regions)
    h = complex.network.n_neurons
    found = np.zeros((1, h + 1), dtype=np.int64)
    signs = complex.patterns.astype(np.float64)
    active = signs.sum(axis=1)
    block = max(1, _BLOCK_BYTES // max(1, 8 * complex.n_regions))
    for start in range(0, len(sources), block):
        here = sources[start : start + block]
        # |a - b| summed up; whole numbers below 2**53, so without rounding.
        differing = (active[here, None] + active - 2 * signs[here] @ signs.T).astype(np.int64)
        for source, row in zip(here.tolist(), differing, strict=True):
            table = _distances(graph, source) * (h + 1) + row
            counts = np.bincount(table)
            counts = np.pad(counts, (0, -len(counts) % (h + 1))).reshape(-1, h + 1)
            if len(counts) > len(found):
                found = np.pad(found, ((0, len(counts) - len(found)), (0, 0)))
            found[: len(counts)] += counts
    return found


def chosen(complex: RegionComplex, regions: Sequence[int] | None) -> Ints:
    """The regions that are asked for, all where left out."""
    everything = np.arange(complex.n_regions)
    return everything if regions is None else everything[np.asarray(regions, dtype=np.int64)]
