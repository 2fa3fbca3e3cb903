"""AWS::IAM and AWS::KMS: who may do what, and with which keys."""

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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.cloudformation.document import Json

PRINCIPALS = (
    ("Roles", "role", "RoleName"),
    ("Users", "user", "UserName"),
    ("Groups", "group", "GroupName"),
)
"""What a policy hangs on: the property that lists them, the word in the operation's name, and its parameter."""


def _create_role(request: Request) -> Made:
    request.only(
        "AssumeRolePolicyDocument",
        "Description",
        "ManagedPolicyArns",
        "MaxSessionDuration",
        "Path",
        "PermissionsBoundary",
        "Policies",
        "RoleName",
        "Tags",
    )
    name, client = request.name("RoleName"), request.client("iam")
    arguments = request.without(
        "AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies", "RoleName"
    )
    trust = json.dumps(request.properties["AssumeRolePolicyDocument"])
    made = client.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **arguments)["Role"]
    request.exists_as(name)
    _set_role_policies(request, name)
    return Made(name, {"Arn": made["Arn"], "RoleId": made["RoleId"]})


def _update_role(request: Request) -> Made:
    name, client = request.physical_id, request.client("iam")
    if request.changed("AssumeRolePolicyDocument"):
        trust = json.dumps(request.properties["AssumeRolePolicyDocument"])
        client.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    if request.changed("Description", "MaxSessionDuration"):
        settings = {
            k: request.properties[k]
            for k in ("Description", "MaxSessionDuration")
            if k in request.properties
        }
        client.update_role(RoleName=name, **settings)
    added, removed = difference(
        tags(request.properties.get("Tags")), tags(request.previous.get("Tags"))
    )
    if added:
        client.tag_role(RoleName=name, Tags=pairs(added))
    if removed:
        client.untag_role(RoleName=name, TagKeys=removed)
    _set_role_policies(request, name)
    return Made(name, request.attributes)


def _set_role_policies(request: Request, name: str) -> None:
    client = request.client("iam")
    managed = set(request.properties.get("ManagedPolicyArns") or ())
    for arn in set(request.previous.get("ManagedPolicyArns") or ()) - managed:
        client.detach_role_policy(RoleName=name, PolicyArn=arn)
    for arn in sorted(managed - set(request.previous.get("ManagedPolicyArns") or ())):
        client.attach_role_policy(RoleName=name, PolicyArn=arn)
    inline = _inline(request.properties)
    for policy in _inline(request.previous).keys() - inline.keys():
        client.delete_role_policy(RoleName=name, PolicyName=policy)
    for policy, text in inline.items():
        client.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=text)


def _inline(properties: Mapping[str, Json]) -> dict[str, str]:
    return {
        one["PolicyName"]: json.dumps(one["PolicyDocument"])
        for one in properties.get("Policies") or ()
    }


def _delete_role(request: Request) -> None:
    """Take away what the type itself gave the role, then the role; what others attached makes it refuse.

    Source: IAM API Reference, DeleteRole: DeleteConflict.
    """
    name, client = request.physical_id, request.client("iam")
    for arn in request.properties.get("ManagedPolicyArns") or ():
        deleted(client.detach_role_policy, RoleName=name, PolicyArn=arn)
    for policy in _inline(request.properties):
        deleted(client.delete_role_policy, RoleName=name, PolicyName=policy)
    deleted(client.delete_role, RoleName=name)


def _put_policy(request: Request) -> Made:
    client, name = request.client("iam"), request.properties["PolicyName"]
    text = json.dumps(request.properties["PolicyDocument"])
    for listed, kind, parameter in PRINCIPALS:
        wanted = set(request.properties.get(listed) or ())
        for principal in set(request.previous.get(listed) or ()) - wanted:
            deleted(
                getattr(client, f"delete_{kind}_policy"), **{parameter: principal}, PolicyName=name
            )
        for principal in sorted(wanted):
            put = getattr(client, f"put_{kind}_policy")
            put(**{parameter: principal}, PolicyName=name, PolicyDocument=text)
    identity = request.physical_id or request.name("")
    return Made(identity, {"Id": identity})


def _delete_policy(request: Request) -> None:
    client, name = request.client("iam"), request.properties["PolicyName"]
    for listed, kind, parameter in PRINCIPALS:
        for principal in request.properties.get(listed) or ():
            deleted(
                getattr(client, f"delete_{kind}_policy"), **{parameter: principal}, PolicyName=name
            )


def _create_managed_policy(request: Request) -> Made:
    client, name = request.client("iam"), request.name("ManagedPolicyName", longest=128)
    arguments = {
        key: request.properties[key]
        for key in ("Description", "Path", "Tags")
        if key in request.properties
    }
    text = json.dumps(request.properties["PolicyDocument"])
    arn = client.create_policy(PolicyName=name, PolicyDocument=text, **arguments)["Policy"]["Arn"]
    request.exists_as(arn)
    _attach(request, arn)
    return Made(arn, {"PolicyArn": arn})


