"""Pod ranges are kept and let go, whatever a run finds and wherever it ends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from domain import tags
from domain.errors import AccessDenied, RangeInUse, RangeTaken, ServiceFault, Throttled
from domain.model import SubnetId
from domain.stack_request import NOTHING_MADE, parse_request
from lambdas.reconcile.reservations import LONGEST_PAUSE_S, ReservationKeeper
from tests.fakes.builders import OWNER
from tests.fakes.calls import Killed, PortCalls
from tests.fakes.clock import FakeClock
from tests.fakes.reservations import FakeReservations
from tests.fakes.stack_requests import CIDR, SUBNETS, stack_request

if TYPE_CHECKING:
    from domain.stack_request import StackAnswer

A, B = map(SubnetId, SUBNETS)
KNOWN = f"{A}/{CIDR}"
TIME = timedelta(seconds=105)


class Case:
    """A keeper, and two subnets of which the first has the range."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.calls = PortCalls()
        self.ec2 = FakeReservations(self.calls)
        self.ec2.add_subnet(A, "10.0.48.0/22", "2001:db8:0:1::/64")
        self.ec2.add_subnet(B, "10.0.52.0/22")
        self.keeper = ReservationKeeper(owner=OWNER, ec2=self.ec2, clock=self.clock)

    def ask(self, kind: str, cidr: str = CIDR, **changes: Any) -> StackAnswer:  # noqa: ANN401 - the fields of a request
        request = parse_request(stack_request(kind, cidr, **changes))
        return self.keeper.work(request, self.clock.now() + TIME)


@pytest.fixture
def case() -> Case:
    return Case()


@pytest.mark.parametrize(
    ("cidr", "subnet_id"), [(CIDR, A), ("10.0.53.0/24", B), ("2001:db8:0:1:8000::/65", A)]
)
def test_a_range_is_kept_in_the_subnet_that_has_it(
    case: Case, cidr: str, subnet_id: SubnetId
) -> None:
    answer = case.ask("Create", cidr)
    assert (answer.physical_id, answer.error) == (f"{subnet_id}/{cidr}", None)
    assert case.ec2.kept == [(subnet_id, cidr)]
    (made,) = case.ec2.reservations(subnet_id)
    assert (made.kind, made.tags[tags.OWNER]) == ("explicit", OWNER)


def test_a_request_that_comes_twice_makes_one_reservation(case: Case) -> None:
    assert case.ask("Create") == case.ask("Create")
    assert case.ec2.kept == [(A, CIDR)]
    assert case.calls.counts["reserve"] == 1


def test_two_runs_at_once_make_one_reservation(case: Case) -> None:
    """The other one's is not shown yet when this one looks, and refuses it."""
    case.ask("Create")
    case.ec2.looks_to_miss = 1
    answer = case.ask("Create")
    assert (answer.physical_id, answer.error) == (KNOWN, None)
    assert case.ec2.kept == [(A, CIDR)]


def test_a_range_that_an_update_had_to_leave_is_taken_over(case: Case) -> None:
    case.ask("Create")
    case.ec2.take(A, "eni-1", "10.0.49.7")
    assert isinstance(case.ask("Delete").error, RangeInUse)
    assert case.ask("Create").error is None
    assert case.ec2.kept == [(A, CIDR)]


def test_somebody_elses_reservation_is_refused_and_stays(case: Case) -> None:
    case.ec2.add(A, "10.0.49.128/25", "explicit", {})
    answer = case.ask("Create")
    assert isinstance(answer.error, RangeTaken)
    assert answer.physical_id == NOTHING_MADE
    assert case.ask("Delete", PhysicalResourceId=answer.physical_id).error is None
    assert case.ec2.kept == [(A, "10.0.49.128/25")]


def test_the_very_same_range_of_another_stack_is_neither_taken_over_nor_deleted(case: Case) -> None:
    case.ec2.add(A, CIDR, "explicit", {tags.OWNER: "MultusEni-other"})
    assert isinstance(case.ask("Create").error, RangeTaken)
    assert case.ask("Delete").error is None
    assert case.ec2.kept == [(A, CIDR)]


