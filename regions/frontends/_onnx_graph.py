"""Walks the graph of an ONNX model node by node: constants as onnx computes them, the rest as exact affine values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from regions.errors import (
    CaptureError,
    FileFormatError,
    InvalidNetworkError,
    NotPiecewiseLinearError,
    UnsupportedOperationError,
)
from regions.frontends._assembly import Assembly, Value
from regions.frontends._onnx_vocabulary import HINTS, NOT_PIECEWISE_LINEAR, ONLY, RANDOM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network import Network

__all__ = ["OLDEST", "Reader", "Step", "Traced", "as_float64", "evaluate"]

# The first version of the operator set with numpy's rules for broadcasting (ONNX 1.2, 2018).
OLDEST = 7
_FLOATS = frozenset(getattr(onnx.TensorProto, name) for name in ("FLOAT16", "FLOAT", "DOUBLE", "BFLOAT16"))


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A tensor that depends on the input, for a batch of one point: its entries in C order, and its shape."""

    value: Value
    shape: tuple[int, ...]


def as_float64(array: Any, what: str) -> NDArray[np.float64]:
    """Return the numbers of a constant, which float64 holds exactly."""
    array = np.asarray(array)
    if array.dtype.kind in "cOSU":
        raise UnsupportedOperationError(f"{what} is of {array.dtype}; allowed are real numbers.")
    # Kind "V" is bfloat16 and its like, which numpy itself does not know.
    found: NDArray[np.float64] = array.astype(np.float64)
    if not np.isfinite(found).all():
        raise InvalidNetworkError(
            f"{what} is {found[~np.isfinite(found)].flat[0]} in some entry; all numbers must be finite. "
            "Check the model for a diverged training step or uninitialised weights."
        )
    return found


