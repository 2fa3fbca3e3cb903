"""What each node of a deployment of the sample gets: one interface per subnet, in the order of their device index."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain import tags
from domain.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authoring.migration.source import Source, Subnet
    from authoring.migration.templates import Template


@dataclass(frozen=True)
class Attached:
    """One interface that the sample attaches to each node."""

    subnets: Mapping[str, str]
    """By Availability Zone."""
    security_group: str
    ipv6: bool | None
    """Whether it has an IPv6 address; None when nothing says so."""
    came_from: str
    """The parameters, for a person."""


@dataclass
class Reading:
    """What is found out on the way: problems, and what a person has to look at."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def subnets_of(source: Source, template: Template) -> list[list[str]]:
    """Return the Multus subnets: a list per Availability Zone, in the order of the interfaces."""
    lists = [source.listed(name) for name in template.subnets]
    return [[one for each in lists for one in each]] if template.is_numbered else lists


def node_subnets_of(source: Source) -> list[str]:
    """Return the subnets that the nodes themselves are launched in, as far as the sample makes their group."""
    return source.listed("Subnets")


def read(
    source: Source, template: Template, subnets: Mapping[str, Subnet], reading: Reading
) -> list[Attached]:
    """Return the interfaces; what cannot be read or carried over is noted."""
    lists = subnets_of(source, template)
    names = [" and ".join(template.subnets)] if template.is_numbered else template.subnets
    zones = [
        _zone(source, name, ids, subnets, reading) for name, ids in zip(names, lists, strict=True)
    ]
    if len(lists) > 1 and lists[0] == lists[1]:
        lists, zones = lists[:1], zones[:1]
    if not all(zones) or not _fit_together(source, template, lists, zones, reading):
        return []
    count = len(lists[0])
    groups = _groups(source, template, count, reading)
    if not groups:
        return []
    attached = []
    for place in range(count):
        here = [ids[place] for ids in lists]
        attached.append(
            Attached(
                {zone: subnet for zone, subnet in zip(zones, here, strict=True) if zone},
                groups[place],
                _ipv6(source, template, place, [subnets[subnet] for subnet in here], reading),
                _origin(template, place, count, len(lists)),
            )
        )
    _look_at_zones(source, {zone for zone in zones if zone}, subnets, reading)
    return attached


def _zone(
    source: Source,
    name: str,
    ids: Sequence[str],
    subnets: Mapping[str, Subnet],
    reading: Reading,
) -> str | None:
    """Return the one zone of a list of subnets."""
    where = f"{source.label}: {name}"
    unknown = [subnet for subnet in dict.fromkeys(ids) if subnet not in subnets]
    if unknown:
        reading.problems += [
            Problem(where, subnet, *_why_unknown(source, subnet)) for subnet in unknown
        ]
        return None
    first = ids[0]
    zone = subnets[first].zone
    strays = [subnet for subnet in ids if subnets[subnet].zone != zone]
    for stray in strays:
        reading.problems.append(
            Problem(
                where,
                stray,
                f"is in {subnets[stray].zone}, and {first} in {zone}; the sample attaches all of them to each node, "
                "which EC2 refuses for those of another zone",
                "Write the file by hand, a map of zone to subnet for each interface (docs/configuration.md).",
            )
        )
    return None if strays else zone


def _why_unknown(source: Source, subnet: str) -> tuple[str, str]:
    if source.resources:
        return (
            "is not a subnet of this account and Region",
            "Is --region the stack's? A subnet that was deleted serves no node: mend the stack first.",
        )
    return (
        "has an Availability Zone that nothing here tells",
        f"Add --zone {subnet}=ZONE, with what aws ec2 describe-subnets --subnet-ids {subnet} says "
        "(AvailabilityZone, such as us-east-1a).",
    )


