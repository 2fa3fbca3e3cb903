"""`follow`: the pod's addresses are on the ENIs of its links for as long as the links have them, and no longer."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Protocol

from domain.errors import EniLifecycleError
from domain.pods import errors, following
from domain.pods.following import Due, Intent, Placed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from domain.pods.following import Address, Home, PodLink
    from node_bootstrap.deadline import Deadline
    from pod_addresses.links import Seen
    from pod_addresses.placing import Outcome, Placing


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
        self._look_due = True
        self._attempt = 0
        self._ready: bool | None = None
        self._unknown: frozenset[str] = frozenset()
        """The links that count and belong to no ENI of the stack."""

    def run(self, stopping: Callable[[], bool]) -> None:
        """Follow until `stopping`; then nothing is released yet, see `release`.

        After each change, and after a pause where something may work later, it does what is missing. It sleeps otherwise: once what
        it found assigned was there each time that it looked again, it asks EC2 nothing while nothing changes. An address that
        another node took over stays there.

        Raises:
            LinksUnreadable: the kernel does not tell.
            EniLifecycleError: EC2 refuses to tell whose the links are. Kubernetes starts a sidecar that ends anew, ever later.
        """
        self._show(ready=False)
        while not stopping():
            later = self._step()
            self._show(ready=not (later or self._due.refused or self._unknown))
            if stopping():
                return
            due_s = self._due.pause_s(self._now_s())
            self._take(self._links.wait(self._pause_s() if later else due_s))

    def release(self, deadline: Deadline, pause: Callable[[float], object]) -> bool:
        """Release what the links have, and return whether all of it could be before the deadline."""
        self._show(ready=False)
        self._intent, self._due, self._attempt = self._intent.ending(), Due(), 0
        while self._do(self._intent.release, self._placing.release):
            if deadline.is_over():
                return False
            pause(min(self._pause_s(), deadline.left_s()))
        return not self._due.refused

    def _step(self) -> bool:
        """Do what is missing and return whether some of it has to be tried again."""
        later = self._look() if self._look_due else False
        self._due, self._intent = self._due.come(self._intent, self._now_s())
        later |= self._do(self._intent.release, self._placing.release)
        later |= self._do(self._intent.assign, self._placing.assign)
        later |= self._do(self._intent.keep, self._placing.keep)
        if not later:
            self._attempt = 0
        return later

    def _look(self) -> bool:
        """See what the links have, and return whether EC2 could not tell yet whose they are.

        Raises:
            EniLifecycleError: it will not tell either the next time.
        """
        links = self._links.look()
        try:
            for problem in self._placing.learn(links, self._named):
                self._say("failed", error=problem)
        except EniLifecycleError as error:
            if not error.retryable:
                raise
            self._say("failed", error=error)
            return True
        self._look_due = False
        macs = {link.name: link.mac for link in links}
        self._unknown = frozenset(
            name for name in self._named if macs.get(name) not in self._placing.homes
        )
        before = self._intent.on_links
        self._intent = self._intent.looked(following.carried(links, self._placing.homes))
        self._due = self._due.without(before ^ self._intent.on_links)
        return False

    def _take(self, seen: Seen) -> None:
        self._look_due |= seen.anew
        self._due = self._due.without((*seen.vanished, *seen.appeared))
        for placed in seen.vanished:
            self._intent = self._intent.vanished(placed)
        for placed in seen.appeared:
            if placed.mac in self._placing.homes:
                self._intent = self._intent.appeared(placed)

    def _do(
        self, what: Iterable[Placed], act: Callable[[Home, Iterable[Address]], Outcome]
    ) -> bool:
        """Do one thing for some addresses and return whether some of them have to wait."""
        todo, later = sorted(what, key=str), False
        for mac in dict.fromkeys(each.mac for each in todo):
            home = self._placing.homes[mac]
            outcome = act(home, [each.address for each in todo if each.mac == mac])
            finished = [Placed(mac, address) for address in outcome.done]
            refused: list[Placed] = []
            for failure in outcome.failures:
                self._say(
                    "failed", addresses=failure.addresses, eni=home.eni_id, error=failure.error
                )
                if failure.error.retryable:
                    later = True
                else:
                    refused += [Placed(mac, address) for address in failure.addresses]
            self._intent = self._intent.done((*finished, *refused))
            found = [Placed(mac, address) for address in outcome.found]
            self._due = (
                self._due.without(each for each in finished if each not in found)
                .with_found(found, self._now_s(), self._spread())
                .with_refused(refused, self._now_s(), self._spread())
            )
        return later

    def _pause_s(self) -> float:
        self._attempt += 1
        return following.pause_s(self._attempt, self._spread())

    def _show(self, *, ready: bool) -> None:
        """Show whether every address is where it belongs. A file that is there at the start is an earlier sidecar's."""
        if self._ready_file is not None and ready != self._ready_file.exists():
            if ready:
                self._ready_file.touch()
            else:
                self._ready_file.unlink()
        # Whoever reads of it finds it so.
        if ready != self._ready:
            self._ready = ready
            self._say("ready" if ready else "not-ready")


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
