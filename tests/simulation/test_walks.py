"""Random walks: whatever happens to groups, calls, events, functions and queues for hours, the promises hold."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

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
    steps = replayed("scale:chosen:2,fail:launch:crash-after:4,wait:60,reclaim:chosen:0,wait:10")
    assert play(5, steps) == play(5, steps)


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
