"""Who may be given addresses that an interface has for pods: its own nodes, and those of other interfaces of its subnets."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from authoring.models import ByTags, subnets_of
from authoring.pod_checks import HANDS_OUT
from authoring.remedies import may_write
from authoring.stated_subnets import StatedSubnets
from domain.ip_ranges import covered, inside

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from authoring.models import Interface, NodeGroup
    from domain.ip_ranges import IpNetwork


def warnings(group: NodeGroup, interface: Interface, groups: Sequence[NodeGroup]) -> Iterator[str]:
    """Yield which interfaces may be given addresses of the ranges that an interface has for pods and nobody reserves.

    Args:
        group: the interface's.
        interface: whose ranges.
        groups: all of the file.
    """
    exposed = _Exposed(interface, groups)
    takers, lost = [], set[str]()
    for other in groups:
        for neighbour in other.interfaces:
            if (other.name, neighbour.name) == (group.name, interface.name):
                continue
            taken = {
                text
                for text in exposed.within(subnets_of(neighbour))
                if _for_pods(interface, text) and _may_take(neighbour, text)
            }
            if taken:
                where = "" if other.name == group.name else f" of node group {other.name}"
                takers.append(f"{neighbour.name}{where}")
                lost |= taken
    if takers:
        named = [text for text in interface.pod_ranges if text in lost]
        yield (
            f"{' and '.join(takers)} {'is' if len(takers) == 1 else 'are'} in a subnet of this interface's too, and may be given"
            f" addresses of {', '.join(named)}. {_reserve(group, interface, groups, whole=exposed.are_whole(named))}: both EC2 and from_start keep out of"
            " reservations."
        )


def own_nodes(group: NodeGroup, interface: Interface, groups: Sequence[NodeGroup]) -> Iterator[str]:
    """Yield which ranges EC2 itself may choose a node's address of: any free one that no CIDR reservation keeps (Amazon VPC User
    Guide, "Subnet CIDR reservations").

    Args:
        group: the interface's.
        interface: whose ranges.
        groups: all of the file.
    """
    exposed = _Exposed(interface, groups)
    has_pool = interface.pod_pool is not None and interface.pod_pool.ipv4 > 0
    chosen = [
        text
        for text in exposed.within(subnets_of(interface))
        if ":" in text or interface.ipv4 != "from_start" or has_pool
    ]
    if chosen:
        is_remedy = (
            any(":" not in text for text in chosen)
            and not has_pool  # EC2 chooses a pool's addresses also with from_start
            and may_write(groups, group, interface, ipv4="from_start")
        )
        yield (
            f"EC2 may give a node an address of {', '.join(chosen)}. {_reserve(group, interface, groups, whole=exposed.are_whole(chosen))}"
            f"{', or ipv4: from_start' if is_remedy else ''}."
        )


class _Exposed:
    """An interface's ranges that no interface of the file reserves, and where they may be."""

    def __init__(self, interface: Interface, groups: Sequence[NodeGroup]) -> None:
        everybody = [each for group in groups for each in group.interfaces]
        self._subnets, self._stated = subnets_of(interface), StatedSubnets(everybody)
        kept = _reserved(interface, everybody)
        self._ranges = [
            text for text in interface.pod_ranges if not covered(ip_network(text), kept)
        ]

    def within(self, subnets: frozenset[Hashable]) -> list[str]:
        """Return those that may be in one of these subnets that is the interface's too."""
        return [
            text
            for text in self._ranges
            if any(
                self._stated.may_have(each, text, self._subnets) for each in self._subnets & subnets
            )
        ]

    def are_whole(self, texts: Iterable[str]) -> bool:
        """Return whether one of these ranges may be all of a subnet of the interface's."""
        return any(
            self._stated.may_be_all_of(each, text) for text in texts for each in self._subnets
        )


def _reserved(interface: Interface, everybody: Sequence[Interface]) -> list[IpNetwork]:
    """Return what is reserved in the interface's VPC: there a range is in one subnet alone, whoever has it reserved."""
    return [
        ip_network(text)
        for each in everybody
        if each.reserve_pod_ranges and subnets_of(each) & subnets_of(interface)
        for text in each.pod_ranges
    ]


def _reserve(
    group: NodeGroup, interface: Interface, groups: Sequence[NodeGroup], *, whole: bool
) -> str:
    """Return how ranges of an interface are reserved: by the stack where it names the subnets, else by somebody."""
    if isinstance(interface.subnets, ByTags):
        return "Make subnet CIDR reservations (explicit) of what is in the subnets"
    if whole or not may_write(groups, group, interface, reserve_pod_ranges=True):
        return "Write pod_ranges that leave nodes a part of the subnet and overlap no others, and have them reserved"
    return "Write reserve_pod_ranges: true for what is in the subnet"


def _for_pods(interface: Interface, text: str) -> bool:
    """Whether an IPAM plugin hands a range out, or from_start keeps it free for one that the file does not know."""
    return interface.pod_ipam in HANDS_OUT or (":" not in text and interface.ipv4 == "from_start")


def _may_take(neighbour: Interface, text: str) -> bool:
    """EC2 chooses any free address that no reservation keeps (Amazon VPC User Guide, "Subnet CIDR reservations"): the primary one
    of `auto`, a pool's and all of IPv6. from_start keeps out of the ranges of its own interface (domain.addressing)."""
    pool = neighbour.pod_pool
    if ":" in text:
        return neighbour.ipv6 is not None or (pool is not None and pool.ipv6 > 0)
    if neighbour.ipv4 == "auto" or (pool is not None and pool.ipv4 > 0):
        return True
    known = any(inside(ip_network(text), ip_network(own)) for own in neighbour.pod_ranges)
    return neighbour.ipv4 == "from_start" and not known
