"""Rewrites nodes that onnx's reference implementation gets wrong, or does not know, into nodes that it runs.

Each rewriting says the same in other words, by other means than those that the network is read by.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper, numpy_helper
from onnx.reference.op_run import OpRun

from regions.frontends._onnx_graph import Step, Traced
from regions.frontends._onnx_windows import paddings

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnx

    from regions.frontends._onnx_graph import Reader

__all__ = ["DOMAIN", "TransposedConvolution", "plain"]

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


def _last(indices: Iterable[Any]) -> Any:
    """Return an index for the last axes."""
    return (..., *indices)


def _constant(name: str, array: Any) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(array), name))


def plain(reader: Reader, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return nodes that compute in float64 what a node computes."""
    step = Step(node, [reader.env.get(name) for name in node.input], "", "")
    source, name = step.input(0), node.output[0]
    if not isinstance(reader.env.get(name), Traced):
        return _widened(reader, node)
    if node.op_type in ("Cast", "CastLike"):
        return [helper.make_node("Identity", node.input[:1], node.output)]
    if node.op_type == "BatchNormalization":
        weight, bias, mean, variance = (step.numbers(i, "a statistic") for i in range(1, 5))
        factor = weight / np.sqrt(variance + step.attribute("epsilon", float(np.float32(1e-5))))
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
        padding = paddings(step, source.shape[2:], step.input(1).shape[2:])
        given = {
            "group": step.attribute("group", 1),
            "strides": list(step.attribute("strides") or [1] * n),
            "dilations": list(step.attribute("dilations") or [1] * n),
            "pads": [p[0] for p in padding] + [p[1] for p in padding],
            "extra": list(step.attribute("output_padding") or [0] * n),
        }
        return [helper.make_node("TransposedConvolution", node.input, node.output, domain=DOMAIN, **given)]
    windows = node.op_type in ("Conv", "MaxPool", "AveragePool")
    if windows and step.attribute("auto_pad", "NOTSET") not in ("NOTSET", ""):
        kernel = step.input(1).shape[2:] if node.op_type == "Conv" else step.attribute("kernel_shape")
        padding = paddings(step, source.shape[2:], kernel)
        kept = {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name not in ("auto_pad", "pads")}
        kept["pads"] = [p[0] for p in padding] + [p[1] for p in padding]
        return [helper.make_node(node.op_type, node.input, node.output, **kept)]
    if node.op_type == "Upsample" or (node.op_type == "Resize" and reader.opset < 11):
        scales = step.attribute("scales")
        scales = np.asarray(step.input(1) if scales is None else scales, dtype=np.float32)
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
