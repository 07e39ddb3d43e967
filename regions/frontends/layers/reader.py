"""What readers of graphs share: how operations act on values that depend on the input."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from regions.frontends.layers import pieces, windows
from regions.frontends.layers.refusals import Refusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from regions.frontends.layers.assembly import Assembly, Value

__all__ = ["GraphReader", "Operation", "Tensor"]


class Operation(Refusable, Protocol):
    """One operation of a graph; its label is the path of its module, or ''."""

    @property
    def label(self) -> str: ...  # noqa: D102


class Tensor(Protocol):
    """A tensor that depends on the input: its entries for one point in C order, and its shape."""

    @property
    def value(self) -> Value: ...  # noqa: D102
    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102


class GraphReader(ABC):
    """Walks a graph operation by operation, and makes layers of what depends on the input."""

    assembly: Assembly
    # Whether the first axis counts points, and how many there are.
    batched: bool
    points: int = 1
    _unnamed = 0

    @abstractmethod
    def result(self, operation: Any, value: Value, like: Any = None, shape: tuple[int, ...] | None = None) -> Any:
        """Return a value as the result of an operation, of a shape of its own or of that of its source."""

    def point_shape(self, shape: Sequence[int], size: int) -> tuple[int, ...]:
        """Return the shape that a tensor has for one point, of `size` entries."""
        one = tuple(shape)
        if self.batched and one and one[0] % self.points == 0:
            one = one[1:] if one[0] == self.points else (one[0] // self.points, *one[1:])
        return one if one and math.prod(one) == size else (size,)

    def layer_name(self, operation: Operation) -> str:
        """Return the name of a layer: the module's path where it is known."""
        self._unnamed += 1
        return operation.label or f"linear {self._unnamed}"

    def units(self, operation: Operation, shape: Sequence[int], size: int) -> dict[str, Any]:
        """Return what the units of an operation are called, and the shape of the tensor that they are."""
        return {"name": operation.label or operation.name, "shape": self.point_shape(shape, size)}

    def _units_of(self, operation: Operation, source: Tensor) -> dict[str, Any]:
        return self.units(operation, source.shape, source.value.size)

    def kinked(
        self, operation: Operation, source: Tensor, below: ArrayLike, above: ArrayLike = 1.0, kind: str = ""
    ) -> Any:
        """Read an activation of one kink at zero, from its slopes."""
        about = self._units_of(operation, source)
        value = pieces.kinked(self.assembly, source.value, below, above, kind=kind or operation.name, **about)
        return self.result(operation, value, source)

    def clipped(self, operation: Operation, source: Tensor, low: Any, high: Any, kind: str) -> Any:
        """Read a value kept between constant bounds; None and infinite ones bound nothing."""
        about = self._units_of(operation, source)
        value = pieces.clip(self.assembly, source.value, low, high, kind=kind, **about)
        return self.result(operation, value, source)

    def shrunk(self, operation: Operation, source: Tensor, width: float) -> Any:
        """Read a value moved towards zero."""
        about = self._units_of(operation, source)
        return self.result(operation, pieces.soft_shrink(self.assembly, source.value, width, **about), source)

    def absolute(self, operation: Operation, source: Tensor) -> Value:
        """Return the absolute value, on the way to something else."""
        return pieces.absolute(self.assembly, source.value, **self._units_of(operation, source))

    def larger(self, operation: Operation, left: Tensor, right: Tensor, *, smallest: bool = False) -> Value:
        """Return the larger of two values of one shape; the units are active where the left one is."""
        pick = pieces.minimum if smallest else pieces.maximum
        return pick(self.assembly, left.value, right.value, **self._units_of(operation, left))

    def largest(
        self, operation: Operation, value: Value, index: Any, shape: Sequence[int], *, smallest: bool = False
    ) -> Value:
        """Return the largest entry of every window of `index`, a tensor of this shape."""
        pick = pieces.minimum_of if smallest else pieces.maximum_of
        return pick(self.assembly, value, index, **self.units(operation, shape, len(index)))

    def mapped(
        self,
        operation: Operation,
        source: Tensor,
        matrix: Any,
        offset: NDArray[np.float64] | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> Any:
        """Read an affine map of the flattened tensor."""
        offset = np.zeros(matrix.shape[0]) if offset is None else offset
        value = self.assembly.linear(source.value, matrix, offset, self.layer_name(operation))
        return self.result(operation, value, source, shape)

    def averaged(
        self, operation: Operation, source: Tensor, index: Any, shape: tuple[int, ...] | None = None, *, mean: bool
    ) -> Any:
        """Read the sum or the mean of every window of `index`; a mean's factor is rounded to float64 once."""
        factor = windows.reciprocals(index.shape[1]) if mean else np.ones(())
        return self.mapped(operation, source, windows.weighted_windows(index, factor, source.value.size), shape=shape)

    def normalised(self, operation: Operation, source: Tensor, scale: ArrayLike, shift: ArrayLike) -> Any:
        """Read ``scale * x + shift``, of one number for each entry."""
        value = pieces.affine(self.assembly, source.value, scale, shift, self.layer_name(operation))
        return self.result(operation, value, source)
