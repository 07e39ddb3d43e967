"""What is read of ONNX files beyond single operators, and what is refused before any work: order, branches, sizes."""

from __future__ import annotations

import gzip
import json
import resource
import struct
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_exports import acas_like, exported
from onnx_models import assert_agrees, model, node, points_of, run
from torch import nn

import regions
from regions.errors import (
    CaptureError,
    FileFormatError,
    InvalidNetworkError,
    NotPiecewiseLinearError,
    UnsupportedOperationError,
)
from regions.frontends.onnx import reader, sizes

G = np.random.default_rng(11)
ML = {"domain": "ai.onnx.ml"}


def floats(*shape):
    return G.standard_normal(shape).astype(np.float32)


def numbers(*shape):
    return floats(*shape).ravel().tolist()


# The order of the nodes


@given(order=st.permutations(range(10)))
@settings(max_examples=30)
def test_nodes_may_stand_in_any_order(order):
    proto, _ = acas_like(opset=13)
    shuffled = onnx.ModelProto.FromString(proto.SerializeToString())
    nodes = list(proto.graph.node)
    del shuffled.graph.node[:]
    shuffled.graph.node.extend(nodes[i] for i in [*order, *range(10, len(nodes))])
    first, second = regions.from_onnx(proto), regions.from_onnx(shuffled)
    points = points_of(2)
    np.testing.assert_array_equal(first(points), second(points))
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]


def test_graphs_that_go_in_circles_or_compute_a_tensor_twice():
    circle = [node("Add", "x,b", "a"), node("Relu", "a", "b"), node("Neg", "b")]
    with pytest.raises(FileFormatError, match="Add at node 'Add of a' needs its own output"):
        regions.from_onnx(model(circle, ("N", 2)))
    with pytest.raises(FileFormatError, match="two nodes compute the tensor 'y'"):
        regions.from_onnx(model([node("Relu", "x"), node("Neg", "x")], ("N", 2)))


# Quantised weights


