"""Interfaces of one subnet: which may be given addresses that another one has for pods."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from authoring.models import ByTags, subnets_of
from authoring.pod_checks import HANDS_OUT
from domain.ip_ranges import inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authoring.models import Interface, NodeGroup


def warnings(group: NodeGroup, interface: Interface, groups: Sequence[NodeGroup]) -> Iterator[str]:
    """Yield which interfaces may be given addresses of the ranges that an interface has for pods and does not reserve.

    Args:
        group: the interface's.
        interface: whose ranges.
        groups: all of the file.
    """
    if interface.reserve_pod_ranges:
        return
    takers, lost = [], set[str]()
    for other in groups:
        for neighbour in other.interfaces:
            if (other.name, neighbour.name) == (group.name, interface.name):
                continue
            if subnets_of(interface).isdisjoint(subnets_of(neighbour)):
                continue
            taken = {text for text in _for_pods(interface) if _may_take(neighbour, text)}
            if taken:
                where = "" if other.name == group.name else f" of node group {other.name}"
                takers.append(f"{neighbour.name}{where}")
                lost |= taken
    if takers:
        yield (
            f"{' and '.join(takers)} {'is' if len(takers) == 1 else 'are'} in a subnet of this interface's too, and may be given"
            f" addresses of {', '.join(text for text in interface.pod_ranges if text in lost)}. {reserve(interface)}: both EC2"
            " and from_start keep out of reservations."
        )


def reserve(interface: Interface) -> str:
    """Return how the ranges of an interface are reserved: by the stack where it names the subnets, else by somebody."""
    if isinstance(interface.subnets, ByTags):
        return "Make subnet CIDR reservations (explicit) of what is in the subnets"
    return "Write reserve_pod_ranges: true for what is in the subnet"


def _for_pods(interface: Interface) -> Iterator[str]:
    """Ranges that an IPAM plugin hands out, or that from_start keeps free for one that the file does not know."""
    for text in interface.pod_ranges:
        if interface.pod_ipam in HANDS_OUT or (":" not in text and interface.ipv4 == "from_start"):
            yield text


def _may_take(neighbour: Interface, text: str) -> bool:
    """EC2 chooses any free address that no reservation keeps (Amazon VPC User Guide, "Subnet CIDR reservations"): the primary one
    of `auto`, a pool's and all of IPv6. from_start keeps out of the ranges of its own interface (domain.addressing)."""
    known = any(inside(ip_network(text), ip_network(own)) for own in neighbour.pod_ranges)
    if known and neighbour.reserve_pod_ranges:
        return False
    pool = neighbour.pod_pool
    if ":" in text:
        return neighbour.ipv6 is not None or (pool is not None and pool.ipv6 > 0)
    if neighbour.ipv4 == "auto" or (pool is not None and pool.ipv4 > 0):
        return True
    return neighbour.ipv4 == "from_start" and not known
