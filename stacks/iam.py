"""Least privilege: what each function may do, and to whose resources.

Which resources and condition keys an action is checked against comes from the Service Authorization Reference, pages
"Actions, resources, and condition keys for Amazon EC2" and "… for Amazon EC2 Auto Scaling". Nothing here can
terminate an instance or touch a network interface that lacks this stack's owner tag.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aws_cdk import Acknowledgment, ArnFormat, Stack, Validations
from aws_cdk import aws_iam as iam

from domain import naming, tags
from domain.errors import ConfigInvalid, Problem
from domain.reservations import pod_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from constructs import Construct

    from domain.config import Config, InterfaceSpec

MAX_INLINE_POLICY_CHARACTERS = 10_240
"""IAM's quota for all inline policies of one role together, white space not counted."""
OWN_RESOURCES_CHARACTERS = 1_000
"""Kept of it for the statements on a function's own log and queues, whose names CloudFormation generates."""
LONGEST_REFERENCES = {
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-1",
    "AWS::AccountId": "123456789012",
}
"""What a reference in an ARN can become when it is deployed, at its longest."""

GROUP_TAG = "aws:autoscaling:groupName"
"""Auto Scaling sets it on each instance it launches; nobody else can set a tag that begins with `aws:`."""

_DESCRIBE_INTERFACES = "ec2:DescribeNetworkInterfaces"
_DESCRIBE_FOR_LAUNCH = (
    _DESCRIBE_INTERFACES,
    "ec2:DescribeInstances",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
    "ec2:GetSubnetCidrReservations",
)
_DESCRIBE_GROUPS = "autoscaling:DescribeAutoScalingGroups"
_COMPLETE = "autoscaling:CompleteLifecycleAction"
_HEARTBEAT = "autoscaling:RecordLifecycleActionHeartbeat"

_WILDCARD_REASONS = {
    ":network-interface/*": "An interface's id is not known before it exists; each statement demands the owner tag.",
    ":instance/*": "Nodes come and go; the statement demands the tag by which Auto Scaling names an adopted group.",
    ":subnet/*": "These subnets are selected by tags, which the statement demands.",
    ":security-group/*": "These security groups are selected by tags, which the statement demands.",
    ":autoScalingGroup:*": "Only the id that AWS gives a group is left open; its name, unique in the Region, is not.",
    ":subnet-cidr-reservation/*": "A reservation's id is not known before it exists; the statement demands the owner tag.",
    "*": "EC2's and Auto Scaling's read actions cannot be limited to resources, nor can the deletion of a CIDR reservation.",
}
"""By a part of the ARN, the most telling first."""