# Scales for each channel came with operator set 13.
@pytest.mark.parametrize(("opset", "axis"), [(10, None), *((o, a) for o in (13, 19, 21, 23) for a in (None, 0, 1))])
def test_weights_that_are_dequantised(opset, axis):
    count = 1 if axis is None else (2, 3)[axis]
    weights = {
        "q": np.array([[-128, 5, 100], [127, -3, 0]], np.int8),
        "s": np.abs(floats(count)) if axis is not None else np.float32(0.037),
        "z": np.arange(count, dtype=np.int8) if axis is not None else np.int8(3),
        "b": np.array([100, -2000, 3], np.int32),
        "t": np.float32(0.001),
    }
    given = {} if axis is None else {"axis": axis}
    nodes = [
        node("DequantizeLinear", "q,s,z", "W", **given),
        node("DequantizeLinear", "b,t", "c"),
        node("Gemm", "x,W,c", "h"),
        node("Relu", "h"),
    ]
    proto = model(nodes, ("N", 2), weights, opset=opset)
    network = regions.from_onnx(proto)
    # Optimised, it rounds the activations too.
    assert_agrees(network, proto, outputs=lambda points: run(proto, points, optimised=False))
    step = np.asarray(weights["s"], np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
    shift = np.asarray(weights["z"], np.float32).reshape(step.shape)
    exact = ((weights["q"].astype(np.float32) - shift) * step).astype(np.float64)
    np.testing.assert_array_equal(network.layers[0].weight, exact.T)


# ai.onnx.ml


def table(nodes, shape, weights=None, output="y", version=3):
    proto = model(nodes, shape, weights, output=output)
    proto.opset_import.append(helper.make_opsetid("ai.onnx.ml", version))
    return proto


TABLES = [
    ("scaler", [node("Scaler", "x", offset=numbers(3), scale=numbers(3), **ML)], ("N", 3)),
    ("scaler of one number", [node("Scaler", "x", offset=numbers(1), scale=numbers(1), **ML)], (1, 3)),
    ("scaler of a vector", [node("Scaler", "x", offset=numbers(3), scale=numbers(3), **ML)], (3,)),
    (
        "regressor",
        [node("LinearRegressor", "x", coefficients=numbers(6), intercepts=numbers(2), targets=2, **ML)],
        ("N", 3),
    ),
    ("regressor without intercepts", [node("LinearRegressor", "x", coefficients=numbers(3), **ML)], (1, 3)),
    ("regressor of a vector", [node("LinearRegressor", "x", coefficients=numbers(3), **ML)], (3,)),
    (
        "scores of a classifier",
        [
            node(
                "LinearClassifier",
                "x",
                "label,y",
                coefficients=numbers(9),
                intercepts=numbers(3),
                classlabels_ints=[4, 5, 6],
                **ML,
            )
        ],
        ("N", 3),
    ),
    (
        "support vectors",
        [
            node(
                "SVMRegressor",
                "x",
                coefficients=numbers(4),
                support_vectors=numbers(12),
                rho=numbers(1),
                n_supports=4,
                kernel_type="LINEAR",
                kernel_params=[0.0, 0.0, 0.0],
                **ML,
            )
        ],
        ("N", 3),
    ),
    (
        "support vectors, joined",
        [
            node(
                "SVMRegressor",
                "x",
                coefficients=numbers(3),
                rho=numbers(1),
                n_supports=0,
                kernel_type="LINEAR",
                kernel_params=[0.0, 0.0, 0.0],
                **ML,
            )
        ],
        ("N", 3),
    ),
    (
        "imputer",
        [
            node("Imputer", "x", "z", imputed_value_floats=[1.0], replaced_value_float=float("nan"), **ML),
            node("Relu", "z"),
        ],
        ("N", 3),
    ),
    ("vectorizer", [node("Relu", "x", "z"), node("FeatureVectorizer", "x,z", inputdimensions=[3, 3], **ML)], ("N", 3)),
    ("vectorizer that cuts and fills", [node("FeatureVectorizer", "x,x", inputdimensions=[2, 5], **ML)], ("N", 3)),
    ("extractor", [node("ArrayFeatureExtractor", "x,i", **ML)], ("N", 3), {"i": np.array([2, 0, 2])}),
    ("extractor of a vector", [node("ArrayFeatureExtractor", "x,i", **ML)], (3,), {"i": np.array([2, 0])}),
    (
        "perceptron, as converters write it",
        [
            node("Scaler", "x", "s", offset=numbers(3), scale=numbers(3), **ML),
            node("MatMul", "s,W", "m"),
            node("Add", "m,b", "a"),
            node("Relu", "a", "h"),
            node("LinearRegressor", "h", coefficients=numbers(4), intercepts=numbers(1), **ML),
        ],
        ("N", 3),
        {"W": floats(3, 4), "b": floats(4)},
    ),
]


@pytest.mark.parametrize("version", [1, 3, 5])
@pytest.mark.parametrize("case", TABLES, ids=[c[0] for c in TABLES])
def test_affine_operators_of_classical_machine_learning(case, version):
    proto = table(*case[1:], version=version)
    assert_agrees(regions.from_onnx(proto), proto)


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("LinearRegressor", {"coefficients": numbers(3), "post_transform": "SOFTMAX"}, "post_transform=SOFTMAX"),
        ("LinearClassifier", {"coefficients": numbers(6), "post_transform": "LOGISTIC"}, "post_transform=LOGISTIC"),
        ("SVMRegressor", {"coefficients": numbers(3), "kernel_type": "RBF"}, "kernel RBF"),
        ("SVMRegressor", {"coefficients": numbers(3), "one_class": 1}, "takes the sign, which jumps"),
        ("Imputer", {"imputed_value_floats": [1.0], "replaced_value_float": 0.0}, "place of 0 at .*; that jumps"),
        ("Binarizer", {}, "jumps"),
        ("TreeEnsembleRegressor", {}, "jumps"),
        ("Normalizer", {}, "not piecewise linear"),
    ],
)
def test_other_operators_of_classical_machine_learning(kind, given, words):
    with pytest.raises(NotPiecewiseLinearError, match=words):
        regions.from_onnx(table([node(kind, "x", **given, **ML)], ("N", 3)))


