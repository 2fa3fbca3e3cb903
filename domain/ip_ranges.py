"""Ranges of IP addresses of either family: whether one is in another, or has addresses of it."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from collections.abc import Iterable

IpNetwork = Union[IPv4Network, IPv6Network]


def inside(inner: IpNetwork, outer: IpNetwork) -> bool:
    """Return whether all of a range is in another; of another family none is."""
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]  # one version


def covered(network: IpNetwork, ranges: Iterable[IpNetwork]) -> bool:
    """Return whether ranges, of any family, have all of a range together."""
    of_family: list[IpNetwork] = [each for each in ranges if each.version == network.version]
    return any(inside(network, each) for each in collapse_addresses(of_family))  # type: ignore[type-var]  # one family


def overlap(one: IpNetwork, other: IpNetwork) -> bool:
    """Return whether two ranges have an address in common; two families never have."""
    return one.version == other.version and one.overlaps(other)
