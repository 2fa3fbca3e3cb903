"""An account in virtual time, and the example's two node groups deployed into it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml

# jsii reads it when node starts, which importing aws_cdk does.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

from tests.deployed.deployment import REPOSITORY, account_in_virtual_time, deploy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localaws.account import Account
    from tests.deployed.deployment import Deployed


@pytest.fixture
def account() -> Iterator[Account]:
    """An empty account."""
    with account_in_virtual_time() as account:
        yield account


@pytest.fixture
def document() -> dict[str, Any]:
    """The example's configuration, as YAML reads it."""
    read: dict[str, Any] = yaml.safe_load((REPOSITORY / "config" / "example.yaml").read_text())
    return read


@pytest.fixture
def deployed(account: Account, document: dict[str, Any], tmp_path: Path) -> Deployed:
    """The example, deployed."""
    return deploy(account, document, tmp_path)
