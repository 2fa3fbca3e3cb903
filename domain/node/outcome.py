"""What a node is at the end of a run, for its status: from what failed, and from what that means for kubelet and the launch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from domain.node.readiness import REPLACED
from domain.node.status import Run, State, Status, failure

if TYPE_CHECKING:
    from domain.node.errors import NodeError

CONFIGURE = "configure"
"""The step before all others: which configuration, and which node group."""


@dataclass(frozen=True)
class Ending:
    """How a run ended."""

    failed: bool
    """Whether the run itself did; what it did is taken back then."""
    unfinished: bool
    """Whether something failed that follows a run: starting what was held back, answering the launch hook."""
    left_out: bool
    """Whether the node goes on without some of its interfaces."""
    goes_on: bool
    """Whether its group has a node join that is not ready (on_failure: continue)."""
    kubelet_may_start: bool
    abandoned: bool
    """Whether Auto Scaling was told to replace the node."""


def state(ending: Ending) -> State:
    """Return what the node is. It is ready only if nothing failed and kubelet may start."""
    if not ending.kubelet_may_start:
        return State.ABANDONED if ending.abandoned else State.HELD
    if not (ending.failed or ending.unfinished):
        return State.DEGRADED if ending.left_out else State.READY
    return State.DEGRADED if ending.failed and ending.goes_on else State.FAILED


def consequence(ending: Ending, reason: str) -> str:
    """Return what the run's end means, for a person.

    Args:
        ending: of the run.
        reason: why kubelet may start or not.
    """
    if not ending.kubelet_may_start:
        return reason
    if ending.unfinished and not ending.failed:
        return "kubelet may start; only what follows a run has failed"
    if ending.left_out:
        return "kubelet may start: the node group says continue"
    return reason


def abandoned(status: Status) -> Status:
    """Return what a held node's status becomes when Auto Scaling takes ABANDON after all."""
    return replace(status, state=State.ABANDONED, consequence=f"kubelet does not start, {REPLACED}")


def left_as(ending: Ending) -> str:
    """Return what the interfaces are that are there: a run that failed has taken back what it did."""
    if not ending.failed:
        return "ready"
    return "as before" if ending.kubelet_may_start else "not prepared"


def refusal(error: NodeError, *, started_by: Run, at: str, gate_open: bool) -> Status:
    """Return the status of a node whose run could not begin: which group it is of, and so its policy, is not known.

    Args:
        error: why not.
        started_by: who wanted a run.
        at: when, as the status file writes it.
        gate_open: whether kubelet may start all the same.
    """
    return Status(
        state=State.FAILED if gate_open else State.HELD,
        step=CONFIGURE,
        run=started_by,
        since=at,
        ended_at=at,
        consequence="kubelet is left alone" if gate_open else "kubelet does not start",
        error=failure(error),
    )
