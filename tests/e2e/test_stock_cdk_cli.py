"""The stock CDK CLI against a served account: the whole life of one stack, and of the product's own two."""

from __future__ import annotations

import base64
import json
import queue
import sys
from dataclasses import dataclass
from email import message_from_string
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from rich.console import Console

import authoring
from authoring.instance_types import image_parameter
from cli.demo import platform
from cli.demo.promises import IN_SERVICE, Observer, broken_promises, left_behind
from cli.demo.watch import Watch
from domain.naming import POD_RANGE_TYPE, RESERVE_HANDLER
from domain.tags import OWNER
from localaws.events.envelope import Occurrence
from localaws.identity import ACCOUNT_ID, REGION
from tests.e2e.cli import bootstrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.demo.promises import NodeView
    from localaws.account import Account
    from localaws.client import Client
    from localaws.server import Endpoint
    from tests.e2e.cli import Cli

pytestmark = [pytest.mark.e2e, pytest.mark.subprocesses("cdk", "python")]

ROOT = Path(__file__).parents[2]
SERVED_WITHIN_S = 60
"""For an event to go through the bus, the queue and the mapping, on a busy machine."""

APP = '''
"""A stack with what a product's stack has: an asset, roles, a queue, a rule, an alarm, an output."""

import os

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch, aws_events, aws_events_targets, aws_lambda, aws_lambda_event_sources, aws_sqs, aws_ssm

app = cdk.App()
stack = cdk.Stack(app, "Small")
timeout = cdk.Duration.seconds(int(os.environ["QUEUE_TIMEOUT_S"]))
queue = aws_sqs.Queue(stack, "Queue", visibility_timeout=timeout, enforce_ssl=True)
function = aws_lambda.Function(
    stack,
    "Function",
    runtime=aws_lambda.Runtime.PYTHON_3_13,
    handler="worker.handler",
    code=aws_lambda.Code.from_asset("worker"),
)
function.add_event_source(aws_lambda_event_sources.SqsEventSource(queue, max_concurrency=5))
pattern = aws_events.EventPattern(source=["aws.autoscaling"])
aws_events.Rule(stack, "Rule", event_pattern=pattern, targets=[aws_events_targets.SqsQueue(queue)])
oldest = queue.metric_approximate_age_of_oldest_message()
aws_cloudwatch.Alarm(stack, "Alarm", metric=oldest, threshold=60, evaluation_periods=1)
name = os.environ.get("PARAMETER")
if name:
    aws_ssm.StringParameter(stack, "Parameter", parameter_name=name, string_value="mine")
cdk.CfnOutput(stack, "QueueUrl", value=queue.queue_url)
app.synth()
'''


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, endpoint: Endpoint) -> Cli:
    folder = tmp_path_factory.mktemp("app")
    (folder / "worker").mkdir()
    (folder / "worker" / "worker.py").write_text("def handler(event, context):\n    return {}\n")
    (folder / "app.py").write_text(APP)
    settings = {"app": f"{sys.executable} app.py", "versionReporting": False}
    (folder / "cdk.json").write_text(json.dumps(settings))
    return bootstrapped(folder, endpoint)


