"""Weights without a model: read where names and shapes tell the layers, refused where they do not."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions import Network, from_torch
from regions.cli import main
from regions.errors import CaptureError, FileFormatError, InvalidNetworkError, MissingExtraError, OptionError


class Named(nn.Module):
    def __init__(self, **layers):
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        *hidden, last = self.children()
        for layer in hidden:
            x = layer(x).relu()
        return last(x)


class Listed(nn.Module):
    def __init__(self, *widths):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(n, m) for n, m in pairwise(widths))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x)


def statistics(n):
    norm = nn.BatchNorm1d(n)
    with torch.no_grad():
        norm.running_mean.copy_(torch.randn(n))
        norm.running_var.copy_(torch.rand(n) + 0.5)
        norm.weight.copy_(torch.randn(n))
        norm.bias.copy_(torch.randn(n))
    return norm


def sequential(*modules):
    return nn.Sequential(*modules).eval()


READ = {
    "sequential": lambda: sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1)),
    "one layer": lambda: nn.Linear(2, 3),
    "no biases": lambda: sequential(nn.Linear(2, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False)),
    "more than ten modules": lambda: sequential(
        *(m for _ in range(7) for m in (nn.Linear(3, 3), nn.ReLU())), nn.Linear(3, 1)
    ),
    "fc1, fc2": lambda: Named(fc1=nn.Linear(2, 3), fc2=nn.Linear(3, 3), fc3=nn.Linear(3, 1)),
    "told by shapes": lambda: Named(inner=nn.Linear(2, 5), first=nn.Linear(5, 3), head=nn.Linear(3, 1)),
    "numbers and shapes": lambda: Named(fc1=nn.Linear(2, 4), fc2=nn.Linear(4, 4), out=nn.Linear(4, 1)),
    "module list": lambda: Listed(2, 4, 4, 4, 1),
    "two sequentials": lambda: nn.Sequential(
        OrderedDict(
            features=nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 3), nn.ReLU()),
            classifier=nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)),
        )
    ),
    "dropout on the way": lambda: sequential(nn.Linear(2, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 1)),
    "norm before the activation": lambda: sequential(nn.Linear(2, 4), statistics(4), nn.ReLU(), nn.Linear(4, 1)),
    "norm behind the activation": lambda: sequential(nn.Linear(2, 4), nn.ReLU(), statistics(4), nn.Linear(4, 1)),
    "norms at the ends": lambda: sequential(
        statistics(2), nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2), nn.BatchNorm1d(2, affine=False)
    ),
    "half": lambda: sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)).half(),
    "bfloat16": lambda: sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)).bfloat16(),
    "float64": lambda: sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)).double(),
}


def assert_same(network, other):
    assert [layer.name for layer in network.layers] == [layer.name for layer in other.layers] or len(other.layers) == 1
    for a, b in zip(network.layers, other.layers, strict=True):
        for name in ("weight", "bias", "below", "above"):
            assert np.array_equal(getattr(a, name), getattr(b, name))
    assert [n.kind for n in network.neurons] == [n.kind for n in other.neurons]


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_what_the_model_is(name):
    torch.manual_seed(0)
    model = READ[name]()
    expected = from_torch(model)
    state = model.state_dict()
    assert_same(regions.from_state_dict(state, activation="relu"), expected)
    # Neither the order of the entries nor the kind of the arrays matters.
    turned = dict(sorted(state.items(), reverse=True))
    assert_same(regions.from_state_dict(turned, activation="relu"), expected)
    arrays = {k: v.double().numpy() for k, v in state.items()}
    hidden = sum(bool(layer.kinked.any()) for layer in expected.layers)
    assert_same(regions.from_state_dict(arrays, activation=["relu"] * hidden), expected)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("how", ["torch", "safetensors", "npz"])
def test_files(tmp_path, how, wide, capsys):
    torch.manual_seed(0)
    n = 40 if wide else 3
    model = sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, n), nn.ReLU(), nn.Linear(n, 1))
    state = model.state_dict()
    path = tmp_path / {"torch": "m.pt", "safetensors": "m.safetensors", "npz": "m.npz"}[how]
    if how == "torch":
        torch.save(state, path)
    elif how == "safetensors":
        pytest.importorskip("safetensors.torch").save_file(state, path)
    else:
        np.savez(path, **state)
    expected = from_torch(model)
    assert_same(regions.from_state_dict(path, activation="relu"), expected)
    assert_same(regions.from_state_dict(str(path), activation=["relu", "relu"]), expected)
    assert_same(regions.load(path, activation="relu"), expected)
    with pytest.raises(FileFormatError, match=r"weights alone do not say.*--layers relu.*from_state_dict.*from_torch"):
        regions.load(path)
    count = regions.count_regions(model, 3)
    assert main(["count", str(path), "--bound", "3", "--layers", "relu"]) == 0
    assert capsys.readouterr().out.startswith(f"{count} activation regions")
    assert main(["plot", str(path), "--bound", "3", "--layers", "relu,relu", "-o", str(tmp_path / "m.png")]) == 0
    assert main(["count", str(path), "--bound", "3"]) == 2
    assert "--layers relu" in capsys.readouterr().err
    assert main(["report", "--model", str(path), "-o", str(tmp_path / "out"), "--bounds", "3"]) == 2
    assert "regions.from_state_dict(path, activation='relu')" in capsys.readouterr().err
    assert main(["count", str(path), "--bound", "3", "--layers", "relu,relu,relu"]) == 2
    assert "3 activations were given for 2 hidden layers" in capsys.readouterr().err


def test_activations(tmp_path, capsys):
    torch.manual_seed(0)
    model = sequential(nn.Linear(2, 3), nn.LeakyReLU(0.25), nn.Linear(3, 3), nn.Identity(), nn.Linear(3, 1))
    network = regions.from_state_dict(model.state_dict(), activation=[(0.25, 1.0), "identity"])
    assert_same(network, from_torch(model))
    torch.save(model.state_dict(), tmp_path / "m.pt")
    assert main(["count", str(tmp_path / "m.pt"), "--bound", "3", "--layers", "0.25:1,identity"]) == 0
    assert capsys.readouterr().out.startswith(f"{regions.count_regions(model, 3)} ")
    doubled = regions.from_state_dict(model.state_dict(), activation=[(2.0, 2.0), "abs"])
    points = np.random.default_rng(0).standard_normal((20, 2))
    with torch.no_grad():
        wide = model.double()
        expected = wide[4]((wide[2](2 * wide[0](torch.tensor(points)))).abs()).numpy()
    assert np.allclose(doubled(points), expected)
    with pytest.raises(InvalidNetworkError, match="'tanh' was given; allowed are"):
        regions.from_state_dict(model.state_dict(), activation="tanh")
    with pytest.raises(SystemExit):
        main(["count", str(tmp_path / "m.pt"), "--bound", "3", "--layers", "a:b"])
    assert "a pair of slopes such as 0.01:1" in capsys.readouterr().err


def test_the_epsilon_of_normalisations():
    torch.manual_seed(0)
    model = sequential(nn.Linear(2, 4), nn.BatchNorm1d(4, eps=0.5), nn.ReLU(), nn.Linear(4, 1))
    assert_same(regions.from_state_dict(model.state_dict(), activation="relu", epsilon=0.5), from_torch(model))


def state(module):
    return lambda: module().state_dict()


REFUSED = {
    "convolution": (state(lambda: sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 1))), "of unknown stride"),
    "prelu": (state(lambda: sequential(nn.Linear(2, 3), nn.PReLU(3), nn.Linear(3, 1))), "may be that of a PReLU"),
    "layer norm": (state(lambda: sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 1))), "1.weight"),
    "lstm": (state(lambda: nn.LSTM(2, 3)), "weight_ih_l0"),
    "weight norm": (
        state(lambda: nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))),
        "remove_parametrizations",
    ),
    "order": (state(lambda: Named(into=nn.Linear(2, 2), onward=nn.Linear(2, 2))), "do not tell the order"),
    "autoencoder": (state(lambda: Named(encoder=nn.Linear(2, 3), decoder=nn.Linear(3, 2))), "Rename them to"),
    "many equal ones": (
        state(lambda: Named(**{f"{chr(97 + i)}x": nn.Linear(3, 3) for i in range(26)})),
        "do not tell the order",
    ),
    "no chain": (state(lambda: Named(fc1=nn.Linear(2, 3), fc2=nn.Linear(4, 1))), "do not follow one another"),
    "another head": (
        state(lambda: Named(fc1=nn.Linear(2, 3), one=nn.Linear(3, 1), two=nn.Linear(3, 1))),
        "do not follow one another",
    ),
    "norms without numbers": (
        state(lambda: Named(fc1=nn.Linear(2, 3), bn=nn.BatchNorm1d(3), fc2=nn.Linear(3, 1))),
        "on which side of an activation",
    ),
    "norm with room on both sides": (
        state(lambda: sequential(nn.Linear(2, 3), nn.Dropout(), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 1))),
        "on which side of an activation",
    ),
    "norm behind a last activation": (
        state(lambda: sequential(nn.Linear(2, 3), nn.ReLU(), nn.BatchNorm1d(3))),
        "on which side of an activation",
    ),
    "checkpoint": (lambda: {"epoch": 3, "model": nn.Linear(2, 1).state_dict()}, "Of a checkpoint give"),
    "nested": (lambda: {"model": nn.Linear(2, 1).state_dict()}, "is a OrderedDict"),
    "norm alone": (state(lambda: nn.BatchNorm1d(2)), "holds no weight matrix"),
    "nothing": (dict, "holds no weight matrix"),
    "bias alone": (lambda: {"0.bias": torch.zeros(3)}, "there is no weight to it"),
    "bias of another size": (
        lambda: {"0.weight": torch.zeros(3, 2), "0.bias": torch.zeros(2)},
        "does not fit the bias",
    ),
    "half a norm": (
        lambda: {"0.weight": torch.zeros(3, 2), "1.running_mean": torch.zeros(3)},
        "not those of a BatchNorm1d",
    ),
    "float8": (lambda: {"0.weight": torch.zeros(3, 2).to(torch.float8_e4m3fn)}, "float8_e4m3fn; allowed are"),
    "meta": (lambda: {"0.weight": torch.zeros(3, 2, device="meta")}, "on the meta device"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_names_and_shapes_do_not_tell_is_refused(name):
    make, said = REFUSED[name]
    with pytest.raises(CaptureError) as caught:
        regions.from_state_dict(make(), activation="relu")
    message = str(caught.value)
    assert said in message
    assert "llowed" in message
    assert any(word in message for word in ("Capture", "capture", "Rename", "give", "Check", "Load", "convert"))


def test_the_number_of_inputs_may_tell_the_order(tmp_path, capsys):
    model = Named(fc=nn.Linear(2, 4), out=nn.Linear(4, 2))
    with pytest.raises(CaptureError, match="give input_dimension=D"):
        regions.from_state_dict(model.state_dict(), activation="relu")
    network = regions.from_state_dict(model.state_dict(), activation="relu", input_dimension=2)
    assert_same(network, from_torch(model, input_dimension=2))
    assert regions.from_state_dict(model.state_dict(), activation="relu", input_dimension=4).widths == (4, 2, 4)
    with pytest.raises(CaptureError, match=r"input_dimension=3 was given.*take 2 inputs"):
        regions.from_state_dict({"0.weight": torch.ones(1, 2)}, activation="relu", input_dimension=3)
    # At the command line there is a plane.
    torch.save(model.state_dict(), tmp_path / "m.pt")
    assert main(["count", str(tmp_path / "m.pt"), "--bound", "3", "--layers", "relu"]) == 0
    assert capsys.readouterr().out.startswith(f"{regions.count_regions(network, 3)} ")


def test_other_mistakes(tmp_path):
    with pytest.raises(TypeError, match="from_torch"):
        regions.from_state_dict(nn.Linear(2, 1), activation="relu")
    with pytest.raises(TypeError, match="activation"):
        regions.from_state_dict(nn.Linear(2, 1).state_dict())
    with pytest.raises(InvalidNetworkError, match=r"0\.weight: entry \(0, 0\) is nan"):
        regions.from_state_dict({"0.weight": np.full((1, 2), np.nan)}, activation="relu")
    with pytest.raises(FileNotFoundError, match="no such file"):
        regions.from_state_dict(tmp_path / "none.pt", activation="relu")
    network = Network.from_arrays([np.eye(2), np.ones((1, 2))])
    network.save(tmp_path / "net.npz")
    with pytest.raises(FileFormatError, match="no file of weights alone"):
        regions.from_state_dict(tmp_path / "net.npz", activation="relu")
    with pytest.raises(FileFormatError, match="no file of weights alone"):
        regions.from_state_dict(tmp_path, activation="relu")
    torch.save({"0.weight": torch.ones(3, 2), "1.weight": torch.ones(3, 2)}, tmp_path / "m.pt")
    with pytest.raises(CaptureError, match=r"m\.pt: The layers"):
        regions.from_state_dict(tmp_path / "m.pt", activation="relu")


def test_an_activation_is_for_files_that_do_not_say_it(tmp_path, capsys):
    network = Network.from_arrays([np.eye(2), np.ones((1, 2))])
    network.save(tmp_path / "net.npz")
    np.savez(tmp_path / "told.npz", W0=np.eye(2), W1=np.ones((1, 2)), activation="abs")
    np.savez(tmp_path / "plain.npz", W0=np.eye(2), W1=np.ones((1, 2)))
    torch.export.save(torch.export.export(nn.Linear(2, 1), (torch.zeros(3, 2),)), tmp_path / "m.pt2")
    for name in ("net.npz", "told.npz", "m.pt2"):
        with pytest.raises(OptionError, match="Leave the activation out"):
            regions.load(tmp_path / name, activation="relu")
        assert main(["count", str(tmp_path / name), "--bound", "1", "--layers", "relu"]) == 2
        assert "says itself what its activations are" in capsys.readouterr().err
    assert regions.load(tmp_path / "plain.npz", activation="abs").layers[0].kind == "abs"
    assert regions.load(tmp_path / "plain.npz").layers[0].kind == "relu"


def test_files_of_weights_run_nothing_and_damage_is_seen(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path / "caught").mkdir, ()

    path = tmp_path / "m.pt"
    torch.save({"0.weight": Trap()}, path)
    for call in (
        lambda: regions.from_state_dict(path, activation="relu"),
        lambda: regions.load(path, activation="relu"),
    ):
        with pytest.raises(FileFormatError):
            call()
    assert not (tmp_path / "caught").exists()
    layer = nn.Linear(2, 3)
    torch.save(layer.state_dict(), path)
    content = bytearray(path.read_bytes())
    content[content.index(layer.weight.detach().numpy().tobytes())] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="checksum"):
        regions.from_state_dict(path, activation="relu")
    # A plain pickle of arrays is none of the formats, and stays closed.
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"0.weight": np.eye(2)}))
    with pytest.raises(FileFormatError, match="is a pickle"):
        regions.load(tmp_path / "m.pkl", activation="relu")


def test_safetensors_are_an_extra(tmp_path, monkeypatch):
    import sys

    save = pytest.importorskip("safetensors.torch").save_file
    for n in range(40):
        # Headers of every size: their first byte is that of a pickle at some.
        save({"0.weight": torch.ones(1, 2)}, tmp_path / f"{n}.safetensors", metadata={"of": "x" * 8 * n})
        assert regions.load(tmp_path / f"{n}.safetensors", activation="relu").widths == (2, 1)
    for module in [name for name in sys.modules if name.startswith("safetensors")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(MissingExtraError, match=r"linear-regions\[safetensors\]"):
        regions.load(tmp_path / "0.safetensors", activation="relu")


STARTS = {
    "gzip": (b"\x1f\x8b\x08\x00rest of it", "packed by gzip", "gunzip"),
    "bzip2": (b"BZh91AY", "packed by bzip2", "bunzip2"),
    "xz": (b"\xfd7zXZ\x00\x00", "packed by xz", "unxz"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04", "packed by zstd", "unzstd"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-LFS pointer", "git lfs pull"),
    "page": (b"<!DOCTYPE html><html>", "a web page", "Download"),
    "keras": (b"\x89HDF\r\n\x1a\n0000", "HDF5", "get_weights"),
}


@pytest.mark.parametrize("suffix", ["pt", "onnx", "npz"])
@pytest.mark.parametrize("name", STARTS)
def test_files_that_stand_for_others_are_named(tmp_path, name, suffix, capsys):
    start, said, advice = STARTS[name]
    path = tmp_path / f"m.{suffix}"
    path.write_bytes(start)
    with pytest.raises(FileFormatError) as caught:
        regions.load(path)
    assert said in str(caught.value)
    assert advice in str(caught.value)
    assert main(["count", str(path), "--bound", "1"]) == 2
    assert said in capsys.readouterr().err


def test_networks_of_other_dimensions_at_the_command_line(tmp_path, capsys):
    for n, said in ((3, "plane.compose(model).save('plane.npz')"), (1, "regions.enumerate_segment")):
        network = Network.from_arrays([np.ones((2, n)), np.ones((1, 2))])
        network.save(tmp_path / "m.npz")
        for command in (["count"], ["plot", "-o", str(tmp_path / "m.png")]):
            assert main([command[0], str(tmp_path / "m.npz"), "--bound", "1", *command[1:]]) == 2
            assert said in capsys.readouterr().err
    plane = regions.Slice.through([0.0, 0.0, 0.0], [1.0, 0.0, 0.5], [0.0, 1.0, 0.25])
    network = Network.from_arrays([np.eye(3), np.ones((1, 3))])
    plane.compose(network).save(tmp_path / "plane.npz")
    assert main(["count", str(tmp_path / "plane.npz"), "--domain", "-0.5", "-0.5", "1.5", "1.5"]) == 0
    assert capsys.readouterr().out.startswith(f"{regions.count_regions(network, plane)} ")


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_looked_into(tmp_path, monkeypatch):
    path = tmp_path / "m.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", bytes(1 << 27))

    def read(*_):
        raise AssertionError("the archive was unpacked")

    monkeypatch.setattr(zipfile.ZipFile, "read", read)
    with pytest.raises(FileFormatError, match="unpacks from"):
        regions.from_state_dict(path, activation="relu")
