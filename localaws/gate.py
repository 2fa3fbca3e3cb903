"""The gate that every API call passes, in-process and over HTTP alike, before moto sees it.

Per call: identify, count, fail on purpose (before), take tokens, authorize, wait, run, fail on purpose (after), record.
"""

from __future__ import annotations

import functools
import json
import re
import socket
from contextlib import nullcontext
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.model import OperationNotFoundError
from moto.core import responses, serialize
from moto.core.errors import ErrorLookupFactory, ErrorShape
from moto.core.exceptions import ServiceException
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model
from moto.s3.responses import S3Response

from localaws.calls import OK, Call
from localaws.client import AWS_INTERNAL, CALLER
from localaws.faults import CallerCrashed, Fault, FaultKind
from localaws.patching import Patch
from localaws.rules import Refusal
from localaws.throttling import throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from moto.core.common_types import TYPE_RESPONSE
    from moto.core.model import OperationModel, ServiceModel
    from moto.core.request import Request

    from localaws.account import Account

WAITING = frozenset(
    {
        ("lambda", "Invoke"),
        ("lambda", "InvokeAsync"),
        ("sqs", "ReceiveMessage"),
        ("cloudformation", "ExecuteChangeSet"),
        ("cloudformation", "CreateStack"),
        ("cloudformation", "UpdateStack"),
        ("cloudformation", "DeleteStack"),
    }
)
"""Calls that wait for something another call brings about (a function's own calls, a message, a stack's resources):
they run without the account's lock and take it themselves where they touch a backend."""


@dataclass(frozen=True)
class _Silence(Exception):
    """The caller gets no answer, or does not live to see it."""

    outcome: str
    crashed: bool


class Gate:
    """Puts every call of an account through the same steps, whatever its service and protocol."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def patches(self) -> Iterator[Patch]:
        """Yield what puts the gate in front of moto's actions."""
        yield Patch(BaseResponse, "call_action", self._before_action)
        yield Patch(BaseResponse, "serialized", _with_status_of_refusal)
        # Moto lists all methods of a service's class at every call, which can take as long as the call itself.
        yield Patch(responses, "method_names_from_class", functools.cache)
        yield Patch(serialize, "get_error_model", _model_of_error)
        # S3 routes by bucket and key and never reaches call_action.
        yield Patch(S3Response, "_bucket_response", self._before_s3)
        yield Patch(S3Response, "_key_response", self._before_s3)

    def _before_action(
        self, original: Callable[[BaseResponse], TYPE_RESPONSE]
    ) -> Callable[[BaseResponse], TYPE_RESPONSE]:
        def call_action(response: BaseResponse) -> TYPE_RESPONSE:
            return self._admit(response, lambda: original(response))

        return call_action

    def _before_s3(
        self, original: Callable[[S3Response, Request, str], TYPE_RESPONSE | str | bytes]
    ) -> Callable[[S3Response, Request, str], TYPE_RESPONSE]:
        def respond(response: S3Response, request: Request, full_url: str) -> TYPE_RESPONSE:
            def run() -> TYPE_RESPONSE:
                answer = original(response, request, full_url)
                return answer if isinstance(answer, tuple) else (HTTPStatus.OK, {}, answer)

            return self._admit(response, run)

        return respond

    def _admit(self, response: BaseResponse, run: Callable[[], TYPE_RESPONSE]) -> TYPE_RESPONSE:
        account = self._account
        if _is_internal(response):
            return self._run(_service_of(response), _action_of(response), run)
        call = Call(
            number=account.calls.next_number(),
            service=_service_of(response),
            action=_action_of(response),
            params=parameters_of(response),
            principal=account.principals.name_of(response.access_key),
            region=response.region,
            at_s=account.clock.now(),
        )
        outcome = OK
        try:
            answer = self._handle(call, response, run)
            outcome = outcome_of(answer)
        except Refusal as refusal:
            outcome = refusal.code
            answer = response.serialized(ActionResult(refusal))
        except ClientError as inner:
            # What AWS's own call inside this one was refused. Moto's server would answer its message as plain text, which
            # no SDK can read.
            passed_on = _refusal_of(inner)
            outcome = passed_on.code
            answer = response.serialized(ActionResult(passed_on))
        except _Silence as silence:
            outcome = silence.outcome
            answer = self._say_nothing(response, silence)
        except ServiceException as error:
            outcome = error.code
            raise
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            account.calls.record(replace(call, outcome=outcome))
        return answer

    def _handle(
        self, call: Call, response: BaseResponse, run: Callable[[], TYPE_RESPONSE]
    ) -> TYPE_RESPONSE:
        account = self._account
        faults = account.faults.hitting(
            call.number,
            service=call.service,
            action=call.action,
            principal=call.principal,
            params=call.params,
        )
        for fault in faults:
            if not fault.kind.is_after:
                raise _consequence(fault, call)
        if account.settings.throttling:
            account.buckets.check(call.service, call.region, call.action, call.params)
        role = account.principals.role_of(response.access_key)
        if account.settings.enforce_iam and role is not None:
            account.authorizations.require(
                role, call.service, call.action, call.region, call.params
            )
        latency_s = account.settings.vary(call.action, account.settings.call_latency_s)
        if latency_s > 0:
            account.clock.wait(latency_s)
        answer = self._run(call.service, call.action, run)
        for fault in faults:
            if fault.kind.is_after:
                raise _consequence(fault, call)
        return answer

    def _run(self, service: str, action: str, run: Callable[[], TYPE_RESPONSE]) -> TYPE_RESPONSE:
        with self.lock_for(service, action):
            return run()

    def lock_for(self, service: str, action: str) -> AbstractContextManager[object]:
        """Return what an action is run under: the account's lock, or nothing for those that wait."""
        return nullcontext() if (service, action) in WAITING else self._account.lock

    def _say_nothing(self, response: BaseResponse, silence: _Silence) -> TYPE_RESPONSE:
        """Leave the caller without an answer.

        Over HTTP the connection is closed at once, which an SDK handles as it handles a read time-out, without
        anybody having to wait for it.

        Raises:
            CallerCrashed: in-process, the caller is dead.
            ReadTimeoutError: in-process, what botocore raises when no answer comes.
        """
        request = response.normalized_request
        if request.from_wsgi_server:
            if silence.crashed:
                self._account.on_crash(response.access_key)
            connection: socket.socket = request.environ["werkzeug.socket"]
            # Writing the answer now fails with a broken pipe, which werkzeug takes for a client that has gone.
            connection.shutdown(socket.SHUT_RDWR)
            return HTTPStatus.OK, {}, ""
        if silence.crashed:
            raise CallerCrashed(f"during {response._get_action()}")
        raise ReadTimeoutError(endpoint_url=response.uri)


