"""A draft as the YAML file that a person goes on with."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authoring.migration.draft import Draft, Location

_WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""What YAML 1.1 does not read as text."""
_SCHEMA = "# yaml-language-server: $schema=schema.json"


def text_of(draft: Draft, heading: str) -> str:
    """Return the whole file: what is to be known, then the document with a comment above each key that has one."""
    lines = [_SCHEMA, "#", *_comment(heading, ""), "#"]
    for number, note in enumerate(draft.notes, start=1):
        lines += _comment(note, "", f"{number}. ")
    lines.append("")
    lines += _map(draft.document, (), draft.comments, "")
    return "\n".join(lines) + "\n"


def _comment(text: str, indent: str, bullet: str = "") -> list[str]:
    return textwrap.wrap(
        "".join(letter if letter.isprintable() else " " for letter in text),
        _WIDTH,
        initial_indent=f"{indent}# {bullet}",
        subsequent_indent=f"{indent}# {' ' * len(bullet)}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _map(
    document: Mapping[str, object], here: Location, comments: Mapping[Location, str], indent: str
) -> Iterator[str]:
    for key, value in document.items():
        location = (*here, key)
        if location in comments:
            yield from _comment(comments[location], indent)
        yield from _entry(key, value, location, comments, indent)


def _entry(
    key: str, value: object, location: Location, comments: Mapping[Location, str], indent: str
) -> Iterator[str]:
    name = f"{indent}{_scalar(key)}:"
    if isinstance(value, Mapping):
        yield name
        yield from _map(value, location, comments, f"{indent}  ")
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield name
        for place, item in enumerate(value):
            yield from _item(item, (*location, place), comments, f"{indent}  ")
    elif isinstance(value, list):
        yield f"{name} [{', '.join(map(_scalar, value))}]"
    else:
        yield f"{name} {_scalar(value)}"


def _item(
    item: Mapping[str, object], location: Location, comments: Mapping[Location, str], indent: str
) -> Iterator[str]:
    """Yield one item of a list of maps: its dash stands at its first key, below that key's comment."""
    begun = False
    for line in _map(item, location, comments, f"{indent}  "):
        if begun:
            yield line
            continue
        begun = not line.lstrip().startswith("#")
        yield f"{indent}{'- ' if begun else ''}{line.removeprefix(f'{indent}  ')}"


def _scalar(value: object) -> str:
    """Return text that YAML reads as this very value."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    # Escaped one by one: YAML does not read the pairs by which JSON writes what is beyond 16 bits.
    return "".join(
        letter if letter.isprintable() else f"\\U{ord(letter):08x}"
        for letter in json.dumps(value, ensure_ascii=False)
    )