def evaluate(node: onnx.NodeProto, arrays: list[Any], opset: int) -> list[Any]:
    """Compute one node on arrays, with onnx's own reference implementation."""
    names = [name for name in dict.fromkeys(node.input) if name]
    given = dict(zip(node.input, arrays, strict=True))
    infos = [helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None) for name in names]
    wanted = [name for name in node.output if name]
    outputs = [helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None) for name in wanted]
    graph = helper.make_graph([node], "node", infos, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    with np.errstate(all="ignore"):
        found = dict(zip(wanted, ReferenceEvaluator(model).run(None, {n: given[n] for n in names}), strict=True))
    return [found.get(name) for name in node.output]


@dataclass(slots=True, eq=False)
class Step:
    """One node, with its inputs: a `Traced`, a constant array, or None where it is left out."""

    proto: onnx.NodeProto
    inputs: list[Any]
    label: str
    place: str

    @property
    def kind(self) -> str:
        """The operator."""
        return str(self.proto.op_type)

    def attribute(self, name: str, default: Any = None) -> Any:
        """The attribute's value; bytes as text."""
        for attribute in self.proto.attribute:
            if attribute.name == name:
                value = helper.get_attribute_value(attribute)
                return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        return default

    def input(self, index: int) -> Any:
        """The input, None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def constant(self, index: int, what: str) -> Any:
        """An input that must be a constant, None where it is left out."""
        found = self.input(index)
        if isinstance(found, Traced):
            raise UnsupportedOperationError(
                f"The model uses {self.kind} at {self.place} with {what} that depends on the model's input; allowed is "
                f"a constant. {ONLY} Rewrite this part."
            )
        return found

    def numbers(self, index: int, what: str) -> Any:
        """A constant input as float64, None where it is left out."""
        found = self.constant(index, what)
        return None if found is None else as_float64(found, f"{what} of {self.kind} at {self.place}")

    def axes(self, index: int, rank: int) -> tuple[int, ...] | None:
        """The axes, an attribute in old operator sets and an input in new ones; None where they are left out."""
        found = self.attribute("axes")
        if found is None:
            found = self.constant(index, "axes")
        return None if found is None else tuple(int(a) % rank for a in np.asarray(found).ravel())

    def unsupported(self, what: str, do: str = "Rewrite this part.") -> UnsupportedOperationError:
        """Return the error for a form of an operator that is not read."""
        return UnsupportedOperationError(
            f"The model uses {self.kind} at {self.place} {what}; that is not supported. {ONLY} {do}"
        )


class Reader:
    """Reads the part of a graph that one output needs.

    Parameters
    ----------
    model : onnx.ModelProto
        Without functions of its own.
    output : str, optional
        Name of the tensor to read.
    input_shape : tuple of int, optional
        Shape of the input tensor for one point.
    """

    def __init__(self, model: onnx.ModelProto, output: str | None, input_shape: tuple[int, ...] | None) -> None:
        self.model = model
        self.graph = model.graph
        self.opset = _opset(model)
        self._initializers: dict[str, Any] = {t.name: t for t in self.graph.initializer}
        self._sparse = {t.values.name for t in self.graph.sparse_initializer}
        self.env: dict[str, Any] = {}
        self._origin: dict[str, str] = {}
        self.output = self._output(output)
        self.nodes = self._needed()
        info = self._input()
        self.input = str(info.name)
        self.open_batch, self.input_shape = _input_shape(info, input_shape)
        self.batched = self.open_batch or (len(self.input_shape) > 1 and self.input_shape[0] == 1)
        self.input_type = info.type.tensor_type.elem_type
        self.assembly = Assembly(math.prod(self.input_shape))
        # Nodes that depend on the input, in order.
        self.dependent: list[onnx.NodeProto] = []
        self._at: onnx.NodeProto | None = None

    def run(self) -> Network:
        """Return the network that the graph computes."""
        self.env[self.input] = Traced(self.assembly.input, self.input_shape)
        try:
            for node in self.nodes:
                self._at = node
                self._read(node)
        except (CaptureError, InvalidNetworkError, FileFormatError):
            raise
        except Exception as error:
            assert self._at is not None
            raise self._unreadable(self._at, error) from error
        result = self._lookup(self.output, None)
        if not isinstance(result, Traced):
            raise CaptureError(
                f"The model's output {self.output!r} does not depend on its input; allowed are functions of the input. "
                "Name another tensor with output=."
            )
        if result.value.size == 0:
            raise CaptureError(f"The model's output {self.output!r} has shape {result.shape}, which has no entry.")
        return self.assembly.network(result.value)

    def _unreadable(self, node: onnx.NodeProto, error: Exception) -> Exception:
        """Return the error for a node that is malformed, or beyond this package."""
        reason = f"{type(error).__name__}: {error}".strip().split("\n", 1)[0]
        copy = onnx.ModelProto()
        copy.CopyFrom(self.model)
        for output in copy.graph.output:
            # The checker asks for a shape, if an empty one, which files do without.
            output.type.tensor_type.shape.SetInParent()
        try:
            onnx.checker.check_model(copy)
        except Exception as complaint:
            first = str(complaint).strip().split("\n", 1)[0]
            return FileFormatError(f"The file breaks the rules of ONNX ({first}). Export the model again.")
        return CaptureError(
            f"The model uses {node.op_type} at {self.place(node)}, which could not be read ({reason}). {ONLY} "
            "Rewrite this part."
        )

    def _output(self, output: str | None) -> str:
        declared = [str(o.name) for o in self.graph.output]
        if output is None:
            if len(declared) != 1:
                raise CaptureError(
                    f"The model has {len(declared)} outputs ({', '.join(declared)}); allowed is one. "
                    "Name the one you mean with output=."
                )
            return declared[0]
        named = {name for node in self.graph.node for name in node.output if name}
        if output not in named and output not in declared:
            last = [name for node in self.graph.node[-3:] for name in node.output if name]
            raise CaptureError(
                f"output={output!r} was given; the model has no tensor of that name. Allowed are the outputs "
                f"({', '.join(declared)}) and every tensor that a node computes, the last of them {', '.join(last)}."
            )
        return output

    def _needed(self) -> list[onnx.NodeProto]:
        """Return the nodes that the output needs, in the order of the file."""
        needed, found = {self.output}, []
        for node in reversed(self.graph.node):
            if not needed.isdisjoint(node.output):
                needed |= set(node.input)
                found.append(node)
        self._used = needed
        return found[::-1]

    def _input(self) -> onnx.ValueInfoProto:
        # Files of old versions list the weights as inputs too.
        weights = self._initializers.keys() | self._sparse
        inputs = [i for i in self.graph.input if i.name not in weights]
        used = [i for i in inputs if i.name in self._used]
        if len(used) != 1:
            names = ", ".join(repr(str(i.name)) for i in used)
            raise CaptureError(
                f"The model computes {self.output!r} from {len(used)} inputs{f' ({names})' * bool(names)}; allowed is "
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

    def place(self, node: onnx.NodeProto) -> str:
        """Say which node this is."""
        return f"node {node.name!r}" if node.name else f"the node that computes {', '.join(map(repr, node.output))}"

    def label(self, node: onnx.NodeProto) -> str:
        """Return a name for the layer: the module's path where the weights tell it, else the node's name."""
        for name in node.input:
            origin = self._origin.get(name, "")
            if origin.endswith((".weight", ".bias", ".running_mean")):
                return origin.rsplit(".", 1)[0]
        return str(node.name or next(iter(node.output), node.op_type))

    def point_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape without the dimension of the batch."""
        return shape[1:] if self.batched and len(shape) > 1 and shape[0] == 1 else shape or (1,)

    def _lookup(self, name: str, node: onnx.NodeProto | None) -> Any:
        if not name:
            return None
        if name in self.env:
            return self.env[name]
        if name in self._initializers:
            self.env[name] = _array(self._initializers[name])
            self._origin[name] = name
            return self.env[name]
        if name in self._sparse:
            raise UnsupportedOperationError(
                f"The model keeps {name!r} as a sparse tensor; allowed are dense ones. Export it with dense weights."
            )
        if any(name in n.output for n in self.nodes):
            raise UnsupportedOperationError(
                f"The model uses {name!r}, a further output of a node, which is not supported. {ONLY} "
                "Rewrite this part."
            )
        by = "" if node is None else f" by {self.place(node)}"
        raise FileFormatError(
            f"The file breaks the rules of ONNX: the tensor {name!r} is used{by}, but nothing computes it. "
            "Export the model again."
        )

    def _read(self, node: onnx.NodeProto) -> None:
        from regions.frontends._onnx_operations import HANDLERS

        inputs = [self._lookup(name, node) for name in node.input]
        step = Step(node, inputs, self.label(node), self.place(node))
        known = node.domain in ("", "ai.onnx")
        traced = any(isinstance(i, Traced) for i in inputs)
        if not known or step.kind in RANDOM or any(a.HasField("g") or a.graphs for a in node.attribute):
            raise self._refusal(step)
        if step.kind == "Shape" and traced:
            sizes = np.array(inputs[0].shape, dtype=np.int64)
            results = [sizes[slice(step.attribute("start", 0), step.attribute("end"))]]
        elif step.kind == "Size" and traced:
            results = [np.array(inputs[0].value.size)]
        elif not traced:
            results = evaluate(node, inputs, self.opset)
            origins = {self._origin[name] for name in node.input if name in self._origin}
            if len(origins) == 1:
                self._origin.update(dict.fromkeys(node.output, origins.pop()))
        else:
            handler: Callable[[Reader, Step], Any] | None = HANDLERS.get(step.kind)
            found = NotImplemented if handler is None else handler(self, step)
            if found is NotImplemented:
                raise self._refusal(step)
            results = found if isinstance(found, list) else [found]
            self.dependent.append(node)
        # Outputs that are not read stay unknown; using one is refused.
        self.env.update({n: r for n, r in zip(node.output, results, strict=False) if n and r is not None})

    def _refusal(self, step: Step) -> CaptureError:
        kind, domain = step.kind, step.proto.domain
        if domain not in ("", "ai.onnx"):
            return UnsupportedOperationError(
                f"The model uses {kind} of the operator set {domain!r} at {step.place}; allowed are operators of the "
                f"standard set. {ONLY} Export the model without optimisations for one runtime."
            )
        if kind in RANDOM:
            return CaptureError(
                f"The model draws random numbers ({kind}) at {step.place}; allowed are functions that give the same "
                "output every time. Export the model in inference mode."
            )
        hint = HINTS.get(kind, "")
        if kind in NOT_PIECEWISE_LINEAR:
            names = [name for name in step.proto.input if name]
            cut = f"read only the part of the model before it: output={names[0]!r}." if names else "leave it out."
            return NotPiecewiseLinearError(
                f"The model uses {kind} at {step.place}; {kind} {NOT_PIECEWISE_LINEAR[kind]}. {ONLY} Replace it, or "
                f"{cut}{hint}"
            )
        return step.unsupported("on a value that depends on its input", "Rewrite this part with those." + hint)

    def move(self, step: Step, data: tuple[int, ...], node: onnx.NodeProto | None = None) -> list[Traced | None]:
        """Read a node that only moves numbers, by letting onnx move their addresses.

        Parameters
        ----------
        step : Step
        data : tuple of int
            Which inputs hold the numbers that are moved; the others are constants that say where to.
        node : NodeProto, optional
            What to run instead of the step's own node.
        """
        values = [Value({}, np.zeros(1))]
        start, arrays = 1, list(step.inputs)
        for i in data:
            source = step.input(i)
            if source is None:
                continue
            if isinstance(source, Traced):
                value, shape = source.value, source.shape
            else:
                numbers = as_float64(source, f"A constant of {step.kind} at {step.place}")
                value, shape = Value({}, numbers.ravel()), numbers.shape
            arrays[i] = np.arange(start, start + value.size, dtype=np.int64).reshape(shape)
            values.append(value)
            start += value.size
        for i in set(range(len(arrays))) - set(data):
            step.constant(i, "an argument")
        moved = evaluate(node or step.proto, arrays, self.opset)
        return [None if m is None else self.gather(values, np.asarray(m)) for m in moved]

    def gather(self, values: list[Value], addresses: NDArray[Any]) -> Traced:
        """Return the entries at addresses, which count through all values."""
        flat = addresses.astype(np.int64).ravel()
        starts = np.cumsum([0, *(v.size for v in values)])
        which = np.searchsorted(starts, flat, side="right") - 1
        for i, value in enumerate(values):
            if len(flat) == value.size and np.array_equal(flat, np.arange(starts[i], starts[i + 1])):
                return Traced(value, addresses.shape)
        picks = np.column_stack([which, flat - starts[which]])
        used = sorted(set(which.tolist()), key=lambda i: not values[i].terms)
        order = {v: i for i, v in enumerate(used)}
        picks[:, 0] = [order[w] for w in picks[:, 0].tolist()]
        return Traced(self.assembly.rows([values[i] for i in used], picks), addresses.shape)

    def broadcast(self, source: Any, shape: tuple[int, ...]) -> Traced:
        """Return the source spread to a shape."""
        if source.shape == shape:
            return source  # type: ignore[no-any-return]
        ids = np.broadcast_to(np.arange(source.value.size).reshape(source.shape), shape)
        return self.gather([source.value], ids)


def _array(tensor: onnx.TensorProto) -> Any:
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:
        raise FileFormatError(
            f"The tensor {tensor.name!r} is damaged ({type(error).__name__}: {error}). Export the model again."
        ) from error


def _opset(model: onnx.ModelProto) -> int:
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    newest = onnx.defs.onnx_opset_version()
    if not versions or not model.graph.node:
        raise FileFormatError(
            "The file holds no ONNX model with nodes and the version of its operator set. Export the model again."
        )
    if versions[0] < OLDEST or versions[0] > newest:
        do = "onnx.version_converter.convert_version(model, 13)" if versions[0] < OLDEST else "a newer onnx package"
        raise UnsupportedOperationError(
            f"The model is of operator set {versions[0]}; allowed are {OLDEST} to {newest}. Use {do}."
        )
    return int(versions[0])


def _input_shape(info: onnx.ValueInfoProto, given: Any) -> tuple[bool, tuple[int, ...]]:
    """Return whether the first dimension is that of an open batch, and the shape for one point."""
    tensor = info.type.tensor_type
    sizes = [d.dim_value if d.HasField("dim_value") else 0 for d in tensor.shape.dim]
    declared = [str(n) if n > 0 else str(d.dim_param or "?") for n, d in zip(sizes, tensor.shape.dim, strict=True)]
    said = f"({', '.join(declared)})" if tensor.HasField("shape") else "unknown"
    if given is not None:
        shape = tuple(given) if isinstance(given, tuple | list) else (given,)
        whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in shape)
        if not whole or not shape or (tensor.HasField("shape") and len(shape) != len(sizes)):
            raise CaptureError(
                f"input_shape={given!r} was given; the model's input {info.name!r} has shape {said}. Allowed are as "
                "many positive whole numbers, 1 for the batch."
            )
        return bool(sizes) and len(sizes) > 1 and sizes[0] <= 0 and shape[0] == 1, tuple(int(n) for n in shape)
    if not sizes or any(n <= 0 for n in sizes[1:]) or (len(sizes) == 1 and sizes[0] <= 0):
        raise CaptureError(
            f"The shape of the model's input {info.name!r} is {said}; allowed is a shape whose first dimension alone "
            "is open. Give the shape for one point, e.g. input_shape=(1, 2), or (1, 3, 32, 32) for an image."
        )
    return sizes[0] <= 0, (1 if sizes[0] <= 0 else sizes[0], *sizes[1:])
