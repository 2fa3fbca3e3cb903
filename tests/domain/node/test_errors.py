"""The failures of a node: one exit code for each class of them, one stable code for each, one line for a person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from domain.node import errors
from domain.node.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Iterator


def family(kind: type[NodeError]) -> Iterator[type[NodeError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


CLASSES = NodeError.__subclasses__()
"""One for each exit code. A class is a failure itself, or a name for several that no code of their own is given to."""
FAILURES = [kind for kind in family(NodeError) if not kind.__subclasses__()]


def test_each_class_of_failure_has_an_exit_code_of_its_own() -> None:
    codes = sorted(kind.exit_code for kind in CLASSES)
    assert [NodeError.exit_code, *codes] == list(range(1, len(codes) + 2))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_all_failures_of_a_class_end_with_its_exit_code(kind: type[NodeError]) -> None:
    assert {each.exit_code for each in family(kind)} == {kind.exit_code}


@pytest.mark.parametrize("kind", FAILURES, ids=lambda kind: kind.__name__)
def test_a_failure_is_told_by_its_name_in_kebab_case(kind: type[NodeError]) -> None:
    assert vars(kind).get("code") == re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


@pytest.mark.parametrize(
    "kind", [kind for kind in CLASSES if kind.__subclasses__()], ids=lambda kind: kind.__name__
)
def test_a_class_of_several_failures_is_none_itself(kind: type[NodeError]) -> None:
    assert "code" not in vars(kind)
    assert "retryable" not in vars(kind)
    assert kind.__name__.endswith("Error")


def test_what_can_go_away_by_itself_is_what_others_still_have_to_do() -> None:
    assert {kind.code for kind in FAILURES if kind.retryable} == {
        "metadata-unreachable",
        "metadata-incomplete",
        "interface-missing",
        "link-not-configured",
        "hook-unanswered",
        "run-under-way",
    }


@pytest.mark.parametrize(
    ("error", "line"),
    [
        pytest.param(
            errors.BindFailed("n3 was not bound", value="no driver", remedy="Look in dmesg."),
            "bind-failed: n3 was not bound (found: no driver). Look in dmesg.",
            id="all",
        ),
        pytest.param(errors.RunUnderWay("one runs"), "run-under-way: one runs.", id="message-alone"),
        pytest.param(
            errors.ToolFailed("modprobe ended", value="a\n  b\tc"),
            "tool-failed: modprobe ended (found: a b c).",
            id="several-lines",
        ),
        pytest.param(NodeError("the host refuses"), "node-error: the host refuses.", id="unforeseen"),
    ],
)  # fmt: skip
def test_a_failure_is_one_line(error: NodeError, line: str) -> None:
    assert error.line() == line


def test_a_failure_that_was_read_from_a_file_keeps_its_code() -> None:
    assert NodeError("short", value="3").line("huge-pages-short") == (
        "huge-pages-short: short (found: 3)."
    )


def test_a_failure_of_the_whole_node_names_no_interface() -> None:
    assert NodeError("x").interfaces == ()
    assert errors.DeviceBusy("x", interfaces=("n3",)).interfaces == ("n3",)
