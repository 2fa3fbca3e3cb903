"""On-Demand or Spot: what a group's instances distribution asks for.

Source: Amazon EC2 Auto Scaling API reference, InstancesDistribution: OnDemandBaseCapacity is provisioned first as the group
scales; OnDemandPercentageAboveBaseCapacity is the share of On-Demand Instances of what lies above it. That a share which is no
whole number is rounded in favour of On-Demand Instances is assumed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WHOLE_PERCENT = 100


class Purchase(StrEnum):
    """How an instance is paid for."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"


@dataclass(frozen=True)
class Distribution:
    """A group's share of On-Demand Instances: so many, and of all others so many in a hundred."""

    on_demand_base: int = 0
    on_demand_percent: int = WHOLE_PERCENT

    @classmethod
    def of(cls, policy: Mapping[str, Any] | None) -> Distribution:
        """Return the distribution of a mixed instances policy; of no policy, and by default, all are On-Demand."""
        said = (policy or {}).get("InstancesDistribution") or {}
        return cls(
            int(said.get("OnDemandBaseCapacity", 0)),
            int(said.get("OnDemandPercentageAboveBaseCapacity", WHOLE_PERCENT)),
        )

    def on_demand(self, total: int) -> int:
        """Return how many of so many instances are On-Demand."""
        base = min(self.on_demand_base, total)
        return base + -(-(total - base) * self.on_demand_percent // WHOLE_PERCENT)

    def additions(self, count: int, present: Iterable[Purchase]) -> list[Purchase]:
        """Return how so many more instances are bought, one after the other."""
        has = Counter(present)
        chosen = []
        for _ in range(count):
            lacks = has[Purchase.ON_DEMAND] < self.on_demand(has.total() + 1)
            purchase = Purchase.ON_DEMAND if lacks else Purchase.SPOT
            has[purchase] += 1
            chosen.append(purchase)
        return chosen

    def surplus(self, present: Iterable[Purchase]) -> Purchase:
        """Return of which kind one may go.

        Source: Amazon EC2 Auto Scaling User Guide, "Default termination policy": first the purchase option whose termination brings
        the group nearer to its distribution.
        """
        has = Counter(present)
        most = self.on_demand(has.total() - 1)
        return Purchase.ON_DEMAND if has[Purchase.ON_DEMAND] > most else Purchase.SPOT
