"""The stack's part of what a person wrote."""

from __future__ import annotations

import authoring
from stacks.settings import StackSettings, settings_of

WRITTEN = """
name: fleet
cluster_name: core
account: "210987654321"
region: eu-central-1
alarm_topic_arn: arn:aws:sns:eu-central-1:210987654321:on-call
log_retention_days: 30
hook: {heartbeat_timeout_s: 900}
reconcile: {interval_minutes: 2, orphan_min_age_minutes: 20, max_deletions_per_run: 7, max_adoptions_per_run: 9, dry_run: true}
node_groups:
  - name: workers
    auto_scaling_group: workers
    node: {ready_hook: true, ready_timeout_s: 1200}
    interfaces:
      - {name: n3, subnets: [subnet-0123456789abcdef0], security_groups: [sg-0123456789abcdef0]}
  - name: others
    auto_scaling_group: others
    interfaces:
      - {name: n3, subnets: [subnet-0123456789abcdef0], security_groups: [sg-0123456789abcdef0]}
      - name: n6
        subnets: [subnet-0123456789abcdef0]
        security_groups: [sg-0123456789abcdef0]
        pod_follow: true
        node: {pod_network: ipvlan-l2}
"""


def test_every_setting_arrives_in_the_stacks_units() -> None:
    assert settings_of(authoring.parse(WRITTEN)) == StackSettings(
        heartbeat_timeout_s=900,
        reconcile_interval_minutes=2,
        orphan_min_age_s=1200,
        max_deletions=7,
        max_adoptions=9,
        dry_run=True,
        log_retention_days=30,
        alarm_topic_arn="arn:aws:sns:eu-central-1:210987654321:on-call",
        account="210987654321",
        region="eu-central-1",
        ready_timeouts_s={"workers": 1200},
        followed=frozenset({"n6"}),
    )
