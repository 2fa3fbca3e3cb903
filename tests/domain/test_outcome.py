"""The record of one event: flat, and silent about what is not known."""

from __future__ import annotations

import pytest

from domain.errors import SubnetExhausted
from domain.outcome import Outcome, Result


@pytest.mark.parametrize("result", Result, ids=lambda result: result.value)
def test_only_unfinished_work_comes_back(result: Result) -> None:
    assert result.is_retried == (result in {Result.RETRY, Result.FAILED})


def test_what_is_not_known_is_left_out() -> None:
    assert Outcome(Result.IGNORED, "test notification").to_log() == {
        "result": "ignored",
        "reason": "test notification",
        "interfaces_attached": 0,
        "interfaces_deleted": 0,
        "rounds": 0,
    }


def test_an_error_brings_its_code_details_and_notes() -> None:
    error = SubnetExhausted("subnet-1 is full", subnet="subnet-1")
    error.add_note("while cleaning up: eni-1 is in use")
    record = Outcome(
        Result.ABANDONED,
        "subnet-1 is full",
        instance_id="i-1",
        group_name="multus-workers",
        node_group="workers",
        token="71514b9d",
        transition="launch",
        error=error,
        attached=1,
        deleted=2,
        hook_to_continue_s=4.5,
        rounds=3,
    ).to_log()
    assert record == {
        "result": "abandoned",
        "reason": "subnet-1 is full",
        "instance_id": "i-1",
        "auto_scaling_group": "multus-workers",
        "node_group": "workers",
        "transition": "launch",
        "interfaces_attached": 1,
        "interfaces_deleted": 2,
        "hook_to_continue_s": 4.5,
        "rounds": 3,
        "error_code": "subnet-exhausted",
        "error": "subnet-1 is full",
        "subnet": "subnet-1",
        "notes": ["while cleaning up: eni-1 is in use"],
    }


def test_an_error_without_notes_has_no_such_field() -> None:
    assert "notes" not in Outcome(Result.RETRY, "slow", error=SubnetExhausted("full")).to_log()
