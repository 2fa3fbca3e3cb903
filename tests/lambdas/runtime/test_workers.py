"""Several calls at once: answers in order, faults as values."""

from __future__ import annotations

import threading

import pytest

from lambdas.runtime.workers import ThreadWorkers


@pytest.fixture
def workers() -> ThreadWorkers:
    """Return workers of four threads."""
    return ThreadWorkers(4)


def fault() -> str:
    raise KeyError("x")


def test_answers_and_faults_come_in_order(workers: ThreadWorkers) -> None:
    first, second, third = workers.run([lambda: "a", fault, lambda: "c"])
    assert (first, third) == ("a", "c")
    assert isinstance(second, KeyError)


def test_tasks_run_side_by_side(workers: ThreadWorkers) -> None:
    meeting = threading.Barrier(4, timeout=10)
    assert len(set(workers.run([meeting.wait] * 4))) == 4


def test_a_lone_task_runs_on_the_callers_thread(workers: ThreadWorkers) -> None:
    assert workers.run([threading.get_ident]) == [threading.get_ident()]
    (caught,) = workers.run([fault])
    assert isinstance(caught, KeyError)


def test_tasks_that_hand_in_tasks_never_wait_for_each_other(workers: ThreadWorkers) -> None:
    busy = threading.Barrier(4, timeout=10)

    def nested() -> list[int | Exception]:
        busy.wait()
        return workers.run([lambda: 1, lambda: 2])

    assert workers.run([nested] * 4) == [[1, 2]] * 4


def test_nothing_to_do_is_nothing(workers: ThreadWorkers) -> None:
    assert workers.run([]) == []
