"""What the guest's metadata service says, decided from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernellab.imds import State, node_state

if TYPE_CHECKING:
    from kernellab.guest import Guest
    from kernellab.imds import Eni, Fault

_IMDS_STATE = "/var/lib/kernellab/imds.json"
_IMDS_LOG = "/run/lab-imds.log"


class Metadata:
    """The guest's IMDS, rewritten from outside."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self.state: State = node_state()

    def publish(self) -> None:
        """Hand the state to the guest; the server reads it for every request."""
        self._guest.put(_IMDS_STATE, self.state.to_json())

    def attach(self, eni: Eni) -> None:
        """Tell of a network interface, as IMDS does some time after it was attached."""
        self.state.enis.append(eni)
        self.publish()

    def detach(self, mac: str) -> None:
        """Tell no longer of a network interface."""
        self.state.enis = [eni for eni in self.state.enis if eni.mac != mac]
        self.publish()

    def break_path(self, path: str, fault: Fault) -> None:
        """Let a path below /latest/ and all under it misbehave."""
        self.state.faults[path] = fault
        self.publish()

    def heal(self) -> None:
        """End every fault."""
        self.state.faults.clear()
        self.publish()

    def requests(self) -> list[tuple[str, str, int]]:
        """List what was asked since this boot: method, path and the status of the answer."""
        log = (self._guest.read(_IMDS_LOG) or b"").decode()
        return [
            (method, path, int(status)) for method, path, status in map(str.split, log.splitlines())
        ]

    def stop(self) -> None:
        """Take the service and its address away: nothing answers there."""
        self._guest.run(
            "systemctl stop lab-imds.service && ip route add blackhole 169.254.169.254/32", 20
        ).check()

    def resume(self) -> None:
        """Bring the service back."""
        self._guest.run(
            "ip route del blackhole 169.254.169.254/32; systemctl start lab-imds.service", 20
        ).check()
