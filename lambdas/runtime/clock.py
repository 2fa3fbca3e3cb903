"""Real time."""

from __future__ import annotations

import threading
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        """Block for so many seconds: between two looks at a state, never instead of one."""
        threading.Event().wait(seconds)