def test_one_row_of_coefficients_is_not_guessed():
    given = {"coefficients": numbers(3), "intercepts": numbers(1), "classlabels_ints": [0, 1]}
    with pytest.raises(UnsupportedOperationError, match="runtimes make different scores"):
        regions.from_onnx(table([node("LinearClassifier", "x", "label,y", **given, **ML)], ("N", 3)))


# Branches


def branch(nodes, output, weights=None):
    info = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
    tensors = [numpy_helper.from_array(np.asarray(a), n) for n, a in (weights or {}).items()]
    return helper.make_graph(nodes, "branch", [], info, tensors)


def choice(condition, yes, no, output="z"):
    return helper.make_node("If", [condition], [output], name=f"If of {output}", then_branch=yes, else_branch=no)


def two_branches():
    yes = branch([node("MatMul", "h,V", "m"), node("Relu", "m", "r")], "r", {"V": floats(2, 3)})
    no = branch([node("MatMul", "h,W", "m"), node("Abs", "m", "r")], "r")
    return yes, no


@pytest.mark.parametrize("opset", [11, 13, 16, 19, 21])
@pytest.mark.parametrize("value", [True, False])
def test_an_if_with_a_constant_condition(value, opset):
    yes, no = two_branches()
    nodes = [node("Neg", "x", "h"), choice("c", yes, no), node("MatMul", "z,U")]
    weights = {"c": np.array(value), "W": floats(2, 3), "U": floats(3, 2)}
    proto = model(nodes, ("N", 2), weights, opset=opset)
    network = regions.from_onnx(proto)
    assert network.neurons[0].kind == ("relu" if value else "abs")
    assert_agrees(network, proto)


@pytest.mark.parametrize("value", [2, 3])
def test_an_if_whose_condition_is_computed_from_a_shape(value):
    nodes = [
        node("Neg", "x", "h"),
        node("MatMul", "h,W", "m"),
        node("Shape", "m", "s"),
        node("Gather", "s,one", "n"),
        node("Equal", "n,k", "c"),
        choice("c", branch([node("Relu", "m", "r")], "r"), branch([node("Abs", "m", "r")], "r")),
        node("MatMul", "z,U"),
    ]
    weights = {"W": floats(2, 3), "U": floats(3, 2), "one": np.int64(1), "k": np.int64(value)}
    proto = model(nodes, ("N", 2), weights)
    network = regions.from_onnx(proto)
    assert network.neurons[0].kind == ("relu" if value == 3 else "abs")
    assert_agrees(network, proto)


def test_branches_within_branches_and_what_they_pass_on():
    inner = choice("d", branch([node("Relu", "h", "r")], "r"), branch([node("Softmax", "h", "r")], "r"), "i")
    # The branch hands on a tensor from outside; the other one would need a second input.
    outer = choice("c", branch([inner, node("Add", "i,h", "a")], "a"), branch([node("Add", "h,w", "a")], "a"))
    weights = {"c": np.array([True]), "d": np.array(True), "V": floats(2, 2)}
    given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 2]) for n in "xw"]
    proto = model([node("MatMul", "x,V", "h"), outer, node("Neg", "z")], None, weights, inputs=given)
    network = regions.from_onnx(proto)
    points = points_of(2)
    h = points @ weights["V"].astype(np.float64)
    np.testing.assert_allclose(network(points), -(np.maximum(h, 0) + h), rtol=1e-6)
    same = choice("c", branch([node("Identity", "h", "r")], "r"), branch([node("Neg", "h", "r")], "r"))
    proto = model([node("Relu", "x", "h"), same, node("Neg", "z")], ("N", 2), {"c": np.array(True)})
    assert_agrees(regions.from_onnx(proto), proto)


