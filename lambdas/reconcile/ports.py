"""What the reconcilers need of the world, and nothing more. Adapters and fakes fit by shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from ipaddress import IPv4Network

    from domain.lifecycle import LifecycleResult
    from domain.model import (
        AttachmentId,
        EniId,
        GroupName,
        Instance,
        InstanceId,
        LifecycleActionToken,
        Member,
        NetworkInterface,
        SecurityGroupId,
        Subnet,
        SubnetId,
        SubnetUse,
        VpcId,
    )
    from domain.plan import Create
    from domain.reservations import AddressHolder, CidrReservation, ReservationId, SubnetCidrs

T = TypeVar("T")


class Ec2Port(Protocol):
    """EC2. Every method raises EniLifecycleError."""

    def describe_instances(
        self, instance_ids: Collection[InstanceId]
    ) -> Mapping[InstanceId, Instance]: ...
    def describe_group_instances(
        self, groups: Collection[GroupName]
    ) -> Mapping[InstanceId, Instance]: ...
    def list_interfaces(
        self, owner: str, instance_ids: Collection[InstanceId] | None = None
    ) -> Sequence[NetworkInterface]: ...
    def list_subnet_interfaces(
        self, subnet_ids: Collection[SubnetId], owner: str
    ) -> Mapping[SubnetId, SubnetUse]: ...
    def find_subnets(
        self,
        ids: Collection[SubnetId] = (),
        with_tags: Mapping[str, str] | None = None,
        vpc_id: VpcId | None = None,
    ) -> Sequence[Subnet]: ...
    def list_reservations(self, subnet_id: SubnetId) -> tuple[IPv4Network, ...]: ...
    def find_security_groups(
        self, with_tags: Mapping[str, str], vpc_id: VpcId | None = None
    ) -> tuple[SecurityGroupId, ...]: ...
    def create(self, create: Create) -> EniId: ...
    def attach(
        self, eni_id: EniId, instance_id: InstanceId, device_index: int, network_card_index: int
    ) -> AttachmentId: ...
    def set_delete_on_termination(self, eni_id: EniId, attachment_id: AttachmentId) -> None: ...
    def set_source_dest_check(self, eni_id: EniId, *, enabled: bool) -> None: ...
    def set_security_groups(self, eni_id: EniId, ids: Sequence[SecurityGroupId]) -> None: ...
    def add_tags(self, eni_id: EniId, with_tags: Mapping[str, str]) -> None: ...
    def delete(self, eni_id: EniId) -> None: ...


class ReservationPort(Protocol):
    """EC2's subnet CIDR reservations. Every method raises EniLifecycleError."""

    def subnets(self, subnet_ids: Collection[SubnetId]) -> Sequence[SubnetCidrs]: ...
    def reservations(self, subnet_id: SubnetId) -> Sequence[CidrReservation]: ...
    def holders(self, subnet_id: SubnetId) -> Sequence[AddressHolder]: ...
    def reserve(
        self, subnet_id: SubnetId, cidr: str, description: str, with_tags: Mapping[str, str]
    ) -> ReservationId: ...
    def release(self, reservation_id: ReservationId) -> None: ...


class AutoScalingPort(Protocol):
    """Auto Scaling. Every method raises EniLifecycleError; False means that the action was over already."""

    def complete(
        self,
        group: GroupName,
        hook_name: str,
        instance_id: InstanceId,
        token: LifecycleActionToken | None,
        result: LifecycleResult,
    ) -> bool: ...
    def heartbeat(
        self,
        group: GroupName,
        hook_name: str,
        instance_id: InstanceId,
        token: LifecycleActionToken | None,
    ) -> bool: ...
    def list_members(self, groups: Collection[GroupName]) -> Sequence[Member]: ...


class QueuePort(Protocol):
    """A queue whose backlog tells a long queue from a lost event."""

    def has_backlog(self) -> bool: ...


class Clock(Protocol):
    """Time as a run sees it."""

    def now(self) -> datetime: ...
    def wait(self, seconds: float) -> None: ...


class Workers(Protocol):
    """Several calls at once."""

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Run the tasks side by side and return what each returned or raised, in order."""
        ...
