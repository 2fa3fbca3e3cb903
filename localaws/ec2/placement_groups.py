"""Placement groups by name: made and shown, without any effect on where instances are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.moto_api._internal import mock_random

from localaws.ec2 import filters, refusals, tagging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.ec2.region import Region
    from localaws.ec2.wire import Answer

    Params = Mapping[str, Any]


@dataclass(frozen=True)
class PlacementGroup:
    """A placement group of the account's own."""

    group_id: str
    name: str
    strategy: str
    tags: Mapping[str, str]


_FILTERS = {
    "group-name": lambda group: (group.name,),
    "state": lambda _: ("available",),
    "strategy": lambda group: (group.strategy,),
}


def create_placement_group(region: Region, params: Params) -> Answer:
    """Make a placement group; the strategy is `cluster` unless another is asked for (EC2 API reference, CreatePlacementGroup)."""
    name = params["GroupName"]
    if name in region.placement_groups:
        raise refusals.PLACEMENT_GROUP_EXISTS.refusal(name=name)
    tags = tagging.tags_in_specifications(params.get("TagSpecifications", ()), "placement-group")
    group = PlacementGroup(
        f"pg-{mock_random.get_random_hex(17)}", name, params.get("Strategy", "cluster"), tags
    )
    region.placement_groups[name] = group
    return {"PlacementGroup": _view(group)}


def describe_placement_groups(region: Region, params: Params) -> Answer:
    """Show placement groups; an unknown name fails the call (EC2 API reference, DescribePlacementGroups)."""
    names = params.get("GroupNames", ())
    missing = [name for name in names if name not in region.placement_groups]
    if missing:
        raise refusals.PLACEMENT_GROUP_NOT_FOUND.refusal(names=", ".join(missing))
    chosen = [each for each in region.placement_groups.values() if not names or each.name in names]
    matching = filters.select(chosen, params.get("Filters", ()), _FILTERS, lambda each: each.tags)
    return {"PlacementGroups": [_view(each) for each in matching]}


def _view(group: PlacementGroup) -> Answer:
    return {
        "GroupName": group.name,
        "GroupId": group.group_id,
        "State": "available",
        "Strategy": group.strategy,
        "Tags": [{"Key": key, "Value": value} for key, value in group.tags.items()],
    }
