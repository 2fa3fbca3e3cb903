"""Rules about the pods' ranges and the subnet CIDR reservations that keep them."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from domain import reservations
from domain.config import Ipv4Mode
from domain.errors import RangeTaken, SpecRejected
from domain.ip_ranges import covered, inside
from domain.preflight.findings import Rule, error, warning
from domain.preflight.observed import shown
from domain.reservations import NAMED_USERS, pod_ranges

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from domain.errors import EniLifecycleError
    from domain.model import SubnetId
    from domain.preflight.findings import Trouble
    from domain.preflight.looks import Group, Whole
    from domain.preflight.observed import Subnet
    from domain.reservations import CidrReservation, PodRange


def ranges_can_be_reserved(whole: Whole) -> Iterator[Trouble]:
    """A reservation is of one subnet and overlaps no other (Amazon VPC User Guide, "Subnet CIDR reservations"); otherwise the
    deployment fails, and CloudFormation rolls it back."""
    known, subnets = shown(whole.account.reservations), shown(whole.account.subnets)
    for wanted in pod_ranges(whole.config):
        try:
            subnet_reserved_in(wanted, whole.config.owner, subnets, known)
        except (SpecRejected, RangeTaken) as refused:
            yield error(wanted.cidr, f"cannot be reserved: {refused}", _remedy(refused))


def subnet_reserved_in(
    wanted: PodRange,
    owner: str,
    subnets: Mapping[SubnetId, Subnet],
    known: Mapping[SubnetId, Sequence[CidrReservation]],
) -> SubnetId:
    """Return the subnet in which the stack reserves a range, or has it reserved already.

    Args:
        wanted: the range.
        owner: the stack's name.
        subnets: those of the account.
        known: the reservations of each.

    Raises:
        SpecRejected: the range is not in one of its subnets as a whole.
        RangeTaken: another reservation is in the way.
    """
    there = [subnets[each].cidrs for each in wanted.subnet_ids if each in subnets]
    subnet_id = reservations.subnet_of(wanted, there)
    reservations.present(wanted.cidr, owner, known.get(subnet_id, ()))
    return subnet_id


def ranges_are_free(whole: Whole) -> Iterator[Trouble]:
    """A reservation may hold addresses that are in use, and takes them from nobody (Amazon VPC User Guide, "Subnet CIDR
    reservations"): a pod that is given one of them shares it."""
    takers = shown(whole.account.takers)
    for wanted in pod_ranges(whole.config):
        network = ip_network(wanted.cidr)
        using = [
            f"{each.eni_id} ({having[0]})"
            for subnet_id in wanted.subnet_ids
            for each in takers.get(subnet_id, ())
            if (having := each.has_of(network))
        ]
        if using:
            more = len(using) - NAMED_USERS
            yield warning(
                wanted.cidr,
                f"is to be the pods', and network interfaces have addresses of it: {', '.join(using[:NAMED_USERS])}"
                + (f" and {more} more" if more > 0 else ""),
                "Replace them, or leave their addresses out of what pods are given: a reservation takes nothing from anybody.",
            )


def none_is_left_over(whole: Whole) -> Iterator[Trouble]:
    """What was in use when an update or a deletion of the stack would have deleted it is kept, and no stack knows it any more."""
    owner = whole.config.owner
    wanted = {
        (each.cidr, subnet) for each in pod_ranges(whole.config) for subnet in each.subnet_ids
    }
    for subnet_id, known in shown(whole.account.reservations).items():
        for each in known:
            if each.is_of(owner) and (str(each.network), subnet_id) not in wanted:
                yield warning(
                    each.reservation_id,
                    f"keeps {each.network} of {subnet_id} for this stack, whose file does not name it (any more)",
                    f"Run aws ec2 delete-subnet-cidr-reservation --subnet-cidr-reservation-id {each.reservation_id}, unless the "
                    "next deployment is to delete it.",
                )


def ranges_are_kept(group: Group) -> Iterator[Trouble]:
    """EC2 gives a network interface any free address but those that a reservation keeps (Amazon VPC User Guide, "Subnet CIDR
    reservations")."""
    known = shown(group.account.reservations)
    for spec in group.config.interfaces:
        candidates = group.candidates(spec)
        for text in () if spec.reserve_pod_ranges else spec.pod_ranges:
            chosen_by_us = spec.ipv4 is Ipv4Mode.FROM_START and not spec.pool_ipv4
            if ":" not in text and chosen_by_us:
                continue
            for subnet in _having(candidates, text):
                kept = known.get(subnet.subnet_id, ())
                if not covered(ip_network(text), (each.network for each in kept)):
                    yield warning(
                        spec.name,
                        f"no CIDR reservation of {subnet.subnet_id} keeps the pod range {text}, of which EC2 may give nodes "
                        "addresses",
                        "Write `reserve_pod_ranges: true`, or reserve it yourself.",
                    )


def _having(subnets: Sequence[Subnet], text: str) -> Iterator[Subnet]:
    for subnet in subnets:
        if any(inside(ip_network(text), cidr) for cidr in subnet.cidrs.cidrs):
            yield subnet


def _remedy(refused: EniLifecycleError) -> str:
    return refused.details["remedy"]


WHOLE_RULES: tuple[Rule[Whole], ...] = (
    Rule("pod-range-unreservable", "every pod range can be reserved", ranges_can_be_reserved),
    Rule("pod-range-in-use", "nobody has addresses of the reserved pod ranges", ranges_are_free),
    Rule("reservation-left-over", "no reservation of the stack is left over", none_is_left_over),
)
RULES: tuple[Rule[Group], ...] = (
    Rule("pod-range-unreserved", "EC2's own choice keeps out of the pod ranges", ranges_are_kept),
)
