"""Walks the graph of an ONNX model node by node: constants as onnx computes them, the rest as exact affine values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from regions.arithmetic.matrices import is_sparse
from regions.errors import (
    CaptureError,
    FileFormatError,
    InvalidNetworkError,
    NotPiecewiseLinearError,
    UnsupportedOperationError,
)
from regions.frontends.layers.assembly import Assembly, Value
from regions.frontends.onnx.input import read_shape
from regions.frontends.onnx.plan import Plan, describe, is_branch
from regions.frontends.onnx.sizes import LARGEST, Budget, check_map, stored_entries
from regions.frontends.onnx.values import ANY, Step, Traced, as_float64, evaluate
from regions.frontends.onnx.vocabulary import CONTROL, HINTS, ML, NOT_PIECEWISE_LINEAR, ONLY, RANDOM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.frontends.onnx.values import Operators
    from regions.network.network import Network

__all__ = ["OLDEST", "Reader", "broken_rule"]

# The first version of the operator set with numpy's rules for broadcasting (ONNX 1.2, 2018).
OLDEST = 7
_FLOATS = frozenset(getattr(onnx.TensorProto, name) for name in ("FLOAT16", "FLOAT", "DOUBLE", "BFLOAT16"))


# Larger constants are left out: their numbers say nothing of shapes, and there may be gigabytes of them.
_SMALL = 1 << 10


class Reader:
    """Reads the part of a graph that one output needs.

    Parameters
    ----------
    model : onnx.ModelProto
        Without functions of its own.
    output : str, optional
        Name of the tensor to read.
    input_shape : tuple of int, optional
        Shape of one point, without the batch.
    operators : Operators
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        output: str | None,
        input_shape: tuple[int, ...] | None,
        operators: Operators,
    ) -> None:
        self.operators = operators
        self.model = model
        self.graph = model.graph
        self.versions = _versions(model)
        self.opset = self.versions[""]
        self.largest = max(LARGEST, stored_entries(model.graph))
        self._budget = Budget(self.largest, self.versions)
        self.plan = Plan(model.graph)
        self.env: dict[str, Any] = {}
        self._origin: dict[str, str] = {}
        self._done: set[int] = set()
        self.input = ""
        self.output = self._output(output)
        # An If whose condition the file itself decides may rule out an input.
        self._decide()
        info = self._input()
        self.input = str(info.name)
        self.batch, self.input_shape = read_shape(info, input_shape)
        self._budget.hold(math.prod(self.input_shape), f"The model's input {self.input!r} of shape {self.input_shape}")
        self.assembly = Assembly(math.prod(self.input_shape))

    def run(self) -> Network:
        """Return the network that the graph computes."""
        self.env[self.input] = Traced(self.assembly.input, self.input_shape)
        self._decide()
        self.nodes = self.plan.nodes(self.output)
        self._check_rules()
        try:
            self._walk(self.nodes)
        except (CaptureError, FileFormatError) as error:
            if self.batch is None or self.batch.points < 2:
                raise
            raise type(error)(
                f"{error} The file was written for a batch of {self.batch.points}, and read for one point: export it "
                "with a batch of 1, or an open one."
            ) from error
        result = self._lookup(self.output, None)
        if not isinstance(result, Traced):
            raise self._constant_output()
        if result.value.size == 0:
            raise CaptureError(f"The model's output {self.output!r} has shape {result.shape}, which has no entry.")
        return self.assembly.network(result.value)

    def _decide(self) -> None:
        """Refuse what cannot be read before any work, and decide every If whose condition is known."""
        while True:
            nodes = self.plan.nodes(self.output)
            branch = next((node for node in nodes if is_branch(node)), None)
            self._scan(nodes, decided=branch is None)
            if branch is None:
                return
            # The first one's condition depends on no other.
            cone = self.plan.nodes(branch.input[0])
            if not self.input and any(name in self.inputs() for n in cone for name in n.input):
                return
            if not self.input and branch.input[0] in self.inputs():
                raise self._unsteady(branch)
            self._walk(cone)
            condition = self._lookup(branch.input[0], branch)
            if isinstance(condition, Traced):
                raise self._unsteady(branch)
            try:
                self.plan.decide(branch, np.asarray(condition))
            except (ValueError, KeyError) as error:
                raise self._unreadable(branch, error) from error

    def _unsteady(self, branch: onnx.NodeProto) -> UnsupportedOperationError:
        return UnsupportedOperationError(
            f"The model uses If at {self.place(branch)} with a condition that depends on the model's input; allowed is "
            "a constant. Export the model for one course of its control flow."
        )

    def _scan(self, nodes: list[onnx.NodeProto], *, decided: bool) -> None:
        """Refuse operators that are not read, wherever they stand, before any weight is multiplied."""
        dependent = {self.input} if self.input else self.inputs()
        known = self.inputs() | self.plan.sparse
        first: CaptureError | None = None
        for node in nodes:
            for name in filter(None, node.input):
                if not (name in self.plan or name in self.plan.initializers or name in known):
                    raise self._missing(name, node)
            inputs = [ANY if name in dependent else None for name in node.input]
            if is_branch(node) and inputs[0] is None:
                continue
            if any(inputs) and node.op_type not in ("Shape", "Size"):
                dependent.update(filter(None, node.output))
            step = Step(node, inputs, "", self.place(node))
            try:
                self._refuse(step)
                if any(inputs):
                    for index, what in self.operators.arguments.get(step.kind, {}).items():
                        step.constant(index, what)
                    check: Callable[[Step], None] | None = self.operators.checks.get(step.kind)
                    if check is not None:
                        check(step)
            except NotPiecewiseLinearError:
                # What rules out regions by any definition is the more helpful one to name.
                raise
            except CaptureError as error:
                first = first or error
            except Exception as error:
                raise self._unreadable(node, error) from error
        if first is not None:
            raise first
        if decided and self.input and self.output not in dependent:
            raise self._constant_output()

    def _refuse(self, step: Step) -> None:
        node = step.proto
        refused = node.domain not in ("", "ai.onnx", ML) or step.kind in RANDOM or step.kind in CONTROL
        known = self.operators.handler_of(node) is not None or step.kind in ("Shape", "Size")
        unread = not known and (any(step.inputs) or node.domain == ML)
        if refused or unread or any(a.HasField("g") or a.graphs for a in node.attribute):
            raise self._refusal(step)

    def _constant_output(self) -> CaptureError:
        return CaptureError(
            f"The model's output {self.output!r} does not depend on its input; allowed are functions of the input. "
            "Name another tensor with output=."
        )

    def _walk(self, nodes: list[onnx.NodeProto]) -> None:
        for node in nodes:
            if id(node) in self._done:
                continue
            try:
                self._read(node)
            except (CaptureError, InvalidNetworkError, FileFormatError):
                raise
            except Exception as error:
                raise self._unreadable(node, error) from error
            self._done.add(id(node))

    def _check_rules(self) -> None:
        """Hold the part of the file that is read against the rules of ONNX, shapes included."""
        complaint = broken_rule(self)
        if complaint:
            raise FileFormatError(f"The file breaks the rules of ONNX ({complaint}). Export the model again.")

    def _unreadable(self, node: onnx.NodeProto, error: Exception) -> Exception:
        """Return the error for a node that is malformed, or beyond this package."""
        reason = f"{type(error).__name__}: {error}".strip().split("\n", 1)[0]
        complaint = broken_rule(self)
        if complaint:
            return FileFormatError(f"The file breaks the rules of ONNX ({complaint}). Export the model again.")
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
        if output not in self.plan and output not in declared:
            last = [name for node in self.graph.node[-3:] for name in node.output if name]
            raise CaptureError(
                f"output={output!r} was given; the model has no tensor of that name. Allowed are the outputs "
                f"({', '.join(declared)}) and every tensor that a node computes, the last of them {', '.join(last)}."
            )
        return output

    def inputs(self) -> set[str]:
        """The inputs that are no weights, which files of old versions list too."""
        return {str(i.name) for i in self.graph.input} - self.plan.initializers.keys() - self.plan.sparse

    def _input(self) -> onnx.ValueInfoProto:
        needed = self.plan.names(self.output) & self.inputs()
        used = [i for i in self.graph.input if i.name in needed]
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
        return describe(node)

    def label(self, node: onnx.NodeProto) -> str:
        """Return a name for the layer: the module's path where the weights tell it, else the node's name."""
        for name in node.input:
            origin = self._origin.get(name, "")
            if origin.endswith((".weight", ".bias", ".running_mean")):
                return origin.rsplit(".", 1)[0]
        return str(node.name or next(iter(node.output), node.op_type))

    def point_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape without the dimension of the batch."""
        return shape[1:] if self.batch and len(shape) > 1 and shape[0] == 1 else shape or (1,)

    def _lookup(self, name: str, node: onnx.NodeProto | None) -> Any:
        if not name:
            return None
        if name in self.env:
            return self.env[name]
        if name in self.plan.initializers:
            self.env[name] = _array(self.plan.initializers[name])
            self._origin[name] = name
            return self.env[name]
        if name in self.plan.sparse:
            raise UnsupportedOperationError(
                f"The model keeps {name!r} as a sparse tensor; allowed are dense ones. Export it with dense weights."
            )
        if name in self.plan:
            raise UnsupportedOperationError(
                f"The model uses {name!r}, a further output of a node, which is not supported. {ONLY} "
                "Rewrite this part."
            )
        raise self._missing(name, node)

    def _missing(self, name: str, node: onnx.NodeProto | None) -> FileFormatError:
        by = "" if node is None else f" by {self.place(node)}"
        return FileFormatError(
            f"The file breaks the rules of ONNX: the tensor {name!r} is used{by}, but nothing computes it. "
            "Export the model again."
        )

    def _read(self, node: onnx.NodeProto) -> None:
        inputs = [self._lookup(name, node) for name in node.input]
        step = Step(node, inputs, self.label(node), self.place(node))
        traced = any(isinstance(i, Traced) for i in inputs)
        shapes = [None if i is None or isinstance(i, list) else tuple(np.shape(i)) for i in inputs]
        arrays = [None if isinstance(i, Traced) else i for i in inputs]
        self._budget.spend(node, shapes, arrays, f"{step.kind} at {step.place}")
        if step.kind == "Shape" and traced:
            sizes = np.array(inputs[0].shape, dtype=np.int64)
            results = [sizes[slice(step.attribute("start", 0), step.attribute("end"))]]
        elif step.kind == "Size" and traced:
            results = [np.array(inputs[0].value.size)]
        elif not traced:
            results = evaluate(node, inputs, self.versions)
            origins = {self._origin[name] for name in node.input if name in self._origin}
            if len(origins) == 1:
                self._origin.update(dict.fromkeys(node.output, origins.pop()))
        else:
            handler: Callable[[Reader, Step], Any] | None = self.operators.handler_of(node)
            found = NotImplemented if handler is None else handler(self, step)
            if found is NotImplemented:
                raise self._refusal(step)
            results = found if isinstance(found, list) else [found]
        # Outputs that are not read stay unknown; using one is refused.
        self.env.update({n: r for n, r in zip(node.output, results, strict=False) if n and r is not None})

    def _refusal(self, step: Step) -> CaptureError:
        kind, domain = step.kind, step.proto.domain
        if domain not in ("", "ai.onnx", ML):
            return UnsupportedOperationError(
                f"The model uses {kind} of the operator set {domain!r} at {step.place}; allowed are operators of the "
                f"standard set and of {ML!r}. {ONLY} Export the model without optimisations for one runtime."
            )
        if kind in RANDOM:
            return CaptureError(
                f"The model draws random numbers ({kind}) at {step.place}; allowed are functions that give the same "
                "output every time. Export the model in inference mode."
            )
        if kind in CONTROL:
            return UnsupportedOperationError(
                f"The model uses {kind} at {step.place}: its control flow decides while it runs; allowed is an If with "
                f"a constant condition. {ONLY} Export the model for one course of its control flow, loops written out."
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

    def hold(self, entries: int, step: Step) -> None:
        """Refuse an affine map whose matrix would have too many entries off zero."""
        check_map(entries, self.largest, f"{step.kind} at {step.place}")

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
        what = f"{step.kind} at {step.place}"
        moved = evaluate(node or step.proto, arrays, self.versions)
        return [None if m is None else self.gather(values, np.asarray(m), what) for m in moved]

    def gather(self, values: list[Value], addresses: NDArray[Any], what: str = "a rearrangement") -> Traced:
        """Return the entries at addresses, which count through all values."""
        flat = addresses.astype(np.int64).ravel()
        starts = np.cumsum([0, *(v.size for v in values)])
        which = np.searchsorted(starts, flat, side="right") - 1
        for i, value in enumerate(values):
            if len(flat) == value.size and np.array_equal(flat, np.arange(starts[i], starts[i + 1])):
                return Traced(value, addresses.shape)
        picks = np.column_stack([which, flat - starts[which]])
        filled = sum(_filled(v, picks[picks[:, 0] == i, 1]) for i, v in enumerate(values))
        check_map(filled, self.largest, what)
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


def _filled(value: Value, rows: NDArray[np.int64]) -> int:
    """Return how many entries off zero these rows of a value's matrices have together."""
    counts = (np.diff(m.indptr) if is_sparse(m) else (m != 0).sum(axis=1) for m in value.terms.values())
    return sum(int(count[rows].sum()) for count in counts)


