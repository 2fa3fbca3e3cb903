"""A node that answers its own launch hook: in service when it says so, and nobody else answers or prolongs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from domain import naming
from tests.deployed.deployment import deploy

if TYPE_CHECKING:
    from pathlib import Path

    from localaws.account import Account
    from tests.deployed.deployment import Deployed

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

USER = "telco-user-plane"
READY_TIMEOUT_S = 900


@pytest.fixture
def deployed(account: Account, document: dict[str, Any], tmp_path: Path) -> Deployed:
    """The example, where the user plane's nodes answer a hook of their own."""
    document["node_groups"][1]["node"] |= {"ready_hook": True, "on_failure": "abandon"}
    return deploy(account, document, tmp_path)


def _say_ready(deployed: Deployed, instance_id: str) -> None:
    deployed.account.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName=USER,
        LifecycleHookName=naming.ready_hook(deployed.config.owner),
        InstanceId=instance_id,
        LifecycleActionResult="CONTINUE",
    )


def test_a_node_is_in_service_when_it_says_that_it_is_ready(deployed: Deployed) -> None:
    deployed.desire(USER, 1)
    deployed.until(lambda: len(deployed.enis()) == 3, within_s=60)
    deployed.clock.advance(30)
    (waiting,) = deployed.nodes("Pending:Wait")
    assert deployed.nodes() == []

    for _ in range(3):
        report = deployed.reconcile()
        assert report["outcomes"] == []
        deployed.clock.advance(200)
    assert deployed.nodes("Pending:Wait") == [waiting]
    assert len(deployed.enis()) == 3

    _say_ready(deployed, waiting.instance_id)
    deployed.until(lambda: len(deployed.nodes()) == 1, within_s=10)
    assert deployed.broken_promises() == []


def test_a_node_that_never_says_so_is_replaced(deployed: Deployed) -> None:
    deployed.desire(USER, 1)
    deployed.until(lambda: len(deployed.nodes("Pending:Wait")) == 1, within_s=60)
    (first,) = deployed.nodes("Pending:Wait")
    deployed.clock.advance(READY_TIMEOUT_S)
    deployed.until(lambda: first not in deployed.observer.nodes(), within_s=60)
    deployed.until(lambda: len(deployed.nodes("Pending:Wait")) == 1, within_s=60)
    (second,) = deployed.nodes("Pending:Wait")
    deployed.until(lambda: len(deployed.enis()) == 3, within_s=120)
    _say_ready(deployed, second.instance_id)
    deployed.until(lambda: len(deployed.nodes()) == 1, within_s=10)
    assert deployed.broken_promises() == []
