"""What docs/migration.md says of groups that the published sample serves: why never both, and the order that loses no node."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from cli.demo import platform
from domain import tags
from localaws.account import Settings
from tests.deployed import deployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localaws.account import Account
    from tests.deployed.deployment import Deployed

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

GUIDE = deployment.REPOSITORY / "docs" / "migration.md"
GROUP = "telco-control-plane"
FUNCTION, RULE = "sample-attach", "sample-launches"
HOOKS = {
    "LchookEc2Ins": "autoscaling:EC2_INSTANCE_LAUNCHING",
    "LchookEc2Term": "autoscaling:EC2_INSTANCE_TERMINATING",
}
LAUNCH = "EC2 Instance-launch Lifecycle Action"


@dataclass
class Sample:
    """The sample as far as it matters: its hooks, its rule for every hook of the group, and what its function does."""

    account: Account
    subnets: list[str]
    served: list[tuple[str, str]] = field(default_factory=list)
    """The (hook, result) of every answer."""

    def set_up(self) -> None:
        """Make rule, function and hooks."""
        client = self.account.client
        role = client("iam").create_role(
            RoleName="sample",
            AssumeRolePolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            ),
        )["Role"]["Arn"]
        function = client("lambda").create_function(
            FunctionName=FUNCTION,
            Runtime="python3.12",
            Role=role,
            Handler="lambda_function.lambda_handler",
            Code={"ZipFile": b"not run"},
        )["FunctionArn"]
        pattern = {
            "source": ["aws.autoscaling"],
            "detail-type": [LAUNCH, "EC2 Instance-terminate Lifecycle Action"],
            "detail": {"AutoScalingGroupName": [GROUP]},
        }
        rule = client("events").put_rule(Name=RULE, EventPattern=json.dumps(pattern))["RuleArn"]
        client("lambda").add_permission(
            FunctionName=FUNCTION,
            StatementId="events",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=rule,
        )
        client("events").put_targets(Rule=RULE, Targets=[{"Id": "Lambda1", "Arn": function}])
        for name, transition in HOOKS.items():
            client("autoscaling").put_lifecycle_hook(
                AutoScalingGroupName=GROUP,
                LifecycleHookName=name,
                LifecycleTransition=transition,
                DefaultResult="ABANDON",
                HeartbeatTimeout=300,
            )
        self.account.functions.register(FUNCTION, self.handle)

    def handle(self, event: dict[str, Any], _context: object) -> None:
        """Attach an interface of each subnet at its own index and answer whichever hook the event names."""
        detail = event["detail"]
        fits = event["detail-type"] != LAUNCH or all(
            self._attach(detail["EC2InstanceId"], index, subnet)
            for index, subnet in enumerate(self.subnets, start=1)
        )
        result = "CONTINUE" if fits else "ABANDON"
        self.served.append((detail["LifecycleHookName"], result))
        client = self.account.client("autoscaling")
        try:
            client.complete_lifecycle_action(
                AutoScalingGroupName=GROUP,
                LifecycleHookName=detail["LifecycleHookName"],
                InstanceId=detail["EC2InstanceId"],
                LifecycleActionResult=result,
            )
        except client.exceptions.ClientError:
            return  # The sample logs it.

    def _attach(self, instance_id: str, index: int, subnet: str) -> bool:
        ec2 = self.account.client("ec2")
        no_manage = [{"Key": tags.NO_MANAGE, "Value": "true"}]
        eni = ec2.create_network_interface(
            SubnetId=subnet,
            TagSpecifications=[{"ResourceType": "network-interface", "Tags": no_manage}],
        )["NetworkInterface"]["NetworkInterfaceId"]
        try:
            attached = ec2.attach_network_interface(
                NetworkInterfaceId=eni, InstanceId=instance_id, DeviceIndex=index
            )["AttachmentId"]
        except ec2.exceptions.ClientError:
            ec2.delete_network_interface(NetworkInterfaceId=eni)
            return False
        ec2.modify_network_interface_attribute(
            NetworkInterfaceId=eni,
            Attachment={"AttachmentId": attached, "DeleteOnTermination": True},
        )
        return True

    def take_down(self) -> None:
        """Do what the guide says: the rule off, then the hooks away."""
        self.account.client("events").disable_rule(Name=RULE)
        for name in HOOKS:
            self.account.client("autoscaling").delete_lifecycle_hook(
                AutoScalingGroupName=GROUP, LifecycleHookName=name
            )


@dataclass
class Site:
    """A group that the sample serves, in one zone, and our stack to come."""

    account: Account
    made: platform.Platform
    sample: Sample
    scratch: Path

    def deploy(self, *, adopt_running: bool = False) -> Deployed:
        """Deploy our stack beside whatever there is."""
        self.made.document["node_groups"][0]["adopt_running"] = adopt_running
        assembly = deployment.synthesize(self.made.document, self.scratch)
        host = deployment.one_environment(self.account.clock)  # type: ignore[arg-type]  # the account of a test has a virtual clock
        return deployment.install(self.account, self.made, assembly, host)

    def desire(self, nodes: int) -> None:
        """Set the group's capacity."""
        self.account.client("autoscaling").set_desired_capacity(
            AutoScalingGroupName=GROUP, DesiredCapacity=nodes
        )

    def serve(self, nodes: int, instance_type: str = "m5.4xlarge") -> None:
        """Let the sample bring nodes into service."""
        ec2 = self.account.client("ec2")
        (template,) = ec2.describe_launch_templates()["LaunchTemplates"]
        version = ec2.create_launch_template_version(
            LaunchTemplateId=template["LaunchTemplateId"],
            SourceVersion="1",
            LaunchTemplateData={"InstanceType": instance_type},
        )["LaunchTemplateVersion"]["VersionNumber"]
        self.account.client("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName=GROUP,
            LaunchTemplate={
                "LaunchTemplateId": template["LaunchTemplateId"],
                "Version": str(version),
            },
        )
        self.desire(nodes)
        self.pass_time(30)
        assert set(self.states().values()) == {"InService"}
        assert [self.indexes(node, ours=False) for node in self.states()] == [[1, 2]] * nodes

    def states(self) -> dict[str, str]:
        """Return the lifecycle state of each node."""
        (group,) = self.account.client("autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=[GROUP]
        )["AutoScalingGroups"]
        return {one["InstanceId"]: one["LifecycleState"] for one in group["Instances"]}

    def pass_time(self, seconds: int) -> None:
        """Let time pass."""
        for _ in range(seconds):
            self.account.clock.wait(1)

    def indexes(self, instance_id: str, *, ours: bool) -> list[int]:
        """Return the device indexes of a node's interfaces, ours or the sample's, without the primary one."""
        shown = self.account.client("ec2").describe_network_interfaces(
            Filters=[{"Name": "attachment.instance-id", "Values": [instance_id]}]
        )["NetworkInterfaces"]
        return sorted(
            one["Attachment"]["DeviceIndex"]
            for one in shown
            if one["Attachment"]["DeviceIndex"]
            and (tags.OWNER in {tag["Key"] for tag in one["TagSet"]}) == ours
        )

    def abandoned(self) -> int:
        """Count the launches that were given up."""
        activities = self.account.client("autoscaling").describe_scaling_activities(
            AutoScalingGroupName=GROUP
        )["Activities"]
        return sum("was abandoned" in one.get("StatusMessage", "") for one in activities)


