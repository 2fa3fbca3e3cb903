"""A group that is created: its very first node is hooked, and whatever its nodes go through, they have their interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cli.demo import platform
from cli.demo.promises import left_behind
from domain import naming
from localaws.clock import VirtualClock
from tests.deployed.deployment import (
    change,
    create,
    install,
    one_environment,
    synthesize,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from localaws.account import Account
    from tests.deployed.deployment import Deployed

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

SIGNALLING = 0
INTERFACES = 2
WARM_POOL = {"max_prepared": 2, "reuse_on_scale_in": True}
ALL_SPOT = {"spot_percent": 100}
HEARTBEAT_S = 1234
RESTS = "Warmed:Stopped"


@pytest.fixture
def keys() -> dict[str, Any]:
    """What else is written of the group."""
    return {}


@pytest.fixture
def ready_hook(keys: dict[str, Any]) -> bool:
    """Whether nodes answer a hook of their own."""
    return "warm_pool" in keys


@pytest.fixture
def configuration(
    account: Account, document: dict[str, Any], keys: dict[str, Any], ready_hook: bool
) -> platform.Platform:
    """The example, where the signalling group is created with one node."""
    group = document["node_groups"][SIGNALLING]
    del group["auto_scaling_group"]
    group["create"] = {"min_size": 1, "max_size": 4, **keys}
    group["node"] = {"ready_hook": False}
    if ready_hook:
        group["node"] = {"ready_hook": True, "on_failure": "abandon"}
    return platform.build(account, document)


@pytest.fixture
def name(configuration: platform.Platform) -> str:
    """The group's name, and its stack's."""
    return configuration.groups[SIGNALLING]


@pytest.fixture
def deployed(
    account: Account, configuration: platform.Platform, name: str, tmp_path: Path
) -> Deployed:
    """Both stacks, in the order of their dependency."""
    assembly = synthesize(configuration.document, tmp_path)
    assert isinstance(account.clock, VirtualClock)
    host = one_environment(account.clock)
    deployed = install(account, configuration, assembly, host)
    create(account, assembly, name)
    return deployed


@pytest.fixture
def written(configuration: platform.Platform) -> dict[str, Any]:
    """What the configuration says of the group, to be changed."""
    create: dict[str, Any] = configuration.document["node_groups"][SIGNALLING]["create"]
    return create


@pytest.fixture
def redeploy(
    account: Account, configuration: platform.Platform, name: str, tmp_path: Path
) -> Callable[[], None]:
    """Return what deploys the group's stack again, as the configuration is by then."""

    def deploy() -> None:
        scratch = tmp_path / "again"
        scratch.mkdir()
        change(account, synthesize(configuration.document, scratch), name)

    return deploy


@pytest.fixture
def no_launch_lost(deployed: Deployed, name: str) -> Iterator[None]:
    """Hold the test to it that no launch of the group is abandoned."""
    yield
    activities = deployed.account.client("autoscaling").describe_scaling_activities(
        AutoScalingGroupName=name
    )["Activities"]
    launches = [one for one in activities if one["Description"].startswith("Launching")]
    assert [one["StatusCode"] for one in launches] == ["Successful"] * len(launches)


def _serve(deployed: Deployed, nodes: int) -> set[str]:
    """Let time pass until so many nodes are in service and nobody else's interfaces are there; return the nodes."""
    deployed.until(
        lambda: (
            len(deployed.nodes()) == nodes == len(deployed.observer.nodes())
            and len(deployed.enis()) == nodes * INTERFACES
        ),
        within_s=120,
    )
    assert deployed.broken_promises() == []
    assert left_behind(deployed.nodes(), deployed.enis()) == []
    return {node.instance_id for node in deployed.nodes()}


@pytest.fixture
def nodes_say_ready(deployed: Deployed, account: Account, name: str) -> list[str]:
    """Let nodes answer their own hook, as `multus-node` does on one that is at work.

    Returns:
        a list of ills: as long as one is in it, no node comes to work.
    """
    hook, answered = naming.ready_hook(deployed.config.owner), set[str]()
    ills: list[str] = []

    def answer() -> None:
        for detail in [event["detail"] for event in account.events.emitted]:
            token = detail.get("LifecycleActionToken")
            if ills or detail.get("LifecycleHookName") != hook or token in answered:
                continue
            if len(_interfaces_of(deployed, detail["EC2InstanceId"])) == INTERFACES:
                answered.add(token)
                account.client("autoscaling").complete_lifecycle_action(
                    AutoScalingGroupName=name,
                    LifecycleHookName=hook,
                    LifecycleActionToken=token,
                    LifecycleActionResult="CONTINUE",
                )
        account.clock.call_at(account.clock.now() + 1, answer)

    answer()
    return ills


