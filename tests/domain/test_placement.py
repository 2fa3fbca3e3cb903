"""Which subnet of a zone: always the same for a node, spread over the nodes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import NoSubnetInZone
from domain.model import InstanceId, SubnetId
from domain.placement import named_for_zone, pick_in_zone

if TYPE_CHECKING:
    from tests.fakes.builders import Builders


def test_the_configuration_names_the_subnet_of_a_zone(build: Builders) -> None:
    by_zone = {"us-east-1a": SubnetId("subnet-a"), "us-east-1b": SubnetId("subnet-b")}
    assert named_for_zone(build.spec(), by_zone, "us-east-1b") == "subnet-b"


def test_a_zone_that_is_not_named_is_told_with_those_that_are(build: Builders) -> None:
    by_zone = {"us-east-1b": SubnetId("subnet-b"), "us-east-1a": SubnetId("subnet-a")}
    with pytest.raises(NoSubnetInZone, match=r"in us-east-1c, only in us-east-1a, us-east-1b$"):
        named_for_zone(build.spec(), by_zone, "us-east-1c")


def test_no_candidate_in_the_zone_is_told(build: Builders) -> None:
    elsewhere = [build.subnet("b", zone="us-east-1b")]
    with pytest.raises(NoSubnetInZone, match=r"only in us-east-1b$") as caught:
        pick_in_zone(build.spec(), elsewhere, "us-east-1a", build.instance_id)
    assert caught.value.details == {"interface": "n3", "availability_zone": "us-east-1a"}
    with pytest.raises(NoSubnetInZone, match="only in no zone at all"):
        pick_in_zone(build.spec(), [], "us-east-1a", build.instance_id)


@given(order=st.permutations(range(4)))
def test_a_node_goes_to_the_same_subnet_in_whatever_order_they_are_listed(
    build: Builders, order: list[int]
) -> None:
    subnets = [build.subnet(str(number)) for number in range(4)]
    subnets.append(build.subnet("elsewhere", zone="us-east-1b"))
    shuffled = [subnets[place] for place in order] + subnets[4:]
    picked = pick_in_zone(build.spec(), shuffled, build.zone, build.instance_id)
    assert picked == pick_in_zone(build.spec(), subnets, build.zone, build.instance_id)
    assert picked != "subnet-elsewhere"


def test_nodes_are_spread_and_few_move_when_a_subnet_is_added(build: Builders) -> None:
    nodes = [InstanceId(f"i-{number:017x}") for number in range(400)]

    def placed(count: int) -> dict[InstanceId, SubnetId]:
        subnets = [build.subnet(str(number)) for number in range(count)]
        return {node: pick_in_zone(build.spec(), subnets, build.zone, node) for node in nodes}

    before, after = placed(4), placed(5)
    assert all(60 < count < 140 for count in Counter(before.values()).values())
    moved = [node for node in nodes if before[node] != after[node]]
    assert all(after[node] == "subnet-4" for node in moved)
    assert len(moved) < 140
