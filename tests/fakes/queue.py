"""A queue's two answers: whether it holds anything, and when a message comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes.calls import PortCalls


class FakeQueue:
    """A queue that holds as much as the test says."""

    def __init__(self, calls: PortCalls) -> None:
        self.calls = calls
        self.backlog = False
        self.returned: list[tuple[str, int]] = []
        """Receipt handles given back, and after how many seconds each comes back."""

    def has_backlog(self) -> bool:
        """Return whether the queue holds any message."""
        with self.calls.made("has_backlog"):
            return self.backlog

    def return_after(self, receipt_handle: str, seconds: int) -> None:
        """Let a message come back after so many seconds."""
        with self.calls.made("return_after"):
            self.returned.append((receipt_handle, seconds))
