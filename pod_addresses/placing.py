"""Brings addresses to the ENI of their link, and takes them from it: observe first, then only what is missing."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from domain.errors import (
    AddressTaken,
    EniLifecycleError,
    InvariantBroken,
    QuotaReached,
    SpecRejected,
    WrongState,
)
from domain.pods import following
from domain.pods.errors import AddressBetween
from pod_addresses.room import Ipv6Room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from ipaddress import IPv6Address

    from domain.pods.errors import PodAddressError
    from domain.pods.following import Address, Assignment, Holder, Home, Network, PodLink

Refusals = tuple[type[EniLifecycleError], ...]
_OF_SOME = (SpecRejected, QuotaReached, AddressTaken, WrongState, InvariantBroken)
"""What EC2 may say because of some addresses of a call, codes that nobody knows among it; with fewer of them it may do it."""
NO_MAC = "00:00:00:00:00:00"
"""Loopback's."""


class Calls(Protocol):
    """The calls to EC2: pod_addresses.ec2.Ec2."""

    def interfaces_of_links(self, macs: Sequence[str], owner: str) -> tuple[Holder, ...]:
        """Return the ENIs of a stack that have one of these MAC addresses."""
        ...

    def holders(self, subnet_id: str, addresses: Iterable[Address]) -> tuple[Holder, ...]:
        """Return the ENIs of a subnet that have one of these addresses."""
        ...

    def interface(self, eni_id: str) -> Holder | None:
        """Return an ENI; None when there is none."""
        ...

    def networks(self, subnet_ids: Sequence[str]) -> Mapping[str, tuple[Network, ...]]:
        """Return the ranges of subnets by id."""
        ...

    def assign_ipv4(self, eni_id: str, addresses: Sequence[Address], *, reassign: bool) -> None:
        """Give an ENI IPv4 addresses."""
        ...

    def unassign_ipv4(self, eni_id: str, addresses: Sequence[Address]) -> None:
        """Take IPv4 addresses from an ENI."""
        ...

    def assign_ipv6(self, eni_id: str, addresses: Sequence[Address]) -> None:
        """Give an ENI IPv6 addresses."""
        ...

    def unassign_ipv6(self, eni_id: str, addresses: Sequence[Address]) -> None:
        """Take IPv6 addresses from an ENI."""
        ...


class Failure(NamedTuple):
    """Addresses for which a step failed."""

    addresses: tuple[Address, ...]
    error: EniLifecycleError


class Outcome(NamedTuple):
    """What came of some addresses: each is in one of the first two, but what was not begun any more."""

    done: tuple[Address, ...] = ()
    failures: tuple[Failure, ...] = ()
    found: tuple[Address, ...] = ()
    """Those of the done that were on their ENI already."""
    elsewhere: tuple[Address, ...] = ()
    """Those of the done that another ENI has and keeps."""
    seen_on: Mapping[Address, str] = MappingProxyType({})
    """Which ENI had which address, "" for none; empty if EC2 did not tell."""

    @property
    def assigned(self) -> tuple[Address, ...]:
        """Return those of the done that were assigned."""
        return tuple(each for each in self.done if each not in (*self.found, *self.elsewhere))

    @property
    def failed(self) -> tuple[Address, ...]:
        """Return those that are not done."""
        return tuple(each for failure in self.failures for each in failure.addresses)

    @property
    def refused(self) -> tuple[Failure, ...]:
        """Return the failures that no repetition helps."""
        return tuple(each for each in self.failures if not each.error.retryable)


