"""The command, as a pod runs it: the built archive under Python 3.9, against the embedded account over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.config import Driver, PodNetwork
from domain.pods import address_containers
from domain.pods.errors import LinksUnreadable
from domain.pods.model import Ipam, Network
from pod_addresses import __main__ as command
from stacks.bootstrap_archive import stage_bootstrap
from tests.pod_addresses.conftest import OWNER
from tests.python39 import CONFIG, REPOSITORY, python39

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pod_addresses.conftest import World

STARTED = """
import sys
assert sys.version_info[:2] == (3, 9), sys.version
sys.path.insert(0, sys.argv.pop(1))
from pod_addresses.__main__ import main
sys.exit(main())
"""
"""As the program that nodes have for pods."""


def started(environ: dict[str, str], tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command from the archive."""
    archive = stage_bootstrap(CONFIG, repository=REPOSITORY, build=tmp_path).archive
    return subprocess.Popen(  # noqa: S603 - a fixed program
        [python39(), "-ISB", "-W", "error", "-c", STARTED, archive, *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return exit code and output."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.subprocesses("python")
def test_the_sidecar_is_ready_and_ends_when_it_is_told_to(world: World, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    follow = ("follow", "--owner", OWNER, "--ready-file", str(ready))
    with started(world.environ, tmp_path, *follow) as process:
        assert process.stdout is not None
        said = [json.loads(process.stdout.readline())["event"] for _ in range(2)]
        was_there = ready.exists()
        process.send_signal(signal.SIGTERM)
        code, out, err = ended(process)
    assert (said, was_there) == (["not-ready", "ready"], True)
    assert (code, out, err) == (0, '{"event": "not-ready"}\n', "")
    assert not ready.exists()


@pytest.mark.subprocesses("python")
def test_the_init_container_fails_with_lines_that_say_what_to_do(
    world: World, tmp_path: Path
) -> None:
    code, out, err = ended(
        started(world.environ, tmp_path, "init", "--owner", OWNER, "--link", "net77")
    )
    assert (code, out) == (1, "")
    assert err.startswith("link-unknown: the pod has no link net77 (found: ")


@pytest.mark.subprocesses("python")
def test_without_a_role_it_ends_before_it_asks_anybody(tmp_path: Path) -> None:
    code, _, err = ended(started({"AWS_REGION": "us-east-1"}, tmp_path, "init", "--owner", OWNER))
    assert code == 1
    assert err.startswith("credentials-missing: ")
    assert "the node's is not asked" in err


@pytest.mark.parametrize("mode", [PodNetwork.IPVLAN_L2, PodNetwork.HOST_DEVICE], ids=str)
def test_the_samples_call_it_as_it_is(mode: PodNetwork) -> None:
    network = Network(
        "n3",
        "mul0",
        9001,
        Driver.KERNEL,
        mode,
        ("core",),
        resource="multus-eni.io/n3",
        ipam=Ipam.STATIC,
        follow_owner=OWNER,
    )
    found = address_containers.containers(network, "image", addressed=True)
    given = [command.parser().parse_args(each["args"]) for each in found]
    assert [(each.verb, each.owner, each.link) for each in given] == [
        ("init", OWNER, ["net1"]),
        ("follow", OWNER, ["net1"]),
    ]
    assert str(given[1].ready_file) == found[1]["readinessProbe"]["exec"]["command"][-1]
    assert found[0]["command"] == ["python3", layout.POD_ADDRESSES_PROGRAM]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["init"],
        ["init", "--owner", OWNER, "--address", "10.0.3.5"],
        ["init", "--owner", OWNER, "--address", "net1=10.0.3.5/24"],
        ["init", "--owner", OWNER, "--timeout", "0"],
        ["follow", "--owner", OWNER, "--release-timeout", "never"],
    ],
    ids=str,
)
def test_arguments_that_make_no_sense_are_told_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        command.main(arguments)
    assert ending.value.code == command.EXIT_USAGE
    said = capsys.readouterr().err
    assert said.startswith("arguments-invalid: ")
    assert said.count("\n") == 1


def test_a_ready_file_that_cannot_be_is_told_before_anything_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = tmp_path / "missing" / "assigned"
    assert command.main(["follow", "--owner", OWNER, "--ready-file", str(ready)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"arguments-invalid: --ready-file cannot be written (found: {ready})")


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put the handlers of signals back afterwards."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    usual = [signal.getsignal(number) for number in numbers]
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in zip(numbers, usual, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("fails", ["PodLinks", "wired"])
def test_no_signal_is_written_to_a_socket_that_a_failure_closed(
    fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number may be another file's by then."""

    def fail(*_given: object, **_more: object) -> None:
        raise LinksUnreadable("the kernel does not tell the pod's links")

    monkeypatch.setattr(command, fails, fail)
    assert command.main(["follow", "--owner", OWNER]) == command.EXIT_FAILED
    assert signal.set_wakeup_fd(-1) == -1
