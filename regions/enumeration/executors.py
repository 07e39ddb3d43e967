"""Tasks on anything with the `concurrent.futures` protocol, sent again when they are lost."""

from __future__ import annotations

import reprlib
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Protocol

from regions.errors import RegionsError, WorkerError

__all__ = ["Executor", "run_tasks"]

_ATTEMPTS = 3
_IN_FLIGHT = 64


class Executor(Protocol):
    """What has the `concurrent.futures` protocol; only `submit`, and `result` of what it returns, are used."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """Schedule a call; return an object whose method `result()` waits for it."""


class _InFlight:
    """Tasks on their way, the one that waits longest first."""

    def __init__(self, executor: Executor, function: Callable[..., Any]) -> None:
        self.executor = executor
        self.function = function
        self.alive = True
        self.waiting: deque[tuple[int, tuple[Any, ...], int, Any]] = deque()

    @property
    def full(self) -> bool:
        return len(self.waiting) >= (_IN_FLIGHT if self.alive else 1)

    def send(self, number: int, arguments: tuple[Any, ...], attempt: int = 1) -> None:
        """Send a task, or keep it for this process where the executor takes no more."""
        future = None
        if self.alive:
            try:
                future = self.executor.submit(self.function, *arguments)
            except Exception as error:
                self.alive = False
                warnings.warn(
                    f"the executor takes no more tasks ({type(error).__name__}: {error}); "
                    "the rest is run in this process.",
                    RuntimeWarning,
                    stacklevel=4,
                )
        self.waiting.append((number, arguments, attempt, future))

    def cancel(self) -> None:
        """Not part of the protocol, but most executors can."""
        for *_, future in self.waiting:
            with suppress(Exception):
                future.cancel()


def run_tasks(
    executor: Executor,
    function: Callable[..., Any],
    tasks: Iterable[tuple[Any, ...]],
    is_result: Callable[[tuple[Any, ...], Any], bool] = lambda arguments, result: True,
) -> Iterator[tuple[int, Any]]:
    """Run tasks on an executor; yield the number of each and what the function returned.

    Parameters
    ----------
    executor : Executor
    function : callable
        A top-level function.
    tasks : iterable of tuple
        Its arguments; taken one by one, as the executor gets through them.
    is_result : callable, optional
        Whether something may be what the function returns for some arguments.

    Raises
    ------
    RegionsError
        That the function raised.
    WorkerError
        When a task has failed three times for another reason: its worker died each time, say. Also when an executor
        answers with something else than the function's result.

    Warns
    -----
    RuntimeWarning
        When the executor takes no more tasks, as a process pool does after one of its processes was killed. What is
        left is then run in this process.
    """
    queue = enumerate(tasks)
    more = True
    flight = _InFlight(executor, function)
    try:
        while more or flight.waiting:
            while more and not flight.full:
                item = next(queue, None)
                more = item is not None
                if item is not None:
                    flight.send(*item)
            if not flight.waiting:
                return
            number, arguments, attempt, future = flight.waiting.popleft()
            if future is None:
                yield number, function(*arguments)
                continue
            try:
                result = future.result()
            except RegionsError:
                raise
            except Exception as error:
                if attempt == _ATTEMPTS:
                    raise WorkerError(
                        f"task {number} failed {_ATTEMPTS} times on the executor, at last with "
                        f"{type(error).__name__}: {error}. Look at the workers' logs; give them more memory, or "
                        "less to do at a time with max_memory."
                    ) from error
                flight.send(number, arguments, attempt + 1)
            else:
                if not is_result(arguments, result):
                    raise WorkerError(
                        f"the executor of type {type(executor).__name__} answered task {number} with "
                        f"{reprlib.repr(result)}, which is not what {function.__name__} returns. "
                        "`submit(function, *arguments).result()` must be function(*arguments)."
                    )
                yield number, result
    finally:
        # Left early, by an error or Ctrl-C.
        flight.cancel()
