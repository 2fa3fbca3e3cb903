"""Subnet CIDR reservations."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from moto.ec2.utils import random_subnet_cidr_reservation_id

from localaws.ec2 import filters, pages, refusals, tagging, views
from localaws.ec2.addresses import CidrReservation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.ec2.addresses import Network
    from localaws.ec2.region import Region
    from localaws.ec2.wire import Answer

    Params = Mapping[str, Any]

PAGE = 255
"""So many are shown at once when nobody says how many (github.com/hashicorp/terraform-provider-aws/issues/45304)."""
_FILTERS = {
    "reservationType": lambda reservation: (reservation.kind,),
    "subnet-id": lambda reservation: (reservation.subnet_id,),
}


def create_subnet_cidr_reservation(region: Region, params: Params) -> Answer:
    """Keep a part of a subnet back from automatic assignment."""
    subnet = region.subnet(params["SubnetId"])
    kind = params["ReservationType"]
    if kind not in ("prefix", "explicit"):
        raise refusals.RESERVATION_TYPE.refusal(kind=kind)
    tags = tagging.tags_in_specifications(
        params.get("TagSpecifications", ()), "subnet-cidr-reservation"
    )
    reservation = CidrReservation(
        reservation_id=random_subnet_cidr_reservation_id(),
        subnet_id=subnet.id,
        network=_network(params["Cidr"]),
        kind=kind,
        description=params.get("Description", ""),
    )
    region.addresses_of(subnet).reserve(reservation)
    if tags:
        region.backend.create_tags([reservation.reservation_id], tags)
    return {"SubnetCidrReservation": views.reservation_view(region, reservation)}


def _network(cidr: str) -> Network:
    try:
        return ip_network(cidr)
    except ValueError:
        raise refusals.RESERVATION_MALFORMED.refusal(cidr=cidr) from None


def get_subnet_cidr_reservations(region: Region, params: Params) -> Answer:
    """Show a subnet's reservations, by family."""
    subnet = region.subnet(params["SubnetId"])
    chosen: list[CidrReservation] = filters.select(
        region.addresses_of(subnet).reservations().values(),
        params.get("Filters", ()),
        _FILTERS,
        lambda reservation: region.backend.tags.get(reservation.reservation_id, {}),
    )
    page = pages.cut(chosen, {"MaxResults": PAGE, **params}, lambda each: each.reservation_id)
    shown: dict[str, Any] = {
        f"SubnetIpv{version}CidrReservations": [
            views.reservation_view(region, each)
            for each in page.items
            if each.network.version == version
        ]
        for version in (4, 6)
    }
    return {**shown, "NextToken": page.next_token}


def delete_subnet_cidr_reservation(region: Region, params: Params) -> Answer:
    """Make the reserved addresses ordinary again."""
    reservation_id = params["SubnetCidrReservationId"]
    for subnet in region.backend.describe_subnets():
        addresses = region.addresses_of(subnet)
        reservation = addresses.reservations().get(reservation_id)
        if reservation is not None:
            view = views.reservation_view(region, reservation)
            addresses.drop_reservation(reservation_id)
            region.backend.tags.pop(reservation_id, None)
            return {"DeletedSubnetCidrReservation": view}
    raise refusals.RESERVATION_NOT_FOUND.refusal(reservation_id=reservation_id)
