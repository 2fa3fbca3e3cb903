"""AWS::Logs and AWS::CloudWatch: what tells an operator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moto.cloudwatch.models import cloudwatch_backends

from localaws.cloudformation.resources.handler import (
    Handler,
    Made,
    Request,
    deleted,
    difference,
    tags,
)

if TYPE_CHECKING:
    from localaws.cloudformation.document import Json


def _create_log_group(request: Request) -> Made:
    request.only("LogGroupName", "RetentionInDays", "KmsKeyId", "Tags", "LogGroupClass")
    name, client = request.name("LogGroupName", longest=512), request.client("logs")
    arguments: dict[str, Json] = {"tags": tags(request.properties.get("Tags"))}
    if "KmsKeyId" in request.properties:
        arguments["kmsKeyId"] = request.properties["KmsKeyId"]
    client.create_log_group(
        logGroupName=name, **{key: value for key, value in arguments.items() if value}
    )
    request.exists_as(name)
    _set_retention(request, name)
    return Made(name, {"Arn": _log_group_arn(request, name)})


def _update_log_group(request: Request) -> Made:
    _set_retention(request, request.physical_id)
    client = request.client("logs")
    added, removed = difference(
        tags(request.properties.get("Tags")), tags(request.previous.get("Tags"))
    )
    arn = str(request.attributes["Arn"]).removesuffix(":*")
    if added:
        client.tag_resource(resourceArn=arn, tags=added)
    if removed:
        client.untag_resource(resourceArn=arn, tagKeys=removed)
    return Made(request.physical_id, request.attributes)


def _set_retention(request: Request, name: str) -> None:
    client = request.client("logs")
    if "RetentionInDays" in request.properties:
        client.put_retention_policy(
            logGroupName=name, retentionInDays=request.properties["RetentionInDays"]
        )
    elif "RetentionInDays" in request.previous:
        client.delete_retention_policy(logGroupName=name)


def _log_group_arn(request: Request, name: str) -> str:
    """Return the ARN with its `:*`, as Fn::GetAtt gives it (AWS::Logs::LogGroup, Return values)."""
    return f"arn:aws:logs:{request.region}:{request.account_id}:log-group:{name}:*"


def _delete_log_group(request: Request) -> None:
    deleted(request.client("logs").delete_log_group, logGroupName=request.physical_id)


def _put_metric_filter(request: Request) -> Made:
    request.only("FilterName", "FilterPattern", "LogGroupName", "MetricTransformations")
    name = request.physical_id or request.name("FilterName", longest=512)
    transformations = [
        {key[0].lower() + key[1:]: value for key, value in one.items()}
        for one in request.properties["MetricTransformations"]
    ]
    request.client("logs").put_metric_filter(
        logGroupName=request.properties["LogGroupName"],
        filterName=name,
        filterPattern=request.properties["FilterPattern"],
        metricTransformations=transformations,
    )
    return Made(name)


def _delete_metric_filter(request: Request) -> None:
    deleted(
        request.client("logs").delete_metric_filter,
        logGroupName=request.properties["LogGroupName"],
        filterName=request.physical_id,
    )


def _put_alarm(request: Request) -> Made:
    name, client = (
        request.physical_id or request.name("AlarmName", longest=255),
        request.client("cloudwatch"),
    )
    client.put_metric_alarm(AlarmName=name, **request.without("AlarmName"))
    return _made_alarm(request, name)


def _put_composite_alarm(request: Request) -> Made:
    request.only(
        "ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "AlarmRule", "Tags"
    )
    name = request.physical_id or request.name("AlarmName", longest=255)
    properties = request.properties
    # Moto keeps composite alarms but has no PutCompositeAlarm.
    backend = cloudwatch_backends[request.account_id][request.region]
    with request.account.lock:
        backend.put_metric_alarm(
            name=name,
            namespace="",
            metric_name="",
            comparison_operator="",
            evaluation_periods=0,
            period=0,
            threshold=0.0,
            statistic="",
            description=properties.get("AlarmDescription", ""),
            dimensions=[],
            alarm_actions=properties.get("AlarmActions", []),
            actions_enabled=properties.get("ActionsEnabled", True),
            rule=properties["AlarmRule"],
            tags=properties.get("Tags"),
        )
    return _made_alarm(request, name)


def _made_alarm(request: Request, name: str) -> Made:
    return Made(
        name, {"Arn": f"arn:aws:cloudwatch:{request.region}:{request.account_id}:alarm:{name}"}
    )


def _delete_alarm(request: Request) -> None:
    deleted(request.client("cloudwatch").delete_alarms, AlarmNames=[request.physical_id])


def _put_dashboard(request: Request) -> Made:
    request.only("DashboardName", "DashboardBody")
    name = request.physical_id or request.name("DashboardName", longest=255)
    # A body that is not JSON is refused; the API lists what is wrong with it otherwise.
    body = request.properties["DashboardBody"]
    request.client("cloudwatch").put_dashboard(
        DashboardName=name, DashboardBody=json.dumps(json.loads(body))
    )
    return Made(name)


def _delete_dashboard(request: Request) -> None:
    deleted(request.client("cloudwatch").delete_dashboards, DashboardNames=[request.physical_id])


HANDLERS = {
    "AWS::Logs::LogGroup": Handler(_create_log_group, _update_log_group, _delete_log_group),
    "AWS::Logs::MetricFilter": Handler(
        _put_metric_filter, _put_metric_filter, _delete_metric_filter
    ),
    "AWS::CloudWatch::Alarm": Handler(_put_alarm, _put_alarm, _delete_alarm),
    "AWS::CloudWatch::CompositeAlarm": Handler(
        _put_composite_alarm, _put_composite_alarm, _delete_alarm
    ),
    "AWS::CloudWatch::Dashboard": Handler(_put_dashboard, _put_dashboard, _delete_dashboard),
}
