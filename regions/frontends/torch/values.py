"""What the operators of a graph are given and give: exact affine values in memory, and where they come from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping
    from typing import Any

    import numpy as np

    from regions.errors import UnsupportedOperationError
    from regions.frontends.layers.assembly import Value

__all__ = ["PACKAGES", "Cell", "Dependent", "Operation", "Operators", "Unread", "as_float64", "place_of"]

# Code of torch and of this package, beside which a line is the user's own.
PACKAGES = (os.path.dirname(torch.__file__), os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@dataclass(eq=False)
class Cell:
    """What a piece of memory holds; views share it, so that an in-place operation is seen through all of them."""

    value: Value
    partly_viewed: bool = False


@dataclass(eq=False)
class Dependent:
    """A tensor that depends on the input: its cell, shape and dtype."""

    cell: Cell
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def value(self) -> Value:
        """What the cell holds now."""
        return self.cell.value


@dataclass(eq=False)
class Operation:
    """One node of the graph, with its arguments by name."""

    node: torch.fx.Node
    name: str
    arguments: dict[str, Any]
    label: str

    @property
    def place(self) -> str:
        """Where in the model it comes from."""
        return place_of(self.node)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.arguments[name]
        except KeyError:
            raise AttributeError(name) from None


def as_float64(tensor: torch.Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a tensor's numbers as float64, which holds every float16, bfloat16 and float32 exactly."""
    return tensor.detach().to(device="cpu", dtype=torch.float64).numpy()


def place_of(node: torch.fx.Node) -> str:
    """Say where in the model, and in which line of the user's code, a node comes from."""
    parts = []
    stack = node.meta.get("nn_module_stack") or {}
    if stack:
        path, kind = list(stack.values())[-1]
        kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
        parts.append(f"module {path!r} ({kind.rsplit('.', 1)[-1]})" if path else "the model's own forward")
    frames = re.findall(r'File "([^"]+)", line (\d+), in [^\n]*\n?\s*([^\n]*)', node.meta.get("stack_trace") or "")
    own = [f for f in frames if not f[0].startswith(PACKAGES)]
    if own:
        file, line, code = own[-1]
        parts.append(f"{file}:{line}: {code.strip()}" if code.strip() else f"{file}:{line}")
    return ", ".join(parts) or f"node {node.name!r} of the recorded graph"


@dataclass(eq=False)
class Unread:
    """A result that is not read, e.g. the indices of a maximum: an error where it is used."""

    error: UnsupportedOperationError


class Operators(NamedTuple):
    """What is known of operators that are read: how they act, which mind shapes alone, which only move numbers."""

    handlers: Mapping[str, Callable[..., Any]]
    like: Mapping[str, Any]
    moves: Container[str]
    move: Callable[..., Any]
