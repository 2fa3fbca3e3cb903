"""Rules about how many addresses a subnet has, and how many the groups' nodes will ask for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import collapse_addresses, ip_network
from typing import TYPE_CHECKING

from domain.config import Ipv4Mode
from domain.errors import RangeTaken, SpecRejected
from domain.ip_ranges import inside, overlap
from domain.preflight.created import SUBNETS
from domain.preflight.findings import Rule, error, warning
from domain.preflight.observed import CannotTell, Unseen, shown
from domain.preflight.reservations import subnet_reserved_in
from domain.reservations import pod_ranges

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from domain.config import InterfaceSpec
    from domain.ip_ranges import IpNetwork
    from domain.model import SubnetId
    from domain.preflight.findings import Trouble
    from domain.preflight.looks import Group, Whole
    from domain.preflight.observed import Subnet
    from domain.reservations import CidrReservation

TAKEN_BY_AWS = 5
"""The first four addresses of a subnet and the last (Amazon VPC User Guide, "Subnet sizing for IPv4" and "... for IPv6")."""
WHOLE_PERCENT = 100
REBALANCING_PERCENT = 10
"""As at `replacements`."""
_OF_IPV6 = "IPv6 addresses outside reservations and the pod ranges that are to be reserved"


@dataclass(frozen=True)
class Demand:
    """How many addresses of one family nodes may ask of a subnet."""

    spread: int
    """When each group's nodes are spread evenly over its zones and over the subnets of a zone."""
    crowded: int
    """When all nodes of each group are in one zone, as when the others have no capacity, and some are being replaced."""
    replacing: int
    """How many of those take the places of nodes that are still there."""


@dataclass(frozen=True)
class _Ask:
    """What one group asks of one subnet."""

    subnet_id: SubnetId
    addresses: int
    """Of each node."""
    nodes: int
    subnets: int
    """Among how many of its zone the nodes are spread."""
    zones: int


def demands(whole: Whole, *, ipv6: bool = False) -> dict[SubnetId, Demand]:
    """Return what each Multus subnet and each of the nodes' own is asked for by all groups together, by each at its largest.

    Of IPv4 addresses, or of IPv6 ones.

    Nodes that have their interfaces already are not counted: those of a group that has our launch hook. A group that
    cannot be seen asks for nothing. What pods take of the nodes' own subnets is the VPC CNI's choice, and comes on top.
    """
    spread: Counter[SubnetId] = Counter()
    crowded: Counter[SubnetId] = Counter()
    settled: Counter[SubnetId] = Counter()
    for group in whole.groups():
        try:
            asks, more = tuple(_asks(group, ipv6=ipv6)), replacements(group)
        except CannotTell:
            continue
        for ask in asks:
            each, subnet_id = ask.addresses, ask.subnet_id
            spread[subnet_id] += each * _ceil(ask.nodes, ask.zones * ask.subnets)
            settled[subnet_id] += each * _ceil(ask.nodes, ask.subnets)
            crowded[subnet_id] += each * _ceil(ask.nodes + more, ask.subnets)
    return {
        each: Demand(spread[each], crowded[each], crowded[each] - settled[each]) for each in crowded
    }


def _asks(group: Group, *, ipv6: bool) -> Iterator[_Ask]:
    """Yield what the group asks for: by zone, of the nodes' own subnets and of each interface's."""
    seen, zones, own = group.in_account, group.zones(), group.node_subnets()
    launches = max(0, seen.most_nodes - seen.nodes)
    to_come = nodes_to_come(group)
    asking = _ipv6_of if ipv6 else _ipv4_of
    for zone in zones:
        uses: list[tuple[InterfaceSpec | None, int, tuple[Subnet, ...]]] = [
            (None, launches, tuple(subnet for subnet in own if subnet.zone == zone))
        ]
        uses += [(spec, to_come, group.in_zone(spec, zone)) for spec in group.config.interfaces]
        for spec, nodes, subnets in uses:
            for subnet in subnets:
                addresses = asking(spec, subnet)
                if addresses:
                    yield _Ask(subnet.subnet_id, addresses, nodes, len(subnets), len(zones))


def _ipv4_of(spec: InterfaceSpec | None, _: Subnet) -> int:
    """Return how many IPv4 addresses an interface takes; None is a node's primary one."""
    return 1 if spec is None else spec.ipv4_addresses


