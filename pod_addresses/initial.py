"""`init`: the pod's containers start when EC2 delivers to each of its addresses, and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from domain.errors import DeadlineExceeded, EniLifecycleError
from domain.pods import errors, following, intent
from domain.pods.following import Placed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from domain.pods.following import Address, PodLink
    from node_bootstrap.deadline import Deadline
    from pod_addresses.placing import Failure, Placing


class Failed(Exception):
    """What keeps the pod from starting: every failure, not only the first."""

    def __init__(self, failures: Sequence[EniLifecycleError]) -> None:
        super().__init__("\n".join(errors.line(each) for each in failures))
        self.failures = tuple(failures)


class Patience(NamedTuple):
    """How long, and how, is waited between attempts."""

    deadline: Deadline
    pause: Callable[[float], object]
    spread: Callable[[], float]
    """A random number from 0 to 1."""


def assign_all(
    links: Sequence[PodLink],
    placing: Placing,
    patience: Patience,
    *,
    named: Sequence[str] = (),
    asked: Iterable[tuple[str, Address]] = (),
) -> tuple[Placed, ...]:
    """Assign what the links carry, and what was asked for, and return it once all of it is there.

    Args:
        links: of the pod.
        placing: who assigns.
        patience: how long to try again what may work later.
        named: the links that must have an ENI, and whose addresses count. None: whichever has.
        asked: further addresses, by the link that will have them.

    Raises:
        Failed: an address is not assigned; before anything is, where the links or the addresses cannot be right.
    """
    further = tuple(asked)
    required = tuple(dict.fromkeys((*named, *(name for name, _ in further))))
    problems = _patiently(lambda: placing.learn(links, required), patience)
    macs = {link.name: link.mac for link in links}
    placed = [
        *following.carried(links, placing.homes, named),
        *(Placed(macs[name], each) for name, each in further if macs.get(name) in placing.homes),
    ]
    problems = (*problems, *following.outside(placed, placing.homes))
    if not placed and not problems:
        problems = (following.nothing(links),)
    if problems:
        raise Failed(problems)
    wanted = tuple(dict.fromkeys(placed))
    _assign(wanted, placing, patience)
    return wanted


def _patiently(
    ask: Callable[[], tuple[errors.PodAddressError, ...]], patience: Patience
) -> tuple[EniLifecycleError, ...]:
    """Return what was asked for, after as many attempts as there is time for."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return ask()
        except EniLifecycleError as error:
            if not error.retryable:
                raise Failed([error]) from error
            _wait(attempt, [error], patience)


def _assign(wanted: Sequence[Placed], placing: Placing, patience: Patience) -> None:
    missing, attempt = list(wanted), 0
    while missing:
        attempt += 1
        failures: list[tuple[str, Failure]] = []
        for mac in dict.fromkeys(each.mac for each in missing):
            addresses = [each.address for each in missing if each.mac == mac]
            outcome = placing.assign(placing.homes[mac], addresses)
            failures += [(mac, failure) for failure in outcome.failures]
        why = [failure.error for _, failure in failures]
        if any(not error.retryable for error in why):
            raise Failed(why)
        missing = [Placed(mac, each) for mac, failure in failures for each in failure.addresses]
        if missing:
            _wait(attempt, why, patience)


def _wait(attempt: int, why: Sequence[EniLifecycleError], patience: Patience) -> None:
    """Wait before the next attempt.

    Raises:
        Failed: there is no time for another.
    """
    if patience.deadline.is_over():
        late = DeadlineExceeded("not every address was assigned in time; see --timeout")
        raise Failed([*why, late])
    pause_s = intent.pause_s(attempt, patience.spread())
    patience.pause(min(pause_s, patience.deadline.left_s()))
