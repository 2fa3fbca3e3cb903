"""Finds the promised interfaces: their network interface in the metadata service, their link or record, their PCI device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from domain import naming
from domain.node import matching
from domain.node.errors import (
    ConfigurationForeign,
    InstanceTypeUnknown,
    InterfaceMissing,
    MetadataIncomplete,
)
from domain.node.model import Device
from node_bootstrap import pci
from node_bootstrap.records import DeviceRecord, is_believed, plug

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from domain.node.config import NodeConfig, NodeGroup, NodeInterface
    from domain.node.model import Eni, Instance, Link
    from node_bootstrap.deadline import Deadline
    from node_bootstrap.files import Files
    from node_bootstrap.host import Changes, Links, Metadata
    from node_bootstrap.imds import Observation
    from node_bootstrap.records import Records

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
"""Between two questions to the metadata service, which tells nobody when it changes."""
_NETWORK_CLASS = "0x02"
"""PCI base class of network controllers, as sysfs begins it."""


@dataclass(frozen=True)
class Sources:
    """Where discovery looks."""

    metadata: Metadata
    links: Links
    changes: Changes
    """Of links, from a moment before discovery begins."""
    files: Files
    records: Records


@dataclass(frozen=True)
class Absent:
    """Why a promised interface is not there."""

    seen: str
    remedy: str


@dataclass(frozen=True)
class Discovery:
    """What is there of what was promised."""

    instance: Instance
    devices: Mapping[str, Device]
    """By the interface's name in the configuration."""
    absent: Mapping[str, Absent]
    """By the interface's name: what is missing."""
    foreign: tuple[Eni, ...]
    """Everybody else's network interfaces, the VPC CNI's for instance; without the primary."""
    seen: tuple[DeviceRecord, ...]
    """The devices that have a link here: to be remembered before one of them loses it."""
    waited_s: float = 0.0

    @property
    def claims(self) -> dict[str, str]:
        """Interface names by ENI id: to be remembered."""
        return {device.eni.eni_id: name for name, device in self.devices.items()}


def require(discovery: Discovery, left_out: Collection[str] = ()) -> None:
    """Insist on all promised interfaces but those that the node joins without.

    Raises:
        InterfaceMissing: one is not there.
    """
    absent = {name: why for name, why in discovery.absent.items() if name not in left_out}
    if not absent:
        return
    raise InterfaceMissing(
        f"after {discovery.waited_s:.0f} s not all interfaces are there:"
        f" {', '.join(absent)} of {len(discovery.absent) + len(discovery.devices)}",
        value="; ".join(f"{name}: {why.seen}" for name, why in absent.items()),
        remedy=" ".join(dict.fromkeys(why.remedy for why in absent.values())),
        interfaces=tuple(absent),
    )


