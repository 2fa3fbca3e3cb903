"""What CloudFormation asks of a custom resource's function, and how it is answered.

Source: CloudFormation User Guide, "CloudFormation custom resource request and response reference".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from domain.errors import EventRejected, SpecRejected
from domain.model import SubnetId
from domain.reservations import PodRange, canonical

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from domain.errors import EniLifecycleError

MAX_ANSWER_BYTES = 4096
"""Of the whole response body; a longer one is not read, and the stack waits for its time-out."""
NOTHING_MADE = "nothing-made"
"""The physical id of what could not be made: an answer without one is not taken, and a Delete of it follows."""
_CUT = "…"


class RequestType(str, Enum):
    """What is to be done."""

    CREATE = "Create"
    UPDATE = "Update"
    DELETE = "Delete"


@dataclass(frozen=True)
class StackRequest:
    """One request; its answer repeats the three ids."""

    kind: RequestType
    response_url: str
    """Where the answer is put, once: a presigned S3 URL, so a secret."""
    stack_id: str
    request_id: str
    logical_id: str
    physical_id: str | None
    """What the last answer said; None at a Create."""
    properties: Mapping[str, Any]

    @property
    def known_as(self) -> str:
        """The physical id that stays when nothing comes of the request."""
        return self.physical_id or NOTHING_MADE

    @property
    def pod_range(self) -> PodRange:
        """The range that the resource's properties name.

        Raises:
            SpecRejected: they name none; the stack never writes such.
        """
        cidr, subnet_ids = self.properties.get("Cidr"), self.properties.get("SubnetIds")
        known = canonical(cidr) if isinstance(cidr, str) else None
        if known is None or not isinstance(subnet_ids, list):
            raise SpecRejected(f"Cidr={cidr!r} and SubnetIds={subnet_ids!r} name no range")
        return PodRange(known, tuple(SubnetId(str(each)) for each in subnet_ids))


@dataclass(frozen=True)
class StackAnswer:
    """What becomes of a request."""

    physical_id: str
    error: EniLifecycleError | None = None
    """Why it failed; None when it was done."""

    @property
    def reason(self) -> str:
        """The same for a person: it becomes the reason in the stack's events."""
        if self.error is None:
            return "done"
        remedy = self.error.details.get("remedy")
        return f"{self.error.code}: {self.error}" + (f". {remedy}" if remedy else "")

    def to_json(self, request: StackRequest) -> str:
        """Return the body to put to the request's URL, the reason cut where the whole would be too long."""
        body = {
            "Status": "SUCCESS" if self.error is None else "FAILED",
            "Reason": self.reason,
            "PhysicalResourceId": self.physical_id,
            "StackId": request.stack_id,
            "RequestId": request.request_id,
            "LogicalResourceId": request.logical_id,
        }
        while len(text := json.dumps(body)) > MAX_ANSWER_BYTES:
            body["Reason"] = body["Reason"][: len(body["Reason"]) // 2] + _CUT
        return text


def parse_request(event: Mapping[str, Any]) -> StackRequest:
    """Read a request.

    Raises:
        EventRejected: it is none, or there is nobody to answer to.
    """
    try:
        request = StackRequest(
            kind=RequestType(event["RequestType"]),
            response_url=str(event["ResponseURL"]),
            stack_id=str(event["StackId"]),
            request_id=str(event["RequestId"]),
            logical_id=str(event["LogicalResourceId"]),
            physical_id=event.get("PhysicalResourceId"),
            properties=dict(event["ResourceProperties"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EventRejected(f"no request of CloudFormation's: {error!r}") from error
    if request.kind is not RequestType.CREATE and not isinstance(request.physical_id, str):
        raise EventRejected(f"{request.kind.value} without PhysicalResourceId")
    return request
