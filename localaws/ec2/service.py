"""EC2 of one embedded account: what it puts in moto's place, and who hears of an instance's new state."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from localaws.client import AWS_INTERNAL
from localaws.ec2 import (
    attachments,
    describes,
    pages,
    placement_groups,
    provisioning,
    refusals,
    subnets,
    tagging,
)
from localaws.ec2.moto_backend import MotoBackend
from localaws.ec2.region import Region, region_of
from localaws.ec2.spot import SpotMarket
from localaws.ec2.wire import WireResult
from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from localaws.account import Account
    from localaws.ec2.wire import Answer

    StateListener = Callable[[str, str], None]
    Params = Mapping[str, Any]
    Handler = Callable[[Region, Params], Answer]

_ACTIONS: Mapping[str, Handler] = {
    "create_network_interface": provisioning.create_network_interface,
    "delete_network_interface": provisioning.delete_network_interface,
    "modify_network_interface_attribute": provisioning.modify_network_interface_attribute,
    "describe_network_interface_attribute": provisioning.describe_network_interface_attribute,
    "assign_private_ip_addresses": provisioning.assign_private_ip_addresses,
    "unassign_private_ip_addresses": provisioning.unassign_private_ip_addresses,
    "assign_ipv6_addresses": provisioning.assign_ipv6_addresses,
    "unassign_ipv6_addresses": provisioning.unassign_ipv6_addresses,
    "attach_network_interface": attachments.attach_network_interface,
    "detach_network_interface": attachments.detach_network_interface,
    "describe_network_interfaces": describes.describe_network_interfaces,
    "describe_instances": describes.describe_instances,
    "describe_subnets": describes.describe_subnets,
    "create_subnet_cidr_reservation": subnets.create_subnet_cidr_reservation,
    "get_subnet_cidr_reservations": subnets.get_subnet_cidr_reservations,
    "delete_subnet_cidr_reservation": subnets.delete_subnet_cidr_reservation,
}
"""The actions that are ours altogether, by the name of moto's method."""

_ADDED: Mapping[str, Handler] = {
    "create_placement_group": placement_groups.create_placement_group,
    "describe_placement_groups": placement_groups.describe_placement_groups,
}
"""The actions that moto does not have."""

_BY_INSTANCE_ID = ("terminate_instances", "stop_instances", "start_instances", "reboot_instances")

_LISTED = {
    "describe_security_groups": ("SecurityGroups", pages.PageRules("GroupIds"), "id"),
    "describe_instance_types": (
        "InstanceTypes",
        pages.PageRules("InstanceTypes", least=5, most=100),
        "name",
    ),
}
"""Moto's Describe actions that lack nothing but pages: result, bounds, and the attribute that orders the items."""


class Ec2:
    """EC2's behaviour in one account.

    Attributes:
        spot: what happens to Spot Instances.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self.spot = SpotMarket(account)
        self._listeners: list[StateListener] = []

    def on_state_change(self, listener: StateListener) -> None:
        """Call the listener with an instance id and its new state's name.

        The clock calls it at the moment of the change: never inside the API call that caused it, and never
        while the account's lock is held.
        """
        self._listeners.append(listener)

    def region(self, backend: Any) -> Region:  # noqa: ANN401 - moto types its backends so
        """Return the state that lives in one of moto's EC2 backends."""
        return region_of(backend, lambda new: Region(new, self._account, self._announce))

    def _announce(self, instance_id: str, state: str) -> None:
        clock = self._account.clock
        for listener in self._listeners:
            clock.call_at(clock.now(), partial(listener, instance_id, state))

    def patches(self) -> Iterable[Patch]:
        """Yield what stands in the place of moto's EC2."""
        for name, handler in _ACTIONS.items():
            yield Patch(EC2Response, name, partial(self._action, handler))
        for name, handler in _ADDED.items():
            yield Patch(EC2Response, name, partial(self._action, handler), adds=True)
        for name in _BY_INSTANCE_ID:
            yield Patch(EC2Response, name, self._instance_action)
        for name in _LISTED:
            yield Patch(EC2Response, name, partial(self._paged, name))
        yield Patch(EC2Response, "run_instances", self._run_instances_action)
        yield Patch(EC2Response, "register_image", self._register_image_action)
        yield Patch(EC2Response, "create_tags", self._tag_action)
        yield Patch(EC2Response, "delete_tags", self._tag_action)
        yield from MotoBackend(self.region, self._account.lock).patches()

    # Actions.

    def _action(self, handler: Handler, _original: object) -> Callable[[EC2Response], ActionResult]:
        def act(response: EC2Response) -> ActionResult:
            response.error_on_dryrun()
            with self._account.lock:
                return WireResult(handler(self.region(response.ec2_backend), response.params))

        return act

    def _instance_action(
        self, original: Callable[[EC2Response], ActionResult]
    ) -> Callable[[EC2Response], ActionResult]:
        def act(response: EC2Response) -> ActionResult:
            with self._account.lock:
                region = self.region(response.ec2_backend)
                for instance_id in response.params.get("InstanceIds", ()):
                    region.instance(instance_id)
                return original(response)

        return act

    def _run_instances_action(
        self, original: Callable[[EC2Response], ActionResult]
    ) -> Callable[[EC2Response], ActionResult]:
        def act(response: EC2Response) -> ActionResult:
            with self._account.lock:
                launched: Any = original(response).result
                region = self.region(response.ec2_backend)
                records = [region.instances[each.id] for each in launched.instances]
                return WireResult(describes.reservation_answer(region, records))

        return act

    def _register_image_action(
        self, original: Callable[[EC2Response], ActionResult]
    ) -> Callable[[EC2Response], ActionResult]:
        """Let an image keep its architecture, which moto forgets.

        Source: EC2 API reference, RegisterImage: i386 for an EBS-backed image that is registered without one.
        """

        def act(response: EC2Response) -> ActionResult:
            with self._account.lock:
                registered = original(response)
                result: Any = registered.result
                image = response.ec2_backend.amis[result["ImageId"]]
                image.architecture = response.params.get("Architecture", "i386")
                return registered

        return act

    def _paged(
        self, name: str, original: Callable[[EC2Response], ActionResult]
    ) -> Callable[[EC2Response], ActionResult]:
        member, rules, key = _LISTED[name]

        def act(response: EC2Response) -> ActionResult:
            pages.check(response.params, rules)
            with self._account.lock:
                if name == "describe_security_groups":
                    _check_groups_exist(response)
                result: Any = original(response).result
            page = pages.cut(result[member], response.params, lambda item: str(getattr(item, key)))
            return ActionResult({member: page.items, "NextToken": page.next_token})

        return act

    def _tag_action(
        self, original: Callable[[EC2Response], ActionResult]
    ) -> Callable[[EC2Response], ActionResult]:
        def act(response: EC2Response) -> ActionResult:
            if not AWS_INTERNAL.get():
                tagging.tags_from(response.params.get("Tags", ()))
            with self._account.lock:
                region = self.region(response.ec2_backend)
                for resource_id in response.params.get("Resources", ()):
                    if resource_id.startswith("eni-"):
                        region.interface(resource_id)
                    elif resource_id.startswith("i-"):
                        region.instance(resource_id)
                return original(response)

        return act


def _check_groups_exist(response: EC2Response) -> None:
    asked = list(dict.fromkeys(response.params.get("GroupIds", ())))
    known = {group.id for group in response.ec2_backend.describe_security_groups()}
    missing = [group_id for group_id in asked if group_id not in known]
    if missing:
        raise refusals.GROUP_NOT_FOUND.refusal(group_ids="', '".join(missing))
