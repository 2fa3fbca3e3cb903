"""The error tree: every failure has a stable code and says whether trying again can help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class EniLifecycleError(Exception):
    """A failure with a stable code.

    Attributes:
        code: stable, kebab-case; what logs, metrics and the runbook call this failure.
        retryable: whether the same step can succeed later without anybody changing anything.
        details: what a person needs to act on it (ids, the AWS code, the operation).
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: str) -> None:
        super().__init__(message)
        self.details: Mapping[str, str] = details


class ConfigInvalid(EniLifecycleError):
    """A configuration that cannot be used; `problems` holds every fault found, not only the first."""

    code = "config-invalid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems: tuple[Problem, ...] = tuple(problems)


LONGEST_VALUE = 300
"""Characters of what stands there that are told: under a mistyped key may stand all of a file."""


@dataclass(frozen=True)
class Problem:
    """One fault in something a person wrote: where it is, what stands there, and what to write instead."""

    path: str
    value: object
    """None where nothing stands."""
    message: str
    remedy: str

    def __str__(self) -> str:
        value = repr(self.value)
        if len(value) > LONGEST_VALUE:
            value = f"{value[:LONGEST_VALUE]}…"
        got = "" if self.value is None else f" (got {value})"
        return f"{self.path}: {self.message}{got}. {self.remedy}"


class EnvironmentInvalid(EniLifecycleError):
    """A function started without a variable that the stack should have set, or with one that cannot be read."""

    code = "environment-invalid"


class EventRejected(EniLifecycleError):
    """A record that is no event of ours and never will be: acknowledged, counted, never retried."""

    code = "event-rejected"


class Transient(EniLifecycleError):
    """Trying again later can succeed: the network interfaces are kept and the message comes back."""

    code = "transient"
    retryable = True


class Throttled(Transient):
    """AWS refused the call for its rate (RequestLimitExceeded and its kin)."""

    code = "throttled"


class NotYetVisible(Transient):
    """A resource made or launched a moment ago is not visible to this call yet (EC2 is eventually consistent)."""

    code = "not-yet-visible"


class TokenSpent(Transient):
    """An earlier create with this token asked for something else: the configuration changed in between."""

    code = "token-spent"


class WrongState(Transient):
    """The resource is on its way to another state (an instance still pending, a network interface detaching)."""

    code = "wrong-state"


class DeviceIndexTaken(Transient):
    """Somebody else, most likely the VPC CNI, took the device index between the look and the attach."""

    code = "device-index-taken"


class AddressTaken(Transient):
    """The IPv4 address chosen from the start of the subnet was taken between the look and the create."""

    code = "address-taken"


class ServiceFault(Transient):
    """AWS failed on its side, or no answer came in time; whether the call took effect is unknown."""

    code = "service-fault"


class DeadlineExceeded(Transient):
    """The run was out of time before the node had what it needs."""

    code = "deadline-exceeded"


class Permanent(EniLifecycleError):
    """Trying again gives the same answer: the launch is abandoned with this as its reason."""

    code = "permanent"


class SubnetExhausted(Permanent):
    """The subnet has no free address left."""

    code = "subnet-exhausted"


class AttachmentLimitReached(Permanent):
    """The instance type takes no further network interface."""

    code = "attachment-limit-reached"


class QuotaReached(Permanent):
    """An account or resource quota is used up (interfaces per Region, addresses, security groups, tags)."""

    code = "quota-reached"


class AccessDenied(Permanent):
    """The function's role, a boundary or a service control policy does not allow the call."""

    code = "access-denied"


class SpecRejected(Permanent):
    """AWS refused the request as configured (unknown subnet or security group, address out of range)."""

    code = "spec-rejected"


class RangeTaken(Permanent):
    """A range that is to be reserved overlaps a reservation that is there already."""

    code = "range-taken"


class RangeInUse(Permanent):
    """A reservation that is to be deleted has addresses that network interfaces use; it is kept."""

    code = "range-in-use"


class NoSubnetInZone(Permanent):
    """An interface names no subnet in the Availability Zone the instance runs in."""

    code = "no-subnet-in-zone"


class DeviceIndexConflict(Permanent):
    """A device index the configuration insists on is held by a network interface that is not ours."""

    code = "device-index-conflict"


class InstanceGone(Permanent):
    """The instance is shutting down, terminated or unknown: there is nothing left to attach to."""

    code = "instance-gone"


class InvariantBroken(EniLifecycleError):
    """A defect of this product; the message says which promise did not hold."""

    code = "invariant-broken"
