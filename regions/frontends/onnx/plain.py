"""Rewrites nodes that onnx's reference implementation gets wrong, or does not know, into nodes that it runs.

Each rewriting says the same in other words, by other means than those that the network is read by.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper, numpy_helper
from onnx.reference.op_run import OpRun

from regions.frontends.onnx.ml import affine_of, selection_of
from regions.frontends.onnx.recurrence import activations, lengths
from regions.frontends.onnx.values import Dependent, Operation
from regions.frontends.onnx.vocabulary import ML
from regions.frontends.onnx.windows import paddings

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnx

    from regions.frontends.onnx.reader import Reader

__all__ = ["DOMAIN", "OPERATORS", "plain"]

DOMAIN = "regions.verify"


class TransposedConvolution(OpRun):
    """A transposed convolution, entry of the kernel by entry: onnx's own leaves out groups and some paddings."""

    op_domain = DOMAIN

    def _run(self, x: Any, w: Any, *bias: Any, group: Any, strides: Any, dilations: Any, pads: Any, extra: Any) -> Any:
        n, kernel = len(x.shape) - 2, w.shape[2:]
        sizes = [
            (a - 1) * s + (k - 1) * d + 1 for a, s, k, d in zip(x.shape[2:], strides, kernel, dilations, strict=True)
        ]
        per_group = w.shape[1]
        room = [size + max(e, 0) for size, e in zip(sizes, extra, strict=True)]
        out = np.zeros((x.shape[0], per_group * group, *room), dtype=x.dtype)
        inputs, weights = np.split(x, group, axis=1), np.split(w, group, axis=0)
        for place in product(*(range(k) for k in kernel)):
            part = np.concatenate(
                [np.tensordot(a, b[_last(place)], (1, 0)) for a, b in zip(inputs, weights, strict=True)], axis=-1
            )
            at = tuple(
                slice(i * d, i * d + (a - 1) * s + 1, s)
                for i, d, a, s in zip(place, dilations, x.shape[2:], strides, strict=True)
            )
            out[(slice(None), slice(None), *at)] += np.moveaxis(part, -1, 1)
        ends = [size - after + e for size, after, e in zip(sizes, pads[n:], extra, strict=True)]
        out = out[_last(slice(before, end) for before, end in zip(pads[:n], ends, strict=True))]
        return (out + bias[0].reshape(-1, *(1,) * n) if bias else out,)


class Recurrence(OpRun):
    """An RNN, step by step: onnx's own knows few activations, and neither lengths nor clip."""

    op_domain = DOMAIN

    def _run(self, x: Any, w: Any, r: Any, b: Any, h: Any, *, kinds: Any, alphas: Any, betas: Any, **given: Any) -> Any:
        backwards, clip, layout, ends = (given[k] for k in ("backwards", "clip", "layout", "ends"))
        x, h = (np.swapaxes(a, 0, 1) if layout else a for a in (x, h))
        whole = np.zeros((len(x), len(kinds), x.shape[1], w.shape[1]))
        # The state of one sequence serves for any number of them.
        states = np.array(np.broadcast_to(h, whole.shape[1:]))
        for d, (kind, alpha, beta) in enumerate(zip(kinds, alphas, betas, strict=True)):
            times = range(ends)
            for t in reversed(times) if backwards[d] else times:
                z = x[t] @ w[d].T + b[d, : w.shape[1]] + states[d] @ r[d].T + b[d, w.shape[1] :]
                z = np.minimum(np.maximum(z, -clip), clip)
                states[d] = _ACTIVATIONS[kind](z, alpha, beta)
                whole[t, d] = states[d]
        return (np.transpose(whole, (2, 0, 1, 3)), np.swapaxes(states, 0, 1)) if layout else (whole, states)


