"""What the examples read by name is in the table of docs/outputs.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.examples import facts

if TYPE_CHECKING:
    from pathlib import Path

FILES = [
    facts.EXAMPLES / name
    for name in (
        "eksctl.yaml",
        "launch-template.yaml",
        "terraform/multus-node.sh",
        "terraform/published.tf",
    )
]
"""The example in CDK puts its names together; its own test has them from the template."""
NAMES = (r"/multus-eni/MultusEni-example/[\w/-]+", r"(?<=ImportValue )MultusEni-example-[\w-]+")


def documented() -> set[str]:
    """Return every name of the table, as the example's stack has it."""
    page = (facts.REPOSITORY / "docs" / "outputs.md").read_text()
    return {
        name.replace("<name>", "example").replace("<group>", facts.NODE_GROUP)
        for name in re.findall(r"`((?:/multus-eni/)?MultusEni-<name>[^`]*)`", page)
    }


def read_by(text: str) -> set[str]:
    """Return the names that a file reads."""
    return {name for pattern in NAMES for name in re.findall(pattern, text)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_documented_names_are_read(path: Path) -> None:
    names = read_by(path.read_text())
    assert names
    assert names <= documented()
