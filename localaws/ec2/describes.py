"""The Describe actions: ids, filters and pages over what EC2 shows."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

from localaws.ec2 import filters, pages, refusals, views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from moto.ec2.models.subnets import Subnet

    from localaws.ec2.interfaces import Interface
    from localaws.ec2.region import InstanceRecord, Region
    from localaws.ec2.wire import Answer
    from localaws.rules import Rule

    Params = Mapping[str, Any]

Item = TypeVar("Item")
Values = tuple[str, ...]


def _flag(value: bool) -> Values:
    return ("true" if value else "false",)


def _known(*values: str | None) -> Values:
    return tuple(value for value in values if value)


def _chosen(
    items: Iterable[Item],
    ids: Sequence[str],
    id_of: Callable[[Item], str],
    unknown: tuple[Rule, Rule, str],
) -> list[Item]:
    """Return the items with these ids, or all when none are given.

    Args:
        items: what there is.
        ids: the ids in the request.
        id_of: an item's id.
        unknown: the refusal of one unknown id, that of several, and the name of the fact in their messages.

    Raises:
        Refusal: naming every unknown id.
    """
    if not ids:
        return list(items)
    by_id = {id_of(item): item for item in items}
    missing = [each for each in dict.fromkeys(ids) if each not in by_id]
    if missing:
        one, several, fact = unknown
        raise (one if len(missing) == 1 else several).refusal(**{fact: ", ".join(missing)})
    return [by_id[each] for each in dict.fromkeys(ids)]


# Network interfaces.

_INTERFACE_PAGES = pages.PageRules("NetworkInterfaceIds")
_NARROWING = frozenset(
    {
        "attachment.instance-id",
        "group-id",
        "mac-address",
        "private-dns-name",
        "private-ip-address",
        "subnet-id",
        "vpc-id",
    }
)
"""With one of these an unpaginated request works however many interfaces there are (DescribeNetworkInterfaces)."""


def _interface_filters(region: Region) -> Mapping[str, Callable[[Interface], Iterable[str]]]:
    now_s, owner = region.now_s, region.backend.account_id
    return {
        "network-interface-id": lambda each: (each.id,),
        "subnet-id": lambda each: (each.subnet.id,),
        "vpc-id": lambda each: (each.subnet.vpc_id,),
        "availability-zone": lambda each: (each.subnet.availability_zone,),
        "availability-zone-id": lambda each: (each.subnet.availability_zone_id,),
        "description": lambda each: (each.description,),
        "status": lambda each: (each.status_at(now_s),),
        "mac-address": lambda each: (each.mac_address,),
        "owner-id": lambda _: (owner,),
        "requester-id": lambda each: _known(each.requester_id),
        "requester-managed": lambda each: _flag(each.requester_managed),
        "interface-type": lambda each: (each.interface_type,),
        "source-dest-check": lambda each: _flag(each.source_dest_check),
        "group-id": lambda each: (group.id for group in each.groups),
        "group-name": lambda each: (group.name for group in each.groups),
        "private-ip-address": lambda each: each.ipv4_addresses,
        "addresses.private-ip-address": lambda each: each.ipv4_addresses,
        "ipv6-addresses.ipv6-address": lambda each: each.ipv6_addresses,
        "attachment.attachment-id": lambda each: _known(each.attachment_id),
        "attachment.instance-id": lambda each: (each.held.instance_id,) if each.held else (),
        "attachment.instance-owner-id": lambda each: (owner,) if each.held else (),
        "attachment.device-index": lambda each: (str(each.held.slot.device),) if each.held else (),
        "attachment.status": lambda each: (each.held.status(now_s),) if each.held else (),
        "attachment.delete-on-termination": lambda each: (
            _flag(each.held.delete_on_termination) if each.held else ()
        ),
    }


def describe_network_interfaces(region: Region, params: Params) -> Answer:
    """Show interfaces; those just made are not there yet."""
    pages.check(params, _INTERFACE_PAGES)
    chosen = _chosen(
        _candidates(region, params),
        params.get("NetworkInterfaceIds", ()),
        lambda each: each.id,
        (refusals.INTERFACE_NOT_FOUND, refusals.INTERFACES_NOT_FOUND, "interface_ids"),
    )
    asked = params.get("Filters", ())
    matching = filters.select(chosen, asked, _interface_filters(region), lambda each: each.tags)
    narrowed = params.get("MaxResults") or params.get("NetworkInterfaceIds")
    narrowed = narrowed or any(each.get("Name") in _NARROWING for each in asked)
    most = region.settings.unpaginated_interfaces
    if not narrowed and len(matching) > most:
        raise refusals.UNPAGINATED.refusal(most=most)
    page = pages.cut(matching, params, lambda each: f"{each.number:012d}")
    return {
        "NetworkInterfaces": [views.interface_view(region, each) for each in page.items],
        "NextToken": page.next_token,
    }


def _candidates(region: Region, params: Params) -> Iterable[Interface]:
    """Return the visible interfaces, or only one instance's when a filter names instances without a wildcard."""
    for each in params.get("Filters", ()):
        wanted = each.get("Values", ())
        if each.get("Name") == "attachment.instance-id" and not any(
            set(value) & set("*?\\") for value in wanted
        ):
            records = [region.instances.get(value) for value in dict.fromkeys(wanted)]
            return [
                interface
                for record in records
                if record
                for interface in record.interfaces.values()
                if interface.visible_s <= region.now_s
            ]
    return region.described_interfaces()


# Instances.

_INSTANCE_PAGES = pages.PageRules("InstanceIds")


def _primary(record: InstanceRecord) -> Iterable[Interface]:
    return (each for each in record.interfaces.values() if each.is_primary())


