"""The VPC, subnets and security groups that a configuration names, made for it."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

USUAL_ZONES = ("us-east-1a", "us-east-1b")
"""Where a configuration launches its nodes that names no zone."""
CIDRS = [ipaddress.IPv4Network(f"10.{number}.0.0/16") for number in range(5)]
"""A VPC has at most five (Amazon VPC User Guide, quotas: IPv4 CIDR blocks per VPC)."""
MAX_SUBNETS = 200
"""Amazon VPC User Guide, quotas: subnets per VPC."""
SUBNET_PREFIX = 22
"""One half of a subnet is for nodes, the other for the pod ranges that the configuration declares in it."""
LONGEST_RANGE = 26
"""The prefix of the largest pod range; eight of them fill a subnet's upper half."""
OF_THE_CLUSTER = ("pod_ipam", "pod_subnets", "pod_plugins", "pod_namespaces")
"""What only pods in a cluster see; here there are none."""

NODES = "nodes"
"""Marks a subnet that no interface names: the nodes' own."""
Key = object
"""What a subnet or a security group is called in the configuration: its id there, or zone and tags."""
Spec = dict[str, Any]
"""An interface, as YAML reads it."""


class TooManySubnets(Exception):
    """The configuration names more subnets than a VPC takes."""


@dataclass
class _Wanted:
    """A subnet to make, and what the interfaces in it ask of it."""

    zone: str
    tags: Mapping[str, str] = field(default_factory=dict)
    ipv4: bool = False
    ipv6: bool = False
    gives_ipv6: bool = False
    """Whether an interface gets an IPv6 address unasked."""


class Zones:
    """Which zone each subnet is in, by what the configuration says, and which zones each group can launch in."""

    def __init__(self, groups: Sequence[Mapping[str, Any]]) -> None:
        specs = [spec for group in groups for spec in group["interfaces"]]
        self._zone_of = {old: zone for spec in specs for zone, old in _by_zone(spec).items()}
        everywhere = sorted(set(self._zone_of.values())) or list(USUAL_ZONES)
        self._launching = [self._settle(group["interfaces"], everywhere) for group in groups]

    def of_group(self, place: int) -> list[str]:
        """Return the zones in which every interface of the group has a subnet."""
        return self._launching[place]

    def subnets_of(self, spec: Spec, launching: Sequence[str]) -> list[tuple[Key, str]]:
        """Return the subnets that an interface may be in, each with its zone."""
        subnets = spec["subnets"]
        if isinstance(subnets, list):
            return [(old, self._zone_of[old]) for old in subnets]
        if "tags" in subnets:
            tags = str(sorted(subnets["tags"].items()))
            return [((zone, tags), zone) for zone in launching]
        return [(old, zone) for zone, old in subnets.items()]

    def _settle(self, specs: Sequence[Spec], everywhere: Sequence[str]) -> list[str]:
        """Give each subnet of a list a zone, one that the list does not have yet where it can be."""
        zones = sorted({zone for spec in specs for zone in _by_zone(spec)}) or list(everywhere)
        covered = []
        for spec in specs:
            listed = spec["subnets"] if isinstance(spec["subnets"], list) else ()
            for place, old in enumerate(listed):
                taken = {self._zone_of.get(other) for other in listed}
                free = [zone for zone in zones if zone not in taken]
                self._zone_of.setdefault(old, free[0] if free else zones[place % len(zones)])
            if listed:
                covered.append({self._zone_of[old] for old in listed})
        return [zone for zone in zones if all(zone in each for each in covered)] or zones


