"""Maps of wide networks: unit by unit with an error bound of their own, for some faces at a time.

Layers of thousands of units on as many faces fill no memory if they are made face by face, looked at and dropped: what
must be kept is which units are active. The proof of the bounds is in docs/exactness.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arithmetic.floats import TINY, U
from regions.arithmetic.matrices import dense
from regions.engine.chords import classify
from regions.engine.compiling import kernel
from regions.engine.filter import INFLATE
from regions.engine.maps.equal_units import EqualUnits, find_equal_units
from regions.engine.maps.products import FLOOR, Products

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.engine.cells import Cells
    from regions.network.network import Layer, Network

__all__ = ["WideMaps", "WideNetwork", "is_wide"]

# Rows of more entries are not looked through for their sign.
_FEW = 64


def is_wide(network: Network) -> bool:
    """Whether a network has sparse layers."""
    return any(layer.is_sparse for layer in network.layers)


@kernel
def _activate(maps, errors, signs, parents, bits, kinked, below, above, gamma):  # type: ignore[no-untyped-def]
    """Post-activation maps of faces, with what their errors and the next product's roundings add up to.

    Parameters
    ----------
    maps : (N, 3, M) float64
    errors : (N, 2, M) float64
        Pre-activation maps, and bounds on the errors of a and b, and of c.
    signs : (N, M) int8
        What is known of the pre-activations of units without a kink.
    parents : (F,) int64
        Into the N maps.
    bits : (F, words) uint64

    Returns
    -------
    values : (3 * F, M) float64
    bounds : (2 * F, M) float64
    out : (F, M) int8
        Signs of the activations: 0 zero everywhere, ±1 of this sign inside the face, ±2 of this sign or zero, 3
        unknown.
    """
    n_faces = parents.shape[0]
    n_units = below.shape[0]
    values = np.empty((3 * n_faces, n_units))
    bounds = np.empty((2 * n_faces, n_units))
    out = np.empty((n_faces, n_units), np.int8)
    for f in range(n_faces):
        parent = parents[f]
        for k in range(n_units):
            on = (bits[f, k >> 6] >> np.uint64(k & 63)) & np.uint64(1)
            slope = above[k] if on or not kinked[k] else below[k]
            a = maps[parent, 0, k] * slope
            b = maps[parent, 1, k] * slope
            c = maps[parent, 2, k] * slope
            eg = errors[parent, 0, k]
            ec = errors[parent, 1, k]
            size_g = max(abs(a), abs(b))
            size_c = abs(c)
            if slope == 0.0:
                # Zero times anything, an overflow too.
                a = 0.0
                b = 0.0
                c = 0.0
                eg = 0.0
                ec = 0.0
                size_g = 0.0
                size_c = 0.0
            elif abs(slope) != 1.0:
                g_zero = eg == 0.0 and maps[parent, 0, k] == 0.0 and maps[parent, 1, k] == 0.0
                c_zero = ec == 0.0 and maps[parent, 2, k] == 0.0
                eg = 0.0 if g_zero else (abs(slope) * eg + U * size_g) * INFLATE + TINY
                ec = 0.0 if c_zero else (abs(slope) * ec + U * size_c) * INFLATE + TINY
            values[3 * f, k] = a
            values[3 * f + 1, k] = b
            values[3 * f + 2, k] = c
            g = (eg + gamma * size_g) * INFLATE
            h = (ec + gamma * size_c) * INFLATE
            # Not a number either: what overflowed has no bound.
            # A bound of 0 means exact zeros, so it is not the products above that say so: they may underflow.
            if a == 0.0 and b == 0.0 and eg == 0.0:
                bounds[2 * f, k] = 0.0
            else:
                bounds[2 * f, k] = max(g, FLOOR) if g < np.inf and a - a + b - b == 0.0 else np.inf
            if c == 0.0 and ec == 0.0:
                bounds[2 * f + 1, k] = 0.0
            else:
                bounds[2 * f + 1, k] = max(h, FLOOR) if h < np.inf and c - c == 0.0 else np.inf
            sign = 3
            if a == 0.0 and b == 0.0 and c == 0.0 and eg == 0.0 and ec == 0.0:
                sign = 0
            elif kinked[k]:
                # Active: > 0 inside the face. Not active: <= 0, and perhaps 0 everywhere.
                sign = 1 if on else -2
            else:
                sign = signs[parent, k]
            if slope < 0.0 and sign != 3:
                sign = -sign
            out[f, k] = sign
    return values, bounds, out


@kernel
def _known_sign(indptr, indices, data, bias, signs, f, k):  # type: ignore[no-untyped-def]
    """The sign of a sum of which every term has a known sign, coded as in `_activate`."""
    plus = bias[k] > 0.0
    minus = bias[k] < 0.0
    strict = bias[k] != 0.0
    for p in range(indptr[k], indptr[k + 1]):
        s = signs[f, indices[p]]
        w = data[p]
        if s == 0 or w == 0.0:
            continue
        if s == 3:
            return 3
        if (s > 0) == (w > 0.0):
            plus = True
        else:
            minus = True
        if plus and minus:
            return 3
        strict |= abs(s) == 1
    if not (plus or minus):
        return 0
    size = 1 if strict else 2
    return size if plus else -size


@kernel
def _linear_signs(indptr, indices, data, bias, units, signs, out):  # type: ignore[no-untyped-def]
    for f in range(signs.shape[0]):
        for k in units:
            out[f, k] = _known_sign(indptr, indices, data, bias, signs, f, k)


@kernel
def _settle(indptr, indices, data, bias, signs, first, faces, units, sizes, offsets, vertex_signs, bits):  # type: ignore[no-untyped-def]
    """Which candidates a sum of known signs settles; sets their bits."""
    settled = np.zeros(faces.shape[0], np.bool_)
    for i in range(faces.shape[0]):
        unknown = False
        for p in range(offsets[i], offsets[i] + sizes[faces[i]]):
            unknown |= vertex_signs[p] == 2
        if not unknown:
            continue
        k = units[i]
        sign = _known_sign(indptr, indices, data, bias, signs, faces[i] - first, k)
        if sign == 3 or sign == 2:
            continue
        settled[i] = True
        if sign == 1:
            bits[faces[i], k >> 6] |= np.uint64(1) << np.uint64(k & 63)
    return settled


class WideNetwork:
    """What all maps of one network share.

    Parameters
    ----------
    network : Network
    limit : int
        Bytes that maps may take at a time.
    device : str, optional
        Of torch, for the layers' products.
    """

    def __init__(self, network: Network, limit: int, device: str | None = None) -> None:
        self.layers = network.layers
        self.limit = limit
        self.device = device
        self.equal: list[EqualUnits] = find_equal_units(network)
        self._products: dict[int, Products] = {}
        widest = max(max(layer.n_in, layer.n_out) for layer in network.layers)
        #: Faces that are looked at together: five numbers a unit, before and behind a product and turned around.
        self.block = int(max(1, min(512, limit // 4 // (8 * 5 * 4 * widest))))

    def products(self, level: int) -> Products:
        """The weight of a layer."""
        if level not in self._products:
            self._products[level] = Products.of(self.layers[level], self.device)
        return self._products[level]


Block = tuple["NDArray[np.float64]", "NDArray[np.float64]", "NDArray[np.int8]", "NDArray[np.int8]"]


class WideMaps:
    """Pre-activation maps of one layer on the faces in front of it, made when they are asked for.

    Parameters
    ----------
    network : WideNetwork
    level : int
    before : WideMaps, optional
        Of the layer before; None in front of the first one.
    parents : ndarray, shape (F,), int64
        The face of `before` that each face lies in.
    bits : ndarray, shape (F, words), uint64
        The active units of the layer before.
    """

    def __init__(
        self,
        network: WideNetwork,
        level: int,
        before: WideMaps | None,
        parents: NDArray[np.int64],
        bits: NDArray[np.uint64] | None,
    ) -> None:
        self.network = network
        self.level = level
        self.before = before
        self.parents = parents
        self.bits = bits
        self._kept: Block | None = None
        self._keys: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._lines: NDArray[np.float64] = np.empty((0, 5))
        self._keep()

    @classmethod
    def first(cls, network: WideNetwork, n_faces: int) -> WideMaps:
        """The maps of the first layer, the same on every face, and exact."""
        return cls(network, 0, None, np.zeros(n_faces, dtype=np.int64), None)

    def into(self, layer: Layer, before: Layer, parents: NDArray[np.int64], bits: NDArray[np.uint64]) -> WideMaps:
        """The maps of the next layer."""
        return WideMaps(self.network, self.level + 1, self, parents, bits)

    def _keep(self) -> None:
        """Keep all maps where there is room, so that the layers behind need not go further back."""
        width = self.network.layers[self.level].n_out
        if len(self.parents) * (8 * 5 + 2) * width > self.network.limit // 4:
            return
        n = len(self.parents)
        size = self.network.block
        blocks = [self._make(np.arange(i, min(i + size, n))) for i in range(0, n, size)]
        if blocks:
            self._kept = tuple(np.concatenate(arrays) for arrays in zip(*blocks, strict=True))  # type: ignore[assignment]
        ancestor = self.before
        while ancestor is not None and ancestor._kept is not None:
            ancestor._kept, ancestor = None, ancestor.before

    def on(self, faces: NDArray[np.int64]) -> Block:
        """Maps on some faces.

        Returns
        -------
        maps : ndarray, shape (F, 3, M), float64
        errors : ndarray, shape (F, 2, M), float64
            Bounds on the errors of a and b, and of c.
        signs : ndarray, shape (F, M), int8
            What is known of the pre-activations of units without a kink; 3 elsewhere.
        inputs : ndarray, shape (F, M_in), int8
            Signs of the activations before.
        """
        if self._kept is not None:
            maps, errors, signs, inputs = self._kept
            return maps[faces], errors[faces], signs[faces], inputs[faces]
        return self._make(faces)

    def _make(self, faces: NDArray[np.int64]) -> Block:
        layer, n = self.network.layers[self.level], len(faces)
        if self.before is None:
            weight = dense(layer.weight)
            map_ = np.stack([weight[:, 0], weight[:, 1], layer.bias])
            maps = np.repeat(map_[None], n, axis=0)
            signs = np.full((n, layer.n_out), 3, dtype=np.int8)
            return maps, np.zeros((n, 2, layer.n_out)), signs, np.full((n, 2), 3, dtype=np.int8)
        products = self.network.products(self.level)
        values, bounds, inputs = self.activated(faces, products.gamma)
        with np.errstate(over="ignore", invalid="ignore"):
            maps = products.times(products.weight, values).reshape(n, 3, layer.n_out)
            maps[:, 2] += layer.bias
            errors = products.times(products.magnitude, bounds).reshape(n, 2, layer.n_out)
            errors[:, 1] += products.gamma * np.abs(layer.bias)
            errors *= INFLATE * (1 + 2 * products.gamma)
        zero = self.network.equal[self.level].zero
        maps[:, :, zero] = 0.0
        errors[:, :, zero] = 0.0
        signs = np.full((n, layer.n_out), 3, dtype=np.int8)
        few = np.diff(products.indptr) <= _FEW
        _linear_signs(
            products.indptr, products.indices, products.data, layer.bias, np.flatnonzero(~layer.kinked & few), inputs,
            signs,
        )  # fmt: skip
        return maps, errors, signs, inputs

    def activated(self, faces: NDArray[np.int64], gamma: float = 0.0) -> tuple[Any, Any, Any]:
        """Activations of the layer before on some faces: see `_activate`."""
        assert self.before is not None
        assert self.bits is not None
        ancestors, places = np.unique(self.parents[faces], return_inverse=True)
        maps, errors, signs, _ = self.before.on(ancestors)
        layer = self.network.layers[self.level - 1]
        return _activate(  # type: ignore[no-any-return]
            maps, errors, signs, places.ravel(), self.bits[faces], layer.kinked, layer.below, layer.above, gamma
        )

    def classify(self, cells: Cells, kinked: NDArray[np.bool_], bits: NDArray[np.uint64]) -> tuple[Any, ...]:
        """As :func:`regions.engine.chords.classify`, some faces at a time."""
        layer = self.network.layers[self.level]
        width = layer.n_out
        wanted = kinked & self.network.equal[self.level].distinct
        found: list[tuple[Any, ...]] = []
        keys, lines = [], []
        proven = placed = 0
        none = np.zeros(width)
        products = self.network.products(self.level)
        rows = (products.indptr, products.indices, products.data, layer.bias)
        for start in range(0, cells.n_faces, self.network.block):
            here = np.arange(start, min(start + self.network.block, cells.n_faces))
            maps, errors, _, inputs = self.on(here)
            zeros = np.zeros(len(here))
            offsets = cells.ring_offsets[start : here[-1] + 2]
            faces, units, starts, signs, at, vertices, doubtful, sure = classify(
                offsets, cells.rings, cells.points, maps, none, none, zeros, zeros, 0.0, wanted,
                bits[start : here[-1] + 1], errors,
            )  # fmt: skip
            proven += sure
            if len(at):
                settled = _settle(
                    *rows, inputs, 0, faces, units, np.diff(offsets), starts, signs, bits[start : here[-1] + 1]
                )
                proven += int(settled.sum())
                of = np.searchsorted(starts, at, side="right") - 1
                open_ = ~settled[of]
                at, vertices, doubtful = at[open_], vertices[open_], doubtful[open_]
                # Settled candidates stay in the list of signs and leave the list of candidates.
                faces, units, starts = faces[~settled], units[~settled], starts[~settled]
            keys.append((faces + start) * width + units)
            line = np.empty((len(faces), 5))
            line[:, :3] = maps[faces, :, units]
            line[:, 3:] = errors[faces, :, units]
            lines.append(line)
            found.append((faces + start, units, starts + placed, signs, at + placed, vertices, doubtful))
            placed += len(signs)
        self._keys, self._lines = np.concatenate(keys), np.concatenate(lines)
        return (*(np.concatenate(arrays) for arrays in zip(*found, strict=True)), proven)

    def lines(self, faces: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.float64]:
        """Coefficients and error bounds of lines that `classify` found to be candidates: (Q, 5)."""
        width = self.network.layers[self.level].n_out
        return self._lines[np.searchsorted(self._keys, faces * width + units)]

    def spread(self, bits: NDArray[np.uint64]) -> None:
        """Copy the bits of the neurons that were looked at to those that are equal to them."""
        equal = self.network.equal[self.level]
        units = np.flatnonzero((equal.representative != np.arange(len(equal.representative))) & ~equal.zero)
        for k, r in zip(units.tolist(), equal.representative[units].tolist(), strict=True):
            on = (bits[:, r >> 6] >> np.uint64(r & 63)) & np.uint64(1)
            bits[:, k >> 6] |= on << np.uint64(k & 63)

    def outputs(self, layer: Layer, parents: NDArray[np.int64], bits: NDArray[np.uint64]) -> NDArray[np.float64]:
        """The network's affine maps on the faces behind the last layer: (F, 3, O)."""
        behind = WideMaps.__new__(WideMaps)
        behind.network, behind.level, behind.before = self.network, self.level + 1, self
        behind.parents, behind.bits, behind._kept = parents, bits, None
        width = self.network.layers[self.level].n_out
        out = np.empty((len(parents), 3, width))
        for start in range(0, len(parents), self.network.block):
            here = np.arange(start, min(start + self.network.block, len(parents)))
            out[here] = behind.activated(here)[0].reshape(len(here), 3, width)
        return out
