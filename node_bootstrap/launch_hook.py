"""The node's own launch hook: what it was answered with, what the answer waits for, and the answer itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.node import layout
from domain.node.change import WriteFile
from domain.node.errors import HookUnanswered, ToolFailed
from domain.node.readiness import HookResult, Reply, is_answer

if TYPE_CHECKING:
    from domain.node.config import NodeGroup
    from node_bootstrap.files import Files
    from node_bootstrap.programs import Programs

TIMEOUT_S = 180.0
ATTEMPTS = 8
"""By AWS CLI v2 itself: its standard mode waits at random up to 1, 2, 4 … 20 s after a throttled or lost call, which makes
75 s at most (AWS CLI User Guide, "Retries")."""

NOT_OPEN = "Auto Scaling: no launch is open"
"""What an answer waits for that is to be repeated."""

_NO_ACTIVE_ACTION = "No active Lifecycle Action found"
"""The message of the ValidationError when nothing waits for an answer."""


@dataclass(frozen=True)
class Record:
    """How things stand with one hook of one instance since it booted."""

    hook: str
    instance_id: str
    result: HookResult | None = None
    """What it was answered with; None: it is not answered yet."""
    waits_for: str = ""
    """What the answer waits for, or what has become of the last attempt; for a person."""
    failed: bool = False
    """Whether the last attempt was refused or lost."""
    warming: bool = False
    """Whether the answer was that of a node on its way into the warm pool. On its way into service it gives another."""


def record(files: Files) -> Record | None:
    """Return what is recorded; None when nothing is, or nothing that can be understood: asking twice does no harm."""
    try:
        found = json.loads(files.text(layout.HOOK) or "{}")
        result = found["result"]
        return Record(
            hook=str(found["hook"]),
            instance_id=str(found["instance"]),
            result=None if result is None else HookResult(result),
            waits_for=str(found.get("waits_for", "")),
            failed=bool(found.get("failed", False)),
            warming=bool(found.get("warming", False)),
        )
    except (KeyError, TypeError, ValueError):
        return None


def remember(told: Record, files: Files) -> None:
    """Record how things stand.

    Raises:
        OSError: /run is full or read-only.
    """
    document = {
        "hook": told.hook,
        "instance": told.instance_id,
        "result": told.result and told.result.value,
        "waits_for": told.waits_for,
        "failed": told.failed,
        "warming": told.warming,
    }
    files.carry_out(WriteFile(layout.HOOK, json.dumps(document) + "\n"))


def answered(group: NodeGroup, instance_id: str | None, files: Files) -> HookResult | None:
    """Return what this hook of this instance was answered with. An AMI made of a running node answers for nobody."""
    known = record(files)
    if known is None or (known.hook, known.instance_id) != (group.ready_hook, instance_id):
        return None
    return known.result


def answer(
    group: NodeGroup,
    instance_id: str,
    region: str,
    result: HookResult,
    *,
    files: Files,
    programs: Programs,
) -> Reply:
    """Answer the hook by instance id: a node has no token, and needs none (Auto Scaling API, CompleteLifecycleAction).

    What has come of it is recorded.

    Raises:
        HookUnanswered: the call was refused, or lost in every attempt.
        OSError: /run is full or read-only.
    """
    assert group.ready_hook is not None  # noqa: S101 - `consequence` answers no other
    told = Record(group.ready_hook, instance_id)
    try:
        reply = _call(group, instance_id, region, result, programs)
    except HookUnanswered as unanswered:
        failed = Record(told.hook, instance_id, waits_for=unanswered.line(), failed=True)
        remember(failed, files)
        raise
    if is_answer(result, reply):
        remember(Record(told.hook, instance_id, result), files)
    return reply


def _call(
    group: NodeGroup, instance_id: str, region: str, result: HookResult, programs: Programs
) -> Reply:
    command = [
        "aws",
        "autoscaling",
        "complete-lifecycle-action",
        "--lifecycle-hook-name",
        str(group.ready_hook),
        "--auto-scaling-group-name",
        group.auto_scaling_group,
        "--instance-id",
        instance_id,
        "--lifecycle-action-result",
        result.value,
        "--region",
        region,
    ]
    environ = {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": str(ATTEMPTS)}
    try:
        programs.run(command, timeout_s=TIMEOUT_S, environ=environ)
    except ToolFailed as failed:
        if _NO_ACTIVE_ACTION in failed.value:
            return Reply.NO_LAUNCH
        raise HookUnanswered(
            f"the launch hook {group.ready_hook} was not answered with {result.value}",
            value=failed.value,
            remedy="Attach the stack's managed policy (its output NodePolicy) to the node's role; "
            "`systemctl start multus-node-answer` answers again.",
        ) from failed
    return Reply.TAKEN