def _ipv6_of(spec: InterfaceSpec | None, subnet: Subnet) -> int:
    """Return how many IPv6 addresses an interface takes; the subnet may give it one unasked (Subnet,
    AssignIpv6AddressOnCreation)."""
    asked = 0 if spec is None else spec.ipv6_addresses
    return asked or int(subnet.gives_ipv6)


def nodes_to_come(group: Group) -> int:
    """Return how many nodes the group may launch beyond those that have their interfaces."""
    seen = group.in_account
    try:
        served = seen.nodes if group.is_served() else 0
    except CannotTell:
        served = 0
    return max(0, seen.most_nodes - served)


def replacements(group: Group) -> int:
    """Return by how many nodes the group may exceed its maximum while nodes are replaced.

    An instance refresh and an instance maintenance policy let it grow to the maximum healthy percentage of its desired
    capacity, Capacity Rebalancing by 10 percent of that, whatever its maximum is (Auto Scaling User Guide, "Instance
    maintenance policy for Auto Scaling group"). Balancing the zones, for which it may exceed it too, launches in the
    emptiest zone, and never more there than an even share.
    """
    seen = group.in_account
    percent = max(
        seen.max_healthy_percent - WHOLE_PERCENT,
        REBALANCING_PERCENT if seen.capacity_rebalance else 0,
    )
    return _ceil(seen.most_nodes * percent, WHOLE_PERCENT)


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


@dataclass(frozen=True)
class Supply:
    """How many free addresses of a subnet a node can get: which of the free ones are kept cannot be seen."""

    least: int
    most: int


def supply(group: Group, subnet: Subnet) -> Supply:
    """Return what the subnet can give of IPv4, without CIDR reservations and pod ranges.

    EC2 keeps its own choice out of CIDR reservations of either type (Amazon VPC User Guide, "Subnet CIDR
    reservations"), and `from_start` keeps out of them and of the pod ranges.
    """
    assert subnet.ipv4_cidr is not None  # noqa: S101 - demanded of subnets with IPv4 only
    kept = _kept(group, subnet, subnet.ipv4_cidr)
    size = subnet.ipv4_cidr.num_addresses - TAKEN_BY_AWS
    return Supply(max(0, subnet.free - kept), max(0, min(subnet.free, size - kept)))


def ipv6_supply(group: Group, subnet: Subnet) -> Supply:
    """Return what the subnet can give of IPv6, without CIDR reservations and the ranges that the stack will reserve.

    EC2 counts free addresses of IPv4 only (Subnet, AvailableIpAddressCount), so those in use are taken for free.
    """
    left = sum(
        max(0, block.num_addresses - TAKEN_BY_AWS - _kept(group, subnet, block))
        for block in subnet.ipv6_cidrs
    )
    return Supply(left, left)


def _kept(group: Group, subnet: Subnet, block: IpNetwork) -> int:
    reservations = group.account.reservations
    known = {} if isinstance(reservations, Unseen) else reservations
    ranges: list[IpNetwork] = [each.network for each in known.get(subnet.subnet_id, ())]
    ranges += _to_be_reserved(group.whole, subnet, known)
    for each in group.whole.groups():
        ranges += _left_by_from_start(each, subnet)
    parts = [block if inside(block, each) else each for each in ranges if overlap(each, block)]
    apart: Iterator[IpNetwork] = collapse_addresses(parts)  # type: ignore[type-var]  # one family
    return sum(each.num_addresses for each in apart)


def _to_be_reserved(
    whole: Whole, subnet: Subnet, known: Mapping[SubnetId, Sequence[CidrReservation]]
) -> Iterator[IpNetwork]:
    """Yield the ranges that the stack will reserve in a subnet: one that EC2 refuses (pod-range-unreservable) keeps nothing."""
    subnets, owner = shown(whole.account.subnets), whole.config.owner
    for wanted in pod_ranges(whole.config):
        try:
            if subnet_reserved_in(wanted, owner, subnets, known) == subnet.subnet_id:
                yield ip_network(wanted.cidr)
        except (SpecRejected, RangeTaken):
            continue


