"""How far one must zoom out to see all the structure: as far as the outermost vertex in the whole plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from regions.domain.polyhedron import WholePlane
from regions.enumeration.enumerate import enumerate_regions

__all__ = ["ZoomOut", "zoom_out"]


@dataclass(frozen=True, slots=True)
class ZoomOut:
    """The extent of all vertices of a network's complex in the whole plane.

    Parameters
    ----------
    n_regions : int
        Number of activation regions of the whole plane, unbounded ones included.
    n_vertices : int
        Number of vertices in the whole plane.
    extent : (float, float, float, float) or None
        (minx, miny, maxx, maxy) of the vertices, each the exact number rounded once; None where there is no vertex.
    farthest : float
        The largest absolute coordinate: the smallest b for which the square [-b, b]² holds every vertex, rounded
        once; 0 where there is no vertex.

    Examples
    --------
    >>> from regions import Network
    >>> zoom_out(Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]], [[-3.0, 0.5], [0.0]]))
    ZoomOut(n_regions=4, n_vertices=1, extent=(3.0, -0.5, 3.0, -0.5), farthest=3.0)
    """

    n_regions: int
    n_vertices: int
    extent: tuple[float, float, float, float] | None
    farthest: float


def zoom_out(model: Any) -> ZoomOut:
    """Find the outermost vertex in the whole plane, exactly.

    Parameters
    ----------
    model : Network or torch.nn.Module
        With two inputs.

    Returns
    -------
    ZoomOut

    Raises
    ------
    InvalidNetworkError, CaptureError
        As :func:`regions.enumerate_regions`.

    Notes
    -----
    The network is enumerated over the whole plane (:class:`regions.WholePlane`); the outermost vertices are computed in
    rationals and rounded once.

    Examples
    --------
    >>> import numpy as np
    >>> from regions import Network
    >>> rng = np.random.default_rng(0)
    >>> shallow = Network.from_arrays([rng.normal(size=(20, 2)), np.ones((1, 20))], [rng.normal(size=20), [0.0]])
    >>> zoom_out(shallow).n_regions
    211
    """
    complex = enumerate_regions(model, WholePlane())
    extent = complex.extent
    return ZoomOut(
        n_regions=complex.n_regions,
        n_vertices=len(complex.vertices),
        extent=extent,
        farthest=max(map(abs, extent)) if extent else 0.0,
    )
