"""Nodes in service that are older than the stack, or than one of its interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.preflight.findings import Rule, warning
from domain.preflight.observed import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.model import InstanceId
    from domain.preflight.findings import Trouble
    from domain.preflight.looks import Group


def lacking(group: Group) -> Mapping[InstanceId, tuple[str, ...]]:
    """Return the interfaces that nodes in service lack, by node; a node that has all is left out.

    Raises:
        CannotTell: the group or the network interfaces were not shown.
    """
    held = shown(group.account.held)
    promised = [spec.name for spec in group.config.interfaces]
    missing = {
        node: tuple(name for name in promised if name not in held.get(node, frozenset()))
        for node in group.in_account.in_service
    }
    return {node: names for node, names in missing.items() if names}


def nodes_have_their_interfaces(group: Group) -> Iterator[Trouble]:
    """The launch hook serves nodes that launch; what becomes of those in service is `adopt_running`'s to say."""
    missing = lacking(group)
    if not missing:
        return
    count = len(missing)
    who = f"{count} of {len(group.in_account.in_service)} nodes in service {'lacks' if count == 1 else 'lack'} interfaces"
    if group.config.adopt_running:
        yield warning(
            group.in_account.name,
            f"{who}; the reconciler gives them what they lack, at most max_adoptions_per_run nodes in each run",
            "See below which node gets what. If running nodes are to stay as they are, write `adopt_running: false`.",
        )
    else:
        yield warning(
            group.in_account.name,
            f"{who}; they are reported at every run and not touched",
            "Replace them when it suits (an instance refresh), or write `adopt_running: true`.",
        )


RULES: tuple[Rule[Group], ...] = (
    Rule(
        "nodes-without-interfaces",
        "every node in service has its interfaces",
        nodes_have_their_interfaces,
    ),
)
