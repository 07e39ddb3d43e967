"""Where the entries of convolutions and pools sit: index arrays and sparse matrices.

Shapes are those of one point's tensor, (C, *spatial) with one to three spatial axes; an entry's index is that of the
flattened tensor, the last axis changing fastest. A padding is a number for each axis, or a pair (before, after).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Padding = Sequence[int | tuple[int, int]]

__all__ = [
    "adaptive_average_matrix",
    "adaptive_windows",
    "average_matrix",
    "convolution",
    "convolution_matrix",
    "output_length",
    "reciprocals",
    "repeated",
    "sum_matrix",
    "transposed_convolution_matrix",
    "weighted_windows",
    "windows",
]


def _pair(padding: int | tuple[int, int]) -> tuple[int, int]:
    return (padding, padding) if isinstance(padding, int | np.integer) else (int(padding[0]), int(padding[1]))


def output_length(
    length: int, kernel: int, stride: int, padding: int | tuple[int, int], dilation: int = 1, ceil_mode: bool = False
) -> int:
    """Number of windows along one axis."""
    before, after = _pair(padding)
    room = length + before + after - dilation * (kernel - 1) - 1
    count = -(-room // stride) + 1 if ceil_mode else room // stride + 1
    # A window that would begin in the padding after the end does not count.
    return count - 1 if ceil_mode and (count - 1) * stride >= length + before else count


def _positions(count: int, length: int, kernel: int, stride: int, before: int, dilation: int) -> Integers:
    """Places along one axis of every window's entries, shape (count, kernel); -1 outside."""
    place = np.arange(count)[:, None] * stride - before + np.arange(kernel) * dilation
    return np.where((place >= 0) & (place < length), place, -1)


def _combined(axes: Sequence[Integers], spatial: Sequence[int]) -> Integers:
    """Flat places of the windows that the axes span, shape (all windows, all entries); -1 outside."""
    flat = np.zeros((1, 1), dtype=np.int64)
    for places, length in zip(axes, spatial, strict=True):
        inside = (flat[:, None, :, None] >= 0) & (places[None, :, None, :] >= 0)
        merged = np.where(inside, flat[:, None, :, None] * length + places[None, :, None, :], -1)
        flat = merged.reshape(flat.shape[0] * places.shape[0], flat.shape[1] * places.shape[1])
    return flat


def _per_channel(flat: Integers, channels: int, size: int) -> Integers:
    moved = np.arange(channels)[:, None, None] * size + flat
    return np.where(flat >= 0, moved, -1).reshape(channels * len(flat), flat.shape[1])


def windows(
    in_shape: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
    ceil_mode: bool = False,
) -> tuple[Integers, tuple[int, ...]]:
    """The entries that each output of a pool sees, and the output's shape.

    For every output the flat indices of the entries in its window, in the window's order, -1 for padding: shape (n, k).
    """
    channels, *spatial = in_shape
    given = list(zip(spatial, kernel, stride, padding, dilation, strict=True))
    counts = [output_length(*axis, ceil_mode) for axis in given]
    axes = [_positions(n, a, k, s, _pair(p)[0], d) for n, (a, k, s, p, d) in zip(counts, given, strict=True)]
    index = _per_channel(_combined(axes, spatial), channels, int(np.prod(spatial)))
    return index, (channels, *counts)


