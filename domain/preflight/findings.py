"""What a preflight finds, and how a rule says it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

from domain.preflight.observed import CannotTell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")


class Severity(str, Enum):
    """How bad a finding is."""

    ERROR = "error"
    """Nodes will be abandoned, or the VPC CNI will take what is Multus's."""
    WARNING = "warning"
    """It works today and may not tomorrow, or it could not be told."""
    FINE = "fine"


_ORDER = (Severity.ERROR, Severity.WARNING, Severity.FINE)


@dataclass(frozen=True)
class Finding:
    """One answer of the preflight."""

    code: str
    """Stable, kebab-case: the rule."""
    severity: Severity
    auto_scaling_group: str
    """Empty: it concerns the whole file."""
    subject: str
    """The resource that it is about."""
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class Trouble:
    """What a rule has to say against something."""

    severity: Severity
    subject: str
    message: str
    remedy: str


def error(subject: str, message: str, remedy: str) -> Trouble:
    """Return what keeps nodes from coming up."""
    return Trouble(Severity.ERROR, subject, message, remedy)


def warning(subject: str, message: str, remedy: str) -> Trouble:
    """Return what somebody should look at."""
    return Trouble(Severity.WARNING, subject, message, remedy)


@dataclass(frozen=True)
class Rule(Generic[T]):
    """One thing to look at; it finds trouble, or all is fine, or it cannot tell."""

    code: str
    fine: str
    """What is said when there is no trouble."""
    check: Callable[[T], Iterable[Trouble]]

    def findings(self, look: T, group: str, subject: str) -> Iterator[Finding]:
        """Yield the trouble, or one finding that says that there is none; nothing when it could not be told."""
        try:
            troubles = tuple(self.check(look))
        except CannotTell:
            return
        for each in dict.fromkeys(troubles):
            yield Finding(self.code, each.severity, group, each.subject, each.message, each.remedy)
        if not troubles:
            yield Finding(self.code, Severity.FINE, group, subject, self.fine)


def worst(findings: Iterable[Finding]) -> Severity:
    """Return the worst severity there is."""
    return min((each.severity for each in findings), key=_ORDER.index, default=Severity.FINE)


def worst_first(findings: Iterable[Finding]) -> Sequence[Finding]:
    """Return the findings with the worst first, and otherwise in their order."""
    return sorted(findings, key=lambda each: _ORDER.index(each.severity))
