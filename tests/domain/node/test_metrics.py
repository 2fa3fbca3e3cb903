"""What a metrics collector reads of a node."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from domain.node import metrics
from domain.node.status import Interface, Run, State, Status

POOL = tuple(f"10.0.3.{last}" for last in range(11, 19)), tuple(f"2001:db8::{n}" for n in range(8))
N3 = Interface("n3", "ready", pod_addresses=POOL[0] + POOL[1])
N6 = Interface("n6", "ready", addresses=("10.0.6.10",))
DOCS = Path(__file__).parents[3] / "docs" / "node-bootstrap.md"


def left(state: State, *interfaces: Interface) -> Status:
    return Status(state, "done", Run.BOOT, "2026-11-29T08:00:00Z", interfaces=interfaces)


def samples(text: str) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_the_page_shows_what_is_written() -> None:
    noted = {"n3": {*POOL[0][:3], *POOL[1][:3], "lock", "last_reserved_ip.0"}}
    shown = metrics.exposition(left(State.READY, N3, N6), noted)
    section = DOCS.read_text(encoding="utf-8").split("## Metrics")[1]
    assert shown == section.split("```\n")[1]


@pytest.mark.parametrize("state", State)
def test_only_a_ready_node_is_ready(state: State) -> None:
    shown = samples(metrics.exposition(left(state, N6), {}))
    assert shown == {"multus_node_ready": "1" if state is State.READY else "0"}


def test_a_node_without_a_status_is_not_ready() -> None:
    assert samples(metrics.exposition(None, {})) == {"multus_node_ready": "0"}


def test_an_address_that_the_eni_has_lost_is_not_counted() -> None:
    pool = Interface("n3", "ready", pod_addresses=("10.0.3.11",))
    shown = samples(metrics.exposition(left(State.READY, pool), {"n3": {"10.0.3.11", "10.0.3.99"}}))
    labels = '{interface="n3",family="ipv4"}'
    assert shown[f"multus_node_pod_addresses_used{labels}"] == "1"
    assert shown[f"multus_node_pod_addresses{labels}"] == "1"
    assert not [name for name in shown if "ipv6" in name]


def test_a_pool_without_pods_is_not_used() -> None:
    shown = samples(metrics.exposition(left(State.READY, N3), {}))
    used = {name: value for name, value in shown.items() if "_used" in name}
    assert set(used.values()) == {"0"}
    assert len(used) == 2


def test_the_format_is_prometheus_s() -> None:
    text = metrics.exposition(left(State.READY, N3), {})
    sample = r'[a-z_]+({[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*})? \d+'
    kinds = rf"# HELP [a-z_]+ .+|# TYPE [a-z_]+ gauge|{sample}"
    assert text.endswith("\n")
    assert all(re.fullmatch(kinds, line) for line in text.splitlines())
