"""Flat patches of a picture: pixels without a bend in their stencil, connected where their gradients agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.pictures.gradient_image import GradientImage

__all__ = ["Patches", "bends", "compare_patches", "count_distinct", "find_patches", "resolve"]

# A pixel and its neighbour to the right, above, to the upper right, to the upper left; every pair of the
# eight-neighbourhood once.
_PAIRS = (
    ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
    ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ((slice(None, -1), slice(None, -1)), (slice(1, None), slice(1, None))),
    ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))),
)


@dataclass(frozen=True, slots=True)
class Bends:
    """How far an image bends, in units of the rounding bound; all about the pixels off the border.

    Parameters
    ----------
    stencil : ndarray, shape (N - 2, N - 2), float64
        Largest change of slope within the pixel's stencil, over the bound on its rounding.
    steps : tuple of four ndarrays, float64
        Largest change of the gradient from a pixel to its neighbour right, above, upper right and upper left, over
        the bound on its rounding.
    """

    stencil: NDArray[np.float64]
    steps: tuple[NDArray[np.float64], ...]


def bends(
    values: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], bound: NDArray[np.float64]
) -> Bends:
    """Measure how far an image bends.

    Parameters
    ----------
    values : ndarray, shape (N, N), float64
    x, y : ndarray, shape (N,), float64
    bound : ndarray, shape (N, N), float64
        Bound on the error of every value, roundings of the differences included.

    Returns
    -------
    Bends
        With inf where a value is not a number.
    """
    hx, hy = np.diff(x).min(), np.diff(y).min()
    middle = bound[1:-1, 1:-1]
    across = bound[1:-1, :-2] + 2 * middle + bound[1:-1, 2:]
    along = bound[:-2, 1:-1] + 2 * middle + bound[2:, 1:-1]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        slope_x = np.diff(values[1:-1], axis=1) / np.diff(x)
        slope_y = np.diff(values[:, 1:-1], axis=0) / np.diff(y)[:, None]
        bend = np.fmax(
            np.abs(np.diff(slope_x, axis=1)) / (across / hx), np.abs(np.diff(slope_y, axis=0)) / (along / hy)
        )
        gradients = [
            (component[1:-1, 1:-1], reach)
            for component, reach in zip(np.gradient(values, y, x), (along / hy, across / hx), strict=True)
        ]
        steps = []
        for p, q in _PAIRS:
            step = [np.abs(g[p] - g[q]) / (r[p] + r[q]) for g, r in gradients]
            steps.append(_or_inf(np.maximum(*step)))
    unknown = np.isnan(slope_x[:, :-1] + slope_x[:, 1:] + slope_y[:-1] + slope_y[1:])
    return Bends(np.where(unknown, np.inf, _or_inf(bend)), tuple(steps))


def _or_inf(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(ratio), np.inf, ratio)


def resolve(
    predicted: NDArray[np.float64], found: NDArray[np.bool_], allowed: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], int]:
    """Decide from predicted bends what an image must show, and where rounding leaves that open.

    Parameters
    ----------
    predicted : ndarray, float64
        Bends in units of the bound on the difference of prediction and image.
    found : ndarray, bool
        Where the image shows no bend, i.e. one of at most 2 units.
    allowed : ndarray, bool
        Where to look.

    Returns
    -------
    flat : ndarray, bool
        Up to 1 unit the image must look flat, beyond 3 it must not; between them it may do either, and the image's
        own answer is taken.
    n_open : int
        How many were between.
    """
    between = allowed & (predicted > 1) & (predicted <= 3)
    return allowed & ((predicted <= 1) | (between & found)), int(between.sum())


def find_patches(flat: NDArray[np.bool_], links: tuple[NDArray[np.bool_], ...]) -> NDArray[np.int64]:
    """Find the connected components of flat pixels, neighbours being joined where `links` says so.

    Parameters
    ----------
    flat : ndarray, shape (M, M), bool
    links : tuple of four ndarrays, bool
        Right, above, upper right, upper left, as in :class:`Bends`.

    Returns
    -------
    ndarray, shape (number of patches, 2), int64
        Row and column of the first pixel of every patch.
    """
    pixels = np.argwhere(flat)
    node = np.cumsum(flat).reshape(flat.shape) - 1
    joined = [link & flat[p] & flat[q] for (p, q), link in zip(_PAIRS, links, strict=True)]
    a = np.concatenate([node[p][keep] for (p, _), keep in zip(_PAIRS, joined, strict=True)])
    b = np.concatenate([node[q][keep] for (_, q), keep in zip(_PAIRS, joined, strict=True)])
    if len(pixels) == 0:
        return pixels
    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(len(pixels), len(pixels)))
    component = connected_components(graph, directed=False)[1]
    return pixels[np.unique(component, return_index=True)[1]]


@dataclass(frozen=True, slots=True)
class Maps:
    """The affine maps that patches show, one a row.

    Parameters
    ----------
    points : ndarray, shape (Q, 2), float64
        Where each was read.
    values : ndarray, shape (Q,), float64
    gradients : ndarray, shape (Q, 2), float64
    value_bounds, gradient_bounds : ndarray, shape (Q,) and (Q, 2), float64
        Bounds on their errors.
    """

    points: NDArray[np.float64]
    values: NDArray[np.float64]
    gradients: NDArray[np.float64]
    value_bounds: NDArray[np.float64]
    gradient_bounds: NDArray[np.float64]


def read_maps(
    values: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    bound: NDArray[np.float64],
    pixels: NDArray[np.int64],
) -> Maps:
    """Read the affine maps at pixels off the border.

    Parameters
    ----------
    values, bound : ndarray, shape (N, N), float64
    x, y : ndarray, shape (N,), float64
    pixels : ndarray, shape (Q, 2), int64
        Rows and columns, counted without the border.
    """
    j, i = pixels.T + 1
    gradients = [(values[j, i + 1] - values[j, i - 1]) / (x[i + 1] - x[i - 1])]
    gradients.append((values[j + 1, i] - values[j - 1, i]) / (y[j + 1] - y[j - 1]))
    bounds = [(bound[j, i + 1] + bound[j, i - 1]) / (x[i + 1] - x[i - 1])]
    bounds.append((bound[j + 1, i] + bound[j - 1, i]) / (y[j + 1] - y[j - 1]))
    return Maps(
        np.column_stack([x[i], y[j]]),
        values[j, i],
        np.column_stack(gradients),
        bound[j, i],
        np.column_stack(bounds),
    )


def difference(maps: Maps, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far two maps differ, in units of the bound on their errors.

    Parameters
    ----------
    maps : Maps
    a, b : ndarray, shape (n,), int64
        Rows to compare.

    Returns
    -------
    ndarray, shape (n,), float64
        The largest over both gradient components and the value at the point of `b`.
    """
    slope = np.abs(maps.gradients[a] - maps.gradients[b]) / (maps.gradient_bounds[a] + maps.gradient_bounds[b])
    step = maps.points[b] - maps.points[a]
    value = maps.values[a] + (maps.gradients[a] * step).sum(axis=1) - maps.values[b]
    reach = maps.value_bounds[a] + maps.value_bounds[b] + (maps.gradient_bounds[a] * np.abs(step)).sum(axis=1)
    return np.maximum(slope.max(axis=1), np.abs(value) / reach)


