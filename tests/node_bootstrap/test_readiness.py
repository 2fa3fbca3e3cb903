"""The gate opens and the hook is answered, once, and what fails here never hides what failed before."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from domain.node import layout
from domain.node.change import WriteFile
from domain.node.config import NodeGroup, OnFailure
from domain.node.errors import HookUnanswered, LaunchAbandoned, ToolFailed
from domain.node.model import Instance
from domain.node.readiness import HookResult
from node_bootstrap import launch_hook
from node_bootstrap.files import Files
from node_bootstrap.launch_hook import Record
from node_bootstrap.readiness import (
    ANSWER_SERVICE,
    Concluded,
    conclude,
    is_gate_open,
    start_held_back,
)
from tests.fakes.programs import ToldPrograms

UNITS = Path(__file__).parents[2] / layout.UNITS
INSTANCE = Instance("i-1", "m5.large", "eu-west-1a", "eu-west-1", "02:00:00:00:00:01", ())
GROUP = NodeGroup("workers", "workers-asg", (), ready_hook="fleet-ready")
ABANDON = (
    "aws autoscaling complete-lifecycle-action --lifecycle-hook-name fleet-ready "
    "--auto-scaling-group-name workers-asg --instance-id i-1 --lifecycle-action-result ABANDON --region eu-west-1"
)
DENIED = (
    "An error occurred (AccessDenied) when calling the CompleteLifecycleAction operation: no, you"
)
NONE_ACTIVE = (
    "An error occurred (ValidationError) when calling the CompleteLifecycleAction operation: "
    "No active Lifecycle Action found with instance ID i-1"
)


class Node:
    """A node's files and programs."""

    def __init__(self, root: Path) -> None:
        self.files = Files(root)
        self.programs = ToldPrograms()

    def conclude(
        self,
        group: NodeGroup = GROUP,
        *,
        succeeded: bool = True,
        instance: Instance | None = INSTANCE,
        awaited: bool = False,
        starts: bool = True,
    ) -> Concluded:
        return conclude(
            group,
            succeeded=succeeded,
            instance=instance,
            awaited=awaited,
            starts=starts,
            files=self.files,
            programs=self.programs,
        )

    @property
    def gate_open(self) -> bool:
        return self.files.text(layout.READY) is not None

    @property
    def commands(self) -> list[str]:
        return [" ".join(call) for call in self.programs.calls]


REQUIRING = "[Unit]\nRequires=network.target nodeadm-run.service\n"
WANTS = "/etc/systemd/system/multi-user.target.wants"
START = "systemctl start --no-block nodeadm-run.service nodeadm-reconcile.service"
ANSWER = f"systemctl start --no-block {ANSWER_SERVICE}"


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """Return a node of which nodeadm's units and others are wanted at boot."""
    made = Node(tmp_path)
    for unit, text in (
        ("nodeadm-run", "[Unit]\nRequires=nodeadm-config.service\n"),
        ("nodeadm-reconcile", REQUIRING),
        ("crond", "[Unit]\n"),
    ):
        made.files.carry_out(WriteFile(f"/etc/systemd/system/{unit}.service", text))
        made.files.carry_out(WriteFile(f"{WANTS}/{unit}.service", text))
    made.files.carry_out(WriteFile("/etc/systemd/system/not-enabled.service", REQUIRING))
    made.files.carry_out(WriteFile(f"/etc/systemd/system/{ANSWER_SERVICE}", "[Unit]\n"))
    return made


def test_success_at_boot_opens_the_gate_and_has_the_hook_answered(node: Node) -> None:
    first = node.conclude(awaited=True)
    assert node.gate_open
    assert node.commands == [ANSWER]
    assert first.lines() == ("kubelet may start: ready", f"start {ANSWER_SERVICE}")


def test_without_who_answers_a_node_that_may_join_answers_at_once(node: Node) -> None:
    """An installation failed before it was there, and the group says continue: the node must not be replaced for it."""
    node.files.at(f"/etc/systemd/system/{ANSWER_SERVICE}").unlink()
    group = dataclasses.replace(GROUP, on_failure=OnFailure.CONTINUE)
    done = node.conclude(group, succeeded=False, starts=False)
    assert node.commands == [ABANDON.replace("ABANDON", "CONTINUE")]
    assert (done.answered, done.abandoned) == (HookResult.CONTINUE, False)
    assert done.lines()[-1] == "answer the launch hook with CONTINUE"
    assert start_held_back(node.files, node.programs)[-1:] != (ANSWER_SERVICE,)


def test_a_hook_that_is_answered_is_left_alone(node: Node) -> None:
    node.conclude(awaited=True)
    launch_hook.remember(Record("fleet-ready", "i-1", HookResult.CONTINUE), node.files)
    assert node.conclude().lines() == ()
    assert node.commands == [ANSWER]


