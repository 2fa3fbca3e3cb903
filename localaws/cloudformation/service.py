"""The account's CloudFormation: its stacks, what callers may ask of them, and the operations it carries out."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.iam import models as iam_models

from localaws.clock import VirtualClock
from localaws.cloudformation import document, parameters, plan
from localaws.cloudformation.api import StackApi
from localaws.cloudformation.intrinsics import Scope
from localaws.cloudformation.operation import Operation
from localaws.cloudformation.resources.table import HANDLERS
from localaws.cloudformation.stack import ChangeSet, Revision, Stack
from localaws.patching import Patch
from localaws.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from localaws.account import Account
    from localaws.cloudformation.document import Json, Template
    from localaws.cloudformation.intrinsics import Resources
    from localaws.cloudformation.stack import Change, Deployed

NO_STACK = Rule(
    code="ValidationError",
    message="Stack with id {name} does not exist",
    source="CloudFormation API Reference, DescribeStacks: 'If the stack does not exist, a ValidationError is returned'",
)
NO_RESOURCE = Rule(
    code="ValidationError",
    message="Resource {name} does not exist for stack {stack}",
    source="CloudFormation API Reference, DescribeStackResource: ValidationError for an unknown logical id",
)
STACK_EXISTS = Rule(
    code="AlreadyExistsException",
    message="Stack [{name}] already exists",
    source="CloudFormation API Reference, CreateStack: AlreadyExists",
)
WRONG_STATE = Rule(
    code="ValidationError",
    message="Stack:{stack_id} is in {status} state and can not be updated.",
    source="CloudFormation User Guide, Stack status codes: ROLLBACK_COMPLETE can only be deleted",
)
NO_CHANGE_SET = Rule(
    code="ChangeSetNotFound",
    message="ChangeSet [{name}] does not exist",
    source="CloudFormation API Reference, DescribeChangeSet: ChangeSetNotFound",
    status=404,
)
CHANGE_SET_EXISTS = Rule(
    code="AlreadyExistsException",
    message="ChangeSet {name} cannot be created due to a mismatch with existing attribute ChangeSetName",
    source="CloudFormation API Reference, CreateChangeSet: AlreadyExists",
)
NOT_EXECUTABLE = Rule(
    code="InvalidChangeSetStatus",
    message="ChangeSet [{name}] cannot be executed in its current status of [{status}]",
    source="CloudFormation API Reference, ExecuteChangeSet: InvalidChangeSetStatus",
)
NEEDS_CAPABILITIES = Rule(
    code="InsufficientCapabilitiesException",
    message="Requires capabilities : [{capability}]",
    source="CloudFormation API Reference, CreateStack, Capabilities: IAM resources need an acknowledgement",
)
NO_UPDATES = Rule(
    code="ValidationError",
    message="No updates are to be performed.",
    source="AWS re:Post Knowledge Center, 'No updates are to be performed'",
)
PROTECTED = Rule(
    code="ValidationError",
    message="Stack [{name}] cannot be deleted while TerminationProtection is enabled",
    source="CloudFormation User Guide, Protect CloudFormation stacks from being deleted",
)
NO_EXPORT = Rule(
    code="ValidationError",
    message="No export named {name} found.",
    source="CloudFormation User Guide, Fn::ImportValue",
)
NO_TEMPLATE = Rule(
    code="ValidationError",
    message="S3 error: {reason}\nFor more information check "
    "http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",
    source="seen in https://github.com/aws-quickstart/quickstart-git2s3/issues/78",
)

EMPTY_CHANGE_SET = "The submitted information didn't contain changes. Submit different information to create a change set."
"""The status reason of a change set without changes; the CDK's CLI looks for these words."""

NAMED_IAM = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::Policy": None,
}
"""The IAM types of this account, and the property that names one and so needs CAPABILITY_NAMED_IAM."""


