"""What a demo must not end well with: each trouble is a line of its own, and quiet runs have none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.demo.faults import DemoFault
from cli.demo.promises import NodeView
from cli.demo.troubles import lost_on_the_way, troubles
from cli.demo.watch import Trace
from localaws.events.envelope import Occurrence
from localaws.functions.logs import LogLine
from localaws.identity import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from localaws.account import Account

FULL = {"reason": "subnet-exhausted", "LaunchAbandonedByReason": [1.0]}


def _log(account: Account, **members: object) -> None:
    text = json.dumps({"_aws": {"CloudWatchMetrics": []}, **members})
    account.functions.logs.add([LogLine("launch", "1", 0.0, text)])


def test_a_run_without_trouble_has_none(empty_account: Account) -> None:
    empty_account.client("sqs").create_queue(QueueName="DeadLetters")
    _log(empty_account, HookToContinue=[3.0], InterfacesAttached=[2.0])
    assert troubles(empty_account, ()) == []


def test_an_abandoned_launch_is_told_with_its_reason(empty_account: Account) -> None:
    for _ in range(2):
        _log(empty_account, **FULL)
    assert troubles(empty_account, ()) == ["launches abandoned: 2, for subnet-exhausted"]


@pytest.mark.parametrize("fault", DemoFault)
def test_only_a_full_subnet_excuses_an_abandoned_launch_and_only_for_want_of_addresses(
    empty_account: Account, fault: DemoFault
) -> None:
    _log(empty_account, **{**FULL, "reason": "attachment-limit"})
    told = troubles(empty_account, fault.abandons)
    assert told == ["launches abandoned: 1, for attachment-limit"]
    _log(empty_account, **FULL)
    told = troubles(empty_account, fault.abandons)
    assert len(told) == (1 if fault is DemoFault.NO_ADDRESSES else 2)


@pytest.mark.parametrize(
    ("metric", "line"),
    [
        ("Defects", "2 events met a defect of the functions"),
        ("EventsRejected", "2 events were rejected as malformed"),
    ],
)
def test_defects_and_rejected_events_are_told(
    empty_account: Account, metric: str, line: str
) -> None:
    _log(empty_account, **{metric: [1.0, 1.0]})
    assert troubles(empty_account, ()) == [line]


def test_a_message_in_a_queue_that_no_function_reads_is_told(empty_account: Account) -> None:
    sqs = empty_account.client("sqs")
    url = sqs.create_queue(QueueName="DeadLetters")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    assert troubles(empty_account, ()) == ["1 messages are in DeadLetters"]


def test_an_event_that_nobody_kept_is_told(empty_account: Account) -> None:
    events = empty_account.client("events")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:gone"
    events.put_rule(Name="launches", EventPattern=json.dumps({"source": ["aws.autoscaling"]}))
    events.put_targets(Rule="launches", Targets=[{"Id": "queue", "Arn": arn}])
    empty_account.events.emit(
        Occurrence("aws.autoscaling", "launch", {}), account_id=ACCOUNT_ID, region=REGION
    )
    empty_account.clock.wait(1)
    [told] = troubles(empty_account, ())
    assert arn in told
    assert "RESOURCE_NOT_FOUND" in told


def test_a_node_that_went_before_it_was_in_service_is_told() -> None:
    traces = {
        instance_id: Trace(NodeView(instance_id, "g", "us-east-1a", "x"), 1.0, served_s, gone_s)
        for instance_id, served_s, gone_s in (
            ("i-replaced", None, 9.0),
            ("i-served", 5.0, None),
            ("i-retired", 5.0, 9.0),
        )
    }
    assert lost_on_the_way(traces) == ["i-replaced of g went before it was in service"]
