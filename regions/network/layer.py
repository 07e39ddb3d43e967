"""One layer of a network: an affine map and the kink after it, and what its units are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from regions.arithmetic.matrices import is_sparse
from regions.arithmetic.underflow import require_gradual_underflow
from regions.errors import InvalidNetworkError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Layer", "Neuron", "Units", "exact_float64"]


def exact_float64(
    values: Any,
    what: str,
    ndim: int | None = None,
    error: type[ValueError] = InvalidNetworkError,
    finite: str = "all numbers must be finite. Check the model for a diverged training step or uninitialised weights.",
) -> NDArray[np.float64]:
    """Return `values` as a read-only float64 array that holds exactly the same numbers."""
    require_gradual_underflow()
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as reason:
        raise error(f"{what}: could not be read as an array ({reason}).") from reason
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise error(f"{what}: dtype {array.dtype} was given; allowed are real floats of at most 64 bits and integers.")
    converted = array.astype(np.float64, order="C")
    if array.dtype.kind in "iu" and any(int(f) != int(i) for f, i in zip(converted.flat, array.flat, strict=True)):
        raise error(f"{what}: holds integers beyond 2**53, which float64 cannot hold exactly; give floats.")
    if ndim is not None and converted.ndim != ndim:
        raise error(f"{what}: shape {array.shape} was given; {ndim} dimension(s) are needed.")
    if not np.isfinite(converted).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(converted))[0])
        raise error(f"{what}: entry {place} is {converted[place]}; {finite}")
    converted.setflags(write=False)
    return converted


def _exact_sparse(matrix: Any, what: str) -> Any:
    """Return a sparse array as a read-only one of float64 that holds exactly the same numbers."""
    if matrix.ndim != 2:
        raise InvalidNetworkError(f"{what}: shape {matrix.shape} was given; 2 dimension(s) are needed.")
    coordinates = sparse.coo_array(matrix)
    values = exact_float64(coordinates.data, what, 1)
    found = sparse.csr_array((values, coordinates.coords), shape=matrix.shape)
    found.eliminate_zeros()
    found.sort_indices()
    if found.nnz < np.count_nonzero(values):
        # They would have to be added up, and so rounded.
        raise InvalidNetworkError(f"{what}: a sparse array with duplicate entries was given; give each entry once.")
    for array in (found.data, found.indices, found.indptr):
        array.setflags(write=False)
    return found


@dataclass(frozen=True, slots=True)
class Neuron:
    """What one hidden neuron is.

    Parameters
    ----------
    layer, unit : int
        Its place in the canonical network: ``network.layers[layer]``, row `unit` of the weight.
    name : str
        Of the module that it belongs to.
    kind : str
        Its activation, e.g. "relu", or "max" for a unit that decides a maximum.
    index : tuple of int
        Its place in the module's output for one point: (unit,), or (channel, row, column) in images.
    """

    layer: int
    unit: int
    name: str
    kind: str
    index: tuple[int, ...]

    @property
    def channel(self) -> int | None:
        """The channel; None outside of images and sequences."""
        return self.index[0] if len(self.index) > 1 else None

    @property
    def pixel(self) -> tuple[int, ...] | None:
        """The place within the channel; None outside of images and sequences."""
        return self.index[1:] if len(self.index) > 1 else None


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Units that belong together, next to each other in a layer.

    Parameters
    ----------
    name : str
        Of the module that they belong to.
    kind : str
        Their activation; "linear" without one.
    shape : tuple of int
        Of the tensor that they are; the last index changes fastest.
    arguments : ndarray, shape (n, 2, 2), int64, optional
        Of units that decide a maximum or minimum: the half-open ranges of its arguments that are held against each
        other. Where the unit is active the first range has the larger one.
    outputs : ndarray, shape (n,), int64, optional
        The maximum, by its flat index in the module's output, that each unit helps to decide; `shape` is then that
        output's shape, of which there may be more or fewer entries than units.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    arguments: NDArray[np.int64] | None = None
    outputs: NDArray[np.int64] | None = None

    @property
    def size(self) -> int:
        """Number of units."""
        return int(np.prod(self.shape)) if self.outputs is None else len(self.outputs)

    def places(self, units: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where in the module's tensor these units belong, counted within the group: shape (n, ndim)."""
        flat = units if self.outputs is None else self.outputs[units]
        return np.column_stack(np.unravel_index(flat, self.shape)) if self.shape else np.zeros((len(flat), 0), np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One affine map and the kink after it: ``z = weight @ a + bias``, then slope `below` or `above` times z.

    A unit whose two slopes are equal has no kink: it is linear and never cuts a region. A unit whose
    slopes differ is a *neuron*: it is active where its pre-activation is > 0.

    Parameters
    ----------
    weight : array_like or sparse array, shape (out, in)
        Read exactly; float16, float32, float64 and integers are allowed. A sparse array of `scipy.sparse` stays sparse.
    bias : array_like, shape (out,)
        Read exactly.
    below, above : array_like, shape (out,)
        Slopes of the activation for z < 0 and for z > 0. ReLU has (0, 1), Abs (-1, 1), a linear unit (1, 1).
    name : str
        What the layer is called in messages.
    groups : tuple of Units, optional
        What the units are, in their order; one group where left out.

    Raises
    ------
    InvalidNetworkError
        On a wrong shape, a wrong dtype, or a number that is not finite.

    Examples
    --------
    >>> layer = Layer([[1.0, -1.0]], [0.5], below=[0.0], above=[1.0])
    >>> layer
    <Layer of 1 unit on 2 inputs, 1 of them a neuron>
    """

    weight: Any
    bias: NDArray[np.float64]
    below: NDArray[np.float64]
    above: NDArray[np.float64]
    name: str = "layer"
    groups: tuple[Units, ...] = ()

    def __post_init__(self) -> None:
        for attribute, ndim in (("weight", 2), ("bias", 1), ("below", 1), ("above", 1)):
            value = getattr(self, attribute)
            what = f"{self.name}: {attribute}"
            sparse = ndim == 2 and hasattr(value, "tocsr")
            value = _exact_sparse(value, what) if sparse else exact_float64(value, what, ndim)
            object.__setattr__(self, attribute, value)
        out = self.weight.shape[0]
        if 0 in self.weight.shape:
            raise InvalidNetworkError(
                f"{self.name}: weight of shape {self.weight.shape} was given; "
                "at least one output and one input are needed."
            )
        for attribute in ("bias", "below", "above"):
            shape = getattr(self, attribute).shape
            if shape != (out,):
                raise InvalidNetworkError(
                    f"{self.name}: {attribute} of shape {shape} was given; the weight of shape {self.weight.shape} "
                    f"needs ({out},)."
                )
        groups = tuple(self.groups) or (Units(self.name, self.kind, (out,)),)
        object.__setattr__(self, "groups", groups)
        if sum(group.size for group in groups) != out:
            raise InvalidNetworkError(
                f"{self.name}: groups of {[group.size for group in groups]} units were given; the layer has {out}."
            )

    @property
    def kind(self) -> str:
        """Its activation by the slopes: "relu", "abs", "leaky_relu", or "linear" without a neuron."""
        kinked = self.kinked
        pairs = set(zip(self.below[kinked].tolist(), self.above[kinked].tolist(), strict=True))
        if len(pairs) > 1:
            return "leaky_relu"
        return {(): "linear", ((0.0, 1.0),): "relu", ((-1.0, 1.0),): "abs"}.get(tuple(pairs), "leaky_relu")

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return int(self.weight.shape[1])

    @property
    def n_out(self) -> int:
        """Number of units."""
        return int(self.weight.shape[0])

    @property
    def is_sparse(self) -> bool:
        """Whether the weight is a sparse array."""
        return is_sparse(self.weight)

    @property
    def kinked(self) -> NDArray[np.bool_]:
        """Which units are neurons, i.e. have two different slopes: shape (out,)."""
        return np.asarray(self.below != self.above)

    def __repr__(self) -> str:
        n, plural = self.n_out, "" if self.n_out == 1 else "s"
        k = int(self.kinked.sum())
        return f"<Layer of {n} unit{plural} on {self.n_in} inputs, {k} of them {'a neuron' if k == 1 else 'neurons'}>"
