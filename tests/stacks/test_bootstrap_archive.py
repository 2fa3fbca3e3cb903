"""The bootstrap's archive: the same everywhere, nothing in it that a node lacks, and it runs under Python 3.9."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import shutil
import stat
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.config import from_json
from domain.node.errors import ConfigurationMissing
from node_bootstrap import install, program
from stacks.bootstrap_archive import (
    SHEBANG,
    ForeignImport,
    archive_bytes,
    bootstrap_content,
    stage_bootstrap,
)
from tests.python39 import CONFIG, ISOLATED, REPOSITORY, python39

if TYPE_CHECKING:
    from pathlib import Path

EXPECTED = re.compile(
    r"__main__\.py|config\.json"
    r"|domain/(__init__|aws_codes|errors|naming|tags)\.py|domain/node/\w+\.py"
    r"|domain/pods/(__init__|errors|following|intent|telling)\.py|pod_addresses/\w+\.py"
    r"|node_bootstrap/\w+\.py|node_bootstrap/units/[\w.-]+"
)
IMPORT_ALL = """
import sys, zipfile
sys.path.insert(0, sys.argv[1])
for name in sorted(zipfile.ZipFile(sys.argv[1]).namelist()):
    if name.endswith(".py") and name not in (
            "__main__.py",
            "node_bootstrap/__main__.py",
            "pod_addresses/__main__.py",
        ):
        __import__(name[:-3].replace("/", ".").replace(".__init__", ""))
foreign = [m.__name__ for m in sys.modules.values() if "site-packages" in (getattr(m, "__file__", "") or "")]
assert not foreign, foreign
from pathlib import Path
from node_bootstrap import install, program, unpacking
from domain.node.config import from_json
assert program.running() == Path(sys.argv[1]).resolve()
config = from_json(program.configuration(program.running()).decode())
from node_bootstrap.files import Files
files = Files(Path(sys.argv[2]))
plan = install.plan(config.node_group("workers"), unpacking.content(program.running()), files)
print(len(plan.files), config.owner)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Another checkout of the repository, with the dirt of daily work in it."""
    for package in ("domain", "node_bootstrap", "pod_addresses"):
        shutil.copytree(
            REPOSITORY / package,
            tmp_path / "elsewhere" / package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    cache = tmp_path / "elsewhere" / "node_bootstrap" / "__pycache__"
    cache.mkdir()
    (cache / "files.cpython-311.pyc").write_bytes(b"\0")
    (tmp_path / "elsewhere" / "node_bootstrap" / "notes.txt").write_text("not code")
    return tmp_path / "elsewhere"


def test_two_checkouts_give_the_same_bytes(checkout: Path, tmp_path: Path) -> None:
    here = archive_bytes(bootstrap_content(CONFIG, repository=REPOSITORY))
    for path in checkout.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (1, 1))
    assert archive_bytes(bootstrap_content(CONFIG, repository=checkout)) == here
    staged = stage_bootstrap(CONFIG, repository=checkout, build=tmp_path)
    assert staged.archive.read_bytes() == here
    assert staged.digest == hashlib.sha256(here).hexdigest()


def test_a_changed_line_or_configuration_gives_another_archive(
    checkout: Path, tmp_path: Path
) -> None:
    first = stage_bootstrap(CONFIG, repository=checkout, build=tmp_path)
    with (checkout / "node_bootstrap" / "files.py").open("a") as source:
        source.write("# changed\n")
    second = stage_bootstrap(CONFIG, repository=checkout, build=tmp_path)
    third = stage_bootstrap(
        dataclasses.replace(CONFIG, cluster_name="edge"), repository=checkout, build=tmp_path
    )
    assert len({first.digest, second.digest, third.digest}) == 3
    assert len({first.archive, second.archive, third.archive}) == 3


def test_an_archive_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    first = stage_bootstrap(CONFIG, repository=REPOSITORY, build=tmp_path)
    written = first.archive.stat()
    again = stage_bootstrap(CONFIG, repository=REPOSITORY, build=tmp_path)
    assert again == first
    assert again.archive.stat().st_ino == written.st_ino
    assert list(first.archive.parent.iterdir()) == [first.archive]
    assert stat.S_IMODE(written.st_mode) == 0o755


def test_entries_are_sorted_dated_alike_readable_and_not_compressed(tmp_path: Path) -> None:
    staged = stage_bootstrap(CONFIG, repository=REPOSITORY, build=tmp_path)
    assert staged.archive.read_bytes().startswith(SHEBANG)
    with zipfile.ZipFile(staged.archive) as archive:
        assert archive.testzip() is None
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}


def test_the_archive_holds_what_a_node_needs_and_nothing_else(checkout: Path) -> None:
    content = bootstrap_content(CONFIG, repository=checkout)
    assert [name for name in content if not EXPECTED.fullmatch(name)] == []
    sources = {
        path.relative_to(REPOSITORY).as_posix()
        for package in ("domain/node", "node_bootstrap", "pod_addresses")
        for path in (REPOSITORY / package).rglob("*.py")
    }
    units = {
        f"node_bootstrap/units/{path.name}"
        for path in (REPOSITORY / install.__package__ / "units").iterdir()
    }
    assert sources | units | {"__main__.py", "domain/__init__.py", "domain/errors.py"} <= set(
        content
    )
    assert from_json(content[layout.CONFIGURATION].decode()) == CONFIG


@pytest.mark.parametrize(
    "line", ["import boto3", "from yaml import safe_load", "def f():\n    import boto3"]
)
def test_an_import_that_a_node_cannot_follow_is_refused(checkout: Path, line: str) -> None:
    (checkout / "node_bootstrap" / "foreign.py").write_text(f"{line}\n")
    with pytest.raises(ForeignImport, match=r"node_bootstrap/foreign.py imports (boto3|yaml)"):
        bootstrap_content(CONFIG, repository=checkout)


def test_what_only_a_type_checker_imports_does_not_ship(checkout: Path) -> None:
    (checkout / "node_bootstrap" / "typed.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from domain.launch import Node\n"
    )
    assert "domain/launch.py" not in bootstrap_content(CONFIG, repository=checkout)


@pytest.mark.subprocesses("python3.9")
def test_every_module_works_from_the_archive_under_python_3_9(tmp_path: Path) -> None:
    staged = stage_bootstrap(CONFIG, repository=REPOSITORY, build=tmp_path)
    done = subprocess.run(  # noqa: S603 - a fixed program and arguments of this repository
        [python39(), *ISOLATED, "-c", IMPORT_ALL, staged.archive, tmp_path / "no"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "16 MultusEni-fleet\n"


@pytest.mark.subprocesses("python3.9")
def test_the_archive_is_the_command(tmp_path: Path) -> None:
    staged = stage_bootstrap(CONFIG, repository=REPOSITORY, build=tmp_path)
    done = subprocess.run(  # noqa: S603 - a fixed program and arguments of this repository
        [python39(), *ISOLATED, staged.archive, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: multus-node")


def test_a_checkout_is_nothing_to_install_from() -> None:
    with pytest.raises(ConfigurationMissing, match="not run from its archive"):
        program.running()


@pytest.mark.parametrize("content", [None, b"no zip", archive_bytes({"__main__.py": b""})])
def test_an_archive_without_configuration_is_said_so(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "some.pyz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationMissing, match="no configuration"):
        program.configuration(path)
