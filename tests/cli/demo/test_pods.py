"""What a demo says of pods' networks, and what it writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import authoring
from cli.demo.command import EXAMPLE
from cli.demo.pods import Pods
from cli.render import manifests
from tests.deployed.deployment import REPOSITORY

if TYPE_CHECKING:
    import pytest

MINIMAL = REPOSITORY / "config" / "minimal.yaml"


def pods(path: Path) -> Pods:
    return Pods(authoring.load(path), path)


def test_the_objects_of_the_groups_are_written_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example = REPOSITORY / EXAMPLE
    told = list(pods(example).render(tmp_path / "k8s"))
    assert told == [
        "[bold]Kubernetes objects for pods[/] in k8s",
        "  networks/default/multus-eni-n3.yaml",
        "  networks/default/multus-eni-signalling.yaml",
        "  samples/control-plane/signalling.yaml",
        "  samples/user-plane/n3.yaml",
        "applied by kubectl apply -k k8s (docs/pod-networks.md)",
    ]
    written = {
        file.relative_to("k8s").as_posix(): file.read_text()
        for file in Path("k8s").rglob("*")
        if file.is_file()
    }
    assert written == manifests(authoring.load(example), example)


def test_a_configuration_without_pod_networks_says_so_and_writes_nothing(tmp_path: Path) -> None:
    output = tmp_path / "k8s"
    told = list(pods(MINIMAL).render(output))
    assert told == [
        "no Kubernetes objects for pods:",
        "  node_groups: has no interface with a pod network. Write `pod_network` in an interface's `node:`.",
    ]
    assert not output.exists()
