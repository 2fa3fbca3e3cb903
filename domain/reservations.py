"""Subnet CIDR reservations: which ranges the stack keeps, and what becomes of one.

A reservation of type `explicit` keeps a part of a subnet out of EC2's own choice of addresses; whoever names an address of it
still gets it. Reservations of one VPC cannot overlap, may hold addresses that are in use, and take nothing from anybody when
they are deleted (Amazon VPC User Guide, "Subnet CIDR reservations").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final, NewType

from domain import tags
from domain.errors import RangeInUse, RangeTaken, SpecRejected
from domain.ip_ranges import inside, overlap
from domain.model import SubnetId

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from domain.config import Config, InterfaceSpec
    from domain.ip_ranges import IpNetwork
    from domain.model import EniId

ReservationId = NewType("ReservationId", str)

EXPLICIT: Final = "explicit"
"""The type whose addresses nobody gets who does not name one; of `prefix` EC2 gives whole prefixes."""
NAMED_USERS = 5
"""So many network interfaces are named to whoever has to take their addresses away."""


@dataclass(frozen=True)
class PodRange:
    """A range that the stack keeps, however many interfaces name it."""

    cidr: str
    """As EC2 writes it: no bits after the prefix, IPv6 in its short form (RFC 5952)."""
    subnet_ids: tuple[SubnetId, ...]
    """Of which one has it. The file knows ids and not CIDRs, so which one is seen when the range is reserved."""


@dataclass(frozen=True)
class SubnetCidrs:
    """A subnet and its CIDR blocks of both families."""

    subnet_id: SubnetId
    cidrs: tuple[IpNetwork, ...]


@dataclass(frozen=True)
class CidrReservation:
    """A reservation as GetSubnetCidrReservations shows it."""

    reservation_id: ReservationId
    subnet_id: SubnetId
    network: IpNetwork
    kind: str
    """`explicit` or `prefix`."""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)

    def is_of(self, owner: str) -> bool:
        """Return whether it is this stack's."""
        return self.tags.get(tags.OWNER) == owner


@dataclass(frozen=True)
class AddressHolder:
    """A network interface and what it has of its subnet."""

    eni_id: EniId
    addresses: tuple[str, ...]
    """Addresses of both families, the primary one among them, and prefixes in CIDR notation."""

    def has_of(self, network: IpNetwork) -> tuple[str, ...]:
        """Return those that are in a range."""
        return tuple(text for text in self.addresses if overlap(ip_network(text), network))


def named_subnets(spec: InterfaceSpec) -> tuple[SubnetId, ...]:
    """Return the subnets that an interface names; of those that it selects by tags none."""
    return tuple((spec.subnets.by_zone or {}).values()) or spec.subnets.ids


def pod_ranges(config: Config) -> tuple[PodRange, ...]:
    """Return the ranges that the stack keeps, in the order of their text.

    A range that several interfaces name is one: two reservations of it could not be, and whichever interface went first
    would take it from the others.
    """
    found: dict[str, set[SubnetId]] = {}
    for group in config.node_groups:
        for spec in group.interfaces:
            for text in spec.pod_ranges if spec.reserve_pod_ranges else ():
                found.setdefault(str(ip_network(text)), set()).update(named_subnets(spec))
    return tuple(PodRange(cidr, tuple(sorted(found[cidr]))) for cidr in sorted(found))


def subnet_of(wanted: PodRange, subnets: Sequence[SubnetCidrs]) -> SubnetId:
    """Return the subnet that a range is in.

    Args:
        wanted: the range.
        subnets: those of its subnets that exist.

    Raises:
        SpecRejected: it is in none of them as a whole, or in several, which are then of several VPCs.
    """
    network = ip_network(wanted.cidr)
    having = [each for each in subnets if any(inside(network, cidr) for cidr in each.cidrs)]
    if len(having) == 1:
        return having[0].subnet_id
    if having:
        raise SpecRejected(
            f"{wanted.cidr} is in several subnets ({_listed(each.subnet_id for each in having)}), of several VPCs",
            remedy="Write ranges that differ, or reserve it yourself.",
        )
    there = {each.subnet_id for each in subnets}
    missing = [each for each in wanted.subnet_ids if each not in there]
    blocks = _listed(f"{each.subnet_id} ({_listed(map(str, each.cidrs))})" for each in subnets)
    raise SpecRejected(
        f"{wanted.cidr} is in none of its subnets"
        + (f": {blocks}" if blocks else "")
        + (f"; not there: {_listed(missing)}" if missing else ""),
        remedy="Correct pod_ranges or subnets.",
    )


