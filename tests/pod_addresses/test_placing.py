"""Addresses against EC2: assigned, moved, released, refused, and half-way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from domain import errors, tags
from domain.pods import policy
from domain.pods.errors import AddressBetween, AddressForeign
from domain.pods.following import PodLink
from localaws.faults import Fault, FaultKind
from pod_addresses.placing import Outcome
from tests.pod_addresses.conftest import ARNS, INTERFACE, OWNER, addresses

if TYPE_CHECKING:
    from domain.errors import EniLifecycleError
    from pod_addresses.placing import Placing
    from tests.pod_addresses.conftest import World

V4, V4B, V6 = "10.0.3.100", "10.0.3.101", "2001:db8:0:3::100"
DESCRIBE, ASSIGN4, UNASSIGN4 = (
    "DescribeNetworkInterfaces",
    "AssignPrivateIpAddresses",
    "UnassignPrivateIpAddresses",
)
ASSIGN6, UNASSIGN6 = "AssignIpv6Addresses", "UnassignIpv6Addresses"


def at(world: World, eni: str) -> Placing:
    """Return who assigns in a pod with a link of this ENI, with its calls so far forgotten."""
    placing = world.placing()
    assert placing.learn([PodLink(2, "net1", world.mac(eni))]) == ()
    world.account.calls.clear()
    return placing


def assign(world: World, eni: str, *texts: str) -> Outcome:
    """Assign as a pod with a link of this ENI would."""
    placing = at(world, eni)
    return placing.assign(placing.homes[world.mac(eni)], addresses(*texts))


def release(world: World, eni: str, *texts: str) -> Outcome:
    """Release as a pod with a link of this ENI would."""
    placing = at(world, eni)
    return placing.release(placing.homes[world.mac(eni)], addresses(*texts))


def only_error(outcome: Outcome) -> EniLifecycleError:
    """Return the one error."""
    (failure,) = outcome.failures
    return failure.error


def test_free_addresses_are_assigned_with_one_call_per_family(world: World) -> None:
    outcome = assign(world, world.a, V4, V4B, V6)
    assert (outcome.assigned, outcome.failures) == (addresses(V4, V4B, V6), ())
    assert world.on(world.a) == {V4, V4B, V6}
    assert world.calls() == [DESCRIBE, DESCRIBE, ASSIGN4, ASSIGN6]
    assert "AllowReassignment" not in world.account.calls.of_action(ASSIGN4)[0].params


def test_of_two_enis_in_one_subnet_the_links_own_gets_the_address(world: World) -> None:
    assign(world, world.a2, V4)
    assert (world.on(world.a), world.on(world.a2)) == (set(), {V4})


def test_what_is_there_already_takes_one_look(world: World) -> None:
    world.put(world.a, V4)
    assert assign(world, world.a, V4).done == addresses(V4)
    assert world.calls() == [DESCRIBE]


def test_an_ipv4_address_moves_in_one_call(world: World) -> None:
    world.put(world.b, V4)
    assert assign(world, world.a, V4, V4B).done == addresses(V4, V4B)
    assert (world.on(world.a), world.on(world.b)) == ({V4, V4B}, set())
    assert world.calls() == [DESCRIBE, ASSIGN4]
    assert (
        "assigned",
        {"address": addresses(V4)[0], "eni": world.a, "source": world.b},
    ) in world.said


def test_an_ipv6_address_is_taken_and_given(world: World) -> None:
    world.put(world.b, V6)
    assert assign(world, world.a, V6).done == addresses(V6)
    assert (world.on(world.a), world.on(world.b)) == ({V6}, set())
    assert world.calls() == [DESCRIBE, UNASSIGN6, ASSIGN6]


@pytest.mark.parametrize("where", ["foreign", "primary"])
def test_an_address_that_is_not_ours_to_take_stays_and_keeps_nothing_else_back(
    world: World, where: str
) -> None:
    if where == "foreign":
        taken = V4B
        world.put(world.foreign, V4B)
    else:
        taken = world.primary(world.b)
    outcome = assign(world, world.a, V4, taken)
    assert isinstance(only_error(outcome), AddressForeign)
    assert not only_error(outcome).retryable
    assert (outcome.done, world.on(world.a)) == (addresses(V4), {V4})


def test_one_address_that_ec2_refuses_keeps_no_other_from_being_assigned(world: World) -> None:
    outcome = assign(world, world.a, V4, "10.99.0.1", V6)
    assert sorted(outcome.done, key=str) == sorted(addresses(V4, V6), key=str)
    assert [failure.addresses for failure in outcome.failures] == [addresses("10.99.0.1")]
    assert world.on(world.a) == {V4, V6}


@pytest.mark.parametrize(
    ("code", "retryable"),
    [("InvalidIPAddress.InUse", True), ("IncorrectState", True), ("Address.Peculiar", False)],
)
def test_one_address_that_is_refused_with_another_code_keeps_no_other_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch, code: str, retryable: bool
) -> None:
    """EC2 documents no code for each reason that an address cannot be given for; a call is refused as a whole."""
    placing = at(world, world.a)
    home, usual = placing.homes[world.mac(world.a)], placing._ec2.assign_ipv4

    def peculiar(eni: str, asked: Any, *, reassign: bool) -> None:  # noqa: ANN401 - addresses
        if addresses(V4B)[0] in asked:
            world.account.faults.inject(Fault(ASSIGN4, FaultKind.ERROR, code=code))
        usual(eni, asked, reassign=reassign)

    monkeypatch.setattr(placing._ec2, "assign_ipv4", peculiar)
    outcome = placing.assign(home, addresses(V4, V4B, V6))
    assert only_error(outcome).retryable == retryable
    assert outcome.failed == addresses(V4B)
    assert world.on(world.a) == {V4, V6}


def test_an_address_of_another_interface_of_the_stack_is_not_taken(world: World) -> None:
    """The node of that one may have given it to a pod."""
    world.ec2.create_tags(Resources=[world.b], Tags=[{"Key": tags.INTERFACE, "Value": "n4"}])
    world.ec2.assign_private_ip_addresses(NetworkInterfaceId=world.b, PrivateIpAddresses=[V4])
    error = only_error(assign(world, world.a, V4))
    assert isinstance(error, AddressForeign)
    assert "of another interface (n4)" in str(error)
    assert V4 in world.on(world.b)


def test_an_address_that_is_taken_between_look_and_call_can_be_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    placing = at(world, world.a)
    home, usual = placing.homes[world.mac(world.a)], placing._ec2.assign_ipv4

    def late(eni: str, asked: Any, *, reassign: bool) -> None:  # noqa: ANN401 - addresses
        monkeypatch.setattr(placing._ec2, "assign_ipv4", usual)
        world.ec2.assign_private_ip_addresses(NetworkInterfaceId=world.b, PrivateIpAddresses=[V4])
        usual(eni, asked, reassign=reassign)

    monkeypatch.setattr(placing._ec2, "assign_ipv4", late)
    error = only_error(placing.assign(home, addresses(V4)))
    assert isinstance(error, errors.WrongState)
    assert error.retryable
    assert placing.assign(home, addresses(V4)).done == addresses(V4)
    assert V4 in world.on(world.a)


def test_an_ipv6_address_goes_back_when_it_cannot_be_given(world: World) -> None:
    world.put(world.b, V6)
    world.account.faults.inject(
        Fault(ASSIGN6, FaultKind.ERROR, code="PrivateIpAddressLimitExceeded")
    )
    error = only_error(assign(world, world.a, V6))
    assert isinstance(error, errors.QuotaReached)
    assert (world.on(world.a), world.on(world.b)) == (set(), {V6})
    assert world.calls() == [DESCRIBE, UNASSIGN6, ASSIGN6, ASSIGN6, DESCRIBE]
    assert world.said == [
        ("rolled-back", {"addresses": addresses(V6), "eni": world.b, "error": "quota-reached"})
    ]


def test_an_ipv6_address_that_cannot_go_back_is_told_and_the_next_try_assigns_it(
    world: World,
) -> None:
    world.put(world.b, V6)
    world.account.faults.inject(Fault(ASSIGN6, FaultKind.ERROR, times=2, code="InternalError"))
    error = only_error(assign(world, world.a, V6))
    assert isinstance(error, AddressBetween)
    assert error.retryable
    assert world.b in str(error)
    assert world.a in str(error)
    assert error.value.count("InternalError") == 2
    assert assign(world, world.a, V6).done == addresses(V6)
    assert world.on(world.a) == {V6}


@pytest.mark.parametrize("action", [UNASSIGN6, ASSIGN6])
def test_an_answer_that_is_lost_half_way_is_found_out_by_the_next_try(
    world: World, action: str
) -> None:
    world.put(world.b, V6)
    world.account.faults.inject(Fault(action, FaultKind.LOST_ANSWER))
    error = only_error(assign(world, world.a, V6))
    assert error.retryable
    assert assign(world, world.a, V6).done == addresses(V6)
    assert (world.on(world.a), world.on(world.b)) == ({V6}, set())


@pytest.mark.parametrize("action", [DESCRIBE, ASSIGN4])
def test_throttling_can_be_tried_again(world: World, action: str) -> None:
    placing = at(world, world.a)
    home = placing.homes[world.mac(world.a)]
    world.account.faults.inject(Fault(action, FaultKind.THROTTLE))
    assert isinstance(only_error(placing.assign(home, addresses(V4))), errors.Throttled)
    assert placing.assign(home, addresses(V4)).done == addresses(V4)


def test_a_role_without_the_right_is_told_what_it_lacks(world: World) -> None:
    world.may(policy.statements("MultusEni-other", [INTERFACE], ARNS))
    error = only_error(assign(world, world.a, V4))
    assert isinstance(error, errors.AccessDenied)
    assert (ASSIGN4 in str(error), "pod-address-policy" in error.remedy) == (True, True)  # type: ignore[attr-defined]
    assert world.on(world.a) == set()


def test_an_eni_that_is_full_is_told(world: World) -> None:
    world.put(world.a, *(f"10.0.3.{number}" for number in range(110, 119)))
    error = only_error(assign(world, world.a, V4))
    assert isinstance(error, errors.QuotaReached)
    assert "takes no more addresses" in error.remedy  # type: ignore[attr-defined]


def test_expired_credentials_are_asked_for_anew(world: World) -> None:
    placing = at(world, world.a)
    home, asked = placing.homes[world.mac(world.a)], len(world.agent.asked)
    world.account.faults.inject(Fault(ASSIGN4, FaultKind.ERROR, code="ExpiredToken"))
    assert only_error(placing.assign(home, addresses(V4))).retryable
    assert placing.assign(home, addresses(V4)).done == addresses(V4)
    assert len(world.agent.asked) == asked + 1


def test_what_is_on_the_eni_is_released_and_nothing_else(world: World) -> None:
    world.put(world.a, V4, V6)
    world.put(world.b, V4B)
    primary = world.primary(world.a)
    assert set(release(world, world.a, V4, V4B, V6, primary).done) == set(
        addresses(V4, V4B, V6, primary)
    )
    assert (world.on(world.a), world.on(world.b)) == (set(), {V4B})
    assert world.calls() == [DESCRIBE, DESCRIBE, UNASSIGN4, UNASSIGN6]
    assert release(world, world.a, V4, V6).failures == (), "a second time finds nothing to do"


@pytest.mark.parametrize("texts", [(V4,), (V4, V4B)], ids=["all", "some"])
def test_an_address_that_leaves_between_look_and_release_is_no_failure(
    world: World, texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put(world.a, *texts)
    placing = at(world, world.a)
    home, ec2 = placing.homes[world.mac(world.a)], placing._ec2
    unassign = ec2.unassign_ipv4

    def late(eni_id: str, released: tuple[object, ...]) -> None:
        world.put(world.b, V4)
        unassign(eni_id, released)  # type: ignore[arg-type]

    monkeypatch.setattr(ec2, "unassign_ipv4", late)
    outcome = placing.release(home, addresses(*texts))
    if len(texts) == 1:
        assert outcome == Outcome(addresses(V4))
    else:
        assert only_error(outcome).retryable
        monkeypatch.undo()
        assert placing.release(home, addresses(*texts)).failures == ()
    assert (world.on(world.a), world.on(world.b)) == (set(), {V4})


def test_the_enis_of_links_are_found_once_by_owner_and_mac_address(world: World) -> None:
    placing = world.placing()
    links = [
        PodLink(1, "lo", "00:00:00:00:00:00"),
        PodLink(2, "eth0", "0a:ff:00:00:00:01"),
        PodLink(3, "net1", world.mac(world.a)),
        PodLink(4, "net2", world.mac(world.foreign)),
    ]
    assert placing.learn(links) == ()
    assert [home.eni_id for home in placing.homes.values()] == [world.a]
    (home,) = placing.homes.values()
    assert set(map(str, home.networks)) == {"10.0.3.0/24", "2001:db8:0:3::/64"}
    assert world.calls() == [DESCRIBE, "DescribeSubnets"]
    placing.learn(links)
    assert len(world.calls()) == 2
    assert [error.code for error in world.placing().learn(links, ["net2", "net9"])] == [
        "link-unknown",
        "link-unknown",
    ]


def test_a_link_that_comes_later_is_no_news_of_one_that_was_found(world: World) -> None:
    placing = at(world, world.a)
    links = [PodLink(2, "net1", world.mac(world.a)), PodLink(3, "vip0", "02:00:00:00:00:99")]
    assert placing.learn(links, ["net1"]) == ()
    assert world.calls() == []


def test_the_pods_role_may_place_on_its_stacks_enis_alone(world: World) -> None:
    assert OWNER in str(policy.statements(OWNER, [INTERFACE], ARNS))
    placing = at(world, world.a)
    for action in (
        placing._ec2.assign_ipv6,
        placing._ec2.unassign_ipv6,
        placing._ec2.unassign_ipv4,
    ):
        with pytest.raises(errors.AccessDenied):
            action(world.foreign, addresses(V6 if "6" in action.__name__ else V4))
    with pytest.raises(errors.AccessDenied):
        placing._ec2.assign_ipv4(world.foreign, addresses(V4), reassign=False)
