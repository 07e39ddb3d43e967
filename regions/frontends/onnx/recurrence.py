"""The recurrence of an ONNX RNN over a fixed number of steps, written out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.frontends.layers import pieces, refusals, windows
from regions.frontends.onnx.values import Dependent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.frontends.layers.assembly import Value
    from regions.frontends.onnx.reader import Reader
    from regions.frontends.onnx.values import Operation

__all__ = ["Activation", "activations", "check_recurrence", "lengths", "recurrence"]

# The numbers alpha and beta of the activations that take them, where the file gives none: those of the operators.
_ALPHA = {"affine": 1.0, "elu": 1.0, "hardsigmoid": 0.2, "leakyrelu": 0.01, "scaledtanh": 1.0, "thresholdedrelu": 1.0}
_BETA = {"affine": 0.0, "hardsigmoid": 0.5, "scaledtanh": 1.0}
# Each step is a layer, through which all that comes later is carried.
_STEPS = 256
_PIECEWISE_LINEAR = ("affine", "hardsigmoid", "leakyrelu", "relu", "thresholdedrelu")


@dataclass(frozen=True, slots=True)
class Activation:
    """One direction's activation, in lower case, with its numbers."""

    name: str
    alpha: float
    beta: float


def activations(operation: Operation) -> list[Activation]:
    """Return the activation of every direction; alpha and beta go to those that take them, in order."""
    count = 2 if operation.attribute("direction", "forward") == "bidirectional" else 1
    given = [n.decode() if isinstance(n, bytes) else n for n in operation.attribute("activations") or ["Tanh"] * count]
    alphas, betas = (iter(operation.attribute(f"activation_{n}") or ()) for n in ("alpha", "beta"))
    found = []
    for name in (n.lower() for n in given[:count]):
        alpha = next(alphas, float(np.float32(_ALPHA[name]))) if name in _ALPHA else 0.0
        beta = next(betas, float(np.float32(_BETA[name]))) if name in _BETA else 0.0
        found.append(Activation(name, alpha, beta))
    return found


def check_recurrence(operation: Operation) -> None:
    """Refuse activations that are not piecewise linear."""
    for activation in activations(operation):
        jumps = activation.name == "thresholdedrelu" and activation.alpha != 0
        if activation.name in _PIECEWISE_LINEAR and not jumps:
            continue
        do = "Allowed are Relu, LeakyRelu, HardSigmoid, Affine, and ThresholdedRelu with alpha=0. Replace it."
        refuse = refusals.jumping if jumps else refusals.curved
        raise refuse(f"uses {operation.name} with the activation {activation.name}", operation.place, "it", do)


def lengths(operation: Operation, steps: int, rows: int) -> int:
    """Return after how many steps the sequences end."""
    given = operation.constant(4, "the lengths")
    if given is None:
        return steps
    found = {int(n) for n in np.ravel(given)}
    if len(found) != 1 or np.size(given) != rows or not 0 < min(found) <= steps:
        raise operation.unsupported(f"with lengths {np.ravel(given).tolist()} of {rows} sequence(s) of {steps} steps")
    return found.pop()


def recurrence(reader: Reader, operation: Operation) -> list[Dependent | None]:
    """Read an RNN: its outputs Y and Y_h."""
    source, batch_first = operation.input(0), bool(operation.attribute("layout", 0))
    if not isinstance(source, Dependent):
        raise operation.unsupported("on a constant sequence, with an initial state that depends on the model's input")
    weight, back, bias = (operation.numbers(i, what) for i, what in ((1, "weights"), (2, "weights"), (3, "a bias")))
    ids = np.arange(source.value.size).reshape(source.shape)
    ids = np.swapaxes(ids, 0, 1) if batch_first else ids
    steps, rows, _ = ids.shape
    direction, hidden = operation.attribute("direction", "forward"), weight.shape[1]
    orders = {"forward": (1,), "reverse": (-1,), "bidirectional": (1, -1)}[direction]
    start = _initial(reader, operation, (len(orders), rows, hidden), batch_first)
    length, clip = lengths(operation, steps, rows), operation.attribute("clip")
    if length > _STEPS:
        raise operation.unsupported(f"of {length} steps; allowed are {_STEPS}", "Shorten the sequence.")
    values: list[Value] = [pieces.constant(np.zeros(1))]
    places = np.zeros((steps, len(orders), rows, hidden), dtype=np.int64)
    last = np.zeros((len(orders), rows, hidden), dtype=np.int64)
    count = 1
    for d, (order, activation) in enumerate(zip(orders, activations(operation), strict=True)):
        offsets = np.zeros(2 * hidden) if bias is None else bias[d]
        first, second = (np.tile(b, rows) for b in np.split(offsets, 2))
        blocks = [windows.repeated(w[d], rows) for w in (weight, back)]
        state = start[d]
        for t in range(length)[::order]:
            here = reader.gather([source.value], ids[t]).value
            total = reader.assembly.linear(here, blocks[0], first, operation.label)
            if state is None:
                total = reader.assembly.shift(total, second)
            else:
                total = reader.assembly.add(total, reader.assembly.linear(state, blocks[1], second, operation.label))
            name = reader.assembly.unused(operation.label)
            total = type(total)(total.terms, total.bias, name)
            state = _activated(reader, total, activation, clip, name, reader.point_shape((rows, hidden), rows * hidden))
            values.append(state)
            last[d] = np.arange(count, count + state.size).reshape(rows, hidden)
            places[t, d] = last[d]
            count += state.size
    if batch_first:
        places, last = np.moveaxis(places, 2, 0), np.swapaxes(last, 0, 1)
    wanted = [*operation.proto.output, "", ""]
    return [reader.gather(values, at) if name else None for name, at in zip(wanted, (places, last), strict=False)]


def _initial(
    reader: Reader, operation: Operation, shape: tuple[int, int, int], batch_first: bool
) -> list[Value | None]:
    """Return the state before the first step for each direction, None where it is zero."""
    given = operation.input(5)
    if given is None:
        return [None] * shape[0]
    found = given if isinstance(given, Dependent) else operation.float64(given, "the initial state")
    ids = np.arange(found.value.size if isinstance(found, Dependent) else found.size).reshape(found.shape)
    ids = np.swapaxes(ids, 0, 1) if batch_first and ids.ndim == 3 else ids
    if ids.shape != shape:
        raise operation.unsupported(
            f"with an initial state of shape {tuple(found.shape)} for {shape[1]} sequence(s)",
            "Export the model for a batch of 1, or an open one.",
        )
    if isinstance(found, Dependent):
        return [reader.gather([found.value], at).value for at in ids]
    flat: NDArray[np.float64] = found.ravel()
    return [pieces.constant(flat[at]) if flat[at].any() else None for at in ids]


def _activated(
    reader: Reader, value: Value, activation: Activation, clip: Any, name: str, shape: tuple[int, ...]
) -> Value:
    assembly = reader.assembly
    if clip:
        value = pieces.clip(assembly, value, -clip, clip, name=name, kind="clip", shape=shape)
    if activation.name in ("relu", "thresholdedrelu"):
        return pieces.kinked(assembly, value, 0.0, 1.0, name=name, kind="relu", shape=shape)
    if activation.name == "leakyrelu":
        return pieces.kinked(assembly, value, activation.alpha, 1.0, name=name, kind="leaky_relu", shape=shape)
    line = pieces.affine(assembly, value, activation.alpha, activation.beta, name)
    if activation.name == "affine":
        return line
    return pieces.clip(assembly, line, 0.0, 1.0, name=name, kind="hardsigmoid", shape=shape)
