"""Requests of CloudFormation's: those of events/, changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).parents[2] / "events"
CIDR = "10.0.49.0/24"
SUBNETS = ("subnet-0e58d1c6a90b43f72", "subnet-0f04e7a3b8d619c25")


def stack_request(kind: str, cidr: str = CIDR, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - the fields of a request
    """Return a request.

    Args:
        kind: Create, Update or Delete.
        cidr: the range; an Update is from 10.0.48.0/24.
        changes: fields in the place of those that it has.
    """
    request: dict[str, Any] = json.loads((EVENTS / f"reserve-{kind.lower()}.json").read_text())
    request["ResourceProperties"]["Cidr"] = cidr
    if kind == "Delete":
        request["PhysicalResourceId"] = f"{SUBNETS[0]}/{cidr}"
    return {**request, **changes}


RESPONSE_URL: str = stack_request("Create")["ResponseURL"]
