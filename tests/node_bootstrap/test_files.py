"""The host's files: replaced in one step, and what is not there is an answer, not an error."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from domain.node.change import RemoveFile, WriteFile
from node_bootstrap.files import Files


def test_a_path_of_the_host_is_below_the_root(tmp_path: Path) -> None:
    assert Files(tmp_path).at("/etc/x") == tmp_path / "etc/x"
    assert Files().at("/etc/x") == Path("/etc/x")


def test_what_is_written_is_read_and_has_its_mode_whatever_the_umask(tmp_path: Path) -> None:
    files = Files(tmp_path)
    former = os.umask(0o077)
    try:
        files.carry_out(WriteFile("/etc/deep/x.conf", "a\n"))
        files.carry_out(WriteFile("/etc/deep/secret", "b\n", mode=0o600))
    finally:
        os.umask(former)
    assert files.text("/etc/deep/x.conf") == "a\n"
    assert stat.S_IMODE((tmp_path / "etc/deep/x.conf").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "etc/deep/secret").stat().st_mode) == 0o600
    assert files.names("/etc/deep") == ("secret", "x.conf")


def test_a_reader_that_has_the_file_open_keeps_the_old_content(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.carry_out(WriteFile("/x", "old"))
    with (tmp_path / "x").open() as reader:
        files.carry_out(WriteFile("/x", "new", replaces=True))
        assert reader.read() == "old"
    assert files.text("/x") == "new"


def test_what_a_killed_run_left_half_written_is_used_up_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".x.fresh").write_text("half, and longer than what comes after it")
    files = Files(tmp_path)
    files.carry_out(WriteFile("/x", "whole"))
    assert (files.text("/x"), files.names("/")) == ("whole", ("x",))


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.carry_out(WriteFile("/x", "old"))
    (tmp_path / ".x.fresh").mkdir()
    with pytest.raises(OSError, match="directory"):
        files.carry_out(WriteFile("/x", "new"))
    assert files.text("/x") == "old"


def test_a_failed_write_leaves_nothing_of_its_own(tmp_path: Path) -> None:
    files = Files(tmp_path)
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match="directory"):
        files.carry_out(WriteFile("/x", "new"))
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def test_a_file_is_taken_away_twice(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.carry_out(WriteFile("/x", ""))
    files.carry_out(RemoveFile("/x"))
    files.carry_out(RemoveFile("/x"))
    assert files.text("/x") is None


@pytest.mark.parametrize("path", ["/none", "/none/below", "/file/below"])
def test_what_is_not_there_has_no_text_names_or_target(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    files = Files(tmp_path)
    assert (files.text(path), files.names(path), files.target(path)) == (None, (), None)


def test_a_file_that_is_there_and_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        Files(tmp_path).text("/folder")


def test_a_link_tells_the_last_part_of_its_target(tmp_path: Path) -> None:
    (tmp_path / "driver").symlink_to("../../../bus/pci/drivers/ena")
    (tmp_path / "file").write_text("")
    assert Files(tmp_path).target("/driver") == "ena"
    assert Files(tmp_path).target("/file") is None


def test_bytes_that_are_no_text_survive_a_read_and_a_write(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a\xff\xfe")
    files = Files(tmp_path)
    text = files.text("/x")
    assert text is not None
    files.carry_out(WriteFile("/y", text))
    assert (tmp_path / "y").read_bytes() == b"a\xff\xfe"


def test_a_kernel_attribute_is_written_in_one_write_and_never_made(tmp_path: Path) -> None:
    files = Files(tmp_path)
    os.mkfifo(tmp_path / "attribute")
    reader = os.open(tmp_path / "attribute", os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.set("/attribute", "0000:00:06.0\n")
        assert os.read(reader, 100) == b"0000:00:06.0\n"
    finally:
        os.close(reader)
    with pytest.raises(FileNotFoundError):
        files.set("/absent", "1")
    assert files.names("/") == ("attribute",)
