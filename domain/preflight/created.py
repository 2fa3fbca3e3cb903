"""Rules about what the file names for a group that is created. For a group that is adopted they say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.model import SecurityGroupId
from domain.preflight.cluster import SUBJECT
from domain.preflight.findings import Rule, error, warning
from domain.preflight.networks import MAX_SECURITY_GROUPS, USUAL_SECURITY_GROUPS
from domain.preflight.observed import CannotTell, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.preflight.findings import Trouble
    from domain.preflight.looks import Group
    from domain.preflight.observed import Image, Subnet
    from domain.preflight.planned import RootVolume

SUBNETS = "create.subnets"
OLDEST_KUBELET = 3
"""Minor versions that a kubelet may be older than the API server (Kubernetes, "Version Skew Policy")."""


def subnets_are_as_written(group: Group) -> Iterator[Trouble]:
    """CreateAutoScalingGroup takes subnets that exist (Auto Scaling API reference, VPCZoneIdentifier). It takes their zones from
    EC2, so a subnet under the wrong zone launches nodes where no interface may have a subnet."""
    known = shown(group.account.subnets)
    for zone, subnet_id in group.create.subnets.items():
        subnet = known.get(subnet_id)
        if subnet is None:
            yield error(
                SUBNETS,
                f"{subnet_id} does not exist in this account and Region",
                "Correct the id, or share the subnet with this account.",
            )
        elif subnet.zone != zone:
            yield error(
                SUBNETS,
                f"{subnet_id} stands under {zone} and is in {subnet.zone}",
                "Write each subnet under the zone that it is in.",
            )


def subnets_give_addresses(group: Group) -> Iterator[Trouble]:
    """Every node has an IPv4 address. In an IPv6 cluster it has an IPv6 one too, which only its subnet gives it: without
    auto-assignment nodes cannot be deployed (EKS User Guide, "IPv6 addresses to clusters, Pods, and services"), as the launch
    template asks for none."""
    ipv6 = group.whole.cluster.ipv6
    _ = group.create
    for subnet in group.node_subnets():
        if subnet.ipv4_cidr is None:
            yield error(
                SUBNETS,
                f"{subnet.subnet_id} is IPv6-only, and every node needs an IPv4 address",
                "Name a subnet with an IPv4 CIDR.",
            )
        if ipv6:
            yield from _without_ipv6(subnet)


def _without_ipv6(subnet: Subnet) -> Iterator[Trouble]:
    if not subnet.has_ipv6:
        yield error(
            SUBNETS,
            f"{subnet.subnet_id} has no IPv6 CIDR, and the cluster is an IPv6 one",
            "Give the subnet an IPv6 CIDR and let it auto-assign IPv6 addresses, or name another.",
        )
    elif not subnet.gives_ipv6:
        yield error(
            SUBNETS,
            f"{subnet.subnet_id} does not auto-assign IPv6 addresses, and the cluster is an IPv6 one",
            f"aws ec2 modify-subnet-attribute --subnet-id {subnet.subnet_id} --assign-ipv6-address-on-creation.",
        )


def security_groups_fit(group: Group) -> Iterator[Trouble]:
    """An instance takes security groups of its subnet's VPC only, and no more than the quota (EC2 API reference, error codes,
    InvalidGroup.NotFound and SecurityGroupsPerInterfaceLimitExceeded; Amazon VPC User Guide, quotas: 5, adjustable to 16)."""
    known, vpcs, named = shown(group.account.security_groups), group.vpcs(), _security_groups(group)
    for group_id, (subject, remedy) in named.items():
        found = known.get(group_id)
        if found is None:
            yield error(subject, f"{group_id} does not exist in this account and Region", remedy)
            continue
        for vpc_id in sorted(vpcs - {found.vpc_id}):
            yield error(
                subject, f"{group_id} is of {found.vpc_id}, and the nodes are in {vpc_id}", remedy
            )
    count = len(named) + (not group.create.cluster_security_group)
    if count > USUAL_SECURITY_GROUPS:
        say = error if count > MAX_SECURITY_GROUPS else warning
        yield say(
            "create.security_groups",
            f"a node's primary interface would have {count} security groups, the cluster's or its own included",
            f"{USUAL_SECURITY_GROUPS} per network interface is the default quota, {MAX_SECURITY_GROUPS} the most that it is "
            "raised to. Name fewer, or have the quota raised.",
        )


def _security_groups(group: Group) -> dict[SecurityGroupId, tuple[str, str]]:
    """Return what is named, with where it is named and how that is mended; the nodes' own is not made yet."""
    found: dict[SecurityGroupId, tuple[str, str]] = {}
    if group.create.cluster_security_group:
        group_id = group.whole.written.get("security_group")
        group_id = group_id or group.whole.cluster.facts.get("security_group")
        if group_id is None:
            raise CannotTell("cluster security group")
        remedy = "Correct `cluster.security_group`, or leave `cluster:` out: then it is looked up."
        found[SecurityGroupId(group_id)] = ("cluster.security_group", remedy)
    for each in group.create.security_groups:
        found.setdefault(
            each, ("create.security_groups", "Name security groups of the nodes' VPC.")
        )
    return found


