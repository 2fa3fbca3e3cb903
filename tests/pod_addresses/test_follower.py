"""The sidecar: what it does when links change, and that it does nothing when they do not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from domain import tags
from domain.errors import AccessDenied, Throttled
from domain.pods import policy
from localaws.faults import Fault, FaultKind
from node_bootstrap.deadline import Deadline
from pod_addresses.follower import Follower, facts
from tests.fakes.pod_links import FakeLinks
from tests.pod_addresses.conftest import ARNS, INTERFACE, OWNER, addresses

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.pod_addresses.conftest import World

V4, V4B, V6, V6B = "10.0.3.100", "10.0.3.101", "2001:db8:0:3::100", "2001:db8:0:3::101"
DESCRIBE = "DescribeNetworkInterfaces"
OTHER, ANOTHER = "2001:db8:0:3::a", "2001:db8:0:3::b"


@dataclass
class Pod:
    """A pod with a link of an ENI, and its sidecar."""

    world: World
    eni: str
    ready_file: Path
    named: tuple[str, ...] = ()
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.links = FakeLinks(eth0="0a:ff:00:00:00:01", net1=self.world.mac(self.eni))
        self.links.named = self.named
        self.follower = Follower(
            self.links,
            self.world.placing(),
            self.world.say,
            named=self.named,
            ready_file=self.ready_file,
            spread=lambda: 0.5,
            now_s=lambda: self.links.now_s,
        )

    def run(self, *events: object) -> None:
        """Follow while these things happen, one after the other."""
        self.links.ended = False
        self.links.next_events = list(events)  # type: ignore[arg-type]
        self.follower.run(lambda: self.links.ended)

    def end(self, timeout_s: float = 5.0) -> bool:
        """Release at the pod's end, with pauses that cost no time."""
        passed = [0.0]

        def pause(seconds: float) -> None:
            passed[0] += max(seconds, 0.01)
            self.pauses.append(seconds)

        return self.follower.release(Deadline(timeout_s, lambda: passed[0]), pause)


@pytest.fixture
def pod(world: World, tmp_path: Path) -> Pod:
    return Pod(world, world.a, tmp_path / "ready")


def test_an_address_that_appears_is_assigned_and_one_that_vanishes_is_released(pod: Pod) -> None:
    seen = []

    def note() -> None:
        seen.append(pod.world.on(pod.eni))

    def part() -> None:
        note()
        pod.links.remove("net1", V4)

    pod.run(lambda: pod.links.add("net1", V4, V6), part, note)
    assert seen == [{V4, V6}, {V6}]
    assert pod.links.waits == [None, 337.5, 337.5, 337.5], "it sleeps until the kernel tells"


def test_what_is_there_at_the_start_and_assigned_already_is_only_looked_at(pod: Pod) -> None:
    pod.links.have("net1", V4)
    pod.world.put(pod.eni, V4)
    pod.run(*[pod.links.wait_in_vain] * 3)
    assert set(pod.world.calls()) == {"DescribeNetworkInterfaces", "DescribeSubnets"}
    assert pod.world.on(pod.eni) == {V4}
    assert pod.links.waits == [5.625, 33.75, 337.5, 337.5], "twice soon, and then every few minutes"


@pytest.mark.parametrize("looks", [0, 1])
def test_what_another_pod_on_the_eni_gives_up_late_is_assigned_anew(pod: Pod, looks: int) -> None:
    pod.world.put(pod.eni, V4, V6)

    def give_up() -> None:
        for unassign, key, address in (
            (pod.world.ec2.unassign_private_ip_addresses, "PrivateIpAddresses", V4),
            (pod.world.ec2.unassign_ipv6_addresses, "Ipv6Addresses", V6),
        ):
            unassign(NetworkInterfaceId=pod.eni, **{key: [address]})
        pod.links.wait_in_vain()

    pod.run(lambda: pod.links.add("net1", V4, V6), *[pod.links.wait_in_vain] * looks, give_up)
    assert pod.world.on(pod.eni) == {V4, V6}
    assert pod.links.waits[-1] == 337.5, "what it assigned itself is not looked at so soon"


def throttled(world: World) -> None:
    world.account.faults.inject(Fault(DESCRIBE, FaultKind.THROTTLE))


