"""Decide the values of a template's parameters: given, kept from before, or default; checked as declared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localaws.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from localaws.cloudformation.document import Json

MISSING = Rule(
    code="ValidationError",
    message="Parameters: [{names}] must have values",
    source="CloudFormation User Guide, Parameters: a parameter without Default needs a value",
)
UNDECLARED = Rule(
    code="ValidationError",
    message="Parameters: [{names}] do not exist in the template",
    source="CloudFormation API Reference, CreateChangeSet: Parameters are those that the template declares",
)
NOT_ALLOWED = Rule(
    code="ValidationError",
    message="Parameter '{name}' must be one of AllowedValues",
    source="CloudFormation User Guide, Parameters: AllowedValues",
)
NOT_MATCHING = Rule(
    code="ValidationError",
    message="Parameter '{name}' must match pattern {pattern}",
    source="CloudFormation User Guide, Parameters: AllowedPattern",
)
NOT_A_NUMBER = Rule(
    code="ValidationError",
    message="Parameter '{name}' must be a number.",
    source="CloudFormation User Guide, Parameters: Type Number",
)
OUT_OF_BOUNDS = Rule(
    code="ValidationError",
    message="Parameter '{name}' must have {bound} {limit}",
    source="CloudFormation User Guide, Parameters: MinLength, MaxLength, MinValue and MaxValue",
)
NOT_IN_STORE = Rule(
    code="ValidationError",
    message="Unable to fetch parameters [{names}] from parameter store for this account.",
    source="seen in https://github.com/awslabs/aws-deployment-framework/issues/339, CreateChangeSet; with one name there, and "
    "the comma between several assumed",
)

SSM_TYPE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")


@dataclass(frozen=True)
class Parameter:
    """One parameter's value.

    Attributes:
        text: what was given or is the default; for an SSM parameter its name.
        value: what Ref gives: a string or, for list types, a list of strings.
        resolved: what an SSM parameter's name led to, else None.
        hidden: whether NoEcho keeps the value out of answers.
    """

    text: str
    value: str | list[str]
    resolved: str | None = None
    hidden: bool = False


def decide(
    declared: Mapping[str, Json],
    given: Sequence[Mapping[str, Json]],
    previous: Mapping[str, Parameter],
    lookup: Callable[[str], str | None],
) -> dict[str, Parameter]:
    """Return every declared parameter's value.

    Args:
        declared: the template's Parameters section.
        given: the caller's Parameters, with ParameterKey and ParameterValue or UsePreviousValue.
        previous: the values of the stack as it is.
        lookup: gives the value of an SSM parameter; None when there is none of the name.

    Raises:
        Refusal: one has no value, is not declared, names no SSM parameter, or is not what the declaration allows.
    """
    unknown = sorted({str(one["ParameterKey"]) for one in given} - set(declared))
    if unknown:
        raise UNDECLARED.refusal(names=", ".join(unknown))
    texts = {name: _text(name, body, given, previous) for name, body in declared.items()}
    missing = [name for name, text in texts.items() if text is None]
    if missing:
        raise MISSING.refusal(names=", ".join(missing))
    known = {name: text for name, text in texts.items() if text is not None}
    for name, text in known.items():
        _check(name, declared[name], text)
    names = {text for name, text in known.items() if _from_ssm(declared[name])}
    stored = {name: value for name in names if (value := lookup(name)) is not None}
    if names - stored.keys():
        raise NOT_IN_STORE.refusal(names=",".join(sorted(names - stored.keys())))
    return {name: _parameter(declared[name], text, stored) for name, text in known.items()}


def _text(
    name: str,
    body: Mapping[str, Json],
    given: Sequence[Mapping[str, Json]],
    previous: Mapping[str, Parameter],
) -> str | None:
    for one in given:
        if one["ParameterKey"] == name:
            if not one.get("UsePreviousValue"):
                return str(one.get("ParameterValue", ""))
            if name in previous:
                return previous[name].text
    # A parameter with a default that the previous template did not declare has no previous value: the default stands.
    default = body.get("Default")
    if isinstance(default, bool):
        return str(default).lower()
    return None if default is None else str(default)


def _from_ssm(body: Mapping[str, Json]) -> re.Match[str] | None:
    return SSM_TYPE.fullmatch(str(body["Type"]))


def _parameter(body: Mapping[str, Json], text: str, stored: Mapping[str, str]) -> Parameter:
    hidden = str(body.get("NoEcho", False)).lower() == "true"
    from_ssm = _from_ssm(body)
    resolved = stored[text] if from_ssm else None
    value = text if resolved is None else resolved
    element = from_ssm[1] if from_ssm else str(body["Type"])
    if element == "CommaDelimitedList" or element.startswith("List<"):
        return Parameter(text, [item.strip() for item in value.split(",")], resolved, hidden)
    return Parameter(text, value, resolved, hidden)


def _check(name: str, body: Mapping[str, Json], text: str) -> None:
    if "AllowedValues" in body and text not in [str(value) for value in body["AllowedValues"]]:
        raise NOT_ALLOWED.refusal(name=name)
    if "AllowedPattern" in body and not re.fullmatch(body["AllowedPattern"], text):
        raise NOT_MATCHING.refusal(name=name, pattern=body["AllowedPattern"])
    size: float = len(text)
    if body["Type"] == "Number":
        try:
            size = float(text)
        except ValueError as wrong:
            raise NOT_A_NUMBER.refusal(name=name) from wrong
    for bound, actual, sign in (
        ("MinLength", len(text), 1),
        ("MaxLength", len(text), -1),
        ("MinValue", size, 1),
        ("MaxValue", size, -1),
    ):
        if bound in body and sign * (actual - float(body[bound])) < 0:
            raise OUT_OF_BOUNDS.refusal(name=name, bound=bound, limit=body[bound])