def test_a_stack_is_deployed_updated_rolled_back_and_destroyed(cli: Cli, account: Account) -> None:
    deploy = ("deploy", "Small", "--require-approval", "never")
    sqs, ssm = account.client("sqs"), account.client("ssm")

    deployed = cli.run(*deploy)
    assert deployed.returncode == 0, deployed.stdout
    (url,) = sqs.list_queues()["QueueUrls"]
    assert f"Small.QueueUrl = {url}" in deployed.stdout
    events = _Events(account)
    assert events.served("deployed")

    unchanged = cli.run(*deploy, "--force")
    assert unchanged.returncode == 0, unchanged.stdout
    assert "(no changes)" in unchanged.stdout

    assert cli.run("diff", "--fail").returncode == 0
    different = cli.run("diff", "--fail", QUEUE_TIMEOUT_S="90")
    assert different.returncode == 1
    assert "VisibilityTimeout" in different.stdout

    updated = cli.run(*deploy, QUEUE_TIMEOUT_S="90")
    assert updated.returncode == 0, updated.stdout
    assert _timeout(sqs, url) == "90"
    assert events.served("updated")

    ssm.put_parameter(Name="/taken", Type="String", Value="someone's")
    failed = cli.run(*deploy, QUEUE_TIMEOUT_S="120", PARAMETER="/taken")
    assert failed.returncode == 1
    assert "ParameterAlreadyExists" in failed.stdout
    (stack,) = account.client("cloudformation").describe_stacks(StackName="Small")["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert _timeout(sqs, url) == "90"
    assert events.served("rolled back")

    destroyed = cli.run("destroy", "Small", "--force")
    assert destroyed.returncode == 0, destroyed.stdout
    assert sqs.list_queues().get("QueueUrls", []) == []
    assert account.client("lambda").list_functions()["Functions"] == []


def test_a_created_group_is_hooked_from_its_first_node_on_upgraded_and_goes_with_everything(
    cli: Cli, account: Account, tmp_path: Path
) -> None:
    document = yaml.safe_load((ROOT / "config" / "created.yaml").read_text())
    (group,) = document["node_groups"]
    group["create"] |= {"min_size": 1, "max_size": 2, "kubernetes_version": "1.32"}
    platform.without_ready_hooks(document)
    made = platform.build(account, document)
    before = _resources(account)
    made.write(tmp_path / "config.yaml")
    config = authoring.resolve(authoring.load(tmp_path / "config.yaml"))
    app = (
        "--app",
        f"{sys.executable} {ROOT / 'app.py'}",
        "--context",
        f"config={tmp_path}/config.yaml",
    )
    assembly = str(tmp_path / "cdk.out")

    deployed = cli.run("deploy", "--all", "--require-approval", "never", "--output", assembly, *app)
    assert deployed.returncode == 0, deployed.stdout
    observer = Observer(account, config)
    assert Watch(account, observer, config, Console(quiet=True)).until(_all_serve, SERVED_WITHIN_S)
    (node,), enis = observer.nodes(), observer.enis()
    assert node.group == "MultusEni-created-Nodes-user-plane"
    assert broken_promises(config, [node], enis) + left_behind([node], enis) == []
    assert len(enis) == 1
    (answered,) = account.calls.where(
        lambda call: (
            call.action == "CompleteLifecycleAction"
            and call.params["AutoScalingGroupName"] == node.group
        )
    )
    assert answered.params["LifecycleActionResult"] == "CONTINUE"
    (first,) = _images(account, [node])
    activities = account.client("autoscaling").describe_scaling_activities(
        AutoScalingGroupName=node.group
    )["Activities"]
    assert [one["StatusCode"] for one in activities] == ["Successful"]

    newer = account.client("ssm").get_parameter(Name=image_parameter("1.33", "x86_64"))
    made.document["node_groups"][0]["create"]["kubernetes_version"] = "1.33"
    made.write(tmp_path / "config.yaml")
    upgraded = cli.run("deploy", "--all", "--require-approval", "never", "--output", assembly, *app)
    assert upgraded.returncode == 0, upgraded.stdout
    (successor,) = observer.nodes()
    assert (successor.state, successor.instance_id != node.instance_id) == (IN_SERVICE, True)
    assert _images(account, [node, successor]) == [first, newer["Parameter"]["Value"]]
    assert len(observer.enis()) == 1

    destroyed = cli.run("destroy", "--all", "--force", "--app", assembly)
    assert destroyed.returncode == 0, destroyed.stdout
    assert observer.enis_in(list(made.subnets)) == []
    assert _resources(account) == before


def _resources(account: Account) -> dict[str, set[str]]:
    """Return what the account has of everything that a deployment with a created group makes, by kind."""
    client = account.client
    listed = {
        "StackName": client("cloudformation").describe_stacks()["Stacks"],
        "AutoScalingGroupName": client("autoscaling").describe_auto_scaling_groups()[
            "AutoScalingGroups"
        ],
        "LaunchTemplateId": client("ec2").describe_launch_templates()["LaunchTemplates"],
        "FunctionName": client("lambda").list_functions()["Functions"],
        "RoleName": client("iam").list_roles()["Roles"],
        "InstanceProfileName": client("iam").list_instance_profiles()["InstanceProfiles"],
    }
    return {key: {each[key] for each in found} for key, found in listed.items()} | {
        "QueueUrl": set(client("sqs").list_queues().get("QueueUrls", [])),
    }


def test_nodes_of_an_ipv6_cluster_get_dual_stack_and_ipv6_only_interfaces(
    cli: Cli, account: Account, tmp_path: Path
) -> None:
    document = yaml.safe_load((ROOT / "config" / "ipv6.yaml").read_text())
    (group,) = document["node_groups"]
    group["create"] |= {"min_size": 1, "max_size": 1}
    platform.without_ready_hooks(document)
    platform.build(account, document).write(tmp_path / "config.yaml")
    config = authoring.resolve(authoring.load(tmp_path / "config.yaml"))
    app = f"{sys.executable} {ROOT / 'app.py'}"
    context = ("--app", app, "--context", f"config={tmp_path}/config.yaml")
    assembly = str(tmp_path / "cdk.out")

    deploy = ("deploy", "--all", "--require-approval", "never", "--output", assembly)
    deployed = cli.run(*deploy, *context)
    assert deployed.returncode == 0, deployed.stdout
    observer = Observer(account, config)
    assert Watch(account, observer, config, Console(quiet=True)).until(_all_serve, SERVED_WITHIN_S)
    (node,), enis = observer.nodes(), observer.enis()
    assert broken_promises(config, [node], enis) + left_behind([node], enis) == []
    ec2 = account.client("ec2")
    (reservation,) = ec2.describe_instances(InstanceIds=[node.instance_id])["Reservations"]
    (instance,) = reservation["Instances"]
    assert instance["Ipv6Address"]
    assert _told_service_cidr(account, node.group) == "fd3c:9a51:7b20::/108"

    destroyed = cli.run("destroy", "--all", "--force", "--app", assembly)
    assert destroyed.returncode == 0, destroyed.stdout
    assert observer.enis_in([eni.raw["SubnetId"] for eni in enis]) == []


def _told_service_cidr(account: Account, name: str) -> str:
    """Return the services' range that the NodeConfig in a group's user data has."""
    ec2, autoscaling = account.client("ec2"), account.client("autoscaling")
    (group,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
        "AutoScalingGroups"
    ]
    template = group["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    (version,) = ec2.describe_launch_template_versions(
        LaunchTemplateId=template["LaunchTemplateId"], Versions=["$Latest"]
    )["LaunchTemplateVersions"]
    text = base64.b64decode(version["LaunchTemplateData"]["UserData"]).decode()
    (part,) = [
        each.get_payload()
        for each in message_from_string(text).walk()
        if each.get_content_type() == "application/node.eks.aws"
    ]
    return str(yaml.safe_load(str(part))["spec"]["cluster"]["cidr"])


RESERVING = """
name: kept
cluster_name: kept
node_groups:
  - name: workers
    auto_scaling_group: kept-workers
    interfaces:
      - name: n3
        subnets: {us-east-1a: subnet-0000000a, us-east-1b: subnet-0000000b}
        security_groups: [sg-0000000a]
        pod_ranges: [10.0.48.0/24, 10.0.52.0/24]
        reserve_pod_ranges: true
"""


def test_pod_ranges_are_reserved_moved_and_let_go_but_never_while_in_use(
    cli: Cli, account: Account, tmp_path: Path
) -> None:
    made = platform.build(account, yaml.safe_load(RESERVING))
    made.write(tmp_path / "config.yaml")
    config = authoring.resolve(authoring.load(tmp_path / "config.yaml"))
    kept = _Reservations(account, made, tmp_path / "config.yaml")
    app = f"{sys.executable} {ROOT / 'app.py'}"
    context = ("--app", app, "--context", f"config={tmp_path}/config.yaml")
    assembly = str(tmp_path / "cdk.out")
    deploy = ("deploy", "--require-approval", "never", "--output", assembly, *context)

    # Where EC2's own choice would begin.
    low, other = kept.part("us-east-1a", 0), kept.part("us-east-1b", 0)
    kept.write([low, other])
    deployed = cli.run(*deploy)
    assert deployed.returncode == 0, deployed.stdout
    assert kept.all() == {low, other}
    account.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName="kept-workers", DesiredCapacity=2
    )
    observer = Observer(account, config)
    assert Watch(account, observer, config, Console(quiet=True)).until(_all_serve, SERVED_WITHIN_S)
    assert kept.used(low) == kept.used(other) == []

    eni = kept.assign("us-east-1a", low)
    later, another = kept.part("us-east-1a", 7), kept.part("us-east-1b", 7)
    kept.write([later, another])
    moved = cli.run(*deploy)
    assert moved.returncode == 0, moved.stdout
    assert kept.all() == {later, another, low}
    (reason, *_) = kept.reasons()
    assert f"range-in-use: {low} of " in reason
    assert f"by {eni} (" in reason

    kept.write([later, another, low])
    taken_over = cli.run(*deploy)
    assert taken_over.returncode == 0, taken_over.stdout
    assert kept.all() == {later, another, low}
    assert kept.denied_and_unused() == ([], (), ())

    refused = cli.run("destroy", "--force", "--app", assembly)
    assert refused.returncode == 1
    assert f"range-in-use: {low} of " in refused.stdout
    assert low in kept.all()

    kept.unassign(eni)
    destroyed = cli.run("destroy", "--force", "--app", assembly)
    assert destroyed.returncode == 0, destroyed.stdout
    assert kept.all() == set()
    assert account.client("lambda").list_functions()["Functions"] == []


