"""The token buckets, from the request throttling page of the EC2 Developer Guide."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.clock import VirtualClock
from localaws.rules import Refusal
from localaws.throttling import (
    MUTATING,
    NON_MUTATING,
    UNFILTERED,
    Bucket,
    Buckets,
    Rate,
    ec2_bucket,
    throttled,
)

REGION = "us-east-1"
FILTERED: dict[str, Any] = {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def buckets(clock: VirtualClock) -> Buckets:
    return Buckets(clock, autoscaling=Rate(3, 1))


def _burst(
    buckets: Buckets, action: str, params: dict[str, Any] | None = None, service: str = "ec2"
) -> int:
    """Return how many calls pass before the first is refused."""
    for passed in range(10_000):
        try:
            buckets.check(service, REGION, action, params or {})
        except Refusal:
            return passed
    raise AssertionError(f"{action} is never refused")


@pytest.mark.parametrize(
    ("action", "params", "rate"),
    [
        ("CreateNetworkInterface", {}, Rate(100, 5)),
        ("DeleteNetworkInterface", {}, Rate(100, 5)),
        ("ModifyNetworkInterfaceAttribute", {}, Rate(100, 5)),
        ("AttachNetworkInterface", {}, MUTATING),
        ("DetachNetworkInterface", {}, MUTATING),
        ("AssignPrivateIpAddresses", {}, Rate(100, 5)),
        ("UnassignPrivateIpAddresses", {}, Rate(100, 5)),
        ("AssignIpv6Addresses", {}, Rate(100, 5)),
        ("UnassignIpv6Addresses", {}, MUTATING),
        ("CreateTags", {}, Rate(100, 10)),
        ("DeleteTags", {}, Rate(100, 10)),
        ("CreateSubnetCidrReservation", {}, Rate(5, 1)),
        ("RunInstances", {}, Rate(5, 2)),
        ("TerminateInstances", {}, Rate(100, 5)),
        ("DescribeNetworkInterfaces", FILTERED, NON_MUTATING),
        ("DescribeNetworkInterfaces", {"MaxResults": 1000}, NON_MUTATING),
        ("DescribeNetworkInterfaces", {"NextToken": "x"}, NON_MUTATING),
        ("DescribeNetworkInterfaces", {}, UNFILTERED),
        ("DescribeInstances", {"InstanceIds": ["i-1"]}, UNFILTERED),
        ("DescribeInstanceStatus", {}, UNFILTERED),
        ("DescribeSubnets", {}, NON_MUTATING),
        ("GetSubnetCidrReservations", {}, NON_MUTATING),
    ],
)
def test_an_action_has_the_documented_bucket(
    action: str, params: dict[str, Any], rate: Rate
) -> None:
    assert ec2_bucket(action, params)[1] == rate


def test_a_burst_empties_the_bucket_and_it_refills_at_its_rate(
    clock: VirtualClock, buckets: Buckets
) -> None:
    assert _burst(buckets, "CreateNetworkInterface") == 100
    clock.advance(2.0)
    assert _burst(buckets, "CreateNetworkInterface") == 10
    clock.advance(3600.0)
    assert _burst(buckets, "CreateNetworkInterface") == 100


def test_an_empty_bucket_is_refused_as_ec2_says(buckets: Buckets) -> None:
    _burst(buckets, "AttachNetworkInterface")
    with pytest.raises(Refusal, match="Request limit exceeded") as refused:
        buckets.check("ec2", REGION, "AttachNetworkInterface", {})
    assert (refused.value.code, refused.value.status_code) == ("RequestLimitExceeded", 503)


def test_each_action_and_each_region_has_its_own_bucket(buckets: Buckets) -> None:
    _burst(buckets, "AttachNetworkInterface")
    buckets.check("ec2", REGION, "DetachNetworkInterface", {})
    buckets.check("ec2", "eu-west-1", "AttachNetworkInterface", {})


def test_an_unfiltered_describe_leaves_the_larger_bucket_alone(buckets: Buckets) -> None:
    assert _burst(buckets, "DescribeNetworkInterfaces") == 50
    assert _burst(buckets, "DescribeNetworkInterfaces", FILTERED) == 100


def test_instances_are_counted_besides_requests(buckets: Buckets) -> None:
    buckets.check("ec2", REGION, "RunInstances", {"MaxCount": 600})
    with pytest.raises(Refusal):
        buckets.check("ec2", REGION, "RunInstances", {"MaxCount": 600})


def test_terminating_counts_the_instances_named(buckets: Buckets) -> None:
    ids = {"InstanceIds": [f"i-{number}" for number in range(700)]}
    buckets.check("ec2", REGION, "TerminateInstances", ids)
    with pytest.raises(Refusal):
        buckets.check("ec2", REGION, "TerminateInstances", ids)


def test_auto_scaling_has_one_bucket_for_all_its_actions(buckets: Buckets) -> None:
    assert _burst(buckets, "CompleteLifecycleAction", service="autoscaling") == 3
    with pytest.raises(Refusal, match="Rate exceeded") as refused:
        buckets.check("autoscaling", REGION, "DescribeAutoScalingGroups", {})
    assert (refused.value.code, refused.value.status_code) == ("Throttling", 400)


def test_services_without_published_buckets_are_not_refused(buckets: Buckets) -> None:
    for _ in range(1000):
        buckets.check("ssm", REGION, "GetParameter", {})


def test_a_second_tenant_takes_its_share(clock: VirtualClock, buckets: Buckets) -> None:
    _burst(buckets, "CreateNetworkInterface")
    buckets.drain("CreateNetworkInterface", 4)
    clock.advance(10.0)
    assert _burst(buckets, "CreateNetworkInterface") == 10
    buckets.drain("CreateNetworkInterface", 50)
    clock.advance(10.0)
    assert _burst(buckets, "CreateNetworkInterface") == 0
    buckets.drain("CreateNetworkInterface", 0)
    clock.advance(1.0)
    assert _burst(buckets, "CreateNetworkInterface") == 5


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("ec2", "RequestLimitExceeded", 503),
        ("autoscaling", "Throttling", 400),
        ("cloudwatch", "Throttling", 400),
        ("ssm", "ThrottlingException", 400),
        ("sqs", "ThrottlingException", 400),
        ("lambda", "TooManyRequestsException", 429),
    ],
)
def test_each_service_has_its_own_words(service: str, code: str, status: int) -> None:
    assert (throttled(service).code, throttled(service).status) == (code, status)


@given(
    size=st.integers(1, 20),
    refill=st.floats(0.1, 10),
    pauses=st.lists(st.floats(0, 5), max_size=60),
)
def test_no_sequence_of_calls_gets_more_than_the_burst_and_the_refill(
    size: int, refill: float, pauses: list[float]
) -> None:
    bucket = Bucket(Rate(size, refill), 0.0)
    now_s, taken = 0.0, 0
    for pause_s in pauses:
        now_s += pause_s
        taken += bucket.take(now_s)
        assert 0 <= bucket.left(now_s) <= size
    assert taken <= size + refill * now_s + 1e-6


@given(waited_s=st.floats(0, 100))
def test_a_refused_call_costs_nothing(waited_s: float) -> None:
    bucket = Bucket(Rate(5, 1), 0.0)
    assert not bucket.take(0.0, tokens=6)
    assert bucket.left(waited_s) == 5
