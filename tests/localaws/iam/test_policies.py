"""Policy evaluation, from "Policy evaluation logic" and "IAM JSON policy elements reference"."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.iam.conditions import UnsupportedPolicy
from localaws.iam.policies import Check, Decision, StatementRef, evaluate, matches_resource

ENI = "arn:aws:ec2:us-east-1:123456789012:network-interface/eni-1"
DELETE = Check("ec2:DeleteNetworkInterface", ENI, {"aws:resourcetag/owner": ("me",)})


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(**elements: object) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "ec2:DeleteNetworkInterface", "Resource": "*", **elements}


def test_everything_is_denied_by_default() -> None:
    assert evaluate({}, DELETE) == Decision(allowed=False)
    assert evaluate({"p": _document()}, DELETE) == Decision(allowed=False)


def test_an_allow_opens_and_is_named() -> None:
    decision = evaluate(
        {"p": _document(_allow(Action="ec2:CreateTags"), _allow(Sid="Clean"))}, DELETE
    )
    assert decision == Decision(allowed=True, statements=(StatementRef("p", 1, "Clean"),))


def test_a_deny_closes_whatever_allows() -> None:
    policies = {"a": _document(_allow()), "b": _document(_allow(Effect="Deny"), _allow())}
    decision = evaluate(policies, DELETE)
    assert not decision.allowed
    assert decision.explicit
    assert decision.statements == (StatementRef("b", 0),)


def test_a_single_statement_needs_no_list() -> None:
    assert evaluate({"p": {"Statement": _allow()}}, DELETE).allowed


@pytest.mark.parametrize(
    ("elements", "allowed"),
    [
        ({}, True),
        ({"Action": "EC2:deletenetworkinterface"}, True),
        ({"Action": "ec2:Delete*"}, True),
        ({"Action": "ec2:D?leteNetworkInterface"}, True),
        ({"Action": ["ec2:CreateTags", "ec2:DeleteNetworkInterface"]}, True),
        ({"Action": "ec2:DeleteNetwork"}, False),
        ({"Action": "*"}, True),
        ({"Resource": ENI}, True),
        ({"Resource": ENI.upper()}, False),
        ({"Resource": ["arn:aws:ec2:*:*:subnet/*", "arn:aws:ec2:*:*:network-interface/*"]}, True),
        ({"Resource": "arn:aws:ec2:*:*:subnet/*"}, False),
        ({"Condition": {"StringEquals": {"aws:ResourceTag/owner": "me"}}}, True),
        ({"Condition": {"StringEquals": {"aws:ResourceTag/owner": "you"}}}, False),
        ({"Condition": {"StringEquals": {"aws:RequestTag/owner": "me"}}}, False),
    ],
)
def test_a_statement_covers_action_resource_and_condition(
    elements: dict[str, Any], allowed: bool
) -> None:
    assert evaluate({"p": _document(_allow(**elements))}, DELETE).allowed is allowed


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("NotAction", "ec2:Create*", True),
        ("NotAction", ["ec2:Create*", "ec2:Delete*"], False),
        ("NotResource", "arn:aws:ec2:*:*:subnet/*", True),
        ("NotResource", "arn:aws:ec2:*:*:network-interface/*", False),
    ],
)
def test_the_negated_elements_cover_the_rest(name: str, value: object, allowed: bool) -> None:
    statement = _allow(**{name: value})
    del statement[name.removeprefix("Not")]
    assert evaluate({"p": _document(statement)}, DELETE).allowed is allowed


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("*", "*", True),
        ("*", ENI, True),
        (ENI, "*", False),
        ("arn:aws:ec2:*:*:network-interface/*", "arn:aws:ec2:us-east-1:1:network-interface/*", True),
        ("arn:aws:ec2:*", ENI, True),
        ("arn:aws:ec2:us-*-1:*:network-interface/eni-1", ENI, True),
        ("arn:aws:*-1:123456789012:network-interface/eni-1", ENI, False),
        ("arn:aws:ec2:us-east-?:123456789012:network-interface/eni-1", ENI, True),
        ("arn:aws:ec2?us-east-1:123456789012:network-interface/eni-1", ENI, False),
        (
            "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:*:autoScalingGroupName/nodes",
            "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:7-b:autoScalingGroupName/nodes",
            True,
        ),
    ],
)  # fmt: skip
def test_wildcards_in_arns(pattern: str, resource: str, matches: bool) -> None:
    assert matches_resource(pattern, resource) is matches


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ({**_allow(), "Principal": "*"}, "Principal"),
        ({**_allow(), "Effect": "allow"}, "Effect"),
        ({"Effect": "Allow", "Action": "a:b"}, "Resource"),
        ({**_allow(), "NotAction": "a:b"}, "NotAction"),
        (_allow(Resource="arn:aws:ec2:*:*:network-interface/${aws:username}"), "variables"),
        (_allow(Action="ec2:${x}"), "variables"),
        (_allow(Condition={"IpAddress": {"aws:SourceIp": "::/0"}}), "IpAddress"),
    ],
    ids=["principal", "effect", "no resource", "both", "resource", "action", "condition"],
)
def test_what_is_not_modelled_is_refused_wherever_it_stands(
    statement: dict[str, Any], named: str
) -> None:
    """Also in a statement about something else: a policy is understood as a whole or not at all."""
    policies = {"broken": _document(_allow(), {"Sid": "Odd", **statement})}
    with pytest.raises(UnsupportedPolicy, match=rf"broken\[1\] Odd.*{named}"):
        evaluate(policies, Check("sts:GetCallerIdentity", "*"))


_STATEMENTS = st.lists(
    st.builds(
        lambda effect, action, resource: {"Effect": effect, "Action": action, "Resource": resource},
        st.sampled_from(["Allow", "Deny"]),
        st.sampled_from(["ec2:*", "ec2:Delete*", "ec2:CreateTags", "*"]),
        st.sampled_from(["*", ENI, "arn:aws:ec2:*:*:subnet/*"]),
    ),
    max_size=6,
)


@given(before=_STATEMENTS, after=_STATEMENTS)
def test_a_matching_deny_can_not_be_outvoted(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    deny = {"Effect": "Deny", "Action": "ec2:DeleteNetworkInterface", "Resource": ENI}
    assert not evaluate({"p": _document(*before, deny, *after)}, DELETE).allowed


@given(statements=_STATEMENTS)
def test_the_order_of_statements_does_not_matter(statements: list[dict[str, Any]]) -> None:
    forward = evaluate({"p": _document(*statements)}, DELETE)
    backward = evaluate({"p": _document(*reversed(statements))}, DELETE)
    assert forward.allowed == backward.allowed
