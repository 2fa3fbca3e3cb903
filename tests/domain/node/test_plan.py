"""The plan of a whole run: in which order, what is left out, and that a node as it should be has none."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from domain.node import layout, links, networkd
from domain.node.binding import Guards
from domain.node.change import (
    Bind,
    ConfigureLinks,
    LoadModule,
    RemoveFile,
    RenameLink,
    SetHugePages,
    SetSysctl,
    WriteFile,
)
from domain.node.config import Driver, HugePages, NodeGroup, PodNetwork
from domain.node.errors import HugePagesShort, PluginMissing, PluginTooOld
from domain.node.links import Network
from domain.node.model import Drivers, HugePagePool, Instance, NumaMemory
from domain.node.plan import Host, plan
from domain.node.plugins import Observed
from tests.fakes import nodes

A, B = "0000:00:06.0", "0000:00:07.0"
LINK = nodes.interface("n3", subnet_ids=("subnet-3",))
DPDK = nodes.interface(
    "n6",
    link_name="mul1",
    driver=Driver.UIO_PCI_GENERIC,
    host_address=False,
    pod_network=PodNetwork.HOST_DEVICE,
    resource_name="packets",
)
GROUP = nodes.group(LINK, DPDK, huge_pages=(HugePages(2048, 8),))
OLD = Observed("host-device", "CNI host-device plugin v0.8.5")
NEW = Observed("host-device", "CNI host-device plugin v1.6.0")
RP_FILTER = "net.ipv4.conf.eth1.rp_filter"


def host(**changed: Any) -> Host:  # noqa: ANN401 - any field
    """Return a node on which nothing was done yet: n3 at A called eth1, n6 at B called eth2."""
    n3 = nodes.device("n3", A, "eth1")
    n6 = nodes.device("n6", B, "eth2")
    assert n3.link is not None
    assert n6.link is not None
    second = dataclasses.replace(n6.eni, mac="06:00:00:00:00:02", eni_id="eni-6", device_index=2)
    link = dataclasses.replace(n6.link, index=4, mac=second.mac)
    untouched = Host(
        instance=Instance("i-1", "m5.large", "us-east-1a", "us-east-1", "06:00:00:00:00:ff", ()),
        devices={"n3": n3, "n6": dataclasses.replace(n6, eni=second, link=link)},
        links=links.Observed({}, Network((n3.link, link), (), (), ()), {RP_FILTER: "1"}),
        pci_devices={
            A: nodes.pci_device(A, link_names=("eth1",)),
            B: nodes.pci_device(B, link_names=("eth2",)),
        },
        recorded_drivers={},
        drivers=Drivers(frozenset({"ena"}), frozenset({"uio_pci_generic"}), None, False, None),
        guards=Guards("06:00:00:00:00:ff", frozenset({"ens5"}), {}),
        pools=(HugePagePool(0, 2048, 0, 0),),
        memory=(NumaMemory(0, 1 << 22),),
        plugins={"host-device": NEW},
        files={},
        user_data="",
    )
    return dataclasses.replace(untouched, **changed)


def written(changes: tuple[object, ...]) -> dict[str, str]:
    """Return the content of the files that a plan writes."""
    return {each.path: each.text for each in changes if isinstance(each, WriteFile)}


def test_memory_comes_first_then_networkd_s_files_drivers_links_and_last_what_others_read() -> None:
    changes = plan(GROUP, (), host()).changes
    kinds = [
        type(each) if not isinstance(each, WriteFile) else each.path.rpartition("/")[0]
        for each in changes
    ]
    assert list(dict.fromkeys(kinds)) == [
        SetHugePages,
        "/etc/sysctl.d",
        layout.NETWORKD,
        LoadModule,
        Bind,
        RenameLink,
        ConfigureLinks,
        SetSysctl,
        layout.CNI_CONFIGURATION,
        "/etc/eks/nodeadm.d",
        "/etc/pcidp",
    ]


def test_others_read_of_drivers_and_names_as_they_will_be() -> None:
    files = written(plan(GROUP, (), host()).changes)
    assert '"uio_pci_generic"' in files[layout.DEVICE_PLUGIN]
    assert f'"{B}"' in files[layout.DEVICE_PLUGIN]
    assert "multus-eni.io/state=ready" in files[layout.NODEADM]
    assert [each.name for each in plan(GROUP, (), host()).expected] == ["mul0"]


def test_what_is_written_is_not_written_again() -> None:
    others = written(plan(GROUP, (), host()).files)
    assert plan(GROUP, (), host(files=others)).files == ()


def test_a_node_goes_without_what_is_left_out_and_says_so() -> None:
    others = written(plan(GROUP, (), host()).files)
    made = plan(GROUP, ("n6",), host(files=others))
    assert made.drivers == ()
    assert not [path for path in written(made.changes) if path == networkd.link_path("n6")]
    assert {each for each in made.files if isinstance(each, RemoveFile)} == {
        RemoveFile(f"{layout.CNI_CONFIGURATION}/multus-eni-n6.conf"),
        RemoveFile(layout.DEVICE_PLUGIN),
    }
    assert "multus-eni.io/missing=n6" in written(made.changes)[layout.NODEADM]


@pytest.mark.parametrize(
    ("group", "changed", "error"),
    [
        pytest.param(GROUP, {"plugins": {"host-device": OLD}}, PluginTooOld, id="plugin-too-old"),
        pytest.param(
            dataclasses.replace(GROUP, require_plugins=True),
            {"plugins": {"host-device": None}},
            PluginMissing,
            id="plugin-missing",
        ),
        pytest.param(
            dataclasses.replace(GROUP, huge_pages=(HugePages(2048, 1 << 20),)),
            {},
            HugePagesShort,
            id="no-memory",
        ),
    ],
)
def test_what_cannot_be_had_is_refused_before_there_is_a_plan(
    group: NodeGroup, changed: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        plan(group, (), host(**changed))


def test_an_interface_that_is_left_out_needs_no_plugin() -> None:
    made = plan(GROUP, ("n6",), host(plugins={"host-device": OLD}))
    assert made.warnings == ()


def test_whatever_is_doubtful_is_a_warning_from_wherever_it_comes() -> None:
    observed = host(
        plugins={"host-device": None},
        user_data="maxPods: 110",
        links=dataclasses.replace(
            host().links, sysctls={RP_FILTER: "1", "net.ipv4.conf.all.rp_filter": "1"}
        ),
    )
    warnings = plan(dataclasses.replace(GROUP, rp_filter=0), (), observed).warnings
    assert [next(word for word in WORDS if word in each) for each in warnings] == list(WORDS)


WORDS = ("write combining", "rp_filter", "mounts no /dev/uio", "host-device", "maxPods")


def test_what_gives_a_device_back_to_the_kernel_comes_alone() -> None:
    bound = {
        A: nodes.pci_device(A, link_names=("eth1",)),
        B: nodes.pci_device(B, driver="vfio-pci", link_names=()),
    }
    devices = host().devices
    there = {**devices, "n6": dataclasses.replace(devices["n6"], link=None)}
    returned = links.with_kernel_driver(GROUP, "n6")
    made = plan(returned, (), host(pci_devices=bound, devices=there, recorded_drivers={B: "ena"}))
    assert made.returning == (Bind(B, "n6", "kernel", "vfio-pci"),)
    assert set(made.returning) < set(made.changes)
