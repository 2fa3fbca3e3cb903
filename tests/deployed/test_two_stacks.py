"""Two stacks for two clusters in one account and region never touch each other's nodes, hooks or ENIs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from domain import tags
from tests.deployed.deployment import deploy

if TYPE_CHECKING:
    from pathlib import Path

    from localaws.account import Account
    from tests.deployed.deployment import Deployed

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]


@pytest.fixture
def stacks(account: Account, document: dict[str, Any], tmp_path: Path) -> list[Deployed]:
    """Two stacks, each with a group of its own."""
    return [_deploy(account, document, tmp_path, name) for name in ("north", "south")]


def _deploy(account: Account, document: dict[str, Any], tmp_path: Path, name: str) -> Deployed:
    own = copy.deepcopy(document)
    own["name"] = name
    own["node_groups"] = own["node_groups"][:1]
    own["node_groups"][0]["auto_scaling_group"] = f"nodes-{name}"
    scratch = tmp_path / name
    scratch.mkdir()
    return deploy(account, own, scratch)


def test_each_serves_its_own_nodes_and_outlives_the_other(stacks: list[Deployed]) -> None:
    north, south = stacks
    for stack, name in ((north, "nodes-north"), (south, "nodes-south")):
        stack.desire(name, 2)
    north.until(lambda: len(north.nodes()) == len(south.nodes()) == 2, within_s=60)

    for stack in stacks:
        assert stack.broken_promises() == []
        stack.reconcile()
    assert _touched(north) == {eni.eni_id for eni in north.enis()}
    assert _touched(south) == {eni.eni_id for eni in south.enis()}

    cloudformation = north.account.client("cloudformation")
    cloudformation.delete_stack(StackName=north.config.owner)
    south.clock.advance(1200)
    assert len(north.enis()) == 4, "ENIs of running nodes go with their nodes, not with the stack"
    assert south.broken_promises() == []

    north.desire("nodes-north", 0)
    south.desire("nodes-south", 3)
    south.until(lambda: len(south.nodes()) == 3, within_s=60)
    assert south.broken_promises() == []
    assert north.enis() == []


def test_an_orphan_of_one_is_nobody_elses(stacks: list[Deployed]) -> None:
    north, south = stacks
    subnet_id = next(iter(north.made.subnets))
    made = north.account.client("ec2").create_network_interface(
        SubnetId=subnet_id,
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": _tags_of(north)}],
    )["NetworkInterface"]["NetworkInterfaceId"]
    north.clock.advance(1)

    south.reconcile()
    assert made in {eni.eni_id for eni in north.enis()}
    north.reconcile()
    assert made not in {eni.eni_id for eni in north.enis()}


def _tags_of(stack: Deployed) -> list[dict[str, str]]:
    ledger = {
        tags.OWNER: stack.config.owner,
        tags.INSTANCE: "i-00000000000000000",
        tags.INTERFACE: "signalling",
        tags.CREATED_AT: "2020-01-01T00:00:00Z",
    }
    return [{"Key": key, "Value": value} for key, value in ledger.items()]


def _touched(stack: Deployed) -> set[str]:
    """Return every network interface that the stack's functions named in a call."""
    calls = stack.account.calls.where(lambda call: call.principal in stack.roles.values())
    return {
        call.params["NetworkInterfaceId"] for call in calls if "NetworkInterfaceId" in call.params
    }
