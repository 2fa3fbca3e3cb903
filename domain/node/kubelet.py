"""What kubelet learns of a node's interfaces, through a drop-in file for nodeadm: how many pods fit, and labels.

How nodeadm (awslabs/amazon-eks-ami, nodeadm/internal) treats the drop-in, which it merges into user data's NodeConfig, later
over earlier: `kubelet.flags` are appended (api/merge.go), and kubelet merges repeated --node-labels; `kubelet.config` is
merged key by key; `kubelet.maxPodsExpression` replaces an earlier one. Where the merged `kubelet.config` says maxPods,
that wins over any expression (api/types.go). An EKS managed node group without an AMI of its own has EKS write such a
maxPods into user data, so the expression does nothing there, and on AMIs from before the key (pull request 2446,
September 2025), which ignore what they do not know. For both there is `max_pods`, which the drop-in sets in
`kubelet.config` itself.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from domain.node.config import NodeGroup

LABEL_PREFIX = "multus-eni.io"
"""Not below kubernetes.io or k8s.io: the NodeRestriction admission plugin lets a kubelet set only some of those."""

MAX_LABEL_VALUE_LENGTH = 63
DEFAULT_NETWORK_CARD = 0

_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_MAX_PODS_FLAG = re.compile(r"--max-pods[= ](\d+)")
_MAX_PODS_KEY = re.compile(r"""^[ \t]*["']?maxPods["']?[ \t]*:[ \t]*(\d+)""", re.MULTILINE)


def labels(group: NodeGroup, missing: Sequence[str]) -> Mapping[str, str]:
    """Return the node's labels, from its group and the promised interfaces that it lacks.

    kubelet gives them to the Node object that it creates; those of an object that is already there it leaves alone
    (`updateDefaultLabels` in kubernetes/pkg/kubelet/kubelet_node_status.go has a fixed list). So they say how the node was
    when it joined: an interface that comes later shows in the status file only.
    """
    found = {f"{LABEL_PREFIX}/state": "degraded" if missing else "ready"}
    if _LABEL_VALUE.fullmatch(group.name) and len(group.name) <= MAX_LABEL_VALUE_LENGTH:
        found[f"{LABEL_PREFIX}/node-group"] = group.name
    if missing:
        found[f"{LABEL_PREFIX}/missing"] = _joined(sorted(missing))
    return dict(sorted(found.items()))


def _joined(names: Sequence[str]) -> str:
    """Return names as one label value; what does not fit is counted."""
    for kept in range(len(names), 0, -1):
        left = len(names) - kept
        value = ".".join([*names[:kept], *([f"and-{left}-more"] if left else [])])
        if len(value) <= MAX_LABEL_VALUE_LENGTH:
            return value
    return f"{len(names)}-interfaces"


def max_pods_expression(group: NodeGroup) -> str | None:
    """Return the CEL expression for max-pods without the ENIs that Multus takes; None when it takes none that count.

    nodeadm counts the ENIs of the default network card, as the VPC CNI uses those of the other cards only with
    ENABLE_MULTI_NIC. Promised interfaces count whether they are there or not: one that is missing may still come.
    """
    taken = sum(
        1 for interface in group.interfaces if interface.network_card_index == DEFAULT_NETWORK_CARD
    )
    if not taken or not group.reduce_max_pods:
        return None
    return f"(default_enis - {taken}) * (ips_per_eni - 1) + 2"


def drop_in(group: NodeGroup, missing: Sequence[str]) -> str:
    """Return the text of the drop-in file, YAML.

    Args:
        group: what the node must become.
        missing: names of the promised interfaces that the node joins without.
    """
    given = ",".join(f"{key}={value}" for key, value in labels(group, missing).items())
    lines = [
        "# Written by multus-node at every boot.",
        "apiVersion: node.eks.aws/v1alpha1",
        "kind: NodeConfig",
        "spec:",
        "  kubelet:",
        "    flags:",
        f"      - {json.dumps('--node-labels=' + given)}",
    ]
    expression = max_pods_expression(group)
    if group.max_pods is not None:
        lines += ["    config:", f"      maxPods: {group.max_pods}"]
    elif expression is not None:
        lines.append(f"    maxPodsExpression: {json.dumps(expression)}")
    return "\n".join(lines) + "\n"


def overridden(group: NodeGroup, user_data: str) -> tuple[str, ...]:
    """Return a warning when user data's own max-pods makes ours void; nothing when it does not.

    Args:
        group: what the node must become.
        user_data: as the metadata service gives it; compressed user data is not looked into.
    """
    if group.max_pods is None and max_pods_expression(group) is None:
        return ()
    wins = "which wins over the number without the ENIs that Multus takes"
    flags = _MAX_PODS_FLAG.findall(user_data)
    if flags:
        return (f"user data sets kubelet's --max-pods to {flags[-1]}, {wins}: take the flag out",)
    keys = _MAX_PODS_KEY.findall(user_data)
    if keys and group.max_pods is None:
        return (f"user data sets maxPods to {keys[-1]}, {wins}: set max_pods for the node group",)
    return ()
