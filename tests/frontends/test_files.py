"""Models read from files, and files that are refused without a line of theirs being run."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import warnings
import zipfile

import numpy as np
import pytest
import torch
from torch import nn
from torch_models import Function

import regions
from regions import Network, RegionComplex, from_torch
from regions.errors import (
    FileFormatError,
    InvalidNetworkError,
    NotPiecewiseLinearError,
    UnsupportedOperationError,
)

POINTS = 3 * np.random.default_rng(0).standard_normal((40, 2))


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1))


def same(network, other):
    pairs = zip(network.layers, other.layers, strict=True)
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in pairs
        for name in ("weight", "bias", "below", "above")
    )


def exported(path, module=None, batch=3, dynamic=False):
    shapes = ({0: torch.export.Dim("P")},) if dynamic else None
    program = torch.export.export(module or model(), (torch.zeros(batch, 2),), dynamic_shapes=shapes)
    torch.export.save(program, path)
    return path


def scripted(path, module, how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made = torch.jit.script(module) if how == "script" else torch.jit.trace(module, torch.zeros(1, 2))
        made.save(path)
    return path


def changed(path, change):
    """Rewrite an archive entry by entry: `change` takes name and content, and gives a new content or None."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            new = change(name, content)
            if new is not None:
                archive.writestr(name, new)
    return path


