"""Rules about the cluster and its VPC CNI."""

from __future__ import annotations

from hashlib import sha256
from ipaddress import ip_network
from typing import TYPE_CHECKING

from domain.config import Ipv4Mode
from domain.preflight.findings import Rule, error, warning
from domain.preflight.observed import shown
from domain.preflight.room import CUSTOM_NETWORKING, POD_ENI, PREFIX_DELEGATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.preflight.findings import Trouble
    from domain.preflight.looks import Group, Whole

HEEDS_NO_MANAGE = (1, 6, 0)
"""amazon-vpc-cni-k8s, pull request 726 (November 2019); v1.6.0 was the next release."""
PREFIXES = (1, 9, 0)
"""EKS User Guide, "Assign more IP addresses to Amazon EKS nodes with prefixes"."""
IPV6 = (1, 10, 1)
"""EKS API reference, KubernetesNetworkConfigRequest, ipFamily."""
POD_ENI_IN_IPV6 = (1, 16, 0)
"""EKS User Guide, "Assign security groups to individual Pods", considerations."""
IPV4_ON_IPV6_NODES = (1, 20, 5)
"""amazon-vpc-cni-k8s, #3489."""
COUNTS_UNMANAGED = (1, 23, 0)
"""amazon-vpc-cni-k8s, #3660."""
IPV6_ONLY_ON_IPV4_NODES = (1, 23, 1)
"""amazon-vpc-cni-k8s, #3681."""
SUBJECT = "vpc-cni"
LONGEST_SHOWN = 100
"""Only a certificate is longer, and it begins and ends as every other one."""


def cluster_exists(whole: Whole) -> Iterator[Trouble]:
    """The nodes belong to a cluster of this account and Region (EKS API reference, DescribeCluster)."""
    if shown(whole.account.cluster) is None:
        yield error(
            whole.config.cluster_name,
            "there is no cluster of this name in this account and Region",
            "Correct `cluster_name`, or look into the account and Region of the cluster.",
        )


def cluster_is_as_written(whole: Whole) -> Iterator[Trouble]:
    """Nodes are told what stands under `cluster:` and ask nobody else: with a wrong address or certificate authority kubelet
    never registers (amazon-eks-ami, nodeadm, NodeConfig `cluster`). Only the version changes by itself, with the cluster."""
    seen = whole.cluster.facts
    for key, text in whole.written.items():
        found = seen.get(key)
        if found is None or _alike(key, text) == _alike(key, found):
            continue
        say = warning if key == "version" else error
        yield say(
            f"cluster.{key}",
            f"is {_short(text)} in the file, and {_short(found)} of the cluster {whole.config.cluster_name}",
            "Write it as `aws eks describe-cluster` shows it, or leave `cluster:` out: then it is looked up.",
        )


def _alike(key: str, text: str) -> str:
    """Return the text without what makes no difference: a host's name has no case (RFC 4343), and IPv6 several spellings."""
    if key == "endpoint":
        return text.lower().rstrip("/")
    return str(ip_network(text)) if key == "service_cidr" else text


def _short(text: str) -> str:
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"a text with the SHA-256 {sha256(text.encode()).hexdigest()[:12]}…"


def cni_is_new_enough(whole: Whole) -> Iterator[Trouble]:
    """What each version of the VPC CNI makes of ENIs tagged `node.k8s.amazonaws.com/no_manage` (amazon-vpc-cni-k8s, the
    numbers at the versions above)."""
    cni = shown(whole.account.vpc_cni)
    if cni is None:
        yield warning(
            SUBJECT,
            "is no EKS add-on of the cluster, so its version and settings cannot be seen from here",
            f"Make sure that it is {_text(COUNTS_UNMANAGED)} or newer: kubectl describe daemonset aws-node -n "
            "kube-system | grep Image",
        )
        return
    upgrade = "Update the add-on to {} or newer."
    if cni.version < HEEDS_NO_MANAGE:
        yield error(
            SUBJECT,
            f"{_text(cni.version)} does not know the tag no_manage and takes the Multus interfaces for its own",
            upgrade.format(_text(COUNTS_UNMANAGED)),
        )
        return
    specs = [spec for group in whole.config.node_groups for spec in group.interfaces]
    if cni.version < IPV6_ONLY_ON_IPV4_NODES and not whole.pods_have_ipv6():
        for name in dict.fromkeys(spec.name for spec in specs if spec.ipv4 is Ipv4Mode.NONE):
            yield error(
                SUBJECT,
                f"{_text(cni.version)} does not start on a node of an IPv4 cluster with an IPv6-only interface ({name})",
                upgrade.format(_text(IPV6_ONLY_ON_IPV4_NODES)),
            )
    has_ipv4 = any(spec.ipv4 is not Ipv4Mode.NONE for spec in specs)
    if cni.version < IPV4_ON_IPV6_NODES and whole.pods_have_ipv6() and has_ipv4:
        yield error(
            SUBJECT,
            f"{_text(cni.version)} does not start on a node of an IPv6 cluster with an interface that has IPv4",
            upgrade.format(_text(IPV4_ON_IPV6_NODES)),
        )
    if cni.version < COUNTS_UNMANAGED:
        yield warning(
            SUBJECT,
            f"{_text(cni.version)} counts interfaces that it does not manage again and again, until it believes that "
            "there is no room for its own",
            upgrade.format(_text(COUNTS_UNMANAGED)),
        )


