"""Evaluate a template's functions and conditions against a scope; nothing here changes anything."""

from __future__ import annotations

import base64
import ipaddress
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from localaws.cloudformation.document import SUBSTITUTION, Json
from localaws.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NO_VALUE: Final = object()
"""What Ref AWS::NoValue gives: the property that holds it is left out."""

MALFORMED = Rule(
    code="ValidationError",
    message="Template error: {problem}",
    source="CloudFormation User Guide, Intrinsic function reference: the arguments that each function takes",
)


class Resources(Protocol):
    """The resources that exist, as functions see them."""

    def ref(self, logical_id: str) -> Json:
        """Return what Ref gives for a resource."""
        ...

    def attribute(self, logical_id: str, name: str) -> Json:
        """Return what Fn::GetAtt gives for a resource."""
        ...


@dataclass(frozen=True)
class Scope:
    """What a template's functions can see.

    Attributes:
        names: parameters and pseudo parameters by name.
        mappings: the Mappings section.
        conditions: the Conditions section.
        resources: the resources that exist.
        imported: gives the value of an export by its name.
        zones: gives the Availability Zones of a Region.
    """

    names: Mapping[str, Json]
    mappings: Mapping[str, Json]
    conditions: Mapping[str, Json]
    resources: Resources
    imported: Callable[[str], str]
    zones: Callable[[str], list[str]]
    _decided: dict[str, bool] = field(default_factory=dict)

    def holds(self, name: str) -> bool:
        """Return whether a condition of the template holds.

        Raises:
            Refusal: there is no such condition.
        """
        if name not in self._decided:
            if name not in self.conditions:
                raise MALFORMED.refusal(problem=f"Unresolved condition dependency {name}")
            self._decided[name] = self.decide(self.conditions[name])
        return self._decided[name]

    def decide(self, condition: Json) -> bool:
        """Return whether a condition expression holds."""
        if not isinstance(condition, dict) or len(condition) != 1:
            raise MALFORMED.refusal(
                problem=f"a condition must be one function, not {json.dumps(condition)}"
            )
        name, argument = next(iter(condition.items()))
        if name == "Condition":
            return self.holds(argument)
        if name == "Fn::Equals":
            left, right = (self.value(side) for side in argument)
            return _text(left) == _text(right)
        if name in {"Fn::And", "Fn::Or"}:
            return (all if name == "Fn::And" else any)([self.decide(inner) for inner in argument])
        if name == "Fn::Not":
            return not self.decide(argument[0])
        raise MALFORMED.refusal(problem=f"{name} is not a condition function")

    def chosen(self, value: Json) -> Json:
        """Return the value with every Fn::If replaced by the branch that is taken, its other functions untouched."""
        if isinstance(value, list):
            return [
                inner for inner in (self.chosen(item) for item in value) if inner is not NO_VALUE
            ]
        if not isinstance(value, dict):
            return value
        if value == {"Ref": "AWS::NoValue"}:
            return NO_VALUE
        if set(value) == {"Fn::If"}:
            name, yes, no = value["Fn::If"]
            return self.chosen(yes if self.holds(name) else no)
        inner = {key: self.chosen(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item is not NO_VALUE}

    def value(self, value: Json) -> Json:
        """Return what a value comes to: functions evaluated, what is AWS::NoValue left out.

        Raises:
            Refusal: a function with arguments it does not take, or a name that is not known.
        """
        if isinstance(value, list):
            return [
                inner for inner in (self.value(item) for item in value) if inner is not NO_VALUE
            ]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return self._call(name, argument)
        evaluated = {key: self.value(item) for key, item in value.items()}
        return {key: item for key, item in evaluated.items() if item is not NO_VALUE}

    def _ref(self, name: str) -> Json:
        if name == "AWS::NoValue":
            return NO_VALUE
        return self.names[name] if name in self.names else self.resources.ref(name)

    def _call(self, name: str, argument: Json) -> Json:
        if name not in _FUNCTIONS:
            raise MALFORMED.refusal(problem=f"unknown function {name}")
        try:
            return _FUNCTIONS[name](self, argument)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as wrong:
            raise MALFORMED.refusal(
                problem=f"{name} cannot take {json.dumps(argument)}: {wrong}"
            ) from wrong

    def _get_att(self, argument: Json) -> Json:
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return self.resources.attribute(name, self.value(attribute))

    def _if(self, argument: Json) -> Json:
        name, yes, no = argument
        return self.value(yes if self.holds(name) else no)

    def _sub(self, argument: Json) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument
        given = {key: self.value(item) for key, item in own.items()}

        def replaced(literal: str, name: str) -> str:
            if literal:
                return f"${{{name}}}"
            if name in given:
                return _text(given[name])
            resource, _, attribute = name.partition(".")
            return _text(
                self.resources.attribute(resource, attribute) if attribute else self._ref(name)
            )

        return SUBSTITUTION.sub(lambda found: replaced(found[1], found[2].strip()), text)

    def _join(self, argument: Json) -> str:
        separator, items = argument
        parts: list[str] = [_text(item) for item in self.value(items)]
        return str(separator).join(parts)

    def _split(self, argument: Json) -> list[str]:
        separator, text = argument
        parts: list[str] = self.value(text).split(separator)
        return parts

    def _select(self, argument: Json) -> Json:
        index, items = argument
        return self.value(items)[int(self.value(index))]

    def _find_in_map(self, argument: Json) -> Json:
        name, first, second = (self.value(part) for part in argument)
        return self.mappings[name][first][second]

    def _import_value(self, argument: Json) -> str:
        return self.imported(self.value(argument))

    def _get_azs(self, argument: Json) -> list[str]:
        return self.zones(self.value(argument) or self.names["AWS::Region"])

    def _base64(self, argument: Json) -> str:
        return base64.b64encode(str(self.value(argument)).encode()).decode()

    def _cidr(self, argument: Json) -> list[str]:
        block, count, bits = (*self.value(argument), 8)[:3]
        network = ipaddress.ip_network(block)
        subnets = network.subnets(new_prefix=network.max_prefixlen - int(bits))
        return [str(next(subnets)) for _ in range(int(count))]


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        raise TypeError(f"a string is needed, not {json.dumps(value)}")
    return json.dumps(value)


_FUNCTIONS: Mapping[str, Callable[[Scope, Any], Json]] = {
    "Fn::GetAtt": Scope._get_att,
    "Fn::If": Scope._if,
    "Fn::Sub": Scope._sub,
    "Fn::Join": Scope._join,
    "Fn::Split": Scope._split,
    "Fn::Select": Scope._select,
    "Fn::FindInMap": Scope._find_in_map,
    "Fn::ImportValue": Scope._import_value,
    "Fn::GetAZs": Scope._get_azs,
    "Fn::Base64": Scope._base64,
    "Fn::Cidr": Scope._cidr,
}
