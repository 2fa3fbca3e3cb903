"""What a person writes, as types: the keys, their defaults, and what each value may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Discriminator, Field, Tag

from authoring.created import Cluster, Create
from authoring.ip_ranges import IpRange, PodRange, SubnetRange
from authoring.shapes import (
    REFUSED,
    AccountId,
    AutoScalingGroupName,
    Between,
    ClusterName,
    GroupLabel,
    InstanceTypeName,
    InterfaceName,
    LinkName,
    ManagedNodeGroupName,
    Namespace,
    OwnTagKey,
    RegionName,
    ResourceName,
    ResourcePrefix,
    RetentionDays,
    RpFilter,
    SecurityGroupIdText,
    SoughtTagValue,
    StackName,
    SubnetIdText,
    SysctlKey,
    SysctlValue,
    TagKey,
    TagValue,
    TopicArn,
    ZoneName,
)
from authoring.written import Written

if TYPE_CHECKING:
    from collections.abc import Hashable


class ByTags(Written):
    """Resources that carry all of these tags."""

    tags: dict[TagKey, SoughtTagValue] = Field(min_length=1)


class Hook(Written):
    """The lifecycle hooks on every node group's Auto Scaling group."""

    heartbeat_timeout_s: Annotated[
        int,
        Between(
            420,
            7200,
            "seconds",
            "Auto Scaling takes no longer one, and the reconciler needs as much to prolong it.",
        ),
    ] = Field(
        default=900,
        description="Seconds after which Auto Scaling gives up on a hook that nobody answers.",
    )


class Reconcile(Written):
    """The scheduled repair of what events cannot promise."""

    interval_minutes: Annotated[
        int, Between(1, 29, "minutes", "A longer interval would leave waiting nodes to time out.")
    ] = Field(default=3, description="Minutes from one run to the next.")
    orphan_min_age_minutes: Annotated[
        int,
        Between(
            5, 1440, "minutes", "A younger network interface may still be on its way to a node."
        ),
    ] = Field(
        default=15,
        description="Minutes an unattached network interface whose instance is gone is left alone.",
    )
    max_deletions_per_run: Annotated[
        int, Between(1, 1000, "", "The bound keeps one mistaken run from deleting everything.")
    ] = Field(default=50, description="The most network interfaces that one run deletes.")
    max_adoptions_per_run: Annotated[
        int,
        Between(
            1, 1000, "nodes", "The bound shows a mistake on few nodes before it reaches the others."
        ),
    ] = Field(
        default=50,
        description="The most nodes in service that one run gives interfaces, where `adopt_running` asks for it.",
    )
    dry_run: bool = Field(
        default=False, description="Whether the runs only report what they would do."
    )


class Ipv6(Written):
    """IPv6 addresses of an interface."""

    count: Annotated[
        int,
        Between(1, 50, "", "For an interface without IPv6 leave out `ipv6`."),
    ] = Field(description="How many IPv6 addresses each node's interface has.")


class PodPool(Written):
    """Addresses of an interface that are its node's pods'."""

    ipv4: Annotated[int, Between(0, 49, "", "No instance type takes more.")] = Field(
        default=0, description="How many secondary IPv4 addresses."
    )
    ipv6: Annotated[int, Between(0, 50, "", "No instance type takes more.")] = Field(
        default=0, description="How many IPv6 addresses, besides `ipv6.count`."
    )


class PodPlugins(Written):
    """CNI plugins that follow the network's own when a pod starts."""

    sbr: bool = Field(
        default=False,
        description="Whether the network's routes get a table of their own, for what the pod sends from its address there.",
    )
    sysctls: dict[SysctlKey, SysctlValue] = Field(
        default_factory=dict,
        description="Sysctls of the pod, IFNAME for its link on the network.",
    )


