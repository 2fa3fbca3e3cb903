"""Whether a resource's own policy lets an AWS service in.

Queues, functions, keys and roles name a service as principal and narrow it by aws:SourceArn and aws:SourceAccount
(IAM User Guide, "Cross-service confused deputy prevention"). Operators and keys beyond those are refused loudly: a
condition that is skipped looks like one that holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localaws.iam.conditions import matches_glob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class UnmodelledCondition(ValueError):
    """A resource policy asks something that this evaluation does not know."""


@dataclass(frozen=True)
class ServiceRequest:
    """What a service wants to do to a resource; context keys in lower case."""

    service: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)


def allows(policy: Mapping[str, Any] | None, request: ServiceRequest) -> bool:
    """Return whether the policy allows the service's request: an Allow is needed, a Deny prevails.

    Raises:
        UnmodelledCondition: a statement that concerns the request has a condition that is not modelled.
    """
    statements = _listed((policy or {}).get("Statement", ()))
    effects = {statement["Effect"] for statement in statements if _applies(statement, request)}
    return "Allow" in effects and "Deny" not in effects


def _applies(statement: Mapping[str, Any], request: ServiceRequest) -> bool:
    return (
        _names_service(statement.get("Principal"), request.service)
        and any(
            matches_glob(pattern.lower(), request.action.lower())
            for pattern in _listed(statement.get("Action", ()))
        )
        and any(
            matches_glob(pattern, request.resource)
            for pattern in _listed(statement.get("Resource", "*"))
        )
        and all(
            _holds(operator, key, _listed(values), request.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _names_service(principal: object, service: str) -> bool:
    if principal == "*":
        return True
    if not isinstance(principal, dict):
        return False
    return service in _listed(principal.get("Service", ())) or "*" in _listed(
        principal.get("AWS", ())
    )


def _holds(operator: str, key: str, wanted: list[Any], context: Mapping[str, str]) -> bool:
    matches = _OPERATORS.get(operator)
    if matches is None or key.lower() not in _KEYS:
        raise UnmodelledCondition(f"{operator} on {key} in a resource policy is not modelled")
    got = context.get(key.lower())
    return got is not None and any(matches(str(pattern), got) for pattern in wanted)


def _equal(pattern: str, text: str) -> bool:
    return pattern == text


def _equal_ignoring_case(pattern: str, text: str) -> bool:
    return pattern.lower() == text.lower()


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "Bool": _equal_ignoring_case,
    "StringLike": matches_glob,
    "ArnLike": matches_glob,
    # ArnEquals and ArnLike behave alike (IAM User Guide, "Amazon Resource Name (ARN) condition operators").
    "ArnEquals": matches_glob,
}
_KEYS = frozenset({"aws:sourcearn", "aws:sourceaccount", "aws:securetransport"})


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
