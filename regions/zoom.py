"""How far one must zoom out to see all the structure: as far as the outermost vertex in the whole plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regions.domain import Box
from regions.enumeration import enumerate_regions, planar_network
from regions.errors import DomainError

if TYPE_CHECKING:
    from regions.network import Network

__all__ = ["ZoomOut", "vertex_bound", "zoom_out"]


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


def vertex_bound(network: Network) -> int:
    """A number that no coordinate of a vertex of the network's complex exceeds, in the whole plane.

    Parameters
    ----------
    network : Network
        With two inputs.

    Returns
    -------
    int
        A power of two; usually far larger than the outermost vertex.

    Notes
    -----
    On any region, neuron k of layer l is a line a x + b y + c = 0 whose coefficients are integers after
    multiplication by one power of two a layer. Let G and C bound |a|, |b| and |c| over all neurons and all
    activation patterns: G_{l+1} <= s_l max_k Σ_j |w_kj| G_l, the same for C with the bias added. A vertex is the
    meet of two such lines, x = (b₁ c₂ - b₂ c₁) / (a₁ b₂ - a₂ b₁), whose denominator is an integer other than 0; hence
    |x| <= 2 G C with the largest G and C of all layers, in integers.

    Examples
    --------
    >>> from regions import Network
    >>> vertex_bound(Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]], [[-3.0, 0.5], [0.0]]))
    32
    """
    from regions.exact import scaled_integers

    gradient, offset, scale = 1, 0, 0
    largest_gradient, largest_offset = 1, 1
    for i, layer in enumerate(network.layers):
        (weight, bias), shift = scaled_integers(layer.weight, layer.bias)
        (slopes,), slope_shift = scaled_integers(_slopes(layer))
        rows = [weight[j : j + layer.n_in] for j in range(0, len(weight), layer.n_in)]
        sums = [sum(map(abs, row)) for row in rows]
        offset = max(total * offset + (abs(b) << scale) for total, b in zip(sums, bias, strict=True))
        # The first layer's gradient has one weight a coordinate, the later ones sum over all inputs.
        gradient = max(sums) * gradient if i else max(map(abs, weight))
        scale += shift
        if layer.kinked.any():
            largest_gradient, largest_offset = max(largest_gradient, gradient), max(largest_offset, offset)
        steepest = max(map(abs, slopes))
        gradient, offset, scale = gradient * steepest, offset * steepest, scale + slope_shift
    return 1 << (2 * largest_gradient * largest_offset).bit_length()


def _slopes(layer: Any) -> Any:
    import numpy as np

    return np.concatenate([layer.below, layer.above])


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
    DomainError
        When no square of float64 coordinates is proven to hold every vertex: the network is too deep, or its weights
        are of too many magnitudes. Enumerate over a large domain, and read `extent` there.
    InvalidNetworkError, CaptureError
        As :func:`regions.enumerate_regions`.

    Notes
    -----
    The network is enumerated over a square that :func:`vertex_bound` proves to be large enough. Floats cannot tell the
    vertices apart from there, so nearly every decision is taken in integers: meant for the networks of some tens of
    neurons that one looks at.

    Examples
    --------
    >>> import numpy as np
    >>> from regions import Network
    >>> rng = np.random.default_rng(0)
    >>> shallow = Network.from_arrays([rng.normal(size=(20, 2)), np.ones((1, 20))], [rng.normal(size=20), [0.0]])
    >>> zoom_out(shallow).n_regions
    211
    """
    network = planar_network(model)
    # Twice the bound: every vertex then lies well inside, and every unbounded region reaches the rim.
    bound = 2 * vertex_bound(network)
    if bound.bit_length() > 1000:
        raise DomainError(
            f"the vertices of {network!r} are proven only to lie within 2**{bound.bit_length() - 1}; at most "
            "2**999 can be looked at. Enumerate over a large domain, and read the extent of that complex."
        )
    complex_ = enumerate_regions(network, Box(-bound, -bound, bound, bound))
    on_rim = set(complex_.edges[(complex_.edge_faces < 0).any(axis=1)].ravel().tolist())
    inner = [v for i, v in enumerate(complex_.exact_vertices()) if i not in on_rim]
    if not inner:
        return ZoomOut(complex_.n_regions, 0, None, 0.0)
    xs, ys = ([v[a] for v in inner] for a in range(2))
    low_x, low_y, high_x, high_y = min(xs), min(ys), max(xs), max(ys)
    return ZoomOut(
        n_regions=complex_.n_regions,
        n_vertices=len(inner),
        extent=(float(low_x), float(low_y), float(high_x), float(high_y)),
        farthest=float(max(map(abs, (low_x, low_y, high_x, high_y)))),
    )
