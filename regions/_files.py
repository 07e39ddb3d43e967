"""Versioned `.npz` files of plain arrays: written atomically, read without unpickling."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import FileFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_npz", "write_atomically", "write_npz"]


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_npz(path: str | Path, kind: str, version: int, arrays: dict[str, NDArray[Any]]) -> None:
    """Write `arrays` with the file's kind and version, atomically.

    Parameters
    ----------
    path : str or Path
        `.npz` is added where it is missing.
    kind : str
        Says what the file holds.
    version : int
        Version of that kind's layout.
    arrays : dict of str to ndarray
        Plain arrays; object arrays are refused.
    """
    path = Path(path)
    if path.suffix != ".npz":
        path = path.with_name(path.name + ".npz")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, __kind__=np.array(kind), __version__=np.array(version), **arrays)
    write_atomically(path, buffer.getvalue())


def read_npz(path: str | Path, kind: str, version: int) -> dict[str, NDArray[Any]]:
    """Read what `write_npz` wrote; never unpickles.

    Parameters
    ----------
    path : str or Path
    kind : str
        The kind that is expected.
    version : int
        The newest version that is understood.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    FileFormatError
        When the file is damaged, of another kind, or newer than this release.
    """
    try:
        # numpy leaves a path that it opened itself open when the zip in it is broken.
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except Exception as error:
        # A damaged header makes numpy and zipfile raise almost anything, SyntaxError included.
        raise FileFormatError(
            f"{path}: could not be read as a file of kind {kind!r} ({error}). "
            "It is damaged or foreign; write it again with save()."
        ) from error
    found = str(arrays.pop("__kind__", "none"))
    if found != kind:
        raise FileFormatError(f"{path}: holds kind {found!r}; {kind!r} is needed.")
    version_entry = arrays.pop("__version__", np.array(-1))
    found_version = int(version_entry) if version_entry.shape == () and version_entry.dtype.kind in "iu" else -1
    if not 1 <= found_version <= version:
        raise FileFormatError(
            f"{path}: is of version {found_version}; this release reads versions 1 to {version}. Update regions."
        )
    return arrays
