"""Functions and conditions, as the CloudFormation User Guide describes each."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.cloudformation.intrinsics import NO_VALUE, Scope
from localaws.rules import Refusal


class _Resources:
    def ref(self, logical_id: str) -> str:
        return f"id-of-{logical_id}"

    def attribute(self, logical_id: str, name: str) -> str:
        return f"{name}-of-{logical_id}"


@pytest.fixture
def scope() -> Scope:
    return Scope(
        names={"AWS::Region": "us-east-1", "Zones": ["a", "b"], "Count": "3"},
        mappings={"ByRegion": {"us-east-1": {"Size": "big"}}},
        conditions={
            "On": {"Fn::Equals": [{"Ref": "Count"}, 3]},
            "Off": {"Fn::Not": [{"Condition": "On"}]},
            "Both": {"Fn::And": [{"Condition": "On"}, {"Condition": "Off"}]},
            "Either": {"Fn::Or": [{"Condition": "On"}, {"Condition": "Off"}]},
        },
        resources=_Resources(),
        imported=lambda name: f"import-{name}",
        zones=lambda region: [f"{region}a", f"{region}b"],
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Queue"}, "id-of-Queue"),
        ({"Ref": "Zones"}, ["a", "b"]),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "Arn-of-Queue"),
        ({"Fn::GetAtt": "Queue.Arn"}, "Arn-of-Queue"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Count"}, "c"]]}, "a-3-c"),
        ({"Fn::Join": [",", {"Ref": "Zones"}]}, "a,b"),
        ({"Fn::Split": ["/", "a/b"]}, ["a", "b"]),
        ({"Fn::Select": ["1", {"Ref": "Zones"}]}, "b"),
        ({"Fn::FindInMap": ["ByRegion", {"Ref": "AWS::Region"}, "Size"]}, "big"),
        ({"Fn::If": ["On", "yes", "no"]}, "yes"),
        (
            {"Fn::Sub": "${Queue}:${Queue.Arn}:${!Literal}:${Count}"},
            "id-of-Queue:Arn-of-Queue:${Literal}:3",
        ),
        ({"Fn::Sub": ["${own}", {"own": {"Ref": "Count"}}]}, "3"),
        ({"Fn::ImportValue": {"Fn::Sub": "x-${Count}"}}, "import-x-3"),
        ({"Fn::GetAZs": ""}, ["us-east-1a", "us-east-1b"]),
        ({"Fn::Base64": "text"}, "dGV4dA=="),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
        ({"Ref": "Count", "other": 1}, {"Ref": "Count", "other": 1}),
    ],
    ids=str,
)
def test_a_function_comes_to_its_value(scope: Scope, value: Any, expected: Any) -> None:  # noqa: ANN401  # JSON
    assert scope.value(value) == expected


@pytest.mark.parametrize(
    ("name", "holds"), [("On", True), ("Off", False), ("Both", False), ("Either", True)]
)
def test_a_condition_holds_or_not(scope: Scope, name: str, *, holds: bool) -> None:
    assert scope.holds(name) is holds


@pytest.mark.parametrize(
    "value",
    [
        {"Fn::Unknown": "x"},
        {"Fn::Select": ["7", {"Ref": "Zones"}]},
        {"Fn::FindInMap": ["ByRegion", "eu-west-1", "Size"]},
        {"Fn::Join": ["-"]},
        {"Fn::Join": ["-", [{"Ref": "Zones"}]]},
        {"Fn::If": ["Maybe", 1, 2]},
    ],
    ids=str,
)
def test_a_function_with_wrong_arguments_is_refused(scope: Scope, value: Any) -> None:  # noqa: ANN401  # JSON
    with pytest.raises(Refusal, match="Template error"):
        scope.value(value)


def test_choosing_branches_leaves_other_functions_alone(scope: Scope) -> None:
    body = {
        "A": {"Fn::If": ["Off", {"Ref": "X"}, {"Ref": "Y"}]},
        "B": {"Fn::If": ["On", {"Ref": "AWS::NoValue"}, 1]},
    }

    assert scope.chosen(body) == {"A": {"Ref": "Y"}}
    assert scope.chosen({"Ref": "AWS::NoValue"}) is NO_VALUE
