"""What a configuration file names for what the stacks create, as it stands there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.model import SecurityGroupId, SubnetId


@dataclass(frozen=True)
class RootVolume:
    """The volume that the launch template has for the image's root."""

    device: str
    gib: int


@dataclass(frozen=True)
class Created:
    """A node group's `create`."""

    subnets: Mapping[str, SubnetId]
    """The nodes' own, by the zone that they stand under."""
    security_groups: tuple[SecurityGroupId, ...] = ()
    """Besides the first, which is the cluster's or the nodes' own."""
    cluster_security_group: bool = True
    """Whether the first is the cluster's."""
    access_entry: bool = True
    ami: str | None = None
    """None: the recommended image of the version, which AWS keeps."""
    kubernetes_version: str | None = None
    """None: the cluster's."""
    root_volume: RootVolume | None = None
    """None: what the image has."""
    key_pair: str | None = None
    placement_group: str | None = None
    cni_policy: bool = False
    """Whether the nodes' role has AmazonEKS_CNI_Policy."""