def key_pair_exists(group: Group) -> Iterator[Trouble]:
    """A launch with an unknown key pair is refused: InvalidKeyPair.NotFound (EC2 API reference, error codes)."""
    name, known = group.create.key_pair, shown(group.account.key_pairs)
    if name is not None and name not in known:
        yield error(
            "create.key_pair",
            f"there is no key pair {name} in this account and Region",
            "Correct the name, import the key pair, or leave it out.",
        )


def placement_group_exists(group: Group) -> Iterator[Trouble]:
    """A launch into an unknown placement group is refused: InvalidPlacementGroup.Unknown (EC2 API reference, error codes)."""
    name, known = group.create.placement_group, shown(group.account.placement_groups)
    if name is not None and name not in known:
        yield error(
            "create.placement_group",
            f"there is no placement group {name} in this account and Region, or it is not available",
            "Correct the name, create the placement group first, or leave it out.",
        )


def placement_group_has_the_zones(group: Group) -> Iterator[Trouble]:
    """A cluster placement group cannot span Availability Zones (EC2 User Guide, "Placement groups", rules and limitations): where
    its first instance is, all others have to be, and a launch in another zone fails."""
    name, known = group.create.placement_group, shown(group.account.placement_groups)
    zones = group.zones() if name is not None and known.get(name) == "cluster" else ()
    if len(zones) > 1:
        yield warning(
            "create.placement_group",
            f"{name} is of the strategy cluster, which is for one zone, and the group launches in {', '.join(zones)}: launches "
            "in all of them but one fail",
            "Write a node group with a placement group for each zone; or name one of the strategy spread or partition.",
        )


def image_fits(group: Group) -> Iterator[Trouble]:
    """A launch is refused from an image that is not there or not shared with the account (InvalidAMIID.NotFound), that is not
    available (InvalidAMIID.Unavailable), or that is of another architecture than the type (EC2 API reference, error codes,
    and DescribeInstanceTypes, SupportedArchitectures); and with a volume that is smaller than its snapshot
    (InvalidBlockDeviceMapping; EbsBlockDevice, VolumeSize)."""
    ami, known = group.create.ami, shown(group.account.images)
    if ami is None:
        return
    image = known.get(ami)
    if image is None:
        yield error(
            "create.ami",
            f"{ami} is not in this Region, or this account may not launch it",
            "Correct the id, copy the image into the Region, or have its owner share it with this account.",
        )
        return
    if image.state != "available":
        yield error(
            "create.ami",
            f"{ami} is {image.state}, and only an available image can be launched",
            "Wait until it is available, or name another image.",
        )
        return
    if group.create.root_volume is not None:
        yield from _root_fits(image, group.create.root_volume)
    for each in group.types():
        if image.architecture not in each.architectures:
            yield error(
                each.name,
                f"runs {' and '.join(each.architectures)}, and {ami} is of {image.architecture}",
                "Name an image of the types' architecture, or other types.",
            )


def _root_fits(image: Image, volume: RootVolume) -> Iterator[Trouble]:
    """A mapping of the launch template replaces the image's for the same device, and for any other is one more volume (EC2
    User Guide, "Block device mappings for volumes on Amazon EC2 instances")."""
    if image.root_device not in {None, volume.device}:
        yield error(
            "create.ami",
            f"{image.image_id} has its root device at {image.root_device}, and the launch template's encrypted volume is at "
            f"{volume.device}: it would be a second disk, and the root as the image has it",
            f"Name an image with its root device at {volume.device}, as EKS's own have it.",
        )
    elif image.root_gib is not None and volume.gib < image.root_gib:
        yield error(
            "create.root_volume.size_gib",
            f"is {volume.gib}, and the root volume of {image.image_id} is of a snapshot of {image.root_gib} GiB: EC2 refuses "
            "the launch",
            f"Write {image.root_gib} at least, or name a smaller image.",
        )


