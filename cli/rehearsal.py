"""A configuration's node groups, hooks and queues, and the real handlers, in this very process: no deployment, no server."""

from __future__ import annotations

import io
import json
import logging
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from moto import mock_aws

import authoring
from cli.demo import created, platform
from cli.environment import environment_of_our_own
from domain import naming
from domain.environment import FunctionEnvironment
from domain.errors import EventRejected
from lambdas.aws.session import Clients
from lambdas.handlers import launch, reconcile, reserve, terminate
from lambdas.runtime.wiring import Runtime
from localaws.account import Account
from localaws.identity import REGION
from stacks.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from domain.config import Config
    from domain.stack_request import StackAnswer, StackRequest
    from lambdas.reconcile.ports import Workers
    from localaws.account import Settings
    from localaws.clock import Clock
    from localaws.events.envelope import Event

T = TypeVar("T")

FUNCTION_TIME_S = 60.0
"""What an invocation is given; the stack gives each of its functions at least as much."""
MOST_RECORDS = 10
"""The most messages in one batch without a batching window (Lambda Developer Guide, "Using Lambda with Amazon SQS")."""


class Function(StrEnum):
    """The functions, by their handlers' names."""

    LAUNCH = naming.LAUNCH_HANDLER
    TERMINATE = naming.TERMINATE_HANDLER
    RECONCILE = naming.RECONCILE_HANDLER
    RESERVE = naming.RESERVE_HANDLER


@dataclass(frozen=True)
class Answer:
    """What came of one invocation."""

    response: Mapping[str, Any]
    output: tuple[str, ...]
    """The lines that the function printed: log records and embedded metrics."""


class SerialWorkers:
    """One task after the other on the caller's thread: with virtual time nothing else may run."""

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Run the tasks and return what each returned or raised, in order."""
        return [_caught(task) for task in tasks]


@dataclass(frozen=True)
class _AccountTime:
    """The account's time, as the handlers' clock and their context object show it."""

    clock: Clock
    deadline_s: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now(), UTC)

    def wait(self, seconds: float) -> None:
        self.clock.wait(seconds)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline_s - self.clock.now()) * 1000))


@dataclass
class Mailbox:
    """Where CloudFormation would wait: it keeps what is answered, and reaches nobody.

    Attributes:
        bodies: the answers as they would be put, the latest last.
    """

    bodies: list[str] = field(default_factory=list)

    def send(self, request: StackRequest, answer: StackAnswer) -> None:
        """Keep one answer."""
        self.bodies.append(answer.to_json(request))


@dataclass(frozen=True)
class Rehearsal:
    """The product at work on one configuration in one embedded account."""

    account: Account
    config: Config
    runtime: Runtime
    platform: platform.Platform
    mailbox: Mailbox = field(default_factory=Mailbox)

    def cold(self) -> Rehearsal:
        """Return the same with functions that have learned nothing yet."""
        return replace(self, runtime=replace(self.runtime))

    def desire(self, group: str, nodes: int) -> None:
        """Set a group's desired capacity."""
        self.account.client("autoscaling").set_desired_capacity(
            AutoScalingGroupName=group, DesiredCapacity=nodes
        )

    def opened(self, hook: str) -> list[Event]:
        """Return the events of every action that one of our hooks opened so far."""
        return [
            event
            for event in self.account.events.emitted
            if event["detail"].get("LifecycleHookName") == hook
        ]

    def deliver(self, function: Function, bodies: Sequence[str]) -> Answer:
        """Send messages through the function's queue and hand it the batch, as the event source mapping would."""
        environment = self.runtime.environment
        launching = function is Function.LAUNCH
        url = environment.launch_queue_url if launching else environment.terminate_queue_url
        handle = launch.handle if launching else terminate.handle
        records = self._received(url, bodies)
        event = {"Records": records}
        answer = self._captured(lambda context: handle(event, context, self.runtime))
        failed = {item["itemIdentifier"] for item in answer.response["batchItemFailures"]}
        for record in records:
            if record["messageId"] not in failed:
                self.account.client("sqs").delete_message(
                    QueueUrl=url, ReceiptHandle=record["receiptHandle"]
                )
        return answer

    def reconcile(self) -> Answer:
        """Run the reconcile function once; what the schedule sends it, it does not read."""
        return self._captured(lambda context: reconcile.handle(context, self.runtime))

    def request(self, body: str) -> Answer:
        """Invoke the function of reserved pod ranges as CloudFormation does; its answer is in the mailbox afterwards."""
        # In the place of what would put it to the request's URL.
        vars(self.runtime)["stack_answers"] = self.mailbox
        event = json.loads(body)

        def invoke(context: _AccountTime) -> dict[str, Any]:
            try:
                return reserve.handle(event, context, self.runtime)
            except EventRejected as rejected:
                # As Lambda answers for a function that raises (Lambda Developer Guide, "Exception handling in Python").
                return {"errorMessage": str(rejected), "errorType": type(rejected).__name__}

        return self._captured(invoke)

    def _received(self, url: str, bodies: Sequence[str]) -> list[dict[str, Any]]:
        sqs = self.account.client("sqs")
        for body in bodies:
            sqs.send_message(QueueUrl=url, MessageBody=body)
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        received = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=MOST_RECORDS, MessageSystemAttributeNames=["All"]
        )
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": arn["QueueArn"],
                "awsRegion": REGION,
            }
            for message in received["Messages"]
        ]

    def _captured(self, invoke: Callable[[_AccountTime], dict[str, Any]]) -> Answer:
        clock = self.account.clock
        output = io.StringIO()
        with redirect_stdout(output), _log_to(self.runtime, output):
            response = invoke(_AccountTime(clock, clock.now() + FUNCTION_TIME_S))
        return Answer(response, tuple(output.getvalue().splitlines()))


