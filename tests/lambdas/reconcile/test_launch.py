"""Launching nodes: each gets exactly its interfaces with as few calls as can be, whatever goes wrong."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import tags
from domain.addressing import SPREAD
from domain.config import Ipv4Mode, SecurityGroupSelector, SubnetSelector
from domain.errors import (
    AccessDenied,
    AddressTaken,
    DeadlineExceeded,
    DeviceIndexTaken,
    EniLifecycleError,
    InvariantBroken,
    NotYetVisible,
    QuotaReached,
    ServiceFault,
    Throttled,
    WrongState,
)
from domain.launch import INVISIBLE_FOR
from domain.lifecycle import LifecycleResult
from domain.model import GroupName, InstanceId, InstanceState, SubnetId
from domain.outcome import Result
from domain.pacing import AttachPace
from lambdas.reconcile.catalog import KEEP_FOR
from lambdas.reconcile.launch import ENOUGH_NODES, WORTH_TAKING
from tests.fakes.ec2 import Pace
from tests.fakes.world import RUN

if TYPE_CHECKING:
    from lambdas.reconcile.launching_node import Launch
    from tests.fakes.builders import Builders
    from tests.fakes.calls import Killed
    from tests.fakes.world import World

CONTINUE = LifecycleResult.CONTINUE


# What a launch costs.


@pytest.mark.parametrize("count", [1, 2, 3, 6])
@pytest.mark.parametrize("source_dest_check", [True, False], ids=["checked", "unchecked"])
def test_a_launch_makes_no_call_above_the_floor(
    build: Builders, make_world: type[World], count: int, source_dest_check: bool
) -> None:
    specs = [
        dataclasses.replace(spec, source_dest_check=source_dest_check)
        for spec in build.specs(count)
    ]
    world = make_world(specs)
    (outcome,) = world.run_launches(world.launching(world.launch()))
    modifies = count if source_dest_check else 2 * count
    assert outcome.result is Result.CONTINUED
    assert world.calls.total == 2 + count * 2 + modifies + 1 + 1
    assert world.calls.counts["list_interfaces"] == 2
    assert world.calls.counts["describe_instances"] == 1


def test_a_batch_shares_its_looks(make_world: type[World]) -> None:
    world = make_world()
    nodes = [world.launch() for _ in range(10)]
    outcomes = world.run_launches(*(world.launching(node) for node in nodes))
    assert {outcome.result for outcome in outcomes} == {Result.CONTINUED}
    assert world.calls.counts["list_interfaces"] == 2
    assert world.calls.counts["describe_instances"] == 1


def test_from_start_looks_once_at_the_subnet_and_its_reservations(
    build: Builders, make_world: type[World]
) -> None:
    world = make_world([build.from_start("n1", 1)])
    world.run_launches(world.launching(world.launch()))
    assert world.calls.counts["list_subnet_interfaces"] == 1
    assert world.calls.counts["find_subnets"] == 1
    (eni,) = world.enis()
    assert eni.ipv4_addresses == ("10.0.0.4",)


def test_an_ipv6_only_interface_costs_one_look_at_its_subnet(
    build: Builders, make_world: type[World]
) -> None:
    world = make_world([build.spec("n1", 1, ipv4=Ipv4Mode.NONE, ipv6_count=1)])
    world.ec2.add_subnet("subnet-n1", build.zone, None)
    for _ in range(2):
        node = world.launch()
        world.run_launches(world.launching(node))
        assert world.faults_of(node) == []
    assert all(eni.ipv4_addresses == () for eni in world.enis())
    assert world.calls.counts["find_subnets"] == 1
    assert world.calls.counts["list_subnet_interfaces"] == 0
    assert world.calls.counts["list_reservations"] == 0


@pytest.mark.parametrize(
    ("mode", "cidr"), [(Ipv4Mode.NONE, "10.5.0.0/24"), (Ipv4Mode.FROM_START, None)]
)
def test_a_subnet_without_the_configured_addresses_is_refused_before_anything_is_made(
    build: Builders, make_world: type[World], mode: Ipv4Mode, cidr: str | None
) -> None:
    world = make_world([build.spec("n1", 1, ipv4=mode, ipv6_count=1)])
    world.ec2.add_subnet("subnet-n1", build.zone, cidr)
    (outcome,) = world.run_launches(world.launching(world.launch()))
    assert outcome.result is Result.ABANDONED
    assert outcome.error is not None
    assert outcome.error.code == "spec-rejected"
    assert "IPv6-only" in outcome.reason
    assert world.calls.counts["create"] == 0


def test_the_outcome_tells_what_was_done(world: World) -> None:
    node = world.launch()
    launch = world.launching(node)
    (outcome,) = world.run_launches(launch)
    assert (outcome.instance_id, outcome.token) == (node, launch.token)
    assert (outcome.group_name, outcome.node_group) == ("multus-workers", "workers")
    assert (outcome.attached, outcome.deleted, outcome.rounds) == (2, 0, 2)
    assert outcome.hook_to_continue_s == pytest.approx(2.0)
    assert outcome.error is None


def test_looking_at_the_right_moment_is_learned(world: World) -> None:
    world.ec2.pace = dataclasses.replace(world.ec2.pace, attach_s=6.0)
    world.launch_and_serve()
    before = world.calls.counts["list_interfaces"]
    world.launch_and_serve()
    assert before > 3
    assert world.calls.counts["list_interfaces"] - before == 2


# Duplicates, late and repeated events.


def test_a_duplicate_in_the_same_batch_is_one_launch(world: World) -> None:
    launch = world.launching(world.launch())
    first, second = world.run_launches(launch, launch)
    assert (first.result, second.result) == (Result.CONTINUED, Result.CLOSED)
    assert world.faults_of(launch.instance_id) == []
    assert world.action(launch.instance_id).results == [CONTINUE]
    assert world.calls.counts["create"] == 2


def test_a_duplicate_afterwards_changes_nothing(world: World) -> None:
    launch = world.launching(world.launch())
    world.run_launches(launch)
    before = world.calls.counts
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.CLOSED
    assert world.calls.counts - before == Counter(
        {"list_interfaces": 1, "describe_instances": 1, "complete": 1}
    )
    assert world.action(launch.instance_id).results == [CONTINUE]


def test_a_duplicate_in_service_never_abandons_a_healthy_node(world: World) -> None:
    launch = world.launching(world.launch())
    world.run_launches(launch)
    world.clock.wait(3600)
    world.calls.fail("list_interfaces", AccessDenied("no"), times=1000)
    world.run_launches(launch)
    assert world.autoscaling.state(launch.instance_id) == "InService"
    assert world.ec2.instance(launch.instance_id).state is InstanceState.RUNNING


@pytest.mark.parametrize("spaced", [1, 2, 3, 4, 5, 6, 7, 8])
def test_a_duplicate_while_the_first_run_works_converges_to_the_same(
    make_world: type[World], killed: type[Killed], spaced: int
) -> None:
    """The other run, a process of its own, comes and finishes between two calls of this one."""
    world = make_world()
    launch = world.launching(world.launch())
    world.calls.kill_at(spaced, after=True)
    with pytest.raises(killed):
        world.run_launches(launch)
    (other,) = world.run_launches(launch)
    assert other.result is Result.CONTINUED
    assert world.faults_of(launch.instance_id) == []


@settings(max_examples=60)
@given(call=st.integers(1, 24), after=st.booleans(), from_start=st.booleans())
def test_a_run_that_dies_at_any_call_is_finished_by_the_next(
    *,
    build: Builders,
    make_world: type[World],
    killed: type[Killed],
    call: int,
    after: bool,
    from_start: bool,
) -> None:
    make = build.from_start if from_start else build.spec
    world = make_world(
        [make(name, place, source_dest_check=False) for place, name in enumerate("abc", 1)]
    )
    launch = world.launching(world.launch(running_in_s=3))
    world.calls.kill_at(call, after=after)
    try:
        world.run_launches(launch)
    except killed:
        world.restart()
        world.run_launches(launch)
    assert world.faults_of(launch.instance_id) == []
    assert world.action(launch.instance_id).results == [CONTINUE]


# What goes wrong and passes.

PASSING = [
    Throttled("slow down"),
    NotYetVisible("not yet"),
    WrongState("on its way"),
    ServiceFault("no answer"),
]
METHODS = [
    "list_interfaces",
    "describe_instances",
    "create",
    "attach",
    "set_delete_on_termination",
    "set_source_dest_check",
    "complete",
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("error", PASSING, ids=lambda error: error.code)
@pytest.mark.parametrize("after", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize("on_call", [1, 2])
def test_what_passes_is_tried_again_in_the_same_run(
    *,
    build: Builders,
    make_world: type[World],
    method: str,
    error: EniLifecycleError,
    after: bool,
    on_call: int,
) -> None:
    world = make_world([dataclasses.replace(s, source_dest_check=False) for s in build.specs(2)])
    launch = world.launching(world.launch())
    world.calls.fail(method, error, on_call=on_call, after=after)
    (outcome,) = world.run_launches(launch)
    lost_answer = method == "complete" and after and on_call == 1
    assert outcome.result is (Result.CLOSED if lost_answer else Result.CONTINUED)
    assert world.faults_of(launch.instance_id) == []
    assert world.action(launch.instance_id).results == [CONTINUE]


def test_a_new_interface_that_is_not_visible_yet_is_waited_for(
    make_world: type[World], pace: type[Pace]
) -> None:
    world = make_world(pace=pace(visible_s=3.0))
    launch = world.launching(world.launch())
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.CONTINUED
    assert world.faults_of(launch.instance_id) == []


def test_an_interface_that_stays_invisible_for_long_is_made_once(
    build: Builders, make_world: type[World], pace: type[Pace]
) -> None:
    world = make_world([build.from_start("n1", 1)], pace=pace(visible_s=15.0))
    launch = world.launching(world.launch())
    world.run_launches(launch)
    world.run_launches(launch)
    assert world.faults_of(launch.instance_id) == []


def test_an_instance_that_is_still_pending_is_waited_for(world: World) -> None:
    launch = world.launching(world.launch(running_in_s=20))
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.CONTINUED
    assert world.calls.counts["attach"] == 2
    assert world.faults_of(launch.instance_id) == []


def test_an_instance_that_is_not_visible_yet_is_given_back(world: World) -> None:
    launch = world.launching(world.launch())
    unseen = dataclasses.replace(launch, instance_id=InstanceId("i-unseen"))
    (outcome,) = world.run_launches(unseen)
    assert outcome.result is Result.RETRY
    assert world.calls.counts["create"] == 0


def test_throttled_looks_come_ever_more_rarely(world: World) -> None:
    launch = world.launching(world.launch())
    world.calls.fail("list_interfaces", Throttled("slow down"), times=1000)
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.RETRY
    assert outcome.error is not None
    assert outcome.error.code == "throttled"
    assert world.clock.waits[:5] == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert world.calls.counts["list_interfaces"] < 12


def test_a_modify_without_effect_is_repeated_ever_more_rarely(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accept(*_: object) -> None:
        with world.calls.made("set_delete_on_termination"):
            pass

    monkeypatch.setattr(world.ec2, "set_delete_on_termination", accept)
    (outcome,) = world.run_launches(world.launching(world.launch()))
    assert outcome.result is Result.RETRY
    assert 3 <= world.calls.counts["set_delete_on_termination"] / len(world.specs) < 20


def test_a_slow_node_does_not_hold_the_others_up(world: World) -> None:
    slow, quick = world.launch(running_in_s=30), world.launch()
    outcomes = world.run_launches(world.launching(slow), world.launching(quick))
    assert [outcome.result for outcome in outcomes] == [Result.CONTINUED, Result.CONTINUED]
    slow_s, quick_s = (outcome.hook_to_continue_s for outcome in outcomes)
    assert quick_s is not None
    assert slow_s is not None
    assert quick_s < 5 < slow_s


# What cannot be mended.


def test_one_nodes_failure_is_not_the_others(world: World) -> None:
    launches = [world.launching(world.launch()) for _ in range(3)]
    world.calls.fail("create", QuotaReached("no more"), on_call=3)
    outcomes = world.run_launches(*launches)
    assert [outcome.result for outcome in outcomes] == [
        Result.CONTINUED,
        Result.ABANDONED,
        Result.CONTINUED,
    ]


@pytest.mark.parametrize("moment_s", [0.0, 1.0], ids=["before", "while attaching"])
def test_an_instance_on_its_way_out_is_given_up_and_leaves_nothing(
    world: World, moment_s: float
) -> None:
    node = world.launch()
    launch = world.launching(node)
    world.clock.after(moment_s, lambda: world.ec2.terminate(node))
    world.run_launches(launch)
    world.clock.wait(60)
    world.run_launches(launch)
    assert world.enis() == []


@pytest.mark.parametrize("method", ["create", "attach", "list_interfaces", "find_subnets"])
def test_an_error_that_nobody_knows_gives_no_launch_up_and_cleans_nothing(
    build: Builders, make_world: type[World], method: str
) -> None:
    marked = SubnetSelector(tags={"use": "multus"})
    world = make_world([build.spec("n1", 1), build.spec("n2", 2, subnets=marked)])
    world.ec2.add_subnet("subnet-n2", build.zone, "10.7.0.0/24", with_tags={"use": "multus"})
    launch = world.launching(world.launch())
    unknown = InvariantBroken("SomethingNewOfEc2s")
    world.calls.fail(method, unknown, times=2 if method == "create" else 1)
    (outcome,) = world.run_launches(launch)
    assert (outcome.result, outcome.error) == (Result.FAILED, unknown)
    assert world.action(launch.instance_id).is_open
    assert world.calls.counts["delete"] == 0
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.CONTINUED


def test_a_look_up_that_fails_for_one_node_for_no_known_reason_is_not_the_others(
    build: Builders, make_world: type[World]
) -> None:
    world = make_world([build.spec("n1", 1, subnets=SubnetSelector(tags={"use": "multus"}))])
    world.ec2.add_subnet("subnet-n1", build.zone, "10.7.0.0/24", with_tags={"use": "multus"})
    launches = [world.launching(world.launch()) for _ in range(2)]
    world.calls.fail("find_subnets", InvariantBroken("SomethingNewOfEc2s"))
    outcomes = world.run_launches(*launches)
    assert [outcome.result for outcome in outcomes] == [Result.FAILED, Result.CONTINUED]


def test_an_instance_that_stays_unknown_is_given_up(world: World) -> None:
    node = world.launch()
    launch = world.launching(node)
    world.ec2.terminate(node)
    world.clock.wait(INVISIBLE_FOR.total_seconds())
    world.ec2.forget(node)
    (outcome,) = world.run_launches(launch)
    assert outcome.error is not None
    assert outcome.error.code == "instance-gone"


def test_a_zone_without_a_subnet_abandons(build: Builders, make_world: type[World]) -> None:
    subnets = SubnetSelector(by_zone={"us-east-1f": SubnetId("subnet-f")})
    world = make_world([build.spec(subnets=subnets)])
    (outcome,) = world.run_launches(world.launching(world.launch()))
    assert outcome.result is Result.ABANDONED
    assert outcome.error is not None
    assert outcome.error.code == "no-subnet-in-zone"


def test_a_tag_that_matches_no_security_group_abandons(
    build: Builders, make_world: type[World]
) -> None:
    groups = SecurityGroupSelector(tags={"role": "multus"})
    world = make_world([build.spec(security_groups=groups)])
    (outcome,) = world.run_launches(world.launching(world.launch()))
    assert outcome.error is not None
    assert outcome.error.code == "spec-rejected"


def test_a_subnet_that_is_gone_abandons_its_node_and_no_other(
    build: Builders, make_world: type[World]
) -> None:
    specs = [build.from_start("n1", 1), build.spec("n2", 2)]
    world = make_world(specs)
    served, late = world.launch(), world.launch()
    world.run_launches(world.launching(served))
    world.ec2.remove_subnet("subnet-n1")
    world.restart()
    outcomes = world.run_launches(world.launching(served), world.launching(late))
    assert [outcome.result for outcome in outcomes] == [Result.CLOSED, Result.ABANDONED]
    assert outcomes[1].error is not None
    assert outcomes[1].error.code == "spec-rejected"


def test_a_defect_is_one_nodes_failure_and_cleans_nothing(world: World) -> None:
    launches = [world.launching(world.launch()) for _ in range(2)]
    world.calls.fail("attach", ZeroDivisionError("a defect"))
    broken, sound = world.run_launches(*launches)
    assert (broken.result, sound.result) == (Result.FAILED, Result.CONTINUED)
    assert broken.error is not None
    assert isinstance(broken.error.__cause__, ZeroDivisionError)
    assert world.action(launches[0].instance_id).is_open
    assert len(world.enis(launches[0].instance_id)) == 2
    assert world.calls.counts["delete"] == 0


def test_a_defect_while_deleting_a_spare_is_not_hidden_by_a_completed_hook(world: World) -> None:
    launch = world.launching(world.launch())
    world.run_launches(launch)
    (eni, *_) = world.enis()
    make_spare(world, eni.eni_id)
    world.calls.fail("delete", ZeroDivisionError("a defect"))
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.FAILED


def test_a_hook_that_cannot_be_completed_now_is_tried_ever_more_rarely_and_keeps_its_message(
    world: World,
) -> None:
    launch = world.launching(world.launch())
    world.calls.fail("complete", Throttled("slow down"), times=1000)
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.RETRY
    assert world.calls.counts["complete"] < 12
    assert world.faults_of(launch.instance_id) == []


# Device indexes.


def test_an_index_that_the_vpc_cni_takes_in_between_is_replaced(world: World) -> None:
    node = world.launch()
    world.calls.fail("attach", DeviceIndexTaken("taken"), on_call=1)
    launch = world.launching(node)
    world.ec2.add_foreign_interface(node, 1, "subnet-nodes")
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.CONTINUED
    assert world.faults_of(node) == []
    places = {a.device_index for a in world.ec2.instance(node).attachments}
    assert places == {0, 1, 2, 3}


def test_an_index_that_a_person_insists_on_and_the_vpc_cni_holds_abandons(
    build: Builders, make_world: type[World]
) -> None:
    world = make_world([build.spec("n1", 1, device_index_fixed=True)])
    node = world.launch()
    world.ec2.add_foreign_interface(node, 1, "subnet-nodes")
    (outcome,) = world.run_launches(world.launching(node))
    assert outcome.result is Result.ABANDONED
    assert outcome.error is not None
    assert outcome.error.code == "device-index-conflict"


# Tokens.


def make_spare(world: World, like: str) -> None:
    """Make a second network interface for an interface that has one attached."""
    (eni,) = [each for each in world.enis() if each.eni_id == like]
    world.ec2.edit(world.ec2.occupy(eni.subnet_id, "10.0.0.99"), tags=eni.tags)


def test_a_spare_is_deleted(world: World) -> None:
    launch = world.launching(world.launch())
    world.run_launches(launch)
    make_spare(world, world.enis()[0].eni_id)
    (outcome,) = world.run_launches(launch)
    assert outcome.deleted == 1
    assert world.faults_of(launch.instance_id) == []


def test_a_create_whose_answer_was_lost_makes_no_second_one(world: World) -> None:
    launch = world.launching(world.launch())
    world.calls.fail("create", ServiceFault("no answer"), after=True, times=2)
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.CONTINUED
    assert world.faults_of(launch.instance_id) == []


def test_a_token_that_answers_with_a_deleted_interface_is_replaced(world: World) -> None:
    """EC2 repeats its answer for as long as it remembers the token, whatever became of what it made."""
    launch = world.launching(world.launch())
    world.calls.fail("attach", Throttled("slow down"), times=1000)
    world.run_launches(launch)
    for eni in world.enis():
        world.ec2.remove(eni.eni_id)
    world.calls.mend()
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.CONTINUED
    assert world.faults_of(launch.instance_id) == []


# Addresses from the start.


def test_a_hundred_nodes_in_interleaved_batches_share_no_address_and_meet_rarely(
    build: Builders, make_world: type[World]
) -> None:
    world = make_world([build.from_start("n1", 1, pod_ranges=("10.0.0.16/28",))])
    launches = [world.launching(world.launch()) for _ in range(100)]
    for start in range(0, 100, 10):
        world.run_launches(*launches[start : start + 10])
    hosts = {last(eni.ipv4_addresses[0]) for eni in world.enis()}
    assert len(hosts) == 100
    # A hundred from the start on, and no more left free in between than the last batch chose from.
    assert hosts <= {*range(4, 16), *range(32, 120 + (SPREAD + 1) * 10)}
    assert world.calls.counts["create"] == 100


def last(address: str) -> int:
    return int(address.rpartition(".")[2])


def test_no_node_gets_an_address_of_a_range_that_another_interface_of_its_subnet_reserves(
    build: Builders, make_world: type[World]
) -> None:
    chosen = build.from_start("n1", 1)
    pods = dataclasses.replace(
        build.spec("n2", 2, pod_ranges=("10.1.0.0/26",), reserve_pod_ranges=True),
        subnets=chosen.subnets,
    )
    world = make_world([chosen, pods])
    launch = world.launching(world.launch())
    world.run_launches(launch)
    (address,) = (e.ipv4_addresses[0] for e in world.enis() if e.tags[tags.INTERFACE] == "n1")
    assert last(address) == 64


def test_two_runs_that_looked_at_the_same_moment_settle_their_conflict(
    build: Builders, make_world: type[World]
) -> None:
    world = make_world([build.from_start("n1", 1)])
    launches = [world.launching(world.launch()) for _ in range(10)]
    world.calls.fail("create", AddressTaken("taken"), times=10)
    outcomes = world.run_launches(*launches)
    assert {outcome.result for outcome in outcomes} == {Result.CONTINUED}
    assert len({eni.ipv4_addresses for eni in world.enis()}) == 10
    assert all(world.faults_of(launch.instance_id) == [] for launch in launches)


def test_a_subnet_without_a_free_address_abandons_and_cleans_up(
    build: Builders, make_world: type[World]
) -> None:
    world = make_world(
        [build.spec("n1", 1), build.from_start("n2", 2, pod_ranges=("10.1.0.0/24",))]
    )
    launch = world.launching(world.launch())
    (outcome,) = world.run_launches(launch)
    assert outcome.error is not None
    assert outcome.error.code == "subnet-exhausted"
    world.clock.wait(60)
    assert world.enis() == []


def test_an_interface_that_only_the_subnet_shows_is_used_and_not_made_again(
    build: Builders, make_world: type[World]
) -> None:
    world = make_world([build.from_start("n1", 1)])
    launch = world.launching(world.launch())
    world.calls.fail("attach", Throttled("slow down"), times=1000)
    world.run_launches(launch)
    world.restart()
    world.calls.mend()
    world.ec2.lists_to_miss = 1
    before = world.calls.counts["create"]
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.CONTINUED
    assert world.calls.counts["create"] == before


# Warm pools.


def test_a_node_from_the_warm_pool_keeps_its_interfaces(world: World) -> None:
    node = world.launch()
    world.run_launches(world.launching(node))
    world.ec2.set_state(node, InstanceState.STOPPED)
    world.clock.wait(3600)
    world.ec2.set_state(node, InstanceState.RUNNING)
    world.autoscaling.open(world.action(node).group, world.launch_hook, node)
    before = world.calls.counts
    (outcome,) = world.run_launches(world.launching(node))
    assert outcome.result is Result.CONTINUED
    assert (world.calls.counts - before)["create"] == 0
    assert world.faults_of(node) == []


def test_both_events_of_a_warm_pool_in_one_batch_give_one_set_of_interfaces(
    build: Builders, make_world: type[World]
) -> None:
    world = make_world([build.from_start("n1", 1), build.spec("n2", 2)])
    node = world.launch()
    into = world.launching(node)
    world.run_launches(into)
    world.autoscaling.open(world.action(node).group, world.launch_hook, node)
    outcomes = world.run_launches(into, world.launching(node))
    assert [outcome.result for outcome in outcomes] == [Result.CLOSED, Result.CONTINUED]
    assert world.faults_of(node) == []
    assert all(eni.tags[tags.NO_MANAGE] == "true" for eni in world.enis())


# Other runs, other configurations.


def test_a_token_that_was_used_for_another_request_abandons_no_node(
    build: Builders, make_world: type[World]
) -> None:
    """The configuration changed between two runs, and the second does not see what the first made."""
    world = make_world([build.spec("n1", 1)])
    launch = world.launching(world.launch())
    world.calls.fail("attach", Throttled("slow down"), times=1000)
    world.run_launches(launch)
    world.calls.mend()
    changed = dataclasses.replace(world.specs[0], tags={"team": "core"})
    world.config = dataclasses.replace(
        world.config, node_groups=build.config([changed]).node_groups
    )
    world.restart()
    world.ec2.lists_to_miss = 3
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.CONTINUED
    assert world.faults_of(launch.instance_id) == []


def test_a_token_whose_interface_is_gone_and_was_another_request_is_replaced(
    build: Builders, make_world: type[World]
) -> None:
    world = make_world([build.spec("n1", 1)])
    launch = world.launching(world.launch())
    world.calls.fail("attach", Throttled("slow down"), times=1000)
    world.run_launches(launch)
    world.calls.mend()
    world.ec2.remove(world.enis()[0].eni_id)
    changed = dataclasses.replace(world.specs[0], tags={"team": "core"})
    world.config = dataclasses.replace(
        world.config, node_groups=build.config([changed]).node_groups
    )
    world.restart()
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.CONTINUED
    assert world.faults_of(launch.instance_id) == []


def test_what_a_renamed_interface_left_unattached_is_deleted(
    build: Builders, make_world: type[World]
) -> None:
    world = make_world([build.spec("n1", 1)])
    launch = world.launching(world.launch())
    world.calls.fail("attach", Throttled("slow down"), times=1000)
    world.run_launches(launch)
    world.calls.mend()
    renamed = dataclasses.replace(world.specs[0], name="n6")
    world.specs = (renamed,)
    world.config = dataclasses.replace(
        world.config, node_groups=build.config([renamed]).node_groups
    )
    world.restart()
    (outcome,) = world.run_launches(launch)
    assert (outcome.result, outcome.deleted) == (Result.CONTINUED, 1)
    assert world.faults_of(launch.instance_id) == []


def test_a_message_of_a_group_taken_out_of_the_configuration_ends_there(world: World) -> None:
    """Its hook goes with it and the role may not answer any more: a retry would only be denied again."""
    world.autoscaling.add_group(
        GroupName("former"), {world.launch_hook: world.action(world.launch()).transition}
    )
    launch = world.launching(world.launch(group=GroupName("former")))
    before = world.calls.total
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.IGNORED
    assert world.calls.total == before
    assert outcome.reason == "group former is not in this stack's configuration"


def test_one_look_that_shows_no_instance_abandons_no_old_launch(world: World) -> None:
    """DescribeInstances is eventually consistent: a single miss is no proof, however long the hook is open."""
    node = world.launch()
    launch = world.launching(node)
    world.clock.wait(INVISIBLE_FOR.total_seconds())
    world.ec2.forget(node)
    world.clock.after(0.4, lambda: world.ec2.launch(node, launch.group_name, "subnet-nodes"))
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.CONTINUED
    assert world.action(node).results == [CONTINUE]


# What a run takes besides.


class Offer:
    """A queue that has something a number of times."""

    def __init__(self, *launches: list[Launch]) -> None:
        self.left = list(launches)
        self.asked = 0

    def __call__(self) -> list[Launch]:
        self.asked += 1
        return self.left.pop(0) if self.left else []


def test_a_run_takes_more_launches_when_it_would_only_wait_and_serves_them_too(
    make_world: type[World],
) -> None:
    world = make_world()
    first, second, third = [world.launching(world.launch()) for _ in range(3)]
    outcomes = world.launches.run([first], world.clock.now() + RUN, Offer([second, third]))
    assert [outcome.instance_id for outcome in outcomes] == [
        first.instance_id,
        second.instance_id,
        third.instance_id,
    ]
    assert {outcome.result for outcome in outcomes} == {Result.CONTINUED}
    assert [world.faults_of(each.instance_id) for each in (first, second, third)] == [[], [], []]


def one_ready_while_the_other_begins(make_world: type[World]) -> World:
    """Return a world after a run in which one node's interfaces are attached by the time that the other one runs."""
    world = make_world(pace=Pace(attach_s=0.8))
    launches = [world.launching(world.launch(running_in_s=boot_s)) for boot_s in (0.0, 0.9)]
    assert {each.result for each in world.run_launches(*launches)} == {Result.CONTINUED}
    return world


