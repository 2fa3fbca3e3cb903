"""Which devices get another driver, and every refusal."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.node.binding import KERNEL, Guards, bind_remedy, default_route_links, plan
from domain.node.change import AllowUnsafeNoiommu, Bind, LoadModule
from domain.node.config import Driver, WriteCombining
from domain.node.errors import (
    DeviceBusy,
    DeviceError,
    DeviceRefused,
    IommuMissing,
    ModuleMissing,
    WriteCombiningMissing,
)
from domain.node.model import Drivers, IommuGroup, Link, Route
from tests.fakes import nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.node.binding import BindingPlan
    from domain.node.config import NodeGroup, NodeInterface
    from domain.node.model import Device, PciDevice

A, B, C = "0000:00:06.0", "0000:00:07.0", "0000:00:08.0"
PRIMARY_MAC = "06:00:00:00:00:ff"
NOTHING_LOADED = Drivers(
    loaded=frozenset({"ena"}),
    loadable=frozenset({"vfio_pci", "igb_uio", "uio_pci_generic"}),
    noiommu_supported=None,
    noiommu_enabled=False,
    igb_uio_write_combining=None,
)
VFIO_LOADED = replace(
    NOTHING_LOADED,
    loaded=frozenset({"ena", "vfio-pci"}),
    noiommu_supported=True,
    noiommu_enabled=True,
    vfio_pci_out_of_tree=True,
)
UNGUARDED = Guards(PRIMARY_MAC, frozenset({"ens5"}), {})
IOMMU = IommuGroup(12, is_noiommu=False, members=(A,))
PRIMARY = Link("ens5", 2, PRIMARY_MAC, True, 9001, "0000:00:05.0")
OURS = Link("mul0", 3, "06:00:00:00:00:01", True, 9001, A)


def dpdk(name: str = "n3", driver: Driver = Driver.VFIO_PCI, **changed: object) -> NodeInterface:
    """Return a promised DPDK interface."""
    return nodes.interface(name, driver=driver, **changed)


def pci(address: str = A, **changed: Any) -> PciDevice:  # noqa: ANN401 - any field
    """Return a device with memory that can be write-combined, behind an IOMMU of its own."""
    group = replace(IOMMU, members=(address,))
    return nodes.pci_device(address, **{"iommu_group": group, "write_combinable": True, **changed})


def planned(
    *interfaces: NodeInterface,
    devices: Mapping[str, Device] | None = None,
    on_bus: tuple[PciDevice, ...] | None = None,
    drivers: Drivers = VFIO_LOADED,
    guards: Guards = UNGUARDED,
    consent: bool = False,
) -> BindingPlan:
    """Plan for interfaces that sit at A, B and C in turn, with a link each."""
    group: NodeGroup = nodes.group(*interfaces, allow_unsafe_noiommu=consent)
    if devices is None:
        devices = {
            each.name: nodes.device(each.name, address, "mul0")
            for each, address in zip(interfaces, (A, B, C), strict=False)
        }
    if on_bus is None:
        on_bus = tuple(pci(device.pci_address) for device in devices.values())
    return plan(group, devices, {each.address: each for each in on_bus}, drivers, guards)


class TestChanges:
    def test_a_device_behind_an_iommu_needs_a_bind_alone(self) -> None:
        assert planned(dpdk()).changes == (Bind(A, "n3", "vfio-pci", "ena"),)

    def test_a_module_is_loaded_first_and_consent_comes_before_the_bind(self) -> None:
        found = planned(
            dpdk("n3"),
            dpdk("n4"),
            on_bus=(pci(A, iommu_group=None), pci(B, iommu_group=None)),
            drivers=NOTHING_LOADED,
            consent=True,
        )
        assert found.changes == (
            LoadModule("vfio-pci"),
            AllowUnsafeNoiommu(),
            Bind(A, "n3", "vfio-pci", "ena"),
            Bind(B, "n4", "vfio-pci", "ena"),
        )

    @pytest.mark.parametrize(
        ("loaded", "write_combining", "expected"),
        [
            pytest.param(False, None, [LoadModule("igb_uio", {"wc_activate": "1"})], id="load"),
            pytest.param(
                True, None, [LoadModule("igb_uio", {"wc_activate": "1"}, reload=True)], id="reload"
            ),
            pytest.param(True, True, [], id="as-it-should-be"),
            pytest.param(True, False, [], id="used-by-others"),
        ],
    )
    def test_igb_uio_is_loaded_with_write_combining(
        self, loaded: bool, write_combining: bool | None, expected: list[LoadModule]
    ) -> None:
        drivers = replace(
            NOTHING_LOADED,
            loaded=frozenset({"ena", "igb_uio"} if loaded else {"ena"}),
            igb_uio_write_combining=write_combining,
        )
        found = planned(
            dpdk(driver=Driver.IGB_UIO), on_bus=(pci(iommu_group=None),), drivers=drivers
        )
        assert list(found.changes[:-1]) == expected

    @pytest.mark.parametrize(
        ("wanted", "present"),
        [
            (Driver.VFIO_PCI, "vfio-pci"),
            (Driver.UIO_PCI_GENERIC, "uio_pci_generic"),
            (Driver.KERNEL, "ena"),
            (Driver.KERNEL, "e1000e"),
        ],
    )
    def test_a_device_with_the_right_driver_is_left_alone(
        self, wanted: Driver, present: str
    ) -> None:
        found = planned(
            dpdk(driver=wanted),
            on_bus=(pci(driver=present, iommu_group=None),),
            drivers=NOTHING_LOADED,
        )
        assert found.changes == ()

    @pytest.mark.parametrize("present", ["vfio-pci", "igb_uio", "uio_pci_generic", None])
    def test_a_kernel_interface_gets_its_driver_back(self, present: str | None) -> None:
        found = planned(
            dpdk(driver=Driver.KERNEL),
            devices={"n3": nodes.device()},
            on_bus=(pci(driver=present, link_names=()),),
        )
        assert found.changes == (Bind(A, "n3", KERNEL, present),)

    def test_a_device_that_lost_its_driver_is_bound(self) -> None:
        found = planned(
            dpdk(), devices={"n3": nodes.device()}, on_bus=(pci(driver=None, link_names=()),)
        )
        assert found.changes == (Bind(A, "n3", "vfio-pci", None),)

    def test_required_write_combining_is_the_binds_business_too(self) -> None:
        found = planned(dpdk(write_combining=WriteCombining.REQUIRED))
        assert found.changes == (Bind(A, "n3", "vfio-pci", "ena", write_combining=True),)


def refusal(
    expected: type[DeviceError], *interfaces: NodeInterface, **given: object
) -> DeviceError:
    """Return the error that a plan ends with, which concerns the first interface."""
    with pytest.raises(DeviceError) as caught:
        planned(*interfaces, **given)  # type: ignore[arg-type]  # what planned takes
    assert type(caught.value) is expected
    assert interfaces[0].name in caught.value.interfaces
    assert caught.value.remedy
    return caught.value


class TestRefusals:
    def test_the_primary_interface_by_its_mac(self) -> None:
        guards = replace(UNGUARDED, primary_mac=nodes.device().eni.mac)
        assert "primary interface" in str(refusal(DeviceRefused, dpdk(), guards=guards))

    def test_the_primary_interface_by_its_index(self) -> None:
        device = nodes.device(link="mul0")
        first = replace(device, eni=replace(device.eni, device_index=0))
        assert "primary" in str(refusal(DeviceRefused, dpdk(), devices={"n3": first}))

    def test_index_0_of_another_card_is_not_the_primary_interface(self) -> None:
        device = nodes.device(link="mul0")
        first = replace(device, eni=replace(device.eni, device_index=0, network_card_index=1))
        assert planned(dpdk(), devices={"n3": first}).changes

    def test_the_interface_with_the_default_route(self) -> None:
        guards = replace(UNGUARDED, default_route_links=frozenset({"mul0"}))
        assert "default route" in str(refusal(DeviceRefused, dpdk(), guards=guards))

    def test_an_interface_that_was_not_found(self) -> None:
        assert "confirmed" in str(refusal(DeviceRefused, dpdk(), devices={}))

    def test_a_device_that_left_the_bus(self) -> None:
        assert A in refusal(DeviceRefused, dpdk(), on_bus=()).value

    def test_two_interfaces_at_one_address(self) -> None:
        devices = {"n3": nodes.device("n3", A, "mul0"), "n4": nodes.device("n4", A, "mul0")}
        with pytest.raises(DeviceRefused, match="n4 and n3"):
            planned(dpdk("n3"), dpdk("n4"), devices=devices)

    def test_a_device_that_a_process_holds(self) -> None:
        guards = replace(UNGUARDED, holders={A: ("process 4242 (testpmd)",)})
        error = refusal(
            DeviceBusy, dpdk(driver=Driver.KERNEL), guards=guards, on_bus=(pci(driver="vfio-pci"),)
        )
        assert error.value == "process 4242 (testpmd)"

    def test_a_device_whose_link_a_pod_holds(self) -> None:
        error = refusal(
            DeviceBusy, dpdk(), devices={"n3": nodes.device()}, on_bus=(pci(link_names=()),)
        )
        assert "another network namespace" in str(error)

    @pytest.mark.parametrize("driver", [each for each in Driver if each.is_dpdk])
    def test_a_module_that_is_not_there(self, driver: Driver) -> None:
        drivers = replace(NOTHING_LOADED, loadable=frozenset())
        error = refusal(
            ModuleMissing,
            dpdk(driver=driver),
            drivers=drivers,
            on_bus=(pci(iommu_group=None),),
            consent=True,
        )
        assert error.value == driver.value
        assert "AMI" in error.remedy

    @pytest.mark.parametrize(
        "group",
        [
            pytest.param(None, id="no-group"),
            pytest.param(replace(IOMMU, is_noiommu=True, translates=False), id="made-up-group"),
        ],
    )
    def test_vfio_without_an_iommu_and_without_consent(self, group: IommuGroup | None) -> None:
        error = refusal(IommuMissing, dpdk(), on_bus=(pci(iommu_group=group),))
        assert "allow_unsafe_noiommu: true" in error.remedy

    def test_vfio_without_an_iommu_on_a_kernel_that_needs_one(self) -> None:
        error = refusal(
            IommuMissing,
            dpdk(),
            on_bus=(pci(iommu_group=None),),
            drivers=replace(VFIO_LOADED, noiommu_supported=False, noiommu_enabled=False),
            consent=True,
        )
        assert "CONFIG_VFIO_NOIOMMU" in error.remedy

    @pytest.mark.parametrize("driver", [Driver.IGB_UIO, Driver.UIO_PCI_GENERIC])
    def test_uio_behind_an_iommu_that_translates(self, driver: Driver) -> None:
        assert "IOMMU" in str(refusal(DeviceRefused, dpdk(driver=driver)))
        through = pci(iommu_group=replace(IOMMU, translates=False))
        assert planned(dpdk(driver=driver), on_bus=(through,)).changes

    @pytest.mark.parametrize(
        ("other", "is_refused"),
        [
            pytest.param("ena", True, id="kernel"),
            pytest.param("uio_pci_generic", True, id="uio"),
            pytest.param("vfio-pci", False, id="vfio-too"),
            pytest.param("pcieport", False, id="bridge"),
            pytest.param(None, False, id="none"),
        ],
    )
    def test_others_in_its_iommu_group(self, other: str | None, is_refused: bool) -> None:
        group = replace(IOMMU, members=(A, B))
        on_bus = (pci(A, iommu_group=group), pci(B, iommu_group=group, driver=other))
        if is_refused:
            error = refusal(DeviceRefused, dpdk(), on_bus=on_bus)
            assert error.value == f"{B} has driver {other}"
        else:
            assert planned(dpdk(), on_bus=on_bus).changes

    def test_a_group_whose_members_all_get_vfio(self) -> None:
        group = replace(IOMMU, members=(A, B))
        on_bus = (pci(A, iommu_group=group), pci(B, iommu_group=group))
        assert len(planned(dpdk("n3"), dpdk("n4"), on_bus=on_bus).changes) == 2

    def test_all_problems_are_told_at_once(self) -> None:
        guards = replace(
            UNGUARDED,
            default_route_links=frozenset({"mul0"}),
            holders={B: ("process 4242 (testpmd)",)},
        )
        error = refusal(
            DeviceRefused,
            dpdk("n3"),
            dpdk("n4"),
            dpdk("n6", Driver.IGB_UIO),
            guards=guards,
            on_bus=(pci(A), pci(B, link_names=()), pci(C)),
        )
        assert error.interfaces == ("n3", "n4", "n6")
        assert all(text in error.line() for text in ("default route", "in use", "behind an IOMMU"))
        assert "\n" not in error.line()


WITHOUT_WRITE_COMBINING = [
    pytest.param(Driver.VFIO_PCI, {"write_combinable": False}, VFIO_LOADED, id="no-such-memory"),
    pytest.param(
        Driver.VFIO_PCI, {}, replace(VFIO_LOADED, vfio_pci_out_of_tree=False), id="mainline-vfio"
    ),
    pytest.param(
        Driver.IGB_UIO,
        {"iommu_group": None},
        replace(NOTHING_LOADED, loaded=frozenset({"igb_uio"}), igb_uio_write_combining=False),
        id="igb_uio-without-it",
    ),
    pytest.param(
        Driver.UIO_PCI_GENERIC,
        {"iommu_group": None, "write_combinable": False},
        NOTHING_LOADED,
        id="uio_pci_generic",
    ),
]


class TestWriteCombining:
    @pytest.mark.parametrize("bound", [False, True], ids=["to-bind", "bound-already"])
    @pytest.mark.parametrize(("driver", "changed", "drivers"), WITHOUT_WRITE_COMBINING)
    def test_required_and_not_there(
        self, driver: Driver, changed: dict[str, Any], drivers: Drivers, bound: bool
    ) -> None:
        present: dict[str, Any] = {"driver": driver.value} if bound else {}
        refusal(
            WriteCombiningMissing,
            dpdk(driver=driver, write_combining=WriteCombining.REQUIRED),
            on_bus=(pci(**changed, **present),),
            drivers=drivers,
        )

    @pytest.mark.parametrize(("driver", "changed", "drivers"), WITHOUT_WRITE_COMBINING)
    @pytest.mark.parametrize(
        ("wanted", "warnings"), [(WriteCombining.PREFERRED, 1), (WriteCombining.IGNORED, 0)]
    )
    def test_preferred_and_not_there_is_a_warning(
        self,
        driver: Driver,
        changed: dict[str, Any],
        drivers: Drivers,
        wanted: WriteCombining,
        warnings: int,
    ) -> None:
        found = planned(
            dpdk(driver=driver, write_combining=wanted), on_bus=(pci(**changed),), drivers=drivers
        )
        assert len(found.warnings) == warnings
        assert found.changes

    def test_there_or_not_yet_to_be_seen(self) -> None:
        for drivers in (VFIO_LOADED, NOTHING_LOADED):
            assert planned(dpdk(), drivers=drivers).warnings == ()

    def test_a_kernel_interface_has_no_such_question(self) -> None:
        kernel = dpdk(driver=Driver.KERNEL, write_combining=WriteCombining.REQUIRED)
        found = planned(kernel, on_bus=(pci(write_combinable=False),))
        assert (found.changes, found.warnings) == ((), ())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Driver),
            st.sampled_from(["ena", "vfio-pci", "igb_uio", "uio_pci_generic", None]),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_once_carried_out_a_plan_is_empty(devices: list[tuple[Driver, str | None]]) -> None:
    interfaces = [dpdk(f"n{number}", each[0]) for number, each in enumerate(devices)]
    on_bus = tuple(
        pci(address, driver=present, iommu_group=None)
        for address, (_, present) in zip((A, B, C), devices, strict=False)
    )
    found = planned(*interfaces, on_bus=on_bus, drivers=NOTHING_LOADED, consent=True)
    bound = {
        each.pci_address: "ena" if each.driver == KERNEL else each.driver
        for each in found.changes
        if isinstance(each, Bind)
    }
    after = tuple(replace(each, driver=bound.get(each.address, each.driver)) for each in on_bus)
    names = frozenset(each.driver for each in after if each.driver)
    drivers = replace(
        NOTHING_LOADED, loaded=names, noiommu_enabled=True, igb_uio_write_combining=True
    )
    assert planned(*interfaces, on_bus=after, drivers=drivers, consent=True).changes == ()
    assert [each.driver for each in after] == [
        each.driver.value if each.driver.is_dpdk else "ena" for each in interfaces
    ]


def route(link: Link, metric: int, family: int = 4, table: int = 254) -> Route:
    everywhere = ip_network("0.0.0.0/0" if family == 4 else "::/0")
    return Route(table, everywhere, None, link.index, metric)


@pytest.mark.parametrize(
    ("routes", "guarded"),
    [
        pytest.param([], set(), id="none"),
        pytest.param([route(PRIMARY, 512)], {"ens5"}, id="primary"),
        pytest.param([route(PRIMARY, 512), route(OURS, 613)], {"ens5"}, id="nodeadms-second"),
        pytest.param([route(PRIMARY, 512), route(OURS, 100)], {"mul0"}, id="better-than-primary"),
        pytest.param([route(PRIMARY, 512), route(OURS, 512)], {"ens5", "mul0"}, id="as-good"),
        pytest.param([route(OURS, 613)], {"mul0"}, id="the-only-one"),
        pytest.param(
            [route(PRIMARY, 512), route(OURS, 613, 6)], {"ens5"}, id="ipv6-on-multus-subnets-only"
        ),
        pytest.param(
            [route(PRIMARY, 512), route(PRIMARY, 512, 6), route(OURS, 100, 6)],
            {"ens5", "mul0"},
            id="better-in-one-family",
        ),
        pytest.param(
            [route(PRIMARY, 512), route(OURS, 0, table=10101)], {"ens5"}, id="of-another-table"
        ),
        pytest.param(
            [
                route(PRIMARY, 512),
                replace(route(OURS, 0), is_unicast=False),
                replace(route(OURS, 0), destination=ip_network("10.0.0.0/8")),
                replace(route(OURS, 0), link_index=99),
            ],
            {"ens5"},
            id="no-default-route",
        ),
    ],
)
def test_the_best_default_routes_are_the_nodes(routes: list[Route], guarded: set[str]) -> None:
    assert default_route_links((PRIMARY, OURS), routes, PRIMARY.mac) == guarded


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        ("vfio-pci", "without an IOMMU vfio-pci needs noiommu mode."),
        ("igb_uio", "behind an IOMMU that translates, igb_uio cannot work."),
        (KERNEL, "the device's network driver must be loaded (modprobe ena)."),
    ],
)
def test_the_remedy_of_a_bind_is_about_its_own_driver(driver: str, said: str) -> None:
    remedy = bind_remedy(Bind(A, "n3", driver, "ena"))
    assert remedy == f"See journalctl -k for {A}; {said}"
