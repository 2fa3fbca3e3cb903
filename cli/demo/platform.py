"""What a platform team has before this product comes: a VPC, subnets, security groups and Auto Scaling groups."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import yaml

from authoring.instance_types import known_types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from localaws.account import Account

VPC = ipaddress.IPv4Network("10.0.0.0/16")
MAX_NODES = 1000
USUAL_TYPE = "m5.4xlarge"
"""What a group launches whose configuration names no type."""
LARGEST_TYPE = "m5.24xlarge"
"""Takes 15 network interfaces on one card: the primary one and MAX_INTERFACES."""
MAX_INTERFACES = 14


@dataclass
class Platform:
    """The groups and networks that a configuration names, made for it in an embedded account.

    Ids cannot be chosen, so the configuration is rewritten to the ids that came out; names and tags stay.
    """

    document: dict[str, Any]
    """The configuration as it is deployed."""
    groups: tuple[str, ...]
    """The Auto Scaling groups, in the order of the configuration."""
    zones: tuple[str, ...]
    subnets: dict[str, str] = field(default_factory=dict)
    """Every Multus subnet made, with its zone."""

    def write(self, path: Path) -> None:
        """Write the rewritten configuration."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(self.document, sort_keys=False), encoding="utf-8")


def with_interfaces(document: dict[str, Any], count: int) -> list[str]:
    """Give every node group of a configuration so many interfaces: the first ones, or more like the last.

    A group whose instance types take fewer launches a larger type instead; the names of such groups are returned.
    """
    enlarged = []
    for group in document["node_groups"]:
        wanted = group["interfaces"][:count]
        pattern = {
            key: value
            for key, value in wanted[-1].items()
            if key not in ("device_index", "network_card", "ipv4", "ipv6", "pod_ranges", "node")
        }
        wanted += [
            {**pattern, "name": f"extra{number}"} for number in range(1, count - len(wanted) + 1)
        ]
        group["interfaces"] = wanted
        types = group.get("instance_types") or [USUAL_TYPE]
        if any(known_types()[name].interfaces_by_card[0] < count + 1 for name in types):
            group["instance_types"] = [LARGEST_TYPE]
            enlarged.append(str(group["name"]))
    return enlarged


def without_ready_hooks(document: dict[str, Any]) -> list[str]:
    """Take the nodes' own launch hooks out of a configuration and return the names of the groups that had one.

    A node answers that hook itself. The demo's nodes are entries in an account and run nothing.
    """
    groups = [group for group in document["node_groups"] if group.get("node", {}).get("ready_hook")]
    for group in groups:
        group["node"] = {
            key: value
            for key, value in group["node"].items()
            if key not in ("ready_hook", "ready_timeout_s", "on_failure")
        }
    return [str(group["name"]) for group in groups]


def build(account: Account, document: dict[str, Any]) -> Platform:
    """Make what a configuration presupposes, and rewrite it to what was made.

    Args:
        account: where.
        document: a valid configuration, as YAML reads it; it is changed in place.
    """
    for elsewhere in ("account", "region", "alarm_topic_arn"):
        document.pop(elsewhere, None)
    network = _Network(account.client("ec2"))
    zones = sorted({zone for spec in _interfaces(document) for zone in _zones(spec)}) or [
        "us-east-1a",
        "us-east-1b",
    ]
    for spec in _interfaces(document):
        _rewrite_subnets(spec, zones, network)
        _rewrite_security_groups(spec, network)
    groups = tuple(group["auto_scaling_group"] for group in document["node_groups"])
    for group in document["node_groups"]:
        types = group.get("instance_types") or [USUAL_TYPE]
        _make_group(account, network, group["auto_scaling_group"], types[0], zones)
    return Platform(document, groups, tuple(zones), network.multus_subnets)