def test_control_flow_that_depends_on_the_input_is_refused():
    yes, no = branch([node("Relu", "x", "r")], "r"), branch([node("Abs", "x", "r")], "r")
    nodes = [node("Cast", "x", "c", to=TensorProto.BOOL), choice("c", yes, no, "y")]
    with pytest.raises(NotPiecewiseLinearError, match="rounds to BOOL"):
        regions.from_onnx(model(nodes, ("N", 2)))
    with pytest.raises(UnsupportedOperationError, match=r"If at .* control flow decides while it runs"):
        regions.from_onnx(model([choice("x", yes, no, "y")], ("N", 2)))
    loop = helper.make_node("Loop", ["n", "", "x"], ["y"], name="L", body=branch([node("Relu", "x", "r")], "r"))
    with pytest.raises(UnsupportedOperationError, match=r"Loop at node 'L'.*loops written out"):
        regions.from_onnx(model([loop], ("N", 2), {"n": np.int64(3)}))


# Recurrence

ACTIVATIONS = {
    "Relu": ({}, lambda z: np.maximum(z, 0)),
    "LeakyRelu": ({"activation_alpha": [0.25]}, lambda z: np.where(z < 0, 0.25 * z, z)),
    "HardSigmoid": ({"activation_alpha": [0.5], "activation_beta": [0.25]}, lambda z: np.clip(0.5 * z + 0.25, 0, 1)),
    "Affine": ({"activation_alpha": [0.5], "activation_beta": [0.25]}, lambda z: 0.5 * z + 0.25),
    "ThresholdedRelu": ({"activation_alpha": [0.0]}, lambda z: np.maximum(z, 0)),
}


def recurrent(activation, direction, *, bias, start, length, clip, outputs, layout=0, opset=14, steps=3):
    count, hidden = 1 + (direction == "bidirectional"), 3
    weights = {"W": floats(count, hidden, 2), "R": floats(count, hidden, hidden)}
    names = ["x", "W", "R", "", "", ""]
    if bias:
        names[3], weights["B"] = "B", floats(count, 2 * hidden)
    if length:
        names[4], weights["L"] = "L", np.array([length], np.int32)
    if start:
        shape = (1, count, hidden) if layout else (count, 1, hidden)
        names[5], weights["h"] = "h", floats(*shape)
    given = {"hidden_size": hidden, "direction": direction, "activations": [activation] * count}
    given |= {k: v * count for k, v in ACTIVATIONS[activation][0].items()}
    given |= {"clip": clip} if clip else {}
    given |= {"layout": 1} if layout else {}
    shape = (1, steps, 2) if layout else (steps, 1, 2)
    return model([node("RNN", ",".join(names), outputs, **given)], shape, weights, opset=opset), shape


@given(
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    direction=st.sampled_from(["forward", "reverse", "bidirectional"]),
    bias=st.booleans(),
    start=st.booleans(),
    length=st.sampled_from([None, 1, 2, 3]),
    clip=st.sampled_from([None, 0.5]),
    outputs=st.sampled_from(["y,", "last,y", ",y", "y,last"]),
    opset=st.sampled_from([7, 14, 22]),
)
@settings(max_examples=60)
def test_a_recurrence_against_onnxruntime(activation, direction, bias, start, length, clip, outputs, opset):
    case = {"bias": bias, "start": start, "length": length, "clip": clip, "outputs": outputs, "opset": opset}
    proto, shape = recurrent(activation, direction, **case)
    assert_agrees(regions.from_onnx(proto, input_shape=shape), proto, shape=shape)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("outputs", ["y,", ",y"])
def test_a_recurrence_with_the_batch_first(direction, outputs):
    # No runtime at hand knows this layout; the same numbers with the other one do.
    case = {"bias": True, "start": True, "length": 2, "clip": None, "outputs": outputs, "layout": 1}
    proto, _ = recurrent("LeakyRelu", direction, **case)
    other = onnx.ModelProto.FromString(proto.SerializeToString())
    (cell,) = other.graph.node
    cell.attribute.remove(next(a for a in cell.attribute if a.name == "layout"))
    cell.input[0], cell.input[5] = "x#", "h#"
    out = cell.output[outputs == ",y"]
    cell.output[:] = [n and f"{n}#" for n in cell.output]
    other.graph.node.insert(0, node("Transpose", "x", "x#", perm=[1, 0, 2]))
    other.graph.node.insert(0, node("Transpose", "h", "h#", perm=[1, 0, 2]))
    perm = [1, 0, 2] if outputs == ",y" else [2, 0, 1, 3]
    other.graph.node.append(node("Transpose", f"{out}#", out, perm=perm))
    assert_agrees(regions.from_onnx(proto), other)