class Trap:
    """A pickle of this writes a file when it is loaded."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_a_saved_network_comes_back(tmp_path):
    network = from_torch(model())
    network.save(tmp_path / "net.npz")
    loaded = regions.load(str(tmp_path / "net.npz"))
    assert same(loaded, network)
    assert [layer.name for layer in loaded.layers] == ["0", "2", "4"]


@pytest.mark.parametrize("names", [("weight_{}", "bias_{}"), ("W{}", "b{}")])
@pytest.mark.parametrize("activation", [None, "abs", ["relu", "abs"], [0.25, 1.0], [[0.25, 1.0], [-1.0, 1.0]]])
def test_plain_arrays(tmp_path, names, activation):
    generator = np.random.default_rng(1)
    weights = [generator.standard_normal(s).astype(np.float32) for s in ((3, 2), (2, 3), (1, 2))]
    biases = [generator.standard_normal(len(w)) for w in weights]
    arrays = {names[0].format(i): w for i, w in enumerate(weights)}
    arrays |= {names[1].format(i): b for i, b in enumerate(biases) if i != 1}
    if activation is not None:
        arrays["activation"] = np.array(activation)
    np.savez(tmp_path / "a.npz", **arrays)
    pairs = [tuple(a) if isinstance(a, list) else a for a in activation] if isinstance(activation, list) else activation
    pairs = tuple(pairs) if activation == [0.25, 1.0] else pairs
    biases[1] = np.zeros(2)
    expected = Network.from_arrays(weights, biases, activation="relu" if activation is None else pairs)
    assert same(regions.load(tmp_path / "a.npz"), expected)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("batch", [1, 3, 200])
def test_an_exported_model(tmp_path, dynamic, batch):
    if dynamic and batch == 1:
        pytest.skip("torch.export takes a batch of one for fixed")
    loaded = regions.load(exported(tmp_path / "m.pt2", batch=batch, dynamic=dynamic))
    assert same(loaded, from_torch(model()))
    assert [layer.name for layer in loaded.layers] == ["0", "2", "4"]


class Shaped(nn.Module):
    """Holds its batch size fast in a reshape, and layers in a plain list, in bfloat16 and with a residual."""

    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(2, 4), nn.Linear(4, 2)]

    def forward(self, x):
        y = x.reshape(x.shape[0], 2)
        return (self.layers[1](self.layers[0](y).relu()) - x).split(1, dim=1)[0].squeeze(-1)


def test_an_exported_model_of_fixed_batch_and_lifted_tensors(tmp_path):
    torch.manual_seed(0)
    module = Shaped()
    with pytest.warns(UserWarning, match="missing from model.parameters"):
        network = from_torch(module)
    loaded = regions.load(exported(tmp_path / "m.pt2", module, batch=6))
    assert same(loaded, network)
    loaded = regions.load(exported(tmp_path / "m.pt2", module, batch=6, dynamic=True))
    assert same(loaded, network)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("how", ["script", "trace"])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_torchscript_model(tmp_path, how, frozen):
    module = model().eval()
    path = scripted(tmp_path / "m.pt", module, how)
    if frozen:
        torch.jit.freeze(torch.jit.load(path)).save(path)
    loaded = regions.load(path)
    assert same(loaded, from_torch(module))
    with torch.no_grad():
        assert np.allclose(loaded(POINTS), module.double()(torch.tensor(POINTS)).numpy(), atol=1e-6)
    assert frozen or [layer.name for layer in loaded.layers] == ["0", "2", "4"]


def test_reading_torchscript_warns_of_nothing(tmp_path, recwarn):
    path = scripted(tmp_path / "m.pt", model(), "trace")
    recwarn.clear()
    regions.load(path)
    assert not [str(w.message) for w in recwarn]


def test_operations_are_refused_by_name_from_files_too(tmp_path):
    module = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid())
    for path in (exported(tmp_path / "m.pt2", module), scripted(tmp_path / "m.pt", module, "trace")):
        with pytest.raises(NotPiecewiseLinearError, match="sigmoid is not piecewise linear"):
            regions.load(path)
    with pytest.raises(UnsupportedOperationError, match="sort"):
        regions.load(exported(tmp_path / "m.pt2", Function(lambda m, x: m.a(x).sort().values)))


def assert_refused(path, *said, kind=FileFormatError):
    with pytest.raises(kind) as caught:
        regions.load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    for words in said:
        assert words in message
    assert "llowed are" in message
    assert any(word in message for word in ("Save", "Give", "Check", "Export", "write one", "Rename"))
    return message


def test_files_that_are_no_models_are_refused(tmp_path):
    assert_refused(tmp_path, "is a folder")
    assert_refused(tmp_path / "none.npz", "no such file", kind=FileNotFoundError)
    (tmp_path / "empty.pt").touch()
    assert_refused(tmp_path / "empty.pt", "is empty")
    (tmp_path / "text.pt2").write_text("hello, this is no model")
    assert_refused(tmp_path / "text.pt2", "of no known kind")
    np.save(tmp_path / "one.npy", np.eye(2))
    assert_refused(tmp_path / "one.npy", "single array")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert_refused(tmp_path / "other.zip", "an archive of no known kind")
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
    assert_refused(tmp_path / "old.pt2", "torch 2.7 or older")
    with zipfile.ZipFile(tmp_path / "compiled.pt2", "w") as archive:
        archive.writestr("m/data/aotinductor/model/x.so", "")
    assert_refused(tmp_path / "compiled.pt2", "machine code")


@pytest.mark.parametrize("kind", ["npz", "plain npz", "pt2", "script"])
def test_damaged_files_are_refused(tmp_path, kind):
    path = tmp_path / "m"
    if kind == "npz":
        from_torch(model()).save(tmp_path / "m.npz")
        path = tmp_path / "m.npz"
    elif kind == "plain npz":
        path = tmp_path / "m.npz"
        np.savez(path, W0=np.ones((300, 2)), W1=np.ones((1, 300)))
    elif kind == "pt2":
        exported(tmp_path / "m.pt2")
        path = tmp_path / "m.pt2"
    else:
        scripted(path, model(), "trace")
    content, network = path.read_bytes(), regions.load(path)
    for size in (4, 30, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(FileFormatError):
            regions.load(path)
    rng = np.random.default_rng(0)
    for times in [1] * 60 + [20] * 20:
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), times):
            damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        # Padding and dates may change; what is computed may not.
        with contextlib.suppress(FileFormatError):
            assert same(regions.load(path), network)


def stored(path, name):
    """Where the content of an archive's entry begins."""
    with zipfile.ZipFile(path) as archive:
        entry = next(e for e in archive.infolist() if e.filename.endswith(name))
    header = path.read_bytes()[entry.header_offset : entry.header_offset + 30]
    start = entry.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return start, entry.file_size


