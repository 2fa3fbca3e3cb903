"""Who leaves a group for a successor, and by how much the group may be larger until the successor is in service."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

REBALANCING_PERCENT = 10
"""Amazon EC2 Auto Scaling User Guide, "Capacity Rebalancing": by how much of its desired capacity, and by one at least, a group
may exceed its maximum."""


@dataclass(frozen=True)
class Preferences:
    """What of a group stays in service while an instance refresh replaces its instances.

    Source: Amazon EC2 Auto Scaling API reference, RefreshPreferences: 90 and 100 percent of the desired capacity by default.
    """

    min_healthy_percent: int = 90
    max_healthy_percent: int = 100
    skip_matching: bool = False
    """Whether instances stay that are of the group's launch template as it is now."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Preferences:
        """Return what StartInstanceRefresh's Preferences say."""
        return cls(
            min_healthy_percent=int(params.get("MinHealthyPercentage", cls.min_healthy_percent)),
            max_healthy_percent=int(params.get("MaxHealthyPercentage", cls.max_healthy_percent)),
            skip_matching=str(params.get("SkipMatching", False)).lower() == "true",
        )


@dataclass(frozen=True)
class Replacement:
    """What is to be done now."""

    extra: int
    """By how much the group may exceed its desired capacity."""
    leaving: tuple[str, ...]
    """The instances that leave."""


def of_refresh(
    preferences: Preferences, desired: int, in_service: Collection[str], old: Sequence[str]
) -> Replacement:
    """Return how an instance refresh goes on.

    Source: Amazon EC2 Auto Scaling User Guide, "Core concepts" of instance refreshes: with a maximum above 100 percent, or a
    minimum of 100, instances are launched before others are terminated, otherwise as many at once as the minimum allows; the
    minimum is rounded up, and one is replaced in any case.

    Args:
        preferences: of the refresh.
        desired: the group's desired capacity.
        in_service: its instances in service.
        old: those that are still to be replaced, in their order.
    """
    least = math.ceil(desired * preferences.min_healthy_percent / 100)
    surge = math.ceil(desired * preferences.max_healthy_percent / 100) - desired
    if surge <= 0 and preferences.min_healthy_percent == 100:  # noqa: PLR2004 - all of it
        surge = 1
    spare = len(in_service) - least
    if spare <= 0 and surge <= 0 and len(in_service) >= desired:
        spare = 1
    leaving = [each for each in old if each in in_service][: max(0, spare)]
    return Replacement(min(len(old) - len(leaving), max(0, surge)), tuple(leaving))


def of_risk(
    desired: int, maximum: int, in_service: Collection[str], at_risk: Sequence[str]
) -> Replacement:
    """Return how instances at risk of a Spot interruption are replaced: each leaves once another is in service for it.

    Source: Amazon EC2 Auto Scaling User Guide, "Capacity Rebalancing".

    Args:
        desired: the group's desired capacity.
        maximum: its maximum size.
        in_service: its instances in service.
        at_risk: those at risk, in service or not, in their order.
    """
    ready = [each for each in in_service if each not in at_risk]
    needed = max(0, desired - len(ready))
    most = maximum + max(1, desired * REBALANCING_PERCENT // 100)
    kept, leaving = at_risk[:needed], at_risk[needed:]
    return Replacement(max(0, min(len(kept), most - desired)), tuple(leaving))
