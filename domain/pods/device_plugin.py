"""The SR-IOV network device plugin, reading on each node what the node itself has written.

A ConfigMap is the same on every node, and what tells two ENIs apart is not: of vendor, device and driver all have the same, the
VPC CNI's own included, and a link that a pod has is not there when the plugin starts anew. So the plugin reads the node's file,
which has PCI addresses (domain.node.device_plugin).
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from domain.node import layout
from domain.node.kubelet import LABEL_PREFIX
from domain.pods.attachments import MANAGED_BY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.pods.model import PodGroup

IMAGE = "ghcr.io/k8snetworkplumbingwg/sriov-network-device-plugin:v3.9.0"
"""For amd64 and arm64 under one tag (its .github/workflows/image-push-release.yml)."""
NAME, NAMESPACE = "multus-eni-sriov-device-plugin", "kube-system"
NODE_GROUP = f"{LABEL_PREFIX}/node-group"
"""The label that a node gives itself when it joins."""

_LABELS = {"app": NAME, **MANAGED_BY}


def documents(groups: Iterable[PodGroup]) -> Mapping[str, dict[str, Any]]:
    """Return the plugin by path, for the nodes of the groups that have pools; nothing where none has."""
    names = [
        group.name
        for group in groups
        if any(network.resource is not None for network in group.networks)
    ]
    if not names:
        return {}
    return {
        "device-plugin/kustomization.yaml": {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": ["service-account.yaml", "daemonset.yaml"],
        },
        "device-plugin/service-account.yaml": {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": _LABELS},
        },
        "device-plugin/daemonset.yaml": {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": _LABELS},
            "spec": {
                "selector": {"matchLabels": {"app": NAME}},
                "template": {"metadata": {"labels": _LABELS}, "spec": _pod(sorted(set(names)))},
            },
        },
    }


def _pod(groups: list[str]) -> dict[str, Any]:
    """Return the pod as upstream has it (k8snetworkplumbingwg/sriov-network-device-plugin, deployments/sriovdp-daemonset.yaml),
    but for the volume of its configuration and the nodes that it runs on.

    It ends with an error where there is no file (its cmd/sriovdp/main.go, readConfig), so it runs where nodes write one. The
    folder is mounted, not the file: the node replaces the file, and a mounted one would stay the old one for good. What keeps
    other pods off a node must not keep the plugin off.
    """
    volumes = {
        "devicesock": ("/var/lib/kubelet/", {"path": "/var/lib/kubelet/"}, False),
        "log": ("/var/log", {"path": "/var/log"}, False),
        "config-volume": (
            str(PurePosixPath(layout.DEVICE_PLUGIN).parent),
            {"path": str(PurePosixPath(layout.DEVICE_PLUGIN).parent), "type": "Directory"},
            True,
        ),
        "device-info": (
            "/var/run/k8s.cni.cncf.io/devinfo/dp",
            {"path": "/var/run/k8s.cni.cncf.io/devinfo/dp", "type": "DirectoryOrCreate"},
            False,
        ),
    }
    mounts = [
        {"name": name, "mountPath": path, **({"readOnly": True} if read_only else {})}
        for name, (path, _, read_only) in volumes.items()
    ]
    container = {
        "name": "kube-sriovdp",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["--log-dir=sriovdp", "--log-level=10"],
        "securityContext": {"privileged": True},
        "resources": {
            "requests": {"cpu": "250m", "memory": "40Mi"},
            "limits": {"cpu": "1", "memory": "200Mi"},
        },
        "volumeMounts": mounts,
    }
    match = {"key": NODE_GROUP, "operator": "In", "values": groups}
    return {
        "serviceAccountName": NAME,
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [match]}]
                }
            }
        },
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        "volumes": [{"name": name, "hostPath": host} for name, (_, host, _) in volumes.items()],
    }