class InterfaceNode(Written):
    """What a node makes of an interface."""

    link: LinkName | None = Field(
        default=None,
        description="What the link is called on every node. Left out: `mul` and the interface's position, from mul0.",
    )
    mtu: Annotated[
        int,
        Between(576, 9001, "bytes", "A VPC carries nothing larger than 9001 (EC2, jumbo frames)."),
    ] = Field(default=9001, description="The largest packet that the link sends.")
    host_address: bool | None = Field(
        default=None,
        description="Whether the node itself has the interface's addresses. Left out: only where no pod and no DPDK "
        "application has the interface.",
    )
    driver: Literal["kernel", "vfio-pci", "igb_uio", "uio_pci_generic"] = Field(
        default="kernel",
        description="Who drives the PCI device: the kernel, or a DPDK application through one of three drivers.",
    )
    write_combining: Literal["required", "preferred", "ignored"] | None = Field(
        default=None,
        description="Whether a DPDK driver must map the device's memory write-combined. Left out: preferred.",
    )
    pod_network: Literal["none", "ipvlan-l2", "ipvlan-l3", "host-device"] = Field(
        default="none", description="How pods get at the interface."
    )
    resource: ResourceName | None = Field(
        default=None,
        description="The SR-IOV device plugin's pool that the interface is in. Left out: none.",
    )


class HugePages(Written):
    """Huge pages of one size."""

    size: Literal["2Mi", "1Gi"] = Field(description="The size of a page.")
    count: Annotated[int, Between(1, 1_048_576, "", "For no huge pages leave the entry out.")] = (
        Field(description="How many pages on each of the NUMA nodes.")
    )
    numa_nodes: tuple[Annotated[int, Between(0, 127, "", "NUMA nodes count from 0.")], ...] = Field(
        default=(),
        strict=False,
        description="The NUMA nodes. Left out: every one that has memory.",
    )

    @staticmethod
    def quantity(size: str, count: int) -> str:
        """Return how much memory so many pages of a size are, as Kubernetes writes both: 4 of 2Mi are 8Mi."""
        return f"{count * int(size[:-2])}{size[-2:]}"


class Node(Written):
    """What the bootstrap does on each node of a group."""

    deadline_s: Annotated[
        int, Between(30, 3600, "seconds", "It is how long a node waits for its interfaces.")
    ] = Field(
        default=300, description="Seconds that a node waits for interfaces that are not there yet."
    )
    on_failure: Literal["abandon", "hold", "continue"] = Field(
        default="hold",
        description="What becomes of a node that does not get ready: replaced, kept without kubelet, or joined without "
        "the interface.",
    )
    ready_hook: bool | None = Field(
        default=None,
        description="Whether a node counts as in service only when it says itself that it is ready: a second launch hook. Left "
        "out: only in a group that is created.",
    )
    ready_timeout_s: Annotated[
        int, Between(30, 7200, "seconds", "Auto Scaling takes no other heartbeat timeout.")
    ] = Field(
        default=900,
        description="Seconds after the launch at which Auto Scaling gives up on a node that has not said so.",
    )
    allow_unsafe_noiommu: bool = Field(
        default=False,
        description="Consent to vfio-pci without an IOMMU: the DPDK application can then write to all of the memory.",
    )
    huge_pages: tuple[HugePages, ...] = Field(
        default=(), strict=False, description="Huge pages, made before kubelet starts."
    )
    resource_prefix: ResourcePrefix = Field(
        default="multus-eni.io",
        description="What stands before the slash in the names of the device plugin's resources.",
    )
    rp_filter: RpFilter = Field(
        default="loose",
        description="The reverse path filter of each link with a host address: off, strict or loose.",
    )
    require_plugins: bool = Field(
        default=False,
        description="Whether a CNI plugin that is not installed yet is a failure.",
    )
    reduce_max_pods: bool = Field(
        default=True,
        description="Whether kubelet's max-pods is computed without the ENIs that Multus takes.",
    )
    max_pods: (
        Annotated[int, Between(1, 1000, "pods", "Leave it out and nodeadm computes it.")] | None
    ) = Field(
        default=None,
        description="kubelet's max-pods outright. Left out: what nodeadm computes.",
    )


def has_ready_hook(node: Node, *, created: bool) -> bool:
    """Return whether nodes answer a launch hook of their own: unless written otherwise those of a group that is created.

    By it alone an instance refresh waits until a node is at work.

    Args:
        node: what is written of the nodes.
        created: whether the stacks make the group. The nodes of others may run no bootstrap.
    """
    return created if node.ready_hook is None else node.ready_hook


