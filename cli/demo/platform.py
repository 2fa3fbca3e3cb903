"""What a platform team has before this product comes: a VPC, subnets, security groups, and Auto Scaling groups or a cluster."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from authoring.instance_types import known_types
from authoring.models import WAYS_TO_NAME
from cli.demo import created
from cli.demo.networks import OF_THE_CLUSTER, Network, Zones, ipv6_addresses
from domain import naming

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from localaws.account import Account

MAX_NODES = 1000
USUAL_TYPE = "m5.4xlarge"
"""What a group launches whose configuration names no type, when it takes the group's interfaces."""
LARGEST_TYPE = "m5.24xlarge"
"""Takes 15 network interfaces on one card: the primary one and MAX_INTERFACES."""
MAX_INTERFACES = 14

_ONE_INTERFACES_OWN = (
    *("device_index", "network_card", "ipv4", "ipv6", "node"),
    *("pod_follow", "pod_pool", "pod_ranges", "pod_routes", "reserve_pod_ranges", *OF_THE_CLUSTER),
)
"""What more interfaces like one do not have of it: its place, its addresses, and its pods' network."""


@dataclass
class Platform:
    """The groups and networks that a configuration names, made for it in an embedded account.

    Ids cannot be chosen, so the configuration is rewritten to the ids that came out, and ranges of subnets to ranges
    of those that were made; names and tags stay.
    """

    document: dict[str, Any]
    """The configuration as it is deployed."""
    groups: tuple[str, ...]
    """The Auto Scaling groups, in the order of the configuration; those that it creates come with their stacks."""
    zones: tuple[str, ...]
    subnets: dict[str, str] = field(default_factory=dict)
    """Every Multus subnet made, with its zone."""
    moved_ranges: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    """By group and interface, the ranges kept for pods, as they were declared and as they are here."""

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
        last = wanted[-1]
        pattern = {key: value for key, value in last.items() if key not in _ONE_INTERFACES_OWN}
        if last.get("ipv4") == "none":
            # In an IPv6-only subnet there is no other interface than one without IPv4.
            pattern |= {"ipv4": "none", "ipv6": last.get("ipv6", {"count": 1})}
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
    groups = [group for group in document["node_groups"] if _has_ready_hook(group)]
    for group in groups:
        kept = {
            key: value
            for key, value in group.get("node", {}).items()
            if key not in ("ready_hook", "ready_timeout_s", "on_failure")
        }
        group["node"] = {**kept, "ready_hook": False} if "create" in group else kept
    return [str(group["name"]) for group in groups]


def _has_ready_hook(group: Mapping[str, Any]) -> bool:
    """Return what is written, or else, as for null, whether the group is created."""
    written = group.get("node", {}).get("ready_hook")
    return "create" in group if written is None else bool(written)


def with_named_groups(document: dict[str, Any]) -> list[str]:
    """Have groups adopted by name that the configuration would look up, and return the names of such node groups.

    The demo makes what is adopted itself, so there is nothing to look up.
    """
    others = [
        group
        for group in document["node_groups"]
        if group.keys().isdisjoint({"auto_scaling_group", "create"})
    ]
    for group in others:
        for way in WAYS_TO_NAME:
            group.pop(way, None)
        group["auto_scaling_group"] = f"{document['name']}-{group['name']}"
    return [str(group["name"]) for group in others]


def build(account: Account, document: dict[str, Any]) -> Platform:
    """Make what a configuration presupposes, and rewrite it to what was made.

    Args:
        account: where.
        document: a valid configuration, as YAML reads it; it is changed in place.

    Raises:
        TooManySubnets: it names more than one VPC takes.
    """
    for elsewhere in ("account", "region", "alarm_topic_arn"):
        document.pop(elsewhere, None)
    # What an alias of YAML stands for is one object, to be rewritten once for each place where it stands.
    groups = document["node_groups"] = _unshared(document["node_groups"])
    zones = Zones(groups)
    # What nodes must know of the cluster is looked up when the stacks are synthesized.
    ipv6_cluster = ":" in document.pop("cluster", {}).get("service_cidr", "")
    network = Network(account.client("ec2"), zones, groups, ipv6_nodes=ipv6_cluster)
    moved = {}
    for place, group in enumerate(groups):
        for spec in group["interfaces"]:
            before = spec.get("pod_ranges")
            network.rewrite(spec, zones.of_group(place))
            if before and "pod_ranges" in spec:
                moved[f"{group['name']}/{spec['name']}"] = (before, spec["pod_ranges"])
        if "create" in group:
            _prepare_group(network, group, zones.of_group(place))
        else:
            # A template's name is one in the account and has fewer letters to choose from than a group's.
            template = f"{document['name']}-{place}"
            _make_group(account, network, template, group, zones.of_group(place))
    if any("create" in group for group in groups):
        created.make_cluster(
            account, document["cluster_name"], network.subnets_of_nodes, ipv6=ipv6_cluster
        )
    return Platform(
        document,
        groups=tuple(_name_of(document["name"], group) for group in groups),
        zones=tuple(
            sorted({zone for place in range(len(groups)) for zone in zones.of_group(place)})
        ),
        subnets=network.multus_subnets,
        moved_ranges=moved,
    )


def _unshared(data: Any) -> Any:  # noqa: ANN401 - what YAML reads
    if isinstance(data, dict):
        return {key: _unshared(value) for key, value in data.items()}
    return [_unshared(value) for value in data] if isinstance(data, list) else data


def _name_of(stack: str, group: Mapping[str, Any]) -> str:
    if "create" in group:
        return naming.created_group(naming.owner(stack), group["name"])
    return str(group["auto_scaling_group"])


def _prepare_group(network: Network, group: dict[str, Any], zones: Sequence[str]) -> None:
    subnets = {zone: network.subnet_of_nodes(zone) for zone in zones}
    created.rewrite(group["create"], subnets=subnets)
    group.setdefault("instance_types", [_type_of(group)])


def _make_group(
    account: Account, network: Network, template: str, group: dict[str, Any], zones: Sequence[str]
) -> None:
    template_id = account.client("ec2").create_launch_template(
        LaunchTemplateName=template,
        LaunchTemplateData={"ImageId": network.image, "InstanceType": _type_of(group)},
    )["LaunchTemplate"]["LaunchTemplateId"]
    account.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=group["auto_scaling_group"],
        LaunchTemplate={"LaunchTemplateId": template_id, "Version": "$Latest"},
        MinSize=0,
        MaxSize=MAX_NODES,
        DesiredCapacity=0,
        VPCZoneIdentifier=",".join(network.subnet_of_nodes(zone) for zone in zones),
    )


def _type_of(group: Mapping[str, Any]) -> str:
    """Return a type to launch: the first that is named, or else the usual one if it takes what a node gets."""
    named = group.get("instance_types")
    if named:
        return str(named[0])
    wanted = Counter(spec.get("network_card", 0) for spec in group["interfaces"])
    ipv4 = 1 + max((spec.get("pod_pool") or {}).get("ipv4", 0) for spec in group["interfaces"])
    ipv6 = max(ipv6_addresses(spec) for spec in group["interfaces"])
    types = known_types()
    return next(
        (
            name
            for name in (USUAL_TYPE, *types)
            if types[name].have_room(wanted)
            and ipv4 <= types[name].ipv4_per_interface
            and ipv6 <= types[name].ipv6_per_interface
        ),
        USUAL_TYPE,
    )
