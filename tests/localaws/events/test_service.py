"""Events on their way to queues and functions, over boto3 in virtual time."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import pytest

if TYPE_CHECKING:
    from tests.localaws.events.conftest import Bus

pytestmark = pytest.mark.localaws

RULE = "arn:aws:events:us-east-1:123456789012:rule/launches"


def attributes(message: dict[str, Any]) -> dict[str, str]:
    return {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}


def test_a_matching_event_arrives_as_it_was_sent(bus: Bus) -> None:
    bus.rule({"Arn": bus.queue("work")})
    event = bus.emit()
    assert bus.bodies("work") == [event]
    assert set(event) == {
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    }
    assert event["time"] == "2026-01-01T00:00:00Z"


def test_every_event_has_an_id_of_its_own(bus: Bus) -> None:
    assert bus.emit()["id"] != bus.emit()["id"]


@pytest.mark.parametrize(
    ("hook", "state"), [("theirs", "ENABLED"), ("ours", "DISABLED")], ids=["other", "disabled"]
)
def test_nothing_arrives_where_no_rule_sends_it(bus: Bus, hook: str, state: str) -> None:
    bus.rule({"Arn": bus.queue("work")}, state=state)
    bus.emit(hook=hook)
    assert bus.bodies("work") == []


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        pytest.param({"Input": '{"fixed": 1}'}, {"fixed": 1}, id="constant"),
        pytest.param({"InputPath": "$.detail.n"}, 7, id="path"),
        pytest.param(
            {
                "InputTransformer": {
                    "InputPathsMap": {"n": "$.detail.n", "hook": "$.detail.LifecycleHookName"},
                    "InputTemplate": '{"number": <n>, "hook": "<hook>"}',
                }
            },
            {"number": 7, "hook": "ours"},
            id="transformer",
        ),
    ],
)
def test_a_target_gets_the_input_that_it_asks_for(
    bus: Bus, shape: dict[str, Any], expected: object
) -> None:
    bus.rule({"Arn": bus.queue("work"), **shape})
    bus.emit(7)
    assert bus.bodies("work") == [expected]


@pytest.mark.parametrize(
    ("allow", "code"),
    [
        pytest.param(None, "NO_PERMISSIONS", id="no-policy"),
        pytest.param(f"{RULE}-other", "NO_PERMISSIONS", id="another-rule"),
    ],
)
def test_a_queue_must_let_the_rule_in(bus: Bus, allow: str | None, code: str) -> None:
    work = bus.queue("work", allow=allow)
    bus.rule({"Arn": work, "DeadLetterConfig": {"Arn": bus.queue("dead")}})
    event = bus.emit()
    assert bus.bodies("work") == []
    [letter] = bus.received("dead")
    assert json.loads(letter["Body"]) == event
    told = attributes(letter)
    assert told["ERROR_CODE"] == code
    assert told["RULE_ARN"] == RULE
    assert told["TARGET_ARN"] == work
    assert told["RETRY_ATTEMPTS"] == "0"
    assert "EXHAUSTED_RETRY_CONDITION" not in told


def test_a_missing_target_goes_to_the_dead_letter_queue_at_once(bus: Bus) -> None:
    bus.rule(
        {
            "Arn": "arn:aws:sqs:us-east-1:123456789012:gone",
            "DeadLetterConfig": {"Arn": bus.queue("dead")},
        }
    )
    bus.emit()
    [letter] = bus.received("dead")
    assert attributes(letter)["ERROR_CODE"] == "RESOURCE_NOT_FOUND"


def test_without_a_usable_dead_letter_queue_the_event_is_dropped(bus: Bus) -> None:
    dead = bus.queue("dead", allow=None)
    bus.rule({"Arn": bus.queue("work", allow=None), "DeadLetterConfig": {"Arn": dead}})
    bus.emit()
    assert bus.bodies("dead") == []
    [(delivery, why)] = bus.account.events.dropped
    assert delivery.sender_arn == RULE
    assert why == "NO_PERMISSIONS, then NO_PERMISSIONS"


@pytest.mark.parametrize(
    ("key", "arrives"),
    [
        pytest.param({"SqsManagedSseEnabled": "true"}, True, id="sqs-managed"),
        pytest.param({"KmsMasterKeyId": "alias/aws/sqs"}, False, id="aws-managed-key"),
        pytest.param({"KmsMasterKeyId": "own"}, False, id="own-key-that-allows-nobody"),
        pytest.param({"KmsMasterKeyId": "open"}, True, id="own-key-that-allows-events"),
    ],
)
def test_an_encrypted_queue_needs_a_key_that_lets_eventbridge_in(
    bus: Bus, key: dict[str, str], arrives: bool
) -> None:
    if key.get("KmsMasterKeyId") in ("own", "open"):
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"}
            if key["KmsMasterKeyId"] == "open"
            else {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
            "Resource": "*",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        created = boto3.client("kms").create_key(Policy=policy)["KeyMetadata"]
        key = {"KmsMasterKeyId": created["Arn"]}
    bus.rule({"Arn": bus.queue("work", **key)})
    bus.emit()
    assert len(bus.bodies("work")) == int(arrives)


class TestRetries:
    def test_a_queue_whose_service_is_down_gets_the_event_when_it_is_back(self, bus: Bus) -> None:
        bus.rule({"Arn": bus.queue("work")})
        bus.account.queues.fail_for(60)
        bus.emit()
        bus.clock.advance(60)
        assert bus.bodies("work") == []
        bus.clock.advance(60)
        assert len(bus.bodies("work")) == 1
        assert bus.account.events.dropped == []

    def test_a_target_that_recovers_gets_the_event_late(self, bus: Bus) -> None:
        bus.rule({"Arn": bus.queue("work")})
        bus.account.events.refuse(refusals=2)
        bus.emit()
        assert bus.bodies("work") == []
        bus.clock.advance(3)
        assert len(bus.bodies("work")) == 1

    @pytest.mark.parametrize(
        ("policy", "condition", "attempts"),
        [
            pytest.param({"MaximumRetryAttempts": 2}, "MaximumRetryAttempts", "2", id="attempts"),
            pytest.param(
                {"MaximumEventAgeInSeconds": 60}, "MaximumEventAgeInSeconds", "5", id="age"
            ),
            pytest.param({"MaximumRetryAttempts": 0}, "MaximumRetryAttempts", "0", id="none"),
        ],
    )
    def test_the_retry_policy_ends_in_the_dead_letter_queue(
        self, bus: Bus, policy: dict[str, int], condition: str, attempts: str
    ) -> None:
        bus.rule(
            {
                "Arn": bus.queue("work"),
                "DeadLetterConfig": {"Arn": bus.queue("dead")},
                "RetryPolicy": policy,
            }
        )
        bus.account.events.refuse(refusals=1000)
        bus.emit()
        bus.clock.advance(3600)
        [letter] = bus.received("dead")
        assert attributes(letter)["EXHAUSTED_RETRY_CONDITION"] == condition
        assert attributes(letter)["RETRY_ATTEMPTS"] == attempts

    def test_by_default_it_is_tried_185_times_within_a_day(self, bus: Bus) -> None:
        bus.rule({"Arn": bus.queue("work"), "DeadLetterConfig": {"Arn": bus.queue("dead")}})
        bus.account.events.refuse(refusals=1000)
        bus.emit()
        bus.clock.advance(86_000)
        assert bus.received("dead") == []
        bus.clock.advance(30_000)
        assert len(bus.received("dead")) == 1


class TestDisturbances:
    def test_a_lost_event_never_arrives_and_the_next_does(self, bus: Bus) -> None:
        bus.rule({"Arn": bus.queue("work")})
        bus.account.events.lose(lambda event: event["source"] == "aws.autoscaling")
        bus.emit(1)
        bus.emit(2)
        assert [body["detail"]["n"] for body in bus.bodies("work")] == [2]
        assert len(bus.account.events.emitted) == 2

    def test_when_an_event_was_sent_is_kept_to_the_fraction_of_a_second(self, bus: Bus) -> None:
        began_s = bus.account.clock.now()
        bus.clock.advance(0.75)
        bus.emit()
        assert bus.account.events.emitted_at_s[-1] == began_s + 0.75
        assert len(bus.account.events.emitted_at_s) == len(bus.account.events.emitted)

    def test_a_duplicated_event_arrives_again_later_with_the_same_id(self, bus: Bus) -> None:
        bus.rule({"Arn": bus.queue("work")})
        bus.account.events.duplicate(copies=2, apart_s=20)
        event = bus.emit()
        assert [body["id"] for body in bus.bodies("work")] == [event["id"]]
        bus.clock.advance(19)
        assert bus.bodies("work") == []
        bus.clock.advance(1)
        assert [body["id"] for body in bus.bodies("work")] == [event["id"]]
        assert len(bus.account.events.delivered) == 2

    def test_a_delayed_event_arrives_behind_a_later_one(self, bus: Bus) -> None:
        bus.rule({"Arn": bus.queue("work")})
        bus.account.events.delay(seconds=60)
        bus.emit(1)
        bus.emit(2)
        bus.clock.advance(60)
        assert [body["detail"]["n"] for body in bus.bodies("work")] == [2, 1]

    def test_a_disturbance_without_end_meets_every_event(self, bus: Bus) -> None:
        bus.rule({"Arn": bus.queue("work")})
        bus.account.events.lose(times=None)
        for number in range(3):
            bus.emit(number)
        assert bus.bodies("work") == []


class TestFunctions:
    @pytest.fixture
    def function(self, bus: Bus) -> str:  # noqa: ARG002 - moto must be there first
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("app.py", "")
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
        role = boto3.client("iam").create_role(
            RoleName="runs",
            AssumeRolePolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
            ),
        )["Role"]["Arn"]
        created: str = boto3.client("lambda").create_function(
            FunctionName="probe",
            Role=role,
            Runtime="python3.13",
            Handler="app.handler",
            Code={"ZipFile": buffer.getvalue()},
        )["FunctionArn"]
        return created

    def permit(self, source: str = RULE) -> None:
        boto3.client("lambda").add_permission(
            FunctionName="probe",
            StatementId="rule",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=source,
        )

    def test_a_permitted_rule_invokes_it(self, bus: Bus, function: str) -> None:
        seen: list[Any] = []
        bus.account.functions.register("probe", lambda event, _context: seen.append(event))
        self.permit()
        bus.rule({"Arn": function})
        event = bus.emit()
        assert seen == [event]

    @pytest.mark.parametrize("source", [None, f"{RULE}-other"], ids=["none", "another-rule"])
    def test_without_a_permission_the_event_is_a_dead_letter(
        self, bus: Bus, function: str, source: str | None
    ) -> None:
        if source is not None:
            self.permit(source)
        bus.rule({"Arn": function, "DeadLetterConfig": {"Arn": bus.queue("dead")}})
        bus.emit()
        [letter] = bus.received("dead")
        assert attributes(letter)["ERROR_CODE"] == "NO_PERMISSIONS"

    def test_what_the_function_raises_is_lambdas_business(self, bus: Bus, function: str) -> None:
        at: list[float] = []

        def handler(_event: object, _context: object) -> object:
            at.append(bus.clock.now())
            raise RuntimeError

        bus.account.functions.register("probe", handler)
        self.permit()
        bus.rule({"Arn": function, "DeadLetterConfig": {"Arn": bus.queue("dead")}})
        bus.emit()
        bus.clock.advance(3600)
        assert [moment - at[0] for moment in at] == [0, 60, 180]
        assert bus.received("dead") == []


def test_put_events_goes_the_same_way(bus: Bus) -> None:
    bus.rule({"Arn": bus.queue("work")})
    bus.events.put_events(
        Entries=[
            {
                "Source": "aws.autoscaling",
                "DetailType": "launch",
                "Detail": '{"LifecycleHookName": "ours"}',
            }
        ]
    )
    bus.clock.advance(0)
    [body] = bus.bodies("work")
    assert body["detail"] == {"LifecycleHookName": "ours"}
    assert body["account"] == "123456789012"


def test_an_instances_new_state_is_told(bus: Bus) -> None:
    [instance] = boto3.client("ec2").run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, InstanceType="m5.large"
    )["Instances"]
    bus.clock.advance(2)
    boto3.client("ec2").terminate_instances(InstanceIds=[instance["InstanceId"]])
    bus.clock.advance(2)
    told = [e for e in bus.account.events.emitted if e["source"] == "aws.ec2"]
    states = [event["detail"]["state"] for event in told]
    assert states[-3:] == ["running", "shutting-down", "terminated"]
    assert told[-1]["detail-type"] == "EC2 Instance State-change Notification"
    assert told[-1]["detail"]["instance-id"] == instance["InstanceId"]
    assert told[-1]["resources"] == [
        f"arn:aws:ec2:us-east-1:123456789012:instance/{instance['InstanceId']}"
    ]
