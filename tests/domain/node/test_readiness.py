"""What a run's end means for kubelet and for the launch hook: the whole table."""

from __future__ import annotations

import itertools

import pytest

from domain.node.config import NodeGroup, OnFailure
from domain.node.readiness import HookResult, Reply, Situation, consequence, is_answer, outcome

CONTINUE, ABANDON = HookResult.CONTINUE, HookResult.ABANDON


def group(on_failure: OnFailure, hook: str | None = "fleet-ready") -> NodeGroup:
    return NodeGroup("workers", "asg", (), on_failure=on_failure, ready_hook=hook)


@pytest.mark.parametrize("on_failure", OnFailure)
@pytest.mark.parametrize(
    ("hook", "answer"), [(None, None), ("fleet-ready", CONTINUE)], ids=["no hook", "hook"]
)
def test_a_ready_node_is_let_in(
    on_failure: OnFailure, hook: str | None, answer: HookResult | None
) -> None:
    decided = consequence(group(on_failure, hook), Situation(True, False, None))
    assert (decided.open_gate, decided.answer, decided.reason) == (True, answer, "ready")


@pytest.mark.parametrize(
    ("on_failure", "hook", "opened", "answer", "reason"),
    [
        (OnFailure.HOLD, None, False, None, "kubelet does not start"),
        (OnFailure.HOLD, "h", False, None, "the launch hook h ends with its time-out"),
        (OnFailure.ABANDON, "h", False, ABANDON, "kubelet does not start"),
        (OnFailure.ABANDON, None, False, None, "there is no launch hook to abandon"),
        (OnFailure.CONTINUE, None, True, None, "the group says continue"),
        (OnFailure.CONTINUE, "h", True, CONTINUE, "the group says continue"),
    ],
)
def test_a_node_that_is_not_ready_gets_what_its_group_says(
    on_failure: OnFailure,
    hook: str | None,
    opened: bool,
    answer: HookResult | None,
    reason: str,
) -> None:
    decided = consequence(group(on_failure, hook), Situation(False, False, None))
    assert (decided.open_gate, decided.answer) == (opened, answer)
    assert reason in decided.reason


@pytest.mark.parametrize("on_failure", [OnFailure.HOLD, OnFailure.ABANDON])
def test_a_node_that_was_ready_is_left_alone_when_a_later_run_fails(on_failure: OnFailure) -> None:
    decided = consequence(group(on_failure), Situation(False, True, None))
    assert (decided.open_gate, decided.answer) == (False, None)


def test_a_node_that_is_being_replaced_gets_no_pods_after_all() -> None:
    decided = consequence(group(OnFailure.ABANDON), Situation(True, False, ABANDON))
    assert (decided.open_gate, decided.answer) == (False, None)


def test_what_a_killed_run_left_undone_is_done() -> None:
    decided = consequence(group(OnFailure.HOLD), Situation(True, True, None))
    assert (decided.open_gate, decided.answer) == (False, CONTINUE)


@pytest.mark.parametrize(
    ("on_failure", "succeeded", "gate_open", "answered"),
    list(itertools.product(OnFailure, (True, False), (True, False), (None, CONTINUE, ABANDON))),
)
def test_doing_what_was_decided_leaves_nothing_to_decide(
    on_failure: OnFailure,
    succeeded: bool,
    gate_open: bool,
    answered: HookResult | None,
) -> None:
    once = consequence(group(on_failure), Situation(succeeded, gate_open, answered))
    after = Situation(succeeded, gate_open or once.open_gate, once.answer or answered)
    again = consequence(group(on_failure), after)
    assert (again.open_gate, again.answer) == (False, None)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply.TAKEN, "kubelet does not start, and the node is replaced"),
        (Reply.NO_LAUNCH, "so nobody replaces the node: it is held"),
        (Reply.LOST, "the launch hook fleet-ready is not answered and ends with its time-out"),
        (None, "the launch hook fleet-ready is not answered and ends with its time-out"),
    ],
)
def test_only_who_was_heard_says_that_the_node_is_replaced(reply: Reply | None, said: str) -> None:
    abandoning = group(OnFailure.ABANDON)
    decided = consequence(abandoning, Situation(False, False, None))
    assert outcome(abandoning, decided, reply).endswith(said)


def test_a_node_that_asks_again_whether_a_launch_is_open_says_so() -> None:
    abandoning = group(OnFailure.ABANDON)
    decided = consequence(abandoning, Situation(False, False, None))
    said = outcome(abandoning, decided, Reply.NO_LAUNCH, asks_again=True)
    assert said.endswith("so nobody replaces the node: it is held, and asks again for some minutes")


@pytest.mark.parametrize("reply", [*Reply, None])
def test_a_node_that_is_let_in_is_so_whatever_is_said_to_its_answer(reply: Reply | None) -> None:
    decided = consequence(group(OnFailure.HOLD), Situation(True, False, None))
    assert outcome(group(OnFailure.HOLD), decided, reply) == "ready"


@pytest.mark.parametrize(
    ("result", "reply", "answered"),
    [
        (CONTINUE, Reply.TAKEN, True),
        (CONTINUE, Reply.NO_LAUNCH, True),
        (CONTINUE, Reply.LOST, False),
        (ABANDON, Reply.TAKEN, True),
        (ABANDON, Reply.NO_LAUNCH, False),
        (ABANDON, Reply.LOST, False),
    ],
)
def test_abandon_is_an_answer_only_where_somebody_acts_on_it(
    result: HookResult, reply: Reply, answered: bool
) -> None:
    assert is_answer(result, reply) is answered
