"""The affine maps of faces, pushed through a layer, with a proven bound on their rounding errors.

For every face the activations are three columns (x, y, 1); errors are bounded column by column in the 2-norm, so
that a layer multiplies them by its spectral norm and not by its row sums. The proof is in docs/exactness.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arithmetic.floats import TINY, U
from regions.arithmetic.matrices import divided, is_sparse, largest_entry, stored
from regions.engine.chords import classify
from regions.engine.compiling import kernel
from regions.engine.filter import INFLATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.engine.cells import Cells
    from regions.network.network import Layer

_BLOCK_BYTES = 1 << 23
# In the subnormal range each of two products may be rounded down by half a unit in the last place.
_ROUNDED_DOWN = 2.0**-1073

__all__ = ["FaceMaps", "LayerBounds", "first_maps", "next_maps", "norm_bound", "spectral_bound"]


@dataclass(frozen=True, slots=True)
class FaceMaps:
    """Pre-activation maps of one layer on F faces, M units.

    Parameters
    ----------
    coefficients : ndarray, shape (F, 3, M), float64
    row_norms, bias_errors : ndarray, shape (M,), float64
    g_errors, c_errors : ndarray, shape (F,), float64
        As :func:`regions.engine.chords.classify` takes them.
    tiny : float
    g_norms, c_norms : ndarray, shape (F,), float64
        Bounds on the 2-norm of the error of a whole gradient column, and of the column of offsets.
    """

    coefficients: NDArray[np.float64]
    row_norms: NDArray[np.float64]
    bias_errors: NDArray[np.float64]
    g_errors: NDArray[np.float64]
    c_errors: NDArray[np.float64]
    tiny: float
    g_norms: NDArray[np.float64]
    c_norms: NDArray[np.float64]

    def lines(self, faces: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.float64]:
        """Coefficients and error bounds of single lines: (Q, 5)."""
        out = np.empty((len(faces), 5))
        out[:, :3] = self.coefficients[faces, :, units]
        norms = self.row_norms[units]
        with np.errstate(over="ignore", invalid="ignore"):
            out[:, 3] = (norms * self.g_errors[faces] + self.tiny) * INFLATE
            out[:, 4] = (norms * self.c_errors[faces] + self.bias_errors[units] + self.tiny) * INFLATE
        return out

    def classify(self, cells: Cells, kinked: NDArray[np.bool_], bits: NDArray[np.uint64]) -> tuple[Any, ...]:
        """As :func:`regions.engine.chords.classify`."""
        found: tuple[Any, ...] = classify(
            cells.ring_offsets, cells.rings, cells.points, self.coefficients, self.row_norms, self.bias_errors,
            self.g_errors, self.c_errors, self.tiny, kinked, bits, np.empty((0, 2, 0)),
        )  # fmt: skip
        return found

    def into(self, layer: Layer, before: Layer, parents: NDArray[np.int64], bits: NDArray[np.uint64]) -> FaceMaps:
        """The maps of the next layer; see :func:`next_maps`."""
        return next_maps(layer, before, self, parents, bits)

    def spread(self, bits: NDArray[np.uint64]) -> None:
        """Nothing: every neuron was looked at."""

    def outputs(self, layer: Layer, parents: NDArray[np.int64], bits: NDArray[np.uint64]) -> NDArray[np.float64]:
        """The network's affine maps on the faces behind the last layer: (F, 3, O)."""
        values: NDArray[np.float64] = activate(self.coefficients, parents, bits, layer.below, layer.above)[0]
        return values


def norm_bound(rows: Any) -> NDArray[np.float64]:
    """Upper bounds on the 2-norms of rows, safe from overflow and underflow of the squares."""
    if is_sparse(rows):
        # Each row's entries, and zeros behind them.
        sizes = np.diff(rows.indptr)
        packed = np.zeros((rows.shape[0], max(1, int(sizes.max()))))
        at = np.arange(rows.nnz) - np.repeat(rows.indptr[:-1], sizes)
        packed[np.repeat(np.arange(rows.shape[0]), sizes), at] = rows.data
        rows = packed
    largest = np.abs(rows).max(axis=-1)
    scale = np.where(largest > 0, largest, 1.0)
    sums = np.square(rows / scale[..., None]).sum(axis=-1)
    with np.errstate(over="ignore"):
        bound = largest * np.sqrt(sums) * (1 + (rows.shape[-1] + 8) * U)
        # Rows that overflowed have no bound.
        bound = np.where(np.isfinite(bound), bound + _ROUNDED_DOWN, np.inf)
        return np.asarray(np.where(largest == 0, 0.0, bound))


