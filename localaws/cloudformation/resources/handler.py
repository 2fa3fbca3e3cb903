"""What the engine asks of a resource type, and what it tells it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID

from localaws.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localaws.account import Account
    from localaws.client import Client
    from localaws.cloudformation.document import Json

UNMODELLED_PROPERTY = Rule(
    code="UnsupportedProperty",
    message="This account does not model the properties [{names}] of {resource_type}",
    source="a limit of this account, not of AWS: what it cannot honour it refuses",
)
CUSTOM_NAMED = Rule(
    code="ValidationError",
    message="CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename {name} and update the stack again.",
    source="CloudFormation User Guide, Name type: a resource with a custom name cannot be replaced while it keeps the name",
)
NOT_STABILIZED = Rule(
    code="NotStabilized",
    message="Exceeded attempts to wait: {what}",
    source="CloudFormation CLI User Guide, Handler error codes: NotStabilized",
)

POLL_S = 0.5
"""How often a resource that takes time is looked at."""


@dataclass(frozen=True)
class Made:
    """A resource that exists: what Ref gives, and what Fn::GetAtt reads."""

    physical_id: str
    attributes: Mapping[str, Json] = field(default_factory=dict)


@dataclass
class Request:
    """One piece of work for a resource type.

    Attributes:
        properties: as the template has them, evaluated and typed.
        previous: the properties that were applied last; empty at a creation.
        physical_id: what Ref gives; at a creation empty until `exists_as` is called.
        attributes: what was last known of the attributes; empty at a creation.
        replaces: the properties of the resource that a creation takes the place of, if it does.
        update_policy: the resource's UpdatePolicy; empty at a creation.
    """

    account: Account
    region: str
    stack_name: str
    stack_id: str
    logical_id: str
    resource_type: str
    properties: Mapping[str, Json]
    previous: Mapping[str, Json] = field(default_factory=dict)
    physical_id: str = ""
    attributes: Mapping[str, Json] = field(default_factory=dict)
    replaces: Mapping[str, Json] | None = None
    update_policy: Mapping[str, Json] = field(default_factory=dict)

    @property
    def account_id(self) -> str:
        """The account's number, as ARNs have it."""
        return DEFAULT_ACCOUNT_ID

    def client(self, service: str) -> Client:
        """Return AWS's own client of a service in the stack's Region."""
        return self.account.client(service, self.region)

    def name(self, key: str, *, longest: int = 64, lower: bool = False) -> str:
        """Return the name that the template gives in this property, or a unique one made as CloudFormation makes it.

        Source: CloudFormation User Guide, Name type: stack name, logical id and a random suffix, shortened to fit.

        Raises:
            Refusal: the given name is that of the resource to be replaced, which still exists.
        """
        given = self.properties.get(key)
        if given:
            if self.replaces is not None and self.replaces.get(key) == given:
                raise CUSTOM_NAMED.refusal(name=given)
            return str(given)
        suffix = uuid.uuid4().hex[:12].upper()
        stem = f"{self.stack_name}-{self.logical_id}"[: longest - len(suffix) - 1].rstrip("-")
        name = f"{stem}-{suffix}"
        return name.lower() if lower else name

    def only(self, *names: str) -> None:
        """Refuse properties that this account would ignore.

        Raises:
            Refusal: there are properties other than those named.
        """
        unknown = sorted(set(self.properties) - set(names))
        if unknown:
            raise UNMODELLED_PROPERTY.refusal(
                names=", ".join(unknown), resource_type=self.resource_type
            )

    def without(self, *names: str) -> dict[str, Json]:
        """Return the properties but those named."""
        return {key: value for key, value in self.properties.items() if key not in names}

    def exists_as(self, physical_id: str) -> str:
        """Say that the resource exists from here on: if the rest of its creation fails, it is deleted again."""
        self.physical_id = physical_id
        return physical_id

    def changed(self, *names: str) -> bool:
        """Return whether any of these properties differs from what was applied last."""
        return any(self.properties.get(name) != self.previous.get(name) for name in names)

    def wait_until(self, ready: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Return when it is so, looking every so often.

        Raises:
            Refusal: it is not so after this time, in seconds.
        """
        clock = self.account.clock
        end_s = clock.now() + timeout_s
        while not ready():
            if clock.now() >= end_s:
                raise NOT_STABILIZED.refusal(what=what)
            clock.wait(POLL_S)


@dataclass(frozen=True)
class Handler:
    """One resource type.

    Attributes:
        create: makes the resource.
        update: changes it in place; the engine calls it only when no create-only property changed.
        delete: removes it; that it is gone already is no error.
        replaced_by: properties whose change replaces the resource although the schema does not say so.
    """

    create: Callable[[Request], Made]
    update: Callable[[Request], Made]
    delete: Callable[[Request], None]
    replaced_by: frozenset[str] = frozenset()


GONE = (
    "NotFound",
    "NoSuch",
    "NonExistent",
    "DoesNotExist",
    "ResourceNotFound",
    "QueueDoesNotExist",
)


def gone(error: ClientError) -> bool:
    """Return whether an error says that the resource does not exist: a deletion has nothing left to do."""
    code = str(error.response["Error"]["Code"])
    return any(part in code for part in GONE)


def deleted(call: Callable[..., object], **arguments: Json) -> None:
    """Delete, and take what is gone already for deleted."""
    try:
        call(**arguments)
    except ClientError as error:
        if not gone(error):
            raise


def difference(
    wanted: Mapping[str, str], present: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return the tags to set and the keys to remove."""
    return (
        {key: value for key, value in wanted.items() if present.get(key) != value},
        [key for key in present if key not in wanted],
    )


def tags(pairs: Json) -> dict[str, str]:
    """Return a template's list of Key and Value as a mapping."""
    return {pair["Key"]: pair["Value"] for pair in pairs or ()}


def pairs(mapping: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a mapping as the list of Key and Value that most APIs take."""
    return [{"Key": key, "Value": value} for key, value in mapping.items()]
