"""The stacks of groups that are created: what their nodes are launched as, hooked by and allowed to do."""

from __future__ import annotations

import email
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import App
from cfnlint.api import (  # type: ignore[import-untyped]  # cfn-lint ships no types
    ManualArgs,
    lint,
)

import app as application

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.infra.conftest import Template

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

HERE = Path(__file__).parent
GOLDEN = HERE / "golden" / "MultusEni-born-Nodes-full.template.json"
OWNER = "MultusEni-born"
REGIONS = ("us-east-1", "cn-north-1", "us-gov-west-1")
ENI_RIGHTS = re.compile(
    r"ec2:(\*|(Create|Attach|Detach|Delete|Modify)NetworkInterface|Assign|Unassign)"
)


@pytest.fixture
def full(born: Mapping[str, Template]) -> Template:
    """The group that says all but a warm pool."""
    return born[f"{OWNER}-Nodes-full"]


@pytest.fixture
def pooled(born: Mapping[str, Template]) -> Template:
    """The group with a warm pool and an image of its own."""
    return born[f"{OWNER}-Nodes-pooled"]


@pytest.mark.golden
def test_the_template_is_its_golden_copy(full: Template) -> None:
    """A change shows in review. UPDATE_GOLDEN=1 (`make golden`) writes the copy instead of comparing."""
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(full.text + "\n")
    assert full.text + "\n" == GOLDEN.read_text()


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("name", ["full", "pooled"])
def test_the_template_is_valid_in_every_partition(
    born: Mapping[str, Template], name: str, region: str
) -> None:
    findings = lint(born[f"{OWNER}-Nodes-{name}"].text, config=ManualArgs(regions=[region]))
    assert [str(finding) for finding in findings] == []


def test_the_functions_are_there_before_the_first_node(born: Mapping[str, Template]) -> None:
    artifacts = born["manifest"].parsed["artifacts"]
    for name in ("full", "pooled"):
        assert OWNER in artifacts[f"{OWNER}-Nodes-{name}"]["dependencies"]


def test_a_created_group_has_its_hooks_inline_and_nowhere_else(
    born: Mapping[str, Template], full: Template, pooled: Template
) -> None:
    def inline(template: Template) -> list[tuple[str, ...]]:
        hooks = template.only("AWS::AutoScaling::AutoScalingGroup")[
            "LifecycleHookSpecificationList"
        ]
        return [tuple(str(value) for _, value in sorted(hook.items())) for hook in hooks]

    launch = ("ABANDON", "900", f"{OWNER}-launch", "autoscaling:EC2_INSTANCE_LAUNCHING")
    terminate = ("CONTINUE", "900", f"{OWNER}-terminate", "autoscaling:EC2_INSTANCE_TERMINATING")
    ready = ("ABANDON", "900", f"{OWNER}-ready", "autoscaling:EC2_INSTANCE_LAUNCHING")
    assert inline(full) == [launch, terminate, ready]
    assert inline(pooled) == [launch, terminate, ready]
    later = born[OWNER].of_type("AWS::AutoScaling::LifecycleHook").values()
    assert {hook["Properties"]["AutoScalingGroupName"] for hook in later} == {"core-adopted"}


def test_the_group_is_named_as_the_functions_know_it(
    born: Mapping[str, Template], full: Template
) -> None:
    name = full.only("AWS::AutoScaling::AutoScalingGroup")["AutoScalingGroupName"]
    assert name == f"{OWNER}-Nodes-full"
    documents = {
        parameter["Properties"]["Name"]: parameter["Properties"]["Value"]
        for parameter in born[OWNER].of_type("AWS::SSM::Parameter").values()
    }
    resolved = json.loads(documents[f"/multus-eni/{OWNER}/node-groups/full"])
    assert resolved["node_groups"][0]["auto_scaling_group"] == name


def test_nodes_are_launched_as_written(full: Template) -> None:
    launch = full.launch
    assert launch["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpPutResponseHopLimit": 2,
        "HttpTokens": "required",
    }
    (volume,) = launch["BlockDeviceMappings"]
    assert volume == {
        "DeviceName": "/dev/xvda",
        "Ebs": {
            "DeleteOnTermination": True,
            "Encrypted": True,
            "Iops": 6000,
            "KmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/1f2e3d4c-0000-0000-0000-000000000000",
            "Throughput": 500,
            "VolumeSize": 100,
            "VolumeType": "gp3",
        },
    }
    assert launch["KeyName"] == "operators"
    assert {spec["ResourceType"] for spec in launch["TagSpecifications"]} == {
        "volume",
        "network-interface",
    }


