"""One group's hooks, members and activities: what moto's group does not hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.autoscaling.models import FakeWarmPool

from localaws.autoscaling.launching import purchase_of
from localaws.autoscaling.lifecycle import Place
from localaws.autoscaling.placement import Location, Occupant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState

    from localaws.autoscaling.activities import Activity
    from localaws.autoscaling.lifecycle import Hook, Member
    from localaws.autoscaling.replacement import Preferences
    from localaws.clock import Timer


@dataclass
class Seat:
    """One member, the record that moto shows of it, whether EC2 may take it back, and the timer of its next default result."""

    member: Member
    shown: InstanceState
    age: int
    at_risk: bool = False
    launched_from: tuple[str, ...] = ()
    """What the group launched from at that time; empty for an instance that was attached."""
    activity: Activity | None = None
    timer: Timer | None = None

    @property
    def location(self) -> Location:
        """Return where the instance is."""
        instance = self.shown.instance
        return Location(instance.placement.zone or "", instance.subnet_id or None)

    @property
    def in_group(self) -> bool:
        """Return whether the instance counts towards the group's capacity."""
        return self.member.route.destination is Place.GROUP

    @property
    def pooled(self) -> bool:
        """Return whether the instance is in the warm pool or on its way there."""
        return self.member.route.destination is Place.WARM_POOL

    @property
    def of_pool(self) -> bool:
        """Return whether the warm pool shows the instance: the one is in it, moves into it, or leaves it for good."""
        return self.member.state.startswith("Warmed:")


@dataclass
class Refresh:
    """One instance refresh: which of the instances that it found are still to be replaced."""

    refresh_id: str
    started_s: float
    found: tuple[str, ...]
    preferences: Preferences
    left: list[str] = field(default_factory=list)
    ended_s: float | None = None

    @property
    def status(self) -> str:
        """Return the status as DescribeInstanceRefreshes shows it."""
        return "InProgress" if self.ended_s is None else "Successful"


@dataclass
class WarmPool:
    """A group's warm pool, as PutWarmPool describes it."""

    min_size: int = 0
    max_prepared: int | None = None
    pool_state: str = "Stopped"
    reuse_on_scale_in: bool = False

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> WarmPool:
        """Return the pool that PutWarmPool's parameters describe; -1 stands for the group's own maximum."""
        prepared = params.get("MaxGroupPreparedCapacity")
        reuse = (params.get("InstanceReusePolicy") or {}).get("ReuseOnScaleIn")
        return cls(
            min_size=int(params.get("MinSize") or 0),
            max_prepared=None if prepared is None or int(prepared) < 0 else int(prepared),
            pool_state=str(params.get("PoolState") or "Stopped"),
            reuse_on_scale_in=str(reuse).lower() == "true",
        )

    def size(self, in_group: int, maximum: int) -> int:
        """Return how many instances belong into the pool while so many are in the group."""
        prepared = self.max_prepared if self.max_prepared is not None else maximum
        return max(self.min_size, prepared - in_group)

    def shown(self) -> FakeWarmPool:
        """Return moto's own record, from which it describes the group."""
        reuse = {"ReuseOnScaleIn": self.reuse_on_scale_in}
        return FakeWarmPool(  # type: ignore[abstract]  # moto makes it the same way
            self.max_prepared, self.min_size, self.pool_state, reuse
        )

    def view(self) -> dict[str, Any]:
        """Return the configuration as DescribeWarmPool shows it."""
        shown: dict[str, Any] = {
            "MinSize": self.min_size,
            "MaxGroupPreparedCapacity": self.max_prepared,
            "PoolState": self.pool_state,
            "InstanceReusePolicy": {"ReuseOnScaleIn": self.reuse_on_scale_in},
        }
        return {name: value for name, value in shown.items() if value is not None}


@dataclass
class Roster:
    """Everything about one group that changes."""

    group: FakeAutoScalingGroup
    hooks: dict[str, Hook] = field(default_factory=dict)
    seats: dict[str, Seat] = field(default_factory=dict)
    activities: list[Activity] = field(default_factory=list)
    refreshes: list[Refresh] = field(default_factory=list)
    warm_pool: WarmPool | None = None
    failures_in_a_row: int = 0
    not_before_s: float = 0.0
    retry: Timer | None = None

    def in_group(self) -> list[Seat]:
        """Return the members that count towards the capacity."""
        return [seat for seat in self.seats.values() if seat.in_group]

    def in_pool(self) -> list[Seat]:
        """Return the members of the warm pool that stay there."""
        return [seat for seat in self.seats.values() if seat.pooled]

    def occupants(self) -> list[Occupant]:
        """Return the members among which a scale-in chooses."""
        return [
            Occupant(
                seat.member.instance_id,
                seat.location,
                seat.age,
                protected=bool(seat.shown.protected_from_scale_in),
                purchase=purchase_of(seat.shown.instance),
            )
            for seat in self.in_group()
        ]

    def show(self) -> None:
        """Write what moto's describes show: the group's instances, and its warm pool."""
        self.group.warm_pool = None if self.warm_pool is None else self.warm_pool.shown()
        self.group.warm_pool_size = len(self.in_pool())  # type: ignore[attr-defined]  # read by the name of the member
        self.group.instance_states = [
            seat.shown for seat in self.seats.values() if not seat.of_pool
        ]

    def suspended(self, process: str) -> bool:
        """Return whether one of the group's processes is suspended."""
        return any(each["ProcessName"] == process for each in self.group.suspended_processes)


def locations_of(group: FakeAutoScalingGroup, zones: Mapping[str, str]) -> list[Location]:
    """Return where a group may launch: its subnets with their zones, or its bare zones."""
    if group.vpc_zone_identifier:
        names: Iterable[str] = group.vpc_zone_identifier.split(",")
        return [Location(zones[name.strip()], name.strip()) for name in names]
    return [Location(zone) for zone in group.availability_zones]
