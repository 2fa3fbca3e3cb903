"""A guest as a node of a node group: its configuration in the built archive, ENIs that are attached as EC2 attaches them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.node import layout
from domain.node.config import NodeConfig, NodeGroup, NodeInterface
from kernellab.guest import Nic
from kernellab.imds import Eni
from stacks.bootstrap_archive import archive_bytes, bootstrap_content

if TYPE_CHECKING:
    from kernellab.guest import Background, Guest, Result

REPOSITORY = Path(__file__).parents[2]
GROUP = "user-plane"


def interface(position: int) -> NodeInterface:
    """Return the promised interface at a position from 1: net1 in subnet-1, called mul0, and so on."""
    return NodeInterface(
        name=f"net{position}",
        link_name=f"mul{position - 1}",
        network_card_index=0,
        device_index=position,
        device_index_fixed=False,
        subnet_ids=(f"subnet-{position}",),
        security_group_ids=(),
    )


def eni(position: int) -> Eni:
    """Return what the metadata service says of the ENI for that interface: 10.0.<position>.10/24."""
    return Eni(
        mac=f"0e:00:00:00:00:{position + 1:02x}",
        device_number=position,
        interface_id=f"eni-{position:017x}",
        subnet_id=f"subnet-{position}",
        subnet_ipv4_cidr_block=f"10.0.{position}.0/24",
        local_ipv4s=(f"10.0.{position}.10",),
    )


@dataclass
class Node:
    """A guest whose archive is of one node group."""

    guest: Guest
    group: NodeGroup

    def fetch(self) -> None:
        """Put the archive where user data puts it, as the stack builds it."""
        config = NodeConfig("MultusEni-lab", "lab", None, (self.group,))
        content = bootstrap_content(config, repository=REPOSITORY)
        self.guest.put(layout.FETCHED, archive_bytes(content), 0o755)

    def begin_install(self, *options: str) -> Background:
        """Start what the last line of user data starts."""
        return self.guest.start(
            [
                "/usr/bin/python3",
                "-IS",
                layout.FETCHED,
                "install",
                "--node-group",
                self.group.name,
                *options,
            ]
        )

    def install(self, *options: str, timeout_s: float = 180.0) -> Result:
        """Install and run to the end."""
        return self.begin_install(*options).wait(timeout_s)

    def try_out(self, *options: str, timeout_s: float = 180.0) -> Result:
        """Run what was fetched, without installing it."""
        return self.guest.run(
            [
                "/usr/bin/python3",
                "-IS",
                layout.FETCHED,
                "run",
                "--node-group",
                self.group.name,
                *options,
            ],
            timeout_s,
        )

    def command(self, *arguments: str, timeout_s: float = 180.0) -> Result:
        """Run the installed command."""
        return self.guest.run(["/usr/local/sbin/multus-node", *arguments], timeout_s)

    def status(self) -> dict[str, Any]:
        """Return the status file."""
        text = self.guest.read("/run/multus-node/status.json")
        assert text is not None
        document: dict[str, Any] = json.loads(text)
        return document

    def attach(self, attached: Eni, segment: str | None = None) -> str:
        """Plug an ENI's device in, then tell of it; return its PCI address."""
        address = self.guest.plug(Nic(attached.mac, segment or attached.subnet_id))
        self.guest.imds.attach(attached)
        return address

    def ip(self, *arguments: str) -> list[dict[str, Any]]:
        """Return what `ip -json` says."""
        said = self.guest.run(["ip", "-json", *arguments]).check().stdout
        found: list[dict[str, Any]] = json.loads(said or "[]")
        return found

    def driver(self, address: str) -> str:
        """Return the driver of a PCI device; empty for none."""
        path = f"/sys/bus/pci/devices/{address}/driver"
        return self.guest.run(f"basename $(readlink {path}) 2> /dev/null").stdout.strip()

    def host(self) -> str:
        """Return the content of every file that the product may write, and all that the kernel has of its links."""
        return self.guest.run(
            "find /etc /opt/multus-node /usr/local /var/lib/multus-node -type f -not -path '*/__pycache__/*' -exec sha256sum {} +"
            " 2> /dev/null | sort;"
            " ip -o link; ip -o address | sed 's/valid_lft.*//'; ip rule; ip -6 rule;"
            " ip route show table all | sort; grep -r . /proc/sys/net/ipv4/conf;"
            " ls -l /sys/bus/pci/drivers/*/0000*"
        ).stdout
