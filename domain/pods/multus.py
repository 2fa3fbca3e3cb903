"""Where Multus looks for the nodes' own configurations: a Kustomize layer over EKS's manifest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from domain.node import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = (
    "https://raw.githubusercontent.com/aws/amazon-vpc-cni-k8s/65b4959d1d53e0873be104f6d77d56cef9ef5ced"
    "/config/multus/v4.1.4-eksbuild.3/multus-daemonset-thick.yml"
)
"""The newest that EKS has published, at a commit: what is patched below is replaced as a whole and has to fit it."""

CONF_DIR = f"/hostroot{layout.CNI_CONFIGURATION}"
"""The daemon has the node's root at /hostroot (its `chrootDir`), and of /etc/cni nothing but net.d elsewhere."""

_NAMESPACE = "kube-system"
_DAEMON = {
    "chrootDir": "/hostroot",
    "confDir": CONF_DIR,
    "logFile": "/var/log/multus.log",
    "logLevel": "verbose",
    "socketDir": "/host/run/multus/",
    "cniVersion": "0.3.1",
    "logToStderr": True,
    "cniConfigDir": "/host/etc/cni/net.d",
    "multusConfigFile": "auto",
    "multusAutoconfigDir": "/host/etc/cni/net.d",
    "multusMasterCNI": "10-aws.conflist",
}
"""EKS's own, but for confDir. The runtime's directory stays where Multus's own configuration goes (`multusAutoconfigDir`)."""


def documents() -> Mapping[str, dict[str, Any]]:
    """Return the layer by path: what it is of, and its two patches.

    The ConfigMap is whole, so it can be applied by itself as well. The annotation on the pods of the DaemonSet has Kubernetes
    replace them when it comes: the daemon reads its configuration when it starts (k8snetworkplumbingwg/multus-cni,
    cmd/multus-daemon/main.go).
    """
    configuration = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "multus-daemon-config",
            "namespace": _NAMESPACE,
            "labels": {"tier": "node", "app": "multus"},
        },
        "data": {"daemon-config.json": json.dumps(_DAEMON, indent=2) + "\n"},
    }
    restart = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "kube-multus-ds", "namespace": _NAMESPACE},
        "spec": {
            "template": {"metadata": {"annotations": {"multus-eni.io/conf-dir": CONF_DIR}}},
        },
    }
    layer = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [MANIFEST],
        "patches": [{"path": "daemon-config.yaml"}, {"path": "restart.yaml"}],
    }
    return {
        "multus/kustomization.yaml": layer,
        "multus/daemon-config.yaml": configuration,
        "multus/restart.yaml": restart,
    }
