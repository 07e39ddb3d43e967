"""Matrices of weights, dense or sparse: what the rest of the package needs of both, by the same names.

A dense matrix is an ndarray, a sparse one a `scipy.sparse.csr_array` in canonical form (no duplicates, sorted).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = [
    "blocks",
    "compact",
    "dense",
    "diagonal",
    "divided",
    "eye",
    "is_sparse",
    "largest_entry",
    "row_entries",
    "stored",
    "take_rows",
]

# Below so many entries a dense matrix is made without a thought.
_LARGE = 1 << 18
# From so many entries on a matrix of which fewer are filled has a structure, such as that of a convolution or a pool.
_STRUCTURED = 1 << 10
_DENSITY = 0.2


def is_sparse(matrix: Any) -> bool:
    """Whether a matrix is a sparse one."""
    return not isinstance(matrix, np.ndarray)


def stored(matrix: Any) -> NDArray[np.float64]:
    """The entries that a matrix stores, in a flat array: all of a dense one, those off zero of a sparse one."""
    return np.asarray(matrix.data if is_sparse(matrix) else matrix).ravel()


def dense(matrix: Any) -> NDArray[np.float64]:
    """The matrix as an ndarray."""
    return np.asarray(matrix.toarray() if is_sparse(matrix) else matrix)


def largest_entry(matrix: Any) -> float:
    """The largest magnitude of the entries."""
    values = stored(matrix)
    return float(np.abs(values).max()) if len(values) else 0.0


def divided(matrix: Any, by: float) -> Any:
    """The matrix with every entry divided, and none multiplied by a reciprocal, which subnormal numbers do not have."""
    if not is_sparse(matrix):
        return matrix / by
    found = matrix.copy()
    found.data = matrix.data / by
    return found


def eye(n: int) -> Any:
    """The identity."""
    return np.eye(n) if n * n < _LARGE else sparse.eye_array(n, format="csr")


def diagonal(values: NDArray[np.float64]) -> Any:
    """A diagonal matrix."""
    n = len(values)
    return np.diag(values) if n * n < _LARGE else sparse.diags_array(values, format="csr")


def compact(matrix: Any) -> Any:
    """The same matrix in the form that suits it: sparse where it is nearly empty.

    Not for the memory alone: the engine goes another way with sparse layers, which knows of units that are equal, or
    zero, by structure (docs/exactness.md).
    """
    size = matrix.shape[0] * matrix.shape[1]
    if size < _STRUCTURED:
        return matrix.toarray() if is_sparse(matrix) else matrix
    filled = matrix.nnz if is_sparse(matrix) else np.count_nonzero(matrix)
    if filled > _DENSITY * size:
        return matrix.toarray() if is_sparse(matrix) else matrix
    # `csr_array` of a dense matrix drops negative zeros too, which are zeros.
    found = sparse.csr_array(matrix)
    found.sort_indices()
    return found


def blocks(rows: Sequence[Sequence[Any]]) -> Any:
    """A matrix made of matrices, row by row; sparse where one of them is."""
    if any(is_sparse(m) for row in rows for m in row):
        found = sparse.block_array([[sparse.csr_array(m) for m in row] for row in rows], format="csr")
        found.sort_indices()
        return found
    return np.vstack([np.hstack(list(row)) for row in rows])


def take_rows(parts: Sequence[tuple[Any, NDArray[np.int64], NDArray[np.int64]]], shape: tuple[int, int]) -> Any:
    """A matrix of others' rows: for every part (matrix, which, at), row ``at[i]`` is ``matrix[which[i]]``."""
    if not any(is_sparse(matrix) for matrix, _, _ in parts) and shape[0] * shape[1] < _LARGE:
        out = np.zeros(shape)
        for matrix, which, at in parts:
            out[at] = matrix[which]
        return out
    rows, columns, values = [], [], []
    for matrix, which, at in parts:
        part = sparse.coo_array(sparse.csr_array(matrix)[which])
        rows.append(at[part.row])
        columns.append(part.col)
        values.append(part.data)
    coordinates = (np.concatenate(rows), np.concatenate(columns))
    found = sparse.csr_array((np.concatenate(values), coordinates), shape=shape)
    found.sort_indices()
    return found


def row_entries(matrix: Any) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """For every row the columns of its entries off zero, and the entries."""
    if is_sparse(matrix):
        for i in range(matrix.shape[0]):
            here = slice(matrix.indptr[i], matrix.indptr[i + 1])
            yield matrix.indices[here], matrix.data[here]
        return
    for row in matrix:
        used = np.flatnonzero(row)
        yield used, row[used]
