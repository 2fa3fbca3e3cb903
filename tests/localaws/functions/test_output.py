"""What functions print in this process reaches the log of the right one, and nothing else does."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from localaws.fibers import FiberClock
from localaws.functions.output import captured

if TYPE_CHECKING:
    import pytest


def test_what_is_printed_meanwhile_is_collected_and_standard_output_is_as_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sys.stdout
    with captured() as output:
        print("inside")  # noqa: T201 - what this test is about
    print("outside")  # noqa: T201 - likewise
    assert output.getvalue() == "inside\n"
    assert capsys.readouterr().out == "outside\n"
    assert sys.stdout is before


def test_functions_that_overlap_do_not_hear_each_other() -> None:
    clock, heard = FiberClock(0.0), dict[str, str]()

    def function(name: str, seconds: float) -> None:
        with captured() as output:
            print(f"{name} begins")  # noqa: T201 - what this test is about
            clock.wait(seconds)
            print(f"{name} ends")  # noqa: T201 - likewise
        heard[name] = output.getvalue()

    clock.call_at(0.0, partial(function, "slow", 5.0))
    clock.call_at(1.0, partial(function, "quick", 1.0))
    clock.advance(10.0)
    assert heard == {
        "slow": "slow begins\nslow ends\n",
        "quick": "quick begins\nquick ends\n",
    }


def test_a_stream_kept_from_a_function_serves_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    with captured():
        kept = sys.stdout
    with captured() as output:
        kept.write("a logger made earlier")
    kept.write("nobody listens")
    assert output.getvalue() == "a logger made earlier"
    assert capsys.readouterr().out == "nobody listens"
