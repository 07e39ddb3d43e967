"""ONNX files against onnxruntime: operator by operator, then whole networks."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_models import assert_agrees, model, node

import regions

G = np.random.default_rng(7)


def floats(*shape):
    return G.standard_normal(shape).astype(np.float32)


def ints(*values):
    return np.array(values, dtype=np.int64)


IMAGE = (1, 4, 6, 6)
SMALL = (1, 2, 3, 4)

# Name, node or nodes, input shape, weights, operator sets.
OPERATORS = [
    ("relu", node("Relu", "x"), (1, 3), {}, (7, 13, 14)),
    ("leaky relu", node("LeakyRelu", "x", alpha=0.3), (1, 3), {}, (7, 16)),
    ("leaky relu, default", node("LeakyRelu", "x"), (1, 3), {}, (7, 16)),
    ("prelu", node("PRelu", "x,s"), (1, 3), {"s": floats(3)}, (7, 9, 16)),
    ("prelu of channels", node("PRelu", "x,s"), SMALL, {"s": floats(2, 1, 1)}, (7, 16)),
    ("abs", node("Abs", "x"), (1, 3), {}, (7, 13)),
    ("clip, attributes", node("Clip", "x", min=-1.0, max=2.5), (1, 3), {}, (7, 10)),
    ("clip, one attribute", node("Clip", "x", min=0.0), (1, 3), {}, (7,)),
    ("clip, no attribute", [node("Clip", "x", "z"), node("Relu", "z")], (1, 3), {}, (7,)),
    ("clip", node("Clip", "x,a,b"), (1, 3), {"a": np.float32(0), "b": np.float32(6)}, (11, 13)),
    ("clip above", node("Clip", "x,,b"), (1, 3), {"b": np.float32(0.7)}, (11, 13)),
    ("hard sigmoid", node("HardSigmoid", "x", alpha=0.3, beta=0.4), (1, 3), {}, (7,)),
    ("hard sigmoid, default", node("HardSigmoid", "x"), (1, 3), {}, (7,)),
    ("thresholded relu", node("ThresholdedRelu", "x", alpha=0.0), (1, 3), {}, (10,)),
    ("shrink", node("Shrink", "x", lambd=1.5, bias=1.5), (1, 3), {}, (9,)),
    ("max", node("Max", "x,c"), (1, 3), {"c": floats(1)}, (8, 13)),
    (
        "max of values",
        [node("MatMul", "x,W", "u"), node("MatMul", "x,V", "v"), node("Max", "u,v,x,c,d")],
        (1, 3),
        {"W": floats(3, 3), "V": floats(3, 3), "c": floats(3), "d": floats(1)},
        (8, 13),
    ),
    ("min", [node("Neg", "x", "u"), node("Min", "u,x,c")], (1, 3), {"c": floats(3)}, (8, 13)),
    ("max with zero", node("Max", "x,c"), (1, 3), {"c": np.zeros(1, np.float32)}, (8,)),
    ("add", node("Add", "x,c"), (1, 3), {"c": floats(3)}, (7, 14)),
    ("add, spread", node("Add", "c,x"), (1, 3), {"c": floats(2, 1)}, (7, 14)),
    ("add itself", node("Add", "x,x"), (1, 3), {}, (7,)),
    ("sub", node("Sub", "x,c"), (1, 3), {"c": floats(3)}, (7, 14)),
    ("sub from", node("Sub", "c,x"), (1, 3), {"c": floats(3)}, (7, 14)),
    ("sub of values", [node("MatMul", "x,W", "u"), node("Sub", "u,x")], (1, 3), {"W": floats(3, 3)}, (7, 14)),
    ("mul", node("Mul", "x,c"), SMALL, {"c": floats(3, 1)}, (7, 14)),
    ("div", node("Div", "x,c"), (1, 3), {"c": floats(3)}, (7, 14)),
    ("neg", node("Neg", "x"), (1, 3), {}, (7, 13)),
    ("sum", node("Sum", "x,c,x"), (1, 3), {"c": floats(3)}, (8, 13)),
    ("mean", node("Mean", "x,c,x"), (1, 3), {"c": floats(3)}, (8, 13)),
    ("identity", [node("Identity", "x", "z"), node("Relu", "z")], (1, 3), {}, (7, 13)),
    ("dropout", [node("Dropout", "x", "z"), node("Relu", "z")], (1, 3), {}, (7, 10, 13)),
    (
        "dropout with ratio",
        [node("Dropout", "x,r,t", "z"), node("Relu", "z")],
        (1, 3),
        {"r": np.float32(0.3), "t": np.array(False)},
        (12, 13),
    ),
    (
        "cast",
        [node("Cast", "x", "z", to=TensorProto.DOUBLE), node("Cast", "z", to=TensorProto.FLOAT)],
        (1, 3),
        {},
        (7, 13),
    ),
    ("matmul", node("MatMul", "x,W"), (1, 3), {"W": floats(3, 4)}, (7, 13)),
    ("matmul, vector", node("MatMul", "x,W"), (1, 3), {"W": floats(3)}, (7, 13)),
    ("matmul of a vector", node("MatMul", "x,W"), (3,), {"W": floats(3, 4)}, (7, 13)),
    ("matmul from the left", node("MatMul", "W,x"), (3, 2), {"W": floats(4, 3)}, (7, 13)),
    ("matmul from the left of a vector", node("MatMul", "W,x"), (3,), {"W": floats(4, 3)}, (7, 13)),
    ("matmul of many", node("MatMul", "x,W"), SMALL, {"W": floats(4, 5)}, (7, 13)),
    ("matmul with many", node("MatMul", "x,W"), SMALL, {"W": floats(3, 2, 4, 5)}, (7, 13)),
    ("matmul from the left with many", node("MatMul", "W,x"), SMALL, {"W": floats(2, 5, 3)}, (7, 13)),
    ("gemm", node("Gemm", "x,W,b"), (1, 3), {"W": floats(3, 4), "b": floats(4)}, (7, 9, 13)),
    ("gemm, no bias", node("Gemm", "x,W"), (1, 3), {"W": floats(3, 4)}, (11, 13)),
    ("gemm, transB", node("Gemm", "x,W,b", transB=1), (1, 3), {"W": floats(4, 3), "b": floats(1)}, (7, 13)),
    ("gemm, transA", node("Gemm", "x,W,b", transA=1), (3, 2), {"W": floats(3, 4), "b": floats(2, 1)}, (7, 13)),
    (
        "gemm, alpha and beta",
        node("Gemm", "x,W,b", alpha=0.7, beta=1.3),
        (1, 3),
        {"W": floats(3, 4), "b": floats(4)},
        (7, 13),
    ),
    (
        "gemm, weight on the left",
        node("Gemm", "W,x,b", transB=1),
        (1, 3),
        {"W": floats(4, 3), "b": floats(4, 1)},
        (7, 13),
    ),
    ("gemm, bias that depends", node("Gemm", "x,W,x", beta=0.3), (1, 3), {"W": floats(3, 3)}, (7, 13)),
    ("conv", node("Conv", "x,W,b"), IMAGE, {"W": floats(5, 4, 3, 3), "b": floats(5)}, (7, 11)),
    (
        "conv, everything",
        node("Conv", "x,W,b", pads=[1, 0, 2, 1], strides=[2, 1], dilations=[1, 2], group=2),
        IMAGE,
        {"W": floats(6, 2, 3, 2), "b": floats(6)},
        (7, 11),
    ),
    *(
        (
            f"conv, {mode}",
            node("Conv", "x,W", auto_pad=mode, strides=[2, 3]),
            (1, 1, 7, 8),
            {"W": floats(2, 1, 4, 3)},
            (7, 11),
        )
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ),
    ("conv of a sequence", node("Conv", "x,W", pads=[1, 1]), (1, 2, 7), {"W": floats(3, 2, 3)}, (7, 11)),
    ("conv of a volume", node("Conv", "x,W"), (1, 1, 3, 3, 4), {"W": floats(2, 1, 2, 2, 3)}, (7, 11)),
    ("transposed conv", node("ConvTranspose", "x,W,b"), SMALL, {"W": floats(2, 3, 3, 2), "b": floats(3)}, (7, 11)),
    (
        "transposed conv, everything",
        node(
            "ConvTranspose", "x,W", pads=[1, 0, 1, 1], strides=[2, 3], dilations=[2, 1], group=2, output_padding=[1, 2]
        ),
        SMALL,
        {"W": floats(2, 2, 3, 4)},
        (7, 11),
    ),
    *(
        (
            f"transposed conv, {mode}",
            node("ConvTranspose", "x,W", auto_pad=mode, strides=[2, 2]),
            SMALL,
            {"W": floats(2, 1, 3, 5)},
            (11,),
        )
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ),
    (
        "transposed conv, output shape",
        node("ConvTranspose", "x,W", strides=[2, 2], output_shape=[6, 8]),
        SMALL,
        {"W": floats(2, 1, 3, 5)},
        (11,),
    ),
    ("max pool", node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2]), IMAGE, {}, (7, 8, 10, 12)),
    (
        "max pool, everything",
        node("MaxPool", "x", kernel_shape=[2, 3], strides=[1, 2], pads=[1, 0, 0, 1], dilations=[2, 1], ceil_mode=1),
        IMAGE,
        {},
        (10, 12),
    ),
    (
        "max pool, ceil",
        node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        (1, 1, 6, 7),
        {},
        (10, 12),
    ),
    (
        "max pool, ceil in padding",
        node("MaxPool", "x", kernel_shape=[2, 2], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1),
        (1, 1, 5, 6),
        {},
        (12,),
    ),
    *(
        (
            f"max pool, {mode}",
            node("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 3], auto_pad=mode),
            (1, 1, 6, 7),
            {},
            (7, 12),
        )
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ),
    ("max pool of a sequence", node("MaxPool", "x", kernel_shape=[3]), (1, 2, 6), {}, (7, 12)),
    ("average pool", node("AveragePool", "x", kernel_shape=[3, 2], strides=[2, 1]), IMAGE, {}, (7, 10, 19)),
    *(
        (
            f"average pool, padding {'in' * counted or 'ex'}cluded",
            node("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 0], count_include_pad=counted),
            IMAGE,
            {},
            (7, 10, 19),
        )
        for counted in (0, 1)
    ),
    *(
        (
            f"average pool, ceil, {counted}",
            node(
                "AveragePool",
                "x",
                kernel_shape=[3, 3],
                strides=[2, 2],
                pads=[1, 1, 1, 1],
                ceil_mode=1,
                count_include_pad=counted,
            ),
            (1, 1, 6, 7),
            {},
            (10, 19),
        )
        for counted in (0, 1)
    ),
    (
        "average pool, dilated",
        node("AveragePool", "x", kernel_shape=[2, 2], dilations=[2, 3], pads=[1, 1, 0, 0]),
        IMAGE,
        {},
        (19,),
    ),
    *(
        (
            f"average pool, {mode}",
            node("AveragePool", "x", kernel_shape=[3, 2], strides=[2, 3], auto_pad=mode),
            (1, 1, 6, 7),
            {},
            (7, 19),
        )
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ),
    ("global average pool", node("GlobalAveragePool", "x"), SMALL, {}, (7,)),
    ("global max pool", node("GlobalMaxPool", "x"), SMALL, {}, (7,)),
    (
        "batch normalization",
        node("BatchNormalization", "x,s,b,m,v"),
        SMALL,
        {"s": floats(2), "b": floats(2), "m": floats(2), "v": floats(2) ** 2},
        (7, 9, 14, 15),
    ),
    (
        "batch normalization of points",
        node("BatchNormalization", "x,s,b,m,v", epsilon=0.01),
        (1, 3),
        {"s": floats(3), "b": floats(3), "m": floats(3), "v": floats(3) ** 2},
        (7, 9, 15),
    ),
    ("flatten", [node("Flatten", "x", "z"), node("Relu", "z")], SMALL, {}, (7, 13)),
    ("flatten, axis", [node("Flatten", "x", "z", axis=2), node("MatMul", "z,W")], SMALL, {"W": floats(12, 2)}, (7, 13)),
    (
        "reshape",
        [node("Reshape", "x,s", "z"), node("MatMul", "z,W")],
        SMALL,
        {"s": ints(0, -1, 6), "W": floats(6, 2)},
        (7, 13, 14),
    ),
    ("squeeze, attribute", [node("Squeeze", "x", "z", axes=[0]), node("Relu", "z")], (1, 3), {}, (7, 11)),
    ("squeeze", [node("Squeeze", "x,a", "z"), node("Relu", "z")], (1, 3), {"a": ints(0)}, (13,)),
    (
        "unsqueeze, attribute",
        [node("Unsqueeze", "x", "z", axes=[1]), node("MatMul", "z,W")],
        (1, 3),
        {"W": floats(3, 2)},
        (7, 11),
    ),
    (
        "unsqueeze",
        [node("Unsqueeze", "x,a", "z"), node("MatMul", "z,W")],
        (1, 3),
        {"a": ints(-1), "W": floats(1, 2)},
        (13,),
    ),
    (
        "transpose",
        [node("Transpose", "x", "z", perm=[0, 3, 1, 2]), node("MatMul", "z,W")],
        SMALL,
        {"W": floats(3, 2)},
        (7, 13),
    ),
    ("concat", [node("Relu", "x", "z"), node("Concat", "x,c,z", axis=1)], (1, 3), {"c": floats(1, 2)}, (7, 13)),
    ("split", [node("Split", "x", "a,b", axis=1, split=[1, 2]), node("Add", "a,b")], (1, 3), {}, (7, 11)),
    ("split, input", [node("Split", "x,s", "a,b", axis=1), node("Add", "a,b")], (1, 3), {"s": ints(1, 2)}, (13,)),
    ("slice, attributes", node("Slice", "x", starts=[1], ends=[9], axes=[1]), (1, 4), {}, (7, 9)),
    (
        "slice",
        node("Slice", "x,s,e,a,t"),
        (1, 6),
        {"s": ints(-1), "e": ints(-9), "a": ints(1), "t": ints(-2)},
        (10, 13),
    ),
    ("gather", node("Gather", "x,i", axis=1), (1, 4), {"i": ints(2, 0, 2)}, (7, 13)),
    ("expand", [node("Expand", "x,s", "z"), node("Mul", "z,c")], (1, 3), {"s": ints(2, 3), "c": floats(2, 3)}, (8, 13)),
    ("tile", node("Tile", "x,r"), (1, 3), {"r": ints(1, 2)}, (7, 13)),
    ("pad, attributes", node("Pad", "x", pads=[0, 0, 1, 0, 0, 0, 0, 2], value=0.75), SMALL, {}, (7,)),
    ("pad with zeros, attributes", node("Pad", "x", pads=[0, 0, 1, 0, 0, 0, 0, 2]), SMALL, {}, (7,)),
    ("pad", node("Pad", "x,p,v"), SMALL, {"p": ints(0, 0, 1, 1, 0, 0, 0, 2), "v": np.float32(0.75)}, (11, 13, 18)),
    ("pad with zeros", node("Pad", "x,p"), SMALL, {"p": ints(0, 0, 1, 0, 0, 0, 0, 2)}, (11, 13)),
    ("pad, reflected", node("Pad", "x,p", mode="reflect"), SMALL, {"p": ints(0, 0, 1, 0, 0, 0, 0, 2)}, (11, 13)),
    ("where", node("Where", "c,x,d"), (1, 3), {"c": np.array([True, False, True]), "d": floats(1)}, (9, 16)),
    ("depth to space", node("DepthToSpace", "x", blocksize=2), IMAGE, {}, (7, 13)),
    ("space to depth", node("SpaceToDepth", "x", blocksize=2), IMAGE, {}, (7, 13)),
    *(
        (f"{kind}, attributes", node(kind, "x", axes=[1, -1], keepdims=keep), SMALL, {}, (11, 12))
        for kind in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceL1")
        for keep in (0, 1)
    ),
    ("reduce sum", node("ReduceSum", "x,a", keepdims=0), SMALL, {"a": ints(3, 1)}, (13,)),
    ("reduce sum over nothing", node("ReduceSum", "x,a", noop_with_empty_axes=1), (1, 3), {"a": ints()}, (13,)),
    ("reduce everything", node("ReduceMean", "x"), SMALL, {}, (7, 18)),
    ("reduce mean", node("ReduceMean", "x,a"), SMALL, {"a": ints(2)}, (18,)),
    ("reduce max", node("ReduceMax", "x,a"), SMALL, {"a": ints(2)}, (18,)),
    ("upsample", node("Upsample", "x,s"), SMALL, {"s": np.array([1, 1, 2, 3], np.float32)}, (9,)),
    ("upsample, attribute", node("Upsample", "x", scales=[1.0, 1.0, 2.0, 3.0]), SMALL, {}, (7,)),
    ("resize, old", node("Resize", "x,s"), SMALL, {"s": np.array([1, 1, 2, 3], np.float32)}, (10,)),
    *(
        (
            f"resize, {mode}, {rounding}",
            node("Resize", "x,,s", coordinate_transformation_mode=mode, nearest_mode=rounding),
            SMALL,
            {"s": np.array([1, 1, 2, 3], np.float32)},
            (13,),
        )
        for mode in ("half_pixel", "asymmetric", "pytorch_half_pixel")
        for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    ),
    ("resize to sizes", node("Resize", "x,,,s"), SMALL, {"s": ints(1, 2, 6, 4)}, (13, 19)),
    (
        "shape arithmetic",
        [
            node("Shape", "x", "a"),
            node("Gather", "a,zero", "n"),
            node("Unsqueeze", "n", "u", axes=[0]),
            node("Constant", "", "w", value=helper.make_tensor("t", TensorProto.INT64, [1], [-1])),
            node("Concat", "u,w", "s", axis=0),
            node("Reshape", "x,s", "z"),
            node("MatMul", "z,W"),
        ],
        SMALL,
        {"zero": np.int64(0), "W": floats(24, 2)},
        (9, 11),
    ),
    (
        "filled constants",
        [
            node("Shape", "x", "s"),
            node("ConstantOfShape", "s", "c", value=helper.make_tensor("t", TensorProto.FLOAT, [1], [0.5])),
            node("Add", "x,c", "z"),
            node("Range", "zero,three,one", "r"),
            node("Cast", "r", "f", to=TensorProto.FLOAT),
            node("Mul", "z,f"),
        ],
        (1, 3),
        {"zero": np.int64(0), "three": np.int64(3), "one": np.int64(1)},
        (11, 13),
    ),
]
CASES = [(*case[:4], opset) for case in OPERATORS for opset in case[4]]


@pytest.mark.parametrize(
    ("nodes", "shape", "weights", "opset"), [c[1:] for c in CASES], ids=[f"{c[0]}, {c[4]}" for c in CASES]
)
def test_an_operator(nodes, shape, weights, opset):
    for n in nodes if isinstance(nodes, list) else [nodes]:
        while "" in n.input and n.op_type == "Constant":
            n.input.pop()
    proto = model(nodes, shape, weights, opset=opset)
    # A first dimension that is fixed and not 1 could be a batch.
    whole = shape if len(shape) > 1 and shape[0] != 1 else None
    assert_agrees(regions.from_onnx(proto, input_shape=whole), proto)
