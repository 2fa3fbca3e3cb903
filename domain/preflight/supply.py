"""Rules about how many addresses a subnet has, and how many the groups' nodes will ask for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses
from typing import TYPE_CHECKING

from domain.preflight.created import SUBNETS
from domain.preflight.findings import Rule, error, warning
from domain.preflight.observed import CannotTell, Unseen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.model import SubnetId
    from domain.preflight.findings import Trouble
    from domain.preflight.looks import Group, Whole
    from domain.preflight.observed import Subnet

TAKEN_BY_AWS = 5
"""The first four addresses of a subnet and the last (Amazon VPC User Guide, "Subnet sizing for IPv4")."""
WHOLE_PERCENT = 100
REBALANCING_PERCENT = 10
"""As at `replacements`."""


@dataclass(frozen=True)
class Demand:
    """How many IPv4 addresses nodes may ask of a subnet."""

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


def demands(whole: Whole) -> dict[SubnetId, Demand]:
    """Return what each Multus subnet and each of the nodes' own is asked for by all groups together, by each at its largest.

    Nodes that have their interfaces already are not counted: those of a group that has our launch hook. A group that
    cannot be seen asks for nothing. What pods take of the nodes' own subnets is the VPC CNI's choice, and comes on top.
    """
    spread: Counter[SubnetId] = Counter()
    crowded: Counter[SubnetId] = Counter()
    settled: Counter[SubnetId] = Counter()
    for group in whole.groups():
        try:
            asks, more = tuple(_asks(group)), replacements(group)
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


def _asks(group: Group) -> Iterator[_Ask]:
    """Yield what the group asks for: by zone, of the nodes' own subnets and of each interface's."""
    seen, zones, own = group.in_account, group.zones(), group.node_subnets()
    launches = max(0, seen.most_nodes - seen.nodes)
    to_come = nodes_to_come(group)
    for zone in zones:
        uses = [(1, launches, tuple(subnet for subnet in own if subnet.zone == zone))]
        uses += [
            (spec.ipv4_addresses, to_come, group.in_zone(spec, zone))
            for spec in group.config.interfaces
            if spec.ipv4_addresses
        ]
        for addresses, nodes, subnets in uses:
            for subnet in subnets:
                yield _Ask(subnet.subnet_id, addresses, nodes, len(subnets), len(zones))


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
    """Return what the subnet can give, without CIDR reservations and pod ranges.

    EC2 keeps its own choice out of CIDR reservations of either type (Amazon VPC User Guide, "Subnet CIDR
    reservations"), and `from_start` keeps out of them and of the pod ranges.
    """
    assert subnet.ipv4_cidr is not None  # noqa: S101 - demanded of subnets with IPv4 only
    kept = _kept(group, subnet, subnet.ipv4_cidr)
    size = subnet.ipv4_cidr.num_addresses - TAKEN_BY_AWS
    return Supply(max(0, subnet.free - kept), max(0, min(subnet.free, size - kept)))


def _kept(group: Group, subnet: Subnet, cidr: IPv4Network) -> int:
    reservations = group.account.reservations
    known = () if isinstance(reservations, Unseen) else reservations.get(subnet.subnet_id, ())
    ranges = [each.network for each in known if isinstance(each.network, IPv4Network)]
    for other in group.whole.config.node_groups:
        for spec in other.interfaces:
            ranges += [IPv4Network(text) for text in spec.ipv4_pod_ranges]
    inside = [cidr if cidr.subnet_of(each) else each for each in ranges if each.overlaps(cidr)]
    return sum(each.num_addresses for each in collapse_addresses(inside))


def addresses_suffice(group: Group) -> Iterator[Trouble]:
    """Every node takes the addresses of an interface from one subnet; without them the create answers
    InsufficientFreeAddressesInSubnet (EC2 API reference, error codes) and the launch is abandoned. For its primary
    interface it takes one of its own subnet, without which EC2 launches nothing, by the same code."""
    asked = demands(group.whole)
    for subnet, names in _users(group):
        demand = asked.get(subnet.subnet_id)
        if demand is None or subnet.ipv4_cidr is None:
            continue
        given = supply(group, subnet)
        kept = " outside reservations and pod ranges" if given.least < subnet.free else ""
        if demand.spread > given.most:
            yield error(
                names,
                f"{subnet.subnet_id} has {given.most} free addresses{kept}, and the groups at their largest need "
                f"{demand.spread} even when their nodes are spread over the zones",
                f"{_larger(names)}, or lower the groups' maximum size.",
            )
        elif demand.crowded > given.least:
            yield warning(
                names,
                f"{subnet.subnet_id} has {_range(given)} free addresses{kept}, and the groups at their largest need "
                f"{demand.spread}, or {demand.crowded} when all nodes are in {subnet.zone}{_of_them(demand)}",
                f"{_larger(names)}, or accept that launches are abandoned when the other zones have no "
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
