"""A fail-over costs the bare calls and one look."""

from __future__ import annotations

import pytest

from bench import fail_over
from domain.errors import AddressTaken


def test_a_move_takes_one_look_more_than_the_bare_calls() -> None:
    figures = list(fail_over.figures(rounds=2, call_s=0.0))
    calls = [figure for figure in figures if figure.unit == "calls"]
    assert [(figure.measured, figure.floor) for figure in calls] == [(2, 1), (3, 2)]
    assert all(figure.is_met for figure in calls)
    assert [figure.unit for figure in figures] == ["calls", "s", "calls", "s"]


def test_a_move_that_fails_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    with fail_over.two_pods(0.0) as pods:

        def refuse(*_: object, **__: object) -> None:
            raise AddressTaken("in use")

        monkeypatch.setattr(pods.ec2, "assign_ipv4", refuse)
        with pytest.raises(fail_over.NotMovedError, match="in use"):
            pods.move(fail_over.ADDRESSES[4], 0)
