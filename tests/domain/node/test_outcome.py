"""What a node is at the end of a run: the whole table."""

from __future__ import annotations

import itertools

import pytest

from domain.node.errors import ConfigurationForeign
from domain.node.outcome import Ending, consequence, left_as, refusal, state
from domain.node.status import Run, State, exit_code, from_json, to_json

ENDINGS = [Ending(*each) for each in itertools.product((True, False), repeat=6)]


@pytest.mark.parametrize("ending", ENDINGS, ids=str)
def test_a_node_is_ready_only_if_kubelet_may_start_and_nothing_is_wrong(ending: Ending) -> None:
    wrong = ending.failed or ending.unfinished or ending.left_out
    assert (state(ending) is State.READY) is (ending.kubelet_may_start and not wrong)


@pytest.mark.parametrize("ending", ENDINGS, ids=str)
def test_a_node_that_kubelet_may_not_start_on_says_so(ending: Ending) -> None:
    kept_out = state(ending) in (State.HELD, State.ABANDONED)
    assert kept_out is not ending.kubelet_may_start
    said = consequence(ending, "the reason")
    assert said == "the reason" or ending.kubelet_may_start
    assert (state(ending) is State.ABANDONED) is (kept_out and ending.abandoned)


@pytest.mark.parametrize("ending", ENDINGS, ids=str)
def test_interfaces_are_ready_unless_the_run_failed(ending: Ending) -> None:
    expected = "as before" if ending.kubelet_may_start else "not prepared"
    assert left_as(ending) == (expected if ending.failed else "ready")


@pytest.mark.parametrize(
    ("gate_open", "left", "said"),
    [
        (True, State.FAILED, "kubelet is left alone"),
        (False, State.HELD, "kubelet does not start"),
    ],
)
def test_a_run_that_could_not_begin_has_a_status(gate_open: bool, left: State, said: str) -> None:
    error = ConfigurationForeign("no such group", value="x", remedy="Name another.")
    at = "2026-11-24T03:00:00Z"
    told = refusal(error, started_by=Run.BOOT, at=at, gate_open=gate_open)
    assert (told.state, told.consequence, told.node_group) == (left, said, "")
    assert (told.since, told.ended_at, told.step) == (at, at, "configure")
    read = from_json(to_json(told))
    assert read.status == told
    assert exit_code(read) == 2
