"""One launch and one termination in real time: hook, event, queue, deployed archive, answer over HTTP."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from localaws.account import Account, Settings
from localaws.clock import SystemClock
from localaws.faults import Fault, FaultKind
from localaws.server import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localaws.server import Endpoint

pytestmark = [pytest.mark.localaws, pytest.mark.subprocesses("python")]

HANDLER = """
import json, boto3

def handler(event, context):
    client = boto3.client("autoscaling")
    for record in event["Records"]:
        detail = json.loads(record["body"])["detail"]
        print(json.dumps({"_aws": {"CloudWatchMetrics": []}, "completed": detail["LifecycleHookName"]}))
        try:
            client.complete_lifecycle_action(
                AutoScalingGroupName=detail["AutoScalingGroupName"],
                LifecycleHookName=detail["LifecycleHookName"],
                LifecycleActionToken=detail["LifecycleActionToken"],
                LifecycleActionResult="CONTINUE",
            )
        except client.exceptions.ClientError as error:
            print("already:", error)
    return {"batchItemFailures": []}
"""
ROLE_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            "Resource": "arn:aws:sqs:us-east-1:123456789012:work",
        },
        {
            "Effect": "Allow",
            "Action": "autoscaling:CompleteLifecycleAction",
            "Resource": "arn:aws:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/workers",
        },
    ],
}


@pytest.fixture
def account() -> Iterator[Account]:
    clock = SystemClock()
    yield Account(clock, Settings(launch_s=0.2, terminate_s=0.2, throttling=False))
    clock.stop()


@pytest.fixture
def endpoint(account: Account) -> Iterator[Endpoint]:
    with serve(account) as endpoint:
        yield endpoint


@pytest.fixture
def api(endpoint: Endpoint) -> Callable[[str], Any]:
    return lambda service: boto3.client(service, endpoint_url=endpoint.url)  # type: ignore[call-overload]  # by name


def deploy(api: Callable[[str], Any], *, timeout_s: int = 25) -> None:
    """Build what a stack would: role, function, queue, rule, mapping, hooks."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    iam = api("iam")
    role = iam.create_role(
        RoleName="completes",
        AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
        ),
    )["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="completes", PolicyName="does", PolicyDocument=json.dumps(ROLE_POLICY)
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", HANDLER)
    api("lambda").create_function(
        FunctionName="completes",
        Role=role,
        Runtime="python3.14",
        Handler="app.handler",
        Timeout=timeout_s,
        Code={"ZipFile": buffer.getvalue()},
    )
    arn = "arn:aws:sqs:us-east-1:123456789012:work"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    api("sqs").create_queue(
        QueueName="work", Attributes={"VisibilityTimeout": str(timeout_s), "Policy": policy}
    )
    api("lambda").create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName="completes",
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    pattern = json.dumps({"source": ["aws.autoscaling"]})
    api("events").put_rule(Name="hooks", EventPattern=pattern)
    api("events").put_targets(Rule="hooks", Targets=[{"Id": "work", "Arn": arn}])


def until(account: Account, reached: Callable[[], bool]) -> None:
    """Ask again and again until something is so, at most half a minute."""
    end_s = account.clock.now() + 30
    while not reached():
        assert account.clock.now() < end_s
        account.clock.wait(0.05)


def create_group(api: Callable[[str], Any], size: int) -> Callable[[], list[str]]:
    """Create a group with both hooks inline; return what gives its instances' states."""
    autoscaling, ec2 = api("autoscaling"), api("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    ec2.create_launch_template(
        LaunchTemplateName="node",
        LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "m5.xlarge"},
    )
    hooks = [
        {
            "LifecycleHookName": name.lower(),
            "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{name}",
            "HeartbeatTimeout": 300,
        }
        for name in ("LAUNCHING", "TERMINATING")
    ]
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="workers",
        MinSize=0,
        MaxSize=size,
        DesiredCapacity=size,
        LaunchTemplate={"LaunchTemplateName": "node"},
        VPCZoneIdentifier=subnet,
        LifecycleHookSpecificationList=hooks,
    )

    def states() -> list[str]:
        [group] = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        return [instance["LifecycleState"] for instance in group["Instances"]]

    return states


def test_a_deployed_function_completes_both_hooks(
    account: Account, api: Callable[[str], Any]
) -> None:
    deploy(api)
    states = create_group(api, 3)
    until(account, lambda: states() == ["InService"] * 3)
    api("autoscaling").set_desired_capacity(AutoScalingGroupName="workers", DesiredCapacity=0)
    until(account, lambda: states() == [])

    completed = [document["completed"] for document in account.functions.metrics("completes")]
    assert sorted(completed) == ["launching"] * 3 + ["terminating"] * 3
    role_arn = "arn:aws:iam::123456789012:role/completes"
    assert account.authorizations.unused_statements(role_arn) == ()


def test_a_function_that_dies_after_its_answer_leaves_the_message_to_the_next(
    account: Account, api: Callable[[str], Any]
) -> None:
    account.faults.inject(Fault("CompleteLifecycleAction", FaultKind.CRASH_AFTER))
    deploy(api, timeout_s=3)
    states = create_group(api, 1)

    def logged(words: str) -> bool:
        return any(words in line.text for line in account.functions.logs.lines("completes"))

    until(account, lambda: states() == ["InService"])
    until(account, lambda: logged("Runtime exited with error: signal: killed"))
    until(account, lambda: logged("already: ") and logged("No active Lifecycle Action found"))
