"""How fast one process may call an action whose token bucket it shares with others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Bucket(NamedTuple):
    """A token bucket: what it holds when full and what it gets back."""

    size: float
    refill_per_s: float


BUCKETS: Mapping[str, Bucket] = MappingProxyType(
    {
        "CreateNetworkInterface": Bucket(100, 5),
        "AttachNetworkInterface": Bucket(50, 5),
        "ModifyNetworkInterfaceAttribute": Bucket(100, 5),
        "DeleteNetworkInterface": Bucket(100, 5),
        "CompleteLifecycleAction": Bucket(100, 10),
        "RecordLifecycleActionHeartbeat": Bucket(100, 10),
    }
)
"""The actions that a burst of nodes runs short of, per account and Region. EC2's: "Request throttling for the Amazon EC2
API", EC2 Developer Guide; Attach is not on that page's list and has the default of mutating actions. Auto Scaling has one
bucket for all its actions, of which AWS publishes no numbers: these are where the pace starts, and refusals correct it.
Describes refill four times as fast, and one of ours serves a batch."""

SHARE = 0.5
"""Of a bucket, for each process: as many tokens in a burst and as much of the refill, before it has seen how many others
there are. Two runs of the launch function at once, which is all that there are (LAUNCH_CONCURRENCY), use exactly all of
it."""
REST_S = 0.25
"""How long nothing is sent after a refusal: the bucket is empty, and a few tokens in it keep two callers that send in
step from refusing each other."""
ONE_REFUSAL_S = 2.0
"""Refusals within this are one: the calls were under way together."""
PATIENT_FOR = 10
"""So many answers in a row without a refusal, and the share is enlarged with each that follows."""
ENLARGED = 1.003
LESSENED = 0.8
REGAINED = 1.1
LARGEST = 2.5
"""Times the share: a process that is alone may have the whole refill, and what gathered while nobody called."""
SMALLEST = 0.05
ROUNDING = 1e-4
"""Of a token: so little short of one is not short. Clocks tell microseconds, and a wait for less might never end."""


@dataclass(frozen=True)
class CallPace:
    """What a process knows of one action's bucket: its own share, mirrored, and what refusals taught.

    As long as the mirror has tokens, calls go out at once. Then they are spaced: by the fair share of the refill first,
    faster the longer nothing is refused, back to the fair share on a refusal, and below it when refusals go on, as they do
    when another tenant (the VPC CNI) draws on the bucket.

    Waiting for a token before a call costs nothing; a refused call takes a request, a retry and its back-off.
    """

    bucket: Bucket
    tokens: float
    at_s: float
    """When the tokens were counted."""
    share: float = 1.0
    """Times the fair share."""
    answers: int = 0
    """Without a refusal, since the last one."""
    refused_at_s: float = float("-inf")

    @property
    def _refill_per_s(self) -> float:
        return self.bucket.refill_per_s * SHARE * self.share

    def wait_s(self, now_s: float, ahead: int) -> float:
        """Return after how many seconds a call may be sent before which so many others are to be; 0 when it may now."""
        short = ahead + 1 - self._counted(now_s).tokens
        return short / self._refill_per_s if short > ROUNDING else 0.0

    def sent(self, now_s: float) -> CallPace:
        """Return the pace after a call, which took a token."""
        counted = self._counted(now_s)
        return replace(counted, tokens=counted.tokens - 1)

    def answered(self) -> CallPace:
        """Return the pace after an answer that was no refusal."""
        answers, share = self.answers + 1, self.share
        if self.tokens < 1 and answers > PATIENT_FOR:
            share = min(LARGEST, share * ENLARGED) if share >= 1 else min(1.0, share * REGAINED)
        elif self.tokens >= self.bucket.size * SHARE - 1:
            share = 1.0
        return replace(self, answers=answers, share=share)

    def refused(self, now_s: float) -> CallPace:
        """Return the pace after a refusal for the rate."""
        if 0 <= now_s - self.refused_at_s < ONE_REFUSAL_S:
            return self
        counted = self._counted(now_s)
        share = 1.0 if self.share > 1 else self.share
        if self.share <= 1 and self.answers <= 3 * PATIENT_FOR:
            share = max(SMALLEST, self.share * LESSENED)
        rest = REST_S * self.bucket.refill_per_s * SHARE
        return replace(
            counted,
            tokens=min(counted.tokens, 0.0) - rest,
            share=share,
            answers=0,
            refused_at_s=now_s,
        )

    def _counted(self, now_s: float) -> CallPace:
        gained = max(0.0, now_s - self.at_s) * self._refill_per_s
        return replace(
            self,
            tokens=min(self.bucket.size * SHARE, self.tokens + gained),
            at_s=now_s,
        )


def full(bucket: Bucket, now_s: float) -> CallPace:
    """Return the pace of a process that has called nothing yet."""
    return CallPace(bucket, bucket.size * SHARE, now_s)
