"""Jobs in processes of their own."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import pytest

from bench.nodes import Shape
from tests.simulation import burst
from tests.simulation.processes import Job, spread

if TYPE_CHECKING:
    from pathlib import Path


def test_results_come_in_the_order_of_the_jobs_whichever_ends_first() -> None:
    jobs = [Job(f"2 to the {power}", power, partial(pow, 2, power)) for power in range(6)]
    told: list[Job] = []
    assert spread(jobs, 2, told.append) == [1, 2, 4, 8, 16, 32]
    assert sorted(job.name for job in told) == sorted(job.name for job in jobs)


@pytest.mark.simulation
def test_a_process_gives_its_first_world_what_it_gives_the_next() -> None:
    job = Job("3 nodes", 3, partial(burst.run, 3, Shape(1)))
    first, again = spread([job, Job("again", 1, job.run)], 1, lambda _: None)
    assert first == again


STAY_IN_A_COPY = """
import signal
from pathlib import Path
from tests.simulation.forks import each_in_a_copy

def write_and_stay():
    with Path(fifo).open("wb", buffering=0) as opened:
        opened.write(b"!")
        signal.pause()

list(each_in_a_copy([write_and_stay]))
"""
WAIT_FOR_THE_COPY = """
from pathlib import Path

with Path(fifo).open("rb", buffering=0) as opened:
    opened.read(1)
"""
"""As text: another process cannot import what a test's module defines."""


def test_ctrl_c_ends_the_jobs_under_way_and_their_copies(tmp_path: Path) -> None:
    os.mkfifo(fifo := tmp_path / "fifo")
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    stays = Job("stays", 2, partial(exec, STAY_IN_A_COPY, {"fifo": str(fifo)}))
    waits = Job("waits", 1, partial(exec, WAIT_FOR_THE_COPY, {"fifo": str(fifo)}))

    def interrupt(_: Job) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spread([stays, waits], 2, interrupt)
    # The end of the file: nobody is left who could write. Somebody who is would make this a BlockingIOError.
    assert os.read(reader, 1) == b""
    os.close(reader)
