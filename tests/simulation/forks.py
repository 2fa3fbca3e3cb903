"""The same world played on in many ways: each in a forked copy of the process that holds it.

Deploying a stack takes most of a short simulation. A copy begins where this process stands, to the last random draw, so what
comes of it is what would have come of a world of its own.
"""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import random
import traceback
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, TypeVar

from tests.simulation import interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

T = TypeVar("T")

_FORK = multiprocessing.get_context("fork")


class CopyFailed(Exception):
    """A copy raised, or died without a word."""


def each_in_a_copy(work: Iterable[Callable[[], T]], at_once: int = 1) -> Iterator[T]:
    """Do each piece of work in a copy of this process and yield what it returned, in the order of the work.

    Args:
        work: what to do; what it returns is pickled, what it changes is lost.
        at_once: how many copies run side by side.

    Raises:
        CopyFailed: a piece of work raised, with its traceback in the message, or its process died.
    """
    left = enumerate(work)
    running: dict[Connection, tuple[int, ForkProcess]] = {}
    ended: dict[int, T] = {}
    due = 0
    with _nothing_to_collect():
        try:
            while _fill(running, left, at_once):
                for connection in wait(list(running)):
                    place, process = running.pop(connection)  # type: ignore[call-overload]  # it waits for these alone
                    ended[place] = _result(connection, process)  # type: ignore[arg-type]  # likewise
                while due in ended:
                    yield ended.pop(due)
                    due += 1
        finally:
            for _, process in running.values():
                process.kill()
                process.join()


def _fill(
    running: dict[Connection, tuple[int, ForkProcess]],
    left: Iterator[tuple[int, Callable[[], Any]]],
    at_once: int,
) -> bool:
    """Start what there is room for; return whether anything runs."""
    for place, work in itertools.islice(left, at_once - len(running)):
        ours, theirs = _FORK.Pipe(duplex=False)
        # A daemon: where Ctrl-C comes so that nobody is left to end it, the end of this process does.
        process = _FORK.Process(target=_work, args=(work, theirs, random.getstate()), daemon=True)
        with interrupts.starting():
            process.start()
            running[ours] = place, process
        theirs.close()
    return bool(running)


def _work(work: Callable[[], object], answer: Connection, drawn: tuple[Any, ...]) -> None:
    # The module `random` draws its seed anew in every forked process; botocore's jitter comes from there.
    random.setstate(drawn)
    try:
        answer.send((work(), None))
    except BaseException:  # noqa: BLE001 - told to the process that waits for it
        answer.send((None, traceback.format_exc()))


def _result(connection: Connection, process: ForkProcess) -> Any:  # noqa: ANN401 - what the work returned
    try:
        result, fault = connection.recv()
    except EOFError:
        result, fault = None, "it died without a word"
    process.join()
    connection.close()
    if fault is not None:
        raise CopyFailed(fault)
    return result


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """Let the copies' collectors pass by what is there now: looking through it takes longer than a short simulation."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