@pytest.mark.parametrize("given", [{}, {"activations": ["Tanh"]}, {"activations": ["Sigmoid"]}])
def test_a_recurrence_that_is_not_piecewise_linear(given):
    weights, shape = {"W": floats(1, 3, 2), "R": floats(1, 3, 3)}, (3, 1, 2)
    proto = model([node("RNN", "x,W,R", hidden_size=3, **given)], shape, weights)
    with pytest.raises(NotPiecewiseLinearError, match=r"RNN with the activation .*Allowed are Relu, LeakyRelu"):
        regions.from_onnx(proto, input_shape=shape)


def test_a_recurrence_of_too_many_steps():
    proto, shape = recurrent(
        "Relu", "forward", bias=False, start=False, length=None, clip=None, outputs=",y", steps=10_000
    )
    with pytest.raises(UnsupportedOperationError, match="of 10000 steps; allowed are 256"):
        regions.from_onnx(proto, input_shape=shape)


class TwoSteps(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.RNNCell(1, 4, nonlinearity="relu")

    def forward(self, x):
        return self.cell(x[:, 1:], self.cell(x[:, :1]))


class Sequence(nn.Module):
    def __init__(self, **given):
        super().__init__()
        self.rnn = nn.RNN(1, 4, nonlinearity="relu", batch_first=True, **given)

    def forward(self, x):
        return self.rnn(x[:, :, None])[0][:, -1]


@pytest.mark.parametrize("opset", [9, 13, 17])
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("make", [TwoSteps, Sequence])
def test_two_steps_of_a_recurrence_from_torch(tmp_path, make, batch, opset):
    torch.manual_seed(0)
    module = make().eval()
    proto = exported(module, tmp_path / "m.onnx", opset=opset, batch=batch)
    network = regions.from_onnx(tmp_path / "m.onnx")
    assert_agrees(network, proto, shape=(1, 2))
    assert regions.count_regions(network, 3) == 18


@pytest.mark.parametrize("given", [{"bidirectional": True}, {"num_layers": 2}, {"bias": False}])
def test_other_recurrences_from_torch(tmp_path, given):
    torch.manual_seed(0)
    proto = exported(Sequence(**given).eval(), tmp_path / "m.onnx", batch=True)
    assert_agrees(regions.from_onnx(tmp_path / "m.onnx"), proto, shape=(1, 2))


@pytest.mark.slow
def test_a_recurrence_from_the_newer_exporter(tmp_path):
    torch.manual_seed(0)
    exported(Sequence().eval(), tmp_path / "m.onnx", opset=18, dynamo=True)
    assert regions.count_regions(regions.from_onnx(tmp_path / "m.onnx"), 3) == 18


# Sizes

HUGE = 30_000
LARGE = [
    ("ConstantOfShape", [node("ConstantOfShape", "s", "c")], {"s": np.array([HUGE, HUGE])}),
    ("Expand", [node("Expand", "one,s", "c")], {"s": np.array([HUGE, HUGE])}),
    ("Expand", [node("Expand", "x,s", "c")], {"s": np.array([HUGE, HUGE, 2])}),
    ("Tile", [node("Tile", "one,s", "c")], {"s": np.array([HUGE * HUGE])}),
    ("Range", [node("Range", "a,b,d", "c")], {"a": np.float32(0), "b": np.float32(1e9), "d": np.float32(1)}),
    ("Pad", [node("Pad", "x,s", "c")], {"s": np.array([HUGE, HUGE, HUGE, HUGE])}),
    ("Gather", [node("Gather", "r,i", "c")], {"r": np.ones((1, HUGE), np.float32), "i": np.zeros(HUGE, np.int64)}),
    ("OneHot", [node("OneHot", "i,b,v", "c")], {"i": np.zeros(HUGE, np.int64), "b": np.int64(HUGE), "v": floats(2)}),
    ("Einsum", [node("Einsum", "r,r", "c", equation="i,j->ij")], {"r": floats(HUGE)}),
    ("MatMul", [node("MatMul", "l,r", "c")], {"l": floats(HUGE, 1), "r": floats(1, HUGE)}),
    ("Add", [node("Add", "l,r", "c")], {"l": floats(HUGE, 1), "r": floats(1, HUGE)}),
    ("HannWindow", [node("HannWindow", "n", "c")], {"n": np.int64(10**9)}),
    ("Concat", [node("Concat", ",".join(["r"] * 1000), "c", axis=0)], {"r": floats(HUGE)}),
    (
        "Resize",
        [node("Unsqueeze", "x,z", "u"), node("Resize", "u,,,s", "c")],
        {"z": np.array([0, 1]), "s": np.array([1, 1, HUGE, 2 * HUGE])},
    ),
    (
        "Conv",
        [node("Unsqueeze", "x,z", "u"), node("Conv", "u,w", "c", pads=[HUGE] * 4)],
        {"z": np.array([0, 1]), "w": floats(1, 1, 1, 1)},
    ),
]


@pytest.mark.parametrize(("kind", "nodes", "weights"), LARGE, ids=[f"{c[0]} {i}" for i, c in enumerate(LARGE)])
def test_small_files_that_ask_for_large_tensors_are_refused_at_once(kind, nodes, weights):
    weights = weights | {"one": floats(1)}
    proto = model([*nodes, node("ReduceMax", "c", "m"), node("Add", "x,m")], (1, 2), weights, opset=17)
    words = rf"{kind} at .*whose result has \d+ entries; allowed are 16777216"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnsupportedOperationError, match=words):
        regions.from_onnx(proto)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_affine_maps_that_would_be_too_large_are_refused():
    nodes = [node("MatMul", "x,W", "h"), node("Expand", "h,s", "e"), node("MatMul", "e,V")]
    weights = {"W": floats(2, 400), "V": floats(400, 400), "s": np.array([2000, 400])}
    with pytest.raises(UnsupportedOperationError, match=r"an affine map whose matrix has 320000000 entries"):
        regions.from_onnx(model(nodes, (1, 2), weights))