@contextmanager
def rehearse(
    document: dict[str, Any], clock: Clock, settings: Settings, workers: Workers
) -> Iterator[Rehearsal]:
    """Build what a configuration presupposes and what its stack adds, and wire the handlers to it.

    Args:
        document: a valid configuration, as YAML reads it; its ids are replaced.
        clock: the time of account and handlers.
        settings: how slow and how strict the account is.
        workers: what the handlers use for several calls at once; SerialWorkers with a VirtualClock.

    Raises:
        ConfigInvalid: the configuration cannot be used.
    """
    account = Account(clock, settings)
    with environment_of_our_own(), account.active(), mock_aws():
        # Nothing is deployed that would look groups up, or create them.
        platform.with_named_groups(document)
        created.have_none_created(document)
        made = platform.build(account, document)
        authored = authoring.parse(yaml.safe_dump(made.document, sort_keys=False))
        config = authoring.resolve(authored)
        knobs = settings_of(authored)
        environment = FunctionEnvironment(
            owner=config.owner,
            launch_hook=naming.launch_hook(config.owner),
            terminate_hook=naming.terminate_hook(config.owner),
            heartbeat_timeout_s=knobs.heartbeat_timeout_s,
            launch_queue_url=_make_queue(account, f"{config.owner}-launches"),
            terminate_queue_url=_make_queue(account, f"{config.owner}-terminations"),
            orphan_min_age_s=knobs.orphan_min_age_s,
            max_deletions=knobs.max_deletions,
            max_adoptions=knobs.max_adoptions,
            dry_run=knobs.dry_run,
        )
        for group in made.groups:
            _put_hooks(account, environment, group)
        time = _AccountTime(clock)
        runtime = Runtime(environment, config, Clients(time), time, workers)
        yield Rehearsal(account, config, runtime, made)


def _make_queue(account: Account, name: str) -> str:
    url: str = account.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    return url


def _put_hooks(account: Account, environment: FunctionEnvironment, group: str) -> None:
    for name, transition, default in (
        (environment.launch_hook, "autoscaling:EC2_INSTANCE_LAUNCHING", "ABANDON"),
        (environment.terminate_hook, "autoscaling:EC2_INSTANCE_TERMINATING", "CONTINUE"),
    ):
        account.client("autoscaling").put_lifecycle_hook(
            AutoScalingGroupName=group,
            LifecycleHookName=name,
            LifecycleTransition=transition,
            HeartbeatTimeout=environment.heartbeat_timeout_s,
            DefaultResult=default,
        )


@contextmanager
def _log_to(runtime: Runtime, output: io.StringIO) -> Iterator[None]:
    """Send the handlers' log records to `output`.

    Powertools keeps one handler per service name, bound to the stdout of the moment when the first was made.
    """
    assert runtime.reporter is not None  # noqa: S101 - made here, so that its handler exists
    handlers = [
        handler
        for handler in logging.getLogger(naming.SERVICE).handlers
        if isinstance(handler, logging.StreamHandler)
    ]
    before = [handler.setStream(output) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, before, strict=True):
            if stream is not None:
                handler.setStream(stream)


def _caught(task: Callable[[], T]) -> T | Exception:
    try:
        return task()
    except Exception as error:  # noqa: BLE001 - handed to the caller as a value; nothing is swallowed
        return error
