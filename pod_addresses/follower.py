"""`follow`: the pod's addresses are on the ENIs of its links for as long as the links have them, and no longer."""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING, Protocol

from domain.errors import EniLifecycleError, QuotaReached
from domain.pods import errors, following, intent, telling
from domain.pods.following import Placed
from domain.pods.intent import Due, Intent
from domain.pods.telling import Told, Wrong
from pod_addresses.ec2 import ASSIGN_IPV6

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from domain.pods.following import Address, Home, PodLink
    from node_bootstrap.deadline import Deadline
    from pod_addresses.links import Seen
    from pod_addresses.placing import Failure, Outcome, Placing


LINKS, READY_FILE = "links", "ready file"
"""What a failure is about that is not about addresses."""


class Links(Protocol):
    """The pod's links: pod_addresses.links.PodLinks."""

    def look(self) -> tuple[PodLink, ...]:
        """Return the links as they are now."""
        ...

    def wait(self, timeout_s: float | None) -> Seen:
        """Wait for a change and return all that are there."""
        ...


class Follower:
    """Follows one pod's links until it is told to stop."""

    def __init__(
        self,
        links: Links,
        placing: Placing,
        say: Callable[..., None],
        *,
        named: Sequence[str] = (),
        ready_file: Path | None = None,
        spread: Callable[[], float] = random.random,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Remember whom to ask.

        Args:
            links: of the pod.
            placing: who assigns and releases.
            say: is told what failed: an event's name, and its facts by keyword.
            named: the links that count. None: whichever belongs to an ENI of the stack.
            ready_file: is there while every address is where it belongs.
            spread: a random number from 0 to 1.
            now_s: seconds of a clock that never goes back.
        """
        self._links = links
        self._placing = placing
        self._say = say
        self._named = tuple(named)
        self._ready_file = ready_file
        self._spread = spread
        self._now_s = now_s
        self._intent = Intent()
        self._due = Due()
        self._told = Told()
        self._claimed_from: dict[Placed, str] = {}
        """Which ENI had what is being tried again, when it was tried first."""
        self._look_due, self._looked = True, False
        self._attempt = 0
        self._stopping: Callable[[], bool] = lambda: False
        self._ready: bool | None = None
        self._unknown: frozenset[str] = frozenset()
        """The links that count and belong to no ENI of the stack."""
        self._look_at_s = math.inf
        """When they are asked for again."""
        self._mark_at_s = math.inf
        """When it is tried again to show whether the pod is ready."""

    def run(self, stopping: Callable[[], bool]) -> None:
        """Follow until `stopping`; then nothing is released yet, see `release`.

        After each change, and after a pause where something may work later, it does what is missing. It sleeps otherwise, and looks
        every few minutes: an address that no ENI has any more is assigned, and one that another node took over stays there. What the
        links have at the start it takes: a sidecar that ended may have missed that it came. Once it is told to stop it begins no further
        call that assigns; one that moves an IPv6 address it ends, or it would leave it on no ENI.

        Raises:
            LinksUnreadable: the kernel does not tell.
            EniLifecycleError: EC2 refuses to tell whose the links are, from the start. Kubernetes starts a sidecar that ends anew,
                ever later.
        """
        self._stopping = stopping
        self._show(ready=False)
        while not stopping():
            later = self._step()
            known = not self._look_due and not self._unknown
            self._show(ready=known and self._due.is_settled(self._intent))
            if stopping():
                return
            self._take(self._links.wait(self._pause_s() if later else self._sleep_s()))

    def release(self, deadline: Deadline, pause: Callable[[float], object]) -> bool:
        """Release what the links have, and return whether all of it could be before the deadline.

        Raises:
            LinksUnreadable: the kernel does not tell.
            EniLifecycleError: EC2 refuses to tell whose the links are, and has never told.
        """
        self._show(ready=False)
        self._due, self._attempt, self._stopping = Due(), 0, lambda: False
        self._told = Told()
        while self._end():
            if deadline.is_over():
                return False
            pause(min(self._pause_s(), deadline.left_s()))
        return not (self._due.refused or self._look_due)

    def _end(self) -> bool:
        """Release what is known of, and return whether some of it, or a look at what there is, has to be tried again."""
        later = self._look() if self._look_due else False
        self._intent = self._intent.ending()
        return self._release() or later

    def _step(self) -> bool:
        """Do what is missing and return whether some of it has to be tried again."""
        look_due = self._look_due or self._look_at_s <= self._now_s()
        later = self._look() if look_due else False
        self._due, self._intent = self._due.come(self._intent, self._now_s())
        later |= self._release()
        later |= self._do(self._intent.assign, self._assign, self._note_placed)
        later |= self._do(self._intent.keep, self._keep, self._note_kept)
        if not later:
            self._attempt = 0
        return later

    def _look(self) -> bool:
        """See what the links have, and return whether EC2 could not tell yet whose they are.

        Raises:
            EniLifecycleError: it will not tell either the next time, and has never told.
        """
        links = self._links.look()
        try:
            problems = self._placing.learn(links, self._named)
        except EniLifecycleError as error:
            if not error.retryable and not self._looked:
                raise
            self._tell_failed((LINKS,), error)
            if not error.retryable:
                self._look_at_s = self._now_s() + intent.tries_refused_after_s(self._spread())
            return error.retryable
        for problem in problems:
            self._tell_failed((LINKS,), problem)
        if not problems:
            self._told = self._told.without([LINKS])
        macs = {link.name: link.mac for link in links}
        self._unknown = frozenset(
            name for name in self._named if macs.get(name) not in self._placing.homes
        )
        carried = following.carried(links, self._placing.homes, self._named)
        before = self._intent.on_links
        self._look_due, self._looked = False, True
        self._intent = self._intent.looked(carried)
        is_sought = self._unknown or not self._placing.homes
        asked_again_s = intent.tries_refused_after_s(self._spread())
        self._look_at_s = self._now_s() + asked_again_s if is_sought else math.inf
        self._forget(before ^ self._intent.on_links)
        return False

    def _take(self, seen: Seen) -> None:
        self._look_due |= seen.anew
        self._forget(seen.appeared)
        for placed in seen.appeared:
            if placed.mac in self._placing.homes:
                self._intent = self._intent.appeared(placed)

    def _forget(self, placed: Iterable[Placed]) -> None:
        """Forget what is known of addresses of which a link tells something new."""
        those = tuple(placed)
        self._due = self._due.without(those)
        self._told = self._told.without(those)
        for each in those:
            self._claimed_from.pop(each, None)

    def _release(self) -> bool:
        """Release what links lost and return whether some of it has to wait."""
        return self._do(self._intent.release, self._placing.release, self._note_released)

    def _do(
        self,
        what: Iterable[Placed],
        act: Callable[[Home, Sequence[Address]], Outcome],
        note: Callable[[str, Outcome], None],
    ) -> bool:
        """Do one thing for some addresses and return whether some of them have to wait."""
        todo, later = sorted(what, key=str), False
        for mac in dict.fromkeys(each.mac for each in todo):
            if self._stopping():
                break
            home = self._placing.homes[mac]
            outcome = act(home, [each.address for each in todo if each.mac == mac])
            for failure in outcome.failures:
                self._tell_failed(
                    _placed(mac, failure.addresses),
                    failure.error,
                    addresses=failure.addresses,
                    eni=home.eni_id,
                )
            later |= any(failure.error.retryable for failure in outcome.failures)
            over = (*outcome.done, *_addresses(outcome.refused))
            self._intent = self._intent.done(_placed(mac, over))
            note(mac, outcome)
        return later

    def _assign(self, home: Home, addresses: Sequence[Address]) -> Outcome:
        """Assign what links got; of what is tried again nothing that an ENI has had since."""
        claimed_from = {
            each.address: eni for each, eni in self._claimed_from.items() if each.mac == home.mac
        }
        return self._placing.assign(home, addresses, claimed_from, self._stopping)

    def _keep(self, home: Home, addresses: Sequence[Address]) -> Outcome:
        """Assign what no ENI has."""
        return self._placing.keep(home, addresses, self._stopping)

    def _note_released(self, mac: str, outcome: Outcome) -> None:
        """Remember when to try again what was refused."""
        self._due = self._due.without(_placed(mac, outcome.done))
        self._told = self._told.without(_placed(mac, outcome.done))
        self._note_refused(mac, outcome.refused, take=False)

    def _note_placed(self, mac: str, outcome: Outcome) -> None:
        """Remember when to look again at what is assigned, and when and how to try again what was refused.

        Of an address whose first look was refused, too, the claim stays open until there is one.
        """
        for address in outcome.failed:
            if address in outcome.seen_on:
                self._claimed_from.setdefault(Placed(mac, address), outcome.seen_on[address])
        self._note_there(mac, outcome)
        for failure in outcome.refused:
            self._note_refused(mac, [failure], take=not _would_be_taken_in_vain(failure))

    def _note_kept(self, mac: str, outcome: Outcome) -> None:
        """Remember the same of what is not to be taken from another ENI."""
        self._note_there(mac, outcome)
        if outcome.seen_on:
            self._note_refused(mac, outcome.refused, take=False)
        else:
            unseen = _placed(mac, _addresses(outcome.refused))
            self._due = self._due.with_unseen(unseen, self._now_s(), self._spread())

    def _note_there(self, mac: str, outcome: Outcome) -> None:
        for each in _placed(mac, outcome.done):
            self._claimed_from.pop(each, None)
        self._told = self._told.without(_placed(mac, (*outcome.assigned, *outcome.found)))
        for address in outcome.elsewhere:
            eni = outcome.seen_on[address]
            wrong = Wrong((Placed(mac, address),), f"elsewhere {eni}")
            self._tell(wrong, "elsewhere", address=address, eni=eni)
        now_s, spread = self._now_s(), self._spread()
        self._due = (
            self._due.with_assigned(_placed(mac, outcome.assigned), now_s, spread)
            .with_found(_placed(mac, outcome.found), now_s, spread)
            .with_elsewhere(_placed(mac, outcome.elsewhere), now_s, spread)
        )

    def _note_refused(self, mac: str, refused: Iterable[Failure], *, take: bool) -> None:
        those = _placed(mac, _addresses(refused))
        self._due = self._due.with_refused(those, self._now_s(), self._spread(), take=take)

    def _sleep_s(self) -> float | None:
        """Return how long there is nothing to do. None: until a link changes."""
        due_s = self._due.pause_s(self._now_s())
        asked_s = min(self._look_at_s, self._mark_at_s) - self._now_s()
        least_s = min(asked_s, math.inf if due_s is None else due_s)
        return None if least_s == math.inf else max(0.0, least_s)

    def _pause_s(self) -> float:
        self._attempt += 1
        return intent.pause_s(self._attempt, self._spread())

    def _show(self, *, ready: bool) -> None:
        """Show whether every address is where it belongs. A file that is there at the start is an earlier sidecar's."""
        try:
            self._mark(ready=ready)
            self._told = self._told.without([READY_FILE])
        except OSError as refused:
            self._tell_failed((READY_FILE,), _unusable(refused, self._ready_file))
            self._mark_at_s = self._now_s() + intent.tries_refused_after_s(self._spread())
            ready = False
        # Whoever reads of it finds it so.
        if ready != self._ready:
            self._ready = ready
            self._say("ready" if ready else "not-ready")

    def _tell_failed(
        self, about: Sequence[object], error: EniLifecycleError, **more: object
    ) -> None:
        self._tell(telling.of_error(about, error), "failed", **more, error=error)

    def _tell(self, wrong: Wrong, event: str, **told: object) -> None:
        """Say what is wrong, unless it was said lately."""
        now_s = self._now_s()
        if self._told.is_news(wrong, now_s):
            self._told = self._told.with_said(wrong, now_s)
            self._say(event, **told)

    def _mark(self, *, ready: bool) -> None:
        self._mark_at_s = math.inf
        if self._ready_file is None or ready == self._ready_file.exists():
            return
        if ready:
            self._ready_file.touch()
        else:
            self._ready_file.unlink()


def _unusable(refused: OSError, file: Path | None) -> EniLifecycleError:
    return errors.ReadyFileUnusable(
        "whether the pod is ready cannot be shown",
        value=f"{file}: {refused.strerror}",
        remedy="Look whether its volume is full, read-only or gone. Addresses are assigned and released all the same.",
    )


def _would_be_taken_in_vain(failure: Failure) -> bool:
    """Return whether IPv6 addresses, tried again, would leave another ENI before it is known that this one cannot have them.

    Of a full ENI it is known beforehand (pod_addresses.room).
    """
    error = failure.error
    return not isinstance(error, QuotaReached) and error.details.get("operation") == ASSIGN_IPV6


def _addresses(failures: Iterable[Failure]) -> list[Address]:
    return [each for failure in failures for each in failure.addresses]


def _placed(mac: str, addresses: Iterable[Address]) -> list[Placed]:
    return [Placed(mac, each) for each in addresses]


def facts(values: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Return an event's facts as JSON has them: errors by code and line, addresses as text, empty ones left out."""
    told: dict[str, object] = {}
    for key, value in values:
        if isinstance(value, EniLifecycleError):
            told["error_code"], told["retryable"] = value.code, value.retryable
            told["message"] = errors.line(value)
        elif isinstance(value, tuple):
            told[key] = [str(each) for each in value]
        elif value not in ("", None):
            told[key] = str(value)
    return told
