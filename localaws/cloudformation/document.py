"""Read a template and refuse what AWS refuses before it touches any resource."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from localaws.cloudformation import schemas
from localaws.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Json: TypeAlias = Any
"""A value of a template: what JSON can say."""

UNREADABLE = Rule(
    code="ValidationError",
    message="Template format error: {problem}",
    source="CloudFormation User Guide, Troubleshooting: ValidationError for a template that is not valid JSON or YAML",
)
UNRECOGNIZED_TYPE = Rule(
    code="ValidationError",
    message="Template format error: Unrecognized resource types: [{types}]",
    source="github.com/aws/aws-cdk/issues/3648 and others: CreateChangeSet's answer to a type that the Region does not have",
)
UNRESOLVED_RESOURCE = Rule(
    code="ValidationError",
    message="Template format error: Unresolved resource dependencies [{names}] in the {section} block of the template",
    source="CloudFormation User Guide, Troubleshooting: dependency errors; AWS re:Post 'unresolved resource dependencies'",
)
UNRESOLVED_CONDITION = Rule(
    code="ValidationError",
    message="Template format error: Unresolved condition dependency {name} in the {section} block of the template",
    source="CloudFormation User Guide, Condition functions: a condition must be declared in the Conditions section",
)
CIRCULAR = Rule(
    code="ValidationError",
    message="Circular dependency between resources: [{names}]",
    source="AWS Infrastructure & Automation Blog, 'Handling circular dependency errors in AWS CloudFormation'",
)
UNKNOWN_ATTRIBUTE = Rule(
    code="ValidationError",
    message="Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt",
    source="CloudFormation User Guide, Fn::GetAtt: only the attributes that the type's reference lists",
)

SECTIONS = frozenset(
    [
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Rules",
        "Mappings",
        "Conditions",
        "Transform",
        "Hooks",
        "Resources",
        "Outputs",
    ]
)
RESOURCE_KEYS = frozenset(
    [
        "Type",
        "Properties",
        "DependsOn",
        "Condition",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "UpdatePolicy",
        "CreationPolicy",
        "Metadata",
    ]
)
UPDATE_POLICIES = frozenset({"AutoScalingInstanceRefresh", "AutoScalingScheduledAction"})
"""The update policies this account honours: nodes are replaced by an instance refresh; sizes that the template did not
change are left as they are."""
POLICIES = frozenset({"Delete", "Retain", "Snapshot", "RetainExceptOnCreate"})

CUSTOM = "Custom::"
CUSTOM_NAME = re.compile(r"Custom::[A-Za-z0-9_@-]{1,60}")
"""A name of at most 60 characters (CloudFormation User Guide, custom resource request and response reference, ResourceType)."""

SUBSTITUTION = re.compile(r"\$\{(!?)([^}]+)\}")
"""A `${Name}` or `${Name.Attribute}` of Fn::Sub; with an exclamation mark it is a literal."""


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: short forms of the functions, and dates stay strings."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # the name and shape are PyYAML's
        first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Json]:
    value: Json
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


@dataclass(frozen=True)
class Template:
    """A template as it was sent, and what it says."""

    text: str
    body: Mapping[str, Json]

    def section(self, name: str) -> Mapping[str, Json]:
        """Return a section's entries, empty when the template has no such section."""
        return self.body.get(name) or {}

    @property
    def resources(self) -> Mapping[str, Json]:
        """The resources by logical id."""
        return self.section("Resources")


NOTHING = Template("", {})
"""What a stack is before its first operation."""


def parse(text: str) -> Template:
    """Return what a JSON or YAML template says.

    Raises:
        Refusal: it cannot be read, has an unknown section or no resource.
    """
    try:
        body = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader
    except (ValueError, yaml.YAMLError) as unreadable:
        raise UNREADABLE.refusal(problem=f"unsupported structure. {unreadable}") from unreadable
    if not isinstance(body, dict):
        raise UNREADABLE.refusal(problem="unsupported structure.")
    unknown = sorted(set(body) - SECTIONS)
    if unknown:
        raise UNREADABLE.refusal(
            problem=f"Invalid template property or properties [{', '.join(unknown)}]"
        )
    if body.get("Transform"):
        raise UNREADABLE.refusal(
            problem=f"Transform {body['Transform']} is not modelled by this account"
        )
    if not body.get("Resources"):
        raise UNREADABLE.refusal(problem="At least one Resources member must be defined.")
    return Template(text, body)


