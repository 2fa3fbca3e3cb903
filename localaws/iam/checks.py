"""What IAM asks about each API call: the actions, the resources they touch, and the context of each.

Source: "Actions, resources, and condition keys" for each service, Service Authorization Reference. An action that is
not listed here is refused, so that nothing is allowed by omission.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from localaws.iam.policies import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from localaws.iam.conditions import Context

    Params = Mapping[str, Any]
    Expansion = Callable[["Scope", Params], Iterable[Check]]


class UnknownAction(LookupError):
    """An action whose checks are not written down here."""


class Resources(Protocol):
    """What the account knows about the resources of one Region."""

    def ec2_context(self, kind: str, resource_id: str) -> Context:
        """Return what conditions may look at on an EC2 resource; nothing when it does not exist."""
        ...

    def attachment(self, attachment_id: str) -> tuple[str, str] | None:
        """Return the network interface and the instance of an attachment."""
        ...

    def auto_scaling_group(self, name_or_arn: str) -> tuple[str, Mapping[str, str]] | None:
        """Return a group's ARN and its tags."""
        ...


class Scope:
    """Where a call is made: partition, Region, account, and what exists there."""

    def __init__(self, partition: str, region: str, account_id: str, resources: Resources) -> None:
        self._partition = partition
        self.region = region
        self._account_id = account_id
        self.resources = resources

    def arn(self, service: str, rest: str) -> str:
        """Return an ARN in this Region and account."""
        return f"arn:{self._partition}:{service}:{self.region}:{self._account_id}:{rest}"

    def ec2(self, action: str, kind: str, resource_id: str, extra: Context | None = None) -> Check:
        """Return the check of an EC2 action on a resource that may exist."""
        context = self.resources.ec2_context(kind, resource_id)
        context["ec2:region"] = (self.region,)
        return Check(
            f"ec2:{action}", self.arn("ec2", f"{kind}/{resource_id}"), {**context, **(extra or {})}
        )


def checks_of(scope: Scope, service: str, action: str, params: Params) -> tuple[Check, ...]:
    """Return every check that must pass for a call, in the order in which they are made.

    Raises:
        UnknownAction: nobody has written down what IAM asks about this action.
    """
    if service in ("ec2", "autoscaling") and action.startswith("Describe"):
        # The reference lists no resource type for any Describe action that a handler makes.
        return (Check(f"{service}:{action}", "*"),)
    if (service, action) not in EXPANSIONS:
        raise UnknownAction(f"{service}:{action}")
    return tuple(EXPANSIONS[service, action](scope, params))


def request_tag_context(tags: Mapping[str, str]) -> Context:
    """Return the context of tags that a request carries: each one, and the set of their keys."""
    context: Context = {f"aws:requesttag/{key.lower()}": (value,) for key, value in tags.items()}
    return {**context, "aws:tagkeys": tuple(tags)} if tags else context


def _on_nothing(action: str) -> Expansion:
    return lambda _scope, _params: (Check(action, "*"),)


def _on_interface(action: str) -> Expansion:
    return lambda scope, params: (
        scope.ec2(action, "network-interface", params["NetworkInterfaceId"]),
    )


def _create_interface(scope: Scope, params: Params) -> Iterator[Check]:
    """Check subnet, security groups and the interface itself, which has no id yet, and its tags as CreateTags.

    "Grant permission to tag Amazon EC2 resources during creation", EC2 User Guide: tags in the create need
    ec2:CreateTags, which ec2:CreateAction can tie to the create. The request's tags belong to the new interface:
    a condition on them does not hold for the subnet or the groups.
    """
    action = "CreateNetworkInterface"
    tags = _tags_for(params.get("TagSpecifications", ()), "network-interface")
    subnet_id = params.get("SubnetId", "")
    subnet = scope.ec2(action, "subnet", subnet_id)
    place: Context = {
        key: subnet.context[key]
        for key in ("ec2:vpc", "ec2:availabilityzone")
        if key in subnet.context
    }
    born = {**place, **request_tag_context(tags), "ec2:subnet": (subnet.resource,)}
    yield subnet
    for group_id in params.get("Groups", ()):
        yield scope.ec2(action, "security-group", group_id)
    yield scope.ec2(action, "network-interface", "*", born)
    if tags:
        creating: Context = {"ec2:createaction": (action,)}
        yield scope.ec2("CreateTags", "network-interface", "*", {**born, **creating})


def _create_reservation(scope: Scope, params: Params) -> Iterator[Check]:
    """Check the subnet, and the tags as CreateTags on the reservation, which has no id yet.

    The reference lists no resource type for the reservation in the create itself.
    """
    action, kind = "CreateSubnetCidrReservation", "subnet-cidr-reservation"
    yield scope.ec2(action, "subnet", params.get("SubnetId", ""))
    tags = _tags_for(params.get("TagSpecifications", ()), kind)
    if tags:
        creating: Context = {"ec2:createaction": (action,), **request_tag_context(tags)}
        yield scope.ec2("CreateTags", kind, "*", creating)


