"""EC2 of one embedded account: what it puts in moto's place, and who hears of an instance's new state."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from localaws.account import Account
    from localaws.patching import Patch

    StateListener = Callable[[str, str], None]


class Ec2:
    """EC2's behaviour in one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._listeners: list[StateListener] = []

    def on_state_change(self, listener: StateListener) -> None:
        """Call the listener with an instance id and its new state's name.

        The clock calls it at the moment of the change: never inside the API call that caused it, and never
        while the account's lock is held.
        """
        self._listeners.append(listener)

    def patches(self) -> Iterable[Patch]:
        """Yield what stands in the place of moto's EC2."""
        return ()
