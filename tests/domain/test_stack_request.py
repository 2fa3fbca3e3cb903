"""CloudFormation's requests are read as they are documented, and answered within its bounds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from domain.errors import EventRejected, RangeInUse, SpecRejected
from domain.model import SubnetId
from domain.reservations import PodRange
from domain.stack_request import (
    MAX_ANSWER_BYTES,
    NOTHING_MADE,
    RequestType,
    StackAnswer,
    parse_request,
)
from tests.fakes.stack_requests import CIDR, SUBNETS, stack_request

if TYPE_CHECKING:
    from collections.abc import Mapping


def event(kind: str = "Create", **changes: Any) -> Mapping[str, Any]:  # noqa: ANN401 - the fields of a request
    return stack_request(kind, **changes)


@pytest.mark.parametrize(
    ("kind", "known_as"),
    [
        ("Create", NOTHING_MADE),
        ("Update", "subnet-0e58d1c6a90b43f72/10.0.48.0/24"),
        ("Delete", "subnet-0e58d1c6a90b43f72/10.0.49.0/24"),
    ],
)
def test_a_request_of_each_kind_is_read(kind: str, known_as: str) -> None:
    request = parse_request(event(kind))
    assert request.kind is RequestType(kind)
    assert request.known_as == known_as
    assert request.pod_range == PodRange(CIDR, tuple(map(SubnetId, SUBNETS)))


@pytest.mark.parametrize(
    "missing",
    ["RequestType", "ResponseURL", "StackId", "RequestId", "LogicalResourceId"],
)
def test_what_cannot_be_answered_is_rejected(missing: str) -> None:
    with pytest.raises(EventRejected):
        parse_request({key: value for key, value in event().items() if key != missing})


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(event(RequestType="Drop"), id="an unknown kind"),
        pytest.param(event(ResourceProperties=None), id="no properties"),
        pytest.param(event("Delete", PhysicalResourceId=None), id="a delete of nothing"),
        pytest.param({"Records": []}, id="another service's event"),
    ],
)
def test_what_is_no_request_is_rejected(broken: Mapping[str, Any]) -> None:
    with pytest.raises(EventRejected):
        parse_request(broken)


@pytest.mark.parametrize(
    "properties",
    [
        {"SubnetIds": ["subnet-1"]},
        {"Cidr": "10.0.49.1/24", "SubnetIds": ["subnet-1"]},
        {"Cidr": "10.0.49.0/24", "SubnetIds": "subnet-1"},
    ],
)
def test_properties_that_name_no_range_are_refused(properties: dict[str, object]) -> None:
    with pytest.raises(SpecRejected):
        _ = parse_request(event(ResourceProperties=properties)).pod_range


def test_a_range_is_read_as_ec2_writes_it() -> None:
    properties = {"Cidr": "2001:DB8:0:0:0:0:0:0/65", "SubnetIds": ["subnet-1"]}
    assert parse_request(event(ResourceProperties=properties)).pod_range == PodRange(
        "2001:db8::/65", (SubnetId("subnet-1"),)
    )


def test_an_answer_repeats_the_requests_ids() -> None:
    request = parse_request(event())
    assert json.loads(StackAnswer("subnet-1/10.0.49.0/24").to_json(request)) == {
        "Status": "SUCCESS",
        "Reason": "done",
        "PhysicalResourceId": "subnet-1/10.0.49.0/24",
        "StackId": request.stack_id,
        "RequestId": request.request_id,
        "LogicalResourceId": request.logical_id,
    }


def test_a_failure_says_why_and_what_to_do() -> None:
    error = RangeInUse("10.0.49.0/24 has addresses in use", remedy="Take them away.")
    answer = json.loads(StackAnswer("x", error).to_json(parse_request(event("Delete"))))
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == "range-in-use: 10.0.49.0/24 has addresses in use. Take them away."


@pytest.mark.parametrize("words", ["x" * 9000, "ü" * 9000], ids=["ASCII", "other letters"])
def test_a_long_reason_is_cut_to_what_cloudformation_reads(words: str) -> None:
    text = StackAnswer("x", RangeInUse(words)).to_json(parse_request(event("Delete")))
    assert len(text.encode()) <= MAX_ANSWER_BYTES
    assert json.loads(text)["Reason"].endswith("…")