def denied(world: World) -> None:
    world.may([{"Effect": "Allow", "Action": "ec2:DescribeTags", "Resource": "*"}])


@pytest.mark.parametrize(("refuse", "again_s"), [(throttled, 0.275), (denied, 67.5)])
def test_a_late_look_tells_nothing_against_what_was_there(
    pod: Pod, refuse: Callable[[World], None], again_s: float
) -> None:
    pod.links.have("net1", V4)
    pod.world.put(pod.eni, V4)

    def fail() -> None:
        refuse(pod.world)
        pod.links.wait_in_vain()

    def recover() -> None:
        pod.world.may(policy.statements(OWNER, [INTERFACE], ARNS))
        pod.links.wait_in_vain()

    pod.run(fail, recover)
    assert pod.links.waits == [5.625, again_s, 33.75], "the same number of looks as without it"
    events = [event for event, _ in pod.world.said]
    assert events == ["not-ready", "ready", "failed"]


def test_what_another_node_took_over_is_told_and_not_taken_back_by_a_look(pod: Pod) -> None:
    pod.links.have("net1", V4)
    pod.world.put(pod.eni, V4)

    def take_over() -> None:
        pod.world.put(pod.world.b, V4)
        pod.links.wait_in_vain()

    pod.run(take_over)
    assert pod.world.on(pod.world.b) == {V4}
    assert pod.links.waits == [5.625, 33.75], "and looks again soon"
    assert not pod.ready_file.exists()
    told = [facts.items() for event, facts in pod.world.said if event == "elsewhere"]
    assert told == [{"address": addresses(V4)[0], "eni": pod.world.b}.items()]


def test_what_another_node_took_over_and_gave_up_is_assigned_anew(
    world: World, pod: Pod, tmp_path: Path
) -> None:
    peer = Pod(world, world.b, tmp_path / "peer")
    pod.links.have("net1", V4, V6)
    pod.run()
    peer.run(lambda: peer.links.add("net1", V4, V6))
    ready = []

    def look() -> None:
        pod.links.wait_in_vain()
        ready.append(pod.ready_file.exists())

    def give_up() -> None:
        ready.append(pod.ready_file.exists())
        peer.run(lambda: peer.links.remove("net1", V4, V6))
        pod.links.wait_in_vain()

    pod.run(look, give_up)
    assert ready == [True, False]
    assert world.on(pod.eni) == {V4, V6}
    assert pod.ready_file.exists()


def test_a_younger_claim_is_not_overridden_by_trying_an_older_one_again(pod: Pod) -> None:
    pod.world.account.faults.inject(Fault("AssignPrivateIpAddresses", FaultKind.THROTTLE))
    pod.links.have("net1", V4)
    pod.run(lambda: pod.world.put(pod.world.b, V4))
    assert pod.world.on(pod.world.b) == {V4}


def test_nor_by_an_older_one_for_which_there_was_no_room(world: World, tmp_path: Path) -> None:
    full = world.eni(OWNER)
    world.node((full,), "t3.micro")
    world.put(full, V4B)
    pod = Pod(world, full, tmp_path / "ready")
    pod.links.have("net1", V4)

    def claim() -> None:
        world.put(world.b, V4)
        world.ec2.unassign_private_ip_addresses(NetworkInterfaceId=full, PrivateIpAddresses=[V4B])
        pod.links.wait_in_vain()

    pod.run(claim)
    assert world.on(world.b) == {V4}


def test_nor_by_a_look_that_was_denied(pod: Pod) -> None:
    pod.links.have("net1", V4)
    pod.world.put(pod.eni, V4)

    def deny() -> None:
        pod.world.may([{"Effect": "Allow", "Action": "ec2:DescribeTags", "Resource": "*"}])
        pod.links.wait_in_vain()

    def fail_over() -> None:
        pod.world.may(policy.statements(OWNER, [INTERFACE], ARNS))
        pod.world.put(pod.world.b, V4)
        pod.links.wait_in_vain()

    pod.run(deny, fail_over)
    assert pod.world.on(pod.world.b) == {V4}


def test_a_sidecar_that_starts_again_takes_what_came_while_there_was_none(
    world: World, pod: Pod
) -> None:
    pod.run()
    world.put(world.b, V4)
    again = Pod(world, pod.eni, pod.ready_file)
    again.links.have("net1", V4)
    again.run()
    assert world.on(world.a) == {V4}


