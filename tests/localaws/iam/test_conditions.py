"""Condition operators, from "IAM JSON policy elements: Condition operators" and "Multivalued context keys"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from localaws.iam.conditions import UnsupportedPolicy, matches_glob, satisfied, validate

if TYPE_CHECKING:
    from localaws.iam.conditions import Context

TAG = "aws:RequestTag/team"
VPC = "ec2:Vpc"
ARN = "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1"

OPERATORS: list[tuple[str, Any, str, bool]] = [
    ("StringEquals", "blue", "blue", True),
    ("StringEquals", "blue", "Blue", False),
    ("StringEquals", ["red", "blue"], "blue", True),
    ("StringEquals", "bl*", "blue", False),
    ("StringNotEquals", "blue", "blue", False),
    ("StringNotEquals", ["red", "blue"], "blue", False),
    ("StringNotEquals", "blue", "red", True),
    ("StringEqualsIgnoreCase", "blue", "BLUE", True),
    ("StringNotEqualsIgnoreCase", "blue", "BLUE", False),
    ("StringLike", "bl*", "blue", True),
    ("StringLike", "b?ue", "blue", True),
    ("StringLike", "b?", "blue", False),
    ("StringLike", "b.*", "blue", False),
    ("StringNotLike", "bl*", "blue", False),
    ("Bool", "true", "true", True),
    ("Bool", True, "true", True),
    ("Bool", "false", "true", False),
]


@pytest.mark.parametrize(("operator", "wanted", "got", "holds"), OPERATORS)
def test_an_operator_compares_as_documented(
    operator: str, wanted: object, got: str, holds: bool
) -> None:
    condition = {operator: {TAG: wanted}}
    validate(condition, frozenset({"ec2"}))
    assert satisfied(condition, {"aws:requesttag/team": (got,)}) is holds


@pytest.mark.parametrize(
    ("operator", "pattern", "holds"),
    [
        ("ArnEquals", ARN, True),
        ("ArnLike", "arn:*:ec2:*:123456789012:vpc/*", True),
        ("ArnEquals", "arn:*:ec2:*:123456789012:vpc/*", True),
        ("ArnLike", "arn:aws:ec2:*:vpc/vpc-1", False),
        ("ArnLike", "*", False),
        ("ArnNotLike", "arn:aws:ec2:*:*:vpc/vpc-2", True),
        ("ArnNotEquals", ARN, False),
    ],
    ids=["same", "wild", "equals is like", "too few parts", "no ARN", "not like", "not equals"],
)
def test_arns_are_compared_part_by_part(operator: str, pattern: str, holds: bool) -> None:
    assert satisfied({operator: {VPC: pattern}}, {"ec2:vpc": (ARN,)}) is holds


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("StringEquals", False),
        ("StringEqualsIfExists", True),
        ("StringNotEquals", True),
        ("StringNotLikeIfExists", True),
        ("ArnNotLike", True),
        ("Bool", False),
        ("BoolIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
def test_an_absent_key_is_decided_by_the_operator(operator: str, holds: bool) -> None:
    assert satisfied({operator: {TAG: "blue"}}, {}) is holds


@pytest.mark.parametrize(
    ("wanted", "context", "holds"),
    [
        ("true", {}, True),
        ("true", {"aws:requesttag/team": ("x",)}, False),
        ("false", {"aws:requesttag/team": ("x",)}, True),
        (False, {}, False),
    ],
)
def test_null_asks_for_the_key_alone(wanted: object, context: Context, holds: bool) -> None:
    assert satisfied({"Null": {TAG: wanted}}, context) is holds


@pytest.mark.parametrize(
    ("operator", "got", "holds"),
    [
        ("ForAllValues:StringEquals", ("a", "b"), True),
        ("ForAllValues:StringEquals", ("a", "z"), False),
        ("ForAnyValue:StringEquals", ("a", "z"), True),
        ("ForAnyValue:StringEquals", ("y", "z"), False),
        ("ForAllValues:StringNotEquals", ("y", "z"), True),
        ("ForAllValues:StringNotEquals", ("a", "z"), False),
        ("ForAnyValue:StringNotEquals", ("a", "z"), True),
        ("ForAnyValue:StringLike", ("abc",), False),
    ],
)
def test_set_operators_look_at_every_value(
    operator: str, got: tuple[str, ...], holds: bool
) -> None:
    condition = {operator: {"aws:TagKeys": ["a", "b"]}}
    validate(condition, frozenset({"ec2"}))
    assert satisfied(condition, {"aws:tagkeys": got}) is holds


def test_every_operator_and_every_key_must_hold() -> None:
    condition = {
        "StringEquals": {TAG: "blue", "aws:RequestTag/owner": "me"},
        "Null": {"aws:ResourceTag/x": "true"},
    }
    context: Context = {"aws:requesttag/team": ("blue",), "aws:requesttag/owner": ("me",)}
    assert satisfied(condition, context)
    assert not satisfied(condition, {**context, "aws:requesttag/owner": ("you",)})
    assert not satisfied(condition, {**context, "aws:resourcetag/x": ("1",)})


def test_key_names_ignore_case_and_values_do_not() -> None:
    assert satisfied(
        {"StringEquals": {"AWS:requestTAG/Team": "b"}}, {"aws:requesttag/team": ("b",)}
    )
    assert not satisfied({"StringEquals": {TAG: "B"}}, {"aws:requesttag/team": ("b",)})


@pytest.mark.parametrize(
    ("condition", "services", "named"),
    [
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"ec2"}, "IpAddress"),
        ({"NumericLessThan": {TAG: "1"}}, {"ec2"}, "NumericLessThan"),
        ({"DateGreaterThan": {TAG: "2026-01-01"}}, {"ec2"}, "DateGreaterThan"),
        ({"BinaryEquals": {TAG: "eA=="}}, {"ec2"}, "BinaryEquals"),
        ({"StringEqual": {TAG: "x"}}, {"ec2"}, "StringEqual"),
        ({"ForSomeValues:StringEquals": {TAG: "x"}}, {"ec2"}, "ForSomeValues"),
        ({"NullIfExists": {TAG: "true"}}, {"ec2"}, "NullIfExists"),
        ({"StringEquals": {"aws:SourceIp": "x"}}, {"ec2"}, "aws:SourceIp"),
        ({"StringEqualsIfExists": {"aws:PrincipalTag/x": "x"}}, {"ec2"}, "aws:PrincipalTag/x"),
        ({"StringEquals": {TAG: "${aws:username}"}}, {"ec2"}, "policy variables"),
        ({"StringEquals": {"aws:TagKeys": "a"}}, {"ec2"}, "several values"),
        ({"StringEquals": {"aws:ResourceTag/a": "a"}}, {"ec2", "sqs"}, "modelled for sqs"),
    ],
)
def test_what_is_not_modelled_is_refused_loudly(
    condition: dict[str, Any], services: set[str], named: str
) -> None:
    with pytest.raises(UnsupportedPolicy, match=named):
        validate(condition, frozenset(services))


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [("a*c", "abbc", True), ("a*c", "ab", False), ("*", "", True), ("?", "", False), ("a.c", "abc", False)],
)  # fmt: skip
def test_only_two_characters_are_wild(pattern: str, text: str, matches: bool) -> None:
    assert matches_glob(pattern, text) is matches
