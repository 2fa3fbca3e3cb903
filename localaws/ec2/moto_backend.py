"""What moto's own code calls on its EC2 backend (CloudFormation, Auto Scaling, gateways), answered by our EC2."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from moto.core.types import Base64EncodedString
from moto.ec2.exceptions import InvalidInstanceIdError, InvalidNetworkInterfaceIdError
from moto.ec2.models import nat_gateways, vpcs
from moto.ec2.models.amis import AmiBackend
from moto.ec2.models.elastic_network_interfaces import NetworkInterfaceBackend
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.ec2.models.subnets import Subnet

from localaws.ec2 import instances, provisioning
from localaws.ec2.interfaces import InterfaceRequest
from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from threading import RLock

    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import InstanceState, Reservation
    from moto.ec2.models.launch_templates import LaunchTemplateVersion
    from moto.ec2.models.security_groups import SecurityGroup

    from localaws.ec2.interfaces import Interface
    from localaws.ec2.region import Region

_OF_PRIMARY = (
    "private_ip",
    "private_ip_address",
    "private_dns_name",
    "public_ip",
    "public_ip_address",
)


class MotoBackend:
    """The methods of moto's backend and of its instances that are ours."""

    def __init__(self, region: Callable[[Any], Region], lock: RLock) -> None:
        self._region = region
        self._lock = lock

    def patches(self) -> Iterable[Patch]:
        """Yield what stands in the place of moto's methods."""
        yield from self._interface_patches()
        yield from self._instance_patches()
        # Moto makes eight hundred public images at every reset, longer than many a test takes. Here an image is
        # there once somebody registers it.
        yield Patch(AmiBackend, "_load_amis", lambda _original: _no_images)
        # Moto reads the user data of a template's first version, and takes that of a later one for something foreign.
        yield Patch(LaunchTemplate, "create_version", _with_user_data)

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
            with self._lock:
                return provisioning.create(self._region(backend), request)

        return create_network_interface

    def _delete_interface(self, _original: object) -> Callable[[EC2Backend, str], None]:
        def delete_network_interface(backend: EC2Backend, eni_id: str) -> None:
            params = {"NetworkInterfaceId": eni_id}
            with self._lock:
                provisioning.delete_network_interface(self._region(backend), params)

        return delete_network_interface

    def _get_interface(self, _original: object) -> Callable[[EC2Backend, str], Interface]:
        def get_network_interface(backend: EC2Backend, eni_id: str) -> Interface:
            interface = self._region(backend).interfaces.get(eni_id)
            if interface is None:
                raise InvalidNetworkInterfaceIdError(eni_id)
            return interface

        return get_network_interface

    def _available_addresses(self, _original: object) -> property:
        def available_ip_address_count(subnet: Subnet) -> int:
            pool = self._region(subnet.ec2_backend).addresses_of(subnet).ipv4
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
        for name in _OF_PRIMARY:
            yield Patch(Instance, name, _of_primary)

    def _run_instances(self, original: Callable[..., Reservation]) -> Callable[..., Reservation]:
        def run_instances(backend: EC2Backend, *args: object, **kwargs: object) -> Reservation:
            with self._lock:
                nics = kwargs.get("nics") or _interfaces_of_template(backend, kwargs)
                launch = partial(original, backend, *args, **{**kwargs, "nics": nics})
                return instances.run(self._region(backend), launch)

        return run_instances

    def _get_instance(self, _original: object) -> Callable[[EC2Backend, str], Instance]:
        def get_instance(backend: EC2Backend, instance_id: str) -> Instance:
            record = self._region(backend).instances.get(instance_id)
            if record is None:
                raise InvalidInstanceIdError(instance_id)
            return record.instance

        return get_instance

    def _get_instance_by_id(
        self, _original: object
    ) -> Callable[[EC2Backend, str], Instance | None]:
        def get_instance_by_id(backend: EC2Backend, instance_id: str) -> Instance | None:
            record = self._region(backend).instances.get(instance_id)
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
                self._region(instance.ec2_backend),
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
            with self._lock:
                region = self._region(instance.ec2_backend)
                record = region.instances[instance.id]
                return instances.terminate(region, record, partial(original, instance))

        return terminate

    def _moved(
        self, move: Callable[..., InstanceState], _original: object
    ) -> Callable[[Instance], InstanceState]:
        def moved(instance: Instance) -> InstanceState:
            with self._lock:
                region = self._region(instance.ec2_backend)
                return move(region, region.instances[instance.id])

        return moved


def _no_images(_backend: object) -> None:
    """Leave a new backend without images."""


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


def _interfaces_of_template(backend: EC2Backend, kwargs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the interfaces a launch template asks for, which moto leaves out.

    Where the launch names a subnet, every interface is in it: Auto Scaling ignores subnets given in the template
    (Amazon EC2 Auto Scaling User Guide, Provide network connectivity).
    """
    if not kwargs.get("launch_template"):
        return []
    template = backend._get_template_from_args(kwargs["launch_template"]).data
    dropped = {"SubnetId"} if kwargs.get("subnet_id") else set()
    return [
        {key: value for key, value in each.items() if key not in dropped}
        for each in template.get("NetworkInterfaces") or ()
    ]


def _with_user_data(
    original: Callable[[LaunchTemplate, dict[str, Any], str], LaunchTemplateVersion],
) -> Callable[[LaunchTemplate, dict[str, Any], str], LaunchTemplateVersion]:
    def create_version(
        template: LaunchTemplate, data: dict[str, Any], description: str
    ) -> LaunchTemplateVersion:
        given = data.get("UserData")
        read = Base64EncodedString(given) if isinstance(given, str) else given
        return original(template, {**data, "UserData": read} if given else data, description)

    return create_version
