"""Whether an EventBridge rule's pattern takes an event of which not everything is known.

Source: Amazon EventBridge User Guide, "Comparison operators for use in event patterns". An operator that is not known
here counts as a match: the rule is then looked at by a person.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ANY = object()
"""The value of a field that the event has, whatever it may be."""

_ABSENT = object()


def may_match(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Return whether the pattern takes the event, or would take it with some value for each `ANY`."""
    return all(_field_may_match(name, wanted, event) for name, wanted in pattern.items())


def _field_may_match(name: str, wanted: Any, event: Mapping[str, Any]) -> bool:  # noqa: ANN401 - JSON
    if name == "$or":
        return any(may_match(alternative, event) for alternative in wanted)
    value = event.get(name, _ABSENT)
    if isinstance(wanted, dict):
        return value is ANY or may_match(wanted, value if isinstance(value, dict) else {})
    return any(_option_may_match(option, value) for option in wanted)


def _option_may_match(option: Any, value: Any) -> bool:  # noqa: ANN401 - JSON
    operator, operand = next(iter(option.items())) if isinstance(option, dict) else ("", option)
    if operator == "exists":
        return (value is not _ABSENT) == bool(operand)
    if value is _ABSENT or value is ANY:
        return value is ANY
    if operator == "anything-but":
        return not any(_is(each, value) for each in _alternatives(operand))
    return _is({operator: operand} if operator else operand, value)


def _alternatives(operand: Any) -> list[Any]:  # noqa: ANN401 - JSON
    """Return what a value must not be: values, or one operator with one value or several."""
    if isinstance(operand, dict):
        operator, inner = next(iter(operand.items()))
        values = inner if isinstance(inner, list) else [inner]
        return [{operator: each} for each in values]
    return list(operand) if isinstance(operand, list) else [operand]


def _is(option: Any, value: str) -> bool:  # noqa: ANN401 - JSON
    if not isinstance(option, dict):
        return bool(option == value)
    operator, operand = next(iter(option.items()))
    if isinstance(operand, dict):
        # As in {"prefix": {"equals-ignore-case": "multus"}}: a comparison within a comparison.
        operand, value = str(operand.get("equals-ignore-case", "")).lower(), value.lower()
    compare = _OPERATORS.get(operator)
    return compare is None or compare(value, str(operand))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "prefix": str.startswith,
    "suffix": str.endswith,
    "equals-ignore-case": lambda value, operand: value.lower() == operand.lower(),
    "wildcard": lambda value, operand: (
        re.fullmatch(".*".join(map(re.escape, operand.split("*"))), value) is not None
    ),
}
