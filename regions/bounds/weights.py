"""What the weights of one network say: exact ranks, layers without a kink multiplied out, neurons that never cut."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import fmpz_mat, nmod_mat

from regions.arithmetic.integers import scaled_integers
from regions.arithmetic.matrices import is_sparse, row_entries
from regions.bounds._recursion import Stage, regions_by_dimension
from regions.frontends.read import as_network
from regions.network.network import Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network.layer import Layer

__all__ = ["from_weights", "is_flat", "stages_of_weights", "stages_of_widths"]

# A larger matrix is taken to have full rank, and is not multiplied out: still a bound, and soon known.
_LARGEST = 1 << 20
_PRIME = (1 << 61) - 1


def from_weights(network: Any) -> int:
    """An upper bound from the weights of one network, and not from its widths alone.

    Parameters
    ----------
    network : Network, torch.nn.Module, or a perceptron of scikit-learn
        Of any input dimension and any activations with two slopes, linear units among them.

    Returns
    -------
    int
        Never more than :func:`montufar_2017` and, for ReLU, :func:`serra_2018` with the widths.

    Raises
    ------
    TypeError, CaptureError, NotPiecewiseLinearError, InvalidNetworkError
        When `network` is neither, or a module that cannot be captured.

    Notes
    -----
    *Theorem*: the recursion of Serra, Tjandraatmadja & Ramalingam (2018, theorem 1) and of Hinz & van de Geer (2019),
    with these numbers of every layer in the place of its width:

    - the neurons that cut: the units whose two slopes differ and whose weights are not all 0;
    - how many of them are *flat*, with a slope of 0 on one of their sides. Only these can lower the dimension of the
      image. Of f flat neurons among n, at most C(f, j) 2^(n - f) patterns have j on their flat side; so with f = n it
      is Serra's sum, and with f = 0, as for leaky ReLU and the absolute value, Montúfar's product (2017);
    - the units that pass something on: these neurons, and linear units beside them, such as skipped connections;
    - the exact ranks of the weights of both, over the rationals. Consecutive layers without a kink are multiplied out;
    - whether the hyperplanes have a common point, in the first layer wherever it is, later because no bias is other
      than 0 so far: then n hyperplanes in R^d make no more parts than :func:`zaslavsky_zero_bias` says.

    Ranks of matrices with more than a million entries are taken to be full.

    *Holds for* the activation regions of this network over the whole space or any convex domain; so also for
    open and closed linear regions and affine pieces.

    *Papers*: these three; with ranks also Serra & Ramalingam (2020), "Empirical bounds on linear regions of deep
    rectifier networks".

    Examples
    --------
    A layer of rank 1 makes strips, whatever the number of inputs, and all that follows sees a line.

    >>> import regions
    >>> from regions.bounds import serra_2018
    >>> weights = [[[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0]], [[1.0, 1.0, 1.0], [1.0, -1.0, 1.0]], [[1.0, 1.0]]]
    >>> network = regions.Network.from_arrays(weights, [[0.0, 1.0, 1.0], [1.0, 0.0], [0.0]])
    >>> from_weights(network), serra_2018(2, (3, 2))
    (12, 25)
    """
    found = as_network(network)
    return regions_by_dimension(found.input_dimension, stages_of_weights(found)).total()


def stages_of_widths(network: Network) -> list[Stage]:
    """Every layer by its numbers of neurons and of units alone; a layer without neurons only passes its units on."""
    found = []
    for layer in network.layers:
        kinked = layer.kinked
        n, flat = int(kinked.sum()), int((kinked & is_flat(layer)).sum())
        found.append(Stage(n, flat, layer.n_out, layer.n_out, n))
    return found


def stages_of_weights(network: Network) -> list[Stage]:
    """The layers with neurons that cut, as :func:`from_weights` sees them; more for large matrices."""
    values = _Values(network.input_dimension)
    stages: list[Stage] = []
    for layer in network.layers:
        if values.variables is None and _size(layer.weight) > _LARGEST:
            stages.append(_passing_stage(values))
            values.rename(values.alive())
        values.affine(layer)
        alive = values.alive()
        cutting = layer.kinked & alive
        passing = cutting | (alive & (layer.above != 0))
        if cutting.any():
            n, units = int(cutting.sum()), int(passing.sum())
            central = values.homogeneous or (not stages and values.has_common_zero(cutting))
            limit = network.input_dimension
            rank, cut_rank = values.rank(passing, limit), values.rank(cutting, limit)
            stages.append(Stage(n, int((cutting & is_flat(layer)).sum()), units, rank, cut_rank, central))
            values.activate(layer, cutting)
            values.rename(passing)
        elif values.is_large:
            stages.append(_passing_stage(values))
            values.activate(layer, cutting)
            values.rename(passing)
        else:
            values.activate(layer, cutting)
            values.multiply_rows(layer.above)
    return stages


def _passing_stage(values: _Values) -> Stage:
    """Of a layer that does not cut: images are no larger than its rank."""
    alive = values.alive()
    units = int(alive.sum())
    return Stage(0, 0, units, values.rank(alive, units), 0)


def is_flat(layer: Layer) -> NDArray[np.bool_]:
    """Which units are constant on one of their sides at least: shape (out,)."""
    return np.asarray((layer.below == 0) | (layer.above == 0))


def _size(matrix: Any) -> int:
    return int(matrix.shape[0] * matrix.shape[1])


class _Values:
    """The values in a network as affine functions of variables: of its inputs, then of what the last neurons pass on.

    Value i is ``matrix[i] @ variables + constants[i]``, with a factor > 0 in front of the matrix that does not matter
    to any rank. Right after the neurons, value ``variables[j]`` is variable j itself, and the others are constant;
    `matrix` is None. Otherwise it holds floats or integers, and `variables` is None.
    """

    def __init__(self, n: int) -> None:
        self.matrix: Any = None
        self.variables: NDArray[np.int64] | None = np.arange(n)
        self.constants: list[Fraction] = [Fraction(0)] * n
        #: Whether no constant other than 0 has occurred.
        self.homogeneous = True

    def affine(self, layer: Layer) -> None:
        """Apply a layer's weight and bias."""
        constants = [Fraction(b) for b in layer.bias.tolist()]
        if any(self.constants):
            for i, (columns, weights) in enumerate(row_entries(layer.weight)):
                for j, w in zip(columns.tolist(), weights.tolist(), strict=True):
                    if self.constants[j]:
                        constants[i] += Fraction(w) * self.constants[j]
        self.constants = constants
        self.homogeneous = self.homogeneous and not any(constants)
        if self.variables is None:
            self.matrix = _integers(layer.weight) * self.matrix
        else:
            self.matrix = layer.weight[:, self.variables]
            self.variables = None

    @property
    def is_large(self) -> bool:
        """Whether the matrix is left as it is, in floats."""
        return _is_float(self.matrix) and _size(self.matrix) > _LARGEST

    def alive(self) -> NDArray[np.bool_]:
        """Which values are not constant."""
        if _is_float(self.matrix):
            return np.array([len(columns) > 0 for columns, _ in row_entries(self.matrix)])
        return np.array([any(row) for row in self.matrix.tolist()])

    def rank(self, rows: NDArray[np.bool_], limit: int) -> int:
        """The rank of some rows, exactly, or `limit` if it is larger."""
        n, columns = int(rows.sum()), self.matrix.shape[1] if _is_float(self.matrix) else self.matrix.ncols()
        limit = min(limit, n, columns)
        return limit if self.is_large or not limit else _rank(self._rows(rows), limit)

    def has_common_zero(self, rows: NDArray[np.bool_]) -> bool:
        """Whether some values are 0 together at one point of the variables' space."""
        if self.is_large:
            return False
        matrix = self._rows(rows)
        constants = [self.constants[i] for i in np.flatnonzero(rows)]
        # The matrix has a factor of its own; so may the new column.
        factor = lcm(*(c.denominator for c in constants))
        table = [[*row, int(c * factor)] for row, c in zip(matrix.tolist(), constants, strict=True)]
        limit = matrix.ncols() + 1
        return _rank(matrix, limit) == _rank(fmpz_mat(table), limit)

    def _rows(self, rows: NDArray[np.bool_]) -> Any:
        if _is_float(self.matrix):
            return _integers(self.matrix[np.flatnonzero(rows)])
        table = self.matrix.tolist()
        return fmpz_mat([table[i] for i in np.flatnonzero(rows)])

    def activate(self, layer: Layer, cutting: NDArray[np.bool_]) -> None:
        """Apply the activation to the constants; those of neurons that cut are part of the new variables."""
        slopes = zip(layer.below.tolist(), layer.above.tolist(), strict=True)
        self.constants = [
            Fraction(0) if cut else c * Fraction(above if c > 0 else below)
            for c, (below, above), cut in zip(self.constants, slopes, cutting.tolist(), strict=True)
        ]

    def multiply_rows(self, slopes: NDArray[np.float64]) -> None:
        """Apply the activation to the rows, where none is a neuron that cuts."""
        (factors,), _ = scaled_integers(slopes)
        table = (_integers(self.matrix) if _is_float(self.matrix) else self.matrix).tolist()
        self.matrix = fmpz_mat([[x * factor for x in row] for row, factor in zip(table, factors, strict=True)])

    def rename(self, passing: NDArray[np.bool_]) -> None:
        """Make some values the new variables; the others are constant."""
        self.variables = np.flatnonzero(passing)
        self.matrix = None
        for i in self.variables.tolist():
            self.constants[i] = Fraction(0)


def _is_float(matrix: Any) -> bool:
    return hasattr(matrix, "dtype")


def _integers(matrix: Any) -> Any:
    dense = matrix.toarray() if is_sparse(matrix) else matrix
    (flat,), _ = scaled_integers(dense)
    return fmpz_mat(dense.shape[0], dense.shape[1], flat)


def _rank(matrix: Any, limit: int) -> int:
    """The rank, or `limit` if it is larger."""
    # Modulo a prime a rank can only be smaller; so where it reaches the limit, it is proven.
    limit = min(limit, matrix.nrows(), matrix.ncols())
    return limit if nmod_mat(matrix, _PRIME).rank() >= limit else min(limit, int(matrix.rank()))
