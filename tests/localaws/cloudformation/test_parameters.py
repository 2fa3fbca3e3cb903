"""A parameter's value is the given, the previous or the default one, and is what its declaration allows."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.cloudformation.parameters import Parameter, decide
from localaws.rules import Refusal


def _decide(body: dict[str, Any], given: str | None = None) -> Parameter:
    values = [] if given is None else [{"ParameterKey": "P", "ParameterValue": given}]
    return decide({"P": body}, values, {}, {"/name": "found"}.get)["P"]


@pytest.mark.parametrize(
    ("body", "given", "value"),
    [
        ({"Type": "String"}, "x", "x"),
        ({"Type": "String", "Default": "d"}, None, "d"),
        ({"Type": "String", "Default": "d"}, "x", "x"),
        ({"Type": "Number", "Default": 3}, None, "3"),
        ({"Type": "CommaDelimitedList"}, "a, b", ["a", "b"]),
        ({"Type": "List<AWS::EC2::Subnet::Id>"}, "s-1,s-2", ["s-1", "s-2"]),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "/name", "found"),
    ],
    ids=str,
)
def test_a_value_is_decided(body: dict[str, Any], given: str | None, value: object) -> None:
    assert _decide(body, given).value == value


@pytest.mark.parametrize(
    ("body", "given", "message"),
    [
        ({"Type": "String"}, None, r"\[P\] must have values"),
        ({"Type": "String", "AllowedValues": ["a"]}, "b", "AllowedValues"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "B", "must match pattern"),
        ({"Type": "String", "MinLength": 2}, "a", "must have MinLength 2"),
        ({"Type": "String", "MaxLength": 2}, "abc", "must have MaxLength 2"),
        ({"Type": "Number"}, "many", "must be a number"),
        ({"Type": "Number", "MinValue": 5}, "4", "must have MinValue 5"),
        ({"Type": "Number", "MaxValue": 5}, "6", "must have MaxValue 5"),
    ],
    ids=str,
)
def test_a_value_that_is_not_allowed_is_refused(
    body: dict[str, Any], given: str | None, message: str
) -> None:
    with pytest.raises(Refusal, match=message):
        _decide(body, given)


def test_an_undeclared_parameter_is_refused() -> None:
    with pytest.raises(Refusal, match=r"\[X\] do not exist in the template"):
        decide({}, [{"ParameterKey": "X", "ParameterValue": "1"}], {}, str)


@pytest.mark.parametrize(
    ("previous", "value"),
    [({"P": Parameter("old", "old")}, "old"), ({}, "d")],
    ids=["kept", "default"],
)
def test_the_previous_value_is_used_where_there_is_one(
    previous: dict[str, Parameter], value: str
) -> None:
    given = [{"ParameterKey": "P", "UsePreviousValue": True}]

    assert (
        decide({"P": {"Type": "String", "Default": "d"}}, given, previous, str)["P"].value == value
    )


def test_names_that_no_parameter_has_are_told_all_at_once() -> None:
    body = {"Type": "AWS::SSM::Parameter::Value<String>"}
    declared = {
        "A": {**body, "Default": "/b"},
        "B": {**body, "Default": "/a"},
        "C": {**body, "Default": "/name"},
    }
    with pytest.raises(Refusal) as told:
        decide(declared, [], {}, {"/name": "found"}.get)
    assert told.value.code == "ValidationError"
    assert told.value.message == (
        "Unable to fetch parameters [/a,/b] from parameter store for this account."
    )