class Network:
    """Makes each subnet and security group of a configuration once."""

    def __init__(
        self,
        ec2: Any,  # noqa: ANN401 - a boto3 client of the embedded account
        zones: Zones,
        groups: Sequence[Mapping[str, Any]],
        *,
        ipv6_nodes: bool = False,
    ) -> None:
        """Look through what a configuration wants, and make the VPC.

        Args:
            ec2: the client.
            zones: of the subnets and the groups.
            groups: the node groups of the configuration.
            ipv6_nodes: whether the nodes' own subnets give IPv6 addresses, as those of an IPv6 cluster do.

        Raises:
            TooManySubnets: it names more than one VPC takes.
        """
        self._ec2 = ec2
        self._zones = zones
        self._wanted: dict[Key, _Wanted] = {}
        for place, group in enumerate(groups):
            for spec in group["interfaces"]:
                self._want(spec, zones.of_group(place))
            for zone in zones.of_group(place):
                own = _Wanted(zone, ipv4=True, ipv6=ipv6_nodes, gives_ipv6=ipv6_nodes)
                self._wanted.setdefault((NODES, zone), own)
        if len(self._wanted) > MAX_SUBNETS:
            raise TooManySubnets(
                f"the configuration names {len(self._wanted)} subnets, those of the nodes included, and the demo's one "
                f"VPC takes {MAX_SUBNETS}: try it with fewer node groups"
            )
        made = ec2.create_vpc(CidrBlock=str(CIDRS[0]), AmazonProvidedIpv6CidrBlock=True)
        self._vpc_id: str = made["Vpc"]["VpcId"]
        self._ipv4, self._ipv6 = self._ipv4_blocks(), self._ipv6_blocks()
        self._blocks: dict[Key, ipaddress.IPv4Network] = {}
        self._ids: dict[Key, str] = {}
        self._ranges: dict[tuple[Key, str], str] = {}
        self._kept: Counter[Key] = Counter()
        """How many addresses at the beginning of a subnet's upper half are in ranges."""
        self.multus_subnets: dict[str, str] = {}
        """Every Multus subnet made, with its zone."""

    def rewrite(self, spec: Spec, launching: Sequence[str]) -> None:
        """Make the subnets and security groups of an interface, and put their ids and ranges in the old ones' place."""
        _leave_pods_out(spec)
        made = [
            (key, zone, self._subnet(key)) for key, zone in self._zones.subnets_of(spec, launching)
        ]
        self.multus_subnets |= {subnet_id: zone for _, zone, subnet_id in made}
        if isinstance(spec["subnets"], list):
            spec["subnets"] = [subnet_id for *_, subnet_id in made]
        elif "tags" not in spec["subnets"]:
            spec["subnets"] = {zone: subnet_id for _, zone, subnet_id in made}
        if spec.get("pod_ranges"):
            spec["pod_ranges"] = [
                self._range(made[place % len(made)][0], old)
                for place, old in enumerate(spec["pod_ranges"])
            ]
        groups = spec["security_groups"]
        if isinstance(groups, list):
            spec["security_groups"] = [self._security_group(old) for old in groups]
        else:
            self._security_group(str(sorted(groups["tags"].items())), groups["tags"])

    def subnet_of_nodes(self, zone: str) -> str:
        """Return the subnet in which the nodes of a zone have their primary interface."""
        return self._subnet((NODES, zone))

    @property
    def subnets_of_nodes(self) -> list[str]:
        """Return every subnet that nodes have been given."""
        return [
            made for key, made in self._ids.items() if isinstance(key, tuple) and key[0] == NODES
        ]

    @cached_property
    def image(self) -> str:
        """Return an image to launch."""
        image_id: str = self._ec2.register_image(Name="eks-node", Architecture="x86_64")["ImageId"]
        return image_id

    def _want(self, spec: Spec, launching: Sequence[str]) -> None:
        subnets = spec["subnets"]
        tags = subnets.get("tags", {}) if isinstance(subnets, dict) else {}
        for key, zone in self._zones.subnets_of(spec, launching):
            wanted = self._wanted.setdefault(key, _Wanted(zone, tags))
            wanted.ipv4 |= spec.get("ipv4") != "none"
            wanted.ipv6 |= ipv6_addresses(spec) > 0

    def _ipv4_blocks(self) -> Iterator[ipaddress.IPv4Network]:
        for cidr in CIDRS:
            if cidr != CIDRS[0]:
                self._ec2.associate_vpc_cidr_block(VpcId=self._vpc_id, CidrBlock=str(cidr))
            yield from cidr.subnets(new_prefix=SUBNET_PREFIX)

    def _ipv6_blocks(self) -> Iterator[ipaddress.IPv6Network]:
        vpc = self._ec2.describe_vpcs(VpcIds=[self._vpc_id])["Vpcs"][0]
        block = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
        return ipaddress.IPv6Network(block).subnets(new_prefix=64)

    def _subnet(self, key: Key) -> str:
        if key not in self._ids:
            wanted = self._wanted[key]
            asked: dict[str, Any] = {"AvailabilityZone": wanted.zone}
            if wanted.ipv4:
                self._blocks[key] = next(self._ipv4)
                asked["CidrBlock"] = str(self._blocks[key])
            if wanted.ipv6:
                asked["Ipv6CidrBlock"] = str(next(self._ipv6))
            if not wanted.ipv4:
                asked["Ipv6Native"] = True
            made = self._ec2.create_subnet(VpcId=self._vpc_id, **asked)
            self._ids[key] = made["Subnet"]["SubnetId"]
            self._tag(self._ids[key], wanted.tags)
            if wanted.gives_ipv6:
                self._ec2.modify_subnet_attribute(
                    SubnetId=self._ids[key], AssignIpv6AddressOnCreation={"Value": True}
                )
        return self._ids[key]

    def _range(self, key: Key, old: str) -> str:
        """Return a range of the subnet's upper half in the place of a declared one, not larger than LONGEST_RANGE."""
        if (key, old) not in self._ranges:
            upper = list(self._blocks[key].subnets())[1]
            prefix = max(LONGEST_RANGE, ipaddress.IPv4Network(old).prefixlen)
            size = 2 ** (upper.max_prefixlen - prefix)
            # A range begins at a multiple of its size.
            first = -(-self._kept[key] // size) * size
            self._ranges[key, old] = (
                f"{upper.network_address + first % upper.num_addresses}/{prefix}"
            )
            self._kept[key] = first + size
        return self._ranges[key, old]

    def _security_group(self, key: str, tags: Mapping[str, str] | None = None) -> str:
        if key not in self._ids:
            name = f"multus-{len(self._ids)}"
            made = self._ec2.create_security_group(
                GroupName=name, Description=name, VpcId=self._vpc_id
            )
            self._ids[key] = made["GroupId"]
            self._tag(made["GroupId"], tags)
        return self._ids[key]

    def _tag(self, resource_id: str, tags: Mapping[str, str] | None) -> None:
        if tags:
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            self._ec2.create_tags(Resources=[resource_id], Tags=pairs)


def ipv6_addresses(spec: Mapping[str, Any]) -> int:
    """Return how many IPv6 addresses an interface asks for, those for pods included."""
    own, pool = spec.get("ipv6") or {}, spec.get("pod_pool") or {}
    return int(own.get("count", 0)) + int(pool.get("ipv6", 0))


def _leave_pods_out(spec: Spec) -> None:
    """Keep of the pods' networks what concerns nodes: the IPv4 ranges that nodes get no address of."""
    for key in OF_THE_CLUSTER:
        spec.pop(key, None)
    ranges = [each for each in spec.pop("pod_ranges", ()) if ":" not in each]
    reserve = spec.pop("reserve_pod_ranges", False)
    if ranges and (reserve or spec.get("ipv4") == "from_start"):
        spec["pod_ranges"] = ranges
        if reserve:
            spec["reserve_pod_ranges"] = True


def _by_zone(spec: Mapping[str, Any]) -> Mapping[str, str]:
    subnets = spec["subnets"]
    return {} if isinstance(subnets, list) or "tags" in subnets else subnets
