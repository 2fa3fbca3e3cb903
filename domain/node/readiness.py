"""What follows from a run's end: whether kubelet may start, and what the node's own launch hook is answered with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from domain.node.config import OnFailure

if TYPE_CHECKING:
    from domain.node.config import NodeGroup


class HookResult(str, Enum):
    """What Auto Scaling can be told of a launch."""

    CONTINUE = "CONTINUE"
    ABANDON = "ABANDON"


@dataclass(frozen=True)
class Situation:
    """How things stand at the end of a run."""

    succeeded: bool
    """Whether the run ended without an error, with every interface or with as many as the group insists on."""
    gate_open: bool
    """Whether kubelet may start already."""
    answered: HookResult | None
    """What this instance's hook was answered with since the node booted."""


@dataclass(frozen=True)
class Consequence:
    """What is to be done about it."""

    open_gate: bool
    """Whether kubelet may start from now on. False leaves things as they are: kubelet is never stopped."""
    answer: HookResult | None
    """None: the hook, if there is one, is left alone."""
    reason: str
    """For a person, without a full stop."""


def consequence(group: NodeGroup, situation: Situation) -> Consequence:
    """Decide what a run's end means for kubelet and for the node's launch hook.

    A later run can find any of these:
    1. nothing was opened or answered: the first run failed, or was killed before it came so far;
    2. kubelet may start and the hook is unanswered: the run was killed, or Auto Scaling refused, in between;
    3. kubelet may start and the hook is answered: nothing is left to do, whatever became of this run. A node that was
       ready has pods, and neither it nor its kubelet is taken away because something was hot-attached and failed;
    4. the hook was answered with ABANDON: the node goes, and no pod may come to it any more.
    """
    if situation.answered is HookResult.ABANDON:
        return Consequence(False, None, "Auto Scaling was told to replace this node")
    if situation.succeeded or group.on_failure is OnFailure.CONTINUE:
        return _let_in(group, situation)
    if situation.gate_open:
        return Consequence(False, None, "the node was ready before, and kubelet is left alone")
    return _keep_out(group, situation)


def _let_in(group: NodeGroup, situation: Situation) -> Consequence:
    answers = group.ready_hook is not None and situation.answered is None
    reason = "ready" if situation.succeeded else "not ready, and the group says continue"
    return Consequence(
        open_gate=not situation.gate_open,
        # Without it a node that may join would be replaced when the hook times out.
        answer=HookResult.CONTINUE if answers else None,
        reason=reason,
    )


def _keep_out(group: NodeGroup, situation: Situation) -> Consequence:
    held = "kubelet does not start"
    if group.on_failure is OnFailure.ABANDON:
        if group.ready_hook is None:
            return Consequence(False, None, f"{held}, and there is no launch hook to abandon")
        if situation.answered is None:
            return Consequence(False, HookResult.ABANDON, f"{held}, and the node is replaced")
    elif group.ready_hook is not None:
        return Consequence(
            False, None, f"{held}; the launch hook {group.ready_hook} ends with its time-out"
        )
    return Consequence(False, None, held)
