"""What can be read of a file that has faults, so that a person sees all of them at once and not in rounds."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, TypeVar
from zlib import crc32

from pydantic import BaseModel, TypeAdapter, ValidationError

from authoring.created import Cluster, Create
from authoring.models import (
    WAYS_TO_NAME,
    Hook,
    HugePages,
    Interface,
    InterfaceNode,
    Node,
    Reconcile,
    has_ready_hook,
)
from authoring.shapes import (
    AccountId,
    RegionName,
    SecurityGroupIdText,
    StackName,
    SubnetIdText,
    TopicArn,
    ZoneName,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authoring.problems import Location

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Text:
    """A text and where it stands."""

    location: Location
    value: str


@dataclass(frozen=True)
class Map(Generic[Model]):
    """A map of keys; those in `unreadable` have defaults, or stand-ins, for what is written."""

    location: Location
    item: Model
    unreadable: frozenset[str]

    def says(self, *keys: str) -> bool:
        """Return whether what `item` has for all of these keys is what the file says, or its default."""
        return self.unreadable.isdisjoint(keys)


@dataclass(frozen=True)
class WrittenInterface:
    """An interface whose keys in `unreadable` have stand-ins for their values."""

    location: Location
    item: Interface
    unreadable: frozenset[str]
    node: Map[InterfaceNode]
    """What `item.node` would be, key by key."""
    tag_keys: frozenset[str]
    """All that are written, right or wrong: one that is wrong still takes the place of a tag."""


@dataclass(frozen=True)
class WrittenGroup:
    """What can be read of a node group."""

    location: Location
    name: Text | None
    named_by: tuple[str, ...]
    """Those of the keys that say which group it is that are written, right or wrong."""
    auto_scaling_group: Text | None
    managed_node_group: Text | None
    create: Map[Create] | None
    instance_types: tuple[Text, ...]
    node: Map[Node]
    huge_pages: tuple[tuple[Location, HugePages], ...]
    """Those entries that are right in themselves."""
    interfaces: tuple[WrittenInterface, ...]

    @property
    def has_ready_hook(self) -> bool:
        """Return whether nodes answer a launch hook of their own."""
        return has_ready_hook(self.node.item, created=self.create is not None)


@dataclass(frozen=True)
class Written:
    """What can be read of a file."""

    name: Text | None
    cluster_name: Text | None
    cluster: Cluster | None
    hook: Hook | None
    reconcile: Reconcile | None
    region: Text | None
    account: Text | None
    alarm_topic: Text | None
    tag_keys: frozenset[str]
    groups: tuple[WrittenGroup, ...]


def read(data: object) -> Written:
    """Return what can be read of a file's data, whatever else is wrong with it."""
    top = _map(data)
    return Written(
        name=_shaped(TypeAdapter(StackName), _text((), top, "name")),
        cluster_name=_text((), top, "cluster_name"),
        cluster=_valid(Cluster, top.get("cluster")),
        hook=_valid(Hook, top.get("hook", {})),
        reconcile=_valid(Reconcile, top.get("reconcile", {})),
        region=_shaped(TypeAdapter(RegionName), _text((), top, "region")),
        account=_shaped(TypeAdapter(AccountId), _text((), top, "account")),
        alarm_topic=_shaped(TypeAdapter(TopicArn), _text((), top, "alarm_topic_arn")),
        tag_keys=_keys(top.get("tags")),
        groups=tuple(
            _group(("node_groups", position), _map(raw))
            for position, raw in enumerate(_list(top.get("node_groups")))
        ),
    )


def _group(here: Location, raw: Mapping[object, object]) -> WrittenGroup:
    node = _map(raw.get("node"))
    pages = [
        ((*here, "node", "huge_pages", position), _valid(HugePages, entry))
        for position, entry in enumerate(_list(node.get("huge_pages")))
    ]
    return WrittenGroup(
        location=here,
        name=_text(here, raw, "name"),
        # A key whose lines are all commented out is null, which says as little as none.
        named_by=tuple(key for key in WAYS_TO_NAME if raw.get(key) is not None),
        auto_scaling_group=_text(here, raw, "auto_scaling_group"),
        managed_node_group=_text(here, raw, "managed_node_group"),
        create=_key_by_key(Create, (*here, "create"), _map(raw["create"]), _CREATE_STAND_INS)
        if raw.get("create") is not None
        else None,
        instance_types=tuple(
            Text((*here, "instance_types", position), name)
            for position, name in enumerate(_list(raw.get("instance_types")))
            if isinstance(name, str)
        ),
        node=_key_by_key(Node, (*here, "node"), node),
        huge_pages=tuple((location, entry) for location, entry in pages if entry is not None),
        interfaces=tuple(
            _interface((*here, "interfaces", position), _map(written))
            for position, written in enumerate(_list(raw.get("interfaces")))
        ),
    )


