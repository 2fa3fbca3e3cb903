"""Carry out one operation on a stack: create, update, roll back or delete, resource by resource."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from moto.core.exceptions import ServiceException

from localaws.cloudformation import plan, schemas
from localaws.cloudformation.document import family, order
from localaws.cloudformation.resources.handler import Made, Request
from localaws.cloudformation.stack import (
    STACK_TYPE,
    Deployed,
    Output,
    ResourceStatus,
    Stack,
    StackEvent,
)
from localaws.rules import Refusal, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from localaws.account import Account
    from localaws.cloudformation.document import Json
    from localaws.cloudformation.intrinsics import Scope
    from localaws.cloudformation.plan import Wanted
    from localaws.cloudformation.resources.handler import Handler
    from localaws.cloudformation.stack import Revision

EXPORT_IN_USE = Rule(
    code="ValidationError",
    message="Export {name} cannot be deleted as it is in use by {stacks}",
    source="CloudFormation User Guide, Get exported outputs from a deployed CloudFormation stack: you cannot delete a stack whose outputs another imports",
)
EXPORT_TAKEN = Rule(
    code="ValidationError",
    message="Export with name {name} is already exported by stack {stack}",
    source="CloudFormation User Guide, Outputs: export names are unique within a Region",
)
TYPE_CHANGED = Rule(
    code="ValidationError",
    message="Update of resource type is not permitted. The new template modifies resource type of the following resources: [{name}]",
    source="AWS re:Post Knowledge Center, 'Update of resource type is not permitted'",
)
NOT_DEPLOYED = Rule(
    code="ValidationError",
    message="Unresolved dependency [{name}]: the resource does not exist",
    source="CloudFormation User Guide, Conditions: a resource whose condition is false cannot be referred to",
)
NO_ATTRIBUTE = Rule(
    code="ValidationError",
    message="Attribute {attribute} of resource {name} is not known to this account",
    source="a limit of this account, not of AWS",
)
CLEANUP_TRIES = 3
"""How often what an update leaves behind is deleted before it is left alone."""
HANDLER_FAILED = 'Resource handler returned message: "{message}" (HandlerErrorCode: {code})'
"""How a failing API call reads in an event (CloudFormation CLI User Guide, Handler error codes)."""


class Failed(Exception):
    """A resource could not be made as it should be."""

    def __init__(self, logical_id: str, verb: str, reason: str) -> None:
        super().__init__(reason)
        self.logical_id = logical_id
        self.verb = verb
        self.reason = reason


@dataclass(frozen=True)
class Undo:
    """What brings one resource back to what it was, and what it was: None when it did not exist."""

    logical_id: str
    before: Deployed | None
    after: Deployed
    updated: bool = False
    """Whether the resource's own update brought it about, which a second one takes back."""


