"""EC2 instance types: network limits and CPUs as DescribeInstanceTypes states them (NetworkInfo, VCpuInfo), and their images."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Limits:
    """How much one instance type takes."""

    interfaces_by_card: tuple[int, ...]
    """The most network interfaces per network card, by card index. Card 0 holds the primary one."""
    ipv4_per_interface: int
    """The primary address included."""
    ipv6_per_interface: int
    """0: the type has no IPv6."""
    cpus: int
    """vCPUs, unless a launch asks for fewer."""
    nitro: bool = True
    """Whether it is of the Nitro System, or bare metal."""
    ena: bool = True
    """Whether it has the ENA, which DPDK's driver is for."""

    def on_card(self, card: int) -> int:
        """Return how many network interfaces a card takes; a card that the type does not have takes none."""
        return self.interfaces_by_card[card] if card < len(self.interfaces_by_card) else 0

    def have_room(self, wanted: Mapping[int, int]) -> bool:
        """Return whether a node can have so many interfaces, by card, besides its primary one."""
        return all(count + (card == 0) <= self.on_card(card) for card, count in wanted.items())


def architecture(type_name: str) -> str:
    """Return `arm64` or `x86_64`, by the name: Graviton's families have a g behind their generation (EC2 User Guide, instance
    type naming conventions), and a1 is Graviton's first."""
    return "arm64" if re.match(r"(a1|[a-z]+[0-9]+[a-z]*g[a-z]*)\.", type_name) else "x86_64"


def image_parameter(kubernetes_version: str, kind: str) -> str:
    """Return the name of the public parameter that has the recommended EKS image of Amazon Linux 2023 (Amazon EKS User Guide,
    "Retrieve recommended Amazon Linux AMI IDs").

    Args:
        kubernetes_version: like 1.33.
        kind: `arm64` or `x86_64`.
    """
    return f"/aws/service/eks/optimized-ami/{kubernetes_version}/amazon-linux-2023/{kind}/standard/recommended/image_id"


@cache
def known_types() -> Mapping[str, Limits]:
    """Return the limits of every instance type known; `tools/instance_types.py` writes the file behind it."""
    text = Path(__file__).with_name("instance_types.json").read_text(encoding="utf-8")
    return {
        name: Limits(
            tuple(raw["cards"]), raw["ipv4"], raw["ipv6"], raw["cpus"], raw["nitro"], raw["ena"]
        )
        for name, raw in json.loads(text).items()
    }
