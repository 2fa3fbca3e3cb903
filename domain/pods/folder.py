"""What is written for a cluster: documents by the file that they are in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.pods import device_plugin, multus
from domain.pods.attachments import attachment
from domain.pods.samples import samples, service_accounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from domain.pods.model import PodGroup

Document = dict[str, Any]


@dataclass(frozen=True)
class File:
    """A document, and what a person should know of it."""

    document: Mapping[str, Any]
    notes: tuple[str, ...] = ()


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


def files(groups: Sequence[PodGroup]) -> Mapping[str, File]:
    """Return all files by path: what `kubectl apply -k` applies at the top, and in folders of their own what a cluster needs once,
    and samples."""
    attachments = networks(groups)
    documents = {
        KUSTOMIZATION: kustomization(attachments),
        **attachments,
        **multus.documents(),
        **device_plugin.documents(groups),
    }
    to_copy = {**samples(groups), **service_accounts(groups)}
    return {
        **{path: File(document) for path, document in documents.items()},
        **{path: File(sample.pod, sample.notes) for path, sample in to_copy.items()},
    }


def kustomization(resources: Sequence[str] | Mapping[str, object]) -> Document:
    """Return the file that names what is applied (Kustomize, kustomize.config.k8s.io/v1beta1)."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(resources),
    }
