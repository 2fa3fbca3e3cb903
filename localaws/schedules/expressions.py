"""Schedule expressions and when they fire (EventBridge Scheduler User Guide, "Schedule types on EventBridge Scheduler").

`at(...)`, `rate(...)`, and of cron the fields made of numbers, `*`, `?`, lists, ranges and steps. Names, L, W and # are
refused loudly: a schedule that fires at the wrong time is worse than none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIT_S = {"minute": 60, "hour": 3600, "day": 86_400}
FIRST_YEAR, LAST_YEAR = 1970, 2199
SEARCHED_DAYS = 366 * 5


class BadExpression(ValueError):
    """The expression is no schedule expression, or one that is not modelled."""


class Expression(Protocol):
    """When a schedule fires."""

    def next_s(self, after_s: float, started_s: float) -> float | None:
        """Return the first time after a moment, for a schedule that started at another; None when there is none."""
        ...


@dataclass(frozen=True)
class At:
    """Once."""

    when_s: float

    def next_s(self, after_s: float, started_s: float) -> float | None:
        """Return the time while it lies ahead."""
        del started_s
        return self.when_s if self.when_s > after_s else None


@dataclass(frozen=True)
class Rate:
    """At the start, and then again and again."""

    period_s: float

    def next_s(self, after_s: float, started_s: float) -> float:
        """Return the first multiple of the period since the start."""
        if after_s < started_s:
            return started_s
        return started_s + ((after_s - started_s) // self.period_s + 1) * self.period_s


@dataclass(frozen=True)
class Cron:
    """At the minutes that six fields name, in a time zone."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    years: frozenset[int]
    zone: ZoneInfo

    def next_s(self, after_s: float, started_s: float) -> float | None:
        """Return the next minute that all fields allow, looking five years ahead."""
        after = datetime.fromtimestamp(max(after_s, started_s - 1), self.zone)
        for offset in range(SEARCHED_DAYS):
            day = after.date() + timedelta(days=offset)
            if not self._allows(day):
                continue
            for moment in self._moments(day):
                if moment > after:
                    return moment.timestamp()
        return None

    def _moments(self, day: date) -> Iterator[datetime]:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                yield datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)

    def _allows(self, day: date) -> bool:
        # Sunday is 1 in a schedule's week.
        weekday = day.isoweekday() % 7 + 1
        return (
            day.year in self.years
            and day.month in self.months
            and (self.days is None or day.day in self.days)
            and (self.weekdays is None or weekday in self.weekdays)
        )


def parse(expression: str, zone_name: str = "UTC") -> Expression:
    """Return what an expression means in a time zone.

    Raises:
        BadExpression: it is not a schedule expression, or not one that is modelled.
    """
    match = re.fullmatch(r"(at|rate|cron)\((.+)\)", expression.strip())
    if match is None:
        raise BadExpression(f"Invalid Schedule Expression {expression}.")
    kind, body = match.group(1), match.group(2).strip()
    try:
        zone = ZoneInfo(zone_name)
        if kind == "at":
            return At(datetime.fromisoformat(body).replace(tzinfo=zone).astimezone(UTC).timestamp())
        return _rate(body) if kind == "rate" else _cron(body, zone)
    except (ValueError, KeyError) as error:
        raise BadExpression(f"Invalid Schedule Expression {expression}. {error}") from error


def _rate(body: str) -> Rate:
    match = re.fullmatch(r"([1-9]\d*) (minute|hour|day)(s?)", body)
    if match is None:
        raise BadExpression("A rate is a positive number and a unit.")
    return Rate(int(match.group(1)) * UNIT_S[match.group(2)])


def _cron(body: str, zone: ZoneInfo) -> Cron:
    fields = body.split()
    if len(fields) != 6:  # noqa: PLR2004 - minutes, hours, day of month, month, day of week, year
        raise BadExpression("A cron expression has six fields.")
    if fields[2] == "?" and fields[4] == "?":
        raise BadExpression("One of day-of-month and day-of-week must name days.")
    if "?" not in (fields[2], fields[4]):
        raise BadExpression("One of day-of-month and day-of-week must be ?.")
    return Cron(
        minutes=_values(fields[0], 0, 59),
        hours=_values(fields[1], 0, 23),
        days=None if fields[2] == "?" else _values(fields[2], 1, 31),
        months=_values(fields[3], 1, 12),
        weekdays=None if fields[4] == "?" else _values(fields[4], 1, 7),
        years=_values(fields[5], FIRST_YEAR, LAST_YEAR),
        zone=zone,
    )


def _values(field: str, low: int, high: int) -> frozenset[int]:
    values: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(\*|\d+)(?:-(\d+))?(?:/([1-9]\d*))?", part)
        if match is None or (match.group(1) == "*" and match.group(2)):
            raise BadExpression(
                f"{part} is not modelled: only numbers, *, lists, ranges and steps are."
            )
        first = low if match.group(1) == "*" else int(match.group(1))
        last = _last(match, first, high)
        if not low <= first <= last <= high:
            raise BadExpression(f"{part} is outside {low}-{high}.")
        values.update(range(first, last + 1, int(match.group(3) or 1)))
    return frozenset(values)


def _last(match: re.Match[str], first: int, high: int) -> int:
    """Return where a part ends: a bare number with a step runs to the end, as `0/15` does."""
    if match.group(2):
        return int(match.group(2))
    return high if match.group(1) == "*" or match.group(3) else first
