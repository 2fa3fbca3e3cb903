"""A node group that is created, as types: its machines, its kubelets, and the cluster that they join."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from authoring.created_shapes import (
    AmiId,
    Certificate,
    CpuList,
    Endpoint,
    KeyPairName,
    KmsKeyArn,
    KubeletArgument,
    KubernetesVersion,
    LabelKey,
    LabelValue,
    PlacementGroupName,
    PolicyArn,
    TaintKey,
    VpcIdText,
)
from authoring.ip_ranges import IpRange
from authoring.shapes import (
    Between,
    OwnTagKey,
    SecurityGroupIdText,
    SubnetIdText,
    TagValue,
    ZoneName,
)
from authoring.written import Written

ROOT_DEVICE = "/dev/xvda"
"""Of the EKS images of Amazon Linux 2023 (awslabs/amazon-eks-ami, templates/al2023: root_device_name)."""


class Cluster(Written):
    """What a node must know of its cluster, and only the cluster says (EKS API, DescribeCluster)."""

    endpoint: Endpoint = Field(description="The API server's address: `endpoint`.")
    certificate_authority: Certificate = Field(
        description="The base64 text of the API server's certificate authority: `certificateAuthority.data`."
    )
    service_cidr: IpRange = Field(
        description="The range of the services' addresses: `kubernetesNetworkConfig.serviceIpv4Cidr`, or "
        "`serviceIpv6Cidr` of an IPv6 cluster."
    )
    security_group: SecurityGroupIdText = Field(
        description="The cluster security group: `resourcesVpcConfig.clusterSecurityGroupId`."
    )
    vpc: VpcIdText = Field(description="The cluster's VPC: `resourcesVpcConfig.vpcId`.")
    version: KubernetesVersion = Field(description="The Kubernetes version: `version`.")

    @property
    def is_ipv6(self) -> bool:
        """Return whether pods and services have IPv6 addresses."""
        return ":" in self.service_cidr


class RootVolume(Written):
    """The encrypted gp3 volume that a node boots from."""

    # The upper bounds are gp3's (EC2 API reference, LaunchTemplateEbsBlockDeviceRequest).

    size_gib: Annotated[
        int, Between(20, 65536, "GiB", "The image takes 20 GiB, gp3 gives no more than 65536.")
    ] = Field(default=50, description="Its size.")
    iops: Annotated[int, Between(3000, 80000, "", "gp3 has 3000 without a charge.")] = Field(
        default=3000, description="Operations per second."
    )
    throughput_mib_s: Annotated[
        int, Between(125, 2000, "MiB/s", "gp3 has 125 without a charge.")
    ] = Field(default=125, description="Throughput in MiB per second.")
    kms_key_arn: KmsKeyArn | None = Field(
        default=None,
        description="The key that it is encrypted with. Left out: the account's default for EBS.",
    )


class Taint(Written):
    """A taint that a node registers with."""

    key: TaintKey = Field(description="The taint's key.")
    value: LabelValue = Field(default="", description="The taint's value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        description="What it does to pods that do not tolerate it."
    )


class Update(Written):
    """How a changed launch template gets to nodes that run: by an instance refresh."""

    min_healthy_percent: Annotated[int, Between(0, 100, "percent", "")] = Field(
        default=100, description="How much of the group stays in service at least."
    )
    max_healthy_percent: Annotated[int, Between(100, 200, "percent", "")] = Field(
        default=110, description="How large the group becomes meanwhile at most."
    )


class WarmPool(Written):
    """Stopped nodes that have booted once."""

    min_size: Annotated[int, Between(0, 1000, "nodes", "")] = Field(
        default=0, description="How many nodes wait in it at least."
    )
    max_prepared: Annotated[int, Between(0, 1000, "nodes", "")] | None = Field(
        default=None,
        description="How many nodes there are at most, in the pool and in service. Left out: max_size.",
    )
    reuse_on_scale_in: bool = Field(
        default=False, description="Whether a node that scales in goes back into the pool."
    )


class Create(Written):
    """A self-managed group of Amazon Linux 2023 nodes, as a stack of its own."""

    subnets: dict[ZoneName, SubnetIdText] = Field(
        min_length=1,
        json_schema_extra={"additionalProperties": False},
        description="The nodes' own subnets: a map of zone to subnet id.",
    )
    min_size: Annotated[int, Between(0, 5000, "nodes", "")] = Field(
        description="The fewest nodes; the group begins with so many."
    )
    max_size: Annotated[int, Between(1, 5000, "nodes", "")] = Field(description="The most nodes.")
    spot_percent: Annotated[int, Between(0, 100, "percent", "")] = Field(
        default=0, description="The share of Spot Instances above `on_demand_base`."
    )
    on_demand_base: Annotated[int, Between(0, 5000, "nodes", "")] = Field(
        default=0, description="How many nodes are On-Demand Instances before the share counts."
    )
    capacity_rebalance: bool | None = Field(
        default=None,
        description="Whether a Spot node at risk is replaced before it is interrupted. Left out: where there are any.",
    )
    ami: AmiId | None = Field(
        default=None,
        description="The image. Left out: the recommended EKS image of Amazon Linux 2023, at each deployment.",
    )
    kubernetes_version: KubernetesVersion | None = Field(
        default=None, description="Whose image is taken. Left out: the cluster's."
    )
    root_volume: RootVolume = Field(
        default=RootVolume(), description="The volume that a node boots from."
    )
    key_pair: KeyPairName | None = Field(
        default=None, description="The EC2 key pair for SSH. Left out: none."
    )
    placement_group: PlacementGroupName | None = Field(
        default=None, description="The name of a placement group. Left out: none."
    )
    metadata_hop_limit: Annotated[
        int, Between(1, 64, "hops", "EC2 takes no other (MetadataOptions).")
    ] = Field(
        default=1,
        description="How far a metadata answer travels: with 1 no pod but those on the host's network gets one.",
    )
    cluster_security_group: bool = Field(
        default=True,
        description="Whether nodes have the cluster security group, within which everything is allowed. Without it they "
        "have one of their own, with rules between it and the control plane.",
    )
    security_groups: tuple[SecurityGroupIdText, ...] = Field(
        default=(), strict=False, description="Further security groups of the nodes."
    )
    policies: tuple[PolicyArn, ...] = Field(
        default=(), strict=False, description="Further managed policies of the nodes' role."
    )
    access_entry: bool = Field(
        default=True,
        description="Whether the stack makes the EKS access entry by which the nodes may join.",
    )
    labels: dict[LabelKey, LabelValue] = Field(
        default_factory=dict, description="Labels that a node registers with."
    )
    taints: tuple[Taint, ...] = Field(
        default=(), strict=False, description="Taints that a node registers with."
    )
    kubelet_arguments: tuple[KubeletArgument, ...] = Field(
        default=(), strict=False, description="Further arguments of kubelet, like --v=4."
    )
    cpu_manager_policy: Literal["none", "static"] = Field(
        default="none",
        description="Whether containers of guaranteed pods that ask for whole CPUs have them for themselves.",
    )
    topology_manager_policy: Literal["none", "best-effort", "restricted", "single-numa-node"] = (
        Field(default="none", description="How CPUs, devices and huge pages of a pod are aligned.")
    )
    reserved_cpus: CpuList | None = Field(
        default=None,
        description="CPUs kept for the system and kubelet, like 0-1,16-17. Left out: what nodeadm reserves.",
    )
    isolated_cpus: CpuList | None = Field(
        default=None,
        description="CPUs that the kernel keeps its own work off, like 2-15,18-31; a node boots twice. Left out: none.",
    )
    update: Update = Field(default=Update(), description="How a change gets to the nodes that run.")
    warm_pool: WarmPool | None = Field(
        default=None, description="Stopped nodes that have booted once. Left out: none."
    )
    cluster_autoscaler: bool = Field(
        default=True,
        description="Whether the group has the tags by which cluster-autoscaler finds it and knows its nodes.",
    )
    tags: dict[OwnTagKey, TagValue] = Field(
        default_factory=dict,
        description="Tags on the group, its nodes, their volumes and primary interfaces, besides the file's `tags`.",
    )

    @property
    def replaces_spot_at_risk(self) -> bool:
        """Return whether the group has Capacity Rebalancing."""
        if self.capacity_rebalance is None:
            return self.spot_percent > 0
        return self.capacity_rebalance