def near_pairs(maps: Maps) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of maps that may differ by 3 units or less; all others certainly differ by more.

    Returns
    -------
    a, b : ndarray, shape (n,), int64
    """
    width = 6 * maps.gradient_bounds.max(initial=0.0) * (1 + 1e-9)
    tree = cKDTree(maps.gradients) if len(maps.values) else None
    pairs = tree.query_pairs(width, p=np.inf, output_type="ndarray") if tree else np.empty((0, 2), dtype=np.int64)
    return pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)


def count_distinct(n: int, a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    """Count what is left of n things when those in pairs (a, b) are the same.

    Parameters
    ----------
    n : int
    a, b : ndarray of int64

    Examples
    --------
    >>> count_distinct(4, np.array([0, 1]), np.array([1, 3]))
    2
    """
    if n == 0:
        return 0
    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(n, n))
    return int(connected_components(graph, directed=False, return_labels=False))


@dataclass(frozen=True, slots=True)
class Patches:
    """Predicted and found patches; see :class:`regions.CrossCheck` for the figures.

    Parameters
    ----------
    flat, found_flat : ndarray, shape (N, N), bool
        Pixels that must be flat by the prediction, and those that are.
    predicted, found, maps_predicted, maps_found, n_open : int
    """

    flat: NDArray[np.bool_]
    found_flat: NDArray[np.bool_]
    predicted: int
    found: int
    maps_predicted: int
    maps_found: int
    n_open: int


def compare_patches(
    image: GradientImage, predicted: NDArray[np.float64], bound: NDArray[np.float64], inside: NDArray[np.bool_]
) -> Patches:
    """Count the flat patches of a picture, and those that it must have.

    Parameters
    ----------
    image : GradientImage
    predicted : ndarray, shape (N, N), float64
        The values that the complex says.
    bound : ndarray, shape (N, N), float64
        Bound on the difference between a right prediction and the picture, roundings included.
    inside : ndarray, shape (N, N), bool
        Pixels outside are left alone.
    """
    x, y = image.x, image.y
    seen, expected = (bends(values, x, y, bound) for values in (image.values, predicted))
    allowed = inside[1:-1, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:] & inside[:-2, 1:-1] & inside[2:, 1:-1]
    found = allowed & (seen.stencil <= 2)
    flat, n_open = resolve(expected.stencil, found, allowed)
    found_links, links = [], []
    for seen_step, expected_step in zip(seen.steps, expected.steps, strict=True):
        found_links.append(seen_step <= 2)
        link, n = resolve(expected_step, found_links[-1], np.ones(seen_step.shape, dtype=bool))
        links.append(link)
        n_open += n
    found_patches = find_patches(found, tuple(found_links))
    patches = find_patches(flat, tuple(links))

    shown = read_maps(image.values, x, y, bound, found_patches)
    a, b = near_pairs(shown)
    same = difference(shown, a, b) <= 2
    maps_found = count_distinct(len(found_patches), a[same], b[same])

    said, read = (read_maps(values, x, y, bound, patches) for values in (predicted, image.values))
    a, b = near_pairs(said)
    same, n = resolve(difference(said, a, b), difference(read, a, b) <= 2, np.ones(len(a), dtype=bool))
    return Patches(
        flat=np.pad(flat, 1),
        found_flat=np.pad(found, 1),
        predicted=len(patches),
        found=len(found_patches),
        maps_predicted=count_distinct(len(patches), a[same], b[same]),
        maps_found=maps_found,
        n_open=n_open + n,
    )
