"""Whole ONNX models: exported from torch, made by hand as verification benchmarks make them, and refused ones."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx_exports import acas_like, exported
from onnx_models import assert_agrees, model, node
from torch import nn

import regions
from regions.cli import main
from regions.errors import (
    CaptureError,
    FileFormatError,
    InvalidNetworkError,
    NotPiecewiseLinearError,
    RegionsError,
    UnsupportedOperationError,
)
from regions.testing import networks

OPSETS = range(8, 23)
# Of the newer exporter, which takes seconds each time.
NEWER = range(18, 27)


class Image(nn.Module):
    """Makes an image of a vector, in a way that every operator set knows."""

    def __init__(self, *shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(-1, *self.shape)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x):
        return torch.relu(x + self.second(torch.relu(self.norm(self.first(x)))))


def mlp():
    return nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 5), nn.LeakyReLU(0.2), nn.Linear(5, 3))


def small_conv(norm=False):
    """As conv_small of the MNIST benchmarks, on smaller images, behind a layer of two inputs."""
    norms = [[nn.BatchNorm2d(n)] if norm else [] for n in (3, 4)]
    return nn.Sequential(
        *(nn.Linear(2, 36), Image(1, 6, 6)),
        *(nn.Conv2d(1, 3, 4, stride=2, padding=1), *norms[0], nn.ReLU()),
        *(nn.Conv2d(3, 4, 3, stride=2, padding=1), *norms[1], nn.ReLU()),
        *(nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 3)),
    )


def pooled():
    return nn.Sequential(
        *(nn.Linear(2, 16), Image(1, 4, 4), nn.Conv2d(1, 2, 3, padding=1), nn.ReLU6(), nn.MaxPool2d(2)),
        *(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(2, 3)),
    )


def residual():
    return nn.Sequential(nn.Linear(2, 18), Image(2, 3, 3), Residual(2), nn.Flatten(), nn.Linear(18, 2))


def ready(make):
    """A model in evaluation mode whose normalisations have seen data."""
    torch.manual_seed(3)
    made = make()
    made.train()
    with torch.no_grad():
        for _ in range(3):
            made(2 * torch.randn(32, 2))
    return made.eval()


@pytest.mark.parametrize("opset", OPSETS)
def test_every_operator_set_that_torch_writes(tmp_path, opset):
    module = ready(lambda: small_conv(norm=True))
    proto = exported(module, tmp_path / "m.onnx", opset=opset, batch=opset % 2 == 0)
    assert proto.opset_import[0].version == opset
    network = regions.from_onnx(tmp_path / "m.onnx")
    assert_agrees(network, proto)


@pytest.mark.slow
@pytest.mark.parametrize("opset", NEWER)
def test_every_operator_set_that_torch_writes_in_its_newer_way(tmp_path, opset):
    proto = exported(ready(lambda: small_conv(norm=True)), tmp_path / "m.onnx", opset=opset, dynamo=True)
    assert proto.opset_import[0].version == opset
    assert_agrees(regions.from_onnx(tmp_path / "m.onnx"), proto)


@pytest.mark.parametrize("make", [mlp, small_conv, pooled, residual])
def test_a_module_and_its_file_have_the_same_regions(tmp_path, make):
    module = ready(make)
    proto = exported(module, tmp_path / "m.onnx", opset=17)
    network = regions.from_onnx(tmp_path / "m.onnx")
    assert_agrees(network, proto)
    count = regions.count_regions(network, 1)
    assert count > 5
    assert count == regions.count_regions(module, 1)


def written(network, style):
    """A network of Linear and ReLU as an ONNX file in float64, affine maps in one of the usual styles."""
    nodes, weights, name = [], {}, "x"
    for i, layer in enumerate(network.layers):
        weights |= {f"W{i}": layer.weight if style == "gemm, transB" else layer.weight.T, f"B{i}": layer.bias}
        if style == "matmul and add":
            nodes += [node("MatMul", f"{name},W{i}", f"m{i}"), node("Add", f"B{i},m{i}", f"z{i}")]
        else:
            nodes.append(node("Gemm", f"{name},W{i},B{i}", f"z{i}", transB=int(style == "gemm, transB")))
        name = f"z{i}"
        if layer.kinked.any():
            nodes.append(node("Relu", name, f"a{i}"))
            name = f"a{i}"
    return model([*nodes, node("Identity", name)], ("N", 2), weights, dtype=np.float64)


@given(network=networks(activations=("relu",)), style=st.sampled_from(["gemm", "gemm, transB", "matmul and add"]))
@settings(max_examples=40)
def test_what_is_written_is_read_again(network, style):
    found = regions.from_onnx(written(network, style))
    assert [layer.kinked.any() for layer in found.layers] == [layer.kinked.any() for layer in network.layers]
    for ours, theirs in zip(network.layers, found.layers, strict=True):
        np.testing.assert_array_equal(ours.weight, theirs.weight)
        np.testing.assert_array_equal(ours.bias, theirs.bias)


def test_layers_and_neurons_are_called_as_the_modules_are(tmp_path):
    exported(ready(small_conv), tmp_path / "m.onnx")
    network = regions.from_onnx(tmp_path / "m.onnx")
    assert [layer.name for layer in network.layers] == ["0", "2", "4", "7", "9"]
    neuron = network.neurons[10]
    assert (neuron.name, neuron.kind, neuron.index, neuron.pixel) == ("2", "relu", (1, 0, 1), (0, 1))
    assert network.input_shape == (2,)


def test_the_input_of_images_keeps_its_shape():
    network = regions.from_onnx(model(node("Conv", "x,W"), (1, 2, 3, 4), {"W": np.ones((1, 2, 2, 2), np.float32)}))
    assert network.input_shape == (2, 3, 4)
    assert network.input_dimension == 24


@pytest.mark.parametrize("old_inputs", [False, True])
@pytest.mark.parametrize("opset", [8, 9, 13])
def test_subtraction_first_as_in_older_benchmarks(opset, old_inputs):
    proto, weights = acas_like(opset=opset, old_inputs=old_inputs)
    network = regions.from_onnx(proto)
    assert_agrees(network, proto, shape=(1, 1, 1, 2))
    # The mean is kept apart from the weights: nothing is rounded but the reciprocal of the range.
    first, second = network.layers[:2]
    np.testing.assert_array_equal(first.bias, -weights["mean"].astype(np.float64))
    np.testing.assert_array_equal(np.diag(second.weight), 1.0 / weights["range"].astype(np.float64))
    assert {layer.name for layer in network.layers} >= {"MatMul of m0", "MatMul of m1", "MatMul of m2"}
    assert regions.count_regions(network, 1e5) > 10


def test_weights_are_read_exactly():
    weight = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    network = regions.from_onnx(model([node("Gemm", "x,W,b", alpha=0.7)], (1, 2), {"W": weight, "b": weight[0]}))
    exact, _ = network.evaluate_exact([1, 0])
    alpha = Fraction(float(np.float32(0.7)))
    assert exact == [alpha * Fraction(float(w)) + Fraction(float(b)) for w, b in zip(weight[0], weight[0], strict=True)]


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_precisions(dtype):
    random = np.random.default_rng(5)
    weights = {"W": random.standard_normal((2, 4)).astype(dtype), "V": random.standard_normal((4, 2)).astype(dtype)}
    proto = model(
        [node("MatMul", "x,W", "u"), node("Relu", "u", "v"), node("MatMul", "v,V")], (1, 2), weights, dtype=dtype
    )
    network = regions.from_onnx(proto)
    np.testing.assert_array_equal(network.layers[0].weight, weights["W"].T.astype(np.float64))
    assert_agrees(network, proto, dtype=dtype)


def test_bfloat16():
    weight = helper.make_tensor("W", TensorProto.BFLOAT16, (2, 1), [1.5, -0.25])
    proto = model(
        [
            node("Cast", "x", "b", to=TensorProto.BFLOAT16),
            node("MatMul", "b,W", "u"),
            node("Cast", "u", to=TensorProto.FLOAT),
        ],
        ("N", 2),
    )
    proto.graph.initializer.append(weight)
    assert regions.from_onnx(proto).layers[0].weight.tolist() == [[1.5, -0.25]]


@pytest.mark.parametrize("shape", [("N", 2), (None, 2), (-1, 2), (0, 2), (1, 2), (2,)])
def test_shapes_of_the_batch(shape):
    proto = model([node("MatMul", "x,W", "u"), node("Relu", "u")], shape, {"W": np.eye(2, dtype=np.float32)})
    assert regions.count_regions(regions.from_onnx(proto), 1) == 4


def test_a_file_for_another_batch_is_not_guessed():
    nodes, weights = [node("MatMul", "x,W", "u"), node("Relu", "u")], {"W": np.eye(2, dtype=np.float32)}
    proto = model(nodes, (4, 2), weights)
    with pytest.raises(
        CaptureError, match=r"has shape \(4, 2\): 4 points .*input_shape=\(2,\) or input_shape=\(4, 2\)"
    ):
        regions.from_onnx(proto)
    assert regions.count_regions(regions.from_onnx(proto, input_shape=(2,)), 1) == 4
    whole = regions.from_onnx(proto, input_shape=(4, 2))
    assert (whole.input_dimension, whole.input_shape) == (8, (4, 2))
    # Where the points of the batch are mixed, or their number is written into the file, there is no such network.
    mixed = model([node("ReduceSum", "x,zero")], (4, 2), {"zero": np.array([0])})
    with pytest.raises(CaptureError, match="something else in a batch of 4"):
        regions.from_onnx(mixed, input_shape=(2,))
    weights["s"] = np.array([4, 2])
    fixed = model([*nodes[:1], node("Reshape", "u,s")], (4, 2), weights)
    with pytest.raises(CaptureError, match=r"for a batch of 4.* batch of 1, or an open one"):
        regions.from_onnx(fixed, input_shape=(2,))


def test_an_open_image_needs_its_shape():
    proto = model(node("GlobalMaxPool", "x"), ("N", 1, "H", "W"))
    with pytest.raises(CaptureError, match=r"\(N, 1, H, W\); allowed .* without the batch, e.g. input_shape=\(2,\)"):
        regions.from_onnx(proto)
    network = regions.from_onnx(proto, input_shape=(1, 2, 2))
    assert network.input_shape == (1, 2, 2)
    assert_agrees(network, proto, shape=(1, 1, 2, 2))
    for wrong in ((1, 2), (), (1, 2, 0), (1, 2, 2.0), (3, 2, 2)):
        with pytest.raises(CaptureError, match="input_shape="):
            regions.from_onnx(proto, input_shape=wrong)
    with pytest.raises(CaptureError, match=r"without the batch. Give input_shape=\(1, 2, 2\)"):
        regions.from_onnx(proto, input_shape=(1, 1, 2, 2))


def test_input_shape_means_the_same_of_modules_and_files(tmp_path):
    module = nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).eval()
    proto = exported(module, tmp_path / "m.onnx", shape=(1, 1, 3, 3), batch=True)
    first, second = (
        regions.from_torch(module, input_shape=(1, 3, 3)),
        regions.from_onnx(proto, input_shape=(1, 3, 3)),
    )
    assert first.input_shape == second.input_shape == (1, 3, 3)
    points = np.random.default_rng(0).standard_normal((5, 9))
    np.testing.assert_allclose(first(points), second(points), rtol=1e-12)


def test_an_input_of_unknown_shape():
    proto = model(node("Relu", "x"), None)
    with pytest.raises(CaptureError, match="shape unknown; allowed"):
        regions.from_onnx(proto)
    assert regions.from_onnx(proto, input_shape=(2, 3)).input_shape == (2, 3)


def test_an_inner_tensor_can_be_named():
    nodes = [node("MatMul", "x,W", "scores"), node("Softmax", "scores")]
    proto = model(nodes, ("N", 2), {"W": np.eye(2, dtype=np.float32)})
    with pytest.raises(NotPiecewiseLinearError, match=r"Softmax at node 'Softmax of y'.*output='scores'.*comes last"):
        regions.from_onnx(proto)
    network = regions.from_onnx(proto, output="scores")
    np.testing.assert_array_equal(network([[1.0, 2.0]]), [[1.0, 2.0]])
    with pytest.raises(CaptureError, match=r"no tensor of that name.*scores, y"):
        regions.from_onnx(proto, output="logits")


def test_functions_of_the_file_are_written_out():
    body = [helper.make_node("MatMul", ["a", "b"], ["c"]), helper.make_node("Relu", ["c"], ["d"])]
    function = helper.make_function("local", "Layer", ["a", "b"], ["d"], body, [helper.make_opsetid("", 17)])
    proto = model(
        [node("Layer", "x,W", domain="local")], ("N", 2), {"W": np.eye(2, dtype=np.float32)}, opset=17, domain="local"
    )
    proto.functions.append(function)
    assert regions.count_regions(regions.from_onnx(proto), 1) == 4


def test_weights_in_a_file_beside_it(tmp_path):
    proto = model([node("MatMul", "x,W", "u"), node("Relu", "u")], ("N", 2), {"W": np.eye(2, dtype=np.float32)})
    onnx.save(proto, tmp_path / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    assert regions.count_regions(regions.from_onnx(str(tmp_path / "m.onnx")), 1) == 4
    (tmp_path / "w.bin").unlink()
    with pytest.raises(FileFormatError, match=r"w\.bin"):
        regions.from_onnx(tmp_path / "m.onnx")


def test_files_on_the_command_line(tmp_path, capsys):
    path = tmp_path / "model.onnx"
    onnx.save(
        model([node("MatMul", "x,W", "u"), node("Relu", "u")], ("N", 2), {"W": np.eye(2, dtype=np.float32)}), path
    )
    assert main(["count", str(path), "--bound", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["regions"] == 4
    # What it is shows in its content.
    other = path.rename(tmp_path / "model")
    assert regions.count_regions(regions.load(other), 1) == 4


SQUARE = {"W": np.eye(2, dtype=np.float32)}
TWO = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in "xz"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        *((k, "is not piecewise linear") for k in ("Sigmoid", "Tanh", "Exp", "Softplus", "Elu", "HardSwish", "Sqrt")),
        *((k, "jumps") for k in ("Sign", "Floor", "ArgMax", "Not", "Round")),
        *((k, "not supported") for k in ("TopK", "CumSum", "Einsum", "Det2")),
    ],
)
def test_operators_that_are_refused(kind, words):
    with pytest.raises(UnsupportedOperationError, match=f"uses {kind} at node '{kind} of y'.*{words}.*can be read"):
        regions.from_onnx(model(node(kind, "x"), ("N", 2)))


@pytest.mark.parametrize(
    ("nodes", "weights", "error", "words"),
    [
        (node("Mul", "x,x"), {}, NotPiecewiseLinearError, "multiplies two values"),
        ([node("Transpose", "x", "t"), node("MatMul", "x,t")], {}, NotPiecewiseLinearError, "multiplies two values"),
        (node("Div", "W,x"), SQUARE, NotPiecewiseLinearError, "divides by a value"),
        (node("Div", "x,c"), {"c": np.zeros(2, np.float32)}, InvalidNetworkError, "divides by 0.0"),
        (node("Mul", "x,c"), {"c": np.float32("nan")}, InvalidNetworkError, "is nan in some entry"),
        (node("MatMul", "x,c"), {"c": np.full((2, 1), np.inf, np.float32)}, InvalidNetworkError, "inf"),
        (node("Cast", "x", to=TensorProto.INT64), {}, NotPiecewiseLinearError, "rounds to INT64"),
        (node("ThresholdedRelu", "x"), {}, NotPiecewiseLinearError, "it jumps"),
        (node("Shrink", "x"), {}, NotPiecewiseLinearError, "it jumps"),
        (node("RandomNormalLike", "x"), {}, CaptureError, "draws random numbers"),
        ([node("RandomNormal", "", "r", shape=[2]), node("Add", "x,r")], {}, CaptureError, "draws random numbers"),
        (node("Dropout", "x,r,t"), {"r": np.float32(0.5), "t": np.array(True)}, CaptureError, "training mode"),
        (node("FusedGemm", "x,W", domain="com.microsoft"), SQUARE, UnsupportedOperationError, "'com.microsoft'"),
        (node("Identity", "W"), SQUARE, CaptureError, "from 0 inputs"),
        ([node("Shape", "x", "s"), node("Cast", "s", to=TensorProto.FLOAT)], {}, CaptureError, "does not depend"),
        (node("Relu", "missing"), {}, FileFormatError, "nothing computes it"),
        (node("Add", "x,missing"), {}, FileFormatError, "nothing computes it"),
        (node("Reshape", "x,x"), {}, UnsupportedOperationError, "depends on the model's input; allowed is a constant"),
        (node("MatMul", "x,c"), {"c": np.ones((3, 2), np.float32)}, FileFormatError, "Incompatible dimensions"),
        (node("Conv", "x,W"), SQUARE, FileFormatError, "at least 3 dimensions"),
        (node("Pad", "x,p"), {"p": np.array([0, 0, 0, -1])}, UnsupportedOperationError, "negative widths"),
        (node("ReduceMean", "x", axes=[0]), {}, CaptureError, "something else in a batch of 3"),
    ],
)
def test_models_that_are_refused(nodes, weights, error, words):
    for n in nodes if isinstance(nodes, list) else [nodes]:
        while "" in n.input:
            n.input.remove("")
    with pytest.raises(error, match=words) as caught:
        regions.from_onnx(model(nodes, ("N", 2), weights))
    assert any(word in str(caught.value) for word in ("llowed", "must be", "can be read", "Export"))


def test_several_inputs_and_outputs_are_refused():
    with pytest.raises(CaptureError, match=r"from 2 inputs \('x', 'z'\)"):
        regions.from_onnx(model(node("Add", "x,z"), None, inputs=TWO))
    # An input that the output does not need is no hindrance.
    assert regions.from_onnx(model(node("Relu", "x"), None, inputs=TWO)).n_neurons == 2
    two = model([node("Relu", "x", "a"), node("Abs", "x", "b")], ("N", 2), output=["a", "b"])
    with pytest.raises(CaptureError, match=r"2 outputs \(a, b\).*output="):
        regions.from_onnx(two)
    assert regions.from_onnx(two, output="b").neurons[0].kind == "abs"


def test_integer_inputs_and_old_operator_sets_are_refused():
    given = [helper.make_tensor_value_info("x", TensorProto.INT64, ["N", 2])]
    with pytest.raises(CaptureError, match="of type INT64; allowed are tensors of float16"):
        regions.from_onnx(model(node("Relu", "x"), None, inputs=given))
    with pytest.raises(UnsupportedOperationError, match=r"operator set 6; allowed are 7 to .*convert_version"):
        regions.from_onnx(model(node("Relu", "x"), ("N", 2), opset=6))
    with pytest.raises(TypeError, match="path of an ONNX file"):
        regions.from_onnx(3)


def test_files_that_are_no_models_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        regions.from_onnx(tmp_path / "none.onnx")
    with pytest.raises(FileFormatError, match="folder"):
        regions.from_onnx(tmp_path)
    (tmp_path / "text.onnx").write_text("hello, this is no model")
    for read in (regions.from_onnx, regions.load):
        with pytest.raises(FileFormatError, match=r"text.onnx: is no ONNX file, or one that is damaged or cut off"):
            read(tmp_path / "text.onnx")
    (tmp_path / "void.onnx").write_bytes(b"\x08\x07")
    with pytest.raises(FileFormatError, match=r"void.onnx: The file holds no ONNX model"):
        regions.from_onnx(tmp_path / "void.onnx")


def test_damage_is_told_or_harmless(tmp_path):
    proto, _ = acas_like()
    whole = proto.SerializeToString()
    random = np.random.default_rng(0)
    path = tmp_path / "m.onnx"
    told = harmless = 0
    for _ in range(150):
        data = bytearray(whole)
        if random.random() < 0.3:
            data = data[: random.integers(len(data))]
        else:
            for at in random.integers(len(data), size=3):
                data[at] = random.integers(256)
        path.write_bytes(data)
        try:
            regions.from_onnx(path)
        except RegionsError as error:
            told += str(path) in str(error)
        else:
            harmless += 1
    assert told + harmless == 150
    assert told > 50


def test_a_difference_from_the_file_is_found(monkeypatch):
    from regions.frontends.onnx import operations

    def wrong(reader, operation):
        return reader.kinked(operation, operation.input(0), 1e-9, kind="relu")

    monkeypatch.setitem(operations.HANDLERS, "Relu", wrong)
    with pytest.raises(CaptureError, match="differs from the file"):
        regions.from_onnx(model(node("Relu", "x"), ("N", 2)))


def test_reading_needs_no_torch_and_says_what_is_missing(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(model(node("Relu", "x"), ("N", 2)), path)
    script = f"import sys, regions; regions.from_onnx({str(path)!r}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "False"
    script = f"""
import sys
sys.modules["onnx"] = None
import regions
try:
    regions.from_onnx({str(path)!r})
except ImportError as error:
    print(isinstance(error, regions.RegionsError), error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.startswith("True")
    assert "pip install 'linear-regions[onnx]'" in done.stdout
