"""What IAM refuses to delete because something else still hangs on it, as far as moto deletes it all the same.

Roles and instance profiles moto refuses by itself (IAM API reference, DeleteRole and DeleteInstanceProfile: DeleteConflict); the
tests hold it to that.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from moto.iam.models import IAMBackend

from localaws.patching import Patch
from localaws.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLICY_ATTACHED = Rule(
    code="DeleteConflict",
    message="Cannot delete a policy attached to entities.",
    source="IAM API reference, DeletePolicy; wording: https://github.com/hashicorp/terraform-provider-aws/issues/32906. As a "
    "permissions boundary too: https://github.com/gruntwork-io/cloud-nuke/issues/972",
    status=409,
)
POLICY_HAS_VERSIONS = Rule(
    code="DeleteConflict",
    message="This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The "
    "default version is deleted with the policy.",
    source="IAM API reference, DeletePolicy; wording: https://github.com/redradrat/aws-iam-operator/issues/13",
    status=409,
)


def patches() -> Iterator[Patch]:
    """Yield what makes IAM refuse to delete a managed policy that is in use."""
    yield Patch(IAMBackend, "delete_policy", _delete_policy)


def _delete_policy(
    original: Callable[[IAMBackend, str], None],
) -> Callable[[IAMBackend, str], None]:
    def delete(backend: IAMBackend, policy_arn: str) -> None:
        policy = backend.get_policy(policy_arn)
        if policy.arn in _in_use(backend):
            raise POLICY_ATTACHED.refusal()
        if len(policy.versions) > 1:
            raise POLICY_HAS_VERSIONS.refusal()
        original(backend, policy_arn)

    return delete


def _in_use(backend: IAMBackend) -> Iterator[str]:
    """Yield the ARN of every policy that a principal has, or is bounded by."""
    principals: Iterator[Any] = chain(
        backend.roles.values(), backend.users.values(), backend.groups.values()
    )
    for each in principals:
        yield from each.managed_policies
        # Moto has boundaries of roles alone.
        yield getattr(each, "permissions_boundary_arn", None) or ""