DENIED = {
    "the look": ["ec2:DescribeTags"],
    "every change": ["ec2:Describe*"],
}


@pytest.mark.parametrize("address", [V4, V6])
@pytest.mark.parametrize("allowed", DENIED.values(), ids=DENIED)
def test_a_fail_over_that_was_denied_at_first_is_made_up_for(
    world: World, tmp_path: Path, address: str, allowed: list[str]
) -> None:
    world.put(world.a, address)
    standby = Pod(world, world.b, tmp_path / "standby", named=("net1",))
    standby.run()

    def come() -> None:
        world.may([{"Effect": "Allow", "Action": allowed, "Resource": "*"}])
        standby.links.add("net1", address)

    def attach() -> None:
        world.may(policy.statements(OWNER, [INTERFACE], ARNS))
        standby.links.wait_in_vain()

    standby.run(come, attach)
    assert world.on(world.b) == {address}


@dataclass
class FullEni:
    """An ENI whose type takes two IPv6 addresses, with as many of somebody else's, and a pod that claims two of a dead node's."""

    pod: Pod

    @classmethod
    def with_ipv6(cls, world: World, tmp_path: Path, *others: str) -> FullEni:
        eni = world.eni(OWNER)
        world.node((eni,), "t3.micro")
        if others:
            world.put(eni, *others)
        world.put(world.b, V6, V6B)
        pod = Pod(world, eni, tmp_path / "ready")
        pod.links.have("net1", V6, V6B)
        return cls(pod)

    def leave(self, address: str) -> None:
        """Let another pod's address leave the ENI, and a minute pass."""
        world = self.pod.world
        world.ec2.unassign_ipv6_addresses(NetworkInterfaceId=self.pod.eni, Ipv6Addresses=[address])
        self.pod.links.wait_in_vain()


def test_a_full_eni_takes_ipv6_addresses_from_the_peer_at_first_and_not_every_minute(
    world: World, tmp_path: Path
) -> None:
    full = FullEni.with_ipv6(world, tmp_path, OTHER, ANOTHER)
    full.pod.run(*[full.pod.links.wait_in_vain] * 10)
    assert world.calls().count("UnassignIpv6Addresses") == 2, "both, and whether one would fit"
    assert world.on(world.b) == {V6, V6B}
    assert not full.pod.ready_file.exists()


def test_room_that_comes_on_a_full_eni_is_taken_for_ipv6_addresses_of_a_dead_node(
    world: World, tmp_path: Path
) -> None:
    full = FullEni.with_ipv6(world, tmp_path, OTHER, ANOTHER)
    seen = []

    def note() -> None:
        seen.append((world.on(full.pod.eni), world.on(world.b)))

    full.pod.run(lambda: full.leave(OTHER), note, lambda: full.leave(ANOTHER), note)
    assert seen == [({ANOTHER, V6}, {V6B}), ({V6, V6B}, set())]
    assert full.pod.ready_file.exists()
    assert world.calls().count("UnassignIpv6Addresses") == 4, "two in vain, and one for each"


def test_of_two_ipv6_addresses_the_one_that_an_eni_has_room_for_moves(
    world: World, tmp_path: Path
) -> None:
    full = FullEni.with_ipv6(world, tmp_path, OTHER)
    full.pod.run(*[full.pod.links.wait_in_vain] * 3)
    assert (world.on(full.pod.eni), world.on(world.b)) == ({OTHER, V6}, {V6B})
    failed = [told for event, told in world.said if event == "failed"]
    assert {told["addresses"] for told in failed} == {addresses(V6B)}
    assert {told["error"].code for told in failed} == {"quota-reached"}


def test_room_that_came_is_not_taken_for_what_a_younger_claim_has(
    world: World, tmp_path: Path
) -> None:
    full = FullEni.with_ipv6(world, tmp_path, OTHER, ANOTHER)

    def claim() -> None:
        for eni, call in ((world.b, "unassign"), (world.a2, "assign")):
            act = getattr(world.ec2, f"{call}_ipv6_addresses")
            act(NetworkInterfaceId=eni, Ipv6Addresses=[V6, V6B])
        full.leave(OTHER)

    full.pod.run(claim)
    assert world.on(world.a2) == {V6, V6B}


