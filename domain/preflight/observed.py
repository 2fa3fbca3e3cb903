"""What is seen of the account. Whatever was not shown is `Unseen` and says which right is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, Union

from domain.reservations import SubnetCidrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network, IPv6Network

    from domain.model import GroupName, InstanceId, SecurityGroupId, SubnetId, VpcId
    from domain.preflight.planned import Created
    from domain.reservations import AddressHolder, CidrReservation

T = TypeVar("T")


@dataclass(frozen=True)
class Unseen:
    """Something that the account did not show."""

    action: str
    """The IAM action that is missing, e.g. `ec2:DescribeSubnets`."""
    reason: str
    """AWS's own words."""


Shown = Union[T, Unseen]


class CannotTell(Exception):
    """A rule needs what was not shown or is not there. That is a finding of its own, so the rule says nothing."""


def shown(value: Shown[T]) -> T:
    """Return what was seen.

    Raises:
        CannotTell: it was not.
    """
    if isinstance(value, Unseen):
        raise CannotTell(value.action)
    return value


@dataclass(frozen=True)
class Subnet:
    """A subnet as DescribeSubnets shows it."""

    subnet_id: SubnetId
    zone: str
    vpc_id: VpcId
    ipv4_cidr: IPv4Network | None
    """None on an IPv6-only subnet."""
    has_ipv6: bool
    free: int
    """AvailableIpAddressCount: IPv4 addresses that nothing has; those kept by a reservation may be among them."""
    tags: Mapping[str, str] = field(default_factory=dict)
    ipv6_cidrs: tuple[IPv6Network, ...] = ()
    gives_ipv6: bool = False
    """AssignIpv6AddressOnCreation: an interface gets an IPv6 address unasked."""

    @property
    def cidrs(self) -> SubnetCidrs:
        """Its CIDR blocks of both families."""
        ipv4 = (self.ipv4_cidr,) if self.ipv4_cidr else ()
        return SubnetCidrs(self.subnet_id, (*ipv4, *self.ipv6_cidrs))


@dataclass(frozen=True)
class SecurityGroup:
    """A security group as DescribeSecurityGroups shows it."""

    group_id: SecurityGroupId
    vpc_id: VpcId
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Launches:
    """What a group launches, by its launch template or its mixed-instances policy."""

    instance_types: tuple[str, ...]
    """Empty when it names none (attributes, an old launch configuration)."""
    extra_interfaces: tuple[tuple[int, int], ...] = ()
    """Network card and device index of every network interface of the template but the primary one."""


@dataclass(frozen=True)
class AutoScalingGroup:
    """An Auto Scaling group as DescribeAutoScalingGroups shows it."""

    name: GroupName
    most_nodes: int
    """What it has at its largest, its warm pool included: `largest`."""
    nodes: int
    """How many instances it has, those of its warm pool included."""
    subnet_ids: tuple[SubnetId, ...]
    running_types: tuple[str, ...]
    """The types of its instances."""
    launches: Shown[Launches]
    hooks: Shown[tuple[str, ...]]
    """The names of its lifecycle hooks, ours too when the stack was deployed before."""
    in_service: tuple[InstanceId, ...] = ()
    """Its instances that are in service."""
    tags: Mapping[str, str] = field(default_factory=dict)
    max_healthy_percent: int = 100
    """How large it becomes while its instances are replaced, of its desired capacity."""
    capacity_rebalance: bool = False
    create: Created | None = None
    """What the file names for it; None for a group that is adopted."""


def largest(maximum: int, least_warm: int | None, prepared: int | None) -> int:
    """Return how many instances a group has at most, with those of its warm pool.

    The pool is filled up to what may be prepared in all, by default the group's maximum, and never below its own minimum (Auto
    Scaling API reference, PutWarmPool, MaxGroupPreparedCapacity and MinSize): with a minimum it is there beside a full group.

    Args:
        maximum: the group's maximum size.
        least_warm: the pool's minimum size.
        prepared: the most instances in the pool and in the group; -1 and None take the default.
    """
    return max(maximum + (least_warm or 0), prepared or 0)


