"""What a demo can let go wrong, and what a person should see of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from localaws.faults import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from localaws.account import Account
    from localaws.events.envelope import Event

LAUNCH = "EC2 Instance-launch Lifecycle Action"


class DemoFault(StrEnum):
    """The faults that `--fault` takes."""

    THROTTLE = "throttle"
    DUPLICATE = "duplicate"
    LOST_EVENT = "lost-event"
    CRASH = "crash"
    NO_ADDRESSES = "no-addresses"

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
        " time-out (a minute here) and the ENI it made is used, not made again."
    ),
    DemoFault.NO_ADDRESSES: (
        "The first Multus subnet is full: its nodes are abandoned with the reason and nothing left behind; when addresses"
        " come free, the replacements get in."
    ),
}


@dataclass
class Injection:
    """A fault at work."""

    undo: Callable[[], None]
    """Ends what would go on for ever; called once the effect was seen."""
    heals_itself: bool = True
    """Whether every node comes into service without `undo`."""


def inject(fault: DemoFault, account: Account, subnets: Mapping[str, str]) -> Injection:
    """Let it go wrong from now on.

    Args:
        fault: what.
        account: where.
        subnets: the Multus subnets by id, with their zones.
    """
    if fault is DemoFault.THROTTLE:
        for action in ("CreateNetworkInterface", "AttachNetworkInterface"):
            _every_second(account, action)
    elif fault is DemoFault.DUPLICATE:
        account.events.duplicate(_is_lifecycle, times=None)
    elif fault is DemoFault.LOST_EVENT:
        account.events.lose(lambda event: event["detail-type"] == LAUNCH, times=1)
    elif fault is DemoFault.CRASH:
        account.faults.inject(Fault("CreateNetworkInterface", FaultKind.CRASH_AFTER))
    else:
        fillers = _fill(account, next(iter(subnets)))
        return Injection(lambda: _empty(account, fillers), heals_itself=False)
    return Injection(account.faults.clear)


def _is_lifecycle(event: Event) -> bool:
    return str(event["detail-type"]).endswith("Lifecycle Action")


def _every_second(account: Account, action: str) -> None:
    counted = iter(range(1_000_000))

    def is_second(_params: Mapping[str, Any]) -> bool:
        return next(counted) % 2 == 0

    account.faults.inject(Fault(action, FaultKind.THROTTLE, times=None, when=is_second))


def _fill(account: Account, subnet_id: str) -> list[str]:
    """Take every free address of a subnet with ENIs that are nobody's."""
    ec2 = account.client("ec2")
    made = []
    while free := ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0][
        "AvailableIpAddressCount"
    ]:
        secondary = min(free - 1, 49)
        more = {"SecondaryPrivateIpAddressCount": secondary} if secondary else {}
        answer = ec2.create_network_interface(SubnetId=subnet_id, Description="filler", **more)
        made.append(answer["NetworkInterface"]["NetworkInterfaceId"])
    return made


def _empty(account: Account, fillers: Sequence[str]) -> None:
    for eni_id in fillers:
        account.client("ec2").delete_network_interface(NetworkInterfaceId=eni_id)
