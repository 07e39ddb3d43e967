"""What can be said against operators of torch by their names, and by which operands depend on the input."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import torch

from regions.errors import CaptureError, UnsupportedOperationError
from regions.frontends.layers import refusals
from regions.frontends.torch.values import place_of
from regions.frontends.torch.vocabulary import (
    DRAWS,
    HINTS,
    JUMPING,
    NOT_PIECEWISE_LINEAR,
    PIECEWISE_LINEAR,
    dropping,
    is_piecewise_linear_norm,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regions.frontends.torch.values import Operation, Operators

__all__ = ["higher_order_refusal", "refusal", "refusals_in"]

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


def higher_order_refusal(node: torch.fx.Node, name: str) -> UnsupportedOperationError | None:
    """Return the error for a call of something else than an operator; None for blocks that are read through."""
    if name == "wrap_with_set_grad_enabled":
        return None
    if name == "wrap_with_autocast":
        kind, dtype, enabled = node.args[:3]
        if not enabled:
            return None
        return refusals.jumping(
            f"computes inside torch.autocast({kind!r}, dtype={dtype})",
            place_of(node),
            "it rounds values on their way, which",
            "Allowed are models that compute in their weights' own precision. Leave the autocast out of forward; "
            "around the whole capture it does no harm.",
        )
    if "vmap" in name or name in ("lazy_load_decompositions", "_add_batch_dim", "_remove_batch_dim"):
        return UnsupportedOperationError(
            f"The model uses torch.vmap at {place_of(node)}; it is not supported. Allowed are operations on the whole "
            "batch of points, its first dimension. Call the mapped function on the batch itself: layers and "
            "operators of torch take it as it is."
        )
    return UnsupportedOperationError(
        f"The model uses {name} at {place_of(node)}; it is not supported. {refusals.ONLY} Rewrite this part."
    )


def refusals_in(
    graph: torch.fx.GraphModule,
    dependent: set[torch.fx.Node],
    operators: Operators,
    operation_of: Callable[..., Operation],
) -> Iterator[CaptureError]:
    """Yield what can be said against operators by their names, and by which operands depend on the input.

    `operation_of` makes an operation of a node, its target and its arguments.
    """
    for node in graph.graph.nodes:
        if node.op != "call_function":
            continue
        if dependent.isdisjoint(node.all_input_nodes):
            if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
                yield refusals.random(operation_of(node, node.target, node.args, node.kwargs), DRAWS)
            continue
        if not isinstance(node.target, torch._ops.OpOverload):
            dependent.add(node)
            if node.target is not operator.getitem:
                inner, given = _inner(graph, node, dependent)
                if isinstance(inner, CaptureError):
                    yield inner
                else:
                    yield from refusals_in(inner, given, operators, operation_of)
            continue
        operation = operation_of(node, node.target, node.args, node.kwargs)
        name = operation.name
        if name in operators.like:
            continue
        if name in ("item", "_local_scalar_dense"):
            yield CaptureError(
                f"The model turns a value that depends on its input into a Python number ({name}) at "
                f"{place_of(node)}; allowed are operations on tensors. Use the tensor itself."
            )
            continue
        dependent.add(node)
        if name in operators.handlers or name in operators.moves:
            factors = [operation.arguments[k] for k in _FACTORS.get(name, ()) if k in operation.arguments]
            if len(factors) > 1 and all(isinstance(f, torch.fx.Node) and f in dependent for f in factors):
                yield refusals.product(operation)
            if name in ("div", "divide", "true_divide") and operation.other in dependent:
                yield refusals.quotient(operation)
            if name in _NORMS and not is_piecewise_linear_norm(name, operation.arguments):
                yield refusal(operation)
            if name in _DROPOUTS and operation.train and operation.p > 0:
                yield dropping(operation)
        elif torch.Tag.nondeterministic_seeded in node.target.tags and name not in NOT_PIECEWISE_LINEAR:
            yield refusals.random(operation, DRAWS)
        else:
            yield refusal(operation)


def _inner(
    graph: torch.fx.GraphModule, node: torch.fx.Node, dependent: set[torch.fx.Node]
) -> tuple[torch.fx.GraphModule | CaptureError, set[torch.fx.Node]]:
    """Return the graph that a node calls, or what is to be said against it, and what in it depends on the input."""
    error = higher_order_refusal(node, getattr(node.target, "__name__", str(node.target)))
    if error is not None:
        return error, set()
    at = next(i for i, a in enumerate(node.args) if isinstance(a, torch.fx.Node) and a.op == "get_attr")
    holder: Any = node.args[at]
    inner = operator.attrgetter(holder.target)(graph)
    places = [n for n in inner.graph.nodes if n.op == "placeholder"]
    return inner, {p for p, a in zip(places, node.args[at + 1 :], strict=True) if a in dependent}


def refusal(operation: Operation) -> UnsupportedOperationError:
    """Return the error for an operation that is not read."""
    name = operation.name
    linear_norm = is_piecewise_linear_norm(name, operation.arguments)
    do = f"capture only the part of the model before it.{HINTS.get(name, '')}"
    found = refusals.by_name(operation, () if linear_norm else NOT_PIECEWISE_LINEAR, JUMPING, do)
    form = "is not supported"
    if name in PIECEWISE_LINEAR or linear_norm:
        form = "is piecewise linear, but not supported yet in this form"
    return found or refusals.unsupported(operation, why=f"{name} {form}", do="Rewrite this part with those.")
