"""What came of one event or one node: a single record, for the log, the metrics and the queue alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.errors import EniLifecycleError


class Result(str, Enum):
    """How it ended."""

    CONTINUED = "continued"
    """The hook was completed with CONTINUE."""
    ABANDONED = "abandoned"
    """The hook was completed with ABANDON."""
    CLOSED = "closed"
    """The work is done and the hook had been completed already."""
    RETRY = "retry"
    """Not done yet; the message comes back, the hook stays open."""
    FAILED = "failed"
    """A defect: the message comes back until it is dead-lettered; the hook's default is the backstop."""
    SWEPT = "swept"
    """Nothing of a terminated instance is left."""
    REPAIRED = "repaired"
    """A node in service was given what it lacked."""
    REPORTED = "reported"
    """A node in service lacks something that this stack was not asked to give it."""
    IGNORED = "ignored"
    REJECTED = "rejected"

    @property
    def is_retried(self) -> bool:
        """Whether the message must come back."""
        return self in (Result.RETRY, Result.FAILED)


@dataclass(frozen=True)
class Outcome:
    """The record of one event or one node."""

    result: Result
    reason: str
    instance_id: str = ""
    group_name: str = ""
    node_group: str = ""
    token: str = ""
    """The lifecycle action token, which ties together everything said about one hook."""
    transition: str = ""
    error: EniLifecycleError | None = None
    attached: int = 0
    deleted: int = 0
    hook_to_continue_s: float | None = None
    rounds: int = 0
    """How often the node was observed."""

    def to_log(self) -> dict[str, object]:
        """Return the record as flat fields; what is not known is left out."""
        fields: dict[str, object] = {
            "result": self.result.value,
            "reason": self.reason,
            "instance_id": self.instance_id,
            "auto_scaling_group": self.group_name,
            "node_group": self.node_group,
            "transition": self.transition,
            "interfaces_attached": self.attached,
            "interfaces_deleted": self.deleted,
            "hook_to_continue_s": _rounded(self.hook_to_continue_s),
            "rounds": self.rounds,
        }
        if self.error is not None:
            fields |= {
                "error_code": self.error.code,
                "error": str(self.error),
                **self.error.details,
            }
            if notes := getattr(self.error, "__notes__", None):
                fields["notes"] = list(notes)
        return {key: value for key, value in fields.items() if value not in ("", None)}


def _rounded(seconds: float | None) -> float | None:
    """Return milliseconds and no more: an event's time is known to the second only."""
    return None if seconds is None else round(seconds, 3)
