"""Walks the graph of an ONNX model node by node: constants as onnx computes them, the rest as exact affine values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import numpy_helper

from regions.arithmetic.matrices import is_sparse
from regions.errors import (
    CaptureError,
    FileFormatError,
    InvalidNetworkError,
    UnsupportedOperationError,
)
from regions.frontends.layers import refusals
from regions.frontends.layers.assembly import Assembly, Value
from regions.frontends.layers.reader import GraphReader
from regions.frontends.onnx.plan import Plan, describe, is_branch
from regions.frontends.onnx.rules import broken_rule, operator_sets
from regions.frontends.onnx.signature import input_of, output_of, read_shape
from regions.frontends.onnx.sizes import LARGEST, Budget, check_map, stored_entries
from regions.frontends.onnx.values import ANY, Dependent, Operation, as_float64, evaluate
from regions.frontends.onnx.vocabulary import CONTROL, CURVED, HINTS, INFERENCE, JUMPING, ML, RANDOM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.frontends.onnx.values import Operators
    from regions.network.network import Network

__all__ = ["Reader"]


class Reader(GraphReader):
    """Reads the part of a graph, without functions of its own, that one output needs."""

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
        self.versions = operator_sets(model)
        self.opset = self.versions[""]
        self.most_entries = max(LARGEST, stored_entries(model.graph))
        self._budget = Budget(self.most_entries, self.versions)
        self.plan = Plan(model.graph)
        self.env: dict[str, Any] = {}
        self._origin: dict[str, str] = {}
        self._done: set[int] = set()
        self.input = ""
        self.output = output_of(self.graph, self.plan, output)
        # An If whose condition the file itself decides may rule out an input.
        self._decide()
        info = input_of(self.graph, self.plan.names(self.output) & self.inputs(), self.output)
        self.input = str(info.name)
        self.batch, self.input_shape = read_shape(info, input_shape)
        self.batched = self.batch is not None
        self._budget.hold(math.prod(self.input_shape), f"The model's input {self.input!r} of shape {self.input_shape}")
        self.assembly = Assembly(math.prod(self.input_shape))

    def run(self) -> Network:
        """Return the network that the graph computes."""
        self.env[self.input] = Dependent(self.assembly.input, self.input_shape)
        self._decide()
        self.nodes = self.plan.nodes(self.output)
        complaint = broken_rule(self.model, self.plan, self.output, self.inputs())
        if complaint:
            raise FileFormatError(f"The file breaks the rules of ONNX ({complaint}). Export the model again.")
        try:
            self._walk(self.nodes)
        except (CaptureError, FileFormatError) as error:
            if (self.batch or 0) < 2:
                raise
            raise type(error)(
                f"{error} The file was written for a batch of {self.batch}, and read for one point: export it "
                "with a batch of 1, or an open one."
            ) from error
        result = self._lookup(self.output, None)
        if not isinstance(result, Dependent):
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
            if isinstance(condition, Dependent):
                raise self._unsteady(branch)
            try:
                self.plan.decide(branch, np.asarray(condition))
            except (ValueError, KeyError) as error:
                raise self._unreadable(branch, error) from error

    def _unsteady(self, branch: onnx.NodeProto) -> UnsupportedOperationError:
        return UnsupportedOperationError(
            f"The model uses If at {describe(branch)} with a condition that depends on the model's input; allowed is "
            "a constant. Export the model for one course of its control flow."
        )

    def _scan(self, nodes: list[onnx.NodeProto], *, decided: bool) -> None:
        """Refuse operators that are not read, wherever they stand, before any weight is multiplied."""
        dependent = {self.input} if self.input else self.inputs()
        refusals.raise_first(self._refusals(nodes, dependent))
        if decided and self.input and self.output not in dependent:
            raise self._constant_output()

    def _refusals(self, nodes: list[onnx.NodeProto], dependent: set[str]) -> Iterator[CaptureError]:
        """Yield what can be said against operators by which inputs depend on the model's, noting what does."""
        known = self.inputs() | self.plan.sparse
        for node in nodes:
            for name in filter(None, node.input):
                if not (name in self.plan or name in self.plan.initializers or name in known):
                    raise self._missing(name, node)
            inputs = [ANY if name in dependent else None for name in node.input]
            if is_branch(node) and inputs[0] is None:
                continue
            if any(inputs) and node.op_type not in ("Shape", "Size"):
                dependent.update(filter(None, node.output))
            operation = Operation(node, inputs, "", describe(node))
            try:
                self._refuse(operation)
                if any(inputs):
                    for index, what in self.operators.arguments.get(operation.name, {}).items():
                        operation.constant(index, what)
                    check: Callable[[Operation], None] | None = self.operators.checks.get(operation.name)
                    if check is not None:
                        check(operation)
            except CaptureError as error:
                yield error
            except Exception as error:
                raise self._unreadable(node, error) from error

    def _refuse(self, operation: Operation) -> None:
        node = operation.proto
        refused = node.domain not in ("", "ai.onnx", ML) or operation.name in RANDOM or operation.name in CONTROL
        known = self.operators.handler_of(node) is not None or operation.name in ("Shape", "Size")
        unread = not known and (any(operation.inputs) or node.domain == ML)
        if refused or unread or any(a.HasField("g") or a.graphs for a in node.attribute):
            raise self._refusal(operation)

    def _constant_output(self) -> CaptureError:
        return refusals.constant_output(f"The model's output {self.output!r}", "Name another tensor with output=.")

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

    def _unreadable(self, node: onnx.NodeProto, error: Exception) -> Exception:
        """Return the error for a node that is malformed, or beyond this package."""
        reason = f"{type(error).__name__}: {error}".strip().split("\n", 1)[0]
        complaint = broken_rule(self.model, self.plan, self.output, self.inputs())
        if complaint:
            return FileFormatError(f"The file breaks the rules of ONNX ({complaint}). Export the model again.")
        return CaptureError(
            f"The model uses {node.op_type} at {describe(node)}, which could not be read ({reason}). {refusals.ONLY} "
            "Rewrite this part."
        )

    def inputs(self) -> set[str]:
        """The inputs that are no weights, which files of old versions list too."""
        return {str(i.name) for i in self.graph.input} - self.plan.initializers.keys() - self.plan.sparse

    def label(self, node: onnx.NodeProto) -> str:
        """Return a name for the layer: the module's path where the weights tell it, else the node's name."""
        for name in node.input:
            origin = self._origin.get(name, "")
            if origin.endswith((".weight", ".bias", ".running_mean")):
                return origin.rsplit(".", 1)[0]
        return str(node.name or next(iter(node.output), node.op_type))

    def result(
        self, operation: Operation, value: Value, like: Any = None, shape: tuple[int, ...] | None = None
    ) -> Dependent:
        """Return a value as a tensor, of a shape of its own or of that of its source."""
        return Dependent(value, like.shape if shape is None else shape)

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
                f"The model uses {name!r}, a further output of a node, which is not supported. {refusals.ONLY} "
                "Rewrite this part."
            )
        raise self._missing(name, node)

    def _missing(self, name: str, node: onnx.NodeProto | None) -> FileFormatError:
        by = "" if node is None else f" by {describe(node)}"
        return FileFormatError(
            f"The file breaks the rules of ONNX: the tensor {name!r} is used{by}, but nothing computes it. "
            "Export the model again."
        )

    def _read(self, node: onnx.NodeProto) -> None:
        inputs = [self._lookup(name, node) for name in node.input]
        operation = Operation(node, inputs, self.label(node), describe(node))
        dependent = any(isinstance(i, Dependent) for i in inputs)
        shapes = [None if i is None or isinstance(i, list) else tuple(np.shape(i)) for i in inputs]
        arrays = [None if isinstance(i, Dependent) else i for i in inputs]
        self._budget.spend(node, shapes, arrays, f"{operation.name} at {operation.place}")
        if operation.name == "Shape" and dependent:
            sizes = np.array(inputs[0].shape, dtype=np.int64)
            results = [sizes[slice(operation.attribute("start", 0), operation.attribute("end"))]]
        elif operation.name == "Size" and dependent:
            results = [np.array(inputs[0].value.size)]
        elif not dependent:
            results = evaluate(node, inputs, self.versions)
            origins = {self._origin[name] for name in node.input if name in self._origin}
            if len(origins) == 1:
                self._origin.update(dict.fromkeys(node.output, origins.pop()))
        else:
            handler: Callable[[Reader, Operation], Any] | None = self.operators.handler_of(node)
            found = NotImplemented if handler is None else handler(self, operation)
            if found is NotImplemented:
                raise self._refusal(operation)
            results = found if isinstance(found, list) else [found]
        # Outputs that are not read stay unknown; using one is refused.
        self.env.update({n: r for n, r in zip(node.output, results, strict=False) if n and r is not None})

    def _refusal(self, operation: Operation) -> CaptureError:
        kind, domain = operation.name, operation.proto.domain
        if domain not in ("", "ai.onnx", ML):
            why = f"allowed are operators of the standard set and of {ML!r}, not of {domain!r}"
            do = "Export the model without optimisations for one runtime."
            return refusals.unsupported(operation, why=why, do=do)
        if kind in RANDOM:
            return refusals.random(operation, INFERENCE)
        if kind in CONTROL:
            why = "its control flow decides while it runs; allowed is an If with a constant condition"
            do = "Export the model for one course of its control flow, loops written out."
            return refusals.unsupported(operation, why=why, do=do)
        hint, names = HINTS.get(kind, ""), [name for name in operation.proto.input if name]
        cut = f"read only the part of the model before it: output={names[0]!r}." if names else "leave it out."
        return refusals.by_name(operation, CURVED, JUMPING, cut + hint) or operation.unsupported(
            "on a value that depends on its input", "Rewrite this part with those." + hint
        )

    def hold(self, entries: int, operation: Operation) -> None:
        """Refuse an affine map whose matrix would have too many entries off zero."""
        check_map(entries, self.most_entries, f"{operation.name} at {operation.place}")

    def move(
        self, operation: Operation, data: tuple[int, ...], node: onnx.NodeProto | None = None
    ) -> list[Dependent | None]:
        """Read a node that only moves numbers, by letting onnx move their addresses.

        `data` says which inputs hold the numbers that are moved; the others are constants that say where to.
        """
        values = [Value({}, np.zeros(1))]
        start, arrays = 1, list(operation.inputs)
        for i in data:
            source = operation.input(i)
            if source is None:
                continue
            if isinstance(source, Dependent):
                value, shape = source.value, source.shape
            else:
                numbers = as_float64(source, f"A constant of {operation.name} at {operation.place}")
                value, shape = Value({}, numbers.ravel()), numbers.shape
            arrays[i] = np.arange(start, start + value.size, dtype=np.int64).reshape(shape)
            values.append(value)
            start += value.size
        for i in set(range(len(arrays))) - set(data):
            operation.constant(i, "an argument")
        what = f"{operation.name} at {operation.place}"
        moved = evaluate(node or operation.proto, arrays, self.versions)
        return [None if m is None else self.gather(values, np.asarray(m), what) for m in moved]

    def gather(self, values: list[Value], addresses: NDArray[Any], what: str = "a rearrangement") -> Dependent:
        """Return the entries at addresses, which count through all values."""
        flat = addresses.astype(np.int64).ravel()
        starts = np.cumsum([0, *(v.size for v in values)])
        which = np.searchsorted(starts, flat, side="right") - 1
        for i, value in enumerate(values):
            if len(flat) == value.size and np.array_equal(flat, np.arange(starts[i], starts[i + 1])):
                return Dependent(value, addresses.shape)
        picks = np.column_stack([which, flat - starts[which]])
        filled = sum(_filled(v, picks[picks[:, 0] == i, 1]) for i, v in enumerate(values))
        check_map(filled, self.most_entries, what)
        used = sorted(set(which.tolist()), key=lambda i: not values[i].terms)
        order = {v: i for i, v in enumerate(used)}
        picks[:, 0] = [order[w] for w in picks[:, 0].tolist()]
        return Dependent(self.assembly.rows([values[i] for i in used], picks), addresses.shape)

    def broadcast(self, source: Any, shape: tuple[int, ...]) -> Dependent:
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
