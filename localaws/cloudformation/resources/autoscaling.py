"""AWS::AutoScaling: groups, hooks and warm pools; AWS::EC2::LaunchTemplate, which groups launch from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localaws.cloudformation.resources.handler import Handler, Made, Request, deleted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.client import Client
    from localaws.cloudformation.document import Json

INTEGERS = frozenset({"MinSize", "MaxSize", "DesiredCapacity", "Cooldown"})
"""What the type has as strings and the API as integers."""
AT_CREATION_ONLY = (
    "LifecycleHookSpecificationList",
    "InstanceId",
    "TargetGroupARNs",
    "LoadBalancerNames",
)
"""What UpdateAutoScalingGroup does not take."""
STILL_SCALING = frozenset({"ResourceInUse", "ScalingActivityInProgress"})
"""What DeleteAutoScalingGroup answers while there are instances (Auto Scaling API Reference)."""
REFRESH_TIMEOUT_S = 3600.0
"""How long an update waits for an instance refresh. AWS's own limit is not documented."""
EMPTY_GROUP_TIMEOUT_S = 3600.0
"""How long a deletion waits for the group's instances: their terminate hooks run first."""


def _create_group(request: Request) -> Made:
    name = request.name("AutoScalingGroupName", longest=255)
    client = request.client("autoscaling")
    client.create_auto_scaling_group(
        AutoScalingGroupName=name,
        Tags=_group_tags(name, request.properties.get("Tags")),
        **_group(
            request,
            "AutoScalingGroupName",
            "Tags",
            "NotificationConfigurations",
            "MetricsCollection",
        ),
    )
    request.exists_as(name)
    _notify_and_measure(client, name, request.properties)
    return _made_group(client, name)


def _update_group(request: Request) -> Made:
    name, client = request.physical_id, request.client("autoscaling")
    arguments = _group(
        request,
        "AutoScalingGroupName",
        "Tags",
        "NotificationConfigurations",
        "MetricsCollection",
        *AT_CREATION_ONLY,
    )
    # A size that the template leaves unchanged stays what scaling made of it (UpdatePolicy attribute,
    # AutoScalingScheduledAction, IgnoreUnmodifiedGroupSizeProperties, which the CDK sets on every group).
    for size in ("MinSize", "MaxSize", "DesiredCapacity"):
        if not request.changed(size):
            arguments.pop(size, None)
    client.update_auto_scaling_group(AutoScalingGroupName=name, **arguments)
    wanted = request.properties.get("Tags") or []
    kept = {tag["Key"] for tag in wanted}
    dropped = [tag for tag in request.previous.get("Tags") or [] if tag["Key"] not in kept]
    if dropped:
        client.delete_tags(Tags=_group_tags(name, dropped))
    if wanted:
        client.create_or_update_tags(Tags=_group_tags(name, wanted))
    _notify_and_measure(client, name, request.properties)
    _set_inline_hooks(request, client)
    _refresh(request, client)
    return _made_group(client, name)


def _set_inline_hooks(request: Request, client: Client) -> None:
    """Change the hooks of the group's own list in place.

    Source: CloudFormation Template Reference, AutoScalingGroup LifecycleHookSpecification: "Update requires: No interruption".
    """
    wanted, present = (
        {hook["LifecycleHookName"]: hook for hook in of.get("LifecycleHookSpecificationList") or ()}
        for of in (request.properties, request.previous)
    )
    for name in present.keys() - wanted.keys():
        client.delete_lifecycle_hook(
            AutoScalingGroupName=request.physical_id, LifecycleHookName=name
        )
    for name, hook in wanted.items():
        if hook != present.get(name):
            client.put_lifecycle_hook(AutoScalingGroupName=request.physical_id, **hook)


def _refresh(request: Request, client: Client) -> None:
    """Replace the instances by an instance refresh, and wait for its end.

    Source: aws-cdk-lib, CfnAutoScalingInstanceRefresh: CloudFormation starts one when properties that trigger it change, as
    LaunchTemplate and MixedInstancesPolicy do; BakeTime begins when it has completed successfully.
    """
    if "AutoScalingInstanceRefresh" not in request.update_policy or not request.changed(
        "LaunchTemplate", "MixedInstancesPolicy"
    ):
        return
    name = request.physical_id
    policy = request.update_policy["AutoScalingInstanceRefresh"]
    identity = client.start_instance_refresh(
        AutoScalingGroupName=name, Preferences=policy.get("Preferences", {})
    )["InstanceRefreshId"]

    def is_over() -> bool:
        shown = client.describe_instance_refreshes(
            AutoScalingGroupName=name, InstanceRefreshIds=[identity]
        )
        return bool(shown["InstanceRefreshes"][0]["Status"] == "Successful")

    request.wait_until(is_over, f"the instance refresh of {name}", REFRESH_TIMEOUT_S)