def test_weights_that_the_file_stores_may_be_as_large_as_they_are(monkeypatch):
    monkeypatch.setattr(reader, "LARGEST", 4)
    weights = {"W": floats(5, 2), "V": floats(5, 2)}
    nodes = [node("Transpose", "W", "T"), node("MatMul", "x,T", "h"), node("MatMul", "h,V")]
    assert regions.from_onnx(model(nodes, (1, 2), weights)).input_dimension == 2
    weights["r"] = np.array([1, 20])
    with pytest.raises(UnsupportedOperationError, match="40 entries; allowed are 22"):
        regions.from_onnx(model([node("Tile", "x,r", "t"), node("ReduceMax", "t")], (1, 2), weights))


def test_many_results_may_be_too_large_together(monkeypatch):
    monkeypatch.setattr(reader, "LARGEST", 4)
    nodes = [node("ConstantOfShape", "s", f"c{i}") for i in range(20)]
    nodes += [node("ReduceMax", f"c{i}", f"m{i}") for i in range(20)]
    nodes.append(node("Sum", ",".join(["x", *(f"m{i}" for i in range(20))])))
    with pytest.raises(UnsupportedOperationError, match="more than 64 with those of the nodes before"):
        regions.from_onnx(model(nodes, (1, 2), {"s": np.array([4])}))


@pytest.mark.parametrize("shape", [(1, 10**12), (10**6, 10**6), ("N", 10**6, 10**6)])
def test_an_input_that_is_too_large(shape):
    whole = None if shape[0] in (1, "N") else shape
    with pytest.raises(UnsupportedOperationError, match=r"input 'x' of shape .* has 1000000000000 entries"):
        regions.from_onnx(model([node("Relu", "x")], shape), input_shape=whole)


