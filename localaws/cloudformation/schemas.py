"""What AWS publishes about each resource type: its properties, which of them replace it, and its attributes.

The schemas are those of the CloudFormation registry, in the copy that cfn-lint ships.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema

from localaws.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CUSTOM_RESOURCE = "AWS::CloudFormation::CustomResource"

PROPERTIES_AS_ATTRIBUTES = frozenset(
    {
        "AWS::AutoScaling::AutoScalingGroup",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::Subnet",
        "AWS::EC2::VPC",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
    }
)
"""Types older than the registry whose properties Fn::GetAtt reads too: the reference lists `QueueName`, `TopicName`,
`VpcId`, `Type` and others under "Return values"."""

INVALID_PROPERTIES = Rule(
    code="ValidationError",
    message="Properties validation failed for resource {name} with message:\n{problems}",
    source="CloudFormation CLI User Guide, resource type schema: properties are validated before a handler is called",
)

PROVIDERS = "providers/us-east-1.json"
"""Which schema each type has; the Regions differ in which types exist, not in what this account models."""


@dataclass(frozen=True)
class Schema:
    """One resource type's schema."""

    name: str
    document: Mapping[str, Any]

    @functools.cached_property
    def create_only(self) -> frozenset[str]:
        """The top-level properties whose change needs a new resource."""
        return frozenset(_top_level(self.document.get("createOnlyProperties") or ()))

    @functools.cached_property
    def read_only(self) -> frozenset[str]:
        """The attributes that Fn::GetAtt can read, dotted where they are nested."""
        return frozenset(
            path.removeprefix("/properties/").replace("/", ".")
            for path in self.document.get("readOnlyProperties") or ()
        )

    @functools.cached_property
    def _template_properties(self) -> Mapping[str, Any]:
        return {
            name: shape
            for name, shape in self.document["properties"].items()
            if name not in self.read_only
        }

    def has_attribute(self, attribute: str) -> bool:
        """Return whether Fn::GetAtt can read it; a custom resource's function decides about its own."""
        if self.name == CUSTOM_RESOURCE or attribute in self.read_only:
            return True
        return self.name in PROPERTIES_AS_ATTRIBUTES and attribute in self.document["properties"]

    def with_tags(self, properties: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
        """Return the properties with the stack's tags, where the type has tags and does not set that key itself."""
        shape = self._template_properties.get("Tags")
        if not tags or not shape:
            return dict(properties)
        own = properties.get("Tags") or ({} if "array" not in _types(shape) else [])
        if isinstance(own, dict):
            return {**properties, "Tags": {**tags, **own}}
        taken = {tag["Key"] for tag in own}
        extra = (
            {"PropagateAtLaunch": True} if self.name == "AWS::AutoScaling::AutoScalingGroup" else {}
        )
        added = [
            {"Key": key, "Value": value, **extra} for key, value in tags.items() if key not in taken
        ]
        return {**properties, "Tags": [*own, *added]}

    def typed(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties in the schema's types: "5" for an integer is 5, as CloudFormation reads it."""
        definitions = self.document.get("definitions") or {}
        return dict(_typed(dict(properties), self.document, definitions))

    def conform(self, logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties in the schema's types, when they are what the schema allows.

        Raises:
            Refusal: a property that the type lacks or that has a value the schema does not allow.
        """
        typed = self.typed(properties)
        shape = {**self.document, "properties": self._template_properties}
        problems = {_problem(error) for error in _Validator(shape).iter_errors(typed)}
        if problems:
            raise INVALID_PROPERTIES.refusal(name=logical_id, problems="\n".join(sorted(problems)))
        return typed


@functools.cache
def schema(resource_type: str) -> Schema:
    """Return the schema of a type.

    Raises:
        KeyError: AWS has no such type.
    """
    folder = resources.files("cfnlint.data.schemas")
    document = json.loads(
        (folder / "resources" / f"{_types_of_aws()[resource_type]}.json").read_text()
    )
    return Schema(resource_type, _readable(document))


@functools.cache
def _types_of_aws() -> dict[str, str]:
    folder = resources.files("cfnlint.data.schemas")
    return dict(json.loads((folder / PROVIDERS).read_text()))


def _top_level(paths: Iterator[str] | tuple[str, ...]) -> Iterator[str]:
    for path in paths:
        yield path.removeprefix("/properties/").split("/")[0]


def _types(shape: Mapping[str, Any]) -> frozenset[str]:
    declared = shape.get("type", ())
    return frozenset({declared} if isinstance(declared, str) else declared)


def _typed(value: Any, shape: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401  # JSON
    while "$ref" in shape:
        shape = definitions[shape["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, dict):
        known = shape.get("properties") or {}
        return {key: _typed(inner, known.get(key, {}), definitions) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(item, shape.get("items") or {}, definitions) for item in value]
    return _scalar(value, _types(shape))


def _scalar(value: Any, types: frozenset[str]) -> Any:  # noqa: ANN401  # JSON
    if isinstance(value, str):
        return _from_text(value, types)
    if isinstance(value, (bool, int, float)) and types == {"string"}:
        return json.dumps(value)
    return value


def _from_text(value: str, types: frozenset[str]) -> Any:  # noqa: ANN401  # JSON
    if "string" in types:
        return value
    if "boolean" in types and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if types & {"integer", "number"}:
        for number in (int, float) if "number" in types else (int,):
            try:
                return number(value)
            except ValueError:
                continue
    return value


_Validator: type[jsonschema.Draft7Validator] = jsonschema.validators.extend(  # type: ignore[no-untyped-call]  # untyped in its stubs
    jsonschema.Draft7Validator, validators={"format": None}
)


def _readable(shape: Any) -> Any:  # noqa: ANN401  # JSON
    """Return a schema without what only Java can read; the service's own validation has the last word there.

    The registry's patterns are Java's: `\\p{L}` is no regular expression of Python's.
    """
    if isinstance(shape, list):
        return [_readable(one) for one in shape]
    if not isinstance(shape, dict):
        return shape
    readable = {key: _readable(one) for key, one in shape.items()}
    if isinstance(shape.get("pattern"), str) and not _compiles(shape["pattern"]):
        del readable["pattern"]
    by_pattern = shape.get("patternProperties")
    if isinstance(by_pattern, dict) and not all(map(_compiles, by_pattern)):
        del readable["patternProperties"]
        readable.pop("additionalProperties", None)
    return readable


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _problem(error: jsonschema.ValidationError) -> str:
    where = "#" + "".join(f"/{part}" for part in error.absolute_path)
    allowed: Any = error.schema
    wanted: Any = error.validator_value
    instance: Any = error.instance
    if error.validator == "additionalProperties":
        extra = sorted(set(instance) - set(allowed.get("properties", {})))
        return f"{where}: extraneous key [{extra[0]}] is not permitted"
    if error.validator == "required":
        missing = [key for key in wanted if key not in instance]
        return f"{where}: required key [{missing[0]}] not found"
    if error.validator == "enum":
        return f"{where}: {instance} is not a valid enum value"
    return f"{where}: {error.message}"