class Placing:
    """The addresses of one pod, and the ENIs of its links."""

    def __init__(self, ec2: Calls, owner: str, say: Callable[..., None]) -> None:
        """Remember whom to ask.

        Args:
            ec2: the calls.
            owner: the stack whose ENIs these are.
            say: is told what was done: an event's name, and its facts by keyword.
        """
        self._ec2 = ec2
        self._owner = owner
        self._say = say
        self._asked: set[str] = set()
        self._room = Ipv6Room(ec2)
        self.homes: dict[str, Home] = {}
        """By the link's MAC address."""

    def learn(
        self, links: Sequence[PodLink], named: Sequence[str] = ()
    ) -> tuple[PodAddressError, ...]:
        """Find the ENIs of links that were not seen before, and return what is wrong with those that were named.

        Of a link that was named and has none it asks every time, and while none of the links has one: an ENI may get the owner tag.

        Raises:
            EniLifecycleError: EC2 does not tell.
        """
        macs = tuple(
            dict.fromkeys(link.mac for link in links if link.mac not in self._asked | {"", NO_MAC})
        )
        known = {link.name for link in links if link.mac in self.homes}
        sought = [name for name in named if name not in known]
        if not macs or (named and not sought):
            return ()
        enis = self._ec2.interfaces_of_links(macs, self._owner)
        subnets = sorted({eni.subnet_id for eni in enis})
        networks = self._ec2.networks(subnets) if subnets else {}
        found, problems = following.homes(links, enis, networks, sought)
        self.homes.update(found)
        if self.homes:
            self._asked.update(set(macs) - {link.mac for link in links if link.name in sought})
        return problems

    def assign(
        self,
        home: Home,
        addresses: Iterable[Address],
        claimed_from: Mapping[Address, str] = MappingProxyType({}),
        stopping: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Bring addresses to an ENI; one that cannot be had keeps none of the others from it.

        The states that it can find are those of domain.pods.following.assignment.

        Args:
            home: the ENI.
            addresses: what is to be there.
            claimed_from: of what is tried again, which ENI had it at first ("" for none). Another one has it for a younger claim, and
                keeps it.
            stopping: whether no further call that assigns is to begin.
        """

        def may_take(address: Address, holder: Holder) -> bool:
            return claimed_from.get(address, holder.eni_id) == holder.eni_id

        return self._assign(home, addresses, may_take, stopping)

    def keep(
        self,
        home: Home,
        addresses: Iterable[Address],
        stopping: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Bring addresses to an ENI that no other one has; what another has by now stays there, and that is done.

        The states that it can find are those of domain.pods.following.assignment.
        """
        return self._assign(home, addresses, lambda _address, _holder: False, stopping)

    def _assign(
        self,
        home: Home,
        addresses: Iterable[Address],
        may_take: Callable[[Address, Holder], bool],
        stopping: Callable[[], bool],
    ) -> Outcome:
        wanted = tuple(addresses)
        try:
            holders = self._ec2.holders(home.subnet_id, wanted)
        except EniLifecycleError as error:
            return Outcome(failures=(Failure(wanted, error),))
        on = following.holders_by_address(home, holders)
        plan = following.assignment(home, wanted, on, self._owner, may_take)
        seen_on = {each: on[each].eni_id if each in on else "" for each in wanted}
        outcome = Outcome(
            done=(*plan.here, *plan.elsewhere),
            failures=tuple(Failure((address,), problem) for address, problem in plan.problems),
            found=plan.here,
            elsewhere=plan.elsewhere,
            seen_on=seen_on,
        )
        for act, touched, of_some in self._steps(home, plan):
            step = partial(self._as_seen, act, home, seen_on)
            outcome = self._attempt_all(outcome, step, touched, of_some, stopping)
        for address in outcome.assigned:
            self._say("assigned", address=address, eni=home.eni_id, source=seen_on[address])
        return outcome

    def release(self, home: Home, addresses: Iterable[Address]) -> Outcome:
        """Take from an ENI what it still has of some addresses. It can find each of them in any of these states:

        1. on the ENI, as a secondary one: taken away;
        2. on another ENI: the pod's successor has it, nothing is done;
        3. on none: an earlier run, or another that runs now, was first;
        4. as the ENI's primary address: it stays.
        """
        wanted = tuple(addresses)
        try:
            mine = following.to_release(home, wanted, self._ec2.holders(home.subnet_id, wanted))
        except EniLifecycleError as error:
            return Outcome(failures=(Failure(wanted, error),))
        outcome = Outcome(tuple(each for each in wanted if each not in mine))
        for version, unassign in ((4, self._ec2.unassign_ipv4), (6, self._ec2.unassign_ipv6)):
            touched = tuple(each for each in mine if each.version == version)
            if touched:
                step = partial(self._unassign, unassign, home.eni_id, home, touched)
                outcome = self._attempt(outcome, step, touched)
                for address in touched:
                    if address in outcome.done:
                        self._say("released", address=address, eni=home.eni_id)
        return outcome

    def _steps(
        self, home: Home, plan: Assignment
    ) -> Iterator[tuple[Callable[[tuple[Any, ...]], None], tuple[Address, ...], Refusals]]:
        """Yield what to do, for which addresses, and after which refusals for each of them alone."""
        ec2 = self._ec2
        if plan.ipv4:
            step = partial(ec2.assign_ipv4, home.eni_id, reassign=plan.reassign)
            yield step, plan.ipv4, _OF_SOME
        if plan.ipv6:
            yield partial(self._assign_noted, home), plan.ipv6, _OF_SOME
        for move in plan.moves:
            # Every attempt takes the address from a pod that may have use of it: a second one only where fewer may have room.
            yield partial(self._move_noted, home, move.source), move.addresses, (QuotaReached,)

    def _assign_noted(self, home: Home, addresses: tuple[IPv6Address, ...]) -> None:
        with self._room.noted(home, len(addresses)):
            self._ec2.assign_ipv6(home.eni_id, addresses)

    def _move_noted(self, home: Home, source: str, addresses: tuple[IPv6Address, ...]) -> None:
        self._room.check(home, len(addresses))
        with self._room.noted(home, len(addresses)):
            self._move(home, source, addresses)

    def _as_seen(
        self,
        act: Callable[[tuple[Any, ...]], None],
        home: Home,
        seen_on: Mapping[Address, str],
        addresses: tuple[Address, ...],
    ) -> None:
        """Do a step that rests on a look; refused because it is not so any more, it can be tried again.

        EC2 has one code for an address that somebody took meanwhile and for one that it never gives.

        Raises:
            WrongState: an address is on another ENI than it was.
        """
        try:
            act(addresses)
        except (SpecRejected, AddressTaken) as refused:
            now = {
                address: holder.eni_id
                for holder in self._ec2.holders(home.subnet_id, addresses)
                for address in holder.addresses
            }
            moved = [each for each in addresses if now.get(each, "") != seen_on[each]]
            if not moved:
                raise
            raise WrongState(
                f"{', '.join(map(str, moved))} moved between look and call", **refused.details
            ) from refused

    def _attempt_all(
        self,
        outcome: Outcome,
        act: Callable[[tuple[Any, ...]], None],
        addresses: tuple[Address, ...],
        of_some: Refusals,
        stopping: Callable[[], bool],
    ) -> Outcome:
        """Do a step for all at once; EC2 does it for all or none, so after a refusal that is about some of them for each alone."""
        if stopping():
            return outcome
        after = self._attempt(outcome, partial(act, addresses), addresses)
        refused = after.failures[len(outcome.failures) :]
        if len(addresses) == 1 or not refused or not isinstance(refused[0].error, of_some):
            return after
        for address in addresses:
            if not stopping():
                outcome = self._attempt(outcome, partial(act, (address,)), (address,))
        return outcome

    def _attempt(
        self, outcome: Outcome, step: Callable[[], None], touched: tuple[Address, ...]
    ) -> Outcome:
        try:
            step()
        except EniLifecycleError as error:
            return outcome._replace(failures=(*outcome.failures, Failure(touched, error)))
        return outcome._replace(done=(*outcome.done, *touched))

    def _move(self, home: Home, source: str, addresses: tuple[IPv6Address, ...]) -> None:
        """Take IPv6 addresses from another ENI and give them to this one; when that fails, give them back.

        Killed in between, or without an answer, it leaves them on no ENI, on this one, or on the other: the next try finds each
        as it is.

        Raises:
            EniLifecycleError: why this ENI could not have them; the other one has them again.
            AddressBetween: neither has.
        """
        self._unassign(self._ec2.unassign_ipv6, source, home, addresses)
        try:
            self._ec2.assign_ipv6(home.eni_id, addresses)
        except EniLifecycleError as first:
            try:
                self._ec2.assign_ipv6(source, addresses)
            except EniLifecycleError as second:
                raise AddressBetween(
                    f"{', '.join(map(str, addresses))} went from {source} and came neither to {home.eni_id} nor back",
                    value=f"{first}; going back: {second}",
                    remedy="The next try assigns what is on no ENI.",
                ) from first
            self._say("rolled-back", addresses=addresses, eni=source, error=first.code)
            raise

    def _unassign(
        self,
        unassign: Callable[[str, Sequence[Address]], None],
        eni_id: str,
        home: Home,
        addresses: tuple[Address, ...],
    ) -> None:
        """Take addresses from an ENI that had them a moment ago.

        EC2 refuses all when one is not there any more, with a code that means any wrong parameter: so look again.

        Raises:
            WrongState: some are still there.
        """
        try:
            unassign(eni_id, addresses)
        except SpecRejected as refused:
            holders = self._ec2.holders(home.subnet_id, addresses)
            there = {
                each for holder in holders if holder.eni_id == eni_id for each in holder.addresses
            }
            if there.isdisjoint(addresses):
                return
            if there.issuperset(addresses):
                raise
            raise WrongState(
                f"some of {', '.join(map(str, addresses))} left {eni_id} meanwhile",
                **refused.details,
            ) from refused
