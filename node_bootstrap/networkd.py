"""Has systemd-networkd make links what their files say, and waits on the kernel's word that they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.node import layout, links, sysctls
from domain.node.errors import LinkNotConfigured, LinkNotRenamed
from node_bootstrap import sysctl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.node.change import ConfigureLinks, RenameLink
    from domain.node.model import Device, Link
    from domain.node.routing import ExpectedLink
    from node_bootstrap.deadline import Deadline
    from node_bootstrap.files import Files
    from node_bootstrap.host import Changes, Kernel, Look
    from node_bootstrap.programs import Programs

NETWORKCTL_TIMEOUT_S = 30.0
"""networkctl only passes the word on over D-Bus; D-Bus itself gives up after 25 s."""
SETTLED_WITHIN_S = 20.0
"""Longer than systemd-networkd takes for links that have their carrier."""
LINK_STATES = "/run/systemd/netif/links"
_UNCLAIMED = "ADMIN_STATE=unmanaged"
_SET_BY_NETWORKD = (
    "net.ipv4.conf.{}.promote_secondaries",
    "net.ipv6.conf.{}.accept_ra",
    "net.ipv6.conf.{}.addr_gen_mode",
    "net.ipv6.conf.{}.dad_transmits",
)
"""What it sets on a link that it configures with a file of ours (seen with systemd 252)."""
UDEVADM_TIMEOUT_S = 60.0
"""udevadm waits until udev has taken the word, by its default for a minute (udevadm(8))."""


@dataclass(frozen=True)
class Unclaimed:
    """A link whose state no .network file tells, as it is."""

    link: Link
    parameters: Mapping[str, str]
    """The kernel's parameters of it that systemd-networkd would set, by key."""


def observe(files: Files, network: links.Network, devices: Mapping[str, Device]) -> links.Observed:
    """Return what `domain.node.links.plan` needs to know of the host.

    Args:
        files: to read systemd-networkd's and the kernel's parameters from.
        network: what the kernel has, as `observe_network` returns it.
        devices: the promised interfaces that are there, by name.
    """
    paths = [
        f"{layout.NETWORKD}/{name}"
        for name in files.names(layout.NETWORKD)
        if name.startswith(layout.NETWORKD_PREFIX) and name.endswith((".link", ".network"))
    ]
    link_names = [device.link.name for device in devices.values() if device.link is not None]
    return links.Observed(
        files={path: files.text(path) for path in (*paths, layout.SYSCTL)},
        network=network,
        sysctls=sysctl.read(files, sysctls.to_read(link_names)),
    )


def observe_network(kernel: Look) -> links.Network:
    """Return what the kernel has of links, addresses, routes and rules."""
    return links.Network(kernel.links(), kernel.addresses(), kernel.routes(), kernel.rules())


def rename(kernel: Kernel, change: RenameLink) -> None:
    """Rename a link.

    Raises:
        LinkNotRenamed: the kernel refuses: the name is another link's, also as an alternative name, or the link has gone.
    """
    try:
        kernel.rename(change.index, change.name)
    except OSError as refused:
        raise LinkNotRenamed(
            f"the kernel does not call link {change.before} {change.name}",
            value=str(refused),
            remedy="See ip link show for who has the name (altname too).",
        ) from refused


def unclaimed(files: Files, links: Iterable[Link]) -> tuple[Unclaimed, ...]:
    """Return the links that systemd-networkd knows and no .network file claims: nobody but the kernel keeps their state.

    systemd-networkd says so in a file per link, from which networkctl has it too (systemd 252, src/network/networkd-link.c,
    link_save). The file calls itself private: a link of which it says anything else is left to systemd-networkd.
    """
    return tuple(
        Unclaimed(link, sysctl.read(files, (key.format(link.name) for key in _SET_BY_NETWORKD)))
        for link in links
        if _UNCLAIMED in (files.text(f"{LINK_STATES}/{link.index}") or "").splitlines()
    )


