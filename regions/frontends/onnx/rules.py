"""What onnx's own checker says of the part of a graph that is read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import onnx
from onnx import helper

if TYPE_CHECKING:
    from regions.frontends.onnx.reader import Reader

__all__ = ["broken_rule"]

# Larger constants are left out: their numbers say nothing of shapes, and there may be gigabytes of them.
_SMALL = 1 << 10


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
