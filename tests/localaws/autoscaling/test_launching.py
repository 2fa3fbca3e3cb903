"""Of which type the instances of a group are, and how they are bought."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.localaws.autoscaling.conftest import Group

pytestmark = pytest.mark.localaws

TYPES = ("m5.xlarge", "m5.2xlarge")


def mixed(**distribution: object) -> dict[str, Any]:
    """Return what makes a group one of several types with such a distribution."""
    specification = {"LaunchTemplateName": "node", "Version": "$Latest"}
    return {
        "LaunchTemplate": None,
        "MixedInstancesPolicy": {
            "LaunchTemplate": {
                "LaunchTemplateSpecification": specification,
                "Overrides": [{"InstanceType": name} for name in TYPES],
            },
            "InstancesDistribution": distribution,
        },
    }


def bought(group: Group) -> Counter[str]:
    """Count the group's instances by how they were bought."""
    shown = group.ec2.describe_instances(InstanceIds=group.ids())["Reservations"]
    return Counter(
        instance.get("InstanceLifecycle", "on-demand")
        for reservation in shown
        for instance in reservation["Instances"]
    )


def test_the_first_of_several_types_is_launched(group: Group) -> None:
    group.create(DesiredCapacity=1, **mixed())
    (reservation,) = group.ec2.describe_instances(InstanceIds=group.ids())["Reservations"]
    assert reservation["Instances"][0]["InstanceType"] == TYPES[0]


def test_a_group_keeps_its_share_of_spot_instances_while_it_grows_and_shrinks(group: Group) -> None:
    group.create(**mixed(OnDemandBaseCapacity=1, OnDemandPercentageAboveBaseCapacity=0))
    group.scale(4)
    assert bought(group) == {"on-demand": 1, "spot": 3}
    group.clock.advance(60)
    group.scale(2)
    group.clock.advance(60)
    assert bought(group) == {"on-demand": 1, "spot": 1}
    spot = group.ec2.describe_instances(
        Filters=[{"Name": "instance-lifecycle", "Values": ["spot"]}]
    )
    assert spot["Reservations"]


def test_an_update_that_does_not_name_the_policy_leaves_it(group: Group) -> None:
    group.create(**mixed(OnDemandPercentageAboveBaseCapacity=0))
    group.api.update_auto_scaling_group(AutoScalingGroupName=group.name, DesiredCapacity=2)
    assert bought(group) == {"spot": 2}
    template = {"LaunchTemplateName": "node", "Version": "$Latest"}
    group.api.update_auto_scaling_group(
        AutoScalingGroupName=group.name, LaunchTemplate=template, DesiredCapacity=3
    )
    assert bought(group) == {"spot": 2, "on-demand": 1}


def test_a_strategy_that_would_not_be_honoured_is_refused(group: Group) -> None:
    cheapest = mixed(OnDemandAllocationStrategy="lowest-price")
    with pytest.raises(ClientError, match="the allocation strategy lowest-price"):
        group.create(**cheapest)
    group.create(**mixed())
    with pytest.raises(ClientError, match="the allocation strategy lowest-price"):
        group.api.update_auto_scaling_group(
            AutoScalingGroupName=group.name, MixedInstancesPolicy=cheapest["MixedInstancesPolicy"]
        )
