"""A group that is adopted: what becomes of the nodes that run already, and of those that launch while its hooks change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cli.demo import platform
from localaws.clock import VirtualClock
from tests.deployed.deployment import install, one_environment, synthesize, update

if TYPE_CHECKING:
    from pathlib import Path

    from localaws.account import Account
    from tests.deployed.deployment import Deployed

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

CONTROL = "telco-control-plane"
RUNNING, INTERFACES = 2, 2
HEARTBEAT_S = 1234


@pytest.fixture
def running(account: Account, document: dict[str, Any]) -> platform.Platform:
    """The example's platform, with nodes that came into service before anybody hooked them."""
    made = platform.build(account, document)
    autoscaling = account.client("autoscaling")
    autoscaling.set_desired_capacity(AutoScalingGroupName=CONTROL, DesiredCapacity=RUNNING)
    account.clock.wait(30)
    (group,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[CONTROL])[
        "AutoScalingGroups"
    ]
    assert [one["LifecycleState"] for one in group["Instances"]] == ["InService"] * RUNNING
    return made


def _deploy(
    account: Account, made: platform.Platform, scratch: Path, *, adopt_running: bool
) -> Deployed:
    made.document["node_groups"][0]["adopt_running"] = adopt_running
    assert isinstance(account.clock, VirtualClock)
    return install(
        account, made, synthesize(made.document, scratch), one_environment(account.clock)
    )


def test_running_nodes_are_left_alone_and_new_ones_served(
    account: Account, running: platform.Platform, tmp_path: Path
) -> None:
    deployed = _deploy(account, running, tmp_path, adopt_running=False)
    old = deployed.nodes()
    deployed.reconcile()
    deployed.clock.advance(60)
    assert deployed.enis() == []

    deployed.desire(CONTROL, RUNNING + 1)
    deployed.until(lambda: len(deployed.nodes()) == RUNNING + 1, within_s=60)
    (young,) = set(deployed.nodes()) - set(old)
    assert [eni.instance_id for eni in deployed.enis()] == [young.instance_id] * INTERFACES

    deployed.desire(CONTROL, 0)
    deployed.until(lambda: not deployed.observer.nodes() and not deployed.enis(), within_s=120)


def test_running_nodes_that_are_adopted_get_their_interfaces_and_stay(
    account: Account, running: platform.Platform, tmp_path: Path
) -> None:
    deployed = _deploy(account, running, tmp_path, adopt_running=True)
    old = deployed.nodes()
    deployed.reconcile()
    deployed.until(lambda: deployed.broken_promises() == [], within_s=60)
    assert deployed.nodes() == old
    assert len(deployed.enis()) == RUNNING * INTERFACES

    deployed.desire(CONTROL, 0)
    deployed.until(lambda: not deployed.observer.nodes() and not deployed.enis(), within_s=120)


def test_hooks_that_change_in_mid_scale_out_lose_no_launch(
    deployed: Deployed, document: dict[str, Any], tmp_path: Path
) -> None:
    deployed.desire(CONTROL, 3)
    deployed.until(lambda: len(deployed.nodes("Pending:Wait")) == 3, within_s=10)
    launching = {node.instance_id for node in deployed.observer.nodes()}
    document["hook"]["heartbeat_timeout_s"] = HEARTBEAT_S
    (tmp_path / "again").mkdir()
    assembly = synthesize(deployed.made.document, tmp_path / "again")
    update(deployed, assembly, one_environment(deployed.clock))
    assert {node.instance_id for node in deployed.nodes("Pending:Wait")} == launching
    hooks = deployed.account.client("autoscaling").describe_lifecycle_hooks(
        AutoScalingGroupName=CONTROL
    )["LifecycleHooks"]
    assert HEARTBEAT_S in {hook["HeartbeatTimeout"] for hook in hooks}
    deployed.until(lambda: len(deployed.nodes()) == 3, within_s=60)
    assert {node.instance_id for node in deployed.observer.nodes()} == launching
    assert deployed.broken_promises() == []
