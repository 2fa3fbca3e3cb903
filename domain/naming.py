"""Names that stacks, handlers and nodes must agree on, and the tokens that make a repeated call harmless."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from domain.model import InstanceId

METRICS_NAMESPACE = "MultusEni"
SERVICE = "multus-eni"

EVENT_SOURCE = "multus-eni"
"""The source of the events that this product puts on the account's default event bus."""
LAUNCH_ABANDONED = "Multus ENI Launch Abandoned"
"""The detail-type of the one event it puts there."""

LAUNCH_HANDLER = "lambdas.handlers.launch.lambda_handler"
TERMINATE_HANDLER = "lambdas.handlers.terminate.lambda_handler"
RECONCILE_HANDLER = "lambdas.handlers.reconcile.lambda_handler"
RESERVE_HANDLER = "lambdas.handlers.reserve.lambda_handler"

POD_RANGE_TYPE = "Custom::MultusEniPodRange"
"""The custom resource that stands for a reserved range."""

CONFIG_FILE = "config.json"
"""The resolved configuration's name at the root of the functions' asset."""


STACK_MARK = "MultusEni-"
"""Begins the name of every stack, and so of every hook and created group."""


def owner(name: str) -> str:
    """Return the stack's name for a configuration's name: the value of the owner tag, unique per account and region."""
    return f"{STACK_MARK}{name}"


GROUP_MARK = "-Nodes-"
"""Stands in the name of a created group's stack and in no configuration's name; a node group's has small letters only. So no
other configuration's stack, nor one of its groups', has the same name: CloudFormation would make the one out of the other."""


LAUNCH_MARK = "-launch"


def created_group(owner_name: str, node_group: str) -> str:
    """Return the name of the Auto Scaling group, and of the stack, of a node group that is created."""
    return f"{owner_name}{GROUP_MARK}{node_group}"


def creator_of(group: str) -> str | None:
    """Return the owner of the Auto Scaling group that has this name when it is created; None for a name of another kind."""
    creator, mark, _ = group.partition(GROUP_MARK)
    return creator if mark and creator.startswith(STACK_MARK) else None


def launch_hook(owner_name: str) -> str:
    """Return the name of the launch hook; the rule filters on it, so two stacks never answer each other's hooks."""
    return f"{owner_name}{LAUNCH_MARK}"


def launch_hook_owner(hook: str) -> str | None:
    """Return whose launch hook has this name; None for a name of another kind."""
    ours = hook.startswith(STACK_MARK) and hook.endswith(LAUNCH_MARK)
    return hook[: -len(LAUNCH_MARK)] if ours else None


def terminate_hook(owner_name: str) -> str:
    """Return the name of the terminate hook."""
    return f"{owner_name}-terminate"


def ready_hook(owner_name: str) -> str:
    """Return the name of the launch hook that a node answers itself; no rule of the stack filters on it."""
    return f"{owner_name}-ready"


def parameter(owner_name: str, leaf: str) -> str:
    """Return the name of an SSM parameter that node groups read."""
    return f"/multus-eni/{owner_name}/{leaf}"


def client_token(
    instance_id: InstanceId,
    launched_at: datetime,
    interface: str,
    address: str | None,
    generation: int,
) -> str:
    """Return a ClientToken (at most 64 ASCII characters) for the create of one interface.

    Made of what anyone sees who observes the instance, event or no event: the queue's run, a duplicate of it and the
    scheduled run repeat the very same request, and EC2 answers all of them with one network interface.

    Args:
        instance_id: the node.
        launched_at: when it was last started; an instance of a warm pool starts more than once.
        interface: the interface's name in its node group.
        address: the chosen address, if any. A request with another address is another request, and EC2 answers
            IdempotentParameterMismatch to a token used for two.
        generation: how many times the answer to this token turned out to be a network interface that is gone.
    """
    parts = (str(instance_id), launched_at.isoformat(), interface, address or "", str(generation))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def description(interface: str, instance_id: InstanceId) -> str:
    """Return the ENI's description. It must not begin with `aws-K8S-`, by which the VPC CNI's cleaner selects."""
    return f"Multus interface {interface} of {instance_id}"