def _array(tensor: onnx.TensorProto) -> Any:
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:
        raise FileFormatError(
            f"The tensor {tensor.name!r} is damaged ({type(error).__name__}: {error}). Export the model again."
        ) from error


def _versions(model: onnx.ModelProto) -> dict[str, int]:
    """Return the version of every operator set, the standard one called ""."""
    found = {"" if o.domain == "ai.onnx" else str(o.domain): int(o.version) for o in model.opset_import}
    newest = onnx.defs.onnx_opset_version()
    if "" not in found and ML in found:
        found[""] = newest
    if "" not in found or not model.graph.node:
        raise FileFormatError(
            "The file holds no ONNX model with nodes and the version of its operator set. Export the model again."
        )
    if found[""] < OLDEST or found[""] > newest:
        do = "onnx.version_converter.convert_version(model, 13)" if found[""] < OLDEST else "a newer onnx package"
        raise UnsupportedOperationError(
            f"The model is of operator set {found['']}; allowed are {OLDEST} to {newest}. Use {do}."
        )
    return found


def broken_rule(reader: Reader) -> str:
    """Return the checker's first complaint about the nodes that the output needs, shapes included; or nothing."""
    nodes, sparse = reader.plan.nodes(reader.output), reader.graph.sparse_initializer
    inputs = [i for i in reader.graph.input if i.name in reader.inputs()]
    inputs += [helper.make_tensor_value_info(t.values.name, t.values.data_type, t.dims) for t in sparse]
    kept = []
    for name, tensor in reader.plan.initializers.items():
        if math.prod(tensor.dims) > _SMALL:
            inputs.append(helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
        else:
            copy = onnx.TensorProto.FromString(tensor.SerializeToString())
            copy.name = name
            kept.append(copy)
    outputs = [o for o in reader.graph.output if o.name == reader.output and o.type.tensor_type.elem_type]
    graph = helper.make_graph(nodes, reader.graph.name or "graph", inputs, [], kept)
    graph.value_info.extend(reader.graph.value_info)
    graph.output.extend(outputs)
    # Before version 4 of the format weights had to be inputs too.
    model = helper.make_model(
        graph, opset_imports=reader.model.opset_import, ir_version=max(reader.model.ir_version, 4)
    )
    bare = onnx.ModelProto.FromString(model.SerializeToString())
    for info in (*bare.graph.input, *bare.graph.output):
        # The checker asks for a shape, if an empty one, which files do without.
        info.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(bare)
        # Without its propagation of data, which makes an object of every entry of a result.
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except Exception as complaint:  # of the checker and of the inference of shapes
        return str(complaint).strip().split("\n", 1)[0]
    return ""