def _pooled(deployed: Deployed, name: str) -> dict[str, str]:
    """Return the lifecycle state of each instance in the warm pool."""
    shown = deployed.account.client("autoscaling").describe_warm_pool(AutoScalingGroupName=name)
    return {one["InstanceId"]: one["LifecycleState"] for one in shown["Instances"]}


def _interfaces_of(deployed: Deployed, instance_id: str) -> set[str]:
    """Return the network interfaces that are attached to a node."""
    return {
        eni.eni_id for eni in deployed.enis() if eni.attachment.get("InstanceId") == instance_id
    }


def test_the_very_first_node_waits_for_its_interfaces(deployed: Deployed, name: str) -> None:
    (node,) = deployed.observer.nodes()
    assert (node.group, node.state) == (name, "Pending:Wait")
    _serve(deployed, 1)


@pytest.mark.usefixtures("no_launch_lost")
def test_scaling_out_and_in_leaves_each_node_its_own_interfaces(
    deployed: Deployed, name: str
) -> None:
    first = _serve(deployed, 1)
    deployed.desire(name, 4)
    more = _serve(deployed, 4)
    assert first < more
    deployed.desire(name, 1)
    assert _serve(deployed, 1) < more


def test_a_change_is_there_once_every_new_node_has_its_interfaces(
    deployed: Deployed, written: dict[str, Any], name: str, redeploy: Callable[[], None]
) -> None:
    deployed.desire(name, 2)
    before = _serve(deployed, 2)
    written["labels"] = {"example.com/generation": "two"}
    redeploy()
    assert len(deployed.nodes()) == 2
    assert _serve(deployed, 2).isdisjoint(before)


@pytest.mark.usefixtures("no_launch_lost")
def test_an_instance_refresh_replaces_every_node(
    deployed: Deployed, account: Account, name: str
) -> None:
    deployed.desire(name, 3)
    before = _serve(deployed, 3)
    account.client("autoscaling").start_instance_refresh(AutoScalingGroupName=name)
    deployed.until(
        lambda: before.isdisjoint(node.instance_id for node in deployed.observer.nodes()),
        within_s=600,
    )
    _serve(deployed, 3)


