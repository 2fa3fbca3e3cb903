"""Which CIDR blocks the subnets have, as far as a file says: it names subnets by ids, and some of their blocks in `pod_subnets`."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from authoring.models import ByTags, subnets_of
from authoring.pod_families import IPV4, IPV6
from domain.ip_ranges import inside, overlap

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable

    from authoring.models import Interface
    from domain.ip_ranges import IpNetwork

IPV6_SUBNET = 64
"""The prefix length that most subnets have, and none is longer (Amazon VPC User Guide, "Subnet CIDR blocks")."""


class StatedSubnets:
    """What interfaces say of their subnets' blocks.

    A subnet has one block of a family at most (Amazon VPC User Guide, "Subnet CIDR blocks"; of IPv6 EC2 API reference,
    AssociateSubnetCidrBlock). So where an interface names as many of a family as subnets, each subnet has one of them. Where it
    names fewer, any of the subnets may have one that is not named, and nothing is known.
    """

    def __init__(self, interfaces: Iterable[Interface]) -> None:
        """Take in what the interfaces say."""
        self._blocks: dict[tuple[Hashable, int], frozenset[IpNetwork]] = {}
        for interface in interfaces:
            subnets = subnets_of(interface)
            for version in (IPV4, IPV6) if not isinstance(interface.subnets, ByTags) else ():
                named = frozenset(
                    each
                    for each in map(ip_network, interface.pod_subnets)
                    if each.version == version
                )
                if len(named) == len(subnets):
                    for each in subnets:
                        self._blocks[each, version] = self._of(each, version, named) & named

    def may_have(self, subnet: Hashable, text: str, siblings: Collection[Hashable]) -> bool:
        """Return whether a subnet may have addresses of a range.

        Args:
            subnet: its id, or the tags that select it.
            text: the range.
            siblings: other subnets of the VPC, which have no address of it in common with this one.
        """
        network = ip_network(text)
        blocks = self._of(subnet, network.version)
        if blocks and not any(overlap(network, each) for each in blocks):
            return False
        if len(blocks) == 1:
            return True
        return not any(self._is_in(network, each) for each in siblings if each != subnet)

    def may_be_all_of(self, subnet: Hashable, text: str) -> bool:
        """Return whether a range may leave nothing of a subnet; one of IPv6 whose size is not known is most often a /64."""
        network = ip_network(text)
        blocks = self._of(subnet, network.version)
        if not blocks:
            return network.version == IPV6 and network.prefixlen <= IPV6_SUBNET
        return any(inside(each, network) for each in blocks)

    def block(self, subnet: Hashable, version: int) -> IpNetwork | None:
        """Return the subnet's block of a family; None where it is not known which it is."""
        blocks = self._of(subnet, version)
        return next(iter(blocks)) if len(blocks) == 1 else None

    def _of(
        self, subnet: Hashable, version: int, default: frozenset[IpNetwork] = frozenset()
    ) -> frozenset[IpNetwork]:
        """Return the blocks of which the subnet has one; none where nothing is known, or what is said disagrees."""
        return self._blocks.get((subnet, version), default)

    def _is_in(self, network: IpNetwork, subnet: Hashable) -> bool:
        block = self.block(subnet, network.version)
        return block is not None and inside(network, block)
