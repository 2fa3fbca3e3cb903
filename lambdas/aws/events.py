"""EventBridge: telling whoever listens that a launch was given up."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING

from domain import naming
from domain.errors import ServiceFault
from lambdas.aws.errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_events import EventBridgeClient


class EventBus:
    """The account's default event bus. The client is made when it is first needed: launches are seldom given up."""

    def __init__(self, make_client: Callable[[], EventBridgeClient]) -> None:
        self._make_client = make_client

    @cached_property
    def _client(self) -> EventBridgeClient:
        return self._make_client()

    def put(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """Put one event on the bus.

        Raises:
            EniLifecycleError: it was not taken. PutEvents answers 200 and says so per entry (EventBridge API reference).
        """
        entry = {
            "Source": naming.EVENT_SOURCE,
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
        }
        with translated():
            answer = self._client.put_events(Entries=[entry])  # type: ignore[list-item]  # a plain dict of its keys
        if answer["FailedEntryCount"]:
            (failed,) = answer["Entries"]
            raise ServiceFault(
                f"PutEvents: {failed.get('ErrorCode')}: {failed.get('ErrorMessage')}",
                operation="PutEvents",
            )
