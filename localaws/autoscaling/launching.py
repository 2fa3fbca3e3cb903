"""One instance of a group: of which type, bought how, in which subnet, from which version of the launch template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.autoscaling import rules
from localaws.autoscaling.purchase import Purchase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.autoscaling.models import FakeAutoScalingGroup, FakeLaunchConfiguration
    from moto.ec2.models.instances import Instance

    from localaws.autoscaling.placement import Location

TAG = "aws:autoscaling:groupName"


def run_instance(group: FakeAutoScalingGroup, location: Location, purchase: Purchase) -> Instance:
    """Launch one instance as moto's group would, but where, how and from what Auto Scaling has chosen."""
    template = None
    if group.ec2_launch_template is not None:
        template = {
            "LaunchTemplateId": group.ec2_launch_template.id,
            "Version": group.launch_template_version,
        }
    config: FakeLaunchConfiguration | None = group.launch_config
    public = config.associate_public_ip_address if config is not None else None
    reservation = group.ec2_backend.run_instances(
        group.image_id,
        1,
        group.user_data,
        group.security_groups,
        instance_type=_preferred_type(group),
        tags={"instance": {**group.instance_tags, **group.get_propagated_tags(), TAG: group.name}},
        placement=location.zone,
        launch_config=group.launch_config,
        launch_template=template,
        is_instance_type_default=False,
        associate_public_ip=public,
        subnet_id=location.subnet_id,
        lifecycle="spot" if purchase is Purchase.SPOT else None,
    )
    instance: Instance = reservation.instances[0]
    return instance


def source_of(group: FakeAutoScalingGroup) -> tuple[str, ...]:
    """Return what the group launches from now: its template in the version that it names, and its types."""
    template = group.ec2_launch_template
    if template is None:
        return (str(group.launch_configuration_name),)
    version = template.get_version(group.launch_template_version).number
    policy = group.mixed_instances_policy or {}
    overrides = policy.get("LaunchTemplate", {}).get("Overrides") or []
    return (template.id, str(version), *(str(each.get("InstanceType")) for each in overrides))


def purchase_of(instance: Instance) -> Purchase:
    """Return how an instance was bought."""
    return Purchase.SPOT if instance.lifecycle == "spot" else Purchase.ON_DEMAND


def check_policy(policy: Mapping[str, Any]) -> None:
    """Refuse a mixed instances policy that would be carried out wrongly.

    Raises:
        Refusal: On-Demand Instances are to be of the type with the lowest price.
    """
    distribution = policy.get("InstancesDistribution") or {}
    if distribution.get("OnDemandAllocationStrategy", "prioritized") != "prioritized":
        raise rules.NOT_MODELLED.refusal(what="the allocation strategy lowest-price")


def _preferred_type(group: FakeAutoScalingGroup) -> str:
    """Return the type that the next instance has: of several the first, as there is capacity of every type here.

    Source: Amazon EC2 Auto Scaling API reference, InstancesDistribution, OnDemandAllocationStrategy: `prioritized`, the default
    without instance requirements, takes the overrides in their order. Spot strategies weigh prices and capacities, which are all
    alike here.
    """
    policy = group.mixed_instances_policy or {}
    overrides = policy.get("LaunchTemplate", {}).get("Overrides") or [{}]
    preferred: str = overrides[0].get("InstanceType") or group.instance_type
    return preferred
