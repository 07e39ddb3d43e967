"""The input and the output of an ONNX graph, and the shape of one point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from regions.errors import CaptureError

if TYPE_CHECKING:
    from regions.frontends.onnx.plan import Plan

__all__ = ["input_of", "output_of", "read_shape"]

_FLOATS = frozenset(getattr(onnx.TensorProto, name) for name in ("FLOAT16", "FLOAT", "DOUBLE", "BFLOAT16"))


def output_of(graph: onnx.GraphProto, plan: Plan, output: str | None) -> str:
    """Return the name of the tensor to read."""
    declared = [str(o.name) for o in graph.output]
    if output is None:
        if len(declared) != 1:
            raise CaptureError(
                f"The model has {len(declared)} outputs ({', '.join(declared)}); allowed is one. "
                "Name the one you mean with output=."
            )
        return declared[0]
    if output not in plan and output not in declared:
        last = [name for node in graph.node[-3:] for name in node.output if name]
        raise CaptureError(
            f"output={output!r} was given; the model has no tensor of that name. Allowed are the outputs "
            f"({', '.join(declared)}) and every tensor that a node computes, the last of them {', '.join(last)}."
        )
    return output


def input_of(graph: onnx.GraphProto, needed: set[str], output: str) -> onnx.ValueInfoProto:
    """Return the one input that the output needs."""
    used = [i for i in graph.input if i.name in needed]
    if len(used) != 1:
        names = ", ".join(repr(str(i.name)) for i in used)
        raise CaptureError(
            f"The model computes {output!r} from {len(used)} inputs{f' ({names})' * bool(names)}; allowed is "
            "one, a tensor of floats. Turn the others into constants, or name another tensor with output=."
        )
    kind = used[0].type.WhichOneof("value")
    elem_type = used[0].type.tensor_type.elem_type
    if kind != "tensor_type" or elem_type not in _FLOATS:
        what = onnx.TensorProto.DataType.Name(elem_type) if kind == "tensor_type" else str(kind)
        raise CaptureError(
            f"The model's input {used[0].name!r} is of type {what}; allowed are tensors of float16, float32 or "
            "float64. Export the model with an input of floats."
        )
    return used[0]


def read_shape(info: onnx.ValueInfoProto, given: tuple[Any, ...] | None) -> tuple[int | None, tuple[int, ...]]:
    """Return how many points the file was written for, and the shape of the input for one point.

    The number is 0 for any, None where the input has no axis that counts points. What is given is the shape of one
    point, without the batch.
    """
    tensor = info.type.tensor_type
    sizes = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else 0 for d in tensor.shape.dim)
    known = bool(tensor.HasField("shape"))
    declared = [str(n or d.dim_param or "?") for n, d in zip(sizes, tensor.shape.dim, strict=True)]
    said = f"({', '.join(declared)}{',' * (len(declared) == 1)})" if known else "unknown"
    what = f"the model's input {info.name!r} has shape {said}"
    if given is not None:
        return _given(given, sizes if known else None, what)
    if not sizes or any(n <= 0 for n in sizes[1:]) or sizes == (0,):
        raise CaptureError(
            f"{what[0].upper()}{what[1:]}; allowed is a shape whose first dimension alone is open. Give the shape of "
            "one point, without the batch, e.g. input_shape=(2,), or (3, 32, 32) for an image."
        )
    if len(sizes) == 1:
        return None, sizes
    if sizes[0] > 1:
        raise CaptureError(
            f"{what[0].upper()}{what[1:]}: {sizes[0]} points of shape {sizes[1:]} at once, or one point of shape "
            f"{sizes}? Allowed without a word are files for one point or any number. Say which it is, "
            f"input_shape={sizes[1:]} or input_shape={sizes}, or export the model with a batch of 1 or an open one."
        )
    return sizes[0], (1, *sizes[1:])


def _given(given: tuple[Any, ...], sizes: tuple[int, ...] | None, what: str) -> tuple[int | None, tuple[int, ...]]:
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in given)
    shape = tuple(int(n) for n in given) if whole else ()
    if shape and sizes is None:
        return 0, (1, *shape)
    if shape and sizes is not None:
        batched = _fits(shape, sizes[1:])
        if sizes and len(shape) == len(sizes) - 1 and batched:
            return sizes[0], (1, *shape)
        if len(sizes) > 1 and shape[0] == 1 and sizes[0] <= 1 and _fits(shape, sizes):
            raise CaptureError(
                f"input_shape={given!r} was given; {what}. Allowed is the shape of one point, without the batch. "
                f"Give input_shape={shape[1:]}."
            )
        if _fits(shape, sizes):
            return None, shape
    raise CaptureError(
        f"input_shape={given!r} was given; {what}. Allowed are positive whole numbers, the shape of one point without "
        "the batch, that fit it. Give e.g. input_shape=(2,), or (3, 32, 32) for an image."
    )


def _fits(shape: tuple[int, ...], sizes: tuple[int, ...]) -> bool:
    return len(shape) == len(sizes) and all(n in (0, m) for m, n in zip(shape, sizes, strict=True))
