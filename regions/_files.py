"""Files written so that none is lost, and versioned `.npz` files of plain arrays, read without unpickling."""

from __future__ import annotations

import io
import math
import os
import secrets
import stat
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import FileFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["allowed_size", "check_sizes", "check_sums", "read_arrays", "read_npz", "write_atomically", "write_npz"]

# What an archive may unpack to: so many bytes, or so many times its own size. Deflate reaches 1 000 times, weights and
# complexes stay below 20.
_UNPACKED = 2**26
_RATIO = 100
_BINARY = getattr(os, "O_BINARY", 0)


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    Parameters
    ----------
    path : str or Path
        Of a symbolic link the file that it leads to is replaced. A file that is there keeps its mode. A pipe or a
        device cannot be replaced and is written to.
    data : bytes

    Raises
    ------
    OSError
        Names `path`; what was there is as it was.
    """
    target = Path(os.path.realpath(path))
    try:
        _replace(target, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(target: Path, data: bytes) -> None:
    mode = _mode(target)
    if mode is not None and not (stat.S_ISREG(mode) and os.access(target, os.W_OK)):
        # Fails with the right error where it is a folder, or must not be written.
        target.write_bytes(data)
        return
    # Hidden, beside the target, as only within a file system one file can take another's place. The process's umask
    # applies to the mode by itself; to read it means to change it for all threads.
    temporary = target.with_name(f".regions-{secrets.token_hex(8)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _mode(target: Path) -> int | None:
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None


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
    arrays = {"__kind__": np.array(kind), "__version__": np.array(version), **arrays}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    if sum(array.nbytes for array in arrays.values()) > allowed_size(buffer.tell()) // 2:
        # Almost all zeros: compressed it would be refused when it is read.
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())


def allowed_size(size: int) -> int:
    """What `size` bytes of a file may unpack to, in bytes."""
    return max(_UNPACKED, _RATIO * size)


def check_sizes(path: str | Path, archive: zipfile.ZipFile) -> None:
    """Refuse an archive that unpacks to more than it can be worth, before any of it is unpacked.

    Parameters
    ----------
    path : str or Path
    archive : zipfile.ZipFile
        The open file.

    Raises
    ------
    FileFormatError
        When the sizes that the archive declares add up to more than 64 MiB and more than 100 times its own size.
    """
    # No more of an entry than its declared size is ever unpacked.
    declared, size = sum(entry.file_size for entry in archive.infolist()), Path(path).stat().st_size
    if declared > allowed_size(size):
        raise FileFormatError(
            f"{path}: unpacks from {size} bytes to {declared}; allowed are {allowed_size(size)}: 64 MiB, or 100 times "
            "the file's size. Save it uncompressed if that is meant, e.g. with numpy.savez."
        )
    names = archive.namelist()
    if len(set(names)) < len(names):
        raise FileFormatError(f"{path}: has two entries of one name; it is damaged. Save it again.")


def check_sums(path: str | Path, archive: zipfile.ZipFile) -> None:
    """Refuse an archive with an entry that has not the checksum that is stored for it; torch looks at none.

    Parameters
    ----------
    path : str or Path
    archive : zipfile.ZipFile
        The open file.

    Raises
    ------
    FileFormatError
        When an entry has another one.
    Exception
        Of several kinds, where it cannot be unpacked at all.
    """
    damaged = archive.testzip()
    if damaged is not None:
        raise FileFormatError(
            f"{path}: its entry {damaged} does not have the checksum that is stored for it; the file is damaged. Save "
            "or download it again."
        )


def read_arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """All arrays of an `.npz` file, of any kind; never unpickles.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    FileFormatError
        When :func:`check_sizes` refuses it.
    Exception
        Almost any other, when it is damaged: numpy and zipfile raise SyntaxError among others.
    """
    # zipfile leaves a path that it opened itself open when the zip in it is broken.
    with open(path, "rb") as raw, zipfile.ZipFile(raw) as archive:
        check_sizes(path, archive)
        # Whole entries, whose checksums are looked at: numpy stops where an array's header says that it ends.
        return {name.removesuffix(".npy"): _array(name, archive.read(name)) for name in archive.namelist()}


def _array(name: str, content: bytes) -> NDArray[Any]:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    # Later versions are for names of fields beyond ASCII, which no array of numbers has.
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"{name} is of version {version}; (1, 0) or (2, 0) is needed")
    shape, _, dtype = readers[version](file)
    needed, found = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
    if needed != found and not dtype.hasobject:
        raise ValueError(f"{name} of shape {shape} needs {needed} bytes, but has {found}")
    file.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def read_npz(path: str | Path, kind: str, version: int) -> dict[str, NDArray[Any]]:
    """Read what `write_npz` wrote; never unpickles.

    Parameters
    ----------
    path : str or Path
    kind : str
        The kind that is expected.
    version : int
        The newest version that is understood.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    FileFormatError
        When the file is damaged, of another kind, newer than this release, or refused by :func:`check_sizes`.
    """
    try:
        arrays = read_arrays(path)
    except (FileNotFoundError, FileFormatError):
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