@pytest.mark.parametrize("kind", ["npz", "plain npz", "pt2", "script"])
def test_flipped_numbers_are_told(tmp_path, kind):
    path = tmp_path / "m.npz"
    if kind == "npz":
        # Compressed entries are refused by the decompressor or by their checksum.
        from_torch(model()).save(path)
        name = "weight_0.npy"
    elif kind == "plain npz":
        np.savez(path, W0=np.eye(2), W1=np.ones((1, 2)))
        name = "W0.npy"
    elif kind == "pt2":
        exported(path)
        name = "data/weights/weight_0"
    else:
        scripted(path, model(), "trace")
        name = "data/0"
    start, size = stored(path, name)
    content = path.read_bytes()
    for place in (start + size - 1, start + size - 2) if kind != "npz" else (start + 40, start + 41):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(FileFormatError):
            regions.load(path)


def test_an_array_that_says_it_is_smaller_is_told(tmp_path):
    """numpy reads so many numbers as the header says, and never comes to the checksum."""
    path = tmp_path / "a.npz"
    np.savez(path, W0=np.ones((7, 2)), W1=np.ones((1, 4)))
    content = path.read_bytes()
    assert content.count(b"(7, 2)") == 1
    path.write_bytes(content.replace(b"(7, 2)", b"(4, 2)"))
    with pytest.raises(FileFormatError):
        regions.load(path)
    # The same with the right checksum.
    np.savez(path, W0=np.ones((7, 2)), W1=np.ones((1, 4)))
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for shape in (b"(4, 2)", b"(9, 2)", b"(9" + b"9" * 15 + b", 2)"):
        with zipfile.ZipFile(path, "w") as archive:
            for name, entry in entries.items():
                spare = len(shape) - 6
                archive.writestr(name, entry.replace(b"(7, 2)", shape).replace(b" " * spare + b"\n", b"\n", 1))
        with pytest.raises(FileFormatError, match=r"W0\.npy of shape .* needs \d+ bytes, but has 112"):
            regions.load(path)


