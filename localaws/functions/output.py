"""What a function that runs in this process prints, kept apart from what others print meanwhile."""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTENER: ContextVar[io.StringIO | None] = ContextVar("_LISTENER", default=None)
"""Where the running function's output goes. A context variable, since several functions may run, each in a thread or a
fiber of its own; what they start inherits it."""


class _Router(io.TextIOBase):
    """Stands in for standard output: gives what a function prints to its listener and anything else to the original.

    Loggers keep the stream that they were made with, so this one works on when it is standard output no longer.
    """

    def __init__(self, original: TextIO) -> None:
        self.original = original
        self.listeners = 0

    def write(self, text: str) -> int:
        return (_LISTENER.get() or self.original).write(text)

    def flush(self) -> None:
        (_LISTENER.get() or self.original).flush()


@contextmanager
def captured() -> Iterator[io.StringIO]:
    """Yield what collects everything that is printed in this context until the end of the block."""
    router = sys.stdout if isinstance(sys.stdout, _Router) else _Router(sys.stdout)
    sys.stdout = router
    router.listeners += 1
    listener = io.StringIO()
    token = _LISTENER.set(listener)
    try:
        yield listener
    finally:
        _LISTENER.reset(token)
        router.listeners -= 1
        if not router.listeners and sys.stdout is router:
            sys.stdout = router.original
