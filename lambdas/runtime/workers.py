"""Several AWS calls at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


class ThreadWorkers:
    """Threads, kept for the life of the execution environment.

    A lone task runs on the caller's thread, and so do tasks that a task hands in: were they to wait for a thread of
    this pool while holding one, enough of them would wait for each other for ever.
    """

    def __init__(self, threads: int) -> None:
        self._here = threading.local()
        self._pool = ThreadPoolExecutor(
            threads,
            thread_name_prefix="aws",
            initializer=setattr,
            initargs=(self._here, "ours", True),
        )

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Run the tasks side by side and return what each returned or raised, in order."""
        if len(tasks) == 1 or getattr(self._here, "ours", False):
            return [_caught(task) for task in tasks]
        return list(self._pool.map(_caught, tasks))


def _caught(task: Callable[[], T]) -> T | Exception:
    try:
        return task()
    except Exception as error:  # noqa: BLE001 - handed to the caller as a value; nothing is swallowed
        return error