_STAND_INS: Mapping[str, object] = {
    "name": "unreadable",
    "subnets": ["subnet-00000000"],
    "security_groups": ["sg-00000000"],
}
_CREATE_STAND_INS: Mapping[str, object] = {
    "subnets": {"us-east-1a": "subnet-00000000"},
    "min_size": 0,
    "max_size": 1,
}
_ZONE: TypeAdapter[str] = TypeAdapter(ZoneName)
_SUBNET_ID: TypeAdapter[str] = TypeAdapter(SubnetIdText)
_SECURITY_GROUP_ID: TypeAdapter[str] = TypeAdapter(SecurityGroupIdText)


def _key_by_key(
    model: type[Model],
    here: Location,
    written: Mapping[object, object],
    stand_ins: Mapping[str, object] = MappingProxyType({}),
) -> Map[Model]:
    """Read a map key by key: one that is malformed, unknown or missing takes none of the others with it.

    Args:
        model: what the map should be.
        here: where it stands.
        written: the map.
        stand_ins: for the keys without a default.
    """
    try:
        return Map(here, model.model_validate(written), frozenset())
    except ValidationError as error:
        unreadable = frozenset(str(detail["loc"][0]) for detail in error.errors())
        kept = {str(key): value for key, value in written.items() if str(key) not in unreadable}
        return Map(here, model.model_validate({**stand_ins, **kept}), unreadable)


def _interface(here: Location, written: Mapping[object, object]) -> WrittenInterface:
    node = _key_by_key(InterfaceNode, (*here, "node"), _map(written.get("node")))
    mended = {**written, **_mended(written)}
    try:
        item, unreadable = Interface.model_validate(mended), frozenset[str]()
    except ValidationError as error:
        unreadable = frozenset(str(detail["loc"][0]) for detail in error.errors())
        kept = {str(key): value for key, value in mended.items() if str(key) not in unreadable}
        item = Interface.model_validate({**_STAND_INS, **kept})
    return WrittenInterface(here, item, unreadable, node, _keys(written.get("tags")))


def _mended(written: Mapping[object, object]) -> dict[object, object]:
    """Return maps of zones and lists of ids with a stand-in for each malformed id.

    One mistyped id must not hide that another interface names fewer zones, or that the list is too long; a mistyped
    zone hides it, for the zone it was meant to be is not missing. A stand-in is the same for the same zone and
    different within a list, so that it is no fault of its own.
    """
    mended: dict[object, object] = {}
    subnets, groups = written.get("subnets"), written.get("security_groups")
    if isinstance(subnets, dict) and all(_fits(_ZONE, zone) for zone in subnets):
        mended["subnets"] = {
            zone: subnet if _fits(_SUBNET_ID, subnet) else f"subnet-{crc32(zone.encode()):08x}"
            for zone, subnet in subnets.items()
        }
    if isinstance(groups, list):
        mended["security_groups"] = [
            group if _fits(_SECURITY_GROUP_ID, group) else f"sg-{place:08x}"
            for place, group in enumerate(groups)
        ]
    return mended


def _fits(shape: TypeAdapter[str], written: object) -> bool:
    try:
        shape.validate_python(written)
    except ValidationError:
        return False
    return True


def _valid(model: type[Model], raw: object) -> Model | None:
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


def _shaped(shape: TypeAdapter[str], text: Text | None) -> Text | None:
    return text if text is not None and _fits(shape, text.value) else None


def _text(here: Location, raw: Mapping[object, object], key: str) -> Text | None:
    value = raw.get(key)
    return Text((*here, key), value) if isinstance(value, str) else None


def _map(raw: object) -> Mapping[object, object]:
    return raw if isinstance(raw, dict) else {}


def _keys(raw: object) -> frozenset[str]:
    return frozenset(key for key in _map(raw) if isinstance(key, str))


def _list(raw: object) -> list[object]:
    return raw if isinstance(raw, list) else []