@pytest.fixture
def account() -> Iterator[Account]:
    """An account without the delays for which the sample sleeps two seconds."""
    with deployment.account_in_virtual_time(Settings(visibility_s=0.0, launch_s=0.0)) as account:
        yield account


@pytest.fixture
def site(account: Account, document: dict[str, Any], tmp_path: Path) -> Site:
    """The example's first group in one zone, with two interfaces, served by the sample."""
    document["node_groups"] = document["node_groups"][:1]
    for interface in document["node_groups"][0]["interfaces"]:
        interface["subnets"].pop("us-east-1b")
    made = platform.build(account, document)
    interfaces = made.document["node_groups"][0]["interfaces"]
    sample = Sample(account, [one["subnets"]["us-east-1a"] for one in interfaces])
    sample.set_up()
    return Site(account, made, sample, tmp_path)


@pytest.fixture
def served(site: Site) -> Site:
    """Two nodes of the sample's in service."""
    site.serve(2)
    return site


def foreign(site: Site) -> Counter[str]:
    """Count the sample's interfaces by node, with the query that the guide gives for the end."""
    (query,) = re.findall(
        r'--query "(NetworkInterfaces\[.*)"$', GUIDE.read_text("utf-8"), re.MULTILINE
    )
    pages = site.account.client("ec2").get_paginator("describe_network_interfaces")
    shown = pages.paginate(Filters=[{"Name": f"tag:{tags.NO_MANAGE}", "Values": ["true"]}])
    return Counter(instance for _, _, instance, _ in shown.search(query))


