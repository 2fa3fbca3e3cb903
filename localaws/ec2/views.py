"""How interfaces, instances and subnets look in an answer: plain values under botocore's member names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.utils import generate_dns_from_ip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moto.ec2.models.instances import Instance
    from moto.ec2.models.security_groups import SecurityGroup
    from moto.ec2.models.subnets import Subnet

    from localaws.ec2.addresses import CidrReservation
    from localaws.ec2.interfaces import Interface
    from localaws.ec2.region import InstanceRecord, Region

View = dict[str, Any]


def tags_view(tags: Mapping[str, str]) -> list[View]:
    """Show tags as a list of Key and Value."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def interface_view(region: Region, interface: Interface) -> View:
    """Show an interface as DescribeNetworkInterfaces does."""
    subnet = interface.subnet
    return {
        "NetworkInterfaceId": interface.id,
        "SubnetId": subnet.id,
        "VpcId": subnet.vpc_id,
        "AvailabilityZone": subnet.availability_zone,
        "Description": interface.description,
        "OwnerId": region.backend.account_id,
        "RequesterManaged": False,
        "Status": interface.status_at(region.now_s),
        "MacAddress": interface.mac_address,
        "PrivateIpAddress": interface.private_ip_address,
        "PrivateDnsName": _private_name(interface),
        "SourceDestCheck": interface.source_dest_check,
        "Groups": _groups_view(interface.groups),
        "InterfaceType": interface.interface_type,
        "PrivateIpAddresses": _ipv4_view(interface),
        "Ipv6Addresses": _ipv6_view(interface),
        "Attachment": _attachment_view(region, interface),
        "Association": _association_view(region, interface),
        "TagSet": tags_view(interface.tags),
    }


def _private_name(interface: Interface) -> str | None:
    address = interface.private_ip_address
    return generate_dns_from_ip(address) if address else None


def _groups_view(groups: Iterable[SecurityGroup]) -> list[View]:
    return [{"GroupId": group.id, "GroupName": group.name} for group in groups]


def _ipv4_view(interface: Interface) -> list[View]:
    return [
        {"Primary": each["Primary"], "PrivateIpAddress": each["PrivateIpAddress"]}
        for each in interface.private_ip_addresses
    ]


def _ipv6_view(interface: Interface) -> list[View]:
    return [
        {"Ipv6Address": address, "IsPrimaryIpv6": interface.primary_ipv6 and place == 0}
        for place, address in enumerate(interface.ipv6_addresses)
    ]


def _attachment_view(region: Region, interface: Interface) -> View | None:
    attachment = interface.held
    if attachment is None:
        return None
    return {
        "AttachmentId": attachment.attachment_id,
        "InstanceId": attachment.instance_id,
        "InstanceOwnerId": region.backend.account_id,
        "DeviceIndex": attachment.slot.device,
        "NetworkCardIndex": attachment.slot.card,
        "Status": attachment.status(region.now_s),
        "AttachTime": attachment.began,
        "DeleteOnTermination": attachment.delete_on_termination,
    }


def _association_view(region: Region, interface: Interface) -> View | None:
    if not interface.public_ip:
        return None
    return {
        "PublicIp": interface.public_ip,
        "PublicDnsName": generate_dns_from_ip(interface.public_ip, "ec2"),
        "IpOwnerId": region.backend.account_id,
    }


_ON_INSTANCE = (
    "NetworkInterfaceId",
    "SubnetId",
    "VpcId",
    "Description",
    "OwnerId",
    "Status",
    "MacAddress",
    "PrivateIpAddress",
    "PrivateDnsName",
    "SourceDestCheck",
    "Groups",
    "InterfaceType",
    "PrivateIpAddresses",
    "Ipv6Addresses",
)


def _interface_on_instance_view(region: Region, interface: Interface) -> View:
    """Show an interface as DescribeInstances does: without tags, and without what the instance says already."""
    view = interface_view(region, interface)
    shown = {key: view[key] for key in _ON_INSTANCE}
    attachment = view["Attachment"]
    if attachment is not None:
        shown["Attachment"] = {
            key: value
            for key, value in attachment.items()
            if key not in ("InstanceId", "InstanceOwnerId")
        }
    return shown


