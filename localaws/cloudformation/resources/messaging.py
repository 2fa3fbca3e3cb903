"""AWS::SQS, AWS::SNS, AWS::Events and AWS::Scheduler: what carries events, and what sends them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from localaws.cloudformation.resources.handler import (
    Handler,
    Made,
    Request,
    deleted,
    difference,
    pairs,
    tags,
)
from localaws.rules import Rule

if TYPE_CHECKING:
    from localaws.cloudformation.document import Json

TARGETS_FAILED = Rule(
    code="InvalidRequest",
    message="{entries}",
    source="EventBridge API Reference, PutTargets: FailedEntries tell which targets were not added, and why",
)

QUEUE_DEFAULTS = {
    "DelaySeconds": "0",
    "KmsMasterKeyId": "",
    "KmsDataKeyReusePeriodSeconds": "300",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedriveAllowPolicy": "",
    "RedrivePolicy": "",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
"""What an attribute becomes when its property is taken out of the template (SQS API Reference, SetQueueAttributes)."""


def _create_queue(request: Request) -> Made:
    name = request.name("QueueName", longest=80)
    attributes = _queue_attributes(request.without("QueueName", "Tags"))
    client = request.client("sqs")
    arguments = {
        "QueueName": name,
        "Attributes": attributes,
        "tags": tags(request.properties.get("Tags")),
    }
    url = client.create_queue(**{key: value for key, value in arguments.items() if value})[
        "QueueUrl"
    ]
    arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


def _update_queue(request: Request) -> Made:
    client, url = request.client("sqs"), request.physical_id
    wanted = _queue_attributes(request.without("QueueName", "Tags"))
    present = _queue_attributes(
        {k: v for k, v in request.previous.items() if k not in {"QueueName", "Tags"}}
    )
    dropped = {key: QUEUE_DEFAULTS[key] for key in present if key not in wanted}
    changed, _ = difference(wanted, present)
    if changed or dropped:
        client.set_queue_attributes(QueueUrl=url, Attributes={**dropped, **changed})
    added, removed = difference(
        tags(request.properties.get("Tags")), tags(request.previous.get("Tags"))
    )
    if added:
        client.tag_queue(QueueUrl=url, Tags=added)
    if removed:
        client.untag_queue(QueueUrl=url, TagKeys=removed)
    return Made(url, request.attributes)


def _delete_queue(request: Request) -> None:
    deleted(request.client("sqs").delete_queue, QueueUrl=request.physical_id)


def _queue_attributes(properties: dict[str, Json]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in properties.items()
    }


def _put_queue_policy(request: Request) -> Made:
    client = request.client("sqs")
    for url in set(request.previous.get("Queues") or ()) - set(request.properties["Queues"]):
        deleted(client.set_queue_attributes, QueueUrl=url, Attributes={"Policy": ""})
    for url in request.properties["Queues"]:
        policy = json.dumps(request.properties["PolicyDocument"])
        client.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    identity = request.physical_id or request.name("")
    return Made(identity, {"Id": identity})


def _delete_queue_policy(request: Request) -> None:
    for url in request.properties["Queues"]:
        deleted(request.client("sqs").set_queue_attributes, QueueUrl=url, Attributes={"Policy": ""})


TOPIC_PROPERTIES = ("TopicName", "DisplayName", "KmsMasterKeyId", "Subscription", "Tags")


def _create_topic(request: Request) -> Made:
    request.only(*TOPIC_PROPERTIES)
    name, client = request.name("TopicName", longest=256), request.client("sns")
    arn = client.create_topic(
        Name=name, Attributes=_topic_attributes(request), Tags=request.properties.get("Tags") or []
    )["TopicArn"]
    request.exists_as(arn)
    _set_subscriptions(request, arn)
    return Made(arn, {"TopicArn": arn, "TopicName": name})


def _set_subscriptions(request: Request, arn: str) -> None:
    client = request.client("sns")
    wanted = request.properties.get("Subscription") or []
    dropped = [one for one in request.previous.get("Subscription") or [] if one not in wanted]
    for one in wanted:
        client.subscribe(TopicArn=arn, Protocol=one["Protocol"], Endpoint=one["Endpoint"])
    for one in client.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"] if dropped else ():
        if {"Protocol": one["Protocol"], "Endpoint": one["Endpoint"]} in dropped:
            client.unsubscribe(SubscriptionArn=one["SubscriptionArn"])


def _update_topic(request: Request) -> Made:
    request.only(*TOPIC_PROPERTIES)
    client, arn = request.client("sns"), request.physical_id
    for key, value in _topic_attributes(request).items():
        client.set_topic_attributes(TopicArn=arn, AttributeName=key, AttributeValue=value)
    _set_subscriptions(request, arn)
    added, removed = difference(
        tags(request.properties.get("Tags")), tags(request.previous.get("Tags"))
    )
    if added:
        client.tag_resource(ResourceArn=arn, Tags=pairs(added))
    if removed:
        client.untag_resource(ResourceArn=arn, TagKeys=removed)
    return Made(arn, request.attributes)


def _topic_attributes(request: Request) -> dict[str, str]:
    names = ("DisplayName", "KmsMasterKeyId")
    return {name: request.properties[name] for name in names if name in request.properties}


def _delete_topic(request: Request) -> None:
    deleted(request.client("sns").delete_topic, TopicArn=request.physical_id)


def _put_topic_policy(request: Request) -> Made:
    for arn in request.properties["Topics"]:
        request.client("sns").set_topic_attributes(
            TopicArn=arn,
            AttributeName="Policy",
            AttributeValue=json.dumps(request.properties["PolicyDocument"]),
        )
    identity = request.physical_id or request.name("")
    return Made(identity, {"Id": identity})


def _delete_topic_policy(_request: Request) -> None:
    # The topic falls back to the default policy, which grants its owner alone: SetTopicAttributes takes no empty one.
    return


def _subscribe(request: Request) -> Made:
    request.only("TopicArn", "Protocol", "Endpoint", "RawMessageDelivery", "FilterPolicy")
    attributes = {
        key: json.dumps(request.properties[key])
        for key in ("RawMessageDelivery", "FilterPolicy")
        if key in request.properties
    }
    properties = request.properties
    arn = request.client("sns").subscribe(
        TopicArn=properties["TopicArn"],
        Protocol=properties["Protocol"],
        Endpoint=properties["Endpoint"],
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return Made(arn, {"Arn": arn})


def _unsubscribe(request: Request) -> None:
    deleted(request.client("sns").unsubscribe, SubscriptionArn=request.physical_id)


def _put_rule(request: Request) -> Made:
    client = request.client("events")
    name = request.physical_id or request.name("Name")
    arguments = request.without("Name", "Targets", "EventPattern", "Tags")
    pattern = request.properties.get("EventPattern")
    if pattern is not None:
        arguments["EventPattern"] = json.dumps(pattern)
    arn = client.put_rule(Name=name, **arguments)["RuleArn"]
    request.exists_as(name)
    added, removed = difference(
        tags(request.properties.get("Tags")), tags(request.previous.get("Tags"))
    )
    if added:
        client.tag_resource(ResourceARN=arn, Tags=pairs(added))
    if removed:
        client.untag_resource(ResourceARN=arn, TagKeys=removed)
    _put_targets(request, name)
    return Made(name, {"Arn": arn, "RuleName": name})


def _put_targets(request: Request, name: str) -> None:
    client, bus = request.client("events"), request.properties.get("EventBusName", "default")
    targets = request.properties.get("Targets") or []
    kept = {target["Id"] for target in targets}
    dropped = [one["Id"] for one in request.previous.get("Targets") or [] if one["Id"] not in kept]
    if dropped:
        client.remove_targets(Rule=name, EventBusName=bus, Ids=dropped)
    if targets:
        answer = client.put_targets(Rule=name, EventBusName=bus, Targets=targets)
        if answer["FailedEntryCount"]:
            raise TARGETS_FAILED.refusal(entries=json.dumps(answer["FailedEntries"]))


def _delete_rule(request: Request) -> None:
    client, name = request.client("events"), request.physical_id
    bus = request.properties.get("EventBusName", "default")
    targets = [one["Id"] for one in request.properties.get("Targets") or ()]
    if targets:
        deleted(client.remove_targets, Rule=name, EventBusName=bus, Ids=targets)
    deleted(client.delete_rule, Name=name, EventBusName=bus)


def _create_schedule(request: Request) -> Made:
    name = request.name("Name")
    arn = request.client("scheduler").create_schedule(Name=name, **_schedule(request))[
        "ScheduleArn"
    ]
    return Made(name, {"Arn": arn})


def _update_schedule(request: Request) -> Made:
    request.client("scheduler").update_schedule(Name=request.physical_id, **_schedule(request))
    return Made(request.physical_id, request.attributes)


def _schedule(request: Request) -> dict[str, Json]:
    return request.without("Name")


def _delete_schedule(request: Request) -> None:
    deleted(
        request.client("scheduler").delete_schedule,
        Name=request.physical_id,
        GroupName=request.properties.get("GroupName", "default"),
    )


def _create_schedule_group(request: Request) -> Made:
    name = request.name("Name")
    arn = request.client("scheduler").create_schedule_group(
        Name=name, Tags=request.properties.get("Tags") or []
    )["ScheduleGroupArn"]
    return Made(name, {"Arn": arn})


def _update_schedule_group(request: Request) -> Made:
    arn, client = request.attributes["Arn"], request.client("scheduler")
    added, removed = difference(
        tags(request.properties.get("Tags")), tags(request.previous.get("Tags"))
    )
    if added:
        client.tag_resource(ResourceArn=arn, Tags=pairs(added))
    if removed:
        client.untag_resource(ResourceArn=arn, TagKeys=removed)
    return Made(request.physical_id, request.attributes)


def _delete_schedule_group(request: Request) -> None:
    deleted(request.client("scheduler").delete_schedule_group, Name=request.physical_id)


HANDLERS = {
    "AWS::SQS::Queue": Handler(_create_queue, _update_queue, _delete_queue),
    "AWS::SQS::QueuePolicy": Handler(_put_queue_policy, _put_queue_policy, _delete_queue_policy),
    "AWS::SNS::Topic": Handler(_create_topic, _update_topic, _delete_topic),
    "AWS::SNS::TopicPolicy": Handler(_put_topic_policy, _put_topic_policy, _delete_topic_policy),
    "AWS::SNS::Subscription": Handler(
        _subscribe,
        _subscribe,
        _unsubscribe,
        replaced_by=frozenset({"RawMessageDelivery", "FilterPolicy"}),
    ),
    "AWS::Events::Rule": Handler(_put_rule, _put_rule, _delete_rule),
    "AWS::Scheduler::Schedule": Handler(_create_schedule, _update_schedule, _delete_schedule),
    "AWS::Scheduler::ScheduleGroup": Handler(
        _create_schedule_group, _update_schedule_group, _delete_schedule_group
    ),
}
