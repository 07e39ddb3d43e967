"""The recurrence with ReLU over a fixed number of steps, written out step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.functional import dropout, linear, relu

from regions.errors import UnsupportedOperationError
from regions.frontends.torch.values import Dependent, Operation, Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regions.frontends.torch.reader import Reader

__all__ = ["HANDLERS"]


def _step(point: Any, state: Any, weights: Sequence[Any]) -> Any:
    into, across, *biases = weights
    first, second = biases or (None, None)
    return relu(linear(point, into, first) + linear(state, across, second))


def _written_out(reader: Reader, operation: Operation, function: Callable[..., Any], *given: Any) -> Any:
    """Read a function of tensors by the operators that it consists of."""
    leaves, spec = torch.utils._pytree.tree_flatten(given)
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor | Dependent)]

    def run(*tensors: torch.Tensor) -> Any:
        filled = list(leaves)
        for i, tensor in zip(places, tensors, strict=True):
            filled[i] = tensor
        return function(*torch.utils._pytree.tree_unflatten(filled, spec))

    dtype = next(leaf.dtype for leaf in leaves if isinstance(leaf, Dependent))
    with torch.no_grad():
        graph = make_fx(run)(*(torch.zeros(tuple(leaves[i].shape), dtype=dtype) for i in places))
    for step in graph.graph.nodes:
        # Every step bears the module's name, and its place in the messages.
        for key in ("nn_module_stack", "stack_trace"):
            if key in operation.node.meta:
                step.meta[key] = operation.node.meta[key]
    return reader.subgraph(graph, [leaves[i] for i in places])


def _cell(reader: Reader, operation: Operation) -> Any:
    biases = [operation.arguments.get(name) for name in ("b_ih", "b_hh")]
    weights = [operation.w_ih, operation.w_hh, *([] if None in biases else biases)]
    return _written_out(reader, operation, _step, operation.input, operation.hx, weights)


def _recurrence(reader: Reader, operation: Operation) -> Any:
    if "batch_sizes" in operation.arguments:
        # Packed sequences have a length of their own each.
        return NotImplemented
    size = 4 if operation.has_biases else 2
    ways, time = 1 + operation.bidirectional, int(operation.batch_first)

    def run(values: Any, start: Any, weights: Sequence[Any]) -> list[Any]:
        last = []
        for layer in range(operation.num_layers):
            found = []
            for way in range(ways):
                k = layer * ways + way
                states = [start[k]]
                for point in values.unbind(time)[:: 1 - 2 * way]:
                    states.append(_step(point, states[-1], weights[size * k : size * (k + 1)]))
                last.append(states[-1])
                found.append(torch.stack(states[:0:-1] if way else states[1:], time))
            values = torch.cat(found, -1)
            if layer < operation.num_layers - 1:
                values = dropout(values, operation.dropout, operation.train)
        return [values, *last]

    values, *last = _written_out(reader, operation, run, operation.input, operation.hx, operation.params)
    try:
        return values, _written_out(reader, operation, lambda *states: torch.stack(states), *last)
    except UnsupportedOperationError as error:
        # The states of several layers stand one behind the other, with the batch as second axis.
        return values, Unread(error)


HANDLERS: dict[str, Callable[[Reader, Operation], Any]] = {"rnn_relu": _recurrence, "rnn_relu_cell": _cell}
