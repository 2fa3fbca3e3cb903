"""Holds calls back until AWS has a token for them, by what `domain.call_pace` knows of its buckets."""

from __future__ import annotations

import itertools
import threading
from bisect import insort
from collections import defaultdict
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

    from botocore.awsrequest import AWSRequest
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


LONGEST_SLEEP_S = 1.0
"""A call that waits looks again so often at least: its turn comes later after a refusal, and earlier when the share grows."""
_REFUSED = "multus-eni-refused"
"""Marks, in botocore's context of one request, that its last attempt was refused for the rate."""


class Pacer:
    """Paces every request that a client sends, botocore's own retries included; safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._paces: dict[str, CallPace] = {}
        self._queues: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        self._numbers = itertools.count()
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

    def _wait(self, action: str, request: AWSRequest, **_: object) -> None:
        """Wait for the request's turn: in order, but for one that was refused, which has had its turn already.

        Raises:
            DeadlineExceeded: it would not come in time.
        """
        refused = request.context.pop(_REFUSED, False)
        with self._lock:
            turn = (0 if refused else 1, next(self._numbers))
            insort(self._queues[action], turn)
        try:
            while (wait_s := self._send(action, turn)) > 0:
                self._clock.wait(min(wait_s, LONGEST_SLEEP_S))
        except BaseException:
            with self._lock:
                self._queues[action].remove(turn)
            raise

    def _send(self, action: str, turn: tuple[int, int]) -> float:
        """Take the turn and return 0, or return for how many seconds there will be no token for it.

        Raises:
            DeadlineExceeded: there would be none in time.
        """
        with self._lock:
            now, queue = self._clock.now(), self._queues[action]
            pace = self._pace(action, now)
            wait_s = pace.wait_s(now.timestamp(), queue.index(turn))
            if wait_s <= 0:
                queue.remove(turn)
                self._paces[action] = pace.sent(now.timestamp())
            elif self._is_late(now + timedelta(seconds=wait_s)):
                raise DeadlineExceeded(
                    f"{action} would have had to wait {wait_s:.0f} s more for its turn"
                )
            return wait_s

    def _is_late(self, moment: datetime) -> bool:
        return self.deadline is not None and moment > self.deadline

    def _learn(
        self,
        action: str,
        context: dict[str, Any],
        parsed_response: Mapping[str, Any] | None = None,
        **_: object,
    ) -> None:
        if parsed_response is None:
            return  # No answer came, which says nothing of the bucket.
        code = parsed_response.get("Error", {}).get("Code", "")
        with self._lock:
            now = self._clock.now()
            pace = self._pace(action, now)
            refused = context[_REFUSED] = is_throttle(code)
            self._paces[action] = pace.refused(now.timestamp()) if refused else pace.answered()

    def _pace(self, action: str, now: datetime) -> CallPace:
        bucket = call_pace.BUCKETS[action]
        return self._paces.get(action) or call_pace.full(bucket, now.timestamp())
