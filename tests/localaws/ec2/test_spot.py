"""Spot Instances at risk, and those that EC2 takes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from localaws.ec2.spot import NOTICE_S

if TYPE_CHECKING:
    from tests.localaws.ec2.conftest import Lab

pytestmark = pytest.mark.localaws


def spot(lab: Lab) -> str:
    """Return the id of a Spot Instance that runs."""
    return lab.launch(InstanceMarketOptions={"MarketType": "spot"})


def told(lab: Lab, detail_type: str) -> list[dict[str, Any]]:
    """Return what events of a type say."""
    return [
        event["detail"]
        for event in lab.account.events.emitted
        if event["detail-type"] == detail_type
    ]


def test_an_instance_at_risk_is_told_of_and_runs_on(lab: Lab) -> None:
    instance = spot(lab)
    heard: list[str] = []
    lab.account.ec2.spot.on_recommendation(heard.append)
    lab.account.ec2.spot.recommend_rebalance(instance)
    lab.clock.advance(600)
    assert heard == [instance]
    assert told(lab, "EC2 Instance Rebalance Recommendation") == [{"instance-id": instance}]
    assert lab.states[-1] == (instance, "running")


def test_an_interruption_comes_two_minutes_after_its_notice(lab: Lab) -> None:
    instance = spot(lab)
    lab.account.ec2.spot.interrupt(instance)
    assert told(lab, "EC2 Spot Instance Interruption Warning") == [
        {"instance-id": instance, "instance-action": "terminate"}
    ]
    lab.clock.advance(NOTICE_S - 1)
    assert lab.states[-1] == (instance, "running")
    lab.clock.advance(60)
    assert lab.states[-1] == (instance, "terminated")


def test_an_instance_that_is_gone_before_its_interruption_stays_gone(lab: Lab) -> None:
    instance = spot(lab)
    lab.account.ec2.spot.interrupt(instance)
    lab.ec2.terminate_instances(InstanceIds=[instance])
    lab.clock.advance(NOTICE_S + 60)
    assert lab.states[-1] == (instance, "terminated")


def test_only_spot_instances_are_taken_back(lab: Lab) -> None:
    instance = lab.launch()
    for act in (lab.account.ec2.spot.recommend_rebalance, lab.account.ec2.spot.interrupt):
        with pytest.raises(ValueError, match=f"{instance} is no running Spot Instance"):
            act(instance)
