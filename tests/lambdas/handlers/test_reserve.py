"""The reserve handler: one request in, one answer out, whatever happens between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import pytest

from cli.rehearsal import SerialWorkers
from domain import naming
from domain.config import to_json
from domain.environment import FunctionEnvironment
from domain.errors import EventRejected, RangeTaken, ServiceFault
from domain.model import SubnetId
from lambdas.handlers import reserve
from lambdas.reconcile.reservations import ReservationKeeper
from lambdas.runtime.wiring import RESERVE, Runtime, build
from tests.fakes.builders import OWNER, Builders
from tests.fakes.calls import PortCalls
from tests.fakes.clock import FakeClock
from tests.fakes.reservations import FakeReservations
from tests.fakes.stack_requests import CIDR, SUBNETS, stack_request

if TYPE_CHECKING:
    from pathlib import Path

    from domain.stack_request import StackAnswer, StackRequest

TIMEOUT_S = 120


class Context:
    """What Lambda passes: how long the invocation may still run."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the whole time."""
        return TIMEOUT_S * 1000


@dataclass
class Answers:
    """Where CloudFormation waits."""

    sent: list[StackAnswer] = field(default_factory=list)
    fault: ServiceFault | None = None

    def send(self, _request: StackRequest, answer: StackAnswer) -> None:
        """Keep an answer, or refuse it."""
        if self.fault is not None:
            raise self.fault
        self.sent.append(answer)


class Case:
    """A runtime whose EC2 and CloudFormation are fakes."""

    def __init__(self, runtime: Runtime, clock: FakeClock) -> None:
        self.clock = clock
        self.calls = PortCalls()
        self.ec2 = FakeReservations(self.calls)
        self.ec2.add_subnet(SubnetId(SUBNETS[0]), "10.0.48.0/22")
        self.answers = Answers()
        self.runtime = runtime
        self.keeper = ReservationKeeper(owner=OWNER, ec2=self.ec2, clock=clock)
        # In the place of what the properties would make.
        vars(runtime).update(reservations=self.keeper, stack_answers=self.answers)

    def run(self, event: dict[str, object]) -> dict[str, object]:
        return reserve.handle(event, Context(), self.runtime)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    environment = FunctionEnvironment(
        owner=OWNER,
        launch_hook="launch",
        terminate_hook="terminate",
        heartbeat_timeout_s=900,
        launch_queue_url="https://sqs/launch",
        terminate_queue_url="https://sqs/terminate",
        orphan_min_age_s=900,
        max_deletions=50,
        max_adoptions=50,
        dry_run=False,
    )
    (tmp_path / naming.CONFIG_FILE).write_text(to_json(Builders().config()))
    clock = FakeClock()
    environ = environment.to_environ() | {"LAMBDA_TASK_ROOT": str(tmp_path)}
    return Case(build(environ, clock, SerialWorkers()), clock)


def test_what_is_done_is_answered(case: Case) -> None:
    answered = case.run(stack_request("Create"))
    (answer,) = case.answers.sent
    assert answered == {"physical_id": f"{SUBNETS[0]}/{CIDR}", "reason": "done"}
    assert (answer.physical_id, answer.error) == (f"{SUBNETS[0]}/{CIDR}", None)
    assert case.ec2.kept == [(SUBNETS[0], CIDR)]


def test_what_is_refused_is_answered_and_not_run_again(case: Case) -> None:
    case.ec2.add(SubnetId(SUBNETS[0]), CIDR, "explicit", {})
    answered = case.run(stack_request("Create"))
    assert isinstance(case.answers.sent[0].error, RangeTaken)
    assert str(answered["reason"]).startswith("range-taken: ")


def test_a_defect_is_answered_and_not_run_again(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> NoReturn:
        raise KeyError("SubnetId")

    monkeypatch.setattr(case.keeper, "work", broken)
    answered = case.run(stack_request("Delete"))
    assert answered["reason"] == "invariant-broken: KeyError: 'SubnetId'"
    assert len(case.answers.sent) == 1


def test_an_answer_that_is_not_taken_has_lambda_run_the_request_again(case: Case) -> None:
    case.answers.fault = ServiceFault("HTTP status 503")
    with pytest.raises(ServiceFault):
        case.run(stack_request("Create"))
    case.answers.fault = None
    case.run(stack_request("Create"))
    assert case.answers.sent[0].error is None
    assert case.ec2.kept == [(SUBNETS[0], CIDR)]


def test_what_never_passes_is_answered_while_the_function_still_runs(case: Case) -> None:
    case.calls.fail("subnets", ServiceFault("EC2 is down"), times=1000)
    begin = case.clock.now()
    case.run(stack_request("Delete"))
    assert (case.clock.now() - begin).total_seconds() <= TIMEOUT_S - RESERVE.total_seconds()
    assert isinstance(case.answers.sent[0].error, ServiceFault)


def test_an_event_that_nobody_waits_for_is_rejected(case: Case) -> None:
    with pytest.raises(EventRejected):
        case.run({"Records": []})
    assert case.answers.sent == []