def frobenius_bound(weight: Any) -> float:
    """Upper bound on the Frobenius norm of a matrix."""
    values = stored(weight)
    return float(norm_bound(values.reshape(1, -1))[0]) if len(values) else 0.0


def spectral_bound(weight: Any) -> float:
    """Upper bound on the spectral norm of a matrix, proven in float arithmetic.

    The norm of A = WᵀW is that of A^(2^k) to the power 2^-k, which the Frobenius norm bounds from above ever more
    closely; the rounding errors of the squarings are carried along.

    Examples
    --------
    >>> 1.0 <= spectral_bound(np.eye(3)) < 1.1
    True
    """
    largest = largest_entry(weight)
    if largest == 0.0 or not np.isfinite(largest):
        return largest
    scaled = divided(weight, largest)
    frobenius = frobenius_bound(scaled)
    if is_sparse(weight):
        sums = [float(np.asarray(abs(scaled).sum(axis=axis)).max()) for axis in (0, 1)]
        sides = np.sqrt(sums[0] * sums[1]) * (1 + (sum(weight.shape) + 64) * U)
        return float(min(frobenius, sides)) * largest * (1 + 64 * U) + _ROUNDED_DOWN
    n = min(weight.shape)
    if n < 2 or n > 512:
        return frobenius * largest * (1 + 64 * U) + _ROUNDED_DOWN
    power = scaled.T @ scaled if weight.shape[1] == n else scaled @ scaled.T
    gamma = (max(weight.shape) + 8) * U * 1.01
    # The division by `largest` rounds every entry once more.
    error = (gamma + 4 * U) * frobenius**2
    log_norm = 0.0
    best = frobenius
    for k in range(5):
        norm = float(norm_bound(power.reshape(1, -1))[0])
        if not norm > 0.0:
            break
        bound = log_norm + np.log(norm + error) / 2**k
        best = min(best, float(np.exp(bound / 2)) * (1 + 1e-9))
        power = power / norm
        error = (error / norm) * (1 + 8 * U) + 4 * U
        log_norm += np.log(norm) / 2**k
        error = 2 * error * 1.01 + error**2 + (n + 8) * U * 1.01
        power = power @ power
    return best * largest * (1 + 1e-9) + _ROUNDED_DOWN


class LayerBounds:
    """Norms of a layer that error bounds need, each rounded up."""

    def __init__(self, layer: Layer) -> None:
        n = layer.n_in + 3
        self._layer = layer
        self.row_norms = norm_bound(layer.weight)
        self.spectral = spectral_bound(layer.weight)
        self.frobenius = frobenius_bound(layer.weight)
        self.bias_norm = float(norm_bound(layer.bias.reshape(1, -1))[0])
        self.gamma = n * U / (1 - n * U)
        self.tiny = n * TINY

    @cached_property
    def slopes(self) -> tuple[float, float]:
        """The steepest slope, and the relative error of multiplying by slopes."""
        return slope_bounds(self._layer)


def slope_bounds(layer: Layer) -> tuple[float, float]:
    """The steepest slope, and the relative error of multiplying by slopes, 0 where that is exact."""
    slopes = np.concatenate([layer.below, layer.above])
    return float(np.abs(slopes).max()), 0.0 if np.isin(slopes, (-1.0, 0.0, 1.0)).all() else U


def first_maps(layer: Layer, n_faces: int) -> FaceMaps:
    """The maps of the first layer, the same on every face, and exact."""
    map_ = np.stack([layer.weight[:, 0], layer.weight[:, 1], layer.bias])
    zeros, units = np.zeros(n_faces), np.zeros(layer.n_out)
    return FaceMaps(np.repeat(map_[None], n_faces, axis=0), units, units, zeros, zeros, 0.0, zeros, zeros)