def test_who_answers_is_started_again_until_the_hook_is_answered(node: Node) -> None:
    """systemd leaves one that is under way alone, and one that pauses after a refusal tries at once."""
    node.conclude(awaited=True)
    launch_hook.remember(Record("fleet-ready", "i-1", waits_for="kubelet"), node.files)
    assert node.conclude().lines() == (f"start {ANSWER_SERVICE}",)
    assert node.commands == [ANSWER, ANSWER]


def test_a_run_that_nothing_waits_for_starts_what_the_gate_held_back(node: Node) -> None:
    node.conclude(succeeded=False, awaited=True)
    assert not node.gate_open
    done = node.conclude()
    assert node.commands == [f"{START} {ANSWER_SERVICE}"]
    assert f"start nodeadm-run.service, nodeadm-reconcile.service, {ANSWER_SERVICE}" in done.lines()


def test_what_could_not_be_started_is_started_by_the_next_run(node: Node) -> None:
    node.programs.failures["systemctl"] = "no bus"
    assert node.conclude().error is not None
    node.programs.failures.clear()
    units = ("nodeadm-run.service", "nodeadm-reconcile.service", ANSWER_SERVICE)
    assert node.conclude(awaited=True).started == units
    launch_hook.remember(Record("fleet-ready", "i-1", HookResult.CONTINUE), node.files)
    assert node.conclude().started == ()


def test_an_installation_starts_what_was_held_back_with_its_own_unit(node: Node) -> None:
    assert node.conclude(starts=False).started == ()
    node.programs.calls.clear()
    start_held_back(node.files, node.programs, "multus-node-hotplug.path")
    start_held_back(node.files, node.programs, "multus-node-hotplug.path")
    once = "systemctl start --no-block multus-node-hotplug.path"
    units = f"nodeadm-run.service nodeadm-reconcile.service {ANSWER_SERVICE}"
    assert node.commands == [f"{once} {units}", once]


def test_nothing_that_the_gate_holds_back_is_started_while_it_is_shut(node: Node) -> None:
    node.conclude(succeeded=False, starts=False)
    start_held_back(node.files, node.programs, "multus-node-hotplug.path")
    assert node.commands == ["systemctl start --no-block multus-node-hotplug.path"]


@pytest.mark.parametrize("masked", [True, False], ids=["masked", "not there"])
def test_a_unit_that_this_image_lacks_is_not_started(node: Node, masked: bool) -> None:
    unit = node.files.at("/etc/systemd/system/nodeadm-reconcile.service")
    unit.unlink()
    if masked:
        unit.symlink_to("/dev/null")
    node.conclude(dataclasses.replace(GROUP, ready_hook=None))
    assert node.commands == ["systemctl start --no-block nodeadm-run.service"]


def test_a_node_on_which_nodeadm_has_run_already_is_left_alone(node: Node) -> None:
    node.files.carry_out(WriteFile("/run/nodeadm/init", ""))
    done = node.conclude(dataclasses.replace(GROUP, ready_hook=None))
    assert (done.started, node.commands) == ((), [])
    assert node.files.text(layout.NOT_STARTED) is None


def test_without_nodeadm_there_is_nothing_to_start(node: Node) -> None:
    node.files.at("/etc/systemd/system/nodeadm-run.service").unlink()
    done = node.conclude(dataclasses.replace(GROUP, ready_hook=None))
    assert (done.started, node.commands) == ((), [])
    assert node.files.text(layout.NOT_STARTED) is None


def test_an_abandoned_node_answers_so_and_its_gate_stays_shut(node: Node) -> None:
    group = dataclasses.replace(GROUP, on_failure=OnFailure.ABANDON)
    done = node.conclude(group, succeeded=False)
    assert (done.answered, done.abandoned) == (HookResult.ABANDON, True)
    assert done.reason == "kubelet does not start, and the node is replaced"
    late = node.conclude(group, succeeded=True)
    assert node.commands == [ABANDON]
    assert not node.gate_open
    assert (late.kubelet_may_start, late.abandoned) == (False, True)
    assert isinstance(late.error, LaunchAbandoned)


def test_where_no_launch_is_open_nobody_replaces_the_node_and_a_later_run_lets_it_in(
    node: Node,
) -> None:
    group = dataclasses.replace(GROUP, on_failure=OnFailure.ABANDON)
    node.programs.failures["aws"] = NONE_ACTIVE
    held = node.conclude(group, succeeded=False, awaited=True)
    assert held.reason == (
        "kubelet does not start; no launch is open, so nobody replaces the node: it is held, and asks again for some minutes"
    )
    assert (held.answered, held.abandoned, held.error) == (None, False, None)
    assert held.kubelet_may_start is False
    mended = node.conclude(group)
    assert node.gate_open
    assert (mended.kubelet_may_start, mended.error) == (True, None)
    assert node.files.text(layout.ABANDON_DUE) is None
    assert node.commands[2] == f"{START} {ANSWER_SERVICE}"


