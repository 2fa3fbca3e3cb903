"""A host's links under systemd-networkd 252, modelled from its files: what a plan for links is carried out on."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING

from domain.node import layout, links, sysctls
from domain.node.change import ConfigureLinks, RemoveFile, RenameLink, SetSysctl, WriteFile
from domain.node.model import Link, LinkAddress, Route, RoutingRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.node.change import Change
    from domain.node.links import LinkPlan
    from domain.node.model import Device

Section = tuple[str, dict[str, str]]
IPV6_METRIC = 1024


def sections(text: str) -> list[Section]:
    """Return the sections of a unit file; a key that comes twice in a section is not modelled."""
    found: list[Section] = []
    for line in text.splitlines():
        if line.startswith("["):
            found.append((line.strip("[]"), {}))
        elif line and not line.startswith("#"):
            key, value = line.split("=", 1)
            assert key not in found[-1][1], line
            found[-1][1][key] = value
    return found


def changes(plan: LinkPlan) -> tuple[Change, ...]:
    """Return everything that a plan for links does, in the order of a run that has no device to bind."""
    return (*plan.files, *plan.renames, *plan.configuration, *plan.sysctls)


class LinkHost:
    """Links, files and kernel parameters of one host."""

    def __init__(self, present: Iterable[Link]) -> None:
        self.links = {link.index: link for link in present}
        self.files: dict[str, str] = {}
        self.addresses: list[LinkAddress] = []
        self.routes: list[Route] = []
        self.rules: list[RoutingRule] = []
        self.sysctls = {
            sysctls.key(name, parameter): "0"
            for name in ("all", *(link.name for link in self.links.values()))
            for parameter in sysctls.PARAMETERS
        }
        self._loaded: dict[str, str] = {}

    def devices(self, devices: Mapping[str, Device]) -> dict[str, Device]:
        """Return the devices with their links as they are now."""
        return {
            name: replace(device, link=self.links[device.link.index] if device.link else None)
            for name, device in devices.items()
        }

    def observe(self) -> links.Observed:
        """Return what a plan is made from."""
        network = links.Network(
            tuple(self.links.values()),
            tuple(self.addresses),
            tuple(self.routes),
            tuple(self.rules),
        )
        files: dict[str, str | None] = {layout.SYSCTL: None, **self.files}
        return links.Observed(files, network, dict(self.sysctls))

    def carry_out(self, change: Change) -> None:
        """Do what a change says, or refuse as the kernel and systemd-networkd do."""
        if isinstance(change, WriteFile):
            assert change.replaces is (change.path in self.files)
            self.files[change.path] = change.text
        elif isinstance(change, RemoveFile):
            del self.files[change.path]
        elif isinstance(change, RenameLink):
            self._rename(change)
        elif isinstance(change, SetSysctl):
            assert self.sysctls[change.key] == change.before
            self.sysctls[change.key] = change.value
        else:
            assert isinstance(change, ConfigureLinks)
            self._reload()
            for name in change.drifted:
                self._configure(name)

    def _rename(self, change: RenameLink) -> None:
        link = self.links[change.index]
        assert link.name == change.before
        assert change.name not in {other.name for other in self.links.values()}, "EEXIST"
        assert len(change.name) <= 15, "EINVAL"
        self.links[change.index] = replace(link, name=change.name)
        for parameter in sysctls.PARAMETERS:
            value = self.sysctls.pop(sysctls.key(change.before, parameter))
            self.sysctls[sysctls.key(change.name, parameter)] = value
        # Before Linux 6.2 a link goes down for it, which costs it its routes.
        self.routes = [route for route in self.routes if route.link_index != change.index]

    def _reload(self) -> None:
        """Read the files, and reconfigure the links whose file is another one or has changed."""
        before, self._loaded = self._loaded, dict(self.files)
        for link in list(self.links.values()):
            if self._file(before, link.mac) != self._file(self._loaded, link.mac):
                self._configure(link.name)

    def _file(self, files: Mapping[str, str], mac: str) -> str | None:
        matching = (
            text
            for path, text in sorted(files.items())
            if path.endswith(".network") and f"\nPermanentMACAddress={mac}\n" in text
        )
        return next(matching, None)

    def _configure(self, name: str) -> None:
        link = next(link for link in self.links.values() if link.name == name)
        text = self._file(self._loaded, link.mac)
        self.addresses = [a for a in self.addresses if a.link_index != link.index]
        self.routes = [route for route in self.routes if route.link_index != link.index]
        told = sections(text or "[Link]\nUnmanaged=yes")
        settings = {key: value for section, keys in told for key, value in keys.items()}
        if settings.get("Unmanaged") == "yes":
            return
        assert settings["ActivationPolicy"] == "up"
        self.links[link.index] = replace(link, mtu=int(settings["MTUBytes"]), up=True, carrier=True)
        self._add(link, "fe80::ff:fe00:1/64", settings["LinkLocalAddressing"] == "ipv6")
        tables = {keys["Table"] for section, keys in told if section == "Route"}
        # A reconfigured link's former rules are systemd-networkd's own, and it takes them back.
        self.rules = [rule for rule in self.rules if str(rule.table) not in tables]
        for section, keys in told:
            if section == "Address":
                self._add(link, keys["Address"], wanted=True)
                assert keys["AddPrefixRoute"] == "no"
            elif section == "Route":
                self._route(link, keys)
            elif section == "RoutingPolicyRule":
                self._rule(keys)

    def _add(self, link: Link, address: str, wanted: bool) -> None:
        if wanted:
            self.addresses.append(LinkAddress(link.index, ip_interface(address)))

    def _route(self, link: Link, keys: Mapping[str, str]) -> None:
        destination = ip_network(keys["Destination"])
        gateway: IPv4Address | IPv6Address | None = None
        if "Gateway" in keys:
            gateway = ip_address(keys["Gateway"])
            assert keys["GatewayOnLink"] == "yes", "ENETUNREACH"
        source = keys.get("PreferredSource")
        own = {str(a.address.ip) for a in self.addresses if a.link_index == link.index}
        assert source is None or source in own, "EINVAL"
        metric = IPV6_METRIC if destination.version == 6 else 0
        self.routes.append(Route(int(keys["Table"]), destination, gateway, link.index, metric))

    def _rule(self, keys: Mapping[str, str]) -> None:
        source = ip_network(keys["From"]) if "From" in keys else None
        family = source.version if source else {"ipv4": 4, "ipv6": 6}[keys["Family"]]
        rule = RoutingRule(
            family,
            int(keys["Priority"]),
            int(keys["Table"]),
            source=source,
            outgoing_link=keys.get("OutgoingInterface"),
        )
        if rule not in self.rules:
            self.rules.append(rule)
