"""Faults between the values of a group that is created."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authoring.instance_types import architecture, known_types
from tests.authoring.conftest import CLUSTER, CREATED, GROUP, create

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

HERE = "node_groups[0].create"
HOLDS_ITSELF: dict[Location, Any] = {
    (*GROUP, "node"): {"ready_hook": True, "on_failure": "abandon"}
}

TYPES = [
    name
    for name, limits in known_types().items()
    if limits.cpus >= 8 and architecture(name) == "x86_64"
]

REFUSED: dict[str, tuple[dict[Location, Any], list[str]]] = {
    "fewest above most": (
        create(min_size=4),
        [f"{HERE}.min_size: is more than max_size (3) (got 4). Correct one of the two."],
    ),
    "a zone without a Multus subnet": (
        create(subnets={"us-east-1c": "subnet-000000cc"}),
        [
            f"{HERE}.subnets.us-east-1c: is a zone in which interface {name} has no subnet (got 'us-east-1c'). Add one to "
            f"node_groups[0].interfaces[{position}].subnets, or leave the zone out: each node launched there would be abandoned."
            for position, name in enumerate(("n3", "n6"))
        ],
    ),
    "no types": (
        {**CREATED, (*GROUP, "instance_types"): []},
        [
            "node_groups[0].instance_types: is missing, and a group that is created launches these types. "
            "Write at least one type; the first is preferred."
        ],
    ),
    "a type that runs macOS": (
        {**CREATED, (*GROUP, "instance_types"): ["mac1.metal"]},
        [
            "node_groups[0].instance_types[0]: runs macOS alone (got 'mac1.metal'). Name types that run Amazon Linux (EC2 User "
            "Guide, Amazon EC2 Mac instances)."
        ],
    ),
    "two architectures": (
        {**CREATED, (*GROUP, "instance_types"): ["m5.2xlarge", "m6g.2xlarge"]},
        [
            "node_groups[0].instance_types[1]: is of arm64, and m5.2xlarge of x86_64 (got 'm6g.2xlarge'). "
            "A group has one image, so make a group for each architecture."
        ],
    ),
    "a type twice": (
        {**CREATED, (*GROUP, "instance_types"): ["m5.2xlarge", "m6i.2xlarge", "m5.2xlarge"]},
        [
            "node_groups[0].instance_types[2]: is node_groups[0].instance_types[0] once more (got 'm5.2xlarge'). "
            "Keep one of them: Auto Scaling takes no type twice."
        ],
    ),
    "more types than a group takes": (
        {**CREATED, (*GROUP, "instance_types"): TYPES[:41]},
        [
            "node_groups[0].instance_types: are more than the 40 instance types that an Auto Scaling group takes (got 41). "
            "Leave out those that are preferred least."
        ],
    ),
    "Spot of one type": (
        create(spot_percent=50),
        [
            f"{HERE}.spot_percent: takes Spot Instances of one type only (got 50). Name several in instance_types: when that "
            "type runs out, all of the share does, and nothing replaces it."
        ],
    ),
    "Spot's keys without Spot": (
        create(on_demand_base=1, capacity_rebalance=True),
        [
            f"{HERE}.{key}: has no effect without Spot Instances (got {value}). Add `spot_percent`, or leave it out."
            for key, value in (("on_demand_base", 1), ("capacity_rebalance", True))
        ],
    ),
    "a base that leaves nothing to Spot": (
        {
            **create(spot_percent=50, on_demand_base=3),
            (*GROUP, "instance_types"): ["m5.2xlarge", "m6i.2xlarge"],
        },
        [
            f"{HERE}.on_demand_base: leaves none of max_size (3) to Spot Instances, of which spot_percent (50) asks for a share "
            "(got 3). Write a smaller base, or leave `spot_percent` out."
        ],
    ),
    "a warm pool that the nodes in service leave empty": (
        create(min_size=2, warm_pool={"max_prepared": 2}),
        [
            f"{HERE}.warm_pool.max_prepared: is no more than the nodes in service, of which there are 2 at least: the pool would "
            "always be empty (got 2). Write more than min_size; max_prepared counts the nodes in service as well."
        ],
    ),
    "a refresh of too wide a range": (
        create(update={"min_healthy_percent": 50, "max_healthy_percent": 200}),
        [
            f"{HERE}.update.max_healthy_percent: is 150 percent above min_healthy_percent (50) (got 200). "
            "Write at most 150: Auto Scaling takes no larger difference."
        ],
    ),
    "a warm pool of nodes that nothing holds until they are prepared": (
        {**create(warm_pool={}), (*GROUP, "node"): {"ready_hook": False}},
        [
            "node_groups[0].node.ready_hook: lets the warm pool stop a node as soon as it has its interfaces, in the middle of its "
            "user data, which never runs again (got False). Write `ready_hook: true`: the node holds itself until it is prepared."
        ],
    ),
    "a warm pool of Spot Instances": (
        {
            **create(warm_pool={}, spot_percent=50),
            **HOLDS_ITSELF,
            (*GROUP, "instance_types"): ["m5.2xlarge", "m6i.2xlarge"],
        },
        [
            f"{HERE}.warm_pool: is not for Spot Instances, and spot_percent asks for some (got 50). "
            "Leave one of the two out: Auto Scaling keeps no Spot Instance in a warm pool."
        ],
    ),
    "a warm pool larger than what may be prepared": (
        {**create(warm_pool={"min_size": 3, "max_prepared": 2}), **HOLDS_ITSELF},
        [
            f"{HERE}.warm_pool.max_prepared: is less than the 3 that wait at least (got 2). "
            "Correct one of the two; max_prepared counts the nodes in service as well."
        ],
    ),
    "a warm pool larger than the group": (
        create(warm_pool={"min_size": 4}),
        [
            f"{HERE}.warm_pool.min_size: is more than max_size (3), and so many can never be in service (got 4). "
            "Correct one of the two: the rest would wait for nothing."
        ],
    ),
    "a volume of more operations and throughput than gp3 gives": (
        create(root_volume={"size_gib": 20, "iops": 16000, "throughput_mib_s": 1000}),
        [
            f"{HERE}.root_volume.iops: is more than the 10000 that 20 GiB have (got 16000). "
            "Write a larger size_gib: gp3 has at most 500 for each GiB."
        ],
    ),
    "a volume of more throughput than its operations carry": (
        create(root_volume={"throughput_mib_s": 1000}),
        [
            f"{HERE}.root_volume.throughput_mib_s: is more than a quarter of iops (3000) (got 1000). "
            "Write iops: 4000, or less throughput."
        ],
    ),
    "a key of another Region": (
        {
            ("region",): "us-east-1",
            **create(root_volume={"kms_key_arn": "arn:aws:kms:us-west-2:123456789012:key/1"}),
        },
        [
            f"{HERE}.root_volume.kms_key_arn: is not in us-east-1 (got 'arn:aws:kms:us-west-2:123456789012:key/1'). "
            "Name a key of the stack's own Region: EBS encrypts with no other, and every launch would fail."
        ],
    ),
    "one subnet in two zones": (
        create(subnets={"us-east-1a": "subnet-000000aa", "us-east-1b": "subnet-000000aa"}),
        [
            f"{HERE}.subnets.us-east-1b: stands under us-east-1a in {HERE}.subnets.us-east-1a (got 'subnet-000000aa'). "
            "A subnet is in one zone only: correct one of the two."
        ],
    ),
    "a Multus subnet of another zone": (
        create(subnets={"us-east-1a": "subnet-0000000b"}),
        [
            f"node_groups[0].interfaces[0].subnets.us-east-1b: stands under us-east-1a in {HERE}.subnets.us-east-1a "
            "(got 'subnet-0000000b'). A subnet is in one zone only: correct one of the two."
        ],
    ),
    "a type that is not known": (
        {**CREATED, (*GROUP, "instance_types"): ["m5.2xlrage"]},
        [
            "node_groups[0].instance_types[0]: is not a known instance type (got 'm5.2xlrage'). Did you mean m5.2xlarge? "
            "A group that is created launches no type whose limits are not known. For one that is newer than this release "
            "renew them (docs/configuration.md, What the limits of instance types mean), or make the group yourself and adopt it."
        ],
    ),
    "an adopted group with a created one's name": (
        {
            **CREATED,
            ("node_groups", 1): {
                "name": "others",
                "auto_scaling_group": "MultusEni-lab-Nodes-workers",
                "interfaces": [
                    {
                        "name": "n3",
                        "subnets": ["subnet-0000000a"],
                        "security_groups": ["sg-0000000a"],
                    }
                ],
            },
        },
        [
            "node_groups[1].auto_scaling_group: is the group that node_groups[0].create creates (got 'MultusEni-lab-Nodes-workers'). "
            "Leave this node group out, or name another Auto Scaling group."
        ],
    ),
    "another zone and another fault": (
        {("region",): "us-east-2", **create(subnets={"us-east-1a": "subnet-000000aa"}, min_size=9)},
        [
            *(
                f"node_groups[0].interfaces[{number}].subnets.us-east-1{zone}: is not a zone of us-east-2 (got 'us-east-1{zone}'). "
                "Correct the zone, or `region` at the top of the file."
                for number in range(2)
                for zone in "ab"
            ),
            f"{HERE}.subnets.us-east-1a: is not a zone of us-east-2 (got 'us-east-1a'). Correct the zone, or `region` at the "
            "top of the file.",
            f"{HERE}.min_size: is more than max_size (3) (got 9). Correct one of the two.",
        ],
    ),
}


@pytest.mark.parametrize(("edits", "messages"), REFUSED.values(), ids=REFUSED)
def test_a_fault_of_a_created_group_is_refused_with_path_value_and_remedy(
    said: Callable[..., list[str]], edits: dict[Location, Any], messages: list[str]
) -> None:
    assert sorted(said(edits)) == sorted(messages)


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param(CREATED, id="the least"),
        pytest.param({**CREATED, (*GROUP, "instance_types"): TYPES[:40]}, id="as many types"),
        pytest.param(create(warm_pool={"min_size": 3}), id="as many warm as can serve"),
        pytest.param(create(warm_pool={}), id="a warm pool of nodes that hold themselves"),
        pytest.param(
            create(min_size=2, warm_pool={"min_size": 1, "max_prepared": 1}),
            id="a warm pool of one always",
        ),
        pytest.param(
            create(root_volume={"size_gib": 65536, "iops": 80000, "throughput_mib_s": 2000}),
            id="the largest volume of gp3",
        ),
        pytest.param(
            {**CREATED, (*GROUP, "node"): {"ready_hook": False}}, id="no ready hook, as written"
        ),
        pytest.param(
            {
                **create(spot_percent=50, on_demand_base=1, capacity_rebalance=True),
                (*GROUP, "instance_types"): ["m5.2xlarge", "m6i.2xlarge"],
            },
            id="Spot of two types",
        ),
        pytest.param(
            {
                ("region",): "us-east-1",
                **create(root_volume={"kms_key_arn": "arn:aws:kms:us-east-1:123456789012:key/1"}),
            },
            id="a key of the Region",
        ),
        pytest.param(
            create(root_volume={"kms_key_arn": "arn:aws:kms:us-west-2:123456789012:key/1"}),
            id="a Region that is not written",
        ),
        pytest.param(
            create(subnets={"us-east-1a": "subnet-0000000a"}), id="a subnet that Multus is in too"
        ),
    ],
)
def test_a_created_group_that_is_right_is_taken(
    said: Callable[..., list[str]], edits: dict[Location, Any]
) -> None:
    assert said(edits) == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        pytest.param({"labels": {"node-role.kubernetes.io/x": ""}}, "would not start", id="role"),
        pytest.param({"labels": {"multus-eni.io/x": ""}}, "the bootstrap sets itself", id="ours"),
        pytest.param({"labels": {"a b": ""}}, "is not a key of Kubernetes", id="key"),
        pytest.param({"labels": {"-x.com/a": ""}}, "is not a key of Kubernetes", id="domain"),
        pytest.param({"labels": {"a": "-"}}, "is not a label's value", id="value"),
        pytest.param(
            {"taints": [{"key": "a", "effect": "Never"}]}, "must be 'NoSchedule'", id="effect"
        ),
        pytest.param({"isolated_cpus": "2-"}, "is not a list of CPUs", id="CPUs"),
        pytest.param({"isolated_cpus": "7-2"}, "is not a list of CPUs", id="CPUs from above"),
        pytest.param({"reserved_cpus": "1,0-1"}, "is not a list of CPUs", id="a CPU twice"),
        pytest.param({"kubelet_arguments": ["-v"]}, "is not an argument", id="argument"),
        pytest.param({"kubernetes_version": "1.3"}, "is not a Kubernetes version", id="version"),
        pytest.param({"ami": "ami-1"}, "is not an image id", id="image"),
        pytest.param({"policies": ["AdministratorAccess"]}, "is not the ARN", id="policy"),
        pytest.param({"root_volume": {"size_gib": 8}}, "must be 20 to 65536 GiB", id="volume"),
        pytest.param({"subnet": {}}, "Did you mean subnets?", id="unknown key"),
        pytest.param({"warm_pool": {"size": 1}}, "Did you mean min_size?", id="unknown key inside"),
    ],
)
def test_a_value_that_cannot_be_is_refused(
    said: Callable[..., list[str]], keys: dict[str, object], words: str
) -> None:
    (problem,) = said(create(**keys))
    assert problem.startswith(f"{HERE}.{next(iter(keys))}")
    assert words in problem


@pytest.mark.parametrize(
    "label", ["plane", "example.com/plane", "node.kubernetes.io/x", "kubernetes.io/arch"]
)
def test_a_label_that_kubelet_may_give_itself_is_taken(
    said: Callable[..., list[str]], label: str
) -> None:
    assert said(create(labels={label: "user"})) == []


def test_a_malformed_key_hides_no_fault_of_another(said: Callable[..., list[str]]) -> None:
    problems = said(create(min_size="one", max_size=3, isolated_cpus="2-7"))
    assert {problem.partition(":")[0] for problem in problems} == {
        f"{HERE}.isolated_cpus",
        f"{HERE}.min_size",
    }


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        *(
            (argument, f"is an argument that another key writes (got '{argument}'). Write {key}")
            for argument, key in {
                "--node-labels=a=b": "labels instead.",
                "--register-with-taints=a:NoSchedule": "taints instead.",
                "--cpu-manager-policy=static": "cpu_manager_policy instead.",
                "--topology-manager-policy=restricted": "topology_manager_policy instead.",
                "--reserved-cpus=0": "reserved_cpus instead.",
                "--max-pods=8": "max_pods of `node:` instead.",
            }.items()
        ),
        *(
            (argument, f"is an argument that has to stay as it is (got '{argument}'). Leave it")
            for argument in (
                "--hostname-override=n",
                "--cloud-provider=aws",
                "--provider-id=aws:///us-east-1a/i-0",
                "--node-ip=::",
                "--config=/etc/kubelet.json",
                "--config-dir=/etc/kubelet.d",
                "--kubeconfig=/etc/kubeconfig",
                "--bootstrap-kubeconfig=/etc/kubeconfig",
                "--client-ca-file=/etc/ca.crt",
                "--image-credential-provider-config=/etc/a.json",
                "--image-credential-provider-bin-dir=/bin",
                "--healthz-port=0",
                "--healthz-bind-address=0.0.0.0",
                "--container-runtime-endpoint=unix:///run/crio.sock",
                "--register-node=false",
            )
        ),
    ],
)
def test_an_argument_that_is_not_a_persons_to_give_is_refused(
    said: Callable[..., list[str]], argument: str, words: str
) -> None:
    (problem,) = said(create(kubelet_arguments=["--v=4", argument]))
    assert problem.startswith(f"{HERE}.kubelet_arguments[1]: {words}")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("endpoint", "example.com", "is not the address of an API server"),
        ("certificate_authority", "no base64", "is not base64"),
        ("certificate_authority", "", "is empty"),
        ("service_cidr", "10.100.0.1/16", "has bits set after its prefix"),
        ("vpc", "vpc-1", "is not a VPC id"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(
    said: Callable[..., list[str]], key: str, value: str, words: str
) -> None:
    (problem,) = said({**CREATED, ("cluster",): {**CLUSTER, key: value}})
    assert problem.startswith(f"cluster.{key}: {words}")
