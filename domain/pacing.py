"""When to look again: waiting for a state without asking more often than it is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class AttachPace:
    """How long an attachment is expected to take, learned from those seen.

    EC2 publishes no figure; two seconds is where it starts, and every attachment watched moves it. One look at the
    right moment costs one call where looking every half second costs four.
    """

    expected_s: float = 2.0
    again_part: float = 0.25
    """Of what an attachment has taken so far, the wait for the next look: what is late already may well be later still."""
    again_least_s: float = 0.5
    again_most_s: float = 2.0
    """Looking is cheap where it matters: in a burst one look serves many nodes."""
    shrink: float = 0.9
    floor_s: float = 0.5
    ceiling_s: float = 20.0
    too_early_s: float = 0.0
    """The longest wait after which a look came too early; no wait is shorter again."""

    def wait_s(self, since_attach_s: float, looks: int) -> float:
        """Return how long to wait before the next look.

        Args:
            since_attach_s: seconds since the last attach call was answered.
            looks: how often this wait has looked already.
        """
        if looks == 0:
            return max(0.0, self.expected_s - since_attach_s)
        again_s = max(self.again_least_s, self.again_part * since_attach_s)
        return min(again_s, self.again_most_s)

    def learned(self, took_s: float, looks: int) -> AttachPace:
        """Return the pace after an attachment was seen done `took_s` seconds after its call, at look number `looks`.

        Done at the first look means that an earlier look might have done: creep down, but not to where one came too
        early before. Otherwise it took that long.
        """
        if looks <= 1:
            expected_s = max(self.expected_s * self.shrink, self.too_early_s / self.shrink)
            expected_s = min(expected_s, self.expected_s)
            return replace(self, expected_s=max(expected_s, self.floor_s))
        return replace(
            self,
            expected_s=min(max(took_s, self.floor_s), self.ceiling_s),
            too_early_s=min(self.expected_s, took_s),
        )


def retry_delay_s(receive_count: int, *, base_s: int = 5, ceiling_s: int = 60) -> int:
    """Return after how many seconds a message that could not be finished comes back: 5, 10, 20, 40, then 60."""
    return int(min(base_s * 2 ** min(max(receive_count - 1, 0), 10), ceiling_s))


RESTART_AFTER = 0.5
"""From which part of a heartbeat time-out on a hook's timer is restarted."""
HOLD_LIMIT = 4
"""How many heartbeat time-outs a launch is held that no run can finish, before its DefaultResult decides."""


def needs_heartbeat(open_for_s: float, heartbeat_timeout_s: float) -> bool:
    """Return whether a hook that stays open for now has its timer restarted.

    The timer's last restart is not to be read from any API, so from half of the first time-out on every run that leaves
    the hook open restarts it. Not later: a run that finds it just below half is followed by the next an interval (at most a
    quarter of a time-out) later, give or take the minute that is EventBridge Scheduler's precision. Not earlier: in a burst
    of a thousand nodes each restart is a call that Auto Scaling counts, and most hooks close before. Auto Scaling would allow 100 time-outs or 48
    hours (RecordLifecycleActionHeartbeat, Auto Scaling API reference); nobody waits so long for a node.
    """
    return heartbeat_timeout_s * RESTART_AFTER <= open_for_s < HOLD_LIMIT * heartbeat_timeout_s
