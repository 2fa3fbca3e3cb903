"""One stack's handlers at work over boto3 in the embedded account, in virtual time and without a deployment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config as ClientConfig

from cli.rehearsal import SerialWorkers
from domain import naming, tags
from domain.config import Config, NodeGroup, SecurityGroupSelector, SubnetSelector
from domain.environment import FunctionEnvironment
from domain.lifecycle import Transition
from domain.model import AttachmentStatus, InstanceId
from lambdas.aws.ec2 import Ec2
from lambdas.aws.session import Clients
from lambdas.handlers import launch, reconcile, terminate
from lambdas.runtime.wiring import Runtime
from tests.fakes.builders import GROUP, NODE_GROUP, OWNER, ZONE, Builders
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from domain.model import NetworkInterface
    from localaws.account import Account
    from localaws.clock import VirtualClock

CIDRS = {"nodes": "10.0.8.0/22", "n1": "10.0.1.0/24", "n2": "10.0.2.0/24"}
HEARTBEAT_S = 600
FUNCTION_S = 120.0
VISIBILITY_S = 150
BATCH = 10
_ONE_ATTEMPT = ClientConfig(retries={"mode": "standard", "total_max_attempts": 1})
"""Botocore's own retries sleep in real time; what is tested is that ours do without them."""


class Context:
    """What Lambda passes to a handler."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._ends_at_s = clock.virtual.now() + FUNCTION_S

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the invocation."""
        return max(0, int((self._ends_at_s - self._clock.virtual.now()) * 1000))


