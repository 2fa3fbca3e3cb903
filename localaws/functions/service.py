"""Lambda of one embedded account: who runs a function, how many at once, and what they wrote."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.awslambda import models as lambda_models
from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.utils import get_backend
from moto.logs import models as logs_models
from moto.utilities.arns import parse_arn

from localaws.functions.asynchronous import AsynchronousInvocations, InvokeConfig
from localaws.functions.logs import LogLine, Logs
from localaws.functions.model import Function, FunctionHost, InvocationResult, Kind
from localaws.functions.processes import ProcessHost
from localaws.functions.registered import RegisteredHost
from localaws.functions.roles import may_log
from localaws.functions.rules import CONCURRENCY_USED, PAYLOAD_NOT_JSON
from localaws.functions.workers import Workers
from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping

    from moto.awslambda.models import LambdaBackend, LambdaFunction

    from localaws.account import Account
    from localaws.functions.registered import Handler

LOG_TAIL_BYTES = 4096
"""LogResult holds the last 4 KB of the log (Lambda API reference, Invoke)."""


class Functions:
    """Lambda's behaviour in one account.

    A function whose name has a registered handler runs in the test's process; any other runs its deployed archive.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._registered = RegisteredHost(account.clock)
        self._processes = ProcessHost(account.principals.issue)
        self._running: Counter[str] = Counter()
        self._counting = threading.Lock()
        self.workers = Workers(account.clock)
        self.logs = Logs()
        self.asynchronous = AsynchronousInvocations(account, self)

    @property
    def endpoint_url(self) -> str:
        """Where deployed functions send their AWS calls; the server sets it."""
        return self._processes.endpoint_url

    @endpoint_url.setter
    def endpoint_url(self, url: str) -> None:
        self._processes.endpoint_url = url

    def register(self, function_name: str, handler: Handler) -> None:
        """Let this callable be the function's code."""
        self._registered.register(function_name, handler)

    def metrics(self, function_name: str | None = None) -> list[dict[str, Any]]:
        """Return the embedded-metric documents that one function, or all, have logged."""
        return self.logs.metrics(function_name)

    def kill(self, access_key: str) -> bool:
        """End the process that signs with this access key; return whether there was one."""
        return self._processes.kill(access_key)

    def close(self) -> None:
        """End every process."""
        self._processes.close()

    def find(self, arn: str) -> Function | None:
        """Return the function, version or alias as it is now, or None; the caller holds the account's lock."""
        deployed = _deployed(arn)
        return None if deployed is None else _snapshot(deployed)

    def invoke_config(self, arn: str) -> InvokeConfig | None:
        """Return how asynchronous events of the function are handled, or None when it does not exist."""
        deployed = _deployed(arn)
        if deployed is None:
            return None
        config = deployed.event_invoke_config[-1].config if deployed.event_invoke_config else {}
        destinations = config.get("DestinationConfig", {})
        return InvokeConfig(
            retries=config.get("MaximumRetryAttempts", InvokeConfig.retries),
            max_age_s=config.get("MaximumEventAgeInSeconds", InvokeConfig.max_age_s),
            on_success_arn=destinations.get("OnSuccess", {}).get("Destination"),
            on_failure_arn=destinations.get("OnFailure", {}).get("Destination"),
            dead_letter_arn=getattr(deployed, _DEAD_LETTER, None),
        )

    def policy(self, arn: str) -> dict[str, Any] | None:
        """Return the function's resource policy, or None; the caller holds the account's lock."""
        deployed = _deployed(arn)
        if deployed is None or not deployed.policy.statements:
            return None
        policy: dict[str, Any] = deployed.policy.get_policy()["Policy"]
        return policy

    def invoke(self, arn: str, payload: bytes, request_id: str | None = None) -> InvocationResult:
        """Run a function and return when it has ended; the caller holds no lock.

        Raises:
            LookupError: there is no such function.
        """
        request_id = request_id or str(uuid.uuid4())
        with self._account.lock:
            function = self.find(arn)
            if function is None:
                raise LookupError(arn)
            limit, pool = self._limit(arn, function.name)
        if not self._enter(pool, limit):
            return InvocationResult(Kind.THROTTLED, b"{}")
        started_s = self._account.clock.now()
        try:
            result = self._host(function).invoke(function, payload, request_id)
        finally:
            with self._counting:
                self._running[pool] -= 1
        lines = _framed(function, request_id, result, self._account.clock.now() - started_s)
        self._keep_log(function, request_id, lines)
        return InvocationResult(result.kind, result.payload, lines)

    def invoke_async(self, arn: str, payload: bytes) -> None:
        """Accept an event for a function; it runs soon, never inside this call."""
        self.asynchronous.accept(arn, payload, str(uuid.uuid4()))

    def patches(self) -> Iterable[Patch]:
        """Yield what stands in the place of moto's Lambda."""
        backend, function = lambda_models.LambdaBackend, lambda_models.LambdaFunction
        yield Patch(backend, "invoke", self._invoke_action)
        yield Patch(backend, "create_function", _keeping_destinations)
        yield Patch(backend, "put_function_event_invoke_config", _replacing_config)
        yield Patch(function, "update_configuration", _updating_destinations)
        yield Patch(function, "get_configuration", _showing_destinations)
        yield Patch(function, "_invoke_lambda", self._invoke_for_moto)
        # PutLogEvents drops what is older than 14 days or newer than 2 hours, by this clock.
        yield Patch(logs_models, "utcnow", lambda _: self._utcnow)

    def _utcnow(self) -> datetime:
        return datetime.fromtimestamp(self._account.clock.now(), UTC).replace(tzinfo=None)

    def _host(self, function: Function) -> FunctionHost:
        return self._registered if self._registered.has(function.name) else self._processes

    def _limit(self, arn: str, name: str) -> tuple[int, str]:
        """Return how many may run at once, and with whom they are counted."""
        deployed = _deployed(arn)
        reserved = deployed.reserved_concurrency if deployed is not None else None
        if reserved is not None:
            return int(reserved), name
        return self._account.settings.concurrent_executions, ""

    def _enter(self, pool: str, limit: int) -> bool:
        with self._counting:
            if self._running[pool] >= limit:
                return False
            self._running[pool] += 1
            return True

    def _keep_log(self, function: Function, request_id: str, lines: tuple[str, ...]) -> None:
        now_s = self._account.clock.now()
        self.logs.add(LogLine(function.name, request_id, now_s, line) for line in lines)
        account_id = parse_arn(function.arn).account
        with self._account.lock:
            backend = logs_models.logs_backends[account_id][function.region]
            if function.log_group not in backend.groups:
                return
            stream = f"[{function.version}]{request_id.replace('-', '')}"
            if not may_log(self._account, function, stream):
                return
            if stream not in backend.groups[function.log_group].streams:
                backend.create_log_stream(function.log_group, stream)
            backend.put_log_events(
                function.log_group,
                stream,
                [{"timestamp": int(now_s * 1000), "message": line} for line in lines],
            )

    def _invoke_action(self, _: object) -> Callable[..., bytes]:
        def invoke(  # noqa: PLR0917 - moto passes them by position
            backend: LambdaBackend,
            function_name: str,
            qualifier: str | None,
            body: str | bytes | None,
            headers: Mapping[str, str],
            response_headers: MutableMapping[str, str],
        ) -> bytes:
            with self._account.lock:
                function = _snapshot(backend.get_function(function_name, qualifier))
            payload = _payload_of(body)
            kind = headers.get("X-Amz-Invocation-Type") or "RequestResponse"
            if kind == "DryRun":
                return b""
            if kind == "Event":
                self.invoke_async(function.arn, payload)
                return b""
            result = self.invoke(function.arn, payload)
            if result.kind is Kind.THROTTLED:
                raise CONCURRENCY_USED.refusal()
            if result.failed:
                response_headers["x-amz-function-error"] = "Unhandled"
            tail = "\n".join(result.log_lines).encode()[-LOG_TAIL_BYTES:]
            response_headers["x-amz-log-result"] = base64.b64encode(tail).decode()
            response_headers["x-amz-executed-version"] = function.version
            return result.payload

        return invoke

    def _invoke_for_moto(self, _: object) -> Callable[..., tuple[str, bool, str]]:
        """Accept what moto's other services send (SNS, S3, InvokeAsync).

        AWS's own invoke asynchronously as well; and moto sends while the caller's call holds the account's lock, under
        which a function must never run.
        """

        def invoke_lambda(deployed: LambdaFunction, event: object = None) -> tuple[str, bool, str]:
            text = event if isinstance(event, str) else json.dumps(event or {})
            self.invoke_async(deployed.function_arn, text.encode())
            return "", False, ""

        return invoke_lambda


