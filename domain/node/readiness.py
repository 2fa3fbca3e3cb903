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


class Reply(Enum):
    """What became of an answer to the launch hook."""

    TAKEN = "taken"
    NO_LAUNCH = "no launch"
    """No launch is open (any more): the hook was answered before, it timed out, or the instance was in service already. Which
    of them, Auto Scaling does not say."""
    LOST = "lost"
    """It was refused or did not get there; a later run tries again."""


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
    """For a person, without a full stop; `outcome` says what has come of the answer."""


def consequence(group: NodeGroup, situation: Situation) -> Consequence:
    """Decide what a run's end means for kubelet and for the node's launch hook.

    A later run can find any of these:
    1. nothing was opened or answered: the first run failed, or was killed before it came so far;
    2. kubelet may start and the hook is unanswered: the run was killed, or Auto Scaling refused, in between;
    3. kubelet may start and the hook is answered: nothing is left to do, whatever became of this run. A node that was
       ready has pods, and neither it nor its kubelet is taken away because something was hot-attached and failed;
    4. Auto Scaling took ABANDON for an answer: the node goes, and no pod may come to it any more.
    """
    if situation.answered is HookResult.ABANDON:
        return Consequence(False, None, "Auto Scaling was told to replace this node")
    if situation.succeeded or group.on_failure is OnFailure.CONTINUE:
        return _let_in(group, situation)
    if situation.gate_open:
        return Consequence(False, None, "the node was ready before, and kubelet is left alone")
    return _keep_out(group, situation)


def is_answer(result: HookResult, reply: Reply) -> bool:
    """Return whether a launch hook has its answer, and nothing is left to say to it.

    A node that is ready has nothing to tell when no launch is open. ABANDON asks for something to be done, and where no
    launch is open nobody does it: the node stays, and a later run that succeeds may let it in.
    """
    return reply is Reply.TAKEN or (reply is Reply.NO_LAUNCH and result is HookResult.CONTINUE)


REPLACED = "and the node is replaced"


def outcome(
    group: NodeGroup, decided: Consequence, reply: Reply | None, *, asks_again: bool = False
) -> str:
    """Return what the run's end has come to, for a person, without a full stop.

    Args:
        group: of the node.
        decided: what was to be done.
        reply: to the answer that was decided; None when none was, or none could be given.
        asks_again: whether ABANDON is repeated, in case the launch has yet to be opened.
    """
    if decided.answer is not HookResult.ABANDON:
        return decided.reason
    if reply is Reply.TAKEN:
        return f"{decided.reason}, {REPLACED}"
    if reply is Reply.NO_LAUNCH and asks_again:
        return f"{decided.reason}; no launch is open, so nobody replaces the node: it is held, and asks again for some minutes"
    if reply is Reply.NO_LAUNCH:
        return (
            f"{decided.reason}; no launch is open any more, so nobody replaces the node: it is held"
        )
    return f"{decided.reason}; the launch hook {group.ready_hook} is not answered and ends with its time-out"


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
            return Consequence(False, HookResult.ABANDON, held)
    elif group.ready_hook is not None:
        return Consequence(
            False, None, f"{held}; the launch hook {group.ready_hook} ends with its time-out"
        )
    return Consequence(False, None, held)
