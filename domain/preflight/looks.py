"""One node group, and the whole configuration, beside what the account has for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from domain import naming
from domain.preflight.observed import CannotTell, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.config import Config, InterfaceSpec, NodeGroup
    from domain.model import VpcId
    from domain.node import config as node_config
    from domain.preflight.observed import (
        Account,
        AutoScalingGroup,
        Cluster,
        InstanceType,
        SecurityGroup,
        Subnet,
        VpcCni,
    )
    from domain.preflight.planned import Created

T = TypeVar("T")


@dataclass(frozen=True)
class Whole:
    """The configuration beside the account."""

    config: Config
    nodes: node_config.NodeConfig
    account: Account
    written: Mapping[str, str] = field(default_factory=dict)
    """What the file says of the cluster, by the keys of `cluster:`; nothing where it leaves that to EKS."""

    def groups(self) -> Iterator[Group]:
        """Yield its node groups, one for each Auto Scaling group that a node group has."""
        for group in self.config.node_groups:
            yield Group(self, group, self.nodes.node_group(group.name))

    @property
    def cluster(self) -> Cluster:
        """The cluster.

        Raises:
            CannotTell: not shown, or there is none.
        """
        return _there(shown(self.account.cluster))

    @property
    def vpc_cni(self) -> VpcCni:
        """The VPC CNI.

        Raises:
            CannotTell: not shown, or it is no add-on.
        """
        return _there(shown(self.account.vpc_cni))

    def switch_is_on(self, name: str) -> bool:
        """Return whether a switch of the VPC CNI, off by default, is on; one that cannot be seen counts as off."""
        try:
            return self.vpc_cni.is_on(name)
        except CannotTell:
            return False

    def pods_have_ipv6(self) -> bool:
        """Return whether the cluster is an IPv6 one; one that cannot be seen counts as the usual IPv4."""
        try:
            return self.cluster.ipv6
        except CannotTell:
            return False


@dataclass(frozen=True)
class Group:
    """One node group, with one Auto Scaling group, beside the account."""

    whole: Whole
    config: NodeGroup
    node: node_config.NodeGroup

    @property
    def account(self) -> Account:
        """The account."""
        return self.whole.account

    @property
    def in_account(self) -> AutoScalingGroup:
        """The Auto Scaling group.

        Raises:
            CannotTell: not shown, or there is none.
        """
        return _there(shown(self.account.groups).get(self.config.auto_scaling_group))

    @property
    def create(self) -> Created:
        """What the file names for the group.

        Raises:
            CannotTell: the group is not shown, or it is adopted.
        """
        return _there(self.in_account.create)

    def node_subnets(self) -> tuple[Subnet, ...]:
        """Return the subnets in which the group's nodes have their primary interface."""
        known = shown(self.account.subnets)
        return tuple(known[each] for each in self.in_account.subnet_ids if each in known)

    def zones(self) -> tuple[str, ...]:
        """Return the zones that the group launches in."""
        return tuple(sorted({subnet.zone for subnet in self.node_subnets()}))

    def vpcs(self) -> frozenset[VpcId]:
        """Return the VPC of the group's nodes; of the cluster when the group cannot be seen, or none of its subnets exists."""
        try:
            found = frozenset(subnet.vpc_id for subnet in self.node_subnets())
        except CannotTell:
            found = frozenset()
        return found or frozenset({_there(self.whole.cluster.vpc_id)})

    def candidates(self, spec: InterfaceSpec) -> tuple[Subnet, ...]:
        """Return the subnets that an interface may be in, as far as they exist."""
        known, selector = shown(self.account.subnets), spec.subnets
        if selector.tags:
            vpcs = self.vpcs()
            return tuple(
                subnet
                for subnet in known.values()
                if subnet.vpc_id in vpcs and _has(subnet.tags, selector.tags)
            )
        ids = tuple(selector.by_zone.values()) if selector.by_zone else selector.ids
        return tuple(known[each] for each in dict.fromkeys(ids) if each in known)

    def in_zone(self, spec: InterfaceSpec, zone: str) -> tuple[Subnet, ...]:
        """Return the subnets that an interface may be in on a node of this zone."""
        by_zone = spec.subnets.by_zone
        return tuple(
            subnet
            for subnet in self.candidates(spec)
            if subnet.zone == zone and (not by_zone or by_zone.get(zone) == subnet.subnet_id)
        )

    def multus_subnets(self) -> tuple[tuple[Subnet, tuple[InterfaceSpec, ...]], ...]:
        """Return the subnets of all the group's interfaces, each with the interfaces that may be in it."""
        found: dict[str, tuple[Subnet, tuple[InterfaceSpec, ...]]] = {}
        for spec in self.config.interfaces:
            for subnet in self.candidates(spec):
                _, before = found.get(subnet.subnet_id, (subnet, ()))
                found[subnet.subnet_id] = (subnet, (*before, spec))
        return tuple(found.values())

    def security_groups(self, spec: InterfaceSpec) -> tuple[SecurityGroup, ...]:
        """Return the security groups of an interface, as far as they exist."""
        known, selector = shown(self.account.security_groups), spec.security_groups
        if selector.tags:
            vpcs = self.vpcs()
            return tuple(
                group
                for group in known.values()
                if group.vpc_id in vpcs and _has(group.tags, selector.tags)
            )
        return tuple(known[each] for each in selector.ids if each in known)

    def type_names(self) -> tuple[str, ...]:
        """Return what the group launches, as far as that is known: by its template, else what runs and what is declared."""
        try:
            names = shown(self.in_account.launches).instance_types or self.in_account.running_types
        except CannotTell:
            names = ()
        return tuple(dict.fromkeys(names or self.node.instance_types))

    def types(self) -> tuple[InstanceType, ...]:
        """Return the instance types that the group launches.

        Raises:
            CannotTell: none is known.
        """
        known = shown(self.account.instance_types)
        types = tuple(known[name] for name in self.type_names() if name in known)
        if not types:
            raise CannotTell("instance types")
        return types

    def extra_interfaces(self) -> tuple[tuple[int, int], ...]:
        """Return what the launch template puts on each node besides the primary interface; unknown counts as nothing."""
        try:
            return shown(self.in_account.launches).extra_interfaces
        except CannotTell:
            return ()

    def is_served(self) -> bool:
        """Return whether the group has our launch hook already, so that its nodes may have their addresses."""
        hooks = shown(self.in_account.hooks)
        return naming.launch_hook(self.whole.config.owner) in hooks


def _there(value: T | None) -> T:
    if value is None:
        raise CannotTell("not there")
    return value


def _has(tags: Mapping[str, str], sought: Mapping[str, str]) -> bool:
    return all(tags.get(key) == value for key, value in sought.items())
