"""How the kernels are compiled, and kept for the next process where there is a folder for them."""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import event
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.compiler_lock import global_compiler_lock

from regions._version import __version__

__all__ = ["kernel"]

_DIGEST_BYTES = sha256().digest_size
# Seconds of compiling that are not worth a word.
_UNNOTICED = 3.0


def _stamp() -> str:
    """What all sources of the engine are: kernels call each other across files, and numba watches only their own."""
    found = sha256(__version__.encode())
    with suppress(OSError):
        for source in sorted(
            [*Path(__file__).parent.rglob("*.py"), Path(__file__).parents[1] / "arithmetic" / "floats.py"]
        ):
            found.update(source.read_bytes())
    return found.hexdigest()


class _Files(IndexDataCacheFile):  # type: ignore[misc]
    """The files of one kernel, each with a checksum at its end; one that is damaged is no file."""

    def _digest(self, data: bytes) -> bytes:
        return sha256(self._source_stamp.encode() + data).digest()

    def _is_whole(self, data: bytes) -> bool:
        return self._digest(data[:-_DIGEST_BYTES]) == data[-_DIGEST_BYTES:]

    def _dump(self, obj: Any) -> bytes:
        # What is behind the end of a pickle is not read.
        data: bytes = super()._dump(obj)
        return data + self._digest(data)

    def _load_index(self) -> dict[Any, str]:
        version = pickle.dumps(self._version, protocol=-1)
        try:
            data = Path(self._index_path).read_bytes()
            if data.startswith(version) and self._is_whole(data[len(version) :]):
                return super()._load_index()  # type: ignore[no-any-return]
        except OSError:
            pass
        return {}

    def _load_data(self, name: str) -> Any:
        path = self._data_path(name)
        if not self._is_whole(Path(path).read_bytes()):
            raise OSError(f"{path} is damaged.")
        return super()._load_data(name)


class _Cache(FunctionCache):  # type: ignore[misc]
    """Compiled versions of one kernel. What cannot be read or written is compiled in memory."""

    stamp = _stamp()

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, self.stamp)

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)


class _Note(event.Listener):  # type: ignore[misc]
    """Says on stderr that kernels are compiled, when it takes long enough to be noticed."""

    def __init__(self) -> None:
        self.kept = True
        self._told = False
        self._spent = 0.0
        self._depth = 0
        self._started = 0.0

    def on_start(self, event: event.Event) -> None:
        """A function is about to be compiled; those that it calls are compiled inside."""
        if self._told or not event.data["dispatcher"].py_func.__module__.startswith("regions.engine."):
            return
        now = time.perf_counter()
        if not self._depth:
            self._started = now
        self._depth += 1
        if self._spent + now - self._started > _UNNOTICED:
            self._told = True
            then = (
                "they are kept for the next time."
                if self.kept
                else ("there is no folder to keep them in, so every process does. Set NUMBA_CACHE_DIR to one.")
            )
            print(
                f"regions: compiling the engine's kernels, which takes about a minute; {then}",
                file=sys.stderr,
                flush=True,
            )

    def on_end(self, event: event.Event) -> None:
        """A function is compiled."""
        if self._told or not event.data["dispatcher"].py_func.__module__.startswith("regions.engine."):
            return
        self._depth -= 1
        if not self._depth:
            self._spent += time.perf_counter() - self._started


_note = _Note()
event.register("numba:compile", _note)

if hasattr(os, "register_at_fork"):
    # A child must not start with the lock of a compilation that only goes on in its parent.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function of the engine when it is first called, or load it compiled.

    Parameters
    ----------
    function : callable, optional
    **options
        Of `numba.njit`, besides those that all kernels have.
    """
    if function is None:
        return lambda function: kernel(function, **options)
    compiled = njit(nogil=True, error_model="numpy", **options)(function)
    # With NUMBA_DISABLE_JIT the function itself.
    if hasattr(compiled, "enable_caching"):
        try:
            compiled._cache = _Cache(function)
        except RuntimeError:
            # Neither NUMBA_CACHE_DIR, nor the package's folder, nor the user's can be written.
            _note.kept = False
    return compiled
