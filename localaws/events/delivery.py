"""One event on its way to one target of a rule: attempts, retries, and the dead letter.

Source: EventBridge User Guide, "How EventBridge retries delivering events" (24 hours and 185 times with exponential
back-off unless the target's RetryPolicy says otherwise; a missing target or permission is not retried) and "Using
dead-letter queues to process undelivered events".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_RETRIES = 185
DEFAULT_MAX_AGE_S = 86_400
FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 600.0
"""The user guide gives back-off and jitter, but no numbers; these end 185 tries after about a day."""


class DeliveryFailed(Exception):
    """A target did not take the event.

    Attributes:
        retryable: whether another attempt could end otherwise.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


@dataclass(frozen=True)
class RetryPolicy:
    """How long a target is tried."""

    retries: int = DEFAULT_RETRIES
    max_age_s: float = DEFAULT_MAX_AGE_S

    @classmethod
    def of(cls, target: Mapping[str, Any]) -> RetryPolicy:
        """Return the policy in a target's description, with EventBridge's defaults."""
        given = target.get("RetryPolicy") or {}
        return cls(
            given.get("MaximumRetryAttempts", DEFAULT_RETRIES),
            given.get("MaximumEventAgeInSeconds", DEFAULT_MAX_AGE_S),
        )


@dataclass(frozen=True)
class Delivery:
    """One payload for one target. `sender_arn` is the rule or schedule on whose behalf it is sent."""

    sender_arn: str
    target: Mapping[str, Any]
    payload: str
    begun_s: float
    retries: int = 0
    refusals_left: int = 0

    @property
    def target_arn(self) -> str:
        """Return where the payload goes."""
        return str(self.target["Arn"])

    @property
    def dead_letter_arn(self) -> str | None:
        """Return where it goes when the target does not take it."""
        arn: str | None = (self.target.get("DeadLetterConfig") or {}).get("Arn")
        return arn


@dataclass(frozen=True)
class RetryAt:
    """Try again at a time, in seconds since the epoch."""

    delivery: Delivery
    at_s: float


@dataclass(frozen=True)
class GiveUp:
    """Nothing more is tried; the attributes go with the dead letter."""

    attributes: Mapping[str, str]


def decide(delivery: Delivery, failure: DeliveryFailed, now_s: float) -> RetryAt | GiveUp:
    """Return what becomes of a delivery that failed."""
    policy = RetryPolicy.of(delivery.target)
    exhausted: str | None = None
    if failure.retryable:
        delay_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2**delivery.retries)
        if delivery.retries >= policy.retries:
            exhausted = "MaximumRetryAttempts"
        elif now_s + delay_s - delivery.begun_s > policy.max_age_s:
            exhausted = "MaximumEventAgeInSeconds"
        else:
            again = replace(
                delivery,
                retries=delivery.retries + 1,
                refusals_left=max(0, delivery.refusals_left - 1),
            )
            return RetryAt(again, now_s + delay_s)
    attributes = {
        "RULE_ARN": delivery.sender_arn,
        "TARGET_ARN": delivery.target_arn,
        "ERROR_CODE": failure.code,
        "ERROR_MESSAGE": str(failure),
        "RETRY_ATTEMPTS": str(delivery.retries),
    }
    if exhausted is not None:
        attributes["EXHAUSTED_RETRY_CONDITION"] = exhausted
    return GiveUp(attributes)
