"""The shipped example at work in this very process, with one node of each group in service."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from moto import mock_aws

from cli.rehearsal import Function, Rehearsal, SerialWorkers, rehearse
from localaws.account import Account, Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture
def document() -> dict[str, Any]:
    """Return the example configuration as YAML reads it."""
    read: dict[str, Any] = yaml.safe_load((CONFIG / "example.yaml").read_text(encoding="utf-8"))
    return read


@pytest.fixture
def served() -> Iterator[Callable[[dict[str, Any]], Rehearsal]]:
    """Return what makes a rehearsal of a configuration with one served node in each group."""
    with ExitStack() as stack:

        def serve(document: dict[str, Any]) -> Rehearsal:
            made = stack.enter_context(
                rehearse(document, VirtualClock(), Settings(), SerialWorkers())
            )
            for group in made.platform.groups:
                made.desire(group, 1)
            made.account.clock.wait(5)
            events = made.opened(made.runtime.environment.launch_hook)
            made.deliver(Function.LAUNCH, [json.dumps(event) for event in events])
            made.account.clock.wait(5)
            return made

        yield serve


@pytest.fixture
def rehearsal(document: dict[str, Any], served: Callable[[dict[str, Any]], Rehearsal]) -> Rehearsal:
    """Return a rehearsal of the example with one served node in each group."""
    return served(document)


@pytest.fixture
def empty_account() -> Iterator[Account]:
    """Return an account that nobody has used."""
    account = Account(VirtualClock(), Settings())
    with account.active(), mock_aws():
        yield account
