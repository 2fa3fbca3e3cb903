"""What a group did, as DescribeScalingActivities tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SUCCESSFUL = "Successful"
CANCELLED = "Cancelled"
FAILED = "Failed"
IN_PROGRESS = "InProgress"
MID_LIFECYCLE_ACTION = "MidLifecycleAction"


@dataclass
class Activity:
    """One launch or termination; times in seconds since the epoch."""

    activity_id: str
    group_name: str
    group_arn: str
    description: str
    cause: str
    started_s: float
    instance_id: str | None = None
    status: str = IN_PROGRESS
    message: str | None = None
    ended_s: float | None = None

    @property
    def over(self) -> bool:
        """Return whether nothing more will happen to it."""
        return self.status in (SUCCESSFUL, CANCELLED, FAILED)

    def end(self, status: str, now_s: float, message: str | None = None) -> None:
        """Close the activity."""
        self.status, self.message, self.ended_s = status, message, now_s

    def view(self) -> dict[str, Any]:
        """Return the activity as the API shows it."""
        shown: dict[str, Any] = {
            "ActivityId": self.activity_id,
            "AutoScalingGroupName": self.group_name,
            "AutoScalingGroupARN": self.group_arn,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": datetime.fromtimestamp(self.started_s, UTC),
            "StatusCode": self.status,
            "StatusMessage": self.message,
            "Progress": 100 if self.over else 50,
            "Details": "{}",
        }
        if self.ended_s is not None:
            shown["EndTime"] = datetime.fromtimestamp(self.ended_s, UTC)
        return {name: value for name, value in shown.items() if value is not None}


def moment(at_s: float) -> str:
    """Return a time as causes write it."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def abandoned_message(token: str, reason: str) -> str:
    """Return why a launch was cancelled.

    The words are those of github.com/Jaeminst/devops-01-Final-TeamG/issues/90; the user guide's troubleshooting page
    shows the last clause.
    """
    return (
        "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token "
        f"{token} was abandoned: {reason}"
    )