def references(value: Json) -> Iterator[tuple[str, str | None]]:
    """Yield the (name, attribute) of every Ref, Fn::GetAtt and Fn::Sub in a value; a Ref has no attribute."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref" and isinstance(inner, str):
                yield inner, None
            elif key == "Fn::GetAtt":
                yield _attribute(inner)
            elif key == "Fn::Sub":
                yield from _substitutions(inner)
            else:
                yield from references(inner)


def _attribute(argument: Json) -> tuple[str, str]:
    name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
    return name, attribute if isinstance(attribute, str) else ""


def _substitutions(argument: Json) -> Iterator[tuple[str, str | None]]:
    text, own = (argument, {}) if isinstance(argument, str) else argument
    yield from references(own)
    for literal, name in SUBSTITUTION.findall(text):
        if not literal and name not in own:
            resource, _, attribute = name.partition(".")
            yield resource, attribute or None


def check(template: Template, modelled: Iterable[str]) -> None:
    """Refuse a template that no stack can be made of.

    Args:
        template: the template.
        modelled: the resource types that this account can create.

    Raises:
        Refusal: unknown resource types, keys, conditions, attributes, or references to what is not declared.
    """
    if "{{resolve:" in template.text:
        raise UNREADABLE.refusal(problem="this account does not model dynamic references")
    _check_types(template, frozenset(modelled))
    for logical_id, body in template.resources.items():
        _check_keys(logical_id, body)
        _check_condition(template, body.get("Condition"), "Resources")
    for body in template.section("Outputs").values():
        _check_condition(template, body.get("Condition"), "Outputs")
    _check_references(template, "Resources", template.resources)
    _check_references(template, "Outputs", template.section("Outputs"))


def _check_types(template: Template, modelled: frozenset[str]) -> None:
    types = {logical_id: body.get("Type") for logical_id, body in template.resources.items()}
    for logical_id, name in types.items():
        if not isinstance(name, str):
            raise UNREADABLE.refusal(
                problem=f"[/Resources/{logical_id}] Every Resources object must contain a Type member."
            )
        if name.startswith(CUSTOM) and not CUSTOM_NAME.fullmatch(name):
            raise UNREADABLE.refusal(problem=f"[/Resources/{logical_id}] Invalid type {name}")
    unknown = sorted({str(name) for name in types.values() if family(str(name)) not in modelled})
    if unknown:
        raise UNRECOGNIZED_TYPE.refusal(types=", ".join(unknown))


def family(resource_type: str) -> str:
    """Return the type whose rules apply: every `Custom::` type is a custom resource."""
    return schemas.CUSTOM_RESOURCE if resource_type.startswith(CUSTOM) else resource_type


def _check_keys(logical_id: str, body: Mapping[str, Json]) -> None:
    unknown = sorted(set(body) - RESOURCE_KEYS)
    if unknown:
        raise UNREADABLE.refusal(
            problem=f"Invalid template resource property '{unknown[0]}' [/Resources/{logical_id}]"
        )
    unmodelled = ({"CreationPolicy"} & set(body)) | (
        set(body.get("UpdatePolicy") or ()) - UPDATE_POLICIES
    )
    if unmodelled:
        raise UNREADABLE.refusal(
            problem=f"this account does not model {', '.join(sorted(unmodelled))} [/Resources/{logical_id}]"
        )
    for key in ("DeletionPolicy", "UpdateReplacePolicy"):
        if body.get(key, "Delete") not in POLICIES:
            raise UNREADABLE.refusal(
                problem=f"Unrecognized {key} {body[key]} for resource {logical_id}"
            )


def _check_condition(template: Template, name: str | None, section: str) -> None:
    if name is not None and name not in template.section("Conditions"):
        raise UNRESOLVED_CONDITION.refusal(name=name, section=section)


def _check_references(template: Template, section: str, bodies: Mapping[str, Json]) -> None:
    declared = {*template.resources, *template.section("Parameters")}
    unresolved: set[str] = set()
    for body in bodies.values():
        for name, attribute in references(body):
            if name.startswith("AWS::"):
                continue
            if name not in declared:
                unresolved.add(name)
            elif attribute:
                _check_attribute(template, name, attribute)
        unresolved |= set(depends_on(body)) - set(template.resources)
    if unresolved:
        raise UNRESOLVED_RESOURCE.refusal(names=", ".join(sorted(unresolved)), section=section)


def _check_attribute(template: Template, name: str, attribute: str) -> None:
    body = template.resources.get(name)
    if body is None or not schemas.schema(family(body["Type"])).has_attribute(attribute):
        raise UNKNOWN_ATTRIBUTE.refusal(name=name, attribute=attribute)


def depends_on(body: Mapping[str, Json]) -> list[str]:
    """Return the logical ids of a resource's DependsOn."""
    declared = body.get("DependsOn") or []
    return [declared] if isinstance(declared, str) else list(declared)


def order(dependencies: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the names so that each comes after those it depends on; declared order decides between equals.

    Raises:
        Refusal: they depend on each other in a circle.
    """
    ordered: list[str] = []
    left = dict(dependencies)
    while left:
        ready = [name for name, needed in left.items() if not (needed & left.keys()) - {name}]
        if not ready:
            raise CIRCULAR.refusal(names=", ".join(sorted(left)))
        for name in ready:
            if name in left[name]:
                raise CIRCULAR.refusal(names=name)
            ordered.append(name)
            del left[name]
    return ordered
