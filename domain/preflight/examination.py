"""All rules at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.preflight import (
    adoption,
    cluster,
    created,
    hooks,
    leftovers,
    networks,
    reservations,
    room,
    supply,
)
from domain.preflight.findings import Finding, Rule, Severity, error, worst_first
from domain.preflight.looks import Group, Whole
from domain.preflight.observed import Unseen, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.config import Config
    from domain.node.config import NodeConfig
    from domain.preflight.findings import Trouble
    from domain.preflight.observed import Account

NOT_SHOWN = "not-shown"


def group_exists(group: Group) -> Iterator[Trouble]:
    """The stack adopts Auto Scaling groups by name; PutLifecycleHook refuses one that does not exist."""
    name = group.config.auto_scaling_group
    if name not in shown(group.account.groups):
        yield error(
            name,
            "there is no Auto Scaling group of this name in this account and Region",
            "Correct `auto_scaling_group`, or create the group first.",
        )


WHOLE_RULES: tuple[Rule[Whole], ...] = (
    *cluster.RULES,
    *reservations.WHOLE_RULES,
    *leftovers.RULES,
)
GROUP_RULES: tuple[Rule[Group], ...] = (
    Rule("group-missing", "the Auto Scaling group exists, or is created", group_exists),
    *cluster.GROUP_RULES,
    *created.RULES,
    *networks.RULES,
    *reservations.RULES,
    *supply.RULES,
    *room.RULES,
    *hooks.RULES,
    *adoption.RULES,
)
CODES = (NOT_SHOWN, *(rule.code for rule in WHOLE_RULES), *(rule.code for rule in GROUP_RULES))
"""The code of every finding there can be."""


def examine(
    config: Config, nodes: NodeConfig, account: Account, written: Mapping[str, str]
) -> tuple[Finding, ...]:
    """Return every finding: of the whole file first, then by Auto Scaling group, in each the worst first.

    Args:
        config: what handlers read.
        nodes: what nodes read.
        account: what was seen.
        written: what the file says of the cluster, by the keys of `cluster:`.
    """
    whole = Whole(config, nodes, account, written)
    found = [*_not_shown(account)]
    for rule in WHOLE_RULES:
        found += rule.findings(whole, "", config.cluster_name)
    findings = [*worst_first(found)]
    for group in whole.groups():
        name = group.config.auto_scaling_group
        findings += worst_first(
            [finding for each in GROUP_RULES for finding in each.findings(group, name, name)]
        )
    return tuple(findings)


def _not_shown(account: Account) -> Iterator[Finding]:
    """Tell once of every right that is missing."""
    told: dict[str, str] = {}
    for unseen in _unseen(account):
        told.setdefault(unseen.action, unseen.reason)
    for action, reason in told.items():
        yield Finding(
            NOT_SHOWN,
            Severity.WARNING,
            "",
            action,
            f"not allowed, so what depends on it was not looked at: {reason}",
            f"Allow {action}; docs/preflight.md has the whole policy.",
        )


def _unseen(account: Account) -> Iterator[Unseen]:
    parts: list[object] = [
        account.groups,
        account.others,
        account.subnets,
        account.reservations,
        account.takers,
        account.security_groups,
        account.instance_types,
        account.offerings,
        account.cluster,
        account.vpc_cni,
        account.images,
        account.key_pairs,
        account.placement_groups,
        account.rules,
        account.held,
    ]
    if not isinstance(account.groups, Unseen):
        for group in account.groups.values():
            parts += [group.launches, group.hooks]
    if not isinstance(account.others, Unseen):
        parts += [group.hooks for group in account.others]
    if not isinstance(account.rules, Unseen):
        parts += [rule.targets for rule in account.rules]
    yield from (part for part in parts if isinstance(part, Unseen))
