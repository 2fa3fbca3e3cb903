"""The few calls to EC2 that addresses take: its query protocol, version 2016-11-15, with answers in XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime, timezone
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from domain import aws_codes, errors, tags
from domain.pods.following import Holder
from pod_addresses import signing
from pod_addresses.requests import target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from domain.errors import EniLifecycleError
    from domain.pods.following import Address, Network
    from pod_addresses.credentials import Sender
    from pod_addresses.signing import Credentials

VERSION = "2016-11-15"
ASSIGN_IPV6 = "AssignIpv6Addresses"
EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"}
)
"""After these the credentials are asked for anew."""

_OK, _SERVER_ERROR = 200, 500
_DENIED = (
    "Attach the stack's pod-address-policy to the role of the pod's service account, and look for a boundary or a service control"
    " policy that denies it. The ENI has to have the stack's owner tag."
)
_TOO_MANY = (
    "The instance type takes no more addresses on one ENI (EC2 User Guide, IP addresses per network interface): run fewer such pods on"
    " the node, or take a larger type."
)


class Grantor(Protocol):
    """Gives credentials: pod_addresses.credentials.PodCredentials."""

    def get(self) -> Credentials:
        """Return credentials that are good for some minutes."""
        ...

    def forget(self) -> None:
        """Ask anew the next time."""
        ...


class Ec2:
    """EC2 in one Region, as the pod's role.

    Every method raises EniLifecycleError: Throttled, AccessDenied, ServiceFault and the like, by domain.aws_codes.
    """

    def __init__(
        self,
        url: str,
        region: str,
        credentials: Grantor,
        requests: Sender,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        """Remember whom to ask; nothing is asked yet."""
        self._url = url
        self._region = region
        self._credentials = credentials
        self._requests = requests
        self._now = now

    def interfaces_of_links(self, macs: Sequence[str], owner: str) -> tuple[Holder, ...]:
        """Return the ENIs of a stack that have one of these MAC addresses."""
        return self._interfaces({"mac-address": macs, f"tag:{tags.OWNER}": (owner,)})

    def holders(self, subnet_id: str, addresses: Iterable[Address]) -> tuple[Holder, ...]:
        """Return the ENIs of a subnet that have one of these addresses, whose they may be: a call for each family."""
        listed = tuple(addresses)
        found: tuple[Holder, ...] = ()
        for version, name in (
            (4, "addresses.private-ip-address"),
            (6, "ipv6-addresses.ipv6-address"),
        ):
            wanted = tuple(str(each) for each in listed if each.version == version)
            if wanted:
                found += self._interfaces({"subnet-id": (subnet_id,), name: wanted})
        return found

    def interface(self, eni_id: str) -> Holder | None:
        """Return an ENI; None when there is none."""
        return next(iter(self._interfaces({"network-interface-id": (eni_id,)})), None)

    def networks(self, subnet_ids: Sequence[str]) -> Mapping[str, tuple[Network, ...]]:
        """Return the ranges of subnets by id."""
        answer = self._call("DescribeSubnets", _members("SubnetId", subnet_ids))
        return {
            _text(each, "subnetId"): tuple(_ranges(each)) for each in _items(answer, "subnetSet")
        }

    def assign_ipv4(self, eni_id: str, addresses: Sequence[Address], *, reassign: bool) -> None:
        """Give an ENI IPv4 addresses, all or none; `reassign` takes them from where they are."""
        allow = {"AllowReassignment": "true"} if reassign else {}
        self._call(
            "AssignPrivateIpAddresses", {**_on(eni_id, "PrivateIpAddress", addresses), **allow}
        )

    def unassign_ipv4(self, eni_id: str, addresses: Sequence[Address]) -> None:
        """Take IPv4 addresses from an ENI that has them."""
        self._call("UnassignPrivateIpAddresses", _on(eni_id, "PrivateIpAddress", addresses))

    def assign_ipv6(self, eni_id: str, addresses: Sequence[Address]) -> None:
        """Give an ENI IPv6 addresses that no ENI has, all or none."""
        self._call(ASSIGN_IPV6, _on(eni_id, "Ipv6Addresses", addresses))

    def unassign_ipv6(self, eni_id: str, addresses: Sequence[Address]) -> None:
        """Take IPv6 addresses from an ENI that has them."""
        self._call("UnassignIpv6Addresses", _on(eni_id, "Ipv6Addresses", addresses))

    def _interfaces(self, filters: Mapping[str, Sequence[str]]) -> tuple[Holder, ...]:
        parameters: dict[str, str] = {}
        for number, (name, values) in enumerate(filters.items(), start=1):
            parameters[f"Filter.{number}.Name"] = name
            parameters.update(_members(f"Filter.{number}.Value", values))
        answer = self._call("DescribeNetworkInterfaces", parameters)
        return tuple(_holder(each) for each in _items(answer, "networkInterfaceSet"))

    def _call(self, action: str, parameters: Mapping[str, str]) -> ET.Element:
        body = signing.form({"Action": action, "Version": VERSION, **parameters})
        parts = urlsplit(self._url)
        headers = signing.signed(
            body,
            host=parts.netloc,
            path=target(parts),
            service="ec2",
            region=self._region,
            credentials=self._credentials.get(),
            now=self._now(),
        )
        answer = self._requests.send("POST", self._url, headers, body)
        try:
            document = ET.fromstring(answer.body)  # noqa: S314 - EC2's own answer
        except ET.ParseError as cause:
            raise errors.ServiceFault(
                f"{action}: {answer.status}, and no XML", operation=action
            ) from cause
        if answer.status != _OK:
            raise self._refused(action, answer.status, document)
        return document

    def _refused(self, action: str, status: int, document: ET.Element) -> EniLifecycleError:
        code = _find(document, "Code") or str(status)
        if code in EXPIRED:
            self._credentials.forget()
        unknown = errors.ServiceFault if status >= _SERVER_ERROR else errors.InvariantBroken
        kind = aws_codes.meaning(code) or unknown
        error = kind(
            f"{action}: {code}: {_find(document, 'Message')}", operation=action, aws_code=code
        )
        remedies = {errors.AccessDenied: _DENIED, errors.QuotaReached: _TOO_MANY}
        if kind in remedies:
            error.remedy = remedies[kind]  # type: ignore[attr-defined]
        return error


def _members(name: str, values: Iterable[str]) -> dict[str, str]:
    return {f"{name}.{number}": value for number, value in enumerate(values, start=1)}


def _on(eni_id: str, name: str, addresses: Iterable[Address]) -> dict[str, str]:
    return {"NetworkInterfaceId": eni_id, **_members(name, map(str, addresses))}


def _items(parent: ET.Element, name: str) -> Iterator[ET.Element]:
    """Yield the items of a list; AWS's answers have a namespace, which `{*}` stands for (Python 3.8 and later)."""
    for listed in parent.findall(f"{{*}}{name}"):
        yield from listed.findall("{*}item")


