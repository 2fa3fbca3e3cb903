"""An account in virtual time, and a way to deploy small templates into it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import moto
import pytest

from localaws.account import Account, Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_cloudformation import CloudFormationClient

CAPABILITIES: list[Any] = ["CAPABILITY_NAMED_IAM"]


@dataclass
class Stacks:
    """A caller of CloudFormation."""

    client: CloudFormationClient

    def create(self, resources: Mapping[str, Any], name: str = "S", **sections: object) -> str:
        """Create a stack; return its status."""
        body = json.dumps({"Resources": resources, **sections})
        stack_id = self.client.create_stack(
            StackName=name, TemplateBody=body, Capabilities=CAPABILITIES
        )["StackId"]
        return self.status(stack_id)

    def update(self, resources: Mapping[str, Any], name: str = "S", **sections: object) -> str:
        """Update a stack; return its status."""
        body = json.dumps({"Resources": resources, **sections})
        self.client.update_stack(StackName=name, TemplateBody=body, Capabilities=CAPABILITIES)
        return self.status(name)

    def delete(self, name: str = "S") -> str:
        """Delete a stack; return its status."""
        stack_id = self.stack_id(name)
        self.client.delete_stack(StackName=name)
        return self.status(stack_id)

    def stack_id(self, name: str = "S") -> str:
        """Return a stack's id, by which it is found even after its deletion."""
        return self.client.describe_stacks(StackName=name)["Stacks"][0]["StackId"]

    def status(self, name: str = "S") -> str:
        """Return a stack's status."""
        return self.client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]

    def history(self, name: str = "S") -> list[tuple[str, str]]:
        """Return the (logical id, status) of a stack's events, oldest first."""
        events = self.client.describe_stack_events(StackName=name)["StackEvents"]
        return [(one["LogicalResourceId"], one["ResourceStatus"]) for one in reversed(events)]

    def reasons(self, name: str = "S") -> dict[str, str]:
        """Return why each resource failed."""
        events = self.client.describe_stack_events(StackName=name)["StackEvents"]
        return {
            one["LogicalResourceId"]: one["ResourceStatusReason"]
            for one in events
            if one["ResourceStatus"].endswith("_FAILED")
        }

    def outputs(self, name: str = "S") -> dict[str, str]:
        """Return a stack's outputs."""
        stack = self.client.describe_stacks(StackName=name)["Stacks"][0]
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def physical_ids(self, name: str = "S") -> dict[str, str]:
        """Return what each resource is called."""
        resources = self.client.describe_stack_resources(StackName=name)["StackResources"]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account(VirtualClock(), Settings(throttling=False))
    with account.active(), moto.mock_aws():
        yield account


@pytest.fixture
def stacks(account: Account) -> Stacks:  # noqa: ARG001  # it must be active
    return Stacks(boto3.client("cloudformation"))