class Existing:
    """The resources of a stack as the template's functions see them."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def ref(self, logical_id: str) -> Json:
        """Return what Ref gives."""
        return self._resource(logical_id).physical_id

    def attribute(self, logical_id: str, name: str) -> Json:
        """Return what Fn::GetAtt gives."""
        attributes = self._resource(logical_id).attributes
        if name not in attributes:
            raise NO_ATTRIBUTE.refusal(name=logical_id, attribute=name)
        return attributes[name]

    def _resource(self, logical_id: str) -> Deployed:
        if logical_id not in self._stack.resources:
            raise NOT_DEPLOYED.refusal(name=logical_id)
        return self._stack.resources[logical_id]


class Operation:
    """One operation on one stack, run to its end by `deploy` or `delete`.

    The account's lock is held by each API call, never across a wait.
    """

    def __init__(
        self,
        account: Account,
        stack: Stack,
        handlers: Mapping[str, Handler],
        scope: Callable[[Stack, Revision, Existing], Scope],
        others: Callable[[], Collection[Stack]],
    ) -> None:
        self._account = account
        self._stack = stack
        self._handlers = handlers
        self._scope = scope
        self._others = others
        self._undo: list[Undo] = []
        self._replaced: list[Deployed] = []

    def say(self, status: str, reason: str | None = None) -> None:
        """Set the stack's status and write it into its history."""
        stack = self._stack
        stack.status, stack.status_reason = status, reason
        self._event(stack.name, stack.stack_id, STACK_TYPE, status, reason=reason)

    def deploy(self, revision: Revision) -> None:
        """Make the stack what the revision says, or leave it as it was and say why."""
        stack = self._stack
        before = stack.revision
        creating = stack.status == "CREATE_IN_PROGRESS"
        verb = "CREATE" if creating else "UPDATE"
        stack.revision = revision
        try:
            removed = self._apply(revision)
        except Failed as failure:
            self._fail(failure, before, creating=creating)
            return
        except ServiceException as refused:
            self._fail(Failed("", verb, _reason(refused)), before, creating=creating)
            return
        if not creating:
            self.say("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
            self._clean_up(removed)
        self.say(f"{verb}_COMPLETE")

    def delete(self, retained: Collection[str] = ()) -> None:
        """Delete every resource that is not to be kept, last made first.

        Args:
            retained: logical ids to leave alone, after an earlier DELETE_FAILED.
        """
        stack = self._stack
        in_use = self._exports_in_use({output.export for output in stack.outputs if output.export})
        if in_use:
            self.say("DELETE_FAILED", in_use)
            return
        failed = self._delete_all(list(stack.resources.values()), retained)
        if failed:
            self.say(
                "DELETE_FAILED",
                f"The following resource(s) failed to delete: [{', '.join(failed)}]. ",
            )
            return
        stack.outputs = []
        stack.deleted_s = self._account.clock.now()
        self.say("DELETE_COMPLETE")

    def _apply(self, revision: Revision) -> list[Deployed]:
        stack = self._stack
        scope = self._scope(stack, revision, Existing(stack))
        resources = plan.wanted(revision, scope)
        for resource in resources.values():
            self._apply_one(resource, scope, revision)
        removed = [
            deployed
            for logical_id, deployed in stack.resources.items()
            if logical_id not in resources
        ]
        outputs = self._outputs(revision, scope)
        gone = {one.export for one in stack.outputs if one.export} - {one.export for one in outputs}
        in_use = self._exports_in_use({name for name in gone if name})
        if in_use:
            raise Failed("", "UPDATE", in_use)
        stack.outputs = outputs
        return removed

    def _apply_one(self, resource: Wanted, scope: Scope, revision: Revision) -> None:
        present = self._stack.resources.get(resource.logical_id)
        verb = "CREATE" if present is None else "UPDATE"
        if present and present.resource_type != resource.resource_type:
            raise Failed(
                resource.logical_id,
                verb,
                TYPE_CHANGED.refusal(name=resource.logical_id).message,
            )
        try:
            schema = schemas.schema(family(resource.resource_type))
            properties = schema.conform(
                resource.logical_id,
                schema.with_tags(scope.value(resource.properties), revision.tags),
            )
        except ServiceException as refused:
            reason = _reason(refused)
            physical_id = present.physical_id if present else ""
            self._event(
                resource.logical_id,
                physical_id,
                resource.resource_type,
                f"{verb}_FAILED",
                reason=reason,
            )
            raise Failed(resource.logical_id, verb, reason) from refused
        if present is None:
            self._create(resource, properties, None)
            return
        differing = plan.differences(properties, present.properties)
        handler = self._handler(resource.resource_type)
        if differing & (schema.create_only | handler.replaced_by):
            self._event(
                resource.logical_id,
                present.physical_id,
                resource.resource_type,
                "UPDATE_IN_PROGRESS",
                reason="Requested update requires the creation of a new physical resource; hence creating one.",
            )
            self._create(resource, properties, present)
        elif differing:
            self._update(resource, properties, present)
        else:
            self._keep(_deployed(resource, properties, _made(present)), present)

    def _create(
        self, resource: Wanted, properties: Mapping[str, Json], replaced: Deployed | None
    ) -> None:
        verb = "CREATE" if replaced is None else "UPDATE"
        request = self._request(resource.logical_id, resource.resource_type, properties)
        request.replaces = replaced.properties if replaced else None
        self._event(
            resource.logical_id,
            "",
            resource.resource_type,
            f"{verb}_IN_PROGRESS",
            properties=properties,
        )
        handler = self._handler(resource.resource_type)
        try:
            made = self._attempt(request, handler.create, verb)
        except Failed:
            if request.physical_id:
                self._delete_one(
                    _deployed(resource, properties, Made(request.physical_id)), force=True
                )
            raise
        deployed = _deployed(resource, properties, made)
        if replaced is not None:
            self._replaced.append(replaced)
        self._keep(deployed, replaced)
        self._event(
            resource.logical_id, made.physical_id, resource.resource_type, f"{verb}_COMPLETE"
        )

    def _update(self, resource: Wanted, properties: Mapping[str, Json], present: Deployed) -> None:
        intended = _deployed(resource, properties, _made(present))
        # Noted before the attempt: a half-done update must be undone too.
        self._undo.append(Undo(resource.logical_id, present, intended, updated=True))
        made = self._change(intended, present)
        deployed = _deployed(resource, properties, made)
        if made.physical_id != present.physical_id:
            # A custom resource whose function answers with another id has replaced it, and the old one goes last
            # (CloudFormation User Guide, "Replacing a custom resource during an update").
            self._undo[-1] = replace(self._undo[-1], after=deployed)
            self._replaced.append(present)
        self._stack.resources[resource.logical_id] = deployed

    def _change(self, wanted: Deployed, present: Deployed) -> Made:
        """Update a resource in place, with its events."""
        names = (wanted.logical_id, present.physical_id, wanted.resource_type)
        self._event(*names, "UPDATE_IN_PROGRESS", properties=wanted.properties)
        request = self._request(wanted.logical_id, wanted.resource_type, wanted.properties, present)
        request.update_policy = wanted.update_policy
        made = self._attempt(request, self._handler(wanted.resource_type).update, "UPDATE")
        self._event(*names, "UPDATE_COMPLETE")
        return made

    def _keep(self, deployed: Deployed, before: Deployed | None) -> None:
        if before is None or before.physical_id != deployed.physical_id:
            self._undo.append(Undo(deployed.logical_id, before, deployed))
        self._stack.resources[deployed.logical_id] = deployed

    def _attempt(self, request: Request, step: Callable[[Request], Made], verb: str) -> Made:
        try:
            made = step(request)
        except (
            Exception
        ) as error:  # whatever a type's code meets is that resource's failure, as in AWS
            reason = _reason(error)
            self._event(
                request.logical_id,
                request.physical_id,
                request.resource_type,
                f"{verb}_FAILED",
                reason=reason,
            )
            raise Failed(request.logical_id, verb, reason) from error
        attributes = {**_readable(request.properties), **made.attributes}
        return replace(made, attributes=attributes)

    def _outputs(self, revision: Revision, scope: Scope) -> list[Output]:
        outputs = []
        for key, body in revision.template.section("Outputs").items():
            if "Condition" in body and not scope.holds(body["Condition"]):
                continue
            export = scope.value((body.get("Export") or {}).get("Name"))
            value = scope.value(body["Value"])
            text = value if isinstance(value, str) else json.dumps(value)
            outputs.append(Output(key, text, body.get("Description"), export))
            self._check_export(export)
        return outputs

    def _check_export(self, export: str | None) -> None:
        for other in self._others():
            if export and any(output.export == export for output in other.outputs):
                raise EXPORT_TAKEN.refusal(name=export, stack=other.name)

    def _exports_in_use(self, exports: set[str]) -> str | None:
        for name in sorted(exports):
            users = [other.name for other in self._others() if name in imports(other)]
            if users:
                return EXPORT_IN_USE.refusal(name=name, stacks=", ".join(users)).message
        return None

    def _fail(self, failure: Failed, before: Revision, *, creating: bool) -> None:
        stack = self._stack
        did = "create" if failure.verb == "CREATE" else "update"
        reason = (
            f"The following resource(s) failed to {did}: [{failure.logical_id}]. "
            if failure.logical_id
            else failure.reason
        )
        if stack.on_failure == "DO_NOTHING":
            self.say("CREATE_FAILED" if creating else "UPDATE_FAILED", reason)
            return
        if creating:
            self._roll_back_creation(reason)
        else:
            self._roll_back_update(reason, before)

    def _roll_back_creation(self, reason: str) -> None:
        stack = self._stack
        deleting = stack.on_failure == "DELETE"
        self.say("DELETE_IN_PROGRESS" if deleting else "ROLLBACK_IN_PROGRESS", reason)
        failed = self._delete_all(list(stack.resources.values()), (), rolling_back=True)
        name = "DELETE" if deleting else "ROLLBACK"
        if failed:
            self.say(
                f"{name}_FAILED",
                f"The following resource(s) failed to delete: [{', '.join(failed)}]. ",
            )
            return
        if deleting:
            stack.deleted_s = self._account.clock.now()
        self.say(f"{name}_COMPLETE")

    def _roll_back_update(self, reason: str, before: Revision) -> None:
        stack = self._stack
        self.say("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        stack.revision = before
        superfluous: list[Deployed] = []
        for undo in reversed(self._undo):
            try:
                superfluous += self._undo_one(undo)
            except Failed as failed:
                self.say(
                    "UPDATE_ROLLBACK_FAILED",
                    f"The following resource(s) failed to update: [{failed.logical_id}]. ",
                )
                return
        self.say("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self._delete_all(superfluous, (), rolling_back=True)
        self.say("UPDATE_ROLLBACK_COMPLETE")

    def _undo_one(self, undo: Undo) -> list[Deployed]:
        """Bring one resource back; return what is left over and must go."""
        resources = self._stack.resources
        if undo.before is None:
            resources.pop(undo.logical_id, None)
            return [undo.after]
        resources[undo.logical_id] = undo.before
        if undo.before.physical_id != undo.after.physical_id and not undo.updated:
            return [undo.after]
        # Of a custom resource too: the update is sent again the other way round, and what it leaves behind is deleted
        # (github.com/aws/aws-cdk/pull/29581).
        made = self._change(undo.before, undo.after)
        resources[undo.logical_id] = replace(
            undo.before, physical_id=made.physical_id, attributes=made.attributes
        )
        return [undo.after] if made.physical_id != undo.after.physical_id else []

    def _clean_up(self, removed: list[Deployed]) -> None:
        """Delete what the update left behind; a failure is told but does not undo the update.

        Source: CloudFormation User Guide, Understand update behaviors: UPDATE_COMPLETE_CLEANUP_IN_PROGRESS; AWS re:Post Knowledge
        Center, "Why is my CloudFormation stack stuck in … CLEANUP_IN_PROGRESS": three tries, then it is skipped.
        """
        old = [replace(one, deletion_policy=one.replace_policy) for one in self._replaced]
        for one in removed:
            self._stack.resources.pop(one.logical_id)
        left = [*old, *removed]
        for _ in range(CLEANUP_TRIES):
            failed = self._delete_all(left, ())
            left = [one for one in left if one.logical_id in failed]

    def _delete_all(
        self,
        resources: list[Deployed],
        retained: Collection[str],
        *,
        rolling_back: bool = False,
    ) -> list[str]:
        """Delete resources, those that need others before them; return the logical ids that would not go."""
        by_id = {one.logical_id: one for one in resources}
        sequence = order({one.logical_id: one.needs & by_id.keys() for one in resources})
        failed: list[str] = []
        for logical_id in reversed(sequence):
            one = by_id[logical_id]
            kept = _kept(one, rolling_back=rolling_back) or logical_id in retained
            if any(logical_id in by_id[user].needs for user in failed):
                failed.append(logical_id)
                continue
            if kept:
                self._event(logical_id, one.physical_id, one.resource_type, "DELETE_SKIPPED")
            elif not self._delete_one(one):
                failed.append(logical_id)
                continue
            if self._stack.resources.get(logical_id) is one:
                del self._stack.resources[logical_id]
        return failed

    def _delete_one(self, one: Deployed, *, force: bool = False) -> bool:
        """Delete one resource, with its events; return whether it is gone."""
        names = (one.logical_id, one.physical_id, one.resource_type)
        if not force:
            self._event(*names, "DELETE_IN_PROGRESS")
        request = self._request(one.logical_id, one.resource_type, one.properties, one)
        try:
            self._handler(one.resource_type).delete(request)
        except Exception as error:  # noqa: BLE001  # whatever a type's code meets is that resource's failure, as in AWS
            self._event(*names, "DELETE_FAILED", reason=_reason(error))
            return False
        if not force:
            self._event(*names, "DELETE_COMPLETE")
        return True

    def _handler(self, resource_type: str) -> Handler:
        return self._handlers[family(resource_type)]

    def _request(
        self,
        logical_id: str,
        resource_type: str,
        properties: Mapping[str, Json],
        present: Deployed | None = None,
    ) -> Request:
        stack = self._stack
        return Request(
            account=self._account,
            region=stack.region,
            stack_name=stack.name,
            stack_id=stack.stack_id,
            logical_id=logical_id,
            resource_type=resource_type,
            properties=properties,
            previous=present.properties if present else {},
            physical_id=present.physical_id if present else "",
            attributes=present.attributes if present else {},
        )

    def _event(
        self,
        logical_id: str,
        physical_id: str,
        resource_type: str,
        status: str,
        *,
        reason: str | None = None,
        properties: Mapping[str, Json] | None = None,
    ) -> None:
        # Readers order events by their time, which has milliseconds; no two of a stack's may share one.
        earliest_s = self._stack.events[-1].at_s + 0.001 if self._stack.events else 0.0
        now_s = max(self._account.clock.now(), earliest_s)
        text = json.dumps(properties) if properties is not None else None
        event = StackEvent(
            str(uuid.uuid4()), now_s, logical_id, physical_id, resource_type, status, reason, text
        )
        self._stack.events.append(event)
        if resource_type != STACK_TYPE or logical_id != self._stack.name:
            self._stack.statuses[logical_id] = ResourceStatus(status, reason, now_s)


def imports(stack: Stack) -> set[str]:
    """Return the names of the exports that a stack uses."""
    return set(stack.imported) if not stack.gone else set()


def _kept(one: Deployed, *, rolling_back: bool) -> bool:
    # A resource of a creation that is rolled back goes in spite of this policy, which is why it exists
    # (CloudFormation User Guide, DeletionPolicy attribute).
    if one.deletion_policy == "RetainExceptOnCreate":
        return not rolling_back
    return one.deletion_policy == "Retain"


def _made(present: Deployed) -> Made:
    return Made(present.physical_id, present.attributes)


def _deployed(resource: Wanted, properties: Mapping[str, Json], made: Made) -> Deployed:
    return Deployed(
        logical_id=resource.logical_id,
        resource_type=resource.resource_type,
        physical_id=made.physical_id,
        properties=properties,
        attributes=made.attributes,
        needs=resource.needs,
        deletion_policy=resource.body.get("DeletionPolicy", "Delete"),
        replace_policy=resource.body.get("UpdateReplacePolicy", "Delete"),
        metadata=resource.body.get("Metadata"),
        update_policy=resource.body.get("UpdatePolicy") or {},
    )


def _readable(properties: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in properties.items() if isinstance(value, (str, int))}


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        detail = error.response["Error"]
        return HANDLER_FAILED.format(message=detail["Message"], code=detail["Code"])
    if isinstance(error, Refusal):
        return str(error.message)
    if isinstance(error, ServiceException):
        return HANDLER_FAILED.format(message=error.message, code=error.code)
    if isinstance(error, BotoCoreError):
        return HANDLER_FAILED.format(message=str(error).strip(), code="InvalidRequest")
    return HANDLER_FAILED.format(message=f"{type(error).__name__}: {error}", code="InternalFailure")
