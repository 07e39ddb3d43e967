"""Ctrl-C, and other signals whose handlers raise, where what is raised would be lost.

Python runs a signal's handler in the main thread, between any two steps of the code that happens to run there. What the
handler raises is lost, or becomes another error, where that code was called by something that does not look: by numba
on the way out of a compiled function, by a library's callback, by a finaliser. An import that is broken off leaves
modules behind that work no more, and so does numba's reading of its tables and its compiled functions. There the signal
is sent once more a little later.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import wraps
from itertools import pairwise
from pathlib import PurePath
from types import FrameType
from typing import Any, NoReturn, ParamSpec, TypeVar

__all__ = ["interruptible", "status_of_command"]

P = ParamSpec("P")
T = TypeVar("T")

# Modules whose functions are called where nobody looks, or which must come to their end. None of them runs for long.
_DEAF = frozenset(
    {
        "_frozen_importlib",
        "_weakrefset",
        "concurrent.futures.thread",
        "importlib._bootstrap",
        "numba.core.caching",
        "numba.core.serialize",
        "threadpoolctl",
        "weakref",
    }
)
# As short, in modules that run for long: numba reads its tables once.
_DEAF_FUNCTIONS = frozenset({("numba.core.base", "refresh"), ("numba.core.typing.context", "refresh")})
_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]
_PAUSE = 0.002
_INTERRUPTED = 130


def _is_lost(frame: FrameType | None) -> bool:
    """Whether what is raised here would be lost on its way to the function that is interruptible."""
    while frame is not None and frame.f_code is not _top:
        module, name = frame.f_globals.get("__name__"), frame.f_code.co_name
        if name == "__del__" or module in _DEAF or (module, name) in _DEAF_FUNCTIONS:
            return True
        # It hands objects of LLVM over from one owner to another.
        if module is not None and module.startswith("llvmlite.binding."):
            return True
        frame = frame.f_back
    return False


def _send_again(number: int) -> None:
    time.sleep(_PAUSE)
    if hasattr(signal, "pthread_kill"):
        identity = threading.main_thread().ident
        assert identity is not None
        signal.pthread_kill(identity, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


class _Deferring:
    """A handler that calls another one as soon as what it raises gets through."""

    def __init__(self, handler: Callable[[int, FrameType | None], Any]) -> None:
        self.handler = handler
        self.is_waiting = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.is_waiting = _is_lost(frame)
        if self.is_waiting:
            # Not threading.Thread, whose locks the main thread may hold just now.
            _thread.start_new_thread(_send_again, (number,))
        else:
            self.handler(number, frame)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def interruptible(function: Callable[P, T]) -> Callable[P, T]:
    """Let what a signal's handler raises get through to the caller of a function, while it runs in the main thread."""

    @wraps(function)
    def guarded(*arguments: P.args, **options: P.kwargs) -> T:
        installed: list[tuple[int, Any, _Deferring]] = []
        try:
            if _in_main_thread():
                for number in _SIGNALS:
                    handler = signal.getsignal(number)
                    if callable(handler) and not isinstance(handler, _Deferring):
                        deferring = _Deferring(handler)
                        installed.append((number, handler, deferring))
                        signal.signal(number, deferring)
            return function(*arguments, **options)
        finally:
            try:
                # What came too late for the function is still its caller's to catch.
                for number, _, deferring in installed:
                    while deferring.is_waiting and signal.getsignal(number) is deferring:
                        time.sleep(_PAUSE)
            finally:
                for number, handler, deferring in installed:
                    # The function's callbacks may have set others.
                    if signal.getsignal(number) is deferring:
                        signal.signal(number, handler)

    return guarded


_top = interruptible(time.sleep).__code__  # type: ignore[attr-defined]


def _leave(*_: Any) -> NoReturn:
    """End the process at once: there is nothing left, or nothing yet, that would have to be put in order."""
    os.write(2, b"regions: interrupted.\n")
    os._exit(_INTERRUPTED)


def status_of_command(command: Callable[[], int]) -> int:
    """The exit status of a command: 130 when Ctrl-C ended it, whatever became of it on its way.

    Parameters
    ----------
    command : callable
        Returns its exit status.

    Returns
    -------
    int
    """
    interrupted = False

    def interrupt(*_: Any) -> NoReturn:
        nonlocal interrupted
        if interrupted and is_command:
            _leave()
        interrupted = True
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    is_command = before is _leave
    ours = _in_main_thread() and before in (_leave, signal.default_int_handler)
    status = 0
    try:
        if ours:
            signal.signal(signal.SIGINT, interrupt)
        status = interruptible(command)()
        if not (interrupted and status):
            return status
    except KeyboardInterrupt:
        pass
    except Exception:
        if not interrupted:
            raise
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)
    if is_command:
        # Everything is in order by now, but the counting threads would be waited for until they end a step.
        _leave()
    print("regions: interrupted.", file=sys.stderr)
    return _INTERRUPTED


def _is_command() -> bool:
    """Whether this process is `regions` or `python -m regions`."""
    name = sys.argv[0] if getattr(sys, "argv", None) else ""
    if name == "-m":
        # So it is called while the package of the module is imported.
        given = pairwise(sys.orig_argv)
        return any(option == "-m" and module in {"regions", "regions.__main__"} for option, module in given)
    return PurePath(name).name.removesuffix(".exe").removesuffix("-script.py") == "regions"


# While the package is imported, which takes a moment, Ctrl-C at the command line shall not end in a traceback. This is
# the first module that is imported; `status_of_command` takes over.
if _in_main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler and _is_command():
    signal.signal(signal.SIGINT, _leave)
