"""One look at the host is one look: all that is planned from it is of one moment."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

import pytest

from domain.node.config import Driver
from domain.node.model import Instance, Link, LinkAddress, Route, RoutingRule
from node_bootstrap import observation
from node_bootstrap.discovery import Discovery
from node_bootstrap.host import Host
from node_bootstrap.modules import Modules
from node_bootstrap.records import Records
from tests.fakes import host as fakes
from tests.fakes import nodes

if TYPE_CHECKING:
    from pathlib import Path

    from domain.node.plan import Host as Observed
    from node_bootstrap.deadline import Deadline
    from node_bootstrap.imds import Observation

A = "0000:00:06.0"
DEVICE = nodes.device(pci_address=A)
PRIMARY = Link("ens5", 2, "06:00:00:00:00:ff", True, 9001, "0000:00:05.0")
DEFAULT_ROUTE = Route(254, IPv4Network("0.0.0.0/0"), IPv4Address("10.0.0.1"), PRIMARY.index, 512)
INSTANCE = Instance("i-1", "m5.xlarge", "us-east-1a", "us-east-1", PRIMARY.mac, (DEVICE.eni,))


class Kernel:
    """The primary interface and its default route; remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def links(self) -> tuple[Link, ...]:
        self.asked.append("links")
        return (PRIMARY,)

    def addresses(self) -> tuple[LinkAddress, ...]:
        self.asked.append("addresses")
        return ()

    def routes(self) -> tuple[Route, ...]:
        self.asked.append("routes")
        return (DEFAULT_ROUTE,)

    def rules(self) -> tuple[RoutingRule, ...]:
        self.asked.append("rules")
        return ()

    def rename(self, index: int, name: str) -> None:
        raise AssertionError(f"a look renames link {index} to {name}")

    def restore(self, index: int, *, up: bool, mtu: int) -> None:
        raise AssertionError(f"a look changes link {index}: {up}, {mtu}")


class Nobody:
    """What a look has no business with."""

    def wait(self, timeout_s: float) -> bool:
        raise AssertionError(f"a look waits {timeout_s} s")

    def instance(self, deadline: Deadline) -> Observation:
        raise AssertionError(f"a look asks the metadata service for {deadline.left_s()} s")


@pytest.fixture
def files(tmp_path: Path) -> fakes.Host:
    """Return a host whose one Multus device igb_uio has."""
    host = fakes.Host(tmp_path, (*fakes.STOCK_MODULES, fakes.IGB_UIO))
    host.add_nic(A, DEVICE.eni.mac)
    host.load("igb_uio", {"wc_activate": "1"})
    host.set("/sys/bus/pci/drivers/ena/unbind", A)
    host.set(f"/sys/bus/pci/devices/{A}/driver_override", "igb_uio\n")
    host.set("/sys/bus/pci/drivers/igb_uio/bind", A)
    return host


def look(files: fakes.Host, kernel: Kernel) -> Observed:
    """Look at a node that has one promised interface."""
    programs = fakes.HostPrograms(files)
    host = Host(
        files=files,
        programs=programs,
        kernel=kernel,
        events=Nobody(),
        metadata=Nobody(),
        modules=Modules(files, programs, fakes.RELEASE),
        records=Records(files),
    )
    group = nodes.group(nodes.interface(driver=Driver.IGB_UIO))
    found = Discovery(INSTANCE, {"n3": DEVICE}, {}, (), ())
    return observation.observe(group, found, host, configures_pools=False)


def test_the_kernels_network_is_dumped_once(files: fakes.Host) -> None:
    kernel = Kernel()
    found = look(files, kernel).links.network
    assert sorted(kernel.asked) == ["addresses", "links", "routes", "rules"]
    assert (found.links, found.routes) == ((PRIMARY,), (DEFAULT_ROUTE,))


def test_the_primary_interface_and_the_default_route_are_guarded(files: fakes.Host) -> None:
    guards = look(files, Kernel()).guards
    assert guards.primary_mac == PRIMARY.mac
    assert guards.default_route_links == {"ens5"}
    assert guards.holders == {A: ()}


def test_who_holds_a_device_is_part_of_the_guards(files: fakes.Host) -> None:
    files.hold(4242, "testpmd", "/dev/uio0")
    assert look(files, Kernel()).guards.holders == {A: ("process 4242 (testpmd)",)}
