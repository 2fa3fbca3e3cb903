"""The init container: all of the pod's addresses, or a failure that says what to do."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from localaws.faults import Fault, FaultKind
from node_bootstrap.deadline import Deadline
from pod_addresses.initial import Failed, Patience, assign_all
from tests.fakes.pod_links import FakeLinks

if TYPE_CHECKING:
    from domain.pods.following import Placed
    from tests.pod_addresses.conftest import World

V4, V4B, V6 = "10.0.3.100", "10.0.3.101", "2001:db8:0:3::100"


def links_of(world: World) -> FakeLinks:
    """Return the links of a pod on two networks of one subnet."""
    return FakeLinks(eth0="0a:ff:00:00:00:01", net1=world.mac(world.a), net2=world.mac(world.a2))


def init(
    world: World,
    links: FakeLinks,
    *named: str,
    asked: tuple[tuple[str, str], ...] = (),
    timeout_s: float = 10.0,
) -> tuple[Placed, ...]:
    """Run, with pauses that cost no time."""
    passed = [0.0]

    def pause(seconds: float) -> None:
        passed[0] += seconds

    return assign_all(
        links.look(),
        world.placing(),
        Patience(Deadline(timeout_s, lambda: passed[0]), pause, lambda: 1.0),
        named=named,
        asked=[(name, ip_address(text)) for name, text in asked],
    )


def codes(failed: pytest.ExceptionInfo[Failed]) -> list[str]:
    """Return the codes of all failures."""
    return [each.code for each in failed.value.failures]


def test_each_link_gets_its_addresses_on_its_own_eni(world: World) -> None:
    links = links_of(world)
    links.have("net1", V4, V6)
    links.have("net2", V4B)
    links.have("eth0", "10.0.0.77")
    assert len(init(world, links)) == 3
    assert (world.on(world.a), world.on(world.a2)) == ({V4, V6}, {V4B})


def test_it_may_run_twice(world: World) -> None:
    links = links_of(world)
    links.have("net1", V4)
    assert init(world, links) == init(world, links)
    assert world.calls().count("AssignPrivateIpAddresses") == 1


def test_addresses_that_a_link_will_get_are_assigned_beforehand(world: World) -> None:
    init(world, links_of(world), asked=(("net2", V4),))
    assert world.on(world.a2) == {V4}


def test_all_that_cannot_be_right_is_told_at_once_and_nothing_is_touched(world: World) -> None:
    links = links_of(world)
    links.have("net1", V4, "10.0.9.9", "2001:db8:0:9::1")
    with pytest.raises(Failed) as failed:
        init(world, links, "net1", "net7", "eth0")
    assert codes(failed) == [
        "link-unknown",
        "link-unknown",
        "address-outside-subnet",
        "address-outside-subnet",
    ]
    assert world.on(world.a) == set()
    for line in str(failed.value).splitlines():
        assert "(found: " in line


def test_a_pod_without_any_address_does_not_start(world: World) -> None:
    with pytest.raises(Failed) as failed:
        init(world, links_of(world))
    assert codes(failed) == ["nothing-to-assign"]


def test_throttled_it_goes_on_until_it_is_done(world: World) -> None:
    links = links_of(world)
    links.have("net1", V4)
    for action in ("DescribeNetworkInterfaces", "DescribeSubnets", "AssignPrivateIpAddresses"):
        world.account.faults.inject(Fault(action, FaultKind.THROTTLE, times=2))
    init(world, links, timeout_s=60.0)
    assert world.on(world.a) == {V4}


def test_when_time_is_up_it_fails_with_the_reason(world: World) -> None:
    world.account.faults.inject(Fault("AssignPrivateIpAddresses", FaultKind.THROTTLE, times=None))
    links = links_of(world)
    links.have("net1", V4)
    with pytest.raises(Failed) as failed:
        init(world, links, timeout_s=3.0)
    assert codes(failed) == ["throttled", "deadline-exceeded"]


@pytest.mark.parametrize("denied", ["reads", "changes"])
def test_denied_it_fails_at_once(world: World, denied: str) -> None:
    action = "ec2:DescribeTags" if denied == "reads" else "ec2:Describe*"
    world.may([{"Effect": "Allow", "Action": action, "Resource": "*"}])
    links = links_of(world)
    links.have("net1", V4)
    with pytest.raises(Failed, match="pod-address-policy") as failed:
        init(world, links)
    assert codes(failed) == ["access-denied"]
