"""Rules about subnets and security groups."""

from __future__ import annotations

from ipaddress import collapse_addresses, ip_network
from typing import TYPE_CHECKING

from domain.config import Ipv4Mode
from domain.ip_ranges import inside, overlap
from domain.preflight.findings import Rule, error, warning
from domain.preflight.observed import CannotTell, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from domain.config import InterfaceSpec
    from domain.ip_ranges import IpNetwork
    from domain.preflight.findings import Trouble
    from domain.preflight.looks import Group
    from domain.preflight.observed import Subnet

CNI_TAG = "kubernetes.io/role/cni"
MAX_SECURITY_GROUPS = 16
"""Security groups per network interface, raised as far as it goes (Amazon VPC User Guide, quotas); 5 by default."""
USUAL_SECURITY_GROUPS = 5


def subnets_exist(group: Group) -> Iterator[Trouble]:
    """A subnet that is not in this account and Region cannot be used: CreateNetworkInterface answers
    InvalidSubnetID.NotFound (EC2 API reference, error codes), and the launch is abandoned."""
    known = shown(group.account.subnets)
    for spec in group.config.interfaces:
        selector = spec.subnets
        ids = tuple((selector.by_zone or {}).values()) or selector.ids
        for subnet_id in ids:
            if subnet_id not in known:
                yield error(
                    spec.name,
                    f"{subnet_id} does not exist in this account and Region",
                    "Correct the id, or share the subnet with this account.",
                )
        if selector.tags and not group.candidates(spec):
            yield error(
                spec.name,
                f"no subnet of the nodes' VPC has the tags {_pairs(selector.tags)}",
                "Tag the subnets, or correct the tags.",
            )


def zones_are_covered(group: Group) -> Iterator[Trouble]:
    """A network interface and its instance must be in one Availability Zone (EC2 User Guide, "Elastic network
    interfaces"), so each interface needs a subnet in each zone that the group launches in."""
    for spec in group.config.interfaces:
        for zone in group.zones():
            if not group.in_zone(spec, zone):
                zones = {subnet.zone for subnet in group.candidates(spec)}
                there = sorted(each for each in zones if group.in_zone(spec, each))
                yield error(
                    spec.name,
                    f"has no subnet in {zone}, where the group launches nodes, only in {', '.join(there) or 'no zone'}",
                    f"Add a subnet in {zone}, or take the zone out of the group: a node there would be abandoned.",
                )


def zones_are_right(group: Group) -> Iterator[Trouble]:
    """A map promises a subnet's zone; EC2 alone knows it. AttachNetworkInterface refuses another zone's interface
    (EC2 User Guide, "Elastic network interfaces")."""
    known = shown(group.account.subnets)
    for spec in group.config.interfaces:
        for zone, subnet_id in (spec.subnets.by_zone or {}).items():
            subnet = known.get(subnet_id)
            if subnet is not None and subnet.zone != zone:
                yield error(
                    spec.name,
                    f"{subnet_id} stands under {zone} and is in {subnet.zone}",
                    "Write each subnet under the zone that it is in.",
                )


def vpcs_agree(group: Group) -> Iterator[Trouble]:
    """A network interface takes security groups of its own VPC only (EC2 API reference, error codes, InvalidGroup.NotFound
    and InvalidParameter). A subnet outside of the nodes' VPC is another matter: EC2 attaches an interface from another VPC of
    the account in the same zone (AWS What's New, October 2023, "multi-VPC Elastic Network Interfaces")."""
    vpcs = group.vpcs()
    for spec in group.config.interfaces:
        for subnet in group.candidates(spec):
            for security_group in group.security_groups(spec):
                if security_group.vpc_id != subnet.vpc_id:
                    yield error(
                        spec.name,
                        f"{security_group.group_id} is of {security_group.vpc_id}, and {subnet.subnet_id} is in "
                        f"{subnet.vpc_id}",
                        "Name security groups of the subnet's VPC.",
                    )
            if subnet.vpc_id not in vpcs:
                yield warning(
                    spec.name,
                    f"{subnet.subnet_id} is in {subnet.vpc_id}, the nodes are in {', '.join(sorted(vpcs))}",
                    "Make sure that it is meant: the interface then leads into another VPC than the node's own.",
                )