def instance_view(region: Region, record: InstanceRecord) -> View:
    """Show an instance as DescribeInstances does; a terminated one has no network left."""
    instance = record.instance
    return {
        "InstanceId": instance.id,
        "ImageId": instance.image_id,
        "State": {"Code": instance.instance_state.code, "Name": instance.instance_state.name},
        "StateTransitionReason": instance.state_transition_reason or "",
        "StateReason": _reason_view(instance),
        "KeyName": instance.key_name,
        "AmiLaunchIndex": instance.ami_launch_index,
        "InstanceType": instance.instance_type,
        "LaunchTime": record.launched,
        "Placement": {
            "AvailabilityZone": instance.placement.zone,
            "GroupName": instance.placement.group_name,
            "Tenancy": instance.placement.tenancy,
        },
        "Monitoring": {"State": instance.monitoring_state},
        "Architecture": instance.architecture,
        "RootDeviceType": instance.root_device_type,
        "RootDeviceName": instance.root_device_name,
        "BlockDeviceMappings": _devices_view(instance),
        "VirtualizationType": instance.virtualization_type,
        "ClientToken": instance.client_token or "",
        "Hypervisor": instance.hypervisor,
        "EbsOptimized": bool(instance.ebs_optimized),
        "EnaSupport": True,
        "InstanceLifecycle": instance.lifecycle,
        "IamInstanceProfile": _profile_view(region, instance),
        "MetadataOptions": _metadata_view(instance),
        "Tags": tags_view(region.backend.tags.get(instance.id, {})),
        **_network_view(region, record),
    }


def _reason_view(instance: Instance) -> View | None:
    reason = instance.state_reason
    return {"Code": reason.code, "Message": reason.message} if reason.code else None


def _devices_view(instance: Instance) -> list[View]:
    return [
        {
            "DeviceName": name,
            "Ebs": {
                "VolumeId": device.volume_id,
                "Status": instance.get_block_device_status(device.status),
                "DeleteOnTermination": bool(device.delete_on_termination),
                "AttachTime": device.attach_time,
            },
        }
        for name, device in instance.get_block_device_mapping
    ]


def _profile_view(region: Region, instance: Instance) -> View | None:
    association = region.backend.iam_instance_profile_associations.get(instance.id)
    if association is None:
        return None
    profile = association.iam_instance_profile
    return {"Arn": profile.arn, "Id": profile.id}


def _metadata_view(instance: Instance) -> View:
    options = instance.metadata_options
    return {
        "State": options.state,
        "HttpTokens": options.http_tokens,
        "HttpPutResponseHopLimit": options.http_put_response_hop_limit,
        "HttpEndpoint": options.http_endpoint,
        "HttpProtocolIpv6": options.http_protocol_ipv6,
        "InstanceMetadataTags": options.instance_metadata_tags,
    }


def _network_view(region: Region, record: InstanceRecord) -> View:
    primary = next((each for each in record.interfaces.values() if each.is_primary()), None)
    if primary is None:
        return {"NetworkInterfaces": [], "SecurityGroups": [], "PrivateDnsName": ""}
    ordered = sorted(record.interfaces.items())
    return {
        "SubnetId": primary.subnet.id,
        "VpcId": primary.subnet.vpc_id,
        "PrivateIpAddress": primary.private_ip_address,
        "PrivateDnsName": _private_name(primary) or "",
        "PublicIpAddress": primary.public_ip,
        "Ipv6Address": primary.ipv6_addresses[0] if primary.ipv6_addresses else None,
        "SourceDestCheck": primary.source_dest_check,
        "SecurityGroups": _groups_view(primary.groups),
        "NetworkInterfaces": [_interface_on_instance_view(region, each) for _, each in ordered],
    }


def subnet_view(region: Region, subnet: Subnet) -> View:
    """Show a subnet as DescribeSubnets does."""
    addresses = region.addresses_of(subnet)
    return {
        "SubnetId": subnet.id,
        "SubnetArn": subnet.arn,
        "VpcId": subnet.vpc_id,
        "OwnerId": subnet.owner_id,
        "State": subnet.state,
        "CidrBlock": subnet.cidr_block or None,
        "AvailabilityZone": subnet.availability_zone,
        "AvailabilityZoneId": subnet.availability_zone_id,
        "AvailableIpAddressCount": addresses.ipv4.available if addresses.ipv4 else 0,
        "DefaultForAz": subnet.default_for_az,
        "MapPublicIpOnLaunch": bool(subnet.map_public_ip_on_launch),
        "AssignIpv6AddressOnCreation": bool(subnet.assign_ipv6_address_on_creation),
        "Ipv6Native": subnet.ipv6_native,
        "Ipv6CidrBlockAssociationSet": [
            {
                "AssociationId": each["associationId"],
                "Ipv6CidrBlock": each["ipv6CidrBlock"],
                "Ipv6CidrBlockState": {"State": each["ipv6CidrBlockState"]["State"]},
            }
            for each in subnet.ipv6_cidr_block_associations.values()
        ],
        "PrivateDnsNameOptionsOnLaunch": subnet.private_dns_name_options_on_launch,
        "Tags": tags_view(region.backend.tags.get(subnet.id, {})),
    }


def reservation_view(region: Region, reservation: CidrReservation) -> View:
    """Show a subnet CIDR reservation."""
    return {
        "SubnetCidrReservationId": reservation.reservation_id,
        "SubnetId": reservation.subnet_id,
        "Cidr": str(reservation.network),
        "ReservationType": reservation.kind,
        "OwnerId": region.backend.account_id,
        "Description": reservation.description,
        "Tags": tags_view(region.backend.tags.get(reservation.reservation_id, {})),
    }
