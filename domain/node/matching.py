"""Which network interface of an instance is which promised one, from what the metadata service tells of it.

A node cannot read tags of network interfaces, so ownership is confirmed from what it can read. Names of links, their
order and their PCI slots say nothing: all three follow the order of attachment.

A network interface fits a promised one when
  1. it is not the primary one,
  2. it is on the promised network card,
  3. it is in one of the promised subnets, and has exactly the promised security groups, where the configuration names
     them by id,
  4. it is at the promised device index, where the configuration insists on that, and where the subnets are chosen by
     tag (nothing else would be left to tell it by), and
  5. it cannot be the VPC CNI's, which attaches network interfaces with the primary's subnet and security groups
     (amazon-vpc-cni-k8s, pkg/awsutils): its subnet is not the primary's, or its security groups are named by id and
     are not the primary's.

Whether one fits depends on itself, the promise and the primary alone: no other network interface can change it. Among
those that fit, in this order:
  a. What an earlier run found (a claim) stays, as long as card and subnet, and an index insisted on, still agree.
     Security groups of a running node may have been changed by a person.
  b. One at the very device index of the only promise for that index is that one: the launch function never gives an
     index that is promised to another interface (domain.launch).
  c. What is the same in every largest assignment is so. Promises that some largest assignment leaves out are missing:
     there are too few network interfaces to tell which ones are there.
  d. Equal promises for as many network interfaces: the launch function gives the next free indexes in the
     configuration's order, so the indexes rise in that order. Should an index be snatched away between two attempts,
     two of them swap names; they are in the same subnets, on the same card and have the same security groups.
  e. Anything else is ambiguous.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.node.errors import InterfaceAmbiguous

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.node.config import NodeGroup, NodeInterface
    from domain.node.model import Eni, Instance


@dataclass(frozen=True)
class Match:
    """What the instance has of what was promised."""

    found: Mapping[str, Eni]
    """By the interface's name in the configuration."""
    missing: tuple[NodeInterface, ...]
    foreign: tuple[Eni, ...]
    """Everybody else's, the VPC CNI's for instance, never to be touched. Neither these nor `found` hold the primary."""


def primary(instance: Instance) -> Eni | None:
    """Return the primary network interface; None while its attributes are not all there."""
    return next((eni for eni in instance.enis if eni.mac == instance.primary_mac), None)


def misfit(interface: NodeInterface, eni: Eni, own: Eni | None) -> str | None:
    """Return why a network interface cannot be the promised one; None if it can.

    Args:
        interface: the promise.
        eni: any network interface of the instance.
        own: the primary one; None while its attributes are not all there, and then nothing can be told from it.
    """
    if own is None:
        return "the primary network interface's attributes are not all there"
    return (
        _misplaced(interface, eni, own)
        or _other_groups(interface, eni)
        or _only_index(interface, eni)
        or _like_the_primary(interface, eni, own)
    )


def match(group: NodeGroup, instance: Instance, claims: Mapping[str, str]) -> Match:
    """Return which network interface is which promised one.

    Args:
        group: the promises.
        instance: what the metadata service shows.
        claims: from ENI id to interface name, as found by an earlier run on this instance.

    Raises:
        InterfaceAmbiguous: all of a promise's network interfaces are there, and more than one could be it.
    """
    own = primary(instance)
    if own is None:
        return Match({}, group.interfaces, ())
    others = [eni for eni in instance.enis if eni.mac != own.mac]
    found = _claimed(group, others, own, claims)
    fits = _fits(group.interfaces, others, own, found)
    found.update(_at_their_index(fits))
    fits = _fits(group.interfaces, others, own, found)
    found.update(_decided(group.interfaces, fits))
    taken = {eni.eni_id for eni in found.values()}
    return Match(
        found={i.name: found[i.name] for i in group.interfaces if i.name in found},
        missing=tuple(i for i in group.interfaces if i.name not in found),
        foreign=tuple(eni for eni in others if eni.eni_id not in taken),
    )


def _misplaced(interface: NodeInterface, eni: Eni, own: Eni) -> str | None:
    """Return what is wrong with where it is attached and which subnet it is in."""
    if eni.mac == own.mac or (eni.network_card_index, eni.device_index) == (0, 0):
        return "it is the primary one"
    if eni.network_card_index != interface.network_card_index:
        return f"it is on network card {eni.network_card_index}, not {interface.network_card_index}"
    if interface.subnet_ids and eni.subnet_id not in interface.subnet_ids:
        return f"it is in {eni.subnet_id}, not in {' or '.join(interface.subnet_ids)}"
    if interface.device_index_fixed and eni.device_index != interface.device_index:
        return f"it is at device index {eni.device_index}, and must be at {interface.device_index}"
    return None