def test_rights_that_are_taken_away_end_no_sidecar_that_has_looked_before(pod: Pod) -> None:
    pod.links.have("net1", V4)
    pod.run()

    def deny() -> None:
        pod.world.may([{"Effect": "Allow", "Action": "ec2:DescribeTags", "Resource": "*"}])
        pod.links.plug("net2", pod.world.mac(pod.world.a2), V4B)

    def allow() -> None:
        assert not pod.ready_file.exists()
        pod.world.may(policy.statements(OWNER, [INTERFACE], ARNS))

    pod.run(deny, allow)
    assert pod.world.on(pod.world.a2) == {V4B}


def test_room_that_comes_on_a_full_eni_is_taken_within_a_minute_or_so(
    world: World, tmp_path: Path
) -> None:
    full = world.eni(OWNER)
    world.node((full,), "t3.micro")
    world.put(full, V4)
    pod = Pod(world, full, tmp_path / "ready")
    pod.links.have("net1", V4B)
    ready = []

    def make_room() -> None:
        ready.append(pod.ready_file.exists())
        world.ec2.unassign_private_ip_addresses(NetworkInterfaceId=full, PrivateIpAddresses=[V4])
        pod.links.wait_in_vain()

    pod.run(pod.links.wait_in_vain, make_room, lambda: ready.append(pod.ready_file.exists()))
    assert pod.links.waits == [67.5, 67.5, 337.5, 337.5]
    assert ready == [False, True]
    assert world.on(full) == {V4B}


def test_what_was_refused_and_is_not_there_any_more_keeps_nobody_from_being_ready(pod: Pod) -> None:
    pod.world.put(pod.world.foreign, V4)
    pod.links.have("net1", V4)
    ready = []

    def unheard() -> None:
        ready.append(pod.ready_file.exists())
        pod.links.remove("net1", V4)
        pod.links.overflow()

    pod.run(unheard, lambda: ready.append(pod.ready_file.exists()))
    assert ready == [False, True]
    assert pod.links.waits == [67.5, None, None]


def test_a_release_that_is_denied_is_tried_again_until_it_is_allowed(pod: Pod) -> None:
    pod.links.have("net1", V4)
    allowed = policy.statements(OWNER, [INTERFACE], ARNS)

    def deny() -> None:
        pod.world.may([{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}])
        pod.links.remove("net1", V4)

    def allow() -> None:
        assert pod.world.on(pod.eni) == {V4}
        pod.world.may(allowed)
        pod.links.wait_in_vain()

    pod.run(deny, pod.links.wait_in_vain, allow)
    assert pod.world.on(pod.eni) == set()


def test_an_address_that_another_node_took_over_is_not_taken_back(pod: Pod) -> None:
    pod.links.have("net1", V4)
    pod.run(
        lambda: pod.world.put(pod.world.b, V4),
        lambda: pod.links.add("net1", V4B),
        pod.links.overflow,
        lambda: pod.links.remove("net1", V4B),
    )
    assert (pod.world.on(pod.eni), pod.world.on(pod.world.b)) == (set(), {V4})
    assert pod.end()
    assert pod.world.on(pod.world.b) == {V4}, "the end takes it from nobody either"


def test_an_address_that_is_put_on_the_link_once_more_is_taken_back(pod: Pod) -> None:
    pod.links.have("net1", V4)
    pod.run(lambda: pod.world.put(pod.world.b, V4), lambda: pod.links.add("net1", V4))
    assert pod.world.on(pod.eni) == {V4}


def test_after_lost_events_everything_is_read_anew(pod: Pod) -> None:
    pod.links.have("net1", V4)

    def unheard() -> None:
        pod.links.remove("net1", V4)
        pod.links.add("net1", V4B)
        pod.links.overflow()

    pod.run(unheard)
    assert pod.world.on(pod.eni) == {V4B}


def test_a_link_that_is_plugged_in_later_is_followed(pod: Pod) -> None:
    pod.run(lambda: pod.links.plug("net2", pod.world.mac(pod.world.a2), V4))
    assert pod.world.on(pod.world.a2) == {V4}


