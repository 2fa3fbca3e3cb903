"""What can be wrong with addresses that follow a pod: a stable code, what was found, what to do."""

from __future__ import annotations

from typing import ClassVar

from domain.errors import EniLifecycleError, Transient


class PodAddressError(EniLifecycleError):
    """A failure that is said in one line.

    Attributes:
        value: what was found, as a person would write it.
        remedy: what a person does about it.
    """

    code: ClassVar[str] = "pod-address-error"

    def __init__(self, message: str, *, value: str = "", remedy: str = "", **details: str) -> None:
        super().__init__(message, **details)
        self.value = value
        self.remedy = remedy


def line(error: EniLifecycleError) -> str:
    """Return code, message, value and remedy in one line."""
    value, remedy = getattr(error, "value", ""), getattr(error, "remedy", "")
    found = f" (found: {value})" if value else ""
    return " ".join(f"{error.code}: {error}{found}. {remedy}".split())


class ArgumentsInvalid(PodAddressError):
    """The command's arguments contradict each other, or the pod's links."""

    code = "arguments-invalid"


class LinkUnknown(PodAddressError):
    """A link that was named is not in the pod's network namespace, or no ENI of ours has its MAC address."""

    code = "link-unknown"


class LinkAmbiguous(PodAddressError):
    """Two ENIs of ours have the MAC address of one link."""

    code = "link-ambiguous"


class NothingToAssign(PodAddressError):
    """No link of the pod that belongs to an ENI of ours has an address."""

    code = "nothing-to-assign"


class AddressOutsideSubnet(PodAddressError):
    """EC2 assigns an ENI addresses of its own subnet only."""

    code = "address-outside-subnet"


class AddressForeign(PodAddressError):
    """The address is another network interface's that this stack does not own, or its primary one."""

    code = "address-foreign"


class AddressBetween(PodAddressError, Transient):
    """An IPv6 address was taken from one ENI and could be given to neither: it is on none now, and a next try finds it free."""

    code = "address-between"


class LinksUnreadable(PodAddressError):
    """The kernel does not tell the pod's links."""

    code = "links-unreadable"


class ReadyFileUnusable(PodAddressError):
    """The file that tells readiness can be neither made nor taken away."""

    code = "ready-file-unusable"


class CredentialsMissing(PodAddressError):
    """The pod has no role of its own."""

    code = "credentials-missing"


class CredentialsUnusable(PodAddressError):
    """Who gives the pod its credentials cannot be asked, or refuses."""

    code = "credentials-unusable"


class CredentialsLate(PodAddressError, Transient):
    """Who gives the pod its credentials does not answer yet."""

    code = "credentials-late"


class EndpointUnusable(PodAddressError):
    """An address of AWS's or of an agent's, or the certificates to trust there, cannot be used."""

    code = "endpoint-unusable"


class RegionUnknown(PodAddressError):
    """Neither the environment nor the metadata service tells the Region."""

    code = "region-unknown"
