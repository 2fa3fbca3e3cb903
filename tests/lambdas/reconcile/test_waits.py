"""Waiting nodes, as an execution environment remembers them."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

from domain.fleet import Wait
from domain.model import InstanceId, Member
from lambdas.reconcile.waits import Waits

if TYPE_CHECKING:
    from domain.model import Instance
    from tests.fakes.builders import Builders


class Case:
    """One instance, launched an hour before the first look."""

    def __init__(self, build: Builders) -> None:
        self.waits = Waits()
        self.instance = build.instance()
        self._group = build.group_name
        self._first = build.launched_at + timedelta(hours=1)

    def look(
        self, at_s: float, state: str = "Pending:Wait", instance: Instance | None = None
    ) -> Wait:
        """Look so long after the first look and return what is told of the instance."""
        shown = instance or self.instance
        member = Member(shown.instance_id, self._group, state)
        (wait,) = self.waits.look([(member, shown)], self._first + timedelta(seconds=at_s))
        return wait

    def look_without_its_instance(self, at_s: float) -> Wait:
        """Look while EC2 does not show the instance that Auto Scaling says waits."""
        member = Member(self.instance.instance_id, self._group, "Pending:Wait")
        (wait,) = self.waits.look([(member, None)], self._first + timedelta(seconds=at_s))
        return wait

    def look_at_nobody(self, at_s: float) -> None:
        """Look while nobody waits."""
        assert self.waits.look([], self._first + timedelta(seconds=at_s)) == []

    def restarted(self, at_s: float, *instance_ids: InstanceId) -> None:
        """Restart the timers of hooks."""
        self.waits.restarted(instance_ids, self._first + timedelta(seconds=at_s))


def told(at_least_s: float, at_most_s: float, since_restart_s: float | None = None) -> Wait:
    restarted = None if since_restart_s is None else timedelta(seconds=since_restart_s)
    return Wait(timedelta(seconds=at_least_s), timedelta(seconds=at_most_s), restarted)


def test_a_new_environment_knows_no_more_than_the_launch(build: Builders) -> None:
    case = Case(build)
    assert case.look(0) == told(0, 3600)
    assert case.look(300) == told(300, 3900)


def test_whoever_did_not_wait_at_the_last_look_began_after_it(build: Builders) -> None:
    case = Case(build)
    case.look_at_nobody(0)
    assert case.look(300) == told(0, 300)
    assert case.look(600) == told(300, 600)


def test_an_instance_launched_since_the_last_look_began_with_its_launch(build: Builders) -> None:
    case = Case(build)
    case.look_at_nobody(-7200)
    assert case.look(0) == told(0, 3600)


def test_each_wait_of_one_instance_counts_by_itself(build: Builders) -> None:
    case = Case(build)
    case.look(0, "Warmed:Pending:Wait")
    assert case.look(300) == told(0, 300)
    started = dataclasses.replace(
        case.instance, launched_at=case.instance.launched_at + timedelta(seconds=4050)
    )
    assert case.look(600, instance=started) == told(0, 150)
    case.look_at_nobody(900)
    assert case.look(1200, instance=started) == told(0, 300)


def test_a_restart_is_remembered_for_as_long_as_the_wait(build: Builders) -> None:
    case = Case(build)
    case.look(0)
    case.restarted(10, case.instance.instance_id, InstanceId("i-other"))
    assert case.look(300) == told(300, 3900, 290)
    case.look_at_nobody(600)
    assert case.look(900) == told(0, 300)


def test_a_look_that_misses_the_instance_does_not_begin_the_wait_anew(build: Builders) -> None:
    case = Case(build)
    case.look(0)
    case.restarted(10, case.instance.instance_id)
    assert case.look_without_its_instance(150) == told(150, 3750, 140)
    assert case.look(300) == told(300, 3900, 290)


def test_an_instance_shown_late_has_waited_since_its_launch_at_most(build: Builders) -> None:
    case = Case(build)
    assert case.look_without_its_instance(0) == told(0, 0)
    assert case.look(300) == told(300, 3900)
