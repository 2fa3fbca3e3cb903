"""One deployment of the sample as it was read: from a stack, or from a file of parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.errors import ConfigInvalid, Problem


@dataclass(frozen=True)
class Resource:
    """One resource of the sample's stack."""

    logical_id: str
    kind: str
    physical_id: str


@dataclass(frozen=True)
class Source:
    """The parameters of one deployment, and what is known beside them."""

    label: str
    """The stack or the file, as a person named it."""
    parameters: Mapping[str, str]
    from_stack: bool
    """Whether this is what CloudFormation says of a stack: then every parameter is there, and in a file of parameters those
    may be left out that have a default."""
    resources: tuple[Resource, ...] = ()
    """Empty when nobody asked for them."""
    region: str | None = None
    account: str | None = None

    def physical_ids(self, kind: str) -> tuple[str, ...]:
        """Return what the resources of a type are called."""
        return tuple(one.physical_id for one in self.resources if one.kind == kind)

    def says(self, name: str) -> str | None:
        """Return a parameter's value; None when it is not there or empty, which the sample takes for the same."""
        return self.parameters.get(name, "").strip() or None

    def listed(self, name: str) -> list[str]:
        """Return what a parameter with a comma between its values lists."""
        return [one.strip() for one in self.parameters.get(name, "").split(",") if one.strip()]


@dataclass(frozen=True)
class Subnet:
    """What a subnet's id does not tell."""

    zone: str
    has_ipv6: bool | None = None
    """Whether it has an IPv6 range; None when that is not known."""


def of_stack(described: Mapping[str, object], resources: Sequence[Resource] = ()) -> Source:
    """Return the deployment that one entry of a DescribeStacks answer tells of.

    Raises:
        ConfigInvalid: it is not in a state to be taken over, or not such an entry.
    """
    label = str(described.get("StackName", "a stack without a name"))
    status = str(described.get("StackStatus", ""))
    problems = [] if _is_settled(status) else [_unsettled(label, status)]
    parameters = _parameters(label, described.get("Parameters", []), problems)
    if problems:
        raise ConfigInvalid(problems)
    region, account = _place(described.get("StackId"))
    return Source(label, parameters, True, tuple(resources), region, account)


def of_file(text: str, label: str) -> Source:
    """Return the deployment that a file tells of: CloudFormation's parameter file, or what DescribeStacks answered.

    Raises:
        ConfigInvalid: it is neither, with everything that is wrong in it.
    """
    try:
        data: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise _refused(
            label, error.doc[error.pos : error.pos + 20], f"is not JSON: {error.msg}"
        ) from error
    except RecursionError as error:
        raise _refused(label, text[:20], "is nested too deep") from error
    if isinstance(data, Mapping) and isinstance(stacks := data.get("Stacks"), list):
        if len(stacks) != 1 or not isinstance(stacks[0], Mapping):
            names = [one.get("StackName") for one in stacks if isinstance(one, Mapping)]
            raise _refused(
                label,
                names,
                f"tells of {len(stacks)} stacks",
                "Ask for one: aws cloudformation describe-stacks --stack-name NAME.",
            )
        return of_stack(stacks[0])
    if not isinstance(data, list):
        raise _refused(label, type(data).__name__, "is neither of the two forms")
    problems: list[Problem] = []
    parameters = _parameters(label, data, problems)
    if problems:
        raise ConfigInvalid(problems)
    return Source(label, parameters, False)


_FORMS = (
    "Give a list of {ParameterKey, ParameterValue}, as `aws cloudformation create-stack --parameters file://…` takes "
    "it, or what `aws cloudformation describe-stacks --stack-name NAME` prints."
)


def _refused(label: str, value: object, message: str, remedy: str = _FORMS) -> ConfigInvalid:
    return ConfigInvalid([Problem(label, value, message, remedy)])


def _parameters(label: str, written: object, problems: list[Problem]) -> dict[str, str]:
    """Return the parameters of a list, noting each entry that is none."""
    if not isinstance(written, list):
        problems.append(Problem(label, written, "has no list of parameters", _FORMS))
        return {}
    parameters: dict[str, str] = {}
    for place, one in enumerate(written):
        name = one.get("ParameterKey") if isinstance(one, Mapping) else None
        value = one.get("ParameterValue") if isinstance(one, Mapping) else None
        where = f"{label}: {name or f'entry {place + 1}'}"
        if not isinstance(name, str):
            problems.append(Problem(where, one, "has no ParameterKey", _FORMS))
        elif name in parameters:
            problems.append(
                Problem(where, value, "is there twice", "Leave the one that is deployed.")
            )
        elif not isinstance(value, str):
            problems.append(Problem(where, value, "has no text as its value", _HOW_TO_SEE))
        else:
            parameters[name] = value
    return parameters


_HOW_TO_SEE = (
    "Write the value that is deployed (aws cloudformation describe-stacks shows it), or let --stack read it; "
    "UsePreviousValue does not tell."
)


def _is_settled(status: str) -> bool:
    """Return whether the stack is there and nothing is going on; a file may not say."""
    if not status:
        return True
    gone = status in {"DELETE_COMPLETE", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"}
    return status.endswith("_COMPLETE") and not gone


def _unsettled(label: str, status: str) -> Problem:
    return Problem(
        f"{label}: StackStatus",
        status,
        "is not the state of a stack that is at rest and in use",
        "Wait for the operation to end, or mend the stack: what is read in the middle of it may not be what is kept.",
    )


_ARN_PARTS = 6


def _place(stack_id: object) -> tuple[str | None, str | None]:
    """Return Region and account from a stack's ARN (arn:partition:cloudformation:region:account:stack/…)."""
    parts = str(stack_id).split(":")
    return (parts[3], parts[4]) if len(parts) >= _ARN_PARTS else (None, None)