UNION_FORMS = _MAP, _LIST, _TAGS = "(map)", "(list)", "(tags)"
"""Which form of a selector was written. The parentheses keep them apart from keys in an error's location."""


def _subnets_form(written: object) -> str | None:
    if isinstance(written, dict):
        return _TAGS if "tags" in written else _MAP
    return _security_groups_form(written)


def _security_groups_form(written: object) -> str | None:
    if isinstance(written, list | tuple):
        return _LIST
    return _TAGS if isinstance(written, dict | ByTags) else None


Subnets = Annotated[
    Annotated[
        dict[ZoneName, SubnetIdText],
        Field(min_length=1, json_schema_extra={"additionalProperties": False}),
        Tag(_MAP),
    ]
    | Annotated[tuple[SubnetIdText, ...], Field(min_length=1, strict=False), Tag(_LIST)]
    | Annotated[ByTags, Tag(_TAGS)],
    Discriminator(
        _subnets_form,
        custom_error_type=REFUSED,
        custom_error_message="{message}",
        custom_error_context={
            "message": "does not say which subnets",
            "remedy": "Write a map of zone to subnet id, a list of subnet ids, or `tags:` and a map of tags.",
        },
    ),
]
SecurityGroups = Annotated[
    Annotated[tuple[SecurityGroupIdText, ...], Field(min_length=1, strict=False), Tag(_LIST)]
    | Annotated[ByTags, Tag(_TAGS)],
    Discriminator(
        _security_groups_form,
        custom_error_type=REFUSED,
        custom_error_message="{message}",
        custom_error_context={
            "message": "does not say which security groups",
            "remedy": "Write a list of security group ids, or `tags:` and a map of tags.",
        },
    ),
]


class Interface(Written):
    """One Multus interface that every node of the group gets."""

    name: InterfaceName = Field(description="What the interface is called; unique in its group.")
    subnets: Subnets = Field(
        description="Which subnets: a map of zone to subnet id, a list of subnet ids, or tags."
    )
    security_groups: SecurityGroups = Field(
        description="Which security groups: a list of ids, or tags."
    )
    device_index: (
        Annotated[int, Between(0, 127, "", "Leave it out to take the next free one.")] | None
    ) = Field(
        default=None,
        description="The device index on the network card. Left out: the order in the file, from 1.",
    )
    network_card: Annotated[int, Between(0, 127, "", "Most instance types have card 0 only.")] = (
        Field(default=0, description="The index of the network card.")
    )
    ipv4: Literal["auto", "from_start", "none"] = Field(
        default="auto",
        description="Where the primary IPv4 address comes from: EC2 picks one, the first free one from the "
        "start of the subnet, or none (an IPv6-only subnet).",
    )
    pod_ranges: tuple[PodRange, ...] = Field(
        default=(),
        strict=False,
        description="Ranges kept for pods: from_start takes no address from them, and `pod_ipam` gives pods theirs.",
    )
    reserve_pod_ranges: bool = Field(
        default=False,
        description="Whether the stack keeps each of `pod_ranges` as a subnet CIDR reservation, which EC2's own choice of "
        "addresses leaves out.",
    )
    ipv6: Ipv6 | None = Field(default=None, description="IPv6 addresses. Left out: none.")
    pod_pool: PodPool | None = Field(
        default=None,
        description="Addresses that EC2 gives the interface for the pods of its node, which hands them out itself. Left "
        "out: none.",
    )
    pod_ipam: Literal["node", "whereabouts", "host-local", "static"] = Field(
        default="node",
        description="Who gives pods their addresses: the node, or an IPAM plugin that the NetworkAttachmentDefinition names.",
    )
    pod_subnets: tuple[SubnetRange, ...] = Field(
        default=(),
        strict=False,
        description="The subnets' own ranges, where `pod_ipam` needs them: for a pod's prefix length and its router.",
    )
    pod_plugins: PodPlugins | None = Field(
        default=None,
        description="CNI plugins that follow the network's own. Left out: none.",
    )
    pod_follow: bool = Field(
        default=False,
        description="Whether EC2's assignment of an address follows the pod that has it: a program in the pod sees to it.",
    )
    pod_namespaces: tuple[Namespace, ...] = Field(
        default=(),
        strict=False,
        description="The namespaces whose pods use the network. Left out: `default`.",
    )
    pod_routes: tuple[IpRange, ...] = Field(
        default=(),
        strict=False,
        description="Destinations that pods reach by this network, through the VPC's router. Left out: the subnet alone.",
    )
    source_dest_check: bool = Field(
        default=True,
        description="Whether EC2 drops packets whose source or destination is no address of the interface.",
    )
    tags: dict[OwnTagKey, TagValue] = Field(
        default_factory=dict,
        description="Tags on this interface's ENIs, besides the file's `tags`.",
    )
    node: InterfaceNode = Field(
        default=InterfaceNode(), description="What a node makes of the interface."
    )


