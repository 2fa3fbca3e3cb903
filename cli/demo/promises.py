"""What was promised for every node, held against what the account shows."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain import tags
from domain.config import Ipv4Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from domain.config import Config, InterfaceSpec
    from localaws.account import Account

IN_SERVICE = "InService"


@dataclass(frozen=True)
class NodeView:
    """One node as its group lists it."""

    instance_id: str
    group: str
    zone: str
    state: str


@dataclass(frozen=True)
class EniView:
    """One network interface of ours, as DescribeNetworkInterfaces shows it."""

    eni_id: str
    raw: Mapping[str, Any]
    tags: Mapping[str, str]

    @property
    def instance_id(self) -> str:
        """The node that its tags name."""
        return self.tags.get(tags.INSTANCE, "")

    @property
    def attachment(self) -> Mapping[str, Any]:
        """How it is attached; empty when it is not."""
        return self.raw.get("Attachment") or {}

    @property
    def is_attached(self) -> bool:
        """Whether EC2 says so."""
        return bool(self.attachment.get("Status") == "attached")


class Observer:
    """Reads the account by AWS's own hand, so that looking costs the product no tokens."""

    def __init__(self, account: Account, config: Config) -> None:
        self._ec2 = account.client("ec2")
        self._autoscaling = account.client("autoscaling")
        self._config = config

    def nodes(self) -> list[NodeView]:
        """Return every instance of the node groups."""
        names = [str(group.auto_scaling_group) for group in self._config.node_groups]
        groups = self._autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=names)[
            "AutoScalingGroups"
        ]
        return [
            NodeView(
                raw["InstanceId"],
                group["AutoScalingGroupName"],
                raw["AvailabilityZone"],
                raw["LifecycleState"],
            )
            for group in groups
            for raw in group["Instances"]
        ]

    def enis(self) -> list[EniView]:
        """Return every network interface with the stack's owner tag."""
        return self._enis([{"Name": f"tag:{tags.OWNER}", "Values": [self._config.owner]}])

    def enis_in(self, subnet_ids: Sequence[str]) -> list[EniView]:
        """Return every network interface in the subnets, whoever made it."""
        return self._enis([{"Name": "subnet-id", "Values": list(subnet_ids)}])

    def _enis(self, filters: list[dict[str, Any]]) -> list[EniView]:
        pages = self._ec2.get_paginator("describe_network_interfaces").paginate(
            Filters=filters, PaginationConfig={"PageSize": 1000}
        )
        return [
            EniView(
                raw["NetworkInterfaceId"], raw, {tag["Key"]: tag["Value"] for tag in raw["TagSet"]}
            )
            for page in pages
            for raw in page["NetworkInterfaces"]
        ]


def broken_promises(
    config: Config, nodes: Iterable[NodeView], enis: Sequence[EniView]
) -> list[str]:
    """Return, for a person, everything that is not as promised for the nodes in service."""
    faults = []
    specs = {str(group.auto_scaling_group): group.interfaces for group in config.node_groups}
    for node in nodes:
        if node.state == IN_SERVICE:
            own = [eni for eni in enis if eni.instance_id == node.instance_id]
            faults += _of_node(node, specs[node.group], own)
    return faults


def left_behind(nodes: Iterable[NodeView], enis: Iterable[EniView]) -> list[str]:
    """Return, for a person, every network interface whose node is not there any more."""
    present = {node.instance_id for node in nodes}
    return [
        f"{eni.eni_id} is left of {eni.instance_id or 'no node'}, which is gone"
        for eni in enis
        if eni.instance_id not in present
    ]


def _of_node(node: NodeView, specs: Sequence[InterfaceSpec], own: Sequence[EniView]) -> list[str]:
    promised = sorted(spec.name for spec in specs)
    present = sorted(eni.tags.get(tags.INTERFACE, "?") for eni in own)
    if promised != present:
        return [
            f"{node.instance_id} must have {', '.join(promised)} and has {', '.join(present) or 'nothing'}"
        ]
    by_name = {spec.name: spec for spec in specs}
    return [
        f"{node.instance_id} {eni.tags[tags.INTERFACE]} ({eni.eni_id}): {fault}"
        for eni in own
        for fault in _of_eni(node, by_name[eni.tags[tags.INTERFACE]], eni)
    ]


def _of_eni(node: NodeView, spec: InterfaceSpec, eni: EniView) -> list[str]:
    attachment = eni.attachment
    held = {
        "is attached to its node": eni.is_attached
        and attachment.get("InstanceId") == node.instance_id,
        "is in the node's zone": eni.raw["AvailabilityZone"] == node.zone,
        "is in its subnet": _is_in_its_subnet(node, spec, eni),
        "has its security groups": _has_its_security_groups(spec, eni),
        f"has {tags.NO_MANAGE}=true": eni.tags.get(tags.NO_MANAGE) == tags.NO_MANAGE_VALUE,
        "has its configured tags": spec.tags.items() <= eni.tags.items(),
        "has DeleteOnTermination": attachment.get("DeleteOnTermination") is True,
        f"has source/dest check {spec.source_dest_check}": eni.raw["SourceDestCheck"]
        == spec.source_dest_check,
        "has its IPv4 address": _has_its_address(spec, eni),
        f"has {spec.pool_ipv4} IPv4 addresses for pods": sum(
            not each.get("Primary", True) for each in eni.raw.get("PrivateIpAddresses", [])
        )
        == spec.pool_ipv4,
        f"has {spec.ipv6_addresses} IPv6 addresses": len(eni.raw.get("Ipv6Addresses", []))
        == spec.ipv6_addresses,
        "has its device index": not spec.device_index_fixed
        or attachment.get("DeviceIndex") == spec.device_index,
    }
    return [f"not true that it {promise}" for promise, true in held.items() if not true]


def _is_in_its_subnet(node: NodeView, spec: InterfaceSpec, eni: EniView) -> bool:
    """Return whether it is in a subnet that is named; which subnets have some tags is not known here."""
    named = spec.subnets
    if named.by_zone is not None:
        return bool(named.by_zone.get(node.zone) == eni.raw["SubnetId"])
    return not named.ids or eni.raw["SubnetId"] in named.ids


def _has_its_security_groups(spec: InterfaceSpec, eni: EniView) -> bool:
    """Return whether it has the groups that are named, or some when they are selected by tag."""
    present = {group["GroupId"] for group in eni.raw.get("Groups", [])}
    return present == set(spec.security_groups.ids) if spec.security_groups.ids else bool(present)


def _has_its_address(spec: InterfaceSpec, eni: EniView) -> bool:
    """Return whether it has one primary IPv4 address, outside the ranges kept for pods; no address on an IPv6-only interface."""
    present = eni.raw.get("PrivateIpAddresses", [])
    if spec.ipv4 is Ipv4Mode.NONE:
        return not present
    primary = [item["PrivateIpAddress"] for item in present if item.get("Primary", True)]
    pods = [ipaddress.IPv4Network(text) for text in spec.ipv4_pod_ranges]
    return len(primary) == 1 and not any(
        ipaddress.IPv4Address(address) in network for address in primary for network in pods
    )
