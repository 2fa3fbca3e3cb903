"""What a demo can let go wrong, and what a person should see of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from domain.errors import SubnetExhausted
from localaws.faults import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from localaws.account import Account
    from localaws.events.envelope import Event
    from localaws.faults import InjectedFault

LAUNCH = "EC2 Instance-launch Lifecycle Action"


class DemoFault(StrEnum):
    """The faults that `--fault` takes."""

    THROTTLE = "throttle"
    DUPLICATE = "duplicate"
    LOST_EVENT = "lost-event"
    CRASH = "crash"
    NO_ADDRESSES = "no-addresses"

    @property
    def abandons(self) -> frozenset[str]:
        """For what reasons the product is to abandon launches, by their codes."""
        return frozenset({SubnetExhausted.code} if self is DemoFault.NO_ADDRESSES else ())

    @property
    def story(self) -> str:
        """What goes wrong, and what is expected of the product."""
        return _STORIES[self]


_STORIES = {
    DemoFault.THROTTLE: "EC2 refuses every second create and attach with RequestLimitExceeded: nodes come later, all come.",
    DemoFault.DUPLICATE: "Every lifecycle event arrives twice: nobody gets an ENI too many.",
    DemoFault.LOST_EVENT: "The first launch event never arrives: the scheduled reconciler finds the waiting node.",
    DemoFault.CRASH: (
        "The function dies right after the first CreateNetworkInterface: the message comes back after its visibility"
        " time-out (three minutes here) and the ENI it made is used, not made again."
    ),
    DemoFault.NO_ADDRESSES: (
        "The first Multus subnet is full: its nodes are abandoned with the reason and nothing left behind; when addresses"
        " come free, the replacements get in."
    ),
}


@dataclass
class Injection:
    """A fault at work."""

    happened: Callable[[], bool]
    """Whether it did go wrong; if it never does, a run has shown nothing."""
    undo: Callable[[], None] | None = None
    """Ends what would go on for ever, to be called once it has happened; None: every node comes into service anyway."""


def inject(fault: DemoFault, account: Account, subnets: Mapping[str, str]) -> Injection:
    """Let it go wrong from now on.

    Args:
        fault: what.
        account: where.
        subnets: the Multus subnets by id, with their zones.
    """
    if fault is DemoFault.THROTTLE:
        actions = ("CreateNetworkInterface", "AttachNetworkInterface")
        throttles = [_every_second(account, action) for action in actions]
        return Injection(lambda: all(throttle.fired for throttle in throttles))
    if fault is DemoFault.DUPLICATE:
        account.events.duplicate(_is_lifecycle, times=None)
        return Injection(lambda: _arrived_twice(account))
    if fault is DemoFault.LOST_EVENT:
        lost = account.events.lose(lambda event: event["detail-type"] == LAUNCH, times=1)
        return Injection(lambda: lost.times == 0)
    if fault is DemoFault.CRASH:
        crash = account.faults.inject(Fault("CreateNetworkInterface", FaultKind.CRASH_AFTER))
        return Injection(lambda: bool(crash.fired))
    fillers = _fill(account, subnets)
    return Injection(lambda: _was_abandoned(account), lambda: _empty(account, fillers))


def _was_abandoned(account: Account) -> bool:
    return any(blob.get("reason") == SubnetExhausted.code for blob in account.functions.metrics())


def _arrived_twice(account: Account) -> bool:
    """Return whether one target took one lifecycle event twice; an event's id is in what is delivered of it."""
    taken = Counter((each.target_arn, each.payload) for each in account.events.delivered)
    return any(
        count > 1 and _is_lifecycle(json.loads(payload)) for (_, payload), count in taken.items()
    )


def _is_lifecycle(event: Event) -> bool:
    return str(event["detail-type"]).endswith("Lifecycle Action")


def _every_second(account: Account, action: str) -> InjectedFault:
    counted = iter(range(1_000_000))

    def is_second(_params: Mapping[str, Any]) -> bool:
        return next(counted) % 2 == 0

    return account.faults.inject(Fault(action, FaultKind.THROTTLE, times=None, when=is_second))


def _fill(account: Account, subnets: Iterable[str]) -> list[str]:
    """Take every free address of the first subnet that has IPv4 addresses, with ENIs that are nobody's."""
    made: list[str] = []
    for subnet_id in subnets:
        while free := _free(account, subnet_id):
            more = {"SecondaryPrivateIpAddressCount": min(free - 1, 49)} if free > 1 else {}
            answer = account.client("ec2").create_network_interface(
                SubnetId=subnet_id, Description="filler", **more
            )
            made.append(answer["NetworkInterface"]["NetworkInterfaceId"])
        if made:
            break
    return made


def _free(account: Account, subnet_id: str) -> int:
    (subnet,) = account.client("ec2").describe_subnets(SubnetIds=[subnet_id])["Subnets"]
    return int(subnet["AvailableIpAddressCount"])


def _empty(account: Account, fillers: Sequence[str]) -> None:
    for eni_id in fillers:
        account.client("ec2").delete_network_interface(NetworkInterfaceId=eni_id)
