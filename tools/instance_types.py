"""Write authoring/instance_types.json: the network limits and CPUs of every EC2 instance type, from DescribeInstanceTypes.

The data come from the copy of DescribeInstanceTypes' answers that moto carries (moto/ec2/resources/
instance_types.json.gz), so that neither this script nor a synthesis needs an account. Run it after a new moto:
`python tools/instance_types.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

DESTINATION = Path(__file__).parents[1] / "authoring" / "instance_types.json"


def rendered(described: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the file's text: one line per type, sorted, with what `authoring.instance_types` reads.

    `described` maps a type to its DescribeInstanceTypes entry. A card that takes no ordinary interface counts as 0.
    """
    lines = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(_limits(described[name]))}" for name in sorted(described)
    )
    return f"{{\n{lines}\n}}\n"


def _limits(facts: Mapping[str, Any]) -> dict[str, Any]:
    network = facts["NetworkInfo"]
    cards = sorted(network["NetworkCards"], key=lambda card: int(card["NetworkCardIndex"]))
    return {
        "cards": [
            card["MaximumNetworkInterfaces"]
            if "interface" in card.get("InterfaceTypes", ["interface"])
            else 0
            for card in cards
        ],
        "ipv4": network["Ipv4AddressesPerInterface"],
        "ipv6": network["Ipv6AddressesPerInterface"],
        "cpus": facts["VCpuInfo"]["DefaultVCpus"],
        # As the VPC CNI tells it (amazon-vpc-cni-k8s, pkg/vpc): the hypervisor is nitro, or there is none.
        "nitro": facts.get("Hypervisor") == "nitro" or bool(facts.get("BareMetal")),
        "ena": network["EnaSupport"] != "unsupported",
    }


if __name__ == "__main__":
    DESTINATION.write_text(rendered(INSTANCE_TYPES), encoding="utf-8")
