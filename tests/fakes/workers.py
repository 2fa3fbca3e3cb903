"""Side by side, one after the other: the same order at every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


class SerialWorkers:
    """Runs tasks in order; what kills the process (no Exception) is not caught."""

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Return what each task returned or raised, in order."""
        return [self._caught(task) for task in tasks]

    def _caught(self, task: Callable[[], T]) -> T | Exception:
        try:
            return task()
        except Exception as error:  # noqa: BLE001 - handed to the caller as a value; nothing is swallowed
            return error
