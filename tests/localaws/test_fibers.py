"""Virtual time in which things overlap, in the same order at every run."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial

import pytest

from localaws.fibers import FiberClock

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


class Scene:
    """A clock, and what happened when."""

    def __init__(self) -> None:
        self.clock = FiberClock(0.0)
        self.seen: list[tuple[float, str]] = []

    def note(self, what: str) -> None:
        self.seen.append((self.clock.now(), what))

    def work(self, name: str, seconds: float) -> str:
        self.note(f"{name} begins")
        self.clock.wait(seconds)
        self.note(f"{name} ends")
        return name


def test_while_one_waits_others_go_on() -> None:
    scene = Scene()
    scene.clock.call_at(1.0, partial(scene.work, "slow", 5.0))  # type: ignore[arg-type]  # nobody asks what it returns
    scene.clock.call_at(2.0, partial(scene.work, "quick", 1.0))  # type: ignore[arg-type]  # likewise
    scene.clock.advance(10.0)
    assert scene.seen == [
        (1.0, "slow begins"),
        (2.0, "quick begins"),
        (3.0, "quick ends"),
        (6.0, "slow ends"),
    ]


def test_what_is_not_over_when_the_driver_stops_goes_on_when_it_drives_again() -> None:
    scene = Scene()
    scene.clock.call_at(1.0, partial(scene.work, "work", 5.0))  # type: ignore[arg-type]  # nobody asks what it returns
    scene.clock.advance(3.0)
    assert scene.seen == [(1.0, "work begins")]
    scene.clock.wait(3.0)
    assert scene.seen[-1] == (6.0, "work ends")


def test_tasks_are_gathered_in_their_order_so_many_at_once() -> None:
    scene = Scene()
    results: list[object] = []

    def gather() -> None:
        tasks = [partial(scene.work, name, 2.0) for name in "abc"]
        results.extend(scene.clock.gather(tasks, at_once=2))

    scene.clock.call_at(0.0, gather)
    scene.clock.advance(10.0)
    assert results == ["a", "b", "c"]
    assert scene.seen == [
        (0.0, "a begins"),
        (0.0, "b begins"),
        (2.0, "a ends"),
        (2.0, "c begins"),
        (2.0, "b ends"),
        (4.0, "c ends"),
    ]


def test_what_a_task_raises_is_its_result() -> None:
    scene, results = Scene(), list[object]()

    def fail() -> None:
        raise KeyError("gone")

    scene.clock.call_at(0.0, lambda: results.extend(scene.clock.gather([fail], at_once=1)))
    scene.clock.advance(1.0)
    assert isinstance(results[0], KeyError)
    assert scene.clock.gather([], at_once=1) == []


def test_a_fiber_sees_what_its_maker_set_and_keeps_its_own_to_itself() -> None:
    scene, seen = Scene(), list[str]()

    def child() -> None:
        seen.append(WHO.get())
        WHO.set("child")

    def parent() -> None:
        WHO.set("parent")
        scene.clock.gather([child], at_once=1)
        seen.append(WHO.get())

    scene.clock.call_at(0.0, parent)
    scene.clock.call_at(5.0, lambda: seen.append(WHO.get()))
    scene.clock.advance(10.0)
    assert seen == ["parent", "parent", "nobody"]


def test_a_signal_lets_everybody_go_on_who_waits_and_later_comers_at_once() -> None:
    scene = Scene()
    signal = scene.clock.signal()

    def wait(name: str) -> None:
        signal.wait()
        scene.note(name)

    scene.clock.call_at(0.0, partial(wait, "first"))
    scene.clock.call_at(1.0, partial(wait, "second"))
    scene.clock.call_at(2.0, signal.set)
    scene.clock.call_at(3.0, partial(wait, "late"))
    scene.clock.advance(5.0)
    assert scene.seen == [(2.0, "first"), (2.0, "second"), (3.0, "late")]


def test_what_a_fiber_raises_ends_the_advance() -> None:
    scene = Scene()

    def fail() -> None:
        scene.clock.wait(1.0)
        raise KeyError("gone")

    scene.clock.call_at(0.0, fail)
    with pytest.raises(KeyError):
        scene.clock.advance(5.0)


def test_only_the_driver_drives_and_only_fibers_are_put_aside() -> None:
    scene, refused = Scene(), list[str]()

    def drive() -> None:
        try:
            scene.clock.advance(1.0)
        except RuntimeError as error:
            refused.append(str(error))

    scene.clock.call_at(0.0, drive)
    scene.clock.advance(1.0)
    assert refused == ["a fiber cannot advance the clock that drives it"]
    with pytest.raises(RuntimeError, match="only a fiber"):
        scene.clock.suspend()
