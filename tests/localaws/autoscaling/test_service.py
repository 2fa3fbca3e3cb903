"""Groups over boto3 in virtual time, from the documents."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.localaws.autoscaling.test_launching import mixed

if TYPE_CHECKING:
    from collections.abc import Callable

    from localaws.account import Settings
    from tests.localaws.autoscaling.conftest import Group

    Refused = Callable[[Callable[[], object]], str]

pytestmark = pytest.mark.localaws

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
ALL_SPOT = mixed(OnDemandPercentageAboveBaseCapacity=0)


class TestLaunch:
    def test_instances_enter_service_when_ec2_says_running(self, group: Group) -> None:
        group.create(DesiredCapacity=2)
        assert group.states() == {"Pending": 2}
        group.clock.advance(1)
        assert group.states() == {"InService": 2}
        assert group.activities()[0]["StatusCode"] == "Successful"

    def test_instances_are_spread_over_the_zones(self, group: Group) -> None:
        group.create(DesiredCapacity=3)
        group.scale(4)
        zones = Counter(each["AvailabilityZone"] for each in group.shown()["Instances"])
        assert zones == {"us-east-1a": 2, "us-east-1b": 2}
        subnets = Counter(
            instance["SubnetId"]
            for reservation in group.ec2.describe_instances()["Reservations"]
            for instance in reservation["Instances"]
        )
        assert subnets == dict.fromkeys(group.subnets, 2)

    def test_instances_carry_the_tag_of_their_group(self, group: Group) -> None:
        group.create(
            DesiredCapacity=1,
            Tags=[{"Key": "role", "Value": "upf", "PropagateAtLaunch": True}],
        )
        instance = group.ec2.describe_instances()["Reservations"][0]["Instances"][0]
        tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        assert tags["aws:autoscaling:groupName"] == "workers"
        assert tags["role"] == "upf"

    def test_an_inline_hook_holds_the_very_first_instance(self, group: Group) -> None:
        group.create(
            DesiredCapacity=1,
            LifecycleHookSpecificationList=[
                {
                    "LifecycleHookName": "launch",
                    "LifecycleTransition": LAUNCHING,
                    "NotificationMetadata": "for the node",
                }
            ],
        )
        assert group.states() == {"Pending:Wait": 1}
        [event] = group.events()
        assert event == {
            "version": "0",
            "id": event["id"],
            "detail-type": "EC2 Instance-launch Lifecycle Action",
            "source": "aws.autoscaling",
            "account": "123456789012",
            "time": "2026-01-01T00:00:00Z",
            "region": "us-east-1",
            "resources": [group.shown()["AutoScalingGroupARN"]],
            "detail": {
                "LifecycleActionToken": event["detail"]["LifecycleActionToken"],
                "AutoScalingGroupName": "workers",
                "LifecycleHookName": "launch",
                "EC2InstanceId": group.ids()[0],
                "LifecycleTransition": LAUNCHING,
                "NotificationMetadata": "for the node",
                "Origin": "EC2",
                "Destination": "AutoScalingGroup",
            },
        }
        assert len(event["detail"]["LifecycleActionToken"]) == 36

    def test_a_hook_put_later_does_not_hold_instances_that_are_there(self, group: Group) -> None:
        group.create(DesiredCapacity=1)
        group.hook()
        group.clock.advance(1)
        assert group.states() == {"InService": 1}
        assert group.events() == []

    def test_continue_before_running_leaves_it_proceeding(self, group: Group) -> None:
        group.create()
        group.hook()
        group.scale(1)
        group.answer(group.events()[0])
        assert group.states() == {"Pending:Proceed": 1}
        group.clock.advance(1)
        assert group.states() == {"InService": 1}

    def test_every_hook_must_be_completed(self, group: Group) -> None:
        group.create()
        group.hook("one")
        group.hook("two")
        group.scale(1)
        group.clock.advance(1)
        group.answer(group.events("one")[0])
        assert group.states() == {"Pending:Wait": 1}
        group.answer(group.events("two")[0])
        assert group.states() == {"InService": 1}

    def test_a_hook_may_open_later_than_the_launch(self, group: Group, settings: Settings) -> None:
        settings.hook_opens_s = 0.5
        group.create()
        group.hook()
        group.scale(1)
        assert group.states() == {"Pending": 1}
        group.clock.advance(1)
        assert group.states() == {"Pending:Wait": 1}

    def test_an_instance_that_runs_before_its_hook_opens_waits_for_it(
        self, group: Group, settings: Settings
    ) -> None:
        settings.hook_opens_s = settings.launch_s + 5
        group.create()
        group.hook()
        group.scale(1)
        group.clock.advance(settings.launch_s + 1)
        assert group.states() == {"Pending": 1}
        group.clock.advance(5)
        assert group.states() == {"Pending:Wait": 1}

    def test_a_launch_that_ec2_refuses_fails_and_is_tried_again(self, group: Group) -> None:
        group.create()
        vpc = group.ec2.describe_subnets(SubnetIds=group.subnets)["Subnets"][0]["VpcId"]
        tiny = group.ec2.create_subnet(
            VpcId=vpc, CidrBlock="10.0.9.0/28", AvailabilityZone="us-east-1a"
        )["Subnet"]["SubnetId"]
        held = [group.ec2.create_network_interface(SubnetId=tiny) for _ in range(11)]
        group.api.update_auto_scaling_group(AutoScalingGroupName="workers", VPCZoneIdentifier=tiny)
        group.scale(1)
        assert group.states() == {}
        assert group.activities()[0]["StatusCode"] == "Failed"
        assert "InsufficientFreeAddressesInSubnet" in group.activities()[0]["StatusMessage"]
        group.clock.advance(1)
        group.ec2.delete_network_interface(
            NetworkInterfaceId=held[0]["NetworkInterface"]["NetworkInterfaceId"]
        )
        group.clock.advance(20)
        assert group.states() == {"InService": 1}


class TestAnswers:
    def test_an_action_can_be_completed_by_its_instance(self, group: Group) -> None:
        group.create()
        group.hook()
        group.scale(1)
        group.clock.advance(1)
        group.api.complete_lifecycle_action(
            AutoScalingGroupName=group.shown()["AutoScalingGroupARN"],
            LifecycleHookName="launch",
            InstanceId=group.ids()[0],
            LifecycleActionResult="CONTINUE",
        )
        assert group.states() == {"InService": 1}

    def test_a_completed_action_is_no_longer_there(self, group: Group, refused: Refused) -> None:
        group.create()
        group.hook()
        group.scale(1)
        [event] = group.events()
        group.answer(event)
        token = event["detail"]["LifecycleActionToken"]
        assert (
            refused(lambda: group.answer(event))
            == f"ValidationError: No active Lifecycle Action found with token {token}"
        )
        instance_id = event["detail"]["EC2InstanceId"]
        assert (
            refused(
                lambda: group.api.record_lifecycle_action_heartbeat(
                    AutoScalingGroupName="workers",
                    LifecycleHookName="launch",
                    InstanceId=instance_id,
                )
            )
            == f"ValidationError: No active Lifecycle Action found with instance ID {instance_id}"
        )

    def test_a_token_of_another_hook_is_not_found(self, group: Group, refused: Refused) -> None:
        group.create()
        group.hook("one")
        group.hook("two")
        group.scale(1)
        event = {**group.events("one")[0]}
        event["detail"] = {**event["detail"], "LifecycleHookName": "two"}
        assert "No active Lifecycle Action found" in refused(lambda: group.answer(event))

    def test_an_unknown_group_is_refused(self, group: Group, refused: Refused) -> None:
        assert "AutoScalingGroup name not found" in refused(group.hook)

    @pytest.mark.parametrize(
        ("default", "settled"),
        [("CONTINUE", {"InService": 1}), ("ABANDON", {"Pending:Wait": 1})],
    )
    def test_a_timeout_is_the_default_result(
        self, group: Group, default: str, settled: dict[str, int]
    ) -> None:
        group.create()
        group.hook(DefaultResult=default)
        group.scale(1)
        first = group.ids()
        group.clock.advance(299.9)
        assert group.states() == {"Pending:Wait": 1}
        group.clock.advance(20)
        assert group.states() == settled
        assert (group.ids() == first) is (default == "CONTINUE")

    def test_a_heartbeat_starts_the_timer_again(self, group: Group) -> None:
        group.create()
        group.hook(DefaultResult="CONTINUE")
        group.scale(1)
        token = group.events()[0]["detail"]["LifecycleActionToken"]
        group.clock.advance(290)
        group.api.record_lifecycle_action_heartbeat(
            AutoScalingGroupName="workers", LifecycleHookName="launch", LifecycleActionToken=token
        )
        group.clock.advance(299)
        assert group.states() == {"Pending:Wait": 1}
        group.clock.advance(1)
        assert group.states() == {"InService": 1}

    def test_heartbeats_end_at_a_hundred_timeouts(self, group: Group) -> None:
        group.create()
        group.hook(HeartbeatTimeout=30, DefaultResult="CONTINUE")
        group.scale(1)
        token = group.events()[0]["detail"]["LifecycleActionToken"]
        for _ in range(119):
            group.clock.advance(25)
            group.api.record_lifecycle_action_heartbeat(
                AutoScalingGroupName="workers",
                LifecycleHookName="launch",
                LifecycleActionToken=token,
            )
        assert group.states() == {"Pending:Wait": 1}
        group.clock.advance(25)
        assert group.states() == {"InService": 1}

    @pytest.mark.parametrize("hooks_run", [True, False])
    def test_an_abandoned_launch_is_cancelled_terminated_and_replaced(
        self, group: Group, settings: Settings, hooks_run: bool
    ) -> None:
        settings.terminate_hooks_after_abandon = hooks_run
        group.create()
        group.hook()
        group.hook("terminate", TERMINATING)
        group.scale(1)
        group.clock.advance(1)
        [first] = group.ids()
        group.answer(group.events("launch")[0], "ABANDON")
        [launch] = [each for each in group.activities() if "Launching" in each["Description"]]
        assert launch["StatusCode"] == "Cancelled"
        assert (
            "was abandoned: Lifecycle Action Completed with ABANDON Result"
            in launch["StatusMessage"]
        )
        assert len(group.events("terminate")) == int(hooks_run)
        for event in group.events("terminate"):
            group.answer(event)
        group.clock.advance(15)
        assert group.states() == {"Pending:Wait": 1}
        assert first not in group.ids()
        assert len(group.events("launch")) == 2

    def test_launches_that_keep_failing_slow_down(self, group: Group) -> None:
        group.create()
        group.hook(HeartbeatTimeout=7200)
        group.scale(1)
        for _ in range(3):
            group.answer(group.events("launch")[-1], "ABANDON")
            group.clock.advance(600)
        opened = [event["time"][11:19] for event in group.events("launch")]
        assert opened[:4] == ["00:00:00", "00:00:10", "00:10:20", "00:20:40"]


class TestHooks:
    def test_a_hook_is_described_with_its_global_timeout(self, group: Group) -> None:
        group.create()
        group.hook(DefaultResult="CONTINUE", NotificationMetadata="m")
        group.hook("slow", TERMINATING, HeartbeatTimeout=7200)
        first, second = group.api.describe_lifecycle_hooks(AutoScalingGroupName="workers")[
            "LifecycleHooks"
        ]
        assert first == {
            "LifecycleHookName": "launch",
            "AutoScalingGroupName": "workers",
            "LifecycleTransition": LAUNCHING,
            "HeartbeatTimeout": 300,
            "GlobalTimeout": 30_000,
            "DefaultResult": "CONTINUE",
            "NotificationMetadata": "m",
        }
        assert (second["GlobalTimeout"], second["DefaultResult"]) == (172_800, "ABANDON")

    def test_deleting_a_hook_ends_what_waits_in_it(self, group: Group) -> None:
        group.create()
        group.hook()
        group.hook("terminate", TERMINATING)
        group.scale(2)
        group.clock.advance(1)
        group.answer(group.events("launch")[0])
        group.scale(1)
        leaving = group.events("terminate")[0]["detail"]["EC2InstanceId"]
        group.api.delete_lifecycle_hook(
            AutoScalingGroupName="workers", LifecycleHookName="terminate"
        )
        group.clock.advance(1)
        assert leaving not in group.ids()
        waiting = group.ids()
        group.api.delete_lifecycle_hook(AutoScalingGroupName="workers", LifecycleHookName="launch")
        group.clock.advance(30)
        assert group.states() == {"InService": 1}
        assert group.ids() != waiting

    def test_a_target_gets_a_test_notification_and_then_the_actions(self, group: Group) -> None:
        sqs: Any = boto3.client("sqs")
        url = sqs.create_queue(QueueName="told")["QueueUrl"]
        group.create()
        group.hook(
            NotificationTargetARN="arn:aws:sqs:us-east-1:123456789012:told",
            RoleARN="arn:aws:iam::123456789012:role/notifies",
        )
        group.scale(1)
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        test, opened = (json.loads(message["Body"]) for message in messages)
        assert test["Event"] == "autoscaling:TEST_NOTIFICATION"
        assert opened["EC2InstanceId"] == group.ids()[0]
        assert len(group.events()) == 1


class TestTermination:
    def test_scale_in_waits_in_the_hook_and_then_leaves(self, group: Group) -> None:
        group.create(DesiredCapacity=2)
        group.hook("terminate", TERMINATING)
        group.clock.advance(1)
        oldest = group.ids()[0]
        group.scale(1)
        assert group.states() == {"InService": 1, "Terminating:Wait": 1}
        [event] = group.events()
        assert event["detail-type"] == "EC2 Instance-terminate Lifecycle Action"
        assert event["detail"]["EC2InstanceId"] == oldest
        assert (event["detail"]["Origin"], event["detail"]["Destination"]) == (
            "AutoScalingGroup",
            "EC2",
        )
        group.answer(event)
        assert group.states() == {"InService": 1, "Terminating:Proceed": 1}
        group.clock.advance(1)
        assert group.states() == {"InService": 1}

    def test_abandon_skips_the_other_hooks(self, group: Group) -> None:
        group.create(DesiredCapacity=1)
        group.hook("one", TERMINATING)
        group.hook("two", TERMINATING)
        group.clock.advance(1)
        group.scale(0)
        group.answer(group.events("one")[0], "ABANDON")
        assert group.states() == {"Terminating:Proceed": 1}

    @pytest.mark.parametrize(("decrement", "left"), [(True, 1), (False, 2)])
    def test_one_instance_can_be_terminated_with_or_without_replacement(
        self, group: Group, decrement: bool, left: int
    ) -> None:
        group.create(DesiredCapacity=2)
        group.clock.advance(1)
        chosen = group.ids()[1]
        group.api.terminate_instance_in_auto_scaling_group(
            InstanceId=chosen, ShouldDecrementDesiredCapacity=decrement
        )
        group.clock.advance(5)
        assert group.states() == {"InService": left}
        assert chosen not in group.ids()
        assert group.shown()["DesiredCapacity"] == left

    def test_detached_instances_run_no_hook_and_go_on_running(self, group: Group) -> None:
        group.create(DesiredCapacity=1)
        group.hook("terminate", TERMINATING)
        group.clock.advance(1)
        [instance_id] = group.ids()
        group.api.detach_instances(
            InstanceIds=[instance_id],
            AutoScalingGroupName="workers",
            ShouldDecrementDesiredCapacity=True,
        )
        group.clock.advance(5)
        assert (group.ids(), group.events()) == ([], [])
        [reservation] = group.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
        assert reservation["Instances"][0]["State"]["Name"] == "running"

    def test_an_instance_that_ec2_terminated_passes_the_hook_when_it_is_gone(
        self, group: Group
    ) -> None:
        group.create(DesiredCapacity=1)
        group.hook("terminate", TERMINATING)
        group.clock.advance(1)
        [first] = group.ids()
        group.ec2.terminate_instances(InstanceIds=[first])
        group.clock.advance(10)
        [event] = group.events()
        assert event["detail"]["EC2InstanceId"] == first
        [reservation] = group.ec2.describe_instances(InstanceIds=[first])["Reservations"]
        assert reservation["Instances"][0]["State"]["Name"] == "terminated"
        assert group.states() == {"InService": 1, "Terminating:Wait": 1}
        group.answer(event)
        assert first not in group.ids()

    def test_a_group_with_instances_is_deleted_only_by_force_and_without_hooks(
        self, group: Group, refused: Refused
    ) -> None:
        group.create(DesiredCapacity=1)
        group.hook("terminate", TERMINATING)
        group.clock.advance(1)
        assert refused(
            lambda: group.api.delete_auto_scaling_group(AutoScalingGroupName="workers")
        ).startswith("ResourceInUse")
        [instance_id] = group.ids()
        group.api.delete_auto_scaling_group(AutoScalingGroupName="workers", ForceDelete=True)
        group.clock.advance(2)
        assert group.events() == []
        [reservation] = group.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
        assert reservation["Instances"][0]["State"]["Name"] == "terminated"
        assert group.api.describe_auto_scaling_groups()["AutoScalingGroups"] == []

    def test_protected_instances_stay(self, group: Group) -> None:
        group.create(DesiredCapacity=2, NewInstancesProtectedFromScaleIn=True)
        group.clock.advance(1)
        group.scale(0)
        assert group.states() == {"InService": 2}


class TestBounds:
    @pytest.mark.parametrize(
        ("wanted", "words"), [(9, "above max value 8"), (0, "below min value 1")]
    )
    def test_the_desired_capacity_keeps_to_the_groups_bounds(
        self, group: Group, refused: Refused, wanted: int, words: str
    ) -> None:
        group.create(MinSize=1, DesiredCapacity=1)
        assert words in refused(lambda: group.scale(wanted))

    @pytest.mark.parametrize(("bounds", "wanted"), [({"MinSize": 3}, 3), ({"MaxSize": 1}, 1)])
    def test_new_bounds_move_the_desired_capacity(
        self, group: Group, bounds: dict[str, int], wanted: int
    ) -> None:
        group.create(DesiredCapacity=2)
        group.clock.advance(1)
        group.api.update_auto_scaling_group(AutoScalingGroupName="workers", **bounds)
        group.clock.advance(5)
        assert group.shown()["DesiredCapacity"] == wanted
        assert group.states() == {"InService": wanted}

    def test_a_decrement_does_not_go_below_the_minimum(
        self, group: Group, refused: Refused
    ) -> None:
        group.create(MinSize=1, DesiredCapacity=1)
        message = refused(
            lambda: group.api.terminate_instance_in_auto_scaling_group(
                InstanceId=group.ids()[0], ShouldDecrementDesiredCapacity=True
            )
        )
        assert "desiredSize equals minSize (1)" in message

    def test_instances_are_described_in_pages(self, group: Group) -> None:
        group.create(DesiredCapacity=7)
        pages = list(
            group.api.get_paginator("describe_auto_scaling_instances").paginate(
                PaginationConfig={"PageSize": 3}
            )
        )
        assert [len(page["AutoScalingInstances"]) for page in pages] == [3, 3, 1]
        assert pages[0]["AutoScalingInstances"][0]["AutoScalingGroupName"] == "workers"

    def test_a_page_of_instances_has_at_most_fifty(self, group: Group, refused: Refused) -> None:
        message = refused(lambda: group.api.describe_auto_scaling_instances(MaxRecords=51))
        assert "between 1 and 50" in message


class TestWarmPool:
    def test_an_instance_passes_the_launch_hook_into_the_pool_and_out_of_it(
        self, group: Group
    ) -> None:
        group.create(MaxSize=1)
        group.hook()
        group.api.put_warm_pool(AutoScalingGroupName="workers", MinSize=1)
        pool = group.api.describe_warm_pool(AutoScalingGroupName="workers")["Instances"]
        assert [each["LifecycleState"] for each in pool] == ["Warmed:Pending:Wait"]
        assert group.ids() == []
        group.clock.advance(1)
        group.answer(group.events()[0])
        group.clock.advance(5)
        [pooled] = group.api.describe_warm_pool(AutoScalingGroupName="workers")["Instances"]
        assert pooled["LifecycleState"] == "Warmed:Stopped"

        group.scale(1)
        assert group.states() == {"Pending:Wait": 1}
        assert group.ids() == [pooled["InstanceId"]]
        moves = [
            (event["detail"]["Origin"], event["detail"]["Destination"])
            for event in group.events()
            if event["detail"]["EC2InstanceId"] == pooled["InstanceId"]
        ]
        assert moves == [("EC2", "WarmPool"), ("WarmPool", "AutoScalingGroup")]
        out = next(e for e in group.events() if e["detail"]["Origin"] == "WarmPool")
        group.answer(out)
        group.clock.advance(5)
        assert group.states() == {"InService": 1}

    def test_reuse_on_scale_in_keeps_the_instance(self, group: Group) -> None:
        group.create(MaxSize=1, DesiredCapacity=1)
        group.hook("terminate", TERMINATING)
        group.api.put_warm_pool(
            AutoScalingGroupName="workers", InstanceReusePolicy={"ReuseOnScaleIn": True}
        )
        group.clock.advance(1)
        [instance_id] = group.ids()
        group.scale(0)
        [event] = group.events()
        assert (event["detail"]["Origin"], event["detail"]["Destination"]) == (
            "AutoScalingGroup",
            "WarmPool",
        )
        assert event["detail-type"] == "EC2 Instance-terminate Lifecycle Action"
        group.answer(event)
        group.clock.advance(5)
        [pooled] = group.api.describe_warm_pool(AutoScalingGroupName="workers")["Instances"]
        assert (pooled["InstanceId"], pooled["LifecycleState"]) == (instance_id, "Warmed:Stopped")

    def test_the_group_shows_its_pool(self, group: Group) -> None:
        group.create(MaxSize=3)
        assert "WarmPoolConfiguration" not in group.shown()
        group.api.put_warm_pool(
            AutoScalingGroupName="workers", MaxGroupPreparedCapacity=2, PoolState="Running"
        )
        shown = group.shown()
        assert shown["WarmPoolSize"] == 2
        assert shown["WarmPoolConfiguration"] == {
            "MaxGroupPreparedCapacity": 2,
            "MinSize": 0,
            "PoolState": "Running",
            "InstanceReusePolicy": {"ReuseOnScaleIn": False},
        }

    def test_a_forced_deletion_of_the_pool_runs_no_hook(self, group: Group) -> None:
        group.create(MaxSize=2)
        group.hook("terminate", TERMINATING)
        group.api.put_warm_pool(AutoScalingGroupName="workers")
        group.clock.advance(2)
        group.api.delete_warm_pool(AutoScalingGroupName="workers", ForceDelete=True)
        group.clock.advance(5)
        assert group.events() == []
        assert group.api.describe_warm_pool(AutoScalingGroupName="workers")["Instances"] == []

    def test_deleting_the_pool_terminates_what_is_in_it(self, group: Group) -> None:
        group.create(MaxSize=2)
        group.hook("terminate", TERMINATING)
        group.api.put_warm_pool(AutoScalingGroupName="workers", PoolState="Running")
        group.clock.advance(2)
        group.api.delete_warm_pool(AutoScalingGroupName="workers")
        moves = {(e["detail"]["Origin"], e["detail"]["Destination"]) for e in group.events()}
        assert moves == {("WarmPool", "EC2")}
        for event in group.events():
            group.answer(event)
        group.clock.advance(5)
        assert group.api.describe_auto_scaling_instances()["AutoScalingInstances"] == []


class TestInstanceRefresh:
    def _refresh(self, group: Group, **preferences: int | bool) -> None:
        group.api.start_instance_refresh(AutoScalingGroupName="workers", Preferences=preferences)

    def _status(self, group: Group) -> str:
        shown = group.api.describe_instance_refreshes(AutoScalingGroupName="workers")
        status: str = shown["InstanceRefreshes"][0]["Status"]
        return status

    def test_one_by_one_is_terminated_and_replaced_by_default(self, group: Group) -> None:
        group.create(DesiredCapacity=2)
        group.clock.advance(1)
        before = group.ids()
        self._refresh(group)
        assert group.states()["InService"] == 1
        group.clock.advance(30)
        assert group.states() == {"InService": 2}
        assert not set(before) & set(group.ids())
        assert self._status(group) == "Successful"

    def test_nobody_leaves_before_a_successor_is_in_service(self, group: Group) -> None:
        group.create(MaxSize=2, DesiredCapacity=2)
        group.clock.advance(1)
        before = set(group.ids())
        group.hook("launch", LAUNCHING)
        self._refresh(group, MinHealthyPercentage=100, MaxHealthyPercentage=110)
        group.clock.advance(30)
        assert group.states() == {"InService": 2, "Pending:Wait": 1}
        (event,) = group.events("launch")
        group.answer(event)
        group.clock.advance(30)
        assert len(before & set(group.ids())) == 1
        assert self._status(group) == "InProgress"
        group.answer(group.events("launch")[-1])
        group.clock.advance(30)
        assert not before & set(group.ids())
        assert (group.states(), self._status(group)) == ({"InService": 2}, "Successful")

    def test_launches_that_are_abandoned_keep_it_from_going_on(self, group: Group) -> None:
        group.create(MaxSize=2, DesiredCapacity=2)
        group.clock.advance(1)
        before = set(group.ids())
        group.hook("launch", LAUNCHING, HeartbeatTimeout=60)
        self._refresh(group, MinHealthyPercentage=100, MaxHealthyPercentage=110)
        group.clock.advance(3600)
        assert before <= set(group.ids())
        assert self._status(group) == "InProgress"
        assert len(group.events("launch")) > 1

    def test_what_is_of_the_template_as_it_is_now_stays_if_asked(self, group: Group) -> None:
        group.create(DesiredCapacity=2)
        group.clock.advance(1)
        before = group.ids()
        self._refresh(group, SkipMatching=True)
        group.clock.advance(30)
        assert (group.ids(), self._status(group)) == (before, "Successful")

    def test_the_warm_pool_is_replaced_at_once(self, group: Group) -> None:
        group.create(MaxSize=2)
        group.api.put_warm_pool(AutoScalingGroupName="workers")
        group.clock.advance(30)

        def pooled() -> set[str]:
            pool = group.api.describe_warm_pool(AutoScalingGroupName="workers")["Instances"]
            return {each["InstanceId"] for each in pool}

        before = pooled()
        assert len(before) == 2
        self._refresh(group)
        group.clock.advance(60)
        assert len(pooled()) == 2
        assert not before & pooled()


class TestSpotInstances:
    def test_one_at_risk_goes_once_another_is_in_service(self, group: Group) -> None:
        group.create(MaxSize=2, DesiredCapacity=2, CapacityRebalance=True, **ALL_SPOT)
        group.hook("launch", LAUNCHING)
        group.clock.advance(30)
        at_risk, other = group.ids()
        group.account.ec2.spot.recommend_rebalance(at_risk)
        group.clock.advance(30)
        assert group.states() == {"InService": 2, "Pending:Wait": 1}
        (event,) = group.events("launch")
        group.answer(event)
        group.clock.advance(30)
        assert set(group.ids()) == {other, event["detail"]["EC2InstanceId"]}

    def test_when_all_are_at_risk_the_group_grows_by_a_tenth_at_most(self, group: Group) -> None:
        group.create(MaxSize=4, DesiredCapacity=4, CapacityRebalance=True, **ALL_SPOT)
        group.clock.advance(30)
        before = set(group.ids())
        most = 0
        for instance in sorted(before):
            group.account.ec2.spot.recommend_rebalance(instance)
        while before & set(group.ids()):
            group.clock.advance(1)
            most = max(most, len(group.ids()) - group.states()["Terminating"])
        assert most == 5
        assert group.states() == {"InService": 4}

    @pytest.mark.parametrize("rebalances", [False, True])
    def test_one_that_is_interrupted_is_replaced(self, group: Group, rebalances: bool) -> None:
        group.create(DesiredCapacity=1, CapacityRebalance=rebalances, **ALL_SPOT)
        group.clock.advance(30)
        (lost,) = group.ids()
        group.account.ec2.spot.interrupt(lost)
        group.clock.advance(600)
        assert group.states() == {"InService": 1}
        assert lost not in group.ids()

    def test_a_recommendation_is_no_matter_of_a_group_that_does_not_rebalance(
        self, group: Group
    ) -> None:
        group.create(DesiredCapacity=1, CapacityRebalance=True, **ALL_SPOT)
        group.api.update_auto_scaling_group(
            AutoScalingGroupName=group.name, CapacityRebalance=False
        )
        group.clock.advance(30)
        before = group.ids()
        group.account.ec2.spot.recommend_rebalance(before[0])
        group.clock.advance(600)
        assert group.ids() == before
