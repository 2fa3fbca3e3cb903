"""What is written for a cluster: documents by the file that they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.pods import device_plugin, multus
from domain.pods.attachments import attachment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from domain.pods.model import PodGroup

Document = dict[str, Any]

KUSTOMIZATION = "kustomization.yaml"
"""What `kubectl apply -k` reads of a folder."""


def networks(groups: Sequence[PodGroup]) -> Mapping[str, Document]:
    """Return the NetworkAttachmentDefinitions by path, sorted. Two interfaces of one name share theirs, see `namesakes`."""
    found = {
        f"networks/{namespace}/{network.name}.yaml": attachment(network, namespace)
        for group in groups
        for network in group.networks
        for namespace in network.namespaces
    }
    return dict(sorted(found.items()))


def files(groups: Sequence[PodGroup]) -> Mapping[str, Document]:
    """Return all documents by path: what `kubectl apply -k` applies at the top, and beside it what a cluster needs once."""
    attachments = networks(groups)
    return {
        KUSTOMIZATION: kustomization(attachments),
        **attachments,
        **multus.documents(),
        **device_plugin.documents(groups),
    }


def kustomization(resources: Sequence[str] | Mapping[str, object]) -> Document:
    """Return the file that names what is applied (Kustomize, kustomize.config.k8s.io/v1beta1)."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(resources),
    }