@dataclass(frozen=True)
class _Reservations:
    """The subnets of a configuration: what is kept of them, and who has addresses."""

    account: Account
    made: platform.Platform
    path: Path

    def write(self, ranges: list[str]) -> None:
        """Write the configuration with these ranges for pods."""
        self.made.document["node_groups"][0]["interfaces"][0]["pod_ranges"] = ranges
        self.made.write(self.path)

    def part(self, zone: str, number: int) -> str:
        """Return one of the eight parts of a zone's subnet."""
        (subnet,) = self._ec2.describe_subnets(SubnetIds=[self._subnet(zone)])["Subnets"]
        return str(list(ip_network(subnet["CidrBlock"]).subnets(3))[number])

    def all(self) -> set[str]:
        """Return every range that is reserved in the subnets, all of them the stack's."""
        found = [
            each
            for subnet_id in self.made.subnets
            for each in self._ec2.get_subnet_cidr_reservations(SubnetId=subnet_id)[
                "SubnetIpv4CidrReservations"
            ]
        ]
        owners = [tag["Value"] for each in found for tag in each["Tags"] if tag["Key"] == OWNER]
        assert owners == ["MultusEni-kept"] * len(found)
        return {each["Cidr"] for each in found}

    def used(self, cidr: str) -> list[str]:
        """Return the addresses of network interfaces in a range."""
        return [
            address["PrivateIpAddress"]
            for eni in self._enis(*self.made.subnets)
            for address in eni["PrivateIpAddresses"]
            if ip_address(address["PrivateIpAddress"]) in ip_network(cidr)
        ]

    def assign(self, zone: str, cidr: str) -> str:
        """Give a network interface an address of a range, as for a pod, and return its id."""
        eni: str = self._enis(self._subnet(zone))[0]["NetworkInterfaceId"]
        address = str(ip_network(cidr)[9])
        self._ec2.assign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=[address])
        return eni

    def unassign(self, eni_id: str) -> None:
        """Take its secondary addresses from a network interface."""
        (eni,) = self._ec2.describe_network_interfaces(NetworkInterfaceIds=[eni_id])[
            "NetworkInterfaces"
        ]
        secondary = [
            each["PrivateIpAddress"] for each in eni["PrivateIpAddresses"] if not each["Primary"]
        ]
        self._ec2.unassign_private_ip_addresses(
            NetworkInterfaceId=eni_id, PrivateIpAddresses=secondary
        )

    def reasons(self) -> list[str]:
        """Return why ranges failed, the latest first."""
        events = self.account.client("cloudformation").describe_stack_events(
            StackName="MultusEni-kept"
        )["StackEvents"]
        return [
            each["ResourceStatusReason"]
            for each in events
            if each["ResourceType"] == POD_RANGE_TYPE and "FAILED" in each["ResourceStatus"]
        ]

    def denied_and_unused(self) -> tuple[list[str], object, object]:
        """Return what the function was denied, and which of its rights it never needed."""
        (function,) = (
            each
            for each in self.account.client("lambda").list_functions()["Functions"]
            if each["Handler"] == RESERVE_HANDLER
        )
        role = function["Role"]
        denied = [
            call.action
            for call in self.account.calls.of_principal(role)
            if call.outcome == "UnauthorizedOperation"
        ]
        authorizations = self.account.authorizations
        return denied, authorizations.unused_actions(role), authorizations.unused_statements(role)

    @property
    def _ec2(self) -> Client:
        return self.account.client("ec2")

    def _subnet(self, zone: str) -> str:
        (subnet_id,) = (key for key, value in self.made.subnets.items() if value == zone)
        return subnet_id

    def _enis(self, *subnet_ids: str) -> list[dict[str, Any]]:
        filters = [{"Name": "subnet-id", "Values": list(subnet_ids)}]
        found: list[dict[str, Any]] = self._ec2.describe_network_interfaces(Filters=filters)[
            "NetworkInterfaces"
        ]
        return found


