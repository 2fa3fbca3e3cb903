"""AWS's own hand inside the account: API calls that skip the gate, in-process even while the server runs."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.models import botocore_stubber

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

Client: TypeAlias = Any
"""A boto3 client of any service; which operations it has is known to botocore alone."""

REGION = "us-east-1"
"""The region of a caller that names none; the CDK's bootstrap and the demo use it."""

CALLER = "internal"
"""The access key that AWS's own calls carry."""

AWS_INTERNAL: ContextVar[bool] = ContextVar("AWS_INTERNAL", default=False)
"""Whether the call being dispatched is AWS's own: not throttled, not authorized, not delayed, never failed on purpose."""


class InternalClients:
    """Boto3 clients whose requests go straight to moto's dispatch, marked as AWS's own.

    The same API paths as any caller's: parameters are validated by botocore, refusals are the account's rules.
    """

    def __init__(self) -> None:
        # Nobody checks a signature here; botocore only refuses to send without one.
        self._session = boto3.session.Session(CALLER, CALLER)
        self._clients: dict[tuple[str, str], Client] = {}
        self._creating = threading.Lock()
        self._dispatch = BotocoreStubber()

    def client(self, service: str, region: str = REGION) -> Client:
        """Return the boto3 client of a service, the same one at every call."""
        with self._creating:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._new(service, region)
            return self._clients[service, region]

    def _new(self, service: str, region: str) -> Client:
        # Endpoint variables in the environment (AWS_ENDPOINT_URL) would move the request off AWS's host names,
        # by which moto finds the service; retries would hide a refusal behind a wait.
        config = Config(
            region_name=region,
            ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # botocore has it, its stubs not yet
            retries={"total_max_attempts": 1, "mode": "standard"},
        )
        client = self._session.client(service, config=config)  # type: ignore[call-overload]
        # Every handler of before-send runs: with mock_aws's own left in, a call would take effect twice.
        client.meta.events.unregister("before-send", botocore_stubber)
        client.meta.events.register_first("before-send", self._send)
        return client

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        token = AWS_INTERNAL.set(True)
        try:
            answer = self._dispatch.process_request(request)
        finally:
            AWS_INTERNAL.reset(token)
        if answer is None:
            raise LookupError(f"moto serves no API at {request.url}")
        status, headers, body = answer
        return AWSResponse(request.url, status, headers, MockRawResponse(body))  # type: ignore[arg-type]
