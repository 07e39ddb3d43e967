"""One node of an ONNX graph, with what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from regions.errors import UnsupportedOperationError
from regions.frontends.layers import refusals
from regions.frontends.layers.assembly import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["ANY", "Dependent", "Operation", "Operators", "as_float64", "evaluate"]

# The reference implementation lacks older forms, which say the same.
_FIRST_EVALUATED = {"DequantizeLinear": 19}


@dataclass(frozen=True, slots=True, eq=False)
class Dependent:
    """A tensor that depends on the input, for a batch of one point: its entries in C order, and its shape."""

    value: Value
    shape: tuple[int, ...]


# What stands for a tensor that depends on the input, before more is known of it.
ANY = Dependent(Value({}, np.zeros(0)), ())


def as_float64(array: Any, what: str) -> NDArray[np.float64]:
    """Return the numbers of a constant, which float64 holds exactly."""
    array = np.asarray(array)
    if array.dtype.kind in "cOSU":
        raise UnsupportedOperationError(f"{what} is of {array.dtype}; allowed are real numbers.")
    # Kind "V" is bfloat16 and its like, which numpy itself does not know.
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = array.astype(np.float64)
    if not np.isfinite(found).all():
        raise refusals.not_finite(what, f"{found[~np.isfinite(found)].flat[0]} in some entry")
    return found


def evaluate(node: onnx.NodeProto, arrays: list[Any], versions: Mapping[str, int]) -> list[Any]:
    """Compute one node on arrays, with onnx's own reference implementation."""
    names = [name for name in dict.fromkeys(node.input) if name]
    given = dict(zip(node.input, arrays, strict=True))
    infos = [helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None) for name in names]
    wanted = [name for name in node.output if name]
    outputs = [helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None) for name in wanted]
    graph = helper.make_graph([node], "node", infos, outputs)
    oldest = _FIRST_EVALUATED.get(node.op_type, 0)
    opsets = [helper.make_opsetid(d, v if d else max(v, oldest)) for d, v in versions.items()]
    model = helper.make_model(graph, opset_imports=opsets)
    with np.errstate(all="ignore"):
        found = dict(zip(wanted, ReferenceEvaluator(model).run(None, {n: given[n] for n in names}), strict=True))
    return [found.get(name) for name in node.output]


@dataclass(slots=True, eq=False)
class Operation:
    """One node, with its inputs: a `Dependent`, a constant array, or None where it is left out.

    Before the numbers are known a constant is None too, and of a `Dependent` nothing but that it depends on the input.
    """

    proto: onnx.NodeProto
    inputs: list[Any]
    label: str
    place: str

    @property
    def name(self) -> str:
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
        if isinstance(found, Dependent):
            raise UnsupportedOperationError(
                f"The model uses {self.name} at {self.place} with {what} that depends on the model's input; allowed is "
                f"a constant. {refusals.ONLY} Rewrite this part."
            )
        return found

    def numbers(self, index: int, what: str) -> Any:
        """A constant input as float64, None where it is left out."""
        found = self.constant(index, what)
        return None if found is None else self.float64(found, what)

    def float64(self, array: Any, what: str) -> NDArray[np.float64]:
        """The numbers of a constant of this operation."""
        return as_float64(array, f"{what} of {self.name} at {self.place}")

    def axes(self, index: int, rank: int) -> tuple[int, ...] | None:
        """The axes, an attribute in old operator sets and an input in new ones; None where they are left out."""
        found = self.attribute("axes")
        if found is None:
            found = self.constant(index, "axes")
        return None if found is None else tuple(int(a) % rank for a in np.asarray(found).ravel())

    def unsupported(self, what: str, do: str = "Rewrite this part.") -> UnsupportedOperationError:
        """Return the error for a form of an operator that is not read."""
        return refusals.unsupported(self, what, do=do)


class Operators(NamedTuple):
    """What is known of operators that are read: how they act, what must be constant, what is refused at once."""

    handler_of: Callable[[onnx.NodeProto], Callable[..., Any] | None]
    arguments: Mapping[str, dict[int, str]]
    checks: Mapping[str, Callable[[Operation], None]]
