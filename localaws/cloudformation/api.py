"""CloudFormation's API: read the call, ask the service, answer in the shapes of the botocore model."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING

from moto.core.responses import ActionResult, BaseResponse, EmptyResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.cloudformation.document import Json
    from localaws.cloudformation.parameters import Parameter
    from localaws.cloudformation.service import CloudFormation
    from localaws.cloudformation.stack import Change, ChangeSet, Deployed, Stack, StackEvent

HIDDEN = "****"
"""What a NoEcho parameter reads as (CloudFormation User Guide, Parameters, NoEcho)."""


class StackApi(BaseResponse):
    """The actions that this account has; any other is not implemented, and says so."""

    def __init__(self, service: CloudFormation) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True
        self._service = service

    def create_change_set(self) -> ActionResult:
        """Plan a creation or an update."""
        stack, change_set = self._service.create_change_set(
            self._get_param("ChangeSetName"),
            self._get_param("StackName"),
            self._get_param("ChangeSetType", "UPDATE"),
            self._asked(),
            self.region,
        )
        return ActionResult({"Id": change_set.change_set_id, "StackId": stack.stack_id})

    def describe_change_set(self) -> ActionResult:
        """Tell what a change set would do."""
        stack, change_set = self._service.change_set(
            self._get_param("ChangeSetName"), self._get_param("StackName"), self.region
        )
        return ActionResult(_change_set(stack, change_set))

    def list_change_sets(self) -> ActionResult:
        """List a stack's change sets."""
        stack = self._stack()
        return ActionResult(
            {"Summaries": [_change_set(stack, one) for one in stack.change_sets.values()]}
        )

    def delete_change_set(self) -> ActionResult:
        """Forget a change set; that there is none is no error (API Reference, DeleteChangeSet)."""
        name = self._get_param("ChangeSetName")
        for stack in self._service.stacks(self.region):
            for one in list(stack.change_sets.values()):
                if name in {one.name, one.change_set_id}:
                    del stack.change_sets[one.name]
        return EmptyResult()

    def execute_change_set(self) -> ActionResult:
        """Carry out a change set."""
        stack, change_set = self._service.change_set(
            self._get_param("ChangeSetName"), self._get_param("StackName"), self.region
        )
        self._service.execute(
            stack,
            change_set,
            disable_rollback=bool(self._get_param("DisableRollback", if_none=False)),
        )
        return EmptyResult()

    def create_stack(self) -> ActionResult:
        """Create a stack."""
        stack = self._service.create(self._get_param("StackName"), self._asked(), self.region)
        return ActionResult({"StackId": stack.stack_id})

    def update_stack(self) -> ActionResult:
        """Update a stack."""
        stack = self._service.update(self._get_param("StackName"), self._asked(), self.region)
        return ActionResult({"StackId": stack.stack_id})

    def delete_stack(self) -> ActionResult:
        """Delete a stack."""
        self._service.delete(
            self._get_param("StackName"), self._get_param("RetainResources", []), self.region
        )
        return EmptyResult()

    def update_termination_protection(self) -> ActionResult:
        """Protect a stack from deletion, or stop protecting it."""
        stack = self._stack()
        stack.termination_protection = bool(self._get_param("EnableTerminationProtection"))
        return ActionResult({"StackId": stack.stack_id})

    def describe_stacks(self) -> ActionResult:
        """Describe one stack, or all that were not deleted."""
        if self._get_param("StackName"):
            return ActionResult({"Stacks": [_stack(self._stack())]})
        stacks = [one for one in self._service.stacks(self.region) if not one.gone]
        return ActionResult({"Stacks": [_stack(one) for one in stacks]})

    def list_stacks(self) -> ActionResult:
        """List stacks, deleted ones included, by status."""
        wanted = self._get_param("StackStatusFilter", [])
        stacks = [
            one for one in self._service.stacks(self.region) if not wanted or one.status in wanted
        ]
        return ActionResult({"StackSummaries": [_stack(one) for one in stacks]})

    def describe_stack_events(self) -> ActionResult:
        """Tell a stack's history, newest first."""
        stack = self._stack()
        return ActionResult({"StackEvents": [_event(stack, one) for one in reversed(stack.events)]})

    def describe_stack_resources(self) -> ActionResult:
        """Describe a stack's resources."""
        stack = self._stack()
        wanted = self._get_param("LogicalResourceId")
        found = [one for one in stack.resources.values() if wanted in {None, one.logical_id}]
        return ActionResult({"StackResources": [_resource(stack, one) for one in found]})

    def describe_stack_resource(self) -> ActionResult:
        """Describe one resource of a stack."""
        stack = self._stack()
        one = self._service.resource(stack, self._get_param("LogicalResourceId"))
        detail = _resource(stack, one)
        return ActionResult(
            {"StackResourceDetail": {**detail, "LastUpdatedTimestamp": detail["Timestamp"]}}
        )

    def list_stack_resources(self) -> ActionResult:
        """List a stack's resources."""
        stack = self._stack()
        rows = [_resource(stack, one) for one in stack.resources.values()]
        return ActionResult(
            {
                "StackResourceSummaries": [
                    {**row, "LastUpdatedTimestamp": row["Timestamp"]} for row in rows
                ]
            }
        )

    def get_template(self) -> ActionResult:
        """Return a stack's template, or a change set's, as it was sent."""
        if self._get_param("ChangeSetName"):
            _, change_set = self._service.change_set(
                self._get_param("ChangeSetName"), self._get_param("StackName"), self.region
            )
            text = change_set.revision.template.text
        else:
            text = self._stack().revision.template.text
        return ActionResult({"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]})

    def get_template_summary(self) -> ActionResult:
        """Summarize a template: its parameters and resource types."""
        stack = self._stack() if self._get_param("StackName") else None
        template = (
            stack.revision.template
            if stack
            else self._service.template(self._asked(), None, self.region)
        )
        types = sorted({body["Type"] for body in template.resources.values()})
        return ActionResult(
            {
                "Description": template.body.get("Description"),
                "Metadata": json.dumps(template.body["Metadata"])
                if "Metadata" in template.body
                else None,
                "Parameters": [
                    _declared(name, body) for name, body in template.section("Parameters").items()
                ],
                "ResourceTypes": types,
                "Version": template.body.get("AWSTemplateFormatVersion"),
            }
        )

    def validate_template(self) -> ActionResult:
        """Check that a template can be read."""
        template = self._service.template(self._asked(), None, self.region)
        return ActionResult(
            {
                "Description": template.body.get("Description"),
                "Parameters": [
                    _declared(name, body) for name, body in template.section("Parameters").items()
                ],
            }
        )

    def list_exports(self) -> ActionResult:
        """List the Region's exports."""
        exports = [
            {"ExportingStackId": stack.stack_id, "Name": output.export, "Value": output.value}
            for stack in self._service.stacks(self.region)
            if not stack.gone
            for output in stack.outputs
            if output.export
        ]
        return ActionResult({"Exports": exports})

    def list_imports(self) -> ActionResult:
        """List the stacks that use an export."""
        name = self._get_param("ExportName")
        users = [
            one.name
            for one in self._service.stacks(self.region)
            if not one.gone and name in one.imported
        ]
        return ActionResult({"Imports": users})

    def _stack(self) -> Stack:
        return self._service.find(self._get_param("StackName"), self.region)

    def _asked(self) -> Mapping[str, Json]:
        asked: Mapping[str, Json] = self._get_params()
        return asked


def _time(seconds: float | None) -> datetime.datetime | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _given(parameters: Mapping[str, Parameter]) -> list[dict[str, Json]]:
    return [
        {
            "ParameterKey": name,
            "ParameterValue": HIDDEN if one.hidden else one.text,
            "ResolvedValue": None if one.hidden else one.resolved,
        }
        for name, one in parameters.items()
    ]


def _declared(name: str, body: Mapping[str, Json]) -> dict[str, Json]:
    return {
        "ParameterKey": name,
        "ParameterType": body["Type"],
        "DefaultValue": body.get("Default"),
        "NoEcho": bool(body.get("NoEcho", False)),
        "Description": body.get("Description"),
        "ParameterConstraints": {"AllowedValues": body.get("AllowedValues", [])},
    }


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _stack(stack: Stack) -> dict[str, Json]:
    return {
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "Description": stack.revision.template.body.get("Description"),
        "TemplateDescription": stack.revision.template.body.get("Description"),
        "Parameters": _given(stack.revision.parameters),
        "CreationTime": _time(stack.created_s),
        "LastUpdatedTime": _time(stack.updated_s),
        "DeletionTime": _time(stack.deleted_s),
        "StackStatus": stack.status,
        "StackStatusReason": stack.status_reason,
        "DisableRollback": stack.on_failure == "DO_NOTHING",
        "NotificationARNs": stack.notification_arns,
        "Capabilities": stack.capabilities,
        "Outputs": [
            {
                "OutputKey": one.key,
                "OutputValue": one.value,
                "Description": one.description,
                "ExportName": one.export,
            }
            for one in stack.outputs
        ],
        "RoleARN": stack.role_arn,
        "Tags": _tags(stack.revision.tags),
        "EnableTerminationProtection": stack.termination_protection,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def _event(stack: Stack, event: StackEvent) -> dict[str, Json]:
    return {
        "StackId": stack.stack_id,
        "EventId": event.event_id,
        "StackName": stack.name,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.resource_type,
        "Timestamp": _time(event.at_s),
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "ResourceProperties": event.properties,
    }


def _resource(stack: Stack, one: Deployed) -> dict[str, Json]:
    status = stack.statuses[one.logical_id]
    return {
        "StackName": stack.name,
        "StackId": stack.stack_id,
        "LogicalResourceId": one.logical_id,
        "PhysicalResourceId": one.physical_id,
        "ResourceType": one.resource_type,
        "Timestamp": _time(status.at_s),
        "ResourceStatus": status.status,
        "ResourceStatusReason": status.reason,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def _change(change: Change) -> dict[str, Json]:
    recreation = {"True": "Always", "Conditional": "Conditionally"}.get(
        change.replacement or "", "Never"
    )
    return {
        "Type": "Resource",
        "ResourceChange": {
            "Action": change.action,
            "LogicalResourceId": change.logical_id,
            "PhysicalResourceId": change.physical_id,
            "ResourceType": change.resource_type,
            "Replacement": change.replacement,
            "Scope": ["Properties"] if change.properties else [],
            "Details": [
                {
                    "Target": {
                        "Attribute": "Properties",
                        "Name": name,
                        "RequiresRecreation": recreation,
                    },
                    "Evaluation": "Static",
                    "ChangeSource": "DirectModification",
                }
                for name in change.properties
            ],
        },
    }


def _change_set(stack: Stack, one: ChangeSet) -> dict[str, Json]:
    return {
        "ChangeSetName": one.name,
        "ChangeSetId": one.change_set_id,
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "Description": one.description,
        "Parameters": _given(one.revision.parameters),
        "CreationTime": _time(one.created_s),
        "ExecutionStatus": one.execution_status,
        "Status": one.status,
        "StatusReason": one.status_reason,
        "Tags": _tags(one.revision.tags),
        "Changes": [_change(change) for change in one.changes],
        "OnStackFailure": one.on_failure,
    }