_DEAD_LETTER = "localaws_dead_letter_arn"
"""Where we keep, on moto's function, the DeadLetterConfig that moto drops."""


def _deployed(arn: str) -> LambdaFunction | None:
    parsed = parse_arn(arn)
    name, _, qualifier = parsed.resource_id.partition(":")
    try:
        function: LambdaFunction = get_backend(parsed.account, parsed.region).get_function(
            name, qualifier or None
        )
    except UnknownFunctionException:
        return None
    return function


def _snapshot(deployed: LambdaFunction) -> Function:
    backend = get_backend(deployed.account_id, deployed.region)
    layers = (backend.layers_versions_by_arn(layer["Arn"]) for layer in deployed.layers)
    return Function(
        name=deployed.function_name,
        arn=deployed.function_arn,
        region=deployed.region,
        role_arn=deployed.role,
        handler=deployed.handler or "",
        runtime=deployed.run_time or "",
        timeout_s=float(deployed.timeout),
        memory_mb=int(deployed.memory_size),
        version=str(deployed.version),
        environment=dict(deployed.environment_vars),
        code=deployed.code_bytes,
        layers=tuple(layer.code_bytes for layer in layers if layer is not None),
        log_group=deployed.logs_group_name,
    )


def _payload_of(body: str | bytes | None) -> bytes:
    payload = body.encode() if isinstance(body, str) else body or b""
    try:
        json.loads(payload or b"{}")
    except ValueError as error:
        raise PAYLOAD_NOT_JSON.refusal(reason=error) from error
    return payload or b"{}"