def zeros(path, names, size):
    """An archive whose entries unpack to as many zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            with archive.open(name, "w") as file:
                if name.endswith(".npy"):
                    header = {"descr": "<f8", "fortran_order": False, "shape": (size // 16, 2)}
                    np.lib.format.write_array_header_1_0(file, header)
                for _ in range(size >> 20):
                    file.write(bytes(1 << 20))
    return path


@pytest.mark.parametrize(
    "names",
    [
        ["W0.npy"],
        ["m/models/model.json", "m/data/weights/weight_0"],
        ["m/code/a.py", "m/constants.pkl", "m/data/0"],
        ["m/data.pkl"],
        ["readme.txt"],
    ],
)
def test_archives_that_unpack_to_too_much_are_refused_before_any_work(tmp_path, monkeypatch, names):
    path = zeros(tmp_path / "m.npz", names, 100 << 20)
    assert path.stat().st_size < 1 << 20

    def never(*arguments, **options):
        raise AssertionError("it is refused by what it declares")

    monkeypatch.setattr(zipfile.ZipFile, "open", never)
    monkeypatch.setattr(torch.jit, "load", never)
    assert_refused(path, "unpacks from", "64 MiB, or 100 times", "numpy.savez")
    for load in (Network.load, RegionComplex.load):
        with pytest.raises(FileFormatError, match="unpacks from"):
            load(path)


def test_a_network_of_almost_only_zeros_is_read_again(tmp_path):
    network = Network.from_arrays([np.zeros((2000, 2)), np.zeros((4500, 2000)), np.zeros((1, 4500))])
    network.save(tmp_path / "m.npz")
    assert same(regions.load(tmp_path / "m.npz"), network)


def test_a_tensor_that_repeats_a_few_bytes_without_end_is_refused(tmp_path):
    def endless(name, content):
        if name.endswith("weights_config.json"):
            config = json.loads(content)
            meta = config["config"]["0.weight"]["tensor_meta"]
            meta["sizes"] = [{"as_int": 10**9}, {"as_int": 2}]
            meta["strides"] = [{"as_int": 0}, {"as_int": 1}]
            return json.dumps(config).encode()
        return content

    path = changed(exported(tmp_path / "m.pt2"), endless)
    assert_refused(path, "0.weight of shape (1000000000, 2) needs 8000000000 bytes", "contiguous()")


def test_entries_that_are_missing_or_wrong_are_refused(tmp_path):
    path = tmp_path / "m.pt2"
    without = lambda part: lambda name, content: None if part in name else content  # noqa: E731
    for part in ("weight_0", "weights_config", "constants_config"):
        assert_refused(changed(exported(path), without(part)), ".json" if "config" in part else "weight_0")
    wrong = lambda part, new: lambda name, content: new if part in name else content  # noqa: E731
    assert_refused(changed(exported(path), wrong("models/model.json", b"{}")), "damaged")
    assert_refused(changed(exported(path), wrong("models/model.json", b"{")), "damaged")
    assert_refused(changed(exported(path), wrong("weight_0", b"1234")), "damaged")
    assert_refused(changed(exported(path), wrong("byteorder", b"big")), "big-endian")


def test_pickles_are_refused_and_not_run(tmp_path):
    target = tmp_path / "caught"
    torch.save(model().state_dict(), tmp_path / "state.pt")
    message = assert_refused(tmp_path / "state.pt", "a state dict")
    assert "regions.from_torch(model).save('model.npz')" in message
    torch.save(model(), tmp_path / "model.pt")
    assert_refused(tmp_path / "model.pt", "a pickled model", "can run any code")
    torch.save({"model": Trap(target)}, tmp_path / "trap.pt")
    assert_refused(tmp_path / "trap.pt", "a pickled model")
    torch.save(Trap(target), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert_refused(tmp_path / "old.pt", "a pickle")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Trap(target)))
    assert_refused(tmp_path / "plain.pkl", "a pickle")
    np.savez(tmp_path / "objects.npz", W0=np.array([Trap(target)], dtype=object))
    assert_refused(tmp_path / "objects.npz", "Python objects")
    assert not target.exists()
    # The trap does work, where it is unpickled.
    pickle.loads(pickle.dumps(Trap(target)))
    assert target.exists()


def test_a_pickle_hidden_in_an_exported_file_is_not_run(tmp_path):
    target = tmp_path / "caught"
    buffer = io.BytesIO()
    torch.save((Trap(target),), buffer)
    trap = buffer.getvalue()
    path = tmp_path / "m.pt2"

    # torch.export.load would unpickle the sample inputs; here they are never opened.
    changed(exported(path), lambda name, content: trap if "sample_inputs" in name else content)
    assert same(regions.load(path), from_torch(model()))

    def pickled(name, content):
        if name.endswith("weight_0"):
            return trap
        if name.endswith("weights_config.json"):
            config = json.loads(content)
            config["config"]["0.weight"]["use_pickle"] = True
            return json.dumps(config).encode()
        return content

    assert_refused(changed(exported(path), pickled), "0.weight is pickled", "run any code")
    assert not target.exists()


@pytest.mark.parametrize(
    "call", ["torch.os.system", "torch.ops.aten.from_file.default", "builtins.eval", "_operator.call"]
)
def test_an_exported_file_calls_nothing_but_operators(tmp_path, call):
    def replaced(name, content):
        if not name.endswith("models/model.json"):
            return content
        program = json.loads(content)
        program["graph_module"]["graph"]["nodes"][1]["target"] = call
        return json.dumps(program).encode()

    path = changed(exported(tmp_path / "m.pt2"), replaced)
    with pytest.raises(UnsupportedOperationError, match=r"allowed are torch's own operators.*Export"):
        regions.load(path)


def test_arrays_that_are_no_network_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    eye = np.eye(2)
    for arrays, said in (
        ({"W0": eye, "extra": eye}, "'extra'"),
        ({"W0": eye, "W2": eye}, "weight_2"),
        ({"W0": eye, "b1": eye[0]}, "bias_1"),
        ({"b0": eye[0]}, "0 weights"),
        ({"W0": eye, "weight_0": eye}, "1 weights"),
    ):
        np.savez(path, **arrays)
        assert_refused(path, said, "numbered from 0" if said != "'extra'" else "Rename")
    np.savez(path, W0=eye, W1=np.ones((2, 3)))
    with pytest.raises(InvalidNetworkError, match="takes 3 inputs"):
        regions.load(path)
    np.savez(path, W0=eye, W1=eye, activation="tanh")
    with pytest.raises(InvalidNetworkError, match="'tanh' was given; allowed are"):
        regions.load(path)
    np.savez(path, W0=np.full((2, 2), np.nan))
    with pytest.raises(InvalidNetworkError, match="must be finite"):
        regions.load(path)
    np.savez(path, W0=np.ones(3))
    with pytest.raises(InvalidNetworkError, match=r"shape \(3,\)"):
        regions.load(path)
