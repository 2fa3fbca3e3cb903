"""Fences: no test reaches beyond loopback, sees real credentials, or starts a program it did not name. And thrift."""

from __future__ import annotations

import functools
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"


class FencedError(BaseException):
    """A test reached out of its fence. Not an Exception, so that no broad `except` can hide it."""


class _Fence:
    """Refuses every connection beyond loopback and every program that the running test did not name."""

    def __init__(self) -> None:
        self.programs: frozenset[str] = frozenset()
        self.armed = False

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at one of the interpreter's audit events (PEP 578); the hook cannot be taken out again."""
        if not self.armed:
            return
        if event == "subprocess.Popen":
            self._check_program(os.fsdecode(arguments[0] or arguments[1][0]))
        elif event == "socket.connect" and isinstance(arguments[1], tuple):
            self._check_host(str(arguments[1][0]))
        elif event == "socket.getaddrinfo" and arguments[0] is not None:
            self._check_host(os.fsdecode(arguments[0]))

    def _check_program(self, path: str) -> None:
        program = Path(path).name
        if not program.startswith(tuple(self.programs) or ("\0",)):
            raise FencedError(
                f"{program} was started: mark the test with subprocesses({program!r}) if it must be"
            )

    def _check_host(self, host: str) -> None:
        if host not in _LOOPBACK and not host.startswith("127."):
            raise FencedError(f"a connection to {host}: a test may reach loopback only")


_LOOPBACK = {"localhost", "::1", "", "0.0.0.0"}  # noqa: S104 - an address to compare with, nothing is bound
_FENCE = _Fence()


def pytest_configure() -> None:
    """Install the audit hook once; it acts only while a test runs. And let no property fail for a busy machine."""
    sys.addaudithook(_FENCE.audit)
    hypothesis.settings.register_profile("unhurried", deadline=None)
    hypothesis.settings.load_profile("unhurried")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, whatever the order was shuffled to: begun last, one process would end it alone."""
    long = ("kernel", "e2e")
    items.sort(key=lambda item: [item.get_closest_marker(name) is None for name in long])


def pytest_collection_finish() -> None:
    """Let the garbage collector search neither what collecting imported, which stays, nor every seven hundred objects.

    The simulation takes a sixth less processor time so.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _service_models_read_once() -> Iterator[None]:
    """Let all boto3 sessions share one loader.

    Each would read the models of its services anew, a quarter of a second for EC2's, and leave the garbage collector
    a hundred thousand more objects to search. Botocore shares them among a session's clients already.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            botocore.session, "create_loader", functools.cache(botocore.session.create_loader)
        )
        yield


@pytest.fixture(autouse=True)
def _fenced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in [
        name for name in os.environ if name.startswith(("AWS_", "MULTUS_ENI_", "CDK_"))
    ]:
        monkeypatch.delenv(variable)
    for variable, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(variable, value)
    marker = request.node.get_closest_marker("subprocesses")
    _FENCE.programs = frozenset(marker.args if marker else ())
    _FENCE.armed = True
    yield
    _FENCE.armed = False