def test_functions_that_grow_without_bound():
    def function(i, inner):
        body = [helper.make_node(inner, ["a"], ["b"], domain="f"), helper.make_node(inner, ["b"], ["c"], domain="f")]
        return helper.make_function("f", f"F{i}", ["a"], ["c"], body, [helper.make_opsetid("f", 1)])

    proto = model([node("F30", "x", domain="f")], ("N", 2), opset=17, domain="f")
    last = helper.make_function(
        "f", "F0", ["a"], ["c"], [helper.make_node("Relu", ["a"], ["c"])], [helper.make_opsetid("", 17)]
    )
    proto.functions.extend([last, *(function(i, f"F{i - 1}") for i in range(1, 31))])
    with pytest.raises(
        UnsupportedOperationError, match=r"functions come to \d+ nodes written out; allowed are 1048576"
    ):
        regions.from_onnx(proto)
    proto.functions[0].node[0].domain, proto.functions[0].node[0].op_type = "f", "F30"
    with pytest.raises(FileFormatError, match="calls itself"):
        regions.from_onnx(proto)


def test_declared_sizes_of_tensors_are_held_against_the_bytes(tmp_path):
    proto = model([node("MatMul", "x,W")], ("N", 2), {"W": floats(2, 2)})
    onnx.save(proto, tmp_path / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "w.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(FileFormatError, match=r"w\.bin, .*'W', is a git-LFS pointer.*git lfs pull"):
        regions.from_onnx(tmp_path / "m.onnx")
    (tmp_path / "w.bin").write_bytes(b"short")
    with pytest.raises(FileFormatError, match=r"needs 16 bytes; .*w\.bin holds 5 for it"):
        regions.from_onnx(tmp_path / "m.onnx")
    proto.graph.initializer[0].dims[:] = [2**20, 2**20]
    with pytest.raises(UnsupportedOperationError, match=r"'W' has shape \(1048576, 1048576\)"):
        regions.from_onnx(proto)
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(floats(1), "v"), numpy_helper.from_array(np.array([5]), "i"), [HUGE, HUGE]
    )
    constant = helper.make_node("Constant", [], ["c"], sparse_value=sparse)
    with pytest.raises(UnsupportedOperationError, match="900000000 entries"):
        regions.from_onnx(model([constant, node("ReduceMax", "c", "m"), node("Add", "x,m")], (1, 2)))


