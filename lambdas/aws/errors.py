"""AWS's error codes, classified once. Nobody else reads `response["Error"]`.

Codes: Amazon EC2 API reference, "Error codes for the Amazon EC2 API"; Amazon EC2 Auto Scaling API reference, "Common
Errors"; the throttling codes are botocore's (retries/standard.py). Message text is no contract: it is looked at only where AWS gives two meanings to one code.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoRegionError,
    ParamValidationError,
)

from domain import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.errors import EniLifecycleError

_CLASSES: dict[type[EniLifecycleError], frozenset[str]] = {
    errors.Throttled: frozenset(
        {
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "LimitExceededException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
        }
    ),
    errors.ServiceFault: frozenset(
        {
            "InsufficientCapacity",
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "RequestTimeout",
            "RetryableError",
            "ServerInternal",
            "ServiceUnavailable",
            "Unavailable",
            # Credentials or a clock that were right a moment ago, as after an execution environment was thawed or while
            # they are rotated: no judgement on the request.
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "InvalidClientTokenId",
            "InvalidSecurity.RequestHasExpired",
            "MissingAuthenticationToken",
            "RequestExpired",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        }
    ),
    errors.NotYetVisible: frozenset(
        {
            "InvalidAttachmentID.NotFound",
            "InvalidInstanceID.NotFound",
            "InvalidNetworkInterface.NotFound",
            "InvalidNetworkInterfaceID.NotFound",
        }
    ),
    errors.WrongState: frozenset(
        {
            "ConcurrentTagAccess",
            "IncorrectInstanceState",
            "IncorrectState",
            "InvalidInstanceState",
            "InvalidNetworkInterface.InUse",
            "InvalidState",
            "ResourceContention",
        }
    ),
    errors.TokenSpent: frozenset({"IdempotentParameterMismatch"}),
    errors.AddressTaken: frozenset({"InvalidIPAddress.InUse"}),
    errors.SubnetExhausted: frozenset({"InsufficientFreeAddressesInSubnet"}),
    errors.AttachmentLimitReached: frozenset({"AttachmentLimitExceeded"}),
    errors.QuotaReached: frozenset(
        {
            "InvalidInterface.IpAddressLimitExceeded",
            "NetworkInterfaceLimitExceeded",
            "PrivateIpAddressLimitExceeded",
            "SecurityGroupsPerInterfaceLimitExceeded",
            "TagLimitExceeded",
        }
    ),
    errors.AccessDenied: frozenset(
        {"AccessDenied", "AccessDeniedException", "AuthFailure", "UnauthorizedOperation"}
    ),
    # Only what says that the configuration cannot work as it stands gives a launch up; docs/adr/0006.
    errors.SpecRejected: frozenset(
        {
            "InvalidGroup.NotFound",
            "InvalidGroupId.Malformed",
            "InvalidParameter",
            "InvalidParameterCombination",
            "InvalidParameterDependency",
            "InvalidParameterValue",
            "InvalidSecurityGroupID.NotFound",
            "InvalidSecurityGroupId.Malformed",
            "InvalidSubnet",
            "InvalidSubnetID.Malformed",
            "InvalidSubnetID.NotFound",
            "InvalidSubnetId.NotFound",
            "InvalidTagKey.Malformed",
            "OperationNotPermitted",
            "Resource.AlreadyAssigned",
            "TagPolicyViolation",
            "Unsupported",
            "UnsupportedOperation",
            "ValidationError",
        }
    ),
}
_BY_CODE = {code: kind for kind, codes in _CLASSES.items() for code in codes}

_GONE = frozenset(
    {
        "InvalidAttachmentID.NotFound",
        "InvalidNetworkInterface.NotFound",
        "InvalidNetworkInterfaceID.NotFound",
        "InvalidSubnetCidrReservationID.NotFound",
    }
)

_NEVER_SENT = (NoRegionError, ParamValidationError)
"""What botocore raises for a request that it could not make. Missing credentials are not among them: those can come."""

SERVER_FAILED = 500
"""From this HTTP status on it is the server that failed."""

NO_ACTIVE_ACTION = "No active Lifecycle Action found"
"""How Auto Scaling begins the message of the ValidationError for an action that is finished, timed out or unknown. The
code alone also means a bad hook or group name, so this is the second place where text decides."""


def is_gone(error: ClientError) -> bool:
    """Return whether a delete found nothing left to delete, which is success."""
    return error.response["Error"]["Code"] in _GONE


def is_denied(error: ClientError) -> bool:
    """Return whether the caller has no right to the call, or the resource that the right depends on is gone."""
    return error.response["Error"]["Code"] in _CLASSES[errors.AccessDenied]


def is_no_active_action(error: ClientError) -> bool:
    """Return whether a lifecycle action is over already, whoever ended it."""
    code, message = _code_and_message(error)
    return code == "ValidationError" and message.startswith(NO_ACTIVE_ACTION)


def is_throttle(code: str) -> bool:
    """Return whether a code says that the caller was too fast."""
    return code in _CLASSES[errors.Throttled]


def translate(error: ClientError) -> EniLifecycleError:
    """Return what an AWS error means for a lifecycle, with the operation and AWS's code in its details."""
    code, message = _code_and_message(error)
    kind = _by_text(code, message) or _BY_CODE.get(code) or _by_status(error)
    return kind(
        f"{error.operation_name}: {code}: {message}", operation=error.operation_name, aws_code=code
    )


def _code_and_message(error: ClientError) -> tuple[str, str]:
    detail = error.response["Error"]
    return detail["Code"], detail.get("Message", "")


def _by_status(error: ClientError) -> type[EniLifecycleError]:
    """Tell a failing server (its answer may be no XML at all, then the code is the status) from an unknown refusal."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return errors.ServiceFault if status >= SERVER_FAILED else errors.InvariantBroken


def _by_text(code: str, message: str) -> type[EniLifecycleError] | None:
    """Tell apart the meanings of InvalidParameterValue that want different answers."""
    if code != "InvalidParameterValue":
        return None
    if "already has an interface attached at device index" in message:
        return errors.DeviceIndexTaken
    if "is currently in use" in message:
        return errors.WrongState
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever an AWS call raises into one of our errors.

    Raises:
        EniLifecycleError: the translation; no answer at all (time-outs, broken connections, no credentials yet) is a
            ServiceFault, a request that was never sent a defect.
    """
    try:
        yield
    except ClientError as error:
        raise translate(error) from error
    except _NEVER_SENT as error:
        message = " ".join(str(error).split())
        raise errors.InvariantBroken(message, operation=type(error).__name__) from error
    except BotoCoreError as error:
        raise errors.ServiceFault(str(error), operation=type(error).__name__) from error
