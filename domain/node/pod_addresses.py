"""The addresses of an ENI that are its node's pods', as host-local hands them out: no EC2 call per pod, no right on the node."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any, Union

from domain.node import layout, routing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from ipaddress import IPv4Address, IPv6Address

    from domain.node.config import NodeInterface
    from domain.node.model import Device, Eni

    Address = Union[IPv4Address, IPv6Address]

Network = Union[IPv4Network, IPv6Network]


def pool(interface: NodeInterface, eni: Eni) -> tuple[Address, ...]:
    """Return the addresses for pods, IPv4 first: all but the primary IPv4 one and those that the host itself has.

    EC2 accepts packets from each of them, as they are the ENI's own. None where the configuration asks for no pool: then
    further addresses are somebody else's to give out. One whose subnet the metadata service has not told yet is left out:
    host-local needs both.
    """
    if not interface.has_pod_pool:
        return ()
    host = {address.ip for address in routing.host_addresses(interface, eni)}
    ordered: list[Address] = []
    if interface.pool_ipv4:
        ordered += sorted(eni.ipv4_addresses[1:])
    if interface.pool_ipv6:
        ordered += sorted(eni.ipv6_addresses)
    subnets = _subnets(eni)
    return tuple(
        each for each in ordered if each not in host and any(each in subnet for subnet in subnets)
    )


def ipam(interface: NodeInterface, eni: Eni) -> dict[str, Any] | None:
    """Return the key `ipam` of a network that hands out the pool; None while there is no address in it.

    One range set for each family, so that a pod gets an address of each; a range for each run of neighbouring addresses,
    which host-local takes in any number (containernetworking/plugins, plugins/ipam/host-local). What it has given out it
    notes in a file per address below `dataDir`; on /run that ends with the boot, as the pods do.
    """
    addresses = pool(interface, eni)
    subnets = _subnets(eni)
    sets = [
        [
            {**_range(run), "subnet": str(subnet), "gateway": str(router(subnet))}
            for subnet in subnets
            for run in _runs([each for each in addresses if each in subnet])
            if subnet.version == version
        ]
        for version in (4, 6)
    ]
    ranges = [each for each in sets if each]
    if not ranges:
        return None
    return {"type": "host-local", "ranges": ranges, "dataDir": layout.POD_ADDRESSES}


def routes(interface: NodeInterface, eni: Eni) -> list[dict[str, str]]:
    """Return the pods' routes: each destination through the VPC's router, as far as pods have an address of its family.

    A route of another family would fail the pod. Where its annotation says the addresses, those of the ENI tell.
    """
    addresses: Sequence[Address] = pool(interface, eni)
    if not addresses:
        addresses = (*eni.ipv4_addresses, *eni.ipv6_addresses)
    routers: dict[int, Address] = {}
    if eni.ipv4_subnet is not None:
        routers[4] = router(eni.ipv4_subnet)
    if eni.ipv6_subnets:
        routers[6] = router(eni.ipv6_subnets[0])
    families = {each.version for each in addresses}
    return [
        {"dst": text, "gw": str(routers[version])}
        for text in interface.pod_routes
        for version in [6 if ":" in text else 4]
        if version in families and version in routers
    ]


def router(subnet: Network) -> Address:
    """Return the VPC router's address for whoever is in a subnet."""
    return routing.ipv4_router(subnet) if isinstance(subnet, IPv4Network) else routing.IPV6_ROUTER


def shortages(interfaces: Iterable[NodeInterface], devices: Iterable[Device]) -> Iterator[str]:
    """Yield a warning for each pool that is smaller than promised: the ENI is older than the promise, or EC2's answer is late."""
    enis = {device.interface: device.eni for device in devices}
    for interface in interfaces:
        if interface.name not in enis:
            continue
        there = pool(interface, enis[interface.name])
        for version, promised in ((4, interface.pool_ipv4), (6, interface.pool_ipv6)):
            count = sum(1 for each in there if each.version == version)
            if count < promised:
                yield (
                    f"{interface.name} has {count} of {promised} IPv{version} addresses for pods: "
                    "nodes launched from now on have them all, this one keeps what its ENI has"
                )


def _subnets(eni: Eni) -> tuple[Network, ...]:
    return (*((eni.ipv4_subnet,) if eni.ipv4_subnet else ()), *eni.ipv6_subnets)


def _runs(addresses: Sequence[Address]) -> Iterator[tuple[Address, Address]]:
    """Yield the first and the last of each run of neighbours; the addresses are in ascending order."""
    if not addresses:
        return
    first = last = addresses[0]
    for each in addresses[1:]:
        if int(each) != int(last) + 1:
            yield first, last
            first = each
        last = each
    yield first, last


def _range(run: tuple[Address, Address]) -> dict[str, str]:
    first, last = run
    return {"rangeStart": str(first), "rangeEnd": str(last)}
