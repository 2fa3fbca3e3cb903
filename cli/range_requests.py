"""A request of CloudFormation's for a pod range, in an embedded account: what is made true for it, and what is shown of it."""

from __future__ import annotations

import json
import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, NamedTuple

from domain import tags
from domain.reservations import canonical, from_physical_id
from domain.stack_request import RequestType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.rehearsal import Rehearsal

KIND = "RequestType"
"""What a request has and no event."""
_SUBNET_ID = re.compile(r"subnet-([0-9a-f]{8}|[0-9a-f]{17})")
_PARTS = 4
"""A range is a sixteenth of its subnet: two to the power of this."""


class Prepared(NamedTuple):
    """A request ready to go, and what was made true for it."""

    body: str
    state: str
    """In words."""


def prepare(rehearsal: Rehearsal, payload: Mapping[str, Any]) -> Prepared:
    """Make and reserve what a request speaks of, and put the ranges and subnets of this account into it.

    Whatever is wrong with a request stays wrong: the handler says so itself.
    """
    subnet_id, before, after = _ranges(rehearsal)
    if _range_of(payload, "OldResourceProperties") == _range_of(payload, "ResourceProperties"):
        before = after
    kind = payload[KIND]
    if kind not in (RequestType.UPDATE, RequestType.DELETE):
        body = {**payload, **_properties(payload, "ResourceProperties", after, subnet_id)}
        return Prepared(json.dumps(body), "no range is reserved")
    reserved = after if kind == RequestType.DELETE else before
    made = rehearsal.request(
        json.dumps(
            {
                **payload,
                KIND: RequestType.CREATE,
                "ResourceProperties": {"Cidr": reserved, "SubnetIds": [subnet_id]},
            }
        )
    )
    body = {
        **payload,
        **_properties(payload, "OldResourceProperties", before, subnet_id),
        **_properties(payload, "ResourceProperties", after, subnet_id),
    }
    physical_id = payload.get("PhysicalResourceId")
    if isinstance(physical_id, str) and from_physical_id(physical_id) is not None:
        body["PhysicalResourceId"] = made.response.get("physical_id", physical_id)
    return Prepared(json.dumps(body), f"{reserved} of {subnet_id} is reserved by the stack")


def reservations(rehearsal: Rehearsal) -> Mapping[str, str]:
    """Return every reservation in the Multus subnets by id, and whose it is."""
    ec2 = rehearsal.account.client("ec2")
    found = {}
    for subnet_id in rehearsal.platform.subnets:
        shown = ec2.get_subnet_cidr_reservations(SubnetId=subnet_id)
        for family in ("SubnetIpv4CidrReservations", "SubnetIpv6CidrReservations"):
            for each in shown.get(family, []):
                owner = {tag["Key"]: tag["Value"] for tag in each.get("Tags", [])}.get(tags.OWNER)
                found[each["SubnetCidrReservationId"]] = (
                    f"{each['Cidr']} of {subnet_id}, {each['ReservationType']}, of {owner or 'nobody'}"
                )
    return found


def _ranges(rehearsal: Rehearsal) -> tuple[str, str, str]:
    """Return a Multus subnet and its last two parts."""
    ids = list(rehearsal.platform.subnets)
    (subnet, *_) = rehearsal.account.client("ec2").describe_subnets(SubnetIds=ids)["Subnets"]
    blocks = [subnet.get("CidrBlock")] + [
        each["Ipv6CidrBlock"] for each in subnet.get("Ipv6CidrBlockAssociationSet", [])
    ]
    *_, before, after = ip_network(next(filter(None, blocks))).subnets(_PARTS)
    return subnet["SubnetId"], str(before), str(after)


def _range_of(payload: Mapping[str, Any], key: str) -> str | None:
    """Return the range that properties of a request name, or None where they name none."""
    written = payload.get(key)
    cidr = written.get("Cidr") if isinstance(written, dict) else None
    return canonical(cidr) if isinstance(cidr, str) else None


def _properties(
    payload: Mapping[str, Any], key: str, cidr: str, subnet_id: str
) -> dict[str, dict[str, Any]]:
    """Return properties of a request with what is here, for each that it has in the right form."""
    written = payload.get(key)
    if not isinstance(written, dict):
        return {}
    fresh = dict(written)
    if _range_of(payload, key) is not None:
        fresh["Cidr"] = cidr
    if _are_subnet_ids(fresh.get("SubnetIds")):
        fresh["SubnetIds"] = [subnet_id]
    return {key: fresh}


def _are_subnet_ids(value: object) -> bool:
    """Return whether it is a list of what EC2 may have given as a subnet's id, and not an empty one."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, str) and _SUBNET_ID.fullmatch(each) for each in value)
    )
