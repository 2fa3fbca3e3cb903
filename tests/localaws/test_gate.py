"""The gate, over boto3: what every call goes through, by every protocol, in-process and over HTTP."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from moto import mock_aws
from moto.server import ThreadedMotoServer

from localaws.account import Account, Settings
from localaws.clock import VirtualClock
from localaws.faults import CallerCrashed, Fault, FaultKind
from localaws.gate import outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"
ONCE = Config(region_name=REGION, retries={"total_max_attempts": 1, "mode": "standard"})

ROLE = "arn:aws:iam::123456789012:role/handler"

CALLS: list[tuple[str, str, dict[str, Any], str]] = [
    ("ec2", "DescribeVpcs", {"VpcIds": ["vpc-0123"]}, "ec2"),
    ("autoscaling", "DescribeAutoScalingGroups", {"MaxRecords": 5}, "query"),
    ("sts", "GetCallerIdentity", {}, "query"),
    ("cloudformation", "DescribeStacks", {"StackName": "s"}, "query"),
    ("iam", "GetRole", {"RoleName": "r"}, "query"),
    ("sns", "ListTopics", {}, "query"),
    ("cloudwatch", "DescribeAlarms", {"AlarmNames": ["a"]}, "query or JSON"),
    ("sqs", "SendMessage", {"QueueUrl": f"https://sqs.{REGION}.amazonaws.com/1/q", "MessageBody": "x"}, "JSON"),
    ("ssm", "GetParameter", {"Name": "/a"}, "JSON"),
    ("events", "PutRule", {"Name": "r", "ScheduleExpression": "rate(1 day)"}, "JSON"),
    ("logs", "DescribeLogGroups", {"logGroupNamePrefix": "/aws"}, "JSON"),
    ("kms", "DescribeKey", {"KeyId": "k"}, "JSON"),
    ("lambda", "Invoke", {"FunctionName": "f", "Payload": b"{}"}, "REST-JSON"),
    ("lambda", "GetFunction", {"FunctionName": "f"}, "REST-JSON"),
    ("scheduler", "GetSchedule", {"Name": "s"}, "REST-JSON"),
]  # fmt: skip
CALL_IDS = [f"{service} {action}" for service, action, _, _ in CALLS]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def account(clock: VirtualClock) -> Iterator[Account]:
    account = Account(clock)
    with account.active(), mock_aws():
        yield account


def _client(service: str, **credentials: str) -> Any:  # noqa: ANN401 - a client of any service
    return boto3.client(service, config=ONCE, **credentials)  # type: ignore[call-overload]


def _call(service: str, action: str, params: dict[str, Any]) -> object:
    client = _client(service)
    methods = {operation: name for name, operation in client.meta.method_to_api_mapping.items()}
    answer: object = getattr(client, methods[action])(**params)
    return answer


@pytest.mark.parametrize(("service", "action", "params", "protocol"), CALLS, ids=CALL_IDS)
class TestByEveryProtocol:
    def test_a_call_is_identified(
        self, account: Account, service: str, action: str, params: dict[str, Any], protocol: str
    ) -> None:
        account.faults.inject(Fault(action, FaultKind.THROTTLE))
        with pytest.raises(ClientError):
            _call(service, action, params)
        (call,) = account.calls.all()
        assert (call.service, call.action, call.region) == (service, action, REGION)
        assert dict(call.params) == params, protocol

    def test_an_error_arrives_with_its_code_message_and_status(
        self, account: Account, service: str, action: str, params: dict[str, Any], protocol: str
    ) -> None:
        account.faults.inject(Fault(action, FaultKind.ERROR, code="SomeFault", message="words"))
        with pytest.raises(ClientError) as error:
            _call(service, action, params)
        response = error.value.response
        assert response["Error"]["Code"] == "SomeFault", protocol
        assert response["Error"]["Message"] == "words"
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert [call.outcome for call in account.calls.all()] == ["SomeFault"]


@pytest.mark.parametrize(("code", "attempts"), [("InvalidVpcID.NotFound", 1), ("InternalError", 2)])
def test_an_sdk_sends_again_what_is_the_service_s_fault_and_nothing_else(
    account: Account, code: str, attempts: int
) -> None:
    fault = account.faults.inject(Fault("DescribeVpcs", FaultKind.ERROR, code=code, times=None))
    twice = Config(region_name=REGION, retries={"total_max_attempts": 2, "mode": "standard"})
    with pytest.raises(ClientError):
        boto3.client("ec2", config=twice).describe_vpcs()
    assert fault.seen == attempts


def test_s3_which_routes_by_key_passes_the_gate_too(account: Account) -> None:
    account.faults.inject(Fault("PutObject", FaultKind.ERROR, code="SlowDown"))
    s3 = _client("s3")
    s3.create_bucket(Bucket="assets")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="assets", Key="a/b.zip", Body=b"x")
    assert error.value.response["Error"]["Code"] == "SlowDown"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    s3.put_object(Bucket="assets", Key="a/b.zip", Body=b"x")
    assert [(call.action, call.outcome) for call in account.calls.all()] == [
        ("CreateBucket", "ok"),
        ("PutObject", "SlowDown"),
        ("PutObject", "ok"),
    ]


@pytest.mark.parametrize(
    ("service", "action", "params", "outcome"),
    [
        ("ec2", "DescribeVpcs", {}, "ok"),
        ("ec2", "DescribeVpcs", {"VpcIds": ["vpc-0123"]}, "InvalidVpcID.NotFound"),
        ("cloudformation", "DescribeStacks", {"StackName": "s"}, "ValidationError"),
        ("ssm", "GetParameter", {"Name": "/a"}, "ParameterNotFound"),
        ("lambda", "GetFunction", {"FunctionName": "f"}, "ResourceNotFoundException"),
        ("s3", "GetObject", {"Bucket": "b", "Key": "k"}, "NoSuchBucket"),
        ("sqs", "SendMessage", {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/1/q", "MessageBody": "x"}, "AWS.SimpleQueueService.NonExistentQueue"),
    ],
)  # fmt: skip
def test_the_outcome_is_what_the_caller_sees(
    account: Account, service: str, action: str, params: dict[str, Any], outcome: str
) -> None:
    seen = "ok"
    try:
        _call(service, action, params)
    except ClientError as error:
        seen = error.response["Error"]["Code"]
    assert seen == outcome
    assert [call.outcome for call in account.calls.all()] == [outcome]


def test_an_unimplemented_action_is_recorded_and_raised(account: Account) -> None:
    with pytest.raises(NotImplementedError):
        _client("ec2").describe_trunk_interface_associations()
    assert [call.outcome for call in account.calls.all()] == ["NotImplementedError"]


@pytest.mark.parametrize(
    ("kind", "raised", "took_effect"),
    [
        (FaultKind.TIMEOUT, ReadTimeoutError, False),
        (FaultKind.LOST_ANSWER, ReadTimeoutError, True),
        (FaultKind.CRASH_BEFORE, CallerCrashed, False),
        (FaultKind.CRASH_AFTER, CallerCrashed, True),
    ],
)
def test_silence_says_nothing_of_the_effect(
    account: Account, kind: FaultKind, raised: type[BaseException], took_effect: bool
) -> None:
    fault = account.faults.inject(Fault("PutParameter", kind))
    ssm = _client("ssm")
    with pytest.raises(raised):
        ssm.put_parameter(Name="/a", Value="1", Type="String")
    assert bool(ssm.describe_parameters()["Parameters"]) is took_effect
    assert [(call.number, call.outcome) for call in account.calls.of_action("PutParameter")] == [
        (fault.fired[0], str(kind))
    ]


def test_an_sdk_retries_what_it_got_no_answer_to(account: Account) -> None:
    account.faults.inject(Fault("DescribeVpcs", FaultKind.TIMEOUT))
    retrying = Config(region_name=REGION, retries={"total_max_attempts": 2, "mode": "legacy"})
    boto3.client("ec2", config=retrying).describe_vpcs()
    assert [call.outcome for call in account.calls.all()] == ["timeout", "ok"]


def test_a_fault_may_pick_one_function(account: Account) -> None:
    role = account.principals.issue(ROLE)
    account.settings.enforce_iam = False
    account.faults.inject(Fault("DescribeVpcs", FaultKind.THROTTLE, principal=ROLE, times=None))
    _client("ec2").describe_vpcs()
    as_role = _client(
        "ec2",
        aws_access_key_id=role.access_key_id,
        aws_secret_access_key=role.secret_access_key,
        aws_session_token=role.session_token,
    )
    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        as_role.describe_vpcs()
    assert [call.number for call in account.calls.of_principal(ROLE)] == [2]


def test_an_empty_bucket_refuses_until_it_refills(account: Account, clock: VirtualClock) -> None:
    ec2 = _client("ec2")
    for _ in range(50):
        ec2.describe_instances()
    with pytest.raises(ClientError) as error:
        ec2.describe_instances()
    assert error.value.response["Error"]["Code"] == "RequestLimitExceeded"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert len(account.calls.throttled()) == 1
    clock.advance(0.1)
    ec2.describe_instances()


def test_throttling_can_be_switched_off(account: Account) -> None:
    account.settings.throttling = False
    ec2 = _client("ec2")
    for _ in range(60):
        ec2.describe_instances()
    assert account.calls.throttled() == ()


def test_a_call_takes_its_latency_before_it_takes_effect(clock: VirtualClock) -> None:
    account = Account(clock, Settings(call_latency_s=0.3))
    with account.active(), mock_aws():
        ssm = _client("ssm")
        arrived_s = clock.now()
        seen_inside: list[int] = []
        clock.call_at(
            arrived_s + 0.2,
            lambda: seen_inside.append(
                len(account.client("ssm").describe_parameters()["Parameters"])
            ),
        )
        ssm.put_parameter(Name="/a", Value="1", Type="String")
        assert clock.now() == pytest.approx(arrived_s + 0.3)
        assert seen_inside == [0]
        assert [call.at_s for call in account.calls.all()] == [arrived_s]


def test_aws_itself_passes_by_the_gate(account: Account) -> None:
    account.faults.inject(Fault("DescribeVpcs", FaultKind.CRASH_BEFORE, times=None))
    for _ in range(200):
        account.client("ec2").describe_vpcs()
    assert account.calls.all() == ()


@pytest.mark.parametrize(
    ("service", "action", "waits"),
    [
        ("lambda", "Invoke", True),
        ("sqs", "ReceiveMessage", True),
        ("cloudformation", "ExecuteChangeSet", True),
        ("cloudformation", "DescribeStacks", False),
        ("ec2", "CreateNetworkInterface", False),
        ("sqs", "SendMessage", False),
    ],
)
def test_only_calls_that_wait_run_without_the_lock(
    account: Account, service: str, action: str, waits: bool
) -> None:
    assert (account.gate.lock_for(service, action) is not account.lock) is waits


@contextmanager
def _served(account: Account) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with account.active(), mock_aws():
        server.start()
        try:
            yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
        finally:
            server.stop()


@pytest.fixture
def over_http(clock: VirtualClock) -> Iterator[tuple[Account, Any, str]]:
    account = Account(clock)
    with _served(account) as url:
        role = account.principals.issue(ROLE)
        account.settings.enforce_iam = False
        session = boto3.session.Session(
            aws_access_key_id=role.access_key_id, aws_secret_access_key=role.secret_access_key
        )
        client = session.client("ssm", endpoint_url=url, config=ONCE)
        yield account, client, role.access_key_id


@pytest.mark.parametrize(
    ("kind", "took_effect", "killed"),
    [
        (FaultKind.TIMEOUT, False, False),
        (FaultKind.LOST_ANSWER, True, False),
        (FaultKind.CRASH_BEFORE, False, True),
        (FaultKind.CRASH_AFTER, True, True),
    ],
)
def test_over_http_silence_closes_the_connection(
    over_http: tuple[Account, Any, str], kind: FaultKind, took_effect: bool, killed: bool
) -> None:
    account, ssm, access_key_id = over_http
    dead: list[str] = []
    account.on_crash = dead.append
    account.faults.inject(Fault("PutParameter", kind))
    with pytest.raises(ConnectionClosedError):
        ssm.put_parameter(Name="/a", Value="1", Type="String")
    assert bool(ssm.describe_parameters()["Parameters"]) is took_effect
    assert dead == ([access_key_id] if killed else [])
    assert [call.outcome for call in account.calls.of_principal(ROLE)] == [str(kind), "ok"]


def test_over_http_a_refusal_has_its_status(over_http: tuple[Account, Any, str]) -> None:
    account, ssm, _ = over_http
    account.faults.inject(Fault("DescribeParameters", FaultKind.THROTTLE))
    with pytest.raises(ClientError) as error:
        ssm.describe_parameters()
    assert error.value.response["Error"]["Code"] == "ThrottlingException"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({}, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>", "Throttling"),
        ({}, '{"__type": "com.amazonaws.ssm#ParameterNotFound"}', "ParameterNotFound"),
        ({"X-Amzn-ErrorType": "Gone:http://x/"}, "", "Gone"),
        ({"x-amzn-query-error": "Old.Code;Sender"}, '{"__type": "New"}', "Old.Code"),
        ({}, b'{"Code": "Bytes"}', "Bytes"),
        ({}, "[]", "http-404"),
        ({}, "", "http-404"),
    ],
    ids=["xml", "json", "rest-json header", "sqs", "bytes", "a list", "nothing"],
)
def test_the_code_is_read_from_any_protocols_answer(
    headers: dict[str, str], body: str | bytes, code: str
) -> None:
    assert outcome_of((404, headers, body)) == code