def cni_reads_tags(whole: Whole) -> Iterator[Trouble]:
    """With ENABLE_IMDS_ONLY_MODE ipamd reads no tags, so it does not heed no_manage; with ENABLE_MULTI_NIC (v1.20+) it
    manages network cards beyond 0 too (amazon-vpc-cni-k8s, README)."""
    cni = whole.vpc_cni
    if cni.is_on("ENABLE_IMDS_ONLY_MODE"):
        yield error(
            SUBJECT,
            "has ENABLE_IMDS_ONLY_MODE on: it reads no tags and takes the Multus interfaces for its own",
            "Turn it off.",
        )
    cards = {
        spec.network_card_index for group in whole.config.node_groups for spec in group.interfaces
    }
    if cni.is_on("ENABLE_MULTI_NIC") and cards - {0}:
        yield warning(
            SUBJECT,
            "has ENABLE_MULTI_NIC on: it attaches interfaces to the network cards that Multus interfaces are on",
            "Write no fixed `device_index` on those cards, or turn it off.",
        )


def prefixes_are_supported(whole: Whole) -> Iterator[Trouble]:
    """A version that does not know prefixes leaves the switch unheeded (EKS User Guide, as at PREFIXES)."""
    cni = whole.vpc_cni
    if cni.is_on(PREFIX_DELEGATION) and cni.version < PREFIXES:
        yield warning(
            SUBJECT,
            f"{_text(cni.version)} does not know {PREFIX_DELEGATION}, which is on",
            f"Update the add-on to {_text(PREFIXES)} or newer.",
        )


def cni_serves_ipv6(whole: Whole) -> Iterator[Trouble]:
    """In an IPv6 cluster the VPC CNI gives pods addresses of a /80 prefix of the primary interface, and in no other way: without
    prefix delegation, or with custom networking, ipamd does not start (amazon-vpc-cni-k8s, README, ENABLE_IPv6, and
    pkg/ipamd/ipamd.go, isConfigValid). EKS has its add-on so by itself, so what tells is what is written against it."""
    if not whole.cluster.ipv6:
        return
    cni = whole.vpc_cni
    if cni.version < IPV6:
        yield error(
            SUBJECT,
            f"{_text(cni.version)} does not know IPv6, and the cluster is an IPv6 one",
            f"Update the add-on to {_text(IPV4_ON_IPV6_NODES)} or newer.",
        )
    for switch in ("ENABLE_IPv6", PREFIX_DELEGATION):
        if cni.is_off(switch):
            yield error(
                SUBJECT,
                f"has {switch} off, without which it does not start in an IPv6 cluster",
                f"Leave {switch} out of the add-on's configuration values.",
            )
    for switch in ("ENABLE_IPv4", CUSTOM_NETWORKING):
        if cni.is_on(switch):
            yield error(
                SUBJECT,
                f"has {switch} on, with which it does not start in an IPv6 cluster",
                f"Take {switch} out of the add-on's configuration values.",
            )
    if cni.is_on(POD_ENI) and cni.version < POD_ENI_IN_IPV6:
        yield error(
            SUBJECT,
            f"{_text(cni.version)} knows no {POD_ENI} in an IPv6 cluster, and it is on",
            f"Update the add-on to {_text(IPV4_ON_IPV6_NODES)} or newer.",
        )


def nodes_are_in_the_clusters_vpc(group: Group) -> Iterator[Trouble]:
    """Nodes reach the control plane through its VPC (EKS User Guide, "VPC and subnet considerations": nodes in the same
    VPC as the cluster's subnets)."""
    vpc_id = group.whole.cluster.vpc_id
    created = group.in_account.create is not None
    for subnet in group.node_subnets() if vpc_id else ():
        if subnet.vpc_id != vpc_id:
            place = f"{subnet.subnet_id} of {subnet.vpc_id}" if created else subnet.vpc_id
            yield error(
                group.in_account.name,
                f"launches nodes in {place}, and the cluster {group.whole.config.cluster_name} is in {vpc_id}",
                f"Correct `cluster_name` or `{'create.subnets' if created else 'auto_scaling_group'}`.",
            )


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


RULES: tuple[Rule[Whole], ...] = (
    Rule("cluster-missing", "the cluster exists", cluster_exists),
    Rule(
        "cluster-differs",
        "the file says nothing else of the cluster than EKS",
        cluster_is_as_written,
    ),
    Rule("cni-too-old", "the VPC CNI leaves unmanaged interfaces alone", cni_is_new_enough),
    Rule("cni-settings", "the VPC CNI reads the tag no_manage", cni_reads_tags),
    Rule(
        "cni-prefixes", "prefix delegation is off, or the version knows it", prefixes_are_supported
    ),
    Rule("cni-ip-family", "the VPC CNI serves an IPv6 cluster, or it is none", cni_serves_ipv6),
)
GROUP_RULES: tuple[Rule[Group], ...] = (
    Rule("cluster-vpc", "the nodes are in the cluster's VPC", nodes_are_in_the_clusters_vpc),
)
