"""AWS::CloudFormation::CustomResource and every Custom:: type: a function of the template's own does the work and answers by a
presigned URL.

Source: CloudFormation User Guide, "How custom resources work" and "CloudFormation custom resource request and response reference".
"""

from __future__ import annotations

import functools
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from localaws.cloudformation.resources.handler import POLL_S, Handler, Made
from localaws.cloudformation.schemas import CUSTOM_RESOURCE
from localaws.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.client import Client
    from localaws.cloudformation.document import Json
    from localaws.cloudformation.resources.handler import Request

_REFERENCE = "CloudFormation User Guide, custom resource request and response reference: "

FAILED = Rule(
    code="CustomResourceFailed",
    message="Received response status [FAILED] from custom resource. Message returned: {reason} (RequestId: {request_id})",
    source="github.com/aws/aws-cdk/issues/17040 and others, with the reason that the function gave",
)
NO_ANSWER = Rule(
    code="CustomResourceTimeout",
    message="CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId "
    "[{request_id}]. If you are using the Python cfn-response module, you may need to update your Lambda function code so that "
    "CloudFormation can attach the updated version.",
    source=_REFERENCE + "ServiceTimeout; the words: github.com/aws/aws-cdk/issues/18746",
)
TOO_LONG = Rule(
    code="CustomResourceFailed",
    message="Response object is too long.",
    source=_REFERENCE + "at most 4096 bytes; the words: github.com/aws/aws-cdk/issues/9891",
)
INVALID_ID = Rule(
    code="CustomResourceFailed",
    message="Invalid PhysicalResourceId",
    source=_REFERENCE
    + "a non-empty string of at most 1 KB; the words: github.com/remind101/empire/issues/918",
)
INVALID_ANSWER = Rule(
    code="CustomResourceFailed",
    message="Invalid response from custom resource: {problem}",
    source=_REFERENCE
    + "the fields of a response that are required, and those to be copied verbatim",
)
NOT_A_FUNCTION = Rule(
    code="UnsupportedProperty",
    message="This account does not model the ServiceToken {token}: only a Lambda function of the Region",
    source="a limit of this account, not of AWS, which takes SNS topics too",
)
NO_FUNCTION = Rule(
    code="CustomResourceFailed",
    message="Function not found: {token}",
    source="Lambda API reference, Invoke: ResourceNotFoundException",
)
NO_ECHO = Rule(
    code="UnsupportedProperty",
    message="This account does not model NoEcho in the response of a custom resource",
    source="a limit of this account, not of AWS: what it cannot honour it refuses",
)

DEFAULT_TIMEOUT_S = 3600
MAX_ANSWER_BYTES = 4096
MAX_ID_BYTES = 1024
USUAL_S = 30
"""An answer that is not there by then is looked for every LATE_POLL_S."""
LATE_POLL_S = 10
BUCKET = "cloudformation-custom-resource-response"
"""Before the Region; AWS's own buckets are called so."""
UNTYPED = ("", "binary/octet-stream")
"""The content type of an object put without one, as the URL is signed for (CloudFormation User Guide, "cfn-response module":
`content-type` empty)."""
_COPIED = ("StackId", "RequestId", "LogicalResourceId")


@dataclass(frozen=True)
class _Mailbox:
    """Where one answer is put."""

    bucket: str
    key: str
    url: str


def _create(request: Request) -> Made:
    return _made(request, _ask(request, "Create"))


def _update(request: Request) -> Made:
    old = _texts(request.previous)
    event = {"PhysicalResourceId": request.physical_id, "OldResourceProperties": old}
    return _made(request, _ask(request, "Update", **event))


def _delete(request: Request) -> None:
    _ask(request, "Delete", PhysicalResourceId=request.physical_id)


def _made(request: Request, answer: Mapping[str, Json]) -> Made:
    if answer.get("NoEcho") in {True, "true"}:
        raise NO_ECHO.refusal()
    return Made(request.exists_as(answer["PhysicalResourceId"]), dict(answer.get("Data") or {}))


