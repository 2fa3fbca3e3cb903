"""What makes the links of a node group's interfaces what they must be: names, files, configuration, kernel parameters."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.node import desired_files, layout, networkd, routing, sysctls
from domain.node.change import ConfigureLinks, RenameLink, WriteFile
from domain.node.config import Driver
from domain.node.errors import LinkNotRenamed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from domain.node.change import Change, RemoveFile
    from domain.node.config import NodeGroup, NodeInterface
    from domain.node.model import Device, Instance, Link, LinkAddress, Route, RoutingRule
    from domain.node.routing import ExpectedLink


@dataclass(frozen=True)
class Network:
    """What the kernel has of links, addresses, routes and rules."""

    links: tuple[Link, ...]
    addresses: tuple[LinkAddress, ...]
    routes: tuple[Route, ...]
    rules: tuple[RoutingRule, ...]


@dataclass(frozen=True)
class Observed:
    """What a plan is made from, besides what was discovered."""

    files: Mapping[str, str | None]
    """Content by path: what systemd-networkd's directory holds with our prefix, and layout.SYSCTL."""
    network: Network
    sysctls: Mapping[str, str]
    """Values by key, of `sysctls.to_read`."""


@dataclass(frozen=True)
class LinkPlan:
    """What is to be done about a group's links, in the order in which a run does it."""

    files: tuple[WriteFile | RemoveFile, ...]
    """Before a DPDK device is bound, and before a rename: udev and systemd-networkd then find them at every event."""
    renames: tuple[RenameLink, ...]
    configuration: tuple[ConfigureLinks, ...]
    """One at most."""
    sysctls: tuple[Change, ...]
    warnings: tuple[str, ...]


def with_kernel_driver(group: NodeGroup, interface_name: str) -> NodeGroup:
    """Return the group with one interface under its kernel driver: what `unbind` plans with, to restore name and addresses.

    It leaves its pool: the pods that ask for it expect the driver that it had, as the others of the pool have it.
    """
    return dataclasses.replace(
        group,
        interfaces=tuple(
            dataclasses.replace(interface, driver=Driver.KERNEL, resource_name=None)
            if interface.name == interface_name
            else interface
            for interface in group.interfaces
        ),
    )


def expected_state(group: NodeGroup, devices: Mapping[str, Device]) -> tuple[ExpectedLink, ...]:
    """Return what each link must be, for the kernel interfaces that are here: neither missing nor in a pod."""
    return tuple(
        routing.expected(interface, devices[interface.name].eni)
        for interface in _found(group, devices)
        if not interface.driver.is_dpdk and devices[interface.name].link is not None
    )


def differences(link: ExpectedLink, network: Network) -> tuple[str, ...]:
    """Return what a link lacks of what it must be, and what it has against that; nothing when it is as it must be.

    A link is told by its MAC address and name. Routes that somebody else added by the link count only where they would
    draw the node's own traffic to it: a default route, or one to the ENI's own subnets, in the main table.
    """
    found = next(
        (there for there in network.links if there.name == link.name and there.mac == link.mac),
        None,
    )
    if found is None:
        return (f"no link {link.name} with MAC address {link.mac}",)
    return (
        *_link_differences(link, found),
        *_address_differences(link, found, network.addresses),
        *_route_differences(link, found, network.routes),
        *(f"no rule {rule_text(rule)}" for rule in link.rules if rule not in network.rules),
    )


