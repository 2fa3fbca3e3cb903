"""EC2's subnet CIDR reservations, and who has addresses in a subnet."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from domain.model import EniId, SubnetId
from domain.reservations import (
    EXPLICIT,
    AddressHolder,
    CidrReservation,
    ReservationId,
    SubnetCidrs,
)
from lambdas.aws.errors import is_gone, translated

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mypy_boto3_ec2 import EC2Client

PAGE = 1000
_ASSOCIATED = ("associated", "associating")


class CidrReservations:
    """What keeping pod ranges needs of EC2. Every method raises EniLifecycleError and nothing else of AWS's."""

    def __init__(self, client: EC2Client) -> None:
        self._client = client

    def subnets(self, subnet_ids: Collection[SubnetId]) -> tuple[SubnetCidrs, ...]:
        """Return those of the subnets that exist, with their CIDR blocks.

        A filter and not the ids: one that does not exist would fail the whole call.
        """
        with translated():
            pages = self._client.get_paginator("describe_subnets").paginate(
                Filters=[{"Name": "subnet-id", "Values": sorted(subnet_ids)}]
            )
            return tuple(_subnet(raw) for page in pages for raw in page["Subnets"])

    def reservations(self, subnet_id: SubnetId) -> tuple[CidrReservation, ...]:
        """Return a subnet's reservations of both families.

        GetSubnetCidrReservations has no paginator in botocore, and pages from 256 on
        (github.com/hashicorp/terraform-provider-aws/issues/45304).
        """
        found: list[CidrReservation] = []
        token = ""
        while True:
            more: dict[str, Any] = {"NextToken": token} if token else {}
            with translated():
                page = self._client.get_subnet_cidr_reservations(SubnetId=subnet_id, **more)
            for raws in (
                page.get("SubnetIpv4CidrReservations", []),
                page.get("SubnetIpv6CidrReservations", []),
            ):
                found += map(_reservation, raws)
            token = page.get("NextToken", "")
            if not token:
                return tuple(found)

    def holders(self, subnet_id: SubnetId) -> tuple[AddressHolder, ...]:
        """Return every network interface in a subnet, whoever made it, with its addresses and prefixes."""
        paginator = self._client.get_paginator("describe_network_interfaces")
        with translated():
            return tuple(
                AddressHolder(EniId(raw["NetworkInterfaceId"]), tuple(_addresses(raw)))
                for page in paginator.paginate(
                    Filters=[{"Name": "subnet-id", "Values": [subnet_id]}],
                    PaginationConfig={"PageSize": PAGE},
                )
                for raw in page["NetworkInterfaces"]
            )

    def reserve(
        self, subnet_id: SubnetId, cidr: str, description: str, with_tags: Mapping[str, str]
    ) -> ReservationId:
        """Reserve a range; a second reservation of it is refused (SpecRejected), so the call needs no token."""
        with translated():
            answer = self._client.create_subnet_cidr_reservation(
                SubnetId=subnet_id,
                Cidr=cidr,
                ReservationType=EXPLICIT,
                Description=description,
                TagSpecifications=[
                    {
                        "ResourceType": "subnet-cidr-reservation",
                        "Tags": [
                            {"Key": key, "Value": value} for key, value in sorted(with_tags.items())
                        ],
                    }
                ],
            )
        return ReservationId(answer["SubnetCidrReservation"]["SubnetCidrReservationId"])

    def release(self, reservation_id: ReservationId) -> None:
        """Delete a reservation; one that is gone already is success."""
        with translated():
            try:
                self._client.delete_subnet_cidr_reservation(SubnetCidrReservationId=reservation_id)
            except ClientError as error:
                if not is_gone(error):
                    raise


def _subnet(raw: Mapping[str, Any]) -> SubnetCidrs:
    blocks = [raw["CidrBlock"]] if raw.get("CidrBlock") else []
    blocks += [
        item["Ipv6CidrBlock"]
        for item in raw.get("Ipv6CidrBlockAssociationSet", [])
        if item.get("Ipv6CidrBlockState", {}).get("State", "associated") in _ASSOCIATED
    ]
    return SubnetCidrs(SubnetId(raw["SubnetId"]), tuple(map(ip_network, blocks)))


def _reservation(raw: Mapping[str, Any]) -> CidrReservation:
    return CidrReservation(
        reservation_id=ReservationId(raw["SubnetCidrReservationId"]),
        subnet_id=SubnetId(raw["SubnetId"]),
        network=ip_network(raw["Cidr"]),
        kind=raw["ReservationType"],
        tags={tag["Key"]: tag["Value"] for tag in raw.get("Tags", [])},
    )


def _addresses(raw: Mapping[str, Any]) -> Iterator[str]:
    for member, key in (
        ("PrivateIpAddresses", "PrivateIpAddress"),
        ("Ipv6Addresses", "Ipv6Address"),
        ("Ipv4Prefixes", "Ipv4Prefix"),
        ("Ipv6Prefixes", "Ipv6Prefix"),
    ):
        yield from (item[key] for item in raw.get(member, []) if key in item)
