"""Keeps the pod ranges of a stack as subnet CIDR reservations: observe, decide, do what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import reservations as decide
from domain.errors import EniLifecycleError, SpecRejected, Transient
from domain.reservations import from_physical_id, physical_id
from domain.stack_request import RequestType, StackAnswer

if TYPE_CHECKING:
    from datetime import datetime

    from domain.model import SubnetId
    from domain.reservations import PodRange
    from domain.stack_request import StackRequest
    from lambdas.reconcile.ports import Clock, ReservationPort

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 16.0


class ReservationKeeper:
    """Answers the requests of CloudFormation for one stack's ranges.

    Lambda may run a request twice, at once, or long after it was sent. What a run can find:

    1. nothing of the range: a Create or an Update makes it, a Delete is done;
    2. the stack's own reservation of the very range, by an earlier run whose answer was lost, or of a stack that was deleted while
       it was in use: it is taken over; a Delete deletes it unless addresses are in use;
    3. somebody else's, the same or one that overlaps: it is left alone; a Create fails, a Delete is done;
    4. the stack's own of a range that overlaps: a Create fails, as it is another resource's.
    """

    def __init__(self, *, owner: str, ec2: ReservationPort, clock: Clock) -> None:
        self._owner = owner
        self._ec2 = ec2
        self._clock = clock

    def work(self, request: StackRequest, deadline: datetime) -> StackAnswer:
        """Do what is asked and return how it went; what may pass by itself is tried until the deadline."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return StackAnswer(self._done(request))
            except Transient as error:
                left_s = (deadline - self._clock.now()).total_seconds()
                if left_s < pause_s:
                    return StackAnswer(request.known_as, error)
            except EniLifecycleError as error:
                return StackAnswer(request.known_as, error)
            self._clock.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _done(self, request: StackRequest) -> str:
        if request.kind is RequestType.DELETE:
            return self._release(request)
        return self._keep(request.pod_range)

    def _keep(self, wanted: PodRange) -> str:
        subnet_id = decide.subnet_of(wanted, self._ec2.subnets(wanted.subnet_ids))
        if not self._is_kept(subnet_id, wanted.cidr):
            try:
                self._ec2.reserve(
                    subnet_id,
                    wanted.cidr,
                    f"Addresses of pods, kept by {self._owner}",
                    decide.reservation_tags(self._owner, wanted.cidr),
                )
            except SpecRejected:
                # Another run of this request, or an earlier one that is visible only now, was first.
                if not self._is_kept(subnet_id, wanted.cidr):
                    raise
        return physical_id(subnet_id, wanted.cidr)

    def _is_kept(self, subnet_id: SubnetId, cidr: str) -> bool:
        return decide.present(cidr, self._owner, self._ec2.reservations(subnet_id)) is not None

    def _release(self, request: StackRequest) -> str:
        named = from_physical_id(request.known_as)
        # After a Create that failed it is not known whether, and in which subnet, it made something.
        wanted = named or request.pod_range
        # A subnet that is gone took its reservations along.
        for subnet in self._ec2.subnets(wanted.subnet_ids):
            ours = decide.releasable(
                wanted.cidr,
                self._owner,
                self._ec2.reservations(subnet.subnet_id),
                self._ec2.holders(subnet.subnet_id),
            )
            if ours is not None:
                self._ec2.release(ours.reservation_id)
        return request.known_as
