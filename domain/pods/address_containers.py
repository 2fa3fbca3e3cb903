"""What a pod has so that EC2's assignment follows its addresses: two containers with no right on the node, and who they are to AWS.

An init container that restarts always is a sidecar: it is told to end after the pod's other containers (Kubernetes, "Sidecar
Containers"; on by default since 1.29), so an address is the ENI's for as long as anything in the pod may use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.node import layout
from domain.pods.attachments import MANAGED_BY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from domain.pods.model import Network

SERVICE_ACCOUNT = "multus-eni-pod-addresses"
LINK = "net1"
"""Multus calls the links of a pod's networks net1, net2 and so on, in the order of its annotation (k8snetworkplumbingwg/multus-cni,
docs/how-to-use.md)."""
SKIP = "eks.amazonaws.com/skip-containers"
"""The containers that get no credentials (aws/amazon-eks-pod-identity-webhook, README): all others of a pod do."""

_PROGRAM = layout.POD_ADDRESSES_PROGRAM
_NOBODY = 65532
_STATE = "/run/multus-eni"
_READY = f"{_STATE}/assigned"
_PROGRAM_MOUNT = {"name": "multus-node", "mountPath": layout.PROGRAMS, "readOnly": True}
_STATE_MOUNT = {"name": "pod-addresses", "mountPath": _STATE}


def containers(network: Network, image: str, *, addressed: bool) -> list[dict[str, Any]]:
    """Return the init containers of a pod on one network.

    Args:
        network: one with a `follow_owner`.
        image: any with Python 3.9 or newer.
        addressed: whether the link comes with an address. Without one there is nothing to assign before the pod's own containers
            have set it, and only the sidecar is there.
    """
    asked = ["--owner", str(network.follow_owner), "--link", LINK]
    first: dict[str, Any] = {
        **_container("assign-addresses", image, ["init", *asked]),
        "volumeMounts": [_PROGRAM_MOUNT],
    }
    sidecar: dict[str, Any] = {
        **_container("follow-addresses", image, ["follow", *asked, "--ready-file", _READY]),
        "restartPolicy": "Always",
        "readinessProbe": {"exec": {"command": ["test", "-e", _READY]}},
        "volumeMounts": [_PROGRAM_MOUNT, _STATE_MOUNT],
    }
    return [first, sidecar] if addressed else [sidecar]


def _container(name: str, image: str, arguments: Sequence[str]) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "command": ["python3", _PROGRAM],
        "args": list(arguments),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsGroup": _NOBODY,
            "runAsNonRoot": True,
            "runAsUser": _NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def volumes() -> list[dict[str, Any]]:
    """Return what the containers mount: the node's copy of the program, and a place for the file that the probe asks for."""
    return [
        {
            "name": _PROGRAM_MOUNT["name"],
            "hostPath": {"path": layout.PROGRAMS, "type": "Directory"},
        },
        {"name": _STATE_MOUNT["name"], "emptyDir": {"medium": "Memory"}},
    ]


def service_accounts(networks: Iterable[Network]) -> Mapping[str, dict[str, Any]]:
    """Return the account that the containers call EC2 as, by namespace, where a network's addresses follow pods."""
    namespaces = {
        namespace
        for network in networks
        if network.follow_owner is not None
        for namespace in network.namespaces
    }
    return {
        namespace: {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": SERVICE_ACCOUNT,
                "namespace": namespace,
                "labels": dict(MANAGED_BY),
            },
        }
        for namespace in sorted(namespaces)
    }
