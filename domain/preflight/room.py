"""Rules about instance types: interfaces per card, addresses per interface, Nitro, ENA, and what is left for pods.

Limits are EC2's own (DescribeInstanceTypes, NetworkInfo), not those of a table in this repository.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from domain.preflight.findings import Rule, error, warning
from domain.preflight.observed import CannotTell, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.preflight.findings import Trouble
    from domain.preflight.looks import Group
    from domain.preflight.observed import InstanceType

CUSTOM_NETWORKING = "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"
POD_ENI = "ENABLE_POD_ENI"
PREFIX_DELEGATION = "ENABLE_PREFIX_DELEGATION"
ADDRESSES_PER_PREFIX = 16
"""A /28 (EKS User Guide, "Assign more IP addresses to Amazon EKS nodes with prefixes")."""
HOST_NETWORK_PODS = 2
"""aws-node and kube-proxy use the node's own address: nodeadm's `+ 2` (amazon-eks-ami, nodeadm)."""


def types_are_known(group: Group) -> Iterator[Trouble]:
    """Everything below depends on what the group launches: its launch template or its overrides say it; a group that
    chooses by attributes says it only by what runs."""
    seen = group.in_account
    names, declared = group.type_names(), group.node.instance_types
    if not names:
        yield warning(
            seen.name,
            "neither the group's launch template nor the file says which instance types it launches",
            "List `instance_types` in the file.",
        )
    elif not shown(seen.launches).instance_types:
        yield warning(
            seen.name,
            f"the group's launch template names no instance type; looked at {', '.join(names)} instead",
            "List every type that the group may launch in `instance_types`.",
        )
    for name in names if declared else ():
        if name not in declared:
            yield warning(
                name,
                "the group launches it, and `instance_types` in the file leaves it out",
                "Add it, so that `validate` checks it too.",
            )


def types_exist(group: Group) -> Iterator[Trouble]:
    """A type that the Region does not have cannot be launched (EC2 API reference, DescribeInstanceTypes)."""
    known = shown(group.account.instance_types)
    for name in group.type_names():
        if name not in known:
            yield error(name, "the Region has no such instance type", "Correct the name.")


def zones_have_types(group: Group) -> Iterator[Trouble]:
    """Not every zone of a Region has every type (EC2 API reference, DescribeInstanceTypeOfferings); there a launch is refused as
    Unsupported (EC2 API reference, error codes). A type that no zone has is told by types_exist."""
    offered = shown(group.account.offerings)
    zones_of = {name: offered[name] for name in group.type_names() if offered.get(name)}
    if not zones_of:
        raise CannotTell("instance types")
    for zone in group.zones():
        lacking = [name for name, zones in zones_of.items() if zone not in zones]
        if not lacking:
            continue
        if len(lacking) == len(zones_of):
            yield error(
                zone,
                f"has none of the types that the group launches: {', '.join(lacking)}",
                "Add a type that the zone has, or take the zone out of the group.",
            )
        else:
            yield warning(
                zone,
                f"does not have {', '.join(lacking)}: nodes there are of the group's other types alone",
                "Choose types that every zone of the group has, or accept fewer of them in this one.",
            )


def interfaces_fit(group: Group) -> Iterator[Trouble]:
    """A type takes so many network interfaces on each of its network cards (NetworkInfo.NetworkCards), the primary one
    included; one more is refused with AttachmentLimitExceeded (EC2 API reference, error codes)."""
    wanted = _wanted(group)
    for each in group.types():
        for card, count in sorted(wanted.items()):
            if card >= len(each.cards):
                yield error(
                    each.name,
                    f"has no network card {card}, only {len(each.cards)}, counted from 0",
                    "Correct `network_card`, or launch other types.",
                )
            elif count > each.on_card(card):
                yield error(
                    each.name,
                    f"takes {each.on_card(card)} interfaces on card {card}, and a node would have {count}"
                    + ("" if card else ", the primary one included"),
                    "Launch larger types, or write fewer interfaces.",
                )
        total = sum(wanted.values())
        if total > each.interfaces and all(
            count <= each.on_card(card) for card, count in wanted.items()
        ):
            yield error(
                each.name,
                f"takes {each.interfaces} interfaces on all its cards together, and a node would have {total}",
                "Launch larger types, or write fewer interfaces.",
            )


def addresses_fit(group: Group) -> Iterator[Trouble]:
    """A type takes so many addresses per interface (NetworkInfo.Ipv4AddressesPerInterface, the primary one included, and
    Ipv6AddressesPerInterface); more are refused with PrivateIpAddressLimitExceeded or
    InvalidInterface.IpAddressLimitExceeded (EC2 API reference, error codes)."""
    for each in group.types():
        for spec in group.config.interfaces:
            for family, most, asked in (
                ("IPv4", each.ipv4, spec.ipv4_addresses),
                ("IPv6", each.ipv6, spec.ipv6_addresses),
            ):
                if asked > most:
                    yield error(
                        each.name,
                        f"takes {most} {family} addresses per interface, and {spec.name} asks for {asked}",
                        "Write a smaller `ipv6` count or `pod_pool`, or launch other types.",
                    )


def device_indexes_are_free(group: Group) -> Iterator[Trouble]:
    """A device index is unique per network card (EC2 API reference, AttachNetworkInterface), and a launch template may
    have interfaces of its own."""
    taken = group.extra_interfaces()
    for spec in group.config.interfaces:
        place = (spec.network_card_index, spec.device_index)
        if spec.device_index_fixed and place in taken:
            yield error(
                spec.name,
                f"wants device index {spec.device_index} on card {spec.network_card_index}, which the launch template's "
                "own interface has",
                "Choose another index or leave it out, or take the interface out of the launch template.",
            )


def hardware_fits(group: Group) -> Iterator[Trouble]:
    """DPDK's driver is the ENA's (DPDK guide, "ENA Poll Mode Driver"), and AWS tells to use Nitro instances with ENA for
    Multus with DPDK (EKS Best Practices Guide, "Multus")."""
    dpdk = [each.name for each in group.node.interfaces if each.driver.is_dpdk]
    for each in group.types():
        if not each.ena:
            say = error if dpdk else warning
            yield say(
                each.name,
                "has no ENA" + (f", which DPDK on {', '.join(dpdk)} needs" if dpdk else ""),
                "Launch types with ENA; every Nitro one has it.",
            )
        elif not each.nitro and group.whole.pods_have_ipv6():
            yield error(
                each.name,
                "is no Nitro instance, and in an IPv6 cluster the VPC CNI starts on no other",
                "Launch Nitro types.",
            )
        elif not each.nitro:
            yield warning(
                each.name,
                "is no Nitro instance: interfaces attached while it runs are less tried there, and prefixes are not "
                "supported",
                "Launch Nitro types.",
            )


def cni_has_room(group: Group) -> Iterator[Trouble]:
    """The VPC CNI attaches its own interfaces to card 0. With custom networking no pod is on the primary one, so it needs
    another (EKS User Guide, "Custom networking"); security groups for pods need a trunk interface (EKS User Guide,
    "Security groups for Pods"). In an IPv6 cluster the primary interface does for all other pods."""
    ipv6 = group.whole.pods_have_ipv6()
    needs = {
        "custom networking": group.whole.switch_is_on(CUSTOM_NETWORKING) and not ipv6,
        "security groups for pods": group.whole.switch_is_on(POD_ENI),
    }
    reasons = [reason for reason, needed in needs.items() if needed]
    for each in group.types():
        room = _room(group, each)
        if room < 0:
            continue  # told by interfaces_fit
        if room < len(reasons):
            yield error(
                each.name,
                f"leaves the VPC CNI {room} interfaces on card 0, and {' and '.join(reasons)} need {len(reasons)}",
                "Launch larger types, write fewer interfaces, or put some on another network card.",
            )
        elif not room and not ipv6:
            yield warning(
                each.name,
                f"leaves the VPC CNI nothing but the primary interface: {_pods(group, each)} pods per node",
                "Launch larger types if a node shall have more pods.",
            )


def max_pods_fit(group: Group) -> Iterator[Trouble]:
    """kubelet's max-pods must not exceed what the VPC CNI has addresses for. ENIs tagged no_manage make the computed
    number too high (amazon-vpc-cni-k8s, README, "No Manage tag"); `reduce_max_pods` corrects it."""
    if group.whole.pods_have_ipv6():
        return
    multus = sum(spec.network_card_index == 0 for spec in group.config.interfaces)
    for each in group.types():
        if _room(group, each) < 0:
            continue
        pods = _pods(group, each)
        if group.node.max_pods is not None and group.node.max_pods > pods:
            yield warning(
                each.name,
                f"has addresses for {pods} pods beside the Multus interfaces, and `max_pods` is {group.node.max_pods}",
                f"Write at most {pods}: more pods are scheduled and get no address.",
            )
        elif group.node.max_pods is None and not group.node.reduce_max_pods and multus:
            yield warning(
                each.name,
                f"has addresses for {pods} pods beside the Multus interfaces, and nodeadm reckons without those",
                "Leave `reduce_max_pods` on, or write `max_pods`.",
            )


def max_pods_are_not_wasted(group: Group) -> Iterator[Trouble]:
    """In an IPv6 cluster a prefix of the primary interface has addresses for all pods (EKS Best Practices Guide, "Running IPv6 EKS
    Clusters"), so the ENIs of Multus take nothing away from them."""
    node = group.node
    reduces = node.reduce_max_pods and node.max_pods is None
    multus = any(spec.network_card_index == 0 for spec in group.config.interfaces)
    if group.whole.cluster.ipv6 and reduces and multus:
        yield warning(
            group.in_account.name,
            "has nodes that leave places for pods unused: `reduce_max_pods` is on, and the cluster is an IPv6 one",
            "Write `reduce_max_pods: false`, or `max_pods`.",
        )


def prefixes_suit(group: Group) -> Iterator[Trouble]:
    """Prefix delegation is for the VPC CNI's own interfaces, never for Multus with ipvlan (EKS Best Practices Guide,
    "Multus"). It needs Nitro, version 1.9.0 and whole /28 blocks in the nodes' subnets, which single addresses break up (EKS
    User Guide, "Assign more IP addresses to Amazon EKS nodes with prefixes")."""
    if not group.whole.switch_is_on(PREFIX_DELEGATION) or group.whole.pods_have_ipv6():
        return
    yield from _nodes_without_prefixes(group)
    nodes = {subnet.subnet_id for subnet in group.node_subnets()}
    for subnet, specs in group.multus_subnets():
        if subnet.subnet_id in nodes:
            yield warning(
                ", ".join(spec.name for spec in specs),
                f"takes single addresses of {subnet.subnet_id}, of which the VPC CNI needs whole /28 blocks",
                "Use another subnet, or reserve a part of it with a subnet CIDR reservation of type `prefix`.",
            )
    free = sum(subnet.free for subnet in group.node_subnets())
    most = group.in_account.most_nodes - group.in_account.nodes
    if free < most * (1 + ADDRESSES_PER_PREFIX):
        yield warning(
            group.in_account.name,
            f"the nodes' subnets have {free} free addresses, and {most} more nodes take an address and at least one "
            f"prefix of {ADDRESSES_PER_PREFIX} each",
            "Use larger subnets for the nodes, or lower the group's maximum size.",
        )


def _nodes_without_prefixes(group: Group) -> Iterator[Trouble]:
    try:
        types = group.types()
    except CannotTell:
        return
    for each in types:
        if not each.nitro:
            yield warning(
                each.name,
                "is no Nitro instance, so the VPC CNI gives its pods single addresses",
                "Launch Nitro types.",
            )


def _wanted(group: Group) -> Counter[int]:
    """Return how many interfaces a node would have on each card, with the primary one and the launch template's own."""
    wanted = Counter(spec.network_card_index for spec in group.config.interfaces)
    wanted[0] += 1
    wanted.update(card for card, _ in group.extra_interfaces())
    return wanted


def _room(group: Group, instance_type: InstanceType) -> int:
    """Return how many more interfaces card 0 takes; less than none when what is asked for does not fit."""
    wanted = _wanted(group)
    return min(
        instance_type.on_card(0) - wanted[0], instance_type.interfaces - sum(wanted.values())
    )


def _pods(group: Group, instance_type: InstanceType) -> int:
    """Return how many pods the VPC CNI has addresses for: nodeadm's sum over the interfaces that are left to it."""
    interfaces = 1 + _room(group, instance_type)
    interfaces -= group.whole.switch_is_on(CUSTOM_NETWORKING)
    interfaces -= group.whole.switch_is_on(POD_ENI)
    slots = instance_type.ipv4 - 1
    if group.whole.switch_is_on(PREFIX_DELEGATION) and instance_type.nitro:
        slots *= ADDRESSES_PER_PREFIX
    return max(0, interfaces) * slots + HOST_NETWORK_PODS


RULES: tuple[Rule[Group], ...] = (
    Rule(
        "instance-type-unknown",
        "the group's instance types are known and declared",
        types_are_known,
    ),
    Rule("instance-type-missing", "the Region has every instance type", types_exist),
    Rule("zone-without-type", "every zone of the group has its instance types", zones_have_types),
    Rule("interfaces-exceed-type", "every instance type takes the interfaces", interfaces_fit),
    Rule("addresses-exceed-type", "every instance type takes the addresses", addresses_fit),
    Rule("device-index-taken", "the device indexes are free", device_indexes_are_free),
    Rule("hardware-unsuitable", "every instance type is Nitro and has ENA", hardware_fits),
    Rule("cni-without-room", "the VPC CNI has room for interfaces of its own", cni_has_room),
    Rule("max-pods-too-high", "kubelet's max-pods fits", max_pods_fit),
    Rule(
        "max-pods-too-low",
        "no place for pods is taken away in an IPv6 cluster",
        max_pods_are_not_wasted,
    ),
    Rule("prefix-delegation", "prefix delegation is off, or nothing is in its way", prefixes_suit),
)
