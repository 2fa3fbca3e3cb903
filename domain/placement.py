"""Which of several subnets in a zone a node's interface goes to: always the same one, spread over the nodes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from domain.errors import NoSubnetInZone

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.config import InterfaceSpec
    from domain.model import InstanceId, Subnet, SubnetId


def named_for_zone(spec: InterfaceSpec, by_zone: Mapping[str, SubnetId], zone: str) -> SubnetId:
    """Return the subnet that the configuration names for the zone.

    Raises:
        NoSubnetInZone: it names none.
    """
    if zone not in by_zone:
        raise _none(spec, zone, sorted(by_zone))
    return by_zone[zone]


def pick_in_zone(
    spec: InterfaceSpec, candidates: Iterable[Subnet], zone: str, instance_id: InstanceId
) -> SubnetId:
    """Return one of the candidates in the zone.

    The choice depends on the node and the subnets alone, so that a repeated create is the same request; a hash of both
    (rendezvous hashing) spreads the nodes and moves few of them when a subnet is added.

    Raises:
        NoSubnetInZone: no candidate is in the zone.
    """
    candidates = list(candidates)
    here = [subnet.subnet_id for subnet in candidates if subnet.availability_zone == zone]
    if not here:
        raise _none(spec, zone, sorted({subnet.availability_zone for subnet in candidates}))
    return max(
        here, key=lambda subnet_id: hashlib.sha256(f"{subnet_id}/{instance_id}".encode()).digest()
    )


def _none(spec: InterfaceSpec, zone: str, zones: list[str]) -> NoSubnetInZone:
    return NoSubnetInZone(
        f"interface {spec.name} has no subnet in {zone}, only in {', '.join(zones) or 'no zone at all'}",
        interface=spec.name,
        availability_zone=zone,
    )
