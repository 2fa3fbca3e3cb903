"""What an invocation is made of, whoever runs it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """How an invocation ended."""

    RESPONSE = "response"
    ERROR = "error"
    """The function raised, in its handler or at its import."""
    TIMEOUT = "timeout"
    CRASH = "crash"
    """The process ended without an answer."""
    THROTTLED = "throttled"
    """No execution environment was free; the function did not run."""


@dataclass(frozen=True)
class InvocationResult:
    """What came of one invocation: the answer or the error document, and the lines that it logged."""

    kind: Kind
    payload: bytes
    log_lines: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Return whether Lambda would call this a function error."""
        return self.kind is not Kind.RESPONSE


@dataclass(frozen=True)
class Function:
    """A deployed function as it is at one moment; an update makes another value.

    Attributes:
        layers: the zip archives of its layers, in the order in which they are laid over one another.
        log_group: where its lines go when the group exists.
    """

    name: str
    arn: str
    region: str
    role_arn: str
    handler: str
    runtime: str
    timeout_s: float
    memory_mb: int
    version: str = "$LATEST"
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    code: bytes = field(default=b"", repr=False)
    layers: tuple[bytes, ...] = field(default=(), repr=False)
    log_group: str = ""

    @property
    def code_digest(self) -> str:
        """Return a name for code and layers; equal archives have equal names."""
        digest = hashlib.sha256(self.code)
        for layer in self.layers:
            digest.update(hashlib.sha256(layer).digest())
        return digest.hexdigest()[:32]

    @property
    def fingerprint(self) -> str:
        """Return what must be equal for a warm execution environment to be used again."""
        configuration = [self.arn, self.role_arn, self.handler, self.runtime, self.timeout_s]
        configuration += [self.memory_mb, self.version, sorted(self.environment.items())]
        return f"{self.code_digest}:{json.dumps(configuration)}"


class FunctionHost(Protocol):
    """Somewhere a function can run."""

    def invoke(self, function: Function, payload: bytes, request_id: str) -> InvocationResult:
        """Run the function once and return when it has ended; the caller holds no lock."""
        ...


def error_payload(error_type: str, message: str, stack: tuple[str, ...] = ()) -> bytes:
    """Return the error document that Lambda gives to the invoker."""
    document: dict[str, object] = {"errorMessage": message, "errorType": error_type}
    if stack:
        document["stackTrace"] = list(stack)
    return json.dumps(document).encode()
