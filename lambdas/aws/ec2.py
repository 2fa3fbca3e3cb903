"""EC2: the only place that sees its response dictionaries."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from domain import tags
from domain.model import (
    Attachment,
    AttachmentId,
    AttachmentStatus,
    EniId,
    EniStatus,
    GroupName,
    Instance,
    InstanceId,
    InstanceState,
    NetworkInterface,
    SecurityGroupId,
    Subnet,
    SubnetId,
    SubnetUse,
    VpcId,
)
from lambdas.aws.errors import is_denied, is_gone, translated

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef

    from domain.plan import Create

FILTER_VALUES = 200
"""The most values one filter takes (EC2 user guide, "Filter your resources")."""
PAGE = 1000
"""The largest page of DescribeInstances and DescribeNetworkInterfaces. Asking for pages also puts the call into the larger
of the two token buckets for describes (EC2 API throttling, "paginated or filtered")."""
GROUP_TAG = "aws:autoscaling:groupName"


class Ec2:
    """What the reconcilers need of EC2. Every method raises EniLifecycleError and nothing else of AWS's."""

    def __init__(self, client: EC2Client) -> None:
        self._client = client

    def describe_instances(
        self, instance_ids: Collection[InstanceId]
    ) -> dict[InstanceId, Instance]:
        """Return those of the instances that EC2 knows.

        A filter and not the ids: an id that is not visible yet would fail the whole call.
        """
        return self._instances("instance-id", sorted(instance_ids))

    def describe_group_instances(self, groups: Collection[GroupName]) -> dict[InstanceId, Instance]:
        """Return the instances of these Auto Scaling groups."""
        return self._instances(f"tag:{GROUP_TAG}", sorted(groups))

    def _instances(self, filter_name: str, values: Sequence[str]) -> dict[InstanceId, Instance]:
        found: dict[InstanceId, Instance] = {}
        paginator = self._client.get_paginator("describe_instances")
        with translated():
            for chunk in _chunks(values):
                filters: list[FilterTypeDef] = [{"Name": filter_name, "Values": chunk}]
                for page in paginator.paginate(
                    Filters=filters, PaginationConfig={"PageSize": PAGE}
                ):
                    for reservation in page["Reservations"]:
                        for raw in reservation["Instances"]:
                            instance = _instance(raw)
                            found[instance.instance_id] = instance
        return found

    def list_interfaces(
        self, owner: str, instance_ids: Collection[InstanceId] | None = None
    ) -> list[NetworkInterface]:
        """Return the network interfaces that carry the owner's tag, of these instances or of all."""
        filters: list[FilterTypeDef] = [{"Name": f"tag:{tags.OWNER}", "Values": [owner]}]
        if instance_ids is None:
            return self._interfaces(filters)
        return [
            eni
            for chunk in _chunks(sorted(instance_ids))
            for eni in self._interfaces(
                [*filters, {"Name": f"tag:{tags.INSTANCE}", "Values": chunk}]
            )
        ]

    def list_subnet_interfaces(
        self, subnet_ids: Collection[SubnetId], owner: str
    ) -> dict[SubnetId, SubnetUse]:
        """Return for each subnet which of its addresses are in use, and the owner's network interfaces in it.

        Of a stranger's nothing is read but its addresses: a kind or a state of network interface that we do not know is
        no reason to fail.
        """
        found: dict[SubnetId, list[Mapping[str, Any]]] = {each: [] for each in subnet_ids}
        for chunk in _chunks(sorted(subnet_ids)):
            for raw in self._raw_interfaces([{"Name": "subnet-id", "Values": chunk}]):
                found[raw["SubnetId"]].append(raw)
        return {subnet_id: _subnet_use(raws, owner) for subnet_id, raws in found.items()}

    def _interfaces(self, filters: list[FilterTypeDef]) -> list[NetworkInterface]:
        return [_network_interface(raw) for raw in self._raw_interfaces(filters)]

    def _raw_interfaces(self, filters: list[FilterTypeDef]) -> list[Mapping[str, Any]]:
        paginator = self._client.get_paginator("describe_network_interfaces")
        with translated():
            return [
                raw
                for page in paginator.paginate(Filters=filters, PaginationConfig={"PageSize": PAGE})
                for raw in page["NetworkInterfaces"]
            ]

    def find_subnets(
        self,
        ids: Collection[SubnetId] = (),
        with_tags: Mapping[str, str] | None = None,
        vpc_id: VpcId | None = None,
    ) -> list[Subnet]:
        """Return subnets by id, or by tags in a VPC; their CIDR reservations are another question."""
        filters: list[FilterTypeDef] = (
            [{"Name": "subnet-id", "Values": sorted(ids)}]
            if ids
            else _tag_filters(with_tags or {}, vpc_id)
        )
        with translated():
            pages = self._client.get_paginator("describe_subnets").paginate(Filters=filters)
            raws = [raw for page in pages for raw in page["Subnets"]]
        return [_subnet(raw) for raw in raws]

    def list_reservations(self, subnet_id: SubnetId) -> tuple[ipaddress.IPv4Network, ...]:
        """Return a subnet's IPv4 CIDR reservations; GetSubnetCidrReservations has no paginator in botocore."""
        cidrs: list[str] = []
        token = ""
        while True:
            more: dict[str, Any] = {"NextToken": token} if token else {}
            with translated():
                page = self._client.get_subnet_cidr_reservations(SubnetId=subnet_id, **more)
            cidrs += [item["Cidr"] for item in page.get("SubnetIpv4CidrReservations", [])]
            token = page.get("NextToken", "")
            if not token:
                return tuple(ipaddress.IPv4Network(cidr) for cidr in cidrs)

    def find_security_groups(
        self, with_tags: Mapping[str, str], vpc_id: VpcId | None = None
    ) -> tuple[SecurityGroupId, ...]:
        """Return the ids of a VPC's security groups with these tags, in order."""
        with translated():
            pages = self._client.get_paginator("describe_security_groups").paginate(
                Filters=_tag_filters(with_tags, vpc_id)
            )
            ids = sorted(raw["GroupId"] for page in pages for raw in page["SecurityGroups"])
        return tuple(SecurityGroupId(group_id) for group_id in ids)

    def create(self, create: Create) -> EniId:
        """Create a network interface, tags and all; repeated with the same token it answers with the same one."""
        request: dict[str, Any] = {
            "SubnetId": create.subnet_id,
            "Groups": list(create.security_group_ids),
            "Description": create.description,
            "ClientToken": create.client_token,
            "TagSpecifications": [
                {
                    "ResourceType": "network-interface",
                    "Tags": [
                        {"Key": key, "Value": value} for key, value in sorted(create.tags.items())
                    ],
                }
            ],
        }
        if create.address is not None:
            request["PrivateIpAddress"] = create.address
        if create.spec.pool_ipv4:
            request["SecondaryPrivateIpAddressCount"] = create.spec.pool_ipv4
        if create.spec.ipv6_addresses:
            request["Ipv6AddressCount"] = create.spec.ipv6_addresses
        with translated():
            return EniId(
                self._client.create_network_interface(**request)["NetworkInterface"][
                    "NetworkInterfaceId"
                ]
            )

    def attach(
        self, eni_id: EniId, instance_id: InstanceId, device_index: int, network_card_index: int
    ) -> AttachmentId:
        """Attach a network interface; the network card is always named, or types with several refuse by mistake."""
        with translated():
            answer = self._client.attach_network_interface(
                NetworkInterfaceId=eni_id,
                InstanceId=instance_id,
                DeviceIndex=device_index,
                NetworkCardIndex=network_card_index,
            )
        return AttachmentId(answer["AttachmentId"])

    def set_delete_on_termination(self, eni_id: EniId, attachment_id: AttachmentId) -> None:
        """Let EC2 delete the network interface with its instance."""
        with translated():
            self._client.modify_network_interface_attribute(
                NetworkInterfaceId=eni_id,
                Attachment={"AttachmentId": attachment_id, "DeleteOnTermination": True},
            )

    def set_source_dest_check(self, eni_id: EniId, *, enabled: bool) -> None:
        """Set SourceDestCheck."""
        with translated():
            self._client.modify_network_interface_attribute(
                NetworkInterfaceId=eni_id, SourceDestCheck={"Value": enabled}
            )

    def set_security_groups(self, eni_id: EniId, ids: Sequence[SecurityGroupId]) -> None:
        """Put the network interface into exactly these security groups."""
        with translated():
            self._client.modify_network_interface_attribute(
                NetworkInterfaceId=eni_id, Groups=list(ids)
            )

    def add_tags(self, eni_id: EniId, with_tags: Mapping[str, str]) -> None:
        """Set tags on a network interface."""
        with translated():
            self._client.create_tags(
                Resources=[eni_id],
                Tags=[{"Key": key, "Value": value} for key, value in sorted(with_tags.items())],
            )

    def delete(self, eni_id: EniId) -> None:
        """Delete a network interface; one that is gone already is success.

        The right to delete is conditioned on the ENI's tags, so for one that is gone EC2 answers UnauthorizedOperation
        and not NotFound: only a look tells a denial from success.
        """
        with translated():
            try:
                self._client.delete_network_interface(NetworkInterfaceId=eni_id)
            except ClientError as error:
                if not is_gone(error) and not (is_denied(error) and not self._exists(eni_id)):
                    raise

    def _exists(self, eni_id: EniId) -> bool:
        return bool(self._interfaces([{"Name": "network-interface-id", "Values": [eni_id]}]))


