"""Where a fault stands in the authored file, and how it is told to a person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.errors import ConfigInvalid

Location = tuple[str | int, ...]
"""Keys and list positions from the top of the file down to one value."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, before it is known on which line it stands."""

    location: Location
    value: object
    message: str
    remedy: str


@dataclass(frozen=True)
class LocatedProblem(Problem):
    """A problem and the line of the file it is on; a missing key has the line of what lacks it."""

    line: int

    def __str__(self) -> str:
        return f"line {self.line}: {super().__str__()}"


def located(fault: Fault, lines: Mapping[Location, int]) -> LocatedProblem:
    """Return the fault as a problem on the line of its nearest ancestor that is in the file."""
    depth = len(fault.location)
    while depth and fault.location[:depth] not in lines:
        depth -= 1
    return LocatedProblem(
        path=path_of(fault.location),
        value=fault.value,
        message=fault.message,
        remedy=fault.remedy,
        line=lines.get(fault.location[:depth], 1),
    )


def unlocated(fault: Fault) -> Problem:
    """Return the fault as a problem of a file whose lines are no longer known."""
    return Problem(path_of(fault.location), fault.value, fault.message, fault.remedy)


def path_of(location: Location) -> str:
    """Return a location in the notation a person would use: `node_groups[0].interfaces[1].subnets.us-east-1a`."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            path += f".{step}" if path else step
        else:
            path += f"[{step!r}]"
    return path or "(the whole file)"


def report(source: object, invalid: ConfigInvalid) -> str:
    """Return what a person is told of a file that cannot be used: how many problems it has, and each on a line."""
    count = len(invalid.problems)
    lines = [f"{source}: {count} {'problem' if count == 1 else 'problems'}"]
    return "\n".join([*lines, *(f"  {problem}" for problem in invalid.problems)])
