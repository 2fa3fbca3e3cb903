"""What IAM's conditions may look at on the resources of one Region, read from moto's backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.autoscaling.models import autoscaling_backends
from moto.ec2.models import ec2_backends
from moto.utilities.utils import get_partition

from localaws.iam.checks import Scope, resource_tag_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.iam.conditions import Context


def scope_of(account_id: str, region: str) -> Scope:
    """Return the scope of calls in one Region; its resources are read under the account's lock."""
    resources = MotoResources(account_id, region)
    return Scope(get_partition(region), region, account_id, resources)


class MotoResources:
    """The resources of one Region. Whoever asks holds the account's lock."""

    def __init__(self, account_id: str, region: str) -> None:
        self._ec2: Any = ec2_backends[account_id][region]
        self._autoscaling: Any = autoscaling_backends[account_id][region]
        self._arn_prefix = f"arn:{get_partition(region)}:ec2:{region}:{account_id}:"

    def ec2_context(self, kind: str, resource_id: str) -> Context:
        """Return the tags and the place of an EC2 resource; nothing when it does not exist."""
        readers = {
            "network-interface": self._interface,
            "instance": self._instance,
            "subnet": self._subnet,
            "security-group": self._security_group,
            "subnet-cidr-reservation": self._reservation,
        }
        own = readers[kind](resource_id)
        if own is None:
            return {}
        return {**own, **resource_tag_context(self._ec2.tags.get(resource_id, {}), "ec2")}

    def attachment(self, attachment_id: str) -> tuple[str, str] | None:
        """Return the network interface and the instance of an attachment."""
        for interface in self._ec2.enis.values():
            if interface.attachment_id == attachment_id and interface.instance is not None:
                return interface.id, interface.instance.id
        return None

    def auto_scaling_group(self, name_or_arn: str) -> tuple[str, Mapping[str, str]] | None:
        """Return a group's ARN and its tags."""
        name = name_or_arn.rsplit("autoScalingGroupName/", 1)[-1]
        group = self._autoscaling.autoscaling_groups.get(name)
        if group is None:
            return None
        return group.arn, {tag["Key"]: tag.get("Value") or "" for tag in group.tags}

    def _interface(self, interface_id: str) -> Context | None:
        interface = self._ec2.enis.get(interface_id)
        if interface is None:
            return None
        subnet = interface.subnet
        return {
            "ec2:networkinterfaceid": (interface_id,),
            "ec2:subnet": (f"{self._arn_prefix}subnet/{subnet.id}",),
            "ec2:vpc": (f"{self._arn_prefix}vpc/{subnet.vpc_id}",),
            "ec2:availabilityzone": (subnet.availability_zone,),
        }

    def _instance(self, instance_id: str) -> Context | None:
        for reservation in self._ec2.reservations.values():
            for instance in reservation.instances:
                if instance.id == instance_id:
                    return {
                        "ec2:instanceid": (instance_id,),
                        "ec2:instancetype": (instance.instance_type,),
                        "ec2:availabilityzone": (instance.placement.zone,),
                    }
        return None

    def _subnet(self, subnet_id: str) -> Context | None:
        for subnets in self._ec2.subnets.values():
            if subnet_id in subnets:
                subnet = subnets[subnet_id]
                return {
                    "ec2:subnetid": (subnet_id,),
                    "ec2:vpc": (f"{self._arn_prefix}vpc/{subnet.vpc_id}",),
                    "ec2:availabilityzone": (subnet.availability_zone,),
                }
        return None

    def _reservation(self, reservation_id: str) -> Context | None:
        # The only call about one that IAM asks about its resource is the create, before there is an id.
        return {} if reservation_id in self._ec2.tags else None

    def _security_group(self, group_id: str) -> Context | None:
        group = self._ec2.get_security_group_from_id(group_id)
        if group is None:
            return None
        return {
            "ec2:securitygroupid": (group_id,),
            "ec2:vpc": (f"{self._arn_prefix}vpc/{group.vpc_id}",),
        }
