"""From a model and a domain to the exact complex, or to its number of regions."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.decomposition import as_planar_domain, decompose
from regions.errors import DomainError, InvalidNetworkError
from regions.network import as_network

if TYPE_CHECKING:
    from regions.complex import RegionComplex
    from regions.network import Network

__all__ = ["count_regions", "enumerate_regions", "planar_network"]

_compiled = False


@contextmanager
def _compiling_is_told() -> Iterator[None]:
    """Say on stderr that the first call compiles, when it takes long enough to be noticed."""
    global _compiled
    if _compiled:
        yield
        return
    note = "regions: compiling the engine's kernels; this happens once per installation and takes about a minute."
    timer = threading.Timer(3.0, lambda: print(note, file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        # A tiny network first, so that the note speaks of compiling only.
        from regions.domain import Box
        from regions.engine.loop import Enumeration
        from regions.network import Network

        weights = [np.array([[1.0, 0.5], [0.25, 1.0]]), np.array([[1.0, 1.0], [1.0, -1.0]]), np.ones((1, 2))]
        Enumeration(Network.from_arrays(weights), Box(-1, -1, 1, 1)).run()
        _compiled = True
    finally:
        timer.cancel()
    yield


def planar_network(model: Any) -> Network:
    """Return `model` as a network of two inputs.

    Parameters
    ----------
    model : Network or torch.nn.Module

    Returns
    -------
    Network

    Raises
    ------
    InvalidNetworkError
        When the network does not have two inputs.

    Examples
    --------
    >>> import regions
    >>> planar_network(regions.Network.from_arrays([[[1.0, 2.0]]]))
    <Network 2-1 with 0 hidden neurons and 3 parameters>
    """
    network = as_network(model)
    if network.input_dimension != 2:
        raise InvalidNetworkError(
            f"a network of {network.input_dimension} input(s) was given; regions are enumerated in a plane, so 2 are "
            "needed. Put an affine map from two coordinates in front of it to look at a planar slice."
        )
    return network


def enumerate_regions(model: Any, domain: Any) -> RegionComplex:
    """Enumerate the activation regions of a network over a domain, exactly.

    Parameters
    ----------
    model : Network or torch.nn.Module
        With two inputs.
    domain : float, Box, ConvexPolygon, Polygon, shapely.Polygon, Polyhedron or WholePlane
        A number b means the square [-b, b]². Over a polygon that is not convex a pattern may have several regions:
        every connected one is a region of its own.

    Returns
    -------
    RegionComplex

    Raises
    ------
    InvalidNetworkError, CaptureError
        When the model is not a finite piecewise-linear network of two inputs.
    DomainError
        When the domain is none of these, empty, or a polygon that crosses itself.
    EngineError
        When the result contradicts itself: a bug in this package.

    Notes
    -----
    Layer by layer, every face is cut by the zero lines of the neurons that cross it (the polyhedral complex of
    Grigsby & Lindsey 2022). Signs and orders are decided in float64 where a bound on the rounding error proves
    them, in integer arithmetic where it does not; no tolerance is involved.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> regions.enumerate_regions(network, 1)
    <RegionComplex of 4 activation regions, 9 vertices and 12 edges, of 2 hidden neurons over Box(-1.0, -1.0, 1.0, 1.0)>
    """
    network, where = planar_network(model), as_planar_domain(domain)
    with _compiling_is_told():
        from regions.assembly import assemble
    return assemble(decompose(network, where))


def count_regions(model: Any, domain: Any) -> int:
    """Count the activation regions of a network over a domain, exactly.

    The same as ``enumerate_regions(model, domain).n_regions``, without making the last layer's faces.

    Parameters
    ----------
    model : Network or torch.nn.Module
    domain : float, Box, ConvexPolygon, Polygon, shapely.Polygon, Polyhedron or WholePlane

    Returns
    -------
    int

    Raises
    ------
    InvalidNetworkError, CaptureError, DomainError, EngineError
        As :func:`enumerate_regions`.

    Examples
    --------
    >>> import regions
    >>> regions.count_regions(regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]]), 1)
    4
    """
    network, where = planar_network(model), as_planar_domain(domain)
    with _compiling_is_told():
        from regions.engine.blocks import count
        from regions.joining import surplus
    decomposition = decompose(network, where)
    starts = [start for start in (part.start() for part in decomposition.parts) if start is not None]
    if not starts:
        raise DomainError(f"{where!r} is empty or has no interior; a domain needs one. Check its half-planes.")
    return sum(map(count, starts)) - surplus(decomposition)
