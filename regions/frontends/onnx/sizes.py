"""How large the tensors of an ONNX graph may become, said of every node before anything is allocated.

A few bytes of a file can ask for any amount of memory: ConstantOfShape, Expand, Tile, Range, wide paddings, products of
two vectors. Shapes are those that onnx's own inference gives.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import external_data_helper, helper, numpy_helper
from onnx.shape_inference import InferenceError, infer_node_outputs

from regions.errors import CaptureError, FileFormatError, UnsupportedOperationError
from regions.frontends.content import LFS
from regions.frontends.onnx.plan import graphs_of
from regions.frontends.onnx.vocabulary import ML

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "LARGEST",
    "LARGEST_MAP",
    "LARGEST_STORED",
    "check_map",
    "check_stored",
    "stored_entries",
]

# Entries of a tensor that a node computes, of one that a file stores, and of the matrix of an affine map.
LARGEST = 1 << 24
LARGEST_STORED = 1 << 30
LARGEST_MAP = 1 << 28
# How often the largest tensor fits into all that are computed together.
_TOGETHER = 16
# Nodes of a graph whose functions are written out.
_NODES = 1 << 20
# So many numbers of a constant may say what shape a result has.
_TELLING = 1 << 10
# What these give has no more entries than what they are given, times the number of axes, or is no tensor.
_BOUNDED = frozenset((
    *("Compress", "NonMaxSuppression", "NonZero", "Unique", "SequenceAt", "SequenceConstruct", "SequenceEmpty"),
    *("SequenceErase", "SequenceInsert", "SequenceLength", "SplitToSequence", "Optional", "OptionalGetElement"),
    *("OptionalHasElement", "ConcatFromSequence"),
))  # fmt: skip


def _entries(tensor: onnx.TensorProto) -> int:
    return math.prod(max(int(n), 0) for n in tensor.dims)


def _tensors(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    """Return every tensor that a graph stores, in its branches too."""
    found = [*graph.initializer, *(t.values for t in graph.sparse_initializer)]
    for node in graph.node:
        for attribute in node.attribute:
            found += [attribute.t] if attribute.HasField("t") else []
            found += attribute.tensors
        for inner in graphs_of(node):
            found += _tensors(inner)
    return found


def stored_entries(graph: onnx.GraphProto) -> int:
    """Return how many entries the file stores."""
    return sum(_entries(t) for t in _tensors(graph))


def check_stored(model: onnx.ModelProto, folder: Path) -> None:
    """Refuse tensors whose declared size is too large, or not that of the file in the folder that holds them."""
    graphs = [model.graph, *(onnx.GraphProto(node=f.node) for f in model.functions)]
    for tensor in (t for graph in graphs for t in _tensors(graph)):
        count = _entries(tensor)
        if count > LARGEST_STORED:
            raise UnsupportedOperationError(
                f"The tensor {tensor.name!r} has shape {tuple(tensor.dims)}, {count} entries; allowed are "
                f"{LARGEST_STORED}. Export a smaller model."
            )
        if not external_data_helper.uses_external_data(tensor):
            continue
        given = external_data_helper.ExternalDataInfo(tensor)
        path = folder / str(given.location)
        # What is wrong with a path, a file that is missing, or a folder, onnx says when it reads it.
        if tensor.data_type == onnx.TensorProto.STRING or not path.is_file():
            continue
        with path.open("rb") as file:
            if file.read(len(LFS)) == LFS:
                raise FileFormatError(
                    f"{path}, which should hold the tensor {tensor.name!r}, is a git-LFS pointer, which stands for the "
                    "file itself. Fetch the file with: git lfs pull."
                )
        bits = _bits(tensor.data_type)
        size = os.stat(path).st_size - int(given.offset or 0)
        size = min(size, int(given.length)) if given.length else size
        if size != -(-count * bits // 8):
            raise FileFormatError(
                f"The tensor {tensor.name!r} has shape {tuple(tensor.dims)} and needs {-(-count * bits // 8)} bytes; "
                f"{path} holds {size} for it. Export the model again, and keep both files together."
            )


def _bits(data_type: int) -> int:
    name = onnx.TensorProto.DataType.Name(data_type)
    if name in ("INT4", "UINT4", "FLOAT4E2M1"):
        return 4
    if name in ("INT2", "UINT2"):
        return 2
    return int(helper.tensor_dtype_to_np_dtype(data_type).itemsize) * 8


def check_map(entries: int, largest: int, what: str) -> None:
    """Refuse an affine map whose matrix has too many entries off zero."""
    if entries > max(LARGEST_MAP, largest):
        raise UnsupportedOperationError(
            f"The model uses {what}, an affine map whose matrix has {entries} entries off zero; allowed are "
            f"{max(LARGEST_MAP, largest)}. Use a smaller model, or a smaller input."
        )


class Budget:
    """How many entries the results of nodes may have, each of them and all together."""

    def __init__(self, largest: int, versions: Mapping[str, int]) -> None:
        self._largest, self._versions = largest, versions
        self._left = _TOGETHER * largest

    def spend(
        self, node: onnx.NodeProto, shapes: Sequence[tuple[int, ...] | None], arrays: Sequence[Any], what: str
    ) -> None:
        """Refuse a node whose results would have too many entries.

        Shapes are of its inputs, None where one is left out, or is no tensor; arrays are its inputs where constant.
        """
        self.hold(_result(node, shapes, arrays, self._versions, what), f"The model uses {what}, whose result")

    def hold(self, count: int, what: str) -> None:
        """Refuse a tensor of too many entries."""
        self._left -= count
        if count > self._largest:
            raise UnsupportedOperationError(
                f"{what} has {count} entries; allowed are {self._largest}: {LARGEST}, or as many as the file stores "
                "where those are more. Use a smaller model, or a smaller input."
            )
        if self._left < 0:
            raise UnsupportedOperationError(
                f"{what} has {count} entries, more than {_TOGETHER * self._largest} with those of the nodes before "
                "it, which is what is allowed together. Use a smaller model, or a smaller input."
            )


def check_functions(model: onnx.ModelProto) -> None:
    """Refuse functions that call each other so often that writing them out would not end, or not soon."""
    functions = {(f.domain, f.name): f.node for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: Iterable[onnx.NodeProto], callers: tuple[tuple[str, str], ...]) -> int:
        count = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            count += 1 + sum(size(g.node, callers) for g in graphs_of(node))
            if key in callers:
                raise FileFormatError(
                    f"The file breaks the rules of ONNX: the function {node.op_type!r} calls itself. Export it again."
                )
            if key in functions:
                if key not in sizes:
                    sizes[key] = size(functions[key], (*callers, key))
                count += sizes[key]
        return count

    count = size(model.graph.node, ())
    if count > _NODES:
        raise UnsupportedOperationError(
            f"The model's functions come to {count} nodes written out; allowed are {_NODES}. Use a smaller model."
        )


def _table(node: onnx.NodeProto, shapes: Sequence[tuple[int, ...] | None]) -> int:
    """Return a bound for the operators of ai.onnx.ml that are read, whose shapes onnx does not always infer."""
    first, *others = (s for s in shapes if s is not None)
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    columns = max(first[-1:] or (1,)) + sum(math.prod(s) for s in others)
    columns = max(columns, sum(given.get("inputdimensions", ())), len(given.get("coefficients", ())))
    return math.prod(first[:-1]) * columns


def _result(
    node: onnx.NodeProto,
    shapes: Sequence[tuple[int, ...] | None],
    arrays: Sequence[Any],
    versions: Mapping[str, int],
    what: str,
) -> int:
    domain = "" if node.domain == "ai.onnx" else node.domain
    if node.op_type in _BOUNDED and not domain:
        lists = [a for a in arrays if isinstance(a, list)]
        sizes = [math.prod(s) for s in shapes if s is not None]
        return max([*sizes, *(sum(np.size(b) for b in a if b is not None) for a in lists)], default=0)
    if domain == ML:
        return _table(node, shapes)
    types, data = {}, {}
    for name, shape, array in zip(node.input, shapes, arrays, strict=True):
        if not name or shape is None:
            continue
        kind = onnx.TensorProto.FLOAT
        if array is not None and np.asarray(array).dtype.kind in "iub":
            kind = helper.np_dtype_to_tensor_dtype(np.asarray(array).dtype)
        types[name] = helper.make_tensor_type_proto(kind, shape)
        if array is not None and np.asarray(array).dtype.kind in "iubf" and np.size(array) <= _TELLING:
            array = np.asarray(array)
            data[name] = numpy_helper.from_array(array.astype(np.float32) if array.dtype.kind == "f" else array, name)
    try:
        schema = onnx.defs.get_schema(node.op_type, versions.get(domain, 1), domain)
        found = infer_node_outputs(
            schema, node, types, data, opset_imports=[helper.make_opsetid(d, v) for d, v in versions.items()]
        )
    except (InferenceError, onnx.checker.ValidationError, onnx.defs.SchemaError, RuntimeError, ValueError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        given = ", ".join(str(tuple(s)) for s in shapes if s is not None)
        raise FileFormatError(
            f"The model uses {what} on {f'shapes {given}' if given else 'nothing'}, which breaks the rules of ONNX "
            f"({reason}). Export the model again, and check the input_shape= where you gave one."
        ) from error
    total = 0
    for name in filter(None, node.output):
        result = found.get(name, onnx.TypeProto())
        form = result.WhichOneof("value")
        if form not in (None, "tensor_type", "sparse_tensor_type"):
            continue
        tensor = result.sparse_tensor_type if form == "sparse_tensor_type" else result.tensor_type
        if not tensor.HasField("shape") or not all(d.HasField("dim_value") for d in tensor.shape.dim):
            raise CaptureError(
                f"The model uses {what}, the size of whose result is not known beforehand; allowed are sizes that are. "
                "Export the model with fixed shapes, or leave this part out with output=."
            )
        total = max(total, math.prod(d.dim_value for d in tensor.shape.dim))
    return total
