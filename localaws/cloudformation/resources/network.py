"""AWS::EC2: the network that node groups stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localaws.cloudformation.resources.handler import (
    Handler,
    Made,
    Request,
    deleted,
    difference,
    pairs,
    tags,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from localaws.cloudformation.document import Json


def _labels(request: Request, resource: str) -> dict[str, Json]:
    """Return the argument by which a resource has its tags from birth."""
    own = request.properties.get("Tags")
    return {"TagSpecifications": [{"ResourceType": resource, "Tags": own}]} if own else {}


def _retag(request: Request) -> None:
    client, identity = request.client("ec2"), request.physical_id
    added, removed = difference(
        tags(request.properties.get("Tags")), tags(request.previous.get("Tags"))
    )
    if added:
        client.create_tags(Resources=[identity], Tags=pairs(added))
    if removed:
        client.delete_tags(Resources=[identity], Tags=[{"Key": key} for key in removed])


def _retagged(request: Request) -> Made:
    _retag(request)
    return Made(request.physical_id, request.attributes)


def _unchanged(request: Request) -> Made:
    return Made(request.physical_id, request.attributes)


def _create_vpc(request: Request) -> Made:
    request.only("CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags")
    client = request.client("ec2")
    arguments = {
        key: request.properties[key]
        for key in ("CidrBlock", "InstanceTenancy")
        if key in request.properties
    }
    identity = client.create_vpc(**arguments, **_labels(request, "vpc"))["Vpc"]["VpcId"]
    request.exists_as(identity)
    _set_dns(request, identity)
    return Made(identity, _vpc_attributes(request, identity))


def _update_vpc(request: Request) -> Made:
    _set_dns(request, request.physical_id)
    _retag(request)
    return Made(request.physical_id, _vpc_attributes(request, request.physical_id))


def _set_dns(request: Request, identity: str) -> None:
    for key in ("EnableDnsHostnames", "EnableDnsSupport"):
        if request.changed(key):
            value = {"Value": request.properties.get(key, key == "EnableDnsSupport")}
            request.client("ec2").modify_vpc_attribute(VpcId=identity, **{key: value})


def _vpc_attributes(request: Request, identity: str) -> dict[str, Json]:
    client = request.client("ec2")
    vpc = client.describe_vpcs(VpcIds=[identity])["Vpcs"][0]
    groups = client.describe_security_groups(
        Filters=[
            {"Name": "vpc-id", "Values": [identity]},
            {"Name": "group-name", "Values": ["default"]},
        ]
    )["SecurityGroups"]
    return {
        "VpcId": identity,
        "CidrBlock": vpc["CidrBlock"],
        "CidrBlockAssociations": [
            one["AssociationId"] for one in vpc.get("CidrBlockAssociationSet", [])
        ],
        "Ipv6CidrBlocks": [
            one["Ipv6CidrBlock"] for one in vpc.get("Ipv6CidrBlockAssociationSet", [])
        ],
        "DefaultSecurityGroup": groups[0]["GroupId"] if groups else "",
    }


def _delete_vpc(request: Request) -> None:
    deleted(request.client("ec2").delete_vpc, VpcId=request.physical_id)


def _create_vpc_cidr(request: Request) -> Made:
    request.only("VpcId", "CidrBlock", "AmazonProvidedIpv6CidrBlock")
    answer = request.client("ec2").associate_vpc_cidr_block(**request.properties)
    association = answer.get("CidrBlockAssociation") or answer["Ipv6CidrBlockAssociation"]
    return Made(association["AssociationId"], {"Id": association["AssociationId"]})


def _delete_vpc_cidr(request: Request) -> None:
    deleted(request.client("ec2").disassociate_vpc_cidr_block, AssociationId=request.physical_id)


SUBNET_AT_CREATION = ("AvailabilityZone", "CidrBlock", "Ipv6CidrBlock", "Ipv6Native", "VpcId")
SUBNET_AFTER_CREATION = ("AssignIpv6AddressOnCreation", "MapPublicIpOnLaunch")


def _create_subnet(request: Request) -> Made:
    request.only(*SUBNET_AT_CREATION, *SUBNET_AFTER_CREATION, "Tags")
    client = request.client("ec2")
    arguments = {
        key: request.properties[key] for key in SUBNET_AT_CREATION if key in request.properties
    }
    made = client.create_subnet(**arguments, **_labels(request, "subnet"))["Subnet"]
    identity = request.exists_as(made["SubnetId"])
    _set_subnet(request, identity)
    return Made(
        identity,
        {
            "SubnetId": identity,
            "AvailabilityZone": made["AvailabilityZone"],
            "AvailabilityZoneId": made.get("AvailabilityZoneId", ""),
            "VpcId": made["VpcId"],
            "CidrBlock": made.get("CidrBlock", ""),
            "Ipv6CidrBlocks": [
                one["Ipv6CidrBlock"] for one in made.get("Ipv6CidrBlockAssociationSet", [])
            ],
        },
    )


def _update_subnet(request: Request) -> Made:
    request.only(*SUBNET_AT_CREATION, *SUBNET_AFTER_CREATION, "Tags")
    _set_subnet(request, request.physical_id)
    return _retagged(request)


def _set_subnet(request: Request, identity: str) -> None:
    for key in SUBNET_AFTER_CREATION:
        if request.changed(key):
            value = {"Value": request.properties.get(key, False)}
            request.client("ec2").modify_subnet_attribute(SubnetId=identity, **{key: value})


def _delete_subnet(request: Request) -> None:
    deleted(request.client("ec2").delete_subnet, SubnetId=request.physical_id)


def _create_group(request: Request) -> Made:
    request.only(
        "GroupDescription",
        "GroupName",
        "SecurityGroupEgress",
        "SecurityGroupIngress",
        "Tags",
        "VpcId",
    )
    client = request.client("ec2")
    vpc = {"VpcId": request.properties["VpcId"]} if "VpcId" in request.properties else {}
    identity = client.create_security_group(
        GroupName=request.name("GroupName", longest=255),
        Description=request.properties["GroupDescription"],
        **vpc,
        **_labels(request, "security-group"),
    )["GroupId"]
    request.exists_as(identity)
    if "SecurityGroupEgress" in request.properties:
        # Rules of one's own take the place of the one that lets everything out (AWS::EC2::SecurityGroup).
        present = client.describe_security_groups(GroupIds=[identity])["SecurityGroups"][0][
            "IpPermissionsEgress"
        ]
        if present:
            client.revoke_security_group_egress(GroupId=identity, IpPermissions=present)
    _set_rules(request, identity)
    return Made(identity, {"GroupId": identity, "Id": identity, **vpc})


def _update_group(request: Request) -> Made:
    _set_rules(request, request.physical_id)
    return _retagged(request)


def _set_rules(request: Request, identity: str) -> None:
    client = request.client("ec2")
    directions: tuple[tuple[str, Callable[..., object], Callable[..., object]], ...] = (
        (
            "SecurityGroupIngress",
            client.authorize_security_group_ingress,
            client.revoke_security_group_ingress,
        ),
        (
            "SecurityGroupEgress",
            client.authorize_security_group_egress,
            client.revoke_security_group_egress,
        ),
    )
    for key, authorize, revoke in directions:
        wanted, present = (list(of.get(key) or ()) for of in (request.properties, request.previous))
        for rule in present:
            if rule not in wanted:
                revoke(GroupId=identity, IpPermissions=[_permission(rule)])
        for rule in wanted:
            if rule not in present:
                authorize(GroupId=identity, IpPermissions=[_permission(rule)])


def _permission(rule: Json) -> dict[str, Json]:
    described = {"Description": rule["Description"]} if "Description" in rule else {}
    permission: dict[str, Json] = {
        key: rule[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in rule
    }
    if "CidrIp" in rule:
        permission["IpRanges"] = [{"CidrIp": rule["CidrIp"], **described}]
    if "CidrIpv6" in rule:
        permission["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **described}]
    other = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
    if other:
        permission["UserIdGroupPairs"] = [{"GroupId": other, **described}]
    return permission


def _delete_group(request: Request) -> None:
    deleted(request.client("ec2").delete_security_group, GroupId=request.physical_id)


def _create_ingress(request: Request) -> Made:
    request.client("ec2").authorize_security_group_ingress(
        GroupId=request.properties["GroupId"], IpPermissions=[_permission(request.properties)]
    )
    identity = request.name("")
    return Made(identity, {"Id": identity})


def _delete_ingress(request: Request) -> None:
    deleted(
        request.client("ec2").revoke_security_group_ingress,
        GroupId=request.properties["GroupId"],
        IpPermissions=[_permission(request.properties)],
    )


def _create_egress(request: Request) -> Made:
    request.client("ec2").authorize_security_group_egress(
        GroupId=request.properties["GroupId"], IpPermissions=[_permission(request.properties)]
    )
    identity = request.name("")
    return Made(identity, {"Id": identity})


def _delete_egress(request: Request) -> None:
    deleted(
        request.client("ec2").revoke_security_group_egress,
        GroupId=request.properties["GroupId"],
        IpPermissions=[_permission(request.properties)],
    )


def _create_route_table(request: Request) -> Made:
    request.only("VpcId", "Tags")
    made = request.client("ec2").create_route_table(
        VpcId=request.properties["VpcId"], **_labels(request, "route-table")
    )["RouteTable"]
    return Made(made["RouteTableId"], {"RouteTableId": made["RouteTableId"]})


def _delete_route_table(request: Request) -> None:
    deleted(request.client("ec2").delete_route_table, RouteTableId=request.physical_id)


def _create_route(request: Request) -> Made:
    request.client("ec2").create_route(**request.properties)
    destination = _destination(request)
    identity = f"{request.properties['RouteTableId']}|{next(iter(destination.values()))}"
    return Made(identity)


def _update_route(request: Request) -> Made:
    request.client("ec2").replace_route(**request.properties)
    return Made(request.physical_id)


def _destination(request: Request) -> dict[str, Json]:
    names = ("DestinationCidrBlock", "DestinationIpv6CidrBlock")
    return {name: request.properties[name] for name in names if name in request.properties}


def _delete_route(request: Request) -> None:
    deleted(
        request.client("ec2").delete_route,
        RouteTableId=request.properties["RouteTableId"],
        **_destination(request),
    )


def _associate_route_table(request: Request) -> Made:
    made = request.client("ec2").associate_route_table(**request.properties)
    return Made(made["AssociationId"], {"Id": made["AssociationId"]})


def _disassociate_route_table(request: Request) -> None:
    deleted(request.client("ec2").disassociate_route_table, AssociationId=request.physical_id)


def _create_gateway(request: Request) -> Made:
    request.only("Tags")
    made = request.client("ec2").create_internet_gateway(**_labels(request, "internet-gateway"))
    identity = made["InternetGateway"]["InternetGatewayId"]
    return Made(identity, {"InternetGatewayId": identity})


def _delete_gateway(request: Request) -> None:
    deleted(request.client("ec2").delete_internet_gateway, InternetGatewayId=request.physical_id)


def _attach_gateway(request: Request) -> Made:
    request.only("InternetGatewayId", "VpcId")
    request.client("ec2").attach_internet_gateway(**request.properties)
    return Made(f"IGW|{request.properties['VpcId']}")


def _detach_gateway(request: Request) -> None:
    deleted(request.client("ec2").detach_internet_gateway, **request.properties)


HANDLERS = {
    "AWS::EC2::VPC": Handler(_create_vpc, _update_vpc, _delete_vpc),
    "AWS::EC2::VPCCidrBlock": Handler(_create_vpc_cidr, _unchanged, _delete_vpc_cidr),
    "AWS::EC2::Subnet": Handler(
        _create_subnet, _update_subnet, _delete_subnet, replaced_by=frozenset({"Ipv6CidrBlock"})
    ),
    "AWS::EC2::SecurityGroup": Handler(_create_group, _update_group, _delete_group),
    "AWS::EC2::SecurityGroupIngress": Handler(
        _create_ingress, _unchanged, _delete_ingress, replaced_by=frozenset({"Description"})
    ),
    "AWS::EC2::SecurityGroupEgress": Handler(
        _create_egress, _unchanged, _delete_egress, replaced_by=frozenset({"Description"})
    ),
    "AWS::EC2::RouteTable": Handler(_create_route_table, _retagged, _delete_route_table),
    "AWS::EC2::Route": Handler(_create_route, _update_route, _delete_route),
    "AWS::EC2::SubnetRouteTableAssociation": Handler(
        _associate_route_table, _unchanged, _disassociate_route_table
    ),
    "AWS::EC2::InternetGateway": Handler(_create_gateway, _retagged, _delete_gateway),
    "AWS::EC2::VPCGatewayAttachment": Handler(
        _attach_gateway,
        _unchanged,
        _detach_gateway,
        replaced_by=frozenset({"InternetGatewayId", "VpcId"}),
    ),
}