def test_only_named_links_count(world: World, tmp_path: Path) -> None:
    pod = Pod(world, world.a, tmp_path / "ready", named=("net1",))
    pod.links.plug("net2", world.mac(world.a2), V4B)
    pod.links.have("net1", V4)
    pod.run()
    assert (world.on(world.a), world.on(world.a2)) == ({V4}, set())


def test_of_two_links_of_one_eni_the_named_one_counts(world: World, tmp_path: Path) -> None:
    pod = Pod(world, world.a, tmp_path / "ready", named=("net1",))
    world.put(world.a, V4B)
    pod.links.plug("net2", world.mac(world.a), V4B)
    pod.links.have("net1", V4)
    pod.run(lambda: pod.links.add("net2", V6))
    assert world.on(world.a) == {V4, V4B}
    assert pod.end()
    assert world.on(world.a) == {V4B}, "whose it is, is for somebody else to say"


def test_the_end_releases_what_the_links_have_but_the_primary_address(pod: Pod) -> None:
    pod.links.have("net1", V4, V6, pod.world.primary(pod.eni))
    pod.run()
    assert pod.ready_file.exists()
    assert pod.end()
    assert pod.world.on(pod.eni) == set()
    assert not pod.ready_file.exists()


def test_throttled_it_waits_and_tries_again_and_is_not_ready_meanwhile(pod: Pod) -> None:
    pod.world.account.faults.inject(Fault("AssignPrivateIpAddresses", FaultKind.THROTTLE, times=2))
    pod.links.have("net1", V4)
    ready = []
    note = lambda: ready.append(pod.ready_file.exists())  # noqa: E731 - one line, used three times
    pod.run(note, note, note)
    assert ready == [False, False, True]
    assert pod.links.waits == [0.275, 0.55, 337.5, 337.5]
    assert pod.world.on(pod.eni) == {V4}


def test_a_throttled_look_at_the_start_is_tried_again(pod: Pod) -> None:
    pod.world.account.faults.inject(Fault("DescribeNetworkInterfaces", FaultKind.THROTTLE))
    pod.links.have("net1", V4)
    pod.run(lambda: None, lambda: None)
    assert pod.world.on(pod.eni) == {V4}


def test_a_look_that_is_denied_ends_it_and_it_was_never_ready(pod: Pod) -> None:
    pod.world.may([{"Effect": "Allow", "Action": "ec2:DescribeTags", "Resource": "*"}])
    pod.links.have("net1", V4)
    with pytest.raises(AccessDenied):
        pod.run()
    assert [event for event, _ in pod.world.said] == ["not-ready"]


def test_it_is_not_ready_while_a_link_that_counts_is_not_there(
    world: World, tmp_path: Path
) -> None:
    pod = Pod(world, world.a, tmp_path / "ready", named=("net1", "net2"))
    ready = []

    def note() -> None:
        ready.append(pod.ready_file.exists())

    def plug() -> None:
        note()
        pod.links.plug("net2", world.mac(world.a2), V4)

    pod.run(lambda: pod.links.add("net1", V4B), plug, note)
    assert ready == [False, True]
    assert world.on(world.a2) == {V4}


@pytest.mark.parametrize("named", [("net1",), ()], ids=["named", "the only one"])
def test_an_eni_that_gets_the_owner_tag_later_is_found(
    world: World, tmp_path: Path, named: tuple[str, ...]
) -> None:
    eni = world.eni(None)
    pod = Pod(world, eni, tmp_path / "ready", named=named)
    pod.links.have("net1", V4)

    def tag() -> None:
        tagged = [{"Key": tags.OWNER, "Value": OWNER}, {"Key": tags.INTERFACE, "Value": INTERFACE}]
        world.ec2.create_tags(Resources=[eni], Tags=tagged)
        pod.links.wait_in_vain()

    pod.run(pod.links.wait_in_vain, tag)
    assert pod.links.waits == [67.5, 67.5, 337.5]
    assert world.on(eni) == {V4}
    assert pod.ready_file.exists()


