"""Requests of CloudFormation's, as its user guide shows them."""

from __future__ import annotations

from typing import Any

RESPONSE_URL = "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/answer?X-Amz-Signature=0f"
STACK_ID = "arn:aws:cloudformation:us-east-1:123456789012:stack/MultusEni-example/51af3dc0-da77-11e4-872e-1234567db123"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:MultusEni-example-Reserve"
CIDR = "10.0.49.0/24"
SUBNETS = ("subnet-0e58d1c6a90b43f72", "subnet-0f04e7a3b8d619c25")


def stack_request(kind: str, cidr: str = CIDR, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - the fields of a request
    """Return a request (CloudFormation User Guide, "CloudFormation custom resource request and response reference").

    Args:
        kind: Create, Update or Delete.
        cidr: the range; an Update is from 10.0.48.0/24.
        changes: fields in the place of those that it has.
    """
    properties = {
        "ServiceToken": FUNCTION,
        "ServiceTimeout": "600",
        "Cidr": cidr,
        "SubnetIds": [*SUBNETS],
    }
    request: dict[str, Any] = {
        "RequestType": kind,
        "ResponseURL": RESPONSE_URL,
        "StackId": STACK_ID,
        "RequestId": "5478764e-3a1b-4a8c-9f0e-0123456789ab",
        "ResourceType": "Custom::MultusEniPodRange",
        "LogicalResourceId": "CidrReservations100490240A1B2C3D",
        "ResourceProperties": properties,
    }
    if kind != "Create":
        request["PhysicalResourceId"] = f"{SUBNETS[0]}/{cidr}"
    if kind == "Update":
        request["PhysicalResourceId"] = f"{SUBNETS[0]}/10.0.48.0/24"
        request["OldResourceProperties"] = {**properties, "Cidr": "10.0.48.0/24"}
    return {**request, **changes}