def _delete_reservation(scope: Scope, _params: Params) -> Iterator[Check]:
    """Check the Region alone: the reference lists no resource type, so no tag of the reservation is looked at."""
    yield Check("ec2:DeleteSubnetCidrReservation", "*", {"ec2:region": (scope.region,)})


def _attach_interface(scope: Scope, params: Params) -> Iterator[Check]:
    yield scope.ec2("AttachNetworkInterface", "network-interface", params["NetworkInterfaceId"])
    yield scope.ec2("AttachNetworkInterface", "instance", params["InstanceId"])


def _detach_interface(scope: Scope, params: Params) -> Iterator[Check]:
    """Check the interface and the instance of the attachment.

    Of an attachment that does not exist IAM learns no tags, so a role limited by tags is denied: seen in
    hashicorp/terraform-provider-aws pull request 46211.
    """
    interface_id, instance_id = scope.resources.attachment(params["AttachmentId"]) or ("*", "*")
    yield scope.ec2("DetachNetworkInterface", "network-interface", interface_id)
    yield scope.ec2("DetachNetworkInterface", "instance", instance_id)


def _modify_interface(scope: Scope, params: Params) -> Iterator[Check]:
    """Check the interface, each security group it is to have, and the instance whose attachment changes.

    The groups: seen in deckhouse/deckhouse pull request 10842. The instance: the Service Authorization Reference for
    Amazon EC2 lists it for this action without saying when it is looked at; taken as for what concerns the attachment.
    """
    action = "ModifyNetworkInterfaceAttribute"
    yield scope.ec2(action, "network-interface", params["NetworkInterfaceId"])
    if attachment := params.get("Attachment"):
        _, instance_id = scope.resources.attachment(attachment.get("AttachmentId", "")) or (
            "*",
            "*",
        )
        yield scope.ec2(action, "instance", instance_id)
    for group_id in params.get("Groups", ()):
        yield scope.ec2(action, "security-group", group_id)


_KIND_BY_PREFIX = {
    "eni": "network-interface",
    "i": "instance",
    "sg": "security-group",
    "subnet": "subnet",
}


def _tagging(action: str) -> Expansion:
    def expand(scope: Scope, params: Params) -> Iterator[Check]:
        context = request_tag_context(
            {tag["Key"]: tag.get("Value") or "" for tag in params.get("Tags", ())}
        )
        for resource_id in params["Resources"]:
            prefix = resource_id.split("-")[0]
            if prefix not in _KIND_BY_PREFIX:
                raise UnknownAction(f"ec2:{action} on {resource_id}")
            yield scope.ec2(action, _KIND_BY_PREFIX[prefix], resource_id, context)

    return expand


def _tags_for(specifications: Iterable[Params], kind: str) -> dict[str, str]:
    return {
        tag["Key"]: tag.get("Value") or ""
        for specification in specifications
        if specification.get("ResourceType") == kind
        for tag in specification.get("Tags", ())
    }


def _on_group(action: str) -> Expansion:
    def expand(scope: Scope, params: Params) -> Iterator[Check]:
        name = params["AutoScalingGroupName"]
        found = scope.resources.auto_scaling_group(name)
        unknown = scope.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{name}")
        arn, tags = found or (unknown, {})
        yield Check(f"autoscaling:{action}", arn, resource_tag_context(tags, "autoscaling"))

    return expand


def resource_tag_context(tags: Mapping[str, str], prefix: str) -> Context:
    """Return the context of a resource's tags, under the global key and under the service's own older one."""
    return {
        f"{stem}:resourcetag/{key.lower()}": (value,)
        for key, value in tags.items()
        for stem in ("aws", prefix)
    }


def _on_queue(action: str) -> Expansion:
    return lambda scope, params: (
        Check(f"sqs:{action}", scope.arn("sqs", params["QueueUrl"].rsplit("/", 1)[-1])),
    )


def _on_parameters(action: str, member: str) -> Expansion:
    def expand(scope: Scope, params: Params) -> Iterator[Check]:
        value = params[member]
        for name in [value] if isinstance(value, str) else value:
            resource = name if name.startswith("arn:") else _parameter_arn(scope, name)
            yield Check(f"ssm:{action}", resource)

    return expand


def _parameter_arn(scope: Scope, name: str) -> str:
    return scope.arn("ssm", f"parameter/{name.removeprefix('/')}")


def _on_log_stream(action: str) -> Expansion:
    return lambda scope, params: (
        Check(
            f"logs:{action}",
            scope.arn(
                "logs", f"log-group:{params['logGroupName']}:log-stream:{params['logStreamName']}"
            ),
        ),
    )


def _on_log_group(action: str) -> Expansion:
    return lambda scope, params: (
        Check(f"logs:{action}", scope.arn("logs", f"log-group:{params['logGroupName']}")),
    )


def _put_metric_data(_scope: Scope, params: Params) -> Iterator[Check]:
    yield Check("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": (params["Namespace"],)})