def test_a_look_shows_the_attachments_of_nodes_that_have_no_look_due(
    make_world: type[World],
) -> None:
    world = one_ready_while_the_other_begins(make_world)
    # Both at first, twice until the second one runs, and once for what it then got.
    assert world.calls.counts["list_interfaces"] == 4


def test_a_node_that_is_done_does_not_wait_for_the_work_of_another(
    make_world: type[World],
) -> None:
    world = one_ready_while_the_other_begins(make_world)
    attaches = [place for place, call in enumerate(world.calls.log) if call == "attach"]
    assert len(attaches) == 2 * len(world.specs)
    assert world.calls.log.index("complete") < attaches[len(world.specs)]


def attaching_while_another_begins(
    build: Builders, make_world: type[World], *, failing_look_ups: int
) -> World:
    """Return a world after a run in which what tags select is looked up again, for a node that is not due, and that fails."""
    marked = SubnetSelector(tags={"use": "multus"})
    world = make_world([build.spec("n1", 1, subnets=marked)], pace=Pace(attach_s=10.0))
    world.ec2.add_subnet("subnet-n1", build.zone, "10.7.0.0/24", with_tags={"use": "multus"})
    # The answer outlives the first look of both nodes, and no later one.
    world.catalog.desired(world.config.node_groups[0], world.ec2.instance(world.launch()))
    world.clock.wait((KEEP_FOR - timedelta(seconds=1)).total_seconds())
    launches = [world.launching(world.launch(running_in_s=boot_s)) for boot_s in (0.0, 1.0)]
    world.calls.fail("find_subnets", Throttled("slow down"), times=failing_look_ups)
    assert {each.result for each in world.run_launches(*launches)} == {Result.CONTINUED}
    return world


