"""What the functions' roles allow, statement by statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from policy_sentry.querying.actions import get_action_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.infra.conftest import Synthesized

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

HANDLERS = ("launch", "terminate", "reconcile")
OWNED = {"aws:ResourceTag/multus-eni:owner": "MultusEni-fleet"}
BORN_OWNED = {"aws:RequestTag/multus-eni:owner": "MultusEni-fleet"}
READS = ("Describe", "Get")


def listed(value: object) -> list[Any]:
    """Return a value that IAM allows to be one thing or a list of them, as a list."""
    return value if isinstance(value, list) else [value]


def arn(resource: object) -> str:
    """Return a resource as text, references in angle brackets."""
    if isinstance(resource, dict) and "Fn::Join" in resource:
        return "".join(arn(part) for part in resource["Fn::Join"][1])
    if isinstance(resource, dict) and "Ref" in resource:
        return f"<{resource['Ref']}>"
    if isinstance(resource, dict):
        return f"<{resource['Fn::GetAtt'][0]}>"
    return str(resource)


def grants(fleet: Synthesized, name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield what a function's role grants, flattened."""
    yield from flattened(fleet.statements(name))


def flattened(
    statements: Iterable[dict[str, Any]],
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each action with each resource and the conditions."""
    for statement in statements:
        conditions = {
            key: value
            for operator in statement.get("Condition", {}).values()
            for key, value in operator.items()
        }
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                yield action, arn(resource), conditions


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        pytest.param(
            "launch",
            {
                "autoscaling:CompleteLifecycleAction",
                "autoscaling:RecordLifecycleActionHeartbeat",
                "ec2:AttachNetworkInterface",
                "ec2:CreateNetworkInterface",
                "ec2:CreateTags",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeInstances",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:GetSubnetCidrReservations",
                "ec2:ModifyNetworkInterfaceAttribute",
                "events:PutEvents",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
            },
            id="launch",
        ),
        pytest.param(
            "terminate",
            {
                "autoscaling:CompleteLifecycleAction",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:ModifyNetworkInterfaceAttribute",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
            },
            id="terminate",
        ),
        pytest.param(
            "reconcile",
            {
                "autoscaling:CompleteLifecycleAction",
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:RecordLifecycleActionHeartbeat",
                "ec2:AttachNetworkInterface",
                "ec2:CreateNetworkInterface",
                "ec2:CreateTags",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeInstances",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:GetSubnetCidrReservations",
                "ec2:ModifyNetworkInterfaceAttribute",
                "events:PutEvents",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                "sqs:GetQueueAttributes",
            },
            id="reconcile",
        ),
        pytest.param(
            "reserve",
            {
                "ec2:CreateSubnetCidrReservation",
                "ec2:CreateTags",
                "ec2:DeleteSubnetCidrReservation",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:GetSubnetCidrReservations",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
            },
            id="reserve",
        ),
    ],
)
def test_a_function_may_do_exactly(fleet: Synthesized, name: str, actions: set[str]) -> None:
    assert {action for action, _, _ in grants(fleet, name)} == actions


def test_nobody_may_terminate_an_instance_or_use_a_wildcard_action(fleet: Synthesized) -> None:
    for role in fleet.of_type("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                for action in listed(statement["Action"]):
                    assert "Terminate" not in action
                    assert "*" not in action


@pytest.mark.parametrize("name", HANDLERS)
def test_only_reads_are_allowed_on_everything(fleet: Synthesized, name: str) -> None:
    everywhere = [action for action, resource, _ in grants(fleet, name) if resource == "*"]
    assert all(action.partition(":")[2].startswith(READS) for action in everywhere)


@pytest.mark.parametrize("name", HANDLERS)
def test_no_network_interface_is_touched_without_the_owners_tag(
    fleet: Synthesized, name: str
) -> None:
    touched = [g for g in grants(fleet, name) if g[1].endswith(":network-interface/*")]
    assert touched
    for action, _, conditions in touched:
        owned = OWNED.items() <= conditions.items()
        born_owned = BORN_OWNED.items() <= conditions.items()
        assert owned or (born_owned and action in ("ec2:CreateNetworkInterface", "ec2:CreateTags"))


@pytest.mark.parametrize("name", ["launch", "reconcile"])
def test_an_interface_is_born_out_of_the_vpc_cnis_reach(fleet: Synthesized, name: str) -> None:
    (conditions,) = (
        conditions
        for action, resource, conditions in grants(fleet, name)
        if action == "ec2:CreateNetworkInterface" and ":network-interface/" in resource
    )
    assert conditions == {
        **BORN_OWNED,
        "aws:RequestTag/node.k8s.amazonaws.com/no_manage": "true",
    }


@pytest.mark.parametrize("name", ["launch", "reconcile"])
def test_an_interface_is_made_only_in_configured_subnets_and_security_groups(
    fleet: Synthesized, name: str
) -> None:
    places = sorted(
        (re.sub(r".*:", "", resource), tuple(sorted(conditions.items())))
        for action, resource, conditions in grants(fleet, name)
        if action == "ec2:CreateNetworkInterface" and ":network-interface/" not in resource
    )
    assert places == [
        ("security-group/*", (("aws:ResourceTag/plane", "n6"),)),
        ("security-group/sg-0aaaaaaaaaaaaaaa1", ()),
        ("security-group/sg-0aaaaaaaaaaaaaaa2", ()),
        ("subnet/*", (("aws:ResourceTag/plane", "n6"), ("aws:ResourceTag/zone-role", "data"))),
        ("subnet/subnet-0aaaaaaaaaaaaaaa1", ()),
        ("subnet/subnet-0aaaaaaaaaaaaaaa2", ()),
        ("subnet/subnet-0bbbbbbbbbbbbbbb2", ()),
    ]


@pytest.mark.parametrize("name", HANDLERS)
def test_instances_are_those_of_adopted_groups(fleet: Synthesized, name: str) -> None:
    instances = [g for g in grants(fleet, name) if ":instance/" in g[1]]
    assert instances
    for _, _, conditions in instances:
        assert conditions == {
            "aws:ResourceTag/aws:autoscaling:groupName": ["core-control-plane", "core-user-plane"]
        }


@pytest.mark.parametrize("name", HANDLERS)
def test_hooks_are_answered_for_adopted_groups_alone(fleet: Synthesized, name: str) -> None:
    groups = {
        resource.rpartition("/")[2]
        for action, resource, _ in grants(fleet, name)
        if action == "autoscaling:CompleteLifecycleAction"
    }
    assert groups == {"core-control-plane", "core-user-plane"}


def test_tags_are_repaired_but_the_owner_is_not_changed(fleet: Synthesized) -> None:
    (repair,) = (s for s in fleet.statements("reconcile") if s["Sid"] == "RepairTags")
    assert repair["Condition"] == {
        "StringEquals": OWNED,
        "StringEqualsIfExists": BORN_OWNED,
    }


def test_ranges_are_reserved_in_the_configured_subnets_alone(fleet: Synthesized) -> None:
    places = {
        re.sub(r".*:", "", resource)
        for action, resource, _ in grants(fleet, "reserve")
        if action == "ec2:CreateSubnetCidrReservation"
    }
    assert places == {
        "subnet/subnet-0aaaaaaaaaaaaaaa1",
        "subnet/subnet-0aaaaaaaaaaaaaaa2",
        "subnet/subnet-0bbbbbbbbbbbbbbb2",
    }


def test_a_reservation_is_tagged_at_its_birth_and_never_again(fleet: Synthesized) -> None:
    (conditions,) = (c for action, _, c in grants(fleet, "reserve") if action == "ec2:CreateTags")
    assert conditions == {**BORN_OWNED, "ec2:CreateAction": "CreateSubnetCidrReservation"}


def test_what_no_resource_limits_is_limited_to_the_region(fleet: Synthesized) -> None:
    """The reference lists neither a resource nor a tag for the deletion of a reservation."""
    (rows,) = get_action_data("ec2", "DeleteSubnetCidrReservation")["ec2"]
    assert (rows["resource_arn_format"], rows["condition_keys"]) == ("*", ["ec2:Region"])
    everywhere = {
        action: conditions
        for action, resource, conditions in grants(fleet, "reserve")
        if resource == "*" and not action.partition(":")[2].startswith(READS)
    }
    assert everywhere == {"ec2:DeleteSubnetCidrReservation": {"ec2:Region": {"Ref": "AWS::Region"}}}


@pytest.mark.parametrize("name", [*HANDLERS, "reserve"])
def test_a_function_writes_its_own_log_and_reads_its_own_queue(
    fleet: Synthesized, name: str
) -> None:
    function = fleet.resources[fleet.function_id(name)]["Properties"]
    log = function["LoggingConfig"]["LogGroup"]["Ref"]
    for action, resource, _ in grants(fleet, name):
        if action.startswith("logs:"):
            assert resource == f"<{log}>"
        if action == "sqs:ReceiveMessage":
            prefix = {"launch": "<LaunchesQueue", "terminate": "<TerminationsQueue"}[name]
            assert resource.startswith(prefix)


@pytest.mark.parametrize("name", [*HANDLERS, "reserve"])
def test_every_grant_names_resources_and_conditions_that_the_action_is_checked_against(
    fleet: Synthesized, name: str
) -> None:
    check_against_the_reference(grants(fleet, name))


def check_against_the_reference(granted: Iterable[tuple[str, str, dict[str, Any]]]) -> None:
    """Hold each grant against the Service Authorization Reference.

    IAM accepts a condition key that an action never has, and then never grants.
    """
    for action, resource, conditions in granted:
        if resource.startswith("<"):
            continue
        service, _, operation = action.partition(":")
        rows = {
            row["resource_arn_format"]: {re.sub(r"/.*", "", key) for key in row["condition_keys"]}
            for row in get_action_data(service, operation)[service]
        }
        (matching,) = (
            keys for arn_format, keys in rows.items() if _same_kind(arn_format, resource)
        )
        used = {re.sub(r"/.*", "", key) for key in conditions}
        assert used <= matching, f"{action} on {resource}"


def test_pods_may_have_addresses_assigned_to_enis_of_followed_interfaces_and_no_more(
    fleet: Synthesized,
) -> None:
    (policy,) = (
        properties["PolicyDocument"]["Statement"]
        for logical_id, properties in fleet.of_type("AWS::IAM::ManagedPolicy").items()
        if logical_id.startswith("PodAddresses")
    )
    assign = {f"{what}{which}" for what in ("Assign", "Unassign") for which in ADDRESSES}
    granted = list(flattened(policy))
    assert {(action, resource) for action, resource, _ in granted} == {
        ("ec2:DescribeNetworkInterfaces", "*"),
        ("ec2:DescribeSubnets", "*"),
        *((f"ec2:{each}", f"{ARN_PREFIX}:network-interface/*") for each in assign),
    }
    for action, _, conditions in granted:
        if not action.startswith("ec2:Describe"):
            assert conditions == {**OWNED, "aws:ResourceTag/multus-eni:interface": ["n2"]}
    check_against_the_reference(granted)


ADDRESSES = ("PrivateIpAddresses", "Ipv6Addresses")
ARN_PREFIX = "arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>"


def _same_kind(arn_format: str, resource: str) -> bool:
    """Return whether an ARN is of a form of the reference, whose placeholders are ${Name}."""
    pattern = re.sub(r"\\\$\\\{\w+\\\}", "[^/]*?", re.escape(arn_format))
    return re.fullmatch(pattern, resource) is not None