def _ask(request: Request, kind: str, **more: Json) -> Mapping[str, Json]:
    """Send a request to the function and return its answer; what the function may have made has an id from here on.

    Raises:
        Refusal: it answered that it failed, or what is no answer, or nothing in time.
    """
    token = request.properties["ServiceToken"]
    if not str(token).startswith("arn:") or ":lambda:" not in str(token):
        raise NOT_A_FUNCTION.refusal(token=token)
    event = {
        "RequestType": kind,
        "RequestId": str(uuid.uuid4()),
        "StackId": request.stack_id,
        "LogicalResourceId": request.logical_id,
        "ResourceType": request.resource_type,
        "ResourceProperties": _texts(request.properties),
        **more,
    }
    mailbox = _mailbox(request, event["RequestId"])
    with request.account.lock:
        if request.account.functions.find(token) is None:
            raise NO_FUNCTION.refusal(token=token)
    payload = json.dumps({**event, "ResponseURL": mailbox.url}).encode()
    # Lambda Developer Guide, "Using AWS Lambda with CloudFormation": the function is invoked asynchronously.
    request.account.functions.invoke_async(token, payload)
    if kind == "Create":
        # Of a creation that is never answered a Delete follows, by an id that CloudFormation makes up
        # (github.com/remind101/empire/issues/918).
        request.exists_as(request.name("", longest=128))
    body = _answer_in(request, mailbox)
    if body is None:
        raise NO_ANSWER.refusal(request_id=event["RequestId"])
    answer = _read(body, event)
    if answer["Status"] == "FAILED":
        if kind == "Create":
            request.exists_as(answer["PhysicalResourceId"])
        raise FAILED.refusal(reason=answer["Reason"], request_id=event["RequestId"])
    return answer


def _answer_in(request: Request, mailbox: _Mailbox) -> bytes | None:
    clock, client = request.account.clock, request.client("s3")
    begin_s = clock.now()
    end_s = begin_s + request.properties.get("ServiceTimeout", DEFAULT_TIMEOUT_S)
    while (body := _body(client, mailbox)) is None and clock.now() < end_s:
        clock.wait(POLL_S if clock.now() - begin_s < USUAL_S else LATE_POLL_S)
    return body


def _body(client: Client, mailbox: _Mailbox) -> bytes | None:
    try:
        found = client.get_object(Bucket=mailbox.bucket, Key=mailbox.key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None
    if found["ContentType"] not in UNTYPED:
        return None  # S3 refuses it: SignatureDoesNotMatch.
    body: bytes = found["Body"].read()
    return body


def _read(body: bytes, event: Mapping[str, Json]) -> Mapping[str, Json]:
    if len(body) > MAX_ANSWER_BYTES:
        raise TOO_LONG.refusal()
    try:
        answer = json.loads(body)
    except ValueError:
        raise INVALID_ANSWER.refusal(problem="it is not JSON") from None
    if not isinstance(answer, dict) or answer.get("Status") not in {"SUCCESS", "FAILED"}:
        raise INVALID_ANSWER.refusal(problem="Status is neither SUCCESS nor FAILED")
    identity = answer.get("PhysicalResourceId")
    if not isinstance(identity, str) or not 1 <= len(identity.encode()) <= MAX_ID_BYTES:
        raise INVALID_ID.refusal()
    wrong = [key for key in _COPIED if answer.get(key) != event[key]]
    if wrong:
        raise INVALID_ANSWER.refusal(problem=f"{', '.join(wrong)} differs from the request")
    if answer["Status"] == "FAILED" and not answer.get("Reason"):
        raise INVALID_ANSWER.refusal(problem="Reason is required when Status is FAILED")
    return answer


def _mailbox(request: Request, request_id: str) -> _Mailbox:
    bucket, key = f"{BUCKET}-{request.region.replace('-', '')}", f"{request_id}.json"
    elsewhere = (
        {"CreateBucketConfiguration": {"LocationConstraint": request.region}}
        if request.region != "us-east-1"
        else {}
    )
    request.client("s3").create_bucket(Bucket=bucket, **elsewhere)
    signer = _signer(request.region, request.account.functions.endpoint_url)
    url: str = signer.generate_presigned_url("put_object", {"Bucket": bucket, "Key": key}, 7200)
    return _Mailbox(bucket, key, url)


@functools.cache
def _signer(region: str, endpoint_url: str) -> Client:
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
    return boto3.session.Session("cloudformation", "cloudformation").client(
        "s3", region_name=region, endpoint_url=endpoint_url or None, config=config
    )


def _texts(value: Json) -> Json:
    """Return properties as a function gets them, numbers and booleans as text (github.com/aws/aws-cdk, custom-resources README:
    "CloudFormation converts all properties to strings")."""
    if isinstance(value, dict):
        return {key: _texts(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    return value if isinstance(value, str) else json.dumps(value)


HANDLERS = {CUSTOM_RESOURCE: Handler(_create, _update, _delete)}
