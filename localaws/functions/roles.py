"""What AWS does on its own with a role: reading a queue for a function, writing its log, firing a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.iam.authorization import NOT_MODELLED
from localaws.rules import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.account import Account
    from localaws.functions.model import Function


def may(
    account: Account,
    role_arn: str,
    call: tuple[str, str],
    region: str,
    params: Mapping[str, Any],
) -> bool:
    """Return whether the role may make a (service, action) call; always where IAM is not enforced.

    Raises:
        Refusal: something in the role's policies is not modelled.
    """
    if not account.settings.enforce_iam:
        return True
    try:
        account.authorizations.require(role_arn, *call, region, params)
    except Refusal as refusal:
        if refusal.code == NOT_MODELLED.code:
            raise
        return False
    return True


def may_log(account: Account, function: Function, stream: str) -> bool:
    """Return whether the function's role may write its log, which Lambda does in the role's name."""
    names = {"logGroupName": function.log_group, "logStreamName": stream}
    return all(
        may(account, function.role_arn, ("logs", action), function.region, names)
        for action in ("CreateLogStream", "PutLogEvents")
    )