def plan(
    group: NodeGroup,
    devices: Mapping[str, Device],
    instance: Instance,
    observed: Observed,
) -> LinkPlan:
    """Return what makes the group's links what they must be; nothing when they are.

    Args:
        group: the node group.
        devices: the interfaces that were found, by name; one that is not here keeps its files.
        instance: what the metadata service says of the node.
        observed: what the host has.

    Raises:
        LinkNotRenamed: somebody else's link has the name of one of ours.
    """
    wanted_sysctls = sysctls.desired(group, devices, instance)
    files = _file_changes(group, devices, observed.files, wanted_sysctls)
    renames = tuple(_renames(group, devices, observed.network.links))
    names_now = {
        interface.link_name: link.name
        for interface in _found(group, devices)
        for link in [devices[interface.name].link]
        if link is not None and not interface.driver.is_dpdk
    }
    return LinkPlan(
        files=tuple(files),
        renames=renames,
        configuration=tuple(
            _configuration(expected_state(group, devices), files, renames, observed.network)
        ),
        sysctls=tuple(sysctls.changes(wanted_sysctls, observed.sysctls, names_now)),
        warnings=(
            *sysctls.ineffective(wanted_sysctls, observed.sysctls),
            *_stale_rules(expected_state(group, devices), observed.network.rules),
        ),
    )


def rule_text(rule: RoutingRule) -> str:
    """Return a rule as ip-rule(8) shows it."""
    source = f"from {rule.source}" if rule.source else "from all"
    bound = f" oif {rule.outgoing_link}" if rule.outgoing_link else ""
    return f"{rule.priority}: {source}{bound} lookup {rule.table} (IPv{rule.family})"


def _found(group: NodeGroup, devices: Mapping[str, Device]) -> Iterator[NodeInterface]:
    return (interface for interface in group.interfaces if interface.name in devices)


def _file_changes(
    group: NodeGroup,
    devices: Mapping[str, Device],
    present: Mapping[str, str | None],
    wanted_sysctls: Mapping[str, Mapping[str, str]],
) -> list[WriteFile | RemoveFile]:
    desired: dict[str, str] = {}
    for interface in _found(group, devices):
        desired.update(networkd.files(interface, devices[interface.name].eni))
    if wanted_sysctls:
        desired[layout.SYSCTL] = sysctls.file_text(wanted_sysctls)
    kept = {
        path
        for interface in group.interfaces
        if interface.name not in devices
        for path in (networkd.link_path(interface.name), networkd.network_path(interface.name))
    }
    return desired_files.changes(
        desired, {path: text for path, text in present.items() if path not in kept}
    )


def _renames(
    group: NodeGroup, devices: Mapping[str, Device], links: Sequence[Link]
) -> Iterator[RenameLink]:
    """Yield the renames, each when its name is free.

    Where links want each other's names, one of them steps aside first. A run that is killed then leaves it under the
    temporary name, from which the next run renames it like from any other.
    """
    holders = {link.name: link for link in links}
    pending: dict[str, Link] = {}
    leaving: set[int] = set()
    for interface in _found(group, devices):
        link = devices[interface.name].link
        if link is None:
            continue
        if interface.driver.is_dpdk:
            # Its link goes when the device is bound, which is done before any rename.
            leaving.add(link.index)
        elif link.name != interface.link_name:
            pending[interface.link_name] = link
    moving = {link.index for link in pending.values()}
    for name, link in pending.items():
        holder = holders.get(name)
        if holder is not None and holder.index not in moving | leaving:
            raise LinkNotRenamed(
                f"{link.name} (MAC address {link.mac}) cannot be called {name}: another link is",
                value=f"{name}: MAC address {holder.mac or 'none'}, PCI device {holder.pci_address or 'none'}",
                remedy="Give the interface another link_name, or that link another name.",
            )
    yield from _ordered(pending)


def _ordered(pending: dict[str, Link]) -> Iterator[RenameLink]:
    while pending:
        taken = {link.name for link in pending.values()}
        free = [name for name in pending if name not in taken]
        if not free:
            name, link = next(iter(pending.items()))
            aside = f"multus-aside{link.index % 1000}"
            yield RenameLink(link.index, aside, link.name)
            pending[name] = dataclasses.replace(link, name=aside)
            continue
        for name in free:
            link = pending.pop(name)
            yield RenameLink(link.index, name, link.name)