def adaptive_windows(in_shape: Sequence[int], out: Sequence[int]) -> tuple[Integers, tuple[int, ...]]:
    """The entries that each output of an adaptive pool sees; see `windows`."""
    channels, *spatial = in_shape
    axes = []
    for length, count in zip(spatial, out, strict=True):
        starts = np.arange(count) * length // count
        ends = -(-(np.arange(count) + 1) * length // count)
        place = starts[:, None] + np.arange((ends - starts).max())
        axes.append(np.where(place < ends[:, None], place, -1))
    index = _per_channel(_combined(axes, spatial), channels, int(np.prod(spatial)))
    return index, (channels, *(int(n) for n in out))


def weighted_windows(index: Integers, weights: NDArray[np.float64], n_in: int) -> Any:
    """The matrix, shape (n, n_in), of the sums of each window's entries times weights (broadcast to its shape)."""
    used = index >= 0
    values = np.broadcast_to(weights, index.shape)[used]
    starts = np.concatenate([[0], np.cumsum(used.sum(axis=1))])
    matrix = sparse.csr_array((values, index[used], starts), shape=(len(index), n_in))
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix


def sum_matrix(index: Integers, n_in: int) -> Any:
    """The matrix, shape (n, n_in), of the sums of each window's entries."""
    return weighted_windows(index, np.ones((1, 1)), n_in)


def reciprocals(divisors: Any) -> NDArray[np.float64]:
    """1 / divisors, each rounded to float64 once: the factors that quotients and means are read with."""
    return np.asarray(1.0 / np.asarray(divisors, dtype=np.float64))


def average_matrix(
    in_shape: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Padding,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> tuple[Any, tuple[int, ...]]:
    """The matrix of an average pool, shape (n, n_in), and the output's shape; entries are 1 / divisor, rounded once."""
    channels, *spatial = in_shape
    index, out_shape = windows(in_shape, kernel, stride, padding, [1] * len(spatial), ceil_mode)
    if divisor_override is not None:
        divisors: Any = np.full(len(index), divisor_override)
    elif count_include_pad:
        # Where the last window reaches beyond the padding, what lies beyond does not count.
        sizes: Any = np.ones(1, dtype=np.int64)
        for n, length, k, s, p in zip(out_shape[1:], spatial, kernel, stride, padding, strict=True):
            before, after = _pair(p)
            starts = np.arange(n) * s - before
            sizes = (sizes[:, None] * (np.minimum(starts + k, length + after) - starts)).ravel()
        divisors = np.tile(sizes, channels)
    else:
        divisors = np.maximum((index >= 0).sum(axis=1), 1)
    return weighted_windows(index, reciprocals(divisors)[:, None], int(np.prod(in_shape))), out_shape


def adaptive_average_matrix(in_shape: Sequence[int], out: Sequence[int]) -> tuple[Any, tuple[int, ...]]:
    """The matrix of an adaptive average pool; see `average_matrix`."""
    index, out_shape = adaptive_windows(in_shape, out)
    factors = reciprocals((index >= 0).sum(axis=1))[:, None]
    return weighted_windows(index, factors, int(np.prod(in_shape))), out_shape


def _convolution(weight: NDArray[np.float64], flat: Integers, size: int, groups: int) -> Any:
    """The matrix of a convolution whose windows on one channel of `size` entries are `flat`."""
    n_out, per_group = weight.shape[:2]
    taps = weight.reshape(n_out, 1, per_group, -1)
    shape = (n_out, len(flat), per_group, taps.shape[3])
    inside = np.broadcast_to((flat >= 0)[None, :, None, :], shape)
    first = (np.arange(n_out) // (n_out // groups) * per_group)[:, None] + np.arange(per_group)
    columns = first[:, None, :, None] * size + flat[None, :, None, :]
    # In this order the columns of a row ascend: the array is canonical as it is.
    counts = np.tile((flat >= 0).sum(axis=1) * per_group, n_out)
    starts = np.concatenate([[0], np.cumsum(counts)])
    values = np.broadcast_to(taps, shape)[inside].astype(np.float64)
    matrix = sparse.csr_array(
        (values, columns[inside].astype(np.int32), starts.astype(np.int32)),
        shape=(n_out * len(flat), groups * per_group * size),
    )
    matrix.eliminate_zeros()
    return matrix


def convolution_matrix(
    weight: NDArray[np.float64],
    in_shape: Sequence[int],
    stride: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
    groups: int = 1,
) -> tuple[Any, tuple[int, ...]]:
    """The matrix of a convolution, shape (n_out, n_in), and the output's shape; its entries are the weights themselves.

    The weight has shape (out channels, in channels / groups, *kernel), `in_shape` is (in channels, *spatial), and
    around the tensor there are zeros.
    """
    _, *spatial = in_shape
    given = list(zip(spatial, weight.shape[2:], stride, padding, dilation, strict=True))
    counts = [output_length(*axis) for axis in given]
    axes = [_positions(n, a, k, s, _pair(p)[0], d) for n, (a, k, s, p, d) in zip(counts, given, strict=True)]
    matrix = _convolution(weight, _combined(axes, spatial), int(np.prod(spatial)), groups)
    return matrix, (weight.shape[0], *counts)


def transposed_convolution_matrix(
    weight: NDArray[np.float64],
    in_shape: Sequence[int],
    stride: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
    groups: int = 1,
    output_padding: Sequence[int] | None = None,
) -> tuple[Any, tuple[int, ...]]:
    """The matrix of a transposed convolution, weight of shape (in channels, out channels / groups, *kernel)."""
    _, *spatial = in_shape
    pads = [_pair(p) for p in padding]
    extra = [0] * len(spatial) if output_padding is None else list(output_padding)
    out = [
        (n - 1) * s - sum(p) + d * (k - 1) + e + 1
        for n, k, s, p, d, e in zip(spatial, weight.shape[2:], stride, pads, dilation, extra, strict=True)
    ]
    axes = [
        _positions(n, length, k, s, p[0], d)
        for n, length, k, s, p, d in zip(spatial, out, weight.shape[2:], stride, pads, dilation, strict=True)
    ]
    # It is the transpose of the convolution that leads from its output's shape to its input's.
    matrix = _convolution(weight, _combined(axes, out), int(np.prod(out)), groups).T.tocsr()
    matrix.sort_indices()
    return matrix, (weight.shape[1] * groups, *out)


def convolution(
    weight: NDArray[np.float64],
    bias: NDArray[np.float64] | None,
    in_shape: Sequence[int],
    images: int,
    how: tuple[Sequence[int], Padding, Sequence[int], int],
    output_padding: Sequence[int] | None = None,
) -> tuple[Any, NDArray[np.float64], tuple[int, ...]]:
    """The matrix and the offset of a convolution of several images, and the output's shape for one.

    `how` is stride, padding, dilation and groups; with an `output_padding` it is a transposed convolution.
    """
    if output_padding is None:
        matrix, shape = convolution_matrix(weight, in_shape, *how)
    else:
        matrix, shape = transposed_convolution_matrix(weight, in_shape, *how, output_padding)
    offset = np.zeros(shape[0]) if bias is None else bias
    return repeated(matrix, images), np.tile(np.repeat(offset, int(np.prod(shape[1:]))), images), shape


def repeated(matrix: Any, n: int) -> Any:
    """The block-diagonal matrix of `n` equal blocks: the same map on each of n parts."""
    if n == 1:
        return matrix
    found = sparse.kron(sparse.eye_array(n, format="csr"), sparse.csr_array(matrix), format="csr")
    found.eliminate_zeros()
    found.sort_indices()
    return found
