"""What the file names for a group that is created, held against the account."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from domain.model import SecurityGroupId, SubnetId, VpcId
from domain.preflight import created
from domain.preflight.findings import Severity
from domain.preflight.observed import SecurityGroup
from domain.preflight.planned import RootVolume
from tests.fakes.scene import AMI, A, B

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.scene import Scene

    Change = Callable[[Scene], object]

ERROR, WARNING = Severity.ERROR, Severity.WARNING
VOLUME = RootVolume("/dev/xvda", 50)
OTHER_VPC = VpcId("vpc-2")


def create(**changes: object) -> Change:
    return lambda scene: scene.create(**changes)


def ipv6(scene: Scene) -> None:
    """Let the cluster be an IPv6 one, with subnets for it."""
    scene.change_cluster(ipv6=True)
    for name in ("nodes-a", "nodes-b"):
        scene.change_subnet(name, has_ipv6=True, gives_ipv6=True)


def every(*changes: Change) -> Change:
    """Return all the changes as one."""

    def change(scene: Scene) -> None:
        for each in changes:
            each(scene)

    return change


def named_groups(count: int, *more: SecurityGroupId, **changes: object) -> Change:
    """Let so many security groups be named, which are there, and others besides."""

    def change(scene: Scene) -> None:
        ids = tuple(SecurityGroupId(f"sg-more-{number}") for number in range(count))
        for each in ids:
            scene.security_groups[each] = SecurityGroup(each, VpcId("vpc-1"))
        scene.create(security_groups=(*ids, *more), **changes)

    return change


def cni(*, has_role: bool) -> Change:
    return lambda scene: setattr(scene, "cni", dataclasses.replace(scene.cni, has_role=has_role))


def no_addon(scene: Scene) -> None:
    scene.instead["vpc_cni"] = None


def image(**changes: object) -> Change:
    """Let an image be named that is like the usual one but for the changes."""

    def change(scene: Scene) -> None:
        scene.images[AMI] = dataclasses.replace(scene.images[AMI], **changes)  # type: ignore[arg-type]  # the fields of Image
        scene.create(ami=AMI, root_volume=VOLUME)

    return change


def placed(strategy: str) -> Change:
    return lambda scene: scene.placement_groups.update(rack=strategy)


def cluster(**changes: object) -> Change:
    return lambda scene: scene.change_cluster(**changes)


TROUBLES: dict[str, tuple[str, Change, Severity, str, str]] = {
    "a subnet that is not there": (
        "node-subnet-wrong",
        create(subnets={A: SubnetId("subnet-x"), B: SubnetId("subnet-nodes-b")}),
        ERROR,
        "create.subnets",
        "subnet-x does not exist in this account and Region",
    ),
    "a subnet under the wrong zone": (
        "node-subnet-wrong",
        create(subnets={A: SubnetId("subnet-nodes-b")}),
        ERROR,
        "create.subnets",
        "subnet-nodes-b stands under us-east-1a and is in us-east-1b",
    ),
    "a subnet outside of the cluster's VPC": (
        "cluster-vpc",
        lambda s: s.change_subnet("nodes-b", vpc_id=OTHER_VPC),
        ERROR,
        "telco-workers",
        "launches nodes in subnet-nodes-b of vpc-2, and the cluster telco is in vpc-1",
    ),
    "an IPv6-only subnet": (
        "node-address-family",
        lambda s: s.change_subnet("nodes-a", ipv4_cidr=None, has_ipv6=True),
        ERROR,
        "create.subnets",
        "subnet-nodes-a is IPv6-only",
    ),
    "a subnet without IPv6 in an IPv6 cluster": (
        "node-address-family",
        every(ipv6, lambda s: s.change_subnet("nodes-b", has_ipv6=False)),
        ERROR,
        "create.subnets",
        "subnet-nodes-b has no IPv6 CIDR",
    ),
    "a subnet that gives no IPv6 unasked in an IPv6 cluster": (
        "node-address-family",
        every(ipv6, lambda s: s.change_subnet("nodes-b", gives_ipv6=False)),
        ERROR,
        "create.subnets",
        "subnet-nodes-b does not auto-assign IPv6 addresses",
    ),
    "a security group that is not there": (
        "node-security-groups",
        create(security_groups=(SecurityGroupId("sg-x"),)),
        ERROR,
        "create.security_groups",
        "sg-x does not exist in this account and Region",
    ),
    "a security group of another VPC": (
        "node-security-groups",
        every(
            create(security_groups=(SecurityGroupId("sg-2"),)),
            lambda s: s.security_groups.update(
                {SecurityGroupId("sg-2"): SecurityGroup(SecurityGroupId("sg-2"), OTHER_VPC)}
            ),
        ),
        ERROR,
        "create.security_groups",
        "sg-2 is of vpc-2, and the nodes are in vpc-1",
    ),
    "a written cluster security group that is not there": (
        "node-security-groups",
        lambda s: s.written.update(security_group="sg-x"),
        ERROR,
        "cluster.security_group",
        "sg-x does not exist in this account and Region",
    ),
    "more security groups than usual": (
        "node-security-groups",
        named_groups(5),
        WARNING,
        "create.security_groups",
        "would have 6 security groups",
    ),
    "more security groups than ever": (
        "node-security-groups",
        named_groups(16, cluster_security_group=False),
        ERROR,
        "create.security_groups",
        "would have 17 security groups",
    ),
    "a key pair that is not there": (
        "key-pair-missing",
        create(key_pair="nobody"),
        ERROR,
        "create.key_pair",
        "there is no key pair nobody",
    ),
    "a placement group that is not there": (
        "placement-group-missing",
        create(placement_group="nowhere"),
        ERROR,
        "create.placement_group",
        "there is no placement group nowhere",
    ),
    "a cluster placement group in two zones": (
        "placement-group-zones",
        every(create(placement_group="rack"), placed("cluster")),
        WARNING,
        "create.placement_group",
        "rack is of the strategy cluster, which is for one zone, and the group launches in us-east-1a, us-east-1b",
    ),
    "an image that is not seen": (
        "image-unsuitable",
        create(ami="ami-00000000"),
        ERROR,
        "create.ami",
        "ami-00000000 is not in this Region, or this account may not launch it",
    ),
    "an image that is not ready": (
        "image-unsuitable",
        image(state="pending", architecture="arm64"),
        ERROR,
        "create.ami",
        "ami-0d5b1c7a is pending",
    ),
    "an image of another architecture": (
        "image-unsuitable",
        image(architecture="arm64"),
        ERROR,
        "m5.xlarge",
        "runs x86_64, and ami-0d5b1c7a is of arm64",
    ),
    "an image with another root device": (
        "image-unsuitable",
        image(root_device="/dev/sda1", root_gib=80),
        ERROR,
        "create.ami",
        "ami-0d5b1c7a has its root device at /dev/sda1, and the launch template's encrypted volume is at /dev/xvda",
    ),
    "an image that is larger than the volume": (
        "image-unsuitable",
        image(root_gib=51),
        ERROR,
        "create.root_volume.size_gib",
        "is 50, and the root volume of ami-0d5b1c7a is of a snapshot of 51 GiB",
    ),
    "an access entry where there are none": (
        "access-entry",
        cluster(authentication_mode="CONFIG_MAP"),
        ERROR,
        "create.access_entry",
        "the cluster's authentication mode is CONFIG_MAP",
    ),
    "no access entry where there is nothing else": (
        "access-entry",
        every(create(access_entry=False), cluster(authentication_mode="API")),
        WARNING,
        "create.access_entry",
        "is false, and the cluster's authentication mode is API",
    ),
    "a VPC CNI without a role": (
        "cni-without-role",
        cni(has_role=False),
        WARNING,
        "vpc-cni",
        "shows no role of its own, and the role of these nodes has no AmazonEKS_CNI_Policy",
    ),
    "a VPC CNI of an IPv6 cluster without a role": (
        "cni-without-role",
        every(ipv6, create(cni_policy=True), cni(has_role=False)),
        WARNING,
        "vpc-cni",
        "nothing that is known to have ec2:AssignIpv6Addresses (AmazonEKS_CNI_Policy has not): without either",
    ),
    "a VPC CNI of an IPv6 cluster that is no add-on": (
        "cni-without-role",
        every(ipv6, create(cni_policy=True), no_addon),
        WARNING,
        "vpc-cni",
        "nothing that is known to have ec2:AssignIpv6Addresses",
    ),
    "a VPC CNI that is no add-on": (
        "cni-without-role",
        no_addon,
        WARNING,
        "vpc-cni",
        "is no EKS add-on, so it cannot be told whether it has a role of its own",
    ),
    "a kubelet that is newer than the cluster": (
        "kubelet-version",
        create(kubernetes_version="1.34"),
        ERROR,
        "create.kubernetes_version",
        "kubelet would be 1.34, newer than the cluster, which is 1.33",
    ),
    "a kubelet that is too old": (
        "kubelet-version",
        create(kubernetes_version="1.29"),
        ERROR,
        "create.kubernetes_version",
        "kubelet would be 1.29, 4 minor versions older than the cluster, which is 1.33",
    ),
    "a kubelet of a written version that is too old": (
        "kubelet-version",
        lambda s: s.written.update(version="1.29"),
        ERROR,
        "cluster.version",
        "kubelet would be 1.29",
    ),
}

NO_TROUBLES: dict[str, tuple[str, Change]] = {
    "subnets of an IPv6 cluster": ("node-address-family", ipv6),
    "subnets without IPv6 in an IPv4 cluster": ("node-address-family", create()),
    "as many security groups as usual": ("node-security-groups", named_groups(4)),
    "the cluster's security group named once more": (
        "node-security-groups",
        named_groups(4, SecurityGroupId("sg-1")),
    ),
    "a security group of the nodes' own": (
        "node-security-groups",
        every(create(cluster_security_group=False), cluster(facts={})),
    ),
    "a key pair that is there": ("key-pair-missing", create(key_pair="ops")),
    "a placement group that is there": ("placement-group-missing", create(placement_group="rack")),
    "a spread placement group in two zones": (
        "placement-group-zones",
        create(placement_group="rack"),
    ),
    "a cluster placement group in one zone": (
        "placement-group-zones",
        every(
            create(placement_group="rack"),
            placed("cluster"),
            lambda s: s.change_group(subnet_ids=s.group.subnet_ids[:1]),
        ),
    ),
    "no placement group beside a cluster one": (
        "placement-group-zones",
        every(create(), placed("cluster")),
    ),
    "an image that fits": ("image-unsuitable", image()),
    "an image that is as large as the volume": ("image-unsuitable", image(root_gib=50)),
    "an image that does not tell its root": (
        "image-unsuitable",
        image(root_device=None, root_gib=None),
    ),
    "an image beside no volume": (
        "image-unsuitable",
        every(image(root_gib=51), create(root_volume=None)),
    ),
    "an image of one of a type's architectures": (
        "image-unsuitable",
        every(image(), lambda s: s.change_type(architectures=("i386", "x86_64"))),
    ),
    "an access entry beside aws-auth": ("access-entry", create()),
    "an access entry alone": ("access-entry", cluster(authentication_mode="API")),
    "aws-auth alone": (
        "access-entry",
        every(create(access_entry=False), cluster(authentication_mode="CONFIG_MAP")),
    ),
    "aws-auth where there are entries too": ("access-entry", create(access_entry=False)),
    "a VPC CNI with a role": ("cni-without-role", create()),
    "a VPC CNI of an IPv6 cluster with a role": ("cni-without-role", every(ipv6, create())),
    "a VPC CNI with the nodes' rights": (
        "cni-without-role",
        every(create(cni_policy=True), cni(has_role=False)),
    ),
    "a VPC CNI that is no add-on with the nodes' rights": (
        "cni-without-role",
        every(create(cni_policy=True), no_addon),
    ),
    "the cluster's version": ("kubelet-version", create(kubernetes_version="1.33")),
    "the oldest kubelet": ("kubelet-version", create(kubernetes_version="1.30")),
    "a kubelet of its own version under a written one that is too old": (
        "kubelet-version",
        every(create(kubernetes_version="1.32"), lambda s: s.written.update(version="1.29")),
    ),
}

NOTHING: dict[str, tuple[str, Change]] = {
    "the mode is not shown": ("access-entry", cluster(authentication_mode="")),
    "the cluster has no security group yet": ("node-security-groups", cluster(facts={})),
    "the image's kubelet is not known": ("kubelet-version", image()),
    "the cluster does not tell its version": ("kubelet-version", cluster(version="")),
    "no instance type is known": (
        "image-unsuitable",
        every(image(), lambda s: s.instead.update(instance_types={})),
    ),
}


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """Return the world in which all is well, with a group that is created."""
    scene.create()
    return scene


@pytest.mark.parametrize("case", TROUBLES)
def test_trouble_is_told_with_a_remedy(scene: Scene, case: str) -> None:
    code, change, severity, subject, words = TROUBLES[case]
    change(scene)
    [(told, about, message)] = scene.troubles(code)
    assert (told, about) == (severity, subject)
    assert words in message
    assert all(each.remedy.endswith(".") for each in scene.by(code))


@pytest.mark.parametrize("case", NO_TROUBLES)
def test_what_is_well_is_told_as_such(scene: Scene, case: str) -> None:
    code, change = NO_TROUBLES[case]
    change(scene)
    assert [(each.severity, each.code) for each in scene.by(code)] == [(Severity.FINE, code)]


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_is_said_of_what_cannot_be_told(scene: Scene, case: str) -> None:
    code, change = NOTHING[case]
    change(scene)
    assert scene.by(code) == []


def test_every_rule_has_both_kinds_of_case() -> None:
    codes = {rule.code for rule in created.RULES}
    assert {code for code, *_ in TROUBLES.values()} == {*codes, "cluster-vpc"}
    assert {code for code, _ in NO_TROUBLES.values()} == codes - {"node-subnet-wrong"}


def test_bounds_of_the_quota_are_where_they_are_said_to_be(scene: Scene) -> None:
    for count, severity in ((4, Severity.FINE), (5, WARNING), (15, WARNING), (16, ERROR)):
        named_groups(count)(scene)
        assert [each.severity for each in scene.by("node-security-groups")] == [severity]


def test_the_remedy_for_another_vpc_names_what_is_written(scene: Scene) -> None:
    scene.change_subnet("nodes-b", vpc_id=OTHER_VPC)
    [trouble] = [each for each in scene.by("cluster-vpc") if each.severity is ERROR]
    assert trouble.remedy == "Correct `cluster_name` or `create.subnets`."