def test_who_repeats_abandon_is_started_and_until_then_the_marks_stay(node: Node) -> None:
    group = dataclasses.replace(GROUP, on_failure=OnFailure.ABANDON)
    node.programs.failures["aws"] = NONE_ACTIVE
    held = node.conclude(group, succeeded=False, awaited=True)
    assert node.commands == [ABANDON, ANSWER]
    assert held.started == (ANSWER_SERVICE,)
    assert launch_hook.record(node.files) == Record(
        "fleet-ready", "i-1", waits_for=launch_hook.NOT_OPEN
    )
    node.conclude(group, succeeded=False, awaited=True, starts=False)
    assert start_held_back(node.files, node.programs) == (ANSWER_SERVICE,)
    node.programs.failures["systemctl"] = "no bus"
    refused = node.conclude(group, succeeded=False)
    assert type(refused.error) is ToolFailed
    for mark in (layout.ABANDON_DUE, layout.ANSWER_DUE):
        assert node.files.text(mark) is not None


@pytest.mark.parametrize(
    ("on_failure", "result"),
    [(OnFailure.ABANDON, HookResult.ABANDON), (OnFailure.HOLD, None)],
    ids=["taken from another run", "not wanted any more"],
)
def test_an_abandon_that_is_taken_or_of_no_use_any_more_is_not_due(
    node: Node, on_failure: OnFailure, result: HookResult | None
) -> None:
    node.programs.failures["aws"] = NONE_ACTIVE
    node.conclude(dataclasses.replace(GROUP, on_failure=OnFailure.ABANDON), succeeded=False)
    assert node.files.text(layout.ABANDON_DUE) is not None
    node.programs.failures.clear()
    node.conclude(dataclasses.replace(GROUP, on_failure=on_failure), succeeded=False)
    assert node.files.text(layout.ABANDON_DUE) is None
    known = launch_hook.record(node.files)
    assert (known and known.result) == result


def test_where_nobody_is_there_yet_who_could_repeat_it_abandon_is_said_once(node: Node) -> None:
    node.files.at(f"/etc/systemd/system/{ANSWER_SERVICE}").unlink()
    node.programs.failures["aws"] = NONE_ACTIVE
    held = node.conclude(
        dataclasses.replace(GROUP, on_failure=OnFailure.ABANDON), succeeded=False, awaited=True
    )
    assert held.reason.endswith(
        "no launch is open any more, so nobody replaces the node: it is held"
    )
    assert node.commands == [ABANDON]
    assert node.files.text(layout.ABANDON_DUE) is None


def test_systemd_that_refuses_to_start_who_answers_is_an_error_and_is_told_again(
    node: Node,
) -> None:
    node.programs.failures["systemctl"] = "no bus"
    assert type(node.conclude(awaited=True).error) is ToolFailed
    assert node.gate_open, "the node is ready whatever becomes of its hook"
    node.programs.failures.clear()
    assert start_held_back(node.files, node.programs) == (ANSWER_SERVICE,)
    assert start_held_back(node.files, node.programs) == ()


def test_a_hook_that_could_not_be_abandoned_does_not_promise_another_node(node: Node) -> None:
    group = dataclasses.replace(GROUP, on_failure=OnFailure.ABANDON)
    node.programs.failures["aws"] = DENIED
    refused = node.conclude(group, succeeded=False)
    assert isinstance(refused.error, HookUnanswered)
    assert refused.reason == (
        "kubelet does not start; the launch hook fleet-ready is not answered and ends with its time-out"
    )


def test_without_metadata_the_hook_is_left_alone(node: Node) -> None:
    node.conclude(
        dataclasses.replace(GROUP, on_failure=OnFailure.ABANDON), succeeded=False, instance=None
    )
    assert node.commands == []
    assert not node.gate_open


@pytest.mark.parametrize(
    ("ready", "drop_in", "is_open"),
    [
        pytest.param(True, "gate.conf", True, id="ready"),
        pytest.param(False, "gate.conf", False, id="shut"),
        pytest.param(False, "no-gate.conf", True, id="a group that continues"),
        pytest.param(False, None, False, id="nothing installed"),
    ],
)
def test_the_gate_of_a_node_without_a_configuration(
    node: Node, ready: bool, drop_in: str | None, is_open: bool
) -> None:
    if ready:
        node.files.carry_out(WriteFile(layout.READY, "ready\n"))
    if drop_in is not None:
        place = f"/etc/systemd/system/kubelet.service.d/{layout.DROP_IN}"
        node.files.carry_out(WriteFile(place, (UNITS / drop_in).read_text()))
    assert is_gate_open(node.files) is is_open