_ACTIVATIONS: dict[str, Callable[[Any, float, float], Any]] = {
    "relu": lambda z, a, b: np.maximum(z, 0),
    "thresholdedrelu": lambda z, a, b: np.maximum(z, 0),
    "leakyrelu": lambda z, a, b: np.where(z < 0, a * z, z),
    "affine": lambda z, a, b: a * z + b,
    "hardsigmoid": lambda z, a, b: np.clip(a * z + b, 0, 1),
}
OPERATORS: list[type[OpRun]] = [Recurrence, TransposedConvolution]


def _recurrence(operation: Operation) -> list[onnx.NodeProto]:
    node, source = operation.proto, operation.input(0)
    layout, hidden = operation.attribute("layout", 0), operation.input(1).shape[1]
    kinds = activations(operation)
    backwards = {"forward": [0], "reverse": [1], "bidirectional": [0, 1]}[operation.attribute("direction", "forward")]
    rows, steps = source.shape[not layout], source.shape[layout]
    shape = (1, len(kinds), hidden) if layout else (len(kinds), 1, hidden)
    names = [*node.input, "", "", ""]
    spare = [_constant(f"{node.output[0] or node.output[1]}#{i}", a) for i, a in enumerate((
        np.zeros((len(kinds), 2 * hidden)), np.zeros(shape),
    ))]  # fmt: skip
    bias, state = (names[i] or c.output[0] for i, c in zip((3, 5), spare, strict=True))
    given = {
        "kinds": [k.name for k in kinds],
        "alphas": [k.alpha for k in kinds],
        "betas": [k.beta for k in kinds],
        "backwards": backwards,
        "clip": operation.attribute("clip") or float("inf"),
        "layout": layout,
        "ends": lengths(operation, steps, rows),
    }
    return [
        *spare,
        helper.make_node("Recurrence", [*names[:3], bias, state], node.output, domain=DOMAIN, **given),
    ]


def _of_table(operation: Operation) -> list[onnx.NodeProto]:
    """Return products and sums for an operator of ai.onnx.ml."""
    node, source = operation.proto, operation.input(0)
    name, kind = next(n for n in reversed(node.output) if n), operation.name
    if kind == "Imputer":
        return [helper.make_node("Identity", node.input, node.output)]
    if kind == "ArrayFeatureExtractor":
        index = np.ravel(operation.input(1))
        matrix = (np.arange(source.shape[-1])[:, None] == index % source.shape[-1]).astype(np.float64)
        maps = [(matrix, np.zeros(len(index)))]
    elif kind == "FeatureVectorizer":
        made, parts = [], []
        for i, (given, (columns, wanted)) in enumerate(zip(node.input, selection_of(operation), strict=True)):
            parts.append(f"{name}#{i}")
            made.append(_constant(f"{name}#{i}m", np.eye(columns, wanted)))
            made.append(helper.make_node("MatMul", [given, f"{name}#{i}m"], parts[-1:]))
        return [*made, helper.make_node("Concat", parts, [name], axis=1)]
    elif kind == "Scaler":
        offset, scale = (
            np.asarray(operation.attribute(n) or [d], dtype=np.float64) for n, d in (("offset", 0), ("scale", 1))
        )
        return [
            *(_constant(f"{name}#{i}", a) for i, a in enumerate((offset, scale))),
            helper.make_node("Sub", [node.input[0], f"{name}#0"], [f"{name}#2"]),
            helper.make_node("Mul", [f"{name}#2", f"{name}#1"], [name]),
        ]
    else:
        maps = affine_of(operation, source)
    made, last = [], node.input[0]
    if len(source.shape) == 1:
        made = [
            _constant(f"{name}#s", np.array([1, -1])),
            helper.make_node("Reshape", [last, f"{name}#s"], [f"{name}#r"]),
        ]
        last = f"{name}#r"
    for i, (matrix, offset) in enumerate(maps):
        made += [
            _constant(f"{name}#{i}m", matrix),
            _constant(f"{name}#{i}o", offset),
            helper.make_node("MatMul", [last, f"{name}#{i}m"], [f"{name}#{i}p"]),
            helper.make_node("Add", [f"{name}#{i}p", f"{name}#{i}o"], [f"{name}#{i}q"]),
        ]
        last = f"{name}#{i}q"
    return [*made, helper.make_node("Identity", [last], [name])]