def put_back(files: Files, kernel: Kernel, before: Iterable[Unclaimed]) -> None:
    """Make links up or down and give them MTU and parameters that they had, where systemd-networkd has left them otherwise.

    It takes back addresses and routes from a link that no file claims any more, and leaves the rest. A link has its former
    name again by now.

    Raises:
        OSError: the kernel refuses.
    """
    now = {link.index: link for link in kernel.links()}
    for one in before:
        found = now.get(one.link.index)
        if found is None:
            continue
        present = sysctl.read(files, one.parameters)
        for key, value in one.parameters.items():
            if present.get(key, value) != value:
                files.set(sysctl.path(key), value)
        # Last: addr_gen_mode has the kernel make an address, which goes when the link goes down.
        if (found.up, found.mtu) != (one.link.up, one.link.mtu):
            kernel.restore(one.link.index, up=one.link.up, mtu=one.link.mtu)


def reload(programs: Programs) -> None:
    """Have systemd-networkd read its files; it reconfigures the links whose file changed.

    Raises:
        ToolFailed: networkctl is missing, or systemd-networkd does not run.
    """
    programs.run(["networkctl", "reload"], timeout_s=NETWORKCTL_TIMEOUT_S)


def reload_link_files(programs: Programs) -> None:
    """Have udev read its .link files now: by itself it looks for changed ones every three seconds at most.

    systemd, src/udev/udevd.c (252): event_queue_start.

    Raises:
        ToolFailed: udevadm is missing, or udev does not run.
    """
    programs.run(["udevadm", "control", "--reload"], timeout_s=UDEVADM_TIMEOUT_S)


def configure(
    change: ConfigureLinks,
    expected: Iterable[ExpectedLink],
    *,
    programs: Programs,
    kernel: Kernel,
    events: Changes,
    deadline: Deadline,
) -> None:
    """Have systemd-networkd configure links, and wait until they are what they must be.

    States it can find:
    1. Files that systemd-networkd has not read: written by this run, or by one that was killed. `reload` reads all and
       reconfigures the links whose file changed.
    2. Links whose files it has read and that are not what these say, after a rename or because somebody changed them:
       `reconfigure`. It acts on what is loaded, so it comes after `reload`.
    3. Links that it is at work on: reconfiguring them again does no harm.
    4. Links that stay what they are: on a busy machine one kept, for as long as it was waited for, a link-local address that
       its file forbids (seen with 252; why is not known). They are reconfigured once more while there is time.

    Raises:
        ToolFailed: networkctl is missing, or systemd-networkd does not run.
        LinkNotConfigured: the deadline is over, and which pieces are missing.
    """
    reload(programs)
    if change.drifted:
        programs.run(["networkctl", "reconfigure", *change.drifted], timeout_s=NETWORKCTL_TIMEOUT_S)
    wanted = [link for link in expected if link.name in change.links]
    try:
        await_state(wanted, kernel, events, deadline.within(SETTLED_WITHIN_S))
    except LinkNotConfigured:
        if deadline.is_over():
            raise
        programs.run(
            ["networkctl", "reconfigure", *(link.name for link in wanted)],
            timeout_s=NETWORKCTL_TIMEOUT_S,
        )
        await_state(wanted, kernel, events, deadline)


def await_state(
    expected: Iterable[ExpectedLink], kernel: Look, events: Changes, deadline: Deadline
) -> None:
    """Wait until links are what they must be; every change in the kernel is a look.

    While one has no carrier a look is at the links alone: systemd-networkd gives a link its addresses after that, and a
    dump of all routes at every change would take the time from it.

    Raises:
        LinkNotConfigured: they were not when the deadline was over.
    """
    pending = list(expected)
    while pending:
        if not (_have_carrier(pending, kernel.links()) or deadline.is_over()):
            events.wait(deadline.left_s())
            continue
        network = observe_network(kernel)
        missing = {link.name: links.differences(link, network) for link in pending}
        # All are looked at again: what configures one link can take from another.
        if not any(missing.values()):
            return
        if deadline.is_over():
            raise LinkNotConfigured(
                f"not configured within {deadline.passed_s():.0f} s",
                value="; ".join(
                    f"{name}: {', '.join(found)}" for name, found in missing.items() if found
                ),
                remedy=f"See networkctl status {' '.join(name for name, found in missing.items() if found)} "
                "and journalctl -u systemd-networkd.",
            )
        events.wait(deadline.left_s())


def _have_carrier(expected: Iterable[ExpectedLink], found: Iterable[Link]) -> bool:
    """Return whether all that are expected are there and have their carrier."""
    ready = {link.name for link in found if link.carrier}
    return all(link.name in ready for link in expected)
