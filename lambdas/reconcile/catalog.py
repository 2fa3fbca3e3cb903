"""Which subnet and which security groups an interface gets in an Availability Zone; looked up once in a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from domain import placement
from domain.errors import SpecRejected
from domain.launch import Desired

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from domain.config import InterfaceSpec, NodeGroup, SecurityGroupSelector, SubnetSelector
    from domain.model import Instance, SecurityGroupId, Subnet, SubnetId, VpcId
    from domain.reservations import PodRange
    from lambdas.reconcile.ports import Clock, Ec2Port

KEEP_FOR = timedelta(minutes=1)
"""What tags select: whoever mends a tag after a refused launch waits no longer than this."""
KEEP_SUBNETS_FOR = timedelta(minutes=5)
"""A subnet never changes its zone or its CIDR. A reservation can be made at any time, and may hold addresses in use already
(VPC user guide, "Subnet CIDR reservations"), as those of the nodes launched a moment before it: a few minutes more of them
change nothing for whoever makes it. EC2 answers for one subnet at a time, so each look costs a burst a call per subnet."""

T = TypeVar("T")


class _Known(NamedTuple):
    value: object
    at: datetime


class Catalog:
    """Settles the selectors of the configuration, with the answers kept for a while.

    Tags select in the node's own VPC only: two clusters in two VPCs of one account have networks with the same tags, EC2
    refuses a security group of another VPC than the subnet's, and a subnet of another VPC is never meant by a tag.
    """

    def __init__(self, ec2: Ec2Port, clock: Clock, reserved: Sequence[PodRange] = ()) -> None:
        """Look things up in EC2.

        Args:
            ec2: EC2.
            clock: says how old an answer is.
            reserved: the ranges that the stack itself reserves. They count as reserved from the first look on, as the
                deployment that makes a reservation is the one that begins to use it, and EC2's answer may be older.
        """
        self._ec2 = ec2
        self._clock = clock
        self._reserved = [(each.subnet_ids, ip_network(each.cidr)) for each in reserved]
        self._known: dict[object, _Known] = {}

    def desired(self, group: NodeGroup, instance: Instance) -> tuple[Desired, ...]:
        """Return what a node of the group must have.

        Raises:
            NoSubnetInZone: an interface names no subnet in the node's zone.
            SpecRejected: a tag matches no security group.
            Transient: a look-up failed; try again.
        """
        return tuple(self.settle(spec, instance) for spec in group.interfaces)

    def settle(self, spec: InterfaceSpec, instance: Instance) -> Desired:
        """Return one interface of a node, settled; raises what `desired` raises."""
        subnet_id = self._subnet_of(spec, instance)
        return Desired(spec, subnet_id, self.security_groups(spec, instance))

    def security_groups(
        self, spec: InterfaceSpec, instance: Instance
    ) -> tuple[SecurityGroupId, ...]:
        """Return the security groups of one interface of a node; raises what `desired` raises of them."""
        return self._security_groups(spec.security_groups, instance.vpc_id)

    def subnets(self, subnet_ids: Collection[SubnetId]) -> Mapping[SubnetId, Subnet]:
        """Return those of the subnets that exist, with their IPv4 CIDR reservations; an IPv6-only one has none."""
        return {
            subnet.subnet_id: replace(
                subnet,
                reservations=(*self._reservations(subnet.subnet_id), *self._own(subnet)),
            )
            if subnet.ipv4_cidr
            else subnet
            for subnet in self._named(subnet_ids)
        }

    def _own(self, subnet: Subnet) -> Iterator[IPv4Network]:
        for subnet_ids, network in self._reserved:
            if isinstance(network, IPv4Network) and subnet.subnet_id in subnet_ids:
                yield network

    def _reservations(self, subnet_id: SubnetId) -> tuple[IPv4Network, ...]:
        return self._kept(
            ("reservations", subnet_id),
            lambda: self._ec2.list_reservations(subnet_id),
            KEEP_SUBNETS_FOR,
        )

    def _named(self, subnet_ids: Collection[SubnetId]) -> Sequence[Subnet]:
        ids = tuple(sorted(subnet_ids))
        if not ids:
            return ()
        return self._kept(
            ("subnets", ids), lambda: self._ec2.find_subnets(ids=ids), KEEP_SUBNETS_FOR
        )

    def _subnet_of(self, spec: InterfaceSpec, instance: Instance) -> SubnetId:
        zone = instance.availability_zone
        if spec.subnets.by_zone is not None:
            return placement.named_for_zone(spec, spec.subnets.by_zone, zone)
        return placement.pick_in_zone(
            spec, self._candidates(spec.subnets, instance.vpc_id), zone, instance.instance_id
        )

    def _candidates(self, selector: SubnetSelector, vpc_id: VpcId | None) -> Sequence[Subnet]:
        if selector.ids:
            return self._named(selector.ids)
        wanted = dict(selector.tags or {})
        key = ("subnet tags", vpc_id, tuple(sorted(wanted.items())))
        return self._kept(key, lambda: self._ec2.find_subnets(with_tags=wanted, vpc_id=vpc_id))

    def _security_groups(
        self, selector: SecurityGroupSelector, vpc_id: VpcId | None
    ) -> tuple[SecurityGroupId, ...]:
        if selector.ids:
            return tuple(sorted(selector.ids))
        wanted = dict(selector.tags or {})
        key = ("security group tags", vpc_id, tuple(sorted(wanted.items())))
        found = self._kept(key, lambda: self._ec2.find_security_groups(wanted, vpc_id))
        if not found:
            raise SpecRejected(f"no security group has the tags {wanted} in {vpc_id or 'any VPC'}")
        return found

    def _kept(self, key: object, look_up: Callable[[], T], keep_for: timedelta = KEEP_FOR) -> T:
        known = self._known.get(key)
        now = self._clock.now()
        if known is None or now - known.at >= keep_for:
            known = self._known[key] = _Known(look_up(), now)
        return known.value  # type: ignore[return-value]  # the key determines the type
