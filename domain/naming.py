"""Names that stacks, handlers and nodes must agree on, and the tokens that make a repeated call harmless."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.model import InstanceId

METRICS_NAMESPACE = "MultusEni"
SERVICE = "multus-eni"

LAUNCH_HANDLER = "lambdas.handlers.launch.lambda_handler"
TERMINATE_HANDLER = "lambdas.handlers.terminate.lambda_handler"
RECONCILE_HANDLER = "lambdas.handlers.reconcile.lambda_handler"

CONFIG_FILE = "config.json"
"""The resolved configuration's name at the root of the functions' asset."""


def owner(name: str) -> str:
    """Return the stack's name for a configuration's name: the value of the owner tag, unique per account and region."""
    return f"MultusEni-{name}"


def launch_hook(owner_name: str) -> str:
    """Return the name of the launch hook; the rule filters on it, so two stacks never answer each other's hooks."""
    return f"{owner_name}-launch"


def terminate_hook(owner_name: str) -> str:
    """Return the name of the terminate hook."""
    return f"{owner_name}-terminate"


def parameter(owner_name: str, leaf: str) -> str:
    """Return the name of an SSM parameter that node groups read."""
    return f"/multus-eni/{owner_name}/{leaf}"


def client_token(
    epoch: str, instance_id: InstanceId, interface: str, address: str | None, generation: int
) -> str:
    """Return a ClientToken (at most 64 ASCII characters) for the create of one interface.

    Args:
        epoch: what the create belongs to: the launch of the instance, or one repair run. Whoever works on the same
            launch, from the queue or from the schedule, repeats the very same request.
        instance_id: the node.
        interface: the interface's name in its node group.
        address: the chosen address, if any. A request with another address is another request, and EC2 answers
            IdempotentParameterMismatch to a token used for two.
        generation: how many times the answer to this token turned out to be a network interface that is gone.
    """
    text = "\0".join((epoch, str(instance_id), interface, address or "", str(generation)))
    return hashlib.sha256(text.encode()).hexdigest()


def description(interface: str, instance_id: InstanceId) -> str:
    """Return the ENI's description. It must not begin with `aws-K8S-`, by which the VPC CNI's cleaner selects."""
    return f"Multus interface {interface} of {instance_id}"
