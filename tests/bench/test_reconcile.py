"""The pages of a fleet, and that a run reads each once."""

from __future__ import annotations

import pytest

from bench import nodes, reconcile
from cli.rehearsal import SerialWorkers, rehearse
from localaws.account import Settings
from localaws.clock import VirtualClock


@pytest.mark.parametrize(
    ("fleet", "interfaces", "expected"),
    [(10, 2, 3), (500, 2, 3), (501, 2, 4), (1000, 2, 4), (1001, 2, 6)],
    ids=["small", "a page is full", "a second page of interfaces", "two pages", "five pages"],
)
def test_the_fewest_calls_are_the_pages(fleet: int, interfaces: int, expected: int) -> None:
    assert reconcile.fewest_calls(fleet, interfaces) == expected


def test_a_moment_in_which_the_machine_was_busy_does_not_count() -> None:
    assert reconcile.typical([(1.2, 1.0), (9.0, 1.0), (1.1, 1.0), (2.2, 2.1), (1.3, 1.0)]) == (
        1.2,
        1.0,
    )


def test_a_run_over_a_fleet_in_which_all_is_well_reads_each_page_once() -> None:
    settings = Settings(visibility_s=0.0, throttling=False)
    document = nodes.document([reconcile.SHAPE])
    with rehearse(document, VirtualClock(), settings, SerialWorkers()) as rehearsal:
        reconcile.populate(rehearsal, 3)
        run = reconcile.measure(rehearsal, 3, timings=1)
        assert sum(run.calls.values()) == reconcile.fewest_calls(3, reconcile.SHAPE.interfaces)
        assert run.parsing_cpu_s > 0
        assert run.cpu_s > 0
        with pytest.raises(reconcile.NotWellError):
            reconcile.measure(rehearsal, 4, timings=1)
