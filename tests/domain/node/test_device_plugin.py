"""The device plugin's pools: real addresses, real drivers, and only what the plugin's own structs know."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from domain.node import device_plugin
from domain.node.config import Driver
from domain.node.errors import ConfigurationConflict, DriverMissing
from tests.fakes import nodes

GOLDEN = Path(__file__).parent / "golden" / "device_plugin"
A, B, C = "0000:00:06.0", "0000:00:07.0", "0000:00:08.0"

RESOURCE_KEYS = {
    "resourcePrefix": str,
    "resourceName": str,
    "deviceType": str,
    "excludeTopology": bool,
    "selectors": list,
    "additionalInfo": dict,
}
"""ResourceConfig in pkg/types/types.go of k8snetworkplumbingwg/sriov-network-device-plugin."""
SELECTOR_KEYS = {
    *("vendors", "devices", "drivers"),
    *("pciAddresses",),
    *("pfNames", "rootDevices", "linkTypes", "acpiIndexes"),
    *("ddpProfiles", "pKeys"),
}
"""DeviceSelectors, GenericPciDeviceSelectors, GenericNetDeviceSelectors and NetDeviceSelectors there: lists of text."""


def check_as_the_plugin_does(text: str) -> dict[str, Any]:
    """Return the pools by qualified name; fail where the plugin's Go structs or its validation would not take them."""
    document = json.loads(text)
    assert set(document) == {"resourceList"}
    pools: dict[str, Any] = {}
    for resource in document["resourceList"]:
        for key, value in resource.items():
            assert type(value) is RESOURCE_KEYS[key]
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", resource["resourceName"])
        assert resource["deviceType"] == "netDevice"
        for selector in resource["selectors"]:
            assert set(selector) <= SELECTOR_KEYS
            assert all(value and all(type(x) is str for x in value) for value in selector.values())
        name = f"{resource['resourcePrefix']}/{resource['resourceName']}"
        assert name not in pools
        pools[name] = resource["selectors"]
    return pools


def kernel(name: str, pool: str | None) -> Any:  # noqa: ANN401
    return nodes.interface(name, resource_name=pool)


def dpdk(name: str, pool: str | None, driver: Driver = Driver.VFIO_PCI) -> Any:  # noqa: ANN401
    return nodes.interface(name, resource_name=pool, driver=driver)


def pci(**drivers: str | None) -> dict[str, Any]:
    """Return the devices at A, B, C with the drivers of `a`, `b`, `c`."""
    by_name = {"a": A, "b": B, "c": C}
    return {by_name[k]: nodes.pci_device(by_name[k], driver=v) for k, v in drivers.items()}