@dataclass(frozen=True)
class InstanceType:
    """The network of an instance type as DescribeInstanceTypes shows it."""

    name: str
    cards: tuple[int, ...]
    """The most network interfaces per network card, by index."""
    interfaces: int
    """The most on all cards together."""
    ipv4: int
    """Addresses per network interface, the primary one included."""
    ipv6: int
    nitro: bool
    ena: bool
    architectures: tuple[str, ...]
    """What it runs: `x86_64`, `arm64`."""

    def on_card(self, card: int) -> int:
        """Return how many network interfaces a card takes; one that the type does not have takes none."""
        return self.cards[card] if card < len(self.cards) else 0


@dataclass(frozen=True)
class Cluster:
    """The EKS cluster as DescribeCluster shows it."""

    version: str
    ipv6: bool
    """Whether pods have IPv6 addresses (ipFamily)."""
    vpc_id: VpcId | None
    authentication_mode: str = ""
    """How principals are let in: `API`, `CONFIG_MAP` or `API_AND_CONFIG_MAP`; empty when it does not say."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What it says of itself, by the keys of `cluster:`."""


@dataclass(frozen=True)
class Image:
    """An Amazon Machine Image as DescribeImages shows it."""

    image_id: str
    architecture: str
    state: str
    """`available`, or why it cannot be launched."""
    root_device: str | None = None
    """The name of its root device; None when it does not say."""
    root_gib: int | None = None
    """The size of the snapshot that its root volume is made of; None when it has none."""


@dataclass(frozen=True)
class VpcCni:
    """The EKS add-on `vpc-cni` as DescribeAddon shows it. What somebody set on the daemon set by hand is not in it."""

    version: tuple[int, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """`env` of its configuration values."""
    has_role: bool = True
    """Whether it has a role of its own: one for its service account, or by a pod identity association."""

    def is_on(self, name: str) -> bool:
        """Return whether one of its switches, off by default, is on."""
        return self.env.get(name, "").lower() == "true"

    def is_off(self, name: str) -> bool:
        """Return whether somebody has written that one of its switches is off."""
        return self.env.get(name, "").lower() == "false"


@dataclass(frozen=True)
class EventRule:
    """An enabled rule of the default event bus that one of our hooks' events may match, and its targets' ARNs."""

    name: str
    pattern: Mapping[str, object]
    targets: Shown[tuple[str, ...]]


@dataclass(frozen=True)
class OtherGroup:
    """An Auto Scaling group that is in no node group of the file, and that this stack may have made or hooked."""

    name: GroupName
    hooks: Shown[tuple[str, ...]]
    """The names of its lifecycle hooks."""


@dataclass(frozen=True)
class Account:
    """All of it."""

    groups: Shown[Mapping[GroupName, AutoScalingGroup]]
    """Those of the configuration that exist."""
    others: Shown[tuple[OtherGroup, ...]]
    """Those of the Region that may be what an earlier file has left behind."""
    subnets: Shown[Mapping[SubnetId, Subnet]]
    """Every subnet of the Region."""
    reservations: Shown[Mapping[SubnetId, tuple[CidrReservation, ...]]]
    """The CIDR reservations of the subnets that nodes take addresses of."""
    takers: Shown[Mapping[SubnetId, tuple[AddressHolder, ...]]]
    """Who has addresses that pods then cannot have, in the subnets of ranges that are to be reserved: all addresses of
    strangers' network interfaces, and of the stack's own the primary ones."""
    security_groups: Shown[Mapping[SecurityGroupId, SecurityGroup]]
    """Every security group of the Region."""
    instance_types: Shown[Mapping[str, InstanceType]]
    """Those that the groups launch or the configuration names, as far as the Region has them."""
    offerings: Shown[Mapping[str, frozenset[str]]]
    """The zones in which those can be launched, by type."""
    cluster: Shown[Cluster | None]
    """None: there is no cluster of this name."""
    vpc_cni: Shown[VpcCni | None]
    """None: it is no add-on of the cluster; somebody installed it in another way."""
    images: Shown[Mapping[str, Image]]
    """Those that the file names, as far as this account may launch them."""
    key_pairs: Shown[frozenset[str]]
    """Those that the file names, as far as they are there."""
    placement_groups: Shown[Mapping[str, str]]
    """Those that the file names, as far as they can be launched into: `cluster`, `spread` or `partition`, by name."""
    rules: Shown[tuple[EventRule, ...]]
    held: Shown[Mapping[InstanceId, frozenset[str]]]
    """The names of the stack's interfaces that are attached, by instance."""
