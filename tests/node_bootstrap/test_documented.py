"""The pages that a person is sent to know every error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from domain.node import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs"


def _kinds(root: type[errors.NodeError] = errors.NodeError) -> Iterator[type[errors.NodeError]]:
    for kind in root.__subclasses__():
        if "code" in vars(kind):
            yield kind
        yield from _kinds(kind)


def _table() -> dict[str, int]:
    """Return exit codes by error code, as docs/node-bootstrap.md has them."""
    section = (DOCS / "node-bootstrap.md").read_text().split("## Error codes")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", section, re.MULTILINE)
    return {
        code: int(exit_code)
        for exit_code, codes in rows
        for code in re.findall(r"`([\w-]+)`", codes)
    }


def test_every_error_is_in_the_table_with_its_exit_code() -> None:
    assert _table() == {kind.code: kind.exit_code for kind in _kinds()}


@pytest.mark.parametrize("kind", list(_kinds()), ids=lambda kind: kind.code)
def test_the_runbook_says_what_to_do(kind: type[errors.NodeError]) -> None:
    section = (DOCS / "runbook.md").read_text().split("## A node that does not get ready")[1]
    assert f"`{kind.code}`" in section
