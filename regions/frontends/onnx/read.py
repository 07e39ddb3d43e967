"""ONNX files as exact networks.

The graph is walked once, for a batch of one point. What depends on constants alone is computed by onnx's reference
implementation, in the file's own types; what depends on the input is read as exact affine maps and kinks. The result
is compared with the reference implementation on random points. Nothing in a file is run: it holds
numbers and the names of operators.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regions.errors import FileFormatError, MissingExtraError, RegionsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regions.network.network import Network

__all__ = ["from_onnx"]


def from_onnx(path: Any, *, output: str | None = None, input_shape: Sequence[int] | None = None) -> Network:
    """Read an ONNX file as an exact network.

    Parameters
    ----------
    path : str, Path or onnx.ModelProto
        A file of operator set 7 (ONNX 1.2, 2018) or newer; tensors that it keeps in files beside it are read too.
    output : str, optional
        Name of the tensor to read; the model's output where left out. Naming an inner one cuts off what comes behind
        it, a last Softmax for example.
    input_shape : sequence of int, optional
        Shape of one point, without the batch, e.g. (2,), or (3, 32, 32) for an image; needed where the file leaves
        more open than the batch, and where its first dimension is fixed and not 1: that many points at once, or one
        point of all of it?

    Returns
    -------
    Network
        On the input tensor of one point, flattened: `D` is the product of its shape. Its layers are called by the
        weights' names in the file (``"0"`` for ``"0.weight"``), or by the nodes' names.

    Raises
    ------
    MissingExtraError
        Where onnx is not installed.
    FileNotFoundError
        When there is no such file.
    FileFormatError
        When the file is damaged or of another kind, or breaks the rules of ONNX.
    CaptureError
        When the model has several inputs or outputs, an input whose shape is open, draws random numbers, is in
        training mode, mixes the points of a batch, or differs from what was read.
    NotPiecewiseLinearError
        When it uses an operator that is not piecewise linear: named, with its node.
    UnsupportedOperationError
        When it uses another operator that is not read, or a tensor too large.
    InvalidNetworkError
        When a number is NaN or infinite.

    Notes
    -----
    Weights are the numbers of the file, exactly. Three things are rounded to float64, once each: the factor and the
    shift of a BatchNormalization, the reciprocal of a divisor (`Div`), and the reciprocal of the number of
    entries in a mean or an average pool. From there on the network is exact.

    An ONNX file has no checksum: one with flipped bytes may be another network, and read as that. The part that is
    read is held against the rules of ONNX, shapes and types included, and its numbers must be finite; for more, keep
    a checksum beside the file. A tensor that a node computes may have 2**24 entries, or as many as all tensors in
    the file have together.

    Examples
    --------
    >>> import numpy as np
    >>> from onnx import TensorProto, helper, numpy_helper
    >>> import regions
    >>> weights = [numpy_helper.from_array(np.eye(2, dtype=np.float32), "W")]
    >>> nodes = [helper.make_node("MatMul", ["x", "W"], ["z"]), helper.make_node("Relu", ["z"], ["y"])]
    >>> x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in "xy")
    >>> model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], weights))
    >>> regions.from_onnx(model)
    <Network 2-2 with 2 hidden neurons and 6 parameters>
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError(
            "Reading ONNX files needs the onnx package, which is not installed. "
            "Install it with: pip install 'linear-regions[onnx]'"
        ) from error
    from regions.frontends.onnx.operations import OPERATORS
    from regions.frontends.onnx.reader import Reader
    from regions.frontends.onnx.sizes import check_stored
    from regions.frontends.onnx.verify import compare

    if isinstance(path, onnx.ModelProto):
        model, name = path, ""
        check_stored(model, Path())
    elif isinstance(path, str | Path):
        model, name = _load(Path(path)), f"{path}: "
    else:
        raise TypeError(
            f"a model of type {type(path).__module__}.{type(path).__qualname__} was given; allowed are the path of an "
            "ONNX file and an onnx.ModelProto."
        )
    shape = None if input_shape is None else tuple(input_shape)
    try:
        if model.functions:
            model = _inlined(model)
        reader = Reader(model, output, shape, OPERATORS)
        network = replace(reader.run(), input_shape=reader.point_shape(reader.input_shape))
        compare(reader, network)
    except RegionsError as error:
        if name and not str(error).startswith(name):
            raise type(error)(f"{name}{error}") from error
        raise
    except (IndexError, KeyError, TypeError, ValueError) as error:  # what onnx and protobuf raise on malformed fields
        raise FileFormatError(
            f"{name}The file is damaged, or breaks the rules of ONNX ({type(error).__name__}: {error}). Export the "
            "model again."
        ) from error
    return network


def _load(path: Path) -> Any:
    import onnx

    from regions.frontends.onnx.sizes import check_stored

    if path.is_dir():
        raise FileFormatError(f"{path}: is a folder; an ONNX file is needed. Give the path of one.")
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file; an ONNX file is needed. Check the path.")
    other = _other_kind(path)
    if other:
        raise FileFormatError(f"{path}: {other}")
    try:
        # The file's name has no say in what it is.
        model = onnx.load(str(path), format="protobuf", load_external_data=False)
        check_stored(model, path.parent)
        onnx.load_external_data_for_model(model, str(path.parent))
        return model
    except RegionsError as error:
        raise type(error)(f"{path}: {error}") from error
    except Exception as error:  # protobuf, and what looks after files beside this one, raise many kinds
        reason = str(error).strip().split("\n", 1)[0]
        raise FileFormatError(
            f"{path}: is no ONNX file, or one that is damaged or cut off ({type(error).__name__}: {reason}). Download "
            "or export the model again, and keep files with external data beside it."
        ) from error


_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7z",
}
_FOREIGN = {
    b"PK": "an archive (zip), as numpy and torch write them",
    b"\x80": "a pickle, which is not read: unpickling can run any code",
    b"\x93NUMPY": "a single array (.npy)",
    b"\x89HDF": "an HDF5 file, as Keras writes them",
}


def _other_kind(path: Path) -> str:
    """Say what a file is that is no ONNX file, from its content; nothing where it may be one."""
    from regions.frontends.onnx.sizes import LFS

    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        return "is empty; an ONNX file is needed. Download or export the model again."
    if start.startswith(LFS):
        return "is a git-LFS pointer, which stands for the file and is not it. Get the file itself: git lfs pull."
    for signature, packer in _PACKED.items():
        if start.startswith(signature):
            return f"is packed ({packer}); an ONNX file is needed. Unpack it first."
    for signature, what in _FOREIGN.items():
        if start.startswith(signature):
            return f"is {what}; an ONNX file is needed. regions.frontends.files.load_model tells the kinds apart."
    if start[4:8] in (b"TFL3", b"ORTM"):
        kind = {b"TFL3": "TensorFlow Lite", b"ORTM": "onnxruntime's own format"}[start[4:8]]
        return f"is a model in {kind}; an ONNX file is needed. Give the ONNX file that it was made from, or export one."
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= path.stat().st_size:
        return (
            "is a safetensors file, which holds weights and not what is computed with them; an ONNX file is needed. "
            "Export the whole model."
        )
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "is a web page (HTML); an ONNX file is needed. Download the file itself."
    return ""


def _inlined(model: Any) -> Any:
    """Return the model with its functions written out."""
    from onnx import inliner

    from regions.frontends.onnx.sizes import check_functions

    check_functions(model)
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:
        raise FileFormatError(
            f"The model's functions could not be written out ({type(error).__name__}: {error}). Export it again."
        ) from error
