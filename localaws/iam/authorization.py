"""Authorizing the calls of roles, and remembering which statement was needed for which call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends

from localaws.iam.checks import UnknownAction, checks_of
from localaws.iam.conditions import UnsupportedPolicy
from localaws.iam.policies import Statement, StatementRef, decide, statements_of
from localaws.iam.resources import scope_of
from localaws.rules import Rule

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from localaws.iam.policies import Check, Decision
    from localaws.rules import Refusal

UNAUTHORIZED_OPERATION = Rule(
    "UnauthorizedOperation",
    "You are not authorized to perform this operation. {reason}",
    "EC2 error codes page, UnauthorizedOperation; the sentence after it as in deckhouse/deckhouse pull request 10842",
    status=403,
)
ACCESS_DENIED = Rule(
    "AccessDenied",
    "{reason}",
    "Troubleshoot access denied error messages (IAM User Guide); Common Error Types of the query services",
    status=403,
)
ACCESS_DENIED_EXCEPTION = Rule(
    "AccessDeniedException",
    "{reason}",
    "Troubleshoot access denied error messages (IAM User Guide); Common Error Types of the JSON services",
    status=400,
)
ACCESS_DENIED_BY_REST = Rule(
    "AccessDeniedException",
    "{reason}",
    "Common Error Types in the API references of Lambda and EventBridge Scheduler",
    status=403,
)
INVALID_CLIENT_TOKEN = Rule(
    "InvalidClientTokenId",
    "The security token included in the request is invalid",
    "Common Error Types; here for credentials whose role no longer exists",
    status=403,
)
NOT_MODELLED = Rule(
    "LocalAws.NotModelled",
    "{what}",
    "localaws.iam: AWS never answers this; the embedded account refuses to guess what IAM would decide",
)

_ACCESS_DENIED_SERVICES = frozenset(
    {"autoscaling", "cloudformation", "cloudwatch", "iam", "s3", "sqs", "sts"}
)

_REST_SERVICES = frozenset({"lambda", "scheduler", "xray"})


def denial(service: str) -> Rule:
    """Return the words in which a service says that IAM did not allow a call."""
    if service == "ec2":
        return UNAUTHORIZED_OPERATION
    if service in _REST_SERVICES:
        return ACCESS_DENIED_BY_REST
    return ACCESS_DENIED if service in _ACCESS_DENIED_SERVICES else ACCESS_DENIED_EXCEPTION


@dataclass(frozen=True)
class Authorization:
    """One check that was made for a role, and what its policies said."""

    role_arn: str
    check: Check
    decision: Decision


class Authorizations:
    """Every check made in an account, in order."""

    def __init__(self, account_id: str, lock: threading.RLock) -> None:
        """Take the lock under which moto's backends are read."""
        self._account_id = account_id
        self._lock = lock
        self._made: list[Authorization] = []

    def require(
        self, role_arn: str, service: str, action: str, region: str, params: Mapping[str, Any]
    ) -> None:
        """Make every check that IAM makes for a call; also for what AWS does on its own with a function's role.

        Raises:
            Refusal: denied, in the service's own words; the role does not exist; or the action or something in the
                role's policies is not modelled (`LocalAws.NotModelled`).
        """
        with self._lock:
            try:
                statements = self._statements(role_arn)
                scope = scope_of(self._account_id, region)
                checks = checks_of(scope, service, action, params)
            except UnknownAction as error:
                raise NOT_MODELLED.refusal(
                    what=f"{error}: nobody wrote down what IAM checks for it (localaws/iam/checks.py)"
                ) from error
            except UnsupportedPolicy as error:
                raise NOT_MODELLED.refusal(what=f"{role_arn}: {error}") from error
            for check in checks:
                decision = decide(statements, check)
                self._made.append(Authorization(role_arn, check, decision))
                if not decision.allowed:
                    raise _denied(service, role_arn, check, decision)

    def made(self, role_arn: str | None = None) -> tuple[Authorization, ...]:
        """Return the checks that were made, of one role or of all."""
        with self._lock:
            return tuple(each for each in self._made if role_arn in (None, each.role_arn))

    def unused_statements(self, role_arn: str) -> tuple[StatementRef, ...]:
        """Return the Allow statements that no check of the role needed: each check passes without them."""
        with self._lock:
            granted = [
                statement.ref for statement in self._statements(role_arn) if statement.allows
            ]
        needed = {
            each.decision.statements[0]
            for each in self.made(role_arn)
            if each.decision.allowed and len(each.decision.statements) == 1
        }
        return tuple(ref for ref in granted if ref not in needed)

    def unused_actions(self, role_arn: str) -> tuple[tuple[StatementRef, str], ...]:
        """Return the entries of Allow statements' Action elements that stand for no action that was checked."""
        with self._lock:
            statements = [each for each in self._statements(role_arn) if each.allows]
        used = {
            (statement.ref, pattern)
            for each in self.made(role_arn)
            for statement in statements
            if statement.ref in each.decision.statements
            for pattern in statement.action_patterns(each.check.action)
        }
        return tuple(
            (statement.ref, pattern)
            for statement in statements
            for pattern in statement.actions
            if (statement.ref, pattern) not in used
        )

    def _statements(self, role_arn: str) -> tuple[Statement, ...]:
        """Read the role's inline and attached policies as they are now.

        Raises:
            UnsupportedPolicy: a document has something that is not modelled; so has a permissions boundary.
        """
        backend: Any = iam_backends[self._account_id][role_arn.split(":")[1]]
        try:
            role = backend.get_role_by_arn(role_arn)
        except NotFoundException as error:
            raise INVALID_CLIENT_TOKEN.refusal() from error
        if role.permissions_boundary_arn:
            raise UnsupportedPolicy("a permissions boundary is not modelled")
        documents = [(name, _as_text(document)) for name, document in role.policies.items()]
        documents += [
            (policy.name, _as_text(version.document))
            for policy in role.managed_policies.values()
            for version in policy.versions
            if version.version_id == policy.default_version_id
        ]
        return tuple(
            statement for name, document in documents for statement in _read(name, document)
        )


@lru_cache(maxsize=256)
def _read(name: str, document: str) -> tuple[Statement, ...]:
    return tuple(statements_of({name: json.loads(document)}))


def _as_text(document: object) -> str:
    """Return a policy document as text, whichever way it came in (API or CloudFormation)."""
    return document if isinstance(document, str) else json.dumps(document)


def _denied(service: str, role_arn: str, check: Check, decision: Decision) -> Refusal:
    """Return the refusal with the reason that IAM gives: whom, what, on which resource, and why."""
    why = (
        "with an explicit deny in an identity-based policy"
        if decision.explicit
        else f"because no identity-based policy allows the {check.action} action"
    )
    reason = (
        f"User: {_session_arn(role_arn)} is not authorized to perform: {check.action}"
        f" on resource: {check.resource} {why}"
    )
    return denial(service).refusal(reason=reason)


def _session_arn(role_arn: str) -> str:
    """Return the ARN of a session of the role, which is who AWS says has called."""
    account, name = role_arn.split(":iam::", 1)[1].split(":role/", 1)
    partition = role_arn.split(":")[1]
    return f"arn:{partition}:sts::{account}:assumed-role/{name.rsplit('/', 1)[-1]}/session"
