"""What a stack is made of: resources, events, outputs and the change sets that wait for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.cloudformation.document import Json, Template
    from localaws.cloudformation.parameters import Parameter

STACK_TYPE = "AWS::CloudFormation::Stack"

LIVE_FAILURES = frozenset(
    {"CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"}
)


@dataclass(frozen=True)
class Revision:
    """What a stack is to become: a template, its parameters' values and the stack's tags."""

    template: Template
    parameters: Mapping[str, Parameter]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Deployed:
    """A resource as it exists.

    Attributes:
        properties: as they were last applied, functions evaluated and in the schema's types.
        attributes: what Fn::GetAtt reads.
        needs: the logical ids it must be deleted before.
        deletion_policy: what DeleteStack, or its removal from the template, does with it.
        replace_policy: what its replacement does with it.
        update_policy: its UpdatePolicy.
    """

    logical_id: str
    resource_type: str
    physical_id: str
    properties: Mapping[str, Json]
    attributes: Mapping[str, Json]
    needs: frozenset[str]
    deletion_policy: str = "Delete"
    replace_policy: str = "Delete"
    metadata: Json = None
    update_policy: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class StackEvent:
    """One line of a stack's history; `at_s` in seconds since the epoch."""

    event_id: str
    at_s: float
    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    reason: str | None
    properties: str | None = None


@dataclass(frozen=True)
class Output:
    """One output, with the name it is exported under, if it is."""

    key: str
    value: str
    description: str | None
    export: str | None


@dataclass(frozen=True)
class ResourceStatus:
    """What DescribeStackResources says about a resource."""

    status: str
    reason: str | None
    at_s: float


@dataclass(frozen=True)
class Change:
    """What a change set would do to one resource.

    Attributes:
        action: Add, Modify or Remove.
        replacement: True, False or Conditional, for Modify alone.
        properties: the top-level properties that differ.
    """

    action: str
    logical_id: str
    resource_type: str
    physical_id: str | None = None
    replacement: str | None = None
    properties: tuple[str, ...] = ()


@dataclass
class ChangeSet:
    """A planned update of a stack."""

    name: str
    change_set_id: str
    kind: str
    revision: Revision
    created_s: float
    description: str | None
    changes: list[Change]
    status: str = "CREATE_COMPLETE"
    status_reason: str | None = None
    execution_status: str = "AVAILABLE"
    on_failure: str = "ROLLBACK"


@dataclass
class Stack:
    """A stack and everything that is known about it."""

    name: str
    stack_id: str
    region: str
    created_s: float
    revision: Revision
    status: str = "REVIEW_IN_PROGRESS"
    status_reason: str | None = None
    updated_s: float | None = None
    deleted_s: float | None = None
    role_arn: str | None = None
    capabilities: list[str] = field(default_factory=list)
    notification_arns: list[str] = field(default_factory=list)
    termination_protection: bool = False
    on_failure: str = "ROLLBACK"
    resources: dict[str, Deployed] = field(default_factory=dict)
    statuses: dict[str, ResourceStatus] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    imported: set[str] = field(default_factory=set)
    events: list[StackEvent] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)

    @property
    def gone(self) -> bool:
        """Whether it was deleted: still found by its id, never by its name."""
        return self.status == "DELETE_COMPLETE"

    @property
    def busy(self) -> bool:
        """Whether an operation is under way."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"
