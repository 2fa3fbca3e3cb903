"""The device plugin of the groups that have pools."""

from __future__ import annotations

from pathlib import PurePosixPath

from domain.node import layout
from domain.node.config import Driver, PodNetwork
from domain.pods import device_plugin
from domain.pods.model import Network, PodGroup


def _group(name: str, resource: str | None) -> PodGroup:
    network = Network(
        "n3", "mul0", 9001, Driver.KERNEL, PodNetwork.HOST_DEVICE, ("default",), resource
    )
    return PodGroup(name, (network,))


def test_there_is_none_where_nothing_is_in_a_pool() -> None:
    assert device_plugin.documents([_group("workers", None)]) == {}


def test_it_runs_on_nodes_that_write_its_file_and_reads_that() -> None:
    groups = [
        _group("b", "multus-eni.io/n3"),
        _group("none", None),
        _group("a", "multus-eni.io/n3"),
    ]
    pod = device_plugin.documents(groups)["device-plugin/daemonset.yaml"]["spec"]["template"][
        "spec"
    ]
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert terms["nodeSelectorTerms"] == [
        {
            "matchExpressions": [
                {"key": "multus-eni.io/node-group", "operator": "In", "values": ["a", "b"]}
            ]
        }
    ]
    folder = str(PurePosixPath(layout.DEVICE_PLUGIN).parent)
    volumes = {each["name"]: each["hostPath"] for each in pod["volumes"]}
    assert volumes["config-volume"] == {"path": folder, "type": "Directory"}
    (container,) = pod["containers"]
    mounts = {each["name"]: each for each in container["volumeMounts"]}
    # The plugin's --config-file is /etc/pcidp/config.json unless told otherwise (its cmd/sriovdp/main.go).
    assert layout.DEVICE_PLUGIN == "/etc/pcidp/config.json"
    assert mounts["config-volume"] == {
        "name": "config-volume", "mountPath": folder, "readOnly": True,
    }  # fmt: skip
    assert mounts.keys() == volumes.keys()


def test_no_taint_keeps_it_off() -> None:
    documents = device_plugin.documents([_group("workers", "multus-eni.io/n3")])
    pod = documents["device-plugin/daemonset.yaml"]["spec"]["template"]["spec"]
    assert pod["tolerations"] == [{"operator": "Exists"}]