class Permissions:
    """The statements of one stack's functions."""

    def __init__(self, scope: Construct, *, config: Config) -> None:
        self._stack = Stack.of(scope)
        self._config = config
        self._interfaces = [spec for group in config.node_groups for spec in group.interfaces]

    def launch(self) -> list[iam.PolicyStatement]:
        """Return what making, attaching and, on failure, taking back a node's interfaces needs."""
        return self._checked(
            [
                self._describe(*_DESCRIBE_FOR_LAUNCH),
                *self._create(),
                *self._attach(),
                self._change_owned(),
                self._answer_hooks(_COMPLETE, _HEARTBEAT),
                self._announce(),
            ]
        )

    def terminate(self) -> list[iam.PolicyStatement]:
        """Return what marking interfaces for deletion, and deleting the loose ones, needs."""
        return self._checked(
            [
                self._describe(_DESCRIBE_INTERFACES),
                self._change_owned(),
                self._nodes("ChangeOnNodes", "ec2:ModifyNetworkInterfaceAttribute"),
                self._answer_hooks(_COMPLETE),
            ]
        )

    def reconcile(self) -> list[iam.PolicyStatement]:
        """Return what repairing all that a launch or a termination does needs, and repairing drift."""
        return self._checked(
            [
                self._describe(*_DESCRIBE_FOR_LAUNCH, _DESCRIBE_GROUPS),
                *self._create(),
                self._repair_tags(),
                *self._attach(),
                self._change_owned(),
                self._answer_hooks(_COMPLETE, _HEARTBEAT),
                self._announce(),
            ]
        )

    def reserve(self) -> list[iam.PolicyStatement]:
        """Return what keeping pod ranges as subnet CIDR reservations needs.

        A delete is checked against no resource, so no tag can limit it: the function looks for its owner's tag itself.
        """
        subnet_ids = sorted({i for each in pod_ranges(self._config) for i in each.subnet_ids})
        return self._checked(
            [
                self._describe(
                    "ec2:DescribeSubnets",
                    "ec2:GetSubnetCidrReservations",
                    _DESCRIBE_INTERFACES,
                ),
                iam.PolicyStatement(
                    sid="Reserve",
                    actions=["ec2:CreateSubnetCidrReservation"],
                    resources=[self._ec2("subnet", one) for one in subnet_ids],
                ),
                iam.PolicyStatement(
                    sid="TagAtBirth",
                    actions=["ec2:CreateTags"],
                    resources=[self._ec2("subnet-cidr-reservation", "*")],
                    conditions={
                        "StringEquals": {
                            "ec2:CreateAction": "CreateSubnetCidrReservation",
                            f"aws:RequestTag/{tags.OWNER}": self._config.owner,
                        }
                    },
                ),
                iam.PolicyStatement(
                    sid="Release",
                    actions=["ec2:DeleteSubnetCidrReservation"],
                    resources=["*"],
                    conditions={"StringEquals": {"ec2:Region": self._stack.region}},
                ),
            ]
        )

    def _announce(self) -> iam.PolicyStatement:
        """Allow telling the default event bus of abandoned launches, under our own name and nothing else."""
        bus = self._stack.format_arn(
            service="events", resource="event-bus", resource_name="default"
        )
        return iam.PolicyStatement(
            sid="AnnounceAbandons",
            actions=["events:PutEvents"],
            resources=[bus],
            conditions={
                "StringEquals": {
                    "events:source": naming.EVENT_SOURCE,
                    "events:detail-type": naming.LAUNCH_ABANDONED,
                }
            },
        )

    def _describe(self, *actions: str) -> iam.PolicyStatement:
        """Allow reading; none of these actions can be limited to a resource."""
        return iam.PolicyStatement(sid="Read", actions=list(actions), resources=["*"])

    def _create(self) -> Iterable[iam.PolicyStatement]:
        """Allow a create only with our owner tag and no_manage at birth, in configured subnets and security groups."""
        yield iam.PolicyStatement(
            sid="CreateTagged",
            actions=["ec2:CreateNetworkInterface"],
            resources=[self._ec2("network-interface", "*")],
            conditions={
                "StringEquals": {
                    f"aws:RequestTag/{tags.OWNER}": self._config.owner,
                    f"aws:RequestTag/{tags.NO_MANAGE}": tags.NO_MANAGE_VALUE,
                }
            },
        )
        yield iam.PolicyStatement(
            sid="TagAtBirth",
            actions=["ec2:CreateTags"],
            resources=[self._ec2("network-interface", "*")],
            conditions={
                "StringEquals": {
                    "ec2:CreateAction": "CreateNetworkInterface",
                    f"aws:RequestTag/{tags.OWNER}": self._config.owner,
                }
            },
        )
        yield from self._selected(
            "Subnet",
            ["ec2:CreateNetworkInterface"],
            ids=[i for spec in self._interfaces for i in _subnet_ids(spec)],
            selectors=[spec.subnets.tags for spec in self._interfaces],
        )
        yield from self._selected(
            "SecurityGroup",
            # A change of an interface's security groups is checked against the groups too.
            ["ec2:CreateNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute"],
            ids=[i for spec in self._interfaces for i in spec.security_groups.ids],
            selectors=[spec.security_groups.tags for spec in self._interfaces],
        )

    def _selected(
        self,
        kind: str,
        actions: list[str],
        *,
        ids: Iterable[str],
        selectors: Iterable[Mapping[str, str] | None],
    ) -> Iterable[iam.PolicyStatement]:
        """Allow the actions on resources chosen by id, and on those that carry all tags of a selector."""
        arn_type = {"Subnet": "subnet", "SecurityGroup": "security-group"}[kind]
        if chosen := sorted(set(ids)):
            yield iam.PolicyStatement(
                sid=f"Configured{kind}s",
                actions=actions,
                resources=[self._ec2(arn_type, one) for one in chosen],
            )
        distinct = sorted({tuple(sorted(selector.items())) for selector in selectors if selector})
        for number, selector in enumerate(distinct, start=1):
            yield iam.PolicyStatement(
                sid=f"Tagged{kind}s{number}",
                actions=actions,
                resources=[self._ec2(arn_type, "*")],
                conditions={
                    "StringEquals": {f"aws:ResourceTag/{key}": value for key, value in selector}
                },
            )

    def _attach(self) -> Iterable[iam.PolicyStatement]:
        """Allow attaching our interfaces to nodes of adopted groups; EC2 checks both sides."""
        yield iam.PolicyStatement(
            sid="AttachOwned",
            actions=["ec2:AttachNetworkInterface"],
            resources=[self._ec2("network-interface", "*")],
            conditions=self._owned(),
        )
        yield self._nodes(
            "AttachToNodes", "ec2:AttachNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute"
        )

    def _nodes(self, sid: str, *actions: str) -> iam.PolicyStatement:
        """Allow the actions on instances that an adopted group launched.

        The reference lists the instance among the resources of ModifyNetworkInterfaceAttribute, for an interface that
        is attached.
        """
        return iam.PolicyStatement(
            sid=sid,
            actions=list(actions),
            resources=[self._ec2("instance", "*")],
            conditions={"StringEquals": {f"aws:ResourceTag/{GROUP_TAG}": self._group_names()}},
        )

    def _change_owned(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            sid="ChangeOwned",
            actions=["ec2:ModifyNetworkInterfaceAttribute", "ec2:DeleteNetworkInterface"],
            resources=[self._ec2("network-interface", "*")],
            conditions=self._owned(),
        )

    def _repair_tags(self) -> iam.PolicyStatement:
        """Allow tagging what is ours already; the owner tag, when it is in the request, must stay what it is."""
        return iam.PolicyStatement(
            sid="RepairTags",
            actions=["ec2:CreateTags"],
            resources=[self._ec2("network-interface", "*")],
            conditions={
                **self._owned(),
                "StringEqualsIfExists": {f"aws:RequestTag/{tags.OWNER}": self._config.owner},
            },
        )

    def _answer_hooks(self, *actions: str) -> iam.PolicyStatement:
        """Allow answering hooks of adopted groups."""
        return iam.PolicyStatement(
            sid="AnswerHooks",
            actions=list(actions),
            resources=group_arns(self._stack, self._group_names()),
        )

    def _owned(self) -> dict[str, dict[str, str]]:
        return {"StringEquals": {f"aws:ResourceTag/{tags.OWNER}": self._config.owner}}

    def _group_names(self) -> list[str]:
        return sorted(str(group.auto_scaling_group) for group in self._config.node_groups)

    def _ec2(self, resource: str, resource_id: str) -> str:
        return self._stack.format_arn(service="ec2", resource=resource, resource_name=resource_id)

    def _checked(self, statements: list[iam.PolicyStatement]) -> list[iam.PolicyStatement]:
        """Refuse at synth what IAM would refuse in the middle of a deployment.

        Raises:
            ConfigInvalid: the statements do not fit a role's inline policies.
        """
        rendered = self._stack.resolve([one.to_statement_json() for one in statements])
        length = OWN_RESOURCES_CHARACTERS + deployed_characters(rendered)
        if length > MAX_INLINE_POLICY_CHARACTERS:
            raise ConfigInvalid(
                [
                    Problem(
                        path="node_groups",
                        value=f"{len(self._config.node_groups)} node groups",
                        message=f"names so many subnets, security groups and Auto Scaling groups that a function's policy "
                        f"takes {length} characters of the {MAX_INLINE_POLICY_CHARACTERS} that IAM allows",
                        remedy="Select subnets and security groups by tag, or split the node groups over two files.",
                    )
                ]
            )
        return statements


