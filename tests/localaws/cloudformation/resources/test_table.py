"""Each resource type is created, updated in place and deleted, and says what Ref and Fn::GetAtt promise."""

from __future__ import annotations

import copy
import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from localaws.cloudformation.resources.table import HANDLERS
from localaws.cloudformation.schemas import CUSTOM_RESOURCE

if TYPE_CHECKING:
    from localaws.account import Account
    from tests.localaws.cloudformation.conftest import Stacks

ROLE_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["lambda.amazonaws.com", "scheduler.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}],
}
RESOURCE_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
        }
    ],
}


def _resource(kind: str, **properties: object) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


QUEUE = {"Queue": _resource("AWS::SQS::Queue", VisibilityTimeout=60)}
TOPIC = {"Topic": _resource("AWS::SNS::Topic")}
ROLE = {
    "Role": _resource(
        "AWS::IAM::Role",
        AssumeRolePolicyDocument=ROLE_TRUST,
        ManagedPolicyArns=["arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"],
    )
}
FUNCTION = {
    **ROLE,
    "Function": _resource(
        "AWS::Lambda::Function",
        Runtime="python3.13",
        Handler="index.handler",
        Role={"Fn::GetAtt": ["Role", "Arn"]},
        Code={"ZipFile": "def handler(event, context): return {}"},
        Timeout=30,
    ),
}
VPC = {"Vpc": _resource("AWS::EC2::VPC", CidrBlock="10.0.0.0/16")}
SUBNET = {
    **VPC,
    "Subnet": _resource(
        "AWS::EC2::Subnet",
        VpcId={"Ref": "Vpc"},
        CidrBlock="10.0.1.0/24",
        AvailabilityZone="us-east-1a",
    ),
}
TEMPLATE = {
    "LaunchTemplate": _resource(
        "AWS::EC2::LaunchTemplate",
        LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "m5.large"},
    )
}
GROUP = {
    **SUBNET,
    **TEMPLATE,
    "Group": _resource(
        "AWS::AutoScaling::AutoScalingGroup",
        MinSize="0",
        MaxSize="2",
        VPCZoneIdentifier=[{"Ref": "Subnet"}],
        LaunchTemplate={
            "LaunchTemplateId": {"Ref": "LaunchTemplate"},
            "Version": {"Fn::GetAtt": ["LaunchTemplate", "LatestVersionNumber"]},
        },
    ),
}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "AWS::SQS::Queue": (
        {},
        {"QueueName": "orders", "VisibilityTimeout": 30, "Tags": [{"Key": "a", "Value": "1"}]},
        {"VisibilityTimeout": 90, "Tags": [{"Key": "b", "Value": "2"}]},
    ),
    "AWS::SQS::QueuePolicy": (
        QUEUE,
        {"Queues": [{"Ref": "Queue"}], "PolicyDocument": RESOURCE_POLICY},
        {"PolicyDocument": {**RESOURCE_POLICY, "Id": "changed"}},
    ),
    "AWS::SNS::Topic": ({}, {"TopicName": "alerts"}, {"DisplayName": "Alerts"}),
    "AWS::SNS::TopicPolicy": (
        TOPIC,
        {
            "Topics": [{"Ref": "Topic"}],
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "cloudwatch.amazonaws.com"},
                        "Action": "sns:Publish",
                        "Resource": {"Ref": "Topic"},
                    }
                ],
            },
        },
        {},
    ),
    "AWS::SNS::Subscription": (
        {**TOPIC, **QUEUE},
        {
            "TopicArn": {"Ref": "Topic"},
            "Protocol": "sqs",
            "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]},
        },
        {"RawMessageDelivery": True},
    ),
    "AWS::Events::Rule": (
        QUEUE,
        {
            "Name": "hooks",
            "EventPattern": {"source": ["aws.autoscaling"]},
            "Targets": [
                {
                    "Id": "queue",
                    "Arn": {"Fn::GetAtt": ["Queue", "Arn"]},
                    "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Queue", "Arn"]}},
                    "RetryPolicy": {"MaximumRetryAttempts": 3},
                }
            ],
        },
        {"EventPattern": {"source": ["aws.ec2"]}},
    ),
    "AWS::Scheduler::Schedule": (
        {**QUEUE, **ROLE},
        {
            "Name": "tick",
            "ScheduleExpression": "rate(5 minutes)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": {"Fn::GetAtt": ["Queue", "Arn"]},
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
            },
        },
        {"ScheduleExpression": "rate(10 minutes)"},
    ),
    "AWS::Scheduler::ScheduleGroup": (
        {},
        {"Name": "ticks"},
        {"Tags": [{"Key": "a", "Value": "1"}]},
    ),
    "AWS::Lambda::Function": (
        ROLE,
        {**FUNCTION["Function"]["Properties"], "FunctionName": "worker"},
        {"Timeout": 60, "Environment": {"Variables": {"LEVEL": "1"}}},
    ),
    "AWS::Lambda::Permission": (
        FUNCTION,
        {
            "FunctionName": {"Fn::GetAtt": ["Function", "Arn"]},
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
        },
        {"SourceAccount": "123456789012"},
    ),
    "AWS::Lambda::EventSourceMapping": (
        {**FUNCTION, **QUEUE},
        {
            "FunctionName": {"Ref": "Function"},
            "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
            "BatchSize": 10,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": 5},
        },
        {"BatchSize": 5},
    ),
    "AWS::Lambda::EventInvokeConfig": (
        FUNCTION,
        {"FunctionName": {"Ref": "Function"}, "Qualifier": "$LATEST", "MaximumRetryAttempts": 0},
        {"MaximumRetryAttempts": 1},
    ),
    "AWS::Lambda::Version": (
        FUNCTION,
        {"FunctionName": {"Ref": "Function"}},
        {"Description": "two"},
    ),
    "AWS::Lambda::Alias": (
        {
            **FUNCTION,
            "Version": _resource("AWS::Lambda::Version", FunctionName={"Ref": "Function"}),
        },
        {
            "FunctionName": {"Ref": "Function"},
            "FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]},
            "Name": "live",
        },
        {"Description": "the live one"},
    ),
    "AWS::Lambda::LayerVersion": (
        {},
        {"LayerName": "deps", "Content": {"S3Bucket": "assets", "S3Key": "layer.zip"}},
        {"Description": "two"},
    ),
    "AWS::IAM::Role": (
        {},
        {
            "RoleName": "worker",
            "AssumeRolePolicyDocument": ROLE_TRUST,
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
            "Policies": [{"PolicyName": "send", "PolicyDocument": POLICY}],
        },
        {"ManagedPolicyArns": [], "Policies": [{"PolicyName": "other", "PolicyDocument": POLICY}]},
    ),
    "AWS::IAM::Policy": (
        ROLE,
        {"PolicyName": "send", "PolicyDocument": POLICY, "Roles": [{"Ref": "Role"}]},
        {"PolicyDocument": {**POLICY, "Id": "changed"}},
    ),
    "AWS::IAM::ManagedPolicy": (
        ROLE,
        {"ManagedPolicyName": "send", "PolicyDocument": POLICY, "Roles": [{"Ref": "Role"}]},
        {"PolicyDocument": {**POLICY, "Id": "changed"}},
    ),
    "AWS::IAM::InstanceProfile": (
        ROLE,
        {"InstanceProfileName": "node", "Roles": [{"Ref": "Role"}]},
        {},
    ),
    "AWS::KMS::Key": (
        {},
        {"Description": "one", "EnableKeyRotation": True},
        {"Description": "two", "EnableKeyRotation": False},
    ),
    "AWS::KMS::Alias": (
        {"Key": _resource("AWS::KMS::Key")},
        {"AliasName": "alias/k", "TargetKeyId": {"Ref": "Key"}},
        {},
    ),
    "AWS::Logs::LogGroup": (
        {},
        {"LogGroupName": "/aws/lambda/worker", "RetentionInDays": 7},
        {"RetentionInDays": 30},
    ),
    "AWS::Logs::MetricFilter": (
        {"Log": _resource("AWS::Logs::LogGroup")},
        {
            "LogGroupName": {"Ref": "Log"},
            "FilterPattern": "ERROR",
            "MetricTransformations": [
                {"MetricName": "Errors", "MetricNamespace": "N", "MetricValue": "1"}
            ],
        },
        {"FilterPattern": "WARN"},
    ),
    "AWS::CloudWatch::Alarm": (
        {},
        {
            "AlarmName": "dead-letters",
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        },
        {"Threshold": 1},
    ),
    "AWS::CloudWatch::CompositeAlarm": (
        {},
        {"AlarmName": "any", "AlarmRule": "ALARM(dead-letters)"},
        {"AlarmRule": "ALARM(other)"},
    ),
    "AWS::CloudWatch::Dashboard": (
        {},
        {"DashboardName": "board", "DashboardBody": '{"widgets": []}'},
        {"DashboardBody": '{"widgets": [], "start": "-PT1H"}'},
    ),
    "AWS::S3::Bucket": (
        {},
        {
            "BucketName": "files-of-mine",
            "VersioningConfiguration": {"Status": "Enabled"},
            "LifecycleConfiguration": {
                "Rules": [{"Id": "old", "Status": "Enabled", "ExpirationInDays": 30}]
            },
        },
        {"VersioningConfiguration": {"Status": "Suspended"}},
    ),
    "AWS::S3::BucketPolicy": (
        {"Bucket": _resource("AWS::S3::Bucket")},
        {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {**POLICY, "Id": "one"}},
        {"PolicyDocument": {**POLICY, "Id": "two"}},
    ),
    "AWS::ECR::Repository": (
        {},
        {"RepositoryName": "images", "ImageTagMutability": "IMMUTABLE"},
        {"ImageTagMutability": "MUTABLE"},
    ),
    "AWS::SSM::Parameter": (
        {},
        {"Name": "/p", "Type": "String", "Value": "one", "Tags": {"a": "1"}},
        {"Value": "two", "Tags": {"b": "2"}},
    ),
    "AWS::EC2::VPC": (
        {},
        {
            "CidrBlock": "10.0.0.0/16",
            "EnableDnsHostnames": True,
            "Tags": [{"Key": "a", "Value": "1"}],
        },
        {"EnableDnsHostnames": False, "Tags": [{"Key": "b", "Value": "2"}]},
    ),
    "AWS::EC2::VPCCidrBlock": (VPC, {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.1.0.0/16"}, {}),
    "AWS::EC2::Subnet": (
        VPC,
        {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-east-1b"},
        {"MapPublicIpOnLaunch": True},
    ),
    "AWS::EC2::SecurityGroup": (
        VPC,
        {
            "VpcId": {"Ref": "Vpc"},
            "GroupDescription": "nodes",
            "SecurityGroupIngress": [
                {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}
            ],
        },
        {
            "SecurityGroupIngress": [
                {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}
            ]
        },
    ),
    "AWS::EC2::SecurityGroupIngress": (
        {
            **VPC,
            "Nodes": _resource(
                "AWS::EC2::SecurityGroup", VpcId={"Ref": "Vpc"}, GroupDescription="nodes"
            ),
        },
        {
            "GroupId": {"Fn::GetAtt": ["Nodes", "GroupId"]},
            "IpProtocol": "tcp",
            "FromPort": 22,
            "ToPort": 22,
            "CidrIp": "10.0.0.0/8",
        },
        {},
    ),
    "AWS::EC2::SecurityGroupEgress": (
        {
            **VPC,
            "Nodes": _resource(
                "AWS::EC2::SecurityGroup", VpcId={"Ref": "Vpc"}, GroupDescription="nodes"
            ),
        },
        {
            "GroupId": {"Fn::GetAtt": ["Nodes", "GroupId"]},
            "IpProtocol": "tcp",
            "FromPort": 22,
            "ToPort": 22,
            "CidrIp": "10.0.0.0/8",
        },
        {},
    ),
    "AWS::EC2::RouteTable": (
        VPC,
        {"VpcId": {"Ref": "Vpc"}},
        {"Tags": [{"Key": "a", "Value": "1"}]},
    ),
    "AWS::EC2::Route": (
        {
            **VPC,
            "Table": _resource("AWS::EC2::RouteTable", VpcId={"Ref": "Vpc"}),
            "Gateway": _resource("AWS::EC2::InternetGateway"),
            "Attachment": _resource(
                "AWS::EC2::VPCGatewayAttachment",
                VpcId={"Ref": "Vpc"},
                InternetGatewayId={"Ref": "Gateway"},
            ),
        },
        {
            "RouteTableId": {"Ref": "Table"},
            "DestinationCidrBlock": "0.0.0.0/0",
            "GatewayId": {"Ref": "Gateway"},
        },
        {},
    ),
    "AWS::EC2::SubnetRouteTableAssociation": (
        {**SUBNET, "Table": _resource("AWS::EC2::RouteTable", VpcId={"Ref": "Vpc"})},
        {"SubnetId": {"Ref": "Subnet"}, "RouteTableId": {"Ref": "Table"}},
        {},
    ),
    "AWS::EC2::InternetGateway": ({}, {}, {"Tags": [{"Key": "a", "Value": "1"}]}),
    "AWS::EC2::VPCGatewayAttachment": (
        {**VPC, "Gateway": _resource("AWS::EC2::InternetGateway")},
        {"VpcId": {"Ref": "Vpc"}, "InternetGatewayId": {"Ref": "Gateway"}},
        {},
    ),
    "AWS::EC2::LaunchTemplate": (
        {},
        {"LaunchTemplateName": "nodes", **TEMPLATE["LaunchTemplate"]["Properties"]},
        {"LaunchTemplateData": {"ImageId": "ami-12c6146b", "InstanceType": "m5.xlarge"}},
    ),
    "AWS::AutoScaling::AutoScalingGroup": (
        {**SUBNET, **TEMPLATE},
        {
            **GROUP["Group"]["Properties"],
            "AutoScalingGroupName": "nodes",
            "DesiredCapacity": "1",
            "Tags": [{"Key": "a", "Value": "1", "PropagateAtLaunch": True}],
        },
        {"MaxSize": "3"},
    ),
    "AWS::EKS::AccessEntry": (
        ROLE,
        {
            "ClusterName": "lab",
            "PrincipalArn": {"Fn::GetAtt": ["Role", "Arn"]},
            "KubernetesGroups": ["readers"],
        },
        {"KubernetesGroups": ["writers"]},
    ),
    "AWS::AutoScaling::LifecycleHook": (
        GROUP,
        {
            "AutoScalingGroupName": {"Ref": "Group"},
            "LifecycleHookName": "launch",
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "HeartbeatTimeout": 300,
        },
        {"HeartbeatTimeout": 600},
    ),
    "AWS::AutoScaling::WarmPool": (
        GROUP,
        {"AutoScalingGroupName": {"Ref": "Group"}, "MinSize": 0},
        {"PoolState": "Stopped"},
    ),
    "AWS::CDK::Metadata": ({}, {"Analytics": "v2"}, {"Analytics": "v3"}),
    "AWS::CloudFormation::WaitConditionHandle": ({}, {}, {}),
}
"""By type: the resources it needs, its properties, and the properties that an update changes."""


@pytest.fixture
def assets(account: Account) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("python/deps.py", "")
    client = account.client("s3")
    client.create_bucket(Bucket="assets")
    client.put_object(Bucket="assets", Key="layer.zip", Body=archive.getvalue())
    role = "arn:aws:iam::123456789012:role/cluster"
    subnets = [
        made["Subnet"]["SubnetId"]
        for made in _subnets(account, account.client("ec2").create_vpc(CidrBlock="10.9.0.0/16"))
    ]
    account.client("eks").create_cluster(
        name="lab",
        roleArn=role,
        resourcesVpcConfig={"subnetIds": subnets},
        accessConfig={"authenticationMode": "API"},
    )
    # Asked for nothing, a cluster has the mode CONFIG_MAP.
    account.client("eks").create_cluster(
        name="old", roleArn=role, resourcesVpcConfig={"subnetIds": subnets}
    )


def _subnets(account: Account, made: dict[str, Any]) -> list[dict[str, Any]]:
    """Make a subnet in each of two zones of a VPC."""
    return [
        account.client("ec2").create_subnet(
            VpcId=made["Vpc"]["VpcId"],
            CidrBlock=f"10.9.{place}.0/24",
            AvailabilityZone=f"us-east-1{zone}",
        )
        for place, zone in enumerate("ab")
    ]


def test_every_type_has_a_case() -> None:
    # A custom resource is what its function makes of it: tests/localaws/cloudformation/resources/test_custom.py.
    assert set(CASES) == set(HANDLERS) - {CUSTOM_RESOURCE}


@pytest.mark.usefixtures("assets")
@pytest.mark.parametrize("kind", sorted(CASES))
def test_a_type_is_created_updated_and_deleted(kind: str, stacks: Stacks) -> None:
    needed, properties, changes = CASES[kind]
    subject = _resource(kind, **properties)
    outputs = {"Ref": {"Value": {"Ref": "Subject"}}}

    created = stacks.create({**needed, "Subject": subject}, Outputs=outputs)

    assert created == "CREATE_COMPLETE", stacks.reasons()
    assert stacks.outputs()["Ref"] == stacks.physical_ids()["Subject"] != ""
    if changes:
        changed = copy.deepcopy(subject)
        changed["Properties"].update(changes)
        updated = stacks.update({**needed, "Subject": changed}, Outputs=outputs)
        assert updated == "UPDATE_COMPLETE", stacks.reasons()
    stack_id = stacks.stack_id()
    deleted = stacks.delete()
    assert deleted == "DELETE_COMPLETE", stacks.reasons(stack_id)


HOOK = {"LifecycleHookName": "launch", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
REFRESHED = {"AutoScalingInstanceRefresh": {"Strategy": "Rolling"}}


def _group(**properties: object) -> dict[str, Any]:
    subject = copy.deepcopy(GROUP)
    subject["Group"]["Properties"] |= {"AutoScalingGroupName": "nodes", **properties}
    subject["Group"]["UpdatePolicy"] = REFRESHED
    return subject


def _hooks(account: Account) -> dict[str, int]:
    hooks = account.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName="nodes")
    return {hook["LifecycleHookName"]: hook["HeartbeatTimeout"] for hook in hooks["LifecycleHooks"]}


def test_inline_hooks_are_changed_in_place(account: Account, stacks: Stacks) -> None:
    stacks.create(_group(LifecycleHookSpecificationList=[{**HOOK, "HeartbeatTimeout": 60}]))
    assert _hooks(account) == {"launch": 60}
    more = [{**HOOK, "HeartbeatTimeout": 90}, {**HOOK, "LifecycleHookName": "ready"}]
    assert stacks.update(_group(LifecycleHookSpecificationList=more)) == "UPDATE_COMPLETE"
    assert _hooks(account) == {"launch": 90, "ready": 3600}
    assert stacks.update(_group(LifecycleHookSpecificationList=more[1:])) == "UPDATE_COMPLETE"
    assert _hooks(account) == {"ready": 3600}


def _types(account: Account) -> dict[str, str]:
    """Return the types of the instances in service by id."""
    groups = account.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return {
        one["InstanceId"]: one["InstanceType"]
        for group in groups
        for one in group["Instances"]
        if one["LifecycleState"] == "InService"
    }


def test_a_changed_template_replaces_the_instances_before_the_update_is_complete(
    account: Account, stacks: Stacks
) -> None:
    stacks.create(_group(MinSize="1"))
    account.clock.wait(60)
    before = _types(account)
    assert list(before.values()) == ["m5.large"]
    changed = _group(MinSize="1")
    data = changed["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
    data |= {"InstanceType": "m5.xlarge", "UserData": "IyEvYmluL3NoCg=="}
    assert stacks.update(changed) == "UPDATE_COMPLETE", stacks.reasons()
    after = _types(account)
    assert list(after.values()) == ["m5.xlarge"]
    assert not before.keys() & after.keys()


def test_what_triggers_no_refresh_replaces_nobody(account: Account, stacks: Stacks) -> None:
    stacks.create(_group(MinSize="1"))
    account.clock.wait(60)
    before = _types(account)
    assert stacks.update(_group(MinSize="1", MaxSize="5")) == "UPDATE_COMPLETE"
    account.clock.wait(60)
    assert _types(account) == before


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"ClusterName": "none"}, "No cluster found"),
        ({"PrincipalArn": "arn:aws:iam::123456789012:role/none"}, "Role none not found"),
        ({"Type": "EC2_LINUX"}, "KubernetesGroups cannot be set"),
        ({"ClusterName": "old"}, "authentication mode must be set to one of"),
    ],
    ids=["no cluster", "no role", "groups of nodes", "aws-auth alone"],
)
@pytest.mark.usefixtures("assets")
def test_an_access_entry_that_could_not_be_is_refused(
    stacks: Stacks, properties: dict[str, str], reason: str
) -> None:
    needed, right, _ = CASES["AWS::EKS::AccessEntry"]
    stacks.create({**needed, "Subject": _resource("AWS::EKS::AccessEntry", **right | properties)})
    assert reason in stacks.reasons()["Subject"]
