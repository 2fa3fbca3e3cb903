"""Rules about the group's lifecycle hooks, and about who else hears of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain import naming
from domain.lifecycle import Transition
from domain.preflight.findings import Rule, error, warning
from domain.preflight.observed import Unseen, shown
from domain.preflight.patterns import ANY, may_match

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.config import Config
    from domain.preflight.findings import Trouble
    from domain.preflight.looks import Group
    from domain.preflight.observed import EventRule

MAX_HOOKS = 50
"""Per Auto Scaling group (EC2 Auto Scaling User Guide, quotas)."""
MANAGED_TAG = "aws-node-termination-handler/managed"
"""In queue mode the Node Termination Handler only looks after instances with this tag, unless it is told otherwise
(aws-node-termination-handler, README, `checkTagBeforeDraining` and `managedTag`)."""
_READERS = (":sqs:", ":lambda:", ":states:")
"""Targets behind which a program may answer a hook: a queue, a function, a state machine."""
_DETAIL_TYPES = {
    Transition.LAUNCHING: "EC2 Instance-launch Lifecycle Action",
    Transition.TERMINATING: "EC2 Instance-terminate Lifecycle Action",
}


def hook_event(hook: str, group: str, transition: Transition) -> dict[str, Any]:
    """Return the event of an action of one of our hooks, with ANY for what differs from event to event.

    Source: EC2 Auto Scaling User Guide, "EventBridge event reference". Our hooks have no notification metadata.
    """
    detail = {
        "LifecycleActionToken": ANY,
        "AutoScalingGroupName": group,
        "LifecycleHookName": hook,
        "EC2InstanceId": ANY,
        "LifecycleTransition": transition.value,
        "Origin": ANY,
        "Destination": ANY,
    }
    return {
        **dict.fromkeys(("version", "id", "account", "time", "region", "resources"), ANY),
        "source": "aws.autoscaling",
        "detail-type": _DETAIL_TYPES[transition],
        "detail": detail,
    }


LAUNCH, READY, TERMINATE = "launch", "ready", "terminate"
_EFFECTS = {
    LAUNCH: "a node would be in service without its interfaces",
    READY: "a node would be in service before it is at work",
    TERMINATE: "the node would go before its interfaces are looked after",
}
"""What comes of a hook that somebody else completes, the worst first."""


def takes_a_hook_of(config: Config, name: str, pattern: Mapping[str, Any]) -> bool:
    """Return whether a rule, which is not the stack's own, may take an event of one of the configuration's hooks."""
    return any(
        _taken(config.owner, group.auto_scaling_group, name, pattern, ready=True)
        for group in config.node_groups
    )


def _taken(
    owner: str, group: str, name: str, pattern: Mapping[str, Any], *, ready: bool
) -> list[str]:
    """Return which of our hooks' events a rule may take: none when it is one of our stack's."""
    if name.startswith(f"{owner}-"):
        return []
    hooks = {
        LAUNCH: (naming.launch_hook(owner), Transition.LAUNCHING),
        TERMINATE: (naming.terminate_hook(owner), Transition.TERMINATING),
    }
    if ready:
        hooks[READY] = (naming.ready_hook(owner), Transition.LAUNCHING)
    return [
        kind
        for kind, (hook, transition) in hooks.items()
        if may_match(pattern, hook_event(hook, group, transition))
    ]


def nobody_else_answers(group: Group) -> Iterator[Trouble]:
    """The Node Termination Handler in queue mode completes whatever lifecycle action reaches its queue, launches too
    (aws-node-termination-handler, pkg/monitor/sqsevent): a node would be in service without its interfaces."""
    owner = group.whole.config.owner
    for rule in shown(group.account.rules):
        taken = _taken(
            owner,
            group.config.auto_scaling_group,
            rule.name,
            rule.pattern,
            ready=group.node.ready_hook is not None,
        )
        readers = _readers(rule)
        if taken and readers:
            yield _answered(group, rule, taken, readers)


def _readers(rule: EventRule) -> tuple[str, ...]:
    if isinstance(rule.targets, Unseen):
        return ("targets that were not shown",)
    return tuple(target for target in rule.targets if any(kind in target for kind in _READERS))


def _answered(group: Group, rule: EventRule, taken: list[str], readers: tuple[str, ...]) -> Trouble:
    launches = LAUNCH in taken or READY in taken
    certain = launches and MANAGED_TAG in group.in_account.tags
    kinds = " and ".join(taken)
    effect = next(text for kind, text in _EFFECTS.items() if kind in taken)
    say = error if certain else warning
    return say(
        rule.name,
        f"the rule sends the events of our {kinds} hooks to {', '.join(readers)}; a Node Termination Handler there "
        f"completes them, and {effect}",
        "Filter the rule by its own hook's name (detail.LifecycleHookName)"
        + (
            ", and by the detail-type EC2 Instance-terminate Lifecycle Action." if launches else "."
        ),
    )


def hooks_have_room(group: Group) -> Iterator[Trouble]:
    """A group takes so many lifecycle hooks (EC2 Auto Scaling User Guide, quotas), and the stack adds its own."""
    present = shown(group.in_account.hooks)
    owner = group.whole.config.owner
    ours = {naming.launch_hook(owner), naming.terminate_hook(owner)}
    if group.node.ready_hook:
        ours.add(group.node.ready_hook)
    count = len(ours.union(present))
    if count > MAX_HOOKS:
        yield error(
            group.in_account.name,
            f"would have {count} lifecycle hooks, and a group takes {MAX_HOOKS}",
            "Remove hooks that nobody answers any more.",
        )


def no_other_stack_serves_the_group(group: Group) -> Iterator[Trouble]:
    """Two stacks never answer each other's hooks, so a group with the hooks of both has every node served twice: each attaches
    interfaces of its own, and a node waits for both."""
    ours = group.whole.config.owner
    owners = {naming.launch_hook_owner(hook) for hook in shown(group.in_account.hooks)}
    for other in sorted(each for each in owners if each not in {None, ours}):
        yield warning(
            group.in_account.name,
            f"has the launch hook of the stack {other}, which attaches its interfaces to the same nodes",
            f"Take the group out of one of the two configurations; or destroy {other} first, if this is its new name.",
        )


RULES: tuple[Rule[Group], ...] = (
    Rule("hook-answered-by-others", "no other rule hears of our hooks", nobody_else_answers),
    Rule(
        "served-by-another-stack",
        "no other stack serves the group",
        no_other_stack_serves_the_group,
    ),
    Rule("too-many-hooks", "the group has room for our hooks", hooks_have_room),
)
