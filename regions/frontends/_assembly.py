"""Exact affine values over the outputs of kinks, and the layers that compute them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from regions.errors import InvalidNetworkError
from regions.network import Layer, Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Assembly", "Value"]


@dataclass(eq=False)
class _Block:
    """A vector that some layer stores: the input, or an affine value with its kink applied."""

    serial: int
    size: int
    depth: int
    before: Value | None
    below: Floats
    above: Floats
    name: str


@dataclass(eq=False)
class Value:
    """A vector that is an exact affine function of stored blocks.

    Parameters
    ----------
    terms : dict of block to ndarray, shape (size, block.size)
        Coefficients, every one of them exact.
    bias : ndarray, shape (size,)
        Exact constant part.
    name : str
        What the layer that first stores this value will be called.
    """

    terms: dict[_Block, Floats]
    bias: Floats
    name: str = ""
    block: _Block | None = field(default=None)

    @property
    def size(self) -> int:
        """Number of entries for one point."""
        return len(self.bias)

    @property
    def pending_name(self) -> str:
        """Name of the affine map that no layer has stored yet."""
        return "" if self.block is not None else self.name


def _exact_sum(a: Floats, b: Floats) -> Floats | None:
    """Return a + b where every entry is exact, else None (Knuth's error-free transformation)."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = a + b
        b_part = total - a
        error = (a - (total - b_part)) + (b - b_part)
    return total if np.isfinite(total).all() and not error.any() else None


def _exact_product(a: Floats, b: Floats) -> Floats | None:
    """Return a * b (broadcast) where every entry is exact, else None.

    Exactness is read off the significands: two odd parts of p and q bits give a product of at most p + q bits.
    """

    def bits(x: Floats) -> NDArray[np.int64]:
        significand = (np.frexp(x)[0] * 2.0**53).astype(np.int64)
        lowest = significand & -significand
        trailing = np.frexp(lowest.astype(np.float64))[1] - 1
        return np.where(significand == 0, 0, 53 - trailing)

    with np.errstate(over="ignore", under="ignore"):
        product = a * b
        powers = (bits(a) <= 1) | (bits(b) <= 1)
        fits = (bits(a) + bits(b) <= 53) | powers
        # Below 2**-960 a product could have lost bits to the subnormal range.
        large = (np.abs(product) > 2.0**-960) | (a == 0) | (b == 0)
    return product if (fits & large & np.isfinite(product)).all() else None


class Assembly:
    """Collects affine maps and kinks, then writes them as layers that are applied one after another.

    A value that is needed later than in the next layer is carried along by units with slopes (1, 1), so any
    feed-forward graph (residual connections too) becomes a chain. Numbers are combined only where
    the result is exact; elsewhere the value is stored in a layer of its own, so nothing is ever rounded.

    Parameters
    ----------
    input_dimension : int
        `D`.
    """

    def __init__(self, input_dimension: int) -> None:
        ones = np.ones(input_dimension)
        self._input = _Block(0, input_dimension, 0, None, ones, ones, "input")
        self._count = 0
        self.input = self._as_value(self._input)

    @staticmethod
    def _as_value(block: _Block) -> Value:
        return Value({block: np.eye(block.size)}, np.zeros(block.size), block.name, block)

    def _store(self, value: Value, below: Floats, above: Floats) -> Value:
        depth = 1 + max((block.depth for block in value.terms), default=0)
        self._count += 1
        # A copy of the value, for `_stored` rewrites the one it is given.
        before = Value(value.terms, value.bias, value.name)
        return self._as_value(_Block(self._count, value.size, depth, before, below, above, value.name))

    def _stored(self, value: Value) -> Value:
        """Return the value as a block of its own, in a layer without a kink where it has none yet."""
        if value.block is not None:
            return value
        ones = np.ones(value.size)
        stored = self._store(value, ones, ones)
        # The same value may be used twice: both uses then share the layer.
        value.terms, value.bias, value.block = stored.terms, stored.bias, stored.block
        return value

    def linear(self, value: Value, weight: Floats, bias: Floats, name: str) -> Value:
        """Return ``weight @ value + bias``; a value that is itself an affine map becomes a layer first."""
        for array, what in ((weight, "weight"), (bias, "bias")):
            if not np.isfinite(array).all():
                place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
                raise InvalidNetworkError(
                    f"layer {name!r}: {what}: entry {place} is {array[place]}; all numbers must be finite. "
                    "Check the model for a diverged training step or uninitialised weights."
                )
        block = self._stored(value).block
        assert block is not None
        return Value({block: weight}, bias, name)

    def kink(self, value: Value, below: Floats, above: Floats, name: str) -> Value:
        """Return the value times `below` where it is negative, times `above` where it is positive."""
        if not (np.isfinite(below).all() and np.isfinite(above).all()):
            raise InvalidNetworkError(
                f"layer {name!r}: a slope of the activation is not finite; all numbers must be finite. "
                "Check the model for a diverged training step or uninitialised weights."
            )
        if value.block is not None or not value.name:
            value = Value(value.terms, value.bias, name)
        return self._store(value, below, above)

    def scale(self, value: Value, factors: Floats) -> Value:
        """Return the value times `factors`, entry by entry."""
        terms = {block: _exact_product(m, factors[:, None]) for block, m in value.terms.items()}
        bias = _exact_product(value.bias, factors)
        if bias is None or any(m is None for m in terms.values()):
            value = self._stored(value)
            assert value.block is not None
            return Value({value.block: np.diag(factors)}, np.zeros(value.size))
        return Value({block: m for block, m in terms.items() if m is not None}, bias, value.pending_name)

    def shift(self, value: Value, offset: Floats) -> Value:
        """Return the value plus `offset`."""
        bias = _exact_sum(value.bias, offset)
        if bias is None:
            value = self._stored(value)
            bias = offset
        return Value(dict(value.terms), bias, value.pending_name)

    def add(self, left: Value, right: Value) -> Value:
        """Return the sum of two values."""
        name = " + ".join(dict.fromkeys(n for n in (left.pending_name, right.pending_name) if n))
        for attempt in range(2):
            if attempt:
                left, right = self._stored(left), self._stored(right)
            bias = _exact_sum(left.bias, right.bias)
            terms: dict[_Block, Floats | None] = dict(left.terms)
            for block, matrix in right.terms.items():
                other = left.terms.get(block)
                terms[block] = matrix if other is None else _exact_sum(other, matrix)
            if bias is not None and all(m is not None for m in terms.values()):
                break
        assert bias is not None
        return Value({block: m for block, m in terms.items() if m is not None}, bias, name)

    def rows(self, values: Sequence[Value], picks: Sequence[tuple[int, int]]) -> Value:
        """Return the vector of the entries `picks`, each a pair (which value, which entry)."""
        blocks = dict.fromkeys(block for value in values for block in value.terms)
        which = np.array([v for v, _ in picks])
        entry = np.array([e for _, e in picks])
        terms = {block: np.zeros((len(picks), block.size)) for block in blocks}
        bias = np.zeros(len(picks))
        for v, value in enumerate(values):
            mine = which == v
            bias[mine] = value.bias[entry[mine]]
            for block, matrix in value.terms.items():
                terms[block][mine] = matrix[entry[mine]]
        used = {block: m for block, m in terms.items() if m.any()}
        return Value(used, bias, values[0].pending_name)

    def network(self, output: Value) -> Network:
        """Return the layers that compute `output`, in order."""
        if output.block is None or output.block is self._input:
            output = self._stored(Value(output.terms, output.bias, output.pending_name or "output"))
        last = output.block
        assert last is not None
        needed = self._needed(last)
        layers: list[Layer] = []
        kept = [self._input]
        for depth in range(1, last.depth + 1):
            new = [block for block in needed if block.depth == depth]
            later = {b for user in needed if user.depth > depth for b in self._sources(user)}
            carried = [block for block in kept if block in later]
            layers.append(self._layer(kept, new, carried, depth))
            kept = new + carried
        return Network(tuple(layers))

    @staticmethod
    def _sources(block: _Block) -> list[_Block]:
        return [] if block.before is None else list(block.before.terms)

    def _needed(self, last: _Block) -> list[_Block]:
        order, todo = {last: None}, [last]
        while todo:
            for block in self._sources(todo.pop()):
                if block not in order:
                    order[block] = None
                    todo.append(block)
        return sorted(order, key=lambda block: block.serial)

    @staticmethod
    def _layer(kept: list[_Block], new: list[_Block], carried: list[_Block], depth: int) -> Layer:
        starts = dict(zip(kept, np.cumsum([0, *(block.size for block in kept)]).tolist(), strict=False))
        width = sum(block.size for block in kept)
        weights, biases = [], []
        for block in new:
            assert block.before is not None
            weight = np.zeros((block.size, width))
            for source, matrix in block.before.terms.items():
                weight[:, starts[source] : starts[source] + source.size] = matrix
            weights.append(weight)
            biases.append(block.before.bias)
        for block in carried:
            weight = np.zeros((block.size, width))
            weight[:, starts[block] : starts[block] + block.size] = np.eye(block.size)
            weights.append(weight)
            biases.append(np.zeros(block.size))
        ones = [np.ones(block.size) for block in carried]
        return Layer(
            np.concatenate(weights),
            np.concatenate(biases),
            np.concatenate([*(block.below for block in new), *ones]),
            np.concatenate([*(block.above for block in new), *ones]),
            name=" + ".join(dict.fromkeys(block.name for block in new if block.name)) or f"layer {depth - 1}",
        )
