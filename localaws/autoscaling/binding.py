"""Where moto's Auto Scaling calls the account's: its groups' capacities, and their coming and going."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from moto.autoscaling import models as autoscaling_models

from localaws.autoscaling.actions import Actions
from localaws.autoscaling.hooks import hook_from
from localaws.autoscaling.launching import check_policy
from localaws.autoscaling.notifications import test_notification
from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup

    from localaws.account import Account
    from localaws.autoscaling.service import AutoScaling


class Binding:
    """Ties moto's models and its API's actions to the service of one account."""

    def __init__(self, account: Account, service: AutoScaling) -> None:
        self._account = account
        self._service = service
        self._actions = Actions(account, service)

    def patches(self) -> Iterable[Patch]:
        """Yield what stands in the place of moto's Auto Scaling."""
        group, backend = (
            autoscaling_models.FakeAutoScalingGroup,
            autoscaling_models.AutoScalingBackend,
        )
        yield Patch(group, "set_desired_capacity", self._setting)
        yield Patch(group, "update", _keeping_policy)
        yield Patch(backend, "create_auto_scaling_group", self._creating)
        yield Patch(backend, "delete_auto_scaling_group", self._deleting)
        # Moto would drop terminated instances from their groups at once; here EC2's state changes tell of them.
        yield Patch(backend, "notify_terminate_instances", lambda _: _ignore)
        yield from self._actions.patches()

    def _setting(self, _: object) -> Callable[[FakeAutoScalingGroup, int | None], None]:
        def set_desired_capacity(group: FakeAutoScalingGroup, wanted: int | None) -> None:
            with self._account.lock:
                group.desired_capacity = group.min_size if wanted is None else int(wanted)
                # In moto's constructor the group is not yet in its backend: it launches once its hooks are there too.
                if group.autoscaling_backend.autoscaling_groups.get(group.name) is group:
                    self._service.converge(self._service.roster_of(group))

        return set_desired_capacity

    def _creating(
        self, original: Callable[..., FakeAutoScalingGroup]
    ) -> Callable[..., FakeAutoScalingGroup]:
        def create(backend: AutoScalingBackend, *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - moto's own result
            with self._account.lock:
                hooks = self._actions.take_inline_hooks()
                parsed = [hook_from(params) for params in hooks]
                policy = kwargs.get("mixed_instances_policy")
                check_policy(policy if isinstance(policy, dict) else {})
                group = original(backend, *args, **kwargs)
                roster = self._service.roster_of(group)
                roster.hooks = {hook.name: hook for hook in parsed}
                for hook in parsed:
                    test_notification(self._account, group, hook)
                self._service.converge(roster)
                return group

        return create

    def _deleting(self, original: Callable[..., None]) -> Callable[..., None]:
        def delete(backend: AutoScalingBackend, group_name: str) -> None:
            with self._account.lock:
                group = backend.autoscaling_groups.get(group_name)
                if group is not None:
                    self._service.delete(self._service.roster_of(group), force=True)
                    group.instance_states = []
                original(backend, group_name)
                if group is not None:
                    self._service.forget(group)

        return delete


def _keeping_policy(original: Callable[..., None]) -> Callable[..., None]:
    """Moto forgets a mixed instances policy that an update does not name; only another way to launch takes its place."""

    def update(group: FakeAutoScalingGroup, **said: Any) -> None:  # noqa: ANN401 - moto's own arguments
        elsewhere = said["launch_config_name"] or said["launch_template"]
        if group.mixed_instances_policy and not elsewhere and not said["mixed_instances_policy"]:
            kept = copy.deepcopy(group.mixed_instances_policy)
            # Shown with both, and taken with one of them only.
            kept["LaunchTemplate"]["LaunchTemplateSpecification"].pop("LaunchTemplateName", None)
            said["mixed_instances_policy"] = kept
        original(group, **said)

    return update


def _ignore(_backend: AutoScalingBackend, _instance_ids: list[str]) -> None:
    """Leave the instances to their groups."""