def test_what_cannot_be_assigned_is_told_once_and_tried_at_the_next_event(pod: Pod) -> None:
    pod.world.put(pod.world.foreign, V4)
    pod.links.have("net1", V4, V4B)
    ready = []

    def free() -> None:
        pod.world.ec2.unassign_private_ip_addresses(
            NetworkInterfaceId=pod.world.foreign, PrivateIpAddresses=[V4]
        )
        pod.links.add("net1", V4)

    pod.run(
        lambda: ready.append(pod.ready_file.exists()),
        lambda: pod.links.remove("net1", V4B),
        free,
        lambda: ready.append(pod.ready_file.exists()),
    )
    failed = [told for event, told in pod.world.said if event == "failed"]
    assert [told["error"].code for told in failed] == ["address-foreign"]
    assert ready == [False, True]
    assert pod.world.on(pod.eni) == {V4}


def test_a_release_that_is_throttled_is_tried_until_its_time_is_up(pod: Pod) -> None:
    pod.links.have("net1", V4)
    pod.run()
    pod.world.account.faults.inject(
        Fault("UnassignPrivateIpAddresses", FaultKind.THROTTLE, times=3)
    )
    assert pod.end(timeout_s=60.0)
    assert len(pod.pauses) == 3
    assert pod.world.on(pod.eni) == set()


def test_a_release_that_cannot_be_is_told(pod: Pod) -> None:
    pod.links.have("net1", V4)
    pod.run()
    pod.world.account.faults.inject(
        Fault("UnassignPrivateIpAddresses", FaultKind.THROTTLE, times=None)
    )
    assert not pod.end(timeout_s=3.0)
    assert pod.world.on(pod.eni) == {V4}


def test_the_end_looks_first_if_nothing_was_seen_yet(pod: Pod) -> None:
    """What the init container assigned is the sidecar's to release."""
    pod.links.have("net1", V4)
    pod.world.put(pod.eni, V4)
    pod.world.account.faults.inject(Fault(DESCRIBE, FaultKind.THROTTLE, times=3))
    pod.run()
    assert pod.end(timeout_s=60.0)
    assert len(pod.pauses) == 2
    assert pod.world.on(pod.eni) == set()


