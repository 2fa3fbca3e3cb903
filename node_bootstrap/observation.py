"""One look at the host: everything that a plan is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node import layout, plugins
from domain.node.binding import Guards, default_route_links
from domain.node.plan import Host as Observed
from node_bootstrap import huge_pages, networkd, pci
from node_bootstrap import plugins as installed_plugins

if TYPE_CHECKING:
    from domain.node.config import NodeGroup
    from node_bootstrap.discovery import Discovery
    from node_bootstrap.files import Files
    from node_bootstrap.host import Host


def observe(
    group: NodeGroup, discovery: Discovery, host: Host, *, configures_pools: bool
) -> Observed:
    """Return what the host has, for the interfaces that were discovered.

    Starts each CNI plugin that the group needs and that is installed, to ask for its version.

    Args:
        group: what the node must become.
        discovery: what is there of it.
        host: to look at.
        configures_pools: whether the SR-IOV device plugin's file is ours; otherwise somebody else's may lie there.
    """
    needed = [need.plugin for need in plugins.needs(group)]
    addresses = [device.pci_address for device in discovery.devices.values()]
    pci_devices = pci.observe(host.files, addresses)
    pools, memory = huge_pages.observe(host.files)
    network = networkd.observe_network(host.kernel)
    primary_mac = discovery.instance.primary_mac
    return Observed(
        instance=discovery.instance,
        devices=discovery.devices,
        links=networkd.observe(host.files, network, discovery.devices),
        pci_devices=pci_devices,
        recorded_drivers={
            record.pci_address: record.driver
            for record in host.records.devices()
            if record.driver is not None
        },
        drivers=host.modules.observe(),
        guards=Guards(
            primary_mac=primary_mac,
            default_route_links=default_route_links(network.links, network.routes, primary_mac),
            holders=pci.holders(host.files, pci_devices.values()),
        ),
        pools=pools,
        memory=memory,
        plugins=installed_plugins.observe(needed, host.files, host.programs),
        files=_files_for_others(host.files, configures_pools=configures_pools),
        user_data=host.files.text(layout.USER_DATA) or "",
    )


def _files_for_others(files: Files, *, configures_pools: bool) -> dict[str, str | None]:
    """Return what is there of the files that are ours."""
    paths = [layout.NODEADM]
    paths += [
        f"{layout.CNI_CONFIGURATION}/{name}"
        for name in files.names(layout.CNI_CONFIGURATION)
        if name.startswith(layout.CNI_PREFIX)
    ]
    if configures_pools:
        paths.append(layout.DEVICE_PLUGIN)
    return {path: files.text(path) for path in paths}
