"""One way to start a program: no shell, no stdin, always an end, and a failure that says what was said."""

from __future__ import annotations

import os

import pytest

from domain.node.errors import ToolFailed
from node_bootstrap.programs import SYSTEM_PATH, Programs

pytestmark = pytest.mark.subprocesses("sh", "sleep", "no-such-program")


def sh(programs: Programs, script: str, **given: object) -> str:
    return programs.run(["sh", "-c", script], **{"timeout_s": 10.0, **given})  # type: ignore[arg-type]


def test_stdout_is_returned_and_stderr_when_it_is_asked_for() -> None:
    programs = Programs()
    assert sh(programs, "echo out; echo err >&2") == "out\n"
    assert sh(programs, "echo out; echo err >&2", with_stderr=True) == "out\nerr\n"
    assert programs.started == 2


def test_a_program_has_the_system_path_the_c_locale_no_stdin_and_what_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere:" + os.environ["PATH"])
    monkeypatch.setenv("LC_ALL", "de_AT.UTF-8")
    said = sh(Programs(), 'echo "$PATH|$LC_ALL|$GIVEN|$(cat)|"', environ={"GIVEN": "x"})
    assert said == f"{SYSTEM_PATH}|C|x||\n"


def test_output_that_is_no_text_is_no_error() -> None:
    assert sh(Programs(), r"printf 'a\377'") == "a\N{REPLACEMENT CHARACTER}"


def test_a_failure_tells_the_command_the_code_and_what_was_said() -> None:
    with pytest.raises(ToolFailed, match="sh ended with 3") as caught:
        sh(Programs(), "echo why >&2; exit 3")
    assert caught.value.value == "sh -c echo why >&2; exit 3: why"
    assert caught.value.exit_code == 8


def test_a_failure_in_silence_tells_the_command() -> None:
    with pytest.raises(ToolFailed) as caught:
        sh(Programs(), "exit 1")
    assert caught.value.value == "sh -c exit 1"


def test_a_program_that_is_not_installed_is_named_with_a_remedy() -> None:
    programs = Programs()
    with pytest.raises(ToolFailed) as caught:
        programs.run(["no-such-program"], timeout_s=1)
    assert caught.value.line() == (
        "tool-failed: no-such-program is not installed (found: no-such-program). Install no-such-program."
    )
    assert programs.started == 1


def test_a_program_that_does_not_end_is_ended() -> None:
    with pytest.raises(ToolFailed, match=r"sleep did not end within 0\.05 s"):
        Programs().run(["sleep", "600"], timeout_s=0.05)
