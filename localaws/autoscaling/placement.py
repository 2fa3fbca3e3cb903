"""Where new instances go, and which ones leave.

Source: Amazon EC2 Auto Scaling User Guide, "Availability Zone balancing" (instances are spread evenly over the zones)
and "Default termination policy" (the zone with the most instances first, then the oldest).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Spot:
    """One place for an instance: a subnet of the group, or a bare zone when it names none."""

    zone: str
    subnet_id: str | None = None


@dataclass(frozen=True)
class Occupant:
    """One instance that counts towards the group, `age` 0 being the oldest."""

    instance_id: str
    spot: Spot
    age: int
    protected: bool = False


def spread(count: int, spots: Sequence[Spot], occupied: Iterable[Spot]) -> list[Spot]:
    """Return where so many new instances go: each to the emptiest zone, and there to the emptiest subnet."""
    taken = list(occupied)
    zones = Counter(spot.zone for spot in taken)
    subnets = Counter(taken)
    chosen = []
    for _ in range(count):
        spot = min(spots, key=lambda spot: (zones[spot.zone], subnets[spot]))
        zones[spot.zone] += 1
        subnets[spot] += 1
        chosen.append(spot)
    return chosen


def leavers(count: int, occupants: Iterable[Occupant]) -> list[str]:
    """Return which instances a scale-in takes: the oldest of the fullest zone, one by one, protected ones never."""
    left = sorted(occupants, key=lambda occupant: occupant.age)
    zones = Counter(occupant.spot.zone for occupant in left)
    chosen: list[str] = []
    while len(chosen) < count:
        free = [occupant for occupant in left if not occupant.protected]
        if not free:
            break
        leaver = min(free, key=lambda occupant: (-zones[occupant.spot.zone], occupant.age))
        zones[leaver.spot.zone] -= 1
        left.remove(leaver)
        chosen.append(leaver.instance_id)
    return chosen