def _chunks(values: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(values), FILTER_VALUES):
        yield list(values[start : start + FILTER_VALUES])


def _tag_filters(with_tags: Mapping[str, str], vpc_id: VpcId | None) -> list[FilterTypeDef]:
    filters: list[FilterTypeDef] = [
        {"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(with_tags.items())
    ]
    return [*filters, {"Name": "vpc-id", "Values": [vpc_id]}] if vpc_id else filters


def _subnet(raw: Mapping[str, Any]) -> Subnet:
    cidr = raw.get("CidrBlock")
    return Subnet(
        subnet_id=SubnetId(raw["SubnetId"]),
        availability_zone=raw["AvailabilityZone"],
        ipv4_cidr=ipaddress.IPv4Network(cidr) if cidr else None,
    )


def _tags(raw: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in raw}


def _instance(raw: Mapping[str, Any]) -> Instance:
    instance_id = InstanceId(raw["InstanceId"])
    own_tags = _tags(raw.get("Tags", []))
    return Instance(
        instance_id=instance_id,
        state=InstanceState(raw["State"]["Name"]),
        availability_zone=raw["Placement"]["AvailabilityZone"],
        instance_type=raw["InstanceType"],
        launched_at=raw["LaunchTime"],
        attachments=tuple(
            _attachment(eni["Attachment"], eni["NetworkInterfaceId"], instance_id)
            for eni in raw.get("NetworkInterfaces", [])
        ),
        group_name=GroupName(own_tags[GROUP_TAG]) if GROUP_TAG in own_tags else None,
        vpc_id=VpcId(raw["VpcId"]) if raw.get("VpcId") else None,
    )


def _attachment(raw: Mapping[str, Any], eni_id: str, instance_id: str) -> Attachment:
    return Attachment(
        attachment_id=AttachmentId(raw["AttachmentId"]),
        eni_id=EniId(eni_id),
        instance_id=InstanceId(instance_id),
        device_index=raw["DeviceIndex"],
        network_card_index=raw.get("NetworkCardIndex", 0),
        status=AttachmentStatus(raw["Status"]),
        delete_on_termination=raw["DeleteOnTermination"],
    )


def _ipv4_addresses(raw: Mapping[str, Any]) -> list[str]:
    """Return the addresses of a network interface, the primary first."""
    items = sorted(
        raw.get("PrivateIpAddresses", []), key=lambda item: not item.get("Primary", False)
    )
    return [item["PrivateIpAddress"] for item in items if "PrivateIpAddress" in item]


def _subnet_use(raws: Sequence[Mapping[str, Any]], owner: str) -> SubnetUse:
    return SubnetUse(
        addresses=frozenset(address for raw in raws for address in _ipv4_addresses(raw)),
        ours=tuple(
            _network_interface(raw)
            for raw in raws
            if {"Key": tags.OWNER, "Value": owner} in raw.get("TagSet", [])
        ),
    )


def _network_interface(raw: Mapping[str, Any]) -> NetworkInterface:
    attachment: Mapping[str, Any] = raw.get("Attachment") or {}
    held = (
        attachment.get("Status", AttachmentStatus.DETACHED.value) != AttachmentStatus.DETACHED.value
    )
    return NetworkInterface(
        eni_id=EniId(raw["NetworkInterfaceId"]),
        subnet_id=SubnetId(raw["SubnetId"]),
        availability_zone=raw["AvailabilityZone"],
        status=EniStatus(raw["Status"]),
        security_group_ids=frozenset(
            SecurityGroupId(group["GroupId"]) for group in raw.get("Groups", [])
        ),
        source_dest_check=raw["SourceDestCheck"],
        ipv4_addresses=tuple(_ipv4_addresses(raw)),
        ipv6_addresses=tuple(item["Ipv6Address"] for item in raw.get("Ipv6Addresses", [])),
        mac_address=raw["MacAddress"],
        tags=_tags(raw.get("TagSet", [])),
        # An ENI held by a service (a NAT gateway, a load balancer) has an attachment without an instance.
        attachment=_attachment(
            attachment, raw["NetworkInterfaceId"], attachment.get("InstanceId", "")
        )
        if held
        else None,
    )
