"""Auto Scaling as far as the reconcilers need it: groups, hooks, and who waits in them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain.errors import SpecRejected
from domain.lifecycle import LifecycleResult, Transition
from domain.model import GroupName, LifecycleActionToken, Member

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from domain.model import InstanceId
    from tests.fakes.calls import PortCalls


@dataclass
class Action:
    """One opened lifecycle action."""

    group: GroupName
    hook_name: str
    instance_id: InstanceId
    token: LifecycleActionToken
    transition: Transition
    heartbeats: int = 0
    results: list[LifecycleResult] = field(default_factory=list)
    """What it was completed with: more than one entry would be a completion too many."""

    @property
    def is_open(self) -> bool:
        """Whether nobody completed it yet."""
        return not self.results


class FakeAutoScaling:
    """Auto Scaling groups with their launch and terminate hooks."""

    def __init__(self, calls: PortCalls, terminate: Callable[[InstanceId], None]) -> None:
        self.calls = calls
        self.actions: list[Action] = []
        """Every lifecycle action there ever was."""
        self._terminate = terminate
        self._hooks: dict[GroupName, dict[str, Transition]] = {}
        self._states: dict[InstanceId, tuple[GroupName, str]] = {}
        self._numbers = itertools.count(1)

    # What a test sets up and looks at.

    def add_group(self, group: GroupName, hooks: dict[str, Transition]) -> None:
        """Add a group with its hooks."""
        self._hooks[group] = hooks

    def open(self, group: GroupName, hook_name: str, instance_id: InstanceId) -> Action:
        """Open a hook for an instance and return the action."""
        transition = self._hooks[group][hook_name]
        token = LifecycleActionToken(f"00000000-0000-4000-8000-{next(self._numbers):012x}")
        action = Action(group, hook_name, instance_id, token, transition)
        self.actions.append(action)
        waiting = "Pending:Wait" if transition is Transition.LAUNCHING else "Terminating:Wait"
        self._states[instance_id] = (group, waiting)
        return action

    def serve(self, group: GroupName, instance_id: InstanceId) -> None:
        """Put an instance into service without any hook (it is older than the hooks)."""
        self._states[instance_id] = (group, "InService")

    def rest(self, group: GroupName, instance_id: InstanceId) -> None:
        """Keep an instance in a warm pool, running."""
        self._states[instance_id] = (group, "Warmed:Running")

    def state(self, instance_id: InstanceId) -> str | None:
        """Return an instance's lifecycle state, or None when it is in no group any more."""
        return self._states[instance_id][1] if instance_id in self._states else None

    def leave(self, instance_id: InstanceId) -> None:
        """Let a terminated instance leave its group."""
        self._states.pop(instance_id, None)

    # The port.

    def complete(
        self,
        group: GroupName,
        hook_name: str,
        instance_id: InstanceId,
        token: LifecycleActionToken | None,
        result: LifecycleResult,
    ) -> bool:
        """Complete an open action; False when none is open."""
        with self.calls.made("complete"):
            action = self._open(group, hook_name, instance_id, token)
            if action is None:
                return False
            action.results.append(result)
            launched = action.transition is Transition.LAUNCHING
            if launched and result is LifecycleResult.CONTINUE:
                if not self._still_launching(instance_id):
                    self._states[instance_id] = (group, "InService")
            else:
                self._states[instance_id] = (group, "Terminating:Proceed")
                self._terminate(instance_id)
            return True

    def heartbeat(
        self,
        group: GroupName,
        hook_name: str,
        instance_id: InstanceId,
        token: LifecycleActionToken | None,
    ) -> bool:
        """Prolong an open action; False when none is open."""
        with self.calls.made("heartbeat"):
            action = self._open(group, hook_name, instance_id, token)
            if action is None:
                return False
            action.heartbeats += 1
            return True

    def list_members(self, groups: Collection[GroupName]) -> list[Member]:
        """Return the instances of the groups with their states."""
        with self.calls.made("list_members"):
            return [
                Member(instance_id, group, state)
                for instance_id, (group, state) in self._states.items()
                if group in groups
            ]

    def _still_launching(self, instance_id: InstanceId) -> bool:
        """Return whether another launch hook of the instance is open: it waits until every one is answered."""
        return any(
            action.is_open and action.transition is Transition.LAUNCHING
            for action in self.actions
            if action.instance_id == instance_id
        )

    def _open(
        self,
        group: GroupName,
        hook_name: str,
        instance_id: InstanceId,
        token: LifecycleActionToken | None,
    ) -> Action | None:
        if hook_name not in self._hooks.get(group, {}):
            raise SpecRejected(f"ValidationError: no hook {hook_name} on {group}")
        return next(
            (
                action
                for action in self.actions
                if (action.group, action.hook_name) == (group, hook_name)
                and action.instance_id == instance_id
                and token in (None, action.token)
                and action.is_open
            ),
            None,
        )
