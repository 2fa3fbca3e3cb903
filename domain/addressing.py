"""Choosing an address from the start of a subnet."""

from __future__ import annotations

import hashlib
import ipaddress
from itertools import islice
from typing import TYPE_CHECKING

from domain.errors import SpecRejected, SubnetExhausted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from domain.model import Subnet

RESERVED_AT_START = 4
"""The network address, the VPC router, the DNS server and one for the future (VPC user guide, Subnet sizing)."""

BURST = 4
"""So many addresses chosen at once say that nodes come by the dozen, and that another run is choosing too."""
SPREAD = 4
"""From how many times as many a run in a burst chooses: it then meets at most a quarter of what another one chose."""


def free_from_start(
    subnet: Subnet, taken: Collection[str], pod_ranges: Sequence[str]
) -> Iterator[str]:
    """Yield the free addresses of a subnet in ascending order.

    Left out are AWS's five reserved addresses, the subnet's CIDR reservations, the declared pod ranges and what is taken.
    """
    if subnet.ipv4_cidr is None:
        return
    cidr = subnet.ipv4_cidr
    closed = sorted(
        (int(network.network_address), int(network.broadcast_address))
        for network in (
            *subnet.reservations,
            *(ipaddress.IPv4Network(text) for text in pod_ranges),
        )
    )
    occupied = {int(ipaddress.IPv4Address(address)) for address in taken}
    candidate = int(cidr.network_address) + RESERVED_AT_START
    last = int(cidr.broadcast_address) - 1
    for start, end in [*closed, (last + 1, last + 1)]:
        for address in range(candidate, min(start, last + 1)):
            if address not in occupied:
                yield str(ipaddress.IPv4Address(address))
        candidate = max(candidate, end + 1)


def check_ipv6_only(subnet: Subnet) -> None:
    """Check that an interface gets no IPv4 address from a subnet.

    The subnet decides and nothing in a create can: an IPv6-only one has none to give, and in any other a network
    interface always has one (VPC user guide, "IP addressing").

    Raises:
        SpecRejected: the subnet has IPv4.
    """
    if subnet.ipv4_cidr is not None:
        raise SpecRejected(
            f"subnet {subnet.subnet_id} is not IPv6-only, so EC2 would give the interface an IPv4 address;"
            " leave ipv4: none out or name an IPv6-only subnet",
            subnet=str(subnet.subnet_id),
        )


def choose(
    subnet: Subnet,
    taken: Collection[str],
    pod_ranges: Sequence[str],
    *,
    conflicts: int = 0,
    asked: int = 1,
    who: str = "",
) -> str:
    """Return the first free address or, in a burst and after conflicts, one from a window at the start.

    Two runs that look at the same moment both see the same first free address and one of them loses. Were the loser
    to take the next one, a hundred launches would meet again and again; the window spreads them, and doubles with each
    conflict. A run that asks for several at once is not alone for sure, so it spreads them before the first conflict:
    what it leaves free in between is the lowest for the next.

    Args:
        subnet: where.
        taken: addresses known to be in use.
        pod_ranges: CIDRs of IPv4 never taken from.
        conflicts: how often this caller has lost an address already.
        asked: how many addresses the run chooses in this subnet now.
        who: what tells this caller from the others, for its place in the window.

    Raises:
        SpecRejected: the subnet is IPv6-only.
        SubnetExhausted: nothing is free.
    """
    if subnet.ipv4_cidr is None:
        raise SpecRejected(
            f"subnet {subnet.subnet_id} is IPv6-only, so there is no IPv4 address to choose; set ipv4: none",
            subnet=str(subnet.subnet_id),
        )
    size = SPREAD * asked if asked >= BURST else 1
    if conflicts:
        size = max(size, 2 ** min(conflicts + 2, 10))
    window = list(islice(free_from_start(subnet, taken, pod_ranges), size))
    if not window:
        raise SubnetExhausted(
            f"subnet {subnet.subnet_id} has no free address outside pod ranges and reservations",
            subnet=str(subnet.subnet_id),
        )
    place = int.from_bytes(hashlib.sha256(f"{who}/{conflicts}".encode()).digest()[:8], "big")
    return window[place % len(window)]