def security_groups_exist(group: Group) -> Iterator[Trouble]:
    """A security group that is not there fails the create (InvalidGroup.NotFound), and so do more than the quota
    "security groups per network interface" (Amazon VPC User Guide, quotas: 5, adjustable to 16)."""
    known = shown(group.account.security_groups)
    for spec in group.config.interfaces:
        selector = spec.security_groups
        for group_id in selector.ids:
            if group_id not in known:
                yield error(
                    spec.name,
                    f"{group_id} does not exist in this account and Region",
                    "Correct the id.",
                )
        if not selector.tags:
            continue
        count = len(group.security_groups(spec))
        tags = _pairs(selector.tags)
        if not count:
            yield error(
                spec.name,
                f"no security group of the nodes' VPC has the tags {tags}",
                "Tag a security group, or correct the tags.",
            )
        elif count > USUAL_SECURITY_GROUPS:
            say = error if count > MAX_SECURITY_GROUPS else warning
            yield say(
                spec.name,
                f"{count} security groups have the tags {tags}",
                f"{USUAL_SECURITY_GROUPS} per network interface is the default quota, {MAX_SECURITY_GROUPS} the most "
                "that it is raised to. Tag fewer.",
            )


def cni_leaves_subnets_alone(group: Group) -> Iterator[Trouble]:
    """With ENABLE_SUBNET_DISCOVERY, on by default, the VPC CNI takes addresses for pods from every subnet of the VPC
    tagged `kubernetes.io/role/cni`; the value 0 excludes one from v1.22.1 on (amazon-vpc-cni-k8s, README)."""
    try:
        if group.whole.vpc_cni.env.get("ENABLE_SUBNET_DISCOVERY", "true").lower() == "false":
            return
    except CannotTell:
        pass  # then it is as by default
    for subnet, specs in group.multus_subnets():
        if subnet.tags.get(CNI_TAG, "0") != "0":
            yield error(
                _names(specs),
                f"{subnet.subnet_id} has the tag {CNI_TAG}={subnet.tags[CNI_TAG]}: the VPC CNI takes addresses for "
                "pods from it",
                f"Remove the tag {CNI_TAG} from the subnet.",
            )


def subnets_are_multus_own(group: Group) -> Iterator[Trouble]:
    """The VPC CNI takes the addresses of pods from the node's own subnet (EKS User Guide, "Amazon VPC CNI"), and two
    interfaces of one instance in one subnet route asymmetrically (EC2 User Guide, "Best practices for configuring
    network interfaces")."""
    nodes = {subnet.subnet_id for subnet in group.node_subnets()}
    for subnet, specs in group.multus_subnets():
        if subnet.subnet_id in nodes:
            yield warning(
                _names(specs),
                f"{subnet.subnet_id} is also a subnet of the nodes themselves",
                "Use subnets of their own for Multus: in this one the VPC CNI takes addresses for pods, and replies "
                "may leave through the node's primary interface.",
            )


def address_families_agree(group: Group) -> Iterator[Trouble]:
    """IPv6 addresses need a subnet with an IPv6 CIDR; EC2 gives every interface in a subnet with an IPv4 CIDR an IPv4
        address, and none in an IPv6-only one (EC2 API reference, CreateNetworkInterface; Amazon VPC User Guide, "Subnets"). A subnet may
    give every interface an IPv6 address (Subnet, AssignIpv6AddressOnCreation)."""
    for subnet, specs in group.multus_subnets():
        for spec in specs:
            yield from _families(spec, subnet)


