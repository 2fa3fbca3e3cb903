"""Jobs in processes of their own."""

from __future__ import annotations

from functools import partial

import pytest

from bench.nodes import Shape
from tests.simulation import burst
from tests.simulation.processes import Job, spread


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
