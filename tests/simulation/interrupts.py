"""Ctrl-C is for the process that a person started: it ends those that it has started itself."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_ENDED = 128 + signal.SIGTERM


@contextmanager
def starting() -> Iterator[None]:
    """Start processes to which Ctrl-C means nothing; one that is pressed meanwhile comes right after.

    What is blocked stays blocked in a process that is started, where it would be raised somewhere in a simulation. Here it may
    still come, through another thread, and be swallowed by what a fork calls.
    """
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if came:
        raise KeyboardInterrupt


@contextmanager
def importing() -> Iterator[None]:
    """Import what starts node, as aws_cdk does; Ctrl-C meanwhile ends this process without a word, for nothing is done yet.

    From then on it reaches node too. That jsii finds it gone when this process ends, Python would tell with a traceback.
    """
    sys.unraisablehook = _tell_but_of_broken_pipes
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _tell_but_of_broken_pipes(unraisable: sys.UnraisableHookArgs) -> None:
    if not isinstance(unraisable.exc_value, BrokenPipeError):
        sys.__unraisablehook__(unraisable)


def end_with_copies() -> None:
    """Let this process take those that it has started with it when it is terminated."""
    signal.signal(signal.SIGTERM, _end)


def end_started() -> None:
    """Terminate the processes that this one has started."""
    for process in multiprocessing.active_children():
        process.terminate()


def _end(_signal: int, _frame: object) -> NoReturn:
    for process in multiprocessing.active_children():
        process.kill()
        process.join()
    os._exit(EXIT_ENDED)
