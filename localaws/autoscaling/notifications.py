"""How a group tells that an action waits: the event, and the message to a hook's own target.

Source: Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling event reference" and "Prepare to add a lifecycle
hook to your Auto Scaling group" (the test notification).
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from moto.sns.models import sns_backends
from moto.utilities.arns import parse_arn

from localaws.autoscaling.lifecycle import Transition
from localaws.events.envelope import Occurrence, moment
from localaws.queues.sending import queue_at, send

if TYPE_CHECKING:
    from moto.autoscaling.models import FakeAutoScalingGroup

    from localaws.account import Account
    from localaws.autoscaling.lifecycle import Action, Hook, Member

DETAIL_TYPES = {
    Transition.LAUNCHING: "EC2 Instance-launch Lifecycle Action",
    Transition.TERMINATING: "EC2 Instance-terminate Lifecycle Action",
}


def action_opened(
    account: Account, group: FakeAutoScalingGroup, member: Member, action: Action
) -> None:
    """Emit the event of an opened action, and send it to the hook's target when it has one."""
    detail = {
        "LifecycleActionToken": action.token,
        "AutoScalingGroupName": group.name,
        "LifecycleHookName": action.hook.name,
        "EC2InstanceId": member.instance_id,
        "LifecycleTransition": str(action.hook.transition),
        "Origin": str(member.route.origin),
        "Destination": str(member.route.destination),
    }
    if action.hook.notification_metadata is not None:
        detail["NotificationMetadata"] = action.hook.notification_metadata
    detail_type = DETAIL_TYPES[action.hook.transition]
    occurrence = Occurrence("aws.autoscaling", detail_type, detail, (group.arn,))
    account.events.emit(occurrence, account_id=group.account_id, region=group.region)
    _notify(action.hook, {**_heading(account, group), **detail})


def test_notification(account: Account, group: FakeAutoScalingGroup, hook: Hook) -> None:
    """Send the message with which a new target is tried."""
    body = {
        **_heading(account, group),
        "Event": "autoscaling:TEST_NOTIFICATION",
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
    }
    _notify(hook, body)


def _heading(account: Account, group: FakeAutoScalingGroup) -> dict[str, Any]:
    return {
        "Service": "AWS Auto Scaling",
        "Time": moment(account.clock.now()),
        "AccountId": group.account_id,
        "RequestId": str(uuid.uuid4()),
    }


def _notify(hook: Hook, body: dict[str, Any]) -> None:
    if not hook.notification_target_arn:
        return
    target = parse_arn(hook.notification_target_arn)
    if target.service == "sns":
        backend = sns_backends[target.account][target.region]
        backend.publish(message=json.dumps(body), arn=hook.notification_target_arn)
    elif (queue := queue_at(hook.notification_target_arn)) is not None:
        send(queue, json.dumps(body))
