"""What the reconcilers rely on in Auto Scaling, held against the fake and the adapter alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain.errors import SpecRejected
from domain.fleet import IN_SERVICE, LAUNCH_WAIT, TERMINATE_WAIT
from domain.lifecycle import LifecycleResult
from domain.model import GroupName, InstanceId, InstanceState, LifecycleActionToken

if TYPE_CHECKING:
    from tests.contract.conftest import Leg, Waiting

pytestmark = pytest.mark.contract

GROUP = GroupName("multus-workers")
LAUNCH_HOOK, TERMINATE_HOOK = "MultusEni-example-launch", "MultusEni-example-terminate"
CONTINUE, ABANDON = LifecycleResult.CONTINUE, LifecycleResult.ABANDON
UNKNOWN = LifecycleActionToken("00000000-0000-4000-8000-ffffffffffff")


def state(leg: Leg, instance_id: InstanceId) -> str | None:
    members = {member.instance_id: member for member in leg.autoscaling.list_members({GROUP})}
    return members[instance_id].lifecycle_state if instance_id in members else None


def complete(
    leg: Leg,
    waiting: Waiting,
    token: LifecycleActionToken | None,
    result: LifecycleResult = CONTINUE,
    hook: str = LAUNCH_HOOK,
) -> bool:
    return leg.autoscaling.complete(GROUP, hook, waiting.instance_id, token, result)


@pytest.mark.parametrize("by_token", [True, False], ids=["by token", "by instance"])
def test_a_launch_that_continues_is_in_service_and_completed_once(leg: Leg, by_token: bool) -> None:
    waiting = leg.launch()
    token = waiting.token if by_token else None
    assert state(leg, waiting.instance_id) in LAUNCH_WAIT
    assert complete(leg, waiting, token)
    leg.clock.wait(1.0)
    assert state(leg, waiting.instance_id) in IN_SERVICE
    assert not complete(leg, waiting, token)
    assert not complete(leg, waiting, token, ABANDON)
    assert state(leg, waiting.instance_id) in IN_SERVICE


def test_an_abandoned_launch_is_terminated(leg: Leg) -> None:
    waiting = leg.launch()
    assert complete(leg, waiting, waiting.token, ABANDON)
    leg.clock.wait(1.0)
    leg.autoscaling.complete(GROUP, TERMINATE_HOOK, waiting.instance_id, None, CONTINUE)
    leg.clock.wait(5.0)
    found = leg.ec2.describe_instances({waiting.instance_id})
    assert found[waiting.instance_id].state is InstanceState.TERMINATED


def test_a_termination_that_continues_ends_the_instance(leg: Leg) -> None:
    waiting = leg.launch()
    complete(leg, waiting, waiting.token)
    leg.clock.wait(1.0)
    leaving = leg.scale_in()
    assert leaving.instance_id == waiting.instance_id
    assert state(leg, leaving.instance_id) in TERMINATE_WAIT
    assert complete(leg, leaving, leaving.token, CONTINUE, TERMINATE_HOOK)
    leg.clock.wait(10.0)
    assert state(leg, leaving.instance_id) is None
    assert not complete(leg, leaving, leaving.token, CONTINUE, TERMINATE_HOOK)


def test_a_token_that_nobody_gave_is_no_open_action(leg: Leg) -> None:
    waiting = leg.launch()
    assert not complete(leg, waiting, UNKNOWN)
    assert state(leg, waiting.instance_id) in LAUNCH_WAIT


def test_an_instance_that_waits_in_no_hook_is_no_open_action(leg: Leg) -> None:
    stranger = leg.run_instance()
    assert not leg.autoscaling.complete(GROUP, LAUNCH_HOOK, stranger, None, CONTINUE)
    assert not leg.autoscaling.heartbeat(GROUP, LAUNCH_HOOK, stranger, None)


def test_a_heartbeat_is_taken_while_the_action_is_open(leg: Leg) -> None:
    waiting = leg.launch()
    for token in (waiting.token, None):
        assert leg.autoscaling.heartbeat(GROUP, LAUNCH_HOOK, waiting.instance_id, token)
    complete(leg, waiting, waiting.token)
    assert not leg.autoscaling.heartbeat(GROUP, LAUNCH_HOOK, waiting.instance_id, waiting.token)


def test_an_unknown_group_is_refused(leg: Leg) -> None:
    waiting = leg.launch()
    with pytest.raises(SpecRejected):
        leg.autoscaling.complete(
            GroupName("another"), LAUNCH_HOOK, waiting.instance_id, waiting.token, CONTINUE
        )


def test_members_are_listed_with_their_groups(leg: Leg) -> None:
    waiting = leg.launch()
    (member,) = leg.autoscaling.list_members({GROUP, GroupName("another")})
    assert (member.instance_id, member.group_name) == (waiting.instance_id, GROUP)
    assert list(leg.autoscaling.list_members({GroupName("another")})) == []
    assert list(leg.autoscaling.list_members(set())) == []