CASES: dict[str, tuple[Any, ...]] = {
    "one-kernel": ((kernel("n3", "n3"),), pci(a="ena"), {}),
    "kernel-and-dpdk": ((kernel("n3", "n3"), dpdk("n6", "n6_dpdk")), pci(a="ena", b="ena"), {}),
    "two-in-one-pool": ((dpdk("n6", "up"), dpdk("n3", "up")), pci(a="ena", b="vfio-pci"), {}),
    "on-the-way-back": ((kernel("n3", "n3"),), pci(a="vfio-pci"), {A: "ena"}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_file_is_the_golden_one_and_the_plugin_takes_it(name: str) -> None:
    interfaces, present, recorded = CASES[name]
    devices = [
        nodes.device(interface.name, address)
        for interface, address in zip(interfaces, (A, B, C), strict=False)
    ]
    text = device_plugin.text(
        device_plugin.pools(nodes.group(*interfaces), devices, present, recorded)
    )
    assert text == (GOLDEN / f"{name}.json").read_text()
    check_as_the_plugin_does(text)


@pytest.mark.parametrize(
    "driver", [driver for driver in Driver if driver.is_dpdk], ids=lambda d: d.value
)
def test_a_dpdk_pool_selects_the_driver_that_the_device_will_have(driver: Driver) -> None:
    pools = device_plugin.pools(
        nodes.group(dpdk("n3", "n3", driver)), [nodes.device("n3", A)], pci(a="ena"), {}
    )
    assert [pool.driver for pool in pools] == [driver.value]


def test_a_kernel_pool_selects_the_driver_that_the_device_has_not_an_assumed_one() -> None:
    pools = device_plugin.pools(
        nodes.group(kernel("n3", "n3")), [nodes.device("n3", A)], pci(a="e1000e"), {A: "ena"}
    )
    assert [pool.driver for pool in pools] == ["e1000e"]


@pytest.mark.parametrize("bound", [None, "vfio-pci", "igb_uio", "uio_pci_generic"])
def test_a_kernel_device_without_a_known_network_driver_is_refused(bound: str | None) -> None:
    with pytest.raises(DriverMissing) as caught:
        device_plugin.pools(
            nodes.group(kernel("n3", "n3")), [nodes.device("n3", A)], pci(a=bound), {}
        )
    assert (caught.value.value, caught.value.exit_code) == (A, 5)
    assert caught.value.interfaces == ("n3",)


@pytest.mark.parametrize(
    ("members", "present"),
    [
        pytest.param((kernel("a", "x"), dpdk("b", "x")), pci(a="ena", b="ena"), id="kernel-dpdk"),
        pytest.param(
            (dpdk("a", "x"), dpdk("b", "x", Driver.IGB_UIO)), pci(a="ena", b="ena"), id="two-dpdk"
        ),
        pytest.param(
            (kernel("a", "x"), kernel("b", "x")), pci(a="ena", b="e1000e"), id="two-kernel"
        ),
    ],
)
def test_a_pool_of_unlike_devices_is_refused_and_each_is_named(members: Any, present: Any) -> None:  # noqa: ANN401
    devices = [nodes.device("a", A), nodes.device("b", B)]
    with pytest.raises(ConfigurationConflict) as caught:
        device_plugin.pools(nodes.group(*members), devices, present, {})
    assert "a: " in caught.value.value
    assert "b: " in caught.value.value
    assert caught.value.interfaces == ("a", "b")


def test_a_name_that_the_plugin_refuses_is_refused_here() -> None:
    with pytest.raises(ConfigurationConflict):
        device_plugin.pools(
            nodes.group(kernel("a", "a/b")), [nodes.device("a", A)], pci(a="ena"), {}
        )


def test_nobody_in_a_pool_means_no_file() -> None:
    group = nodes.group(kernel("a", None), kernel("late", "late"))
    pools = device_plugin.pools(group, [nodes.device("a", A)], pci(a="ena"), {})
    assert device_plugin.text(pools) is None


def test_the_order_in_which_things_are_configured_and_found_does_not_matter() -> None:
    interfaces = (dpdk("a", "z"), dpdk("b", "z"), kernel("c", "k"))
    devices = (nodes.device("a", B), nodes.device("b", A), nodes.device("c", C))
    present = pci(a="ena", b="ena", c="ena")
    assert (
        len(
            {
                device_plugin.text(device_plugin.pools(nodes.group(*xs), ds, present, {}))
                for xs in itertools.permutations(interfaces)
                for ds in itertools.permutations(devices)
            }
        )
        == 1
    )


@pytest.mark.parametrize(
    ("driver", "is_mounted"),
    [(Driver.VFIO_PCI, True), (Driver.IGB_UIO, True), (Driver.UIO_PCI_GENERIC, False)],
)
def test_a_pool_whose_pods_do_not_get_the_device_itself_is_a_warning(
    driver: Driver, is_mounted: bool
) -> None:
    pool = device_plugin.Pool("multus-eni.io", "n6_dpdk", driver.value, (A,))
    warnings = device_plugin.unmounted([pool])
    assert ["multus-eni.io/n6_dpdk" in each for each in warnings] == [True] * (not is_mounted)
