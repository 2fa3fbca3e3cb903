"""Which CNI plugins the configuration needs, and whether those on the node are new enough."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from domain.node import layout
from domain.node.config import PodNetwork
from domain.node.errors import PluginMissing, PluginTooOld

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from domain.node.config import NodeGroup, NodeInterface

Version = tuple[int, int, int]

_PCI_BUS_ID: Version = (0, 8, 6)
_DPDK_DEVICES: Version = (0, 9, 1)
_DPDK_ADDRESSES: Version = (1, 1, 0)
_STATIC_IPS: Version = (0, 8, 3)
_RANGE_SETS: Version = (0, 7, 0)
_SYSCTLS_OF_LINKS: Version = (1, 1, 0)
_ANY: Version = (0, 0, 0)
_IFNAME = "IFNAME"
_BRINGER: Mapping[str, str] = {"whereabouts": "whereabouts' own DaemonSet"}
"""Who brings a plugin that aws-node does not: whereabouts is not one of containernetworking's."""

_VERSION_LINE = re.compile(r"CNI \S+ plugin v?(\d+)\.(\d+)\.(\d+)")
_PROTOCOLS_LINE = re.compile(r"CNI protocol versions supported:(.*)")
_PROTOCOL_CAME_WITH: Mapping[str, Version] = {"1.1.0": (1, 1, 2), "1.0.0": (1, 0, 0)}
"""The least plugin version that can know a protocol version. Plugins 1.0.0 were the first with 1.0.0; that 1.1.1 does not
know 1.1.0 was seen."""


@dataclass(frozen=True)
class Need:
    """What the configuration asks of a plugin."""

    plugin: str
    least: Version
    purpose: str
    vital: bool = True
    """Whether the network fails without it. Otherwise something is silently left out."""
    interfaces: tuple[str, ...] = ()
    """Names of the interfaces whose pods need it."""


@dataclass(frozen=True)
class Observed:
    """A plugin in layout.CNI_PLUGINS."""

    name: str
    said: str
    """What it writes when it is started without CNI_COMMAND: its name and version, and the protocol versions it knows."""


class Verdict(str, Enum):
    """Whether a plugin will do."""

    FINE = "fine"
    DEFERRED = "deferred"
    """Not there yet. On AL2023 aws-node's init container copies the plugins, after kubelet has started; that starts a run."""
    UNKNOWN = "unknown"
    """It does not tell its version: a build without one, or no CNI plugin at all."""
    LIMITED = "limited"
    """Pods get their network, but not all that may be expected."""


@dataclass(frozen=True)
class Checked:
    """What became of one plugin."""

    plugin: str
    verdict: Verdict
    message: str
    """For a person; empty when all is fine."""


def needs(group: NodeGroup) -> tuple[Need, ...]:
    """Return what the group's pod networks need of which plugin.

    Versions: containernetworking/plugins' release notes; host-device names a device by PCI address reliably from 0.8.6,
    accepts a device of a DPDK driver from 0.9.1 and runs IPAM for one from 1.1.0; `static` takes runtimeConfig.ips from
    0.8.3, and host-local several ranges in a set from 0.7.0. `tuning` knows IFNAME since pull request 669, of November 2021,
    which 1.1.0 was the next release after.
    """
    found: dict[Need, list[str]] = {}
    for interface in group.interfaces:
        for need in _needs(interface):
            found.setdefault(need, []).append(interface.name)
    every = (replace(need, interfaces=tuple(names)) for need, names in found.items())
    return tuple(sorted(every, key=lambda need: (need.plugin, need.least)))


def _needs(interface: NodeInterface) -> Iterator[Need]:
    if interface.pod_network is PodNetwork.NONE:
        return
    if interface.pod_network is PodNetwork.HOST_DEVICE:
        yield Need("host-device", _PCI_BUS_ID, "to find a device by pciBusID")
        if interface.driver.is_dpdk:
            yield Need("host-device", _DPDK_DEVICES, "for a device of a DPDK driver")
            purpose = "for IPAM on a device of a DPDK driver"
            yield Need("host-device", _DPDK_ADDRESSES, purpose, vital=False)
    else:
        yield Need("ipvlan", _ANY, "for pods' links")
    if interface.pod_ipam is not None:
        yield from _of_definition(interface, interface.pod_ipam)
    elif interface.has_pod_pool:
        yield Need("host-local", _RANGE_SETS, "to hand out a pool of scattered addresses")
    elif interface.pod_network is not PodNetwork.HOST_DEVICE:
        yield Need("static", _STATIC_IPS, "to take a pod's addresses from its annotation")