def nodes_may_join(group: Group) -> Iterator[Trouble]:
    """EKS has access entries in the modes API and API_AND_CONFIG_MAP, and aws-auth is read in CONFIG_MAP and API_AND_CONFIG_MAP
    (EKS User Guide, "Change authentication mode to use access entries")."""
    mode, entry = group.whole.cluster.authentication_mode, group.create.access_entry
    if not mode:
        raise CannotTell("authentication mode")
    if entry and mode == "CONFIG_MAP":
        yield error(
            "create.access_entry",
            f"the cluster's authentication mode is {mode}: EKS refuses the nodes' access entry, and the stack fails",
            "Change the mode to API_AND_CONFIG_MAP; or write `access_entry: false` and add the nodes' role to aws-auth.",
        )
    if not entry and mode == "API":
        yield warning(
            "create.access_entry",
            f"is false, and the cluster's authentication mode is {mode}: aws-auth is not read",
            "Write `access_entry: true`, or make the entry (type EC2_LINUX) for the nodes' role before nodes come.",
        )


def cni_has_a_role(group: Group) -> Iterator[Trouble]:
    """Without a role of its own the VPC CNI acts with the node's (EKS User Guide, "Configure Amazon VPC CNI plugin to use
    IRSA"), which in a created group has no right to network interfaces: ipamd does not start, and no node becomes Ready.
    AmazonEKS_CNI_Policy has what it takes in an IPv4 cluster; ec2:AssignIpv6Addresses is in no policy of AWS's (the same page,
    "Create IAM policy for clusters that use the IPv6 family")."""
    cni, ipv6 = shown(group.account.vpc_cni), group.whole.pods_have_ipv6()
    if group.create.cni_policy and not ipv6:
        return
    lacks = (
        "nothing that is known to have ec2:AssignIpv6Addresses (AmazonEKS_CNI_Policy has not)"
        if ipv6
        else "no AmazonEKS_CNI_Policy"
    )
    if cni is None:
        yield warning(
            SUBJECT,
            "is no EKS add-on, so it cannot be told whether it has a role of its own, and the role of these nodes has "
            f"{lacks}",
            "See whether its service account has a role: kubectl describe serviceaccount aws-node -n kube-system, and `aws eks "
            "list-pod-identity-associations`.",
        )
    elif not cni.has_role:
        yield warning(
            SUBJECT,
            f"shows no role of its own, and the role of these nodes has {lacks}: without either no node becomes Ready",
            "Make sure that its service account has one, which cannot be seen where the add-on was not given it: EKS User "
            'Guide, "Configure Amazon VPC CNI plugin to use IRSA"'
            + (", with a policy for the IPv6 family." if ipv6 else "."),
        )


def kubelet_suits_the_cluster(group: Group) -> Iterator[Trouble]:
    """A kubelet must not be newer than the API server, and not more than three minor versions older (Kubernetes, "Version Skew
    Policy")."""
    create, cluster = group.create, group.whole.cluster
    if create.ami is not None or not cluster.version:
        raise CannotTell("the version of an image that is named, or of the cluster")
    version = create.kubernetes_version or group.whole.written.get("version", cluster.version)
    subject = "create.kubernetes_version" if create.kubernetes_version else "cluster.version"
    behind = minors_behind(version, cluster.version)
    if behind < 0:
        yield error(
            subject,
            f"kubelet would be {version}, newer than the cluster, which is {cluster.version}",
            "Update the cluster first, or write its version.",
        )
    elif behind > OLDEST_KUBELET:
        yield error(
            subject,
            f"kubelet would be {version}, {behind} minor versions older than the cluster, which is {cluster.version}",
            f"Write a version that is at most {OLDEST_KUBELET} older.",
        )


def minors_behind(kubelet: str, api_server: str) -> int:
    """Return by how many minor versions a kubelet is older than the API server; less than 0 when it is newer."""
    return _minor(api_server) - _minor(kubelet)


def _minor(version: str) -> int:
    return int(version.split(".")[1])


RULES: tuple[Rule[Group], ...] = (
    Rule(
        "node-subnet-wrong",
        "the nodes' subnets exist, each in its zone",
        subnets_are_as_written,
    ),
    Rule(
        "node-address-family",
        "the nodes' subnets give the addresses that the cluster needs",
        subnets_give_addresses,
    ),
    Rule("node-security-groups", "the nodes' security groups fit", security_groups_fit),
    Rule("key-pair-missing", "the key pair exists, or none is named", key_pair_exists),
    Rule(
        "placement-group-missing",
        "the placement group exists, or none is named",
        placement_group_exists,
    ),
    Rule(
        "placement-group-zones",
        "the placement group is for as many zones as the group launches in, or none is named",
        placement_group_has_the_zones,
    ),
    Rule("image-unsuitable", "every instance type can launch the image", image_fits),
    Rule("access-entry", "the cluster lets the nodes join", nodes_may_join),
    Rule(
        "cni-without-role", "the VPC CNI has the rights that it needs on the nodes", cni_has_a_role
    ),
    Rule(
        "kubelet-version", "the cluster takes a kubelet of the version", kubelet_suits_the_cluster
    ),
)
