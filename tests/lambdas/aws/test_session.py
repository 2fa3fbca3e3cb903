"""Clients made one way, and every request counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from lambdas.aws.session import CallCount, Clients
from lambdas.runtime.clock import SystemClock
from localaws.account import Account, Settings
from localaws.clock import VirtualClock
from localaws.faults import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def account() -> Iterator[Account]:
    """Return an embedded account."""
    embedded = Account(VirtualClock(), Settings(throttling=False))
    with embedded.active(), mock_aws():
        yield embedded


@pytest.mark.usefixtures("account")
def test_every_request_is_counted_on_either_service() -> None:
    clients = Clients(SystemClock())
    before = clients.meter.count()
    clients.ec2.describe_subnets()
    clients.autoscaling.describe_auto_scaling_groups()
    assert clients.meter.count().since(before) == CallCount(2, 0)


def test_a_throttled_request_and_its_repetition_are_two_calls(account: Account) -> None:
    clients = Clients(SystemClock())
    account.faults.inject(Fault("DescribeSubnets", FaultKind.THROTTLE))
    clients.ec2.describe_subnets()
    assert clients.meter.count() == CallCount(2, 1)


@pytest.mark.usefixtures("account")
def test_clients_are_patient_but_not_for_ever() -> None:
    clients = Clients(SystemClock())
    made: list[Any] = [clients.ec2, clients.autoscaling, clients.sqs()]
    for client in made:
        config = client.meta.config
        assert config.retries == {"mode": "standard", "total_max_attempts": 4}
        assert (config.connect_timeout, config.read_timeout) == (3, 10)
        assert "multus-eni" in config.user_agent_extra
