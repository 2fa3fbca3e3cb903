"""What the demo holds against the account: each promise is one that a node can break."""

from __future__ import annotations

import ipaddress
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cli.demo.promises import EniView, Observer, broken_promises, left_behind
from domain import tags
from tests.cli.demo.conftest import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.rehearsal import Rehearsal


def _take_an_address_of_the_pods(raw: dict[str, Any]) -> None:
    """Nodes have the lower half of a subnet of 1 024 addresses; the upper one begins with the ranges for pods."""
    theirs = ipaddress.IPv4Address(raw["PrivateIpAddress"]) + 512
    raw.update(PrivateIpAddresses=[{"PrivateIpAddress": str(theirs)}])


SPOILT: dict[str, tuple[str, Callable[[dict[str, Any]], object], str]] = {
    "attaching": ("n3", lambda raw: raw["Attachment"].update(Status="attaching"), "is attached"),
    "zone": ("n3", lambda raw: raw.update(AvailabilityZone="us-east-1f"), "is in the node's zone"),
    "subnet": ("n3", lambda raw: raw.update(SubnetId="subnet-0000000a"), "is in its subnet"),
    "a group too many": (
        "n3",
        lambda raw: raw["Groups"].append({"GroupId": "sg-0000000a"}),
        "has its security groups",
    ),
    "no group": ("n6", lambda raw: raw.update(Groups=[]), "has its security groups"),
    "outlives its node": (
        "n3",
        lambda raw: raw["Attachment"].update(DeleteOnTermination=False),
        "has DeleteOnTermination",
    ),
    "source/dest check": ("n3", lambda raw: raw.update(SourceDestCheck=True), "check False"),
    "an address of the pods": ("n3", _take_an_address_of_the_pods, "has its IPv4 address"),
    "no address": ("n6", lambda raw: raw.update(PrivateIpAddresses=[]), "has its IPv4 address"),
    "no IPv6": ("oam", lambda raw: raw.update(Ipv6Addresses=[]), "has 1 IPv6 addresses"),
    "index": ("n9", lambda raw: raw["Attachment"].update(DeviceIndex=1), "has its device index"),
}


def test_a_served_node_breaks_no_promise(rehearsal: Rehearsal) -> None:
    observer = Observer(rehearsal.account, rehearsal.config)
    nodes, enis = observer.nodes(), observer.enis()
    assert [node.state for node in nodes] == ["InService"] * 2
    assert broken_promises(rehearsal.config, nodes, enis) == []
    assert left_behind(nodes, enis) == []


def test_nodes_get_pools_of_both_families_and_of_ipv6_alone(
    served: Callable[[dict[str, Any]], Rehearsal],
) -> None:
    document = yaml.safe_load((CONFIG / "ipv6.yaml").read_text(encoding="utf-8"))
    rehearsal = served(document)
    observer = Observer(rehearsal.account, rehearsal.config)
    nodes, enis = observer.nodes(), observer.enis()
    assert [node.state for node in nodes] == ["InService"]
    assert broken_promises(rehearsal.config, nodes, enis) == []
    counts = {
        eni.tags[tags.INTERFACE]: (
            len(eni.raw.get("PrivateIpAddresses", [])),
            len(eni.raw["Ipv6Addresses"]),
        )
        for eni in enis
    }
    assert counts == {"n3": (9, 8), "n9": (0, 8)}
    rehearsal.reconcile()
    assert observer.enis() == enis


@pytest.mark.parametrize(("interface", "spoil", "promise"), SPOILT.values(), ids=SPOILT)
def test_what_is_not_as_promised_is_told(
    rehearsal: Rehearsal, interface: str, spoil: Callable[[dict[str, Any]], object], promise: str
) -> None:
    [told] = _told(rehearsal, interface, spoil)
    assert f"{interface} (eni-" in told
    assert promise in told


@pytest.mark.parametrize(
    ("key", "promise"),
    [(tags.NO_MANAGE, "no_manage=true"), ("traffic", "has its configured tags")],
    ids=["no_manage", "a tag of the configuration"],
)
def test_a_tag_that_is_not_there_is_told(rehearsal: Rehearsal, key: str, promise: str) -> None:
    observer = Observer(rehearsal.account, rehearsal.config)
    enis = [
        _without(eni, key) if eni.tags[tags.INTERFACE] == "n9" else eni for eni in observer.enis()
    ]
    [told] = broken_promises(rehearsal.config, observer.nodes(), enis)
    assert promise in told


def test_an_interface_too_few_is_told(rehearsal: Rehearsal) -> None:
    observer = Observer(rehearsal.account, rehearsal.config)
    enis = [eni for eni in observer.enis() if eni.tags[tags.INTERFACE] != "n9"]
    [told] = broken_promises(rehearsal.config, observer.nodes(), enis)
    assert told.endswith("must have n3, n6, n9 and has n3, n6")


def test_what_outlived_its_node_is_told(rehearsal: Rehearsal) -> None:
    observer = Observer(rehearsal.account, rehearsal.config)
    enis = observer.enis()
    assert len(left_behind([], enis)) == len(enis)


def _told(
    rehearsal: Rehearsal, interface: str, spoil: Callable[[dict[str, Any]], object]
) -> list[str]:
    observer = Observer(rehearsal.account, rehearsal.config)
    enis = []
    for eni in observer.enis():
        raw = deepcopy(dict(eni.raw))
        if eni.tags[tags.INTERFACE] == interface:
            spoil(raw)
        enis.append(replace(eni, raw=raw))
    return broken_promises(rehearsal.config, observer.nodes(), enis)


def _without(eni: EniView, key: str) -> EniView:
    return replace(eni, tags={name: value for name, value in eni.tags.items() if name != key})
