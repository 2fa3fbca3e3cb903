"""What can happen to an event on its way.

EventBridge delivers at least once and in no promised order, and EC2 and Auto Scaling send theirs on a best-effort
basis (EventBridge User Guide, "Events from AWS services"): each of these is something a receiver must live with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from localaws.events.envelope import Event

    Predicate = Callable[[Event], bool]


@dataclass
class Disturbance:
    """What happens to the next events that match.

    Attributes:
        times: to how many events it still happens; None: to every one.
        copies: how often each arrives; 0 loses it.
        apart_s: how much later than the copy before each further one arrives.
        delay_s: how much later than usual the first arrives.
        refusals: how many deliveries to a target fail before one succeeds.
    """

    matches: Predicate
    times: int | None = 1
    copies: int = 1
    apart_s: float = 0.0
    delay_s: float = 0.0
    refusals: int = 0

    def take(self, event: Event) -> bool:
        """Return whether it happens to this event, and count it."""
        if self.times == 0 or not self.matches(event):
            return False
        if self.times is not None:
            self.times -= 1
        return True


def arrivals(event: Event, disturbances: list[Disturbance]) -> tuple[list[float], int]:
    """Return after how many seconds each copy of an event arrives, and how often its delivery fails at first.

    Every disturbance that matches happens; a lost event is lost whatever else would happen to it.
    """
    delays_s, refusals = [0.0], 0
    for disturbance in disturbances:
        if not disturbance.take(event):
            continue
        refusals += disturbance.refusals
        delays_s = [
            delay_s + disturbance.delay_s + disturbance.apart_s * copy
            for delay_s in delays_s
            for copy in range(disturbance.copies)
        ]
    return delays_s, refusals


def everything(_event: Event) -> bool:
    """Match every event."""
    return True
