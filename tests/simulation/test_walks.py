"""Random walks: whatever happens to groups, calls, events, functions and queues for hours, the promises hold."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from lambdas.reconcile.executor import Executor
from lambdas.reconcile.launch import LaunchReconciler
from tests.simulation.walks import (
    EVERYTHING,
    FLEET,
    MISHAPS,
    OUTAGES,
    TIME,
    Step,
    again,
    drawn,
    play,
    replayed,
    shortened,
    walking,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

pytestmark = [pytest.mark.simulation, pytest.mark.subprocesses("node")]


def any_of(kind: Mapping[str, tuple[Sequence[str], ...]]) -> st.SearchStrategy[Step]:
    """Return a strategy for one step of a kind."""
    return st.sampled_from(list(kind)).flatmap(
        lambda word: st.tuples(*map(st.sampled_from, kind[word])).map(
            lambda arguments: Step(word, arguments)
        )
    )


class Walks(RuleBasedStateMachine):
    """One walk; what is wrong is told with the command that takes its steps again."""

    seed = 1

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.walk = self._stack.enter_context(walking(self.seed))
        self.taken: list[Step] = []

    def teardown(self) -> None:
        """Let the world settle, and look once more."""
        try:
            self.walk.end()
            self.everything_holds()
        finally:
            self._stack.close()

    def _take(self, step: Step) -> None:
        self.taken.append(step)
        self.walk.take(step)

    @rule(step=any_of(FLEET))
    def change_the_fleet(self, step: Step) -> None:
        """A group grows, shrinks, is replaced, or loses a node."""
        self._take(step)

    @rule(step=any_of(MISHAPS))
    def let_something_go_wrong(self, step: Step) -> None:
        """A call fails, an event goes astray, somebody meddles."""
        self._take(step)

    @rule(step=any_of(OUTAGES))
    def let_something_be_out(self, step: Step) -> None:
        """A function, the queues, EC2's tokens or a zone's addresses are not to be had for minutes."""
        self._take(step)

    @rule(step=any_of(TIME))
    def let_time_pass(self, step: Step) -> None:
        """Whatever is due happens."""
        self._take(step)

    @invariant()
    def everything_holds(self) -> None:
        """Look at what was seen since the last step."""
        assert self.walk.violations == [], again(self.seed, self.taken)


def test_the_promises_hold_whatever_is_done_in_whatever_order() -> None:
    run_machine(
        Walks,
        settings=settings(
            max_examples=4,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("seed", [3, 10])
def test_the_promises_hold_for_hours(seed: int) -> None:
    walked = play(seed, drawn(seed, 1.0))
    assert walked.violations == (), walked.command
    assert walked.launched > 10
    assert walked.hours > 1.5


def test_the_same_seed_and_steps_give_the_same_walk() -> None:
    steps = replayed(
        "scale:chosen:2,fail:launch:any:crash-after:4:1,wait:60,reclaim:chosen:0:10,wait:10"
    )
    assert play(5, steps) == play(5, steps)


LEAKING = "fail:launch:attach:crash-before:1:1,scale:checked:1,reclaim:checked:0:13,wait:60"
"""A node that is gone before the network interface made for it is attached."""


def test_a_product_that_deletes_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert play(1, replayed(LEAKING)).violations == ()
    monkeypatch.setattr(Executor, "delete", lambda _self, _eni_ids: [])
    left = play(1, replayed(LEAKING)).violations
    assert [line for line in left if "is left of" in line]


def test_a_walk_that_fails_is_told_with_the_steps_that_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Executor, "delete", lambda _self, _eni_ids: [])
    failed = play(1, replayed(f"redeploy,lose:change,{LEAKING},repeat:launch:0,wait:10"))
    shorter = shortened(failed, plays=6)
    assert shorter.violations
    assert len(shorter.steps) < len(failed.steps)
    assert replayed(shorter.command.split()[-1].rstrip('"')) == shorter.steps


def test_a_hook_that_nobody_could_answer_is_excused_and_one_that_somebody_could_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = "lose:launch,scale:checked:1,wait:10,throttle:reconcile:20,wait:900,wait:60"
    hindered = play(1, replayed(steps))
    assert hindered.violations == ()
    assert ["launch was left to its time-out" in line for line in hindered.excused] == [True]
    monkeypatch.setattr(LaunchReconciler, "run", lambda *_: [])
    monkeypatch.setattr(LaunchReconciler, "hold", lambda *_: [])
    neglected = play(1, replayed("lose:launch,scale:checked:1,wait:900,wait:60"))
    assert [line for line in neglected.violations if "the reconciler ran at" in line]


def test_nodes_of_a_zone_without_addresses_may_be_abandoned() -> None:
    walked = play(1, replayed("exhaust:0:3,scale:checked:1,scale:chosen:1,wait:60"))
    assert walked.violations == ()
    assert len([line for line in walked.excused if "had no addresses" in line]) >= 2


def test_steps_read_as_they_are_printed() -> None:
    steps = drawn(1, 2.0)
    assert replayed(",".join(map(str, steps))) == steps


@pytest.mark.parametrize("text", ["jump", "scale:checked", "scale:checked:many", "wait:-1"])
def test_what_is_no_step_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text.split(":", maxsplit=1)[0]):
        replayed(text)


def test_a_walk_of_any_length_has_steps_of_every_kind() -> None:
    words = {step.word for seed in range(5) for step in drawn(seed, 6.0)}
    assert words == set(EVERYTHING)
