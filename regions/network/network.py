"""The canonical form of a piecewise-linear network: affine maps, each followed by one kink a unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regions._files import read_npz, write_npz
from regions.arithmetic.matrices import row_entries, stored
from regions.arithmetic.underflow import require_gradual_underflow
from regions.errors import FileFormatError, InvalidNetworkError
from regions.network.arrays import layer_arrays, layer_from_arrays
from regions.network.layer import Layer, Neuron, exact_float64
from regions.network.slopes import hidden_slopes
from regions.network.winners import winners

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Layer", "Network"]

_FORMAT = "regions-network"
_VERSION = 1


@dataclass(frozen=True, eq=False)
class Network:
    """A feed-forward piecewise-linear network, as the exact real function given by its stored numbers.

    Parameters
    ----------
    layers : sequence of Layer
        Applied one after another; the last one is usually linear. `L` layers, of which the kinked units
        together are the `H` hidden neurons.
    input_shape : tuple of int, optional
        Of the tensor that a point stands for, e.g. (C, H, W) of an image; the last axis changes fastest. Points
        themselves are flat, of `D` coordinates. (D,) where left out.

    Raises
    ------
    InvalidNetworkError
        When there is no layer, a layer's inputs are not the outputs of the one before it, or `input_shape` is not of
        `D` entries.

    Notes
    -----
    Float weights are dyadic rationals, so the function is well defined over the rationals: that function,
    not its float evaluation, is what `regions` answers questions about.

    Examples
    --------
    >>> import numpy as np
    >>> network = Network.from_arrays([np.eye(2), np.ones((1, 2))], [np.zeros(2), np.zeros(1)])
    >>> network
    <Network 2-2-1 with 2 hidden neurons and 9 parameters>
    >>> network.neurons[1]
    Neuron(layer=0, unit=1, name='layer 0', kind='relu', index=(1,))
    >>> network([[1.0, -3.0]])
    array([[1.]])
    >>> network.patterns([[1.0, -3.0]])
    array([[ True, False]])
    """

    layers: tuple[Layer, ...]
    input_shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        require_gradual_underflow()
        layers = tuple(self.layers)
        object.__setattr__(self, "layers", layers)
        if not layers:
            raise InvalidNetworkError("A network of no layers was given; it needs at least one.")
        for before, after in pairwise(layers):
            if before.n_out != after.n_in:
                raise InvalidNetworkError(
                    f"{after.name}: takes {after.n_in} inputs, but {before.name} gives {before.n_out} outputs; "
                    "consecutive layers must fit. Weights are of shape (out, in), as in torch."
                )
        shape = tuple(int(n) for n in self.input_shape) or (layers[0].n_in,)
        object.__setattr__(self, "input_shape", shape)
        if min(shape) < 1 or prod(shape) != layers[0].n_in:
            raise InvalidNetworkError(
                f"input_shape {shape} was given; a network of {layers[0].n_in} inputs needs as many entries."
            )

    @classmethod
    def from_arrays(
        cls,
        weights: Sequence[ArrayLike],
        biases: Sequence[ArrayLike] | None = None,
        activation: Any = "relu",
    ) -> Network:
        """Build a network from plain arrays: affine maps with an activation between them, none after the last.

        Parameters
        ----------
        weights : sequence of array_like, each of shape (out, in)
            One matrix a layer.
        biases : sequence of array_like, each of shape (out,), optional
            One vector a layer; zeros where left out.
        activation : {"relu", "abs", "identity"} or (float, float) or sequence of these
            The activation of the hidden layers, or one for each of them. A pair is (slope below zero, slope
            above zero).

        Returns
        -------
        Network

        Raises
        ------
        InvalidNetworkError
            On shapes that do not fit, numbers that are not finite, or an unknown activation.

        Examples
        --------
        >>> Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]], activation="abs")
        <Network 2-2-1 with 2 hidden neurons and 9 parameters>
        """
        weights = list(weights)
        if not weights:
            raise InvalidNetworkError("weights is empty; at least one matrix of shape (out, in) is needed.")
        matrices = [exact_float64(w, f"weights[{i}]", 2) for i, w in enumerate(weights)]
        vectors: list[Any] = [np.zeros(w.shape[0]) for w in matrices] if biases is None else list(biases)
        if len(vectors) != len(matrices):
            raise InvalidNetworkError(
                f"{len(matrices)} weights and {len(vectors)} biases were given; one bias a weight is needed."
            )
        hidden = len(matrices) - 1
        slopes_of = [*hidden_slopes(activation, hidden), (1.0, 1.0)]
        layers = []
        for i, (weight, bias) in enumerate(zip(matrices, vectors, strict=True)):
            below, above = (np.full(weight.shape[0], slope) for slope in slopes_of[i])
            layers.append(Layer(weight, bias, below, above, name=f"layer {i}"))
        return cls(tuple(layers))

    @property
    def input_dimension(self) -> int:
        """`D`, the number of inputs."""
        return self.layers[0].n_in

    @property
    def n_outputs(self) -> int:
        """`O`, the number of outputs."""
        return self.layers[-1].n_out

    @property
    def n_neurons(self) -> int:
        """`H`, the number of hidden neurons: units whose two slopes differ. The length of a pattern."""
        return int(sum(layer.kinked.sum() for layer in self.layers))

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases (slopes not counted); of sparse weights those that are not zero."""
        return sum(len(stored(layer.weight)) + layer.bias.size for layer in self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of inputs, then of units in each layer."""
        return (self.input_dimension, *(layer.n_out for layer in self.layers))

    @cached_property
    def neuron_units(self) -> NDArray[np.int64]:
        """Layer and unit of every neuron, in the order of the patterns: shape (H, 2)."""
        rows = [np.flatnonzero(layer.kinked) for layer in self.layers]
        layers = np.repeat(np.arange(len(rows)), [len(units) for units in rows])
        return np.column_stack([layers, np.concatenate(rows)]).astype(np.int64)

    @cached_property
    def neurons(self) -> tuple[Neuron, ...]:
        """What every neuron is, in the order of the patterns: layer, unit, module, activation, channel and pixel."""
        found: list[Neuron] = []
        for i, layer in enumerate(self.layers):
            start = 0
            for group in layer.groups:
                units = np.flatnonzero(layer.kinked[start : start + group.size])
                for unit, place in zip((units + start).tolist(), group.places(units).tolist(), strict=True):
                    found.append(Neuron(i, unit, group.name, group.kind, tuple(place)))
                start += group.size
        return tuple(found)

    def _points(self, points: ArrayLike) -> NDArray[np.float64]:
        array = np.asarray(points, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != self.input_dimension:
            raise InvalidNetworkError(
                f"points of shape {array.shape} were given; this network needs (P, {self.input_dimension})."
            )
        return array

    def _forward(self, points: ArrayLike) -> tuple[NDArray[np.float64], list[NDArray[np.bool_]]]:
        values = self._points(points)
        active: list[NDArray[np.bool_]] = []
        for layer in self.layers:
            z = values @ layer.weight.T + layer.bias
            active.append(z > 0)
            values = np.where(active[-1], layer.above, layer.below) * z
        return values, active

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Evaluate in float64.

        Parameters
        ----------
        points : array_like, shape (P, D)

        Returns
        -------
        ndarray, shape (P, O), float64
        """
        return self._forward(points)[0]

    def winners(self, patterns: ArrayLike) -> dict[str, NDArray[np.int64]]:
        """Say for each maximum (max-pooling, maxout) which argument wins; see :func:`regions.network.winners.winners`.

        Parameters
        ----------
        patterns : array_like, shape (..., H), bool

        Returns
        -------
        dict of str to ndarray, shape (..., *output shape), int64
        """
        return winners(self.layers, patterns)

    def patterns(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Activation patterns at points, in float64 arithmetic.

        Parameters
        ----------
        points : array_like, shape (P, D)

        Returns
        -------
        ndarray, shape (P, H), bool
            True where the neuron's pre-activation is > 0.

        Examples
        --------
        >>> Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]]).patterns([[2.0, -1.0], [0.0, 3.0]])
        array([[ True, False],
               [False,  True]])
        """
        active = self._forward(points)[1]
        return np.concatenate([a[:, layer.kinked] for a, layer in zip(active, self.layers, strict=True)], axis=1)

    def evaluate_exact(self, point: Sequence[Any]) -> tuple[list[Fraction], list[bool]]:
        """Evaluate at one rational point, exactly.

        Parameters
        ----------
        point : sequence of D numbers
            int, float or Fraction; floats are read as the rationals they are.

        Returns
        -------
        outputs : list of Fraction, length O
        pattern : list of bool, length H
            True where the neuron's pre-activation is > 0, decided without rounding.

        Examples
        --------
        >>> network = Network.from_arrays([[[1.0], [3.0]], [[1.0, 1.0]]])
        >>> network.evaluate_exact([Fraction(1, 3)])
        ([Fraction(4, 3)], [True, True])
        """
        require_gradual_underflow()
        values = [Fraction(x) for x in point]
        if len(values) != self.input_dimension:
            raise InvalidNetworkError(
                f"a point of {len(values)} coordinates was given; this network needs {self.input_dimension}."
            )
        pattern: list[bool] = []
        for layer in self.layers:
            after = []
            rows = zip(row_entries(layer.weight), layer.bias, layer.below, layer.above, strict=True)
            for (columns, weights), bias, below, above in rows:
                pairs = zip(weights.tolist(), columns.tolist(), strict=True)
                terms = (Fraction(w) * values[j] for w, j in pairs if values[j])
                z = sum(terms, start=Fraction(float(bias)))
                if below != above:
                    pattern.append(z > 0)
                after.append(z * Fraction(float(above if z > 0 else below)))
            values = after
        return values, pattern

    def save(self, path: str | Path) -> None:
        """Write the network to an `.npz` file of plain arrays, atomically.

        Parameters
        ----------
        path : str or Path
            `.npz` is added where it is missing.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "network.npz"
        ...     Network.from_arrays([[[1.0, 2.0]]]).save(path)
        ...     Network.load(path)
        <Network 2-1 with 0 hidden neurons and 3 parameters>
        """
        write_npz(path, _FORMAT, _VERSION, self.to_arrays())

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """Read a network that `save` wrote.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Network

        Raises
        ------
        FileFormatError
            When the file is damaged, or not one that `save` wrote.

        Examples
        --------
        >>> Network.load("absent.npz")
        Traceback (most recent call last):
        ...
        FileNotFoundError: [Errno 2] No such file or directory: 'absent.npz'
        """
        return cls.from_saved_arrays(read_npz(path, _FORMAT, _VERSION), path)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The network as named plain arrays, for `.npz` files.

        Returns
        -------
        dict of str to ndarray
            ``n_layers``, and for every layer i ``name_i``, ``weight_i``, ``bias_i``, ``below_i``, ``above_i``; of a
            sparse weight ``shape_i``, ``indptr_i``, ``indices_i`` and ``data_i`` instead. ``groups_i`` names the units
            where there is more to say than the name, ``input_shape`` the input's where it is not (D,).

        Examples
        --------
        >>> sorted(Network.from_arrays([[[1.0, 2.0]]]).to_arrays())
        ['above_0', 'below_0', 'bias_0', 'n_layers', 'name_0', 'weight_0']
        """
        arrays: dict[str, NDArray[Any]] = {"n_layers": np.array(len(self.layers))}
        if self.input_shape != (self.input_dimension,):
            arrays["input_shape"] = np.array(self.input_shape)
        for i, layer in enumerate(self.layers):
            arrays[f"name_{i}"] = np.array(layer.name)
            arrays |= {f"{name}_{i}": array for name, array in layer_arrays(layer).items()}
        return arrays

    @classmethod
    def from_saved_arrays(cls, arrays: dict[str, NDArray[Any]], path: str | Path) -> Network:
        """Rebuild a network from what :meth:`to_arrays` gave.

        Parameters
        ----------
        arrays : dict of str to ndarray
        path : str or Path
            Named in the error.

        Returns
        -------
        Network

        Raises
        ------
        FileFormatError
            When an array is missing or does not fit.
        """
        try:
            layers = tuple(layer_from_arrays(arrays, i) for i in range(int(arrays["n_layers"])))
            return cls(layers, tuple(arrays["input_shape"].tolist()) if "input_shape" in arrays else ())
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(
                f"{path}: its layers cannot be read ({error}). It is damaged; save it again."
            ) from error

    def __repr__(self) -> str:
        widths = "-".join(map(str, self.widths))
        neurons = f"{self.n_neurons} hidden neuron{'' if self.n_neurons == 1 else 's'}"
        return f"<Network {widths} with {neurons} and {self.n_parameters} parameters>"
