"""What the operators of a traced graph are given and give: exact affine values in memory, and where they come from."""

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

__all__ = ["ONLY", "Cell", "Operation", "Operators", "Traced", "Unread", "as_float64", "place_of"]

ONLY = (
    "Networks of linear maps and convolutions, ReLU and its piecewise-linear relatives, pools, maxima and minima, "
    "normalisation by fixed statistics, sums, concatenations and multiples by constants can be read."
)
_PACKAGES = (os.path.dirname(torch.__file__), os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@dataclass(eq=False)
class Cell:
    """What a piece of memory holds; views share it, so that an in-place operation is seen through all of them."""

    value: Value
    partly_viewed: bool = False


@dataclass(eq=False)
class Traced:
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
    own = [f for f in frames if not f[0].startswith(_PACKAGES)]
    if own:
        file, line, code = own[-1]
        parts.append(f"{file}:{line}: {code.strip()}" if code.strip() else f"{file}:{line}")
    return ", ".join(parts) or f"node {node.name!r} of the traced graph"


@dataclass(eq=False)
class Unread:
    """A result that is not read, e.g. the indices of a maximum: an error where it is used."""

    error: UnsupportedOperationError


class Operators(NamedTuple):
    """What is known of operators that are read.

    Parameters
    ----------
    handlers : mapping of str to callable
        How an operator acts on exact affine values, by its name.
    like : mapping of str to callable
        Operators that look at the shape of a value alone.
    moves : collection of str
        Operators that only move numbers.
    move : callable
        How those act that only move numbers.
    """

    handlers: Mapping[str, Callable[..., Any]]
    like: Mapping[str, Any]
    moves: Container[str]
    move: Callable[..., Any]