def _is_internal(response: BaseResponse) -> bool:
    """Tell AWS's own call from that of a function which AWS's own hand invoked: it is dispatched inside the former."""
    authorization = _text(response.headers.get("Authorization") or "")
    return AWS_INTERNAL.get() and f"Credential={CALLER}/" in authorization


def _service_of(response: BaseResponse) -> str:
    return response.boto3_service_name


def _action_of(response: BaseResponse) -> str:
    if isinstance(response, S3Response):
        # Its querystring holds whatever the caller of the REST API put into the URL, "Action" included.
        return response._get_action_from_method_and_request_uri(response.normalized_request) or "?"
    return response._get_action() or "?"


def _consequence(fault: Fault, call: Call) -> Exception:
    if fault.kind is FaultKind.THROTTLE:
        return throttled(call.service).refusal()
    if fault.kind is FaultKind.ERROR:
        return Refusal(fault.code, fault.message, fault.status)
    crashed = fault.kind in (FaultKind.CRASH_BEFORE, FaultKind.CRASH_AFTER)
    return _Silence(outcome=str(fault.kind), crashed=crashed)


def _refusal_of(inner: ClientError) -> Refusal:
    error, metadata = inner.response["Error"], inner.response["ResponseMetadata"]
    return Refusal(error["Code"], error["Message"], metadata["HTTPStatusCode"])


def _model_of_error(original: Callable[..., ErrorShape]) -> Callable[..., ErrorShape]:
    """Model a refusal after its code alone when no service model has it.

    Common errors (Throttling, AccessDenied) and many documented ones are in no service's model, of which moto warns.
    """

    def get_error_model(error: Exception, service_model: ServiceModel) -> ErrorShape:
        if isinstance(error, Refusal):
            known = ErrorLookupFactory().for_service(service_model).from_code(error.code)
            description = {"exception": True, "type": "structure", "members": {}}
            description["error"] = {"code": error.code}
            return known or ErrorShape(error.code, description)
        return original(error, service_model)

    return get_error_model


def _with_status_of_refusal(original: Callable[..., TYPE_RESPONSE]) -> Callable[..., TYPE_RESPONSE]:
    """Answer a refusal with its own status: moto knows only those that botocore's model gives to a modelled error."""

    def serialized(response: BaseResponse, action_result: ActionResult) -> TYPE_RESPONSE:
        status, headers, body = original(response, action_result)
        if isinstance(action_result.result, Refusal):
            status = action_result.result.status_code
        return status, headers, body

    return serialized


def parameters_of(response: BaseResponse) -> Mapping[str, Any]:
    """Return the request's members as botocore's model names them, whether or not moto's service parses them itself.

    S3's are left out: nothing here looks at them, and their bodies are files.
    """
    if isinstance(response, S3Response):
        return {}
    if response.automated_parameter_parsing:
        return dict(response.params)
    operation = _operation_of(response)
    if operation is None:
        return {}
    request = response.normalized_request
    protocol = determine_request_protocol(operation.service_model, request.content_type)
    parser = PROTOCOL_PARSERS[protocol](operation, map_type=dict)
    parsed: Mapping[str, Any] = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": response.uri_match,
        }
    )
    return parsed


def _operation_of(response: BaseResponse) -> OperationModel | None:
    """Return the model of the operation, or None for the few paths that are not part of AWS's API (cfn-response)."""
    try:
        model = get_service_model(response.boto3_service_name)
        operation: OperationModel = model.operation_model(response._get_action())
    except OperationNotFoundError:
        return None
    return operation


def outcome_of(answer: TYPE_RESPONSE) -> str:
    """Return `ok`, or the error code in what moto answers, by any of AWS's protocols."""
    status, headers, body = answer
    if int(status) < HTTPStatus.BAD_REQUEST:
        return OK
    names = {str(name).lower(): str(value) for name, value in headers.items()}
    if "x-amzn-query-error" in names:
        return names["x-amzn-query-error"].split(";")[0]
    if "x-amzn-errortype" in names:
        return _short(names["x-amzn-errortype"])
    return _code_in(_text(body)) or f"http-{status}"


def _code_in(body: str) -> str | None:
    """Return the error code in an XML or a JSON body."""
    if match := re.search(r"<Code>([^<]+)</Code>", body):
        return match.group(1)
    try:
        document = json.loads(body)
    except ValueError:
        return None
    code = document.get("__type") or document.get("Code") if isinstance(document, dict) else None
    return _short(str(code)) if code else None


def _short(code: str) -> str:
    """Return the code without the namespace before `#` and the link after `:` that the JSON protocols allow."""
    return code.rsplit("#", maxsplit=1)[-1].split(":", maxsplit=1)[0]


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
