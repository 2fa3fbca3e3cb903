"""Templates are read in JSON and in YAML with its short forms; order follows need."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.cloudformation import document
from localaws.rules import Refusal

SHORT_FORMS = """
AWSTemplateFormatVersion: 2010-09-09
Resources:
  A:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub "${AWS::StackName}-q"
      Policy: !GetAtt B.Arn
      Tags: !If [HasTags, [!Ref C], !Ref "AWS::NoValue"]
"""


def test_yaml_s_short_forms_are_functions_and_its_dates_are_text() -> None:
    template = document.parse(SHORT_FORMS)

    assert template.body["AWSTemplateFormatVersion"] == "2010-09-09"
    assert template.resources["A"]["Properties"] == {
        "QueueName": {"Fn::Sub": "${AWS::StackName}-q"},
        "Policy": {"Fn::GetAtt": ["B", "Arn"]},
        "Tags": {"Fn::If": ["HasTags", [{"Ref": "C"}], {"Ref": "AWS::NoValue"}]},
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "{}",
        "Resources: {}",
        '{"Resources": {"A": {}}, "Colours": {}}',
        "Transform: X\nResources: {A: {}}",
    ],
    ids=["nothing", "list", "broken", "empty", "no resource", "unknown section", "transform"],
)
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="Template format error"):
        document.parse(text)


def test_every_reference_is_found() -> None:
    value = [
        {"Ref": "A"},
        {"x": {"Fn::GetAtt": ["B", "Arn"]}},
        {"Fn::Sub": ["${C.Url} ${own} ${!no}", {"own": {"Ref": "D"}}]},
    ]

    assert set(document.references(value)) == {("A", None), ("B", "Arn"), ("C", "Url"), ("D", None)}


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] > pair[1]))
)
def test_each_comes_after_those_it_needs(edges: list[tuple[int, int]]) -> None:
    needs = {
        str(name): frozenset(str(needed) for user, needed in edges if user == name)
        for name in range(10)
    }

    ordered = document.order(needs)

    assert sorted(ordered) == sorted(needs)
    assert all(
        ordered.index(needed) < ordered.index(name) for name in needs for needed in needs[name]
    )


@pytest.mark.parametrize(
    "resource",
    [
        {"Type": "AWS::SQS::Queue", "Colour": "blue"},
        {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Perhaps"},
        {"Type": "AWS::SQS::Queue", "CreationPolicy": {"ResourceSignal": {"Count": 1}}},
        {"Type": "AWS::SQS::Queue", "UpdatePolicy": {"AutoScalingRollingUpdate": {}}},
        {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "{{resolve:ssm:/name}}"}},
    ],
    ids=["unknown key", "unknown policy", "creation policy", "rolling update", "dynamic reference"],
)
def test_what_would_be_ignored_is_refused(resource: dict[str, Any]) -> None:
    template = document.parse(json.dumps({"Resources": {"A": resource}}))

    with pytest.raises(Refusal, match="Template format error"):
        document.check(template, ["AWS::SQS::Queue"])


@pytest.mark.parametrize("needs", [{"A": "A"}, {"A": "B", "B": "A"}], ids=["itself", "each other"])
def test_a_circle_is_refused(needs: dict[str, str]) -> None:
    with pytest.raises(Refusal, match="Circular dependency between resources"):
        document.order({name: frozenset(needed) for name, needed in needs.items()})
