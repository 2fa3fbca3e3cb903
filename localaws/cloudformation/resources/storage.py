"""AWS::S3, AWS::ECR and AWS::SSM::Parameter: where assets and values are kept."""

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
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.cloudformation.document import Json

BUCKET_PROPERTIES = (
    "AccessControl",
    "BucketEncryption",
    "BucketName",
    "LifecycleConfiguration",
    "OwnershipControls",
    "PublicAccessBlockConfiguration",
    "Tags",
    "VersioningConfiguration",
)


def _create_bucket(request: Request) -> Made:
    request.only(*BUCKET_PROPERTIES)
    name, client = request.name("BucketName", longest=63, lower=True), request.client("s3")
    # us-east-1 is the one Region that must not be named (S3 API Reference, CreateBucket).
    where = (
        {}
        if request.region == "us-east-1"
        else {"CreateBucketConfiguration": {"LocationConstraint": request.region}}
    )
    client.create_bucket(Bucket=name, **where)
    request.exists_as(name)
    _configure_bucket(request, name)
    domain = "amazonaws.com"
    return Made(
        name,
        {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.{domain}",
            "DualStackDomainName": f"{name}.s3.dualstack.{request.region}.{domain}",
            "RegionalDomainName": f"{name}.s3.{request.region}.{domain}",
            "WebsiteURL": f"http://{name}.s3-website-{request.region}.{domain}",
        },
    )


def _update_bucket(request: Request) -> Made:
    request.only(*BUCKET_PROPERTIES)
    _configure_bucket(request, request.physical_id)
    return Made(request.physical_id, request.attributes)


def _configure_bucket(request: Request, name: str) -> None:
    client, properties = request.client("s3"), request.properties
    if "BucketEncryption" in properties:
        client.put_bucket_encryption(
            Bucket=name,
            ServerSideEncryptionConfiguration=_encryption(properties["BucketEncryption"]),
        )
    if "VersioningConfiguration" in properties:
        client.put_bucket_versioning(
            Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"]
        )
    if "PublicAccessBlockConfiguration" in properties:
        client.put_public_access_block(
            Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
        )
    if "LifecycleConfiguration" in properties:
        rules = [_lifecycle(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
        client.put_bucket_lifecycle_configuration(
            Bucket=name, LifecycleConfiguration={"Rules": rules}
        )
    if "OwnershipControls" in properties:
        client.put_bucket_ownership_controls(
            Bucket=name, OwnershipControls=properties["OwnershipControls"]
        )
    if "Tags" in properties:
        client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": properties["Tags"]})


def _encryption(properties: Mapping[str, Json]) -> dict[str, Json]:
    rules = [
        {
            ("Apply" + key if key == "ServerSideEncryptionByDefault" else key): value
            for key, value in rule.items()
        }
        for rule in properties["ServerSideEncryptionConfiguration"]
    ]
    return {"Rules": rules}


def _lifecycle(rule: Mapping[str, Json]) -> dict[str, Json]:
    renamed = {"Id": "ID"}
    arguments = {
        renamed.get(key, key): value
        for key, value in rule.items()
        if key not in {"Prefix", "ExpirationInDays"}
    }
    if "ExpirationInDays" in rule:
        arguments["Expiration"] = {"Days": rule["ExpirationInDays"]}
    return {**arguments, "Filter": {"Prefix": rule.get("Prefix", "")}}


def _delete_bucket(request: Request) -> None:
    deleted(request.client("s3").delete_bucket, Bucket=request.physical_id)


def _put_bucket_policy(request: Request) -> Made:
    bucket = request.properties["Bucket"]
    policy = json.dumps(request.properties["PolicyDocument"])
    request.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    return Made(bucket)


def _delete_bucket_policy(request: Request) -> None:
    deleted(request.client("s3").delete_bucket_policy, Bucket=request.properties["Bucket"])


REPOSITORY_PROPERTIES = (
    "ImageScanningConfiguration",
    "ImageTagMutability",
    "LifecyclePolicy",
    "RepositoryName",
    "RepositoryPolicyText",
    "Tags",
)


def _create_repository(request: Request) -> Made:
    request.only(*REPOSITORY_PROPERTIES)
    name, client = request.name("RepositoryName", longest=256, lower=True), request.client("ecr")
    made = client.create_repository(
        repositoryName=name,
        imageTagMutability=request.properties.get("ImageTagMutability", "MUTABLE"),
        tags=request.properties.get("Tags") or [],
    )["repository"]
    request.exists_as(name)
    _configure_repository(request, name)
    return Made(name, {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]})


def _update_repository(request: Request) -> Made:
    request.only(*REPOSITORY_PROPERTIES)
    name, client = request.physical_id, request.client("ecr")
    if request.changed("ImageTagMutability"):
        mutability = request.properties.get("ImageTagMutability", "MUTABLE")
        client.put_image_tag_mutability(repositoryName=name, imageTagMutability=mutability)
    _configure_repository(request, name)
    return Made(name, request.attributes)


def _configure_repository(request: Request, name: str) -> None:
    client, properties = request.client("ecr"), request.properties
    if "LifecyclePolicy" in properties:
        text = properties["LifecyclePolicy"]["LifecyclePolicyText"]
        client.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
    if "RepositoryPolicyText" in properties:
        text = json.dumps(properties["RepositoryPolicyText"])
        client.set_repository_policy(repositoryName=name, policyText=text)
    if "ImageScanningConfiguration" in properties:
        scanning = {"scanOnPush": properties["ImageScanningConfiguration"]["ScanOnPush"]}
        client.put_image_scanning_configuration(
            repositoryName=name, imageScanningConfiguration=scanning
        )


def _delete_repository(request: Request) -> None:
    deleted(request.client("ecr").delete_repository, repositoryName=request.physical_id)


def _create_parameter(request: Request) -> Made:
    name = request.name("Name", longest=1011)
    labels = pairs(request.properties.get("Tags") or {})
    arguments = request.without("Name", "Tags")
    request.client("ssm").put_parameter(
        Name=name, **arguments, **({"Tags": labels} if labels else {})
    )
    return Made(name, _parameter_attributes(request))


def _update_parameter(request: Request) -> Made:
    client, name = request.client("ssm"), request.physical_id
    client.put_parameter(Name=name, Overwrite=True, **request.without("Name", "Tags"))
    added, removed = difference(
        request.properties.get("Tags") or {}, request.previous.get("Tags") or {}
    )
    if added:
        client.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=pairs(added))
    if removed:
        client.remove_tags_from_resource(ResourceType="Parameter", ResourceId=name, TagKeys=removed)
    return Made(name, _parameter_attributes(request))


def _parameter_attributes(request: Request) -> dict[str, Json]:
    return {"Type": request.properties["Type"], "Value": request.properties["Value"]}


def _delete_parameter(request: Request) -> None:
    deleted(request.client("ssm").delete_parameter, Name=request.physical_id)


HANDLERS = {
    "AWS::S3::Bucket": Handler(_create_bucket, _update_bucket, _delete_bucket),
    "AWS::S3::BucketPolicy": Handler(_put_bucket_policy, _put_bucket_policy, _delete_bucket_policy),
    "AWS::ECR::Repository": Handler(_create_repository, _update_repository, _delete_repository),
    "AWS::SSM::Parameter": Handler(_create_parameter, _update_parameter, _delete_parameter),
}
