"""A device gets another driver, or keeps its own; killed at any write, the next try ends the same."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.node.binding import KERNEL
from domain.node.change import Bind
from domain.node.errors import BindFailed, WriteCombiningMissing
from domain.node.model import Link
from node_bootstrap import binding, pci
from node_bootstrap.deadline import Deadline
from tests.fakes.host import IGB_UIO, STOCK_MODULES, Host, Killed

if TYPE_CHECKING:
    from pathlib import Path

A = "0000:00:06.0"
MAC = "02:00:00:00:00:01"
PRIMARY = Link("ens5", 2, "02:00:00:00:00:00", True, 9001, "0000:00:05.0")
OURS = Link("mul0", 3, MAC, True, 9001, A)
NOIOMMU = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
DRIVERS = ("ena", "vfio-pci", "igb_uio", "uio_pci_generic")
OVERRIDE = f"{pci.DEVICES}/{A}/driver_override"


def made(root: Path, *, consent: bool = True, **loaded: dict[str, str]) -> Host:
    """Return a host with every driver and one device, which has the kernel's."""
    host = Host(root, (*STOCK_MODULES, IGB_UIO))
    host.load("vfio-pci")
    host.load("uio_pci_generic")
    host.load("igb_uio", loaded.get("igb_uio", {"wc_activate": "1"}))
    host.add_nic(A, MAC)
    if consent:
        host.set(NOIOMMU, "Y")
    host.writes = 0
    return host


def bind(driver: str, before: str | None, *, write_combining: bool = False) -> Bind:
    return Bind(A, "n3", driver, before, write_combining)


@pytest.mark.parametrize("driver", DRIVERS[1:])
def test_a_device_gets_a_driver_and_its_own_one_back(tmp_path: Path, driver: str) -> None:
    host = made(tmp_path)
    change = bind(driver, "ena")
    binding.bind(change, host)
    assert (host.driver(A), host.override(A)) == (driver, None)
    assert host.names("/sys/class/net") == ()
    binding.bind(binding.reverse(change), host)
    assert (host.driver(A), host.override(A)) == ("ena", None)
    assert host.names(f"{pci.DEVICES}/{A}/net") == ("eth0",)


@pytest.mark.parametrize("driver", DRIVERS[1:])
def test_the_kernel_driver_is_whichever_claims_the_device(tmp_path: Path, driver: str) -> None:
    host = made(tmp_path)
    binding.bind(bind(driver, "ena"), host)
    binding.bind(bind(KERNEL, driver), host)
    assert (host.driver(A), host.override(A)) == ("ena", None)


def test_what_is_done_is_done_again_without_harm(tmp_path: Path) -> None:
    host = made(tmp_path)
    binding.bind(bind("vfio-pci", "ena"), host)
    before = host.snapshot()
    binding.bind(bind("vfio-pci", "ena"), host)
    assert host.snapshot() == before


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(DRIVERS), st.sampled_from((*DRIVERS[1:], KERNEL)), st.integers(1, 6), st.data()
)
def test_killed_at_any_write_the_next_try_ends_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    first: str,
    then: str,
    kill_at: int,
    data: st.DataObject,
) -> None:
    host = made(tmp_path_factory.mktemp("host"))
    if first != "ena":
        binding.bind(bind(first, "ena"), host)
    for _ in range(data.draw(st.integers(1, 2))):
        host.writes, host.kill_at = 0, kill_at
        try:
            _towards(then, host)
        except Killed:
            continue
    host.kill_at = None
    _towards(then, host)
    expected = "ena" if then == KERNEL else then
    assert host.driver(A) == expected
    # One that was killed before its last write leaves an override that says what is so anyway.
    assert host.override(A) in (None, expected)


def _towards(driver: str, host: Host) -> None:
    """Do what a run does: nothing where the device has the driver, else a bind from what is observed."""
    found = host.target(f"{pci.DEVICES}/{A}/driver")
    if found != ("ena" if driver == KERNEL else driver):
        binding.bind(bind(driver, found), host)


def test_without_an_iommu_the_refusal_is_told_and_the_device_is_as_before(tmp_path: Path) -> None:
    host = made(tmp_path, consent=False)
    before = host.snapshot()
    with pytest.raises(BindFailed) as caught:
        binding.bind(bind("vfio-pci", "ena"), host)
    assert caught.value.value == "Invalid argument"
    assert "noiommu" in caught.value.remedy
    assert caught.value.interfaces == ("n3",)
    assert host.driver(A) == "ena"
    assert _without_index(host.snapshot()) == _without_index(before)


