"""Units that are the same function of the plane for the same reason, found before anything is cut.

Shared weights on a constant piece of an image give the same unit many times over, and differences of such units, in
a maximum, vanish everywhere. Floats can prove neither, and integers would have to, face by face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arithmetic.matrices import is_sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network.network import Network

__all__ = ["EqualUnits", "find_equal_units"]

_ZERO = -1


@dataclass(frozen=True, slots=True)
class EqualUnits:
    """What is known about the units of one layer.

    Parameters
    ----------
    representative : ndarray, shape (M,), int64
        For a neuron the first one whose pre-activation is proven to be the same function; the unit itself otherwise.
    zero : ndarray, shape (M,), bool
        Units whose pre-activation is proven to vanish everywhere.
    """

    representative: NDArray[np.int64]
    zero: NDArray[np.bool_]

    @property
    def distinct(self) -> NDArray[np.bool_]:
        """Units that are to be looked at: shape (M,), bool."""
        own = self.representative == np.arange(len(self.representative))
        return np.asarray(own & ~self.zero)


def find_equal_units(network: Network) -> list[EqualUnits]:
    """Find units that are equal because their weights and the units behind them are.

    Returns
    -------
    list of EqualUnits
        One for each layer. Nothing is claimed about units that are equal for other reasons.
    """
    classes = np.arange(network.input_dimension)
    found = []
    for layer in network.layers:
        rows, inputs, weights = _entries(layer.weight, classes)
        labels = _label(rows, inputs, weights, layer.bias)
        zero = np.bincount(rows, minlength=layer.n_out) == 0
        zero &= layer.bias == 0
        # Neurons stand for neurons only: the others are never looked at.
        neurons = np.flatnonzero(layer.kinked)
        representative = np.arange(layer.n_out)
        _, first, inverse = np.unique(labels[neurons], return_index=True, return_inverse=True)
        representative[neurons] = neurons[first[inverse]]
        found.append(EqualUnits(representative, zero))
        slopes = np.stack([layer.below, layer.above], axis=1)
        _, slope_class = np.unique(slopes, axis=0, return_inverse=True)
        _, classes = np.unique(np.stack([labels, slope_class.ravel()], axis=1), axis=0, return_inverse=True)
        classes = classes.ravel()
        classes[zero | (slopes == 0).all(axis=1)] = _ZERO
    return found


def _entries(
    weight: Any, classes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The entries of a matrix by the classes of its columns, sorted; without zeros and without pairs that cancel."""
    if is_sparse(weight):
        rows = np.repeat(np.arange(weight.shape[0]), np.diff(weight.indptr))
        columns, values = weight.indices, weight.data
    else:
        rows, columns = np.nonzero(weight)
        values = weight[rows, columns]
    inputs = classes[columns]
    used = (inputs != _ZERO) & (values != 0)
    rows, inputs, values = rows[used], inputs[used], values[used]
    # Opposite weights lie next to each other in this order.
    order = np.lexsort((values, np.abs(values), inputs, rows))
    rows, inputs, values = rows[order], inputs[order], values[order]
    while True:
        pair = (rows[1:] == rows[:-1]) & (inputs[1:] == inputs[:-1]) & (values[1:] == -values[:-1])
        at = np.flatnonzero(pair)
        # Of pairs that overlap every other one.
        at = at[np.diff(at, prepend=-2) > 1]
        if not len(at):
            return rows.astype(np.int64), inputs, values
        kept = np.ones(len(rows), dtype=bool)
        kept[at] = kept[at + 1] = False
        rows, inputs, values = rows[kept], inputs[kept], values[kept]


def _label(
    rows: NDArray[np.int64], inputs: NDArray[np.int64], values: NDArray[np.float64], bias: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Number the rows so that rows of the same entries and the same bias, and no others, have the same number."""
    n = len(bias)
    sizes = np.bincount(rows, minlength=n)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    # Negative zeros are zeros.
    words = np.stack([inputs, (values + 0.0).view(np.int64)], axis=1)
    offsets = (bias + 0.0).view(np.int64)
    labels = np.empty(n, dtype=np.int64)
    base = 0
    for size in np.unique(sizes).tolist():
        mine = np.flatnonzero(sizes == size)
        entries = words[starts[mine][:, None] + np.arange(size)].reshape(len(mine), 2 * size)
        table = np.ascontiguousarray(np.column_stack([offsets[mine], entries]))
        # Whole rows as single items: sorting them is faster than column by column.
        items = table.view(np.dtype((np.void, table.dtype.itemsize * table.shape[1]))).ravel()
        _, inverse = np.unique(items, return_inverse=True)
        labels[mine] = base + inverse
        base += int(inverse.max()) + 1
    return labels