def _families(spec: InterfaceSpec, subnet: Subnet) -> Iterator[Trouble]:
    if spec.ipv6_addresses and not subnet.has_ipv6:
        yield error(
            spec.name,
            f"asks for IPv6, and {subnet.subnet_id} has no IPv6 CIDR",
            "Give the subnet an IPv6 CIDR, or leave out `ipv6` and `pod_pool.ipv6`.",
        )
    if not spec.ipv6_addresses and subnet.gives_ipv6:
        yield warning(
            spec.name,
            f"asks for no IPv6, and {subnet.subnet_id} gives every interface an IPv6 address unasked",
            "Write `ipv6: {count: 1}`, or turn auto-assignment off: aws ec2 modify-subnet-attribute --subnet-id "
            f"{subnet.subnet_id} --no-assign-ipv6-address-on-creation.",
        )
    if spec.ipv4 is Ipv4Mode.NONE and subnet.ipv4_cidr is not None:
        yield error(
            spec.name,
            f"says `ipv4: none`, and {subnet.subnet_id} has the IPv4 CIDR {subnet.ipv4_cidr}",
            "Name an IPv6-only subnet, or leave out `ipv4: none`: in any other subnet EC2 gives every interface an "
            "IPv4 address.",
        )
    if spec.ipv4 is not Ipv4Mode.NONE and subnet.ipv4_cidr is None:
        yield error(
            spec.name,
            f"asks for IPv4, and {subnet.subnet_id} is IPv6-only",
            "Write `ipv4: none` and an `ipv6` count, or name a subnet with an IPv4 CIDR.",
        )


def pod_ranges_are_in_subnets(group: Group) -> Iterator[Trouble]:
    """A range is of addresses of one of the interface's subnets: EC2 assigns an ENI addresses of its subnet alone (EC2 API
    reference, AssignPrivateIpAddresses and AssignIpv6Addresses), and a reservation is of one subnet (Amazon VPC User Guide,
    "Subnet CIDR reservations")."""
    for spec in group.config.interfaces:
        blocks = [cidr for subnet in group.candidates(spec) for cidr in subnet.cidrs.cidrs]
        # Of a range that is to be reserved pod-range-unreservable tells.
        for text in spec.pod_ranges if blocks and not spec.reserve_pod_ranges else ():
            network = ip_network(text)
            if any(inside(network, block) for block in blocks):
                continue
            # Two CIDR blocks are apart, or one is in the other: what overlaps is a whole subnet.
            covered = [block for block in blocks if overlap(network, block)]
            if not covered:
                yield warning(
                    spec.name,
                    f"the pod range {text} is in none of its subnets ({_listed(blocks)})",
                    "Correct the range: as it stands no address is kept for the pods, and none can be assigned to an ENI.",
                )
            else:
                yield warning(
                    spec.name,
                    f"the pod range {text} is in none of its subnets as a whole ({_listed(blocks)}): {_reach(network, covered)}",
                    "Correct the range, or write one in each subnet: what is outside of the subnet that an ENI is in can "
                    "never be assigned to it.",
                )


def _reach(network: IpNetwork, covered: Sequence[IpNetwork]) -> str:
    """Return which part of a range is outside, given the subnets that are in it."""
    merged = collapse_addresses(covered)  # type: ignore[type-var]  # one family
    if sum(each.num_addresses for each in merged) < network.num_addresses:
        return f"all of it but {_listed(covered)} is outside"
    return f"it reaches over {_listed(covered)}"


def _listed(networks: Iterable[IpNetwork]) -> str:
    return ", ".join(str(each) for each in dict.fromkeys(networks))


def _pairs(tags: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in tags.items())


def _names(specs: tuple[InterfaceSpec, ...]) -> str:
    return ", ".join(spec.name for spec in specs)


RULES: tuple[Rule[Group], ...] = (
    Rule("subnet-missing", "every subnet exists", subnets_exist),
    Rule("zone-uncovered", "every interface has a subnet in every zone", zones_are_covered),
    Rule("zone-wrong", "every subnet is in the zone that it stands under", zones_are_right),
    Rule("vpc-mismatch", "subnets, security groups and nodes are in one VPC", vpcs_agree),
    Rule("security-group-missing", "every security group exists", security_groups_exist),
    Rule("subnet-tagged-for-cni", f"no subnet is tagged {CNI_TAG}", cni_leaves_subnets_alone),
    Rule("subnet-shared", "the nodes themselves are in other subnets", subnets_are_multus_own),
    Rule("address-family", "the subnets have the addresses asked for", address_families_agree),
    Rule(
        "pod-range-outside", "every pod range is in a subnet as a whole", pod_ranges_are_in_subnets
    ),
)
