"""YAML as a person writes it: safely read, every key once, and the line of every value remembered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from authoring.problems import Fault, Location

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Document:
    """What a file says, on which lines, and what is wrong with the writing itself."""

    data: object
    lines: dict[Location, int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def read(text: str) -> Document:
    """Read one YAML document. Faults of the notation are in `faults`; `data` is then what could be read, or None."""
    try:
        loader = yaml.SafeLoader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                return Document(None, faults=(_EMPTY,))
            lines: dict[Location, int] = {}
            if _values(root, {}) > MOST_VALUES:
                return Document(None, faults=(_TOO_MANY,))
            faults = tuple(_walk(root, (), lines))
            return Document(loader.construct_document(root), lines, faults)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        return _unreadable(error)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: a scalar that only looks like a date (2026-02-31) fails in its constructor.
        fault = Fault((), None, f"cannot be read as YAML: {error}", "Correct the file.")
        return Document(None, faults=(fault,))


MOST_VALUES = 200_000
"""More than any configuration has. A short file can say as much as it likes: aliases of lists of aliases."""
_TOO_MANY = Fault(
    (),
    None,
    f"says more than {MOST_VALUES} values, counting those of each alias",
    "Write fewer aliases (*name).",
)
_EMPTY = Fault((), None, "says nothing", "Start from config/minimal.yaml.")


def _unreadable(error: yaml.MarkedYAMLError) -> Document:
    what = " ".join(filter(None, (error.context, error.problem)))
    mark = error.problem_mark or error.context_mark
    where = f" in column {mark.column + 1}" if mark else ""
    fault = Fault((), None, f"cannot be read as YAML{where}: {what}", "Correct the notation there.")
    return Document(None, {(): mark.line + 1} if mark else {}, (fault,))


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node says, those of an alias as often as it is written.

    Args:
        node: what to count.
        known: what was counted before, by the node's identity.
    """
    found = known.get(id(node))
    if found is None:
        inside = node.value if isinstance(node, yaml.CollectionNode) else []
        each = (
            [one for pair in inside for one in pair]
            if isinstance(node, yaml.MappingNode)
            else inside
        )
        found = known[id(node)] = 1 + sum(_values(one, known) for one in each)
    return found


def _walk(node: yaml.Node, location: Location, lines: dict[Location, int]) -> Iterator[Fault]:
    """Note the line of every value, make every key text, and yield the keys that are there twice or were none."""
    lines[location] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _walk(item, (*location, position), lines)
    elif isinstance(node, yaml.MappingNode):
        yield from _walk_mapping(node, location, lines)
    elif node.tag == _NUMBER and not _PLAIN_NUMBER.fullmatch(node.value):
        yield Fault(
            location,
            node.value,
            "is a number that YAML reads as another one (010 as 8, 1:30 as 90)",
            "Write its digits alone, or put it in quotes where it is text.",
        )


_NUMBER = "tag:yaml.org,2002:int"
_PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_QUOTE = "Put it in quotes."


def _walk_mapping(
    node: yaml.MappingNode, location: Location, lines: dict[Location, int]
) -> Iterator[Fault]:
    for key, value in node.value:
        here = (*location, str(key.value))
        if here in lines:
            yield Fault(
                here,
                key.value,
                f"is written twice, first on line {lines[here]} and again on line {key.start_mark.line + 1}",
                "Keep one of them; YAML would silently take the last.",
            )
            continue
        if isinstance(key, yaml.ScalarNode) and key.tag not in (_TEXT, _MERGE):
            key.tag = _TEXT
            yield Fault(here, key.value, "is a key that YAML does not read as text", _QUOTE)
        yield from _walk(value, here, lines)
        lines[here] = key.start_mark.line + 1
