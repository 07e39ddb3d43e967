"""Reads a graph of aten operators, as `torch.export` writes it, into exact layers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from regions.errors import CaptureError, NotPiecewiseLinearError, UnsupportedOperationError
from regions.frontends.layers.assembly import Assembly, Value
from regions.frontends.torch.values import ONLY, Cell, Operation, Operators, Traced, Unread, place_of
from regions.frontends.torch.vocabulary import (
    JUMPING,
    NOT_PIECEWISE_LINEAR,
    PIECEWISE_LINEAR,
    hint_of,
    is_piecewise_linear_norm,
    reason_of,
)

if TYPE_CHECKING:
    from regions.network.network import Network

__all__ = ["Interpreter", "dropout_refusal", "product_refusal", "quotient_refusal"]

# The operands of which one at most may depend on the input.
_FACTORS = {
    **dict.fromkeys(("mul", "multiply"), ("self", "other")),
    **dict.fromkeys(("matmul", "inner"), ("self", "other")),
    **dict.fromkeys(("mm", "bmm"), ("self", "mat2")),
    "mv": ("self", "vec"),
    "dot": ("self", "tensor"),
    "linear": ("input", "weight"),
    "addmm": ("mat1", "mat2"),
    "convolution": ("input", "weight"),
    **{f"conv{t}{d}d": ("input", "weight") for t in ("", "_transpose") for d in (1, 2, 3)},
}
_NORMS = frozenset(("norm", "linalg_norm", "linalg_vector_norm"))
_DROPOUTS = frozenset(("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"))
_CASTS = frozenset({"to", "_to_copy", "type_as", "float", "double", "half"})


def _schema_name(target: Any) -> str:
    return target._schema.name.split("::", 1)[-1]


def product_refusal(operation: Operation) -> NotPiecewiseLinearError:
    """Return the error for a product of two values that depend on the input."""
    return NotPiecewiseLinearError(
        f"The model multiplies two values that both depend on its input ({operation.name}) at "
        f"{place_of(operation.node)}; such a product is not piecewise linear, so the model has no linear regions "
        "by any definition. "
        "Allowed are multiples by constants. Replace the product."
    )


def quotient_refusal(operation: Operation) -> NotPiecewiseLinearError:
    """Return the error for a divisor that depends on the input."""
    return NotPiecewiseLinearError(
        f"The model divides by a value that depends on its input (div) at {place_of(operation.node)}; that is not "
        "piecewise linear, so the model has no linear regions by any definition. "
        "Allowed are multiples by constants. Replace the quotient."
    )


def dropout_refusal(operation: Operation) -> CaptureError:
    """Return the error for dropout in training mode."""
    return CaptureError(
        f"The model is in training mode and drops values at random (dropout with p={operation.p}) at "
        f"{place_of(operation.node)}; allowed is a model that gives the same output every time. "
        "Call model.eval() before the capture."
    )


def _higher_order_refusal(node: torch.fx.Node, name: str) -> UnsupportedOperationError | None:
    """Return the error for a call of something else than an operator; None for blocks that are read through."""
    if name == "wrap_with_set_grad_enabled":
        return None
    if name == "wrap_with_autocast":
        kind, dtype, enabled = node.args[:3]
        if not enabled:
            return None
        return NotPiecewiseLinearError(
            f"The model computes inside torch.autocast({kind!r}, dtype={dtype}) at {place_of(node)}, which rounds "
            "values on their way; rounding jumps, so the model is not continuous and piecewise linear. Allowed are "
            "models that compute in their weights' own precision. Leave the autocast out of forward; around the "
            "whole capture it does no harm."
        )
    if "vmap" in name or name in ("lazy_load_decompositions", "_add_batch_dim", "_remove_batch_dim"):
        return UnsupportedOperationError(
            f"The model uses torch.vmap at {place_of(node)}; it is not supported. Allowed are operations on the whole "
            "batch of points, its first dimension. Call the mapped function on the batch itself: layers and "
            "operators of torch take it as it is."
        )
    return UnsupportedOperationError(
        f"The model uses {name} at {place_of(node)}; it is not supported. {ONLY} Rewrite this part."
    )


class Interpreter:
    """Walks a graph node by node; constants are computed by torch, values that depend on the input exactly.

    Parameters
    ----------
    graph : torch.fx.GraphModule
    constants : dict of str to (Tensor, str)
        For each placeholder that is no user input: its tensor, and its name in the model.
    input_shape : tuple of int
        Of one point; the graph's input has it, or one more axis, the batch, before it.
    operators : Operators
    double : bool
        Read every constant as if the model had been converted to float64; used to check the reading.
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
        self._linear_count = 0

    def run(self) -> Network:
        """Return the network that the graph computes."""
        self._refuse_early()
        result: Any = None
        for node in self.graph.graph.nodes:
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

    def _refuse_early(self) -> None:
        """Raise where the graph has operators that are not read, before any weights are multiplied."""
        graph = self.graph.graph
        given = {n for n in graph.nodes if n.op == "placeholder" and n.name not in self.constants}
        first: CaptureError | None = None
        for error in self._refusals(self.graph, given):
            # An operation that rules out regions by any definition is the more helpful one to name.
            if isinstance(error, NotPiecewiseLinearError):
                raise error
            first = first or error
        if first is not None:
            raise first

    def _refusals(self, graph: torch.fx.GraphModule, dependent: set[torch.fx.Node]) -> Iterator[CaptureError]:
        """Yield what can be said against operators by their names, and by which operands depend on the input."""
        for node in graph.graph.nodes:
            if node.op != "call_function":
                continue
            if dependent.isdisjoint(node.all_input_nodes):
                if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
                    yield self._random(self._operation(node, node.target, node.args, node.kwargs))
                continue
            if not isinstance(node.target, torch._ops.OpOverload):
                dependent.add(node)
                if node.target is not operator.getitem:
                    yield from self._inner_refusals(graph, node, dependent)
                continue
            operation = self._operation(node, node.target, node.args, node.kwargs)
            name = operation.name
            if name in self.operators.like:
                continue
            if name in ("item", "_local_scalar_dense"):
                yield CaptureError(
                    f"The model turns a value that depends on its input into a Python number ({name}) at "
                    f"{place_of(node)}; allowed are operations on tensors. Use the tensor itself."
                )
                continue
            dependent.add(node)
            if name in self.operators.handlers or name in self.operators.moves:
                factors = [operation.arguments[k] for k in _FACTORS.get(name, ()) if k in operation.arguments]
                if len(factors) > 1 and all(isinstance(f, torch.fx.Node) and f in dependent for f in factors):
                    yield product_refusal(operation)
                if name in ("div", "divide", "true_divide") and operation.other in dependent:
                    yield quotient_refusal(operation)
                linear_norm = is_piecewise_linear_norm(name, operation.arguments)
                if name in _NORMS and not linear_norm:
                    yield self.refusal(operation)
                if name in _DROPOUTS and operation.train and operation.p > 0:
                    yield dropout_refusal(operation)
            elif torch.Tag.nondeterministic_seeded in node.target.tags and name not in NOT_PIECEWISE_LINEAR:
                yield self._random(operation)
            else:
                yield self.refusal(operation)

    def _inner_refusals(
        self, graph: torch.fx.GraphModule, node: torch.fx.Node, dependent: set[torch.fx.Node]
    ) -> Iterator[CaptureError]:
        name = getattr(node.target, "__name__", str(node.target))
        refusal = _higher_order_refusal(node, name)
        if refusal is not None:
            yield refusal
            return
        at = next(i for i, a in enumerate(node.args) if isinstance(a, torch.fx.Node) and a.op == "get_attr")
        holder: Any = node.args[at]
        inner = operator.attrgetter(holder.target)(graph)
        places = [n for n in inner.graph.nodes if n.op == "placeholder"]
        given = {p for p, a in zip(places, node.args[at + 1 :], strict=True) if a in dependent}
        yield from self._refusals(inner, given)

    def _placeholder(self, node: torch.fx.Node) -> Any:
        if node.name in self.constants:
            tensor, name = self.constants[node.name]
            return self._constant(node, tensor, name)
        meta = node.meta["val"]
        self.batched = len(meta.shape) > len(self.input_shape)
        self.points = meta.shape[0] if self.batched else 1
        self.assembly = Assembly(math.prod(self.input_shape), self.input_shape)
        return Traced(Cell(self.assembly.input), tuple(meta.shape), meta.dtype)

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
        if not isinstance(result, Traced):
            raise CaptureError(
                "The model's output does not depend on its input; allowed are functions of the input. "
                "Check that forward uses its argument."
            )
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
        traced = [a for a in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(a, Traced)]
        if not isinstance(target, torch._ops.OpOverload):
            return self._higher_order(node, target, args)
        operation = self._operation(node, target, args, kwargs)
        self.has_casts |= operation.name in _CASTS or not any(
            isinstance(a, torch.Tensor | Traced) for a in torch.utils._pytree.tree_leaves((args, kwargs))
        )
        if not traced:
            return self._compute(operation, target, args, kwargs)
        return self._traced(operation, target, args, kwargs)

    def _higher_order(self, node: torch.fx.Node, target: Any, args: tuple[Any, ...]) -> Any:
        # `with torch.no_grad():` inside forward becomes a call of a sub-graph.
        refusal = _higher_order_refusal(node, getattr(target, "__name__", str(target)))
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

    def _operation(self, node: torch.fx.Node, target: Any, args: Any, kwargs: Any) -> Operation:
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
            raise self._random(operation)
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
                f"The model reads a file at {place_of(operation.node)}; that is not allowed. {ONLY}"
            )
        named = {self._names[n] for n in operation.node.all_input_nodes if n in self._names}
        if len(named) == 1:
            self._names[operation.node] = named.pop()
        with torch.no_grad():
            return target(*args, **kwargs)

    @staticmethod
    def _random(operation: Operation) -> CaptureError:
        return CaptureError(
            f"The model draws random numbers ({operation.name}) at {place_of(operation.node)}, as dropout does in "
            "training mode; allowed are functions that give the same output every time. "
            "Call model.eval() before the capture; draw other random numbers once, in __init__."
        )

    @staticmethod
    def _changes_state(operation: Operation) -> CaptureError:
        return CaptureError(
            f"The model changes its own tensors while it runs ({operation.name} at {place_of(operation.node)}), as "
            "normalisation layers do in training mode; allowed are models that stay as they are. "
            "Call model.eval() before the capture."
        )

    @staticmethod
    def _partly_in_place(operation: Operation) -> UnsupportedOperationError:
        return UnsupportedOperationError(
            f"The model changes a part of a tensor in place ({operation.name}_) at {place_of(operation.node)}; "
            "allowed are in-place operations on whole tensors. Use the form that returns a new tensor."
        )

    def _traced(self, operation: Operation, target: Any, args: Any, kwargs: Any) -> Any:
        handler: Callable[..., Any] | None = self.operators.handlers.get(operation.name)
        random = handler is None and torch.Tag.nondeterministic_seeded in target.tags
        if random and operation.name not in NOT_PIECEWISE_LINEAR:
            raise self._random(operation)
        result = (
            self.operators.move(self, operation, target, args, kwargs) if handler is None else handler(self, operation)
        )
        if result is NotImplemented:
            raise self.refusal(operation)
        if not target._schema.is_mutable:
            return result
        first = args[0]
        if isinstance(first, torch.Tensor):
            return self._overwritten(operation, first, result)
        if first.cell.partly_viewed or not isinstance(result, Traced) or result.shape != first.shape:
            raise self._partly_in_place(operation)
        first.cell.value = result.value
        return first

    def _overwritten(self, operation: Operation, constant: torch.Tensor, result: Traced) -> Traced:
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

    def refusal(self, operation: Operation) -> UnsupportedOperationError:
        """Return the error for an operation that is not read."""
        name, place = operation.name, place_of(operation.node)
        linear_norm = is_piecewise_linear_norm(name, operation.arguments)
        if name in NOT_PIECEWISE_LINEAR and not linear_norm:
            return NotPiecewiseLinearError(
                f"The model uses {name} at {place}; {name} is not piecewise linear{reason_of(name)}, so the model has "
                f"no linear regions by any definition. {ONLY} Replace it, or "
                "capture only the part of the model before it."
            )
        if name in JUMPING:
            return NotPiecewiseLinearError(
                f"The model uses {name} at {place}; {name} jumps, so it is not continuous and piecewise linear. "
                f"{hint_of(name)}{ONLY} Replace it, or capture only the part of the model before it."
            )
        known = (
            "is piecewise linear, but not supported yet in this form"
            if name in PIECEWISE_LINEAR or linear_norm
            else "is not supported"
        )
        return UnsupportedOperationError(
            f"The model uses {name} at {place}; {name} {known}. {ONLY} Rewrite this part with those."
        )

    def traced(self, operation: Operation, value: Value, like: Traced | None = None) -> Traced:
        """Return the value as the result of an operation, with the shape that the graph records for it."""
        meta = operation.node.meta.get("val")
        if isinstance(meta, torch.Tensor):
            return Traced(Cell(value), tuple(meta.shape), meta.dtype)
        assert like is not None
        return Traced(Cell(value), like.shape, like.dtype)

    def scalar(self, number: Any, dtype: torch.dtype) -> float:
        """Return a Python number as torch's kernels round it: to the dtype, or to float32 below that."""
        if self.double or dtype == torch.float64:
            return float(number)
        return float(torch.tensor(float(number), dtype=torch.float32).double())

    def unread(self, operation: Operation, what: str) -> Unread:
        """Return what stands for a result that is not read."""
        return Unread(
            NotPiecewiseLinearError(
                f"The model uses {what} of {operation.name} at {place_of(operation.node)}; indices jump, so they are "
                f"not continuous and piecewise linear. {ONLY} Use the values alone."
            )
        )

    def shape_of(self, shape: Sequence[int], size: int) -> tuple[int, ...]:
        """Return the shape that a tensor has for one point, of `size` entries."""
        one = tuple(shape)
        if self.batched and one and one[0] % self.points == 0:
            one = one[1:] if one[0] == self.points else (one[0] // self.points, *one[1:])
        return one if one and math.prod(one) == size else (size,)

    def linear_name(self, operation: Operation) -> str:
        """Return the name of a layer: the module's path where it is known."""
        self._linear_count += 1
        return operation.label or f"linear {self._linear_count}"