def test_what_is_not_written_is_the_careful_choice(pooled: Template) -> None:
    launch = pooled.launch
    assert launch["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert launch["MetadataOptions"]["HttpTokens"] == "required"
    assert launch["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
    assert "KeyName" not in launch
    assert launch["SecurityGroupIds"] == ["sg-0c41d8f7a26be5930"]


def test_the_image_is_the_recommended_one_by_version_and_architecture_or_the_one_written(
    full: Template, pooled: Template
) -> None:
    # The CDK's CLI never changes the value of a parameter that the stack has already.
    assert full.launch["ImageId"] == {"Ref": "Image132x8664"}
    assert full.parsed["Parameters"]["Image132x8664"]["Default"] == (
        "/aws/service/eks/optimized-ami/1.32/amazon-linux-2023/x86_64/standard/recommended/image_id"
    )
    assert pooled.launch["ImageId"] == "ami-00000000000000001"
    assert not [name for name in pooled.parsed["Parameters"] if name.startswith("Image")]


def test_several_types_are_mixed_in_their_order_with_the_share_of_spot(
    full: Template, pooled: Template
) -> None:
    group = full.only("AWS::AutoScaling::AutoScalingGroup")
    policy = group["MixedInstancesPolicy"]
    assert policy["InstancesDistribution"] == {
        "OnDemandAllocationStrategy": "prioritized",
        "OnDemandBaseCapacity": 2,
        "OnDemandPercentageAboveBaseCapacity": 60,
        "SpotAllocationStrategy": "price-capacity-optimized",
    }
    overrides = [each["InstanceType"] for each in policy["LaunchTemplate"]["Overrides"]]
    assert overrides == ["m5.8xlarge", "r5.8xlarge"]
    assert group["CapacityRebalance"] is True
    assert group["VPCZoneIdentifier"] == ["subnet-0000000000000000a", "subnet-0000000000000000b"]
    alone = pooled.only("AWS::AutoScaling::AutoScalingGroup")
    assert "MixedInstancesPolicy" not in alone
    assert alone["CapacityRebalance"] is False
    assert pooled.launch["InstanceType"] == "m7g.2xlarge"


def test_the_size_that_scaling_made_is_left_alone(full: Template) -> None:
    group = full.only("AWS::AutoScaling::AutoScalingGroup")
    assert (group["MinSize"], group["MaxSize"]) == ("0", "9")
    assert "DesiredCapacity" not in group


def test_a_node_in_its_second_boot_is_not_taken_for_unhealthy(
    full: Template, pooled: Template
) -> None:
    isolating = full.only("AWS::AutoScaling::AutoScalingGroup")
    assert isolating["HealthCheckGracePeriod"] == 300
    assert "HealthCheckGracePeriod" not in pooled.only("AWS::AutoScaling::AutoScalingGroup")


def test_a_change_comes_by_an_instance_refresh_that_waits_for_nodes_in_service(
    full: Template,
) -> None:
    (group,) = full.of_type("AWS::AutoScaling::AutoScalingGroup").values()
    assert group["UpdatePolicy"]["AutoScalingInstanceRefresh"] == {
        "Strategy": "Rolling",
        "Preferences": {
            "InstanceWarmup": 0,
            "MaxHealthyPercentage": 120,
            "MinHealthyPercentage": 90,
            "SkipMatching": True,
        },
    }


def test_a_node_has_no_right_to_network_interfaces(
    born: Mapping[str, Template], full: Template
) -> None:
    role = full.only("AWS::IAM::Role")
    assert "Policies" not in role
    assert full.of_type("AWS::IAM::Policy") == {}
    attached = [json.dumps(arn) for arn in role["ManagedPolicyArns"]]
    names = [re.search(r"policy/(\w+)", arn) for arn in attached]
    assert [name and name[1] for name in names] == [
        "AmazonEKSWorkerNodePolicy",
        "AmazonEC2ContainerRegistryPullOnly",
        None,
        "AmazonSSMManagedInstanceCore",
    ]
    assert role["ManagedPolicyArns"][2] == {"Ref": "NodePolicyMultusEniborn"}
    default = full.parsed["Parameters"]["NodePolicyMultusEniborn"]["Default"]
    assert default == f"/multus-eni/{OWNER}/node-policy"
    ours = born[OWNER].only("AWS::IAM::ManagedPolicy")["PolicyDocument"]
    assert ENI_RIGHTS.search("ec2:AttachNetworkInterface")
    assert not ENI_RIGHTS.search(json.dumps(ours))


def test_a_node_may_join_before_there_is_one(full: Template, pooled: Template) -> None:
    (entry_id,) = full.of_type("AWS::EKS::AccessEntry")
    entry = full.only("AWS::EKS::AccessEntry")
    assert (entry["ClusterName"], entry["Type"]) == ("core", "EC2_LINUX")
    (group,) = full.of_type("AWS::AutoScaling::AutoScalingGroup").values()
    assert entry_id in group["DependsOn"]
    assert pooled.of_type("AWS::EKS::AccessEntry") == {}
    assert "NodeRole" in pooled.parsed["Outputs"]


def test_without_the_clusters_security_group_there_are_rules_in_both_directions(
    full: Template,
) -> None:
    (own,) = full.of_type("AWS::EC2::SecurityGroup")
    cluster, ours = "sg-0c41d8f7a26be5930", {"Fn::GetAtt": [own, "GroupId"]}
    assert full.launch["SecurityGroupIds"] == [ours, "sg-0000000000000000e"]
    (properties,) = [
        each["Properties"] for each in full.of_type("AWS::EC2::SecurityGroup").values()
    ]
    assert {"Key": "kubernetes.io/cluster/core", "Value": "owned"} in properties["Tags"]
    rules = [
        (
            rule["SourceSecurityGroupId"],
            rule["GroupId"],
            rule["IpProtocol"],
            rule.get("FromPort"),
            rule.get("ToPort"),
        )
        for rule in (
            each["Properties"] for each in full.of_type("AWS::EC2::SecurityGroupIngress").values()
        )
    ]
    expected = [
        (ours, ours, "-1", None, None),
        (cluster, ours, "tcp", 443, 443),
        (cluster, ours, "tcp", 1025, 65535),
        (cluster, ours, "tcp", 53, 53),
        (cluster, ours, "udp", 53, 53),
        (ours, cluster, "tcp", 443, 443),
        (ours, cluster, "tcp", 10250, 10250),
        (ours, cluster, "tcp", 53, 53),
        (ours, cluster, "udp", 53, 53),
    ]
    assert sorted(map(str, rules)) == sorted(map(str, expected))


def test_the_rules_are_there_before_the_first_node(full: Template) -> None:
    rules = full.of_type("AWS::EC2::SecurityGroupIngress")
    (group,) = full.of_type("AWS::AutoScaling::AutoScalingGroup").values()
    assert len(rules) == 9
    assert rules.keys() <= set(group["DependsOn"])


def tags(template: Template) -> dict[str, tuple[str, bool]]:
    """Return the group's tags: value, and whether its nodes have them."""
    return {
        tag["Key"]: (tag["Value"], tag["PropagateAtLaunch"])
        for tag in template.only("AWS::AutoScaling::AutoScalingGroup")["Tags"]
    }


def test_nodes_have_the_tags_of_file_and_group_and_the_autoscaler_those_that_it_reads(
    full: Template, pooled: Template
) -> None:
    template = "k8s.io/cluster-autoscaler/node-template"
    assert tags(full) == {
        "Name": (f"{OWNER}-Nodes-full", True),
        "team": ("user-plane", True),
        "kubernetes.io/cluster/core": ("owned", True),
        "k8s.io/cluster-autoscaler/enabled": ("true", False),
        "k8s.io/cluster-autoscaler/core": ("owned", False),
        f"{template}/label/example.com/plane": ("user", False),
        f"{template}/label/multus-eni.io/node-group": ("full", False),
        f"{template}/taint/dpdk": (":NoSchedule", False),
        f"{template}/resources/hugepages-1Gi": ("4Gi", False),
        f"{template}/resources/multus-eni.io/n3_dpdk": ("1", False),
    }
    assert tags(pooled) == {
        "Name": (f"{OWNER}-Nodes-pooled", True),
        "team": ("core", True),
        "kubernetes.io/cluster/core": ("owned", True),
    }


def test_the_warm_pool_is_of_stopped_nodes(full: Template, pooled: Template) -> None:
    (group_id,) = pooled.of_type("AWS::AutoScaling::AutoScalingGroup")
    assert pooled.only("AWS::AutoScaling::WarmPool") == {
        "AutoScalingGroupName": {"Ref": group_id},
        "InstanceReusePolicy": {"ReuseOnScaleIn": True},
        "MaxGroupPreparedCapacity": 3,
        "MinSize": 1,
        "PoolState": "Stopped",
    }
    assert full.of_type("AWS::AutoScaling::WarmPool") == {}


def test_user_data_has_the_nodes_own_part_besides_the_bootstrap(full: Template) -> None:
    message = email.message_from_string(full.launch["UserData"]["Fn::Base64"])
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "application/node.eks.aws",
        "text/cloud-boothook",
        "text/x-shellscript",
    ]


def test_user_data_that_ec2_would_not_take_is_a_problem_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (HERE / "created.yaml").read_text()
    arguments = json.dumps([f"--a{number}={'x' * 1000}" for number in range(16)])
    large = tmp_path / "large.yaml"
    large.write_text(text.replace("metadata_hop_limit: 2", f"kubelet_arguments: {arguments}"))
    out = tmp_path / "cdk.out"
    made = App(outdir=str(out), context={"config": str(large)}, analytics_reporting=False)
    assert application.main(made) == 2
    assert "more than the 16384 that EC2 takes" in capsys.readouterr().err
    assert not list(out.glob("*.template.json"))