@pytest.mark.parametrize("ready_hook", [True])
def test_a_refresh_stops_at_nodes_that_do_not_come_to_work_and_takes_none_that_serves(
    deployed: Deployed, account: Account, name: str, nodes_say_ready: list[str]
) -> None:
    deployed.desire(name, 2)
    before = _serve(deployed, 2)
    nodes_say_ready.append("kubelet does not start")
    autoscaling = account.client("autoscaling")
    autoscaling.start_instance_refresh(
        AutoScalingGroupName=name,
        Preferences={"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110},
    )
    deployed.clock.advance(3600)
    assert {node.instance_id for node in deployed.nodes()} == before
    activities = autoscaling.describe_scaling_activities(AutoScalingGroupName=name)["Activities"]
    assert any(one["StatusCode"] == "Cancelled" for one in activities)

    nodes_say_ready.clear()
    deployed.until(
        lambda: before.isdisjoint(node.instance_id for node in deployed.observer.nodes()),
        within_s=3600,
    )
    _serve(deployed, 2)


@pytest.mark.usefixtures("no_launch_lost")
@pytest.mark.parametrize("keys", [ALL_SPOT])
def test_a_spot_node_at_risk_goes_once_its_replacement_has_its_interfaces(
    deployed: Deployed, account: Account, name: str
) -> None:
    (at_risk,) = _serve(deployed, 1)
    account.ec2.spot.recommend_rebalance(at_risk)
    deployed.until(
        lambda: at_risk not in {node.instance_id for node in deployed.observer.nodes()},
        within_s=120,
    )
    (replacement,) = _serve(deployed, 1)
    activities = account.client("autoscaling").describe_scaling_activities(
        AutoScalingGroupName=name
    )["Activities"]
    (launched,) = [one for one in activities if replacement in one["Description"]]
    (terminated,) = [
        one
        for one in activities
        if one["Description"].startswith(f"Terminating EC2 instance: {at_risk}")
    ]
    assert launched["EndTime"] <= terminated["StartTime"]


@pytest.mark.usefixtures("no_launch_lost")
@pytest.mark.parametrize("keys", [{**ALL_SPOT, "capacity_rebalance": False}])
def test_a_spot_node_that_is_interrupted_leaves_no_interface_behind(
    deployed: Deployed, account: Account, name: str
) -> None:
    deployed.desire(name, 2)
    lost, kept = sorted(_serve(deployed, 2))
    account.ec2.spot.interrupt(lost)
    deployed.until(
        lambda: lost not in {node.instance_id for node in deployed.observer.nodes()}, within_s=600
    )
    assert kept in _serve(deployed, 2) - {lost}


@pytest.mark.usefixtures("no_launch_lost")
def test_nodes_that_ec2_takes_back_without_a_word_are_replaced(
    deployed: Deployed, account: Account, name: str
) -> None:
    deployed.desire(name, 3)
    lost, _, kept = sorted(_serve(deployed, 3))
    account.client("ec2").terminate_instances(InstanceIds=[lost])
    deployed.until(
        lambda: lost not in {node.instance_id for node in deployed.observer.nodes()}, within_s=300
    )
    assert kept in _serve(deployed, 3) - {lost}


@pytest.mark.usefixtures("no_launch_lost", "nodes_say_ready")
@pytest.mark.parametrize("keys", [{"warm_pool": WARM_POOL}])
def test_a_node_keeps_its_interfaces_out_of_the_warm_pool_and_back_into_it(
    deployed: Deployed,
    written: dict[str, Any],
    name: str,
    redeploy: Callable[[], None],
) -> None:
    deployed.until(lambda: list(_pooled(deployed, name).values()) == [RESTS], within_s=120)
    (pooled,) = _pooled(deployed, name)
    deployed.until(lambda: len(deployed.nodes()) == 1, within_s=60)
    own = _interfaces_of(deployed, pooled)
    assert len(own) == INTERFACES

    deployed.desire(name, 2)
    deployed.until(lambda: len(deployed.nodes()) == 2, within_s=120)
    assert deployed.broken_promises() == []
    assert pooled in {node.instance_id for node in deployed.nodes()}
    assert _interfaces_of(deployed, pooled) == own

    deployed.desire(name, 1)
    deployed.until(lambda: list(_pooled(deployed, name).values()) == [RESTS], within_s=120)
    assert len(deployed.enis()) == 2 * INTERFACES

    del written["warm_pool"]
    redeploy()
    _serve(deployed, 1)


@pytest.mark.usefixtures("no_launch_lost")
def test_hooks_that_change_in_mid_scale_out_lose_no_launch(
    deployed: Deployed, configuration: platform.Platform, name: str, redeploy: Callable[[], None]
) -> None:
    first = _serve(deployed, 1)
    deployed.desire(name, 4)
    deployed.until(lambda: len(deployed.nodes("Pending:Wait")) == 3, within_s=10)
    launching = {node.instance_id for node in deployed.nodes("Pending:Wait")}
    configuration.document["hook"] = {"heartbeat_timeout_s": HEARTBEAT_S}
    redeploy()
    assert {node.instance_id for node in deployed.nodes("Pending:Wait")} == launching
    hooks = deployed.account.client("autoscaling").describe_lifecycle_hooks(
        AutoScalingGroupName=name
    )["LifecycleHooks"]
    assert HEARTBEAT_S in {hook["HeartbeatTimeout"] for hook in hooks}
    assert _serve(deployed, 4) == first | launching


def test_its_stack_and_then_the_functions_leave_nothing_behind(
    deployed: Deployed, account: Account, name: str
) -> None:
    deployed.desire(name, 2)
    _serve(deployed, 2)
    cloudformation = account.client("cloudformation")
    cloudformation.delete_stack(StackName=name)
    assert deployed.observer.nodes() == []
    deployed.until(lambda: deployed.enis() == [], within_s=120)
    cloudformation.delete_stack(StackName=deployed.config.owner)
    assert cloudformation.describe_stacks()["Stacks"] == []
    assert deployed.observer.enis_in(list(deployed.made.subnets)) == []
