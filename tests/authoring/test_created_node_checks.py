"""Faults between the values of what a created group's nodes are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.authoring.conftest import GROUP, create

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

HERE = "node_groups[0].create"
SSM = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
SSM_CN = "arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore"
WORKER = "arn:aws-cn:iam::aws:policy/AmazonEKSWorkerNodePolicy"
LONG = f"{'a' * 40}.example/{'b' * 40}"
"""A key of 89 characters, which Kubernetes takes."""
DOMAIN = f"{'d' * 60}.example"


def own(count: int) -> list[str]:
    """Return so many policies of an account."""
    return [f"arn:aws:iam::123456789012:policy/p{number}" for number in range(count)]


def labels(count: int) -> dict[str, str]:
    """Return so many labels."""
    return {f"k{number}": "v" for number in range(count)}


REFUSED: dict[str, tuple[dict[Location, Any], list[str]]] = {
    "a taint twice": (
        create(
            taints=[
                {"key": "dpdk", "value": "a", "effect": "NoSchedule"},
                {"key": "other", "effect": "NoSchedule"},
                {"key": "dpdk", "value": "b", "effect": "NoSchedule"},
            ]
        ),
        [
            f"{HERE}.taints[2]: has the key and the effect of {HERE}.taints[0] (got 'dpdk:NoSchedule'). "
            "Keep one of them: the API server takes no node with both, whatever their values."
        ],
    ),
    "a taint of two effects": (
        create(
            taints=[
                {"key": "dpdk", "effect": "NoSchedule"},
                {"key": "dpdk", "effect": "NoExecute"},
            ]
        ),
        [
            f"{HERE}.taints[1].effect: is a second effect of dpdk, beside NoSchedule in {HERE}.taints[0], and "
            "cluster-autoscaler can be told one (got 'NoExecute'). Give it a key of its own; or write "
            "`cluster_autoscaler: false`: without nodes to look at, it would scale the group up for pods that its nodes then "
            "refuse."
        ],
    ),
    "more tags than a group takes": (
        create(labels=labels(46)),
        [
            f"{HERE}.tags: are, with the file's own and those for cluster-autoscaler, more than 50 (got 51). "
            "Leave some out; with `cluster_autoscaler: false` labels, taints, pools and huge pages need none."
        ],
    ),
    "more tags by huge pages and a pool": (
        {
            **create(labels=labels(44)),
            (*GROUP, "node"): {"huge_pages": [{"size": "1Gi", "count": 4}]},
            (*GROUP, "interfaces", 0, "node"): {"resource": "n3"},
            ("tags",): {"team": "core"},
        },
        [
            f"{HERE}.tags: are, with the file's own and those for cluster-autoscaler, more than 50 (got 52). "
            "Leave some out; with `cluster_autoscaler: false` labels, taints, pools and huge pages need none."
        ],
    ),
    "cluster-autoscaler's tags by hand as well": (
        {
            **create(tags={"k8s.io/cluster-autoscaler/lab": "owned"}),
            ("tags",): {"k8s.io/cluster-autoscaler/enabled": "true"},
        },
        [
            f"{where}: is a tag that {HERE}.cluster_autoscaler makes as well (got '{key}'). "
            "Leave it out, or write `cluster_autoscaler: false` and all of its tags yourself."
            for where, key in (
                (
                    f"{HERE}.tags['k8s.io/cluster-autoscaler/lab']",
                    "k8s.io/cluster-autoscaler/lab",
                ),
                (
                    "tags['k8s.io/cluster-autoscaler/enabled']",
                    "k8s.io/cluster-autoscaler/enabled",
                ),
            )
        ],
    ),
    "keys that are too long for tags": (
        {
            **create(labels={LONG: "v"}, taints=[{"key": LONG, "effect": "NoSchedule"}]),
            (*GROUP, "node"): {"resource_prefix": DOMAIN},
            (*GROUP, "interfaces", 0, "node"): {"resource": "n3_dpdk_first"},
            (*GROUP, "interfaces", 1, "node"): {"resource": "n3_dpdk_first"},
            (*GROUP, "interfaces", 1, "subnets"): {
                "us-east-1a": "subnet-0000000a",
                "us-east-1b": "subnet-0000000b",
            },
        },
        [
            f"{where}: makes a tag key of {length} characters for cluster-autoscaler, and a key has at most 128 "
            f"(got '{value}'). Shorten it by {length - 128}, or write `cluster_autoscaler: false`."
            for where, length, value in (
                (f"{HERE}.labels['{LONG}']", 135, LONG),
                (f"{HERE}.taints[0].key", 135, LONG),
                ("node_groups[0].interfaces[0].node.resource", 132, f"{DOMAIN}/n3_dpdk_first"),
            )
        ],
    ),
    "more security groups than there can be": (
        create(security_groups=[f"sg-{number:08x}" for number in range(17)]),
        [
            f"{HERE}.security_groups: are, with the one that each node has anyway, more than 16 security groups (got 17). "
            "Put the rules into fewer: a network interface takes 5, and with its quota raised at most 16."
        ],
    ),
    "a security group and a policy twice": (
        create(security_groups=["sg-0000000a", "sg-0000000a"], policies=[SSM, SSM]),
        [
            f"{HERE}.security_groups: is in the list twice (got 'sg-0000000a'). Keep one of them.",
            f"{HERE}.policies: is in the list twice (got '{SSM}'). Keep one of them.",
        ],
    ),
    "a policy that is there anyway": (
        create(policies=[WORKER]),
        [f"{HERE}.policies: is a policy that the role has anyway (got '{WORKER}'). Leave it out."],
    ),
    "a policy of another partition": (
        {("region",): "us-east-1", **create(policies=[SSM, SSM_CN])},
        [
            f"{HERE}.policies: is of another partition than us-east-1, where ARNs begin with arn:aws: (got '{SSM_CN}'). "
            "Correct the ARN, or `region` at the top of the file: IAM attaches no policy of another partition."
        ],
    ),
    "the tag of the cluster": (
        create(tags={"kubernetes.io/cluster/lab": "shared", "kubernetes.io/cluster/other": "x"}),
        [
            f"{HERE}.tags['kubernetes.io/cluster/lab']: is the tag by which the cluster knows the nodes of {HERE}, and which they "
            "have anyway (got 'kubernetes.io/cluster/lab'). Leave it out."
        ],
    ),
    "the tag of the cluster for all": (
        {("tags",): {"kubernetes.io/cluster/lab": "owned"}, **create()},
        [
            f"tags['kubernetes.io/cluster/lab']: is the tag by which the cluster knows the nodes of {HERE}, and which they "
            "have anyway (got 'kubernetes.io/cluster/lab'). Leave it out."
        ],
    ),
    "a policy of another account": (
        {("account",): "210987654321", **create(policies=[SSM, own(1)[0]])},
        [
            f"{HERE}.policies: is of another account than 210987654321 (got '{own(1)[0]}'). Make the policy in the account that is "
            "deployed into: IAM attaches its own and AWS's, and no other."
        ],
    ),
    "more policies than there can be": (
        create(policies=own(23)),
        [
            f"{HERE}.policies: are more than the 22 for which a role has room (got 23). Put their statements into fewer "
            "policies: IAM attaches 10 to a role unless Service Quotas raised it, to at most 25, and 3 are there already."
        ],
    ),
    "control groups beside reserved CPUs": (
        create(
            reserved_cpus="0",
            kubelet_arguments=[
                "--system-reserved-cgroup=/system.slice",
                "--enforce-node-allocatable=pods,kube-reserved",
            ],
        ),
        [
            f"{HERE}.kubelet_arguments[{position}]: names a control group, and with reserved_cpus (0) kubelet ends at once "
            f"(got '{argument}'). Leave one of the two out."
            for position, argument in enumerate(
                [
                    "--system-reserved-cgroup=/system.slice",
                    "--enforce-node-allocatable=pods,kube-reserved",
                ]
            )
        ],
    ),
    "an argument twice": (
        create(kubelet_arguments=["--feature-gates=A=true", "--v=4", "--feature-gates=B=true"]),
        [
            f"{HERE}.kubelet_arguments[2]: is the argument of {HERE}.kubelet_arguments[0] once more "
            "(got '--feature-gates=B=true'). Write it once: an argument that takes several values, like --feature-gates, "
            "takes them with commas."
        ],
    ),
}


@pytest.mark.parametrize(("edits", "messages"), REFUSED.values(), ids=REFUSED)
def test_a_fault_of_what_nodes_are_given_is_refused_with_path_value_and_remedy(
    said: Callable[..., list[str]], edits: dict[Location, Any], messages: list[str]
) -> None:
    assert sorted(said(edits)) == sorted(messages)


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param(create(labels=labels(45)), id="as many tags as a group takes"),
        pytest.param(
            create(labels=labels(49), cluster_autoscaler=False), id="labels that are no tags"
        ),
        pytest.param(create(labels={LONG: "v"}, cluster_autoscaler=False), id="long labels"),
        pytest.param(
            create(
                cluster_autoscaler=False,
                taints=[
                    {"key": "dpdk", "effect": "NoSchedule"},
                    {"key": "dpdk", "effect": "NoExecute"},
                ],
            ),
            id="a taint of two effects, with nobody to tell",
        ),
        pytest.param(
            create(cluster_autoscaler=False, tags={"k8s.io/cluster-autoscaler/enabled": "true"}),
            id="cluster-autoscaler's tags by hand alone",
        ),
        pytest.param(
            create(security_groups=[f"sg-{number:08x}" for number in range(16)]),
            id="as many security groups as there can be, if the cluster's is one of them",
        ),
        pytest.param(create(policies=[SSM_CN]), id="a Region that is not written"),
        pytest.param(create(policies=own(22)), id="as many policies as there can be"),
        pytest.param(
            {("account",): "123456789012", **create(policies=[SSM, *own(1)])},
            id="policies of AWS and of the account",
        ),
        pytest.param(
            create(policies=["arn:aws:iam::123456789012:policy/AmazonEKSWorkerNodePolicy"]),
            id="a policy of the account by the name of EKS's",
        ),
        pytest.param(create(kubelet_arguments=["--v=4", "--vmodule=a=1"]), id="two arguments"),
        pytest.param(
            create(
                reserved_cpus="0",
                kubelet_arguments=["--enforce-node-allocatable=pods", "--kube-reserved-cgroup="],
            ),
            id="reserved CPUs without control groups",
        ),
        pytest.param(
            create(kubelet_arguments=["--system-reserved-cgroup=/system.slice"]),
            id="a control group without reserved CPUs",
        ),
    ],
)
def test_what_nodes_can_be_given_is_taken(
    said: Callable[..., list[str]], edits: dict[Location, Any]
) -> None:
    assert said(edits) == []


@pytest.mark.parametrize(
    ("malformed", "other"),
    [
        pytest.param("policies", {"kubelet_arguments": ["--v=1", "--v=2"]}, id="policies"),
        pytest.param("kubelet_arguments", {"policies": [SSM, SSM]}, id="arguments"),
        pytest.param("taints", {"security_groups": 2 * ["sg-0000000a"]}, id="taints"),
        pytest.param(
            "security_groups", {"taints": 2 * [{"key": "a", "effect": "NoSchedule"}]}, id="groups"
        ),
    ],
)
def test_a_malformed_key_hides_no_fault_of_another(
    said: Callable[..., list[str]], malformed: str, other: dict[str, Any]
) -> None:
    problems = said(create(**{malformed: ["-"]}, **other))
    assert {
        problem.removeprefix(f"{HERE}.").partition(":")[0].partition("[")[0] for problem in problems
    } == {
        malformed,
        *other,
    }
