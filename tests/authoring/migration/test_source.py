"""Files of parameters, and what DescribeStacks answers."""

from __future__ import annotations

import json

import pytest

from authoring.migration.source import of_file
from domain.errors import ConfigInvalid

PARAMETER = {"ParameterKey": "ClusterName", "ParameterValue": "telco"}
STACK_ID = "arn:aws:cloudformation:us-west-2:123456789012:stack/ng1/0a"


def test_a_parameter_file_says_what_it_says() -> None:
    source = of_file(json.dumps([PARAMETER]), "ng1.json")
    assert (source.label, source.parameters, source.from_stack) == (
        "ng1.json",
        {"ClusterName": "telco"},
        False,
    )


def test_an_answer_of_describe_stacks_says_where_the_stack_is() -> None:
    stack = {"StackName": "ng1", "StackId": STACK_ID, "StackStatus": "UPDATE_ROLLBACK_COMPLETE"}
    source = of_file(json.dumps({"Stacks": [{**stack, "Parameters": [PARAMETER]}]}), "s.json")
    assert (source.label, source.region, source.account) == ("ng1", "us-west-2", "123456789012")
    assert source.from_stack


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: lab", "is not JSON"),
        ("[" * 100_000, "is nested too deep"),
        ("{}", "is neither of the two forms"),
        ('"x"', "is neither of the two forms"),
        ('{"Stacks": []}', "tells of 0 stacks"),
        ('{"Stacks": [{"StackName": "a"}, {"StackName": "b"}]}', "tells of 2 stacks"),
        ('{"Stacks": [{"StackName": "a", "Parameters": 1}]}', "has no list of parameters"),
        ('{"Stacks": [{"StackName": "a", "StackStatus": "UPDATE_IN_PROGRESS"}]}', "at rest"),
        ('{"Stacks": [{"StackName": "a", "StackStatus": "DELETE_COMPLETE"}]}', "at rest"),
        ("[1]", "entry 1: has no ParameterKey"),
        ('[{"ParameterKey": "A", "UsePreviousValue": true}]', "A: has no text as its value"),
        ('[{"ParameterKey": "A", "ParameterValue": 2}]', "A: has no text as its value"),
    ],
)
def test_what_is_no_such_file_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        of_file(text, "f.json")


def test_every_wrong_entry_is_told() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        of_file(json.dumps([PARAMETER, PARAMETER, {"ParameterKey": "B"}, {}]), "f.json")
    assert [problem.path for problem in caught.value.problems] == [
        "f.json: ClusterName",
        "f.json: B",
        "f.json: entry 4",
    ]
