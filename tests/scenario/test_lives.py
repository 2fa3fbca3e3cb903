"""Random lives of a group: whatever happens to nodes, events and functions, the promises hold."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from domain import tags
from domain.errors import EniLifecycleError
from domain.model import InstanceId
from localaws.faults import CallerCrashed, Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from localaws.calls import Call
    from localaws.faults import InjectedFault
    from tests.fakes.stage import Stage

pytestmark = pytest.mark.scenario

MOST_NODES = 4
SCHEDULE_S = 120.0
LONG_S = 3600.0
ACTIONS = [
    "CreateNetworkInterface",
    "AttachNetworkInterface",
    "ModifyNetworkInterfaceAttribute",
    "DeleteNetworkInterface",
    "DescribeNetworkInterfaces",
    "DescribeInstances",
    "CompleteLifecycleAction",
    "RecordLifecycleActionHeartbeat",
]
REFUSALS = [
    ("CreateNetworkInterface", "InsufficientFreeAddressesInSubnet"),
    ("CreateNetworkInterface", "NetworkInterfaceLimitExceeded"),
    ("CreateNetworkInterface", "UnauthorizedOperation"),
    ("CreateNetworkInterface", "InvalidSubnetID.NotFound"),
    ("AttachNetworkInterface", "AttachmentLimitExceeded"),
    ("AttachNetworkInterface", "UnauthorizedOperation"),
]
"""What no further attempt changes: the node is abandoned, and nothing of it is left."""


class Lives(RuleBasedStateMachine):
    """A group that grows and shrinks while events are lost, late and doubled, calls fail and functions die.

    Held all along: a node in service has exactly its interfaces, no function asks to abandon a healthy node to which
    nothing was refused for good, no hook is completed twice. Held at the end: nothing waits, and nothing outlives its node.
    """

    def __init__(self, staged: Callable[[], AbstractContextManager[Stage]]) -> None:
        super().__init__()
        self._opened = staged()
        self.stage = self._opened.__enter__()
        self.wanted = 0
        self.killed: set[InstanceId] = set()
        self.refusals: list[InjectedFault] = []
        self.gone_before: set[InstanceId] = set()
        self.undelivered: list[dict[str, Any]] = []
        self.delivered: list[dict[str, Any]] = []
        self.reconciled_at_s = self.stage.clock.virtual.now()

    def teardown(self) -> None:
        """Let the group settle, then shrink it to nothing, and look at what is left."""
        try:
            self._settle()
            self._promises()
            self._vanish()
        finally:
            self._opened.__exit__(None, None, None)

    # What happens.

    @rule(nodes=st.integers(0, MOST_NODES))
    def scale(self, nodes: int) -> None:
        """Somebody changes the group's capacity."""
        self.wanted = nodes
        self.stage.desire(nodes)

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """Some of the events arrive, in any order, some of them twice."""
        self.undelivered += self.stage.collect()
        chosen = data.draw(st.lists(st.integers(0, 3), max_size=4, unique=True))
        for place in sorted(
            (each for each in chosen if each < len(self.undelivered)), reverse=True
        ):
            event = self.undelivered.pop(place)
            self.delivered.append(event)
            self.stage.send(*[event] * data.draw(st.integers(1, 2)))

    @rule()
    def lose(self) -> None:
        """The oldest event that has not arrived never does."""
        self.undelivered += self.stage.collect()
        del self.undelivered[:1]

    @precondition(lambda self: bool(self.delivered))
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """An event that arrived long ago arrives again."""
        self.stage.send(data.draw(st.sampled_from(self.delivered)))

    @rule(launching=st.booleans())
    def poll(self, launching: bool) -> None:
        """A function gets a batch."""
        self._run(lambda: self.stage.poll(launching=launching))

    @rule(seconds=st.sampled_from([0.5, 2.0, 10.0, 60.0]))
    def wait(self, seconds: float) -> None:
        """Time passes; the schedule runs when it is due."""
        self._wait(seconds)

    @rule(
        action=st.sampled_from(ACTIONS), kind=st.sampled_from(FaultKind), on_call=st.integers(1, 3)
    )
    def break_something(self, action: str, kind: FaultKind, on_call: int) -> None:
        """A call of the next runs fails, or kills its function."""
        self.stage.account.faults.inject(Fault(action, kind, on_call=on_call))

    @rule(refusal=st.sampled_from(REFUSALS), on_call=st.integers(1, 3))
    def refuse(self, refusal: tuple[str, str], on_call: int) -> None:
        """A node launches, and a call for it, or for one of the next, is refused for good."""
        action, code = refusal
        fault = Fault(action, FaultKind.ERROR, code=code, on_call=on_call)
        self.refusals.append(self.stage.account.faults.inject(fault))
        self.scale(self.wanted % MOST_NODES + 1)
        self._deliver_all()
        self.poll(launching=True)

    @precondition(lambda self: bool(self.stage.in_service()))
    @rule()
    def kill_a_node(self) -> None:
        """Somebody terminates an instance behind the group's back."""
        node = self.stage.in_service()[0]
        self.killed.add(node)
        self.stage.ec2.terminate_instances(InstanceIds=[node])

    # What must hold.

    @invariant()
    def every_node_in_service_has_what_it_was_promised(self) -> None:
        """Look at every living node in service."""
        self._promises()

    @invariant()
    def no_healthy_node_is_abandoned(self) -> None:
        """Look at what the functions asked for."""
        abandoned = set(self.stage.asked_for("ABANDON"))
        assert abandoned <= self.killed | self._refused() | self.gone_before

    @invariant()
    def each_hook_is_completed_at_most_once(self) -> None:
        """Look at the completions that took effect."""
        assert not [each for each, count in Counter(self.stage.completed()).items() if count > 1]

    def _promises(self) -> None:
        for node in self.stage.in_service():
            if node not in self._gone():
                assert self.stage.faults_of(node) == [], node

    def _refused(self) -> set[InstanceId]:
        """Return the nodes for which a call was refused for good."""
        numbers = {number for refusal in self.refusals for number in refusal.fired}
        calls = self.stage.account.calls.where(lambda call: call.number in numbers)
        return {_node_of(call) for call in calls}

    def _gone(self) -> set[InstanceId]:
        shown = self.stage.ec2.describe_instances(
            Filters=[{"Name": "instance-state-name", "Values": ["shutting-down", "terminated"]}]
        )
        return {i["InstanceId"] for r in shown["Reservations"] for i in r["Instances"]}

    # How it is done.

    def _run(self, work: Callable[[], object]) -> None:
        """Run a function; one that dies or fails is started anew by the next message."""
        # An abandoned node is gone soon after: to have been gone excuses an abandon only when it was so before the run.
        self.gone_before |= self._gone()
        try:
            work()
        except CallerCrashed:
            self.stage.restart()

    def _deliver_all(self) -> None:
        self.stage.send(*self.undelivered, *self.stage.collect())
        self.undelivered = []

    def _wait(self, seconds: float) -> None:
        self.stage.clock.wait(seconds)
        now_s = self.stage.clock.virtual.now()
        if now_s - self.reconciled_at_s >= SCHEDULE_S:
            self.reconciled_at_s = now_s
            self._reconcile()

    def _reconcile(self) -> None:
        try:
            self._run(self.stage.reconcile)
        except EniLifecycleError:
            """The look failed: Lambda counts the error, and the next run is soon."""

    def _settle(self) -> None:
        """Let nothing fail any more, deliver what is left, and wait for the queues and the schedule."""
        self.stage.account.faults.clear()
        for _ in range(12):
            self._deliver_all()
            self._run(lambda: self.stage.poll(launching=True))
            self._run(lambda: self.stage.poll(launching=False))
            self._wait(60.0)
        assert set(self.stage.states().values()) <= {"InService"}
        assert len(self.stage.in_service()) == self.wanted

    def _vanish(self) -> None:
        self.wanted = 0
        self.stage.desire(0)
        self._settle()
        self.stage.clock.wait(LONG_S)
        self._reconcile()
        assert self.stage.enis() == []


def _node_of(call: Call) -> InstanceId:
    """Return for which node an ENI was to be made or attached."""
    if call.action == "AttachNetworkInterface":
        return InstanceId(call.params["InstanceId"])
    (specification,) = call.params["TagSpecifications"]
    (node,) = [tag["Value"] for tag in specification["Tags"] if tag["Key"] == tags.INSTANCE]
    return InstanceId(node)


def test_the_promises_hold_in_every_life(
    staged: Callable[[], AbstractContextManager[Stage]],
) -> None:
    run_machine(
        lambda: Lives(staged),  # type: ignore[arg-type]  # any maker of a machine will do (hypothesis' documentation)
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
