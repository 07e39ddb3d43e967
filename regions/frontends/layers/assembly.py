"""Exact affine values over the outputs of kinks, and the layers that compute them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from regions.arithmetic.floats import TINY
from regions.arithmetic.matrices import blocks, compact, diagonal, eye, is_sparse, stored, take_rows
from regions.frontends.layers.refusals import not_finite
from regions.network.layer import Layer, Units
from regions.network.network import Network

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
    units: Units | None = None


@dataclass(eq=False)
class Value:
    """A vector that is an exact affine function of stored blocks.

    Parameters
    ----------
    terms : dict of block to matrix, shape (size, block.size)
        Coefficients, every one of them exact; sparse where they are many.
    bias : ndarray, shape (size,)
        Exact constant part.
    name : str
        What the layer that first stores this value will be called.
    """

    terms: dict[_Block, Any]
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


def _exact_sum(a: Any, b: Any) -> Any:
    """Return a + b where every entry is exact, else None (Knuth's error-free transformation)."""
    if is_sparse(a) != is_sparse(b):
        a, b = sparse.csr_array(a), sparse.csr_array(b)
    with np.errstate(over="ignore", invalid="ignore"):
        total = a + b
        b_part = total - a
        error = (a - (total - b_part)) + (b - b_part)
    exact = np.isfinite(stored(total)).all() and not stored(error).any()
    if is_sparse(total):
        total.eliminate_zeros()
    return total if exact else None


def _exact_multiple(matrix: Any, factors: Floats) -> Any:
    """Return a matrix whose rows are multiplied by factors where every entry is exact, else None."""
    if not is_sparse(matrix):
        return _exact_product(matrix, factors[:, None])
    values = _exact_product(matrix.data, np.repeat(factors, np.diff(matrix.indptr)))
    if values is None:
        return None
    found = matrix.copy()
    found.data = values
    found.eliminate_zeros()
    return found


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
        large = (np.abs(product) > TINY) | (a == 0) | (b == 0)
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
    input_shape : tuple of int, optional
        Of the tensor that a point is; (D,) where left out.
    """

    def __init__(self, input_dimension: int, input_shape: tuple[int, ...] = ()) -> None:
        self._input_shape = input_shape
        ones = np.ones(input_dimension)
        self._input = _Block(0, input_dimension, 0, None, ones, ones, "input")
        self._count = 0
        self._uses: dict[str, int] = {}
        self.input = self._as_value(self._input)

    @staticmethod
    def _as_value(block: _Block) -> Value:
        return Value({block: eye(block.size)}, np.zeros(block.size), block.name, block)

    def _store(self, value: Value, below: Floats, above: Floats, units: Units | None = None) -> Value:
        depth = 1 + max((block.depth for block in value.terms), default=0)
        self._count += 1
        # A copy of the value, for `stored` rewrites the one it is given.
        before = Value(value.terms, value.bias, value.name)
        return self._as_value(_Block(self._count, value.size, depth, before, below, above, value.name, units))

    def stored(self, value: Value) -> Value:
        """Return the value as a block of its own, in a layer without a kink where it has none yet."""
        if value.block is not None:
            return value
        ones = np.ones(value.size)
        stored = self._store(value, ones, ones)
        # The same value may be used twice: both uses then share the layer.
        value.terms, value.bias, value.block = stored.terms, stored.bias, stored.block
        return value

    def unused(self, name: str) -> str:
        """Return a name for what decides a maximum, which its units are found by: the name, then ``name#2``, ..."""
        self._uses[name] = self._uses.get(name, 0) + 1
        return name if self._uses[name] == 1 else f"{name}#{self._uses[name]}"

    def linear(self, value: Value, weight: Any, bias: Floats, name: str) -> Value:
        """Return ``weight @ value + bias``; a value that is itself an affine map becomes a layer first.

        The weight is dense, or a sparse array of `scipy.sparse` without duplicates.
        """
        weight = compact(weight)
        pairs: tuple[tuple[Any, str], ...] = ((weight, "weight"), (bias, "bias"))
        for array, what in pairs:
            if not np.isfinite(stored(array)).all():
                array = array.toarray() if is_sparse(array) else array
                place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
                raise not_finite(f"layer {name!r}: {what}: entry {place}", array[place])
        block = self.stored(value).block
        assert block is not None
        return Value({block: weight}, bias, name)

    def kink(self, value: Value, below: Floats, above: Floats, name: str, units: Units | None = None) -> Value:
        """Return the value times `below` where it is negative, times `above` where it is positive, shape (size,).

        The layer is called `name` where the value has no name of its own.
        """
        if not (np.isfinite(below).all() and np.isfinite(above).all()):
            raise not_finite(f"layer {name!r}: a slope of the activation", "not finite")
        if value.block is not None or not value.name:
            value = Value(value.terms, value.bias, name)
        return self._store(value, below, above, units)

    @staticmethod
    def _check(numbers: Floats, what: str, name: str) -> None:
        if not np.isfinite(numbers).all():
            raise not_finite(f"layer {name!r}: {what}", numbers[~np.isfinite(numbers)][0])

    def scale(self, value: Value, factors: Floats) -> Value:
        """Return the value times `factors`, entry by entry."""
        self._check(factors, "a factor", value.pending_name)
        if (factors == 1).all():
            return value
        terms = {block: _exact_multiple(m, factors) for block, m in value.terms.items()}
        bias = _exact_product(value.bias, factors)
        if bias is None or any(m is None for m in terms.values()):
            value = self.stored(value)
            assert value.block is not None
            return Value({value.block: diagonal(factors)}, np.zeros(value.size))
        return Value({block: m for block, m in terms.items() if m is not None}, bias, value.pending_name)

    def shift(self, value: Value, offset: Floats) -> Value:
        """Return the value plus `offset`."""
        self._check(offset, "an offset", value.pending_name)
        if not offset.any():
            return value
        bias = _exact_sum(value.bias, offset)
        if bias is None:
            value = self.stored(value)
            bias = offset
        return Value(dict(value.terms), bias, value.pending_name)

    def add(self, left: Value, right: Value) -> Value:
        """Return the sum of two values."""
        name = " + ".join(dict.fromkeys(n for n in (left.pending_name, right.pending_name) if n))
        for attempt in range(2):
            if attempt:
                left, right = self.stored(left), self.stored(right)
            bias = _exact_sum(left.bias, right.bias)
            terms: dict[_Block, Any] = dict(left.terms)
            for block, matrix in right.terms.items():
                other = left.terms.get(block)
                terms[block] = matrix if other is None else _exact_sum(other, matrix)
            if bias is not None and all(m is not None for m in terms.values()):
                break
        assert bias is not None
        return Value({block: m for block, m in terms.items() if m is not None}, bias, name)

    def rows(self, values: Sequence[Value], picks: Sequence[tuple[int, int]] | NDArray[np.int64]) -> Value:
        """Return the vector of the entries `picks`, each a pair (which value, which entry): shape (n, 2)."""
        which, entry = np.asarray(picks, dtype=np.int64).reshape(-1, 2).T
        n = len(which)
        bias = np.zeros(n)
        parts: dict[_Block, list[Any]] = {}
        for v, value in enumerate(values):
            at = np.flatnonzero(which == v)
            bias[at] = value.bias[entry[at]]
            for block, matrix in value.terms.items():
                parts.setdefault(block, []).append((matrix, entry[at], at))
        terms = {block: take_rows(found, (n, block.size)) for block, found in parts.items()}
        used = {block: m for block, m in terms.items() if stored(m).any()}
        return Value(used, bias, values[0].pending_name)

    def network(self, output: Value) -> Network:
        """Return the layers that compute `output`, in order."""
        if output.block is None or output.block is self._input:
            output = self.stored(Value(output.terms, output.bias, output.pending_name or "output"))
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
        return Network(tuple(layers), self._input_shape)

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
        weights, biases = [], []
        for block in (*new, *carried):
            if block in kept:
                sources, bias = {block: eye(block.size)}, np.zeros(block.size)
            else:
                assert block.before is not None
                sources, bias = block.before.terms, block.before.bias
            weights.append([sources.get(other, _zeros(block.size, other.size)) for other in kept])
            biases.append(bias)
        ones = [np.ones(block.size) for block in carried]
        groups = [block.units or _units_of(block) for block in new]
        groups += [Units(block.name, "linear", (block.size,)) for block in carried]
        return Layer(
            compact(blocks(weights)),
            np.concatenate(biases),
            np.concatenate([*(block.below for block in new), *ones]),
            np.concatenate([*(block.above for block in new), *ones]),
            name=" + ".join(dict.fromkeys(block.name for block in new if block.name)) or f"layer {depth - 1}",
            groups=tuple(groups),
        )


def _zeros(n: int, m: int) -> Any:
    if n * m < 1 << 18:
        return np.zeros((n, m))
    return sparse.csr_array((n, m))


def _units_of(block: _Block) -> Units:
    """What the units of a block are, from their slopes."""
    kinked = block.below != block.above
    kinds = {(1.0, 1.0): "linear", (0.0, 1.0): "relu", (-1.0, 1.0): "abs"}
    pairs = set(zip(block.below[kinked].tolist(), block.above[kinked].tolist(), strict=True))
    kind = "linear" if not pairs else kinds.get(pairs.pop(), "leaky_relu") if len(pairs) == 1 else "leaky_relu"
    return Units(block.name, kind, (block.size,))