def group_arns(stack: Stack, names: Iterable[str]) -> list[str]:
    """Return the ARNs of Auto Scaling groups. The id in a group's ARN is not known before, the name is unique."""
    return [
        stack.format_arn(
            service="autoscaling",
            resource="autoScalingGroup",
            resource_name=f"*:autoScalingGroupName/{name}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        for name in names
    ]


def consume(queue_arn: str) -> iam.PolicyStatement:
    """Return what reading a queue takes: three actions for Lambda's poller, one for the handler's own retry pace."""
    return iam.PolicyStatement(
        sid="ReadQueue",
        actions=[
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
        ],
        resources=[queue_arn],
    )


def see_backlog(queue_arns: Sequence[str]) -> iam.PolicyStatement:
    """Return what telling a long queue from a lost event takes."""
    return iam.PolicyStatement(
        sid="SeeBacklog", actions=["sqs:GetQueueAttributes"], resources=list(queue_arns)
    )


def acknowledge_wildcards(
    holder: iam.Role | iam.ManagedPolicy, statements: Iterable[iam.PolicyStatement]
) -> None:
    """Tell cdk-nag, resource by resource, why a statement's wildcard is as narrow as it can be."""
    stack = Stack.of(holder)
    wildcards = {
        _nag_notation(stack.resolve(resource))
        for statement in statements
        for resource in statement.resources
    }
    Validations.of(holder).acknowledge(
        *(
            Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{wildcard}]", reason=_reason(wildcard))
            for wildcard in sorted(wildcards)
            if "*" in wildcard
        )
    )


def _reason(wildcard: str) -> str:
    return next(reason for part, reason in _WILDCARD_REASONS.items() if part in wildcard)


def _nag_notation(resolved: object) -> str:
    """Return an ARN as cdk-nag writes it: references in angle brackets."""
    if isinstance(resolved, dict) and "Fn::Join" in resolved:
        return "".join(_nag_notation(part) for part in resolved["Fn::Join"][1])
    if isinstance(resolved, dict):
        return f"<{resolved.get('Ref')}>"
    return str(resolved)


def _subnet_ids(spec: InterfaceSpec) -> Sequence[str]:
    return [*spec.subnets.ids, *(spec.subnets.by_zone or {}).values()]


def deployed_characters(resolved: object) -> int:
    """Return how many characters resolved statements take in IAM, with each reference at its longest."""
    return len(json.dumps(_deployed(resolved), separators=(",", ":")))


def _deployed(value: object) -> object:
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(str(_deployed(part)) for part in value["Fn::Join"][1])
    if isinstance(value, dict) and "Ref" in value:
        return LONGEST_REFERENCES[value["Ref"]]
    if isinstance(value, dict):
        return {key: _deployed(item) for key, item in value.items()}
    return [_deployed(item) for item in value] if isinstance(value, list) else value
