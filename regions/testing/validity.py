"""Assertions that a `RegionComplex` is what it says it is."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from regions.arithmetic.floats import U, nearest_finite
from regions.complex.complex import RegionComplex
from regions.domain.rings import exact_area
from regions.network.rounding import map_bounds, running_errors
from regions.testing.exactly import UNDERFLOW, ExactCheck

__all__ = ["assert_same_complex", "assert_valid_complex"]

# Beyond that the polygons cut off at a box say little.
_LARGEST_BOX = 1e24
# Regions times neurons up to which everything is checked in rationals: about a second.
_EXACT_LIMIT = 20_000


def _check(condition: Any, message: str) -> None:
    # Not an assert statement: these must also hold under python -O.
    if not condition:
        raise AssertionError(message)


def assert_valid_complex(complex: RegionComplex, exact: bool | None = None) -> None:
    """Assert that a complex is the complex of activation regions of its network over its domain.

    Parameters
    ----------
    complex : RegionComplex
    exact : bool, optional
        Whether to check in rationals too, without any tolerance; where left out, when regions times neurons are at
        most 20 000.

    Raises
    ------
    AssertionError
        With the region, edge or vertex at fault.
    TypeError
        When something else than a complex is given.

    Notes
    -----
    Always: every ring is closed by the edges, every edge has the faces it names on its two sides, V - E + F = 1,
    patterns are unique, the patterns of neighbours differ first in the neuron on their edge, areas sum to the
    domain's, and the network in float64 has the region's pattern and affine map at interior points, as far as
    the rounding errors let that be known.

    Exactly: every ring is strictly convex and counter-clockwise, areas sum to the domain's, an edge's neuron vanishes
    on it, and every neuron's pre-activation is >= 0 (not all 0) or <= 0 at all the vertices of a region as its pattern
    says. Patterns are distinct, so the faces are disjoint, and an activation region is convex; together that proves
    that the complex is right, whoever made it. On top: forward passes at interior points and vertices, `locate`, the
    float vertices, areas and affine maps against the rationals, and `shapely.coverage_is_valid` on the exactly rounded
    vertices. Where a region is a needle, thinner than about 2**-40 of the domain's largest coordinate, rounding may
    turn it inside out; then that last check is left out, since it would say something about float64 and not about
    the complex.

    Over unbounded domains and polygons that are not convex the exact part is: every edge's neuron vanishes on it, no
    neuron has the wrong sign at a vertex of a region, ideal ones included, and the network has the region's pattern at
    a rational point inside of it.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> assert_valid_complex(regions.enumerate_regions(network, 1))
    """
    if not isinstance(complex, RegionComplex):
        raise TypeError(f"a {type(complex).__name__} was given; a regions.RegionComplex is needed.")
    if exact is None:
        exact = complex.n_regions * max(complex.network.n_neurons, 1) <= _EXACT_LIMIT
    _check_topology(complex)
    _check_patterns(complex)
    _check_area(complex)
    convex = complex.domain.is_bounded and complex.domain.is_convex
    if exact and convex:
        ExactCheck(complex).run()
    elif exact:
        ExactCheck(complex).run_planar()
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            _check_forward(complex)


def assert_same_complex(first: RegionComplex, second: RegionComplex) -> None:
    """Assert that two complexes have the same patterns, each with the same exact vertices, in any order.

    Parameters
    ----------
    first, second : RegionComplex

    Raises
    ------
    AssertionError
        With a pattern that one of them lacks, or that has other vertices there.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> assert_same_complex(regions.enumerate_regions(network, 1), regions.enumerate_regions(network, 2))
    Traceback (most recent call last):
    ...
    AssertionError: The region of pattern 00 differs: only the first has vertices ..., only the second ...
    """
    one, two = _by_pattern(first), _by_pattern(second)
    for name, here, there in (("first", one, two), ("second", two, one)):
        missing = sorted(here.keys() - there.keys())
        _check(
            not missing,
            f"Only the {name} complex ({len(here)} regions, the other {len(there)}) has the "
            f"pattern{'' if len(missing) == 1 else 's'} {', '.join(map(_bits, missing[:5]))}.",
        )
    for pattern in sorted(one):
        ours, theirs = one[pattern], two[pattern]
        _check(
            ours == theirs,
            f"The region of pattern {_bits(pattern)} differs: only the first has vertices {_list(ours - theirs)}, "
            f"only the second {_list(theirs - ours)}.",
        )


def _bits(pattern: tuple[bool, ...]) -> str:
    return "".join("1" if on else "0" for on in pattern) or "(no neuron)"


def _list(points: frozenset[Any]) -> str:
    return ", ".join(f"({x}, {y})" for x, y in sorted(points)) or "none"


def _by_pattern(complex: RegionComplex) -> dict[tuple[bool, ...], frozenset[tuple[Fraction, Fraction]]]:
    points = complex.exact_vertices()
    rings = np.split(complex.rings, complex.ring_offsets[1:-1])
    patterns = map(tuple, complex.patterns.tolist())
    return {p: frozenset(points[v] for v in ring) for p, ring in zip(patterns, rings, strict=True)}


def _check_topology(complex: RegionComplex) -> None:
    v, e, r = len(complex.vertices) + len(complex.directions), len(complex.edges), complex.n_regions
    euler, holes = v - e + r, len(complex.domain.holes)
    _check(euler == 1 - holes, f"V - E + F is {v} - {e} + {r} = {euler}, not {1 - holes}.")
    sizes = np.diff(complex.ring_offsets)
    least = 3 if complex.domain.is_bounded else 2 if r > 1 else 0
    _check((sizes >= least).all(), f"Region {int(np.argmin(sizes))} has {sizes.min()} vertices.")
    if not len(complex.rings):
        return
    following = np.arange(1, len(complex.rings) + 1)
    following[complex.ring_offsets[1:] - 1] = complex.ring_offsets[:-1]
    owners = np.repeat(np.arange(r), sizes)
    of_rings = np.column_stack([owners, complex.rings, complex.rings[following]])
    left, right = complex.edge_faces.T
    of_edges = np.concatenate(
        [np.column_stack([left, complex.edges]), np.column_stack([right, complex.edges[:, ::-1]])]
    )
    of_edges = of_edges[of_edges[:, 0] >= 0]
    of_rings, of_edges = (a[np.lexsort(a.T)] for a in (of_rings, of_edges))
    _check(np.array_equal(of_rings, of_edges), "The rings do not run along the edges that name them as faces.")
    _check(np.unique(complex.rings).size == v, "A vertex belongs to no region.")
    inner = (left >= 0) & (right >= 0)
    _check(((left >= 0) | (right >= 0)).all(), "An edge has no region on either side.")
    slits = complex.edge_sides >= complex.domain.n_sides
    loose = (complex.edge_neurons < 0) & (complex.edge_sides < 0)
    infinite = loose & (complex.edges >= len(complex.vertices)).all(axis=1)
    _check(holes or not slits.any(), "An edge has the same region on both sides.")
    _check(not (left == right)[~slits].any(), "An edge that is no slit has the same region on both sides.")
    _check((left == right)[slits].all(), "A slit has different regions on its sides.")
    wrong = np.flatnonzero(inner & ~slits != (complex.edge_neurons >= 0))
    _check(not len(wrong), f"Edges {wrong[:5]}: an inner edge lies on a neuron, one on the rim does not.")
    wrong = np.flatnonzero((~inner & ~infinite | slits) != (complex.edge_sides >= 0))
    _check(
        not len(wrong), f"Edges {wrong[:5]}: an edge on the rim lies on a side of the domain, an inner one does not."
    )
    _check((loose == infinite).all(), "An edge lies on no neuron, on no side of the domain and not at infinity.")
    if not complex.domain.is_convex:
        return
    # Two convex regions meet in one segment at most.
    pairs = np.unique(complex.neighbors, axis=0)
    _check(len(pairs) == int(inner.sum()) == len(complex.neighbors), "Two regions share more than one edge.")


def _check_patterns(complex: RegionComplex) -> None:
    patterns, neurons = complex.patterns, complex.network.neuron_units
    _check(patterns.shape == (complex.n_regions, len(neurons)), f"patterns has shape {patterns.shape}.")
    distinct = {row.tobytes() for row in complex.packed_patterns}
    _check(not complex.domain.is_convex or len(distinct) == complex.n_regions, "Two regions have the same pattern.")
    if not len(complex.neighbors):
        return
    differ = patterns[complex.neighbors[:, 0]] != patterns[complex.neighbors[:, 1]]
    own = complex.neighbor_neurons
    unlike = differ[np.arange(len(own)), own]
    _check(unlike.all(), f"Regions {complex.neighbors[np.argmin(unlike)]} agree in the neuron on their edge.")
    # On both sides of an edge the layers before its neuron's are the same map.
    early = (differ & (neurons[:, 0] < neurons[own, 0][:, None])).any(axis=1)
    _check(not early.any(), f"Regions {complex.neighbors[np.argmax(early)]} differ in a layer before their edge's.")


def _check_area(complex: RegionComplex) -> None:
    """Float areas against the domain's: inner vertices cancel, so only the rim's rounding and the sums' count."""
    domain = complex.domain
    if not domain.is_bounded:
        if not complex.bounded.all() and not domain.n_sides:
            minx, miny, maxx, maxy = complex.view
            box = (maxx - minx) * (maxy - miny)
            reach = max(map(abs, complex.view))
            # Far away for its size, or huge, a box tells nothing about rounded vertices.
            if not (box < _LARGEST_BOX and min(maxx - minx, maxy - miny) > 1e-6 * reach):
                return
            seen = sum(shape.area for shape in complex.clip(complex.view))
            bound = 1e-6 * box
            _check(abs(seen - box) <= bound, f"The regions cover {seen!r} of a box of area {box!r}.")
        return
    minx, miny, maxx, maxy = domain.bounds
    reach = max(maxx - minx, maxy - miny)
    if not reach < 1e150:
        # No float holds such areas.
        return
    total, expected = float(np.sum(complex.areas)), nearest_finite(sum(map(exact_area, domain.rings), Fraction(0)))
    # A vertex on the rim may be off by the rounding of its coordinates and of the side that it divides.
    slack = 16 * U * (max(map(abs, domain.bounds)) + reach)
    rounding = 16 * U * len(complex.rings) * reach * reach
    bound = 4 * reach * slack + rounding + UNDERFLOW
    _check(abs(total - expected) <= bound, f"Areas sum to {total!r}, the domain's is {expected!r}.")