def _images(account: Account, nodes: Sequence[NodeView]) -> list[str]:
    ec2 = account.client("ec2")
    return [
        ec2.describe_instances(InstanceIds=[node.instance_id])["Reservations"][0]["Instances"][0][
            "ImageId"
        ]
        for node in nodes
    ]


def _all_serve(nodes: Sequence[NodeView]) -> bool:
    return bool(nodes) and all(node.state == IN_SERVICE for node in nodes)


class _Events:
    """Events that the rule sends to the queue, and what of them reaches the function behind it."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._bodies: queue.SimpleQueue[str] = queue.SimpleQueue()
        (function,) = account.client("lambda").list_functions()["Functions"]
        account.functions.register(function["FunctionName"], self._handle)

    def served(self, name: str) -> bool:
        """Send an event and return whether the function got it, and nothing else."""
        occurrence = Occurrence("aws.autoscaling", "Something", {"name": name})
        self._account.events.emit(occurrence, account_id=ACCOUNT_ID, region=REGION)
        try:
            body = self._bodies.get(timeout=SERVED_WITHIN_S)
        except queue.Empty:
            return False
        return bool(json.loads(body)["detail"] == {"name": name})

    def _handle(self, event: dict[str, Any], _context: object) -> None:
        for record in event["Records"]:
            self._bodies.put(record["body"])


def _timeout(sqs: Client, url: str) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    timeout: str = answer["Attributes"]["VisibilityTimeout"]
    return timeout
