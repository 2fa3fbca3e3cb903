"""The Condition element of a policy: what each operator asks of a request's context.

Source: "IAM JSON policy elements: Condition operators" and "Multivalued context keys", IAM User Guide. What is not
modelled is refused loudly, because a condition that is skipped looks like one that holds.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Context = dict[str, tuple[str, ...]]
"""A request's context: lower-case key (key names, tag keys in them included, ignore case) to its values."""

MODELLED_KEYS = frozenset(
    {
        "aws:principalarn",
        "aws:requestedregion",
        "aws:tagkeys",
        "autoscaling:resourcetag",
        "aws:requesttag",
        "aws:resourcetag",
        "cloudwatch:namespace",
        "events:detail-type",
        "events:source",
        "ec2:availabilityzone",
        "ec2:createaction",
        "ec2:instanceid",
        "ec2:instancetype",
        "ec2:networkinterfaceid",
        "ec2:region",
        "ec2:resourcetag",
        "ec2:securitygroupid",
        "ec2:subnet",
        "ec2:subnetid",
        "ec2:vpc",
    }
)
"""The keys that the account puts into a request's context, without what follows a slash. Absence of another key
would say nothing, so a policy that asks for one is refused."""

TAGGED_SERVICES = frozenset({"ec2", "autoscaling"})
"""The services whose resources' tags are put into a request's context."""

MULTIVALUED_KEYS = frozenset({"aws:tagkeys"})

_POLICY_VARIABLE = re.compile(r"\$\{")
_SET_OPERATORS = ("ForAllValues", "ForAnyValue")


class UnsupportedPolicy(ValueError):
    """A policy that says something this evaluation does not model, or that is no policy at all."""


def matches_glob(pattern: str, text: str) -> bool:
    """Whether the text is one of those that the pattern's `*` and `?` stand for; case matters."""
    return _glob(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(each, re.escape(each)) for each in pattern), re.DOTALL)


def _matches_arn(pattern: str, text: str) -> bool:
    """Compare the six colon-separated parts of two ARNs one by one, each with its wildcards."""
    patterns, parts = pattern.split(":", 5), text.split(":", 5)
    return len(patterns) == len(parts) and all(map(matches_glob, patterns, parts))


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, got: wanted == got,
    "StringEqualsIgnoreCase": lambda wanted, got: wanted.lower() == got.lower(),
    "StringLike": matches_glob,
    "ArnEquals": _matches_arn,
    "ArnLike": _matches_arn,
    "Bool": lambda wanted, got: wanted.lower() == got.lower(),
}
_NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def validate(condition: Mapping[str, Any], services: frozenset[str]) -> None:
    """Check that every operator, key and value of a statement's condition is modelled for its actions' services.

    Raises:
        UnsupportedPolicy: naming what is not.
    """
    for operator, wanted_by_key in condition.items():
        set_operator, name, if_exists = _parts(operator)
        if name == "Null":
            if set_operator or if_exists:
                raise UnsupportedPolicy(f"condition operator {operator} is not modelled")
        elif name not in _COMPARISONS and name not in _NEGATIONS:
            raise UnsupportedPolicy(f"condition operator {operator} is not modelled")
        for key, wanted in wanted_by_key.items():
            _validate_key(key, operator, set_operator, name)
            if key.lower().startswith("aws:resourcetag/") and not services <= TAGGED_SERVICES:
                untagged = ", ".join(sorted(services - TAGGED_SERVICES))
                raise UnsupportedPolicy(f"condition key {key} is not modelled for {untagged}")
            for value in values_of(wanted):
                reject_variables(value)


def _validate_key(key: str, operator: str, set_operator: str, name: str) -> None:
    stem = key.lower().split("/", 1)[0]
    if stem not in MODELLED_KEYS:
        raise UnsupportedPolicy(f"condition key {key} is not modelled")
    if stem in MULTIVALUED_KEYS and not set_operator and name != "Null":
        raise UnsupportedPolicy(
            f"condition key {key} has several values: {operator} needs ForAllValues or ForAnyValue"
        )


def satisfied(condition: Mapping[str, Any], context: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether every operator and every key of a validated Condition element holds in a context."""
    return all(
        _holds(operator, values_of(wanted), context.get(key.lower()))
        for operator, wanted_by_key in condition.items()
        for key, wanted in wanted_by_key.items()
    )


def _holds(operator: str, wanted: tuple[str, ...], got: tuple[str, ...] | None) -> bool:
    set_operator, name, if_exists = _parts(operator)
    if name == "Null":
        return (got is None) == (wanted == ("true",))
    negated = name in _NEGATIONS
    if got is None:
        return _holds_without_key(set_operator, negated=negated, if_exists=if_exists)
    compare = _COMPARISONS[_NEGATIONS.get(name, name)]
    verdicts = (any(compare(each, value) for each in wanted) != negated for value in got)
    return any(verdicts) if set_operator == "ForAnyValue" else all(verdicts)


def _holds_without_key(set_operator: str, *, negated: bool, if_exists: bool) -> bool:
    if set_operator == "ForAllValues" or if_exists:
        return True
    return negated and set_operator != "ForAnyValue"


def _parts(operator: str) -> tuple[str, str, bool]:
    """Return an operator's set operator (or an empty text), its name, and whether it ends in IfExists."""
    set_operator, colon, name = operator.partition(":")
    if not colon:
        set_operator, name = "", operator
    elif set_operator not in _SET_OPERATORS:
        raise UnsupportedPolicy(f"condition operator {operator} is not modelled")
    return set_operator, name.removesuffix("IfExists"), name.endswith("IfExists")


def values_of(value: object) -> tuple[str, ...]:
    """Return what stands where a policy may have one value or a list of them; booleans as AWS writes them."""
    values: Iterable[object] = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(str(each).lower() if isinstance(each, bool) else str(each) for each in values)


def reject_variables(text: str) -> None:
    """Refuse a policy variable: substitution is not modelled, and the text taken literally matches something else."""
    if _POLICY_VARIABLE.search(text):
        raise UnsupportedPolicy(f"policy variables are not modelled: {text}")
