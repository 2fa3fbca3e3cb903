"""Lets kubelet start and answers the node's own launch hook, as `domain.node.readiness` decides."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.node import gate, layout
from domain.node.change import RemoveFile, WriteFile
from domain.node.errors import HookUnanswered, LaunchAbandoned, NodeError, ToolFailed
from domain.node.readiness import (
    HookResult,
    Reply,
    Situation,
    consequence,
    is_answer,
    outcome,
)

if TYPE_CHECKING:
    from domain.node.config import NodeGroup
    from domain.node.model import Instance
    from node_bootstrap.files import Files
    from node_bootstrap.programs import Programs

UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")
"""In systemd's order: a unit in an earlier one hides one of its name in a later one."""

START_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 180.0
ANSWER_ATTEMPTS = 8
"""By AWS CLI v2 itself: its standard mode waits at random up to 1, 2, 4 … 20 s after a throttled or lost call, which makes
75 s at most (AWS CLI User Guide, "Retries")."""

_NO_ACTIVE_ACTION = "No active Lifecycle Action found"
"""The message of the ValidationError when nothing waits for an answer."""


@dataclass(frozen=True)
class Concluded:
    """What was done at a run's end."""

    reason: str
    opened: bool = False
    started: tuple[str, ...] = ()
    """Units that were told to start."""
    answered: HookResult | None = None
    kubelet_may_start: bool = False
    """Whether it may now, since this run or an earlier one."""
    abandoned: bool = False
    """Whether Auto Scaling was told to replace the node, by this run or an earlier one."""
    error: NodeError | None = None
    """What went wrong here; what the run itself ended with is not in it and stays the first error."""

    def lines(self) -> tuple[str, ...]:
        """Return what was done, for the status and for a person; nothing when nothing was."""
        done = []
        if self.opened:
            done.append(f"kubelet may start: {self.reason}")
        if self.started:
            done.append(f"start {', '.join(self.started)}")
        if self.answered:
            done.append(f"answer the launch hook with {self.answered.value}")
        return tuple(done)


def conclude(
    group: NodeGroup,
    *,
    succeeded: bool,
    instance: Instance | None,
    awaited: bool,
    starts: bool,
    files: Files,
    programs: Programs,
) -> Concluded:
    """Do what follows from a run's end, as far as it is not done yet.

    The gate comes first: it is on this machine and certain, the answer to the hook is a call that may take a minute.
    A mark goes before the gate until what the gate held back was told to start: a run that was killed in between, or
    that systemd refused, leaves an open gate with the mark, and the next run starts it.

    Args:
        group: the node's.
        succeeded: whether the run ended without an error.
        instance: None when the metadata service did not say; then the hook is left alone.
        awaited: whether the boot's own jobs wait for this run, so that nothing has to be started.
        starts: whether to start it here; otherwise the caller does, with `start_held_back`.
        files: of the host.
        programs: of the host.

    Raises:
        OSError: /run is full or read-only.
    """
    gate_open = files.text(layout.READY) is not None
    before = _answered(group, instance, files)
    decided = consequence(group, Situation(succeeded, gate_open, before))
    started: tuple[str, ...] = ()
    error: NodeError | None = None
    if decided.open_gate:
        if not awaited:
            files.carry_out(WriteFile(layout.NOT_STARTED, ""))
        files.carry_out(WriteFile(layout.READY, f"{decided.reason}\n"))
    try:
        if starts:
            started = start_held_back(files, programs)
    except ToolFailed as failed:
        error = failed
    reply: Reply | None = None
    if decided.answer is not None and instance is not None:
        try:
            reply = _answer(group, instance, decided.answer, programs)
        except HookUnanswered as unanswered:
            reply, error = Reply.LOST, error or unanswered
        if is_answer(decided.answer, reply):
            _remember(group, instance, decided.answer, files)
    abandoned = before is HookResult.ABANDON or (
        decided.answer is HookResult.ABANDON and reply is Reply.TAKEN
    )
    reason = outcome(group, decided, reply)
    if succeeded and abandoned:
        error = LaunchAbandoned(
            "kubelet does not start although all is well now",
            value=reason,
            remedy="Wait until the node has gone; its successor is another instance.",
        )
    return Concluded(
        reason=reason,
        opened=decided.open_gate,
        started=started,
        answered=decided.answer if reply is Reply.TAKEN else None,
        kubelet_may_start=gate_open or decided.open_gate,
        abandoned=abandoned,
        error=error,
    )


