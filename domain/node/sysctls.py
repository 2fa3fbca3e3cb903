"""The kernel parameters of each link: reverse path filter, and ARP where ENIs share a subnet.

The kernel uses the larger of `net.ipv4.conf.all.<parameter>` and the link's own value for all three (Linux,
Documentation/networking/ip-sysctl.rst). `all` belongs to the whole node and is never changed here. systemd 252 has no
setting for them in a .network file. systemd's 99-systemd.rules applies /etc/sysctl.d to a new link by the name that a
.link file gave it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node.change import SetSysctl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.node.config import NodeGroup, NodeInterface
    from domain.node.model import Device, Instance

RP_FILTER = "rp_filter"
ARP = {
    # Answer only for addresses of the link that the question came in on.
    "arp_ignore": "1",
    # Ask with an address of the link that the question leaves by.
    "arp_announce": "2",
}
PARAMETERS = (RP_FILTER, *ARP)


def key(link_name: str, parameter: str) -> str:
    """Return a parameter's name for a link; `all` for the node's."""
    return f"net.ipv4.conf.{link_name}.{parameter}"


def to_read(link_names: Iterable[str]) -> tuple[str, ...]:
    """Return the parameters that a plan needs to know."""
    return tuple(key(name, parameter) for name in ("all", *link_names) for parameter in PARAMETERS)


def desired(
    group: NodeGroup, devices: Mapping[str, Device], instance: Instance
) -> dict[str, dict[str, str]]:
    """Return what each kernel interface's link should have: values by parameter by link name."""
    found = {}
    for interface in group.interfaces:
        if interface.driver.is_dpdk or interface.name not in devices:
            continue
        values = {RP_FILTER: str(group.rp_filter)} if interface.host_address else {}
        if shares_subnet(interface, group, devices, instance):
            values.update(ARP)
        if values:
            found[interface.link_name] = values
    return found


def shares_subnet(
    interface: NodeInterface,
    group: NodeGroup,
    devices: Mapping[str, Device],
    instance: Instance,
) -> bool:
    """Return whether the primary interface or another kernel interface of the group is in an interface's subnet."""
    own = devices[interface.name].eni
    others = [eni.subnet_id for eni in instance.enis if eni.mac == instance.primary_mac]
    others += [
        devices[other.name].eni.subnet_id
        for other in group.interfaces
        if other.name in devices and other.name != interface.name and not other.driver.is_dpdk
    ]
    return own.subnet_id in others


def file_text(wanted: Mapping[str, Mapping[str, str]]) -> str:
    """Return the file for /etc/sysctl.d. Slashes, because a link's name may have a dot (sysctl.d(5))."""
    lines = ["# multus-node wrote this; its next run writes it anew."]
    lines += [
        f"net/ipv4/conf/{link_name}/{parameter} = {value}"
        for link_name, values in wanted.items()
        for parameter, value in values.items()
    ]
    return "\n".join(lines) + "\n"


def changes(
    wanted: Mapping[str, Mapping[str, str]],
    present: Mapping[str, str],
    names_now: Mapping[str, str],
) -> list[SetSysctl]:
    """Return what has to be written to the links that are here.

    Args:
        wanted: values by parameter by link name.
        present: values by key; a parameter moves with its link when that is renamed.
        names_now: what each link of `wanted` that is here is called now.
    """
    planned = []
    for link_name, now in names_now.items():
        for parameter, value in wanted.get(link_name, {}).items():
            before = present.get(key(now, parameter), "")
            if before != value:
                planned.append(SetSysctl(key(link_name, parameter), value, before))
    return planned


def ineffective(wanted: Mapping[str, Mapping[str, str]], present: Mapping[str, str]) -> list[str]:
    """Return a warning for each wish that the node's `all` makes ineffective."""
    return [
        f"{key(link_name, parameter)}={value} has no effect: {key('all', parameter)} is {node}, "
        "and the kernel uses the larger of both"
        for link_name, values in wanted.items()
        for parameter, value in values.items()
        for node in [int(present.get(key("all", parameter)) or 0)]
        if node > int(value)
    ]