def _of_definition(interface: NodeInterface, ipam: str) -> Iterator[Need]:
    """Yield what the NetworkAttachmentDefinition names besides the network's own plugin, as `multus-eni render` writes it."""
    least = {"static": _STATIC_IPS, "host-local": _RANGE_SETS}.get(ipam, _ANY)
    yield Need(ipam, least, "for pods' addresses, as their definition says")
    if interface.pod_sysctls:
        of_links = any(_IFNAME in name for name in interface.pod_sysctls)
        yield Need("tuning", _SYSCTLS_OF_LINKS if of_links else _ANY, "for pods' sysctls")
    if interface.pod_source_routing:
        yield Need("sbr", _ANY, "for pods' source routing")


def version(said: str) -> Version | None:
    """Return the version that a plugin names; None when it names none (`version unknown`)."""
    named = _VERSION_LINE.search(said)
    if named is None:
        return None
    return int(named[1]), int(named[2]), int(named[3])


def check(
    wanted: Iterable[Need], observed: Mapping[str, Observed | None], *, required: bool
) -> tuple[Checked, ...]:
    """Return a verdict for each plugin that is needed.

    Args:
        wanted: what the configuration needs.
        observed: the plugins by name, None for one that is not installed.
        required: whether an absent one is a failure.

    Raises:
        PluginTooOld: a plugin names a version that the configuration cannot work with.
        PluginMissing: one is absent and required.
    """
    by_plugin: dict[str, list[Need]] = {}
    for need in wanted:
        by_plugin.setdefault(need.plugin, []).append(need)
    return tuple(
        _checked(name, by_plugin[name], observed.get(name), required=required)
        for name in sorted(by_plugin)
    )


def _checked(
    name: str, wanted: list[Need], observed: Observed | None, *, required: bool
) -> Checked:
    most = max(wanted, key=lambda need: (need.vital, need.least))
    if observed is None:
        return _absent(name, most, wanted, required=required)
    found = version(observed.said)
    if found is None:
        return _unnamed(name, most, observed.said)
    # The highest one first: whoever updates to the version that is named must not be told of the next.
    for need in sorted(wanted, key=lambda need: (need.vital, need.least), reverse=True):
        if found < need.least:
            return _short(need, found)
    return Checked(name, Verdict.FINE, "")


def _absent(name: str, most: Need, wanted: list[Need], *, required: bool) -> Checked:
    least = "" if most.least == _ANY else f" {_dotted(most.least)} or newer"
    bringer = _BRINGER.get(name, "aws-node")
    if required:
        raise PluginMissing(
            f"the CNI plugin {name}{least} is needed {most.purpose} and not installed",
            value=name,
            remedy=f"Put it into the AMI, or let {bringer} bring it: require_plugins: false.",
            interfaces=tuple(sorted({each for need in wanted for each in need.interfaces})),
        )
    return Checked(
        name,
        Verdict.DEFERRED,
        f"the CNI plugin {name}{least} is not there yet: {bringer} brings it, and it is looked at then",
    )


def _unnamed(name: str, most: Need, said: str) -> Checked:
    """Judge a plugin without a version by the protocol versions it knows, which give a lower bound."""
    supported = _PROTOCOLS_LINE.search(said)
    protocols = [] if supported is None else re.findall(r"[\d.]+", supported[1])
    bounds = [_PROTOCOL_CAME_WITH[known] for known in protocols if known in _PROTOCOL_CAME_WITH]
    if protocols and most.least <= max(bounds, default=_ANY):
        return Checked(name, Verdict.FINE, "")
    if most.least == _ANY:
        told = f"{layout.CNI_PLUGINS}/{name} does not answer as a CNI plugin does, which is needed {most.purpose}"
        return Checked(name, Verdict.UNKNOWN, told)
    return Checked(
        name,
        Verdict.UNKNOWN,
        f"the CNI plugin {name} does not tell its version; {_dotted(most.least)} or newer is needed {most.purpose}",
    )


def _short(need: Need, found: Version) -> Checked:
    if not need.vital:
        return Checked(
            need.plugin,
            Verdict.LIMITED,
            f"the CNI plugin {need.plugin} is {_dotted(found)}; {_dotted(need.least)} or newer is needed {need.purpose}",
        )
    raise PluginTooOld(
        f"the CNI plugin {need.plugin} must be {_dotted(need.least)} or newer {need.purpose}",
        value=_dotted(found),
        remedy="Update the VPC CNI add-on or the AMI that brought it.",
        interfaces=need.interfaces,
    )


def _dotted(numbers: Version) -> str:
    return ".".join(str(number) for number in numbers)
