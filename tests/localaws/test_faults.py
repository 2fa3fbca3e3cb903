"""Failures on purpose: which calls they hit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from localaws.faults import ANY, CallerCrashed, Fault, FaultKind, Faults

if TYPE_CHECKING:
    from collections.abc import Mapping


def _hit(faults: Faults, number: int, **facts: object) -> tuple[Fault, ...]:
    given: dict[str, Any] = {
        "service": "ec2",
        "action": "CreateNetworkInterface",
        "principal": "role",
        "params": {},
    }
    return faults.hitting(number, **{**given, **facts})


@pytest.mark.parametrize(
    ("on_call", "times", "hit"),
    [
        (1, 1, [1]),
        (2, 1, [2]),
        (2, 3, [2, 3, 4]),
        (3, None, [3, 4, 5, 6]),
        (1, None, [1, 2, 3, 4, 5, 6]),
        (9, 1, []),
    ],
    ids=["first", "second", "a range", "from the third on", "every", "never reached"],
)
def test_a_fault_hits_the_calls_it_names(on_call: int, times: int | None, hit: list[int]) -> None:
    faults = Faults()
    injected = faults.inject(
        Fault("CreateNetworkInterface", FaultKind.THROTTLE, on_call=on_call, times=times)
    )
    hits = [number for number in range(1, 7) if _hit(faults, number)]
    assert hits == hit
    assert injected.fired == hit
    assert injected.seen == 6


@pytest.mark.parametrize(
    ("narrowing", "other"),
    [
        ({}, {"action": "DeleteNetworkInterface"}),
        ({"service": "ec2"}, {"service": "lambda"}),
        ({"principal": "role"}, {"principal": "another role"}),
        ({"when": lambda params: params.get("SubnetId") == "a"}, {"params": {"SubnetId": "b"}}),
    ],
    ids=["action", "service", "principal", "parameters"],
)
def test_calls_that_do_not_match_are_not_counted(
    narrowing: Mapping[str, Any], other: Mapping[str, Any]
) -> None:
    faults = Faults()
    fault = Fault("CreateNetworkInterface", FaultKind.TIMEOUT, on_call=2, **narrowing)
    faults.inject(fault)
    mine = {"params": {"SubnetId": "a"}}
    assert _hit(faults, 1, **mine) == ()
    assert _hit(faults, 2, **{**mine, **other}) == ()
    assert _hit(faults, 3, **mine) == (fault,)


def test_several_faults_count_on_their_own_and_may_hit_one_call() -> None:
    faults = Faults()
    first = Fault("CreateNetworkInterface", FaultKind.THROTTLE)
    second = Fault("CreateNetworkInterface", FaultKind.LOST_ANSWER, times=2)
    faults.inject(first)
    faults.inject(second)
    assert _hit(faults, 1) == (first, second)
    assert _hit(faults, 2) == (second,)


def test_calls_are_counted_from_the_injection_on() -> None:
    faults = Faults()
    _hit(faults, 1)
    faults.inject(Fault("CreateNetworkInterface", FaultKind.ERROR))
    assert _hit(faults, 2)


def test_cleared_faults_hit_nothing() -> None:
    faults = Faults()
    faults.inject(Fault("CreateNetworkInterface", FaultKind.ERROR, times=None))
    faults.clear()
    assert _hit(faults, 1) == ()


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        (FaultKind.THROTTLE, False),
        (FaultKind.ERROR, False),
        (FaultKind.TIMEOUT, False),
        (FaultKind.CRASH_BEFORE, False),
        (FaultKind.LOST_ANSWER, True),
        (FaultKind.CRASH_AFTER, True),
    ],
)
def test_a_kind_knows_whether_the_call_takes_effect(kind: FaultKind, after: bool) -> None:
    assert kind.is_after is after


def test_no_broad_except_survives_a_crash() -> None:
    assert not issubclass(CallerCrashed, Exception)


def test_a_fault_may_count_the_calls_of_every_action() -> None:
    faults = Faults()
    faults.inject(Fault(ANY, FaultKind.THROTTLE, on_call=2, principal="role"))
    assert not _hit(faults, 1, action="DescribeInstances")
    assert not _hit(faults, 2, action="DescribeInstances", principal="another role")
    assert _hit(faults, 3, action="DeleteNetworkInterface")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InternalError", 500),
        ("Unavailable", 503),
        ("SlowDown", 503),
        ("InsufficientFreeAddressesInSubnet", 400),
        ("UnauthorizedOperation", 400),
    ],
)
def test_an_error_has_the_status_of_its_code(code: str, status: int) -> None:
    # EC2 API Reference, "Error codes": client errors are 4xx, server errors 5xx.
    assert Fault("CreateNetworkInterface", FaultKind.ERROR, code=code).status == status
