"""Interfaces that name one device-plugin pool: what is refused, and what is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import authoring
from authoring.device_pools import warnings
from tests.authoring.conftest import GROUP, assert_told

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

NODE: Location = (*GROUP, "node")
INTERFACES: tuple[Location, Location] = ((*GROUP, "interfaces", 0), (*GROUP, "interfaces", 1))
HERE = "node_groups[0].interfaces[1].node.resource"
KERNEL, IGB_UIO, VFIO = (
    {"driver": driver, "resource": "fast"} for driver in ("kernel", "igb_uio", "vfio-pci")
)
SAME_SUBNETS: dict[Location, Any] = {
    (*INTERFACES[1], "subnets"): {"us-east-1a": "subnet-0000000a", "us-east-1b": "subnet-0000000b"}
}
OTHER_TAGS: dict[Location, Any] = {
    (*here, "subnets"): {"tags": {"network": name}}
    for here, name in zip(INTERFACES, ("n3", "n6"), strict=True)
}
HOST_DEVICE: dict[Location, Any] = {
    (*here, "node"): KERNEL | {"pod_network": "host-device"} for here in INTERFACES
}
IDS_AND_TAGS: dict[Location, Any] = {(*INTERFACES[1], "subnets"): {"tags": {"network": "n3"}}}


def _of(one: dict[str, str], other: dict[str, str]) -> dict[Location, Any]:
    """Return edits by which the two interfaces, of different subnets, have such drivers and pools."""
    nodes = {(*here, "node"): node for here, node in zip(INTERFACES, (one, other), strict=True)}
    return {NODE: {"allow_unsafe_noiommu": "vfio-pci" in (one | other).values()}, **nodes}


DRIVERS = (HERE, "has a device with driver kernel, and by")
SUBNETS = (HERE, "has a device in other subnets than by")

FAULTS: dict[str, tuple[dict[Location, Any], list[tuple[str, str]]]] = {
    "two drivers": ({**_of(IGB_UIO, KERNEL), **SAME_SUBNETS}, [DRIVERS]),
    "two drivers and two networks, which is told once": (_of(IGB_UIO, KERNEL), [DRIVERS]),
    "links of two networks": (_of(KERNEL, KERNEL), [SUBNETS]),
    "links of two networks that tags select": (
        {**_of(KERNEL, KERNEL), **OTHER_TAGS},
        [SUBNETS],
    ),
    "links of one network, each with addresses for pods": (
        {
            **_of(KERNEL, KERNEL),
            **HOST_DEVICE,
            **SAME_SUBNETS,
            (*INTERFACES[0], "pod_pool"): {"ipv4": 2},
        },
        [
            (
                HERE,
                "has another device than by node_groups[0].interfaces[0].node.resource, and the addresses of a pod_pool",
            )
        ],
    ),
    "links of one network, of which one has addresses follow pods": (
        {
            **_of(KERNEL, KERNEL),
            **HOST_DEVICE,
            **SAME_SUBNETS,
            (*INTERFACES[1], "pod_follow"): True,
        },
        [
            (
                HERE,
                "has another device than by node_groups[0].interfaces[0].node.resource, and one of the two has pod_follow",
            )
        ],
    ),
    "links of one network whose addresses follow pods": (
        {
            **_of(KERNEL, KERNEL),
            **HOST_DEVICE,
            **SAME_SUBNETS,
            **{(*here, "pod_follow"): True for here in INTERFACES},
        },
        [],
    ),
    "links of one network": ({**_of(KERNEL, KERNEL), **SAME_SUBNETS}, []),
    "links of subnets that are named and of those of tags, which may be the same": (
        {**_of(KERNEL, KERNEL), **IDS_AND_TAGS},
        [],
    ),
    "links of two networks in two pools": (_of(KERNEL, KERNEL | {"resource": "slow"}), []),
    "igb_uio of two networks": (_of(IGB_UIO, IGB_UIO), []),
    "vfio-pci of two networks": (_of(VFIO, VFIO), []),
    "subnets that cannot be read": (
        {**_of(KERNEL, KERNEL), (*INTERFACES[1], "subnets"): 5},
        [("node_groups[0].interfaces[1].subnets", "")],
    ),
}


@pytest.mark.parametrize(("edits", "expected"), FAULTS.values(), ids=FAULTS)
def test_a_pool_is_of_one_driver_and_links_of_one_network(
    said: Callable[..., list[str]], edits: dict[Location, Any], expected: list[tuple[str, str]]
) -> None:
    assert_told(said(edits), expected)


TOLD: dict[str, tuple[dict[Location, Any], bool]] = {
    "igb_uio": (_of(IGB_UIO, IGB_UIO), True),
    "vfio-pci": (_of(VFIO, VFIO), True),
    "subnets by tags": ({**_of(VFIO, VFIO), **OTHER_TAGS}, True),
    "one network": ({**_of(VFIO, VFIO), **SAME_SUBNETS}, False),
    "subnets by ids and by tags": ({**_of(VFIO, VFIO), **IDS_AND_TAGS}, False),
    "two pools": (_of(VFIO, VFIO | {"resource": "slow"}), False),
    "no pool": (_of({"driver": "igb_uio"}, {"driver": "igb_uio"}), False),
}


@pytest.mark.parametrize(("edits", "told"), TOLD.values(), ids=TOLD)
def test_a_pod_that_takes_some_of_a_pools_dpdk_devices_cannot_choose_the_subnet(
    edited: Callable[..., str], edits: dict[Location, Any], *, told: bool
) -> None:
    group = authoring.parse(edited(edits)).node_groups[0]
    assert list(warnings(group)) == told * [
        "the pool fast (n3, n6): its devices are in different subnets. A pod that asks for all of them finds the subnet of each by"
        " its PCI address; one that asks for fewer gets any, and cannot choose the subnet. Give each network a pool of its own,"
        " unless every pod takes the whole pool."
    ]
