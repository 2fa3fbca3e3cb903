"""Results as a report could have them, small and made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.figures import Figure, at_most
from tests.simulation.bound import Bound
from tests.simulation.burst import Burst
from tests.simulation.recovery import Recovered
from tests.simulation.report.parts import CHECKED, FROM_START, UNCHECKED
from tests.simulation.report.results import Benched, Faulted, MishapOutcome, Part, WalkOutcome
from tests.simulation.scale_in import ScaleIn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.nodes import Shape


def burst(nodes: int, shape: Shape, tenant_share: float = 0.0, *, seed: int = 1) -> Burst:
    """Return a burst in which one node after the other is served, later the higher the seed."""
    opened_s = tuple(float(number) for number in range(nodes))
    least = tuple(at_s + 4.0 for at_s in opened_s)
    return Burst(
        nodes=nodes,
        shape=shape,
        seed=seed,
        tenant_share=tenant_share,
        bound=Bound("path" if nodes == 1 else "ModifyNetworkInterfaceAttribute", least[-1], least),
        opened_s=opened_s,
        continued_s=tuple(at_s + 4.0 + 0.5 * seed for at_s in opened_s),
        calls={
            "CreateNetworkInterface": 2 * nodes,
            "AttachNetworkInterface": 2 * nodes,
            "ModifyNetworkInterfaceAttribute": 4 * nodes,
            "DescribeInstances": 2,
            "CompleteLifecycleAction": nodes,
        },
        throttled_s=tuple((at_s, "AttachNetworkInterface") for at_s in opened_s[1::10]),
        abandoned=0,
        expired=0,
        completed_twice=0,
        broken=(),
        trace="ab" * 32,
    )


RESULTS: Mapping[Part, Sequence[Any]] = {
    Part.BURSTS: [
        burst(1, UNCHECKED),
        burst(10, UNCHECKED),
        burst(10, UNCHECKED, seed=3),
        burst(1000, UNCHECKED),
        burst(10, CHECKED),
        burst(100, FROM_START),
        burst(100, UNCHECKED, 0.5),
    ],
    Part.SCALE_IN: [
        ScaleIn(
            nodes=1000,
            shape=CHECKED,
            seed=1,
            continued_s=(0.7, 1.4, 92.1),
            gone_s=140.0,
            calls={"CompleteLifecycleAction": 1026, "DeleteNetworkInterface": 4},
            throttled_s=((5.0, "CompleteLifecycleAction"),),
            expired=0,
            completed_twice=0,
            broken=("eni-1 is left of i-1, which is gone",),
            trace="cd" * 32,
        )
    ],
    Part.FAULTS: [
        Faulted("launch", "single", 45, ()),
        Faulted("launch", "single", 45, ("6:crash-after",)),
        Faulted("launch", "pairs", 3780, ()),
    ],
    Part.MISHAPS: [
        MishapOutcome("launch: every event lost", 181.0, 0, ()),
        MishapOutcome("launch: no address in us-east-1a for 600 s", 955.0, 30, ()),
        MishapOutcome(
            "termination: the one instance terminated at each of 7 steps",
            None,
            None,
            ("second 0.52: eni-2 is left of i-2, which is gone",),
        ),
    ],
    Part.RECOVERY: [
        Recovered(
            name="reconciler-off",
            disturbed="the reconciler off for an hour",
            nodes=50,
            seconds=290.4,
            bound_s=600.0,
            bound="interval 300 s + a run 300 s",
            violations=(),
        )
    ],
    Part.WALKS: [
        WalkOutcome(1, 6.71, 190, 120, 120, 2503, 41, 165.0, 3, ()),
        WalkOutcome(2, 2.4, 57, 18, 9, 310, 2, 0.0, 0, ("i-3 is in service and has nothing",)),
    ],
    Part.BENCH: [
        Benched(
            "Calls",
            "Python 3.11.7, 2 cores, 2026-11-28",
            (
                Figure("1 interface", 7, 6, "calls", "floor + 1", 7),
                at_most("time", 4.2, 3.5, "s", 1.15),
                Figure("for information", 250, 200, "ms"),
            ),
        ),
        Benched(
            "In a guest",
            "Python 3.11.7, 2 cores, 2026-11-28",
            (),
            "qemu-system-x86_64 is not installed",
        ),
    ],
}
