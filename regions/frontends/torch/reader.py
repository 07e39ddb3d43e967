"""Reads a graph of aten operators, as `torch.export` writes it, into exact layers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.errors import CaptureError, UnsupportedOperationError
from regions.frontends.layers import refusals
from regions.frontends.layers.assembly import Assembly, Value
from regions.frontends.layers.reader import GraphReader
from regions.frontends.torch.refusals import higher_order_refusal, refusal, refusals_in
from regions.frontends.torch.values import Cell, Dependent, Operation, Operators, Unread
from regions.frontends.torch.vocabulary import DRAWS, NOT_PIECEWISE_LINEAR

if TYPE_CHECKING:
    from regions.network.network import Network

__all__ = ["Reader"]

_CASTS = frozenset({"to", "_to_copy", "type_as", "float", "double", "half"})


def _schema_name(target: Any) -> str:
    return target._schema.name.split("::", 1)[-1]


class Reader(GraphReader):
    """Walks a graph node by node; constants are computed by torch, values that depend on the input exactly.

    `constants` has for each placeholder that is no user input its tensor and its name in the model. `input_shape` is
    that of one point; the graph's input has it, or one more axis, the batch, before it. With `double` every constant is
    read as if the model had been converted to float64, to check the reading.
    """

    def __init__(
        self,
        graph: torch.fx.GraphModule,
        constants: dict[str, tuple[torch.Tensor, str]],
        input_shape: tuple[int, ...],
        operators: Operators,
        *,
        double: bool = False,
    ) -> None:
        self.operators = operators
        self.graph = graph
        self.constants = constants
        self.input_shape = input_shape
        self.double = double
        self.has_casts = False
        self.env: dict[torch.fx.Node, Any] = {}
        self._names: dict[torch.fx.Node, str] = {}
        self._frozen: set[int] = set()

    def run(self) -> Network:
        """Return the network that the graph computes."""
        nodes = self.graph.graph.nodes
        given = {n for n in nodes if n.op == "placeholder" and n.name not in self.constants}
        refusals.raise_first(refusals_in(self.graph, given, self.operators, self.operation))
        result: Any = None
        for node in nodes:
            if node.op == "placeholder":
                self.env[node] = self._placeholder(node)
            elif node.op == "get_attr":
                tensor = operator.attrgetter(node.target)(self.graph)
                self.env[node] = self._constant(node, tensor, node.meta.get("regions_name", node.target))
            elif node.op == "call_function":
                self.env[node] = self._call(node)
            elif node.op == "output":
                result = self._output(node)
        return self.assembly.network(result)

    def _placeholder(self, node: torch.fx.Node) -> Any:
        if node.name in self.constants:
            tensor, name = self.constants[node.name]
            return self._constant(node, tensor, name)
        meta = node.meta["val"]
        self.batched = len(meta.shape) > len(self.input_shape)
        self.points = meta.shape[0] if self.batched else 1
        self.assembly = Assembly(math.prod(self.input_shape), self.input_shape)
        return Dependent(Cell(self.assembly.input), tuple(meta.shape), meta.dtype)

    def _constant(self, node: torch.fx.Node, tensor: Any, name: str) -> Any:
        if not isinstance(tensor, torch.Tensor):
            return tensor
        self._names[node] = name
        if tensor.is_meta:
            raise CaptureError(
                f"{self._names[node]}: the tensor is on the meta device, which holds no numbers; allowed are tensors "
                "with values. Load the weights first (model.to_empty(device='cpu'), then load_state_dict)."
            )
        copy = tensor.detach().clone()
        if self.double and copy.is_floating_point():
            copy = copy.double()
        self._frozen.add(copy.untyped_storage().data_ptr())
        return copy

    def _output(self, node: torch.fx.Node) -> Value:
        results = torch.utils._pytree.tree_leaves(node.args)
        if len(results) != 1:
            raise CaptureError(
                f"The model returns {len(results)} values; allowed is one tensor of shape (P, O). "
                "Wrap the model in a module whose forward returns just the one you mean."
            )
        result = self.env[results[0]] if isinstance(results[0], torch.fx.Node) else results[0]
        if isinstance(result, Unread):
            raise result.error
        if not isinstance(result, Dependent):
            raise refusals.constant_output("The model's output", "Check that forward uses its argument.")
        one = self.input_shape
        batch = f"; or give input_shape without the batch, as {one[1:]}" if len(one) > 1 and one[0] == 1 else ""
        if len(result.shape) > 2 or result.value.size * self.points != int(np.prod(result.shape)):
            raise UnsupportedOperationError(
                f"The model's output has shape {result.shape} for {self.points} point(s); allowed are (P, O) and (P,). "
                f"Flatten the output in forward, e.g. y.flatten(1){batch}."
            )
        return result.value

    def _call(self, node: torch.fx.Node) -> Any:
        args = torch.fx.map_arg(node.args, self.env.__getitem__)
        kwargs = torch.fx.map_arg(node.kwargs, self.env.__getitem__)
        target: Any = node.target
        unread = [a for a in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(a, Unread)]
        if unread and target is not operator.getitem:
            raise unread[0].error
        if target is operator.getitem:
            # The graph was made by torch, so a tuple and an index are what getitem has.
            sequence: Any = args[0]
            return sequence[args[1]]
        dependent = [a for a in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(a, Dependent)]
        if not isinstance(target, torch._ops.OpOverload):
            return self._higher_order(node, target, args)
        operation = self.operation(node, target, args, kwargs)
        self.has_casts |= operation.name in _CASTS or not any(
            isinstance(a, torch.Tensor | Dependent) for a in torch.utils._pytree.tree_leaves((args, kwargs))
        )
        if not dependent:
            return self._compute(operation, target, args, kwargs)
        return self._read(operation, target, args, kwargs)

    def _higher_order(self, node: torch.fx.Node, target: Any, args: tuple[Any, ...]) -> Any:
        # `with torch.no_grad():` inside forward becomes a call of a sub-graph.
        refusal = higher_order_refusal(node, getattr(target, "__name__", str(target)))
        if refusal is not None:
            raise refusal
        inner = next(a for a in args if isinstance(a, torch.fx.GraphModule))
        return self.subgraph(inner, args[args.index(inner) + 1 :])

    def subgraph(self, graph: torch.fx.GraphModule, values: Sequence[Any]) -> Any:
        """Return what a graph inside the graph computes of these values."""
        given = iter(values)
        result: Any = None
        for step in graph.graph.nodes:
            if step.op == "placeholder":
                self.env[step] = next(given)
            elif step.op == "call_function":
                self.env[step] = self._call(step)
            elif step.op == "output":
                result = torch.fx.map_arg(step.args[0], self.env.__getitem__)
        return result

    def operation(self, node: torch.fx.Node, target: Any, args: Any, kwargs: Any) -> Operation:
        """Return a node with its arguments by name, and the path of the module that it stands for."""
        schema = target._schema
        arguments = {a.name: a.default_value for a in schema.arguments if a.has_default_value()}
        arguments |= {a.name: value for a, value in zip(schema.arguments, args, strict=False)} | dict(kwargs)
        name = _schema_name(target)
        name = name.removesuffix("_") if schema.is_mutable else name
        weights = [self._names[n] for n in node.all_input_nodes if n in self._names]
        # A linear layer that is the whole model has no path to be called by.
        weights = [w for w in weights if w not in ("weight", "bias")]
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        label = next((w.rsplit(".", 1)[0] for w in weights if w.endswith((".weight", ".bias", ".running_mean"))), "")
        label = label or next(iter(weights), "")
        path = stack[-1][0] if stack else ""
        # A weight that two modules share bears one module's name; the module that runs is the better one.
        label = label if label.startswith(path) and label else path
        return Operation(node, name, arguments, label)

    def _compute(self, operation: Operation, target: Any, args: Any, kwargs: Any) -> Any:
        if operation.name.startswith("_assert"):
            # Export has checked it already; in float64 a check of the dtype would fail.
            return None
        if torch.Tag.nondeterministic_seeded in target.tags:
            raise refusals.random(operation, DRAWS)
        if target._schema.is_mutable:
            for argument in target._schema.arguments:
                value: Any = operation.arguments.get(argument.name)
                written = argument.alias_info is not None and argument.alias_info.is_write
                if written and value.untyped_storage().data_ptr() in self._frozen:
                    raise self._changes_state(operation)
        if self.double and operation.name in _CASTS:
            return next(a for a in args if isinstance(a, torch.Tensor))
        if operation.name == "from_file":
            raise UnsupportedOperationError(
                f"The model reads a file at {operation.place}; that is not allowed. {refusals.ONLY}"
            )
        named = {self._names[n] for n in operation.node.all_input_nodes if n in self._names}
        if len(named) == 1:
            self._names[operation.node] = named.pop()
        with torch.no_grad():
            return target(*args, **kwargs)

    @staticmethod
    def _changes_state(operation: Operation) -> CaptureError:
        return CaptureError(
            f"The model changes its own tensors while it runs ({operation.name} at {operation.place}), as "
            "normalisation layers do in training mode; allowed are models that stay as they are. "
            "Call model.eval() before the capture."
        )

    @staticmethod
    def _partly_in_place(operation: Operation) -> UnsupportedOperationError:
        return UnsupportedOperationError(
            f"The model changes a part of a tensor in place ({operation.name}_) at {operation.place}; "
            "allowed are in-place operations on whole tensors. Use the form that returns a new tensor."
        )

    def _read(self, operation: Operation, target: Any, args: Any, kwargs: Any) -> Any:
        handler: Callable[..., Any] | None = self.operators.handlers.get(operation.name)
        random = handler is None and torch.Tag.nondeterministic_seeded in target.tags
        if random and operation.name not in NOT_PIECEWISE_LINEAR:
            raise refusals.random(operation, DRAWS)
        result = (
            self.operators.move(self, operation, target, args, kwargs) if handler is None else handler(self, operation)
        )
        if result is NotImplemented:
            raise refusal(operation)
        if not target._schema.is_mutable:
            return result
        first = args[0]
        if isinstance(first, torch.Tensor):
            return self._overwritten(operation, first, result)
        if first.cell.partly_viewed or not isinstance(result, Dependent) or result.shape != first.shape:
            raise self._partly_in_place(operation)
        first.cell.value = result.value
        return first

    def _overwritten(self, operation: Operation, constant: torch.Tensor, result: Dependent) -> Dependent:
        """Put a value that depends on the input where a constant was that the model computed on the way."""
        memory = constant.untyped_storage().data_ptr()
        if memory in self._frozen:
            raise self._changes_state(operation)
        constants = [(n, v) for n, v in self.env.items() if isinstance(v, torch.Tensor)]
        same = [n for n, v in constants if v.untyped_storage().data_ptr() == memory]
        if len(same) > 1 or result.shape != tuple(constant.shape):
            raise self._partly_in_place(operation)
        self.env[same[0]] = result
        return result

    def result(
        self, operation: Operation, value: Value, like: Any = None, shape: tuple[int, ...] | None = None
    ) -> Dependent:
        """Return the value as the result of an operation, with the shape that the graph records for it."""
        meta = operation.node.meta.get("val")
        if isinstance(meta, torch.Tensor):
            return Dependent(Cell(value), tuple(meta.shape), meta.dtype)
        return Dependent(Cell(value), like.shape, like.dtype)

    def scalar(self, number: Any, dtype: torch.dtype) -> float:
        """Return a Python number as torch's kernels round it: to the dtype, or to float32 below that."""
        if self.double or dtype == torch.float64:
            return float(number)
        return float(torch.tensor(float(number), dtype=torch.float32).double())

    def unread(self, operation: Operation, what: str) -> Unread:
        """Return what stands for a result that is not read."""
        return Unread(
            refusals.jumping(
                f"uses {what} of {operation.name}",
                operation.place,
                "such a result",
                f"{refusals.ONLY} Use the values alone.",
            )
        )
