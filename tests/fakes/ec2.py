"""EC2 as far as the reconcilers need it, refusing as strictly as EC2 does."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from domain.config import Ipv4Mode
from domain.errors import (
    AddressTaken,
    AttachmentLimitReached,
    DeviceIndexTaken,
    NotYetVisible,
    SpecRejected,
    SubnetExhausted,
    TokenSpent,
    WrongState,
)
from domain.model import (
    Attachment,
    AttachmentId,
    AttachmentStatus,
    EniId,
    EniStatus,
    GroupName,
    Instance,
    InstanceId,
    InstanceState,
    NetworkInterface,
    SecurityGroupId,
    Subnet,
    SubnetId,
    SubnetUse,
)
from domain.tags import INSTANCE, OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from domain.model import VpcId
    from domain.plan import Create
    from tests.fakes.calls import PortCalls
    from tests.fakes.clock import FakeClock

RESERVED_AT_START = 4
_TAKES_INTERFACES = (InstanceState.RUNNING, InstanceState.STOPPED)


@dataclass(frozen=True)
class Pace:
    """How slow EC2 is, in seconds."""

    visible_s: float = 0.0
    """From the create of a network interface to its being known to other calls."""
    attach_s: float = 1.0
    detach_s: float = 1.0
    terminate_s: float = 5.0


@dataclass
class _Interface:
    """A network interface as it really is; the domain's type is what is shown of it."""

    shown: NetworkInterface
    visible_at: datetime


@dataclass
class _Instance:
    """An instance as it really is."""

    shown: Instance
    max_interfaces: int


@dataclass
class _World:
    """What exists."""

    subnets: dict[SubnetId, tuple[Subnet, Mapping[str, str]]] = field(default_factory=dict)
    security_groups: dict[SecurityGroupId, Mapping[str, str]] = field(default_factory=dict)
    vpcs: dict[str, str | None] = field(default_factory=dict)
    """By subnet and by security group; None where no test asks."""
    instances: dict[InstanceId, _Instance] = field(default_factory=dict)
    interfaces: dict[EniId, _Interface] = field(default_factory=dict)
    requests: dict[str, tuple[object, EniId]] = field(default_factory=dict)
    """By ClientToken: the request it came with, and what it made."""


