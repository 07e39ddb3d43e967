"""Threads and forked children: how many cores there are, and libraries kept to one thread."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

import scipy.linalg  # noqa: F401  # Its library is the one that compiled products call.
from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from threadpoolctl import ThreadpoolController

__all__ = ["cores", "in_forked_children", "one_torch_thread_if_forked", "single_threaded", "thread_pool"]

_pools: dict[str, tuple[int, ThreadPoolExecutor]] = {}
_holders = 0
_limit: Any = None
_lock = Lock()
_torch_forked = False


def cores() -> int:
    """How many cores this process may use."""
    # Not every system tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_forked_children(function: Callable[[], None]) -> Callable[[], None]:
    """Have a function called in every process that is forked from this one.

    A child has none of its parent's threads: a pool would wait for ever, and so would a lock that one of them held.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)
    return function


@in_forked_children
def _start_anew() -> None:
    global _lock, _torch_forked
    _torch_forked = "torch" in sys.modules
    _pools.clear()
    _lock = Lock()


def thread_pool(name: str, threads: int) -> ThreadPoolExecutor:
    """A pool of so many threads, kept for the calls that follow."""
    found = _pools.get(name)
    if found is None or found[0] != threads:
        found = _pools[name] = threads, ThreadPoolExecutor(threads, thread_name_prefix=name)
    return found[1]


@cache
def _linear_algebra() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep the linear algebra library to one thread, until the last of all calls side by side is done with it.

    One product at a time is too small for its threads: they would only get in the way.
    """
    global _holders, _limit
    with _lock:
        if not _holders:
            _limit = _linear_algebra().limit(limits=1, user_api="blas")
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if not _holders:
                _limit.restore_original_limits()


@contextmanager
def one_torch_thread_if_forked() -> Iterator[None]:
    """Keep torch to one thread in a forked child: it waits for ever for threads that only its parent has."""
    if not _torch_forked:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
