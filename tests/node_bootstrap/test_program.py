"""What a node runs with: a node that nobody installed says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.change import WriteFile
from domain.node.errors import ConfigurationMissing
from node_bootstrap import program
from node_bootstrap.files import Files

if TYPE_CHECKING:
    from pathlib import Path


def test_the_configuration_of_a_folder_is_read_like_that_of_an_archive(tmp_path: Path) -> None:
    (tmp_path / layout.CONFIGURATION).write_bytes(b"{}")
    assert program.configuration(tmp_path) == b"{}"


def test_a_folder_without_configuration_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationMissing, match="no configuration") as missing:
        program.configuration(tmp_path)
    assert str(tmp_path) in missing.value.value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "no such file"),
        ("{}", "no node_group"),
        ("{", "no node_group"),
        ("[]", "no node_group"),
        ('{"node_group": 1}', "no node_group"),
    ],
)
def test_a_node_that_nobody_installed_is_told_so(
    tmp_path: Path, text: str | None, found: str
) -> None:
    files = Files(tmp_path)
    if text is not None:
        files.carry_out(WriteFile(layout.SETTINGS, text))
    with pytest.raises(ConfigurationMissing, match="which node group") as missing:
        program.node_group_name(files)
    assert found in missing.value.value
