"""How many huge pages are asked for, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.node.change import SetHugePages
from domain.node.config import HugePages
from domain.node.errors import HugePagesShort
from domain.node.huge_pages import GIB_KIB, RESERVE_KIB, plan, short
from domain.node.model import HugePagePool, NumaMemory

SMALL = 2048


def pools(*totals: int, sizes: tuple[int, ...] = (SMALL, GIB_KIB)) -> list[HugePagePool]:
    """Return the pools of as many NUMA nodes, each with so many small pages."""
    return [
        HugePagePool(node, size, total if size == SMALL else 0, 0)
        for node, total in enumerate(totals)
        for size in sizes
    ]


def memory(*free_kib: int) -> list[NumaMemory]:
    """Return the memory of as many NUMA nodes."""
    return [NumaMemory(node, free) for node, free in enumerate(free_kib)]


@pytest.mark.parametrize(
    ("wanted", "totals", "expected"),
    [
        pytest.param([], (0,), (), id="nothing-wanted"),
        pytest.param(
            [HugePages(SMALL, 8)],
            (0, 0),
            (SetHugePages(0, SMALL, 8, 0), SetHugePages(1, SMALL, 8, 0)),
            id="every-node",
        ),
        pytest.param(
            [HugePages(SMALL, 8, (1,))], (0, 0), (SetHugePages(1, SMALL, 8, 0),), id="one-node"
        ),
        pytest.param([HugePages(SMALL, 8)], (8,), (), id="there-already"),
        pytest.param([HugePages(SMALL, 8)], (64,), (), id="never-fewer"),
        pytest.param([HugePages(SMALL, 8)], (5,), (SetHugePages(0, SMALL, 8, 5),), id="some-more"),
        pytest.param(
            [HugePages(SMALL, 8), HugePages(GIB_KIB, 1)],
            (0,),
            (SetHugePages(0, SMALL, 8, 0), SetHugePages(0, GIB_KIB, 1, 0)),
            id="both-sizes",
        ),
    ],
)
def test_each_pool_gets_what_it_lacks(
    wanted: list[HugePages], totals: tuple[int, ...], expected: tuple[SetHugePages, ...]
) -> None:
    assert plan(wanted, pools(*totals), memory(*[4 * GIB_KIB] * len(totals))) == expected


@pytest.mark.parametrize(
    ("wanted", "value", "remedy"),
    [
        pytest.param(
            [HugePages(GIB_KIB, 4)],
            "NUMA node 0 has room for 3968 MiB of huge pages, and 4096 MiB more are asked for",
            "hugepages=N",
            id="no-room",
        ),
        pytest.param(
            [HugePages(SMALL, 1100), HugePages(GIB_KIB, 2)],
            "and 4248 MiB more are asked for",
            "larger|more memory",
            id="no-room-for-both",
        ),
        pytest.param(
            [HugePages(SMALL, 8, (3,))], "no NUMA node 3 with memory", "other ones", id="no-node"
        ),
        pytest.param(
            [HugePages(16384, 8)],
            "no huge pages of 16384 KiB, only of 2048 and 1048576",
            "other ones",
            id="no-such-size",
        ),
    ],
)
def test_what_cannot_be_had_is_refused_with_figures(
    wanted: list[HugePages], value: str, remedy: str
) -> None:
    with pytest.raises(HugePagesShort) as caught:
        plan(wanted, pools(0), memory(4 * GIB_KIB))
    assert value in caught.value.value
    assert any(text in caught.value.remedy for text in remedy.split("|"))


def test_a_cpu_without_large_pages_is_named() -> None:
    with pytest.raises(HugePagesShort, match=r"cannot have") as caught:
        plan([HugePages(GIB_KIB, 1)], pools(0, sizes=(SMALL,)), memory(4 * GIB_KIB))
    assert "no huge pages of 1048576 KiB, only of 2048" in caught.value.value


def test_all_problems_are_told_at_once() -> None:
    wanted = [HugePages(SMALL, 8, (5,)), HugePages(16384, 8, (0,)), HugePages(SMALL, 99999, (0,))]
    with pytest.raises(HugePagesShort) as caught:
        plan(wanted, pools(0), memory(GIB_KIB))
    assert caught.value.value.count(";") == 2


@pytest.mark.parametrize(
    ("size_kib", "remedy"), [(SMALL, "fewer huge pages"), (GIB_KIB, "default_hugepagesz=1G")]
)
def test_a_partial_grant_says_how_many_came(size_kib: int, remedy: str) -> None:
    error = short(SetHugePages(1, size_kib, 8, 2), 3)
    assert f"granted 3 of 8 pages of {size_kib} KiB on NUMA node 1" in str(error)
    assert error.value == "2 before"
    assert remedy in error.remedy


@given(
    st.lists(st.integers(0, 4096), min_size=1, max_size=4),
    st.lists(st.integers(0, 16 * GIB_KIB), min_size=4, max_size=4),
    st.lists(
        st.builds(HugePages, st.sampled_from([SMALL, GIB_KIB]), st.integers(1, 6000)),
        max_size=2,
        unique_by=lambda each: each.size_kib,
    ),
)
def test_a_plan_never_asks_for_the_last_memory_and_never_takes_pages_away(
    totals: list[int], free_kib: list[int], wanted: list[HugePages]
) -> None:
    there = pools(*totals)
    try:
        changes = plan(wanted, there, memory(*free_kib[: len(totals)]))
    except HugePagesShort:
        return
    asked = dict.fromkeys(range(len(totals)), 0)
    for change in changes:
        assert change.count > change.before
        asked[change.numa_node] += (change.count - change.before) * change.size_kib
    for node, more_kib in asked.items():
        assert more_kib <= max(0, free_kib[node] - RESERVE_KIB)
    counts = {(each.numa_node, each.size_kib): each.count for each in changes}
    after = [
        HugePagePool(
            each.numa_node,
            each.size_kib,
            counts.get((each.numa_node, each.size_kib), each.total),
            0,
        )
        for each in there
    ]
    assert plan(wanted, after, memory(*[0] * len(totals))) == ()
