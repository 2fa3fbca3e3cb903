"""Many nodes at once on the deployed stack: addresses from the start of a subnet, throttling, and nothing abandoned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.deployed.deployment import Deployed

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

USER = "telco-user-plane"
NODES = 100


def test_a_large_scale_out_from_the_start_of_a_subnet_serves_every_node_once(
    deployed: Deployed,
) -> None:
    deployed.account.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=USER, MaxSize=NODES
    )
    deployed.desire(USER, NODES)
    deployed.until(lambda: len(deployed.nodes()) == NODES, within_s=900)

    assert deployed.broken_promises() == []
    assert len(deployed.enis()) == 3 * NODES
    asked = deployed.account.calls.of_action("CompleteLifecycleAction")
    assert {call.params["LifecycleActionResult"] for call in asked} == {"CONTINUE"}