def _interfaces(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for group in document["node_groups"]:
        yield from group["interfaces"]


def _zones(spec: Mapping[str, Any]) -> list[str]:
    subnets = spec["subnets"]
    return [] if isinstance(subnets, list) or "tags" in subnets else list(subnets)


class _Network:
    """Makes each subnet and security group that is asked for once."""

    def __init__(self, ec2: Any) -> None:  # noqa: ANN401 - a boto3 client of the embedded account
        self._ec2 = ec2
        self._vpc_id: str = ec2.create_vpc(CidrBlock=str(VPC), AmazonProvidedIpv6CidrBlock=True)[
            "Vpc"
        ]["VpcId"]
        associations = ec2.describe_vpcs(VpcIds=[self._vpc_id])["Vpcs"][0][
            "Ipv6CidrBlockAssociationSet"
        ]
        self._ipv6 = ipaddress.IPv6Network(associations[0]["Ipv6CidrBlock"]).subnets(new_prefix=64)
        self._free = (
            cidr for cidr in VPC.subnets(new_prefix=22) if cidr.network_address >= VPC[64 * 256]
        )
        self._by_key: dict[object, str] = {}
        self.multus_subnets: dict[str, str] = {}

    def subnet(
        self,
        key: object,
        zone: str,
        *,
        ipv6: bool = False,
        cidr: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Return the subnet of this key, made now if it is new."""
        if key not in self._by_key:
            more: dict[str, Any] = {"Ipv6CidrBlock": str(next(self._ipv6))} if ipv6 else {}
            block = cidr or str(next(self._free))
            made = self._ec2.create_subnet(
                VpcId=self._vpc_id, CidrBlock=block, AvailabilityZone=zone, **more
            )
            self._by_key[key] = subnet_id = made["Subnet"]["SubnetId"]
            self._tag(subnet_id, tags)
        return self._by_key[key]

    def multus_subnet(self, key: object, zone: str, spec: Mapping[str, Any], place: int = 0) -> str:
        """Return a subnet for a Multus interface: around its pod range when it declares one."""
        ranges = [ipaddress.IPv4Network(text) for text in spec.get("pod_ranges", ())]
        cidr = str(ranges[place].supernet(new_prefix=24)) if place < len(ranges) else None
        subnets = spec["subnets"]
        tags = subnets.get("tags") if isinstance(subnets, dict) else None
        subnet_id = self.subnet(key, zone, ipv6=bool(spec.get("ipv6")), cidr=cidr, tags=tags)
        self.multus_subnets[subnet_id] = zone
        return subnet_id

    def security_group(self, key: str, tags: Mapping[str, str] | None = None) -> str:
        """Return the security group of this key, made now if it is new."""
        if key not in self._by_key:
            made = self._ec2.create_security_group(
                GroupName=key, Description=key, VpcId=self._vpc_id
            )
            self._by_key[key] = made["GroupId"]
            self._tag(made["GroupId"], tags)
        return self._by_key[key]

    @cached_property
    def image(self) -> str:
        """Return an image to launch."""
        image_id: str = self._ec2.register_image(Name="eks-node")["ImageId"]
        return image_id

    def _tag(self, resource_id: str, tags: Mapping[str, str] | None) -> None:
        if tags:
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            self._ec2.create_tags(Resources=[resource_id], Tags=pairs)


def _rewrite_subnets(spec: dict[str, Any], zones: list[str], network: _Network) -> None:
    subnets = spec["subnets"]
    if isinstance(subnets, list):
        spec["subnets"] = [
            network.multus_subnet(old, zones[place % len(zones)], spec, place)
            for place, old in enumerate(subnets)
        ]
    elif "tags" in subnets:
        for place, zone in enumerate(zones):
            network.multus_subnet((zone, str(sorted(subnets["tags"].items()))), zone, spec, place)
    else:
        spec["subnets"] = {
            zone: network.multus_subnet(old, zone, spec, place)
            for place, (zone, old) in enumerate(subnets.items())
        }


def _rewrite_security_groups(spec: dict[str, Any], network: _Network) -> None:
    groups = spec["security_groups"]
    if isinstance(groups, list):
        spec["security_groups"] = [network.security_group(old) for old in groups]
    else:
        tags = groups["tags"]
        network.security_group(str(sorted(tags.items())), tags)


def _make_group(
    account: Account, network: _Network, name: str, instance_type: str, zones: list[str]
) -> None:
    template = account.client("ec2").create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": network.image, "InstanceType": instance_type},
    )["LaunchTemplate"]["LaunchTemplateId"]
    nodes = [network.subnet(("nodes", zone), zone) for zone in zones]
    account.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
        MinSize=0,
        MaxSize=MAX_NODES,
        DesiredCapacity=0,
        VPCZoneIdentifier=",".join(nodes),
    )
