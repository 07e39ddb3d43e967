"""Tells what a file is from its content, and reads those that hold weights alone."""

from __future__ import annotations

import pickletools
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from regions._files import check_sizes, check_sums, read_arrays
from regions.errors import FileFormatError, MissingExtraError

__all__ = ["LFS", "STATISTICS", "UNKNOWN", "Content", "content_of", "read_weights"]

# How a file begins that git-LFS leaves in the place of one it has not fetched.
LFS = b"version https://git-lfs"
UNKNOWN = "of no known kind"
# What a state dict holds of a normalisation.
STATISTICS = ("running_mean", "running_var")
# What is no model as it stands, by how it begins: what it is, and what to do.
_STARTS = {
    b"\x1f\x8b": ("packed by gzip", "Unpack it first, e.g. with gunzip."),
    b"BZh": ("packed by bzip2", "Unpack it first, e.g. with bunzip2."),
    b"\xfd7zXZ\x00": ("packed by xz", "Unpack it first, e.g. with unxz."),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", "Unpack it first, e.g. with unzstd."),
    b"7z\xbc\xaf": ("packed by 7z", "Unpack it first, e.g. with 7z x."),
    LFS: ("a git-LFS pointer, which stands for the file itself", "Fetch the file with: git lfs pull."),
    b"\x89HDF": ("an HDF5 file, as Keras writes", "Give the arrays of model.get_weights() to Network.from_arrays."),
    b"\x93NUMPY": ("a single array (.npy)", ""),
}
_CLOSED = "which is not read: unpickling can run any code"
_ELSEWHERE = {b"TFL3": "TensorFlow Lite", b"ORTM": "onnxruntime's own format"}
# An ONNX file has no signature of its own; writers begin with its version, a small number in the first field.
_ONNX_STARTS = frozenset(bytes([8, version]) for version in range(1, 32))


class Content(NamedTuple):
    """What a file is.

    Parameters
    ----------
    kind : str
        Of those that are read: "onnx", "npz", "pt2", "script", or "weights." with "npz", "pt" or "safetensors" for
        weights alone. "" for others.
    what : str
        The same in words.
    do : str
        What to do with one that is not read, where that is known.
    """

    kind: str
    what: str
    do: str = ""

    @property
    def holds_weights(self) -> bool:
        """Whether there are weights alone, which do not say what is computed with them."""
        return self.kind.startswith("weights.")


def content_of(path: Path) -> Content:
    """Tell what a file is; nothing of it is run.

    Raises
    ------
    FileFormatError
        When it is an archive that unpacks to too much, or has an entry without its checksum.
    """
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        return Content("", "empty", "Save, export or download the model again.")
    for magic, (what, do) in _STARTS.items():
        if start.startswith(magic):
            return Content("", what, do)
    if re.match(rb"\s*<(!doctype|html|\?xml)", start, re.IGNORECASE):
        return Content("", "a web page, perhaps the answer of a failed download", "Download the file again.")
    if start[4:8] in _ELSEWHERE:
        return Content("", f"a model in {_ELSEWHERE[start[4:8]]}", "Give the ONNX file that it was made from.")
    # The size of a header, and the header's brace.
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") + 8 <= path.stat().st_size:
        return Content("weights.safetensors", "a safetensors file")
    if start.startswith(b"\x80"):
        return Content("", f"a pickle, {_CLOSED}")
    if not start.startswith(b"PK") and (path.suffix.lower() == ".onnx" or start[:2] in _ONNX_STARTS):
        return Content("onnx", "an ONNX file")
    try:
        with zipfile.ZipFile(path) as archive:
            check_sizes(path, archive)
            return _of_archive(path, archive)
    except FileFormatError:
        raise
    except Exception as error:  # zipfile raises half a dozen kinds on damaged archives
        if start.startswith(b"PK"):
            return Content("", f"a damaged archive ({error})", "Save or download the file again.")
        return Content("", UNKNOWN)


def _of_archive(path: Path, archive: zipfile.ZipFile) -> Content:
    names = archive.namelist()
    if names and all(name.endswith(".npy") for name in names):
        if "__kind__.npy" not in names and any(n[:-4].rpartition(".")[2] in ("weight", *STATISTICS) for n in names):
            return Content("weights.npz", "a state dict (numpy.savez of weights)")
        return Content("npz", "an .npz file of arrays")
    check_sums(path, archive)
    if any(name.endswith("/models/model.json") for name in names):
        return Content("pt2", "a torch.export file")
    if any(name.startswith("serialized_exported_program") for name in names):
        return Content("", "a torch.export file of torch 2.7 or older")
    if any("/data/aotinductor/" in name for name in names):
        return Content("", "a compiled AOTInductor package, which holds machine code")
    if any("/code/" in name for name in names) and any(name.endswith("/constants.pkl") for name in names):
        return Content("script", "a TorchScript file")
    pickled = next((n for n in names if n.count("/") == 1 and n.endswith("/data.pkl")), None)
    if pickled is not None:
        return _of_pickle(archive.read(pickled))
    return Content("", "an archive of no known kind")


def _of_pickle(data: bytes) -> Content:
    """Say what a torch pickle holds, from its opcodes; nothing of it is run."""
    names: set[str] = set()
    strings: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "GLOBAL":
                names.add(str(argument).partition(" ")[0])
            elif opcode.name == "STACK_GLOBAL":
                names.update(strings[-2:-1])
            elif isinstance(argument, str):
                strings.append(argument)
    except ValueError:
        return Content("", f"a pickle, and damaged, {_CLOSED}")
    if names <= {"collections", "torch", "torch._utils", "torch._tensor", "torch.storage"}:
        return Content("weights.pt", "a state dict (torch.save of weights)")
    return Content("", f"a pickled model (torch.save of a module), {_CLOSED}")


def read_weights(path: Path) -> dict[str, Any]:
    """Read the tensors, or arrays, of a file of weights alone."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file; a file of weights is needed. Check the path.")
    content = Content("", "a folder") if path.is_dir() else content_of(path)
    if not content.holds_weights:
        raise FileFormatError(
            f"{path}: is {content.what}, no file of weights alone; allowed are state dicts of torch.save, safetensors "
            "files and .npz files of numpy.savez(path, **state_dict). Read whole models with regions.load(path)."
        )
    try:
        if content.kind == "weights.npz":
            return read_arrays(path)
        if content.kind == "weights.safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        import torch

        found = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}, no dict of tensors")
        return found
    except FileFormatError:
        raise
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: reading safetensors files needs the safetensors package, which is not installed. "
            "Install it with: pip install 'linear-regions[safetensors]'"
        ) from error
    except Exception as error:  # the readers raise many kinds on damaged files
        reason = str(error).strip().split("\n", 1)[0]
        raise FileFormatError(
            f"{path}: is a damaged file of weights ({type(error).__name__}: {reason}). Allowed are state dicts of "
            "torch.save, safetensors files and .npz files. Save or download the file again."
        ) from error
