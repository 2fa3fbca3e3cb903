"""CNI plugins in a guest, started as Multus and libcni start them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from domain.node import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kernellab.guest import Guest

POD_LINK = "net1"

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Attachment:
    """A pod's attachment to a network."""

    guest: Guest
    pod: str
    """Its network namespace."""
    network: Json
    """The configuration: a plugin's, or a list of `plugins`."""
    node: str | None = None
    """The network namespace that stands for the node; None for the guest's own."""

    def add(self, *, device: str | None = None, **runtime: object) -> Json:
        """Attach the pod and return the result of the last plugin; each but the first is given that of the one before.

        Args:
            device: the PCI address that the device plugin chose for the pod.
            runtime: from the pod's annotation, by capability.

        Raises:
            CommandFailed: a plugin fails.
        """
        result: Json | None = None
        for plugin in self._plugins():
            result = self._run("ADD", plugin, result, device, runtime)
        assert result is not None
        return result

    def check(self, result: Json, *, device: str | None = None, **runtime: object) -> None:
        """Have every plugin look whether all is as it left it, unless the network is not to be looked at."""
        for plugin in () if self.network.get("disableCheck") else self._plugins():
            self._run("CHECK", plugin, result, device, runtime)

    def delete(self, result: Json | None = None, *, device: str | None = None) -> None:
        """Detach the pod, the last plugin first."""
        for plugin in reversed(self._plugins()):
            self._run("DEL", plugin, result, device, {})

    def _plugins(self) -> Sequence[Json]:
        head = {key: self.network[key] for key in ("name", "cniVersion")}
        chain: list[Json] = self.network.get("plugins", [self.network])
        return [{**plugin, **head} for plugin in chain]

    def _run(
        self,
        command: str,
        plugin: Json,
        previous: Json | None,
        device: str | None,
        runtime: Mapping[str, object],
    ) -> Json:
        configuration = dict(plugin)
        capabilities = plugin.get("capabilities", {})
        given = {key: value for key, value in runtime.items() if capabilities.get(key)}
        if given:
            configuration["runtimeConfig"] = given
        if device is not None:
            configuration.update(deviceID=device, pciBusID=device)
        if previous is not None:
            configuration["prevResult"] = previous
        environment = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": f"container-{self.pod}",
            "CNI_NETNS": f"/var/run/netns/{self.pod}",
            "CNI_IFNAME": POD_LINK,
            "CNI_PATH": layout.CNI_PLUGINS,
        }
        inside = ["ip", "netns", "exec", self.node] if self.node else []
        program = f"{layout.CNI_PLUGINS}/{configuration['type']}"
        said = self.guest.run([*inside, program], stdin=json.dumps(configuration), env=environment)
        return dict(json.loads(said.check().stdout or "{}"))


def from_the_node(guest: Guest, network: str) -> Json:
    """Return what Multus takes for a NetworkAttachmentDefinition that has no spec: the node's file whose key `name` is its.

    Raises:
        LookupError: the node has none.
    """
    folder = layout.CNI_CONFIGURATION
    for name in sorted(guest.run(["ls", folder]).check().stdout.split()):
        found: Json = json.loads(guest.read(f"{folder}/{name}") or b"")
        if found["name"] == network:
            return found
    raise LookupError(network)
