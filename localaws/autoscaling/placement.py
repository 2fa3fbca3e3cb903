"""Where new instances go, and which ones leave.

Source: Amazon EC2 Auto Scaling User Guide, "Availability Zone balancing" (instances are spread evenly over the zones)
and "Default termination policy" (of the purchase option that there is too much of, the zone with the most instances first,
then the oldest).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localaws.autoscaling.purchase import Purchase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from localaws.autoscaling.purchase import Distribution


@dataclass(frozen=True)
class Location:
    """One place for an instance: a subnet of the group, or a bare zone when it names none."""

    zone: str
    subnet_id: str | None = None


@dataclass(frozen=True)
class Occupant:
    """One instance that counts towards the group, `age` 0 being the oldest."""

    instance_id: str
    location: Location
    age: int
    protected: bool = False
    purchase: Purchase = Purchase.ON_DEMAND


def spread(
    count: int, locations: Sequence[Location], occupied: Iterable[Location]
) -> list[Location]:
    """Return where so many new instances go: each to the emptiest zone, and there to the emptiest subnet."""
    taken = list(occupied)
    zones = Counter(location.zone for location in taken)
    subnets = Counter(taken)
    chosen = []
    for _ in range(count):
        location = min(locations, key=lambda location: (zones[location.zone], subnets[location]))
        zones[location.zone] += 1
        subnets[location] += 1
        chosen.append(location)
    return chosen


def leavers(count: int, occupants: Iterable[Occupant], distribution: Distribution) -> list[str]:
    """Return which instances a scale-in takes, one by one and protected ones never."""
    left = sorted(occupants, key=lambda occupant: occupant.age)
    zones = Counter(occupant.location.zone for occupant in left)
    chosen: list[str] = []
    while len(chosen) < count:
        surplus = distribution.surplus(occupant.purchase for occupant in left)
        free = [occupant for occupant in left if not occupant.protected]
        free = [occupant for occupant in free if occupant.purchase is surplus] or free
        if not free:
            break
        leaver = min(free, key=lambda occupant: (-zones[occupant.location.zone], occupant.age))
        zones[leaver.location.zone] -= 1
        left.remove(leaver)
        chosen.append(leaver.instance_id)
    return chosen
