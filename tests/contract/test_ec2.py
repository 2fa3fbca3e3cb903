"""What the reconcilers rely on in EC2, held against the fake and the adapter alike."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from domain import tags
from domain.config import Ipv4Mode
from domain.errors import (
    AddressTaken,
    AttachmentLimitReached,
    DeviceIndexTaken,
    EniLifecycleError,
    NotYetVisible,
    SpecRejected,
    SubnetExhausted,
    TokenSpent,
    WrongState,
)
from domain.model import (
    AttachmentId,
    AttachmentStatus,
    EniId,
    EniStatus,
    GroupName,
    InstanceId,
    InstanceState,
    SecurityGroupId,
    SubnetId,
    VpcId,
)
from domain.plan import Create

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.model import NetworkInterface, SubnetUse
    from tests.contract.conftest import Leg
    from tests.fakes.builders import Builders

pytestmark = pytest.mark.contract

NODE = InstanceId("i-0a1b2c3d4e5f60718")


class Requests:
    """Creates for one node, and what comes of them."""

    def __init__(self, leg: Leg, build: Builders) -> None:
        self.leg = leg
        self.build = build

    def request(
        self,
        interface: str = "n3",
        *,
        subnet: str = "a",
        address: str | None = None,
        generation: int = 0,
        instance_id: InstanceId = NODE,
    ) -> Create:
        """Return a create for an interface of a node."""
        mode = Ipv4Mode.AUTO if address is None else Ipv4Mode.FROM_START
        return Create(
            spec=self.build.spec(interface, ipv4=mode),
            instance_id=instance_id,
            subnet_id=self.leg.subnets[subnet],
            security_group_ids=(self.leg.security_group,),
            launched_at=self.build.launched_at,
            tags=self.build.tags(interface, instance_id),
            address=address,
            generation=generation,
        )

    def create(
        self,
        interface: str = "n3",
        *,
        subnet: str = "a",
        address: str | None = None,
        instance_id: InstanceId = NODE,
    ) -> EniId:
        """Create a network interface and wait until it is visible."""
        request = self.request(interface, subnet=subnet, address=address, instance_id=instance_id)
        eni_id = self.leg.ec2.create(request)
        self.leg.clock.wait(1.0)
        return eni_id

    def attach(self, instance_id: InstanceId, device_index: int = 1) -> EniId:
        """Create a network interface and attach it."""
        eni_id = self.create(f"n{device_index}", instance_id=instance_id)
        self.leg.ec2.attach(eni_id, instance_id, device_index, 0)
        self.leg.clock.wait(2.0)
        return eni_id

    def show(self, eni_id: EniId) -> NetworkInterface:
        """Return a network interface as it is listed."""
        (eni,) = [
            each for each in self.leg.ec2.list_interfaces(self.build.owner) if each.eni_id == eni_id
        ]
        return eni


@pytest.fixture
def enis(leg: Leg, build: Builders) -> Requests:
    """Return short ways to make network interfaces."""
    return Requests(leg, build)


# Creating.


def test_a_network_interface_is_as_it_was_asked_for(
    leg: Leg, build: Builders, enis: Requests
) -> None:
    eni = enis.show(enis.create())
    assert (eni.status, eni.attachment) == (EniStatus.AVAILABLE, None)
    assert (eni.subnet_id, eni.availability_zone) == (leg.subnets["a"], build.zone)
    assert eni.security_group_ids == {leg.security_group}
    assert eni.source_dest_check
    assert dict(eni.tags) == dict(build.tags("n3"))
    assert len(eni.ipv4_addresses) == 1
    assert eni.mac_address


def test_a_chosen_address_is_taken(enis: Requests) -> None:
    eni = enis.show(enis.create(address="10.0.0.9"))
    assert eni.ipv4_addresses == ("10.0.0.9",)


def use_of(leg: Leg, subnet: str, owner: str = "MultusEni-example") -> SubnetUse:
    """Return who is in one subnet."""
    subnet_id = leg.subnets[subnet]
    return leg.ec2.list_subnet_interfaces([subnet_id], owner)[subnet_id]


def test_a_new_network_interface_is_unknown_for_a_moment(leg: Leg, enis: Requests) -> None:
    node = leg.run_instance()
    eni_id = leg.ec2.create(enis.request())
    assert leg.ec2.list_interfaces("MultusEni-example") == []
    unseen = use_of(leg, "a")
    assert (unseen.addresses, unseen.ours) == (frozenset(), ())
    with pytest.raises(NotYetVisible):
        leg.ec2.attach(eni_id, node, 1, 0)
    leg.clock.wait(1.0)
    leg.ec2.attach(eni_id, node, 1, 0)


def test_the_same_request_twice_is_one_network_interface(leg: Leg, enis: Requests) -> None:
    assert leg.ec2.create(enis.request()) == leg.ec2.create(enis.request())
    leg.clock.wait(1.0)
    assert leg.ec2.create(enis.request()) == leg.ec2.create(enis.request())
    assert len(leg.ec2.list_interfaces("MultusEni-example")) == 1


def test_another_generation_is_another_network_interface(leg: Leg, enis: Requests) -> None:
    assert leg.ec2.create(enis.request()) != leg.ec2.create(enis.request(generation=1))


def test_another_address_is_another_request(leg: Leg, enis: Requests) -> None:
    first = leg.ec2.create(enis.request(address="10.0.0.9"))
    assert leg.ec2.create(enis.request(address="10.0.0.10")) != first


@pytest.mark.parametrize("change", ["tags", "subnet"])
def test_a_token_used_for_another_request_is_refused(leg: Leg, enis: Requests, change: str) -> None:
    first = enis.request()
    leg.ec2.create(first)
    other = (
        dataclasses.replace(first, tags={**first.tags, "more": "1"})
        if change == "tags"
        else dataclasses.replace(first, subnet_id=leg.subnets["b"])
    )
    assert other.client_token == first.client_token
    with pytest.raises(TokenSpent, match="IdempotentParameterMismatch"):
        leg.ec2.create(other)


def test_a_token_answers_with_what_it_made_even_when_that_is_deleted(
    leg: Leg, enis: Requests
) -> None:
    eni_id = enis.create()
    leg.ec2.delete(eni_id)
    assert leg.ec2.create(enis.request()) == eni_id
    leg.clock.wait(1.0)
    assert leg.ec2.list_interfaces("MultusEni-example") == []


def test_an_address_in_use_is_taken(leg: Leg, enis: Requests) -> None:
    leg.occupy("a", "10.0.0.9")
    with pytest.raises(AddressTaken):
        enis.create(address="10.0.0.9")


@pytest.mark.parametrize("address", ["10.0.0.0", "10.0.0.3", "10.0.0.255", "10.0.1.9"])
def test_an_address_outside_or_reserved_is_refused(enis: Requests, address: str) -> None:
    with pytest.raises(SpecRejected):
        enis.create(address=address)


def test_a_full_subnet_is_exhausted(leg: Leg, enis: Requests) -> None:
    for host in range(4, 15):
        leg.occupy("small", f"10.0.2.{host}")
    with pytest.raises(SubnetExhausted):
        enis.create(subnet="small")


def test_ec2_keeps_out_of_a_reservation_unless_an_address_is_chosen(
    leg: Leg, enis: Requests
) -> None:
    leg.reserve("small", "10.0.2.8/29")
    for number in range(4):
        eni = enis.show(enis.create(f"n{number}", subnet="small"))
        assert eni.ipv4_addresses[0] in {f"10.0.2.{host}" for host in range(4, 8)}
    with pytest.raises(SubnetExhausted):
        enis.create("n9", subnet="small")
    eni = enis.show(enis.create("n10", subnet="small", address="10.0.2.9"))
    assert eni.ipv4_addresses == ("10.0.2.9",)


def test_an_unknown_subnet_is_refused(leg: Leg, enis: Requests) -> None:
    nowhere = dataclasses.replace(enis.request(), subnet_id=SubnetId("subnet-00000000000000000"))
    with pytest.raises(SpecRejected):
        leg.ec2.create(nowhere)


def test_an_unknown_security_group_is_refused(leg: Leg, enis: Requests) -> None:
    unknown = (SecurityGroupId("sg-00000000000000000"),)
    with pytest.raises(SpecRejected):
        leg.ec2.create(dataclasses.replace(enis.request(), security_group_ids=unknown))


# Attaching.


def test_an_attachment_takes_a_while_and_would_stay_behind(leg: Leg, enis: Requests) -> None:
    node = leg.run_instance()
    eni_id = enis.create()
    attachment_id = leg.ec2.attach(eni_id, node, 2, 0)
    attachment = enis.show(eni_id).attachment
    assert attachment is not None
    assert (attachment.attachment_id, attachment.instance_id) == (attachment_id, node)
    assert (attachment.device_index, attachment.network_card_index) == (2, 0)
    assert attachment.status is AttachmentStatus.ATTACHING
    assert not attachment.delete_on_termination
    leg.clock.wait(2.0)
    attachment = enis.show(eni_id).attachment
    assert attachment is not None
    assert attachment.status is AttachmentStatus.ATTACHED
    assert enis.show(eni_id).status is EniStatus.IN_USE


def test_an_instance_shows_its_attachments_and_its_primary(leg: Leg, enis: Requests) -> None:
    node = leg.run_instance()
    eni_id = enis.attach(node, 3)
    held = {
        each.device_index: each for each in leg.ec2.describe_instances({node})[node].attachments
    }
    assert set(held) == {0, 3}
    assert held[3].eni_id == eni_id
    assert held[0].delete_on_termination


def test_a_pending_instance_takes_no_network_interface(leg: Leg, enis: Requests) -> None:
    eni_id = enis.create()
    node = leg.run_instance(wait=False)
    with pytest.raises(WrongState):
        leg.ec2.attach(eni_id, node, 1, 0)


def test_a_stopped_instance_does(leg: Leg, enis: Requests) -> None:
    node = leg.run_instance()
    leg.stop(node)
    assert leg.ec2.describe_instances({node})[node].state is InstanceState.STOPPED
    leg.ec2.attach(enis.create(), node, 1, 0)


def test_an_instance_on_its_way_out_takes_none(leg: Leg, enis: Requests) -> None:
    node = leg.run_instance()
    eni_id = enis.create()
    leg.terminate(node)
    with pytest.raises(WrongState):
        leg.ec2.attach(eni_id, node, 1, 0)


def test_an_unknown_instance_takes_none_yet(leg: Leg, enis: Requests) -> None:
    with pytest.raises(NotYetVisible):
        leg.ec2.attach(enis.create(), InstanceId("i-00000000000000000"), 1, 0)


def test_an_index_is_held_by_one(leg: Leg, enis: Requests) -> None:
    node = leg.run_instance()
    enis.attach(node, 1)
    with pytest.raises(DeviceIndexTaken):
        leg.ec2.attach(enis.create("other"), node, 1, 0)


def test_a_network_interface_is_held_by_one(leg: Leg, enis: Requests) -> None:
    node = leg.run_instance()
    eni_id = enis.attach(node, 1)
    with pytest.raises(WrongState):
        leg.ec2.attach(eni_id, node, 2, 0)


def test_an_instance_takes_no_more_than_its_type_allows(leg: Leg, enis: Requests) -> None:
    node = leg.run_instance()
    for index in (1, 2, 3):
        enis.attach(node, index)
    with pytest.raises(AttachmentLimitReached):
        leg.ec2.attach(enis.create("n4"), node, 4, 0)


def test_another_zone_is_refused(leg: Leg, enis: Requests) -> None:
    node = leg.run_instance()
    with pytest.raises(SpecRejected):
        leg.ec2.attach(enis.create(subnet="b"), node, 1, 0)


# Attributes and tags.


def test_what_is_set_to_go_goes_with_the_instance(leg: Leg, enis: Requests) -> None:
    node = leg.run_instance()
    stays, goes = enis.attach(node, 1), enis.attach(node, 2)
    attachment = enis.show(goes).attachment
    assert attachment is not None
    leg.ec2.set_delete_on_termination(goes, attachment.attachment_id)
    leg.terminate(node)
    leg.clock.wait(10.0)
    (left,) = leg.ec2.list_interfaces("MultusEni-example")
    assert (left.eni_id, left.status, left.attachment) == (stays, EniStatus.AVAILABLE, None)


def test_an_unknown_attachment_is_not_found(leg: Leg, enis: Requests) -> None:
    eni_id = enis.attach(leg.run_instance())
    unknown = AttachmentId("eni-attach-00000000000000000")
    with pytest.raises(NotYetVisible):
        leg.ec2.set_delete_on_termination(eni_id, unknown)


def test_source_dest_check_is_set_and_unset(leg: Leg, enis: Requests) -> None:
    eni_id = enis.create()
    leg.ec2.set_source_dest_check(eni_id, enabled=False)
    assert not enis.show(eni_id).source_dest_check
    leg.ec2.set_source_dest_check(eni_id, enabled=True)
    assert enis.show(eni_id).source_dest_check


def test_security_groups_are_replaced(leg: Leg, enis: Requests) -> None:
    eni_id = enis.create()
    with pytest.raises(EniLifecycleError):
        leg.ec2.set_security_groups(eni_id, [SecurityGroupId("sg-00000000000000000")])
    leg.ec2.set_security_groups(eni_id, [leg.security_group])
    assert enis.show(eni_id).security_group_ids == {leg.security_group}


def test_tags_are_added_and_replaced(leg: Leg, enis: Requests) -> None:
    eni_id = enis.create()
    before = enis.show(eni_id).tags
    leg.ec2.add_tags(eni_id, {"team": "ran", tags.NO_MANAGE: "false"})
    leg.ec2.add_tags(eni_id, {tags.NO_MANAGE: "true"})
    assert dict(enis.show(eni_id).tags) == {**before, "team": "ran"}


@pytest.mark.parametrize("call", ["tags", "check", "groups", "attach"])
def test_what_does_not_exist_is_not_found(leg: Leg, call: str) -> None:
    nowhere = EniId("eni-00000000000000000")
    calls: dict[str, Callable[[], object]] = {
        "tags": lambda: leg.ec2.add_tags(nowhere, {"a": "b"}),
        "check": lambda: leg.ec2.set_source_dest_check(nowhere, enabled=False),
        "groups": lambda: leg.ec2.set_security_groups(nowhere, [leg.security_group]),
        "attach": lambda: leg.ec2.attach(nowhere, leg.run_instance(), 1, 0),
    }
    with pytest.raises(NotYetVisible):
        calls[call]()


# Deleting.


def test_what_is_deleted_is_gone_and_deleting_it_again_is_no_error(
    leg: Leg, enis: Requests
) -> None:
    eni_id = enis.create()
    leg.ec2.delete(eni_id)
    leg.ec2.delete(eni_id)
    assert leg.ec2.list_interfaces("MultusEni-example") == []


def test_what_is_attached_is_not_deleted(leg: Leg, enis: Requests) -> None:
    eni_id = enis.attach(leg.run_instance())
    with pytest.raises(WrongState):
        leg.ec2.delete(eni_id)
    assert enis.show(eni_id).attachment is not None


# Looking.


def test_listing_is_by_owner_and_by_instance(leg: Leg, enis: Requests) -> None:
    first, second = enis.create("n1"), enis.create("n1", instance_id=InstanceId("i-other"))
    leg.occupy("a", "10.0.0.77")

    def listed(owner: str, instances: set[InstanceId] | None = None) -> set[EniId]:
        return {eni.eni_id for eni in leg.ec2.list_interfaces(owner, instances)}

    assert listed("MultusEni-example") == {first, second}
    assert listed("MultusEni-example", {NODE}) == {first}
    assert listed("MultusEni-example", {NODE, InstanceId("i-other")}) == {first, second}
    assert listed("MultusEni-example", {InstanceId("i-none")}) == set()
    assert listed("MultusEni-another") == set()


def test_a_subnet_shows_whatever_holds_its_addresses_and_which_of_it_is_ours(
    leg: Leg, enis: Requests
) -> None:
    eni_id = enis.create(address="10.0.0.9")
    leg.occupy("a", "10.0.0.77")
    use = use_of(leg, "a")
    assert use.addresses == {"10.0.0.9", "10.0.0.77"}
    assert use.ours == (enis.show(eni_id),)
    others = use_of(leg, "a", "MultusEni-another")
    assert (others.addresses, others.ours) == (use.addresses, ())


def test_several_subnets_are_told_apart(leg: Leg, enis: Requests) -> None:
    enis.create(address="10.0.0.9")
    both = leg.ec2.list_subnet_interfaces(list(leg.subnets.values()), "MultusEni-example")
    assert set(both) == set(leg.subnets.values())
    assert [each for each in both if both[each].addresses] == [leg.subnets["a"]]


def test_instances_that_are_unknown_are_left_out(leg: Leg) -> None:
    node = leg.run_instance()
    found = leg.ec2.describe_instances({node, InstanceId("i-00000000000000000")})
    assert set(found) == {node}
    assert found[node].availability_zone == "us-east-1a"
    assert found[node].instance_type == "m5.xlarge"
    assert found[node].group_name is None
    assert 0 <= (leg.clock.now() - found[node].launched_at).total_seconds() <= 2
    assert leg.ec2.describe_instances(set()) == {}


def test_an_instance_goes_through_its_states(leg: Leg) -> None:
    node = leg.run_instance(wait=False)

    def state() -> InstanceState:
        return leg.ec2.describe_instances({node})[node].state

    seen = [state()]
    leg.clock.wait(1.0)
    seen.append(state())
    leg.terminate(node)
    seen.append(state())
    leg.clock.wait(10.0)
    seen.append(state())
    assert seen == [
        InstanceState.PENDING,
        InstanceState.RUNNING,
        InstanceState.SHUTTING_DOWN,
        InstanceState.TERMINATED,
    ]


def test_a_groups_instances_are_found_by_its_tag(leg: Leg) -> None:
    leg.run_instance()
    waiting = leg.launch()
    group = GroupName("multus-workers")
    found = leg.ec2.describe_group_instances({group})
    assert set(found) == {waiting.instance_id}
    assert found[waiting.instance_id].group_name == group
    assert leg.ec2.describe_group_instances({GroupName("another")}) == {}


def test_subnets_are_found_by_id_and_by_tags(leg: Leg) -> None:
    a, b = leg.subnets["a"], leg.subnets["b"]
    assert {subnet.subnet_id for subnet in leg.ec2.find_subnets(ids=[a, b])} == {a, b}
    (tagged,) = leg.ec2.find_subnets(with_tags={"use": "multus"})
    assert (tagged.subnet_id, tagged.availability_zone) == (a, "us-east-1a")
    assert str(tagged.ipv4_cidr) == "10.0.0.0/24"
    assert list(leg.ec2.find_subnets(with_tags={"use": "nothing"})) == []


def test_an_unknown_subnet_is_left_out(leg: Leg) -> None:
    ids = [leg.subnets["a"], SubnetId("subnet-00000000000000000")]
    assert [subnet.subnet_id for subnet in leg.ec2.find_subnets(ids=ids)] == [leg.subnets["a"]]


def test_the_reservations_of_a_subnet_are_listed(leg: Leg) -> None:
    leg.reserve("b", "10.0.1.16/28")
    reserved = leg.ec2.list_reservations(leg.subnets["b"])
    assert [str(network) for network in reserved] == ["10.0.1.16/28"]


def test_security_groups_are_found_by_tags(leg: Leg) -> None:
    assert leg.ec2.find_security_groups({"use": "multus"}) == (leg.security_group,)
    assert leg.ec2.find_security_groups({"use": "nothing"}) == ()


def test_tags_select_in_one_vpc_only(leg: Leg) -> None:
    elsewhere = VpcId("vpc-00000000000000000")
    instance = leg.run_instance()
    vpc_id = leg.ec2.describe_instances({instance})[instance].vpc_id
    assert len(leg.ec2.find_subnets(with_tags={"use": "multus"}, vpc_id=vpc_id)) == 1
    assert leg.ec2.find_security_groups({"use": "multus"}, vpc_id) == (leg.security_group,)
    assert list(leg.ec2.find_subnets(with_tags={"use": "multus"}, vpc_id=elsewhere)) == []
    assert leg.ec2.find_security_groups({"use": "multus"}, elsewhere) == ()