def _put_events(scope: Scope, params: Params) -> Iterator[Check]:
    """Check the bus of each entry, with its source and detail-type as context (Service Authorization Reference)."""
    for entry in params["Entries"]:
        bus = entry.get("EventBusName", "default")
        arn = bus if bus.startswith("arn:") else scope.arn("events", f"event-bus/{bus}")
        context: Context = {
            "events:source": (entry.get("Source", ""),),
            "events:detail-type": (entry.get("DetailType", ""),),
        }
        yield Check("events:PutEvents", arn, context)


def _on_rule(action: str) -> Expansion:
    return lambda scope, params: (
        Check(f"events:{action}", scope.arn("events", f"rule/{params['Rule']}")),
    )


def _on_cluster(action: str) -> Expansion:
    return lambda scope, params: (
        Check(f"eks:{action}", scope.arn("eks", f"cluster/{params['name']}")),
    )


def _on_addon(action: str) -> Expansion:
    """Check the add-on, whose ARN ends in an id of EKS's own."""
    return lambda scope, params: (
        Check(
            f"eks:{action}",
            scope.arn("eks", f"addon/{params['clusterName']}/{params['addonName']}/*"),
        ),
    )


def _invoke(scope: Scope, params: Params) -> Iterator[Check]:
    name: str = params["FunctionName"]
    qualifier = f":{params['Qualifier']}" if params.get("Qualifier") else ""
    arn = name if name.startswith("arn:") else scope.arn("lambda", f"function:{name}")
    yield Check("lambda:InvokeFunction", arn + qualifier)


def _needs_nothing(_scope: Scope, _params: Params) -> tuple[Check, ...]:
    """Ask nothing: GetCallerIdentity is answered even to a caller whom a policy denies it (STS API reference)."""
    return ()


EXPANSIONS: dict[tuple[str, str], Expansion] = {
    ("ec2", "GetSubnetCidrReservations"): _on_nothing("ec2:GetSubnetCidrReservations"),
    ("ec2", "CreateSubnetCidrReservation"): _create_reservation,
    ("ec2", "DeleteSubnetCidrReservation"): _delete_reservation,
    ("ec2", "CreateNetworkInterface"): _create_interface,
    ("ec2", "AttachNetworkInterface"): _attach_interface,
    ("ec2", "DetachNetworkInterface"): _detach_interface,
    ("ec2", "ModifyNetworkInterfaceAttribute"): _modify_interface,
    ("ec2", "DeleteNetworkInterface"): _on_interface("DeleteNetworkInterface"),
    ("ec2", "AssignPrivateIpAddresses"): _on_interface("AssignPrivateIpAddresses"),
    ("ec2", "UnassignPrivateIpAddresses"): _on_interface("UnassignPrivateIpAddresses"),
    ("ec2", "AssignIpv6Addresses"): _on_interface("AssignIpv6Addresses"),
    ("ec2", "UnassignIpv6Addresses"): _on_interface("UnassignIpv6Addresses"),
    ("ec2", "CreateTags"): _tagging("CreateTags"),
    ("ec2", "DeleteTags"): _tagging("DeleteTags"),
    ("autoscaling", "CompleteLifecycleAction"): _on_group("CompleteLifecycleAction"),
    ("autoscaling", "RecordLifecycleActionHeartbeat"): _on_group("RecordLifecycleActionHeartbeat"),
    ("sqs", "ReceiveMessage"): _on_queue("ReceiveMessage"),
    ("sqs", "DeleteMessage"): _on_queue("DeleteMessage"),
    ("sqs", "DeleteMessageBatch"): _on_queue("DeleteMessage"),
    ("sqs", "ChangeMessageVisibility"): _on_queue("ChangeMessageVisibility"),
    ("sqs", "ChangeMessageVisibilityBatch"): _on_queue("ChangeMessageVisibility"),
    ("sqs", "SendMessage"): _on_queue("SendMessage"),
    ("sqs", "SendMessageBatch"): _on_queue("SendMessage"),
    ("sqs", "GetQueueAttributes"): _on_queue("GetQueueAttributes"),
    ("ssm", "GetParameter"): _on_parameters("GetParameter", "Name"),
    ("ssm", "GetParameters"): _on_parameters("GetParameters", "Names"),
    ("ssm", "GetParametersByPath"): _on_parameters("GetParametersByPath", "Path"),
    ("logs", "CreateLogGroup"): _on_log_group("CreateLogGroup"),
    ("logs", "CreateLogStream"): _on_log_stream("CreateLogStream"),
    ("logs", "PutLogEvents"): _on_log_stream("PutLogEvents"),
    ("cloudwatch", "PutMetricData"): _put_metric_data,
    ("events", "PutEvents"): _put_events,
    ("events", "ListRules"): _on_nothing("events:ListRules"),
    ("events", "ListTargetsByRule"): _on_rule("ListTargetsByRule"),
    ("eks", "DescribeCluster"): _on_cluster("DescribeCluster"),
    ("eks", "DescribeAddon"): _on_addon("DescribeAddon"),
    ("lambda", "Invoke"): _invoke,
    ("sts", "GetCallerIdentity"): _needs_nothing,
    ("xray", "PutTraceSegments"): _on_nothing("xray:PutTraceSegments"),
    ("xray", "PutTelemetryRecords"): _on_nothing("xray:PutTelemetryRecords"),
}
