"""Huge pages, modules and drivers from the archive under the system Python of Amazon Linux 2023 (3.9), on the fake host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.python39 import run_in_archive

if TYPE_CHECKING:
    from pathlib import Path

SMOKE = r"""
from ipaddress import ip_network
from pathlib import Path
from domain.node import binding as decided, huge_pages as pages
from domain.node.change import AllowUnsafeNoiommu, LoadModule
from domain.node.config import Driver, HugePages
from domain.node.errors import DeviceError
from domain.node.model import Link, Route
from node_bootstrap import binding, huge_pages, pci
from node_bootstrap.modules import Modules
from tests.fakes import nodes
from tests.fakes.host import RELEASE, Host, HostPrograms, Memory

address = "0000:00:06.0"
primary = Link("ens5", 2, "06:00:00:00:00:00", True, 9001, "0000:00:05.0")
default_route = Route(254, ip_network("0.0.0.0/0"), None, primary.index, 512)
host = Host(Path(sys.argv[1]))
host.add_nic(address, "06:00:00:00:00:01")
host.add_numa_node(0, Memory(4194304), (2048, 1048576))
modules = Modules(host, HostPrograms(host), RELEASE)

def plan(consent):
    group = nodes.group(nodes.interface(driver=Driver.VFIO_PCI), allow_unsafe_noiommu=consent)
    found = pci.observe(host, [address])
    links = found[address].link_names
    device = nodes.device(link=links[0] if links else None)
    uplinks = decided.default_route_links([primary], [default_route], primary.mac)
    assert uplinks == {"ens5"}, uplinks
    guards = decided.Guards(primary.mac, uplinks, pci.holders(host, found.values()))
    return decided.plan(group, {"n3": device}, found, modules.observe(), guards)

try:
    plan(False)
except DeviceError as refused:
    assert refused.code == "iommu-missing", refused.line()
for change in plan(True).changes:
    if isinstance(change, LoadModule):
        modules.load(change)
    elif isinstance(change, AllowUnsafeNoiommu):
        modules.allow_unsafe_noiommu()
    else:
        binding.bind(change, host)
again = plan(True)
assert again.changes == () and "vfio-pci is the kernel's own" in again.warnings[0], again
wanted = [HugePages(2048, 8)]
for change in pages.plan(wanted, *huge_pages.observe(host)):
    huge_pages.carry_out(change, host)
assert pages.plan(wanted, *huge_pages.observe(host)) == ()
assert pci.maps_write_combined(host, address) is None
print("ok", host.driver(address))
"""


@pytest.mark.subprocesses("python3.9")
def test_drivers_and_huge_pages_work_under_python_3_9(tmp_path: Path) -> None:
    assert run_in_archive(SMOKE, tmp_path / "root", build=tmp_path) == "ok vfio-pci\n"