def test_a_look_up_that_fails_for_a_node_that_is_not_due_holds_up_none_that_is(
    build: Builders, make_world: type[World]
) -> None:
    calm = attaching_while_another_begins(build, make_world, failing_look_ups=0)
    failing = attaching_while_another_begins(build, make_world, failing_look_ups=1)
    assert failing.calls.counts - calm.calls.counts == Counter({"find_subnets": 1})
    assert failing.clock.waits == calm.clock.waits


def test_how_long_attachments_take_is_not_learned_from_a_node_whose_look_was_not_due(
    make_world: type[World],
) -> None:
    world = one_ready_while_the_other_begins(make_world)
    begun = len(world.clock.waits)
    world.launch_and_serve()
    # Shortened once, by the node that was looked at when it was due.
    first = AttachPace()
    assert world.clock.waits[begun:] == [pytest.approx(first.expected_s * first.shrink)]


def test_one_that_is_taken_twice_is_worked_once(make_world: type[World]) -> None:
    world = make_world()
    launch = world.launching(world.launch())
    outcomes = world.launches.run([launch], world.clock.now() + RUN, Offer([launch]))
    assert [outcome.result for outcome in outcomes] == [Result.CONTINUED, Result.CLOSED]
    assert world.calls.counts["complete"] == 1


def test_a_run_that_must_soon_end_takes_nothing(make_world: type[World]) -> None:
    world = make_world()
    offer = Offer()
    launch = world.launching(world.launch())
    world.launches.run([launch], world.clock.now() + WORTH_TAKING, offer)
    assert offer.asked == 0


def test_a_run_with_its_hands_full_takes_nothing(make_world: type[World]) -> None:
    world = make_world()
    offer = Offer()
    launches = [world.launching(world.launch(running_in_s=3.0)) for _ in range(ENOUGH_NODES)]
    world.launches.run(launches, world.clock.now() + RUN, offer)
    assert offer.asked == 0


def test_a_run_whose_calls_would_wait_for_their_turn_too_long_hands_the_node_back(
    make_world: type[World],
) -> None:
    world = make_world()
    world.calls.fail("attach", DeadlineExceeded("no token in time"), times=9)
    launch = world.launching(world.launch())
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.RETRY
    assert outcome.rounds == 1
    assert world.enis(launch.instance_id)