@kernel
def activate(coefficients, parents, bits, below, above):  # type: ignore[no-untyped-def]
    """Post-activation maps of faces from the pre-activation maps of their parents, and the columns' norms.

    Returns
    -------
    maps : (F, 3, M) float64
    norms : (F, 2) float64
        Bounds on the 2-norm of the larger gradient column, and of the column of offsets.
    """
    n_faces = parents.shape[0]
    n_units = below.shape[0]
    out = np.empty((n_faces, 3, n_units))
    norms = np.zeros((n_faces, 2))
    slopes = np.empty(n_units)
    for f in range(n_faces):
        parent = parents[f]
        for k in range(n_units):
            on = (bits[f, k >> 6] >> np.uint64(k & 63)) & np.uint64(1)
            slopes[k] = above[k] if on else below[k]
        for c in range(3):
            largest = 0.0
            finite = True
            for k in range(n_units):
                # Zero times anything, an overflow too.
                z = coefficients[parent, c, k] * slopes[k] if slopes[k] != 0.0 else 0.0
                out[f, c, k] = z
                finite &= z - z == 0.0
                largest = max(largest, abs(z))
            which = 0 if c < 2 else 1
            if not finite:
                # Before max() drops what is not a number.
                norms[f, which] = np.inf
                continue
            if largest == 0.0:
                continue
            total = 0.0
            scale = 1.0 / largest
            if not scale < np.inf:
                scale = 2.0**1022
            for k in range(n_units):
                total += (out[f, c, k] * scale) ** 2
            norm = np.sqrt(total) / scale * (1.0 + (n_units + 16) * U) + TINY
            norms[f, which] = max(norms[f, which], norm)
    return out, norms


def next_maps(
    layer: Layer, before: Layer, maps: FaceMaps, parents: NDArray[np.int64], bits: NDArray[np.uint64]
) -> FaceMaps:
    """Push the maps through a layer's activation and the next affine map, some thousand faces at a time.

    Parameters
    ----------
    layer, before : Layer
        The layer to enter, and the one that is left.
    maps : FaceMaps
        Pre-activation maps of the layer that is left, on the parents.
    parents : ndarray, shape (F,), int64
        The face from before the cut that each face lies in.
    bits : ndarray, shape (F, words), uint64
        The active units of the layer that is left.

    Returns
    -------
    FaceMaps
        Of the layer to enter, on the F faces.
    """
    n_faces, n_in = len(parents), layer.n_in
    coefficients = np.empty((n_faces, 3, layer.n_out))
    norms = np.empty((n_faces, 2))
    block = max(1, _BLOCK_BYTES // (24 * n_in))
    transposed = np.ascontiguousarray(layer.weight.T)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n_faces, block):
            here = slice(start, min(start + block, n_faces))
            values, norms[here] = activate(maps.coefficients, parents[here], bits[here], before.below, before.above)
            # One product for all faces of the block: numpy would multiply a stack of matrices one by one.
            np.matmul(values.reshape(-1, n_in), transposed, out=coefficients[here].reshape(-1, layer.n_out))
            coefficients[here, 2] += layer.bias
        steepest, rounds = slope_bounds(before)
        # A product with a slope may underflow, even to 0: that is an error too, and no exact zero.
        lost = n_in * TINY if rounds else 0.0
        g_after = (steepest * maps.g_norms[parents] + rounds * norms[:, 0] + lost) * INFLATE
        c_after = (steepest * maps.c_norms[parents] + rounds * norms[:, 1] + lost) * INFLATE
        norm = LayerBounds(layer)
        tiny = (n_in + 1) * TINY
        all_tiny = layer.n_out * tiny
        return FaceMaps(
            coefficients=coefficients,
            row_norms=norm.row_norms,
            bias_errors=norm.gamma * np.abs(layer.bias) * INFLATE,
            g_errors=(g_after + norm.gamma * norms[:, 0]) * INFLATE,
            c_errors=(c_after + norm.gamma * norms[:, 1]) * INFLATE,
            tiny=tiny,
            g_norms=(norm.spectral * g_after + norm.gamma * norm.frobenius * norms[:, 0] + all_tiny) * INFLATE,
            c_norms=(norm.spectral * c_after + norm.gamma * (norm.frobenius * norms[:, 1] + norm.bias_norm) + all_tiny)
            * INFLATE,
        )
