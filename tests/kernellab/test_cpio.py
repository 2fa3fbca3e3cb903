"""The initramfs archive reads back as the kernel reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernellab.cpio import Archive

if TYPE_CHECKING:
    from pathlib import Path


def test_an_archive_lists_what_was_put_in(tmp_path: Path) -> None:
    archive = Archive()
    archive.file("init", b"#!/bin/sh\n", 0o755)
    archive.file("modules/deep/one.ko", b"odd")
    archive.character_device("dev/console", 5, 1)
    path = tmp_path / "archive"
    archive.write(path)
    names, raw = [], path.read_bytes()
    at = 0
    while True:
        assert raw[at : at + 6] == b"070701"
        fields = [int(raw[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name = raw[at + 110 : at + 110 + fields[11] - 1].decode()
        if name == "TRAILER!!!":
            break
        names.append((name, oct(fields[1]), fields[6]))
        at += 110 + fields[11]
        at += -at % 4 + fields[6]
        at += -at % 4
    assert names == [
        ("init", "0o100755", 10),
        ("modules", "0o40755", 0),
        ("modules/deep", "0o40755", 0),
        ("modules/deep/one.ko", "0o100644", 3),
        ("dev", "0o40755", 0),
        ("dev/console", "0o20600", 0),
    ]