def _delete_group(request: Request) -> None:
    """Scale to zero, and delete the group once its instances are gone.

    Source: AWS re:Post Knowledge Center on Auto Scaling groups that fail to delete: CloudFormation scales in first.
    """
    name, client = request.physical_id, request.client("autoscaling")
    if not client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]:
        return
    client.update_auto_scaling_group(
        AutoScalingGroupName=name, MinSize=0, MaxSize=0, DesiredCapacity=0
    )

    def is_deleted() -> bool:
        try:
            client.delete_auto_scaling_group(AutoScalingGroupName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] in STILL_SCALING:
                return False
            raise
        return True

    request.wait_until(is_deleted, f"instances of {name} to terminate", EMPTY_GROUP_TIMEOUT_S)


def _group(request: Request, *left_out: str) -> dict[str, Json]:
    arguments: dict[str, Json] = {}
    for key, value in request.without(*left_out).items():
        if key == "VPCZoneIdentifier":
            arguments[key] = ",".join(value)
        elif key == "Cooldown":
            arguments["DefaultCooldown"] = int(value)
        else:
            arguments[key] = int(value) if key in INTEGERS else value
    return arguments


def _group_tags(name: str, tags: Json) -> list[dict[str, Json]]:
    owner = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
    return [{**tag, **owner} for tag in tags or ()]


def _notify_and_measure(client: Client, name: str, properties: Mapping[str, Json]) -> None:
    for one in properties.get("MetricsCollection") or ():
        client.enable_metrics_collection(AutoScalingGroupName=name, **one)
    for one in properties.get("NotificationConfigurations") or ():
        client.put_notification_configuration(AutoScalingGroupName=name, **one)


def _made_group(client: Client, name: str) -> Made:
    group = client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][
        0
    ]
    return Made(
        name, {"AutoScalingGroupARN": group["AutoScalingGroupARN"], "AutoScalingGroupName": name}
    )


def _put_hook(request: Request) -> Made:
    name = request.physical_id or request.name("LifecycleHookName", longest=255)
    request.client("autoscaling").put_lifecycle_hook(
        LifecycleHookName=name, **request.without("LifecycleHookName")
    )
    return Made(name)


def _delete_hook(request: Request) -> None:
    client = request.client("autoscaling")
    group, name = request.properties["AutoScalingGroupName"], request.physical_id
    # A hook goes with its group: the group may have been deleted by hand.
    if client.describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"]:
        hooks = client.describe_lifecycle_hooks(AutoScalingGroupName=group)["LifecycleHooks"]
        if any(hook["LifecycleHookName"] == name for hook in hooks):
            client.delete_lifecycle_hook(AutoScalingGroupName=group, LifecycleHookName=name)


def _put_warm_pool(request: Request) -> Made:
    request.client("autoscaling").put_warm_pool(**request.properties)
    return Made(request.properties["AutoScalingGroupName"])


def _delete_warm_pool(request: Request) -> None:
    name, client = request.properties["AutoScalingGroupName"], request.client("autoscaling")
    groups = client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    if not groups or not groups[0].get("WarmPoolConfiguration"):
        return
    client.delete_warm_pool(AutoScalingGroupName=name, ForceDelete=True)
    request.wait_until(
        lambda: not client.describe_warm_pool(AutoScalingGroupName=name)["Instances"],
        f"instances of the warm pool of {name} to terminate",
        EMPTY_GROUP_TIMEOUT_S,
    )


def _create_launch_template(request: Request) -> Made:
    request.only(
        "LaunchTemplateName", "LaunchTemplateData", "TagSpecifications", "VersionDescription"
    )
    name = request.name("LaunchTemplateName", longest=128)
    made = request.client("ec2").create_launch_template(
        LaunchTemplateName=name, **request.without("LaunchTemplateName")
    )["LaunchTemplate"]
    return _made_launch_template(made, "1")


def _update_launch_template(request: Request) -> Made:
    """Add a version: a group that uses LatestVersionNumber follows."""
    client, identity = request.client("ec2"), request.physical_id
    data = request.properties["LaunchTemplateData"]
    version = client.create_launch_template_version(
        LaunchTemplateId=identity, LaunchTemplateData=data
    )
    number = str(version["LaunchTemplateVersion"]["VersionNumber"])
    described = client.describe_launch_templates(LaunchTemplateIds=[identity])["LaunchTemplates"][0]
    return _made_launch_template(described, number)


def _made_launch_template(described: Mapping[str, Json], latest: str) -> Made:
    return Made(
        described["LaunchTemplateId"],
        {
            "LaunchTemplateId": described["LaunchTemplateId"],
            "LaunchTemplateName": described["LaunchTemplateName"],
            "DefaultVersionNumber": str(described["DefaultVersionNumber"]),
            "LatestVersionNumber": latest,
        },
    )


def _delete_launch_template(request: Request) -> None:
    deleted(request.client("ec2").delete_launch_template, LaunchTemplateId=request.physical_id)


HANDLERS = {
    "AWS::AutoScaling::AutoScalingGroup": Handler(_create_group, _update_group, _delete_group),
    "AWS::AutoScaling::LifecycleHook": Handler(_put_hook, _put_hook, _delete_hook),
    "AWS::AutoScaling::WarmPool": Handler(_put_warm_pool, _put_warm_pool, _delete_warm_pool),
    "AWS::EC2::LaunchTemplate": Handler(
        _create_launch_template, _update_launch_template, _delete_launch_template
    ),
}
