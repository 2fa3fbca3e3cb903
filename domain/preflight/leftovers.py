"""Rules about Auto Scaling groups that an earlier file has left behind: this stack's hooks are on them, and nobody answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import naming, tags
from domain.preflight.findings import Rule, warning
from domain.preflight.observed import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.config import Config
    from domain.preflight.findings import Trouble
    from domain.preflight.looks import Whole


def is_created(owner: str, group: str) -> bool:
    """Return whether an Auto Scaling group is named as the stack has those named that it creates."""
    return group.startswith(naming.created_group(owner, ""))


def may_be_left_behind(config: Config, group: str, group_tags: Mapping[str, str]) -> bool:
    """Return whether an Auto Scaling group may be the stack's, and is in no node group of the configuration.

    Hooks are shown for one group at a time, so they are asked for nodes of this cluster alone: a group's instances have the
    cluster's tag, and usually get it from the group (EKS User Guide, self-managed Amazon Linux nodes).

    Args:
        config: what handlers read.
        group: its name.
        group_tags: its tags.
    """
    if any(group == each.auto_scaling_group for each in config.node_groups):
        return False
    return is_created(config.owner, group) or tags.of_cluster(config.cluster_name) in group_tags


def created_groups_are_in_the_file(whole: Whole) -> Iterator[Trouble]:
    """A created group is a stack of its own: what is taken out of the file, or renamed there, stays, with its hooks. The functions
    know the file's groups alone, so its launches time out, and their default result is ABANDON."""
    owner = whole.config.owner
    for group in shown(whole.account.others):
        if is_created(owner, group.name):
            yield warning(
                group.name,
                "was created for a node group that is not in the file any more: nobody answers its hooks, and each of its "
                "launches is abandoned",
                "Put the node group back under its old name; or, when its nodes may go, "
                f"`aws cloudformation delete-stack --stack-name {group.name}`.",
            )


def hooks_are_on_groups_of_the_file(whole: Whole) -> Iterator[Trouble]:
    """A hook that was put on a group with the group itself (LifecycleHookSpecificationList) goes with no deployment of the
    stack."""
    owner = whole.config.owner
    ours = {naming.launch_hook(owner), naming.ready_hook(owner), naming.terminate_hook(owner)}
    for group in shown(whole.account.others):
        found = (
            () if is_created(owner, group.name) else sorted(ours.intersection(shown(group.hooks)))
        )
        if found:
            yield warning(
                group.name,
                f"has our {' and '.join(found)}, and is not in the file: with it deployed nobody answers there, and each launch "
                "is abandoned",
                "Put it into the file. Or deploy, which takes the hooks off groups that the file had adopted, and what is left "
                "with `aws autoscaling delete-lifecycle-hook`.",
            )


RULES: tuple[Rule[Whole], ...] = (
    Rule(
        "created-group-left",
        "every group that was created for this file is still in it",
        created_groups_are_in_the_file,
    ),
    Rule(
        "hooks-left",
        "no other group of the cluster has our hooks",
        hooks_are_on_groups_of_the_file,
    ),
)
