"""A model of ONNX, opened and read; what needs onnx to be there begins here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
from onnx import inliner

from regions.errors import FileFormatError, RegionsError
from regions.frontends.content import UNKNOWN, content_of
from regions.frontends.onnx.operations import OPERATORS
from regions.frontends.onnx.reader import Reader
from regions.frontends.onnx.sizes import check_functions, check_stored
from regions.frontends.onnx.verify import compare

if TYPE_CHECKING:
    from regions.network.network import Network

__all__ = ["read_model"]


def read_model(path: Any, output: str | None, shape: tuple[int, ...] | None) -> Network:
    """Read a file or a model of onnx; see :func:`regions.from_onnx`."""
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
    try:
        if model.functions:
            model = _inlined(model)
        reader = Reader(model, output, shape, OPERATORS)
        network = replace(reader.run(), input_shape=reader.point_shape(reader.input_shape, reader.assembly.input.size))
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
    if path.is_dir():
        raise FileFormatError(f"{path}: is a folder; an ONNX file is needed. Give the path of one.")
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file; an ONNX file is needed. Check the path.")
    content = content_of(path)
    # Of no known kind may be an ONNX file whose fields stand in another order.
    if content.kind != "onnx" and content.what != UNKNOWN:
        weights = ", which holds weights and not what is computed with them" if content.holds_weights else ""
        raise FileFormatError(
            f"{path}: is {content.what}{weights}; an ONNX file is needed. {content.do or 'Export the whole model.'}"
        )
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


def _inlined(model: Any) -> Any:
    """Return the model with its functions written out."""
    check_functions(model)
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:
        raise FileFormatError(
            f"The model's functions could not be written out ({type(error).__name__}: {error}). Export it again."
        ) from error