def _check_forward(complex: RegionComplex) -> None:
    """The float64 network at interior points: signs that the rounding error cannot have turned, and outputs."""
    network, points = complex.network, complex.interior_points
    agrees = np.ones(len(points), dtype=bool)
    sure = np.ones(len(points), dtype=bool)
    start = 0
    for passed in running_errors(network, points, np.zeros_like(points), patterns=complex.patterns):
        kinked = passed.layer.kinked
        z, active = passed.z[:, kinked], complex.patterns[:, start : start + int(kinked.sum())]
        start += int(kinked.sum())
        certain = np.abs(z) > passed.bounds[:, kinked]
        # Signs count only as long as the point has followed its region's pattern so far.
        agrees &= ~(sure[:, None] & certain & ((z > 0) != active)).any(axis=1)
        sure &= certain.all(axis=1)
    x = np.column_stack([points, np.ones(len(points))])
    maps = np.concatenate([complex.gradients, complex.offsets[:, :, None]], axis=2)
    nan = np.isnan(maps).any(axis=(1, 2))
    _check(not nan.any(), f"Region {int(np.argmax(nan))}: its affine map is not a number.")
    claimed = np.einsum("rok,rk->ro", maps, x)
    size = np.einsum("rok,rk->ro", np.abs(maps), np.abs(x))
    bound = passed.errors + 8 * U * size + np.abs(x) @ map_bounds(network)[1].T + UNDERFLOW
    off = sure & agrees & ~((np.abs(claimed - passed.values) <= 1.01 * bound) | ~np.isfinite(bound)).all(axis=1)
    _check(not off.any(), f"Region {int(np.argmax(off))}: its affine map is not the network's there.")
    doubtful = np.flatnonzero(~agrees).tolist()
    if doubtful:
        # The mean of a needle's rounded vertices may lie outside of it: rationals decide.
        exactly = ExactCheck(complex)
        for region in doubtful:
            exactly.check_region(region)
