"""Work in copies of the process: in order, without a trace in the process itself, and never lost silently."""

from __future__ import annotations

import os
import random
from functools import partial

import pytest

from tests.simulation.forks import CopyFailed, each_in_a_copy

pytestmark = pytest.mark.simulation


def test_results_come_in_the_order_of_the_work() -> None:
    work = [partial(pow, base, 2) for base in range(7)]
    assert list(each_in_a_copy(work, at_once=3)) == [0, 1, 4, 9, 16, 25, 36]
    assert list(each_in_a_copy([])) == []


def test_what_a_copy_changes_is_lost_with_it() -> None:
    seen: list[int] = []

    def note(number: int) -> tuple[int, list[int]]:
        seen.append(number)
        return os.getpid(), seen

    (first, _), (second, noted) = each_in_a_copy([partial(note, 1), partial(note, 2)])
    assert len({first, second, os.getpid()}) == 3
    assert noted == [2]
    assert seen == []


def test_a_copy_draws_what_this_process_would_have_drawn() -> None:
    random.seed("jitter")
    drawn = list(each_in_a_copy([random.random, random.random]))
    assert drawn == [random.random()] * 2  # noqa: S311 - compared, not kept secret


def test_what_a_copy_raises_is_raised_with_its_traceback() -> None:
    def fail() -> None:
        raise ValueError("not so")

    with pytest.raises(CopyFailed, match="ValueError: not so"):
        list(each_in_a_copy([fail]))


def test_a_copy_that_dies_is_no_result() -> None:
    with pytest.raises(CopyFailed, match="died"):
        list(each_in_a_copy([partial(os._exit, 3)]))
