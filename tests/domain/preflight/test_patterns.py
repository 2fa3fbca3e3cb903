"""Event patterns: which take an event of which not everything is known."""

from __future__ import annotations

from typing import Any

import pytest

from domain.lifecycle import Transition
from domain.preflight.hooks import hook_event
from domain.preflight.patterns import may_match

EVENT = hook_event("MultusEni-example-launch", "telco-workers", Transition.LAUNCHING)
HOOK = "LifecycleHookName"


def detail(**wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"detail": wanted}


TAKES: dict[str, dict[str, Any]] = {
    "nothing is asked": {},
    "a value": {"source": ["aws.ec2", "aws.autoscaling"]},
    "several fields": {
        "source": ["aws.autoscaling"],
        "detail-type": ["EC2 Instance-launch Lifecycle Action"],
    },
    "a nested value": detail(**{HOOK: ["MultusEni-example-launch"]}),
    "a field whose value nobody knows": detail(EC2InstanceId=["i-1"]),
    "an object where nobody knows the value": {"resources": {"inner": ["x"]}},
    "a known field exists": detail(**{HOOK: [{"exists": True}]}),
    "an unknown value exists": detail(EC2InstanceId=[{"exists": True}]),
    "an absent field does not exist": detail(NotificationMetadata=[{"exists": False}]),
    "a prefix": detail(AutoScalingGroupName=[{"prefix": "telco-"}]),
    "a suffix": detail(AutoScalingGroupName=[{"suffix": "-workers"}]),
    "whatever the case": detail(AutoScalingGroupName=[{"equals-ignore-case": "TELCO-workers"}]),
    "a prefix whatever the case": detail(
        AutoScalingGroupName=[{"prefix": {"equals-ignore-case": "TELCO"}}]
    ),
    "a wildcard": detail(AutoScalingGroupName=[{"wildcard": "t*-work*s"}]),
    "not another value": detail(**{HOOK: [{"anything-but": "nth"}]}),
    "none of other values": detail(**{HOOK: [{"anything-but": ["nth", "other"]}]}),
    "not another prefix": detail(**{HOOK: [{"anything-but": {"prefix": "nth"}}]}),
    "none of other prefixes": detail(**{HOOK: [{"anything-but": {"prefix": ["nth", "x"]}}]}),
    "one alternative": {"$or": [{"source": ["aws.ec2"]}, {"source": ["aws.autoscaling"]}]},
    "an operator that came later": detail(**{HOOK: [{"sounds-like": "multus"}]}),
}
LEAVES: dict[str, dict[str, Any]] = {
    "another value": {"source": ["aws.ec2"]},
    "one field of two": {
        "source": ["aws.autoscaling"],
        "detail-type": ["EC2 Instance-terminate Lifecycle Action"],
    },
    "another nested value": detail(**{HOOK: ["nth"]}),
    "an absent field": detail(NotificationMetadata=["nth"]),
    "an absent object": {"detail": {"inner": {"deep": ["x"]}}},
    "a known field does not exist": detail(**{HOOK: [{"exists": False}]}),
    "an unknown value does not exist": detail(EC2InstanceId=[{"exists": False}]),
    "an absent field exists": detail(NotificationMetadata=[{"exists": True}]),
    "another prefix": detail(AutoScalingGroupName=[{"prefix": "web-"}]),
    "another suffix": detail(AutoScalingGroupName=[{"suffix": "-web"}]),
    "another whatever the case": detail(AutoScalingGroupName=[{"equals-ignore-case": "WEB"}]),
    "another wildcard": detail(AutoScalingGroupName=[{"wildcard": "t*-web*"}]),
    "a wildcard is no expression": detail(AutoScalingGroupName=[{"wildcard": "telco.workers"}]),
    "not this value": detail(**{HOOK: [{"anything-but": "MultusEni-example-launch"}]}),
    "not an absent field's value": detail(NotificationMetadata=[{"anything-but": "x"}]),
    "not this prefix": detail(**{HOOK: [{"anything-but": {"prefix": "Multus"}}]}),
    "not this wildcard": detail(**{HOOK: [{"anything-but": {"wildcard": "*-launch"}}]}),
    "no alternative": {"$or": [{"source": ["aws.ec2"]}, {"source": ["aws.health"]}]},
}


@pytest.mark.parametrize("case", TAKES)
def test_it_may_take_the_event(case: str) -> None:
    assert may_match(TAKES[case], EVENT)


@pytest.mark.parametrize("case", LEAVES)
def test_it_leaves_the_event(case: str) -> None:
    assert not may_match(LEAVES[case], EVENT)
