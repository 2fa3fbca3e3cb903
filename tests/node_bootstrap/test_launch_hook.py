"""A launch hook is answered by one bounded call, and what has come of it is known until the next boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.change import WriteFile
from domain.node.config import NodeGroup
from domain.node.errors import HookUnanswered
from domain.node.readiness import HookResult, Reply
from node_bootstrap import launch_hook
from node_bootstrap.files import Files
from node_bootstrap.launch_hook import Record
from tests.fakes.programs import ToldPrograms

if TYPE_CHECKING:
    from pathlib import Path

GROUP = NodeGroup("workers", "workers-asg", (), ready_hook="fleet-ready")
NONE_ACTIVE = (
    "An error occurred (ValidationError) when calling the CompleteLifecycleAction operation: "
    "No active Lifecycle Action found with instance ID i-1"
)
DENIED = (
    "An error occurred (AccessDenied) when calling the CompleteLifecycleAction operation: no, you"
)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return a host's files."""
    return Files(tmp_path)


def answer(files: Files, programs: ToldPrograms, result: HookResult) -> Reply:
    """Answer the group's hook for instance i-1."""
    return launch_hook.answer(GROUP, "i-1", "eu-west-1", result, files=files, programs=programs)


@pytest.mark.parametrize("result", HookResult)
def test_an_answer_that_is_taken_is_remembered(files: Files, result: HookResult) -> None:
    programs = ToldPrograms()
    assert answer(files, programs, result) is Reply.TAKEN
    assert [" ".join(call) for call in programs.calls] == [
        "aws autoscaling complete-lifecycle-action --lifecycle-hook-name fleet-ready "
        "--auto-scaling-group-name workers-asg --instance-id i-1 "
        f"--lifecycle-action-result {result.value} --region eu-west-1"
    ]
    assert launch_hook.answered(GROUP, "i-1", files) is result


def test_the_call_is_bounded_and_retried_by_the_tool_itself(files: Files) -> None:
    programs = ToldPrograms()
    answer(files, programs, HookResult.CONTINUE)
    assert programs.environs == [{"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "8"}]


@pytest.mark.parametrize(
    ("result", "answered"),
    [(HookResult.CONTINUE, HookResult.CONTINUE), (HookResult.ABANDON, None)],
)
def test_where_no_launch_is_open_only_abandon_was_in_vain(
    files: Files, result: HookResult, answered: HookResult | None
) -> None:
    assert answer(files, ToldPrograms({"aws": NONE_ACTIVE}), result) is Reply.NO_LAUNCH
    assert launch_hook.answered(GROUP, "i-1", files) is answered


def test_a_refusal_is_an_error_that_says_what_is_missing_and_is_recorded(files: Files) -> None:
    with pytest.raises(HookUnanswered, match="fleet-ready was not answered with CONTINUE") as told:
        answer(files, ToldPrograms({"aws": DENIED}), HookResult.CONTINUE)
    assert told.value.retryable
    assert "AccessDenied" in told.value.line()
    assert "NodePolicy" in told.value.remedy
    assert launch_hook.answered(GROUP, "i-1", files) is None
    known = launch_hook.record(files)
    assert known == Record("fleet-ready", "i-1", waits_for=told.value.line(), failed=True)


@pytest.mark.parametrize(
    "record",
    [
        None,
        '{"hook": "fleet-ready", "instance": "i-2", "result": "CONTINUE"}',
        '{"hook": "another", "instance": "i-1", "result": "CONTINUE"}',
        '{"hook": "fleet-ready", "instance": "i-1", "result": null, "waits_for": "kubelet"}',
        '{"hook": "fleet-re',
        '{"hook": "fleet-ready", "instance": "i-1", "result": "PERHAPS"}',
        "[]",
    ],
    ids=["none", "another instance", "another hook", "waits", "cut off", "unknown", "foreign"],
)
def test_a_record_that_is_not_this_hooks_answer_answers_nothing(
    files: Files, record: str | None
) -> None:
    if record is not None:
        files.carry_out(WriteFile(layout.HOOK, record))
    assert launch_hook.answered(GROUP, "i-1", files) is None


def test_a_record_is_read_as_it_was_written(files: Files) -> None:
    for written in (
        Record("h", "i-1"),
        Record("h", "i-1", HookResult.ABANDON),
        Record("h", "i-1", waits_for="kubelet: é"),
        Record("h", "i-1", waits_for="no", failed=True),
    ):
        launch_hook.remember(written, files)
        assert launch_hook.record(files) == written