def _fit_together(
    source: Source,
    template: Template,
    lists: Sequence[Sequence[str]],
    zones: Sequence[str | None],
    reading: Reading,
) -> bool:
    """Return whether two lists are the same interfaces in two zones."""
    where = f"{source.label}: {' and '.join(template.subnets)}"
    fine = True
    if len({len(ids) for ids in lists}) > 1:
        fine = False
        reading.problems.append(
            Problem(
                where,
                [len(ids) for ids in lists],
                "have different numbers of subnets, so nodes have more interfaces in one zone than in the other",
                "Every interface of a group needs a subnet in each zone: add what is missing, or write a group per zone "
                "by hand, each with an Auto Scaling group of its own.",
            )
        )
    if len(set(zones)) < len(zones):
        fine = False
        reading.problems.append(
            Problem(
                where,
                zones[0],
                "are both in this zone, where the sample uses the second list only",
                "Give the same list twice; the second is then the only one.",
            )
        )
    return fine


def _groups(source: Source, template: Template, count: int, reading: Reading) -> list[str]:
    """Return a security group for each interface: the sample takes one for all, or one for each by its place."""
    groups = [one for name in template.groups for one in source.listed(name)]
    if len(groups) == 1:
        return groups * count
    if len(groups) == count:
        return groups
    reading.problems.append(
        Problem(
            f"{source.label}: {' and '.join(template.groups)}",
            ",".join(groups),
            f"has {len(groups)} security groups for {count} subnets; the sample's function ends with an error there",
            "Give one for all interfaces, or one for each in the order of the subnets.",
        )
    )
    return []


def _ipv6(
    source: Source, template: Template, place: int, subnets: Sequence[Subnet], reading: Reading
) -> bool | None:
    if template.ipv6 is None:
        return False
    if template.ipv6:
        return (source.says(template.ipv6[place]) or "").lower() == "true"
    known = {subnet.has_ipv6 for subnet in subnets}
    if known == {True, False}:
        reading.notes.append(
            f"Interface {place + 1} has an IPv6 address in one zone only, because only one of its subnets has an IPv6 "
            "range. Here all zones are alike, so it has none: give the other subnet a range and write "
            "`ipv6: {count: 1}`."
        )
        return False
    return None if None in known else known == {True}


def _origin(template: Template, place: int, count: int, lists: int) -> str:
    if template.is_numbered:
        group = template.groups[place if len(template.groups) > 1 else 0]
        return f"{template.subnets[place]} and {group}"
    names = " and ".join(template.subnets[:lists])
    which = f"Number {place + 1} of " if count > 1 else ""
    return f"{which}{names}; {template.groups[0]}"


def _look_at_zones(
    source: Source, served: set[str], subnets: Mapping[str, Subnet], reading: Reading
) -> None:
    """Note the zones that the group launches nodes in and that have no Multus subnet."""
    launched = {subnets[one].zone for one in node_subnets_of(source) if one in subnets}
    for zone in sorted(launched - served):
        reading.notes.append(
            f"{source.label} launches nodes in {zone} too (Subnets), where there is no Multus subnet. The sample abandons "
            f"such a node, and so would we: take {zone} from the group, or add a subnet there to every interface."
        )


def carried_tags(source: Source, template: Template, reading: Reading) -> dict[str, str]:
    """Return the interfaces' tags as the sample sets them, without those that the product does not let a person set."""
    written = source.says(template.tags) if template.tags else None
    carried: dict[str, str] = {}
    for pair in (written or "").split(","):
        key, equals, value = pair.partition("=")
        if not equals:
            if pair.strip():
                reading.notes.append(
                    f"{template.tags}: {pair!r} is no key=value; the sample sets no tag there."
                )
            continue
        # The sample's function takes what is between the first two equals signs.
        value = value.split("=")[0]
        reason = _why_left(key)
        if reason:
            reading.notes.append(f"{template.tags}: {key}={value} is left out, {reason}.")
        else:
            carried[key] = value
    return carried


def _why_left(key: str) -> str:
    if key == tags.NO_MANAGE:
        return "because it is set on every interface anyway, from its birth"
    if key == tags.NAME:
        return "because the product sets Name itself, from stack, node group and interface"
    if key.lower().startswith(tags.RESERVED_PREFIXES):
        return "because its prefix is reserved (docs/configuration.md, Tags)"
    return "because a tag needs a key" if not key else ""


def ids_to_know(pairs: Sequence[tuple[Source, Template]]) -> Iterator[str]:
    """Yield the subnets of which zone and IPv6 range must be known."""
    for source, template in pairs:
        for ids in subnets_of(source, template):
            yield from ids
        yield from node_subnets_of(source)
