"""The rules of ONNX that files are held against."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import onnx
from onnx import helper

from regions.errors import FileFormatError, UnsupportedOperationError
from regions.frontends.onnx.vocabulary import ML

if TYPE_CHECKING:
    from regions.frontends.onnx.plan import Plan

__all__ = ["broken_rule", "operator_sets"]

# The first version of the operator set with numpy's rules for broadcasting (ONNX 1.2, 2018).
_OLDEST = 7
# Larger constants are left out: their numbers say nothing of shapes, and there may be gigabytes of them.
_SMALL = 1 << 10


def operator_sets(model: onnx.ModelProto) -> dict[str, int]:
    """Return the version of every operator set, the standard one called ""."""
    found = {"" if o.domain == "ai.onnx" else str(o.domain): int(o.version) for o in model.opset_import}
    newest = onnx.defs.onnx_opset_version()
    if "" not in found and ML in found:
        found[""] = newest
    if "" not in found or not model.graph.node:
        raise FileFormatError(
            "The file holds no ONNX model with nodes and the version of its operator set. Export the model again."
        )
    if found[""] < _OLDEST or found[""] > newest:
        do = "onnx.version_converter.convert_version(model, 13)" if found[""] < _OLDEST else "a newer onnx package"
        raise UnsupportedOperationError(
            f"The model is of operator set {found['']}; allowed are {_OLDEST} to {newest}. Use {do}."
        )
    return found


def broken_rule(model: onnx.ModelProto, plan: Plan, output: str, wanted: set[str]) -> str:
    """Return the checker's first complaint about the nodes that the output needs, shapes included; or nothing."""
    given = model.graph
    nodes, sparse = plan.nodes(output), given.sparse_initializer
    inputs = [i for i in given.input if i.name in wanted]
    inputs += [helper.make_tensor_value_info(t.values.name, t.values.data_type, t.dims) for t in sparse]
    kept = []
    for name, tensor in plan.initializers.items():
        if math.prod(tensor.dims) > _SMALL:
            inputs.append(helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
        else:
            copy = onnx.TensorProto.FromString(tensor.SerializeToString())
            copy.name = name
            kept.append(copy)
    graph = helper.make_graph(nodes, given.name or "graph", inputs, [], kept)
    graph.value_info.extend(given.value_info)
    graph.output.extend(o for o in given.output if o.name == output and o.type.tensor_type.elem_type)
    # Before version 4 of the format weights had to be inputs too.
    model = helper.make_model(graph, opset_imports=model.opset_import, ir_version=max(model.ir_version, 4))
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
