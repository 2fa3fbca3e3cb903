"""The scheduled reconciler: lost events, long queues, drift, adoption and orphans."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from domain import tags
from domain.config import SecurityGroupSelector, SubnetSelector
from domain.errors import AccessDenied, InvariantBroken, SpecRejected, Throttled
from domain.fleet import RELEASE_AFTER
from domain.launch import INVISIBLE_FOR
from domain.lifecycle import LifecycleResult
from domain.model import InstanceId, InstanceState, SecurityGroupId, SubnetId
from domain.outcome import Result
from lambdas.reconcile.adoption import Adoptee, AdoptionReconciler
from tests.fakes.builders import GROUP
from tests.fakes.world import HEARTBEAT_S

if TYPE_CHECKING:
    from domain.config import InterfaceSpec
    from domain.errors import EniLifecycleError
    from domain.model import EniId, NetworkInterface
    from tests.fakes.builders import Builders
    from tests.fakes.world import World

LONG_AGO_S = 3600.0


# Launch hooks.


def test_a_launch_whose_event_was_lost_is_taken_over(world: World) -> None:
    node = world.launch()
    world.clock.wait(61)
    report = world.run_fleet()
    assert [outcome.result for outcome in report.outcomes] == [Result.CONTINUED]
    assert world.action(node).results == [LifecycleResult.CONTINUE]
    assert world.faults_of(node) == []


def test_a_young_launch_is_left_to_its_event(world: World) -> None:
    node = world.launch()
    world.clock.wait(30)
    assert world.run_fleet().outcomes == ()
    assert world.action(node).is_open
    assert world.calls.counts["create"] == 0


def test_a_launch_in_a_long_queue_is_prolonged_and_not_worked_twice(world: World) -> None:
    node = world.launch()
    world.launch_queue.backlog = True
    world.clock.wait(301)
    report = world.run_fleet()
    assert (report.heartbeats, report.outcomes) == (1, ())
    assert world.action(node).heartbeats == 1
    assert world.calls.counts["create"] == 0


def test_a_heartbeat_that_fails_is_left_to_the_next_run(world: World) -> None:
    node = world.launch()
    world.launch_queue.backlog = True
    world.clock.wait(301)
    world.calls.fail("heartbeat", Throttled("slow down"))
    assert world.run_fleet().heartbeats == 0
    assert world.run_fleet().heartbeats == 1
    assert world.action(node).is_open


def test_a_hook_restarted_a_moment_ago_is_not_restarted_again(world: World) -> None:
    node = world.launch()
    world.launch_queue.backlog = True
    world.clock.wait(301)
    heartbeats = []
    for _ in range(5):
        heartbeats.append(world.run_fleet().heartbeats)
        world.clock.wait(100)
    assert heartbeats == [1, 0, 0, 1, 0]
    assert world.action(node).heartbeats == 2


@pytest.mark.parametrize("error", [Throttled("503"), AccessDenied("no")], ids=["down", "denied"])
def test_a_queue_that_cannot_be_asked_costs_no_node_its_hook(
    world: World, error: EniLifecycleError
) -> None:
    node = world.launch()
    world.calls.fail("has_backlog", error, times=1_000)
    world.clock.wait(301)
    report = world.run_fleet()
    assert report.heartbeats == 1
    assert [(outcome.result, outcome.error) for outcome in report.outcomes] == [
        (Result.REPORTED, error)
    ]
    assert world.action(node).is_open
    assert world.calls.counts["create"] == 0


def test_a_node_is_served_whose_queue_cannot_be_asked_for_a_whole_time_out(world: World) -> None:
    node = world.launch()
    world.calls.fail("has_backlog", Throttled("503"), times=1_000)
    for _ in range(4):
        world.clock.wait(300)
        world.run_fleet()
    assert world.action(node).results == [LifecycleResult.CONTINUE]
    assert world.faults_of(node) == []


def in_the_pool(world: World, count: int = 1) -> list[InstanceId]:
    """Let nodes run in a warm pool for two days."""
    nodes = [world.launch(hooked=False) for _ in range(count)]
    for node in nodes:
        world.autoscaling.rest(GROUP, node)
    world.clock.wait(2 * 86_400)
    return nodes


def take_out(world: World, *nodes: InstanceId) -> None:
    """Take nodes out of the pool: they wait in their launch hooks."""
    for node in nodes:
        world.autoscaling.open(GROUP, world.launch_hook, node)


@pytest.mark.parametrize(
    ("known", "held"), [(False, 2), (True, 1)], ids=["at first sight", "seen in the pool"]
)
def test_nodes_out_of_a_running_warm_pool_are_held_and_not_worked_twice_in_a_burst(
    world: World, known: bool, held: int
) -> None:
    nodes = in_the_pool(world, 3)
    if known:
        world.run_fleet()
    take_out(world, *nodes)
    world.launch_queue.backlog = True
    for _ in range(6):
        assert world.run_fleet().outcomes == ()
        world.clock.wait(99)
    assert world.calls.counts["create"] == 0
    assert [world.action(node).heartbeats for node in nodes] == [held] * 3
    assert all(world.action(node).is_open for node in nodes)


def test_a_lost_launch_out_of_a_running_warm_pool_is_taken_over(world: World) -> None:
    (node,) = in_the_pool(world)
    take_out(world, node)
    (outcome,) = world.run_fleet().outcomes
    assert outcome.result is Result.CONTINUED
    assert world.faults_of(node) == []
    assert outcome.hook_to_continue_s is not None
    assert outcome.hook_to_continue_s < 60


def test_a_node_whose_hook_opened_since_the_last_run_is_left_to_its_event(world: World) -> None:
    (node,) = in_the_pool(world)
    world.run_fleet()
    world.clock.wait(59)
    take_out(world, node)
    assert world.run_fleet().outcomes == ()
    world.clock.wait(1)
    (outcome,) = world.run_fleet().outcomes
    assert outcome.result is Result.CONTINUED


def test_more_lost_launches_than_one_batch_are_all_taken_over(world: World) -> None:
    nodes = [world.launch() for _ in range(23)]
    world.clock.wait(61)
    report = world.run_fleet()
    assert len(report.outcomes) == 23
    assert all(world.faults_of(node) == [] for node in nodes)


def test_no_launch_is_taken_over_that_the_run_has_no_time_for(world: World) -> None:
    node = world.launch()
    world.clock.wait(61)
    now = world.clock.now()
    report = world.fleet.run(now)
    assert report.outcomes == ()
    assert world.action(node).is_open


def test_a_launch_whose_instance_stays_unknown_is_given_up(world: World) -> None:
    node = world.launch()
    world.run_fleet()
    world.ec2.forget(node)
    world.clock.wait(INVISIBLE_FOR.total_seconds())
    (outcome,) = world.run_fleet().outcomes
    assert outcome.result is Result.ABANDONED
    assert outcome.error is not None
    assert outcome.error.code == "instance-gone"
    assert not world.action(node).is_open


# Nodes that wait in another launch hook: the one that they answer themselves.

LOOKS = ["list_interfaces", "list_members", "describe_group_instances"]


@pytest.mark.parametrize("backlog", [False, True], ids=["queue empty", "launches queued"])
@pytest.mark.parametrize("waited_s", [61.0, 301.0, 599.0, 4000.0])
def test_a_node_that_waits_only_for_itself_costs_one_call_and_keeps_its_hook(
    world: World, waited_s: float, backlog: bool
) -> None:
    (node,) = world.launch_until_ready_hook()
    world.launch_queue.backlog = backlog
    world.clock.wait(waited_s)
    before = world.calls.total
    report = world.run_fleet()
    assert world.calls.log[before:] == [*LOOKS, "has_backlog", "complete"]
    assert (report.outcomes, report.heartbeats) == ((), 0)
    ready = world.action(node)
    assert (ready.hook_name, ready.is_open, ready.heartbeats) == (world.ready_hook, True, 0)


def test_a_young_node_that_waits_only_for_itself_costs_nothing(world: World) -> None:
    world.launch_until_ready_hook()
    before = world.calls.total
    assert world.run_fleet().outcomes == ()
    assert world.calls.log[before:] == [*LOOKS, "has_backlog"]


def test_a_launch_that_lacks_only_its_answer_is_answered_without_another_look(world: World) -> None:
    """A run attached everything and ended before it could answer the hook."""
    node = world.launch()
    world.calls.fail("complete", Throttled("slow down"), times=1_000)
    world.run_launches(world.launching(node))
    world.calls.mend()
    world.clock.wait(61)
    before = world.calls.total
    (outcome,) = world.run_fleet().outcomes
    assert outcome.result is Result.CONTINUED
    assert world.calls.log[before:] == [*LOOKS, "has_backlog", "complete"]
    assert world.autoscaling.state(node) == "InService"


def test_an_answer_that_fails_is_given_by_the_next_run(world: World) -> None:
    node = world.launch()
    world.calls.fail("complete", Throttled("slow down"), times=1_000)
    world.run_launches(world.launching(node))
    world.clock.wait(61)
    (outcome,) = world.run_fleet().outcomes
    assert (outcome.result, outcome.error is not None) == (Result.RETRY, True)
    world.calls.mend()
    (outcome,) = world.run_fleet().outcomes
    assert outcome.result is Result.CONTINUED
    assert world.autoscaling.state(node) == "InService"


def test_what_a_node_loses_while_it_waits_for_itself_is_given_back(world: World) -> None:
    (node,) = world.launch_until_ready_hook()
    world.ec2.edit(world.enis(node)[0].eni_id, source_dest_check=False)
    world.clock.wait(61)
    world.run_fleet()
    assert all(eni.source_dest_check for eni in world.enis(node))
    assert world.action(node).is_open


# Terminate hooks.


def test_a_termination_whose_event_was_lost_is_completed(world: World) -> None:
    (node,) = world.launch_and_serve()
    world.scale_in(node)
    report = world.run_fleet()
    assert [outcome.result for outcome in report.outcomes] == [Result.CONTINUED]
    world.clock.wait(60)
    assert world.enis() == []


def test_a_termination_that_nobody_takes_from_the_queue_is_completed(world: World) -> None:
    (node,) = world.launch_and_serve()
    world.scale_in(node)
    world.terminate_queue.backlog = True
    assert world.run_fleet().outcomes == ()
    world.clock.wait(199)
    assert world.run_fleet().outcomes == ()
    world.clock.wait(1)
    assert [outcome.result for outcome in world.run_fleet().outcomes] == [Result.CONTINUED]
    world.clock.wait(60)
    assert world.enis() == []


def test_a_termination_whose_instance_is_unknown_is_completed_too(world: World) -> None:
    (node,) = world.launch_and_serve()
    world.scale_in(node)
    world.ec2.forget(node)
    world.terminate_queue.backlog = True
    world.run_fleet()
    assert world.action(node).is_open
    world.clock.wait(HEARTBEAT_S * RELEASE_AFTER)
    world.run_fleet()
    assert world.action(node).results == [LifecycleResult.CONTINUE]


def test_a_termination_whose_queue_cannot_be_asked_is_completed(world: World) -> None:
    (node,) = world.launch_and_serve()
    world.scale_in(node)
    world.calls.fail("has_backlog", Throttled("503"))
    reported, completed = world.run_fleet().outcomes
    assert (reported.result, completed.result) == (Result.REPORTED, Result.CONTINUED)
    world.clock.wait(60)
    assert world.enis() == []


def test_a_termination_in_the_queue_is_left_to_it(world: World) -> None:
    (node,) = world.launch_and_serve()
    world.scale_in(node)
    world.terminate_queue.backlog = True
    assert world.run_fleet().outcomes == ()
    assert world.action(node).is_open


# Drift.


def test_a_healthy_fleet_costs_its_looks_and_nothing_else(world: World) -> None:
    world.launch_and_serve(5)
    before = world.calls.total
    report = world.run_fleet()
    assert (report.nodes, report.outcomes, report.orphans.found) == (5, (), 0)
    assert world.calls.log[before:] == [
        "list_interfaces",
        "list_members",
        "describe_group_instances",
    ]


def test_drift_of_a_serving_node_is_repaired(world: World) -> None:
    (node,) = world.launch_and_serve()
    first, second = world.enis(node)
    world.ec2.add_security_group("sg-other")
    world.ec2.edit(first.eni_id, tags={**first.tags, tags.NO_MANAGE: "false"})
    world.ec2.edit(
        second.eni_id,
        source_dest_check=False,
        security_group_ids=frozenset({SecurityGroupId("sg-other")}),
    )
    (outcome,) = world.run_fleet().outcomes
    assert (outcome.result, outcome.transition) == (Result.REPAIRED, "repair")
    assert world.faults_of(node) == []
    (second,) = [eni for eni in world.enis(node) if eni.eni_id == second.eni_id]
    assert second.source_dest_check
    assert "sg-other" not in second.security_group_ids
    assert world.run_fleet().outcomes == ()


def test_drift_that_cannot_be_repaired_is_reported(world: World) -> None:
    (node,) = world.launch_and_serve()
    world.ec2.edit(world.enis(node)[0].eni_id, source_dest_check=False)
    error = AccessDenied("may not modify")
    world.calls.fail("set_source_dest_check", error)
    (outcome,) = world.run_fleet().outcomes
    assert (outcome.result, outcome.error) == (Result.REPORTED, error)


def spoil(world: World, eni: NetworkInterface) -> None:
    """Let an attached network interface lose everything that it can lose."""
    assert eni.attachment is not None
    world.ec2.add_security_group("sg-other")
    world.ec2.edit(
        eni.eni_id,
        tags={**eni.tags, tags.NO_MANAGE: "false"},
        attachment=dataclasses.replace(eni.attachment, delete_on_termination=False),
        security_group_ids=frozenset({SecurityGroupId("sg-other")}),
    )


def reconfigure(world: World, *specs: InterfaceSpec) -> None:
    """Deploy another configuration of the group."""
    (group,) = world.config.node_groups
    world.config = dataclasses.replace(
        world.config, node_groups=(dataclasses.replace(group, interfaces=specs),)
    )
    world.specs = specs
    world.restart()


@pytest.mark.parametrize("adopt_running", [False, True])
def test_an_interface_that_cannot_be_had_stops_no_repair_of_the_others(
    build: Builders, make_world: type[World], adopt_running: bool
) -> None:
    world = make_world([build.spec("n1", 1)], adopt_running=adopt_running)
    (node,) = world.launch_and_serve()
    world.ec2.add_foreign_interface(node, 2, "subnet-nodes")
    reconfigure(world, *world.specs, build.spec("n2", 2, device_index_fixed=True))
    spoil(world, world.enis(node)[0])
    repaired, reported = world.run_fleet().outcomes
    assert (repaired.result, reported.result) == (Result.REPAIRED, Result.REPORTED)
    assert world.faults_of(node) == ["has ['n1'], not ['n1', 'n2']"]
    (eni,) = world.enis(node)
    assert eni.security_group_ids == {build.security_group}
    code = reported.error.code if reported.error else None
    assert code == ("device-index-conflict" if adopt_running else None)


def test_a_selector_that_cannot_be_settled_stops_no_repair_but_of_its_security_groups(
    build: Builders, world: World
) -> None:
    (node,) = world.launch_and_serve()
    first, second = world.specs
    nothing = SecurityGroupSelector(tags={"use": "nothing"})
    reconfigure(world, dataclasses.replace(first, security_groups=nothing), second)
    for eni in world.enis(node):
        spoil(world, eni)
    (outcome,) = world.run_fleet().outcomes
    assert outcome.result is Result.REPORTED
    assert outcome.error is not None
    assert outcome.error.code == "spec-rejected"
    assert world.faults_of(node) == []
    groups = [eni.security_group_ids for eni in world.enis(node)]
    assert groups == [{"sg-other"}, {build.security_group}]
    (again,) = world.run_fleet().outcomes
    assert (again.result, again.reason) == (Result.REPORTED, str(again.error))


def test_a_step_that_ec2_refuses_stops_no_other(build: Builders, world: World) -> None:
    (node,) = world.launch_and_serve()
    spoil(world, world.enis(node)[0])
    world.calls.fail("set_security_groups", SpecRejected("no such group"))
    (outcome,) = world.run_fleet().outcomes
    assert outcome.result is Result.REPORTED
    assert world.faults_of(node) == []
    assert build.security_group not in world.enis(node)[0].security_group_ids


def test_a_repair_that_meets_an_unknown_error_is_a_defect(world: World) -> None:
    (node,) = world.launch_and_serve()
    world.ec2.edit(world.enis(node)[0].eni_id, source_dest_check=False)
    world.calls.fail("set_source_dest_check", InvariantBroken("SomethingNewOfEc2s"))
    (outcome,) = world.run_fleet().outcomes
    assert outcome.result is Result.FAILED


def test_a_subnet_selector_that_no_longer_fits_is_no_concern_of_what_is_attached(
    world: World,
) -> None:
    world.launch_and_serve()
    stray = SubnetSelector(by_zone={"us-east-1f": SubnetId("subnet-f")})
    reconfigure(world, *(dataclasses.replace(spec, subnets=stray) for spec in world.specs))
    assert world.run_fleet().outcomes == ()


# Nodes older than the stack.


def test_a_serving_node_that_lacks_interfaces_is_adopted_when_that_was_asked_for(
    make_world: type[World],
) -> None:
    world = make_world(adopt_running=True)
    node = world.launch(hooked=False)
    (outcome,) = world.run_fleet().outcomes
    assert (outcome.result, outcome.transition) == (Result.REPAIRED, "adopt")
    assert (outcome.node_group, outcome.attached) == ("workers", 2)
    assert outcome.reason == "n1 is being attached; n2 is being attached"
    world.clock.wait(5)
    assert world.faults_of(node) == []
    assert world.run_fleet().outcomes == ()
    assert world.autoscaling.state(node) == "InService"


def test_a_serving_node_that_lacks_interfaces_is_reported_otherwise(world: World) -> None:
    node = world.launch(hooked=False)
    (outcome,) = world.run_fleet().outcomes
    assert outcome.result is Result.REPORTED
    assert outcome.reason == "lacks n1, n2; adopt_running is off"
    assert world.enis(node) == []


def full(world: World) -> tuple[InstanceId, EniId]:
    """Launch a node without interfaces that has room for one only, and return what takes the room for the other."""
    node = world.launch(hooked=False, max_interfaces=3)
    return node, world.ec2.add_foreign_interface(node, 7, "subnet-nodes")


def test_an_adoption_that_cannot_be_completes_no_hook_and_deletes_nothing(
    make_world: type[World],
) -> None:
    world = make_world(adopt_running=True)
    node, _ = full(world)
    (outcome,) = world.run_fleet().outcomes
    assert (outcome.result, outcome.attached) == (Result.REPORTED, 1)
    assert outcome.error is not None
    assert outcome.error.code == "attachment-limit-reached"
    assert outcome.reason == f"n1 is being attached; n2: {outcome.error}"
    assert world.autoscaling.state(node) == "InService"
    assert world.ec2.instance(node).state is InstanceState.RUNNING
    counts = world.calls.counts
    assert (counts["complete"], counts["heartbeat"], counts["delete"]) == (0, 0, 0)


def test_an_adoption_that_cannot_be_costs_one_refused_attach_per_run_and_no_new_interface(
    make_world: type[World],
) -> None:
    world = make_world(adopt_running=True)
    node, _ = full(world)
    world.run_fleet()
    made = [eni.eni_id for eni in world.enis(node)]
    for _ in range(4):
        world.clock.wait(300)
        before = world.calls.total
        (outcome,) = world.run_fleet().outcomes
        assert outcome.error is not None
        assert outcome.error.code == "attachment-limit-reached"
        looks = [*LOOKS, "list_interfaces", "describe_instances"]
        assert world.calls.log[before:] == [*looks, "attach"]
    assert [eni.eni_id for eni in world.enis(node)] == made


def test_an_adoption_goes_on_with_what_it_made_once_there_is_room(
    make_world: type[World],
) -> None:
    world = make_world(adopt_running=True)
    node, in_the_way = full(world)
    world.run_fleet()
    made = {eni.eni_id for eni in world.enis(node)}
    world.ec2.remove(in_the_way)
    world.clock.wait(300)
    (outcome,) = world.run_fleet().outcomes
    assert (outcome.result, outcome.attached) == (Result.REPAIRED, 1)
    world.clock.wait(5)
    assert world.faults_of(node) == []
    assert {eni.eni_id for eni in world.enis(node)} == made


def test_what_an_adoption_left_unattached_goes_with_its_node(make_world: type[World]) -> None:
    world = make_world(adopt_running=True)
    node, _ = full(world)
    world.run_fleet()
    world.clock.wait(LONG_AGO_S)
    world.run_fleet()
    assert len(world.enis(node)) == 2
    world.autoscaling.leave(node)
    world.ec2.terminate(node)
    world.clock.wait(60)
    assert world.run_fleet().deleted == 1
    assert world.enis(node) == []


def test_what_one_interface_cannot_have_is_not_the_other_interfaces_concern(
    build: Builders, make_world: type[World]
) -> None:
    stray = SubnetSelector(by_zone={"us-east-1f": SubnetId("subnet-f")})
    world = make_world(
        [
            build.spec("n1", 1, device_index_fixed=True),
            build.from_start("n2", 2),
            build.spec("n3", 3, subnets=stray),
            build.from_start("n4", 4),
        ],
        adopt_running=True,
    )
    world.ec2.add_subnet("subnet-n4", build.zone, None)
    node = world.launch(hooked=False)
    world.ec2.add_foreign_interface(node, 1, "subnet-nodes")
    (outcome,) = world.run_fleet().outcomes
    assert (outcome.result, outcome.attached) == (Result.REPORTED, 1)
    for part in (
        "n1: device index 1 on network card 0",
        "n2 is being attached",
        "n3: interface n3 has no subnet in us-east-1a",
        "n4: subnet subnet-n4 is IPv6-only",
    ):
        assert part in outcome.reason
    assert [eni.tags[tags.INTERFACE] for eni in world.enis(node)] == ["n2"]


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (Throttled("slow down"), Result.REPORTED),
        (InvariantBroken("SomethingNewOfEc2s"), Result.FAILED),
    ],
    ids=["passing", "unknown"],
)
@pytest.mark.parametrize("method", ["describe_instances", "create", "attach"])
def test_an_adoption_that_did_not_work_is_told_and_tried_again_by_the_next_run(
    make_world: type[World], method: str, error: EniLifecycleError, result: Result
) -> None:
    world = make_world(adopt_running=True)
    node = world.launch(hooked=False)
    world.calls.fail(method, error)
    (outcome,) = world.run_fleet().outcomes
    assert (outcome.result, outcome.error) == (result, error)
    world.clock.wait(300)
    (outcome,) = world.run_fleet().outcomes
    assert outcome.result is Result.REPAIRED
    world.clock.wait(5)
    assert world.faults_of(node) == []


def test_an_adoption_whose_interface_was_deleted_by_hand_makes_another(
    make_world: type[World],
) -> None:
    """EC2 repeats the answer to a token, deleted or not; the run after that asks with another one."""
    world = make_world(adopt_running=True)
    (node,) = world.launch_and_serve()
    eni = world.enis(node)[0]
    world.ec2.remove(eni.eni_id)
    (outcome,) = world.run_fleet().outcomes
    assert outcome.error is not None
    assert outcome.error.code == "not-yet-visible"
    world.clock.wait(300)
    (outcome,) = world.run_fleet().outcomes
    assert outcome.result is Result.REPAIRED
    world.clock.wait(5)
    assert world.faults_of(node) == []


@pytest.mark.parametrize("moment", ["gone", "served"])
def test_a_node_that_needs_nothing_by_now_is_no_longer_adopted(
    make_world: type[World], moment: str
) -> None:
    world = make_world(adopt_running=True)
    node = world.launch(hooked=False)
    group = world.config.node_groups[0]
    adoptions = AdoptionReconciler(
        config=world.config, ec2=world.ec2, catalog=world.catalog, executor=world.executor
    )
    if moment == "gone":
        world.ec2.terminate(node)
    else:
        adoptions.run([Adoptee(node, group)])
    creates = world.calls.counts["create"]
    assert adoptions.run([Adoptee(node, group)]) == []
    assert world.calls.counts["create"] == creates


def test_more_nodes_than_one_batch_are_all_adopted_as_far_as_the_time_goes(
    make_world: type[World],
) -> None:
    world = make_world(adopt_running=True)
    nodes = [world.launch(hooked=False) for _ in range(23)]
    assert world.fleet.run(world.clock.now()).outcomes == ()
    assert len(world.run_fleet().outcomes) == 23
    world.clock.wait(5)
    assert all(world.faults_of(node) == [] for node in nodes)


def test_no_run_adopts_more_nodes_than_it_may_and_all_have_their_turn(
    make_world: type[World],
) -> None:
    world = make_world(adopt_running=True, max_adoptions=2)
    nodes = [world.launch(hooked=False) for _ in range(5)]
    adopted_each_run = []
    while any(world.faults_of(node) for node in nodes):
        report = world.run_fleet()
        results = [outcome.result for outcome in report.outcomes]
        adopted_each_run.append(results.count(Result.REPAIRED))
        waiting = [outcome for outcome in report.outcomes if "its turn" in outcome.reason]
        assert {outcome.result for outcome in waiting} <= {Result.REPORTED}
        world.clock.wait(60)
    assert adopted_each_run == [2, 2, 1]


def test_a_node_that_is_going_is_not_repaired(world: World) -> None:
    (node,) = world.launch_and_serve()
    world.ec2.edit(world.enis(node)[0].eni_id, source_dest_check=False)
    world.ec2.set_state(node, InstanceState.SHUTTING_DOWN)
    report = world.run_fleet()
    assert (report.nodes, report.outcomes) == (0, ())


# Orphans.


def leave_orphans(world: World, count: int) -> None:
    """Launch nodes, take an interface off each and terminate it, so that it stays behind."""
    for node in world.launch_and_serve(count):
        world.ec2.detach(world.enis(node)[0].eni_id)
        world.clock.wait(5)
        world.autoscaling.leave(node)
        world.ec2.terminate(node)
        world.clock.wait(10)


def test_orphans_are_deleted_up_to_the_bound_and_the_rest_next_time(
    make_world: type[World],
) -> None:
    world = make_world(max_deletions=2)
    leave_orphans(world, 3)
    world.clock.wait(LONG_AGO_S)
    first, second = world.run_fleet(), world.run_fleet()
    assert (first.orphans.found, first.deleted, first.orphans.deferred) == (3, 2, 1)
    assert (second.orphans.found, second.deleted) == (1, 1)
    assert world.enis() == []


def test_young_orphans_are_kept(world: World) -> None:
    leave_orphans(world, 1)
    report = world.run_fleet()
    assert (report.orphans.found, report.deleted) == (0, 0)
    assert list(report.orphans.kept.values()) == ["it is younger than the minimum age"]


def test_an_orphan_that_cannot_be_deleted_is_found_but_not_counted(world: World) -> None:
    leave_orphans(world, 2)
    world.clock.wait(LONG_AGO_S)
    world.calls.fail("delete", AccessDenied("may not"))
    report = world.run_fleet()
    assert (report.orphans.found, report.deleted) == (2, 1)


def test_an_instance_outside_the_groups_is_asked_for_before_its_interface_is_called_an_orphan(
    world: World,
) -> None:
    (node,) = world.launch_and_serve()
    eni = world.enis(node)[0]
    world.ec2.detach(eni.eni_id)
    world.clock.wait(LONG_AGO_S)
    stray = InstanceId("i-detached-from-its-group")
    world.ec2.launch(stray, None, "subnet-nodes")
    world.ec2.edit(eni.eni_id, tags={**eni.tags, tags.INSTANCE: str(stray)})
    report = world.run_fleet()
    assert report.deleted == 0
    assert world.calls.counts["describe_instances"] == 2


@pytest.mark.parametrize(
    "method", ["list_interfaces", "list_members", "describe_group_instances", "describe_instances"]
)
def test_a_look_that_fails_ends_the_run_before_anything_is_deleted(
    world: World, method: str
) -> None:
    leave_orphans(world, 1)
    world.clock.wait(LONG_AGO_S)
    for node in list(world.autoscaling.actions):
        world.ec2.forget(node.instance_id)
    world.calls.fail(method, Throttled("slow down"))
    with pytest.raises(Throttled):
        world.run_fleet()
    assert world.calls.counts["delete"] == 0
    assert len(world.enis()) == 1


# Dry run.


def test_a_dry_run_reports_what_it_would_do_and_changes_nothing(make_world: type[World]) -> None:
    world = make_world(adopt_running=True)
    leave_orphans(world, 1)
    (drifted,) = world.launch_and_serve()
    world.ec2.edit(world.enis(drifted)[0].eni_id, source_dest_check=False)
    (leaving,) = world.launch_and_serve()
    world.scale_in(leaving)
    world.launch(hooked=False)
    lost = world.launch()
    world.clock.wait(LONG_AGO_S)
    world.bounds = dataclasses.replace(world.bounds, dry_run=True)
    world.restart()
    before = world.calls.counts
    report = world.run_fleet()
    assert {outcome.result for outcome in report.outcomes} == {Result.REPORTED}
    assert len(report.outcomes) == 4
    assert (report.orphans.found, report.deleted, report.heartbeats) == (1, 0, 0)
    looks = {"list_interfaces", "list_members", "describe_group_instances", "describe_instances"}
    assert set(world.calls.counts - before) <= looks | {"has_backlog"}
    assert world.action(lost).is_open
    assert world.action(leaving).is_open


def test_a_dry_run_prolongs_no_hook(make_world: type[World]) -> None:
    world = make_world(dry_run=True)
    world.launch()
    world.launch_queue.backlog = True
    world.clock.wait(301)
    assert world.run_fleet().heartbeats == 0
    assert world.calls.counts["heartbeat"] == 0


# Cost.


def test_calls_do_not_grow_with_the_nodes(world: World) -> None:
    def cost() -> int:
        before = world.calls.total
        world.run_fleet()
        return world.calls.total - before

    world.launch_and_serve(2)
    small = cost()
    for _ in range(5):
        world.launch_and_serve(10)
    assert cost() == small


# A queue that never empties.


def test_a_lost_launch_does_not_wait_for_ever_for_a_queue_to_empty(world: World) -> None:
    """A whole time-out after it was first seen waiting, for how long before that cannot be told."""
    node = world.launch()
    world.launch_queue.backlog = True
    for _ in range(6):
        world.clock.wait(100)
        assert world.run_fleet().outcomes == ()
    world.clock.wait(100)
    (outcome,) = world.run_fleet().outcomes
    assert outcome.result is Result.CONTINUED
    assert world.faults_of(node) == []


def test_a_queue_that_never_empties_does_not_hold_a_node_for_ever(world: World) -> None:
    node = world.launch(running_in_s=100_000)
    world.launch_queue.backlog = True
    for _ in range(20):
        world.clock.wait(300)
        world.run_fleet()
    held = world.action(node).heartbeats
    assert held >= 4
    world.clock.wait(300)
    world.run_fleet()
    assert world.action(node).heartbeats == held


def test_launches_that_a_run_does_not_get_to_are_held_meanwhile(world: World) -> None:
    nodes = [world.launch(running_in_s=100_000) for _ in range(40)]
    world.clock.wait(301)
    report = world.fleet.run(world.clock.now() + timedelta(seconds=100))
    assert len(report.outcomes) < 40
    assert all(world.action(node).heartbeats for node in nodes)


def test_a_fleet_wide_drift_is_mended_as_far_as_the_time_goes_and_orphans_still_go(
    world: World,
) -> None:
    leave_orphans(world, 1)
    nodes = world.launch_and_serve(5)
    world.clock.wait(LONG_AGO_S)
    for node in nodes:
        for eni in world.enis(node):
            world.ec2.edit(eni.eni_id, source_dest_check=False)
    report = world.fleet.run(world.clock.now())
    assert (report.outcomes, report.deleted) == ((), 1)
    assert len(world.run_fleet().outcomes) == 5
