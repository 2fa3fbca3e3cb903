"""Simulations side by side: one process per core, each of which synthesizes a stack once."""

from __future__ import annotations

import functools
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import botocore.session

from tests.simulation import interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Job:
    """One simulation. What comes of it depends on nothing but its own arguments."""

    name: str
    size: float
    """How long it takes, in any unit: the longest begin first."""
    run: Callable[[], Any]
    """Something that another process can be given: a function of a module with its arguments."""


def prepare() -> None:
    """Make this process fit for simulations; to be called before aws_cdk is imported.

    That starts node, in which jsii reads once whether it is to remind of a release's end of life.
    """
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
    # Each session would read the models of its services anew.
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)


def spread(jobs: Sequence[Job], processes: int, tell: Callable[[Job], object]) -> list[Any]:
    """Run jobs in so many processes at once and return what came of each, in their order.

    Ctrl-C ends them all.

    Args:
        jobs: what to run.
        processes: how many at once.
        tell: called with each job that has ended.
    """
    # Not forked: a process that has simulated already would hand its state on.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_begin) as pool:
        longest_first = sorted(jobs, key=lambda job: -job.size)
        with interrupts.starting():
            running = {pool.submit(job.run): job for job in longest_first}
        came = {}
        try:
            for ended in as_completed(running):
                came[id(running[ended])] = ended.result()
                tell(running[ended])
        except KeyboardInterrupt:
            interrupts.end_started()
            raise
    return [came[id(job)] for job in jobs]


def _begin() -> None:
    """Make a process of the pool fit for its jobs, some of which copy it."""
    prepare()
    interrupts.end_with_copies()
