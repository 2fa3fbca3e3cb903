"""The resolved configuration: the same text for the same configuration, and a clear refusal of any other text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.node.config import (
    Driver,
    HugePages,
    NodeConfig,
    NodeGroup,
    NodeInterface,
    OnFailure,
    PodNetwork,
    WriteCombining,
    from_json,
    to_json,
)
from domain.node.errors import ConfigurationForeign
from tests.fakes import nodes

FULL = NodeConfig(
    owner="prod",
    cluster_name="core",
    region="eu-central-1",
    node_groups=(
        NodeGroup(
            name="user-plane",
            auto_scaling_group="asg-user-plane",
            interfaces=(
                nodes.interface(
                    "n3",
                    ipv4=False,
                    ipv6_count=2,
                    mtu=1500,
                    host_address=False,
                    driver=Driver.VFIO_PCI,
                    write_combining=WriteCombining.REQUIRED,
                    pod_network=PodNetwork.HOST_DEVICE,
                    resource_name="n3",
                ),
                nodes.interface("n6"),
            ),
            instance_types=("c6in.8xlarge",),
            deadline_s=120,
            on_failure=OnFailure.ABANDON,
            ready_hook="MultusEni-prod-ready",
            allow_unsafe_noiommu=True,
            huge_pages=(HugePages(2048, 512), HugePages(1048576, 4, (0, 1))),
            resource_prefix="example.com",
            rp_filter=1,
            require_plugins=True,
            reduce_max_pods=False,
            max_pods=58,
        ),
        nodes.group(),
    ),
)
LEAST = NodeConfig("prod", "core", None, ())


@pytest.mark.parametrize("config", [FULL, LEAST], ids=["full", "least"])
def test_what_is_written_is_read_again_with_every_type(config: NodeConfig) -> None:
    read = from_json(to_json(config))
    assert read == config
    assert repr(read) == repr(config)


def test_the_text_is_one_line_of_plain_json_and_always_the_same() -> None:
    text = to_json(FULL)
    assert "\n" not in text
    assert text == to_json(from_json(text))
    assert json.loads(text)["node_groups"][0]["on_failure"] == "abandon"


def document(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - any key
    return {**json.loads(to_json(FULL)), **changed}


def without(path: list[Any]) -> dict[str, Any]:
    whole = document()
    part: Any = whole
    for step in path[:-1]:
        part = part[step]
    del part[path[-1]]
    return whole


def replaced(path: list[Any], value: object) -> dict[str, Any]:
    whole = document()
    part: Any = whole
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    return whole


GROUP: list[Any] = ["node_groups", 0]
INTERFACE = [*GROUP, "interfaces", 0]


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param("", id="nothing"),
        pytest.param("not JSON", id="no-json"),
        pytest.param("[]", id="a-list"),
        pytest.param("null", id="null"),
        pytest.param("{}", id="no-version"),
        pytest.param(to_json(FULL)[:-20], id="torn"),
        pytest.param(json.dumps(document(node_version=2)), id="a-newer-version"),
        pytest.param(json.dumps(document(node_groups=3)), id="groups-are-no-list"),
        pytest.param(json.dumps(without(["owner"])), id="no-owner"),
        pytest.param(json.dumps(without([*INTERFACE, "link_name"])), id="no-link-name"),
        pytest.param(json.dumps(replaced([*GROUP, "colour"], "blue")), id="an-unknown-key"),
        pytest.param(json.dumps(replaced([*INTERFACE, "driver"], "ena")), id="an-unknown-driver"),
        pytest.param(json.dumps(replaced([*GROUP, "on_failure"], "hope")), id="an-unknown-policy"),
        pytest.param(json.dumps(replaced(INTERFACE, "n3")), id="an-interface-that-is-a-name"),
    ],
)
def test_any_other_text_is_refused_in_one_line(foreign: str) -> None:
    with pytest.raises(ConfigurationForeign) as caught:
        from_json(foreign)
    assert caught.value.value
    assert caught.value.remedy
    assert "\n" not in caught.value.line()


def test_groups_and_interfaces_are_found_by_name() -> None:
    group = FULL.node_group("user-plane")
    assert group is FULL.node_groups[0]
    assert group.interface("n6") is group.interfaces[1]


def test_an_unknown_group_or_interface_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ConfigurationForeign) as group:
        FULL.node_group("other")
    assert (group.value.value, "user-plane, workers" in group.value.remedy) == ("other", True)
    with pytest.raises(ConfigurationForeign) as interface:
        FULL.node_groups[0].interface("n9")
    assert (interface.value.value, "n3, n6" in interface.value.remedy) == ("n9", True)


@pytest.mark.parametrize("driver", Driver)
def test_every_driver_but_the_kernel_s_is_for_dpdk(driver: Driver) -> None:
    assert driver.is_dpdk == (driver.value in {"vfio-pci", "igb_uio", "uio_pci_generic"})


def test_an_interface_has_no_field_without_a_reader_for_its_type() -> None:
    read = from_json(to_json(FULL)).node_groups[0].interfaces[0]
    for name in NodeInterface.__dataclass_fields__:
        assert type(getattr(read, name)) is type(getattr(FULL.node_groups[0].interfaces[0], name))
