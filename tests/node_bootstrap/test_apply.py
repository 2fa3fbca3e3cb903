"""A plan that fails on the way: in which order it is taken back, and whom the failure concerns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from domain.node import layout, routing
from domain.node.change import (
    AllowUnsafeNoiommu,
    Bind,
    ConfigureLinks,
    LoadModule,
    RenameLink,
    WriteFile,
)
from domain.node.errors import NodeError
from domain.node.model import Link
from node_bootstrap import networkd
from node_bootstrap.apply import Application
from node_bootstrap.deadline import Deadline
from node_bootstrap.host import Host
from node_bootstrap.modules import Modules
from node_bootstrap.records import Records
from tests.fakes import host as fakes
from tests.fakes.nodes import device, interface

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from domain.node.change import Change, RemoveFile
    from domain.node.model import LinkAddress, Route, RoutingRule
    from domain.node.routing import ExpectedLink
    from node_bootstrap.imds import Observation

FIRST = "0000:00:06.0"
SECOND = "0000:00:07.0"
LINK_FILE = f"{layout.NETWORKD}/05-multus-net1.link"


class Told(fakes.Host):
    """A host that notes what is done to it, in order."""

    def __init__(self, root: Path, modules: Sequence[fakes.Module]) -> None:
        self.done: list[str] = []
        super().__init__(root, modules)

    def set(self, path: str, value: str) -> None:
        super().set(path, value)
        self.done.append(f"{path.rpartition('/')[2]} {value.strip()}")

    def carry_out(self, change: WriteFile | RemoveFile) -> None:
        super().carry_out(change)
        self.done.append(str(change))


class Programs(fakes.HostPrograms):
    """modprobe as the host has it; udev and systemd-networkd are there to be told."""

    def __init__(self, host: Told) -> None:
        super().__init__(host)
        self._told = host

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        environ: Mapping[str, str] | None = None,
        with_stderr: bool = False,
    ) -> str:
        self._told.done.append(" ".join(argv))
        if argv[0] == "modprobe":
            return super().run(argv, timeout_s=timeout_s, environ=environ, with_stderr=with_stderr)
        return ""


class Nothing:
    """A kernel without links, of which nothing is heard, and no metadata service."""

    def links(self) -> tuple[Link, ...]:
        return ()

    def addresses(self) -> tuple[LinkAddress, ...]:
        return ()

    def routes(self) -> tuple[Route, ...]:
        return ()

    def rules(self) -> tuple[RoutingRule, ...]:
        return ()

    def rename(self, index: int, name: str) -> None:
        raise AssertionError(f"no link is there to be renamed: {index}, {name}")

    def restore(self, index: int, *, up: bool, mtu: int) -> None:
        raise AssertionError(f"no link is there to be put back: {index}, {up}, {mtu}")

    def wait(self, timeout_s: float) -> bool:
        raise AssertionError(f"waits {timeout_s} s for what does not come")

    def instance(self, deadline: Deadline) -> Observation:
        raise AssertionError(f"nobody asks what instance this is: {deadline}")


def _host(root: Path, modules: Sequence[fakes.Module] = fakes.STOCK_MODULES) -> Told:
    files = Told(root, modules)
    files.add_nic(FIRST, "02:00:00:00:00:01")
    files.add_nic(SECOND, "02:00:00:00:00:02")
    return files


class OneLink(Nothing):
    """A kernel with one link, which must be down to be renamed and which systemd-networkd puts up meanwhile."""

    def __init__(self, host: Told, link: Link) -> None:
        self.link = link
        self._host = host

    def links(self) -> tuple[Link, ...]:
        return (self.link,)

    def rename(self, index: int, name: str) -> None:
        assert index == self.link.index
        self._host.done.append(f"rename {name}")
        self.link = replace(self.link, name=name, up=True, mtu=9001)

    def restore(self, index: int, *, up: bool, mtu: int) -> None:
        assert index == self.link.index
        self._host.done.append(f"{'up' if up else 'down'}, MTU {mtu}")
        self.link = replace(self.link, up=up, mtu=mtu)


def _failure(
    files: Told,
    changes: Sequence[Change],
    kernel: Nothing | None = None,
    expected: Sequence[ExpectedLink] = (),
) -> NodeError:
    """Carry changes out that fail, and return the failure."""
    programs = Programs(files)
    there = Host(
        files=files,
        programs=programs,
        kernel=kernel or Nothing(),
        events=Nothing(),
        metadata=Nothing(),
        modules=Modules(files, programs, fakes.RELEASE),
        records=Records(files),
    )
    with pytest.raises(NodeError) as raised:
        Application(there, changes, expected, Deadline(0)).carry_out()
    return raised.value


def test_the_files_of_links_are_taken_back_and_told_of_before_a_link_comes_back(
    tmp_path: Path,
) -> None:
    files = _host(tmp_path)
    files.load("uio_pci_generic")
    files.refusals[f"/sys/bus/pci/devices/{SECOND}/driver_override"] = 22
    bind = Bind(FIRST, "net1", "uio_pci_generic", "ena")
    error = _failure(
        files,
        [WriteFile(LINK_FILE, "x"), bind, replace(bind, pci_address=SECOND, interface="net2")],
    )
    assert (error.code, error.interfaces) == ("bind-failed", ("net2",))
    assert files.driver(FIRST) == "ena"
    end = files.done[files.done.index(f"remove {LINK_FILE}") :]
    assert [each for each in end if "override" not in each] == [
        f"remove {LINK_FILE}",
        "udevadm control --reload",
        f"unbind {FIRST}",
        f"bind {FIRST}",
        "networkctl reload",
    ]


@pytest.mark.parametrize("state", ["unmanaged", "configured"])
def test_a_link_that_nobody_keeps_is_up_or_down_as_it_was_and_another_is_left_to_networkd(
    tmp_path: Path, state: str
) -> None:
    files = _host(tmp_path)
    ours = Link("ens6", 3, "06:00:00:00:00:01", False, 1500, FIRST)
    files.carry_out(WriteFile(f"{networkd.LINK_STATES}/3", f"ADMIN_STATE={state}\n"))
    files.carry_out(WriteFile(f"{networkd.LINK_STATES}/4", "ADMIN_STATE=unmanaged\n"))
    kernel = OneLink(files, ours)
    expected = routing.expected(interface(), device(link="ens6").eni)
    changes = (
        WriteFile(LINK_FILE, "x"),
        RenameLink(3, "mul0", "ens6"),
        ConfigureLinks(("mul0",), "its files changed"),
    )
    error = _failure(files, changes, kernel, [expected])
    assert error.code == "link-not-configured"
    assert "not taken back" not in error.value
    end = files.done[files.done.index(f"remove {LINK_FILE}") + 1 :]
    assert end == [
        "udevadm control --reload",
        "rename ens6",
        "networkctl reload",
        *(["down, MTU 1500"] if state == "unmanaged" else []),
    ]


def test_a_device_whose_link_does_not_come_gets_its_dpdk_driver_again(tmp_path: Path) -> None:
    files = _host(tmp_path)
    files.load("uio_pci_generic")
    files.set(f"/sys/bus/pci/devices/{FIRST}/driver_override", "uio_pci_generic")
    files.set("/sys/bus/pci/drivers/ena/unbind", FIRST)
    files.set("/sys/bus/pci/drivers/uio_pci_generic/bind", FIRST)
    error = _failure(files, [Bind(FIRST, "net1", "kernel", "uio_pci_generic")])
    assert (error.code, error.interfaces) == ("bind-failed", ("net1",))
    assert "no link" in str(error)
    assert files.driver(FIRST) == "uio_pci_generic"


@pytest.mark.parametrize(
    ("modules", "preparation", "code"),
    [
        pytest.param(
            tuple(each for each in fakes.STOCK_MODULES if each.name != "vfio_pci"),
            LoadModule("vfio-pci"),
            "module-missing",
            id="no module",
        ),
        pytest.param(
            (
                fakes.VFIO_WITHOUT_NOIOMMU,
                *(each for each in fakes.STOCK_MODULES if each.name != "vfio"),
            ),
            AllowUnsafeNoiommu(),
            "iommu-missing",
            id="no mode",
        ),
    ],
)
def test_a_failed_preparation_concerns_the_interfaces_that_need_it(
    tmp_path: Path, modules: tuple[fakes.Module, ...], preparation: Change, code: str
) -> None:
    files = _host(tmp_path, modules)
    before = files.snapshot()
    error = _failure(
        files,
        [
            preparation,
            Bind(FIRST, "net1", "vfio-pci", "ena"),
            Bind(SECOND, "net2", "uio_pci_generic", "ena"),
        ],
    )
    assert (error.code, error.interfaces) == (code, ("net1",))
    assert files.snapshot() == before