def start_held_back(files: Files, programs: Programs, *others: str) -> tuple[str, ...]:
    """Start what the closed gate kept from starting, if it is open now, and return that. Nothing is waited for.

    Args:
        files: of the host.
        programs: of the host.
        others: units to be started in any case, in the same breath.

    Raises:
        ToolFailed: systemd refuses; the next run tries again.
        OSError: /run is full or read-only.
    """
    left = all(files.text(path) is not None for path in (layout.READY, layout.NOT_STARTED))
    held: tuple[str, ...] = ()
    if left:
        began = files.text(layout.NODEADM_BEGAN) is not None
        held = gate.held_back(_wanted(files), nodeadm_began=began)
    if held or others:
        units = [*others, *held]
        programs.run(["systemctl", "start", "--no-block", *units], timeout_s=START_TIMEOUT_S)
    if left:
        files.carry_out(RemoveFile(layout.NOT_STARTED))
    return held


def is_gate_open(files: Files) -> bool:
    """Return whether kubelet may start, on a node of which nothing else is known."""
    drop_in = f"{UNIT_FOLDERS[0]}/kubelet.service.d/{layout.DROP_IN}"
    return gate.is_open(files.text(layout.READY), files.text(drop_in))


def _wanted(files: Files) -> dict[str, str]:
    """Return the content of nodeadm's unit and of those that a target wants, by name."""
    names = {gate.NODEADM}
    for folder in UNIT_FOLDERS:
        for target in files.names(folder):
            if target.endswith(".target.wants"):
                names.update(files.names(f"{folder}/{target}"))
    found = {}
    for name in names:
        texts = (files.text(f"{folder}/{name}") for folder in UNIT_FOLDERS)
        text = next((each for each in texts if each is not None), None)
        # A masked unit is an empty one.
        if text:
            found[name] = text
    return found


def _answered(group: NodeGroup, instance: Instance | None, files: Files) -> HookResult | None:
    """Return what this hook of this instance was answered with.

    An AMI made of a running node, or a record that is not whole, answers for nobody: asking twice does no harm.
    """
    try:
        record = json.loads(files.text(layout.HOOK) or "{}")
        if instance and (record["hook"], record["instance"]) == (
            group.ready_hook,
            instance.instance_id,
        ):
            return HookResult(record["result"])
    except (KeyError, TypeError, ValueError):
        return None
    return None


def _remember(group: NodeGroup, instance: Instance, answered: HookResult, files: Files) -> None:
    record = {
        "hook": group.ready_hook,
        "instance": instance.instance_id,
        "result": answered.value,
    }
    files.carry_out(WriteFile(layout.HOOK, json.dumps(record) + "\n"))


def _answer(group: NodeGroup, instance: Instance, result: HookResult, programs: Programs) -> Reply:
    """Answer the hook by instance id: a node has no token, and needs none (Auto Scaling API, CompleteLifecycleAction).

    Raises:
        HookUnanswered: the call was refused, or lost in every attempt.
    """
    assert group.ready_hook is not None  # noqa: S101 - `consequence` answers no other
    command = [
        "aws",
        "autoscaling",
        "complete-lifecycle-action",
        "--lifecycle-hook-name",
        group.ready_hook,
        "--auto-scaling-group-name",
        group.auto_scaling_group,
        "--instance-id",
        instance.instance_id,
        "--lifecycle-action-result",
        result.value,
        "--region",
        instance.region,
    ]
    environ = {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": str(ANSWER_ATTEMPTS)}
    try:
        programs.run(command, timeout_s=ANSWER_TIMEOUT_S, environ=environ)
    except ToolFailed as failed:
        if _NO_ACTIVE_ACTION in failed.value:
            return Reply.NO_LAUNCH
        raise HookUnanswered(
            f"the launch hook {group.ready_hook} was not answered with {result.value}",
            value=failed.value,
            remedy="Attach the stack's managed policy (its output NodePolicy) to the node's role; "
            "`multus-node run` answers again.",
        ) from failed
    return Reply.TAKEN
