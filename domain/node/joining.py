"""Whether a node is at work in its cluster, as far as the node itself can see, so that its launch hook may be answered."""

from __future__ import annotations

from dataclasses import dataclass

WARMED = "Warmed:"
"""How the target lifecycle states of the warm pool begin (Auto Scaling User Guide, "Retrieve the target lifecycle state through
instance metadata")."""
CNI_SUFFIXES = (".conf", ".conflist", ".json")
"""What a container runtime takes for a network configuration (containernetworking/cni, libcni, ConfFiles)."""


@dataclass(frozen=True)
class Sight:
    """What was seen at one moment."""

    target_state: str | None
    """The lifecycle state that Auto Scaling has in mind for the instance; None where there is none (yet)."""
    kubelet_ails: str
    """Why kubelet does not say that it is well; empty when it does."""
    cni_files: tuple[str, ...]
    """The names in the container runtime's directory of network configurations of what was written since the node booted."""

    @property
    def is_warming(self) -> bool:
        """Whether the node goes to the warm pool, or is in it."""
        return (self.target_state or "").startswith(WARMED)


def obstacle(sight: Sight) -> str:
    """Return what has to be waited for, for a person, without a full stop; empty when there is nothing.

    kubelet says `ok` as soon as it runs, whether or not the API server lets it in. A network configuration is there once the
    cluster's network plugin runs on the node, which is a pod that the API server has given to this kubelet; with both,
    kubelet calls the node Ready (Kubernetes, "Node status", and EKS User Guide, "Amazon VPC CNI"). Neither needs a
    credential. A configuration of an earlier boot, or of the node that an image was made of, tells nothing; the plugin
    writes its own each time it starts (aws/amazon-vpc-cni-k8s, cmd/aws-vpc-cni). A node that goes to the warm pool is to be
    stopped next, and kubelet need not have begun.
    """
    if sight.is_warming:
        return ""
    if sight.kubelet_ails:
        return f"kubelet: {sight.kubelet_ails}"
    if not any(name.endswith(CNI_SUFFIXES) for name in sight.cni_files):
        return "the cluster's network plugin: it has left no configuration for the container runtime yet"
    return ""
