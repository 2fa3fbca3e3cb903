"""Properties are what the registry's schemas say."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.cloudformation import schemas
from localaws.cloudformation.resources.table import HANDLERS
from localaws.rules import Refusal


@pytest.mark.parametrize("kind", sorted(HANDLERS))
def test_every_modelled_type_has_a_schema(kind: str) -> None:
    assert schemas.schema(kind).name == kind


@pytest.mark.parametrize(
    ("kind", "given", "typed"),
    [
        ("AWS::SQS::Queue", {"VisibilityTimeout": "60"}, {"VisibilityTimeout": 60}),
        ("AWS::SQS::Queue", {"FifoQueue": "true"}, {"FifoQueue": True}),
        (
            "AWS::AutoScaling::AutoScalingGroup",
            {"MinSize": 1, "MaxSize": 2},
            {"MinSize": "1", "MaxSize": "2"},
        ),
        (
            "AWS::AutoScaling::AutoScalingGroup",
            {
                "MinSize": "1",
                "MaxSize": "1",
                "Tags": [{"Key": "k", "Value": "v", "PropagateAtLaunch": "false"}],
            },
            {
                "MinSize": "1",
                "MaxSize": "1",
                "Tags": [{"Key": "k", "Value": "v", "PropagateAtLaunch": False}],
            },
        ),
    ],
    ids=["number", "boolean", "text", "nested"],
)
def test_scalars_are_read_in_the_schema_s_type(
    kind: str, given: dict[str, Any], typed: dict[str, Any]
) -> None:
    assert schemas.schema(kind).conform("A", given) == typed


@pytest.mark.parametrize(
    ("kind", "properties", "message"),
    [
        ("AWS::SQS::Queue", {"Colour": 1}, r"#: extraneous key \[Colour\] is not permitted"),
        ("AWS::SQS::Queue", {"Arn": "a"}, r"extraneous key \[Arn\]"),
        ("AWS::SSM::Parameter", {"Type": "String"}, r"#: required key \[Value\] not found"),
        (
            "AWS::SSM::Parameter",
            {"Type": "Text", "Value": "v"},
            "#/Type: Text is not a valid enum value",
        ),
        (
            "AWS::SQS::Queue",
            {"VisibilityTimeout": "soon"},
            "#/VisibilityTimeout: 'soon' is not of type 'integer'",
        ),
    ],
    ids=["unknown", "read-only", "missing", "not in the list", "wrong type"],
)
def test_what_the_schema_does_not_allow_is_refused(
    kind: str, properties: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refusal, match=message):
        schemas.schema(kind).conform("A", properties)


@pytest.mark.parametrize(
    ("kind", "own", "tagged"),
    [
        (
            "AWS::SQS::Queue",
            [{"Key": "a", "Value": "own"}],
            [{"Key": "a", "Value": "own"}, {"Key": "b", "Value": "2"}],
        ),
        ("AWS::SSM::Parameter", {"a": "own"}, {"a": "own", "b": "2"}),
    ],
    ids=["list", "map"],
)
def test_a_resource_s_own_tag_wins_over_the_stack_s(kind: str, own: Any, tagged: Any) -> None:  # noqa: ANN401  # JSON
    stack = {"a": "1", "b": "2"}

    assert schemas.schema(kind).with_tags({"Tags": own}, stack)["Tags"] == tagged


def test_a_group_passes_the_stack_s_tags_on_to_its_instances() -> None:
    schema = schemas.schema("AWS::AutoScaling::AutoScalingGroup")

    assert schema.with_tags({}, {"a": "1"})["Tags"] == [
        {"Key": "a", "Value": "1", "PropagateAtLaunch": True}
    ]


def test_a_type_without_tags_gets_none() -> None:
    assert schemas.schema("AWS::SQS::QueuePolicy").with_tags({}, {"a": "1"}) == {}


@pytest.mark.parametrize(
    ("kind", "attribute", "readable"),
    [
        ("AWS::SQS::Queue", "Arn", True),
        ("AWS::SQS::Queue", "QueueName", True),
        ("AWS::SQS::Queue", "Colour", False),
        ("AWS::Events::Rule", "Name", False),
        ("AWS::CloudFormation::CustomResource", "Anything", True),
    ],
)
def test_attributes_are_those_that_the_reference_lists(
    kind: str, attribute: str, *, readable: bool
) -> None:
    assert schemas.schema(kind).has_attribute(attribute) is readable
