"""What a resource's policy says of a service."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.events.resource_policies import ServiceRequest, UnmodelledCondition, allows

pytestmark = pytest.mark.localaws

REQUEST = ServiceRequest(
    "events.amazonaws.com",
    "sqs:SendMessage",
    "arn:aws:sqs:us-east-1:1:work",
    {"aws:sourcearn": "arn:aws:events:us-east-1:1:rule/launch", "aws:securetransport": "true"},
)


def statement(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any part of a policy
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, True, id="plain"),
        pytest.param({"Principal": "*"}, True, id="anyone"),
        pytest.param({"Principal": {"AWS": "*"}}, True, id="anyone-by-aws"),
        pytest.param({"Principal": {"Service": ["a", "events.amazonaws.com"]}}, True, id="listed"),
        pytest.param({"Principal": {"Service": "sns.amazonaws.com"}}, False, id="other-service"),
        pytest.param({"Principal": {"AWS": "arn:aws:iam::1:root"}}, False, id="account"),
        pytest.param({"Action": ["sqs:Receive*", "SQS:Send*"]}, True, id="action-glob"),
        pytest.param({"Action": "sqs:Receive*"}, False, id="other-action"),
        pytest.param({"Resource": "arn:aws:sqs:*:1:other"}, False, id="other-resource"),
        pytest.param(
            {"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:*:1:rule/*"}}},
            True,
            id="source-like",
        ),
        pytest.param(
            {"Condition": {"StringEquals": {"aws:SourceArn": "arn:aws:events:*"}}},
            False,
            id="string-equals-has-no-globs",
        ),
        pytest.param(
            {"Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}, False, id="key-absent"
        ),
    ],
)
def test_one_statement(changes: dict[str, Any], expected: bool) -> None:
    assert allows({"Statement": [statement(**changes)]}, REQUEST) is expected


def test_nothing_allows_nothing() -> None:
    assert not allows(None, REQUEST)
    assert not allows({"Statement": []}, REQUEST)


def test_a_deny_prevails_where_its_condition_holds() -> None:
    deny = statement(
        Effect="Deny", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}}
    )
    assert allows({"Statement": [statement(), deny]}, REQUEST)
    deny["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}
    assert not allows({"Statement": [statement(), deny]}, REQUEST)


@pytest.mark.parametrize(
    "condition", [{"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"StringEquals": {"aws:Via": "x"}}]
)
def test_an_unknown_condition_is_never_skipped(condition: dict[str, Any]) -> None:
    with pytest.raises(UnmodelledCondition):
        allows({"Statement": [statement(Condition=condition)]}, REQUEST)
