"""Tells files apart by how they begin, and reads those that hold weights alone."""

from __future__ import annotations

import pickletools
import re
import zipfile
from pathlib import Path
from typing import Any, Literal

from regions._files import check_sizes, check_sums, read_arrays
from regions.errors import FileFormatError, MissingExtraError

__all__ = ["Kind", "describe_pickle", "foreign_start", "is_safetensors", "read_weights", "weights_in"]

Kind = Literal["npz", "safetensors", "torch"]

_PACKED = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ\x00": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
}


def foreign_start(start: bytes) -> tuple[str, str] | None:
    """Say what a file is that begins so, and what to do, where it can be no model as it stands.

    Parameters
    ----------
    start : bytes
        The first 64 bytes or more.

    Returns
    -------
    (str, str) or None
        None where it may be one.
    """
    for magic, (name, command) in _PACKED.items():
        if start.startswith(magic):
            return f"packed by {name}", f"Unpack it first, e.g. with {command}."
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of git-LFS, which stands for the file itself", "Fetch the file with: git lfs pull."
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "an HDF5 file, as Keras writes", "Give the arrays of model.get_weights() to regions.Network.from_arrays."
    if re.match(rb"\s*<(!doctype|html|\?xml)", start, re.IGNORECASE):
        return "a web page, perhaps the answer of a failed download", "Download the file again."
    return None


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors files do: with the size of a header, and the header's brace."""
    with path.open("rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:] == b"{" and int.from_bytes(start[:8], "little") + 8 <= path.stat().st_size


def describe_pickle(data: bytes) -> str:
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
        return "a pickle, and damaged"
    plain = names <= {"collections", "torch", "torch._utils", "torch._tensor", "torch.storage"}
    return "a state dict (torch.save of weights), a pickle" if plain else "a pickled model (torch.save of a module)"


def weights_in(path: Path) -> Kind | None:
    """Tell how a file holds weights alone; None where it is none that does.

    Parameters
    ----------
    path : Path

    Returns
    -------
    {"npz", "safetensors", "torch"} or None

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    FileFormatError
        When it is an archive that unpacks to more than :func:`regions._files.check_sizes` allows.
    """
    if not path.is_file():
        if path.is_dir():
            return None
        raise FileNotFoundError(f"{path}: there is no such file; a file of weights is needed. Check the path.")
    if is_safetensors(path):
        return "safetensors"
    try:
        with zipfile.ZipFile(path) as archive:
            check_sizes(path, archive)
            names = archive.namelist()
            if names and all(name.endswith(".npy") for name in names):
                return None if "__kind__.npy" in names else "npz"
            pickled = [n for n in names if n.count("/") == 1 and n.endswith("/data.pkl")]
            whole = any("/code/" in name or name.endswith("/models/model.json") for name in names)
            if pickled and not whole and "a state dict" in describe_pickle(archive.read(pickled[0])):
                return "torch"
    except FileFormatError:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return None
    return None


def read_weights(path: Path, kind: Kind) -> dict[str, Any]:
    """Read the tensors of a file of weights.

    Parameters
    ----------
    path : Path
    kind : {"npz", "safetensors", "torch"}
        What :func:`weights_in` says that it is.

    Returns
    -------
    dict of str to Tensor or ndarray

    Raises
    ------
    FileFormatError
        When it is damaged.
    MissingExtraError
        When it is a safetensors file, and that package is not installed.
    """
    if kind == "safetensors":
        try:
            from safetensors.torch import load_file
        except ImportError as error:
            raise MissingExtraError(
                f"{path}: reading safetensors files needs the safetensors package, which is not installed. "
                "Install it with: pip install 'linear-regions[safetensors]'"
            ) from error
    try:
        if kind == "safetensors":
            return dict(load_file(path))
        if kind == "npz":
            return read_arrays(path)
        import torch

        with zipfile.ZipFile(path) as archive:
            check_sizes(path, archive)
            check_sums(path, archive)
        found = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}, no dict of tensors")
        return found
    except FileFormatError:
        raise
    except Exception as error:  # the readers raise many kinds on damaged files
        reason = str(error).strip().split("\n", 1)[0]
        raise FileFormatError(
            f"{path}: is a damaged file of weights ({type(error).__name__}: {reason}). Allowed are state dicts of "
            "torch.save, safetensors files and .npz files. Save or download the file again."
        ) from error
