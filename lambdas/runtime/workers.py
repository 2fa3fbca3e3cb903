"""Several AWS calls at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


class ThreadWorkers:
    """Threads, kept for the life of the execution environment; a lone task runs on the caller's."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="aws")

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Run the tasks side by side and return what each returned or raised, in order."""
        if len(tasks) == 1:
            return [_caught(tasks[0])]
        return list(self._pool.map(_caught, tasks))


def _caught(task: Callable[[], T]) -> T | Exception:
    try:
        return task()
    except Exception as error:  # noqa: BLE001 - handed to the caller as a value; nothing is swallowed
        return error
