"""CloudFormation stacks that others deployed, and the subnets that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from account.session import UNANSWERED, line
from authoring.migration import source
from authoring.migration.source import Resource, Subnet
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from account.session import Session
    from authoring.migration.source import Source

_AT_ONCE = 200
"""EC2 takes at most so many values of one filter (EC2 User Guide, Filtering resources)."""


def read_stack(name: str, session: Session) -> Source:
    """Return a deployed stack: its parameters, and what its resources are called.

    Args:
        name: the stack's name or ARN.
        session: whose account and Region are asked.

    Raises:
        ConfigInvalid: it cannot be read, or is not in a state to be taken over.
    """
    try:
        client = session.client("cloudformation")
        (described,) = client.describe_stacks(StackName=name)["Stacks"]
        pages = client.get_paginator("list_stack_resources").paginate(StackName=name)
        resources = [
            Resource(
                one["LogicalResourceId"], one["ResourceType"], one.get("PhysicalResourceId", "")
            )
            for page in pages
            for one in page["StackResourceSummaries"]
            # One that was deleted is listed until its stack is.
            if one["ResourceStatus"] != "DELETE_COMPLETE"
        ]
    except (*UNANSWERED, ClientError) as error:
        raise ConfigInvalid(
            [
                Problem(
                    f"--stack {name}",
                    session.region,
                    f"cannot be read: {line(error)}",
                    "Name a stack of this account and Region, with credentials that may call "
                    "cloudformation:DescribeStacks and cloudformation:ListStackResources; or give its parameters as a "
                    "file with --parameters.",
                )
            ]
        ) from error
    return source.of_stack(dict(described), resources)


def read_subnets(ids: Sequence[str], session: Session) -> Mapping[str, Subnet]:
    """Return what is known of the subnets that there are.

    Args:
        ids: the subnets.
        session: whose account and Region are asked.

    Raises:
        ConfigInvalid: EC2 cannot be asked.
    """
    found: dict[str, Subnet] = {}
    try:
        client = session.client("ec2")
        pages = client.get_paginator("describe_subnets")
        for start in range(0, len(ids), _AT_ONCE):
            # A filter leaves out what does not exist, where SubnetIds would fail for all.
            wanted = list(ids[start : start + _AT_ONCE])
            for page in pages.paginate(Filters=[{"Name": "subnet-id", "Values": wanted}]):
                for one in page["Subnets"]:
                    ranges = one.get("Ipv6CidrBlockAssociationSet", [])
                    found[one["SubnetId"]] = Subnet(one["AvailabilityZone"], bool(ranges))
    except (*UNANSWERED, ClientError) as error:
        raise ConfigInvalid(
            [
                Problem(
                    "subnets",
                    ", ".join(ids),
                    f"cannot be looked up: {line(error)}",
                    "Use credentials that may call ec2:DescribeSubnets.",
                )
            ]
        ) from error
    return found