def _framed(
    function: Function, request_id: str, result: InvocationResult, took_s: float
) -> tuple[str, ...]:
    """Return the lines of an invocation between Lambda's own (Developer Guide, "Viewing CloudWatch logs")."""
    took_ms = took_s * 1000
    return (
        f"START RequestId: {request_id} Version: {function.version}",
        *result.log_lines,
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\tDuration: {took_ms:.2f} ms\tBilled Duration: {int(took_ms) + 1} ms\t"
        f"Memory Size: {function.memory_mb} MB",
    )


def _take_destinations(deployed: LambdaFunction, spec: dict[str, Any]) -> None:
    if "DeadLetterConfig" in spec:
        setattr(deployed, _DEAD_LETTER, spec["DeadLetterConfig"].get("TargetArn") or None)
    if group := spec.get("LoggingConfig", {}).get("LogGroup"):
        deployed.logs_group_name = group


def _keeping_destinations(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_function(backend: LambdaBackend, spec: dict[str, Any]) -> object:
        created = original(backend, spec)
        _take_destinations(backend.get_function(spec["FunctionName"]), spec)
        return created

    return create_function


def _updating_destinations(original: Callable[..., Any]) -> Callable[..., Any]:
    def update_configuration(deployed: LambdaFunction, updates: dict[str, Any]) -> object:
        _take_destinations(deployed, updates)
        return original(deployed, updates)

    return update_configuration


def _showing_destinations(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_configuration(deployed: LambdaFunction, on_create: bool = False) -> object:
        configuration = original(deployed, on_create)
        configuration["LoggingConfig"] = {
            "LogFormat": "Text",
            "LogGroup": deployed.logs_group_name,
        }
        if arn := getattr(deployed, _DEAD_LETTER, None):
            configuration["DeadLetterConfig"] = {"TargetArn": arn}
        return configuration

    return get_configuration


def _replacing_config(original: Callable[..., Any]) -> Callable[..., Any]:
    """PutFunctionEventInvokeConfig overwrites what was there (Lambda API reference); moto appends."""

    def put(backend: LambdaBackend, function_name: str, config: dict[str, Any]) -> object:
        backend.get_function(function_name).event_invoke_config.clear()
        return original(backend, function_name, config)

    return put
