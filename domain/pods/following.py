"""Addresses that follow a pod: which ENI each belongs on, and what brings it there.

A pod's ipvlan link has the MAC address of its master, and a host-device link is the ENI's own: so a link's MAC address
names the ENI, however many ENIs of the node are in one subnet (Linux, drivers/net/ipvlan/ipvlan_main.c, ipvlan_link_new
copies the master's address; containernetworking/cni, Documentation/ipvlan.md). The prefix length of a pod's address plays no part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, NamedTuple, Union

from domain.pods.errors import (
    AddressForeign,
    AddressOutsideSubnet,
    LinkAmbiguous,
    LinkUnknown,
    NothingToAssign,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from domain.pods.errors import PodAddressError

Address = Union[IPv4Address, IPv6Address]
Network = Union[IPv4Network, IPv6Network]


class Placed(NamedTuple):
    """An address on a link; the MAC address names the link's ENI."""

    mac: str
    address: Address

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"{self.address} ({self.mac})"


@dataclass(frozen=True)
class PodLink:
    """A link of the pod's network namespace, with the addresses that others can reach it by."""

    index: int
    name: str
    mac: str
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True)
class Holder:
    """An ENI as EC2 describes it."""

    eni_id: str
    mac: str
    subnet_id: str
    owner: str | None
    """The value of the owner tag."""
    addresses: frozenset[Address] = frozenset()
    primary: frozenset[Address] = frozenset()
    """The addresses that stay with it: the primary IPv4 address, and an IPv6 address that was made primary."""
    interface: str | None = None
    """Which interface of its node it is, by the tag: of another one the addresses may be a pool's."""


@dataclass(frozen=True)
class Home:
    """The ENI that a link of the pod belongs to."""

    eni_id: str
    mac: str
    subnet_id: str
    networks: tuple[Network, ...]
    """The ranges of its subnet."""
    interface: str | None = None
    """Which interface of its node it is, by the tag."""


@dataclass(frozen=True)
class Move:
    """Addresses that another ENI of ours gives up. EC2 has no reassignment of IPv6 addresses."""

    addresses: tuple[IPv6Address, ...]
    source: str


@dataclass(frozen=True)
class Assignment:
    """What brings addresses to an ENI, in this order: IPv4 in one call, IPv6 that is free in one, and each move."""

    ipv4: tuple[IPv4Address, ...] = ()
    reassign: bool = False
    """Whether another ENI of ours has one of the IPv4 addresses."""
    ipv6: tuple[IPv6Address, ...] = ()
    moves: tuple[Move, ...] = ()
    here: tuple[Address, ...] = ()
    """What the ENI has already."""
    elsewhere: tuple[Address, ...] = ()
    """What another ENI has, and may keep."""
    problems: tuple[tuple[Address, PodAddressError], ...] = ()


def homes(
    links: Sequence[PodLink],
    enis: Iterable[Holder],
    networks: Mapping[str, tuple[Network, ...]],
    named: Sequence[str] = (),
) -> tuple[Mapping[str, Home], tuple[PodAddressError, ...]]:
    """Return the ENI of each link by MAC address, and what is wrong with the links that were named.

    Args:
        links: of the pod.
        enis: of this stack that have one of their MAC addresses.
        networks: the ranges of each subnet by id.
        named: the links that must have one. None: whichever has.
    """
    problems: list[PodAddressError] = []
    by_mac: dict[str, list[Holder]] = {}
    for eni in enis:
        by_mac.setdefault(eni.mac, []).append(eni)
    names = {link.name: link for link in links}
    for name in named:
        if name not in names or names[name].mac not in by_mac:
            problems.append(_unknown(name, names))
    found = {}
    for link in links:
        candidates = by_mac.get(link.mac, [])
        if (named and link.name not in named) or not candidates:
            continue
        if len(candidates) > 1:
            problems.append(
                LinkAmbiguous(
                    f"two ENIs have the MAC address of {link.name}",
                    value=", ".join(sorted(eni.eni_id for eni in candidates)),
                    remedy="MAC addresses are unique within a VPC: remove the owner tag from the ENI that is not this stack's.",
                )
            )
            continue
        (eni,) = candidates
        found[link.mac] = Home(
            eni.eni_id, link.mac, eni.subnet_id, networks[eni.subnet_id], eni.interface
        )
    return found, tuple(problems)


def _unknown(name: str, names: Mapping[str, PodLink]) -> PodAddressError:
    if name not in names:
        return LinkUnknown(
            f"the pod has no link {name}",
            value=", ".join(sorted(names)) or "none",
            remedy="Name one of these with --link, or add the network to the pod's annotation k8s.v1.cni.cncf.io/networks.",
        )
    return LinkUnknown(
        f"no ENI of this stack has the MAC address of {name}",
        value=names[name].mac,
        remedy="Name a link of a Multus network of ipvlan or host-device, and with --owner the stack that made the ENI.",
    )


def carried(
    links: Iterable[PodLink], known: Mapping[str, Home], named: Collection[str] = ()
) -> tuple[Placed, ...]:
    """Return what the links of known ENIs carry.

    Args:
        links: of the pod.
        known: the ENI of each link by MAC address.
        named: the links that count: several may be on one ENI. None: all.
    """
    return tuple(
        Placed(link.mac, address)
        for link in links
        if link.mac in known and (not named or link.name in named)
        for address in link.addresses
    )


