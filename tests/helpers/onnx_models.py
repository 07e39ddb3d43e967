"""ONNX models made by hand, and their outputs by onnxruntime."""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FLOATS = {np.float16: TensorProto.FLOAT16, np.float32: TensorProto.FLOAT, np.float64: TensorProto.DOUBLE}


def node(kind, inputs, outputs="y", **attributes):
    return helper.make_node(kind, inputs.split(","), outputs.split(","), name=f"{kind} of {outputs}", **attributes)


def model(nodes, shape, weights=None, *, opset=13, output="y", dtype=np.float32, inputs=None, domain=""):
    """A model from the input `x` to `output`; weights by name."""
    nodes = nodes if isinstance(nodes, list) else [nodes]
    outputs = [output] if isinstance(output, str) else output
    found = [helper.make_tensor_value_info("x", FLOATS[dtype], shape)] if inputs is None else inputs
    wanted = [helper.make_tensor_value_info(name, FLOATS[dtype], None) for name in outputs]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "graph", found, wanted, tensors)
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def points_of(dimension, n=12, seed=0):
    return 3 * np.random.default_rng(seed).standard_normal((n, dimension))


def run(proto, points, shape=None, dtype=np.float32, *, optimised=True):
    """The outputs of onnxruntime, point by point: shape (P, O)."""
    options = onnxruntime.SessionOptions()
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    sizes = shape or [n if isinstance(n, int) and n > 0 else 1 for n in given.shape]
    rows = [session.run(None, {given.name: p.reshape(sizes).astype(dtype)})[0].ravel() for p in points]
    return np.array(rows, dtype=np.float64)


def assert_agrees(network, proto, shape=None, dtype=np.float32, seed=0, outputs=None):
    points = points_of(network.input_dimension, seed=seed).astype(dtype).astype(np.float64)
    theirs = run(proto, points, shape, dtype) if outputs is None else outputs(points)
    ours = network(points)
    assert ours.shape == theirs.shape
    unit = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(ours, theirs, rtol=200 * unit, atol=200 * unit * (1 + np.abs(theirs).max()))
