"""Queues read for functions, over boto3 in virtual time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

if TYPE_CHECKING:
    from tests.localaws.queues.conftest import Line

pytestmark = pytest.mark.localaws

WORK = "arn:aws:sqs:us-east-1:123456789012:work"
PARTIAL = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


def failing(*bodies: str) -> Any:  # noqa: ANN401 - a handler's answer
    def answer(event: dict[str, Any]) -> dict[str, Any]:
        return {
            "batchItemFailures": [
                {"itemIdentifier": record["messageId"]}
                for record in event["Records"]
                if record["body"] in bodies
            ]
        }

    return answer


def raising(_event: object) -> object:
    raise RuntimeError


def test_a_record_has_the_documented_shape(line: Line) -> None:
    line.map()
    line.send(
        "hello", MessageAttributes={"kind": {"DataType": "String", "StringValue": "greeting"}}
    )
    line.clock.advance(0)
    [(_, [record])] = line.seen
    now_ms = str(int(line.start_s * 1000))
    assert record == {
        "messageId": record["messageId"],
        "receiptHandle": record["receiptHandle"],
        "body": "hello",
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": now_ms,
            "SenderId": record["attributes"]["SenderId"],
            "ApproximateFirstReceiveTimestamp": now_ms,
        },
        "messageAttributes": {
            "kind": {
                "stringValue": "greeting",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            }
        },
        "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
        "eventSource": "aws:sqs",
        "eventSourceARN": WORK,
        "awsRegion": "us-east-1",
    }
    assert line.waiting() == (0, 0)


def test_batches_hold_as_many_as_the_mapping_says(line: Line) -> None:
    line.map(BatchSize=2)
    line.send(*"abcde")
    line.clock.advance(0)
    assert line.bodies() == [["a", "b"], ["c", "d"], ["e"]]


def test_a_batch_window_gathers_until_it_ends_or_the_batch_is_full(line: Line) -> None:
    line.map(BatchSize=3, MaximumBatchingWindowInSeconds=20)
    line.send("a")
    line.clock.advance(15)
    line.send("b")
    assert line.seen == []
    line.clock.advance(5)
    line.send("c", "d", "e")
    line.clock.advance(0)
    assert line.bodies() == [["a", "b"], ["c", "d", "e"]]
    assert [moment for moment, _ in line.seen] == [20, 20]


def test_a_failed_function_gets_its_messages_again_when_their_visibility_ends(line: Line) -> None:
    line.map()
    line.answer = raising
    line.send("a", "b")
    line.clock.advance(59)
    assert len(line.seen) == 1
    line.answer = None
    line.clock.advance(1)
    assert line.bodies() == [["a", "b"], ["a", "b"]]
    assert [r["attributes"]["ApproximateReceiveCount"] for r in line.seen[1][1]] == ["2", "2"]
    assert line.waiting() == (0, 0)


def test_a_partial_failure_returns_only_what_failed(line: Line) -> None:
    line.map(**PARTIAL)
    line.answer = failing("b")
    line.send("a", "b", "c")
    line.clock.advance(0)
    assert line.waiting() == (0, 1)
    line.answer = None
    line.clock.advance(60)
    assert line.bodies() == [["a", "b", "c"], ["b"]]


def test_without_the_response_type_an_answer_names_no_failures(line: Line) -> None:
    line.map()
    line.answer = failing("b")
    line.send("a", "b")
    line.clock.advance(600)
    assert line.bodies() == [["a", "b"]]


def test_a_handler_sets_its_own_retry_pace(line: Line) -> None:
    line.map(**PARTIAL)

    def soon(event: dict[str, Any]) -> object:
        line.sqs.change_message_visibility(
            QueueUrl=line.url,
            ReceiptHandle=event["Records"][0]["receiptHandle"],
            VisibilityTimeout=5,
        )
        return failing("a")(event)

    line.answer = soon
    line.send("a")
    line.clock.advance(5)
    assert [moment for moment, _ in line.seen] == [0, 5]


@pytest.mark.parametrize(("limit", "most"), [(2, 2), (3, 3)])
def test_maximum_concurrency_bounds_the_batches_that_run_at_once(
    line: Line, limit: int, most: int
) -> None:
    uuid = line.map(BatchSize=1, ScalingConfig={"MaximumConcurrency": limit})
    running: list[int] = []

    def slow(_event: object) -> None:
        running.append(line.account.queues.mappings.running(uuid))
        line.clock.wait(1)

    line.answer = slow
    line.send(*"abcdefg")
    line.clock.advance(10)
    assert len(line.seen) == 7
    assert max(running) == most


def test_a_throttled_batch_returns_after_its_visibility(line: Line) -> None:
    line.functions.put_function_concurrency(FunctionName="probe", ReservedConcurrentExecutions=0)
    line.map()
    line.send("a")
    line.clock.advance(10)
    assert line.seen == []
    line.functions.delete_function_concurrency(FunctionName="probe")
    line.clock.advance(50)
    assert line.bodies() == [["a"]]


def test_a_message_received_too_often_goes_to_the_dead_letter_queue(line: Line) -> None:
    dead = line.queue("dead")
    policy = {
        "deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead",
        "maxReceiveCount": 3,
    }
    line.sqs.set_queue_attributes(
        QueueUrl=line.url, Attributes={"RedrivePolicy": json.dumps(policy)}
    )
    line.map()
    line.answer = raising
    line.send("poison")
    line.clock.advance(179)
    assert (len(line.seen), line.waiting(dead)) == (3, (0, 0))
    line.clock.advance(1)
    assert (len(line.seen), line.waiting(dead), line.waiting()) == (3, (1, 0), (0, 0))


def test_a_delayed_message_is_read_when_its_delay_ends(line: Line) -> None:
    line.map()
    line.send("later", DelaySeconds=30)
    line.clock.advance(29)
    assert line.seen == []
    line.clock.advance(1)
    assert line.bodies() == [["later"]]


def test_what_waits_is_read_when_a_mapping_comes(line: Line) -> None:
    line.send("before")
    line.map()
    line.clock.advance(0)
    assert line.bodies() == [["before"]]


def test_a_disabled_mapping_reads_nothing_until_it_is_enabled(line: Line) -> None:
    uuid = line.map(Enabled=False)
    line.send("a")
    line.clock.advance(600)
    assert line.seen == []
    line.functions.update_event_source_mapping(UUID=uuid, Enabled=True)
    line.clock.advance(0)
    assert line.bodies() == [["a"]]


def test_a_deleted_mapping_reads_nothing(line: Line) -> None:
    uuid = line.map()
    line.functions.delete_event_source_mapping(UUID=uuid)
    line.send("a")
    line.clock.advance(600)
    assert line.seen == []


class TestCreateEventSourceMapping:
    @pytest.mark.parametrize(
        ("parameters", "error", "words"),
        [
            pytest.param(
                {"BatchSize": 11},
                "InvalidParameterValueException",
                "batch window",
                id="batch-without-window",
            ),
            pytest.param(
                {"EventSourceArn": f"{WORK}-gone"},
                "InvalidParameterValueException",
                "does not exist",
                id="no-queue",
            ),
            pytest.param(
                {"FunctionName": "gone"}, "ResourceNotFoundException", "not found", id="no-function"
            ),
            pytest.param(
                {"ScalingConfig": {"MaximumConcurrency": 1001}},
                "ValidationException",
                "between 2 and 1000",
                id="concurrency",
            ),
        ],
    )
    def test_refusals(self, line: Line, parameters: dict[str, Any], error: str, words: str) -> None:
        with pytest.raises(line.functions.exceptions.ClientError) as refused:
            line.map(**parameters)
        assert refused.value.response["Error"]["Code"] == error
        assert words in refused.value.response["Error"]["Message"]

    def test_a_queue_must_hide_a_message_as_long_as_the_function_may_run(self, line: Line) -> None:
        line.functions.update_function_configuration(FunctionName="probe", Timeout=61)
        with pytest.raises(
            line.functions.exceptions.InvalidParameterValueException,
            match="Queue visibility timeout: 60 seconds is less than Function timeout: 61 seconds",
        ):
            line.map()

    def test_one_function_maps_a_queue_once(self, line: Line) -> None:
        uuid = line.map()
        with pytest.raises(line.functions.exceptions.ResourceConflictException, match=uuid):
            line.map()

    def test_the_role_must_be_allowed_to_read(self, line: Line) -> None:
        boto3.client("iam").delete_role_policy(RoleName="runs", PolicyName="reads")
        with pytest.raises(
            line.functions.exceptions.InvalidParameterValueException,
            match="does not have permissions to call ReceiveMessage on SQS",
        ):
            line.map()