def test_constant_of_shape_takes_no_memory_before_it_is_refused(tmp_path):
    nodes = [node("ConstantOfShape", "s", "c"), node("ReduceMax", "c", "m"), node("Add", "x,m")]
    onnx.save(model(nodes, (1, 2), {"s": np.array([600_000_000])}), tmp_path / "m.onnx")
    script = f"""
import resource, onnx.reference, numpy, scipy.sparse, regions
from regions.frontends.onnx import reader
from regions.frontends.onnx import verify
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    regions.from_onnx({str(tmp_path / "m.onnx")!r})
except regions.RegionsError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)
    grown, _, message = done.stdout.partition(" ")
    assert "600000000 entries" in message
    assert int(grown) < 100_000


# Refusals before work


@pytest.mark.parametrize(
    ("last", "error", "words"),
    [
        (node("Softmax", "h"), NotPiecewiseLinearError, "Softmax"),
        (node("Mul", "h,h"), NotPiecewiseLinearError, "multiplies two values"),
        (node("Div", "h,h"), NotPiecewiseLinearError, "divides by a value"),
        (node("ThresholdedRelu", "h"), NotPiecewiseLinearError, "it jumps"),
        (node("Cast", "h", to=TensorProto.INT32), NotPiecewiseLinearError, "rounds to INT32"),
        (node("Reshape", "h,h"), UnsupportedOperationError, "allowed is a constant"),
        (node("Thing", "h", domain="elsewhere"), UnsupportedOperationError, "'elsewhere'"),
        (node("RandomNormalLike", "h"), CaptureError, "random"),
        (node("TopK", "h,k", "y,i"), UnsupportedOperationError, "TopK"),
        (node("Resize", "h,,s", mode="cubic"), UnsupportedOperationError, "cubic"),
        (node("Add", "h,missing"), FileFormatError, "nothing computes it"),
    ],
)
def test_what_cannot_be_read_is_refused_before_any_weight_is_touched(monkeypatch, last, error, words):
    def touched(*arguments):
        raise AssertionError("a weight was read")

    monkeypatch.setattr(reader, "_array", touched)
    nodes = [node("MatMul", "x,W", "h"), last]
    with pytest.raises(error, match=words):
        regions.from_onnx(model(nodes, ("N", 2), {"W": floats(2, 2), "k": np.array([1]), "s": floats(2)}))


def test_what_rules_out_regions_by_any_definition_is_named_first():
    nodes = [node("CumSum", "x,k", "h"), node("Softmax", "h")]
    with pytest.raises(NotPiecewiseLinearError, match="Softmax"):
        regions.from_onnx(model(nodes, ("N", 2), {"k": np.array(1)}))


# Files


def whole():
    return model([node("MatMul", "x,W")], ("N", 2), {"W": floats(2, 2)}).SerializeToString()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty.*again"),
        (gzip.compress(whole()), "packed by gzip.*Unpack"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git-LFS pointer.*git lfs pull"),
        (
            (lambda head: struct.pack("<Q", len(head)) + head + bytes(8))(
                json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
            ),
            "safetensors file, which holds weights.*Export",
        ),
        (b"PK\x03\x04 and so on", "damaged archive .File is not a zip file"),
        (b"\x80\x04K\x01.", "a pickle.*any code"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"<!DOCTYPE html><html>", "web page"),
        (bytes(4) + b"ORTM" + bytes(8), "onnxruntime's own format"),
        (whole()[:-20], "damaged or cut off.*again"),
        (whole()[: len(whole()) // 2], "damaged or cut off.*again"),
    ],
)
def test_files_of_other_kinds_are_called_by_their_name(tmp_path, content, words):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=rf"m\.onnx: is .*{words}"):
        regions.from_onnx(path)


def test_names_that_are_no_text():
    data = model([node("MatMul", "x,weight", "hidden"), node("Relu", "hidden")], ("N", 2), {"weight": floats(2, 2)})
    for name in (b"graph", b"weight", b"hidden", b"Relu of y"):
        damaged = data.SerializeToString().replace(name, b"\xff" + name[1:])
        with pytest.raises(FileFormatError, match="is no text"):
            regions.from_onnx(onnx.ModelProto.FromString(damaged))


def test_a_type_that_there_is_not():
    proto = model([node("Relu", "x")], ("N", 2))
    proto.graph.input[0].type.tensor_type.elem_type = 107
    with pytest.raises(FileFormatError, match="no name defined for value 107"):
        regions.from_onnx(proto)


def test_the_rules_of_onnx_are_checked():
    proto = model([node("MatMul", "x,W", "h"), node("Relu", "h")], ("N", 2), {"W": floats(2, 3)})
    proto.graph.value_info.append(helper.make_tensor_value_info("h", TensorProto.FLOAT, ["N", 4]))
    with pytest.raises(FileFormatError, match="breaks the rules of ONNX"):
        regions.from_onnx(proto)
    proto = model([node("Relu", "x", slope=0.5)], ("N", 2))
    with pytest.raises(FileFormatError, match="slope"):
        regions.from_onnx(proto)
    proto = model([node("MatMul", "x,W")], ("N", 2), {"W": np.array([[np.nan], [1.0]], np.float32)})
    with pytest.raises(InvalidNetworkError, match="nan"):
        regions.from_onnx(proto)


def test_limits_are_what_the_documentation_says():
    assert (sizes.LARGEST, sizes.LARGEST_MAP, sizes.LARGEST_STORED) == (2**24, 2**28, 2**30)
    assert run(model([node("Relu", "x")], ("N", 2)), points_of(2)).shape == (12, 2)