@pytest.mark.parametrize("last", ["assign_ipv4", "holders", "assign_ipv6"])
def test_told_to_stop_it_begins_no_further_call_that_assigns_and_releases_what_there_is(
    pod: Pod, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """Of four addresses on two ENIs; a move that has begun is ended."""
    world, ec2 = pod.world, pod.follower._placing._ec2
    world.put(world.b, V6, V6B)
    pod.links.have("net1", V4, V6)
    pod.links.plug("net2", world.mac(world.a2), V4B, V6B)
    call = getattr(ec2, last)

    def stop(*given: Any, **more: Any) -> Any:  # noqa: ANN401 - as the call's
        pod.links.ended = True
        return call(*given, **more)

    monkeypatch.setattr(ec2, last, stop)
    pod.run()
    begun = {"assign_ipv4": 1, "holders": 0, "assign_ipv6": 2}[last]
    assigned = [action for action in world.calls() if action.startswith("Assign")]
    assert assigned == ["AssignPrivateIpAddresses", "AssignIpv6Addresses"][:begun]
    assert pod.end()
    assert (world.on(world.a), world.on(world.a2)) == (set(), set())
    assert len(world.on(world.b)) == (1 if begun == 2 else 2)


def test_an_end_before_ec2_ever_told_is_no_release(pod: Pod) -> None:
    pod.links.have("net1", V4)
    pod.world.put(pod.eni, V4)
    pod.world.account.faults.inject(Fault(DESCRIBE, FaultKind.THROTTLE, times=None))
    pod.run()
    assert not pod.end(timeout_s=3.0)


def test_the_end_releases_what_came_while_a_look_was_due_and_what_was_known_if_there_is_none(
    pod: Pod,
) -> None:
    pod.links.have("net1", V4)

    def come() -> None:
        pod.links.plug("net2", pod.world.mac(pod.world.a2), V4B)
        pod.world.put(pod.world.a2, V4B)
        throttled(pod.world)

    pod.run(come)
    pod.world.account.faults.inject(Fault(DESCRIBE, FaultKind.THROTTLE))
    assert pod.end(timeout_s=60.0)
    assert (pod.world.on(pod.eni), pod.world.on(pod.world.a2)) == (set(), set())


def test_a_fail_over_takes_a_look_and_a_call(pod: Pod, world: World, tmp_path: Path) -> None:
    standby = Pod(world, world.b, tmp_path / "standby")
    pod.links.have("net1", V4)
    pod.run()
    standby.run()
    world.account.calls.clear()
    standby.run(lambda: standby.links.add("net1", V4))
    assert world.on(world.b) == {V4}
    assert world.calls() == ["DescribeNetworkInterfaces", "AssignPrivateIpAddresses"]


def test_an_event_is_told_in_values_that_json_has() -> None:
    told = facts([("addresses", addresses(V4)), ("eni", "eni-1"), ("source", "")])
    assert told == {"addresses": [V4], "eni": "eni-1"}
    assert facts([("error", Throttled("slow"))]) == {
        "error_code": "throttled",
        "retryable": True,
        "message": "throttled: slow.",
    }


def test_a_look_at_a_new_link_that_is_denied_is_tried_again_once_a_minute(pod: Pod) -> None:
    world = pod.world

    def plug() -> None:
        denied(world)
        pod.links.plug("net2", world.mac(world.a2), V4B)

    pod.run(lambda: pod.links.add("net1", V4), plug, *[pod.links.wait_in_vain] * 2)
    assert pod.links.waits[-2:] == [67.5, 67.5]
    assert not pod.ready_file.exists()
    assert not pod.end()
    assert not pod.pauses, "nothing is waited for that will not come"


def test_a_ready_file_that_cannot_be_made_keeps_no_address_from_being_assigned_and_released(
    world: World, tmp_path: Path
) -> None:
    """Its folder is gone, as a volume's that is full lets nobody make a file either."""
    pod = Pod(world, world.a, tmp_path / "gone" / "ready")
    pod.links.have("net1", V4)

    def come_back() -> None:
        pod.ready_file.parent.mkdir()
        pod.links.wait_in_vain()

    pod.run(lambda: pod.links.add("net1", V4B), come_back, lambda: None)
    assert pod.links.waits == [67.5, 67.5, 270.0, 270.0]
    assert [event for event, _ in world.said if "ready" in event] == ["not-ready", "ready"]
    assert pod.ready_file.exists()
    pod.ready_file.unlink()
    pod.ready_file.mkdir()
    assert pod.end()
    assert world.on(pod.eni) == set()
    failed = [told["error"].code for event, told in world.said if event == "failed"]
    assert set(failed) == {"ready-file-unusable"}


def stuck(pod: Pod, refuse: Callable[[World], None], waits: int) -> list[str]:
    """Return what is said while so many waits pass, from when a pod with two addresses is refused what it needs."""
    pod.links.have("net1", V4, V6)
    pod.run(*[lambda: refuse(pod.world), lambda: pod.links.add("net1", V4B)])
    pod.world.said.clear()
    pod.run(*[pod.links.wait_in_vain] * waits)
    return [event for event, _ in pod.world.said]


def outage(world: World) -> None:
    world.account.faults.inject(Fault(DESCRIBE, FaultKind.THROTTLE, times=None))


@pytest.mark.parametrize(("refuse", "tries"), [(outage, 80), (denied, 10)])
def test_what_is_wrong_for_long_is_said_every_five_minutes_or_so(
    pod: Pod, refuse: Callable[[World], None], tries: int
) -> None:
    """Once for the address that came, and once for what was there, of which a look is due."""
    said = stuck(pod, refuse, tries)
    assert pod.links.now_s > 600.0
    assert 1 <= said.count("failed") <= 2 * pod.links.now_s / 300.0


def test_what_is_well_and_goes_wrong_again_is_said_at_once(pod: Pod) -> None:
    pod.links.have("net1", V4)
    pod.world.put(pod.eni, V4)

    def slow() -> None:
        throttled(pod.world)
        pod.links.wait_in_vain()

    pod.run(slow, pod.links.wait_in_vain, slow)
    assert [event for event, _ in pod.world.said].count("failed") == 2
    assert pod.links.now_s < 60.0


def test_an_address_that_another_pod_keeps_is_told_every_five_minutes_or_so(pod: Pod) -> None:
    pod.links.have("net1", V4)
    pod.run()
    pod.world.put(pod.world.b, V4)
    pod.run(*[pod.links.wait_in_vain] * 31)
    told = [event for event, _ in pod.world.said if event == "elsewhere"]
    assert pod.links.now_s > 1200.0
    assert len(told) == 4