class FakeEc2:
    """A Region with subnets, security groups, instances and network interfaces."""

    def __init__(self, clock: FakeClock, calls: PortCalls, pace: Pace | None = None) -> None:
        self.calls = calls
        self.pace = pace or Pace()
        self.lists_to_miss = 0
        """How many of the next looks by tag show nothing yet (EC2 is eventually consistent)."""
        self.on_terminated: Callable[[InstanceId], None] = lambda _instance_id: None
        """Called when an instance has reached `terminated`."""
        self._clock = clock
        self._world = _World()
        self._numbers = itertools.count(1)

    # What a test sets up and looks at.

    def add_subnet(
        self,
        subnet_id: str,
        zone: str,
        cidr: str | None,
        *,
        reservations: Sequence[str] = (),
        with_tags: Mapping[str, str] | None = None,
        vpc_id: str | None = None,
    ) -> None:
        """Add a subnet, IPv6-only when it has no CIDR."""
        subnet = Subnet(
            SubnetId(subnet_id),
            zone,
            IPv4Network(cidr) if cidr else None,
            tuple(IPv4Network(text) for text in reservations),
        )
        self._world.subnets[subnet.subnet_id] = (subnet, with_tags or {})
        self._world.vpcs[subnet_id] = vpc_id

    def remove_subnet(self, subnet_id: str) -> None:
        """Delete a subnet, as somebody may do under us."""
        del self._world.subnets[SubnetId(subnet_id)]

    def add_security_group(
        self,
        group_id: str,
        with_tags: Mapping[str, str] | None = None,
        vpc_id: str | None = None,
    ) -> None:
        """Add a security group."""
        self._world.vpcs[group_id] = vpc_id
        self._world.security_groups[SecurityGroupId(group_id)] = with_tags or {}

    def launch(
        self,
        instance_id: InstanceId,
        group: GroupName | None,
        subnet_id: str,
        *,
        running_in_s: float = 0.0,
        max_interfaces: int = 4,
    ) -> None:
        """Launch an instance with its primary network interface; its zone is the subnet's."""
        subnet, _ = self._subnet(SubnetId(subnet_id))
        shown = Instance(
            instance_id=instance_id,
            state=InstanceState.PENDING,
            availability_zone=subnet.availability_zone,
            instance_type="m5.xlarge",
            launched_at=self._clock.now(),
            attachments=(),
            group_name=group,
        )
        self._world.instances[instance_id] = _Instance(shown, max_interfaces)
        self.add_foreign_interface(instance_id, 0, subnet_id)
        self._clock.after(
            running_in_s,
            lambda: self._set_state(instance_id, InstanceState.PENDING, InstanceState.RUNNING),
        )

    def set_state(self, instance_id: InstanceId, state: InstanceState) -> None:
        """Put an instance into a state (a warm pool stops and starts its instances)."""
        self._set_state(instance_id, self._world.instances[instance_id].shown.state, state)

    def add_foreign_interface(
        self, instance_id: InstanceId, device_index: int, subnet_id: str
    ) -> EniId:
        """Attach a network interface that is not ours: the primary, or one of the VPC CNI."""
        eni_id = self._make(SubnetId(subnet_id), None, 0, (), {})
        attachment = self._hold(eni_id, instance_id, device_index, 0)
        self._change_attachment(eni_id, dataclasses.replace(attachment, delete_on_termination=True))
        self._finish_attach(eni_id)
        return eni_id

    def occupy(self, subnet_id: str, address: str) -> EniId:
        """Take an address of a subnet with a network interface of somebody else's."""
        return self._make(SubnetId(subnet_id), address, 0, (), {})

    def terminate(self, instance_id: InstanceId) -> None:
        """Terminate an instance: its network interfaces go with it or stay, by DeleteOnTermination."""
        instance = self._world.instances.get(instance_id)
        if instance is not None and not instance.shown.state.is_gone:
            self.set_state(instance_id, InstanceState.SHUTTING_DOWN)
            self._clock.after(self.pace.terminate_s, lambda: self._terminated(instance_id))

    def forget(self, instance_id: InstanceId) -> None:
        """Let EC2 no longer show a terminated instance, as after about an hour."""
        del self._world.instances[instance_id]

    def edit(self, eni_id: EniId, **changes: object) -> None:
        """Change a network interface behind everybody's back."""
        record = self._world.interfaces[eni_id]
        record.shown = dataclasses.replace(record.shown, **changes)  # type: ignore[arg-type]  # the test names the field

    def detach(self, eni_id: EniId) -> None:
        """Detach a network interface behind everybody's back."""
        shown = self._world.interfaces[eni_id].shown
        if shown.attachment is None:
            raise AssertionError(f"{eni_id} is not attached")
        self._change_attachment(
            eni_id, dataclasses.replace(shown.attachment, status=AttachmentStatus.DETACHING)
        )
        self.edit(eni_id, status=EniStatus.DETACHING)
        self._clock.after(self.pace.detach_s, lambda: self._release(eni_id))

    def remove(self, eni_id: EniId) -> None:
        """Delete a network interface behind everybody's back."""
        del self._world.interfaces[eni_id]

    def instance(self, instance_id: InstanceId) -> Instance:
        """Return an instance as it is, without a call."""
        held = [
            each.shown.attachment
            for each in self._world.interfaces.values()
            if each.shown.attachment and each.shown.attachment.instance_id == instance_id
        ]
        return dataclasses.replace(
            self._world.instances[instance_id].shown, attachments=tuple(held)
        )

    def owned(self, owner: str, instance_id: InstanceId | None = None) -> list[NetworkInterface]:
        """Return an owner's network interfaces as they are, visible or not, without a call."""
        return [
            record.shown
            for record in self._world.interfaces.values()
            if record.shown.tags.get(OWNER) == owner
            and instance_id in (None, record.shown.tags.get(INSTANCE))
        ]

    # The port.

    def describe_instances(
        self, instance_ids: Collection[InstanceId]
    ) -> dict[InstanceId, Instance]:
        """Return those of the instances that exist."""
        with self.calls.made("describe_instances"):
            return {
                each: self.instance(each) for each in instance_ids if each in self._world.instances
            }

    def describe_group_instances(self, groups: Collection[GroupName]) -> dict[InstanceId, Instance]:
        """Return the instances of Auto Scaling groups."""
        with self.calls.made("describe_group_instances"):
            return {
                instance_id: self.instance(instance_id)
                for instance_id, instance in self._world.instances.items()
                if instance.shown.group_name in groups
            }

    def list_interfaces(
        self, owner: str, instance_ids: Collection[InstanceId] | None = None
    ) -> list[NetworkInterface]:
        """Return an owner's visible network interfaces, of these instances or of all."""
        with self.calls.made("list_interfaces"):
            if self.lists_to_miss:
                self.lists_to_miss -= 1
                return []
            return [
                eni
                for eni in self._visible()
                if eni.tags.get(OWNER) == owner
                and (instance_ids is None or eni.tags.get(INSTANCE) in instance_ids)
            ]

    def list_subnet_interfaces(
        self, subnet_ids: Collection[SubnetId], owner: str
    ) -> dict[SubnetId, SubnetUse]:
        """Return for each subnet the addresses in use and the owner's network interfaces there."""
        with self.calls.made("list_subnet_interfaces"):
            return {subnet_id: self._use(subnet_id, owner) for subnet_id in subnet_ids}

    def _use(self, subnet_id: SubnetId, owner: str) -> SubnetUse:
        found = [eni for eni in self._visible() if eni.subnet_id == subnet_id]
        return SubnetUse(
            frozenset(address for eni in found for address in eni.ipv4_addresses),
            tuple(eni for eni in found if eni.tags.get(OWNER) == owner),
        )

    def find_subnets(
        self,
        ids: Collection[SubnetId] = (),
        with_tags: Mapping[str, str] | None = None,
        vpc_id: VpcId | None = None,
    ) -> list[Subnet]:
        """Return the subnets that exist of these, or those with these tags."""
        with self.calls.made("find_subnets"):
            return [
                replace(subnet, reservations=())
                for subnet, own_tags in self._world.subnets.values()
                if (
                    subnet.subnet_id in ids
                    if ids
                    else _has(own_tags, with_tags or {}) and self._is_in(subnet.subnet_id, vpc_id)
                )
            ]

    def list_reservations(self, subnet_id: SubnetId) -> tuple[IPv4Network, ...]:
        """Return a subnet's CIDR reservations."""
        with self.calls.made("list_reservations"):
            subnet, _ = self._world.subnets[subnet_id]
            return subnet.reservations

    def _is_in(self, resource_id: str, vpc_id: VpcId | None) -> bool:
        return vpc_id in (None, self._world.vpcs[resource_id])

    def find_security_groups(
        self, with_tags: Mapping[str, str], vpc_id: VpcId | None = None
    ) -> tuple[SecurityGroupId, ...]:
        """Return the security groups with these tags, in order."""
        with self.calls.made("find_security_groups"):
            return tuple(
                sorted(
                    group_id
                    for group_id, own_tags in self._world.security_groups.items()
                    if _has(own_tags, with_tags) and self._is_in(group_id, vpc_id)
                )
            )

    def create(self, create: Create) -> EniId:
        """Create a network interface, or answer with the one that the same request made before."""
        with self.calls.made("create"):
            request = (
                create.subnet_id,
                create.security_group_ids,
                create.address,
                create.spec.ipv6_count,
                dict(create.tags),
                create.description,
            )
            known = self._world.requests.get(create.client_token)
            if known is not None:
                if known[0] != request:
                    raise TokenSpent("IdempotentParameterMismatch")
                return known[1]
            unknown = set(create.security_group_ids) - set(self._world.security_groups)
            if unknown:
                raise SpecRejected(f"InvalidSecurityGroupID.NotFound: {unknown}")
            if create.spec.ipv4 is Ipv4Mode.FROM_START and create.address is None:
                raise AssertionError("a create from the start without an address")
            eni_id = self._make(
                create.subnet_id,
                create.address,
                create.spec.ipv6_count,
                create.security_group_ids,
                create.tags,
                visible_s=self.pace.visible_s,
            )
            self._world.requests[create.client_token] = (request, eni_id)
            return eni_id

    def attach(
        self, eni_id: EniId, instance_id: InstanceId, device_index: int, network_card_index: int
    ) -> AttachmentId:
        """Attach a network interface; it is `attaching` for a while."""
        with self.calls.made("attach"):
            eni, instance = self._known(eni_id), self._attachable(instance_id)
            if eni.availability_zone != instance.shown.availability_zone:
                raise SpecRejected("InvalidParameterCombination: not in the same zone")
            if eni.status is not EniStatus.AVAILABLE:
                raise WrongState(f"InvalidNetworkInterface.InUse: {eni_id}")
            held = self.instance(instance_id).attachments
            places = {(each.network_card_index, each.device_index) for each in held}
            if (network_card_index, device_index) in places:
                raise DeviceIndexTaken(f"{instance_id} already has an interface there")
            if len(held) >= instance.max_interfaces:
                raise AttachmentLimitReached(f"{instance_id} takes no more")
            attachment = self._hold(eni_id, instance_id, device_index, network_card_index)
            self._clock.after(self.pace.attach_s, lambda: self._finish_attach(eni_id))
            return attachment.attachment_id

    def set_delete_on_termination(self, eni_id: EniId, attachment_id: AttachmentId) -> None:
        """Let a network interface go with its instance."""
        with self.calls.made("set_delete_on_termination"):
            attachment = self._known(eni_id).attachment
            if attachment is None or attachment.attachment_id != attachment_id:
                raise NotYetVisible(f"InvalidAttachmentID.NotFound: {attachment_id}")
            if attachment.status is AttachmentStatus.DETACHING:
                raise WrongState(f"IncorrectState: {attachment_id}")
            self._change_attachment(
                eni_id, dataclasses.replace(attachment, delete_on_termination=True)
            )

    def set_source_dest_check(self, eni_id: EniId, *, enabled: bool) -> None:
        """Set SourceDestCheck."""
        with self.calls.made("set_source_dest_check"):
            self._known(eni_id)
            self.edit(eni_id, source_dest_check=enabled)

    def set_security_groups(self, eni_id: EniId, ids: Sequence[SecurityGroupId]) -> None:
        """Set the security groups."""
        with self.calls.made("set_security_groups"):
            self._known(eni_id)
            if set(ids) - set(self._world.security_groups):
                raise SpecRejected(f"InvalidSecurityGroupID.NotFound: {ids}")
            self.edit(eni_id, security_group_ids=frozenset(ids))

    def add_tags(self, eni_id: EniId, with_tags: Mapping[str, str]) -> None:
        """Add tags, replacing those with the same keys."""
        with self.calls.made("add_tags"):
            self.edit(eni_id, tags={**self._known(eni_id).tags, **with_tags})

    def delete(self, eni_id: EniId) -> None:
        """Delete a network interface that nobody holds; one that is unknown is gone already."""
        with self.calls.made("delete"):
            record = self._world.interfaces.get(eni_id)
            if record is None or record.visible_at > self._clock.now():
                return
            if record.shown.attachment is not None:
                raise WrongState(f"InvalidNetworkInterface.InUse: {eni_id}")
            del self._world.interfaces[eni_id]

    # How it works.

    def _visible(self) -> Iterator[NetworkInterface]:
        now = self._clock.now()
        return (each.shown for each in self._world.interfaces.values() if each.visible_at <= now)

    def _known(self, eni_id: EniId) -> NetworkInterface:
        record = self._world.interfaces.get(eni_id)
        if record is None or record.visible_at > self._clock.now():
            raise NotYetVisible(f"InvalidNetworkInterfaceID.NotFound: {eni_id}")
        return record.shown

    def _attachable(self, instance_id: InstanceId) -> _Instance:
        instance = self._world.instances.get(instance_id)
        if instance is None:
            raise NotYetVisible(f"InvalidInstanceID.NotFound: {instance_id}")
        if instance.shown.state not in _TAKES_INTERFACES:
            raise WrongState(f"IncorrectState: {instance_id} is {instance.shown.state.value}")
        return instance

    def _subnet(self, subnet_id: SubnetId) -> tuple[Subnet, Mapping[str, str]]:
        if subnet_id not in self._world.subnets:
            raise SpecRejected(f"InvalidSubnetID.NotFound: {subnet_id}")
        return self._world.subnets[subnet_id]

    def _make(
        self,
        subnet_id: SubnetId,
        address: str | None,
        ipv6_count: int,
        security_group_ids: Sequence[SecurityGroupId],
        with_tags: Mapping[str, str],
        *,
        visible_s: float = 0.0,
    ) -> EniId:
        subnet, _ = self._subnet(subnet_id)
        number = next(self._numbers)
        eni_id = EniId(f"eni-{number:017x}")
        shown = NetworkInterface(
            eni_id=eni_id,
            subnet_id=subnet_id,
            availability_zone=subnet.availability_zone,
            status=EniStatus.AVAILABLE,
            security_group_ids=frozenset(security_group_ids),
            source_dest_check=True,
            ipv4_addresses=self._ipv4(subnet, address),
            ipv6_addresses=tuple(f"2001:db8::{number:x}:{each:x}" for each in range(ipv6_count)),
            mac_address=f"0a:00:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
            tags=dict(with_tags),
        )
        visible_at = self._clock.now() + timedelta(seconds=visible_s)
        self._world.interfaces[eni_id] = _Interface(shown, visible_at)
        return eni_id

    def _ipv4(self, subnet: Subnet, address: str | None) -> tuple[str, ...]:
        if subnet.ipv4_cidr is None:
            return ()
        cidr = subnet.ipv4_cidr
        taken = {
            each
            for record in self._world.interfaces.values()
            for each in record.shown.ipv4_addresses
            if record.shown.subnet_id == subnet.subnet_id
        }
        usable = (str(cidr[place]) for place in range(RESERVED_AT_START, cidr.num_addresses - 1))
        if address is None:
            closed = subnet.reservations
            free = (
                each
                for each in usable
                if each not in taken and not any(IPv4Address(each) in net for net in closed)
            )
            chosen = next(free, None)
            if chosen is None:
                raise SubnetExhausted(f"InsufficientFreeAddressesInSubnet: {subnet.subnet_id}")
            return (chosen,)
        if address not in set(usable):
            raise SpecRejected(f"InvalidParameterValue: {address} is not usable in {cidr}")
        if address in taken:
            raise AddressTaken(f"InvalidIPAddress.InUse: {address}")
        return (address,)

    def _hold(
        self, eni_id: EniId, instance_id: InstanceId, device_index: int, network_card_index: int
    ) -> Attachment:
        attachment = Attachment(
            attachment_id=AttachmentId(f"eni-attach-{next(self._numbers):017x}"),
            eni_id=eni_id,
            instance_id=instance_id,
            device_index=device_index,
            network_card_index=network_card_index,
            status=AttachmentStatus.ATTACHING,
            delete_on_termination=False,
        )
        self.edit(eni_id, status=EniStatus.IN_USE, attachment=attachment)
        return attachment

    def _change_attachment(self, eni_id: EniId, attachment: Attachment) -> None:
        self.edit(eni_id, attachment=attachment)

    def _finish_attach(self, eni_id: EniId) -> None:
        record = self._world.interfaces.get(eni_id)
        attachment = record.shown.attachment if record else None
        if attachment and attachment.status is AttachmentStatus.ATTACHING:
            self._change_attachment(
                eni_id, dataclasses.replace(attachment, status=AttachmentStatus.ATTACHED)
            )

    def _release(self, eni_id: EniId) -> None:
        if eni_id in self._world.interfaces:
            self.edit(eni_id, status=EniStatus.AVAILABLE, attachment=None)

    def _set_state(
        self, instance_id: InstanceId, expected: InstanceState, state: InstanceState
    ) -> None:
        instance = self._world.instances.get(instance_id)
        if instance is not None and instance.shown.state is expected:
            instance.shown = dataclasses.replace(instance.shown, state=state)

    def _terminated(self, instance_id: InstanceId) -> None:
        for attachment in self.instance(instance_id).attachments:
            if attachment.delete_on_termination:
                self.remove(attachment.eni_id)
            else:
                self._release(attachment.eni_id)
        self.set_state(instance_id, InstanceState.TERMINATED)
        self.on_terminated(instance_id)


def _has(own_tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(own_tags.get(key) == value for key, value in wanted.items())
