"""Apply a bucket policy's conditions: moto takes every statement for an unconditional one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

from localaws.iam.conditions import satisfied
from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECURE: dict[str, tuple[str, ...]] = {"aws:securetransport": ("true",)}
"""What a request's context has. Loopback stands for TLS here, else the CDK's bootstrap bucket would refuse every asset:
it denies requests without it (aws-cdk, bootstrap-template.yaml, AllowSSLRequestsOnly)."""


def patches() -> Iterator[Patch]:
    """Yield what makes a bucket decide by the statements whose conditions hold."""
    yield Patch(FakeBucket, "get_permission", _make)


def _make(_original: object) -> Callable[[Any, str, str], PermissionResult]:
    return permission


def permission(bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    """Return whether the bucket's policy permits or denies an action on a resource, or says nothing about it."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    statements = [one for one in policy["Statement"] if satisfied(one.get("Condition", {}), SECURE)]
    if not statements:
        return PermissionResult.NEUTRAL
    held = IAMPolicy(json.dumps({**policy, "Statement": statements}))
    return held.is_action_permitted(action, resource)
