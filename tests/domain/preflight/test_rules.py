"""Every rule of the preflight: what it finds, and that it finds nothing beside it."""

from __future__ import annotations

import dataclasses
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

import pytest

from domain.config import Ipv4Mode, SecurityGroupSelector, SubnetSelector
from domain.model import GroupName, InstanceId, SecurityGroupId, SubnetId, VpcId
from domain.node.config import Driver
from domain.preflight import created
from domain.preflight.examination import CODES, NOT_SHOWN
from domain.preflight.findings import Finding, Severity, worst, worst_first
from domain.preflight.hooks import MANAGED_TAG
from domain.preflight.networks import CNI_TAG
from domain.preflight.observed import (
    EventRule,
    Launches,
    OtherGroup,
    SecurityGroup,
    Unseen,
    VpcCni,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fakes.scene import Scene

    Change = Callable[[Scene], object]

ERROR, WARNING, FINE = Severity.ERROR, Severity.WARNING, Severity.FINE
OTHER_VPC = VpcId("vpc-2")
CREATED = {rule.code for rule in created.RULES}
"""Those that only a group that is created has: tests/domain/preflight/test_created.py."""
QUEUE = "arn:aws:sqs:us-east-1:123456789012:nth"
TOPIC = "arn:aws:sns:us-east-1:123456789012:people"
READY = "MultusEni-example-ready"
LAUNCHES = {"source": ["aws.autoscaling"], "detail-type": [{"prefix": "EC2 Instance-launch"}]}
TERMINATIONS = {
    "source": ["aws.autoscaling"],
    "detail-type": ["EC2 Instance-terminate Lifecycle Action"],
}


def every(*changes: Change) -> Change:
    """Return all the changes as one."""

    def change(scene: Scene) -> None:
        for each in changes:
            each(scene)

    return change


def left(name: str, hooks: tuple[str, ...] | Unseen = ()) -> Change:
    """Let there be an Auto Scaling group that is in no node group."""
    return lambda scene: setattr(scene, "others", (OtherGroup(GroupName(name), hooks),))


def in_service(**held: list[str]) -> Change:
    """Let these nodes be in service, each with such interfaces."""
    nodes = {InstanceId(name.replace("_", "-")): frozenset(names) for name, names in held.items()}

    def change(scene: Scene) -> None:
        scene.change_group(nodes=len(nodes), in_service=tuple(nodes))
        scene.held = nodes

    return change


def tagged_subnets(name: str = "n3", **tags: str) -> Change:
    return lambda scene: scene.change_spec(name, subnets=SubnetSelector(tags=tags))


def security_groups(count: int, **tags: str) -> Change:
    """Let n3 choose its security groups by tag, and so many have it."""

    def change(scene: Scene) -> None:
        scene.change_spec("n3", security_groups=SecurityGroupSelector(tags={"use": "n3"}))
        for number in range(count):
            group_id = SecurityGroupId(f"sg-tagged-{number}")
            scene.security_groups[group_id] = SecurityGroup(
                group_id, VpcId("vpc-1"), tags or {"use": "n3"}
            )

    return change


def cni(*version: int) -> Change:
    return lambda scene: setattr(scene, "cni", VpcCni(version))


def turn_off(*switches: str) -> Change:
    return lambda scene: setattr(
        scene, "cni", dataclasses.replace(scene.cni, env=dict.fromkeys(switches, "false"))
    )


def ipv6_cluster(scene: Scene) -> None:
    scene.cluster = dataclasses.replace(scene.cluster, ipv6=True)


def ipv6_only(scene: Scene) -> None:
    """Let n3 be in IPv6-only subnets."""
    scene.change_spec("n3", ipv4=Ipv4Mode.NONE, ipv6_count=1)
    for name in ("n3-a", "n3-b"):
        scene.change_subnet(name, ipv4_cidr=None, has_ipv6=True, free=0)


def reserving(*ranges: str) -> Change:
    """Let n3 have ranges for pods that are to be reserved."""
    return lambda scene: scene.change_spec("n3", pod_ranges=ranges, reserve_pod_ranges=True)


def ipv6_in(name: str, cidr: str) -> Change:
    """Give a subnet an IPv6 CIDR."""
    return lambda scene: scene.change_subnet(name, has_ipv6=True, ipv6_cidrs=(IPv6Network(cidr),))


def all_but_the_first(cidr: str, prefix_length: int) -> list[str]:
    """Return the parts of a block beside its first one of that length."""
    block = IPv6Network(cidr)
    first = IPv6Network((block.network_address, prefix_length))
    return [str(each) for each in block.address_exclude(first)]


def rule(name: str, pattern: Mapping[str, object], *targets: str) -> Change:
    return lambda scene: setattr(scene, "rules", (EventRule(name, pattern, targets),))


def offered(**zones: str) -> Change:
    """Let the group launch these types, each of which these zones have, by their letters."""

    def change(scene: Scene) -> None:
        names = tuple(name.replace("_", ".") for name in zones)
        scene.change_group(launches=Launches(names))
        scene.offerings = {
            name: frozenset(f"us-east-1{letter}" for letter in letters)
            for name, letters in zip(names, zones.values(), strict=True)
        }

    return change


def launch_type(name: str, **changes: object) -> Change:
    """Let the group launch another type, like m5.xlarge but for the changes."""

    def change(scene: Scene) -> None:
        like = dataclasses.replace(scene.types["m5.xlarge"], name=name)
        scene.types[name] = dataclasses.replace(like, **changes)  # type: ignore[arg-type]  # the fields of InstanceType
        scene.change_group(launches=Launches((name,)))
        scene.change_node(instance_types=(name,))

    return change


TROUBLES: dict[str, tuple[str, Change, Severity, str, str]] = {
    "a cluster that is not there": (
        "cluster-missing",
        lambda s: s.instead.update(cluster=None),
        ERROR,
        "telco",
        "there is no cluster of this name",
    ),
    "another address of the API server than the cluster's": (
        "cluster-differs",
        lambda s: s.written.update(endpoint="https://A0.gr7.us-east-1.eks.amazonaws.com"),
        ERROR,
        "cluster.endpoint",
        "is https://A0.gr7.us-east-1.eks.amazonaws.com in the file, and https://8F21.gr7.",
    ),
    "another certificate authority": (
        "cluster-differs",
        lambda s: s.written.update(certificate_authority="LS0r" * 100),
        ERROR,
        "cluster.certificate_authority",
        f"is a text with the SHA-256 {sha256(b'LS0r' * 100).hexdigest()[:12]}… in the file, and a text",
    ),
    "another range of services": (
        "cluster-differs",
        lambda s: s.written.update(service_cidr="172.20.0.0/16"),
        ERROR,
        "cluster.service_cidr",
        "is 172.20.0.0/16 in the file, and 10.100.0.0/16 of the cluster telco",
    ),
    "another cluster security group": (
        "cluster-differs",
        lambda s: s.written.update(security_group="sg-2"),
        ERROR,
        "cluster.security_group",
        "is sg-2 in the file, and sg-1",
    ),
    "another VPC than the cluster's": (
        "cluster-differs",
        lambda s: s.written.update(vpc="vpc-2"),
        ERROR,
        "cluster.vpc",
        "is vpc-2 in the file, and vpc-1",
    ),
    "a version that the cluster had before": (
        "cluster-differs",
        lambda s: s.written.update(version="1.32"),
        WARNING,
        "cluster.version",
        "is 1.32 in the file, and 1.33",
    ),
    "a CNI before no_manage": (
        "cni-too-old",
        cni(1, 5, 7),
        ERROR,
        "vpc-cni",
        "1.5.7 does not know",
    ),
    "a CNI that miscounts": ("cni-too-old", cni(1, 22, 9), WARNING, "vpc-cni", "again and again"),
    "a CNI that is no add-on": (
        "cni-too-old",
        lambda s: s.instead.update(vpc_cni=None),
        WARNING,
        "vpc-cni",
        "is no EKS add-on",
    ),
    "an IPv6-only interface before 1.23.1": (
        "cni-too-old",
        every(ipv6_only, cni(1, 23, 0)),
        ERROR,
        "vpc-cni",
        "with an IPv6-only interface (n3)",
    ),
    "an IPv4 interface on IPv6 nodes before 1.20.5": (
        "cni-too-old",
        every(ipv6_cluster, cni(1, 20, 4)),
        ERROR,
        "vpc-cni",
        "of an IPv6 cluster",
    ),
    "a CNI that reads no tags": (
        "cni-settings",
        lambda s: s.turn_on("ENABLE_IMDS_ONLY_MODE"),
        ERROR,
        "vpc-cni",
        "it reads no tags",
    ),
    "a CNI on all cards": (
        "cni-settings",
        every(
            lambda s: s.turn_on("ENABLE_MULTI_NIC"),
            lambda s: s.change_spec("n3", network_card_index=1),
        ),
        WARNING,
        "vpc-cni",
        "the network cards that Multus interfaces are on",
    ),
    "prefixes before 1.9.0": (
        "cni-prefixes",
        every(cni(1, 8, 0), lambda s: s.turn_on("ENABLE_PREFIX_DELEGATION")),
        WARNING,
        "vpc-cni",
        "1.8.0 does not know ENABLE_PREFIX_DELEGATION",
    ),
    "a CNI that does not know IPv6": (
        "cni-ip-family",
        every(ipv6_cluster, cni(1, 10, 0)),
        ERROR,
        "vpc-cni",
        "1.10.0 does not know IPv6",
    ),
    "a CNI without IPv6 in an IPv6 cluster": (
        "cni-ip-family",
        every(ipv6_cluster, turn_off("ENABLE_IPv6")),
        ERROR,
        "vpc-cni",
        "has ENABLE_IPv6 off",
    ),
    "a CNI without prefixes in an IPv6 cluster": (
        "cni-ip-family",
        every(ipv6_cluster, turn_off("ENABLE_PREFIX_DELEGATION")),
        ERROR,
        "vpc-cni",
        "has ENABLE_PREFIX_DELEGATION off",
    ),
    "a CNI with IPv4 in an IPv6 cluster": (
        "cni-ip-family",
        every(ipv6_cluster, lambda s: s.turn_on("ENABLE_IPv4")),
        ERROR,
        "vpc-cni",
        "has ENABLE_IPv4 on",
    ),
    "custom networking in an IPv6 cluster": (
        "cni-ip-family",
        every(ipv6_cluster, lambda s: s.turn_on("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")),
        ERROR,
        "vpc-cni",
        "has AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG on",
    ),
    "security groups for pods in an IPv6 cluster before 1.16.0": (
        "cni-ip-family",
        every(ipv6_cluster, cni(1, 15, 5), lambda s: s.turn_on("ENABLE_POD_ENI")),
        ERROR,
        "vpc-cni",
        "1.15.5 knows no ENABLE_POD_ENI in an IPv6 cluster",
    ),
    "no place for a trunk interface in an IPv6 cluster": (
        "cni-without-room",
        every(
            ipv6_cluster,
            lambda s: s.change_type(cards=(3,), interfaces=3),
            lambda s: s.turn_on("ENABLE_POD_ENI"),
        ),
        ERROR,
        "m5.xlarge",
        "leaves the VPC CNI 0 interfaces on card 0, and security groups for pods need 1",
    ),
    "an old instance type in an IPv6 cluster": (
        "hardware-unsuitable",
        every(ipv6_cluster, lambda s: s.change_type(nitro=False)),
        ERROR,
        "m5.xlarge",
        "in an IPv6 cluster the VPC CNI starts on no other",
    ),
    "places for pods taken away in an IPv6 cluster": (
        "max-pods-too-low",
        ipv6_cluster,
        WARNING,
        "telco-workers",
        "leave places for pods unused",
    ),
    "a group that is not there": (
        "group-missing",
        lambda s: s.instead.update(groups={}),
        ERROR,
        "telco-workers",
        "there is no Auto Scaling group",
    ),
    "nodes outside of the cluster's VPC": (
        "cluster-vpc",
        lambda s: s.change_subnet("nodes-b", vpc_id=OTHER_VPC),
        ERROR,
        "telco-workers",
        "launches nodes in vpc-2, and the cluster telco is in vpc-1",
    ),
    "a subnet that is not there": (
        "subnet-missing",
        lambda s: s.subnets.pop(SubnetId("subnet-n3-b")),
        ERROR,
        "n3",
        "subnet-n3-b does not exist",
    ),
    "a listed subnet that is not there": (
        "subnet-missing",
        lambda s: s.change_spec("n3", subnets=SubnetSelector(ids=(SubnetId("subnet-x"),))),
        ERROR,
        "n3",
        "subnet-x does not exist",
    ),
    "tags that no subnet has": (
        "subnet-missing",
        tagged_subnets(use="n3"),
        ERROR,
        "n3",
        "no subnet of the nodes' VPC has the tags use=n3",
    ),
    "tags on a subnet of another VPC only": (
        "subnet-missing",
        every(
            tagged_subnets(use="n3"),
            lambda s: s.change_subnet("n3-a", tags={"use": "n3"}, vpc_id=OTHER_VPC),
        ),
        ERROR,
        "n3",
        "no subnet of the nodes' VPC",
    ),
    "a zone without a subnet": (
        "zone-uncovered",
        lambda s: s.change_spec(
            "n6", subnets=SubnetSelector(by_zone={"us-east-1a": SubnetId("subnet-n6-a")})
        ),
        ERROR,
        "n6",
        "has no subnet in us-east-1b, where the group launches nodes, only in us-east-1a",
    ),
    "no zone with the subnet that stands under it": (
        "zone-uncovered",
        lambda s: s.change_spec(
            "n3",
            subnets=SubnetSelector(
                by_zone={
                    "us-east-1a": SubnetId("subnet-n3-b"),
                    "us-east-1b": SubnetId("subnet-n3-a"),
                }
            ),
        ),
        ERROR,
        "n3",
        "has no subnet in us-east-1b, where the group launches nodes, only in no zone",
    ),
    "a zone without a tagged subnet": (
        "zone-uncovered",
        every(tagged_subnets(use="n3"), lambda s: s.change_subnet("n3-a", tags={"use": "n3"})),
        ERROR,
        "n3",
        "has no subnet in us-east-1b",
    ),
    "a subnet under the wrong zone": (
        "zone-wrong",
        lambda s: s.change_subnet("n3-a", zone="us-east-1c"),
        ERROR,
        "n3",
        "subnet-n3-a stands under us-east-1a and is in us-east-1c",
    ),
    "a security group of another VPC": (
        "vpc-mismatch",
        every(
            lambda s: s.change_spec(
                "n3", security_groups=SecurityGroupSelector(ids=(SecurityGroupId("sg-2"),))
            ),
            lambda s: s.security_groups.update(
                {SecurityGroupId("sg-2"): SecurityGroup(SecurityGroupId("sg-2"), OTHER_VPC)}
            ),
        ),
        ERROR,
        "n3",
        "sg-2 is of vpc-2, and subnet-n3-a is in vpc-1",
    ),
    "a subnet of another VPC": (
        "vpc-mismatch",
        every(
            lambda s: s.change_subnet("n3-a", vpc_id=OTHER_VPC),
            lambda s: s.change_spec("n3", security_groups=SecurityGroupSelector()),
        ),
        WARNING,
        "n3",
        "subnet-n3-a is in vpc-2, the nodes are in vpc-1",
    ),
    "a security group that is not there": (
        "security-group-missing",
        lambda s: s.change_spec(
            "n3", security_groups=SecurityGroupSelector(ids=(SecurityGroupId("sg-x"),))
        ),
        ERROR,
        "n3",
        "sg-x does not exist",
    ),
    "tags that no security group has": (
        "security-group-missing",
        security_groups(1, use="n6"),
        ERROR,
        "n3",
        "no security group of the nodes' VPC has the tags use=n3",
    ),
    "more tagged security groups than usual": (
        "security-group-missing",
        security_groups(6),
        WARNING,
        "n3",
        "6 security groups have the tags",
    ),
    "more tagged security groups than ever": (
        "security-group-missing",
        security_groups(17),
        ERROR,
        "n3",
        "17 security groups have the tags",
    ),
    "a subnet that the CNI takes from": (
        "subnet-tagged-for-cni",
        lambda s: s.change_subnet("n3-a", tags={CNI_TAG: "1"}),
        ERROR,
        "n3",
        f"subnet-n3-a has the tag {CNI_TAG}=1",
    ),
    "a subnet that the CNI takes from, its settings unknown": (
        "subnet-tagged-for-cni",
        every(
            lambda s: s.instead.update(vpc_cni=None),
            lambda s: s.change_subnet("n3-a", tags={CNI_TAG: ""}),
        ),
        ERROR,
        "n3",
        f"subnet-n3-a has the tag {CNI_TAG}=",
    ),
    "a subnet of the nodes' own": (
        "subnet-shared",
        lambda s: s.change_spec("n3", subnets=SubnetSelector(ids=(SubnetId("subnet-nodes-a"),))),
        WARNING,
        "n3",
        "subnet-nodes-a is also a subnet of the nodes themselves",
    ),
    "IPv6 without a CIDR": (
        "address-family",
        every(
            lambda s: s.change_spec("n3", ipv6_count=1),
            lambda s: s.change_subnet("n3-b", has_ipv6=True),
        ),
        ERROR,
        "n3",
        "asks for IPv6, and subnet-n3-a has no IPv6 CIDR",
    ),
    "no IPv4 in a subnet with IPv4": (
        "address-family",
        every(ipv6_only, lambda s: s.change_subnet("n3-a", ipv4_cidr=IPv4Network("10.0.1.0/24"))),
        ERROR,
        "n3",
        "says `ipv4: none`, and subnet-n3-a has the IPv4 CIDR 10.0.1.0/24",
    ),
    "an IPv6 address that nobody asked for": (
        "address-family",
        lambda s: s.change_subnet("n3-a", has_ipv6=True, gives_ipv6=True),
        WARNING,
        "n3",
        "asks for no IPv6, and subnet-n3-a gives every interface an IPv6 address unasked",
    ),
    "IPv4 in an IPv6-only subnet": (
        "address-family",
        every(ipv6_only, lambda s: s.change_spec("n3", ipv4=Ipv4Mode.AUTO)),
        ERROR,
        "n3",
        "asks for IPv4, and subnet-n3-a is IPv6-only",
    ),
    "a pod range elsewhere": (
        "pod-range-outside",
        lambda s: s.change_spec("n3", ipv4=Ipv4Mode.FROM_START, pod_ranges=("192.168.0.0/28",)),
        WARNING,
        "n3",
        "192.168.0.0/28 is in none of its subnets (10.0.1.0/24, 10.1.1.0/24)",
    ),
    "a pod range of IPv6 elsewhere": (
        "pod-range-outside",
        every(
            lambda s: s.change_spec("n3", ipv6_count=1, pod_ranges=("2001:db8:9::/80",)),
            ipv6_in("n3-a", "2001:db8:1::/64"),
            ipv6_in("n3-b", "2001:db8:2::/64"),
        ),
        WARNING,
        "n3",
        "2001:db8:9::/80 is in none of its subnets (10.0.1.0/24, 2001:db8:1::/64, 10.1.1.0/24, 2001:db8:2::/64)",
    ),
    "a pod range of which a part is in a subnet": (
        "pod-range-outside",
        lambda s: s.change_spec("n3", pod_ranges=("10.0.0.0/23",)),
        WARNING,
        "n3",
        "10.0.0.0/23 is in none of its subnets as a whole (10.0.1.0/24, 10.1.1.0/24): all of it but 10.0.1.0/24 is outside",
    ),
    "a pod range that all subnets are in": (
        "pod-range-outside",
        lambda s: s.change_spec("n3", ipv4=Ipv4Mode.FROM_START, pod_ranges=("10.0.0.0/8",)),
        WARNING,
        "n3",
        "(10.0.1.0/24, 10.1.1.0/24): all of it but 10.0.1.0/24, 10.1.1.0/24 is outside",
    ),
    "a pod range over two subnets": (
        "pod-range-outside",
        every(
            lambda s: s.change_spec("n3", pod_ranges=("10.0.0.0/23",)),
            lambda s: s.change_subnet("n3-b", ipv4_cidr=IPv4Network("10.0.0.0/24")),
        ),
        WARNING,
        "n3",
        "(10.0.1.0/24, 10.0.0.0/24): it reaches over 10.0.1.0/24, 10.0.0.0/24",
    ),
    "a pod range of IPv6 of which a part is in a subnet": (
        "pod-range-outside",
        every(
            lambda s: s.change_spec("n3", ipv6_count=1, pod_ranges=("2001:db8:1::/63",)),
            ipv6_in("n3-a", "2001:db8:1::/64"),
        ),
        WARNING,
        "n3",
        "(10.0.1.0/24, 2001:db8:1::/64, 10.1.1.0/24): all of it but 2001:db8:1::/64 is outside",
    ),
    "a range to reserve that is in no subnet as a whole": (
        "pod-range-unreservable",
        reserving("10.0.0.0/23"),
        ERROR,
        "10.0.0.0/23",
        "cannot be reserved: 10.0.0.0/23 is in none of its subnets: subnet-n3-a (10.0.1.0/24), subnet-n3-b (10.1.1.0/24)",
    ),
    "a range of which somebody else reserved a part": (
        "pod-range-unreservable",
        every(reserving("10.0.1.128/25"), lambda s: s.reserve("n3-a", "10.0.1.192/28")),
        ERROR,
        "10.0.1.128/25",
        "overlaps 10.0.1.192/28 of subnet-n3-a, reserved as scr-10.0.1.192/28 (type explicit) by somebody else",
    ),
    "a range of which this stack has another part": (
        "pod-range-unreservable",
        every(
            reserving("10.0.1.128/25"),
            lambda s: s.reserve("n3-a", "10.0.1.192/28", owner="MultusEni-example"),
        ),
        ERROR,
        "10.0.1.128/25",
        "by this stack itself, which makes a new reservation before it deletes the old one",
    ),
    "a range that is reserved for prefixes": (
        "pod-range-unreservable",
        every(
            reserving("10.0.1.128/25"),
            lambda s: s.reserve("n3-a", "10.0.1.128/25", kind="prefix", owner="MultusEni-example"),
        ),
        ERROR,
        "10.0.1.128/25",
        "overlaps 10.0.1.128/25",
    ),
    "a range to reserve with addresses in use": (
        "pod-range-in-use",
        every(
            reserving("10.0.1.128/25"),
            *(
                lambda s, n=n: s.take("n3-a", f"eni-{n}", f"10.0.1.{n}", f"10.0.1.{n + 128}")
                for n in range(6)
            ),
        ),
        WARNING,
        "10.0.1.128/25",
        "eni-0 (10.0.1.128), eni-1 (10.0.1.129), eni-2 (10.0.1.130), eni-3 (10.0.1.131), eni-4 (10.0.1.132) and 1 more",
    ),
    "a prefix in a range to reserve": (
        "pod-range-in-use",
        every(reserving("10.0.1.128/25"), lambda s: s.take("n3-a", "eni-p", "10.0.1.144/28")),
        WARNING,
        "10.0.1.128/25",
        "have addresses of it: eni-p (10.0.1.144/28)",
    ),
    "a reservation of this stack that the file does not name": (
        "reservation-left-over",
        lambda s: s.reserve("n3-a", "10.0.1.192/28", owner="MultusEni-example"),
        WARNING,
        "scr-10.0.1.192/28",
        "keeps 10.0.1.192/28 of subnet-n3-a for this stack, whose file does not name it (any more)",
    ),
    "a range that nothing keeps EC2 out of": (
        "pod-range-unreserved",
        lambda s: s.change_spec("n3", pod_ranges=("10.0.1.128/25",)),
        WARNING,
        "n3",
        "no CIDR reservation of subnet-n3-a keeps the pod range 10.0.1.128/25",
    ),
    "a range that from_start keeps out of, and a pool does not": (
        "pod-range-unreserved",
        lambda s: s.change_spec(
            "n3", ipv4=Ipv4Mode.FROM_START, pod_ranges=("10.0.1.128/25",), pool_ipv4=4
        ),
        WARNING,
        "n3",
        "no CIDR reservation of subnet-n3-a keeps the pod range 10.0.1.128/25",
    ),
    "a range of which only a part is reserved": (
        "pod-range-unreserved",
        every(
            lambda s: s.change_spec("n3", pod_ranges=("10.0.1.128/25",)),
            lambda s: s.reserve("n3-a", "10.0.1.128/26"),
        ),
        WARNING,
        "n3",
        "no CIDR reservation of subnet-n3-a keeps the pod range 10.0.1.128/25",
    ),
    "an IPv6 range, which from_start has no part in": (
        "pod-range-unreserved",
        every(
            lambda s: s.change_spec(
                "n3", ipv4=Ipv4Mode.FROM_START, pod_ranges=("2001:db8:0:1:8000::/65",)
            ),
            ipv6_in("n3-a", "2001:db8:0:1::/64"),
        ),
        WARNING,
        "n3",
        "no CIDR reservation of subnet-n3-a keeps the pod range 2001:db8:0:1:8000::/65",
    ),
    "a subnet that is too small in any case": (
        "subnet-too-small",
        lambda s: s.change_subnet("n3-a", free=4),
        ERROR,
        "n3",
        "subnet-n3-a has 4 free addresses, and the groups at their largest need 5 even",
    ),
    "a subnet that is too small for a zone alone": (
        "subnet-too-small",
        lambda s: s.change_subnet("n3-a", free=9),
        WARNING,
        "n3",
        "subnet-n3-a has 9 free addresses, and the groups at their largest need 5, or 10",
    ),
    "nodes that have no address yet": (
        "subnet-too-small",
        every(
            lambda s: s.change_subnet("n3-a", free=4),
            lambda s: s.change_group(nodes=6),
        ),
        ERROR,
        "n3",
        "subnet-n3-a has 4 free addresses, and the groups at their largest need 5 even",
    ),
    "a subnet that is too small for an instance refresh": (
        "subnet-too-small",
        every(
            lambda s: s.change_subnet("n3-a", free=11),
            lambda s: s.change_group(max_healthy_percent=120),
        ),
        WARNING,
        "n3",
        "need 5, or 12 when all nodes are in us-east-1a and 2 of them take the place of others",
    ),
    "a subnet that is too small for Capacity Rebalancing": (
        "subnet-too-small",
        every(
            lambda s: s.change_subnet("n3-a", free=10),
            lambda s: s.change_group(capacity_rebalance=True),
        ),
        WARNING,
        "n3",
        "need 5, or 11 when all nodes are in us-east-1a and 1 of them takes the place of another",
    ),
    "an instance refresh by less than a node": (
        "subnet-too-small",
        every(
            lambda s: s.change_subnet("n3-a", free=10),
            lambda s: s.change_group(max_healthy_percent=101),
        ),
        WARNING,
        "n3",
        "and 1 of them takes the place of another",
    ),
    "replacements of nodes that have their addresses": (
        "subnet-too-small",
        every(
            lambda s: s.change_subnet("n3-a", free=0),
            lambda s: s.change_group(
                nodes=10, hooks=("MultusEni-example-launch",), max_healthy_percent=110
            ),
        ),
        WARNING,
        "n3",
        "need 0, or 1 when all nodes are in us-east-1a and 1 of them takes the place of another",
    ),
    "a subnet that two interfaces share": (
        "subnet-too-small",
        every(
            lambda s: s.change_spec("n6", subnets=s.specs["n3"].subnets),
            lambda s: s.change_subnet("n3-a", free=9),
        ),
        ERROR,
        "n3, n6",
        "need 10 even",
    ),
    "a subnet whose IPv6 addresses are all to be reserved": (
        "subnet-too-small",
        every(
            ipv6_in("n3-a", "2001:db8:0:1::/64"),
            reserving("2001:db8:0:1::/64"),
            lambda s: s.change_spec("n3", ipv6_count=1),
        ),
        ERROR,
        "n3",
        "subnet-n3-a has 0 IPv6 addresses outside reservations and the pod ranges that are to be reserved, and the groups at "
        "their largest need 5 even",
    ),
    "IPv6 addresses for a pool, all to be reserved": (
        "subnet-too-small",
        every(
            ipv6_in("n3-a", "2001:db8:0:1::/64"),
            reserving("2001:db8:0:1::/65", "2001:db8:0:1:8000::/65"),
            lambda s: s.change_spec("n3", pool_ipv6=8),
        ),
        ERROR,
        "n3",
        "subnet-n3-a has 0 IPv6 addresses outside reservations and the pod ranges that are to be reserved, and the groups at "
        "their largest need 40 even",
    ),
    "a part of a range that cannot be reserved, which others have reserved": (
        "subnet-too-small",
        every(
            ipv6_in("n3-a", "2001:db8:0:1::/64"),
            lambda s: s.reserve("n3-a", *all_but_the_first("2001:db8:0:1::/64", 124)),
            reserving("2001:db8:0:1:8000::/66"),
            lambda s: s.change_spec("n3", ipv6_count=3),
        ),
        ERROR,
        "n3",
        "subnet-n3-a has 11 IPv6 addresses outside",
    ),
    "IPv6 addresses that nobody asked for, and that others reserved in two halves": (
        "subnet-too-small",
        every(
            ipv6_in("n3-a", "2001:db8:0:1::/64"),
            lambda s: s.change_subnet("n3-a", gives_ipv6=True),
            lambda s: s.reserve("n3-a", "2001:db8:0:1::/65", "2001:db8:0:1:8000::/65"),
        ),
        ERROR,
        "n3",
        "subnet-n3-a has 0 IPv6 addresses outside",
    ),
    "IPv6 addresses of the nodes' own subnet that are all reserved": (
        "subnet-too-small",
        every(
            ipv6_in("nodes-a", "2001:db8:0:1::/64"),
            lambda s: s.change_subnet("nodes-a", gives_ipv6=True),
            lambda s: s.reserve("nodes-a", "2001:db8:0:1::/64"),
        ),
        ERROR,
        "telco-workers",
        "subnet-nodes-a has 0 IPv6 addresses outside",
    ),
    "IPv6 addresses of which reservations leave enough for one zone's nodes": (
        "subnet-too-small",
        every(
            ipv6_only,
            ipv6_in("n3-a", "2001:db8:0:1::/64"),
            lambda s: s.reserve("n3-a", *all_but_the_first("2001:db8:0:1::/64", 124)),
            lambda s: s.change_group(most_nodes=12),
        ),
        WARNING,
        "n3",
        "subnet-n3-a has 11 IPv6 addresses outside reservations and the pod ranges that are to be reserved, and the groups at "
        "their largest need 6, or 12 when all nodes are in us-east-1a",
    ),
    "a subnet of the nodes' own that is too small in any case": (
        "subnet-too-small",
        lambda s: s.change_subnet("nodes-a", free=4),
        ERROR,
        "telco-workers",
        "subnet-nodes-a has 4 free addresses, and the groups at their largest need 5 even",
    ),
    "a subnet of the nodes' own that is too small for a zone alone": (
        "subnet-too-small",
        every(
            lambda s: s.change_subnet("nodes-a", free=10),
            lambda s: s.change_group(max_healthy_percent=120),
        ),
        WARNING,
        "telco-workers",
        "need 5, or 12 when all nodes are in us-east-1a and 2 of them take the place of others",
    ),
    "a subnet that a group is created in": (
        "subnet-too-small",
        every(lambda s: s.create(), lambda s: s.change_subnet("nodes-b", free=9)),
        WARNING,
        "create.subnets",
        "subnet-nodes-b has 9 free addresses, and the groups at their largest need 5, or 10",
    ),
    "a subnet that nodes and an interface share": (
        "subnet-too-small",
        every(
            lambda s: s.change_spec(
                "n3",
                subnets=SubnetSelector(
                    by_zone={
                        "us-east-1a": SubnetId("subnet-nodes-a"),
                        "us-east-1b": SubnetId("subnet-n3-b"),
                    }
                ),
            ),
            lambda s: s.change_subnet("nodes-a", free=9),
        ),
        ERROR,
        "n3, telco-workers",
        "need 10 even",
    ),
    "addresses of the nodes' own subnet that a reservation keeps": (
        "subnet-too-small",
        every(
            lambda s: s.reserve("nodes-a", "10.0.0.0/25"),
            lambda s: s.change_subnet("nodes-a", free=132),
        ),
        WARNING,
        "telco-workers",
        "subnet-nodes-a has 4 to 123 free addresses outside reservations and pod ranges",
    ),
    "addresses that a reservation keeps": (
        "subnet-too-small",
        every(
            lambda s: s.reserve("n3-a", "10.0.1.0/25", "10.0.1.128/26"),
            lambda s: s.change_subnet("n3-a", free=195),
        ),
        WARNING,
        "n3",
        "subnet-n3-a has 3 to 59 free addresses outside reservations and pod ranges",
    ),
    "addresses that a pod range keeps": (
        "subnet-too-small",
        lambda s: s.change_spec("n3", ipv4=Ipv4Mode.FROM_START, pod_ranges=("10.0.0.0/16",)),
        ERROR,
        "n3",
        "subnet-n3-a has 0 free addresses outside reservations and pod ranges",
    ),
    "a group whose types nobody knows": (
        "instance-type-unknown",
        every(
            lambda s: s.change_group(launches=Launches(())),
            lambda s: s.change_node(instance_types=()),
        ),
        WARNING,
        "telco-workers",
        "neither the group's launch template nor the file",
    ),
    "a group whose types only the file knows": (
        "instance-type-unknown",
        lambda s: s.change_group(launches=Launches(())),
        WARNING,
        "telco-workers",
        "looked at m5.xlarge instead",
    ),
    "a group whose types only its nodes tell": (
        "instance-type-unknown",
        lambda s: s.change_group(launches=Launches(()), running_types=("m5.large",)),
        WARNING,
        "telco-workers",
        "looked at m5.large instead",
    ),
    "a type that the file leaves out": (
        "instance-type-unknown",
        lambda s: s.change_group(launches=Launches(("m5.xlarge", "m5.large"))),
        WARNING,
        "m5.large",
        "`instance_types` in the file leaves it out",
    ),
    "a type that the Region does not have": (
        "instance-type-missing",
        lambda s: s.change_group(launches=Launches(("m5.xlarge", "m9.xlarge"))),
        ERROR,
        "m9.xlarge",
        "the Region has no such instance type",
    ),
    "more interfaces than the card takes": (
        "interfaces-exceed-type",
        lambda s: s.change_type(cards=(2,)),
        ERROR,
        "m5.xlarge",
        "takes 2 interfaces on card 0, and a node would have 3, the primary one included",
    ),
    "more interfaces than the card takes, with the template's": (
        "interfaces-exceed-type",
        lambda s: s.change_group(launches=Launches(("m5.xlarge",), ((0, 1), (0, 2)))),
        ERROR,
        "m5.xlarge",
        "and a node would have 5",
    ),
    "a card that is not there": (
        "interfaces-exceed-type",
        lambda s: s.change_spec("n3", network_card_index=1),
        ERROR,
        "m5.xlarge",
        "has no network card 1, only 1",
    ),
    "more interfaces than the type takes on all cards": (
        "interfaces-exceed-type",
        every(
            lambda s: s.change_spec("n3", network_card_index=1),
            lambda s: s.change_type(cards=(2, 2), interfaces=2),
        ),
        ERROR,
        "m5.xlarge",
        "takes 2 interfaces on all its cards together, and a node would have 3",
    ),
    "more IPv6 addresses than an interface takes": (
        "addresses-exceed-type",
        lambda s: s.change_spec("n3", ipv6_count=16),
        ERROR,
        "m5.xlarge",
        "takes 15 IPv6 addresses per interface, and n3 asks for 16",
    ),
    "more IPv4 addresses than an interface takes": (
        "addresses-exceed-type",
        lambda s: s.change_spec("n3", pool_ipv4=15),
        ERROR,
        "m5.xlarge",
        "takes 15 IPv4 addresses per interface, and n3 asks for 16",
    ),
    "a subnet that is too small for the pods": (
        "subnet-too-small",
        every(
            lambda s: s.change_subnet("n3-a", free=24),
            lambda s: s.change_spec("n3", pool_ipv4=4),
        ),
        ERROR,
        "n3",
        "subnet-n3-a has 24 free addresses, and the groups at their largest need 25 even",
    ),
    "a device index that the template has": (
        "device-index-taken",
        every(
            lambda s: s.change_spec("n3", device_index=5, device_index_fixed=True),
            lambda s: s.change_group(launches=Launches(("m5.xlarge",), ((0, 5),))),
        ),
        ERROR,
        "n3",
        "wants device index 5 on card 0",
    ),
    "DPDK without ENA": (
        "hardware-unsuitable",
        every(
            launch_type("t2.small", ena=False, nitro=False),
            lambda s: s.drivers.update(n3=Driver.VFIO_PCI),
        ),
        ERROR,
        "t2.small",
        "has no ENA, which DPDK on n3 needs",
    ),
    "no ENA": (
        "hardware-unsuitable",
        launch_type("t2.small", ena=False, nitro=False),
        WARNING,
        "t2.small",
        "has no ENA",
    ),
    "no Nitro": (
        "hardware-unsuitable",
        launch_type("m4.16xlarge", nitro=False),
        WARNING,
        "m4.16xlarge",
        "is no Nitro instance",
    ),
    "no interface for custom networking": (
        "cni-without-room",
        every(
            lambda s: s.change_type(cards=(3,), interfaces=3),
            lambda s: s.turn_on("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"),
        ),
        ERROR,
        "m5.xlarge",
        "leaves the VPC CNI 0 interfaces on card 0, and custom networking need 1",
    ),
    "no interface for a trunk and custom networking": (
        "cni-without-room",
        lambda s: s.turn_on("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "ENABLE_POD_ENI"),
        ERROR,
        "m5.xlarge",
        "custom networking and security groups for pods need 2",
    ),
    "nothing but the primary interface for pods": (
        "cni-without-room",
        lambda s: s.change_type(cards=(3,), interfaces=3),
        WARNING,
        "m5.xlarge",
        "nothing but the primary interface: 16 pods per node",
    ),
    "more pods than addresses": (
        "max-pods-too-high",
        lambda s: s.change_node(max_pods=31),
        WARNING,
        "m5.xlarge",
        "has addresses for 30 pods beside the Multus interfaces, and `max_pods` is 31",
    ),
    "more pods than addresses beside a trunk interface": (
        "max-pods-too-high",
        every(lambda s: s.turn_on("ENABLE_POD_ENI"), lambda s: s.change_node(max_pods=17)),
        WARNING,
        "m5.xlarge",
        "has addresses for 16 pods beside the Multus interfaces, and `max_pods` is 17",
    ),
    "more pods than addresses with custom networking": (
        "max-pods-too-high",
        every(
            lambda s: s.turn_on("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"),
            lambda s: s.change_node(max_pods=17),
        ),
        WARNING,
        "m5.xlarge",
        "has addresses for 16 pods beside the Multus interfaces, and `max_pods` is 17",
    ),
    "no pod but those on the host's network": (
        "max-pods-too-high",
        every(
            lambda s: s.turn_on("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "ENABLE_POD_ENI"),
            lambda s: s.change_node(max_pods=3),
        ),
        WARNING,
        "m5.xlarge",
        "has addresses for 2 pods beside the Multus interfaces, and `max_pods` is 3",
    ),
    "max-pods reckoned without Multus": (
        "max-pods-too-high",
        lambda s: s.change_node(reduce_max_pods=False),
        WARNING,
        "m5.xlarge",
        "nodeadm reckons without those",
    ),
    "prefixes without Nitro": (
        "prefix-delegation",
        every(
            launch_type("m4.16xlarge", nitro=False),
            lambda s: s.turn_on("ENABLE_PREFIX_DELEGATION"),
        ),
        WARNING,
        "m4.16xlarge",
        "the VPC CNI gives its pods single addresses",
    ),
    "prefixes and Multus in one subnet": (
        "prefix-delegation",
        every(
            lambda s: s.turn_on("ENABLE_PREFIX_DELEGATION"),
            lambda s: s.change_spec(
                "n3", subnets=SubnetSelector(ids=(SubnetId("subnet-nodes-a"),))
            ),
        ),
        WARNING,
        "n3",
        "takes single addresses of subnet-nodes-a",
    ),
    "too few addresses for prefixes": (
        "prefix-delegation",
        every(
            lambda s: s.turn_on("ENABLE_PREFIX_DELEGATION"),
            lambda s: s.change_subnet("nodes-a", free=84),
            lambda s: s.change_subnet("nodes-b", free=85),
        ),
        WARNING,
        "telco-workers",
        "have 169 free addresses, and 10 more nodes take an address and at least one prefix",
    ),
    "a rule that takes launches to a queue": (
        "hook-answered-by-others",
        rule("nth", LAUNCHES, QUEUE),
        WARNING,
        "nth",
        "sends the events of our launch hooks to arn:aws:sqs:us-east-1:123456789012:nth",
    ),
    "a rule that takes launches of nodes that the handler manages": (
        "hook-answered-by-others",
        every(rule("nth", LAUNCHES, QUEUE), lambda s: s.change_group(tags={MANAGED_TAG: "true"})),
        ERROR,
        "nth",
        "a node would be in service without its interfaces",
    ),
    "a rule that takes terminations of nodes that the handler manages": (
        "hook-answered-by-others",
        every(
            rule("nth", TERMINATIONS, QUEUE),
            lambda s: s.change_group(tags={MANAGED_TAG: "true"}),
        ),
        WARNING,
        "nth",
        "the node would go before its interfaces are looked after",
    ),
    "a rule that takes the nodes' own launches": (
        "hook-answered-by-others",
        every(
            rule(
                "nth", {**LAUNCHES, "detail": {"LifecycleHookName": [{"suffix": "-ready"}]}}, QUEUE
            ),
            lambda s: s.change_node(ready_hook="MultusEni-lab-ready"),
        ),
        WARNING,
        "nth",
        "the events of our ready hooks to arn:aws:sqs:us-east-1:123456789012:nth; a Node Termination Handler there completes "
        "them, and a node would be in service before it is at work",
    ),
    "a rule that takes nothing but the ready hook of nodes that the handler manages": (
        "hook-answered-by-others",
        every(
            rule("nth", {**LAUNCHES, "detail": {"LifecycleHookName": [READY]}}, QUEUE),
            lambda s: s.change_node(ready_hook=READY),
            lambda s: s.change_group(tags={MANAGED_TAG: "true"}),
        ),
        ERROR,
        "nth",
        "sends the events of our ready hooks to arn:aws:sqs:us-east-1:123456789012:nth; a Node Termination Handler",
    ),
    "a rule whose targets are hidden": (
        "hook-answered-by-others",
        lambda s: setattr(
            s, "rules", (EventRule("nth", LAUNCHES, Unseen("events:ListTargetsByRule", "no")),)
        ),
        WARNING,
        "nth",
        "to targets that were not shown",
    ),
    "nodes that are older than the stack": (
        "nodes-without-interfaces",
        in_service(i_1=[], i_2=["n3"], i_3=["n3", "n6"]),
        WARNING,
        "telco-workers",
        "2 of 3 nodes in service lack interfaces; they are reported at every run and not touched",
    ),
    "a node that adoption will give what it lacks": (
        "nodes-without-interfaces",
        every(in_service(i_1=["n6"]), lambda s: setattr(s, "adopt_running", True)),
        WARNING,
        "telco-workers",
        "1 of 1 nodes in service lacks interfaces; the reconciler gives them what they lack",
    ),
    "a zone that has none of the types": (
        "zone-without-type",
        offered(m5_xlarge="a", m6i_xlarge="ac"),
        ERROR,
        "us-east-1b",
        "has none of the types that the group launches: m5.xlarge, m6i.xlarge",
    ),
    "a zone that lacks a type": (
        "zone-without-type",
        offered(m5_xlarge="ab", m6i_xlarge="b"),
        WARNING,
        "us-east-1a",
        "does not have m6i.xlarge: nodes there are of the group's other types alone",
    ),
    "a group full of hooks": (
        "too-many-hooks",
        lambda s: s.change_group(hooks=tuple(map(str, range(49)))),
        ERROR,
        "telco-workers",
        "would have 51 lifecycle hooks, and a group takes 50",
    ),
    "a group that another stack serves": (
        "served-by-another-stack",
        lambda s: s.change_group(hooks=("MultusEni-old-launch", "MultusEni-old-terminate")),
        WARNING,
        "telco-workers",
        "has the launch hook of the stack MultusEni-old",
    ),
    "a created group that is in the file no more": (
        "created-group-left",
        left("MultusEni-example-Nodes-old"),
        WARNING,
        "MultusEni-example-Nodes-old",
        "was created for a node group that is not in the file any more",
    ),
    "a created group whose hooks are not shown": (
        "created-group-left",
        left("MultusEni-example-Nodes-old", hooks=Unseen("autoscaling:Describe", "AccessDenied")),
        WARNING,
        "MultusEni-example-Nodes-old",
        "nobody answers its hooks",
    ),
    "a group that was made with our hooks": (
        "hooks-left",
        left("workers-2", hooks=("MultusEni-example-ready", "x", "MultusEni-example-launch")),
        WARNING,
        "workers-2",
        "has our MultusEni-example-launch and MultusEni-example-ready, and is not in the file",
    ),
}

NO_TROUBLES: dict[str, tuple[str, Change]] = {
    "a group that this stack serves, and other tools": (
        "served-by-another-stack",
        lambda s: s.change_group(hooks=("MultusEni-example-launch", "nth-launch", "MultusEni-x")),
    ),
    "a group of another stack's": (
        "created-group-left",
        left("MultusEni-example-2-Nodes-old"),
    ),
    "hooks of others on other groups": (
        "hooks-left",
        left("workers-2", hooks=("MultusEni-example-2-launch", "nth")),
    ),
    "a created group, of which another rule tells": (
        "hooks-left",
        left("MultusEni-example-Nodes-old", hooks=("MultusEni-example-launch",)),
    ),
    "types that more zones have than the group launches in": (
        "zone-without-type",
        offered(m5_xlarge="abc", m6i_xlarge="abf"),
    ),
    "a type that no zone has": ("zone-without-type", offered(m5_xlarge="ab", z9_xlarge="")),
    "a cluster that is written as it is": (
        "cluster-differs",
        lambda s: s.written.update(s.cluster.facts),
    ),
    "an address of the API server in another spelling": (
        "cluster-differs",
        lambda s: s.written.update(endpoint="https://8f21.gr7.us-east-1.eks.amazonaws.com/"),
    ),
    "a range of services in another spelling": (
        "cluster-differs",
        every(
            lambda s: s.change_cluster(facts={"service_cidr": "fd30:0::/108"}),
            lambda s: s.written.update(service_cidr="fd30::/108"),
        ),
    ),
    "what the cluster does not say yet": (
        "cluster-differs",
        every(lambda s: s.change_cluster(facts={}), lambda s: s.written.update(vpc="vpc-2")),
    ),
    "a CNI that is new enough": ("cni-too-old", cni(1, 23, 0)),
    "IPv6-only interfaces from 1.23.1 on": ("cni-too-old", every(ipv6_only, cni(1, 23, 1))),
    "IPv6-only interfaces on IPv6 nodes": (
        "cni-too-old",
        every(ipv6_only, ipv6_cluster, cni(1, 23, 0)),
    ),
    "switches that are off": (
        "cni-settings",
        lambda s: setattr(s, "cni", VpcCni((1, 23, 1), {"ENABLE_IMDS_ONLY_MODE": "false"})),
    ),
    "a CNI on all cards, Multus on the first": (
        "cni-settings",
        lambda s: s.turn_on("ENABLE_MULTI_NIC"),
    ),
    "prefixes from 1.9.0 on": (
        "cni-prefixes",
        every(cni(1, 9, 0), lambda s: s.turn_on("ENABLE_PREFIX_DELEGATION")),
    ),
    "tagged subnets in every zone": (
        "zone-uncovered",
        every(
            tagged_subnets(use="n3"),
            lambda s: s.change_subnet("n3-a", tags={"use": "n3"}),
            lambda s: s.change_subnet("n3-b", tags={"use": "n3"}),
        ),
    ),
    "listed subnets in every zone": (
        "zone-uncovered",
        lambda s: s.change_spec(
            "n3", subnets=SubnetSelector(ids=(SubnetId("subnet-n3-b"), SubnetId("subnet-n3-a")))
        ),
    ),
    "nodes in subnets that are not there, and the cluster's VPC": (
        "vpc-mismatch",
        lambda s: s.change_group(subnet_ids=(SubnetId("subnet-x"),)),
    ),
    "as many tagged security groups as usual": ("security-group-missing", security_groups(5)),
    "a subnet that the CNI is to leave out": (
        "subnet-tagged-for-cni",
        lambda s: s.change_subnet("n3-a", tags={CNI_TAG: "0"}),
    ),
    "a tag that the CNI does not look for": (
        "subnet-tagged-for-cni",
        every(
            lambda s: s.change_subnet("n3-a", tags={CNI_TAG: "1"}),
            lambda s: setattr(s, "cni", VpcCni((1, 23, 1), {"ENABLE_SUBNET_DISCOVERY": "false"})),
        ),
    ),
    "a CNI tag on the nodes' own subnet": (
        "subnet-tagged-for-cni",
        lambda s: s.change_subnet("nodes-a", tags={CNI_TAG: "1"}),
    ),
    "dual-stack": (
        "address-family",
        every(
            lambda s: s.change_spec("n3", ipv6_count=1),
            lambda s: s.change_subnet("n3-a", has_ipv6=True),
            lambda s: s.change_subnet("n3-b", has_ipv6=True),
        ),
    ),
    "IPv6-only": ("address-family", ipv6_only),
    "a pool of IPv6 in a subnet that gives such addresses": (
        "address-family",
        every(
            lambda s: s.change_spec("n3", pool_ipv6=4),
            lambda s: s.change_subnet("n3-a", has_ipv6=True, gives_ipv6=True),
            lambda s: s.change_subnet("n3-b", has_ipv6=True, gives_ipv6=True),
        ),
    ),
    "a pod range in one of the subnets": (
        "pod-range-outside",
        lambda s: s.change_spec("n3", ipv4=Ipv4Mode.FROM_START, pod_ranges=("10.1.1.128/25",)),
    ),
    "a pod range that is all of a subnet": (
        "pod-range-outside",
        lambda s: s.change_spec("n3", pod_ranges=("10.1.1.0/24",)),
    ),
    "a pod range of IPv6 in one of the subnets": (
        "pod-range-outside",
        every(
            lambda s: s.change_spec("n3", ipv6_count=1, pod_ranges=("2001:db8:2::1000/116",)),
            ipv6_in("n3-b", "2001:db8:2::/64"),
        ),
    ),
    "a range that can be reserved": ("pod-range-unreservable", reserving("10.0.1.128/25")),
    "a range that this stack has reserved": (
        "pod-range-unreservable",
        every(
            reserving("10.0.1.128/25"),
            lambda s: s.reserve("n3-a", "10.0.1.128/25", owner="MultusEni-example"),
            lambda s: s.reserve("n3-a", "10.0.1.64/28"),
        ),
    ),
    "a range that this stack has reserved and names": (
        "reservation-left-over",
        every(
            reserving("10.0.1.128/25"),
            lambda s: s.reserve("n3-a", "10.0.1.128/25", owner="MultusEni-example"),
            lambda s: s.reserve("n3-a", "10.0.1.64/28", owner="MultusEni-other"),
        ),
    ),
    "a range to reserve whose addresses nobody has": (
        "pod-range-in-use",
        every(reserving("10.0.1.128/25"), lambda s: s.take("n3-a", "eni-1", "10.0.1.127")),
    ),
    "a range that is to be reserved": ("pod-range-unreserved", reserving("10.0.1.128/25")),
    "a range that from_start keeps out of": (
        "pod-range-unreserved",
        lambda s: s.change_spec("n3", ipv4=Ipv4Mode.FROM_START, pod_ranges=("10.0.1.128/25",)),
    ),
    "a range that is reserved in two halves": (
        "pod-range-unreserved",
        every(
            lambda s: s.change_spec("n3", pod_ranges=("10.0.1.128/25",)),
            lambda s: s.reserve("n3-a", "10.0.1.128/26", "10.0.1.192/26"),
        ),
    ),
    "a range outside the subnets, which somebody routes": (
        "pod-range-unreserved",
        lambda s: s.change_spec("n3", pod_ranges=("192.168.0.0/24",)),
    ),
    "exactly enough addresses": (
        "subnet-too-small",
        lambda s: s.change_subnet("n3-a", free=10),
    ),
    "exactly enough addresses for an instance refresh": (
        "subnet-too-small",
        every(
            lambda s: s.change_subnet("n3-a", free=12),
            lambda s: s.change_group(max_healthy_percent=120),
        ),
    ),
    "exactly enough addresses for Capacity Rebalancing": (
        "subnet-too-small",
        every(
            lambda s: s.change_subnet("n3-a", free=11),
            lambda s: s.change_group(capacity_rebalance=True),
        ),
    ),
    "nodes that have their addresses": (
        "subnet-too-small",
        every(
            lambda s: s.change_subnet("n3-a", free=4),
            lambda s: s.change_group(nodes=6, hooks=("MultusEni-example-launch",)),
        ),
    ),
    "nodes that have their primary address, whoever serves them": (
        "subnet-too-small",
        every(lambda s: s.change_subnet("nodes-a", free=4), lambda s: s.change_group(nodes=6)),
    ),
    "two subnets of the nodes' own in a zone": (
        "subnet-too-small",
        every(
            lambda s: s.add_subnet("nodes-c", "us-east-1a", "10.2.0.0/24", free=5),
            lambda s: s.change_group(subnet_ids=(*s.group.subnet_ids, SubnetId("subnet-nodes-c"))),
            lambda s: s.change_subnet("nodes-a", free=5),
        ),
    ),
    "IPv6-only subnets have no IPv4 to give": ("subnet-too-small", ipv6_only),
    "half of a subnet's IPv6 addresses reserved": (
        "subnet-too-small",
        every(
            ipv6_in("n3-a", "2001:db8:0:1::/64"),
            reserving("2001:db8:0:1:8000::/65"),
            lambda s: s.change_spec("n3", ipv6_count=1),
        ),
    ),
    "all of a subnet's IPv6 addresses reserved, and nodes that take none": (
        "subnet-too-small",
        every(ipv6_in("n3-a", "2001:db8:0:1::/64"), reserving("2001:db8:0:1::/64")),
    ),
    "a whole IPv6 subnet for pods that nothing reserves": (
        "subnet-too-small",
        every(
            ipv6_in("n3-a", "2001:db8:0:1::/64"),
            lambda s: s.change_spec("n3", ipv6_count=1, pod_ranges=("2001:db8:0:1::/64",)),
        ),
    ),
    "IPv6 addresses of a range that is larger than the subnet, so cannot be reserved": (
        "subnet-too-small",
        every(
            ipv6_in("n3-a", "2001:db8:0:1::/64"),
            reserving("2001:db8::/62"),
            lambda s: s.change_spec("n3", pool_ipv6=8),
        ),
    ),
    "IPv6 addresses of a range that somebody else's reservation is in the way of": (
        "subnet-too-small",
        every(
            ipv6_in("n3-a", "2001:db8:0:1::/64"),
            lambda s: s.reserve("n3-a", "2001:db8:0:1:8000::/66"),
            reserving("2001:db8:0:1::/64"),
            lambda s: s.change_spec("n3", ipv6_count=1),
        ),
    ),
    "a range that is larger than the subnet, so cannot be reserved": (
        "subnet-too-small",
        reserving("10.0.0.0/16"),
    ),
    "a range of another interface's subnet": (
        "subnet-too-small",
        reserving("10.0.2.0/24"),
    ),
    "a range of another interface's subnet that from_start would leave out": (
        "subnet-too-small",
        lambda s: s.change_spec("n3", ipv4=Ipv4Mode.FROM_START, pod_ranges=("10.0.2.0/24",)),
    ),
    "a range that nothing keeps EC2's own choice out of": (
        "subnet-too-small",
        lambda s: s.change_spec("n3", pod_ranges=("10.0.1.0/24",)),
    ),
    "just as many IPv6 addresses as one zone's nodes need": (
        "subnet-too-small",
        every(
            ipv6_only,
            ipv6_in("n3-a", "2001:db8:0:1::/64"),
            lambda s: s.reserve("n3-a", *all_but_the_first("2001:db8:0:1::/64", 124)),
            lambda s: s.change_group(most_nodes=11),
        ),
    ),
    "IPv6 addresses all reserved, and nodes that have theirs": (
        "subnet-too-small",
        every(
            ipv6_in("n3-a", "2001:db8:0:1::/64"),
            reserving("2001:db8:0:1::/64"),
            lambda s: s.change_spec("n3", ipv6_count=1),
            lambda s: s.change_group(nodes=10, hooks=("MultusEni-example-launch",)),
        ),
    ),
    "as many IPv6 addresses as an interface takes": (
        "addresses-exceed-type",
        lambda s: s.change_spec("n3", ipv6_count=15),
    ),
    "a card of its own": (
        "interfaces-exceed-type",
        every(
            lambda s: s.change_spec("n3", network_card_index=1),
            lambda s: s.change_type(cards=(2, 1), interfaces=3),
        ),
    ),
    "a taken device index that the next free one replaces": (
        "device-index-taken",
        lambda s: s.change_group(launches=Launches(("m5.xlarge",), ((0, 1),))),
    ),
    "custom networking with an interface to spare": (
        "cni-without-room",
        lambda s: s.turn_on("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"),
    ),
    "no room on IPv6 nodes, which need none": (
        "cni-without-room",
        every(ipv6_cluster, lambda s: s.change_type(cards=(3,), interfaces=3)),
    ),
    "a CNI of an IPv6 cluster": (
        "cni-ip-family",
        every(ipv6_cluster, cni(1, 10, 1), lambda s: s.turn_on("ENABLE_PREFIX_DELEGATION")),
    ),
    "prefixes off in an IPv4 cluster": ("cni-ip-family", turn_off("ENABLE_PREFIX_DELEGATION")),
    "security groups for pods in an IPv6 cluster": (
        "cni-ip-family",
        every(ipv6_cluster, cni(1, 16, 0), lambda s: s.turn_on("ENABLE_POD_ENI")),
    ),
    "places for pods kept in an IPv6 cluster": (
        "max-pods-too-low",
        every(ipv6_cluster, lambda s: s.change_node(reduce_max_pods=False)),
    ),
    "max-pods of one's own in an IPv6 cluster": (
        "max-pods-too-low",
        every(ipv6_cluster, lambda s: s.change_node(max_pods=110)),
    ),
    "interfaces on other cards in an IPv6 cluster": (
        "max-pods-too-low",
        every(
            ipv6_cluster,
            lambda s: s.change_spec("n3", network_card_index=1),
            lambda s: s.change_spec("n6", network_card_index=1),
        ),
    ),
    "as many pods as addresses": ("max-pods-too-high", lambda s: s.change_node(max_pods=30)),
    "more pods with prefixes": (
        "max-pods-too-high",
        every(
            lambda s: s.turn_on("ENABLE_PREFIX_DELEGATION"), lambda s: s.change_node(max_pods=110)
        ),
    ),
    "pods of IPv6 nodes": (
        "max-pods-too-high",
        every(ipv6_cluster, lambda s: s.change_node(max_pods=110)),
    ),
    "prefixes with all they need": (
        "prefix-delegation",
        lambda s: s.turn_on("ENABLE_PREFIX_DELEGATION"),
    ),
    "a rule that takes launches to people": (
        "hook-answered-by-others",
        rule("news", LAUNCHES, TOPIC),
    ),
    "a rule for another hook": (
        "hook-answered-by-others",
        rule("nth", {**LAUNCHES, "detail": {"LifecycleHookName": ["nth"]}}, QUEUE),
    ),
    "a rule for a ready hook that the group does not have": (
        "hook-answered-by-others",
        rule("nth", {**LAUNCHES, "detail": {"LifecycleHookName": [READY]}}, QUEUE),
    ),
    "a rule for another group": (
        "hook-answered-by-others",
        rule("nth", {**LAUNCHES, "detail": {"AutoScalingGroupName": ["other"]}}, QUEUE),
    ),
    "the stack's own rule": (
        "hook-answered-by-others",
        rule("MultusEni-example-LaunchRule1A2B", LAUNCHES, QUEUE),
    ),
    "nodes that have more than what is promised": (
        "nodes-without-interfaces",
        in_service(i_1=["n3", "n6", "retired"]),
    ),
    "hooks of ours that are there already": (
        "too-many-hooks",
        lambda s: s.change_group(
            hooks=(
                *map(str, range(48)),
                "MultusEni-example-launch",
                "MultusEni-example-terminate",
            )
        ),
    ),
}


JUST: dict[str, tuple[str, Change, list[Severity]]] = {
    "the first CNI that knows no_manage": ("cni-too-old", cni(1, 6, 0), [WARNING]),
    "IPv6-only interfaces alone on IPv6 nodes": (
        "cni-too-old",
        every(
            ipv6_cluster,
            ipv6_only,
            lambda s: s.change_spec("n6", ipv4=Ipv4Mode.NONE, ipv6_count=1),
            cni(1, 20, 4),
        ),
        [WARNING],
    ),
    "the first CNI for IPv4 on IPv6 nodes": (
        "cni-too-old",
        every(ipv6_cluster, cni(1, 20, 5)),
        [WARNING],
    ),
    "as many tagged security groups as can be": (
        "security-group-missing",
        security_groups(16),
        [WARNING],
    ),
    "just enough addresses when the nodes are spread": (
        "subnet-too-small",
        lambda s: s.change_subnet("n3-a", free=5),
        [WARNING],
    ),
    "more interfaces than fit say nothing about pods": (
        "max-pods-too-high",
        every(lambda s: s.change_type(cards=(2,)), lambda s: s.change_node(max_pods=110)),
        [FINE],
    ),
    "just as many interfaces as fit": (
        "max-pods-too-high",
        every(
            lambda s: s.change_type(cards=(3,), interfaces=3),
            lambda s: s.change_node(max_pods=17),
        ),
        [WARNING],
    ),
    "room on the card and none on the type": (
        "cni-without-room",
        lambda s: s.change_type(interfaces=3),
        [WARNING],
    ),
    "room on the type and none on the card": (
        "cni-without-room",
        lambda s: s.change_type(cards=(3, 4), interfaces=7),
        [WARNING],
    ),
    "just enough addresses for prefixes beside the nodes there are": (
        "prefix-delegation",
        every(
            lambda s: s.turn_on("ENABLE_PREFIX_DELEGATION"),
            lambda s: s.change_group(nodes=4),
            lambda s: s.change_subnet("nodes-a", free=51),
            lambda s: s.change_subnet("nodes-b", free=51),
        ),
        [FINE],
    ),
}


@pytest.mark.parametrize("case", JUST)
def test_bounds_are_where_they_are_said_to_be(scene: Scene, case: str) -> None:
    code, change, severities = JUST[case]
    change(scene)
    assert [each.severity for each in scene.by(code)] == severities


def test_the_worst_severity_of_several_is_told() -> None:
    findings = [Finding("rule", severity, "", "", "") for severity in (FINE, WARNING, ERROR, FINE)]
    assert worst(findings) is ERROR
    assert [each.severity for each in worst_first(findings)] == [ERROR, WARNING, FINE, FINE]
    assert worst(findings[:2]) is WARNING
    assert worst([]) is FINE


def test_all_is_fine_where_all_is_well(scene: Scene) -> None:
    assert {each.severity for each in scene.findings()} == {Severity.FINE}
    shown = [code for code in CODES if code != NOT_SHOWN]
    assert [each.code for each in scene.findings()] == [
        code for code in shown if code not in CREATED
    ]
    scene.create()
    assert {each.severity for each in scene.findings()} == {Severity.FINE}
    assert [each.code for each in scene.findings()] == shown


@pytest.mark.parametrize("case", TROUBLES)
def test_trouble_is_told_with_a_remedy(scene: Scene, case: str) -> None:
    code, change, severity, subject, words = TROUBLES[case]
    change(scene)
    told = scene.troubles(code)
    assert [each for each in told if each[:2] == (severity, subject) and words in each[2]], told
    assert all(each.remedy.endswith((".", "Image")) for each in scene.by(code))


@pytest.mark.parametrize("case", NO_TROUBLES)
def test_what_is_well_is_told_as_such(scene: Scene, case: str) -> None:
    code, change = NO_TROUBLES[case]
    change(scene)
    assert [(each.severity, each.code) for each in scene.by(code)] == [(Severity.FINE, code)]


def test_every_rule_has_both_kinds_of_case() -> None:
    assert {code for code, *_ in TROUBLES.values()} == set(CODES) - {NOT_SHOWN} - CREATED


def test_a_second_subnet_in_the_zone_is_no_remedy_where_there_is_one_per_zone(scene: Scene) -> None:
    scene.create()
    scene.change_subnet("nodes-a", free=9)
    scene.change_subnet("nodes-b", free=4)
    scene.change_subnet("n3-a", free=4)
    begin = {
        (each.subject, each.remedy.partition(", ")[0]) for each in scene.by("subnet-too-small")
    }
    assert begin == {
        ("create.subnets", "Use a larger subnet"),
        ("n3", "Use a larger subnet or a second one in the zone"),
    }


def test_each_zone_is_told_of_by_itself(scene: Scene) -> None:
    offered(m5_xlarge="a", m6i_xlarge="ac")(scene)
    assert [each[1] for each in scene.troubles("zone-without-type")] == ["us-east-1b"]
    offered(m5_xlarge="c")(scene)
    assert [each[1] for each in scene.troubles("zone-without-type")] == ["us-east-1a", "us-east-1b"]


def test_nothing_is_said_of_the_zones_of_types_that_no_zone_has(scene: Scene) -> None:
    offered(m5_xlarge="")(scene)
    assert scene.by("zone-without-type") == []


def test_one_trouble_is_told_once(scene: Scene) -> None:
    scene.change_subnet("nodes-a", vpc_id=OTHER_VPC)
    scene.change_subnet("nodes-b", vpc_id=OTHER_VPC)
    assert len(scene.troubles("cluster-vpc")) == 1


def test_each_instance_type_is_looked_at(scene: Scene) -> None:
    scene.types["m5.large"] = dataclasses.replace(
        scene.types["m5.xlarge"], name="m5.large", cards=(3,), interfaces=3, ipv4=10, ipv6=10
    )
    scene.change_group(launches=Launches(("m5.xlarge", "m5.large")))
    [(severity, subject, message)] = scene.troubles("cni-without-room")
    assert (severity, subject) == (WARNING, "m5.large")
    assert message.endswith("11 pods per node")