def outside(placed: Iterable[Placed], known: Mapping[str, Home]) -> Iterator[PodAddressError]:
    """Yield a fault for each address that its ENI cannot have."""
    for each in placed:
        home = known[each.mac]
        if not any(each.address in network for network in home.networks):
            yield AddressOutsideSubnet(
                f"{each.address} is not in the subnet of {home.eni_id}",
                value=f"{home.subnet_id}: {', '.join(map(str, home.networks))}",
                remedy="Give the pod an address of that subnet, or have it run where its address's subnet is: one subnet is"
                " in one Availability Zone.",
            )


def nothing(links: Iterable[PodLink]) -> PodAddressError:
    """Return the failure of a pod whose links have nothing that EC2 could assign."""
    seen = ", ".join(f"{link.name} {link.mac}" for link in links) or "no link"
    return NothingToAssign(
        "no link of an ENI of this stack has an address",
        value=seen,
        remedy="Have the network's IPAM plugin or the pod's annotation (`ips`) give it one, or write --address LINK=ADDRESS.",
    )


def assignment(
    home: Home,
    addresses: Iterable[Address],
    on: Mapping[Address, Holder],
    owner: str,
    may_take: Callable[[Address, Holder], bool] = lambda _address, _holder: True,
) -> Assignment:
    """Return what brings addresses to an ENI. It can find each of them in any of these states:

    1. on the ENI already: an earlier run, or the init container, did it; nothing is done;
    2. on no ENI: never assigned, released, or a move of an IPv6 address ended half-way; assigned;
    3. on another node's ENI of this stack and interface, as a secondary one: the pod's former node, or its peer's; moved;
    4. on an ENI of somebody else or of another interface, whose node may have given it to a pod, or as an ENI's primary address:
       refused, and nothing else of the same pod waits for it;
    5. on an ENI that it may not be taken from, as a later owner has it there: it stays.

    Args:
        home: the ENI.
        addresses: what is to be there.
        on: which ENI of its subnet has which of them.
        owner: the stack.
        may_take: whether an address may be taken from another ENI.
    """
    made = Assignment()
    for address in dict.fromkeys(addresses):
        holder = on.get(address)
        if holder is None or holder.eni_id == home.eni_id or may_take(address, holder):
            made = _with(made, home, address, holder, owner)
        else:
            made = replace(made, elsewhere=(*made.elsewhere, address))
    return made


def holders_by_address(home: Home, holders: Iterable[Holder]) -> Mapping[Address, Holder]:
    """Return which ENI of an ENI's subnet has which address."""
    return {
        address: holder
        for holder in holders
        if holder.subnet_id == home.subnet_id
        for address in holder.addresses
    }


def _with(
    made: Assignment,
    home: Home,
    address: Address,
    holder: Holder | None,
    owner: str,
) -> Assignment:
    if holder is not None and holder.eni_id == home.eni_id:
        return replace(made, here=(*made.here, address))
    if holder is None:
        if isinstance(address, IPv4Address):
            return replace(made, ipv4=(*made.ipv4, address))
        return replace(made, ipv6=(*made.ipv6, address))
    if holder.owner != owner or holder.interface != home.interface or address in holder.primary:
        return replace(made, problems=(*made.problems, (address, _foreign(address, holder, owner))))
    if isinstance(address, IPv4Address):
        return replace(made, ipv4=(*made.ipv4, address), reassign=True)
    return replace(made, moves=_moves(made.moves, address, holder.eni_id))


def _moves(moves: tuple[Move, ...], address: IPv6Address, source: str) -> tuple[Move, ...]:
    for position, move in enumerate(moves):
        if move.source == source:
            joined = replace(move, addresses=(*move.addresses, address))
            return (*moves[:position], joined, *moves[position + 1 :])
    return (*moves, Move((address,), source))


def _foreign(address: Address, holder: Holder, owner: str) -> PodAddressError:
    if holder.owner != owner:
        what = f"an ENI that is not of {owner}"
    elif address in holder.primary:
        what = "an ENI whose primary address it is"
    else:
        what = f"an ENI of another interface ({holder.interface})"
    return AddressForeign(
        f"{address} is on {what}",
        value=f"{holder.eni_id}, {'of ' + holder.owner if holder.owner else 'without an owner tag'}",
        remedy="Keep the pods' ranges out of EC2's own choice: `ipv4: from_start`, or a subnet CIDR reservation of type `explicit`.",
    )


def to_release(
    home: Home, addresses: Iterable[Address], holders: Iterable[Holder]
) -> tuple[Address, ...]:
    """Return which addresses an ENI has to give up: what it still has, but its primary one.

    What another ENI took over meanwhile is not ours to take away, and what is on none is released already.
    """
    mine = next((holder for holder in holders if holder.eni_id == home.eni_id), None)
    if mine is None:
        return ()
    return tuple(
        address
        for address in dict.fromkeys(addresses)
        if address in mine.addresses and address not in mine.primary
    )