def _find(parent: ET.Element, name: str) -> str:
    return next(
        (each.text or "" for each in parent.iter() if each.tag.rpartition("}")[2] == name), ""
    )


def _text(parent: ET.Element, name: str) -> str:
    return parent.findtext(f"{{*}}{name}") or ""


def _holder(item: ET.Element) -> Holder:
    ipv4 = [
        (_text(each, "privateIpAddress"), _text(each, "primary"))
        for each in _items(item, "privateIpAddressesSet")
    ]
    ipv6 = [
        (_text(each, "ipv6Address"), _text(each, "isPrimaryIpv6"))
        for each in _items(item, "ipv6AddressesSet")
    ]
    both = [(ip_address(text), primary == "true") for text, primary in (*ipv4, *ipv6)]
    tagged = {_text(each, "key"): _text(each, "value") for each in _items(item, "tagSet")}
    return Holder(
        eni_id=_text(item, "networkInterfaceId"),
        mac=_text(item, "macAddress").lower(),
        subnet_id=_text(item, "subnetId"),
        owner=tagged.get(tags.OWNER),
        addresses=frozenset(address for address, _ in both),
        primary=frozenset(address for address, primary in both if primary),
        interface=tagged.get(tags.INTERFACE),
    )


def _ranges(item: ET.Element) -> Iterator[Network]:
    if _text(item, "cidrBlock"):
        yield ip_network(_text(item, "cidrBlock"))
    for each in _items(item, "ipv6CidrBlockAssociationSet"):
        # A range that was taken away stays listed for a while.
        if each.findtext("{*}ipv6CidrBlockState/{*}state") == "associated":
            yield ip_network(_text(each, "ipv6CidrBlock"))
