"""What happens to Spot Instances: EC2 says that one is at risk, or takes it back.

Source: Amazon EC2 User Guide, "EC2 instance rebalance recommendations" and "Spot Instance interruption notices": the notice
comes two minutes before the interruption, and both arrive as events.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from moto.ec2.models import ec2_backends

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.ec2.models import EC2Backend

    from localaws.account import Account

NOTICE_S = 120.0


class SpotMarket:
    """The demand of others for the capacity that an account's Spot Instances have."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._listeners: list[Callable[[str], None]] = []

    def on_recommendation(self, listener: Callable[[str], None]) -> None:
        """Call the listener with the id of each instance that is at risk; the clock calls it, at once."""
        self._listeners.append(listener)

    def recommend_rebalance(self, instance_id: str) -> None:
        """Say that a Spot Instance is at elevated risk of interruption.

        Raises:
            ValueError: it is no running Spot Instance.
        """
        with self._account.lock:
            _backend_of(instance_id)
        detail = {"instance-id": instance_id}
        self._account.events.tell(instance_id, "EC2 Instance Rebalance Recommendation", detail)
        clock = self._account.clock
        for listener in self._listeners:
            clock.call_at(clock.now(), partial(listener, instance_id))

    def interrupt(self, instance_id: str) -> None:
        """Give a Spot Instance notice, and terminate it when that is over.

        Raises:
            ValueError: it is no running Spot Instance.
        """
        with self._account.lock:
            backend = _backend_of(instance_id)
        detail = {"instance-id": instance_id, "instance-action": "terminate"}
        self._account.events.tell(instance_id, "EC2 Spot Instance Interruption Warning", detail)
        clock = self._account.clock
        clock.call_at(clock.now() + NOTICE_S, lambda: self._take_back(backend, instance_id))

    def _take_back(self, backend: EC2Backend, instance_id: str) -> None:
        with self._account.lock:
            if backend.get_instance(instance_id)._state.name == "running":
                backend.terminate_instances([instance_id])


def _backend_of(instance_id: str) -> EC2Backend:
    for regions in ec2_backends.values():
        for backend in regions.values():
            instance = backend.get_instance_by_id(instance_id)
            if instance is not None and (instance.lifecycle, instance._state.name) == (
                "spot",
                "running",
            ):
                return backend
    raise ValueError(f"{instance_id} is no running Spot Instance")
