"""Filters of the Describe actions: names with their meaning, values with wildcards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from localaws.ec2 import refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Item = TypeVar("Item")

MAX_VALUES = 200
"""Values per filter (Amazon EC2 User Guide, Filtering considerations)."""


def select(
    items: Iterable[Item],
    filters: Sequence[Mapping[str, Any]],
    values_of: Mapping[str, Callable[[Item], Iterable[str]]],
    tags_of: Callable[[Item], Mapping[str, str]],
) -> list[Item]:
    """Return the items that every filter lets pass; a filter lets an item pass when any of its values matches.

    Args:
        items: what to choose from.
        filters: as in the request: `Name` and `Values`; `*` and `?` are wildcards, a backslash takes that away.
        values_of: filter name → the values an item has for it. `tag:<key>` and `tag-key` need no entry.
        tags_of: an item's tags.

    Raises:
        Refusal: an unknown filter, or too many values in one.
    """
    tests = [_test(each, values_of, tags_of) for each in filters]
    return [item for item in items if all(test(item) for test in tests)]


def _test(
    requested: Mapping[str, Any],
    values_of: Mapping[str, Callable[[Item], Iterable[str]]],
    tags_of: Callable[[Item], Mapping[str, str]],
) -> Callable[[Item], bool]:
    name = str(requested.get("Name", "null"))
    wanted = [str(value) for value in requested.get("Values", ())]
    if len(wanted) > MAX_VALUES:
        raise refusals.TOO_MANY_FILTER_VALUES.refusal(limit=MAX_VALUES)
    values = _values(name, values_of, tags_of)
    matches = _matcher(wanted)
    return lambda item: any(matches(value) for value in values(item))


def _values(
    name: str,
    values_of: Mapping[str, Callable[[Item], Iterable[str]]],
    tags_of: Callable[[Item], Mapping[str, str]],
) -> Callable[[Item], Iterable[str]]:
    if name == "tag-key":
        return tags_of
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")

        def tag_value(item: Item) -> Iterable[str]:
            value = tags_of(item).get(key)
            return () if value is None else (value,)

        return tag_value
    if name not in values_of:
        raise refusals.UNKNOWN_FILTER.refusal(name=name)
    return values_of[name]


def _matcher(wanted: Iterable[str]) -> Callable[[str], bool]:
    exact = {value for value in wanted if not _WILD.search(value)}
    patterns = [re.compile(_regex(value), re.DOTALL) for value in wanted if _WILD.search(value)]
    return lambda value: value in exact or any(each.fullmatch(value) for each in patterns)


_WILD = re.compile(r"[*?\\]")
_PIECES = re.compile(r"\\.|[*?]|[^*?\\]+|\\", re.DOTALL)


def _regex(value: str) -> str:
    def translated(piece: str) -> str:
        if piece in ("*", "?"):
            return ".*" if piece == "*" else "."
        return re.escape(piece[1:] if piece.startswith("\\") and len(piece) > 1 else piece)

    return "".join(translated(piece) for piece in _PIECES.findall(value))
