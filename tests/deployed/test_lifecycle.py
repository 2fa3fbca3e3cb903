"""Nodes launch, ENIs attach, nodes go, nothing is left: through the deployed rules, queues, mappings and roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.deployed.deployment import Deployed

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

CONTROL, USER = "telco-control-plane", "telco-user-plane"


def test_nodes_come_into_service_with_exactly_what_was_promised_and_leave_nothing(
    deployed: Deployed,
) -> None:
    deployed.desire(CONTROL, 2)
    deployed.desire(USER, 2)
    deployed.until(lambda: len(deployed.nodes()) == 4, within_s=60)

    assert deployed.broken_promises() == []
    assert len(deployed.enis()) == 2 * 2 + 2 * 3

    deployed.desire(CONTROL, 0)
    deployed.desire(USER, 0)
    deployed.until(lambda: not deployed.observer.nodes(), within_s=60)
    deployed.clock.advance(30)

    assert deployed.enis() == []
    assert deployed.observer.enis_in(list(deployed.made.subnets)) == []
