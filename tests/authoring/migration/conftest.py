"""Deployments of the published sample, one per version: the facts of their parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from authoring.migration.source import Resource, Source, Subnet

SUBNETS = [f"subnet-0{number}{'0' * 15}" for number in range(1, 9)]
GROUPS = [f"sg-0{number}{'0' * 15}" for number in range(1, 4)]
NODES = f"subnet-0f{'0' * 15}"
EAST_A, EAST_B = "us-east-1a", "us-east-1b"

NODE_GROUP = {
    "BootstrapArguments": "--kubelet-extra-args '--node-labels=cnf=xyz'",
    "ClusterControlPlaneSecurityGroup": "sg-0c000000000000000",
    "ClusterName": "eks-multus-cluster",
    "KeyName": "ee-default-keypair",
    "LambdaS3Bucket": "multus-cluster",
    "LambdaS3Key": "lambda_function.zip",
    "NodeAutoScalingGroupDesiredCapacity": "2",
    "NodeAutoScalingGroupMaxSize": "3",
    "NodeAutoScalingGroupMinSize": "2",
    "NodeGroupName": "ng1",
    "NodeImageId": "",
    "NodeImageIdSSMParam": "/aws/service/eks/optimized-ami/1.21/amazon-linux-2/recommended/image_id",
    "NodeInstanceType": "c5.2xlarge",
    "NodeVolumeSize": "50",
    "Subnets": NODES,
    "VpcId": "vpc-00000000000000000",
}
PARAMETERS: dict[str, dict[str, str]] = {
    "guide": {
        **NODE_GROUP,
        "DisableIMDSv1": "false",
        "useIPsFromStartOfSubnet": "true",
        "InterfaceTags": "",
        "MultusSubnets": ",".join(SUBNETS[:2]),
        "MultusSecurityGroups": GROUPS[0],
    },
    "list": {
        **NODE_GROUP,
        "MultusSubnets": ",".join(SUBNETS[:2]),
        "MultusSecurityGroupIds": ",".join(GROUPS[:2]),
    },
    "one": {
        **NODE_GROUP,
        "MultusSubnet1": SUBNETS[0],
        "MultusSecurityGroupId1": GROUPS[0],
        "MultusIpv6Req1": "true",
    },
    "four": {
        **NODE_GROUP,
        **{f"MultusSubnet{number}": SUBNETS[number - 1] for number in (1, 2, 3, 4)},
        "MultusSecurityGroupId": GROUPS[0],
        "NodeInstanceType": "c5.9xlarge",
    },
    "managed": {
        "EksNodeGroupTagKey": "multus-ng",
        "LambdaS3Bucket": "YOUR_BUCKET",
        "LambdaS3Key": "eks-mng-multus-lambda.zip",
        "MultusInterfaceTags": "",
        "MultusSecurityGroupIds": GROUPS[0],
        "MultusSubnetsAz1": ",".join(SUBNETS[:2]),
        "MultusSubnetsAz2": ",".join(SUBNETS[4:6]),
        "useIPsFromStartOfSubnet": "false",
    },
}
STACK = (
    Resource("NodeGroup", "AWS::AutoScaling::AutoScalingGroup", "ng1-NodeGroup-1A2B3C"),
    Resource("LchookEc2Ins", "AWS::AutoScaling::LifecycleHook", "ng1-LchookEc2Ins-4D5E"),
    Resource("LchookEc2Term", "AWS::AutoScaling::LifecycleHook", "ng1-LchookEc2Term-6F7G"),
    Resource("LambdaAttach2ndENI", "AWS::Lambda::Function", "ng1-LambdaAttach2ndENI-8H9I"),
    Resource("NewInstanceEventRule", "AWS::Events::Rule", "ng1-NewInstanceEventRule-0J1K"),
)


class Samples:
    """Makes deployments, and knows their subnets: the first four are in one zone, the last four in another."""

    subnets = SUBNETS
    groups = GROUPS
    zones = (EAST_A, EAST_B)

    def stack(self, kind: str = "guide", **changes: str | None) -> Source:
        """Return a deployed stack; a parameter that is changed to None is not there."""
        given = {**PARAMETERS[kind], **changes}
        parameters = {name: value for name, value in given.items() if value is not None}
        resources = STACK[3:] if kind == "managed" else STACK
        return Source("ng1", parameters, True, resources, "us-east-1", "123456789012")

    def file(self, kind: str = "guide", **changes: str | None) -> Source:
        """Return a file of parameters."""
        return replace(
            self.stack(kind, **changes),
            label="ng1.json",
            from_stack=False,
            resources=(),
            region=None,
            account=None,
        )

    def known(self, **changes: Any) -> dict[str, Subnet]:  # noqa: ANN401 - the fields of Subnet
        """Return what is known of every subnet."""
        fields = {"has_ipv6": False, **changes}
        found = {one: Subnet(EAST_A, **fields) for one in (*SUBNETS[:4], NODES)}
        return found | {one: Subnet(EAST_B, **fields) for one in SUBNETS[4:]}


@pytest.fixture
def samples() -> Samples:
    return Samples()