def _instance_filters(region: Region) -> Mapping[str, Callable[[InstanceRecord], Iterable[str]]]:
    now_s, owner = region.now_s, region.backend.account_id
    return {
        "instance-id": lambda each: (each.instance.id,),
        "instance-state-name": lambda each: (each.state,),
        "instance-state-code": lambda each: (str(each.instance.instance_state.code),),
        "instance-type": lambda each: (each.instance.instance_type,),
        "instance-lifecycle": lambda each: _known(each.instance.lifecycle),
        "image-id": lambda each: _known(each.instance.image_id),
        "key-name": lambda each: _known(each.instance.key_name),
        "client-token": lambda each: _known(each.instance.client_token),
        "architecture": lambda each: _known(each.instance.architecture),
        "availability-zone": lambda each: _known(each.instance.placement.zone),
        "owner-id": lambda _: (owner,),
        "reservation-id": lambda each: (each.reservation.id,) if each.reservation else (),
        "subnet-id": lambda each: (eni.subnet.id for eni in _primary(each)),
        "vpc-id": lambda each: (eni.subnet.vpc_id for eni in _primary(each)),
        "instance.group-id": lambda each: (
            group.id for eni in _primary(each) for group in eni.groups
        ),
        "private-ip-address": lambda each: (
            eni.private_ip_address for eni in _primary(each) if eni.private_ip_address
        ),
        "network-interface.network-interface-id": lambda each: (
            eni.id for eni in each.interfaces.values()
        ),
        "network-interface.subnet-id": lambda each: (
            eni.subnet.id for eni in each.interfaces.values()
        ),
        "network-interface.status": lambda each: (
            eni.status_at(now_s) for eni in each.interfaces.values()
        ),
        "network-interface.attachment.attachment-id": lambda each: (
            eni.held.attachment_id for eni in each.interfaces.values() if eni.held
        ),
        "network-interface.attachment.status": lambda each: (
            eni.held.status(now_s) for eni in each.interfaces.values() if eni.held
        ),
    }


def describe_instances(region: Region, params: Params) -> Answer:
    """Show instances by reservation, each with every interface on it."""
    pages.check(params, _INSTANCE_PAGES)
    chosen = _chosen(
        region.described_instances(),
        params.get("InstanceIds", ()),
        lambda each: each.instance.id,
        (refusals.INSTANCE_NOT_FOUND, refusals.INSTANCES_NOT_FOUND, "instance_ids"),
    )
    matching = filters.select(
        chosen,
        params.get("Filters", ()),
        _instance_filters(region),
        lambda each: region.backend.tags.get(each.instance.id, {}),
    )
    page = pages.cut(matching, params, lambda each: f"{each.number:012d}")
    return {
        "Reservations": [
            reservation_answer(region, list(records))
            for _, records in groupby(page.items, key=_reservation_id)
        ],
        "NextToken": page.next_token,
    }


def _reservation_id(record: InstanceRecord) -> str:
    return record.reservation.id if record.reservation else ""


def reservation_answer(region: Region, records: Sequence[InstanceRecord]) -> Answer:
    """Show the instances of one launch."""
    return {
        "ReservationId": _reservation_id(records[0]),
        "OwnerId": region.backend.account_id,
        "Groups": [],
        "Instances": [views.instance_view(region, each) for each in records],
    }


# Subnets.

_SUBNET_PAGES = pages.PageRules("SubnetIds")


def _subnet_filters(region: Region) -> Mapping[str, Callable[[Subnet], Iterable[str]]]:
    def available(subnet: Subnet) -> Values:
        pool = region.addresses_of(subnet).ipv4
        return (str(pool.available if pool else 0),)

    return {
        "subnet-id": lambda each: (each.id,),
        "vpc-id": lambda each: (each.vpc_id,),
        "state": lambda each: (each.state,),
        "owner-id": lambda each: (each.owner_id,),
        "subnet-arn": lambda each: (each.arn,),
        "cidr-block": lambda each: _known(each.cidr_block),
        "cidrBlock": lambda each: _known(each.cidr_block),
        "cidr": lambda each: _known(each.cidr_block),
        "availability-zone": lambda each: (each.availability_zone,),
        "availabilityZone": lambda each: (each.availability_zone,),
        "availability-zone-id": lambda each: (each.availability_zone_id,),
        "available-ip-address-count": available,
        "default-for-az": lambda each: _flag(each.default_for_az),
        "defaultForAz": lambda each: _flag(each.default_for_az),
        "ipv6-native": lambda each: _flag(each.ipv6_native),
        "map-public-ip-on-launch": lambda each: _flag(bool(each.map_public_ip_on_launch)),
        "ipv6-cidr-block-association.ipv6-cidr-block": lambda each: (
            association["ipv6CidrBlock"]
            for association in each.ipv6_cidr_block_associations.values()
        ),
        "ipv6-cidr-block-association.association-id": lambda each: (
            each.ipv6_cidr_block_associations
        ),
    }


def describe_subnets(region: Region, params: Params) -> Answer:
    """Show subnets with how many addresses they have left."""
    pages.check(params, _SUBNET_PAGES)
    chosen = _chosen(
        region.backend.describe_subnets(),
        params.get("SubnetIds", ()),
        lambda each: each.id,
        (refusals.SUBNET_NOT_FOUND, refusals.SUBNETS_NOT_FOUND, "subnet_ids"),
    )
    matching = filters.select(
        chosen,
        params.get("Filters", ()),
        _subnet_filters(region),
        lambda each: region.backend.tags.get(each.id, {}),
    )
    page = pages.cut(matching, params, lambda each: each.id)
    return {
        "Subnets": [views.subnet_view(region, each) for each in page.items],
        "NextToken": page.next_token,
    }
