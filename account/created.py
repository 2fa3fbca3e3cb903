"""What the file names for groups that are created, as far as it is there. Nobody is asked about what no group names.

All is asked by filters: one unknown id or name would fail the whole call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from account.asking import FILTER_VALUES, chunks, pages, seen
from domain.preflight.observed import Image

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from account.asking import Raw
    from domain.preflight.observed import Shown
    from domain.preflight.planned import Created


class Named:
    """Looks up what groups name."""

    def __init__(self, ec2: Any, groups: Iterable[Created]) -> None:  # noqa: ANN401 - a boto3 client
        """Take the client, and what is named for each group."""
        self._ec2, self._groups = ec2, tuple(groups)

    def images(self) -> Shown[Mapping[str, Image]]:
        """Return the images that this account may launch. A deprecated one can be launched, and is listed only on
        request (EC2 API reference, DescribeImages, IncludeDeprecated)."""

        def ask() -> Mapping[str, Image]:
            found = [
                _image(raw)
                for chunk in chunks(self._names("ami"), FILTER_VALUES)
                for raw in pages(
                    self._ec2,
                    "describe_images",
                    "Images",
                    Filters=[{"Name": "image-id", "Values": chunk}],
                    IncludeDeprecated=True,
                )
            ]
            return {each.image_id: each for each in found}

        return seen("ec2:DescribeImages", ask)

    def key_pairs(self) -> Shown[frozenset[str]]:
        """Return the names of the key pairs that there are; the call has no pages."""
        return seen(
            "ec2:DescribeKeyPairs",
            lambda: frozenset(
                raw["KeyName"]
                for chunk in chunks(self._names("key_pair"), FILTER_VALUES)
                for raw in self._ec2.describe_key_pairs(
                    Filters=[{"Name": "key-name", "Values": chunk}]
                )["KeyPairs"]
            ),
        )

    def placement_groups(self) -> Shown[Mapping[str, str]]:
        """Return the strategy of each placement group that is available, by name; the call has no pages."""
        return seen(
            "ec2:DescribePlacementGroups",
            lambda: {
                raw["GroupName"]: raw["Strategy"]
                for chunk in chunks(self._names("placement_group"), FILTER_VALUES)
                for raw in self._ec2.describe_placement_groups(
                    Filters=[
                        {"Name": "group-name", "Values": chunk},
                        {"Name": "state", "Values": ["available"]},
                    ]
                )["PlacementGroups"]
            },
        )

    def _names(self, key: str) -> Sequence[str]:
        return sorted({name for group in self._groups if (name := getattr(group, key)) is not None})


def _image(raw: Raw) -> Image:
    root_device = raw.get("RootDeviceName")
    sizes = [
        mapping.get("Ebs", {}).get("VolumeSize")
        for mapping in raw.get("BlockDeviceMappings", [])
        if mapping.get("DeviceName") == root_device
    ]
    return Image(
        raw["ImageId"],
        raw["Architecture"],
        raw["State"],
        root_device=root_device,
        root_gib=sizes[0] if sizes else None,
    )
