"""One launching node as a run goes on with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from domain.errors import InvariantBroken
from domain.model import InstanceState
from domain.plan import Attach, Create

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from domain.errors import EniLifecycleError
    from domain.model import (
        EniId,
        GroupName,
        Instance,
        InstanceId,
        LifecycleActionToken,
        NetworkInterface,
    )
    from domain.outcome import Outcome
    from domain.plan import Step

PATIENCE = timedelta(seconds=40)
"""How long a run stays with a node that makes no progress; then its message waits in the queue instead of in here."""


@dataclass(frozen=True)
class Launch:
    """One node whose launch hook is open."""

    instance_id: InstanceId
    group_name: GroupName
    token: LifecycleActionToken | None
    """None when the event was lost: the hook is completed by instance id."""
    opened_at: datetime


@dataclass
class LaunchingNode:
    """What a run remembers of one node between two looks."""

    launch: Launch
    due_at: datetime
    """When to look next."""
    progress_at: datetime
    """When something last went forward."""
    instance: Instance | None = None
    interfaces: tuple[NetworkInterface, ...] = ()
    rounds: int = 0
    """How often it was looked at, or a look was tried."""
    looks: int = 0
    """How often it was looked at since the last thing was done."""
    corrections: int = 0
    """How many rounds in a row did nothing but modify what was attached before."""
    corrected_in_round: int = 0
    stumbles: int = 0
    """How many rounds in a row something did not work."""
    stumbled_in_round: int = 0
    failure: EniLifecycleError | None = None
    """Why the launch was given up; it stays so, whatever cleaning up and answering the hook still take."""
    reprieved: bool = False
    """Whether giving up was put off once, because the node turned out to have everything."""
    attach_answered_at: datetime | None = None
    attached: set[str] = field(default_factory=set)
    deleted: int = 0
    created_at: dict[str, datetime] = field(default_factory=dict)
    created: set[EniId] = field(default_factory=set)
    lost: dict[str, int] = field(default_factory=dict)
    error: EniLifecycleError | None = None
    """The last thing that did not work."""
    outcome: Outcome | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the instance need not be looked at again: it runs, and nothing said otherwise since."""
        return (
            not self.stumbles
            and self.instance is not None
            and self.instance.state is InstanceState.RUNNING
        )

    @property
    def is_attaching(self) -> bool:
        """Whether nothing but its attachments is waited for."""
        return self.is_settled and self.attach_answered_at is not None

    def note_done(self, steps: Iterable[Step]) -> None:
        """Note what was done for one interface, for how soon to look again."""
        if any(isinstance(step, (Create, Attach)) for step in steps):
            self.corrections = 0
        elif self.corrected_in_round != self.rounds:
            self.corrections += 1
        self.corrected_in_round = self.rounds

    def is_hopeless(self, deadline: datetime) -> bool:
        """Return whether the next look would come too late, or has brought nothing for too long."""
        return self.due_at >= deadline or self.due_at - self.progress_at > PATIENCE

    def ended(self) -> Outcome:
        """Return what came of it.

        Raises:
            InvariantBroken: nothing yet.
        """
        if self.outcome is None:
            raise InvariantBroken(f"the run ended without an outcome for {self.launch.instance_id}")
        return self.outcome