def _left_by_from_start(group: Group, subnet: Subnet) -> Iterator[IpNetwork]:
    """Yield the ranges that from_start takes no address of in a subnet. EC2 gives the addresses of IPv6, and minds reservations
    alone."""
    for spec in group.config.interfaces:
        if spec.ipv4 is Ipv4Mode.FROM_START and _may_be_in(group, spec, subnet):
            yield from map(ip_network, spec.ipv4_pod_ranges)


def _may_be_in(group: Group, spec: InterfaceSpec, subnet: Subnet) -> bool:
    """Return whether an interface may be in a subnet; one whose subnets cannot be seen is in none."""
    try:
        return any(each.subnet_id == subnet.subnet_id for each in group.candidates(spec))
    except CannotTell:
        return False


def addresses_suffice(group: Group) -> Iterator[Trouble]:
    """Every node takes the addresses of an interface from one subnet; without them the create answers
    InsufficientFreeAddressesInSubnet (EC2 API reference, error codes) and the launch is abandoned. For its primary
    interface it takes one of its own subnet, without which EC2 launches nothing, by the same code."""
    asked, asked_ipv6 = demands(group.whole), demands(group.whole, ipv6=True)
    for subnet, names in _users(group):
        demand = asked.get(subnet.subnet_id)
        if demand is not None and subnet.ipv4_cidr is not None:
            given = supply(group, subnet)
            kept = " outside reservations and pod ranges" if given.least < subnet.free else ""
            yield from _shortage(
                _Shortage(names, subnet, demand, given, f"free addresses{kept}", _larger(names))
            )
        demand = asked_ipv6.get(subnet.subnet_id)
        if demand is not None and subnet.ipv6_cidrs:
            given = ipv6_supply(group, subnet)
            yield from _shortage(
                _Shortage(names, subnet, demand, given, _OF_IPV6, "Reserve less of the subnet")
            )


@dataclass(frozen=True)
class _Shortage:
    """What there may be too little of, and what to do then."""

    names: str
    subnet: Subnet
    demand: Demand
    given: Supply
    what: str
    remedy: str


def _shortage(may_be: _Shortage) -> Iterator[Trouble]:
    subnet, demand, given = may_be.subnet, may_be.demand, may_be.given
    if demand.spread > given.most:
        yield error(
            may_be.names,
            f"{subnet.subnet_id} has {given.most} {may_be.what}, and the groups at their largest need "
            f"{demand.spread} even when their nodes are spread over the zones",
            f"{may_be.remedy}, or lower the groups' maximum size.",
        )
    elif demand.crowded > given.least:
        yield warning(
            may_be.names,
            f"{subnet.subnet_id} has {_range(given)} {may_be.what}, and the groups at their largest need "
            f"{demand.spread}, or {demand.crowded} when all nodes are in {subnet.zone}{_of_them(demand)}",
            f"{may_be.remedy}, or accept that launches are abandoned when the other zones have no "
            f"capacity{' or nodes are replaced' if demand.replacing else ''}.",
        )


def _larger(names: str) -> str:
    """Return the remedy; `create.subnets` has one subnet per zone."""
    return f"Use a larger subnet{'' if names == SUBNETS else ' or a second one in the zone'}"


def _users(group: Group) -> Iterator[tuple[Subnet, str]]:
    """Yield each subnet that the group's nodes take addresses of, with the names of what takes them."""
    own = SUBNETS if group.in_account.create else group.in_account.name
    found: dict[SubnetId, tuple[Subnet, list[str]]] = {}
    for subnet, specs in group.multus_subnets():
        found[subnet.subnet_id] = (subnet, [spec.name for spec in specs])
    for subnet in group.node_subnets():
        found.setdefault(subnet.subnet_id, (subnet, []))[1].append(own)
    for subnet, names in found.values():
        yield subnet, ", ".join(names)


def _of_them(demand: Demand) -> str:
    if not demand.replacing:
        return ""
    others = "takes the place of another" if demand.replacing == 1 else "take the place of others"
    return f" and {demand.replacing} of them {others}"


def _range(given: Supply) -> str:
    return str(given.most) if given.least == given.most else f"{given.least} to {given.most}"


RULES: tuple[Rule[Group], ...] = (
    Rule(
        "subnet-too-small",
        "every subnet has addresses for the group at its largest",
        addresses_suffice,
    ),
)
