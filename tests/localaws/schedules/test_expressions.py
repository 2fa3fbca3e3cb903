"""Schedule expressions, from the User Guide's own examples and their edges."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from localaws.schedules.expressions import BadExpression, parse

pytestmark = pytest.mark.localaws


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        pytest.param(
            "at(2026-01-02T03:04:05)", "UTC", "2026-01-01", "2026-01-02T03:04:05", id="at"
        ),
        pytest.param(
            "at(2026-01-02T03:00:00)",
            "Europe/Berlin",
            "2026-01-01",
            "2026-01-02T02:00:00",
            id="at-zone",
        ),
        pytest.param("at(2025-01-01T00:00:00)", "UTC", "2026-01-01", None, id="at-past"),
        pytest.param(
            "rate(5 minutes)", "UTC", "2025-12-31T23:59:59", "2026-01-01", id="rate-at-its-start"
        ),
        pytest.param("rate(5 minutes)", "UTC", "2026-01-01", "2026-01-01T00:05:00", id="rate"),
        pytest.param(
            "rate(1 hour)", "UTC", "2026-01-01T01:30:00", "2026-01-01T02:00:00", id="rate-hour"
        ),
        pytest.param("rate(2 days)", "UTC", "2026-01-01", "2026-01-03", id="rate-days"),
        pytest.param(
            "cron(15 10 * * ? *)",
            "UTC",
            "2026-01-01T10:15:00",
            "2026-01-02T10:15:00",
            id="cron-daily",
        ),
        pytest.param(
            "cron(0/15 * * * ? *)",
            "UTC",
            "2026-01-01T00:00:01",
            "2026-01-01T00:15:00",
            id="cron-step",
        ),
        pytest.param(
            "cron(0 8 1 * ? *)",
            "UTC",
            "2026-01-01T09:00:00",
            "2026-02-01T08:00:00",
            id="cron-monthly",
        ),
        pytest.param(
            "cron(0 9 ? * 2-6 *)",
            "UTC",
            "2026-01-02T09:00:00",
            "2026-01-05T09:00:00",
            id="cron-weekdays",
        ),
        pytest.param("cron(0 0 29 2 ? 2028)", "UTC", "2026-01-01", "2028-02-29", id="cron-year"),
        pytest.param("cron(0 0 1 1 ? 2020)", "UTC", "2026-01-01", None, id="cron-never-again"),
        pytest.param(
            "cron(30 6 * * ? *)",
            "America/New_York",
            "2026-01-01",
            "2026-01-01T11:30:00",
            id="cron-zone",
        ),
    ],
)
def test_a_schedule_fires_next(
    expression: str, zone: str, after: str, expected: str | None
) -> None:
    got = parse(expression, zone).next_s(at(after), at("2026-01-01"))
    assert got == (None if expected is None else at(expected))


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "rate(0 minutes)",
        "rate(5 seconds)",
        "rate(5)",
        "every 5 minutes",
        "at(tomorrow)",
        "cron(0 8 1 * *)",
        "cron(0 8 1 * 2 *)",
        "cron(0 8 ? * ? *)",
        "cron(60 8 * * ? *)",
        "cron(0 8 L * ? *)",
        "cron(0 8 ? * MON *)",
        "cron(0 8 ? * 2#1 *)",
        "cron(5-1 8 * * ? *)",
    ],
)
def test_what_is_not_modelled_is_refused_and_never_misread(expression: str) -> None:
    with pytest.raises(BadExpression):
        parse(expression)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(BadExpression):
        parse("rate(1 minute)", "Mars/Olympus")