def present(
    cidr: str, owner: str, reservations: Iterable[CidrReservation]
) -> CidrReservation | None:
    """Return the reservation of a range that the stack has already, or None when it is to be made.

    Args:
        cidr: the range.
        owner: the stack's name.
        reservations: those of the range's subnet.

    Raises:
        RangeTaken: another reservation is in the way: somebody else's, or the stack's own of a range that overlaps.
    """
    network = ip_network(cidr)
    ours = None
    for each in reservations:
        if not overlap(each.network, network):
            continue
        if each.network == network and each.kind == EXPLICIT and each.is_of(owner):
            ours = each
            continue
        what = (
            f"{cidr} overlaps {each.network} of {each.subnet_id}, reserved as {each.reservation_id}"
        )
        if each.is_of(owner):
            raise RangeTaken(
                f"{what} by this stack itself, which makes a new reservation before it deletes the old one",
                remedy="Deploy once without the range, then with the new one.",
            )
        raise RangeTaken(
            f"{what} (type {each.kind}) by somebody else",
            remedy="Delete that reservation, write another range, or leave reserve_pod_ranges out.",
        )
    return ours


def releasable(
    cidr: str,
    owner: str,
    reservations: Iterable[CidrReservation],
    holders: Collection[AddressHolder],
) -> CidrReservation | None:
    """Return the reservation of a range that is to be deleted; None when the stack has none of it.

    Somebody else's is left alone. One with addresses in use is kept: as soon as it is gone EC2 gives nodes the addresses that
    pods will ask for next.

    Args:
        cidr: the range.
        owner: the stack's name.
        reservations: those of the range's subnet.
        holders: the network interfaces in that subnet.

    Raises:
        RangeInUse: network interfaces have addresses of it.
    """
    network = ip_network(cidr)
    ours = next(
        (
            each
            for each in reservations
            if each.network == network and each.kind == EXPLICIT and each.is_of(owner)
        ),
        None,
    )
    users = [(each.eni_id, each.has_of(network)) for each in holders]
    using = sorted((eni_id, having) for eni_id, having in users if having)
    if ours is None or not using:
        return ours
    shown = _listed(f"{eni_id} ({having[0]})" for eni_id, having in using[:NAMED_USERS])
    more = len(using) - NAMED_USERS
    raise RangeInUse(
        f"{cidr} of {ours.subnet_id} has addresses in use, by {shown}"
        + (f" and {more} more network interfaces" if more > 0 else "")
        + f"; {ours.reservation_id} is kept",
        remedy="Take the addresses away, then delete it: by deleting the stack again, or yourself after an update.",
    )


def physical_id(subnet_id: SubnetId, cidr: str) -> str:
    """Return what CloudFormation calls a reservation: another subnet or range is another resource."""
    return f"{subnet_id}/{cidr}"


def from_physical_id(text: str) -> PodRange | None:
    """Return the range that a physical id stands for, in its one subnet; None for an id that stands for none."""
    subnet_id, _, cidr = text.partition("/")
    if not subnet_id.startswith("subnet-") or canonical(cidr) is None:
        return None
    return PodRange(cidr, (SubnetId(subnet_id),))


def canonical(cidr: str) -> str | None:
    """Return a range as EC2 writes it, or None for what is no range."""
    try:
        return str(ip_network(cidr))
    except ValueError:
        return None


def reservation_tags(owner: str, cidr: str) -> dict[str, str]:
    """Return the tags by which a later run knows a reservation for the stack's."""
    return {tags.OWNER: owner, tags.NAME: f"{owner}/{cidr}"}


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(texts)
