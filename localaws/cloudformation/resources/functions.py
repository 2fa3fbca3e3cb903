"""AWS::Lambda: functions, their versions and aliases, who may invoke them and what they poll."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

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

NOT_CONFIGURATION = (
    "FunctionName",
    "Code",
    "Architectures",
    "Tags",
    "ReservedConcurrentExecutions",
    "PackageType",
)
"""Properties that UpdateFunctionConfiguration does not take."""
EMPTY_CONFIGURATION: dict[str, Json] = {
    "Description": "",
    "Environment": {"Variables": {}},
    "Layers": [],
    "DeadLetterConfig": {"TargetArn": ""},
    "MemorySize": 128,
    "Timeout": 3,
}
"""What a setting becomes when its property is taken out of the template (Lambda API Reference, CreateFunction)."""


def _create_function(request: Request) -> Made:
    name, client = request.name("FunctionName"), request.client("lambda")
    arguments = request.without(
        "FunctionName", "Code", "Tags", "ReservedConcurrentExecutions", "KmsKeyArn"
    )
    if "KmsKeyArn" in request.properties:
        arguments["KMSKeyArn"] = request.properties["KmsKeyArn"]
    made = client.create_function(
        FunctionName=name,
        Code=_code(request),
        Tags=tags(request.properties.get("Tags")),
        **arguments,
    )
    request.exists_as(name)
    _set_concurrency(request, name)
    return Made(name, {"Arn": made["FunctionArn"]})


def _update_function(request: Request) -> Made:
    name, client = request.physical_id, request.client("lambda")
    if request.changed("Code", "Architectures"):
        architectures = {
            key: request.properties[key] for key in ("Architectures",) if key in request.properties
        }
        client.update_function_code(FunctionName=name, **_code(request), **architectures)
    arguments = request.without(*NOT_CONFIGURATION, "KmsKeyArn")
    for key, empty in EMPTY_CONFIGURATION.items():
        if key in request.previous and key not in request.properties:
            arguments[key] = empty
    if "KmsKeyArn" in request.properties:
        arguments["KMSKeyArn"] = request.properties["KmsKeyArn"]
    client.update_function_configuration(FunctionName=name, **arguments)
    added, removed = difference(
        tags(request.properties.get("Tags")), tags(request.previous.get("Tags"))
    )
    if added:
        client.tag_resource(Resource=request.attributes["Arn"], Tags=added)
    if removed:
        client.untag_resource(Resource=request.attributes["Arn"], TagKeys=removed)
    if request.changed("ReservedConcurrentExecutions"):
        _set_concurrency(request, name)
    return Made(name, request.attributes)


def _code(request: Request) -> dict[str, Json]:
    code = dict(request.properties["Code"])
    if "ZipFile" in code:
        # Inline code becomes the file `index`, in the runtime's language (Lambda Function Code reference, ZipFile).
        suffix = "py" if str(request.properties.get("Runtime", "")).startswith("python") else "js"
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as zipped:
            zipped.writestr(zipfile.ZipInfo(f"index.{suffix}"), code["ZipFile"])
        code["ZipFile"] = archive.getvalue()
    return code


def _set_concurrency(request: Request, name: str) -> None:
    client, reserved = (
        request.client("lambda"),
        request.properties.get("ReservedConcurrentExecutions"),
    )
    if reserved is not None:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    elif "ReservedConcurrentExecutions" in request.previous:
        client.delete_function_concurrency(FunctionName=name)


def _delete_function(request: Request) -> None:
    deleted(request.client("lambda").delete_function, FunctionName=request.physical_id)


def _permit(request: Request) -> Made:
    identity = request.name("", longest=100)
    request.client("lambda").add_permission(StatementId=identity, **request.properties)
    return Made(identity, {"Id": identity})


def _forbid(request: Request) -> None:
    deleted(
        request.client("lambda").remove_permission,
        FunctionName=request.properties["FunctionName"],
        StatementId=request.physical_id,
    )


def _create_mapping(request: Request) -> Made:
    arguments = request.without("Tags")
    made = request.client("lambda").create_event_source_mapping(
        **arguments, Tags=tags(request.properties.get("Tags"))
    )
    return _made_mapping(request, made["UUID"])


def _update_mapping(request: Request) -> Made:
    create_only = (
        "EventSourceArn",
        "StartingPosition",
        "StartingPositionTimestamp",
        "SelfManagedEventSource",
    )
    request.client("lambda").update_event_source_mapping(
        UUID=request.physical_id, **request.without("Tags", *create_only)
    )
    return _made_mapping(request, request.physical_id)


def _made_mapping(request: Request, identity: str) -> Made:
    arn = f"arn:aws:lambda:{request.region}:{request.account_id}:event-source-mapping:{identity}"
    return Made(identity, {"Id": identity, "EventSourceMappingArn": arn})


def _delete_mapping(request: Request) -> None:
    deleted(request.client("lambda").delete_event_source_mapping, UUID=request.physical_id)


def _put_invoke_config(request: Request) -> Made:
    request.client("lambda").put_function_event_invoke_config(**request.properties)
    return Made(request.physical_id or request.name(""))


def _delete_invoke_config(request: Request) -> None:
    deleted(
        request.client("lambda").delete_function_event_invoke_config,
        FunctionName=request.properties["FunctionName"],
        Qualifier=request.properties["Qualifier"],
    )


def _publish(request: Request) -> Made:
    request.only("FunctionName", "Description", "CodeSha256")
    made = request.client("lambda").publish_version(**request.properties)
    arn, version = made["FunctionArn"], made["Version"]
    if not arn.endswith(f":{version}"):
        arn = f"{arn}:{version}"
    return Made(arn, {"FunctionArn": arn, "Version": version})


def _delete_version(request: Request) -> None:
    deleted(request.client("lambda").delete_function, FunctionName=request.physical_id)


def _create_alias(request: Request) -> Made:
    arn = request.client("lambda").create_alias(**request.properties)["AliasArn"]
    return Made(arn, {"AliasArn": arn})


def _update_alias(request: Request) -> Made:
    request.client("lambda").update_alias(**request.properties)
    return Made(request.physical_id, request.attributes)


def _delete_alias(request: Request) -> None:
    deleted(
        request.client("lambda").delete_alias,
        FunctionName=request.properties["FunctionName"],
        Name=request.properties["Name"],
    )


def _publish_layer(request: Request) -> Made:
    # A replacement is a new version of the layer, whose name is no version's own: it may stay.
    name = request.properties.get("LayerName") or request.name("", longest=140)
    arn = request.client("lambda").publish_layer_version(
        LayerName=name, **request.without("LayerName")
    )["LayerVersionArn"]
    return Made(arn, {"LayerVersionArn": arn})


def _delete_layer(request: Request) -> None:
    layer, version = request.physical_id.rsplit(":", 1)
    deleted(
        request.client("lambda").delete_layer_version,
        LayerName=layer.rsplit(":", 1)[1],
        VersionNumber=int(version),
    )


HANDLERS = {
    "AWS::Lambda::Function": Handler(_create_function, _update_function, _delete_function),
    "AWS::Lambda::Permission": Handler(_permit, _permit, _forbid),
    "AWS::Lambda::EventSourceMapping": Handler(_create_mapping, _update_mapping, _delete_mapping),
    "AWS::Lambda::EventInvokeConfig": Handler(
        _put_invoke_config, _put_invoke_config, _delete_invoke_config
    ),
    "AWS::Lambda::Version": Handler(_publish, _publish, _delete_version),
    "AWS::Lambda::Alias": Handler(_create_alias, _update_alias, _delete_alias),
    "AWS::Lambda::LayerVersion": Handler(_publish_layer, _publish_layer, _delete_layer),
}
