"""Documents for any configuration: each can be parsed, named and told from the others."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import authoring
from domain.errors import ConfigInvalid
from domain.pods import folder
from tests.domain.pods.cni import DNS_LABEL, check_attachment


def _interface(name: str, number: int, kind: str) -> dict[str, Any]:
    """Return an interface of a kind, whose addresses no other number has."""
    ipvlan = {"pod_network": "ipvlan-l2"}
    device = {"pod_network": "host-device", "resource": f"pool{number}"}
    ranges = {"pod_ranges": [f"10.{number}.1.0/24"], "pod_subnets": [f"10.{number}.0.0/20"]}
    kinds: dict[str, dict[str, Any]] = {
        "none": {},
        "node": {"node": ipvlan},
        "pool": {"node": ipvlan, "pod_pool": {"ipv4": 3}},
        "device": {"node": device},
        "dpdk": {"node": {**device, "driver": "igb_uio"}},
        "static": {"node": ipvlan, "pod_ipam": "static"},
        "whereabouts": {"node": ipvlan, "pod_ipam": "whereabouts", **ranges},
        "followed": {"node": ipvlan, "pod_ipam": "static", "pod_follow": True},
        "device with whereabouts": {"node": device, "pod_ipam": "whereabouts", **ranges},
    }
    return {
        "name": name,
        "subnets": [f"subnet-{number:08x}"],
        "security_groups": ["sg-0000000a"],
        **kinds[kind],
    }


KINDS = (
    "none", "node", "pool", "device", "dpdk", "static", "whereabouts", "followed", "device with whereabouts",
)  # fmt: skip
LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True).filter(
    lambda text: not text.startswith(("eth", "en", "lo", "all", "default"))
)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """Draw configurations that validate takes: a pool and addresses that follow pods are not under one name."""
    groups = []
    drawn: dict[str, set[str]] = {}
    for number, name in enumerate(draw(st.lists(LABELS, min_size=1, max_size=3, unique=True))):
        names = draw(st.lists(LABELS, min_size=1, max_size=4, unique=True))
        interfaces = []
        for place, each in enumerate(names):
            before = drawn.setdefault(each, set())
            barred = {"followed"} if "pool" in before else set()
            barred |= {"pool"} if "followed" in before else set()
            kind = draw(st.sampled_from([each for each in KINDS if each not in barred]))
            before.add(kind)
            interface = _interface(each, 10 * number + place, kind)
            if "node" in interface:
                interface["pod_namespaces"] = draw(st.lists(LABELS, max_size=2, unique=True))
            interfaces.append(interface)
        groups.append(
            {"name": name, "auto_scaling_group": f"asg-{number}", "interfaces": interfaces}
        )
    return {"name": "lab", "cluster_name": "lab", "node_groups": groups}


@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(configurations())
def test_each_document_can_be_parsed_named_and_told_from_the_others(data: dict[str, Any]) -> None:
    authored = authoring.parse(yaml.safe_dump(data))
    try:
        groups = authoring.resolve_pods(authored)
    except ConfigInvalid:
        assume(False)  # no network at all, or two of one name
        raise
    files = folder.files(groups)
    keys = []
    for path, file in files.items():
        document = file.document
        assert yaml.safe_load(yaml.safe_dump(document)) == document
        if document["kind"] == "NetworkAttachmentDefinition":
            check_attachment(dict(document))
            assert path in files[folder.KUSTOMIZATION].document["resources"]
        if "metadata" in document:
            metadata = document["metadata"]
            assert DNS_LABEL.fullmatch(metadata["name"])
            assert DNS_LABEL.fullmatch(metadata["namespace"])
            if path.startswith("multus/"):
                continue  # patches
            keys.append((document["kind"], metadata["namespace"], metadata["name"]))
    assert len(keys) == len(set(keys))
    assert len(keys) >= sum(len(network.namespaces) for network in groups[0].networks)


@pytest.mark.parametrize(
    ("types", "expected"),
    [(["m5.metal"], False), (["m5.metal", "m5.large"], True), ([], True)],
    ids=["metal alone", "both", "any"],
)
def test_an_iommu_is_known_to_be_there_on_metal_alone(types: list[str], *, expected: bool) -> None:
    data: dict[str, Any] = {
        "name": "lab",
        "cluster_name": "lab",
        "node_groups": [
            {
                "name": "workers",
                "auto_scaling_group": "workers",
                "instance_types": types,
                "node": {"allow_unsafe_noiommu": True},
                "interfaces": [
                    {
                        "name": "n3",
                        "subnets": ["subnet-0000000a"],
                        "security_groups": ["sg-0000000a"],
                        "node": {"driver": "vfio-pci", "pod_network": "host-device"},
                    }
                ],
            }
        ],
    }
    (group,) = authoring.resolve_pods(authoring.parse(yaml.safe_dump(data)))
    assert group.no_iommu is expected