def _other_groups(interface: NodeInterface, eni: Eni) -> str | None:
    wanted = interface.security_group_ids
    if not wanted or set(wanted) == set(eni.security_group_ids):
        return None
    return f"it has security groups {_listed(eni.security_group_ids)}, not {_listed(wanted)}"


def _only_index(interface: NodeInterface, eni: Eni) -> str | None:
    if interface.subnet_ids or eni.device_index == interface.device_index:
        return None
    return (
        f"it is at device index {eni.device_index}, not {interface.device_index}, and with subnets chosen by tag only"
        " the index tells it from others"
    )


def _like_the_primary(interface: NodeInterface, eni: Eni, own: Eni) -> str | None:
    groups = set(interface.security_group_ids)
    if eni.subnet_id != own.subnet_id or (groups and groups != set(own.security_group_ids)):
        return None
    return (
        f"it is in the primary's subnet {own.subnet_id} and not known by security groups of its own (by id), so nothing"
        " tells it from one of the VPC CNI's"
    )


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(sorted(ids)) or "none"


def _claimed(
    group: NodeGroup, others: list[Eni], own: Eni, claims: Mapping[str, str]
) -> dict[str, Eni]:
    """Return what is as an earlier run found it. Two claims to one interface are none."""
    found = {}
    for interface in group.interfaces:
        claimed = [
            eni
            for eni in others
            if claims.get(eni.eni_id) == interface.name and not _misplaced(interface, eni, own)
        ]
        if len(claimed) == 1:
            found[interface.name] = claimed[0]
    return found


def _fits(
    interfaces: Iterable[NodeInterface], others: list[Eni], own: Eni, found: Mapping[str, Eni]
) -> dict[NodeInterface, frozenset[Eni]]:
    """Return, for each promise without a network interface, those that fit and are nobody's yet."""
    taken = {eni.eni_id for eni in found.values()}
    free = [eni for eni in others if eni.eni_id not in taken]
    return {
        interface: frozenset(eni for eni in free if misfit(interface, eni, own) is None)
        for interface in interfaces
        if interface.name not in found
    }


def _at_their_index(fits: Mapping[NodeInterface, frozenset[Eni]]) -> dict[str, Eni]:
    """Return those at exactly the index that one promise, and no other, is for."""
    at_index: dict[Eni, list[NodeInterface]] = {}
    for interface, enis in fits.items():
        for eni in enis:
            if eni.device_index == interface.device_index:
                at_index.setdefault(eni, []).append(interface)
    return {promises[0].name: eni for eni, promises in at_index.items() if len(promises) == 1}


def _decided(
    interfaces: Iterable[NodeInterface], fits: Mapping[NodeInterface, frozenset[Eni]]
) -> dict[str, Eni]:
    """Return what every largest assignment agrees on, and equal promises by the order of their indexes."""
    size = _largest(fits)
    found = {}
    twins: dict[frozenset[Eni], list[NodeInterface]] = {}
    for interface in interfaces:
        enis = fits.get(interface, frozenset())
        if _largest({**fits, interface: frozenset()}) == size:
            continue
        needed = [e for e in enis if _largest({**fits, interface: enis - {e}}) < size]
        if needed:
            found[interface.name] = needed[0]
        else:
            twins.setdefault(enis, []).append(interface)
    for enis, promises in twins.items():
        if len(enis) != len(promises):
            raise _ambiguous(promises, enis)
        in_order = sorted(enis, key=lambda eni: eni.device_index)
        found.update({promise.name: eni for promise, eni in zip(promises, in_order)})
    return found


def _largest(fits: Mapping[NodeInterface, frozenset[Eni]]) -> int:
    """Return how many promises can have a network interface at once (Kuhn's augmenting paths)."""
    holder: dict[Eni, NodeInterface] = {}

    def placed(interface: NodeInterface, tried: set[Eni]) -> bool:
        for eni in fits[interface]:
            if eni in tried:
                continue
            tried.add(eni)
            if eni not in holder or placed(holder[eni], tried):
                holder[eni] = interface
                return True
        return False

    return sum(placed(interface, set()) for interface in fits)


def _ambiguous(promises: Iterable[NodeInterface], enis: Iterable[Eni]) -> InterfaceAmbiguous:
    names = " and ".join(promise.name for promise in promises)
    listed = ", ".join(
        f"{eni.eni_id} (network card {eni.network_card_index}, device index {eni.device_index}, {eni.subnet_id})"
        for eni in sorted(enis, key=lambda eni: (eni.device_index, eni.eni_id))
    )
    return InterfaceAmbiguous(
        f"more than one network interface could be {names}",
        value=listed,
        remedy="Give the interface security groups of its own, by id, or a fixed device_index; or detach what does not"
        " belong there.",
    )