def test_both_at_once_lose_launching_nodes(site: Site) -> None:
    """The sample's rule does not look at hooks, so its function answers ours as well, and insists on its indexes."""
    ours = site.deploy()
    site.desire(1)
    site.pass_time(60)
    assert {hook for hook, _ in site.sample.served} >= {"LchookEc2Ins", ours.launch_hook}
    assert site.abandoned() > 0


def test_the_samples_hooks_without_its_rule_lose_launching_nodes(site: Site) -> None:
    site.account.client("events").disable_rule(Name=RULE)
    site.deploy()
    site.desire(1)
    site.pass_time(290)
    assert (set(site.states().values()), site.abandoned()) == ({"Pending:Wait"}, 0)
    site.pass_time(30)
    assert site.abandoned() == 1


def test_in_the_guides_order_no_node_is_lost(served: Site) -> None:
    old = set(served.states())
    autoscaling = served.account.client("autoscaling")
    processes = ["Launch", "Terminate", "ReplaceUnhealthy", "AZRebalance"]
    autoscaling.suspend_processes(AutoScalingGroupName=GROUP, ScalingProcesses=processes)
    served.desire(3)
    served.sample.take_down()
    ours = served.deploy()
    served.pass_time(600)
    assert served.states() == dict.fromkeys(old, "InService")

    autoscaling.resume_processes(AutoScalingGroupName=GROUP, ScalingProcesses=processes)
    served.desire(
        3
    )  # Auto Scaling looks again by itself; the embedded account when it is asked to.
    served.pass_time(60)
    (young,) = set(served.states()) - old
    assert set(served.states().values()) == {"InService"}
    assert (served.indexes(young, ours=True), served.indexes(young, ours=False)) == ([1, 2], [])
    assert served.abandoned() == 0

    # Nodes of the sample's are reported by each run and not touched.
    ours.reconcile()
    assert [served.indexes(node, ours=True) for node in old] == [[], []]

    assert foreign(served) == dict.fromkeys(old, 2)

    # A wave: one node of the sample's goes, and takes its interfaces along.
    gone = min(old)
    autoscaling.terminate_instance_in_auto_scaling_group(
        InstanceId=gone, ShouldDecrementDesiredCapacity=True
    )
    served.pass_time(60)
    assert set(served.states()) == (old | {young}) - {gone}
    assert served.indexes(gone, ours=False) == []
    left = served.account.client("ec2").describe_network_interfaces(
        Filters=[{"Name": "status", "Values": ["available"]}]
    )["NetworkInterfaces"]
    assert left == []
    assert foreign(served) == dict.fromkeys(old - {gone}, 2)


@pytest.mark.parametrize(
    ("instance_type", "second_set"),
    [
        pytest.param("m5.4xlarge", [3, 4], id="a type with room for both"),
        pytest.param("m5.2xlarge", [3], id="a type that takes four interfaces"),
    ],
)
def test_adopting_gives_a_node_of_the_samples_a_second_set(
    site: Site, instance_type: str, second_set: list[int]
) -> None:
    site.serve(2, instance_type)
    site.sample.take_down()
    ours = site.deploy(adopt_running=True)
    ours.reconcile()
    site.pass_time(30)
    for node in site.states():
        assert site.indexes(node, ours=False) == [1, 2]
        assert site.indexes(node, ours=True) == second_set


def test_going_back_leaves_our_nodes_in_service(served: Site) -> None:
    served.sample.take_down()
    ours = served.deploy()
    served.desire(3)
    served.pass_time(60)
    nodes = served.states()
    served.account.client("cloudformation").delete_stack(StackName=ours.config.owner)
    served.pass_time(30)
    hooks = served.account.client("autoscaling").describe_lifecycle_hooks(
        AutoScalingGroupName=GROUP
    )["LifecycleHooks"]
    assert hooks == []
    assert served.states() == nodes
    assert sum(served.indexes(node, ours=True) == [1, 2] for node in nodes) == 1
