"""What a stack is told besides the resolved configuration: pace, retention, where alarms go, which account."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authoring import Authored


@dataclass(frozen=True)
class StackSettings:
    """The knobs of the machinery; none of them changes what a node gets."""

    heartbeat_timeout_s: int
    """How long a hook stays open without a sign of life (Auto Scaling allows 30 to 7200)."""
    reconcile_interval_minutes: int
    orphan_min_age_s: int
    max_deletions: int
    """The most network interfaces one reconcile run deletes."""
    max_adoptions: int
    """The most nodes in service that one reconcile run gives interfaces."""
    dry_run: bool
    """Whether the reconciler only reports what it would do."""
    log_retention_days: int
    """One of the values that CloudWatch Logs allows."""
    alarm_topic_arn: str | None = None
    account: str | None = None
    """None, like `region`, leaves the stack to the account and region of whoever deploys it."""
    region: str | None = None
    ready_timeouts_s: Mapping[str, int] = field(default_factory=dict)
    """The ready hook's heartbeat timeout by node group; a group that is not in it has no ready hook."""
    hooked_inline: frozenset[str] = frozenset()
    """The node groups that are created together with their hooks."""
    followed: frozenset[str] = frozenset()
    """The names of the interfaces whose ENIs are assigned addresses that follow pods."""


def settings_of(authored: Authored) -> StackSettings:
    """Return the stack's part of what a person wrote."""
    return StackSettings(
        heartbeat_timeout_s=authored.hook.heartbeat_timeout_s,
        reconcile_interval_minutes=authored.reconcile.interval_minutes,
        orphan_min_age_s=authored.reconcile.orphan_min_age_minutes * 60,
        max_deletions=authored.reconcile.max_deletions_per_run,
        max_adoptions=authored.reconcile.max_adoptions_per_run,
        dry_run=authored.reconcile.dry_run,
        log_retention_days=authored.log_retention_days,
        alarm_topic_arn=authored.alarm_topic_arn,
        account=authored.account,
        region=authored.region,
        ready_timeouts_s={
            group.name: group.node.ready_timeout_s
            for group in authored.node_groups
            if group.has_ready_hook
        },
        hooked_inline=frozenset(
            group.name for group in authored.node_groups if group.create is not None
        ),
        followed=frozenset(
            interface.name
            for group in authored.node_groups
            for interface in group.interfaces
            if interface.pod_follow
        ),
    )