def subnets_of(item: Interface) -> frozenset[Hashable]:
    """Return the subnets of an interface: their ids, or the tags that select them."""
    if isinstance(item.subnets, ByTags):
        return frozenset([tuple(sorted(item.subnets.tags.items()))])
    return frozenset(item.subnets.values() if isinstance(item.subnets, dict) else item.subnets)


WAYS_TO_NAME = ("auto_scaling_group", "managed_node_group", "auto_scaling_groups", "create")
"""The keys of which a node group has exactly one."""


class NodeGroup(Written):
    """A group of worker nodes, and what each node gets."""

    name: GroupLabel = Field(description="What the node group is called; unique in the file.")
    auto_scaling_group: AutoScalingGroupName | None = Field(
        default=None, description="The name of the Auto Scaling group to adopt."
    )
    managed_node_group: ManagedNodeGroupName | None = Field(
        default=None,
        description="The name of the cluster's EKS managed node group to adopt; its Auto Scaling group is looked up.",
    )
    auto_scaling_groups: ByTags | None = Field(
        default=None,
        description="Tags of the Auto Scaling groups to adopt, one or several; they are looked up.",
    )
    create: Create | None = Field(
        default=None,
        description="A group that the stacks create themselves, with its hooks from the first node on.",
    )
    adopt_running: bool = Field(
        default=False,
        description="Whether nodes that already run without their interfaces are given them.",
    )
    instance_types: tuple[InstanceTypeName, ...] = Field(
        default=(),
        strict=False,
        description="Every type the group may launch, to check the interfaces against the types' limits.",
    )
    node: Node = Field(
        default=Node(), description="What the bootstrap does on each node of the group."
    )
    interfaces: tuple[Interface, ...] = Field(
        min_length=1,
        strict=False,
        description="The interfaces, in the order of their device index.",
    )

    @property
    def has_ready_hook(self) -> bool:
        """Return whether nodes answer a launch hook of their own."""
        return has_ready_hook(self.node, created=self.create is not None)


class Authored(Written):
    """One configuration file: one stack, for one cluster."""

    name: StackName = Field(description="Names the stack: `MultusEni-<name>`.")
    cluster_name: ClusterName = Field(description="The EKS cluster that the nodes belong to.")
    cluster: Cluster | None = Field(
        default=None,
        description="What nodes of created groups must know of the cluster. Left out: it is looked up.",
    )
    region: RegionName | None = Field(
        default=None, description="The Region to deploy into. Left out: that of the credentials."
    )
    account: AccountId | None = Field(
        default=None, description="The account to deploy into. Left out: that of the credentials."
    )
    hook: Hook = Field(default=Hook(), description="The lifecycle hooks.")
    reconcile: Reconcile = Field(default=Reconcile(), description="The scheduled repair.")
    log_retention_days: RetentionDays = Field(
        default=90, description="Days that the functions' logs are kept."
    )
    alarm_topic_arn: TopicArn | None = Field(
        default=None, description="The SNS topic that alarms are sent to. Left out: nowhere."
    )
    tags: dict[OwnTagKey, TagValue] = Field(default_factory=dict, description="Tags on every ENI.")
    node_groups: tuple[NodeGroup, ...] = Field(
        min_length=1, strict=False, description="The node groups to look after."
    )