def _configuration(
    expected: Iterable[ExpectedLink],
    files: Iterable[WriteFile | RemoveFile],
    renames: Iterable[RenameLink],
    network: Network,
) -> Iterator[ConfigureLinks]:
    """Yield what systemd-networkd has to do: read its files, and configure anew what its files do not explain.

    A reload reconfigures each link whose file changed, and only those (systemd 252, network_reload and link_reconfigure
    without force; seen with 252.38).
    """
    changed = {change.path for change in files if change.path.endswith(".network")}
    last_names = {change.index: change.name for change in renames}
    renamed_network = dataclasses.replace(
        network,
        links=tuple(
            dataclasses.replace(link, name=last_names.get(link.index, link.name))
            for link in network.links
        ),
    )
    by_file, drifted, reasons = [], [], []
    for link in expected:
        found = differences(link, renamed_network)
        if networkd.network_path(link.interface) in changed:
            by_file.append(link.name)
        elif found or link.name in last_names.values():
            drifted.append(link.name)
            reasons.append(f"{link.name}: {', '.join(found) or 'renamed'}")
    if changed:
        reasons.insert(0, "its files changed")
    if reasons:
        yield ConfigureLinks((*by_file, *drifted), "; ".join(reasons), tuple(drifted))


def _link_differences(link: ExpectedLink, found: Link) -> Iterator[str]:
    if not found.up:
        yield f"{link.name} is down"
    elif not found.carrier:
        yield f"{link.name} has no carrier"
    if found.mtu != link.mtu:
        yield f"MTU {found.mtu} instead of {link.mtu}"


def _address_differences(
    link: ExpectedLink, found: Link, addresses: Iterable[LinkAddress]
) -> Iterator[str]:
    present = {a.address: a for a in addresses if a.link_index == found.index}
    for address in link.addresses:
        there = present.get(address)
        if there is None:
            yield f"no address {address}"
        elif there.dad_failed:
            yield f"address {address} is a duplicate"
        elif there.tentative:
            yield f"address {address} is tentative"
    has_link_local = False
    for address in present:
        if address.version == 6 and address.is_link_local:  # noqa: PLR2004 - IPv6
            has_link_local = True
        elif not link.addresses:
            yield f"address {address} on a link without a host address"
    if has_link_local != link.link_local:
        yield "no link-local address" if link.link_local else "a link-local address"


def _route_differences(link: ExpectedLink, found: Link, routes: Iterable[Route]) -> Iterator[str]:
    own = [route for route in routes if route.link_index == found.index and route.is_unicast]
    present = {(route.destination, route.gateway) for route in own if route.table == link.table}
    for route in link.routes:
        if (route.destination, route.gateway) not in present:
            yield f"no route {_route_text(route.destination, route.gateway)} in table {link.table}"
    subnets = {
        route.destination
        for route in link.routes
        if route.gateway is None and not route.destination.is_link_local
    }
    for there in own:
        is_default = there.destination.prefixlen == 0
        if there.table == routing.MAIN_TABLE and (is_default or there.destination in subnets):
            yield f"route {_route_text(there.destination, there.gateway)} in the main table"


def _route_text(destination: object, gateway: object) -> str:
    return f"{destination} via {gateway}" if gateway else f"{destination}"


def _stale_rules(expected: Iterable[ExpectedLink], rules: Iterable[RoutingRule]) -> Iterator[str]:
    """Yield a warning for each rule of ours that nothing needs: another systemd-networkd made it, and this one leaves it.

    Amazon Linux for EKS sets ManageForeignRoutingPolicyRules=no. Only a rule for an address that has moved to another ENI
    does harm: whichever has the smaller priority wins.
    """
    own = [rule for link in expected for rule in link.rules]
    sources = {rule.source for rule in own if rule.source is not None}
    for rule in rules:
        is_ours = routing.BASE <= rule.priority < routing.END and rule.priority == rule.table
        if is_ours and rule.source in sources and rule not in own:
            yield f"a rule is left over: {rule_text(rule)}; remove it with ip rule del"