def _last(indices: Iterable[Any]) -> Any:
    """Return an index for the last axes."""
    return (..., *indices)


def _constant(name: str, array: Any) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(array), name))


def plain(reader: Reader, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return nodes that compute in float64 what a node computes."""
    operation = Operation(node, [reader.env.get(name) for name in node.input], "", "")
    source, name = operation.input(0), node.output[0]
    if not any(isinstance(reader.env.get(n), Dependent) for n in node.output):
        return _widened(reader, node)
    if node.domain == ML:
        return _of_table(operation)
    if node.op_type == "RNN":
        return _recurrence(operation)
    if node.op_type in ("Cast", "CastLike"):
        return [helper.make_node("Identity", node.input[:1], node.output)]
    if node.op_type == "BatchNormalization":
        weight, bias, mean, variance = (operation.numbers(i, "a statistic") for i in range(1, 5))
        factor = weight / np.sqrt(variance + operation.attribute("epsilon", float(np.float32(1e-5))))
        shape = (-1, *(1,) * (len(source.shape) - 2)) if len(source.shape) > 1 else (-1,)
        constants = [_constant(f"{name}#{i}", a.reshape(shape)) for i, a in enumerate((mean, factor, bias))]
        return [
            *constants,
            helper.make_node("Sub", [node.input[0], f"{name}#0"], [f"{name}#3"]),
            helper.make_node("Mul", [f"{name}#3", f"{name}#1"], [f"{name}#4"]),
            helper.make_node("Add", [f"{name}#4", f"{name}#2"], [name]),
        ]
    if node.op_type == "ConvTranspose":
        n = len(source.shape) - 2
        padding = paddings(operation, source.shape[2:], operation.input(1).shape[2:])
        given = {
            "group": operation.attribute("group", 1),
            "strides": list(operation.attribute("strides") or [1] * n),
            "dilations": list(operation.attribute("dilations") or [1] * n),
            "pads": [p[0] for p in padding] + [p[1] for p in padding],
            "extra": list(operation.attribute("output_padding") or [0] * n),
        }
        return [helper.make_node("TransposedConvolution", node.input, node.output, domain=DOMAIN, **given)]
    windows = node.op_type in ("Conv", "MaxPool", "AveragePool")
    if windows and operation.attribute("auto_pad", "NOTSET") not in ("NOTSET", ""):
        kernel = operation.input(1).shape[2:] if node.op_type == "Conv" else operation.attribute("kernel_shape")
        padding = paddings(operation, source.shape[2:], kernel)
        kept = {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name not in ("auto_pad", "pads")}
        kept["pads"] = [p[0] for p in padding] + [p[1] for p in padding]
        return [helper.make_node(node.op_type, node.input, node.output, **kept)]
    if node.op_type == "Upsample" or (node.op_type == "Resize" and reader.opset < 11):
        scales = operation.attribute("scales")
        scales = np.asarray(operation.input(1) if scales is None else scales, dtype=np.float32)
        return [
            _constant(f"{name}#s", scales),
            helper.make_node("Upsample", [node.input[0], f"{name}#s"], [name], mode="nearest"),
        ]
    return [node]


def _widened(reader: Reader, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return a node that computes with shapes, its floats widened to float64."""
    narrow = [n for n in node.output if n and np.asarray(reader.env[n]).dtype.kind == "f"]
    if not narrow:
        return [node]
    outputs = [f"{n}#narrow" if n in narrow else n for n in node.output]
    copy = helper.make_node(node.op_type, node.input, outputs)
    copy.attribute.extend(node.attribute)
    return [
        copy,
        *(
            helper.make_node("Cast", [f"{n}#narrow"], [n], to=helper.np_dtype_to_tensor_dtype(np.dtype("f8")))
            for n in narrow
        ),
    ]
