"""AWS's own hand inside the account: API calls that skip the gate, in-process even while the server runs."""

from __future__ import annotations

import functools
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.models import botocore_stubber

from localaws.identity import REGION

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

Client: TypeAlias = Any
"""A boto3 client of any service; which operations it has is known to botocore alone."""

CALLER = "internal"
"""The access key that AWS's own calls carry."""

AWS_INTERNAL: ContextVar[bool] = ContextVar("AWS_INTERNAL", default=False)
"""Whether the call being dispatched is AWS's own: not throttled, not authorized, not delayed, never failed on purpose."""


_CREATING = threading.Lock()


def client(service: str, region: str = REGION) -> Client:
    """Return the boto3 client of a service, the same one at every call.

    Its requests go straight to moto's dispatch, marked as AWS's own. They take the same API paths as any caller's:
    parameters are validated by botocore, refusals are the account's rules. It holds no state of an account, so all
    accounts of a process share it.
    """
    # A boto3 session is not made for threads, its clients are (Boto3 documentation, Multithreading).
    with _CREATING:
        return _new(service, region)


@functools.cache
def _session() -> boto3.session.Session:
    # Nobody checks a signature here; botocore only refuses to send without one.
    return boto3.session.Session(CALLER, CALLER)


@functools.cache
def _new(service: str, region: str) -> Client:
    # Endpoint variables in the environment (AWS_ENDPOINT_URL) would move the request off AWS's host names,
    # by which moto finds the service; retries would hide a refusal behind a wait.
    config = Config(
        region_name=region,
        ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # botocore has it, its stubs not yet
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    created = _session().client(service, config=config)  # type: ignore[call-overload]  # any service's name
    # Every handler of before-send runs: with mock_aws's own left in, a call would take effect twice.
    created.meta.events.unregister("before-send", botocore_stubber)
    created.meta.events.register_first("before-send", _send)
    return created


def _send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
    token = AWS_INTERNAL.set(True)
    try:
        answer = BotocoreStubber().process_request(request)
    finally:
        AWS_INTERNAL.reset(token)
    if answer is None:
        raise LookupError(f"moto serves no API at {request.url}")
    status, headers, body = answer
    return AWSResponse(request.url, status, headers, MockRawResponse(body))  # type: ignore[arg-type]  # as moto's own
