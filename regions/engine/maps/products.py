"""Products of a layer's weights with many columns: dense or sparse, on all cores or on a device."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from regions._threads import cores, one_torch_thread_if_forked, thread_pool
from regions.arithmetic.floats import U
from regions.arithmetic.matrices import is_sparse
from regions.engine.compiling import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network.network import Layer

__all__ = ["FLOOR", "Products"]

# Nothing that is not 0 is smaller in a bound, so that no product of a bound underflows.
FLOOR = 2.0**-400
_TILE = 128


@kernel
def _multiply(indptr, indices, data, dense, out, first, stop):  # type: ignore[no-untyped-def]
    """Rows of a sparse matrix times a dense one, some columns at a time so that they stay in the cache."""
    n = dense.shape[1]
    for start in range(0, n, _TILE):
        end = min(start + _TILE, n)
        for r in range(first, stop):
            for c in range(start, end):
                out[r, c] = 0.0
            for p in range(indptr[r], indptr[r + 1]):
                w = data[p]
                j = indices[p]
                for c in range(start, end):
                    out[r, c] += w * dense[j, c]


@dataclass(slots=True)
class Products:
    """A layer's weight, and the magnitudes of its entries, ready to multiply by."""

    layer: Layer
    device: str | None
    indptr: NDArray[np.int64]
    indices: NDArray[np.int64]
    data: NDArray[np.float64]
    weight: Any
    magnitude: Any
    n_terms: int

    @classmethod
    def of(cls, layer: Layer, device: str | None) -> Products:
        """Of a layer, on a device of torch or here."""
        matrix = layer.weight
        rows = matrix if is_sparse(matrix) else sparse.csr_array(matrix)
        magnitude = abs(matrix)
        if is_sparse(magnitude):
            magnitude.data = np.where(magnitude.data > 0, np.maximum(magnitude.data, FLOOR), 0.0)
        else:
            magnitude = np.where(magnitude > 0, np.maximum(magnitude, FLOOR), 0.0)
        terms = int(np.diff(rows.indptr).max()) if is_sparse(matrix) else layer.n_in
        if device is not None:
            matrix, magnitude = _on_device(matrix, device), _on_device(magnitude, device)
        return cls(
            layer, device, rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data, matrix, magnitude,
            terms,
        )  # fmt: skip

    @property
    def gamma(self) -> float:
        """Bound on the relative rounding error of a sum of products, its bias included, in any order."""
        n = self.n_terms + 4
        return n * U / (1 - n * U)

    def times(self, matrix: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The product with every row of `values`."""
        if self.device is not None:
            return _product_on_device(matrix, values, self.device)
        if not is_sparse(matrix):
            return np.asarray(values @ matrix.T)
        columns = np.ascontiguousarray(values.T)
        out = np.empty((matrix.shape[0], len(values)))
        threads = cores()
        bounds = np.linspace(0, matrix.shape[0], 4 * threads + 1).astype(int).tolist()
        arguments = (matrix.indptr, matrix.indices, matrix.data, columns, out)
        pool = thread_pool("regions-products", threads)
        tasks = [
            pool.submit(_multiply, *arguments, first, stop)  # type: ignore[call-arg]
            for first, stop in pairwise(bounds)
            if stop > first
        ]
        for task in tasks:
            task.result()
        return np.ascontiguousarray(out.T)


def _on_device(matrix: Any, device: str) -> Any:
    import torch

    if not is_sparse(matrix):
        return torch.from_numpy(np.array(matrix)).to(device)
    parts = [torch.from_numpy(np.array(array)) for array in (matrix.indptr, matrix.indices, matrix.data)]
    indptr, indices, data = parts
    return torch.sparse_csr_tensor(indptr, indices, data, matrix.shape, dtype=torch.float64).to(device)


def _product_on_device(matrix: Any, values: NDArray[np.float64], device: str) -> NDArray[np.float64]:
    import torch

    with torch.no_grad(), one_torch_thread_if_forked():
        columns = torch.from_numpy(values).to(device).T
        product = matrix @ (columns.contiguous() if matrix.is_sparse_csr else columns)
        return np.asarray(product.T.contiguous().cpu().numpy())
