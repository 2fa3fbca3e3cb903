"""The image: what it is made of is all that the command needs, and it runs as nobody."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.python39 import python39

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = (REPOSITORY / "pod_addresses" / "Dockerfile").read_text()


def copied() -> list[str]:
    """Return the folders that are copied into the image."""
    return re.findall(r"^COPY (\w+) /opt/pod-addresses/\1$", DOCKERFILE, re.MULTILINE)


@pytest.mark.subprocesses("python")
def test_what_is_copied_runs_under_python_3_9(tmp_path: Path) -> None:
    for folder in copied():
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    done = subprocess.run(  # noqa: S603 - a fixed program
        [python39(), "-SB", "-W", "error", "-m", "pod_addresses", "--help"],
        cwd=tmp_path,
        env={},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "follow the links until SIGTERM" in done.stdout


def test_the_build_sees_nothing_else() -> None:
    ignored = (REPOSITORY / "pod_addresses" / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert [line[1:] for line in ignored if line.startswith("!")] == copied()


def test_it_runs_as_nobody() -> None:
    assert "\nUSER 65532:65532\n" in DOCKERFILE
