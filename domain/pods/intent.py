"""What is yet to be done for a pod's addresses, and when: by what its links show, by what EC2 answered, and by the time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from domain.pods.following import Placed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
MOST_DOUBLINGS = 32
LOOKS_AGAIN_AFTER_S = (5.0, 30.0)
"""When an address that was found on its ENI is looked at again: whoever assigned it may be another pod on the ENI, about to release
it. A release takes no longer than its sidecar needs to hear of it, or than EC2 throttles it."""
LOOKS_EVERY_S = 300.0
"""And ever after: another pod may have had the address meanwhile and have released it, of which no link tells. A call for each ENI
and family, so a thousand pods take three or seven of the twenty a second that EC2 allows (EC2 Developer Guide, "Request throttling")."""
LOOKS_ELSEWHERE_EVERY_S = 30.0
"""The same while another ENI has it: two pods hold one address, and one of them will give it up."""
TRIES_REFUSED_AFTER_S = 60.0
"""When what EC2 refused for good is tried again: room comes on a full ENI, a policy is attached, and no link tells of either."""


@dataclass(frozen=True)
class Intent:
    """What the sidecar has yet to do, by what the links showed and by the time.

    An address that another node took over stays there until the pod's own link shows a new event: for the time's sake alone nothing
    is taken from an ENI but the one that had it when the link got it.
    """

    on_links: frozenset[Placed] = frozenset()
    assign: frozenset[Placed] = frozenset()
    release: frozenset[Placed] = frozenset()
    keep: frozenset[Placed] = frozenset()
    """What is assigned only if no ENI has it."""

    def appeared(self, placed: Placed) -> Intent:
        """Return what follows from an address that a link got, or got once more."""
        intent = self._without([placed])
        return replace(intent, on_links=self.on_links | {placed}, assign=intent.assign | {placed})

    def vanished(self, placed: Placed) -> Intent:
        """Return what follows from an address that a link lost; of one that was never there, nothing."""
        if placed not in self.on_links:
            return self
        intent = self._without([placed])
        return replace(intent, on_links=self.on_links - {placed}, release=intent.release | {placed})

    def looked(self, seen: Iterable[Placed]) -> Intent:
        """Return what follows from a look at everything: of what is as it was, nothing."""
        now, then = frozenset(seen), self.on_links
        intent = self
        for placed in now - then:
            intent = intent.appeared(placed)
        for placed in then - now:
            intent = intent.vanished(placed)
        return intent

    def again(self, placed: Placed, *, take: bool) -> Intent:
        """Return what follows when the time has come: what the link says of an address by now.

        Args:
            placed: the address.
            take: whether it may still be taken from another ENI.
        """
        if placed not in self.on_links:
            return replace(self, release=self.release | {placed})
        if placed in self.assign:
            return self
        if take:
            return replace(self, assign=self.assign | {placed}, keep=self.keep - {placed})
        return replace(self, keep=self.keep | {placed})

    def done(self, placed: Iterable[Placed]) -> Intent:
        """Return the same without what was done, or given up."""
        return self._without(placed)

    def ending(self) -> Intent:
        """Return what is left when the pod ends: to release all that its links have."""
        return Intent(release=self.release | self.on_links)

    def _without(self, placed: Iterable[Placed]) -> Intent:
        those = frozenset(placed)
        return replace(
            self,
            assign=self.assign - those,
            release=self.release - those,
            keep=self.keep - those,
        )


class Refused(NamedTuple):
    """An address of which EC2 refused something for good."""

    at_s: float
    """When it is tried again."""
    take: bool
    """Whether it may then be taken from another ENI."""


class Watched(NamedTuple):
    """An address that is where it belongs, or where another pod has it."""

    at_s: float
    """When it is looked at again."""
    looks: int
    """How often it was found on its ENI."""
    elsewhere: bool = False
    """Whether another ENI had it."""


@dataclass(frozen=True)
class Due:
    """What is come back to though no link tells anything new, each once its time has come.

    Times are seconds of one clock that never goes back, and `spread` a random number from 0 to 1.
    """

    refused: Mapping[Placed, Refused] = field(default_factory=dict)
    watched: Mapping[Placed, Watched] = field(default_factory=dict)

    def is_settled(self, intent: Intent) -> bool:
        """Return whether every address is where it belongs, as far as is known.

        A look that is late tells nothing against what was found there before.

        Args:
            intent: what is yet to be done.
        """
        there = {each for each, what in self.watched.items() if not what.elsewhere}
        astray = len(there) < len(self.watched)
        undone = intent.assign or intent.release or intent.keep - there
        return not (self.refused or astray or undone)

    def without(self, placed: Iterable[Placed]) -> Due:
        """Return the same without some addresses: a link told something new of them."""
        those = frozenset(placed)
        return Due(
            {each: what for each, what in self.refused.items() if each not in those},
            {each: what for each, what in self.watched.items() if each not in those},
        )

    def with_refused(
        self, placed: Iterable[Placed], now_s: float, spread: float, *, take: bool
    ) -> Due:
        """Return the same with what EC2 refused just now."""
        those = tuple(placed)
        what = Refused(now_s + tries_refused_after_s(spread), take)
        rest = self.without(those)
        return replace(rest, refused={**rest.refused, **dict.fromkeys(those, what)})

    def with_found(self, placed: Iterable[Placed], now_s: float, spread: float) -> Due:
        """Return the same with what was found on its ENI just now."""
        steps, watched = (*LOOKS_AGAIN_AFTER_S, LOOKS_EVERY_S), dict[Placed, Watched]()
        for each in placed:
            looks = self.watched[each].looks if each in self.watched else 0
            at_s = now_s + _spread_s(steps[looks], spread)
            watched[each] = Watched(at_s, min(looks + 1, len(LOOKS_AGAIN_AFTER_S)))
        return self._watching(watched)

    def with_assigned(self, placed: Iterable[Placed], now_s: float, spread: float) -> Due:
        """Return the same with what was assigned just now."""
        what = Watched(now_s + _spread_s(LOOKS_EVERY_S, spread), len(LOOKS_AGAIN_AFTER_S))
        return self._watching(dict.fromkeys(placed, what))

    def with_elsewhere(self, placed: Iterable[Placed], now_s: float, spread: float) -> Due:
        """Return the same with what another ENI was found to have just now."""
        at_s = now_s + _spread_s(LOOKS_ELSEWHERE_EVERY_S, spread)
        what = Watched(at_s, len(LOOKS_AGAIN_AFTER_S), elsewhere=True)
        return self._watching(dict.fromkeys(placed, what))

    def with_unseen(self, placed: Iterable[Placed], now_s: float, spread: float) -> Due:
        """Return the same with what EC2 refused to look at just now: it is taken to be as it was seen last, if it ever was."""
        seen = [each for each in placed if each in self.watched]
        at_s = now_s + tries_refused_after_s(spread)
        again = self._watching({each: self.watched[each]._replace(at_s=at_s) for each in seen})
        never = [each for each in placed if each not in self.watched]
        return again.with_refused(never, now_s, spread, take=False)

    def _watching(self, watched: Mapping[Placed, Watched]) -> Due:
        rest = self.without(watched)
        return replace(rest, watched={**rest.watched, **watched})

    def come(self, intent: Intent, now_s: float) -> tuple[Due, Intent]:
        """Return what is not due yet, and what follows from what is."""
        refused = [each for each, what in self.refused.items() if what.at_s <= now_s]
        for each in refused:
            intent = intent.again(each, take=self.refused[each].take)
        watched = dict(self.watched)
        for each, what in self.watched.items():
            if what.at_s <= now_s:
                intent = intent.again(each, take=False)
                # What was known of it is, until it is known what came of the look.
                watched[each] = what._replace(at_s=math.inf)
        return replace(self.without(refused), watched=watched), intent

    def pause_s(self, now_s: float) -> float | None:
        """Return how long it is until the first is due. None: nothing will be."""
        times = [each.at_s for each in self.refused.values()]
        first_s = min((*times, *(each.at_s for each in self.watched.values())), default=math.inf)
        return None if first_s == math.inf else max(0.0, first_s - now_s)


def pause_s(attempt: int, spread: float) -> float:
    """Return how long to wait before the next attempt: exponential, with all of it left to chance but a tenth.

    Pods that fail over together would otherwise come back together (Amazon Builders' Library, "Timeouts, retries, and backoff
    with jitter").

    Args:
        attempt: how many there were, from 1.
        spread: a random number from 0 to 1.
    """
    # A float has no 2.0 ** 1024, and an outage of hours has as many attempts.
    longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempt - 1, MOST_DOUBLINGS))
    return longest_s * (0.1 + 0.9 * spread)


def tries_refused_after_s(spread: float) -> float:
    """Return how long to wait before what was refused is tried again.

    Args:
        spread: a random number from 0 to 1.
    """
    return _spread_s(TRIES_REFUSED_AFTER_S, spread)


def _spread_s(seconds: float, spread: float) -> float:
    """Return a time with up to a quarter more, so that pods that started together do not ask together."""
    return seconds * (1.0 + 0.25 * spread)