def _update_managed_policy(request: Request) -> Made:
    client, arn = request.client("iam"), request.physical_id
    if request.changed("PolicyDocument"):
        text = json.dumps(request.properties["PolicyDocument"])
        client.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)
        # IAM keeps five versions at most; CloudFormation keeps the default one alone.
        for version in client.list_policy_versions(PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                client.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    _attach(request, arn)
    return Made(arn, request.attributes)


def _attach(request: Request, arn: str) -> None:
    client = request.client("iam")
    for listed, kind, parameter in PRINCIPALS:
        wanted, present = (
            set(of.get(listed) or ()) for of in (request.properties, request.previous)
        )
        for principal in present - wanted:
            deleted(
                getattr(client, f"detach_{kind}_policy"), **{parameter: principal}, PolicyArn=arn
            )
        for principal in sorted(wanted - present):
            getattr(client, f"attach_{kind}_policy")(**{parameter: principal}, PolicyArn=arn)


def _delete_managed_policy(request: Request) -> None:
    client, arn = request.client("iam"), request.physical_id
    for listed, kind, parameter in PRINCIPALS:
        for principal in request.properties.get(listed) or ():
            deleted(
                getattr(client, f"detach_{kind}_policy"), **{parameter: principal}, PolicyArn=arn
            )
    deleted(client.delete_policy, PolicyArn=arn)


def _create_profile(request: Request) -> Made:
    client, name = request.client("iam"), request.name("InstanceProfileName", longest=128)
    path = {"Path": request.properties["Path"]} if "Path" in request.properties else {}
    made = client.create_instance_profile(InstanceProfileName=name, **path)["InstanceProfile"]
    request.exists_as(name)
    _set_profile_roles(request, name)
    return Made(name, {"Arn": made["Arn"]})


def _update_profile(request: Request) -> Made:
    _set_profile_roles(request, request.physical_id)
    return Made(request.physical_id, request.attributes)


def _set_profile_roles(request: Request, name: str) -> None:
    client = request.client("iam")
    wanted, present = (set(of.get("Roles") or ()) for of in (request.properties, request.previous))
    for role in present - wanted:
        client.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    for role in wanted - present:
        client.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)


def _delete_profile(request: Request) -> None:
    client, name = request.client("iam"), request.physical_id
    for role in request.properties.get("Roles") or ():
        deleted(client.remove_role_from_instance_profile, InstanceProfileName=name, RoleName=role)
    deleted(client.delete_instance_profile, InstanceProfileName=name)


KEY_PROPERTIES = (
    "Description",
    "Enabled",
    "EnableKeyRotation",
    "KeyPolicy",
    "KeySpec",
    "KeyUsage",
    "PendingWindowInDays",
    "Tags",
)


def _create_key(request: Request) -> Made:
    request.only(*KEY_PROPERTIES)
    client = request.client("kms")
    arguments = {
        key: request.properties[key]
        for key in ("Description", "KeySpec", "KeyUsage")
        if key in request.properties
    }
    if "KeyPolicy" in request.properties:
        arguments["Policy"] = json.dumps(request.properties["KeyPolicy"])
    labels = [
        {"TagKey": one["Key"], "TagValue": one["Value"]}
        for one in request.properties.get("Tags") or ()
    ]
    made = client.create_key(Tags=labels, **arguments)["KeyMetadata"]
    identity = request.exists_as(made["KeyId"])
    _set_rotation(request, identity)
    return Made(identity, {"Arn": made["Arn"], "KeyId": identity})


def _update_key(request: Request) -> Made:
    request.only(*KEY_PROPERTIES)
    client, identity = request.client("kms"), request.physical_id
    if request.changed("KeyPolicy"):
        policy = json.dumps(request.properties["KeyPolicy"])
        client.put_key_policy(KeyId=identity, PolicyName="default", Policy=policy)
    if request.changed("Description"):
        client.update_key_description(
            KeyId=identity, Description=request.properties.get("Description", "")
        )
    _set_rotation(request, identity)
    return Made(identity, request.attributes)


def _set_rotation(request: Request, identity: str) -> None:
    client = request.client("kms")
    if request.changed("EnableKeyRotation"):
        turn = (
            client.enable_key_rotation
            if request.properties.get("EnableKeyRotation")
            else client.disable_key_rotation
        )
        turn(KeyId=identity)
    if request.properties.get("Enabled", True) != request.previous.get("Enabled", True):
        (client.enable_key if request.properties.get("Enabled", True) else client.disable_key)(
            KeyId=identity
        )


def _delete_key(request: Request) -> None:
    days = request.properties.get("PendingWindowInDays", 30)
    deleted(
        request.client("kms").schedule_key_deletion,
        KeyId=request.physical_id,
        PendingWindowInDays=days,
    )


def _create_key_alias(request: Request) -> Made:
    request.client("kms").create_alias(**request.properties)
    return Made(request.properties["AliasName"])


def _update_key_alias(request: Request) -> Made:
    request.client("kms").update_alias(**request.properties)
    return Made(request.physical_id)


def _delete_key_alias(request: Request) -> None:
    deleted(request.client("kms").delete_alias, AliasName=request.physical_id)


HANDLERS = {
    "AWS::IAM::Role": Handler(_create_role, _update_role, _delete_role),
    "AWS::IAM::Policy": Handler(
        _put_policy, _put_policy, _delete_policy, replaced_by=frozenset({"PolicyName"})
    ),
    "AWS::IAM::ManagedPolicy": Handler(
        _create_managed_policy, _update_managed_policy, _delete_managed_policy
    ),
    "AWS::IAM::InstanceProfile": Handler(_create_profile, _update_profile, _delete_profile),
    "AWS::KMS::Key": Handler(_create_key, _update_key, _delete_key),
    "AWS::KMS::Alias": Handler(_create_key_alias, _update_key_alias, _delete_key_alias),
}
