"""What pydantic found, in our own words: where, what stands there, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authoring.created import Cluster, Create, RootVolume, Taint, Update, WarmPool
from authoring.models import (
    UNION_FORMS,
    Authored,
    ByTags,
    Hook,
    HugePages,
    Interface,
    InterfaceNode,
    Ipv6,
    Node,
    NodeGroup,
    PodPlugins,
    Reconcile,
)
from authoring.problems import Fault, Location
from authoring.shapes import REFUSED, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_MODELS: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): Authored,
    ("cluster",): Cluster,
    ("hook",): Hook,
    ("reconcile",): Reconcile,
    ("node_groups",): NodeGroup,
    ("node_groups", "auto_scaling_groups"): ByTags,
    ("node_groups", "create"): Create,
    ("node_groups", "create", "root_volume"): RootVolume,
    ("node_groups", "create", "taints"): Taint,
    ("node_groups", "create", "update"): Update,
    ("node_groups", "create", "warm_pool"): WarmPool,
    ("node_groups", "node"): Node,
    ("node_groups", "node", "huge_pages"): HugePages,
    ("node_groups", "interfaces"): Interface,
    ("node_groups", "interfaces", "node"): InterfaceNode,
    ("node_groups", "interfaces", "ipv6"): Ipv6,
    ("node_groups", "interfaces", "pod_plugins"): PodPlugins,
    ("node_groups", "interfaces", "subnets"): ByTags,
    ("node_groups", "interfaces", "security_groups"): ByTags,
}

_UNIONS = ("subnets", "security_groups")

_NO_PREFIXES = (
    "asks for address prefixes on a Multus interface",
    "Leave it out: a VPC supports prefix delegation for the VPC CNI's own interfaces, not for Multus with ipvlan.",
)
_NO_MACVLAN = (
    "macvlan cannot work here",
    "Leave it out and use ipvlan or host-device: a VPC does not forward frames of MAC addresses it did not give out.",
)
_REFUSED_KEYS = {
    "prefix_delegation": _NO_PREFIXES,
    "ipv4_prefixes": _NO_PREFIXES,
    "ipv6_prefixes": _NO_PREFIXES,
}

_TYPES = {
    "string_type": ("must be text", "Put it in quotes."),
    "int_type": ("must be a whole number", "Write digits only, without quotes."),
    "bool_type": ("must be true or false", "Write true or false, without quotes."),
    "dict_type": ("must be a map", "Write `key: value` lines under it."),
    "tuple_type": ("must be a list", "Write each entry on a line that begins with `- `."),
    "too_short": ("is empty", "Write at least one entry."),
    "string_too_short": ("is empty", "Write its text, or leave the key out."),
}


def faults(error: ValidationError) -> list[Fault]:
    """Return every fault that pydantic found, each once."""
    return [
        _fault(detail) for detail in error.errors(include_url=False) if not _is_consequence(detail)
    ]


def _is_consequence(detail: ErrorDetails) -> bool:
    """Whether pydantic calls a list too short only because it counts the well-formed entries."""
    return detail["type"] == "too_short" and bool(detail["input"])


def _fault(detail: ErrorDetails) -> Fault:
    location, kind = _location(detail), detail["type"]
    value, context = detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return Fault(location, None, "is missing", _what_it_is(location))
    if kind == "extra_forbidden":
        return Fault(location, value, *_unknown_key(location, value))
    if kind == REFUSED:
        return Fault(location, value, context["message"], context["remedy"])
    if kind == "literal_error":
        return Fault(location, value, *_no_choice(value, context["expected"]))
    if kind == "model_type":
        return Fault(location, value, "must be a map", _keys_of(location))
    return Fault(location, value, *_TYPES.get(kind, (detail["msg"], "See docs/configuration.md.")))


def _no_choice(value: object, expected: str) -> tuple[str, str]:
    return _NO_MACVLAN if value == "macvlan" else (f"must be {expected}", "Write one of them.")


def _location(detail: ErrorDetails) -> Location:
    """Return pydantic's location without what it adds: the form of a union, and a mark on a map's key."""
    raw = detail["loc"]
    if raw and raw[-1] == "[key]" and detail["type"] != "extra_forbidden":
        raw = raw[:-1]
    return tuple(
        step
        for before, step in zip((None, *raw), raw, strict=False)
        if not (before in _UNIONS and step in UNION_FORMS)
    )


def _model_at(location: Location) -> type[BaseModel] | None:
    return _MODELS.get(tuple(step for step in location if isinstance(step, str)))


def _what_it_is(location: Location) -> str:
    model = _model_at(location[:-1])
    field = model.model_fields.get(str(location[-1])) if model else None
    return f"Add it: {field.description}" if field and field.description else "Add it."


def _keys_of(location: Location) -> str:
    model = _model_at(location)
    return (
        f"Its keys are: {', '.join(model.model_fields) if model else 'in docs/configuration.md'}."
    )


def _unknown_key(location: Location, value: object) -> tuple[str, str]:
    key, model = str(location[-1]), _model_at(location[:-1])
    if key in _REFUSED_KEYS:
        return _REFUSED_KEYS[key]
    if "macvlan" in (key, value):
        return _NO_MACVLAN
    known = list(model.model_fields) if model else []
    guess = nearest(key, known)
    remedy = f"Did you mean {guess}?" if guess else f"Known keys here: {', '.join(known)}."
    return "is not a known key", remedy
