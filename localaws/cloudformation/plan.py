"""Decide what a revision would change, before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from localaws.cloudformation import schemas
from localaws.cloudformation.document import Json, depends_on, family, order, references
from localaws.cloudformation.stack import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.cloudformation.intrinsics import Scope
    from localaws.cloudformation.stack import Deployed, Revision


class Unknown(str):
    """A value that only the execution will know; equal to no other value."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other


@dataclass(frozen=True)
class Wanted:
    """A resource as the template wants it: its conditions decided, its functions not yet evaluated."""

    logical_id: str
    resource_type: str
    body: Mapping[str, Json]
    needs: frozenset[str]

    @property
    def properties(self) -> Mapping[str, Json]:
        """The properties, functions not evaluated."""
        return self.body.get("Properties") or {}


def wanted(revision: Revision, scope: Scope) -> dict[str, Wanted]:
    """Return the resources that the conditions leave, in the order in which they are made.

    Raises:
        Refusal: they depend on each other in a circle.
    """
    bodies = {
        logical_id: scope.chosen(body)
        for logical_id, body in revision.template.resources.items()
        if "Condition" not in body or scope.holds(body["Condition"])
    }
    needs = {
        logical_id: frozenset(
            {name for name, _ in references(body.get("Properties"))} | set(depends_on(body))
        )
        & bodies.keys()
        for logical_id, body in bodies.items()
    }
    return {
        logical_id: Wanted(
            logical_id, bodies[logical_id]["Type"], bodies[logical_id], needs[logical_id]
        )
        for logical_id in order(needs)
    }


IDENTIFYING = ("Arn", "ARN", "Id", "Url", "Name")
"""How the names of attributes end that an update in place leaves as they are."""


class Foreseen:
    """The resources as they will be: those that stay answer, those that are made anew are unknown."""

    def __init__(self, deployed: Mapping[str, Deployed]) -> None:
        self._known = dict(deployed)
        self._doubted: set[str] = set()

    def doubt(self, logical_id: str) -> None:
        """Take a resource for one whose attributes may change, as a launch template's LatestVersionNumber does."""
        self._doubted.add(logical_id)

    def forget(self, logical_id: str) -> None:
        """Take a resource for one whose identity will change."""
        self._known.pop(logical_id, None)

    def ref(self, logical_id: str) -> Json:
        """Return what Ref gives, or Unknown."""
        known = self._known.get(logical_id)
        return known.physical_id if known else Unknown(f"{{{logical_id}}}")

    def attribute(self, logical_id: str, name: str) -> Json:
        """Return what Fn::GetAtt gives, or Unknown."""
        known = self._known.get(logical_id)
        unknown = Unknown(f"{{{logical_id}.{name}}}")
        if known is None or (logical_id in self._doubted and not name.endswith(IDENTIFYING)):
            return unknown
        return known.attributes.get(name, unknown)


def changes(
    resources: Mapping[str, Wanted],
    deployed: Mapping[str, Deployed],
    scope: Scope,
    foreseen: Foreseen,
    *,
    tags: Mapping[str, str],
    replaced_by: Mapping[str, frozenset[str]],
) -> list[Change]:
    """Return what deploying these resources would do to those that are deployed.

    Args:
        resources: as wanted, in order.
        deployed: as they are.
        scope: what functions see; its resources are `foreseen`.
        foreseen: learns which resources will have a new identity.
        tags: the stack's tags.
        replaced_by: by type, the properties that replace it beyond the schema's create-only ones.
    """
    found: list[Change] = []
    for logical_id, resource in resources.items():
        present = deployed.get(logical_id)
        if present is None:
            found.append(Change("Add", logical_id, resource.resource_type))
            continue
        change = _modification(resource, present, scope, tags, replaced_by)
        if change:
            found.append(change)
            if change.replacement == "False":
                foreseen.doubt(logical_id)
            else:
                foreseen.forget(logical_id)
    found += [
        Change("Remove", logical_id, present.resource_type, present.physical_id)
        for logical_id, present in deployed.items()
        if logical_id not in resources
    ]
    return found


def _modification(
    resource: Wanted,
    present: Deployed,
    scope: Scope,
    tags: Mapping[str, str],
    replaced_by: Mapping[str, frozenset[str]],
) -> Change | None:
    schema = schemas.schema(family(resource.resource_type))
    properties = schema.typed(schema.with_tags(scope.value(resource.properties), tags))
    differing = differences(properties, present.properties)
    if not differing and not _policies_differ(resource, present):
        return None
    create_only = schema.create_only | replaced_by.get(schema.name, frozenset())
    replacing = differing & create_only
    certain = any(not _unknown(properties.get(name)) for name in replacing)
    replacement = "False" if not replacing else "True" if certain else "Conditional"
    return Change(
        "Modify",
        resource.logical_id,
        resource.resource_type,
        present.physical_id,
        replacement,
        tuple(sorted(differing)),
    )


def differences(one: Mapping[str, Json], other: Mapping[str, Json]) -> frozenset[str]:
    """Return the top-level properties in which two differ."""
    return frozenset(key for key in {*one, *other} if one.get(key) != other.get(key))


def _policies_differ(resource: Wanted, present: Deployed) -> bool:
    wanted = (
        resource.body.get("DeletionPolicy", "Delete"),
        resource.body.get("UpdateReplacePolicy", "Delete"),
        resource.body.get("Metadata"),
    )
    return wanted != (present.deletion_policy, present.replace_policy, present.metadata)


def _unknown(value: Json) -> bool:
    if isinstance(value, dict):
        return any(_unknown(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_unknown(inner) for inner in value)
    return isinstance(value, Unknown)
