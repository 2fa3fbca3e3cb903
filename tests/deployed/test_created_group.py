"""A group that is created: its very first node is hooked, and a change reaches nodes only when new ones are ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cli.demo import platform
from localaws.clock import VirtualClock
from tests.deployed.created import have_created
from tests.deployed.deployment import (
    change,
    create,
    install,
    one_environment,
    synthesize,
)

if TYPE_CHECKING:
    from pathlib import Path

    from localaws.account import Account
    from tests.deployed.deployment import Deployed

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

SIGNALLING = 0
INTERFACES = 2


@pytest.fixture
def configuration(account: Account, document: dict[str, Any]) -> platform.Platform:
    """The example, where the signalling group is created with one node."""
    made = platform.build(account, document)
    have_created(account, made.document, SIGNALLING, min_size=1)
    return made


@pytest.fixture
def name(configuration: platform.Platform) -> str:
    """The group's name, and its stack's."""
    written = configuration.document
    return f"MultusEni-{written['name']}-{written['node_groups'][SIGNALLING]['name']}"


@pytest.fixture
def deployed(
    account: Account, configuration: platform.Platform, name: str, tmp_path: Path
) -> Deployed:
    """Both stacks, in the order of their dependency."""
    assembly = synthesize(configuration.document, tmp_path)
    assert isinstance(account.clock, VirtualClock)
    host = one_environment(account.clock)
    deployed = install(account, configuration, assembly, host)
    create(account, assembly, name)
    return deployed


def test_the_very_first_node_waits_for_its_interfaces(deployed: Deployed, name: str) -> None:
    (node,) = deployed.observer.nodes()
    assert (node.group, node.state) == (name, "Pending:Wait")
    deployed.until(lambda: len(deployed.nodes()) == 1, within_s=60)
    assert len(deployed.enis()) == INTERFACES
    assert deployed.broken_promises() == []


def test_a_change_is_there_once_every_new_node_has_its_interfaces(
    deployed: Deployed,
    account: Account,
    configuration: platform.Platform,
    name: str,
    tmp_path: Path,
) -> None:
    deployed.until(lambda: len(deployed.nodes()) == 1, within_s=60)
    (before,) = deployed.nodes()
    written = configuration.document["node_groups"][SIGNALLING]["create"]
    written["labels"] = {"example.com/generation": "two"}
    (tmp_path / "again").mkdir()
    change(account, synthesize(configuration.document, tmp_path / "again"), name)
    (after,) = deployed.nodes()
    assert after.instance_id != before.instance_id
    deployed.until(lambda: len(deployed.enis()) == INTERFACES, within_s=120)
    assert deployed.broken_promises() == []


def test_a_deleted_group_leaves_no_interface_behind(
    deployed: Deployed, account: Account, name: str
) -> None:
    deployed.until(lambda: len(deployed.nodes()) == 1, within_s=60)
    account.client("cloudformation").delete_stack(StackName=name)
    assert deployed.observer.nodes() == []
    deployed.until(lambda: deployed.enis() == [], within_s=120)