def test_a_range_in_another_subnet_is_another_resource(case: Case) -> None:
    case.ask("Create")
    case.ec2.remove_subnet(A)
    case.ec2.add_subnet(A, "10.1.0.0/22")
    case.ec2.add_subnet(SubnetId("subnet-c"), "10.0.48.0/22")
    properties = {"Cidr": CIDR, "SubnetIds": [A, "subnet-c"]}
    answer = case.ask("Update", PhysicalResourceId=KNOWN, ResourceProperties=properties)
    assert answer.physical_id == f"subnet-c/{CIDR}"


def test_an_update_that_fails_stays_what_it_was(case: Case) -> None:
    case.ec2.add(A, CIDR, "prefix", {})
    answer = case.ask("Update")
    assert isinstance(answer.error, RangeTaken)
    assert answer.physical_id == f"{A}/10.0.48.0/24"


def test_a_reservation_that_nobody_uses_is_deleted_once(case: Case) -> None:
    case.ask("Create")
    case.ec2.take(A, "eni-1", "10.0.48.7")
    assert case.ask("Delete").error is None
    assert case.ask("Delete").error is None
    assert case.ec2.kept == []
    assert case.calls.counts["release"] == 1


def test_a_reservation_in_use_is_kept_until_nobody_uses_it(case: Case) -> None:
    case.ask("Create")
    case.ec2.take(A, "eni-1", "10.0.48.7", "10.0.49.7")
    refused = case.ask("Delete")
    assert "eni-1 (10.0.49.7)" in refused.reason
    assert refused.physical_id == KNOWN
    assert case.ec2.kept == [(A, CIDR)]
    case.ec2.leave(A)
    assert case.ask("Delete").error is None
    assert case.ec2.kept == []


def test_what_went_with_its_subnet_is_gone(case: Case) -> None:
    case.ask("Create")
    case.ec2.remove_subnet(A)
    assert case.ask("Delete").error is None


@pytest.mark.parametrize("known_as", [NOTHING_MADE, "MultusEni-example-Range-1A2B3C4D5E6F"])
def test_a_creation_that_failed_or_was_never_answered_leaves_nothing(
    case: Case, known_as: str
) -> None:
    case.ask("Create")
    answer = case.ask("Delete", PhysicalResourceId=known_as)
    assert (answer.physical_id, answer.error) == (known_as, None)
    assert case.ec2.kept == []


@pytest.mark.parametrize("method", ["subnets", "reservations", "reserve"])
def test_what_passes_by_itself_is_tried_again_in_the_same_run(case: Case, method: str) -> None:
    case.calls.fail(method, Throttled("slow down"), times=3)
    assert case.ask("Create").error is None
    assert case.clock.waits == [1, 2, 4]


def test_a_lost_answer_of_ec2s_is_found_out(case: Case) -> None:
    case.calls.fail("reserve", ServiceFault("no answer"), after=True)
    assert case.ask("Create").error is None
    assert case.ec2.kept == [(A, CIDR)]


def test_a_run_answers_before_its_time_is_over(case: Case) -> None:
    case.calls.fail("subnets", Throttled("slow down"), times=1000)
    begin = case.clock.now()
    assert isinstance(case.ask("Create").error, Throttled)
    assert begin + TIME - timedelta(seconds=LONGEST_PAUSE_S) <= case.clock.now() <= begin + TIME


def test_what_will_not_pass_is_answered_at_once(case: Case) -> None:
    case.calls.fail("reserve", AccessDenied("no"))
    assert isinstance(case.ask("Create").error, AccessDenied)
    assert case.clock.waits == []


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("kind", ["Create", "Delete"])
def test_a_run_that_ends_anywhere_is_finished_by_the_next(kind: str, after: bool) -> None:
    for place in range(1, 6):
        case = Case()
        if kind == "Delete":
            case.ask("Create")
        case.calls.kill_at(place, after=after)
        try:
            case.ask(kind)
        except Killed:
            assert case.ask(kind).error is None
        case.calls.mend()
        assert case.ec2.kept == ([(A, CIDR)] if kind == "Create" else [])
