"""Selectors of the configuration: settled per zone, and looked up once in a while."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from domain.config import SecurityGroupSelector, SubnetSelector
from domain.errors import NoSubnetInZone, SpecRejected, Throttled
from domain.model import SecurityGroupId, SubnetId, VpcId
from lambdas.reconcile.catalog import KEEP_FOR, KEEP_SUBNETS_FOR

if TYPE_CHECKING:
    from domain.config import InterfaceSpec
    from domain.launch import Desired
    from tests.fakes.builders import Builders
    from tests.fakes.world import World


def settled(build: Builders, world: World, spec: InterfaceSpec) -> Desired:
    (desired,) = world.catalog.desired(build.config([spec]).node_groups[0], build.instance())
    return desired


@pytest.fixture
def subnets(world: World) -> World:
    """Add subnets in two zones, two of them tagged."""
    world.ec2.add_subnet("subnet-a", "us-east-1a", "10.20.0.0/24", with_tags={"use": "multus"})
    world.ec2.add_subnet("subnet-b", "us-east-1b", "10.21.0.0/24", with_tags={"use": "multus"})
    world.ec2.add_subnet("subnet-c", "us-east-1a", "10.22.0.0/24")
    return world


def test_a_map_by_zone_needs_no_look(build: Builders, world: World) -> None:
    before = world.calls.total
    assert settled(build, world, build.spec()).subnet_id == "subnet-n3"
    assert world.calls.total == before


def test_of_a_list_the_one_in_the_nodes_zone_is_taken(build: Builders, subnets: World) -> None:
    spec = build.spec(subnets=SubnetSelector(ids=(SubnetId("subnet-b"), SubnetId("subnet-c"))))
    assert settled(build, subnets, spec).subnet_id == "subnet-c"


def test_tags_select_subnets_too(build: Builders, subnets: World) -> None:
    spec = build.spec(subnets=SubnetSelector(tags={"use": "multus"}))
    assert settled(build, subnets, spec).subnet_id == "subnet-a"


@pytest.mark.parametrize(
    "selector",
    [
        pytest.param(SubnetSelector(ids=(SubnetId("subnet-b"),)), id="a list"),
        pytest.param(SubnetSelector(ids=(SubnetId("subnet-unknown"),)), id="an unknown one"),
        pytest.param(SubnetSelector(tags={"use": "nothing"}), id="tags"),
    ],
)
def test_no_subnet_in_the_zone_is_told(
    build: Builders, subnets: World, selector: SubnetSelector
) -> None:
    with pytest.raises(NoSubnetInZone):
        settled(build, subnets, build.spec(subnets=selector))


def test_security_groups_by_id_are_in_one_order_always(build: Builders, world: World) -> None:
    ids = (SecurityGroupId("sg-2"), SecurityGroupId("sg-1"))
    spec = build.spec(security_groups=SecurityGroupSelector(ids=ids))
    assert settled(build, world, spec).security_group_ids == ("sg-1", "sg-2")


def test_security_groups_by_tag_are_looked_up(build: Builders, world: World) -> None:
    world.ec2.add_security_group("sg-9", {"use": "multus"})
    world.ec2.add_security_group("sg-8", {"use": "multus"})
    spec = build.spec(security_groups=SecurityGroupSelector(tags={"use": "multus"}))
    assert settled(build, world, spec).security_group_ids == ("sg-8", "sg-9")


def test_a_tag_that_matches_no_security_group_is_told(build: Builders, world: World) -> None:
    spec = build.spec(security_groups=SecurityGroupSelector(tags={"use": "nothing"}))
    with pytest.raises(SpecRejected, match="no security group has the tags"):
        settled(build, world, spec)


def test_an_answer_is_kept_for_a_minute_and_then_looked_up_again(
    build: Builders, subnets: World
) -> None:
    spec = build.spec(subnets=SubnetSelector(tags={"use": "multus"}))
    for _ in range(3):
        settled(build, subnets, spec)
    assert subnets.calls.counts["find_subnets"] == 1
    subnets.clock.wait(KEEP_FOR.total_seconds())
    settled(build, subnets, spec)
    assert subnets.calls.counts["find_subnets"] == 2


def test_subnets_and_their_reservations_are_kept_for_longer(world: World) -> None:
    """EC2 lists the reservations of one subnet at a time: a burst would ask for each again every minute."""
    world.ec2.add_subnet("subnet-r", "us-east-1a", "10.20.0.0/24")
    asked = [SubnetId("subnet-r")]
    world.catalog.subnets(asked)
    world.clock.wait((KEEP_SUBNETS_FOR - KEEP_FOR).total_seconds())
    world.catalog.subnets(asked)
    assert world.calls.counts["find_subnets"] == world.calls.counts["list_reservations"] == 1
    world.clock.wait(KEEP_FOR.total_seconds())
    world.catalog.subnets(asked)
    assert world.calls.counts["find_subnets"] == world.calls.counts["list_reservations"] == 2


def test_a_look_up_that_fails_is_not_kept(build: Builders, subnets: World) -> None:
    spec = build.spec(subnets=SubnetSelector(tags={"use": "multus"}))
    subnets.calls.fail("find_subnets", Throttled("slow down"))
    with pytest.raises(Throttled):
        settled(build, subnets, spec)
    assert settled(build, subnets, spec).subnet_id == "subnet-a"


def test_subnets_come_with_their_reservations_and_without_those_that_are_gone(
    world: World,
) -> None:
    world.ec2.add_subnet("subnet-r", "us-east-1a", "10.20.0.0/24", reservations=["10.20.0.16/28"])
    known = world.catalog.subnets([SubnetId("subnet-r"), SubnetId("subnet-unknown")])
    assert list(known) == ["subnet-r"]
    assert [str(net) for net in known[SubnetId("subnet-r")].reservations] == ["10.20.0.16/28"]
    assert world.catalog.subnets([]) == {}


def test_tags_select_in_the_nodes_own_vpc_only(build: Builders, world: World) -> None:
    """Two clusters in two VPCs whose networks carry the same tags."""
    for vpc in ("vpc-ours", "vpc-theirs"):
        for number in range(8):
            world.ec2.add_subnet(
                f"subnet-{vpc}-{number}",
                "us-east-1a",
                "10.30.0.0/24",
                with_tags={"use": "n6"},
                vpc_id=vpc,
            )
        world.ec2.add_security_group(f"sg-{vpc}", {"use": "n6"}, vpc_id=vpc)
    spec = build.spec(
        subnets=SubnetSelector(tags={"use": "n6"}),
        security_groups=SecurityGroupSelector(tags={"use": "n6"}),
    )
    group = build.config([spec]).node_groups[0]
    for vpc in ("vpc-ours", "vpc-theirs"):
        instance = dataclasses.replace(build.instance(), vpc_id=VpcId(vpc))
        (desired,) = world.catalog.desired(group, instance)
        assert desired.subnet_id.startswith(f"subnet-{vpc}-")
        assert desired.security_group_ids == (f"sg-{vpc}",)


def test_ranges_that_the_stack_reserves_count_before_ec2_shows_them(
    build: Builders, make_world: type[World]
) -> None:
    """Those of both families that another interface of the subnet names, too; and each once they are shown."""
    ranges = ("10.0.0.16/28", "2001:db8::/65")
    pods = build.spec("n1", 1, pod_ranges=ranges, reserve_pod_ranges=True)
    world = make_world([pods, build.spec("n2", 2)])
    (subnet_id,) = (pods.subnets.by_zone or {}).values()
    known = world.catalog.subnets([subnet_id, SubnetId("subnet-n2")])
    assert [str(each) for each in known[subnet_id].reservations] == ["10.0.0.16/28"]
    assert known[SubnetId("subnet-n2")].reservations == ()
