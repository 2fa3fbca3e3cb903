"""What is observed in AWS, in the field's own words: instances, network interfaces, attachments, subnets."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from ipaddress import IPv4Network

InstanceId = NewType("InstanceId", str)
EniId = NewType("EniId", str)
AttachmentId = NewType("AttachmentId", str)
SubnetId = NewType("SubnetId", str)
SecurityGroupId = NewType("SecurityGroupId", str)
VpcId = NewType("VpcId", str)
GroupName = NewType("GroupName", str)
"""The name of an Auto Scaling group."""
LifecycleActionToken = NewType("LifecycleActionToken", str)


class InstanceState(str, Enum):
    """EC2's instance states."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPING = "stopping"
    STOPPED = "stopped"

    @property
    def is_gone(self) -> bool:
        """Whether the instance can never again hold a network interface."""
        return self in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)


class EniStatus(str, Enum):
    """EC2's network interface states."""

    AVAILABLE = "available"
    ASSOCIATED = "associated"
    ATTACHING = "attaching"
    IN_USE = "in-use"
    DETACHING = "detaching"
    PENDING = "pending"
    """DescribeNetworkInterfaces documents the five above; CreateNetworkInterface answers with this one."""


class AttachmentStatus(str, Enum):
    """EC2's attachment states."""

    ATTACHING = "attaching"
    ATTACHED = "attached"
    DETACHING = "detaching"
    DETACHED = "detached"


@dataclass(frozen=True)
class Attachment:
    """How a network interface sits on an instance. The device index is unique per network card."""

    attachment_id: AttachmentId
    eni_id: EniId
    instance_id: InstanceId
    device_index: int
    network_card_index: int
    status: AttachmentStatus
    delete_on_termination: bool


@dataclass(frozen=True)
class NetworkInterface:
    """A network interface as DescribeNetworkInterfaces shows it."""

    eni_id: EniId
    subnet_id: SubnetId
    availability_zone: str
    status: EniStatus
    security_group_ids: frozenset[SecurityGroupId]
    source_dest_check: bool
    ipv4_addresses: tuple[str, ...]
    """The primary address first."""
    ipv6_addresses: tuple[str, ...]
    mac_address: str
    tags: Mapping[str, str] = field(hash=False)
    attachment: Attachment | None = None

    def is_held_by(self, instance_id: InstanceId) -> bool:
        """Whether it sits on this instance, or is on its way there or off; its tags may name another one."""
        return self.attachment is not None and self.attachment.instance_id == instance_id


@dataclass(frozen=True)
class Instance:
    """An instance as DescribeInstances shows it."""

    instance_id: InstanceId
    state: InstanceState
    availability_zone: str
    instance_type: str
    launched_at: datetime
    """When it was last started: a stopped instance of a warm pool gets a new one."""
    attachments: tuple[Attachment, ...]
    """Every network interface on it, whoever made it: the primary, the VPC CNI's and ours."""
    group_name: GroupName | None = None
    """From the tag aws:autoscaling:groupName, which Auto Scaling sets and nobody else can."""
    vpc_id: VpcId | None = None
    """None once it is terminated."""


@dataclass(frozen=True)
class Member:
    """An instance as its Auto Scaling group lists it."""

    instance_id: InstanceId
    group_name: GroupName
    lifecycle_state: str


@dataclass(frozen=True)
class Subnet:
    """A subnet as DescribeSubnets shows it."""

    subnet_id: SubnetId
    availability_zone: str
    ipv4_cidr: IPv4Network | None
    """None on an IPv6-only subnet."""
    reservations: tuple[IPv4Network, ...] = ()
    """Looked up only where an address is chosen from the subnet."""


@dataclass(frozen=True)
class SubnetUse:
    """Who is in a subnet."""

    addresses: frozenset[str]
    """The IPv4 addresses of every network interface, whoever made it."""
    ours: tuple[NetworkInterface, ...]
    """The network interfaces with our owner tag."""
