"""What botocore raises, by the one table of AWS's codes (domain.aws_codes). Nobody else reads `response["Error"]`.

Message text is no contract: it is looked at only where AWS gives two meanings to one code.
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

from domain import aws_codes, errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.errors import EniLifecycleError

_NEVER_SENT = (NoRegionError, ParamValidationError)
"""What botocore raises for a request that it could not make. Missing credentials are not among them: those can come."""

SERVER_FAILED = 500
"""From this HTTP status on it is the server that failed."""

NO_ACTIVE_ACTION = "No active Lifecycle Action found"
"""How Auto Scaling begins the message of the ValidationError for an action that is finished, timed out or unknown. The
code alone also means a bad hook or group name, so this is the second place where text decides."""


def is_gone(error: ClientError) -> bool:
    """Return whether a delete found nothing left to delete, which is success."""
    return error.response["Error"]["Code"] in aws_codes.GONE


def is_denied(error: ClientError) -> bool:
    """Return whether the caller has no right to the call, or the resource that the right depends on is gone."""
    return error.response["Error"]["Code"] in aws_codes.CLASSES[errors.AccessDenied]


def is_no_active_action(error: ClientError) -> bool:
    """Return whether a lifecycle action is over already, whoever ended it."""
    code, message = _code_and_message(error)
    return code == "ValidationError" and message.startswith(NO_ACTIVE_ACTION)


def is_throttle(code: str) -> bool:
    """Return whether a code says that the caller was too fast."""
    return code in aws_codes.CLASSES[errors.Throttled]


def translate(error: ClientError) -> EniLifecycleError:
    """Return what an AWS error means for a lifecycle, with the operation and AWS's code in its details."""
    code, message = _code_and_message(error)
    kind = _by_text(code, message) or aws_codes.meaning(code) or _by_status(error)
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
