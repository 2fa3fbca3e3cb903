"""What happens to events, functions and instances while a node launches: it is served all the same, or nothing is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain import naming
from localaws.faults import ANY, Fault, FaultKind
from tests.simulation.faults import SHAPE, Act, play

if TYPE_CHECKING:
    from localaws.events.envelope import Event
    from tests.simulation.world import World

pytestmark = [pytest.mark.simulation, pytest.mark.subprocesses("node")]

TEN_MINUTES_S = 600.0


def is_launch(event: Event) -> bool:
    return str(event["detail-type"]) == "EC2 Instance-launch Lifecycle Action"


def is_ours(event: Event) -> bool:
    return "LifecycleHookName" in event["detail"]


@pytest.mark.parametrize("delay_s", [0.0, 1.5, 4.0, 120.0])
def test_an_event_that_comes_twice_is_answered_once(delay_s: float) -> None:
    def disturb(world: World) -> None:
        world.account.events.duplicate(is_launch, delay_s=delay_s)

    assert play(Act.LAUNCH, disturb=disturb).violations == ()


@pytest.mark.parametrize("act", Act)
def test_a_lost_event_is_made_good_by_the_schedule(act: Act) -> None:
    def disturb(world: World) -> None:
        world.account.events.lose(is_ours)

    assert play(act, disturb=disturb).violations == ()


def test_a_late_event_finds_its_node_served() -> None:
    def disturb(world: World) -> None:
        world.account.events.delay(is_launch, seconds=450.0)

    assert play(Act.LAUNCH, disturb=disturb).violations == ()


def test_a_function_that_cannot_run_for_ten_minutes_costs_no_node() -> None:
    def disturb(world: World) -> None:
        client = world.account.client("lambda")
        name = world.deployed.functions[naming.LAUNCH_HANDLER]
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        world.clock.call_at(
            world.clock.now() + TEN_MINUTES_S,
            lambda: client.delete_function_concurrency(FunctionName=name),
        )

    assert play(Act.LAUNCH, disturb=disturb).violations == ()


def test_a_queue_that_refuses_every_call_for_a_while_costs_no_node() -> None:
    def disturb(world: World) -> None:
        world.account.events.refuse(is_ours, refusals=3, times=None)

    assert play(Act.LAUNCH, disturb=disturb).violations == ()


@pytest.mark.parametrize("after_s", [10.0, 11.0, 12.0, 13.0, 14.0])
def test_an_instance_that_is_terminated_at_any_step_leaves_nothing(after_s: float) -> None:
    def disturb(world: World) -> None:
        world.clock.call_at(world.clock.now() + after_s, lambda: terminate(world))

    played = play(Act.LAUNCH, disturb=disturb)
    assert [line for line in played.violations if "was to be abandoned" not in line] == []


def terminate(world: World) -> None:
    """Terminate whatever the group has, behind its back."""
    for node in world.deployed.observer.nodes():
        world.account.client("ec2").terminate_instances(InstanceIds=[node.instance_id])


def test_a_new_deployment_in_mid_launch_costs_no_node() -> None:
    def disturb(world: World) -> None:
        function = world.functions[naming.LAUNCH_HANDLER]
        role = world.deployed.roles[naming.LAUNCH_HANDLER]
        # The environment at work dies between two calls, and a new one begins with the next message.
        world.account.faults.inject(Fault(ANY, FaultKind.CRASH_AFTER, on_call=5, principal=role))
        world.clock.call_at(world.clock.now() + 11.0, function.forget)

    assert play(Act.LAUNCH, disturb=disturb).violations == ()


def test_a_subnet_without_addresses_abandons_with_the_reason_and_leaves_nothing() -> None:
    def disturb(world: World) -> None:
        world.account.faults.inject(
            Fault(
                "CreateNetworkInterface",
                FaultKind.ERROR,
                code="InsufficientFreeAddressesInSubnet",
                times=2,
            )
        )

    played = play(Act.LAUNCH, disturb=disturb)
    assert len([line for line in played.violations if "was to be abandoned" in line]) == 1
    assert len(played.violations) == 1
    assert SHAPE.interfaces == 2