def _without_index(tree: dict[str, str]) -> dict[str, str]:
    """Return a tree without what a new link has anew."""
    return {path: text for path, text in tree.items() if not path.endswith("/ifindex")}


@pytest.mark.parametrize("before", [*DRIVERS[2:], None])
def test_whatever_the_device_had_is_put_back(tmp_path: Path, before: str | None) -> None:
    host = made(tmp_path, consent=False)
    host.set(f"{pci.DRIVERS}/ena/unbind", A)
    if before is not None:
        binding.bind(bind(before, None), host)
    with pytest.raises(BindFailed):
        binding.bind(bind("vfio-pci", before), host)
    assert (host.driver(A), host.override(A)) == (before, None)


def test_a_probe_that_finds_no_kernel_driver_is_told_and_taken_back(tmp_path: Path) -> None:
    host = made(tmp_path)
    binding.bind(bind("vfio-pci", "ena"), host)
    host.remove("ena")
    with pytest.raises(BindFailed) as caught:
        binding.bind(bind(KERNEL, "vfio-pci"), host)
    assert caught.value.value == "driver none"
    assert (host.driver(A), host.override(A)) == ("vfio-pci", None)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(f"{pci.DRIVERS}/ena/unbind", id="unbind"),
        pytest.param(OVERRIDE, id="override"),
        pytest.param(f"{pci.DRIVERS}/uio_pci_generic/bind", id="bind"),
    ],
)
def test_any_write_that_fails_leaves_the_device_as_it_was(tmp_path: Path, path: str) -> None:
    host = made(tmp_path)
    host.refusals[path] = errno.EIO
    with pytest.raises(BindFailed):
        binding.bind(bind("uio_pci_generic", "ena"), host)
    assert (host.driver(A), host.override(A)) == ("ena", None)
    assert host.names(f"{pci.DEVICES}/{A}/net") == ("eth0",)


def test_a_failed_way_back_does_not_hide_why_it_was_taken(tmp_path: Path) -> None:
    host = made(tmp_path)
    host.refusals[f"{pci.DRIVERS}/uio_pci_generic/bind"] = errno.ENOMEM
    host.refusals[f"{pci.DRIVERS}/ena/bind"] = errno.EIO
    with pytest.raises(BindFailed) as caught:
        binding.bind(bind("uio_pci_generic", "ena"), host)
    assert "Cannot allocate memory; not put back:" in caught.value.value
    assert "Input/output error" in caught.value.value


def test_a_device_that_left_meanwhile_is_told(tmp_path: Path) -> None:
    host = made(tmp_path)
    host.unplug(A)
    with pytest.raises(BindFailed) as caught:
        binding.bind(bind("vfio-pci", "ena"), host)
    assert "No such file" in caught.value.value


@pytest.mark.parametrize(
    ("driver", "given_parameters", "is_refused"),
    [
        pytest.param("igb_uio", {}, True, id="igb_uio-without"),
        pytest.param("igb_uio", {"wc_activate": "1"}, False, id="igb_uio-with"),
        pytest.param("vfio-pci", {}, True, id="mainline-vfio-pci"),
        pytest.param("uio_pci_generic", {}, False, id="maps-nothing-itself"),
    ],
)
def test_a_driver_that_maps_without_write_combining_does_not_stay(
    tmp_path: Path, driver: str, given_parameters: dict[str, str], is_refused: bool
) -> None:
    host = made(tmp_path, igb_uio=given_parameters)
    change = bind(driver, "ena", write_combining=True)
    if not is_refused:
        binding.bind(change, host)
        assert host.driver(A) == driver
        return
    with pytest.raises(WriteCombiningMissing):
        binding.bind(change, host)
    assert (host.driver(A), host.override(A)) == ("ena", None)


class Kernel:
    """Links that come with the events."""

    def __init__(self, *looks: tuple[Link, ...]) -> None:
        self._looks = list(looks)

    def links(self) -> tuple[Link, ...]:
        return self._looks[0]

    def wait(self, timeout_s: float) -> bool:
        assert timeout_s > 0
        self._looks.pop(0)
        return True


def test_a_link_is_waited_for() -> None:
    kernel = Kernel((PRIMARY,), (PRIMARY,), (PRIMARY, OURS))
    binding.await_link(bind(KERNEL, "vfio-pci"), kernel, kernel, Deadline(5))
    assert kernel.links() == (PRIMARY, OURS)


def test_a_link_that_does_not_come_is_told() -> None:
    kernel = Kernel((PRIMARY,))
    with pytest.raises(BindFailed, match="no link"):
        binding.await_link(bind(KERNEL, "vfio-pci"), kernel, kernel, Deadline(0))
