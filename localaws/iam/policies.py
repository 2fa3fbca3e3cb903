"""Whether a role's policies allow a check: pure, from documents alone.

Source: "Policy evaluation logic" and "IAM JSON policy elements reference", IAM User Guide: everything is denied by
default, an Allow opens it, a Deny closes it whatever allows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from localaws.iam.conditions import (
    Context,
    UnsupportedPolicy,
    matches_glob,
    reject_variables,
    satisfied,
    validate,
    values_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_ELEMENTS = frozenset(
    {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)


@dataclass(frozen=True)
class Check:
    """One question to the policies; an API call asks one per resource it touches.

    Attributes:
        action: with the service's IAM prefix, as in `ec2:AttachNetworkInterface`.
        resource: an ARN, or `*` for an action that IAM knows no resource type for.
        context: what conditions look at.
    """

    action: str
    resource: str
    context: Context = field(hash=False, default_factory=dict)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


@dataclass(frozen=True, order=True)
class StatementRef:
    """Where a statement stands: the policy's name, its place from 0, and its Sid when it has one."""

    policy: str
    index: int
    sid: str = ""

    def __str__(self) -> str:
        return f"{self.policy}[{self.index}]{f' {self.sid}' if self.sid else ''}"


@dataclass(frozen=True)
class Decision:
    """What the policies say, and which statements say so: all that allow, or all that deny."""

    allowed: bool
    statements: tuple[StatementRef, ...] = ()

    @property
    def explicit(self) -> bool:
        """Whether a statement decided, rather than the absence of one."""
        return bool(self.statements)


@dataclass(frozen=True)
class Statement:
    """One statement of an identity-based policy, with its lists made lists."""

    ref: StatementRef
    allows: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    condition: Mapping[str, Any] = field(hash=False)

    def covers(self, check: Check) -> bool:
        """Whether the statement speaks about the check: action, resource and every condition."""
        return (
            self._covers_action(check.action)
            and self._covers_resource(check.resource)
            and satisfied(self.condition, check.context)
        )

    def action_patterns(self, action: str) -> tuple[str, ...]:
        """Return the entries of the Action element that stand for an action."""
        return tuple(pattern for pattern in self.actions if _matches_action(pattern, action))

    def _covers_action(self, action: str) -> bool:
        if self.not_actions:
            return not any(_matches_action(pattern, action) for pattern in self.not_actions)
        return any(_matches_action(pattern, action) for pattern in self.actions)

    def _covers_resource(self, resource: str) -> bool:
        if self.not_resources:
            return not any(matches_resource(pattern, resource) for pattern in self.not_resources)
        return any(matches_resource(pattern, resource) for pattern in self.resources)


def statements_of(policies: Mapping[str, Mapping[str, Any]]) -> Iterator[Statement]:
    """Yield the statements of identity-based policies, given by name.

    Raises:
        UnsupportedPolicy: a document has something that is not modelled, wherever it stands.
    """
    for name, document in policies.items():
        raw = document.get("Statement", ())
        for index, each in enumerate([raw] if isinstance(raw, dict) else raw):
            yield _statement(name, index, each)


def _statement(policy: str, index: int, raw: Mapping[str, Any]) -> Statement:
    ref = StatementRef(policy, index, raw.get("Sid", ""))
    if unknown := set(raw) - _ELEMENTS:
        raise UnsupportedPolicy(f"{ref}: {', '.join(sorted(unknown))} is not modelled")
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise UnsupportedPolicy(f"{ref}: Effect is {raw.get('Effect')!r}")
    for pair in (("Action", "NotAction"), ("Resource", "NotResource")):
        if sum(element in raw for element in pair) != 1:
            raise UnsupportedPolicy(f"{ref}: needs exactly one of {' and '.join(pair)}")
    condition = raw.get("Condition", {})
    try:
        validate(condition, _services(raw))
        lists = {element: _strings(raw.get(element, ())) for element in _ELEMENTS}
    except UnsupportedPolicy as error:
        raise UnsupportedPolicy(f"{ref}: {error}") from error
    return Statement(
        ref=ref,
        allows=raw["Effect"] == "Allow",
        actions=lists["Action"],
        not_actions=lists["NotAction"],
        resources=lists["Resource"],
        not_resources=lists["NotResource"],
        condition=condition,
    )


def _services(raw: Mapping[str, Any]) -> frozenset[str]:
    """Return the services whose actions a statement names, in lower case."""
    actions = values_of(raw.get("Action", raw.get("NotAction", ())))
    return frozenset(action.split(":")[0].lower() for action in actions)


def _strings(value: object) -> tuple[str, ...]:
    values = values_of(value)
    for each in values:
        reject_variables(each)
    return values


def evaluate(policies: Mapping[str, Mapping[str, Any]], check: Check) -> Decision:
    """Decide one check by identity-based policies, given by name.

    Raises:
        UnsupportedPolicy: a document has something that is not modelled.
    """
    return decide(statements_of(policies), check)


def decide(statements: Iterable[Statement], check: Check) -> Decision:
    """Decide one check by statements that were read before."""
    covering = [statement for statement in statements if statement.covers(check)]
    denies = tuple(statement.ref for statement in covering if not statement.allows)
    if denies:
        return Decision(allowed=False, statements=denies)
    return Decision(allowed=bool(covering), statements=tuple(each.ref for each in covering))


def _matches_action(pattern: str, action: str) -> bool:
    """Compare actions, which ignore case."""
    return matches_glob(pattern.lower(), action.lower())


def matches_resource(pattern: str, resource: str) -> bool:
    """Compare ARNs: a `*` that ends a colon-separated segment may reach beyond the colon, any other may not.

    Source: "IAM JSON policy elements: Resource", IAM User Guide.
    """
    return _resource_glob(pattern).fullmatch(resource) is not None


@lru_cache(maxsize=1024)
def _resource_glob(pattern: str) -> re.Pattern[str]:
    translated = []
    for at, each in enumerate(pattern):
        ends_segment = pattern[at + 1 : at + 2] in ("", ":")
        if each == "*":
            translated.append(".*" if ends_segment else "[^:]*")
        else:
            translated.append("[^:]" if each == "?" else re.escape(each))
    return re.compile("".join(translated), re.DOTALL)
