"""What is wrong for long is said now and then, and not at each attempt.

Who is called looks at the last minutes of a log: there has to be a line of what is wrong still, and what came before must not be buried,
or rotated away, under a line for each attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.errors import EniLifecycleError

REPEATED_AFTER_S = 300.0
"""When the same is said once more, if it is still so."""


class Wrong(NamedTuple):
    """Something that is wrong, by what it is about; texts that differ with each attempt play no part."""

    about: tuple[object, ...]
    what: str


def of_error(about: Iterable[object], error: EniLifecycleError) -> Wrong:
    """Return what a failure is, whenever it comes.

    Of a denied call EC2 sends an encoded message about the request (AWS STS API reference, DecodeAuthorizationMessage), another one each
    time: so what came with a code of AWS's is known by that.

    Args:
        about: addresses, or whatever else it is about.
        error: the failure.
    """
    aws_code, operation = error.details.get("aws_code"), error.details.get("operation", "")
    return Wrong(tuple(about), f"{error.code} {operation} {aws_code or error}")


@dataclass(frozen=True)
class Told:
    """What was said, and when, in seconds of one clock that never goes back."""

    at_s: Mapping[Wrong, float] = field(default_factory=dict)

    def is_news(self, wrong: Wrong, now_s: float) -> bool:
        """Return whether it was not said yet, or long ago."""
        return wrong not in self.at_s or self.at_s[wrong] + REPEATED_AFTER_S <= now_s

    def with_said(self, wrong: Wrong, now_s: float) -> Told:
        """Return the same with what is said now; what was said long ago is left out."""
        lately = {each: at_s for each, at_s in self.at_s.items() if at_s + REPEATED_AFTER_S > now_s}
        return Told({**lately, wrong: now_s})

    def without(self, about: Iterable[object]) -> Told:
        """Return the same without what was said about some things: if they go wrong once more, it is news."""
        those = frozenset(about)
        return Told(
            {each: at_s for each, at_s in self.at_s.items() if those.isdisjoint(each.about)}
        )
