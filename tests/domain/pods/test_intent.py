"""What is yet to be done for a pod's addresses, and when."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pods import intent
from domain.pods.following import Placed
from domain.pods.intent import Due, Intent

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESSES = tuple(
    ip_address(text) for text in ("10.0.3.5", "10.0.3.6", "2001:db8::5", "2001:db8::6")
)
PLACED = st.builds(Placed, st.sampled_from(["a", "b"]), st.sampled_from(ADDRESSES))
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["appeared", "vanished", "done", "looked", "again", "retake"]),
        st.lists(PLACED, max_size=3),
    )
)


@given(OPERATIONS)
def test_an_intent_never_wants_an_address_both_ways_and_follows_the_links(
    operations: list[tuple[str, list[Placed]]],
) -> None:
    intent, links = Intent(), frozenset[Placed]()
    for name, placed in operations:
        if name in ("looked", "done"):
            intent = getattr(intent, name)(placed)
            links = frozenset(placed) if name == "looked" else links
        for each in placed if name not in ("looked", "done") else ():
            if name in ("again", "retake"):
                intent = intent.again(each, take=name == "retake")
                continue
            intent = getattr(intent, name)(each)
            links |= {each} if name == "appeared" else frozenset()
            links -= {each} if name == "vanished" else frozenset()
        assert intent.on_links == links
        assert not intent.assign & (intent.release | intent.keep)
        assert intent.assign | intent.keep <= links
        assert not intent.release & links
    ending = intent.ending()
    assert links <= ending.release
    assert not ending.assign


@given(st.frozensets(PLACED))
def test_a_look_that_shows_nothing_new_asks_for_nothing(placed: frozenset[Placed]) -> None:
    settled = Intent().looked(placed).done(placed)
    assert settled.looked(placed) == settled


A, B = (Placed("a", address) for address in ADDRESSES[:2])


def looks_of(due: Due, count: int) -> list[float]:
    """Let a placed address be found on its ENI so many times more, and return when it was looked at."""
    intent, now_s, looks = Intent().appeared(A).done([A]), 0.0, []
    for _ in range(count):
        pause_s = due.pause_s(now_s)
        assert pause_s is not None
        assert due.come(intent, now_s) == (due, intent), "not before its time"
        now_s += pause_s
        due, wanted = due.come(intent, now_s)
        assert wanted.keep == {A}
        assert not wanted.assign
        assert due.pause_s(now_s) is None, "until it is known what came of it"
        looks.append(now_s)
        due = due.with_found([A], now_s, spread=0.0)
    return looks


def test_what_was_found_is_looked_at_twice_soon_and_then_every_few_minutes() -> None:
    assert looks_of(Due().with_found([A], 0.0, spread=0.0), 5) == [5.0, 35.0, 335.0, 635.0, 935.0]


def test_what_was_assigned_is_looked_at_every_few_minutes() -> None:
    assert looks_of(Due().with_assigned([A], 0.0, spread=0.0), 2) == [300.0, 600.0]


def test_what_is_elsewhere_is_looked_at_more_often_and_nothing_is_settled_meanwhile() -> None:
    due = Due().with_elsewhere([A], 0.0, spread=0.0)
    assert not due.is_settled(Intent())
    assert due.pause_s(0.0) == 30.0
    waiting, wanted = due.come(Intent(on_links=frozenset({A})), 30.0)
    assert wanted.keep == {A}
    assert not waiting.is_settled(Intent())
    assert waiting.with_found([A], 30.0, spread=0.0).is_settled(Intent())


PENDING = {
    "nothing": (Intent(), True),
    "a late look at what was there": (Intent(keep=frozenset({A})), True),
    "a look at what was not": (Intent(keep=frozenset({A, B})), False),
    "an assignment": (Intent(assign=frozenset({A})), False),
    "a release": (Intent(release=frozenset({B})), False),
}


@pytest.mark.parametrize(("intent", "settled"), PENDING.values(), ids=PENDING)
def test_what_is_pending_unsettles_but_a_look_at_what_was_found(
    intent: Intent, settled: bool
) -> None:
    assert Due().with_found([A], 0.0, spread=0.0).is_settled(intent) == settled


def test_what_could_not_be_looked_at_is_as_it_was_seen_last() -> None:
    due = Due().with_found([A], 0.0, spread=0.0).with_unseen([A], 0.0, spread=0.0)
    assert due.is_settled(Intent())
    assert due.pause_s(0.0) == 60.0
    assert not Due().with_elsewhere([A], 0.0, 0.0).with_unseen([A], 0.0, 0.0).is_settled(Intent())
    assert Due().with_unseen([A], 0.0, 0.0) == Due().with_refused([A], 0.0, 0.0, take=False)


def test_what_was_refused_is_tried_again_the_way_the_link_is_by_then() -> None:
    due = Due().with_refused([A], 100.0, spread=1.0, take=True)
    due = due.with_refused([B], 100.0, spread=1.0, take=True)
    assert not due.is_settled(Intent())
    assert due.pause_s(100.0) == 75.0
    rest, wanted = due.come(Intent(on_links=frozenset({A})), 175.0)
    assert wanted.assign == {A}
    assert wanted.release == {B}
    assert rest == Due()


def test_what_was_refused_when_it_could_not_be_taken_is_not_taken_later() -> None:
    due = Due().with_refused([A], 0.0, spread=0.0, take=False)
    _, wanted = due.come(Intent(on_links=frozenset({A})), 60.0)
    assert wanted.keep == {A}
    assert not wanted.assign


AGAIN: dict[str, Callable[[Due, list[Placed]], Due]] = {
    "found": lambda due, placed: due.with_found(placed, 0.0, 0.0),
    "assigned": lambda due, placed: due.with_assigned(placed, 0.0, 0.0),
    "elsewhere": lambda due, placed: due.with_elsewhere(placed, 0.0, 0.0),
    "refused": lambda due, placed: due.with_refused(placed, 0.0, 0.0, take=False),
}


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
def test_news_of_an_address_ends_what_was_due(again: Callable[[Due, list[Placed]], Due]) -> None:
    assert again(Due(), [A, B]).without([A]) == again(Due(), [B])


@given(st.integers(1, 60), st.floats(0, 1))
def test_pauses_grow_and_are_bounded(attempt: int, spread: float) -> None:
    pause_s = intent.pause_s(attempt, spread)
    assert 0 < pause_s <= intent.LONGEST_PAUSE_S
    assert pause_s <= intent.FIRST_PAUSE_S * 2.0 ** (attempt - 1)


@pytest.mark.parametrize(("attempt", "longest_s"), [(1, 0.5), (2, 1.0), (6, 15.0), (100_000, 15.0)])
def test_a_pause_grows_and_stays_however_long_an_outage_lasts(
    attempt: int, longest_s: float
) -> None:
    assert intent.pause_s(attempt, 1.0) == longest_s
