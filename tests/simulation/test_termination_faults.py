"""Whatever fails once while a node goes: nothing of it is left."""

from __future__ import annotations

import pytest

from localaws.faults import FaultKind
from tests.simulation.faults import Act, play, play_each, singles

pytestmark = [pytest.mark.simulation, pytest.mark.subprocesses("node")]


def test_any_one_call_may_fail() -> None:
    undisturbed = play(Act.TERMINATION)
    assert undisturbed.violations == ()
    played = dict(play_each(Act.TERMINATION, singles(undisturbed.calls)))
    assert len(played) == undisturbed.calls * len(FaultKind)
    assert {item: seen.violations for item, seen in played.items() if seen.violations} == {}
    assert all(seen.fired for seen in played.values())
