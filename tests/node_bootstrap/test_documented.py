"""The pages that a person is sent to know every error, and what they have a person type works."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import authoring
from authoring.node_resolution import resolve_nodes
from domain.node import cni, errors, layout
from domain.node.config import PodNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.node.config import NodeGroup, NodeInterface

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
DAEMON = {
    "chrootDir": "/hostroot",
    "confDir": "/host/etc/cni/net.d",
    "cniConfigDir": "/host/etc/cni/net.d",
}
"""What matters here of the daemon's configuration in EKS's manifest of Multus: the node's root is mounted at chrootDir."""
RESOURCE = "k8s.v1.cni.cncf.io/resourceName"
NETWORKS = "k8s.v1.cni.cncf.io/networks"


def _kinds(root: type[errors.NodeError] = errors.NodeError) -> Iterator[type[errors.NodeError]]:
    for kind in root.__subclasses__():
        if "code" in vars(kind):
            yield kind
        yield from _kinds(kind)


def _table() -> dict[str, int]:
    """Return exit codes by error code, as docs/node-bootstrap.md has them."""
    section = (DOCS / "node-bootstrap.md").read_text().split("## Error codes")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", section, re.MULTILINE)
    return {
        code: int(exit_code)
        for exit_code, codes in rows
        for code in re.findall(r"`([\w-]+)`", codes)
    }


def test_every_error_is_in_the_table_with_its_exit_code() -> None:
    assert _table() == {kind.code: kind.exit_code for kind in _kinds()}


@pytest.mark.parametrize("kind", list(_kinds()), ids=lambda kind: kind.code)
def test_the_runbook_says_what_to_do(kind: type[errors.NodeError]) -> None:
    section = (DOCS / "runbook.md").read_text().split("## A node that does not get ready")[1]
    assert f"`{kind.code}`" in section


def _snippet(language: str) -> str:
    """Return the one snippet of a language in docs/node-bootstrap.md, Pod networks."""
    section = (DOCS / "node-bootstrap.md").read_text().split("## Pod networks")[1].split("\n## ")[0]
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return str(found)


def _pod_networks() -> dict[str, tuple[NodeGroup, NodeInterface]]:
    """Return the networks of config/example.yaml by the names that the nodes give them."""
    nodes = resolve_nodes(authoring.load(REPOSITORY / "config" / "example.yaml"))
    return {
        cni.network_name(interface.name): (group, interface)
        for group in nodes.node_groups
        for interface in group.interfaces
        if interface.pod_network is not PodNetwork.NONE
    }


def _objects(kind: str) -> dict[str, dict[str, Any]]:
    objects = [each for each in yaml.safe_load_all(_snippet("yaml")) if each["kind"] == kind]
    return {each["metadata"]["name"]: each for each in objects}


@pytest.mark.subprocesses("sed")
def test_the_line_for_multus_points_it_at_the_nodes_directory() -> None:
    (script,) = re.findall(r"sed '(.+)' \|", _snippet("bash"))
    daemon = json.dumps(DAEMON, indent=4)
    object_before = {
        "metadata": {"annotations": {"last-applied-configuration": json.dumps({"json": daemon})}},
        "data": {"daemon-config.json": daemon},
    }
    done = subprocess.run(  # noqa: S603 - a script of this repository's documentation
        ["sed", script],  # noqa: S607 - wherever it is
        input=yaml.safe_dump(object_before, default_style="|"),
        capture_output=True,
        text=True,
        check=True,
    )
    patched = json.loads(yaml.safe_load(done.stdout)["data"]["daemon-config.json"])
    assert patched == {**DAEMON, "confDir": f"{DAEMON['chrootDir']}{layout.CNI_CONFIGURATION}"}


def test_each_network_is_defined_by_its_name_and_resource_alone() -> None:
    definitions = _objects("NetworkAttachmentDefinition")
    assert definitions.keys() == _pod_networks().keys()
    for name, (group, interface) in _pod_networks().items():
        assert "spec" not in definitions[name]
        resource = definitions[name]["metadata"].get("annotations", {}).get(RESOURCE)
        pool = interface.resource_name
        assert resource == (pool and f"{group.resource_prefix}/{pool}")


def test_the_pods_ask_for_networks_resources_and_pages_that_their_nodes_have() -> None:
    asked_for = set()
    for pod in _objects("Pod").values():
        annotation = pod["metadata"]["annotations"][NETWORKS]
        (asked,) = json.loads(annotation) if annotation.startswith("[") else [{"name": annotation}]
        group, interface = _pod_networks()[asked["name"]]
        assert ("ips" in asked) is (interface.pod_network is not PodNetwork.HOST_DEVICE)
        assert pod["spec"]["nodeSelector"] == {"multus-eni.io/node-group": group.name}
        (container,) = pod["spec"]["containers"]
        limits = container.get("resources", {}).get("limits", {})
        pool = interface.resource_name
        assert pool is None or limits[f"{group.resource_prefix}/{pool}"] == 1
        assert bool(group.huge_pages) is any(key.startswith("hugepages-") for key in limits)
        asked_for.add(asked["name"])
    assert asked_for == _pod_networks().keys()
