"""The resolved configuration: what handlers and nodes read. Machine-made from the authored file; JSON in transit."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from domain.model import GroupName, SecurityGroupId, SubnetId

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION = 1


class Ipv4Mode(str, Enum):
    """Where the primary IPv4 address of an interface comes from."""

    AUTO = "auto"
    """EC2 picks one."""
    FROM_START = "from_start"
    """The first free address from the start of the subnet, outside pod ranges and reservations."""
    NONE = "none"
    """An IPv6-only subnet."""


@dataclass(frozen=True)
class SubnetSelector:
    """Which subnets an interface may be in: exactly one of the three is set."""

    by_zone: Mapping[str, SubnetId] | None = None
    ids: tuple[SubnetId, ...] = ()
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True)
class SecurityGroupSelector:
    """Which security groups an interface has: exactly one of the two is set."""

    ids: tuple[SecurityGroupId, ...] = ()
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True)
class InterfaceSpec:
    """One Multus interface that every node of a group must have."""

    name: str
    subnets: SubnetSelector
    security_groups: SecurityGroupSelector
    device_index: int
    device_index_fixed: bool = False
    """Whether a person asked for this very index. Otherwise the next free one will do when it is taken."""
    network_card_index: int = 0
    ipv4: Ipv4Mode = Ipv4Mode.AUTO
    pod_ranges: tuple[str, ...] = ()
    """CIDRs of either family that are the pods': `from_start` never takes an address from them."""
    reserve_pod_ranges: bool = False
    """Whether the stack keeps them as subnet CIDR reservations."""
    ipv6_count: int = 0
    pool_ipv4: int = 0
    """Secondary IPv4 addresses, for the pods of the node."""
    pool_ipv6: int = 0
    """IPv6 addresses besides `ipv6_count`, for the pods of the node."""
    source_dest_check: bool = True
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def ipv4_pod_ranges(self) -> tuple[str, ...]:
        """The pods' CIDRs of IPv4, the family that `from_start` chooses addresses of."""
        return tuple(text for text in self.pod_ranges if ":" not in text)

    @property
    def ipv4_addresses(self) -> int:
        """How many IPv4 addresses the interface has in all."""
        return 0 if self.ipv4 is Ipv4Mode.NONE else 1 + self.pool_ipv4

    @property
    def ipv6_addresses(self) -> int:
        """How many IPv6 addresses the interface has in all."""
        return self.ipv6_count + self.pool_ipv6


@dataclass(frozen=True)
class NodeGroup:
    """An Auto Scaling group and what each of its nodes must have."""

    name: str
    auto_scaling_group: GroupName
    interfaces: tuple[InterfaceSpec, ...]
    adopt_running: bool = False
    """Whether nodes in service that lack an interface are given it."""


@dataclass(frozen=True)
class Config:
    """What one stack looks after."""

    owner: str
    """The value of the owner tag; unique per account and region (it is the stack's name)."""
    cluster_name: str
    node_groups: tuple[NodeGroup, ...]

    def node_group_of(self, group: GroupName) -> NodeGroup | None:
        """Return the node group of this Auto Scaling group, or None."""
        return next((g for g in self.node_groups if g.auto_scaling_group == group), None)


def to_json(config: Config) -> str:
    """Return the configuration as one line of JSON, the same for the same configuration."""
    document = {"version": SCHEMA_VERSION, **dataclasses.asdict(config)}
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def from_json(text: str) -> Config:
    """Read what `to_json` wrote.

    Raises:
        ValueError: the text is of another version (KeyError and TypeError: it was not written by `to_json`).
    """
    document = json.loads(text)
    if document["version"] != SCHEMA_VERSION:
        raise ValueError(
            f"resolved configuration has version {document['version']}, expected {SCHEMA_VERSION}"
        )
    return Config(
        owner=document["owner"],
        cluster_name=document["cluster_name"],
        node_groups=tuple(_node_group(group) for group in document["node_groups"]),
    )


def _node_group(raw: Mapping[str, Any]) -> NodeGroup:
    return NodeGroup(
        name=raw["name"],
        auto_scaling_group=GroupName(raw["auto_scaling_group"]),
        interfaces=tuple(_interface(item) for item in raw["interfaces"]),
        adopt_running=raw["adopt_running"],
    )


def _interface(raw: Mapping[str, Any]) -> InterfaceSpec:
    subnets, groups = raw["subnets"], raw["security_groups"]
    return InterfaceSpec(
        **{
            **raw,
            "subnets": SubnetSelector(subnets["by_zone"], tuple(subnets["ids"]), subnets["tags"]),
            "security_groups": SecurityGroupSelector(tuple(groups["ids"]), groups["tags"]),
            "ipv4": Ipv4Mode(raw["ipv4"]),
            "pod_ranges": tuple(raw["pod_ranges"]),
        }
    )