def wait(
    config: NodeConfig,
    group: NodeGroup,
    sources: Sources,
    deadline: Deadline,
    tell: Callable[[Discovery], None] | None = None,
) -> Discovery:
    """Return what is there of what was promised: all of it as soon as it is, or what is there when the time is up.

    A link's coming and going ends each wait, and links are looked at anew. The metadata service is asked again after
    pauses that double, and soon when a link comes that it has not told of. Nothing is changed on the host; what is to be
    remembered is in the answer.

    Args:
        config: of the node's stack.
        group: of the node.
        sources: where to look.
        deadline: a look is taken even if it is over, so one that lasts 0 seconds means: look once.
        tell: called with what is there after each look that found something missing.

    Raises:
        InterfaceAmbiguous: a promise could be more than one network interface.
        InstanceTypeUnknown: the group was not checked for the instance's type.
        ConfigurationForeign: the configuration is for another Region.
        MetadataError: the metadata service does not answer as it must.
    """
    noticed: set[str] = set()
    pause_s = FIRST_PAUSE_S
    while True:
        observation = _asked(config, group, sources, deadline)
        asked_s = deadline.passed_s()
        while True:
            links = sources.links.links()
            if observation is not None:
                discovery = _joined(config, group, sources, observation, links)
                if not discovery.absent or deadline.is_over():
                    return replace(discovery, waited_s=deadline.passed_s())
                if tell is not None:
                    tell(discovery)
            unheard_of = _unheard_of(observation, links) - noticed
            if unheard_of:
                noticed |= unheard_of
                pause_s = FIRST_PAUSE_S
            left_s = min(asked_s + pause_s - deadline.passed_s(), deadline.left_s())
            if left_s <= 0:
                break
            sources.changes.wait(left_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _asked(
    config: NodeConfig, group: NodeGroup, sources: Sources, deadline: Deadline
) -> Observation | None:
    """Return what the metadata service shows; None while it does not yet show what every instance has."""
    try:
        observation = sources.metadata.instance(deadline)
    except MetadataIncomplete:
        if deadline.is_over():
            raise
        return None
    _check(config, group, observation.instance)
    return observation


def _check(config: NodeConfig, group: NodeGroup, instance: Instance) -> None:
    if config.region is not None and config.region != instance.region:
        raise ConfigurationForeign(
            f"the configuration of {config.owner} is for {config.region}",
            value=instance.region,
            remedy="Take the archive that the stack in this Region publishes.",
        )
    if group.instance_types and instance.instance_type not in group.instance_types:
        raise InstanceTypeUnknown(
            f"node group {group.name} was checked for {', '.join(group.instance_types)}",
            value=instance.instance_type,
            remedy="Add the type to the node group's instance_types and deploy, or launch one of these.",
        )


def _unheard_of(observation: Observation | None, links: Sequence[Link]) -> set[str]:
    """Return the MAC addresses of PCI devices that the metadata service has not told all of."""
    known = set() if observation is None else {eni.mac for eni in observation.instance.enis}
    return {link.mac for link in links if link.pci_address is not None} - known


def _joined(
    config: NodeConfig,
    group: NodeGroup,
    sources: Sources,
    observation: Observation,
    links: Sequence[Link],
) -> Discovery:
    """Return what is there, from one look at everything."""
    instance = observation.instance
    match = matching.match(group, instance, sources.records.claims(instance.instance_id))
    devices: dict[str, Device] = {}
    absent: dict[str, Absent] = {}
    for interface in group.interfaces:
        eni = match.found.get(interface.name)
        here = (
            _not_attached(config, group, interface, observation, match)
            if eni is None
            else _device(interface, eni, links, sources)
        )
        if isinstance(here, Device):
            devices[interface.name] = here
        else:
            absent[interface.name] = here
    return Discovery(
        instance=instance,
        devices=devices,
        absent=absent,
        foreign=match.foreign,
        seen=tuple(_seen(sources.files, devices)),
    )


def _seen(files: Files, devices: Mapping[str, Device]) -> Iterator[DeviceRecord]:
    for device in devices.values():
        plugged = plug(files, device.pci_address)
        if device.link is not None and plugged is not None:
            yield DeviceRecord(
                interface=device.interface,
                eni_id=device.eni.eni_id,
                mac=device.eni.mac,
                pci_address=device.pci_address,
                driver=files.target(f"{pci.DEVICES}/{device.pci_address}/driver"),
                link_name=device.link.name,
                plug=plugged,
            )


def _device(
    interface: NodeInterface, eni: Eni, links: Sequence[Link], sources: Sources
) -> Device | Absent:
    """Return where a network interface sits, from its link or from what was recorded while it had one."""
    late = _late_addresses(interface, eni)
    if late is not None:
        return Absent(
            f"{eni.eni_id} is there, {late}",
            "Look whether its subnet has that family and the launch function could assign the addresses.",
        )
    # A VLAN, a macvlan or an ipvlan link has its parent's MAC address, and no PCI device.
    own = [link for link in links if link.mac == eni.mac and link.pci_address is not None]
    if len(own) == 1 and own[0].pci_address is not None:
        return Device(interface.name, eni, own[0].pci_address, own[0])
    if own:
        names = " and ".join(sorted(link.name for link in own))
        return Absent(f"{names} both have its address {eni.mac}", "Give one of them another.")
    for record in sources.records.devices():
        if record.eni_id == eni.eni_id and record.mac == eni.mac:
            plugged = plug(sources.files, record.pci_address)
            if plugged is not None and is_believed(record, links, plugged):
                return Device(interface.name, eni, record.pci_address, None)
    return _without_link(eni, links, sources.files)


def _late_addresses(interface: NodeInterface, eni: Eni) -> str | None:
    """Return which address that the host is to have is not told yet."""
    if not interface.host_address:
        return None
    if interface.ipv4 and not (eni.ipv4_addresses and eni.ipv4_subnet):
        return "its IPv4 address or subnet is not"
    if len(eni.ipv6_addresses) < interface.ipv6_count:
        return f"{len(eni.ipv6_addresses)} of its {interface.ipv6_count} IPv6 addresses are"
    if interface.ipv6_count and not eni.ipv6_subnets:
        return "its IPv6 subnet is not"
    return None


def _without_link(eni: Eni, links: Sequence[Link], files: Files) -> Absent:
    """Return why an attached network interface may have no link: from the PCI devices that have none."""
    linked = {link.pci_address for link in links}
    suspects = []
    driverless = False
    for address in files.names(pci.DEVICES):
        if address in linked or not (files.text(f"{pci.DEVICES}/{address}/class") or "").startswith(
            _NETWORK_CLASS
        ):
            continue
        driver = files.target(f"{pci.DEVICES}/{address}/driver")
        driverless = driverless or driver is None
        suspects.append(f"{address} has {f'driver {driver}' if driver else 'no driver'}")
    seen = f"{eni.eni_id} is attached and no link has its address {eni.mac}"
    if not suspects:
        return Absent(
            f"{seen}, nor is there a PCI device without a link",
            "Look in the kernel's log (dmesg) whether the device was plugged in.",
        )
    if driverless:
        remedy = "Load the device's network driver (modprobe ena) and look in dmesg why it did not take the device."
    else:
        remedy = "Give the device its network driver back, or its link from a pod's network namespace; a reboot does both."
    return Absent(f"{seen}; of the network devices without a link, {', '.join(suspects)}", remedy)


def _not_attached(
    config: NodeConfig,
    group: NodeGroup,
    interface: NodeInterface,
    observation: Observation,
    match: matching.Match,
) -> Absent:
    """Return why no network interface is the promised one: those that are late, those that do not fit, or none at all."""
    place = f"network card {interface.network_card_index}, device index {interface.device_index}"
    late = [f"{mac} without {attribute} yet" for mac, attribute in observation.incomplete]
    own = matching.primary(observation.instance)
    others = []
    for eni in match.foreign:
        why = (
            matching.misfit(interface, eni, own)
            or "which of the promised ones it is cannot be told yet"
        )
        others.append(f"{eni.eni_id}: {why}")
    told = "; ".join([*late, *others])
    if not told:
        told = "the metadata service shows no network interface beside the node's own"
    remedy = (
        f"Look whether the launch hook {naming.launch_hook(config.owner)} of {group.auto_scaling_group} is still open,"
        " and in the launch function's log why."
    )
    if others:
        remedy = (
            f"Compare subnets, security groups and device index with the configuration. {remedy}"
        )
    return Absent(f"not attached ({place}): {told}", remedy)
