"""What several tests share."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import onnx
import torch
from onnx import helper
from onnx_models import FLOATS, model, node


def exported(module, path, shape=(1, 2), opset=13, dynamo=False, batch=False):
    with warnings.catch_warnings():
        # The exporter is no part of what is tested.
        warnings.simplefilter("ignore")
        names = {"input_names": ["points"], "output_names": ["scores"]}
        if batch:
            names["dynamic_axes"] = {"points": {0: "batch"}}
        torch.onnx.export(
            module, (torch.zeros(shape),), path, opset_version=opset, dynamo=dynamo, verbose=False, **names
        )
    return onnx.load(path)


def acas_like(dtype=np.float32, opset=9, old_inputs=False):
    """Mean and range first, then MatMul, Add, Relu: the style of older verification benchmarks."""
    random = np.random.default_rng(4)
    widths = (2, 7, 6, 5)
    weights = {
        "mean": np.array([0.1, 19.7], dtype),
        "range": np.array([3.3, 60261.0], dtype),
        "shape": np.array([-1, 2]),
    }
    nodes = [
        node("Flatten", "x", "flat"),
        node("Sub", "flat,mean", "centred"),
        node("Div", "centred,range", "a0"),
    ]
    for i, (n, m) in enumerate(pairwise(widths)):
        weights |= {
            f"W{i}": random.standard_normal((n, m)).astype(dtype),
            f"B{i}": random.standard_normal(m).astype(dtype),
        }
        nodes += [node("MatMul", f"a{i},W{i}", f"m{i}"), node("Add", f"m{i},B{i}", f"z{i}")]
        nodes.append(node("Relu", f"z{i}", f"a{i + 1}") if m != 5 else node("Reshape", f"z{i},five", "y"))
    weights["five"] = np.array([-1, 5])
    del weights["shape"]
    inputs = [helper.make_tensor_value_info("x", FLOATS[dtype], [1, 1, 1, 2])]
    if old_inputs:
        # Up to version 3 of the format, weights had to be listed as inputs too.
        inputs += [
            helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
            for k, v in weights.items()
        ]
    return model(nodes, None, weights, opset=opset, dtype=dtype, inputs=inputs), weights
