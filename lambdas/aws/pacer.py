"""Holds calls back until AWS has a token for them, by what `domain.call_pace` knows of its buckets."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from domain import call_pace
from domain.errors import DeadlineExceeded
from lambdas.aws.errors import is_throttle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Protocol

    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_ec2 import EC2Client

    from domain.call_pace import CallPace

    class Clock(Protocol):
        """Time, and waiting."""

        def now(self) -> datetime:
            """Return the time, in UTC."""
            ...

        def wait(self, seconds: float) -> None:
            """Block for so many seconds."""
            ...


class Pacer:
    """Paces every request that a client sends, botocore's own retries included; safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._paces: dict[str, CallPace] = {}
        self.deadline: datetime | None = None
        """No call waits past this: a run that ends in an orderly way keeps what it knows and hands the rest back. What needs
        no waiting is sent after it too: the answers and heartbeats with which a run ends."""

    def watch(self, client: EC2Client | AutoScalingClient) -> None:
        """Pace this client's requests from now on."""
        events, model = client.meta.events, client.meta.service_model
        service = model.service_id.hyphenize()
        for action in call_pace.BUCKETS.keys() & model.operation_names:
            # Before the request is signed: a signature is dated, and waiting would age it.
            events.register_first(
                f"request-created.{service}.{action}", partial(self._wait, action)
            )
            events.register(f"response-received.{service}.{action}", partial(self._learn, action))

    def _wait(self, action: str, **_: object) -> None:
        """Wait for a token.

        Raises:
            DeadlineExceeded: there would be none in time.
        """
        with self._lock:
            now = self._clock.now()
            pace, wait_s = self._pace(action, now).call(now.timestamp())
            if wait_s > 0 and self._is_late(now + timedelta(seconds=wait_s)):
                raise DeadlineExceeded(
                    f"{action} would have had to wait {wait_s:.0f} s for its turn"
                )
            self._paces[action] = pace
        if wait_s > 0:
            self._clock.wait(wait_s)

    def _is_late(self, moment: datetime) -> bool:
        return self.deadline is not None and moment > self.deadline

    def _learn(
        self, action: str, parsed_response: Mapping[str, Any] | None = None, **_: object
    ) -> None:
        code = (parsed_response or {}).get("Error", {}).get("Code", "")
        with self._lock:
            now = self._clock.now()
            pace = self._pace(action, now)
            refused = is_throttle(code)
            self._paces[action] = pace.refused(now.timestamp()) if refused else pace.answered()

    def _pace(self, action: str, now: datetime) -> CallPace:
        bucket = call_pace.BUCKETS[action]
        return self._paces.get(action) or call_pace.full(bucket, now.timestamp())
