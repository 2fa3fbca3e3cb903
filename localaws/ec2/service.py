"""EC2 of one embedded account: what it puts in moto's place, and who hears of an instance's new state."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidInstanceIdError, InvalidNetworkInterfaceIdError
from moto.ec2.models import nat_gateways, vpcs
from moto.ec2.models.elastic_network_interfaces import NetworkInterfaceBackend
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.models.subnets import Subnet
from moto.ec2.responses import EC2Response

from localaws.client import AWS_INTERNAL
from localaws.ec2 import (
    attachments,
    describes,
    instances,
    pages,
    provisioning,
    refusals,
    subnets,
    tagging,
)
from localaws.ec2.interfaces import InterfaceRequest
from localaws.ec2.region import Region, region_of
from localaws.ec2.wire import WireResult
from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import InstanceState, Reservation
    from moto.ec2.models.security_groups import SecurityGroup

    from localaws.account import Account
    from localaws.ec2.interfaces import Interface
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
    """EC2's behaviour in one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
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
        for name in _BY_INSTANCE_ID:
            yield Patch(EC2Response, name, self._instance_action)
        for name in _LISTED:
            yield Patch(EC2Response, name, partial(self._paged, name))
        yield Patch(EC2Response, "run_instances", self._run_instances_action)
        yield Patch(EC2Response, "create_tags", self._tag_action)
        yield Patch(EC2Response, "delete_tags", self._tag_action)
        yield from self._interface_patches()
        yield from self._instance_patches()

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

    # What moto's own code calls.

    def _interface_patches(self) -> Iterable[Patch]:
        yield Patch(NetworkInterfaceBackend, "create_network_interface", self._create_interface)
        yield Patch(NetworkInterfaceBackend, "delete_network_interface", self._delete_interface)
        yield Patch(NetworkInterfaceBackend, "get_network_interface", self._get_interface)
        yield Patch(Subnet, "available_ip_address_count", self._available_addresses)
        for module in (nat_gateways, vpcs):
            # Moto makes up an address for its gateways and endpoints, out of any subnet; EC2 chooses one itself.
            yield Patch(module, "random_private_ip", lambda _original: _no_address)

    def _create_interface(self, _original: object) -> Callable[..., Interface]:
        def create_network_interface(
            backend: EC2Backend,
            subnet: Subnet | str,
            private_ip_address: str | list[str] | None = None,
            *,
            private_ip_addresses: Sequence[Mapping[str, Any]] | None = None,
            group_ids: Sequence[str] | None = None,
            description: str | None = None,
            tags: Mapping[str, str] | None = None,
            **_others: object,
        ) -> Interface:
            chosen = [private_ip_address] if isinstance(private_ip_address, str) else []
            chosen += list(private_ip_address or []) if not chosen else []
            listed = [each["PrivateIpAddress"] for each in private_ip_addresses or ()]
            request = InterfaceRequest(
                subnet_id=subnet if isinstance(subnet, str) else subnet.id,
                group_ids=tuple(group_ids or ()),
                primary_ipv4=chosen[0] if chosen else None,
                secondary_ipv4=tuple(each for each in listed if each not in chosen),
                description=description or "",
                tags=tags or {},
            )
            with self._account.lock:
                return provisioning.create(self.region(backend), request)

        return create_network_interface

    def _delete_interface(self, _original: object) -> Callable[[EC2Backend, str], None]:
        def delete_network_interface(backend: EC2Backend, eni_id: str) -> None:
            params = {"NetworkInterfaceId": eni_id}
            with self._account.lock:
                provisioning.delete_network_interface(self.region(backend), params)

        return delete_network_interface

    def _get_interface(self, _original: object) -> Callable[[EC2Backend, str], Interface]:
        def get_network_interface(backend: EC2Backend, eni_id: str) -> Interface:
            interface = self.region(backend).interfaces.get(eni_id)
            if interface is None:
                raise InvalidNetworkInterfaceIdError(eni_id)
            return interface

        return get_network_interface

    def _available_addresses(self, _original: object) -> property:
        def available_ip_address_count(subnet: Subnet) -> int:
            pool = self.region(subnet.ec2_backend).addresses_of(subnet).ipv4
            return pool.available if pool else 0

        return property(available_ip_address_count)

    def _instance_patches(self) -> Iterable[Patch]:
        yield Patch(InstanceBackend, "run_instances", self._run_instances)
        yield Patch(InstanceBackend, "get_instance", self._get_instance)
        yield Patch(InstanceBackend, "get_instance_by_id", self._get_instance_by_id)
        yield Patch(Instance, "prep_nics", self._equip)
        yield Patch(Instance, "terminate", self._terminate)
        yield Patch(Instance, "stop", partial(self._moved, instances.stop))
        yield Patch(Instance, "start", partial(self._moved, instances.start))
        for name in ("private_ip", "private_ip_address", "private_dns_name"):
            yield Patch(Instance, name, _of_primary)
        for name in ("public_ip", "public_ip_address"):
            yield Patch(Instance, name, _of_primary)

    def _run_instances(self, original: Callable[..., Reservation]) -> Callable[..., Reservation]:
        def run_instances(backend: EC2Backend, *args: object, **kwargs: object) -> Reservation:
            with self._account.lock:
                return instances.run(
                    self.region(backend), lambda: original(backend, *args, **kwargs)
                )

        return run_instances

    def _get_instance(self, _original: object) -> Callable[[EC2Backend, str], Instance]:
        def get_instance(backend: EC2Backend, instance_id: str) -> Instance:
            record = self.region(backend).instances.get(instance_id)
            if record is None:
                raise InvalidInstanceIdError(instance_id)
            return record.instance

        return get_instance

    def _get_instance_by_id(
        self, _original: object
    ) -> Callable[[EC2Backend, str], Instance | None]:
        def get_instance_by_id(backend: EC2Backend, instance_id: str) -> Instance | None:
            record = self.region(backend).instances.get(instance_id)
            return record.instance if record else None

        return get_instance_by_id

    def _equip(self, _original: object) -> Callable[..., None]:
        def prep_nics(
            instance: Instance,
            nic_spec: Sequence[Mapping[str, Any]],
            *,
            private_ip: str | None = None,
            associate_public_ip: bool | None = None,
            security_groups: Sequence[SecurityGroup] | None = None,
            ipv6_address_count: int | None = None,
        ) -> None:
            instances.equip(
                self.region(instance.ec2_backend),
                instance,
                nic_spec,
                security_groups or (),
                {
                    "PrivateIpAddress": private_ip,
                    "AssociatePublicIpAddress": associate_public_ip,
                    "Ipv6AddressCount": ipv6_address_count,
                },
            )

        return prep_nics

    def _terminate(
        self, original: Callable[[Instance], InstanceState]
    ) -> Callable[[Instance], InstanceState]:
        def terminate(instance: Instance) -> InstanceState:
            with self._account.lock:
                region = self.region(instance.ec2_backend)
                record = region.instances[instance.id]
                return instances.terminate(region, record, partial(original, instance))

        return terminate

    def _moved(
        self, move: Callable[..., InstanceState], _original: object
    ) -> Callable[[Instance], InstanceState]:
        def moved(instance: Instance) -> InstanceState:
            with self._account.lock:
                region = self.region(instance.ec2_backend)
                return move(region, region.instances[instance.id])

        return moved


def _no_address(*_args: object, **_kwargs: object) -> None:
    """Leave the choice of an address to EC2."""


def _of_primary(original: property) -> property:
    """Answer None for an instance that has no interface any more, where moto's property would fail."""

    def value(instance: Instance) -> str | None:
        if 0 not in instance.nics or original.fget is None:
            return None
        found: str | None = original.fget(instance)
        return found

    return property(value)


def _check_groups_exist(response: EC2Response) -> None:
    asked = list(dict.fromkeys(response.params.get("GroupIds", ())))
    known = {group.id for group in response.ec2_backend.describe_security_groups()}
    missing = [group_id for group_id in asked if group_id not in known]
    if missing:
        raise refusals.GROUP_NOT_FOUND.refusal(group_ids="', '".join(missing))
