"""Tasks on executors: in order, a few at a time, sent again, and run here when nothing else is left."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from regions.enumeration.executors import run_tasks
from regions.errors import DomainError, WorkerError


def double(x: int) -> int:
    return 2 * x


class Executor:
    """Runs at once; loses the first `losses` tries of every task, and takes no more than `taken` tasks."""

    def __init__(self, losses: int = 0, taken: int = 10**9) -> None:
        self.losses = losses
        self.left = taken
        self.tries: dict[Any, int] = {}
        self.futures: list[Future[Any]] = []

    def submit(self, function: Any, /, *arguments: Any) -> Future[Any]:
        if not self.left:
            raise RuntimeError("shut down")
        self.left -= 1
        future: Future[Any] = Future()
        self.futures.append(future)
        self.tries[arguments] = self.tries.get(arguments, 0) + 1
        if self.tries[arguments] <= self.losses:
            future.set_exception(ConnectionError("lost"))
        else:
            try:
                future.set_result(function(*arguments))
            except Exception as error:
                future.set_exception(error)
        return future


def test_results_come_with_the_numbers_of_their_tasks() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(run_tasks(pool, double, ((i,) for i in range(100)))) == [(i, 2 * i) for i in range(100)]
    assert list(run_tasks(Executor(), double, [])) == []


def test_tasks_are_taken_as_the_executor_gets_through_them() -> None:
    taken = 0

    def tasks() -> Iterator[tuple[int]]:
        nonlocal taken
        for i in range(1000):
            taken += 1
            yield (i,)

    run = run_tasks(Executor(), double, tasks())
    assert next(run) == (0, 0)
    assert taken == 64
    next(run)
    assert taken == 65
    run.close()


def test_lost_tasks_are_sent_three_times() -> None:
    executor = Executor(losses=2)
    assert sorted(run_tasks(executor, double, [(1,), (2,)])) == [(0, 2), (1, 4)]
    assert executor.tries == {(1,): 3, (2,): 3}
    with pytest.raises(WorkerError, match="task 0 failed 3 times on the executor, at last with ConnectionError: lost"):
        list(run_tasks(Executor(losses=3), double, [(1,)]))


def test_errors_of_the_package_come_through_at_once() -> None:
    def refuse(x: int) -> None:
        raise DomainError("empty")

    executor = Executor()
    with pytest.raises(DomainError, match="empty"):
        list(run_tasks(executor, refuse, [(1,)]))
    assert executor.tries == {(1,): 1}


@pytest.mark.parametrize("taken", [0, 3])
def test_what_the_executor_does_not_take_is_run_here(taken: int) -> None:
    with pytest.warns(RuntimeWarning, match=r"takes no more tasks \(RuntimeError: shut down\)"):
        found = list(run_tasks(Executor(taken=taken), double, ((i,) for i in range(9))))
    assert found == [(i, 2 * i) for i in range(9)]


def test_other_answers_than_the_functions_are_refused() -> None:
    with pytest.raises(WorkerError, match="answered task 0 with 2, which is not what double returns"):
        list(run_tasks(Executor(), double, [(1,)], lambda arguments, result: result == 3))


def test_what_is_left_early_is_cancelled() -> None:
    class Sleeping:
        def __init__(self) -> None:
            self.futures: list[Future[Any]] = []

        def submit(self, function: Any, /, *arguments: Any) -> Future[Any]:
            self.futures.append(Future())
            if len(self.futures) == 1:
                self.futures[0].set_result(function(*arguments))
            return self.futures[-1]

    executor = Sleeping()
    run = run_tasks(executor, double, [(1,), (2,), (3,)])
    assert next(run) == (0, 2)
    run.close()
    assert [future.cancelled() for future in executor.futures] == [False, True, True]