class CloudFormation:
    """Every stack of the account, in every Region."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._stacks: dict[str, Stack] = {}
        self._workers: list[threading.Thread] = []

    def patches(self) -> Iterator[Patch]:
        """Yield what puts this in the place of moto's CloudFormation, whole: moto's own skips what it does not know."""

        def make(_original: object) -> Callable[..., Json]:
            def dispatch(
                _self: CloudFormationResponse,
                request: Json,
                full_url: str | None = None,
                headers: Json = None,
            ) -> Json:
                return StackApi(self)._dispatch(request, full_url, headers)  # moto's own entry

            return dispatch

        yield Patch(CloudFormationResponse, "_dispatch", make)
        # Templates attach AWS's managed policies by ARN; moto leaves them out unless it is told otherwise.
        yield Patch(iam_models, "load_iam_aws_managed_policies", lambda _: lambda: True)

    def stacks(self, region: str) -> list[Stack]:
        """Return a Region's stacks, deleted ones included, newest first."""
        return [one for one in reversed(self._stacks.values()) if one.region == region]

    def find(self, name_or_id: str, region: str) -> Stack:
        """Return a stack by its name, or by its id even after its deletion.

        Raises:
            Refusal: there is none.
        """
        stack = self._lookup(name_or_id, region)
        if stack is None:
            raise NO_STACK.refusal(name=name_or_id)
        return stack

    def resource(self, stack: Stack, logical_id: str) -> Deployed:
        """Return a stack's resource.

        Raises:
            Refusal: the stack has none of that name.
        """
        if logical_id not in stack.resources:
            raise NO_RESOURCE.refusal(name=logical_id, stack=stack.name)
        return stack.resources[logical_id]

    def _lookup(self, name_or_id: str, region: str) -> Stack | None:
        for stack in self.stacks(region):
            if name_or_id == stack.stack_id or (name_or_id == stack.name and not stack.gone):
                return stack
        return None

    def change_set(
        self, name_or_id: str, stack_name: str | None, region: str
    ) -> tuple[Stack, ChangeSet]:
        """Return a change set and its stack.

        Raises:
            Refusal: there is no such change set.
        """
        for stack in self.stacks(region):
            if stack_name and stack_name not in {stack.name, stack.stack_id}:
                continue
            for one in stack.change_sets.values():
                if name_or_id in {one.name, one.change_set_id}:
                    return stack, one
        raise NO_CHANGE_SET.refusal(name=name_or_id)

    def create_change_set(
        self, name: str, stack_name: str, kind: str, asked: Mapping[str, Json], region: str
    ) -> tuple[Stack, ChangeSet]:
        """Plan a creation or an update.

        Args:
            name: the change set's.
            stack_name: its stack's name or id.
            kind: CREATE or UPDATE.
            asked: the call's other parameters.
            region: the Region.

        Raises:
            Refusal: the template, its parameters or the stack's state do not allow it.
        """
        stack = self._for_change_set(stack_name, kind, region)
        if name in stack.change_sets:
            raise CHANGE_SET_EXISTS.refusal(name=name)
        revision = self._revision(asked, stack)
        changes, same = self._changes(stack, revision)
        arn = f"arn:aws:cloudformation:{region}:{ACCOUNT_ID}:changeSet/{name}/{uuid.uuid4()}"
        change_set = ChangeSet(
            name,
            arn,
            kind,
            revision,
            self._account.clock.now(),
            asked.get("Description"),
            changes,
            on_failure=asked.get("OnStackFailure") or "ROLLBACK",
        )
        if same:
            change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
            change_set.status_reason = EMPTY_CHANGE_SET
        stack.change_sets[name] = change_set
        _remember(stack, asked)
        if stack.stack_id not in self._stacks:
            self._stacks[stack.stack_id] = stack
            self._operation(stack).say("REVIEW_IN_PROGRESS", "User Initiated")
        return stack, change_set

    def execute(self, stack: Stack, change_set: ChangeSet, *, disable_rollback: bool) -> None:
        """Carry out a change set, and forget the stack's other ones: they were planned against what it was.

        Raises:
            Refusal: the change set or the stack is not in a state for it.
        """
        if change_set.execution_status != "AVAILABLE" or stack.busy:
            raise NOT_EXECUTABLE.refusal(name=change_set.change_set_id, status=change_set.status)
        stack.change_sets.clear()
        stack.on_failure = "DO_NOTHING" if disable_rollback else change_set.on_failure
        self._deploy(stack, change_set.revision)

    def create(self, name: str, asked: Mapping[str, Json], region: str) -> Stack:
        """Create a stack without a change set.

        Raises:
            Refusal: it exists, or the template does not allow it.
        """
        if any(one.name == name and not one.gone for one in self.stacks(region)):
            raise STACK_EXISTS.refusal(name=name)
        stack = self._new_stack(name, region)
        revision = self._revision(asked, stack)
        self._changes(stack, revision)
        _remember(stack, asked)
        self._stacks[stack.stack_id] = stack
        stack.on_failure = asked.get("OnFailure") or (
            "DO_NOTHING" if asked.get("DisableRollback") else "ROLLBACK"
        )
        self._deploy(stack, revision)
        return stack

    def update(self, name: str, asked: Mapping[str, Json], region: str) -> Stack:
        """Update a stack without a change set.

        Raises:
            Refusal: there is no such stack, it is not in a state for it, or nothing would change.
        """
        stack = self.find(name, region)
        _require_updatable(stack)
        revision = self._revision(asked, stack)
        _, same = self._changes(stack, revision)
        if same:
            raise NO_UPDATES.refusal()
        _remember(stack, asked)
        stack.on_failure = "DO_NOTHING" if asked.get("DisableRollback") else "ROLLBACK"
        self._deploy(stack, revision)
        return stack

    def delete(self, name: str, retained: Sequence[str], region: str) -> None:
        """Delete a stack; that there is none is no error.

        Raises:
            Refusal: it is protected.
        """
        stack = self._lookup(name, region)
        if stack is None or stack.gone:
            return
        if stack.termination_protection:
            raise PROTECTED.refusal(name=stack.name)
        operation = self._operation(stack)
        operation.say("DELETE_IN_PROGRESS", "User Initiated")
        stack.change_sets.clear()
        self._start(lambda: operation.delete(retained))

    def join(self) -> None:
        """Return when no operation is under way."""
        for worker in self._workers:
            worker.join()

    def template(self, asked: Mapping[str, Json], stack: Stack | None, region: str) -> Template:
        """Return the template that a call brings along, points to in S3, or means by UsePreviousTemplate.

        Raises:
            Refusal: it cannot be read.
        """
        if asked.get("UsePreviousTemplate") and stack is not None:
            return stack.revision.template
        if asked.get("TemplateURL"):
            return document.parse(self._from_s3(asked["TemplateURL"], region))
        return document.parse(asked.get("TemplateBody") or "")

    def _from_s3(self, url: str, region: str) -> str:
        bucket, key = bucket_and_key(url)
        try:
            answer = self._account.client("s3", region).get_object(Bucket=bucket, Key=key)
        except ClientError as refused:
            raise NO_TEMPLATE.refusal(reason=refused.response["Error"]["Message"]) from refused
        text: str = answer["Body"].read().decode()
        return text

    def _for_change_set(self, name: str, kind: str, region: str) -> Stack:
        if kind == "UPDATE":
            stack = self.find(name, region)
            _require_updatable(stack)
            return stack
        for one in self.stacks(region):
            if name in {one.name, one.stack_id} and not one.gone:
                if one.status != "REVIEW_IN_PROGRESS":
                    raise STACK_EXISTS.refusal(name=name)
                return one
        return self._new_stack(name, region)

    def _new_stack(self, name: str, region: str) -> Stack:
        arn = f"arn:aws:cloudformation:{region}:{ACCOUNT_ID}:stack/{name}/{uuid.uuid4()}"
        nothing = Revision(document.NOTHING, {}, {})
        return Stack(name, arn, region, self._account.clock.now(), nothing)

    def _revision(self, asked: Mapping[str, Json], stack: Stack) -> Revision:
        template = self.template(asked, stack, stack.region)
        document.check(template, HANDLERS)
        _require_capabilities(template, asked.get("Capabilities") or ())
        tags = {tag["Key"]: tag["Value"] for tag in asked.get("Tags") or ()}
        values = parameters.decide(
            template.section("Parameters"),
            asked.get("Parameters") or (),
            stack.revision.parameters,
            lambda name: self._stored(name, stack.region),
        )
        keeps_tags = stack.status != "REVIEW_IN_PROGRESS" and "Tags" not in asked
        return Revision(template, values, stack.revision.tags if keeps_tags else tags)

    def _stored(self, name: str, region: str) -> str | None:
        found = self._account.client("ssm", region).get_parameters(Names=[name])["Parameters"]
        return str(found[0]["Value"]) if found else None

    def _changes(self, stack: Stack, revision: Revision) -> tuple[list[Change], bool]:
        """Return the changes, and whether the revision is what the stack is already."""
        foreseen = plan.Foreseen(stack.resources)
        scope = self._scope(stack, revision, foreseen)
        changes = plan.changes(
            plan.wanted(revision, scope),
            stack.resources,
            scope,
            foreseen,
            tags=revision.tags,
            replaced_by={name: handler.replaced_by for name, handler in HANDLERS.items()},
        )
        now = stack.revision
        same = not changes and (
            now.template.section("Outputs") == revision.template.section("Outputs")
            and now.tags == revision.tags
        )
        return changes, same

    def _scope(self, stack: Stack, revision: Revision, resources: Resources) -> Scope:
        stack.imported.clear()

        def imported(name: str) -> str:
            for other in self.stacks(stack.region):
                for output in () if other.gone else other.outputs:
                    if output.export == name:
                        stack.imported.add(name)
                        return output.value
            raise NO_EXPORT.refusal(name=name)

        pseudo = {
            "AWS::AccountId": ACCOUNT_ID,
            "AWS::NotificationARNs": stack.notification_arns,
            "AWS::Partition": "aws",
            "AWS::Region": stack.region,
            "AWS::StackId": stack.stack_id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        given = {name: parameter.value for name, parameter in revision.parameters.items()}
        return Scope(
            {**pseudo, **given},
            revision.template.section("Mappings"),
            revision.template.section("Conditions"),
            resources,
            imported,
            self._zones,
        )

    def _zones(self, region: str) -> list[str]:
        zones = self._account.client("ec2", region).describe_availability_zones()
        return [zone["ZoneName"] for zone in zones["AvailabilityZones"]]

    def _deploy(self, stack: Stack, revision: Revision) -> None:
        operation = self._operation(stack)
        creating = stack.status == "REVIEW_IN_PROGRESS"
        if not creating:
            stack.updated_s = self._account.clock.now()
        operation.say("CREATE_IN_PROGRESS" if creating else "UPDATE_IN_PROGRESS", "User Initiated")
        self._start(lambda: operation.deploy(revision))

    def _operation(self, stack: Stack) -> Operation:
        def others() -> list[Stack]:
            return [one for one in self.stacks(stack.region) if one is not stack and not one.gone]

        return Operation(self._account, stack, HANDLERS, self._scope, others)

    def _start(self, work: Callable[[], None]) -> None:
        # AWS answers at once and works on. Virtual time has one thread: whoever asks also does the work.
        if isinstance(self._account.clock, VirtualClock):
            work()
            return
        worker = threading.Thread(target=work, name="localaws-cloudformation", daemon=True)
        self._workers = [one for one in self._workers if one.is_alive()] + [worker]
        worker.start()


def _remember(stack: Stack, asked: Mapping[str, Json]) -> None:
    """Keep what a call says about the stack itself; what it does not say stays."""
    stack.role_arn = asked.get("RoleARN") or stack.role_arn
    stack.capabilities = asked.get("Capabilities") or stack.capabilities
    stack.notification_arns = asked.get("NotificationARNs") or stack.notification_arns
    if "EnableTerminationProtection" in asked:
        stack.termination_protection = bool(asked["EnableTerminationProtection"])


def bucket_and_key(url: str) -> tuple[str, str]:
    """Return the bucket and key of a template's URL, in virtual-host or path style.

    Source: Amazon S3 User Guide, Virtual hosting of general purpose buckets. The CDK's CLI writes the bucket in front
    of the endpoint's host (bucket.localhost:port).
    """
    host, _, path = url.split("://", 1)[1].split("?", maxsplit=1)[0].partition("/")
    name, _, rest = host.partition(".")
    if host.startswith(("s3.", "s3-", "localhost", "127.")) or not rest:
        bucket, _, key = path.partition("/")
        return bucket, key
    return name if not rest.partition(".s3")[1] else host.split(".s3")[0], path


def _require_updatable(stack: Stack) -> None:
    updatable = stack.status.endswith("_COMPLETE") and stack.status != "ROLLBACK_COMPLETE"
    if not updatable or stack.gone:
        raise WRONG_STATE.refusal(stack_id=stack.stack_id, status=stack.status)


def _require_capabilities(template: Template, given: Sequence[str]) -> None:
    for body in template.resources.values():
        if body["Type"] not in NAMED_IAM:
            continue
        name = NAMED_IAM[body["Type"]]
        named = name is not None and name in (body.get("Properties") or {})
        enough = {"CAPABILITY_NAMED_IAM"} if named else {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}
        if not enough & set(given):
            capability = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
            raise NEEDS_CAPABILITIES.refusal(capability=capability)
