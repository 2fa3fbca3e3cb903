"""The pods' ranges that a stack keeps: a custom resource each, answered in time, there before any hook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain import naming

if TYPE_CHECKING:
    from tests.infra.conftest import Synthesized

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

RETRY_PAUSES_S = (60, 120)
"""Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation"."""


def test_a_range_that_two_groups_name_is_reserved_once_in_whichever_of_their_subnets(
    fleet: Synthesized,
) -> None:
    kept = {
        properties["Cidr"]: properties["SubnetIds"]
        for properties in fleet.of_type(naming.POD_RANGE_TYPE).values()
    }
    assert kept == {
        "10.0.1.128/25": [
            "subnet-0aaaaaaaaaaaaaaa1",
            "subnet-0aaaaaaaaaaaaaaa2",
            "subnet-0bbbbbbbbbbbbbbb2",
        ],
        "2001:db8:0:1:8000::/65": ["subnet-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa2"],
    }


def test_a_stack_that_reserves_nothing_has_no_function_for_it(other: Synthesized) -> None:
    assert other.of_type(naming.POD_RANGE_TYPE) == {}
    handlers = {one["Handler"] for one in other.of_type("AWS::Lambda::Function").values()}
    assert naming.RESERVE_HANDLER not in handlers


def test_nobody_waits_an_hour_and_no_run_is_at_work_when_the_stack_has_given_up(
    fleet: Synthesized,
) -> None:
    function_id = fleet.function_id("reserve")
    timeout_s = fleet.resources[function_id]["Properties"]["Timeout"]
    (invoke,) = (
        config
        for config in fleet.of_type("AWS::Lambda::EventInvokeConfig").values()
        if config["FunctionName"] == {"Ref": function_id}
    )
    assert invoke["MaximumRetryAttempts"] == len(RETRY_PAUSES_S)
    last_end_s = 3 * timeout_s + sum(RETRY_PAUSES_S)
    assert last_end_s - timeout_s <= invoke["MaximumEventAgeInSeconds"]
    for properties in fleet.of_type(naming.POD_RANGE_TYPE).values():
        assert properties["ServiceToken"] == {"Fn::GetAtt": [function_id, "Arn"]}
        assert last_end_s <= int(properties["ServiceTimeout"]) <= 600


def test_ranges_are_kept_before_the_first_hook_and_until_after_the_last(fleet: Synthesized) -> None:
    ranges = set(fleet.of_type(naming.POD_RANGE_TYPE))
    for logical_id in fleet.of_type("AWS::AutoScaling::LifecycleHook"):
        assert ranges <= set(fleet.resources[logical_id]["DependsOn"])


def test_a_range_comes_after_all_that_answers_for_it(fleet: Synthesized) -> None:
    function_id = fleet.function_id("reserve")
    role_id = fleet.resources[function_id]["Properties"]["Role"]["Fn::GetAtt"][0]
    (invoke_id,) = (
        logical_id
        for logical_id, config in fleet.of_type("AWS::Lambda::EventInvokeConfig").items()
        if config["FunctionName"] == {"Ref": function_id}
    )
    for logical_id in fleet.of_type(naming.POD_RANGE_TYPE):
        assert {function_id, role_id, invoke_id} <= set(fleet.resources[logical_id]["DependsOn"])


def test_the_logical_id_of_a_range_is_made_of_the_range_alone(fleet: Synthesized) -> None:
    ids = {
        properties["Cidr"]: logical_id
        for logical_id, properties in fleet.of_type(naming.POD_RANGE_TYPE).items()
    }
    assert ids["10.0.1.128/25"].startswith("CidrReservations100112825")
