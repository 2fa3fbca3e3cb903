"""The one place that makes boto3 clients, and that counts what they send."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config

from lambdas.aws.errors import is_throttle
from lambdas.aws.pacer import Pacer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

    from lambdas.aws.pacer import Clock

MAX_CONNECTIONS = 32
"""As many as calls may be under way at once."""

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=3,
    read_timeout=10,
    max_pool_connections=MAX_CONNECTIONS,
    user_agent_extra="multus-eni",
)


class CallCount(NamedTuple):
    """How many requests went out and how many came back throttled."""

    calls: int = 0
    throttled: int = 0

    def since(self, earlier: CallCount) -> CallCount:
        """Return what was added after an earlier count."""
        return CallCount(self.calls - earlier.calls, self.throttled - earlier.throttled)


class CallMeter:
    """Counts every request that a client sends, botocore's own retries included."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._throttled = 0

    def count(self) -> CallCount:
        """Return the totals so far."""
        with self._lock:
            return CallCount(self._calls, self._throttled)

    def watch(self, client: EC2Client | AutoScalingClient) -> None:
        """Count this client's requests from now on."""
        client.meta.events.register("response-received", self._received)

    def _received(self, parsed_response: Mapping[str, Any] | None, **_: object) -> None:
        code = (parsed_response or {}).get("Error", {}).get("Code", "")
        with self._lock:
            self._calls += 1
            self._throttled += is_throttle(code)


class Clients:
    """The boto3 clients of one execution environment, all made the same way."""

    def __init__(self, clock: Clock) -> None:
        self._session = boto3.session.Session()
        self.meter = CallMeter()
        self.pacer = Pacer(clock)
        self.ec2: EC2Client = self._session.client("ec2", config=_CONFIG)
        self.autoscaling: AutoScalingClient = self._session.client("autoscaling", config=_CONFIG)
        self.meter.watch(self.ec2)
        self.meter.watch(self.autoscaling)
        self.pacer.watch(self.ec2)
        self.pacer.watch(self.autoscaling)

    def sqs(self) -> SQSClient:
        """Return a client that most runs never need: made on demand, for the sake of the cold start."""
        client: SQSClient = self._session.client("sqs", config=_CONFIG)
        return client

    def events(self) -> EventBridgeClient:
        """Return another of which the same is true."""
        client: EventBridgeClient = self._session.client("events", config=_CONFIG)
        return client
