"""A queue: whether it holds anything, what can be taken from it, and what came of what was taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.fakes.calls import PortCalls


class FakeQueue:
    """A queue that holds as much as the test says."""

    def __init__(self, calls: PortCalls) -> None:
        self.calls = calls
        self.backlog = False
        self.returned: list[tuple[str, int]] = []
        """Receipt handles given back, and after how many seconds each comes back."""

        self.waiting: list[Mapping[str, Any]] = []
        """Messages as ReceiveMessage gives them."""
        self.deleted: list[str] = []

    def receive(self) -> Sequence[Mapping[str, Any]]:
        """Take what waits, ten messages at most."""
        with self.calls.made("receive"):
            taken, self.waiting = self.waiting[:10], self.waiting[10:]
            return taken

    def delete(self, receipt_handles: Sequence[str]) -> None:
        """Delete taken messages."""
        with self.calls.made("delete_messages"):
            self.deleted += receipt_handles

    def has_backlog(self) -> bool:
        """Return whether the queue holds any message."""
        with self.calls.made("has_backlog"):
            return self.backlog

    def return_after(self, receipt_handle: str, seconds: int) -> None:
        """Let a message come back after so many seconds."""
        with self.calls.made("return_after"):
            self.returned.append((receipt_handle, seconds))