class Stage:
    """A VPC, a group with both hooks, two queues and the functions' runtime.

    Events go nowhere by themselves: the test says which of them reach the queues, and when the queues are polled.
    """

    def __init__(self, account: Account, clock: VirtualClock) -> None:
        self.account = account
        self.clock = FakeClock(clock)
        self.ec2: Any = account.client("ec2")
        self.groups: Any = account.client("autoscaling")
        self.sqs: Any = account.client("sqs")
        self._collected = 0
        subnets, security_group = self._build_network()
        self._build_group(subnets["nodes"])
        self.environment = FunctionEnvironment(
            owner=OWNER,
            launch_hook=naming.launch_hook(OWNER),
            terminate_hook=naming.terminate_hook(OWNER),
            heartbeat_timeout_s=HEARTBEAT_S,
            launch_queue_url=self._build_queue("launches"),
            terminate_queue_url=self._build_queue("terminations"),
            orphan_min_age_s=900,
            max_deletions=50,
            max_adoptions=50,
            dry_run=False,
        )
        self.config = _config(subnets, security_group)
        self.restart()

    def _build_network(self) -> tuple[dict[str, str], str]:
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = {
            name: str(
                self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=ZONE)["Subnet"][
                    "SubnetId"
                ]
            )
            for name, cidr in CIDRS.items()
        }
        group = self.ec2.create_security_group(GroupName="multus", Description="multus", VpcId=vpc)
        return subnets, str(group["GroupId"])

    def _build_group(self, subnet_id: str) -> None:
        self.ec2.create_launch_template(
            LaunchTemplateName="node",
            LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "m5.4xlarge"},
        )
        self.groups.create_auto_scaling_group(
            AutoScalingGroupName=GROUP,
            MinSize=0,
            MaxSize=20,
            DesiredCapacity=0,
            LaunchTemplate={"LaunchTemplateName": "node", "Version": "$Latest"},
            VPCZoneIdentifier=subnet_id,
        )
        for name, transition, default in (
            (naming.launch_hook(OWNER), Transition.LAUNCHING, "ABANDON"),
            (naming.terminate_hook(OWNER), Transition.TERMINATING, "CONTINUE"),
        ):
            self.groups.put_lifecycle_hook(
                AutoScalingGroupName=GROUP,
                LifecycleHookName=name,
                LifecycleTransition=transition.value,
                HeartbeatTimeout=HEARTBEAT_S,
                DefaultResult=default,
            )

    def _build_queue(self, name: str) -> str:
        attributes = {"VisibilityTimeout": str(VISIBILITY_S)}
        made = self.sqs.create_queue(QueueName=name, Attributes=attributes)
        return str(made["QueueUrl"])

    def restart(self) -> None:
        """Start new processes: nothing that a function remembers outlives it."""
        clients = Clients(self.clock)
        clients.ec2 = boto3.client("ec2", config=_ONE_ATTEMPT)
        clients.autoscaling = boto3.client("autoscaling", config=_ONE_ATTEMPT)
        clients.meter.watch(clients.ec2)
        clients.meter.watch(clients.autoscaling)
        self.runtime = Runtime(self.environment, self.config, clients, self.clock, SerialWorkers())

    # What happens to the group.

    def desire(self, nodes: int) -> None:
        """Set the group's capacity and let what follows at once happen."""
        self.groups.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=nodes)
        self.clock.wait(0)

    def states(self) -> dict[InstanceId, str]:
        """Return the lifecycle state of every member."""
        (group,) = self.groups.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])[
            "AutoScalingGroups"
        ]
        return {InstanceId(i["InstanceId"]): i["LifecycleState"] for i in group["Instances"]}

    def in_service(self) -> list[InstanceId]:
        """Return the nodes in service."""
        return [node for node, state in self.states().items() if state == "InService"]

    def collect(self) -> list[dict[str, Any]]:
        """Return the events since the last time that the stack's rules match."""
        emitted = self.account.events.emitted
        fresh, self._collected = emitted[self._collected :], len(emitted)
        return [event for event in fresh if self._matches(event["detail"])]

    def _matches(self, detail: dict[str, Any]) -> bool:
        hooks = (self.environment.launch_hook, self.environment.terminate_hook)
        return detail.get("LifecycleHookName") in hooks or detail.get("state") == "terminated"

    # What the functions get.

    def send(self, *events: dict[str, Any]) -> None:
        """Put events into the queues that the stack's rules send them to."""
        for event in events:
            launching = event.get("detail-type") == "EC2 Instance-launch Lifecycle Action"
            self.send_text(json.dumps(event), launching=launching)

    def send_text(self, body: str, *, launching: bool) -> None:
        """Put anything into a queue."""
        self.sqs.send_message(QueueUrl=self._url(launching=launching), MessageBody=body)

    def _url(self, *, launching: bool) -> str:
        environment = self.environment
        return environment.launch_queue_url if launching else environment.terminate_queue_url

    def poll(self, *, launching: bool, most: int = BATCH) -> list[str]:
        """Hand a batch to its function as an event source mapping does; return the bodies that come back."""
        url = self._url(launching=launching)
        received = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=most, MessageSystemAttributeNames=["All"]
        ).get("Messages", [])
        if not received:
            return []
        handler = launch if launching else terminate
        event = {"Records": [_record(message) for message in received]}
        response = handler.handle(event, Context(self.clock), self.runtime)
        failed = {item["itemIdentifier"] for item in response["batchItemFailures"]}
        for message in received:
            if message["MessageId"] not in failed:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in received if message["MessageId"] in failed]

    def work_off(self) -> None:
        """Deliver every event, poll, and let time pass until nothing is left to do."""
        for _ in range(20):
            self.send(*self.collect())
            self.poll(launching=True)
            self.poll(launching=False)
            self.clock.wait(5)
            if not self.backlog() and self._settled():
                return
        raise AssertionError(f"not settled: {self.states()}")

    def _settled(self) -> bool:
        emitted = self.account.events.emitted
        return len(emitted) == self._collected and set(self.states().values()) <= {"InService"}

    def backlog(self) -> bool:
        """Return whether either queue holds anything."""
        return self.runtime.launch_queue.has_backlog() or self.runtime.terminate_queue.has_backlog()

    def reconcile(self) -> dict[str, Any]:
        """Run the reconcile function once."""
        return reconcile.handle(Context(self.clock), self.runtime)

    # What is so.

    def enis(self, node: InstanceId | None = None) -> list[NetworkInterface]:
        """Return our network interfaces, of one node or of all; not counted, throttled or failed."""
        return Ec2(self.ec2).list_interfaces(OWNER, {node} if node else None)

    def faults_of(self, node: InstanceId) -> list[str]:
        """Return in what a node differs from what it was promised; nothing when it has exactly that."""
        enis = self.enis(node)
        found = sorted(eni.tags[tags.INTERFACE] for eni in enis)
        faults = [f"has {found}"] if found != ["n1", "n2"] else []
        for eni in enis:
            attachment = eni.attachment
            if attachment is None or attachment.status is not AttachmentStatus.ATTACHED:
                faults.append(f"{eni.eni_id} is not attached")
            elif not attachment.delete_on_termination:
                faults.append(f"{eni.eni_id} would stay behind")
            if eni.tags.get(tags.NO_MANAGE) != "true":
                faults.append(f"{eni.eni_id} belongs to the VPC CNI")
            if eni.source_dest_check is not (eni.tags[tags.INTERFACE] == "n1"):
                faults.append(f"{eni.eni_id} has the wrong SourceDestCheck")
        return faults

    def asked_for(self, result: str) -> list[InstanceId]:
        """Return the nodes for which a function asked to complete a hook with this result, answered or not."""
        return [
            InstanceId(call.params["InstanceId"])
            for call in self.account.calls.of_action("CompleteLifecycleAction")
            if call.params["LifecycleActionResult"] == result
        ]

    def completed(self) -> list[tuple[str, str]]:
        """Return node and hook of every completion that was answered with success."""
        return [
            (call.params["InstanceId"], call.params["LifecycleHookName"])
            for call in self.account.calls.of_action("CompleteLifecycleAction")
            if call.outcome == "ok"
        ]


def _config(subnets: dict[str, str], security_group: str) -> Config:
    def settle(name: str) -> dict[str, Any]:
        return {
            "subnets": SubnetSelector(by_zone={ZONE: subnets[name]}),  # type: ignore[dict-item]  # a str is a SubnetId
            "security_groups": SecurityGroupSelector(ids=(security_group,)),  # type: ignore[arg-type]  # likewise
        }

    build = Builders()
    specs = (
        build.spec("n1", 1, **settle("n1")),
        build.from_start("n2", 2, source_dest_check=False, **settle("n2")),
    )
    group = NodeGroup(NODE_GROUP, GROUP, specs, adopt_running=True)
    return Config(owner=OWNER, cluster_name="example", node_groups=(group,))


def _record(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:events",
        "awsRegion": "us-east-1",
    }
