"""Around the regions: which edge every entry of the rings runs along, and how the boundary turns after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions.arithmetic.floats import TINY, U

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex
    from regions.complex.lines import EdgeLines

    Ints = NDArray[np.int64]

__all__ = ["at_infinity", "inward", "next_around", "ring_edges", "slits", "turns"]


def slits(complex: RegionComplex) -> NDArray[np.bool_]:
    """Which edges are slits, with one region on both sides: shape (E,)."""
    return np.asarray(complex.edge_faces[:, 0] == complex.edge_faces[:, 1])


def at_infinity(complex: RegionComplex) -> NDArray[np.bool_]:
    """Which edges lie at infinity: shape (E,)."""
    return (complex.edge_neurons < 0) & (complex.edge_sides < 0)


def ring_edges(complex: RegionComplex) -> Ints:
    """The edge that leads from every entry of `rings` to the next one around its region."""
    rings = complex.rings
    if not len(rings):
        return np.empty(0, dtype=np.int64)
    entries = np.column_stack([complex.ring_owners, rings, rings[complex._sides]])
    left, right = complex.edge_faces.T
    # Every edge twice, as the regions to its left and to its right run along it.
    walked = np.concatenate([np.column_stack([left, complex.edges]), np.column_stack([right, complex.edges[:, ::-1]])])
    edges = np.tile(np.arange(len(left)), 2)[walked[:, 0] >= 0]
    walked = walked[walked[:, 0] >= 0]
    found = np.empty(len(rings), dtype=np.int64)
    found[np.lexsort(entries.T)] = edges[np.lexsort(walked.T)]
    return found


def next_around(complex: RegionComplex, edges: Ints) -> Ints:
    """For every entry of `rings` the next one on the same closed curve of the region's boundary, slits left out."""
    if not len(edges):
        return edges
    following = complex._sides
    slit = slits(complex)[edges]
    if not slit.any():
        return following
    places = np.flatnonzero(slit)
    places = places[np.argsort(edges[places], kind="stable")]
    back = np.arange(len(edges))
    back[places[::2]], back[places[1::2]] = places[1::2], places[::2]
    while slit[following].any():
        # On the far side of a slit the boundary goes on where the slit comes back.
        following = np.where(slit[following], complex._sides[back[following]], following)
    return following


def inward(complex: RegionComplex, edges: Ints, regions: Ints) -> NDArray[np.float64]:
    """1 where the row of an edge's line is >= 0 on the side of a region beside it, -1 where it is <= 0."""
    signs = np.ones(len(edges))
    inner = complex.edge_neurons[edges] >= 0
    active = complex.patterns[regions[inner], complex.edge_neurons[edges[inner]]]
    signs[inner] = np.where(active, 1.0, -1.0)
    return signs


def turns(complex: RegionComplex, lines: EdgeLines, edges: Ints, following: Ints) -> NDArray[np.int8]:
    """How the boundary turns from every entry's edge to the next one: 1 left, 0 straight on, -1 right.

    Exactly: with rows that are >= 0 on the inner side, the sign of the cross product of the two normals. It is 1 at
    ideal vertices and at slits, where there is no corner.
    """
    found = np.ones(len(edges), dtype=np.int8)
    if not len(edges):
        return found
    proper = ~(slits(complex) | at_infinity(complex))[edges]
    corner = complex.rings[complex._sides] < len(complex.vertices)
    at = np.flatnonzero(proper & corner & proper[following])
    before, after = edges[at], edges[following[at]]
    neurons, sides = complex.edge_neurons, complex.edge_sides
    # One neuron or side beside one region is one line.
    same = (neurons[before] == neurons[after]) & (sides[before] == sides[after])
    found[at[same]] = 0
    at, before, after = at[~same], before[~same], after[~same]
    owners = complex.ring_owners[at]
    flip = inward(complex, before, owners) * inward(complex, after, owners)
    with np.errstate(over="ignore", invalid="ignore"):
        (a, b), (p, q) = lines.values[before, :2].T, lines.values[after, :2].T
        (ea, eb), (ep, eq) = lines.errors[before, :2].T, lines.errors[after, :2].T
        product = a * q - b * p
        size = np.abs(a * q) + np.abs(b * p)
        bound = np.abs(a) * eq + np.abs(q) * ea + ea * eq + np.abs(b) * ep + np.abs(p) * eb + eb * ep
        bound = 1.01 * (bound + 4 * U * size) + TINY
        sure = np.abs(product) > bound
    signs = np.sign(product)
    for i in np.flatnonzero(~sure).tolist():
        (r, s, _), (t, u, _) = lines.exact(int(before[i])), lines.exact(int(after[i]))
        signs[i] = (r * u > s * t) - (r * u < s * t)
    found[at] = (signs * flip).astype(np.int8)
    return found
